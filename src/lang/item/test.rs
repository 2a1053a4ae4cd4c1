//! `test`: given, when, then, with a clock. Tests run on the same engine as the daemon.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, Time};

use super::super::check::{Checker, Scope};
use super::super::expr::{
    Checked, Compare, ContractId, Expr, ExprKind, GateId, Literal, MetricId, ParamId, Presence, Relation, ThresholdId,
    Unit, Written as AsWritten, comparison, date, literal, moment, operand_of, range, whole,
};
use super::super::names::{self, Kind};
use super::super::syntax::{Facts, Line, Node, Rule, Word};
use super::contract::{Column, Contract};
use super::settings::{self, Setting};
use super::{Head, Parsed, step};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::source::Span;
use crate::time::{Calendar, Period};
use crate::value::{Number, Type, Value, listed};

// ── node ──

/// A test as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Title and reason.
    pub head: Head,
    begins_as: Option<Word>,
    actions: Vec<(Span, WrittenAction)>,
}

#[derive(Debug, Clone)]
enum WrittenAction {
    Now(Date, Option<Time>),
    Table(TableKind, WrittenTable),
    Set(Setting),
    Profile(Word),
    After(Expr<AsWritten>),
    On(Date, Option<Time>),
    Entered(Word),
    Expect(WrittenExpectation),
    Reply(WrittenReply),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TableKind {
    Given,
    Write,
    Remove,
}

#[derive(Debug, Clone)]
struct WrittenTable {
    contract: Word,
    heading: Vec<Word>,
    heading_span: Option<Span>,
    rows: Vec<(Span, Vec<WrittenCell>)>,
}

/// A cell with its place; `-` is nothing.
type WrittenCell = (Option<Word>, Span);

#[derive(Debug, Clone)]
enum WrittenExpectation {
    Value { prefix: Option<Prefix>, name: Word, key: Option<KeyText>, relation: WrittenExpected, because: Option<Word> },
    Fired { name: Word, times: Option<u32>, key: Option<KeyText> },
    Party { roles: Vec<Word>, told: bool, not: bool, about: Word, key: Option<KeyText> },
    Act { name: Word, not: bool, act: step::Act, key: Option<KeyText> },
    Baseline(Word),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    Gate,
    Contract,
}

#[derive(Debug, Clone)]
enum WrittenExpected {
    Compare(Compare, Expr<AsWritten>),
    Between(Expr<AsWritten>, Expr<AsWritten>),
    Holds(Span),
    Other(Span),
}

#[derive(Debug, Clone)]
struct WrittenReply {
    roles: Vec<Word>,
    answer: WrittenAnswer,
    noun: Option<Word>,
    rollback: bool,
    rule: Word,
    key: Option<KeyText>,
}

#[derive(Debug, Clone)]
enum WrittenAnswer {
    Approves,
    Refuses,
    Chooses(Word),
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let rows = &mut Facts::new(parsed.sources);
    let begins_as = parsed.once(Rule::begins_as, "`begins as`", faults).and_then(|n| n.title());
    let mut actions = Vec::new();
    let mut head = parsed.head.clone();
    for (line, fact) in &parsed.facts {
        let (span, action) = if fact.rule() == Rule::table {
            let kind = if fact.has(Rule::k_given) {
                TableKind::Given
            } else if fact.has(Rule::k_write) {
                TableKind::Write
            } else {
                TableKind::Remove
            };
            (line.first, table(line, fact, rows, faults).map(|t| WrittenAction::Table(kind, t)))
        } else {
            let node = fact.only();
            (node.span(), action(&node, faults))
        };
        // Of a clock that cannot be read nothing follows for the rest of the test.
        head.broken |= action.is_none() && fact.has(Rule::now_is);
        actions.extend(action.map(|a| (span, a)));
    }
    Written { head, begins_as, actions }
}

fn action(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Option<WrittenAction> {
    Some(match node.rule() {
        Rule::now_is => {
            let (date, time) = date_of(node, faults)?;
            WrittenAction::Now(date, time)
        }
        Rule::on_step => {
            let (date, time) = date_of(node, faults)?;
            WrittenAction::On(date, time)
        }
        Rule::setting => WrittenAction::Set(settings::setting(node, faults)),
        Rule::profile_used => WrittenAction::Profile(node.name(0)),
        Rule::after_step => {
            let quantity = node.child(Rule::quantity)?;
            let kind = ExprKind::Literal(literal(&quantity, faults));
            WrittenAction::After(Expr { kind, span: quantity.span(), ty: () })
        }
        Rule::entered => WrittenAction::Entered(node.only_of(Rule::stage_number)),
        Rule::expect => {
            WrittenAction::Expect(expectation(&node.children().find(|n| n.rule() != Rule::k_expect)?, faults))
        }
        Rule::reply => WrittenAction::Reply(reply(node)),
        _ => return None,
    })
}

fn date_of(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Option<(Date, Option<Time>)> {
    let written = node.child(Rule::date)?;
    match date(written.text()) {
        Ok(found) => Some(found),
        Err((message, help)) => {
            faults.push(Diagnostic::at(Code::BadLiteral, written.span(), message).help(help));
            None
        }
    }
}

fn table(line: &Line, node: &Node<'_>, facts: &mut Facts<'_>, faults: &mut Vec<Diagnostic>) -> Option<WrittenTable> {
    let mut lines = line.more.iter();
    let heading_span = lines.next().copied();
    let mut heading = Vec::new();
    if let Some(span) = heading_span {
        heading = cells(span, facts, faults)?
            .into_iter()
            .map(|(word, span)| word.unwrap_or(Word { text: "-".into(), span }))
            .collect();
    }
    let mut rows = Vec::new();
    for span in lines {
        rows.push((*span, cells(*span, facts, faults)?));
    }
    Some(WrittenTable { contract: node.name(0), heading, heading_span, rows })
}

fn cells(span: Span, facts: &mut Facts<'_>, faults: &mut Vec<Diagnostic>) -> Option<Vec<WrittenCell>> {
    let node = match facts.parse(Rule::cells, span) {
        Ok(node) => node,
        Err(fault) => {
            faults.push(
                fault.help("cells stand two or more blanks apart; a text with quotes or `#` in it stands in quotes"),
            );
            return None;
        }
    };
    let cells = node.children().filter(|n| n.rule() == Rule::cell);
    Some(
        cells
            .map(|cell| {
                let word = if cell.text().starts_with('"') { cell.quoted() } else { cell.word() };
                // A dash in quotes is a text.
                let missing = cell.text().trim() == "-";
                (
                    (!missing).then(|| Word {
                        text: if cell.text().starts_with('"') { word.text } else { word.text.trim().into() },
                        span: word.span,
                    }),
                    cell.span(),
                )
            })
            .collect(),
    )
}

fn expectation(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenExpectation {
    let for_key = node.child(Rule::for_key).or_else(|| node.child(Rule::of_key)).and_then(|k| key(&k));
    match node.rule() {
        Rule::expect_equals => WrittenExpectation::Baseline(node.name(0)),
        Rule::expect_fired => {
            let number = node.child(Rule::number);
            WrittenExpectation::Fired {
                name: node.name(0),
                times: number.and_then(|n| whole(&n, 0..=u32::MAX, "number of firings", faults)),
                key: for_key,
            }
        }
        Rule::expect_party => WrittenExpectation::Party {
            roles: node.child(Rule::names).map(|n| n.words()).unwrap_or_default(),
            told: node.has(Rule::k_told),
            not: node.has(Rule::k_not),
            about: node.name(0),
            key: for_key,
        },
        Rule::expect_act => WrittenExpectation::Act {
            name: node.name(0),
            not: node.has(Rule::k_not),
            act: step::act(node),
            key: for_key,
        },
        _ => WrittenExpectation::Value {
            prefix: if node.has(Rule::k_gate) {
                Some(Prefix::Gate)
            } else if node.has(Rule::k_contract) {
                Some(Prefix::Contract)
            } else {
                None
            },
            name: node.name(0),
            key: for_key,
            relation: expected(node, faults),
            because: node.child(Rule::expect_because).and_then(|b| b.title()),
        },
    }
}

fn expected(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenExpected {
    let Some(relation) = node.child(Rule::relation) else {
        return WrittenExpected::Holds(node.child(Rule::holds_word).map_or_else(|| node.span(), |h| h.span()));
    };
    if relation.has(Rule::distance) || relation.has(Rule::choices) {
        return WrittenExpected::Other(relation.span());
    }
    if let Some(bounds) = relation.child(Rule::range) {
        return match range(&bounds, faults) {
            (Some(low), Some(high)) => WrittenExpected::Between(low, high),
            _ => WrittenExpected::Other(relation.span()),
        };
    }
    let compare = match relation.child(Rule::comparison) {
        Some(words) => comparison(&words),
        None if relation.has(Rule::is_not) => Compare::IsNot,
        None => Compare::Is,
    };
    match relation.child(Rule::operand) {
        Some(operand) => WrittenExpected::Compare(compare, operand_of(&operand, faults)),
        None => WrittenExpected::Other(relation.span()),
    }
}

fn key(node: &Node<'_>) -> Option<KeyText> {
    let key = node.child(Rule::key)?;
    let parts = key.children().filter(|n| n.rule() == Rule::key_part).map(|part| {
        let inner = part.only();
        if inner.rule() == Rule::title { inner.quoted().text.to_string() } else { inner.text().to_owned() }
    });
    Some(KeyText { parts: parts.collect(), span: key.span() })
}

fn reply(node: &Node<'_>) -> WrittenReply {
    let chooses = node.has(Rule::k_chooses);
    let (noun, rule) = match node.has(Rule::the) {
        true => (Some(node.name(0)), node.name(1)),
        false if chooses => (None, node.name(1)),
        false => (None, node.name(0)),
    };
    WrittenReply {
        roles: node.child(Rule::names).map(|n| n.words()).unwrap_or_default(),
        answer: if chooses {
            WrittenAnswer::Chooses(node.name(0))
        } else if node.has(Rule::k_refuses) {
            WrittenAnswer::Refuses
        } else {
            WrittenAnswer::Approves
        },
        noun,
        rollback: node.has(Rule::k_rollback),
        rule,
        key: node.child(Rule::for_key).and_then(|k| key(&k)),
    }
}

// ── checked ──

/// A checked test.
#[derive(Debug, Clone)]
pub struct Test {
    /// What it shows.
    pub title: Arc<str>,
    /// Its first line.
    pub span: Span,
    /// The test whose course it goes on with, as its place in the pack.
    pub begins_as: Option<u32>,
    /// What happens and what is expected, in order, each with its place.
    pub actions: Vec<(Span, Action)>,
}

/// One line of a test.
#[derive(Debug, Clone)]
pub enum Action {
    /// `now is …`
    Now(Timestamp),
    /// `given CONTRACT`: rows that have held since the beginning of time.
    Given(Table),
    /// `write CONTRACT`: rows changed by key, or added, at the present moment.
    Write(Table),
    /// `remove CONTRACT`: rows with these cells are deleted at the present moment.
    Remove(Table),
    /// `set PARAM = VALUE`
    Set {
        /// The param.
        param: ParamId,
        /// Its new value.
        value: Value,
    },
    /// `apply profile NAME`, as its place in the pack.
    Profile(u32),
    /// `after 73 hours`: a literal duration or span.
    After(Expr<Checked>),
    /// `on 2026-04-01 09:00`
    On(Timestamp),
    /// `stage N is entered`
    Entered(Arc<str>),
    /// `expect …`
    Expect(Expectation),
    /// Somebody answers.
    Reply(Reply),
}

/// Rows of a contract.
#[derive(Debug, Clone)]
pub struct Table {
    /// The contract.
    pub contract: ContractId,
    /// The columns that are listed; the others are missing without being a violation.
    pub columns: Vec<u32>,
    /// The rows, each with its place; a missing cell is nothing.
    pub rows: Vec<(Span, Vec<Option<Value>>)>,
}

/// What a test expects.
#[derive(Debug, Clone)]
pub enum Expectation {
    /// `expect SUBJECT [of KEY] is …`
    Value {
        /// What is looked at.
        subject: Subject,
        /// For which key.
        key: Option<KeyText>,
        /// What it should be.
        expected: Expected,
        /// Words that the reason must hold.
        because: Option<String>,
    },
    /// `expect RULE fired N times`
    Fired {
        /// The rule.
        rule: RuleRef,
        /// So often, from the beginning of the test.
        times: u32,
        /// For which key; all of them when there is none.
        key: Option<KeyText>,
    },
    /// `expect ROLE was [not] told|asked about RULE`
    Party {
        /// Who, all of them.
        roles: Vec<Arc<str>>,
        /// Told, else asked.
        told: bool,
        /// It must not have happened.
        not: bool,
        /// About what.
        about: Subject,
        /// For which key; any when there is none.
        key: Option<KeyText>,
    },
    /// `expect RULE [not] to STEP`
    Act {
        /// The rule.
        rule: RuleRef,
        /// The steps that do it, as places among those of the rule.
        steps: Vec<usize>,
        /// It must not have happened.
        not: bool,
        /// For which key; any when there is none.
        key: Option<KeyText>,
    },
    /// `expect CONTRACT equals baseline`
    EqualsBaseline(ContractId),
}

/// What an expectation looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The value of a metric.
    Metric(MetricId),
    /// The verdict of a threshold.
    Threshold(ThresholdId),
    /// The verdict of a gate.
    Gate(GateId),
    /// The state of a trigger.
    Trigger(u32),
    /// The state of a rollback.
    Rollback(u32),
    /// Whether a contract holds.
    Contract(ContractId),
}

/// A rule that fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleRef {
    /// A trigger, as its place in the pack.
    Trigger(u32),
    /// A rollback, as its place in the pack.
    Rollback(u32),
}

/// What something should be.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// A verdict or state.
    Word(Arc<str>),
    /// Any but this verdict or state.
    NotWord(Arc<str>),
    /// A value that compares so.
    Compare(Compare, Value),
    /// A value between these, both included.
    Between(Value, Value),
    /// It cannot be told.
    Unknown,
    /// There is a value or verdict.
    Known,
    /// There is no value.
    Missing,
    /// The contract holds.
    Holds,
}

/// A key as written: `atlas with borealis, technology` has three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyText {
    /// Its parts, in order.
    pub parts: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// `ROLE approves|refuses|chooses …`
#[derive(Debug, Clone)]
pub struct Reply {
    /// Who answers.
    pub roles: Vec<Arc<str>>,
    /// What.
    pub answer: ReplyAnswer,
    /// The noun of what is approved, where it is named.
    pub noun: Option<ContractId>,
    /// The rule that asked.
    pub rule: RuleRef,
    /// For which key.
    pub key: Option<KeyText>,
}

/// What somebody answers in a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyAnswer {
    /// Yes.
    Approves,
    /// No.
    Refuses,
    /// One of the choices.
    Chooses(Arc<str>),
}

/// The states in which a trigger or rollback can be expected.
pub const STATES: [&str; 9] =
    ["armed", "pending", "firing", "cooling", "unknown", "asleep", "snoozed", "manual", "resting"];
const VERDICTS: [&str; 5] = ["met", "acceptable", "breached", "off", "unknown"];
const GATES: [&str; 3] = ["open", "closed", "unknown"];
const CONTRACTS: [&str; 2] = ["violated", "unknown"];

// ── cells ──

/// The value of a cell of a column, or why it is none.
pub fn cell_value(text: &str, column: &Column, calendar: &Calendar, dollars: &str) -> Result<Value, String> {
    let name = &column.name;
    match &column.ty {
        Type::Text | Type::Id(_) => return Ok(Value::text(text)),
        Type::Words(words) => {
            return words
                .iter()
                .find(|w| ***w == *text)
                .map(|w| Value::Text(w.clone()))
                .ok_or_else(|| format!("`{name}` is never `{text}`: it is one of {}", listed(words, "or")));
        }
        Type::Moment => {
            let (day, time) = date(text).map_err(|(message, _)| message)?;
            return Ok(Value::Moment(moment(day, time, calendar)));
        }
        Type::List(_) => return Err(format!("`{name}` is a list and has no cell")),
        _ => {}
    }
    let wrong = || format!("`{text}` is not {}, which `{name}` is", column.ty.phrase());
    let (value, ty) = read(text).and_then(|l| l.value(calendar, dollars)).ok_or_else(wrong)?;
    let fits = match (&column.ty, &ty) {
        (Type::Count, Type::Number) => {
            return match value.number().and_then(Number::to_whole) {
                Some(n) if n >= 0 => Ok(value),
                _ => Err(format!("`{text}` is no count: `{name}` is a whole number from 0")),
            };
        }
        (Type::MoneyBy(_), Type::Money(_) | Type::Number) => true,
        (Type::Money(own), Type::Money(given)) if own != given => {
            return Err(format!("`{text}` is an amount in {given}, and `{name}` is {}", column.ty.phrase()));
        }
        // A currency without a sign of its own is written as a plain number.
        (Type::Money(own), Type::Number) => crate::value::currency_sign(own).is_none(),
        (own, given) => own == given,
    };
    if fits { Ok(value) } else { Err(wrong()) }
}

/// Reads a cell as a literal: `$100,000`, `70%`, `160 hours`, `2026-03-02`, `yes`, `12`.
fn read(text: &str) -> Option<Literal> {
    match text {
        "yes" => return Some(Literal::Truth(true)),
        "no" => return Some(Literal::Truth(false)),
        _ => {}
    }
    if let Ok((day, time)) = date(text) {
        return Some(Literal::Date(day, time));
    }
    if let Some(number) = Number::parse(text) {
        return Some(Literal::Number(number));
    }
    if let Some(percent) = text.strip_suffix('%') {
        return Number::parse(percent.trim_end()).map(|n| Literal::Quantity(n, Unit::Percent));
    }
    let (first, rest) = text.split_once(' ').map_or((text, ""), |(a, b)| (a, b.trim()));
    if let Some(sign) = first.trim_start_matches('-').chars().next().filter(|c| matches!(c, '$' | '€' | '£')) {
        let plain: String = first.chars().filter(|c| *c != sign).collect();
        let (digits, factor) = match plain.chars().last()? {
            'K' => (plain.trim_end_matches('K'), 1_000),
            'M' => (plain.trim_end_matches('M'), 1_000_000),
            'B' => (plain.trim_end_matches('B'), 1_000_000_000),
            _ => (plain.as_str(), 1),
        };
        let amount = Number::parse(digits)?.times(Number::whole(factor))?;
        return match rest {
            "" => Some(Literal::Money(amount, sign, None, false)),
            "an hour" => Some(Literal::Money(amount, sign, None, true)),
            "a day" => Some(Literal::Money(amount, sign, Some(Period::Day), false)),
            _ => None,
        };
    }
    Some(Literal::Quantity(Number::parse(first)?, Unit::parse(rest)?))
}

// ── check ──

/// Tests may go on with each other this deep.
const MAX_CHAIN: usize = 32;

pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Test> {
    let begins_as = match &written.begins_as {
        Some(title) => Some(base(cx, written, title)?),
        None => None,
    };
    setup(cx, written);
    let mut actions = Vec::new();
    let mut sound = !written.head.broken;
    for (span, action) in &written.actions {
        match check_action(cx, action) {
            Some(action) => actions.push((*span, action)),
            None => sound = false,
        }
    }
    if sound {
        orphans(cx, written);
    }
    let file = cx.file;
    if !written.head.broken
        && !chain(file, written).any(|t| t.actions.iter().any(|(_, a)| matches!(a, WrittenAction::Expect(_))))
    {
        cx.report(
            Diagnostic::at(Code::ExpectsNothing, written.head.span, "this test expects nothing, so it can never fail")
                .help("add a line such as `expect RULE is firing for KEY`"),
        );
    }
    sound.then(|| Test { title: written.head.name.text.clone(), span: written.head.span, begins_as, actions })
}

/// The test that `begins as` names; a circle is told.
fn base(cx: &mut Checker<'_>, written: &Written, title: &Word) -> Option<u32> {
    let Some((index, _)) = cx.names.tests.get(&title.text).copied() else {
        let known: Vec<Arc<str>> = cx.names.tests.keys().filter(|t| **t != written.head.name.text).cloned().collect();
        let near = known
            .iter()
            .find(|t| t.starts_with(&*title.text))
            .map(|t| format!("did you mean \"{t}\"?"))
            .or_else(|| nearest(&title.text, known.iter().map(|t| &**t)));
        cx.report(Diagnostic::at(Code::UnknownName, title.span, format!("there is no test \"{title}\"")).help_if(near));
        return None;
    };
    let file = cx.file;
    let mut at = &file.tests[index as usize];
    for _ in 0..MAX_CHAIN {
        if at.head.name.text == written.head.name.text {
            cx.report(
                Diagnostic::at(Code::Cycle, title.span, "this test begins as itself")
                    .help("one of these tests has to begin with `now is …`"),
            );
            return None;
        }
        let Some(next) = at.begins_as.as_ref().and_then(|t| cx.names.tests.get(&t.text)) else { return Some(index) };
        at = &file.tests[next.0 as usize];
    }
    cx.report(Diagnostic::at(
        Code::TooDeep,
        title.span,
        format!("tests begin as each other more than {MAX_CHAIN} deep"),
    ));
    None
}

/// A test and those it begins as, itself first.
fn chain<'f>(file: &'f super::File, written: &'f Written) -> impl Iterator<Item = &'f Written> {
    std::iter::successors(Some(written), move |test| {
        let title = test.begins_as.as_ref()?;
        file.tests.iter().find(|t| t.head.name.text == title.text)
    })
    .take(MAX_CHAIN)
}

/// The clock is set once, before anything happens, and only moves forward.
fn setup(cx: &mut Checker<'_>, written: &Written) {
    let file = cx.file;
    let calendar = cx.settings.calendar.clone();
    let inherited: Vec<&Written> = chain(file, written).skip(1).collect();
    let mut now: Option<Timestamp> = None;
    let mut set_at: Option<Span> = None;
    for test in inherited.iter().rev() {
        for (span, action) in &test.actions {
            now = moved(now, action, &calendar);
            if matches!(action, WrittenAction::Now(..)) {
                set_at = set_at.or(Some(*span));
            }
        }
    }
    let mut told = written.head.broken;
    for (span, action) in &written.actions {
        match action {
            WrittenAction::Now(..) => {
                if let Some(first) = set_at {
                    cx.report(
                        Diagnostic::new(Code::RepeatedFact, "the clock is set twice")
                            .label(*span, "again here")
                            .label(first, "first here")
                            .help("let time pass with `after 3 days` or `on 2026-04-01 09:00`"),
                    );
                }
                set_at = set_at.or(Some(*span));
            }
            // Rows that hold since the beginning of time need no clock, nor do values of params.
            WrittenAction::Table(TableKind::Given, _) | WrittenAction::Set(_) | WrittenAction::Profile(_) => {}
            _ if set_at.is_none() && !told => {
                told = true;
                cx.report(
                    Diagnostic::at(Code::TestClock, *span, "nothing says what time it is when this happens")
                        .help("put `now is 2026-03-02 09:00` above, or begin as another test"),
                );
            }
            WrittenAction::On(day, time) => {
                let to = moment(*day, *time, &calendar);
                if let Some(now) = now
                    && to < now
                {
                    cx.report(
                        Diagnostic::at(
                            Code::TestClock,
                            *span,
                            format!("it is already {} then, and time only moves forward", calendar.show(now)),
                        )
                        .help("write a later day, or use `after`"),
                    );
                }
            }
            _ => {}
        }
        now = moved(now, action, &calendar);
    }
}

fn moved(now: Option<Timestamp>, action: &WrittenAction, calendar: &Calendar) -> Option<Timestamp> {
    match action {
        WrittenAction::Now(day, time) | WrittenAction::On(day, time) => Some(moment(*day, *time, calendar)),
        WrittenAction::After(Expr { kind: ExprKind::Literal(length), .. }) => match length.value(calendar, "USD")?.0 {
            Value::Span(span) => Some(calendar.shift(now?, span, true)),
            Value::Number(seconds) => Some(calendar.shift_seconds(now?, seconds.floor(), true)),
            _ => now,
        },
        _ => now,
    }
}

fn check_action(cx: &mut Checker<'_>, action: &WrittenAction) -> Option<Action> {
    Some(match action {
        WrittenAction::Now(day, time) => Action::Now(moment(*day, *time, &cx.settings.calendar)),
        WrittenAction::On(day, time) => Action::On(moment(*day, *time, &cx.settings.calendar)),
        WrittenAction::Table(kind, table) => {
            let table = check_table(cx, *kind, table)?;
            match kind {
                TableKind::Given => Action::Given(table),
                TableKind::Write => Action::Write(table),
                TableKind::Remove => Action::Remove(table),
            }
        }
        WrittenAction::Set(setting) => {
            let (param, value) = settings::check_setting(cx, setting)?;
            Action::Set { param, value }
        }
        WrittenAction::Profile(word) => {
            let pick = |k| if let Kind::Profile(id) = k { Some(id) } else { None };
            Action::Profile(cx.names.of_kind(word, "a profile", pick, &mut cx.diagnostics)?)
        }
        WrittenAction::After(length) => {
            let checked = cx.length(length)?;
            let back = match &checked.kind {
                ExprKind::Literal(Value::Number(n)) => n.is_negative(),
                ExprKind::Literal(Value::Span(s)) => s.count() < 0,
                _ => false,
            };
            if back {
                cx.report(Diagnostic::at(Code::TestClock, length.span, "time only moves forward"));
                return None;
            }
            Action::After(checked)
        }
        WrittenAction::Entered(stage) => {
            super::stage::declared(cx, stage).then_some(())?;
            Action::Entered(stage.text.clone())
        }
        WrittenAction::Expect(expectation) => Action::Expect(check_expectation(cx, expectation)?),
        WrittenAction::Reply(reply) => Action::Reply(check_reply(cx, reply)?),
    })
}

// ── tables ──

fn check_table(cx: &mut Checker<'_>, kind: TableKind, written: &WrittenTable) -> Option<Table> {
    let contract = cx.contract_named(&written.contract)?;
    if !cx.contracts[contract.index()].is_table() {
        cx.report(
            Diagnostic::at(
                Code::WrongKind,
                written.contract.span,
                format!("`{}` describes a document, which has no rows", written.contract),
            )
            .help("give rows of the tables it is filled from"),
        );
        return None;
    }
    let mut sound = true;
    let mut columns: Vec<u32> = Vec::new();
    for (i, word) in written.heading.iter().enumerate() {
        if let Some(first) = written.heading[..i].iter().find(|w| w.text == word.text) {
            cx.report(
                Diagnostic::new(Code::Duplicate, format!("the column `{word}` stands twice"))
                    .help("keep one of the two")
                    .label(word.span, "again here")
                    .label(first.span, "first here"),
            );
            sound = false;
            continue;
        }
        match cx.column_of(contract, word) {
            Some(column) => columns.push(column),
            None => sound = false,
        }
    }
    if kind != TableKind::Given && written.rows.is_empty() {
        let span = written.heading_span.unwrap_or(written.contract.span);
        let what = if kind == TableKind::Write { "written" } else { "removed" };
        cx.report(
            Diagnostic::at(Code::TestSetup, span, format!("no row of `{}` is {what}", written.contract))
                .help("put a heading and the rows below it, indented by four blanks"),
        );
        sound = false;
    }
    if sound && kind == TableKind::Write {
        sound = names_its_rows(cx, &cx.contracts[contract.index()].clone(), &columns, written);
    }
    let calendar = cx.settings.calendar.clone();
    let dollars = cx.currency();
    let mut rows = Vec::new();
    for (span, cells) in &written.rows {
        if cells.len() != written.heading.len() {
            let count = |n: usize| if n == 1 { "1 cell".to_owned() } else { format!("{n} cells") };
            let mut finding = Diagnostic::new(
                Code::TableShape,
                format!("this row has {}, its heading has {}", count(cells.len()), written.heading.len()),
            )
            .label(*span, count(cells.len()));
            if let Some(heading) = written.heading_span {
                finding = finding.label(heading, count(written.heading.len()));
            }
            cx.report(finding.help("cells stand two or more blanks apart; `-` is a missing value"));
            sound = false;
            continue;
        }
        if columns.len() != cells.len() {
            continue;
        }
        let mut values = Vec::new();
        for ((cell, at), column) in cells.iter().zip(&columns) {
            let Some(word) = cell else {
                values.push(None);
                continue;
            };
            let column = &cx.contracts[contract.index()].columns[*column as usize];
            if column.ty == Type::Broken {
                values.push(None);
                continue;
            }
            match cell_value(&word.text, column, &calendar, &dollars) {
                Ok(value) => values.push(Some(value)),
                Err(message) => {
                    let near = match &column.ty {
                        Type::Words(words) => nearest(&word.text, words.iter().map(|w| &**w)),
                        ty => Some(ty.write_such()),
                    };
                    let code = if matches!(column.ty, Type::Words(_)) { Code::UnknownWord } else { Code::BadLiteral };
                    cx.report(Diagnostic::at(code, *at, message).help_if(near));
                    sound = false;
                }
            }
        }
        rows.push((*span, values));
    }
    sound.then_some(Table { contract, columns, rows })
}

/// `write` finds a row by its key; only a row with an id that is made may leave it out, and is a new one.
fn names_its_rows(cx: &mut Checker<'_>, contract: &Contract, columns: &[u32], written: &WrittenTable) -> bool {
    let missing: Vec<&str> =
        contract.key.iter().filter(|k| !columns.contains(k)).map(|k| &*contract.columns[*k as usize].name).collect();
    let made = matches!(&contract.key[..], [one] if {
        let column = &contract.columns[*one as usize];
        column.refers.is_none() && matches!(column.ty, Type::Id(_))
    });
    if missing.is_empty() || made {
        return true;
    }
    let span = written.heading_span.unwrap_or(written.contract.span);
    cx.report(
        Diagnostic::at(Code::TestSetup, span, format!("which row of `{}` is written is not said", contract.name))
            .help(format!("rows are found by their key: add {} to the heading", listed(&missing, "and"))),
    );
    false
}

/// Every row that a given row refers to is given too, here or in a test this one begins as.
fn orphans(cx: &mut Checker<'_>, written: &Written) {
    let file = cx.file;
    let tests: Vec<&Written> = chain(file, written).collect();
    let mut known: HashSet<(ContractId, Arc<str>)> = HashSet::new();
    for table in tests.iter().flat_map(|t| t.tables()) {
        let Some(Kind::Contract(id)) = cx.names.get(&table.contract.text).map(|e| e.kind) else { continue };
        let [key] = cx.contracts[id.index()].key[..] else { continue };
        let name = &cx.contracts[id.index()].columns[key as usize].name;
        let Some(at) = table.heading.iter().position(|w| w.text == *name) else { continue };
        known.extend(table.rows.iter().filter_map(|(_, cells)| Some((id, cells.get(at)?.0.as_ref()?.text.clone()))));
    }
    let mut found = Vec::new();
    for (kind, table) in written.actions.iter().filter_map(|(_, a)| match a {
        WrittenAction::Table(kind, table) => Some((*kind, table)),
        _ => None,
    }) {
        let Some(Kind::Contract(id)) = cx.names.get(&table.contract.text).map(|e| e.kind) else { continue };
        if kind != TableKind::Given {
            continue;
        }
        for (at, word) in table.heading.iter().enumerate() {
            let contract = &cx.contracts[id.index()];
            let Some(refers) = contract.column(&word.text).and_then(|c| contract.columns[c as usize].refers) else {
                continue;
            };
            // Rows that are named by several columns, or by none that a test lists, cannot be looked up.
            if cx.contracts[refers.index()].key.len() != 1 || cx.is_broken_contract(refers) {
                continue;
            }
            for (_, cells) in &table.rows {
                let Some((Some(cell), span)) = cells.get(at) else { continue };
                if !known.contains(&(refers, cell.text.clone())) {
                    found.push((*span, cell.clone(), refers));
                }
            }
        }
    }
    for (span, cell, refers) in found {
        let contract = &cx.contracts[refers.index()];
        let (noun, name) = (contract.row_word().to_owned(), contract.name.clone());
        let ids = known.iter().filter(|(c, _)| *c == refers).map(|(_, id)| &**id);
        let help = nearest(&cell.text, ids).unwrap_or_else(|| format!("add it to `given {name}`"));
        cx.report(Diagnostic::at(Code::TestOrphan, span, format!("nobody gave the {noun} `{cell}`")).help(help));
    }
}

impl Written {
    fn tables(&self) -> impl Iterator<Item = &WrittenTable> {
        self.actions.iter().filter_map(|(_, a)| if let WrittenAction::Table(_, table) = a { Some(table) } else { None })
    }
}

// ── expectations ──

fn check_expectation(cx: &mut Checker<'_>, written: &WrittenExpectation) -> Option<Expectation> {
    match written {
        WrittenExpectation::Baseline(contract) => cx.contract_named(contract).map(Expectation::EqualsBaseline),
        WrittenExpectation::Fired { name, times, key } => {
            let rule = rule_named(cx, name, false);
            let (rule, times) = (rule?, (*times)?);
            check_key(cx, grain_of_rule(cx, rule), key.as_ref(), name, true)?;
            Some(Expectation::Fired { rule, times, key: key.clone() })
        }
        WrittenExpectation::Party { roles, told, not, about, key } => {
            for role in roles {
                cx.party(role, "role");
            }
            let subject = subject(cx, None, about)?;
            let grain = match subject {
                Subject::Trigger(i) => grain_of_rule(cx, RuleRef::Trigger(i)),
                Subject::Rollback(i) => grain_of_rule(cx, RuleRef::Rollback(i)),
                Subject::Contract(_) => None,
                Subject::Metric(_) | Subject::Threshold(_) | Subject::Gate(_) => {
                    cx.report(
                        Diagnostic::at(
                            Code::WrongKind,
                            about.span,
                            format!("nobody is told or asked about `{about}` itself"),
                        )
                        .help("name the trigger or rollback that tells or asks"),
                    );
                    return None;
                }
            };
            if matches!(subject, Subject::Contract(_)) {
                cx.report(
                    Diagnostic::at(Code::WrongKind, about.span, "whom a broken contract tells cannot be tested").help(
                        format!("write `expect contract {about} is violated`; whom it tells stands in its block"),
                    ),
                );
                return None;
            }
            check_key(cx, grain, key.as_ref(), about, true)?;
            let roles = roles.iter().map(|r| r.text.clone()).collect();
            Some(Expectation::Party { roles, told: *told, not: *not, about: subject, key: key.clone() })
        }
        WrittenExpectation::Act { name, not, act, key } => {
            let rule = rule_named(cx, name, false)?;
            check_key(cx, grain_of_rule(cx, rule), key.as_ref(), name, true)?;
            let all = steps_of_rule(cx, rule);
            let steps: Vec<usize> = (0..all.len()).filter(|i| act.is_done_by(&all[*i])).collect();
            if steps.is_empty() {
                let verbs: Vec<String> = all.iter().filter_map(step::Written::as_act).collect();
                let does = match verbs.is_empty() {
                    true => format!("`{name}` has no step that acts"),
                    false => format!("its steps are to {}", listed(&verbs, "and to")),
                };
                cx.report(Diagnostic::at(Code::TestSetup, act.span, format!("`{name}` has no such step")).help(does));
                return None;
            }
            Some(Expectation::Act { rule, steps, not: *not, key: key.clone() })
        }
        WrittenExpectation::Value { prefix, name, key, relation, because } => {
            let subject = subject(cx, *prefix, name)?;
            let (grain, ty) = match subject {
                Subject::Metric(id) => {
                    let metric = cx.metric(id)?;
                    (metric.grain, Some(metric.ty))
                }
                Subject::Trigger(i) => (grain_of_rule(cx, RuleRef::Trigger(i)), None),
                Subject::Rollback(i) => (grain_of_rule(cx, RuleRef::Rollback(i)), None),
                Subject::Threshold(id) => {
                    let metric = cx.thresholds.get(id.index()).and_then(|t| t.as_ref()).map(|t| t.metric);
                    (metric.and_then(|m| cx.metric(m)).and_then(|m| m.grain), None)
                }
                Subject::Gate(_) | Subject::Contract(_) => (None, None),
            };
            let key_fits = check_key(cx, grain, key.as_ref(), name, false);
            let expected = match ty {
                Some(ty) => expected_value(cx, name, relation, &ty),
                None => expected_word(cx, subject, name, relation),
            };
            key_fits?;
            let because = because.as_ref().map(|b| b.text.to_string());
            Some(Expectation::Value { subject, key: key.clone(), expected: expected?, because })
        }
    }
}

/// What a name in an expectation stands for.
fn subject(cx: &mut Checker<'_>, prefix: Option<Prefix>, word: &Word) -> Option<Subject> {
    match prefix {
        Some(Prefix::Gate) => return cx.gate_named(word).map(Subject::Gate),
        Some(Prefix::Contract) => return cx.contract_named(word).map(Subject::Contract),
        None => {}
    }
    match cx.names.get(&word.text) {
        Some(entry) if entry.broken => None,
        Some(entry) => match entry.kind {
            Kind::Metric(id) => Some(Subject::Metric(id)),
            Kind::Threshold(id) => Some(Subject::Threshold(id)),
            Kind::Gate(id) => Some(Subject::Gate(id)),
            Kind::Trigger(id) => Some(Subject::Trigger(id)),
            Kind::Rollback(id) => Some(Subject::Rollback(id)),
            Kind::Contract(id) => Some(Subject::Contract(id)),
            kind => {
                cx.report(
                    Diagnostic::new(
                        Code::WrongKind,
                        format!("`{word}` is {}, and nothing can be expected of it", kind.word()),
                    )
                    .label(word.span, "used here")
                    .label(entry.span, "declared here")
                    .help("expectations speak of metrics, thresholds, gates, triggers, rollbacks and contracts"),
                );
                None
            }
        },
        None => {
            let known: Vec<String> = (cx.names.iter())
                .filter(|(_, e)| {
                    use Kind::{Contract, Gate, Metric, Rollback, Threshold, Trigger};
                    matches!(e.kind, Metric(_) | Threshold(_) | Gate(_) | Trigger(_) | Rollback(_) | Contract(_))
                })
                .map(|(n, _)| n.to_owned())
                .collect();
            let fault = names::unknown(word, "nothing is called", known.iter().map(String::as_str));
            cx.report(fault);
            None
        }
    }
}

/// A trigger or rollback by its name.
fn rule_named(cx: &mut Checker<'_>, word: &Word, rollback: bool) -> Option<RuleRef> {
    if rollback {
        return cx.rollback_named(word).map(RuleRef::Rollback);
    }
    let pick = |k| match k {
        Kind::Trigger(id) => Some(RuleRef::Trigger(id)),
        Kind::Rollback(id) => Some(RuleRef::Rollback(id)),
        _ => None,
    };
    cx.names.of_kind(word, "a trigger or rollback", pick, &mut cx.diagnostics)
}

/// The relation of a rule's keys, as far as it is known.
fn grain_of_rule(cx: &Checker<'_>, rule: RuleRef) -> Option<Relation> {
    let per = match rule {
        RuleRef::Trigger(i) => cx.file.triggers.get(i as usize)?.per.as_ref(),
        RuleRef::Rollback(i) => cx.file.rollbacks.get(i as usize)?.core.per.as_ref(),
    };
    cx.names.noun(&per?.text)
}

fn steps_of_rule<'a>(cx: &Checker<'a>, rule: RuleRef) -> &'a [step::Written] {
    match rule {
        RuleRef::Trigger(i) => cx.file.triggers.get(i as usize).map_or(&[], |t| &t.steps),
        RuleRef::Rollback(i) => cx.file.rollbacks.get(i as usize).map_or(&[], |r| &r.core.steps),
    }
}

/// Whether a key has as many parts as the grain wants; nothing when it does not fit.
fn check_key(
    cx: &mut Checker<'_>,
    grain: Option<Relation>,
    key: Option<&KeyText>,
    name: &Word,
    any: bool,
) -> Option<()> {
    let (noun, parts, shape) = match grain {
        None => {
            if let Some(key) = key {
                cx.report(
                    Diagnostic::at(
                        Code::TestKey,
                        key.span,
                        format!("`{name}` is about the whole portfolio and has no keys"),
                    )
                    .help("leave the key out"),
                );
                return None;
            }
            return Some(());
        }
        Some(Relation::Contract(id)) => {
            let contract = &cx.contracts[id.index()];
            let columns: Vec<&str> = contract.key.iter().map(|c| &*contract.columns[*c as usize].name).collect();
            (contract.row_word().to_owned(), contract.key.len().max(1), columns.join(", "))
        }
        Some(Relation::Pairs(id)) => {
            let pairs = cx.pairs[id.index()].as_ref()?;
            let kind = pairs.has_kind();
            let shape = if kind { "FIRST with SECOND, KIND" } else { "FIRST with SECOND" };
            (pairs.noun.to_string(), if kind { 3 } else { 2 }, shape.to_owned())
        }
    };
    match key {
        Some(key) if key.parts.len() != parts => {
            cx.report(
                Diagnostic::at(Code::TestKey, key.span, format!("this does not name one {noun}"))
                    .help(format!("a {noun} is named by {shape}")),
            );
            None
        }
        None if !any => {
            cx.report(
                Diagnostic::at(
                    Code::TestKey,
                    name.span,
                    format!("`{name}` has a value for each {noun}, and none is named"),
                )
                .help(format!(
                    "say which one is meant: `for {}`",
                    if shape.contains(' ') { shape } else { "KEY".to_owned() }
                )),
            );
            None
        }
        _ => Some(()),
    }
}

fn no_expectation(cx: &mut Checker<'_>, span: Span) {
    cx.report(
        Diagnostic::at(Code::TestSetup, span, "a test expects one value, or a bound of it")
            .help("write `is VALUE`, `is at least VALUE`, `is from VALUE to VALUE` or `is unknown`"),
    );
}

fn expected_value(cx: &mut Checker<'_>, name: &Word, written: &WrittenExpected, ty: &Type) -> Option<Expected> {
    // A name in an expectation can only be a word of the type or a param.
    let scope = Scope::params_only();
    match written {
        WrittenExpected::Compare(compare, Expr { kind: ExprKind::Literal(Literal::Presence(presence)), span, .. }) => {
            match (compare, presence) {
                (Compare::Is, Presence::Unknown) => Some(Expected::Unknown),
                (Compare::IsNot, Presence::Unknown) | (Compare::Is, Presence::Present) => Some(Expected::Known),
                (Compare::Is, Presence::Missing) => Some(Expected::Missing),
                _ => {
                    no_expectation(cx, *span);
                    None
                }
            }
        }
        WrittenExpected::Compare(compare, e) => {
            let value = constant(cx, &scope, e, ty)?;
            let ordered = ty.is_quantity() || matches!(ty, Type::Span | Type::Date | Type::Moment);
            if !ordered && !matches!(compare, Compare::Is | Compare::IsNot) {
                cx.report(
                    Diagnostic::at(
                        Code::NoOrder,
                        e.span,
                        format!("`{name}` is {}, which has no more and no less", ty.phrase()),
                    )
                    .help("write `is` or `is not`"),
                );
                return None;
            }
            Some(Expected::Compare(*compare, value))
        }
        WrittenExpected::Between(low, high) => {
            let (low, high) = (constant(cx, &scope, low, ty), constant(cx, &scope, high, ty));
            Some(Expected::Between(low?, high?))
        }
        WrittenExpected::Holds(span) => {
            cx.report(
                Diagnostic::at(Code::WrongKind, *span, format!("`{name}` is a metric, and only contracts hold"))
                    .help("write `is VALUE`"),
            );
            None
        }
        WrittenExpected::Other(span) => {
            no_expectation(cx, *span);
            None
        }
    }
}

fn constant(cx: &mut Checker<'_>, scope: &Scope<'_>, e: &Expr<AsWritten>, ty: &Type) -> Option<Value> {
    let checked = cx.assign(scope, e, ty)?;
    let value = cx.constant_value(&checked);
    if value.is_none() {
        cx.report(Diagnostic::at(Code::WrongKind, e.span, "a value written out is needed here"));
    }
    value
}

fn expected_word(cx: &mut Checker<'_>, subject: Subject, name: &Word, written: &WrittenExpected) -> Option<Expected> {
    let (words, what): (&[&str], &str) = match subject {
        Subject::Threshold(_) => (&VERDICTS, "threshold"),
        Subject::Gate(_) => (&GATES, "gate"),
        Subject::Contract(_) => (&CONTRACTS, "contract"),
        Subject::Rollback(_) => (&STATES, "rollback"),
        Subject::Trigger(_) | Subject::Metric(_) => (&STATES, "trigger"),
    };
    let (compare, e) = match written {
        WrittenExpected::Holds(_) if matches!(subject, Subject::Contract(_)) => return Some(Expected::Holds),
        WrittenExpected::Holds(span) => {
            cx.report(
                Diagnostic::at(Code::WrongKind, *span, format!("`{name}` is a {what}, and only contracts hold"))
                    .help(format!("it is {}", listed(words, "or"))),
            );
            return None;
        }
        WrittenExpected::Compare(compare @ (Compare::Is | Compare::IsNot), e) => (*compare, e),
        WrittenExpected::Compare(_, e) => {
            cx.report(
                Diagnostic::at(
                    Code::NoOrder,
                    e.span,
                    format!("a {what} is {}, which has no more and no less", listed(words, "or")),
                )
                .help("write `is` or `is not`"),
            );
            return None;
        }
        WrittenExpected::Between(e, _) => {
            no_expectation(cx, e.span);
            return None;
        }
        WrittenExpected::Other(span) => {
            no_expectation(cx, *span);
            return None;
        }
    };
    if matches!(e.kind, ExprKind::Literal(Literal::Presence(Presence::Unknown))) {
        return Some(if compare == Compare::Is { Expected::Unknown } else { Expected::Known });
    }
    let word = cx.plain_word(e).filter(|w| words.contains(&&**w));
    let Some(word) = word else {
        let text = cx.plain_word(e).unwrap_or_else(|| "this".into());
        let known = words.iter().copied().chain(matches!(subject, Subject::Contract(_)).then_some("holds"));
        let mut finding = Diagnostic::at(Code::UnknownWord, e.span, format!("a {what} is never `{text}`"))
            .help(nearest(&text, known).unwrap_or_else(|| format!("it is {}", listed(words, "or"))));
        if matches!(subject, Subject::Contract(_)) && &*text != "violated" {
            finding = finding.help(format!("write `expect contract {name} holds` or `… is violated`"));
        } else if &*text == "clear" && words.contains(&"armed") {
            finding = finding.help(format!("a rule whose condition does not hold is armed: `expect {name} is armed`"));
        }
        cx.report(finding);
        return None;
    };
    Some(if compare == Compare::Is { Expected::Word(word) } else { Expected::NotWord(word) })
}

// ── replies ──

fn check_reply(cx: &mut Checker<'_>, written: &WrittenReply) -> Option<Reply> {
    for role in &written.roles {
        cx.party(role, "role");
    }
    let rule = rule_named(cx, &written.rule, written.rollback)?;
    let noun = match &written.noun {
        Some(noun) => Some(cx.contract_of_noun(noun)?),
        None => None,
    };
    check_key(cx, grain_of_rule(cx, rule), written.key.as_ref(), &written.rule, false)?;
    let steps = steps_of_rule(cx, rule);
    let answer = match &written.answer {
        WrittenAnswer::Chooses(word) => {
            let offered: Vec<Arc<str>> =
                steps.iter().flat_map(step::Written::choices).filter_map(|c| cx.plain_word(c)).collect();
            if offered.is_empty() {
                cx.report(
                    Diagnostic::at(
                        Code::TestSetup,
                        written.rule.span,
                        format!("`{}` asks nobody to choose", written.rule),
                    )
                    .help(format!("it needs a step such as `ask ROLE to choose {word} or …`")),
                );
                return None;
            }
            if !offered.contains(&word.text) {
                cx.report(
                    Diagnostic::at(
                        Code::UnknownWord,
                        word.span,
                        format!("`{word}` is none of the choices of `{}`", written.rule),
                    )
                    .help(
                        nearest(&word.text, offered.iter().map(|w| &**w))
                            .unwrap_or_else(|| format!("the choices are {}", listed(&offered, "and"))),
                    ),
                );
                return None;
            }
            ReplyAnswer::Chooses(word.text.clone())
        }
        approval => {
            // In assisted mode even a rule without a question asks before it writes.
            if let Some(noun) = &written.noun
                && !steps.iter().any(|s| s.asks_about(&noun.text))
            {
                cx.report(
                    Diagnostic::at(
                        Code::TestSetup,
                        noun.span,
                        format!("`{}` asks for no approval of a {noun}", written.rule),
                    )
                    .help(format!("it needs a step `ask for approval of the {noun}, …`")),
                );
                return None;
            }
            if matches!(approval, WrittenAnswer::Approves) { ReplyAnswer::Approves } else { ReplyAnswer::Refuses }
        }
    };
    Some(Reply {
        roles: written.roles.iter().map(|r| r.text.clone()).collect(),
        answer,
        noun,
        rule,
        key: written.key.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::contract::{Encoding, Optional};
    use super::*;
    use crate::source::FileId;

    fn column(ty: Type) -> Column {
        Column {
            name: "c".into(),
            stored: "c".into(),
            span: Span { file: FileId(0), start: 0, end: 0 },
            ty,
            refers: None,
            encoding: Encoding::Plain,
            optional: Optional::Required,
            low: None,
            high: None,
            not_empty: false,
            not_future: false,
            filled: None,
        }
    }

    fn cell(text: &str, ty: Type) -> Result<Value, String> {
        cell_value(text, &column(ty), &Calendar::default(), "USD")
    }

    fn number(n: i128) -> Result<Value, String> {
        Ok(Value::Number(Number::whole(n)))
    }

    #[test]
    fn cells_are_read_by_the_type_of_their_column() {
        let usd = || Type::Money("USD".into());
        assert_eq!(cell("$100,000", usd()), number(100_000));
        assert_eq!(cell("$100K", usd()), number(100_000));
        assert_eq!(cell("-$7", usd()), number(-7));
        assert_eq!(cell("70%", Type::Percent), number(70));
        assert_eq!(cell("160 hours", Type::Duration), number(576_000));
        assert_eq!(cell("3 points", Type::Points), number(3));
        assert_eq!(cell("12", Type::Count), number(12));
        assert_eq!(cell("yes", Type::Truth), Ok(Value::Truth(true)));
        assert_eq!(cell("2026-03-02", Type::Date), Ok(Value::Date(Date::constant(2026, 3, 2))));
        let nine = "2026-03-02T09:00:00Z".parse().map(Value::Moment).map_err(|e: jiff::Error| e.to_string());
        assert_eq!(cell("2026-03-02 09:00", Type::Moment), nine);
        assert_eq!(cell("Chief technician", Type::Text), Ok(Value::text("Chief technician")));
        assert_eq!(cell("12", Type::Id("ventures".into())), Ok(Value::text("12")));
    }

    #[test]
    fn cells_of_another_type_are_refused() {
        for (text, ty) in [
            ("70", Type::Percent),
            ("100", Type::Money("USD".into())),
            ("€100", Type::Money("USD".into())),
            ("1.5", Type::Count),
            ("-1", Type::Count),
            ("maybe", Type::Truth),
            ("2026-02-30", Type::Date),
            ("2026-03-02 09:00", Type::Date),
            ("160", Type::Duration),
            ("3 days", Type::Duration),
            ("gone", Type::Words(["active".into(), "sunset".into()].into())),
        ] {
            assert!(cell(text, ty.clone()).is_err(), "{text} as {}", ty.name());
        }
    }
}
