//! What a rule reads, and how each thing it reads leads to its own key: so that after a change only the keys are judged
//! anew whose verdict can be another.
//!
//! Pure: the pack and its plan are all it looks at. It may name too much and never too little: what cannot be told
//! exactly concerns every key.

use std::collections::{BTreeMap, BTreeSet};

use crate::lang::expr::{
    Anchor, Binding, Checked, ContractId, Exists, Expr, ExprKind, Hop, MetricId, Relation, Rows, Tie, Window,
};
use crate::lang::item::metric::{Aggregate, Definition, Then};
use crate::lang::item::step::{About, StepKind};
use crate::lang::item::trigger::Trigger;
use crate::lang::pack::{Pack, RuleRef};
use crate::plan::{GroupId, GroupUse, Moment, MomentId, Plan, cadence_moment, hold_moments, pace_moment};
use crate::value::Type;

/// Something that is read and may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// Rows, at whatever moment.
    Rows(Relation),
    /// The groups of a scan.
    Group(GroupId),
    /// How a contract stands.
    Contract(ContractId),
    /// When a moment of the plan is that stays the same for a whole period.
    Moment(MomentId),
}

/// Which keys of a rule a changed row or group concerns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Its own.
    Own,
    /// The one it leads to.
    Via(Vec<Hop>),
    /// Every one.
    All,
}

/// Which keys of a rule are to be judged anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// None.
    None,
    /// These, by their numbers.
    Some(BTreeSet<u32>),
    /// All of them, or the portfolio.
    All,
}

/// All that a rule reads.
#[derive(Debug, Clone, Default)]
pub struct Dependencies {
    /// Each thing with the keys that it concerns.
    pub on: BTreeMap<Input, BTreeSet<Reach>>,
    /// Its verdict can change by the passing of time alone.
    pub timely: bool,
}

impl Dependencies {
    /// What a rule of a plan reads.
    pub fn of(pack: &Pack, plan: &Plan, rule: RuleRef) -> Dependencies {
        let mut finder = Finder { pack, plan, found: Dependencies::default(), seen: BTreeSet::new() };
        for stage in &pack.stages {
            if let Some(e) = &stage.runs_while {
                finder.expr(e, &[], MomentId::NOW);
            }
        }
        finder.rule(rule);
        finder.found
    }
}

impl Dependencies {
    /// What the rows of an aggregate's relation add to it is made from, seen from each row.
    pub fn of_rows(pack: &Pack, plan: &Plan, a: &Aggregate<Checked>) -> Dependencies {
        let mut finder = Finder { pack, plan, found: Dependencies::default(), seen: BTreeSet::new() };
        let scopes = [(a.rows.of, Reach::Own)];
        finder.on(Input::Rows(a.rows.of), Reach::Own);
        for e in a.of.iter().chain(&a.filter) {
            finder.expr(e, &scopes, MomentId::NOW);
        }
        finder.found
    }
}

/// Rows in scope: whose, and how one of them leads to the key of the rule.
type Scope = (Relation, Reach);

struct Finder<'a> {
    pack: &'a Pack,
    plan: &'a Plan,
    found: Dependencies,
    seen: BTreeSet<(MetricId, MomentId, Reach)>,
}

impl Finder<'_> {
    fn on(&mut self, input: Input, reach: Reach) {
        self.found.on.entry(input).or_default().insert(reach);
    }

    /// The id of a moment, and that its verdict is another when the period is.
    fn moment(&mut self, moment: &Moment) -> MomentId {
        let id = self.plan.moment(moment).unwrap_or(MomentId::NOW);
        if matches!(moment, Moment::Closed(..)) {
            self.on(Input::Moment(id), Reach::All);
        }
        id
    }

    fn rule(&mut self, rule: RuleRef) {
        match rule {
            RuleRef::Contract(i) => self.holds(ContractId(i), 0),
            RuleRef::Gate(i) => {
                for line in &self.pack.gates[i as usize].lines {
                    self.expr(line, &[], MomentId::NOW);
                }
            }
            RuleRef::Threshold(i) => self.threshold(i, Reach::Own),
            RuleRef::Trigger(i) => self.trigger(&self.pack.triggers[i as usize]),
            RuleRef::Rollback(i) => self.trigger(&self.pack.rollbacks[i as usize].core),
        }
    }

    fn threshold(&mut self, index: u32, reach: Reach) {
        let pack = self.pack;
        let threshold = &pack.thresholds[index as usize];
        let moment = self.moment(&cadence_moment(threshold.cadence));
        let scopes: Vec<Scope> =
            pack.metric(threshold.metric).grain.map(|grain| (grain, reach.clone())).into_iter().collect();
        if let Some((grain, reach)) = scopes.first() {
            self.on(Input::Rows(*grain), reach.clone());
        }
        // A period that settles later says so.
        self.found.timely |= threshold.settled.is_some();
        self.metric(threshold.metric, reach, moment);
        let limits = std::iter::once(&threshold.target).chain(&threshold.acceptable).map(|b| &b.limit);
        for e in limits.chain(&threshold.while_) {
            self.expr(e, &scopes, moment);
        }
    }

    fn trigger(&mut self, trigger: &Trigger) {
        let pack = self.pack;
        let scopes: Vec<Scope> = trigger.grain.map(|grain| (grain, Reach::Own)).into_iter().collect();
        if let Some(grain) = trigger.grain {
            self.on(Input::Rows(grain), Reach::Own);
        }
        let mut dues = vec![pace_moment(&trigger.check.pace)];
        if let Some((e, pace)) = &trigger.check.other {
            self.expr(e, &scopes, MomentId::NOW);
            dues.push(pace_moment(pace));
        }
        for condition in std::iter::once(&trigger.when).chain(&trigger.clear) {
            for due in &dues {
                for moment in hold_moments(condition.hold.as_ref(), due.clone()) {
                    let moment = self.moment(&moment);
                    self.expr(&condition.expr, &scopes, moment);
                }
            }
        }
        for step in &trigger.steps {
            if let StepKind::Ask(ask) = &step.kind
                && let About::Approval { decision, .. } = &ask.about
                && let Some(decision) = pack.decisions.get(*decision as usize)
                && decision.is_about(trigger.grain)
            {
                for when in decision.lines.iter().filter_map(|l| l.when.as_ref()) {
                    self.expr(when, &scopes, MomentId::NOW);
                }
            }
        }
        let others = trigger.unless.iter().chain(trigger.ends.iter().map(|e| &e.when));
        for e in others.chain(trigger.steps.iter().filter_map(|s| s.only.as_ref())) {
            self.expr(e, &scopes, MomentId::NOW);
        }
    }

    /// Follows references: whatever lies on the way or at the end concerns every key.
    fn hops(&mut self, from: Relation, hops: &[Hop]) {
        let mut at = from;
        for hop in hops {
            let Some(next) = self.pack.hop_target(at, *hop) else { return };
            self.on(Input::Rows(next), Reach::All);
            at = next;
        }
    }

    fn expr(&mut self, e: &Expr<Checked>, scopes: &[Scope], moment: MomentId) {
        match &e.kind {
            ExprKind::Literal(_) | ExprKind::Answered(..) => {}
            ExprKind::Name(binding) => self.binding(binding, scopes, moment),
            ExprKind::Not(e) | ExprKind::Presence(_, _, e) => self.expr(e, scopes, moment),
            ExprKind::Joint(_, all) => all.iter().for_each(|e| self.expr(e, scopes, moment)),
            ExprKind::Compare(_, a, b) | ExprKind::Arith(_, a, b) => {
                self.expr(a, scopes, moment);
                self.expr(b, scopes, moment);
            }
            ExprKind::OneOf(_, e, all) => {
                self.expr(e, scopes, moment);
                all.iter().for_each(|e| self.expr(e, scopes, moment));
            }
            ExprKind::Between(e, a, b) => [e, a, b].into_iter().for_each(|e| self.expr(e, scopes, moment)),
            ExprKind::Distance(d) => {
                self.found.timely = true;
                self.expr(&d.value, scopes, moment);
                self.expr(&d.span, scopes, moment);
                if let Anchor::Before(e) | Anchor::After(e) = &d.anchor {
                    self.expr(e, scopes, moment);
                }
            }
            ExprKind::Exists(exists) => self.exists(exists, scopes, moment),
            ExprKind::Holds(contracts) => contracts.iter().for_each(|id| self.holds(*id, 0)),
        }
    }

    fn binding(&mut self, binding: &Binding, scopes: &[Scope], moment: MomentId) {
        match binding {
            Binding::Param(_) | Binding::Introduced { .. } | Binding::IntroducedMetric(_) => {}
            Binding::Now => self.found.timely = true,
            Binding::Column { depth, hops, .. } => {
                let Some((from, reach)) = scopes.get(usize::from(*depth)).cloned() else { return };
                self.on(Input::Rows(from), reach);
                self.hops(from, hops);
            }
            Binding::Metric { depth, hops, metric } => match scopes.get(usize::from(*depth)).cloned() {
                Some((from, reach)) if self.pack.metric(*metric).grain.is_some() => {
                    self.on(Input::Rows(from), reach.clone());
                    self.hops(from, hops);
                    self.metric(*metric, if hops.is_empty() { reach } else { Reach::All }, moment);
                }
                _ => self.metric(*metric, Reach::All, moment),
            },
            Binding::Threshold(id) => {
                let grain = self.pack.metric(self.pack.threshold(*id).metric).grain;
                let own = scopes.iter().find(|(relation, _)| Some(*relation) == grain);
                let reach = own.map_or(Reach::All, |(_, reach)| reach.clone());
                self.threshold(id.0, reach);
            }
            Binding::Gate(id) => {
                for line in &self.pack.gate(*id).lines {
                    self.expr(line, &[], MomentId::NOW);
                }
            }
        }
    }

    /// The rows that a scope of rows adds, seen from the innermost one before it.
    fn inner(&mut self, rows: &Rows, scopes: &[Scope]) -> Scope {
        let reach = match (&rows.tie, scopes.first().map(|(_, reach)| reach)) {
            (Tie::LeadHere(hops), Some(Reach::Own)) => Reach::Via(hops.clone()),
            (Tie::LeadHere(hops), Some(Reach::Via(further))) => {
                Reach::Via(hops.iter().chain(further).copied().collect())
            }
            _ => Reach::All,
        };
        match &rows.tie {
            Tie::Anywhere => {}
            Tie::LeadHere(hops) => self.hops(rows.of, hops),
            Tie::Common { theirs, ours } => {
                self.hops(rows.of, theirs);
                if let Some((here, _)) = scopes.first().cloned() {
                    self.hops(here, ours);
                }
            }
        }
        // A row of the key's own contract is no other row: what it leads to is itself.
        let reach = if reach == Reach::Via(Vec::new()) { Reach::Own } else { reach };
        self.on(Input::Rows(rows.of), reach.clone());
        (rows.of, reach)
    }

    fn exists(&mut self, x: &Exists<Checked>, scopes: &[Scope], moment: MomentId) {
        let mut inner = vec![self.inner(&x.rows, scopes)];
        self.found.timely |= x.window.is_some();
        inner.extend_from_slice(scopes);
        if let Some(filter) = &x.filter {
            self.expr(filter, &inner, moment);
        }
        let hops: &[Hop] = if let Tie::LeadHere(hops) = &x.rows.tie { hops } else { &[] };
        if let Relation::Contract(id) = x.rows.of {
            let reach = scopes.first().map_or(Reach::All, |(_, reach)| reach.clone());
            self.promises(id, hops, reach, moment);
        }
    }

    fn metric(&mut self, id: MetricId, reach: Reach, moment: MomentId) {
        if !self.seen.insert((id, moment, reach.clone())) {
            return;
        }
        let pack = self.pack;
        let metric = pack.metric(id);
        let scopes: Vec<Scope> = metric.grain.map(|grain| (grain, reach.clone())).into_iter().collect();
        match &metric.definition {
            Definition::Aggregate(a) => self.aggregate(id, a, &scopes, moment),
            Definition::Shift(_, Binding::Metric { metric, .. }, then) => {
                self.metric(*metric, reach.clone(), moment);
                self.shifted(*metric, then.then.as_ref(), reach, moment);
            }
            Definition::At(Binding::Metric { metric, .. }, then) => {
                self.shifted(*metric, then.then.as_ref(), reach, moment);
            }
            Definition::Shift(..) | Definition::At(..) => {}
            Definition::Formula(e) => self.expr(e, &scopes, moment),
            Definition::Cases(cases) => {
                for (value, when) in cases {
                    self.expr(value, &scopes, moment);
                    if let Some(when) = when {
                        self.expr(when, &scopes, moment);
                    }
                }
            }
        }
    }

    fn shifted(&mut self, id: MetricId, then: Option<&Then>, reach: Reach, moment: MomentId) {
        let Some(then) = then else { return };
        let at = match then {
            Then::Previous(period) => self.moment(&Moment::Closed(moment, *period, 1)),
            other => self.moment(&Moment::Then(moment, other.clone())),
        };
        self.metric(id, reach, at);
    }

    fn aggregate(&mut self, id: MetricId, a: &Aggregate<Checked>, scopes: &[Scope], moment: MomentId) {
        let hops: &[Hop] = if let Tie::LeadHere(hops) = &a.rows.tie { hops } else { &[] };
        let reach = scopes.first().map_or(Reach::All, |(_, reach)| reach.clone());
        if let Relation::Contract(contract) = a.rows.of {
            self.promises(contract, hops, reach.clone(), moment);
        }
        if let Some(used) = self.plan.served.get(&(id, moment)) {
            self.on(Input::Group(used.scan), reach);
            return;
        }
        let mut inner = vec![self.inner(&a.rows, scopes)];
        self.window(a.window.as_ref());
        inner.extend_from_slice(scopes);
        for e in a.of.iter().chain(&a.filter).chain(&a.out_of) {
            self.expr(e, &inner, moment);
        }
    }

    fn window(&mut self, window: Option<&Window<Checked>>) {
        self.found.timely |= window.is_some();
    }

    /// What promises of freshness and volume are judged by.
    fn promises(&mut self, id: ContractId, hops: &[Hop], reach: Reach, moment: MomentId) {
        let pack = self.pack;
        let contract = pack.contract(id);
        self.on(Input::Contract(id), Reach::All);
        let nobody = Vec::new();
        for fresh in &contract.fresh {
            self.found.timely = true;
            let theirs = fresh.per.as_ref().map_or(&nobody, |(_, hops)| hops);
            let used = self.plan.newest.get(&(id, theirs.clone(), moment)).cloned();
            self.promise(used, fresh.per.as_ref(), fresh.filter.as_ref(), hops, &reach, moment);
        }
        for (i, volume) in contract.volume.iter().enumerate() {
            let used = self.plan.volumes.get(&(id, i, moment)).cloned();
            self.promise(used, volume.per.as_ref(), volume.filter.as_ref(), hops, &reach, moment);
        }
    }

    fn promise(
        &mut self,
        used: Option<GroupUse>,
        per: Option<&(Relation, Vec<Hop>)>,
        filter: Option<&Expr<Checked>>,
        hops: &[Hop],
        reach: &Reach,
        moment: MomentId,
    ) {
        // One's own silence concerns oneself; that of another concerns all who need everybody.
        let reach = match per {
            Some((_, theirs)) if theirs == hops && !hops.is_empty() => reach.clone(),
            _ => Reach::All,
        };
        if let Some(used) = used {
            self.on(Input::Group(used.scan), reach.clone());
        }
        if let Some((entity, theirs)) = per {
            self.on(Input::Rows(*entity), reach.clone());
            if let Some(rest) = hops.get(theirs.len()..).filter(|_| hops.starts_with(theirs)) {
                self.hops(*entity, rest);
            }
            if let Some(filter) = filter {
                self.expr(filter, &[(*entity, reach)], moment);
            }
        }
    }

    fn holds(&mut self, id: ContractId, depth: usize) {
        let pack = self.pack;
        let contract = pack.contract(id);
        if contract.is_table() {
            self.promises(id, &[], Reach::All, MomentId::NOW);
            return;
        }
        let lists = contract.columns.iter().filter_map(|c| if let Type::List(of) = &c.ty { Some(of) } else { None });
        let listed: Vec<ContractId> = lists
            .filter_map(|of| pack.contracts.iter().position(|c| c.name == *of))
            .map(|i| ContractId(i as u32))
            .collect();
        for id in listed.into_iter().filter(|_| depth < 4) {
            self.holds(id, depth + 1);
        }
    }
}
