//! The checked pack: what the rest of the program works with. It holds no unresolved name and no untyped value.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::{Checker, Slot};
use super::expr::{ContractId, GateId, MetricId, PairsId, ParamId, Relation, ThresholdId};
use super::item::{
    Noun, calendar, contract::Contract, decision::Decision, gate::Gate, metric::Metric, pairs::Pairs, param::Param,
    report::Report, require::Require, role, rollback::Rollback, settings::Profile, settings::Set, stage::Stage,
    test::Test, threshold::Threshold, trigger::Trigger,
};
use super::print::Block;
use super::ways::Ways;
use crate::settings::Settings;
use crate::source::Span;
use crate::value::{Value, listed};

/// A rule that has a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleRef {
    /// A gate.
    Gate(u32),
    /// A threshold.
    Threshold(u32),
    /// A trigger.
    Trigger(u32),
    /// A rollback.
    Rollback(u32),
    /// A contract.
    Contract(u32),
}

/// An item of a pack, whatever its noun.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// Its noun.
    pub noun: Noun,
    /// The name under which it is known; empty for one that has none.
    pub name: &'a str,
    /// What it is called for people.
    pub title: Option<&'a Arc<str>>,
    /// Its first line.
    pub span: Span,
    /// Its place among the items of its noun.
    pub index: u32,
    /// The rule it is, where it has a verdict.
    pub rule: Option<RuleRef>,
}

/// A whole pack without a fault.
#[derive(Debug, Clone)]
pub struct Pack {
    /// `contract`
    pub contracts: Vec<Contract>,
    /// `pairs`
    pub pairs: Vec<Pairs>,
    /// `param`, each with the value in force
    pub params: Vec<Param>,
    /// `require`
    pub requires: Vec<Require>,
    /// `set`
    pub sets: Vec<Set>,
    /// `profile`
    pub profiles: Vec<Profile>,
    /// `metric`
    pub metrics: Vec<Metric>,
    /// `threshold`
    pub thresholds: Vec<Threshold>,
    /// `gate`
    pub gates: Vec<Gate>,
    /// `stage`
    pub stages: Vec<Stage>,
    /// `trigger`
    pub triggers: Vec<Trigger>,
    /// `rollback`
    pub rollbacks: Vec<Rollback>,
    /// `decision`
    pub decisions: Vec<Decision>,
    /// `report`
    pub reports: Vec<Report>,
    /// `role`, where the pack names its own people.
    pub roles: Vec<role::Declared>,
    /// `calendar`, where the pack has its own.
    pub calendar: Option<calendar::Declared>,
    /// `test`
    pub tests: Vec<Test>,
    /// Zone, currency, people.
    pub settings: Arc<Settings>,
}

impl Pack {
    pub(crate) fn build(
        cx: &mut Checker<'_>,
        stages: Vec<Option<Stage>>,
        rollbacks: Vec<Option<Rollback>>,
        reports: Vec<Option<Report>>,
        requires: Vec<Option<Require>>,
        tests: Vec<Option<Test>>,
    ) -> Option<Pack> {
        fn all<T>(items: Vec<Option<T>>) -> Option<Vec<T>> {
            items.into_iter().collect()
        }
        let metrics = std::mem::take(&mut cx.metrics).into_iter().map(|slot| match slot {
            Slot::Done(Some(metric)) => Some(*metric),
            _ => None,
        });
        Some(Pack {
            contracts: std::mem::take(&mut cx.contracts),
            pairs: all(std::mem::take(&mut cx.pairs))?,
            params: all(std::mem::take(&mut cx.params))?,
            requires: all(requires)?,
            sets: std::mem::take(&mut cx.sets),
            profiles: all(std::mem::take(&mut cx.profiles))?,
            metrics: metrics.collect::<Option<_>>()?,
            thresholds: all(std::mem::take(&mut cx.thresholds))?,
            gates: all(std::mem::take(&mut cx.gates))?,
            stages: all(stages)?,
            triggers: all(std::mem::take(&mut cx.triggers))?,
            rollbacks: all(rollbacks)?,
            decisions: all(std::mem::take(&mut cx.decisions))?,
            reports: all(reports)?,
            roles: cx.file.roles.iter().map(role::check).collect(),
            calendar: cx.file.calendars.first().map(calendar::check),
            tests: all(tests)?,
            settings: Arc::new(cx.settings.clone()),
        })
    }

    /// All that a pack means, without the places where it was written: two packs with the same meaning are one pack.
    /// The house is left out, but for what rules can say of it.
    pub fn meaning(&self) -> String {
        let items: [&dyn std::fmt::Debug; 16] = [
            &self.contracts,
            &self.pairs,
            &self.params,
            &self.requires,
            &self.sets,
            &self.profiles,
            &self.metrics,
            &self.thresholds,
            &self.gates,
            &self.stages,
            &self.triggers,
            &self.rollbacks,
            &self.decisions,
            &self.reports,
            &self.roles,
            &self.calendar,
        ];
        let house = (&self.settings.roles, &self.settings.calendar, &self.settings.currency);
        let lists: Vec<String> = items.iter().map(|list| format!("{list:#?}")).collect();
        without_places(&format!("{}\n{:#?}\n{house:#?}", lists.join("\n"), self.tests))
    }

    /// Every rule that has a lifecycle: the triggers, and of the rollbacks what they share with those.
    pub fn with_lifecycle(&self) -> impl Iterator<Item = &Trigger> {
        self.triggers.iter().chain(self.rollbacks.iter().map(|r| &r.core))
    }

    /// What has a lifecycle in a rule: the trigger, or what a rollback shares with one. Other rules have none.
    pub fn core(&self, rule: RuleRef) -> Option<&Trigger> {
        match rule {
            RuleRef::Trigger(i) => self.triggers.get(i as usize),
            RuleRef::Rollback(i) => self.rollbacks.get(i as usize).map(|r| &r.core),
            RuleRef::Gate(_) | RuleRef::Threshold(_) | RuleRef::Contract(_) => None,
        }
    }

    /// Every item, noun by noun in the order of the language.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        macro_rules! items {
            ($($noun:ident $list:ident |$x:ident| $name:expr, $title:expr, $span:expr, $rule:expr;)+) => {
                std::iter::empty()$(.chain((0u32..).zip(&self.$list).map(|(i, $x)| {
                    let rule: Option<fn(u32) -> RuleRef> = $rule;
                    let rule = rule.map(|make| make(i));
                    Item { noun: Noun::$noun, name: $name, title: $title, span: $span, index: i, rule }
                })))+
            };
        }
        items! {
            Contract contracts |x| &*x.name, None, x.span, if x.to.is_none() { Some(RuleRef::Contract) } else { None };
            Pairs pairs |x| &*x.name, None, x.span, None;
            Param params |x| &*x.name, None, x.span, None;
            Require requires |x| "", None, x.span, None;
            Set sets |x| "", None, x.span, None;
            Profile profiles |x| &*x.name, x.title.as_ref(), x.span, None;
            Metric metrics |x| &*x.name, None, x.span, None;
            Threshold thresholds |x| &*x.name, None, x.span, Some(RuleRef::Threshold);
            Gate gates |x| &*x.name, x.title.as_ref(), x.span, Some(RuleRef::Gate);
            Stage stages |x| &*x.number, x.title.as_ref(), x.span, None;
            Trigger triggers |x| &*x.name, x.title.as_ref(), x.span, Some(RuleRef::Trigger);
            Rollback rollbacks |x| &*x.core.name, x.core.title.as_ref(), x.core.span, Some(RuleRef::Rollback);
            Decision decisions |x| &*x.name, x.title.as_ref(), x.span, None;
            Report reports |x| &*x.name, x.title.as_ref(), x.span, None;
            Role roles |x| &*x.name, None, x.span, None;
            Calendar calendar |x| "", None, x.span, None;
            Test tests |x| &*x.title, Some(&x.title), x.span, None;
        }
    }

    /// How many items of each noun there are, in words.
    pub fn contents(&self) -> String {
        let mut counts: BTreeMap<Noun, usize> = BTreeMap::new();
        for item in self.items() {
            *counts.entry(item.noun).or_default() += 1;
        }
        let parts: Vec<String> = counts.into_iter().map(|(noun, n)| noun.counted(n)).collect();
        if parts.is_empty() { "nothing in it".into() } else { listed(&parts, "and") }
    }

    /// An item in the words of the language: they read back as the same item. A test has its own words and no others.
    pub fn print(&self, item: &Item<'_>) -> Option<Block> {
        let i = item.index as usize;
        Some(match item.noun {
            Noun::Contract => self.contracts.get(i)?.print(self, ContractId(item.index)),
            Noun::Pairs => self.pairs.get(i)?.print(self),
            Noun::Param => self.params.get(i)?.print(self),
            Noun::Require => self.requires.get(i)?.print(self),
            Noun::Set => self.sets.get(i)?.print(self),
            Noun::Profile => self.profiles.get(i)?.print(self),
            Noun::Metric => self.metrics.get(i)?.print(self),
            Noun::Threshold => self.thresholds.get(i)?.print(self),
            Noun::Gate => self.gates.get(i)?.print(self),
            Noun::Stage => self.stages.get(i)?.print(self),
            Noun::Trigger => self.triggers.get(i)?.print(self),
            Noun::Rollback => self.rollbacks.get(i)?.print(self),
            Noun::Decision => self.decisions.get(i)?.print(self),
            Noun::Report => self.reports.get(i)?.print(self),
            Noun::Role => self.roles.get(i)?.print(),
            Noun::Calendar => self.calendar.as_ref()?.print(),
            Noun::Test => return None,
        })
    }

    /// An item as a file has it: in the words of the language and in the form that `fmt` gives them.
    pub fn canonical(&self, item: &Item<'_>) -> Option<String> {
        let text = self.print(item)?.to_string();
        Some(super::format::format("canonical", &text).unwrap_or(text))
    }

    /// The item of a name: of a stage its number, of a test its title.
    pub fn item(&self, name: &str) -> Option<Item<'_>> {
        self.items().find(|item| item.name == name && !name.is_empty())
    }

    /// The item that a rule is.
    pub fn rule(&self, rule: RuleRef) -> Option<Item<'_>> {
        self.items().find(|item| item.rule == Some(rule))
    }

    /// Every rule that has a verdict, in the order of the board.
    pub fn rules(&self) -> Vec<RuleRef> {
        let mut rules: Vec<RuleRef> = self.items().filter_map(|i| i.rule).collect();
        rules.sort_unstable();
        rules
    }

    /// A contract.
    pub fn contract(&self, id: ContractId) -> &Contract {
        &self.contracts[id.index()]
    }

    /// A pairs block.
    pub fn pair(&self, id: PairsId) -> &Pairs {
        &self.pairs[id.index()]
    }

    /// A metric.
    pub fn metric(&self, id: MetricId) -> &Metric {
        &self.metrics[id.index()]
    }

    /// A threshold.
    pub fn threshold(&self, id: ThresholdId) -> &Threshold {
        &self.thresholds[id.index()]
    }

    /// A gate.
    pub fn gate(&self, id: GateId) -> &Gate {
        &self.gates[id.index()]
    }

    /// The value of a param in force.
    pub fn param(&self, id: ParamId) -> &Value {
        &self.params[id.index()].value
    }

    /// The name of a relation.
    pub fn relation_name(&self, relation: Relation) -> &str {
        match relation {
            Relation::Contract(id) => &self.contract(id).name,
            Relation::Pairs(id) => &self.pair(id).name,
        }
    }

    /// The word for one row of a relation.
    pub fn row_word(&self, relation: Relation) -> &str {
        match relation {
            Relation::Contract(id) => self.contract(id).row_word(),
            Relation::Pairs(id) => &self.pair(id).noun,
        }
    }

    /// The relation of a noun.
    pub fn noun(&self, noun: &str) -> Option<Relation> {
        let contract = self.contracts.iter().position(|c| c.noun.as_deref() == Some(noun));
        contract.map(|i| Relation::Contract(ContractId(i as u32))).or_else(|| {
            let pairs = self.pairs.iter().position(|p| &*p.noun == noun);
            pairs.map(|i| Relation::Pairs(PairsId(i as u32)))
        })
    }

    /// Where one reference leads.
    pub fn hop_target(&self, from: Relation, hop: super::expr::Hop) -> Option<Relation> {
        use super::expr::Hop;
        match (from, hop) {
            (Relation::Contract(id), Hop::Column(c)) => {
                self.contract(id).columns.get(c as usize)?.refers.map(Relation::Contract)
            }
            (Relation::Contract(id), Hop::Link(l)) => {
                self.contract(id).links.get(l as usize).map(|l| Relation::Pairs(l.pairs))
            }
            (Relation::Pairs(id), Hop::Column(0 | 1)) => Some(Relation::Contract(self.pair(id).of)),
            (Relation::Pairs(_), _) => None,
        }
    }
}

/// A tree as it is drawn for programmers, without the lines of its places.
fn without_places(drawn: &str) -> String {
    let mut kept = String::with_capacity(drawn.len());
    let mut lines = drawn.lines().peekable();
    while let Some(line) = lines.next() {
        // A place is a struct with a file in it; a stretch of the calendar has the same name and other parts.
        let place = line.ends_with("Span {") && lines.peek().is_some_and(|next| next.trim() == "file: FileId(");
        if place {
            let closing = line.len() - line.trim_start().len();
            for inner in lines.by_ref() {
                if inner.trim_start().starts_with('}') && inner.len() - inner.trim_start().len() == closing {
                    break;
                }
            }
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

impl Ways for Pack {
    fn contract_of(&self, id: ContractId) -> &Contract {
        self.contract(id)
    }

    fn pairs_of(&self, id: PairsId) -> Option<&Pairs> {
        Some(self.pair(id))
    }
}
