//! Where the entries of the ledger lie, and the words of the revisions that they speak of.

use jiff::Timestamp;

use super::error::{ErrorKind, StoreError};
use super::field::{Field, Row, Unfit};
use super::{Store, moment};
use crate::engine::ledger::{Audit, Auditor, Draft, Entry, Head, Kind, continued};
use crate::lang::revision;
use crate::sql::Arg;

const COLUMNS: &str = "seq, at, recorded_at, kind, rule, key, body, previous, hash";

/// Which entries are asked for.
#[derive(Debug, Clone, Default)]
pub struct Which<'a> {
    /// Of this rule.
    pub rule: Option<&'a str>,
    /// Whose key has these parts.
    pub key: Option<&'a [String]>,
    /// Of this moment or later.
    pub since: Option<Timestamp>,
    /// The last so many.
    pub limit: Option<u32>,
}

fn required(store: &Store) -> Result<(), StoreError> {
    if store.has_table("bylaws_ledger")? {
        return Ok(());
    }
    Err(StoreError::new(
        ErrorKind::NoTable,
        format!("`{}` holds no ledger", store.name),
        "`bylaws run --record` makes one and writes the first entries",
    ))
}

/// Where the chain ends.
pub fn head(store: &Store) -> Result<Head, StoreError> {
    let sql = "SELECT seq, hash FROM bylaws_ledger ORDER BY seq DESC LIMIT 1";
    let found = store.row(sql, &[], |row| Ok(Head { seq: row.int(0)?, hash: row.text(1)? }))?;
    Ok(found.unwrap_or_default())
}

/// Continues the chain, and says with which entries.
pub fn append(
    store: &mut Store,
    drafts: &[Draft],
    at: Timestamp,
    recorded_at: Timestamp,
) -> Result<Vec<Entry>, StoreError> {
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let entries = continued(&head(store)?, drafts, &moment(at), &moment(recorded_at));
    store.write(|tx| {
        let insert = format!("INSERT INTO bylaws_ledger ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        for e in &entries {
            let texts = [&e.at, &e.recorded_at, &e.kind, &e.rule, &e.key, &e.body, &e.previous, &e.hash];
            let mut args = vec![Arg::Int(e.seq)];
            args.extend(texts.into_iter().map(Arg::from));
            tx.execute(&insert, &args)?;
        }
        Ok(())
    })?;
    Ok(entries)
}

/// Keeps the words of a revision, once.
pub fn keep_revision(store: &mut Store, revision: &str, house: &str, rules: &str) -> Result<(), StoreError> {
    store.write(|tx| {
        tx.execute(
            "INSERT INTO bylaws_revisions (revision, house, rules) VALUES (?1, ?2, ?3)
             ON CONFLICT (revision) DO NOTHING",
            &[revision.into(), house.into(), rules.into()],
        )
    })?;
    Ok(())
}

/// The words of a revision: of the house and of the rules.
pub fn revision(store: &Store, revision: &str) -> Result<Option<(String, String)>, StoreError> {
    required(store)?;
    let sql = "SELECT house, rules FROM bylaws_revisions WHERE revision = ?1";
    store.row(sql, &[revision.into()], |row| Ok((text(row, 0), text(row, 1))))
}

/// An entry by its number.
pub fn entry(store: &Store, seq: i64) -> Result<Option<Entry>, StoreError> {
    required(store)?;
    store.row(&format!("SELECT {COLUMNS} FROM bylaws_ledger WHERE seq = ?1"), &[seq.into()], read_entry)
}

/// Entries, the oldest first.
pub fn entries(store: &Store, which: &Which<'_>) -> Result<Vec<Entry>, StoreError> {
    required(store)?;
    let key = which.key.map(|key| serde_json::Value::from(key.to_vec()).to_string());
    let (mut tests, mut args): (Vec<String>, Vec<Arg>) = (Vec::new(), Vec::new());
    let asked = [("rule =", which.rule.map(str::to_owned)), ("key =", key), ("at >=", which.since.map(moment))];
    for (test, value) in asked {
        if let Some(value) = value {
            args.push(value.into());
            tests.push(format!("{test} ?{}", args.len()));
        }
    }
    let tests = if tests.is_empty() { String::new() } else { format!("WHERE {}", tests.join(" AND ")) };
    let limit = which.limit.map_or_else(String::new, |n| format!("LIMIT {n}"));
    let sql = format!("SELECT {COLUMNS} FROM bylaws_ledger {tests} ORDER BY seq DESC {limit}");
    let mut entries = store.rows(&sql, &args, read_entry)?;
    entries.reverse();
    Ok(entries)
}

/// Audits the chain, and the words of the revisions.
pub fn audit(store: &Store, wanted: Option<&str>) -> Result<Audit, StoreError> {
    required(store)?;
    let mut auditor = Auditor::new(wanted);
    store.rows(&format!("SELECT {COLUMNS} FROM bylaws_ledger ORDER BY seq"), &[], |row| {
        auditor.see(&read_entry(row)?);
        Ok(())
    })?;
    let mut audit = auditor.finish();
    let words = |row: &Row<'_>| Ok((text(row, 0), text(row, 1), text(row, 2)));
    let mut known = std::collections::HashSet::new();
    let sql = "SELECT revision, house, rules FROM bylaws_revisions ORDER BY revision";
    for (hash, house, rules) in store.rows(sql, &[], words)? {
        if revision::hash(&house, &rules) != hash {
            audit.faults.push(format!("the words of revision {hash} were changed"));
        }
        known.insert(hash);
    }
    let kinds = "kind IN ('verdict', 'correction', 'decision')";
    let sql = if store.is_postgres() {
        format!("SELECT DISTINCT body::json ->> 'revision' FROM bylaws_ledger WHERE {kinds} ORDER BY 1")
    } else {
        format!(
            "SELECT DISTINCT json_extract(body, '$.revision') FROM bylaws_ledger WHERE json_valid(body) AND {kinds}"
        )
    };
    for hash in store.rows(&sql, &[], |row| row.maybe_text(0))?.into_iter().flatten() {
        if !known.contains(&hash) {
            audit.faults.push(format!("the words of revision {hash} are missing"));
        }
    }
    Ok(audit)
}

/// Takes out every entry before a moment, and leaves a checkpoint that says so. Nothing where there is none so old.
pub fn prune(store: &mut Store, before: Timestamp, at: Timestamp) -> Result<Option<Head>, StoreError> {
    required(store)?;
    store.transact(|store| {
        let last = store.row(
            // Only from the beginning: what lies behind a later entry stays, whatever its moment.
            "SELECT seq, hash FROM bylaws_ledger
             WHERE seq < coalesce((SELECT min(seq) FROM bylaws_ledger WHERE at >= ?1), 9223372036854775807)
               AND kind <> 'checkpoint'
             ORDER BY seq DESC LIMIT 1",
            &[moment(before).into()],
            |row| Ok(Head { seq: row.int(0)?, hash: row.text(1)? }),
        )?;
        let Some(last) = last else { return Ok(None) };
        let sql = "SELECT count(*) FROM bylaws_ledger WHERE seq <= ?1";
        let count = store.row(sql, &[last.seq.into()], |row| row.int(0))?.unwrap_or_default();
        let body = serde_json::json!({
            "v": 1, "pruned_to": last.seq, "hash": last.hash, "rows": count, "before": before.to_string(),
        });
        let draft = Draft { kind: Kind::Checkpoint, rule: String::new(), key: Vec::new(), body };
        append(store, &[draft], at, at)?;
        store.write(|tx| {
            tx.execute("UPDATE bylaws_ledger_guard SET prune_to = ?1", &[last.seq.into()])?;
            tx.execute("DELETE FROM bylaws_ledger WHERE seq <= ?1", &[last.seq.into()])?;
            tx.execute("UPDATE bylaws_ledger_guard SET prune_to = 0", &[])
        })?;
        Ok(Some(last))
    })
}

/// An entry as it lies there, whatever somebody has made of its columns: the audit says what is wrong with it.
fn read_entry(row: &Row<'_>) -> Result<Entry, Unfit> {
    Ok(Entry {
        seq: row.int(0)?,
        at: text(row, 1),
        recorded_at: text(row, 2),
        kind: text(row, 3),
        rule: text(row, 4),
        key: text(row, 5),
        body: text(row, 6),
        previous: text(row, 7),
        hash: text(row, 8),
    })
}

fn text(row: &Row<'_>, column: usize) -> String {
    match row.field(column) {
        Field::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        // A value of another kind was not written by this program; its name keeps it from passing for a text.
        other => format!("{other:?}"),
    }
}
