//! Baselines: what the portfolio looked like when a stage was entered.
//!
//! Rules compare with their readings, and a rollback restores their rows.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::changes::{from_json, key_json, row_json};
use super::error::{ErrorKind, StoreError};
use super::field::Unfit;
use super::{Store, catalog, moment, quoted, stored_columns, stored_key};
use crate::lang::item::contract::Contract;
use crate::sql::Arg;

/// What a metric said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The metric.
    pub metric: String,
    /// Its key, part by part; empty for one of the portfolio.
    pub key: Vec<String>,
    /// Its value, or why it has none.
    pub value: Result<String, String>,
}

/// A baseline without its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// Its number.
    pub id: i64,
    /// The stage that was entered.
    pub stage: Option<String>,
    /// The moment it shows.
    pub taken_at: Timestamp,
    /// The revision of the rules it was taken under.
    pub revision: Option<String>,
    /// Who took it.
    pub by: String,
    /// What the metrics said, in the order of their names and keys.
    pub readings: Vec<Reading>,
}

impl Baseline {
    /// The reading of a metric for a key.
    pub fn reading(&self, metric: &str, key: &[String]) -> Option<&Reading> {
        self.readings.iter().find(|r| r.metric == metric && r.key == key)
    }
}

/// A row of a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineRow {
    /// Its key, as the change log writes it.
    pub key: String,
    /// Its columns by their stored names. NULL stands for a column that the contract did not have then, too.
    pub columns: Vec<(Arc<str>, Arg)>,
}

/// Takes a baseline, all of it or nothing, and returns its number. A stage that was not entered yet is from now on.
pub fn take(
    store: &mut Store,
    stage: Option<&str>,
    at: Timestamp,
    rows_of: &[&Contract],
    readings: &[Reading],
    by: &str,
    revision: Option<&str>,
) -> Result<i64, StoreError> {
    if !store.has_table("bylaws_baselines")? {
        return Err(StoreError::no_engine(&store.name));
    }
    for contract in rows_of {
        refuse_unclear(store, contract)?;
    }
    store.write(|tx| {
        if let Some(stage) = stage {
            tx.execute(
                "INSERT INTO bylaws_stages (stage, entered_at) VALUES (?1, ?2) ON CONFLICT (stage) DO NOTHING",
                &[stage.into(), moment(at).into()],
            )?;
        }
        let taken = tx.row(
            "INSERT INTO bylaws_baselines (stage, taken_at, rules_revision, taken_by) VALUES (?1, ?2, ?3, ?4)
             RETURNING id",
            &[stage.into(), moment(at).into(), revision.into(), by.into()],
            |row| row.int(0),
        )?;
        let id = taken.unwrap_or_default();
        for contract in rows_of {
            let table = quoted(&contract.table);
            tx.execute(
                &format!(
                    "INSERT INTO bylaws_baseline_rows (baseline_id, contract, row_key, row)
                     SELECT ?1, ?2, {}, {} FROM {table}",
                    key_json(tx, &stored_key(contract), &table),
                    row_json(tx, &stored_columns(contract), &table),
                ),
                &[id.into(), (&*contract.name).into()],
            )?;
        }
        let insert = "INSERT INTO bylaws_baseline_readings (baseline_id, metric, key, value, unknown)
                      VALUES (?1, ?2, ?3, ?4, ?5)";
        for reading in readings {
            let key = serde_json::Value::from(reading.key.clone()).to_string();
            let (value, unknown) = (reading.value.as_ref().ok(), reading.value.as_ref().err());
            tx.execute(insert, &[id.into(), (&reading.metric).into(), key.into(), value.into(), unknown.into()])?;
        }
        Ok(id)
    })
}

/// Rows can be restored only where table, columns and keys are what the contract says.
fn refuse_unclear(store: &Store, contract: &Contract) -> Result<(), StoreError> {
    let shape = catalog(store, contract)?;
    let trouble = |what: String| {
        Err(StoreError::new(
            if shape.exists { ErrorKind::Shape } else { ErrorKind::NoTable },
            what,
            "`bylaws check --db` compares the tables with the contracts; nothing was written",
        ))
    };
    if !shape.exists {
        return trouble(format!(
            "the table `{}` that contract `{}` names is not in `{}`",
            contract.table, contract.name, store.name
        ));
    }
    if let Some(column) = shape.missing(contract).first() {
        return trouble(format!(
            "the table `{}` of contract `{}` has no column `{column}`",
            contract.table, contract.name
        ));
    }
    let table = quoted(&contract.table);
    let twice = store.row(
        &format!(
            "SELECT {} AS k FROM {table} GROUP BY 1 HAVING count(*) > 1 LIMIT 1",
            key_json(store, &stored_key(contract), &table)
        ),
        &[],
        |row| row.text(0),
    )?;
    match twice {
        Some(key) => {
            trouble(format!("two rows of contract `{}` have the key {key}, so neither can be restored", contract.name))
        }
        None => Ok(()),
    }
}

/// The last baseline that was taken on entering the stage; without a stage the last of all. `None` where there is none.
pub fn latest(store: &Store, stage: Option<&str>) -> Result<Option<Baseline>, StoreError> {
    if !store.has_table("bylaws_baselines")? {
        return Ok(None);
    }
    let (test, args) = match stage {
        Some(stage) => ("WHERE stage = ?1", vec![Arg::from(stage)]),
        None => ("", Vec::new()),
    };
    let sql = format!(
        "SELECT id, stage, taken_at, rules_revision, taken_by FROM bylaws_baselines {test}
         ORDER BY taken_at DESC, id DESC LIMIT 1"
    );
    let found = store.row(&sql, &args, |row| {
        let (id, stage, taken_at) = (row.int(0)?, row.maybe_text(1)?, row.moment(2)?);
        Ok(Baseline { id, stage, taken_at, revision: row.maybe_text(3)?, by: row.text(4)?, readings: Vec::new() })
    })?;
    let Some(mut baseline) = found else { return Ok(None) };
    let sql = "SELECT metric, key, value, unknown FROM bylaws_baseline_readings WHERE baseline_id = ?1";
    baseline.readings = store.rows(sql, &[baseline.id.into()], |row| {
        let (metric, key) = (row.text(0)?, row.text(1)?);
        let (value, unknown) = (row.maybe_text(2)?, row.maybe_text(3)?);
        let key = serde_json::from_str(&key)
            .map_err(|_| Unfit::Damaged(format!("`{key}` stands where the key of a reading belongs")))?;
        Ok(Reading { metric, key, value: value.ok_or(unknown.unwrap_or_default()) })
    })?;
    baseline.readings.sort_by(|a, b| (&a.metric, &a.key).cmp(&(&b.metric, &b.key)));
    Ok(Some(baseline))
}

/// When each stage was entered.
pub fn entered(store: &Store) -> Result<HashMap<String, Timestamp>, StoreError> {
    if !store.has_table("bylaws_stages")? {
        return Ok(HashMap::new());
    }
    let sql = "SELECT stage, entered_at FROM bylaws_stages";
    Ok(store.rows(sql, &[], |row| Ok((row.text(0)?, row.moment(1)?)))?.into_iter().collect())
}

/// The number of the newest baseline.
pub fn latest_id(store: &Store) -> Result<Option<i64>, StoreError> {
    if !store.has_table("bylaws_baselines")? {
        return Ok(None);
    }
    let sql = "SELECT coalesce(max(id), 0) FROM bylaws_baselines";
    store.row(sql, &[], |row| row.int(0))
}

/// The rows of a contract in a baseline, in the order of their keys.
pub fn rows(store: &Store, id: i64, contract: &Contract) -> Result<Vec<BaselineRow>, StoreError> {
    if !store.has_table("bylaws_baseline_rows")? {
        return Ok(Vec::new());
    }
    let columns = stored_columns(contract);
    let names: Vec<Arc<str>> = columns.iter().map(|c| Arc::from(*c)).collect();
    let (list, from) = from_json(store, &contract.table, &columns, "b.row");
    let sql = format!(
        "SELECT row_key, {list} FROM bylaws_baseline_rows AS b{from} WHERE b.baseline_id = ?1 AND b.contract = ?2"
    );
    let mut rows = store.rows(&sql, &[id.into(), (&*contract.name).into()], |row| {
        let columns = names.iter().enumerate().map(|(i, name)| (name.clone(), row.field(i + 1).owned())).collect();
        Ok(BaselineRow { key: row.text(0)?, columns })
    })?;
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::super::migrate::migrate;
    use super::super::tests::{at, contract};
    use super::*;

    const NOW: &str = "2026-03-02T09:00:00Z";

    fn store() -> Store {
        let mut store = Store::in_memory().expect("memory");
        migrate(&mut store, &[], at(NOW)).expect("migrate");
        store
            .conn()
            .execute_batch(
                "CREATE TABLE shares (resource TEXT, venture TEXT, share NUMERIC, PRIMARY KEY (resource, venture));
                 INSERT INTO shares VALUES ('cto', 'atlas', 70), ('cto', 'borealis', 0.1), ('cfo', 'atlas', NULL);",
            )
            .expect("rows");
        store
    }

    fn shares() -> Contract {
        contract("shares", &["resource", "venture"], &["resource", "venture", "share"])
    }

    fn reading(metric: &str, key: &[&str], value: Result<&str, &str>) -> Reading {
        Reading {
            metric: metric.into(),
            key: key.iter().map(|k| (*k).to_owned()).collect(),
            value: value.map(str::to_owned).map_err(str::to_owned),
        }
    }

    #[test]
    fn what_was_taken_comes_back() {
        let mut store = store();
        let readings = [
            reading("load", &["cto"], Ok("70.1")),
            reading("load", &["it's \"x\""], Err("1 of 2 known")),
            reading("total", &[], Ok("")),
        ];
        let id = take(&mut store, Some("39"), at(NOW), &[&shares()], &readings, "ann", Some("r1")).expect("take");
        let later = "2026-04-02T09:00:00.25Z";
        let second = take(&mut store, Some("39"), at(later), &[], &[], "bob", None).expect("take");
        take(&mut store, None, at(NOW), &[], &[], "bob", None).expect("take");
        assert_eq!(entered(&store).expect("entered"), HashMap::from([("39".to_owned(), at(NOW))]));
        let last = latest(&store, None).expect("latest").expect("one");
        assert_eq!((last.id, last.taken_at, last.by.as_str(), last.revision), (second, at(later), "bob", None));
        store.conn().execute("DELETE FROM bylaws_baselines WHERE id = ?1", [second]).expect("delete");
        let first = latest(&store, Some("39")).expect("latest").expect("one");
        assert_eq!((first.id, first.stage.as_deref(), first.taken_at), (id, Some("39"), at(NOW)));
        assert_eq!(first.revision.as_deref(), Some("r1"));
        assert_eq!(first.readings.len(), 3);
        for reading in &readings {
            assert_eq!(first.reading(&reading.metric, &reading.key), Some(reading));
        }
        assert_eq!(latest(&store, Some("40")).expect("latest"), None);

        store.conn().execute_batch("DELETE FROM shares").expect("gone");
        let kept = rows(&store, id, &shares()).expect("rows");
        let told: Vec<(&str, &Arg)> = kept.iter().map(|r| (r.key.as_str(), &r.columns[2].1)).collect();
        assert_eq!(
            told,
            [
                (r#"["cfo","atlas"]"#, &Arg::Null),
                (r#"["cto","atlas"]"#, &Arg::Int(70)),
                (r#"["cto","borealis"]"#, &Arg::Real(0.1)),
            ]
        );
        assert_eq!(kept[1].columns[0], ("resource".into(), Arg::Text("cto".into())));
        assert!(rows(&store, second, &shares()).expect("rows").is_empty());
    }

    #[test]
    fn without_the_tables_there_is_none() {
        let mut store = Store::in_memory().expect("memory");
        assert_eq!(latest(&store, None).expect("latest"), None);
        assert!(entered(&store).expect("entered").is_empty());
        assert!(rows(&store, 1, &shares()).expect("rows").is_empty());
        let error = take(&mut store, None, at(NOW), &[], &[], "ann", None).expect_err("no tables");
        assert_eq!(error.kind, ErrorKind::NoTable);
    }

    #[test]
    fn a_baseline_that_could_not_be_restored_is_not_taken() {
        let mut store = store();
        let mut refused = |contract: Contract, readings: &[Reading]| {
            let error = take(&mut store, Some("39"), at(NOW), &[&shares(), &contract], readings, "ann", None)
                .expect_err("refused");
            assert!(entered(&store).expect("entered").is_empty() && latest(&store, None).expect("latest").is_none());
            (error.kind, error.message)
        };
        let (kind, message) = refused(contract("nowhere", &["id"], &["id"]), &[]);
        assert_eq!(kind, ErrorKind::NoTable);
        assert_eq!(message, "the table `nowhere` that contract `nowhere` names is not in `:memory:`");
        let (kind, message) = refused(contract("shares", &["venture"], &["venture", "zip"]), &[]);
        assert_eq!(
            (kind, &*message),
            (ErrorKind::Shape, "the table `shares` of contract `shares` has no column `zip`")
        );
        let (_, message) = refused(contract("shares", &["venture"], &["venture"]), &[]);
        assert_eq!(message, "two rows of contract `shares` have the key [\"atlas\"], so neither can be restored");
        let twice = [reading("load", &[], Ok("1")), reading("load", &[], Ok("2"))];
        let (kind, _) = refused(contract("bylaws_stages", &["stage"], &["stage"]), &twice);
        assert_eq!(kind, ErrorKind::Refused);
    }
}
