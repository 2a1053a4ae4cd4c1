//! The pages of who decides, and of people, agents, time and money.

use std::collections::{BTreeMap, BTreeSet};

use super::diagram::{Flowchart, Look};
use super::markdown::{Table, anchor, block, code, text};
use super::rules::part_words;
use super::{Writer, capitalised};
use crate::lang::expr::Relation;
use crate::lang::item::Noun;
use crate::lang::item::decision::{Decision, Subject, Who};
use crate::lang::uses::{How, Part, Thing};
use crate::value::listed;

use super::rules::with_numbers;

/// What a decision is about, and the row beside which its lines are read.
fn about(page: &Writer<'_, '_>, decision: &Decision) -> (String, Option<Relation>) {
    match decision.about {
        Subject::Row(id) => {
            let row = page.pack().contract(id).row_word();
            (format!("[{}]({})", text(row), page.place(id.into())), Some(Relation::Contract(id)))
        }
        Subject::Rollback => ("a rollback".into(), None),
        Subject::Stage => ("the stage".into(), None),
    }
}

/// Who decides by a line.
pub(super) fn who(page: &Writer<'_, '_>, who: &Who) -> String {
    match who {
        Who::ByItself => "*nobody: it runs by itself*".into(),
        Who::Roles(roles) => listed(&roles.iter().map(|role| page.party(role)).collect::<Vec<_>>(), "and"),
    }
}

pub(super) fn decisions(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    page.title();
    page.para(
        "Who decides, and up to which limit, stands here and nowhere else. Of each decision the first case that holds \
         decides. A case that is unknown is taken to hold when it names people, and not when it would run by itself.",
    );
    let mut table = Table::new(&["Decision", "About", "Case, with the numbers in force", "Who decides"]);
    for (i, decision) in (0u32..).zip(&pack.decisions) {
        let (about, rows) = about(page, decision);
        for (n, line) in decision.lines.iter().enumerate() {
            let case = match &line.when {
                Some(when) => code(&with_numbers(pack, rows, when)),
                None if decision.lines.len() == 1 => "always".into(),
                None => "otherwise".into(),
            };
            let first = n == 0;
            table.row(vec![
                if first { page.link(Thing::new(Noun::Decision, i)) } else { String::new() },
                if first { about.clone() } else { String::new() },
                case,
                who(page, &line.who),
            ]);
        }
    }
    page.para(&table.to_string());
    for (thing, _) in page.book.all(Noun::Decision) {
        page.item(thing);
        page.relations(thing);
    }
}

// ── people ──

pub(super) fn people(page: &mut Writer<'_, '_>) {
    page.title();
    roles(page);
    agents(page);
    house(page);
}

/// Everybody of whom the house or a rule knows, who is no agent and no tool.
fn named(page: &Writer<'_, '_>) -> BTreeSet<String> {
    let settings = &page.pack().settings;
    let mut names: BTreeSet<String> = settings.roles.iter().flatten().map(|(name, _)| name.clone()).collect();
    for (name, part, _) in page.book.uses.all_parties() {
        if !matches!(part, Part::Proposes | Part::Published) {
            names.insert(name.to_owned());
        }
    }
    names
}

fn roles(page: &mut Writer<'_, '_>) {
    let settings = page.pack().settings.clone();
    let names = named(page);
    if names.is_empty() {
        page.para("These rules name no people.");
        return;
    }
    page.heading("Roles");
    page.para("A role that stays silent is not taken to agree: where a rule says so, the one it answers to is asked.");
    let mut chart = Flowchart::right();
    let mut table = Table::new(&["Role", "Answers to", "Who it is", "In these rules"]);
    for name in &names {
        let role = settings.roles.as_ref().and_then(|roles| roles.get(name));
        let above = role.and_then(|r| r.above.as_deref());
        if let Some(above) = above {
            let from = chart.node(name, name, Look::People);
            let to = chart.node(above, above, Look::People);
            chart.edge(from, to, "answers to");
        }
        let mut holder: Vec<String> = Vec::new();
        if let Some(role) = role {
            holder.extend(role.column.as_ref().map(|c| format!("whoever the column {} of the row names", code(c))));
            holder.extend(role.quorum.as_ref().map(|q| match q.parse::<u32>() {
                Ok(n) => format!("a body of which {n} must agree"),
                Err(_) => format!("a body of which {} must agree", if q == "all" { "all" } else { "a majority" }),
            }));
            holder.extend(role.decides.then(|| "decides what is given to nobody else".to_owned()));
            holder.extend((!role.people.is_empty()).then(|| text(&role.people.join(", "))));
        }
        let declared = page.pack().roles.iter().position(|r| *r.name == **name);
        let own = declared.map(|i| anchor(&page.book.id(Thing::new(Noun::Role, i as u32)))).unwrap_or_default();
        table.row(vec![
            format!("{}{own}**{}**", anchor(&format!("party-{name}")), text(name)),
            above.map_or("–".into(), |above| page.party(above)),
            if holder.is_empty() { "–".into() } else { holder.join("; ") },
            parts(page, name),
        ]);
    }
    page.para(&table.to_string());
    if chart.len() > 0 {
        page.para(&chart.to_string());
    }
    for (thing, item) in page.book.all(Noun::Role) {
        if let Some(because) = page.book.because(thing) {
            page.bullet(&format!("**{}:** {}", text(item.name), text(because)));
        }
    }
    page.gap();
}

/// What somebody has to do with the rules.
fn parts(page: &Writer<'_, '_>, name: &str) -> String {
    let mut parts: BTreeMap<Part, Vec<Thing>> = BTreeMap::new();
    for (part, thing) in page.book.uses.of_party(name) {
        parts.entry(part).or_default().push(thing);
    }
    let lines: Vec<String> =
        parts.into_iter().map(|(part, things)| format!("{} {}", part_words(part), page.by_noun(things))).collect();
    if lines.is_empty() { "–".into() } else { lines.join("<br>") }
}

fn agents(page: &mut Writer<'_, '_>) {
    let settings = page.pack().settings.clone();
    let mut names: BTreeSet<String> = settings.agents.iter().flatten().map(|(name, _)| name.clone()).collect();
    names.extend(
        page.book.uses.all_parties().filter(|(_, p, _)| *p == Part::Proposes).map(|(name, ..)| name.to_owned()),
    );
    if !names.is_empty() {
        page.heading("Agents");
        page.para("An agent proposes and does nothing else: what it writes is in force when somebody has applied it.");
        let mut table = Table::new(&["Agent", "May propose", "In these rules"]);
        for name in &names {
            let agent = settings.agents.as_ref().and_then(|agents| agents.get(name));
            let may = agent.into_iter().flat_map(|a| &a.proposes).map(|contract| {
                let known = super::params::contract_of(page, contract);
                known.map_or_else(|| code(contract), |thing| page.link(thing))
            });
            let may: Vec<String> = may.collect();
            // Somebody may be an agent and a role under one name; the role has the place then.
            let own = if named(page).contains(name) { String::new() } else { anchor(&format!("party-{name}")) };
            table.row(vec![
                format!("{own}**{}**", text(name)),
                if may.is_empty() { "–".into() } else { may.join(", ") },
                parts(page, name),
            ]);
        }
        page.para(&table.to_string());
    }
    let mut tools: BTreeSet<String> = settings.tools.keys().cloned().collect();
    tools.extend(
        page.book.uses.all_parties().filter(|(_, p, _)| *p == Part::Published).map(|(name, ..)| name.to_owned()),
    );
    if !tools.is_empty() {
        page.heading("Tools");
        let mut table = Table::new(&["Tool", "Kind", "In these rules"]);
        for name in &tools {
            let kind = settings.tools.get(name).and_then(|t| t.kind.as_deref()).unwrap_or("–");
            let taken = named(page).contains(name) || names.contains(name);
            let own = if taken { String::new() } else { anchor(&format!("party-{name}")) };
            table.row(vec![format!("{own}**{}**", text(name)), text(kind), parts(page, name)]);
        }
        page.para(&table.to_string());
    }
}

/// Time, money, ways out, limits.
fn house(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    let settings = &pack.settings;
    if let Some(calendar) = page.book.all(Noun::Calendar).next().map(|(thing, _)| thing) {
        page.gap();
        page.para(&anchor(&page.book.id(calendar)));
    }
    page.heading("Time, money and limits");
    let days: Vec<String> = settings.calendar.holidays().iter().map(ToString::to_string).collect();
    let channels: Vec<String> = settings.channels.iter().flatten().map(|(name, _)| text(name)).collect();
    page.bullet(&format!("**Time zone:** {}", text(settings.calendar.zone())));
    page.bullet(&format!("**Currency of plain money:** {}", text(&settings.currency)));
    page.bullet(&format!("**Holidays:** {}", if days.is_empty() { "none".into() } else { listed(&days, "and") }));
    if !channels.is_empty() {
        page.bullet(&format!("**Channels:** {}", listed(&channels, "and")));
    }
    page.bullet(&format!(
        "**One rule may act without asking** on {}% of the portfolio in a day, and never on fewer than {}.",
        settings.blast_radius, settings.blast_radius_floor
    ));
    page.gap();
    if let Some((thing, _)) = page.book.all(Noun::Calendar).next() {
        if let Some(because) = page.book.because(thing) {
            page.para(&format!("> {}", text(because)));
        }
        if let Some(words) = page.book.words(thing) {
            page.para(&block(&words));
        }
    }
}

/// The decisions that people make, for the overview.
pub(super) fn rights(page: &Writer<'_, '_>) -> Option<Table> {
    let pack = page.pack();
    let mut table = Table::new(&["What", "Who decides", "Asked by"]);
    for (i, decision) in (0u32..).zip(&pack.decisions) {
        let thing = Thing::new(Noun::Decision, i);
        let mut all: Vec<String> = Vec::new();
        for line in &decision.lines {
            let one = match &line.who {
                Who::ByItself => "*nobody, where it runs by itself*".to_owned(),
                roles => who(page, roles),
            };
            if !all.contains(&one) {
                all.push(one);
            }
        }
        let askers: Vec<Thing> = page.book.uses.users(thing).filter(|u| u.how == How::Calls).map(|u| u.thing).collect();
        let title = decision.title.as_deref().map_or_else(|| decision.name.to_string(), capitalised);
        table.row(vec![
            format!("[{}]({})", text(&title), page.place(thing)),
            all.join("; "),
            if askers.is_empty() { "–".into() } else { page.links(askers) },
        ]);
    }
    (!table.is_empty()).then_some(table)
}
