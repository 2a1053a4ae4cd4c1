//! The law for edited rules: what becomes of what a rule remembers when the rule is not the one it was.
//!
//! What is remembered is kept under the name of the rule. A changed condition keeps it and is judged at once; other rows
//! than before (`per NOUN`) are other keys, and nothing can be carried over; a changed depth, cooldown or step is in
//! force from the next judgement on. A rule that is gone ends its firings. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The parts of a rule by which an edit is known, as hashes of its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The word for a row, in a rule per row.
    pub grain: Option<String>,
    /// What its verdict is made of, with everything that this uses.
    pub judges: String,
    /// When it is judged.
    pub pace: String,
    /// All of its own words.
    pub text: String,
}

/// What becomes of what a rule remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing was remembered.
    New,
    /// The rule is the one it was.
    Unchanged,
    /// All is kept; what else the rule says is in force from now on.
    Keep,
    /// All is kept, and the rule is to be judged at once.
    Reevaluate,
    /// Nothing can be kept.
    Reset,
    /// The rule is no more; its firings end as gone.
    Gone,
}

impl Fate {
    /// The word under which it is recorded.
    pub fn word(self) -> &'static str {
        match self {
            Fate::New => "new",
            Fate::Unchanged => "unchanged",
            Fate::Keep => "kept",
            Fate::Reevaluate => "reevaluated",
            Fate::Reset => "reset",
            Fate::Gone => "gone",
        }
    }
}

/// What becomes of one rule.
pub fn fate(remembered: Option<&Fingerprint>, present: Option<&Fingerprint>) -> Fate {
    match (remembered, present) {
        (None, _) => Fate::New,
        (Some(_), None) => Fate::Gone,
        (Some(was), Some(is)) if was == is => Fate::Unchanged,
        (Some(was), Some(is)) if was.grain != is.grain => Fate::Reset,
        (Some(was), Some(is)) if was.judges != is.judges || was.pace != is.pace => Fate::Reevaluate,
        (Some(_), Some(_)) => Fate::Keep,
    }
}

/// A rule of the present pack.
#[derive(Debug, Clone)]
pub struct Present<'a> {
    /// Its name.
    pub name: &'a str,
    /// The name it had before.
    pub formerly: Option<&'a str>,
    /// Its parts.
    pub fingerprint: &'a Fingerprint,
}

/// What becomes of a rule that is remembered, or was not known before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The name under which it is remembered; for a new rule its own.
    pub from: String,
    /// Its name now; nothing when it is gone.
    pub to: Option<String>,
    /// What becomes of what it remembers.
    pub fate: Fate,
}

impl Edit {
    /// Whether it has another name than before.
    pub fn is_renamed(&self) -> bool {
        self.to.as_ref().is_some_and(|to| *to != self.from)
    }

    /// Whether somebody should know of it.
    pub fn is_told(&self) -> bool {
        self.is_renamed() || !matches!(self.fate, Fate::New | Fate::Unchanged)
    }
}

/// Holds what is remembered against a pack: one edit for every rule of either, in the order of the pack and then of the
/// names. A name is carried over once, and only where nothing is remembered under the new one.
pub fn law(remembered: &BTreeMap<String, Fingerprint>, present: &[Present<'_>]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut taken: Vec<&str> = Vec::new();
    for rule in present {
        let from = if remembered.contains_key(rule.name) {
            rule.name
        } else {
            let old = rule.formerly.filter(|old| {
                remembered.contains_key(*old) && !taken.contains(old) && present.iter().all(|p| p.name != *old)
            });
            old.unwrap_or(rule.name)
        };
        taken.push(from);
        edits.push(Edit {
            from: from.to_owned(),
            to: Some(rule.name.to_owned()),
            fate: fate(remembered.get(from), Some(rule.fingerprint)),
        });
    }
    let gone = remembered.iter().filter(|(name, _)| !taken.contains(&name.as_str()));
    edits.extend(gone.map(|(name, was)| Edit { from: name.clone(), to: None, fate: fate(Some(was), None) }));
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::compile_text;
    use crate::lang::revision::Revisions;

    const RULES: &str = "\
contract ventures, each a venture
  because \"Ours.\"
  one row per id
  id       id
  status   one of active, paused or sunset
  revenue  money

contract teams, each a team
  because \"Theirs.\"
  one row per id
  id       id
  revenue  money

param least = $10,000, from $0 to $1,000,000
  because \"Below it nobody is paid.\"

metric takings per venture = revenue

trigger low \"Low\", per venture
  because \"It needs help.\"
  when takings is below least
  check daily at 07:00
  once within 10 days
  severity high
  tell chairman
  depth at most 3, again after 2 days
";

    fn fingerprint(text: &str) -> Fingerprint {
        let compiled = compile_text(&[("a.bylaw", text)], None);
        let pack = compiled.pack.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let rule = pack.rules().into_iter().find(|r| pack.core(*r).is_some()).expect("a trigger");
        Revisions::of(&pack).of[&rule].fingerprint.clone()
    }

    /// What becomes of the rule when some of its words are others.
    fn after(was: &str, is: &str) -> Fate {
        assert!(RULES.contains(was), "{was}");
        fate(Some(&fingerprint(RULES)), Some(&fingerprint(&RULES.replace(was, is))))
    }

    #[test]
    fn a_rule_that_is_the_same_is_left_alone() {
        assert_eq!(after("because \"Ours.\"\n", "because \"Ours.\"\n  # as it was\n"), Fate::Unchanged);
        assert_eq!(after("  id       id\n  status", "  id  id\n  status"), Fate::Unchanged);
    }

    #[test]
    fn a_changed_condition_keeps_the_state_and_is_judged_at_once() {
        assert_eq!(after("is below least", "is at most least"), Fate::Reevaluate);
        assert_eq!(after("  check daily", "  unless status is sunset\n  check daily"), Fate::Reevaluate);
        assert_eq!(after("  check daily", "  clear when takings is above $20,000\n  check daily"), Fate::Reevaluate);
    }

    #[test]
    fn a_changed_threshold_or_metric_is_a_changed_condition() {
        assert_eq!(after("least = $10,000", "least = $12,000"), Fate::Reevaluate);
        assert_eq!(after("per venture = revenue", "per venture = revenue + $1"), Fate::Reevaluate);
    }

    #[test]
    fn a_changed_pace_is_judged_at_once() {
        assert_eq!(after("daily at 07:00", "daily at 08:00"), Fate::Reevaluate);
    }

    #[test]
    fn a_changed_grain_resets() {
        let was = "low \"Low\", per venture\n  because \"It needs help.\"\n  when takings is";
        let is = "low \"Low\", per team\n  because \"It needs help.\"\n  when revenue is";
        assert_eq!(after(was, is), Fate::Reset);
    }

    #[test]
    fn depth_cooldown_steps_and_words_keep() {
        for (was, is) in [
            ("at most 3", "at most 4"),
            ("again after 2 days", "again after 1 day"),
            ("once within 10 days", "once within 20 days"),
            ("severity high", "severity low"),
            ("tell chairman", "tell chairman and board"),
            ("It needs help.", "It needs help soon."),
            ("\"Low\"", "\"Low revenue\""),
            ("  severity high", "  severity high\n  mode manual"),
        ] {
            assert_eq!(after(was, is), Fate::Keep, "{is}");
        }
    }

    #[test]
    fn a_new_name_that_says_the_old_one_keeps_the_state() {
        let was = fingerprint(RULES);
        let is = fingerprint(
            &RULES.replace("trigger low", "trigger poor").replace("  when takings", "  formerly low\n  when takings"),
        );
        let remembered = BTreeMap::from([("low".to_owned(), was.clone())]);
        let poor = Present { name: "poor", formerly: Some("low"), fingerprint: &is };
        let edits = law(&remembered, std::slice::from_ref(&poor));
        assert_eq!(edits, [Edit { from: "low".into(), to: Some("poor".into()), fate: Fate::Keep }]);
        assert!(edits[0].is_renamed() && edits[0].is_told());
        // Afterwards it is remembered under its own name, and `formerly` means nothing any more.
        let remembered = BTreeMap::from([("poor".to_owned(), is.clone())]);
        assert_eq!(law(&remembered, std::slice::from_ref(&poor))[0].fate, Fate::Unchanged);
        // What is still there under the old name keeps what is its own.
        let remembered = BTreeMap::from([("low".to_owned(), was.clone())]);
        let low = Present { name: "low", formerly: None, fingerprint: &was };
        let fates: Vec<Fate> = law(&remembered, &[poor.clone(), low]).iter().map(|e| e.fate).collect();
        assert_eq!(fates, [Fate::New, Fate::Unchanged]);
        // Two cannot both be what one was.
        let other = Present { name: "weak", ..poor.clone() };
        let fates: Vec<Fate> = law(&remembered, &[poor, other]).iter().map(|e| e.fate).collect();
        assert_eq!(fates, [Fate::Keep, Fate::New]);
    }

    #[test]
    fn a_rule_that_is_no_more_is_gone() {
        let was = fingerprint(RULES);
        let remembered = BTreeMap::from([("low".to_owned(), was)]);
        assert_eq!(law(&remembered, &[]), [Edit { from: "low".into(), to: None, fate: Fate::Gone }]);
    }
}
