//! What judging and deciding reached, for those who ask how much of a rule its tests look at.
//!
//! A trace is handed in by who wants one; without it nothing is written down.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use super::judge::Outcome;
use super::reading::{Reason, Tri};
use crate::lang::expr::MetricId;
use crate::lang::pack::RuleRef;
use crate::source::Span;

/// Whether a condition held, without the reason for which that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Truth {
    /// It did.
    Yes,
    /// It did not.
    No,
    /// It could not be told.
    Unknown,
}

impl Truth {
    /// Of a judged condition.
    pub fn of(tri: &Tri) -> Truth {
        match tri {
            Tri::Yes => Truth::Yes,
            Tri::No => Truth::No,
            Tri::Unknown(_) => Truth::Unknown,
        }
    }

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Truth::Yes => "true",
            Truth::No => "false",
            Truth::Unknown => "unknown",
        }
    }
}

/// A move in the life of a trigger or rollback.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Move {
    /// It waits until its condition has held for long enough.
    Pending,
    /// It tries again.
    Again,
    /// Its firing is over because the condition is.
    Cleared,
    /// It may not fire again yet.
    Cooling,
    /// It has tried as often as it may.
    Exhausted,
    /// A step is carried out, listed or asked.
    Step(usize),
    /// People say yes to what a step asks.
    Yes(usize),
    /// Somebody says no to it.
    No(usize),
    /// Somebody chooses.
    Chose(usize, Arc<str>),
    /// Nobody answers in time.
    Silence(usize),
    /// An `end as`, by its place.
    Ended(usize),
}

/// Something that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Point {
    /// A condition or a part of one, by where it stands.
    Part(Span, Truth),
    /// A verdict of a rule.
    Verdict(RuleRef, Outcome),
    /// A verdict of a rule that was unknown, and why.
    Blind(RuleRef, Reason),
    /// A case of a metric, by its place.
    Case(MetricId, usize),
    /// No case could be told, and why.
    BlindCases(MetricId, Reason),
    /// A move of a rule.
    Move(RuleRef, Move),
    /// A line of a decision said who decides: the decision and the line, by their places.
    Decided(u32, usize),
}

/// What was reached so far.
#[derive(Debug, Default)]
pub struct Trace(RefCell<HashSet<Point>>);

impl Trace {
    /// Nothing reached yet.
    pub fn new() -> Trace {
        Trace::default()
    }

    /// Writes down that something was reached.
    pub fn note(&self, point: Point) {
        self.0.borrow_mut().insert(point);
    }

    /// Writes down a verdict, and why where it is unknown.
    pub fn verdict(&self, rule: RuleRef, outcome: Outcome, why: Option<Reason>) {
        if let (Outcome::Unknown, Some(why)) = (outcome, why) {
            self.note(Point::Blind(rule, why));
        }
        self.note(Point::Verdict(rule, outcome));
    }

    /// Everything that was reached.
    pub fn points(self) -> HashSet<Point> {
        self.0.into_inner()
    }
}
