//! `bylaws backtest`: what rules would have done in the past.

use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::output::{BOLD, DIM, GREEN, MAGENTA, Out, RED, YELLOW};
use super::progress::Progress;
use super::{DatabaseArgs, Done, FINE, Fault, Format, PackArgs, check, findings, formats, now, world};
use crate::backtest::{Day, History, Past, Told, all, backtest, cells, svg};
use crate::diagnostic::nearest;
use crate::lang::pack::{Pack, RuleRef};
use crate::store::{Access, Store};
use crate::time::Calendar;
use crate::value::{counted, listed};

const NAME_WIDTH: usize = 30;
/// Room for the numbers at the right of a timeline.
const NUMBERS_WIDTH: usize = 26;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    pack: PackArgs,
    /// The first day, such as 2026-03-02
    #[arg(long, value_name = "DAY")]
    from: String,
    /// The last day
    #[arg(long, value_name = "DAY")]
    to: String,
    /// Also run these rules over the same days and say what differs: a revision of the same paths, or a folder
    #[arg(long, value_name = "REV|DIR")]
    against: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Follow only this rule; may be repeated
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<String>,
    /// Exit 1 when a rule fires more often than this; may be repeated
    #[arg(long, value_name = "RULE=N")]
    max_firings: Vec<String>,
    /// Exit 1 when a rule fires less often than this; may be repeated
    #[arg(long, value_name = "RULE=N")]
    min_firings: Vec<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Draw the timelines into this file as well
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// How often a rule may fire at most or must at least.
struct Bound {
    rule: String,
    most: bool,
    firings: u32,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let (compiled, pack) = match options.pack.pack(out) {
        Ok(found) => found,
        Err(_) => return Ok(world()),
    };
    let rules = chosen(&pack, &options.rules)?;
    let mut bounds = Vec::new();
    for (most, texts) in [(true, &options.max_firings), (false, &options.min_firings)] {
        for text in texts {
            bounds.push(bound(&pack, &rules, text, most)?);
        }
    }
    let calendar = &compiled.settings.calendar;
    let clock = now();
    let (first, last) = (day(&options.from)?, day(&options.to)?);
    let (from, to) = (calendar.day_start(first), last_instant(calendar, last).min(clock));
    if from > to {
        let (message, help) = if last < first {
            (format!("{last} comes before {first}"), "`--from` is the first day, `--to` the last")
        } else {
            (format!("{first} has not come yet"), "a backtest is about the past: name an earlier day")
        };
        return Err(Fault::new(message, help));
    }
    let old = match &options.against {
        None => None,
        Some(against) => {
            let mut old = super::plan::compile_old(against, &options.pack, &compiled)?;
            match old.pack.take() {
                Some(pack) => Some(pack),
                None => {
                    check::refuse(&old, out, formats::Report::Human)?;
                    out.error(&format!("the old rules ({against}) do not stand, so nothing can be compared\n"))?;
                    return Ok(world());
                }
            }
        }
    };
    let store = options.database.open(&compiled.settings, Access::Read)?;
    let follow = |pack: &Pack, rules: &[RuleRef], store: &Store| {
        let mut progress = Progress::new();
        backtest(store, &Past { pack, rules, from, to, clock }, &mut |done, days| progress.show(done, days, "days"))
    };
    let (is, was) = store.snapshot(|| {
        let is = follow(&pack, &rules, &store)?;
        let was = match &old {
            None => None,
            Some(old) => {
                // The same rules where names were given; what is new has no past with the old ones.
                let same = |rule: &RuleRef| {
                    options.rules.is_empty()
                        || old.rule(*rule).is_some_and(|item| options.rules.iter().any(|name| name == item.name))
                };
                let rules: Vec<RuleRef> = all(old).into_iter().filter(same).collect();
                Some(follow(old, &rules, &store)?)
            }
        };
        Ok((is, was))
    })?;
    let broken: Vec<String> = bounds.iter().filter_map(|bound| broken(bound, &is)).collect();
    match options.format {
        Format::Human => human(&pack, &is, was.as_ref(), out)?,
        Format::Json => json_lines(&is, was.as_ref(), &broken, out)?,
    }
    if let Some(path) = &options.svg {
        std::fs::write(path, svg(&is)).map_err(|error| {
            let why = crate::source::plain(&error);
            Fault::new(format!("{} cannot be written: {why}", path.display()), "name a file in a folder that is there")
        })?;
    }
    for text in &broken {
        out.error(&format!("{text}\n"))?;
    }
    Ok(if broken.is_empty() { FINE } else { findings() })
}

fn day(text: &str) -> Result<Date, Fault> {
    text.parse().map_err(|_| Fault::new(format!("`{text}` is no day"), "write it as 2026-03-02"))
}

fn last_instant(calendar: &Calendar, day: Date) -> jiff::Timestamp {
    let end = calendar.day_end(day);
    end.checked_sub(jiff::SignedDuration::from_millis(1)).unwrap_or(end)
}

fn named(pack: &Pack, name: &str) -> Result<RuleRef, Fault> {
    let known = all(pack);
    let found = pack.item(name).and_then(|item| item.rule).filter(|rule| known.contains(rule));
    found.ok_or_else(|| {
        let names: Vec<String> = known.iter().filter_map(|r| pack.rule(*r)).map(|i| i.name.to_owned()).collect();
        let help = nearest(name, names.iter().map(String::as_str))
            .unwrap_or_else(|| "triggers, rollbacks and thresholds have a past; `bylaws run` shows them".into());
        Fault::new(format!("no trigger, rollback or threshold is called `{name}`"), help)
    })
}

fn chosen(pack: &Pack, names: &[String]) -> Result<Vec<RuleRef>, Fault> {
    if names.is_empty() {
        return Ok(all(pack));
    }
    names.iter().map(|name| named(pack, name)).collect()
}

fn bound(pack: &Pack, rules: &[RuleRef], text: &str, most: bool) -> Result<Bound, Fault> {
    let option = if most { "--max-firings" } else { "--min-firings" };
    let parts = text.split_once('=').and_then(|(rule, n)| Some((rule.trim(), n.trim().parse().ok()?)));
    let Some((rule, firings)) = parts else {
        return Err(Fault::new(format!("`{text}` is no bound"), format!("write it as {option} RULE=3")));
    };
    let found = named(pack, rule)?;
    if !rules.contains(&found) {
        return Err(Fault::new(format!("{rule} is bounded and not followed"), format!("add `--rule {rule}`")));
    }
    Ok(Bound { rule: rule.to_owned(), most, firings })
}

/// How a bound was not kept.
fn broken(bound: &Bound, history: &History) -> Option<String> {
    let told = history.rules.iter().find(|told| *told.rule == *bound.rule)?;
    let (fine, word) = if bound.most {
        (told.firings <= bound.firings, "at most")
    } else {
        (told.firings >= bound.firings, "at least")
    };
    let times = counted(told.firings, "time");
    (!fine).then(|| format!("{} fired {times}, {word} {} expected", bound.rule, bound.firings))
}

// ── people ──

fn mark(day: Day, out: &Out) -> String {
    match day {
        Day::Firing => out.paint(RED, "█"),
        Day::Warning => out.paint(YELLOW, "▒"),
        Day::Unknown => out.paint(MAGENTA, "?"),
        Day::Clear => out.paint(GREEN, "·"),
        Day::Asleep => " ".to_owned(),
    }
}

fn line(told: &Told, room: usize, out: &Out) -> String {
    cells(&told.days, room).into_iter().map(|day| mark(day, out)).collect()
}

fn is_quiet(told: &Told) -> bool {
    told.firings == 0 && told.days_unknown == 0 && told.first.is_none()
}

fn pad(text: &str, width: usize) -> String {
    let have = text.chars().count();
    if have > width {
        let cut: String = text.chars().take(width.saturating_sub(1)).collect();
        return format!("{cut}…");
    }
    format!("{text}{}", " ".repeat(width - have))
}

fn numbers(told: &Told) -> String {
    let mut parts = vec![format!("{}×", told.firings)];
    if told.asked > 0 {
        parts.push(format!("{} asked", told.asked));
    }
    if told.days_unknown > 0 {
        parts.push(format!("{} d unknown", told.days_unknown));
    }
    parts.join(", ")
}

fn summary(history: &History) -> String {
    let fired = history.rules.iter().filter(|r| r.firings > 0).count();
    let sum = |count: fn(&Told) -> u32| history.rules.iter().map(count).sum::<u32>();
    let days = history.rules.first().map_or(0, |r| r.days.len());
    format!(
        "{} to {}, {}: {fired} of {} fired {}; people would have been asked {}; {} proposed",
        history.first,
        history.last,
        counted(days, "day"),
        counted(history.rules.len(), "rule"),
        counted(sum(|r| r.firings), "time"),
        counted(sum(|r| r.asked), "time"),
        counted(sum(|r| r.rollbacks), "rollback"),
    )
}

fn human(pack: &Pack, is: &History, was: Option<&History>, out: &mut Out) -> Result<(), Fault> {
    out.line(out.paint(BOLD, summary(is)))?;
    if let Some(was) = was {
        out.line(format!("with the old rules: {}", summary(was)))?;
    }
    let judged = format!(
        "{}; nothing is carried out and nobody answers, so what is asked stays open",
        counted(is.ticks, "judgement")
    );
    out.line(out.paint(DIM, judged))?;
    for text in &is.forgotten {
        out.line(format!("{} {text}", out.paint(MAGENTA, "not known:")))?;
    }
    out.line("")?;
    let room = out.width().saturating_sub(NAME_WIDTH + NUMBERS_WIDTH + 4).max(20);
    let before = |told: &Told| was.and_then(|w| w.rules.iter().find(|o| o.rule == told.rule));
    let mut quiet: Vec<&str> = Vec::new();
    for told in &is.rules {
        let old = before(told);
        if is_quiet(told) && old.is_none_or(is_quiet) {
            quiet.push(&told.rule);
            continue;
        }
        let timeline = line(told, room, out);
        out.line(format!("{} {timeline}  {}", pad(&told.rule, NAME_WIDTH), numbers(told)))?;
        if let Some(old) = old.filter(|old| differs(told, old)) {
            let timeline = line(old, room, out);
            let name = out.paint(DIM, pad("  with the old rules", NAME_WIDTH));
            out.line(format!("{name} {timeline}  {}", numbers(old)))?;
        }
    }
    let days = is.rules.first().map_or(0, |r| r.days.len());
    let each = days.div_ceil(room).max(1);
    let cell = if each == 1 { "a day".to_owned() } else { format!("{each} days") };
    let legend = format!("█ firing or breached  ▒ short of its target  · clear  ? unknown; each sign is {cell}");
    out.line(out.paint(DIM, legend))?;
    if !quiet.is_empty() {
        out.line(out.paint(DIM, format!("quiet: {}", listed(&quiet, "and"))))?;
    }
    let calendar = &pack.settings.calendar;
    let first: Vec<String> = is
        .rules
        .iter()
        .filter_map(|told| {
            let (at, label) = told.first.as_ref()?;
            let whom = if label.is_empty() { String::new() } else { format!(" for {label}") };
            Some(format!("  {} {}{whom}", calendar.show(*at), told.rule))
        })
        .collect();
    if !first.is_empty() {
        out.line("")?;
        out.line(out.paint(BOLD, "First warning"))?;
        let mut first = first;
        first.sort();
        for text in first {
            out.line(text)?;
        }
    }
    if let Some(was) = was {
        differences(is, was, calendar, out)?;
    }
    Ok(())
}

fn differs(told: &Told, old: &Told) -> bool {
    told.days != old.days || told.firings != old.firings || told.asked != old.asked || told.first != old.first
}

fn differences(is: &History, was: &History, calendar: &Calendar, out: &mut Out) -> Result<(), Fault> {
    let mut lines = Vec::new();
    for told in &is.rules {
        let Some(old) = was.rules.iter().find(|o| o.rule == told.rule) else {
            lines.push(format!("{}: new, {}", told.rule, numbers(told)));
            continue;
        };
        let mut parts = Vec::new();
        let mut number = |name: &str, old: u32, new: u32| {
            if old != new {
                parts.push(format!("{name} {old} → {new}"));
            }
        };
        number("firings", old.firings, told.firings);
        number("asked", old.asked, told.asked);
        number("days unknown", old.days_unknown, told.days_unknown);
        let firing = |t: &Told| t.days.iter().filter(|d| **d == Day::Firing).count() as u32;
        number("days firing", firing(old), firing(told));
        let first = |t: &Told| t.first.as_ref().map_or_else(|| "never".to_owned(), |(at, _)| calendar.show(*at));
        if first(old) != first(told) {
            parts.push(format!("first {} → {}", first(old), first(told)));
        }
        if !parts.is_empty() {
            lines.push(format!("{}: {}", told.rule, parts.join(", ")));
        }
    }
    for old in was.rules.iter().filter(|o| !is.rules.iter().any(|t| t.rule == o.rule)) {
        lines.push(format!("{}: gone, it was {}", old.rule, numbers(old)));
    }
    out.line("")?;
    out.line(out.paint(BOLD, if lines.is_empty() { "Nothing differs" } else { "What differs" }))?;
    for text in lines {
        out.line(format!("  {text}"))?;
    }
    Ok(())
}

// ── JSON ──

fn json_lines(is: &History, was: Option<&History>, broken: &[String], out: &mut Out) -> Result<(), Fault> {
    let head = json!({
        "v": 1,
        "from": is.first.to_string(),
        "to": is.last.to_string(),
        "judgements": is.ticks,
        "not_known": is.forgotten,
        "bounds_broken": broken,
    });
    out.line(head.to_string())?;
    for told in &is.rules {
        let mut one = rule_json(told, is.first);
        if let Some(was) = was {
            let old = was.rules.iter().find(|o| o.rule == told.rule);
            one["before"] = old.map_or(Value::Null, |old| rule_json(old, was.first));
        }
        out.line(one.to_string())?;
    }
    Ok(())
}

fn rule_json(told: &Told, first: Date) -> Value {
    let mut stretches: Vec<Value> = Vec::new();
    let (mut start, mut day) = (0, first);
    while let Some(state) = told.days.get(start) {
        let run = told.days[start..].iter().take_while(|d| *d == state).count();
        let mut last = day;
        for _ in 1..run {
            last = last.tomorrow().unwrap_or(last);
        }
        stretches.push(json!({"from": day.to_string(), "to": last.to_string(), "state": state.word()}));
        day = last.tomorrow().unwrap_or(last);
        start += run;
    }
    json!({
        "v": 1,
        "rule": &*told.rule,
        "kind": told.kind,
        "firings": told.firings,
        "first_at": told.first.as_ref().map(|(at, _)| at.to_string()),
        "first_for": told.first.as_ref().map(|(_, label)| label.clone()).filter(|l| !l.is_empty()),
        "asked": told.asked,
        "rollbacks": told.rollbacks,
        "days_unknown": told.days_unknown,
        "days": stretches,
    })
}
