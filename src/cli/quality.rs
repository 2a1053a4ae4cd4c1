//! What `bylaws test` says of the tests themselves: `--coverage`, `--mutate` and `--generate`.

use std::io::Write;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::json;

use super::output::{BOLD, DIM, GREEN, Out, RED, YELLOW};
use super::progress::Progress;
use super::test::place;
use super::{Done, FINE, Fault, Format, findings};
use crate::compile::Compiled;
use crate::diagnostic::Severity;
use crate::lang::expr::{ContractId, GateId, MetricId, PairsId, ParamId, ThresholdId};
use crate::lang::item::Noun;
use crate::lang::pack::{Item, Pack};
use crate::quality::coverage::{self, Kind};
use crate::quality::generate;
use crate::quality::mutate::{self, Fate, Tests};
use crate::quality::reach::Thing;
use crate::scenario;

/// What an item is to those who read it.
pub(super) fn thing(item: &Item<'_>) -> Option<Thing> {
    let i = item.index;
    Some(match item.noun {
        Noun::Contract => Thing::Contract(ContractId(i)),
        Noun::Pairs => Thing::Pairs(PairsId(i)),
        Noun::Param => Thing::Param(ParamId(i)),
        Noun::Metric => Thing::Metric(MetricId(i)),
        Noun::Threshold => Thing::Threshold(ThresholdId(i)),
        Noun::Gate => Thing::Gate(GateId(i)),
        Noun::Stage => Thing::Stage(i),
        Noun::Trigger => Thing::Trigger(i),
        Noun::Rollback => Thing::Rollback(i),
        Noun::Decision => Thing::Decision(i),
        _ => return None,
    })
}

/// `--coverage`.
pub(super) fn coverage(
    compiled: &Compiled,
    pack: &Pack,
    tests: &[usize],
    least: Option<usize>,
    format: Format,
    out: &mut Out,
) -> Done {
    let mut progress = Progress::new();
    let found = coverage::measure(pack, tests, &mut |done| progress.show(done, tests.len(), "tests run"))?;
    progress.clear();
    let kinds = [Kind::Rule, Kind::Branch, Kind::Unknown];
    match format {
        Format::Json => {
            let mut summary = json!({"v": 1, "tests": tests.len()});
            for kind in kinds {
                let (reached, all) = found.count(kind);
                summary[kind.word().replace(' ', "_")] =
                    json!({"reached": reached, "all": all, "percent": found.percent(kind)});
            }
            out.line(summary.to_string())?;
            for goal in found.goals.iter().filter(|g| !g.reached) {
                let (file, line, column) = place(compiled, goal.span);
                out.line(
                    json!({
                        "v": 1, "not_reached": goal.kind.word().replace(' ', "_"), "noun": goal.noun.word(),
                        "rule": &*goal.rule, "what": goal.what, "file": file, "line": line, "column": column,
                    })
                    .to_string(),
                )?;
            }
        }
        Format::Human => {
            for kind in kinds {
                let (reached, all) = found.count(kind);
                let percent = found.percent(kind);
                let style = if percent == 100 { GREEN } else { YELLOW };
                let shown = out.paint(style, format!("{percent:>3}%"));
                out.line(format!("{:<14} {shown}  {reached} of {all}", kind.word()))?;
            }
            for kind in kinds {
                let missing: Vec<_> = found.goals.iter().filter(|g| g.kind == kind && !g.reached).collect();
                if missing.is_empty() {
                    continue;
                }
                out.line("")?;
                out.line(out.paint(BOLD, format!("{} that no test reaches", kind.word())))?;
                for goal in missing {
                    let (file, line, _) = place(compiled, goal.span);
                    out.line(format!(
                        "  {} {} {}: {}",
                        out.paint(DIM, format!("{file}:{line}")),
                        goal.noun.word(),
                        goal.rule,
                        goal.what
                    ))?;
                }
            }
        }
    }
    let short = least.is_some_and(|least| found.percent(Kind::Branch) < least || found.percent(Kind::Rule) < 100);
    if short && format == Format::Human {
        let least = least.unwrap_or_default();
        let mark = out.paint(RED, "too little");
        out.line(format!("{mark}: at least {least}% of the branches and every rule were asked for"))?;
    }
    Ok(if short { findings() } else { FINE })
}
/// `--mutate`.
pub(super) fn mutate(
    compiled: &Compiled,
    pack: &Pack,
    rule: Option<&str>,
    least: Option<usize>,
    format: Format,
    out: &mut Out,
) -> Done {
    let all: Vec<usize> = (0..pack.tests.len()).collect();
    let mut progress = Progress::new();
    let found = coverage::measure(pack, &all, &mut |done| progress.show(done, all.len(), "tests run"))?;
    progress.clear();
    if found.failed > 0 {
        let text = format!("{} fail without any change", crate::value::counted(found.failed, "test"));
        return Err(Fault::new(text, "only tests that pass can notice a change: see `bylaws test`"));
    }
    let tests = Tests::new(pack, &found.reached);
    let mut mutants = mutate::mutants(pack, &tests);
    mutants.retain(|m| rule.is_none_or(|rule| m.rule == rule));
    if mutants.is_empty() {
        let help = "name a param, metric, contract, threshold, gate, trigger, rollback or decision";
        return Err(Fault::new("there is nothing to change", help));
    }
    let started = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let shown = Mutex::new(Progress::new());
    let judged = mutate::judge(pack, &tests, &mutants, threads, &|done| {
        if let Ok(mut shown) = shown.lock() {
            shown.show(done, mutants.len(), "changes tried");
        }
    })?;
    if let Ok(mut shown) = shown.lock() {
        shown.clear();
    }
    let seconds = started.elapsed().as_secs_f64();
    let survived: Vec<_> = judged.iter().filter(|j| matches!(j.fate, Fate::Survived(_))).collect();
    let noticed = judged.len() - survived.len();
    let percent = noticed * 100 / judged.len().max(1);
    match format {
        Format::Json => {
            let summary = json!({
                "v": 1, "changes": judged.len(), "noticed": noticed, "survived": survived.len(), "percent": percent,
            });
            out.line(summary.to_string())?;
            for j in &survived {
                let (file, line, column) = place(compiled, j.mutant.span);
                let tests = if let Fate::Survived(tests) = j.fate { tests } else { 0 };
                let told = json!({
                    "v": 1, "survived": j.mutant.rule, "was": j.mutant.was, "became": j.mutant.became,
                    "tests": tests, "file": file, "line": line, "column": column,
                });
                out.line(told.to_string())?;
            }
        }
        Format::Human => {
            let style = if survived.is_empty() { GREEN } else { YELLOW };
            let score = out.paint(style, format!("{percent}%"));
            out.line(format!(
                "{score} of {} are noticed: {noticed}, {} survive, in {seconds:.0} s",
                crate::value::counted(judged.len(), "small change"),
                survived.len()
            ))?;
            for j in &survived {
                let (file, line, _) = place(compiled, j.mutant.span);
                let nobody = match j.fate {
                    Fate::Survived(0) => "no test looks there".to_owned(),
                    Fate::Survived(1) => "the one test that looks there does not notice".to_owned(),
                    Fate::Survived(n) => format!("none of {n} tests notices"),
                    Fate::Noticed(_) => String::new(),
                };
                let changed = match &*j.mutant.became {
                    "nothing" => format!("`{}` was dropped", j.mutant.was),
                    became => format!("`{}` became `{became}`", j.mutant.was),
                };
                let at = out.paint(DIM, format!("{file}:{line}"));
                out.line(format!("  {at} {}: {changed}: {nobody}", j.mutant.rule))?;
            }
        }
    }
    let short = least.is_some_and(|least| percent < least);
    if short && format == Format::Human {
        let mark = out.paint(RED, "too few");
        out.line(format!("{mark}: at least {}% were asked for", least.unwrap_or_default()))?;
    }
    Ok(if short { findings() } else { FINE })
}

/// `--generate`. The rules are compiled once more with every test in every outcome it could expect; those that pass
/// stay.
pub(super) fn generate(
    compiled: &Compiled,
    pack: &Pack,
    rule: &str,
    write: Option<&std::path::Path>,
    out: &mut Out,
) -> Done {
    let Some(item) = pack.item(rule) else {
        return Err(Fault::new(format!("nothing is called `{rule}`"), "`bylaws test --coverage` lists the rules"));
    };
    let drafts = item.rule.and_then(|rule| generate::drafts(pack, rule));
    let Some(drafts) = drafts else {
        let text = format!("`{rule}` is a {} and has no boundaries", item.noun.word());
        return Err(Fault::new(text, "name a threshold, gate, trigger or rollback"));
    };
    let mut text = String::new();
    for (i, draft) in drafts.iter().enumerate() {
        for word in &draft.words {
            text.push_str(&draft.with(&format!("{i} {word}"), word));
            text.push('\n');
        }
    }
    let mut files: Vec<(&str, &str)> = compiled
        .sources
        .iter()
        .map(|(_, f)| (f.name.as_str(), f.text.as_str()))
        .filter(|(n, _)| n.ends_with(".bylaw"))
        .collect();
    files.push(("generated.bylaw", &text));
    let again = crate::compile::compile_with(&files, compiled.settings.clone());
    let Some(with) = again.pack else {
        let first = again.diagnostics.iter().find(|d| d.severity() == Severity::Error);
        let why = first.map(|d| d.message.clone()).unwrap_or_default();
        return Err(Fault::new(
            format!("no sound test of `{rule}` can be made from its contracts: {why}"),
            "write it by hand",
        ));
    };
    let mut bench = scenario::Bench::new(&with)?;
    let mut written = Vec::new();
    for (i, draft) in drafts.iter().enumerate() {
        for word in &draft.words {
            let title = format!("{i} {word}");
            let Some(test) = with.tests.iter().position(|t| *t.title == *title) else { continue };
            if !scenario::fails(&with, &mut bench, test)? {
                written.push(draft.confirmed_by_nobody(word));
                break;
            }
        }
    }
    if written.is_empty() {
        let help = "its value is computed from several columns; only values that one cell decides can be given";
        return Err(Fault::new(format!("no boundary test of `{rule}` can be made"), help));
    }
    let text = written.join("\n");
    match write {
        None => out.text(&text)?,
        Some(path) => {
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(|e| {
                Fault::new(format!("{} cannot be written: {e}", path.display()), "name a file that is not there yet")
            })?;
            file.write_all(text.as_bytes())?;
            out.line(format!("{}: {}", path.display(), crate::value::counted(written.len(), "test")))?;
        }
    }
    Ok(FINE)
}
