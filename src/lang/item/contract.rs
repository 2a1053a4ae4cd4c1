//! `contract`: the shape of data, and what is promised about it.

use std::sync::Arc;

use super::super::check::{Checker, Scope};
use super::super::expr::{
    Checked, ContractId, Expr, ExprKind, Hop, MetricId, Relation, Written as AsWritten, amount, amount_of, choices,
    expr_of, filter, range, whole,
};
use super::super::names::Kind;
use super::super::pack::Pack;
use super::super::print::{self, Block, Place, quoted};
use super::super::syntax::{Node, Rule, Word};
use super::step;
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::source::Span;
use crate::value::{Number, Type, Value, counted, listed, with_article};

// ── node ──

/// A contract as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    /// `each a NOUN`
    pub noun: Option<Word>,
    /// `from stage N`
    pub from: Option<Word>,
    /// `to stage N`
    pub to: Option<Word>,
    /// `as FORMAT`
    pub format: Option<Word>,
    /// `kept by bylaws`
    pub kept: bool,
    /// `proposed by AGENT`
    pub proposed_by: Option<Word>,
    changes: Vec<Word>,
    row_key: Option<(Vec<Word>, Span)>,
    dated: Option<Word>,
    valid: Option<(Word, Word)>,
    fresh: Vec<WrittenPromise>,
    volume: Vec<WrittenPromise>,
    violation: Option<(OnViolation, Option<step::Tell>)>,
    links: Vec<WrittenLink>,
    stored_in: Option<Word>,
    filled_from: Option<(Word, Option<Expr<AsWritten>>)>,
    columns: Vec<WrittenColumn>,
}

#[derive(Debug, Clone)]
struct WrittenPromise {
    span: Span,
    /// None for `fresh`, and where the number does not read.
    rows: Option<u32>,
    limit: Expr<AsWritten>,
    stale: Option<Expr<AsWritten>>,
    per: Option<Word>,
    filter: Option<Expr<AsWritten>>,
}

#[derive(Debug, Clone)]
struct WrittenLink {
    noun: Word,
    first: Word,
    second: Word,
    kind: Option<Word>,
}

#[derive(Debug, Clone)]
struct WrittenColumn {
    name: Word,
    kind: WrittenKind,
    kind_span: Span,
    encoding: Option<(Node0, Span)>,
    filled: Option<(Word, Option<Expr<AsWritten>>)>,
    limits: Vec<(Limit, Span)>,
}

#[derive(Debug, Clone)]
enum WrittenKind {
    IdOf(Word),
    Id,
    OneOf(Vec<Expr<AsWritten>>),
    YesOrNo,
    ListOf(Word),
    MoneyIn(Word),
    Word(Word),
}

#[derive(Debug, Clone)]
enum Node0 {
    Cents,
    Fraction,
    BasisPoints,
    Titles(Vec<Word>),
}

#[derive(Debug, Clone)]
enum Limit {
    Optional(Option<Expr<AsWritten>>),
    NotEmpty,
    NotInTheFuture,
    Low(Expr<AsWritten>),
    High(Expr<AsWritten>),
    Renamed(Word),
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let node = parsed.node.as_ref();
    let head_child = |rule| node.and_then(|n| n.child(rule));
    let row_key = parsed.once(Rule::row_key, "`one row per`", faults);
    let dated = parsed.once(Rule::dated, "`dated by`", faults);
    let valid = parsed.once(Rule::valid, "`in force from`", faults);
    let violation = parsed.once(Rule::violation, "`on violation`", faults);
    let stored_in = parsed.once(Rule::stored_in, "`stored in`", faults);
    let filled_from = parsed.once(Rule::filled_from, "`filled from`", faults);
    let mut written = Written {
        noun: head_child(Rule::each).map(|e| e.name(0)),
        from: head_child(Rule::from_outside).map(|e| e.only_of(Rule::stage_number)),
        to: head_child(Rule::to_outside).map(|e| e.only_of(Rule::stage_number)),
        format: head_child(Rule::as_format).map(|e| e.name(0)),
        kept: head_child(Rule::k_kept_by_bylaws).is_some(),
        proposed_by: head_child(Rule::proposed_by).map(|e| e.name(0)),
        changes: parsed
            .all(Rule::changes)
            .flat_map(|c| c.child(Rule::names).map(|n| n.words()).unwrap_or_default())
            .collect(),
        row_key: row_key.map(|n| (n.child(Rule::names).map(|n| n.words()).unwrap_or_default(), n.span())),
        dated: dated.map(|n| n.name(0)),
        valid: valid.map(|n| (n.name(0), n.name(1))),
        fresh: parsed.all_different(Rule::fresh, faults).iter().map(|n| promise(n, faults)).collect(),
        volume: Vec::new(),
        violation: violation.map(|n| {
            let on = if n.has(Rule::k_refuse) {
                OnViolation::Refuse
            } else if n.has(Rule::k_accept) {
                OnViolation::Accept
            } else {
                OnViolation::Quarantine
            };
            (on, n.child(Rule::tell).map(|t| step::tell(&t)))
        }),
        links: parsed
            .all(Rule::links)
            .map(|n| WrittenLink {
                noun: n.name(0),
                first: n.name(1),
                second: n.name(2),
                kind: n.words().get(3).cloned(),
            })
            .collect(),
        stored_in: stored_in.and_then(|n| n.title()),
        filled_from: filled_from.map(|n| (n.name(0), n.child(Rule::filter).map(|f| filter(&f, faults)))),
        columns: Vec::new(),
        head: parsed.head.clone(),
    };
    written.volume = parsed.all_different(Rule::volume, faults).iter().map(|n| promise(n, faults)).collect();
    written.columns = parsed.all(Rule::column).map(|n| column(&n, faults)).collect();
    written
}

fn promise(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenPromise {
    let mut amounts = node.children().filter(|n| n.rule() == Rule::amount);
    let rows = node.child(Rule::number).and_then(|n| whole(&n, 1..=u32::MAX, "number of rows", faults));
    let zero = || amount_of(node, &mut Vec::new());
    let limit = amounts.next().map_or_else(zero, |a| amount(&a, faults));
    WrittenPromise {
        span: node.span(),
        rows,
        limit,
        stale: amounts.next().map(|a| amount(&a, faults)),
        per: node.child(Rule::per).map(|p| p.name(0)),
        filter: node.child(Rule::filter).map(|f| filter(&f, faults)),
    }
}

fn column(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenColumn {
    let kind_node = node.child(Rule::kind);
    let inner = kind_node.as_ref().map(Node::only);
    let kind = match &inner {
        Some(k) => match k.rule() {
            Rule::id_of => WrittenKind::IdOf(k.name(0)),
            Rule::k_id => WrittenKind::Id,
            Rule::one_of => WrittenKind::OneOf(k.child(Rule::choices).map(|c| choices(&c)).unwrap_or_default()),
            Rule::k_yes_or_no => WrittenKind::YesOrNo,
            Rule::list_of => WrittenKind::ListOf(k.name(0)),
            Rule::money_in => WrittenKind::MoneyIn(k.name(0)),
            _ => WrittenKind::Word(k.word()),
        },
        None => WrittenKind::Id,
    };
    let encoding = node.child(Rule::encoding).map(|e| {
        let kind = if e.has(Rule::k_cents) {
            Node0::Cents
        } else if e.has(Rule::k_fraction) {
            Node0::Fraction
        } else if e.has(Rule::k_basis_points) {
            Node0::BasisPoints
        } else {
            let titles = e.child(Rule::titles).map(|t| t.children().map(|t| t.quoted()).collect());
            Node0::Titles(titles.unwrap_or_default())
        };
        (kind, e.span())
    });
    let mut limits = Vec::new();
    for limit in node.children().filter(|n| n.rule() == Rule::limit) {
        let inner = limit.only();
        let span = limit.span();
        match inner.rule() {
            Rule::k_optional_unless => limits.push((Limit::Optional(Some(expr_of(&limit, faults))), span)),
            Rule::k_optional => limits.push((Limit::Optional(None), span)),
            Rule::k_not_empty => limits.push((Limit::NotEmpty, span)),
            Rule::k_not_in_the_future => limits.push((Limit::NotInTheFuture, span)),
            Rule::range => {
                let (low, high) = range(&inner, faults);
                limits.extend(low.map(|l| (Limit::Low(l), span)));
                limits.extend(high.map(|h| (Limit::High(h), span)));
            }
            Rule::at_least_amount => limits.push((Limit::Low(amount_of(&inner, faults)), span)),
            Rule::at_most_amount => limits.push((Limit::High(amount_of(&inner, faults)), span)),
            _ => limits.extend(inner.title().map(|t| (Limit::Renamed(t), span))),
        }
    }
    WrittenColumn {
        name: node.name(0),
        kind_span: kind_node.map_or_else(|| node.span(), |k| k.span()),
        kind,
        encoding,
        filled: node.child(Rule::filled).map(|f| (f.name(0), f.child(Rule::filter).map(|f| filter(&f, faults)))),
        limits,
    }
}

// ── checked ──

/// What happens to rows that break a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnViolation {
    /// They are set aside; what needs their values is unknown.
    Quarantine,
    /// Nothing of the contract is trusted.
    Refuse,
    /// They are used where they have a value; the finding stands.
    Accept,
}

/// How a column is stored where that is not plain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// The stored number times this is the value: 1/100 for cents and basis points, 100 for fractions.
    Scaled(Number),
    /// These texts, in the order of the words.
    Words(Vec<Arc<str>>),
}

/// Whether a column may be empty.
#[derive(Debug, Clone, PartialEq)]
pub enum Optional {
    /// It may not.
    Required,
    /// It may.
    Always,
    /// It may, unless this holds of its row.
    Unless(Expr<Checked>),
}

/// From what a document for others, or a column of it, is filled.
#[derive(Debug, Clone)]
pub enum Source {
    /// The value of a metric of the portfolio.
    Metric(MetricId),
    /// Rows, those of which the filter holds.
    Rows {
        /// Of this.
        of: Relation,
        /// In the scope of a row.
        filter: Option<Expr<Checked>>,
    },
    /// What a report shows, by its number in the pack.
    Report(u32),
}

/// A column of a contract.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in rules.
    pub name: Arc<str>,
    /// Its name in the database.
    pub stored: Arc<str>,
    /// Where it is declared.
    pub span: Span,
    /// Its type.
    pub ty: Type,
    /// Whose row its id names.
    pub refers: Option<ContractId>,
    /// How it is stored.
    pub encoding: Encoding,
    /// Whether it may be empty.
    pub optional: Optional,
    /// Least value, a literal or a param.
    pub low: Option<Expr<Checked>>,
    /// Greatest value, a literal or a param.
    pub high: Option<Expr<Checked>>,
    /// An empty text is refused.
    pub not_empty: bool,
    /// A time after the present is refused.
    pub not_future: bool,
    /// In an outgoing document: from what it is filled.
    pub filled: Option<Source>,
}

impl Column {
    /// The name by which the row it refers to is called: without `_id`.
    pub fn reference(&self) -> Option<&str> {
        self.refers.map(|_| self.name.strip_suffix("_id").unwrap_or(&self.name))
    }
}

/// A promise about the age of data.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// Up to this age all is well; a duration or a span.
    pub within: Expr<Checked>,
    /// Beyond this age nothing is known.
    pub stale: Option<Expr<Checked>>,
    /// For every row of this relation, reached like this; else for the contract as a whole.
    pub per: Option<(Relation, Vec<Hop>)>,
    /// Only for those of which this holds; in the scope of their row.
    pub filter: Option<Expr<Checked>>,
}

/// A promise about the number of rows.
#[derive(Debug, Clone)]
pub struct Volume {
    /// So many.
    pub rows: u32,
    /// In every such stretch.
    pub every: Expr<Checked>,
    /// For every row of this relation.
    pub per: Option<(Relation, Vec<Hop>)>,
    /// Only for those of which this holds; in the scope of the entity when there is one.
    pub filter: Option<Expr<Checked>>,
}

/// `belongs to a PAIR by FIRST with SECOND and KIND`.
#[derive(Debug, Clone)]
pub struct Link {
    /// The pairs block.
    pub pairs: super::super::expr::PairsId,
    /// Column with one of the two.
    pub first: u32,
    /// Column with the other.
    pub second: u32,
    /// Column with the kind.
    pub kind: Option<u32>,
}

/// A checked contract.
#[derive(Debug, Clone)]
pub struct Contract {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub span: Span,
    /// Why it exists.
    pub because: Arc<str>,
    /// What one row is called.
    pub noun: Option<Arc<str>>,
    /// The stage it comes from.
    pub from: Option<Arc<str>>,
    /// The stage it goes to.
    pub to: Option<Arc<str>>,
    /// The format of the document it describes, when it is no table.
    pub format: Option<Arc<str>>,
    /// Whether it is one of the program's own tables.
    pub kept: bool,
    /// The agent that may propose rows.
    pub proposed_by: Option<Arc<str>>,
    /// What applying a proposal may write.
    pub changes: Vec<ContractId>,
    /// The table.
    pub table: Arc<str>,
    /// Columns that name a row.
    pub key: Vec<u32>,
    /// The column with its time.
    pub dated: Option<u32>,
    /// The columns between which a row is in force.
    pub valid: Option<(u32, u32)>,
    /// The columns in order.
    pub columns: Vec<Column>,
    /// Promises of freshness.
    pub fresh: Vec<Fresh>,
    /// Promises of volume.
    pub volume: Vec<Volume>,
    /// What happens to bad rows.
    pub on_violation: OnViolation,
    /// Who hears of them.
    pub tells: Option<step::Message>,
    /// Ties to pairs.
    pub links: Vec<Link>,
    /// In an outgoing document: from what the whole of it is filled.
    pub filled_from: Option<Source>,
}

impl Contract {
    /// Whether it is a table of the portfolio database, not a document.
    pub fn is_table(&self) -> bool {
        self.format.is_none() && self.to.is_none()
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<u32> {
        self.columns.iter().position(|c| &*c.name == name).map(|i| i as u32)
    }

    /// The word for one row, or the contract's name.
    pub fn row_word(&self) -> &str {
        self.noun.as_deref().unwrap_or(&self.name)
    }
}

// ── check ──

/// The words for what a column can hold, as far as one word says it.
pub(crate) const KINDS: [&str; 11] =
    ["text", "count", "number", "percent", "points", "money", "date", "moment", "hours", "minutes", "id"];

/// First pass: columns and their types, so that everything else can refer to them.
pub(crate) fn declare(cx: &mut Checker<'_>, written: &Written) -> Contract {
    let because = cx.because(&written.head, "contract");
    let mut columns: Vec<Column> = Vec::new();
    for column in &written.columns {
        if let Some(first) = columns.iter().find(|c| c.name == column.name.text) {
            cx.report(
                Diagnostic::new(Code::Duplicate, format!("the column `{}` stands twice", column.name))
                    .help("keep one of the two, or rename it")
                    .label(column.name.span, "again here")
                    .label(first.span, "first here"),
            );
            continue;
        }
        columns.push(declare_column(cx, column));
    }
    Contract {
        name: written.head.name.text.clone(),
        span: written.head.span,
        because,
        noun: written.noun.as_ref().map(|w| w.text.clone()),
        from: written.from.as_ref().map(|w| w.text.clone()),
        to: written.to.as_ref().map(|w| w.text.clone()),
        format: written.format.as_ref().map(|w| w.text.clone()),
        kept: written.kept,
        proposed_by: written.proposed_by.as_ref().map(|w| w.text.clone()),
        changes: Vec::new(),
        table: written.stored_in.as_ref().map_or_else(|| written.head.name.text.clone(), |t| t.text.clone()),
        key: Vec::new(),
        dated: None,
        valid: None,
        columns,
        fresh: Vec::new(),
        volume: Vec::new(),
        tells: None,
        on_violation: written.violation.as_ref().map_or(OnViolation::Quarantine, |v| v.0),
        links: Vec::new(),
        filled_from: None,
    }
}

fn declare_column(cx: &mut Checker<'_>, written: &WrittenColumn) -> Column {
    let mut refers = None;
    let ty = match &written.kind {
        WrittenKind::Id => Type::Id("".into()),
        WrittenKind::IdOf(of) => {
            refers = cx.names.contract(of, &mut cx.diagnostics);
            Type::Id(of.text.clone())
        }
        WrittenKind::YesOrNo => Type::Truth,
        WrittenKind::ListOf(of) => {
            cx.names.contract(of, &mut cx.diagnostics);
            Type::List(of.text.clone())
        }
        WrittenKind::MoneyIn(unit) => {
            if unit.text.chars().all(|c| c.is_ascii_uppercase()) {
                Type::Money(unit.text.clone())
            } else {
                Type::MoneyBy(unit.text.clone())
            }
        }
        WrittenKind::OneOf(words) => Type::Words(words.iter().filter_map(|w| cx.plain_word(w)).collect()),
        WrittenKind::Word(word) => match &*word.text {
            "text" => Type::Text,
            "count" => Type::Count,
            "number" => Type::Number,
            "percent" => Type::Percent,
            "points" => Type::Points,
            "money" => Type::Money(cx.currency()),
            "date" => Type::Date,
            "moment" => Type::Moment,
            "hours" | "minutes" => Type::Duration,
            other => {
                cx.report(
                    Diagnostic::at(Code::UnknownName, word.span, format!("`{other}` is no type of a column")).help(
                        nearest(other, KINDS).unwrap_or_else(|| {
                            format!("types are {}, yes or no, one of …, list of …", KINDS.join(", "))
                        }),
                    ),
                );
                Type::Broken
            }
        },
    };
    let scale = |n: i128, d: i128| Number::ratio(n, d).map_or(Encoding::Plain, Encoding::Scaled);
    let base = match &written.kind {
        WrittenKind::Word(w) if &*w.text == "hours" => scale(3600, 1),
        WrittenKind::Word(w) if &*w.text == "minutes" => scale(60, 1),
        _ => Encoding::Plain,
    };
    let encoding = match &written.encoding {
        None => base,
        Some((how, span)) => match (how, &ty) {
            (Node0::Cents, Type::Money(_) | Type::MoneyBy(_)) | (Node0::BasisPoints, Type::Percent | Type::Points) => {
                scale(1, 100)
            }
            (Node0::Fraction, Type::Percent) => scale(100, 1),
            (Node0::Titles(titles), Type::Words(words)) if titles.len() == words.len() => {
                Encoding::Words(titles.iter().map(|t| t.text.clone()).collect())
            }
            (Node0::Titles(titles), Type::Words(words)) => {
                let message = format!("{} words are stored as {} texts", words.len(), titles.len());
                cx.report(
                    Diagnostic::at(Code::UnitMismatch, *span, message)
                        .help("give one text for each word, in their order"),
                );
                Encoding::Plain
            }
            _ => {
                let message = format!("a column of type {} cannot be stored so", ty.name());
                cx.report(Diagnostic::at(Code::UnitMismatch, *span, message).help(
                    "money is stored as cents, percents as fraction or basis points, words as \"TEXT\", \"TEXT\"",
                ));
                Encoding::Plain
            }
        },
    };
    let mut column = Column {
        name: written.name.text.clone(),
        stored: written.name.text.clone(),
        span: written.name.span,
        ty,
        refers,
        encoding,
        optional: Optional::Required,
        low: None,
        high: None,
        not_empty: false,
        not_future: false,
        filled: None,
    };
    for (limit, span) in &written.limits {
        match limit {
            Limit::Optional(_) => column.optional = Optional::Always,
            Limit::NotEmpty => column.not_empty = true,
            Limit::NotInTheFuture => {
                if !matches!(column.ty, Type::Date | Type::Moment | Type::Broken) {
                    let message = format!("`{}` is no time, so it is never in the future", written.name);
                    cx.report(
                        Diagnostic::at(Code::BadTime, *span, message)
                            .help("only a date or a moment can be `not in the future`"),
                    );
                }
                column.not_future = true;
            }
            Limit::Renamed(name) => column.stored = name.text.clone(),
            Limit::Low(_) | Limit::High(_) => {}
        }
    }
    if written.filled.is_some() && matches!(column.ty, Type::Id(_)) {
        cx.report(Diagnostic::at(Code::WrongKind, written.kind_span, "an id is not filled from elsewhere"));
    }
    column
}

/// Second pass: everything that refers to other items.
pub(crate) fn check(cx: &mut Checker<'_>, id: ContractId, written: &Written) {
    let own = Relation::Contract(id);
    let find = |cx: &mut Checker<'_>, word: &Word| cx.column_of(id, word);
    if let Some((words, _)) = &written.row_key {
        let key: Vec<u32> = words.iter().filter_map(|w| find(cx, w)).collect();
        cx.contracts[id.index()].key = key;
    } else if cx.contracts[id.index()].is_table() && !written.head.broken {
        cx.report(
            Diagnostic::at(
                Code::MissingFact,
                written.head.span,
                format!("contract `{}` does not say what names a row", written.head.name),
            )
            .help("name a column that is a date or a moment")
            .help("add a line such as `one row per id`"),
        );
    }
    if let Some(word) = &written.dated
        && let Some(column) = find(cx, word)
    {
        let ty = cx.contracts[id.index()].columns[column as usize].ty.clone();
        if !matches!(ty, Type::Date | Type::Moment | Type::Broken) {
            let message = format!("`{word}` is {}, and a contract is dated by a date or a moment", ty.phrase());
            cx.report(
                Diagnostic::at(Code::BadTime, word.span, message).help("name a column that is a date or a moment"),
            );
        }
        cx.contracts[id.index()].dated = Some(column);
    }
    if let Some((from, until)) = &written.valid
        && let (Some(a), Some(b)) = (find(cx, from), find(cx, until))
    {
        for (word, column) in [(from, a), (until, b)] {
            if !matches!(cx.contracts[id.index()].columns[column as usize].ty, Type::Date | Type::Moment | Type::Broken)
            {
                cx.report(
                    Diagnostic::at(Code::BadTime, word.span, format!("`{word}` is no date or moment"))
                        .help("name a column that is a date or a moment"),
                );
            }
        }
        cx.contracts[id.index()].valid = Some((a, b));
    }
    for word in &written.changes {
        if let Some(changed) = cx.names.contract(word, &mut cx.diagnostics) {
            cx.contracts[id.index()].changes.push(changed);
        }
    }
    if let Some(agent) = &written.proposed_by {
        cx.party(agent, "agent");
    }
    if let Some((_, Some(tell))) = &written.violation {
        cx.contracts[id.index()].tells = step::check_tell(cx, tell, None);
    }
    for link in &written.links {
        let Some(Relation::Pairs(pairs)) = cx.noun_of_pairs(&link.noun) else { continue };
        let columns = [find(cx, &link.first), find(cx, &link.second)];
        let kind = link.kind.as_ref().map(|k| find(cx, k));
        if let ([Some(first), Some(second)], None | Some(Some(_))) = (columns, &kind) {
            cx.contracts[id.index()].links.push(Link { pairs, first, second, kind: kind.flatten() });
        }
    }
    for column in &written.columns {
        check_limits(cx, id, own, column);
    }
}

/// Third pass: promises, which speak of paths and metrics.
pub(crate) fn check_promises(cx: &mut Checker<'_>, id: ContractId, written: &Written) {
    let own = Relation::Contract(id);
    for promise in written.fresh.iter().chain(&written.volume) {
        let volume = written.volume.iter().any(|v| v.span == promise.span);
        if cx.contracts[id.index()].dated.is_none() && !written.head.broken {
            cx.report(
                Diagnostic::at(
                    Code::NoDate,
                    promise.span,
                    format!("`{}` has no date, so its age cannot be judged", written.head.name),
                )
                .help("say which column is its time: `dated by COLUMN`"),
            );
        }
        let within = cx.length(&promise.limit);
        let stale = promise.stale.as_ref().map(|s| cx.length(s));
        let per = match &promise.per {
            None => None,
            Some(noun) => {
                let Some(to) = cx.noun(noun) else { continue };
                match cx.path(own, to, None, noun.span) {
                    Some(path) => Some((to, path)),
                    None => continue,
                }
            }
        };
        // A promise asks the row for which it is made: `where status is active`, and `where venture's status` alike.
        let filter = match (&promise.filter, &per) {
            (None, _) => None,
            (Some(filter), Some((to, _))) => match cx.condition(&Scope::row(*to), filter) {
                Some(f) => Some(f),
                None => continue,
            },
            (Some(filter), None) => {
                cx.report(
                    Diagnostic::at(
                        Code::NoPath,
                        filter.span,
                        "this promise is about the contract as a whole, so there is no row to ask",
                    )
                    .help("say for whom it is made: `per NOUN`"),
                );
                continue;
            }
        };
        let Some(within) = within else { continue };
        if volume {
            let Some(rows) = promise.rows else { continue };
            cx.contracts[id.index()].volume.push(Volume { rows, every: within, per, filter });
        } else {
            cx.contracts[id.index()].fresh.push(Fresh { within, stale: stale.flatten(), per, filter });
        }
    }
}

fn check_limits(cx: &mut Checker<'_>, id: ContractId, own: Relation, written: &WrittenColumn) {
    let Some(index) = cx.contracts[id.index()].column(&written.name.text) else { return };
    let ty = cx.contracts[id.index()].columns[index as usize].ty.clone();
    let mut bounds: [Option<Expr<Checked>>; 2] = [None, None];
    for (limit, span) in &written.limits {
        match limit {
            Limit::Low(e) | Limit::High(e) => {
                let Some(bound) = cx.constant(e) else { continue };
                if !cx.compatible(&ty, &bound.ty) {
                    let message = format!(
                        "`{}` is {} and cannot be compared with {}",
                        written.name,
                        ty.phrase(),
                        bound.ty.phrase()
                    );
                    cx.report(Diagnostic::at(Code::UnitMismatch, e.span, message).help(ty.write_such()));
                    // Both bounds are of one unit: the second would only repeat it.
                    return;
                }
                bounds[usize::from(matches!(limit, Limit::High(_)))] = Some(bound);
            }
            Limit::Optional(Some(unless)) => {
                if let Some(condition) = cx.condition(&Scope::row(own), unless) {
                    cx.contracts[id.index()].columns[index as usize].optional = Optional::Unless(condition);
                }
            }
            Limit::NotEmpty if !matches!(ty, Type::Text | Type::Id(_) | Type::Broken) => {
                cx.report(
                    Diagnostic::at(
                        Code::UnitMismatch,
                        *span,
                        format!("`{}` is {}, which is never an empty text", written.name, ty.phrase()),
                    )
                    .help("only text can be `not empty`; a column that may be missing is `optional`"),
                );
            }
            _ => {}
        }
    }
    let [low, high] = bounds;
    if let (Some(Expr { kind: ExprKind::Literal(a), .. }), Some(Expr { kind: ExprKind::Literal(b), span, .. })) =
        (&low, &high)
        && a.compare(b) == Some(std::cmp::Ordering::Greater)
    {
        cx.report(
            Diagnostic::at(Code::EmptyRange, *span, "the range ends before it begins")
                .help("write the smaller bound first"),
        );
    }
    let column = &mut cx.contracts[id.index()].columns[index as usize];
    column.low = low;
    column.high = high;
}

/// One column can only refer to rows that one column names. Runs when every row key is known.
pub(crate) fn check_references(cx: &mut Checker<'_>, id: ContractId, written: &Written) {
    for column in &written.columns {
        let WrittenKind::IdOf(of) = &column.kind else { continue };
        let index = cx.contracts[id.index()].column(&column.name.text);
        let Some(to) = index.and_then(|i| cx.contracts[id.index()].columns[i as usize].refers) else { continue };
        let (there, written_there) = (&cx.contracts[to.index()], &cx.file.contracts[to.index()]);
        let Some((words, span)) = &written_there.row_key else { continue };
        if words.len() > 1 && !written_there.head.broken {
            let key: Vec<&str> = words.iter().map(|w| &*w.text).collect();
            let message = format!(
                "`{}` is one value, and a row of `{}` is named by {}: {}",
                column.name,
                there.name,
                words.len(),
                listed(&key, "and")
            );
            cx.report(
                Diagnostic::new(Code::WrongKind, message)
                    .label(column.kind_span, "this names no single row")
                    .label(*span, "here is what names one")
                    .help(format!("give `{}` a column of its own that names its rows: `one row per id`", of.text)),
            );
        }
    }
}

/// From what an outgoing document is filled: it must be there and fit. Runs after the metrics, whose types it needs.
pub(crate) fn check_sources(cx: &mut Checker<'_>, id: ContractId, written: &Written) {
    if let Some((from, filter)) = &written.filled_from {
        cx.contracts[id.index()].filled_from = source(cx, from, filter.as_ref());
        if let Some(Source::Rows { of, .. }) = cx.contracts[id.index()].filled_from {
            check_same_columns(cx, id, of, from);
        }
    }
    for column in &written.columns {
        let Some(index) = cx.contracts[id.index()].column(&column.name.text) else { continue };
        let Some((from, filter)) = &column.filled else {
            let listed = matches!(column.kind, WrittenKind::ListOf(_));
            if written.to.is_some() && written.filled_from.is_none() && !listed {
                cx.report(
                    Diagnostic::at(
                        Code::MissingFact,
                        column.name.span,
                        format!("nothing says from what `{}` is filled", column.name),
                    )
                    .help("write `from METRIC` after its type"),
                );
            }
            continue;
        };
        if let Some(source) = source(cx, from, filter.as_ref())
            && fits(cx, &source, id, index, from)
        {
            cx.contracts[id.index()].columns[index as usize].filled = Some(source);
        }
    }
}

/// What a name after `from` stands for, with its filter in the scope of its rows.
fn source(cx: &mut Checker<'_>, from: &Word, filter: Option<&Expr<AsWritten>>) -> Option<Source> {
    let what = "a metric, a contract or a report";
    let kind = cx.names.of_kind(
        from,
        what,
        |kind| matches!(kind, Kind::Metric(_) | Kind::Contract(_) | Kind::Pairs(_) | Kind::Report(_)).then_some(kind),
        &mut cx.diagnostics,
    )?;
    let rows = match kind {
        Kind::Contract(of) => Relation::Contract(of),
        Kind::Pairs(of) => Relation::Pairs(of),
        Kind::Metric(metric) => {
            one_value(cx, filter, from)?;
            return cx.metric(metric).map(|_| Source::Metric(metric));
        }
        Kind::Report(report) => {
            one_value(cx, filter, from)?;
            return Some(Source::Report(report));
        }
        _ => return None,
    };
    if let Relation::Contract(of) = rows
        && !cx.contracts[of.index()].is_table()
    {
        cx.report(
            Diagnostic::at(Code::WrongKind, from.span, format!("`{from}` is a document for others and has no rows"))
                .help("fill it from a contract of a table, or from a metric"),
        );
        return None;
    }
    let filter = match filter {
        Some(filter) => Some(cx.condition(&Scope::row(rows), filter)?),
        None => None,
    };
    Some(Source::Rows { of: rows, filter })
}

fn one_value(cx: &mut Checker<'_>, filter: Option<&Expr<AsWritten>>, from: &Word) -> Option<()> {
    let Some(filter) = filter else { return Some(()) };
    cx.report(
        Diagnostic::at(Code::WrongKind, filter.span, format!("`{from}` has no rows to choose from"))
            .help("leave the `where` out, or put it into the metric"),
    );
    None
}

/// Whether a column can be filled from a source; says so when it cannot.
fn fits(cx: &mut Checker<'_>, source: &Source, id: ContractId, column: u32, from: &Word) -> bool {
    let Column { name, ty, span, .. } = &cx.contracts[id.index()].columns[column as usize];
    let (name, ty, span) = (name.clone(), ty.clone(), *span);
    let mismatch = |what: String, help: String| {
        Diagnostic::new(Code::UnitMismatch, format!("`{name}` is {}, and `{from}` is {what}", ty.phrase()))
            .label(from.span, format!("this is {what}"))
            .label(span, format!("this is {}", ty.phrase()))
            .help(help)
    };
    let fault = match (source, &ty) {
        (Source::Rows { of, .. }, Type::List(rows)) if cx.relation_name(*of) == *rows => return true,
        (Source::Rows { of, .. }, _) => {
            let rows = cx.relation_name(*of);
            mismatch(
                "rows".into(),
                format!("write `{name} list of {rows} from {rows}`, or name a metric that takes one value from them"),
            )
        }
        (Source::Report(_), _) => mismatch(
            "a report".into(),
            format!("one column takes one metric; the whole document can be `filled from {from}`"),
        ),
        (Source::Metric(metric), _) => {
            let Some(metric) = cx.metric(*metric) else { return false };
            if let Some(grain) = metric.grain {
                mismatch(
                    format!("one value for each {}", cx.row_word(grain)),
                    format!(
                        "make one value of them: `metric NAME = average of {from} over {}`",
                        cx.relation_name(grain)
                    ),
                )
            } else if cx.compatible(&metric.ty, &ty) {
                return true;
            } else {
                mismatch(metric.ty.phrase(), format!("give `{name}` the type of `{from}`, or name another metric"))
            }
        }
    };
    cx.report(fault);
    false
}

/// A document filled from the rows of a contract takes each of its columns from the column of that name.
fn check_same_columns(cx: &mut Checker<'_>, id: ContractId, of: Relation, from: &Word) {
    let Relation::Contract(of) = of else { return };
    for column in cx.contracts[id.index()].columns.clone() {
        let there = cx.contracts[of.index()].columns.iter().find(|c| c.name == column.name);
        let fault = match there {
            Some(there) if cx.compatible(&there.ty, &column.ty) => continue,
            Some(there) => Diagnostic::new(
                Code::UnitMismatch,
                format!("`{}` is {} here and {} in `{from}`", column.name, column.ty.phrase(), there.ty.phrase()),
            )
            .label(column.span, format!("this is {}", column.ty.phrase()))
            .label(there.span, format!("this is {}", there.ty.phrase()))
            .help("give both the same type"),
            None => {
                let columns: Vec<&str> = cx.contracts[of.index()].columns.iter().map(|c| &*c.name).collect();
                Diagnostic::at(Code::UnknownName, column.span, format!("`{from}` has no column `{}`", column.name))
                    .help(
                        nearest(&column.name, columns.iter().copied())
                            .unwrap_or_else(|| format!("its columns are {}", listed(&columns, "and"))),
                    )
            }
        };
        cx.report(fault);
    }
}

/// The value a bound stands for, if it is written out.
pub fn literal_of(bound: &Expr<Checked>) -> Option<&Value> {
    if let ExprKind::Literal(value) = &bound.kind { Some(value) } else { None }
}

// ── print ──

impl Source {
    fn print(&self, pack: &Pack) -> String {
        match self {
            Source::Metric(metric) => pack.metric(*metric).name.to_string(),
            Source::Report(report) => pack.reports[*report as usize].name.to_string(),
            Source::Rows { of, filter } => {
                let place = Place::of(pack, Some(*of));
                let filter = filter.as_ref().map(|f| format!(" where {}", place.expr(f))).unwrap_or_default();
                format!("{}{filter}", pack.relation_name(*of))
            }
        }
    }
}

impl Column {
    fn print(&self, place: &Place<'_>) -> String {
        let pack = place.pack;
        let scaled = |n: i128, d: i128| Number::ratio(n, d).map(Encoding::Scaled) == Some(self.encoding.clone());
        let kind = match &self.ty {
            Type::Id(of) if of.is_empty() => "id".into(),
            Type::Money(currency) if *currency == pack.settings.currency => "money".into(),
            Type::Duration if scaled(60, 1) => "minutes".into(),
            Type::Words(words) => format!("one of {}", print::choices(words)),
            ty => ty.name(),
        };
        let stored = match (&self.ty, &self.encoding) {
            (Type::Duration, _) | (_, Encoding::Plain) => String::new(),
            (_, Encoding::Words(texts)) => {
                format!(" stored as {}", texts.iter().map(|t| quoted(t)).collect::<Vec<_>>().join(", "))
            }
            (Type::Money(_) | Type::MoneyBy(_), _) => " stored as cents".into(),
            _ if scaled(100, 1) => " stored as fraction".into(),
            _ => " stored as basis points".into(),
        };
        let from = self.filled.as_ref().map(|f| format!(" from {}", f.print(pack))).unwrap_or_default();
        let mut text = format!("{} {kind}{stored}{from}", self.name);
        let bound = match (&self.low, &self.high) {
            (Some(low), Some(high)) => format!(", from {} to {}", place.single(low), place.single(high)),
            (Some(low), None) => format!(", at least {}", place.single(low)),
            (None, Some(high)) => format!(", at most {}", place.single(high)),
            (None, None) => String::new(),
        };
        text.push_str(&bound);
        if self.not_empty {
            text.push_str(", not empty");
        }
        if self.not_future {
            text.push_str(", not in the future");
        }
        match &self.optional {
            Optional::Required => {}
            Optional::Always => text.push_str(", optional"),
            Optional::Unless(e) => text.push_str(&format!(", optional unless {}", place.expr(e))),
        }
        if self.stored != self.name {
            text.push_str(&format!(", column {}", quoted(&self.stored)));
        }
        text
    }
}

impl Contract {
    /// The canonical form. `id` is its own place in the pack.
    pub fn print(&self, pack: &Pack, id: ContractId) -> Block {
        let place = Place::of(pack, Some(Relation::Contract(id)));
        let column = |i: &u32| &*self.columns[*i as usize].name;
        let mut head = format!("contract {}", self.name);
        for (word, stage) in [("from", &self.from), ("to", &self.to)] {
            if let Some(stage) = stage {
                head.push_str(&format!(" {word} stage {stage}"));
            }
        }
        if let Some(noun) = &self.noun {
            head.push_str(&format!(", each {}", with_article(noun)));
        }
        if let Some(agent) = &self.proposed_by {
            head.push_str(&format!(", proposed by {agent}"));
        }
        if self.kept {
            head.push_str(", kept by bylaws");
        }
        if let Some(format) = &self.format {
            head.push_str(&format!(", as {format}"));
        }
        let mut block = Block::new(head);
        block.because(&self.because);
        let changes: Vec<&str> = self.changes.iter().map(|c| &*pack.contract(*c).name).collect();
        block.fact_if((!changes.is_empty()).then(|| format!("changes {}", listed(&changes, "and"))));
        block.fact_if((self.table != self.name).then(|| format!("stored in {}", quoted(&self.table))));
        block.fact_if(self.filled_from.as_ref().map(|f| format!("filled from {}", f.print(pack))));
        let key: Vec<&str> = self.key.iter().map(column).collect();
        block.fact_if((!key.is_empty()).then(|| format!("one row per {}", listed(&key, "and"))));
        block.fact_if(self.dated.as_ref().map(|c| format!("dated by {}", column(c))));
        block.fact_if(
            self.valid.as_ref().map(|(from, until)| format!("in force from {} until {}", column(from), column(until))),
        );
        for link in &self.links {
            let kind = link.kind.as_ref().map(|k| format!(" and {}", column(k))).unwrap_or_default();
            let noun = with_article(&pack.pair(link.pairs).noun);
            block.fact(format!("belongs to {noun} by {} with {}{kind}", column(&link.first), column(&link.second)));
        }
        self.columns.iter().for_each(|c| block.fact(c.print(&place)));
        let per = |per: &Option<(Relation, Vec<Hop>)>| {
            per.as_ref().map(|(to, _)| format!(" per {}", pack.row_word(*to))).unwrap_or_default()
        };
        let asked = |per: &Option<(Relation, Vec<Hop>)>, filter: &Option<Expr<Checked>>| {
            let place = Place::of(pack, per.as_ref().map(|(to, _)| *to));
            filter.as_ref().map(|f| format!(" where {}", place.expr(f))).unwrap_or_default()
        };
        for fresh in &self.fresh {
            let stale = fresh.stale.as_ref().map(|s| format!(", stale after {}", place.single(s))).unwrap_or_default();
            let (per, asked) = (per(&fresh.per), asked(&fresh.per, &fresh.filter));
            block.fact(format!("fresh within {}{per}{asked}{stale}", place.single(&fresh.within)));
        }
        for volume in &self.volume {
            let (per, asked) = (per(&volume.per), asked(&volume.per, &volume.filter));
            let rows = counted(volume.rows, "row");
            block.fact(format!("at least {rows}{per} every {}{asked}", place.single(&volume.every)));
        }
        if self.on_violation != OnViolation::Quarantine || self.tells.is_some() {
            let what = match self.on_violation {
                OnViolation::Quarantine => "quarantine",
                OnViolation::Refuse => "refuse",
                OnViolation::Accept => "accept",
            };
            let tell = self.tells.as_ref().map(|t| format!(" and {}", t.print(pack))).unwrap_or_default();
            block.fact(format!("on violation {what}{tell}"));
        }
        block
    }
}
