//! `trigger`: when a rule begins to act, how often it is looked at, what it does and when it ends.

use std::sync::Arc;

use jiff::civil::{Time, Weekday};

use super::super::check::{Checker, Scope};
use super::super::expr::{
    Checked, Expr, ExprKind, Relation, Written as AsWritten, amount, amount_of, clock, expr_of, whole,
};
use super::super::pack::Pack;
use super::super::print::{Block, Place, titled};
use super::super::syntax::{Node, Rule, Word};
use super::step::{self, Message, Mode, Rules, Step, Tell};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::source::Span;
use crate::time::Period;
use crate::value::{Type, Value};

// ── node ──

/// A trigger as written; a rollback shares these facts.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    /// `per NOUN`
    pub per: Option<Word>,
    /// `in stage N`
    pub stage: Option<Word>,
    when: Option<WrittenCondition>,
    clear: Option<WrittenCondition>,
    unless: Option<Expr<AsWritten>>,
    when_unknown: Option<(UnknownAct, Option<Tell>)>,
    /// Inside: nothing when it does not read, which was told.
    check: Option<Option<WrittenCheck>>,
    once: Vec<WrittenOnce>,
    severity: Option<Word>,
    mode: Option<Word>,
    acts_on: Option<Expr<AsWritten>>,
    ends: Vec<WrittenEnd>,
    depth: Option<(Expr<AsWritten>, Option<Expr<AsWritten>>)>,
    /// What it does, in the order it runs.
    pub steps: Vec<step::Written>,
}

#[derive(Debug, Clone)]
struct WrittenCondition {
    expr: Expr<AsWritten>,
    hold: Option<WrittenHold>,
}

#[derive(Debug, Clone)]
enum WrittenHold {
    For(Expr<AsWritten>),
    Consecutive(u32, Period),
    OfTheLast(u32, u32, Period),
    /// Told already.
    Faulty,
}

#[derive(Debug, Clone)]
struct WrittenCheck {
    pace: WrittenPace,
    other: Option<(Expr<AsWritten>, WrittenPace)>,
}

#[derive(Debug, Clone)]
enum WrittenPace {
    OnChange(Option<Expr<AsWritten>>),
    Every(Expr<AsWritten>),
    Daily(Option<Time>),
    Weekly(Option<Weekday>),
    Of(Period, WrittenDay),
    AfterEach(Expr<AsWritten>, Period),
}

#[derive(Debug, Clone)]
enum WrittenDay {
    End,
    Day(Expr<AsWritten>),
    LastBusinessDay,
}

#[derive(Debug, Clone)]
struct WrittenOnce {
    span: Span,
    after: Option<u32>,
    within: Expr<AsWritten>,
}

#[derive(Debug, Clone)]
struct WrittenEnd {
    span: Span,
    word: Word,
    rest: Option<Expr<AsWritten>>,
    when: Expr<AsWritten>,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    facts(&parsed, faults)
}

/// The facts of a trigger or rollback.
pub(crate) fn facts(parsed: &Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let (mut per, mut stage) = (None, None);
    for part in parsed.node.iter().flat_map(Node::children) {
        match part.rule() {
            Rule::per => once_in_head(&mut per, part.name(0), "`per`", faults),
            Rule::in_stage => once_in_head(&mut stage, part.only_of(Rule::stage_number), "`in stage`", faults),
            _ => {}
        }
    }
    let unknown = parsed.once(Rule::when_unknown, "`when unknown`", faults);
    let when = parsed.once(Rule::when, "`when`", faults);
    let clear = parsed.once(Rule::clear, "`clear when`", faults);
    let unless = parsed.once(Rule::unless, "`unless`", faults);
    let check = parsed.once(Rule::check, "`check`", faults);
    let severity = parsed.once(Rule::severity, "`severity`", faults);
    let mode = parsed.once(Rule::mode, "`mode`", faults);
    let acts_on = parsed.once(Rule::acts_on, "`acts on at most`", faults);
    let depth = parsed.once(Rule::depth, "`depth`", faults);
    let mut steps = Vec::new();
    for (_, fact) in &parsed.facts {
        let afterwards = fact.child(Rule::afterwards);
        if let Some(node) = fact.child(Rule::step).or_else(|| afterwards.as_ref().and_then(|a| a.child(Rule::step))) {
            steps.push(step::parse(&node, afterwards.is_some(), faults));
        }
    }
    Written {
        head: parsed.head.clone(),
        per,
        stage,
        when: when.map(|n| condition(&n, faults)),
        clear: clear.map(|n| condition(&n, faults)),
        unless: unless.map(|n| expr_of(&n, faults)),
        when_unknown: unknown.map(|n| {
            let act = if n.has(Rule::k_fire) {
                UnknownAct::Fire
            } else if n.has(Rule::k_clear) {
                UnknownAct::Clear
            } else {
                UnknownAct::Hold
            };
            (act, n.child(Rule::tell).map(|t| step::tell(&t)))
        }),
        check: check.map(|n| check_fact(&n, faults)),
        once: once(parsed, faults),
        severity: severity.map(|n| n.name(0)),
        mode: mode.map(|n| n.name(0)),
        acts_on: acts_on.map(|n| amount_of(&n, faults)),
        ends: parsed.all_different(Rule::ends, faults).iter().map(|n| end(n, faults)).collect(),
        depth: depth.map(|n| {
            let mut amounts = n.children().filter(|c| c.rule() == Rule::amount);
            let most = match amounts.next() {
                Some(most) => amount(&most, faults),
                None => amount_of(&n, faults),
            };
            (most, amounts.next().map(|a| amount(&a, faults)))
        }),
        steps,
    }
}

fn once_in_head(slot: &mut Option<Word>, word: Word, what: &str, faults: &mut Vec<Diagnostic>) {
    match slot {
        Some(first) => faults.push(
            Diagnostic::new(Code::RepeatedFact, format!("{what} stands twice"))
                .label(word.span, "again here")
                .label(first.span, "first here")
                .help("keep one of the two"),
        ),
        None => *slot = Some(word),
    }
}

/// `once within` may stand plainly, and once more for after so many firings.
fn once(parsed: &Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Vec<WrittenOnce> {
    let mut found: Vec<WrittenOnce> = Vec::new();
    for node in parsed.all(Rule::once) {
        let after = node.child(Rule::number).map(|n| whole(&n, 1..=1_000_000, "number of firings", faults));
        if let Some(first) = found.iter().find(|o| o.after.is_some() == after.is_some()) {
            faults.push(
                Diagnostic::new(Code::RepeatedFact, "`once within` stands twice")
                    .label(node.span(), "again here")
                    .label(first.span, "first here")
                    .help("keep one of the two"),
            );
            continue;
        }
        let after = match after {
            None => None,
            Some(Some(after)) => Some(after),
            Some(None) => continue,
        };
        found.push(WrittenOnce { span: node.span(), after, within: amount_of(&node, faults) });
    }
    found
}

fn condition(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenCondition {
    WrittenCondition { expr: expr_of(node, faults), hold: node.child(Rule::hold).map(|h| hold(&h, faults)) }
}

fn hold(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenHold {
    let inner = node.children().find(|n| n.rule() != Rule::k_for).unwrap_or_else(|| node.clone());
    let mut counts = inner.children().filter(|n| n.rule() == Rule::number);
    let mut count =
        |faults: &mut Vec<Diagnostic>| counts.next().and_then(|n| whole(&n, 1..=1200, "number of periods", faults));
    match inner.rule() {
        Rule::consecutive => match (count(faults), periods(&inner, faults)) {
            (Some(n), Some(period)) => WrittenHold::Consecutive(n, period),
            _ => WrittenHold::Faulty,
        },
        Rule::of_the_last => match (count(faults), count(faults), periods(&inner, faults)) {
            (Some(k), Some(n), Some(period)) if k <= n => WrittenHold::OfTheLast(k, n, period),
            (Some(k), Some(n), Some(_)) => {
                faults.push(
                    Diagnostic::at(Code::OutOfRange, inner.span(), format!("there are never {k} of the last {n}"))
                        .help("the first number is at most the second"),
                );
                WrittenHold::Faulty
            }
            _ => WrittenHold::Faulty,
        },
        _ => WrittenHold::For(amount(&inner, faults)),
    }
}

fn periods(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Option<Period> {
    let word = node.child(Rule::unit_word)?;
    let period = Period::parse(word.text().trim_end_matches('s'));
    if period.is_none() {
        let plurals = ["days", "weeks", "months", "quarters", "years"];
        faults.push(
            Diagnostic::at(Code::BadLiteral, word.span(), format!("`{}` is no period", word.text())).help(
                nearest(word.text(), plurals)
                    .unwrap_or_else(|| "periods are days, weeks, months, quarters and years".to_owned()),
            ),
        );
    }
    period
}

fn check_fact(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Option<WrittenCheck> {
    let mut paces = node.children().filter(|n| n.rule() == Rule::pace);
    let first = paces.next().map(|p| pace(&p, faults));
    let second = paces.next().map(|p| pace(&p, faults));
    let other = match second {
        Some(second) => Some((expr_of(node, faults), second?)),
        None => None,
    };
    Some(WrittenCheck { pace: first??, other })
}

fn pace(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Option<WrittenPace> {
    let inner = node.only();
    Some(match inner.rule() {
        Rule::on_change => WrittenPace::OnChange(inner.child(Rule::amount).map(|a| amount(&a, faults))),
        Rule::every => WrittenPace::Every(amount_of(&inner, faults)),
        Rule::daily => WrittenPace::Daily(match inner.child(Rule::time) {
            None => None,
            Some(time) => Some(clock(time.text()).or_else(|| {
                faults.push(
                    Diagnostic::at(Code::BadLiteral, time.span(), format!("`{}` is no time of the day", time.text()))
                        .help("times run from 00:00 to 23:59"),
                );
                None
            })?),
        }),
        Rule::weekly => WrittenPace::Weekly(match inner.words().first() {
            None => None,
            Some(word) => Some(weekday(word, faults)?),
        }),
        Rule::monthly => WrittenPace::Of(Period::Month, day(&inner, faults)),
        Rule::quarterly => WrittenPace::Of(Period::Quarter, day(&inner, faults)),
        Rule::yearly => WrittenPace::Of(Period::Year, day(&inner, faults)),
        _ => {
            let period = inner.child(Rule::period).and_then(|p| Period::parse(p.text()));
            WrittenPace::AfterEach(amount_of(&inner, faults), period.unwrap_or(Period::Month))
        }
    })
}

fn day(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenDay {
    match node.child(Rule::on_day) {
        None => WrittenDay::End,
        Some(on) if on.has(Rule::k_on_the_last_business_day) => WrittenDay::LastBusinessDay,
        Some(on) => WrittenDay::Day(amount_of(&on, faults)),
    }
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

fn weekday_word(day: Weekday) -> &'static str {
    WEEKDAYS.iter().find(|(_, d)| *d == day).map_or("monday", |(word, _)| word)
}

fn weekday(word: &Word, faults: &mut Vec<Diagnostic>) -> Option<Weekday> {
    let found = WEEKDAYS.into_iter().find(|(name, _)| **name == *word.text);
    if found.is_none() {
        let lower = word.text.to_lowercase();
        faults.push(Diagnostic::at(Code::UnknownWord, word.span, format!("`{word}` is no day of the week")).help(
            nearest(&lower, WEEKDAYS.map(|d| d.0)).unwrap_or_else(|| "write for example `weekly on monday`".to_owned()),
        ));
    }
    found.map(|(_, day)| day)
}

fn end(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenEnd {
    WrittenEnd {
        span: node.span(),
        word: node.name(0),
        rest: node.child(Rule::amount).map(|a| amount(&a, faults)),
        when: expr_of(node, faults),
    }
}

// ── checked ──

/// A condition and for how long it must hold.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What must hold.
    pub expr: Expr<Checked>,
    /// For how long.
    pub hold: Option<Hold>,
}

/// For how long a condition must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Hold {
    /// `for 4 hours`: without a break, by memory. A duration or a span.
    For(Expr<Checked>),
    /// `for 2 consecutive months`: at the end of each of the last closed periods, from data.
    Consecutive(u32, Period),
    /// `for 3 of the last 5 months`: alike.
    OfTheLast(u32, u32, Period),
}

/// What happens while the condition is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownAct {
    /// The state is held.
    Hold,
    /// As if the condition did not hold.
    Clear,
    /// As if the condition held.
    Fire,
}

impl UnknownAct {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            UnknownAct::Hold => "hold",
            UnknownAct::Clear => "clear",
            UnknownAct::Fire => "fire",
        }
    }
}

/// `when unknown, …`
#[derive(Debug, Clone)]
pub struct WhenUnknown {
    /// What happens to the state.
    pub act: UnknownAct,
    /// Who is told when it begins to be unknown.
    pub tell: Option<Message>,
}

/// When a verdict is due.
#[derive(Debug, Clone)]
pub struct Check {
    /// At this pace.
    pub pace: Pace,
    /// While this holds; otherwise at the other pace.
    pub other: Option<(Expr<Checked>, Pace)>,
}

/// How often a rule is judged.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// In the tick that sees a change.
    OnChange {
        /// The promise of how soon that is.
        latest: Option<Expr<Checked>>,
    },
    /// In steps of this length.
    Every(Expr<Checked>),
    /// Once a day, at midnight or at this time.
    Daily(Option<Time>),
    /// Once a week, at its end or on this day.
    Weekly(Option<Weekday>),
    /// Once a month.
    Monthly(OnDay),
    /// Once a quarter.
    Quarterly(OnDay),
    /// Once a year.
    Yearly(OnDay),
    /// So long after the end of each such period.
    AfterEach(Expr<Checked>, Period),
}

/// On which day of a period a rule is judged.
#[derive(Debug, Clone, PartialEq)]
pub enum OnDay {
    /// At the end of the period, about the whole of it.
    PeriodEnd,
    /// On this day of it; beyond the last day: on the last.
    Day(Expr<Checked>),
    /// On its last day that is neither weekend nor holiday.
    LastBusinessDay,
}

/// How much time lies between two firings.
#[derive(Debug, Clone)]
pub struct Once {
    /// Always at least this.
    pub within: Option<Expr<Checked>>,
    /// After so many firings at least this.
    pub later: Option<(u32, Expr<Checked>)>,
}

/// `end as WORD when …`
#[derive(Debug, Clone)]
pub struct End {
    /// Where it stands.
    pub span: Span,
    /// The outcome that history keeps.
    pub word: Arc<str>,
    /// It rests at most this long.
    pub rest: Option<Expr<Checked>>,
    /// The condition, in the scope of the key.
    pub when: Expr<Checked>,
}

/// How often a firing tries again.
#[derive(Debug, Clone)]
pub struct Depth {
    /// So many times in all.
    pub at_most: Expr<Checked>,
    /// So long after the last try.
    pub again_after: Option<Expr<Checked>>,
}

/// A checked trigger.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Its name.
    pub name: Arc<str>,
    /// Its first line.
    pub span: Span,
    /// What it is called for people.
    pub title: Option<Arc<str>>,
    /// Why it exists.
    pub because: Arc<str>,
    /// The name it had before; its state is taken over from there.
    pub formerly: Option<Arc<str>>,
    /// For each row of this it is judged on its own.
    pub grain: Option<Relation>,
    /// It sleeps outside of this stage.
    pub stage: Option<Arc<str>>,
    /// What begins a firing.
    pub when: Condition,
    /// What ends it; else the opposite of `when`.
    pub clear: Option<Condition>,
    /// No firing begins while this holds.
    pub unless: Option<Expr<Checked>>,
    /// What happens while `when` is unknown.
    pub when_unknown: WhenUnknown,
    /// When a verdict is due.
    pub check: Check,
    /// How much time lies between two firings.
    pub once: Option<Once>,
    /// How grave it is.
    pub severity: Arc<str>,
    /// Its own mode; else that of the stage.
    pub mode: Option<Mode>,
    /// `acts on at most … a day`: a number of keys, or a percent of them.
    pub acts_on: Option<Expr<Checked>>,
    /// What ends a firing with an outcome.
    pub ends: Vec<End>,
    /// How often a firing tries again.
    pub depth: Option<Depth>,
    /// What it does, in order; those of a rollback that run afterwards stand last.
    pub steps: Vec<Step>,
}

// ── check ──

const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Trigger> {
    check_as(cx, written, "trigger")
}

/// Checks the facts that a trigger and a rollback share.
pub(crate) fn check_as(cx: &mut Checker<'_>, written: &Written, noun: &'static str) -> Option<Trigger> {
    let head = &written.head;
    let because = cx.because(head, noun);
    let grain = match &written.per {
        Some(per) => Some(cx.noun(per)?),
        None => None,
    };
    if let Some(stage) = &written.stage {
        super::stage::declared(cx, stage);
    }
    missing(cx, written, noun);
    renamed(cx, head);
    let rules = Rules { noun, grain, stage: written.stage.as_ref().map(|s| s.text.clone()) };
    let scope = grain.map_or_else(Scope::portfolio, Scope::row);
    let when = written.when.as_ref().map(|c| check_condition(cx, &scope, c, "when"));
    // What ends a firing may speak of what the firing introduced and of what people answered.
    let (steps, known) = step::check_all(cx, &rules, &written.steps);
    let later = known.scope(&rules);
    let clear = written.clear.as_ref().map(|c| check_condition(cx, &later, c, "clear when"));
    if let Some(Some(clear)) = &clear {
        known.check_answers(cx, &clear.expr);
    }
    let unless = written.unless.as_ref().map(|e| {
        cx.no_bare_numbers(e, "unless");
        cx.condition(&scope, e)
    });
    let mut ends = Vec::new();
    for end in &written.ends {
        let rest = end.rest.as_ref().map(|r| cx.length(r));
        cx.no_bare_numbers(&end.when, "when");
        let when = cx.condition(&later, &end.when);
        if let Some(when) = &when {
            known.check_answers(cx, when);
        }
        if let (Some(when), None | Some(Some(_))) = (when, &rest) {
            ends.push(End { span: end.span, word: end.word.text.clone(), rest: rest.flatten(), when });
        }
    }
    let when_unknown = match &written.when_unknown {
        None => WhenUnknown { act: UnknownAct::Hold, tell: None },
        Some((act, tell)) => {
            let tell = tell.as_ref().and_then(|t| step::check_tell(cx, t, grain));
            WhenUnknown { act: *act, tell }
        }
    };
    let check = written.check.as_ref().and_then(|c| c.as_ref().and_then(|c| check_check(cx, c)));
    let once = check_once(cx, &written.once);
    let severity = match &written.severity {
        None => "medium".into(),
        Some(word) => {
            if !SEVERITIES.contains(&&*word.text) {
                cx.report(
                    Diagnostic::at(Code::UnknownWord, word.span, format!("`{word}` is no severity")).help(
                        nearest(&word.text, SEVERITIES)
                            .unwrap_or_else(|| "a severity is low, medium, high or critical".to_owned()),
                    ),
                );
            }
            word.text.clone()
        }
    };
    let mode = written.mode.as_ref().and_then(|m| step::check_mode(cx, m));
    let acts_on = written.acts_on.as_ref().and_then(|e| {
        let limit = cx.constant(e)?;
        let fits = matches!(limit.ty, Type::Count | Type::Number | Type::Percent);
        if !fits {
            cx.report(
                Diagnostic::at(
                    Code::UnitMismatch,
                    e.span,
                    format!("this is {}, and a rule acts on so many or on a percent of all", limit.ty.phrase()),
                )
                .help("write for example `acts on at most 2 a day` or `acts on at most 20% a day`"),
            );
        }
        fits.then_some(limit)
    });
    let depth = written.depth.as_ref().and_then(|(most, again)| {
        let at_most = count(cx, most, 1, "depth", "a firing tries at least once");
        let again_after = again.as_ref().map(|a| cx.length(a));
        match again_after {
            Some(None) => None,
            again_after => Some(Depth { at_most: at_most?, again_after: again_after.flatten() }),
        }
    });
    Some(Trigger {
        name: head.name.text.clone(),
        span: head.span,
        title: head.title.as_ref().map(|t| t.text.clone()),
        because,
        formerly: head.formerly.as_ref().map(|f| f.text.clone()),
        grain,
        stage: rules.stage.clone(),
        when: when??,
        clear: match clear {
            Some(clear) => Some(clear?),
            None => None,
        },
        unless: match unless {
            Some(unless) => Some(unless?),
            None => None,
        },
        when_unknown,
        check: check?,
        once,
        severity,
        mode,
        acts_on,
        ends,
        depth,
        steps,
    })
}

/// A name that is still in use is nobody's former name: two rules would take over one state.
fn renamed(cx: &mut Checker<'_>, head: &Head) {
    let Some(old) = &head.formerly else { return };
    if let Some(entry) = cx.names.get(&old.text) {
        cx.report(
            Diagnostic::new(Code::Duplicate, format!("`{old}` is still the name of {}", entry.kind.word()))
                .label(old.span, "taken over here")
                .label(entry.span, "declared here")
                .help("`formerly` names what a rule was called before and nothing is called any more"),
        );
    }
}

fn missing(cx: &mut Checker<'_>, written: &Written, noun: &str) {
    let head = &written.head;
    if head.broken {
        return;
    }
    if written.when.is_none() {
        cx.report(
            Diagnostic::at(
                Code::MissingFact,
                head.span,
                format!("{noun} `{}` does not say when it begins to act", head.name),
            )
            .help("add a line `when CONDITION`"),
        );
    }
    if written.check.is_none() {
        cx.report(
            Diagnostic::at(
                Code::MissingFact,
                head.span,
                format!("{noun} `{}` does not say how often it is looked at", head.name),
            )
            .help("add a line such as `check on change`, `check daily at 07:00` or `check monthly`"),
        );
    }
}

fn check_condition(
    cx: &mut Checker<'_>,
    scope: &Scope<'_>,
    written: &WrittenCondition,
    clause: &str,
) -> Option<Condition> {
    cx.no_bare_numbers(&written.expr, clause);
    let expr = cx.condition(scope, &written.expr);
    let hold = match &written.hold {
        None => Some(None),
        Some(WrittenHold::For(length)) => cx.length(length).map(|l| Some(Hold::For(l))),
        Some(WrittenHold::Consecutive(n, period)) => Some(Some(Hold::Consecutive(*n, *period))),
        Some(WrittenHold::OfTheLast(k, n, period)) => Some(Some(Hold::OfTheLast(*k, *n, *period))),
        Some(WrittenHold::Faulty) => None,
    };
    Some(Condition { expr: expr?, hold: hold? })
}

fn check_check(cx: &mut Checker<'_>, written: &WrittenCheck) -> Option<Check> {
    let pace = check_pace(cx, &written.pace);
    let other = match &written.other {
        None => Some(None),
        Some((condition, pace)) => {
            // The pace is one for all keys, so its condition cannot speak of a key.
            let condition = cx.condition(&Scope::portfolio(), condition);
            let pace = check_pace(cx, pace);
            condition.zip(pace).map(Some)
        }
    };
    Some(Check { pace: pace?, other: other? })
}

fn check_pace(cx: &mut Checker<'_>, written: &WrittenPace) -> Option<Pace> {
    Some(match written {
        WrittenPace::OnChange(None) => Pace::OnChange { latest: None },
        WrittenPace::OnChange(Some(latest)) => Pace::OnChange { latest: Some(cx.length(latest)?) },
        WrittenPace::Every(length) => Pace::Every(positive(cx, length)?),
        WrittenPace::Daily(time) => Pace::Daily(*time),
        WrittenPace::Weekly(day) => Pace::Weekly(*day),
        WrittenPace::Of(period, day) => {
            let day = match day {
                WrittenDay::End => OnDay::PeriodEnd,
                WrittenDay::LastBusinessDay => OnDay::LastBusinessDay,
                WrittenDay::Day(day) => OnDay::Day(day_of(cx, day, *period)?),
            };
            match period {
                Period::Quarter => Pace::Quarterly(day),
                Period::Year => Pace::Yearly(day),
                _ => Pace::Monthly(day),
            }
        }
        WrittenPace::AfterEach(length, period) => Pace::AfterEach(cx.length(length)?, *period),
    })
}

/// A length that is not nothing: a rule that is judged every 0 hours is never done.
fn positive(cx: &mut Checker<'_>, written: &Expr<AsWritten>) -> Option<Expr<Checked>> {
    let length = cx.length(written)?;
    let nothing = match &length.kind {
        ExprKind::Literal(Value::Number(n)) => n.is_zero() || n.is_negative(),
        ExprKind::Literal(Value::Span(s)) => s.count() <= 0,
        _ => false,
    };
    if nothing {
        cx.report(
            Diagnostic::at(Code::OutOfRange, written.span, "nothing is looked at every so little time")
                .help("write a length above zero, such as `check every 24 hours`, or `check on change`"),
        );
    }
    (!nothing).then_some(length)
}

/// A constant whole number of at least `least`.
fn count(cx: &mut Checker<'_>, written: &Expr<AsWritten>, least: i128, what: &str, why: &str) -> Option<Expr<Checked>> {
    let count = cx.constant(written)?;
    if !matches!(count.ty, Type::Count | Type::Number) {
        cx.report(
            Diagnostic::at(
                Code::UnitMismatch,
                written.span,
                format!("a {what} is a number, and this is {}", count.ty.phrase()),
            )
            .help("write a whole number without a unit, such as `3`"),
        );
        return None;
    }
    if let ExprKind::Literal(Value::Number(n)) = &count.kind
        && n.to_whole().is_none_or(|n| n < least)
    {
        cx.report(
            Diagnostic::at(Code::OutOfRange, written.span, format!("{n} is no {what}"))
                .help(format!("{why}: write a whole number from {least}")),
        );
        return None;
    }
    Some(count)
}

fn day_of(cx: &mut Checker<'_>, written: &Expr<AsWritten>, period: Period) -> Option<Expr<Checked>> {
    let last = match period {
        Period::Quarter => 92,
        Period::Year => 366,
        _ => 31,
    };
    let day = count(cx, written, 1, "day", &format!("the days of a {} begin with 1", period.word()))?;
    if let ExprKind::Literal(Value::Number(n)) = &day.kind
        && n.to_whole().is_none_or(|n| n > last)
    {
        cx.report(
            Diagnostic::at(Code::OutOfRange, written.span, format!("no {} has a day {n}", period.word()))
                .help(format!("write a day from 1 to {last}, or `on the last business day`")),
        );
        return None;
    }
    Some(day)
}

fn check_once(cx: &mut Checker<'_>, written: &[WrittenOnce]) -> Option<Once> {
    let mut once = Once { within: None, later: None };
    for fact in written {
        let within = cx.length(&fact.within)?;
        match fact.after {
            None => once.within = Some(within),
            Some(firings) => once.later = Some((firings, within)),
        }
    }
    (!written.is_empty()).then_some(once)
}

// ── print ──

impl Hold {
    fn print(&self, place: &Place<'_>) -> String {
        match self {
            Hold::For(length) => format!(" for {}", place.single(length)),
            Hold::Consecutive(n, period) => format!(" for {n} consecutive {}s", period.word()),
            Hold::OfTheLast(k, n, period) => format!(" for {k} of the last {n} {}s", period.word()),
        }
    }
}

impl Condition {
    /// The canonical form, beside the row of the key.
    pub fn print(&self, place: &Place<'_>) -> String {
        format!("{}{}", place.expr(&self.expr), self.hold.as_ref().map(|h| h.print(place)).unwrap_or_default())
    }
}

impl Pace {
    fn print(&self, place: &Place<'_>) -> String {
        let of = |word: &str, day: &OnDay| match day {
            OnDay::PeriodEnd => word.to_owned(),
            OnDay::Day(day) => format!("{word} on day {}", place.single(day)),
            OnDay::LastBusinessDay => format!("{word} on the last business day"),
        };
        match self {
            Pace::OnChange { latest: None } => "on change".into(),
            Pace::OnChange { latest: Some(latest) } => {
                format!("on change, at the latest {} later", place.single(latest))
            }
            Pace::Every(length) => format!("every {}", place.single(length)),
            Pace::Daily(None) => "daily".into(),
            Pace::Daily(Some(time)) => format!("daily at {:02}:{:02}", time.hour(), time.minute()),
            Pace::Weekly(None) => "weekly".into(),
            Pace::Weekly(Some(day)) => format!("weekly on {}", weekday_word(*day)),
            Pace::Monthly(day) => of("monthly", day),
            Pace::Quarterly(day) => of("quarterly", day),
            Pace::Yearly(day) => of("yearly", day),
            Pace::AfterEach(length, period) => {
                format!("{} after each {} end", place.single(length), period.word())
            }
        }
    }
}

impl Check {
    /// The canonical form, beside the row of the key.
    pub fn print(&self, place: &Place<'_>) -> String {
        let other = self.other.as_ref().map(|(condition, pace)| {
            let condition = Place::portfolio(place.pack).expr(condition);
            format!(" while {condition}, otherwise {}", pace.print(place))
        });
        format!("{}{}", self.pace.print(place), other.unwrap_or_default())
    }
}

impl Trigger {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        self.print_as(pack, "trigger")
    }

    /// The canonical form under a noun: a rollback shares all of it.
    pub(crate) fn print_as(&self, pack: &Pack, noun: &str) -> Block {
        let place = Place::of(pack, self.grain);
        let mut head = format!("{noun} {}{}", self.name, titled(self.title.as_ref()));
        if let Some(grain) = self.grain {
            head.push_str(&format!(", per {}", pack.row_word(grain)));
        }
        if let Some(stage) = &self.stage {
            head.push_str(&format!(", in stage {stage}"));
        }
        let mut block = Block::new(head);
        block.because(&self.because);
        block.fact_if(self.formerly.as_ref().map(|f| format!("formerly {f}")));
        block.fact(format!("when {}", self.when.print(&place)));
        block.fact_if(self.clear.as_ref().map(|c| format!("clear when {}", c.print(&place))));
        block.fact_if(self.unless.as_ref().map(|e| format!("unless {}", place.expr(e))));
        let unknown = &self.when_unknown;
        if unknown.act != UnknownAct::Hold || unknown.tell.is_some() {
            let tell = unknown.tell.as_ref().map(|t| format!(" and {}", t.print(pack))).unwrap_or_default();
            block.fact(format!("when unknown, {}{tell}", unknown.act.word()));
        }
        block.fact(format!("check {}", self.check.print(&place)));
        if let Some(once) = &self.once {
            block.fact_if(once.within.as_ref().map(|w| format!("once within {}", place.single(w))));
            let later = once.later.as_ref();
            block.fact_if(later.map(|(n, w)| format!("after {n} firings, once within {}", place.single(w))));
        }
        block.fact(format!("severity {}", self.severity));
        block.fact_if(self.mode.map(|m| format!("mode {}", m.word())));
        block.fact_if(self.acts_on.as_ref().map(|e| format!("acts on at most {} a day", place.single(e))));
        self.steps.iter().for_each(|step| block.fact(step.print(&place)));
        for end in &self.ends {
            let rest = end.rest.as_ref().map(|r| format!(" for {}", place.single(r))).unwrap_or_default();
            block.fact(format!("end as {}{rest} when {}", end.word, place.expr(&end.when)));
        }
        if let Some(depth) = &self.depth {
            let again = depth.again_after.as_ref().map(|a| format!(", again after {}", place.single(a)));
            block.fact(format!("depth at most {}{}", place.single(&depth.at_most), again.unwrap_or_default()));
        }
        block
    }
}
