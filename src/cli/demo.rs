//! `bylaws demo`: rules at work, without anything to prepare.

use std::path::PathBuf;

use clap::Args;

use super::board;
use super::output::{DIM, Out};
use super::{Done, FINE, Fault, Format, moment};
use crate::compile::compile_text;
use crate::demo;
use crate::store::{Access, Store};
use crate::tick::judge_once;
use crate::time::Calendar;

/// The present of the demo, so that everybody sees the same board.
const PRESENT: &str = "2026-06-30T09:00:00Z";

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Keep the database in this file; it must not exist yet
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Let the portfolio live up to this moment instead
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// How verdicts are written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let compiled = compile_text(demo::RULES, Some(demo::SETTINGS));
    let Some(pack) = compiled.pack.clone() else {
        return super::check::refuse(&compiled, out, super::formats::Report::Human);
    };
    let calendar = Calendar::default();
    let as_of = moment(options.as_of.as_deref().unwrap_or(PRESENT), &calendar)?;
    let mut store = match &options.db {
        Some(path) if path.exists() => {
            return Err(Fault::new(
                format!("{} exists already", path.display()),
                "name a new file; the demo never writes into a database that is there",
            ));
        }
        Some(path) => Store::open(path, Access::Create)?,
        None => Store::in_memory()?,
    };
    if let Err(error) = demo::build(&mut store, &pack, as_of) {
        // What is half made is of no use to anybody.
        drop(store);
        if let Some(path) = &options.db {
            for ending in ["", "-wal", "-shm", "-journal"] {
                let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
            }
        }
        return Err(error.into());
    }
    let verdicts = judge_once(&store, &pack, as_of, as_of)?;
    if options.format == Format::Json {
        super::run::json(&pack, &verdicts, out)?;
        return Ok(FINE);
    }
    board::print(&pack, &verdicts, as_of, false, out)?;
    out.line("")?;
    let next: &[(&str, &str)] = match &options.db {
        Some(path) => &[
            (
                &format!("bylaws run rules --db {} --as-of {}", path.display(), as_of.strftime("%Y-%m-%d")),
                "judge it again",
            ),
            ("bylaws show PORTFOLIO-002 --arrows --sql rules", "see one rule from text to SQL"),
            ("bylaws init", "begin rules of your own"),
        ],
        None => &[
            ("bylaws demo --db demo.db", "keep this portfolio in a file to look into"),
            ("bylaws show PORTFOLIO-002 --arrows --sql rules", "see one rule from text to SQL"),
            ("bylaws init", "begin rules of your own"),
        ],
    };
    out.line(out.paint(DIM, "The ventures and numbers are made up. Where to look next:"))?;
    for (command, what) in next {
        out.line(format!("  {command}   {}", out.paint(DIM, what)))?;
    }
    Ok(FINE)
}
