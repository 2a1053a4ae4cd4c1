//! Arrow 2, items to names: what is declared under which name, and the nearest known name for one that is not.

use std::collections::HashMap;
use std::sync::Arc;

use super::expr::{ContractId, GateId, MetricId, PairsId, ParamId, Relation, ThresholdId};
use super::item::{File, Head};
use super::syntax::Word;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::source::Span;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A contract.
    Contract(ContractId),
    /// A pairs block.
    Pairs(PairsId),
    /// A param.
    Param(ParamId),
    /// A profile.
    Profile(u32),
    /// A metric.
    Metric(MetricId),
    /// A threshold.
    Threshold(ThresholdId),
    /// A gate.
    Gate(GateId),
    /// A trigger.
    Trigger(u32),
    /// A rollback.
    Rollback(u32),
    /// A decision.
    Decision(u32),
    /// A report.
    Report(u32),
    /// The name of a block whose noun is misspelt: it may be anything.
    Anything,
}

impl Kind {
    /// How it is called, with its article.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Contract(_) => "a contract",
            Kind::Pairs(_) => "a pairs block",
            Kind::Param(_) => "a param",
            Kind::Profile(_) => "a profile",
            Kind::Metric(_) => "a metric",
            Kind::Threshold(_) => "a threshold",
            Kind::Gate(_) => "a gate",
            Kind::Trigger(_) => "a trigger",
            Kind::Rollback(_) => "a rollback",
            Kind::Decision(_) => "a decision",
            Kind::Report(_) => "a report",
            Kind::Anything => "a name",
        }
    }
}

/// One declaration.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Where.
    pub span: Span,
    /// Its item does not read.
    pub broken: bool,
}

/// Every name of the pack.
#[derive(Debug, Default)]
pub struct Names {
    by_name: HashMap<Arc<str>, Entry>,
    nouns: HashMap<Arc<str>, (Relation, Span)>,
    /// Stages by number, in order of appearance.
    pub stages: HashMap<Arc<str>, (u32, Span)>,
    /// Tests by title.
    pub tests: HashMap<Arc<str>, (u32, Span)>,
}

/// Declares every item. Names declared twice are told with both places; the first keeps the name.
pub fn resolve(file: &File, diagnostics: &mut Vec<Diagnostic>) -> Names {
    let mut names = Names::default();
    let mut declare = |head: &Head, kind: Kind| {
        if !head.name.text.is_empty() {
            names.declare(&head.name, kind, head.broken, diagnostics);
        }
    };
    macro_rules! all {
        ($($list:ident => $kind:expr;)+) => { $(for (i, item) in file.$list.iter().enumerate() { declare(&item.head, $kind(i as u32)); })+ };
    }
    all! {
        contracts => |i| Kind::Contract(ContractId(i));
        pairs => |i| Kind::Pairs(PairsId(i));
        params => |i| Kind::Param(ParamId(i));
        profiles => Kind::Profile;
        metrics => |i| Kind::Metric(MetricId(i));
        thresholds => |i| Kind::Threshold(ThresholdId(i));
        gates => |i| Kind::Gate(GateId(i));
        triggers => Kind::Trigger;
        rollbacks => Kind::Rollback;
        decisions => Kind::Decision;
        reports => Kind::Report;
    }
    for word in &file.unknown {
        let entry = Entry { kind: Kind::Anything, span: word.span, broken: true };
        names.by_name.entry(word.text.clone()).or_insert(entry);
    }
    for (i, contract) in file.contracts.iter().enumerate() {
        if let Some(noun) = &contract.noun {
            names.declare_noun(noun, Relation::Contract(ContractId(i as u32)), diagnostics);
        }
    }
    for (i, pairs) in file.pairs.iter().enumerate() {
        if let Some(noun) = &pairs.noun {
            names.declare_noun(noun, Relation::Pairs(PairsId(i as u32)), diagnostics);
        }
    }
    for (i, stage) in file.stages.iter().enumerate() {
        let word = &stage.head.name;
        if let Some((_, first)) = names.stages.get(&word.text) {
            diagnostics.push(twice(&format!("stage {word}"), word.span, *first));
            continue;
        }
        names.stages.insert(word.text.clone(), (i as u32, word.span));
    }
    for (i, test) in file.tests.iter().enumerate() {
        let word = &test.head.name;
        if let Some((_, first)) = names.tests.get(&word.text) {
            diagnostics.push(twice(&format!("the test \"{word}\""), word.span, *first));
            continue;
        }
        names.tests.insert(word.text.clone(), (i as u32, word.span));
    }
    names
}

fn twice(what: &str, again: Span, first: Span) -> Diagnostic {
    Diagnostic::new(Code::Duplicate, format!("{what} is declared twice"))
        .label(again, "again here")
        .label(first, "first here")
        .help("rename one of them: state and history are kept under the name")
}

impl Names {
    fn declare(&mut self, word: &Word, kind: Kind, broken: bool, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(first) = self.by_name.get(&word.text) {
            diagnostics.push(twice(&format!("`{word}`"), word.span, first.span));
            return;
        }
        self.by_name.insert(word.text.clone(), Entry { kind, span: word.span, broken });
    }

    fn declare_noun(&mut self, word: &Word, relation: Relation, diagnostics: &mut Vec<Diagnostic>) {
        if let Some((_, first)) = self.nouns.get(&word.text) {
            diagnostics.push(twice(&format!("the noun `{word}`"), word.span, *first));
            return;
        }
        self.nouns.insert(word.text.clone(), (relation, word.span));
    }

    /// What a name is, without a word about it when it is nothing.
    pub fn get(&self, name: &str) -> Option<Entry> {
        self.by_name.get(name).copied()
    }

    /// The relation of a noun, silently.
    pub fn noun(&self, noun: &str) -> Option<Relation> {
        self.nouns.get(noun).map(|n| n.0)
    }

    /// Every noun.
    pub fn nouns(&self) -> impl Iterator<Item = &str> {
        self.nouns.keys().map(|n| &**n)
    }

    /// Every declared name with what it is.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Entry)> {
        self.by_name.iter().map(|(n, e)| (&**n, *e))
    }

    /// What a name is; says so when it is nothing. Names of broken items are `None` in silence.
    pub fn lookup(&self, word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<Kind> {
        match self.by_name.get(&word.text) {
            Some(entry) if entry.broken => None,
            Some(entry) => Some(entry.kind),
            None => {
                diagnostics.push(unknown(word, "nothing is called", self.by_name.keys().map(|n| &**n)));
                None
            }
        }
    }

    /// The name as one kind of thing; says so when it is none.
    pub fn of_kind<T>(
        &self,
        word: &Word,
        what: &str,
        pick: impl Fn(Kind) -> Option<T>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<T> {
        match self.by_name.get(&word.text) {
            Some(entry) if entry.broken && (matches!(entry.kind, Kind::Anything) || pick(entry.kind).is_some()) => {
                if matches!(entry.kind, Kind::Anything) {
                    None
                } else {
                    pick(entry.kind).filter(|_| matches!(entry.kind, Kind::Contract(_)))
                }
            }
            Some(entry) => {
                let found = pick(entry.kind);
                if found.is_none() {
                    let fits = |e: &Entry| !e.broken && pick(e.kind).is_some();
                    let mut known: Vec<&str> =
                        self.by_name.iter().filter(|(_, e)| fits(e)).map(|(n, _)| &**n).collect();
                    known.sort_unstable();
                    let help = match known.len() {
                        0 => format!("the pack has no {} yet", without_articles(what)),
                        1..=8 => format!("name {what}: {}", crate::value::listed(&known, "or")),
                        _ => format!("name {what}, such as {}", crate::value::listed(&known[..4], "or")),
                    };
                    diagnostics.push(
                        Diagnostic::new(
                            Code::WrongKind,
                            format!("`{word}` is {}, and {what} is needed here", entry.kind.word()),
                        )
                        .label(word.span, "used here")
                        .label(entry.span, "declared here")
                        .help(help),
                    );
                }
                found
            }
            None => {
                let known = self.by_name.iter().filter(|(_, e)| pick(e.kind).is_some()).map(|(n, _)| &**n);
                diagnostics.push(unknown(word, &format!("there is no {} called", without_articles(what)), known));
                None
            }
        }
    }

    /// The contract of a name; says so when it is none.
    pub fn contract(&self, word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<ContractId> {
        self.of_kind(word, "a contract", |k| if let Kind::Contract(id) = k { Some(id) } else { None }, diagnostics)
    }
}

fn without_articles(what: &str) -> String {
    what.split(' ').filter(|word| !matches!(*word, "a" | "an")).collect::<Vec<_>>().join(" ")
}

/// The finding for a name nobody declares.
pub fn unknown<'a>(word: &Word, what: &str, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let few =
        (known.len() <= 12 && !known.is_empty()).then(|| format!("known are {}", crate::value::listed(&known, "and")));
    Diagnostic::at(Code::UnknownName, word.span, format!("{what} `{word}`")).help_if(nearest(&word.text, known).or(few))
}
