//! Arrow 4, pack to plan: which rows and groups must be read at which moments, each once for all rules. It cannot fail.
//!
//! One scan serves every rule that reads one relation at one grain and moment. An aggregate whose filter and argument
//! are columns becomes a measure of such a scan; one that needs metrics, or rows that break their contract, is taken
//! from the rows themselves, with the same meaning.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::lang::expr::{
    Anchor, Binding, Checked, ContractId, Exists, Expr, ExprKind, Hop, MetricId, Presence, Relation, Tie, Window,
    WindowKind,
};
use crate::lang::item::contract::Optional;
use crate::lang::item::metric::{Aggregate, Definition, Fold, Then};
use crate::lang::item::step::{About, StepKind};
use crate::lang::item::threshold::Cadence;
use crate::lang::item::trigger::{Hold, OnDay, Pace, Trigger};
use crate::lang::pack::{Pack, RuleRef};
use crate::time::Period;
use crate::value::Type;

/// A moment of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MomentId(pub u32);

impl MomentId {
    /// The instant of the tick.
    pub const NOW: MomentId = MomentId(0);
}

/// How a moment is found from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The instant of the tick.
    Now,
    /// The end of the n-th last closed period before another moment.
    Closed(MomentId, Period, u32),
    /// A shift of a metric.
    Then(MomentId, Then),
}

/// A group scan of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u32);

/// What is taken of the rows of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// How many there are.
    Rows,
    /// How many have a value in the column.
    Known(u32),
    /// How many different values the column has.
    Distinct(u32),
    /// The column's sum.
    Sum(u32),
    /// Its least value.
    Min(u32),
    /// Its greatest value.
    Max(u32),
    /// Its value in the latest row.
    Latest(u32),
    /// Its value in the earliest row.
    First(u32),
    /// The newest date of all rows.
    Newest,
}

/// One measure of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// What is taken.
    pub what: What,
    /// Of the rows within.
    pub window: Option<Window<Checked>>,
    /// Of those for which this holds.
    pub filter: Option<Expr<Checked>>,
}

/// One pass over a contract's rows, grouped by the key they lead to.
#[derive(Debug, Clone)]
pub struct GroupScan {
    /// The contract.
    pub contract: ContractId,
    /// The references to the key; none for the portfolio.
    pub hops: Vec<Hop>,
    /// Whose keys; none for the portfolio.
    pub grain: Option<Relation>,
    /// When.
    pub moment: MomentId,
    /// What is taken.
    pub measures: Vec<Measure>,
}

impl GroupScan {
    /// The contracts beside its own whose rows it looks into: on the way to the key, and in filters.
    pub fn joined(&self, pack: &Pack) -> Vec<ContractId> {
        let mut all = Vec::new();
        let mut follow = |hops: &[Hop]| {
            let mut at = Relation::Contract(self.contract);
            for hop in hops {
                let Some(next) = pack.hop_target(at, *hop) else { break };
                if let Relation::Contract(id) = next {
                    all.push(id);
                }
                at = next;
            }
        };
        if let Some((_, before)) = self.hops.split_last() {
            follow(before);
        }
        for filter in self.measures.iter().filter_map(|m| m.filter.as_ref()) {
            filter.walk(&mut |e| {
                if let ExprKind::Name(Binding::Column { hops, .. }) = &e.kind {
                    follow(hops);
                }
            });
        }
        all
    }

    /// Whether each row has a group: that of the portfolio is one for all.
    pub fn is_keyed(&self) -> bool {
        !self.hops.is_empty() || self.grain == Some(Relation::Contract(self.contract))
    }
}

/// Where the measures of an aggregate are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupUse {
    /// The scan.
    pub scan: GroupId,
    /// Its measures, in the order the aggregate wants them.
    pub measures: Vec<usize>,
}

/// What must be read for some rules.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Moments, the first of which is now.
    pub moments: Vec<Moment>,
    /// Columns of rows, by relation and moment.
    pub tables: BTreeMap<(Relation, MomentId), BTreeSet<u32>>,
    /// Group scans.
    pub groups: Vec<GroupScan>,
    /// Which aggregates are served by group scans.
    pub served: HashMap<(MetricId, MomentId), GroupUse>,
    /// The newest dates by contract, references and moment.
    pub newest: HashMap<(ContractId, Vec<Hop>, MomentId), GroupUse>,
    /// Row counts of volume promises, by contract, their place and moment.
    pub volumes: HashMap<(ContractId, usize, MomentId), GroupUse>,
    /// Contracts whose rows are held against their columns.
    pub contracts: BTreeSet<ContractId>,
    /// The rules it is for.
    pub rules: Vec<RuleRef>,
}

/// What the plan depends on beside the pack.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Contracts some of whose rows break them: their aggregates are taken from the rows, which know which.
    pub dirty: HashSet<ContractId>,
    /// Metrics whose value at the baseline is stored.
    pub stored: HashSet<String>,
}

/// Plans the reading for some rules.
pub fn plan(pack: &Pack, rules: &[RuleRef], metrics: &[MetricId], known: &Known) -> Plan {
    let mut planner = Planner {
        pack,
        known,
        plan: Plan { moments: vec![Moment::Now], rules: rules.to_vec(), ..Plan::default() },
        seen: HashSet::new(),
        promised: HashSet::new(),
    };
    for stage in &pack.stages {
        if let Some(e) = &stage.runs_while {
            planner.expr(e, &[None], MomentId::NOW);
        }
    }
    for rule in rules {
        planner.rule(*rule);
    }
    for metric in metrics {
        planner.metric(*metric, MomentId::NOW);
        if let Some(grain) = pack.metric(*metric).grain {
            planner.table(grain, MomentId::NOW);
        }
    }
    // A contract whose rows are read is held against its columns: bad rows must not pass for good ones.
    let read: Vec<Relation> = planner.plan.tables.keys().map(|(r, _)| *r).collect();
    let scanned: Vec<ContractId> = planner.plan.groups.iter().map(|g| g.contract).collect();
    for relation in read {
        planner.hold(relation);
    }
    planner.plan.contracts.extend(scanned);
    planner.plan
}

struct Planner<'a> {
    pack: &'a Pack,
    known: &'a Known,
    plan: Plan,
    seen: HashSet<(MetricId, MomentId)>,
    promised: HashSet<(ContractId, MomentId)>,
}

/// The moment at which a trigger's condition is judged.
pub fn pace_moment(pace: &Pace) -> Moment {
    match pace {
        Pace::Monthly(OnDay::PeriodEnd) => Moment::Closed(MomentId::NOW, Period::Month, 1),
        Pace::Quarterly(OnDay::PeriodEnd) => Moment::Closed(MomentId::NOW, Period::Quarter, 1),
        Pace::Yearly(OnDay::PeriodEnd) => Moment::Closed(MomentId::NOW, Period::Year, 1),
        _ => Moment::Now,
    }
}

/// The moment at which a threshold is judged.
pub fn cadence_moment(cadence: Cadence) -> Moment {
    match cadence {
        Cadence::Closed(period) => Moment::Closed(MomentId::NOW, period, 1),
        Cadence::Now | Cadence::AtTheGate => Moment::Now,
    }
}

/// The moments at which a held condition is judged.
pub fn hold_moments(hold: Option<&Hold>, otherwise: Moment) -> Vec<Moment> {
    match hold {
        Some(Hold::Consecutive(n, period)) => (1..=*n).map(|k| Moment::Closed(MomentId::NOW, *period, k)).collect(),
        Some(Hold::OfTheLast(_, n, period)) => (1..=*n).map(|k| Moment::Closed(MomentId::NOW, *period, k)).collect(),
        Some(Hold::For(_)) | None => vec![otherwise],
    }
}

impl Plan {
    /// The id of a moment that was planned.
    pub fn moment(&self, moment: &Moment) -> Option<MomentId> {
        self.moments.iter().position(|m| m == moment).map(|i| MomentId(i as u32))
    }
}

impl Planner<'_> {
    fn moment(&mut self, moment: Moment) -> MomentId {
        if let Some(id) = self.plan.moment(&moment) {
            return id;
        }
        self.plan.moments.push(moment);
        MomentId(self.plan.moments.len() as u32 - 1)
    }

    fn hold(&mut self, relation: Relation) {
        match relation {
            Relation::Contract(id) => {
                self.plan.contracts.insert(id);
            }
            Relation::Pairs(id) => {
                let pairs = self.pack.pair(id);
                self.plan.contracts.insert(pairs.of);
                self.plan.contracts.extend(pairs.sharing.iter().map(|s| s.contract));
                self.plan.contracts.extend(pairs.found_in);
            }
        }
    }

    fn rule(&mut self, rule: RuleRef) {
        match rule {
            RuleRef::Contract(i) => {
                let id = ContractId(i);
                if self.pack.contract(id).is_table() {
                    self.plan.contracts.insert(id);
                    self.promises(id, MomentId::NOW);
                } else {
                    self.contract_holds(id, 0);
                }
            }
            RuleRef::Threshold(i) => self.threshold(i),
            RuleRef::Gate(i) => {
                for line in &self.pack.gates[i as usize].lines {
                    self.expr(line, &[None], MomentId::NOW);
                }
            }
            RuleRef::Trigger(i) => self.trigger(&self.pack.triggers[i as usize]),
            RuleRef::Rollback(i) => self.trigger(&self.pack.rollbacks[i as usize].core),
        }
    }

    fn threshold(&mut self, index: u32) {
        let threshold = &self.pack.thresholds[index as usize];
        let moment = self.moment(cadence_moment(threshold.cadence));
        let grain = self.pack.metric(threshold.metric).grain;
        if let Some(grain) = grain {
            self.table(grain, moment);
            self.table(grain, MomentId::NOW);
        }
        self.metric(threshold.metric, moment);
        let limits = std::iter::once(&threshold.target).chain(&threshold.acceptable).map(|b| &b.limit);
        for e in limits.chain(&threshold.while_) {
            self.expr(e, &[grain], moment);
        }
    }

    fn trigger(&mut self, trigger: &Trigger) {
        if let Some(grain) = trigger.grain {
            self.table(grain, MomentId::NOW);
        }
        let scopes = [trigger.grain];
        if let Some((e, pace)) = &trigger.check.other {
            self.expr(e, &scopes, MomentId::NOW);
            let moment = self.moment(pace_moment(pace));
            if let Some(grain) = trigger.grain {
                self.table(grain, moment);
            }
            self.expr(&trigger.when.expr, &scopes, moment);
        }
        let due = pace_moment(&trigger.check.pace);
        let conditions = std::iter::once(&trigger.when).chain(&trigger.clear);
        for condition in conditions {
            for moment in hold_moments(condition.hold.as_ref(), due.clone()) {
                let moment = self.moment(moment);
                if let Some(grain) = trigger.grain {
                    self.table(grain, moment);
                }
                self.expr(&condition.expr, &scopes, moment);
            }
        }
        for step in &trigger.steps {
            if let StepKind::Ask(ask) = &step.kind
                && let About::Approval { decision, .. } = &ask.about
                && let Some(decision) = self.pack.decisions.get(*decision as usize)
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

    /// Rows of a relation, with the columns that are always needed.
    fn table(&mut self, relation: Relation, moment: MomentId) {
        if self.plan.tables.contains_key(&(relation, moment)) {
            return;
        }
        let mut columns = BTreeSet::new();
        match relation {
            Relation::Contract(id) => {
                columns.extend(self.pack.contract(id).key.iter().copied());
                columns.extend(self.pack.contract(id).dated);
                columns.extend(self.pack.contract(id).valid.into_iter().flat_map(|(from, until)| [from, until]));
                if moment == MomentId::NOW {
                    columns.extend(crate::engine::judge::label_column(self.pack, id));
                }
            }
            Relation::Pairs(_) => columns.extend(0..4),
        }
        self.plan.tables.insert((relation, moment), columns);
        if let Relation::Pairs(id) = relation {
            // Both of a pair must be rows that are there.
            let of = Relation::Contract(self.pack.pair(id).of);
            self.table(of, moment);
            if let Some(filter) = &self.pack.pair(id).filter {
                self.expr(filter, &[Some(of)], moment);
            }
        }
    }

    fn column(&mut self, relation: Relation, column: u32, moment: MomentId) {
        self.table(relation, moment);
        if let Some(columns) = self.plan.tables.get_mut(&(relation, moment)) {
            columns.insert(column);
        }
    }

    /// Follows references from rows of a relation, reading what they need; the relation reached.
    fn hops(&mut self, from: Relation, hops: &[Hop], moment: MomentId) -> Relation {
        let mut at = from;
        for hop in hops {
            match (at, hop) {
                (_, Hop::Column(column)) => self.column(at, *column, moment),
                (Relation::Contract(id), Hop::Link(link)) => {
                    let link = self.pack.contract(id).links[*link as usize].clone();
                    for column in [Some(link.first), Some(link.second), link.kind].into_iter().flatten() {
                        self.column(at, column, moment);
                    }
                }
                (Relation::Pairs(_), Hop::Link(_)) => {}
            }
            let Some(next) = self.pack.hop_target(at, *hop) else { return at };
            at = next;
        }
        at
    }

    /// What an expression reads. `scopes` are the rows in scope, the innermost first.
    fn expr(&mut self, e: &Expr<Checked>, scopes: &[Option<Relation>], moment: MomentId) {
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
                self.expr(&d.value, scopes, moment);
                self.expr(&d.span, scopes, moment);
                if let Anchor::Before(e) | Anchor::After(e) = &d.anchor {
                    self.expr(e, scopes, moment);
                }
            }
            ExprKind::Exists(exists) => self.exists(exists, scopes, moment),
            ExprKind::Holds(contracts) => {
                for id in contracts {
                    self.contract_holds(*id, 0);
                }
            }
        }
    }

    /// A document holds when the tables it lists do.
    fn contract_holds(&mut self, id: ContractId, depth: usize) {
        let contract = self.pack.contract(id);
        if contract.is_table() {
            self.rule(RuleRef::Contract(id.0));
            return;
        }
        let listed: Vec<ContractId> = contract
            .columns
            .iter()
            .filter_map(|c| {
                if let Type::List(of) = &c.ty { self.pack.contracts.iter().position(|c| c.name == *of) } else { None }
            })
            .map(|i| ContractId(i as u32))
            .collect();
        for id in listed.into_iter().filter(|_| depth < 4) {
            self.contract_holds(id, depth + 1);
        }
    }

    fn binding(&mut self, binding: &Binding, scopes: &[Option<Relation>], moment: MomentId) {
        let start = |depth: u8| scopes.get(usize::from(depth)).copied().flatten();
        match binding {
            Binding::Column { depth, hops, of, column } => {
                if let Some(from) = start(*depth) {
                    self.hops(from, hops, moment);
                    self.column(*of, *column, moment);
                }
            }
            Binding::Metric { depth, hops, metric } => {
                if let (Some(from), false) = (start(*depth), hops.is_empty()) {
                    // Rows that lead to nothing else are known by their table alone.
                    let reached = self.hops(from, hops, moment);
                    self.table(reached, moment);
                }
                self.metric(*metric, moment);
            }
            Binding::Threshold(id) => self.threshold(id.0),
            Binding::Gate(id) => self.rule(RuleRef::Gate(id.0)),
            Binding::Param(_) | Binding::Now | Binding::Introduced { .. } | Binding::IntroducedMetric(_) => {}
        }
    }

    fn exists(&mut self, e: &Exists<Checked>, scopes: &[Option<Relation>], moment: MomentId) {
        self.table(e.rows.of, moment);
        match &e.rows.tie {
            Tie::Anywhere => {}
            Tie::LeadHere(hops) => {
                self.hops(e.rows.of, hops, moment);
            }
            Tie::Common { theirs, ours } => {
                self.hops(e.rows.of, theirs, moment);
                if let Some(here) = scopes.first().copied().flatten() {
                    // What both refer to is known by its table alone.
                    let common = self.hops(here, ours, moment);
                    self.table(common, moment);
                }
            }
        }
        self.window(e.window.as_ref(), e.rows.of, moment);
        let mut inner = vec![Some(e.rows.of)];
        inner.extend_from_slice(scopes);
        if let Some(filter) = &e.filter {
            self.expr(filter, &inner, moment);
        }
        if let Relation::Contract(id) = e.rows.of {
            self.promises(id, moment);
        }
    }

    fn window(&mut self, window: Option<&Window<Checked>>, of: Relation, moment: MomentId) {
        if let Some(Binding::Column { column, .. }) = window.and_then(|w| w.by.as_ref()) {
            self.column(of, *column, moment);
        }
    }

    fn metric(&mut self, id: MetricId, moment: MomentId) {
        if !self.seen.insert((id, moment)) {
            return;
        }
        let metric = self.pack.metric(id);
        let scopes = [metric.grain];
        match &metric.definition {
            Definition::Aggregate(aggregate) => self.aggregate(id, aggregate, metric.grain, moment),
            Definition::Shift(_, Binding::Metric { metric, .. }, then) => {
                self.metric(*metric, moment);
                self.shifted(*metric, then.then.as_ref(), moment);
            }
            Definition::At(Binding::Metric { metric, .. }, then) => self.shifted(*metric, then.then.as_ref(), moment),
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

    fn shifted(&mut self, id: MetricId, then: Option<&Then>, moment: MomentId) {
        let Some(then) = then else { return };
        let at = match then {
            Then::Previous(period) => self.moment(Moment::Closed(moment, *period, 1)),
            other => self.moment(Moment::Then(moment, other.clone())),
        };
        if *then != Then::Baseline || !self.known.stored.contains(&*self.pack.metric(id).name) {
            self.metric(id, at);
        }
    }

    fn aggregate(&mut self, id: MetricId, a: &Aggregate<Checked>, grain: Option<Relation>, moment: MomentId) {
        let hops = match &a.rows.tie {
            Tie::LeadHere(hops) => hops.clone(),
            Tie::Anywhere | Tie::Common { .. } => Vec::new(),
        };
        if let Relation::Contract(contract) = a.rows.of {
            self.promises(contract, moment);
            // Who leads to the key decides whether everybody there is fresh.
            for fresh in &self.pack.contract(contract).fresh {
                if let Some((entity, theirs)) = &fresh.per
                    && hops.len() > theirs.len()
                    && hops.starts_with(theirs)
                {
                    self.hops(*entity, &hops[theirs.len()..], moment);
                }
            }
            if let Some(measures) = self.measures(a, contract, grain, &hops, moment) {
                let used = self.group(contract, hops, grain, moment, measures);
                self.plan.served.insert((id, moment), used);
                return;
            }
        }
        let of = a.rows.of;
        self.table(of, moment);
        self.hops(of, &hops, moment);
        self.window(a.window.as_ref(), of, moment);
        if let Relation::Contract(id) = of
            && matches!(a.fold, Fold::Latest | Fold::First)
            && let Some(dated) = self.pack.contract(id).dated
        {
            self.column(of, dated, moment);
        }
        let scopes = [Some(of), grain];
        for e in a.of.iter().chain(&a.filter).chain(&a.out_of) {
            self.expr(e, &scopes, moment);
        }
    }

    /// The measures of an aggregate, when columns are all it needs.
    fn measures(
        &self,
        a: &Aggregate<Checked>,
        contract: ContractId,
        grain: Option<Relation>,
        hops: &[Hop],
        moment: MomentId,
    ) -> Option<Vec<Measure>> {
        let shape = self.pack.contract(contract);
        // Where volume is promised, every closed period must have rows: the rows know, their sum does not.
        let counted_by_period =
            matches!(&a.window, Some(w) if matches!(w.kind, WindowKind::LastClosed(..))) && !shape.volume.is_empty();
        // Rows of the key's own table are read for the key already.
        let own = hops.is_empty() && grain.is_some();
        if own
            || counted_by_period
            || self.known.dirty.contains(&contract)
            || matches!(grain, Some(Relation::Pairs(_)))
            || !self.path_is_clean(contract, hops, moment)
        {
            return None;
        }
        for filter in a.filter.iter().chain(&a.out_of) {
            if !self.pushable(filter, contract, moment) {
                return None;
            }
        }
        let column = match &a.of {
            None => None,
            Some(Expr { kind: ExprKind::Name(Binding::Column { depth: 0, hops, column, .. }), .. })
                if hops.is_empty() =>
            {
                Some(*column)
            }
            Some(_) => return None,
        };
        let measure = |what| Measure { what, window: a.window.clone(), filter: a.filter.clone() };
        let quantity = |c: u32| shape.columns[c as usize].ty.is_quantity();
        // Where rows keep their contract, every one of them has what it must have.
        let known = |c: u32| match shape.columns[c as usize].optional {
            Optional::Required => measure(What::Rows),
            _ => measure(What::Known(c)),
        };
        Some(match (a.fold, column) {
            (Fold::Count, _) => vec![measure(What::Rows)],
            (Fold::CountDistinct, Some(c)) if !matches!(shape.columns[c as usize].ty, Type::Moment) => {
                vec![measure(What::Distinct(c)), known(c), measure(What::Rows)]
            }
            (Fold::Sum | Fold::Average, Some(c)) if quantity(c) => {
                vec![measure(What::Sum(c)), known(c), measure(What::Rows)]
            }
            (Fold::Min, Some(c)) if quantity(c) => {
                vec![measure(What::Min(c)), known(c), measure(What::Rows)]
            }
            (Fold::Max, Some(c)) if quantity(c) => {
                vec![measure(What::Max(c)), known(c), measure(What::Rows)]
            }
            // Only a direct reference can be probed through an index, and a probe counts nothing; other ways take the rows.
            (Fold::Latest, Some(c)) if hops.len() == 1 && a.needs.is_none() => vec![measure(What::Latest(c))],
            (Fold::First, Some(c)) if hops.len() == 1 && a.needs.is_none() => vec![measure(What::First(c))],
            (Fold::Share, None) => {
                // The numerator is a part of the denominator: both filters must hold.
                let both = match (&a.filter, &a.out_of) {
                    (Some(f), Some(o)) => Some(Expr {
                        kind: ExprKind::Joint(crate::lang::expr::Joint::And, vec![f.clone(), o.clone()]),
                        span: f.span,
                        ty: Type::Condition,
                    }),
                    (f, _) => f.clone(),
                };
                vec![
                    Measure { what: What::Rows, window: a.window.clone(), filter: both },
                    Measure { what: What::Rows, window: a.window.clone(), filter: a.out_of.clone() },
                ]
            }
            _ => return None,
        })
    }

    fn path_is_clean(&self, from: ContractId, hops: &[Hop], moment: MomentId) -> bool {
        let mut at = from;
        for (i, hop) in hops.iter().enumerate() {
            let Hop::Column(_) = hop else { return false };
            let Some(Relation::Contract(next)) = self.pack.hop_target(Relation::Contract(at), *hop) else {
                return false;
            };
            // The row at the end need not be read: its key stands in the column. Rows that come and go with time are
            // judged one by one; and what current state was earlier is asked only of the rows that need it.
            let shape = self.pack.contract(next);
            let changing = shape.dated.is_some() || shape.valid.is_some() || moment != MomentId::NOW;
            if i + 1 < hops.len() && (self.known.dirty.contains(&next) || changing) {
                return false;
            }
            at = next;
        }
        true
    }

    /// Whether a filter speaks of columns and constants only, of rows that keep their contracts.
    fn pushable(&self, e: &Expr<Checked>, contract: ContractId, moment: MomentId) -> bool {
        let own = |e: &Expr<Checked>| match &e.kind {
            ExprKind::Name(Binding::Column { depth: 0, hops, of: Relation::Contract(of), .. }) => {
                let shape = self.pack.contract(*of);
                let changing = shape.dated.is_some() || shape.valid.is_some() || moment != MomentId::NOW;
                let changing = !hops.is_empty() && changing;
                self.path_is_clean(contract, hops, moment) && !self.known.dirty.contains(of) && !changing
            }
            _ => false,
        };
        let constant = |e: &Expr<Checked>| matches!(e.kind, ExprKind::Literal(_) | ExprKind::Name(Binding::Param(_)));
        match &e.kind {
            ExprKind::Joint(_, all) => all.iter().all(|e| self.pushable(e, contract, moment)),
            ExprKind::Not(e) => self.pushable(e, contract, moment),
            ExprKind::Compare(_, a, b) => own(a) && constant(b) && !matches!(a.ty, Type::MoneyBy(_) | Type::Span),
            ExprKind::OneOf(_, e, all) => own(e) && all.iter().all(constant),
            ExprKind::Between(e, a, b) => own(e) && constant(a) && constant(b),
            ExprKind::Presence(_, Presence::Missing | Presence::Present, e) => own(e),
            ExprKind::Distance(d) => {
                own(&d.value) && constant(&d.span) && matches!(d.anchor, Anchor::Ago | Anchor::FromNow)
            }
            _ => false,
        }
    }

    /// Adds measures to the scan of a contract, grain and moment.
    fn group(
        &mut self,
        contract: ContractId,
        hops: Vec<Hop>,
        grain: Option<Relation>,
        moment: MomentId,
        measures: Vec<Measure>,
    ) -> GroupUse {
        let found = self
            .plan
            .groups
            .iter()
            .position(|g| g.contract == contract && g.hops == hops && g.grain == grain && g.moment == moment);
        let index = found.unwrap_or_else(|| {
            self.plan.groups.push(GroupScan { contract, hops, grain, moment, measures: Vec::new() });
            self.plan.groups.len() - 1
        });
        let scan = &mut self.plan.groups[index];
        let places = measures
            .into_iter()
            .map(|measure| {
                scan.measures.iter().position(|m| *m == measure).unwrap_or_else(|| {
                    scan.measures.push(measure);
                    scan.measures.len() - 1
                })
            })
            .collect();
        GroupUse { scan: GroupId(index as u32), measures: places }
    }

    /// The newest rows that promises of freshness are judged by, and the counts that promises of volume are.
    fn promises(&mut self, id: ContractId, moment: MomentId) {
        if !self.promised.insert((id, moment)) {
            return;
        }
        let contract = self.pack.contract(id);
        for fresh in &contract.fresh {
            let (hops, grain) = match &fresh.per {
                Some((relation, hops)) => (hops.clone(), Some(*relation)),
                None => (Vec::new(), None),
            };
            if let Some(grain) = grain {
                self.table(grain, moment);
                if let Some(filter) = &fresh.filter {
                    self.expr(filter, &[Some(grain)], moment);
                }
            }
            if !hops.iter().all(|h| matches!(h, Hop::Column(_))) {
                continue;
            }
            let measure = Measure { what: What::Newest, window: None, filter: None };
            let used = self.group(id, hops.clone(), grain, moment, vec![measure]);
            self.plan.newest.insert((id, hops, moment), used);
        }
        for (i, volume) in contract.volume.iter().enumerate() {
            let (hops, grain) = match &volume.per {
                Some((relation, hops)) => (hops.clone(), Some(*relation)),
                None => (Vec::new(), None),
            };
            let Some(dated) = contract.dated else { continue };
            if let Some(grain) = grain {
                self.table(grain, moment);
                if let Some(filter) = &volume.filter {
                    self.expr(filter, &[Some(grain)], moment);
                }
            }
            let by = Binding::Column { depth: 0, hops: Vec::new(), of: Relation::Contract(id), column: dated };
            let window = Window { kind: WindowKind::Last(volume.every.clone()), by: Some(by), span: volume.every.span };
            let measure = Measure { what: What::Rows, window: Some(window), filter: None };
            let used = self.group(id, hops, grain, moment, vec![measure]);
            self.plan.volumes.insert((id, i, moment), used);
        }
    }
}
