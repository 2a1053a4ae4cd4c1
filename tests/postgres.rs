//! What is only true of PostgreSQL: types, roles, overlapping writers, lost connections. And that the demo says the same
//! on both kinds of database.

#[path = "common/database.rs"]
mod database;

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use bylaws::compile::compile_text;
use bylaws::lang::pack::Pack;
use bylaws::sql::Arg;
use bylaws::store::{Access, ErrorKind, Store, changes, migrate};
use bylaws::tick::judge_once;
use database::{Database, Kind, administer, on};
use jiff::Timestamp;

const NOW: &str = "2026-03-02T09:00:00Z";

fn root() -> std::path::PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn pack(text: &str) -> std::sync::Arc<Pack> {
    let compiled = compile_text(&[("a.bylaw", text)], None);
    compiled.pack.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics)).into()
}

fn bylaws(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bylaws"));
    command.current_dir(folder).args(arguments).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Another connection to the same database.
fn another(database: &Database) -> Store {
    Store::open(database.address(), Access::Write).expect("open")
}

const LOGGED: &str = "\
contract things, each a thing
  because \"Ours.\"
  one row per id
  id     id
  score  number, optional
metric all_scores = sum of score in things
";

fn logged(database: &Database) -> (Store, std::sync::Arc<Pack>) {
    let mut store = database.store();
    migrate::migrate(&mut store, &[], at(NOW)).expect("migrate");
    store.batch("CREATE TABLE things (id text PRIMARY KEY, score numeric)").expect("table");
    let pack = pack(LOGGED);
    let contract = &pack.contracts[0];
    let installed = changes::install_change_log(&mut store, &[contract], at(NOW)).expect("install");
    assert_eq!((installed.tables.len(), installed.skipped.len()), (1, 0));
    (store, pack)
}

fn history(store: &Store, pack: &Pack, at: &str) -> Vec<String> {
    let sql = format!(
        "SELECT id || ' ' || coalesce(score::text, '-') FROM {} AS h ORDER BY 1",
        changes::history_sql(&pack.contracts[0], "?1::timestamptz", true)
    );
    store.rows(&sql, &[at.into()], |row| row.text(0)).expect("history")
}

#[test]
fn every_kind_of_write_is_logged_and_the_past_is_known() {
    on(Kind::Postgres, || {
        let database = Database::new();
        let (mut store, pack) = logged(&database);
        let mut told: Vec<Vec<String>> = Vec::new();
        let mut states: Vec<(String, Vec<String>)> = Vec::new();
        let scripts = [
            "INSERT INTO things VALUES ('a', 1.50), ('b', NULL), ('c', 0.1)",
            "INSERT INTO things VALUES ('a', 2), ('d', 9) ON CONFLICT (id) DO UPDATE SET score = excluded.score",
            "UPDATE things SET id = CASE id WHEN 'a' THEN 'b' ELSE 'a' END WHERE id IN ('x')",
            "UPDATE things SET score = score",
            "UPDATE things SET id = 'z', score = 7 WHERE id = 'c'",
            "DELETE FROM things WHERE id = 'b'",
            "TRUNCATE things",
            "INSERT INTO things VALUES ('a', 123456789012345678901234567890.5)",
        ];
        for (day, script) in (3..).zip(scripts) {
            let head = changes::log_head(&store).expect("head");
            store.batch(script).expect(script);
            changes::restamp(&mut store, head, at(&format!("2026-03-{day:02}T00:00:00Z"))).expect("stamp");
            let rows = "SELECT op || ' ' || row_key FROM bylaws_changes WHERE seq > ?1 ORDER BY 1";
            told.push(store.rows(rows, &[head.into()], |row| row.text(0)).expect("log"));
            let now = "SELECT id || ' ' || coalesce(score::text, '-') FROM things ORDER BY 1";
            let rows = store.rows(now, &[], |row| row.text(0)).expect("now");
            states.push((format!("2026-03-{day:02}T12:00:00.000Z"), rows));
        }
        assert_eq!(told[0], [r#"insert ["a"]"#, r#"insert ["b"]"#, r#"insert ["c"]"#]);
        assert_eq!(told[1], [r#"insert ["d"]"#, r#"update ["a"]"#]);
        assert!(told[2].is_empty() && told[3].is_empty(), "{told:?}");
        assert_eq!(told[4], [r#"delete ["c"]"#, r#"insert ["z"]"#]);
        assert_eq!(told[5], [r#"delete ["b"]"#]);
        assert_eq!(told[6].len(), 3);
        for (moment, rows) in &states {
            assert_eq!(&history(&store, &pack, moment), rows, "{moment}");
        }
        // The log of a table that was made again has a gap, and its triggers are gone.
        assert!(changes::history_began(&store, &pack.contracts[0]).is_some());
        store.batch("DROP TABLE things; CREATE TABLE things (id text PRIMARY KEY, score numeric)").expect("again");
        assert!(changes::history_began(&store, &pack.contracts[0]).is_none());
    });
}

#[test]
fn of_overlapping_writers_no_change_is_missed() {
    on(Kind::Postgres, || {
        let database = Database::new();
        let (store, _) = logged(&database);
        let (slow, quick) = (another(&database), another(&database));
        let began = changes::position(&store).expect("position");
        let after = |from: &changes::Position| changes::after(&store, from, 100).expect("log").expect("few");
        slow.batch("BEGIN; INSERT INTO things VALUES ('slow', 1)").expect("begun");
        quick.batch("INSERT INTO things VALUES ('quick', 1)").expect("written");
        let (reached, first) = after(&began);
        assert_eq!(first.len(), 1, "{first:?}");
        slow.batch("INSERT INTO things VALUES ('slow too', 1); COMMIT").expect("committed");
        quick.batch("INSERT INTO things VALUES ('last', 1)").expect("written");
        let (reached, second) = after(&reached);
        assert!(after(&reached).1.is_empty());
        let mut seen: Vec<String> =
            first.iter().chain(&second).map(|c| c.key.iter().map(Arg::show).collect::<String>()).collect();
        seen.sort();
        assert_eq!(seen, ["'last'", "'quick'", "'slow too'", "'slow'"]);
    });
}

#[test]
fn a_write_wakes_who_waits_also_after_the_connection_was_lost() {
    on(Kind::Postgres, || {
        let database = Database::new();
        let (store, _) = logged(&database);
        let soon = Duration::from_millis(100);
        assert_eq!(store.wait(soon), Ok(true), "whoever begins to listen looks first");
        assert_eq!(store.wait(soon), Ok(false));
        let writer = another(&database);
        writer.batch("INSERT INTO things VALUES ('a', 1); INSERT INTO things VALUES ('b', 1)").expect("written");
        assert_eq!(store.wait(Duration::from_secs(10)), Ok(true));
        assert_eq!(store.wait(soon), Ok(false));
        let end = format!("SELECT pg_terminate_backend({})", backend(&store));
        let ended = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(soon);
                administer(&end);
            });
            store.wait(Duration::from_secs(20))
        });
        assert_eq!(ended, Ok(true));
        assert_eq!(store.wait(soon), Ok(false));
        writer.batch("INSERT INTO things VALUES ('c', 1)").expect("written");
        assert_eq!(store.wait(Duration::from_secs(10)), Ok(true));
    });
}

fn backend(store: &Store) -> i64 {
    store.row("SELECT pg_backend_pid()", &[], |row| row.int(0)).expect("a number").expect("a row")
}

#[test]
fn a_lost_connection_is_sought_again_but_not_in_the_middle_of_work() {
    on(Kind::Postgres, || {
        let database = Database::new();
        let mut store = database.store();
        store.batch("CREATE TABLE t (a int)").expect("table");
        administer(&format!("SELECT pg_terminate_backend({})", backend(&store)));
        thread::sleep(Duration::from_millis(100));
        assert_eq!(store.row("SELECT count(*) FROM t", &[], |row| row.int(0)).expect("again"), Some(0));
        let lost = store.write(|tx| {
            tx.execute("INSERT INTO t VALUES (1)", &[])?;
            administer(&format!("SELECT pg_terminate_backend({})", backend(tx)));
            thread::sleep(Duration::from_millis(100));
            tx.execute("INSERT INTO t VALUES (2)", &[])
        });
        assert_eq!(lost.expect_err("lost").kind, ErrorKind::Unreachable);
        assert_eq!(store.row("SELECT count(*) FROM t", &[], |row| row.int(0)).expect("again"), Some(0));
        store.write(|tx| tx.execute("INSERT INTO t VALUES (3)", &[])).expect("and again");
    });
}

#[test]
fn errors_have_their_kinds() {
    on(Kind::Postgres, || {
        let database = Database::new();
        let mut store = database.store();
        store.batch("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)").expect("table");
        let kind = |address: &str, access| Store::open(address, access).expect_err(address).kind;
        assert_eq!(kind("postgres://me@127.0.0.1:1/x", Access::Read), ErrorKind::Unreachable);
        assert_eq!(kind(&format!("{}_not", database.address()), Access::Create), ErrorKind::Missing);
        let empty = Database::new();
        assert_eq!(kind(empty.address(), Access::Read), ErrorKind::Empty);
        let reader = Store::open(database.address(), Access::Read).expect("open");
        assert_eq!(reader.batch("DELETE FROM t").expect_err("read-only").kind, ErrorKind::ReadOnly);
        assert_eq!(store.batch("INSERT INTO t VALUES (1)").expect_err("twice").kind, ErrorKind::Refused);
        let hasty = Store::open(format!("{}?statement_timeout=50", database.address()), Access::Read).expect("open");
        assert_eq!(hasty.batch("SELECT pg_sleep(5)").expect_err("slow").kind, ErrorKind::Slow);
        let impatient = Store::open(format!("{}?lock_timeout=50", database.address()), Access::Write).expect("open");
        store
            .write(|tx| {
                tx.execute("UPDATE t SET a = 2", &[])?;
                assert_eq!(impatient.batch("UPDATE t SET a = 3").expect_err("held").kind, ErrorKind::Locked);
                Ok(())
            })
            .expect("written");
        // A look that fails does not spoil the rest of the work, and what was written before it stays.
        store
            .transact(|store| {
                store.execute("INSERT INTO t VALUES (7)", &[])?;
                assert!(store.rows("SELECT nothing FROM t", &[], |_| Ok(())).is_err());
                store.execute("INSERT INTO t VALUES (8)", &[])
            })
            .expect("written");
        assert_eq!(store.row("SELECT count(*) FROM t", &[], |row| row.int(0)).expect("count"), Some(3));
        let other = another(&database);
        // The numbers are those of the whole server, on which other tests write.
        let calm = (0..1_000).any(|_| store.version().expect("version") == store.version().expect("version"));
        assert!(calm, "nobody wrote");
        let one = store.version().expect("version");
        other.batch("INSERT INTO t VALUES (9)").expect("written");
        assert_ne!(store.version(), Ok(one));
    });
}

const TYPED: &str = "\
contract ventures, each a venture
  because \"Ours.\"
  one row per id
  id       id
  status   one of active or paused
  founded  date, optional
  share    percent, optional
  open     yes or no
contract sales
  because \"What came in.\"
  one row per id
  dated by sold_at
  id          id
  venture_id  id of ventures
  amount      money
  sold_at     moment
  weight      number, optional
metric takings per venture = sum of amount in sales within last 30 days
metric last_sale per venture = latest amount in sales
metric heavy = sum of weight in sales where weight is above 0.05
metric open_ones = count of ventures where open is yes and status is active and founded is below 2026-01-01
threshold enough on takings
  because \"It pays the rent.\"
  target is at least $100
threshold much on last_sale
  because \"It pays more.\"
  target is at least $50
threshold weighty on heavy
  because \"Exactly.\"
  target is at least 0.3
threshold some_open on open_ones
  because \"One at least.\"
  target is at least 1
";

#[test]
fn columns_may_be_of_the_types_a_database_has() {
    on(Kind::Postgres, || {
        let database = Database::new();
        let store = database.store();
        store
            .batch(
                "CREATE TYPE state AS ENUM ('active', 'paused');
                 CREATE TABLE ventures (id uuid PRIMARY KEY, status state, founded date, share real, open boolean);
                 CREATE TABLE sales (id bigint PRIMARY KEY, venture_id text, amount numeric(12, 2), sold_at timestamp,
                   weight float8);
                 INSERT INTO ventures VALUES
                   ('00000000-0000-0000-0000-00000000000A', 'active', '2020-02-29', 0.1, true),
                   ('00000000-0000-0000-0000-00000000000b', 'paused', 'infinity', NULL, false);
                 INSERT INTO sales VALUES
                   (1, '00000000-0000-0000-0000-00000000000a', 60.10, '2026-03-01 12:00', 0.1),
                   (2, '00000000-0000-0000-0000-00000000000a', 49.90, '2026-03-01 13:00:00.000001', 0.2),
                   (3, '00000000-0000-0000-0000-00000000000b', 99.99, '2026-02-01', 0.01);",
            )
            .expect("tables");
        let pack = pack(TYPED);
        let told: Vec<String> = judge_once(&store, &pack, at(NOW), at(NOW))
            .expect("judged")
            .iter()
            .map(|v| format!("{} {}: {}", v.rule, v.label, v.reason))
            .collect();
        for said in [
            "enough 00000000-0000-0000-0000-00000000000a: takings is $110",
            "much 00000000-0000-0000-0000-00000000000a: last sale is $49.90",
            "weighty : heavy is 0.3, at least 0.3",
            "some_open : open ones is 1",
        ] {
            assert!(told.iter().any(|t| t.starts_with(said)), "{said}: {told:#?}");
        }
        assert!(told.iter().any(|t| t.contains("infinity")), "{told:#?}");
        store.batch("ALTER TABLE sales ALTER amount TYPE text").expect("another type");
        let told = judge_once(&store, &pack, at(NOW), at(NOW)).expect("judged");
        let text = "`amount` of the table `sales` is `text` where money in USD is declared";
        assert!(told.iter().any(|v| v.reason.contains(text)), "{told:#?}");
    });
}

#[test]
fn migrations_run_once_whoever_runs_them_and_adopt_what_fits() {
    on(Kind::Postgres, || {
        let database = Database::new();
        thread::scope(|scope| {
            let all: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        migrate::migrate(
                            &mut Store::open(database.address(), Access::Create).expect("open"),
                            &["stage39"],
                            at(NOW),
                        )
                    })
                })
                .collect();
            for one in all {
                one.join().expect("ended").expect("migrated");
            }
        });
        let mut store = database.store();
        assert!(migrate::migrate(&mut store, &["stage39"], at(NOW)).expect("again").nothing_to_do());
        store.batch("DELETE FROM bylaws_migrations WHERE family = 'stage39'; DROP TABLE referrals").expect("forget");
        let report = migrate::migrate(&mut store, &["stage39"], at(NOW)).expect("adopted").to_string();
        assert!(report.contains("stage39 0001 ventures: applied; adopted ventures"), "{report}");
        assert!(store.has_table("referrals").expect("look"));
        store
            .batch(
                "DELETE FROM bylaws_migrations WHERE family = 'stage39';
                 ALTER TABLE ventures DROP current_stage, ADD current_stage text NOT NULL, ADD owner text NOT NULL",
            )
            .expect("change");
        let error = migrate::migrate(&mut store, &["stage39"], at(NOW)).expect_err("another shape");
        assert_eq!(error.kind, ErrorKind::Shape);
        for told in ["ventures.current_stage: is declared as text, needed as numeric", "ventures.owner: is a further"] {
            assert!(error.message.contains(told), "{error}");
        }
        store.batch("UPDATE bylaws_migrations SET checksum = repeat('0', 64) WHERE number = 3").expect("change");
        assert_eq!(migrate::migrate(&mut store, &[], at(NOW)).expect_err("changed").kind, ErrorKind::Checksum);
        store
            .batch("INSERT INTO bylaws_migrations VALUES ('engine', 9001, 'later', repeat('0', 64), now())")
            .expect("newer");
        assert_eq!(Store::open(database.address(), Access::Read).expect_err("newer").kind, ErrorKind::Newer);
    });
}

/// The roles are made by the statements of the manual, and the program is then called as each of them.
#[test]
fn the_roles_of_the_manual_are_enough_and_not_more() {
    on(Kind::Postgres, || {
        let manual = std::fs::read_to_string(root().join("docs/postgres.md")).expect("the manual");
        let blocks: Vec<&str> = manual.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let [first, then] = blocks[..] else { panic!("{} blocks of SQL", blocks.len()) };
        const ROLES: &str = "bylaws_owner, bylaws_engine, bylaws_reader";
        administer(&format!("DROP ROLE IF EXISTS {ROLES}"));
        let database = Database::new();
        let store = database.store();
        store
            .batch("CREATE TABLE things (id text PRIMARY KEY, score numeric); INSERT INTO things VALUES ('a', 5)")
            .expect("table");
        store.batch(first).expect("roles");
        let folder = tempfile::tempdir().expect("a folder");
        let rule = "trigger low\n  because \"Too few.\"\n  when all_scores is below 10\n  check daily at 07:00\n  tell chairman\n";
        std::fs::write(folder.path().join("a.bylaw"), format!("{LOGGED}{rule}")).expect("rules");
        let toml = "[rules]\npaths = [\".\"]\n[roles.chairman]\ndecides = true\n";
        std::fs::write(folder.path().join("bylaws.toml"), toml).expect("house");
        let as_role = |role: &str, line: &str| {
            let address = format!("{}?options=-c%20role%3Dbylaws_{role}", database.address());
            let words: Vec<&str> = line.split(' ').chain(["--db", &address]).collect();
            bylaws(folder.path(), &words)
        };
        let (code, out, err) = as_role("owner", "migrate --change-log");
        assert_eq!(code, Some(0), "{out}{err}");
        store.batch(&format!("SET ROLE bylaws_owner; {then} RESET ROLE")).expect("grants");
        let (code, out, err) = as_role("engine", "run --record --as-of 2026-03-02T09:00");
        assert_eq!(code, Some(1), "{out}{err}");
        let (code, out, err) = as_role("engine", "baseline take");
        assert_eq!(code, Some(0), "{out}{err}");
        for line in ["verify", "run", "why low", "status"] {
            let (code, out, err) = as_role("reader", line);
            assert!(matches!(code, Some(0 | 1)), "{line}: {out}{err}");
        }
        // Somebody who may only write the portfolio is logged all the same.
        store.batch("GRANT INSERT ON things TO bylaws_reader; SET ROLE bylaws_reader; INSERT INTO things VALUES ('b', 1); RESET ROLE").expect("written");
        assert_eq!(changes::log_head(&store), Ok(1));
        // What they must not, they cannot.
        for (role, sql) in [
            ("reader", "DELETE FROM bylaws_memory"),
            ("reader", "INSERT INTO bylaws_changes (table_name, row_key, op) VALUES ('x', '[]', 'insert')"),
            ("engine", "UPDATE things SET score = 1"),
            ("engine", "DELETE FROM bylaws_ledger"),
            ("engine", "UPDATE bylaws_ledger SET rule = 'x'"),
            ("engine", "UPDATE bylaws_ledger_guard SET prune_to = 9"),
            ("engine", "DELETE FROM bylaws_changes"),
        ] {
            store.batch(&format!("SET ROLE bylaws_{role}")).expect("role");
            assert_eq!(store.batch(sql).expect_err(sql).kind, ErrorKind::Denied, "{role}: {sql}");
            store.batch("RESET ROLE").expect("role");
        }
        let (code, out, err) = as_role("reader", "run --record");
        assert_eq!(code, Some(2), "{out}{err}");
        let (code, out, err) = as_role("reader", "run --record --state state.db");
        assert_eq!(code, Some(1), "{out}{err}");
        drop(database);
        administer(&format!("DROP ROLE {ROLES}"));
    });
}

/// Everything that can be asked of the demo is answered alike; only what no column of PostgreSQL can hold is not.
#[test]
fn the_demo_says_the_same_on_both() {
    on(Kind::Postgres, || {
        let database = Database::new();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("demo.db").display().to_string();
        for address in [&*file, database.address()] {
            let (code, _, err) = bylaws(folder.path(), &["demo", "--db", address]);
            assert_eq!(code, Some(0), "{err}");
        }
        for line in [
            "run --format json --as-of 2026-06-30T09:00:00Z",
            "run --format json --as-of 2026-06-10T09:00:00Z",
            "run --format json --as-of 2026-02-10T09:00:00Z",
            "why PORTFOLIO-002 cto --as-of 2026-06-30T09:00:00Z",
            "backtest --from 2026-06-15 --to 2026-06-30",
            "run --record --as-of 2026-06-30T09:00:00Z --format json",
            "status --format json",
            "replay 12",
        ] {
            let answer = |address: &str| {
                let words: Vec<&str> = line.split(' ').chain(["--db", address]).collect();
                let (code, out, err) = bylaws(&root(), &words);
                assert!(matches!(code, Some(0 | 1)), "{line}: {err}");
                out.replace("what is no number (NaN)", "text (n/a)").replace(database.address(), &file)
            };
            let (one, other) = (answer(&file), answer(database.address()));
            let differ: Vec<_> = one.lines().zip(other.lines()).filter(|(a, b)| a != b).take(5).collect();
            assert!(differ.is_empty() && one.lines().count() == other.lines().count(), "{line}: {differ:#?}");
        }
    });
}
