//! What a pack carries and nothing uses, and what it watches and nothing guards.
//!
//! Who uses what is read off the words of the rules: an item uses every declared name and noun that stands in its
//! block. That holds for every construct of the language alike.

use std::collections::{BTreeSet, HashMap};

use crate::diagnostic::{Code, Diagnostic};
use crate::lang::expr::Relation;
use crate::lang::item::Noun;
use crate::lang::item::metric::{Definition, Fold};
use crate::lang::pack::{Item, Pack};
use crate::lang::print::spoken;
use crate::source::Sources;

pub(super) fn check(pack: &Pack, sources: &Sources) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    unused(pack, sources, &mut found);
    unguarded(pack, &mut found);
    found
}

/// The words of a text outside of quotes and comments.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().flat_map(|line| {
        // Quotes come in pairs; of a line, the even pieces are code, up to a comment.
        let mut ended = false;
        line.split('"').enumerate().filter(|(i, _)| i % 2 == 0).filter_map(move |(_, piece)| {
            if ended {
                return None;
            }
            ended = piece.contains('#');
            piece.split('#').next()
        })
    });
    code.flat_map(|piece| piece.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')))
        .filter(|word| !word.is_empty())
}

fn unused(pack: &Pack, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let items: Vec<Item<'_>> = pack.items().filter(|item| item.noun != Noun::Test).collect();
    // Nouns stand for their contracts.
    let mut by_word: HashMap<&str, usize> = HashMap::new();
    for (i, item) in items.iter().enumerate() {
        if !item.name.is_empty() {
            by_word.insert(item.name, i);
        }
        let noun = match item.noun {
            Noun::Contract => pack.contracts[item.index as usize].noun.as_deref(),
            Noun::Pairs => Some(&*pack.pairs[item.index as usize].noun),
            _ => None,
        };
        if let Some(noun) = noun {
            by_word.entry(noun).or_insert(i);
        }
    }
    let used_by: Vec<BTreeSet<usize>> = items
        .iter()
        .map(|item| words(sources.block(item.span)).filter_map(|w| by_word.get(w).copied()).collect())
        .collect();
    // What has an effect of its own; what a document hands over counts as used.
    let acts = |item: &Item<'_>| match item.noun {
        Noun::Threshold | Noun::Gate | Noun::Stage | Noun::Trigger | Noun::Rollback => true,
        Noun::Decision | Noun::Report => true,
        Noun::Contract => pack.contracts[item.index as usize].to.is_some(),
        _ => false,
    };
    let reached_from = |start: &dyn Fn(&Item<'_>) -> bool| {
        let mut open: Vec<usize> = (0..items.len()).filter(|i| start(&items[*i])).collect();
        let mut reached: BTreeSet<usize> = open.iter().copied().collect();
        while let Some(i) = open.pop() {
            open.extend(used_by[i].iter().copied().filter(|next| reached.insert(*next)));
        }
        reached
    };
    let live = reached_from(&acts);
    for (i, item) in items.iter().enumerate() {
        if live.contains(&i) {
            continue;
        }
        let users: Vec<&str> =
            (0..items.len()).filter(|u| *u != i && used_by[*u].contains(&i)).map(|u| items[u].name).collect();
        let only = match users.iter().find(|u| !u.is_empty()) {
            Some(user) => format!("is used by nothing but `{user}`, which nothing uses"),
            None => "is used by nothing".to_owned(),
        };
        let fault = match item.noun {
            Noun::Metric => Diagnostic::at(Code::UnusedMetric, item.span, format!("metric `{}` {only}", item.name))
                .help("judge it with a threshold, show it in a report, or delete it"),
            Noun::Param => Diagnostic::at(Code::UnusedParam, item.span, format!("param `{}` {only}", item.name))
                .help("name it where its number is meant, or delete it"),
            Noun::Contract => {
                let contract = &pack.contracts[item.index as usize];
                // Documents are read by gates over every contract of a stage; the program's own tables by itself.
                if !contract.is_table() || contract.kept {
                    continue;
                }
                Diagnostic::at(Code::UnreadContract, item.span, format!("no rule reads `{}`", item.name))
                    .help("write a metric or a rule that reads its rows, or delete the contract")
            }
            _ => continue,
        };
        found.push(fault);
    }
}

fn unguarded(pack: &Pack, found: &mut Vec<Diagnostic>) {
    // The latest row of a table that stops coming stays the latest for ever.
    let mut told = BTreeSet::new();
    for metric in &pack.metrics {
        let Definition::Aggregate(a) = &metric.definition else { continue };
        let (Fold::Latest, Relation::Contract(id)) = (a.fold, a.rows.of) else { continue };
        let contract = pack.contract(id);
        if contract.fresh.is_empty() && contract.volume.is_empty() && !contract.kept && told.insert(id) {
            let whom = metric.grain.map(|g| format!(" per {}", pack.row_word(g))).unwrap_or_default();
            found.push(
                Diagnostic::new(
                    Code::NoFreshness,
                    format!("nothing says how old the rows of `{}` may be", contract.name),
                )
                .label(metric.span, "takes the latest, however old it is")
                .label(contract.span, "promises nothing of its age")
                .help(format!("add for example `fresh within 1 day{whom}, stale after 7 days` to the contract")),
            );
        }
    }
    for stage in &pack.stages {
        let own = |of: &str| of == &*stage.number;
        let what = format!("stage {}", stage.number);
        let called = stage.title.as_ref().map(|t| format!(" ({})", spoken(t))).unwrap_or_default();
        if !pack.gates.iter().any(|g| !g.entering && own(&g.stage)) {
            found.push(
                Diagnostic::at(Code::NoExitGate, stage.span, format!("no gate guards the way out of {what}{called}"))
                    .help(format!("add a gate: `gate NAME \"TITLE\", leaving {what}`")),
            );
        }
        if !pack.rollbacks.iter().any(|r| r.core.stage.as_deref().is_some_and(own)) {
            found.push(
                Diagnostic::at(Code::NoRollback, stage.span, format!("nothing takes {what}{called} back"))
                    .help(format!("add a rollback: `rollback NAME \"TITLE\", in {what}`")),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn quotes_and_comments_are_no_words() {
        let text = "metric a = b + venture's c  # d\n  because \"e # f\"\n  is PORTFOLIO-002 # \"g\" h";
        assert_eq!(
            words(text).collect::<Vec<_>>(),
            ["metric", "a", "b", "venture", "s", "c", "because", "is", "PORTFOLIO-002"]
        );
    }
}
