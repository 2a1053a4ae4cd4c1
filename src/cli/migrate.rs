//! `bylaws migrate`.

use clap::Args;

use super::output::Out;
use super::{DatabaseArgs, Done, FINE, PackArgs, now};
use crate::settings::Settings;
use crate::store::{Access, Store, changes, migrate};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Create the tables of the shipped Stage-39 pack as well
    #[arg(long)]
    pack: bool,
    /// Keep a log of changes of every table that the rules name, so that their past is known
    #[arg(long)]
    change_log: bool,
    #[command(flatten)]
    rules: PackArgs,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    // What is wrong with the rules is told before anything is written.
    let rules = match options.change_log.then(|| options.rules.pack(out)).transpose() {
        Ok(rules) => rules,
        Err(code) => return Ok(code),
    };
    let settings = match &rules {
        Some((compiled, _)) => compiled.settings.clone(),
        None if options.database.db.is_some() => Settings::default(),
        None => options.rules.compile().settings,
    };
    let mut store: Store = options.database.open(&settings, Access::Create)?;
    let packs: &[&str] = if options.pack { &["stage39"] } else { &[] };
    let report = migrate::migrate(&mut store, packs, now())?;
    out.line(report.to_string())?;
    if let Some((_, pack)) = &rules {
        let tables: Vec<_> = pack.contracts.iter().filter(|c| c.is_table() && !c.kept).collect();
        let installed = changes::install_change_log(&mut store, &tables, now())?;
        for (table, began) in &installed.tables {
            out.line(format!("change log of {table} since {}", pack.settings.calendar.show(*began)))?;
        }
        for (table, why) in &installed.skipped {
            out.line(format!("no change log of {table}: {why}"))?;
        }
    }
    Ok(FINE)
}
