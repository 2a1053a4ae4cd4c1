//! What the program remembers from tick to tick: of each rule, of each of its keys, and what it said last.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{ErrorKind, StoreError};
use super::{Store, moment};
use crate::engine::edits::Fingerprint;
use crate::engine::memory::Memory;
use crate::record::{Changed, InForce, LastSaid, RuleState, State};
use crate::sql::Arg;

/// The present memory, of a database that may have none yet.
pub fn read(store: &Store) -> Result<State, StoreError> {
    if !store.has_table("bylaws_memory")? {
        return Ok(State::default());
    }
    let name = &store.name;
    let mut state = State { in_force: in_force(store)?, ..State::default() };
    let sql = "SELECT rule, kind, revision, fingerprint, judged_at, due_at FROM bylaws_rules";
    let rows = store.rows(sql, &[], |row| {
        let (judged_at, due_at) = (row.maybe_moment(4)?, row.maybe_moment(5)?);
        Ok((row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?, judged_at, due_at))
    })?;
    for (rule, kind, revision, fingerprint, judged_at, due_at) in rows {
        let fingerprint: Fingerprint = parsed(name, &fingerprint)?;
        state.rules.insert(rule, RuleState { kind, revision, fingerprint, judged_at, due_at });
    }
    let rows = store.rows("SELECT rule, key, memory FROM bylaws_memory", &[], |row| {
        Ok((row.text(0)?, row.text(1)?, row.text(2)?))
    })?;
    for (rule, key, memory) in rows {
        state.memory.insert((rule, parsed(name, &key)?), parsed::<Memory>(name, &memory)?);
    }
    let rows = store.rows("SELECT rule, key, verdict, seq FROM bylaws_verdicts", &[], |row| {
        Ok((row.text(0)?, row.text(1)?, row.text(2)?, row.int(3)?))
    })?;
    for (rule, key, verdict, seq) in rows {
        let said: LastSaid = LastSaid { said: parsed(name, &verdict)?, seq };
        state.said.insert((rule, parsed(name, &key)?), said);
    }
    Ok(state)
}

fn in_force(store: &Store) -> Result<Option<InForce>, StoreError> {
    store.row("SELECT revision, contents, since, ticked_at FROM bylaws_pack", &[], |row| {
        Ok(InForce { revision: row.text(0)?, contents: row.text(1)?, since: row.moment(2)?, ticked_at: row.moment(3)? })
    })
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
            tx.execute(
                "INSERT INTO bylaws_pack (id, revision, contents, since, ticked_at) VALUES (1, ?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET revision = ?1, contents = ?2, since = ?3, ticked_at = ?4",
                &[revision.into(), contents.into(), moment(*since).into(), moment(*ticked_at).into()],
            )?;
        }
        for rule in &other.rules {
            let Some(now) = state.rules.get(rule) else {
                tx.execute("DELETE FROM bylaws_rules WHERE rule = ?1", &[rule.into()])?;
                continue;
            };
            let at = |at: Option<Timestamp>| at.map(moment);
            tx.execute(
                "INSERT INTO bylaws_rules (rule, kind, revision, fingerprint, judged_at, due_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (rule) DO UPDATE SET kind = excluded.kind, revision = excluded.revision,
                   fingerprint = excluded.fingerprint, judged_at = excluded.judged_at, due_at = excluded.due_at",
                &[
                    rule.into(),
                    (&now.kind).into(),
                    (&now.revision).into(),
                    json(&now.fingerprint)?,
                    at(now.judged_at).into(),
                    at(now.due_at).into(),
                ],
            )?;
        }
        for slot in &other.memory {
            let (rule, key) = (Arg::from(&slot.0), json(&slot.1)?);
            match state.memory.get(slot) {
                Some(now) => tx.execute(
                    "INSERT INTO bylaws_memory (rule, key, memory) VALUES (?1, ?2, ?3)
                     ON CONFLICT (rule, key) DO UPDATE SET memory = excluded.memory",
                    &[rule, key, json(now)?],
                )?,
                None => tx.execute("DELETE FROM bylaws_memory WHERE rule = ?1 AND key = ?2", &[rule, key])?,
            };
        }
        for slot in &other.said {
            let (rule, key) = (Arg::from(&slot.0), json(&slot.1)?);
            match state.said.get(slot) {
                Some(now) => tx.execute(
                    "INSERT INTO bylaws_verdicts (rule, key, verdict, seq) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (rule, key) DO UPDATE SET verdict = excluded.verdict, seq = excluded.seq",
                    &[rule, key, json(&now.said)?, now.seq.into()],
                )?,
                None => tx.execute("DELETE FROM bylaws_verdicts WHERE rule = ?1 AND key = ?2", &[rule, key])?,
            };
        }
        Ok(())
    })
}

fn json(value: &impl Serialize) -> Result<Arg, StoreError> {
    serde_json::to_string(value).map(Arg::Text).map_err(|error| {
        StoreError::new(
            ErrorKind::Refused,
            format!("a memory cannot be written: {error}"),
            "this is a fault of bylaws; report it",
        )
    })
}
