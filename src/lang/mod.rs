//! The language: text, names, units, items.

mod cascade;
pub mod check;
pub mod expr;
pub mod item;
pub mod names;
pub mod pack;
pub mod parse;
pub mod print;
mod repair;
pub mod syntax;
pub mod waiver;
