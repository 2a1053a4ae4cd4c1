//! What is kept from tick to tick and renewed where something was written or time passed is what a reading from
//! nothing finds, whatever is written and whenever.

use std::collections::{BTreeMap, HashMap};

use bylaws::compile::compile_text;
use bylaws::engine::depend::Which;
use bylaws::engine::judge::{Judge, Verdict};
use bylaws::keep::{Kept, Renewed};
use bylaws::lang::expr::ParamId;
use bylaws::lang::pack::{Pack, RuleRef};
use bylaws::record::{Recorder, Recording, record};
use bylaws::store::read::Unlisted;
use bylaws::store::{Store, changes, migrate, scratch};
use bylaws::tick::{Tick, verdicts};
use bylaws::value::Value;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const RULES: &str = r#"
contract sectors, each a sector
  because "What ventures are in."
  one row per id
  id    id
  name  text
contract ventures, each a venture
  because "Who is judged."
  one row per id
  id         id
  name       text
  sector_id  id of sectors, optional
  status     one of active, paused or exited
  joined     date, optional
contract readings, each a reading
  because "A row for each venture and day."
  one row per venture_id and day
  dated by day
  venture_id  id of ventures
  day         date
  burn        number, optional
  users       count
  fresh within 3 days per venture where status is active, stale after 20 days
contract events, each an event
  because "What happened, to the second."
  one row per id
  dated by moment_of
  id          id
  venture_id  id of ventures
  moment_of   moment
  weight      number
contract stacks, each a use
  because "Who uses what."
  one row per venture_id and tool
  venture_id  id of ventures
  tool        text
contract offers, each an offer
  because "Who offers what to whom."
  one row per id
  belongs to an overlap by giver with taker and kind
  id      id
  giver   id of ventures
  taker   id of ventures
  kind    one of tool or other
  until   date, optional
  open    yes or no
pairs overlaps of ventures, each an overlap
  because "Who could share."
  sharing tool of stacks as tool
  where status is active
param line = 5, from 0 to 100
  because "A line to compare with."
metric burn per venture = latest burn in readings
metric burn_7 per venture = sum of burn in readings within last 7 days
metric users_max per venture = max of users in readings within last 30 days
metric mean per venture = average of burn in readings within this month
metric burn_before per venture = burn_7 at 10 days ago
metric rows_closed per venture = count of readings within last 2 closed months
metric lately per venture = count of events within last 36 hours
metric weight per venture = sum of weight in events where moment_of is more than 5 hours ago
metric total = sum of burn over ventures where status is active
metric counted = count of readings
metric heaviest = max of weight in events
metric all_users = sum of users in readings where venture's status is active
metric in_sector per sector = sum of users in readings
metric ventures_in per sector = count of ventures where status is active
metric actives = count of ventures where status is active
metric offers_open per overlap = count of offers where open is yes
metric growth per venture = change of burn_7 since previous month
"#;

/// What every one of them says is compared.
const JUDGED: &str = r#"
threshold low_burn on burn
  because "A limit for each."
  while status is active
  target is below 20
  acceptable is at most 40
threshold weekly on burn_7, monthly
  because "At the end of a month."
  target is below 60
threshold all_in on total
  because "One for all."
  target is below 100
threshold grown on growth
  because "Against an earlier month."
  target is at least 0%
trigger t_after "After the count", per venture
  because "A count of all, and then what it is made from."
  when actives is above 0 and status is active and users_max is above line
  check on change
  tell chairman
trigger t_users "Users", per venture
  because "Own rows."
  when users_max is above line and status is not exited
  check on change
  tell chairman
trigger t_before "Before", per venture
  because "An earlier day."
  when burn_7 is above burn_before or mean is above 30
  check on change
  tell chairman
trigger t_events "Events", per venture
  because "Moments."
  when lately is above 1 or weight is above line
  check on change
  tell chairman
trigger t_none "Silence", per venture
  because "No rows."
  when there is no event within last 3 days
  check on change
  tell chairman
trigger t_sector "Sector", per venture
  because "Through a reference."
  when sector's name is "North" and burn is above line
  check on change
  tell chairman
trigger t_joined "Joined", per venture
  because "Days ago."
  when joined is less than 12 days ago or joined is missing
  check on change
  tell chairman
trigger t_share "Share", per venture
  because "Against all."
  when burn * 2 is above total or users_max is above actives * 10
  check on change
  tell chairman
trigger t_per_sector "Per sector", per sector
  because "Sums by sector."
  when in_sector is above 100 or ventures_in is above 2
  check on change
  tell chairman
trigger t_offers "Offers", per overlap
  because "Pairs."
  when offers_open is below 1 and shared is at least 1
  check on change
  tell chairman
trigger t_other "Others", per venture
  because "Rows beside."
  when there is another venture where name is not "x" and status is paused
  check on change
  tell chairman
trigger t_counted "Counted"
  because "Portfolio."
  when counted is above 20 or heaviest is above 8
  check on change
  tell chairman
trigger t_user_sum "User sum"
  because "A filter through a reference."
  when all_users is above 150
  check on change
  tell chairman
trigger t_holds "Holds"
  because "Contracts."
  when not (contract readings holds) or not (contract offers holds)
  check on change
  tell chairman
trigger t_months "Months", per venture
  because "Closed months."
  when rows_closed is above 3 for 2 consecutive months
  check monthly
  tell chairman
"#;

fn pack_of() -> Pack {
    let compiled = compile_text(&[("kept.bylaw", RULES), ("judged.bylaw", JUDGED)], None);
    compiled.pack.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
}

#[test]
fn compiles() {
    pack_of();
}

/// One write, as SQL.
fn write() -> impl Strategy<Value = String> {
    let id = 0u8..5;
    let venture = (id.clone(), 0u8..4, 0u8..4, proptest::option::of(-40i64..5), 0u8..3).prop_map(|(v, s, st, j, n)| {
        let status = ["active", "active", "paused", "exited"][usize::from(st)];
        let sector = if s == 3 { "NULL".to_owned() } else { format!("'s{s}'") };
        let joined = j.map_or("NULL".to_owned(), |d| format!("date(:now, '{d} days')"));
        format!("INSERT INTO ventures VALUES ('v{v}', 'N{n}', {sector}, '{status}', {joined}) ON CONFLICT (id) DO UPDATE SET name = excluded.name, sector_id = excluded.sector_id, status = excluded.status, joined = excluded.joined")
    });
    let bad_venture = (id.clone(), 0u8..4).prop_map(|(v, k)| match k {
        0 => format!("UPDATE ventures SET status = 'gone' WHERE id = 'v{v}'"),
        1 => format!("DELETE FROM ventures WHERE id = 'v{v}'"),
        2 => format!("UPDATE OR IGNORE ventures SET id = 'v{}' WHERE id = 'v{v}'", (v + 1) % 5),
        _ => format!("UPDATE ventures SET status = 'active' WHERE id = 'v{v}' AND status = 'gone'"),
    });
    let sector = (0u8..3, 0u8..3).prop_map(|(s, k)| match k {
        0 => format!("INSERT OR REPLACE INTO sectors VALUES ('s{s}', 'North')"),
        1 => format!("INSERT OR REPLACE INTO sectors VALUES ('s{s}', 'South')"),
        _ => format!("DELETE FROM sectors WHERE id = 's{s}'"),
    });
    let reading = (id.clone(), -70i64..4, proptest::option::of(0i64..60), 0i64..50).prop_map(|(v, d, b, u)| {
        let burn = b.map_or("NULL".to_owned(), |b| if b % 5 == 0 { format!("{b}.25") } else { b.to_string() });
        format!("INSERT OR REPLACE INTO readings VALUES ('v{v}', date(:now, '{d} days'), {burn}, {u})")
    });
    let reading_else = (id.clone(), id.clone(), 0u8..4, -6i64..2).prop_map(|(v, w, k, d)| match k {
        0 => format!("DELETE FROM readings WHERE venture_id = 'v{v}' AND day > date(:now, '{d} days')"),
        1 => format!("UPDATE OR REPLACE readings SET venture_id = 'v{w}' WHERE venture_id = 'v{v}' AND day > date(:now, '{d} days')"),
        2 => format!("UPDATE readings SET burn = burn + 1 WHERE venture_id = 'v{v}'"),
        _ => format!("UPDATE OR REPLACE readings SET day = date(day, '1 day') WHERE venture_id = 'v{v}' AND day > date(:now, '{d} days')"),
    });
    let event = (0u16..40, id.clone(), -200i64..30, 0i64..12).prop_map(|(e, v, h, w)| {
        format!("INSERT OR REPLACE INTO events VALUES ('e{e}', 'v{v}', strftime('%Y-%m-%dT%H:%M:%SZ', :now, '{h} hours'), {w})")
    });
    let event_else = (0u16..40, id.clone(), 0u8..3).prop_map(|(e, v, k)| match k {
        0 => format!("DELETE FROM events WHERE id = 'e{e}'"),
        1 => format!("UPDATE events SET venture_id = 'v{v}' WHERE id = 'e{e}'"),
        _ => format!("UPDATE events SET weight = weight + 2 WHERE venture_id = 'v{v}'"),
    });
    let stack = (id.clone(), 0u8..3, any::<bool>()).prop_map(|(v, t, put)| {
        if put {
            format!("INSERT OR REPLACE INTO stacks VALUES ('v{v}', 'tool{t}')")
        } else {
            format!("DELETE FROM stacks WHERE venture_id = 'v{v}' AND tool = 'tool{t}'")
        }
    });
    let offer = (0u8..8, id.clone(), id, any::<bool>(), 0u8..5).prop_map(|(o, a, b, open, k)| match k {
        0 => format!("DELETE FROM offers WHERE id = 'o{o}'"),
        _ => {
            format!("INSERT OR REPLACE INTO offers VALUES ('o{o}', 'v{a}', 'v{b}', 'tool', NULL, {})", i32::from(open))
        }
    });
    prop_oneof![
        3 => venture, 1 => bad_venture, 1 => sector, 6 => reading, 2 => reading_else, 4 => event, 2 => event_else,
        2 => stack, 2 => offer
    ]
}

/// After how long the next tick follows.
fn pause() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        3 => Just(SignedDuration::ZERO),
        3 => (1i64..120).prop_map(SignedDuration::from_secs),
        4 => (1i64..60).prop_map(SignedDuration::from_hours),
        1 => (20i64..45).prop_map(|d| SignedDuration::from_hours(24 * d)),
    ]
}

fn words(verdict: &Verdict) -> String {
    let value = verdict.value.as_ref().map(|(v, _)| v.exact());
    format!(
        "{:?} {:?} {:?} {} [{:?}] {:?} {:?}",
        verdict.outcome, value, verdict.target, verdict.reason, verdict.code, verdict.cause, verdict.period
    )
}

type Said = BTreeMap<(String, String), String>;

fn slot(verdict: &Verdict) -> (String, String) {
    let key: Vec<&str> = verdict.key.iter().map(|(_, part)| &**part).collect();
    (verdict.rule.to_string(), key.join(","))
}

struct World {
    pack: Pack,
    store: Store,
    kept: Kept,
    said: Said,
    rules: Vec<RuleRef>,
    parts: u32,
    wholes: u32,
}

impl World {
    fn new(began: Timestamp) -> World {
        let pack = pack_of();
        let mut store = Store::in_memory().expect("store");
        migrate::migrate(&mut store, &[], began).expect("migrate");
        let tables: Vec<_> = pack.contracts.iter().collect();
        scratch::create_tables(&mut store, &tables).expect("tables");
        // Offers may stand more than once, and their rows are found by no index.
        let indexes = "CREATE INDEX events_of ON events (venture_id, moment_of);
            CREATE UNIQUE INDEX events_key ON events (id);
            CREATE UNIQUE INDEX ventures_key ON ventures (id);
            CREATE UNIQUE INDEX sectors_key ON sectors (id);
            CREATE UNIQUE INDEX readings_key ON readings (venture_id, day);
            CREATE UNIQUE INDEX stacks_key ON stacks (venture_id, tool)";
        store.batch(indexes).expect("indexes");
        changes::install_change_log(&mut store, &tables, began).expect("log");
        let rules = pack.rules();
        World { pack, store, kept: Kept::default(), said: Said::new(), rules, parts: 0, wholes: 0 }
    }

    fn write(&mut self, sql: &str, now: Timestamp) {
        let head = changes::log_head(&self.store).expect("head");
        let sql = sql.replace(":now", &format!("'{}'", now.strftime("%Y-%m-%dT%H:%M:%S")));
        self.store.execute(&sql, &[]).expect(&sql);
        changes::restamp(&mut self.store, head, now).expect("restamp");
    }

    /// What is said after a tick, of which only what was touched is judged anew, and what a reading from nothing says.
    fn tick(&mut self, now: Timestamp) -> (Said, Said) {
        let (overrides, unlisted) = (HashMap::new(), Unlisted::new());
        let World { pack, store, kept, said, rules, .. } = self;
        let tick = Tick {
            pack,
            as_of: now,
            clock: now,
            rules,
            metrics: &[],
            overrides: &overrides,
            unlisted: &unlisted,
            by_rows: false,
        };
        let param = |id: ParamId| -> Value { tick.param(id) };
        let renewed = kept.renew(&tick, store).expect("renewal");
        match &renewed {
            Renewed::Nothing => {}
            Renewed::Part(_) => self.parts += 1,
            Renewed::Everything(_) => self.wholes += 1,
        }
        let judge = kept.judge(pack, &param).expect("something was read");
        for rule in rules.iter().copied() {
            let which = match &renewed {
                Renewed::Nothing => Which::None,
                Renewed::Everything(_) => Which::All,
                Renewed::Part(touched) => touched.keys(kept.dependencies(rule).expect("a rule of the tick")),
            };
            let name = pack.rule(rule).map_or("", |item| item.name).to_owned();
            match which {
                Which::None => {}
                Which::All => {
                    said.retain(|(rule, _), _| *rule != name);
                    said.extend(judge.verdicts(rule).iter().map(|v| (slot(v), words(v))));
                }
                Which::Some(keys) => {
                    let grain = match rule {
                        RuleRef::Threshold(i) => pack.metric(pack.thresholds[i as usize].metric).grain,
                        rule => pack.core(rule).and_then(|t| t.grain),
                    };
                    let (now, gone) = kept.verdicts(&judge, rule, &keys);
                    for key in gone {
                        let key = judge.key(grain.expect("a grain"), key).join(",");
                        said.remove(&(name.clone(), key));
                    }
                    said.extend(now.iter().map(|(_, v)| (slot(v), words(v))));
                }
            }
        }
        drop(judge);
        let taken = tick.take(store).expect("reading");
        let judge = Judge::new(pack, &taken.plan, &taken.readings, &param);
        let full = verdicts(&judge, rules).iter().map(|v| (slot(v), words(v))).collect();
        (said.clone(), full)
    }
}

/// How long nobody was there is for who comes and goes, and not for who stays; neither is when a rule that goes on to
/// hold was looked at last.
fn present(text: String) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = ["\"idle\":\"", "\"sum\":\"", "\"running\":\""]
        .iter()
        .filter_map(|mark| Some(rest.find(mark)? + mark.len()))
        .min()
    {
        shown.push_str(&rest[..at]);
        rest = rest[at..].find('"').map_or("", |end| &rest[at + end..]);
    }
    shown + rest
}

/// What the ledger says, an entry a line; the numbers and hashes follow from it.
fn ledger(store: &Store) -> Vec<String> {
    let sql = "SELECT kind || ' ' || rule || ' ' || key || ' ' || body FROM bylaws_ledger ORDER BY seq";
    store.rows(sql, &[], |row| row.text(0).map(present)).expect("the ledger")
}

/// Where the rules stand.
fn memory(store: &Store) -> Vec<String> {
    let sql = "SELECT rule || ' ' || key || ' ' || memory FROM bylaws_memory ORDER BY rule, key";
    store.rows(sql, &[], |row| row.text(0).map(present)).expect("what is remembered")
}

/// What was said last, as far as somebody should look at it: of what is quiet the words stay those it began with.
fn said(store: &Store) -> Vec<String> {
    let sql = "SELECT rule || ' ' || key || ' ' || verdict FROM bylaws_verdicts ORDER BY rule, key";
    let mut said = store.rows(sql, &[], |row| row.text(0).map(present)).expect("what was said");
    said.retain(|line| !["clear", "met", "off"].iter().any(|quiet| line.contains(&format!("\"verdict\":\"{quiet}\""))));
    said
}

fn cases() -> u32 {
    std::env::var("BYLAWS_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), rng_seed: proptest::test_runner::RngSeed::Fixed(39), failure_persistence: None, max_shrink_iters: 3000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_recorded_tick_after_tick_is_what_is_recorded_from_nothing(
        start in proptest::collection::vec(write(), 0..60),
        steps in proptest::collection::vec((pause(), proptest::collection::vec(write(), 0..4)), 1..6),
    ) {
        let began: Timestamp = "2026-03-29T05:00:00Z".parse().expect("moment");
        let log_began = began.checked_sub(SignedDuration::from_hours(24 * 200)).expect("moment");
        let compiled = compile_text(&[("kept.bylaw", RULES), ("judged.bylaw", JUDGED)], None);
        let pack = compiled.pack.as_ref().expect("a pack");
        let (mut one, mut other) = (World::new(log_began), World::new(log_began));
        let mut recorder = Recorder::new(pack, &compiled.sources);
        let mut now = began;
        let all = std::iter::once((SignedDuration::ZERO, start.clone())).chain(steps.clone());
        for (pause, writes) in all {
            now = now.checked_add(pause).expect("moment");
            for sql in &writes {
                one.write(sql, now);
                other.write(sql, now);
            }
            recorder.tick((now, now), None, &mut one.store).expect("a tick");
            let recording = Recording { pack, sources: &compiled.sources, as_of: now, clock: now };
            record(&recording, None, &mut other.store).expect("a tick");
            for what in [ledger, memory, said] {
                let (ticked, cold) = (what(&one.store), what(&other.store));
                for (ticked, cold) in ticked.iter().zip(&cold) {
                    prop_assert_eq!(ticked, cold, "at {}", now);
                }
                prop_assert_eq!(ticked.len(), cold.len(), "at {}", now);
            }
        }
    }

    #[test]
    fn what_is_renewed_is_what_is_read_from_nothing(
        start in proptest::collection::vec(write(), 0..60),
        steps in proptest::collection::vec((pause(), proptest::collection::vec(write(), 0..4)), 1..8),
        hour in 0i64..72,
        logged in prop_oneof![Just(0i64), Just(200)],
    ) {
        let began: Timestamp = "2026-03-29T00:00:00Z".parse().expect("moment");
        let mut now = began.checked_add(SignedDuration::from_hours(hour)).expect("moment");
        let log_began = began.checked_sub(SignedDuration::from_hours(24 * logged)).expect("moment");
        let mut world = World::new(log_began);
        for sql in &start {
            world.write(sql, now);
        }
        let (kept, full) = world.tick(now);
        prop_assert_eq!(kept, full);
        for (pause, writes) in &steps {
            now = now.checked_add(*pause).expect("moment");
            for sql in writes {
                world.write(sql, now);
            }
            let (kept, full) = world.tick(now);
            for (slot, words) in &full {
                prop_assert_eq!(kept.get(slot), Some(words), "{:?} at {}", slot, now);
            }
            prop_assert_eq!(kept.len(), full.len());
        }
    }
}
