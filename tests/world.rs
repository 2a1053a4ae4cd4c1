//! The program from outside: exit codes, bad files, bad databases, and readers that leave.
//!
//! After a change of wording: `INSTA_UPDATE=always cargo test --test world`, then read the difference.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

/// So many megabytes a large file has. Without optimisation the same is asked of a tenth.
const MEGABYTES: usize = if cfg!(debug_assertions) { 1 } else { 10 };
/// A large file is read within this, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(300);

// ── running it ──

/// What came of one call.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
    took: Duration,
}

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bylaws"));
    command.current_dir(folder).args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("COLUMNS", "100");
    command.stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let began = Instant::now();
    let output = program(folder, arguments).output().expect("the program starts");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
        err: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
        took: began.elapsed(),
    }
}

impl Ran {
    /// All of it as it is kept.
    fn told(&self) -> String {
        let code = self.code.map_or("a signal".to_owned(), |c| c.to_string());
        let trim = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        format!("exit {code}\n── out\n{}\n── err\n{}\n", trim(&self.out), trim(&self.err))
    }

    fn codes(&self) -> usize {
        self.err
            .lines()
            .filter(|l| l.len() == 5 && l.starts_with('B') && l[1..].bytes().all(|b| b.is_ascii_digit()))
            .count()
    }
}

/// Compares what was told with what is kept, temporary paths and durations aside.
macro_rules! told {
    ($name:literal, $ran:expr) => {{
        let ran = &$ran;
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/world"));
        settings.set_omit_expression(true);
        settings.add_filter(r"/\S*/\.tmp[A-Za-z0-9]+", "FOLDER");
        settings.add_filter(r"(-- \?\d+ = )'20\d\d-\d\d-\d\d[^']*'", "${1}NOW");
        settings.add_filter(r"since 20\d\d-\d\d-\d\d \d\d:\d\d", "since NOW");
        settings.add_filter(r"in \d+\.\d s", "in N s");
        settings.bind(|| insta::assert_snapshot!($name, ran.told()));
    }};
}

#[path = "world/tuning.rs"]
mod tuning;

#[path = "world/commands.rs"]
mod commands;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

const SOUND: &str = "param rate = 20%, from 0% to 100%\n  because \"The rate.\"\n";

/// A folder with one rule file.
fn rules(text: &str) -> TempDir {
    let folder = folder();
    fs::write(folder.path().join("a.bylaw"), text).expect("written");
    folder
}

// ── files ──

#[test]
fn a_sound_file_is_exit_0() {
    let text = format!(
        "{SOUND}\ncontract ventures, each a venture\n  because \"Ours.\"\n  one row per id\n  id  id\n  share  percent\n\n\
         metric mean = average of share over ventures\n\n\
         threshold enough on mean\n  because \"Enough.\"\n  target is at least rate\n"
    );
    told!("sound", run(rules(&text).path(), &["check", "a.bylaw"]));
}

#[test]
fn a_warning_is_exit_0() {
    let text = "contract ventures, each a venture\n  because \"Ours.\"\n  one row per id\n  id  id\n\n\
                metric some = count of ventures\n\n\
                threshold few on some, monthly\n  because \"Few.\"\n  target is at least 3\n";
    told!("warning", run(rules(text).path(), &["check", "a.bylaw"]));
}

#[test]
fn an_error_is_exit_1() {
    told!("error", run(rules("param rate = 200%, from 0% to 100%\n").path(), &["check", "a.bylaw"]));
}

#[test]
fn validate_is_check() {
    let folder = rules(SOUND);
    assert_eq!(run(folder.path(), &["check", "a.bylaw"]).told(), run(folder.path(), &["validate", "a.bylaw"]).told());
}

#[test]
fn a_missing_folder_is_exit_2() {
    told!("missing_folder", run(folder().path(), &["check", "rules"]));
}

#[test]
fn a_missing_file_beside_a_sound_one_is_exit_2() {
    told!("missing_file", run(rules(SOUND).path(), &["check", "a.bylaw", "b.bylaw"]));
}

#[test]
fn an_empty_folder_is_exit_2() {
    let folder = folder();
    fs::create_dir(folder.path().join("rules")).expect("made");
    told!("empty_folder", run(folder.path(), &["check", "rules"]));
}

#[test]
fn a_folder_of_other_files_is_exit_2() {
    let folder = folder();
    fs::write(folder.path().join("notes.txt"), "nothing").expect("written");
    told!("folder_of_other_files", run(folder.path(), &["check", "."]));
}

#[test]
fn a_file_that_is_not_utf_8_is_exit_2() {
    let folder = folder();
    let mut bytes = SOUND.as_bytes().to_vec();
    bytes.extend_from_slice(b"# caf\xe9\n");
    fs::write(folder.path().join("a.bylaw"), bytes).expect("written");
    told!("not_utf8", run(folder.path(), &["check", "a.bylaw"]));
}

#[test]
fn a_binary_file_is_exit_2() {
    let folder = folder();
    let bytes: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(folder.path().join("a.bylaw"), bytes).expect("written");
    let ran = run(folder.path(), &["check", "a.bylaw"]);
    assert_eq!(ran.code, Some(2), "{}", ran.told());
    assert!(ran.err.contains("is not UTF-8 text"), "{}", ran.told());
}

#[test]
fn zero_bytes_are_told() {
    let ran = run(rules("param rate = \0\0\0\n").path(), &["check", "a.bylaw"]);
    assert_eq!(ran.code, Some(1), "{}", ran.told());
}

#[test]
fn a_wrong_call_is_exit_2() {
    let folder = rules(SOUND);
    for (name, arguments) in [
        ("no_command", &[][..]),
        ("unknown_command", &["chek"]),
        ("unknown_option", &["check", "--fast"]),
        ("unknown_format", &["check", "--format", "yaml"]),
    ] {
        let ran = run(folder.path(), arguments);
        assert_eq!(ran.code, Some(2), "{name}: {}", ran.told());
        assert!(!ran.err.is_empty(), "{name} says nothing");
    }
}

#[test]
fn help_and_version_are_exit_0() {
    let folder = folder();
    for arguments in [&["--help"][..], &["--version"], &["check", "--help"], &["help"]] {
        let ran = run(folder.path(), arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.told());
        assert!(ran.err.is_empty() && !ran.out.is_empty(), "{arguments:?}: {}", ran.told());
    }
}

// ── large and deep ──

fn large(line: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(MEGABYTES << 20);
    for i in 0.. {
        text.push_str(&line(i));
        if text.len() >= MEGABYTES << 20 {
            break;
        }
    }
    text
}

fn in_time(text: &str, arguments: &[&str]) -> Ran {
    let ran = run(rules(text).path(), arguments);
    assert!(ran.code.is_some(), "ended by a signal: {}", ran.err.chars().take(300).collect::<String>());
    assert!(ran.took < PATIENCE, "it took {:?}", ran.took);
    ran
}

#[test]
fn a_large_good_file_is_read_in_time() {
    let ran = in_time(
        &large(|i| format!("param p{i} = 20%, from 0% to 100%\n  because \"One of many.\"\n\n")),
        &["check", "a.bylaw"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

/// At most a hundred findings for people, then counts; all of them for programs.
fn flood(text: &str) {
    let ran = in_time(text, &["check", "a.bylaw"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.codes(), 100);
    let tail: Vec<&str> = ran.err.lines().rev().take(3).collect();
    assert!(tail[0].starts_with("`bylaws explain B") && tail[1].starts_with("refused: "), "{tail:?}");
    assert!(tail[2].starts_with("and ") && tail[2].contains(" more: "), "{tail:?}");
    assert!(ran.err.len() < 100_000, "{} bytes are printed", ran.err.len());
}

#[test]
fn a_large_file_of_garbage_is_told_in_time() {
    flood(&large(|i| format!("garbage line {i} of no meaning at all\n")));
}

#[test]
fn a_large_block_of_garbage_is_told_in_time() {
    flood(&format!("trigger t \"T\"\n{}", large(|i| format!("  garbage line {i} of no meaning at all\n"))));
}

#[test]
fn a_large_file_of_wrong_heads_is_told_in_time() {
    flood(&large(|i| format!("metric x{i} = sum of monthly revenue {i}\n")));
}

#[test]
fn the_same_item_over_and_over_is_told_in_time() {
    flood(&large(|_| "param p = 20%, from 0% to 100%\n".to_owned()));
}

#[test]
fn programs_get_every_finding() {
    let text: String = (0..250).map(|i| format!("garbage {i}\n")).collect();
    let ran = in_time(&text, &["check", "a.bylaw", "--format", "json"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(1), 250));
}

/// What nests or chains beyond all reading is refused, and the stack holds.
fn refused(what: &str, line: String) {
    let rows = "contract ventures, each a venture\n  because \"Ours.\"\n  one row per id\n  id  id\n\n";
    let ran = in_time(&format!("{rows}{line}\n"), &["check", "a.bylaw"]);
    assert_eq!(ran.code, Some(1), "{what}: {}", ran.err.chars().take(300).collect::<String>());
    assert!(ran.err.starts_with("B0"), "{what}: {}", ran.err.chars().take(300).collect::<String>());
}

#[test]
fn a_hundred_thousand_parentheses_are_refused() {
    refused("both", format!("metric x = {}1{}", "(".repeat(100_000), ")".repeat(100_000)));
    refused("open", format!("metric x = {}", "(".repeat(100_000)));
    refused("closed", format!("metric x = 1{}", ")".repeat(100_000)));
}

#[test]
fn sums_of_a_hundred_thousand_are_refused() {
    let chain = |sign: &str| vec!["1"; 100_000].join(sign);
    for sign in [" + ", "+", " - ", " * ", "*", " / ", "/", "\n    + ", " as percent of "] {
        refused(sign, format!("metric x = {}", chain(sign)));
    }
}

#[test]
fn other_chains_are_refused() {
    refused("not", format!("metric x = count of ventures where {}1 is 1", "not ".repeat(100_000)));
    refused("possessive", format!("metric x = a{}", "'s b".repeat(100_000)));
    let there = "there is a venture where ".repeat(10_000);
    refused("there is", format!("metric x = count of ventures where {there}1 is 1"));
}

#[test]
fn long_lists_are_read() {
    let all = vec!["id is \"a\""; 20_000].join(" and ");
    let rows = "contract ventures, each a venture\n  because \"Ours.\"\n  one row per id\n  id  id\n\n";
    let ran = in_time(&format!("{rows}metric x = count of ventures where {all}\n"), &["check", "a.bylaw"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err.chars().take(300).collect::<String>());
}

#[test]
fn a_line_of_a_million_characters_is_read() {
    let ran = in_time(
        &format!("param {} = 3, from 1 to 9\n  because \"{}\"\n", "x".repeat(1_000_000), "y".repeat(1_000_000)),
        &["check", "a.bylaw"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err.chars().take(300).collect::<String>());
}

/// Nobody reads a million characters: a long line is shown around the fault.
#[test]
fn a_fault_in_a_line_of_a_million_characters_is_shown_short() {
    for line in [format!("param {}", "? ".repeat(500_000)), format!("param {} = 3, from 4 to 9", "x".repeat(1_000_000))]
    {
        let ran = in_time(&line, &["check", "a.bylaw"]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.err.len() < 20_000, "{} bytes are printed", ran.err.len());
    }
}

#[test]
fn a_chain_and_a_circle_of_twenty_thousand_metrics_are_refused() {
    let n = 20_000;
    let chain: String = (0..n).map(|i| format!("metric m{i} = m{} + 1\n", i + 1)).collect();
    let ran = in_time(&format!("{chain}metric m{n} = 1\n"), &["check", "a.bylaw"]);
    assert_eq!(ran.code, Some(1));
    let circle: String = (0..n).map(|i| format!("metric m{i} = m{} + 1\n", (i + 1) % n)).collect();
    let ran = in_time(&circle, &["check", "a.bylaw"]);
    assert_eq!(ran.code, Some(1));
}

// ── colours, JSON, pipes ──

#[test]
fn colours_stand_where_they_are_wanted() {
    let folder = rules("param rate = 200%, from 0% to 100%\n");
    let coloured = |set: &[(&str, &str)], arguments: &[&str]| {
        let output = program(folder.path(), arguments).envs(set.iter().copied()).output().expect("the program starts");
        output.stderr.contains(&0x1b)
    };
    assert!(!coloured(&[], &["check", "a.bylaw"]), "a pipe is no terminal");
    assert!(!coloured(&[("NO_COLOR", "1")], &["check", "a.bylaw"]));
    assert!(coloured(&[], &["check", "a.bylaw", "--color", "always"]));
    assert!(!coloured(&[], &["check", "a.bylaw", "--color", "never"]));
}

fn objects(ran: &Ran) -> Vec<Value> {
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    ran.out.lines().map(read).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn findings_are_json() {
    let text =
        "param rate = 200%, from 0% to 100%\n  because \"R.\"\nparam rate = 1%, from 0% to 100%\n  because \"R.\"\n";
    let ran = run(rules(text).path(), &["check", "a.bylaw", "--format", "json"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.is_empty(), "{}", ran.err);
    let found = objects(&ran);
    assert_eq!(found.len(), 2, "{}", ran.out);
    for finding in &found {
        assert_eq!(keys(finding), ["v", "code", "severity", "message", "places", "help"]);
        assert_eq!((&finding["v"], &finding["severity"]), (&Value::from(1), &Value::from("error")));
        for place in finding["places"].as_array().expect("places") {
            assert!(
                ["file", "line", "column", "end_line", "end_column"].iter().all(|k| !place[k].is_null()),
                "{place}"
            );
        }
    }
    let two = found.iter().find(|f| f["code"] == "B0202").expect("declared twice");
    assert_eq!(two["places"][0]["line"], 3);
    assert_eq!(two["places"][1]["line"], 1);
}

#[test]
fn a_reader_that_leaves_is_no_fault() {
    let text: String = (0..20_000).map(|i| format!("garbage {i}\n")).collect();
    let folder = rules(&text);
    let mut child = program(folder.path(), &["check", "a.bylaw", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut first).expect("a line");
    assert!(first.starts_with('{'), "{first}");
    // The pipe is closed here.
    let status = child.wait().expect("an end");
    let mut err = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
    assert!(status.code().is_some(), "ended by a signal");
    assert!(err.is_empty(), "{err}");
}

// ── first steps ──

#[test]
fn what_init_writes_passes() {
    let folder = folder();
    told!("init", run(folder.path(), &["init"]));
    for arguments in [&["check"][..], &["test"], &["check", "rules"], &["test", "rules", "--verbose"]] {
        let ran = run(folder.path(), arguments);
        // A first file that is warned of teaches to overlook warnings.
        assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{arguments:?}: {}", ran.told());
    }
    let ran = run(folder.path(), &["fmt", "--check", "rules"]);
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    told!("init_again", run(folder.path(), &["init"]));
}

#[test]
fn what_init_writes_judges_a_database_that_is_not_there() {
    let folder = folder();
    run(folder.path(), &["init"]);
    told!("run_without_a_database", run(folder.path(), &["run"]));
}

#[test]
fn names_and_filters_that_are_not_there_are_told() {
    let folder = folder();
    run(folder.path(), &["init"]);
    told!("show_misspelt", run(folder.path(), &["show", "revenu_low"]));
    told!("test_filter", run(folder.path(), &["test", "--filter", "no such title"]));
    let folder = portfolio(|_| {});
    told!("as_of_misspelt", run(folder.path(), &["run", "--db", "p.db", "--as-of", "tomorrow"]));
}

// ── databases ──

/// A folder that holds the first rules and a database for them.
fn portfolio(change: impl FnOnce(&Connection)) -> TempDir {
    let folder = folder();
    assert_eq!(run(folder.path(), &["init"]).code, Some(0));
    let db = Connection::open(folder.path().join("p.db")).expect("made");
    db.execute_batch(
        "CREATE TABLE ventures (id TEXT PRIMARY KEY, name TEXT, status TEXT, lead TEXT);
         CREATE TABLE venture_metrics (venture_id TEXT, recorded_at TEXT, monthly_revenue NUMERIC, PRIMARY KEY (venture_id, recorded_at));
         INSERT INTO ventures VALUES ('atlas', 'Atlas', 'active', 'ann'), ('borealis', 'Borealis', 'active', NULL);
         INSERT INTO venture_metrics VALUES ('atlas', '2026-03-01', 20000), ('borealis', '2026-03-01', 30000);",
    )
    .expect("filled");
    change(&db);
    db.close().expect("closed");
    folder
}

fn judged(folder: &TempDir) -> Ran {
    run(folder.path(), &["run", "--db", "p.db", "--as-of", "2026-03-02"])
}

#[test]
fn a_sound_database_is_exit_0() {
    told!("database_sound", judged(&portfolio(|_| {})));
}

#[test]
fn what_fires_is_exit_1() {
    told!(
        "database_fires",
        judged(&portfolio(|db| {
            db.execute("UPDATE venture_metrics SET monthly_revenue = 5000 WHERE venture_id = 'atlas'", [])
                .expect("written");
        }))
    );
}

#[test]
fn verdicts_are_json() {
    let folder = portfolio(|db| {
        db.execute("UPDATE venture_metrics SET monthly_revenue = 5000 WHERE venture_id = 'atlas'", [])
            .expect("written");
    });
    let ran = run(folder.path(), &["run", "--db", "p.db", "--as-of", "2026-03-02", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.told());
    assert!(ran.err.is_empty(), "{}", ran.err);
    let all = objects(&ran);
    let known = [
        "v",
        "rule",
        "kind",
        "key",
        "verdict",
        "state",
        "iteration",
        "value",
        "unit",
        "target",
        "age_s",
        "severity",
        "period",
        "reason",
        "reason_code",
        "as_of",
    ];
    for verdict in &all {
        assert!(keys(verdict).iter().all(|k| known.contains(k)), "{verdict}");
        for key in ["v", "rule", "kind", "key", "verdict", "reason", "reason_code", "as_of"] {
            assert!(!verdict[key].is_null(), "{key} is missing: {verdict}");
        }
        let words: &[&str] = match verdict["kind"].as_str().expect("a kind") {
            "threshold" => &["met", "acceptable", "breached", "off", "unknown"],
            "gate" => &["open", "closed", "unknown"],
            "trigger" | "rollback" => &["fires", "clear", "unknown"],
            "contract" => &["holds", "violated", "unknown"],
            kind => panic!("{kind} is no kind"),
        };
        assert!(words.contains(&verdict["verdict"].as_str().expect("a verdict")), "{verdict}");
    }
    let fires: Vec<&Value> = all.iter().filter(|v| v["verdict"] == "fires").collect();
    assert_eq!(fires.len(), 1, "{}", ran.out);
    let key: Vec<&str> = fires[0]["key"].as_object().expect("a key").values().filter_map(Value::as_str).collect();
    assert_eq!((fires[0]["rule"].as_str(), &key[..]), (Some("revenue_low"), &["atlas"][..]));
    // Values are decimal strings or words, never floats.
    assert!(all.iter().all(|v| v["value"].is_null() || v["value"].is_string()), "{}", ran.out);
}

#[test]
fn a_file_that_is_no_database_is_exit_2() {
    let folder = portfolio(|_| {});
    fs::write(folder.path().join("p.db"), "these are words, and no database at all\n".repeat(100)).expect("written");
    told!("database_of_words", judged(&folder));
    told!("migrate_words", run(folder.path(), &["migrate", "--db", "p.db"]));
}

#[test]
fn a_missing_database_is_exit_2() {
    let folder = portfolio(|_| {});
    fs::remove_file(folder.path().join("p.db")).expect("removed");
    told!("database_missing", judged(&folder));
    assert!(!folder.path().join("p.db").exists(), "reading makes no database");
}

#[test]
fn an_empty_file_is_exit_2() {
    let folder = portfolio(|_| {});
    fs::write(folder.path().join("p.db"), "").expect("written");
    told!("database_empty", judged(&folder));
}

#[test]
fn a_truncated_database_is_exit_2() {
    let folder = portfolio(|db| {
        for i in 0..500 {
            db.execute(
                "INSERT INTO ventures VALUES (?1, 'A long name of a venture', 'active', NULL)",
                [format!("v{i:05}")],
            )
            .expect("written");
        }
    });
    let path = folder.path().join("p.db");
    let bytes = fs::read(&path).expect("read");
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
    told!("database_truncated", judged(&folder));
}

#[test]
fn a_folder_for_a_database_is_exit_2() {
    let folder = portfolio(|_| {});
    fs::remove_file(folder.path().join("p.db")).expect("removed");
    fs::create_dir(folder.path().join("p.db")).expect("made");
    told!("database_is_a_folder", judged(&folder));
}

#[test]
fn a_locked_database_is_exit_2() {
    let folder = portfolio(|_| {});
    let other = Connection::open(folder.path().join("p.db")).expect("opened");
    other.execute_batch("BEGIN EXCLUSIVE").expect("locked");
    let ran = judged(&folder);
    told!("database_locked", ran);
    assert!(ran.took < Duration::from_secs(30), "it waited {:?}", ran.took);
}

#[test]
fn a_newer_database_is_exit_2() {
    let folder = portfolio(|_| {});
    told!("migrate", run(folder.path(), &["migrate", "--db", "p.db"]));
    let db = Connection::open(folder.path().join("p.db")).expect("opened");
    db.execute(
        "INSERT INTO bylaws_migrations SELECT family, 9001, 'later', checksum, applied_at FROM bylaws_migrations LIMIT 1",
        [],
    )
    .expect("written");
    drop(db);
    let ran = judged(&folder);
    assert_eq!(ran.code, Some(2), "{}", ran.told());
    assert!(ran.err.contains("newer version of bylaws"), "{}", ran.err);
}

#[test]
fn another_kind_of_database_is_exit_2() {
    let folder = portfolio(|_| {});
    told!("database_of_another_kind", run(folder.path(), &["run", "--db", "mysql://host/name"]));
}

#[test]
fn a_missing_table_makes_unknown() {
    told!(
        "database_lacks_a_table",
        judged(&portfolio(|db| {
            db.execute_batch("DROP TABLE venture_metrics").expect("dropped");
        }))
    );
}

#[test]
fn a_missing_column_makes_unknown() {
    told!(
        "database_lacks_a_column",
        judged(&portfolio(|db| {
            db.execute_batch("ALTER TABLE ventures DROP COLUMN status").expect("dropped");
        }))
    );
}

#[test]
fn a_text_for_a_number_is_violated() {
    told!(
        "database_holds_a_text",
        judged(&portfolio(|db| {
            db.execute("UPDATE venture_metrics SET monthly_revenue = 'a lot' WHERE venture_id = 'atlas'", [])
                .expect("written");
        }))
    );
}

#[test]
fn a_word_that_is_not_listed_is_violated() {
    told!(
        "database_holds_another_word",
        judged(&portfolio(|db| {
            db.execute_batch("UPDATE ventures SET status = 'asleep' WHERE id = 'atlas'; UPDATE venture_metrics SET monthly_revenue = 5000")
            .expect("written");
        }))
    );
}

#[test]
fn an_orphan_is_violated() {
    told!(
        "database_holds_an_orphan",
        judged(&portfolio(|db| {
            db.execute("INSERT INTO venture_metrics VALUES ('zebra', '2026-03-01', 1)", []).expect("written");
        }))
    );
}

#[test]
fn an_empty_table_is_unknown_for_nobody() {
    told!(
        "database_without_rows",
        judged(&portfolio(|db| {
            db.execute_batch("DELETE FROM venture_metrics; DELETE FROM ventures").expect("emptied");
        }))
    );
}

/// Judging writes nothing, so a database that may only be read is enough.
#[cfg(unix)]
#[test]
fn a_read_only_database_is_judged() {
    use std::os::unix::fs::PermissionsExt;
    let folder = portfolio(|_| {});
    let path = folder.path().join("p.db");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("set");
    let before = fs::read(&path).expect("read");
    let ran = judged(&folder);
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    assert_eq!(before, fs::read(&path).expect("read"), "the file has changed");
}
