//! Arrow 6, SQL to readings. What cannot be read is a reading too: one that says why.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::{Store, changes};
use crate::engine::judge::{Judge, Row};
use crate::engine::reading::{
    BaselineReadings, Cell, ContractState, Groups, Key, Keys, Raw, Readings, Reason, Table, Tri, Violation, Why,
};
use crate::engine::window;
use crate::lang::expr::{ContractId, PairsId, ParamId, Relation};
use crate::lang::item::contract::{Column, Contract, Encoding, OnViolation, Optional};
use crate::lang::pack::Pack;
use crate::plan::{GroupId, GroupScan, Moment, MomentId, Plan, What};
use crate::sql::{Arg, Query, Source, Sql, unindexed};
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
            Arg::Text(text) => ToSqlOutput::from(text.as_str()),
            Arg::Int(n) => ToSqlOutput::from(*n),
            Arg::Real(n) => ToSqlOutput::from(*n),
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
    let live = |_: ContractId| Source::Live;
    let sql =
        Sql { pack, param, at: Instant::now(clock), source: &live, exact: false, undated: false, indexed: &unindexed };
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
    let (query, marks) = sql.violations(id, clock);
    let empty = HashSet::new();
    let silent = unlisted.get(&id).unwrap_or(&empty);
    let result = each(store, &query, |row| {
        let key: Key = contract.key.iter().map(|k| text_of(row.get_ref_unwrap(*k as usize))).collect();
        let mut found: Vec<(u32, String, bool)> = Vec::new();
        for (i, column) in contract.columns.iter().enumerate() {
            let raw = row.get_ref_unwrap(i);
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
            let set = matches!(row.get_ref_unwrap(contract.columns.len() + i), ValueRef::Integer(1));
            if set && !silent.contains(&mark.column) {
                let column = &contract.columns[mark.column as usize];
                let text = if mark.orphan {
                    let target = column.refers.map_or("", |t| pack.contract(t).row_word());
                    format!("is {}, and there is no such {target}", text_of(row.get_ref_unwrap(mark.column as usize)))
                } else {
                    "is missing, and this row must have it".into()
                };
                found.push((mark.column, text, mark.orphan));
            }
        }
        for (column, text, orphan) in found {
            state.count += 1;
            if state.violations.len() < KEPT_VIOLATIONS {
                state.violations.push(Violation { key: key.clone(), column: Some(column), text, orphan });
            }
        }
    });
    if let Err(error) = result {
        state.unreadable = Some(cannot(id, format!("the table `{}` cannot be read: {error}", contract.table)));
        return state;
    }
    if let Some(query) = sql.duplicates(id) {
        let result = each(store, &query, |row| {
            let key: Key = (0..contract.key.len()).map(|i| text_of(row.get_ref_unwrap(i))).collect();
            state.count += 1;
            state.violations.push(Violation { key, column: None, text: "stands more than once".into(), orphan: false });
        });
        if let Err(error) = result {
            state.unreadable = Some(cannot(id, format!("the table `{}` cannot be read: {error}", contract.table)));
        }
    }
    state
}

/// What of a contract the database lacks: `Some(None)` the table, `Some(Some(column))` a column.
fn missing_parts(store: &Store, contract: &Contract) -> Option<Option<String>> {
    let columns: HashSet<String> = store
        .conn()
        .prepare_cached("SELECT lower(name) FROM pragma_table_xinfo(?1)")
        .and_then(|mut s| s.query_map([&*contract.table], |r| r.get::<_, String>(0))?.collect())
        .unwrap_or_default();
    if columns.is_empty() {
        return Some(None);
    }
    let lacking = contract.columns.iter().find(|c| !columns.contains(&c.stored.to_lowercase()));
    lacking.map(|c| Some(c.stored.to_string()))
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
fn numbered(keys: &mut Keys, raw: ValueRef<'_>) -> u32 {
    match raw {
        ValueRef::Text(bytes) => keys.number_of(&String::from_utf8_lossy(bytes)),
        other => keys.number_of(&text_of(other)),
    }
}

/// The same for a key that some row has.
fn known_number(keys: &Keys, raw: ValueRef<'_>) -> Option<u32> {
    match raw {
        ValueRef::Text(bytes) => keys.find(&[String::from_utf8_lossy(bytes).into()]),
        other => keys.find(&[text_of(other)]),
    }
}

/// Whether an index leads from one column to another. Where that cannot be told, none does.
fn is_indexed(store: &Store, contract: &Contract, via: u32, then: u32) -> bool {
    let stored = |c: u32| &*contract.columns[c as usize].stored;
    store
        .conn()
        .prepare_cached(
            "SELECT 1 FROM pragma_index_list(?1) AS l JOIN pragma_index_info(l.name) AS a JOIN pragma_index_info(l.name) AS b \
             WHERE l.partial = 0 AND a.seqno = 0 AND b.seqno = 1 AND lower(a.name) = lower(?2) AND lower(b.name) = lower(?3)",
        )
        .and_then(|mut s| s.exists([&*contract.table, stored(via), stored(then)]))
        .unwrap_or(false)
}

/// A stored value as text, for keys.
fn text_of(raw: ValueRef<'_>) -> Arc<str> {
    match raw {
        ValueRef::Null => "".into(),
        ValueRef::Integer(n) => n.to_string().into(),
        ValueRef::Real(n) => Number::from_f64(n).map_or_else(|| n.to_string(), |n| n.decimal(38)).into(),
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into(),
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()).into(),
    }
}

/// A stored value as its column understands it; `Err` in the words after the column's name.
pub(super) fn decode(raw: ValueRef<'_>, column: &Column) -> Result<Option<Value>, String> {
    if matches!(raw, ValueRef::Null) {
        return Ok(None);
    }
    let holds = || {
        let kind = match raw {
            ValueRef::Integer(_) => "a whole number",
            ValueRef::Real(_) => "a number with a fraction",
            ValueRef::Text(_) => "text",
            _ => "bytes",
        };
        let mut shown: String = text_of(raw).chars().take(40).collect();
        if shown.is_empty() {
            shown = "nothing".into();
        }
        format!("holds {kind} ({shown}) where {} is declared", column.ty.name())
    };
    if column.ty.is_quantity() {
        let stored = match raw {
            ValueRef::Integer(n) => Some(Number::whole(i128::from(n))),
            ValueRef::Real(n) => Number::from_f64(n),
            _ => None,
        };
        let stored = stored.filter(|n| column.ty != Type::Count || n.to_whole().is_some()).ok_or_else(holds)?;
        let value = match &column.encoding {
            Encoding::Scaled(scale) => stored.times(*scale),
            _ => Some(stored),
        };
        return value.map(|n| Some(Value::Number(n))).ok_or_else(|| "is too large to be computed exactly".to_owned());
    }
    let text = match raw {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).map_err(|_| "holds text that is not UTF-8".to_owned())?,
        _ => "",
    };
    match &column.ty {
        Type::Truth => match raw {
            ValueRef::Integer(n @ (0 | 1)) => Ok(Some(Value::Truth(n == 1))),
            _ => Err(holds()),
        },
        Type::Date => parse_date(text).map(|d| Some(Value::Date(d))).ok_or_else(holds),
        Type::Moment => parse_moment(text).map(|m| Some(Value::Moment(m))).ok_or_else(holds),
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
        Type::Span => match raw {
            ValueRef::Integer(n) => {
                let days = i32::try_from(n).map_err(|_| holds())?;
                Ok(Some(Value::Span(crate::value::Span { days, ..Default::default() })))
            }
            _ => Err(holds()),
        },
        _ => match raw {
            ValueRef::Blob(_) => Err(holds()),
            _ => Ok(Some(Value::Text(text_of(raw)))),
        },
    }
}

fn parse_date(text: &str) -> Option<jiff::civil::Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// Moments are ISO 8601 with `T` or a blank: `2026-03-02`, `2026-03-02 09:00`, with seconds and parts of them, with `Z`
/// or `+01:00`; without a zone they are UTC. What the database's own functions read as another moment, or not at all, is
/// none. They are kept to the millisecond, as the database compares them.
pub(super) fn parse_moment(text: &str) -> Option<Timestamp> {
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
fn each(store: &Store, query: &Query, mut row: impl FnMut(&rusqlite::Row<'_>)) -> Result<(), String> {
    let plain = |e: rusqlite::Error| match e {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message,
        other => other.to_string(),
    };
    let mut statement = store.conn().prepare_cached(&query.sql).map_err(plain)?;
    let mut rows = statement.query(rusqlite::params_from_iter(query.args.iter())).map_err(plain)?;
    while let Some(next) = rows.next().map_err(plain)? {
        row(next);
    }
    Ok(())
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
    reader.instants();
    for ((relation, moment), columns) in &request.plan.tables {
        if let Relation::Contract(id) = relation {
            let columns: Vec<u32> = columns.iter().copied().collect();
            let table = reader.table(*id, *moment, &columns);
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
            let table = reader.pairs(*id, *moment);
            reader.readings.tables.insert((*relation, *moment), table);
        }
    }
    reader.readings
}

impl Reader<'_> {
    fn instants(&mut self) {
        let calendar = &self.request.pack.settings.calendar;
        for moment in &self.request.plan.moments {
            let of = |id: &MomentId| self.readings.instants.get(id.0 as usize).cloned().flatten();
            let instant = match moment {
                Moment::Now => Some(Ok(Instant::now(self.request.as_of))),
                Moment::Closed(from, period, back) => of(from).map(|t| t.map(|t| calendar.closed(*period, t, *back))),
                Moment::Then(from, then) => of(from).map(|t| {
                    t.and_then(|t| match window::then(calendar, t, then) {
                        Some(instant) => Ok(instant),
                        None => self.at_baseline(t),
                    })
                }),
            };
            self.readings.instants.push(instant);
        }
    }

    /// The instant of the baseline, as far as it lies before the one it is compared with.
    fn at_baseline(&self, from: Instant) -> Result<Instant, Arc<Why>> {
        let Some(baseline) = &self.request.baseline else {
            return Err(Why::new(Reason::NoBaseline, "no baseline has been taken"));
        };
        let calendar = &self.request.pack.settings.calendar;
        if baseline.taken_at > from.at {
            let (taken, at) = (calendar.show(baseline.taken_at), calendar.show(from.at));
            return Err(Why::new(Reason::NoBaseline, format!("the baseline was taken on {taken}, after {at}")));
        }
        Ok(Instant::now(baseline.taken_at))
    }

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
        let state = &self.request.contracts[id.index()];
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

    fn table(&mut self, id: ContractId, moment: MomentId, columns: &[u32]) -> Result<Table, Arc<Why>> {
        let pack = self.request.pack;
        let contract = pack.contract(id);
        let at = self.instant(moment)?;
        let source = self.source(id, moment, at)?;
        let mut table = Table::default();
        for column in columns {
            table.columns.insert(*column, Vec::new());
        }
        if self.request.contracts[id.index()].absent {
            return Ok(table);
        }
        // Dated rows that cannot be placed in time must be recognised as such.
        let mut read: Vec<u32> = columns.to_vec();
        read.extend(contract.dated.filter(|d| !columns.contains(d)));
        let sources = |_: ContractId| source;
        let sql = Sql {
            pack,
            param: self.request.param,
            at,
            source: &sources,
            exact: false,
            undated: false,
            indexed: &unindexed,
        };
        let query = sql.rows(id, &read);
        let state = &self.request.contracts[id.index()];
        // A value may be accepted as it is. Of two rows that claim to be the same nobody knows which to take.
        let accepts = contract.on_violation == OnViolation::Accept;
        let marks = state.violations.iter().filter(|v| !(v.orphan || accepts && v.column.is_some()));
        let marked: HashMap<(&Key, Option<u32>), &str> = marks.map(|v| ((&v.key, v.column), v.text.as_str())).collect();
        let unlisted = self.request.unlisted.get(&id);
        let keys = self.readings.keys.entry(Relation::Contract(id)).or_default();
        let key_places: Vec<usize> =
            contract.key.iter().map(|k| read.iter().position(|c| c == k).unwrap_or(0)).collect();
        let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); columns.len()];
        let result = each(self.store, &query, |row| {
            let number = match key_places[..] {
                [place] => numbered(keys, row.get_ref_unwrap(place)),
                _ => keys.number(key_places.iter().map(|place| text_of(row.get_ref_unwrap(*place))).collect()),
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
                let cell = match decode(row.get_ref_unwrap(i), shape) {
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
            table.row_of.insert(number, table.keys.len() as u32);
            table.keys.push(number);
        });
        result.map_err(|error| cannot(id, format!("the table `{}` cannot be read: {error}", contract.table)))?;
        table.columns.extend(columns.iter().copied().zip(cells));
        Ok(table)
    }

    fn pairs(&mut self, id: PairsId, moment: MomentId) -> Result<Table, Arc<Why>> {
        let pack = self.request.pack;
        let pairs = pack.pair(id);
        let at = self.instant(moment)?;
        let mut found: Vec<(Key, i64, Vec<String>)> = Vec::new();
        let mut collect = |reader: &Self, contract: ContractId, query: &Query, kind: Option<&Arc<str>>| {
            let result = each(reader.store, query, |row| {
                let mut key: Vec<Arc<str>> = vec![text_of(row.get_ref_unwrap(0)), text_of(row.get_ref_unwrap(1))];
                key.extend(kind.cloned());
                let count = row.get::<_, i64>(2).unwrap_or(0);
                let things = row.get::<_, String>(3).ok().and_then(|json| serde_json::from_str(&json).ok());
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
        let sql = Sql {
            pack,
            param: self.request.param,
            at,
            source: &source,
            exact: false,
            undated: false,
            indexed: &unindexed,
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
            let number = keys.number(key);
            table.row_of.insert(number, table.keys.len() as u32);
            table.keys.push(number);
            table.shared.push(things);
        }
        Ok(table)
    }

    fn groups(&mut self, scan: &GroupScan) -> Result<Groups, Arc<Why>> {
        let at = self.instant(scan.moment)?;
        let source = self.source(scan.contract, scan.moment, at)?;
        if self.request.contracts[scan.contract.index()].absent {
            return Ok(Groups::default());
        }
        // What is joined must be readable at the moment as well.
        let mut sources = HashMap::from([(scan.contract, source)]);
        for joined in self.joined(scan) {
            sources.insert(joined, self.source(joined, scan.moment, at)?);
        }
        match self.run_groups(scan, at, &sources, false)? {
            Some(groups) => Ok(groups),
            None => Ok(self.run_groups(scan, at, &sources, true)?.unwrap_or_default()),
        }
    }

    fn joined(&self, scan: &GroupScan) -> Vec<ContractId> {
        use crate::lang::expr::{Binding, ExprKind};
        let pack = self.request.pack;
        let mut all = Vec::new();
        let mut follow = |hops: &[crate::lang::expr::Hop]| {
            let mut at = Relation::Contract(scan.contract);
            for hop in hops {
                let Some(next) = pack.hop_target(at, *hop) else { break };
                if let Relation::Contract(id) = next {
                    all.push(id);
                }
                at = next;
            }
        };
        if let Some((_, before)) = scan.hops.split_last() {
            follow(before);
        }
        for filter in scan.measures.iter().filter_map(|m| m.filter.as_ref()) {
            filter.walk(&mut |e| {
                if let ExprKind::Name(Binding::Column { hops, .. }) = &e.kind {
                    follow(hops);
                }
            });
        }
        all
    }

    /// The groups, or nothing when a built-in sum met fractions and must be taken exactly.
    fn run_groups(
        &mut self,
        scan: &GroupScan,
        at: Instant,
        sources: &HashMap<ContractId, Source>,
        exact: bool,
    ) -> Result<Option<Groups>, Arc<Why>> {
        let pack = self.request.pack;
        let contract = pack.contract(scan.contract);
        let source = |id: ContractId| sources.get(&id).copied().unwrap_or(Source::Live);
        let indexed = |id: ContractId, via: u32, then: u32| is_indexed(self.store, pack.contract(id), via, then);
        let undated = self.request.contracts[scan.contract.index()].count > 0;
        let sql = Sql { pack, param: self.request.param, at, source: &source, exact, undated, indexed: &indexed };
        let keyed = scan.is_keyed();
        let blank: Vec<Raw> = scan.measures.iter().map(|m| blank(m.what)).collect();
        let mut groups = Groups::new(&blank);
        let mut inexact = false;
        for (query, measures) in sql.groups(scan) {
            let probe = matches!(scan.measures[measures[0]].what, What::Latest(_) | What::First(_));
            let keys = &self.readings.keys;
            let result = each(self.store, &query, |row| {
                let number = match (keyed, scan.grain) {
                    // Rows that refer to none that is there are nobody's, and make nobody who could be referred to.
                    (true, Some(grain)) => {
                        match keys.get(&grain).and_then(|k| known_number(k, row.get_ref_unwrap(0))) {
                            Some(number) => number,
                            None => return,
                        }
                    }
                    _ => 0,
                };
                let mut place = usize::from(keyed);
                let date = probe.then(|| {
                    place += 1;
                    row_date(row.get_ref_unwrap(place - 1), pack)
                });
                for measure in &measures {
                    let raw = row.get_ref_unwrap(place);
                    place += 1;
                    let what = scan.measures[*measure].what;
                    if matches!(what, What::Sum(_)) && !exact && matches!(raw, ValueRef::Real(_)) {
                        inexact = true;
                    }
                    groups.set(number, *measure, raw_of(raw, what, contract, scan.contract, date.flatten(), pack));
                }
            });
            if let Err(error) = result {
                if !exact && error.contains("integer overflow") {
                    return Ok(None);
                }
                return Err(cannot(scan.contract, format!("the table `{}` cannot be read: {error}", contract.table)));
            }
        }
        Ok((!inexact).then_some(groups))
    }
}

fn blank(what: What) -> Raw {
    match what {
        What::Rows | What::Known(_) | What::Distinct(_) => Raw::Count(0),
        What::Latest(_) | What::First(_) | What::Newest => Raw::Dated(None),
        _ => Raw::Value(None),
    }
}

fn row_date(raw: ValueRef<'_>, pack: &Pack) -> Option<Timestamp> {
    let ValueRef::Text(bytes) = raw else { return None };
    let text = std::str::from_utf8(bytes).ok()?;
    match parse_date(text) {
        Some(date) => Some(pack.settings.calendar.day_end(date)),
        None => parse_moment(text),
    }
}

fn raw_of(
    raw: ValueRef<'_>,
    what: What,
    contract: &Contract,
    id: ContractId,
    date: Option<Timestamp>,
    pack: &Pack,
) -> Raw {
    let count = |raw: ValueRef<'_>| if let ValueRef::Integer(n) = raw { u64::try_from(n).unwrap_or(0) } else { 0 };
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
                ValueRef::Null => return Raw::Value(None),
                ValueRef::Integer(n) => Some(Number::whole(i128::from(n))),
                ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(Number::parse),
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
