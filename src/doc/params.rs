//! The pages of what may be tuned: params, what must hold between them, and profiles.

use std::collections::{BTreeMap, BTreeSet};

use super::markdown::{Table, anchor, code, text};
use super::{Writer, capitalised, numbers};
use crate::lang::expr::{ContractId, ParamId};
use crate::lang::item::Noun;
use crate::lang::item::param::Param;
use crate::lang::print::{self, Place, spoken};
use crate::lang::uses::{How, Thing};
use crate::value::{Type, counted};

/// The word for the unit of a value.
fn unit(ty: &Type) -> String {
    match ty {
        Type::Words(_) => "word".into(),
        ty => ty.name(),
    }
}

pub(super) fn parameters(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    page.title();
    page.para(&format!(
        "Rules name their numbers, and the numbers stand here: {}, each with the range in which every rule was checked. \
         `bylaws set NAME VALUE --because \"…\"` changes one, `bylaws reset NAME` gives it its default again.",
        counted(pack.params.len(), "parameter")
    ));
    in_force(page);
    let mut groups: BTreeMap<Option<&str>, Vec<u32>> = BTreeMap::new();
    for (i, param) in (0u32..).zip(&pack.params) {
        groups.entry(param.category.as_deref()).or_default().push(i);
    }
    // What belongs to no group comes last.
    let (loose, named): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(category, _)| category.is_none());
    let alone = named.is_empty();
    for (category, params) in named.into_iter().chain(loose) {
        page.heading(&match category {
            Some(category) => text(&capitalised(&spoken(category))),
            None if alone => "All parameters".to_owned(),
            None => "Others".to_owned(),
        });
        let mut table = Table::new(&["Parameter", "In force", "Default", "Range", "Unit", "What it is for", "Used by"]);
        for i in params {
            table.row(row(page, i));
        }
        page.para(&table.to_string());
    }
    requirements(page);
}

fn row(page: &Writer<'_, '_>, index: u32) -> Vec<String> {
    let pack = page.pack();
    let param: &Param = &pack.params[index as usize];
    let thing = Thing::from(ParamId(index));
    let show = |value| text(&print::value(pack, value, &param.ty));
    let range = match (&param.ty, &param.low, &param.high) {
        (Type::Words(words), ..) => text(&print::choices(words)),
        (_, Some(low), Some(high)) => format!("{} to {}", show(low), show(high)),
        (Type::Truth, ..) => "yes or no".into(),
        _ => "–".into(),
    };
    let value = show(&param.value);
    let set = if param.value == param.default { value } else { format!("**{value}**") };
    let users = page.book.uses.users(thing).filter(|u| u.how == How::Reads).map(|u| u.thing);
    let users: BTreeSet<Thing> = users.collect();
    vec![
        format!("{}{}", anchor(&page.book.id(thing)), code(&param.name)),
        set,
        show(&param.default),
        range,
        text(&unit(&param.ty)),
        text(&param.because),
        if users.is_empty() { "–".into() } else { page.links(users) },
    ]
}

/// What was set other than by default, and why.
fn in_force(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    if pack.sets.is_empty() {
        page.para("At present every parameter has its default.");
        return;
    }
    page.heading("Set other than by default");
    let mut table = Table::new(&["Parameter", "In force", "Default", "Why"]);
    for (i, set) in (0u32..).zip(&pack.sets) {
        let param = &pack.params[set.param.index()];
        let name = page.link(set.param.into());
        table.row(vec![
            format!("{}{name}", anchor(&page.book.id(Thing::new(Noun::Set, i)))),
            format!("**{}**", text(&print::value(pack, &set.value, &param.ty))),
            text(&print::value(pack, &param.default, &param.ty)),
            text(set.because.as_deref().unwrap_or("–")),
        ]);
    }
    page.para(&table.to_string());
}

fn requirements(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    if pack.requires.is_empty() {
        return;
    }
    page.heading("What must hold between parameters");
    page.para("A setting or profile under which one of these does not hold is refused.");
    let mut table = Table::new(&["Requirement", "With the numbers in force", "Why"]);
    let place = Place::portfolio(pack);
    for (i, require) in (0u32..).zip(&pack.requires) {
        let id = page.book.id(Thing::new(Noun::Require, i));
        table.row(vec![
            format!("{}{}", anchor(&id), code(&place.expr(&require.condition))),
            code(&place.expr(&numbers::in_force(pack, &require.condition))),
            text(&require.because),
        ]);
    }
    page.para(&table.to_string());
}

pub(super) fn profiles(page: &mut Writer<'_, '_>) {
    let pack = page.pack();
    page.title();
    page.para(
        "A profile is a set of parameters that can be looked at and put in force at once: `bylaws profile show NAME`, \
         `bylaws profile apply NAME`. What a profile does not name it leaves alone.",
    );
    let touched: BTreeSet<ParamId> = pack.profiles.iter().flat_map(|p| &p.values).map(|(param, ..)| *param).collect();
    let mut head = vec!["Parameter", "In force"];
    head.extend(pack.profiles.iter().map(|p| &*p.name));
    let head: Vec<String> = head.into_iter().map(text).collect();
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>());
    for id in touched {
        let param = &pack.params[id.index()];
        let mut cells = vec![page.link(id.into()), text(&numbers::shown(pack, param))];
        cells.extend(pack.profiles.iter().map(|profile| {
            let value = profile.values.iter().find(|(of, ..)| *of == id);
            value.map_or("·".to_owned(), |(_, value, _)| text(&print::value(pack, value, &param.ty)))
        }));
        table.row(cells);
    }
    if !table.is_empty() {
        page.para(&table.to_string());
    }
    for (thing, _) in page.book.all(Noun::Profile) {
        page.item(thing);
        page.relations(thing);
    }
}

/// The name of a contract from its place; nothing is linked that is not there.
pub(super) fn contract_of(page: &Writer<'_, '_>, name: &str) -> Option<Thing> {
    let found = page.pack().contracts.iter().position(|c| &*c.name == name)?;
    Some(ContractId(found as u32).into())
}
