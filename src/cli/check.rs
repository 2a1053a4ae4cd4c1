//! `bylaws check` and `bylaws lint`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::changed::Since;
use super::formats::{self, Paths, Report};
use super::output::Out;
use super::{Done, FINE, Fault, PackArgs, findings, now, world};
use crate::compile::Compiled;
use crate::diagnostic::{Code, Diagnostic, Severity, json, render};
use crate::lang::cascade::{self, Firings};
use crate::lang::pack::Pack;
use crate::lang::waiver::Today;
use crate::source::Span;
use crate::value::{counted, listed};

/// So many findings are shown to people; then they are counted.
const SHOWN: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    pack: PackArgs,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Report::Human)]
    format: Report,
    /// Show only what the change since a Git revision answers for
    ///
    /// All rules are loaded. A finding is shown when one of its places lies in a block whose text is not in that
    /// revision (moved and renamed is not changed), or when it was not found in that revision. The exit code is that
    /// of what is shown.
    #[arg(long, value_name = "REV")]
    changed_since: Option<String>,
    /// The day on which waivers are judged [default: today in the zone of the house]
    #[arg(long, value_name = "DAY")]
    today: Option<String>,
}

/// Which findings a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// All of them.
    Everything,
    /// Only lints.
    Lints,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    judge(options, About::Everything, out)
}

/// `bylaws lint`.
pub(super) fn lint(options: &Options, out: &mut Out) -> Done {
    judge(options, About::Lints, out)
}

fn judge(options: &Options, about: About, out: &mut Out) -> Done {
    let at = now();
    let today = match &options.today {
        None => Today::At(at),
        Some(day) => {
            Today::Is(day.parse().map_err(|_| Fault::new(format!("`{day}` is no day"), "write it as 2026-03-02"))?)
        }
    };
    let mut compiled = options.pack.compile_on(today);
    let before = compiled.diagnostics.len();
    let blind = about == About::Lints && compiled.diagnostics.iter().any(|d| !d.code.is_lint());
    let mut unchanged = 0;
    if let Some(rev) = &options.changed_since {
        let since = {
            let paths = Paths::new(&compiled.sources, &compiled.settings);
            let house = compiled.sources.iter().find(|(_, f)| f.name.ends_with(".toml"));
            let house = house.map(|(file, _)| paths.file(Span { file, start: 0, end: 0 }));
            Since::read(rev, &options.pack.resolved(), &paths, house.as_deref(), today)?
        };
        let shown: Vec<bool> = compiled.diagnostics.iter().map(|d| since.answers_for(d, &compiled)).collect();
        let mut shown = shown.into_iter();
        compiled.diagnostics.retain(|_| shown.next().unwrap_or(true));
        unchanged = before - compiled.diagnostics.len();
        compiled.waived.clear();
    }
    if about == About::Lints {
        compiled.diagnostics.retain(|d| d.code.is_lint());
    }
    let code = report(&compiled, out, options.format, Told { about, unchanged, at: Some(at), blind })?;
    if blind {
        out.error("the pack has faults that are no lints, so not all lints are found: `bylaws check` says which\n")?;
        return Ok(if code == FINE { findings() } else { code });
    }
    Ok(code)
}

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    about: About,
    /// So many findings are left to what has not changed.
    unchanged: usize,
    /// The moment of a whole report; without one only the findings are told.
    at: Option<Timestamp>,
    /// Not all that the report is about could be found.
    blind: bool,
}

/// Tells a pack's faults to somebody who wanted something else of it.
pub(super) fn refuse(compiled: &Compiled, out: &mut Out, format: Report) -> Result<ExitCode, Fault> {
    let at = match format {
        Report::Human | Report::Json | Report::Github => None,
        Report::Sarif | Report::Junit => Some(now()),
    };
    report(compiled, out, format, Told { about: About::Everything, unchanged: 0, at, blind: false })
}

/// Tells what was found, and with what exit code.
fn report(compiled: &Compiled, out: &mut Out, format: Report, told: Told) -> Result<ExitCode, Fault> {
    let unreadable = compiled.diagnostics.iter().any(|d| matches!(d.code, Code::CannotRead | Code::NoRuleFiles));
    let code = if unreadable {
        world()
    } else if compiled.count(Severity::Error) > 0 {
        findings()
    } else {
        FINE
    };
    let noted = compiled.pack.as_ref().filter(|_| told.about == About::Everything && told.at.is_some());
    let notes: Vec<Diagnostic> = noted
        .map(|pack| [(Code::NotExecuted, not_executed(pack)), (Code::WorstCase, worst_case(pack))])
        .into_iter()
        .flatten()
        .filter_map(|(code, text)| Some(Diagnostic::new(code, text?)))
        .collect();
    let all: Vec<&Diagnostic> = compiled.diagnostics.iter().chain(&notes).collect();
    let paths = Paths::new(&compiled.sources, &compiled.settings);
    match format {
        Report::Human => {
            human(compiled, out)?;
            if told.at.is_some() && !told.blind {
                summary(compiled, out, told)?;
                for note in &notes {
                    out.line(format!("note: {}", note.message))?;
                }
            }
        }
        Report::Json => {
            for diagnostic in all {
                out.line(json(diagnostic, &compiled.sources))?;
            }
        }
        Report::Sarif => out.line(formats::sarif(&all, &compiled.waived, compiled, &paths))?,
        Report::Junit => {
            let suite = if told.about == About::Lints { "bylaws lint" } else { "bylaws check" };
            out.line(formats::findings_in_junit(suite, &all, &paths, told.at.unwrap_or_default()))?;
        }
        Report::Github => {
            for diagnostic in all {
                out.line(formats::github(diagnostic, &paths))?;
            }
        }
    }
    Ok(code)
}

/// The last line for people: what is well, and what was left out.
fn summary(compiled: &Compiled, out: &mut Out, told: Told) -> Result<(), Fault> {
    let mut asides = Vec::new();
    let warnings = compiled.count(Severity::Warning);
    if warnings > 0 {
        asides.push(counted(warnings, "warning"));
    }
    if !compiled.waived.is_empty() {
        asides.push(format!("{} waived", compiled.waived.len()));
    }
    if told.unchanged > 0 {
        asides.push(format!("{} in what has not changed", counted(told.unchanged, "finding")));
    }
    let asides: String = asides.iter().map(|aside| format!("; {aside}")).collect();
    match (&compiled.pack, told.about) {
        (Some(pack), About::Everything) => out.line(format!("ok: {}{asides}", pack.contents())),
        _ if compiled.diagnostics.is_empty() => out.line(format!("ok: no finding{asides}")),
        _ if compiled.count(Severity::Error) == 0 => out.line(format!("ok{asides}")),
        _ => Ok(()),
    }
}

fn human(compiled: &Compiled, out: &mut Out) -> Result<(), Fault> {
    let style = out.diagnostics();
    for diagnostic in compiled.diagnostics.iter().take(SHOWN) {
        out.error(&render(diagnostic, &compiled.sources, style))?;
    }
    if compiled.diagnostics.len() > SHOWN {
        let mut rest: BTreeMap<Code, usize> = BTreeMap::new();
        for diagnostic in &compiled.diagnostics[SHOWN..] {
            *rest.entry(diagnostic.code).or_default() += 1;
        }
        let counts: Vec<String> =
            rest.iter().map(|(code, n)| format!("{n} × {} {}", code.as_str(), code.summary())).collect();
        out.error(&format!("and {} more: {}\n", compiled.diagnostics.len() - SHOWN, counts.join(", ")))?;
    }
    if compiled.count(Severity::Error) > 0 {
        let (errors, warnings) = (compiled.count(Severity::Error), compiled.count(Severity::Warning));
        let warned = if warnings > 0 { format!(", {}", counted(warnings, "warning")) } else { String::new() };
        // What could not be read is no file in which something was found.
        let files = match compiled.sources.len() {
            0 => String::new(),
            n => format!(" in {}", counted(n, "file")),
        };
        out.error(&format!("refused: {}{warned}{files}\n", counted(errors, "error")))?;
    }
    // How to learn more is said once, for the first of the gravest of those that were shown.
    let grave = |d: &&Diagnostic| match d.severity() {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Note => 2,
    };
    if let Some(first) = compiled.diagnostics.iter().take(SHOWN).min_by_key(grave) {
        out.error(&format!("`bylaws explain {}` says more\n", first.code.as_str()))?;
    }
    Ok(())
}

/// The first of a list, and how many more there are.
fn first_of(all: &[impl std::fmt::Display]) -> String {
    const SHOWN: usize = 6;
    let mut shown: Vec<String> = all.iter().take(SHOWN).map(ToString::to_string).collect();
    if all.len() > SHOWN {
        shown.push(format!("{} more", all.len() - SHOWN));
    }
    listed(&shown, "and")
}

/// How often the triggers of a pack can fire at worst, for one key of each.
fn worst_case(pack: &Pack) -> Option<String> {
    let mut every_change = Vec::new();
    let mut timed: Vec<(u64, &str)> = Vec::new();
    for (trigger, firings) in cascade::worst_case(pack) {
        match firings {
            Firings::EveryChange => every_change.push(&*trigger.name),
            Firings::ADay(n) => timed.push((n, &*trigger.name)),
        }
    }
    timed.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let mut parts = Vec::new();
    if !every_change.is_empty() {
        let fire = if every_change.len() == 1 { "fires" } else { "fire" };
        parts.push(format!("{} {fire} with every change of what is read", first_of(&every_change)));
    }
    let times = |n: u64| if n == 1 { "once".to_owned() } else { format!("{n} times") };
    let often: Vec<String> =
        timed.iter().filter(|t| t.0 > 1).map(|(n, name)| format!("{name} {}", times(*n))).collect();
    let seldom = timed.len() - often.len();
    if !often.is_empty() {
        parts.push(format!("{} a day", first_of(&often)));
    }
    if seldom > 0 {
        let whom =
            if seldom == timed.len() && every_change.is_empty() { "every trigger" } else { "each of the others" };
        parts.push(format!("{whom} once a day or less"));
    }
    (!parts.is_empty()).then(|| format!("at worst, for one key: {}", parts.join("; ")))
}

/// What of a pack is judged and planned but not carried out by this version.
fn not_executed(pack: &Pack) -> Option<String> {
    let steps: usize = pack.with_lifecycle().map(|rule| rule.steps.len()).sum();
    let messages = pack.contracts.iter().filter(|c| c.tells.is_some()).count();
    let documents = pack.contracts.iter().filter(|c| c.to.is_some()).count();
    let parts: Vec<String> = [
        (steps, "step of triggers and rollbacks", "steps of triggers and rollbacks"),
        (messages, "message about broken contracts", "messages about broken contracts"),
        (documents, "document for others", "documents for others"),
    ]
    .iter()
    .filter(|(n, ..)| *n > 0)
    .map(|(n, one, many)| format!("{n} {}", if *n == 1 { one } else { many }))
    .collect();
    let are = if steps + messages + documents == 1 { "is" } else { "are" };
    (!parts.is_empty())
        .then(|| format!("{} {are} checked and planned; this version does not carry them out", listed(&parts, "and")))
}
