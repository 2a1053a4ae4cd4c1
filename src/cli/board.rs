//! The board: what people look at. Greens are short, everything else has its value, its threshold and its reason.

use std::collections::BTreeMap;

use anstyle::Style;
use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;

use super::Fault;
use super::output::{BLUE, BOLD, DIM, GREEN, MAGENTA, Out, RED, YELLOW};
use super::run::{by_rule, is_finding};
use crate::engine::judge::{Outcome, Verdict};
use crate::lang::expr::ContractId;
use crate::lang::pack::Pack;
use crate::lang::print::spoken;
use crate::value::{counted, listed};

/// So many keys of one rule are shown; the rest are counted.
const KEYS_SHOWN: usize = 8;
const NAME_WIDTH: usize = 34;
const MARK_WIDTH: usize = 12;

fn look(verdict: &Verdict) -> (Style, &'static str) {
    if verdict.asleep {
        return (DIM, "·");
    }
    match verdict.outcome {
        Outcome::Met | Outcome::Open | Outcome::Clear | Outcome::Holds => (GREEN, "✓"),
        Outcome::Acceptable => (YELLOW, "~"),
        Outcome::Breached | Outcome::Violated => (RED, "✗"),
        Outcome::Fires => (RED, "!"),
        Outcome::Closed => (BLUE, "○"),
        Outcome::Off => (DIM, "·"),
        Outcome::Unknown => (MAGENTA, "?"),
    }
}

fn sections() -> [(&'static str, &'static str); 5] {
    [
        ("gate", "Gates"),
        ("threshold", "Measures"),
        ("trigger", "Triggers"),
        ("rollback", "Rollbacks"),
        ("contract", "Data"),
    ]
}

/// The title of a rule, or its name as people say it.
fn title(pack: &Pack, verdict: &Verdict) -> String {
    let name = &verdict.rule;
    pack.item(name).and_then(|item| item.title).map_or_else(|| spoken(name), |t| t.to_string())
}

/// Prints the board.
pub(super) fn print(
    pack: &Pack,
    verdicts: &[Verdict],
    as_of: Timestamp,
    verbose: bool,
    out: &mut Out,
) -> Result<(), Fault> {
    let calendar = &pack.settings.calendar;
    out.line(format!("{}  {}", out.paint(BOLD, &pack.settings.name), out.paint(DIM, calendar.show(as_of))))?;
    out.line(summary(verdicts, out))?;
    let groups = by_rule(verdicts);
    for (kind, heading) in sections() {
        let rules: Vec<&Vec<&Verdict>> = groups.iter().filter(|g| g[0].kind == kind).collect();
        if rules.is_empty() {
            continue;
        }
        out.line("")?;
        out.line(out.paint(BOLD, heading))?;
        let mut quiet = Vec::new();
        for rule in rules {
            let fine = rule.iter().all(|v| matches!(v.outcome, Outcome::Clear | Outcome::Holds) || v.asleep);
            if fine && !verbose {
                quiet.push(rule[0]);
            } else {
                print_rule(pack, rule, verbose, out)?;
            }
        }
        print_quiet(pack, &quiet, out)?;
    }
    print_blind(pack, verdicts, out)?;
    Ok(())
}

fn summary(verdicts: &[Verdict], out: &Out) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for verdict in verdicts.iter().filter(|v| !v.asleep) {
        *counts.entry(verdict.outcome.word()).or_default() += 1;
    }
    let part = |word: &str, style: Style| counts.get(word).map(|n| out.paint(style, format!("{n} {word}")));
    let parts: Vec<String> = [
        part("fires", RED),
        part("breached", RED),
        part("violated", RED),
        part("unknown", MAGENTA),
        part("acceptable", YELLOW),
        part("met", GREEN),
        part("closed", BLUE),
        part("open", GREEN),
        part("clear", DIM),
        part("holds", DIM),
        part("off", DIM),
    ]
    .into_iter()
    .flatten()
    .collect();
    let rules: std::collections::HashSet<(&str, &str)> = verdicts.iter().map(|v| (v.kind, &*v.rule)).collect();
    format!("{}, {}: {}", counted(rules.len(), "rule"), counted(verdicts.len(), "verdict"), parts.join(" · "))
}

fn pad(text: &str, width: usize) -> String {
    let have = text.width();
    if have >= width { text.to_owned() } else { format!("{text}{}", " ".repeat(width - have)) }
}

fn print_rule(pack: &Pack, rule: &[&Verdict], verbose: bool, out: &mut Out) -> Result<(), Fault> {
    let first = rule[0];
    let name =
        if first.rule.contains('-') { format!("{} {}", first.rule, title(pack, first)) } else { title(pack, first) };
    if rule.len() == 1 && first.key.is_empty() {
        return print_line(&name, first, out);
    }
    // The worst of its keys stands for the rule.
    let loud: Vec<&&Verdict> =
        rule.iter().filter(|v| verbose || is_finding(v) || v.outcome == Outcome::Acceptable).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for verdict in rule {
        *counts.entry(verdict.outcome.word()).or_default() += 1;
    }
    let counted: Vec<String> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
    let worst = rule.iter().max_by_key(|v| (is_finding(v), v.outcome == Outcome::Acceptable)).unwrap_or(&rule[0]);
    let (style, mark) = look(worst);
    out.line(format!(
        "  {} {} {}",
        out.paint(style, mark),
        pad(&name, NAME_WIDTH),
        out.paint(DIM, format!("of {}: {}", rule.len(), listed(&counted, "and")))
    ))?;
    for verdict in loud.iter().take(KEYS_SHOWN) {
        let (style, mark) = look(verdict);
        let label = pad(&verdict.label, 24);
        let tail = tail(verdict, out);
        out.line(format!("      {} {} {}", out.paint(style, mark), label, tail))?;
    }
    if loud.len() > KEYS_SHOWN {
        out.line(out.paint(DIM, format!("      and {} more", loud.len() - KEYS_SHOWN)))?;
    }
    Ok(())
}

fn tail(verdict: &Verdict, out: &Out) -> String {
    let (style, _) = look(verdict);
    let word = out.paint(style, verdict.outcome.word());
    let age = verdict.age.filter(|a| *a > 86_400 && verdict.outcome != Outcome::Unknown);
    let aged = age.map(|a| out.paint(DIM, format!(" ({} old)", crate::time::age_words(a)))).unwrap_or_default();
    format!("{word}: {}{aged}", verdict.reason)
}

fn print_line(name: &str, verdict: &Verdict, out: &mut Out) -> Result<(), Fault> {
    let (style, mark) = look(verdict);
    let word = pad(verdict.outcome.word(), MARK_WIDTH);
    let head = format!("  {} {} {} ", out.paint(style, mark), pad(name, NAME_WIDTH), out.paint(style, &word));
    let indent = 4 + NAME_WIDTH + 1 + MARK_WIDTH + 1;
    let mut text = verdict.reason.clone();
    if let Some(period) = &verdict.period {
        text.push_str(&format!(" ({period})"));
    }
    let room = out.width().saturating_sub(indent).max(30);
    let mut lines = wrap(&text, room).into_iter();
    out.line(format!("{head}{}", lines.next().unwrap_or_default()))?;
    for line in lines {
        out.line(format!("{}{line}", " ".repeat(indent)))?;
    }
    Ok(())
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |l| l.width());
        if last > 0 && last + 1 + word.width() > width {
            lines.push(word.to_owned());
        } else if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn print_quiet(pack: &Pack, quiet: &[&Verdict], out: &mut Out) -> Result<(), Fault> {
    for asleep in [false, true] {
        let names: Vec<String> = quiet
            .iter()
            .filter(|v| v.asleep == asleep)
            .map(|v| if v.rule.contains('-') { v.rule.to_string() } else { title(pack, v) })
            .collect();
        if names.is_empty() {
            continue;
        }
        let (mark, word) = if asleep { (out.paint(DIM, "·"), "asleep") } else { (out.paint(GREEN, "✓"), "quiet") };
        let room = out.width().saturating_sub(4).max(40);
        let text = format!("{} {word}: {}", names.len(), names.join(", "));
        for (i, line) in wrap(&text, room).into_iter().enumerate() {
            let lead = if i == 0 { format!("  {mark} ") } else { "    ".to_owned() };
            out.line(format!("{lead}{}", out.paint(DIM, line)))?;
        }
    }
    Ok(())
}

/// One message for each contract whose data blinds rules, not one alert a rule.
fn print_blind(pack: &Pack, verdicts: &[Verdict], out: &mut Out) -> Result<(), Fault> {
    let mut blind: BTreeMap<ContractId, Vec<&Verdict>> = BTreeMap::new();
    for verdict in verdicts.iter().filter(|v| v.outcome == Outcome::Unknown && !v.asleep && v.kind != "contract") {
        if let Some(contract) = verdict.cause {
            blind.entry(contract).or_default().push(verdict);
        }
    }
    if blind.is_empty() {
        return Ok(());
    }
    out.line("")?;
    out.line(out.paint(BOLD, "Blind"))?;
    for (contract, verdicts) in blind {
        let rules: std::collections::BTreeSet<&str> = verdicts.iter().map(|v| &*v.rule).collect();
        let keys: std::collections::BTreeSet<&str> =
            verdicts.iter().map(|v| v.label.as_str()).filter(|l| !l.is_empty()).collect();
        let plural = |n: usize, one: &str| if n == 1 { format!("1 {one} is") } else { format!("{n} {one}s are") };
        let whom = if keys.is_empty() {
            String::new()
        } else {
            let shown: Vec<&str> = keys.iter().take(4).copied().collect();
            let more = keys.len().saturating_sub(shown.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!(" for {}{more}", shown.join(", "))
        };
        let text = format!(
            "{} blind{whom} because of `{}`: {}",
            plural(rules.len(), "rule"),
            pack.contract(contract).name,
            verdicts[0].reason
        );
        let room = out.width().saturating_sub(4).max(40);
        for (i, line) in wrap(&text, room).into_iter().enumerate() {
            let lead = if i == 0 { format!("  {} ", out.paint(MAGENTA, "?")) } else { "    ".to_owned() };
            out.line(format!("{lead}{line}"))?;
        }
    }
    Ok(())
}
