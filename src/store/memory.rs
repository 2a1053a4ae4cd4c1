//! What the program remembers from tick to tick: of each rule, of each of its keys, and what it said last.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{StoreError, fault};
use super::{Store, moment};
use crate::engine::edits::Fingerprint;
use crate::engine::memory::Memory;
use crate::record::{Changed, InForce, LastSaid, RuleState, State};

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
    let found: Option<(String, String, String, String)> = store
        .conn
        .query_row("SELECT revision, contents, since, ticked_at FROM bylaws_pack", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()
        .map_err(fault(&store.name))?;
    found
        .map(|(revision, contents, since, ticked)| {
            let at = |text: &str| super::read_moment(&store.name, text);
            Ok(InForce { revision, contents, since: at(&since)?, ticked_at: at(&ticked)? })
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

/// Writes what is remembered now where it is other than it was.
pub fn write(store: &mut Store, state: &State, other: &Changed) -> Result<(), StoreError> {
    store.write(|tx| {
        if let Some(InForce { revision, contents, since, ticked_at }) =
            state.in_force.as_ref().filter(|_| other.in_force)
        {
            tx.prepare_cached(
                "INSERT INTO bylaws_pack (id, revision, contents, since, ticked_at) VALUES (1, ?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET revision = ?1, contents = ?2, since = ?3, ticked_at = ?4",
            )?
            .execute(params![revision, contents, moment(*since), moment(*ticked_at)])?;
        }
        for rule in &other.rules {
            let Some(now) = state.rules.get(rule) else {
                tx.prepare_cached("DELETE FROM bylaws_rules WHERE rule = ?1")?.execute([rule])?;
                continue;
            };
            let at = |at: Option<Timestamp>| at.map(moment);
            tx.prepare_cached(
                "INSERT OR REPLACE INTO bylaws_rules (rule, kind, revision, fingerprint, judged_at, due_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                rule,
                now.kind,
                now.revision,
                json(&now.fingerprint)?,
                at(now.judged_at),
                at(now.due_at)
            ])?;
        }
        for slot in &other.memory {
            let (rule, key) = (&slot.0, json(&slot.1)?);
            match state.memory.get(slot) {
                Some(now) => tx
                    .prepare_cached("INSERT OR REPLACE INTO bylaws_memory (rule, key, memory) VALUES (?1, ?2, ?3)")?
                    .execute(params![rule, key, json(now)?])?,
                None => tx
                    .prepare_cached("DELETE FROM bylaws_memory WHERE rule = ?1 AND key = ?2")?
                    .execute(params![rule, key])?,
            };
        }
        for slot in &other.said {
            let (rule, key) = (&slot.0, json(&slot.1)?);
            match state.said.get(slot) {
                Some(now) => tx
                    .prepare_cached(
                        "INSERT OR REPLACE INTO bylaws_verdicts (rule, key, verdict, seq) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![rule, key, json(&now.said)?, now.seq])?,
                None => tx
                    .prepare_cached("DELETE FROM bylaws_verdicts WHERE rule = ?1 AND key = ?2")?
                    .execute(params![rule, key])?,
            };
        }
        Ok(())
    })
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
