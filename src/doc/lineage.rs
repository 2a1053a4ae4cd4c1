//! The page of where values come from and what is done with them: contract, metric, rule, written table.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::diagram::{Flowchart, Look, MOST_NODES, NodeId};
use super::markdown::{Table, anchor, text};
use super::{Book, Chapter, Writer};
use crate::lang::item::Noun;
use crate::lang::item::decision::Who;
use crate::lang::item::step::StepKind;
use crate::lang::item::trigger::Trigger;
use crate::lang::uses::{How, Part, Thing};
use crate::value::counted;

/// Rules share a drawing up to so many nodes.
const SHARED: usize = 30;

/// The place of the drawing of an item.
fn id(book: &Book<'_>, thing: Thing) -> String {
    format!("lineage-{}", book.id(thing))
}

/// The link to the drawing of an item.
pub(super) fn link(page: &Writer<'_, '_>, thing: Thing) -> String {
    format!("[lineage]({}#{})", Chapter::Lineage.file(), id(page.book, thing))
}

pub(super) fn lineage(page: &mut Writer<'_, '_>) {
    page.title();
    page.para(
        "Each drawing is read from left to right: tables and documents, what is counted from them, the rule that \
         judges, and what it writes, sends and asks. A table that is both read and written stands on both sides.",
    );
    page.heading("What depends on which data");
    page.para("When a contract does not hold, what is judged from it is unknown, and unknown is never green.");
    page.para(&dependents(page.book, page).to_string());
    for (noun, title) in [(Noun::Trigger, "Triggers"), (Noun::Rollback, "Rollbacks")] {
        let all: Vec<Thing> = page.book.all(noun).map(|(thing, _)| thing).collect();
        if !all.is_empty() {
            page.heading(title);
            all.into_iter().for_each(|thing| drawn(page, &[thing]));
        }
    }
    let documents: Vec<Thing> =
        page.book.all(Noun::Contract).map(|(thing, _)| thing).filter(|thing| is_filled(page.book, *thing)).collect();
    for (all, title) in [
        (page.book.all(Noun::Gate).map(|(thing, _)| thing).collect(), "Gates"),
        (page.book.all(Noun::Threshold).map(|(thing, _)| thing).collect(), "Thresholds"),
        (page.book.all(Noun::Report).map(|(thing, _)| thing).collect(), "Reports"),
        (documents, "Documents for others"),
    ] {
        let all: Vec<Thing> = all;
        if !all.is_empty() {
            page.heading(title);
            shared(page.book, &all).iter().for_each(|part| drawn(page, part));
        }
    }
}

/// Whether a contract is a document that is filled here.
pub(super) fn is_filled(book: &Book<'_>, thing: Thing) -> bool {
    let contract = book.pack.contracts.get(thing.index as usize);
    thing.noun == Noun::Contract
        && contract.is_some_and(|c| c.filled_from.is_some() || c.columns.iter().any(|column| column.filled.is_some()))
}

/// What a value of an item is taken from, one step back.
fn sources(book: &Book<'_>, thing: Thing, target: bool) -> Vec<Thing> {
    // Data comes from outside; what a contract reads to hold its rows against is no source of them.
    if thing.noun == Noun::Contract && !(target && is_filled(book, thing)) {
        return Vec::new();
    }
    let flows = |noun: Noun| {
        matches!(noun, Noun::Contract | Noun::Pairs | Noun::Metric | Noun::Threshold | Noun::Gate | Noun::Report)
    };
    let reads = book.uses.by(thing).filter(|u| u.how == How::Reads && flows(u.thing.noun) && u.thing != thing);
    let found: BTreeSet<Thing> = reads.map(|u| u.thing).collect();
    found.into_iter().collect()
}

/// Everything some items are taken from, the nearest first.
fn upstream(book: &Book<'_>, targets: &[Thing]) -> Vec<Thing> {
    let mut seen: BTreeSet<Thing> = targets.iter().copied().collect();
    let mut open: VecDeque<Thing> = targets.iter().copied().collect();
    let mut order = Vec::new();
    while let Some(thing) = open.pop_front() {
        for next in sources(book, thing, targets.contains(&thing)) {
            if seen.insert(next) {
                order.push(next);
                open.push_back(next);
            }
        }
    }
    order
}

/// Items in groups that are drawn together, in order.
fn shared(book: &Book<'_>, all: &[Thing]) -> Vec<Vec<Thing>> {
    let mut parts: Vec<Vec<Thing>> = Vec::new();
    for thing in all {
        if let Some(part) = parts.last_mut() {
            let mut with = part.clone();
            with.push(*thing);
            if upstream(book, &with).len() + with.len() <= SHARED {
                *part = with;
                continue;
            }
        }
        parts.push(vec![*thing]);
    }
    parts
}

fn drawn(page: &mut Writer<'_, '_>, targets: &[Thing]) {
    page.gap();
    let anchors: Vec<String> = targets.iter().map(|thing| anchor(&id(page.book, *thing))).collect();
    page.para(&anchors.join(""));
    page.para(&format!("### {}", page.links(targets.iter().copied())));
    let (chart, left_out) = draw(page.book, targets);
    page.para(&chart.to_string());
    if left_out > 0 {
        page.para(&format!(
            "{} further back {} left out.",
            counted(left_out, "item"),
            if left_out == 1 { "is" } else { "are" }
        ));
    }
}

fn look(noun: Noun) -> Look {
    match noun {
        Noun::Contract | Noun::Pairs => Look::Data,
        Noun::Metric => Look::Metric,
        Noun::Report => Look::Report,
        Noun::Stage => Look::End,
        _ => Look::Rule,
    }
}

fn node(chart: &mut Flowchart, book: &Book<'_>, thing: Thing) -> NodeId {
    chart.node(&book.id(thing), &book.name(thing), look(thing.noun))
}

/// The drawing of some items, and how many of those they are taken from found no room.
fn draw(book: &Book<'_>, targets: &[Thing]) -> (Flowchart, usize) {
    let mut chart = Flowchart::right();
    // The rules and what they do come first, so that they are never left out.
    for thing in targets {
        let from = node(&mut chart, book, *thing);
        after(&mut chart, book, *thing, from);
    }
    let back = upstream(book, targets);
    let room = MOST_NODES.saturating_sub(chart.len() + 1);
    let kept: BTreeSet<Thing> = back.iter().take(room).chain(targets).copied().collect();
    for thing in targets.iter().chain(back.iter().take(room)) {
        let to = node(&mut chart, book, *thing);
        for source in sources(book, *thing, targets.contains(thing)) {
            let from = if kept.contains(&source) {
                node(&mut chart, book, source)
            } else {
                chart.node("more", "further back", Look::More)
            };
            chart.edge(from, to, "");
        }
    }
    (chart, back.len().saturating_sub(room))
}

/// What a rule writes, sends, asks and tells.
fn after(chart: &mut Flowchart, book: &Book<'_>, thing: Thing, from: NodeId) {
    let mut written: BTreeMap<Thing, Vec<&str>> = BTreeMap::new();
    if thing.noun != Noun::Contract {
        for one in book.uses.by(thing).filter(|u| u.how == How::Writes) {
            written.entry(one.thing).or_default().push(one.verb);
        }
    }
    for (to, verbs) in written {
        let node = chart.node(&format!("written-{}", book.id(to)), &book.name(to), Look::Data);
        chart.edge(from, node, &short(&verbs));
    }
    for one in book.uses.by(thing).filter(|u| u.how == How::Calls) {
        let label = match (one.thing.noun, one.verb) {
            (Noun::Decision, _) => "asks",
            (Noun::Report | Noun::Trigger, verb) | (Noun::Stage, verb @ "enters") => verb,
            _ => continue,
        };
        let node = node(chart, book, one.thing);
        chart.edge(from, node, label);
        if let Some(decision) = book.pack.decisions.get(one.thing.index as usize).filter(|_| label == "asks") {
            for line in &decision.lines {
                let Who::Roles(roles) = &line.who else { continue };
                for role in roles {
                    let who = chart.node(&format!("party-{role}"), role, Look::People);
                    chart.edge(node, who, "");
                }
            }
        }
    }
    for (name, part) in book.uses.parties(thing) {
        let label = match part {
            Part::Told => "tells",
            Part::Chooses => "asks to choose",
            _ => continue,
        };
        let who = chart.node(&format!("party-{name}"), name, Look::People);
        chart.edge(from, who, label);
    }
    for (report, role) in sent(book, thing) {
        let page = node(chart, book, Thing::new(Noun::Report, report));
        let who = chart.node(&format!("party-{role}"), &role, Look::People);
        chart.edge(page, who, "");
    }
}

/// Which reports a rule sends to whom.
fn sent(book: &Book<'_>, thing: Thing) -> BTreeSet<(u32, String)> {
    let i = thing.index as usize;
    let rule: Option<&Trigger> = match thing.noun {
        Noun::Trigger => book.pack.triggers.get(i),
        Noun::Rollback => book.pack.rollbacks.get(i).map(|r| &r.core),
        _ => None,
    };
    let steps = rule.into_iter().flat_map(|rule| &rule.steps);
    steps
        .filter_map(|step| match &step.kind {
            StepKind::Send { report, people } => Some((*report, people)),
            _ => None,
        })
        .flat_map(|(report, people)| people.iter().map(move |p| (report, p.role.to_string())))
        .collect()
}

/// Verbs of writing on a line of a drawing.
fn short(verbs: &[&str]) -> String {
    let words: Vec<&str> = verbs
        .iter()
        .map(|verb| match *verb {
            "has rows proposed for" => "proposes",
            "applies proposals of" => "applies",
            "undoes proposals of" => "undoes",
            "records in" => "records",
            "sets values in" => "sets",
            verb => verb,
        })
        .collect();
    words.join(", ")
}

/// For each contract what is judged from it, however far.
fn dependents(book: &Book<'_>, page: &Writer<'_, '_>) -> Table {
    let judged = [Noun::Metric, Noun::Threshold, Noun::Gate, Noun::Trigger, Noun::Rollback];
    let mut found: BTreeMap<Thing, BTreeMap<Noun, BTreeSet<Thing>>> = BTreeMap::new();
    for noun in judged {
        for (thing, _) in book.all(noun) {
            for source in upstream(book, &[thing]).into_iter().filter(|s| s.noun == Noun::Contract) {
                found.entry(source).or_default().entry(noun).or_default().insert(thing);
            }
        }
    }
    let mut table = Table::new(&["Contract", "Metrics", "Thresholds", "Gates", "Triggers and rollbacks", "Written by"]);
    for (thing, _) in book.all(Noun::Contract) {
        let of = |noun: Noun| found.get(&thing).and_then(|all| all.get(&noun)).cloned().unwrap_or_default();
        let writers: BTreeSet<Thing> = book
            .uses
            .users(thing)
            .filter(|u| u.how == How::Writes && u.thing.noun != Noun::Contract)
            .map(|u| u.thing)
            .collect();
        let mut acting = of(Noun::Trigger);
        acting.extend(of(Noun::Rollback));
        if !found.contains_key(&thing) && writers.is_empty() {
            continue;
        }
        let number = |all: BTreeSet<Thing>| if all.is_empty() { "–".to_owned() } else { all.len().to_string() };
        let links = |all: BTreeSet<Thing>| if all.is_empty() { text("–") } else { page.links(all) };
        table.row(vec![
            page.link(thing),
            number(of(Noun::Metric)),
            number(of(Noun::Threshold)),
            links(of(Noun::Gate)),
            links(acting),
            links(writers),
        ]);
    }
    table
}
