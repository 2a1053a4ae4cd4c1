//! `bylaws plan`: what a change of the rules would decide otherwise, before it lands.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::formats::{Paths, Report};
use super::output::{BOLD, DIM, GREEN, MAGENTA, Out, RED, YELLOW};
use super::revision::{Revision, is_repository};
use super::{DatabaseArgs, Done, FINE, Fault, PackArgs, check, findings, moment, now, world};
use crate::compile::{Compiled, compile, compile_text_on};
use crate::diff::{Change, Diff, Doing, Fate, Side, diff, word};
use crate::engine::carry::Carried;
use crate::engine::judge::{Outcome, Verdict};
use crate::lang::pack::Pack;
use crate::lang::waiver::Today;
use crate::settings;
use crate::source::Span;
use crate::store::{Access, Store};
use crate::tick::foresee;
use crate::value::counted;

/// So many verdicts of one rule are shown to people.
const KEYS_SHOWN: usize = 20;
/// So many things that would be done are shown to people.
const FOLLOWS_SHOWN: usize = 60;
/// A list in Markdown that is longer than this is folded away.
const UNFOLDED: usize = 10;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    pack: PackArgs,
    /// The old rules: a revision of the same paths, or a folder of rules; what is a folder here is taken for one
    #[arg(long, value_name = "REV|DIR", default_value = "HEAD")]
    against: String,
    #[command(flatten)]
    database: DatabaseArgs,
    /// The moment at which both are judged, such as 2026-03-02 or "2026-03-02 09:00" [default: now]
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// How it is written; Markdown is made for a comment on a pull request
    #[arg(long, value_enum, default_value_t = Form::Human)]
    format: Form,
    /// Show the SQL of every scan that the new rules need, and judge nothing
    #[arg(long)]
    sql: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Human,
    /// One JSON object a line, the summary first
    Json,
    /// For a comment on a pull request
    Markdown,
}

/// Two editions with what differs, and the names of places.
struct Told<'a> {
    diff: &'a Diff,
    old: &'a Compiled,
    new: &'a Compiled,
    /// What was compared with what, on what, when.
    about: String,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let mut new = options.pack.compile();
    let Some(new_pack) = new.pack.take() else {
        return refused("the new rules do not stand", &new, out);
    };
    if options.sql {
        super::show::all_sql(&new_pack, out)?;
        return Ok(FINE);
    }
    let mut old = compile_old(&options.against, &options.pack, &new)?;
    let Some(old_pack) = old.pack.take() else {
        return refused(&format!("the old rules ({}) do not stand", options.against), &old, out);
    };
    let store = options.database.open(&new.settings, Access::Read)?;
    let clock = now();
    let as_of = match &options.as_of {
        Some(text) => moment(text, &new.settings.calendar)?,
        None => clock,
    };
    let judge = |pack: &Pack, store: &Store| foresee(store, pack, as_of, clock.max(as_of));
    let (was, is) = store.snapshot(|| Ok((judge(&old_pack, &store)?, judge(&new_pack, &store)?)))?;
    let found = diff(
        &Side { pack: &old_pack, verdicts: &was.verdicts, intents: &was.intents },
        &Side { pack: &new_pack, verdicts: &is.verdicts, intents: &is.intents },
    );
    let about = format!(
        "against {}, judged on {} as of {}",
        options.against,
        Path::new(store.name()).file_name().map_or_else(|| store.name().into(), |n| n.to_string_lossy()),
        new_pack.settings.calendar.show(as_of)
    );
    let told = Told { diff: &found, old: &old, new: &new, about };
    match options.format {
        Form::Human => human(&told, out)?,
        Form::Json => json_lines(&told, out)?,
        Form::Markdown => out.text(&markdown(&told))?,
    }
    Ok(if found.is_empty() { FINE } else { findings() })
}

/// Shows what is wrong with one of the editions.
fn refused(what: &str, compiled: &Compiled, out: &mut Out) -> Done {
    check::refuse(compiled, out, Report::Human)?;
    out.error(&format!("{what}, so nothing can be compared: mend them first\n"))?;
    Ok(world())
}

/// The old rules: those of a folder, or of a revision.
pub(super) fn compile_old(against: &str, pack: &PackArgs, new: &Compiled) -> Result<Compiled, Fault> {
    let folder = PathBuf::from(against);
    if folder.is_dir() {
        // A folder that stands alone is judged in the present house.
        let house = settings::find(&folder).or_else(|| pack.config.clone());
        let house = house.or_else(|| new.settings.folder.as_ref().map(|f| f.join(settings::FILE_NAME)));
        return Ok(compile(&[folder], house.as_deref(), Today::Never));
    }
    let paths = Paths::new(&new.sources, &new.settings);
    if !is_repository(paths.root())? {
        return Err(Fault::new(
            format!("these rules lie in no Git repository, so there is no revision `{against}` of them"),
            "name a folder with the old rules: `--against DIR`",
        ));
    }
    let house = new.sources.iter().find(|(_, f)| f.name.ends_with(".toml"));
    let place = house.as_ref().map(|(file, _)| paths.file(Span { file: *file, start: 0, end: 0 }));
    let Revision { files, house: then } = Revision::read(against, &pack.resolved(), &paths, place.as_deref())?;
    // A house that the repository does not hold has no other edition.
    let outside = place.as_ref().is_some_and(|p| p.starts_with('/'));
    let then = if outside { house.map(|(_, f)| f.text.clone()) } else { then };
    let named: Vec<(String, String)> =
        files.into_iter().map(|(name, text)| (format!("{against}:{name}"), text)).collect();
    let texts: Vec<(&str, &str)> = named.iter().map(|(name, text)| (&**name, &**text)).collect();
    Ok(compile_text_on(&texts, then.as_deref(), Today::Never))
}

// ── words ──

fn heading(change: &Change) -> String {
    match &change.title {
        Some(title) => format!("{} \"{title}\"", change.rule),
        None => change.rule.to_string(),
    }
}

fn label(change: &Change) -> String {
    let verdict = change.to.as_ref().or(change.from.as_ref());
    match verdict.map(|v| v.label.as_str()) {
        Some("") | None => "the portfolio".to_owned(),
        Some(label) => label.to_owned(),
    }
}

fn state(verdict: Option<&Verdict>, absent: &'static str) -> &'static str {
    verdict.map_or(absent, word)
}

/// Why: what the new rules say, and of what was unknown also why it was.
fn why(change: &Change) -> String {
    match (&change.from, &change.to) {
        (Some(from), Some(to)) if from.outcome == Outcome::Unknown && to.outcome != Outcome::Unknown => {
            format!("{}; it was unknown: {}", to.reason, from.reason)
        }
        (_, Some(to)) => to.reason.clone(),
        (Some(from), None) => format!("no longer judged; it was: {}", from.reason),
        (None, None) => String::new(),
    }
}

/// The value before and after.
fn shift_words(change: &Change) -> String {
    let value = |verdict: &Option<Verdict>| verdict.as_ref().and_then(|v| v.value.clone());
    match (value(&change.from), value(&change.to)) {
        (Some((was, _)), Some((is, ty))) => format!("{} → {}", was.show_beside(&is, &ty), is.show_beside(&was, &ty)),
        _ => String::new(),
    }
}

fn carried_words(carried: &Carried) -> (&'static str, String) {
    match carried {
        Carried::Kept => ("kept", "its memory goes on under the new name".to_owned()),
        Carried::Reevaluated(why) => ("re-evaluated", why.clone()),
        Carried::Reset(why) => ("reset", why.clone()),
    }
}

fn fate_words(told: &Told<'_>) -> Vec<String> {
    let one = |e: &crate::diff::Edited| {
        let what = format!("{} {}", e.noun.word(), e.name);
        match &e.fate {
            Fate::Renamed(was) => format!("renamed {what}, formerly {was}"),
            fate => format!("{} {what}", fate.word()),
        }
    };
    told.diff.edited.iter().map(one).collect()
}

impl Told<'_> {
    /// Where the value of a param stands.
    fn place(&self, moved: &crate::diff::Moved) -> String {
        let sources = if moved.to.is_some() { &self.new.sources } else { &self.old.sources };
        let file = sources.file(moved.span.file);
        format!("{}:{}", file.name, file.position(moved.span.start).0)
    }
}

/// Changes of each rule, in order.
fn by_rule<'c>(changes: &'c [Change]) -> Vec<(String, Vec<&'c Change>)> {
    let mut groups: Vec<(String, Vec<&'c Change>)> = Vec::new();
    for change in changes {
        let head = heading(change);
        match groups.iter_mut().find(|(h, _)| *h == head) {
            Some((_, all)) => all.push(change),
            None => groups.push((head, vec![change])),
        }
    }
    groups
}

// ── people ──

fn painted(out: &Out, verdict: Option<&Verdict>, absent: &'static str) -> String {
    let text = state(verdict, absent);
    let style = match verdict.map(|v| (v.asleep, v.outcome)) {
        None | Some((true, _)) => DIM,
        Some((_, Outcome::Breached | Outcome::Fires | Outcome::Violated)) => RED,
        Some((_, Outcome::Unknown)) => MAGENTA,
        Some((_, Outcome::Acceptable)) => YELLOW,
        Some((_, Outcome::Met | Outcome::Open | Outcome::Clear | Outcome::Holds)) => GREEN,
        Some(_) => DIM,
    };
    out.paint(style, text)
}

fn human(told: &Told<'_>, out: &mut Out) -> Result<(), Fault> {
    let diff = told.diff;
    out.line(out.paint(BOLD, diff.summary()))?;
    out.line(out.paint(DIM, &told.about))?;
    let head = |out: &mut Out, text: &str| {
        out.line("")?;
        let line = out.paint(BOLD, text);
        out.line(line)
    };
    if !diff.changes.is_empty() {
        head(out, "Verdicts")?;
        for (rule, changes) in by_rule(&diff.changes) {
            out.line(format!("  {rule}"))?;
            for change in changes.iter().take(KEYS_SHOWN) {
                let from = painted(out, change.from.as_ref(), "not judged");
                let to = painted(out, change.to.as_ref(), "not judged");
                out.line(format!("    {}: {from} → {to} ({})", label(change), why(change)))?;
            }
            rest(changes.len(), KEYS_SHOWN, out)?;
        }
    }
    if !diff.shifts.is_empty() {
        head(out, "The same verdict with another value")?;
        for (rule, changes) in by_rule(&diff.shifts) {
            out.line(format!("  {rule}"))?;
            for change in changes.iter().take(KEYS_SHOWN) {
                out.line(format!("    {}: {}", label(change), shift_words(change)))?;
            }
            rest(changes.len(), KEYS_SHOWN, out)?;
        }
    }
    if !diff.follows.is_empty() {
        head(out, "What would be done, if nothing had fired before")?;
        let mut last = String::new();
        for follow in diff.follows.iter().take(FOLLOWS_SHOWN) {
            let of = if follow.label.is_empty() { String::new() } else { format!(", {}", follow.label) };
            let title = format!("{}{of}", follow.rule);
            if title != last {
                out.line(format!("  {title}"))?;
                last = title;
            }
            let (sign, style) = if follow.begins { ("+", GREEN) } else { ("-", RED) };
            out.line(format!("    {} {}", out.paint(style, sign), follow.text))?;
        }
        rest(diff.follows.len(), FOLLOWS_SHOWN, out)?;
    }
    if !diff.params.is_empty() {
        head(out, "Params")?;
        for moved in &diff.params {
            let (from, to) = (moved.from.as_deref().unwrap_or("not there"), moved.to.as_deref().unwrap_or("gone"));
            let place = out.paint(DIM, told.place(moved));
            out.line(format!("  {}: {from} → {to}  {place}", moved.name))?;
        }
    }
    if !diff.edited.is_empty() {
        head(out, "Rules")?;
        for line in fate_words(told) {
            out.line(format!("  {line}"))?;
        }
    }
    if !diff.carried.is_empty() {
        head(out, "What the rules remember")?;
        for (name, carried) in &diff.carried {
            let (what, why) = carried_words(carried);
            out.line(format!("  {name}: {what}; {why}"))?;
        }
    }
    if !diff.house.is_empty() {
        head(out, "The house")?;
        for moved in &diff.house {
            out.line(format!("  {}: {} → {}", moved.name, moved.from, moved.to))?;
        }
    }
    Ok(())
}

fn rest(all: usize, shown: usize, out: &mut Out) -> Result<(), Fault> {
    if all > shown {
        let more = format!("    and {} more; `--format json` has all of them", all - shown);
        out.line(out.paint(DIM, more))?;
    }
    Ok(())
}

// ── JSON ──

fn json_lines(told: &Told<'_>, out: &mut Out) -> Result<(), Fault> {
    let diff = told.diff;
    let mut line = |change: &str, mut rest: Value| {
        let mut all = Map::new();
        all.insert("v".into(), json!(1));
        all.insert("change".into(), json!(change));
        if let Some(rest) = rest.as_object_mut() {
            all.append(rest);
        }
        out.line(Value::Object(all).to_string())
    };
    let count = |begins| {
        let n = |doing| diff.count(doing, begins);
        json!({"approvals": n(Doing::Approval), "messages": n(Doing::Message), "steps": n(Doing::Step)})
    };
    line(
        "summary",
        json!({
            "text": diff.summary(),
            "changed": !diff.is_empty(),
            "verdicts": diff.changes.len(),
            "verdicts_in_all": diff.verdicts,
            "params": diff.params.len(),
            "begins": count(true),
            "ends": count(false),
        }),
    )?;
    for (what, changes) in [("verdict", &diff.changes), ("value", &diff.shifts)] {
        for change in changes {
            line(what, verdict_json(change))?;
        }
    }
    for f in &diff.follows {
        let rest = json!({"rule": &*f.rule, "label": f.label, "what": f.doing.word(), "text": f.text,
            "begins": f.begins});
        line("follow", rest)?;
    }
    for p in &diff.params {
        line("param", json!({"name": &*p.name, "from": p.from, "to": p.to, "place": told.place(p)}))?;
    }
    for e in &diff.edited {
        let formerly = if let Fate::Renamed(was) = &e.fate { Some(&**was) } else { None };
        line("rule", json!({"kind": e.noun.word(), "name": e.name, "what": e.fate.word(), "formerly": formerly}))?;
    }
    for (name, carried) in &diff.carried {
        let (what, why) = carried_words(carried);
        line("memory", json!({"rule": &**name, "what": what, "reason": why}))?;
    }
    for h in &diff.house {
        line("house", json!({"name": h.name, "from": h.from, "to": h.to}))?;
    }
    Ok(())
}

fn verdict_json(change: &Change) -> Value {
    let either = change.to.as_ref().or(change.from.as_ref());
    let key: Map<String, Value> =
        either.iter().flat_map(|v| &v.key).map(|(name, part)| (name.clone(), json!(&**part))).collect();
    let side = |verdict: &Option<Verdict>| {
        verdict.as_ref().map(|v| {
            json!({
                "verdict": word(v),
                "value": v.value.as_ref().map(|(value, _)| value.json()),
                "unit": v.value.as_ref().map(|(_, ty)| ty.unit().to_owned()),
                "target": v.target,
                "reason": v.reason,
                "reason_code": v.code.word(),
            })
        })
    };
    json!({
        "rule": &*change.rule,
        "kind": either.map(|v| v.kind),
        "key": key,
        "label": label(change),
        "from": side(&change.from),
        "to": side(&change.to),
    })
}

// ── Markdown ──

/// A text in a cell of a table or a point of a list.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

/// Rows of a table, folded away where they are many.
fn table(heads: &[&str], rows: &[String], what: &str, page: &mut String) {
    let mut lines = format!("| {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len()));
    rows.iter().for_each(|row| lines.push_str(&format!("| {row} |\n")));
    folded(&lines, rows.len(), what, page);
}

fn points(rows: &[String], what: &str, page: &mut String) {
    let lines: String = rows.iter().map(|row| format!("- {row}\n")).collect();
    folded(&lines, rows.len(), what, page);
}

fn folded(lines: &str, count: usize, what: &str, page: &mut String) {
    if count > UNFOLDED {
        page.push_str(&format!("<details>\n<summary>{}</summary>\n\n{lines}\n</details>\n\n", counted(count, what)));
    } else {
        page.push_str(&format!("{lines}\n"));
    }
}

fn markdown(told: &Told<'_>) -> String {
    let diff = told.diff;
    let mut page = format!("**{}**\n\n_{}_\n\n", cell(&diff.summary()), cell(&told.about));
    if !diff.changes.is_empty() {
        let row = |c: &Change| {
            let (from, to) = (state(c.from.as_ref(), "not judged"), state(c.to.as_ref(), "not judged"));
            format!("`{}` | {} | {from} → **{to}** | {}", c.rule, cell(&label(c)), cell(&why(c)))
        };
        let rows: Vec<String> = diff.changes.iter().map(row).collect();
        page.push_str("### Verdicts\n\n");
        table(&["rule", "for", "verdict", "why"], &rows, "verdict", &mut page);
    }
    if !diff.shifts.is_empty() {
        let row = |c: &Change| format!("`{}` | {} | {}", c.rule, cell(&label(c)), cell(&shift_words(c)));
        let rows: Vec<String> = diff.shifts.iter().map(row).collect();
        page.push_str("### The same verdict with another value\n\n");
        table(&["rule", "for", "value"], &rows, "value", &mut page);
    }
    if !diff.follows.is_empty() {
        let row = |f: &crate::diff::Follow| {
            let of = if f.label.is_empty() { String::new() } else { format!(" for {}", cell(&f.label)) };
            let no = if f.begins { "" } else { "no longer: " };
            format!("`{}`{of}: {no}{}", f.rule, cell(&f.text))
        };
        let rows: Vec<String> = diff.follows.iter().map(row).collect();
        page.push_str("### What would be done, if nothing had fired before\n\n");
        points(&rows, "step", &mut page);
    }
    if !diff.params.is_empty() {
        let row = |p: &crate::diff::Moved| {
            let (from, to) = (p.from.as_deref().unwrap_or("not there"), p.to.as_deref().unwrap_or("gone"));
            format!("`{}` | {} | {} | `{}`", p.name, cell(from), cell(to), told.place(p))
        };
        let rows: Vec<String> = diff.params.iter().map(row).collect();
        page.push_str("### Params\n\n");
        table(&["param", "old", "new", "where"], &rows, "param", &mut page);
    }
    let remembered: Vec<String> = diff
        .carried
        .iter()
        .map(|(name, carried)| {
            let (what, why) = carried_words(carried);
            format!("`{name}`: {what}; {}", cell(&why))
        })
        .collect();
    let edited: Vec<String> = fate_words(told).iter().map(|line| cell(line)).collect();
    let house: Vec<String> =
        diff.house.iter().map(|h| format!("{}: {} → {}", h.name, cell(&h.from), cell(&h.to))).collect();
    for (head, rows, what) in
        [("Rules", edited, "item"), ("What the rules remember", remembered, "rule"), ("The house", house, "setting")]
    {
        if !rows.is_empty() {
            page.push_str(&format!("### {head}\n\n"));
            points(&rows, what, &mut page);
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}
