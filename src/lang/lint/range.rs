//! What params could make of a rule: over their whole ranges no rule may become impossible or always true, no
//! warning may pass its alarm, and no rule may clear while it holds.
//!
//! Each value is an interval: a literal is a point, a column lies in its limits, a param has one value at a time, and
//! metrics follow from what they are made of. The params of a rule are moved to the ends of their ranges, one and
//! then two at a time, wherever every `require` allows it. What is reported can happen; not everything that can
//! happen is found, since conditions on rows are only seen as far as their columns say.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::interval::{Interval, Truth};
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::check::params_hold;
use crate::lang::expr::{Binding, Checked, Compare, Expr, ExprKind, Joint, MetricId, ParamId, Relation};
use crate::lang::item::metric::{Aggregate, Definition, Fold, Shift};
use crate::lang::item::threshold::{Band, Threshold};
use crate::lang::item::trigger::Trigger;
use crate::lang::pack::Pack;
use crate::lang::print;
use crate::source::Span;
use crate::value::{Number, Type, Value};

/// With more params than this only one is moved at a time.
const MOST_IN_PAIRS: usize = 12;

/// What a value can be.
#[derive(Debug, Clone, PartialEq)]
enum Can {
    Number(Interval),
    Words(BTreeSet<Arc<str>>),
    Anything,
}

/// Params that stand elsewhere than where they are in force.
type Moved = Vec<(ParamId, Value)>;

struct Reasoner<'a> {
    pack: &'a Pack,
    moved: &'a [(ParamId, Value)],
    metrics: std::cell::RefCell<HashMap<MetricId, Can>>,
}

impl<'a> Reasoner<'a> {
    fn new(pack: &'a Pack, moved: &'a [(ParamId, Value)]) -> Reasoner<'a> {
        Reasoner { pack, moved, metrics: Default::default() }
    }

    fn param(&self, id: ParamId) -> Value {
        self.moved.iter().find(|(p, _)| *p == id).map_or_else(|| self.pack.param(id).clone(), |(_, v)| v.clone())
    }

    fn number(&self, e: &Expr<Checked>) -> Interval {
        match self.value(e) {
            Can::Number(interval) => interval,
            _ => Interval::ALL,
        }
    }

    fn known(value: &Value, ty: &Type) -> Can {
        match (value, ty) {
            (Value::Number(n), _) => Can::Number(Interval::point(*n)),
            (Value::Text(word), _) => Can::Words(BTreeSet::from([word.clone()])),
            _ => Can::Anything,
        }
    }

    fn value(&self, e: &Expr<Checked>) -> Can {
        match &e.kind {
            ExprKind::Literal(value) => Self::known(value, &e.ty),
            ExprKind::Name(Binding::Param(id)) => Self::known(&self.param(*id), &e.ty),
            ExprKind::Name(Binding::Column { of: Relation::Contract(id), column, .. }) => {
                let column = &self.pack.contract(*id).columns[*column as usize];
                match &column.ty {
                    Type::Words(words) => Can::Words(words.iter().cloned().collect()),
                    ty if ty.is_quantity() => {
                        let low = column.low.as_ref().and_then(|e| self.number(e).low);
                        let high = column.high.as_ref().and_then(|e| self.number(e).high);
                        Can::Number(Interval { low, high })
                    }
                    _ => Can::Anything,
                }
            }
            ExprKind::Name(Binding::Metric { metric, .. } | Binding::IntroducedMetric(metric)) => self.metric(*metric),
            ExprKind::Arith(op, a, b) if e.ty.is_quantity() && a.ty.is_quantity() && b.ty.is_quantity() => {
                Can::Number(Interval::arith(*op, &self.number(a), &a.ty, &self.number(b), &b.ty))
            }
            _ => Can::Anything,
        }
    }

    fn metric(&self, id: MetricId) -> Can {
        if let Some(known) = self.metrics.borrow().get(&id) {
            return known.clone();
        }
        let metric = self.pack.metric(id);
        let own = match &metric.definition {
            Definition::Aggregate(aggregate) => self.aggregate(aggregate),
            Definition::Formula(e) => self.value(e),
            Definition::Cases(cases) => self.cases(cases),
            Definition::At(Binding::Metric { metric, .. }, _) => self.metric(*metric),
            Definition::Shift(shift, Binding::Metric { metric, .. }, _) => {
                let of = match self.metric(*metric) {
                    Can::Number(interval) => interval,
                    _ => Interval::ALL,
                };
                let hundred = |n: i128| Some(Number::whole(n));
                // A change has a base above zero; what is never negative then loses a hundred percent at most.
                let positive = of.low.is_some_and(|low| !low.at.is_negative());
                Can::Number(match shift {
                    Shift::Change if positive => Interval::from(hundred(-100), None),
                    Shift::Drop if positive => Interval::from(None, hundred(100)),
                    Shift::Difference => Interval::arith(
                        crate::lang::expr::Arith::Sub,
                        &of,
                        &self.pack.metric(*metric).ty,
                        &of,
                        &self.pack.metric(*metric).ty,
                    ),
                    _ => Interval::ALL,
                })
            }
            _ => Can::Anything,
        };
        let own = match (own, &metric.clamped) {
            (Can::Number(interval), Some((low, high))) => {
                let clamp = Interval { low: self.number(low).low, high: self.number(high).high };
                let kept = interval.meet(&clamp);
                Can::Number(if kept.is_empty() { clamp } else { kept })
            }
            (Can::Anything, Some((low, high))) if metric.ty.is_quantity() => {
                Can::Number(Interval { low: self.number(low).low, high: self.number(high).high })
            }
            (own, _) => own,
        };
        self.metrics.borrow_mut().insert(id, own.clone());
        own
    }

    fn cases(&self, cases: &[(Expr<Checked>, Option<Expr<Checked>>)]) -> Can {
        let mut all: Option<Can> = None;
        for (value, when) in cases {
            let holds = when.as_ref().map_or(Truth::Always, |w| self.condition(w));
            if holds == Truth::Never {
                continue;
            }
            let value = self.value(value);
            all = Some(match (all, value) {
                (None, value) => value,
                (Some(Can::Number(a)), Can::Number(b)) => Can::Number(a.join(&b)),
                (Some(Can::Words(mut a)), Can::Words(b)) => {
                    a.extend(b);
                    Can::Words(a)
                }
                _ => Can::Anything,
            });
            if holds == Truth::Always {
                break;
            }
        }
        all.unwrap_or(Can::Anything)
    }

    fn aggregate(&self, a: &Aggregate<Checked>) -> Can {
        let none = a.filter.as_ref().is_some_and(|f| self.condition(f) == Truth::Never);
        let every = a.filter.as_ref().is_none_or(|f| self.condition(f) == Truth::Always);
        let of = a.of.as_ref().map_or(Can::Anything, |e| self.value(e));
        let zero = Number::ZERO;
        Can::Number(match (a.fold, of) {
            (Fold::Count | Fold::CountDistinct | Fold::Share | Fold::Sum, _) if none => Interval::point(zero),
            (Fold::Count | Fold::CountDistinct, _) => Interval::from(Some(zero), None),
            (Fold::Share, _) if every => Interval::point(Number::whole(100)),
            (Fold::Share, _) => Interval::from(Some(zero), Some(Number::whole(100))),
            (Fold::Sum, Can::Number(of)) => {
                let never = |end: Option<super::interval::Bound>, wrong: fn(&Number) -> bool| {
                    end.is_some_and(|b| !wrong(&b.at)).then_some(zero)
                };
                Interval::from(never(of.low, |n| n.is_negative()), never(of.high, |n| !n.is_negative() && !n.is_zero()))
            }
            (Fold::Sum, _) => Interval::ALL,
            (_, can) => return can,
        })
    }

    // ── conditions ──

    fn condition(&self, e: &Expr<Checked>) -> Truth {
        match &e.kind {
            ExprKind::Not(e) => self.condition(e).negate(),
            ExprKind::Joint(Joint::And, all) => self.every(&all.iter().map(|e| (e, true)).collect::<Vec<_>>()),
            // One of them holds unless none does.
            ExprKind::Joint(Joint::Or, all) => self.every(&all.iter().map(|e| (e, false)).collect::<Vec<_>>()).negate(),
            ExprKind::Compare(compare, a, b) => self.compare(*compare, a, b),
            ExprKind::OneOf(negated, e, all) => {
                let any = all.iter().map(|b| self.compare(Compare::Is, e, b));
                let mut truth = Truth::Never;
                for one in any {
                    match one {
                        Truth::Always => truth = Truth::Always,
                        Truth::Maybe if truth == Truth::Never => truth = Truth::Maybe,
                        _ => {}
                    }
                }
                // All that it can be stands in the list.
                if let (Truth::Maybe, Can::Words(can)) = (truth, self.value(e)) {
                    let listed: BTreeSet<Arc<str>> = all
                        .iter()
                        .filter_map(|b| match self.value(b) {
                            Can::Words(words) if words.len() == 1 => words.into_iter().next(),
                            _ => None,
                        })
                        .collect();
                    if can.is_subset(&listed) {
                        truth = Truth::Always;
                    }
                }
                if *negated { truth.negate() } else { truth }
            }
            ExprKind::Between(e, low, high) => {
                let (a, b) = (self.compare(Compare::AtLeast, e, low), self.compare(Compare::AtMost, e, high));
                let range = Interval { low: self.number(low).low, high: self.number(high).high };
                match (a, b) {
                    (Truth::Always, Truth::Always) => Truth::Always,
                    (Truth::Never, _) | (_, Truth::Never) => Truth::Never,
                    _ if range.is_empty() => Truth::Never,
                    _ => Truth::Maybe,
                }
            }
            ExprKind::Exists(x) => {
                let never = x.filter.as_ref().is_some_and(|f| self.condition(f) == Truth::Never);
                match (never, x.none) {
                    (true, true) => Truth::Always,
                    (true, false) => Truth::Never,
                    (false, _) => Truth::Maybe,
                }
            }
            _ => Truth::Maybe,
        }
    }

    /// Whether all conditions hold, each as it is or negated.
    fn every(&self, all: &[(&Expr<Checked>, bool)]) -> Truth {
        let truths: Vec<Truth> =
            all.iter().map(|(e, holds)| if *holds { self.condition(e) } else { self.condition(e).negate() }).collect();
        if truths.contains(&Truth::Never) {
            return Truth::Never;
        }
        if truths.iter().all(|t| *t == Truth::Always) {
            return Truth::Always;
        }
        // What is said of one value must leave it some place to be.
        let mut places: HashMap<String, Interval> = HashMap::new();
        for (e, holds) in all {
            let ExprKind::Compare(compare, a, b) = &e.kind else { continue };
            let Can::Number(limit) = self.value(b) else { continue };
            let (Some(low), Some(high)) = (limit.low, limit.high) else { continue };
            let compare = if *holds { *compare } else { compare.opposite() };
            if low.at != high.at || compare == Compare::IsNot {
                continue;
            }
            let place = places.entry(print::expr(self.pack, a)).or_insert_with(|| self.number(a));
            *place = place.meet(&Interval::side(compare, low.at));
        }
        if places.values().any(Interval::is_empty) { Truth::Never } else { Truth::Maybe }
    }

    fn compare(&self, compare: Compare, a: &Expr<Checked>, b: &Expr<Checked>) -> Truth {
        match (self.value(a), self.value(b)) {
            (Can::Number(a), Can::Number(b)) => a.compare(compare, &b),
            (Can::Words(a), Can::Words(b)) => {
                let is = if a.is_disjoint(&b) {
                    Truth::Never
                } else if a.len() == 1 && a == b {
                    Truth::Always
                } else {
                    Truth::Maybe
                };
                match compare {
                    Compare::Is => is,
                    Compare::IsNot => is.negate(),
                    _ => Truth::Maybe,
                }
            }
            _ => Truth::Maybe,
        }
    }
}

/// Every finding of a pack.
pub(super) fn check(pack: &Pack) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for trigger in pack.with_lifecycle() {
        check_trigger(pack, trigger, &mut found);
    }
    for threshold in &pack.thresholds {
        check_threshold(pack, threshold, &mut found);
    }
    for gate in &pack.gates {
        for line in &gate.lines {
            let said = Said { whole: "this line of the gate", never: "can never hold", always: "always holds" };
            found.extend(extreme(pack, line, line.span, &said));
        }
    }
    for metric in &pack.metrics {
        if let Definition::Cases(cases) = &metric.definition {
            for when in cases.iter().filter_map(|(_, when)| when.as_ref()) {
                let said = Said { whole: "this case", never: "is never reached", always: "hides those below it" };
                found.extend(at_all_events(pack, when, &said));
            }
        }
    }
    for decision in &pack.decisions {
        for when in decision.lines.iter().filter_map(|l| l.when.as_ref()) {
            let whole = "this line of the decision";
            let said = Said { whole, never: "never decides", always: "hides those below it" };
            found.extend(at_all_events(pack, when, &said));
        }
    }
    found
}

/// How it is told that a condition has lost its meaning.
struct Said {
    whole: &'static str,
    never: &'static str,
    always: &'static str,
}

/// The params that a condition depends on, through metrics as well.
fn params_of(pack: &Pack, e: &Expr<Checked>) -> Vec<ParamId> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    collect(pack, e, &mut found, &mut seen);
    found
}

fn collect(pack: &Pack, e: &Expr<Checked>, found: &mut Vec<ParamId>, seen: &mut BTreeSet<u32>) {
    let mut metrics = Vec::new();
    let mut columns = Vec::new();
    e.walk(&mut |e| match &e.kind {
        ExprKind::Name(Binding::Param(id)) if !found.contains(id) => found.push(*id),
        ExprKind::Name(Binding::Metric { metric, .. } | Binding::IntroducedMetric(metric)) => metrics.push(*metric),
        ExprKind::Name(Binding::Column { of: Relation::Contract(id), column, .. }) => columns.push((*id, *column)),
        _ => {}
    });
    for (contract, column) in columns {
        let column = &pack.contract(contract).columns[column as usize];
        for bound in column.low.iter().chain(&column.high) {
            collect(pack, bound, found, seen);
        }
    }
    for id in metrics {
        if !seen.insert(id.0) {
            continue;
        }
        let metric = pack.metric(id);
        let mut inner: Vec<&Expr<Checked>> = metric.clamped.iter().flat_map(|(a, b)| [a, b]).collect();
        match &metric.definition {
            Definition::Aggregate(a) => inner.extend(a.of.iter().chain(&a.filter).chain(&a.out_of)),
            Definition::Formula(e) => inner.push(e),
            Definition::Cases(cases) => inner.extend(cases.iter().flat_map(|(v, w)| std::iter::once(v).chain(w))),
            Definition::Shift(_, of, _) | Definition::At(of, _) => {
                let name = Expr { kind: ExprKind::Name(of.clone()), span: metric.span, ty: metric.ty.clone() };
                collect(pack, &name, found, seen);
            }
        }
        for e in inner {
            collect(pack, e, found, seen);
        }
    }
}

/// The ends of a param's range.
fn ends(pack: &Pack, id: ParamId) -> Vec<Value> {
    let param = &pack.params[id.index()];
    let ends: Vec<Value> = match &param.ty {
        Type::Words(words) => words.iter().map(|w| Value::Text(w.clone())).collect(),
        _ => param.low.iter().chain(&param.high).cloned().collect(),
    };
    ends.into_iter().filter(|v| *v != param.value).collect()
}

/// Every way to move one or two of some params that the requirements allow, beginning with none.
fn moves(pack: &Pack, params: &[ParamId]) -> Vec<Moved> {
    let singles: Vec<(ParamId, Value)> =
        params.iter().flat_map(|p| ends(pack, *p).into_iter().map(|v| (*p, v))).collect();
    let mut all: Vec<Moved> = vec![Vec::new()];
    all.extend(singles.iter().map(|one| vec![one.clone()]));
    if params.len() <= MOST_IN_PAIRS {
        for (i, a) in singles.iter().enumerate() {
            all.extend(singles[i + 1..].iter().filter(|b| b.0 != a.0).map(|b| vec![a.clone(), b.clone()]));
        }
    }
    all.retain(|moved| {
        let value = |id: ParamId| {
            let moved = moved.iter().find(|(p, _)| *p == id).map(|(_, v)| v.clone());
            moved.or_else(|| Some(pack.param(id).clone()))
        };
        pack.requires.iter().all(|r| params_hold(&r.condition, &value))
    });
    all
}

/// `with \`limit\` at 100%`, or nothing where nothing was moved.
fn with(pack: &Pack, moved: &Moved) -> String {
    let parts: Vec<String> = moved
        .iter()
        .map(|(id, value)| {
            let param = &pack.params[id.index()];
            format!("`{}` at {}", param.name, value.show(&param.ty))
        })
        .collect();
    if parts.is_empty() { String::new() } else { format!("with {} ", parts.join(" and ")) }
}

fn point_at(pack: &Pack, mut fault: Diagnostic, moved: &Moved) -> Diagnostic {
    for (id, value) in moved {
        let param = &pack.params[id.index()];
        fault = fault.label(param.span, format!("its range holds {}", value.show(&param.ty)));
    }
    fault
}

/// What to do about a param that can be moved too far.
fn narrower(pack: &Pack, moved: &Moved) -> String {
    match &moved[..] {
        [] => "change the condition, or leave it out".to_owned(),
        [(id, value)] => {
            let param = &pack.params[id.index()];
            let end = if param.low.as_ref() == Some(value) { "begin above" } else { "end below" };
            format!(
                "let the range of `{}` {end} {}, or `require` what keeps it away",
                param.name,
                value.show(&param.ty)
            )
        }
        _ => "`require` what keeps them apart, or narrow one of the ranges".to_owned(),
    }
}

/// What is held against what, where a condition is one comparison: `share goes from 0% to 100%`.
fn reach(pack: &Pack, e: &Expr<Checked>, moved: &Moved) -> String {
    let ExprKind::Compare(_, a, _) = &e.kind else { return String::new() };
    let reasoner = Reasoner::new(pack, moved);
    let show = |n: Number| Value::Number(n).show(&a.ty);
    let name = print::expr(pack, a);
    match reasoner.value(a) {
        Can::Number(Interval { low: Some(low), high: Some(high) }) if low.at == high.at => {
            format!(": {name} is {}", show(low.at))
        }
        Can::Number(Interval { low: Some(low), high: Some(high) }) => {
            format!(": {name} lies from {} to {}", show(low.at), show(high.at))
        }
        Can::Number(Interval { low: Some(low), high: None }) => format!(": {name} is never below {}", show(low.at)),
        Can::Number(Interval { low: None, high: Some(high) }) => format!(": {name} is never above {}", show(high.at)),
        Can::Words(words) => {
            let words: Vec<&str> = words.iter().map(|w| &**w).collect();
            format!(": {name} can be {}", crate::value::listed(&words, "or"))
        }
        _ => String::new(),
    }
}

/// Whether a condition can become impossible or always true.
fn extreme(pack: &Pack, e: &Expr<Checked>, span: Span, said: &Said) -> Option<Diagnostic> {
    let params = params_of(pack, e);
    moves(pack, &params).into_iter().find_map(|moved| {
        let (code, what) = match Reasoner::new(pack, &moved).condition(e) {
            Truth::Maybe => return None,
            Truth::Never => (Code::NeverHolds, said.never),
            Truth::Always => (Code::AlwaysHolds, said.always),
        };
        let message = format!("{}{} {what}{}", with(pack, &moved), said.whole, reach(pack, e, &moved));
        let fault = Diagnostic::new(code, message).label(span, "this condition").help(narrower(pack, &moved));
        Some(point_at(pack, fault, &moved))
    })
}

/// Whether one of several ways is impossible or always taken, wherever its params stand: that a setting chooses one
/// of them is what they are for.
fn at_all_events(pack: &Pack, e: &Expr<Checked>, said: &Said) -> Option<Diagnostic> {
    let now = Reasoner::new(pack, &[]).condition(e);
    let same = |moved: Moved| Reasoner::new(pack, &moved).condition(e) == now;
    if now == Truth::Maybe || !moves(pack, &params_of(pack, e)).into_iter().all(same) {
        return None;
    }
    extreme(pack, e, e.span, said)
}

fn check_trigger(pack: &Pack, trigger: &Trigger, found: &mut Vec<Diagnostic>) {
    let said = Said { whole: "this rule", never: "can never fire", always: "always fires" };
    let fault = extreme(pack, &trigger.when.expr, trigger.when.expr.span, &said);
    let sound = fault.is_none();
    found.extend(fault);
    let Some(clear) = &trigger.clear else { return };
    let said = Said { whole: "this rule", never: "can never clear", always: "clears at once" };
    let fault = extreme(pack, &clear.expr, clear.expr.span, &said);
    if fault.is_none() && sound {
        found.extend(clears_while_it_holds(pack, &trigger.when.expr, &clear.expr));
    }
    found.extend(fault);
}

/// Comparisons with a number that a condition joins with `and`.
fn parts(e: &Expr<Checked>) -> Vec<(Compare, &Expr<Checked>, &Expr<Checked>)> {
    match &e.kind {
        ExprKind::Compare(compare, a, b) if a.ty.is_quantity() => vec![(*compare, a, b)],
        ExprKind::Joint(Joint::And, all) => all.iter().flat_map(parts).collect(),
        _ => Vec::new(),
    }
}

/// A firing that ends for a value at which it also begins goes on and off with every look.
fn clears_while_it_holds(pack: &Pack, when: &Expr<Checked>, clear: &Expr<Checked>) -> Option<Diagnostic> {
    let ExprKind::Compare(clears, value, limit) = &clear.kind else { return None };
    let name = print::expr(pack, value);
    let (fires, of, from) = parts(when).into_iter().find(|(_, a, _)| print::expr(pack, a) == name)?;
    let mut params = params_of(pack, when);
    params.extend(params_of(pack, clear));
    params.dedup();
    moves(pack, &params).into_iter().find_map(|moved| {
        let reasoner = Reasoner::new(pack, &moved);
        let place = |compare: Compare, e: &Expr<Checked>| {
            let limit = reasoner.number(e);
            let (low, high) = (limit.low?, limit.high?);
            (low.at == high.at).then(|| (Interval::side(compare, low.at), low.at))
        };
        let (fires_at, fires_from) = place(fires, from)?;
        let (clears_at, clears_from) = place(*clears, limit)?;
        if fires_at.meet(&clears_at).meet(&reasoner.number(of)).is_empty() {
            return None;
        }
        let show = |n: Number| Value::Number(n).show(&value.ty);
        let message = format!(
            "{}this rule clears while it still holds: {name} {} {} and {} {} at the same time",
            with(pack, &moved),
            fires.words(),
            show(fires_from),
            clears.words(),
            show(clears_from)
        );
        let fault = Diagnostic::new(Code::ClearsWhileHolding, message)
            .label(clear.span, "it clears here")
            .label(from.span, "it fires here")
            .help(if moved.is_empty() {
                "put the limit of `clear when` on the other side of the limit of `when`".to_owned()
            } else {
                narrower(pack, &moved)
            });
        Some(point_at(pack, fault, &moved))
    })
}

fn check_threshold(pack: &Pack, threshold: &Threshold, found: &mut Vec<Diagnostic>) {
    let metric = pack.metric(threshold.metric);
    let name = Expr {
        kind: ExprKind::Name(Binding::Metric { depth: 0, hops: Vec::new(), metric: threshold.metric }),
        span: threshold.span,
        ty: metric.ty.clone(),
    };
    let condition = |band: &Band| Expr {
        kind: ExprKind::Compare(band.compare, Box::new(name.clone()), Box::new(band.limit.clone())),
        span: band.limit.span,
        ty: Type::Condition,
    };
    let said = Said { whole: "this target", never: "can never be met", always: "is always met" };
    let target = extreme(pack, &condition(&threshold.target), threshold.target.limit.span, &said);
    let Some(acceptable) = &threshold.acceptable else {
        found.extend(target);
        return;
    };
    let said = Said { whole: "this", never: "can never be acceptable", always: "is always acceptable" };
    let fault = extreme(pack, &condition(acceptable), acceptable.limit.span, &said);
    // Where everything is acceptable or nothing is, the target is seldom news.
    let quiet = target.is_none() && fault.is_none();
    found.extend(target);
    found.extend(fault);
    if !quiet {
        return;
    }
    let mut params = params_of(pack, &threshold.target.limit);
    params.extend(params_of(pack, &acceptable.limit));
    params.dedup();
    let upward = matches!(threshold.target.compare, Compare::AtLeast | Compare::Above);
    found.extend(moves(pack, &params).into_iter().find_map(|moved| {
        let reasoner = Reasoner::new(pack, &moved);
        let point = |e: &Expr<Checked>| {
            let limit = reasoner.number(e);
            limit.low.zip(limit.high).filter(|(low, high)| low.at == high.at).map(|(low, _)| low.at)
        };
        let (target, accepted) = (point(&threshold.target.limit)?, point(&acceptable.limit)?);
        let crossed = if upward { accepted > target } else { accepted < target };
        crossed.then(|| {
            let show = |n: Number| Value::Number(n).show(&metric.ty);
            let message = format!(
                "{}what is acceptable ({}) is stricter than the target ({})",
                with(pack, &moved),
                show(accepted),
                show(target)
            );
            let fault = Diagnostic::new(Code::BandsCanCross, message)
                .label(acceptable.limit.span, "acceptable")
                .label(threshold.target.limit.span, "the target")
                .help(match (params_name(pack, &acceptable.limit), params_name(pack, &threshold.target.limit)) {
                    (Some(a), Some(t)) => {
                        format!("add `require {a} is at {} {t}`", if upward { "most" } else { "least" })
                    }
                    _ => narrower(pack, &moved),
                });
            point_at(pack, fault, &moved)
        })
    }));
}

fn params_name<'p>(pack: &'p Pack, e: &Expr<Checked>) -> Option<&'p str> {
    if let ExprKind::Name(Binding::Param(id)) = &e.kind { Some(&pack.params[id.index()].name) } else { None }
}
