//! `bylaws migrate`.

use clap::Args;

use super::output::Out;
use super::{DatabaseArgs, Done, FINE, Fault, PackArgs, now};
use crate::lang::item::contract::Contract;
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
    let packs: &[&str] = if options.pack { &["stage39"] } else { &[] };
    for pack in packs {
        foreign(options, pack)?;
    }
    let mut store: Store = options.database.open(&settings, Access::Create)?;
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

/// Rules of another world would get tables that they do not read, or of another shape.
fn foreign(options: &Options, pack: &str) -> Result<(), Fault> {
    let Some(rules) = options.rules.compile().pack else { return Ok(()) };
    let tables = migrate::tables_of(pack)?;
    let known = |c: &&&Contract| tables.iter().any(|t| t.eq_ignore_ascii_case(&c.table));
    let own: Vec<&Contract> = rules.contracts.iter().filter(|c| c.is_table()).collect();
    if own.iter().filter(known).count() * 2 >= own.len() {
        return Ok(());
    }
    Err(Fault::new(
        format!("most of the tables that these rules read are none of the {pack} pack's"),
        "leave `--pack` out: the tables of other rules are made by the systems that fill them",
    ))
}
