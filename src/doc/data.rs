//! The page of the data contracts: what each table or document holds, what it promises, and who reads it.

use std::collections::BTreeMap;

use super::lineage;
use super::markdown::{Table, block, code, text};
use super::params::contract_of;
use super::{Writer, anchor};
use crate::lang::expr::{ContractId, Relation};
use crate::lang::item::Noun;
use crate::lang::item::contract::{Column, Contract, Encoding, OnViolation, Optional};
use crate::lang::print::Place;
use crate::lang::uses::{How, Thing};
use crate::value::{Type, counted};

/// From where a contract's rows come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    From(String),
    Own,
    To(String),
    Kept,
}

impl Side {
    fn of(contract: &Contract) -> Side {
        match (&contract.from, &contract.to) {
            (Some(stage), _) => Side::From(stage.to_string()),
            (_, Some(stage)) => Side::To(stage.to_string()),
            _ if contract.kept => Side::Kept,
            _ => Side::Own,
        }
    }

    fn title(&self) -> String {
        match self {
            Side::From(stage) => format!("Handed over by stage {stage}"),
            Side::Own => "Tables of the portfolio".into(),
            Side::To(stage) => format!("Handed over to stage {stage}"),
            Side::Kept => "Kept by the program itself".into(),
        }
    }
}

pub(super) fn contracts(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    page.title();
    page.para(
        "A contract says what a table or document holds and what is promised about it. Rows that break it are told, \
         and what needs their values is unknown.",
    );
    let mut sides: BTreeMap<Side, Vec<u32>> = BTreeMap::new();
    for (i, contract) in (0u32..).zip(&pack.contracts) {
        sides.entry(Side::of(contract)).or_default().push(i);
    }
    for (side, contracts) in &sides {
        page.heading(&side.title());
        let mut table = Table::new(&["Contract", "What it is", "One row is", "Promised", "Read by"]);
        for i in contracts {
            table.row(row(page, *i));
        }
        page.para(&table.to_string());
    }
    if !pack.pairs.is_empty() {
        page.heading("Pairs");
        page.para("Two rows of one contract that have something in common, as rows of their own.");
        for (thing, _) in page.book.all(Noun::Pairs) {
            page.item(thing);
            page.relations(thing);
        }
    }
    page.heading("The contracts one by one");
    for i in sides.into_values().flatten() {
        contract(page, i);
    }
}

fn row(page: &Writer<'_, '_>, index: u32) -> Vec<String> {
    let contract = &page.pack().contracts[index as usize];
    let thing = Thing::from(ContractId(index));
    let readers = page.book.uses.users(thing).filter(|u| u.how == How::Reads && u.thing != thing).count();
    let mut promised = Vec::new();
    if !contract.fresh.is_empty() {
        promised.push("freshness");
    }
    if !contract.volume.is_empty() {
        promised.push("volume");
    }
    vec![
        page.link(thing),
        text(&contract.because),
        contract.noun.as_deref().map_or("–".into(), text),
        if promised.is_empty() { "–".into() } else { promised.join(", ") },
        if readers == 0 { "–".into() } else { counted(readers, "item") },
    ]
}

fn contract(page: &mut Writer<'_, '_>, index: u32) {
    let pack = page.pack();
    let contract = &pack.contracts[index as usize];
    let thing = Thing::from(ContractId(index));
    page.gap();
    page.para(&anchor(&page.book.id(thing)));
    page.para(&format!("### {}", code(&contract.name)));
    page.para(&format!("> {}", text(&contract.because)));
    let place = Place::of(pack, Some(Relation::Contract(ContractId(index))));
    let mut table = Table::new(&["Column", "Type", "May be missing", "Checked", "Stored as"]);
    for (i, column) in (0u32..).zip(&contract.columns) {
        table.row(cells(page, &place, contract, i, column));
    }
    if !table.is_empty() {
        page.para(&table.to_string());
    }
    promises(page, thing, contract);
    if lineage::is_filled(page.book, thing) {
        page.bullet(&format!("**Where it comes from:** {}", lineage::link(page, thing)));
    }
    page.relations(thing);
    if let Some(words) = page.book.words(thing) {
        page.para("<details><summary>In the words of the rules</summary>");
        page.para(&block(&words));
        page.para("</details>");
    }
}

fn cells(page: &Writer<'_, '_>, place: &Place<'_>, contract: &Contract, i: u32, column: &Column) -> Vec<String> {
    let linked = |name: &str| contract_of(page, name).map_or_else(|| code(name), |thing| page.link(thing));
    let kind = match (&column.ty, column.refers) {
        (_, Some(of)) => format!("id of {}", page.link(of.into())),
        (Type::List(of), _) => format!("list of {}", linked(of)),
        (Type::Id(_), _) => "id".into(),
        (ty, _) => text(&ty.name()),
    };
    let mut checked = Vec::new();
    let bound = |e| code(&place.single(e));
    match (&column.low, &column.high) {
        (Some(low), Some(high)) => checked.push(format!("from {} to {}", bound(low), bound(high))),
        (Some(low), None) => checked.push(format!("at least {}", bound(low))),
        (None, Some(high)) => checked.push(format!("at most {}", bound(high))),
        (None, None) => {}
    }
    if column.not_empty {
        checked.push("not empty".into());
    }
    if column.not_future {
        checked.push("not in the future".into());
    }
    let missing = match &column.optional {
        Optional::Required => "no".to_owned(),
        Optional::Always => "yes".to_owned(),
        Optional::Unless(e) => format!("unless {}", code(&place.expr(e))),
    };
    let mut stored = Vec::new();
    match &column.encoding {
        Encoding::Plain => {}
        Encoding::Words(texts) => stored.push(texts.iter().map(|t| code(t)).collect::<Vec<_>>().join(", ")),
        Encoding::Scaled(by) => stored.push(match &column.ty {
            Type::Money(_) | Type::MoneyBy(_) => "cents".into(),
            Type::Duration => (if by.to_whole() == Some(60) { "minutes" } else { "hours" }).into(),
            _ if by.to_whole() == Some(100) => "a fraction".into(),
            _ => "basis points".into(),
        }),
    }
    if column.stored != column.name {
        stored.push(format!("column {}", code(&column.stored)));
    }
    let key = if contract.key.contains(&i) { " 🔑" } else { "" };
    let or_none = |parts: Vec<String>| if parts.is_empty() { "–".into() } else { parts.join(", ") };
    vec![format!("{}{key}", code(&column.name)), kind, missing, or_none(checked), or_none(stored)]
}

/// What a contract says beside its columns, line by line.
fn promises(page: &mut Writer<'_, '_>, thing: Thing, contract: &Contract) {
    let Some(words) = page.book.items.get(&thing).and_then(|item| page.book.pack.print(item)) else { return };
    // Its reason stands above and its columns in the table; the promises come after those.
    let facts: Vec<&String> = words.facts.iter().filter(|f| !f.starts_with("because ")).collect();
    let told = contract.on_violation != OnViolation::Quarantine || contract.tells.is_some();
    let after = contract.fresh.len() + contract.volume.len() + usize::from(told);
    let before = facts.len().saturating_sub(after + contract.columns.len());
    let outside = |i: usize| i < before || i >= before + contract.columns.len();
    let lines: Vec<String> =
        facts.iter().enumerate().filter(|(i, _)| outside(*i)).map(|(_, fact)| code(fact)).collect();
    if !lines.is_empty() {
        page.bullet("**It promises:**");
        lines.iter().for_each(|line| page.text.push_str(&format!("  - {line}\n")));
    }
    if !told {
        page.bullet("**On violation:** the rows are set aside");
    }
    if let Some(format) = &contract.format {
        page.bullet(&format!("**Format:** {}", text(format)));
    }
    if let Some(agent) = &contract.proposed_by {
        page.bullet(&format!("**Proposed by the agent:** {}", page.party(agent)));
    }
}
