//! A pack as pages for people: Markdown with everything the rules say, in the words of the language, with links from
//! each item to what it uses and what uses it, and drawings of where values come from and what is done with them.
//!
//! [`pages`] is a function of the pack alone. The same rules give the same pages, whoever asks, wherever and whenever.

mod data;
mod diagram;
mod index;
mod lineage;
mod markdown;
mod numbers;
mod params;
mod people;
mod rollbacks;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use self::markdown::{anchor, block, code, text};
use crate::lang::item::Noun;
use crate::lang::pack::{Item, Pack};
use crate::lang::print::Block;
use crate::lang::uses::{How, Part, Thing, Use, Uses};
use crate::value::listed;

/// The first line of every page: a file without it was written by somebody else.
pub const MARK: &str = "<!-- Written by `bylaws doc`. Whoever changes it here loses the change: change the rules. -->";

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The name of its file.
    pub name: &'static str,
    /// All of it, with [`MARK`] in front.
    pub text: String,
}

/// The pages of a pack, the first of them with the way to the others. A page about nothing is not written.
pub fn pages(pack: &Pack) -> Vec<Page> {
    let book = Book::new(pack);
    let written: Vec<Page> = Chapter::ALL
        .into_iter()
        .filter(|chapter| chapter.is_in(pack))
        .map(|chapter| {
            let mut page = Writer::new(&book, chapter);
            match chapter {
                Chapter::Index => index::overview(&mut page),
                Chapter::Parameters => params::parameters(&mut page),
                Chapter::Profiles => params::profiles(&mut page),
                Chapter::Metrics => rules::metrics(&mut page),
                Chapter::Thresholds => rules::thresholds(&mut page),
                Chapter::Gates => rules::gates(&mut page),
                Chapter::Triggers => rules::triggers(&mut page),
                Chapter::Decisions => people::decisions(&mut page),
                Chapter::Rollbacks => rollbacks::rollbacks(&mut page),
                Chapter::Data => data::contracts(&mut page),
                Chapter::Lineage => lineage::lineage(&mut page),
                Chapter::Reports => rules::reports(&mut page),
                Chapter::People => people::people(&mut page),
                Chapter::Glossary => index::glossary(&mut page),
            }
            page.finish()
        })
        .collect();
    written
}

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Chapter {
    Index,
    Parameters,
    Profiles,
    Metrics,
    Thresholds,
    Gates,
    Triggers,
    Decisions,
    Rollbacks,
    Data,
    Lineage,
    Reports,
    People,
    Glossary,
}

impl Chapter {
    const ALL: [Chapter; 14] = [
        Chapter::Index,
        Chapter::Triggers,
        Chapter::Decisions,
        Chapter::Gates,
        Chapter::Thresholds,
        Chapter::Rollbacks,
        Chapter::Parameters,
        Chapter::Profiles,
        Chapter::Metrics,
        Chapter::Data,
        Chapter::Lineage,
        Chapter::Reports,
        Chapter::People,
        Chapter::Glossary,
    ];

    /// The name of its file, its title, and what a reader finds there.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Chapter::Index => ("README.md", "Overview", "where to begin"),
            Chapter::Parameters => {
                ("parameters.md", "Parameters", "every number that may be tuned: its range, what is in force and why")
            }
            Chapter::Profiles => ("profiles.md", "Profiles", "sets of parameters that can be put in force at once"),
            Chapter::Metrics => ("metrics.md", "Metrics", "what is measured, and by which formula"),
            Chapter::Thresholds => ("thresholds.md", "Thresholds", "what a metric should be, and what is acceptable"),
            Chapter::Gates => ("gates.md", "Stages and gates", "what must hold before a stage begins or ends"),
            Chapter::Triggers => ("triggers.md", "Triggers", "what happens when, by itself or after a question"),
            Chapter::Decisions => ("decisions.md", "Decision rights", "who decides what, and up to which limit"),
            Chapter::Rollbacks => ("rollbacks.md", "Rollbacks", "when and how all of it is taken back"),
            Chapter::Data => {
                ("data.md", "Data contracts", "the tables and documents, what they promise and who reads them")
            }
            Chapter::Lineage => ("lineage.md", "Lineage", "from which data each rule is judged, and what it writes"),
            Chapter::Reports => ("reports.md", "Reports", "what people are sent to read"),
            Chapter::People => ("people.md", "People and calendar", "roles, agents, channels, limits, time and money"),
            Chapter::Glossary => {
                ("glossary.md", "Names and words", "every name of these rules, and the words of the language")
            }
        }
    }

    fn file(self) -> &'static str {
        self.words().0
    }

    /// The items it tells of.
    fn nouns(self) -> &'static [Noun] {
        match self {
            Chapter::Parameters => &[Noun::Param, Noun::Require, Noun::Set],
            Chapter::Profiles => &[Noun::Profile],
            Chapter::Metrics => &[Noun::Metric],
            Chapter::Thresholds => &[Noun::Threshold],
            Chapter::Gates => &[Noun::Stage, Noun::Gate],
            Chapter::Triggers => &[Noun::Trigger],
            Chapter::Decisions => &[Noun::Decision],
            Chapter::Rollbacks => &[Noun::Rollback],
            Chapter::Data => &[Noun::Contract, Noun::Pairs],
            Chapter::Reports => &[Noun::Report],
            Chapter::People => &[Noun::Role, Noun::Calendar],
            Chapter::Index | Chapter::Lineage | Chapter::Glossary => &[],
        }
    }

    /// The page of a noun; a test is told of nowhere.
    fn of(noun: Noun) -> Chapter {
        Chapter::ALL.into_iter().find(|c| c.nouns().contains(&noun)).unwrap_or(Chapter::Index)
    }

    fn is_in(self, pack: &Pack) -> bool {
        match self {
            Chapter::Index | Chapter::People | Chapter::Glossary => true,
            Chapter::Lineage => pack.items().any(|i| i.rule.is_some()),
            _ => pack.items().any(|i| self.nouns().contains(&i.noun)),
        }
    }
}

/// What every page needs to know.
struct Book<'p> {
    pack: &'p Pack,
    uses: Uses,
    items: BTreeMap<Thing, Item<'p>>,
}

impl<'p> Book<'p> {
    fn new(pack: &'p Pack) -> Book<'p> {
        let items = pack.items().filter(|i| i.noun != Noun::Test).map(|item| (Thing::from(&item), item)).collect();
        Book { pack, uses: Uses::of(pack), items }
    }

    /// The items of a noun, in the order of the pack.
    fn all(&self, noun: Noun) -> impl Iterator<Item = (Thing, &Item<'p>)> {
        self.items.range(Thing::new(noun, 0)..=Thing::new(noun, u32::MAX)).map(|(thing, item)| (*thing, item))
    }

    fn count(&self, noun: Noun) -> usize {
        self.all(noun).count()
    }

    /// How an item is called.
    fn name(&self, thing: Thing) -> String {
        let item = self.items.get(&thing);
        match (thing.noun, item.map(|i| i.name)) {
            (Noun::Stage, Some(number)) => format!("stage {number}"),
            (Noun::Require, _) => format!("requirement {}", thing.index + 1),
            (Noun::Set, _) => format!("setting {}", thing.index + 1),
            (Noun::Calendar, _) => "calendar".to_owned(),
            (_, name) => name.unwrap_or_default().to_owned(),
        }
    }

    /// The place of an item within its page.
    fn id(&self, thing: Thing) -> String {
        let item = self.items.get(&thing);
        match item.map(|i| i.name).filter(|name| !name.is_empty()) {
            Some(name) => format!("{}-{name}", thing.noun.word()),
            None => format!("{}-{}", thing.noun.word(), thing.index + 1),
        }
    }

    /// The reason of an item, where it gives one.
    fn because(&self, thing: Thing) -> Option<&'p str> {
        let (pack, i) = (self.pack, thing.index as usize);
        match thing.noun {
            Noun::Contract => pack.contracts.get(i).map(|x| &*x.because),
            Noun::Pairs => pack.pairs.get(i)?.because.as_deref(),
            Noun::Param => pack.params.get(i).map(|x| &*x.because),
            Noun::Require => pack.requires.get(i).map(|x| &*x.because),
            Noun::Set => pack.sets.get(i)?.because.as_deref(),
            Noun::Profile => pack.profiles.get(i)?.because.as_deref(),
            Noun::Metric => pack.metrics.get(i)?.because.as_deref(),
            Noun::Threshold => pack.thresholds.get(i).map(|x| &*x.because),
            Noun::Gate => pack.gates.get(i)?.because.as_deref(),
            Noun::Stage => pack.stages.get(i)?.because.as_deref(),
            Noun::Trigger => pack.triggers.get(i).map(|x| &*x.because),
            Noun::Rollback => pack.rollbacks.get(i).map(|x| &*x.core.because),
            Noun::Decision => pack.decisions.get(i).map(|x| &*x.because),
            Noun::Report => pack.reports.get(i).map(|x| &*x.because),
            Noun::Role => pack.roles.get(i)?.because.as_deref(),
            Noun::Calendar => pack.calendar.as_ref()?.because.as_deref(),
            Noun::Test => None,
        }
    }

    /// An item in the words of the language, without its reason, which stands above it.
    fn words(&self, thing: Thing) -> Option<String> {
        let mut words: Block = self.pack.print(self.items.get(&thing)?)?;
        words.facts.retain(|fact| !fact.starts_with("because "));
        let plain = words.to_string();
        Some(crate::lang::format::format("page", &plain).unwrap_or(plain))
    }
}

/// A page that is being written.
struct Writer<'b, 'p> {
    book: &'b Book<'p>,
    chapter: Chapter,
    text: String,
}

/// More links than this are folded away.
const MOST_LINKS: usize = 16;

impl<'b, 'p> Writer<'b, 'p> {
    fn new(book: &'b Book<'p>, chapter: Chapter) -> Writer<'b, 'p> {
        Writer { book, chapter, text: format!("{MARK}\n\n") }
    }

    fn finish(self) -> Page {
        let mut text = self.text.trim_end().to_owned();
        text.push('\n');
        Page { name: self.chapter.file(), text }
    }

    fn pack(&self) -> &'p Pack {
        self.book.pack
    }

    /// The title, and the way back.
    fn title(&mut self) {
        let (_, title, _) = self.chapter.words();
        self.para(&format!("# {title}"));
        self.para(&format!("[{}](README.md) · [Names and words](glossary.md)", text(&index::heading(self.pack()))));
    }

    fn para(&mut self, markdown: &str) {
        self.text.push_str(markdown.trim_end());
        self.text.push_str("\n\n");
    }

    fn bullet(&mut self, markdown: &str) {
        self.text.push_str(&format!("- {markdown}\n"));
    }

    /// Ends a list.
    fn gap(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn heading(&mut self, title: &str) {
        self.gap();
        self.para(&format!("## {title}"));
    }

    /// The link to an item, from this page.
    fn link(&self, thing: Thing) -> String {
        let words = self.book.name(thing);
        let shown = if words.contains(' ') { words } else { code(&words) };
        format!("[{shown}]({})", self.place(thing))
    }

    fn place(&self, thing: Thing) -> String {
        let chapter = Chapter::of(thing.noun);
        let file = if chapter == self.chapter { "" } else { chapter.file() };
        format!("{file}#{}", self.book.id(thing))
    }

    fn links(&self, things: impl IntoIterator<Item = Thing>) -> String {
        things.into_iter().map(|thing| self.link(thing)).collect::<Vec<_>>().join(", ")
    }

    /// The anchor and heading of an item with its reason and its sentence.
    fn item(&mut self, thing: Thing) {
        let item = self.book.items.get(&thing);
        let title = item.and_then(|i| i.title).map(|t| format!(" – {}", text(t))).unwrap_or_default();
        let words = self.book.name(thing);
        let shown = if words.contains(' ') { capitalised(&words) } else { code(&words) };
        self.gap();
        self.para(&anchor(&self.book.id(thing)));
        self.para(&format!("### {shown}{title}"));
        if let Some(because) = self.book.because(thing) {
            self.para(&format!("> {}", text(because)));
        }
        if let Some(words) = self.book.words(thing) {
            self.para(&block(&words));
        }
    }

    /// What an item uses and is used by, one line for each kind.
    fn relations(&mut self, thing: Thing) {
        let book = self.book;
        let numbers: Vec<String> = book
            .uses
            .by(thing)
            .filter(|u| u.thing.noun == Noun::Param && u.how == How::Reads)
            .filter_map(|u| Some((u.thing, book.pack.params.get(u.thing.index as usize)?)))
            .map(|(thing, param)| format!("{} = {}", self.link(thing), text(&numbers::shown(book.pack, param))))
            .collect();
        if !numbers.is_empty() {
            self.bullet(&format!("**Numbers in force:** {}", numbers.join(", ")));
        }
        let reads = book.uses.by(thing).filter(|u| u.how == How::Reads && u.thing.noun != Noun::Param);
        self.grouped("Reads", reads.map(|u| u.thing).filter(|t| *t != thing).collect());
        let mut acts: BTreeMap<&str, Vec<Thing>> = BTreeMap::new();
        for one in book.uses.by(thing).filter(|u| u.how != How::Reads) {
            acts.entry(one.verb).or_default().push(one.thing);
        }
        for (verb, things) in acts {
            self.bullet(&format!("**{}:** {}", capitalised(verb.trim_end_matches(',')), self.links(things)));
        }
        for (part, verb) in [(Part::Told, "Tells"), (Part::Chooses, "Asks to choose"), (Part::Decides, "Decided by")] {
            let who: Vec<String> =
                book.uses.parties(thing).filter(|(_, p)| *p == part).map(|(name, _)| self.party(name)).collect();
            if !who.is_empty() {
                self.bullet(&format!("**{verb}:** {}", listed(&who, "and")));
            }
        }
        self.used(thing);
        self.gap();
    }

    /// By what an item is used.
    fn used(&mut self, thing: Thing) {
        let mut users: BTreeMap<&str, Vec<Thing>> = BTreeMap::new();
        for one in self.book.uses.users(thing).filter(|u| u.thing != thing) {
            users.entry(passive(one)).or_default().push(one.thing);
        }
        for (how, things) in users {
            self.grouped(how, things);
        }
    }

    /// A role, agent or tool.
    fn party(&self, name: &str) -> String {
        let file = if self.chapter == Chapter::People { "" } else { Chapter::People.file() };
        format!("[{}]({file}#party-{name})", text(name))
    }

    /// A line of items.
    fn grouped(&mut self, how: &str, things: Vec<Thing>) {
        if things.is_empty() {
            return;
        }
        self.bullet(&format!("**{how}:** {}", self.by_noun(things)));
    }

    /// Links under their nouns; many are folded away.
    fn by_noun(&self, things: impl IntoIterator<Item = Thing>) -> String {
        let mut by_noun: BTreeMap<Noun, BTreeSet<Thing>> = BTreeMap::new();
        for thing in things {
            by_noun.entry(thing.noun).or_default().insert(thing);
        }
        let parts: Vec<String> = by_noun
            .into_iter()
            .map(|(noun, things)| {
                let links = self.links(things.iter().copied());
                match noun {
                    Noun::Stage | Noun::Require => links,
                    noun if things.len() == 1 => format!("{} {links}", noun.word()),
                    noun if things.len() > MOST_LINKS => {
                        format!("<details><summary>{}</summary>{links}</details>", noun.counted(things.len()))
                    }
                    noun => format!("{} {links}", plural(noun)),
                }
            })
            .collect();
        parts.join("; ")
    }
}

/// The words for a use as the one that is used says it.
fn passive(one: Use) -> &'static str {
    match (one.how, one.verb) {
        (How::Reads, "judges") => "Judged by",
        (How::Reads, _) => "Read by",
        (How::Writes, "has rows proposed for") => "Proposed by",
        (How::Writes, "restores") => "Restored by",
        (How::Writes, _) => "Written by",
        (How::Calls, "refers to") => "Referred to by",
        (How::Calls, "lists") => "Listed by",
        (How::Calls, "belongs to") => "Named by",
        (How::Calls, "guards") => "Guarded by",
        (How::Calls, "is awake only in") => "Rules of it",
        (How::Calls, "asks by") => "Asked by",
        (How::Calls, "sends" | "publishes") => "Sent by",
        (How::Calls, "sets") => "Set by",
        (How::Calls, "fires") => "Fired by",
        (How::Calls, "enters") => "Entered by",
        (How::Calls, _) => "Used by",
    }
}

/// The word for several of a noun.
fn plural(noun: Noun) -> &'static str {
    match noun {
        Noun::Contract => "contracts",
        Noun::Pairs => "pairs",
        Noun::Param => "parameters",
        Noun::Require => "requirements",
        Noun::Set => "settings",
        Noun::Profile => "profiles",
        Noun::Metric => "metrics",
        Noun::Threshold => "thresholds",
        Noun::Gate => "gates",
        Noun::Stage => "stages",
        Noun::Trigger => "triggers",
        Noun::Rollback => "rollbacks",
        Noun::Decision => "decisions",
        Noun::Report => "reports",
        Noun::Role => "roles",
        Noun::Calendar => "calendars",
        Noun::Test => "tests",
    }
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
