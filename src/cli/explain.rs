//! `bylaws explain`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::output::{BOLD, Out};
use super::{Done, FINE, Fault};
use crate::diagnostic::{Code, nearest};
use crate::page::Page;

/// The ways a page can be written: there is no machine that would take one as anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The code, such as B0201
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    code: Option<String>,
    /// Name every code with one line on what it stands for
    #[arg(long)]
    list: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let chosen = match &options.code {
        None => Code::ALL.to_vec(),
        Some(word) => vec![Code::parse(word).ok_or_else(|| unknown(word))?],
    };
    for code in chosen {
        let line = match options.format {
            Format::Json => in_json(code, !options.list),
            Format::Human if options.list => {
                format!("{}  {:<7}  {}", code.as_str(), code.severity().to_string(), code.summary())
            }
            Format::Human => drawn(code.page(), out),
        };
        out.line(line)?;
    }
    Ok(FINE)
}

fn unknown(word: &str) -> Fault {
    let shout = word.to_ascii_uppercase();
    let near = nearest(&shout, Code::ALL.iter().map(|c| c.as_str()));
    let list = "`bylaws explain --list` names all codes";
    Fault::new(
        format!("there is no code `{word}`"),
        near.map_or_else(|| list.to_owned(), |near| format!("{near} {list}")),
    )
}

fn in_json(code: Code, whole: bool) -> String {
    let mut object = json!({
        "v": 1,
        "code": code.as_str(),
        "severity": code.severity().to_string(),
        "summary": code.summary(),
    });
    if whole {
        let page = Page::of(code);
        object["what"] = json!(page.what);
        object["why"] = json!(page.why);
        object["wrong"] = json!(page.wrong);
        object["instead"] = json!(page.instead);
    }
    object.to_string()
}

/// A page for a terminal: headings stand out, examples are indented, marks of Markdown are gone.
fn drawn(page: &str, out: &Out) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            lines.push(if line.is_empty() { String::new() } else { format!("    {line}") });
        } else if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("# ")) {
            lines.push(out.paint(BOLD, heading));
        } else {
            lines.extend(wrapped(line, out.width()));
        }
    }
    lines.join("\n")
}

fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let long = lines.last().is_some_and(|l| !l.is_empty() && l.chars().count() + 1 + word.chars().count() > width);
        if long {
            lines.push(String::new());
        }
        if let Some(last) = lines.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}
