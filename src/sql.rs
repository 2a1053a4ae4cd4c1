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
use crate::time::{Calendar, Instant, Range};
use crate::value::{Number, Type, Value};

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Real(f64),
}

impl Arg {
    /// As it would be written in the statement, for people.
    pub fn show(&self) -> String {
        match self {
            Arg::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Arg::Int(n) => n.to_string(),
            Arg::Real(n) => n.to_string(),
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

/// What all statements of one instant share.
pub struct Sql<'a> {
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

/// Whether what is stored is no day or no moment.
fn no_time(column: &str, ty: &Type) -> String {
    if *ty == Type::Date {
        format!("({column} IS NOT NULL AND date({column}) IS NOT {column})")
    } else {
        format!("({column} IS NOT NULL AND NOT is_moment({column}))")
    }
}

/// The expression by which moments compare: whatever form they are stored in, as UTC text with milliseconds.
fn moment_expr(column: &str) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%fZ', {column})")
}

impl Sql<'_> {
    fn calendar(&self) -> &Calendar {
        &self.pack.settings.calendar
    }

    fn from(&self, id: ContractId, w: &mut Writer) -> String {
        let contract = self.pack.contract(id);
        match (self.source)(id) {
            Source::Live => quote(&contract.table),
            Source::AsOf(at) => {
                let place = w.arg(Arg::Text(moment_text(at)));
                crate::store::changes::history_sql(contract, &place)
            }
        }
    }

    /// `column` within a range of time.
    fn within(&self, column: &str, ty: &Type, range: &Range, w: &mut Writer) -> Vec<String> {
        let mut parts = Vec::new();
        if *ty == Type::Date {
            let (from, to) = self.calendar().days(range);
            if let Some(from) = from {
                parts.push(format!("{column} >= {}", w.arg(Arg::Text(from.to_string()))));
            }
            parts.push(format!("{column} <= {}", w.arg(Arg::Text(to.to_string()))));
            return parts;
        }
        let at = moment_expr(column);
        if let Some((from, closed)) = range.from {
            // The day before bounds the text in every form a moment may have, so that an index can be used.
            let day = from.to_zoned(jiff::tz::TimeZone::UTC).date().yesterday().unwrap_or(Date::MIN);
            parts.push(format!("{column} >= {}", w.arg(Arg::Text(day.to_string()))));
            parts.push(format!("{at} {} {}", if closed { ">=" } else { ">" }, w.arg(Arg::Text(moment_text(from)))));
        }
        let (to, closed) = range.to;
        parts.push(format!("{at} {} {}", if closed { "<=" } else { "<" }, w.arg(Arg::Text(moment_text(to)))));
        parts
    }

    /// Which rows of a contract can be seen at the instant.
    fn visible(&self, contract: &Contract, alias: &str, w: &mut Writer) -> Vec<String> {
        let column = |c: u32| {
            (format!("{alias}{}", quote(&contract.columns[c as usize].stored)), &contract.columns[c as usize].ty)
        };
        let mut parts = Vec::new();
        if let Some(dated) = contract.dated {
            let (name, ty) = column(dated);
            let seen = self.within(&name, ty, &window::seen(self.at), w).join(" AND ");
            // A row that may have no date, and has none, is always there.
            let optional = !matches!(contract.columns[dated as usize].optional, Optional::Required);
            parts.push(if optional { format!("({name} IS NULL OR {seen})") } else { seen });
        }
        if let Some((from, until)) = contract.valid {
            // Without a beginning it is in force from ever, as without an end it is for ever.
            let (name, ty) = column(from);
            let begun = self.within(&name, ty, &window::seen(self.at), w);
            parts.push(format!("({name} IS NULL OR ({}))", begun.join(" AND ")));
            let (name, ty) = column(until);
            let after = match ty {
                Type::Date => {
                    let (_, last) = self.calendar().days(&window::seen(self.at));
                    format!("{name} > {}", w.arg(Arg::Text(last.to_string())))
                }
                _ => {
                    // At the end of a period it was in force just before.
                    let sign = if self.at.period_end { ">=" } else { ">" };
                    format!("{} {sign} {}", moment_expr(&name), w.arg(Arg::Text(moment_text(self.at.at))))
                }
            };
            parts.push(format!("({name} IS NULL OR {after})"));
        }
        parts
    }

    /// The same with the rows of which it cannot be told: those without a usable date are not left out in silence, they
    /// come along and are bad. Where a stretch has no beginning or no end, that is no fault.
    fn placeable(&self, contract: &Contract, alias: &str, w: &mut Writer) -> Vec<String> {
        let parts = self.visible(contract, alias, w);
        let column = |c: u32| (format!("{alias}{}", quote(&contract.columns[c as usize].stored)), c);
        let unusable = |(name, c): (String, u32)| no_time(&name, &contract.columns[c as usize].ty);
        let undated = contract.dated.map(|c| format!("{} IS NULL OR {}", column(c).0, unusable(column(c))));
        let valid = contract.valid.into_iter().flat_map(|(from, until)| [from, until]);
        let tests = undated.into_iter().chain(valid.map(|c| unusable(column(c))));
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
        Query { sql, args: w.args }
    }

    /// The column of a filter, with the joins it needs.
    fn column<'c>(&'c self, from: ContractId, hops: &[Hop], column: u32, w: &mut Writer) -> (String, &'c Column) {
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
                let key = target.key.first().map_or("id", |k| &target.columns[*k as usize].stored);
                let via = &self.pack.contract(at).columns[*through as usize].stored;
                let join = format!(" LEFT JOIN {table} AS {name} ON {name}.{} = {alias}.{}", quote(key), quote(via));
                // What is not in force leads nowhere.
                let visible = self.visible(target, &format!("{name}."), w);
                w.join_sql.push_str(&std::iter::once(join).chain(visible).collect::<Vec<_>>().join(" AND "));
                w.joins.push((path.to_vec(), name.clone()));
                name
            });
            at = next;
        }
        let column = &self.pack.contract(at).columns[column as usize];
        (format!("{alias}.{}", quote(&column.stored)), column)
    }

    fn filter(&self, e: &Expr<Checked>, from: ContractId, w: &mut Writer) -> String {
        match &e.kind {
            ExprKind::Joint(joint, all) => {
                let parts: Vec<String> = all.iter().map(|e| self.filter(e, from, w)).collect();
                let word = if *joint == Joint::And { " AND " } else { " OR " };
                if parts.is_empty() { "1".into() } else { format!("({})", parts.join(word)) }
            }
            ExprKind::Not(e) => format!("NOT {}", self.filter(e, from, w)),
            ExprKind::Compare(compare, a, b) => {
                let value = window::constant(b, self.param);
                self.on_column(a, from, w, |sql, name, column, w| match &value {
                    Some(value) => sql.compare(name, column, *compare, value, w),
                    None => "0".into(),
                })
            }
            ExprKind::OneOf(negated, a, all) => {
                let values: Vec<Value> = all.iter().filter_map(|e| window::constant(e, self.param)).collect();
                let one = self.on_column(a, from, w, |sql, name, column, w| {
                    let list: Vec<String> = values.iter().map(|v| sql.constant(column, v, w)).collect();
                    format!("({name} IS NOT NULL AND {name} IN ({}))", list.join(", "))
                });
                if *negated { format!("NOT {one}") } else { one }
            }
            ExprKind::Between(a, low, high) => {
                let (low, high) = (window::constant(low, self.param), window::constant(high, self.param));
                self.on_column(a, from, w, |sql, name, column, w| match (&low, &high) {
                    (Some(low), Some(high)) => {
                        let low = sql.compare(name, column, Compare::AtLeast, low, w);
                        format!("({low} AND {})", sql.compare(name, column, Compare::AtMost, high, w))
                    }
                    _ => "0".into(),
                })
            }
            ExprKind::Presence(negated, presence, a) => self.on_column(a, from, w, |_, name, _, _| {
                let missing = (*presence == Presence::Missing) != *negated;
                format!("{name} IS {}NULL", if missing { "" } else { "NOT " })
            }),
            ExprKind::Distance(d) => {
                let span = window::constant(&d.span, self.param);
                self.on_column(&d.value, from, w, |sql, name, column, w| {
                    let Some(span) = &span else { return "0".into() };
                    let ago = matches!(d.anchor, Anchor::Ago);
                    let limit = window::moved(sql.calendar(), sql.at.at, span, !ago);
                    if column.ty == Type::Date {
                        return sql.date_distance(name, d.more, ago, limit, w);
                    }
                    let earlier = d.more == ago;
                    let at = w.arg(Arg::Text(moment_text(limit)));
                    let test = format!("{} {} {at}", moment_expr(name), if earlier { "<" } else { ">" });
                    format!("({name} IS NOT NULL AND {test})")
                })
            }
            _ => "0".into(),
        }
    }

    /// A date ends with its day where its age counts, and begins with it where it lies ahead.
    fn date_distance(&self, name: &str, more: bool, ago: bool, limit: Timestamp, w: &mut Writer) -> String {
        let last = |closed: bool| self.calendar().days(&Range { from: None, to: (limit, closed) }).1;
        let day = |date: Date, w: &mut Writer| w.arg(Arg::Text(date.to_string()));
        let test = match (ago, more) {
            (true, true) => format!("{name} < {}", day(last(false), w)),
            (true, false) => format!("{name} >= {}", day(last(true), w)),
            (false, true) => format!("{name} > {}", day(last(true), w)),
            (false, false) => format!("{name} <= {}", day(last(false), w)),
        };
        format!("({name} IS NOT NULL AND {test})")
    }

    fn on_column(
        &self,
        e: &Expr<Checked>,
        from: ContractId,
        w: &mut Writer,
        write: impl FnOnce(&Self, &str, &Column, &mut Writer) -> String,
    ) -> String {
        let ExprKind::Name(Binding::Column { hops, column, .. }) = &e.kind else { return "0".into() };
        let (name, column) = self.column(from, hops, *column, w);
        write(self, &name, column, w)
    }

    fn constant(&self, column: &Column, value: &Value, w: &mut Writer) -> String {
        w.arg(match value {
            Value::Number(n) => stored_number(*n, &column.encoding),
            Value::Truth(truth) => Arg::Int(i64::from(*truth)),
            Value::Text(text) => Arg::Text(stored_word(text, column)),
            Value::Date(date) => Arg::Text(date.to_string()),
            Value::Moment(at) => Arg::Text(moment_text(*at)),
            Value::Span(span) => Arg::Int(span.count()),
        })
    }

    fn compare(&self, name: &str, column: &Column, compare: Compare, value: &Value, w: &mut Writer) -> String {
        let timely = matches!(column.ty, Type::Date | Type::Moment);
        if timely {
            let at = match value {
                Value::Date(date) if column.ty == Type::Date => {
                    let place = w.arg(Arg::Text(date.to_string()));
                    return missing_aware(name, name, compare, &place);
                }
                Value::Date(date) => self.calendar().day_start(*date),
                Value::Moment(at) => *at,
                _ => return "0".into(),
            };
            if column.ty == Type::Date {
                let last = |closed| self.calendar().days(&Range { from: None, to: (at, closed) }).1;
                let (sign, day) = match compare {
                    Compare::AtLeast => (">", last(false)),
                    Compare::Above => (">", last(true)),
                    Compare::AtMost => ("<=", last(true)),
                    Compare::Below => ("<=", last(false)),
                    Compare::Is | Compare::IsNot => {
                        let same = self.calendar().day_start(last(true)) == at;
                        let place = w.arg(Arg::Text(if same { last(true).to_string() } else { String::new() }));
                        return missing_aware(name, name, compare, &place);
                    }
                };
                return format!("({name} IS NOT NULL AND {name} {sign} {})", w.arg(Arg::Text(day.to_string())));
            }
            let place = w.arg(Arg::Text(moment_text(at)));
            return missing_aware(name, &moment_expr(name), compare, &place);
        }
        let place = self.constant(column, value, w);
        missing_aware(name, name, compare, &place)
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
            let key = contract.key.first().map(|k| &contract.columns[*k as usize]);
            return key.map(|column| format!("r.{}", quote(&column.stored)));
        };
        let mut at = scan.contract;
        for hop in before {
            if let Some(Relation::Contract(next)) = self.pack.hop_target(Relation::Contract(at), *hop) {
                at = next;
            }
        }
        let Hop::Column(column) = last else { return None };
        let _ = at;
        Some(self.column(scan.contract, before, *column, w).0)
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
            let column = &contract.columns[column as usize];
            parts.extend(self.within(&format!("r.{}", quote(&column.stored)), &column.ty, &range, w));
        }
        if let Some(filter) = &measure.filter {
            parts.push(self.filter(filter, scan.contract, w));
        }
        parts
    }

    fn aggregates(&self, scan: &GroupScan, measures: &[usize]) -> Query {
        let contract = self.pack.contract(scan.contract);
        let mut w = Writer::new();
        let from = self.from(scan.contract, &mut w);
        let hull = self.hull(scan, measures);
        let sought = self.sought(scan, hull.as_ref());
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
                What::Sum(c) if self.exact => format!("exact_sum({})", name(c)),
                What::Sum(c) => format!("SUM({})", name(c)),
                What::Min(c) => format!("MIN({})", name(c)),
                What::Max(c) => format!("MAX({})", name(c)),
                What::Newest | What::Latest(_) | What::First(_) => {
                    let dated = contract.dated.unwrap_or(0);
                    let ty = &contract.columns[dated as usize].ty;
                    if *ty == Type::Date {
                        format!("MAX({})", name(dated))
                    } else {
                        format!("MAX({})", moment_expr(&name(dated)))
                    }
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
        if let Some(dated) = contract.dated.filter(|_| self.undated).map(|c| &contract.columns[c as usize]) {
            tests.push(format!("NOT {}", no_time(&format!("r.{}", quote(&dated.stored)), &dated.ty)));
        }
        if let Some((column, range)) = &hull {
            let column = &contract.columns[*column as usize];
            let tests_of_time = self.within(&format!("r.{}", quote(&column.stored)), &column.ty, range, &mut w);
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
                tests.extend(key.iter().map(|k| format!("{k} IS NOT NULL")));
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
    fn sought(&self, scan: &GroupScan, hull: Option<&(u32, Range)>) -> Option<(String, String)> {
        let ([Hop::Column(via)], Some(grain @ Relation::Contract(_))) = (&scan.hops[..], scan.grain) else {
            return None;
        };
        let (column, range) = hull?;
        let live = (self.source)(scan.contract) == Source::Live;
        if !live || range.from.is_none() || !(self.indexed)(scan.contract, *via, *column) {
            return None;
        }
        let contract = self.pack.contract(scan.contract);
        Some((self.every_key(grain)?, quote(&contract.columns[*via as usize].stored)))
    }

    /// Every key of a contract's rows, as `k`.
    fn every_key(&self, relation: Relation) -> Option<String> {
        let Relation::Contract(id) = relation else { return None };
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
        let date = quote(&dated.stored);
        let (outer_date, inner_date) = if dated.ty == Type::Date {
            (format!("r.{date}"), format!("x.{date}"))
        } else {
            (moment_expr(&format!("r.{date}")), moment_expr(&format!("x.{date}")))
        };
        let grain = scan
            .grain
            .and_then(|grain| self.every_key(grain))
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
        let (owner, thing) =
            (quote(&shape.columns[owner as usize].stored), quote(&shape.columns[thing as usize].stored));
        let both: Vec<String> = ["a.", "b."].iter().flat_map(|alias| self.visible(shape, alias, &mut w)).collect();
        let visible = if both.is_empty() { String::new() } else { format!(" AND {}", both.join(" AND ")) };
        let sql = format!(
            "SELECT a.{owner}, b.{owner}, COUNT(DISTINCT a.{thing}), json_group_array(DISTINCT a.{thing}) FROM {from} AS a \
             JOIN {from} AS b ON b.{thing} = a.{thing} AND a.{owner} < b.{owner}{visible} GROUP BY 1, 2"
        );
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
        let sql = format!(
            "SELECT MIN({a}, {b}), MAX({a}, {b}), COUNT(*), '[]' FROM {from} AS r WHERE {} GROUP BY 1, 2",
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
            tests.extend(self.wrong_value(column, &name, clock, &mut w));
            if let Some(target) = column.refers {
                let target = self.pack.contract(target);
                if !target.is_table() {
                    continue;
                }
                let key = target.key.first().map_or("id", |k| &target.columns[*k as usize].stored);
                let test = format!(
                    "({name} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {} AS t WHERE t.{} = {name}))",
                    quote(&target.table),
                    quote(key)
                );
                list.push(format!("CASE WHEN {test} THEN 1 ELSE 0 END"));
                marks.push(Mark { column: index, orphan: true });
                tests.push(test);
            }
        }
        if tests.is_empty() {
            tests.push("0".into());
        }
        let sql = format!(
            "SELECT {} FROM {} AS r{} WHERE {}",
            list.join(", "),
            quote(&contract.table),
            w.join_sql,
            tests.join(" OR ")
        );
        (Query { sql, args: w.args }, marks)
    }

    fn wrong_value(&self, column: &Column, name: &str, clock: Timestamp, w: &mut Writer) -> Vec<String> {
        let mut tests = Vec::new();
        if matches!(column.ty, Type::Date | Type::Moment | Type::Text) {
            for (bound, beyond) in [(&column.low, Compare::Below), (&column.high, Compare::Above)] {
                if let Some(bound) = bound.as_ref().and_then(|b| window::constant(b, self.param)) {
                    tests.push(self.compare(name, column, beyond, &bound, w));
                }
            }
        }
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
                tests.push(no_time(name, &column.ty));
                if column.not_future {
                    let today = self.calendar().date(clock);
                    tests.push(format!("{name} > {}", w.arg(Arg::Text(today.to_string()))));
                }
            }
            Type::Moment => {
                tests.push(no_time(name, &column.ty));
                if column.not_future {
                    let at = moment_expr(name);
                    tests.push(format!("{at} > {}", w.arg(Arg::Text(moment_text(clock)))));
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

    /// Row keys that stand more than once.
    pub fn duplicates(&self, id: ContractId) -> Option<Query> {
        let contract = self.pack.contract(id);
        if contract.key.is_empty() {
            return None;
        }
        let keys: Vec<String> = contract.key.iter().map(|k| quote(&contract.columns[*k as usize].stored)).collect();
        let keys = keys.join(", ");
        let sql =
            format!("SELECT {keys}, COUNT(*) FROM {} GROUP BY {keys} HAVING COUNT(*) > 1", quote(&contract.table));
        Some(Query { sql, args: Vec::new() })
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
