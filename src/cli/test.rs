//! `bylaws test`.

use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::formats::{self, Paths, Report};
use super::output::{DIM, GREEN, Out, RED};
use super::{Done, FINE, Fault, PackArgs, findings, now};
use crate::scenario;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    pack: PackArgs,
    /// Run only tests whose title contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How results are written
    #[arg(long, value_enum, default_value_t = Report::Human)]
    format: Report,
    /// Name every test, not only those that fail
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let (compiled, pack) = match options.pack.pack_or(out, options.format) {
        Ok(found) => found,
        Err(code) => return Ok(code),
    };
    let chosen: Vec<usize> = (0..pack.tests.len())
        .filter(|i| options.filter.as_ref().is_none_or(|f| pack.tests[*i].title.contains(f.as_str())))
        .collect();
    if chosen.is_empty() {
        let help = if pack.tests.is_empty() {
            "tests begin with `test \"TITLE\"` in a rule file"
        } else {
            "no title contains the filter"
        };
        return Err(Fault::new("there is no test to run", help));
    }
    let started = Instant::now();
    let mut bench = scenario::Bench::new(&pack)?;
    let (mut passed, mut failed) = (0usize, 0usize);
    let mut report =
        formats::TestReport::new(&compiled.sources, Paths::new(&compiled.sources, &compiled.settings), now());
    for i in chosen {
        let test = &pack.tests[i];
        let began = Instant::now();
        let failures = scenario::run(&pack, &mut bench, i)?;
        let seconds = began.elapsed().as_secs_f64();
        let place = |span: crate::source::Span| {
            let file = compiled.sources.file(span.file);
            let (line, column) = file.position(span.start);
            (file.name.clone(), line, column)
        };
        if failures.is_empty() {
            passed += 1;
        } else {
            failed += 1;
        }
        match options.format {
            Report::Sarif | Report::Junit | Report::Github => {
                let places = failures.iter().map(|f| (f.span, f.message.clone())).collect();
                report.add(&test.title, test.span, seconds, places);
            }
            Report::Json => {
                let (file, line, _) = place(test.span);
                let list: Vec<_> = failures
                    .iter()
                    .map(|f| {
                        let (file, line, column) = place(f.span);
                        json!({"file": file, "line": line, "column": column, "message": f.message})
                    })
                    .collect();
                let verdict = if failures.is_empty() { "passed" } else { "failed" };
                out.line(json!({"v": 1, "test": &*test.title, "result": verdict, "file": file, "line": line, "failures": list}).to_string())?;
            }
            Report::Human => {
                if !failures.is_empty() {
                    out.line(format!("{} {}", out.paint(RED, "✗"), test.title))?;
                    for failure in &failures {
                        let (file, line, column) = place(failure.span);
                        out.line(format!("    {}", out.paint(DIM, format!("{file}:{line}:{column}"))))?;
                        let text = compiled.sources.text(failure.span).lines().next().unwrap_or("").trim().to_owned();
                        out.line(format!("    {text}"))?;
                        out.line(format!("      {}", failure.message))?;
                    }
                } else if options.verbose {
                    out.line(format!("{} {}", out.paint(GREEN, "✓"), test.title))?;
                }
            }
        }
    }
    if let Some(text) = report.written(options.format) {
        out.text(&text)?;
    }
    if options.format == Report::Human {
        let mark = if failed == 0 { out.paint(GREEN, "ok") } else { out.paint(RED, "failed") };
        out.line(format!("{mark}: {passed} passed, {failed} failed in {:.1} s", started.elapsed().as_secs_f64()))?;
    }
    Ok(if failed == 0 { FINE } else { findings() })
}
