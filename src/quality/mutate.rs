//! Mutants: the pack with one thing changed by the smallest step. A test that still passes has not looked there.
//!
//! Changes that could not matter are not made: a param that no test can read, a value outside of its range or against
//! a `require`, what speaks of a proposal (which tests do not make), a `clear when` or an end that is the opposite of `when`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::reach::{self, Thing};
use crate::engine::trace::Point;
use crate::lang::check::params_hold;
use crate::lang::expr::{
    Answer, Checked, Compare, ContractId, Expr, ExprKind, GateId, Joint, MetricId, PairsId, ParamId, Presence,
    ThresholdId, Window, WindowKind,
};
use crate::lang::item::contract::Contract;
use crate::lang::item::decision::Decision;
use crate::lang::item::gate::Gate;
use crate::lang::item::metric::{Definition, Metric};
use crate::lang::item::pairs::Pairs;
use crate::lang::item::stage::Stage;
use crate::lang::item::threshold::Threshold;
use crate::lang::item::trigger::{Condition, Hold, Trigger};
use crate::lang::pack::{Pack, RuleRef};
use crate::lang::print;
use crate::scenario::{self, Bench};
use crate::source::Span;
use crate::store::StoreError;
use crate::time::Period;
use crate::value::{Number, Type, Value};

/// One small change of a pack.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// What is changed.
    pub thing: Thing,
    /// The name of it.
    pub rule: String,
    /// Where.
    pub span: Span,
    /// The words as they are.
    pub was: String,
    /// The words as they became.
    pub became: String,
    put: Put,
}

/// The changed item, which takes the place of the one in the pack.
#[derive(Debug, Clone)]
enum Put {
    Param(Value),
    Metric(Box<Metric>),
    Contract(Box<Contract>),
    Pairs(Box<Pairs>),
    Threshold(Box<Threshold>),
    Gate(Box<Gate>),
    Stage(Box<Stage>),
    Decision(Box<Decision>),
    Trigger(Box<Trigger>),
}

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// This test fails with it.
    Noticed(usize),
    /// So many tests look at the rule, and none fails.
    Survived(usize),
}

/// A mutant and what became of it.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The mutant.
    pub mutant: Mutant,
    /// What became of it.
    pub fate: Fate,
}

/// An edit of an expression: where, what it said, what it says now, and the whole expression with it.
struct Edit<T> {
    span: Span,
    was: String,
    became: String,
    whole: T,
}

impl<T> Edit<T> {
    fn map<U>(self, wrap: impl FnOnce(T) -> U) -> Edit<U> {
        Edit { span: self.span, was: self.was, became: self.became, whole: wrap(self.whole) }
    }
}

// ── steps of values ──

/// The values one step below and above a value of a type.
pub fn neighbours(value: &Value, ty: &Type) -> Vec<Value> {
    match value {
        Value::Number(n) => {
            let Some(step) = step(*n, ty) else { return Vec::new() };
            [n.minus(step), n.plus(step)].into_iter().flatten().map(Value::Number).collect()
        }
        Value::Span(span) => [-1, 1]
            .into_iter()
            .map(|by| {
                let mut moved = *span;
                match (span.months, span.days, span.business) {
                    (0, 0, b) if b != 0 => moved.business += by,
                    (m, 0, 0) if m != 0 => moved.months += by,
                    _ => moved.days += by,
                }
                Value::Span(moved)
            })
            .filter(|v| !matches!(v, Value::Span(s) if s.count() < 0))
            .collect(),
        Value::Truth(truth) => vec![Value::Truth(!truth)],
        Value::Text(word) => match ty {
            Type::Words(words) => {
                let at = words.iter().position(|w| w == word);
                let beside = at.map_or([None, None], |i| [i.checked_sub(1), Some(i + 1)]);
                beside.into_iter().flatten().filter_map(|i| words.get(i)).map(|w| Value::Text(w.clone())).collect()
            }
            _ => Vec::new(),
        },
        Value::Date(_) | Value::Moment(_) => Vec::new(),
    }
}

/// The smallest step that people take: one of the last digit that is written, and a whole unit where there is none.
fn step(n: Number, ty: &Type) -> Option<Number> {
    match ty {
        Type::Count => Some(Number::ONE),
        Type::Duration => {
            let hour = Number::whole(3600);
            let minute = Number::whole(60);
            let whole_hours = n.over(hour).and_then(Number::to_whole).is_some();
            Some(if whole_hours && !n.is_zero() { hour } else { minute })
        }
        ty if ty.is_quantity() => {
            let tenth = Number::ratio(1, 10)?;
            let hundredth = Number::ratio(1, 100)?;
            if n.to_whole().is_some() {
                Some(Number::ONE)
            } else if n.over(tenth).and_then(Number::to_whole).is_some() {
                Some(tenth)
            } else {
                Some(hundredth)
            }
        }
        _ => None,
    }
}

// ── expressions ──

fn flipped(compare: Compare) -> Compare {
    match compare {
        Compare::AtLeast => Compare::Above,
        Compare::Above => Compare::AtLeast,
        Compare::AtMost => Compare::Below,
        Compare::Below => Compare::AtMost,
        Compare::Is => Compare::IsNot,
        Compare::IsNot => Compare::Is,
    }
}

/// Every small change of an expression.
fn edits(pack: &Pack, e: &Expr<Checked>) -> Vec<Edit<Expr<Checked>>> {
    if reach::speaks_of_a_proposal(e) && !matches!(e.kind, ExprKind::Joint(..)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let own = |kind: ExprKind<Checked>| {
        let whole = Expr { kind, span: e.span, ty: e.ty.clone() };
        Edit { span: e.span, was: print::expr(pack, e), became: print::expr(pack, &whole), whole }
    };
    let rewrap = |edit: Edit<Expr<Checked>>, kind: &dyn Fn(Expr<Checked>) -> ExprKind<Checked>| {
        edit.map(|inner| Expr { kind: kind(inner), span: e.span, ty: e.ty.clone() })
    };
    match &e.kind {
        ExprKind::Literal(value) => {
            found.extend(neighbours(value, &e.ty).into_iter().map(|v| own(ExprKind::Literal(v))));
        }
        ExprKind::Name(_) | ExprKind::Holds(_) => {}
        ExprKind::Not(inner) => {
            found.push(own(inner.kind.clone()));
            found.extend(edits(pack, inner).into_iter().map(|x| rewrap(x, &|i| ExprKind::Not(Box::new(i)))));
        }
        ExprKind::Joint(joint, all) => {
            let of_proposal = reach::speaks_of_a_proposal(e);
            if !of_proposal {
                let other = if *joint == Joint::And { Joint::Or } else { Joint::And };
                found.push(own(ExprKind::Joint(other, all.clone())));
            }
            for (i, part) in all.iter().enumerate() {
                if !of_proposal && all.len() > 1 {
                    let mut rest = all.clone();
                    let dropped = rest.remove(i);
                    let kind = match &rest[..] {
                        [one] => one.kind.clone(),
                        _ => ExprKind::Joint(*joint, rest),
                    };
                    let edit = own(kind);
                    found.push(Edit {
                        span: part.span,
                        was: print::expr(pack, &dropped),
                        became: "nothing".to_owned(),
                        whole: edit.whole,
                    });
                }
                // Beside a part that nobody can tell, a change of the others only shows where they are false.
                if of_proposal {
                    continue;
                }
                for edit in edits(pack, part) {
                    found.push(rewrap(edit, &|inner| {
                        let mut all = all.clone();
                        all[i] = inner;
                        ExprKind::Joint(*joint, all)
                    }));
                }
            }
        }
        ExprKind::Compare(compare, a, b) => {
            found.push(own(ExprKind::Compare(flipped(*compare), a.clone(), b.clone())));
            found.extend(
                edits(pack, a).into_iter().map(|x| rewrap(x, &|i| ExprKind::Compare(*compare, Box::new(i), b.clone()))),
            );
            let word = matches!(&b.kind, ExprKind::Literal(Value::Text(_) | Value::Truth(_)));
            if !word {
                found.extend(
                    edits(pack, b)
                        .into_iter()
                        .map(|x| rewrap(x, &|i| ExprKind::Compare(*compare, a.clone(), Box::new(i)))),
                );
            }
        }
        ExprKind::OneOf(negated, a, all) => {
            found.push(own(ExprKind::OneOf(!negated, a.clone(), all.clone())));
            if all.len() > 1 {
                for i in 0..all.len() {
                    let mut rest = all.clone();
                    rest.remove(i);
                    found.push(own(ExprKind::OneOf(*negated, a.clone(), rest)));
                }
            }
        }
        ExprKind::Between(a, low, high) => {
            found.extend(
                edits(pack, low)
                    .into_iter()
                    .map(|x| rewrap(x, &|i| ExprKind::Between(a.clone(), Box::new(i), high.clone()))),
            );
            found.extend(
                edits(pack, high)
                    .into_iter()
                    .map(|x| rewrap(x, &|i| ExprKind::Between(a.clone(), low.clone(), Box::new(i)))),
            );
        }
        ExprKind::Presence(negated, presence, a) => {
            let (negated, presence) = match presence {
                Presence::Present => (*negated, Presence::Missing),
                Presence::Missing => (*negated, Presence::Present),
                Presence::Unknown => (!negated, Presence::Unknown),
            };
            found.push(own(ExprKind::Presence(negated, presence, a.clone())));
        }
        ExprKind::Distance(d) => {
            let mut other = d.clone();
            other.more = !d.more;
            found.push(own(ExprKind::Distance(other)));
            found.extend(edits(pack, &d.span).into_iter().map(|x| {
                rewrap(x, &|i| {
                    let mut d = d.clone();
                    d.span = i;
                    ExprKind::Distance(d)
                })
            }));
        }
        ExprKind::Arith(op, a, b) => {
            found.extend(
                edits(pack, a).into_iter().map(|x| rewrap(x, &|i| ExprKind::Arith(*op, Box::new(i), b.clone()))),
            );
            found.extend(
                edits(pack, b).into_iter().map(|x| rewrap(x, &|i| ExprKind::Arith(*op, a.clone(), Box::new(i)))),
            );
        }
        ExprKind::Exists(x) => {
            let mut other = x.clone();
            other.none = !x.none;
            found.push(own(ExprKind::Exists(other)));
            if let Some(filter) = &x.filter {
                let mut other = x.clone();
                other.filter = None;
                let edit = own(ExprKind::Exists(other));
                found.push(Edit {
                    span: filter.span,
                    was: format!("where {}", print::expr(pack, filter)),
                    became: "nothing".to_owned(),
                    ..edit
                });
                found.extend(edits(pack, filter).into_iter().map(|f| {
                    rewrap(f, &|i| {
                        let mut x = x.clone();
                        x.filter = Some(i);
                        ExprKind::Exists(x)
                    })
                }));
            }
            if let Some(window) = &x.window {
                found.extend(windows(pack, window).into_iter().map(|w| {
                    w.map(|w| {
                        let mut x = x.clone();
                        x.window = Some(w);
                        Expr { kind: ExprKind::Exists(x), span: e.span, ty: e.ty.clone() }
                    })
                }));
            }
        }
        ExprKind::Answered(who, answer) => {
            let other = match answer {
                Answer::Approved => Answer::Refused,
                Answer::Refused => Answer::Approved,
                Answer::Chose(_) => return found,
            };
            found.push(own(ExprKind::Answered(who.clone(), other)));
        }
    }
    found
}

fn windows(pack: &Pack, w: &Window<Checked>) -> Vec<Edit<Window<Checked>>> {
    let kinds: Vec<WindowKind<Checked>> = match &w.kind {
        WindowKind::Last(length) => edits(pack, length).into_iter().map(|edit| WindowKind::Last(edit.whole)).collect(),
        WindowKind::LastClosed(n, period) => {
            let fewer = (*n > 1).then(|| WindowKind::LastClosed(n - 1, *period));
            fewer.into_iter().chain([WindowKind::LastClosed(n + 1, *period)]).collect()
        }
        WindowKind::This(period) => vec![WindowKind::Previous(*period)],
        WindowKind::Previous(period) => vec![WindowKind::This(*period)],
    };
    kinds
        .into_iter()
        .map(|kind| {
            let whole = Window { kind, ..w.clone() };
            Edit { span: w.span, was: print::window(pack, w), became: print::window(pack, &whole), whole }
        })
        .collect()
}

fn dropped<T>(span: Span, was: impl Into<String>, whole: T) -> Edit<T> {
    Edit { span, was: was.into(), became: "nothing".to_owned(), whole }
}

// ── items ──

fn of_metric(pack: &Pack, metric: &Metric) -> Vec<Edit<Metric>> {
    let with = |definition: Definition<Checked>| Metric { definition, ..metric.clone() };
    let mut found: Vec<Edit<Metric>> = Vec::new();
    match &metric.definition {
        Definition::Aggregate(a) => {
            let with = |change: &dyn Fn(&mut crate::lang::item::metric::Aggregate<Checked>)| {
                let mut a = a.clone();
                change(&mut a);
                with(Definition::Aggregate(a))
            };
            if let Some(of) = &a.of {
                found.extend(edits(pack, of).into_iter().map(|e| e.map(|of| with(&|a| a.of = Some(of.clone())))));
            }
            if let Some(filter) = &a.filter {
                let was = format!("where {}", print::expr(pack, filter));
                found.push(dropped(filter.span, was, with(&|a| a.filter = None)));
                found.extend(edits(pack, filter).into_iter().map(|e| e.map(|f| with(&|a| a.filter = Some(f.clone())))));
            }
            if let Some(out_of) = &a.out_of {
                let was = format!("out of those where {}", print::expr(pack, out_of));
                found.push(dropped(out_of.span, was, with(&|a| a.out_of = None)));
                found.extend(edits(pack, out_of).into_iter().map(|e| e.map(|f| with(&|a| a.out_of = Some(f.clone())))));
            }
            if let Some(window) = &a.window {
                let was = print::window(pack, window);
                found.push(dropped(window.span, was, with(&|a| a.window = None)));
                found.extend(
                    windows(pack, window).into_iter().map(|e| e.map(|w| with(&|a| a.window = Some(w.clone())))),
                );
            }
            if let Some(needs) = a.needs {
                for n in [needs.saturating_sub(1), needs + 1] {
                    found.push(Edit {
                        span: metric.span,
                        was: format!("needs at least {needs} rows"),
                        became: format!("needs at least {n} rows"),
                        whole: with(&|a| a.needs = Some(n)),
                    });
                }
            }
        }
        Definition::Formula(e) => {
            found.extend(edits(pack, e).into_iter().map(|edit| edit.map(|e| with(Definition::Formula(e)))));
        }
        Definition::Cases(cases) => {
            for (i, (value, when)) in cases.iter().enumerate() {
                let Some(when) = when else { continue };
                for edit in edits(pack, when) {
                    found.push(edit.map(|e| {
                        let mut cases = cases.clone();
                        cases[i].1 = Some(e);
                        with(Definition::Cases(cases))
                    }));
                }
                let mut rest = cases.clone();
                rest.remove(i);
                let was = format!("is {} when {}", print::expr(pack, value), print::expr(pack, when));
                found.push(dropped(value.span, was, with(Definition::Cases(rest))));
            }
        }
        Definition::Shift(..) | Definition::At(..) => {}
    }
    if let Some((low, high)) = &metric.clamped {
        for edit in edits(pack, low) {
            found.push(edit.map(|low| Metric { clamped: Some((low, high.clone())), ..metric.clone() }));
        }
        for edit in edits(pack, high) {
            found.push(edit.map(|high| Metric { clamped: Some((low.clone(), high)), ..metric.clone() }));
        }
    }
    found
}

fn of_threshold(pack: &Pack, threshold: &Threshold) -> Vec<Edit<Threshold>> {
    let mut found = Vec::new();
    let name = &pack.metric(threshold.metric).name;
    let bands = [Some(&threshold.target), threshold.acceptable.as_ref()];
    for (which, band) in bands.into_iter().enumerate() {
        let Some(band) = band else { continue };
        let with = |change: &dyn Fn(&mut crate::lang::item::threshold::Band)| {
            let mut changed = threshold.clone();
            match (which, &mut changed.acceptable) {
                (1, Some(band)) => change(band),
                _ => change(&mut changed.target),
            }
            changed
        };
        let limit = print::expr(pack, &band.limit);
        let other = flipped(band.compare);
        found.push(Edit {
            span: band.limit.span,
            was: format!("{name} {} {limit}", band.compare.words()),
            became: format!("{name} {} {limit}", other.words()),
            whole: with(&|band| band.compare = other),
        });
        for edit in edits(pack, &band.limit) {
            found.push(edit.map(|limit| with(&|band| band.limit = limit.clone())));
        }
    }
    if let Some(acceptable) = &threshold.acceptable {
        let was = format!("acceptable {} {}", acceptable.compare.words(), print::expr(pack, &acceptable.limit));
        found.push(dropped(acceptable.limit.span, was, Threshold { acceptable: None, ..threshold.clone() }));
    }
    if let Some(while_) = &threshold.while_ {
        let was = format!("while {}", print::expr(pack, while_));
        found.push(dropped(while_.span, was, Threshold { while_: None, ..threshold.clone() }));
        for edit in edits(pack, while_) {
            found.push(edit.map(|w| Threshold { while_: Some(w), ..threshold.clone() }));
        }
    }
    found
}

fn of_gate(pack: &Pack, gate: &Gate) -> Vec<Edit<Gate>> {
    let mut found = Vec::new();
    for (i, line) in gate.lines.iter().enumerate() {
        if gate.lines.len() > 1 {
            let mut rest = gate.clone();
            rest.lines.remove(i);
            found.push(dropped(line.span, print::expr(pack, line), rest));
        }
        for edit in edits(pack, line) {
            found.push(edit.map(|line| {
                let mut changed = gate.clone();
                changed.lines[i] = line;
                changed
            }));
        }
    }
    found
}

fn holds(hold: &Hold, pack: &Pack, span: Span) -> Vec<Edit<Hold>> {
    let periods = |n: u32, period: Period| crate::value::counted(n, period.word());
    match hold {
        Hold::For(length) => edits(pack, length).into_iter().map(|e| e.map(Hold::For)).collect(),
        Hold::Consecutive(n, period) => [n.saturating_sub(1), n + 1]
            .into_iter()
            .filter(|m| *m > 0)
            .map(|m| Edit {
                span,
                was: format!("for {} in a row", periods(*n, *period)),
                became: format!("for {} in a row", periods(m, *period)),
                whole: Hold::Consecutive(m, *period),
            })
            .collect(),
        Hold::OfTheLast(k, n, period) => [k.saturating_sub(1), k + 1]
            .into_iter()
            .filter(|m| (1..=*n).contains(m))
            .map(|m| Edit {
                span,
                was: format!("for {k} of the last {}", periods(*n, *period)),
                became: format!("for {m} of the last {}", periods(*n, *period)),
                whole: Hold::OfTheLast(m, *n, *period),
            })
            .collect(),
    }
}

fn of_condition(pack: &Pack, condition: &Condition) -> Vec<Edit<Condition>> {
    let mut found: Vec<Edit<Condition>> = edits(pack, &condition.expr)
        .into_iter()
        .map(|e| e.map(|expr| Condition { expr, hold: condition.hold.clone() }))
        .collect();
    if let Some(hold) = &condition.hold {
        for edit in holds(hold, pack, condition.expr.span) {
            found.push(edit.map(|hold| Condition { hold: Some(hold), expr: condition.expr.clone() }));
        }
    }
    found
}

/// Whether one condition holds exactly when the other does not, as far as their words tell.
fn opposite(a: &Expr<Checked>, b: &Expr<Checked>) -> bool {
    match (&a.kind, &b.kind) {
        (ExprKind::Compare(x, a, b), ExprKind::Compare(y, c, d)) => x.opposite() == *y && a == c && b == d,
        (ExprKind::Exists(x), ExprKind::Exists(y)) => {
            x.none != y.none && x.other == y.other && x.rows == y.rows && x.window == y.window && x.filter == y.filter
        }
        (ExprKind::Not(inner), _) => **inner == *b,
        (_, ExprKind::Not(inner)) => **inner == *a,
        _ => false,
    }
}

fn of_trigger(pack: &Pack, trigger: &Trigger) -> Vec<Edit<Trigger>> {
    let mut found: Vec<Edit<Trigger>> = of_condition(pack, &trigger.when)
        .into_iter()
        .map(|e| e.map(|when| Trigger { when, ..trigger.clone() }))
        .collect();
    if let Some(clear) = &trigger.clear {
        if !opposite(&trigger.when.expr, &clear.expr) {
            let was = format!("clear when {}", print::expr(pack, &clear.expr));
            found.push(dropped(clear.expr.span, was, Trigger { clear: None, ..trigger.clone() }));
        }
        for edit in of_condition(pack, clear) {
            found.push(edit.map(|clear| Trigger { clear: Some(clear), ..trigger.clone() }));
        }
    }
    if let Some(unless) = &trigger.unless {
        let was = format!("unless {}", print::expr(pack, unless));
        found.push(dropped(unless.span, was, Trigger { unless: None, ..trigger.clone() }));
        for edit in edits(pack, unless) {
            found.push(edit.map(|unless| Trigger { unless: Some(unless), ..trigger.clone() }));
        }
    }
    if let Some(once) = &trigger.once {
        let span = once.within.iter().chain(once.later.as_ref().map(|l| &l.1)).next().map_or(trigger.span, |e| e.span);
        found.push(dropped(span, "once within", Trigger { once: None, ..trigger.clone() }));
    }
    if let Some(depth) = &trigger.depth {
        let was = format!("depth at most {}", print::expr(pack, &depth.at_most));
        found.push(dropped(depth.at_most.span, was, Trigger { depth: None, ..trigger.clone() }));
    }
    for (i, end) in trigger.ends.iter().enumerate() {
        // It ends there anyway; what it is called then no test can see.
        if trigger.clear.is_none() && opposite(&trigger.when.expr, &end.when) {
            continue;
        }
        if !reach::speaks_of_a_proposal(&end.when) {
            // A place in the list is what other things remember: the end stays and never holds.
            let mut changed = trigger.clone();
            changed.ends[i].when = never(&end.when);
            found.push(dropped(end.span, format!("end as {}", end.word), changed));
        }
        for edit in edits(pack, &end.when) {
            found.push(edit.map(|when| {
                let mut changed = trigger.clone();
                changed.ends[i].when = when;
                changed
            }));
        }
    }
    for (i, step) in trigger.steps.iter().enumerate() {
        let of_proposal = step.only.as_ref().is_some_and(reach::speaks_of_a_proposal);
        if of_proposal {
            continue;
        }
        let mut changed = trigger.clone();
        changed.steps[i].only = Some(never(&trigger.when.expr));
        let was = format!("step {} (`{}`)", i + 1, step.kind.verb());
        found.push(dropped(step.span, was, changed));
        let Some(only) = &step.only else { continue };
        let mut always = trigger.clone();
        always.steps[i].only = None;
        found.push(dropped(only.span, format!("when {}", print::expr(pack, only)), always));
        for edit in edits(pack, only) {
            found.push(edit.map(|only| {
                let mut changed = trigger.clone();
                changed.steps[i].only = Some(only);
                changed
            }));
        }
    }
    found
}

/// A condition that never holds, at the place of another.
fn never(at: &Expr<Checked>) -> Expr<Checked> {
    Expr { kind: ExprKind::Literal(Value::Truth(false)), span: at.span, ty: Type::Truth }
}

fn of_contract(pack: &Pack, contract: &Contract) -> Vec<Edit<Contract>> {
    let mut found = Vec::new();
    let with = |change: &dyn Fn(&mut Contract)| {
        let mut changed = contract.clone();
        change(&mut changed);
        changed
    };
    for (i, column) in contract.columns.iter().enumerate() {
        let bounds = [(&column.low, true), (&column.high, false)];
        for (bound, low) in bounds {
            let Some(bound) = bound else { continue };
            for edit in edits(pack, bound) {
                let (was, became) =
                    (format!("{} {}", column.name, edit.was), format!("{} {}", column.name, edit.became));
                let edit = Edit { was, became, ..edit };
                found.push(edit.map(|e| {
                    with(&|c| {
                        let column = &mut c.columns[i];
                        *(if low { &mut column.low } else { &mut column.high }) = Some(e.clone());
                    })
                }));
            }
        }
        if column.not_future {
            found.push(dropped(
                column.span,
                format!("{} not in the future", column.name),
                with(&|c| c.columns[i].not_future = false),
            ));
        }
        if column.not_empty {
            found.push(dropped(
                column.span,
                format!("{} not empty", column.name),
                with(&|c| c.columns[i].not_empty = false),
            ));
        }
    }
    for (i, fresh) in contract.fresh.iter().enumerate() {
        for edit in edits(pack, &fresh.within) {
            found.push(edit.map(|e| with(&|c| c.fresh[i].within = e.clone())));
        }
        if let Some(stale) = &fresh.stale {
            for edit in edits(pack, stale) {
                found.push(edit.map(|e| with(&|c| c.fresh[i].stale = Some(e.clone()))));
            }
        }
        if let Some(filter) = &fresh.filter {
            let was = format!("where {}", print::expr(pack, filter));
            found.push(dropped(filter.span, was, with(&|c| c.fresh[i].filter = None)));
        }
    }
    for (i, volume) in contract.volume.iter().enumerate() {
        for edit in edits(pack, &volume.every) {
            found.push(edit.map(|e| with(&|c| c.volume[i].every = e.clone())));
        }
        found.push(Edit {
            span: volume.every.span,
            was: format!("at least {}", crate::value::counted(volume.rows, "row")),
            became: format!("at least {}", crate::value::counted(volume.rows + 1, "row")),
            whole: with(&|c| c.volume[i].rows += 1),
        });
        if let Some(filter) = &volume.filter {
            let was = format!("where {}", print::expr(pack, filter));
            found.push(dropped(filter.span, was, with(&|c| c.volume[i].filter = None)));
        }
    }
    found
}

fn of_decision(pack: &Pack, decision: &Decision) -> Vec<Edit<Decision>> {
    let mut found = Vec::new();
    for (i, line) in decision.lines.iter().enumerate() {
        let Some(when) = &line.when else { continue };
        // Of what is decided about a test knows nothing, and nothing below such a line is read.
        if !reach::is_of_params(when) {
            match line.who {
                crate::lang::item::decision::Who::Roles(_) => break,
                crate::lang::item::decision::Who::ByItself => continue,
            }
        }
        for edit in edits(pack, when) {
            found.push(edit.map(|when| {
                let mut changed = decision.clone();
                changed.lines[i].when = Some(when);
                changed
            }));
        }
    }
    found
}

/// Every mutant of a pack that a test could notice.
pub fn mutants(pack: &Pack, tests: &Tests) -> Vec<Mutant> {
    let mut found = Vec::new();
    let mut add = |thing: Thing, rule: &str, edit: Edit<Put>| {
        if edit.was != edit.became {
            let Edit { span, was, became, whole: put } = edit;
            found.push(Mutant { thing, rule: rule.to_owned(), span, was, became, put });
        }
    };
    let judged: BTreeSet<Thing> = reach::closure(pack, pack.rules().into_iter().map(Thing::of_rule));
    let judged = |thing: Thing| judged.contains(&thing) || tests.named.contains(&thing);
    for (i, param) in (0..).zip(&pack.params) {
        let id = ParamId(i);
        if !judged(Thing::Param(id)) {
            continue;
        }
        for value in neighbours(&param.value, &param.ty) {
            let other = |p: ParamId| Some(if p == id { value.clone() } else { pack.param(p).clone() });
            let allowed = pack.requires.iter().all(|r| params_hold(&r.condition, &other));
            if !allowed || param.refuses(&value).is_some() {
                continue;
            }
            let words = |v: &Value| format!("{} = {}", param.name, v.show(&param.ty));
            let edit = Edit {
                span: param.value_span,
                was: words(&param.value),
                became: words(&value),
                whole: Put::Param(value.clone()),
            };
            add(Thing::Param(id), &param.name, edit);
        }
    }
    for (i, metric) in (0..).zip(&pack.metrics) {
        if judged(Thing::Metric(MetricId(i))) {
            for edit in of_metric(pack, metric) {
                add(Thing::Metric(MetricId(i)), &metric.name, edit.map(|m| Put::Metric(Box::new(m))));
            }
        }
    }
    for (i, contract) in (0..).zip(&pack.contracts) {
        if contract.is_table() && !contract.kept {
            for edit in of_contract(pack, contract) {
                add(Thing::Contract(ContractId(i)), &contract.name, edit.map(|c| Put::Contract(Box::new(c))));
            }
        }
    }
    for (i, pairs) in (0..).zip(&pack.pairs) {
        let Some(filter) = &pairs.filter else { continue };
        for edit in edits(pack, filter) {
            let put = |f| Put::Pairs(Box::new(Pairs { filter: Some(f), ..pairs.clone() }));
            add(Thing::Pairs(PairsId(i)), &pairs.name, edit.map(put));
        }
    }
    for (i, threshold) in (0..).zip(&pack.thresholds) {
        for edit in of_threshold(pack, threshold) {
            add(Thing::Threshold(ThresholdId(i)), &threshold.name, edit.map(|t| Put::Threshold(Box::new(t))));
        }
    }
    for (i, gate) in (0..).zip(&pack.gates) {
        for edit in of_gate(pack, gate) {
            add(Thing::Gate(GateId(i)), &gate.name, edit.map(|g| Put::Gate(Box::new(g))));
        }
    }
    for (i, stage) in (0..).zip(&pack.stages) {
        let Some(runs) = &stage.runs_while else { continue };
        let was = format!("runs while {}", print::expr(pack, runs));
        let none = Put::Stage(Box::new(Stage { runs_while: None, ..stage.clone() }));
        add(Thing::Stage(i), &stage.number, dropped(runs.span, was, none));
        for edit in edits(pack, runs) {
            let put = |e| Put::Stage(Box::new(Stage { runs_while: Some(e), ..stage.clone() }));
            add(Thing::Stage(i), &stage.number, edit.map(put));
        }
    }
    for (i, trigger) in (0..).zip(&pack.triggers) {
        for edit in of_trigger(pack, trigger) {
            add(Thing::Trigger(i), &trigger.name, edit.map(|t| Put::Trigger(Box::new(t))));
        }
    }
    for (i, rollback) in (0..).zip(&pack.rollbacks) {
        for edit in of_trigger(pack, &rollback.core) {
            add(Thing::Rollback(i), &rollback.core.name, edit.map(|t| Put::Trigger(Box::new(t))));
        }
    }
    for (i, decision) in (0..).zip(&pack.decisions) {
        for edit in of_decision(pack, decision) {
            add(Thing::Decision(i), &decision.name, edit.map(|d| Put::Decision(Box::new(d))));
        }
    }
    found.sort_by_key(|m| m.span);
    found
}

// ── running ──

/// Which tests look at what.
#[derive(Debug, Default)]
pub struct Tests {
    /// What each test reads.
    reads: Vec<BTreeSet<Thing>>,
    /// What each test speaks of.
    own: Vec<Vec<Thing>>,
    /// The rules each test has judged, where it was measured.
    judged: Vec<HashSet<RuleRef>>,
    /// What any test speaks of.
    named: BTreeSet<Thing>,
}

impl Tests {
    /// Of a pack, with what its tests reached.
    pub fn new(pack: &Pack, reached: &[HashSet<Point>]) -> Tests {
        let reads = (0..pack.tests.len()).map(|i| reach::of_test(pack, i)).collect();
        let own: Vec<Vec<Thing>> = (0..pack.tests.len()).map(|i| reach::named(pack, i)).collect();
        let judged = reached
            .iter()
            .map(|points| {
                let rules = points.iter().filter_map(|p| match p {
                    Point::Verdict(rule, _) | Point::Move(rule, _) => Some(*rule),
                    _ => None,
                });
                rules.collect()
            })
            .collect();
        let named = own.iter().flatten().copied().collect();
        Tests { reads, own, judged, named }
    }

    /// The tests that can notice a change of something: those that speak of it first, then those that read least.
    fn of(&self, thing: Thing) -> Vec<usize> {
        let rule = match thing {
            Thing::Trigger(i) => Some(RuleRef::Trigger(i)),
            Thing::Rollback(i) => Some(RuleRef::Rollback(i)),
            _ => None,
        };
        // A rule that slept through a test cannot change it.
        let awake = |i: usize| rule.is_none_or(|rule| self.judged.get(i).is_none_or(|j| j.contains(&rule)));
        let mut tests: Vec<usize> =
            (0..self.reads.len()).filter(|i| self.reads[*i].contains(&thing) && awake(*i)).collect();
        tests.sort_by_key(|i| (!self.own[*i].contains(&thing), self.reads[*i].len(), *i));
        tests
    }
}

fn swap(pack: &mut Pack, thing: Thing, put: &mut Put) {
    use std::mem::swap;
    match (thing, put) {
        (Thing::Param(id), Put::Param(value)) => swap(&mut pack.params[id.index()].value, value),
        (Thing::Metric(id), Put::Metric(metric)) => swap(&mut pack.metrics[id.index()], metric),
        (Thing::Contract(id), Put::Contract(contract)) => swap(&mut pack.contracts[id.index()], contract),
        (Thing::Pairs(id), Put::Pairs(pairs)) => swap(&mut pack.pairs[id.index()], pairs),
        (Thing::Threshold(id), Put::Threshold(threshold)) => swap(&mut pack.thresholds[id.index()], threshold),
        (Thing::Gate(id), Put::Gate(gate)) => swap(&mut pack.gates[id.index()], gate),
        (Thing::Stage(i), Put::Stage(stage)) => swap(&mut pack.stages[i as usize], stage),
        (Thing::Decision(i), Put::Decision(decision)) => swap(&mut pack.decisions[i as usize], decision),
        (Thing::Trigger(i), Put::Trigger(trigger)) => swap(&mut pack.triggers[i as usize], trigger),
        (Thing::Rollback(i), Put::Trigger(trigger)) => swap(&mut pack.rollbacks[i as usize].core, trigger),
        _ => {}
    }
}

/// Tries every mutant with the tests that can notice it, on some threads. `progress` hears how many are done.
pub fn judge(
    pack: &Pack,
    tests: &Tests,
    mutants: &[Mutant],
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Judged>, StoreError> {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let fates: Mutex<BTreeMap<usize, Fate>> = Mutex::new(BTreeMap::new());
    let work = || -> Result<(), StoreError> {
        let mut pack = pack.clone();
        let mut bench = Bench::new(&pack)?;
        // What noticed the last change of a rule is likely to notice the next.
        let mut last: HashMap<Thing, usize> = HashMap::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = mutants.get(i) else { return Ok(()) };
            let mut put = mutant.put.clone();
            swap(&mut pack, mutant.thing, &mut put);
            let mut order = tests.of(mutant.thing);
            if let Some(test) = last.get(&mutant.thing)
                && let Some(at) = order.iter().position(|t| t == test)
            {
                order[..=at].rotate_right(1);
            }
            let mut fate = Fate::Survived(order.len());
            for test in order {
                if scenario::fails(&pack, &mut bench, test)? {
                    last.insert(mutant.thing, test);
                    fate = Fate::Noticed(test);
                    break;
                }
            }
            swap(&mut pack, mutant.thing, &mut put);
            if let Ok(mut fates) = fates.lock() {
                fates.insert(i, fate);
            }
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    let worked: Vec<Result<(), StoreError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1))
            .filter_map(|_| std::thread::Builder::new().stack_size(64 * 1024 * 1024).spawn_scoped(scope, work).ok())
            .collect();
        threads.into_iter().filter_map(|t| t.join().ok()).collect()
    });
    for result in worked {
        result?;
    }
    let fates = fates.into_inner().unwrap_or_default();
    let judged = mutants.iter().enumerate().map(|(i, mutant)| Judged {
        mutant: mutant.clone(),
        fate: fates.get(&i).copied().unwrap_or(Fate::Survived(0)),
    });
    Ok(judged.collect())
}
