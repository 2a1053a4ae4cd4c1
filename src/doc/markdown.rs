//! Markdown as GitHub reads it: text that stays text, tables, anchors.

/// Text in which nothing is a sign of Markdown.
pub(super) fn text(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len());
    for c in plain.chars() {
        // `$` begins a formula on GitHub.
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '$' | '&') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Words of the language within a line. A cell of a table splits at `|` even there.
pub(super) fn code(words: &str) -> String {
    // No text of the language spans lines; what has a backtick in it needs a longer fence.
    let longest = words.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if words.starts_with('`') || words.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", words.replace('|', "\\|"))
}

/// A block of rules.
pub(super) fn block(rules: &str) -> String {
    let longest = rules.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}bylaw\n{}\n{fence}\n", rules.trim_end())
}

/// A place that links can name. Headings make anchors of their own, which differ from one reader to the next.
pub(super) fn anchor(id: &str) -> String {
    format!("<a id=\"{id}\"></a>")
}

/// A table. Cells are Markdown and hold no line break.
pub(super) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Table {
        Table { head: head.iter().map(|h| (*h).to_owned()).collect(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
        writeln!(f, "{}", line(&self.head))?;
        writeln!(f, "{}", line(&vec!["---".to_owned(); self.head.len()]))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{}", line(row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_markdown_stay_text() {
        assert_eq!(text("a_b *c* | $5 <d> [e]"), "a\\_b \\*c\\* \\| \\$5 \\<d\\> \\[e\\]");
    }

    #[test]
    fn code_takes_any_words() {
        assert_eq!(code("a | b"), "`a \\| b`");
        assert_eq!(code("`x`"), "`` `x` ``");
    }
}
