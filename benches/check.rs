//! How long it takes to compile rules: 1,000, 10,000 and 100,000 of them, and the shipped pack.
//!
//! `cargo bench --bench check` measures; `cargo bench --bench check -- --write N FILE` writes a pack of N rules instead,
//! for other programs to be measured beside.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::PathBuf;

use bylaws::compile::{compile, compile_text};
use bylaws::lang::waiver::Today;
use criterion::{BenchmarkId, Criterion, Throughput};

/// A pack of so many items: contracts of the data, and then a param, a metric, a threshold and a trigger by turns, each
/// using the one before it. About 110 bytes an item.
fn pack(items: usize) -> String {
    let mut text = String::from(
        "contract ventures, each a venture\n  because \"The companies we own.\"\n  one row per id\n  id      id\n\
         \x20 status  one of active, paused or sunset\n\n\
         contract readings, each a reading\n  because \"Numbers of ventures.\"\n  one row per venture_id and day\n\
         \x20 dated by day\n  venture_id  id of ventures\n  day         date\n  revenue     money, at least $0\n\
         \x20 cost        money, at least $0\n  users       count, at least 0\n\
         \x20 fresh within 1 day per venture, stale after 7 days\n\n",
    );
    for i in 0..items / 4 {
        let (column, unit) = [("revenue", "$"), ("cost", "$"), ("users", "")][i % 3];
        let (value, top, days) = (i + 1, 2 * i + 10, i % 28 + 2);
        let _ = write!(
            text,
            "param limit_{i} = {unit}{value}, from {unit}1 to {unit}{top}\n  because \"A limit that somebody tuned.\"\n\n\
             metric measure_{i} per venture = sum of {column} in readings within last {days} days\n\n\
             threshold watch_{i} on measure_{i}\n  because \"It should not fall below its limit.\"\n\
             \x20 target is at least limit_{i}\n\n\
             trigger alarm_{i} \"Alarm {i}\", per venture\n  because \"Somebody should look.\"\n\
             \x20 when measure_{i} is below limit_{i}\n  check daily at 07:00\n  severity low\n  tell chairman\n\n"
        );
    }
    text
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let Some(at) = words.iter().position(|w| w == "--write") {
        let items = words.get(at + 1).and_then(|n| n.parse().ok()).expect("--write N FILE");
        let file = words.get(at + 2).expect("--write N FILE");
        std::fs::write(file, pack(items)).expect("the file can be written");
        return;
    }
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("check");
    for items in [1_000, 10_000, 100_000] {
        let text = pack(items);
        group.throughput(Throughput::Elements(items as u64));
        group.bench_with_input(BenchmarkId::new("generated", items), &text, |b, text| {
            b.iter(|| {
                let compiled = compile_text(&[("rules.bylaw", black_box(text))], None);
                assert!(compiled.pack.is_some());
                compiled
            });
        });
    }
    let shipped = [PathBuf::from("rules"), PathBuf::from("tests/rules")];
    group.bench_function("shipped", |b| b.iter(|| compile(black_box(&shipped), None, Today::Never)));
    group.finish();
    criterion.final_summary();
}
