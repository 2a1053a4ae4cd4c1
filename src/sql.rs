//! Arrow 5, scan to SQL. It cannot fail: what cannot be said in SQL was not planned as a scan.
//!
//! Every name is quoted, every value is a parameter, and the instant is one of them, so that the same text serves
//! every tick. Filters mean what they mean when rows are judged one by one: a comparison with a missing value is
//! false, `is not` is true for it.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::engine::window;
use crate::lang::expr::{
    Anchor, Binding, Checked, Compare, ContractId, Expr, ExprKind, Hop, Joint, ParamId, Presence, Relation,
};
use crate::lang::item::contract::{Column, Contract, Encoding, Optional};
use crate::lang::pack::Pack;
use crate::plan::{GroupScan, Measure, What};
use crate::store::Class;
use crate::time::{Calendar, Instant, Range};
use crate::value::{Number, Type, Value};

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Real(f64),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Arg {
        Arg::Text(text.to_owned())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Arg {
        Arg::Text(text)
    }
}

impl From<&String> for Arg {
    fn from(text: &String) -> Arg {
        Arg::Text(text.clone())
    }
}

impl From<i64> for Arg {
    fn from(n: i64) -> Arg {
        Arg::Int(n)
    }
}

impl<T: Into<Arg>> From<Option<T>> for Arg {
    fn from(value: Option<T>) -> Arg {
        value.map_or(Arg::Null, T::into)
    }
}

impl Arg {
    /// As it would be written in the statement, for people.
    pub fn show(&self) -> String {
        match self {
            Arg::Null => "NULL".to_owned(),
            Arg::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Arg::Int(n) => n.to_string(),
            Arg::Real(n) => n.to_string(),
            Arg::Bytes(bytes) => format!("x'{}'", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()),
        }
    }
}

/// A statement and its parameters, `?1` the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The text.
    pub sql: String,
    /// The parameters.
    pub args: Vec<Arg>,
}

/// How the rows of a contract are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// As the table is.
    Live,
    /// As the table was at an instant, through the change log.
    AsOf(Timestamp),
}

/// In which words statements are written.
#[derive(Clone, Copy)]
pub enum Dialect<'a> {
    /// Those of SQLite, whose columns hold whatever is put there.
    Sqlite,
    /// Those of PostgreSQL, with what each column of each table holds.
    Postgres(&'a dyn Fn(&str, &str) -> Class),
}

/// What all statements of one instant share.
pub struct Sql<'a> {
    /// The words they are written in.
    pub dialect: Dialect<'a>,
    /// The pack.
    pub pack: &'a Pack,
    /// Values of params.
    pub param: &'a dyn Fn(ParamId) -> Value,
    /// The instant.
    pub at: Instant,
    /// How the rows of each contract are taken.
    pub source: &'a dyn Fn(ContractId) -> Source,
    /// Sums through the exact aggregate instead of the built-in one, which is inexact for numbers with fractions.
    pub exact: bool,
    /// Rows without a usable date are among those that are scanned, and must not pass for the newest.
    pub undated: bool,
    /// Whether an index of a contract's table leads from a column to another, so that a stretch of time of one key is
    /// found without reading the others.
    pub indexed: &'a dyn Fn(ContractId, u32, u32) -> bool,
    /// Only what belongs to this key: a row's own in rows and what is wrong with them, a group's in groups, one of the
    /// two owners in pairs.
    pub only: Option<&'a [Arg]>,
    /// Take this row of the scanned contract instead of its table: the values of its columns in their order.
    pub row: Option<&'a [Option<Arg>]>,
}

/// Which rows are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Look<'a> {
    /// Those with this key.
    Key(&'a [Arg]),
    /// Those that hold a value in a column.
    Holds(u32, &'a Arg),
    /// Those whose date or moment in a column lies between two.
    Between(u32, Timestamp, Timestamp),
}

/// Where nothing is known of indexes.
pub fn unindexed(_: ContractId, _: u32, _: u32) -> bool {
    false
}

/// `"name"`.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A moment as text that sorts.
pub fn moment_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

struct Writer {
    args: Vec<Arg>,
    joins: Vec<(Vec<Hop>, String)>,
    join_sql: String,
}

impl Writer {
    fn new() -> Writer {
        Writer { args: Vec::new(), joins: Vec::new(), join_sql: String::new() }
    }

    fn arg(&mut self, arg: Arg) -> String {
        let place = self.args.iter().position(|a| *a == arg).unwrap_or_else(|| {
            self.args.push(arg);
            self.args.len() - 1
        });
        format!("?{}", place + 1)
    }
}

/// A column where a statement names it.
struct Place<'c> {
    name: String,
    column: &'c Column,
    class: Class,
}

impl Place<'_> {
    /// The expression by which its values compare with others of their type.
    fn value(&self) -> String {
        let texts = !self.column.ty.is_quantity() && !matches!(self.column.ty, Type::Truth | Type::Span);
        match self.class {
            Class::Any | Class::Text => self.name.clone(),
            _ if texts => format!("{}::text", self.name),
            _ => self.name.clone(),
        }
    }

    /// The expression by which days compare.
    fn day(&self) -> String {
        match self.class {
            Class::Text => format!("{} COLLATE \"C\"", self.name),
            Class::Moment => format!("{}::date", self.name),
            _ => self.name.clone(),
        }
    }

    /// The expression by which moments compare, whatever form they are stored in.
    fn moment(&self) -> String {
        match self.class {
            // UTC text with milliseconds.
            Class::Any => format!("strftime('%Y-%m-%dT%H:%M:%fZ', {})", self.name),
            Class::Text => format!("CASE WHEN {0} ~ '{MOMENT}' THEN {0}::timestamptz END", self.name),
            _ => self.name.clone(),
        }
    }

    /// A test that it holds this value. The server finds the type of the parameter by the column.
    fn is(&self, value: &Arg, w: &mut Writer) -> String {
        format!("{} = {}", self.name, w.arg(value.clone()))
    }

    /// A value as if it stood in the column.
    fn literal(&self, value: Option<&Arg>, w: &mut Writer) -> String {
        let place = value.map_or_else(|| "NULL".to_owned(), |value| w.arg(value.clone()));
        let ty = match self.class {
            Class::Any => return place,
            Class::Text | Class::Word | Class::Other => "text",
            Class::Whole => "bigint",
            Class::Decimal => "numeric",
            Class::Binary => "double precision",
            Class::Truth => "boolean",
            Class::Date => "date",
            Class::Moment => "timestamptz",
        };
        format!("{place}::{ty}")
    }

    /// A day as a parameter to compare it with.
    fn day_arg(&self, day: String, w: &mut Writer) -> String {
        let place = w.arg(Arg::Text(day));
        match self.class {
            Class::Any => place,
            Class::Text => format!("{place}::text"),
            _ => format!("{place}::date"),
        }
    }

    /// A moment as a parameter to compare it with.
    fn moment_arg(&self, at: Timestamp, w: &mut Writer) -> String {
        let place = w.arg(Arg::Text(moment_text(at)));
        if self.class == Class::Any { place } else { format!("{place}::timestamptz") }
    }

    /// A test that what it holds is no day or no moment.
    fn no_time(&self) -> String {
        let name = &self.name;
        match (self.class, &self.column.ty) {
            (Class::Any, Type::Date) => format!("({name} IS NOT NULL AND date({name}) IS NOT {name})"),
            (Class::Any, _) => format!("({name} IS NOT NULL AND NOT is_moment({name}))"),
            _ => format!("({name} IS NOT NULL AND {})", self.unusable()),
        }
    }

    /// A test that it holds no date or moment that can be placed in time.
    fn unusable(&self) -> String {
        let name = &self.name;
        match self.class {
            Class::Any => format!("{name} NOT GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]*'"),
            Class::Text if self.column.ty == Type::Date => format!("{name} !~ '^{DAY}$'"),
            Class::Text => format!("{name} !~ '{MOMENT}'"),
            _ => format!("NOT isfinite({name})"),
        }
    }
}

/// A day that is one in the calendar, as text.
const DAY: &str = "(?!0000)([0-9]{4}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|[0-9]{4}-(0[469]|11)-(0[1-9]|[12][0-9]|30)\
    |[0-9]{4}-02-(0[1-9]|1[0-9]|2[0-8])|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)";

/// A moment as text, in every form that can be read as one and in no other, so that the server can be told to read it.
const MOMENT: &str = "^(?!0000)([0-9]{4}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|[0-9]{4}-(0[469]|11)-(0[1-9]|[12][0-9]|30)\
    |[0-9]{4}-02-(0[1-9]|1[0-9]|2[0-8])|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)\
    ([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?$";

/// The number a stored value of a column has.
fn stored_number(value: Number, encoding: &Encoding) -> Arg {
    let stored = match encoding {
        Encoding::Scaled(scale) => value.over(*scale).unwrap_or(value),
        _ => value,
    };
    match stored.to_whole().and_then(|n| i64::try_from(n).ok()) {
        Some(n) => Arg::Int(n),
        None => Arg::Real(stored.to_f64()),
    }
}

/// The text a word of a column is stored as.
fn stored_word(word: &str, column: &Column) -> String {
    match (&column.encoding, &column.ty) {
        (Encoding::Words(texts), Type::Words(words)) => words
            .iter()
            .position(|w| **w == *word)
            .and_then(|i| texts.get(i))
            .map_or_else(|| word.to_owned(), |t| t.to_string()),
        _ => word.to_owned(),
    }
}

/// All that is blank.
const BLANKS: &str = "char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, \
                      8202, 8232, 8233, 8239, 8287, 12288)";

impl Sql<'_> {
    fn calendar(&self) -> &Calendar {
        &self.pack.settings.calendar
    }

    /// The tests that a row has the key that alone is asked for.
    fn only_row(&self, contract: &Contract, alias: &str, w: &mut Writer) -> Vec<String> {
        let parts = contract.key.iter().zip(self.only.unwrap_or_default());
        parts.map(|(k, part)| self.place(contract, alias, *k).is(part, w)).collect()
    }

    /// The scanned contract: its table, or the one row that stands for it.
    fn scanned(&self, id: ContractId, w: &mut Writer) -> String {
        let Some(row) = self.row else { return self.from(id, w) };
        let columns: Vec<String> = (0..)
            .zip(row)
            .map(|(column, value)| {
                let place = self.place(self.pack.contract(id), "", column);
                format!("{} AS {}", place.literal(value.as_ref(), w), quote(&place.column.stored))
            })
            .collect();
        format!("(SELECT {})", columns.join(", "))
    }

    fn is_postgres(&self) -> bool {
        matches!(self.dialect, Dialect::Postgres(_))
    }

    /// A column of a contract, behind an alias such as `r.`.
    fn place<'c>(&self, contract: &'c Contract, alias: &str, column: u32) -> Place<'c> {
        let column = &contract.columns[column as usize];
        let class = match self.dialect {
            Dialect::Sqlite => Class::Any,
            Dialect::Postgres(class) => class(&contract.table, &column.stored),
        };
        Place { name: format!("{alias}{}", quote(&column.stored)), column, class }
    }

    /// What is always so, or never.
    fn always(&self, truth: bool) -> String {
        match (self.is_postgres(), truth) {
            (true, true) => "true",
            (true, false) => "false",
            (false, true) => "1",
            (false, false) => "0",
        }
        .into()
    }

    /// The functions for the less and the greater of two values.
    fn ends(&self) -> (&'static str, &'static str) {
        if self.is_postgres() { ("LEAST", "GREATEST") } else { ("MIN", "MAX") }
    }

    /// That two columns hold the same. Those of different types are held against each other as texts.
    fn same(&self, a: &Place<'_>, b: &Place<'_>) -> String {
        if a.class == b.class {
            format!("{} = {}", a.name, b.name)
        } else {
            format!("{}::text = {}::text", a.name, b.name)
        }
    }

    /// The column by which rows of a contract are named.
    fn key_place<'c>(&self, contract: &'c Contract, alias: &str) -> Option<Place<'c>> {
        contract.key.first().map(|key| self.place(contract, alias, *key))
    }

    fn from(&self, id: ContractId, w: &mut Writer) -> String {
        let contract = self.pack.contract(id);
        match (self.source)(id) {
            Source::Live => quote(&contract.table),
            Source::AsOf(at) => {
                let place = w.arg(Arg::Text(moment_text(at)));
                if self.is_postgres() {
                    return crate::store::changes::history_sql(contract, &format!("{place}::timestamptz"), true);
                }
                crate::store::changes::history_sql(contract, &place, false)
            }
        }
    }

    /// A column within a range of time.
    fn within(&self, place: &Place<'_>, range: &Range, w: &mut Writer) -> Vec<String> {
        let mut parts = Vec::new();
        if place.column.ty == Type::Date {
            let (from, to) = self.calendar().days(range);
            let day = place.day();
            if let Some(from) = from {
                parts.push(format!("{day} >= {}", place.day_arg(from.to_string(), w)));
            }
            parts.push(format!("{day} <= {}", place.day_arg(to.to_string(), w)));
            return parts;
        }
        let at = place.moment();
        if let Some((from, closed)) = range.from {
            if place.class == Class::Any {
                // The day before bounds the text in every form a moment may have, so that an index can be used.
                let day = from.to_zoned(jiff::tz::TimeZone::UTC).date().yesterday().unwrap_or(Date::MIN);
                parts.push(format!("{} >= {}", place.name, w.arg(Arg::Text(day.to_string()))));
            }
            parts.push(format!("{at} {} {}", if closed { ">=" } else { ">" }, place.moment_arg(from, w)));
        }
        let (to, closed) = range.to;
        parts.push(format!("{at} {} {}", if closed { "<=" } else { "<" }, place.moment_arg(to, w)));
        parts
    }

    /// Which rows of a contract can be seen at the instant.
    fn visible(&self, contract: &Contract, alias: &str, w: &mut Writer) -> Vec<String> {
        let mut parts = Vec::new();
        if let Some(dated) = contract.dated {
            let place = self.place(contract, alias, dated);
            let seen = self.within(&place, &window::seen(self.at), w).join(" AND ");
            // A row that may have no date, and has none, is always there.
            let optional = !matches!(place.column.optional, Optional::Required);
            parts.push(if optional { format!("({} IS NULL OR {seen})", place.name) } else { seen });
        }
        if let Some((from, until)) = contract.valid {
            // Without a beginning it is in force from ever, as without an end it is for ever.
            let place = self.place(contract, alias, from);
            let begun = self.within(&place, &window::seen(self.at), w);
            parts.push(format!("({} IS NULL OR ({}))", place.name, begun.join(" AND ")));
            let place = self.place(contract, alias, until);
            let after = match place.column.ty {
                Type::Date => {
                    let (_, last) = self.calendar().days(&window::seen(self.at));
                    format!("{} > {}", place.day(), place.day_arg(last.to_string(), w))
                }
                _ => {
                    // At the end of a period it was in force just before.
                    let sign = if self.at.period_end { ">=" } else { ">" };
                    format!("{} {sign} {}", place.moment(), place.moment_arg(self.at.at, w))
                }
            };
            parts.push(format!("({} IS NULL OR {after})", place.name));
        }
        parts
    }

    /// The same with the rows of which it cannot be told: those without a usable date are not left out in silence, they
    /// come along and are bad. Where a stretch has no beginning or no end, that is no fault.
    fn placeable(&self, contract: &Contract, alias: &str, w: &mut Writer) -> Vec<String> {
        let parts = self.visible(contract, alias, w);
        let unusable = |c: u32| self.place(contract, alias, c).no_time();
        let undated =
            contract.dated.map(|c| format!("{} IS NULL OR {}", self.place(contract, alias, c).name, unusable(c)));
        let valid = contract.valid.into_iter().flat_map(|(from, until)| [from, until]);
        let tests = undated.into_iter().chain(valid.map(unusable));
        parts.into_iter().zip(tests).map(|(part, test)| format!("({part} OR {test})")).collect()
    }

    /// Rows with some of their columns.
    pub fn rows(&self, id: ContractId, columns: &[u32]) -> Query {
        let contract = self.pack.contract(id);
        let mut w = Writer::new();
        let list: Vec<String> = columns.iter().map(|c| quote(&contract.columns[*c as usize].stored)).collect();
        let from = self.from(id, &mut w);
        let mut sql = format!("SELECT {} FROM {from} AS r", list.join(", "));
        let visible = self.placeable(contract, "r.", &mut w);
        if !visible.is_empty() {
            sql.push_str(&format!(" WHERE {}", visible.join(" AND ")));
        }
        let own = self.only_row(contract, "r.", &mut w);
        if !own.is_empty() {
            let word = if visible.is_empty() { "WHERE" } else { "AND" };
            sql.push_str(&format!(" {word} {}", own.join(" AND ")));
        }
        Query { sql, args: w.args }
    }

    /// All columns of some rows of a contract, whatever their date.
    pub fn look(&self, id: ContractId, look: &Look<'_>, at_most: usize) -> Query {
        let contract = self.pack.contract(id);
        let mut w = Writer::new();
        let columns: Vec<String> = contract
            .columns
            .iter()
            .map(|c| if matches!(c.ty, Type::List(_)) { "NULL".to_owned() } else { format!("r.{}", quote(&c.stored)) })
            .collect();
        let tests: Vec<String> = match look {
            Look::Key(key) => {
                let parts = contract.key.iter().zip(*key);
                parts.map(|(k, part)| self.place(contract, "r.", *k).is(part, &mut w)).collect()
            }
            Look::Holds(column, value) => vec![self.place(contract, "r.", *column).is(value, &mut w)],
            Look::Between(column, from, to) => {
                let place = self.place(contract, "r.", *column);
                self.within(&place, &Range { from: Some((*from, true)), to: (*to, true) }, &mut w)
            }
        };
        let limit = if at_most == usize::MAX { String::new() } else { format!(" LIMIT {at_most}") };
        let table = quote(&contract.table);
        let sql = format!("SELECT {} FROM {table} AS r WHERE {}{limit}", columns.join(", "), tests.join(" AND "));
        Query { sql, args: w.args }
    }

    /// The first moment of a column at or after another one.
    pub fn nearest(&self, id: ContractId, column: u32, from: Timestamp) -> Query {
        let contract = self.pack.contract(id);
        let mut w = Writer::new();
        let place = self.place(contract, "r.", column);
        let (at, from) = (place.moment(), place.moment_arg(from, &mut w));
        let table = quote(&contract.table);
        Query { sql: format!("SELECT MIN({at}) FROM {table} AS r WHERE {at} >= {from}"), args: w.args }
    }

    /// The column of a filter, with the joins it needs.
    fn column<'c>(&'c self, from: ContractId, hops: &[Hop], column: u32, w: &mut Writer) -> Place<'c> {
        let mut alias = "r".to_owned();
        let mut at = from;
        for (i, hop) in hops.iter().enumerate() {
            let (Hop::Column(through), Some(Relation::Contract(next))) =
                (hop, self.pack.hop_target(Relation::Contract(at), *hop))
            else {
                break;
            };
            let path = &hops[..=i];
            let known = w.joins.iter().find(|(p, _)| p == path).map(|(_, a)| a.clone());
            alias = known.unwrap_or_else(|| {
                let name = format!("j{}", w.joins.len() + 1);
                let table = self.from(next, w);
                let target = self.pack.contract(next);
                let via = self.place(self.pack.contract(at), &format!("{alias}."), *through);
                let key = self.key_place(target, &format!("{name}."));
                let same = key.map_or_else(|| format!("{name}.\"id\" = {}", via.name), |key| self.same(&key, &via));
                // What is not in force leads nowhere.
                let visible = self.visible(target, &format!("{name}."), w);
                let join = format!(" LEFT JOIN {table} AS {name} ON {same}");
                w.join_sql.push_str(&std::iter::once(join).chain(visible).collect::<Vec<_>>().join(" AND "));
                w.joins.push((path.to_vec(), name.clone()));
                name
            });
            at = next;
        }
        self.place(self.pack.contract(at), &format!("{alias}."), column)
    }

    fn filter(&self, e: &Expr<Checked>, from: ContractId, w: &mut Writer) -> String {
        match &e.kind {
            ExprKind::Joint(joint, all) => {
                let parts: Vec<String> = all.iter().map(|e| self.filter(e, from, w)).collect();
                let word = if *joint == Joint::And { " AND " } else { " OR " };
                if parts.is_empty() { self.always(true) } else { format!("({})", parts.join(word)) }
            }
            ExprKind::Not(e) => format!("NOT {}", self.filter(e, from, w)),
            ExprKind::Compare(compare, a, b) => {
                let value = window::constant(b, self.param);
                self.on_column(a, from, w, |sql, place, w| match &value {
                    Some(value) => sql.compare(place, *compare, value, w),
                    None => sql.always(false),
                })
            }
            ExprKind::OneOf(negated, a, all) => {
                let values: Vec<Value> = all.iter().filter_map(|e| window::constant(e, self.param)).collect();
                let one = self.on_column(a, from, w, |sql, place, w| {
                    let list: Vec<String> = values.iter().map(|v| sql.constant(place, v, w)).collect();
                    format!("({} IS NOT NULL AND {} IN ({}))", place.name, sql.compared(place), list.join(", "))
                });
                if *negated { format!("NOT {one}") } else { one }
            }
            ExprKind::Between(a, low, high) => {
                let (low, high) = (window::constant(low, self.param), window::constant(high, self.param));
                self.on_column(a, from, w, |sql, place, w| match (&low, &high) {
                    (Some(low), Some(high)) => {
                        let low = sql.compare(place, Compare::AtLeast, low, w);
                        format!("({low} AND {})", sql.compare(place, Compare::AtMost, high, w))
                    }
                    _ => sql.always(false),
                })
            }
            ExprKind::Presence(negated, presence, a) => self.on_column(a, from, w, |_, place, _| {
                let missing = (*presence == Presence::Missing) != *negated;
                format!("{} IS {}NULL", place.name, if missing { "" } else { "NOT " })
            }),
            ExprKind::Distance(d) => {
                let span = window::constant(&d.span, self.param);
                self.on_column(&d.value, from, w, |sql, place, w| {
                    let Some(span) = &span else { return sql.always(false) };
                    let ago = matches!(d.anchor, Anchor::Ago);
                    let limit = window::moved(sql.calendar(), sql.at.at, span, !ago);
                    if place.column.ty == Type::Date {
                        return sql.date_distance(place, d.more, ago, limit, w);
                    }
                    let earlier = d.more == ago;
                    let at = place.moment_arg(limit, w);
                    let test = format!("{} {} {at}", place.moment(), if earlier { "<" } else { ">" });
                    format!("({} IS NOT NULL AND {test})", place.name)
                })
            }
            _ => self.always(false),
        }
    }

    /// A date ends with its day where its age counts, and begins with it where it lies ahead.
    fn date_distance(&self, place: &Place<'_>, more: bool, ago: bool, limit: Timestamp, w: &mut Writer) -> String {
        let last = |closed: bool| self.calendar().days(&Range { from: None, to: (limit, closed) }).1;
        let mut day = |date: Date| place.day_arg(date.to_string(), w);
        let is = place.day();
        let test = match (ago, more) {
            (true, true) => format!("{is} < {}", day(last(false))),
            (true, false) => format!("{is} >= {}", day(last(true))),
            (false, true) => format!("{is} > {}", day(last(true))),
            (false, false) => format!("{is} <= {}", day(last(false))),
        };
        format!("({} IS NOT NULL AND {test})", place.name)
    }

    fn on_column(
        &self,
        e: &Expr<Checked>,
        from: ContractId,
        w: &mut Writer,
        write: impl FnOnce(&Self, &Place<'_>, &mut Writer) -> String,
    ) -> String {
        let ExprKind::Name(Binding::Column { hops, column, .. }) = &e.kind else { return self.always(false) };
        let place = self.column(from, hops, *column, w);
        write(self, &place, w)
    }

    /// The expression by which a column compares with constants of its type.
    fn compared(&self, place: &Place<'_>) -> String {
        match place.column.ty {
            _ if place.class == Class::Any => place.name.clone(),
            Type::Date => place.day(),
            Type::Moment => place.moment(),
            _ => place.value(),
        }
    }

    fn constant(&self, place: &Place<'_>, value: &Value, w: &mut Writer) -> String {
        let typed = place.class != Class::Any;
        match value {
            Value::Number(n) => {
                let arg = stored_number(*n, &place.column.encoding);
                match (arg, &place.column.encoding) {
                    (Arg::Int(n), _) if typed => format!("{}::bigint", w.arg(Arg::Int(n))),
                    (Arg::Real(_), encoding) if typed => {
                        let exact = match encoding {
                            Encoding::Scaled(scale) => n.over(*scale).unwrap_or(*n),
                            _ => *n,
                        };
                        format!("{}::numeric", w.arg(Arg::Text(exact.decimal(38))))
                    }
                    (arg, _) => w.arg(arg),
                }
            }
            Value::Truth(truth) if place.class == Class::Truth => self.always(*truth),
            Value::Truth(truth) if typed => i64::from(*truth).to_string(),
            Value::Truth(truth) => w.arg(Arg::Int(i64::from(*truth))),
            Value::Text(text) => {
                let place_of = w.arg(Arg::Text(stored_word(text, place.column)));
                if typed { format!("{place_of}::text") } else { place_of }
            }
            Value::Date(date) => place.day_arg(date.to_string(), w),
            Value::Moment(at) => place.moment_arg(*at, w),
            Value::Span(span) if typed => format!("{}::bigint", w.arg(Arg::Int(span.count()))),
            Value::Span(span) => w.arg(Arg::Int(span.count())),
        }
    }

    fn compare(&self, place: &Place<'_>, compare: Compare, value: &Value, w: &mut Writer) -> String {
        let (name, column) = (&*place.name, place.column);
        let timely = matches!(column.ty, Type::Date | Type::Moment);
        if timely {
            let day = place.day();
            let at = match value {
                Value::Date(date) if column.ty == Type::Date => {
                    let place = place.day_arg(date.to_string(), w);
                    return missing_aware(name, &day, compare, &place);
                }
                Value::Date(date) => self.calendar().day_start(*date),
                Value::Moment(at) => *at,
                _ => return self.always(false),
            };
            if column.ty == Type::Date {
                let last = |closed| self.calendar().days(&Range { from: None, to: (at, closed) }).1;
                let (sign, limit) = match compare {
                    Compare::AtLeast => (">", last(false)),
                    Compare::Above => (">", last(true)),
                    Compare::AtMost => ("<=", last(true)),
                    Compare::Below => ("<=", last(false)),
                    Compare::Is | Compare::IsNot => {
                        if self.calendar().day_start(last(true)) == at {
                            let place = place.day_arg(last(true).to_string(), w);
                            return missing_aware(name, &day, compare, &place);
                        }
                        // No day is a moment in the middle of one.
                        return match compare {
                            Compare::IsNot => self.always(true),
                            _ => self.always(false),
                        };
                    }
                };
                return format!("({name} IS NOT NULL AND {day} {sign} {})", place.day_arg(limit.to_string(), w));
            }
            let right = place.moment_arg(at, w);
            return missing_aware(name, &place.moment(), compare, &right);
        }
        let right = self.constant(place, value, w);
        missing_aware(name, &place.value(), compare, &right)
    }

    /// The statements of a group scan: one for all aggregates, one for each kind of "latest row" probe.
    pub fn groups(&self, scan: &GroupScan) -> Vec<(Query, Vec<usize>)> {
        let probe = |m: &Measure| matches!(m.what, What::Latest(_) | What::First(_));
        let mut queries = Vec::new();
        let aggregates: Vec<usize> = (0..scan.measures.len()).filter(|i| !probe(&scan.measures[*i])).collect();
        if !aggregates.is_empty() {
            queries.push((self.aggregates(scan, &aggregates), aggregates));
        }
        let mut left: Vec<usize> = (0..scan.measures.len()).filter(|i| probe(&scan.measures[*i])).collect();
        while let Some(first) = left.first().copied() {
            // Columns that may be missing have each their own latest row; all others share one probe.
            let (model, required) = (&scan.measures[first], self.is_required(scan, first));
            let together = |i: &usize| {
                let m = &scan.measures[*i];
                *i == first
                    || required
                        && self.is_required(scan, *i)
                        && m.window == model.window
                        && m.filter == model.filter
                        && matches!(
                            (m.what, model.what),
                            (What::Latest(_), What::Latest(_)) | (What::First(_), What::First(_))
                        )
            };
            let (now, later): (Vec<usize>, Vec<usize>) = left.iter().copied().partition(|i| together(i));
            queries.push((self.probe(scan, &now), now));
            left = later;
        }
        queries
    }

    fn is_required(&self, scan: &GroupScan, measure: usize) -> bool {
        match scan.measures[measure].what {
            What::Latest(c) | What::First(c) => {
                matches!(self.pack.contract(scan.contract).columns[c as usize].optional, Optional::Required)
            }
            _ => true,
        }
    }

    /// The key of each row, through joins where it takes more than one reference.
    fn group_key(&self, scan: &GroupScan, w: &mut Writer) -> Option<String> {
        if !scan.is_keyed() {
            return None;
        }
        let Some((last, before)) = scan.hops.split_last() else {
            // Each row of the key's own table is a group of its own.
            let contract = self.pack.contract(scan.contract);
            return self.key_place(contract, "r.").map(|place| place.name);
        };
        let mut at = scan.contract;
        for hop in before {
            if let Some(Relation::Contract(next)) = self.pack.hop_target(Relation::Contract(at), *hop) {
                at = next;
            }
        }
        let Hop::Column(column) = last else { return None };
        let _ = at;
        Some(self.column(scan.contract, before, *column, w).name)
    }

    /// The rows of a scan that none of its windows needs are not read.
    fn hull(&self, scan: &GroupScan, measures: &[usize]) -> Option<(u32, Range)> {
        let mut hull: Option<(u32, Range)> = None;
        for i in measures {
            let (column, range) = self.window(&scan.measures[*i])?;
            let column = &column;
            hull = Some(match hull {
                None => (*column, range),
                Some((same, wide)) if same == *column => {
                    let from = match (wide.from, range.from) {
                        (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
                        _ => None,
                    };
                    (same, Range { from, to: if wide.to.0 >= range.to.0 { wide.to } else { range.to } })
                }
                Some(_) => return None,
            });
        }
        hull
    }

    /// The column and the stretch of time of a measure.
    fn window(&self, measure: &Measure) -> Option<(u32, Range)> {
        let window = measure.window.as_ref()?;
        let Some(Binding::Column { column, .. }) = &window.by else { return None };
        Some((*column, window::range(self.calendar(), &window.kind, self.at, self.param)?))
    }

    /// What a row must keep to count for a measure, beside what all rows that are read keep.
    fn condition(
        &self,
        scan: &GroupScan,
        measure: &Measure,
        hull: Option<&(u32, Range)>,
        w: &mut Writer,
    ) -> Vec<String> {
        let contract = self.pack.contract(scan.contract);
        let mut parts = Vec::new();
        if let Some((column, range)) = self.window(measure)
            && hull.is_none_or(|h| *h != (column, range))
        {
            parts.extend(self.within(&self.place(contract, "r.", column), &range, w));
        }
        if let Some(filter) = &measure.filter {
            parts.push(self.filter(filter, scan.contract, w));
        }
        parts
    }

    /// A column as it is put in order.
    fn ordered(&self, contract: &Contract, column: u32) -> String {
        let place = self.place(contract, "r.", column);
        if place.class == Class::Text { format!("{} COLLATE \"C\"", place.name) } else { place.name }
    }

    fn aggregates(&self, scan: &GroupScan, measures: &[usize]) -> Query {
        let contract = self.pack.contract(scan.contract);
        let mut w = Writer::new();
        let from = self.scanned(scan.contract, &mut w);
        let hull = self.hull(scan, measures);
        let sought = self.sought(scan, hull.as_ref(), &mut w);
        let key = match &sought {
            Some(_) => Some("n.k".to_owned()),
            None => self.group_key(scan, &mut w),
        };
        let mut list: Vec<String> = key.iter().cloned().collect();
        for i in measures {
            let measure = &scan.measures[*i];
            let name = |c: u32| format!("r.{}", quote(&contract.columns[c as usize].stored));
            let call = match measure.what {
                What::Rows => "COUNT(*)".to_owned(),
                What::Known(c) => format!("COUNT({})", name(c)),
                What::Distinct(c) => format!("COUNT(DISTINCT {})", name(c)),
                What::Sum(c) if self.is_postgres() => match self.place(contract, "r.", c).class {
                    // By way of its text a binary number becomes the decimal that was meant, and sums are exact.
                    Class::Binary => format!("SUM({}::text::numeric)", name(c)),
                    _ => format!("SUM({})", name(c)),
                },
                What::Sum(c) if self.exact => format!("exact_sum({})", name(c)),
                What::Sum(c) => format!("SUM({})", name(c)),
                What::Min(c) => format!("MIN({})", self.ordered(contract, c)),
                What::Max(c) => format!("MAX({})", self.ordered(contract, c)),
                What::Newest | What::Latest(_) | What::First(_) => {
                    let place = self.place(contract, "r.", contract.dated.unwrap_or(0));
                    format!("MAX({})", if place.column.ty == Type::Date { place.day() } else { place.moment() })
                }
            };
            let condition = self.condition(scan, measure, hull.as_ref(), &mut w);
            list.push(if condition.is_empty() {
                call
            } else {
                format!("{call} FILTER (WHERE {})", condition.join(" AND "))
            });
        }
        let mut tests = self.visible(contract, "r.", &mut w);
        if let Some(dated) = contract.dated.filter(|_| self.undated) {
            tests.push(format!("NOT {}", self.place(contract, "r.", dated).no_time()));
        }
        if let Some((column, range)) = &hull {
            let tests_of_time = self.within(&self.place(contract, "r.", *column), range, &mut w);
            tests.extend(tests_of_time.into_iter().filter(|t| !tests.contains(t)).collect::<Vec<_>>());
        }
        let mut sql = match &sought {
            // Without `CROSS` the other table could be read first, and whole.
            Some((keys, via)) => format!(
                "SELECT {} FROM {keys} AS n CROSS JOIN {from} AS r ON r.{via} = n.k{}",
                list.join(", "),
                w.join_sql
            ),
            None => {
                tests.extend(key.iter().map(|k| match self.only.and_then(<[Arg]>::first) {
                    Some(only) => format!("{k} = {}", w.arg(only.clone())),
                    None => format!("{k} IS NOT NULL"),
                }));
                format!("SELECT {} FROM {from} AS r{}", list.join(", "), w.join_sql)
            }
        };
        if !tests.is_empty() {
            sql.push_str(&format!(" WHERE {}", tests.join(" AND ")));
        }
        if key.is_some() {
            sql.push_str(" GROUP BY 1");
        }
        Query { sql, args: w.args }
    }

    /// The keys and the column that refers to them, where a stretch of time is better sought for each key by itself.
    fn sought(&self, scan: &GroupScan, hull: Option<&(u32, Range)>, w: &mut Writer) -> Option<(String, String)> {
        let ([Hop::Column(via)], Some(grain @ Relation::Contract(_))) = (&scan.hops[..], scan.grain) else {
            return None;
        };
        let (column, range) = hull?;
        let live = (self.source)(scan.contract) == Source::Live && self.row.is_none();
        // The planner of PostgreSQL finds that out by itself.
        if self.is_postgres() || !live || range.from.is_none() || !(self.indexed)(scan.contract, *via, *column) {
            return None;
        }
        let contract = self.pack.contract(scan.contract);
        Some((self.every_key(grain, w)?, quote(&contract.columns[*via as usize].stored)))
    }

    /// Every key of a contract's rows, as `k`.
    fn every_key(&self, relation: Relation, w: &mut Writer) -> Option<String> {
        let Relation::Contract(id) = relation else { return None };
        if let Some(only) = self.only.and_then(<[Arg]>::first) {
            return Some(format!("(SELECT {} AS k)", w.arg(only.clone())));
        }
        let noun = self.pack.contract(id);
        let key = noun.key.first().map_or("id", |k| &noun.columns[*k as usize].stored);
        Some(format!("(SELECT {} AS k FROM {})", quote(key), quote(&noun.table)))
    }

    /// The latest (or first) row of each key: one probe of the index a key.
    fn probe(&self, scan: &GroupScan, measures: &[usize]) -> Query {
        let contract = self.pack.contract(scan.contract);
        let mut w = Writer::new();
        let from = self.from(scan.contract, &mut w);
        let model = &scan.measures[measures[0]];
        let latest = matches!(model.what, What::Latest(_));
        let dated = &contract.columns[contract.dated.unwrap_or(0) as usize];
        let via = match scan.hops.first() {
            Some(Hop::Column(c)) => quote(&contract.columns[*c as usize].stored),
            _ => "NULL".into(),
        };
        let name = |c: u32| format!("r.{}", quote(&contract.columns[c as usize].stored));
        let columns: Vec<String> = measures
            .iter()
            .filter_map(|i| match scan.measures[*i].what {
                What::Latest(c) | What::First(c) => Some(name(c)),
                _ => None,
            })
            .collect();
        let mut tests = self.visible(contract, "r.", &mut w);
        tests.extend(self.condition(scan, model, None, &mut w));
        if !self.is_required(scan, measures[0]) {
            tests.extend(columns.first().map(|c| format!("{c} IS NOT NULL")));
        }
        // The same tests inside the probe speak of its own row.
        let inner: Vec<String> = tests.iter().map(|t| t.replace("r.\"", "x.\"")).collect();
        let inner_joins = w.join_sql.replace("r.\"", "x.\"");
        let date_of = |alias: &str| {
            let place = self.place(contract, alias, contract.dated.unwrap_or(0));
            if dated.ty == Type::Date { place.day() } else { place.moment() }
        };
        let (outer_date, inner_date) = (date_of("r."), date_of("x."));
        if self.is_postgres() {
            return self.probe_on_postgres(scan, (&from, &outer_date, latest), &columns, tests, w);
        }
        let grain = scan
            .grain
            .and_then(|grain| self.every_key(grain, &mut w))
            .unwrap_or_else(|| format!("(SELECT DISTINCT {via} AS k FROM {from})"));
        let sql = format!(
            "SELECT n.k, {outer_date}, {} FROM {grain} AS n JOIN {from} AS r ON r.{via} = n.k AND {outer_date} = \
             (SELECT {}({inner_date}) FROM {from} AS x{inner_joins} WHERE x.{via} = n.k AND {}){} WHERE {}",
            columns.join(", "),
            if latest { "MAX" } else { "MIN" },
            inner.join(" AND "),
            w.join_sql,
            tests.join(" AND "),
        ) + &self.tied(contract, scan, latest);
        Query { sql, args: w.args }
    }

    /// The same for PostgreSQL: one step into the index for each key where there is one that leads there, else one sort.
    fn probe_on_postgres(
        &self,
        scan: &GroupScan,
        (from, date, latest): (&str, &str, bool),
        columns: &[String],
        mut tests: Vec<String>,
        mut w: Writer,
    ) -> Query {
        let contract = self.pack.contract(scan.contract);
        let order = if latest { "DESC" } else { "ASC" };
        let list = columns.join(", ");
        let joins = w.join_sql.clone();
        let Some(Hop::Column(via)) = scan.hops.first() else {
            let sql = format!(
                "SELECT NULL, {date}, {list} FROM {from} AS r{joins} WHERE {} ORDER BY 2 {order} LIMIT 1",
                tests.join(" AND ")
            );
            return Query { sql, args: w.args };
        };
        let place = self.place(contract, "r.", *via);
        if let Some(only) = self.only.and_then(<[Arg]>::first) {
            tests.push(place.is(only, &mut w));
            let sql = format!(
                "SELECT {}, {date}, {list} FROM {from} AS r{joins} WHERE {} ORDER BY 2 {order} LIMIT 1",
                place.name,
                tests.join(" AND ")
            );
            return Query { sql, args: w.args };
        }
        let noun = match scan.grain {
            Some(Relation::Contract(id)) => Some(self.pack.contract(id)),
            _ => None,
        };
        let indexed = (self.source)(scan.contract) == Source::Live
            && (self.indexed)(scan.contract, *via, contract.dated.unwrap_or(0));
        let sql = match noun.and_then(|noun| Some((noun, self.key_place(noun, "n.")?))).filter(|_| indexed) {
            Some((noun, key)) => {
                tests.push(self.same(&place, &key));
                let names: Vec<String> = (0..columns.len()).map(|i| format!("p.c{i}")).collect();
                let inner: Vec<String> = columns.iter().enumerate().map(|(i, c)| format!("{c} AS c{i}")).collect();
                format!(
                    "SELECT {}, p.at, {} FROM {} AS n CROSS JOIN LATERAL (SELECT {date} AS at, {} FROM {from} AS r{joins} \
                     WHERE {} ORDER BY {date} {order} LIMIT 1) AS p",
                    key.name,
                    names.join(", "),
                    quote(&noun.table),
                    inner.join(", "),
                    tests.join(" AND "),
                )
            }
            None => {
                tests.push(format!("{} IS NOT NULL", place.name));
                format!(
                    "SELECT DISTINCT ON ({key}) {key}, {date}, {list} FROM {from} AS r{joins} WHERE {} \
                     ORDER BY {key}, {date} {order}",
                    tests.join(" AND "),
                    key = place.name,
                )
            }
        };
        Query { sql, args: w.args }
    }

    /// The order in which rows of one key and date come, of which the last is taken: the latest is the one whose own key
    /// comes last, the first the one whose comes first. Nothing where no two rows can have one date.
    fn tied(&self, contract: &Contract, scan: &GroupScan, latest: bool) -> String {
        let of_day = contract.dated.is_some_and(|d| contract.columns[d as usize].ty == Type::Date);
        let alone = |k: &u32| Some(*k) == contract.dated || scan.hops.first() == Some(&Hop::Column(*k));
        if of_day && contract.key.iter().all(alone) {
            return String::new();
        }
        let way = if latest { "ASC" } else { "DESC" };
        let key = contract.key.iter().map(|k| quote(&contract.columns[*k as usize].stored));
        let key: Vec<String> = key.map(|name| format!("CAST(r.{name} AS TEXT) {way}")).collect();
        format!(" ORDER BY {}", key.join(", "))
    }

    /// Pairs of one `sharing` line, each with how much is shared and what.
    pub fn sharing(&self, contract: ContractId, owner: u32, thing: u32) -> Query {
        let shape = self.pack.contract(contract);
        let mut w = Writer::new();
        let from = self.from(contract, &mut w);
        let texts = [owner, thing].map(|c| self.place(shape, "", c).class == Class::Text);
        let (owner, thing) =
            (quote(&shape.columns[owner as usize].stored), quote(&shape.columns[thing as usize].stored));
        let things = if self.is_postgres() {
            let order = if texts[1] { " COLLATE \"C\"" } else { "" };
            format!("json_agg(DISTINCT a.{thing}::text{order})::text")
        } else {
            format!("json_group_array(DISTINCT a.{thing})")
        };
        let order = if texts[0] { " COLLATE \"C\"" } else { "" };
        let both: Vec<String> = ["a.", "b."].iter().flat_map(|alias| self.visible(shape, alias, &mut w)).collect();
        let visible = if both.is_empty() { String::new() } else { format!(" AND {}", both.join(" AND ")) };
        let pairs = |ends: &str, own: &str| {
            format!(
                "SELECT {ends}, COUNT(DISTINCT a.{thing}), {things} FROM {from} AS a \
                 JOIN {from} AS b ON b.{thing} = a.{thing}{own}{visible} GROUP BY 1, 2"
            )
        };
        let sql = match self.only.and_then(<[Arg]>::first) {
            None => pairs(&format!("a.{owner}, b.{owner}"), &format!(" AND a.{owner} < b.{owner}{order}")),
            // From the one to its partners, whichever of the two comes first.
            Some(only) => {
                let only = w.arg(only.clone());
                let (least, greatest) = self.ends();
                let ends = format!("{least}(a.{owner}{order}, b.{owner}), {greatest}(a.{owner}{order}, b.{owner})");
                pairs(&ends, &format!(" AND a.{owner} <> b.{owner} AND a.{owner} = {only}"))
            }
        };
        Query { sql, args: w.args }
    }

    /// Pairs named by the rows that belong to them.
    pub fn found(&self, contract: ContractId, first: u32, second: u32) -> Query {
        let shape = self.pack.contract(contract);
        let mut w = Writer::new();
        let from = self.from(contract, &mut w);
        let (a, b) = (
            format!("r.{}", quote(&shape.columns[first as usize].stored)),
            format!("r.{}", quote(&shape.columns[second as usize].stored)),
        );
        let mut tests = vec![format!("{a} <> {b}")];
        tests.extend(self.visible(shape, "r.", &mut w));
        if let Some(only) = self.only.and_then(<[Arg]>::first) {
            let only = w.arg(only.clone());
            tests.push(format!("({a} = {only} OR {b} = {only})"));
        }
        let (least, greatest) = self.ends();
        let order = if self.place(shape, "", first).class == Class::Text { " COLLATE \"C\"" } else { "" };
        let sql = format!(
            "SELECT {least}({a}{order}, {b}), {greatest}({a}{order}, {b}), COUNT(*), '[]' FROM {from} AS r WHERE {} \
             GROUP BY 1, 2",
            tests.join(" AND ")
        );
        Query { sql, args: w.args }
    }

    /// Rows that break their contract: key columns, then all columns, then a mark for each rule that SQL alone can judge.
    pub fn violations(&self, id: ContractId, clock: Timestamp) -> (Query, Vec<Mark>) {
        let contract = self.pack.contract(id);
        let mut w = Writer::new();
        let mut tests = Vec::new();
        let mut marks = Vec::new();
        let mut list: Vec<String> = contract.columns.iter().map(|c| format!("r.{}", quote(&c.stored))).collect();
        for (i, column) in contract.columns.iter().enumerate() {
            let name = format!("r.{}", quote(&column.stored));
            let index = i as u32;
            let required = matches!(column.optional, Optional::Required);
            if required {
                tests.push(format!("{name} IS NULL"));
            }
            if let Optional::Unless(condition) = &column.optional {
                let test = format!("({name} IS NULL AND {})", self.filter(condition, id, &mut w));
                list.push(format!("CASE WHEN {test} THEN 1 ELSE 0 END"));
                marks.push(Mark { column: index, orphan: false });
                tests.push(test);
            }
            let place = self.place(contract, "r.", index);
            tests.extend(match place.class {
                Class::Any => self.wrong_value(&place, clock, &mut w),
                _ => self.wrong_on_postgres(&place, clock, &mut w),
            });
            if let Some(target) = column.refers {
                let target = self.pack.contract(target);
                if !target.is_table() {
                    continue;
                }
                let key = self.key_place(target, "t.");
                let same = key.map_or_else(|| format!("t.\"id\" = {name}"), |key| self.same(&key, &place));
                let test = format!(
                    "({name} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {} AS t WHERE {same}))",
                    quote(&target.table),
                );
                list.push(format!("CASE WHEN {test} THEN 1 ELSE 0 END"));
                marks.push(Mark { column: index, orphan: true });
                tests.push(test);
            }
        }
        if tests.is_empty() {
            tests.push(self.always(false));
        }
        let sql = format!(
            "SELECT {} FROM {} AS r{} WHERE ({})",
            list.join(", "),
            quote(&contract.table),
            w.join_sql,
            tests.join(" OR ")
        );
        let own = self.only_row(contract, "r.", &mut w);
        let sql = if own.is_empty() { sql } else { format!("{sql} AND {}", own.join(" AND ")) };
        (Query { sql, args: w.args }, marks)
    }

    /// Values of time and text beyond their bounds.
    fn beyond(&self, place: &Place<'_>, w: &mut Writer) -> Vec<String> {
        let column = place.column;
        let mut tests = Vec::new();
        if matches!(column.ty, Type::Date | Type::Moment | Type::Text) {
            for (bound, beyond) in [(&column.low, Compare::Below), (&column.high, Compare::Above)] {
                if let Some(bound) = bound.as_ref().and_then(|b| window::constant(b, self.param)) {
                    tests.push(self.compare(place, beyond, &bound, w));
                }
            }
        }
        tests
    }

    fn wrong_value(&self, place: &Place<'_>, clock: Timestamp, w: &mut Writer) -> Vec<String> {
        let mut tests = self.beyond(place, w);
        let (name, column) = (&place.name, place.column);
        match &column.ty {
            ty if ty.is_quantity() => {
                let kinds = if *ty == Type::Count { "('integer', 'null')" } else { "('integer', 'real', 'null')" };
                tests.push(format!("typeof({name}) NOT IN {kinds}"));
                // What no exact number can be is looked at: it may be too large, too small or infinite.
                tests.push(format!(
                    "typeof({name}) = 'real' AND {name} <> 0 AND abs({name}) NOT BETWEEN 1e-18 AND 1e30"
                ));
                if *ty == Type::Count {
                    tests.push(format!("{name} < 0"));
                }
                for (bound, sign) in [(&column.low, "<"), (&column.high, ">")] {
                    if let Some(Value::Number(n)) = bound.as_ref().and_then(|b| window::constant(b, self.param)) {
                        tests.push(format!("{name} {sign} {}", w.arg(stored_number(n, &column.encoding))));
                    }
                }
            }
            Type::Words(words) => {
                let list: Vec<String> = words.iter().map(|word| w.arg(Arg::Text(stored_word(word, column)))).collect();
                tests.push(format!("{name} NOT IN ({})", list.join(", ")));
            }
            Type::Truth => tests.push(format!("{name} NOT IN (0, 1)")),
            Type::Date => {
                tests.push(place.no_time());
                if column.not_future {
                    let today = self.calendar().date(clock);
                    tests.push(format!("{name} > {}", w.arg(Arg::Text(today.to_string()))));
                }
            }
            Type::Moment => {
                tests.push(place.no_time());
                if column.not_future {
                    tests.push(format!("{} > {}", place.moment(), place.moment_arg(clock, w)));
                }
            }
            _ => {
                tests.push(format!("typeof({name}) = 'blob'"));
                if column.not_empty {
                    // Whatever is blank, not only the space.
                    tests.push(format!("trim({name}, {BLANKS}) = ''"));
                }
            }
        }
        tests
    }

    /// The same where columns have types: only what a type lets through is left to be looked for.
    fn wrong_on_postgres(&self, place: &Place<'_>, clock: Timestamp, w: &mut Writer) -> Vec<String> {
        let (name, column) = (&place.name, place.column);
        let mut tests = self.beyond(place, w);
        match &column.ty {
            ty if ty.is_quantity() => {
                if matches!(place.class, Class::Decimal | Class::Binary) {
                    tests.push(format!("{name} IN ('NaN', 'Infinity', '-Infinity')"));
                    if *ty == Type::Count {
                        tests.push(format!("{name} <> trunc({name})"));
                    }
                }
                if *ty == Type::Count {
                    tests.push(format!("{name} < 0"));
                }
                for (bound, sign) in [(&column.low, "<"), (&column.high, ">")] {
                    if let Some(value @ Value::Number(_)) = bound.as_ref().and_then(|b| window::constant(b, self.param))
                    {
                        tests.push(format!("{name} {sign} {}", self.constant(place, &value, w)));
                    }
                }
            }
            Type::Words(words) => {
                let list: Vec<String> =
                    words.iter().map(|word| self.constant(place, &Value::Text(word.clone()), w)).collect();
                tests.push(format!("{} NOT IN ({})", place.value(), list.join(", ")));
            }
            Type::Truth if place.class != Class::Truth => tests.push(format!("{name} NOT IN (0, 1)")),
            Type::Truth | Type::Span => {}
            Type::Date | Type::Moment => {
                tests.push(place.unusable());
                if column.not_future {
                    tests.push(if column.ty == Type::Date {
                        let today = self.calendar().date(clock);
                        format!("{} > {}", place.day(), place.day_arg(today.to_string(), w))
                    } else {
                        format!("{} > {}", place.moment(), place.moment_arg(clock, w))
                    });
                }
            }
            _ if column.not_empty => tests.push(format!("btrim({}) = ''", place.value())),
            _ => {}
        }
        tests
    }

    /// Row keys that stand more than once.
    pub fn duplicates(&self, id: ContractId) -> Option<Query> {
        let contract = self.pack.contract(id);
        if contract.key.is_empty() {
            return None;
        }
        let keys: Vec<String> = contract.key.iter().map(|k| quote(&contract.columns[*k as usize].stored)).collect();
        let keys = keys.join(", ");
        let mut w = Writer::new();
        let own = self.only_row(contract, "", &mut w);
        let own = if own.is_empty() { String::new() } else { format!(" WHERE {}", own.join(" AND ")) };
        let sql =
            format!("SELECT {keys}, COUNT(*) FROM {}{own} GROUP BY {keys} HAVING COUNT(*) > 1", quote(&contract.table));
        Some(Query { sql, args: w.args })
    }
}

/// A rule of a column that only the statement itself can judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The column.
    pub column: u32,
    /// It names a row that is not there; else it is missing where the row demands it.
    pub orphan: bool,
}

/// A comparison that is false for a missing value, and `is not` true for it.
fn missing_aware(name: &str, left: &str, compare: Compare, right: &str) -> String {
    match compare {
        Compare::IsNot => format!("({name} IS NULL OR {left} <> {right})"),
        compare => format!("({name} IS NOT NULL AND {left} {} {right})", compare.sql()),
    }
}
