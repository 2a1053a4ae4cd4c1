//! `bylaws replay`: an entry computed again.

use clap::Args;
use serde_json::{Value, json};

use super::history::told;
use super::output::{DIM, GREEN, Out, RED};
use super::{Done, FINE, Fault, Format, LedgerArgs, findings};
use crate::replay::replay;
use crate::store::ledger;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The number of the entry, as `bylaws history` shows it
    #[arg(value_parser = number)]
    id: i64,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// `12`, or `#12` as it is shown.
fn number(text: &str) -> Result<i64, String> {
    text.trim_start_matches('#').parse().map_err(|_| "the number of an entry, such as 12".to_owned())
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let settings = options.ledger.settings();
    let store = options.ledger.state.open(&settings)?;
    let none = || {
        Fault::new(
            format!("the ledger has no row {}", options.id),
            "`bylaws history all` shows the rows with their numbers",
        )
    };
    let entry = ledger::entry(&store, options.id)?.ok_or_else(none)?;
    let revision = entry.parsed().and_then(|body| Some(body["revision"].as_str()?.to_owned())).unwrap_or_default();
    let words = ledger::revision(&store, &revision)?;
    let (house, rules) = words.unwrap_or_default();
    let cannot = |why: String| {
        Fault::new(format!("row {} cannot be computed again: {why}", entry.seq), "`bylaws history` shows what it says")
    };
    let done = replay(&entry, &house, &rules).map_err(cannot)?;
    let differences = differences(&done.stored, &done.computed);
    if options.format == Format::Json {
        let line =
            json!({"v": 1, "id": entry.seq, "same": done.is_same(), "how": done.how, "differences": differences});
        out.line(line.to_string())?;
        return Ok(if done.is_same() { FINE } else { findings() });
    }
    let calendar = &settings.calendar;
    out.line(out.paint(DIM, format!("#{} {}{}", entry.seq, entry.rule, told(&entry, calendar))))?;
    for how in &done.how {
        out.line(format!("  {how}"))?;
    }
    if done.is_same() {
        out.line(format!("{} the same, byte for byte", out.paint(GREEN, "✓")))?;
        return Ok(FINE);
    }
    out.line(format!("{} not the same", out.paint(RED, "✗")))?;
    for line in differences {
        out.line(format!("  {line}"))?;
    }
    Ok(findings())
}

/// The lines in which two bodies differ, each with its sign.
fn differences(stored: &str, computed: &str) -> Vec<String> {
    let lines = |text: &str| -> Vec<String> {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        serde_json::to_string_pretty(&value).unwrap_or_default().lines().map(str::to_owned).collect()
    };
    let (was, is) = (lines(stored), lines(computed));
    let head = was.iter().zip(&is).take_while(|(a, b)| a == b).count();
    let tail = was[head..].iter().rev().zip(is[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut told: Vec<String> = was[head..was.len() - tail].iter().map(|line| format!("- {line}")).collect();
    told.extend(is[head..is.len() - tail].iter().map(|line| format!("+ {line}")));
    if told.is_empty() && stored != computed {
        told.push(
            "the bytes differ, and not what they mean: the form of the stored body is not the canonical one".into(),
        );
    }
    told
}
