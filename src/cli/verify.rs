//! `bylaws verify`: the chain of the ledger is whole, or it says where not.

use clap::Args;
use serde_json::json;

use super::output::{GREEN, Out, RED};
use super::{Done, FINE, Format, LedgerArgs, findings};
use crate::store::ledger;
use crate::value::counted;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// A hash that an earlier `verify` printed, or the one of a row: it must still stand in the chain
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let store = options.ledger.state.open(&options.ledger.settings())?;
    let audit = ledger::audit(&store, options.head.as_deref())?;
    let whole = audit.faults.is_empty();
    if options.format == Format::Json {
        let line = json!({"v": 1, "whole": whole, "rows": audit.count, "first": audit.first, "last": audit.head.seq,
            "head": audit.head.hash, "faults": audit.faults});
        out.line(line.to_string())?;
        return Ok(if whole { FINE } else { findings() });
    }
    let rows = counted(audit.count, "row");
    let begins = match audit.first {
        Some(first) if first > 1 => format!(", from row {first} on; what came before was pruned"),
        _ => String::new(),
    };
    if whole {
        out.line(format!("{} the ledger is whole: {rows}{begins}", out.paint(GREEN, "✓")))?;
    } else {
        let faults = counted(audit.faults.len(), "fault");
        out.line(format!("{} the ledger is not whole: {rows}, {faults}", out.paint(RED, "✗")))?;
        for fault in &audit.faults {
            out.line(format!("  {fault}"))?;
        }
    }
    out.line(format!("head {} {}", audit.head.seq, audit.head.hash))?;
    if let Some(found) = audit.found.filter(|found| *found != audit.head.seq) {
        out.line(format!("the head that was asked for is row {found}, and the chain goes on from it"))?;
    }
    Ok(if whole { FINE } else { findings() })
}
