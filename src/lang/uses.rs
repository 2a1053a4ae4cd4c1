//! Who uses whom: what each item of a pack reads, writes and sets off, and whom it speaks to, as far as its own words go.
//!
//! It is read off the checked pack, where every name is bound, so that a column is never taken for a metric of the same
//! name. What a chain of references merely passes through is not a use of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::expr::{
    Binding, Checked, ContractId, Expr, ExprKind, GateId, MetricId, PairsId, ParamId, Relation, ThresholdId, Window,
    WindowKind,
};
use super::item::Noun;
use super::item::contract::{Contract, Optional, Source};
use super::item::decision::{Decision, Subject, Who};
use super::item::metric::{Aggregate, Definition, Metric};
use super::item::pairs::Pairs;
use super::item::report::Report;
use super::item::step::{About, Message, Published, RestoreScope, Step, StepKind};
use super::item::threshold::Threshold;
use super::item::trigger::{Hold, OnDay, Pace, Trigger};
use super::pack::{Item, Pack, RuleRef};
use crate::value::Type;

/// An item by its noun and its place among the items of that noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thing {
    /// The noun.
    pub noun: Noun,
    /// The place.
    pub index: u32,
}

impl Thing {
    /// An item by its place.
    pub fn new(noun: Noun, index: u32) -> Thing {
        Thing { noun, index }
    }
}

impl From<&Item<'_>> for Thing {
    fn from(item: &Item<'_>) -> Thing {
        Thing::new(item.noun, item.index)
    }
}

impl From<RuleRef> for Thing {
    fn from(rule: RuleRef) -> Thing {
        match rule {
            RuleRef::Gate(i) => Thing::new(Noun::Gate, i),
            RuleRef::Threshold(i) => Thing::new(Noun::Threshold, i),
            RuleRef::Trigger(i) => Thing::new(Noun::Trigger, i),
            RuleRef::Rollback(i) => Thing::new(Noun::Rollback, i),
            RuleRef::Contract(i) => Thing::new(Noun::Contract, i),
        }
    }
}

impl From<Relation> for Thing {
    fn from(relation: Relation) -> Thing {
        match relation {
            Relation::Contract(id) => id.into(),
            Relation::Pairs(id) => id.into(),
        }
    }
}

macro_rules! of_ids {
    ($($id:ident $noun:ident;)+) => {
        $(impl From<$id> for Thing {
            fn from(id: $id) -> Thing {
                Thing::new(Noun::$noun, id.0)
            }
        })+
    };
}

of_ids! {
    ContractId Contract;
    PairsId Pairs;
    ParamId Param;
    MetricId Metric;
    ThresholdId Threshold;
    GateId Gate;
}

/// To what end an item uses another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// It takes values from it.
    Reads,
    /// It changes its rows, or has that proposed.
    Writes,
    /// It sets it off, follows it or hands it on: a decision, a report, a rule, a stage.
    Calls,
}

/// One use of an item by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Use {
    /// To what end.
    pub how: How,
    /// The item at the other side.
    pub thing: Thing,
    /// The verb of the one that uses, as in `it VERB the other`.
    pub verb: &'static str,
}

/// What somebody outside of the rules has to do with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Is told by it.
    Told,
    /// Is sent a report by it.
    Sent,
    /// Is asked by it to choose.
    Chooses,
    /// Decides by it.
    Decides,
    /// Is an agent that proposes for it.
    Proposes,
    /// Is a tool to which it publishes.
    Published,
}

/// Everything that the items of a pack have to do with each other and with people.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    uses: BTreeMap<Thing, BTreeSet<Use>>,
    used: BTreeMap<Thing, BTreeSet<Use>>,
    parties: BTreeMap<Arc<str>, BTreeSet<(Part, Thing)>>,
}

impl Uses {
    /// Reads all of it off a pack. Tests are left out: they speak of rules and are none.
    pub fn of(pack: &Pack) -> Uses {
        let mut all = Uses::default();
        for item in pack.items().filter(|item| item.noun != Noun::Test) {
            let thing = Thing::from(&item);
            let mut found = Finder { pack, uses: BTreeSet::new(), parties: BTreeSet::new() };
            found.item(thing);
            for one in &found.uses {
                all.used.entry(one.thing).or_default().insert(Use { thing, ..*one });
            }
            for (name, part) in found.parties {
                all.parties.entry(name).or_default().insert((part, thing));
            }
            all.uses.insert(thing, found.uses);
        }
        all
    }

    /// What an item uses.
    pub fn by(&self, thing: Thing) -> impl Iterator<Item = Use> + '_ {
        self.uses.get(&thing).into_iter().flatten().copied()
    }

    /// By what an item is used.
    pub fn users(&self, thing: Thing) -> impl Iterator<Item = Use> + '_ {
        self.used.get(&thing).into_iter().flatten().copied()
    }

    /// Where a role, agent or tool takes part.
    pub fn of_party(&self, name: &str) -> impl Iterator<Item = (Part, Thing)> + '_ {
        self.parties.get(name).into_iter().flatten().copied()
    }

    /// Everybody who takes part in anything.
    pub fn all_parties(&self) -> impl Iterator<Item = (&str, Part, Thing)> {
        self.parties.iter().flat_map(|(name, all)| all.iter().map(move |(part, thing)| (&**name, *part, *thing)))
    }

    /// Who takes part in an item.
    pub fn parties(&self, thing: Thing) -> impl Iterator<Item = (&str, Part)> {
        let mut found: Vec<(Part, &str)> = Vec::new();
        for (name, all) in &self.parties {
            found.extend(all.iter().filter(|(_, t)| *t == thing).map(|(part, _)| (*part, &**name)));
        }
        found.sort_unstable();
        found.into_iter().map(|(part, name)| (name, part))
    }
}

/// Collects what one item uses.
struct Finder<'p> {
    pack: &'p Pack,
    uses: BTreeSet<Use>,
    parties: BTreeSet<(Arc<str>, Part)>,
}

impl Finder<'_> {
    fn reads(&mut self, thing: impl Into<Thing>) {
        self.uses.insert(Use { how: How::Reads, thing: thing.into(), verb: "reads" });
    }

    fn writes(&mut self, thing: impl Into<Thing>, verb: &'static str) {
        self.uses.insert(Use { how: How::Writes, thing: thing.into(), verb });
    }

    fn calls(&mut self, thing: impl Into<Thing>, verb: &'static str) {
        self.uses.insert(Use { how: How::Calls, thing: thing.into(), verb });
    }

    fn party(&mut self, name: &Arc<str>, part: Part) {
        self.parties.insert((name.clone(), part));
    }

    fn stage(&mut self, number: &str, verb: &'static str) {
        // A gate of a substage is one of its stage.
        let stage = number.split('.').next().unwrap_or(number);
        let found = self.pack.stages.iter().position(|s| &*s.number == stage);
        if let Some(i) = found {
            self.calls(Thing::new(Noun::Stage, i as u32), verb);
        }
    }

    fn all<'e>(&mut self, all: impl IntoIterator<Item = &'e Expr<Checked>>) {
        all.into_iter().for_each(|e| self.expr(e));
    }

    fn expr(&mut self, e: &Expr<Checked>) {
        e.walk(&mut |e| match &e.kind {
            ExprKind::Name(binding) => self.binding(binding),
            ExprKind::Exists(exists) => {
                self.reads(exists.rows.of);
                if let Some(by) = exists.window.as_ref().and_then(|w| w.by.as_ref()) {
                    self.binding(by);
                }
            }
            ExprKind::Holds(contracts) => contracts.iter().for_each(|id| self.reads(*id)),
            _ => {}
        });
    }

    fn binding(&mut self, binding: &Binding) {
        match binding {
            Binding::Param(id) => self.reads(*id),
            Binding::Threshold(id) => self.reads(*id),
            Binding::Gate(id) => self.reads(*id),
            Binding::Metric { metric, .. } | Binding::IntroducedMetric(metric) => self.reads(*metric),
            Binding::Column { of, .. } => self.reads(*of),
            Binding::Introduced { contract, .. } => self.reads(*contract),
            Binding::Now => {}
        }
    }

    fn item(&mut self, thing: Thing) {
        let (pack, i) = (self.pack, thing.index as usize);
        match thing.noun {
            Noun::Contract => pack.contracts.get(i).into_iter().for_each(|x| self.contract(x)),
            Noun::Pairs => pack.pairs.get(i).into_iter().for_each(|x| self.pairs(x)),
            Noun::Require => pack.requires.get(i).into_iter().for_each(|x| self.expr(&x.condition)),
            Noun::Profile => {
                let params = pack.profiles.get(i).into_iter().flat_map(|p| &p.values).map(|(param, ..)| *param);
                params.for_each(|param| self.calls(param, "sets"));
            }
            Noun::Set => pack.sets.get(i).into_iter().for_each(|x| self.calls(x.param, "sets")),
            Noun::Metric => pack.metrics.get(i).into_iter().for_each(|x| self.metric(x)),
            Noun::Threshold => pack.thresholds.get(i).into_iter().for_each(|x| self.threshold(x)),
            Noun::Gate => {
                if let Some(gate) = pack.gates.get(i) {
                    self.stage(&gate.stage, "guards");
                    self.all(&gate.lines);
                }
            }
            Noun::Stage => pack.stages.get(i).into_iter().for_each(|x| self.all(&x.runs_while)),
            Noun::Trigger => pack.triggers.get(i).into_iter().for_each(|x| self.trigger(x)),
            Noun::Rollback => {
                if let Some(rollback) = pack.rollbacks.get(i) {
                    self.trigger(&rollback.core);
                    if let Some(watch) = &rollback.watch {
                        self.expr(&watch.length);
                        watch.then.iter().for_each(|step| self.step(step));
                    }
                }
            }
            Noun::Decision => pack.decisions.get(i).into_iter().for_each(|x| self.decision(x)),
            Noun::Report => pack.reports.get(i).into_iter().for_each(|x| self.report(x)),
            Noun::Param | Noun::Role | Noun::Calendar | Noun::Test => {}
        }
    }

    fn contract(&mut self, contract: &Contract) {
        for column in &contract.columns {
            column.refers.into_iter().for_each(|of| self.calls(of, "refers to"));
            self.all(column.low.iter().chain(&column.high));
            if let Optional::Unless(e) = &column.optional {
                self.expr(e);
            }
            if let Type::List(of) = &column.ty
                && let Some(i) = self.pack.contracts.iter().position(|c| c.name == *of)
            {
                self.calls(ContractId(i as u32), "lists");
            }
            column.filled.iter().for_each(|source| self.source(source));
        }
        contract.filled_from.iter().for_each(|source| self.source(source));
        for fresh in &contract.fresh {
            self.all(std::iter::once(&fresh.within).chain(&fresh.stale).chain(&fresh.filter));
            fresh.per.iter().for_each(|(relation, _)| self.reads(*relation));
        }
        for volume in &contract.volume {
            self.all(std::iter::once(&volume.every).chain(&volume.filter));
            volume.per.iter().for_each(|(relation, _)| self.reads(*relation));
        }
        contract.links.iter().for_each(|link| self.calls(link.pairs, "belongs to"));
        contract.changes.iter().for_each(|of| self.writes(*of, "changes, when applied,"));
        contract.tells.iter().for_each(|message| self.message(message));
        contract.proposed_by.iter().for_each(|agent| self.party(agent, Part::Proposes));
    }

    fn source(&mut self, source: &Source) {
        match source {
            Source::Metric(id) => self.reads(*id),
            Source::Rows { of, filter } => {
                self.reads(*of);
                self.all(filter);
            }
            Source::Report(report) => self.reads(Thing::new(Noun::Report, *report)),
        }
    }

    fn pairs(&mut self, pairs: &Pairs) {
        self.reads(pairs.of);
        self.all(&pairs.filter);
        pairs.sharing.iter().map(|s| s.contract).chain(pairs.found_in).for_each(|id| self.reads(id));
    }

    fn metric(&mut self, metric: &Metric) {
        metric.grain.into_iter().for_each(|grain| self.reads(grain));
        metric.clamped.iter().for_each(|(low, high)| self.all([low, high]));
        match &metric.definition {
            Definition::Aggregate(a) => self.aggregate(a),
            Definition::Shift(_, of, _) | Definition::At(of, _) => self.binding(of),
            Definition::Formula(e) => self.expr(e),
            Definition::Cases(cases) => {
                cases.iter().for_each(|(value, when)| self.all(std::iter::once(value).chain(when)));
            }
        }
    }

    fn aggregate(&mut self, a: &Aggregate<Checked>) {
        self.reads(a.rows.of);
        self.window(a.window.as_ref());
        self.all(a.of.iter().chain(&a.filter).chain(&a.out_of));
    }

    fn window(&mut self, window: Option<&Window<Checked>>) {
        if let Some(Window { kind: WindowKind::Last(length), .. }) = window {
            self.expr(length);
        }
    }

    fn threshold(&mut self, threshold: &Threshold) {
        self.uses.insert(Use { how: How::Reads, thing: threshold.metric.into(), verb: "judges" });
        let bands = std::iter::once(&threshold.target).chain(&threshold.acceptable).map(|b| &b.limit);
        self.all(bands.chain(&threshold.while_).chain(&threshold.settled));
    }

    fn decision(&mut self, decision: &Decision) {
        if let Subject::Row(id) = decision.about {
            self.reads(id);
        }
        for line in &decision.lines {
            self.all(&line.when);
            if let Who::Roles(roles) = &line.who {
                roles.iter().for_each(|role| self.party(role, Part::Decides));
            }
        }
    }

    fn report(&mut self, report: &Report) {
        self.all(report.show.iter().map(|s| &s.value));
        for list in &report.lists {
            self.reads(list.of);
            self.all(list.columns.iter().map(|c| &c.value).chain(&list.filter).chain(list.order.iter().map(|o| &o.1)));
        }
        report.draws.iter().for_each(|d| self.reads(d.contract));
        report.haves.iter().for_each(|step| self.step(step));
    }

    fn trigger(&mut self, trigger: &Trigger) {
        trigger.grain.into_iter().for_each(|grain| self.reads(grain));
        if let Some(stage) = &trigger.stage {
            self.stage(stage, "is awake only in");
        }
        for condition in std::iter::once(&trigger.when).chain(&trigger.clear) {
            self.expr(&condition.expr);
            if let Some(Hold::For(length)) = &condition.hold {
                self.expr(length);
            }
        }
        self.all(trigger.unless.iter().chain(&trigger.acts_on));
        trigger.when_unknown.tell.iter().for_each(|message| self.message(message));
        trigger.ends.iter().for_each(|end| self.all(std::iter::once(&end.when).chain(&end.rest)));
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
        trigger.steps.iter().for_each(|step| self.step(step));
    }

    fn pace(&mut self, pace: &Pace) {
        match pace {
            Pace::OnChange { latest } => self.all(latest),
            Pace::Daily(_) | Pace::Weekly(_) => {}
            Pace::Every(e) | Pace::AfterEach(e, _) => self.expr(e),
            Pace::Monthly(OnDay::Day(e)) | Pace::Quarterly(OnDay::Day(e)) | Pace::Yearly(OnDay::Day(e)) => self.expr(e),
            Pace::Monthly(_) | Pace::Quarterly(_) | Pace::Yearly(_) => {}
        }
    }

    fn message(&mut self, message: &Message) {
        for person in &message.people {
            self.party(&person.role, Part::Told);
            person.via.iter().for_each(|(contract, _)| self.reads(*contract));
        }
    }

    fn step(&mut self, step: &Step) {
        self.all(&step.only);
        match &step.kind {
            StepKind::Record(record) => {
                self.all(record.columns.iter().map(|(_, value)| value));
                self.writes(record.contract, "records in");
            }
            StepKind::Set(set) => {
                self.all(std::iter::once(&set.to).chain(&set.filter));
                self.writes(set.contract, "sets values in");
            }
            StepKind::Propose { agent, contract } => {
                self.party(agent, Part::Proposes);
                self.writes(*contract, "has rows proposed for");
            }
            StepKind::Tell(message) => self.message(message),
            StepKind::Ask(ask) => {
                self.expr(&ask.within);
                match &ask.about {
                    About::Approval { of, decision } => {
                        of.iter().for_each(|of| self.reads(*of));
                        self.calls(Thing::new(Noun::Decision, *decision), "asks by");
                    }
                    About::Choice { roles, .. } => roles.iter().for_each(|role| self.party(role, Part::Chooses)),
                }
            }
            StepKind::Apply(contract) => self.applied(*contract, "applies proposals of"),
            StepKind::Undo(contract) => self.applied(*contract, "undoes proposals of"),
            StepKind::Restore(restore) => {
                self.writes(restore.contract, "restores");
                if let RestoreScope::Its { of, .. } = &restore.scope {
                    self.reads(*of);
                }
            }
            StepKind::Verify(restore) => self.reads(restore.contract),
            StepKind::Send { report, people } => {
                self.calls(Thing::new(Noun::Report, *report), "sends");
                people.iter().for_each(|person| self.party(&person.role, Part::Sent));
            }
            StepKind::Fire(trigger) => self.calls(Thing::new(Noun::Trigger, *trigger), "fires"),
            StepKind::Enter(stage) => self.stage(stage, "enters"),
            StepKind::Publish { what, tool } => {
                self.party(tool, Part::Published);
                match what {
                    Published::Row(contract) => self.reads(*contract),
                    Published::Report(report) => self.calls(Thing::new(Noun::Report, *report), "publishes"),
                }
            }
        }
    }

    /// What a proposal is allowed to change is changed by whoever applies it.
    fn applied(&mut self, contract: ContractId, verb: &'static str) {
        self.writes(contract, verb);
        let changes = self.pack.contract(contract).changes.clone();
        changes.into_iter().filter(|of| *of != contract).for_each(|of| self.writes(of, "changes"));
    }
}
