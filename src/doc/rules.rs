//! The pages of what is measured and judged: metrics, thresholds, gates, triggers; and of what people read.

use std::collections::BTreeMap;

use super::diagram::{Flowchart, Look};
use super::lineage;
use super::markdown::{Table, code, text};
use super::{Writer, numbers};
use crate::lang::expr::{Checked, Expr, MetricId, Relation};
use crate::lang::item::Noun;
use crate::lang::item::gate::Gate;
use crate::lang::item::stage::Stage;
use crate::lang::item::step::{About, StepKind};
use crate::lang::item::threshold::{Band, Cadence};
use crate::lang::item::trigger::{Condition, Trigger};
use crate::lang::pack::Pack;
use crate::lang::print::Place;
use crate::lang::uses::{How, Part, Thing};
use crate::value::{counted, listed};

/// `each venture`, or the portfolio.
pub(super) fn whom(pack: &Pack, grain: Option<Relation>) -> String {
    grain.map_or_else(|| "the portfolio".to_owned(), |g| format!("each {}", pack.row_word(g)))
}

/// An expression with the numbers in force in the place of params.
pub(super) fn with_numbers(pack: &Pack, grain: Option<Relation>, e: &Expr<Checked>) -> String {
    Place::of(pack, grain).expr(&numbers::in_force(pack, e))
}

/// A condition with the numbers in force.
pub(super) fn condition(pack: &Pack, rule: &Trigger, condition: &Condition) -> String {
    numbers::condition(pack, condition).print(&Place::of(pack, rule.grain))
}

/// When a rule is judged, with the numbers in force.
pub(super) fn checked(pack: &Pack, rule: &Trigger) -> String {
    numbers::check(pack, &rule.check).print(&Place::of(pack, rule.grain))
}

// ── metrics ──

pub(super) fn metrics(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    page.title();
    page.para(&format!(
        "{}. Each is one value for the portfolio, or one for each row of a table. What cannot be known for want of data \
         is *unknown* with its reason, and never zero by silence.",
        counted(pack.metrics.len(), "metric")
    ));
    let mut groups: BTreeMap<Option<Relation>, Vec<Thing>> = BTreeMap::new();
    for (i, metric) in (0u32..).zip(&pack.metrics) {
        groups.entry(metric.grain).or_default().push(MetricId(i).into());
    }
    for (grain, things) in &groups {
        let title = grain.map_or("Of the portfolio".to_owned(), |g| format!("For each {}", text(pack.row_word(g))));
        page.bullet(&format!("**{title}:** {}", page.links(things.iter().copied())));
    }
    for (grain, things) in groups {
        page.heading(&grain.map_or("Of the portfolio".into(), |g| format!("For each {}", text(pack.row_word(g)))));
        for thing in things {
            let metric = &pack.metrics[thing.index as usize];
            page.item(thing);
            page.bullet(&format!("**Unit:** {}", text(&metric.ty.name())));
            page.relations(thing);
        }
    }
}

// ── thresholds ──

pub(super) fn thresholds(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    page.title();
    page.para(
        "A value that meets its target is *met*; one that is only acceptable is *acceptable*; everything else is \
         *breached*, and what is not known is *unknown*. The numbers are those in force.",
    );
    let mut table = Table::new(&["Threshold", "Metric", "Of", "Judged", "Target", "Acceptable"]);
    for (i, threshold) in (0u32..).zip(&pack.thresholds) {
        let metric = pack.metric(threshold.metric);
        let judged = match threshold.cadence {
            Cadence::Now => "at present".to_owned(),
            Cadence::AtTheGate => "at the gate".to_owned(),
            Cadence::Closed(period) => format!("each {}", period.word()),
        };
        let band =
            |band: &Band| code(&format!("{} {}", band.compare.words(), with_numbers(pack, metric.grain, &band.limit)));
        table.row(vec![
            page.link(Thing::new(Noun::Threshold, i)),
            page.link(threshold.metric.into()),
            text(&whom(pack, metric.grain)),
            judged,
            band(&threshold.target),
            threshold.acceptable.as_ref().map_or("–".into(), band),
        ]);
    }
    page.para(&table.to_string());
    for (thing, _) in page.book.all(Noun::Threshold) {
        page.item(thing);
        page.bullet(&format!("**Where it comes from:** {}", lineage::link(page, thing)));
        page.relations(thing);
    }
}

// ── gates ──

/// The gates of a way into or out of a stage or substage.
fn gates_of<'p>(pack: &'p Pack, entering: bool, stage: &str) -> Vec<(Thing, &'p Gate)> {
    let all = (0u32..).zip(&pack.gates).filter(|(_, g)| g.entering == entering && *g.stage == *stage);
    all.map(|(i, gate)| (Thing::new(Noun::Gate, i), gate)).collect()
}

pub(super) fn gates(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    page.title();
    page.para("A gate is open when every one of its lines holds. A gate that is unknown is closed. Where a drawing shows several \
         gates side by side, every one of them must be open.");
    for (i, stage) in (0u32..).zip(&pack.stages) {
        let thing = Thing::new(Noun::Stage, i);
        page.item(thing);
        if let Some(condition) = &stage.runs_while {
            page.bullet(&format!("**Its rules run while** {}", code(&with_numbers(pack, None, condition))));
        }
        page.relations(thing);
        page.para(&way(pack, stage).to_string());
    }
    if pack.gates.is_empty() {
        return;
    }
    page.heading("All gates");
    let mut table = Table::new(&["Gate", "What it stands for", "Guards", "What must hold, with the numbers in force"]);
    for (i, gate) in (0u32..).zip(&pack.gates) {
        let lines: Vec<String> = gate.lines.iter().map(|line| code(&with_numbers(pack, None, line))).collect();
        let way = if gate.entering { "the way into" } else { "the way out of" };
        table.row(vec![
            page.link(Thing::new(Noun::Gate, i)),
            text(gate.title.as_deref().unwrap_or_default()),
            format!("{way} {} {}", if gate.stage.contains('.') { "substage" } else { "stage" }, gate.stage),
            lines.join("<br>"),
        ]);
    }
    page.para(&table.to_string());
    for (thing, _) in page.book.all(Noun::Gate) {
        page.item(thing);
        page.bullet(&format!("**Where it comes from:** {}", lineage::link(page, thing)));
        page.relations(thing);
    }
}

/// The way through a stage, gate by gate.
fn way(pack: &Pack, stage: &Stage) -> Flowchart {
    let mut chart = Flowchart::down();
    let called = |number: &str, title: Option<&str>| {
        let part = if number.contains('.') { "Substage" } else { "Stage" };
        format!("{part} {number}{}", title.map(|t| format!(": {t}")).unwrap_or_default())
    };
    let before = stage.after.as_deref().map_or("Before".to_owned(), |s| called(s, None));
    let mut at = vec![chart.node("before", &before, Look::End)];
    let pass = |chart: &mut Flowchart, at: &mut Vec<_>, entering: bool, number: &str| {
        let gates = gates_of(pack, entering, number);
        let nodes: Vec<_> = gates
            .iter()
            .map(|(_, gate)| {
                let label = gate.title.as_deref().unwrap_or(&gate.name);
                chart.node(&format!("gate-{}", gate.name), label, Look::Question)
            })
            .collect();
        for (from, to) in at.iter().flat_map(|from| nodes.iter().map(move |to| (*from, *to))).collect::<Vec<_>>() {
            chart.edge(from, to, "");
        }
        if !nodes.is_empty() {
            *at = nodes;
        }
    };
    let arrive = |chart: &mut Flowchart, at: &mut Vec<_>, key: String, label: &str, look: Look| {
        let node = chart.node(&key, label, look);
        for from in at.drain(..) {
            chart.edge(from, node, "");
        }
        at.push(node);
    };
    pass(&mut chart, &mut at, true, &stage.number);
    arrive(&mut chart, &mut at, "stage".into(), &called(&stage.number, stage.title.as_deref()), Look::Step);
    for part in &stage.substages {
        pass(&mut chart, &mut at, true, &part.number);
        let days = format!("{}, days {} to {}", called(&part.number, Some(&part.title)), part.from_day, part.to_day);
        arrive(&mut chart, &mut at, format!("part-{}", part.number), &days, Look::Step);
        pass(&mut chart, &mut at, false, &part.number);
    }
    // The gates of the last part lead to one place, from which those of the stage are asked.
    if at.len() > 1 {
        arrive(&mut chart, &mut at, "done".into(), "Every substage is done", Look::Step);
    }
    pass(&mut chart, &mut at, false, &stage.number);
    let after = stage.before.as_deref().map_or("After".to_owned(), |s| called(s, None));
    arrive(&mut chart, &mut at, "after".into(), &after, Look::End);
    chart
}

// ── triggers ──

/// Of whom the questions of a rule are asked.
pub(super) fn asked(page: &Writer<'_, '_>, rule: &Trigger) -> String {
    let mut asked: Vec<String> = Vec::new();
    for step in &rule.steps {
        let StepKind::Ask(ask) = &step.kind else { continue };
        let who = match &ask.about {
            About::Approval { decision, .. } => page.link(Thing::new(Noun::Decision, *decision)),
            About::Choice { roles, .. } => {
                listed(&roles.iter().map(|role| page.party(role)).collect::<Vec<_>>(), "and")
            }
        };
        if !asked.contains(&who) {
            asked.push(who);
        }
    }
    if asked.is_empty() { "nobody".into() } else { asked.join(", ") }
}

/// When a rule fires, with the numbers in force.
pub(super) fn fires(page: &mut Writer<'_, '_>, rule: &Trigger) {
    let pack = page.pack();
    let mut say = |what: &str, when: &Condition| {
        let plain = when.print(&Place::of(pack, rule.grain));
        let filled = condition(pack, rule, when);
        if plain != filled {
            page.bullet(&format!("**{what}, with the numbers in force, when** {}", code(&filled)));
        }
    };
    say("Fires", &rule.when);
    if let Some(clear) = &rule.clear {
        say("Clears", clear);
    }
}

/// How grave a severity is, the gravest first.
pub(super) fn gravity(severity: &str) -> u8 {
    match severity {
        "critical" => 0,
        "high" => 1,
        "medium" => 2,
        _ => 3,
    }
}

/// Rules with a lifecycle in one table, the gravest first.
pub(super) fn table_of(page: &Writer<'_, '_>, rules: &[(Thing, &Trigger)]) -> Table {
    let pack = page.pack();
    let mut rules = rules.to_vec();
    rules.sort_by_key(|(thing, rule)| (gravity(&rule.severity), *thing));
    let mut table = Table::new(&["Rule", "What it stands for", "Severity", "Judged for", "Checked", "Asks"]);
    for (thing, rule) in rules {
        table.row(vec![
            page.link(thing),
            text(rule.title.as_deref().unwrap_or_default()),
            text(&rule.severity),
            text(&whom(pack, rule.grain)),
            text(&checked(pack, rule)),
            asked(page, rule),
        ]);
    }
    table
}

pub(super) fn triggers(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    page.title();
    page.para(
        "A trigger fires when its condition holds, does its steps in order, and clears when the condition is over. \
         While the condition is unknown it holds its state, unless it says otherwise. Silence is never a yes.",
    );
    let all: Vec<(Thing, &Trigger)> =
        (0u32..).zip(&pack.triggers).map(|(i, t)| (Thing::new(Noun::Trigger, i), t)).collect();
    page.para(&table_of(page, &all).to_string());
    for (thing, trigger) in all {
        page.item(thing);
        fires(page, trigger);
        page.bullet(&format!("**Where it comes from and leads to:** {}", lineage::link(page, thing)));
        page.relations(thing);
    }
}

// ── reports ──

pub(super) fn reports(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    page.title();
    page.para("Every number on a page is a metric, threshold or gate of these rules, so that each can be asked for its reason.");
    let mut table = Table::new(&["Report", "Title", "Shows", "Sent by", "To"]);
    for (i, report) in (0u32..).zip(&pack.reports) {
        let thing = Thing::new(Noun::Report, i);
        let mut parts = Vec::new();
        if !report.show.is_empty() {
            parts.push(counted(report.show.len(), "number"));
        }
        if !report.lists.is_empty() {
            parts.push(counted(report.lists.len(), "list"));
        }
        if !report.draws.is_empty() {
            parts.push(counted(report.draws.len(), "drawing"));
        }
        let senders: Vec<Thing> =
            page.book.uses.users(thing).filter(|u| u.how == How::Calls).map(|u| u.thing).collect();
        let to = recipients(page, i);
        table.row(vec![
            page.link(thing),
            text(report.title.as_deref().unwrap_or_default()),
            listed(&parts, "and"),
            if senders.is_empty() { "–".into() } else { page.links(senders) },
            if to.is_empty() { "whoever asks".into() } else { listed(&to, "and") },
        ]);
    }
    page.para(&table.to_string());
    for (thing, _) in page.book.all(Noun::Report) {
        page.item(thing);
        page.bullet(&format!("**Where it comes from:** {}", lineage::link(page, thing)));
        page.relations(thing);
    }
}

/// Who is sent a report.
fn recipients(page: &Writer<'_, '_>, report: u32) -> Vec<String> {
    let mut to: Vec<String> = Vec::new();
    for step in page.pack().with_lifecycle().flat_map(|rule| &rule.steps) {
        let StepKind::Send { report: sent, people } = &step.kind else { continue };
        for role in people.iter().filter(|_| *sent == report).map(|p| page.party(&p.role)) {
            if !to.contains(&role) {
                to.push(role);
            }
        }
    }
    to
}

/// What somebody does in an item, as the item's own.
pub(super) fn part_words(part: Part) -> &'static str {
    match part {
        Part::Told => "is told by",
        Part::Sent => "is sent a report by",
        Part::Chooses => "chooses for",
        Part::Decides => "decides",
        Part::Proposes => "proposes for",
        Part::Published => "is written to by",
    }
}
