//! The demo: the shipped pack, embedded, and a made-up portfolio in which every rule has something to say.
//!
//! The portfolio is the same for the same instant, byte for byte. It is written in the order in which it happened:
//! what a table was before each change stands in the change log, and the baseline of the stage was taken from what was
//! there on that day and nothing else.

mod coordination;
mod portfolio;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::chance::Chance;
use crate::lang::item::contract::Contract;
use crate::lang::pack::Pack;
use crate::sql::Arg;
use crate::store::{ErrorKind, Store, StoreError, changes, migrate};
use crate::time::{Calendar, Instant, Period};

macro_rules! rules {
    ($($file:literal,)+) => { &[$(($file, include_str!(concat!("../rules/", $file))),)+] };
}

/// The shipped pack: each rule file by its name, with its text.
pub const RULES: &[(&str, &str)] = rules! {
    "alerts.bylaw",
    "contracts_coordination.bylaw",
    "contracts_in.bylaw",
    "contracts_out.bylaw",
    "decisions.bylaw",
    "gates.bylaw",
    "metrics_governance.bylaw",
    "metrics_performance.bylaw",
    "metrics_resources.bylaw",
    "metrics_synergy.bylaw",
    "params.bylaw",
    "profiles.bylaw",
    "reports.bylaw",
    "rollbacks.bylaw",
    "settings.bylaw",
    "triggers.bylaw",
};

/// The settings of the shipped pack.
pub const SETTINGS: &str = include_str!("../bylaws.toml");

/// How much of the past the portfolio has, in months.
const MONTHS: i32 = 14;

/// The stage that is under way, and how many days ago it was entered.
const STAGE: &str = "39";
const DAYS_IN_STAGE: i64 = 42;

/// Fills an empty database with a made-up portfolio up to an instant.
pub fn build(store: &mut Store, pack: &Pack, as_of: Timestamp) -> Result<(), StoreError> {
    refuse_full(store)?;
    let clock = Clock::new(&pack.settings.calendar, as_of);
    migrate::migrate(store, &["stage39"], clock.began)?;

    // SQLite keeps any word in a column of numbers, PostgreSQL this one.
    let no_number = if store.is_postgres() { "NaN" } else { "n/a" };
    let mut story = Story { clock, no_number, writes: Vec::new() };
    portfolio::tell(&mut story);
    coordination::tell(&mut story, pack);
    let Story { clock, mut writes, .. } = story;
    writes.sort_by_key(|w| w.at);

    // What was there at the beginning, and every dated row up to the baseline, needs no log: the one was never
    // anything else, the other carries its own time. Loading it before the log is installed saves a row a row.
    let (first, rest): (Vec<Write>, Vec<Write>) =
        writes.into_iter().partition(|w| if w.what.is_state() { w.at <= clock.began } else { w.at <= clock.entered });
    store.write(|tx| put(tx, &first))?;
    changes::install_change_log(store, &logged(pack), clock.began)?;
    let (before, since): (Vec<Write>, Vec<Write>) = rest.into_iter().partition(|w| w.at <= clock.entered);
    store.transact(|store| live_through(store, &before))?;
    crate::tick::take_baseline(store, pack, Some(STAGE), clock.entered, "chairman")?;
    store.transact(|store| live_through(store, &since))
}

/// The demo must not be mixed with what somebody means.
fn refuse_full(store: &Store) -> Result<(), StoreError> {
    if !store.has_table("ventures")? {
        return Ok(());
    }
    let held = store.row("SELECT EXISTS (SELECT 1 FROM ventures)", &[], |row| row.truth(0))?;
    if held == Some(true) {
        return Err(StoreError::new(
            ErrorKind::Refused,
            format!("`{}` holds ventures already", store.name()),
            "the demo wants a database of its own; name a file that is not there yet",
        ));
    }
    Ok(())
}

/// The tables whose past is kept: all of the portfolio, and of the program's own those that are current state. What
/// the program writes with a date would only be written twice.
fn logged(pack: &Pack) -> Vec<&Contract> {
    pack.contracts.iter().filter(|c| c.is_table() && (!c.kept || c.dated.is_none())).collect()
}

/// Writes in the order of time. Each change of a current state closes a chapter, whose log is stamped with its moment.
fn live_through(store: &mut Store, mut writes: &[Write]) -> Result<(), StoreError> {
    while !writes.is_empty() {
        let end = match writes.iter().position(|w| w.what.is_state()) {
            Some(i) => i + writes[i..].iter().take_while(|w| w.at == writes[i].at).count(),
            None => writes.len(),
        };
        let (chapter, later) = writes.split_at(end);
        let head = changes::log_head(store)?;
        store.write(|tx| put(tx, chapter))?;
        if let Some(last) = chapter.last() {
            changes::restamp(store, head, last.at)?;
        }
        writes = later;
    }
    Ok(())
}

/// So many rows of a table that follow one another are written by one statement.
const AT_ONCE: usize = 50;

/// Runs each statement, and those that only add rows to the same table together.
fn put(store: &Store, mut writes: &[Write]) -> Result<(), StoreError> {
    while let Some(first) = writes.first() {
        let alike = |w: &&Write| matches!((w.what, first.what), (What::Row(a), What::Row(b)) if a.name == b.name);
        let run = writes.iter().take_while(alike).count();
        let (now, later) = writes.split_at(if run < AT_ONCE { 1 } else { AT_ONCE });
        let values: Vec<Arg> = now.iter().flat_map(|w| w.values.iter().cloned()).collect();
        store.execute(&first.what.sql(now.len()), &values)?;
        writes = later;
    }
    Ok(())
}

// ── time ──

/// The days of the story, all of them counted from the day it ends with.
struct Clock {
    calendar: Calendar,
    today: Date,
    as_of: Timestamp,
    /// Since when there is anything.
    began: Timestamp,
    /// When the stage was entered.
    entered: Timestamp,
    /// The end of the last closed month: what is judged monthly is judged there.
    month_end: Timestamp,
    /// The end of the month before.
    month_start: Timestamp,
}

impl Clock {
    fn new(calendar: &Calendar, as_of: Timestamp) -> Clock {
        let as_of = Timestamp::from_second(as_of.as_second()).unwrap_or(as_of);
        let today = calendar.date(as_of);
        let closed = |back| calendar.closed(Period::Month, Instant::now(as_of), back).at;
        let mut clock = Clock {
            calendar: calendar.clone(),
            today,
            as_of,
            began: calendar.shift(as_of, Period::Month.span(MONTHS), false),
            entered: as_of,
            month_end: closed(1),
            month_start: closed(2),
        };
        clock.entered = clock.at(DAYS_IN_STAGE, 8, 0);
        clock
    }

    /// The day so many days ago; below zero it lies ahead.
    fn day(&self, ago: i64) -> Date {
        self.today.checked_sub(ago.days()).unwrap_or(self.today)
    }

    /// How many days ago a moment was.
    fn ago(&self, at: Timestamp) -> i64 {
        self.today.since(self.calendar.date(at)).map_or(0, |span| i64::from(span.get_days()))
    }

    /// A clock time so many days ago, and never after the end of the story.
    fn at(&self, ago: i64, hour: i8, minute: i8) -> Timestamp {
        let time = Time::new(hour, minute, 0, 0).unwrap_or_default();
        self.calendar.at_time(self.day(ago), time).min(self.as_of)
    }

    /// A moment later, and never after the end of the story.
    fn later(&self, at: Timestamp, minutes: i64) -> Timestamp {
        at.checked_add(SignedDuration::from_mins(minutes)).map_or(self.as_of, |at| at.min(self.as_of))
    }

    /// A moment before the end of the story.
    fn before_end(&self, minutes: i64) -> Timestamp {
        self.as_of.checked_sub(SignedDuration::from_mins(minutes)).unwrap_or(self.as_of)
    }

    /// A moment of the month that is not over yet, in eighths of what has passed of it.
    fn this_month(&self, eighths: i64) -> Timestamp {
        let passed = self.as_of.as_second() - self.month_end.as_second();
        Timestamp::from_second(self.month_end.as_second() + passed * eighths / 8).unwrap_or(self.as_of)
    }

    /// When the numbers of a day came in: in the night after it.
    fn reported(&self, ago: i64) -> Timestamp {
        self.at(ago - 1, 2, 0)
    }
}

// ── rows ──

/// A table, its columns, and whether its rows are the current state and not dated events.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    state: bool,
}

/// What is written.
#[derive(Clone, Copy)]
enum What {
    Row(&'static Table),
    Change(&'static str),
}

impl What {
    /// Whether it changes what a table without dates was before.
    fn is_state(self) -> bool {
        match self {
            What::Row(table) => table.state,
            What::Change(_) => true,
        }
    }

    fn sql(self, rows: usize) -> String {
        match self {
            What::Row(Table { name, columns, .. }) => {
                let row = |r: usize| {
                    let places: Vec<String> =
                        (1..=columns.len()).map(|i| format!("?{}", r * columns.len() + i)).collect();
                    format!("({})", places.join(", "))
                };
                let rows: Vec<String> = (0..rows).map(row).collect();
                format!("INSERT INTO {name} ({}) VALUES {}", columns.join(", "), rows.join(", "))
            }
            What::Change(sql) => sql.to_owned(),
        }
    }
}

/// A row or a change, and when it was made.
struct Write {
    at: Timestamp,
    what: What,
    values: Vec<Arg>,
}

/// Everything that happens, in any order.
struct Story {
    clock: Clock,
    no_number: &'static str,
    writes: Vec<Write>,
}

impl Story {
    /// A row that was there from the beginning.
    fn given(&mut self, table: &'static Table, values: Vec<Arg>) {
        self.row(self.clock.began, table, values);
    }

    /// A row that came at a moment.
    fn row(&mut self, at: Timestamp, table: &'static Table, values: Vec<Arg>) {
        debug_assert_eq!(table.columns.len(), values.len(), "{}", table.name);
        self.writes.push(Write { at, what: What::Row(table), values });
    }

    /// A statement that was run at a moment.
    fn change(&mut self, at: Timestamp, sql: &'static str, values: Vec<Arg>) {
        self.writes.push(Write { at, what: What::Change(sql), values });
    }
}

/// What can stand in a column.
trait Stored {
    fn stored(self) -> Arg;
}

impl Stored for &str {
    fn stored(self) -> Arg {
        Arg::Text(self.to_owned())
    }
}

impl Stored for String {
    fn stored(self) -> Arg {
        Arg::Text(self)
    }
}

impl Stored for i64 {
    fn stored(self) -> Arg {
        Arg::Int(self)
    }
}

impl Stored for bool {
    fn stored(self) -> Arg {
        Arg::Int(i64::from(self))
    }
}

impl Stored for Date {
    fn stored(self) -> Arg {
        Arg::Text(self.to_string())
    }
}

impl Stored for Timestamp {
    fn stored(self) -> Arg {
        Arg::Text(self.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

/// A moment as the program's own tables hold it.
struct Moment(Timestamp);

impl Stored for Moment {
    fn stored(self) -> Arg {
        Arg::Text(crate::store::moment(self.0))
    }
}

/// A number with two digits after the point.
struct Hundredths(i64);

impl Stored for Hundredths {
    fn stored(self) -> Arg {
        if self.0 % 100 == 0 { Arg::Int(self.0 / 100) } else { Arg::Real(self.0 as f64 / 100.0) }
    }
}

/// Whole dollars, which are stored as cents.
struct Dollars(i64);

impl Stored for Dollars {
    fn stored(self) -> Arg {
        Arg::Int(self.0 * 100)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn stored(self) -> Arg {
        self.map_or(Arg::Null, T::stored)
    }
}

/// The values of a row, each as its column holds it.
macro_rules! row {
    ($($value:expr),+ $(,)?) => { vec![$($crate::demo::Stored::stored($value)),+] };
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::*;
    use crate::engine::judge::{Outcome, Verdict};
    use crate::lang::{check, parse};
    use crate::settings::Settings;
    use crate::source::Sources;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    fn shipped() -> Pack {
        let mut sources = Sources::default();
        let mut found = Vec::new();
        let settings = Settings::parse(SETTINGS, "bylaws.toml", &mut sources, &mut found);
        let mut sources = Sources::default();
        for (name, text) in RULES {
            sources.add(*name, (*text).to_owned());
        }
        let (file, faults) = parse::parse(&sources);
        let (pack, findings) = check::check(&file, &settings);
        found.extend(faults.into_iter().chain(findings));
        pack.unwrap_or_else(|| panic!("the shipped pack is broken: {found:#?}"))
    }

    fn built(pack: &Pack, as_of: Timestamp) -> Store {
        let mut store = Store::in_memory().expect("memory");
        build(&mut store, pack, as_of).unwrap_or_else(|e| panic!("{}: {}", as_of, e.message));
        store
    }

    fn verdicts(pack: &Pack, as_of: Timestamp) -> Vec<Verdict> {
        crate::tick::judge_once(&built(pack, as_of), pack, as_of, as_of).expect("judge")
    }

    /// Every table with its rows, in the order in which they lie.
    fn contents(store: &Store) -> BTreeMap<String, Vec<String>> {
        let conn = store.conn();
        let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("schema");
        let names: Vec<String> =
            names.query_map([], |row| row.get(0)).expect("names").collect::<Result<_, _>>().expect("names");
        let mut all = BTreeMap::new();
        for name in names {
            let mut query = conn.prepare(&format!("SELECT * FROM \"{name}\"")).expect("table");
            let width = query.column_count();
            let rows = query
                .query_map([], |row| {
                    let cells: Vec<rusqlite::types::Value> =
                        (0..width).map(|i| row.get(i)).collect::<Result<_, _>>()?;
                    Ok(format!("{cells:?}"))
                })
                .expect("rows")
                .collect::<Result<Vec<String>, _>>()
                .expect("rows");
            all.insert(name, rows);
        }
        all
    }

    #[test]
    fn the_embedded_pack_is_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("folder")
            .map(|entry| entry.expect("entry").file_name().into_string().expect("name"))
            .filter(|name| name.ends_with(".bylaw"))
            .collect();
        files.sort();
        assert_eq!(RULES.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>(), files);
    }

    #[test]
    fn the_same_instant_makes_the_same_portfolio() {
        let pack = shipped();
        let as_of = at("2026-03-17T09:30:00Z");
        let (one, two) = (contents(&built(&pack, as_of)), contents(&built(&pack, as_of)));
        assert_eq!(one, two);
        assert!(one.iter().any(|(name, rows)| name == "venture_metrics" && rows.len() > 4_000));
    }

    #[test]
    fn a_database_with_ventures_is_left_alone() {
        let pack = shipped();
        let as_of = at("2026-03-17T09:30:00Z");
        let mut store = built(&pack, as_of);
        let before = contents(&store);
        assert_eq!(build(&mut store, &pack, as_of).expect_err("full").kind, ErrorKind::Refused);
        assert_eq!(contents(&store), before);
    }

    /// Every kind of verdict, and every trigger and rollback, on whatever day somebody looks.
    #[test]
    fn everything_has_something_to_say_on_any_day() {
        let pack = shipped();
        for as_of in [
            "2026-03-17T09:30:00Z",
            "2026-03-01T00:00:00Z",
            "2026-01-01T07:15:00Z",
            "2025-12-31T23:59:59Z",
            "2026-03-02T09:00:00Z",
            "2028-02-29T12:00:00Z",
            "2026-05-07T03:00:00Z",
            "2026-06-30T09:00:00Z",
        ] {
            let found = verdicts(&pack, at(as_of));
            let kinds: BTreeSet<&str> = found.iter().map(|v| v.outcome.word()).collect();
            let all = [
                Outcome::Met,
                Outcome::Acceptable,
                Outcome::Breached,
                Outcome::Off,
                Outcome::Open,
                Outcome::Closed,
                Outcome::Fires,
                Outcome::Clear,
                Outcome::Holds,
                Outcome::Violated,
                Outcome::Unknown,
            ];
            let missing: Vec<&str> = all.iter().map(|o| o.word()).filter(|w| !kinds.contains(w)).collect();
            let fires = |name: &str| found.iter().any(|v| &*v.rule == name && v.outcome == Outcome::Fires && !v.asleep);
            let triggers = pack.triggers.iter().map(|t| &t.name);
            let names = triggers.chain(pack.rollbacks.iter().map(|r| &r.core.name));
            let silent: Vec<&str> = names.filter(|name| !fires(name)).map(|name| &**name).collect();
            let said: Vec<String> = found
                .iter()
                .filter(|v| silent.contains(&&*v.rule))
                .map(|v| format!("{} {}: {} ({})", v.rule, v.label, v.outcome.word(), v.reason))
                .collect();
            assert!(missing.is_empty() && silent.is_empty(), "at {as_of}: {missing:?} {silent:?} {said:#?}");
        }
    }

    /// The board is not all red: the clear problems are few, and they are these.
    #[test]
    fn most_things_are_fine() {
        let pack = shipped();
        let as_of = at("2026-03-17T09:30:00Z");
        let found = verdicts(&pack, as_of);
        let findings = found.iter().filter(|v| v.outcome.is_finding()).count();
        assert!(findings * 4 < found.len(), "{findings} of {}", found.len());
        let blind: Vec<&Verdict> = found.iter().filter(|v| v.outcome == Outcome::Unknown).collect();
        assert!(blind.iter().all(|v| v.key.iter().any(|(_, part)| &**part == "lyra")), "{blind:#?}");
        let of = |rule: &str, key: &str| {
            found.iter().find(|v| &*v.rule == rule && v.key.iter().any(|(_, part)| &**part == key))
        };
        let cto = of("PORTFOLIO-002", "cto").expect("a verdict for the CTO");
        assert_eq!((cto.outcome, cto.reason.contains("120%")), (Outcome::Fires, true), "{}", cto.reason);
        let broken: Vec<&str> = found.iter().filter(|v| v.outcome == Outcome::Violated).map(|v| &*v.rule).collect();
        assert_eq!(broken, ["venture_metrics", "portfolio_data", "venture_assessments"]);
    }

    /// What was is not what is: the past of a current state comes from the change log.
    #[test]
    fn ten_days_ago_other_resources_were_booked_too_far() {
        let pack = shipped();
        let as_of = at("2026-03-17T09:30:00Z");
        let store = built(&pack, as_of);
        let over = |as_of: &str| {
            let found = crate::tick::judge_once(&store, &pack, at(as_of), at("2026-03-17T09:30:00Z")).expect("judge");
            let fires = found.into_iter().filter(|v| &*v.rule == "PORTFOLIO-002" && v.outcome == Outcome::Fires);
            fires.map(|v| v.key[0].1.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(over("2026-03-07T09:30:00Z"), ["growth_budget"]);
        assert_eq!(over("2026-02-27T09:30:00Z"), ["data_team"]);
        assert_eq!(over("2026-03-17T09:30:00Z"), ["cto"]);
        let disorder: i64 = store
            .conn()
            .query_row(
                "SELECT count(*) FROM (SELECT at, lag(at) OVER (ORDER BY seq) AS before FROM bylaws_changes)
                 WHERE at < before",
                [],
                |row| row.get(0),
            )
            .expect("log");
        assert_eq!(disorder, 0);
    }
}
