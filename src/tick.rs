//! One tick: hold the contracts, plan, read, judge. The same for the daemon, `run`, tests and the demo.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::engine::course::{self, Course};
use crate::engine::decide::Intent;
use crate::engine::judge::{Judge, Outcomes, Verdict};
use crate::engine::reading::{BaselineReadings, ContractState, Readings, Reason, Why};
use crate::engine::round::RuleKey;
use crate::lang::expr::{ContractId, MetricId, ParamId};
use crate::lang::item::contract::Optional;
use crate::lang::item::metric::{Definition, Then};
use crate::lang::pack::{Pack, RuleRef};
use crate::plan::{Known, MomentId, Plan, plan};
use crate::store::read::{Request, Unlisted, examine, read};
use crate::store::{Store, StoreError, Version, baseline, changes};
use crate::value::Value;

/// What a tick is made for.
pub struct Tick<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// The instant that is judged.
    pub as_of: Timestamp,
    /// The present, after which a row lies in the future.
    pub clock: Timestamp,
    /// Which rules.
    pub rules: &'a [RuleRef],
    /// Which metrics beside those the rules read.
    pub metrics: &'a [MetricId],
    /// Params that differ from the values in force.
    pub overrides: &'a HashMap<ParamId, Value>,
    /// Columns a test did not list.
    pub unlisted: &'a Unlisted,
    /// Take every aggregate from the rows instead of the database: slower, and the same by definition.
    pub by_rows: bool,
}

/// How the contracts stand, kept from one tick to the next: rows that nobody has written since need no second look.
#[derive(Default)]
pub struct Standing {
    seen: Option<Seen>,
}

struct Seen {
    version: Version,
    clock: Timestamp,
    states: HashMap<ContractId, ContractState>,
}

impl Standing {
    /// The states of contracts, looked at anew where something was written, or where a row that lay in the future may
    /// by now be past.
    fn of(
        &mut self,
        tick: &Tick<'_>,
        store: &Store,
        which: &BTreeSet<ContractId>,
        param: &dyn Fn(ParamId) -> Value,
    ) -> Result<Vec<ContractState>, StoreError> {
        let version = store.version()?;
        let good = |s: &ContractState| s.count == 0 && s.unreadable.is_none();
        let holds = |seen: &Seen| {
            seen.version == version
                && (seen.clock == tick.clock || seen.clock < tick.clock && seen.states.values().all(good))
        };
        let mut seen = self.seen.take().filter(holds).unwrap_or_else(|| Seen {
            version,
            clock: tick.clock,
            states: HashMap::new(),
        });
        let missing: BTreeSet<ContractId> = which.iter().copied().filter(|id| !seen.states.contains_key(id)).collect();
        if !missing.is_empty() {
            let examined = examine(store, tick.pack, &missing, tick.clock, param, tick.unlisted);
            seen.states.extend(missing.into_iter().map(|id| (id, examined[id.index()].clone())));
        }
        let mut states = vec![ContractState::default(); tick.pack.contracts.len()];
        for id in which {
            if let Some(state) = seen.states.get(id) {
                states[id.index()] = state.clone();
            }
        }
        self.seen = Some(seen);
        Ok(states)
    }
}

/// What was planned and read; a [`Judge`] says the rest.
pub struct Taken {
    /// The plan.
    pub plan: Plan,
    /// The readings.
    pub readings: Readings,
}

impl Tick<'_> {
    /// The value of a param in this tick.
    pub fn param(&self, id: ParamId) -> Value {
        self.overrides.get(&id).cloned().unwrap_or_else(|| self.pack.param(id).clone())
    }

    /// Whether a current state is read as it was before writes that came later. What is examined is the present, so
    /// which of those rows break the contract only they can tell.
    fn reads_past_of(&self, store: &Store, id: ContractId) -> bool {
        let contract = self.pack.contract(id);
        let is_state = contract.is_table() && contract.dated.is_none() && contract.valid.is_none();
        is_state && changes::changed_after(store, &contract.table, self.as_of)
    }

    /// Why the rows of a contract as they were at the instant cannot be had: it is current state, and nobody kept what
    /// it was then.
    pub fn forgotten(&self, store: &Store, id: ContractId) -> Option<Arc<Why>> {
        let contract = self.pack.contract(id);
        let dated = contract.dated.is_some() || contract.valid.is_some();
        if !contract.is_table() || dated || self.as_of >= self.clock {
            return None;
        }
        let text = match changes::history_began(store, contract) {
            Some(began) if began <= self.as_of => return None,
            Some(began) => {
                let since = self.pack.settings.calendar.show(began);
                format!("`{}` is current state, whose past is known only since {since}", contract.name)
            }
            None => format!("`{}` is current state, and no change log keeps its past", contract.name),
        };
        Some(Why::of(Reason::NoHistory, id, text))
    }

    /// Holds the contracts, plans and reads.
    pub fn take(&self, store: &Store) -> Result<Taken, StoreError> {
        self.take_on(store, &mut Standing::default())
    }

    /// The same for one of many ticks over one database, with one pack and the same params.
    pub fn take_on(&self, store: &Store, standing: &mut Standing) -> Result<Taken, StoreError> {
        self.taken(store, standing, false)
    }

    /// The same for those who ask what was known in the past: what nobody kept is unknown, and not what it is today.
    pub fn take_past(&self, store: &Store, standing: &mut Standing) -> Result<Taken, StoreError> {
        self.taken(store, standing, true)
    }

    fn taken(&self, store: &Store, standing: &mut Standing, past: bool) -> Result<Taken, StoreError> {
        let param = |id: ParamId| self.param(id);
        let stored = baseline::latest(store, None)?.map(|b| BaselineReadings {
            taken_at: b.taken_at,
            readings: b.readings.iter().map(|r| ((r.metric.clone(), r.key.clone()), r.value.clone())).collect(),
        });
        let mut known = Known::default();
        if let Some(stored) = &stored {
            known.stored.extend(stored.readings.keys().map(|(metric, _)| metric.clone()));
        }
        // A column that a test did not list is unknown where it is required; rows know that, sums do not.
        for (contract, columns) in self.unlisted {
            let shape = self.pack.contract(*contract);
            if columns.iter().any(|c| matches!(shape.columns[*c as usize].optional, Optional::Required)) {
                known.dirty.insert(*contract);
            }
        }
        if self.by_rows {
            known.dirty.extend((0..self.pack.contracts.len() as u32).map(ContractId));
        }
        let first = plan(self.pack, self.rules, self.metrics, &known);
        let mut contracts: BTreeSet<ContractId> = first.contracts.clone();
        // Contracts that filters join are held as well.
        for id in first.contracts.iter() {
            contracts.extend(self.pack.contract(*id).columns.iter().filter_map(|c| c.refers));
        }
        let mut states = standing.of(self, store, &contracts, &param)?;
        for id in contracts.iter().filter(|_| past) {
            let state = &mut states[id.index()];
            if state.unreadable.is_none() && !state.absent {
                state.unreadable = self.forgotten(store, *id);
            }
        }
        let dirty: HashSet<ContractId> = contracts
            .iter()
            .copied()
            .filter(|c| states[c.index()].count > 0 || self.reads_past_of(store, *c))
            .chain(known.dirty.iter().copied())
            .collect();
        let plan = if dirty == known.dirty {
            first
        } else {
            known.dirty = dirty;
            plan(self.pack, self.rules, self.metrics, &known)
        };
        let mut entered = baseline::entered(store)?;
        if past {
            entered.retain(|_, at| *at <= self.as_of);
        }
        let readings = read(
            store,
            &Request {
                pack: self.pack,
                plan: &plan,
                as_of: self.as_of,
                param: &param,
                baseline: stored,
                entered,
                contracts: states,
                unlisted: self.unlisted,
            },
        );
        Ok(Taken { plan, readings })
    }
}

/// The verdicts of some rules, in the order of the rules and of their keys.
pub fn verdicts(judge: &Judge<'_>, rules: &[RuleRef]) -> Vec<Verdict> {
    rules.iter().flat_map(|rule| judge.verdicts(*rule)).collect()
}

/// What the rules say of every key, and in words what somebody should look at.
pub struct Judged {
    /// The outcomes of each rule by the number of the key, in the order of the rules and of their keys.
    pub outcomes: Vec<(RuleRef, Outcomes)>,
    /// The verdicts that are findings, in the same order.
    pub findings: Vec<Verdict>,
}

/// Judges some rules for every key and puts only the findings into words.
pub fn findings(judge: &Judge<'_>, rules: &[RuleRef]) -> Judged {
    let mut findings = Vec::new();
    let outcomes = rules.iter().map(|rule| {
        let outcomes = judge.outcomes(*rule);
        let worded = outcomes.iter().filter(|(_, outcome)| outcome.is_finding());
        findings.extend(worded.map(|(key, _)| judge.verdict(*rule, *key)));
        (*rule, outcomes)
    });
    Judged { outcomes: outcomes.collect(), findings }
}

/// Judges every rule of a pack once.
pub fn judge_once(store: &Store, pack: &Pack, as_of: Timestamp, clock: Timestamp) -> Result<Vec<Verdict>, StoreError> {
    let rules = pack.rules();
    let tick = Tick {
        pack,
        as_of,
        clock,
        rules: &rules,
        metrics: &[],
        overrides: &HashMap::new(),
        unlisted: &Unlisted::new(),
        by_rows: false,
    };
    let taken = tick.take(store)?;
    let param = |id: ParamId| tick.param(id);
    let judge = Judge::new(pack, &taken.plan, &taken.readings, &param);
    Ok(verdicts(&judge, &rules))
}

/// What some rules say at one instant, and what they would do if none of them had ever fired.
pub struct Foreseen {
    /// The verdicts.
    pub verdicts: Vec<Verdict>,
    /// What would be decided, in order.
    pub intents: Vec<(RuleKey, Intent)>,
}

/// Judges every rule of a pack once, and decides with an empty memory; nothing is written.
pub fn foresee(store: &Store, pack: &Pack, as_of: Timestamp, clock: Timestamp) -> Result<Foreseen, StoreError> {
    let rules = pack.rules();
    let tick = Tick {
        pack,
        as_of,
        clock,
        rules: &rules,
        metrics: &[],
        overrides: &HashMap::new(),
        unlisted: &Unlisted::new(),
        by_rows: false,
    };
    let taken = tick.take(store)?;
    let param = |id: ParamId| tick.param(id);
    let judge = Judge::new(pack, &taken.plan, &taken.readings, &param);
    let verdicts = verdicts(&judge, &rules);
    let all = course::all(pack);
    let mut course = Course::new(pack, all.clone());
    course.judge(&judge, &all, as_of);
    Ok(Foreseen { verdicts, intents: course.log })
}

/// Judges one rule once, with the rows behind every aggregate at hand, and hands the judge over.
pub fn look_into<T>(
    store: &Store,
    pack: &Pack,
    rule: RuleRef,
    as_of: Timestamp,
    clock: Timestamp,
    look: impl FnOnce(&Judge<'_>) -> T,
) -> Result<T, StoreError> {
    let rules = [rule];
    let tick = Tick {
        pack,
        as_of,
        clock,
        rules: &rules,
        metrics: &[],
        overrides: &HashMap::new(),
        unlisted: &Unlisted::new(),
        by_rows: true,
    };
    let taken = tick.take(store)?;
    let param = |id: ParamId| tick.param(id);
    Ok(look(&Judge::new(pack, &taken.plan, &taken.readings, &param)))
}

/// The metrics whose value at the baseline some metric asks for.
pub fn shifted_metrics(pack: &Pack) -> Vec<MetricId> {
    let mut found = Vec::new();
    for metric in &pack.metrics {
        let (of, then) = match &metric.definition {
            Definition::Shift(_, of, then) | Definition::At(of, then) => (of, then),
            _ => continue,
        };
        if let crate::lang::expr::Binding::Metric { metric, .. } = of
            && then.then == Some(Then::Baseline)
            && !found.contains(metric)
        {
            found.push(*metric);
        }
    }
    found
}

/// The contracts whose rows a rollback would restore.
pub fn restored_contracts(pack: &Pack) -> Vec<ContractId> {
    let steps = pack.with_lifecycle().flat_map(|rule| &rule.steps);
    let mut found: Vec<ContractId> = steps.filter_map(|s| s.restores()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Stores the state that "since baseline" compares with: readings of every metric shifted to it, and the rows that
/// rollbacks restore.
pub fn take_baseline(
    store: &mut Store,
    pack: &Pack,
    stage: Option<&str>,
    at: Timestamp,
    by: &str,
) -> Result<i64, StoreError> {
    take_baseline_of(store, pack, stage, at, by, &HashMap::new(), &Unlisted::new())
}

/// The same with other values of params and a test's columns.
pub fn take_baseline_of(
    store: &mut Store,
    pack: &Pack,
    stage: Option<&str>,
    at: Timestamp,
    by: &str,
    overrides: &HashMap<ParamId, Value>,
    unlisted: &Unlisted,
) -> Result<i64, StoreError> {
    let metrics = shifted_metrics(pack);
    let tick = Tick { pack, as_of: at, clock: at, rules: &[], metrics: &metrics, overrides, unlisted, by_rows: false };
    let taken = tick.take(store)?;
    let param = |id: ParamId| tick.param(id);
    let judge = Judge::new(pack, &taken.plan, &taken.readings, &param);
    let mut readings = Vec::new();
    for id in metrics.iter().copied() {
        let metric = pack.metric(id);
        let keys: Vec<Option<u32>> = match metric.grain {
            None => vec![None],
            Some(grain) => match judge.keys(grain, MomentId::NOW) {
                Ok(keys) => keys.into_iter().map(Some).collect(),
                Err(_) => Vec::new(),
            },
        };
        for key in keys {
            let parts: Vec<String> = match (metric.grain, key) {
                (Some(grain), Some(key)) => judge.key(grain, key).iter().map(|p| p.to_string()).collect(),
                _ => Vec::new(),
            };
            let value = match judge.metric(id, MomentId::NOW, key).value {
                Ok(Some(value)) => Ok(value.exact()),
                Ok(None) => Err("it was missing".to_owned()),
                Err(why) => Err(why.text.clone()),
            };
            // What an aggregate left out is not known later either: its parts are kept beside it.
            readings.extend(judge.parts(id, key).into_iter().map(|(row, value)| baseline::Reading {
                metric: metric.name.to_string(),
                key: parts.iter().cloned().chain(row.iter().map(|p| p.to_string())).collect(),
                value: Ok(value.exact()),
            }));
            readings.push(baseline::Reading { metric: metric.name.to_string(), key: parts, value });
        }
    }
    let contracts = restored_contracts(pack);
    let rows: Vec<_> =
        contracts.iter().map(|id| pack.contract(*id)).filter(|c| store.has_table(&c.table).unwrap_or(false)).collect();
    baseline::take(store, stage, at, &rows, &readings, by, None)
}
