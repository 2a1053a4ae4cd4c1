//! Readings: what was read from the world at one instant, and why something could not be.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::lang::expr::{ContractId, Relation};
use crate::plan::{GroupId, MomentId};
use crate::time::Instant;
use crate::value::Value;

/// Why something is not known, or why a verdict is what it is, as one word for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The condition of the rule holds.
    ConditionHolds,
    /// The condition of the rule does not hold.
    ConditionFails,
    /// The value meets the target.
    TargetMet,
    /// The value is short of the target and still acceptable.
    Acceptable,
    /// The value is beyond what is acceptable.
    Breached,
    /// The rule's `while` does not hold.
    Outside,
    /// Every line of the gate holds.
    AllHold,
    /// Rows keep what the contract says.
    Holds,
    /// Rows break what the contract says.
    Violated,
    /// There are no rows to take a value from.
    NoRows,
    /// Fewer rows than needed.
    TooFewRows,
    /// A value is missing where one is required.
    MissingValue,
    /// A row breaks its contract.
    BadRow,
    /// The newest row is too old.
    Stale,
    /// A division by zero.
    DividedByZero,
    /// A change from a base at or below zero.
    BaseNotPositive,
    /// No baseline, or one that does not know the metric.
    NoBaseline,
    /// The past of a table is not known.
    NoHistory,
    /// The database lacks the table or column, or could not be read.
    CannotRead,
    /// A table of the test was not given.
    NotGiven,
    /// A number too large for exact arithmetic.
    TooLarge,
    /// A reference to a row that is not there.
    Orphan,
}

impl Reason {
    /// The word of `--format json`.
    pub fn word(self) -> &'static str {
        match self {
            Reason::ConditionHolds => "condition_holds",
            Reason::ConditionFails => "condition_fails",
            Reason::TargetMet => "target_met",
            Reason::Acceptable => "acceptable",
            Reason::Breached => "breached",
            Reason::Outside => "outside_while",
            Reason::AllHold => "all_hold",
            Reason::Holds => "holds",
            Reason::Violated => "violated",
            Reason::NoRows => "no_rows",
            Reason::TooFewRows => "too_few_rows",
            Reason::MissingValue => "missing_value",
            Reason::BadRow => "bad_row",
            Reason::Stale => "stale",
            Reason::DividedByZero => "divided_by_zero",
            Reason::BaseNotPositive => "base_not_positive",
            Reason::NoBaseline => "no_baseline",
            Reason::NoHistory => "no_history",
            Reason::CannotRead => "cannot_read",
            Reason::NotGiven => "not_given",
            Reason::TooLarge => "too_large",
            Reason::Orphan => "orphan",
        }
    }
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Why {
    /// In one word.
    pub reason: Reason,
    /// In one sentence without a full stop.
    pub text: String,
    /// The contract whose data is at fault, where one is.
    pub contract: Option<ContractId>,
}

impl Why {
    /// A reason.
    pub fn new(reason: Reason, text: impl Into<String>) -> Arc<Why> {
        Arc::new(Why { reason, text: text.into(), contract: None })
    }

    /// A reason that lies in a contract's data.
    pub fn of(reason: Reason, contract: ContractId, text: impl Into<String>) -> Arc<Why> {
        Arc::new(Why { reason, text: text.into(), contract: Some(contract) })
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tri {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It cannot be told.
    Unknown(Arc<Why>),
}

impl Tri {
    /// From a plain truth.
    pub fn from_bool(holds: bool) -> Tri {
        if holds { Tri::Yes } else { Tri::No }
    }

    /// What holds when this does not.
    pub fn negate(self) -> Tri {
        match self {
            Tri::Yes => Tri::No,
            Tri::No => Tri::Yes,
            unknown => unknown,
        }
    }

    /// Kleene's `and` over all, without looking further than needed for a plain no.
    pub fn all(parts: impl IntoIterator<Item = Tri>) -> Tri {
        let mut unknown = None;
        for part in parts {
            match part {
                Tri::No => return Tri::No,
                Tri::Yes => {}
                Tri::Unknown(why) => unknown = unknown.or(Some(why)),
            }
        }
        unknown.map_or(Tri::Yes, Tri::Unknown)
    }

    /// Kleene's `or` over all.
    pub fn any(parts: impl IntoIterator<Item = Tri>) -> Tri {
        Tri::all(parts.into_iter().map(Tri::negate)).negate()
    }
}

/// One value of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A value that keeps the contract.
    Value(Value),
    /// Nothing, where nothing is allowed.
    Missing,
    /// Something that breaks the contract, or nothing where something is required.
    Bad(Arc<Why>),
}

/// The key of a row: the texts of its key columns.
pub type Key = Arc<[Arc<str>]>;

/// Rows of one relation at one instant.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The key of each row, by its number in [`Keys`].
    pub keys: Vec<u32>,
    /// Columns that were read, each with a cell a row.
    pub columns: BTreeMap<u32, Vec<Cell>>,
    /// The row of a key, where there is one.
    pub row_of: HashMap<u32, u32>,
    /// What the pairs of each row share, for the reason; only of pairs.
    pub shared: Vec<Vec<String>>,
    /// How many pairs were cut off.
    pub cut: u32,
    /// Rows that are wrong as a whole, by key: two that claim to be the same.
    pub bad: HashMap<u32, Arc<Why>>,
}

/// All keys of a relation that occur at any instant, numbered.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    list: Vec<Key>,
    numbers: HashMap<Key, u32>,
}

impl Keys {
    /// The number of a key, which it gets now if it has none.
    pub fn number(&mut self, key: Key) -> u32 {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.list.len() as u32;
        self.list.push(key.clone());
        self.numbers.insert(key, number);
        number
    }

    /// The number of a key that occurs.
    pub fn find(&self, key: &[Arc<str>]) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// The key of a number; empty for a number that was never given.
    pub fn key(&self, number: u32) -> Key {
        self.list.get(number as usize).cloned().unwrap_or_else(|| Arc::new([]))
    }
}

/// One measure of one group as the database gave it.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// A value that does not fit its column.
    Bad(Arc<Why>),
    /// A count.
    Count(u64),
    /// A value, or nothing.
    Value(Option<Value>),
    /// A value with the date of its row.
    Dated(Option<(Value, Timestamp)>),
}

/// Groups of one scan: a row of measures for each key that has any.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    /// By the key's number; the one group of the portfolio is 0.
    pub rows: HashMap<u32, Vec<Raw>>,
}

/// A row that breaks its contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The row's key.
    pub key: Key,
    /// The column, where one is at fault.
    pub column: Option<u32>,
    /// What is wrong.
    pub text: String,
    /// It refers to a row that is not there, which whoever follows the reference finds out.
    pub orphan: bool,
}

/// How a contract stands.
#[derive(Debug, Clone, Default)]
pub struct ContractState {
    /// It cannot be read at all.
    pub unreadable: Option<Arc<Why>>,
    /// It is one of the program's own tables and not there yet: nothing has happened.
    pub absent: bool,
    /// Rows that break it, at most as many as are kept.
    pub violations: Vec<Violation>,
    /// How many there are.
    pub count: u64,
}

/// The stored state of the portfolio when a stage was entered.
#[derive(Debug, Clone, Default)]
pub struct BaselineReadings {
    /// When.
    pub taken_at: Timestamp,
    /// Readings by metric name and key.
    pub readings: HashMap<(String, Vec<String>), Result<String, String>>,
}

/// Everything that was read for one tick.
#[derive(Debug, Clone, Default)]
pub struct Readings {
    /// Each moment of the plan as an instant.
    pub instants: Vec<Option<Result<Instant, Arc<Why>>>>,
    /// Keys by relation.
    pub keys: HashMap<Relation, Keys>,
    /// Rows by relation and moment.
    pub tables: HashMap<(Relation, MomentId), Result<Table, Arc<Why>>>,
    /// Groups by scan.
    pub groups: HashMap<GroupId, Result<Groups, Arc<Why>>>,
    /// Contracts.
    pub contracts: Vec<ContractState>,
    /// The baseline, where one was taken.
    pub baseline: Option<BaselineReadings>,
    /// Stages that were entered, by number.
    pub entered: HashMap<String, Timestamp>,
}
