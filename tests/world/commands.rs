//! Each command over a folder and a database of its own: once, twice, and over a world that is wrong.

use super::*;

/// Rules that compare with a baseline, which their stage takes.
const GROWTH: &str = "\
contract ventures, each a venture
  because \"Ours.\"
  one row per id
  id       id
  status   one of active or sunset
  revenue  money

metric portfolio_revenue = sum of revenue in ventures where status is active
metric revenue_of_venture per venture = sum of revenue in ventures
metric growth = change of portfolio_revenue since baseline
metric growth_of_venture per venture = change of revenue_of_venture since baseline

stage 7 \"Growth\"
  takes the baseline on entry

trigger shrinks \"The portfolio shrinks\"
  because \"What shrinks needs a hand.\"
  when growth is below least_growth
  check daily
  tell chairman

param least_growth = 0%, from -50% to 50%
  because \"Below this it shrinks.\"
";

const VENTURES: &str = "\
CREATE TABLE ventures (id TEXT PRIMARY KEY, status TEXT, revenue NUMERIC);
INSERT INTO ventures VALUES ('atlas', 'active', 100.5), ('borealis', 'active', NULL), ('cygnus', 'sunset', 7);";

/// A folder with rules and a database `p.db`.
fn grown(tables: &str) -> TempDir {
    let folder = folder();
    fs::create_dir(folder.path().join("rules")).expect("made");
    fs::write(folder.path().join("rules/a.bylaw"), GROWTH).expect("written");
    change(&folder, tables);
    folder
}

fn change(folder: &TempDir, script: &str) {
    let db = Connection::open(folder.path().join("p.db")).expect("opened");
    db.execute_batch(script).expect("written");
    db.close().expect("closed");
}

fn of(folder: &TempDir, line: &str) -> Ran {
    let words: Vec<&str> = line.split(' ').collect();
    run(folder.path(), &words)
}

fn words_for_a_database(folder: &TempDir) {
    fs::write(folder.path().join("p.db"), "these are words, and no database at all\n".repeat(100)).expect("written");
}

// ── migrate ──

#[test]
fn a_change_log_is_begun_once_and_goes_on() {
    let folder = grown(VENTURES);
    told!("change_log", of(&folder, "migrate --db p.db --change-log"));
    change(&folder, "UPDATE bylaws_change_log SET began_at = '2026-01-02T03:04:00.000Z'");
    let again = of(&folder, "migrate --db p.db --change-log");
    assert_eq!(
        again.told(),
        "exit 0\n── out\nnothing to do\nchange log of ventures since 2026-01-02 03:04\n── err\n\n"
    );
}

#[test]
fn what_a_change_log_kept_is_read() {
    let folder = grown(VENTURES);
    of(&folder, "migrate --db p.db --change-log");
    change(
        &folder,
        "UPDATE bylaws_change_log SET began_at = '2026-01-01T00:00:00.000Z';
         UPDATE ventures SET revenue = 50 WHERE id = 'borealis';
         UPDATE bylaws_changes SET at = '2026-02-01T00:00:00.000Z'",
    );
    assert_eq!(of(&folder, "baseline take --db p.db --as-of 2026-03-01").code, Some(0));
    told!("baseline_after_a_change", of(&folder, "baseline show --db p.db"));
    // Before the write its revenue was missing.
    assert_eq!(of(&folder, "baseline take --db p.db --as-of 2026-01-15").code, Some(0));
    change(
        &folder,
        "DELETE FROM bylaws_baseline_readings WHERE baseline_id = 1; DELETE FROM bylaws_baselines WHERE id = 1",
    );
    let shown = of(&folder, "baseline show --db p.db");
    let line = "revenue_of_venture of borealis: unknown: borealis: `revenue` of borealis in `ventures` is missing";
    assert!(shown.out.starts_with("baseline of 2026-01-15") && shown.out.contains(line), "{}", shown.told());
    assert!(shown.out.contains("portfolio_revenue: unknown: 1 of 2 ventures is unknown"), "{}", shown.told());
}

#[test]
fn tables_that_cannot_be_logged_are_told() {
    told!("change_log_without_tables", of(&grown(""), "migrate --db p.db --change-log"));
    let view = "CREATE TABLE t (id TEXT, status TEXT, revenue NUMERIC); CREATE VIEW ventures AS SELECT * FROM t;";
    told!("change_log_of_a_view", of(&grown(view), "migrate --db p.db --change-log"));
}

#[test]
fn a_change_log_of_wrong_rules_touches_nothing() {
    let folder = grown(VENTURES);
    fs::write(folder.path().join("rules/b.bylaw"), "param rate = 200%, from 0% to 100%\n").expect("written");
    let before = fs::read(folder.path().join("p.db")).expect("read");
    let ran = of(&folder, "migrate --db p.db --change-log");
    assert_eq!(ran.code, Some(1), "{}", ran.told());
    assert_eq!(before, fs::read(folder.path().join("p.db")).expect("read"), "the file has changed");
}

// ── baseline ──

#[test]
fn a_baseline_is_taken_and_shown() {
    let folder = grown(VENTURES);
    told!("baseline_of_none", of(&folder, "baseline show --db p.db"));
    told!("baseline_taken", of(&folder, "baseline take --db p.db --as-of 2026-03-02 --stage 7"));
    told!("baseline_shown", of(&folder, "baseline show --db p.db"));
    told!("baseline_shown_as_json", of(&folder, "baseline show --db p.db --format json"));
    for line in objects(&of(&folder, "baseline show --db p.db --format json")) {
        assert_eq!(keys(&line), ["v", "metric", "key", "value", "unknown", "unit", "as_of"]);
        assert!(line["value"].is_string() != line["unknown"].is_string(), "{line}");
    }
}

#[test]
fn the_last_baseline_counts() {
    let folder = grown(VENTURES);
    change(&folder, "UPDATE ventures SET revenue = 100");
    assert_eq!(of(&folder, "baseline take --db p.db --as-of 2026-03-02").code, Some(0));
    change(&folder, "UPDATE ventures SET revenue = 50");
    assert_eq!(of(&folder, "run --db p.db").code, Some(1), "half of it is gone");
    assert_eq!(of(&folder, "baseline take --db p.db --as-of 2026-03-03").code, Some(0));
    let ran = of(&folder, "run --db p.db");
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    let shown = of(&folder, "baseline show --db p.db");
    assert!(shown.out.starts_with("baseline of 2026-03-03 00:00, taken by "), "{}", shown.out);
}

#[test]
fn no_baseline_is_exit_1_and_no_json() {
    let folder = grown(VENTURES);
    let ran = of(&folder, "baseline show --db p.db --format json");
    assert_eq!((ran.code, &*ran.out), (Some(1), ""), "{}", ran.told());
    assert!(ran.err.contains("no baseline has been taken"), "{}", ran.err);
    of(&folder, "baseline take --db p.db");
    assert_eq!(of(&folder, "baseline show --db p.db --stage 7").code, Some(1), "it was taken for no stage");
}

#[test]
fn baselines_of_a_wrong_world_are_exit_2() {
    let folder = grown(VENTURES);
    told!("baseline_of_an_unknown_stage", of(&folder, "baseline take --db p.db --stage 8"));
    told!("baseline_at_no_moment", of(&folder, "baseline take --db p.db --as-of tomorrow"));
    told!("baseline_without_a_database", of(&folder, "baseline take --db q.db"));
    assert!(!folder.path().join("q.db").exists(), "taking a baseline makes no database");
    words_for_a_database(&folder);
    for line in ["baseline take --db p.db", "baseline show --db p.db", "migrate --db p.db --change-log"] {
        let ran = of(&folder, line);
        assert_eq!((ran.code, &*ran.out), (Some(2), ""), "{line}: {}", ran.told());
        assert!(ran.err.contains("is not an SQLite database"), "{line}: {}", ran.err);
    }
    // Without stages there is none to name.
    let first = folder_of_init();
    let ran = of(&first, "baseline take --db p.db --stage 8");
    assert!(ran.code == Some(2) && ran.err.contains("they declare no stage at all"), "{}", ran.told());
}

fn folder_of_init() -> TempDir {
    let folder = folder();
    assert_eq!(run(folder.path(), &["init"]).code, Some(0));
    folder
}

// ── init, show, run, demo ──

#[test]
fn init_makes_the_folder_it_is_given() {
    let folder = folder();
    told!("init_of_a_folder", of(&folder, "init new"));
    let new = folder.path().join("new");
    for arguments in [&["check"][..], &["test"], &["check", "--format", "json"], &["test", "--format", "json"]] {
        let ran = run(&new, arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.told());
        assert!(ran.err.is_empty() || arguments == ["check"], "{arguments:?}: {}", ran.told());
    }
}

#[test]
fn init_in_a_repository_installs_its_hook() {
    let folder = folder();
    fs::create_dir_all(folder.path().join(".git/hooks")).expect("made");
    assert_eq!(of(&folder, "init").code, Some(0));
    assert!(folder.path().join(".git/hooks/pre-commit").exists());
    assert!(!folder.path().join("pre-commit").exists());
}

#[test]
fn a_rule_is_shown_from_text_to_sql() {
    let folder = grown(VENTURES);
    told!("show", of(&folder, "show growth"));
    let ran = of(&folder, "show growth --sql --arrows");
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    for word in ["1. text → items", "4. pack → plan", "baseline, from now", "SELECT ", "FROM \"ventures\"", ";\n"] {
        assert!(ran.out.contains(word), "{word} is missing: {}", ran.out);
    }
    let init = folder_of_init();
    told!("show_sql_and_arrows", of(&init, "show revenue_low --sql --arrows"));
}

#[test]
fn another_moment_is_judged_as_json() {
    let folder = portfolio(|_| {});
    for (moment, code) in [("2026-03-02", 0), ("2026-03-20", 1), ("2020-01-01", 1)] {
        let ran = run(folder.path(), &["run", "--db", "p.db", "--as-of", moment, "--format", "json"]);
        assert_eq!(ran.code, Some(code), "{moment}: {}", ran.told());
        assert!(ran.err.is_empty(), "{}", ran.err);
        let lines = objects(&ran);
        assert!(!lines.is_empty());
        let at = format!("{moment}T00:00:00Z");
        assert!(lines.iter().all(|l| l["as_of"] == at.as_str()), "{}", ran.out);
    }
}

#[test]
fn the_demo_is_kept_in_a_file_that_was_not_there() {
    let folder = folder();
    let ran = of(&folder, "demo --db d.db");
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    assert!(ran.out.contains("bylaws run rules --db d.db --as-of 2026-06-30"), "{}", ran.out);
    let before = fs::read(folder.path().join("d.db")).expect("read");
    told!("demo_again", of(&folder, "demo --db d.db"));
    assert_eq!(before, fs::read(folder.path().join("d.db")).expect("read"), "the file has changed");
    // The shipped rules judge it as the demo did.
    let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let shown = of(&folder, "demo --format json");
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    let judged =
        run(folder.path(), &["run", pack, "--db", "d.db", "--as-of", "2026-06-30T09:00:00Z", "--format", "json"]);
    assert_eq!(judged.code, Some(1), "{}", judged.err);
    assert!(!objects(&judged).is_empty());
    assert_eq!(judged.out, shown.out);
}

// ── completions, man ──

#[test]
fn shells_and_manuals_know_every_command() {
    let folder = folder();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = of(&folder, &format!("completions {shell}"));
        assert_eq!(ran.code, Some(0), "{}", ran.told());
        assert!(ran.out.contains("baseline") && ran.out.contains("as-of"), "{shell}: {}", ran.out);
    }
    assert_eq!(of(&folder, "completions tcsh").code, Some(2));
    let ran = of(&folder, "man --out pages/man1");
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    let page = fs::read_to_string(folder.path().join("pages/man1/bylaws-profile-apply.1")).expect("a page");
    assert!(page.contains("no\\-commit"), "{page}");
    fs::write(folder.path().join("file"), "").expect("written");
    let ran = of(&folder, "man --out file");
    assert_eq!(ran.code, Some(2), "{}", ran.told());
}

// ── test ──

#[test]
fn what_is_said_of_a_key_that_never_was_fails() {
    let folder = folder();
    let rules = "\
contract ventures, each a venture
  because \"Ours.\"
  one row per id
  id       id
  revenue  money

param least = $10, from $1 to $90
  because \"Below this it is a hobby.\"

trigger poor \"A poor venture\", per venture
  because \"Somebody should look.\"
  when revenue is below least
  check daily
  severity low
  tell chairman

test \"A rich venture is left alone\"
  now is 2026-03-02 09:00
  given ventures
    id     revenue
    atlas  $50
  expect poor fired 0 times for atlas
  expect chairman was not told about poor for atlas
  expect poor is not firing for atlas
";
    fs::write(folder.path().join("a.bylaw"), rules).expect("written");
    let ran = of(&folder, "test a.bylaw");
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    for line in
        ["poor fired 0 times for atlas", "chairman was not told about poor for atlas", "poor is not firing for atlas"]
    {
        let misspelt = line.replace("atlas", "altas");
        fs::write(folder.path().join("a.bylaw"), rules.replace(line, &misspelt)).expect("written");
        let ran = of(&folder, "test a.bylaw");
        assert_eq!(ran.code, Some(1), "{misspelt}: {}", ran.told());
    }
}

#[test]
fn how_often_rules_can_fire_at_worst_is_told() {
    let folder = folder();
    let rule = |name: &str, lines: &str| {
        format!("trigger {name} \"{name}\"\n  because \"So.\"\n  when n is below few\n  {lines}\n  severity low\n")
    };
    let text = [
        "contract ventures, each a venture\n  because \"Ours.\"\n  one row per id\n  id  id\n".to_owned(),
        "param few = 3, from 1 to 9\n  because \"So.\"\n".to_owned(),
        "metric n = count of ventures\n".to_owned(),
        rule("seldom", "check monthly") + "  tell chairman\n",
        rule("often", "check every 5 minutes") + "  tell chairman\n",
        rule("braked", "check every 5 minutes\n  once within 6 hours") + "  fire pushed\n",
        rule("pushed", "check daily") + "  tell chairman\n",
        rule("always", "check on change") + "  tell chairman\n",
    ]
    .join("\n");
    fs::write(folder.path().join("a.bylaw"), text).expect("written");
    let ran = of(&folder, "check a.bylaw");
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    let note = "at worst, for one key: always fires with every change of what is read; \
                often 288 times, pushed 5 times and braked 4 times a day; each of the others once a day or less";
    assert!(ran.out.contains(note), "{}", ran.told());
}
