//! `bylaws check`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::output::Out;
use super::{Done, FINE, Fault, Format, PackArgs, findings, world};
use crate::compile::Compiled;
use crate::diagnostic::{Code, Diagnostic, Severity, render};
use crate::lang::item::Noun;
use crate::lang::pack::Pack;
use crate::value::{counted, listed};

/// So many findings are shown to people; then they are counted.
const SHOWN: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    pack: PackArgs,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let compiled = options.pack.compile();
    report(&compiled, out, options.format, true)
}

/// Tells what was found, and with what exit code.
pub(super) fn report(compiled: &Compiled, out: &mut Out, format: Format, summary: bool) -> Result<ExitCode, Fault> {
    match format {
        Format::Json => {
            for diagnostic in &compiled.diagnostics {
                out.line(json_line(diagnostic, compiled))?;
            }
        }
        Format::Human => human(compiled, out)?,
    }
    let unreadable = compiled.diagnostics.iter().any(|d| matches!(d.code, Code::CannotRead | Code::NoRuleFiles));
    let code = if unreadable {
        world()
    } else if compiled.is_refused() {
        findings()
    } else {
        FINE
    };
    if summary && let Some(pack) = &compiled.pack {
        let note = not_executed(pack);
        match format {
            Format::Human => {
                let warnings = compiled.count(Severity::Warning);
                let warned = if warnings > 0 { format!("; {}", counted(warnings, "warning")) } else { String::new() };
                out.line(format!("ok: {}{warned}", contents(pack)))?;
                if let Some(note) = note {
                    out.line(format!("note: {note}"))?;
                }
            }
            Format::Json => {
                if let Some(note) = note {
                    let note = Diagnostic::new(Code::NotExecuted, note);
                    out.line(json_line(&note, compiled))?;
                }
            }
        }
    }
    Ok(code)
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
    // How to learn more is said once, for the first of those that were shown.
    if let Some(first) = compiled.diagnostics.first() {
        out.error(&format!("`bylaws explain {}` says more\n", first.code.as_str()))?;
    }
    if compiled.is_refused() {
        let (errors, warnings) = (compiled.count(Severity::Error), compiled.count(Severity::Warning));
        let warned = if warnings > 0 { format!(", {}", counted(warnings, "warning")) } else { String::new() };
        // What could not be read is no file in which something was found.
        let files = match compiled.sources.len() {
            0 => String::new(),
            n => format!(" in {}", counted(n, "file")),
        };
        out.error(&format!("refused: {}{warned}{files}\n", counted(errors, "error")))?;
    }
    Ok(())
}

fn json_line(diagnostic: &Diagnostic, compiled: &Compiled) -> String {
    let place = |span: crate::source::Span| {
        let file = compiled.sources.file(span.file);
        let (line, column) = file.position(span.start);
        let (end_line, end_column) = file.position(span.end);
        json!({"file": file.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column})
    };
    let labels: Vec<_> = diagnostic
        .labels
        .iter()
        .map(|l| {
            let mut at = place(l.span);
            if !l.text.is_empty() {
                at["text"] = json!(l.text);
            }
            at
        })
        .collect();
    json!({
        "v": 1,
        "code": diagnostic.code.as_str(),
        "severity": diagnostic.severity().to_string(),
        "message": diagnostic.message,
        "places": labels,
        "help": diagnostic.help,
    })
    .to_string()
}

/// How many of each item a pack holds.
pub(super) fn contents(pack: &Pack) -> String {
    let mut counts: BTreeMap<Noun, usize> = BTreeMap::new();
    for item in pack.items() {
        *counts.entry(item.noun).or_default() += 1;
    }
    let parts: Vec<String> = counts.into_iter().map(|(noun, n)| noun.counted(n)).collect();
    if parts.is_empty() { "nothing in it".into() } else { listed(&parts, "and") }
}

/// What of a pack is judged and planned but not carried out by this version.
fn not_executed(pack: &Pack) -> Option<String> {
    let steps: usize =
        pack.triggers.iter().map(|t| t.steps.len()).chain(pack.rollbacks.iter().map(|r| r.core.steps.len())).sum();
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
