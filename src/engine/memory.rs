//! What a rule remembers of one key between two judgements. It is kept under the rule's name and the key, so that
//! restarts, reloads and edits of the rule do not lose it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::lang::item::step::Mode;
use crate::time::Calendar;
use crate::value::Value;

/// Everything a rule remembers of one key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Where it stands.
    pub state: State,
    /// When it last began to fire; a cooldown runs from here.
    pub last_firing: Option<Timestamp>,
    /// How often it has fired, ever.
    pub firings: u32,
    /// What came of the last firing.
    pub outcome: Option<Arc<str>>,
    /// How long `when` has held.
    pub held: Held,
    /// How long `clear when` has held.
    pub clear_held: Held,
    /// `when` cannot be told at present.
    pub unknown: bool,
    /// Its stage is not entered, or does not run.
    pub asleep: bool,
    /// Somebody has silenced it until then.
    pub snoozed: Option<Timestamp>,
}

/// Where a rule stands for one key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waiting for its condition.
    #[default]
    Armed,
    /// The condition holds, but not yet for long enough.
    Pending {
        /// Since when.
        since: Timestamp,
    },
    /// It has begun to act and has not cleared.
    Firing(Firing),
    /// It has cleared and may not fire again before then.
    Cooling {
        /// Until when.
        until: Timestamp,
    },
    /// It has ended with an outcome, and stays silent while its condition holds on.
    Resting {
        /// The outcome.
        word: Arc<str>,
        /// At most until then.
        until: Option<Timestamp>,
    },
}

/// One firing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// When it began.
    pub began: Timestamp,
    /// The try it is at, from 1.
    pub iteration: u32,
    /// When this try began.
    pub started: Timestamp,
    /// The step that is next, or at which it waits.
    pub next: usize,
    /// What it is waiting for.
    pub phase: Phase,
    /// Who has agreed to what follows.
    pub consent: Consent,
    /// Steps that wait for somebody to agree to them.
    pub parked: Vec<usize>,
    /// What people answered in this firing, in order; conditions such as `chairman approved` read it.
    pub answers: Vec<(Arc<str>, Reply)>,
    /// Another rule began it, while its own condition did not hold.
    pub forced: bool,
    /// It has tried as often as it may, people were asked once as urgent, and now it is silent.
    pub exhausted: bool,
}

/// How far one try of a firing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// An agent has been asked for a proposal.
    Proposing,
    /// People have been asked.
    Waiting(Waiting),
    /// Its steps are done or were refused.
    Done {
        /// Since when.
        at: Timestamp,
    },
    /// Its steps were listed for a person.
    Listed,
}

/// A question that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The step that asks; nothing when only the parked steps are asked for.
    pub step: Option<usize>,
    /// Who must answer, all of them.
    pub roles: Vec<Arc<str>>,
    /// Who was asked in their place; one of them is enough.
    pub above: Vec<Arc<str>>,
    /// Until when; nothing when no more time runs.
    pub deadline: Option<Timestamp>,
    /// How often it was asked again.
    pub escalations: u32,
    /// Since when nobody is waited for. The question stays open, for silence is never a yes.
    pub timed_out: Option<Timestamp>,
    /// What was answered so far.
    pub answers: Vec<(Arc<str>, Reply)>,
}

impl Waiting {
    /// Keeps the answers that count, and says which those are: the first word of each who was asked. Who wants another
    /// outcome later overrides.
    pub fn hear(&mut self, answers: &[(Arc<str>, Reply)]) -> Vec<(Arc<str>, Reply)> {
        let before = self.answers.len();
        for (role, reply) in answers {
            let asked = self.roles.contains(role) || self.above.contains(role);
            if asked && !self.answers.iter().any(|(r, _)| r == role) {
                self.answers.push((role.clone(), reply.clone()));
            }
        }
        self.answers[before..].to_vec()
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Yes.
    Yes,
    /// No.
    No,
    /// One of the choices.
    Chose(Arc<str>),
}

/// Who has agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Nobody was asked.
    #[default]
    None,
    /// A decision lets it run by itself.
    ByRule,
    /// People said yes.
    ByPeople,
}

/// How long something has held, as far as anybody judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Held {
    /// The time up to the last judgement.
    pub sum: SignedDuration,
    /// The last judgement, when it held then.
    pub running: Option<Timestamp>,
}

impl Held {
    /// Counts the time since the last judgement. What was unknown neither counts nor resets, and neither does time in
    /// which nobody judged.
    pub fn judge(&mut self, holds: Option<bool>, now: Timestamp, idle: SignedDuration) {
        if let Some(since) = self.running.take() {
            let judged = now.duration_since(since).saturating_sub(idle.max(SignedDuration::ZERO));
            self.sum = self.sum.saturating_add(judged.max(SignedDuration::ZERO));
        }
        match holds {
            Some(true) => self.running = Some(now),
            Some(false) => self.sum = SignedDuration::ZERO,
            None => {}
        }
    }

    /// Nobody judges from here on.
    pub fn pause(&mut self) {
        self.running = None;
    }

    /// When it has held for a length, if it goes on to hold and to be judged; nothing while it does not hold.
    pub fn reaches(&self, length: &Value, calendar: &Calendar) -> Option<Timestamp> {
        let running = self.running?;
        let began = running.checked_sub(self.sum).unwrap_or(running);
        Some(later(began, length, calendar))
    }
}

/// A moment moved on by a duration or a span of the calendar.
pub fn later(at: Timestamp, length: &Value, calendar: &Calendar) -> Timestamp {
    match length {
        Value::Number(seconds) => calendar.shift_seconds(at, seconds.floor(), true),
        Value::Span(span) => calendar.shift(at, *span, true),
        // Other values are no lengths; the check lets none through.
        Value::Date(_) | Value::Moment(_) | Value::Text(_) | Value::Truth(_) => at,
    }
}

impl State {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            State::Armed => "armed",
            State::Pending { .. } => "pending",
            State::Firing(_) => "firing",
            State::Cooling { .. } => "cooling",
            State::Resting { .. } => "resting",
        }
    }
}

impl Memory {
    /// The firing, while there is one.
    pub fn firing(&self) -> Option<&Firing> {
        if let State::Firing(firing) = &self.state { Some(firing) } else { None }
    }

    /// The question that is open.
    pub fn waiting(&self) -> Option<&Waiting> {
        match &self.firing()?.phase {
            Phase::Waiting(waiting) => Some(waiting),
            Phase::Proposing | Phase::Done { .. } | Phase::Listed => None,
        }
    }

    /// What people have said in this firing, with what they answer now. Conditions such as `chairman approved` are
    /// judged with it, so an answer that does not count must not stand here either.
    pub fn said(&self, answers: &[(Arc<str>, Reply)]) -> Vec<(Arc<str>, Reply)> {
        let Some(firing) = self.firing() else { return Vec::new() };
        let mut said = firing.answers.clone();
        if let Phase::Waiting(waiting) = &firing.phase {
            said.extend(waiting.clone().hear(answers));
        }
        said
    }

    /// Whether it is silenced.
    pub fn is_snoozed(&self, now: Timestamp) -> bool {
        self.snoozed.is_some_and(|until| until > now)
    }

    /// The one word by which people see it. What hides the state comes first; a firing is seen even when unknown.
    pub fn word(&self, now: Timestamp) -> &'static str {
        if self.asleep {
            "asleep"
        } else if self.is_snoozed(now) {
            "snoozed"
        } else if self.unknown && self.firing().is_none() {
            "unknown"
        } else {
            self.state.word()
        }
    }

    /// Whether a word of a test describes it: the word by which people see it, or what is true beside that.
    pub fn is(&self, word: &str, mode: Mode, now: Timestamp) -> bool {
        match word {
            "unknown" => self.unknown && !self.asleep,
            "manual" => mode == Mode::Manual,
            word => self.word(now) == word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Number, Span};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    const NONE: SignedDuration = SignedDuration::ZERO;

    #[test]
    fn unknown_time_neither_counts_nor_resets() {
        let mut held = Held::default();
        held.judge(Some(true), at("2026-03-02T00:00:00Z"), NONE);
        held.judge(None, at("2026-03-02T02:00:00Z"), NONE);
        held.judge(Some(true), at("2026-03-02T05:00:00Z"), NONE);
        held.judge(Some(true), at("2026-03-02T06:00:00Z"), NONE);
        assert_eq!(held.sum, SignedDuration::from_hours(3));
    }

    #[test]
    fn time_in_which_nobody_judged_does_not_count() {
        let mut held = Held::default();
        held.judge(Some(true), at("2026-03-02T00:00:00Z"), NONE);
        held.judge(Some(true), at("2026-03-02T10:00:00Z"), SignedDuration::from_hours(9));
        assert_eq!(held.sum, SignedDuration::from_hours(1));
    }

    #[test]
    fn what_stops_holding_begins_anew() {
        let mut held = Held::default();
        held.judge(Some(true), at("2026-03-02T00:00:00Z"), NONE);
        held.judge(Some(false), at("2026-03-02T03:59:00Z"), NONE);
        held.judge(Some(true), at("2026-03-02T04:00:00Z"), NONE);
        assert_eq!(held.sum, NONE);
        let four = Value::Number(Number::whole(4 * 3600));
        assert_eq!(held.reaches(&four, &Calendar::default()), Some(at("2026-03-02T08:00:00Z")));
    }

    #[test]
    fn months_are_counted_on_the_calendar() {
        let month = Value::Span(Span { months: 1, ..Span::default() });
        assert_eq!(later(at("2026-01-31T09:00:00Z"), &month, &Calendar::default()), at("2026-02-28T09:00:00Z"));
    }
}
