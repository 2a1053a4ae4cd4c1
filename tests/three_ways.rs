//! Three ways to judge the same rows say the same: a naive interpreter that looks at every row, the engine over what
//! the database sums up, and the engine over the rows themselves (key by key and all keys at once).
//!
//! Packs, rows, writes and clocks are made by chance from a seed. `BYLAWS_CASES` says how many cases are tried and
//! `BYLAWS_SEED` where they begin; a case that differs is made as small as it can be and printed with its seed.

// A person who looks for differences reads what was found while the search goes on.
#![allow(clippy::print_stderr)]

mod three_ways {
    pub(crate) mod data;
    pub(crate) mod found;
    pub(crate) mod naive;
    pub(crate) mod packs;
}

use std::collections::{BTreeMap, HashMap};

use bylaws::chance::Chance;
use bylaws::compile::compile_text;
use bylaws::engine::depend::Which;
use bylaws::engine::judge::{Judge, Verdict};
use bylaws::keep::{Kept, Renewed};
use bylaws::lang::expr::{ContractId, MetricId, ParamId};
use bylaws::lang::pack::{Pack, RuleRef};
use bylaws::plan::MomentId;
use bylaws::store::read::Unlisted;
use bylaws::store::{Store, changes, migrate, scratch};
use bylaws::tick::{Standing, Tick, take_baseline};
use jiff::Timestamp;
use rusqlite::types::{Value as Sql, ValueRef};
use three_ways::data::{self, Rows, Step};
use three_ways::naive::{Baseline, Naive, Raw, State, World};
use three_ways::packs::{self, Block, Made};

// ── what is said ──

/// What one way says of a rule or metric and a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    of: String,
    outcome: String,
    /// Reason, fault and value; nothing from a way that says only the outcome.
    detail: Option<String>,
}

impl Line {
    fn agrees(&self, other: &Line) -> bool {
        let alike = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
        self.of == other.of && self.outcome == other.outcome && alike(&self.detail, &other.detail)
    }
}

/// A way to judge: what it says of all rules and metrics of a pack over a database at a moment.
type Way = fn(&mut Memory, &Store, &Pack, Timestamp) -> Vec<Line>;

/// What a way keeps from one tick to the next.
#[derive(Default)]
struct Memory {
    standing: Standing,
    kept: Kept,
    said: BTreeMap<(RuleRef, Vec<String>), Line>,
}

/// The ways of the engine, each held against the naive interpreter. Another way is another line.
const WAYS: &[(&str, Way)] = &[
    ("scans", |memory, store, pack, now| judged(&mut memory.standing, store, pack, now, false)),
    ("rows", |memory, store, pack, now| judged(&mut memory.standing, store, pack, now, true)),
    ("all keys at once", |_, store, pack, now| at_once(store, pack, now)),
    ("renewed where something was touched", renewed),
];

/// What is said when of what was kept only that is renewed which a write or the clock touched.
fn renewed(memory: &mut Memory, store: &Store, pack: &Pack, now: Timestamp) -> Vec<Line> {
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
        by_rows: false,
    };
    let Memory { kept, said, .. } = memory;
    let param = |id: ParamId| tick.param(id);
    let renewed = kept.renew(&tick, store).expect("readings");
    let judge = kept.judge(pack, &param).expect("something was read");
    let line = |rule: RuleRef, verdict: Verdict| {
        let key: Vec<String> = verdict.key.iter().map(|(_, p)| p.to_string()).collect();
        let detail = detail(verdict.code.word(), verdict.cause, verdict.value.map(|(v, _)| v.exact()), pack);
        let line = Line { of: name_of(pack, rule, &key), outcome: verdict.outcome.word().into(), detail };
        ((rule, key), line)
    };
    for rule in rules.iter().copied() {
        let which = match &renewed {
            Renewed::Nothing => Which::None,
            Renewed::Everything(_) => Which::All,
            Renewed::Part(touched) => touched.keys(kept.dependencies(rule).expect("a rule of the tick")),
        };
        match which {
            Which::None => {}
            Which::All => {
                said.retain(|(of, _), _| *of != rule);
                said.extend(judge.verdicts(rule).into_iter().map(|verdict| line(rule, verdict)));
            }
            Which::Some(keys) => {
                let (there, gone) = kept.verdicts(&judge, rule, &keys);
                let grain = match rule {
                    RuleRef::Threshold(i) => pack.metric(pack.thresholds[i as usize].metric).grain,
                    rule => pack.core(rule).and_then(|trigger| trigger.grain),
                };
                for number in gone {
                    let key = judge.key(grain.expect("a rule with keys"), number);
                    said.remove(&(rule, key.iter().map(|part| part.to_string()).collect()));
                }
                said.extend(there.into_iter().map(|(_, verdict)| line(rule, verdict)));
            }
        }
    }
    said.values().cloned().collect()
}

fn detail(code: &str, cause: Option<ContractId>, value: Option<String>, pack: &Pack) -> Option<String> {
    let cause = cause.map_or("-", |id| &*pack.contract(id).name);
    Some(format!("{code}, {cause}, {}", value.unwrap_or_else(|| "-".into())))
}

fn name_of(pack: &Pack, rule: bylaws::lang::pack::RuleRef, key: &[String]) -> String {
    let item = pack.rule(rule).expect("a rule");
    format!("{} {} [{}]", item.noun.counted(1).trim_start_matches("1 "), item.name, key.join(" | "))
}

fn judged(standing: &mut Standing, store: &Store, pack: &Pack, now: Timestamp, by_rows: bool) -> Vec<Line> {
    let rules = pack.rules();
    let metrics: Vec<MetricId> = (0..pack.metrics.len() as u32).map(MetricId).collect();
    let (overrides, unlisted) = (HashMap::new(), Unlisted::new());
    let tick = Tick {
        pack,
        as_of: now,
        clock: now,
        rules: &rules,
        metrics: &metrics,
        overrides: &overrides,
        unlisted: &unlisted,
        by_rows,
    };
    let taken = tick.take_on(store, standing).expect("readings");
    let param = |id: ParamId| tick.param(id);
    let judge = Judge::new(pack, &taken.plan, &taken.readings, &param);
    let mut lines = Vec::new();
    for id in metrics.iter().copied() {
        let metric = pack.metric(id);
        let keys = match metric.grain {
            None => Ok(vec![None]),
            Some(grain) => judge.keys(grain, MomentId::NOW).map(|keys| keys.into_iter().map(Some).collect::<Vec<_>>()),
        };
        let keys = match keys {
            Ok(keys) => keys,
            Err(why) => {
                let detail = detail(why.reason.word(), why.contract, None, pack);
                lines.push(Line { of: format!("metric {}", metric.name), outcome: "unknown".into(), detail });
                continue;
            }
        };
        for key in keys {
            let name: Vec<String> = match (metric.grain, key) {
                (Some(grain), Some(key)) => judge.key(grain, key).iter().map(|p| p.to_string()).collect(),
                _ => Vec::new(),
            };
            let reading = judge.metric(id, MomentId::NOW, key);
            let (outcome, detail) = match reading.value {
                Ok(value) => ("known", Some(format!("{:?}, {} left out", value.map(|v| v.exact()), reading.left_out))),
                Err(why) => ("unknown", detail(why.reason.word(), why.contract, None, pack)),
            };
            lines.push(Line {
                of: format!("metric {} [{}]", metric.name, name.join(" | ")),
                outcome: outcome.into(),
                detail,
            });
        }
    }
    for rule in rules.iter().copied() {
        for verdict in judge.verdicts(rule) {
            let key: Vec<String> = verdict.key.iter().map(|(_, p)| p.to_string()).collect();
            let detail = detail(verdict.code.word(), verdict.cause, verdict.value.map(|(v, _)| v.exact()), pack);
            lines.push(Line { of: name_of(pack, rule, &key), outcome: verdict.outcome.word().into(), detail });
        }
    }
    lines
}

fn at_once(store: &Store, pack: &Pack, now: Timestamp) -> Vec<Line> {
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
        by_rows: false,
    };
    let taken = tick.take(store).expect("readings");
    let param = |id: ParamId| tick.param(id);
    let judge = Judge::new(pack, &taken.plan, &taken.readings, &param);
    let mut lines = Vec::new();
    for rule in rules.iter().copied() {
        for (key, outcome) in judge.outcomes(rule) {
            let verdict = judge.verdict(rule, key);
            let key: Vec<String> = verdict.key.iter().map(|(_, p)| p.to_string()).collect();
            lines.push(Line { of: name_of(pack, rule, &key), outcome: outcome.word().into(), detail: None });
        }
    }
    lines
}

fn naively(world: World<'_>) -> Vec<Line> {
    let pack = world.pack;
    let naive = Naive::new(world);
    let mut lines = Vec::new();
    for id in (0..pack.metrics.len() as u32).map(MetricId) {
        let metric = pack.metric(id);
        match naive.readings(id) {
            Err(why) => {
                let detail = detail(why.code, why.cause, None, pack);
                lines.push(Line { of: format!("metric {}", metric.name), outcome: "unknown".into(), detail });
            }
            Ok(readings) => {
                for (key, reading) in readings {
                    let (outcome, detail) = match reading.value {
                        Ok(value) => {
                            ("known", Some(format!("{:?}, {} left out", value.map(|v| v.exact()), reading.left_out)))
                        }
                        Err(why) => ("unknown", detail(why.code, why.cause, None, pack)),
                    };
                    let of = format!("metric {} [{}]", metric.name, key.join(" | "));
                    lines.push(Line { of, outcome: outcome.into(), detail });
                }
            }
        }
    }
    for rule in pack.rules() {
        for said in naive.verdicts(rule) {
            let detail = detail(said.code, said.cause, said.value.map(|v| v.exact()), pack);
            lines.push(Line { of: name_of(pack, rule, &said.key), outcome: said.outcome.into(), detail });
        }
    }
    lines
}

// ── a case ──

/// Rules, rows and what happens, from a seed.
#[derive(Debug, Clone)]
struct Case {
    seed: u64,
    made: Made,
    rows: Vec<Step>,
    course: Vec<Step>,
    /// Whether the past of the tables is kept.
    logged: bool,
}

impl Case {
    fn made(seed: u64) -> Case {
        let mut chance = Chance::seeded(seed);
        let around = data::day(&mut chance);
        let made = packs::make(&mut chance, around);
        let dirt = [0, 0, 0, 60, 60, 12][(chance.draw() % 6) as usize];
        let logged = chance.draw().is_multiple_of(3);
        let zone = made.house.split('"').nth(1).and_then(|z| jiff::tz::TimeZone::get(z).ok()).expect("a zone");
        let mut maker = Rows { chance: &mut chance, around, zone, dirt };
        let rows = maker.all(&made.tables);
        let course = maker.course(&made.tables);
        Case { seed, made, rows, course, logged }
    }

    fn text(&self) -> String {
        self.made.blocks.iter().map(Block::text).collect()
    }

    /// The pack; blocks that are refused are left out, and what reads them with them.
    fn compile(&mut self) -> Option<Pack> {
        loop {
            let files: Vec<(String, String)> =
                self.made.blocks.iter().enumerate().map(|(i, b)| (format!("{i}.bylaw"), b.text())).collect();
            let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let compiled = compile_text(&files, Some(&self.made.house));
            if let Some(pack) = compiled.pack {
                return Some(pack);
            }
            let mut refused: Vec<usize> = Vec::new();
            for found in compiled.diagnostics.iter().filter(|d| d.severity() == bylaws::diagnostic::Severity::Error) {
                let place = found.labels.first().map(|l| &*compiled.sources.file(l.span.file).name);
                let block = place.and_then(|name| name.trim_end_matches(".bylaw").parse().ok());
                refused.extend(block);
                if std::env::var_os("BYLAWS_REFUSED").is_some() {
                    eprintln!("refused: {} {:?}", found.message, block.map(|b: usize| self.made.blocks[b].text()));
                }
            }
            refused.sort_unstable();
            refused.dedup();
            if refused.is_empty() {
                return None;
            }
            for block in refused.into_iter().rev() {
                self.made.blocks.remove(block);
            }
        }
    }
}

/// A difference between two ways.
#[derive(Debug)]
struct Difference {
    way: &'static str,
    at: Timestamp,
    naive: Option<Line>,
    engine: Option<Line>,
}

impl Difference {
    /// What differs, without its values: a smaller case must differ alike.
    fn kind(&self) -> (&'static str, String) {
        let word = |line: &Option<Line>| line.as_ref().map_or("nothing".to_owned(), |l| l.outcome.clone());
        let code = |line: &Option<Line>| {
            let known = line.as_ref().filter(|l| l.outcome == "unknown").and_then(|l| l.detail.clone());
            known.map_or_else(String::new, |d| d.split(',').next().unwrap_or("").to_owned())
        };
        let what = self.naive.as_ref().or(self.engine.as_ref()).and_then(|l| l.of.split(' ').next()).unwrap_or("");
        let side = |line| format!("{} {}", word(line), code(line));
        (self.way, format!("{what}: {}; {}", side(&self.naive), side(&self.engine)))
    }
}

struct Database {
    store: Store,
}

fn stored(raw: &Raw) -> Sql {
    match raw {
        Raw::Null => Sql::Null,
        Raw::Int(n) => Sql::Integer(*n),
        Raw::Real(n) => Sql::Real(*n),
        Raw::Text(text) => Sql::Text(text.clone()),
        Raw::Blob(bytes) => Sql::Blob(bytes.clone()),
    }
}

impl Database {
    fn new(pack: &Pack) -> Database {
        let mut store = Store::in_memory().expect("a store");
        migrate::migrate(&mut store, &[], Timestamp::UNIX_EPOCH).expect("the engine's tables");
        let contracts: Vec<_> = pack.contracts.iter().collect();
        scratch::create_tables(&mut store, &contracts).expect("tables");
        Database { store }
    }

    /// All rows of all contracts, in the order they came.
    fn rows(&self, pack: &Pack) -> Vec<Vec<Vec<Raw>>> {
        let of = |contract: &bylaws::lang::item::contract::Contract| {
            let columns: Vec<String> = contract.columns.iter().map(|c| format!("\"{}\"", c.stored)).collect();
            let sql = format!("SELECT {} FROM \"{}\" ORDER BY rowid", columns.join(", "), contract.table);
            let mut statement =
                self.store.sqlite().expect("a database of SQLite").prepare_cached(&sql).expect("a query");
            let mut rows = statement.query([]).expect("rows");
            let mut all = Vec::new();
            while let Some(row) = rows.next().expect("a row") {
                let cell = |i| match row.get_ref(i).expect("a cell") {
                    ValueRef::Null => Raw::Null,
                    ValueRef::Integer(n) => Raw::Int(n),
                    ValueRef::Real(n) => Raw::Real(n),
                    ValueRef::Text(bytes) => Raw::Text(String::from_utf8_lossy(bytes).into_owned()),
                    ValueRef::Blob(bytes) => Raw::Blob(bytes.to_vec()),
                };
                all.push((0..contract.columns.len()).map(cell).collect());
            }
            all
        };
        pack.contracts.iter().map(of).collect()
    }

    fn apply(&mut self, pack: &Pack, step: &Step, now: Timestamp) {
        let head = changes::log_head(&self.store).expect("the log");
        let run = |sql: String, args: Vec<Sql>| {
            match self.store.sqlite().expect("a database of SQLite").execute(&sql, rusqlite::params_from_iter(args)) {
                // A table whose past is kept takes a key once, and the write has not happened.
                Err(rusqlite::Error::SqliteFailure(error, _))
                    if error.code == rusqlite::ErrorCode::ConstraintViolation => {}
                done => assert!(done.is_ok(), "{done:?}"),
            }
        };
        let contract = |name: &str| pack.contracts.iter().find(|c| &*c.name == name);
        let nth = |name: &str, nth: usize| {
            // Rows are found by their place, so that rows that are alike are one each.
            format!("rowid = (SELECT rowid FROM \"{name}\" ORDER BY rowid LIMIT 1 OFFSET {nth})")
        };
        match step {
            Step::Insert(name, cells) => {
                let Some(contract) = contract(name) else { return };
                let cells: Vec<_> = cells.iter().filter(|(c, _)| contract.column(c).is_some()).collect();
                let names: Vec<String> = cells.iter().map(|(c, _)| format!("\"{c}\"")).collect();
                let places: Vec<String> = (1..=cells.len()).map(|i| format!("?{i}")).collect();
                let sql = format!("INSERT INTO \"{name}\" ({}) VALUES ({})", names.join(", "), places.join(", "));
                run(sql, cells.iter().map(|(_, raw)| stored(raw)).collect());
            }
            Step::Update(name, n, column, raw) => {
                let Some(contract) = contract(name) else { return };
                if contract.column(column).is_some() {
                    let sql = format!("UPDATE \"{name}\" SET \"{column}\" = ?1 WHERE {}", nth(name, *n));
                    run(sql, vec![stored(raw)]);
                }
            }
            Step::Delete(name, n) => {
                if contract(name).is_some() {
                    run(format!("DELETE FROM \"{name}\" WHERE {}", nth(name, *n)), Vec::new());
                }
            }
            Step::Enter | Step::Judge(_) => {}
        }
        changes::restamp(&mut self.store, head, now).expect("the log");
    }
}

/// The first difference between the naive interpreter and any way, over all that happens; and how much was compared.
fn check(case: &Case, pack: &Pack, ways: &[(&'static str, Way)], tally: &mut Tally) -> Option<Difference> {
    let mut database = Database::new(pack);
    let mut memories: Vec<Memory> = ways.iter().map(|_| Memory::default()).collect();
    let begin = case.course.iter().find_map(|s| if let Step::Judge(at) = s { Some(*at) } else { None })?;
    let began = begin.checked_sub(jiff::SignedDuration::from_hours(24 * 20)).expect("a moment");
    if case.logged {
        // The log knows a row by its key, so the past of rows of one key cannot be told apart.
        for contract in &pack.contracts {
            let key = contract.key.iter().map(|k| format!("\"{}\"", contract.columns[*k as usize].stored));
            let key: Vec<String> = key.collect();
            let table = &contract.table;
            let sql = format!("CREATE UNIQUE INDEX \"{table}_once\" ON \"{table}\" ({})", key.join(", "));
            database.store.sqlite().expect("a database of SQLite").execute_batch(&sql).expect("an index");
        }
    }
    for step in &case.rows {
        database.apply(pack, step, began);
    }
    if case.logged {
        let contracts: Vec<_> = pack.contracts.iter().collect();
        changes::install_change_log(&mut database.store, &contracts, began).expect("the log");
    }
    let mut states = vec![State { from: began, tables: database.rows(pack) }];
    let mut baseline: Option<Baseline> = None;
    let mut now = begin;
    for step in &case.course {
        match step {
            Step::Judge(at) => {
                now = *at;
                let world = World {
                    pack,
                    states: &states,
                    logged: case.logged.then_some(began),
                    baseline: baseline.as_ref(),
                    now,
                };
                let naive = naively(world);
                tally.note(&naive);
                for ((name, way), memory) in ways.iter().zip(&mut memories) {
                    let engine = way(memory, &database.store, pack, now);
                    if let Some((naive, engine)) = differ(&naive, &engine) {
                        return Some(Difference { way: name, at: now, naive, engine });
                    }
                }
            }
            Step::Enter => {
                if pack.stages.iter().any(|s| s.takes_baseline) {
                    let world = World {
                        pack,
                        states: &states,
                        logged: case.logged.then_some(began),
                        baseline: baseline.as_ref(),
                        now,
                    };
                    let taken = Naive::new(world).baseline();
                    take_baseline(&mut database.store, pack, Some("39"), now, "somebody").expect("a baseline");
                    baseline = Some(taken);
                }
            }
            write => {
                database.apply(pack, write, now);
                states.push(State { from: now, tables: database.rows(pack) });
            }
        }
    }
    None
}

fn differ(naive: &[Line], engine: &[Line]) -> Option<(Option<Line>, Option<Line>)> {
    let by_name = |lines: &[Line]| -> BTreeMap<String, Line> {
        lines.iter().map(|line| (line.of.clone(), line.clone())).collect()
    };
    let partial = !engine.iter().any(|line| line.of.starts_with("metric"));
    let (ours, theirs) = (by_name(naive), by_name(engine));
    for line in naive.iter().filter(|l| !partial || !l.of.starts_with("metric")) {
        match theirs.get(&line.of) {
            Some(other) if line.agrees(other) => {}
            other => return Some((Some(line.clone()), other.cloned())),
        }
    }
    let more = engine.iter().find(|line| !ours.contains_key(&line.of));
    more.map(|line| (None, Some(line.clone())))
}

/// How often what was said, so that nobody mistakes a silent generator for agreement.
#[derive(Debug, Default)]
struct Tally {
    said: BTreeMap<String, usize>,
    shapes: BTreeMap<String, usize>,
}

impl Tally {
    fn note(&mut self, lines: &[Line]) {
        for line in lines {
            let kind = line.of.split(' ').next().unwrap_or("");
            let code = match (&line.detail, &*line.outcome) {
                (Some(detail), "unknown") => format!(" {}", detail.split(',').next().unwrap_or("")),
                _ => String::new(),
            };
            *self.said.entry(format!("{kind} {}{code}", line.outcome)).or_default() += 1;
        }
    }

    fn note_shapes(&mut self, text: &str) {
        for shape in [
            "count of ",
            "count of distinct",
            "sum of",
            "average of",
            "median of",
            "percentile of",
            "min of",
            "max of",
            "latest",
            "first ",
            "share of",
            "out of those",
            " over ",
            "ignoring unknown",
            "needs at least",
            "within last",
            "within this",
            "within previous",
            "closed",
            " by due",
            "change of",
            "drop of",
            "difference of",
            " ago",
            "from now",
            " before ",
            " after ",
            "at baseline",
            "since baseline",
            " otherwise",
            "clamped",
            "there is",
            "anywhere",
            " via ",
            "another",
            "no other",
            "'s ",
            "its ",
            "optional",
            "unless",
            "fresh within",
            "stale after",
            "every ",
            "on violation refuse",
            "on violation accept",
            "in force",
            "threshold",
            "acceptable",
            "while ",
            "gate",
            "trigger",
            "consecutive",
            "of the last",
            "holds",
            "is unknown",
            "is missing",
            "is one of",
            "is from",
            "kin",
            "bond",
            "stored as",
            " / ",
            "as percent of",
            " * ",
            "not (",
            "is met",
            "is open",
        ] {
            if text.contains(shape) {
                *self.shapes.entry(shape.to_owned()).or_default() += 1;
            }
        }
    }
}

/// The same case without whatever it can do without and still differ.
fn shrink(mut case: Case, kind: &(&'static str, String)) -> Case {
    let differs = |case: &Case| {
        let mut case = case.clone();
        let before = case.made.blocks.len();
        let pack = case.compile().filter(|_| case.made.blocks.len() == before)?;
        check(&case, &pack, WAYS, &mut Tally::default()).filter(|d| d.kind() == *kind)
    };
    loop {
        let mut smaller = false;
        let attempt = |case: &mut Case, change: &dyn Fn(&mut Case)| {
            let mut other = case.clone();
            change(&mut other);
            let differs = differs(&other).is_some();
            if differs {
                *case = other;
            }
            differs
        };
        for i in (0..case.made.blocks.len()).rev() {
            smaller |= attempt(&mut case, &|c| drop(c.made.blocks.remove(i)));
        }
        for i in (0..case.course.len()).rev() {
            smaller |= attempt(&mut case, &|c| drop(c.course.remove(i)));
        }
        for i in (0..case.rows.len()).rev() {
            smaller |= attempt(&mut case, &|c| drop(c.rows.remove(i)));
        }
        for i in (0..case.made.blocks.len()).rev() {
            for f in (0..case.made.blocks[i].facts.len()).rev() {
                smaller |= attempt(&mut case, &|c| drop(c.made.blocks[i].facts.remove(f)));
            }
        }
        if case.logged {
            smaller |= attempt(&mut case, &|c| c.logged = false);
        }
        if !smaller {
            return case;
        }
    }
}

fn told(case: &Case, difference: &Difference) -> String {
    let rows: String = case.rows.iter().chain(&case.course).map(|s| format!("  {s:?}\n")).collect();
    format!(
        "seed {}\n{}\n{}\nrows and course (logged: {}):\n{rows}\nat {} by {}:\n  naive  {:?}\n  engine {:?}\n",
        case.seed,
        case.made.house,
        case.text(),
        case.logged,
        difference.at,
        difference.way,
        difference.naive,
        difference.engine,
    )
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn three_ways_one_answer() {
    let (cases, seed) = (number("BYLAWS_CASES", 60), number("BYLAWS_SEED", 39_000_000));
    let mut tally = Tally::default();
    let mut compiled = 0;
    let keep_on = std::env::var_os("BYLAWS_KEEP_ON").is_some();
    let mut kinds: BTreeMap<(&'static str, String), (u64, usize)> = BTreeMap::new();
    for seed in seed..seed + cases {
        let mut case = Case::made(seed);
        let Some(pack) = case.compile() else { continue };
        compiled += 1;
        tally.note_shapes(&case.text());
        if let Some(difference) = check(&case, &pack, WAYS, &mut tally) {
            let kind = difference.kind();
            if keep_on && kinds.contains_key(&kind) {
                kinds.entry(kind).or_insert((seed, 0)).1 += 1;
                continue;
            }
            let small = shrink(case, &kind);
            let mut again = small.clone();
            let pack = again.compile().expect("a pack");
            let difference = check(&small, &pack, WAYS, &mut Tally::default()).expect("a difference");
            assert!(keep_on, "{}", told(&small, &difference));
            eprintln!("{}", told(&small, &difference));
            kinds.insert(kind, (seed, 1));
        }
    }
    if std::env::var_os("BYLAWS_TALLY").is_some() {
        eprintln!("{compiled} of {cases} packs compiled\n{tally:#?}");
    }
    assert!(kinds.is_empty(), "{kinds:#?}");
    assert!(compiled * 10 > cases * 9, "only {compiled} of {cases} packs compiled");
}

#[test]
fn what_was_found_stays_right() {
    let mut wrong = Vec::new();
    for found in three_ways::found::FOUND {
        let house = format!("[portfolio]\ntime_zone = \"{}\"\nholidays = [2026-03-09]\n", found.zone);
        let compiled = compile_text(&[("found.bylaw", found.rules)], Some(&house));
        let pack = compiled.pack.as_ref().unwrap_or_else(|| panic!("{}: {:#?}", found.what, compiled.diagnostics));
        let database = Database::new(pack);
        database.store.sqlite().expect("a database of SQLite").execute_batch(found.rows).expect("rows");
        let now: Timestamp = found.at.parse().expect("a moment");
        let states = [State { from: Timestamp::UNIX_EPOCH, tables: database.rows(pack) }];
        let naive = naively(World { pack, states: &states, logged: None, baseline: None, now });
        let mut said = vec![("naive", naive)];
        said.extend(WAYS.iter().map(|(name, way)| (*name, way(&mut Memory::default(), &database.store, pack, now))));
        for (way, lines) in said {
            for (of, expected) in found.said {
                let line = lines.iter().find(|line| line.of == *of);
                // A way that says nothing of metrics says nothing of this one.
                let told = lines.iter().any(|line| line.of.split(' ').next() == of.split(' ').next());
                let Some(line) = line.filter(|_| *expected != "-") else {
                    if (line.is_some() || *expected != "-") && told {
                        wrong.push(format!("{}: {of} by {way} is {line:?}", found.what));
                    }
                    continue;
                };
                let (outcome, behind) = expected.split_once(": ").expect("an outcome and what is behind it");
                let detail = line.detail.as_ref().is_none_or(|d| {
                    d.starts_with(&format!("{behind},")) || d.starts_with(&format!("Some(\"{behind}\")"))
                });
                if line.outcome != outcome || !detail {
                    wrong.push(format!("{}: {of} by {way} is {line:?}", found.what));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
