//! The page of a code: what is wrong, why it matters, an example that is wrong and what to write instead.

use crate::diagnostic::Code;

/// A page, cut into its parts. The texts are Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// What the code says.
    pub what: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// An example that is wrong.
    pub wrong: &'static str,
    /// What to write instead.
    pub instead: &'static str,
}

const WHY: &str = "\n## Why it matters\n";
const WRONG: &str = "\n## Wrong\n";
const INSTEAD: &str = "\n## Write instead\n";

impl Page {
    /// The page of a code. A part that the page does not have is empty.
    pub fn of(code: Code) -> Page {
        let (_, rest) = code.page().split_once('\n').unwrap_or_default();
        let (what, rest) = rest.split_once(WHY).unwrap_or((rest, ""));
        let (why, rest) = rest.split_once(WRONG).unwrap_or((rest, ""));
        let (wrong, instead) = rest.split_once(INSTEAD).unwrap_or((rest, ""));
        Page { what: what.trim(), why: why.trim(), wrong: wrong.trim(), instead: instead.trim() }
    }
}

/// The blocks of a language in a text, without their fences.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open: Option<bool> = None;
    for line in text.lines() {
        match (open, line.strip_prefix("```")) {
            (None, Some(name)) => {
                open = Some(name.trim() == language);
                if open == Some(true) {
                    found.push(String::new());
                }
            }
            (Some(_), Some(_)) => open = None,
            (Some(true), None) => {
                if let Some(block) = found.last_mut() {
                    block.push_str(line);
                    block.push('\n');
                }
            }
            _ => {}
        }
    }
    found
}
