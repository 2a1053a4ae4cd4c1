//! An entry of the ledger computed again from what it holds: the words of the rule as they were, the values it read, its
//! params, what was judged and what was remembered. Pure.
//!
//! A decision is decided again as a whole. Of a verdict the outcome is weighed again from the values that were read;
//! parts of a condition that ask after other rows are taken as they were judged, for those rows are not in the ledger.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::compile::compile_text;
use crate::engine::decide::{Judged, decide, fire};
use crate::engine::depend::Which;
use crate::engine::inputs::{Inputs, Read, Reweighed, reweigh, weigh_rule};
use crate::engine::ledger::{Entry, Kind, canonical};
use crate::engine::memory::Memory;
use crate::engine::round::Round;
use crate::lang::expr::ParamId;
use crate::lang::pack::Pack;
use crate::record::{About, Said, decision, verdict};
use crate::value::counted;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The body as it was written.
    pub stored: String,
    /// The body as it was computed.
    pub computed: String,
    /// What was computed and what was taken as it stands, each in a sentence.
    pub how: Vec<String>,
}

impl Replayed {
    /// Whether both are the same, byte for byte.
    pub fn is_same(&self) -> bool {
        self.stored == self.computed
    }
}

/// Computes an entry again, from the words of its revision. `Err` says why that cannot be done.
pub fn replay(entry: &Entry, house: &str, rules: &str) -> Result<Replayed, String> {
    let body = entry.parsed().ok_or("its body is no JSON")?;
    let compiled = compile_text(&[("rules.bylaw", rules)], Some(house));
    let pack = compiled.pack.ok_or_else(|| {
        let first = compiled.diagnostics.first().map(|d| d.message.clone()).unwrap_or_default();
        format!("this version of the program does not take the words of the rule any more: {first}")
    })?;
    let about = About {
        as_of: text(&body, "as_of")?,
        kind: text(&body, "kind")?,
        rule: text(&body, "rule")?,
        label: text(&body, "label")?,
        revision: text(&body, "revision")?,
        params: body["params"].clone(),
        inputs: Inputs { readings: of::<Vec<Read>>(&body, "readings")?, parts: of(&body, "parts")? },
    };
    let mut how = Vec::new();
    params(&pack, &about.params, &mut how);
    let computed = match entry.kind.as_str() {
        kind if kind == Kind::Decision.word() => decided(&pack, &about, &body, &mut how)?,
        kind if kind == Kind::Verdict.word() || kind == Kind::Correction.word() => {
            said(&pack, &about, &body, &mut how)?
        }
        kind => {
            return Err(format!(
                "an entry of the kind `{kind}` is a note of what happened, and nothing of it was computed"
            ));
        }
    };
    Ok(Replayed { stored: entry.body.clone(), computed: canonical(&computed), how })
}

fn text(body: &Json, name: &str) -> Result<String, String> {
    body[name].as_str().map(str::to_owned).ok_or_else(|| format!("its body has no `{name}`"))
}

fn of<T: DeserializeOwned>(body: &Json, name: &str) -> Result<T, String> {
    serde_json::from_value(body[name].clone()).map_err(|error| format!("`{name}` of its body does not read: {error}"))
}

/// The params that were kept beside the words are those that the words give.
fn params(pack: &Pack, kept: &Json, how: &mut Vec<String>) {
    let values: HashMap<&str, String> = pack.params.iter().map(|p| (&*p.name, p.value.exact())).collect();
    for (name, param) in kept.as_object().into_iter().flatten() {
        if values.get(name.as_str()).map(String::as_str) != param["value"].as_str() {
            how.push(format!(
                "the param `{name}` is kept as {}, and the words of the rule say otherwise",
                param["value"]
            ));
        }
    }
}

fn told(what: &str, again: &Reweighed) -> String {
    match (again.computed, again.taken) {
        (computed, 0) => {
            format!("{what} was weighed again: {} of values that were read", counted(computed, "comparison"))
        }
        (0, taken) => format!("{what} compares no plain values: {} taken as judged", counted(taken, "part")),
        (computed, taken) => format!(
            "{what} was weighed again: {} of values that were read, and {} that compare no plain values taken as judged",
            counted(computed, "comparison"),
            counted(taken, "part")
        ),
    }
}

fn decided(pack: &Pack, about: &About, body: &Json, how: &mut Vec<String>) -> Result<Json, String> {
    let rule = pack.item(&about.rule).and_then(|item| item.rule).ok_or("its words do not hold the rule")?;
    let core = pack.core(rule).ok_or("the rule has no lifecycle")?;
    let now: Timestamp = about.as_of.parse().map_err(|_| "its moment does not read")?;
    let param = |id: ParamId| pack.param(id).clone();
    let round = Round {
        pack,
        param: &param,
        now,
        replies: &[],
        attended: false,
        touched: &|_| Which::All,
        follows: &|_| true,
        trace: None,
    };
    let terms = round.terms(core).ok_or("a number of the rule has no value")?;
    let mut judged: Judged = of(body, "judged")?;
    let before: Option<Memory> = of(body, "before")?;
    let by_another: bool = of(body, "fired_by_another")?;
    if about.inputs.parts.is_empty() {
        how.push("its condition was taken as it was judged: nothing was read of this key".to_owned());
    } else {
        let again = reweigh(pack, &core.when, &about.inputs, &param);
        how.push(told("its condition", &again));
        judged.when = again.holds;
    }
    let memory = before.clone().unwrap_or_default();
    let calendar = &pack.settings.calendar;
    let decide = if by_another { fire } else { decide };
    let (after, intents) = decide(core, &terms, &memory, &judged, now, calendar);
    how.push("what is to be done and what it remembers were decided again from that".to_owned());
    Ok(decision(about, (pack, core), &judged, by_another, (before.as_ref(), &after), &intents))
}

fn said(pack: &Pack, about: &About, body: &Json, how: &mut Vec<String>) -> Result<Json, String> {
    let rule = pack.item(&about.rule).and_then(|item| item.rule).ok_or("its words do not hold the rule")?;
    let mut said: Said = of(body, "said")?;
    let before: Option<String> = of(body, "before")?;
    let param = |id: ParamId| pack.param(id).clone();
    let nothing_read = about.inputs.parts.is_empty() && about.inputs.readings.is_empty();
    match weigh_rule(pack, rule, &about.inputs, &param).filter(|_| !nothing_read) {
        Some((outcome, again)) => {
            how.push(told("the verdict", &again));
            outcome.word().clone_into(&mut said.verdict);
        }
        None => how.push(
            "the verdict was taken as it was recorded: it speaks of rows or of a key that is gone, and those are not in \
             the ledger"
                .to_owned(),
        ),
    }
    how.push("the words of its reason were taken as they were recorded".to_owned());
    Ok(verdict(about, &said, before.as_deref()))
}
