//! What the tests of a pack reach: every rule, each of its branches, and each way in which it can be unknown.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::reach::{self, Thing};
use crate::engine::judge::Outcome;
use crate::engine::reading::Reason;
use crate::engine::trace::{Move, Point, Trace, Truth};
use crate::lang::expr::{Anchor, Arith, Binding, Checked, ContractId, Expr, ExprKind, MetricId};
use crate::lang::item::Noun;
use crate::lang::item::contract::Optional;
use crate::lang::item::decision::Who;
use crate::lang::item::metric::{Definition, Fold, Shift, Then};
use crate::lang::item::step::{About, StepKind};
use crate::lang::item::trigger::{Hold, Trigger};
use crate::lang::pack::{Pack, RuleRef};
use crate::lang::print;
use crate::scenario::{self, Bench};
use crate::source::Span;
use crate::store::StoreError;

/// What kind of thing a test should reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The rule is judged at all.
    Rule,
    /// One of the ways it can go.
    Branch,
    /// One of the reasons for which it can be unknown.
    Unknown,
}

impl Kind {
    /// The word, in the plural.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Rule => "rules",
            Kind::Branch => "branches",
            Kind::Unknown => "unknown cases",
        }
    }
}

/// Something that a test should reach.
#[derive(Debug, Clone)]
pub struct Goal {
    /// What kind.
    pub kind: Kind,
    /// The rule it belongs to.
    pub rule: Arc<str>,
    /// The noun of the rule.
    pub noun: Noun,
    /// Where it stands.
    pub span: Span,
    /// What is to be reached, in words.
    pub what: String,
    /// Any of these reaches it.
    by: Vec<Point>,
    /// Whether some test does.
    pub reached: bool,
}

/// How much the tests of a pack reach.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Everything to be reached, rule by rule in the order of the pack.
    pub goals: Vec<Goal>,
    /// What each test reached, by its place in the pack.
    pub reached: Vec<HashSet<Point>>,
    /// How many of the tests failed.
    pub failed: usize,
}

impl Coverage {
    /// How many goals of a kind are reached, and how many there are.
    pub fn count(&self, kind: Kind) -> (usize, usize) {
        let all = || self.goals.iter().filter(|g| g.kind == kind);
        (all().filter(|g| g.reached).count(), all().count())
    }

    /// The percent of a kind that is reached, rounded down so that 100 means all.
    pub fn percent(&self, kind: Kind) -> usize {
        let (reached, all) = self.count(kind);
        (reached * 100).checked_div(all).unwrap_or(100)
    }
}

/// Runs some tests, and says what they reach. `progress` hears how many are done.
pub fn measure(pack: &Pack, tests: &[usize], progress: &mut dyn FnMut(usize)) -> Result<Coverage, StoreError> {
    let mut bench = Bench::new(pack)?;
    let mut reached = vec![HashSet::new(); pack.tests.len()];
    let mut failed = 0;
    for (done, index) in tests.iter().copied().enumerate() {
        let trace = Trace::new();
        failed += usize::from(!scenario::run_traced(pack, &mut bench, index, &trace)?.is_empty());
        reached[index] = trace.points();
        progress(done + 1);
    }
    let mut goals = goals(pack);
    for goal in &mut goals {
        goal.reached = goal.by.iter().any(|point| reached.iter().any(|r| r.contains(point)));
    }
    Ok(Coverage { goals, reached, failed })
}

/// Everything that the tests of a pack should reach.
pub fn goals(pack: &Pack) -> Vec<Goal> {
    let mut goals = Vec::new();
    for item in pack.items() {
        let mut of = Of { pack, noun: item.noun, rule: Arc::from(item.name), span: item.span, goals: Vec::new() };
        let i = item.index as usize;
        match item.noun {
            Noun::Contract if pack.contracts[i].is_table() && !pack.contracts[i].kept => {
                of.verdicts(RuleRef::Contract(item.index), &[Outcome::Holds, Outcome::Violated]);
            }
            Noun::Metric => of.metric(MetricId(item.index)),
            Noun::Threshold => of.threshold(item.index),
            Noun::Gate => {
                let rule = RuleRef::Gate(item.index);
                of.verdicts(rule, &[Outcome::Open, Outcome::Closed]);
                of.parts_of_all(&pack.gates[i].lines);
                of.unknowns(Thing::of_rule(rule), |reason| Point::Blind(rule, reason));
            }
            Noun::Trigger => of.trigger(RuleRef::Trigger(item.index), &pack.triggers[i]),
            Noun::Rollback => of.trigger(RuleRef::Rollback(item.index), &pack.rollbacks[i].core),
            Noun::Decision => of.decision(item.index),
            _ => {}
        }
        goals.append(&mut of.goals);
    }
    goals
}

/// The goals of one rule in the making.
struct Of<'a> {
    pack: &'a Pack,
    noun: Noun,
    rule: Arc<str>,
    span: Span,
    goals: Vec<Goal>,
}

impl Of<'_> {
    fn goal(&mut self, kind: Kind, span: Span, what: impl Into<String>, by: Vec<Point>) {
        let (rule, noun) = (self.rule.clone(), self.noun);
        self.goals.push(Goal { kind, rule, noun, span, what: what.into(), by, reached: false });
    }

    /// The rule is judged, and has each of its verdicts.
    fn verdicts(&mut self, rule: RuleRef, outcomes: &[Outcome]) {
        let judged = outcomes.iter().chain(&[Outcome::Unknown]).map(|o| Point::Verdict(rule, *o)).collect();
        self.goal(Kind::Rule, self.span, "judged", judged);
        for outcome in outcomes {
            self.goal(Kind::Branch, self.span, outcome.word(), vec![Point::Verdict(rule, *outcome)]);
        }
    }

    /// Each part of a condition that has several, both ways; a condition that is one part only where `whole` asks.
    fn parts(&mut self, e: &Expr<Checked>, whole: bool) {
        if reach::speaks_of_a_proposal(e) {
            // Where only some parts speak of a proposal the others can be judged.
            if let ExprKind::Joint(_, all) = &e.kind {
                all.iter().for_each(|e| self.parts(e, true));
            }
            return;
        }
        match &e.kind {
            ExprKind::Joint(_, all) => all.iter().for_each(|e| self.parts(e, true)),
            ExprKind::Not(inner) => self.parts(inner, whole),
            _ if whole => {
                for truth in [Truth::Yes, Truth::No] {
                    let what = format!("`{}` is {}", print::expr(self.pack, e), truth.word());
                    self.goal(Kind::Branch, e.span, what, vec![Point::Part(e.span, truth)]);
                }
            }
            _ => {}
        }
    }

    fn parts_of_all<'e>(&mut self, all: impl IntoIterator<Item = &'e Expr<Checked>>) {
        for e in all {
            self.parts(e, true);
        }
    }

    fn unknowns(&mut self, thing: Thing, point: impl Fn(Reason) -> Point) {
        for (what, reasons) in ways_to_be_unknown(self.pack, thing) {
            let by = reasons.iter().map(|r| point(*r)).collect();
            self.goal(Kind::Unknown, self.span, format!("unknown because {what}"), by);
        }
    }

    fn metric(&mut self, id: MetricId) {
        let Definition::Cases(cases) = &self.pack.metric(id).definition else { return };
        let blind: Vec<Point> = ALL_REASONS.iter().map(|r| Point::BlindCases(id, *r)).collect();
        let judged = (0..cases.len()).map(|i| Point::Case(id, i)).chain(blind).collect();
        self.goal(Kind::Rule, self.span, "judged", judged);
        for (i, (value, when)) in cases.iter().enumerate() {
            let what = match when {
                Some(when) => format!("is {} when {}", print::expr(self.pack, value), print::expr(self.pack, when)),
                None => format!("is {} otherwise", print::expr(self.pack, value)),
            };
            self.goal(Kind::Branch, value.span, what, vec![Point::Case(id, i)]);
            if let Some(when) = when {
                self.parts(when, false);
            }
        }
        self.unknowns(Thing::Metric(id), |reason| Point::BlindCases(id, reason));
    }

    fn threshold(&mut self, index: u32) {
        let threshold = &self.pack.thresholds[index as usize];
        let rule = RuleRef::Threshold(index);
        let mut outcomes = vec![Outcome::Met];
        outcomes.extend(threshold.acceptable.as_ref().map(|_| Outcome::Acceptable));
        outcomes.push(Outcome::Breached);
        outcomes.extend(threshold.while_.as_ref().map(|_| Outcome::Off));
        self.verdicts(rule, &outcomes);
        if let Some(while_) = &threshold.while_ {
            self.parts(while_, false);
        }
        self.unknowns(Thing::of_rule(rule), |reason| Point::Blind(rule, reason));
    }

    fn decision(&mut self, index: u32) {
        let decision = &self.pack.decisions[index as usize];
        let all = (0..decision.lines.len()).map(|i| Point::Decided(index, i)).collect();
        self.goal(Kind::Rule, self.span, "decided", all);
        for (i, line) in decision.lines.iter().enumerate() {
            // In a test nothing is known of what is decided about: the first line that asks of it and names people
            // decides, and nothing below it can.
            let readable = line.when.as_ref().is_none_or(reach::is_of_params);
            let by_itself = matches!(line.who, Who::ByItself);
            if !readable && by_itself {
                continue;
            }
            let what = match &line.when {
                Some(when) => format!("decides when {}", print::expr(self.pack, when)),
                None => "decides otherwise".to_owned(),
            };
            self.goal(Kind::Branch, line.span, what, vec![Point::Decided(index, i)]);
            if !readable {
                break;
            }
        }
    }

    fn trigger(&mut self, rule: RuleRef, trigger: &Trigger) {
        let moved = |m: Move| vec![Point::Move(rule, m)];
        self.verdicts(rule, &[Outcome::Fires, Outcome::Clear]);
        self.parts(&trigger.when.expr, false);
        if let Some(Hold::For(_)) = trigger.when.hold {
            self.goal(Kind::Branch, trigger.when.expr.span, "pending, not yet for long enough", moved(Move::Pending));
        }
        let cleared = trigger.clear.as_ref().map_or(trigger.when.expr.span, |c| c.expr.span);
        self.goal(Kind::Branch, cleared, "a firing clears", moved(Move::Cleared));
        if let Some(clear) = &trigger.clear {
            self.parts(&clear.expr, false);
        }
        self.parts_of_all(&trigger.unless);
        if let Some(once) = &trigger.once {
            let span = once.within.iter().chain(once.later.as_ref().map(|l| &l.1)).next().map_or(self.span, |e| e.span);
            self.goal(Kind::Branch, span, "cooling, it may not fire again yet", moved(Move::Cooling));
        }
        if let Some(depth) = &trigger.depth {
            self.goal(Kind::Branch, depth.at_most.span, "it has tried as often as it may", moved(Move::Exhausted));
        }
        for (i, step) in trigger.steps.iter().enumerate() {
            let told_only_by_a_proposal = step.only.as_ref().is_some_and(reach::speaks_of_a_proposal);
            if told_only_by_a_proposal {
                continue;
            }
            let verb = step.kind.verb();
            self.goal(
                Kind::Branch,
                step.span,
                format!("step {} (`{verb}`) is carried out", i + 1),
                moved(Move::Step(i)),
            );
            if let Some(only) = &step.only {
                self.parts(only, true);
            }
            let StepKind::Ask(ask) = &step.kind else { continue };
            match &ask.about {
                About::Approval { .. } => {
                    self.goal(Kind::Branch, step.span, "it is approved", moved(Move::Yes(i)));
                    self.goal(Kind::Branch, step.span, "it is refused", moved(Move::No(i)));
                }
                About::Choice { words, .. } => {
                    for word in words {
                        let chose = moved(Move::Chose(i, word.clone()));
                        self.goal(Kind::Branch, step.span, format!("the answer is {word}"), chose);
                    }
                }
            }
            let silence = format!("nobody answers (else {})", ask.silence.word());
            self.goal(Kind::Branch, step.span, silence, moved(Move::Silence(i)));
        }
        for (i, end) in trigger.ends.iter().enumerate() {
            if !reach::speaks_of_a_proposal(&end.when) {
                self.goal(Kind::Branch, end.span, format!("it ends as {}", end.word), moved(Move::Ended(i)));
            }
            self.parts(&end.when, false);
        }
        self.unknowns_of_when(rule, trigger);
    }

    /// A trigger is blind where its `when` is; what its steps and ends read is another matter.
    fn unknowns_of_when(&mut self, rule: RuleRef, trigger: &Trigger) {
        let things = things_of(&trigger.when.expr);
        let mut ways = BTreeSet::new();
        for thing in things {
            ways.extend(ways_to_be_unknown(self.pack, thing).into_iter().map(|(what, _)| what));
        }
        ways.extend(own_ways(&trigger.when.expr));
        for (what, reasons) in WAYS {
            if ways.contains(what) {
                let by = reasons.iter().map(|r| Point::Blind(rule, *r)).collect();
                self.goal(Kind::Unknown, trigger.when.expr.span, format!("unknown because {what}"), by);
            }
        }
    }
}

/// The ways in which something can be unknown, each with the reasons that judging gives for it.
const WAYS: [(&str, &[Reason]); 6] = [
    ("a value is missing or breaks its contract", &[Reason::MissingValue, Reason::NotGiven, Reason::BadRow]),
    ("there are no rows, or too few", &[Reason::NoRows, Reason::TooFewRows]),
    ("its newest row is stale", &[Reason::Stale]),
    ("it is divided by zero", &[Reason::DividedByZero]),
    ("it grew from nothing", &[Reason::BaseNotPositive]),
    ("there is no baseline", &[Reason::NoBaseline]),
];

const ALL_REASONS: [Reason; 10] = [
    Reason::MissingValue,
    Reason::NotGiven,
    Reason::BadRow,
    Reason::NoRows,
    Reason::TooFewRows,
    Reason::Stale,
    Reason::DividedByZero,
    Reason::BaseNotPositive,
    Reason::NoBaseline,
    Reason::Orphan,
];

/// What an expression reads itself.
fn things_of(e: &Expr<Checked>) -> Vec<Thing> {
    let mut found = Vec::new();
    e.walk(&mut |e| match &e.kind {
        ExprKind::Name(Binding::Metric { metric, .. }) => found.push(Thing::Metric(*metric)),
        ExprKind::Name(Binding::Threshold(id)) => found.push(Thing::Threshold(*id)),
        ExprKind::Name(Binding::Gate(id)) => found.push(Thing::Gate(*id)),
        _ => {}
    });
    found
}

/// What can be unknown in an expression beside what the metrics in it bring along.
fn own_ways(e: &Expr<Checked>) -> Vec<&'static str> {
    let mut found = Vec::new();
    e.walk(&mut |e| match &e.kind {
        ExprKind::Name(Binding::Column { .. }) | ExprKind::Exists(_) => found.push(WAYS[0].0),
        ExprKind::Arith(Arith::Div | Arith::PercentOf, _, by) if !is_constant(by) => found.push(WAYS[3].0),
        ExprKind::Distance(d) => {
            if let Anchor::Before(_) | Anchor::After(_) = d.anchor {
                found.push(WAYS[0].0);
            }
        }
        _ => {}
    });
    found
}

fn is_constant(e: &Expr<Checked>) -> bool {
    reach::is_of_params(e)
}

/// How something can be unknown, as far as its definition tells.
fn ways_to_be_unknown(pack: &Pack, thing: Thing) -> Vec<(&'static str, &'static [Reason])> {
    let mut ways: BTreeSet<&'static str> = BTreeSet::new();
    for thing in reach::closure(pack, [thing]) {
        match thing {
            Thing::Metric(id) => match &pack.metric(id).definition {
                Definition::Aggregate(a) => {
                    let empty_is_zero = matches!(a.fold, Fold::Count | Fold::CountDistinct | Fold::Sum);
                    if (!empty_is_zero || a.needs.is_some()) && !a.ignoring_unknown {
                        ways.insert(WAYS[1].0);
                    }
                }
                Definition::Shift(shift, _, then) => {
                    if then.then == Some(Then::Baseline) {
                        ways.insert(WAYS[5].0);
                    }
                    if matches!(shift, Shift::Change | Shift::Drop) {
                        ways.insert(WAYS[4].0);
                    }
                }
                Definition::At(_, then) if then.then == Some(Then::Baseline) => {
                    ways.insert(WAYS[5].0);
                }
                Definition::Formula(e) => ways.extend(own_ways(e).into_iter().filter(|w| *w != WAYS[0].0)),
                _ => {}
            },
            Thing::Contract(id) => ways.extend(contract_ways(pack, id)),
            _ => {}
        }
    }
    WAYS.into_iter().filter(|(what, _)| ways.contains(what)).collect()
}

fn contract_ways(pack: &Pack, id: ContractId) -> Vec<&'static str> {
    let contract = pack.contract(id);
    let mut ways = Vec::new();
    if contract.fresh.iter().any(|f| f.stale.is_some()) {
        ways.push(WAYS[2].0);
    }
    let needed = |i: usize| !contract.key.contains(&(i as u32));
    if contract.columns.iter().enumerate().any(|(i, c)| needed(i) && c.optional == Optional::Required) {
        ways.push(WAYS[0].0);
    }
    ways
}
