//! Writes single rows into a database and judges after each what it touched, as often as `REPEAT` says.
//!
//! `changes PACK DB AS_OF` changes the database: give it a copy. It prints, in microseconds, the median and the tenth
//! and ninetieth percentile of what one changed allocation and one changed metric row cost: `decide` from the question
//! what was written to the commit of what was recorded, `whole` with the write itself, its triggers and its commit;
//! `steady` is a tick after which nothing was other. It is held beside a hand-written incremental program.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use bylaws::compile::compile;
use bylaws::keep::Renewed;
use bylaws::lang::waiver::Today;
use bylaws::record::Recorder;
use bylaws::source::Sources;
use bylaws::store::{Access, Store, changes, migrate};
use jiff::{SignedDuration, Timestamp};

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("the line is written");
}

fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
}

fn show(what: &str, mut all: Vec<f64>) {
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all.get((all.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    say(&format!("{what} us median {:.1} p10 {:.1} p90 {:.1}", at(0.5), at(0.1), at(0.9)));
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with("--")).collect();
    let [pack, db, as_of] = &words[..] else {
        say("changes PACK DB AS_OF");
        return;
    };
    let began: Timestamp = as_of.parse().expect("a moment such as 2026-06-30T00:00:00Z");
    let compiled = compile(&[PathBuf::from(pack)], None, Today::At(began));
    let pack = compiled.pack.expect("a pack without errors");
    let sources: &Sources = &compiled.sources;
    let mut store = Store::open(db, Access::Write).expect("the database opens");
    store.keep_prepared(512);
    store.batch("PRAGMA journal_mode = wal; PRAGMA synchronous = normal").expect("a mode");
    let writer = Store::open(db, Access::Write).expect("the database opens once more");
    writer.batch("PRAGMA synchronous = normal").expect("a mode");
    migrate::migrate(&mut store, &[], began).expect("the program's tables");
    let contracts: Vec<_> = pack.contracts.iter().collect();
    let began_log = began.checked_sub(SignedDuration::from_hours(24)).expect("a day before");
    let installed = changes::install_change_log(&mut store, &contracts, began_log).expect("a log");
    say(&format!("logged {}, not {:?}", installed.tables.len(), installed.skipped));
    let mut recorder = Recorder::new(&pack, sources);
    let (wall, cpu) = (Instant::now(), cpu_us());
    let first = recorder.tick((began, began), None, &mut store).expect("the first tick");
    say(&format!(
        "cold start wall_ms {:.1} cpu_ms {:.1} entries {}",
        wall.elapsed().as_secs_f64() * 1e3,
        (cpu_us() - cpu) / 1e3,
        first.entries.len()
    ));
    let repeat: u32 = std::env::var("REPEAT").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let ventures = writer.row("SELECT count(*) FROM ventures", &[], |row| row.int(0)).expect("a count").unwrap_or(1);
    let mut chance = 12345u64;
    let mut draw = |most: i64| {
        chance = chance.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((chance >> 33) as i64) % most
    };
    let (mut steady, mut kinds) = (Vec::new(), [0; 3]);
    let mut shapes = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    let mut entries = 0;
    for _ in 0..repeat {
        for (shape, (decide, whole)) in shapes.iter_mut().enumerate() {
            let head = changes::log_head(&writer).expect("the log");
            let at = Instant::now();
            if shape == 0 {
                let (percent, id) = (1 + draw(60), 1 + draw(ventures * 5));
                let sql = "UPDATE venture_resource_allocations SET allocation_percentage = ?1 WHERE id = ?2";
                writer.execute(sql, &[percent.into(), id.into()]).expect("a write");
            } else {
                let (burn, venture) = (1 + draw(400_000), format!("v-{:06}", draw(ventures)));
                let day = format!("2026-06-{:02}", 1 + draw(28));
                let sql = "UPDATE venture_metrics SET monthly_burn = ?1 WHERE venture_id = ?2 AND recorded_at = ?3";
                writer.execute(sql, &[burn.into(), venture.into(), day.into()]).expect("a write");
            }
            let written = at.elapsed();
            // The workload lives in a day of its own.
            writer
                .execute(
                    "UPDATE bylaws_changes SET at = ?1 WHERE seq > ?2",
                    &[as_of.replace("Z", ".000Z").into(), head.into()],
                )
                .expect("a moment");
            let at = Instant::now();
            let ticked = recorder.tick((began, began), None, &mut store).expect("a tick");
            let judged = at.elapsed();
            decide.push(judged.as_secs_f64() * 1e6);
            whole.push((written + judged).as_secs_f64() * 1e6);
            entries += ticked.entries.len();
            kinds[match ticked.renewed {
                Renewed::Nothing => 0,
                Renewed::Part(_) => 1,
                Renewed::Everything(why) => {
                    say(&format!("everything was read: {why}"));
                    2
                }
            }] += 1;
        }
        let cpu = cpu_us();
        let ticked = recorder.tick((began, began), None, &mut store).expect("a tick");
        assert!(matches!(ticked.renewed, Renewed::Nothing), "{:?}", ticked.renewed);
        steady.push(cpu_us() - cpu);
    }
    let [(decide, whole), (decide_metric, whole_metric)] = shapes;
    show("allocation decide", decide);
    show("allocation whole", whole);
    show("metric decide", decide_metric);
    show("metric whole", whole_metric);
    show("steady cpu", steady);
    say(&format!("nothing, part, everything: {kinds:?}; entries {entries}"));
}
