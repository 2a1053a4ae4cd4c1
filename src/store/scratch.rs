//! Tables made from contracts, for tests: what a contract says is what is there, and nothing refuses a bad row.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Store, StoreError, baseline, moment};
use crate::lang::item::contract::{Column, Contract, Encoding};
use crate::sql::{Arg, quote};
use crate::value::{Type, Value};

/// Creates the table of each contract, in place of one of the same name.
pub fn create_tables(store: &mut Store, contracts: &[&Contract]) -> Result<(), StoreError> {
    let mut script = String::new();
    for contract in contracts {
        let table = quote(&contract.table);
        let columns: Vec<String> =
            contract.columns.iter().map(|c| format!("{} {}", quote(&c.stored), declared(store, c))).collect();
        script.push_str(&format!("DROP TABLE IF EXISTS {table};\nCREATE TABLE {table} ({});\n", columns.join(", ")));
        let key: Vec<String> = contract.key.iter().map(|k| quote(&contract.columns[*k as usize].stored)).collect();
        if !key.is_empty() {
            let name = quote(&format!("{}_by_key", contract.table));
            script.push_str(&format!("CREATE INDEX {name} ON {table} ({});\n", key.join(", ")));
        }
    }
    store.batch(&script)
}

/// The type of a column that takes whatever the contract lets through and what breaks it.
fn declared(store: &Store, column: &Column) -> &'static str {
    if store.is_postgres() {
        return match &column.ty {
            Type::Count => "bigint",
            Type::Truth => "boolean",
            Type::Date => "date",
            Type::Moment => "timestamptz",
            ty if ty.is_quantity() || *ty == Type::Span => "numeric",
            _ => "text",
        };
    }
    match &column.ty {
        Type::Count | Type::Truth => "INTEGER",
        // Without affinity a number stays what it is.
        ty if ty.is_quantity() => "",
        _ => "TEXT",
    }
}

/// A value as its column stores it. Numbers with fractions become REAL, which reads back by its shortest decimal.
pub fn stored(value: &Value, column: &Column) -> Arg {
    match value {
        Value::Number(n) => {
            let stored = match &column.encoding {
                Encoding::Scaled(scale) => n.over(*scale).unwrap_or(*n),
                _ => *n,
            };
            match stored.to_whole().and_then(|n| i64::try_from(n).ok()) {
                Some(n) => Arg::Int(n),
                None => Arg::Real(stored.to_f64()),
            }
        }
        Value::Truth(truth) => Arg::Int(i64::from(*truth)),
        Value::Date(date) => Arg::Text(date.to_string()),
        Value::Moment(at) => Arg::Text(moment(*at)),
        Value::Span(span) => Arg::Int(span.count()),
        Value::Text(text) => match (&column.encoding, &column.ty) {
            (Encoding::Words(texts), Type::Words(words)) => {
                let place = words.iter().position(|w| w == text);
                Arg::Text(place.and_then(|i| texts.get(i)).unwrap_or(text).to_string())
            }
            _ => Arg::Text(text.to_string()),
        },
    }
}

/// Adds a row, or with `replace` changes the listed columns of the row with the same key.
pub fn put(
    store: &mut Store,
    contract: &Contract,
    columns: &[u32],
    cells: &[Option<Value>],
    replace: bool,
) -> Result<(), StoreError> {
    let mut values: Vec<(u32, Arg)> = columns
        .iter()
        .zip(cells)
        .map(|(c, v)| (*c, v.as_ref().map_or(Arg::Null, |v| stored(v, &contract.columns[*c as usize]))))
        .collect();
    // A row without its id gets one, as long as nobody refers to it.
    for key in &contract.key {
        let column = &contract.columns[*key as usize];
        if !columns.contains(key) && matches!(&column.ty, Type::Id(of) if of.is_empty()) {
            let sql = format!("SELECT COUNT(*) FROM {}", quote(&contract.table));
            let count = store.row(&sql, &[], |row| row.int(0))?.unwrap_or_default();
            values.push((*key, Arg::Text(format!("row-{}", count + 1))));
        }
    }
    let name = |c: u32| quote(&contract.columns[c as usize].stored);
    let table = quote(&contract.table);
    let keyed = contract.key.iter().all(|k| columns.contains(k));
    let given: Vec<Arg> = values.iter().map(|(_, value)| value.clone()).collect();
    if replace && keyed {
        let set: Vec<String> =
            values.iter().enumerate().map(|(i, (c, _))| format!("{} = ?{}", name(*c), i + 1)).collect();
        let test: Vec<String> = contract
            .key
            .iter()
            .filter_map(|k| values.iter().position(|(c, _)| c == k).map(|i| format!("{} = ?{}", name(*k), i + 1)))
            .collect();
        let sql = format!("UPDATE {table} SET {} WHERE {}", set.join(", "), test.join(" AND "));
        if store.execute(&sql, &given)? > 0 {
            return Ok(());
        }
    }
    let names: Vec<String> = values.iter().map(|(c, _)| name(*c)).collect();
    let places: Vec<String> = (1..=values.len()).map(|i| format!("?{i}")).collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), places.join(", "));
    store.execute(&sql, &given)?;
    Ok(())
}

/// Removes the rows with these values.
pub fn delete(store: &mut Store, contract: &Contract, cells: &[(u32, &Value)]) -> Result<(), StoreError> {
    let test: Vec<String> = cells
        .iter()
        .enumerate()
        .map(|(i, (c, _))| format!("{} = ?{}", quote(&contract.columns[*c as usize].stored), i + 1))
        .collect();
    let values: Vec<Arg> = cells.iter().map(|(c, v)| stored(v, &contract.columns[*c as usize])).collect();
    let sql = format!(
        "DELETE FROM {} WHERE {}",
        quote(&contract.table),
        if test.is_empty() { "1 = 0".into() } else { test.join(" AND ") }
    );
    store.execute(&sql, &values)?;
    Ok(())
}

/// Whether a contract has a row of this key.
pub fn exists(store: &Store, contract: &Contract, key: &str) -> Result<bool, StoreError> {
    let Some(column) = contract.key.first().map(|k| &contract.columns[*k as usize]) else { return Ok(true) };
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE {} = ?1)", quote(&contract.table), quote(&column.stored));
    Ok(store.row(&sql, &[key.into()], |row| row.truth(0))? == Some(true))
}

/// Enters a stage that takes no baseline.
pub fn enter(store: &mut Store, stage: &str, at: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO bylaws_stages (stage, entered_at) VALUES (?1, ?2) ON CONFLICT (stage) DO NOTHING";
    store.execute(sql, &[stage.into(), moment(at).into()])?;
    Ok(())
}

/// How a contract's rows differ from those of the last baseline; nothing when they are equal.
pub fn differs_from_baseline(store: &Store, contract: &Contract) -> Result<Option<String>, StoreError> {
    let Some(taken) = baseline::latest(store, None)? else { return Ok(Some("no baseline has been taken".into())) };
    let columns: Vec<String> = contract.columns.iter().map(|c| quote(&c.stored)).collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), quote(&contract.table));
    let key = |values: &BTreeMap<String, Arg>| -> String {
        let parts: Vec<String> =
            contract.key.iter().map(|k| format!("{:?}", values.get(&*contract.columns[*k as usize].stored))).collect();
        parts.join(" ")
    };
    let mut now: BTreeMap<String, BTreeMap<String, Arg>> = BTreeMap::new();
    let rows = store.rows(&sql, &[], |row| {
        let cells = contract.columns.iter().enumerate();
        Ok(cells.map(|(i, column)| (column.stored.to_string(), row.field(i).owned())).collect())
    })?;
    for values in rows {
        now.insert(key(&values), values);
    }
    let mut then: BTreeMap<String, BTreeMap<String, Arg>> = BTreeMap::new();
    for row in baseline::rows(store, taken.id, contract)? {
        let values: BTreeMap<String, Arg> =
            row.columns.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        then.insert(key(&values), values);
    }
    let added = now.keys().filter(|k| !then.contains_key(*k)).count();
    let gone = then.keys().filter(|k| !now.contains_key(*k)).count();
    let changed = now.iter().filter(|(k, v)| then.get(*k).is_some_and(|t| t != *v)).count();
    Ok((added + gone + changed > 0).then(|| format!("rows that are new: {added}, gone: {gone}, changed: {changed}")))
}
