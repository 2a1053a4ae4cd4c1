//! What a rule is known by: the words of it and of all it uses, with the house they are judged in. Two rules of the same
//! revision judge alike, and the words of a revision compile by themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::expr::ParamId;
use super::item::Noun;
use super::item::trigger::{Check, OnDay, Pace, Trigger};
use super::pack::{Pack, RuleRef};
use super::print::Place;
use super::uses::{Thing, Uses};
use crate::digest::sha256;
use crate::engine::edits::Fingerprint;

/// One rule as it stands at present.
#[derive(Debug, Clone)]
pub struct Revision {
    /// The hash of the words and of the house.
    pub hash: String,
    /// The words: the rule and what it uses, item by item.
    pub rules: String,
    /// The parts by which an edit is known.
    pub fingerprint: Fingerprint,
    /// The params it depends on, however indirectly.
    pub params: Vec<ParamId>,
}

/// Every rule of a pack.
#[derive(Debug, Clone)]
pub struct Revisions {
    /// The hash of the whole pack and of the house.
    pub pack: String,
    /// What of bylaws.toml rules depend on.
    pub house: String,
    /// Each rule.
    pub of: BTreeMap<RuleRef, Revision>,
}

/// The revision of some words in a house.
pub fn hash(house: &str, rules: &str) -> String {
    // The length stands in front, so that no words can pass for a part of the house.
    sha256(&format!("{}\n{house}{rules}", house.len()))
}

impl Revisions {
    /// Reads them off a pack.
    pub fn of(pack: &Pack) -> Revisions {
        let house = pack.settings.canonical();
        // Verdicts depend on days and money, and not on people, ways out and limits.
        let (calendar, currency) = (&pack.settings.calendar, &pack.settings.currency);
        let time_and_money = format!("{} {:?} {currency}", calendar.zone(), calendar.holidays());
        let mut words: BTreeMap<Thing, String> = BTreeMap::new();
        for item in pack.items() {
            // People and calendar are in the words of the house already.
            if !matches!(item.noun, Noun::Role | Noun::Calendar)
                && let Some(text) = pack.canonical(&item)
            {
                words.insert(Thing::from(&item), text);
            }
        }
        let everything = words.keys().copied().collect();
        let of_all = Uses::of(pack);
        let bare = Uses::of(&bare(pack));
        let rules = pack.rules().into_iter().map(|rule| {
            let all = closure(&of_all, rule.into(), pack);
            let text = joined(&words, &all);
            let params = all.iter().filter(|t| t.noun == Noun::Param).map(|t| ParamId(t.index)).collect();
            let own = words.get(&rule.into()).map_or("", String::as_str);
            let fingerprint = match pack.core(rule) {
                Some(core) => {
                    let mut used = closure(&bare, rule.into(), pack);
                    used.remove(&rule.into());
                    let judges = format!("{}{}", judging(core, pack), joined(&words, &used));
                    Fingerprint {
                        grain: core.grain.map(|grain| pack.row_word(grain).to_owned()),
                        judges: hash(&time_and_money, &judges),
                        pace: sha256(&core.check.print(&Place::of(pack, core.grain))),
                        text: sha256(own),
                    }
                }
                None => Fingerprint {
                    grain: grain(pack, rule),
                    judges: hash(&time_and_money, &text),
                    pace: sha256(""),
                    text: sha256(own),
                },
            };
            (rule, Revision { hash: hash(&house, &text), rules: text, fingerprint, params })
        });
        Revisions { pack: hash(&house, &joined(&words, &everything)), of: rules.collect(), house }
    }
}

/// For each row of what a rule without a lifecycle is judged.
fn grain(pack: &Pack, rule: RuleRef) -> Option<String> {
    let RuleRef::Threshold(i) = rule else { return None };
    let threshold = pack.thresholds.get(i as usize)?;
    pack.metric(threshold.metric).grain.map(|grain| pack.row_word(grain).to_owned())
}

/// An item and all that it uses, directly or not; of a param also the line that sets it.
fn closure(uses: &Uses, of: Thing, pack: &Pack) -> BTreeSet<Thing> {
    let mut all = BTreeSet::from([of]);
    let mut open = vec![of];
    while let Some(thing) = open.pop() {
        let mut more: Vec<Thing> = uses.by(thing).map(|used| used.thing).collect();
        if thing.noun == Noun::Param {
            let sets = (0u32..).zip(&pack.sets).filter(|(_, set)| set.param == ParamId(thing.index));
            more.extend(sets.map(|(i, _)| Thing::new(Noun::Set, i)));
        }
        open.extend(more.into_iter().filter(|t| all.insert(*t)));
    }
    all
}

fn joined(words: &BTreeMap<Thing, String>, all: &BTreeSet<Thing>) -> String {
    let mut texts: Vec<&str> = all.iter().filter_map(|thing| words.get(thing)).map(String::as_str).collect();
    // In which order the files of a pack name things means nothing.
    texts.sort_unstable();
    texts.join("\n")
}

/// A rule reduced to what its verdict is made of: when it begins, clears and ends.
fn core_alone(core: &Trigger) -> Trigger {
    let mut core = core.clone();
    core.name = "rule".into();
    core.because = "".into();
    (core.title, core.formerly, core.once, core.mode, core.acts_on, core.depth) = (None, None, None, None, None, None);
    core.severity = "medium".into();
    core.when_unknown.tell = None;
    core.check = Check { pace: Pace::Monthly(OnDay::PeriodEnd), other: None };
    core.steps.clear();
    core
}

fn judging(core: &Trigger, pack: &Pack) -> String {
    core_alone(core).print_as(pack, "trigger").to_string()
}

/// The pack with its rules reduced so, to see what their verdicts alone use.
fn bare(pack: &Pack) -> Pack {
    let mut bare = pack.clone();
    bare.triggers = pack.triggers.iter().map(core_alone).collect();
    for rollback in &mut bare.rollbacks {
        rollback.core = core_alone(&rollback.core);
        rollback.watch = None;
    }
    bare
}
