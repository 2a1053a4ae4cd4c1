//! `bylaws run`: judge once, and write it down where that is asked for.

use std::collections::HashMap;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Map, json};

use super::board;
use super::output::Out;
use super::{Done, FINE, Fault, Format, PackArgs, StateArgs, findings, moment, now};
use crate::compile::Compiled;
use crate::engine::judge::{Outcome, Verdict};
use crate::lang::pack::Pack;
use crate::record::{self, Recording};
use crate::store::{Access, Store, migrate};
use crate::tick::judge_once;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    pack: PackArgs,
    #[command(flatten)]
    state: StateArgs,
    /// Write down what is remembered, verdicts that changed and decisions; makes the program's tables where needed
    #[arg(long)]
    record: bool,
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
    let clock = now();
    let as_of = match &options.as_of {
        Some(text) => moment(text, &compiled.settings.calendar)?,
        None => clock,
    };
    if options.record {
        return record(options, &compiled, &pack, (as_of, clock), out);
    }
    let store = options.state.database.open(&compiled.settings, Access::Read)?;
    let verdicts = judge_once(&store, &pack, as_of, clock.max(as_of))?;
    match options.format {
        Format::Json => json(&pack, &verdicts, out)?,
        Format::Human => board::print(&pack, &verdicts, as_of, options.verbose, out)?,
    }
    Ok(if verdicts.iter().any(is_finding) { findings() } else { FINE })
}

/// One real tick.
fn record(
    options: &Options,
    compiled: &Compiled,
    pack: &Pack,
    (as_of, clock): (Timestamp, Timestamp),
    out: &mut Out,
) -> Done {
    if as_of > clock {
        return Err(Fault::new(
            "a moment that has not come cannot be recorded",
            "leave `--record` out to see what would be said then",
        ));
    }
    let settings = &compiled.settings;
    let apart = options.state.apart(settings)?;
    let (portfolio, mut state) = match apart {
        Some(place) => {
            (Some(options.state.database.open(settings, Access::Read)?), Store::open(place, Access::Create)?)
        }
        None => (None, options.state.database.open(settings, Access::Write)?),
    };
    migrate::migrate(&mut state, &[], clock)?;
    let recording = Recording { pack, sources: &compiled.sources, as_of, clock };
    let done = record::record(&recording, portfolio.as_ref(), &mut state)?;
    match options.format {
        Format::Json => {
            for verdict in &done.verdicts {
                let key: Vec<String> = verdict.key.iter().map(|(_, part)| part.to_string()).collect();
                let memory = done.memory.get(&(verdict.rule.to_string(), key));
                let state = memory.map(|m| (m.word(as_of), m.firing().map(|f| f.iteration)));
                out.line(json_line(verdict, state))?;
            }
        }
        Format::Human => {
            board::print(pack, &done.verdicts, as_of, options.verbose, out)?;
            out.line("")?;
            out.line(match done.entries.last() {
                Some(last) => {
                    format!(
                        "recorded: {}; the ledger ends with row {} {}",
                        entries(done.entries.len()),
                        last.seq,
                        last.hash
                    )
                }
                None => "recorded: nothing new".to_owned(),
            })?;
        }
    }
    Ok(if done.verdicts.iter().any(is_finding) { findings() } else { FINE })
}

fn entries(n: usize) -> String {
    if n == 1 { "1 entry".to_owned() } else { format!("{n} entries") }
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
        let state = state(pack, verdict).map(|word| (word, (word == "firing").then_some(1)));
        out.line(json_line(verdict, state))?;
    }
    Ok(())
}

/// One verdict as one JSON object.
fn json_line(verdict: &Verdict, state: Option<(&str, Option<u32>)>) -> String {
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
    if let Some((state, iteration)) = state {
        put("state", json!(state));
        if let Some(iteration) = iteration {
            put("iteration", json!(iteration));
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
