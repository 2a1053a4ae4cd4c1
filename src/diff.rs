//! Two editions of the rules, judged on one state of the world, and what differs between them: a change of rules as a
//! change of decisions.
//!
//! Pure: both packs were checked and both were judged; what is told apart here are verdicts, what would follow from
//! them, and what the lifecycle makes of the edit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::carry::{Carried, Edition, carried};
use crate::engine::decide::{Intent, IntentKind};
use crate::engine::judge::{Outcome, Verdict, key_words};
use crate::engine::round::RuleKey;
use crate::lang::expr::Relation;
use crate::lang::item::Noun;
use crate::lang::item::step::{About, StepKind};
use crate::lang::pack::{Item, Pack, RuleRef};
use crate::lang::print::Place;
use crate::settings::{Role, Settings};
use crate::source::Span;
use crate::value::{Value, counted, listed};

/// One edition of the rules with what it says of the world.
pub struct Side<'a> {
    /// The rules.
    pub pack: &'a Pack,
    /// What they say.
    pub verdicts: &'a [Verdict],
    /// What they would decide if nothing had ever fired.
    pub intents: &'a [(RuleKey, Intent)],
}

/// A verdict that is another with the new rules.
#[derive(Debug, Clone)]
pub struct Change {
    /// The rule by its new name, or the old one of a rule that is gone.
    pub rule: Arc<str>,
    /// What the rule is called for people, where it has a title.
    pub title: Option<Arc<str>>,
    /// What its keys are; nothing for the portfolio.
    pub noun: Option<String>,
    /// With the old rules; nothing where they judge no such key.
    pub from: Option<Verdict>,
    /// With the new ones.
    pub to: Option<Verdict>,
}

/// What has become of an item of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It had this name before.
    Renamed(Arc<str>),
    /// It says something else.
    Reworded,
}

impl Fate {
    /// The word.
    pub fn word(&self) -> &'static str {
        match self {
            Fate::Added => "added",
            Fate::Removed => "removed",
            Fate::Renamed(_) => "renamed",
            Fate::Reworded => "reworded",
        }
    }
}

/// An item of the rules that is not as it was.
#[derive(Debug, Clone)]
pub struct Edited {
    /// What it is.
    pub noun: Noun,
    /// Its name; of an item without one its words.
    pub name: String,
    /// What has become of it.
    pub fate: Fate,
}

/// A param with another value.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The param.
    pub name: Arc<str>,
    /// The old value in words; nothing where it is new.
    pub from: Option<String>,
    /// The new value in words; nothing where it is gone.
    pub to: Option<String>,
    /// Where the value stands: in the new rules, or in the old ones where it is gone.
    pub span: Span,
}

/// What would be done about a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doing {
    /// Somebody is asked.
    Approval,
    /// Somebody is told.
    Message,
    /// A step is carried out or listed for a person.
    Step,
}

impl Doing {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Doing::Approval => "approval",
            Doing::Message => "message",
            Doing::Step => "step",
        }
    }
}

/// Something that would be done with one edition and not with the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// The rule.
    pub rule: Arc<str>,
    /// How people call the key; empty for the portfolio.
    pub label: String,
    /// What kind of thing.
    pub doing: Doing,
    /// What, in words.
    pub text: String,
    /// With the new rules; else it would have been done with the old ones.
    pub begins: bool,
}

/// A setting of the house with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseMove {
    /// What.
    pub name: String,
    /// The old value in words.
    pub from: String,
    /// The new one.
    pub to: String,
}

/// How many keys of a noun there are, and for how many of them something changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The noun; nothing for the portfolio itself.
    pub noun: Option<String>,
    /// For so many.
    pub changed: usize,
    /// Of so many.
    pub all: usize,
}

/// Everything that differs.
#[derive(Debug, Clone, Default)]
pub struct Diff {
    /// Verdicts that are others, in the order of the rules.
    pub changes: Vec<Change>,
    /// Verdicts that are the same with another value. (That only the limit has moved is said by what moved it.)
    pub shifts: Vec<Change>,
    /// Items that are not as they were.
    pub edited: Vec<Edited>,
    /// Params with another value.
    pub params: Vec<Moved>,
    /// What would be done with one edition alone.
    pub follows: Vec<Follow>,
    /// What becomes of the memory of rules that do not simply keep it, and of renamed ones.
    pub carried: Vec<(Arc<str>, Carried)>,
    /// The house.
    pub house: Vec<HouseMove>,
    /// For whom verdicts change.
    pub reach: Vec<Reach>,
    /// So many verdicts the new rules have.
    pub verdicts: usize,
}

/// The word for a verdict, in which a rule that sleeps has one of its own.
pub fn word(verdict: &Verdict) -> &'static str {
    if verdict.asleep { "asleep" } else { verdict.outcome.word() }
}

fn is_finding(verdict: &Verdict) -> bool {
    verdict.outcome.is_finding() && !verdict.asleep
}

/// Whether somebody would look at a verdict that was not there before.
fn is_loud(verdict: &Verdict) -> bool {
    is_finding(verdict) || matches!(verdict.outcome, Outcome::Acceptable | Outcome::Closed) && !verdict.asleep
}

/// Tells two editions apart.
pub fn diff(old: &Side<'_>, new: &Side<'_>) -> Diff {
    let names = Names::of(old.pack, new.pack);
    let mut found = Diff { verdicts: new.verdicts.len(), ..Diff::default() };
    verdicts(old, new, &names, &mut found);
    found.edited = edited(old.pack, new.pack, &names);
    found.params = params(old.pack, new.pack);
    found.follows = follows(old, new, &names);
    found.carried = memories(old.pack, new.pack, &names);
    found.house = house(&old.pack.settings, &new.pack.settings);
    found
}

/// The new name of each old rule that was renamed.
struct Names(BTreeMap<Arc<str>, Arc<str>>);

impl Names {
    fn of(old: &Pack, new: &Pack) -> Names {
        let gates = new.gates.iter().map(|g| (&g.name, &g.formerly));
        let thresholds = new.thresholds.iter().map(|t| (&t.name, &t.formerly));
        let lives = new.with_lifecycle().map(|t| (&t.name, &t.formerly));
        let all = gates.chain(thresholds).chain(lives);
        let renamed = all.filter_map(|(name, formerly)| {
            let was = formerly.as_ref()?;
            // Once the rename has landed, `formerly` says nothing any more.
            (old.item(was).is_some() && old.item(name).is_none()).then(|| (was.clone(), name.clone()))
        });
        Names(renamed.collect())
    }

    fn new_of<'n>(&'n self, name: &'n Arc<str>) -> &'n Arc<str> {
        self.0.get(name).unwrap_or(name)
    }
}

type Slot = (Arc<str>, Vec<Arc<str>>);

fn slot(verdict: &Verdict, names: &Names) -> Slot {
    (names.new_of(&verdict.rule).clone(), verdict.key.iter().map(|(_, part)| part.clone()).collect())
}

fn verdicts(old: &Side<'_>, new: &Side<'_>, names: &Names, found: &mut Diff) {
    let none = Names(BTreeMap::new());
    let mut before: BTreeMap<Slot, &Verdict> = old.verdicts.iter().map(|v| (slot(v, names), v)).collect();
    let mut changed: Vec<(Option<String>, Vec<Arc<str>>)> = Vec::new();
    let mut all: BTreeMap<Option<String>, BTreeSet<Vec<Arc<str>>>> = BTreeMap::new();
    let one = |pack: &Pack, rule: &str, from: Option<&Verdict>, to: Option<&Verdict>| Change {
        rule: rule.into(),
        title: pack.item(rule).and_then(|item| item.title.cloned()),
        noun: noun_of(pack, rule),
        from: from.cloned(),
        to: to.cloned(),
    };
    for verdict in new.verdicts {
        let at = slot(verdict, &none);
        let noun = noun_of(new.pack, &verdict.rule);
        all.entry(noun.clone()).or_default().insert(at.1.clone());
        let from = before.remove(&at);
        let change = || one(new.pack, &verdict.rule, from, Some(verdict));
        let differs = from.map_or(is_loud(verdict), |from| word(from) != word(verdict));
        if differs {
            found.changes.push(change());
            changed.push((noun, at.1));
        } else if let (Some(Some((was, was_of))), Some((is, is_of))) = (from.map(|f| &f.value), &verdict.value)
            && was_of == is_of
            && was != is
            && !verdict.asleep
        {
            found.shifts.push(change());
        }
    }
    let gone: Vec<&Verdict> = old.verdicts.iter().filter(|v| before.contains_key(&slot(v, names))).collect();
    for verdict in gone {
        let noun = noun_of(old.pack, &verdict.rule);
        let at = slot(verdict, names);
        all.entry(noun.clone()).or_default().insert(at.1.clone());
        if is_finding(verdict) {
            let name = names.new_of(&verdict.rule);
            let pack = if new.pack.item(name).is_some() { new.pack } else { old.pack };
            found.changes.push(Change { noun: noun.clone(), ..one(pack, name, Some(verdict), None) });
            changed.push((noun, at.1));
        }
    }
    let distinct: BTreeSet<(Option<String>, Vec<Arc<str>>)> = changed.iter().cloned().collect();
    let mut nouns: Vec<Option<String>> = Vec::new();
    for (noun, _) in &changed {
        if !nouns.contains(noun) {
            nouns.push(noun.clone());
        }
    }
    found.reach = nouns
        .into_iter()
        .map(|noun| Reach {
            changed: distinct.iter().filter(|(n, _)| *n == noun).count(),
            all: all.get(&noun).map_or(0, BTreeSet::len),
            noun,
        })
        .collect();
}

/// What the keys of a rule are.
fn noun_of(pack: &Pack, rule: &str) -> Option<String> {
    let grain: Option<Relation> = match pack.item(rule)?.rule? {
        RuleRef::Threshold(i) => pack.metric(pack.thresholds.get(i as usize)?.metric).grain,
        RuleRef::Gate(_) | RuleRef::Contract(_) => None,
        life => pack.core(life)?.grain,
    };
    grain.map(|g| pack.row_word(g).to_owned())
}

/// An item as it is told apart: by its name, or by its words where it has none.
fn known_as(pack: &Pack, item: &Item<'_>) -> String {
    if item.name.is_empty() { pack.print(item).map(|b| b.head).unwrap_or_default() } else { item.name.to_owned() }
}

/// What an item decides: its words without the reason and the name it had before.
fn meaning(pack: &Pack, item: &Item<'_>) -> Vec<String> {
    let Some(block) = pack.print(item) else { return Vec::new() };
    let facts = block.facts.into_iter().filter(|f| !f.starts_with("because ") && !f.starts_with("formerly "));
    std::iter::once(block.head).chain(facts).collect()
}

fn edited(old: &Pack, new: &Pack, names: &Names) -> Vec<Edited> {
    // Params are told by their values, the house by its settings; tests decide nothing.
    let counts =
        |item: &Item<'_>| !matches!(item.noun, Noun::Test | Noun::Set | Noun::Calendar | Noun::Role | Noun::Param);
    let mut before: BTreeMap<(Noun, String), Item<'_>> = old
        .items()
        .filter(counts)
        .map(|item| ((item.noun, names.new_of(&known_as(old, &item).into()).to_string()), item))
        .collect();
    let mut all = Vec::new();
    for item in new.items().filter(counts) {
        let name = known_as(new, &item);
        match before.remove(&(item.noun, name.clone())) {
            None => all.push(Edited { noun: item.noun, name, fate: Fate::Added }),
            Some(was) => {
                let renamed = was.name != item.name;
                if renamed {
                    let fate = Fate::Renamed(was.name.into());
                    all.push(Edited { noun: item.noun, name: name.clone(), fate });
                }
                // The first line of a renamed item has its name in it.
                let skip = usize::from(renamed);
                if meaning(old, &was).get(skip..) != meaning(new, &item).get(skip..) {
                    all.push(Edited { noun: item.noun, name, fate: Fate::Reworded });
                }
            }
        }
    }
    all.extend(before.into_iter().map(|((noun, name), _)| Edited { noun, name, fate: Fate::Removed }));
    all
}

fn params(old: &Pack, new: &Pack) -> Vec<Moved> {
    let mut all = Vec::new();
    for param in &new.params {
        let was = old.params.iter().find(|p| p.name == param.name);
        let same = was.is_some_and(|was| was.value == param.value && was.ty == param.ty);
        if !same {
            all.push(Moved {
                name: param.name.clone(),
                from: was.map(|was| shown(&was.value, &was.ty, &param.value)),
                to: Some(
                    was.map_or_else(|| param.value.show(&param.ty), |was| shown(&param.value, &param.ty, &was.value)),
                ),
                span: param.value_span,
            });
        }
    }
    for param in old.params.iter().filter(|p| !new.params.iter().any(|n| n.name == p.name)) {
        let from = Some(param.value.show(&param.ty));
        all.push(Moved { name: param.name.clone(), from, to: None, span: param.value_span });
    }
    all
}

/// A value with enough digits to be told from the other.
fn shown(value: &Value, ty: &crate::value::Type, other: &Value) -> String {
    value.show_beside(other, ty)
}

/// What an intent comes to for people; nothing for what only the lifecycle minds.
pub fn doing(pack: &Pack, rule: RuleRef, intent: &Intent) -> Option<(Doing, String)> {
    let trigger = pack.core(rule)?;
    let place = Place::of(pack, trigger.grain);
    let step = intent.step.and_then(|i| trigger.steps.get(i));
    let words = || step.map(|s| s.kind.print(&place));
    Some(match &intent.kind {
        IntentKind::Step => match &step?.kind {
            StepKind::Tell(_) | StepKind::Send { .. } => (Doing::Message, words()?),
            _ => (Doing::Step, words()?),
        },
        IntentKind::Listed => (Doing::Step, format!("list for a person: {}", words()?)),
        IntentKind::Tell { message, .. } => (Doing::Message, format!("{}, because it is unknown", message.print(pack))),
        IntentKind::Ask { roles, .. } => {
            let about = step.map(|s| match &s.kind {
                StepKind::Ask(ask) => match &ask.about {
                    About::Approval { of: Some(of), .. } => {
                        format!("approval of the {}", pack.contract(*of).row_word())
                    }
                    About::Approval { of: None, .. } => "approval".to_owned(),
                    About::Choice { words, .. } => format!("a choice of {}", listed(words, "or")),
                },
                other => format!("approval to {}", other.print(&place)),
            });
            let about = about.unwrap_or_else(|| "approval of what waits".to_owned());
            (Doing::Approval, format!("ask {} for {about}", listed(roles, "and")))
        }
        IntentKind::Escalate { roles, .. } | IntentKind::Exhausted { roles } => {
            (Doing::Approval, format!("ask {} as urgent", listed(roles, "and")))
        }
        IntentKind::ApprovedByRule => (Doing::Step, "approve by rule, without asking".to_owned()),
        _ => return None,
    })
}

fn follows(old: &Side<'_>, new: &Side<'_>, names: &Names) -> Vec<Follow> {
    let all = |side: &Side<'_>, begins: bool| -> Vec<(Slot, Follow)> {
        let labels: BTreeMap<(&str, Vec<&str>), &str> = side
            .verdicts
            .iter()
            .map(|v| ((&*v.rule, v.key.iter().map(|(_, part)| &**part).collect()), v.label.as_str()))
            .collect();
        let one = |((rule, key), intent): &(RuleKey, Intent)| {
            let (doing, text) = doing(side.pack, *rule, intent)?;
            let name = side.pack.core(*rule)?.name.clone();
            let parts: Vec<&str> = key.iter().map(|part| &**part).collect();
            let label = labels.get(&(&*name, parts)).map_or_else(|| key_words(key), |l| (*l).to_owned());
            let name = if begins { name } else { names.new_of(&name).clone() };
            Some(((name.clone(), key.to_vec()), Follow { rule: name, label, doing, text, begins }))
        };
        side.intents.iter().filter_map(one).collect()
    };
    let (mut was, is) = (all(old, false), all(new, true));
    let mut differ = Vec::new();
    for (slot, follow) in is {
        let same = |(s, f): &(Slot, Follow)| *s == slot && f.doing == follow.doing && f.text == follow.text;
        match was.iter().position(same) {
            Some(i) => {
                was.remove(i);
            }
            None => differ.push(follow),
        }
    }
    differ.extend(was.into_iter().map(|(_, follow)| follow));
    differ
}

fn memories(old: &Pack, new: &Pack, names: &Names) -> Vec<(Arc<str>, Carried)> {
    let mut all = Vec::new();
    for rule in old.with_lifecycle() {
        let name = names.new_of(&rule.name);
        let Some(then) = new.with_lifecycle().find(|t| t.name == *name) else { continue };
        let carried = carried(Edition { pack: old, rule }, Edition { pack: new, rule: then });
        if carried != Carried::Kept || *name != rule.name {
            all.push((name.clone(), carried));
        }
    }
    all
}

fn house(old: &Settings, new: &Settings) -> Vec<HouseMove> {
    let mut all = Vec::new();
    let mut told = |name: String, from: String, to: String| {
        if from != to {
            all.push(HouseMove { name, from, to });
        }
    };
    told("time zone".into(), old.calendar.zone().into(), new.calendar.zone().into());
    let days = |s: &Settings| {
        let days: Vec<String> = s.calendar.holidays().iter().map(ToString::to_string).collect();
        if days.is_empty() { "none".to_owned() } else { listed(&days, "and") }
    };
    told("holidays".into(), days(old), days(new));
    told("currency".into(), old.currency.to_string(), new.currency.to_string());
    told("blast radius".into(), format!("{}%", old.blast_radius), format!("{}%", new.blast_radius));
    told("least blast radius".into(), old.blast_radius_floor.to_string(), new.blast_radius_floor.to_string());
    type Words = fn(&Settings) -> BTreeMap<String, String>;
    let kinds: [(&str, Words); 3] = [
        ("role", |s| s.roles.iter().flatten().map(|(n, r)| (n.clone(), role_words(r))).collect()),
        ("channel", |s| {
            let words = |kind: &Option<String>| kind.clone().unwrap_or_else(|| "of no kind".into());
            s.channels.iter().flatten().map(|(n, c)| (n.clone(), words(&c.kind))).collect()
        }),
        ("agent", |s| {
            let words = |proposes: &[String]| format!("proposes {}", listed(proposes, "and"));
            s.agents.iter().flatten().map(|(n, a)| (n.clone(), words(&a.proposes))).collect()
        }),
    ];
    for (kind, words) in kinds {
        let (was, is) = (words(old), words(new));
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            let of = |side: &BTreeMap<String, String>| side.get(name).cloned().unwrap_or_else(|| "not there".into());
            told(format!("{kind} {name}"), of(&was), of(&is));
        }
    }
    all
}

fn role_words(role: &Role) -> String {
    let mut words = Vec::new();
    words.extend(role.column.as_ref().map(|c| format!("in column {c}")));
    words.extend(role.quorum.as_ref().map(|q| format!("quorum {q}")));
    words.extend(role.above.as_ref().map(|a| format!("below {a}")));
    words.extend(role.decides.then(|| "decides".to_owned()));
    words.extend((!role.people.is_empty()).then(|| format!("held by {}", listed(&role.people, "and"))));
    if words.is_empty() { "there".to_owned() } else { words.join(", ") }
}

impl Diff {
    /// Whether nothing differs that anybody could decide by.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.shifts.is_empty()
            && self.edited.is_empty()
            && self.params.is_empty()
            && self.follows.is_empty()
            && self.carried.is_empty()
            && self.house.is_empty()
    }

    /// How many things of a kind would be done with one edition alone.
    pub fn count(&self, doing: Doing, begins: bool) -> usize {
        self.follows.iter().filter(|f| f.doing == doing && f.begins == begins).count()
    }

    /// All of it in one sentence.
    pub fn summary(&self) -> String {
        if self.is_empty() {
            return format!("nothing changes: {} as before", counted(self.verdicts, "verdict"));
        }
        let mut parts = vec![self.verdict_words()];
        parts.extend(self.follow_words(true, "would follow"));
        parts.extend(self.follow_words(false, "would no longer follow"));
        let shifts = self.shifts.len();
        if shifts > 0 {
            parts.push(format!("{} keep{} the verdict with another value", counted(shifts, "key"), s(shifts)));
        }
        for (fate, what) in
            [("added", "added"), ("removed", "removed"), ("renamed", "renamed"), ("reworded", "reworded")]
        {
            let n = self.edited.iter().filter(|e| e.fate.word() == fate).count();
            if n > 0 {
                parts.push(format!("{} {what}", counted(n, "item")));
            }
        }
        if !self.params.is_empty() {
            parts.push(format!("{} moved", counted(self.params.len(), "param")));
        }
        let resets = self.carried.iter().filter(|(_, c)| matches!(c, Carried::Reset(_))).count();
        if resets > 0 {
            parts.push(format!("{} reset", counted(resets, "rule")));
        }
        if !self.house.is_empty() {
            parts.push(format!("{} of the house changed", counted(self.house.len(), "setting")));
        }
        parts.join("; ")
    }

    fn verdict_words(&self) -> String {
        let n = self.changes.len();
        if n == 0 {
            return format!("no verdict of {} changes", self.verdicts);
        }
        let reach: Vec<String> = self
            .reach
            .iter()
            .map(|r| match &r.noun {
                Some(noun) => format!("{} of {}", r.changed, counted(r.all, noun)),
                None => "the portfolio".to_owned(),
            })
            .collect();
        let mut kinds: Vec<(String, usize)> = Vec::new();
        for change in &self.changes {
            let kind = match (&change.from, &change.to) {
                (_, Some(to)) if is_finding(to) => format!("newly {}", word(to)),
                (Some(_), None) => "not judged any more".to_owned(),
                (Some(from), Some(_)) if is_finding(from) => format!("no longer {}", word(from)),
                (_, Some(to)) => format!("now {}", word(to)),
                (None, None) => continue,
            };
            match kinds.iter_mut().find(|(k, _)| *k == kind) {
                Some((_, n)) => *n += 1,
                None => kinds.push((kind, 1)),
            }
        }
        let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let change = if n == 1 { "changes" } else { "change" };
        format!("{} {change} for {}: {}", counted(n, "verdict"), listed(&reach, "and"), kinds.join(", "))
    }

    fn follow_words(&self, begins: bool, verb: &str) -> Option<String> {
        let parts: Vec<String> = [Doing::Approval, Doing::Message, Doing::Step]
            .into_iter()
            .map(|doing| (self.count(doing, begins), doing.word()))
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| counted(n, word))
            .collect();
        (!parts.is_empty()).then(|| format!("{} {verb}", listed(&parts, "and")))
    }
}

fn s(n: usize) -> &'static str {
    if n == 1 { "s" } else { "" }
}
