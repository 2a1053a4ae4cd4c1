//! The language: text, names, units, items.

pub mod cascade;
pub mod check;
mod circle;
pub mod expr;
pub mod format;
pub mod item;
pub mod lint;
pub mod names;
pub mod pack;
pub mod parse;
pub mod print;
mod repair;
pub mod revision;
pub mod syntax;
pub mod uses;
pub mod waiver;
pub mod ways;
