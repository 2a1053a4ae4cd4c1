//! `bylaws test`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::formats::{self, Paths, Report};
use super::output::{DIM, GREEN, Out, RED};
use super::progress::Progress;
use super::{Done, FINE, Fault, Format, PackArgs, findings, now, quality};
use crate::compile::Compiled;
use crate::lang::pack::Pack;
use crate::quality::reach;
use crate::scenario::{self, Comparison, Failure};
use crate::source::Span;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    pack: PackArgs,
    /// Run only tests whose title contains this, or that speak of a rule of this name
    ///
    /// With --mutate: change only rules of this name.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How results are written
    #[arg(long, value_enum, default_value_t = Report::Human)]
    format: Report,
    /// Name every test, not only those that fail
    #[arg(long, short)]
    verbose: bool,
    /// Say which rules, branches and unknown cases no test reaches
    #[arg(long, conflicts_with_all = ["mutate", "generate"])]
    coverage: bool,
    /// With --coverage: exit 1 when less than this of the branches is reached, or a rule is not judged at all
    #[arg(long, value_name = "PERCENT", requires = "coverage", value_parser = percent)]
    min_coverage: Option<usize>,
    /// Change the rules one small step at a time and say which changes no test notices
    #[arg(long, conflicts_with = "generate")]
    mutate: bool,
    /// With --mutate: exit 1 when fewer of the changes are noticed
    #[arg(long, value_name = "PERCENT", requires = "mutate", value_parser = percent)]
    min_score: Option<usize>,
    /// Write tests at the boundaries of a rule, with what the engine says at present as expectations
    #[arg(long, value_name = "RULE")]
    generate: Option<String>,
    /// With --generate: the file to write, which must not be there yet [default: standard output]
    #[arg(long, value_name = "FILE", requires = "generate")]
    write: Option<PathBuf>,
}

fn percent(text: &str) -> Result<usize, String> {
    let number = text.trim_end_matches('%').parse::<usize>().ok().filter(|n| *n <= 100);
    number.ok_or_else(|| "a percent from 0% to 100% is needed".to_owned())
}

/// What came of one test.
pub(super) struct Ran {
    /// Its place in the pack.
    pub(super) test: usize,
    /// What was otherwise than expected.
    pub(super) failures: Vec<Failure>,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let (compiled, pack) = match options.pack.pack_or(out, options.format) {
        Ok(found) => found,
        Err(code) => return Ok(code),
    };
    if let Some(rule) = &options.generate {
        return quality::generate(&compiled, &pack, rule, options.write.as_deref(), out);
    }
    if options.mutate {
        return quality::mutate(
            &compiled,
            &pack,
            options.filter.as_deref(),
            options.min_score,
            plain(options.format)?,
            out,
        );
    }
    let chosen = chosen(&pack, options.filter.as_deref())?;
    if options.coverage {
        return quality::coverage(&compiled, &pack, &chosen, options.min_coverage, plain(options.format)?, out);
    }
    let started = Instant::now();
    let mut bench = scenario::Bench::new(&pack)?;
    let mut progress = Progress::new();
    let (mut passed, mut failed) = (0usize, 0usize);
    let all = chosen.len();
    let mut report =
        formats::TestReport::new(&compiled.sources, Paths::new(&compiled.sources, &compiled.settings), now());
    for (done, test) in chosen.into_iter().enumerate() {
        let began = Instant::now();
        let ran = Ran { test, failures: scenario::run(&pack, &mut bench, test)? };
        let seconds = began.elapsed().as_secs_f64();
        if ran.failures.is_empty() {
            passed += 1;
        } else {
            failed += 1;
            progress.clear();
        }
        match options.format {
            Report::Sarif | Report::Junit | Report::Github => {
                let places = ran.failures.iter().map(|f| (f.span, f.message.clone())).collect();
                let test = &pack.tests[test];
                report.add(&test.title, test.span, seconds, places);
            }
            Report::Json => out.line(as_json(&compiled, &pack, &ran))?,
            Report::Human => human(&compiled, &pack, &ran, options.verbose, out)?,
        }
        progress.show(done + 1, all, "tests run");
    }
    progress.clear();
    if let Some(text) = report.written(options.format) {
        out.text(&text)?;
    }
    if options.format == Report::Human {
        let mark = if failed == 0 { out.paint(GREEN, "ok") } else { out.paint(RED, "failed") };
        out.line(format!("{mark}: {passed} passed, {failed} failed in {:.1} s", started.elapsed().as_secs_f64()))?;
    }
    Ok(if failed == 0 { FINE } else { findings() })
}

/// How coverage and mutants are written: they are no findings in a file, and so have no form for other programs.
fn plain(format: Report) -> Result<Format, Fault> {
    match format {
        Report::Human => Ok(Format::Human),
        Report::Json => Ok(Format::Json),
        Report::Sarif | Report::Junit | Report::Github => Err(Fault::new(
            "coverage and mutants are written for people or as JSON",
            "leave out --format, or write `--format json`",
        )),
    }
}

/// The tests that a filter leaves: by a part of their title, or by the whole name of what they speak of.
fn chosen(pack: &Pack, filter: Option<&str>) -> Result<Vec<usize>, Fault> {
    let speaks_of = |test: usize, name: &str| {
        let item = pack.item(name);
        item.and_then(|item| quality::thing(&item)).is_some_and(|thing| reach::named(pack, test).contains(&thing))
    };
    let chosen: Vec<usize> = (0..pack.tests.len())
        .filter(|i| filter.is_none_or(|f| pack.tests[*i].title.contains(f) || speaks_of(*i, f)))
        .collect();
    if chosen.is_empty() {
        let help = if pack.tests.is_empty() {
            "tests begin with `test \"TITLE\"` in a rule file"
        } else {
            "no title contains the filter, and no test speaks of a rule of that name"
        };
        return Err(Fault::new("there is no test to run", help));
    }
    Ok(chosen)
}

/// Where a span begins: the file, the line and the column.
pub(super) fn place(compiled: &Compiled, span: Span) -> (String, usize, usize) {
    let file = compiled.sources.file(span.file);
    let (line, column) = file.position(span.start);
    (file.name.clone(), line, column)
}

fn as_json(compiled: &Compiled, pack: &Pack, ran: &Ran) -> String {
    let test = &pack.tests[ran.test];
    let (file, line, _) = place(compiled, test.span);
    let list: Vec<_> = ran
        .failures
        .iter()
        .map(|f| {
            let (file, line, column) = place(compiled, f.span);
            let mut told = json!({"file": file, "line": line, "column": column, "message": f.message});
            if let Some(table) = &f.table {
                told["table"] = json!({"heading": table.heading, "rows": table.rows, "wrong": table.wrong});
            }
            told
        })
        .collect();
    let verdict = if ran.failures.is_empty() { "passed" } else { "failed" };
    json!({"v": 1, "test": &*test.title, "result": verdict, "file": file, "line": line, "failures": list}).to_string()
}

fn human(compiled: &Compiled, pack: &Pack, ran: &Ran, verbose: bool, out: &mut Out) -> Result<(), Fault> {
    let title = &pack.tests[ran.test].title;
    if ran.failures.is_empty() {
        if verbose {
            out.line(format!("{} {title}", out.paint(GREEN, "✓")))?;
        }
        return Ok(());
    }
    out.line(format!("{} {title}", out.paint(RED, "✗")))?;
    for failure in &ran.failures {
        let (file, line, column) = place(compiled, failure.span);
        out.line(format!("    {}", out.paint(DIM, format!("{file}:{line}:{column}"))))?;
        let text = compiled.sources.text(failure.span).lines().next().unwrap_or("").trim().to_owned();
        out.line(format!("    {text}"))?;
        out.line(format!("      {}", failure.message))?;
        if let Some(table) = &failure.table {
            shown(table, out)?;
        }
    }
    Ok(())
}

/// So many rows of a table are shown; the wrong one is always among them.
const MOST_ROWS: usize = 20;

fn shown(table: &Comparison, out: &mut Out) -> Result<(), Fault> {
    use unicode_width::UnicodeWidthStr;
    let widths: Vec<usize> = (0..table.heading.len())
        .map(|i| {
            let cells = std::iter::once(&table.heading).chain(&table.rows).filter_map(|row| row.get(i));
            cells.map(|c| c.width()).max().unwrap_or(0)
        })
        .collect();
    let line = |row: &[String]| {
        let mut text = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', (width + 2).saturating_sub(cell.width())));
        }
        text.trim_end().to_owned()
    };
    out.line(format!("        {}", out.paint(DIM, line(&table.heading))))?;
    let mut left_out = 0;
    for (i, row) in table.rows.iter().enumerate() {
        let wrong = table.wrong == Some(i);
        if i >= MOST_ROWS && !wrong {
            left_out += 1;
            continue;
        }
        let mark = if wrong { out.paint(RED, "›") } else { " ".to_owned() };
        out.line(format!("      {mark} {}", line(row)))?;
    }
    if left_out > 0 {
        out.line(format!("        {}", out.paint(DIM, format!("{left_out} more"))))?;
    }
    Ok(())
}
