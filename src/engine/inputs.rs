//! What a verdict was made from: the values that a rule read for one key, and how each part of its conditions stood. It is
//! what the ledger keeps, and from it a condition is weighed again. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decide::Tri as Known;
use super::judge::{Judge, Outcome, Reading, Row};
use super::reading::{Readings, Tri};
use crate::lang::check::arithmetic_in;
use crate::lang::expr::{Anchor, Binding, Checked, Compare, Expr, ExprKind, Joint, ParamId};
use crate::lang::item::threshold::Threshold;
use crate::lang::item::trigger::{Condition, Hold};
use crate::lang::pack::{Pack, RuleRef};
use crate::lang::print;
use crate::plan::{Moment, MomentId, Plan, cadence_moment, hold_moments};
use crate::value::{Number, Type, Value};

/// A value that was read, or why there was none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// The name, as the rule writes it.
    pub reads: String,
    /// The moment it speaks of.
    pub at: String,
    /// The value, exactly; nothing where it is missing or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Why it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Why it is unknown, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// The date of the oldest row it was taken from, where their age is promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// A part of a condition and how it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The part, in the words of the language.
    pub part: String,
    /// The moment it speaks of.
    pub at: String,
    /// Whether it held.
    pub holds: Known,
}

/// Everything that was read of one rule for one key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// Values.
    pub readings: Vec<Read>,
    /// Parts of conditions.
    pub parts: Vec<Part>,
}

/// Collects what one rule reads.
pub struct Reader<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// The judge, for the values.
    pub judge: &'a Judge<'a>,
    /// The plan, for the moments.
    pub plan: &'a Plan,
    /// The readings, for the instants.
    pub readings: &'a Readings,
}

impl Reader<'_> {
    /// What a rule read for a key; nothing for contracts, whose verdict says itself which rows break them.
    pub fn inputs(&self, rule: RuleRef, row: Option<Row>) -> Inputs {
        let mut found = Inputs::default();
        let rows: Vec<Row> = row.into_iter().collect();
        match rule {
            RuleRef::Contract(_) => {}
            RuleRef::Gate(i) => {
                for line in self.pack.gates.get(i as usize).iter().flat_map(|g| &g.lines) {
                    self.expr(line, &[], MomentId::NOW, &mut found);
                }
            }
            RuleRef::Threshold(i) => {
                let Some(threshold) = self.pack.thresholds.get(i as usize) else { return found };
                let moment = self.plan.moment(&cadence_moment(threshold.cadence)).unwrap_or(MomentId::NOW);
                let metric = self.pack.metric(threshold.metric);
                let reading = self.judge.metric(threshold.metric, moment, row.map(Row::key));
                self.note(metric.name.to_string(), &metric.ty, reading, moment, &mut found);
                let bands = std::iter::once(&threshold.target).chain(&threshold.acceptable).map(|band| &band.limit);
                for e in threshold.while_.iter().chain(bands) {
                    self.expr(e, &rows, moment, &mut found);
                }
            }
            RuleRef::Trigger(_) | RuleRef::Rollback(_) => {
                let Some(core) = self.pack.core(rule) else { return found };
                for condition in std::iter::once(&core.when).chain(&core.clear) {
                    for moment in hold_moments(condition.hold.as_ref(), self.judge.due(core, &rows)) {
                        let moment = self.plan.moment(&moment).unwrap_or(MomentId::NOW);
                        self.expr(&condition.expr, &rows, moment, &mut found);
                    }
                }
                let ends = core.ends.iter().map(|end| &end.when);
                let steps = core.steps.iter().filter_map(|step| step.only.as_ref());
                for e in core.unless.iter().chain(ends).chain(steps) {
                    self.expr(e, &rows, MomentId::NOW, &mut found);
                }
            }
        }
        found
    }

    /// The instant of a moment, as it is kept.
    fn at(&self, moment: MomentId) -> String {
        match self.readings.instants.get(moment.0 as usize) {
            Some(Some(Ok(instant))) => instant.at.to_string(),
            _ => "unknown".to_owned(),
        }
    }

    fn expr(&self, e: &Expr<Checked>, rows: &[Row], moment: MomentId, found: &mut Inputs) {
        match &e.kind {
            ExprKind::Joint(_, all) => all.iter().for_each(|e| self.expr(e, rows, moment, found)),
            ExprKind::Not(e) => self.expr(e, rows, moment, found),
            // What people said is kept with the rule's memory.
            ExprKind::Answered(..) => {}
            _ => {
                outermost(e, &mut |name| {
                    if !matches!(name.kind, ExprKind::Name(Binding::Param(_) | Binding::Now)) {
                        let reading = self.judge.value(name, rows, moment);
                        self.note(print::expr(self.pack, name), &name.ty, reading, moment, found);
                    }
                });
                if e.ty == Type::Condition || e.ty == Type::Truth {
                    let holds = match self.judge.condition(e, rows, moment) {
                        Tri::Yes => Known::Yes,
                        Tri::No => Known::No,
                        Tri::Unknown(_) => Known::Unknown,
                    };
                    let part = Part { part: print::expr(self.pack, e), at: self.at(moment), holds };
                    if !found.parts.contains(&part) {
                        found.parts.push(part);
                    }
                }
            }
        }
    }

    fn note(&self, reads: String, ty: &Type, reading: Reading, moment: MomentId, found: &mut Inputs) {
        let at = self.at(moment);
        if found.readings.iter().any(|r| r.reads == reads && r.at == at) {
            return;
        }
        let (value, why) = match reading.value {
            Ok(value) => (value, None),
            Err(why) => (None, Some(why)),
        };
        found.readings.push(Read {
            reads,
            at,
            unit: value.is_some().then(|| ty.unit().to_owned()),
            value: value.map(|v| v.exact()),
            unknown: why.as_ref().map(|w| w.text.clone()),
            reason_code: why.map(|w| w.reason.word().to_owned()),
            since: reading.since,
        });
    }
}

/// The names that an expression reads of its own row: not those of rows it only asks after.
fn outermost<'e>(e: &'e Expr<Checked>, visit: &mut dyn FnMut(&'e Expr<Checked>)) {
    match &e.kind {
        ExprKind::Name(_) => visit(e),
        ExprKind::Literal(_) | ExprKind::Holds(_) | ExprKind::Answered(..) | ExprKind::Exists(_) => {}
        ExprKind::Not(e) | ExprKind::Presence(_, _, e) => outermost(e, visit),
        ExprKind::Joint(_, all) => all.iter().for_each(|e| outermost(e, visit)),
        ExprKind::Compare(_, a, b) | ExprKind::Arith(_, a, b) => {
            outermost(a, visit);
            outermost(b, visit);
        }
        ExprKind::OneOf(_, e, all) => {
            outermost(e, visit);
            all.iter().for_each(|e| outermost(e, visit));
        }
        ExprKind::Between(e, a, b) => [e, a, b].into_iter().for_each(|e| outermost(e, visit)),
        ExprKind::Distance(d) => {
            outermost(&d.value, visit);
            outermost(&d.span, visit);
            if let Anchor::Before(e) | Anchor::After(e) = &d.anchor {
                outermost(e, visit);
            }
        }
    }
}

// ── weighed again ──

/// A condition weighed again from what was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reweighed {
    /// Whether it holds.
    pub holds: Known,
    /// Parts that were computed from values.
    pub computed: u32,
    /// Parts for which only the kept truth could be taken, because they ask after rows.
    pub taken: u32,
}

/// Weighs the condition of a rule again, from the values that were kept for one key.
pub fn reweigh(pack: &Pack, condition: &Condition, kept: &Inputs, param: &dyn Fn(ParamId) -> Value) -> Reweighed {
    let mut weigh = Weigh { pack, kept, param, computed: 0, taken: 0 };
    // Every moment at which the condition was judged left its parts, the latest first.
    let mut moments: Vec<&str> = Vec::new();
    let mut own: Vec<String> = Vec::new();
    parts_of(pack, &condition.expr, &mut own);
    for part in kept.parts.iter().filter(|p| own.contains(&p.part)) {
        if !moments.contains(&part.at.as_str()) {
            moments.push(&part.at);
        }
    }
    let wanted = hold_moments(condition.hold.as_ref(), Moment::Now).len();
    moments.truncate(wanted.max(1));
    let each: Vec<Known> = moments.iter().map(|at| weigh.condition(&condition.expr, at)).collect();
    let holds = match &condition.hold {
        Some(Hold::OfTheLast(needed, total, _)) => {
            let count = |what: Known| each.iter().filter(|t| **t == what).count() as u32;
            if count(Known::Yes) >= *needed {
                Known::Yes
            } else if count(Known::No) > total - needed {
                Known::No
            } else {
                Known::Unknown
            }
        }
        _ if each.is_empty() => Known::Unknown,
        _ => all(&each),
    };
    Reweighed { holds, computed: weigh.computed, taken: weigh.taken }
}

/// The verdict of a rule weighed again; nothing of a contract, which speaks of rows.
pub fn weigh_rule(
    pack: &Pack,
    rule: RuleRef,
    kept: &Inputs,
    param: &dyn Fn(ParamId) -> Value,
) -> Option<(Outcome, Reweighed)> {
    let mut weigh = Weigh { pack, kept, param, computed: 0, taken: 0 };
    let at = kept.parts.iter().map(|p| &p.at).chain(kept.readings.iter().map(|r| &r.at)).next()?.clone();
    let outcome = match rule {
        RuleRef::Contract(_) => return None,
        RuleRef::Gate(i) => {
            let lines = pack.gates.get(i as usize)?.lines.iter();
            match all(&lines.map(|line| weigh.condition(line, &at)).collect::<Vec<_>>()) {
                Known::Yes => Outcome::Open,
                Known::No => Outcome::Closed,
                Known::Unknown => Outcome::Unknown,
            }
        }
        RuleRef::Threshold(i) => weigh.threshold(pack.thresholds.get(i as usize)?, &at),
        RuleRef::Trigger(_) | RuleRef::Rollback(_) => {
            let core = pack.core(rule)?;
            let when = reweigh(pack, &core.when, kept, param);
            (weigh.computed, weigh.taken) = (when.computed, when.taken);
            // `unless` is judged at the present moment, whatever the condition speaks of.
            let unless = core.unless.as_ref().map(|unless| {
                let mut own = Vec::new();
                parts_of(pack, unless, &mut own);
                let at = kept.parts.iter().find(|p| own.contains(&p.part)).map_or(at.as_str(), |p| p.at.as_str());
                weigh.condition(unless, at)
            });
            let allowed = match unless {
                None | Some(Known::No) => Known::Yes,
                Some(Known::Yes) => Known::No,
                Some(Known::Unknown) => Known::Unknown,
            };
            match all(&[when.holds, allowed]) {
                Known::Yes => Outcome::Fires,
                Known::No => Outcome::Clear,
                Known::Unknown => Outcome::Unknown,
            }
        }
    };
    let holds = if outcome == Outcome::Unknown { Known::Unknown } else { Known::Yes };
    Some((outcome, Reweighed { holds, computed: weigh.computed, taken: weigh.taken }))
}

/// Kleene's `and`.
fn all(each: &[Known]) -> Known {
    if each.contains(&Known::No) {
        Known::No
    } else if each.contains(&Known::Unknown) {
        Known::Unknown
    } else {
        Known::Yes
    }
}

/// The parts of a condition, in the words under which they are kept.
fn parts_of(pack: &Pack, e: &Expr<Checked>, parts: &mut Vec<String>) {
    match &e.kind {
        ExprKind::Joint(_, all) => all.iter().for_each(|e| parts_of(pack, e, parts)),
        ExprKind::Not(e) => parts_of(pack, e, parts),
        _ => parts.push(print::expr(pack, e)),
    }
}

struct Weigh<'a> {
    pack: &'a Pack,
    kept: &'a Inputs,
    param: &'a dyn Fn(ParamId) -> Value,
    computed: u32,
    taken: u32,
}

impl Weigh<'_> {
    fn condition(&mut self, e: &Expr<Checked>, at: &str) -> Known {
        match &e.kind {
            ExprKind::Joint(joint, all) => {
                let each: Vec<Known> = all.iter().map(|e| self.condition(e, at)).collect();
                let (first, otherwise) = match joint {
                    Joint::And => (Known::No, Known::Yes),
                    Joint::Or => (Known::Yes, Known::No),
                };
                if each.contains(&first) {
                    first
                } else if each.contains(&Known::Unknown) {
                    Known::Unknown
                } else {
                    otherwise
                }
            }
            ExprKind::Not(e) => match self.condition(e, at) {
                Known::Yes => Known::No,
                Known::No => Known::Yes,
                Known::Unknown => Known::Unknown,
            },
            ExprKind::Compare(compare, a, b) => {
                let computed = self.value(a, at).zip(self.value(b, at)).and_then(|(a, b)| weighed(*compare, &a, &b));
                self.told(e, at, computed)
            }
            ExprKind::Between(x, low, high) => {
                let values = self.value(x, at).zip(self.value(low, at)).zip(self.value(high, at));
                let computed = values.and_then(|((x, low), high)| {
                    let above = weighed(Compare::AtLeast, &x, &low)?;
                    let below = weighed(Compare::AtMost, &x, &high)?;
                    Some(if above == Known::Yes && below == Known::Yes { Known::Yes } else { Known::No })
                });
                self.told(e, at, computed)
            }
            _ => self.told(e, at, None),
        }
    }

    fn threshold(&mut self, threshold: &Threshold, at: &str) -> Outcome {
        match threshold.while_.as_ref().map(|e| self.condition(e, at)) {
            None | Some(Known::Yes) => {}
            Some(Known::No) => return Outcome::Off,
            Some(Known::Unknown) => return Outcome::Unknown,
        }
        let metric = self.pack.metric(threshold.metric);
        let kept = self.kept.readings.iter().find(|r| r.at == at && *r.reads == *metric.name);
        let Some(value) = kept.and_then(|r| kept_value(r.value.as_ref()?, &metric.ty)) else { return Outcome::Unknown };
        let bands = std::iter::once((&threshold.target, Outcome::Met))
            .chain(threshold.acceptable.iter().map(|band| (band, Outcome::Acceptable)));
        for (band, outcome) in bands {
            let Some(limit) = self.value(&band.limit, at) else { return Outcome::Unknown };
            self.computed += 1;
            if value.compare(&limit).is_some_and(|order| band.compare.holds(order)) {
                return outcome;
            }
        }
        Outcome::Breached
    }

    /// What was computed, else what was kept of this part.
    fn told(&mut self, e: &Expr<Checked>, at: &str, computed: Option<Known>) -> Known {
        if let Some(known) = computed {
            self.computed += 1;
            return known;
        }
        self.taken += 1;
        let words = print::expr(self.pack, e);
        self.kept.parts.iter().find(|p| p.at == at && p.part == words).map_or(Known::Unknown, |p| p.holds)
    }

    fn value(&self, e: &Expr<Checked>, at: &str) -> Option<Value> {
        match &e.kind {
            ExprKind::Literal(value) => Some(value.clone()),
            ExprKind::Name(Binding::Param(id)) => Some((self.param)(*id)),
            ExprKind::Name(_) => {
                let words = print::expr(self.pack, e);
                let kept = self.kept.readings.iter().find(|r| r.at == at && r.reads == words)?;
                kept_value(kept.value.as_ref()?, &e.ty)
            }
            ExprKind::Arith(op, a, b) => {
                let (x, y) = (self.value(a, at)?, self.value(b, at)?);
                arithmetic_in(&self.pack.settings.calendar, *op, &x, &a.ty, &y, &b.ty).ok()
            }
            _ => None,
        }
    }
}

fn weighed(compare: Compare, a: &Value, b: &Value) -> Option<Known> {
    // A day and a moment meet in a time zone, which only the judge knows how to ask.
    if std::mem::discriminant(a) != std::mem::discriminant(b) {
        return None;
    }
    a.compare(b).map(|order| if compare.holds(order) { Known::Yes } else { Known::No })
}

/// A value as it was kept.
fn kept_value(text: &str, ty: &Type) -> Option<Value> {
    match ty {
        ty if ty.is_quantity() => super::judge::stored_value(text, ty),
        Type::Date | Type::Moment | Type::Truth | Type::Text | Type::Id(_) | Type::Words(_) => {
            super::judge::stored_value(text, ty)
        }
        Type::MoneyBy(_) => Number::parse(text).map(Value::Number),
        _ => None,
    }
}
