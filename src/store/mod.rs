//! The database of the portfolio: how it is opened, what it holds, how it got its tables and what it was before.
//!
//! Only this room knows the libraries of SQLite and PostgreSQL; what reads and writes through [`Store`] does not know
//! which of them it speaks to. What can be wrong with a database is a [`StoreError`] with a sentence and a next step;
//! nothing here panics on what it finds on disk or at the other end of a line.

pub mod baseline;
pub mod changes;
mod error;
pub mod field;
pub mod ledger;
pub mod memory;
pub mod migrate;
mod postgres;
pub mod read;
pub mod scratch;
mod shape;

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

pub use self::error::{ErrorKind, StoreError};
pub use self::shape::{Class, ColumnShape, TableShape, catalog};

use self::error::{Driver, fault};
use self::field::{Row, Unfit};
use self::postgres::{Address, Postgres, is_address};
use crate::lang::item::contract::Contract;
use crate::sql::{Arg, Dialect};
use crate::value::Type;

/// How long another program may hold the database before it counts as locked.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To look at it; nothing is created, nothing is changed.
    Read,
    /// To change a database that is there and holds tables.
    Write,
    /// To change a database, which is made when it is not there.
    Create,
}

/// An open database.
#[derive(Debug)]
pub struct Store {
    link: Link,
    name: String,
}

/// What is at the other end. There are these two kinds and no others.
#[derive(Debug)]
enum Link {
    Sqlite(Connection),
    Postgres(Box<Postgres>),
}

/// What a database is at, by the writes of others and of this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Of SQLite: how often others wrote, and how many rows this connection did.
    Sqlite(i64, u64),
    /// Of PostgreSQL: the transaction that is given out next, and how many of those before it are under way. Both stay
    /// as they are only as long as nobody has written anything anywhere on the server.
    Postgres(u64, u64),
}

/// What is begun, on PostgreSQL in its own words.
#[derive(Debug, Clone, Copy)]
enum Begin {
    /// Reading and writing, with one state of the database throughout.
    Whole,
    /// Writing, with whatever stands there at each statement.
    Write,
    /// Reading one state of the database.
    Look,
}

impl Version {
    /// The same as far as others wrote, and as another one as far as this connection did: for who knows what it wrote.
    pub fn with_own_of(self, later: Version) -> Version {
        match (self, later) {
            (Version::Sqlite(others, _), Version::Sqlite(_, own)) => Version::Sqlite(others, own),
            // Whose writes they were is not told apart there.
            (known, _) => known,
        }
    }
}

impl Store {
    /// Opens a database by its path, by `sqlite:PATH` or by `postgres://USER@HOST/DATABASE`; `:memory:` is one that
    /// lives as long as the store.
    pub fn open(place: impl AsRef<OsStr>, access: Access) -> Result<Store, StoreError> {
        if let Some(address) = place.as_ref().to_str().filter(|text| is_address(text)) {
            return Store::connect_to_server(address, access);
        }
        let Some(path) = location(place.as_ref())? else { return Store::in_memory() };
        let name = path.display().to_string();
        let fresh = examine(&path, &name, access)?;
        let store = match Store::connect(&path, &name, access, fresh) {
            // A database in WAL mode wants two files beside it even to be read. In a folder that takes none, and
            // without a log of writes that are still to be copied, the file alone is the whole database.
            Err(error)
                if access == Access::Read
                    && error.kind == ErrorKind::Denied
                    && !has_content(&beside(&path, "-wal")) =>
            {
                Store::connect_immutable(&path, &name).map_err(|_| error)?
            }
            // A writer was killed and left a transaction half done. Who may only read cannot undo it, so somebody who
            // may write looks first.
            Err(error) if access == Access::Read && error.kind == ErrorKind::ReadOnly => {
                Store::connect(&path, &name, Access::Write, false).map_err(|_| error)?;
                Store::connect(&path, &name, access, fresh)?
            }
            other => other?,
        };
        if !fresh {
            whole_pages(&path, &name)?;
        }
        migrate::refuse_newer(&store)?;
        Ok(store)
    }

    /// A new database in memory.
    pub fn in_memory() -> Result<Store, StoreError> {
        let name = ":memory:".to_owned();
        let conn = Connection::open_in_memory().map_err(fault(&name))?;
        configure(&conn, Access::Create).map_err(fault(&name))?;
        Ok(Store { link: Link::Sqlite(conn), name })
    }

    fn connect_to_server(address: &str, access: Access) -> Result<Store, StoreError> {
        let address = Address::read(address)?;
        let name = address.name.clone();
        let server = Postgres::connect(address, access).map_err(fault(&name))?;
        let store = Store { link: Link::Postgres(Box::new(server)), name };
        if access != Access::Create {
            let tables = "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
                          AND relnamespace::regnamespace::text = ANY (current_schemas(false)))";
            if store.row(tables, &[], |row| row.truth(0))? == Some(false) {
                return Err(StoreError::empty(&store.name));
            }
        }
        migrate::refuse_newer(&store)?;
        Ok(store)
    }

    /// What the database is at: the same as long as nobody has written to it.
    pub fn version(&self) -> Result<Version, StoreError> {
        match &self.link {
            Link::Sqlite(conn) => {
                let others = conn.query_row("PRAGMA data_version", [], |row| row.get(0)).map_err(fault(&self.name))?;
                Ok(Version::Sqlite(others, conn.total_changes()))
            }
            // A transaction that wrote has a number. Before it is over it is in the list of those under way or not
            // below the next number; afterwards it is neither. So no write can become visible and leave both alone.
            Link::Postgres(_) => {
                let sql = "SELECT pg_snapshot_xmax(s)::text, (SELECT count(*) FROM pg_snapshot_xip(s))
                           FROM (SELECT pg_current_snapshot() AS s) AS now";
                let read = self.row(sql, &[], |row| Ok((row.text(0)?, row.int(1)?)))?;
                let (next, under_way) = read.unwrap_or_default();
                Ok(Version::Postgres(next.parse().unwrap_or_default(), under_way.unsigned_abs()))
            }
        }
    }

    /// The connection to SQLite, for those who measure or tune it; nothing where the database is of another kind.
    pub fn sqlite(&self) -> Option<&Connection> {
        match &self.link {
            Link::Sqlite(conn) => Some(conn),
            Link::Postgres(_) => None,
        }
    }

    /// The dialect in which it is spoken to, with what its columns hold.
    pub(crate) fn dialect<'a>(&self, class: &'a dyn Fn(&str, &str) -> Class) -> Dialect<'a> {
        if self.is_postgres() { Dialect::Postgres(class) } else { Dialect::Sqlite }
    }

    /// Whether it is one of PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.link, Link::Postgres(_))
    }

    #[cfg(test)]
    pub(crate) fn conn(&self) -> &Connection {
        self.sqlite().expect("a database of SQLite")
    }

    /// The database as messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a statement, with parameters `?1` and so on, and hands over each row. What is wrong comes without the name
    /// of the database, for sentences that have one.
    pub(crate) fn each(&self, sql: &str, args: &[Arg], mut row: impl FnMut(&Row<'_>)) -> Result<(), Driver> {
        match &self.link {
            Link::Sqlite(conn) => {
                let mut statement = conn.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(args.iter()))?;
                while let Some(next) = rows.next()? {
                    row(&Row::Sqlite(next));
                }
                Ok(())
            }
            Link::Postgres(server) => {
                let done = server.each(sql, args, |next| {
                    row(next);
                    Ok::<(), Unfit>(())
                })?;
                done.map_err(Driver::from)
            }
        }
    }

    /// The rows of a statement, each as it is read.
    pub fn rows<T>(
        &self,
        sql: &str,
        args: &[Arg],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Unfit>,
    ) -> Result<Vec<T>, StoreError> {
        self.found(sql, args, &mut read).map_err(fault(&self.name))
    }

    fn found<T>(
        &self,
        sql: &str,
        args: &[Arg],
        read: &mut impl FnMut(&Row<'_>) -> Result<T, Unfit>,
    ) -> Result<Vec<T>, Driver> {
        let mut found = Vec::new();
        match &self.link {
            Link::Sqlite(conn) => {
                let mut statement = conn.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(args.iter()))?;
                while let Some(next) = rows.next()? {
                    found.push(read(&Row::Sqlite(next))?);
                }
            }
            Link::Postgres(server) => server.each(sql, args, |next| {
                found.push(read(next)?);
                Ok::<(), Unfit>(())
            })??,
        }
        Ok(found)
    }

    /// The first row of a statement, as it is read.
    pub fn row<T>(
        &self,
        sql: &str,
        args: &[Arg],
        read: impl FnMut(&Row<'_>) -> Result<T, Unfit>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.rows(sql, args, read)?.into_iter().next())
    }

    /// The rows of a statement about a table that need not be there; `None` where it is not.
    pub(crate) fn rows_of_maybe<T>(
        &self,
        sql: &str,
        args: &[Arg],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Unfit>,
    ) -> Result<Option<Vec<T>>, StoreError> {
        match self.found(sql, args, &mut read) {
            Err(error) if error.is_no_such_table() => Ok(None),
            found => found.map(Some).map_err(fault(&self.name)),
        }
    }

    /// Waits until somebody tells of a write to a table that the change log keeps, or the time is over; whether
    /// somebody did. It only wakes, and may wake for nothing: what was written stands in the log. A database of SQLite
    /// tells nobody, and the whole time passes.
    pub fn wait(&self, patience: Duration) -> Result<bool, StoreError> {
        match &self.link {
            Link::Sqlite(_) => {
                std::thread::sleep(patience);
                Ok(false)
            }
            Link::Postgres(server) => server.wait(changes::CHANNEL, patience).map_err(fault(&self.name)),
        }
    }

    /// Runs a statement that writes, and says how many rows it reached.
    pub fn execute(&self, sql: &str, args: &[Arg]) -> Result<u64, StoreError> {
        let done = match &self.link {
            Link::Sqlite(conn) => conn
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(args.iter())))
                .map(|rows| rows as u64)
                .map_err(Driver::from),
            Link::Postgres(server) => server.execute(sql, args).map_err(Driver::from),
        };
        done.map_err(fault(&self.name))
    }

    /// Runs statements without parameters, one after the other.
    pub fn batch(&self, sql: &str) -> Result<(), StoreError> {
        match &self.link {
            Link::Sqlite(conn) => conn.execute_batch(sql).map_err(fault(&self.name)),
            Link::Postgres(server) => server.batch(sql).map_err(fault(&self.name)),
        }
    }

    /// Begins a transaction, or a part of the one that is open.
    fn begin(&self, kind: Begin) -> Result<(), StoreError> {
        match &self.link {
            Link::Sqlite(conn) => {
                let sql = match kind {
                    // The write lock is taken first, so that the work never waits half done.
                    Begin::Write if conn.is_autocommit() => "BEGIN IMMEDIATE",
                    Begin::Write => "SAVEPOINT bylaws_part",
                    Begin::Whole | Begin::Look => "BEGIN",
                };
                conn.execute_batch(sql).map_err(fault(&self.name))
            }
            Link::Postgres(server) => {
                let kind = match kind {
                    Begin::Write => "ISOLATION LEVEL READ COMMITTED",
                    Begin::Whole => "ISOLATION LEVEL REPEATABLE READ",
                    Begin::Look => "ISOLATION LEVEL REPEATABLE READ READ ONLY",
                };
                server.begin(kind).map_err(fault(&self.name))
            }
        }
    }

    /// Ends what was begun, and keeps it; `part` says that it was a part of another transaction.
    fn commit(&self, part: bool) -> Result<(), StoreError> {
        match &self.link {
            Link::Sqlite(conn) => {
                let sql = if part { "RELEASE bylaws_part" } else { "COMMIT" };
                conn.execute_batch(sql).map_err(fault(&self.name))
            }
            Link::Postgres(server) => server.commit().map_err(fault(&self.name)),
        }
    }

    /// Ends what was begun, as if it had not been.
    fn rollback(&self, part: bool) -> Result<(), StoreError> {
        match &self.link {
            // The library itself takes back a transaction that it cannot go on with.
            Link::Sqlite(conn) if conn.is_autocommit() => Ok(()),
            Link::Sqlite(conn) => {
                let sql = if part { "ROLLBACK TO bylaws_part; RELEASE bylaws_part" } else { "ROLLBACK" };
                conn.execute_batch(sql).map_err(fault(&self.name))
            }
            Link::Postgres(server) => server.rollback().map_err(fault(&self.name)),
        }
    }

    fn is_within(&self) -> bool {
        match &self.link {
            Link::Sqlite(conn) => !conn.is_autocommit(),
            Link::Postgres(server) => server.is_within(),
        }
    }

    /// Does all of the work or nothing of it. Within other work it is a part of that.
    pub fn write<T>(&mut self, work: impl FnOnce(&Store) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let part = self.is_within();
        self.begin(Begin::Write)?;
        let done = work(self).and_then(|done| self.commit(part).map(|()| done));
        if done.is_err() {
            // What made the work fail says more than what the undoing of it could.
            let _ = self.rollback(part);
        }
        done
    }

    /// Does all of the work or nothing of it, and sees one state of the database throughout. On SQLite the write lock is
    /// taken by the first write; who wrote in between makes it fail as locked, and the work is to be done again.
    pub fn transact<T>(&mut self, work: impl FnOnce(&mut Store) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.begin(Begin::Whole)?;
        let done = work(self).and_then(|done| self.commit(false).map(|()| done));
        if done.is_err() {
            // What made the work fail says more than what the undoing of it could.
            let _ = self.rollback(false);
        }
        done
    }

    /// The same with the write lock taken first where there is one: for work that has failed over another writer once,
    /// and is not to lose to the next one again.
    pub fn transact_alone<T>(
        &mut self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.is_postgres() {
            return self.transact(work);
        }
        self.begin(Begin::Write)?;
        let done = work(self).and_then(|done| self.commit(false).map(|()| done));
        if done.is_err() {
            let _ = self.rollback(false);
        }
        done
    }

    /// Does the work and then undoes it, so that the next finds the database as this did. What is done to the schema
    /// is undone as well, but costs reading it anew.
    pub fn undone<T>(&mut self, work: impl FnOnce(&mut Store) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.begin(Begin::Whole)?;
        let done = work(self);
        self.rollback(false)?;
        done
    }

    /// Does the work on one state of the database: what others write meanwhile is not seen by any part of it.
    pub fn snapshot<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.begin(Begin::Look)?;
        let done = work();
        self.rollback(false)?;
        done
    }

    /// Keeps so many statements prepared, for those who ask the same many times.
    pub fn keep_prepared(&self, statements: usize) {
        if let Link::Sqlite(conn) = &self.link {
            conn.set_prepared_statement_cache_capacity(statements);
        }
    }

    /// Whether there is a table or view of this name.
    pub fn has_table(&self, table: &str) -> Result<bool, StoreError> {
        Ok(kind_of(self, table)?.is_some_and(|(kind, _)| kind == "table" || kind == "view"))
    }

    fn connect(path: &Path, name: &str, access: Access, fresh: bool) -> Result<Store, StoreError> {
        let flags = match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fault(name))?;
        configure(&conn, access).map_err(fault(name))?;
        // The library opens what it may not write for reading and says so only at the first write.
        if access != Access::Read && conn.is_readonly("main").map_err(fault(name))? {
            return Err(StoreError::read_only(name));
        }
        let tables = count_tables(&conn).map_err(fault(name))?;
        if tables == 0 && access != Access::Create {
            return Err(StoreError::empty(name));
        }
        if fresh {
            // Some file systems cannot do this; the database then stays in the older mode and works all the same.
            conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(fault(name))?;
        }
        Ok(Store { link: Link::Sqlite(conn), name: name.to_owned() })
    }

    fn connect_immutable(path: &Path, name: &str) -> Result<Store, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let Some(path) = path.to_str() else { return Err(StoreError::denied(name)) };
        let mut uri = String::from("file:");
        for c in path.chars() {
            match c {
                '%' | '?' | '#' => uri.push_str(&format!("%{:02x}", u32::from(c))),
                c => uri.push(c),
            }
        }
        uri.push_str("?immutable=1");
        let conn = Connection::open_with_flags(uri, flags).map_err(fault(name))?;
        configure(&conn, Access::Read).map_err(fault(name))?;
        if count_tables(&conn).map_err(fault(name))? == 0 {
            return Err(StoreError::empty(name));
        }
        Ok(Store { link: Link::Sqlite(conn), name: name.to_owned() })
    }
}

/// The file that is meant; `None` for a database in memory.
fn location(place: &OsStr) -> Result<Option<PathBuf>, StoreError> {
    // A path that is no text cannot be an address.
    let Some(text) = place.to_str() else { return Ok(Some(PathBuf::from(place))) };
    let path = match text.strip_prefix("sqlite:") {
        Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
        None => {
            if let Some((scheme, _)) = text.split_once("://") {
                // The rest of an address may hold a password and is not repeated.
                return Err(StoreError::new(
                    ErrorKind::OtherBackend,
                    format!("`{scheme}:` names a database of a kind that this version does not read"),
                    "give the path of an SQLite database, or the address of a PostgreSQL one: `postgres://USER@HOST/DATABASE`",
                ));
            }
            text
        }
    };
    match path {
        ":memory:" => Ok(None),
        // The library would quietly open a nameless database that is gone at the end.
        "" => Err(StoreError::new(
            ErrorKind::Missing,
            "no database is named",
            "give its path, as `--db PATH` or as `url` in bylaws.toml",
        )),
        path => Ok(Some(PathBuf::from(path))),
    }
}

/// Looks at the file before the library does, which says less and creates more. True: it is to be made.
fn examine(path: &Path, name: &str, access: Access) -> Result<bool, StoreError> {
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && access == Access::Create => {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            return match folder {
                Some(folder) if !folder.is_dir() => Err(StoreError::new(
                    ErrorKind::Missing,
                    format!("`{name}` cannot be made: there is no folder `{}`", folder.display()),
                    "look at the path, or make the folder first",
                )),
                _ => Ok(true),
            };
        }
        Err(error) => return Err(StoreError::io(name, &error)),
    };
    if about.is_dir() {
        return Err(StoreError::directory(name));
    }
    // A pipe or device would be waited on for ever.
    if !about.is_file() {
        return Err(StoreError::not_a_database(name));
    }
    if about.len() == 0 {
        return if access == Access::Create { Ok(true) } else { Err(StoreError::empty(name)) };
    }
    let mut head = Vec::with_capacity(HEADER);
    let file = fs::File::open(path).map_err(|e| StoreError::io(name, &e))?;
    file.take(HEADER as u64).read_to_end(&mut head).map_err(|e| StoreError::io(name, &e))?;
    if !head.starts_with(MAGIC) {
        return Err(StoreError::not_a_database(name));
    }
    if head.len() < HEADER {
        return Err(StoreError::damaged(name, "it is cut off"));
    }
    Ok(false)
}

/// What every SQLite database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The length of its header.
const HEADER: usize = 100;

/// The library rounds the size of a file up to whole pages and reads a cut last page as zeros.
fn whole_pages(path: &Path, name: &str) -> Result<(), StoreError> {
    let mut head = [0u8; 18];
    let mut file = fs::File::open(path).map_err(|e| StoreError::io(name, &e))?;
    file.read_exact(&mut head).map_err(|e| StoreError::io(name, &e))?;
    let size = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65_536,
        size => u64::from(size.max(512)),
    };
    let length = file.metadata().map_err(|e| StoreError::io(name, &e))?.len();
    // While somebody writes, the file may be anything.
    let written = ["-wal", "-journal"].iter().any(|end| has_content(&beside(path, end)));
    if length.is_multiple_of(size) || written { Ok(()) } else { Err(StoreError::damaged(name, "it is cut off")) }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn has_content(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.len() > 0)
}

/// How much of a database is kept in memory at most, in KiB.
const CACHE_KIB: i64 = 64 * 1024;

/// How many statements stay prepared, unless somebody asks for more.
const PREPARED: usize = 64;

fn configure(conn: &Connection, access: Access) -> rusqlite::Result<()> {
    conn.busy_timeout(PATIENCE)?;
    conn.set_prepared_statement_cache_capacity(PREPARED);
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // Without this a column that is not there, written in double quotes, would quietly be a text.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    if access != Access::Read {
        conn.pragma_update(None, "foreign_keys", true)?;
    }
    read::register(conn)
}

fn count_tables(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("SELECT count(*) FROM sqlite_schema WHERE type IN ('table', 'view')", [], |row| row.get(0))
}

/// What an object of the schema is, and the table it belongs to.
fn kind_of(store: &Store, name: &str) -> Result<Option<(String, String)>, StoreError> {
    let sql = match &store.link {
        Link::Sqlite(_) => "SELECT type, tbl_name FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE",
        Link::Postgres(_) => shape::KIND_OF,
    };
    store.row(sql, &[Arg::from(name)], |row| Ok((row.text(0)?, row.text(1)?)))
}

/// A name as SQL takes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL takes it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A moment as the program's tables hold it: always three digits after the second, so that the order of the texts is
/// the order of the moments. What is finer is cut off.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3NZ").to_string()
}

/// The columns of a contract that its table holds, by their stored names, each once and in order.
pub fn stored_columns(contract: &Contract) -> Vec<&str> {
    let mut columns: Vec<&str> = Vec::with_capacity(contract.columns.len());
    for column in contract.columns.iter().filter(|c| !matches!(c.ty, Type::List(_))) {
        if !columns.contains(&&*column.stored) {
            columns.push(&column.stored);
        }
    }
    columns
}

/// The stored names of the columns that name a row of a contract; all of them where the contract names none.
pub fn stored_key(contract: &Contract) -> Vec<&str> {
    let key: Vec<&str> =
        contract.key.iter().filter_map(|i| contract.columns.get(*i as usize)).map(|c| &*c.stored).collect();
    if key.is_empty() { stored_columns(contract) } else { key }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs::OpenOptions;
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;
    use crate::lang::item::contract::{Column, Encoding, OnViolation, Optional};
    use crate::source::{FileId, Span};

    /// A contract for tests: a table, its key and its columns.
    pub(crate) fn contract(table: &str, key: &[&str], columns: &[&str]) -> Contract {
        let span = Span { file: FileId(0), start: 0, end: 0 };
        Contract {
            name: table.into(),
            span,
            because: "".into(),
            noun: None,
            from: None,
            to: None,
            format: None,
            kept: false,
            proposed_by: None,
            changes: Vec::new(),
            table: table.into(),
            key: key.iter().filter_map(|k| columns.iter().position(|c| c == k)).map(|i| i as u32).collect(),
            dated: None,
            valid: None,
            columns: columns
                .iter()
                .map(|name| Column {
                    name: Arc::from(*name),
                    stored: Arc::from(*name),
                    span,
                    ty: Type::Text,
                    refers: None,
                    encoding: Encoding::Plain,
                    optional: Optional::Always,
                    low: None,
                    high: None,
                    not_empty: false,
                    not_future: false,
                    filled: None,
                })
                .collect(),
            fresh: Vec::new(),
            volume: Vec::new(),
            on_violation: OnViolation::Quarantine,
            links: Vec::new(),
            tells: None,
            filled_from: None,
        }
    }

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("portfolio.db");
        (folder, path)
    }

    fn refused(path: impl AsRef<OsStr>, access: Access) -> StoreError {
        let error = Store::open(path, access).expect_err("a bad world");
        assert!(!error.help.is_empty());
        error
    }

    /// A database of many pages without write-ahead log.
    fn plain(path: &Path) {
        let conn = Connection::open(path).expect("open");
        conn.execute_batch(
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO t SELECT i, printf('%050d', i) FROM n;",
        )
        .expect("fill");
    }

    #[test]
    fn a_file_that_is_not_there_is_not_made() {
        let (_folder, path) = folder();
        for access in [Access::Read, Access::Write] {
            let error = refused(&path, access);
            assert_eq!(error.kind, ErrorKind::Missing);
            assert_eq!(error.to_string(), format!("there is no database `{}`", path.display()));
        }
        assert!(!path.exists());
        let deep = path.join("no").join("such.db");
        assert_eq!(refused(&deep, Access::Create).kind, ErrorKind::Missing);
        assert_eq!(refused("", Access::Create).kind, ErrorKind::Missing);
    }

    #[test]
    fn a_folder_is_no_database() {
        let (folder, _) = folder();
        for access in [Access::Read, Access::Write, Access::Create] {
            assert_eq!(refused(folder.path(), access).kind, ErrorKind::Directory);
        }
    }

    #[test]
    fn a_file_of_another_kind_is_no_database() {
        let (_folder, path) = folder();
        for text in ["id,name\n1,Atlas\n".to_owned(), "x".repeat(10_000), "SQLite".to_owned()] {
            fs::write(&path, &text).expect("write");
            for access in [Access::Read, Access::Write, Access::Create] {
                assert_eq!(refused(&path, access).kind, ErrorKind::NotADatabase);
            }
            assert_eq!(fs::read_to_string(&path).expect("read"), text);
        }
        if cfg!(unix) {
            assert_eq!(refused("/dev/null", Access::Read).kind, ErrorKind::NotADatabase);
        }
    }

    #[test]
    fn an_empty_file_holds_no_tables() {
        let (_folder, path) = folder();
        fs::write(&path, "").expect("write");
        let error = refused(&path, Access::Read);
        assert_eq!(error.kind, ErrorKind::Empty);
        assert_eq!(error.message, format!("`{}` holds no tables", path.display()));
        assert_eq!(refused(&path, Access::Write).kind, ErrorKind::Empty);
        // With a header but without tables it is as empty.
        drop(Store::open(&path, Access::Create).expect("made"));
        assert_eq!(refused(&path, Access::Read).kind, ErrorKind::Empty);
    }

    #[test]
    fn a_file_that_is_cut_off_is_damaged() {
        let (_folder, path) = folder();
        plain(&path);
        let length = fs::metadata(&path).expect("file").len();
        for keep in [length - 4096, length - 100, 5000, 4096, 150, 99, 20] {
            plain_again(&path);
            OpenOptions::new().write(true).open(&path).expect("open").set_len(keep).expect("cut");
            let kind = refused(&path, Access::Read).kind;
            assert_eq!(kind, ErrorKind::Damaged, "{keep} of {length} bytes");
        }
    }

    fn plain_again(path: &Path) {
        fs::remove_file(path).expect("remove");
        plain(path);
    }

    #[test]
    fn a_schema_that_was_overwritten_is_damaged() {
        let (_folder, path) = folder();
        plain(&path);
        let mut bytes = fs::read(&path).expect("read");
        bytes[100..600].fill(0xa5);
        fs::write(&path, bytes).expect("write");
        assert_eq!(refused(&path, Access::Read).kind, ErrorKind::Damaged);
    }

    #[test]
    fn a_locked_database_says_so() {
        let (_folder, path) = folder();
        plain(&path);
        let other = Connection::open(&path).expect("open");
        other.execute_batch("BEGIN EXCLUSIVE").expect("lock");
        let error = refused(&path, Access::Read);
        assert_eq!(error.kind, ErrorKind::Locked);
        assert_eq!(error.message, format!("`{}` is locked by another program", path.display()));
        other.execute_batch("COMMIT").expect("unlock");
        let mut store = Store::open(&path, Access::Write).expect("open");
        other.execute_batch("BEGIN EXCLUSIVE").expect("lock");
        let error = store.write(|tx| tx.execute("DELETE FROM t", &[])).expect_err("locked");
        assert_eq!(error.kind, ErrorKind::Locked);
    }

    #[cfg(unix)]
    #[test]
    fn what_may_not_be_read_or_written_says_so() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, path) = folder();
        plain(&path);
        let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permissions");
        allow(0o000);
        // For the superuser permissions do not hold, and there is nothing to test.
        if fs::File::open(&path).is_err() {
            assert_eq!(refused(&path, Access::Read).kind, ErrorKind::Denied);
            allow(0o444);
            assert_eq!(refused(&path, Access::Write).kind, ErrorKind::ReadOnly);
            assert!(Store::open(&path, Access::Read).is_ok());
        }
        allow(0o644);
    }

    #[test]
    fn reading_never_writes() {
        let (_folder, path) = folder();
        plain(&path);
        let mut store = Store::open(&path, Access::Read).expect("open");
        let error = store.write(|tx| tx.execute("DELETE FROM t", &[])).expect_err("read-only");
        assert_eq!(error.kind, ErrorKind::ReadOnly);
    }

    #[test]
    fn a_database_with_a_write_ahead_log_can_be_read() {
        let (_folder, path) = folder();
        let mut writer = Store::open(&path, Access::Create).expect("made");
        let mode: String = writer.conn().pragma_query_value(None, "journal_mode", |r| r.get(0)).expect("mode");
        assert_eq!(mode, "wal");
        writer.write(|tx| tx.batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)")).expect("write");
        let count = |store: &Store| -> i64 {
            store.conn().query_row("SELECT count(*) FROM t", [], |r| r.get(0)).expect("count")
        };
        // While it is written, while a write is under way, and after the writer is gone.
        assert_eq!(count(&Store::open(&path, Access::Read).expect("open")), 1);
        writer.conn().execute_batch("BEGIN EXCLUSIVE; INSERT INTO t VALUES (2)").expect("write");
        assert_eq!(count(&Store::open(&path, Access::Read).expect("open")), 1);
        writer.conn().execute_batch("COMMIT").expect("commit");
        drop(writer);
        assert_eq!(count(&Store::open(&path, Access::Read).expect("open")), 2);
        let name = path.display().to_string();
        assert_eq!(count(&Store::connect_immutable(&path, &name).expect("open")), 2);
    }

    #[test]
    fn addresses() {
        let (_folder, path) = folder();
        plain(&path);
        let text = path.display().to_string();
        for address in [format!("sqlite:{text}"), format!("sqlite://{text}"), text] {
            assert!(Store::open(&address, Access::Read).is_ok(), "{address}");
        }
        for address in ["mysql://me:secret@host/db", "redis://host/db"] {
            let error = refused(address, Access::Read);
            assert_eq!(error.kind, ErrorKind::OtherBackend);
            assert!(!error.message.contains("secret"), "{error}");
        }
        assert!(Store::open("sqlite::memory:", Access::Read).is_ok());
    }

    #[test]
    fn foreign_keys_hold() {
        let mut store = Store::in_memory().expect("memory");
        let error = store
            .write(|tx| {
                tx.batch("CREATE TABLE a (id PRIMARY KEY); CREATE TABLE b (a REFERENCES a); INSERT INTO b VALUES (1)")
            })
            .expect_err("an orphan");
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(!store.has_table("a").expect("look"), "all or nothing");
    }

    #[test]
    fn a_name_that_is_not_there_is_no_text() {
        let store = Store::in_memory().expect("memory");
        store.conn().execute_batch("CREATE TABLE t (a)").expect("table");
        assert!(store.conn().prepare("SELECT \"b\" FROM t").is_err());
    }

    #[test]
    fn the_catalog_knows_tables_views_and_keys() {
        let store = Store::in_memory().expect("memory");
        store
            .conn()
            .execute_batch(
                "CREATE TABLE t (a TEXT NOT NULL, B INTEGER, c REAL, d AS (a || 'x'), PRIMARY KEY (a, B));
                 CREATE UNIQUE INDEX t_c ON t (c); CREATE UNIQUE INDEX t_p ON t (b) WHERE c > 0;
                 CREATE UNIQUE INDEX t_e ON t (lower(a));
                 CREATE VIEW v AS SELECT a, c FROM t;",
            )
            .expect("tables");
        let shape = catalog(&store, &contract("T", &["b", "a"], &["a", "b", "z"])).expect("shape");
        assert!(shape.exists && !shape.view);
        let names: Vec<_> = shape.columns.iter().map(|c| (c.name.as_str(), c.declared.as_str(), c.notnull)).collect();
        assert_eq!(names, [("a", "TEXT", true), ("B", "INTEGER", false), ("c", "REAL", false), ("d", "", false)]);
        assert_eq!(shape.unique, [vec!["a".to_owned(), "B".to_owned()], vec!["c".to_owned()]]);
        assert_eq!(shape.missing(&contract("t", &["a"], &["a", "b", "z"])), ["z"]);
        assert!(shape.key_enforced(&contract("t", &["b", "a"], &["a", "b"])));
        assert!(shape.key_enforced(&contract("t", &["c"], &["c"])));
        assert!(!shape.key_enforced(&contract("t", &["a"], &["a"])));
        let shape = catalog(&store, &contract("v", &["a"], &["a", "c"])).expect("shape");
        assert!(shape.exists && shape.view && shape.unique.is_empty() && shape.columns.len() == 2);
        let shape = catalog(&store, &contract("nowhere", &["a"], &["a"])).expect("shape");
        assert!(!shape.exists && shape.columns.is_empty());
        // An index of the name is no table.
        assert!(!catalog(&store, &contract("t_c", &["a"], &["a"])).expect("shape").exists);
    }

    /// A journal that a killed writer left is rolled back before the database is read.
    #[test]
    fn a_transaction_left_half_done_is_undone_before_reading() {
        let folder = tempfile::tempdir().expect("a folder");
        let (live, left) = (folder.path().join("live.db"), folder.path().join("left.db"));
        let conn = Connection::open(&live).expect("a database");
        conn.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1); PRAGMA cache_size = 1; BEGIN")
            .expect("begun");
        for n in 0..2_000 {
            conn.execute("INSERT INTO t VALUES (?1)", [format!("{n:0>200}")]).expect("a row");
        }
        // What lies on the disk in the middle of the transaction is what a killed writer leaves.
        fs::copy(&live, &left).expect("copied");
        fs::copy(beside(&live, "-journal"), beside(&left, "-journal")).expect("a journal");
        let store = Store::open(&left, Access::Read).expect("the database is read");
        let rows: i64 = store.conn().query_row("SELECT count(*) FROM t", [], |r| r.get(0)).expect("a count");
        assert_eq!(rows, 1);
    }

    #[test]
    fn the_order_of_moments_is_the_order_of_their_texts() {
        let moments = ["2026-03-02T09:00:00Z", "2026-03-02T09:00:00.5Z", "2026-03-02T09:00:01Z"].map(|t| moment(at(t)));
        assert!(moments.is_sorted(), "{moments:?}");
        assert_eq!(moments[0], "2026-03-02T09:00:00.000Z");
    }
}
