//! An aggregate taken in the database and one taken from the rows are the same, whatever the rows hold.

#[path = "common/database.rs"]
mod database;

use std::cell::RefCell;
use std::collections::HashMap;

use bylaws::compile::compile_text;
use bylaws::engine::judge::{Judge, Outcome};
use bylaws::lang::expr::{ContractId, MetricId, ParamId};
use bylaws::lang::pack::Pack;
use bylaws::plan::MomentId;
use bylaws::store::read::Unlisted;
use bylaws::store::{Store, scratch};
use bylaws::tick::Tick;
use bylaws::value::{Number, Value};
use jiff::Timestamp;
use jiff::civil::Date;
use proptest::prelude::*;

use database::{Database, Kind};

const RULES: &str = r#"
contract owners, each an owner
  because "Who things belong to."
  one row per id
  id      id
  grade   one of low, middle or high
  joined  date, optional
contract things, each a thing
  because "Things with all kinds of columns."
  one row per owner_id and day
  dated by day
  owner_id  id of owners
  day       date
  kind      one of a, b or c stored as "A", "B", "C"
  amount    money stored as cents
  score     number, optional
  part      percent, optional
  flag      yes or no
  seen_at   moment, optional
param line = 2.5, from 0 to 10
  because "A line to compare with."
param cash = $1.50, from $0 to $10
  because "An amount to compare with."
metric n per owner = count of things
metric n_all = count of things
metric n_recent per owner = count of things within last 5 days
metric n_month = count of things within this month
metric n_before per owner = count of things within previous month
metric n_closed = count of things within last 2 closed months
metric kinds = count of distinct kind in things where flag is yes
metric scores per owner = count of distinct score in things
metric total per owner = sum of amount in things where kind is one of a or b
metric total_not per owner = sum of amount in things where kind is not a and not (score is above line)
metric total_either = sum of amount in things where score is at least line or amount is above cash
metric score_sum per owner = sum of score in things
metric score_mean = average of score in things within last 10 days
metric least per owner = min of score in things where part is present
metric most = max of part in things where score is missing
metric of_high = sum of amount in things where owner's grade is high
metric of_old per owner = count of things where owner's joined is more than 3 days ago
metric share_yes per owner = share of things where flag is yes
metric share_of = share of things within last 20 days where flag is yes, out of those where kind is not c
metric last_amount per owner = latest amount in things
metric last_score per owner = latest score in things where flag is yes
metric first_part per owner = first part in things within last 15 days
metric lately per owner = count of things where seen_at is less than 48 hours ago
metric dated per owner = count of things where day is at least 2026-03-01 and day is below 2026-03-10
metric between per owner = count of things where score is from 1 to 3
metric needs per owner = average of score in things, needs at least 2 rows
metric median_amount per owner = median of amount in things
metric before per owner = total at 10 days ago
metric moved per owner = difference of total since previous month
metric mean per owner = average of amount in things within last 4 days
metric both per owner = total + last_amount
metric twice per owner = total * line - last_amount
metric by_part per owner = first_part * line
metric graded per owner
  is total when grade is high
  is last_amount when grade is middle
  is total_not otherwise
metric all_totals = sum of total over owners where grade is one of high or middle
metric all_parts = sum of by_part over owners
metric high_owners = count of owners where grade is high and total is above cash
metric rich_owners = count of owners where both is above cash
"#;

/// Rules of every kind of comparison, whose outcomes for all keys at once are those of each key by itself.
const JUDGED: &str = r#"
threshold enough on total
  because "A limit for each."
  while grade is not low
  target is at least total_not
  acceptable is above cash
threshold latest_enough on last_amount
  because "A value that may not be there."
  target is at least cash
threshold spread on twice
  because "A formula against a formula."
  target is above both
threshold mean_enough on mean
  because "An average, where there is one."
  while last_amount is at least cash
  target is at least total_not
  acceptable is at least last_amount
threshold monthly_enough on total, monthly
  because "At the end of a month."
  target is at least cash
threshold whole on all_totals
  because "One for all."
  target is above cash
trigger t_and "And", per owner
  because "Both."
  when grade is one of middle or high and total is above cash and score_sum is at least line
  check on change
  tell chairman
trigger t_or "Or", per owner
  because "Either."
  when joined is missing or (n_recent is above line or grade is not high)
  unless last_score is below line
  check on change
  tell chairman
trigger t_not "Not", per owner
  because "Neither."
  when not (last_amount is from cash to $90 or by_part is above line)
  check on change
  tell chairman
trigger t_mean "Mean", per owner
  because "Perhaps unknown."
  when mean is above cash or last_amount is from $1 to $2
  check on change
  tell chairman
trigger t_missing "Missing", per owner
  because "Perhaps missing."
  when joined is not 2026-03-12 and not (mean is below last_amount and grade is high)
  check on change
  tell chairman
trigger t_time "Time", per owner
  because "Days."
  when joined is more than 2 days ago or joined is at least 2026-03-12
  check on change
  tell chairman
trigger t_rows "Rows", per owner
  because "Rows."
  when there is a thing where kind is a and amount is above its last_amount
  check on change
  tell chairman
trigger t_state "Of a threshold", per owner
  because "What another rule says."
  when enough is breached or spread is met
  check daily at 07:00
  tell chairman
trigger t_before "Then", per owner
  because "Against an earlier day."
  when before is below total and n_before is at least line
  check monthly
  tell chairman
trigger t_all "All", per owner
  because "Against the portfolio."
  when total * 3 is above all_totals or high_owners is above line
  check on change
  tell chairman
trigger t_held "Held", per owner
  because "For long."
  when graded is above cash for 2 consecutive months
  check monthly
  tell chairman
"#;

#[derive(Debug, Clone)]
struct Thing {
    owner: u8,
    day: i64,
    kind: u8,
    cents: i64,
    score: Option<i64>,
    part: Option<i64>,
    flag: bool,
    seen: Option<i64>,
}

fn thing() -> impl Strategy<Value = Thing> {
    (
        0u8..4,
        -70i64..3,
        0u8..3,
        -500i64..500,
        proptest::option::of(-3i64..50),
        proptest::option::of(0i64..100),
        any::<bool>(),
        proptest::option::of(0i64..200),
    )
        .prop_map(|(owner, day, kind, cents, score, part, flag, seen)| Thing {
            owner,
            day,
            kind,
            cents,
            score,
            part,
            flag,
            seen,
        })
}

fn number(n: i64, d: i128) -> Value {
    Value::Number(Number::ratio(i128::from(n), d).expect("denominator"))
}

fn fill(pack: &Pack, store: &mut Store, now: Timestamp, owners: &[(u8, Option<i64>)], things: &[Thing]) {
    let (owner, table) = (pack.contract(ContractId(0)), pack.contract(ContractId(1)));
    scratch::create_tables(store, &[owner, table]).expect("tables");
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let date = |days: i64| -> Date { today.checked_add(jiff::Span::new().days(days)).expect("date") };
    for (i, (grade, since)) in owners.iter().enumerate() {
        let cells = [
            Some(Value::text(format!("o{i}"))),
            Some(Value::text(["low", "middle", "high"][usize::from(*grade)])),
            since.map(|d| Value::Date(date(-d))),
        ];
        scratch::put(store, owner, &[0, 1, 2], &cells, false).expect("owner");
    }
    let mut seen = std::collections::HashSet::new();
    for t in things.iter().filter(|t| usize::from(t.owner) < owners.len()) {
        if !seen.insert((t.owner, t.day)) {
            continue;
        }
        let cells = [
            Some(Value::text(format!("o{}", t.owner))),
            Some(Value::Date(date(t.day))),
            Some(Value::text(["a", "b", "c"][usize::from(t.kind)])),
            Some(number(t.cents, 100)),
            t.score.map(|s| number(s, 10)),
            t.part.map(|p| number(p, 1)),
            Some(Value::Truth(t.flag)),
            t.seen.map(|h| Value::Moment(now.checked_sub(jiff::SignedDuration::from_hours(h)).expect("moment"))),
        ];
        scratch::put(store, table, &[0, 1, 2, 3, 4, 5, 6, 7], &cells, false).expect("thing");
    }
}

/// Every metric for every key, as text.
fn readings(pack: &Pack, store: &Store, now: Timestamp, by_rows: bool) -> Vec<String> {
    let metrics: Vec<MetricId> = (0..pack.metrics.len() as u32).map(MetricId).collect();
    let (overrides, unlisted) = (HashMap::new(), Unlisted::new());
    let tick = Tick {
        pack,
        as_of: now,
        clock: now,
        rules: &[],
        metrics: &metrics,
        overrides: &overrides,
        unlisted: &unlisted,
        by_rows,
    };
    let taken = tick.take(store).expect("reading");
    let served = taken.plan.served.len();
    assert_eq!(served == 0, by_rows, "the two ways must differ");
    let param = |id: ParamId| tick.param(id);
    let judge = Judge::new(pack, &taken.plan, &taken.readings, &param);
    let mut all = Vec::new();
    for id in metrics.iter().copied() {
        let metric = pack.metric(id);
        let keys: Vec<Option<u32>> = match metric.grain {
            None => vec![None],
            Some(grain) => judge.keys(grain, MomentId::NOW).expect("keys").into_iter().map(Some).collect(),
        };
        for key in keys {
            let name = key.map_or(String::new(), |k| metric.grain.map_or(String::new(), |g| judge.label(g, k)));
            let reading = judge.metric(id, MomentId::NOW, key);
            let value = match &reading.value {
                Ok(Some(value)) => value.exact(),
                Ok(None) => "missing".into(),
                Err(why) => format!("unknown: {}", why.text),
            };
            all.push(format!("{} {name}: {value}; {} left out", metric.name, reading.left_out));
        }
    }
    all.extend(at_once(pack, store, now, by_rows));
    all
}

/// What every rule says of every key, taken for all keys at once and for each by itself.
fn at_once(pack: &Pack, store: &Store, now: Timestamp, by_rows: bool) -> Vec<String> {
    let rules = pack.rules();
    let (overrides, unlisted) = (HashMap::new(), Unlisted::new());
    let tick = Tick {
        pack,
        as_of: now,
        clock: now,
        rules: &rules,
        metrics: &[],
        overrides: &overrides,
        unlisted: &unlisted,
        by_rows,
    };
    let taken = tick.take(store).expect("reading");
    let param = |id: ParamId| tick.param(id);
    // Two judges, so that neither finds what the other has worked out.
    let judge = || Judge::new(pack, &taken.plan, &taken.readings, &param);
    let (one, all) = (judge(), judge());
    let mut said = Vec::new();
    for rule in rules.iter().copied() {
        let by_key: Vec<(String, Outcome)> =
            one.verdicts(rule).into_iter().map(|v| (format!("{} {}", v.rule, v.label), v.outcome)).collect();
        let together: Vec<(String, Outcome)> = all
            .outcomes(rule)
            .into_iter()
            .map(|(key, outcome)| {
                let verdict = all.verdict(rule, key);
                assert_eq!(verdict.outcome, outcome, "{} {}", verdict.rule, verdict.label);
                (format!("{} {}", verdict.rule, verdict.label), outcome)
            })
            .collect();
        assert_eq!(by_key, together);
        said.extend(by_key.into_iter().map(|(key, outcome)| format!("{key}: {}", outcome.word())));
    }
    said
}

thread_local! {
    /// The database of all cases of a test: each makes the tables anew.
    static OPENED: RefCell<Option<Store>> = const { RefCell::new(None) };
    static MADE: RefCell<Option<Database>> = const { RefCell::new(None) };
}

fn opened() -> Store {
    if database::kind() == Kind::Sqlite {
        return Store::in_memory().expect("store");
    }
    MADE.with(|made| made.borrow_mut().get_or_insert_with(Database::new).store())
}

/// A connection and its database end before the thread does.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        OPENED.set(None);
        MADE.set(None);
    }
}

fn scans_and_rows_agree() {
    let _end = End;
    agree();
}

database::on_both! {
    scans_and_rows_agree,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if database::kind() == Kind::Postgres { 60 } else { 200 }, rng_seed: proptest::test_runner::RngSeed::Fixed(39), failure_persistence: None, ..ProptestConfig::default() })]

    fn agree(
        owners in proptest::collection::vec((0u8..3, proptest::option::of(0i64..8)), 1..4),
        things in proptest::collection::vec(thing(), 0..40),
        hour in 0i64..24,
    ) {
        let compiled = compile_text(&[("two_ways.bylaw", RULES), ("judged.bylaw", JUDGED)], None);
        let pack = compiled.pack.as_ref().unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
        let now: Timestamp = "2026-03-14T00:00:00Z".parse().expect("moment");
        let now = now.checked_add(jiff::SignedDuration::from_hours(hour)).expect("moment");
        let mut store = OPENED.with(|opened| opened.borrow_mut().take()).unwrap_or_else(opened);
        fill(pack, &mut store, now, &owners, &things);
        let (scans, rows) = (readings(pack, &store, now, false), readings(pack, &store, now, true));
        let differ: Vec<_> = scans.iter().zip(&rows).filter(|(a, b)| a != b).collect();
        prop_assert!(differ.is_empty(), "{:#?}", differ);
        OPENED.set(Some(store));
    }
}
