//! What tables look like in the database: their columns, what those can hold, and which keys are enforced.

use std::rc::Rc;

use super::{Link, Store, StoreError, kind_of, stored_columns, stored_key};
use crate::lang::item::contract::Contract;

/// What a column holds, as far as statements must know: which values it can be compared with, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Class {
    /// Whatever is put there: the columns of SQLite.
    #[default]
    Any,
    /// Text.
    Text,
    /// What is written as text but is of a type of its own: UUIDs, enumerations, text filled up with blanks.
    Word,
    /// Whole numbers.
    Whole,
    /// Exact decimals.
    Decimal,
    /// Binary numbers with fractions.
    Binary,
    /// Yes and no.
    Truth,
    /// Days.
    Date,
    /// Moments, with or without a zone; those without are UTC.
    Moment,
    /// Anything else.
    Other,
}

impl Class {
    /// The class of a type of PostgreSQL by its name there; `e` is the kind of an enumeration.
    pub(super) fn of_postgres(name: &str, kind: &str) -> Class {
        match name {
            _ if kind == "e" => Class::Word,
            "text" | "varchar" => Class::Text,
            "uuid" | "bpchar" | "name" | "citext" | "char" => Class::Word,
            "int2" | "int4" | "int8" => Class::Whole,
            "numeric" => Class::Decimal,
            "float4" | "float8" => Class::Binary,
            "bool" => Class::Truth,
            "date" => Class::Date,
            "timestamp" | "timestamptz" => Class::Moment,
            _ => Class::Other,
        }
    }
}

/// A column as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnShape {
    /// Its name.
    pub name: String,
    /// Its type as it was declared; often empty in a view.
    pub declared: String,
    /// Whether it may not be NULL.
    pub notnull: bool,
    /// What it holds.
    pub class: Class,
}

/// A table or view as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableShape {
    /// Whether it is there.
    pub exists: bool,
    /// Whether it is a view.
    pub view: bool,
    /// Its columns in order.
    pub columns: Vec<ColumnShape>,
    /// Sets of columns of which no two rows have the same values: the primary key first.
    pub unique: Vec<Vec<String>>,
    /// The first two columns of each index over all rows, where the database tells.
    indexes: Vec<(String, String)>,
    /// On PostgreSQL every name is what it is, to the letter.
    exact: bool,
}

impl TableShape {
    /// The column of a name; SQLite does not tell `A` from `a`.
    pub fn column(&self, name: &str) -> Option<&ColumnShape> {
        self.columns.iter().find(|c| if self.exact { c.name == name } else { c.name.eq_ignore_ascii_case(name) })
    }

    /// What a column of this name holds.
    pub fn class(&self, name: &str) -> Class {
        self.column(name).map_or(Class::Any, |c| c.class)
    }

    /// The stored columns of the contract that are not there.
    pub fn missing<'c>(&self, contract: &'c Contract) -> Vec<&'c str> {
        stored_columns(contract).into_iter().filter(|c| self.column(c).is_none()).collect()
    }

    /// Whether the database itself sees to it that no two rows have the contract's key.
    pub fn key_enforced(&self, contract: &Contract) -> bool {
        let key = stored_key(contract);
        self.unique.iter().any(|set| set.iter().all(|c| key.iter().any(|k| k.eq_ignore_ascii_case(c))))
    }
}

/// What the database holds under the name of a contract's table.
pub fn catalog(store: &Store, contract: &Contract) -> Result<TableShape, StoreError> {
    shape_of(store, &contract.table).map(|shape| (*shape).clone())
}

/// What the database holds under a name. On PostgreSQL it is asked once, until this connection changes the schema.
pub(super) fn shape_of(store: &Store, table: &str) -> Result<Rc<TableShape>, StoreError> {
    match &store.link {
        Link::Sqlite(_) => sqlite(store, table).map(Rc::new),
        Link::Postgres(server) => {
            if let Some(known) = server.shapes.borrow().get(table) {
                return Ok(known.clone());
            }
            let shape = Rc::new(postgres(store, table)?);
            server.shapes.borrow_mut().insert(table.to_owned(), shape.clone());
            Ok(shape)
        }
    }
}

/// What a column holds; anything where that cannot be told.
pub(super) fn class(store: &Store, table: &str, column: &str) -> Class {
    // What cannot be told of a table becomes an error where it is read.
    shape_of(store, table).map_or(Class::Any, |shape| shape.class(column))
}

/// Whether an index leads from one column to another. Where that cannot be told, none does.
pub(super) fn is_indexed(store: &Store, table: &str, via: &str, then: &str) -> bool {
    if let Link::Postgres(_) = &store.link {
        let leads = |(a, b): &(String, String)| a == via && b == then;
        return shape_of(store, table).is_ok_and(|shape| shape.indexes.iter().any(leads));
    }
    let sql = "SELECT 1 FROM pragma_index_list(?1) AS l JOIN pragma_index_info(l.name) AS a \
               JOIN pragma_index_info(l.name) AS b \
               WHERE l.partial = 0 AND a.seqno = 0 AND b.seqno = 1 AND lower(a.name) = lower(?2) AND lower(b.name) = lower(?3)";
    store.row(sql, &[table.into(), via.into(), then.into()], |_| Ok(())).is_ok_and(|found| found.is_some())
}

/// Whether an index begins with a column. Where that cannot be told, none does.
pub(super) fn is_led(store: &Store, table: &str, column: &str) -> bool {
    let sql = match &store.link {
        Link::Postgres(_) => {
            "SELECT 1 FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
             WHERE i.indrelid = to_regclass(quote_ident(?1)) AND i.indpred IS NULL AND i.indisvalid AND a.attname = ?2"
        }
        Link::Sqlite(_) => {
            "SELECT 1 FROM pragma_index_list(?1) AS l JOIN pragma_index_info(l.name) AS a
             WHERE l.partial = 0 AND a.seqno = 0 AND lower(a.name) = lower(?2)"
        }
    };
    store.row(sql, &[table.into(), column.into()], |_| Ok(())).is_ok_and(|found| found.is_some())
}

/// The kind of an object on PostgreSQL, as SQLite calls it, and the table it belongs to. Whatever can be read like a
/// table is one.
pub(super) const KIND_OF: &str = "
    SELECT CASE WHEN c.relkind IN ('r', 'p', 'f', 'm') THEN 'table' WHEN c.relkind = 'v' THEN 'view' ELSE 'index' END,
      coalesce((SELECT t.relname FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid
                WHERE i.indexrelid = c.oid), c.relname)::text
    FROM pg_class AS c WHERE c.oid = to_regclass(quote_ident(?1)) AND c.relkind IN ('r', 'p', 'f', 'm', 'v', 'i', 'I')
    UNION ALL
    SELECT 'trigger', t.relname::text FROM pg_trigger AS g JOIN pg_class AS t ON t.oid = g.tgrelid
    WHERE g.tgname = ?1 AND NOT g.tgisinternal AND t.relnamespace = to_regnamespace(current_schema())
    UNION ALL
    SELECT 'function', p.proname::text FROM pg_proc AS p
    WHERE p.proname = ?1 AND p.pronamespace = to_regnamespace(current_schema())
    LIMIT 1";

fn postgres(store: &Store, table: &str) -> Result<TableShape, StoreError> {
    let relation = "to_regclass(quote_ident(?1))";
    let view = match kind_of(store, table)? {
        Some((kind, _)) if kind == "table" => false,
        Some((kind, _)) if kind == "view" => true,
        _ => return Ok(TableShape { exact: true, ..TableShape::default() }),
    };
    let columns = store.rows(
        &format!(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, b.typname::text, b.typtype::text
             FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
             JOIN pg_type AS b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
             WHERE a.attrelid = {relation} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
        ),
        &[table.into()],
        |row| {
            let class = Class::of_postgres(&row.text(3)?, &row.text(4)?);
            Ok(ColumnShape { name: row.text(0)?, declared: row.text(1)?, notnull: row.truth(2)?, class })
        },
    )?;
    // An expression has no name of a column, and leaves a place empty.
    let indexes = store.rows(
        &format!(
            "SELECT i.indisunique, (SELECT json_agg((SELECT attname FROM pg_attribute WHERE attrelid = i.indrelid
                 AND attnum = k.n) ORDER BY k.place)::text
               FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (n, place) WHERE k.place <= i.indnkeyatts)
             FROM pg_index AS i WHERE i.indrelid = {relation} AND i.indpred IS NULL AND i.indisvalid
             ORDER BY i.indisprimary DESC, i.indexrelid"
        ),
        &[table.into()],
        |row| {
            let columns: Vec<Option<String>> = serde_json::from_str(&row.text(1)?).unwrap_or_default();
            Ok((row.truth(0)?, columns))
        },
    )?;
    let mut shape = TableShape { exists: true, view, columns, exact: true, ..TableShape::default() };
    for (unique, columns) in indexes {
        if let [Some(first), Some(second), ..] = &columns[..] {
            shape.indexes.push((first.clone(), second.clone()));
        }
        let Some(set) = columns.into_iter().collect::<Option<Vec<String>>>() else { continue };
        if unique && !set.is_empty() && !shape.unique.contains(&set) {
            shape.unique.push(set);
        }
    }
    Ok(shape)
}

fn sqlite(store: &Store, table: &str) -> Result<TableShape, StoreError> {
    let view = match kind_of(store, table)? {
        Some((kind, _)) if kind == "table" => false,
        Some((kind, _)) if kind == "view" => true,
        _ => return Ok(TableShape::default()),
    };
    let mut primary: Vec<(i64, String)> = Vec::new();
    let mut columns = Vec::new();
    let sql = "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1, 'main')";
    let listed = store.rows(sql, &[table.into()], |row| {
        let column =
            ColumnShape { name: row.text(0)?, declared: row.text(1)?, notnull: row.truth(2)?, class: Class::Any };
        Ok((column, row.int(3)?, row.int(4)?))
    })?;
    for (column, key, hidden) in listed {
        // 1 is a hidden column of a virtual table; computed columns are 2 and 3 and can be read like any other.
        if hidden == 1 {
            continue;
        }
        if key != 0 {
            primary.push((key, column.name.clone()));
        }
        columns.push(column);
    }
    primary.sort_unstable();
    let mut unique = Vec::new();
    if !primary.is_empty() {
        unique.push(primary.into_iter().map(|(_, name)| name).collect());
    }
    let sql = "SELECT name FROM pragma_index_list(?1, 'main') WHERE \"unique\" AND NOT partial ORDER BY seq DESC";
    for index in store.rows(sql, &[table.into()], |row| row.text(0))? {
        // A column without a name is an expression.
        let sql = "SELECT name FROM pragma_index_info(?1, 'main') ORDER BY seqno";
        let names = store.rows(sql, &[index.into()], |row| row.maybe_text(0))?;
        let set: Option<Vec<String>> = names.into_iter().collect();
        if let Some(set) = set.filter(|set| !set.is_empty() && !unique.contains(set)) {
            unique.push(set);
        }
    }
    Ok(TableShape { exists: true, view, columns, unique, ..TableShape::default() })
}
