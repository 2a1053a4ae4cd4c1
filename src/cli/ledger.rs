//! `bylaws ledger prune`.

use clap::{Args, Subcommand};

use super::output::Out;
use super::{Done, FINE, LedgerArgs, moment, now};
use crate::store::{Access, Store, ledger};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Take out the rows before a day; a checkpoint tells `verify` where the chain begins
    ///
    /// What was taken out is gone: keep a copy of the database where it must be kept. For example:
    /// bylaws ledger prune --before 2020-01-01
    Prune {
        /// The first day that stays
        #[arg(long, value_name = "DAY")]
        before: String,
        #[command(flatten)]
        ledger: LedgerArgs,
    },
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let Sub::Prune { before, ledger } = &options.command;
    let settings = ledger.settings();
    let before = moment(before, &settings.calendar)?;
    let mut store = match ledger.state.apart(&settings)? {
        Some(state) => Store::open(state, Access::Write)?,
        None => ledger.state.database.open(&settings, Access::Write)?,
    };
    // A chain that is broken must not be cut where it can still be seen.
    let audit = ledger::audit(&store, None)?;
    if let Some(fault) = audit.faults.first() {
        return Err(super::Fault::new(
            format!("the ledger is not whole, and nothing was taken out: {fault}"),
            "`bylaws verify` names every fault",
        ));
    }
    match ledger::prune(&mut store, before, now())? {
        Some(last) => {
            out.line(format!("rows up to {} are taken out; the chain begins with row {}", last.seq, last.seq + 1))?
        }
        None => out.line(format!("no row is older than {}", settings.calendar.show(before)))?,
    }
    Ok(FINE)
}
