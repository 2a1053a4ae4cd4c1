//! What an edit of a rule does to what the rule remembers. One law, for the plan that says it beforehand and for the
//! store that carries it out.

use crate::lang::expr::Relation;
use crate::lang::item::trigger::Trigger;
use crate::lang::pack::Pack;
use crate::lang::print::{Place, column};

/// What becomes of the memory of a rule when the rule is edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// It stays as it is, under the new name where the rule has one.
    Kept,
    /// It stays, and what is remembered of the condition (how long it has held, whether it could be told) begins anew.
    Reevaluated(String),
    /// All of it is forgotten: every key is armed again, and a firing that is open ends.
    Reset(String),
}

/// A rule as it stands in one edition of the rules.
#[derive(Clone, Copy)]
pub struct Edition<'a> {
    /// The pack it stands in.
    pub pack: &'a Pack,
    /// The rule.
    pub rule: &'a Trigger,
}

/// What becomes of the memory of `old` when `new` takes its place, under the same name or with `formerly`.
///
/// Memory is kept by key: keys of another noun, or the same noun known by other columns, are other keys. A condition in
/// other words is judged anew. Everything else (paces, steps, people, limits) is read when it is needed and keeps it.
pub fn carried(old: Edition<'_>, new: Edition<'_>) -> Carried {
    let (was, is) = (keyed_by(old), keyed_by(new));
    if was.0 != is.0 {
        return Carried::Reset(format!("it was judged {} and is judged {}", was.0, is.0));
    }
    if was.1 != is.1 {
        return Carried::Reset(format!("{} is known by {} now, not by {}", was.0, is.1, was.1));
    }
    for (what, was, is) in [
        ("`when`", condition(old), condition(new)),
        ("`clear when`", clear(old), clear(new)),
        ("`unless`", unless(old), unless(new)),
    ] {
        if was != is {
            return Carried::Reevaluated(match (was.is_empty(), is.is_empty()) {
                (true, _) => format!("it has {what} now: {is}"),
                (_, true) => format!("it has no {what} any more: {was}"),
                _ => format!("{what} was: {was}"),
            });
        }
    }
    Carried::Kept
}

/// By what its keys are: the noun, and the columns that name a row of it.
fn keyed_by(edition: Edition<'_>) -> (String, String) {
    let pack = edition.pack;
    let Some(grain) = edition.rule.grain else { return ("for the portfolio".to_owned(), String::new()) };
    let columns: Vec<&str> = match grain {
        Relation::Contract(id) => pack.contract(id).key.iter().map(|c| column(pack, grain, *c)).collect(),
        Relation::Pairs(id) => vec![pack.row_word(Relation::Contract(pack.pair(id).of))],
    };
    (format!("per {}", pack.row_word(grain)), columns.join(", "))
}

fn condition(edition: Edition<'_>) -> String {
    edition.rule.when.print(&Place::of(edition.pack, edition.rule.grain))
}

fn clear(edition: Edition<'_>) -> String {
    let place = Place::of(edition.pack, edition.rule.grain);
    edition.rule.clear.as_ref().map(|c| c.print(&place)).unwrap_or_default()
}

fn unless(edition: Edition<'_>) -> String {
    let place = Place::of(edition.pack, edition.rule.grain);
    edition.rule.unless.as_ref().map(|e| place.expr(e)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::compile_text;

    const ROWS: &str = "contract ventures, each a venture\n  because \"Ours.\"\n  one row per id\n  id     id\n  \
                        sales  money\n\ncontract teams, each a team\n  because \"Theirs.\"\n  one row per id\n  \
                        id     id\n  sales  money\n\n";

    fn of(old: &str, new: &str) -> Carried {
        let [old, new] = [old, new].map(|rule| {
            let text = format!("{ROWS}trigger t \"T\"{rule}\n  because \"So.\"\n");
            let compiled = compile_text(&[("a.bylaw", &text)], None);
            compiled.pack.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
        });
        let edition = |pack| Edition { pack, rule: &pack.triggers[0] };
        carried(edition(&old), edition(&new))
    }

    const OLD: &str = ", per venture\n  when sales is below $5\n  check daily\n  tell chairman";

    #[test]
    fn other_steps_and_paces_keep_the_memory() {
        assert_eq!(of(OLD, OLD), Carried::Kept);
        let other = ", per venture\n  when sales is below $5\n  check weekly\n  once within 3 days\n  tell board";
        assert_eq!(of(OLD, other), Carried::Kept);
    }

    #[test]
    fn another_condition_is_judged_anew() {
        let other = ", per venture\n  when sales is below $6\n  check daily\n  tell chairman";
        assert_eq!(of(OLD, other), Carried::Reevaluated("`when` was: sales is below $5".into()));
        let held = ", per venture\n  when sales is below $5 for 4 hours\n  check daily\n  tell chairman";
        assert!(matches!(of(OLD, held), Carried::Reevaluated(_)));
        let unless =
            ", per venture\n  when sales is below $5\n  unless sales is below $1\n  check daily\n  tell chairman";
        assert_eq!(of(OLD, unless), Carried::Reevaluated("it has `unless` now: sales is below $1".into()));
    }

    #[test]
    fn another_grain_is_begun_anew() {
        let teams = ", per team\n  when sales is below $5\n  check daily\n  tell chairman";
        assert_eq!(of(OLD, teams), Carried::Reset("it was judged per venture and is judged per team".into()));
        let whole = "\n  when there is a venture where sales is below $5\n  check daily\n  tell chairman";
        assert_eq!(of(OLD, whole), Carried::Reset("it was judged per venture and is judged for the portfolio".into()));
    }
}
