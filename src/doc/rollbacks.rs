//! The page of rollbacks, with a tree of what is asked and done.

use super::diagram::{Flowchart, Look, NodeId};
use super::lineage;
use super::markdown::text;
use super::rules;
use super::rules::{checked, fires, table_of};
use super::{Writer, capitalised, numbers};
use crate::lang::expr::{Answer, ExprKind};
use crate::lang::item::Noun;
use crate::lang::item::decision::Who;
use crate::lang::item::rollback::Rollback;
use crate::lang::item::step::{About, Ask, Silence, Step, StepKind};
use crate::lang::item::trigger::{Trigger, UnknownAct};
use crate::lang::pack::Pack;
use crate::lang::print::Place;
use crate::lang::uses::Thing;
use crate::value::listed;

pub(super) fn rollbacks(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    page.title();
    page.para(
        "A rollback takes back what was agreed: all of its changes together or none of them, and only when it is \
         verified that everything is as it was. While one is open, no trigger acts on what it touches.",
    );
    let all: Vec<(Thing, &Rollback)> =
        (0u32..).zip(&pack.rollbacks).map(|(i, r)| (Thing::new(Noun::Rollback, i), r)).collect();
    let cores: Vec<(Thing, &Trigger)> = all.iter().map(|(thing, r)| (*thing, &r.core)).collect();
    page.para(&table_of(page, &cores).to_string());
    page.heading("Which rollback, when");
    for part in all.chunks(6) {
        page.para(&choice(page, part).to_string());
    }
    for (thing, rollback) in all {
        page.item(thing);
        page.para(&tree(page, rollback).to_string());
        fires(page, &rollback.core);
        page.bullet(&format!("**Where it comes from and leads to:** {}", lineage::link(page, thing)));
        page.relations(thing);
    }
}

fn condition(pack: &Pack, rule: &Trigger) -> String {
    format!("{}?", rules::condition(pack, rule, &rule.when))
}

/// The conditions of several rollbacks side by side.
fn choice(page: &Writer<'_, '_>, all: &[(Thing, &Rollback)]) -> Flowchart {
    let pack = page.pack();
    let mut chart = Flowchart::right();
    let begin = chart.node("begin", "At every check", Look::End);
    let calm = chart.node("calm", "Nothing is taken back", Look::End);
    for (_, rollback) in all {
        let rule = &rollback.core;
        let asked = chart.node(&format!("if-{}", rule.name), &condition(pack, rule), Look::Question);
        let title = rule.title.as_ref().map(|t| format!(": {t}")).unwrap_or_default();
        let done = chart.node(&format!("do-{}", rule.name), &format!("{}{title}", rule.name), Look::Rule);
        chart.edge(begin, asked, &checked(pack, rule));
        let fires = rule.when_unknown.act == UnknownAct::Fire;
        chart.edge(asked, done, if fires { "yes or unknown" } else { "yes" });
        chart.edge(asked, calm, if fires { "no" } else { "no or unknown" });
    }
    chart
}

/// Where a tree goes on: a node and what must be answered there.
type Tails = Vec<(NodeId, String)>;

/// A tree under way.
struct Tree<'p> {
    place: Place<'p>,
    chart: Flowchart,
    tails: Tails,
    fork: Option<Fork>,
}

/// The question of several words that was asked last.
struct Fork {
    question: NodeId,
    /// The answers of which no step has been drawn.
    open: Vec<String>,
    /// The steps of the others.
    branches: Tails,
}

fn tree(page: &Writer<'_, '_>, rollback: &Rollback) -> Flowchart {
    let pack = page.pack();
    let rule = &rollback.core;
    let mut tree = Tree { place: Place::of(pack, rule.grain), chart: Flowchart::down(), tails: Vec::new(), fork: None };
    tree.begin(rule);
    let mut framed = false;
    for (i, step) in rule.steps.iter().enumerate() {
        // What stands between the first question and the verification happens together.
        let inside = !step.afterwards && !matches!(step.kind, StepKind::Ask(_));
        if inside && !framed {
            tree.chart.open("Together or not at all");
            framed = true;
        } else if !inside {
            tree.chart.close();
        }
        tree.step(i, step);
    }
    tree.chart.close();
    tree.join();
    tree.end(rollback);
    tree.chart
}

impl Tree<'_> {
    fn begin(&mut self, rule: &Trigger) {
        let pack = self.place.pack;
        let start = self.chart.node("begin", &format!("Checked {}", checked(pack, rule)), Look::End);
        let asked = self.chart.node("when", &condition(pack, rule), Look::Question);
        let calm = self.chart.node("calm", "Nothing happens", Look::End);
        self.chart.edge(start, asked, "");
        self.chart.edge(asked, calm, "no");
        self.tails.push((asked, "yes".into()));
        let tell = rule.when_unknown.tell.as_ref().map(|t| format!(": {}", t.print(pack))).unwrap_or_default();
        match rule.when_unknown.act {
            UnknownAct::Fire => self.tails.push((asked, "unknown".into())),
            UnknownAct::Clear => self.chart.edge(asked, calm, "unknown"),
            UnknownAct::Hold => {
                let held = self.chart.node("held", &format!("It stays as it is until it is known{tell}"), Look::End);
                self.chart.edge(asked, held, "unknown");
            }
        }
    }

    /// The tails lead to a node.
    fn arrive(&mut self, node: NodeId) {
        for (from, label) in std::mem::take(&mut self.tails) {
            self.chart.edge(from, node, &label);
        }
    }

    /// The answers of the last question go on together.
    fn join(&mut self) {
        if let Some(fork) = self.fork.take() {
            self.tails.extend(fork.branches.into_iter().map(|(node, _)| (node, String::new())));
            // An answer on which no step hangs leads on as well.
            self.tails.extend(fork.open.into_iter().map(|word| (fork.question, word)));
        }
    }

    fn step(&mut self, i: usize, step: &Step) {
        let key = format!("step-{i}");
        let label = capitalised(step.print(&self.place).trim_start_matches("afterwards "));
        // A step of one answer hangs on that answer.
        let answer = match step.only.as_ref().map(|e| &e.kind) {
            Some(ExprKind::Answered(_, Answer::Chose(word))) => Some(word),
            _ => None,
        };
        if let (Some(word), Some(fork)) = (answer, &mut self.fork) {
            let node = self.chart.node(&key, &capitalised(&step.kind.print(&self.place)), Look::Step);
            // The second step of one answer comes after the first.
            match fork.branches.iter_mut().find(|(_, answer)| **answer == *word.text) {
                Some((last, _)) => {
                    self.chart.edge(*last, node, "");
                    *last = node;
                }
                None => {
                    self.chart.edge(fork.question, node, &word.text);
                    fork.open.retain(|open| **open != *word.text);
                    fork.branches.push((node, word.text.to_string()));
                }
            }
            return;
        }
        self.join();
        match &step.kind {
            StepKind::Ask(ask) => self.ask(&key, ask),
            StepKind::Verify(_) => {
                let node = self.chart.node(&key, &format!("{label}?"), Look::Question);
                self.arrive(node);
                self.chart.close();
                let undone = self.chart.node("undone", "Nothing of it has happened", Look::End);
                self.chart.edge(node, undone, "no");
                self.tails.push((node, "yes".into()));
            }
            _ => {
                let node = self.chart.node(&key, &label, Look::Step);
                self.arrive(node);
                self.tails.push((node, String::new()));
            }
        }
    }

    fn ask(&mut self, key: &str, ask: &Ask) {
        let pack = self.place.pack;
        let within = self.place.single(&numbers::in_force(pack, &ask.within));
        let silence = format!("no answer within {within}");
        let question = match &ask.about {
            About::Approval { decision, .. } => {
                let question = pack.decisions.get(*decision as usize).map_or("Approved?".to_owned(), |decision| {
                    match &decision.lines[..] {
                        [line] => match &line.who {
                            Who::Roles(roles) => format!("Approved by {}?", listed(roles, "and")),
                            Who::ByItself => "Approved by rule".to_owned(),
                        },
                        _ => format!("Approved, as {} says?", decision.name),
                    }
                });
                let node = self.chart.node(key, &question, Look::Question);
                self.arrive(node);
                let refused = self.chart.node(&format!("{key}-no"), "It ends here, and nothing is changed", Look::End);
                self.chart.edge(node, refused, "refused");
                self.tails.push((node, "approved".into()));
                node
            }
            About::Choice { roles, words } => {
                let question = format!("{} chooses: {}?", capitalised(&listed(roles, "and")), listed(words, "or"));
                let node = self.chart.node(key, &question, Look::Question);
                self.arrive(node);
                let open = words.iter().map(ToString::to_string).collect();
                self.fork = Some(Fork { question: node, open, branches: Vec::new() });
                node
            }
        };
        match ask.silence {
            Silence::Escalate => {
                let up = self.chart.node(
                    &format!("{key}-up"),
                    "Asked again as urgent, and of the next role up",
                    Look::People,
                );
                self.chart.edge(question, up, &silence);
                self.chart.edge(up, question, "");
            }
            Silence::Hold => {
                let open = self.chart.node(&format!("{key}-open"), "The question stays open", Look::End);
                self.chart.edge(question, open, &silence);
            }
            Silence::End => {
                let over = self.chart.node(&format!("{key}-over"), "It ends", Look::End);
                self.chart.edge(question, over, &silence);
            }
        }
    }

    fn end(&mut self, rollback: &Rollback) {
        let pack = self.place.pack;
        let done = self.chart.node("done", "Done", Look::End);
        let Some(watch) = &rollback.watch else { return self.arrive(done) };
        let length = self.place.single(&numbers::in_force(pack, &watch.length));
        let node = self.chart.node("watch", &format!("Watched for {length}: does it return?"), Look::Question);
        self.arrive(node);
        self.chart.edge(node, done, "no");
        if let Some(then) = &watch.then {
            let act = self.chart.node("returned", &capitalised(&then.kind.print(&self.place)), Look::Step);
            self.chart.edge(node, act, "yes");
        }
    }
}

/// The rollbacks in a line each, for the overview.
pub(super) fn list(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    for (i, rollback) in (0u32..).zip(&pack.rollbacks) {
        let thing = Thing::new(Noun::Rollback, i);
        let title = rollback.core.title.as_deref().unwrap_or_default();
        let line = format!("{} – {}, checked {}", page.link(thing), text(title), text(&checked(pack, &rollback.core)));
        page.bullet(&line);
    }
    page.gap();
}
