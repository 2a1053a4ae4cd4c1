//! What a rule reads, and what a test reads through the rules it speaks of.

use std::collections::BTreeSet;

use crate::lang::expr::{
    Binding, Checked, ContractId, Expr, ExprKind, GateId, Hop, MetricId, PairsId, ParamId, Relation, ThresholdId, Tie,
    Window, WindowKind,
};
use crate::lang::item::contract::Optional;
use crate::lang::item::metric::{Aggregate, Definition};
use crate::lang::item::step::{About, StepKind};
use crate::lang::item::test::{Action, Expectation, Subject};
use crate::lang::item::trigger::{Hold, OnDay, Pace, Trigger};
use crate::lang::pack::{Pack, RuleRef};
use crate::scenario;
use crate::tick::{restored_contracts, shifted_metrics};
use crate::value::Type;

/// Something of a pack that others read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Thing {
    /// A param.
    Param(ParamId),
    /// A metric.
    Metric(MetricId),
    /// A contract.
    Contract(ContractId),
    /// A pairs block.
    Pairs(PairsId),
    /// A threshold.
    Threshold(ThresholdId),
    /// A gate.
    Gate(GateId),
    /// A trigger, by its place.
    Trigger(u32),
    /// A rollback, by its place.
    Rollback(u32),
    /// A decision, by its place.
    Decision(u32),
    /// A stage, by its place.
    Stage(u32),
}

impl Thing {
    /// The thing that a rule is.
    pub fn of_rule(rule: RuleRef) -> Thing {
        match rule {
            RuleRef::Gate(i) => Thing::Gate(GateId(i)),
            RuleRef::Threshold(i) => Thing::Threshold(ThresholdId(i)),
            RuleRef::Trigger(i) => Thing::Trigger(i),
            RuleRef::Rollback(i) => Thing::Rollback(i),
            RuleRef::Contract(i) => Thing::Contract(ContractId(i)),
        }
    }
}

/// Whether an expression speaks of what a rule introduces, such as a proposal: no test can say what that is.
pub fn speaks_of_a_proposal(e: &Expr<Checked>) -> bool {
    let mut found = false;
    e.walk(&mut |e| {
        found |= matches!(&e.kind, ExprKind::Name(Binding::Introduced { .. } | Binding::IntroducedMetric(_)));
    });
    found
}

/// Whether an expression reads params alone.
pub fn is_of_params(e: &Expr<Checked>) -> bool {
    let mut params = true;
    e.walk(&mut |e| params &= !matches!(&e.kind, ExprKind::Name(b) if !matches!(b, Binding::Param(_))));
    params
}

/// What a thing reads, through everything it reads.
pub fn closure(pack: &Pack, from: impl IntoIterator<Item = Thing>) -> BTreeSet<Thing> {
    let mut seen: BTreeSet<Thing> = BTreeSet::new();
    let mut open: Vec<Thing> = from.into_iter().collect();
    while let Some(thing) = open.pop() {
        if seen.insert(thing) {
            let mut reads = Reads { pack, things: Vec::new() };
            reads.thing(thing);
            open.extend(reads.things);
        }
    }
    seen
}

/// What a test speaks of by name.
pub fn named(pack: &Pack, index: usize) -> Vec<Thing> {
    let subject = |s: &Subject| match s {
        Subject::Metric(id) => Thing::Metric(*id),
        Subject::Threshold(id) => Thing::Threshold(*id),
        Subject::Gate(id) => Thing::Gate(*id),
        Subject::Trigger(i) => Thing::Trigger(*i),
        Subject::Rollback(i) => Thing::Rollback(*i),
        Subject::Contract(id) => Thing::Contract(*id),
    };
    let rule = |rule: crate::lang::item::test::RuleRef| match rule {
        crate::lang::item::test::RuleRef::Trigger(i) => Thing::Trigger(i),
        crate::lang::item::test::RuleRef::Rollback(i) => Thing::Rollback(i),
    };
    let mut things: Vec<Thing> = pack.tests[index]
        .actions
        .iter()
        .filter_map(|(_, action)| match action {
            Action::Expect(Expectation::Value { subject: s, .. } | Expectation::Party { about: s, .. }) => {
                Some(subject(s))
            }
            Action::Expect(Expectation::Fired { rule: r, .. } | Expectation::Act { rule: r, .. }) => Some(rule(*r)),
            Action::Expect(Expectation::EqualsBaseline(id)) => Some(Thing::Contract(*id)),
            Action::Reply(reply) => Some(rule(reply.rule)),
            _ => None,
        })
        .collect();
    things.sort_unstable();
    things.dedup();
    things
}

/// Everything that can change how a test goes.
pub fn of_test(pack: &Pack, index: usize) -> BTreeSet<Thing> {
    let chain = scenario::chain(pack, index);
    let mut from = named(pack, index);
    from.extend(scenario::relevant(pack, &chain).into_iter().map(Thing::of_rule));
    if chain.iter().any(|t| t.actions.iter().any(|(_, a)| matches!(a, Action::Entered(_)))) {
        from.extend((0..pack.stages.len() as u32).map(Thing::Stage));
        from.extend(shifted_metrics(pack).into_iter().map(Thing::Metric));
        from.extend(restored_contracts(pack).into_iter().map(Thing::Contract));
    }
    closure(pack, from)
}

struct Reads<'a> {
    pack: &'a Pack,
    things: Vec<Thing>,
}

impl Reads<'_> {
    fn add(&mut self, thing: Thing) {
        self.things.push(thing);
    }

    fn relation(&mut self, relation: Relation) {
        self.add(of_relation(relation));
    }

    fn all<'e>(&mut self, all: impl IntoIterator<Item = &'e Expr<Checked>>) {
        for e in all {
            self.expr(e);
        }
    }

    fn expr(&mut self, e: &Expr<Checked>) {
        let mut found = Vec::new();
        e.walk(&mut |e| match &e.kind {
            ExprKind::Name(binding) => found.extend(of_binding(binding)),
            ExprKind::Exists(exists) => {
                found.push(of_relation(exists.rows.of));
                found.extend(hops_of(self.pack, exists.rows.of, &exists.rows.tie));
            }
            ExprKind::Holds(contracts) => found.extend(contracts.iter().map(|id| Thing::Contract(*id))),
            _ => {}
        });
        self.things.append(&mut found);
    }

    fn window(&mut self, window: Option<&Window<Checked>>) {
        if let Some(Window { kind: WindowKind::Last(length), .. }) = window {
            self.expr(length);
        }
    }

    fn thing(&mut self, thing: Thing) {
        let pack = self.pack;
        match thing {
            Thing::Param(_) => {}
            Thing::Metric(id) => {
                let metric = pack.metric(id);
                if let Some(grain) = metric.grain {
                    self.relation(grain);
                }
                if let Some((low, high)) = &metric.clamped {
                    self.all([low, high]);
                }
                match &metric.definition {
                    Definition::Aggregate(a) => self.aggregate(a),
                    Definition::Shift(_, of, _) | Definition::At(of, _) => {
                        self.things.extend(of_binding(of));
                    }
                    Definition::Formula(e) => self.expr(e),
                    Definition::Cases(cases) => {
                        for (value, when) in cases {
                            self.all(std::iter::once(value).chain(when));
                        }
                    }
                }
            }
            Thing::Contract(id) => self.contract(id),
            Thing::Pairs(id) => {
                let pairs = pack.pair(id);
                self.add(Thing::Contract(pairs.of));
                self.all(&pairs.filter);
                let contracts = pairs.sharing.iter().map(|s| s.contract).chain(pairs.found_in);
                self.things.extend(contracts.map(Thing::Contract));
            }
            Thing::Threshold(id) => {
                let threshold = pack.threshold(id);
                self.add(Thing::Metric(threshold.metric));
                let bands = std::iter::once(&threshold.target).chain(&threshold.acceptable).map(|b| &b.limit);
                self.all(bands.chain(&threshold.while_).chain(&threshold.settled));
            }
            Thing::Gate(id) => self.all(&pack.gate(id).lines),
            Thing::Stage(i) => self.all(&pack.stages[i as usize].runs_while),
            Thing::Decision(i) => {
                // Of a proposal nothing is known in a test: such a line decides without being read.
                let lines = pack.decisions[i as usize].lines.iter().filter_map(|l| l.when.as_ref());
                self.all(lines.filter(|e| is_of_params(e)));
            }
            Thing::Trigger(i) => self.trigger(&pack.triggers[i as usize]),
            Thing::Rollback(i) => self.trigger(&pack.rollbacks[i as usize].core),
        }
    }

    fn aggregate(&mut self, a: &Aggregate<Checked>) {
        self.relation(a.rows.of);
        let ties = hops_of(self.pack, a.rows.of, &a.rows.tie);
        self.things.extend(ties);
        self.window(a.window.as_ref());
        self.all(a.of.iter().chain(&a.filter).chain(&a.out_of));
    }

    fn contract(&mut self, id: ContractId) {
        let contract = self.pack.contract(id);
        for column in &contract.columns {
            if let Some(of) = column.refers {
                self.add(Thing::Contract(of));
            }
            self.all(column.low.iter().chain(&column.high));
            if let Optional::Unless(e) = &column.optional {
                self.expr(e);
            }
            if let Type::List(of) = &column.ty
                && let Some(i) = self.pack.contracts.iter().position(|c| c.name == *of)
            {
                self.add(Thing::Contract(ContractId(i as u32)));
            }
        }
        for fresh in &contract.fresh {
            self.all(std::iter::once(&fresh.within).chain(&fresh.stale).chain(&fresh.filter));
            if let Some((relation, _)) = fresh.per {
                self.relation(relation);
            }
        }
        for volume in &contract.volume {
            self.all(std::iter::once(&volume.every).chain(&volume.filter));
            if let Some((relation, _)) = volume.per {
                self.relation(relation);
            }
        }
        self.things.extend(contract.links.iter().map(|l| Thing::Pairs(l.pairs)));
    }

    fn trigger(&mut self, trigger: &Trigger) {
        if let Some(grain) = trigger.grain {
            self.relation(grain);
        }
        if let Some(stage) = &trigger.stage
            && let Some(i) = self.pack.stages.iter().position(|s| s.number == *stage)
        {
            self.add(Thing::Stage(i as u32));
        }
        for condition in std::iter::once(&trigger.when).chain(&trigger.clear) {
            self.expr(&condition.expr);
            if let Some(Hold::For(length)) = &condition.hold {
                self.expr(length);
            }
        }
        self.all(&trigger.unless);
        for end in &trigger.ends {
            self.all(std::iter::once(&end.when).chain(&end.rest));
        }
        if let Some(depth) = &trigger.depth {
            self.all(std::iter::once(&depth.at_most).chain(&depth.again_after));
        }
        if let Some(once) = &trigger.once {
            self.all(once.within.iter().chain(once.later.as_ref().map(|(_, e)| e)));
        }
        self.pace(&trigger.check.pace);
        if let Some((while_, pace)) = &trigger.check.other {
            self.expr(while_);
            self.pace(pace);
        }
        for step in &trigger.steps {
            self.all(&step.only);
            match &step.kind {
                StepKind::Ask(ask) => {
                    self.expr(&ask.within);
                    if let About::Approval { decision, .. } = ask.about {
                        self.add(Thing::Decision(decision));
                    }
                }
                StepKind::Fire(target) => self.add(Thing::Trigger(*target)),
                _ => {}
            }
        }
    }

    fn pace(&mut self, pace: &Pace) {
        match pace {
            // How soon a change is seen is a promise of the daemon.
            Pace::OnChange { .. } | Pace::Daily(_) | Pace::Weekly(_) => {}
            Pace::Every(e) | Pace::AfterEach(e, _) => self.expr(e),
            Pace::Monthly(day) | Pace::Quarterly(day) | Pace::Yearly(day) => {
                if let OnDay::Day(e) = day {
                    self.expr(e);
                }
            }
        }
    }
}

fn of_relation(relation: Relation) -> Thing {
    match relation {
        Relation::Contract(id) => Thing::Contract(id),
        Relation::Pairs(id) => Thing::Pairs(id),
    }
}

fn of_binding(binding: &Binding) -> Option<Thing> {
    Some(match binding {
        Binding::Param(id) => Thing::Param(*id),
        Binding::Threshold(id) => Thing::Threshold(*id),
        Binding::Gate(id) => Thing::Gate(*id),
        Binding::Metric { metric, .. } | Binding::IntroducedMetric(metric) => Thing::Metric(*metric),
        Binding::Column { of, .. } => of_relation(*of),
        Binding::Introduced { contract, .. } => Thing::Contract(*contract),
        Binding::Now => return None,
    })
}

/// The relations that a tie passes through.
fn hops_of(pack: &Pack, from: Relation, tie: &Tie) -> Vec<Thing> {
    let hops: &[Hop] = match tie {
        Tie::Anywhere => &[],
        Tie::LeadHere(hops) => hops,
        Tie::Common { theirs, .. } => theirs,
    };
    let mut at = from;
    let mut found = Vec::new();
    for hop in hops {
        let Some(next) = pack.hop_target(at, *hop) else { break };
        found.push(of_relation(next));
        at = next;
    }
    found
}
