//! A stored value as a driver hands it over: borrowed, and the same for every kind of database.

use std::str;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::types::ValueRef;

use super::postgres;
use crate::sql::Arg;
use crate::value::Number;

/// A stored value. What a database has no type of its own for comes as the type it is written in: SQLite keeps dates
/// and moments as text, and truth as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    /// NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// A binary number with a fraction.
    Real(f64),
    /// An exact decimal.
    Numeric(Numeric<'a>),
    /// Text, which SQLite does not promise to be UTF-8.
    Text(&'a [u8]),
    /// Yes or no.
    Truth(bool),
    /// A day.
    Date(Date),
    /// A moment.
    Moment(Timestamp),
    /// A UUID.
    Uuid(&'a [u8; 16]),
    /// Anything else.
    Bytes(&'a [u8]),
}

/// An exact decimal as the wire has it; it becomes a number only where somebody needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numeric<'a>(pub(super) &'a [u8]);

impl Numeric<'_> {
    /// The number, if it is one that fits.
    pub fn number(self) -> Option<Number> {
        postgres::number(self.0)
    }

    /// As it is written, whatever its size.
    pub fn text(self) -> String {
        postgres::numeric_text(self.0)
    }
}

impl<'a> From<ValueRef<'a>> for Field<'a> {
    fn from(raw: ValueRef<'a>) -> Field<'a> {
        match raw {
            ValueRef::Null => Field::Null,
            ValueRef::Integer(n) => Field::Int(n),
            ValueRef::Real(n) => Field::Real(n),
            ValueRef::Text(bytes) => Field::Text(bytes),
            ValueRef::Blob(bytes) => Field::Bytes(bytes),
        }
    }
}

impl Field<'_> {
    /// The number it is, if it is one that fits.
    pub fn number(self) -> Option<Number> {
        match self {
            Field::Int(n) => Some(Number::whole(i128::from(n))),
            Field::Real(n) => Number::from_f64(n),
            Field::Numeric(n) => n.number(),
            _ => None,
        }
    }

    /// As text, in the form that keys have.
    pub fn words(self) -> String {
        match self {
            Field::Null => String::new(),
            Field::Int(n) => n.to_string(),
            Field::Real(n) => Number::from_f64(n).map_or_else(|| n.to_string(), |n| n.decimal(38)),
            Field::Numeric(n) => n.number().map_or_else(|| n.text(), |n| n.decimal(38)),
            Field::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Field::Truth(truth) => if truth { "1" } else { "0" }.to_owned(),
            Field::Date(date) => date.to_string(),
            Field::Moment(at) => super::moment(at),
            Field::Uuid(bytes) => postgres::uuid_text(bytes),
            Field::Bytes(bytes) => format!("{} bytes", bytes.len()),
        }
    }

    /// The same value as a parameter, to be written elsewhere or kept.
    pub fn owned(self) -> Arg {
        match self {
            Field::Null => Arg::Null,
            Field::Int(n) => Arg::Int(n),
            Field::Real(n) => Arg::Real(n),
            Field::Numeric(n) => match n.number() {
                Some(whole) => match whole.to_whole().and_then(|n| i64::try_from(n).ok()) {
                    Some(n) => Arg::Int(n),
                    None => Arg::Text(n.text()),
                },
                None => Arg::Text(n.text()),
            },
            Field::Truth(truth) => Arg::Int(i64::from(truth)),
            Field::Bytes(bytes) => Arg::Bytes(bytes.to_vec()),
            other => Arg::Text(other.words()),
        }
    }
}

/// A row, as long as the database stands at it.
#[derive(Debug, Clone, Copy)]
pub enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r ::postgres::Row),
}

/// What stands in a row where something else belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// A value of another kind.
    Kind(String),
    /// A text that cannot be read as what it should be.
    Damaged(String),
}

impl Row<'_> {
    /// A value by its place; NULL behind the last.
    #[inline]
    pub fn field(&self, place: usize) -> Field<'_> {
        match self {
            Row::Sqlite(row) => row.get_ref(place).map_or(Field::Null, Field::from),
            Row::Postgres(row) => postgres::field(row, place),
        }
    }

    /// How many values it has.
    pub fn width(&self) -> usize {
        match self {
            Row::Sqlite(row) => row.as_ref().column_count(),
            Row::Postgres(row) => row.len(),
        }
    }

    fn unfit<T>(&self, place: usize, wanted: &str) -> Result<T, Unfit> {
        let field = self.field(place);
        Err(Unfit::Kind(format!("column {} holds {field:?} where {wanted} belongs", place + 1)))
    }

    /// A text.
    pub fn text(&self, place: usize) -> Result<String, Unfit> {
        match self.field(place) {
            Field::Text(bytes) => match str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(_) => self.unfit(place, "text"),
            },
            _ => self.unfit(place, "text"),
        }
    }

    /// A text, or nothing.
    pub fn maybe_text(&self, place: usize) -> Result<Option<String>, Unfit> {
        if self.field(place) == Field::Null { Ok(None) } else { self.text(place).map(Some) }
    }

    /// A whole number.
    pub fn int(&self, place: usize) -> Result<i64, Unfit> {
        match self.field(place) {
            Field::Int(n) => Ok(n),
            Field::Numeric(n) => {
                let whole = n.number().and_then(Number::to_whole).and_then(|n| i64::try_from(n).ok());
                whole.map_or_else(|| self.unfit(place, "a whole number"), Ok)
            }
            _ => self.unfit(place, "a whole number"),
        }
    }

    /// Yes or no.
    pub fn truth(&self, place: usize) -> Result<bool, Unfit> {
        match self.field(place) {
            Field::Truth(truth) => Ok(truth),
            Field::Int(n) => Ok(n != 0),
            _ => self.unfit(place, "yes or no"),
        }
    }

    /// A moment of the program's own tables.
    pub fn moment(&self, place: usize) -> Result<Timestamp, Unfit> {
        match self.field(place) {
            Field::Moment(at) => Ok(at),
            Field::Text(_) => {
                let text = self.text(place)?;
                text.parse().map_err(|_| Unfit::Damaged(format!("`{text}` stands where a moment belongs")))
            }
            _ => self.unfit(place, "a moment"),
        }
    }

    /// A moment, or nothing.
    pub fn maybe_moment(&self, place: usize) -> Result<Option<Timestamp>, Unfit> {
        if self.field(place) == Field::Null { Ok(None) } else { self.moment(place).map(Some) }
    }
}
