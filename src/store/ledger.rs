//! Where the entries of the ledger lie, and the words of the revisions that they speak of.

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, Row, params};

use super::error::{ErrorKind, StoreError, fault};
use super::{Store, moment};
use crate::engine::ledger::{Audit, Auditor, Draft, Entry, Head, Kind, continued};
use crate::lang::revision;

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
    let found = store.conn.query_row("SELECT seq, hash FROM bylaws_ledger ORDER BY seq DESC LIMIT 1", [], |row| {
        Ok(Head { seq: row.get(0)?, hash: row.get(1)? })
    });
    Ok(found.optional().map_err(fault(&store.name))?.unwrap_or_default())
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
        let mut insert =
            tx.prepare(&format!("INSERT INTO bylaws_ledger ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"))?;
        for e in &entries {
            insert.execute(params![e.seq, e.at, e.recorded_at, e.kind, e.rule, e.key, e.body, e.previous, e.hash])?;
        }
        Ok(())
    })?;
    Ok(entries)
}

/// Keeps the words of a revision, once.
pub fn keep_revision(store: &mut Store, revision: &str, house: &str, rules: &str) -> Result<(), StoreError> {
    store.write(|tx| {
        tx.prepare_cached(
            "INSERT INTO bylaws_revisions (revision, house, rules) VALUES (?1, ?2, ?3)
             ON CONFLICT (revision) DO NOTHING",
        )?
        .execute([revision, house, rules])
    })?;
    Ok(())
}

/// The words of a revision: of the house and of the rules.
pub fn revision(store: &Store, revision: &str) -> Result<Option<(String, String)>, StoreError> {
    required(store)?;
    let found =
        store.conn.query_row("SELECT house, rules FROM bylaws_revisions WHERE revision = ?1", [revision], |r| {
            Ok((text(r, 0)?, text(r, 1)?))
        });
    found.optional().map_err(fault(&store.name))
}

/// An entry by its number.
pub fn entry(store: &Store, seq: i64) -> Result<Option<Entry>, StoreError> {
    required(store)?;
    let found = store.conn.query_row(&format!("SELECT {COLUMNS} FROM bylaws_ledger WHERE seq = ?1"), [seq], read_entry);
    found.optional().map_err(fault(&store.name))
}

/// Entries, the oldest first.
pub fn entries(store: &Store, which: &Which<'_>) -> Result<Vec<Entry>, StoreError> {
    required(store)?;
    let key = which.key.map(|key| serde_json::Value::from(key.to_vec()).to_string());
    let mut query = store
        .conn
        .prepare(&format!(
            "SELECT {COLUMNS} FROM bylaws_ledger
             WHERE (?1 IS NULL OR rule = ?1) AND (?2 IS NULL OR key = ?2) AND (?3 IS NULL OR at >= ?3)
             ORDER BY seq DESC LIMIT ?4"
        ))
        .map_err(fault(&store.name))?;
    let limit = which.limit.map_or(-1, i64::from);
    let rows = query
        .query_map(params![which.rule, key, which.since.map(moment), limit], read_entry)
        .map_err(fault(&store.name))?;
    let mut entries: Vec<Entry> = rows.collect::<rusqlite::Result<_>>().map_err(fault(&store.name))?;
    entries.reverse();
    Ok(entries)
}

/// Audits the chain, and the words of the revisions.
pub fn audit(store: &Store, wanted: Option<&str>) -> Result<Audit, StoreError> {
    required(store)?;
    let mut auditor = Auditor::new(wanted);
    let mut query =
        store.conn.prepare(&format!("SELECT {COLUMNS} FROM bylaws_ledger ORDER BY seq")).map_err(fault(&store.name))?;
    let rows = query.query_map([], read_entry).map_err(fault(&store.name))?;
    for entry in rows {
        auditor.see(&entry.map_err(fault(&store.name))?);
    }
    let mut audit = auditor.finish();
    let mut query = store
        .conn
        .prepare("SELECT revision, house, rules FROM bylaws_revisions ORDER BY revision")
        .map_err(fault(&store.name))?;
    let rows = query.query_map([], |r| Ok((text(r, 0)?, text(r, 1)?, text(r, 2)?))).map_err(fault(&store.name))?;
    let mut known = std::collections::HashSet::new();
    for row in rows {
        let (hash, house, rules) = row.map_err(fault(&store.name))?;
        if revision::hash(&house, &rules) != hash {
            audit.faults.push(format!("the words of revision {hash} were changed"));
        }
        known.insert(hash);
    }
    let mut query = store
        .conn
        .prepare("SELECT DISTINCT json_extract(body, '$.revision') FROM bylaws_ledger WHERE json_valid(body) AND kind IN ('verdict', 'correction', 'decision')")
        .map_err(fault(&store.name))?;
    let rows = query.query_map([], |r| r.get::<_, Option<String>>(0)).map_err(fault(&store.name))?;
    for hash in rows {
        if let Some(hash) = hash.map_err(fault(&store.name))?
            && !known.contains(&hash)
        {
            audit.faults.push(format!("the words of revision {hash} are missing"));
        }
    }
    Ok(audit)
}

/// Takes out every entry before a moment, and leaves a checkpoint that says so. Nothing where there is none so old.
pub fn prune(store: &mut Store, before: Timestamp, at: Timestamp) -> Result<Option<Head>, StoreError> {
    required(store)?;
    store.transact(|store| {
        let last = store.conn.query_row(
            // Only from the beginning: what lies behind a later entry stays, whatever its moment.
            "SELECT seq, hash FROM bylaws_ledger
             WHERE seq < coalesce((SELECT min(seq) FROM bylaws_ledger WHERE at >= ?1), 9223372036854775807)
               AND kind <> 'checkpoint'
             ORDER BY seq DESC LIMIT 1",
            [moment(before)],
            |row| Ok(Head { seq: row.get(0)?, hash: row.get(1)? }),
        );
        let Some(last) = last.optional().map_err(fault(&store.name))? else { return Ok(None) };
        let count: i64 = store
            .conn
            .query_row("SELECT count(*) FROM bylaws_ledger WHERE seq <= ?1", [last.seq], |row| row.get(0))
            .map_err(fault(&store.name))?;
        let body = serde_json::json!({
            "v": 1, "pruned_to": last.seq, "hash": last.hash, "rows": count, "before": before.to_string(),
        });
        let draft = Draft { kind: Kind::Checkpoint, rule: String::new(), key: Vec::new(), body };
        append(store, &[draft], at, at)?;
        store.write(|tx| {
            tx.execute("UPDATE bylaws_ledger_guard SET prune_to = ?1", [last.seq])?;
            tx.execute("DELETE FROM bylaws_ledger WHERE seq <= ?1", [last.seq])?;
            tx.execute("UPDATE bylaws_ledger_guard SET prune_to = 0", [])
        })?;
        Ok(Some(last))
    })
}

/// An entry as it lies there, whatever somebody has made of its columns: the audit says what is wrong with it.
fn read_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        at: text(row, 1)?,
        recorded_at: text(row, 2)?,
        kind: text(row, 3)?,
        rule: text(row, 4)?,
        key: text(row, 5)?,
        body: text(row, 6)?,
        previous: text(row, 7)?,
        hash: text(row, 8)?,
    })
}

fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        // A value of another kind was not written by this program; its name keeps it from passing for a text.
        other => format!("{other:?}"),
    })
}
