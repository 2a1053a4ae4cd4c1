//! The record from outside: the program is called, ended, called again, killed, and its ledger tampered with.

mod common;
#[path = "common/database.rs"]
mod database;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use bylaws::compile::compile_text;
use bylaws::lang::revision::{self, Revisions};
use common::{read, root, rule_files};
use database::{Database, Kind};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

const RULES: &str = "\
contract ventures, each a venture
  because \"Ours.\"
  one row per id
  id       id
  name     text
  status   one of active, paused or sunset
  revenue  money

contract teams, each a team
  because \"Theirs.\"
  one row per id
  id       id
  revenue  money

contract sales
  because \"What came in.\"
  one row per id
  dated by sold_on
  id       id
  venture  text
  amount   money
  sold_on  date

param least = $10,000, from $0 to $1,000,000
  because \"Below it nobody is paid.\"

param fewest = 2, from 0 to 100
  because \"One is not a portfolio.\"

metric takings per venture = revenue
metric month_sales = sum of amount in sales within this month
metric number = count of ventures where status is active

threshold enough_sales on month_sales, monthly, settled after 3 days
  because \"It pays the rent.\"
  target is at least $100

trigger low \"Low\", per venture
  because \"It needs help.\"
  when status is active and takings is below least
  check daily at 07:00
  once within 10 days
  tell chairman
  ask chairman to choose sale or closure, answer within 3 days, else escalate
  end as sold when chairman chose sale

trigger held
  because \"Not for a moment only.\"
  when number is below fewest for 4 hours
  check every 1 hour
  tell chairman
";

/// The folder of a house: rules, a bylaws.toml, and the database that other systems fill.
struct House {
    folder: TempDir,
    /// Where the portfolio is on a server.
    server: Option<Database>,
}

/// What came of one call.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let server = (database::kind() == Kind::Postgres).then(Database::new);
        let house = House::made(folder, server);
        house.sql(
            "CREATE TABLE ventures (id TEXT PRIMARY KEY, name TEXT, status TEXT, revenue NUMERIC);
             CREATE TABLE teams (id TEXT PRIMARY KEY, revenue NUMERIC);
             CREATE TABLE sales (id TEXT PRIMARY KEY, venture TEXT, amount NUMERIC, sold_on TEXT);
             INSERT INTO ventures VALUES ('atlas', 'Atlas', 'active', 9000), ('sol', 'Sol', 'active', 90000);
             INSERT INTO teams VALUES ('core', 5);
             INSERT INTO sales VALUES ('s1', 'atlas', 120, '2026-02-10');",
        );
        house
    }

    fn made(folder: TempDir, server: Option<Database>) -> House {
        let house = House { folder, server };
        fs::create_dir(house.path("rules")).expect("rules");
        house.rules(RULES);
        let url = house.server.as_ref().map_or("portfolio.db", Database::address);
        let toml = format!(
            "[rules]\npaths = [\"rules\"]\n[database]\nurl = \"{url}\"\n[roles.chairman]\ndecides = true\n\
             above = \"board\"\n[roles.board]\n"
        );
        fs::write(house.path("bylaws.toml"), toml).expect("house");
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn rules(&self, text: &str) {
        fs::write(self.path("rules/a.bylaw"), text).expect("rules");
    }

    fn edit(&self, was: &str, is: &str) {
        let text = read(&self.path("rules/a.bylaw"));
        assert!(text.contains(was), "{was}");
        self.rules(&text.replace(was, is));
    }

    fn open(&self) -> Connection {
        Connection::open(self.path("portfolio.db")).expect("database")
    }

    fn try_sql(&self, script: &str) -> Result<(), String> {
        match &self.server {
            Some(server) => server.store().batch(script).map_err(|e| e.message),
            None => self.open().execute_batch(script).map_err(|e| e.to_string()),
        }
    }

    fn sql(&self, script: &str) {
        self.try_sql(script).unwrap_or_else(|e| panic!("{script}: {e}"));
    }

    fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        match &self.server {
            Some(server) => server.store().row(&sql, &[], |row| row.int(0)).expect("count").expect("a row"),
            None => self.open().query_row(&sql, [], |r| r.get(0)).expect("count"),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bylaws"));
        command.current_dir(self.folder.path()).args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// One recorded tick, which must be made; how many entries it wrote.
    fn record(&self, at: &str) -> usize {
        let ran = self.run(&["run", "--record", "--as-of", at]);
        assert!(matches!(ran.code, Some(0 | 1)), "{}{}", ran.out, ran.err);
        let last = ran.out.lines().last().expect("a last line");
        let said = last.strip_prefix("recorded: ").unwrap_or_else(|| panic!("{}", ran.out));
        if said == "nothing new" { 0 } else { said.split(' ').next().and_then(|n| n.parse().ok()).expect("a number") }
    }

    /// The lines of a rule's history without their moments and numbers.
    fn history(&self, arguments: &[&str]) -> Vec<String> {
        let ran = self.run(&[&["history"], arguments].concat());
        ran.out.lines().map(|line| line.splitn(5, ' ').nth(4).unwrap_or_default().trim().to_owned()).collect()
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let ran = self.run(&[arguments, &["--format", "json"]].concat());
        ran.out.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|_| panic!("{l}"))).collect()
    }

    fn state(&self, rule: &str, key: &str) -> String {
        let lines = self.json(&["status"]);
        let own = |l: &&Value| l["what"] == "rule" && l["rule"] == rule && (key.is_empty() || l["key"][0] == key);
        lines.iter().find(own).map_or("not there".into(), |l| l["state"].as_str().unwrap_or_default().to_owned())
    }

    /// As somebody would who may write to the file: without the triggers that stand in the way.
    fn tamper(&self, script: &str) {
        if self.server.is_some() {
            let stand = ["bylaws_ledger", "bylaws_revisions"].map(|t| format!("ALTER TABLE {t} DISABLE TRIGGER USER;"));
            return self.sql(&format!("{} {script}", stand.concat()));
        }
        self.sql(&format!(
            "DROP TRIGGER IF EXISTS bylaws_ledger_no_update; DROP TRIGGER IF EXISTS bylaws_ledger_no_delete;
             DROP TRIGGER IF EXISTS bylaws_ledger_only_appended; DROP TRIGGER IF EXISTS bylaws_revisions_no_update;
             {script}"
        ));
    }

    fn copy(&self) -> House {
        if let Some(server) = &self.server {
            let folder = tempfile::tempdir().expect("a folder");
            let copy = House::made(folder, Some(Database::from_template(Some(server))));
            fs::copy(self.path("rules/a.bylaw"), copy.path("rules/a.bylaw")).expect("copied");
            return copy;
        }
        let copy = House::new();
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)");
        fs::copy(self.path("portfolio.db"), copy.path("portfolio.db")).expect("copied");
        copy
    }

    fn verify(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["verify"], arguments].concat())
    }
}

database::on_both! {
    the_same_moment_twice_appends_nothing,
    what_is_remembered_outlives_the_program,
    silence_escalates_while_nobody_looks_at_the_rule_by_its_pace,
    time_in_which_nobody_judged_does_not_count_for_a_hold,
    a_ledger_goes_forward_only_and_never_ahead,
    a_row_that_cannot_be_read_is_not_gone,
    a_settled_month_stays_as_it_was_judged,
    ticks_at_the_same_time_are_written_down_one_after_the_other,
    the_ledger_refuses_to_be_changed,
    every_touched_row_is_found_and_named,
    every_entry_comes_out_the_same_again,
    a_decision_that_does_not_follow_is_told,
    a_pruned_ledger_knows_where_it_begins,
    a_changed_threshold_is_judged_at_once_and_keeps_what_is_remembered,
    a_changed_cooldown_keeps_and_waits_for_the_pace,
    a_new_name_that_says_the_old_one_goes_on,
    a_changed_grain_resets,
    a_rule_that_is_no_more_ends_its_firings,
    the_status_says_what_is_in_force_what_fires_and_who_is_waited_for,
    an_entry_holds_what_it_was_made_of,
    values_of_the_house_are_in_the_revision,
}

const FIRST: &str = "2026-03-02 09:00";

// ── recording ──

#[test]
fn without_record_nothing_is_written() {
    let house = House::new();
    let before = fs::read(house.path("portfolio.db")).expect("read");
    assert_eq!(house.run(&["run", "--as-of", FIRST]).code, Some(1));
    assert_eq!(fs::read(house.path("portfolio.db")).expect("read"), before);
    let ran = house.verify(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("holds no ledger") && ran.err.contains("run --record"), "{}", ran.err);
    assert_eq!(house.run(&["status"]).code, Some(2));
}

fn the_same_moment_twice_appends_nothing() {
    let house = House::new();
    assert!(house.record(FIRST) > 5);
    let rows = house.count("bylaws_ledger");
    assert_eq!(house.record(FIRST), 0);
    assert_eq!(house.record(FIRST), 0);
    assert_eq!(house.count("bylaws_ledger"), rows);
    assert_eq!(house.verify(&[]).code, Some(0));
}

fn what_is_remembered_outlives_the_program() {
    let house = House::new();
    house.record(FIRST);
    assert_eq!(house.state("low", "atlas"), "firing");
    assert_eq!(house.state("low", "sol"), "not there");
    // Not due before the next morning, whatever happens in between.
    house.sql("UPDATE ventures SET revenue = 50000 WHERE id = 'atlas'");
    house.record("2026-03-02 18:00");
    assert_eq!(house.state("low", "atlas"), "firing");
    house.record("2026-03-03 07:00");
    assert_eq!(house.state("low", "atlas"), "cooling");
    house.sql("UPDATE ventures SET revenue = 1 WHERE id = 'atlas'");
    house.record("2026-03-04 07:00");
    assert_eq!(house.state("low", "atlas"), "cooling", "within ten days it does not fire again");
    house.record("2026-03-12 09:00");
    assert_eq!(house.state("low", "atlas"), "firing");
    assert_eq!(
        house.history(&["low", "atlas"]),
        [
            "low for Atlas fires: status is active and takings is $9,000, below $10,000",
            "low for Atlas fired; tell chairman; chairman asked until 2026-03-05 09:00",
            "low for Atlas clear, was fires: takings is $50,000, not below $10,000",
            "low for Atlas cleared",
            "low for Atlas fires, was clear: status is active and takings is $1, below $10,000",
            "low for Atlas fired; tell chairman; chairman asked until 2026-03-15 09:00",
        ]
    );
    assert_eq!(house.history(&["low", "atlas", "--since", "2026-03-03", "--limit", "1"]).len(), 1);
    let none = house.run(&["history", "high"]);
    assert_eq!((none.code, none.out.as_str()), (Some(1), ""));
    assert_eq!(house.verify(&[]).code, Some(0));
}

fn silence_escalates_while_nobody_looks_at_the_rule_by_its_pace() {
    let house = House::new();
    house.record("2026-03-02 12:00");
    house.record("2026-03-05 13:00");
    let last = house.history(&["low", "atlas"]).pop();
    assert_eq!(last.as_deref(), Some("low for Atlas chairman and board asked again as urgent until 2026-03-08 13:00"));
}

fn time_in_which_nobody_judged_does_not_count_for_a_hold() {
    let house = House::new();
    house.sql("UPDATE ventures SET status = 'sunset'");
    house.record("2026-03-02 00:00");
    assert_eq!(house.state("held", ""), "pending");
    // Five hours pass, of which one was to pass before the next look.
    house.record("2026-03-02 05:00");
    assert_eq!(house.state("held", ""), "pending");
    for hour in ["06", "07"] {
        house.record(&format!("2026-03-02 {hour}:00"));
        assert_eq!(house.state("held", ""), "pending", "{hour}");
    }
    house.record("2026-03-02 08:00");
    assert_eq!(house.state("held", ""), "firing");
}

fn a_ledger_goes_forward_only_and_never_ahead() {
    let house = House::new();
    house.record(FIRST);
    let ran = house.run(&["run", "--record", "--as-of", "2026-03-01"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("has already recorded 2026-03-02 09:00"), "{}", ran.err);
    assert_eq!(house.run(&["run", "--as-of", "2026-03-01"]).code, Some(1));
    let ran = house.run(&["run", "--record", "--as-of", "2999-01-01"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
}

fn a_row_that_cannot_be_read_is_not_gone() {
    let house = House::new();
    house.record(FIRST);
    house.sql("ALTER TABLE ventures RENAME TO elsewhere");
    house.record("2026-03-03 09:00");
    assert_eq!(house.state("low", "atlas"), "firing");
    house.sql("ALTER TABLE elsewhere RENAME TO ventures; DELETE FROM ventures WHERE id = 'atlas'");
    house.record("2026-03-04 09:00");
    assert_ne!(house.state("low", "atlas"), "firing");
    let told = house.history(&["low", "atlas"]);
    assert!(told.contains(&"low for atlas ended as gone".to_owned()), "{told:#?}");
    assert!(told.contains(&"low for Atlas gone, was fires: it is no longer there".to_owned()), "{told:#?}");
}

fn a_settled_month_stays_as_it_was_judged() {
    let house = House::new();
    house.record("2026-03-02 09:00");
    assert_eq!(house.history(&["enough_sales"]).len(), 1);
    house.record("2026-03-05 09:00");
    let told = house.history(&["enough_sales"]);
    assert_eq!(told[1], "enough_sales met: month sales is $120, at least $100, the target (February 2026); settled");
    house.sql("UPDATE sales SET amount = 20");
    assert_eq!(house.record("2026-03-06 09:00"), 1);
    assert_eq!(house.record("2026-03-06 09:00"), 0);
    assert_eq!(house.record("2026-03-07 09:00"), 0);
    let told = house.history(&["enough_sales"]);
    assert!(told[2].starts_with("enough_sales breached, was met: month sales is $20"), "{}", told[2]);
    assert!(told[2].ends_with("a correction: the settled verdict stands"), "{}", told[2]);
    let standing = house.json(&["status"]).into_iter().find(|l| l["rule"] == "enough_sales").expect("it");
    assert_eq!(standing["verdict"], "met");
}

#[test]
fn the_state_may_lie_elsewhere_than_the_portfolio() {
    let house = House::new();
    let toml = read(&house.path("bylaws.toml")).replace("[roles.chairman]", "state = \"state.db\"\n[roles.chairman]");
    fs::write(house.path("bylaws.toml"), toml).expect("house");
    let before = fs::read(house.path("portfolio.db")).expect("read");
    assert!(house.record(FIRST) > 5);
    assert_eq!(house.record(FIRST), 0);
    assert_eq!(fs::read(house.path("portfolio.db")).expect("read"), before, "the portfolio is only read");
    assert_eq!(house.state("low", "atlas"), "firing");
    assert_eq!(house.verify(&[]).code, Some(0));
    assert_eq!(house.verify(&["--state", "state.db", "--db", "portfolio.db"]).code, Some(0));
    assert_eq!(house.verify(&["--db", "portfolio.db"]).code, Some(2));
    let beside = house.run(&["run", "--record", "--as-of", FIRST, "--state", "other.db", "--db", "portfolio.db"]);
    assert_eq!(beside.code, Some(1), "{}", beside.err);
    assert_eq!(house.verify(&["--state", "other.db"]).code, Some(0));
}

// ── all or nothing ──

#[test]
fn a_tick_that_fails_leaves_nothing_behind() {
    let house = House::new();
    house.record(FIRST);
    let tables = ["bylaws_ledger", "bylaws_memory", "bylaws_verdicts", "bylaws_rules", "bylaws_revisions"];
    let before = tables.map(|t| house.count(t));
    house.edit("least = $10,000", "least = $95,000");
    house.sql("INSERT INTO ventures VALUES ('nova', 'Nova', 'active', 1)");
    for table in ["bylaws_memory", "bylaws_verdicts", "bylaws_rules"] {
        // The last of many rows is refused: everything before it was written already.
        house.sql(&format!(
            "CREATE TRIGGER fails AFTER INSERT ON {table} WHEN NEW.rule IN ('low', 'held')
             BEGIN SELECT RAISE(ABORT, 'no'); END;
             CREATE TRIGGER fails_too AFTER UPDATE ON {table} WHEN NEW.rule IN ('low', 'held')
             BEGIN SELECT RAISE(ABORT, 'no'); END"
        ));
        let ran = house.run(&["run", "--record", "--as-of", "2026-03-03 09:00"]);
        house.sql("DROP TRIGGER fails; DROP TRIGGER fails_too");
        assert_eq!(ran.code, Some(2), "{table}: {}", ran.out);
        assert!(ran.err.contains("refused a row"), "{}", ran.err);
        assert_eq!(tables.map(|t| house.count(t)), before, "{table}");
        assert_eq!(house.state("low", "sol"), "not there");
    }
    assert!(house.record("2026-03-03 09:00") > 3);
    assert_eq!(house.state("low", "sol"), "firing");
    assert_eq!(house.verify(&[]).code, Some(0));
}

#[test]
fn a_killed_tick_leaves_nothing_half() {
    let house = House::new();
    house.record(FIRST);
    for round in 0..14u64 {
        house.sql(&format!("UPDATE ventures SET revenue = {}", if round % 2 == 0 { 90_000 } else { 1 }));
        let at = format!("2026-03-{:02} 09:00", 3 + round);
        let mut child = house
            .command(&["run", "--record", "--as-of", &at])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(Duration::from_millis(7 * round));
        child.kill().expect("killed");
        child.wait().expect("ended");
        let ran = house.verify(&[]);
        assert_eq!(ran.code, Some(0), "{round}: {}{}", ran.out, ran.err);
        // What was said last and what is remembered are those of the ledger's end.
        let conn = house.open();
        let one = |sql: &str| -> Option<String> { conn.query_row(sql, [], |r| r.get(0)).expect("a row") };
        let judged = one("SELECT max(judged_at) FROM bylaws_rules");
        let told = one("SELECT max(at) FROM bylaws_ledger");
        assert!(told <= judged, "{told:?} {judged:?}");
        assert_eq!(
            one("SELECT CAST(count(*) AS TEXT) FROM bylaws_verdicts WHERE seq NOT IN (SELECT seq FROM bylaws_ledger)")
                .as_deref(),
            Some("0")
        );
    }
    house.record("2026-04-20 09:00");
    assert_eq!(house.record("2026-04-20 09:00"), 0);
}

fn ticks_at_the_same_time_are_written_down_one_after_the_other() {
    let house = House::new();
    house.record(FIRST);
    house.sql("UPDATE ventures SET revenue = 50000 WHERE id = 'atlas'");
    let before = house.count("bylaws_ledger");
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = house.command(&["run", "--record", "--as-of", "2026-03-03 09:00"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
        })
        .collect();
    for mut child in children {
        let code = child.wait().expect("ended").code();
        assert!(matches!(code, Some(0 | 1)), "{code:?}");
    }
    // One of them found the change and the others nothing new.
    assert_eq!(house.count("bylaws_ledger"), before + 2);
    assert_eq!(house.verify(&[]).code, Some(0));
}

// ── verify ──

fn the_ledger_refuses_to_be_changed() {
    let house = House::new();
    house.record(FIRST);
    for sql in [
        "UPDATE bylaws_ledger SET rule = 'x' WHERE seq = 2",
        "DELETE FROM bylaws_ledger WHERE seq = 2",
        "DELETE FROM bylaws_ledger",
        "INSERT OR REPLACE INTO bylaws_ledger SELECT * FROM bylaws_ledger WHERE seq = 2",
        "UPDATE bylaws_revisions SET rules = ''",
    ] {
        assert!(house.try_sql(sql).is_err(), "{sql}");
    }
}

fn every_touched_row_is_found_and_named() {
    let house = House::new();
    house.record(FIRST);
    house.sql("UPDATE ventures SET revenue = 50000 WHERE id = 'atlas'");
    house.record("2026-03-03 09:00");
    let rows = house.count("bylaws_ledger");
    let whole = house.verify(&[]);
    assert_eq!(whole.code, Some(0));
    let head = whole.out.lines().find_map(|l| l.strip_prefix(&format!("head {rows} "))).expect("a head").to_owned();
    assert!(whole.out.contains(&format!("{rows} rows")), "{}", whole.out);
    assert_eq!(house.verify(&["--head", &head]).code, Some(0));

    let found = |script: &str, arguments: &[&str], what: &str| {
        let copy = house.copy();
        copy.tamper(script);
        let ran = copy.verify(arguments);
        assert_eq!(ran.code, Some(1), "{script}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(what), "{script}: {}", ran.out);
    };
    for (column, value) in [
        ("at", "'2026-03-02T09:00:00.001Z'"),
        ("recorded_at", "'2026-03-02T09:00:00.001Z'"),
        ("kind", "'edit'"),
        ("rule", "rule || 'x'"),
        ("key", "'[\"x\"]'"),
        ("body", "body || ' '"),
        ("previous", "replace(previous, substr(previous, 1, 1), 'x')"),
        ("hash", "replace(hash, substr(hash, 1, 1), 'x')"),
    ] {
        found(&format!("UPDATE bylaws_ledger SET {column} = {value} WHERE seq = 4"), &[], "row 4 was changed");
    }
    found("DELETE FROM bylaws_ledger WHERE seq = 4", &[], "row 4 is missing");
    found("DELETE FROM bylaws_ledger WHERE seq = 1", &[], "row 1 is missing");
    found("DELETE FROM bylaws_ledger WHERE seq IN (4, 5)", &[], "rows 4 to 5 are missing");
    let swap = "UPDATE bylaws_ledger SET seq = 1000 WHERE seq = 4; UPDATE bylaws_ledger SET seq = 4 WHERE seq = 5;
                UPDATE bylaws_ledger SET seq = 5 WHERE seq = 1000";
    found(swap, &[], "row 4 was changed");
    found(swap, &[], "row 5 was changed");
    found("UPDATE bylaws_revisions SET rules = rules || ' '", &[], "were changed");
    found("DELETE FROM bylaws_revisions", &[], "are missing");
    // At the end only a head that was noted elsewhere tells that rows are missing.
    let cut = format!("DELETE FROM bylaws_ledger WHERE seq >= {}", rows - 1);
    let copy = house.copy();
    copy.tamper(&cut);
    assert_eq!(copy.verify(&[]).code, Some(0));
    found(&cut, &["--head", &head], "rows at the end are missing");
    // A chain that has gone on holds its earlier heads.
    house.record("2026-03-20 09:00");
    let ran = house.verify(&["--head", &head]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains(&format!("is row {rows}, and the chain goes on")), "{}", ran.out);
    let json: Value = serde_json::from_str(&house.verify(&["--format", "json"]).out).expect("json");
    assert_eq!((json["whole"].as_bool(), json["rows"].as_i64()), (Some(true), Some(house.count("bylaws_ledger"))));
}

// ── replay ──

fn every_entry_comes_out_the_same_again() {
    let house = House::new();
    house.record(FIRST);
    house.sql("UPDATE ventures SET revenue = 50000 WHERE id = 'atlas'; UPDATE sales SET amount = 2");
    house.record("2026-03-03 09:00");
    // The rules of today are others; those of then are in the ledger.
    house.edit("least = $10,000", "least = $95,000");
    house.record("2026-03-20 09:00");
    let mut replayed = 0;
    for entry in house.json(&["history", "all", "--limit", "1000"]) {
        let id = entry["id"].to_string();
        let ran = house.run(&["replay", &id]);
        if matches!(entry["kind"].as_str(), Some("verdict" | "decision" | "correction")) {
            assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
            replayed += 1;
        } else {
            assert_eq!(ran.code, Some(2), "{}", ran.out);
        }
    }
    assert!(replayed > 12, "{replayed}");
    assert_eq!(house.run(&["replay", "9999"]).code, Some(2));
}

fn a_decision_that_does_not_follow_is_told() {
    let house = House::new();
    house.record(FIRST);
    let entries = house.json(&["history", "low", "atlas"]);
    let id = |kind: &str| entries.iter().find(|e| e["kind"] == kind).expect("one")["id"].to_string();
    let (verdict, decision) = (id("verdict"), id("decision"));
    // Somebody who can make a chain anew writes other values: what was decided no longer follows from them.
    house.tamper(&format!(
        "UPDATE bylaws_ledger SET body = replace(body, '\"value\":\"9000\"', '\"value\":\"19000\"') WHERE seq IN ({verdict}, {decision})"
    ));
    for id in [&verdict, &decision] {
        let ran = house.run(&["replay", id]);
        assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    }
    let ran = house.run(&["replay", &decision]);
    assert!(ran.out.contains("not the same") && ran.out.contains("\"when\": \"no\""), "{}", ran.out);
}

/// What `replay` stands on: the words that are kept of a rule are a pack of their own.
#[test]
fn the_words_of_every_revision_compile_by_themselves() {
    let mut seen = 0;
    for folder in ["", "examples/firms", "examples/hospital"] {
        let folder = root().join(folder);
        let texts: Vec<String> = rule_files(&folder.join("rules")).iter().map(|p| read(p)).collect();
        let names: Vec<String> = (0..texts.len()).map(|i| format!("{i}.bylaw")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
        let house = read(&folder.join("bylaws.toml"));
        let pack = compile_text(&files, Some(&house)).pack.unwrap_or_else(|| panic!("{}", folder.display()));
        let revisions = Revisions::of(&pack);
        for (rule, revision) in &revisions.of {
            seen += 1;
            let name = pack.rule(*rule).expect("it").name.to_owned();
            assert_eq!(revision::hash(&revisions.house, &revision.rules), revision.hash);
            let again = compile_text(&[("rules.bylaw", &revision.rules)], Some(&revisions.house));
            let told = again.diagnostics.first().map(|d| d.message.clone());
            let alone = again.pack.unwrap_or_else(|| panic!("{name}: {told:?}\n{}", revision.rules));
            // And they are its own revision.
            let own = Revisions::of(&alone);
            let rule = alone.item(&name).and_then(|i| i.rule).expect("the rule");
            assert_eq!(own.of[&rule].hash, revision.hash, "{name}");
        }
    }
    assert!(seen > 100, "{seen}");
}

// ── prune ──

fn a_pruned_ledger_knows_where_it_begins() {
    let house = House::new();
    house.record(FIRST);
    house.sql("UPDATE ventures SET revenue = 50000 WHERE id = 'atlas'");
    house.record("2026-03-10 09:00");
    let rows = house.count("bylaws_ledger");
    let ran = house.run(&["ledger", "prune", "--before", "2026-03-01"]);
    assert_eq!((ran.code, house.count("bylaws_ledger")), (Some(0), rows), "{}", ran.err);
    let ran = house.run(&["ledger", "prune", "--before", "2026-03-05"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(house.count("bylaws_ledger") < rows);
    let ran = house.verify(&[]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(ran.out.contains("what came before was pruned"), "{}", ran.out);
    assert_eq!(house.record("2026-03-10 09:00"), 0, "what is remembered is not in the rows that were taken out");
    // It goes on, and can be pruned again.
    house.record("2026-03-20 09:00");
    assert_eq!(house.verify(&[]).code, Some(0));
    assert_eq!(house.run(&["ledger", "prune", "--before", "2030-01-01"]).code, Some(0));
    assert_eq!(house.verify(&[]).code, Some(0));
    // Nobody else takes rows out, and what is taken out without a checkpoint is missed.
    assert!(house.try_sql("DELETE FROM bylaws_ledger").is_err());
    house.sql("UPDATE ventures SET revenue = 1");
    house.record("2026-04-20 09:00");
    house.tamper("DELETE FROM bylaws_ledger WHERE seq = (SELECT min(seq) FROM bylaws_ledger)");
    assert_eq!(house.verify(&[]).code, Some(1));
    // A broken chain is not cut.
    assert_eq!(house.run(&["ledger", "prune", "--before", "2030-01-01"]).code, Some(2));
}

// ── edits ──

fn a_changed_threshold_is_judged_at_once_and_keeps_what_is_remembered() {
    let house = House::new();
    house.record(FIRST);
    house.edit("least = $10,000", "least = $95,000");
    house.record("2026-03-02 10:00");
    assert_eq!(house.state("low", "sol"), "firing", "not due before tomorrow, but judged");
    let told = house.history(&["low"]);
    assert!(
        told.iter().any(|l| l == "low was edited: what it remembers is kept, and it was judged at once"),
        "{told:#?}"
    );
    let atlas: Vec<&String> = told.iter().filter(|l| l.starts_with("low for Atlas fired")).collect();
    assert_eq!(atlas.len(), 1, "{told:#?}");
}

fn a_changed_cooldown_keeps_and_waits_for_the_pace() {
    let house = House::new();
    house.record(FIRST);
    house.edit("once within 10 days", "once within 1 day");
    house.sql("UPDATE ventures SET revenue = 50000");
    house.record("2026-03-02 10:00");
    assert_eq!(house.state("low", "atlas"), "firing");
    assert_eq!(house.history(&["low"]).last().map(String::as_str), Some("low was edited: what it remembers is kept"));
    assert_eq!(house.record("2026-03-02 10:00"), 0, "an edit is told once");
}

fn a_new_name_that_says_the_old_one_goes_on() {
    let house = House::new();
    house.record(FIRST);
    house.edit(
        "trigger low \"Low\", per venture\n  because \"It needs help.\"",
        "trigger poor \"Low\", per venture\n  because \"It needs help.\"\n  formerly low",
    );
    house.record("2026-03-02 10:00");
    assert_eq!(house.state("poor", "atlas"), "firing");
    assert_eq!(house.state("low", "atlas"), "not there");
    let told = house.history(&["poor"]);
    assert_eq!(told, ["poor, formerly low was edited: what it remembers is kept"]);
}

fn a_changed_grain_resets() {
    let house = House::new();
    house.record(FIRST);
    let text = read(&house.path("rules/a.bylaw"))
        .replace("trigger low \"Low\", per venture", "trigger low \"Low\", per team")
        .replace("status is active and takings is below least", "revenue is below least");
    house.rules(&text);
    house.record("2026-03-02 10:00");
    assert_eq!(house.state("low", "core"), "firing");
    assert_eq!(house.state("low", "atlas"), "not there");
    let told = house.history(&["low"]);
    let reset = "low is of other rows than before: what it remembered is reset; 1 firing ended as gone";
    assert!(told.iter().any(|l| l == reset), "{told:#?}");
}

fn a_rule_that_is_no_more_ends_its_firings() {
    let house = House::new();
    house.record(FIRST);
    let text = read(&house.path("rules/a.bylaw"));
    let (before, rest) = text.split_once("trigger low").expect("it");
    let (_, after) = rest.split_once("trigger held").expect("it");
    house.rules(&format!("{before}trigger held{after}"));
    house.record("2026-03-02 10:00");
    assert_eq!(house.state("low", "atlas"), "not there");
    assert_eq!(house.history(&["low"]).last().map(String::as_str), Some("low is no more; 1 firing ended as gone"));
    let ended = house.json(&["history", "low"]).pop().expect("one");
    assert_eq!(ended["body"]["firings_ended_as_gone"][0][0], "atlas");
    assert_eq!(house.record("2026-03-02 10:00"), 0);
}

// ── status and entries ──

fn the_status_says_what_is_in_force_what_fires_and_who_is_waited_for() {
    let house = House::new();
    house.sql("INSERT INTO ventures VALUES ('nova', 'Nova', 'active', NULL)");
    house.record(FIRST);
    let ran = house.run(&["status"]);
    assert_eq!(ran.code, Some(1));
    for part in [
        "In force",
        "since 2026-03-02 09:00",
        "3 contracts, 2 params, 3 metrics, 1 threshold and 2 triggers",
        "! low for Atlas since 2026-03-02 09:00",
        "chairman about low for Atlas: until 2026-03-05 09:00",
        "Blind",
        "ventures",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let lines = house.json(&["status"]);
    let atlas = lines.iter().find(|l| l["what"] == "rule" && l["key"][0] == "atlas").expect("atlas");
    assert_eq!((&atlas["waits_for"][0], &atlas["deadline"]), (&"chairman".into(), &"2026-03-05T09:00:00Z".into()));
    // When all is well it says so.
    house.sql("UPDATE ventures SET revenue = 50000");
    house.record("2026-03-20 09:00");
    let ran = house.run(&["status"]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
}

fn an_entry_holds_what_it_was_made_of() {
    let house = House::new();
    house.rules(&format!("{RULES}\nset least = $12,000 because \"Prices rise.\"\n"));
    house.sql("INSERT INTO ventures VALUES ('nova', 'Nova', 'active', NULL)");
    house.record(FIRST);
    let fired = house.json(&["history", "low", "atlas"]).pop().expect("one");
    let body = &fired["body"];
    assert_eq!(body["params"]["least"]["value"], "12000");
    let from = body["params"]["least"]["from"].as_str().expect("a place");
    assert!(from.starts_with("set in rules/a.bylaw:"), "{from}");
    let takings =
        body["readings"].as_array().expect("readings").iter().find(|r| r["reads"] == "takings").expect("takings");
    assert_eq!((takings["value"].as_str(), takings["unit"].as_str()), (Some("9000"), Some("USD")));
    assert_eq!(body["revision"].as_str().map(str::len), Some(64));
    let nova = house.json(&["history", "low", "nova"]).pop().expect("one");
    let unknown = nova["body"]["readings"].as_array().expect("readings").iter().find(|r| r["reads"] == "takings");
    assert_eq!(unknown.expect("takings")["reason_code"], "missing_value");
}

fn values_of_the_house_are_in_the_revision() {
    let house = House::new();
    house.record(FIRST);
    let toml = read(&house.path("bylaws.toml"));
    fs::write(house.path("bylaws.toml"), format!("{toml}[limits]\nblast_radius = \"10%\"\n")).expect("house");
    house.record("2026-03-02 10:00");
    let kinds: Vec<Value> = house.json(&["history", "all"]).into_iter().map(|e| e["kind"].clone()).collect();
    assert_eq!(kinds.iter().filter(|k| **k == "rules").count(), 2, "{kinds:?}");
}

#[test]
fn help_says_what_is_to_be_known() {
    let house = House::new();
    for (command, word) in [
        ("verify", "--head"),
        ("history", "--since"),
        ("status", "Exit 1"),
        ("replay", "byte for byte"),
        ("ledger", "prune"),
    ] {
        let ran = house.run(&[command, "--help"]);
        assert!(ran.code == Some(0) && ran.out.contains(word), "{command}: {}", ran.out);
    }
}
