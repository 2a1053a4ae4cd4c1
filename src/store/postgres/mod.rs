//! The side of PostgreSQL: a connection that comes back when it is lost, and values off the wire.
//!
//! Parameters travel as text, so that the server reads each as what its place asks for: a moment where a `timestamptz`
//! stands, a decimal where a `numeric` does, digit by digit. Values come back in binary, and are decoded only as far
//! as somebody looks at them.

mod address;
mod decimal;
mod tls;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as _;
use std::fmt;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use ::postgres::error::SqlState;
use ::postgres::fallible_iterator::FallibleIterator as _;
use ::postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};
use ::postgres::{Client, Error, Statement};
use bytes::BytesMut;
use jiff::Timestamp;
use jiff::civil::Date;

pub(super) use self::address::{Address, is_address};
pub(super) use self::decimal::{number, numeric_text};

use super::field::{Field, Numeric, Row};
use super::{Access, TableShape};
use crate::chance::Chance;
use crate::sql::Arg;

/// So many times a lost connection is sought again before that is an error.
const ATTEMPTS: u32 = 6;
/// The first wait between two attempts, in milliseconds; each further one is twice as long.
const FIRST_WAIT: i64 = 50;
/// So many statements stay prepared.
const PREPARED: usize = 512;

/// The server speaks of years and days from here.
const EPOCH: Date = Date::constant(2000, 1, 1);
/// The same in microseconds of Unix time.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A connection.
pub(super) struct Postgres {
    address: Address,
    access: Access,
    session: RefCell<Option<Session>>,
    /// How deep transactions stand in one another.
    depth: Cell<u32>,
    /// Whether something was written since the last savepoint that a failed look goes back to.
    written: Cell<bool>,
    chance: RefCell<Chance>,
    /// What tables looked like, as long as nothing here changed one.
    pub(super) shapes: RefCell<HashMap<String, Rc<TableShape>>>,
}

struct Session {
    client: Client,
    prepared: HashMap<String, Statement>,
    listens: bool,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password.
        f.debug_struct("Postgres").field("access", &self.access).finish_non_exhaustive()
    }
}

/// The savepoint to which a look that failed goes back, so that the next one is not refused.
const LOOK: &str = "bylaws_look";

impl Postgres {
    /// Connects.
    pub(super) fn connect(address: Address, access: Access) -> Result<Postgres, Error> {
        let session = Session::begin(&address, access)?;
        // Two programs that lost the same server come back at different moments.
        let chance = Chance::seeded(u64::from(std::process::id()));
        Ok(Postgres {
            address,
            access,
            session: RefCell::new(Some(session)),
            depth: Cell::new(0),
            written: Cell::new(false),
            chance: RefCell::new(chance),
            shapes: RefCell::default(),
        })
    }

    /// Whether a transaction is open.
    pub(super) fn is_within(&self) -> bool {
        self.depth.get() > 0
    }

    /// The session, sought again where it was lost. In the middle of a transaction nothing can be taken up again.
    fn with<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, Error>) -> Result<T, Error> {
        let mut held = self.session.borrow_mut();
        let lost = held.as_ref().is_none_or(|s| s.client.is_closed());
        if lost && !self.is_within() {
            *held = Some(self.again()?);
        }
        match held.as_mut() {
            Some(session) => work(session),
            // Only a connection that failed to come back leaves none.
            None => Session::begin(&self.address, self.access).and_then(|session| work(held.insert(session))),
        }
    }

    fn again(&self) -> Result<Session, Error> {
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            match Session::begin(&self.address, self.access) {
                Err(error) if attempt < ATTEMPTS && is_passing(&error) => {
                    let jitter = self.chance.borrow_mut().between(0, wait);
                    thread::sleep(Duration::from_millis((wait + jitter).unsigned_abs()));
                    (attempt, wait) = (attempt + 1, wait * 2);
                }
                done => return done,
            }
        }
    }

    /// Runs a statement that looks, and hands over each row.
    pub(super) fn each<E>(
        &self,
        sql: &str,
        args: &[Arg],
        mut row: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<Result<(), E>, Error> {
        if self.is_within() && self.written.replace(false) {
            self.with(|s| s.client.batch_execute(&format!("RELEASE SAVEPOINT {LOOK}; SAVEPOINT {LOOK}")))?;
        }
        // `INSERT … RETURNING` is no look, though it hands over rows.
        let looks = !sql.trim_start().starts_with("INSERT");
        self.written.set(!looks);
        let mut any = false;
        let done = match self.look(sql, args, &mut row, &mut any) {
            // A look changes nothing and can be taken again, unless somebody has seen a part of it.
            Err(error) if looks && is_lost(&error) && !self.is_within() && !any => {
                self.look(sql, args, &mut row, &mut any)
            }
            done => done,
        };
        self.after(sql, done)
    }

    fn look<E>(
        &self,
        sql: &str,
        args: &[Arg],
        row: &mut impl FnMut(&Row<'_>) -> Result<(), E>,
        any: &mut bool,
    ) -> Result<Result<(), E>, Error> {
        self.with(|session| {
            let statement = session.statement(sql)?;
            let mut rows = session.client.query_raw(&statement, args.iter())?;
            while let Some(next) = rows.next()? {
                *any = true;
                if let Err(error) = row(&Row::Postgres(&next)) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })
    }

    /// A failed look must not make the rest of its transaction fail.
    fn after<T>(&self, sql: &str, done: Result<T, Error>) -> Result<T, Error> {
        if done.is_err() {
            let _ = self.with(|session| {
                session.prepared.remove(sql);
                if self.is_within() {
                    session.client.batch_execute(&format!("ROLLBACK TO SAVEPOINT {LOOK}"))?;
                }
                Ok(())
            });
        }
        done
    }

    /// Runs a statement that writes, and says how many rows it reached.
    pub(super) fn execute(&self, sql: &str, args: &[Arg]) -> Result<u64, Error> {
        self.written.set(true);
        self.with(|session| {
            let statement = session.statement(sql)?;
            let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
            session.client.execute(&statement, &args)
        })
    }

    /// Runs statements without parameters.
    pub(super) fn batch(&self, sql: &str) -> Result<(), Error> {
        self.written.set(true);
        // What a statement does to the schema makes what is known of it old.
        self.shapes.borrow_mut().clear();
        self.with(|session| {
            session.prepared.clear();
            session.client.batch_execute(sql)
        })
    }

    /// Begins a transaction, or a part of the one that is open.
    pub(super) fn begin(&self, kind: &str) -> Result<(), Error> {
        let depth = self.depth.get();
        let sql = match depth {
            0 => format!("BEGIN {kind}; SAVEPOINT {LOOK}"),
            depth => format!("SAVEPOINT bylaws_{depth}; SAVEPOINT {LOOK}"),
        };
        let begun = self.with(|s| s.client.batch_execute(&sql));
        match begun {
            Err(error) if depth == 0 && is_lost(&error) => self.with(|s| s.client.batch_execute(&sql))?,
            begun => begun?,
        }
        self.written.set(false);
        self.depth.set(depth + 1);
        Ok(())
    }

    /// Ends what was begun last, and keeps it.
    pub(super) fn commit(&self) -> Result<(), Error> {
        let depth = self.depth.get().saturating_sub(1);
        let sql = match depth {
            0 => "COMMIT".to_owned(),
            depth => format!("RELEASE SAVEPOINT bylaws_{depth}"),
        };
        self.with(|s| s.client.batch_execute(&sql))?;
        self.written.set(true);
        self.depth.set(depth);
        Ok(())
    }

    /// Ends what was begun last, as if it had not been.
    pub(super) fn rollback(&self) -> Result<(), Error> {
        let depth = self.depth.get().saturating_sub(1);
        let sql = match depth {
            0 => "ROLLBACK".to_owned(),
            depth => format!("ROLLBACK TO SAVEPOINT bylaws_{depth}"),
        };
        self.shapes.borrow_mut().clear();
        let done = self.with(|s| {
            s.prepared.clear();
            s.client.batch_execute(&sql)
        });
        self.written.set(true);
        self.depth.set(depth);
        match done {
            // With the connection the transaction is gone as well.
            Err(error) if is_lost(&error) => Ok(()),
            done => done,
        }
    }

    /// Waits until somebody tells of a write, or the time is over. Whoever is woken looks at the change log: what was
    /// told while the connection was lost is told to nobody, so a connection that came back wakes as well.
    pub(super) fn wait(&self, channel: &str, patience: Duration) -> Result<bool, Error> {
        let begun = self.with(|session| {
            if session.listens {
                return Ok(false);
            }
            session.client.batch_execute(&format!("LISTEN {channel}"))?;
            session.listens = true;
            Ok(true)
        })?;
        // From here on everything is told; what came before, and while the connection was lost, only the log knows.
        if begun {
            return Ok(true);
        }
        let told = self.with(|session| {
            let mut notifications = session.client.notifications();
            let told = notifications.timeout_iter(patience).next()?.is_some();
            // One look answers all that was told up to now.
            while notifications.iter().next()?.is_some() {}
            Ok(told)
        });
        let lost = self.session.borrow().as_ref().is_none_or(|s| s.client.is_closed());
        match told {
            Ok(true) => Ok(true),
            _ if lost => self.with(|session| {
                session.client.batch_execute(&format!("LISTEN {channel}"))?;
                session.listens = true;
                Ok(true)
            }),
            told => told,
        }
    }
}

impl Session {
    fn begin(address: &Address, access: Access) -> Result<Session, Error> {
        let mut client = address.connect()?;
        let reads = if access == Access::Read { "on" } else { "off" };
        client.batch_execute(&format!(
            "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 1; \
             SET standard_conforming_strings = on; SET plan_cache_mode = force_custom_plan; SET jit = off; \
             SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
             SET default_transaction_read_only = {reads}",
            address.statement_timeout, address.lock_timeout, address.idle_timeout,
        ))?;
        Ok(Session { client, prepared: HashMap::new(), listens: false })
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, Error> {
        if let Some(known) = self.prepared.get(sql) {
            return Ok(known.clone());
        }
        if self.prepared.len() >= PREPARED {
            self.prepared.clear();
        }
        let statement = self.client.prepare(&numbered(sql))?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// `$1` for `?1`, except inside of names and texts.
fn numbered(sql: &str) -> String {
    let mut written = String::with_capacity(sql.len());
    let mut mark = None;
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        match (mark, c) {
            (None, '\'' | '"') => mark = Some(c),
            (Some(open), c) if open == c => mark = None,
            _ => {}
        }
        let place = mark.is_none() && c == '?' && chars.peek().is_some_and(char::is_ascii_digit);
        written.push(if place { '$' } else { c });
    }
    written
}

/// Whether an error says that the connection is gone.
pub(super) fn is_lost(error: &Error) -> bool {
    let ended = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::IDLE_SESSION_TIMEOUT];
    match error.code() {
        Some(code) => ended.contains(code) || code.code() == "25P03",
        None => error.is_closed() || error.source().is_some_and(|s| s.downcast_ref::<std::io::Error>().is_some()),
    }
}

/// Whether the same attempt to connect may succeed in a moment.
fn is_passing(error: &Error) -> bool {
    is_lost(error)
        || matches!(error.code(), Some(code) if [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS].contains(code))
}

// ── values ──

impl ToSql for Arg {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Arg::Null => return Ok(IsNull::Yes),
            Arg::Text(text) => out.extend_from_slice(text.as_bytes()),
            Arg::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
            Arg::Real(n) => out.extend_from_slice(n.to_string().as_bytes()),
            Arg::Bytes(bytes) => {
                out.extend_from_slice(b"\\x");
                out.extend(bytes.iter().flat_map(|b| format!("{b:02x}").into_bytes()));
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Field<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Field<'a>, Box<dyn std::error::Error + Sync + Send>> {
        Ok(decoded(ty, raw))
    }

    fn from_sql_null(_: &Type) -> Result<Field<'a>, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Field::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A value of a row; NULL behind the last.
pub(super) fn field(row: &::postgres::Row, place: usize) -> Field<'_> {
    row.try_get(place).unwrap_or(Field::Null)
}

fn decoded<'a>(ty: &Type, raw: &'a [u8]) -> Field<'a> {
    let fixed = || -> Option<Field<'a>> {
        Some(match *ty {
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN | Type::JSON | Type::CHAR => Field::Text(raw),
            // The blanks that fill it up are no part of it.
            Type::BPCHAR => Field::Text(raw.trim_ascii_end()),
            Type::INT8 => Field::Int(i64::from_be_bytes(raw.try_into().ok()?)),
            Type::INT4 => Field::Int(i64::from(i32::from_be_bytes(raw.try_into().ok()?))),
            Type::INT2 => Field::Int(i64::from(i16::from_be_bytes(raw.try_into().ok()?))),
            Type::OID => Field::Int(i64::from(u32::from_be_bytes(raw.try_into().ok()?))),
            Type::NUMERIC => Field::Numeric(Numeric(raw)),
            Type::FLOAT8 => Field::Real(f64::from_be_bytes(raw.try_into().ok()?)),
            Type::FLOAT4 => {
                // The decimal that was written, not the binary number next to it.
                let narrow = f32::from_be_bytes(raw.try_into().ok()?);
                Field::Real(narrow.to_string().parse().ok()?)
            }
            Type::BOOL => Field::Truth(*raw.first()? != 0),
            Type::UUID => Field::Uuid(raw.try_into().ok()?),
            Type::DATE => match i32::from_be_bytes(raw.try_into().ok()?) {
                i32::MAX => Field::Text(b"infinity"),
                i32::MIN => Field::Text(b"-infinity"),
                days => EPOCH.checked_add(jiff::Span::new().try_days(days).ok()?).map_or(FAR, Field::Date),
            },
            Type::TIMESTAMPTZ | Type::TIMESTAMP => match i64::from_be_bytes(raw.try_into().ok()?) {
                i64::MAX => Field::Text(b"infinity"),
                i64::MIN => Field::Text(b"-infinity"),
                micros => {
                    let at = micros.checked_add(EPOCH_MICROS).and_then(|m| Timestamp::from_microsecond(m).ok());
                    at.map_or(FAR, Field::Moment)
                }
            },
            // The first byte is the version of the form, and there is one.
            Type::JSONB => Field::Text(raw.get(1..)?),
            _ if matches!(ty.kind(), Kind::Enum(_)) || ty.name() == "citext" => Field::Text(raw),
            _ => Field::Bytes(raw),
        })
    };
    fixed().unwrap_or(Field::Bytes(raw))
}

/// What lies beyond the years that can be reckoned with.
const FAR: Field<'static> = Field::Text(b"beyond the year 9999");

/// A UUID as it is written.
pub(super) fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
