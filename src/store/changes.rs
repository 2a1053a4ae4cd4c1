//! The change log: what a table was before each write, so that it can be read as it was at an earlier moment.
//!
//! Triggers of the database keep it, so that it knows the writes of every program. It costs each of those programs
//! a second row a write, which is why it is installed only when somebody asks for it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use jiff::Timestamp;

use super::error::StoreError;
use super::shape::shape_of;
use super::{Store, TableShape, literal, moment, quoted, stored_columns, stored_key};
use crate::lang::item::contract::Contract;
use crate::sql::Arg;

/// What the log calls itself for a table that is written in another case elsewhere.
fn log_name(table: &str) -> String {
    table.to_ascii_lowercase()
}

/// The triggers of a table, by the ends of their names.
const TRIGGERS: [&str; 5] = ["insert", "update", "delete", "replaced", "displaced"];

/// The kinds that every table has; the others stand only where rows can push each other out.
const ALWAYS: [&str; 3] = ["insert", "update", "delete"];

fn trigger_name(table: &str, end: &str) -> String {
    format!("bylaws_log_{table}_{end}")
}

/// The same on PostgreSQL, which would cut off what is longer than this many bytes.
fn short_name(table: &str, end: &str) -> String {
    const LONGEST: usize = 63;
    let name = trigger_name(&log_name(table), end);
    if name.len() <= LONGEST {
        return name;
    }
    let hash = crate::digest::sha256(&log_name(table));
    format!("bylaws_log_{}_{end}", hash.get(..16).unwrap_or(&hash))
}

/// A value of a column inside JSON such that it reads back as it was. Numbers get all their digits, which older
/// versions of the library would cut; bytes, which JSON cannot hold, become text, so that no write fails over them.
fn json_value(column: &str) -> String {
    format!(
        "CASE typeof({column}) WHEN 'real' THEN json(CASE WHEN {column} > 1.7976931348623157e308 THEN '9e999' \
         WHEN {column} < -1.7976931348623157e308 THEN '-9e999' ELSE printf('%!.17g', {column}) END) \
         WHEN 'blob' THEN 'x''' || hex({column}) || '''' ELSE {column} END"
    )
}

/// The row's key as a JSON array; `row` is `OLD`, `NEW` or the name of a table.
pub(super) fn key_json(store: &Store, key: &[&str], row: &str) -> String {
    key_in(store.is_postgres(), key, row)
}

fn key_in(postgres: bool, key: &[&str], row: &str) -> String {
    let columns = key.iter().map(|c| format!("{row}.{}", quoted(c)));
    if postgres {
        return format!("jsonb_build_array({})::text", columns.collect::<Vec<_>>().join(", "));
    }
    format!("json_array({})", columns.map(|c| json_value(&c)).collect::<Vec<_>>().join(", "))
}

/// The row as a JSON object by stored names.
pub(super) fn row_json(store: &Store, columns: &[&str], row: &str) -> String {
    row_in(store.is_postgres(), columns, row)
}

fn row_in(postgres: bool, columns: &[&str], row: &str) -> String {
    if postgres {
        // A function takes a hundred values at most, a row any number.
        let list: Vec<String> = columns.iter().map(|c| format!("{row}.{}", quoted(c))).collect();
        return format!("(SELECT to_jsonb(bylaws_image) FROM (SELECT {}) AS bylaws_image)", list.join(", "));
    }
    let values: Vec<String> =
        columns.iter().map(|c| format!("{}, {}", literal(c), json_value(&format!("{row}.{}", quoted(c))))).collect();
    format!("json_object({})", values.join(", "))
}

/// The columns out of such an object, under their names, and what they are taken from beside it.
pub(super) fn from_json(store: &Store, table: &str, columns: &[&str], object: &str) -> (String, String) {
    out_of_json(store.is_postgres(), table, columns, object)
}

fn out_of_json(postgres: bool, table: &str, columns: &[&str], object: &str) -> (String, String) {
    if postgres {
        // The server reads each value back as the type its column has, digit by digit.
        let list: Vec<String> = columns.iter().map(|c| format!("p.{}", quoted(c))).collect();
        let from = format!(" CROSS JOIN LATERAL jsonb_populate_record(NULL::{}, {object}) AS p", quoted(table));
        return (list.join(", "), from);
    }
    let list: Vec<String> = columns
        .iter()
        .map(|c| format!("json_extract({object}, {}) AS {}", literal(&format!("$.\"{c}\"")), quoted(c)))
        .collect();
    (list.join(", "), String::new())
}

/// What `install_change_log` did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Installed {
    /// The tables that are logged now, and since when.
    pub tables: Vec<(String, Timestamp)>,
    /// The tables that cannot be logged, and why.
    pub skipped: Vec<(String, Skipped)>,
}

/// Why a table cannot be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skipped {
    /// It is not there.
    NotThere,
    /// It is a view: nobody writes to it.
    View,
    /// It has no such columns.
    NoColumns(Vec<String>),
    /// Two contracts speak of it and name its rows differently.
    TwoKeys,
    /// The name of a column holds a mark that JSON paths cannot.
    BadName(String),
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Skipped::NotThere => f.write_str("it is not there"),
            Skipped::View => f.write_str("it is a view"),
            Skipped::NoColumns(columns) => write!(f, "it has no column {}", columns.join(", ")),
            Skipped::TwoKeys => f.write_str("two contracts name its rows by different columns"),
            Skipped::BadName(column) => {
                write!(f, "the name of its column {column} holds a quotation mark or backslash")
            }
        }
    }
}

/// What several contracts about one table ask of its log.
struct Logged<'c> {
    table: &'c str,
    key: Vec<&'c str>,
    columns: Vec<&'c str>,
    two_keys: bool,
}

/// Installs the triggers that log the writes to the contracts' tables.
///
/// A log that already runs keeps the moment it began, unless it was interrupted or did not hold every column that is
/// now asked for: what it says of the time before would be wrong.
pub fn install_change_log(
    store: &mut Store,
    contracts: &[&Contract],
    began_at: Timestamp,
) -> Result<Installed, StoreError> {
    if !store.has_table("bylaws_changes")? || !store.has_table("bylaws_change_log")? {
        return Err(StoreError::no_engine(&store.name));
    }
    let mut wanted: Vec<Logged<'_>> = Vec::new();
    for contract in contracts.iter().filter(|c| c.is_table()) {
        let (key, columns) = (stored_key(contract), stored_columns(contract));
        match wanted.iter_mut().find(|w| w.table.eq_ignore_ascii_case(&contract.table)) {
            Some(w) => {
                w.two_keys |= w.key != key;
                w.columns.extend(columns.into_iter().filter(|c| !w.columns.contains(c)).collect::<Vec<_>>());
            }
            None => wanted.push(Logged { table: &contract.table, key, columns, two_keys: false }),
        }
    }
    store.write(|tx| {
        let mut installed = Installed::default();
        for logged in &wanted {
            let shape = shape_of(tx, logged.table)?;
            if let Some(why) = obstacle(logged, &shape) {
                installed.skipped.push((logged.table.to_owned(), why));
                continue;
            }
            let keeps = continues(tx, logged)?;
            if tx.is_postgres() {
                tx.batch(&postgres_triggers(logged))?;
            } else {
                for end in TRIGGERS {
                    tx.batch(&format!("DROP TRIGGER IF EXISTS {}", quoted(&trigger_name(logged.table, end))))?;
                }
                for trigger in triggers(logged, &shape) {
                    tx.batch(&trigger)?;
                }
            }
            let json = |names: &[&str]| Arg::Text(serde_json::Value::from(names.to_vec()).to_string());
            let began = tx.row(
                "INSERT INTO bylaws_change_log (table_name, began_at, row_key, columns) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (table_name) DO UPDATE SET row_key = excluded.row_key, columns = excluded.columns,
                   began_at = CASE WHEN ?5 = 1 THEN bylaws_change_log.began_at ELSE excluded.began_at END
                 RETURNING began_at",
                &[
                    log_name(logged.table).into(),
                    moment(began_at).into(),
                    json(&logged.key),
                    json(&logged.columns),
                    i64::from(keeps).into(),
                ],
                |row| row.moment(0),
            )?;
            installed.tables.push((logged.table.to_owned(), began.unwrap_or(began_at)));
        }
        Ok(installed)
    })
}

/// A trigger that names a column which is not there would be accepted, and would then fail every write of everybody.
fn obstacle(logged: &Logged<'_>, shape: &TableShape) -> Option<Skipped> {
    if !shape.exists {
        return Some(Skipped::NotThere);
    }
    if shape.view {
        return Some(Skipped::View);
    }
    let missing: Vec<String> =
        logged.columns.iter().filter(|c| shape.column(c).is_none()).map(|c| (*c).to_owned()).collect();
    if !missing.is_empty() {
        return Some(Skipped::NoColumns(missing));
    }
    if let Some(bad) = logged.columns.iter().find(|c| c.contains(['"', '\\'])) {
        return Some(Skipped::BadName((*bad).to_owned()));
    }
    logged.two_keys.then_some(Skipped::TwoKeys)
}

/// Whether the log of this table runs without a gap and holds all that is asked of it.
fn continues(store: &Store, logged: &Logged<'_>) -> Result<bool, StoreError> {
    let Some((key, columns)) = kept(store, logged.table)? else { return Ok(false) };
    Ok(key == logged.key && logged.columns.iter().all(|c| columns.iter().any(|have| have == c)))
}

/// Names of columns.
type Names = Vec<String>;

/// Key and columns of a log that runs.
fn kept(store: &Store, table: &str) -> Result<Option<(Names, Names)>, StoreError> {
    let ends: &[&str] = if store.is_postgres() { &ON_POSTGRES } else { &ALWAYS };
    let name = |end: &&str| {
        if store.is_postgres() { short_name(table, end) } else { trigger_name(&log_name(table), end) }
    };
    let names: Vec<String> = ends.iter().map(name).collect();
    // A table that was dropped and made again has lost its triggers, and its log has a gap.
    let running = if store.is_postgres() {
        let list: Vec<String> = names.iter().map(|n| literal(n)).collect();
        let sql = format!(
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass(quote_ident(?1)) AND tgenabled <> 'D'
             AND lower(tgname) IN ({})",
            list.join(", ")
        );
        store.row(&sql, &[table.into()], |row| row.int(0))?
    } else {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = ?1
                   AND lower(name) IN (?2, ?3, ?4)";
        let args: Vec<Arg> = std::iter::once(log_name(table)).chain(names.iter().cloned()).map(Arg::Text).collect();
        store.row(sql, &args, |row| row.int(0))?
    };
    if running.and_then(|n| usize::try_from(n).ok()) != Some(names.len()) {
        return Ok(None);
    }
    let sql = "SELECT row_key, columns FROM bylaws_change_log WHERE table_name = ?1";
    let found = store.row(sql, &[log_name(table).into()], |row| Ok((row.text(0)?, row.text(1)?)))?;
    Ok(found.and_then(|(key, columns)| Some((serde_json::from_str(&key).ok()?, serde_json::from_str(&columns).ok()?))))
}

/// The triggers of a table on PostgreSQL, by the ends of their names.
const ON_POSTGRES: [&str; 4] = ["insert", "update", "delete", "truncate"];

/// The channel on which a write to a logged table is told. It only wakes; what was written stands in the log.
pub const CHANNEL: &str = "bylaws_changes";

/// One function a table, called once a statement with all the rows it wrote. It runs with the rights of whoever
/// installs it, so that those who write the table need none on the log, and in UTC, so that a key that holds a moment
/// is the same whoever writes it.
fn postgres_triggers(logged: &Logged<'_>) -> String {
    let table = quoted(logged.table);
    let function = quoted(&short_name(logged.table, "writes"));
    let key = |row: &str| key_in(true, &logged.key, row);
    let image = |row: &str| row_in(true, &logged.columns, row);
    let name = literal(&log_name(logged.table));
    let write = "INSERT INTO bylaws_changes (table_name, row_key, op, before)";
    let body = format!(
        "BEGIN
           IF TG_OP = 'INSERT' THEN
             {write} SELECT {name}, {new_key}, 'insert', NULL FROM bylaws_new AS n;
           ELSIF TG_OP = 'DELETE' THEN
             {write} SELECT {name}, {old_key}, 'delete', {old} FROM bylaws_old AS o;
           ELSIF TG_OP = 'UPDATE' THEN
             WITH was AS (SELECT {old_key} AS k, {old} AS image FROM bylaws_old AS o),
               is_now AS (SELECT {new_key} AS k, {new} AS image FROM bylaws_new AS n)
             {write} SELECT {name}, was.k, CASE WHEN is_now.k IS NULL THEN 'delete' ELSE 'update' END, was.image
               FROM was LEFT JOIN is_now ON is_now.k = was.k WHERE is_now.k IS NULL OR is_now.image <> was.image
             UNION ALL SELECT {name}, is_now.k, 'insert', NULL FROM is_now
               WHERE NOT EXISTS (SELECT 1 FROM was WHERE was.k = is_now.k);
           ELSE
             {write} SELECT {name}, {gone_key}, 'delete', {gone} FROM {table} AS r;
           END IF;
           IF FOUND THEN
             PERFORM pg_notify({channel}, {name});
           END IF;
           RETURN NULL;
         END",
        new_key = key("n"),
        old_key = key("o"),
        gone_key = key("r"),
        new = image("n"),
        old = image("o"),
        gone = image("r"),
        channel = literal(CHANNEL),
    );
    let trigger = |end: &str, when: &str, tables: &str| {
        let trigger = quoted(&short_name(logged.table, end));
        format!(
            "DROP TRIGGER IF EXISTS {trigger} ON {table};
             CREATE TRIGGER {trigger} {when} ON {table} {tables} FOR EACH STATEMENT EXECUTE FUNCTION {function}();\n"
        )
    };
    let (old, new) = ("OLD TABLE AS bylaws_old", "NEW TABLE AS bylaws_new");
    [
        format!(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
             SET search_path FROM CURRENT SET \"TimeZone\" = 'UTC' AS {};\n",
            literal(&body)
        ),
        trigger("insert", "AFTER INSERT", &format!("REFERENCING {new}")),
        trigger("update", "AFTER UPDATE", &format!("REFERENCING {old} {new}")),
        trigger("delete", "AFTER DELETE", &format!("REFERENCING {old}")),
        // What is cut off leaves no rows behind to be looked at, so this one runs before.
        trigger("truncate", "BEFORE TRUNCATE", ""),
    ]
    .concat()
}

fn triggers(logged: &Logged<'_>, shape: &TableShape) -> Vec<String> {
    let table = quoted(logged.table);
    let start = |end: &str| format!("CREATE TRIGGER {}", quoted(&trigger_name(logged.table, end)));
    let key = |row: &str| key_in(false, &logged.key, row);
    let image = |row: &str| row_in(false, &logged.columns, row);
    let write = format!(
        "INSERT INTO bylaws_changes (at, table_name, row_key, op, before) \
         SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), {}",
        literal(&log_name(logged.table))
    );
    let mut triggers = vec![
        format!("{} AFTER INSERT ON {table} BEGIN {write}, {}, 'insert', NULL; END", start("insert"), key("NEW")),
        format!(
            "{} AFTER DELETE ON {table} BEGIN {write}, {}, 'delete', {}; END",
            start("delete"),
            key("OLD"),
            image("OLD")
        ),
        format!(
            "{} AFTER UPDATE ON {table} WHEN {old} <> {new} BEGIN \
             {write}, {old_key}, CASE WHEN {old_key} = {new_key} THEN 'update' ELSE 'delete' END, {old}; \
             {write}, {new_key}, 'insert', NULL WHERE {old_key} <> {new_key}; END",
            start("update"),
            old = image("OLD"),
            new = image("NEW"),
            old_key = key("OLD"),
            new_key = key("NEW"),
        ),
    ];
    // `INSERT OR REPLACE` and `UPDATE OR REPLACE` push out the rows that stand in their way, and for those no trigger
    // for deletes runs. Where they only seem to (`OR IGNORE`, `ON CONFLICT DO`), the log gets an image that is true
    // all the same.
    let in_the_way: Vec<String> = shape
        .unique
        .iter()
        .map(|set| {
            let same: Vec<String> = set.iter().map(|c| format!("r.{c} = NEW.{c}", c = quoted(c))).collect();
            format!("({})", same.join(" AND "))
        })
        .collect();
    if !in_the_way.is_empty() {
        let pushed = format!(
            "{write}, {}, 'delete', {} FROM {table} AS r WHERE ({})",
            key("r"),
            image("r"),
            in_the_way.join(" OR ")
        );
        let mut columns: Vec<&String> = shape.unique.iter().flatten().collect();
        columns.sort_unstable();
        columns.dedup();
        let moved: Vec<String> = columns.iter().map(|c| format!("OLD.{c} IS NOT NEW.{c}", c = quoted(c))).collect();
        triggers.push(format!("{} BEFORE INSERT ON {table} BEGIN {pushed}; END", start("replaced")));
        triggers.push(format!(
            "{} BEFORE UPDATE ON {table} WHEN {} BEGIN {pushed} AND {} <> {}; END",
            start("displaced"),
            moved.join(" OR "),
            key("r"),
            key("OLD"),
        ));
    }
    triggers
}

/// Says that the changes after `after_seq` happened at `at`, for those who live in a time of their own.
pub fn restamp(store: &mut Store, after_seq: i64, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE bylaws_changes SET at = ?1 WHERE seq > ?2";
    store.write(|tx| tx.execute(sql, &[moment(at).into(), after_seq.into()]))?;
    Ok(())
}

/// The number of the last change; 0 where there is none, or no log.
pub fn log_head(store: &Store) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(max(seq), 0) FROM bylaws_changes";
    let head = store.rows_of_maybe(sql, &[], |row| row.int(0))?;
    Ok(head.and_then(|rows| rows.first().copied()).unwrap_or(0))
}

/// A row that was written to, and what it was before.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its table, as the log calls it.
    pub table: String,
    /// Its key.
    pub key: Vec<Arg>,
    /// When.
    pub at: Timestamp,
    /// Its columns before the first of the writes, by their stored names; nothing for a row that was not there.
    pub before: Option<HashMap<String, Option<Arg>>>,
}

/// How far somebody has followed the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// On SQLite: up to this change.
    Sqlite(i64),
    /// On PostgreSQL, where a lower number may be seen later: all changes of transactions before this one, and these.
    Postgres(i64, BTreeSet<i64>),
}

/// Where the log is now.
pub fn position(store: &Store) -> Result<Position, StoreError> {
    if !store.is_postgres() {
        return log_head(store).map(Position::Sqlite);
    }
    let Some(oldest) = oldest_open(store)? else { return Ok(Position::Postgres(0, BTreeSet::new())) };
    let sql = "SELECT seq FROM bylaws_changes WHERE xid >= ?1::text::xid8";
    let seen = store.rows_of_maybe(sql, &[oldest.to_string().into()], |row| row.int(0))?;
    Ok(Position::Postgres(oldest, seen.unwrap_or_default().into_iter().collect()))
}

/// The first transaction that may still be under way: all before it are over and seen.
fn oldest_open(store: &Store) -> Result<Option<i64>, StoreError> {
    let oldest = store.row("SELECT pg_snapshot_xmin(pg_current_snapshot())::text", &[], |row| row.text(0))?;
    Ok(oldest.and_then(|text| text.parse().ok()))
}

/// Where the log is now, and the rows that were written to since it was elsewhere, each once; nothing when they are more
/// than so many, or when one cannot be named by its key.
pub fn after(
    store: &Store,
    position: &Position,
    at_most: usize,
) -> Result<Option<(Position, Vec<Change>)>, StoreError> {
    let (written, now) = match position {
        Position::Sqlite(seq) => {
            let sql = format!("SELECT {LOGGED} FROM bylaws_changes WHERE seq > ?1 ORDER BY seq LIMIT ?2");
            let limit = i64::try_from(at_most).unwrap_or(i64::MAX).saturating_add(1);
            let Some(written) = logged(store, &sql, &[(*seq).into(), limit.into()])? else { return Ok(None) };
            let head = written.last().map_or(*seq, |(seq, _)| *seq);
            (written, Position::Sqlite(head))
        }
        Position::Postgres(from, seen) => {
            // What is seen between two questions is handed over by the second, or the next time.
            let oldest = oldest_open(store)?.unwrap_or(*from);
            let limit = i64::try_from(at_most + seen.len()).unwrap_or(i64::MAX).saturating_add(1);
            let sql = format!("SELECT {LOGGED} FROM bylaws_changes WHERE xid >= ?1::text::xid8 ORDER BY seq LIMIT ?2");
            let args = [from.to_string().into(), limit.into()];
            let Some(mut written) = logged(store, &sql, &args)? else { return Ok(None) };
            written.retain(|(seq, _)| !seen.contains(seq));
            let mut handed: BTreeSet<i64> = written.iter().map(|(seq, _)| *seq).collect();
            handed.extend(seen);
            let sql = "SELECT seq FROM bylaws_changes WHERE xid >= ?1::text::xid8";
            let again = store.rows_of_maybe(sql, &[oldest.to_string().into()], |row| row.int(0))?;
            let again = again.unwrap_or_default().into_iter().filter(|seq| handed.contains(seq)).collect();
            (written, Position::Postgres(oldest, again))
        }
    };
    if written.len() > at_most {
        return Ok(None);
    }
    let mut seen: HashSet<(String, String)> = HashSet::new();
    let first = |change: &Change| {
        let key: Vec<String> = change.key.iter().map(Arg::show).collect();
        seen.insert((change.table.clone(), key.join(",")))
    };
    Ok(Some((now, written.into_iter().map(|(_, change)| change).filter(first).collect())))
}

/// What the rows of a table that were written to between two moments have been from the first of them on, row by row as
/// often as they were written to; nothing when it is more than so much, or when a row cannot be named by its key.
pub fn between(
    store: &Store,
    table: &str,
    from: Timestamp,
    to: Timestamp,
    at_most: usize,
) -> Result<Option<Vec<Change>>, StoreError> {
    let sql = format!(
        "SELECT {LOGGED} FROM bylaws_changes WHERE table_name = ?1 AND at >= ?2 AND row_key IN \
         (SELECT row_key FROM bylaws_changes WHERE table_name = ?1 AND at >= ?2 AND at <= ?3) LIMIT ?4"
    );
    let limit = i64::try_from(at_most).unwrap_or(i64::MAX).saturating_add(1);
    let args = [log_name(table).into(), moment(from).into(), moment(to).into(), limit.into()];
    let written = logged(store, &sql, &args)?.filter(|written| written.len() <= at_most);
    Ok(written.map(|written| written.into_iter().map(|(_, change)| change).collect()))
}

/// The columns of the log that [`logged`] reads.
const LOGGED: &str = "seq, table_name, row_key, op, CAST(before AS text), at";

fn logged(store: &Store, sql: &str, args: &[Arg]) -> Result<Option<Vec<(i64, Change)>>, StoreError> {
    let rows = store.rows_of_maybe(sql, args, |row| {
        Ok((row.int(0)?, row.text(1)?, row.text(2)?, row.text(3)?, row.maybe_text(4)?, row.moment(5)?))
    })?;
    let Some(rows) = rows else { return Ok(None) };
    let mut changes = Vec::with_capacity(rows.len());
    for (seq, table, key, op, before, at) in rows {
        let Some(key) = key_of(&key) else { return Ok(None) };
        let before = match (op.as_str(), before) {
            ("insert", _) | (_, None) => None,
            (_, Some(before)) => {
                let Ok(serde_json::Value::Object(before)) = serde_json::from_str(&before) else { return Ok(None) };
                let values = before.iter().map(|(name, value)| Some((name.to_lowercase(), stored(value)?)));
                let Some(values) = values.collect() else { return Ok(None) };
                Some(values)
            }
        };
        changes.push((seq, Change { table, key, at, before }));
    }
    Ok(Some(changes))
}

/// A key of the log as values; nothing where it holds none, or bytes, of which the log has only a picture.
fn key_of(text: &str) -> Option<Vec<Arg>> {
    let parts: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
    parts.iter().map(|part| stored(part).flatten()).collect()
}

fn stored(value: &serde_json::Value) -> Option<Option<Arg>> {
    Some(match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) if text.starts_with("x'") => return None,
        serde_json::Value::String(text) => Some(Arg::Text(text.clone())),
        serde_json::Value::Number(n) => match n.as_i64() {
            Some(n) => Some(Arg::Int(n)),
            None => Some(Arg::Real(n.as_f64()?)),
        },
        _ => return None,
    })
}

/// The moment of the first write to a table after another moment, where the log knows one.
pub fn next_write(store: &Store, table: &str, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT min(at) FROM bylaws_changes WHERE table_name = ?1 AND at > ?2";
    let found = store.rows_of_maybe(sql, &[log_name(table).into(), moment(after).into()], |row| row.maybe_moment(0))?;
    Ok(found.and_then(|rows| rows.into_iter().next().flatten()))
}

/// What the schema is at: the same as long as no table, index or trigger has come, gone or changed.
pub fn schema(store: &Store) -> Result<i64, StoreError> {
    let sql = if store.is_postgres() {
        // A sum over what the catalog holds of one's own tables: the transactions that wrote it last.
        "SELECT (coalesce((SELECT sum(hashtext(c.xmin::text || c.oid::text)) FROM pg_class AS c
           WHERE c.relnamespace::regnamespace::text = ANY (current_schemas(false)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')), 0)
          + coalesce((SELECT sum(hashtext(t.xmin::text || t.oid::text)) FROM pg_trigger AS t WHERE NOT t.tgisinternal), 0)
          + coalesce((SELECT sum(hashtext(a.xmin::text || a.attrelid::text || a.attnum::text)) FROM pg_attribute AS a
              JOIN pg_class AS c ON c.oid = a.attrelid
              WHERE c.relnamespace::regnamespace::text = ANY (current_schemas(false)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')), 0))::bigint"
    } else {
        "PRAGMA schema_version"
    };
    Ok(store.row(sql, &[], |row| row.int(0))?.unwrap_or(0))
}

/// Since when the log of a table is complete; `None` where it does not run or cannot be read.
pub fn log_began(store: &Store, table: &str) -> Option<Timestamp> {
    kept(store, table).ok().flatten()?;
    began(store, table)
}

/// Since when a log that runs is complete.
fn began(store: &Store, table: &str) -> Option<Timestamp> {
    let sql = "SELECT began_at FROM bylaws_change_log WHERE table_name = ?1";
    store.row(sql, &[log_name(table).into()], |row| row.moment(0)).ok().flatten()
}

/// Since when [`history_sql`] of this contract is true: the log must run, name rows as the contract does and hold
/// every column of it. `None` where it never is.
pub fn history_began(store: &Store, contract: &Contract) -> Option<Timestamp> {
    let (key, columns) = (stored_key(contract), stored_columns(contract));
    let logged = Logged { table: &contract.table, key, columns, two_keys: false };
    let whole = continues(store, &logged).unwrap_or(false);
    if whole { began(store, &contract.table) } else { None }
}

/// Whether the log knows a write to the table after the moment; not where there is no log.
///
/// A log that cannot be read may know one: whoever then asks for the history meets the same fault and says so.
pub fn changed_after(store: &Store, table: &str, at: Timestamp) -> bool {
    let later = if store.is_postgres() { "at > ?2".to_owned() } else { format!("seq >= {}", first_after("?2")) };
    let sql = format!("SELECT EXISTS (SELECT 1 FROM bylaws_changes WHERE table_name = ?1 AND {later})");
    let found = store.rows_of_maybe(&sql, &[log_name(table).into(), moment(at).into()], |row| row.truth(0));
    found.map_or(true, |rows| rows.is_some_and(|rows| rows.first() == Some(&true)))
}

/// The moments after one and up to another at which the log knows writes to some tables, each once and in order.
pub fn moments(store: &Store, tables: &[&str], after: Timestamp, to: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
    let sql = "SELECT DISTINCT table_name, at FROM bylaws_changes WHERE at > ?1 AND at <= ?2 ORDER BY at";
    let names: Vec<String> = tables.iter().map(|table| log_name(table)).collect();
    let args = [moment(after).into(), moment(to).into()];
    let rows = store.rows_of_maybe(sql, &args, |row| Ok((row.text(0)?, row.moment(1)?)))?;
    let mut found: Vec<Timestamp> = Vec::new();
    for (table, at) in rows.unwrap_or_default() {
        if names.contains(&table) && found.last() != Some(&at) {
            found.push(at);
        }
    }
    Ok(found)
}

/// The number of the first change after a moment, of whatever table: from there on everything is later, even if the
/// clock was set back in between. The parameter may have any number of digits after the second.
fn first_after(at_param: &str) -> String {
    format!("(SELECT min(seq) FROM bylaws_changes WHERE at > strftime('%Y-%m-%dT%H:%M:%fZ', {at_param}))")
}

/// A SELECT in parentheses that yields the contract's stored columns as the table was at a moment.
///
/// `at_param` is the parameter that moment is bound to, numbered or named (`?1`, `:at`); it is bound as text, best by
/// [`moment`]. These are the rows that were not written since, and of those that were, what they were before the
/// first of these writes. True from [`history_began`] on.
///
/// On PostgreSQL writes of several programs overlap, and the numbers of changes to different rows need not be in the
/// order of their moments. Those to one row are: whoever writes it second waits for the first to commit.
pub fn history_sql(contract: &Contract, at_param: &str, postgres: bool) -> String {
    let (key, columns) = (stored_key(contract), stored_columns(contract));
    let table = quoted(&contract.table);
    let name = literal(&log_name(&contract.table));
    let now: Vec<String> = columns.iter().map(|c| format!("{table}.{}", quoted(c))).collect();
    let key = key_in(postgres, &key, &table);
    let (then, from) = out_of_json(postgres, &contract.table, &columns, "c.before");
    let (later, unchanged) = if postgres {
        (format!("at > {at_param}"), format!("NOT EXISTS (SELECT 1 FROM bylaws_later AS l WHERE l.row_key = {key})"))
    } else {
        (
            format!("seq >= {}", first_after(at_param)),
            format!("NOT EXISTS (SELECT 1 FROM bylaws_later) OR {key} NOT IN (SELECT row_key FROM bylaws_later)"),
        )
    };
    format!(
        "(WITH bylaws_later AS (SELECT row_key, min(seq) AS seq FROM bylaws_changes \
         WHERE table_name = {name} AND {later} GROUP BY row_key) \
         SELECT {now} FROM {table} WHERE {unchanged} \
         UNION ALL SELECT {then} FROM bylaws_later AS l JOIN bylaws_changes AS c ON c.seq = l.seq{from} \
         WHERE c.op <> 'insert')",
        now = now.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use proptest::prelude::*;
    use rusqlite::params;
    use rusqlite::types::Value;

    use super::super::migrate::migrate;
    use super::super::tests::{at, contract};
    use super::*;

    const START: &str = "2026-03-02T09:00:00Z";

    fn store(tables: &str) -> Store {
        let mut store = Store::in_memory().expect("memory");
        migrate(&mut store, &[], at(START)).expect("migrate");
        store.conn().execute_batch(tables).expect("tables");
        store
    }

    fn install(store: &mut Store, contracts: &[&Contract], began: &str) -> Installed {
        install_change_log(store, contracts, at(began)).expect("install")
    }

    fn rows(store: &Store, sql: &str, at: Option<Timestamp>) -> Vec<Vec<Value>> {
        let mut query = store.conn().prepare(sql).expect("query");
        let width = query.column_count();
        let read = |row: &rusqlite::Row<'_>| (0..width).map(|i| row.get(i)).collect::<rusqlite::Result<Vec<Value>>>();
        let rows = match at {
            Some(at) => query.query_map([moment(at)], read),
            None => query.query_map([], read),
        };
        let mut rows: Vec<Vec<Value>> = rows.expect("rows").map(|r| r.expect("row")).collect();
        rows.sort_by_key(|r| format!("{r:?}"));
        rows
    }

    fn history(store: &Store, contract: &Contract, at: Timestamp) -> Vec<Vec<Value>> {
        rows(store, &format!("SELECT * FROM {} AS h", history_sql(contract, ":at", false)), Some(at))
    }

    const VENTURES: &str = "CREATE TABLE ventures (id TEXT PRIMARY KEY, name TEXT, score REAL)";

    fn ventures() -> Contract {
        contract("ventures", &["id"], &["id", "name", "score"])
    }

    #[test]
    fn each_write_is_logged_once_with_what_was_before() {
        let mut store = store(VENTURES);
        install(&mut store, &[&ventures()], START);
        store
            .conn()
            .execute_batch(
                "INSERT INTO ventures VALUES ('a', 'Atlas', 0.5);
                 UPDATE ventures SET name = 'Atlas';
                 UPDATE ventures SET name = 'Atlas II';
                 UPDATE ventures SET id = 'b';
                 DELETE FROM ventures;",
            )
            .expect("writes");
        let told: Vec<String> = rows(&store, "SELECT seq, table_name, row_key, op, before FROM bylaws_changes", None)
            .into_iter()
            .map(|r| r[1..].iter().map(text).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            told,
            [
                r#"ventures ["a"] insert -"#,
                r#"ventures ["a"] update {"id":"a","name":"Atlas","score":0.5}"#,
                r#"ventures ["a"] delete {"id":"a","name":"Atlas II","score":0.5}"#,
                r#"ventures ["b"] insert -"#,
                r#"ventures ["b"] delete {"id":"b","name":"Atlas II","score":0.5}"#,
            ]
        );
        assert_eq!(log_head(&store).expect("head"), 5);
        let stamp: String = store.conn().query_row("SELECT at FROM bylaws_changes", [], |r| r.get(0)).expect("at");
        assert_eq!(stamp.len(), START.len() + 4);
    }

    fn text(value: &Value) -> String {
        match value {
            Value::Null => "-".into(),
            Value::Text(t) => t.clone(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_log_that_runs_keeps_its_beginning() {
        let mut store = store(VENTURES);
        let later = "2026-04-01T00:00:00Z";
        assert_eq!(log_began(&store, "ventures"), None);
        assert_eq!(install(&mut store, &[&ventures()], START).tables, [("ventures".to_owned(), at(START))]);
        let before = rows(&store, "SELECT name, sql FROM sqlite_schema", None);
        assert_eq!(install(&mut store, &[&ventures()], later).tables, [("ventures".to_owned(), at(START))]);
        assert_eq!(rows(&store, "SELECT name, sql FROM sqlite_schema", None), before);
        assert_eq!(log_began(&store, "Ventures"), Some(at(START)));
        assert_eq!(history_began(&store, &ventures()), Some(at(START)));
        // Fewer columns are still all there; the columns that come back later were not logged in between.
        let narrow = contract("ventures", &["id"], &["id", "name"]);
        install(&mut store, &[&narrow], later);
        assert_eq!(history_began(&store, &narrow), Some(at(START)));
        assert_eq!(history_began(&store, &ventures()), None);
        install(&mut store, &[&ventures()], later);
        assert_eq!(history_began(&store, &ventures()), Some(at(later)));
        // A table that was made again has no triggers any more.
        store.conn().execute_batch(&format!("DROP TABLE ventures; {VENTURES}")).expect("again");
        assert_eq!(log_began(&store, "ventures"), None);
        let now = "2026-05-01T00:00:00Z";
        assert_eq!(install(&mut store, &[&ventures()], now).tables, [("ventures".to_owned(), at(now))]);
    }

    #[test]
    fn what_cannot_be_logged_is_left_alone() {
        let mut store =
            store(&format!("{VENTURES}; CREATE VIEW v AS SELECT 1 AS id; CREATE TABLE q (\"a\"\"b\" TEXT)"));
        let mut document = contract("ventures", &["id"], &["id"]);
        document.format = Some("csv".into());
        let installed = install(
            &mut store,
            &[
                &contract("nowhere", &["id"], &["id"]),
                &contract("v", &["id"], &["id"]),
                &contract("ventures", &["id"], &["id", "zip"]),
                &contract("q", &["a\"b"], &["a\"b"]),
                &document,
            ],
            START,
        );
        assert!(installed.tables.is_empty());
        let told: Vec<String> = installed.skipped.iter().map(|(table, why)| format!("{table}: {why}")).collect();
        assert_eq!(
            told,
            [
                "nowhere: it is not there",
                "v: it is a view",
                "ventures: it has no column zip",
                "q: the name of its column a\"b holds a quotation mark or backslash",
            ]
        );
        store.conn().execute_batch("INSERT INTO ventures VALUES ('a', 'Atlas', 1)").expect("nobody is in the way");
        let error =
            install_change_log(&mut Store::in_memory().expect("memory"), &[], at(START)).expect_err("no engine");
        assert_eq!(error.kind, super::super::ErrorKind::NoTable);
    }

    #[test]
    fn two_contracts_of_one_table_share_its_log() {
        let mut store = store(VENTURES);
        let names = contract("ventures", &["id"], &["id", "name"]);
        let scores = contract("Ventures", &["id"], &["id", "score"]);
        assert_eq!(install(&mut store, &[&names, &scores], START).tables.len(), 1);
        store.conn().execute_batch("INSERT INTO ventures VALUES ('a', 'Atlas', 2)").expect("row");
        restamp(&mut store, 0, at(START)).expect("stamp");
        store.conn().execute_batch("DELETE FROM ventures").expect("gone");
        restamp(&mut store, 1, at("2026-03-03T00:00:00Z")).expect("stamp");
        assert_eq!(history(&store, &scores, at(START)), [vec![Value::Text("a".into()), Value::Real(2.0)]]);
        assert_eq!(history(&store, &names, at(START)).len(), 1);
        let other = contract("ventures", &["name"], &["id", "name"]);
        assert_eq!(install(&mut store, &[&names, &other], START).skipped, [("ventures".to_owned(), Skipped::TwoKeys)]);
    }

    #[test]
    fn without_a_log_there_is_none() {
        let store = Store::in_memory().expect("memory");
        assert_eq!(log_head(&store).expect("head"), 0);
        assert_eq!(log_began(&store, "ventures"), None);
        assert_eq!(history_began(&store, &ventures()), None);
        assert!(!changed_after(&store, "ventures", at(START)));
        // One that cannot be read is not taken for one that knows of no change.
        store.conn().execute_batch("CREATE TABLE bylaws_changes (a)").expect("another table of the name");
        assert!(changed_after(&store, "ventures", at(START)));
        assert!(log_head(&store).is_err());
    }

    #[test]
    fn odd_values_come_back_as_they_were() {
        let mut store = store("CREATE TABLE \"odd table\" (\"the id\", \"a.b\" BLOB, PRIMARY KEY (\"the id\"))");
        let odd = contract("odd table", &["the id"], &["the id", "a.b"]);
        assert_eq!(install(&mut store, &[&odd], START).skipped, []);
        let values = [
            Value::Null,
            Value::Integer(i64::MAX),
            Value::Real(0.1 + 0.2),
            Value::Real(2.0),
            Value::Real(f64::INFINITY),
            Value::Real(-f64::INFINITY),
            Value::Real(f64::MAX),
            Value::Real(f64::MIN_POSITIVE),
            Value::Text("it's \"quoted\", \\ \n [ü] {}".into()),
            Value::Text("[1]".into()),
            Value::Text(String::new()),
        ];
        for value in &values {
            store.conn().execute("INSERT INTO \"odd table\" VALUES (?1, ?1)", [value]).expect("insert");
        }
        restamp(&mut store, 0, at(START)).expect("stamp");
        let before = rows(&store, "SELECT * FROM \"odd table\"", None);
        let head = log_head(&store).expect("head");
        store
            .conn()
            .execute_batch("UPDATE \"odd table\" SET \"a.b\" = x'00ff'; DELETE FROM \"odd table\"")
            .expect("bytes do no harm");
        restamp(&mut store, head, at("2026-03-03T00:00:00Z")).expect("stamp");
        assert_eq!(history(&store, &odd, at(START)), before);
        assert!(changed_after(&store, "Odd Table", at(START)));
        assert!(!changed_after(&store, "odd table", at("2026-03-03T00:00:00Z")));
    }

    #[test]
    fn the_moment_may_be_written_with_fewer_digits() {
        let mut store = store(VENTURES);
        install(&mut store, &[&ventures()], START);
        store.conn().execute_batch("INSERT INTO ventures VALUES ('a', 'Atlas', 1)").expect("row");
        restamp(&mut store, 0, at("2026-03-02T09:00:00.5Z")).expect("stamp");
        let sql = format!("SELECT count(*) FROM {}", history_sql(&ventures(), "?1", false));
        for (text, count) in [("2026-03-02T09:00:00Z", 0), ("2026-03-02T09:00:00.500Z", 1), ("2026-03-02T09:00:01Z", 1)]
        {
            assert_eq!(store.conn().query_row(&sql, [text], |r| r.get::<_, i64>(0)).expect("count"), count, "{text}");
        }
    }

    #[derive(Debug, Clone)]
    enum Write {
        Insert(&'static str, u8, u8, u8),
        Update(&'static str, u8, u8),
        Move(&'static str, u8, u8),
        Delete(u8),
        Everything,
    }

    fn write() -> impl Strategy<Value = Write> {
        let on_conflict = prop_oneof![Just(""), Just("OR REPLACE"), Just("OR IGNORE"), Just("UPSERT")];
        let on_update = prop_oneof![Just(""), Just("OR REPLACE"), Just("OR IGNORE")];
        prop_oneof![
            4 => (on_conflict, 0u8..5, 0u8..4, 0u8..6).prop_map(|(how, k, n, v)| Write::Insert(how, k, n, v)),
            3 => (on_update.clone(), 0u8..5, 0u8..6).prop_map(|(how, k, v)| Write::Update(how, k, v)),
            2 => (on_update, 0u8..5, 0u8..5).prop_map(|(how, from, to)| Write::Move(how, from, to)),
            2 => (0u8..5).prop_map(Write::Delete),
            1 => Just(Write::Everything),
        ]
    }

    fn apply(store: &Store, write: &Write) {
        let value = |v: u8| {
            [
                Value::Null,
                Value::Integer(7),
                Value::Real(0.1),
                Value::Real(1e20),
                Value::Text("x".into()),
                Value::Real(3.0),
            ][usize::from(v)]
            .clone()
        };
        let conn = store.conn();
        // What the table refuses is no write.
        let _ = match write {
            Write::Insert("UPSERT", k, n, v) => conn.execute(
                "INSERT INTO t VALUES (?1, ?2, ?3, ?4) ON CONFLICT (k, n) DO UPDATE SET v = excluded.v",
                params![k, n, value(*v), i64::from(*k) * 7 + i64::from(*v)],
            ),
            Write::Insert(how, k, n, v) => conn.execute(
                &format!("INSERT {how} INTO t VALUES (?1, ?2, ?3, ?4)"),
                params![k, n, value(*v), i64::from(*k) * 7 + i64::from(*v)],
            ),
            Write::Update(how, k, v) => {
                conn.execute(&format!("UPDATE {how} t SET v = ?2, u = ?3 WHERE k = ?1"), params![k, value(*v), v])
            }
            Write::Move(how, from, to) => {
                conn.execute(&format!("UPDATE {how} t SET k = ?2 WHERE k = ?1"), params![from, to])
            }
            Write::Delete(k) => conn.execute("DELETE FROM t WHERE k = ?1", [k]),
            Write::Everything => conn.execute("UPDATE t SET v = coalesce(v, 0) || 'y'", []),
        };
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn history_is_what_the_table_was(
            early in prop::collection::vec(write(), 0..4),
            writes in prop::collection::vec((write(), 0u8..3), 0..30),
            table in prop_oneof![
                Just("CREATE TABLE t (k TEXT, n INTEGER, v NUMERIC, u INTEGER UNIQUE, PRIMARY KEY (k, n))"),
                Just(
                    "CREATE TABLE t (k NUMERIC, n TEXT COLLATE NOCASE, v, u REAL UNIQUE, PRIMARY KEY (k, n))
                     WITHOUT ROWID"
                ),
            ],
        ) {
            let mut store = store(table);
            let t = contract("t", &["k", "n"], &["k", "n", "v", "u"]);
            for write in &early {
                apply(&store, write);
            }
            let mut now = at(START);
            install(&mut store, &[&t], START);
            let mut model = vec![(now, rows(&store, "SELECT k, n, v, u FROM t", None))];
            for (write, pause) in &writes {
                now = now.checked_add(i64::from(*pause).milliseconds()).expect("time");
                let head = log_head(&store).expect("head");
                apply(&store, write);
                restamp(&mut store, head, now).expect("stamp");
                let table = rows(&store, "SELECT k, n, v, u FROM t", None);
                match model.last_mut() {
                    Some((last, seen)) if *last == now => *seen = table,
                    _ => model.push((now, table)),
                }
            }
            for (i, (then, seen)) in model.iter().enumerate() {
                prop_assert_eq!(&history(&store, &t, *then), seen);
                // Where the log knows of no write, there was none.
                if !changed_after(&store, "t", *then) {
                    prop_assert!(model[i..].iter().all(|(_, later)| later == seen));
                }
            }
        }
    }
}
