//! The first page and the last: where to begin, and every name.

use std::collections::BTreeMap;

use super::markdown::{Table, anchor, code, text};
use super::rules::{gravity, table_of};
use super::{Book, Chapter, Writer, people, rollbacks};
use crate::lang::item::Noun;
use crate::lang::item::trigger::Trigger;
use crate::lang::pack::Pack;
use crate::lang::print::spoken;
use crate::lang::uses::{Part, Thing};
use crate::value::{counted, listed};

/// How the whole is called.
pub(super) fn heading(pack: &Pack) -> String {
    format!("The rules of {}", pack.settings.name)
}

/// What a page counts.
fn counts(book: &Book<'_>, chapter: Chapter) -> String {
    let of = |nouns: &[Noun]| {
        let parts: Vec<String> = nouns
            .iter()
            .map(|noun| (noun, book.count(*noun)))
            .filter(|(_, n)| *n > 0)
            .map(|(noun, n)| match noun {
                Noun::Param => counted(n, "parameter"),
                Noun::Set => counted(n, "setting"),
                noun => noun.counted(n),
            })
            .collect();
        listed(&parts, "and")
    };
    match chapter {
        Chapter::People => counted(book.pack.settings.roles.iter().flatten().count(), "role"),
        Chapter::Glossary => counted(book.items.values().filter(|i| !i.name.is_empty()).count(), "name"),
        Chapter::Lineage => counted(book.items.values().filter(|i| i.rule.is_some()).count(), "rule"),
        chapter => of(chapter.nouns()),
    }
}

pub(super) fn overview(page: &mut Writer<'_, '_>) {
    let (book, pack) = (page.book, page.pack());
    page.para(&format!("# {}", text(&heading(pack))));
    for (thing, item) in book.all(Noun::Stage) {
        let title = item.title.map(|t| format!(" – {}", text(t))).unwrap_or_default();
        let because = book.because(thing).map(|b| format!("<br>{}", text(b))).unwrap_or_default();
        page.para(&format!("**[Stage {}]({})**{title}{because}", item.name, page.place(thing)));
    }
    page.para(
        "These pages are written from the rules by `bylaws doc`. Each text in a frame is the rule itself, in the words \
         in which the program keeps and judges it; what stands around it – its reason, the numbers in force, who uses \
         what – comes from the same rules. Nothing here is written by hand.",
    );
    page.heading("The pages");
    let mut table = Table::new(&["Page", "What it answers", "What is on it"]);
    for chapter in Chapter::ALL.into_iter().filter(|c| *c != Chapter::Index && c.is_in(pack)) {
        let (file, title, about) = chapter.words();
        table.row(vec![format!("[{title}]({file})"), about.to_owned(), counts(book, chapter)]);
    }
    page.para(&table.to_string());
    if let Some(table) = people::rights(page) {
        page.heading("Who decides");
        page.para(&table.to_string());
    }
    let mut grave: Vec<(Thing, &Trigger)> =
        (0u32..).zip(&pack.triggers).map(|(i, t)| (Thing::new(Noun::Trigger, i), t)).collect();
    grave.extend((0u32..).zip(&pack.rollbacks).map(|(i, r)| (Thing::new(Noun::Rollback, i), &r.core)));
    grave.retain(|(_, rule)| gravity(&rule.severity) < 2);
    if !grave.is_empty() {
        page.heading("What raises an alarm");
        page.para("The rules whose severity is critical or high; the others stand on their pages.");
        page.para(&table_of(page, &grave).to_string());
    }
    if !pack.rollbacks.is_empty() {
        page.heading("How it is taken back");
        rollbacks::list(page);
    }
    page.heading("What is set other than by default");
    match pack.sets.len() {
        0 if pack.params.is_empty() => page.para("These rules have no parameters."),
        0 => page.para("Nothing: every [parameter](parameters.md) has its default."),
        n => page.para(&format!("{}, each [with its reason](parameters.md).", counted(n, "parameter"))),
    }
    page.heading("How to read them");
    page.bullet("What cannot be known for want of data is *unknown* with its reason. Unknown is never green, and silence is never a yes.");
    page.bullet("A name leads to its item, and each item to what it uses and what uses it. Every name stands in [Names and words](glossary.md).");
    page.bullet("A number in a rule is a parameter: its range and its reason stand in one place, and it changes there for every rule at once.");
    page.gap();
}

/// Words of the language that a reader meets on these pages, and the nouns for which they matter.
const WORDS: [(&str, &str, &[Noun]); 16] = [
    ("acceptable", "Not what a threshold aims at, and still good enough.", &[Noun::Threshold]),
    ("afterwards", "When a rollback is done and verified.", &[Noun::Rollback]),
    ("apply", "Write what an approved proposal says.", &[Noun::Trigger]),
    ("baseline", "The state of the day a stage was entered; comparisons and rollbacks go back to it.", &[Noun::Stage]),
    ("breached", "Neither on target nor acceptable.", &[Noun::Threshold]),
    ("clear", "The end of a firing, because its condition is over.", &[Noun::Trigger]),
    ("contract", "What a table or document holds and what is promised about it.", &[Noun::Contract]),
    ("depth", "How often one firing may try again.", &[Noun::Trigger]),
    ("escalate", "Ask again as urgent, and also the next role up.", &[Noun::Trigger, Noun::Rollback]),
    ("firing", "A trigger whose condition holds, from its first step until it clears or ends.", &[Noun::Trigger]),
    ("gate", "What must hold before a stage is entered or left; one that is unknown is closed.", &[Noun::Gate]),
    ("hold", "Leave things as they are.", &[Noun::Trigger, Noun::Rollback]),
    ("mode", "How much runs by itself: manual, assisted or auto.", &[Noun::Stage, Noun::Trigger]),
    ("quarantine", "Set aside the rows that break a contract.", &[Noun::Contract]),
    ("unknown", "Not to be told from the data there is. It is neither yes nor no, and never green.", &[]),
    (
        "verify",
        "Prove that rows equal the baseline; when they do not, nothing of the rollback has happened.",
        &[Noun::Rollback],
    ),
];

pub(super) fn glossary(page: &mut Writer<'_, '_>) {
    let (book, pack) = (page.book, page.pack());
    page.para("# Names and words");
    page.para(&format!("[{}](README.md)", text(&heading(pack))));
    let mut rows: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut add = |name: &str, link: String, what: String, says: String| {
        rows.insert((name.to_lowercase(), what.clone()), vec![link, what, says]);
    };
    for (thing, item) in book.items.iter().filter(|(_, item)| !item.name.is_empty()) {
        let says = item.title.map(|t| t.to_string()).or_else(|| book.because(*thing).map(str::to_owned));
        let says = says.unwrap_or_else(|| definition(book, *thing));
        let what = match thing.noun {
            Noun::Param => "parameter",
            noun => noun.word(),
        };
        add(item.name, page.link(*thing), what.to_owned(), text(&says));
    }
    for (i, contract) in (0u32..).zip(&pack.contracts) {
        if let Some(noun) = &contract.noun {
            let thing = Thing::new(Noun::Contract, i);
            let says = format!("one row of {}", page.link(thing));
            add(noun, format!("[{}]({})", code(noun), page.place(thing)), "row".into(), says);
        }
    }
    for (i, pairs) in (0u32..).zip(&pack.pairs) {
        let thing = Thing::new(Noun::Pairs, i);
        let says = format!("one pair of {}", page.link(thing));
        add(&pairs.noun, format!("[{}]({})", code(&pairs.noun), page.place(thing)), "row".into(), says);
    }
    for (name, part, _) in book.uses.all_parties() {
        let (what, says) = match part {
            Part::Proposes => ("agent", "proposes, and does nothing else"),
            Part::Published => ("tool", "is written to"),
            _ if pack.roles.iter().any(|r| *r.name == *name) => continue,
            _ => ("role", "takes part in these rules"),
        };
        add(name, format!("[{}](people.md#party-{name})", code(name)), what.into(), says.into());
    }
    page.heading("Words of the language");
    let mut words = Table::new(&["Word", "What it means"]);
    for (word, meaning, nouns) in WORDS {
        if nouns.is_empty() || nouns.iter().any(|noun| book.count(*noun) > 0) {
            words.row(vec![format!("*{word}*"), meaning.to_owned()]);
        }
    }
    page.para(&words.to_string());
    page.heading("Names");
    let mut letters: BTreeMap<char, Vec<Vec<String>>> = BTreeMap::new();
    for ((name, _), row) in rows {
        let first =
            name.chars().next().map_or('#', |c| if c.is_ascii_alphabetic() { c.to_ascii_uppercase() } else { '#' });
        letters.entry(first).or_default().push(row);
    }
    let index: Vec<String> = letters.keys().map(|c| format!("[{}](#letter-{})", letter(*c), slug(*c))).collect();
    page.para(&index.join(" · "));
    for (first, rows) in letters {
        page.para(&anchor(&format!("letter-{}", slug(first))));
        page.para(&format!("### {}", letter(first)));
        let mut table = Table::new(&["Name", "What it is", "What it says"]);
        rows.into_iter().for_each(|row| table.row(row));
        page.para(&table.to_string());
    }
}

fn slug(first: char) -> String {
    if first == '#' { "number".into() } else { first.to_string() }
}

fn letter(first: char) -> String {
    if first == '#' { "0–9".into() } else { first.to_string() }
}

/// What an item that gives no reason is, in short.
fn definition(book: &Book<'_>, thing: Thing) -> String {
    let words = book.items.get(&thing).and_then(|item| book.pack.print(item));
    let head = words.map(|w| w.head).unwrap_or_default();
    head.split_once(" = ").map_or_else(|| spoken(&book.name(thing)), |(_, formula)| formula.to_owned())
}
