//! `bylaws status`: where everything stands, as the last recorded tick left it.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::output::{BOLD, DIM, MAGENTA, Out, RED, YELLOW};
use super::{Done, FINE, Fault, Format, LedgerArgs, findings, now};
use crate::engine::memory::{Memory, State as Stands};
use crate::record::{LastSaid, Said, State, is_finding, is_loud};
use crate::store::memory;
use crate::time::Calendar;
use crate::value::{counted, listed};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// A rule for one of its keys.
type Slot = (String, Vec<String>);

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let settings = options.ledger.settings();
    let store = options.ledger.state.open(&settings)?;
    let state = memory::read(&store)?;
    if state.in_force.is_none() {
        return Err(Fault::new(
            format!("`{}` has recorded nothing yet", store.name()),
            "`bylaws run --record` makes the first tick",
        ));
    }
    let now = now();
    match options.format {
        Format::Json => as_json(&state, now, out)?,
        Format::Human => board(&state, now, &settings.calendar, out)?,
    }
    let loud = state.memory.values().any(is_loud) || state.said.values().any(|last| is_finding(&last.said));
    Ok(if loud { findings() } else { FINE })
}

/// When a rule was judged last.
fn last_tick(state: &State) -> Option<Timestamp> {
    state.rules.values().filter_map(|rule| rule.judged_at).max()
}

/// Unknown verdicts by what is at fault: a contract, else the reason in one word.
fn blind(state: &State) -> BTreeMap<String, Vec<(&Slot, &Said)>> {
    let mut causes: BTreeMap<String, Vec<(&Slot, &Said)>> = BTreeMap::new();
    for (slot, LastSaid { said, .. }) in &state.said {
        if said.verdict == "unknown" && !said.asleep {
            let cause = said.cause.clone().unwrap_or_else(|| said.reason_code.clone());
            causes.entry(cause).or_default().push((slot, said));
        }
    }
    causes
}

fn as_json(state: &State, now: Timestamp, out: &mut Out) -> Result<(), Fault> {
    if let Some(force) = &state.in_force {
        let line = json!({"v": 1, "what": "in_force", "contents": force.contents, "revision": force.revision,
            "since": force.since, "last_tick": last_tick(state)});
        out.line(line.to_string())?;
    }
    for ((rule, key), memory) in &state.memory {
        let waiting = memory.waiting();
        let roles: Vec<&str> = waiting.iter().flat_map(|w| w.roles.iter().chain(&w.above)).map(|r| &**r).collect();
        let line = json!({"v": 1, "what": "rule", "rule": rule, "key": key, "state": memory.word(now),
            "unknown": memory.unknown, "iteration": memory.firing().map(|f| f.iteration),
            "began": memory.firing().map(|f| f.began), "until": until(memory, now), "firings": memory.firings,
            "waits_for": roles, "deadline": waiting.and_then(|w| w.deadline), "outcome": memory.outcome});
        out.line(line.to_string())?;
    }
    for ((rule, key), LastSaid { said, seq }) in &state.said {
        let line = json!({"v": 1, "what": "verdict", "rule": rule, "key": key, "verdict": said.verdict,
            "reason": said.reason, "reason_code": said.reason_code, "cause": said.cause, "since": said.since,
            "period": said.period, "asleep": said.asleep, "settled": said.settled, "id": seq});
        out.line(line.to_string())?;
    }
    Ok(())
}

/// Until when a rule is silent.
fn until(memory: &Memory, now: Timestamp) -> Option<Timestamp> {
    if memory.is_snoozed(now) {
        return memory.snoozed;
    }
    match &memory.state {
        Stands::Cooling { until } => Some(*until),
        Stands::Resting { until, .. } => *until,
        Stands::Armed | Stands::Pending { .. } | Stands::Firing(_) => None,
    }
}

fn board(state: &State, now: Timestamp, calendar: &Calendar, out: &mut Out) -> Result<(), Fault> {
    if let Some(force) = &state.in_force {
        let short: String = force.revision.chars().take(12).collect();
        out.line(format!(
            "{} {}",
            out.paint(BOLD, "In force"),
            out.paint(DIM, format!("{short}, since {}", calendar.show(force.since)))
        ))?;
        out.line(format!("  {}", force.contents))?;
        if let Some(last) = last_tick(state) {
            out.line(format!("  last judged {}", calendar.show(last)))?;
        }
    }
    for (word, heading) in [
        ("firing", "Firing"),
        ("pending", "Pending"),
        ("cooling", "Cooling"),
        ("resting", "Resting"),
        ("snoozed", "Snoozed"),
    ] {
        let own: Vec<(&Slot, &Memory)> = state.memory.iter().filter(|(_, m)| m.word(now) == word).collect();
        if own.is_empty() {
            continue;
        }
        out.line("")?;
        out.line(out.paint(BOLD, heading))?;
        for (slot, memory) in own {
            let mark = match word {
                "firing" => out.paint(RED, "!"),
                "pending" => out.paint(YELLOW, "~"),
                _ => out.paint(DIM, "·"),
            };
            out.line(format!("  {mark} {}{}", name(state, slot), standing(memory, now, calendar)))?;
        }
    }
    waiting(state, calendar, out)?;
    let causes = blind(state);
    if !causes.is_empty() {
        out.line("")?;
        out.line(out.paint(BOLD, "Blind"))?;
        for (cause, all) in causes {
            let rules: BTreeSet<&str> = all.iter().map(|((rule, _), _)| rule.as_str()).collect();
            let rules: Vec<&str> = rules.into_iter().collect();
            let shown = listed(&rules[..rules.len().min(6)], "and");
            let more = if rules.len() > 6 { format!(" and {} more", rules.len() - 6) } else { String::new() };
            let keys = counted(all.len(), "verdict");
            let mark = out.paint(MAGENTA, "?");
            out.line(format!("  {mark} {} ({keys}): {shown}{more}", cause.replace('_', " ")))?;
            if let Some((_, said)) = all.first() {
                out.line(out.paint(DIM, format!("    {}", said.reason)))?;
            }
        }
    }
    let wrong: Vec<(&Slot, &Said)> = state
        .said
        .iter()
        .map(|(slot, last)| (slot, &last.said))
        .filter(|(_, said)| is_finding(said) && matches!(said.verdict.as_str(), "breached" | "violated"))
        .collect();
    if !wrong.is_empty() {
        out.line("")?;
        out.line(out.paint(BOLD, "Out of bounds"))?;
        for (slot, said) in wrong {
            let since = out.paint(DIM, format!(" (since {})", calendar.show(said.since)));
            let mark = out.paint(RED, "✗");
            out.line(format!("  {mark} {}: {}, {}{since}", name(state, slot), said.verdict, said.reason))?;
        }
    }
    let asleep: BTreeSet<&str> =
        state.memory.iter().filter(|(_, m)| m.asleep).map(|((rule, _), _)| rule.as_str()).collect();
    if !asleep.is_empty() {
        out.line("")?;
        out.line(out.paint(DIM, format!("asleep: {}", asleep.into_iter().collect::<Vec<_>>().join(", "))))?;
    }
    Ok(())
}

/// Who is waited for, and until when.
fn waiting(state: &State, calendar: &Calendar, out: &mut Out) -> Result<(), Fault> {
    let open: Vec<_> = state.memory.iter().filter_map(|(slot, m)| Some((slot, m.waiting()?))).collect();
    if open.is_empty() {
        return Ok(());
    }
    out.line("")?;
    out.line(out.paint(BOLD, "Waiting for"))?;
    for (slot, waiting) in open {
        let answered = |role: &str| waiting.answers.iter().any(|(r, _)| **r == *role);
        let roles: Vec<&str> =
            waiting.roles.iter().chain(&waiting.above).map(|r| &**r).filter(|role| !answered(role)).collect();
        let until = match (waiting.deadline, waiting.timed_out) {
            (Some(at), _) => format!("until {}", calendar.show(at)),
            (None, Some(at)) => format!("unanswered since {}; the question stays open", calendar.show(at)),
            (None, None) => "without a deadline".to_owned(),
        };
        let again = match waiting.escalations {
            0 => String::new(),
            1 => ", asked again once".to_owned(),
            n => format!(", asked again {n} times"),
        };
        out.line(format!("  {} about {}: {until}{again}", listed(&roles, "and"), name(state, slot)))?;
    }
    Ok(())
}

/// A rule and its key as people call them.
fn name(state: &State, slot: &Slot) -> String {
    let (rule, key) = slot;
    if key.is_empty() {
        return rule.clone();
    }
    let label = state.said.get(slot).map(|last| last.said.label.clone()).filter(|l| !l.is_empty());
    format!("{rule} for {}", label.unwrap_or_else(|| key.join(", ")))
}

fn standing(memory: &Memory, now: Timestamp, calendar: &Calendar) -> String {
    let since = |at: Timestamp| format!(" since {}", calendar.show(at));
    if let Some(until) = until(memory, now) {
        return format!(" until {}", calendar.show(until));
    }
    match &memory.state {
        Stands::Firing(firing) => {
            let tries = if firing.iteration > 1 { format!(", try {}", firing.iteration) } else { String::new() };
            let unknown = if memory.unknown { ", and cannot be told at present" } else { "" };
            let tired = if firing.exhausted { ", beyond its depth" } else { "" };
            format!("{}{tries}{tired}{unknown}", since(firing.began))
        }
        Stands::Pending { since: at } => since(*at),
        Stands::Resting { word, .. } => format!(" after it ended as {word}"),
        Stands::Armed | Stands::Cooling { .. } => String::new(),
    }
}
