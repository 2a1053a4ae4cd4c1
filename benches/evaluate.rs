//! Judges a pack over a database as often as `REPEAT` says, and prints how many keys violate each rule.
//!
//! `evaluate PACK DB AS_OF` prints a line `RULE COUNT` for each rule and, to standard error, `#eval_ms W cpu_ms C` for
//! each time: everything from opening the reading to the last verdict, without start-up and compilation. It is the
//! contender of a harness that holds it beside hand-written SQL; without arguments it judges the demonstration.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Instant;

use bylaws::compile::compile;
use bylaws::lang::waiver::Today;
use bylaws::store::{Access, Store};
use bylaws::tick::judge_once;

/// The processor time of this process, in milliseconds.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with("--")).collect();
    let [pack, db, as_of] = &words[..] else {
        eprintln!("evaluate PACK DB AS_OF");
        return;
    };
    let as_of: jiff::Timestamp = as_of.parse().expect("a moment such as 2026-06-30T00:00:00Z");
    let compiled = compile(&[PathBuf::from(pack)], None, Today::At(as_of));
    let pack = compiled.pack.expect("a pack without errors");
    let store = Store::open(db, Access::Read).expect("the database opens");
    let repeat: usize = std::env::var("REPEAT").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    for round in 0..repeat {
        let (wall, cpu) = (Instant::now(), cpu_ms());
        let verdicts = judge_once(&store, &pack, as_of, as_of).expect("the database is read");
        eprintln!("#eval_ms {:.3} cpu_ms {:.3}", wall.elapsed().as_secs_f64() * 1e3, cpu_ms() - cpu);
        if round + 1 < repeat {
            continue;
        }
        let mut counts: BTreeMap<&str, usize> = pack.triggers.iter().map(|t| (&*t.name, 0)).collect();
        let mut words: HashMap<&str, usize> = HashMap::new();
        for verdict in &verdicts {
            *words.entry(verdict.outcome.word()).or_default() += 1;
            if verdict.outcome == bylaws::engine::judge::Outcome::Fires
                && let Some(count) = counts.get_mut(&*verdict.rule)
            {
                *count += 1;
            }
        }
        eprintln!("#verdicts {words:?}");
        for (rule, count) in counts {
            println!("{rule} {count}");
        }
    }
}
