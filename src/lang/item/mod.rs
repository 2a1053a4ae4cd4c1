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
use crate::source::Span;

macro_rules! nouns {
    ($($noun:ident = $word:literal, $head:ident, $fact:ident;)+) => {
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

            /// So many items of it, in words.
            pub fn counted(self, n: usize) -> String {
                let one = match self {
                    Noun::Pairs => "pairs block",
                    Noun::Require => "requirement",
                    _ => self.word(),
                };
                format!("{n} {one}{}", if n == 1 { "" } else { "s" })
            }

            pub(crate) fn head_rule(self) -> Rule {
                match self { $(Noun::$noun => Rule::$head,)+ }
            }

            pub(crate) fn fact_rule(self) -> Rule {
                match self { $(Noun::$noun => Rule::$fact,)+ }
            }
        }
    };
}

nouns! {
    Contract = "contract", contract_head, contract_fact;
    Pairs = "pairs", pairs_head, pairs_fact;
    Param = "param", param_head, param_fact;
    Require = "require", require_head, require_fact;
    Set = "set", set_head, set_fact;
    Profile = "profile", profile_head, profile_fact;
    Metric = "metric", metric_head, metric_fact;
    Threshold = "threshold", threshold_head, threshold_fact;
    Gate = "gate", gate_head, gate_fact;
    Stage = "stage", stage_head, stage_fact;
    Trigger = "trigger", trigger_head, trigger_fact;
    Rollback = "rollback", rollback_head, rollback_fact;
    Decision = "decision", decision_head, decision_fact;
    Report = "report", report_head, report_fact;
    Role = "role", role_head, role_fact;
    Calendar = "calendar", calendar_head, calendar_fact;
    Test = "test", test_head, test_fact;
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

/// Every item of a pack as written.
#[derive(Debug, Default)]
pub struct File {
    /// Names of blocks whose noun is misspelt.
    pub unknown: Vec<Word>,
    /// `contract`
    pub contracts: Vec<contract::Written>,
    /// `pairs`
    pub pairs: Vec<pairs::Written>,
    /// `param`
    pub params: Vec<param::Written>,
    /// `require`
    pub requires: Vec<require::Written>,
    /// `set`
    pub sets: Vec<settings::Setting>,
    /// `profile`
    pub profiles: Vec<settings::Written>,
    /// `metric`
    pub metrics: Vec<metric::Written>,
    /// `threshold`
    pub thresholds: Vec<threshold::Written>,
    /// `gate`
    pub gates: Vec<gate::Written>,
    /// `stage`
    pub stages: Vec<stage::Written>,
    /// `trigger`
    pub triggers: Vec<trigger::Written>,
    /// `rollback`
    pub rollbacks: Vec<rollback::Written>,
    /// `decision`
    pub decisions: Vec<decision::Written>,
    /// `report`
    pub reports: Vec<report::Written>,
    /// `role`
    pub roles: Vec<role::Written>,
    /// `calendar`
    pub calendars: Vec<calendar::Written>,
    /// `test`
    pub tests: Vec<test::Written>,
    /// `waive …` lines, wherever they stand
    pub waivers: Vec<super::waiver::Waiver>,
}

/// The house with what the pack itself says of people and time.
pub(crate) fn settle(file: &File, house: Settings, diagnostics: &mut Vec<Diagnostic>) -> Settings {
    let mut settings = house;
    role::settle(file, &mut settings, diagnostics);
    calendar::settle(file, &mut settings, diagnostics);
    settings
}
