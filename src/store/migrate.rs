//! Migrations: numbered, checksummed, forward only, safe to run twice.
//!
//! A table that is already there without a record is held against the shape that the migration would give it, and
//! adopted when it fits. That shape is not written down a second time: the migrations run in a scratch database, and
//! the two catalogs are compared.

use std::fmt;

use jiff::Timestamp;

use super::error::{ErrorKind, StoreError};
use super::shape::Class;
use super::{Store, kind_of, moment};
use crate::digest::sha256;

/// One embedded file.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The family it belongs to.
    pub family: &'static str,
    /// The name of the file, such as `0001_ventures.sql`.
    pub file: &'static str,
    /// Its text for SQLite.
    pub sql: &'static str,
    /// Its text for PostgreSQL.
    pub postgres: &'static str,
}

macro_rules! family {
    ($family:literal: $($file:literal,)+) => {
        &[$(Migration {
            family: $family,
            file: $file,
            sql: include_str!(concat!("../../migrations/", $family, "/", $file)),
            postgres: include_str!(concat!("../../migrations/", $family, "/postgres/", $file)),
        },)+]
    };
}

/// The program's own tables.
pub const ENGINE: &[Migration] = family! { "engine":
    "0001_migrations.sql",
    "0002_changes.sql",
    "0003_baselines.sql",
    "0004_kept.sql",
    "0005_quarantine.sql",
    "0006_memory.sql",
    "0007_ledger.sql",
    "0008_ticked.sql",
};

/// The tables of the pack that comes with the program.
pub const STAGE39: &[Migration] = family! { "stage39":
    "0001_ventures.sql",
    "0002_resources.sql",
    "0003_synergies.sql",
    "0004_conflicts.sql",
    "0005_governance.sql",
    "0006_recursion.sql",
    "0007_customers.sql",
};

/// The families that can be asked for beside the program's own.
pub const PACKS: &[(&str, &[Migration])] = &[("stage39", STAGE39)];

impl Migration {
    /// Its place in its family.
    pub fn number(&self) -> i64 {
        self.file.get(..4).and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        let name = self.file.strip_suffix(".sql").unwrap_or(self.file);
        name.split_once('_').map_or(name, |(_, name)| name)
    }

    /// Its text for a database of this kind.
    fn text(&self, store: &Store) -> &'static str {
        if store.is_postgres() { self.postgres } else { self.sql }
    }

    /// What its text is known by. How lines end depends on how the program was checked out and does not count.
    fn checksum(&self, store: &Store) -> String {
        sha256(&self.text(store).replace("\r\n", "\n"))
    }
}

/// What became of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ran.
    Applied,
    /// It ran, except that these tables were there already and fit.
    Adopted(Vec<String>),
    /// It had run before.
    AlreadyThere,
}

/// A migration and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The family.
    pub family: &'static str,
    /// The number.
    pub number: i64,
    /// The name.
    pub name: &'static str,
    /// What became of it.
    pub outcome: Outcome,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:04} {}: ", self.family, self.number, self.name)?;
        match &self.outcome {
            Outcome::Applied => f.write_str("applied"),
            Outcome::Adopted(tables) => write!(f, "applied; adopted {}", tables.join(", ")),
            Outcome::AlreadyThere => f.write_str("already there"),
        }
    }
}

/// What `migrate` did, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// One entry a migration.
    pub steps: Vec<Step>,
}

impl Report {
    /// Whether everything had run before.
    pub fn nothing_to_do(&self) -> bool {
        self.steps.iter().all(|s| s.outcome == Outcome::AlreadyThere)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nothing_to_do() {
            return f.write_str("nothing to do");
        }
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "{}{step}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// Brings the program's own tables up to date, and those of the packs that are named, such as `stage39`.
pub fn migrate(store: &mut Store, packs: &[&str], at: Timestamp) -> Result<Report, StoreError> {
    let mut families = vec![ENGINE];
    for pack in packs {
        let Some((_, family)) = PACKS.iter().find(|(name, _)| name == pack) else {
            let known: Vec<&str> = PACKS.iter().map(|(name, _)| *name).collect();
            return Err(StoreError::new(
                ErrorKind::NoTable,
                format!("there are no migrations for a pack `{pack}`"),
                format!("the packs with migrations are: {}", known.join(", ")),
            ));
        };
        families.push(family);
    }
    run(store, &families, at)
}

/// The tables and views that the migrations of a pack make.
pub fn tables_of(pack: &str) -> Result<Vec<String>, StoreError> {
    let all: Vec<&Migration> = PACKS.iter().filter(|(name, _)| *name == pack).flat_map(|(_, family)| *family).collect();
    let made = rehearse(&mut Store::in_memory()?, &all)?.into_iter().flatten();
    Ok(made.filter(|object| matches!(&*object.kind, "table" | "view")).map(|object| object.name).collect())
}

/// Refuses a database whose own tables are of a later version than this program knows.
pub(super) fn refuse_newer(store: &Store) -> Result<(), StoreError> {
    if !is_record(store)? {
        return Ok(());
    }
    newer(store, ENGINE)
}

fn newer(store: &Store, family: &[Migration]) -> Result<(), StoreError> {
    let Some(last) = family.last() else { return Ok(()) };
    let above = store.row(
        "SELECT number, name FROM bylaws_migrations WHERE family = ?1 AND number > ?2 ORDER BY number DESC LIMIT 1",
        &[last.family.into(), last.number().into()],
        |row| Ok((row.int(0)?, row.text(1)?)),
    )?;
    match above {
        None => Ok(()),
        Some((number, what)) => Err(StoreError::new(
            ErrorKind::Newer,
            format!(
                "`{}` was made by a newer version of bylaws: it holds migration {} {number:04} {what}, \
                 and this version ends with {:04}",
                store.name,
                last.family,
                last.number(),
            ),
            "use that newer version; nothing was changed",
        )),
    }
}

/// Whether the table of records is there and can be read as one.
fn is_record(store: &Store) -> Result<bool, StoreError> {
    let names = "('family', 'number', 'name', 'checksum')";
    let sql = if store.is_postgres() {
        format!(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('bylaws_migrations') AND attname IN {names}"
        )
    } else {
        format!("SELECT count(*) FROM pragma_table_xinfo('bylaws_migrations', 'main') WHERE name IN {names}")
    };
    Ok(store.row(&sql, &[], |row| row.int(0))? == Some(4))
}

fn run(store: &mut Store, families: &[&[Migration]], at: Timestamp) -> Result<Report, StoreError> {
    let name = store.name.clone();
    let all: Vec<&Migration> = families.iter().flat_map(|f| f.iter()).collect();

    // Everything that can be refused is refused before anything is changed, with all differences at once.
    if is_record(store)? {
        for family in families {
            newer(store, family)?;
        }
    }
    let mut pending_in = None;
    let mut pending = Vec::with_capacity(all.len());
    for migration in &all {
        let recorded = record(store, migration)?;
        match &recorded {
            Some(checksum) => {
                if pending_in == Some(migration.family) {
                    return Err(StoreError::new(
                        ErrorKind::Order,
                        format!(
                            "`{name}` holds migration {} {:04} {} but not every one before it",
                            migration.family,
                            migration.number(),
                            migration.name(),
                        ),
                        "migrations run in the order of their numbers; put a backup in its place",
                    ));
                }
                same_text(store, migration, checksum)?;
            }
            None => pending_in = Some(migration.family),
        }
        pending.push(recorded.is_none());
    }
    let expected = expected(store, &all, &pending)?;
    let mut differences = Vec::new();
    for (objects, _) in expected.iter().zip(&pending).filter(|(_, pending)| **pending) {
        differences.extend(compare(store, objects)?.differences);
    }
    refuse(&name, differences)?;

    let mut report = Report::default();
    for ((migration, objects), pending) in all.iter().zip(&expected).zip(pending) {
        let mut done = |outcome| {
            let (family, number, name) = (migration.family, migration.number(), migration.name());
            report.steps.push(Step { family, number, name, outcome });
        };
        // Where nothing is to be done, nobody who writes has to be waited for.
        if !pending {
            done(Outcome::AlreadyThere);
            continue;
        }
        let outcome = store.write(|tx| {
            if tx.is_postgres() {
                // Held until the end of the transaction; another program that migrates waits here.
                tx.rows("SELECT 1 FROM pg_advisory_xact_lock(hashtext('bylaws_migrations'))", &[], |_| Ok(()))?;
            }
            // Only under the write lock is it certain that no other program has just done the same.
            if let Some(checksum) = record(tx, migration)? {
                same_text(tx, migration, &checksum)?;
                return Ok(Outcome::AlreadyThere);
            }
            let held = compare(tx, objects)?;
            refuse(&tx.name, held.differences)?;
            for statement in split(migration.text(tx), tx.is_postgres()) {
                if let Some(made) = &statement.makes {
                    // What guards a table was not rehearsed on PostgreSQL; of the name it is the same.
                    let guards = tx.is_postgres() && kind_of(tx, made)?.is_some();
                    if guards || held.present.iter().any(|p| p.eq_ignore_ascii_case(made)) {
                        continue;
                    }
                }
                tx.batch(statement.text).map_err(|error| failed(migration, error))?;
            }
            tx.execute(
                "INSERT INTO bylaws_migrations (family, number, name, checksum, applied_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                &[
                    migration.family.into(),
                    migration.number().into(),
                    migration.name().into(),
                    migration.checksum(tx).into(),
                    moment(at).into(),
                ],
            )?;
            Ok(if held.adopted.is_empty() { Outcome::Applied } else { Outcome::Adopted(held.adopted) })
        })?;
        done(outcome);
    }
    Ok(report)
}

/// The checksum under which a migration was applied, if it was.
fn record(store: &Store, migration: &Migration) -> Result<Option<String>, StoreError> {
    if !is_record(store)? {
        return Ok(None);
    }
    store.row(
        "SELECT checksum FROM bylaws_migrations WHERE family = ?1 AND number = ?2",
        &[migration.family.into(), migration.number().into()],
        |row| row.text(0),
    )
}

fn same_text(store: &Store, migration: &Migration, applied: &str) -> Result<(), StoreError> {
    let (name, ours) = (&store.name, migration.checksum(store));
    if applied == ours {
        return Ok(());
    }
    Err(StoreError::new(
        ErrorKind::Checksum,
        format!(
            "migration {} {:04} {} is not the one that was applied to `{name}`: applied was {applied}, \
             this version has {ours}",
            migration.family,
            migration.number(),
            migration.name(),
        ),
        "an applied migration never changes; use the version of bylaws that made this database",
    ))
}

fn refuse(name: &str, differences: Vec<String>) -> Result<(), StoreError> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(StoreError::new(
        ErrorKind::Shape,
        format!("`{name}` holds tables of the same names but of another shape:\n  {}", differences.join("\n  ")),
        "change these tables so that they fit, or use a database of its own; nothing was changed",
    ))
}

fn failed(migration: &Migration, error: StoreError) -> StoreError {
    StoreError {
        message: format!(
            "migration {} {:04} {} was taken back: {}",
            migration.family,
            migration.number(),
            migration.name(),
            error.message
        ),
        ..error
    }
}

// ── expected shape ──

/// Something a migration makes.
#[derive(Debug)]
struct Object {
    kind: String,
    name: String,
    table: String,
    columns: Vec<Shape>,
}

/// What is compared of a column.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    name: String,
    declared: String,
    notnull: bool,
    key: bool,
    default: bool,
    computed: bool,
    /// What it holds, where the database itself sees to that.
    class: Class,
}

/// What each migration makes, as far as anything of it may be there already.
fn expected(store: &mut Store, all: &[&Migration], pending: &[bool]) -> Result<Vec<Vec<Object>>, StoreError> {
    if !store.is_postgres() {
        return rehearse(&mut Store::in_memory()?, all);
    }
    // A server has no scratch database at hand, but what is made and taken back in a schema of this connection's own
    // is seen by nobody. That takes longer than to see first that there is nothing of these names.
    let waiting = all.iter().zip(pending).filter(|(_, pending)| **pending);
    let names = waiting.flat_map(|(m, _)| split(m.postgres, true)).filter_map(|statement| statement.makes);
    for name in names {
        if kind_of(store, &name)?.is_some() {
            return store.undone(|scratch| {
                scratch.batch("SET LOCAL search_path = pg_temp")?;
                rehearse(scratch, all)
            });
        }
    }
    Ok(all.iter().map(|_| Vec::new()).collect())
}

/// Runs the migrations in a scratch database and notes what each of them makes.
fn rehearse(scratch: &mut Store, all: &[&Migration]) -> Result<Vec<Vec<Object>>, StoreError> {
    let mut known: Vec<String> = Vec::new();
    let mut expected = Vec::with_capacity(all.len());
    for migration in all {
        if scratch.is_postgres() {
            // In such a schema no function is ever found, so what guards tables is left out.
            let makes = split(migration.postgres, true).into_iter().filter(|s| !s.text.contains(" FUNCTION "));
            let tables: Vec<&str> = makes.map(|statement| statement.text).collect();
            scratch.batch(&tables.concat()).map_err(|error| failed(migration, error))?;
        } else {
            scratch.batch(migration.sql).map_err(|error| failed(migration, error))?;
        }
        let objects: Vec<Object> = objects(scratch)?.into_iter().filter(|o| !known.contains(&o.name)).collect();
        known.extend(objects.iter().map(|o| o.name.clone()));
        expected.push(objects);
    }
    Ok(expected)
}

fn objects(store: &Store) -> Result<Vec<Object>, StoreError> {
    let sql = if store.is_postgres() {
        "SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' ELSE 'index' END, c.relname::text,
           coalesce((SELECT t.relname FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid
                     WHERE i.indexrelid = c.oid), c.relname)::text, c.oid::bigint AS n
         FROM pg_class AS c WHERE c.relnamespace = pg_my_temp_schema() AND c.relkind IN ('r', 'v', 'i')
         UNION ALL SELECT 'trigger', g.tgname::text, t.relname::text, g.oid::bigint
         FROM pg_trigger AS g JOIN pg_class AS t ON t.oid = g.tgrelid
         WHERE NOT g.tgisinternal AND t.relnamespace = pg_my_temp_schema()
         UNION ALL SELECT 'function', p.proname::text, p.proname::text, p.oid::bigint
         FROM pg_proc AS p WHERE p.pronamespace = pg_my_temp_schema() ORDER BY n"
    } else {
        "SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
    };
    let mut objects = store.rows(sql, &[], |row| {
        Ok(Object { kind: row.text(0)?, name: row.text(1)?, table: row.text(2)?, columns: Vec::new() })
    })?;
    for object in objects.iter_mut().filter(|o| o.kind == "table") {
        object.columns = columns(store, &object.name)?;
    }
    Ok(objects)
}

fn columns(store: &Store, table: &str) -> Result<Vec<Shape>, StoreError> {
    let sql = if store.is_postgres() {
        "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           EXISTS (SELECT 1 FROM pg_index AS i WHERE i.indrelid = a.attrelid AND i.indisprimary
                   AND a.attnum = ANY (i.indkey::int2[])),
           a.atthasdef OR a.attidentity <> '', a.attgenerated <> '', b.typname::text, b.typtype::text
         FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
         JOIN pg_type AS b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
         WHERE a.attrelid = to_regclass(quote_ident(?1)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    } else {
        "SELECT name, type, \"notnull\", pk > 0, dflt_value IS NOT NULL, hidden > 0, '', ''
         FROM pragma_table_xinfo(?1, 'main')"
    };
    store.rows(sql, &[table.into()], |row| {
        Ok(Shape {
            name: row.text(0)?,
            declared: row.text(1)?,
            notnull: row.truth(2)?,
            key: row.truth(3)?,
            default: row.truth(4)?,
            computed: row.truth(5)?,
            class: if store.is_postgres() { Class::of_postgres(&row.text(6)?, &row.text(7)?) } else { Class::Any },
        })
    })
}

/// What a database holds of the things a migration makes.
#[derive(Debug, Default)]
struct Held {
    /// Tables that are there and fit.
    adopted: Vec<String>,
    /// Everything that is there and need not be made.
    present: Vec<String>,
    /// Why it does not fit.
    differences: Vec<String>,
}

fn compare(store: &Store, objects: &[Object]) -> Result<Held, StoreError> {
    let mut held = Held::default();
    for object in objects {
        let Some((kind, table)) = kind_of(store, &object.name)? else { continue };
        held.present.push(object.name.clone());
        let name = &object.name;
        if kind != object.kind {
            held.differences.push(format!("`{name}` is {}, not {}", article(&kind), article(&object.kind)));
        } else if object.kind == "table" {
            let found = differences(name, &object.columns, &columns(store, name)?);
            if found.is_empty() {
                held.adopted.push(name.clone());
            }
            held.differences.extend(found);
        } else if !table.eq_ignore_ascii_case(&object.table) {
            held.differences.push(format!("the {kind} `{name}` belongs to `{table}`, not to `{}`", object.table));
        }
    }
    Ok(held)
}

fn article(kind: &str) -> String {
    format!("{} {kind}", if kind == "index" { "an" } else { "a" })
}

fn differences(table: &str, expected: &[Shape], actual: &[Shape]) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |column: &str, what: String| told.push(format!("{}.{}: {what}", table, column));
    for want in expected {
        let Some(have) = actual.iter().find(|c| c.name.eq_ignore_ascii_case(&want.name)) else {
            tell(&want.name, format!("is not there (needed as {})", declaration(want)));
            continue;
        };
        let alike = match (want.class, have.class) {
            (Class::Any, Class::Any) => affinity(&want.declared) == affinity(&have.declared),
            // An id may be a UUID, and a word of a closed list an enumeration.
            (want, have) => want == have || (want, have) == (Class::Text, Class::Word),
        };
        if !alike {
            let declared = if have.declared.is_empty() { "nothing" } else { &have.declared };
            tell(&want.name, format!("is declared as {declared}, needed as {}", want.declared));
        }
        if have.computed && !want.computed {
            tell(&want.name, "is computed, so nothing can be stored in it".into());
        }
        if want.key != have.key {
            let (is, needed) = if have.key { ("is", "must not be") } else { ("is not", "must be") };
            tell(&want.name, format!("{is} part of the primary key, and {needed}"));
        }
        // SQLite lets a NULL into a primary key of text for historical reasons, and nearly every table is written so.
        // A contract calls such a row a violation.
        if want.notnull != have.notnull && !(want.key && have.key) {
            let what = if have.notnull {
                "is NOT NULL, and must be able to be NULL"
            } else {
                "may be NULL, and must be NOT NULL"
            };
            tell(&want.name, what.into());
        }
    }
    for extra in actual {
        let known = expected.iter().any(|c| c.name.eq_ignore_ascii_case(&extra.name));
        // A further column stands in nobody's way, unless rows that do not know it can no longer be written.
        if !known && (extra.key || (extra.notnull && !extra.default && !extra.computed)) {
            tell(&extra.name, "is a further column that every new row would have to fill".into());
        }
    }
    told
}

fn declaration(column: &Shape) -> String {
    format!("{}{}", column.declared, if column.notnull { " NOT NULL" } else { "" })
}

/// How SQLite treats values of a declared type.
fn affinity(declared: &str) -> &'static str {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|w| declared.contains(w));
    match () {
        () if has(&["INT"]) => "INTEGER",
        () if has(&["CHAR", "CLOB", "TEXT"]) => "TEXT",
        () if has(&["BLOB"]) || declared.is_empty() => "BLOB",
        () if has(&["REAL", "FLOA", "DOUB"]) => "REAL",
        () => "NUMERIC",
    }
}

// ── statements ──

/// One statement of a migration.
#[derive(Debug, PartialEq, Eq)]
struct Statement<'a> {
    text: &'a str,
    /// The name of what it creates.
    makes: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// A name in double quotes, backquotes or brackets.
    Name(String),
    Semicolon,
    Other,
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(w) if w.eq_ignore_ascii_case(word))
    }
}

/// Cuts a text into its statements. A trigger of SQLite holds statements of its own and ends with `; END ;`.
fn split(sql: &str, postgres: bool) -> Vec<Statement<'_>> {
    let mut statements = Vec::new();
    let mut start = 0;
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = sql;
    while let Some((token, length)) = next_token(rest) {
        rest = &rest[length..];
        let end = sql.len() - rest.len();
        let Some(token) = token else { continue };
        let over = token == Token::Semicolon
            && (postgres
                || !is_trigger(&tokens)
                || matches!(&tokens[..], [.., Token::Semicolon, last] if last.is("END")));
        tokens.push(token);
        if over {
            if tokens.len() > 1 {
                statements.push(Statement { text: sql[start..end].trim(), makes: made(&tokens) });
            }
            tokens.clear();
            start = end;
        }
    }
    if !tokens.is_empty() {
        statements.push(Statement { text: sql[start..].trim(), makes: made(&tokens) });
    }
    statements
}

fn is_trigger(tokens: &[Token]) -> bool {
    kind(tokens).is_some_and(|(kind, _)| kind.is("TRIGGER"))
}

/// What a statement creates, and the tokens after that word.
fn kind(tokens: &[Token]) -> Option<(&Token, &[Token])> {
    let (first, rest) = tokens.split_first()?;
    let skip = rest.iter().take_while(|t| ["UNIQUE", "TEMP", "TEMPORARY", "VIRTUAL"].iter().any(|w| t.is(w))).count();
    let (kind, rest) = rest.get(skip..)?.split_first()?;
    first.is("CREATE").then_some((kind, rest))
}

fn made(tokens: &[Token]) -> Option<String> {
    let (kind, rest) = kind(tokens)?;
    if !["TABLE", "INDEX", "VIEW", "TRIGGER", "FUNCTION"].iter().any(|w| kind.is(w)) {
        return None;
    }
    let rest = match rest {
        [a, b, c, rest @ ..] if a.is("IF") && b.is("NOT") && c.is("EXISTS") => rest,
        rest => rest,
    };
    match rest.first()? {
        Token::Word(name) | Token::Name(name) => Some(name.clone()),
        Token::Semicolon | Token::Other => None,
    }
}

/// The next token and its length; blanks and comments are no token.
fn next_token(text: &str) -> Option<(Option<Token>, usize)> {
    let mut chars = text.char_indices();
    let (_, first) = chars.next()?;
    let until = |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |i| from + i + end.len());
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    Some(match first {
        '-' if text.starts_with("--") => (None, until("\n", 2)),
        '/' if text.starts_with("/*") => (None, until("*/", 2)),
        ';' => (Some(Token::Semicolon), 1),
        '\'' => (Some(Token::Other), quote_end(text, '\'')),
        '"' | '`' => {
            let end = quote_end(text, first);
            let inner = text[1..end].strip_suffix(first).unwrap_or(&text[1..end]);
            (Some(Token::Name(inner.replace(&format!("{first}{first}"), &first.to_string()))), end)
        }
        '[' => {
            let end = until("]", 1);
            (Some(Token::Name(text[1..end].trim_end_matches(']').to_owned())), end)
        }
        // A text of PostgreSQL between two marks such as `$$` or `$body$`.
        '$' if text[1..].find(|c| !word(c) || c == '$').is_some_and(|end| text[1 + end..].starts_with('$')) => {
            let mark = text[1..].find('$').map_or(text, |end| &text[..end + 2]);
            (Some(Token::Other), until(mark, mark.len()))
        }
        c if c.is_whitespace() => (None, c.len_utf8()),
        c if word(c) => {
            let end = text.find(|c| !word(c)).unwrap_or(text.len());
            (Some(Token::Word(text[..end].to_owned())), end)
        }
        c => (Some(Token::Other), c.len_utf8()),
    })
}

/// Where a quoted text ends; a doubled mark stands for itself.
fn quote_end(text: &str, mark: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == mark && chars.next_if(|(_, next)| *next == mark).is_none() {
            return i + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use rusqlite::Connection;

    use super::super::Access;
    use super::super::tests::at;
    use super::*;

    const NOW: &str = "2026-03-02T09:00:00Z";

    fn migrated(packs: &[&str]) -> Store {
        let mut store = Store::in_memory().expect("memory");
        migrate(&mut store, packs, at(NOW)).expect("migrate");
        store
    }

    fn refused(store: &mut Store, packs: &[&str]) -> StoreError {
        let before = schema(store);
        let error = migrate(store, packs, at(NOW)).expect_err("refused");
        assert_eq!(schema(store), before, "nothing is changed");
        error
    }

    fn forget(store: &Store, family: &str) {
        store.conn().execute("DELETE FROM bylaws_migrations WHERE family = ?1", [family]).expect("forget");
    }

    fn schema(store: &Store) -> Vec<String> {
        let mut query =
            store.conn().prepare("SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1").expect("query");
        query.query_map([], |r| r.get(0)).expect("rows").map(|r| r.expect("row")).collect()
    }

    #[test]
    fn every_file_is_embedded() {
        for family in [ENGINE, STAGE39] {
            let name = family[0].family;
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(name);
            let on_disk: BTreeSet<String> = std::fs::read_dir(folder)
                .expect("folder")
                .map(|f| f.expect("file").file_name().to_string_lossy().into_owned())
                .filter(|f| f.ends_with(".sql"))
                .collect();
            let embedded: BTreeSet<String> = family.iter().map(|m| m.file.to_owned()).collect();
            assert_eq!(embedded, on_disk, "the list in store/migrate.rs and migrations/{name} differ");
            let numbers: Vec<i64> = family.iter().map(Migration::number).collect();
            assert_eq!(numbers, (1..=family.len() as i64).collect::<Vec<_>>(), "{name}");
            assert!(family.iter().all(|m| m.family == name && !m.name().is_empty()));
        }
    }

    #[test]
    fn the_second_time_there_is_nothing_to_do() {
        let mut store = Store::in_memory().expect("memory");
        let report = migrate(&mut store, &["stage39"], at(NOW)).expect("first");
        assert_eq!(report.steps.len(), ENGINE.len() + STAGE39.len());
        assert!(report.steps.iter().all(|s| s.outcome == Outcome::Applied));
        assert_eq!(report.to_string().lines().next(), Some("engine 0001 migrations: applied"));
        let before = schema(&store);
        let report = migrate(&mut store, &["stage39"], at("2026-03-03T09:00:00Z")).expect("second");
        assert!(report.nothing_to_do());
        assert_eq!(report.to_string(), "nothing to do");
        assert_eq!(report.steps[0].to_string(), "engine 0001 migrations: already there");
        assert_eq!(schema(&store), before);
        let times: i64 = store
            .conn()
            .query_row("SELECT count(DISTINCT applied_at) FROM bylaws_migrations", [], |r| r.get(0))
            .expect("count");
        assert_eq!(times, 1);
    }

    #[test]
    fn where_nothing_is_to_be_done_nobody_is_waited_for() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("p.db");
        let mut store = Store::open(&path, Access::Create).expect("made");
        migrate(&mut store, &[], at(NOW)).expect("migrate");
        let other = Connection::open(&path).expect("open");
        other.execute_batch("BEGIN IMMEDIATE").expect("lock");
        assert!(migrate(&mut store, &[], at(NOW)).expect("nothing").nothing_to_do());
        assert_eq!(refused(&mut store, &["stage39"]).kind, ErrorKind::Locked);
        other.execute_batch("COMMIT").expect("unlock");
        let mut reader = Store::open(&path, Access::Read).expect("open");
        assert!(migrate(&mut reader, &[], at(NOW)).expect("nothing").nothing_to_do());
        assert_eq!(refused(&mut reader, &["stage39"]).kind, ErrorKind::ReadOnly);
    }

    #[test]
    fn the_pack_comes_only_when_asked_for() {
        let mut store = migrated(&[]);
        assert!(!store.has_table("ventures").expect("look"));
        let report = migrate(&mut store, &["stage39"], at(NOW)).expect("pack");
        assert!(!report.nothing_to_do());
        assert!(store.has_table("ventures").expect("look"));
        let error = migrate(&mut store, &["stage40"], at(NOW)).expect_err("no such pack");
        assert_eq!(error.message, "there are no migrations for a pack `stage40`");
    }

    #[test]
    fn tables_that_fit_are_adopted() {
        let mut store = migrated(&["stage39"]);
        store.conn().execute_batch("INSERT INTO ventures VALUES ('atlas', 'Atlas', 'active', 39, 'ann')").expect("row");
        let complete = schema(&store);
        forget(&store, "stage39");
        store.conn().execute_batch("DROP INDEX ventures_by_status; DROP TABLE referrals").expect("drop");
        let report = migrate(&mut store, &["stage39"], at(NOW)).expect("adopt");
        assert_eq!(schema(&store), complete, "what was missing is made again");
        let first = report.steps.iter().find(|s| s.family == "stage39").expect("step");
        assert!(
            matches!(&first.outcome, Outcome::Adopted(tables) if tables.contains(&"ventures".to_owned())),
            "{first}"
        );
        let last = report.steps.last().expect("step");
        assert!(
            matches!(&last.outcome, Outcome::Adopted(tables) if !tables.contains(&"referrals".to_owned())),
            "{last}"
        );
        let rows: i64 = store.conn().query_row("SELECT count(*) FROM ventures", [], |r| r.get(0)).expect("count");
        assert_eq!(rows, 1);
        assert!(migrate(&mut store, &["stage39"], at(NOW)).expect("again").nothing_to_do());
    }

    #[test]
    fn a_table_written_another_way_fits() {
        let mut store = Store::in_memory().expect("memory");
        store
            .conn()
            .execute_batch(
                "CREATE TABLE Ventures (lead VARCHAR(40) NOT NULL, ID VARCHAR PRIMARY KEY, name TEXT NOT NULL,
                   status TEXT NOT NULL,
                   current_stage DECIMAL(4, 1) NOT NULL, note TEXT, colour TEXT NOT NULL DEFAULT 'blue')",
            )
            .expect("table");
        let report = migrate(&mut store, &["stage39"], at(NOW)).expect("adopt");
        let adopted: Vec<_> = report.steps.iter().filter(|s| matches!(s.outcome, Outcome::Adopted(_))).collect();
        assert_eq!(adopted.len(), 1);
        assert_eq!(adopted[0].to_string(), "stage39 0001 ventures: applied; adopted ventures");
    }

    #[test]
    fn every_difference_is_listed_and_nothing_is_changed() {
        let mut store = Store::in_memory().expect("memory");
        store
            .conn()
            .execute_batch(
                "CREATE TABLE ventures (id INTEGER, name TEXT, status TEXT NOT NULL, lead TEXT NOT NULL,
                   owner TEXT NOT NULL);
                 CREATE VIEW resources AS SELECT 1 AS id;
                 CREATE TABLE other (a); CREATE INDEX ventures_by_status ON other (a);",
            )
            .expect("tables");
        let error = refused(&mut store, &["stage39"]);
        assert_eq!(error.kind, ErrorKind::Shape);
        let told: BTreeSet<&str> = error.message.lines().skip(1).map(str::trim).collect();
        assert_eq!(
            told,
            BTreeSet::from([
                "ventures.id: is declared as INTEGER, needed as TEXT",
                "ventures.id: is not part of the primary key, and must be",
                "ventures.id: may be NULL, and must be NOT NULL",
                "ventures.name: may be NULL, and must be NOT NULL",
                "ventures.current_stage: is not there (needed as NUMERIC NOT NULL)",
                "ventures.owner: is a further column that every new row would have to fill",
                "`resources` is a view, not a table",
                "the index `ventures_by_status` belongs to `other`, not to `ventures`",
            ])
        );
    }

    #[test]
    fn a_foreign_table_of_records_is_refused() {
        let mut store = Store::in_memory().expect("memory");
        store
            .conn()
            .execute_batch("CREATE TABLE bylaws_migrations (id INTEGER PRIMARY KEY, file TEXT)")
            .expect("table");
        let error = refused(&mut store, &[]);
        assert_eq!(error.kind, ErrorKind::Shape);
        assert!(error.message.contains("bylaws_migrations.checksum: is not there"), "{error}");
    }

    #[test]
    fn a_changed_migration_is_refused_with_both_checksums() {
        let mut store = migrated(&[]);
        let other = "0".repeat(64);
        store.conn().execute("UPDATE bylaws_migrations SET checksum = ?1 WHERE number = 2", [&other]).expect("change");
        let error = refused(&mut store, &[]);
        assert_eq!(error.kind, ErrorKind::Checksum);
        assert!(error.message.contains(&other) && error.message.contains(&ENGINE[1].checksum(&store)), "{error}");
        let windows = Migration { sql: "a;\r\nb;", ..ENGINE[0] };
        let unix = Migration { sql: "a;\nb;", ..ENGINE[0] };
        assert_eq!(windows.checksum(&store), unix.checksum(&store));
    }

    #[test]
    fn a_gap_is_refused() {
        let mut store = migrated(&[]);
        store.conn().execute_batch("DELETE FROM bylaws_migrations WHERE number = 2").expect("change");
        assert_eq!(refused(&mut store, &[]).kind, ErrorKind::Order);
    }

    #[test]
    fn a_newer_database_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("p.db");
        let mut store = Store::open(&path, Access::Create).expect("made");
        migrate(&mut store, &["stage39"], at(NOW)).expect("migrate");
        let add = |family: &str| {
            format!("INSERT INTO bylaws_migrations VALUES ('{family}', 9001, 'later', '{}', '{NOW}')", "0".repeat(64))
        };
        store.conn().execute_batch(&add("stage39")).expect("newer pack");
        assert!(Store::open(&path, Access::Read).is_ok(), "the pack's tables are no business of the program");
        assert_eq!(refused(&mut store, &["stage39"]).kind, ErrorKind::Newer);
        store.conn().execute_batch(&add("engine")).expect("newer engine");
        for access in [Access::Read, Access::Write, Access::Create] {
            let error = Store::open(&path, access).expect_err("newer");
            assert_eq!(error.kind, ErrorKind::Newer);
            assert!(error.message.contains("engine 9001 later"), "{error}");
        }
        assert_eq!(refused(&mut store, &[]).kind, ErrorKind::Newer);
    }

    #[test]
    fn what_fails_is_taken_back() {
        let mut store = Store::in_memory().expect("memory");
        let family: &[Migration] = &[
            Migration { family: "x", file: "0001_a.sql", sql: "CREATE TABLE a (k TEXT);", postgres: "" },
            Migration {
                family: "x",
                file: "0002_b.sql",
                sql: "CREATE TABLE b (k TEXT); CREATE UNIQUE INDEX a_k ON a (k);",
                postgres: "",
            },
        ];
        run(&mut store, &[ENGINE, &family[..1]], at(NOW)).expect("first");
        store.conn().execute_batch("INSERT INTO a VALUES ('same'), ('same')").expect("rows");
        let error = run(&mut store, &[ENGINE, family], at(NOW)).expect_err("two rows alike");
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(error.message.starts_with("migration x 0002 b was taken back"), "{error}");
        assert!(!store.has_table("b").expect("look"));
        assert_eq!(record(&store, &family[1]).expect("record"), None);
    }

    #[test]
    fn statements_are_cut_where_they_end() {
        let sql = "-- a; comment\nCREATE TABLE \"a;b\" (x TEXT DEFAULT 'it''s; fine'); /* ; */\n\
                   CREATE TRIGGER IF NOT EXISTS t AFTER INSERT ON [a;b] BEGIN\n\
                   UPDATE y SET x = CASE WHEN 1 THEN 2 END; DELETE FROM z;\nEND;\n\
                   ; CREATE UNIQUE INDEX i ON y (x); INSERT INTO y VALUES ('ü;')";
        let statements = split(sql, false);
        let makes: Vec<_> = statements.iter().map(|s| s.makes.as_deref()).collect();
        assert_eq!(makes, [Some("a;b"), Some("t"), Some("i"), None]);
        assert!(statements[1].text.ends_with("END;") && statements[3].text.ends_with("('ü;')"));
        let whole: Vec<Statement<'_>> = split("SELECT 1", false);
        assert_eq!(whole, [Statement { text: "SELECT 1", makes: None }]);
        assert!(split("-- nothing\n ; ;", false).is_empty());
    }

    #[test]
    fn triggers_of_a_migration_survive_adoption() {
        let family: &[Migration] = &[Migration {
            family: "x",
            file: "0001_a.sql",
            sql: "CREATE TABLE a (k TEXT); CREATE TABLE n (k TEXT);\nCREATE TRIGGER a_n AFTER INSERT ON a BEGIN\n\
                  INSERT INTO n VALUES (new.k); DELETE FROM n WHERE k = ';';\nEND;",
            postgres: "",
        }];
        let mut store = Store::in_memory().expect("memory");
        store.conn().execute_batch("CREATE TABLE a (k TEXT)").expect("table");
        let report = run(&mut store, &[ENGINE, family], at(NOW)).expect("adopt");
        assert_eq!(report.steps.last().map(|s| &s.outcome), Some(&Outcome::Adopted(vec!["a".into()])));
        store.conn().execute_batch("INSERT INTO a VALUES ('1')").expect("row");
        let rows: i64 = store.conn().query_row("SELECT count(*) FROM n", [], |r| r.get(0)).expect("count");
        assert_eq!(rows, 1);
    }
}
