//! What the program remembers from tick to tick: of each rule, of each of its keys, and what it said last.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{StoreError, fault};
use super::{Store, moment};
use crate::engine::edits::Fingerprint;
use crate::engine::memory::Memory;
use crate::record::{InForce, LastSaid, RuleState, State};

/// The present memory, of a database that may have none yet.
pub fn read(store: &Store) -> Result<State, StoreError> {
    if !store.has_table("bylaws_memory")? {
        return Ok(State::default());
    }
    let name = &store.name;
    let mut state = State { in_force: in_force(store)?, ..State::default() };
    each(store, "SELECT rule, kind, revision, fingerprint, judged_at, due_at FROM bylaws_rules", |row| {
        let (rule, kind, revision): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (fingerprint, judged, due): (String, Option<String>, Option<String>) =
            (row.get(3)?, row.get(4)?, row.get(5)?);
        Ok((rule, kind, revision, fingerprint, judged, due))
    })?
    .into_iter()
    .try_for_each(|(rule, kind, revision, fingerprint, judged, due)| {
        let fingerprint: Fingerprint = parsed(name, &fingerprint)?;
        let at = |text: Option<String>| text.map(|t| super::read_moment(name, &t)).transpose();
        let known = RuleState { kind, revision, fingerprint, judged_at: at(judged)?, due_at: at(due)? };
        state.rules.insert(rule, known);
        Ok::<(), StoreError>(())
    })?;
    let texts = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let rows: Vec<(String, String, String)> = each(store, "SELECT rule, key, memory FROM bylaws_memory", texts)?;
    for (rule, key, memory) in rows {
        state.memory.insert((rule, parsed(name, &key)?), parsed::<Memory>(name, &memory)?);
    }
    let rows: Vec<(String, String, String, i64)> =
        each(store, "SELECT rule, key, verdict, seq FROM bylaws_verdicts", |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    for (rule, key, verdict, seq) in rows {
        let said: LastSaid = LastSaid { said: parsed(name, &verdict)?, seq };
        state.said.insert((rule, parsed(name, &key)?), said);
    }
    Ok(state)
}

fn in_force(store: &Store) -> Result<Option<InForce>, StoreError> {
    let found: Option<(String, String, String)> = store
        .conn
        .query_row("SELECT revision, contents, since FROM bylaws_pack", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(fault(&store.name))?;
    found
        .map(|(revision, contents, since)| {
            Ok(InForce { revision, contents, since: super::read_moment(&store.name, &since)? })
        })
        .transpose()
}

fn each<T>(
    store: &Store,
    sql: &str,
    row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut query = store.conn.prepare(sql).map_err(fault(&store.name))?;
    let rows = query.query_map([], row).map_err(fault(&store.name))?;
    rows.collect::<rusqlite::Result<_>>().map_err(fault(&store.name))
}

fn parsed<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::damaged(name, &format!("`{text}` is no memory of this program ({error})")))
}

/// Writes what is remembered now where it is not what was remembered before.
pub fn write(store: &mut Store, before: &State, after: &State) -> Result<(), StoreError> {
    store.write(|tx| {
        if before.in_force != after.in_force
            && let Some(InForce { revision, contents, since }) = &after.in_force
        {
            tx.execute(
                "INSERT INTO bylaws_pack (id, revision, contents, since) VALUES (1, ?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET revision = ?1, contents = ?2, since = ?3",
                params![revision, contents, moment(*since)],
            )?;
        }
        for (rule, now) in changed(&before.rules, &after.rules) {
            let at = |at: Option<Timestamp>| at.map(moment);
            tx.execute(
                "INSERT OR REPLACE INTO bylaws_rules (rule, kind, revision, fingerprint, judged_at, due_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![rule, now.kind, now.revision, json(&now.fingerprint)?, at(now.judged_at), at(now.due_at)],
            )?;
        }
        for rule in before.rules.keys().filter(|rule| !after.rules.contains_key(*rule)) {
            tx.execute("DELETE FROM bylaws_rules WHERE rule = ?1", [rule])?;
        }
        for ((rule, key), now) in changed(&before.memory, &after.memory) {
            tx.execute(
                "INSERT OR REPLACE INTO bylaws_memory (rule, key, memory) VALUES (?1, ?2, ?3)",
                params![rule, json(key)?, json(now)?],
            )?;
        }
        for ((rule, key), now) in changed(&before.said, &after.said) {
            tx.execute(
                "INSERT OR REPLACE INTO bylaws_verdicts (rule, key, verdict, seq) VALUES (?1, ?2, ?3, ?4)",
                params![rule, json(key)?, json(&now.said)?, now.seq],
            )?;
        }
        forget(tx, "bylaws_memory", before.memory.keys().filter(|key| !after.memory.contains_key(*key)))?;
        forget(tx, "bylaws_verdicts", before.said.keys().filter(|key| !after.said.contains_key(*key)))
    })
}

fn forget<'k>(
    tx: &Connection,
    table: &str,
    keys: impl Iterator<Item = &'k (String, Vec<String>)>,
) -> rusqlite::Result<()> {
    for (rule, key) in keys {
        tx.execute(&format!("DELETE FROM {table} WHERE rule = ?1 AND key = ?2"), params![rule, json(key)?])?;
    }
    Ok(())
}

fn changed<'s, K: Ord, V: PartialEq>(
    before: &'s BTreeMap<K, V>,
    after: &'s BTreeMap<K, V>,
) -> impl Iterator<Item = (&'s K, &'s V)> {
    after.iter().filter(|(key, now)| before.get(*key) != Some(*now))
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
