//! Expressions: conditions and arithmetic, as written and as checked.
//!
//! One type serves both stages. The stage parameter decides what a name is, so that a checked expression cannot hold
//! an unresolved name: after the check every leaf is a [`Binding`] and every node knows its unit.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use super::syntax::{Node, Rule, Word};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::time::{Calendar, Period};
use crate::value::{Number, Type, Value};

/// How far along an expression is: what stands at its leaves.
pub trait Stage: fmt::Debug + Clone + PartialEq {
    /// What a name is.
    type Name: fmt::Debug + Clone + PartialEq;
    /// What a literal is.
    type Literal: fmt::Debug + Clone + PartialEq;
    /// What is known of the unit.
    type Type: fmt::Debug + Clone + PartialEq;
    /// Which rows a clause speaks of.
    type Rows: fmt::Debug + Clone + PartialEq;
    /// The contracts of a `holds`.
    type Contracts: fmt::Debug + Clone + PartialEq;
}

/// As written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written;

impl Stage for Written {
    type Name = Path;
    type Literal = Literal;
    type Type = ();
    type Rows = WrittenRows;
    type Contracts = WrittenContracts;
}

/// With names resolved and units known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked;

impl Stage for Checked {
    type Name = Binding;
    type Literal = Value;
    type Type = Type;
    type Rows = Rows;
    type Contracts = Vec<ContractId>;
}

/// A node with its place and what is known of its unit. Two are equal when they mean the same, wherever they stand.
#[derive(Debug, Clone)]
pub struct Expr<S: Stage> {
    /// What it is.
    pub kind: ExprKind<S>,
    /// Where it stands.
    pub span: Span,
    /// Its unit; nothing before the check.
    pub ty: S::Type,
}

impl<S: Stage> PartialEq for Expr<S> {
    fn eq(&self, other: &Expr<S>) -> bool {
        self.kind == other.kind && self.ty == other.ty
    }
}

/// `and` or `or`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// All must hold.
    And,
    /// One must hold.
    Or,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `is at least`
    AtLeast,
    /// `is at most`
    AtMost,
    /// `is above`
    Above,
    /// `is below`
    Below,
    /// `is`
    Is,
    /// `is not`
    IsNot,
}

impl Compare {
    /// The words of the canonical form.
    pub fn words(self) -> &'static str {
        match self {
            Compare::AtLeast => "is at least",
            Compare::AtMost => "is at most",
            Compare::Above => "is above",
            Compare::Below => "is below",
            Compare::Is => "is",
            Compare::IsNot => "is not",
        }
    }

    /// The sign of SQL.
    pub fn sql(self) -> &'static str {
        match self {
            Compare::AtLeast => ">=",
            Compare::AtMost => "<=",
            Compare::Above => ">",
            Compare::Below => "<",
            Compare::Is => "=",
            Compare::IsNot => "<>",
        }
    }

    /// Whether it holds for values that stand in this order.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Compare::AtLeast => order.is_ge(),
            Compare::AtMost => order.is_le(),
            Compare::Above => order.is_gt(),
            Compare::Below => order.is_lt(),
            Compare::Is => order.is_eq(),
            Compare::IsNot => order.is_ne(),
        }
    }

    /// What holds exactly when this does not.
    pub fn opposite(self) -> Compare {
        match self {
            Compare::AtLeast => Compare::Below,
            Compare::AtMost => Compare::Above,
            Compare::Above => Compare::AtMost,
            Compare::Below => Compare::AtLeast,
            Compare::Is => Compare::IsNot,
            Compare::IsNot => Compare::Is,
        }
    }
}

/// What may be asked of a value without another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    /// There is a value.
    Present,
    /// There is none.
    Missing,
    /// It cannot be told.
    Unknown,
}

impl Presence {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Presence::Present => "present",
            Presence::Missing => "missing",
            Presence::Unknown => "unknown",
        }
    }
}

/// Arithmetic between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arith {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `as percent of`
    PercentOf,
}

impl Arith {
    /// The sign or words.
    pub fn words(self) -> &'static str {
        match self {
            Arith::Add => "+",
            Arith::Sub => "-",
            Arith::Mul => "*",
            Arith::Div => "/",
            Arith::PercentOf => "as percent of",
        }
    }
}

/// From where a distance in time is measured, and to which side.
///
/// `ago` and `from now` name a moment of the calendar and compare with it; `before X` and `after X` also demand the
/// side, so that an admission before a discharge is not "less than 30 days after" it.
#[derive(Debug, Clone, PartialEq)]
pub enum Anchor<S: Stage> {
    /// `ago`
    Ago,
    /// `from now`
    FromNow,
    /// `before X`
    Before(Expr<S>),
    /// `after X`
    After(Expr<S>),
}

/// `V is more than SPAN ago`.
#[derive(Debug, Clone, PartialEq)]
pub struct Distance<S: Stage> {
    /// The date or moment.
    pub value: Expr<S>,
    /// `more than`, else `less than`.
    pub more: bool,
    /// How far.
    pub span: Expr<S>,
    /// From where.
    pub anchor: Anchor<S>,
}

/// `there is a NOUN where …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Exists<S: Stage> {
    /// `there is no`.
    pub none: bool,
    /// `there is another`, `there is no other`: beside the row that the line speaks of.
    pub other: bool,
    /// Which rows.
    pub rows: S::Rows,
    /// Only those within.
    pub window: Option<Window<S>>,
    /// Only those for which this holds.
    pub filter: Option<Expr<S>>,
}

/// A stretch of time before the present instant. Equal wherever it stands.
#[derive(Debug, Clone)]
pub struct Window<S: Stage> {
    /// Which stretch.
    pub kind: WindowKind<S>,
    /// `by COLUMN`, else the contract's date. After the check always there.
    pub by: Option<S::Name>,
    /// Where it stands.
    pub span: Span,
}

impl<S: Stage> PartialEq for Window<S> {
    fn eq(&self, other: &Window<S>) -> bool {
        self.kind == other.kind && self.by == other.by
    }
}

/// Which stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowKind<S: Stage> {
    /// `within last SPAN`
    Last(Expr<S>),
    /// `within last N closed months`
    LastClosed(u32, Period),
    /// `within this month`
    This(Period),
    /// `within previous month`
    Previous(Period),
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind<S: Stage> {
    /// A value written out.
    Literal(S::Literal),
    /// A name.
    Name(S::Name),
    /// `not (…)`
    Not(Box<Expr<S>>),
    /// Conditions joined.
    Joint(Joint, Vec<Expr<S>>),
    /// Two values compared.
    Compare(Compare, Box<Expr<S>>, Box<Expr<S>>),
    /// `is one of a, b or c`; true in front: `is not one of`.
    OneOf(bool, Box<Expr<S>>, Vec<Expr<S>>),
    /// `is from A to B`
    Between(Box<Expr<S>>, Box<Expr<S>>, Box<Expr<S>>),
    /// `is missing`; true in front: `is not missing`.
    Presence(bool, Presence, Box<Expr<S>>),
    /// A distance in time.
    Distance(Box<Distance<S>>),
    /// Two values combined.
    Arith(Arith, Box<Expr<S>>, Box<Expr<S>>),
    /// Whether there are such rows.
    Exists(Box<Exists<S>>),
    /// Whether contracts hold.
    Holds(S::Contracts),
    /// `chairman approved`, `chairman chose WORD`.
    Answered(Vec<Word>, Answer),
}

/// What somebody answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Yes.
    Approved,
    /// No.
    Refused,
    /// One of the choices.
    Chose(Word),
}

/// `its venture's status`: a name with possessives.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// `its` stands in front: the row outside.
    pub its: bool,
    /// `the` stands in front: a proposal of this rule.
    pub the: bool,
    /// The words, at least one.
    pub words: Vec<Word>,
}

impl Path {
    /// The word, when there is but one.
    pub fn single(&self) -> Option<&Word> {
        match &self.words[..] {
            [word] if !self.its && !self.the => Some(word),
            _ => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.its {
            f.write_str("its ")?;
        }
        if self.the {
            f.write_str("the ")?;
        }
        for (i, word) in self.words.iter().enumerate() {
            if i > 0 {
                f.write_str("'s ")?;
            }
            f.write_str(&word.text)?;
        }
        Ok(())
    }
}

/// A value written out, before its unit is known to fit.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A bare number.
    Number(Number),
    /// A number and its unit.
    Quantity(Number, Unit),
    /// Money: amount, sign, and by which time where it is a rate.
    Money(Number, char, Option<Period>, bool),
    /// A day, or a moment in the portfolio's zone.
    Date(Date, Option<Time>),
    /// yes or no.
    Truth(bool),
    /// A text in quotes.
    Text(Word),
    /// `missing`, `present`, `unknown`.
    Presence(Presence),
    /// A value that cannot be, which has been said: nothing follows from it.
    Broken,
}

/// The unit of a written quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `%`
    Percent,
    /// `points`
    Points,
    /// `minutes`
    Minute,
    /// `hours`
    Hour,
    /// `days`
    Day,
    /// `business days`
    BusinessDay,
    /// `weeks`
    Week,
    /// `months`
    Month,
    /// `quarters`
    Quarter,
    /// `years`
    Year,
}

impl Unit {
    /// The unit of a word, in singular or plural.
    pub fn parse(word: &str) -> Option<Unit> {
        let words: Vec<&str> = word.split_whitespace().collect();
        Some(match words.join(" ").trim_end_matches('s') {
            "%" => Unit::Percent,
            "point" => Unit::Points,
            "minute" => Unit::Minute,
            "hour" => Unit::Hour,
            "day" => Unit::Day,
            "business day" => Unit::BusinessDay,
            "week" => Unit::Week,
            "month" => Unit::Month,
            "quarter" => Unit::Quarter,
            "year" => Unit::Year,
            _ => return None,
        })
    }
}

/// The rows of an `exists` as written.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenRows {
    /// The noun.
    pub noun: Word,
    /// `anywhere`
    pub anywhere: bool,
    /// `via REFERENCE`
    pub via: Option<Word>,
}

/// The contracts of a `holds` as written.
#[derive(Debug, Clone, PartialEq)]
pub enum WrittenContracts {
    /// `every contract`, of one stage where it is named.
    Every(Option<Word>),
    /// `contract NAME`
    One(Word),
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        $($(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl $name {
            /// The place in the pack's list.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        })+
    };
}

ids! {
    /// A contract of the pack.
    ContractId;
    /// A pairs block of the pack.
    PairsId;
    /// A param of the pack.
    ParamId;
    /// A metric of the pack.
    MetricId;
    /// A threshold of the pack.
    ThresholdId;
    /// A gate of the pack.
    GateId;
}

/// Something with rows and keys: a contract, or derived pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// Rows of a contract.
    Contract(ContractId),
    /// Derived pairs.
    Pairs(PairsId),
}

/// One step from a row to the row it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hop {
    /// Through the column with this index.
    Column(u32),
    /// Through the `belongs to` with this index.
    Link(u32),
}

/// What a checked name is.
#[derive(Debug, Clone, PartialEq)]
pub enum Binding {
    /// A column of a row: of the row in scope after `hops` references, or of one further out.
    Column {
        /// 0: the row in scope; 1: the row outside it.
        depth: u8,
        /// References to follow first.
        hops: Vec<Hop>,
        /// The relation reached.
        of: Relation,
        /// The column there.
        column: u32,
    },
    /// A metric, of the row reached like a column's, or of the portfolio.
    Metric {
        /// 0: the row in scope; 1: the row outside it.
        depth: u8,
        /// References to follow first.
        hops: Vec<Hop>,
        /// The metric.
        metric: MetricId,
    },
    /// A param's value.
    Param(ParamId),
    /// A threshold's verdict, as a word.
    Threshold(ThresholdId),
    /// A gate, as a word.
    Gate(GateId),
    /// The present instant.
    Now,
    /// A column of a row that a step of the rule introduces.
    Introduced {
        /// Its contract.
        contract: ContractId,
        /// The column.
        column: u32,
    },
    /// A metric of a row that a step of the rule introduces.
    IntroducedMetric(MetricId),
}

/// Which rows a clause speaks of, after the check.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rows {
    /// Whose rows.
    pub of: Relation,
    /// How its rows are tied to the row in scope.
    pub tie: Tie,
}

/// How rows of one relation are tied to the key in scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tie {
    /// Not at all.
    Anywhere,
    /// They lead to it by these references.
    LeadHere(Vec<Hop>),
    /// They and the row in scope refer to the same thing.
    Common {
        /// From the rows.
        theirs: Vec<Hop>,
        /// From the row in scope.
        ours: Vec<Hop>,
    },
}

impl<S: Stage> Expr<S> {
    /// Calls `visit` on this expression and every one inside it, outermost first.
    pub fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr<S>)) {
        visit(self);
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::Holds(_) | ExprKind::Answered(..) => {}
            ExprKind::Not(e) | ExprKind::Presence(_, _, e) => e.walk(visit),
            ExprKind::Joint(_, all) => all.iter().for_each(|e| e.walk(visit)),
            ExprKind::Compare(_, a, b) | ExprKind::Arith(_, a, b) => {
                a.walk(visit);
                b.walk(visit);
            }
            ExprKind::OneOf(_, e, all) => {
                e.walk(visit);
                all.iter().for_each(|e| e.walk(visit));
            }
            ExprKind::Between(e, a, b) => {
                e.walk(visit);
                a.walk(visit);
                b.walk(visit);
            }
            ExprKind::Distance(d) => {
                d.value.walk(visit);
                d.span.walk(visit);
                if let Anchor::Before(e) | Anchor::After(e) = &d.anchor {
                    e.walk(visit);
                }
            }
            ExprKind::Exists(e) => {
                if let Some(Window { kind: WindowKind::Last(span), .. }) = &e.window {
                    span.walk(visit);
                }
                if let Some(filter) = &e.filter {
                    filter.walk(visit);
                }
            }
        }
    }
}

impl Literal {
    /// The value with its type; `$` is `dollars` in packs whose currency is another dollar.
    pub fn value(&self, calendar: &Calendar, dollars: &str) -> Option<(Value, Type)> {
        let number = |n: Number, ty: Type| Some((Value::Number(n), ty));
        match self {
            Literal::Number(n) => number(*n, Type::Number),
            Literal::Quantity(n, unit) => match unit {
                Unit::Percent => number(*n, Type::Percent),
                Unit::Points => number(*n, Type::Points),
                Unit::Minute => number(n.times(Number::whole(60))?, Type::Duration),
                Unit::Hour => number(n.times(Number::whole(3600))?, Type::Duration),
                _ => {
                    let count = i32::try_from(n.to_whole()?).ok().filter(|n| n.unsigned_abs() <= 1_000_000)?;
                    let span = match unit {
                        Unit::BusinessDay => crate::value::Span { business: count, ..Default::default() },
                        Unit::Week => Period::Week.span(count),
                        Unit::Month => Period::Month.span(count),
                        Unit::Quarter => Period::Quarter.span(count),
                        Unit::Year => Period::Year.span(count),
                        _ => Period::Day.span(count),
                    };
                    Some((Value::Span(span), Type::Span))
                }
            },
            Literal::Money(n, sign, each, hourly) => {
                let currency = match sign {
                    '€' => "EUR",
                    '£' => "GBP",
                    _ => dollars,
                };
                match (each, hourly) {
                    (_, true) => number(n.over(Number::whole(3600))?, Type::Rate(currency.into())),
                    (Some(Period::Day), _) => number(n.over(Number::whole(86_400))?, Type::Rate(currency.into())),
                    (Some(_), _) => None,
                    (None, _) => number(*n, Type::Money(currency.into())),
                }
            }
            Literal::Date(date, None) => Some((Value::Date(*date), Type::Date)),
            Literal::Date(date, Some(time)) => Some((Value::Moment(calendar.at_time(*date, *time)), Type::Moment)),
            Literal::Truth(truth) => Some((Value::Truth(*truth), Type::Truth)),
            Literal::Text(word) => Some((Value::Text(word.text.clone()), Type::Text)),
            Literal::Presence(_) | Literal::Broken => None,
        }
    }

    /// Whether it is a number of nothing: zero, which needs no name.
    pub fn is_zero(&self) -> bool {
        matches!(self, Literal::Number(n) | Literal::Quantity(n, _) | Literal::Money(n, ..) if n.is_zero())
    }

    /// The same value with another unit: in `from 6 to 168 hours` the first bound takes the unit of the second.
    pub fn with_unit_of(self, other: &Literal) -> Literal {
        match (self, other) {
            (Literal::Number(n), Literal::Quantity(_, unit)) => Literal::Quantity(n, *unit),
            (Literal::Number(n), Literal::Money(_, sign, each, hourly)) => Literal::Money(n, *sign, *each, *hourly),
            (Literal::Money(n, sign, None, false), Literal::Money(_, _, each, hourly)) => {
                Literal::Money(n, sign, *each, *hourly)
            }
            (own, _) => own,
        }
    }
}

/// A moment written `2026-03-02 09:00`, or a day, which is its first instant.
pub fn moment(date: Date, time: Option<Time>, calendar: &Calendar) -> Timestamp {
    calendar.at_time(date, time.unwrap_or(Time::midnight()))
}

// ── parse ──

/// Parses an `expr` node. Faults of single words are told; the rest is still read.
pub(crate) fn expr(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    let mut tests = Vec::new();
    let mut joints: Vec<(Joint, Span)> = Vec::new();
    for part in node.children() {
        match part.rule() {
            Rule::joint => {
                let joint = if part.text() == "and" { Joint::And } else { Joint::Or };
                joints.push((joint, part.span()));
            }
            _ => tests.push(test(&part, faults)),
        }
    }
    if let Some((first, at)) = joints.first().copied()
        && let Some((_, other)) = joints.iter().find(|(j, _)| *j != first)
    {
        faults.push(
            Diagnostic::new(Code::MixedJoint, "`and` and `or` stand side by side without parentheses")
                .label(*other, "joins differently than")
                .label(at, "this")
                .help("put parentheses around what belongs together: `a and (b or c)` or `(a and b) or c`"),
        );
    }
    if tests.len() == 1 && joints.is_empty() {
        return tests.remove(0);
    }
    let joint = joints.first().map_or(Joint::And, |j| j.0);
    Expr { kind: ExprKind::Joint(joint, tests), span: node.span(), ty: () }
}

fn test(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    let span = node.span();
    let make = |kind| Expr { kind, span, ty: () };
    let mut negated = false;
    let mut value = None;
    for part in node.children() {
        match part.rule() {
            Rule::negated => negated = true,
            Rule::exists => value = Some(make(exists(&part, faults))),
            Rule::holds => {
                let one = part.child(Rule::name).map(|n| WrittenContracts::One(n.word()));
                let stage = part.child(Rule::from_stage).map(|s| s.only_of(Rule::stage_number));
                value = Some(make(ExprKind::Holds(one.unwrap_or(WrittenContracts::Every(stage)))));
            }
            Rule::answered => {
                let who = part.child(Rule::names).map(|n| n.words()).unwrap_or_default();
                let answer = if part.has(Rule::k_approved) {
                    Answer::Approved
                } else if part.has(Rule::k_refused) {
                    Answer::Refused
                } else {
                    Answer::Chose(part.name(0))
                };
                value = Some(make(ExprKind::Answered(who, answer)));
            }
            Rule::sum => value = Some(sum(&part, faults)),
            Rule::relation => {
                if let Some(left) = value.take() {
                    value = Some(relation(left, &part, span, faults));
                }
            }
            _ => {}
        }
    }
    let value = value.unwrap_or_else(|| make(ExprKind::Joint(Joint::And, Vec::new())));
    if negated { make(ExprKind::Not(Box::new(value))) } else { value }
}

impl<'i> Node<'i> {
    pub(crate) fn only_of(&self, rule: Rule) -> Word {
        self.child(rule).map_or_else(|| self.word(), |n| n.word())
    }
}

fn exists(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> ExprKind<Written> {
    let rows = WrittenRows {
        noun: node.name(0),
        anywhere: node.has(Rule::k_anywhere),
        via: node.child(Rule::via).map(|v| v.name(0)),
    };
    ExprKind::Exists(Box::new(Exists {
        none: node.has(Rule::no),
        other: node.has(Rule::other) || node.child(Rule::article).is_some_and(|a| a.text() == "another"),
        rows,
        window: node.child(Rule::window).map(|w| window(&w, faults)),
        filter: node.child(Rule::filter).map(|f| filter(&f, faults)),
    }))
}

/// Parses a `filter` node.
pub(crate) fn filter(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    node.child(Rule::expr).map_or_else(
        || Expr { kind: ExprKind::Joint(Joint::And, Vec::new()), span: node.span(), ty: () },
        |e| expr(&e, faults),
    )
}

/// The expression of the first `expr` child.
pub(crate) fn expr_of(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    filter(node, faults)
}

/// A whole number within a range, written out; says so when it is none.
pub(crate) fn whole(
    node: &Node<'_>,
    range: std::ops::RangeInclusive<u32>,
    what: &str,
    faults: &mut Vec<Diagnostic>,
) -> Option<u32> {
    let number = Number::parse(node.text()).and_then(Number::to_whole).and_then(|n| u32::try_from(n).ok());
    let number = number.filter(|n| range.contains(n));
    if number.is_none() {
        let upto = match *range.end() {
            u32::MAX => String::new(),
            end => format!(" to {}", Number::whole(i128::from(end))),
        };
        let help = format!("write a whole number from {}{upto}", range.start());
        faults
            .push(Diagnostic::at(Code::BadLiteral, node.span(), format!("`{}` is no {what}", node.text())).help(help));
    }
    number
}

/// Parses a `window` node.
pub(crate) fn window(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Window<Written> {
    let period = |n: &Node<'_>| n.child(Rule::period).and_then(|p| Period::parse(p.text())).unwrap_or(Period::Month);
    let mut kind = WindowKind::This(Period::Month);
    for part in node.children() {
        match part.rule() {
            Rule::last => {
                let inner = part.children().find(|n| matches!(n.rule(), Rule::closed | Rule::sum));
                if let Some(inner) = inner {
                    kind = if inner.rule() == Rule::closed {
                        let number = inner.child(Rule::number);
                        let count = number.and_then(|n| whole(&n, 1..=1200, "number of closed periods", faults));
                        let unit = inner.child(Rule::unit).map(|u| u.text().trim_end_matches('s').to_owned());
                        let period = unit.as_deref().and_then(Period::parse).unwrap_or_else(|| {
                            let text = format!("`{}` is no number of closed periods", inner.text());
                            faults.push(Diagnostic::at(Code::BadLiteral, inner.span(), text).help(
                                "only days, weeks, months, quarters and years are closed: write for example `12 closed months`",
                            ));
                            Period::Month
                        });
                        WindowKind::LastClosed(count.unwrap_or(1), period)
                    } else {
                        WindowKind::Last(sum(&inner, faults))
                    };
                }
            }
            Rule::this => kind = WindowKind::This(period(&part)),
            Rule::previous => kind = WindowKind::Previous(period(&part)),
            _ => {}
        }
    }
    let by = node.child(Rule::name).map(|n| Path { its: false, the: false, words: vec![n.word()] });
    Window { kind, by, span: node.span() }
}

fn relation(left: Expr<Written>, node: &Node<'_>, span: Span, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    let make = |kind| Expr { kind, span, ty: () };
    let left = Box::new(left);
    let negated = node.has(Rule::is_not);
    let mut operand = node.child(Rule::operand).map(|o| operand_of(&o, faults));
    if let Some(distance_node) = node.child(Rule::distance) {
        let mut sums = distance_node.children().filter(|n| n.rule() == Rule::sum);
        let span_of = sums.next().map(|s| sum(&s, faults));
        let anchor_of = sums.next().map(|s| sum(&s, faults));
        let anchor = match anchor_of {
            Some(e) if distance_node.has(Rule::k_before) => Anchor::Before(e),
            Some(e) => Anchor::After(e),
            None if distance_node.has(Rule::k_ago) => Anchor::Ago,
            None => Anchor::FromNow,
        };
        let Some(far) = span_of else { return *left };
        let more = distance_node.has(Rule::k_more_than);
        return make(ExprKind::Distance(Box::new(Distance { value: *left, more, span: far, anchor })));
    }
    if let Some(choices_node) = node.child(Rule::choices) {
        return make(ExprKind::OneOf(negated, left, choices(&choices_node)));
    }
    if let Some(range_node) = node.child(Rule::range)
        && let (Some(low), Some(high)) = range(&range_node, faults)
    {
        return make(ExprKind::Between(left, Box::new(low), Box::new(high)));
    }
    let compare = match node.child(Rule::comparison) {
        Some(c) => comparison(&c),
        None if negated => Compare::IsNot,
        None => Compare::Is,
    };
    match operand.take() {
        Some(Expr { kind: ExprKind::Literal(Literal::Presence(presence)), .. })
            if matches!(compare, Compare::Is | Compare::IsNot) =>
        {
            make(ExprKind::Presence(compare == Compare::IsNot, presence, left))
        }
        Some(right) => make(ExprKind::Compare(compare, left, Box::new(right))),
        None => *left,
    }
}

/// The comparison of a `comparison` node.
pub(crate) fn comparison(node: &Node<'_>) -> Compare {
    node.children()
        .find_map(|c| match c.rule() {
            Rule::k_at_least | Rule::ge => Some(Compare::AtLeast),
            Rule::k_at_most | Rule::le => Some(Compare::AtMost),
            Rule::k_above | Rule::gt => Some(Compare::Above),
            Rule::k_below | Rule::lt => Some(Compare::Below),
            _ => None,
        })
        .unwrap_or(Compare::Is)
}

/// The words of a `choices` node, each as a name or text.
pub(crate) fn choices(node: &Node<'_>) -> Vec<Expr<Written>> {
    node.children()
        .filter(|n| n.rule() == Rule::choice)
        .map(|choice| {
            let span = choice.span();
            let inner = choice.only();
            let kind = match inner.rule() {
                Rule::title => ExprKind::Literal(Literal::Text(inner.quoted())),
                Rule::number => {
                    ExprKind::Literal(Number::parse(inner.text()).map_or(Literal::Text(inner.word()), Literal::Number))
                }
                _ => ExprKind::Name(Path { its: false, the: false, words: vec![inner.word()] }),
            };
            Expr { kind, span, ty: () }
        })
        .collect()
}

/// Parses an `operand` node.
pub(crate) fn operand_of(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    node.child(Rule::sum).map_or_else(
        || Expr { kind: ExprKind::Joint(Joint::And, Vec::new()), span: node.span(), ty: () },
        |s| sum(&s, faults),
    )
}

/// Both bounds of a `range` node, the first with the unit of the second where it has none.
pub(crate) fn range(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> (Option<Expr<Written>>, Option<Expr<Written>>) {
    let mut amounts = node.children().filter(|n| n.rule() == Rule::amount);
    let low = amounts.next().map(|a| amount(&a, faults));
    let high = amounts.next().map(|a| amount(&a, faults));
    let low = match (low, &high) {
        (Some(Expr { kind: ExprKind::Literal(low), span, .. }), Some(Expr { kind: ExprKind::Literal(high), .. })) => {
            Some(Expr { kind: ExprKind::Literal(low.with_unit_of(high)), span, ty: () })
        }
        (low, _) => low,
    };
    (low, high)
}

/// Parses an `amount` node: a literal or a name.
pub(crate) fn amount(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    let inner = node.only();
    if inner.rule() == Rule::literal { literal_expr(&inner, faults) } else { name_expr(&inner) }
}

/// The first `amount` child.
pub(crate) fn amount_of(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    node.child(Rule::amount).map_or_else(
        || Expr { kind: ExprKind::Literal(Literal::Number(Number::ZERO)), span: node.span(), ty: () },
        |a| amount(&a, faults),
    )
}

fn name_expr(node: &Node<'_>) -> Expr<Written> {
    let path = Path { its: false, the: false, words: vec![node.word()] };
    Expr { kind: ExprKind::Name(path), span: node.span(), ty: () }
}

fn literal_expr(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    Expr { kind: ExprKind::Literal(literal(node, faults)), span: node.span(), ty: () }
}

/// Parses a `literal` node. What cannot be is told, and is [`Literal::Broken`] from then on.
pub(crate) fn literal(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Literal {
    read_literal(node).unwrap_or_else(|(message, help)| {
        faults.push(Diagnostic::at(Code::BadLiteral, node.span(), message).help(help));
        Literal::Broken
    })
}

/// What is wrong with a value written out, and what to write.
type Refused = (String, &'static str);

fn read_literal(node: &Node<'_>) -> Result<Literal, Refused> {
    let inner = if node.rule() == Rule::literal { node.only() } else { node.clone() };
    let too_large = || {
        let message = format!("`{}` is too large to be computed exactly", inner.text());
        (message, "write a number of at most 30 digits")
    };
    match inner.rule() {
        Rule::date => date(inner.text()).map(|(d, t)| Literal::Date(d, t)),
        Rule::money => {
            let text = inner.child(Rule::amount_of_money).map_or(inner.text(), |a| a.text());
            let sign = text.chars().find(|c| matches!(c, '$' | '€' | '£')).unwrap_or('$');
            let (digits, factor) = match text.as_bytes().last() {
                Some(b'K') => (&text[..text.len() - 1], 1_000),
                Some(b'M') => (&text[..text.len() - 1], 1_000_000),
                Some(b'B') => (&text[..text.len() - 1], 1_000_000_000),
                _ => (text, 1),
            };
            let plain: String = digits.chars().filter(|c| *c != sign).collect();
            let n = Number::parse(&plain).and_then(|n| n.times(Number::whole(factor))).ok_or_else(too_large)?;
            let each = inner.child(Rule::each_time).map(|e| e.text().to_owned());
            let hourly = each.as_deref().is_some_and(|e| e.ends_with("hour"));
            let period = each.as_deref().and_then(|e| Period::parse(e.rsplit([' ', '\n']).next().unwrap_or("")));
            if period.is_some_and(|p| p != Period::Day) {
                let message =
                    format!("`{}`: a rate is by the hour or by the day, which have a fixed length", inner.text());
                return Err((message, "write it by the day, such as `$75 a day`"));
            }
            Ok(Literal::Money(n, sign, period, hourly))
        }
        Rule::quantity => {
            let plain = inner.child(Rule::plain).map_or("", |p| p.text());
            let n = Number::parse(plain).ok_or_else(too_large)?;
            let word = inner.child(Rule::unit).map_or("%", |u| u.text());
            let unit = Unit::parse(word).ok_or_else(|| {
                (format!("`{word}` is no unit"), "units are `%`, points, minutes, hours, days, weeks, months")
            })?;
            let calendar = !matches!(unit, Unit::Percent | Unit::Points | Unit::Minute | Unit::Hour);
            if calendar && n.to_whole().is_none_or(|n| n.unsigned_abs() > 1_000_000) {
                let message = format!("`{}`: days, weeks, months and years are counted in whole numbers", inner.text());
                return Err((message, "write a part of a day in hours, such as `36 hours`"));
            }
            Ok(Literal::Quantity(n, unit))
        }
        Rule::number => Number::parse(inner.text()).map(Literal::Number).ok_or_else(too_large),
        Rule::title => Ok(Literal::Text(inner.quoted())),
        _ => Ok(match inner.text() {
            "yes" => Literal::Truth(true),
            "no" => Literal::Truth(false),
            "missing" => Literal::Presence(Presence::Missing),
            "present" => Literal::Presence(Presence::Present),
            _ => Literal::Presence(Presence::Unknown),
        }),
    }
}

/// Reads `2026-03-02` or `2026-03-02 09:00`.
pub(crate) fn date(text: &str) -> Result<(Date, Option<Time>), Refused> {
    let wrong = || {
        let help = "write a day, or a day and a time: `2026-03-02` or `2026-03-02 09:00`";
        (format!("`{}` is no day of the calendar", text.get(..10).unwrap_or(text)), help)
    };
    let day = text.get(..10).and_then(|d| d.parse::<Date>().ok()).ok_or_else(wrong)?;
    match text.get(10..).map(str::trim).filter(|t| !t.is_empty()) {
        None => Ok((day, None)),
        Some(time) => clock(time)
            .map(|t| (day, Some(t)))
            .ok_or_else(|| (format!("`{time}` is no time of the day"), "times run from 00:00 to 23:59")),
    }
}

/// Reads `07:00`.
pub(crate) fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Parses a `sum` node.
pub(crate) fn sum(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    fold(node, faults)
}

/// Left-associative arithmetic: operands with signs between them.
fn fold(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    let mut value: Option<Expr<Written>> = None;
    let mut pending = None;
    for part in node.children() {
        let next = match part.rule() {
            Rule::sign | Rule::times => {
                pending = Some(match part.text() {
                    "+" => Arith::Add,
                    "-" => Arith::Sub,
                    "*" => Arith::Mul,
                    _ => Arith::Div,
                });
                continue;
            }
            Rule::percent_of => {
                pending = Some(Arith::PercentOf);
                continue;
            }
            Rule::product | Rule::sum => fold(&part, faults),
            _ => atom(&part, faults),
        };
        value = Some(match (value, pending.take()) {
            (Some(left), Some(op)) => {
                let span = left.span.to(next.span);
                Expr { kind: ExprKind::Arith(op, Box::new(left), Box::new(next)), span, ty: () }
            }
            _ => next,
        });
    }
    value.unwrap_or_else(|| name_expr(node))
}

fn atom(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<Written> {
    let inner = node.only();
    match inner.rule() {
        Rule::literal => literal_expr(&inner, faults),
        Rule::expr => {
            let mut inside = expr(&inner, faults);
            inside.span = node.span();
            inside
        }
        _ => Expr { kind: ExprKind::Name(path(&inner)), span: inner.span(), ty: () },
    }
}

/// Parses a `path` node.
pub(crate) fn path(node: &Node<'_>) -> Path {
    let words = match node.words() {
        words if words.is_empty() => vec![node.word()],
        words => words,
    };
    Path { its: node.has(Rule::its), the: node.has(Rule::the), words }
}

/// A day and clock time as the grammar writes them, without a zone.
pub fn show_civil(at: DateTime) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}
