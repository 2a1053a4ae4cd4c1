//! Judges a pack over a database as often as `REPEAT` says, and prints how many keys violate each rule.
//!
//! `evaluate PACK DB AS_OF` prints a line `RULE COUNT` for each rule and, to standard error, `#eval_ms W cpu_ms C` for
//! each time: everything from opening the reading to the last verdict, without start-up and compilation. It is the
//! contender of a harness that holds it beside hand-written SQL. `BENCH_MMAP=BYTES` maps the database into memory and
//! keeps a gigabyte of it, as the harness does for its own statements.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use bylaws::compile::compile;
use bylaws::engine::judge::Judge;
use bylaws::lang::pack::RuleRef;
use bylaws::lang::waiver::Today;
use bylaws::store::read::Unlisted;
use bylaws::store::{Access, Store};
use bylaws::tick::{Standing, Tick, findings};

/// The processor time of this process, in milliseconds.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

fn say(to: &mut impl Write, line: &str) {
    writeln!(to, "{line}").expect("the line is written");
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with("--")).collect();
    let [pack, db, as_of] = &words[..] else {
        say(&mut std::io::stderr(), "evaluate PACK DB AS_OF");
        return;
    };
    let as_of: jiff::Timestamp = as_of.parse().expect("a moment such as 2026-06-30T00:00:00Z");
    let compiled = compile(&[PathBuf::from(pack)], None, Today::At(as_of));
    let pack = compiled.pack.expect("a pack without errors");
    let store = Store::open(db, Access::Read).expect("the database opens");
    if let Some(bytes) = std::env::var("BENCH_MMAP").ok().and_then(|n| n.parse::<i64>().ok()) {
        let conn = store.sqlite().expect("a database of SQLite");
        conn.pragma_update(None, "cache_size", -1_000_000i64).expect("a cache");
        let _: i64 = conn.query_row(&format!("PRAGMA mmap_size={bytes}"), [], |r| r.get(0)).expect("a map");
    }
    let repeat: usize = std::env::var("REPEAT").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let rules: Vec<RuleRef> = pack.rules().into_iter().filter(|r| matches!(r, RuleRef::Trigger(_))).collect();
    let (overrides, unlisted) = (HashMap::new(), Unlisted::new());
    let tick = Tick {
        pack: &pack,
        as_of,
        clock: as_of,
        rules: &rules,
        metrics: &[],
        overrides: &overrides,
        unlisted: &unlisted,
        by_rows: false,
    };
    let param = |id| tick.param(id);
    let mut standing = Standing::default();
    for round in 0..repeat {
        let (wall, cpu) = (Instant::now(), cpu_ms());
        let taken = tick.take_on(&store, &mut standing).expect("the database is read");
        let judged = findings(&Judge::new(&pack, &taken.plan, &taken.readings, &param), &rules);
        let (wall, cpu) = (wall.elapsed().as_secs_f64() * 1e3, cpu_ms() - cpu);
        say(&mut std::io::stderr(), &format!("#eval_ms {wall:.3} cpu_ms {cpu:.3}"));
        if round + 1 < repeat {
            continue;
        }
        let mut counts: BTreeMap<&str, usize> = pack.triggers.iter().map(|t| (&*t.name, 0)).collect();
        let mut words: HashMap<&str, usize> = HashMap::new();
        for (_, outcome) in judged.outcomes.iter().flat_map(|(_, all)| all) {
            *words.entry(outcome.word()).or_default() += 1;
        }
        for verdict in &judged.findings {
            if verdict.outcome == bylaws::engine::judge::Outcome::Fires
                && let Some(count) = counts.get_mut(&*verdict.rule)
            {
                *count += 1;
            }
        }
        say(&mut std::io::stderr(), &format!("#verdicts {words:?}"));
        for (rule, count) in counts {
            say(&mut std::io::stdout(), &format!("{rule} {count}"));
        }
    }
}
