//! What a pack says of rows, taken literally: an interpreter that looks at every row whenever it is asked anything.
//!
//! It shares with the engine the checked pack, values and the calendar, and nothing else: no plan, no SQL, no scans, no
//! memory between two questions but a notebook of what was asked before. It is slow and meant to be read.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use bylaws::lang::expr::{
    Anchor, Arith, Binding, Checked, Compare, ContractId, Distance, Exists, Expr, ExprKind, Hop, Joint, MetricId,
    PairsId, Presence, Relation, ThresholdId, Tie, Window, WindowKind,
};
use bylaws::lang::item::contract::{Column, Encoding, Fresh, OnViolation, Optional, Volume};
use bylaws::lang::item::metric::{Aggregate, Definition, Fold, Literal0, MomentOf, Shift, Then};
use bylaws::lang::item::threshold::Cadence;
use bylaws::lang::item::trigger::{Condition, Hold, OnDay, Pace, Trigger};
use bylaws::lang::pack::{Pack, RuleRef};
use bylaws::time::{Calendar, Instant, Period, Range};
use bylaws::value::{Number, Type, Value};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

/// A stored value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Raw {
    /// How it stands in a key.
    fn text(&self) -> String {
        match self {
            Raw::Null => String::new(),
            Raw::Int(n) => n.to_string(),
            Raw::Real(n) => Number::from_f64(*n).map_or_else(|| n.to_string(), |n| n.decimal(38)),
            Raw::Text(text) => text.clone(),
            Raw::Blob(bytes) => format!("{} bytes", bytes.len()),
        }
    }
}

/// All rows of all tables, by the number of the contract, as they are from a moment on.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) from: Timestamp,
    pub(crate) tables: Vec<Vec<Vec<Raw>>>,
}

/// What was stored when a stage was entered.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    pub(crate) at: Timestamp,
    /// Each metric that somebody compares with it, by name and key: its value, or that it was not known.
    pub(crate) readings: BTreeMap<(String, Key), Option<Value>>,
    /// The values that an aggregate that leaves out the unknown was taken from, by the rows they belong to.
    pub(crate) parts: BTreeMap<(String, Key), Vec<(Key, Value)>>,
}

/// All that is known.
pub(crate) struct World<'a> {
    pub(crate) pack: &'a Pack,
    /// The states of the database, the oldest first; the last is the present one.
    pub(crate) states: &'a [State],
    /// Since when somebody keeps the past of the tables.
    pub(crate) logged: Option<Timestamp>,
    pub(crate) baseline: Option<&'a Baseline>,
    pub(crate) now: Timestamp,
}

/// The texts that name a row.
pub(crate) type Key = Vec<String>;

/// Why something is not known, in one word, and whose data is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) code: &'static str,
    pub(crate) cause: Option<ContractId>,
}

fn doubt(code: &'static str) -> Doubt {
    Doubt { code, cause: None }
}

fn fault(code: &'static str, cause: ContractId) -> Doubt {
    Doubt { code, cause: Some(cause) }
}

/// A value; nothing where it is missing and may be.
type Known = Result<Option<Value>, Doubt>;

/// A value and how many rows were left out of it.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) value: Known,
    pub(crate) left_out: u32,
}

fn just(value: Known) -> Reading {
    Reading { value, left_out: 0 }
}

/// Whether something holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Truth {
    Yes,
    No,
    Unknown(Doubt),
}

use Truth::{No, Unknown, Yes};

fn truth(holds: bool) -> Truth {
    if holds { Yes } else { No }
}

impl Truth {
    fn not(self) -> Truth {
        match self {
            Yes => No,
            No => Yes,
            unknown => unknown,
        }
    }
}

/// Kleene: one no is a no; else the first unknown; else a yes.
fn all(parts: impl IntoIterator<Item = Truth>) -> Truth {
    let parts: Vec<Truth> = parts.into_iter().collect();
    if parts.contains(&No) {
        return No;
    }
    parts.into_iter().find(|p| matches!(p, Unknown(_))).unwrap_or(Yes)
}

fn any(parts: impl IntoIterator<Item = Truth>) -> Truth {
    all(parts.into_iter().map(Truth::not)).not()
}

#[derive(Debug, Clone)]
enum Cell {
    Value(Value),
    Missing,
    Bad(Doubt),
}

impl Cell {
    fn known(&self) -> Known {
        match self {
            Cell::Value(value) => Ok(Some(value.clone())),
            Cell::Missing => Ok(None),
            Cell::Bad(doubt) => Err(doubt.clone()),
        }
    }
}

/// A row that can be seen at some instant.
#[derive(Debug)]
struct Row {
    key: Key,
    cells: Vec<Cell>,
    /// Its date as it is stored, whatever else is wrong with the row: that something came is known all the same.
    dated: Option<Value>,
    /// Whether it can be told that it belongs to the rows of the instant.
    placed: Truth,
}

type Rows = Rc<Result<Vec<Rc<Row>>, Doubt>>;

/// A row in scope: by its key, and the row itself where it is at hand.
#[derive(Debug, Clone)]
struct Here {
    of: Relation,
    key: Key,
    row: Option<Rc<Row>>,
}

impl Here {
    fn at(of: Relation, key: &[String]) -> Here {
        Here { of, key: key.to_vec(), row: None }
    }
}

/// What is said by a rule of a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) key: Key,
    pub(crate) outcome: &'static str,
    pub(crate) code: &'static str,
    pub(crate) cause: Option<ContractId>,
    pub(crate) value: Option<Value>,
}

type Asked = (MetricId, Instant, Option<Key>);

/// The interpreter, with its notebook.
pub(crate) struct Naive<'a> {
    world: World<'a>,
    rows: RefCell<HashMap<(Relation, Instant), Rows>>,
    asked: RefCell<HashMap<Asked, Reading>>,
}

impl<'a> Naive<'a> {
    pub(crate) fn new(world: World<'a>) -> Naive<'a> {
        Naive { world, rows: RefCell::default(), asked: RefCell::default() }
    }

    fn pack(&self) -> &'a Pack {
        self.world.pack
    }

    fn calendar(&self) -> &'a Calendar {
        &self.world.pack.settings.calendar
    }

    fn now(&self) -> Instant {
        Instant::now(self.world.now)
    }

    // ── time ──

    fn begins(&self, value: &Value) -> Option<Timestamp> {
        match value {
            Value::Date(day) => Some(self.calendar().day_start(*day)),
            Value::Moment(at) => Some(*at),
            _ => None,
        }
    }

    fn ends(&self, value: &Value) -> Option<Timestamp> {
        match value {
            Value::Date(day) => Some(self.calendar().day_end(*day)),
            other => self.begins(other),
        }
    }

    fn moved(&self, at: Timestamp, by: &Value, forward: bool) -> Timestamp {
        match by {
            Value::Span(span) => self.calendar().shift(at, *span, forward),
            Value::Number(seconds) => self.calendar().shift_seconds(at, seconds.floor(), forward),
            _ => at,
        }
    }

    /// A value written out or a param's.
    fn constant(&self, e: &Expr<Checked>) -> Option<Value> {
        self.value(e, &[], self.now()).value.ok().flatten()
    }

    fn seen(t: Instant) -> Range {
        Range { from: None, to: (t.at, !t.period_end) }
    }

    /// Where the n-th last complete period before an instant begins and ends.
    fn complete(&self, period: Period, t: Instant, back: u32) -> (Timestamp, Timestamp) {
        let c = self.calendar();
        let own = c.date(c.period_start(period, Instant::now(t.at)));
        let back = i32::try_from(back).expect("few periods");
        let begin = |n: i32| c.day_start(c.shift_date(own, period.span(n), false));
        (begin(back), begin(back - 1))
    }

    fn stretch(&self, kind: &WindowKind<Checked>, t: Instant) -> Option<Range> {
        let c = self.calendar();
        let to = (t.at, !t.period_end);
        Some(match kind {
            WindowKind::Last(length) => {
                let from = self.moved(t.at, &self.constant(length)?, false);
                Range { from: Some((from, t.period_end)), to }
            }
            WindowKind::This(period) => Range { from: Some((c.period_start(*period, t), true)), to },
            WindowKind::Previous(period) => {
                let end = c.period_start(*period, t);
                let start = c.day_start(c.shift_date(c.date(end), period.span(1), false));
                Range { from: Some((start, true)), to: (end, false) }
            }
            WindowKind::LastClosed(count, period) => {
                let (first, _) = self.complete(*period, t, *count);
                let (_, last) = self.complete(*period, t, 1);
                Range { from: Some((first, true)), to: (last, false) }
            }
        })
    }

    /// The end of the n-th last period that is over.
    fn closed(&self, period: Period, t: Instant, back: u32) -> Instant {
        self.calendar().closed(period, t, back)
    }

    /// Another time; nothing where it is not known.
    fn other_time(&self, then: &Then, t: Instant) -> Result<Instant, Doubt> {
        let c = self.calendar();
        Ok(match then {
            Then::Baseline => {
                let taken = self.world.baseline.ok_or_else(|| doubt("no_baseline"))?.at;
                if taken > t.at {
                    return Err(doubt("no_baseline"));
                }
                Instant::now(taken)
            }
            Then::Previous(period) => self.closed(*period, t, 1),
            Then::Ago(Literal0::Span(span)) => Instant { at: c.shift(t.at, *span, false), ..t },
            Then::Ago(Literal0::Seconds(n)) => Instant { at: c.shift_seconds(t.at, i128::from(*n), false), ..t },
            Then::At(at) => Instant::now(*at),
        })
    }

    // ── stored values ──

    /// The value of a stored one; an error where it is none of its column's.
    fn decode(raw: &Raw, column: &Column) -> Result<Option<Value>, ()> {
        if *raw == Raw::Null {
            return Ok(None);
        }
        if column.ty.is_quantity() {
            let stored = match raw {
                Raw::Int(n) => Some(Number::whole(i128::from(*n))),
                Raw::Real(n) => Number::from_f64(*n),
                _ => None,
            };
            let stored = stored.filter(|n| column.ty != Type::Count || n.to_whole().is_some()).ok_or(())?;
            let value = match &column.encoding {
                Encoding::Scaled(scale) => stored.times(*scale).ok_or(())?,
                _ => stored,
            };
            return Ok(Some(Value::Number(value)));
        }
        let value = match (&column.ty, raw) {
            (_, Raw::Blob(_)) => return Err(()),
            (Type::Truth, Raw::Int(n @ (0 | 1))) => Value::Truth(*n == 1),
            (Type::Truth, _) => return Err(()),
            (Type::Date, Raw::Text(text)) => Value::Date(day(text).ok_or(())?),
            (Type::Moment, Raw::Text(text)) => Value::Moment(moment(text).ok_or(())?),
            (Type::Date | Type::Moment, _) => return Err(()),
            (Type::Words(words), raw) => {
                let text = raw.text();
                let place = match &column.encoding {
                    Encoding::Words(texts) => texts.iter().position(|t| **t == *text),
                    _ => words.iter().position(|w| **w == *text),
                };
                Value::Text(words[place.ok_or(())?].clone())
            }
            (_, raw) => Value::text(raw.text()),
        };
        Ok(Some(value))
    }

    /// Whether a value that fits its column keeps what else is said of it.
    fn within_bounds(&self, value: &Value, column: &Column) -> bool {
        let bound = |e: &Option<Expr<Checked>>| e.as_ref().and_then(|e| self.constant(e));
        let compare = |bound: &Value| self.order(value, bound);
        let low = bound(&column.low).is_none_or(|low| compare(&low) != Some(Ordering::Less));
        let high = bound(&column.high).is_none_or(|high| compare(&high) != Some(Ordering::Greater));
        let rest = match value {
            Value::Text(text) => !column.not_empty || !text.trim().is_empty(),
            Value::Number(n) => column.ty != Type::Count || !n.is_negative(),
            Value::Date(day) => !column.not_future || *day <= self.calendar().date(self.world.now),
            Value::Moment(at) => !column.not_future || *at <= self.world.now,
            _ => true,
        };
        low && high && rest
    }

    fn live(&self, id: ContractId) -> &'a [Vec<Raw>] {
        &self.world.states.last().expect("a state").tables[id.index()]
    }

    /// The marks of some rows of a contract: per row those columns whose values break it, and whether another row has
    /// the same key.
    fn marks(&self, id: ContractId, stored: &[Vec<Raw>]) -> Vec<(BTreeSet<u32>, bool)> {
        let contract = self.pack().contract(id);
        let key = |row: &[Raw]| -> Vec<Raw> { contract.key.iter().map(|k| row[*k as usize].clone()).collect() };
        let mark = |row: &Vec<Raw>| {
            let mut broken = BTreeSet::new();
            for (c, column) in contract.columns.iter().enumerate() {
                let kept = match (Self::decode(&row[c], column), &column.optional) {
                    (Err(()), _) => false,
                    (Ok(Some(value)), _) => self.within_bounds(&value, column),
                    (Ok(None), Optional::Required) => false,
                    (Ok(None), Optional::Always) => true,
                    (Ok(None), Optional::Unless(when)) => {
                        let plain = Rc::new(Row {
                            key: key(row).iter().map(Raw::text).collect(),
                            cells: contract.columns.iter().zip(row).map(|(c, raw)| plain_cell(raw, c, id)).collect(),
                            dated: None,
                            placed: Yes,
                        });
                        let here = Here { of: Relation::Contract(id), key: plain.key.clone(), row: Some(plain) };
                        self.holds(when, &[here], self.now()) != Yes
                    }
                };
                if !kept {
                    broken.insert(c as u32);
                }
            }
            let double = !contract.key.is_empty() && stored.iter().filter(|r| same(&key(r), &key(row))).count() > 1;
            (broken, double)
        };
        stored.iter().map(mark).collect()
    }

    /// How many things are wrong with the rows of a contract as they are now.
    fn wrongs(&self, id: ContractId) -> usize {
        let contract = self.pack().contract(id);
        let stored = self.live(id);
        let marks = self.marks(id, stored);
        let mut wrongs: usize = marks.iter().map(|(broken, _)| broken.len()).sum();
        let doubles: BTreeSet<Key> = stored
            .iter()
            .zip(&marks)
            .filter(|(_, (_, double))| *double)
            .map(|(row, _)| contract.key.iter().map(|k| row[*k as usize].text()).collect())
            .collect();
        wrongs += doubles.len();
        for (c, column) in contract.columns.iter().enumerate() {
            let Some(target) = column.refers else { continue };
            let there = self.pack().contract(target);
            let keys: BTreeSet<String> =
                self.live(target).iter().map(|row| row[there.key[0] as usize].text()).collect();
            wrongs += stored.iter().filter(|r| r[c] != Raw::Null && !keys.contains(&r[c].text())).count();
        }
        wrongs
    }

    // ── rows ──

    fn rows(&self, of: Relation, t: Instant) -> Rows {
        if let Some(known) = self.rows.borrow().get(&(of, t)) {
            return known.clone();
        }
        let mut rows = match of {
            Relation::Contract(id) => self.contract_rows(id, t),
            Relation::Pairs(id) => self.pair_rows(id, t),
        };
        // Rows come in the order of their keys, so that the one that is named first does not hang on where it is stored.
        if let Ok(rows) = &mut rows {
            rows.sort_by(|a, b| a.key.cmp(&b.key));
        }
        let rows = Rc::new(rows);
        self.rows.borrow_mut().insert((of, t), rows.clone());
        rows
    }

    fn contract_rows(&self, id: ContractId, t: Instant) -> Result<Vec<Rc<Row>>, Doubt> {
        let contract = self.pack().contract(id);
        if contract.on_violation == OnViolation::Refuse && self.wrongs(id) > 0 {
            return Err(fault("bad_row", id));
        }
        let stored = self.stored(id, t)?;
        let marks = self.marks(id, stored);
        let accepts = contract.on_violation == OnViolation::Accept;
        let mut rows = Vec::new();
        for (row, (broken, double)) in stored.iter().zip(marks) {
            let cell = |(c, column): (usize, &Column)| {
                let (c, bad) = (c as u32, broken.contains(&(c as u32)) && !accepts);
                match plain_cell(&row[c as usize], column, id) {
                    _ if double && !contract.key.contains(&c) => Cell::Bad(fault("bad_row", id)),
                    Cell::Value(_) if bad => Cell::Bad(fault("bad_row", id)),
                    Cell::Missing if bad => Cell::Bad(fault("missing_value", id)),
                    cell => cell,
                }
            };
            let cells: Vec<Cell> = contract.columns.iter().enumerate().map(cell).collect();
            let double = double.then(|| fault("bad_row", id));
            let seen = Self::seen(t);
            // What a column says of when a row counts, by the stored value alone; a day or moment that cannot be read
            // leaves it open.
            let time = |c: u32| {
                let column = &contract.columns[c as usize];
                let value = Self::decode(&row[c as usize], column).ok()?;
                Some(value.and_then(|v| self.begins(&v)))
            };
            let mut visible = true;
            if let Some(dated) = contract.dated {
                visible &= time(dated).flatten().is_none_or(|at| seen.holds(at));
            }
            if let Some((from, until)) = contract.valid {
                visible &= time(from).flatten().is_none_or(|at| seen.holds(at));
                // In force until its end, which is not of it; at the end of a period that was so just before.
                let on = |end: Timestamp| if t.period_end { end >= t.at } else { end > t.at };
                visible &= time(until).flatten().is_none_or(on);
            }
            if !visible {
                continue;
            }
            let timely = contract.dated.into_iter().chain(contract.valid.into_iter().flat_map(|(a, b)| [a, b]));
            let untold = timely.filter_map(|c| match &cells[c as usize] {
                Cell::Bad(doubt) => Some(doubt.clone()),
                _ => None,
            });
            let placed = double.iter().cloned().chain(untold).next().map_or(Yes, Unknown);
            let key = contract.key.iter().map(|k| row[*k as usize].text()).collect();
            let dated =
                contract.dated.and_then(|d| Self::decode(&row[d as usize], &contract.columns[d as usize]).ok()?);
            rows.push(Rc::new(Row { key, cells, dated, placed }));
        }
        Ok(rows)
    }

    /// The stored rows of a contract as they were at an instant.
    fn stored(&self, id: ContractId, t: Instant) -> Result<&'a [Vec<Raw>], Doubt> {
        let contract = self.pack().contract(id);
        if contract.dated.is_some() || contract.valid.is_some() || t == self.now() {
            return Ok(self.live(id));
        }
        let before = jiff::SignedDuration::from_millis(1);
        let seen = if t.period_end { t.at.checked_sub(before).unwrap_or(t.at) } else { t.at };
        if self.world.logged.is_none_or(|began| began > seen) {
            return Err(fault("no_history", id));
        }
        let state = self.world.states.iter().rfind(|s| s.from <= seen).ok_or_else(|| fault("no_history", id))?;
        Ok(&state.tables[id.index()])
    }

    fn pair_rows(&self, id: PairsId, t: Instant) -> Result<Vec<Rc<Row>>, Doubt> {
        let pairs = self.pack().pair(id);
        let mut found: BTreeMap<Key, i64> = BTreeMap::new();
        for sharing in &pairs.sharing {
            let rows = self.rows(Relation::Contract(sharing.contract), t);
            let rows = rows.as_ref().as_ref().map_err(Clone::clone)?;
            let texts: Vec<(String, String)> = self
                .raw_of(sharing.contract, rows, t)?
                .into_iter()
                .filter(|raw| raw[sharing.owner as usize] != Raw::Null && raw[sharing.thing as usize] != Raw::Null)
                .map(|raw| (raw[sharing.owner as usize].text(), raw[sharing.thing as usize].text()))
                .collect();
            let mut shared: BTreeMap<Key, BTreeSet<&str>> = BTreeMap::new();
            for (a, thing) in &texts {
                for (b, _) in texts.iter().filter(|(b, other)| a < b && other == thing) {
                    let key = vec![a.clone(), b.clone(), sharing.kind.to_string()];
                    shared.entry(key).or_default().insert(thing);
                }
            }
            found.extend(shared.into_iter().map(|(key, things)| (key, things.len() as i64)));
        }
        if let Some(contract) = pairs.found_in {
            let rows = self.rows(Relation::Contract(contract), t);
            let rows = rows.as_ref().as_ref().map_err(Clone::clone)?;
            for link in self.pack().contract(contract).links.iter().filter(|l| l.pairs == id) {
                for raw in self.raw_of(contract, rows, t)? {
                    let (a, b) = (&raw[link.first as usize], &raw[link.second as usize]);
                    if *a != Raw::Null && *b != Raw::Null && a.text() != b.text() {
                        let mut key = vec![a.text(), b.text()];
                        key.sort();
                        *found.entry(key).or_default() += 1;
                    }
                }
            }
        }
        // Both must be rows of the paired contract, for which the block's condition holds.
        let of = Relation::Contract(pairs.of);
        let rows = self.rows(of, t);
        let rows = rows.as_ref().as_ref().map_err(Clone::clone)?;
        let stands = |part: &String| {
            rows.iter().filter(|r| r.key[..] == [part.clone()]).any(|row| {
                let here = Here { of, key: row.key.clone(), row: Some(row.clone()) };
                pairs.filter.as_ref().is_none_or(|f| self.holds(f, &[here], t) == Yes)
            })
        };
        let mut found: Vec<(Key, i64)> =
            found.into_iter().filter(|(key, _)| stands(&key[0]) && stands(&key[1])).collect();
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        if let Some(most) = pairs.at_most {
            found.truncate(most as usize);
        }
        let row = |(key, shared): (Key, i64)| {
            let kind = key.get(2).cloned().unwrap_or_default();
            let cells = vec![
                Cell::Value(Value::text(key[0].clone())),
                Cell::Value(Value::text(key[1].clone())),
                Cell::Value(Value::text(kind)),
                Cell::Value(Value::Number(Number::whole(i128::from(shared)))),
            ];
            Rc::new(Row { key, cells, dated: None, placed: Yes })
        };
        Ok(found.into_iter().map(row).collect())
    }

    /// The stored values of rows that can be seen.
    fn raw_of(&self, id: ContractId, rows: &[Rc<Row>], t: Instant) -> Result<Vec<&'a Vec<Raw>>, Doubt> {
        let contract = self.pack().contract(id);
        let stored = self.stored(id, t)?;
        let key = |row: &[Raw]| -> Key { contract.key.iter().map(|k| row[*k as usize].text()).collect() };
        // What cannot be placed in time makes no pair.
        let dated = |raw: &[Raw]| {
            contract.dated.is_none_or(|d| {
                let column = &contract.columns[d as usize];
                match Self::decode(&raw[d as usize], column) {
                    Ok(None) => column.optional != Optional::Required,
                    decoded => decoded.is_ok(),
                }
            })
        };
        Ok(stored.iter().filter(|raw| dated(raw) && rows.iter().any(|r| r.key == key(raw))).collect())
    }

    /// The keys of a relation, in order, each once.
    fn keys(&self, of: Relation, t: Instant) -> Result<Vec<Key>, Doubt> {
        let rows = self.rows(of, t);
        let rows = rows.as_ref().as_ref().map_err(Clone::clone)?;
        Ok(rows.iter().map(|r| r.key.clone()).collect::<BTreeSet<Key>>().into_iter().collect())
    }

    fn is_there(&self, here: &Here, t: Instant) -> Result<bool, Doubt> {
        let rows = self.rows(here.of, t);
        let rows = rows.as_ref().as_ref().map_err(Clone::clone)?;
        Ok(rows.iter().any(|r| r.key == here.key))
    }

    fn cell(&self, here: &Here, column: u32, t: Instant) -> Known {
        if let Some(row) = &here.row {
            return row.cells[column as usize].known();
        }
        let rows = self.rows(here.of, t);
        let rows = rows.as_ref().as_ref().map_err(Clone::clone)?;
        let row = rows.iter().rfind(|r| r.key == here.key).ok_or_else(|| doubt("orphan"))?;
        row.cells[column as usize].known()
    }

    /// The row that a row refers to, step by step; nothing where a reference is missing. Whether the last one exists is
    /// not asked: a key is a key.
    fn follow(&self, from: &Here, hops: &[Hop], t: Instant) -> Result<Option<Here>, Doubt> {
        let mut at = from.clone();
        for hop in hops {
            let next = self.pack().hop_target(at.of, *hop).expect("a checked reference");
            let text = |column: u32| -> Result<Option<String>, Doubt> {
                Ok(self.cell(&at, column, t)?.map(|v| match v {
                    Value::Text(text) => text.to_string(),
                    other => other.exact(),
                }))
            };
            let key: Option<Key> = match hop {
                Hop::Column(column) => text(*column)?.map(|t| vec![t]),
                Hop::Link(link) => {
                    let Relation::Contract(id) = at.of else { return Ok(None) };
                    let link = &self.pack().contract(id).links[*link as usize];
                    let (a, b) = (text(link.first)?, text(link.second)?);
                    let kind = match link.kind {
                        Some(column) => text(column)?.map(|k| vec![k]),
                        None => Some(Vec::new()),
                    };
                    match (a, b, kind) {
                        (Some(a), Some(b), Some(kind)) => {
                            let mut key = vec![a, b];
                            key.sort();
                            key.extend(kind);
                            Some(key)
                        }
                        _ => None,
                    }
                }
            };
            match key {
                None => return Ok(None),
                Some(key) => at = Here { of: next, key, row: None },
            }
        }
        Ok(Some(at))
    }

    /// The same for those who need the row: one that is not there is an orphan's, where that can be told.
    fn reach(&self, from: &Here, hops: &[Hop], t: Instant) -> Result<Option<Here>, Doubt> {
        let Some(here) = self.follow(from, hops, t)? else { return Ok(None) };
        if hops.is_empty() {
            return Ok(Some(here));
        }
        // Where it is not known who was there, whoever is there now.
        match self.is_there(&here, t) {
            Ok(true) => Ok(Some(here)),
            Ok(false) => Err(doubt("orphan")),
            Err(_) if self.is_there(&here, self.now()) == Ok(true) => Ok(Some(here)),
            Err(why) => Err(why),
        }
    }

    /// The rows that lead to a key, and why of some it cannot be told.
    fn leading(
        &self,
        of: Relation,
        hops: &[Hop],
        key: &[String],
        t: Instant,
    ) -> Result<(Vec<Rc<Row>>, Option<Doubt>), Doubt> {
        let rows = self.rows(of, t);
        let rows = rows.as_ref().as_ref().map_err(Clone::clone)?;
        let (mut found, mut astray) = (Vec::new(), None);
        for row in rows {
            match self.follow(&Here { of, key: row.key.clone(), row: Some(row.clone()) }, hops, t) {
                Ok(Some(to)) if to.key == key => found.push(row.clone()),
                Ok(_) => {}
                Err(why) if why.code == "orphan" => {}
                Err(why) => astray = astray.or(Some(why)),
            }
        }
        Ok((found, astray))
    }

    // ── values ──

    /// A metric's value for a key at an instant.
    pub(crate) fn metric(&self, id: MetricId, t: Instant, key: Option<&Key>) -> Reading {
        let slot = (id, t, key.cloned());
        if let Some(reading) = self.asked.borrow().get(&slot) {
            return reading.clone();
        }
        let mut reading = self.metric_anew(id, t, key);
        if let (Some((low, high)), Ok(Some(value))) = (&self.pack().metric(id).clamped, &mut reading.value) {
            if let Some(low) = self.constant(low)
                && self.order(value, &low) == Some(Ordering::Less)
            {
                *value = low;
            }
            if let Some(high) = self.constant(high)
                && self.order(value, &high) == Some(Ordering::Greater)
            {
                *value = high;
            }
        }
        if reading.value.is_err() {
            reading.left_out = 0;
        }
        self.asked.borrow_mut().insert(slot, reading.clone());
        reading
    }

    fn metric_anew(&self, id: MetricId, t: Instant, key: Option<&Key>) -> Reading {
        let metric = self.pack().metric(id);
        let scope: Vec<Here> = metric.grain.zip(key).map(|(of, key)| Here::at(of, key)).into_iter().collect();
        // A value that is missing somewhere in a formula is not known.
        let settled = |e: &Expr<Checked>| {
            let reading = self.value(e, &scope, t);
            let value = reading.value.and_then(|v| v.ok_or_else(|| doubt("missing_value")));
            Reading { value: value.map(Some), ..reading }
        };
        match &metric.definition {
            Definition::Aggregate(a) => self.aggregate(a, &scope, t),
            Definition::Formula(e) => settled(e),
            Definition::Cases(cases) => {
                for (value, when) in cases {
                    match when.as_ref().map_or(Yes, |w| self.holds(w, &scope, t)) {
                        Yes => return settled(value),
                        No => {}
                        Unknown(why) => return just(Err(why)),
                    }
                }
                just(Err(doubt("no_rows")))
            }
            Definition::Shift(shift, Binding::Metric { metric: of, .. }, then) => {
                self.change(*shift, *of, then, t, key)
            }
            Definition::At(Binding::Metric { metric: of, .. }, then) => self.then(*of, then, t, key),
            Definition::Shift(..) | Definition::At(..) => unreachable!("only metrics are shifted"),
        }
    }

    /// What a metric was at another time.
    fn then(&self, of: MetricId, moment: &MomentOf<Checked>, t: Instant, key: Option<&Key>) -> Reading {
        let then = moment.then.as_ref().expect("a checked moment");
        let at = match self.other_time(then, t) {
            Ok(at) => at,
            Err(why) => return just(Err(why)),
        };
        if let (Then::Baseline, Some(baseline)) = (then, self.world.baseline) {
            let slot = (self.pack().metric(of).name.to_string(), key.cloned().unwrap_or_default());
            match baseline.readings.get(&slot) {
                Some(Some(value)) => return just(Ok(Some(value.clone()))),
                Some(None) => return just(Err(doubt("no_baseline"))),
                None => {
                    let reading = self.metric(of, at, key);
                    let value = reading.value.map_err(|_| doubt("no_baseline"));
                    return Reading { value, ..reading };
                }
            }
        }
        self.metric(of, at, key)
    }

    fn change(&self, shift: Shift, of: MetricId, moment: &MomentOf<Checked>, t: Instant, key: Option<&Key>) -> Reading {
        let (mut now, mut before) = (self.metric(of, t, key), self.then(of, moment, t, key));
        if now.value.is_ok()
            && before.value.is_ok()
            && let Some((a, b)) = self.known_at_both(of, moment, t, key)
        {
            (now, before) = (a, b);
        }
        let left_out = now.left_out.max(before.left_out);
        let value = match (now.value, before.value) {
            (Err(why), _) | (_, Err(why)) => Err(why),
            (Ok(Some(Value::Number(now))), Ok(Some(Value::Number(then)))) => {
                let percent = |change: Option<Number>| {
                    let value = change.and_then(|c| c.times(Number::whole(100))).and_then(|c| c.over(then));
                    value.map(|n| Some(Value::Number(n))).ok_or_else(|| doubt("too_large"))
                };
                match shift {
                    Shift::Difference => {
                        now.minus(then).map(|n| Some(Value::Number(n))).ok_or_else(|| doubt("too_large"))
                    }
                    _ if then <= Number::ZERO => Err(doubt("base_not_positive")),
                    Shift::Change => percent(now.minus(then)),
                    Shift::Drop => percent(then.minus(now)),
                }
            }
            _ => Err(doubt("missing_value")),
        };
        Reading { value, left_out }
    }

    /// An aggregate over a metric that leaves out what is unknown is compared over the rows known at both times.
    fn known_at_both(
        &self,
        of: MetricId,
        moment: &MomentOf<Checked>,
        t: Instant,
        key: Option<&Key>,
    ) -> Option<(Reading, Reading)> {
        let metric = self.pack().metric(of);
        let a = self.of_parts(of)?;
        let scope: Vec<Here> = metric.grain.zip(key).map(|(of, key)| Here::at(of, key)).into_iter().collect();
        let known = self.parts(a, &scope, t);
        let then = moment.then.as_ref()?;
        if *then == Then::Baseline {
            let slot = (metric.name.to_string(), key.cloned().unwrap_or_default());
            let mut parts = self.world.baseline?.parts.get(&slot).cloned().unwrap_or_default();
            parts.retain(|(row, _)| known.iter().any(|(k, _)| k == row));
            if parts.is_empty() {
                return None;
            }
            let both: Vec<Key> = parts.iter().map(|(k, _)| k.clone()).collect();
            let values: Vec<Value> = parts.into_iter().map(|(_, v)| v).collect();
            let value = fold(a.fold, &values).and_then(|v| v.ok_or_else(|| doubt("no_rows"))).map(Some);
            return Some((self.aggregate_of(a, &scope, t, Some(&both)), just(value)));
        }
        let at = self.other_time(then, t).ok()?;
        let before = self.parts(a, &scope, at);
        let both: Vec<Key> = known.into_iter().map(|(k, _)| k).filter(|k| before.iter().any(|(b, _)| b == k)).collect();
        Some((self.aggregate_of(a, &scope, t, Some(&both)), self.aggregate_of(a, &scope, at, Some(&both))))
    }

    fn of_parts(&self, id: MetricId) -> Option<&'a Aggregate<Checked>> {
        let Definition::Aggregate(a) = &self.pack().metric(id).definition else { return None };
        let over = a.of.as_ref().is_some_and(|e| matches!(e.kind, ExprKind::Name(Binding::Metric { .. })));
        (a.ignoring_unknown && over && !matches!(a.fold, Fold::Latest | Fold::First)).then_some(a)
    }

    /// The rows an aggregate counts whose values are known, with those.
    fn parts(&self, a: &Aggregate<Checked>, scope: &[Here], t: Instant) -> Vec<(Key, Value)> {
        let rows = match (&a.rows.tie, scope.first()) {
            (Tie::LeadHere(hops), Some(here)) => self.leading(a.rows.of, hops, &here.key, t).map(|(rows, _)| rows),
            _ => self.rows(a.rows.of, t).as_ref().clone(),
        };
        let mut parts = Vec::new();
        for row in rows.unwrap_or_default() {
            let own = Here { of: a.rows.of, key: row.key.clone(), row: Some(row.clone()) };
            let inner: Vec<Here> = std::iter::once(own).chain(scope.iter().cloned()).collect();
            if let (Yes, Some(of)) = (self.counts(a, &row, &inner, t), &a.of)
                && let Ok(Some(value)) = self.value(of, &inner, t).value
            {
                parts.push((row.key.clone(), value));
            }
        }
        parts
    }

    /// What is to be stored of every metric that is compared with a baseline.
    pub(crate) fn baseline(&self) -> Baseline {
        let mut baseline = Baseline { at: self.world.now, readings: BTreeMap::new(), parts: BTreeMap::new() };
        for metric in &self.pack().metrics {
            let (Definition::Shift(_, Binding::Metric { metric: of, .. }, then)
            | Definition::At(Binding::Metric { metric: of, .. }, then)) = &metric.definition
            else {
                continue;
            };
            if then.then != Some(Then::Baseline) {
                continue;
            }
            let shape = self.pack().metric(*of);
            let keys = match shape.grain {
                None => vec![None],
                Some(grain) => self.keys(grain, self.now()).unwrap_or_default().into_iter().map(Some).collect(),
            };
            for key in keys {
                let slot = (shape.name.to_string(), key.clone().unwrap_or_default());
                let value = self.metric(*of, self.now(), key.as_ref()).value.ok().flatten();
                if let Some(a) = self.of_parts(*of) {
                    let scope: Vec<Here> =
                        shape.grain.zip(key.as_ref()).map(|(of, key)| Here::at(of, key)).into_iter().collect();
                    baseline.parts.insert(slot.clone(), self.parts(a, &scope, self.now()));
                }
                baseline.readings.insert(slot, value);
            }
        }
        baseline
    }

    /// The value of an expression; the first row of the scope is the innermost.
    fn value(&self, e: &Expr<Checked>, scope: &[Here], t: Instant) -> Reading {
        match &e.kind {
            ExprKind::Literal(value) => just(Ok(Some(value.clone()))),
            ExprKind::Name(name) => self.named(name, scope, t),
            ExprKind::Arith(op, a, b) => {
                let (x, y) = (self.value(a, scope, t), self.value(b, scope, t));
                let value = match (x.value, y.value) {
                    (Err(why), _) | (_, Err(why)) => Err(why),
                    (Ok(None), _) | (_, Ok(None)) => Ok(None),
                    (Ok(Some(x)), Ok(Some(y))) => self.arithmetic(*op, &x, &a.ty, &y, &b.ty).map(Some),
                };
                Reading { value, left_out: x.left_out.max(y.left_out) }
            }
            other => unreachable!("{other:?} has no value"),
        }
    }

    fn arithmetic(&self, op: Arith, a: &Value, a_ty: &Type, b: &Value, b_ty: &Type) -> Result<Value, Doubt> {
        let large = || doubt("too_large");
        let c = self.calendar();
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => {
                let percent = *a_ty == Type::Percent || *b_ty == Type::Percent;
                let hundred = Number::whole(100);
                let result = match op {
                    Arith::Add => a.plus(*b),
                    Arith::Sub => a.minus(*b),
                    Arith::Mul if percent => a.times(*b).and_then(|n| n.over(hundred)),
                    Arith::Mul => a.times(*b),
                    _ if b.is_zero() => return Err(doubt("divided_by_zero")),
                    Arith::Div => a.over(*b),
                    Arith::PercentOf => a.times(hundred).and_then(|n| n.over(*b)),
                };
                result.map(Value::Number).ok_or_else(large)
            }
            (Value::Moment(a), Value::Moment(b)) => {
                let nanos = a.as_nanosecond() - b.as_nanosecond();
                Number::ratio(nanos, 1_000_000_000).map(Value::Number).ok_or_else(large)
            }
            (Value::Date(a), Value::Date(b)) => {
                let days = b.until(*a).map_err(|_| large())?.get_days();
                Ok(Value::Span(bylaws::value::Span { days, ..Default::default() }))
            }
            (Value::Moment(at), by @ (Value::Number(_) | Value::Span(_))) => {
                Ok(Value::Moment(self.moved(*at, by, op == Arith::Add)))
            }
            (Value::Date(day), Value::Span(span)) => Ok(Value::Date(c.shift_date(*day, *span, op == Arith::Add))),
            (Value::Span(a), Value::Span(b)) => {
                let sign = if op == Arith::Add { 1 } else { -1 };
                Ok(Value::Span(bylaws::value::Span {
                    months: a.months + sign * b.months,
                    days: a.days + sign * b.days,
                    business: a.business + sign * b.business,
                }))
            }
            _ => Err(large()),
        }
    }

    fn named(&self, name: &Binding, scope: &[Here], t: Instant) -> Reading {
        match name {
            Binding::Param(id) => just(Ok(Some(self.pack().param(*id).clone()))),
            Binding::Now => just(Ok(Some(Value::Moment(t.at)))),
            Binding::Column { depth, hops, column, .. } => {
                let from = &scope[usize::from(*depth)];
                just(self.follow(from, hops, t).and_then(|to| to.map_or(Ok(None), |to| self.cell(&to, *column, t))))
            }
            Binding::Metric { depth, hops, metric } => {
                if self.pack().metric(*metric).grain.is_none() {
                    return self.metric(*metric, t, None);
                }
                match self.reach(&scope[usize::from(*depth)], hops, t) {
                    Ok(Some(to)) => self.metric(*metric, t, Some(&to.key)),
                    Ok(None) => just(Ok(None)),
                    Err(why) => just(Err(why)),
                }
            }
            Binding::Threshold(id) => {
                let grain = self.pack().metric(self.pack().threshold(*id).metric).grain;
                let key = scope.iter().find(|here| Some(here.of) == grain).map(|here| &here.key);
                let said = self.threshold(*id, key);
                just(match said.outcome {
                    "unknown" => Err(Doubt { code: said.code, cause: said.cause }),
                    outcome => Ok(Some(Value::text(outcome))),
                })
            }
            Binding::Gate(id) => {
                just(match all(self.pack().gate(*id).lines.iter().map(|l| self.holds(l, &[], self.now()))) {
                    Yes => Ok(Some(Value::text("open"))),
                    No => Ok(Some(Value::text("closed"))),
                    Unknown(why) => Err(why),
                })
            }
            Binding::Introduced { .. } | Binding::IntroducedMetric(_) => just(Err(doubt("no_rows"))),
        }
    }

    // ── aggregates ──

    fn aggregate(&self, a: &Aggregate<Checked>, scope: &[Here], t: Instant) -> Reading {
        let mut reading = self.aggregate_of(a, scope, t, None);
        let Relation::Contract(id) = a.rows.of else { return reading };
        let hops: &[Hop] = if let Tie::LeadHere(hops) = &a.rows.tie { hops } else { &[] };
        let key = scope.first().map(|here| &here.key);
        match self.staleness(id, hops, key, t) {
            None => {
                // The latest value is as old as the row it stands in.
                let promised = |f: &&Fresh| self.is_promised(f, hops, key, t);
                if a.fold == Fold::Latest
                    && reading.value.is_ok()
                    && let Some(at) = self.date_of_best(a, scope, t)
                    && self
                        .pack()
                        .contract(id)
                        .fresh
                        .iter()
                        .filter(promised)
                        .any(|f| self.beyond(f.stale.as_ref(), Some(at), t))
                {
                    reading.value = Err(fault("stale", id));
                }
            }
            // Whoever is silent is left out like whatever else is unknown.
            Some(_) if a.ignoring_unknown && reading.value.is_ok() => {}
            Some(why) => match &reading.value {
                Err(nearer) if nearer.code != "no_rows" => {}
                _ => reading.value = Err(why),
            },
        }
        reading
    }

    /// Whether a row counts for an aggregate; of a share, for what it is a share of.
    fn counts(&self, a: &Aggregate<Checked>, row: &Row, scope: &[Here], t: Instant) -> Truth {
        let filter = if a.fold == Fold::Share { &a.out_of } else { &a.filter };
        let filter = filter.as_ref().map_or(Yes, |f| self.holds(f, scope, t));
        all([row.placed.clone(), self.in_window(a.window.as_ref(), &scope[0], t), filter])
    }

    /// The value of an aggregate from its rows; `only` limits it to some of them.
    fn aggregate_of(&self, a: &Aggregate<Checked>, scope: &[Here], t: Instant, only: Option<&[Key]>) -> Reading {
        let of = a.rows.of;
        let key = scope.first().map(|here| &here.key);
        let rows = match (&a.rows.tie, key) {
            (Tie::LeadHere(hops), Some(key)) => match self.leading(of, hops, key, t) {
                Err(why) => return just(Err(why)),
                // A row of which it cannot be told whose it is may be anybody's.
                Ok((_, Some(why))) if !a.ignoring_unknown => return just(Err(why)),
                Ok((rows, _)) => rows,
            },
            _ => match self.rows(of, t).as_ref() {
                Err(why) => return just(Err(why.clone())),
                Ok(rows) => rows.clone(),
            },
        };
        let rows: Vec<Rc<Row>> = rows.into_iter().filter(|r| only.is_none_or(|o| o.contains(&r.key))).collect();
        if let Some(why) = self.silent_period(a, &rows, t) {
            return just(Err(why));
        }
        let (mut numerator, mut denominator, mut missing) = (0u64, 0u64, 0u32);
        let mut values: Vec<(Rc<Row>, Value)> = Vec::new();
        let mut unknown: Vec<(Rc<Row>, Doubt)> = Vec::new();
        for row in rows {
            let own = Here { of, key: row.key.clone(), row: Some(row.clone()) };
            let inner: Vec<Here> = std::iter::once(own).chain(scope.iter().cloned()).collect();
            match self.counts(a, &row, &inner, t) {
                No => continue,
                Unknown(why) => {
                    unknown.push((row, why));
                    continue;
                }
                Yes => {}
            }
            if a.fold == Fold::Share {
                match a.filter.as_ref().map_or(Yes, |f| self.holds(f, &inner, t)) {
                    Yes => (numerator, denominator) = (numerator + 1, denominator + 1),
                    No => denominator += 1,
                    Unknown(why) => unknown.push((row, why)),
                }
                continue;
            }
            denominator += 1;
            let Some(of) = &a.of else { continue };
            match self.value(of, &inner, t).value {
                Ok(Some(value)) => values.push((row, value)),
                Ok(None) => missing += 1,
                Err(why) => unknown.push((row, why)),
            }
        }
        let by_date = matches!(a.fold, Fold::Latest | Fold::First);
        if by_date {
            // Only a row that could be the one itself stands in the way of the one that is known.
            let best = values.iter().filter_map(|(row, _)| self.date_of(of, row));
            let best = if a.fold == Fold::Latest { best.max() } else { best.min() };
            unknown.retain(|(row, _)| match (self.date_of(of, row), best) {
                (Some(at), Some(best)) => {
                    if a.fold == Fold::Latest {
                        at > best
                    } else {
                        at < best
                    }
                }
                _ => true,
            });
        }
        if let Some((_, why)) = unknown.first()
            && !a.ignoring_unknown
        {
            return just(Err(why.clone()));
        }
        let left_out = if by_date { 0 } else { missing + unknown.len() as u32 };
        let known = if a.of.is_some() { values.len() as u64 } else { denominator };
        if a.needs.is_some_and(|needs| known < u64::from(needs)) {
            return just(Err(doubt("too_few_rows")));
        }
        if matches!(a.fold, Fold::Count | Fold::Sum | Fold::CountDistinct)
            && denominator == 0
            && let Relation::Contract(id) = of
        {
            let hops: &[Hop] = if let Tie::LeadHere(hops) = &a.rows.tie { hops } else { &[] };
            if let Some(why) = self.silence(id, hops, key, t) {
                return just(Err(why));
            }
        }
        let whole = |n: u64| Value::Number(Number::whole(i128::from(n)));
        let value = match a.fold {
            Fold::Count => Ok(Some(whole(denominator))),
            Fold::Share if denominator == 0 => Ok(None),
            Fold::Share => {
                let share = Number::ratio(i128::from(numerator) * 100, i128::from(denominator));
                share.map(|n| Some(Value::Number(n))).ok_or_else(|| doubt("too_large"))
            }
            // Of several of one date the one that is last by its key is the latest, and the first the first.
            Fold::Latest => {
                let best = values.iter().max_by_key(|(row, _)| (self.date_of(of, row), row.key.clone()));
                Ok(best.map(|(_, v)| v.clone()))
            }
            Fold::First => {
                let best = values.iter().min_by_key(|(row, _)| (self.date_of(of, row), row.key.clone()));
                Ok(best.map(|(_, v)| v.clone()))
            }
            other => fold(other, &values.iter().map(|(_, v)| v.clone()).collect::<Vec<_>>()),
        };
        let cause = if let Relation::Contract(id) = of { Some(id) } else { None };
        let value = value.and_then(|v| v.ok_or(Doubt { code: "no_rows", cause }));
        Reading { value: value.map(Some), left_out }
    }

    /// The date of the row that `latest` takes.
    fn date_of_best(&self, a: &Aggregate<Checked>, scope: &[Here], t: Instant) -> Option<Timestamp> {
        let rows = match (&a.rows.tie, scope.first()) {
            (Tie::LeadHere(hops), Some(here)) => self.leading(a.rows.of, hops, &here.key, t).ok()?.0,
            _ => self.rows(a.rows.of, t).as_ref().clone().ok()?,
        };
        let Relation::Contract(id) = a.rows.of else { return None };
        let dated = self.pack().contract(id).dated?;
        let mut best = None;
        for row in rows {
            let own = Here { of: a.rows.of, key: row.key.clone(), row: Some(row.clone()) };
            let inner: Vec<Here> = std::iter::once(own).chain(scope.iter().cloned()).collect();
            let has = |of: &Expr<Checked>| matches!(self.value(of, &inner, t).value, Ok(Some(_)));
            if self.counts(a, &row, &inner, t) == Yes && a.of.as_ref().is_some_and(has) {
                let at = row.cells[dated as usize].known().ok().flatten().and_then(|v| self.ends(&v));
                best = best.max(at);
            }
        }
        best
    }

    fn date_of(&self, of: Relation, row: &Row) -> Option<Timestamp> {
        let Relation::Contract(id) = of else { return None };
        let dated = self.pack().contract(id).dated?;
        row.cells[dated as usize].known().ok().flatten().and_then(|v| self.begins(&v))
    }

    fn in_window(&self, window: Option<&Window<Checked>>, own: &Here, t: Instant) -> Truth {
        let Some(window) = window else { return Yes };
        let Some(Binding::Column { column, .. }) = &window.by else { unreachable!("a window has a column") };
        let Some(range) = self.stretch(&window.kind, t) else { return No };
        match self.cell(own, *column, t) {
            Ok(Some(value)) => truth(self.begins(&value).is_some_and(|at| range.holds(at))),
            Ok(None) => No,
            Err(why) => Unknown(why),
        }
    }

    /// A closed period of the window in which there are no rows, although rows are promised.
    fn silent_period(&self, a: &Aggregate<Checked>, rows: &[Rc<Row>], t: Instant) -> Option<Doubt> {
        let Some(Window { kind: WindowKind::LastClosed(count, period), .. }) = &a.window else { return None };
        let Relation::Contract(id) = a.rows.of else { return None };
        if self.pack().contract(id).volume.is_empty() {
            return None;
        }
        let dates: Vec<Timestamp> = rows.iter().filter_map(|row| self.date_of(a.rows.of, row)).collect();
        let silent = |back: u32| {
            let (start, end) = self.complete(*period, t, back);
            !dates.iter().any(|at| *at >= start && *at < end)
        };
        (1..=*count).any(silent).then(|| fault("too_few_rows", id))
    }

    // ── promises ──

    /// Whether the rows can be read through which others lead somewhere.
    fn passable(&self, of: Relation, hops: &[Hop], t: Instant) -> Result<(), Doubt> {
        let mut at = of;
        for hop in &hops[..hops.len().saturating_sub(1)] {
            at = self.pack().hop_target(at, *hop).expect("a checked reference");
            self.rows(at, t).as_ref().as_ref().map_err(Clone::clone)?;
        }
        Ok(())
    }

    /// The end of the newest row of a contract that leads to a key.
    fn newest(&self, id: ContractId, hops: &[Hop], key: Option<&Key>, t: Instant) -> Result<Option<Timestamp>, Doubt> {
        let of = Relation::Contract(id);
        let contract = self.pack().contract(id);
        let rows = self.rows(of, t);
        let rows = rows.as_ref().as_ref().map_err(Clone::clone)?;
        if contract.dated.is_none() {
            return Ok(None);
        }
        self.passable(of, hops, t)?;
        let leads = |row: &Rc<Row>| {
            let own = Here { of, key: row.key.clone(), row: Some(row.clone()) };
            key.is_none_or(|key| self.follow(&own, hops, t).is_ok_and(|to| to.is_some_and(|to| to.key == *key)))
        };
        Ok(rows.iter().filter(|row| leads(row)).filter_map(|row| self.ends(row.dated.as_ref()?)).max())
    }

    /// Whether the newest row is older than a limit.
    fn beyond(&self, limit: Option<&Expr<Checked>>, newest: Option<Timestamp>, t: Instant) -> bool {
        let Some(limit) = limit.and_then(|e| self.constant(e)) else { return false };
        newest.is_none_or(|at| at < self.moved(t.at, &limit, false))
    }

    /// Late (true: stale) or not, for one of those for whom it is promised.
    fn late(&self, id: ContractId, fresh: &Fresh, key: Option<&Key>, t: Instant) -> Result<Option<bool>, Doubt> {
        let hops = fresh.per.as_ref().map_or(&[][..], |(_, hops)| hops);
        if let (Some(filter), Some((of, _)), Some(key)) = (&fresh.filter, &fresh.per, key) {
            match self.holds(filter, &[Here::at(*of, key)], t) {
                Yes => {}
                No => return Ok(None),
                // Whoever was not there then had nothing to report.
                Unknown(why) if why.code == "orphan" => return Ok(None),
                Unknown(why) => return Err(why),
            }
        }
        let newest = self.newest(id, hops, key, t)?;
        Ok(if self.beyond(fresh.stale.as_ref(), newest, t) {
            Some(true)
        } else {
            self.beyond(Some(&fresh.within), newest, t).then_some(false)
        })
    }

    /// Whom a promise is about, as far as an aggregate over rows that lead to a key needs them; nothing where it does
    /// not need the promise at all.
    fn promised_to(
        &self,
        per: Option<&(Relation, Vec<Hop>)>,
        hops: &[Hop],
        key: Option<&Key>,
        t: Instant,
    ) -> Result<Option<Vec<Option<Key>>>, Doubt> {
        let Some((of, theirs)) = per else { return Ok(Some(vec![None])) };
        match key {
            None => Ok(Some(self.keys(*of, t)?.into_iter().map(Some).collect())),
            Some(key) if theirs == hops => Ok(Some(vec![Some(key.clone())])),
            Some(key) if hops.starts_with(theirs) => {
                let leads = |k: &Key| {
                    let to = self.follow(&Here::at(*of, k), &hops[theirs.len()..], t);
                    to.is_ok_and(|to| to.is_some_and(|to| to.key == *key))
                };
                Ok(Some(self.keys(*of, t)?.into_iter().filter(leads).map(Some).collect()))
            }
            Some(_) => Ok(None),
        }
    }

    /// Whether a promise of freshness is made of the rows of a key itself.
    fn is_promised(&self, fresh: &Fresh, hops: &[Hop], key: Option<&Key>, t: Instant) -> bool {
        match (&fresh.per, key) {
            (None, _) => true,
            (Some((of, theirs)), Some(key)) if theirs == hops => {
                fresh.filter.as_ref().is_none_or(|f| self.holds(f, &[Here::at(*of, key)], t) == Yes)
            }
            _ => false,
        }
    }

    /// Why rows of a contract that lead to a key are too old to be believed.
    fn staleness(&self, id: ContractId, hops: &[Hop], key: Option<&Key>, t: Instant) -> Option<Doubt> {
        for fresh in &self.pack().contract(id).fresh {
            let whom = match self.promised_to(fresh.per.as_ref(), hops, key, t) {
                Ok(None) => continue,
                Ok(Some(whom)) => whom,
                Err(why) => return Some(why),
            };
            for one in whom {
                match self.late(id, fresh, one.as_ref(), t) {
                    Ok(Some(true)) => return Some(fault("stale", id)),
                    Ok(_) => {}
                    Err(why) => return Some(why),
                }
            }
        }
        None
    }

    /// Whether there are fewer rows than promised.
    fn short(&self, id: ContractId, volume: &Volume, key: Option<&Key>, t: Instant) -> Result<bool, Doubt> {
        if let (Some(filter), Some((of, _)), Some(key)) = (&volume.filter, &volume.per, key)
            // Of whom it is not known whether it is promised, nothing can be demanded.
            && self.holds(filter, &[Here::at(*of, key)], t) != Yes
        {
            return Ok(false);
        }
        let of = Relation::Contract(id);
        let contract = self.pack().contract(id);
        let rows = self.rows(of, t);
        let rows = rows.as_ref().as_ref().map_err(Clone::clone)?;
        let (Some(_), Some(range)) = (contract.dated, self.stretch(&WindowKind::Last(volume.every.clone()), t)) else {
            return Ok(false);
        };
        let hops = volume.per.as_ref().map_or(&[][..], |(_, hops)| hops);
        self.passable(of, hops, t)?;
        let counts = |row: &&Rc<Row>| {
            let own = Here { of, key: row.key.clone(), row: Some((*row).clone()) };
            let within = row.dated.as_ref().and_then(|v| self.begins(v)).is_some_and(|at| range.holds(at));
            let leads = |key: &Key| self.follow(&own, hops, t).is_ok_and(|to| to.is_some_and(|to| to.key == *key));
            within && key.is_none_or(leads)
        };
        Ok((rows.iter().filter(counts).count() as u64) < u64::from(volume.rows))
    }

    /// Why it proves nothing that there are no rows.
    fn silence(&self, id: ContractId, hops: &[Hop], key: Option<&Key>, t: Instant) -> Option<Doubt> {
        for volume in &self.pack().contract(id).volume {
            let whom = match self.promised_to(volume.per.as_ref(), hops, key, t) {
                Ok(None) => continue,
                Ok(Some(whom)) => whom,
                Err(why) => return Some(why),
            };
            for one in whom {
                match self.short(id, volume, one.as_ref(), t) {
                    Ok(false) => {}
                    Ok(true) => return Some(fault("too_few_rows", id)),
                    Err(why) => return Some(why),
                }
            }
        }
        None
    }

    // ── conditions ──

    fn holds(&self, e: &Expr<Checked>, scope: &[Here], t: Instant) -> Truth {
        match &e.kind {
            ExprKind::Joint(Joint::And, parts) => all(parts.iter().map(|p| self.holds(p, scope, t))),
            ExprKind::Joint(Joint::Or, parts) => any(parts.iter().map(|p| self.holds(p, scope, t))),
            ExprKind::Not(e) => self.holds(e, scope, t).not(),
            ExprKind::Compare(compare, a, b) => self.compare(*compare, a, b, scope, t),
            ExprKind::OneOf(negated, a, choices) => {
                let one = any(choices.iter().map(|b| self.compare(Compare::Is, a, b, scope, t)));
                if *negated { one.not() } else { one }
            }
            ExprKind::Between(a, low, high) => all([
                self.compare(Compare::AtLeast, a, low, scope, t),
                self.compare(Compare::AtMost, a, high, scope, t),
            ]),
            ExprKind::Presence(negated, presence, a) => {
                let holds = match (presence, self.value(a, scope, t).value) {
                    (Presence::Unknown, value) => truth(value.is_err()),
                    // A required value that is not there is missing all the same.
                    (presence, Err(why)) if why.code == "missing_value" => truth(*presence == Presence::Missing),
                    (_, Err(why)) => Unknown(why),
                    (Presence::Missing, Ok(value)) => truth(value.is_none()),
                    (Presence::Present, Ok(value)) => truth(value.is_some()),
                };
                if *negated { holds.not() } else { holds }
            }
            ExprKind::Distance(d) => self.distance(d, scope, t),
            ExprKind::Exists(x) => self.exists(x, scope, t),
            ExprKind::Holds(contracts) => all(contracts.iter().map(|id| match self.findings(*id) {
                Ok(findings) => truth(findings.is_empty()),
                Err(why) => Unknown(why),
            })),
            ExprKind::Answered(..) => No,
            ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::Arith(..) => match self.value(e, scope, t).value {
                Ok(Some(Value::Truth(holds))) => truth(holds),
                Ok(_) => No,
                Err(why) => Unknown(why),
            },
        }
    }

    fn order(&self, a: &Value, b: &Value) -> Option<Ordering> {
        match (self.begins(a), self.begins(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.compare(b),
        }
    }

    fn compare(&self, compare: Compare, a: &Expr<Checked>, b: &Expr<Checked>, scope: &[Here], t: Instant) -> Truth {
        match (self.value(a, scope, t).value, self.value(b, scope, t).value) {
            (Err(why), _) | (_, Err(why)) => Unknown(why),
            (Ok(Some(x)), Ok(Some(y))) => match self.order(&x, &y) {
                Some(order) => truth(compare.holds(order)),
                None => Unknown(doubt("too_large")),
            },
            (Ok(x), Ok(y)) => truth(compare == Compare::IsNot && (x.is_some() || y.is_some())),
        }
    }

    fn distance(&self, d: &Distance<Checked>, scope: &[Here], t: Instant) -> Truth {
        let (value, span) = (self.value(&d.value, scope, t).value, self.value(&d.span, scope, t).value);
        let (value, span) = match (value, span) {
            (Err(why), _) | (_, Err(why)) => return Unknown(why),
            (Ok(Some(value)), Ok(Some(span))) => (value, span),
            _ => return No,
        };
        let (Some(begins), Some(ends)) = (self.begins(&value), self.ends(&value)) else { return No };
        let anchor = match &d.anchor {
            Anchor::Ago | Anchor::FromNow => t.at,
            Anchor::Before(e) | Anchor::After(e) => match self.value(e, scope, t).value {
                Err(why) => return Unknown(why),
                Ok(value) => match value.and_then(|v| self.begins(&v)) {
                    Some(at) => at,
                    None => return No,
                },
            },
        };
        let (back, forth) = (self.moved(anchor, &span, false), self.moved(anchor, &span, true));
        truth(match (&d.anchor, d.more) {
            // How long ago a day is counts from its end.
            (Anchor::Ago, true) => ends < back,
            (Anchor::Ago, false) => ends > back,
            (Anchor::FromNow, true) => begins > forth,
            (Anchor::FromNow, false) => begins < forth,
            (Anchor::Before(_), true) => begins < back,
            (Anchor::Before(_), false) => begins > back && begins <= anchor,
            (Anchor::After(_), true) => begins > forth,
            (Anchor::After(_), false) => begins < forth && begins >= anchor,
        })
    }

    fn exists(&self, x: &Exists<Checked>, scope: &[Here], t: Instant) -> Truth {
        // The row that the rows must lead to, and by which references.
        let tied = match (&x.rows.tie, scope.first()) {
            (Tie::LeadHere(hops), Some(here)) => Some((hops, here.key.clone())),
            (Tie::Common { theirs, ours }, Some(here)) => match self.reach(here, ours, t) {
                Ok(Some(common)) => Some((theirs, common.key)),
                Ok(None) => return if x.none { Yes } else { No },
                Err(why) => return Unknown(why),
            },
            _ => None,
        };
        let (rows, astray) = match &tied {
            Some((hops, key)) => match self.leading(x.rows.of, hops, key, t) {
                Ok(found) => found,
                Err(why) => return Unknown(why),
            },
            None => match self.rows(x.rows.of, t).as_ref() {
                Ok(rows) => (rows.clone(), None),
                Err(why) => return Unknown(why.clone()),
            },
        };
        let itself =
            |row: &Rc<Row>| x.other && scope.first().is_some_and(|here| here.of == x.rows.of && here.key == row.key);
        let beside = rows.into_iter().filter(|row| !itself(row));
        let mut found = any(beside.map(|row| {
            let own = Here { of: x.rows.of, key: row.key.clone(), row: Some(row.clone()) };
            let inner: Vec<Here> = std::iter::once(own).chain(scope.iter().cloned()).collect();
            let filter = x.filter.as_ref().map_or(Yes, |f| self.holds(f, &inner, t));
            all([row.placed.clone(), self.in_window(x.window.as_ref(), &inner[0], t), filter])
        }));
        // What is not there may only be late.
        if found == No {
            let silent = || {
                let Relation::Contract(id) = x.rows.of else { return None };
                let (hops, key) = tied.as_ref().map_or((&[][..], None), |(hops, key)| (&hops[..], Some(key)));
                self.staleness(id, hops, key, t).or_else(|| self.silence(id, hops, key, t))
            };
            if let Some(why) = astray.or_else(silent) {
                found = Unknown(why);
            }
        }
        if x.none { found.not() } else { found }
    }

    // ── rules ──

    /// What is wrong with a contract now, in one word each.
    fn findings(&self, id: ContractId) -> Result<Vec<&'static str>, Doubt> {
        let contract = self.pack().contract(id);
        let now = self.now();
        let mut findings = Vec::new();
        if self.wrongs(id) > 0 {
            findings.push("violated");
        }
        let whom = |per: &Option<(Relation, Vec<Hop>)>| match per {
            None => Ok(vec![None]),
            Some((of, _)) => Ok(self.keys(*of, now)?.into_iter().map(Some).collect::<Vec<_>>()),
        };
        for fresh in &contract.fresh {
            let mut late = false;
            for one in whom(&fresh.per)? {
                late |= self.late(id, fresh, one.as_ref(), now)?.is_some();
            }
            findings.extend(late.then_some("stale"));
        }
        for volume in &contract.volume {
            let mut short = false;
            for one in whom(&volume.per)? {
                short |= self.short(id, volume, one.as_ref(), now)?;
            }
            findings.extend(short.then_some("too_few_rows"));
        }
        Ok(findings)
    }

    fn threshold_time(&self, id: ThresholdId) -> Instant {
        match self.pack().threshold(id).cadence {
            Cadence::Closed(period) => self.closed(period, self.now(), 1),
            Cadence::Now | Cadence::AtTheGate => self.now(),
        }
    }

    fn threshold(&self, id: ThresholdId, key: Option<&Key>) -> Said {
        let threshold = self.pack().threshold(id);
        let t = self.threshold_time(id);
        let grain = self.pack().metric(threshold.metric).grain;
        let scope: Vec<Here> = grain.zip(key).map(|(of, key)| Here::at(of, key)).into_iter().collect();
        let said =
            |outcome, code, value| Said { key: key.cloned().unwrap_or_default(), outcome, code, cause: None, value };
        let unknown = |why: Doubt| Said { cause: why.cause, ..said("unknown", why.code, None) };
        match threshold.while_.as_ref().map_or(Yes, |w| self.holds(w, &scope, t)) {
            Yes => {}
            No => return said("off", "outside_while", None),
            Unknown(why) => return unknown(why),
        }
        let value = match self.metric(threshold.metric, t, key).value {
            Ok(Some(value)) => value,
            Ok(None) => return unknown(doubt("missing_value")),
            Err(why) => return unknown(why),
        };
        let bands = std::iter::once((&threshold.target, "met", "target_met"))
            .chain(threshold.acceptable.iter().map(|band| (band, "acceptable", "acceptable")));
        for (band, outcome, code) in bands {
            match self.value(&band.limit, &scope, t).value {
                Err(why) => return unknown(why),
                Ok(Some(limit)) if self.order(&value, &limit).is_some_and(|o| band.compare.holds(o)) => {
                    return said(outcome, code, Some(value));
                }
                Ok(_) => {}
            }
        }
        said("breached", "breached", Some(value))
    }

    /// The instant about which a trigger is judged, and those at which its condition must hold.
    fn trigger_times(&self, condition: &Condition, trigger: &Trigger, scope: &[Here]) -> Vec<Instant> {
        let now = self.now();
        let pace = match &trigger.check.other {
            Some((while_, other)) if self.holds(while_, scope, now) != Yes => other,
            _ => &trigger.check.pace,
        };
        match &condition.hold {
            Some(Hold::Consecutive(n, period) | Hold::OfTheLast(_, n, period)) => {
                (1..=*n).map(|back| self.closed(*period, now, back)).collect()
            }
            Some(Hold::For(_)) | None => vec![match pace {
                Pace::Monthly(OnDay::PeriodEnd) => self.closed(Period::Month, now, 1),
                Pace::Quarterly(OnDay::PeriodEnd) => self.closed(Period::Quarter, now, 1),
                Pace::Yearly(OnDay::PeriodEnd) => self.closed(Period::Year, now, 1),
                _ => now,
            }],
        }
    }

    /// Whether it is known that a row was not there.
    fn was_absent(&self, scope: &[Here], t: Instant) -> bool {
        t != self.now() && scope.first().is_some_and(|here| self.is_there(here, t) == Ok(false))
    }

    fn trigger(&self, trigger: &Trigger, key: Option<&Key>) -> Option<Said> {
        let now = self.now();
        let scope: Vec<Here> = trigger.grain.zip(key).map(|(of, key)| Here::at(of, key)).into_iter().collect();
        let times = self.trigger_times(&trigger.when, trigger, &scope);
        // Who joined later is judged with the next period.
        if self.was_absent(&scope, times[0]) {
            return None;
        }
        let each: Vec<Truth> = times
            .iter()
            .map(|t| if self.was_absent(&scope, *t) { No } else { self.holds(&trigger.when.expr, &scope, *t) })
            .collect();
        let when = match &trigger.when.hold {
            Some(Hold::OfTheLast(needed, total, _)) => {
                let yes = each.iter().filter(|t| **t == Yes).count() as u32;
                let no = each.iter().filter(|t| **t == No).count() as u32;
                if yes >= *needed {
                    Yes
                } else if no > total - needed {
                    No
                } else {
                    each.into_iter().find(|t| matches!(t, Unknown(_))).expect("one that is unknown")
                }
            }
            _ => all(each),
        };
        let unless = trigger.unless.as_ref().map_or(No, |u| self.holds(u, &scope, now));
        let value = self.deciding_value(&trigger.when.expr, &scope, times[0]);
        let key = key.cloned().unwrap_or_default();
        let (outcome, code, cause) = match all([when, unless.not()]) {
            Yes => ("fires", "condition_holds", None),
            No => ("clear", "condition_fails", None),
            Unknown(why) => ("unknown", why.code, why.cause),
        };
        Some(Said { key, outcome, code, cause, value })
    }

    /// The value that decided: of the first part that is as the whole is.
    fn deciding_value(&self, e: &Expr<Checked>, scope: &[Here], t: Instant) -> Option<Value> {
        let known = |a: &Expr<Checked>| self.value(a, scope, t).value.ok().flatten();
        match &e.kind {
            ExprKind::Joint(joint, parts) => {
                let whole = self.holds(e, scope, t);
                let every = matches!((joint, &whole), (Joint::And, Yes) | (Joint::Or, No));
                let like = |p: &Expr<Checked>| {
                    let part = self.holds(p, scope, t);
                    every || std::mem::discriminant(&part) == std::mem::discriminant(&whole)
                };
                parts.iter().filter(|p| like(p)).find_map(|p| self.deciding_value(p, scope, t))
            }
            ExprKind::Not(inner) => self.deciding_value(inner, scope, t),
            // A value is shown where there is one to hold it against.
            ExprKind::Compare(_, a, b) => known(a).filter(|_| known(b).is_some()),
            ExprKind::OneOf(_, a, _) | ExprKind::Between(a, ..) | ExprKind::Presence(_, _, a) => known(a),
            _ => None,
        }
    }

    /// What a rule says of each of its keys.
    pub(crate) fn verdicts(&self, rule: RuleRef) -> Vec<Said> {
        let now = self.now();
        let blind = |why: Doubt| {
            vec![Said { key: Vec::new(), outcome: "unknown", code: why.code, cause: why.cause, value: None }]
        };
        let each = |grain: Option<Relation>, t: Instant| match grain {
            None => Ok(vec![None]),
            Some(of) => self.keys(of, t).map(|keys| keys.into_iter().map(Some).collect::<Vec<_>>()),
        };
        match rule {
            RuleRef::Contract(i) => {
                let id = ContractId(i);
                let (outcome, code, cause) = match self.findings(id) {
                    Err(why) => ("unknown", why.code, why.cause),
                    Ok(findings) => match findings.first() {
                        None => ("holds", "holds", None),
                        Some(first) => ("violated", *first, Some(id)),
                    },
                };
                vec![Said { key: Vec::new(), outcome, code, cause, value: None }]
            }
            RuleRef::Gate(i) => {
                let lines = &self.pack().gates[i as usize].lines;
                let (outcome, code, cause) = match all(lines.iter().map(|l| self.holds(l, &[], now))) {
                    Yes => ("open", "all_hold", None),
                    No => ("closed", "condition_fails", None),
                    Unknown(why) => ("unknown", why.code, why.cause),
                };
                vec![Said { key: Vec::new(), outcome, code, cause, value: None }]
            }
            RuleRef::Threshold(i) => {
                let id = ThresholdId(i);
                let grain = self.pack().metric(self.pack().threshold(id).metric).grain;
                // Whoever was there at the end of the period; where that is not known, whoever is there now.
                match each(grain, self.threshold_time(id)).or_else(|_| each(grain, now)) {
                    Ok(keys) => keys.into_iter().map(|key| self.threshold(id, key.as_ref())).collect(),
                    Err(why) => blind(why),
                }
            }
            RuleRef::Trigger(_) | RuleRef::Rollback(_) => {
                let trigger = self.pack().core(rule).expect("a trigger");
                match each(trigger.grain, now) {
                    Ok(keys) => keys.into_iter().filter_map(|key| self.trigger(trigger, key.as_ref())).collect(),
                    Err(why) => blind(why),
                }
            }
        }
    }

    /// Every value of a metric, by key.
    pub(crate) fn readings(&self, id: MetricId) -> Result<Vec<(Key, Reading)>, Doubt> {
        Ok(match self.pack().metric(id).grain {
            None => vec![(Vec::new(), self.metric(id, self.now(), None))],
            Some(of) => {
                let keys = self.keys(of, self.now())?.into_iter();
                keys.map(|key| (key.clone(), self.metric(id, self.now(), Some(&key)))).collect()
            }
        })
    }
}

/// Rows are the same where all parts of their keys are; nothing is the same as nothing.
fn same(a: &[Raw], b: &[Raw]) -> bool {
    let alike = |(a, b): (&Raw, &Raw)| match (a, b) {
        (Raw::Int(a), Raw::Real(b)) | (Raw::Real(b), Raw::Int(a)) => *a as f64 == *b,
        (a, b) => a == b,
    };
    a.iter().zip(b).all(alike)
}

fn plain_cell(raw: &Raw, column: &Column, id: ContractId) -> Cell {
    match (Naive::decode(raw, column), &column.optional) {
        (Err(()), _) => Cell::Bad(fault("bad_row", id)),
        (Ok(Some(value)), _) => Cell::Value(value),
        (Ok(None), Optional::Required) => Cell::Bad(fault("missing_value", id)),
        (Ok(None), _) => Cell::Missing,
    }
}

/// `2026-03-01`, and nothing else.
fn day(text: &str) -> Option<Date> {
    let digits = |range: std::ops::Range<usize>| -> Option<i16> {
        let part = text.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten()
    };
    let dashes = text.len() == 10 && &text[4..5] == "-" && &text[7..8] == "-";
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    dashes.then(|| Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()).flatten()
}

/// A day, then `T` or a blank, hours and minutes, perhaps seconds with or without a fraction, perhaps a zone: `Z` or
/// `+02:00`. Without a zone it is UTC, and without a time the day's beginning.
fn moment(text: &str) -> Option<Timestamp> {
    let date = day(text.get(..10)?)?;
    let rest = &text[10..];
    if rest.is_empty() {
        return Some(
            DateTime::from_parts(date, jiff::civil::Time::midnight())
                .to_zoned(jiff::tz::TimeZone::UTC)
                .ok()?
                .timestamp(),
        );
    }
    let rest = rest.strip_prefix(['T', ' '])?;
    let (clock, offset) = match rest.find(['Z', '+', '-']) {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, "Z"),
    };
    let two = |text: &str| -> Option<i64> {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
    };
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (two(parts.next()?)?, two(parts.next()?)?);
    let seconds = parts.next().unwrap_or("00");
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let second = two(second)?;
    if hour > 23 || minute > 59 || second > 59 || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    // To the millisecond, half of one up.
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    let nanos = (nanos + 500_000) / 1_000_000 * 1_000_000;
    let offset = match offset {
        "Z" => 0,
        offset => {
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = offset[1..].split_once(':')?;
            sign * (two(hours)? * 3600 + two(minutes)? * 60)
        }
    };
    let midnight = DateTime::from_parts(date, jiff::civil::Time::midnight()).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    let at = hour * 3600 + minute * 60 + second - offset;
    let length = jiff::SignedDuration::from_secs(at) + jiff::SignedDuration::from_nanos(nanos);
    midnight.timestamp().checked_add(length).ok()
}

/// Values as one.
fn fold(how: Fold, values: &[Value]) -> Result<Option<Value>, Doubt> {
    let large = || doubt("too_large");
    let numbers: Vec<Number> = values.iter().filter_map(Value::number).collect();
    let sum = || numbers.iter().try_fold(Number::ZERO, |sum, n| sum.plus(*n)).ok_or_else(large);
    let mut sorted: Vec<&Value> = values.iter().collect();
    sorted.sort_by(|a, b| a.compare(b).expect("values of one type"));
    let n = sorted.len();
    Ok(match how {
        Fold::Sum => Some(Value::Number(sum()?)),
        Fold::CountDistinct => {
            let mut different: Vec<&Value> = Vec::new();
            for value in values {
                if !different.contains(&value) {
                    different.push(value);
                }
            }
            Some(Value::Number(Number::whole(different.len() as i128)))
        }
        _ if n == 0 => None,
        Fold::Average => Some(Value::Number(sum()?.over(Number::whole(n as i128)).ok_or_else(large)?)),
        Fold::Min => Some(sorted[0].clone()),
        Fold::Max => Some(sorted[n - 1].clone()),
        Fold::Median if n % 2 == 1 => Some(sorted[n / 2].clone()),
        Fold::Median => {
            let (a, b) = (sorted[n / 2 - 1].number(), sorted[n / 2].number());
            let mean = a.zip(b).and_then(|(a, b)| a.plus(b)).and_then(|s| s.over(Number::whole(2)));
            Some(Value::Number(mean.ok_or_else(large)?))
        }
        // The least value with at least so many percent of all values at or below it.
        Fold::Percentile(p) => {
            let enough = |v: &&&Value| {
                let below = sorted.iter().filter(|o| o.compare(v).expect("values of one type").is_le()).count();
                below * 100 >= usize::from(p) * n
            };
            sorted.iter().find(enough).map(|v| (*v).clone())
        }
        Fold::Count | Fold::Share | Fold::Latest | Fold::First => unreachable!("taken from rows"),
    })
}
