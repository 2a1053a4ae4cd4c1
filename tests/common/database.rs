//! A database of either kind for a test. Those on PostgreSQL run where `BYLAWS_TEST_POSTGRES` names a server on which
//! databases may be made, such as `postgres://postgres@127.0.0.1:5432/`; elsewhere they say that they were skipped.

use std::cell::Cell;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use bylaws::store::{Access, Store};
use tempfile::TempDir;

/// Which kind of database the test that runs on this thread is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

thread_local! {
    static KIND: Cell<Kind> = const { Cell::new(Kind::Sqlite) };
}

/// The address of the server up to the name of a database, if tests may use one.
pub(crate) fn server() -> Option<String> {
    let address = std::env::var("BYLAWS_TEST_POSTGRES").ok().filter(|a| !a.is_empty())?;
    Some(format!("{}/", address.trim_end_matches('/')))
}

/// The kind that this thread's test is about.
pub(crate) fn kind() -> Kind {
    KIND.get()
}

/// Runs a test on a kind of database.
pub(crate) fn on(kind: Kind, test: fn()) {
    if kind == Kind::Postgres && server().is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: BYLAWS_TEST_POSTGRES names no server");
        return;
    }
    KIND.set(kind);
    test();
}

/// Makes two tests of each function, one for each kind of database.
#[allow(unused_macros, reason = "not every test that opens databases runs on both kinds")]
macro_rules! on_both {
    ($($test:ident,)+) => {
        mod on_sqlite {
            $(#[test]
            fn $test() {
                super::database::on(super::database::Kind::Sqlite, super::$test);
            })+
        }
        mod on_postgres {
            $(#[test]
            fn $test() {
                super::database::on(super::database::Kind::Postgres, super::$test);
            })+
        }
    };
}
#[allow(unused_imports, reason = "as above")]
pub(crate) use on_both;

/// A new database, which is gone with this value.
pub(crate) struct Database {
    address: String,
    made: Option<String>,
    _folder: TempDir,
}

impl Database {
    /// An empty database of the kind that this thread's test is about.
    pub(crate) fn new() -> Database {
        let folder = tempfile::tempdir().expect("a folder");
        match kind() {
            Kind::Sqlite => {
                let address = folder.path().join("test.db").display().to_string();
                Database { address, made: None, _folder: folder }
            }
            Kind::Postgres => Database::from_template(None),
        }
    }

    /// One on the server, empty or with all that another holds.
    pub(crate) fn from_template(other: Option<&Database>) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("bylaws_test_{}_{number}", std::process::id());
        let template = other.and_then(|o| o.made.clone()).map_or(String::new(), |t| format!(" TEMPLATE {t}"));
        administer(&format!("CREATE DATABASE {name}{template}"));
        let address = format!("{}{name}", server().expect("a server"));
        Database { address, made: Some(name), _folder: tempfile::tempdir().expect("a folder") }
    }

    /// What `--db` takes.
    #[allow(dead_code, reason = "not every test calls the program")]
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The database, to be filled or looked at.
    pub(crate) fn store(&self) -> Store {
        Store::open(&self.address, Access::Create).unwrap_or_else(|e| panic!("{}: {e}", self.address))
    }

    /// The file, of one of SQLite.
    #[allow(dead_code, reason = "not every test looks at it")]
    pub(crate) fn file(&self) -> &Path {
        Path::new(&self.address)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(name) = &self.made {
            administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Runs a statement on the server itself.
pub(crate) fn administer(sql: &str) {
    let address = format!("{}postgres?connect_timeout=10", server().expect("a server"));
    let store = Store::open(&address, Access::Create).unwrap_or_else(|e| panic!("{e}"));
    store.batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
}
