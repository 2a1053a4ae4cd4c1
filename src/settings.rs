//! `bylaws.toml`: what belongs to the house and not to the rules — zone, currency, people, channels, limits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use serde::Deserialize;

use crate::diagnostic::{Code, Diagnostic, Severity, nearest};
use crate::engine::decide::People;
use crate::source::{Sources, Span};
use crate::time::Calendar;
use crate::value::listed;

/// The file's name.
pub const FILE_NAME: &str = "bylaws.toml";

/// The file as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Written {
    portfolio: Portfolio,
    roles: BTreeMap<String, Role>,
    channels: BTreeMap<String, Channel>,
    agents: BTreeMap<String, Agent>,
    tools: BTreeMap<String, Channel>,
    limits: Limits,
    rules: Rules,
    database: Database,
    lints: BTreeMap<String, toml::Spanned<String>>,
}

/// How much the house minds a lint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It is not told.
    Off,
    /// It is told.
    Note,
    /// It is told, and somebody should look.
    Warn,
    /// The pack is refused.
    Deny,
}

impl Level {
    const WORDS: [(&'static str, Level); 4] =
        [("off", Level::Off), ("note", Level::Note), ("warn", Level::Warn), ("deny", Level::Deny)];
}

/// What may stand in a table of the file.
#[derive(Clone, Copy)]
enum Shape {
    /// These keys.
    Keys(&'static [(&'static str, Shape)]),
    /// Names that the house chooses, each with this.
    Named(&'static Shape),
    /// A value, judged where it is read.
    Value,
}

/// Everything that may stand in the file.
const SHAPE: Shape = Shape::Keys(&[
    (
        "portfolio",
        Shape::Keys(&[
            ("name", Shape::Value),
            ("currency", Shape::Value),
            ("time_zone", Shape::Value),
            ("holidays", Shape::Value),
        ]),
    ),
    (
        "roles",
        Shape::Named(&Shape::Keys(&[
            ("column", Shape::Value),
            ("quorum", Shape::Value),
            ("above", Shape::Value),
            ("decides", Shape::Value),
            ("people", Shape::Value),
        ])),
    ),
    ("channels", Shape::Named(&Shape::Keys(&[("kind", Shape::Value)]))),
    ("agents", Shape::Named(&Shape::Keys(&[("proposes", Shape::Value)]))),
    ("tools", Shape::Named(&Shape::Keys(&[("kind", Shape::Value)]))),
    ("limits", Shape::Keys(&[("blast_radius", Shape::Value), ("blast_radius_floor", Shape::Value)])),
    ("rules", Shape::Keys(&[("paths", Shape::Value)])),
    ("database", Shape::Keys(&[("url", Shape::Value), ("state", Shape::Value)])),
    ("lints", Shape::Named(&Shape::Value)),
]);

/// Every key that nobody reads, with its place and what it could have been.
fn unknown_keys(
    table: &toml::de::DeTable<'_>,
    shape: Shape,
    path: &str,
    place: &impl Fn(Option<std::ops::Range<usize>>) -> Span,
    said: &mut Vec<Diagnostic>,
) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        let inner = match shape {
            Shape::Value => continue,
            Shape::Named(inner) => *inner,
            Shape::Keys(keys) => match keys.iter().find(|(known, _)| *known == name) {
                Some((_, inner)) => *inner,
                None => {
                    let known: Vec<&str> = keys.iter().map(|(known, _)| *known).collect();
                    let what = if path.is_empty() { "table" } else { "key" };
                    let within = if path.is_empty() { String::new() } else { format!(" in `[{path}]`") };
                    let help = nearest(name, known.iter().copied())
                        .unwrap_or_else(|| format!("the {what}s{within} are {}", listed(&known, "and")));
                    said.push(
                        Diagnostic::at(
                            Code::UnknownSetting,
                            place(Some(key.span())),
                            format!("bylaws.toml knows no {what} `{name}`{within}"),
                        )
                        .help(help),
                    );
                    continue;
                }
            },
        };
        if let toml::de::DeValue::Table(below) = value.get_ref() {
            let below_path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            unknown_keys(below, inner, &below_path, place, said);
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Portfolio {
    name: Option<String>,
    currency: Option<String>,
    time_zone: Option<String>,
    holidays: Vec<Holiday>,
}

/// A day, with or without quotes.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a holiday is a day such as 2026-12-25")]
enum Holiday {
    Quoted(Date),
    Plain(toml::value::Datetime),
}

impl Holiday {
    fn date(&self) -> Option<Date> {
        match self {
            Holiday::Quoted(date) => Some(*date),
            Holiday::Plain(at) => {
                let day = at.date.filter(|_| at.time.is_none())?;
                Date::new(i16::try_from(day.year).ok()?, i8::try_from(day.month).ok()?, i8::try_from(day.day).ok()?)
                    .ok()
            }
        }
    }
}

/// Somebody who may be told, asked, or decide.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Role {
    /// For a role that depends on the row: the column that names the person.
    pub column: Option<String>,
    /// How many of a body must agree.
    pub quorum: Option<String>,
    /// The role that is asked when this one stays silent.
    pub above: Option<String>,
    /// Whether it decides what no decision gives to somebody else.
    pub decides: bool,
    /// Who holds it.
    pub people: Vec<String>,
}

/// A way out: chat, mail, an issue tracker.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Channel {
    /// What speaks at the other end.
    pub kind: Option<String>,
}

/// A deterministic agent and the contracts it may propose.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Agent {
    /// Contracts by name.
    pub proposes: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Limits {
    blast_radius: String,
    blast_radius_floor: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { blast_radius: "20%".into(), blast_radius_floor: 3 }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Rules {
    paths: Vec<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Database {
    url: Option<String>,
    state: Option<String>,
}

/// The house, ready to be used.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How the portfolio is called.
    pub name: String,
    /// The currency of plain `money`.
    pub currency: Arc<str>,
    /// Zone and holidays.
    pub calendar: Calendar,
    /// People by role; `None` when the file names none, and then any role may be named.
    pub roles: Option<BTreeMap<String, Role>>,
    /// Ways out.
    pub channels: Option<BTreeMap<String, Channel>>,
    /// Agents.
    pub agents: Option<BTreeMap<String, Agent>>,
    /// Tools to publish to.
    pub tools: BTreeMap<String, Channel>,
    /// Where the rules lie when a command names no path, relative to the file.
    pub rules: Vec<PathBuf>,
    /// The database when a command names none.
    pub database: Option<String>,
    /// Where the program keeps what it remembers and its ledger, when that is not the database of the portfolio.
    pub state: Option<String>,
    /// The folder of the file.
    pub folder: Option<PathBuf>,
    /// Share of the portfolio a rule may act on in a day, in percent.
    pub blast_radius: u32,
    /// Never less than so many.
    pub blast_radius_floor: u32,
    /// What the file says itself of time and money.
    pub stated: Stated,
    /// How much the house minds each lint; the others keep the severity of their code.
    pub lints: BTreeMap<Code, Level>,
}

/// What a `bylaws.toml` says itself; the rest is assumed, and a pack may say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stated {
    /// `time_zone`
    pub time_zone: bool,
    /// `holidays`, and some
    pub holidays: bool,
    /// `currency`
    pub currency: bool,
}

/// What to write for a time zone.
pub(crate) const ZONE_HELP: &str = "write a name of the time zone database, such as \"Europe/Berlin\" or \"UTC\"";
/// What to write for a currency.
pub(crate) const CURRENCY_HELP: &str = "a currency has three capital letters, such as USD";

/// Whether a word can be the name of a currency.
pub(crate) fn is_currency(word: &str) -> bool {
    word.len() == 3 && word.chars().all(|c| c.is_ascii_uppercase())
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: "Portfolio".into(),
            currency: "USD".into(),
            calendar: Calendar::default(),
            roles: None,
            channels: None,
            agents: None,
            tools: BTreeMap::new(),
            rules: Vec::new(),
            database: None,
            state: None,
            folder: None,
            blast_radius: 20,
            blast_radius_floor: 3,
            stated: Stated::default(),
            lints: BTreeMap::new(),
        }
    }
}

/// The nearest `bylaws.toml` at or above a path.
pub fn find(from: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(from).ok()?;
    absolute.ancestors().map(|dir| dir.join(FILE_NAME)).find(|file| file.is_file())
}

impl Settings {
    /// Who stands above whom, as the file says.
    pub fn people(&self) -> People {
        let Some(roles) = &self.roles else { return People::default() };
        let above = roles
            .iter()
            .filter_map(|(name, role)| Some((name.as_str().into(), role.above.as_deref()?.into())))
            .collect();
        let decides = roles.iter().find(|(_, role)| role.decides).or_else(|| roles.iter().next());
        People { above, decides: decides.map_or_else(|| "chairman".into(), |(name, _)| name.as_str().into()) }
    }

    /// What rules depend on, in the words of the file: zone, currency, holidays, people, ways out and limits. It reads
    /// back as the same house, without its databases and lints.
    pub fn canonical(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let list = |all: &[String]| toml::Value::from(all.to_vec()).to_string();
        let holidays: Vec<String> = self.calendar.holidays().iter().map(ToString::to_string).collect();
        let mut text = format!(
            "[portfolio]\ncurrency = {}\ntime_zone = {}\nholidays = [{}]\n",
            quoted(&self.currency),
            quoted(self.calendar.zone()),
            holidays.join(", ")
        );
        for (name, role) in self.roles.iter().flatten() {
            text.push_str(&format!("\n[roles.{}]\n", quoted(name)));
            let words = [("column", &role.column), ("quorum", &role.quorum), ("above", &role.above)];
            for (key, value) in words.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
                text.push_str(&format!("{key} = {}\n", quoted(value)));
            }
            text.push_str(&format!("decides = {}\npeople = {}\n", role.decides, list(&role.people)));
        }
        let ways = [("channels", self.channels.as_ref()), ("tools", Some(&self.tools))];
        for (table, all) in ways {
            for (name, channel) in all.into_iter().flatten() {
                let kind = channel.kind.as_ref().map(|kind| format!("kind = {}\n", quoted(kind)));
                text.push_str(&format!("\n[{table}.{}]\n{}", quoted(name), kind.unwrap_or_default()));
            }
        }
        for (name, agent) in self.agents.iter().flatten() {
            text.push_str(&format!("\n[agents.{}]\nproposes = {}\n", quoted(name), list(&agent.proposes)));
        }
        text.push_str(&format!(
            "\n[limits]\nblast_radius = \"{}%\"\nblast_radius_floor = {}\n",
            self.blast_radius, self.blast_radius_floor
        ));
        text
    }

    /// Gives each finding of a lint the severity that the house wants; what it wants off is dropped.
    pub(crate) fn weigh(&self, diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.retain_mut(|d| match self.lints.get(&d.code) {
            Some(Level::Off) => false,
            Some(level) => {
                d.severity = match level {
                    Level::Deny => Severity::Error,
                    Level::Warn => Severity::Warning,
                    Level::Note | Level::Off => Severity::Note,
                };
                true
            }
            None => true,
        });
    }

    /// Reads the file. What is wrong with it points into it; what is right holds all the same.
    pub fn load(path: &Path, sources: &mut Sources, diagnostics: &mut Vec<Diagnostic>) -> Settings {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let what = format!("{} cannot be read: {}", path.display(), crate::source::plain(&error));
                diagnostics.push(Diagnostic::new(Code::Settings, what));
                return Settings::default();
            }
        };
        let shown = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let folder = path.parent().map(Path::to_owned);
        let mut settings = Settings::parse(&text, &shown, sources, diagnostics);
        settings.folder = folder;
        settings
    }

    /// Reads the text of such a file.
    pub fn parse(text: &str, name: &str, sources: &mut Sources, diagnostics: &mut Vec<Diagnostic>) -> Settings {
        let file = sources.add(name, text.to_owned());
        // Places count from behind a byte-order mark, which is no part of a source.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let place = |range: Option<std::ops::Range<usize>>| {
            let range = range.unwrap_or(0..0);
            Span { file, start: range.start as u32, end: range.end as u32 }
        };
        let find_text = |needle: &str| text.find(needle).map(|at| at..at + needle.len());
        let written: Written = match toml::from_str(text) {
            Ok(written) => written,
            Err(error) => {
                diagnostics.push(
                    Diagnostic::at(Code::Settings, place(error.span()), format!("bylaws.toml: {}", error.message()))
                        .help(
                            "tables are portfolio, roles, channels, agents, tools, limits, rules, database and lints",
                        ),
                );
                return Settings::default();
            }
        };
        if let Ok(table) = toml::de::DeTable::parse(text) {
            unknown_keys(table.get_ref(), SHAPE, "", &place, diagnostics);
        }
        let lints = levels(&written.lints, text, &place, diagnostics);
        let stated = Stated {
            time_zone: written.portfolio.time_zone.is_some(),
            holidays: !written.portfolio.holidays.is_empty(),
            currency: written.portfolio.currency.is_some(),
        };
        let zone = written.portfolio.time_zone.unwrap_or_else(|| "UTC".into());
        let holidays: Vec<Date> = written.portfolio.holidays.iter().filter_map(Holiday::date).collect();
        if holidays.len() < written.portfolio.holidays.len() {
            diagnostics.push(
                Diagnostic::at(Code::Settings, place(find_text("holidays")), "a holiday is a whole day")
                    .help("write days without a time, such as holidays = [2026-12-25, 2027-01-01]"),
            );
        }
        let calendar = Calendar::new(&zone, holidays).unwrap_or_else(|message| {
            diagnostics.push(Diagnostic::at(Code::Settings, place(find_text(&zone)), message).help(ZONE_HELP));
            Calendar::default()
        });
        let currency = written.portfolio.currency.unwrap_or_else(|| "USD".into());
        if !is_currency(&currency) {
            diagnostics.push(
                Diagnostic::at(Code::Settings, place(find_text(&currency)), format!("`{currency}` is no currency"))
                    .help(CURRENCY_HELP),
            );
        }
        let blast_radius =
            written.limits.blast_radius.trim_end_matches('%').trim().parse::<u32>().ok().filter(|n| *n <= 100);
        if blast_radius.is_none() {
            diagnostics.push(
                Diagnostic::at(
                    Code::Settings,
                    place(find_text(&written.limits.blast_radius)),
                    format!("`{}` is no share of the portfolio", written.limits.blast_radius),
                )
                .help("write a percent from 0% to 100%"),
            );
        }
        for (name, role) in &written.roles {
            if let Some(above) = &role.above
                && !written.roles.contains_key(above)
            {
                diagnostics.push(
                    Diagnostic::at(
                        Code::Settings,
                        place(find_text(&format!("\"{above}\""))),
                        format!("no role is called `{above}`"),
                    )
                    .help(format!(
                        "`above` of {name} names the role that is asked when {name} stays silent: add `[roles.{above}]`"
                    )),
                );
            }
        }
        let some = |empty: bool| (!empty).then_some(());
        Settings {
            lints,
            name: written.portfolio.name.unwrap_or_else(|| "Portfolio".into()),
            stated,
            currency: currency.into(),
            calendar,
            roles: some(written.roles.is_empty()).map(|()| written.roles),
            channels: some(written.channels.is_empty()).map(|()| written.channels),
            agents: some(written.agents.is_empty()).map(|()| written.agents),
            tools: written.tools,
            rules: written.rules.paths,
            database: written.database.url,
            state: written.database.state,
            folder: None,
            blast_radius: blast_radius.unwrap_or(20),
            blast_radius_floor: written.limits.blast_radius_floor,
        }
    }
}

/// The levels of `[lints]`; what is no lint or no level is told.
fn levels(
    written: &BTreeMap<String, toml::Spanned<String>>,
    text: &str,
    place: &impl Fn(Option<std::ops::Range<usize>>) -> Span,
    said: &mut Vec<Diagnostic>,
) -> BTreeMap<Code, Level> {
    let mut levels = BTreeMap::new();
    for (name, level) in written {
        let at = level.span();
        match Code::lint(name) {
            Err(wrong) => {
                // The key stands before its value, on the same line or as the last such word above.
                let key = text.get(..at.start).and_then(|before| before.rfind(name.as_str()));
                let key = key.map_or(at.clone(), |start| start..start + name.len());
                said.push(Diagnostic::at(Code::UnknownSetting, place(Some(key)), wrong.message).help(wrong.help));
            }
            Ok(code) => match Level::WORDS.iter().find(|(word, _)| *word == level.get_ref()) {
                Some((_, level)) => {
                    levels.insert(code, *level);
                }
                None => {
                    let words = Level::WORDS.map(|(word, _)| word);
                    said.push(
                        Diagnostic::at(
                            Code::Settings,
                            place(Some(at.start + 1..at.end.saturating_sub(1).max(at.start + 1))),
                            format!("`{}` is no level of a lint", level.get_ref()),
                        )
                        .help(
                            nearest(level.get_ref(), words)
                                .unwrap_or_else(|| format!("a level is {}", listed(&words, "or"))),
                        ),
                    );
                }
            },
        }
    }
    levels
}
