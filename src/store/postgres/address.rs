//! Where a server is and how it is spoken to, out of an address such as `postgres://me@host:5432/db?sslmode=require`.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ::postgres::config::Host;
use ::postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls;
use crate::store::{ErrorKind, StoreError};

/// What the server may take for one statement, in milliseconds, unless the address says otherwise.
const STATEMENT_TIMEOUT: u64 = 300_000;
/// How long another program may hold what is needed, in milliseconds.
const LOCK_TIMEOUT: u64 = 5_000;
/// How long a transaction of a program that hangs may stay open, in milliseconds.
const IDLE_TIMEOUT: u64 = 600_000;
/// How long a server may take to answer at first.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An address that was understood.
pub(in crate::store) struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    /// The address as messages have it: without password and options.
    pub(in crate::store) name: String,
    pub(super) statement_timeout: u64,
    pub(super) lock_timeout: u64,
    pub(super) idle_timeout: u64,
}

/// Whether a place is such an address.
pub(in crate::store) fn is_address(place: &str) -> bool {
    ["postgres:", "postgresql:"].iter().any(|scheme| place.starts_with(scheme))
}

fn wrong(what: impl Into<String>) -> StoreError {
    StoreError::new(
        ErrorKind::Missing,
        what,
        "an address is `postgres://USER@HOST:PORT/DATABASE`, and after a `?` what else there is to say, such as \
         `sslmode=verify-full`",
    )
}

impl Address {
    /// Reads an address. Nothing of it is repeated in an error that could be a password.
    pub(in crate::store) fn read(text: &str) -> Result<Address, StoreError> {
        let rest = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"));
        let Some(rest) = rest else {
            return Err(wrong("the address of the database does not begin with `postgres://`"));
        };
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = place.split('/').next().unwrap_or_default();
        if authority.matches('@').count() > 1 {
            return Err(wrong("the address of the database holds more than one `@`; inside of a password it is `%40`"));
        }
        let (mut timeouts, mut mode, mut root) = ([STATEMENT_TIMEOUT, LOCK_TIMEOUT, IDLE_TIMEOUT], None, None);
        let mut plain: Vec<&str> = Vec::new();
        for option in options.split('&').filter(|o| !o.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let mut timeout = |place: usize| {
                timeouts[place] = milliseconds(name, value)?;
                Ok::<(), StoreError>(())
            };
            match name {
                "statement_timeout" => timeout(0)?,
                "lock_timeout" => timeout(1)?,
                "idle_in_transaction_session_timeout" => timeout(2)?,
                "sslmode" => mode = Some(value.to_owned()),
                "sslrootcert" => root = Some(PathBuf::from(decoded(value))),
                _ => plain.push(option),
            }
        }
        let mut address = format!("postgres://{place}");
        if !plain.is_empty() {
            address.push_str(&format!("?{}", plain.join("&")));
        }
        let mut config: Config = address.parse().map_err(|error: Error| {
            let why = std::error::Error::source(&error).map_or_else(String::new, |s| format!(": {s}"));
            wrong(format!("the address of the database is not understood{why}"))
        })?;
        if config.get_hosts().is_empty() {
            config.host(&env::var("PGHOST").unwrap_or_else(|_| "localhost".to_owned()));
        }
        if config.get_user().is_none() {
            let user = ["PGUSER", "USER"].iter().find_map(|name| env::var(name).ok());
            config.user(&user.ok_or_else(|| wrong("the address of the database names no user"))?);
        }
        if config.get_dbname().is_none()
            && let Some(user) = config.get_user().map(str::to_owned)
        {
            config.dbname(&user);
        }
        if config.get_application_name().is_none() {
            config.application_name("bylaws");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        let name = shown(&config);
        if config.get_password().is_none()
            && let Some(password) = password(&config)
        {
            config.password(password);
        }
        let mode = mode.or_else(|| env::var("PGSSLMODE").ok());
        let (ssl, tls) = tls::chosen(&name, mode.as_deref(), root.as_deref())?;
        config.ssl_mode(ssl);
        let [statement_timeout, lock_timeout, idle_timeout] = timeouts;
        Ok(Address { config, tls, name, statement_timeout, lock_timeout, idle_timeout })
    }

    pub(super) fn connect(&self) -> Result<Client, Error> {
        match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        }
    }

    #[cfg(test)]
    fn demands_tls(&self) -> bool {
        self.config.get_ssl_mode() == ::postgres::config::SslMode::Require
    }
}

/// The address without what must not be told.
fn shown(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) if host.contains(':') => format!("[{host}]"),
        Some(Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => String::new(),
    };
    let port = config.get_ports().first().filter(|p| **p != 5432).map_or_else(String::new, |p| format!(":{p}"));
    let (user, database) = (config.get_user().unwrap_or_default(), config.get_dbname().unwrap_or_default());
    format!("postgres://{user}@{host}{port}/{database}")
}

fn milliseconds(name: &str, value: &str) -> Result<u64, StoreError> {
    let (digits, unit) = value.split_at(value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len()));
    let factor = match unit {
        "" | "ms" => Some(1),
        "s" => Some(1_000),
        "min" => Some(60_000),
        _ => None,
    };
    let told = factor.zip(digits.parse::<u64>().ok()).and_then(|(f, n)| n.checked_mul(f));
    // The server counts them in 31 bits.
    told.filter(|ms| *ms <= 2_147_483_647).ok_or_else(|| {
        wrong(format!("`{name}` in the address of the database is a number of milliseconds, or `30s` or `5min`"))
    })
}

/// `%2F` as it is meant.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.filter(|_| *first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The password out of the environment or out of the file that other clients of PostgreSQL read.
fn password(config: &Config) -> Option<String> {
    if let Ok(password) = env::var("PGPASSWORD") {
        return Some(password);
    }
    let file = env::var_os("PGPASSFILE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".pgpass")))?;
    let text = fs::read_to_string(&file).ok()?;
    if is_open(&file) {
        return None;
    }
    let host = match config.get_hosts().first()? {
        Host::Tcp(host) => host.clone(),
        #[cfg(unix)]
        Host::Unix(_) => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let wanted = [&host, &port, config.get_dbname()?, config.get_user()?];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let parts = parts(line);
        let [named @ .., password] = &parts[..] else { return None };
        let fits = named.len() == 4 && named.iter().zip(wanted).all(|(has, want)| has == "*" || has == want);
        fits.then(|| password.clone())
    })
}

/// Others than its owner may read it, so it is not believed.
#[cfg(unix)]
fn is_open(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &std::path::Path) -> bool {
    false
}

/// The fields of a line, at colons that no backslash stands before.
fn parts(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let Some(last) = parts.last_mut() else { break };
        match c {
            '\\' => last.extend(chars.next()),
            ':' => parts.push(String::new()),
            c => last.push(c),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_an_address_is_not_its_password() {
        let read = |text: &str| Address::read(text).map(|a| (a.name.clone(), a.statement_timeout, a.demands_tls()));
        for (text, name) in [
            ("postgres://me:secret@db.example:6000/firm", "postgres://me@db.example:6000/firm"),
            ("postgresql://me@db.example", "postgres://me@db.example/me"),
            ("postgres://me:secret@[::1]/x?application_name=a&connect_timeout=3", "postgres://me@[::1]/x"),
        ] {
            assert_eq!(read(text).map(|a| a.0), Ok(name.to_owned()), "{text}");
        }
        let told = read("postgres://me@h/x?sslmode=require&statement_timeout=30s").expect("an address");
        assert_eq!((told.1, told.2), (30_000, true));
        for text in [
            "postgres:x",
            "postgres://me:se@cret@h/x",
            "postgres://me:secret@h:port/x",
            "postgres://me:secret@h/x?statement_timeout=soon",
            "postgres://me:secret@h/x?sslmode=perhaps",
            "postgres://me:secret@h/x?sslrootcert=/nowhere/at/all.pem",
            "postgres://me:secret@h/x?colour=red",
        ] {
            let error = read(text).expect_err(text);
            assert!(!error.message.contains("cret") && !error.help.is_empty(), "{error:?}");
        }
    }

    #[test]
    fn lines_of_a_password_file() {
        assert_eq!(parts(r"h:5432:*:me:a\:b\\c"), ["h", "5432", "*", "me", r"a:b\c"]);
        assert_eq!(decoded("%2Fetc%2f%zz%"), "/etc/%zz%");
    }
}
