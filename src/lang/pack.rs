//! The checked pack: what the rest of the program works with. It holds no unresolved name and no untyped value.

use std::sync::Arc;

use super::check::{Checker, Slot};
use super::expr::{ContractId, GateId, MetricId, PairsId, ParamId, Relation, ThresholdId};
use super::item::{
    contract::Contract, decision::Decision, gate::Gate, metric::Metric, pairs::Pairs, param::Param, report::Report,
    require::Require, rollback::Rollback, settings::Profile, stage::Stage, test::Test, threshold::Threshold,
    trigger::Trigger,
};
use crate::settings::Settings;
use crate::value::Value;

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
            profiles: all(std::mem::take(&mut cx.profiles))?,
            metrics: metrics.collect::<Option<_>>()?,
            thresholds: all(std::mem::take(&mut cx.thresholds))?,
            gates: all(std::mem::take(&mut cx.gates))?,
            stages: all(stages)?,
            triggers: all(std::mem::take(&mut cx.triggers))?,
            rollbacks: all(rollbacks)?,
            decisions: all(std::mem::take(&mut cx.decisions))?,
            reports: all(reports)?,
            tests: all(tests)?,
            settings: Arc::new(cx.settings.clone()),
        })
    }

    /// Every rule that has a lifecycle: the triggers, and of the rollbacks what they share with those.
    pub fn with_lifecycle(&self) -> impl Iterator<Item = &Trigger> {
        self.triggers.iter().chain(self.rollbacks.iter().map(|r| &r.core))
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
