//! Rules for a portfolio of ventures that a chairman can read, a compiler can trust and a daemon keeps.
//!
//! # The path
//!
//! A rule goes from text to verdict along arrows, each one function with its own input and output type:
//!
//! ```text
//!      files ──1 parse──▶ items ──2 resolve──▶ names ──3 check──▶ pack            lang, compile
//!                                                                   │
//!                                                               4 plan            plan        cannot fail
//!                                                                   ▼
//!   verdicts ◀──7 judge── readings ◀──6 read── SQL ◀──5 query──── scans           sql, store::read, engine::judge
//!      │
//!      └──8 decide──▶ intents ──9 deliver──▶ receipts                             engine::decide, engine::round
//!           ▲            │
//!        memory ◀──── record ────▶ ledger                                          record, engine::ledger
//! ```
//!
//! | arrow | from → to | function | fails by |
//! | --- | --- | --- | --- |
//! | 1 | text → items | [`lang::parse::parse`] | diagnostics |
//! | 2 | items → names | [`lang::names::resolve`] | diagnostics |
//! | 3 | items and names → pack | [`lang::check::check`] | diagnostics |
//! | 4 | pack → plan | [`plan::plan`] | cannot |
//! | 5 | scan → SQL | [`sql::Sql`] | cannot |
//! | 6 | SQL → readings | [`store::read::read`] | a reading that says why it is not known |
//! | 7 | readings → verdicts | [`engine::judge::Judge`] | cannot |
//! | 8 | verdicts and memory → intents | [`engine::decide::decide`] | cannot |
//! | – | one tick: memory, verdicts and intents in one transaction | [`record::Recorder::tick`] | the tick is made again |
//! | 9 | intents → receipts | carried out in a later version | – |
//!
//! [`compile::compile`] is arrows 1 to 3 on one screen, [`tick::Tick`] arrows 4 to 7. Who makes one tick after another
//! keeps what was read ([`keep::Kept`]): what the change log or the clock touched is read anew, and of each rule the
//! keys are judged that it concerns ([`engine::depend`]). [`engine::round::Round`] arrows 7
//! and 8 for all that is due: tests ([`scenario`]), the record, and through [`engine::course::Course`] plans
//! ([`tick::foresee`] and [`diff::diff`]) and backtests ([`backtest::backtest`]). [`replay::replay`] is arrow 8 again from
//! what the ledger holds, [`why::why`] takes one verdict apart, and [`doc::pages`] makes of a pack what people read.
//!
//! # What always holds
//!
//! - Everything that can be wrong with rules is found by arrow 3. After it a failure is about the world, and what the
//!   world withholds is *unknown*: a value with a reason, never an error that stops the run and never green.
//! - [`lang`], [`plan`], [`sql`] and [`engine`] ask nothing of the world: rows, params, memory and time are arguments.
//!   Only [`store`] knows a database, only [`cli`] prints and asks what time it is.
//! - A checked expression cannot hold an unresolved name: [`lang::expr::Expr`] has the stage as a parameter.
//! - Quantities are exact fractions ([`value::Number`]); rounding is for the eye alone.

pub mod backtest;
pub mod chance;
pub mod cli;
pub mod compile;
pub mod demo;
pub mod diagnostic;
pub mod diff;
pub mod digest;
pub mod doc;
pub mod engine;
pub mod keep;
pub mod lang;
pub mod page;
pub mod plan;
pub mod quality;
pub mod record;
pub mod replay;
pub mod scenario;
pub mod settings;
pub mod source;
pub mod sql;
pub mod store;
pub mod tick;
pub mod time;
pub mod tuning;
pub mod value;
pub mod why;
