//! The nouns of the language, one file each: what is written, how it is read, what is checked, what is kept.

pub mod calendar;
pub mod contract;
pub mod decision;
pub mod gate;
pub mod metric;
pub mod pairs;
pub mod param;
pub mod report;
pub mod require;
pub mod role;
pub mod rollback;
pub mod settings;
pub mod stage;
pub mod step;
pub mod test;
pub mod threshold;
pub mod trigger;

use super::syntax::{Line, Node, Rule, Word};
use crate::diagnostic::{Code, Diagnostic};
use crate::settings::Settings;
use crate::source::{Sources, Span};
use crate::value::counted;

macro_rules! nouns {
    ($($noun:ident $word:literal $list:ident: $written:ty = $parse:path, $head:ident, $fact:ident, [$($first:literal),*];)+) => {
        /// What opens a block.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Noun { $(#[doc = concat!("`", $word, "`")] $noun,)+ }

        impl Noun {
            /// Every noun.
            pub const ALL: &'static [Noun] = &[$(Noun::$noun,)+];

            /// The word.
            pub fn word(self) -> &'static str {
                match self { $(Noun::$noun => $word,)+ }
            }

            /// The words with which its facts begin.
            pub(crate) fn first_words(self) -> &'static [&'static str] {
                match self { $(Noun::$noun => &[$($first),*],)+ }
            }

            pub(crate) fn head_rule(self) -> Rule {
                match self { $(Noun::$noun => Rule::$head,)+ }
            }

            pub(crate) fn fact_rule(self) -> Rule {
                match self { $(Noun::$noun => Rule::$fact,)+ }
            }
        }

        /// Every item of a pack as written.
        #[derive(Debug, Default)]
        pub struct File {
            /// Names of blocks whose noun is misspelt.
            pub unknown: Vec<Word>,
            /// `waive …` lines, wherever they stand.
            pub waivers: Vec<super::waiver::Waiver>,
            $(#[doc = concat!("`", $word, "`")] pub $list: Vec<$written>,)+
        }

        impl File {
            /// Takes up a block of a noun.
            pub(crate) fn read(&mut self, noun: Noun, parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) {
                match noun { $(Noun::$noun => self.$list.extend(Option::<$written>::from($parse(parsed, faults))),)+ }
            }
        }
    };
}

// Everything that is said of a noun once: its word, where its items are kept and read, the rules of its head and of
// its facts, and the words with which those begin.
nouns! {
    Contract "contract" contracts: contract::Written = contract::parse, contract_head, contract_fact,
        ["because", "one row per", "dated by", "in force from", "fresh within", "at least", "on violation",
         "belongs to", "changes", "stored in", "filled from"];
    Pairs "pairs" pairs: pairs::Written = pairs::parse, pairs_head, pairs_fact,
        ["because", "where", "sharing", "found in", "at most"];
    Param "param" params: param::Written = param::parse, param_head, param_fact,
        ["because", "category"];
    Require "require" requires: require::Written = require::parse, require_head, require_fact,
        ["because"];
    Set "set" sets: settings::Setting = settings::parse_set, set_head, set_fact,
        ["because"];
    Profile "profile" profiles: settings::Written = settings::parse_profile, profile_head, profile_fact,
        ["because", "set"];
    Metric "metric" metrics: metric::Written = metric::parse, metric_head, metric_fact,
        ["because", "is"];
    Threshold "threshold" thresholds: threshold::Written = threshold::parse, threshold_head, threshold_fact,
        ["because", "target", "acceptable", "while", "formerly"];
    Gate "gate" gates: gate::Written = gate::parse, gate_head, gate_fact,
        ["because", "formerly", "there is", "every contract"];
    Stage "stage" stages: stage::Written = stage::parse, stage_head, stage_fact,
        ["because", "mode", "runs while", "takes the baseline on entry", "substage"];
    Trigger "trigger" triggers: trigger::Written = trigger::parse, trigger_head, trigger_fact,
        ["because", "when", "clear when", "unless", "check", "once within", "severity", "mode", "depth at most",
         "end as", "record", "set", "have", "tell", "ask", "apply", "undo", "restore", "send", "fire", "enter",
         "publish", "acts on", "after", "formerly"];
    Rollback "rollback" rollbacks: rollback::Written = rollback::parse, rollback_head, rollback_fact,
        ["because", "when", "check", "severity", "ask", "set", "restore", "record", "verify", "afterwards", "watch",
         "tell", "send", "formerly"];
    Decision "decision" decisions: decision::Written = decision::parse, decision_head, decision_fact,
        ["because", "runs by itself"];
    Report "report" reports: report::Written = report::parse, report_head, report_fact,
        ["because", "show", "list", "draw", "have"];
    Role "role" roles: role::Written = role::parse, role_head, role_fact,
        ["because", "answers to", "named by", "decides", "quorum", "held by"];
    Calendar "calendar" calendars: calendar::Written = calendar::parse, calendar_head, calendar_fact,
        ["because", "time zone", "currency", "holidays"];
    Test "test" tests: test::Written = test::parse, test_head, test_fact,
        ["because", "now is", "given", "write", "remove", "set", "apply profile", "after", "on", "stage",
         "begins as", "expect"];
}

impl Noun {
    /// So many items of it, in words.
    pub fn counted(self, n: usize) -> String {
        counted(
            n,
            match self {
                Noun::Pairs => "pairs block",
                Noun::Require => "requirement",
                _ => self.word(),
            },
        )
    }
}

/// What every item has: a name, a place, a reason.
#[derive(Debug, Clone)]
pub struct Head {
    /// The name under which it is known.
    pub name: Word,
    /// Its first line.
    pub span: Span,
    /// A line of it does not read: it is not checked, and uses of its name are not held against anybody.
    pub broken: bool,
    /// Why it exists.
    pub because: Option<Word>,
    /// The text in quotes after the name.
    pub title: Option<Word>,
    /// The name it had before.
    pub formerly: Option<Word>,
}

/// A block whose lines have been parsed one by one.
pub(crate) struct Parsed<'i> {
    pub(crate) head: Head,
    /// The syntax tree of the head, where it reads.
    pub(crate) node: Option<Node<'i>>,
    /// The facts that read, each with its line.
    pub(crate) facts: Vec<(Line, Node<'i>)>,
    /// Where it was read from.
    pub(crate) sources: &'i Sources,
}

impl<'i> Parsed<'i> {
    /// Takes the facts of one kind that may stand once.
    pub(crate) fn once(&self, rule: Rule, what: &str, faults: &mut Vec<Diagnostic>) -> Option<Node<'i>> {
        let mut found = self.all(rule);
        let first = found.next()?;
        if let Some(second) = found.next() {
            faults.push(
                Diagnostic::new(Code::RepeatedFact, format!("{what} stands twice"))
                    .label(second.span(), "again here")
                    .label(first.span(), "first here")
                    .help("keep one of the two"),
            );
        }
        Some(first)
    }

    /// All facts of one kind, in order, each written once: the same line again says nothing and is a slip.
    pub(crate) fn all_different(&self, rule: Rule, faults: &mut Vec<Diagnostic>) -> Vec<Node<'i>> {
        let mut kept: Vec<(Vec<&str>, Node<'i>)> = Vec::new();
        for node in self.all(rule) {
            let words: Vec<&str> = node.text().split_whitespace().collect();
            if let Some((_, first)) = kept.iter().find(|(earlier, _)| *earlier == words) {
                faults.push(
                    Diagnostic::new(Code::RepeatedFact, "this line stands twice")
                        .label(node.span(), "again here")
                        .label(first.span(), "first here")
                        .help("leave one of them out, or write what the other was meant to say"),
                );
                continue;
            }
            kept.push((words, node));
        }
        kept.into_iter().map(|(_, node)| node).collect()
    }

    /// All facts of one kind, in order.
    pub(crate) fn all(&self, rule: Rule) -> impl Iterator<Item = Node<'i>> + '_ {
        self.facts.iter().filter_map(move |(_, fact)| fact.child(rule))
    }
}

/// The house with what the pack itself says of people and time.
pub(crate) fn settle(file: &File, house: Settings, diagnostics: &mut Vec<Diagnostic>) -> Settings {
    let mut settings = house;
    role::settle(file, &mut settings, diagnostics);
    calendar::settle(file, &mut settings, diagnostics);
    settings
}
