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
    pub row_of: Numbered,
    /// What the pairs of each row share, for the reason; only of pairs.
    pub shared: Vec<Vec<String>>,
    /// How many pairs were cut off.
    pub cut: u32,
    /// Rows that are wrong as a whole, by key: two that claim to be the same.
    pub bad: HashMap<u32, Arc<Why>>,
}

impl Table {
    /// Puts the rows into the order of their keys. That order is the same on every backend and after every write, and
    /// with it the row that is named first of several.
    pub fn sort(&mut self, keys: &Keys) {
        let key = |number: &u32| keys.get(*number);
        if !self.keys.is_sorted_by_key(key) {
            let mut order: Vec<usize> = (0..self.keys.len()).collect();
            order.sort_by(|a, b| key(&self.keys[*a]).cmp(&key(&self.keys[*b])));
            self.keys = order.iter().map(|i| self.keys[*i]).collect();
            for cells in self.columns.values_mut() {
                *cells = order.iter().map(|i| cells[*i].clone()).collect();
            }
            if !self.shared.is_empty() {
                self.shared = order.iter().map(|i| self.shared[*i].clone()).collect();
            }
        }
        self.number_from(0);
    }

    fn number_from(&mut self, row: usize) {
        for (i, number) in self.keys.iter().enumerate().skip(row) {
            self.row_of.insert(*number, i as u32);
        }
    }

    /// The rows of one key alone.
    pub fn only(&self, number: u32) -> Table {
        let rows: Vec<usize> = (0..self.keys.len()).filter(|i| self.keys[*i] == number).collect();
        let pick = |cells: &Vec<Cell>| rows.iter().map(|i| cells[*i].clone()).collect();
        Table {
            keys: vec![number; rows.len()],
            columns: self.columns.iter().map(|(column, cells)| (*column, pick(cells))).collect(),
            shared: rows.iter().filter_map(|i| self.shared.get(*i).cloned()).collect(),
            ..Table::default()
        }
    }

    /// Where the rows of a key stand, or would.
    fn place(&self, number: u32, keys: &Keys) -> std::ops::Range<usize> {
        let key = keys.get(number);
        let start = self.keys.partition_point(|n| keys.get(*n) < key);
        let end = start + self.keys[start..].iter().take_while(|n| **n == number).count();
        start..end
    }

    /// Puts what was read of one key in the place of what was known of it. True: something is other than before.
    pub fn renew(&mut self, number: u32, read: Table, keys: &Keys) -> bool {
        let place = self.place(number, keys);
        let bad = read.bad.get(&number);
        let same = self.bad.get(&number) == bad
            && place.len() == read.keys.len()
            && self
                .columns
                .iter()
                .all(|(column, cells)| read.columns.get(column).is_some_and(|c| c[..] == cells[place.clone()]))
            && (self.shared.is_empty() && read.shared.is_empty()
                || self.shared.get(place.clone()) == Some(&read.shared[..]));
        if same {
            return false;
        }
        match bad {
            Some(why) => self.bad.insert(number, why.clone()),
            None => self.bad.remove(&number),
        };
        let (before, after, start) = (place.len(), read.keys.len(), place.start);
        let paired = !self.shared.is_empty() || !read.shared.is_empty();
        self.keys.splice(place.clone(), read.keys);
        for (column, cells) in &mut self.columns {
            cells.splice(place.clone(), read.columns.get(column).cloned().unwrap_or_default());
        }
        if paired {
            self.shared.splice(place, read.shared);
        }
        if before != after {
            self.row_of.remove(number);
            self.number_from(start);
        }
        true
    }
}

/// A number for each of some keys, by the key's number.
#[derive(Debug, Clone, Default)]
pub struct Numbered {
    places: Vec<u32>,
}

impl Numbered {
    const NONE: u32 = u32::MAX;

    /// The number of a key, where it has one.
    pub fn get(&self, key: u32) -> Option<u32> {
        self.places.get(key as usize).copied().filter(|n| *n != Numbered::NONE)
    }

    /// Whether a key has one.
    pub fn has(&self, key: u32) -> bool {
        self.get(key).is_some()
    }

    /// Gives a key its number.
    pub fn insert(&mut self, key: u32, number: u32) {
        let place = key as usize;
        if self.places.len() <= place {
            self.places.resize(place + 1, Numbered::NONE);
        }
        self.places[place] = number;
    }

    /// Takes its number from a key.
    pub fn remove(&mut self, key: u32) {
        if let Some(place) = self.places.get_mut(key as usize) {
            *place = Numbered::NONE;
        }
    }

    /// The keys that have one, in the order of their numbers.
    pub fn keys(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.places.len() as u32).filter(|key| self.has(*key))
    }
}

/// All keys of a relation that occur at any instant, numbered.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    list: Vec<Key>,
    numbers: HashMap<Key, u32>,
    /// Keys of one part, which are found by their text alone.
    single: HashMap<Arc<str>, u32>,
}

impl Keys {
    /// The number of a key of one part, which it gets now if it has none.
    pub fn number_of(&mut self, part: &str) -> u32 {
        if let Some(number) = self.single.get(part) {
            return *number;
        }
        let number = self.list.len() as u32;
        let part: Arc<str> = part.into();
        self.list.push([part.clone()].into());
        self.single.insert(part, number);
        number
    }

    /// The number of a key, which it gets now if it has none.
    pub fn number(&mut self, key: Key) -> u32 {
        if let [part] = &key[..] {
            return self.number_of(part);
        }
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
        match key {
            [part] => self.single.get(part).copied(),
            parts => self.numbers.get(parts).copied(),
        }
    }

    /// The key of a number, where it was given.
    pub fn get(&self, number: u32) -> Option<&Key> {
        self.list.get(number as usize)
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

/// One measure for every key. Whole numbers, which most are, lie side by side; everything else stands beside them.
#[derive(Debug, Clone)]
pub struct Measured {
    kind: MeasuredKind,
    whole: Vec<i64>,
    /// The dates of dated values, in nanoseconds since 1970.
    at: Vec<i64>,
    state: Vec<u8>,
    other: HashMap<u32, Raw>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MeasuredKind {
    Count,
    Value,
    Dated,
}

const BLANK: u8 = 0;
const WHOLE: u8 = 1;
const OTHER: u8 = 2;

impl Measured {
    fn new(blank: &Raw) -> Measured {
        let kind = match blank {
            Raw::Count(_) => MeasuredKind::Count,
            Raw::Dated(_) => MeasuredKind::Dated,
            Raw::Value(_) | Raw::Bad(_) => MeasuredKind::Value,
        };
        Measured { kind, whole: Vec::new(), at: Vec::new(), state: Vec::new(), other: HashMap::new() }
    }

    fn set(&mut self, key: u32, raw: Raw) {
        let place = key as usize;
        if self.state.len() <= place {
            self.state.resize(place + 1, BLANK);
            self.whole.resize(place + 1, 0);
            if self.kind == MeasuredKind::Dated {
                self.at.resize(place + 1, 0);
            }
        }
        let whole = |n: &crate::value::Number| n.to_whole().and_then(|n| i64::try_from(n).ok());
        let found = match &raw {
            Raw::Count(n) => i64::try_from(*n).ok().map(|n| (n, 0)),
            Raw::Value(Some(Value::Number(n))) => whole(n).map(|n| (n, 0)),
            Raw::Dated(Some((Value::Number(n), at))) => whole(n).zip(i64::try_from(at.as_nanosecond()).ok()),
            _ => None,
        };
        match found {
            Some((n, at)) => {
                self.whole[place] = n;
                if let Some(slot) = self.at.get_mut(place) {
                    *slot = at;
                }
                self.state[place] = WHOLE;
            }
            None if matches!(raw, Raw::Value(None) | Raw::Dated(None)) => self.state[place] = BLANK,
            None => {
                self.other.insert(key, raw);
                self.state[place] = OTHER;
            }
        }
    }

    /// One more than the greatest number of a key that it may hold.
    pub fn span(&self) -> usize {
        self.state.len()
    }

    /// What was measured for a key; the measure of nothing where it was in no group.
    pub fn get(&self, key: u32) -> Raw {
        let place = key as usize;
        match self.state.get(place).copied().unwrap_or(BLANK) {
            WHOLE => {
                let n = self.whole[place];
                let value = || Value::Number(crate::value::Number::whole(i128::from(n)));
                match self.kind {
                    MeasuredKind::Count => Raw::Count(n.unsigned_abs()),
                    MeasuredKind::Value => Raw::Value(Some(value())),
                    MeasuredKind::Dated => {
                        let at = self.at.get(place).and_then(|n| Timestamp::from_nanosecond(i128::from(*n)).ok());
                        Raw::Dated(at.map(|at| (value(), at)))
                    }
                }
            }
            OTHER => self.other.get(&key).cloned().unwrap_or(Raw::Value(None)),
            _ => match self.kind {
                MeasuredKind::Count => Raw::Count(0),
                MeasuredKind::Value => Raw::Value(None),
                MeasuredKind::Dated => Raw::Dated(None),
            },
        }
    }

    /// The same where it is a whole number, and whether it is anything else; for many keys at once.
    pub fn whole(&self, key: u32) -> Whole {
        match self.state.get(key as usize).copied().unwrap_or(BLANK) {
            WHOLE => Whole::Number(self.whole[key as usize]),
            OTHER => Whole::Other,
            _ => Whole::Nothing,
        }
    }
}

/// What a measure is, seen as a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// This number.
    Number(i64),
    /// The measure of nothing.
    Nothing,
    /// Something else.
    Other,
}

/// Groups of one scan: a value of each measure for each key that has any.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    /// By the place of the measure in its scan; the one group of the portfolio has the key 0.
    pub measures: Vec<Measured>,
}

impl Groups {
    /// No groups yet, of measures whose values over nothing these are.
    pub fn new(blank: &[Raw]) -> Groups {
        Groups { measures: blank.iter().map(Measured::new).collect() }
    }

    /// Notes a measure of a key.
    pub fn set(&mut self, key: u32, measure: usize, raw: Raw) {
        if let Some(measured) = self.measures.get_mut(measure) {
            measured.set(key, raw);
        }
    }

    /// Puts what was read of one key in the place of what was known of it. True: something is other than before.
    pub fn renew(&mut self, key: u32, read: Vec<Raw>) -> bool {
        let mut other = false;
        for (measured, raw) in self.measures.iter_mut().zip(read) {
            if measured.get(key) != raw {
                measured.set(key, raw);
                other = true;
            }
        }
        other
    }

    /// A measure of a key.
    pub fn get(&self, key: u32, measure: usize) -> Option<Raw> {
        self.measures.get(measure).map(|m| m.get(key))
    }
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
