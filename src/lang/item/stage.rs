//! `stage`: where the portfolio stands, what comes before and after, and how far the rules may go in it.

use std::sync::Arc;

use super::super::check::{Checker, Scope};
use super::super::expr::{Checked, Expr, Written as AsWritten, expr_of, whole};
use super::super::pack::Pack;
use super::super::print::{Block, Place, quoted, titled};
use super::super::syntax::{Node, Rule, Word};
use super::step::{Mode, check_mode};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::source::Span;
use crate::value::listed;

// ── node ──

/// A stage as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Number and reason.
    pub head: Head,
    number: Word,
    after: Option<Word>,
    before: Option<Word>,
    mode: Option<Word>,
    runs_while: Option<Expr<AsWritten>>,
    /// `takes the baseline on entry`
    pub takes_baseline: bool,
    substages: Vec<WrittenSubstage>,
}

#[derive(Debug, Clone)]
struct WrittenSubstage {
    span: Span,
    number: Word,
    title: Word,
    from_day: Option<u32>,
    to_day: Option<u32>,
}

impl Written {
    /// Its number.
    pub fn number(&self) -> &Arc<str> {
        &self.number.text
    }

    /// The numbers of its substages.
    pub fn substages(&self) -> impl Iterator<Item = &Arc<str>> {
        self.substages.iter().map(|s| &s.number.text)
    }
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let number = parsed.node.as_ref().map_or_else(|| parsed.head.name.clone(), |n| n.only_of(Rule::stage_number));
    let (mut after, mut before) = (None, None);
    for part in parsed.node.iter().flat_map(Node::children) {
        let (slot, what) = match part.rule() {
            Rule::after_stage => (&mut after, "`after`"),
            Rule::before_stage => (&mut before, "`before`"),
            _ => continue,
        };
        let word = part.only_of(Rule::stage_number);
        let first: &mut Option<Word> = slot;
        match first {
            Some(first) => faults.push(
                Diagnostic::new(Code::RepeatedFact, format!("{what} stands twice"))
                    .label(word.span, "again here")
                    .label(first.span, "first here")
                    .help("keep one of the two"),
            ),
            None => *first = Some(word),
        }
    }
    let mode = parsed.once(Rule::mode, "`mode`", faults);
    let runs_while = parsed.once(Rule::runs_while, "runs while", faults);
    let baseline = parsed.once(Rule::k_takes_the_baseline_on_entry, "`takes the baseline on entry`", faults);
    Written {
        number,
        after,
        before,
        mode: mode.map(|n| n.name(0)),
        runs_while: runs_while.map(|n| expr_of(&n, faults)),
        takes_baseline: baseline.is_some(),
        substages: parsed.all(Rule::substage).map(|n| substage(&n, faults)).collect(),
        head: parsed.head,
    }
}

fn substage(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenSubstage {
    let mut days = node.children().filter(|n| n.rule() == Rule::number);
    let mut day = || days.next().and_then(|n| whole(&n, 1..=100_000, "day of a stage", faults));
    WrittenSubstage {
        span: node.span(),
        number: node.only_of(Rule::stage_number),
        title: node.title().unwrap_or_else(|| node.word()),
        from_day: day(),
        to_day: day(),
    }
}

// ── checked ──

/// A checked stage.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its number.
    pub number: Arc<str>,
    /// Its first line.
    pub span: Span,
    /// What it is called for people.
    pub title: Option<Arc<str>>,
    /// Why it exists.
    pub because: Option<Arc<str>>,
    /// The stage before it.
    pub after: Option<Arc<str>>,
    /// The stage after it.
    pub before: Option<Arc<str>>,
    /// How far its rules may go.
    pub mode: Option<Mode>,
    /// Its rules sleep while this does not hold.
    pub runs_while: Option<Expr<Checked>>,
    /// Whether the numbers of the day it is entered are kept.
    pub takes_baseline: bool,
    /// Its parts, in order.
    pub substages: Vec<Substage>,
}

/// A part of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substage {
    /// Its number.
    pub number: Arc<str>,
    /// What it is called for people.
    pub title: Arc<str>,
    /// Its first day, counted from the entry of the stage, which is day 1.
    pub from_day: u32,
    /// Its last day; from the next on it is late.
    pub to_day: u32,
}

// ── check ──

pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Stage> {
    let head = &written.head;
    let mode = written.mode.as_ref().and_then(|m| check_mode(cx, m));
    let runs_while = written.runs_while.as_ref().map(|e| {
        cx.no_bare_numbers(e, "runs while");
        cx.condition(&Scope::portfolio(), e)
    });
    if let (Some(after), Some(before)) = (&written.after, &written.before)
        && after.text == before.text
    {
        cx.report(
            Diagnostic::new(Code::Duplicate, format!("stage {} stands before and after this one", after))
                .help("name another stage on one side, or leave that side out")
                .label(before.span, "before it")
                .label(after.span, "after it"),
        );
    }
    for word in [&written.after, &written.before].into_iter().flatten().filter(|w| w.text == written.number.text) {
        cx.report(
            Diagnostic::at(Code::Duplicate, word.span, format!("stage {word} cannot come before or after itself"))
                .help("name the neighbouring stage, or leave it out"),
        );
    }
    let mut substages: Vec<Substage> = Vec::new();
    for (i, sub) in written.substages.iter().enumerate() {
        if let Some(first) = written.substages[..i].iter().find(|s| s.number.text == sub.number.text) {
            cx.report(
                Diagnostic::new(Code::Duplicate, format!("substage {} stands twice", sub.number))
                    .help("give each substage a number of its own")
                    .label(sub.number.span, "again here")
                    .label(first.number.span, "first here"),
            );
            continue;
        }
        if sub.number.text.split_once('.').is_none_or(|(stage, _)| *stage != *written.number.text) {
            cx.report(
                Diagnostic::at(
                    Code::BadLiteral,
                    sub.number.span,
                    format!("{} is no substage of stage {}", sub.number, written.number),
                )
                .help(format!("substages are numbered {}.1, {}.2 and so on", written.number, written.number)),
            );
        }
        let Some((from_day, to_day)) = sub.from_day.zip(sub.to_day) else { continue };
        if from_day > to_day {
            cx.report(
                Diagnostic::at(Code::EmptyRange, sub.span, format!("substage {} ends before it begins", sub.number))
                    .help("write the smaller day first"),
            );
        }
        substages.push(Substage { number: sub.number.text.clone(), title: sub.title.text.clone(), from_day, to_day });
    }
    let runs_while = match runs_while {
        Some(condition) => Some(condition?),
        None => None,
    };
    Some(Stage {
        number: written.number.text.clone(),
        span: head.span,
        title: head.title.as_ref().map(|t| t.text.clone()),
        because: head.because.as_ref().map(|b| b.text.clone()),
        after: written.after.as_ref().map(|w| w.text.clone()),
        before: written.before.as_ref().map(|w| w.text.clone()),
        mode,
        runs_while,
        takes_baseline: written.takes_baseline,
        substages,
    })
}

/// Whether the pack declares a stage or substage of this number; reports it when not.
pub(crate) fn declared(cx: &mut Checker<'_>, word: &Word) -> bool {
    let file = cx.file;
    let numbers: Vec<&Arc<str>> =
        file.stages.iter().flat_map(|s| std::iter::once(s.number()).chain(s.substages())).collect();
    if numbers.iter().any(|n| **n == word.text) || file.stages.iter().any(|s| s.head.broken) {
        return true;
    }
    report_unknown(cx, word, &numbers);
    false
}

/// Whether a stage of this number is declared, or named as the one before or after such; reports it when not.
pub(crate) fn known(cx: &mut Checker<'_>, word: &Word) -> bool {
    let file = cx.file;
    let neighbours = file.stages.iter().flat_map(|s| [&s.after, &s.before].into_iter().flatten()).map(|w| &w.text);
    let numbers: Vec<&Arc<str>> = file.stages.iter().map(Written::number).chain(neighbours).collect();
    if numbers.iter().any(|n| **n == word.text) || file.stages.iter().any(|s| s.head.broken) {
        return true;
    }
    report_unknown(cx, word, &numbers);
    false
}

fn report_unknown(cx: &mut Checker<'_>, word: &Word, numbers: &[&Arc<str>]) {
    let mut numbers: Vec<&str> = numbers.iter().map(|n| &***n).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let help = match &numbers[..] {
        [] => format!("declare it: `stage {word} \"TITLE\"`"),
        known => nearest(&word.text, known.iter().copied())
            .unwrap_or_else(|| format!("this pack knows {}", listed(known, "and"))),
    };
    cx.report(Diagnostic::at(Code::UnknownName, word.span, format!("there is no stage {word}")).help(help));
}

// ── print ──

impl Stage {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let mut head = format!("stage {}{}", self.number, titled(self.title.as_ref()));
        for (word, stage) in [("after", &self.after), ("before", &self.before)] {
            if let Some(stage) = stage {
                head.push_str(&format!(", {word} {stage}"));
            }
        }
        let mut block = Block::new(head);
        block.fact_if(self.because.as_ref().map(|b| format!("because {}", quoted(b))));
        block.fact_if(self.mode.map(|m| format!("mode {}", m.word())));
        block.fact_if(self.runs_while.as_ref().map(|e| format!("runs while {}", Place::portfolio(pack).expr(e))));
        block.fact_if(self.takes_baseline.then(|| "takes the baseline on entry".to_owned()));
        for part in &self.substages {
            let (number, title) = (&part.number, quoted(&part.title));
            block.fact(format!("substage {number} {title}, days {} to {}", part.from_day, part.to_day));
        }
        block
    }
}
