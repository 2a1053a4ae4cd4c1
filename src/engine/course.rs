//! The course of rules through time: which of them are due and what they decide, with memory carried from one round to
//! the next. Whoever lives through time without a database of his own (a plan, a backtest) reads the world and hands
//! over the judge. Nothing is carried out; what would be is kept in a log.

use jiff::Timestamp;

use super::decide::Intent;
use super::depend::Which;
use super::judge::Judge;
use super::round::{Remembered, Round, RuleKey, with_fired};
use crate::lang::expr::ParamId;
use crate::lang::pack::{Pack, RuleRef};

/// Every rule of a pack that has a lifecycle.
pub fn all(pack: &Pack) -> Vec<RuleRef> {
    let triggers = (0..pack.triggers.len() as u32).map(RuleRef::Trigger);
    triggers.chain((0..pack.rollbacks.len() as u32).map(RuleRef::Rollback)).collect()
}

/// Some rules on their way through time.
pub struct Course<'a> {
    pack: &'a Pack,
    rules: Vec<RuleRef>,
    /// What the rules remember.
    pub remembered: Remembered,
    /// What was decided, in order.
    pub log: Vec<(RuleKey, Intent)>,
}

impl<'a> Course<'a> {
    /// Some rules before their first judgement.
    pub fn new(pack: &'a Pack, rules: Vec<RuleRef>) -> Course<'a> {
        Course { pack, rules, remembered: Remembered::default(), log: Vec::new() }
    }

    fn at<T>(&self, now: Timestamp, with: impl FnOnce(&Round<'_>) -> T) -> T {
        let param = |id: ParamId| self.pack.param(id).clone();
        let follows = |rule: RuleRef| self.rules.contains(&rule);
        with(&Round {
            pack: self.pack,
            param: &param,
            now,
            replies: &[],
            attended: true,
            touched: &|_| Which::All,
            follows: &follows,
            trace: None,
        })
    }

    /// The rules that are to be judged at a moment.
    pub fn due(&self, now: Timestamp) -> Vec<RuleRef> {
        self.at(now, |round| self.rules.iter().copied().filter(|rule| round.is_due(&self.remembered, *rule)).collect())
    }

    /// The next moment after `now` at which some rule is due, or something changes by itself.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.remembered.due.values().copied().filter(|at| *at > now && *at < Timestamp::MAX).min();
        let woken = self.remembered.wakes().find(|at| *at > now);
        due.into_iter().chain(woken).min()
    }

    /// These rules and those that they fire, which are judged from the same readings.
    pub fn read(&self, rules: &[RuleRef]) -> Vec<RuleRef> {
        with_fired(self.pack, rules)
    }

    /// Judges rules at a moment and decides what they do. The judge has read what [`Course::read`] says of them.
    pub fn judge(&mut self, judge: &Judge<'_>, rules: &[RuleRef], now: Timestamp) {
        let mut remembered = std::mem::take(&mut self.remembered);
        let decided = self.at(now, |round| round.run(judge, rules, &mut remembered));
        self.remembered = remembered;
        for one in decided {
            self.log.extend(one.intents.into_iter().map(|intent| (one.of.clone(), intent)));
        }
    }
}
