//! Arrow 6, SQL to readings. What cannot be read is a reading too: one that says why.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::field::{Field, Row as Stored};
use super::{Class, Store, changes, shape};
use crate::engine::judge::{Judge, Row};
use crate::engine::reading::{
    BaselineReadings, Cell, ContractState, Groups, Key, Keys, Raw, Readings, Reason, Table, Tri, Violation, Why,
};
use crate::engine::window;
use crate::lang::expr::{ContractId, PairsId, ParamId, Relation};
use crate::lang::item::contract::{Column, Contract, Encoding, OnViolation, Optional};
use crate::lang::pack::Pack;
use crate::plan::{GroupId, GroupScan, MomentId, Plan, What};
use crate::sql::{Arg, Look, Query, Source, Sql, unindexed};
use crate::time::Instant;
use crate::value::{Number, Type, Value};

/// So many bad rows of a contract are kept with their reasons; all are counted.
const KEPT_VIOLATIONS: usize = 10_000;

/// Columns a test did not list: missing there is no violation, but what reads them is unknown.
pub type Unlisted = HashMap<ContractId, HashSet<u32>>;

/// What a reading is made for.
pub struct Request<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// What to read.
    pub plan: &'a Plan,
    /// The instant of the tick.
    pub as_of: Timestamp,
    /// Values of params.
    pub param: &'a dyn Fn(ParamId) -> Value,
    /// The stored baseline.
    pub baseline: Option<BaselineReadings>,
    /// Stages that were entered.
    pub entered: HashMap<String, Timestamp>,
    /// How the contracts stand.
    pub contracts: Vec<ContractState>,
    /// Columns a test did not list.
    pub unlisted: &'a Unlisted,
}

impl ToSql for Arg {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Arg::Null => ToSqlOutput::from(rusqlite::types::Null),
            Arg::Text(text) => ToSqlOutput::from(text.as_str()),
            Arg::Int(n) => ToSqlOutput::from(*n),
            Arg::Real(n) => ToSqlOutput::from(*n),
            Arg::Bytes(bytes) => ToSqlOutput::from(bytes.as_slice()),
        })
    }
}

/// Sums exactly what SQLite stores with a fraction.
struct ExactSum;

impl Aggregate<Option<Number>, Option<String>> for ExactSum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Option<Number>> {
        Ok(Some(Number::ZERO))
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Option<Number>) -> rusqlite::Result<()> {
        let next = match context.get_raw(0) {
            ValueRef::Null => return Ok(()),
            ValueRef::Integer(n) => Some(Number::whole(i128::from(n))),
            ValueRef::Real(n) => Number::from_f64(n),
            _ => None,
        };
        *sum = sum.and_then(|s| next.and_then(|n| s.plus(n)));
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Option<Number>>) -> rusqlite::Result<Option<String>> {
        // Without a row there is no sum; `?` says that it did not fit.
        Ok(sum.map(|sum| sum.map_or_else(|| "?".into(), |n| n.decimal(38))))
    }
}

/// The connection's own functions.
pub(super) fn register(conn: &rusqlite::Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("is_moment", 1, flags, |context| {
        Ok(matches!(context.get_raw(0), ValueRef::Text(text) if std::str::from_utf8(text).is_ok_and(|t| parse_moment(t).is_some())))
    })?;
    conn.create_aggregate_function("exact_sum", 1, flags, ExactSum)
}

fn cannot(contract: ContractId, text: String) -> Arc<Why> {
    Why::of(Reason::CannotRead, contract, text)
}

/// Holds the rows of contracts against what they say.
pub fn examine(
    store: &Store,
    pack: &Pack,
    which: &BTreeSet<ContractId>,
    clock: Timestamp,
    param: &dyn Fn(ParamId) -> Value,
    unlisted: &Unlisted,
) -> Vec<ContractState> {
    let mut states = vec![ContractState::default(); pack.contracts.len()];
    for id in which {
        if pack.contract(*id).is_table() {
            states[id.index()] = examine_one(store, pack, *id, clock, param, unlisted);
        }
    }
    states
}

fn examine_one(
    store: &Store,
    pack: &Pack,
    id: ContractId,
    clock: Timestamp,
    param: &dyn Fn(ParamId) -> Value,
    unlisted: &Unlisted,
) -> ContractState {
    let contract = pack.contract(id);
    let mut state = ContractState::default();
    if let Some(missing) = missing_parts(store, contract) {
        match missing {
            None if contract.kept => state.absent = true,
            None => {
                let text = format!("the database has no table `{}`", contract.table);
                state.unreadable = Some(cannot(id, text));
            }
            Some(column) => {
                let text = format!("the table `{}` has no column `{column}`", contract.table);
                state.unreadable = Some(cannot(id, text));
            }
        }
        return state;
    }
    if let Some(text) = unsuited(store, contract) {
        state.unreadable = Some(cannot(id, text));
        return state;
    }
    // References to tables that are not there cannot be followed; that is said where it is needed.
    for column in &contract.columns {
        if let Some(target) = column.refers.map(|t| pack.contract(t))
            && target.is_table()
            && let Some(missing) = missing_parts(store, target)
        {
            let lacks = match missing {
                None => "whose table the database lacks".to_owned(),
                Some(lacking) => format!("whose table has no column `{lacking}`"),
            };
            let text = format!("`{}` refers to `{}`, {lacks}", column.name, target.name);
            state.unreadable = Some(cannot(id, text));
            return state;
        }
    }
    let examination = Examination { store, pack, id, clock, param, unlisted };
    match examination.violations(None) {
        Ok((violations, count)) => ContractState { violations, count, ..state },
        Err(why) => ContractState { unreadable: Some(why), ..state },
    }
}

/// Rows of one contract held against what it says.
struct Examination<'a> {
    store: &'a Store,
    pack: &'a Pack,
    id: ContractId,
    clock: Timestamp,
    param: &'a dyn Fn(ParamId) -> Value,
    unlisted: &'a Unlisted,
}

impl Examination<'_> {
    /// What is wrong with the rows, or with those of one key, in the order of the keys; and how much it is.
    fn violations(&self, only: Option<(&[Arg], bool)>) -> Result<(Vec<Violation>, u64), Arc<Why>> {
        let Examination { store, pack, id, clock, param, unlisted } = *self;
        let contract = pack.contract(id);
        let live = |_: ContractId| Source::Live;
        let class = |table: &str, column: &str| shape::class(store, table, column);
        let sql = Sql {
            dialect: store.dialect(&class),
            pack,
            param,
            at: Instant::now(clock),
            source: &live,
            exact: false,
            undated: false,
            indexed: &unindexed,
            only: only.map(|(key, _)| key),
            row: None,
        };
        let (mut violations, mut count) = (Vec::new(), 0);
        let (query, marks) = sql.violations(id, clock);
        let empty = HashSet::new();
        let silent = unlisted.get(&id).unwrap_or(&empty);
        let result = each(store, &query, |row| {
            let key: Key = contract.key.iter().map(|k| text_of(row.field(*k as usize))).collect();
            let mut found: Vec<(u32, String, bool)> = Vec::new();
            for (i, column) in contract.columns.iter().enumerate() {
                let raw = row.field(i);
                let index = i as u32;
                let text = match decode(raw, column) {
                    Err(text) => Some(text),
                    Ok(None) if matches!(column.optional, Optional::Required) && !silent.contains(&index) => {
                        Some("is missing".to_owned())
                    }
                    Ok(None) => None,
                    Ok(Some(value)) => beyond(&value, column, pack, clock, param),
                };
                found.extend(text.map(|t| (index, t, false)));
            }
            for (i, mark) in marks.iter().enumerate() {
                let set = row.field(contract.columns.len() + i) == Field::Int(1);
                if set && !silent.contains(&mark.column) {
                    let column = &contract.columns[mark.column as usize];
                    let text = if mark.orphan {
                        let target = column.refers.map_or("", |t| pack.contract(t).row_word());
                        format!("is {}, and there is no such {target}", text_of(row.field(mark.column as usize)))
                    } else {
                        "is missing, and this row must have it".into()
                    };
                    found.push((mark.column, text, mark.orphan));
                }
            }
            for (column, text, orphan) in found {
                count += 1;
                if violations.len() < KEPT_VIOLATIONS {
                    violations.push(Violation { key: key.clone(), column: Some(column), text, orphan });
                }
            }
        });
        let unreadable = |error| cannot(id, format!("the table `{}` cannot be read: {error}", contract.table));
        result.map_err(unreadable)?;
        let distinct = only.is_some_and(|(_, distinct)| distinct);
        if let Some(query) = sql.duplicates(id).filter(|_| !distinct) {
            let result = each(store, &query, |row| {
                let key: Key = (0..contract.key.len()).map(|i| text_of(row.field(i))).collect();
                count += 1;
                violations.push(Violation { key, column: None, text: "stands more than once".into(), orphan: false });
            });
            result.map_err(unreadable)?;
        }
        violations.sort_by(|a, b| a.key.cmp(&b.key));
        Ok((violations, count))
    }
}

/// What of a contract the database lacks: `Some(None)` the table, `Some(Some(column))` a column.
fn missing_parts(store: &Store, contract: &Contract) -> Option<Option<String>> {
    if store.is_postgres() {
        let shape = shape::shape_of(store, &contract.table).ok().filter(|shape| shape.exists);
        let Some(shape) = shape else { return Some(None) };
        let lacking = contract.columns.iter().find(|c| shape.column(&c.stored).is_none());
        return lacking.map(|c| Some(c.stored.to_string()));
    }
    let sql = "SELECT lower(name) FROM pragma_table_xinfo(?1)";
    let columns = store.rows(sql, &[(&*contract.table).into()], |row| row.text(0)).unwrap_or_default();
    if columns.is_empty() {
        return Some(None);
    }
    let columns: HashSet<String> = columns.into_iter().collect();
    let lacking = contract.columns.iter().find(|c| !columns.contains(&c.stored.to_lowercase()));
    lacking.map(|c| Some(c.stored.to_string()))
}

/// The first column whose type in the database cannot hold what the contract says. Where a column takes any value,
/// each value is looked at instead.
fn unsuited(store: &Store, contract: &Contract) -> Option<String> {
    if !store.is_postgres() {
        return None;
    }
    let shape = shape::shape_of(store, &contract.table).ok()?;
    contract.columns.iter().filter(|c| !matches!(c.ty, Type::List(_))).find_map(|column| {
        let stored = shape.column(&column.stored)?;
        let suits = match &column.ty {
            ty if ty.is_quantity() => matches!(stored.class, Class::Whole | Class::Decimal | Class::Binary),
            Type::Span => matches!(stored.class, Class::Whole | Class::Decimal),
            Type::Truth => matches!(stored.class, Class::Truth | Class::Whole),
            Type::Date => matches!(stored.class, Class::Date | Class::Text),
            Type::Moment => matches!(stored.class, Class::Moment | Class::Date | Class::Text),
            _ => stored.class != Class::Other,
        };
        let (table, name, declared) = (&contract.table, &column.stored, &stored.declared);
        (!suits)
            .then(|| format!("`{name}` of the table `{table}` is `{declared}` where {} is declared", column.ty.name()))
    })
}

/// Why a value breaks the bounds of its column.
fn beyond(
    value: &Value,
    column: &Column,
    pack: &Pack,
    clock: Timestamp,
    param: &dyn Fn(ParamId) -> Value,
) -> Option<String> {
    let bound = |e: &Option<crate::lang::expr::Expr<crate::lang::expr::Checked>>| {
        e.as_ref().and_then(|b| window::constant(b, param))
    };
    let shown = value.show(&column.ty);
    // A day and a moment compare by where the day begins.
    let calendar = &pack.settings.calendar;
    let order = |bound: &Value| match (value, bound) {
        (Value::Date(day), Value::Moment(at)) => Some(calendar.day_start(*day).cmp(at)),
        (Value::Moment(at), Value::Date(day)) => Some(at.cmp(&calendar.day_start(*day))),
        _ => value.compare(bound),
    };
    if let Some(low) = bound(&column.low)
        && order(&low) == Some(std::cmp::Ordering::Less)
    {
        return Some(format!("is {shown}, below {}", low.show(&column.ty)));
    }
    if let Some(high) = bound(&column.high)
        && order(&high) == Some(std::cmp::Ordering::Greater)
    {
        return Some(format!("is {shown}, above {}", high.show(&column.ty)));
    }
    match value {
        Value::Text(text) if column.not_empty && text.trim().is_empty() => Some("is empty".into()),
        Value::Number(n) if column.ty == Type::Count && n.is_negative() => {
            Some(format!("is {shown}, and counts are never below zero"))
        }
        Value::Date(date) if column.not_future && *date > pack.settings.calendar.date(clock) => {
            Some(format!("is {shown}, which lies in the future"))
        }
        Value::Moment(at) if column.not_future && *at > clock => Some(format!("is {shown}, which lies in the future")),
        _ => None,
    }
}

/// The number of a key that is one stored value.
fn numbered(keys: &mut Keys, raw: Field<'_>) -> u32 {
    match raw {
        Field::Text(bytes) => keys.number_of(&String::from_utf8_lossy(bytes)),
        other => keys.number_of(&text_of(other)),
    }
}

/// The same for a key that some row has.
fn known_number(keys: &Keys, raw: Field<'_>) -> Option<u32> {
    match raw {
        Field::Text(bytes) => keys.find(&[String::from_utf8_lossy(bytes).into()]),
        other => keys.find(&[text_of(other)]),
    }
}

/// Whether an index leads from one column to another. Where that cannot be told, none does.
fn is_indexed(store: &Store, contract: &Contract, via: u32, then: u32) -> bool {
    let stored = |c: u32| &*contract.columns[c as usize].stored;
    shape::is_indexed(store, &contract.table, stored(via), stored(then))
}

/// A stored value as text, for keys.
fn text_of(raw: Field<'_>) -> Arc<str> {
    match raw {
        Field::Text(bytes) => String::from_utf8_lossy(bytes).into(),
        other => other.words().into(),
    }
}

/// A stored value as its column understands it; `Err` in the words after the column's name.
pub(super) fn decode(raw: Field<'_>, column: &Column) -> Result<Option<Value>, String> {
    if matches!(raw, Field::Null) {
        return Ok(None);
    }
    let holds = || {
        let kind = match raw {
            Field::Int(_) => "a whole number",
            Field::Numeric(n) if n.number().is_none() => "what is no number",
            Field::Real(_) | Field::Numeric(_) => "a number with a fraction",
            Field::Text(_) => "text",
            Field::Truth(_) => "yes or no",
            Field::Date(_) => "a date",
            Field::Moment(_) => "a moment",
            Field::Uuid(_) => "a UUID",
            _ => "bytes",
        };
        let mut shown: String = text_of(raw).chars().take(40).collect();
        if shown.is_empty() {
            shown = "nothing".into();
        }
        format!("holds {kind} ({shown}) where {} is declared", column.ty.name())
    };
    if column.ty.is_quantity() {
        let fits = |n: &Number| column.ty != Type::Count || n.to_whole().is_some();
        let stored = raw.number().filter(fits).ok_or_else(holds)?;
        let value = match &column.encoding {
            Encoding::Scaled(scale) => stored.times(*scale),
            _ => Some(stored),
        };
        return value.map(|n| Some(Value::Number(n))).ok_or_else(|| "is too large to be computed exactly".to_owned());
    }
    let text = match raw {
        Field::Text(bytes) => std::str::from_utf8(bytes).map_err(|_| "holds text that is not UTF-8".to_owned())?,
        _ => "",
    };
    match &column.ty {
        Type::Truth => match raw {
            Field::Int(n @ (0 | 1)) => Ok(Some(Value::Truth(n == 1))),
            Field::Truth(truth) => Ok(Some(Value::Truth(truth))),
            _ => Err(holds()),
        },
        Type::Date => match raw {
            Field::Date(date) => Ok(Some(Value::Date(date))),
            _ => parse_date(text).map(|d| Some(Value::Date(d))).ok_or_else(holds),
        },
        Type::Moment => match raw {
            Field::Moment(at) => Ok(Some(Value::Moment(at))),
            // A day that stands for a moment is its beginning, as it is where it is written as text.
            Field::Date(date) => beginning(date).map(|at| Some(Value::Moment(at))).ok_or_else(holds),
            _ => parse_moment(text).map(|m| Some(Value::Moment(m))).ok_or_else(holds),
        },
        Type::Words(words) => {
            let text = text_of(raw);
            let place = match &column.encoding {
                Encoding::Words(texts) => texts.iter().position(|t| *t == text),
                _ => words.iter().position(|w| *w == text),
            };
            match place.and_then(|i| words.get(i)) {
                Some(word) => Ok(Some(Value::Text(word.clone()))),
                None => Err(format!("is `{text}`, not one of {}", crate::value::listed(words, "or"))),
            }
        }
        Type::Span => match raw.number().and_then(Number::to_whole) {
            Some(n) if !matches!(raw, Field::Real(_)) => {
                let days = i32::try_from(n).map_err(|_| holds())?;
                Ok(Some(Value::Span(crate::value::Span { days, ..Default::default() })))
            }
            _ => Err(holds()),
        },
        _ => match raw {
            Field::Bytes(_) => Err(holds()),
            _ => Ok(Some(Value::Text(text_of(raw)))),
        },
    }
}

fn parse_date(text: &str) -> Option<jiff::civil::Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

fn beginning(date: jiff::civil::Date) -> Option<Timestamp> {
    date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp())
}

/// Moments are ISO 8601 with `T` or a blank: `2026-03-02`, `2026-03-02 09:00`, with seconds and parts of them, with `Z`
/// or `+01:00`; without a zone they are UTC. What the database's own functions read as another moment, or not at all, is
/// none. They are kept to the millisecond, as the database compares them.
pub fn parse_moment(text: &str) -> Option<Timestamp> {
    let date = parse_date(text.get(..10)?)?;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    let Some(rest) = text.get(10..).filter(|rest| !rest.is_empty()) else { return Some(midnight) };
    let rest = rest.strip_prefix(['T', ' '])?;
    let (clock, zone) = rest.split_at(rest.find(['Z', '+', '-']).unwrap_or(rest.len()));
    let two = |text: &str, most: i64| -> Option<i64> {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().filter(|n| *n <= most)
    };
    let offset = match zone {
        "" | "Z" => 0,
        zone => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let offset = two(hours, 14)? * 3600 + two(minutes, 59)? * 60;
            if zone.starts_with('-') { -offset } else { offset }
        }
    };
    let (hours, rest) = clock.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':').map_or((rest, "00"), |(minutes, seconds)| (minutes, seconds));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if fraction.is_empty() || fraction.len() > 30 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Half of a millisecond is the next one, as the database has it.
    let part: i64 = format!("{fraction:0<4}").get(..4)?.parse().ok()?;
    let seconds = two(hours, 23)? * 3600 + two(minutes, 59)? * 60 + two(seconds, 59)? - offset;
    let length = jiff::SignedDuration::from_millis(seconds * 1000 + (part + 5) / 10);
    midnight.checked_add(length).ok()
}

/// Runs a statement and hands over each row.
fn each(store: &Store, query: &Query, row: impl FnMut(&Stored<'_>)) -> Result<(), String> {
    store.each(&query.sql, &query.args, row).map_err(|error| error.plain())
}

/// What of a scan is read.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// All of it.
    All,
    /// The group of this key.
    Key(&'a [Arg]),
    /// What this row alone would make of it.
    Row(&'a [Option<Arg>]),
}

struct Reader<'a> {
    store: &'a Store,
    request: &'a Request<'a>,
    readings: Readings,
}

/// Reads everything a plan asks for, each scan once.
pub fn read(store: &Store, request: &Request<'_>) -> Readings {
    let mut reader = Reader { store, request, readings: Readings::default() };
    reader.readings.contracts = request.contracts.clone();
    reader.readings.baseline = request.baseline.clone();
    reader.readings.entered = request.entered.clone();
    let taken_at = request.baseline.as_ref().map(|b| b.taken_at);
    let calendar = &request.pack.settings.calendar;
    reader.readings.instants = window::instants(calendar, &request.plan.moments, taken_at, request.as_of);
    for ((relation, moment), columns) in &request.plan.tables {
        if let Relation::Contract(id) = relation {
            let columns: Vec<u32> = columns.iter().copied().collect();
            let table = reader.table(*id, *moment, &columns, None);
            reader.readings.tables.insert((*relation, *moment), table);
        }
    }
    for (i, scan) in request.plan.groups.iter().enumerate() {
        let groups = reader.groups(scan);
        reader.readings.groups.insert(GroupId(i as u32), groups);
    }
    // What must hold of both of a pair may be asked of metrics, which read the groups.
    for (relation, moment) in request.plan.tables.keys() {
        if let Relation::Pairs(id) = relation {
            let table = reader.pairs(*id, *moment, None);
            reader.readings.tables.insert((*relation, *moment), table);
        }
    }
    reader.readings
}

/// Readings that are renewed in part.
pub struct Renewal<'a> {
    reader: Reader<'a>,
}

/// What a row makes of the groups of a scan, by the number of the key and the place of the measure.
pub type Contribution = BTreeMap<(u32, usize), Raw>;

/// The values of a row's columns in their order.
pub type Image = Vec<Option<Arg>>;

impl<'a> Renewal<'a> {
    /// Takes readings to renew them.
    pub fn of(store: &'a Store, request: &'a Request<'a>, readings: Readings) -> Renewal<'a> {
        Renewal { reader: Reader { store, request, readings } }
    }

    /// The readings as they are by now.
    pub fn readings(&self) -> &Readings {
        &self.reader.readings
    }

    /// The same, to be changed.
    pub fn readings_mut(&mut self) -> &mut Readings {
        &mut self.reader.readings
    }

    /// Hands the readings back.
    pub fn done(self) -> Readings {
        self.reader.readings
    }

    /// The rows of a contract that have a key, at any time: one, or none, or several where nobody keeps keys apart.
    pub fn images(&self, id: ContractId, key: &[Arg]) -> Result<Vec<Image>, String> {
        self.found(id, &Look::Key(key), usize::MAX)
    }

    /// So many at most of the rows of a contract that hold a value in a column.
    pub fn referring(&self, id: ContractId, column: u32, value: &Arg, at_most: usize) -> Result<Vec<Image>, String> {
        self.found(id, &Look::Holds(column, value), at_most)
    }

    /// So many at most of the rows of a contract whose date or moment lies between two.
    pub fn between(
        &self,
        id: ContractId,
        column: u32,
        from: Timestamp,
        to: Timestamp,
        at_most: usize,
    ) -> Result<Vec<Image>, String> {
        self.found(id, &Look::Between(column, from, to), at_most)
    }

    /// The first moment of a column at or after another one.
    pub fn nearest(&self, id: ContractId, column: u32, from: Timestamp) -> Result<Option<Timestamp>, String> {
        let mut nearest = None;
        let pack = self.reader.request.pack;
        self.with_sql(|sql| {
            each(self.reader.store, &sql.nearest(id, column, from), |row| nearest = row_date(row.field(0), pack))
        })?;
        Ok(nearest)
    }

    fn found(&self, id: ContractId, look: &Look<'_>, at_most: usize) -> Result<Vec<Image>, String> {
        let mut images = Vec::new();
        self.with_sql(|sql| {
            each(self.reader.store, &sql.look(id, look, at_most), |row| {
                images.push((0..row.width()).map(|i| arg_of(row.field(i))).collect());
            })
        })?;
        Ok(images)
    }

    fn with_sql<T>(&self, work: impl FnOnce(&Sql<'_>) -> T) -> T {
        let Request { pack, param, as_of, .. } = *self.reader.request;
        let live = |_: ContractId| Source::Live;
        let class = |table: &str, column: &str| shape::class(self.reader.store, table, column);
        work(&Sql {
            dialect: self.reader.store.dialect(&class),
            pack,
            param,
            at: Instant::now(as_of),
            source: &live,
            exact: false,
            undated: false,
            indexed: &unindexed,
            only: None,
            row: None,
        })
    }

    /// Holds the rows of a key against their contract anew. True: what is wrong with them is another thing than before.
    /// `distinct`: the database itself sees to it that the key stands once.
    pub fn examine(&mut self, id: ContractId, key: &[Arg], clock: Timestamp, distinct: bool) -> Result<bool, Arc<Why>> {
        let Request { pack, param, unlisted, .. } = *self.reader.request;
        let examination = Examination { store: self.reader.store, pack, id, clock, param, unlisted };
        let (now, _) = examination.violations(Some((key, distinct)))?;
        let texts: Key = key.iter().map(arg_text).collect();
        let state = &mut self.reader.readings.contracts[id.index()];
        let place = state.violations.partition_point(|v| v.key < texts);
        let known = state.violations[place..].iter().take_while(|v| v.key == texts).count();
        if state.violations[place..place + known] == now[..] {
            return Ok(false);
        }
        state.count = (state.count + now.len() as u64).saturating_sub(known as u64);
        state.violations.splice(place..place + known, now);
        Ok(true)
    }

    /// The number of a key of a contract.
    pub fn number(&mut self, relation: Relation, key: &[Arg]) -> u32 {
        let key: Key = key.iter().map(arg_text).collect();
        self.reader.readings.keys.entry(relation).or_default().number(key)
    }

    /// The number of a key that has one.
    pub fn known(&self, relation: Relation, key: &Arg) -> Option<u32> {
        self.reader.readings.keys.get(&relation)?.find(&[arg_text(key)])
    }

    /// Reads the rows of a key anew. True: they are others than before.
    pub fn row(&mut self, id: ContractId, moment: MomentId, key: &[Arg], number: u32) -> Result<bool, Arc<Why>> {
        let slot = (Relation::Contract(id), moment);
        let Some(columns) = self.reader.request.plan.tables.get(&slot) else { return Ok(false) };
        let columns: Vec<u32> = columns.iter().copied().collect();
        let read = self.reader.table(id, moment, &columns, Some(key))?;
        Ok(self.renew_table(slot, number, read))
    }

    fn renew_table(&mut self, slot: (Relation, MomentId), number: u32, read: Table) -> bool {
        let Readings { tables, keys, .. } = &mut self.reader.readings;
        match (tables.get_mut(&slot), keys.get(&slot.0)) {
            (Some(Ok(table)), Some(keys)) => table.renew(number, read, keys),
            _ => false,
        }
    }

    /// Reads the pairs of one owner anew, or all of them; the numbers of those that are others than before.
    pub fn pairs(&mut self, id: PairsId, moment: MomentId, owner: Option<&Arg>) -> Result<Vec<u32>, Arc<Why>> {
        let slot = (Relation::Pairs(id), moment);
        let read = self.reader.pairs(id, moment, owner.map(std::slice::from_ref))?;
        let whose = owner.map(arg_text);
        let keys = self.reader.readings.keys.entry(slot.0).or_default();
        let of_owner = |n: &u32| match (&whose, keys.get(*n)) {
            (Some(whose), Some(key)) => key.iter().take(2).any(|part| part == whose),
            (None, _) => true,
            (_, None) => false,
        };
        let Some(Ok(table)) = self.reader.readings.tables.get(&slot) else { return Ok(Vec::new()) };
        let mut numbers: Vec<u32> = table.keys.iter().chain(&read.keys).copied().filter(of_owner).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if owner.is_none()
            && let Some(Ok(table)) = self.reader.readings.tables.get_mut(&slot)
        {
            table.cut = read.cut;
        }
        numbers.retain(|number| self.renew_table(slot, *number, read.only(*number)));
        Ok(numbers)
    }

    /// Reads the group of a key anew. True: it is another than before.
    pub fn group(&mut self, id: GroupId, key: &Arg, number: u32) -> Result<bool, Arc<Why>> {
        let scan = &self.reader.request.plan.groups[id.0 as usize];
        let mut read: Vec<Raw> = scan.measures.iter().map(|m| blank(m.what)).collect();
        self.reader
            .each_group(scan, Part::Key(std::slice::from_ref(key)), &mut |_, measure, raw| read[measure] = raw)?;
        Ok(match self.reader.readings.groups.get_mut(&id) {
            Some(Ok(groups)) => groups.renew(number, read),
            _ => false,
        })
    }

    /// What a row alone would make of a scan, at the moments that the readings have now.
    pub fn contribution(&mut self, id: GroupId, row: &Image) -> Result<Contribution, Arc<Why>> {
        let scan = &self.reader.request.plan.groups[id.0 as usize];
        let mut made = Contribution::new();
        self.reader.each_group(scan, Part::Row(row), &mut |number, measure, raw| {
            made.insert((number, measure), raw);
        })?;
        Ok(made)
    }

    /// Reads a whole scan anew.
    pub fn groups(&mut self, id: GroupId) {
        let scan = &self.reader.request.plan.groups[id.0 as usize];
        let read = self.reader.groups(scan);
        self.reader.readings.groups.insert(id, read);
    }

    /// Whether an index of a contract's table begins with a column.
    pub fn leads(&self, id: ContractId, column: u32) -> bool {
        let contract = self.reader.request.pack.contract(id);
        let stored = &*contract.columns[column as usize].stored;
        shape::is_led(self.reader.store, &contract.table, stored)
    }
}

fn arg_of(raw: Field<'_>) -> Option<Arg> {
    match raw.owned() {
        Arg::Null => None,
        value => Some(value),
    }
}

/// A value as text, for keys.
pub fn arg_text(arg: &Arg) -> Arc<str> {
    match arg {
        Arg::Null => "".into(),
        Arg::Text(text) => text.as_str().into(),
        Arg::Int(n) => text_of(Field::Int(*n)),
        Arg::Real(n) => text_of(Field::Real(*n)),
        Arg::Bytes(bytes) => text_of(Field::Bytes(bytes)),
    }
}

impl Reader<'_> {
    fn instant(&self, moment: MomentId) -> Result<Instant, Arc<Why>> {
        self.readings
            .instants
            .get(moment.0 as usize)
            .cloned()
            .flatten()
            .unwrap_or_else(|| Err(Why::new(Reason::CannotRead, "the moment is not known")))
    }

    /// Whether and how the rows of a contract can be had at a moment.
    fn source(&self, id: ContractId, moment: MomentId, at: Instant) -> Result<Source, Arc<Why>> {
        let contract = self.request.pack.contract(id);
        let state = &self.readings.contracts[id.index()];
        if let Some(why) = &state.unreadable {
            return Err(why.clone());
        }
        if contract.on_violation == OnViolation::Refuse && state.count > 0 {
            let text = format!("`{}` is refused as long as {} of its values break it", contract.name, state.count);
            return Err(Why::of(Reason::BadRow, id, text));
        }
        if contract.dated.is_some() || contract.valid.is_some() {
            return Ok(Source::Live);
        }
        let seen = if at.period_end {
            at.at.checked_sub(jiff::SignedDuration::from_millis(1)).unwrap_or(at.at)
        } else {
            at.at
        };
        let began = changes::history_began(self.store, contract);
        if moment == MomentId::NOW {
            let moved_on =
                began.is_some_and(|b| b <= seen) && changes::changed_after(self.store, &contract.table, seen);
            return Ok(if moved_on { Source::AsOf(seen) } else { Source::Live });
        }
        match began {
            Some(began) if began <= seen => Ok(Source::AsOf(seen)),
            Some(began) => {
                let calendar = &self.request.pack.settings.calendar;
                let text = format!(
                    "`{}` is current state, whose past is known only since {}",
                    contract.name,
                    calendar.show(began)
                );
                Err(Why::of(Reason::NoHistory, id, text))
            }
            None => {
                let text = format!("`{}` is current state, and no change log keeps its past", contract.name);
                Err(Why::of(Reason::NoHistory, id, text))
            }
        }
    }

    /// The rows of a contract, or those of one key.
    fn table(
        &mut self,
        id: ContractId,
        moment: MomentId,
        columns: &[u32],
        only: Option<&[Arg]>,
    ) -> Result<Table, Arc<Why>> {
        let pack = self.request.pack;
        let contract = pack.contract(id);
        let at = self.instant(moment)?;
        let source = self.source(id, moment, at)?;
        let mut table = Table::default();
        for column in columns {
            table.columns.insert(*column, Vec::new());
        }
        if self.readings.contracts[id.index()].absent {
            return Ok(table);
        }
        // Dated rows that cannot be placed in time must be recognised as such.
        let mut read: Vec<u32> = columns.to_vec();
        read.extend(contract.dated.filter(|d| !columns.contains(d)));
        let sources = |_: ContractId| source;
        let class = |table: &str, column: &str| shape::class(self.store, table, column);
        let dialect = self.store.dialect(&class);
        let sql = Sql {
            dialect,
            pack,
            param: self.request.param,
            at,
            source: &sources,
            exact: false,
            undated: false,
            indexed: &unindexed,
            only,
            row: None,
        };
        let query = sql.rows(id, &read);
        let Readings { contracts, keys, .. } = &mut self.readings;
        let state = &contracts[id.index()];
        // A value may be accepted as it is. Of two rows that claim to be the same nobody knows which to take.
        let accepts = contract.on_violation == OnViolation::Accept;
        let marks = state.violations.iter().filter(|v| !(v.orphan || accepts && v.column.is_some()));
        let marked: HashMap<(&Key, Option<u32>), &str> = marks.map(|v| ((&v.key, v.column), v.text.as_str())).collect();
        let unlisted = self.request.unlisted.get(&id);
        let keys = keys.entry(Relation::Contract(id)).or_default();
        let key_places: Vec<usize> =
            contract.key.iter().map(|k| read.iter().position(|c| c == k).unwrap_or(0)).collect();
        let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); columns.len()];
        let result = each(self.store, &query, |row| {
            let number = match key_places[..] {
                [place] => numbered(keys, row.field(place)),
                _ => keys.number(key_places.iter().map(|place| text_of(row.field(*place))).collect()),
            };
            let key = if marked.is_empty() { None } else { Some(keys.key(number)) };
            let mark = |column: Option<u32>| key.as_ref().and_then(|key| marked.get(&(key, column)));
            let label = || crate::engine::judge::key_words(&keys.key(number));
            let whole = mark(None).map(|text| format!("{} {text}", label()));
            for (i, column) in columns.iter().enumerate() {
                let shape = &contract.columns[*column as usize];
                let bad = |reason: Reason, text: String| {
                    let text = format!("`{}` of {} in `{}` {text}", shape.name, label(), contract.name);
                    Cell::Bad(Why::of(reason, id, text))
                };
                let cell = match decode(row.field(i), shape) {
                    // Its key is what it is; nothing else of it can be believed.
                    _ if whole.is_some() && !contract.key.contains(column) => {
                        bad(Reason::BadRow, "stands more than once".into())
                    }
                    Err(text) => bad(Reason::BadRow, text),
                    Ok(None) if unlisted.is_some_and(|u| u.contains(column)) => match shape.optional {
                        Optional::Required => bad(Reason::NotGiven, "is not given".into()),
                        _ => Cell::Missing,
                    },
                    Ok(None) => match (&shape.optional, mark(Some(*column))) {
                        (Optional::Required, _) => bad(Reason::MissingValue, "is missing".into()),
                        (_, Some(text)) => bad(Reason::MissingValue, (*text).to_owned()),
                        _ => Cell::Missing,
                    },
                    Ok(Some(value)) => match mark(Some(*column)) {
                        Some(text) => bad(Reason::BadRow, (*text).to_owned()),
                        None => Cell::Value(value),
                    },
                };
                cells[i].push(cell);
            }
            if let Some(text) = whole {
                table.bad.insert(number, Why::of(Reason::BadRow, id, format!("`{}`: {text}", contract.name)));
            }
            table.keys.push(number);
        });
        result.map_err(|error| cannot(id, format!("the table `{}` cannot be read: {error}", contract.table)))?;
        table.columns.extend(columns.iter().copied().zip(cells));
        table.sort(keys);
        Ok(table)
    }

    /// Pairs, or those with one owner among them.
    fn pairs(&mut self, id: PairsId, moment: MomentId, only: Option<&[Arg]>) -> Result<Table, Arc<Why>> {
        let pack = self.request.pack;
        let pairs = pack.pair(id);
        let at = self.instant(moment)?;
        let mut found: Vec<(Key, i64, Vec<String>)> = Vec::new();
        let mut collect = |reader: &Self, contract: ContractId, query: &Query, kind: Option<&Arc<str>>| {
            let result = each(reader.store, query, |row| {
                let mut key: Vec<Arc<str>> = vec![text_of(row.field(0)), text_of(row.field(1))];
                key.extend(kind.cloned());
                let count = row.int(2).unwrap_or(0);
                let things = row.text(3).ok().and_then(|json| serde_json::from_str(&json).ok());
                found.push((key.into(), count, things.unwrap_or_default()));
            });
            result.map_err(|error| {
                cannot(contract, format!("`{}` cannot be read: {error}", pack.contract(contract).table))
            })
        };
        let mut contracts: Vec<ContractId> = pairs.sharing.iter().map(|s| s.contract).collect();
        contracts.extend(pairs.found_in);
        let mut sources = HashMap::new();
        for contract in contracts {
            sources.insert(contract, self.source(contract, moment, at)?);
        }
        let source = |id: ContractId| sources.get(&id).copied().unwrap_or(Source::Live);
        let class = |table: &str, column: &str| shape::class(self.store, table, column);
        let dialect = self.store.dialect(&class);
        let sql = Sql {
            dialect,
            pack,
            param: self.request.param,
            at,
            source: &source,
            exact: false,
            undated: false,
            indexed: &unindexed,
            only,
            row: None,
        };
        for sharing in &pairs.sharing {
            let query = sql.sharing(sharing.contract, sharing.owner, sharing.thing);
            collect(self, sharing.contract, &query, Some(&sharing.kind))?;
        }
        if let Some(contract) = pairs.found_in {
            for link in pack.contract(contract).links.iter().filter(|l| l.pairs == id) {
                collect(self, contract, &sql.found(contract, link.first, link.second), None)?;
            }
        }
        // Both must be rows of the paired contract for which the block's condition holds.
        let of = Relation::Contract(pairs.of);
        let rows = match self.readings.tables.get(&(of, moment)) {
            Some(Ok(rows)) => rows,
            Some(Err(why)) => return Err(why.clone()),
            None => return Err(cannot(pairs.of, format!("`{}` was not read", pack.contract(pairs.of).name))),
        };
        let judge = Judge::new(pack, self.request.plan, &self.readings, self.request.param);
        let stands = |part: &Arc<str>| {
            let number = self.readings.keys.get(&of).and_then(|k| k.find(std::slice::from_ref(part)));
            let filter =
                |n| pairs.filter.as_ref().is_none_or(|f| matches!(judge.holds(f, &Row::of(of, n), moment), Tri::Yes));
            number.is_some_and(|n| rows.row_of.has(n) && filter(n))
        };
        found.retain(|(key, _, _)| stands(&key[0]) && stands(&key[1]));
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        found.dedup_by(|a, b| a.0 == b.0);
        let mut table = Table::default();
        if let Some(most) = pairs.at_most {
            table.cut = found.len().saturating_sub(most as usize) as u32;
            found.truncate(most as usize);
        }
        let keys = self.readings.keys.entry(Relation::Pairs(id)).or_default();
        for column in 0..4 {
            table.columns.insert(column, Vec::new());
        }
        for (key, count, things) in found {
            let kind = key.get(2).cloned().unwrap_or_else(|| "".into());
            let cells = [
                Cell::Value(Value::Text(key[0].clone())),
                Cell::Value(Value::Text(key[1].clone())),
                Cell::Value(Value::Text(kind)),
                Cell::Value(Value::Number(Number::whole(i128::from(count)))),
            ];
            for (i, cell) in cells.into_iter().enumerate() {
                if let Some(column) = table.columns.get_mut(&(i as u32)) {
                    column.push(cell);
                }
            }
            table.keys.push(keys.number(key));
            table.shared.push(things);
        }
        table.sort(keys);
        Ok(table)
    }

    /// All groups of a scan.
    fn groups(&mut self, scan: &GroupScan) -> Result<Groups, Arc<Why>> {
        let blank: Vec<Raw> = scan.measures.iter().map(|m| blank(m.what)).collect();
        let mut groups = Groups::new(&blank);
        self.each_group(scan, Part::All, &mut |number, measure, raw| groups.set(number, measure, raw))?;
        Ok(groups)
    }

    /// The measures of the groups of a part of a scan, by the number of the key and the place of the measure. What is
    /// handed over twice is to be taken as it is the second time.
    fn each_group(
        &mut self,
        scan: &GroupScan,
        part: Part<'_>,
        set: &mut dyn FnMut(u32, usize, Raw),
    ) -> Result<(), Arc<Why>> {
        let at = self.instant(scan.moment)?;
        let source = self.source(scan.contract, scan.moment, at)?;
        if self.readings.contracts[scan.contract.index()].absent {
            return Ok(());
        }
        // What is joined must be readable at the moment as well.
        let mut sources = HashMap::from([(scan.contract, source)]);
        for joined in scan.joined(self.request.pack) {
            sources.insert(joined, self.source(joined, scan.moment, at)?);
        }
        if !self.run_groups(scan, at, &sources, part, false, set)? {
            self.run_groups(scan, at, &sources, part, true, set)?;
        }
        Ok(())
    }

    /// The same; false when a built-in sum met fractions and must be taken exactly.
    fn run_groups(
        &mut self,
        scan: &GroupScan,
        at: Instant,
        sources: &HashMap<ContractId, Source>,
        part: Part<'_>,
        exact: bool,
        set: &mut dyn FnMut(u32, usize, Raw),
    ) -> Result<bool, Arc<Why>> {
        let pack = self.request.pack;
        let contract = pack.contract(scan.contract);
        let source = |id: ContractId| sources.get(&id).copied().unwrap_or(Source::Live);
        let indexed = |id: ContractId, via: u32, then: u32| is_indexed(self.store, pack.contract(id), via, then);
        let class = |table: &str, column: &str| shape::class(self.store, table, column);
        let dialect = self.store.dialect(&class);
        let (only, row) = match part {
            Part::All => (None, None),
            Part::Key(key) => (Some(key), None),
            Part::Row(row) => (None, Some(row)),
        };
        let undated = self.readings.contracts[scan.contract.index()].count > 0;
        let param = self.request.param;
        let sql = Sql { dialect, pack, param, at, source: &source, exact, undated, indexed: &indexed, only, row };
        let keyed = scan.is_keyed();
        let mut inexact = false;
        for (query, measures) in sql.groups(scan) {
            let probe = matches!(scan.measures[measures[0]].what, What::Latest(_) | What::First(_));
            let keys = &self.readings.keys;
            let result = each(self.store, &query, |row| {
                let number = match (keyed, scan.grain) {
                    // Rows that refer to none that is there are nobody's, and make nobody who could be referred to.
                    (true, Some(grain)) => match keys.get(&grain).and_then(|k| known_number(k, row.field(0))) {
                        Some(number) => number,
                        None => return,
                    },
                    _ => 0,
                };
                let mut place = usize::from(keyed);
                let date = probe.then(|| {
                    place += 1;
                    row_date(row.field(place - 1), pack)
                });
                for measure in &measures {
                    let raw = row.field(place);
                    place += 1;
                    let what = scan.measures[*measure].what;
                    if matches!(what, What::Sum(_)) && !exact && matches!(raw, Field::Real(_)) {
                        inexact = true;
                    }
                    set(number, *measure, raw_of(raw, what, contract, scan.contract, date.flatten(), pack));
                }
            });
            if let Err(error) = result {
                if !exact && error.contains("integer overflow") {
                    return Ok(false);
                }
                return Err(cannot(scan.contract, format!("the table `{}` cannot be read: {error}", contract.table)));
            }
        }
        Ok(!inexact)
    }
}

fn blank(what: What) -> Raw {
    match what {
        What::Rows | What::Known(_) | What::Distinct(_) => Raw::Count(0),
        What::Latest(_) | What::First(_) | What::Newest => Raw::Dated(None),
        _ => Raw::Value(None),
    }
}

fn row_date(raw: Field<'_>, pack: &Pack) -> Option<Timestamp> {
    let text = match raw {
        Field::Date(date) => return Some(pack.settings.calendar.day_end(date)),
        Field::Moment(at) => return Some(at),
        Field::Text(bytes) => std::str::from_utf8(bytes).ok()?,
        _ => return None,
    };
    match parse_date(text) {
        Some(date) => Some(pack.settings.calendar.day_end(date)),
        None => parse_moment(text),
    }
}

fn raw_of(
    raw: Field<'_>,
    what: What,
    contract: &Contract,
    id: ContractId,
    date: Option<Timestamp>,
    pack: &Pack,
) -> Raw {
    let count = |raw: Field<'_>| if let Field::Int(n) = raw { u64::try_from(n).unwrap_or(0) } else { 0 };
    let column_value = |c: u32| {
        let column = &contract.columns[c as usize];
        decode(raw, column)
            .map_err(|text| Why::of(Reason::BadRow, id, format!("`{}` in `{}` {text}", column.name, contract.name)))
    };
    match what {
        What::Rows | What::Known(_) | What::Distinct(_) => Raw::Count(count(raw)),
        What::Newest => Raw::Dated(row_date(raw, pack).map(|at| (Value::Moment(at), at))),
        What::Latest(c) | What::First(c) => match (column_value(c), date) {
            (Ok(Some(value)), Some(at)) => Raw::Dated(Some((value, at))),
            (Ok(_), _) => Raw::Dated(None),
            (Err(why), _) => Raw::Bad(why),
        },
        What::Min(c) | What::Max(c) => match column_value(c) {
            Ok(value) => Raw::Value(value),
            Err(why) => Raw::Bad(why),
        },
        What::Sum(c) => {
            let column = &contract.columns[c as usize];
            let stored = match raw {
                Field::Null => return Raw::Value(None),
                Field::Int(_) | Field::Numeric(_) => raw.number(),
                Field::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(Number::parse),
                _ => None,
            };
            let value = match &column.encoding {
                Encoding::Scaled(scale) => stored.and_then(|n| n.times(*scale)),
                _ => stored,
            };
            match value {
                Some(n) => Raw::Value(Some(Value::Number(n))),
                None => Raw::Bad(Why::of(
                    Reason::TooLarge,
                    id,
                    format!("the sum of `{}` is too large to be computed exactly", column.name),
                )),
            }
        }
    }
}
