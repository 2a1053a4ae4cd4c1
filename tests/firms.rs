//! Real firms: every verdict of `bylaws run` over the two panels of `examples/firms`, at many instants, is held against
//! SQL written by hand over the same rows. The SQL knows nothing of the compiler: it has its own tables of whole
//! numbers, its own moments and windows, and its NULL is the unknown of the rules.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use rusqlite::{Connection, params};
use serde_json::Value;

// ── the data ──

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/firms")
}

/// The rows of a CSV file without quotes.
fn csv(name: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder().join("data").join(name)).unwrap();
    assert!(!text.contains('"'), "{name} has quotes, which this reader does not know");
    let mut lines = text.lines();
    assert_eq!(lines.next().unwrap().split(',').collect::<Vec<_>>(), columns);
    lines
        .map(|l| l.split(',').map(str::to_owned).collect::<Vec<_>>())
        .inspect(|r| assert_eq!(r.len(), columns.len()))
        .collect()
}

const GRUNFELD: [&str; 5] = ["firm", "year", "investment_musd", "market_value_musd", "capital_musd"];
const EMPLUK: [&str; 7] = ["firm", "year", "sector", "employees_thousand", "real_wage", "capital", "output_index"];

/// A decimal as a whole number of its `places`-th decimal, digit by digit.
fn scaled(text: &str, places: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= places, "{text} has more than {places} decimals");
    format!("{whole}{fraction:0<places$}").parse().unwrap()
}

/// The database that `load.sql` makes: its lines for the shell are done here, the rest is run as it stands.
fn load(path: &Path) {
    let mut db = Connection::open(path).unwrap();
    let script = std::fs::read_to_string(folder().join("load.sql")).unwrap();
    let (shell, sql): (Vec<&str>, Vec<&str>) = script.lines().partition(|l| l.starts_with('.'));
    let imports: Vec<&str> = shell.into_iter().filter(|l| l.starts_with(".import")).collect();
    assert_eq!(imports, [".import data/grunfeld.csv grunfeld_csv", ".import data/empluk.csv empluk_csv"]);
    for (table, rows, columns) in [
        ("grunfeld_csv", csv("grunfeld.csv", &GRUNFELD), &GRUNFELD[..]),
        ("empluk_csv", csv("empluk.csv", &EMPLUK), &EMPLUK[..]),
    ] {
        let list: Vec<String> = columns.iter().map(|c| format!("{c} TEXT")).collect();
        db.execute_batch(&format!("CREATE TABLE {table} ({})", list.join(", "))).unwrap();
        let places = vec!["?"; columns.len()].join(", ");
        let tx = db.transaction().unwrap();
        for row in rows {
            tx.execute(&format!("INSERT INTO {table} VALUES ({places})"), rusqlite::params_from_iter(row)).unwrap();
        }
        tx.commit().unwrap();
    }
    db.execute_batch(&sql.join("\n")).unwrap();
}

/// The same rows as whole numbers: money in thousands of dollars; people in 10⁻⁸ thousands, wages in 10⁻⁷, output in 10⁻⁶.
fn oracle() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(
        "CREATE TABLE g (company TEXT, year_end TEXT, inv INTEGER, val INTEGER, cap INTEGER, PRIMARY KEY (company, year_end));
         CREATE TABLE e (firm TEXT, sector TEXT, year_end TEXT, people INTEGER, wage INTEGER, out INTEGER, PRIMARY KEY (firm, year_end));
         CREATE TABLE m (name TEXT PRIMARY KEY, at TEXT, d TEXT);",
    )
    .unwrap();
    for r in csv("grunfeld.csv", &GRUNFELD) {
        let row = params![r[0], format!("{}-12-31", r[1]), scaled(&r[2], 3), scaled(&r[3], 3), scaled(&r[4], 3)];
        db.execute("INSERT INTO g VALUES (?1, ?2, ?3, ?4, ?5)", row).unwrap();
    }
    for r in csv("empluk.csv", &EMPLUK) {
        let row = params![r[0], r[2], format!("{}-12-31", r[1]), scaled(&r[3], 8), scaled(&r[4], 7), scaled(&r[6], 6)];
        db.execute("INSERT INTO e VALUES (?1, ?2, ?3, ?4, ?5, ?6)", row).unwrap();
    }
    db.execute_batch(VIEWS).unwrap();
    db
}

/// `m` has a row for each moment: the instant `at`, at midnight, and `d`, the last date that is seen at it.
/// `y1` to `y4` are the ends of the last closed years, at which rows of before are seen; `…_ago` is a year earlier.
const MOMENTS: &str = "
    DELETE FROM m;
    INSERT INTO m VALUES
        ('now', :t, :t),
        ('now_ago', date(:t, '-12 months', 'floor'), date(:t, '-12 months', 'floor')),
        ('1935', '1935-12-31', '1935-12-31');
    INSERT INTO m SELECT name, at, date(at, '-1 day') FROM (
        SELECT 'y' || n AS name, date(:t, 'start of year', '-' || (n - 1) || ' years') AS at FROM (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4)
        UNION ALL
        SELECT 'y' || n || '_ago', date(:t, 'start of year', '-' || n || ' years') FROM (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4));";

/// What is known of each company and firm at each moment. A value that is too old is NULL: unknown.
const VIEWS: &str = "
    CREATE VIEW ck AS  -- companies in force
        SELECT m.name AS m, k.company FROM m JOIN (SELECT company, min(year_end) AS entered FROM g GROUP BY company) AS k ON k.entered <= m.d;
    CREATE VIEW cn AS  -- their newest rows, with the end of the day
        SELECT m.name AS m, m.at, k.company, (SELECT max(x.year_end) FROM g AS x WHERE x.company = k.company AND x.year_end <= m.d) AS newest
        FROM m, (SELECT DISTINCT company FROM g) AS k;
    CREATE VIEW cs AS
        SELECT *, coalesce(date(newest, '+1 day') < date(at, '-12 months', 'floor'), 1) AS late,
                  coalesce(date(newest, '+1 day') < date(at, '-18 months', 'floor'), 1) AS stale,
                  max(0, unixepoch(at) - unixepoch(date(newest, '+1 day'))) AS age
        FROM cn;
    CREATE VIEW c AS
        SELECT cs.m, cs.at, cs.company, cs.late, cs.stale, cs.age,
               CASE WHEN NOT stale THEN g.inv END AS inv, CASE WHEN NOT stale THEN g.val END AS val, CASE WHEN NOT stale THEN g.cap END AS cap
        FROM cs LEFT JOIN g ON g.company = cs.company AND g.year_end = cs.newest;
    CREATE VIEW d AS  -- investment of a moment and of a year before: 100 * fall / before is the drop
        SELECT n.m, n.at, n.company, n.late, n.age, n.inv, n.val, n.cap, a.cap AS cap_ago,
               100 * (a.inv - n.inv) AS fall, a.inv AS before, 100 * (n.cap - a.cap) AS growth
        FROM c AS n JOIN c AS a ON a.company = n.company AND a.m = n.m || '_ago';

    CREATE VIEW f AS  -- firms, from their first report until two years after the last, unless that is the panel's
        SELECT firm, sector, min(year_end) AS entered,
               CASE WHEN max(year_end) < '1984-12-31' THEN date(max(year_end), '+2 years') END AS gone
        FROM e GROUP BY firm;
    CREATE VIEW fk AS
        SELECT m.name AS m, m.at, m.d, f.firm, f.sector FROM m JOIN f ON f.entered <= m.d AND (f.gone IS NULL OR f.gone > m.d);
    CREATE VIEW fn AS
        SELECT m.name AS m, m.at, f.firm, f.sector, (SELECT max(x.year_end) FROM e AS x WHERE x.firm = f.firm AND x.year_end <= m.d) AS newest
        FROM m, f;
    CREATE VIEW fs AS
        SELECT *, coalesce(date(newest, '+1 day') < date(at, '-9 months', 'floor'), 1) AS late,
                  coalesce(date(newest, '+1 day') < date(at, '-11 months', 'floor'), 1) AS stale,
                  max(0, unixepoch(at) - unixepoch(date(newest, '+1 day'))) AS age
        FROM fn;
    CREATE VIEW p AS
        SELECT fs.m, fs.at, fs.firm, fs.sector, fs.late, fs.stale, fs.age,
               CASE WHEN NOT stale THEN e.people END AS people, CASE WHEN NOT stale THEN e.wage END AS wage, CASE WHEN NOT stale THEN e.out END AS out
        FROM fs LEFT JOIN e ON e.firm = fs.firm AND e.year_end = fs.newest;
    CREATE VIEW pk AS  -- of those in force
        SELECT p.* FROM p JOIN fk ON fk.m = p.m AND fk.firm = p.firm;
    CREATE VIEW s AS SELECT DISTINCT sector FROM e;
    CREATE VIEW this_year AS  -- rows of the year of now, of firms in force
        SELECT e.*, fk.at FROM e JOIN fk ON fk.firm = e.firm AND fk.m = 'now' WHERE e.year_end BETWEEN date(fk.d, 'start of year') AND fk.d;";

/// One rule: its kind, the word of its key, its unit, and the SQL of its verdicts with the columns key, verdict,
/// num and den (the value is num/den, or with a column low (num * 10000 + low)/den; a word stands in num alone), at,
/// and, where age is promised, age and late.
struct Rule {
    name: &'static str,
    kind: &'static str,
    key: &'static str,
    unit: &'static str,
    sql: &'static str,
}

const fn rule(
    name: &'static str,
    kind: &'static str,
    key: &'static str,
    unit: &'static str,
    sql: &'static str,
) -> Rule {
    Rule { name, kind, key, unit, sql }
}

macro_rules! fires {
    ($condition:expr) => {
        concat!("CASE ", $condition, " WHEN 1 THEN 'fires' WHEN 0 THEN 'clear' ELSE 'unknown' END AS verdict")
    };
}

macro_rules! rules {
    ($($name:ident, $kind:expr, $key:expr, $unit:expr, $sql:expr;)*) => {
        const RULES: &[Rule] = &[$(rule(stringify!($name), $kind, $key, $unit, $sql)),*];
        mod verdicts { $(#[test] fn $name() { super::held(stringify!($name)); })* }
    };
}

rules! {
    // ── thresholds of companies ──
    reinvestment, "threshold", "company", "percent",
        "SELECT company AS key, CASE WHEN 100 * inv >= 25 * cap THEN 'met' WHEN 100 * inv >= 10 * cap THEN 'acceptable'
                WHEN inv IS NULL THEN 'unknown' ELSE 'breached' END AS verdict, 100 * inv AS num, cap AS den, at, age, late
         FROM c JOIN ck USING (m, company) WHERE m = 'y1'";
    all_reinvest, "threshold", "", "percent",
        "WITH k AS (SELECT c.* FROM c JOIN ck USING (m, company) WHERE m = 'now'),
              ranked AS (SELECT k.*, (SELECT count(*) FROM k AS o WHERE o.inv * k.cap < k.inv * o.cap) AS below,
                                     (SELECT count(*) FROM k AS o WHERE o.inv * k.cap <= k.inv * o.cap) AS up_to, (SELECT count(*) FROM k) AS n FROM k),
              middle AS (SELECT inv, cap FROM ranked WHERE below < (n + 1) / 2 AND up_to >= (n + 1) / 2
                         AND NOT EXISTS (SELECT 1 FROM k WHERE inv IS NULL) LIMIT 1)
         SELECT '' AS key, CASE WHEN cap IS NULL THEN 'unknown' WHEN 100 * inv >= 25 * cap THEN 'met' ELSE 'breached' END AS verdict,
                100 * inv AS num, cap AS den, m.at, (SELECT max(age) FROM k) AS age, (SELECT max(late) FROM k) AS late FROM m LEFT JOIN middle WHERE name = 'now'";
    // A year without a single row proves nothing, since rows were promised (D3).
    all_invest, "threshold", "", "percent",
        "WITH total AS (SELECT m.name AS m, m.at,
                CASE WHEN EXISTS (SELECT 1 FROM cs JOIN ck USING (m, company) WHERE cs.m = m.name AND stale) THEN NULL
                     ELSE (SELECT sum(inv) FROM g WHERE year_end >= date(m.at, '-12 months') AND year_end < m.at) END AS inv FROM m)
         SELECT '' AS key, CASE WHEN n.inv IS NULL OR coalesce(a.inv, 0) <= 0 THEN 'unknown' WHEN 100 * (a.inv - n.inv) <= 0 THEN 'met'
                WHEN 100 * (a.inv - n.inv) <= 10 * a.inv THEN 'acceptable' ELSE 'breached' END AS verdict,
                100 * (a.inv - n.inv) AS num, a.inv AS den, n.at FROM total AS n, total AS a WHERE n.m = 'y1' AND a.m = 'y1_ago'";
    shrinking_only_while_worth_it, "threshold", "company", "number",
        "SELECT company AS key, CASE WHEN fall IS NULL THEN 'unknown' WHEN NOT fall > 20 * before THEN 'off' WHEN val IS NULL THEN 'unknown'
                WHEN val >= cap THEN 'met' ELSE 'breached' END AS verdict, CASE WHEN fall > 20 * before THEN val END AS num, cap AS den, at, age, late
         FROM d JOIN ck USING (m, company) WHERE m = 'now'";

    // ── triggers of companies ──
    investment_falls, "trigger", "company", "percent",
        concat!("SELECT company AS key, ", fires!("fall > 20 * before"), ", fall AS num, before AS den, at, age, late FROM d JOIN ck USING (m, company) WHERE m = 'now'");
    // Who was not there at the end of a year did not fall in it; who joined after the last end is judged with the next.
    investment_keeps_falling, "trigger", "company", "percent",
        concat!("SELECT ck.company AS key, ", fires!("(a.fall > 5 * a.before AND CASE WHEN then_too.m IS NULL THEN 0 ELSE b.fall > 5 * b.before END)"), ", a.fall AS num, a.before AS den, a.at
                 FROM ck JOIN d AS a USING (company) JOIN d AS b USING (company)
                      LEFT JOIN ck AS then_too ON then_too.m = 'y2' AND then_too.company = ck.company WHERE ck.m = 'y1' AND a.m = 'y1' AND b.m = 'y2'");
    investment_is_shaky, "trigger", "company", "percent",
        "WITH y AS (SELECT company, count(*) FILTER (WHERE fall > 10 * before) AS yes, count(*) FILTER (WHERE then_too.m IS NULL OR fall <= 10 * before) AS no
                    FROM d LEFT JOIN ck AS then_too USING (m, company) WHERE m IN ('y1', 'y2', 'y3', 'y4') GROUP BY company)
         SELECT company AS key, CASE WHEN yes >= 2 THEN 'fires' WHEN no > 2 THEN 'clear' ELSE 'unknown' END AS verdict, fall AS num, before AS den, at
         FROM ck JOIN y USING (company) JOIN d USING (company) WHERE ck.m = 'y1' AND d.m = 'y1'";
    capital_booms, "trigger", "company", "percent",
        concat!("SELECT company AS key, ", fires!("growth >= 25 * cap_ago"), ", growth AS num, cap_ago AS den, at, age, late FROM ck JOIN d USING (company) WHERE ck.m = 'y1' AND d.m = 'y1'");
    capital_outgrown, "trigger", "company", "percent",
        concat!("SELECT company AS key, ", fires!("100 * (n.cap - o.cap) >= 500 * o.cap"), ", 100 * (n.cap - o.cap) AS num, o.cap AS den, n.at, n.age, n.late
                 FROM ck JOIN c AS n USING (company) JOIN c AS o USING (company) WHERE ck.m = 'now' AND n.m = 'now' AND o.m = '1935'");
    company_dominates, "trigger", "company", "percent",
        concat!("WITH k AS (SELECT c.* FROM c JOIN ck USING (m, company) WHERE m = 'now'),
                      t AS (SELECT sum(val) AS val, count(*) = count(val) AS whole, max(late) AS late, max(age) AS age FROM k)
                 SELECT company AS key, ", fires!("(CASE WHEN t.whole THEN 100 * k.val > 40 * t.val END)"),
                ", 100 * k.val AS num, CASE WHEN t.whole THEN t.val END AS den, at, t.age, t.late FROM k, t");
    builds_without_worth, "trigger", "company", "number or percent",
        concat!("SELECT company AS key, ", fires!("(val < cap AND fall <= 0)"),
                ", CASE WHEN val < cap AND fall IS NULL THEN NULL WHEN val >= cap OR val < cap AND fall <= 0 THEN val ELSE fall END AS num,
                   CASE WHEN val >= cap OR val < cap AND fall <= 0 THEN cap ELSE before END AS den, at, age, late
                 FROM d JOIN ck USING (m, company) WHERE m = 'now'");
    worth_or_building_falls, "trigger", "company", "number or percent",
        concat!("SELECT company AS key, ", fires!("(val < cap OR fall > 20 * before)"),
                ", CASE WHEN val >= cap AND fall > 20 * before THEN fall ELSE val END AS num, CASE WHEN val >= cap AND fall > 20 * before THEN before ELSE cap END AS den, at, age, late
                 FROM d JOIN ck USING (m, company) WHERE m = 'now'");
    plant_shrinks, "trigger", "company", "word",
        "SELECT company AS key, CASE WHEN growth IS NULL THEN 'unknown' WHEN growth >= 25 * cap_ago OR cap > cap_ago THEN 'clear' ELSE 'fires' END AS verdict,
                CASE WHEN growth >= 25 * cap_ago THEN 'booming' WHEN cap > cap_ago THEN 'growing' WHEN growth IS NOT NULL THEN 'shrinking' END AS num,
                NULL AS den, at, age, late FROM d JOIN ck USING (m, company) WHERE m = 'now'";
    // A row that is there is enough; where there is none, it may be because nothing has been heard (D27).
    invests_largely, "trigger", "company", "",
        "SELECT company AS key, CASE WHEN EXISTS (SELECT 1 FROM g WHERE g.company = cs.company AND inv > 500000
                    AND year_end > date(at, '-12 months', 'floor') AND year_end <= at) THEN 'fires'
                WHEN stale OR NOT EXISTS (SELECT 1 FROM g WHERE g.company = cs.company AND year_end > date(at, '-12 months', 'floor') AND year_end <= at) THEN 'unknown' ELSE 'clear' END AS verdict,
                NULL AS num, NULL AS den, at FROM cs JOIN ck USING (m, company) WHERE m = 'now'";
    panel_slumps, "trigger", "", "count",
        concat!("WITH k AS (SELECT d.* FROM d JOIN ck USING (m, company) WHERE m = 'now'),
                      t AS (SELECT CASE WHEN count(*) = count(fall) THEN count(*) FILTER (WHERE fall > 20 * before) END AS n, max(late) AS late, max(age) AS age FROM k)
                 SELECT '' AS key, ", fires!("(n >= 4)"), ", n AS num, 1 AS den, at, age, late FROM t, m WHERE name = 'now'");
    panel_invests_largely, "trigger", "", "USD",
        concat!("WITH t AS (SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM cs JOIN ck USING (m, company) WHERE m = 'now' AND stale)
                                   THEN (SELECT max(inv) FROM g WHERE year_end > date(at, '-12 months', 'floor') AND year_end <= at) END AS inv, at FROM m WHERE name = 'now')
                 SELECT '' AS key, ", fires!("(inv > 500000)"), ", inv * 1000 AS num, 1 AS den, at FROM t");

    // ── thresholds of the British panel ──
    panel_keeps, "threshold", "", "number",
        "SELECT '' AS key, CASE WHEN n.n - a.n >= 0 THEN 'met' ELSE 'breached' END AS verdict, n.n - a.n AS num, 1 AS den, at
         FROM m, (SELECT count(*) AS n FROM fk WHERE m = 'now') AS n, (SELECT count(*) AS n FROM fk WHERE m = 'now_ago') AS a WHERE name = 'now'";
    // Only firms known at both moments are compared (D3).
    recession, "threshold", "", "percent",
        "WITH t AS (SELECT sum(a.people) AS before, sum(n.people) AS now, max(n.age) AS age, max(n.late) AS late FROM pk AS n JOIN pk AS a USING (firm)
                    WHERE n.m = 'y1' AND a.m = 'y1_ago' AND n.people IS NOT NULL AND a.people IS NOT NULL)
         SELECT '' AS key, CASE WHEN before IS NULL THEN 'unknown' WHEN 100 * (before - now) <= 5 * before THEN 'met' ELSE 'breached' END AS verdict,
                100 * (before - now) AS num, before AS den, at FROM t, m WHERE name = 'y1'";
    wages, "threshold", "", "number",
        "WITH r AS (SELECT wage, row_number() OVER (ORDER BY wage) AS i, count(*) OVER () AS n FROM this_year),
              t AS (SELECT sum(wage) AS twice, count(*) AS halves, max(n) AS n FROM r WHERE i IN ((n + 1) / 2, (n + 2) / 2)),
              k AS (SELECT CASE WHEN n >= 100 AND NOT EXISTS (SELECT 1 FROM pk WHERE m = 'now' AND stale) THEN twice END AS twice, halves FROM t)
         SELECT '' AS key, CASE WHEN twice IS NULL THEN 'unknown' WHEN twice >= 20 * halves * 10000000 THEN 'met' ELSE 'breached' END AS verdict,
                twice AS num, halves * 10000000 AS den, at FROM k, m WHERE name = 'now'";
    wages_of_reporters, "threshold", "", "number",
        "WITH t AS (SELECT sum(wage) AS wage, count(*) AS n FROM this_year)
         SELECT '' AS key, CASE WHEN n = 0 THEN 'unknown' WHEN wage >= 20 * n * 10000000 THEN 'met' ELSE 'breached' END AS verdict,
                wage AS num, n * 10000000 AS den, at FROM t, m WHERE name = 'now'";

    // ── triggers of firms ──
    employment_falls, "trigger", "firm", "percent",
        concat!("SELECT n.firm AS key, ", fires!("(100 * (a.people - n.people) > 20 * a.people)"), ", 100 * (a.people - n.people) AS num, a.people AS den, n.at, n.age, n.late
                 FROM pk AS n JOIN p AS a USING (firm) WHERE n.m = 'now' AND a.m = 'now_ago'");
    employment_fell_last_year, "trigger", "firm", "percent",
        concat!("SELECT n.firm AS key, ", fires!("(100 * (a.people - n.people) > 20 * a.people)"), ", 100 * (a.people - n.people) AS num, a.people AS den, n.at, n.age, n.late
                 FROM fk JOIN pk AS n USING (firm) JOIN p AS a USING (firm) WHERE fk.m = 'now' AND n.m = 'y1' AND a.m = 'y1_ago'");
    firm_is_silent, "trigger", "firm", "number",
        "SELECT firm AS key, CASE WHEN people IS NULL THEN 'fires' ELSE 'clear' END AS verdict, people AS num, 100000000 AS den, at, age, late FROM pk WHERE m = 'now'";
    wages_outrun_output, "trigger", "firm", "percent or number",
        concat!("WITH k AS (SELECT n.firm, n.at, n.age, n.late, 100 * (n.wage - a.wage) AS rise, a.wage AS before, n.out - a.out AS change
                            FROM pk AS n JOIN p AS a USING (firm) WHERE n.m = 'now' AND a.m = 'now_ago')
                 SELECT firm AS key, ", fires!("(rise > 10 * before AND change < -3000000)"),
                ", CASE WHEN rise > 10 * before AND change >= -3000000 THEN change ELSE rise END AS num,
                   CASE WHEN rise > 10 * before AND change >= -3000000 THEN 1000000 ELSE before END AS den, at, age, late FROM k");
    firm_is_large_employer, "trigger", "firm", "number",
        concat!("SELECT firm AS key, ", fires!("(people >= 2000000000)"), ", people AS num, 100000000 AS den, at, age, late FROM pk WHERE m = 'now'");

    // ── sectors ──
    sector_coverage, "threshold", "sector", "percent",
        "WITH t AS (SELECT sector, (SELECT count(*) FROM fk WHERE fk.sector = s.sector AND m = 'now') AS firms,
                           (SELECT count(DISTINCT firm) FROM this_year AS r WHERE r.sector = s.sector) AS reports FROM s)
         SELECT sector AS key, CASE WHEN firms = 0 THEN 'unknown' WHEN 100 * reports >= 90 * firms THEN 'met' WHEN 100 * reports >= 50 * firms THEN 'acceptable'
                ELSE 'breached' END AS verdict, CASE WHEN firms > 0 THEN 100 * reports END AS num, firms AS den, at FROM t, m WHERE name = 'now'";
    sector_wages, "threshold", "sector", "number",
        "WITH t AS (SELECT s.sector, sum(people * (wage / 10000)) AS high, sum(people * (wage % 10000)) AS low, sum(people) AS people, max(age) AS age, max(late) AS late
                    FROM s LEFT JOIN pk ON pk.sector = s.sector AND m = 'now' AND people IS NOT NULL GROUP BY s.sector)
         SELECT sector AS key, CASE WHEN people IS NULL THEN 'unknown' WHEN high + low / 10000 >= 20 * 1000 * people THEN 'met' ELSE 'breached' END AS verdict,
                high AS num, low, people * 10000000 AS den, at, age, late FROM t, m WHERE name = 'now'";
    sector_wages_by_firm, "threshold", "sector", "number",
        "WITH t AS (SELECT s.sector, sum(wage) AS wage, count(wage) AS n FROM s LEFT JOIN this_year AS r ON r.sector = s.sector GROUP BY s.sector)
         SELECT sector AS key, CASE WHEN n = 0 THEN 'unknown' WHEN wage >= 20 * n * 10000000 THEN 'met' ELSE 'breached' END AS verdict,
                wage AS num, n * 10000000 AS den, at FROM t, m WHERE name = 'now'";
    sector_jobs, "threshold", "sector", "number",
        "WITH t AS (SELECT s.sector, count(pk.firm) AS firms, CASE WHEN count(pk.firm) = count(people) THEN sum(people) END AS people, max(age) AS age, max(late) AS late
                    FROM s LEFT JOIN pk ON pk.sector = s.sector AND m = 'now' GROUP BY s.sector)
         SELECT sector AS key, CASE WHEN firms = 0 THEN 'off' WHEN people IS NULL THEN 'unknown' WHEN people >= 2000000000 THEN 'met' ELSE 'breached' END AS verdict,
                people AS num, 100000000 AS den, at, age, late FROM t, m WHERE name = 'now'";
    // A firm too long silent is unknown, and so is what is said of all firms of its sector.
    sector_sells, "threshold", "sector", "number",
        "WITH r AS (SELECT sector, out, row_number() OVER (PARTITION BY sector ORDER BY out) AS i, count(*) OVER (PARTITION BY sector) AS n FROM this_year),
              t AS (SELECT sector, sum(out) AS twice, count(*) AS halves FROM r WHERE i IN ((n + 1) / 2, (n + 2) / 2) GROUP BY sector),
              k AS (SELECT s.sector, CASE WHEN NOT EXISTS (SELECT 1 FROM pk WHERE pk.sector = s.sector AND m = 'now' AND stale) THEN twice END AS twice, halves
                    FROM s LEFT JOIN t USING (sector))
         SELECT sector AS key, CASE WHEN twice IS NULL THEN 'unknown' WHEN twice >= 100 * halves * 1000000 THEN 'met' ELSE 'breached' END AS verdict,
                twice AS num, halves * 1000000 AS den, at FROM k, m WHERE name = 'now'";
    sector_shrinks, "trigger", "sector", "percent",
        concat!("WITH t AS (SELECT n.sector, sum(a.people) AS before, sum(n.people) AS now FROM pk AS n JOIN pk AS a USING (firm)
                            WHERE n.m = 'y1' AND a.m = 'y1_ago' AND n.people IS NOT NULL AND a.people IS NOT NULL GROUP BY n.sector)
                 SELECT sector AS key, ", fires!("(100 * (before - now) > 10 * before)"), ", 100 * (before - now) AS num, before AS den, at
                 FROM s LEFT JOIN t USING (sector) JOIN m WHERE name = 'y1'");
    sector_of_giants, "trigger", "sector", "number",
        concat!("WITH r AS (SELECT sector, people, row_number() OVER (PARTITION BY sector ORDER BY people) AS i, count(*) OVER (PARTITION BY sector) AS n
                            FROM pk WHERE m = 'now' AND people IS NOT NULL),
                      a AS (SELECT sector, max(age) AS age, max(late) AS late FROM pk WHERE m = 'now' AND people IS NOT NULL GROUP BY sector)
                 SELECT sector AS key, ", fires!("(people >= 2000000000)"), ", people AS num, 100000000 AS den, at, age, late
                 FROM s LEFT JOIN (SELECT * FROM r WHERE i = (80 * n + 99) / 100) USING (sector) LEFT JOIN a USING (sector) JOIN m WHERE name = 'now'");
    sector_of_dwarfs, "trigger", "sector", "percent",
        concat!("WITH t AS (SELECT sector, 100 * count(*) FILTER (WHERE people < 100000000) AS small, count(*) AS n, max(age) AS age, max(late) AS late
                            FROM pk WHERE m = 'now' AND people IS NOT NULL GROUP BY sector)
                 SELECT sector AS key, ", fires!("(small > 30 * n)"), ", small AS num, n AS den, at, age, late FROM s LEFT JOIN t USING (sector) JOIN m WHERE name = 'now'");

    // ── contracts ──
    companies, "contract", "", "", "SELECT '' AS key, 'holds' AS verdict, NULL AS num, NULL AS den, at FROM m WHERE name = 'now'";
    firms, "contract", "", "", "SELECT '' AS key, 'holds' AS verdict, NULL AS num, NULL AS den, at FROM m WHERE name = 'now'";
    sectors, "contract", "", "", "SELECT '' AS key, 'holds' AS verdict, NULL AS num, NULL AS den, at FROM m WHERE name = 'now'";
    company_years, "contract", "", "",
        "SELECT '' AS key, CASE WHEN EXISTS (SELECT 1 FROM cs JOIN ck USING (m, company) WHERE m = 'now' AND (late
                    OR NOT EXISTS (SELECT 1 FROM g WHERE g.company = cs.company AND year_end > date(cs.at, '-12 months', 'floor') AND year_end <= cs.at)))
                THEN 'violated' ELSE 'holds' END AS verdict, NULL AS num, NULL AS den, at FROM m WHERE name = 'now'";
    firm_years, "contract", "", "",
        "SELECT '' AS key, CASE WHEN EXISTS (SELECT 1 FROM pk WHERE m = 'now' AND late) THEN 'violated' ELSE 'holds' END AS verdict, NULL AS num, NULL AS den, at
         FROM m WHERE name = 'now'";
}

// ── expected and found ──

#[derive(Debug, Clone)]
struct Expected {
    verdict: String,
    value: Option<String>,
    at: String,
    age: Option<i64>,
    late: bool,
}

/// `num / den` with at most twelve decimals, rounded half to even.
fn decimal(num: i128, den: i128) -> String {
    assert!(den > 0);
    let scale = 10_i128.pow(12);
    let whole = num.abs() * scale;
    let (quotient, rest) = (whole / den, whole % den);
    let up = rest * 2 > den || (rest * 2 == den && quotient % 2 == 1);
    let digits = quotient + i128::from(up);
    let text = format!("{}.{:012}", digits / scale, digits % scale);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if num < 0 && digits != 0 { format!("-{text}") } else { text.to_owned() }
}

/// What the SQL of a rule says now, by key.
fn expected(db: &Connection, rule: &Rule) -> BTreeMap<String, Expected> {
    let mut statement = db.prepare(rule.sql).unwrap_or_else(|e| panic!("{}: {e}", rule.name));
    let has = |name: &str| statement.column_names().any(|n| n == name);
    let (has_low, has_age) = (has("low"), has("age"));
    let rows = statement
        .query_map([], |row| {
            let word = if rule.unit == "word" { row.get::<_, Option<String>>("num")? } else { None };
            let value = if rule.unit == "word" {
                word
            } else {
                let num: Option<i64> = row.get("num")?;
                let den: Option<i64> = row.get("den")?;
                let low: i64 = if has_low { row.get::<_, Option<i64>>("low")?.unwrap_or(0) } else { 0 };
                num.zip(den.filter(|d| *d > 0)).map(|(n, d)| {
                    let n = if has_low { i128::from(n) * 10_000 + i128::from(low) } else { i128::from(n) };
                    decimal(n, i128::from(d))
                })
            };
            let verdict: String = row.get("verdict")?;
            let silent = verdict == "unknown" || verdict == "off";
            Ok((
                row.get::<_, String>("key")?,
                Expected {
                    value: value.filter(|_| {
                        !silent || rule.name == "investment_keeps_falling" || rule.name == "investment_is_shaky"
                    }),
                    verdict,
                    at: format!("{}T00:00:00Z", row.get::<_, String>("at")?),
                    age: if has_age { row.get("age")? } else { None },
                    late: has_age && row.get::<_, Option<bool>>("late")?.unwrap_or(false),
                },
            ))
        })
        .unwrap();
    let mut all = BTreeMap::new();
    for row in rows {
        let (key, row) = row.unwrap_or_else(|e| panic!("{}: {e}", rule.name));
        assert!(all.insert(key, row).is_none(), "{} says something twice", rule.name);
    }
    all
}

fn bylaws(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bylaws")).args(arguments).current_dir(folder()).output().unwrap()
}

/// The instants: every year's end of both panels and some years around them, and days on which something turns.
fn instants() -> Vec<String> {
    let ends = (1934..=1958).chain(1974..=1988).map(|y| format!("{y}-12-31"));
    let turns = [
        "1936-02-29",
        "1938-01-01",
        "1938-06-30",
        "1938-10-15", // within years, and on the first instant after one
        "1956-01-01",
        "1956-01-02",
        "1956-03-31",
        "1956-07-01",
        "1956-07-02", // 12 and 18 months after the last American rows
        "1981-10-01",
        "1981-10-02",
        "1981-12-01",
        "1981-12-02", // 9 and 11 months after a British year
        "1983-06-30",
        "1984-12-30",
        "1985-10-15",
        "1985-11-30",
    ];
    ends.chain(turns.map(str::to_owned)).collect()
}

#[derive(Default)]
struct Held {
    /// What differs, by rule.
    differences: BTreeMap<String, Vec<String>>,
    /// How many verdicts were held, by rule and word.
    counted: BTreeMap<String, BTreeMap<String, usize>>,
    /// Verdicts nobody expected.
    unaccounted: Vec<String>,
    /// Exit codes that do not fit the verdicts.
    exits: Vec<String>,
    /// Reasons that count wrongly.
    miscounted: Vec<String>,
}

fn hold_everything() -> Held {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("firms.db");
    load(&path);
    let db = oracle();
    let mut held = Held::default();
    for t in instants() {
        db.execute_batch(&MOMENTS.replace(":t", &format!("'{t}'"))).unwrap();
        let output = bylaws(&["run", "rules", "--db", path.to_str().unwrap(), "--as-of", &t, "--format", "json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let mut found: BTreeMap<(String, String, String), Value> = BTreeMap::new();
        for line in text.lines() {
            let verdict: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{t}: {line}: {e}"));
            let word = |name: &str| verdict[name].as_str().unwrap_or_default().to_owned();
            let key = verdict["key"].as_object().unwrap();
            assert!(key.len() <= 1, "{line}");
            let key = key.iter().next().map_or(String::new(), |(k, v)| format!("{k}={}", v.as_str().unwrap()));
            let place = (word("kind"), word("rule"), key);
            assert!(found.insert(place, verdict).is_none(), "{t}: twice: {line}");
        }
        let findings = found
            .values()
            .any(|v| matches!(v["verdict"].as_str(), Some("breached" | "fires" | "violated" | "unknown")));
        if output.status.code() != Some(i32::from(findings)) {
            let stderr = String::from_utf8_lossy(&output.stderr);
            held.exits.push(format!("{t}: exit {:?}, findings {findings} {stderr}", output.status.code()));
        }
        for rule in RULES {
            let all = expected(&db, rule);
            let differences = held.differences.entry(rule.name.to_owned()).or_default();
            for (key, expected) in &all {
                let key = if rule.key.is_empty() { String::new() } else { format!("{}={key}", rule.key) };
                let place = (rule.kind.to_owned(), rule.name.to_owned(), key.clone());
                match found.remove(&place) {
                    None => differences.push(format!("{t} {key}: no verdict, expected {expected:?}")),
                    Some(verdict) => {
                        let word = verdict["verdict"].as_str().unwrap_or_default().to_owned();
                        *held.counted.entry(rule.name.to_owned()).or_default().entry(word).or_default() += 1;
                        differences
                            .extend(compare(rule, expected, &verdict).into_iter().map(|d| format!("{t} {key}: {d}")));
                    }
                }
            }
        }
        held.miscounted.extend(miscounted(&db, &text, &t));
        held.unaccounted.extend(found.keys().map(|k| format!("{t}: {k:?}")));
    }
    held
}

/// Where a verdict differs from what is expected.
fn compare(rule: &Rule, expected: &Expected, found: &Value) -> Option<String> {
    let word = |name: &str| found.get(name).and_then(Value::as_str);
    let reason = word("reason").unwrap_or_default();
    if word("verdict") != Some(&expected.verdict) {
        return Some(format!(
            "is {:?} {:?}, expected {} {:?}; {reason}",
            word("verdict"),
            word("value"),
            expected.verdict,
            expected.value
        ));
    }
    if word("value") != expected.value.as_deref() {
        return Some(format!("value {:?}, expected {:?}; {reason}", word("value"), expected.value));
    }
    if expected.value.is_some() && !rule.unit.split(" or ").any(|u| word("unit") == Some(u)) {
        return Some(format!("unit {:?}, expected {}", word("unit"), rule.unit));
    }
    if word("as_of") != Some(&expected.at) {
        return Some(format!("as of {:?}, expected {}", word("as_of"), expected.at));
    }
    // Between fresh and stale a verdict carries its age; before that it may.
    let age = found.get("age_s").and_then(Value::as_i64);
    if expected.verdict != "unknown" && expected.value.is_some() {
        if expected.late && age.is_none() {
            return Some(format!("late and without its age; {reason}"));
        }
        if age.is_some() && expected.age.is_some() && age != expected.age {
            return Some(format!("age {age:?}, expected {:?}", expected.age));
        }
    }
    let state = match (rule.kind, expected.verdict.as_str()) {
        ("trigger", "fires") => Some("firing"),
        ("trigger", "unknown") => Some("unknown"),
        ("trigger", _) => Some("armed"),
        _ => None,
    };
    (word("state") != state).then(|| format!("state {:?}, expected {state:?}", word("state")))
}

/// "7 of 17 firms are unknown" must be seven of seventeen.
fn miscounted(db: &Connection, text: &str, t: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for line in text.lines() {
        let verdict: Value = serde_json::from_str(line).unwrap();
        let reason = verdict["reason"].as_str().unwrap_or_default();
        let (sql, key) = match verdict["rule"].as_str().unwrap_or_default() {
            "all_reinvest" => (
                "SELECT count(*) FILTER (WHERE stale), count(*) FROM cs JOIN ck USING (m, company) WHERE m = 'now' AND ?1 = ''",
                "",
            ),
            "sector_jobs" => (
                "SELECT count(*) FILTER (WHERE people IS NULL), count(*) FROM pk WHERE m = 'now' AND sector = ?1",
                verdict["key"]["sector"].as_str().unwrap_or_default(),
            ),
            _ => continue,
        };
        if verdict["verdict"] != "unknown" || !reason.contains("unknown;") {
            continue;
        }
        let (unknown, all): (i64, i64) = db.query_row(sql, [key], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
        if !reason.contains(&format!("{unknown} of {all} ")) {
            wrong.push(format!("{t} {key}: {unknown} of {all} are unknown, and it says: {reason}"));
        }
    }
    wrong
}

fn held_once() -> &'static Held {
    static HELD: OnceLock<Held> = OnceLock::new();
    HELD.get_or_init(hold_everything)
}

/// Every verdict of a rule, at every instant, is the one of its SQL.
fn held(rule: &str) {
    let held = held_once();
    let differences = &held.differences[rule];
    let shown: Vec<&str> = differences.iter().take(12).map(String::as_str).collect();
    assert!(differences.is_empty(), "{rule}: {} differences\n{}", differences.len(), shown.join("\n"));
}

#[test]
fn no_verdict_is_unaccounted_for() {
    let held = held_once();
    assert!(held.unaccounted.is_empty(), "{:#?}", held.unaccounted);
    assert!(held.exits.is_empty(), "{:#?}", held.exits);
    eprintln!("{:#?}", held.counted);
    let total: usize = held.counted.values().flat_map(BTreeMap::values).sum();
    assert!(total > 10_000, "only {total} verdicts were held");
}

/// The data reaches every verdict each rule can give, so that the comparison above compares something.
#[test]
fn the_data_reaches_every_kind_of_verdict() {
    let held = held_once();
    let mut lacking = Vec::new();
    for rule in RULES {
        let reached: BTreeSet<&str> =
            held.counted.get(rule.name).into_iter().flat_map(|c| c.keys().map(String::as_str)).collect();
        let wanted: &[&str] = match rule.kind {
            "threshold" if rule.name == "panel_keeps" => &["met", "breached"],
            "threshold" if rule.name == "wages" || rule.name == "wages_of_reporters" => &["met", "unknown"],
            "threshold" => &["met", "breached", "unknown"],
            "trigger" if rule.name == "firm_is_silent" => &["fires", "clear"],
            "trigger" => &["fires", "clear", "unknown"],
            _ if rule.name.ends_with("years") => &["holds", "violated"],
            _ => &["holds"],
        };
        lacking.extend(wanted.iter().filter(|w| !reached.contains(**w)).map(|w| format!("{} is never {w}", rule.name)));
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
}

#[test]
fn reasons_count_what_is_unknown() {
    let wrong = &held_once().miscounted;
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.iter().take(8).cloned().collect::<Vec<_>>().join("\n")
    );
}

// ── the pack itself ──

#[test]
fn the_pack_is_accepted_without_a_warning() {
    let output = bylaws(&["check", "rules", "tests"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains("warning"), "{text}");
}

#[test]
fn the_rule_tests_of_the_pack_pass() {
    let output = bylaws(&["test", "rules", "tests"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
}

// ── small packs: what the panels showed, in as few rows as it takes ──

/// Rules and a database of their own.
fn small(rules: &str, sql: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("bylaws.toml"), "[roles.analyst]\n").unwrap();
    std::fs::write(at("pack.bylaw"), rules).unwrap();
    Connection::open(at("small.db")).unwrap().execute_batch(sql).unwrap();
    let (pack, config, db) = (at("pack.bylaw"), at("bylaws.toml"), at("small.db"));
    let mut all = vec![arguments[0], pack.as_str(), "--config", config.as_str()];
    all.extend(arguments[1..].iter().map(|a| if *a == "{db}" { db.as_str() } else { a }));
    let output = bylaws(&all);
    (
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        output.status.code(),
    )
}

/// The verdict and value of a rule for each of its keys.
fn small_run(rules: &str, sql: &str, as_of: &str) -> BTreeMap<(String, String), (String, String)> {
    let (text, _) = small(rules, sql, &["run", "--db", "{db}", "--as-of", as_of, "--format", "json"]);
    text.lines()
        .map(|line| {
            let v: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {text}"));
            let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            let key = v["key"].as_object().unwrap().values().map(word).collect::<Vec<_>>().join(",");
            ((word(&v["rule"]), key), (word(&v["verdict"]), word(&v["value"])))
        })
        .collect()
}

/// D20, D32: one verdict a key, whether a threshold or a trigger is judged once a year.
#[test]
fn a_yearly_threshold_and_a_yearly_trigger_speak_of_the_same_keys() {
    let rules = r#"
contract sectors, each a sector
  because "Without date or validity."
  one row per id
  id  id

contract readings, each a reading
  because "A number a year."
  one row per sector_id and day
  dated by day
  sector_id  id of sectors
  day        date
  amount     number

param limit = 5, from 1 to 10
  because "A limit."

metric amount per sector = latest amount in readings

threshold small on amount, yearly
  because "Small is good."
  target is at most limit

trigger large "Too large", per sector
  because "Large is bad."
  when amount is above limit
  check yearly
  tell analyst
"#;
    let sql = "CREATE TABLE sectors (id); INSERT INTO sectors VALUES ('a'), ('b'); CREATE TABLE readings (sector_id, day, amount);
               INSERT INTO readings VALUES ('a', '1980-06-01', 3), ('b', '1980-06-01', 7);";
    let found = small_run(rules, sql, "1981-12-31");
    let of = |rule: &str| found.keys().filter(|k| k.0 == rule).map(|k| k.1.clone()).collect::<Vec<_>>();
    assert_eq!(of("large"), ["a", "b"]);
    assert_eq!(of("small"), of("large"), "{found:#?}");
}

/// What a row leads to counts only while it is in force, whichever way the rows are taken.
#[test]
fn an_average_and_a_median_see_the_same_rows() {
    let rules = r#"
contract sectors, each a sector
  because "Without date or validity."
  one row per id
  id  id

contract firms, each a firm
  because "Firms come and go."
  one row per id
  in force from entered_on until left_on
  id          id
  sector_id   id of sectors
  entered_on  date
  left_on     date, optional

contract readings, each a reading
  because "A number a year."
  one row per firm_id and day
  dated by day
  firm_id  id of firms
  day      date
  amount   number

param limit = 5, from 1 to 10
  because "A limit."

param window_length = 24 months, from 1 month to 36 months
  because "A window."

metric mean per sector = average of amount in readings within last window_length

metric middle per sector = median of amount in readings within last window_length

threshold mean_small on mean
  because "Small is good."
  target is at most limit

threshold middle_small on middle
  because "Small is good."
  target is at most limit
"#;
    let sql = "CREATE TABLE sectors (id); INSERT INTO sectors VALUES ('a');
               CREATE TABLE firms (id, sector_id, entered_on, left_on);
               INSERT INTO firms VALUES ('gone', 'a', '1980-01-01', '1981-06-01'), ('there', 'a', '1980-01-01', NULL);
               CREATE TABLE readings (firm_id, day, amount); INSERT INTO readings VALUES ('gone', '1981-03-01', 9), ('there', '1981-03-01', 3);";
    let found = small_run(rules, sql, "1981-12-31");
    let of = |rule: &str| &found[&(rule.to_owned(), "a".to_owned())].1;
    assert_eq!(of("middle_small"), "3");
    assert_eq!(of("mean_small"), of("middle_small"), "{found:#?}");
}

/// `expect THRESHOLD is met for KEY`, as for a trigger: its keys are those of its metric (D20).
#[test]
fn a_threshold_of_a_noun_is_tested_by_its_key() {
    let tests = r#"
test "Reinvestment on each side of target and limit"
  now is 1939-01-01
  given companies
    id        entered_on  left_on
    AtTarget  1938-12-31  -
    Below     1938-12-31  -
    AtLimit   1938-12-31  -
    Under     1938-12-31  -
    NoPlant   1938-12-31  -
  given company_years
    company_id  year_end    investment   market_value  capital
    AtTarget    1938-12-31  $25,000,000  $0            $100,000,000
    Below       1938-12-31  $24,999,999  $0            $100,000,000
    AtLimit     1938-12-31  $10,000,000  $0            $100,000,000
    Under       1938-12-31  $9,999,999   $0            $100,000,000
    NoPlant     1938-12-31  $9,999,999   $0            $0
  expect reinvestment is met for AtTarget
  expect reinvestment is acceptable for Below
  expect reinvestment is acceptable for AtLimit
  expect reinvestment is breached for Under
  expect reinvestment is unknown for NoPlant
  expect shrinking_only_while_worth_it is unknown for Under
"#;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("thresholds.bylaw");
    std::fs::write(&path, tests).unwrap();
    let output = bylaws(&["test", "rules", path.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
}
