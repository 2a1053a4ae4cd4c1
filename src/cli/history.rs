//! `bylaws history`: what the ledger tells, in lines that people read.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::output::{BOLD, DIM, Out};
use super::{Done, FINE, Format, LedgerArgs, findings, moment};
use crate::engine::ledger::Entry;
use crate::lang::print::spoken;
use crate::store::ledger::{self, Which};
use crate::time::Calendar;
use crate::value::listed;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// A rule by its name; `all` for every rule
    rule: String,
    /// The key, part by part; of a pair both and the kind
    key: Vec<String>,
    /// The last so many entries
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Entries of this moment or later, such as 2026-03-02
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// How entries are written; json has each one as it was hashed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    ledger: LedgerArgs,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let settings = options.ledger.settings();
    let store = options.ledger.state.open(&settings)?;
    let calendar = &settings.calendar;
    let which = Which {
        rule: (options.rule != "all").then_some(&options.rule),
        key: (!options.key.is_empty()).then_some(&options.key),
        since: options.since.as_ref().map(|text| moment(text, calendar)).transpose()?,
        limit: Some(options.limit),
    };
    let entries = ledger::entries(&store, &which)?;
    for entry in &entries {
        match options.format {
            Format::Json => out.line(as_json(entry).to_string())?,
            Format::Human => {
                let at: Option<Timestamp> = entry.at.parse().ok();
                let at = at.map_or_else(|| entry.at.clone(), |at| calendar.show(at));
                let number = out.paint(DIM, format!("#{}", entry.seq));
                let line = format!("{}{}", out.paint(BOLD, about(entry)), told(entry, calendar));
                out.line(format!("{at}  {number}  {}", line.trim_start()))?;
            }
        }
    }
    if entries.is_empty() {
        let whom = if options.key.is_empty() { String::new() } else { format!(" for {}", options.key.join(", ")) };
        out.error(&format!(
            "the ledger tells nothing of `{}`{whom}; `bylaws history all` shows every rule\n",
            options.rule
        ))?;
        return Ok(findings());
    }
    Ok(FINE)
}

/// An entry as one object, with its body as it was written.
pub(super) fn as_json(entry: &Entry) -> Value {
    json!({"v": 1, "id": entry.seq, "at": entry.at, "recorded_at": entry.recorded_at, "kind": entry.kind,
        "rule": entry.rule, "key": entry.key_parts(), "body": entry.parsed(), "previous": entry.previous,
        "hash": entry.hash})
}

/// Whom an entry is about.
fn about(entry: &Entry) -> String {
    let body = entry.parsed().unwrap_or_default();
    let label = body["said"]["label"].as_str().or(body["label"].as_str()).filter(|l| !l.is_empty());
    let key = entry.key_parts().join(", ");
    match (entry.rule.is_empty(), key.is_empty()) {
        (true, _) => String::new(),
        (false, true) => entry.rule.clone(),
        (false, false) => format!("{} for {}", entry.rule, label.unwrap_or(&key)),
    }
}

/// What an entry tells, after its rule and key.
pub(super) fn told(entry: &Entry, calendar: &Calendar) -> String {
    let body = entry.parsed().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match entry.kind.as_str() {
        "verdict" | "correction" => {
            let said = &body["said"];
            let before = body["before"].as_str().filter(|b| *b != said["verdict"]);
            let before = before.map(|b| format!(", was {b}")).unwrap_or_default();
            let period = said["period"].as_str().map(|p| format!(" ({p})")).unwrap_or_default();
            let asleep = if said["asleep"] == true { " (asleep)" } else { "" };
            let fixed = match (entry.kind.as_str(), said["settled"] == true) {
                ("correction", _) => "; a correction: the settled verdict stands",
                (_, true) => "; settled",
                _ => "",
            };
            format!(" {}{before}{asleep}: {}{period}{fixed}", text(&said["verdict"]), text(&said["reason"]))
        }
        "decision" => {
            let intents = body["intents"].as_array().cloned().unwrap_or_default();
            let words: Vec<String> = intents.iter().map(|i| intent(i, calendar)).collect();
            let fired = if body["fired_by_another"] == true { " (set off by another rule)" } else { "" };
            format!(" {}{fired}", words.join("; "))
        }
        "edit" => {
            let ended = body["firings_ended_as_gone"].as_array().map_or(0, Vec::len);
            let ended = match ended {
                0 => String::new(),
                1 => "; 1 firing ended as gone".to_owned(),
                n => format!("; {n} firings ended as gone"),
            };
            let named = body["formerly"].as_str().map(|old| format!(", formerly {old}")).unwrap_or_default();
            let fate = match body["fate"].as_str().unwrap_or_default() {
                "kept" => "was edited: what it remembers is kept",
                "reevaluated" => "was edited: what it remembers is kept, and it was judged at once",
                "reset" => "is of other rows than before: what it remembered is reset",
                "gone" => "is no more",
                _ => "has another name",
            };
            format!("{named} {fate}{ended}")
        }
        "rules" => format!(" other rules are in force: {}", text(&body["contents"])),
        "checkpoint" => format!(" rows up to {} were taken out", body["pruned_to"]),
        other => format!(" {other}"),
    }
}

/// One intent in words.
fn intent(intent: &Value, calendar: &Calendar) -> String {
    let roles = || {
        let all: Vec<&str> = intent["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        listed(&all, "and")
    };
    let until = || {
        let at: Option<Timestamp> = intent["deadline"].as_str().and_then(|at| at.parse().ok());
        at.map(|at| format!(" until {}", calendar.show(at))).unwrap_or_default()
    };
    let words = intent["words"].as_str().unwrap_or_default();
    match intent["what"].as_str().unwrap_or_default() {
        "fired" if intent["iteration"] == 1 => "fired".to_owned(),
        "fired" => format!("try {}", intent["iteration"]),
        "step" => words.to_owned(),
        "listed" => format!("listed for a person: {words}"),
        "tell" => format!("{words} that it is unknown"),
        "ask" => format!("{} asked{}", roles(), until()),
        "escalate" => format!("{} asked again as urgent{}", roles(), until()),
        "approved_by_rule" => format!("approved by rule: {words}"),
        "exhausted" => format!("beyond its depth: {} asked once more as urgent", roles()),
        "ended" => format!("ended as {}", intent["outcome"].as_str().unwrap_or_default()),
        "gone" => "ended as gone".to_owned(),
        other => spoken(other),
    }
}
