//! What can be wrong with the world's side of a database: a kind for programs, a sentence and a next step for people.

use std::fmt;
use std::io;

use ::postgres::error::SqlState;
use rusqlite::ErrorCode;
use rusqlite::ffi;

use super::field::Unfit;
use super::postgres;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is no such file.
    Missing,
    /// It is a folder.
    Directory,
    /// It is a file of another kind.
    NotADatabase,
    /// It holds no tables.
    Empty,
    /// It was a database once: cut off or overwritten.
    Damaged,
    /// Another program holds it.
    Locked,
    /// The operating system refuses.
    Denied,
    /// It can be read but not written.
    ReadOnly,
    /// A newer version of the program wrote it.
    Newer,
    /// It is a database of a kind that this version does not read.
    OtherBackend,
    /// An applied migration is not the one of this program.
    Checksum,
    /// Migrations were applied out of their order.
    Order,
    /// A table is there but of another shape.
    Shape,
    /// A table that is needed is not there.
    NoTable,
    /// The database refused a row.
    Refused,
    /// The disk is full.
    Full,
    /// The operating system failed to read or write.
    Io,
    /// A server does not answer, or no longer.
    Unreachable,
    /// It takes longer than it may.
    Slow,
    /// The database does not understand what it was asked.
    Query,
}

/// Why something about a database did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// What kind of trouble it is.
    pub kind: ErrorKind,
    /// One sentence that names the database.
    pub message: String,
    /// What to do next.
    pub help: String,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// An error from its parts.
    pub fn new(kind: ErrorKind, message: impl Into<String>, help: impl Into<String>) -> StoreError {
        StoreError { kind, message: message.into(), help: help.into() }
    }

    /// What the SQLite library says, about the database of this name.
    pub fn sqlite(name: &str, error: &rusqlite::Error) -> StoreError {
        let (code, text) = match error {
            rusqlite::Error::SqliteFailure(code, text) => (Some(*code), text.clone()),
            rusqlite::Error::SqlInputError { error, msg, .. } => (Some(*error), Some(msg.clone())),
            _ => (None, None),
        };
        let text = text.unwrap_or_else(|| error.to_string());
        let Some(code) = code else { return StoreError::query(name, &text) };
        match code.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                StoreError::locked(name)
            }
            ErrorCode::DatabaseCorrupt => StoreError::damaged(name, &text),
            ErrorCode::NotADatabase => StoreError::not_a_database(name),
            ErrorCode::ReadOnly => StoreError::read_only(name),
            ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => StoreError::denied(name),
            ErrorCode::CannotOpen if code.extended_code == ffi::SQLITE_CANTOPEN_ISDIR => StoreError::directory(name),
            ErrorCode::CannotOpen => StoreError::new(
                ErrorKind::Denied,
                format!("`{name}` cannot be opened, or the files that belong beside it cannot be made"),
                "look at the permissions of the file and of its folder",
            ),
            ErrorCode::DiskFull => StoreError::new(
                ErrorKind::Full,
                format!("there is no room left on the disk of `{name}`"),
                "make room and try again; nothing of what failed was written",
            ),
            ErrorCode::SystemIoFailure => StoreError::new(
                ErrorKind::Io,
                format!("`{name}` cannot be read or written: {text}"),
                "look at the disk and at the connection to it",
            ),
            ErrorCode::ConstraintViolation => StoreError::new(
                ErrorKind::Refused,
                format!("`{name}` refused a row: {text}"),
                "the row breaks a rule of its table; nothing was written",
            ),
            _ => StoreError::query(name, &text),
        }
    }

    /// What the operating system says when a file is looked at.
    pub(crate) fn io(name: &str, error: &io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::NotFound => StoreError::missing(name),
            io::ErrorKind::PermissionDenied => StoreError::denied(name),
            kind => StoreError::new(
                ErrorKind::Io,
                format!("`{name}` cannot be read: {kind}"),
                "look at the path and at the disk it is on",
            ),
        }
    }

    fn locked(name: &str) -> StoreError {
        StoreError::new(
            ErrorKind::Locked,
            format!("`{name}` is locked by another program"),
            "wait until the other program is done with it, or end that program, and try again",
        )
    }

    pub(crate) fn missing(name: &str) -> StoreError {
        StoreError::new(
            ErrorKind::Missing,
            format!("there is no database `{name}`"),
            "look at the path; `bylaws migrate` makes a new database",
        )
    }

    pub(crate) fn directory(name: &str) -> StoreError {
        StoreError::new(ErrorKind::Directory, format!("`{name}` is a folder, not a database"), "name the file in it")
    }

    pub(crate) fn not_a_database(name: &str) -> StoreError {
        StoreError::new(
            ErrorKind::NotADatabase,
            format!("`{name}` is not an SQLite database"),
            "look at the path: the file is of another kind, or it is encrypted",
        )
    }

    pub(crate) fn empty(name: &str) -> StoreError {
        StoreError::new(
            ErrorKind::Empty,
            format!("`{name}` holds no tables"),
            "look at the path; `bylaws migrate` makes the tables",
        )
    }

    pub(crate) fn damaged(name: &str, how: &str) -> StoreError {
        StoreError::new(
            ErrorKind::Damaged,
            format!("`{name}` is damaged: {how}"),
            "put a backup in its place; `sqlite3 FILE .recover` saves what can still be read",
        )
    }

    pub(crate) fn denied(name: &str) -> StoreError {
        StoreError::new(
            ErrorKind::Denied,
            format!("you have no permission to open `{name}`"),
            "look at the permissions of the file and of its folder",
        )
    }

    pub(crate) fn read_only(name: &str) -> StoreError {
        StoreError::new(
            ErrorKind::ReadOnly,
            format!("`{name}` can be read but not written"),
            "look at the permissions of the file and of its folder, and whether the disk is mounted read-only",
        )
    }

    pub(crate) fn no_engine(name: &str) -> StoreError {
        StoreError::new(
            ErrorKind::NoTable,
            format!("`{name}` does not hold the tables of bylaws yet"),
            "run `bylaws migrate` once; it adds tables that begin with `bylaws_`",
        )
    }

    fn query(name: &str, text: &str) -> StoreError {
        StoreError::new(
            ErrorKind::Query,
            format!("`{name}` cannot answer: {text}"),
            "`bylaws check --db` compares its tables with the contracts",
        )
    }
}

/// What a driver says, before somebody says of which database.
#[derive(Debug)]
pub(crate) enum Driver {
    /// That of SQLite.
    Sqlite(rusqlite::Error),
    /// That of PostgreSQL.
    Postgres(::postgres::Error),
    /// That a value is not what it should be.
    Unfit(Unfit),
}

impl From<rusqlite::Error> for Driver {
    fn from(error: rusqlite::Error) -> Driver {
        Driver::Sqlite(error)
    }
}

impl From<::postgres::Error> for Driver {
    fn from(error: ::postgres::Error) -> Driver {
        Driver::Postgres(error)
    }
}

impl From<Unfit> for Driver {
    fn from(error: Unfit) -> Driver {
        Driver::Unfit(error)
    }
}

impl Driver {
    /// The error without the database it is about.
    pub(crate) fn plain(&self) -> String {
        match self {
            Driver::Sqlite(rusqlite::Error::SqliteFailure(_, Some(message))) => message.clone(),
            Driver::Sqlite(other) => other.to_string(),
            Driver::Postgres(error) => postgres_words(error),
            Driver::Unfit(Unfit::Kind(text) | Unfit::Damaged(text)) => text.clone(),
        }
    }

    /// Whether it says that a table is not there. Reading then finds nothing rather than failing.
    pub(crate) fn is_no_such_table(&self) -> bool {
        match self {
            Driver::Sqlite(rusqlite::Error::SqliteFailure(code, Some(text))) => {
                code.code == ErrorCode::Unknown && text.starts_with("no such table")
            }
            Driver::Sqlite(rusqlite::Error::SqlInputError { msg, .. }) => msg.starts_with("no such table"),
            Driver::Postgres(error) => error.code() == Some(&SqlState::UNDEFINED_TABLE),
            _ => false,
        }
    }

    fn about(&self, name: &str) -> StoreError {
        match self {
            Driver::Sqlite(error) => StoreError::sqlite(name, error),
            Driver::Postgres(error) => StoreError::postgres(name, error),
            Driver::Unfit(Unfit::Kind(text)) => StoreError::query(name, text),
            Driver::Unfit(Unfit::Damaged(text)) => StoreError::damaged(name, text),
        }
    }
}

/// For `map_err`: what a driver says, about the database of this name.
pub(crate) fn fault<E: Into<Driver>>(name: &str) -> impl Fn(E) -> StoreError + '_ {
    move |error| error.into().about(name)
}

/// What the server or the way to it says, in one line.
fn postgres_words(error: &::postgres::Error) -> String {
    use std::error::Error as _;
    match error.as_db_error() {
        Some(told) => match told.detail() {
            Some(detail) => format!("{} ({})", told.message(), detail.trim_end_matches('.')),
            None => told.message().to_owned(),
        },
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// Tables to which two ticks at a time write the same row; who comes second begins again.
const CONTESTED: [&str; 5] = ["bylaws_ledger", "bylaws_memory", "bylaws_rules", "bylaws_verdicts", "bylaws_revisions"];

impl StoreError {
    /// What the server of PostgreSQL or the way to it says, about the database of this name.
    pub(crate) fn postgres(name: &str, error: &::postgres::Error) -> StoreError {
        let text = postgres_words(error);
        let Some(told) = error.as_db_error() else {
            let insecure = text.contains("TLS") || text.contains("certificate");
            return match () {
                () if insecure => StoreError::new(
                    ErrorKind::Denied,
                    format!("the connection to `{name}` cannot be encrypted: {text}"),
                    "look at `sslmode` and `sslrootcert` in the address, and at the certificate of the server",
                ),
                () if postgres::is_lost(error) && error.is_closed() => StoreError::new(
                    ErrorKind::Unreachable,
                    format!("the connection to `{name}` was lost"),
                    "try again; nothing of what was under way was written",
                ),
                // What is wrong with a password that was not given is found out on this side of the line.
                () if text.contains("password missing") || text.contains("authentication") => StoreError::new(
                    ErrorKind::Denied,
                    format!("`{name}` asks for a password"),
                    "give one in PGPASSWORD, or in the file that PGPASSFILE names",
                ),
                () => StoreError::new(
                    ErrorKind::Unreachable,
                    format!("`{name}` cannot be reached: {text}"),
                    "look at host and port, at whether the server runs, and at what lies between",
                ),
            };
        };
        let code = told.code();
        let contested = told.table().is_some_and(|table| CONTESTED.contains(&table));
        let (kind, message, help): (_, String, &str) = match code.code() {
            "3D000" => (
                ErrorKind::Missing,
                format!("there is no database `{name}`"),
                "look at its name; `createdb` makes it, and `bylaws migrate` its tables",
            ),
            "28P01" | "28000" => (
                ErrorKind::Denied,
                format!("`{name}` does not let this user in: {text}"),
                "look at user and password: PGPASSWORD, or the file that PGPASSFILE names, and at pg_hba.conf of the server",
            ),
            "42501" => (
                ErrorKind::Denied,
                format!("this user may not do that in `{name}`: {text}"),
                "grant it the role that docs/postgres.md describes",
            ),
            "25006" => {
                return StoreError::new(
                    ErrorKind::ReadOnly,
                    format!("`{name}` can be read but not written"),
                    "the connection or the server is read-only: look whether it is a standby",
                );
            }
            "40001" | "40P01" => return StoreError::locked(name),
            "23505" if contested => return StoreError::locked(name),
            "55P03" => return StoreError::locked(name),
            "57014" => (
                ErrorKind::Slow,
                format!("`{name}` took longer than it may: {text}"),
                "an index may help; `statement_timeout=10min` in the address allows more",
            ),
            "53300" | "57P03" => {
                (ErrorKind::Unreachable, format!("`{name}` takes no connection now: {text}"), "try again in a moment")
            }
            "57P01" | "57P02" | "57P05" | "25P03" => (
                ErrorKind::Unreachable,
                format!("the connection to `{name}` was ended: {text}"),
                "try again; nothing of what was under way was written",
            ),
            "53100" => (
                ErrorKind::Full,
                format!("there is no room left on the disk of `{name}`"),
                "make room and try again; nothing of what failed was written",
            ),
            code if code.starts_with("23") || code == "P0001" => (
                ErrorKind::Refused,
                format!("`{name}` refused a row: {text}"),
                "the row breaks a rule of its table; nothing was written",
            ),
            code if code.starts_with("58") || code.starts_with("XX") => {
                (ErrorKind::Io, format!("`{name}` cannot be read or written: {text}"), "look at the log of the server")
            }
            _ => return StoreError::query(name, &text),
        };
        StoreError::new(kind, message, help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_kind() {
        for (code, kind) in [
            (ffi::SQLITE_BUSY, ErrorKind::Locked),
            (ffi::SQLITE_BUSY_SNAPSHOT, ErrorKind::Locked),
            (ffi::SQLITE_LOCKED, ErrorKind::Locked),
            (ffi::SQLITE_CORRUPT, ErrorKind::Damaged),
            (ffi::SQLITE_NOTADB, ErrorKind::NotADatabase),
            (ffi::SQLITE_READONLY, ErrorKind::ReadOnly),
            (ffi::SQLITE_PERM, ErrorKind::Denied),
            (ffi::SQLITE_CANTOPEN, ErrorKind::Denied),
            (ffi::SQLITE_CANTOPEN_ISDIR, ErrorKind::Directory),
            (ffi::SQLITE_FULL, ErrorKind::Full),
            (ffi::SQLITE_IOERR_READ, ErrorKind::Io),
            (ffi::SQLITE_CONSTRAINT_CHECK, ErrorKind::Refused),
            (ffi::SQLITE_ERROR, ErrorKind::Query),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let told = StoreError::sqlite("a.db", &error);
            assert_eq!(told.kind, kind, "{code}");
            assert!(told.message.contains("`a.db`") && !told.help.is_empty(), "{told:?}");
        }
        let denied = StoreError::io("a.db", &io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(denied.kind, ErrorKind::Denied);
    }
}
