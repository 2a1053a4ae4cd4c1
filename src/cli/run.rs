//! `bylaws run`: judge once.

use std::collections::HashMap;

use clap::Args;
use serde_json::{Map, json};

use super::board;
use super::output::Out;
use super::{DatabaseArgs, Done, FINE, Fault, Format, PackArgs, findings, moment, now};
use crate::engine::judge::{Outcome, Verdict};
use crate::lang::pack::Pack;
use crate::store::Access;
use crate::tick::judge_once;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    pack: PackArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// The moment to judge, such as 2026-03-02 or "2026-03-02 09:00" [default: now]
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// How verdicts are written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Show the rules that are fine in full as well
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let (compiled, pack) = match options.pack.pack(out) {
        Ok(found) => found,
        Err(code) => return Ok(code),
    };
    let store = options.database.open(&compiled.settings, Access::Read)?;
    let clock = now();
    let as_of = match &options.as_of {
        Some(text) => moment(text, &compiled.settings.calendar)?,
        None => clock,
    };
    let verdicts = judge_once(&store, &pack, as_of, clock.max(as_of))?;
    match options.format {
        Format::Json => json(&pack, &verdicts, out)?,
        Format::Human => board::print(&pack, &verdicts, as_of, options.verbose, out)?,
    }
    Ok(if verdicts.iter().any(is_finding) { findings() } else { FINE })
}

/// What a person should look at: rules that sleep are none.
pub(super) fn is_finding(verdict: &Verdict) -> bool {
    verdict.outcome.is_finding() && !verdict.asleep
}

/// The lifecycle of a rule as a single judgement sees it: what fires has just begun to.
fn state(pack: &Pack, verdict: &Verdict) -> Option<&'static str> {
    if !matches!(verdict.kind, "trigger" | "rollback") {
        return None;
    }
    let held = || {
        let core = pack.with_lifecycle().find(|t| t.name == verdict.rule);
        core.is_some_and(|t| matches!(t.when.hold, Some(crate::lang::item::trigger::Hold::For(_))))
    };
    Some(match verdict.outcome {
        _ if verdict.asleep => "asleep",
        Outcome::Fires if held() => "pending",
        Outcome::Fires => "firing",
        Outcome::Unknown => "unknown",
        _ => "armed",
    })
}

/// Every verdict as one JSON object a line.
pub(super) fn json(pack: &Pack, verdicts: &[Verdict], out: &mut Out) -> Result<(), Fault> {
    for verdict in verdicts {
        out.line(json_line(verdict, state(pack, verdict)))?;
    }
    Ok(())
}

/// One verdict as one JSON object.
fn json_line(verdict: &Verdict, state: Option<&str>) -> String {
    let key: Map<String, serde_json::Value> =
        verdict.key.iter().map(|(name, part)| (name.clone(), json!(&**part))).collect();
    let mut line = Map::new();
    let mut put = |name: &str, value: serde_json::Value| {
        line.insert(name.to_owned(), value);
    };
    put("v", json!(1));
    put("rule", json!(&*verdict.rule));
    put("kind", json!(verdict.kind));
    put("key", serde_json::Value::Object(key));
    put("verdict", json!(verdict.outcome.word()));
    if let Some(state) = state {
        put("state", json!(state));
        if state == "firing" {
            put("iteration", json!(1));
        }
    }
    if let Some((value, ty)) = &verdict.value {
        put("value", json!(value.json()));
        put("unit", json!(ty.unit()));
    }
    if let Some(target) = &verdict.target {
        put("target", json!(target));
    }
    if let Some(age) = verdict.age {
        put("age_s", json!(age));
    }
    if let Some(severity) = &verdict.severity {
        put("severity", json!(&**severity));
    }
    if let Some(period) = &verdict.period {
        put("period", json!(period));
    }
    put("reason", json!(verdict.reason));
    put("reason_code", json!(verdict.code.word()));
    put("as_of", json!(verdict.as_of.to_string()));
    serde_json::Value::Object(line).to_string()
}

/// Verdicts of each rule, in the order of the rules.
pub(super) fn by_rule(verdicts: &[Verdict]) -> Vec<Vec<&Verdict>> {
    let mut place: HashMap<(&str, &str), usize> = HashMap::new();
    let mut groups: Vec<Vec<&Verdict>> = Vec::new();
    for verdict in verdicts {
        let slot = *place.entry((verdict.kind, &verdict.rule)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[slot].push(verdict);
    }
    groups
}
