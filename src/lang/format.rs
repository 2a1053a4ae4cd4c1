//! The canonical form of a file: words for signs, one blank where one is enough, columns under columns.
//!
//! The grammar's own trees decide everything: a keyword rule is written by its words, a line that is too long is broken
//! where the tree is shallowest. No construct of the language has a printer of its own here, so that a new one is
//! formatted as soon as it is in the grammar. Comments and blank lines are no part of the trees; they are carried past.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr;

use super::item::Noun;
use super::parse;
use super::syntax::{Block, Facts, Line, Node, Rule, keyword, layout};
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{FileId, Sources};
use crate::value::{grouped, with_article};

/// A line is broken before this many characters, where a break helps.
pub const WIDTH: usize = 120;
/// Blanks in front of what goes on with the line above, and of the rows of a table.
const DEEPER: usize = 4;
/// Blanks in front of a fact.
const FACT: usize = 2;
/// Blanks between two cells.
const APART: usize = 2;

/// The canonical form of a text, or why it has none: what does not read is left as it is.
pub fn format(name: &str, text: &str) -> Result<String, Box<(Sources, Vec<Diagnostic>)>> {
    let mut sources = Sources::default();
    // Ends of lines are no words; everything else keeps its place in the messages.
    let id = sources.add(name, text.replace("\r\n", "\n").replace('\r', "\n"));
    match written(&sources, id) {
        Some(done) => Ok(done),
        None => {
            let (_, mut faults) = parse::parse(&sources);
            crate::diagnostic::in_source_order(&mut faults);
            faults.retain(|f| f.severity() == Severity::Error);
            Err(Box::new((sources, faults)))
        }
    }
}

// ── words ──

/// A word of the canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    /// The rule of the grammar it comes from; nothing for a comma, a parenthesis and the like.
    rule: Option<Rule>,
    /// How deep in the tree what stands before it ends and this begins: the shallowest place is the best to break at.
    depth: usize,
    /// How deep the phrase lies that it is part of.
    phrase: usize,
    /// Whether columns begin here, where lines of its kind stand below each other.
    column: bool,
}

impl Token {
    /// Whether it clings to the word before it.
    fn clings(&self) -> bool {
        matches!(&*self.text, "," | ")" | "'s")
    }

    /// Whether the next word clings to it.
    fn holds(&self) -> bool {
        self.text == "("
    }

    /// Whether a line may end between it and the next word: never behind a word that opens a phrase.
    fn may_end_a_line(&self, next: &Token) -> bool {
        match self.rule {
            None => self.text == "," || self.text == ")",
            Some(Rule::sign | Rule::times) => false,
            Some(rule) => keyword(rule).is_none() || next.depth < self.phrase,
        }
    }
}

/// The words of a line in their canonical form.
fn words(node: &Node<'_>) -> Vec<Token> {
    let mut reader = Reader { tokens: Vec::new(), depth: 0, begins_column: false, last: node.text_start() };
    reader.node(node, node, 0, 0);
    reader.gap(node, node.text_end());
    let mut tokens = reader.tokens;
    agree(&mut tokens);
    tokens
}

struct Reader {
    tokens: Vec<Token>,
    /// The depth of the place before the next word.
    depth: usize,
    begins_column: bool,
    /// Where the last word ended, in bytes of the line.
    last: usize,
}

impl Reader {
    fn node(&mut self, root: &Node<'_>, node: &Node<'_>, depth: usize, phrase: usize) {
        let whole = matches!(node.rule(), Rule::title | Rule::name | Rule::money | Rule::quantity);
        let mut children = node.children().peekable();
        if whole || children.peek().is_none() {
            // A rule all of whose parts are left out has no words.
            if node.text().trim().is_empty() {
                return;
            }
            self.gap(root, node.text_start());
            let text = leaf(node);
            // What is written as another word is that word, or lines would be broken otherwise the next time.
            let rule = if node.rule() == Rule::equals { Rule::is } else { node.rule() };
            self.push(text, Some(rule), phrase);
            self.last = node.text_start() + node.text().trim_end().len();
            return;
        }
        // Rules that only gather clauses which all stand on one level.
        let counted = node.rule() != Rule::source;
        // A node around one word is that word: the phrase is the one around it.
        let inner = if node.children().nth(1).is_some() { depth } else { phrase };
        for (i, child) in children.enumerate() {
            if i > 0 {
                self.depth = depth;
            }
            match (node.rule(), child.rule()) {
                (Rule::column, Rule::kind) => self.begins_column = true,
                (Rule::choice, Rule::number) => {
                    // A word that looks like a number is still a word.
                    self.gap(root, child.text_start());
                    self.push(child.text().to_owned(), Some(Rule::number), phrase);
                    self.last = child.text_start() + child.text().trim_end().len();
                    continue;
                }
                _ => {}
            }
            self.node(root, &child, depth + usize::from(counted), inner);
        }
    }

    fn push(&mut self, text: String, rule: Option<Rule>, phrase: usize) {
        let column = std::mem::take(&mut self.begins_column);
        self.tokens.push(Token { text, rule, depth: self.depth, phrase, column });
    }

    /// The signs between two words, which are no nodes of the tree.
    fn gap(&mut self, root: &Node<'_>, to: usize) {
        let from = self.last.saturating_sub(root.text_start());
        let to = to.saturating_sub(root.text_start());
        let text = root.text().get(from..to).unwrap_or("");
        for line in text.split('\n') {
            let line = line.split('#').next().unwrap_or("");
            for sign in line.chars().filter(|c| !c.is_whitespace()) {
                self.push(sign.to_string(), None, 0);
            }
        }
    }
}

/// The canonical form of one word of the tree.
fn leaf(node: &Node<'_>) -> String {
    let text = node.text();
    let plain = || text.split_whitespace().collect::<Vec<_>>().join(" ");
    match node.rule() {
        Rule::title => text.trim_end().to_owned(),
        Rule::ge => "is at least".to_owned(),
        Rule::le => "is at most".to_owned(),
        Rule::gt => "is above".to_owned(),
        Rule::lt => "is below".to_owned(),
        Rule::equals => "is".to_owned(),
        Rule::number => number(text),
        Rule::quantity => quantity(node),
        Rule::money => money(node),
        // Two ways to say one thing each, between which the words around decide.
        Rule::article | Rule::rows | Rule::times_word => plain(),
        rule => keyword(rule).unwrap_or_else(plain),
    }
}

/// A number without a unit. Four digits stay as they are written, for they may be a year.
fn number(text: &str) -> String {
    let digits = text.trim().trim_start_matches('-').split('.').next().unwrap_or("");
    let four = digits.chars().filter(char::is_ascii_digit).count() == 4 && !digits.starts_with('0');
    if four { text.trim().to_owned() } else { regrouped(text) }
}

/// Digits with commas between thousands. The digits behind the point stay as they are written: `0.30` beside `0.25`
/// reads better than `0.3`.
fn regrouped(text: &str) -> String {
    let text: String = text.trim().chars().filter(|c| *c != ',').collect();
    let (sign, rest) = text.strip_prefix('-').map_or(("", &*text), |r| ("-", r));
    let trimmed = rest.trim_start_matches('0');
    let zero = if trimmed.is_empty() || trimmed.starts_with('.') { "0" } else { "" };
    grouped(&format!("{sign}{zero}{trimmed}"))
}

fn quantity(node: &Node<'_>) -> String {
    let number = node.child(Rule::plain).map(|p| regrouped(p.text())).unwrap_or_default();
    match node.child(Rule::unit) {
        Some(unit) => format!("{number} {}", counted_unit(unit.text(), number == "1")),
        None => format!("{number}%"),
    }
}

fn counted_unit(word: &str, one: bool) -> String {
    let word = word.split_whitespace().collect::<Vec<_>>().join(" ");
    let singular = word.trim_end_matches('s');
    match super::expr::Unit::parse(&word) {
        Some(_) if one => singular.to_owned(),
        Some(_) => format!("{singular}s"),
        None => word,
    }
}

/// An amount is written out: `$1.5M` is `$1,500,000`.
fn money(node: &Node<'_>) -> String {
    let text = node.child(Rule::amount_of_money).map_or(node.text(), |a| a.text()).trim();
    let sign = text.chars().find(|c| matches!(c, '$' | '€' | '£')).unwrap_or('$');
    let digits: String = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect();
    let zeros = match text.chars().last() {
        Some('K') => 3,
        Some('M') => 6,
        Some('B') => 9,
        _ => 0,
    };
    let written = if zeros == 0 {
        digits
    } else {
        let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
        let moved = fraction.len().min(zeros);
        let left = &fraction[moved..];
        let point = if left.is_empty() { "" } else { "." };
        format!("{whole}{}{}{point}{left}", &fraction[..moved], "0".repeat(zeros - moved))
    };
    let amount = regrouped(&written);
    let amount = amount.strip_prefix('-').map_or_else(|| format!("{sign}{amount}"), |a| format!("-{sign}{a}"));
    match node.child(Rule::each_time) {
        Some(each) => format!("{amount} {}", each.text().split_whitespace().collect::<Vec<_>>().join(" ")),
        None => amount,
    }
}

/// Words that go by the word beside them: `a` or `an`, one row or two rows, one was or two were.
fn agree(tokens: &mut [Token]) {
    for i in 0..tokens.len() {
        let before = &tokens[..i];
        let counted = || before.iter().rev().find(|t| t.rule == Some(Rule::number)).is_some_and(|t| t.text == "1");
        let plural = |one: &str| if counted() { one.to_owned() } else { format!("{one}s") };
        let text = match tokens[i].rule {
            Some(Rule::article) if tokens[i].text != "another" => {
                let next = tokens.get(i + 1).map_or("", |t| &*t.text);
                with_article(next).split(' ').next().unwrap_or("a").to_owned()
            }
            Some(Rule::rows) => plural("row"),
            Some(Rule::times_word) => plural("time"),
            Some(Rule::unit | Rule::unit_word) => counted_unit(&tokens[i].text, counted()),
            Some(Rule::k_was | Rule::k_were) => {
                let several = before.iter().any(|t| t.rule == Some(Rule::k_and));
                if several { "were" } else { "was" }.to_owned()
            }
            _ => continue,
        };
        tokens[i].text = text;
    }
}

/// The words on one line.
fn joined(tokens: &[Token]) -> String {
    let mut line = String::new();
    for (i, token) in tokens.iter().enumerate() {
        if i > 0 && !token.clings() && !tokens[i - 1].holds() {
            line.push(' ');
        }
        line.push_str(&token.text);
    }
    line
}

/// The words on as many lines as it takes, the first after `indent` blanks, the others after four.
fn laid(tokens: &[Token], indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = tokens;
    let mut blanks = indent;
    loop {
        let room = WIDTH.saturating_sub(blanks);
        let end = if joined(rest).width() <= room { rest.len() } else { best_break(rest, room) };
        lines.push(format!("{}{}", " ".repeat(blanks), joined(&rest[..end])));
        if end == rest.len() {
            return lines;
        }
        rest = &rest[end..];
        blanks = DEEPER;
    }
}

/// Before which word a line ends: where the tree is shallowest, there rather before a clause with a word of its own than
/// behind a comma, and as late as there is room.
fn best_break(tokens: &[Token], room: usize) -> usize {
    let allowed = |i: &usize| {
        let (before, here) = (&tokens[i - 1], &tokens[*i]);
        !here.clings() && !before.holds() && before.may_end_a_line(here)
    };
    let fits = |i: &usize| joined(&tokens[..*i]).width() <= room;
    let places: Vec<usize> = (1..tokens.len()).filter(allowed).collect();
    let best = places
        .iter()
        .copied()
        .take_while(fits)
        .min_by_key(|i| (tokens[*i].depth, tokens[i - 1].text == ",", tokens.len() - i));
    // Where nothing fits, the line is as short as it can be.
    best.or_else(|| places.first().copied()).unwrap_or(tokens.len())
}

// ── lines ──

/// What stands on one line of the source.
enum Piece {
    Blank,
    /// A comment that has the line for itself, and whether it was indented.
    Comment(String, bool),
    /// A head or a fact, with the comment behind it.
    Line {
        rank: Rank,
        rule: Option<Rule>,
        tokens: Vec<Token>,
        note: Option<String>,
    },
    /// A row of a table.
    Row {
        cells: Vec<String>,
        note: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Head,
    Fact,
}

/// Reads a file and writes it anew; nothing when a line does not read.
fn written(sources: &Sources, id: FileId) -> Option<String> {
    let pieces = pieces(sources, id)?;
    Some(lay(&pieces))
}

/// What of the source a line of it holds, by the number of the line.
enum Place<'a> {
    Start(Rank, Noun, &'a Line),
    Goes,
    Row,
}

fn pieces(sources: &Sources, id: FileId) -> Option<Vec<Piece>> {
    let mut faults = Vec::new();
    let blocks: Vec<Block> = layout(sources, id, &mut faults);
    if !faults.is_empty() {
        return None;
    }
    let file = sources.file(id);
    let mut places: BTreeMap<usize, (Place<'_>, u32)> = BTreeMap::new();
    for block in &blocks {
        let first = sources.text(block.head.first).split(char::is_whitespace).next().unwrap_or("");
        let noun = Noun::ALL.iter().copied().find(|n| n.word() == first)?;
        let lines = std::iter::once((Rank::Head, &block.head)).chain(block.facts.iter().map(|f| (Rank::Fact, f)));
        for (rank, line) in lines {
            let table = rank == Rank::Fact && parse::opens_table(noun, sources.text(line.first));
            places.insert(file.line_of(line.first.start), (Place::Start(rank, noun, line), line.first.end));
            for more in &line.more {
                let place = if table { Place::Row } else { Place::Goes };
                places.insert(file.line_of(more.start), (place, more.end));
            }
        }
    }
    let mut facts = Facts::new(sources);
    let mut pieces: Vec<Piece> = Vec::new();
    // Where in `pieces` the line stands that may still go on.
    let mut open = 0;
    for number in 0..file.line_count() {
        let start = file.line_start(number);
        let text = file.text.get(start..file.line_start(number + 1)).unwrap_or("");
        let note_from = |at: u32| {
            let rest = text.get((at as usize).saturating_sub(start)..).unwrap_or("").trim();
            (!rest.is_empty()).then(|| comment(rest))
        };
        match places.get(&number) {
            None if text.trim().is_empty() => pieces.push(Piece::Blank),
            None => pieces.push(Piece::Comment(comment(text.trim()), text.starts_with([' ', '\t']))),
            Some((Place::Row, end)) => {
                let span = crate::source::Span { file: id, start: start as u32, end: *end };
                let row = facts.parse(Rule::cells, span).ok()?;
                let cells = row.children().filter(|n| n.rule() == Rule::cell);
                pieces.push(Piece::Row {
                    cells: cells.map(|c| c.text().trim().to_owned()).collect(),
                    note: note_from(*end),
                });
            }
            Some((Place::Start(rank, noun, line), end)) => {
                let (rule, span) = match rank {
                    Rank::Head => (noun.head_rule(), line.span),
                    Rank::Fact if parse::opens_table(*noun, sources.text(line.first)) => (Rule::table, line.first),
                    Rank::Fact => (noun.fact_rule(), line.span),
                };
                let node = facts.parse(rule, span).ok()?;
                open = pieces.len();
                let rule = node.children().next().map(|n| n.rule());
                let tokens = words(&node);
                pieces.push(Piece::Line { rank: *rank, rule, tokens, note: note_from(*end) });
            }
            Some((Place::Goes, end)) => {
                // What was noted in the middle of a line is said before it, what was noted at its end stays there.
                let mut above: Vec<Piece> = Vec::new();
                let note = note_from(*end);
                let inner: Vec<Piece> = pieces.drain(open + 1..).collect();
                let Some(Piece::Line { note: earlier, rank, .. }) = pieces.last_mut() else { continue };
                let indented = *rank == Rank::Fact;
                above.extend(std::mem::replace(earlier, note).map(|n| Piece::Comment(n, indented)));
                above.extend(inner.into_iter().filter_map(|p| match p {
                    Piece::Comment(text, _) => Some(Piece::Comment(text, indented)),
                    _ => None,
                }));
                let count = above.len();
                pieces.splice(open..open, above);
                open += count;
            }
        }
    }
    Some(pieces)
}

/// A comment without blanks at its end.
fn comment(text: &str) -> String {
    text.trim_end().to_owned()
}

/// Writes the pieces below each other.
fn lay(pieces: &[Piece]) -> String {
    let mut out = Page { lines: Vec::new(), blank: false };
    let (mut facts, mut outside) = (false, false);
    let mut i = 0;
    while i < pieces.len() {
        match &pieces[i] {
            Piece::Blank => {
                // Directly below a head nothing is to be set apart.
                let above = pieces[..i].iter().rev().find(|p| !matches!(p, Piece::Blank));
                let below_head = matches!(above, Some(Piece::Line { rank: Rank::Head, .. }))
                    && matches!(next_line(&pieces[i..]), Some(Rank::Fact));
                out.blank |= !below_head;
                i += 1;
            }
            Piece::Comment(text, indented) => {
                let next = next_place(&pieces[i..]);
                let indent = match next {
                    Next::Fact => FACT,
                    Next::Row => DEEPER,
                    Next::Other if *indented && !outside && !out.lines.is_empty() && !out.blank => FACT,
                    Next::Other => 0,
                };
                outside = indent == 0;
                if outside && facts {
                    out.blank = true;
                    facts = false;
                }
                out.push(format!("{}{text}", " ".repeat(indent)));
                i += 1;
            }
            Piece::Row { .. } => {
                let run = run_of(&pieces[i..], |p| matches!(p, Piece::Row { .. }));
                rows(&pieces[i..i + run], &mut out);
                i += run;
            }
            Piece::Line { rank, rule, .. } => {
                if *rank == Rank::Head && facts {
                    out.blank = true;
                }
                outside = false;
                facts = *rank == Rank::Fact || facts && *rank != Rank::Head;
                let same = |p: &Piece| matches!(p, Piece::Line { rank: r, rule: q, .. } if r == rank && q == rule);
                let run =
                    if *rank == Rank::Fact || has_no_facts(&pieces[i..]) { run_of(&pieces[i..], same) } else { 1 };
                // The last head of a run may have facts of its own; the run still stands in line.
                lines(&pieces[i..i + run], &mut out);
                i += run;
            }
        }
    }
    out.blank = false;
    let mut text = out.lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

struct Page {
    lines: Vec<String>,
    /// A blank line comes before the next.
    blank: bool,
}

impl Page {
    fn push(&mut self, line: String) {
        if std::mem::take(&mut self.blank) && !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.lines.push(line);
    }

    fn push_noted(&mut self, mut lines: Vec<String>, note: Option<&String>) {
        if let (Some(last), Some(note)) = (lines.last_mut(), note) {
            last.push_str("  ");
            last.push_str(note);
        }
        lines.into_iter().for_each(|line| self.push(line));
    }
}

enum Next {
    Fact,
    Row,
    /// A head, or nothing.
    Other,
}

fn next_place(pieces: &[Piece]) -> Next {
    pieces
        .iter()
        .find_map(|p| match p {
            Piece::Line { rank: Rank::Fact, .. } => Some(Next::Fact),
            Piece::Line { .. } => Some(Next::Other),
            Piece::Row { .. } => Some(Next::Row),
            _ => None,
        })
        .unwrap_or(Next::Other)
}

fn next_line(pieces: &[Piece]) -> Option<Rank> {
    pieces.iter().find_map(|p| if let Piece::Line { rank, .. } = p { Some(*rank) } else { None })
}

fn has_no_facts(pieces: &[Piece]) -> bool {
    !matches!(pieces.get(1..).map(next_place), Some(Next::Fact))
}

/// How many pieces from the first on are of a kind; comments among them do not end a run.
fn run_of(pieces: &[Piece], kind: impl Fn(&Piece) -> bool) -> usize {
    let mut end = 0;
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Comment(..) => {}
            piece if kind(piece) => end = i + 1,
            _ => break,
        }
    }
    end
}

/// The rows of a table, cells under cells.
fn rows(pieces: &[Piece], out: &mut Page) {
    let mut widths: Vec<usize> = Vec::new();
    for piece in pieces {
        if let Piece::Row { cells, .. } = piece {
            for (i, cell) in cells.iter().enumerate() {
                match widths.get_mut(i) {
                    Some(width) => *width = (*width).max(cell.width()),
                    None => widths.push(cell.width()),
                }
            }
        }
    }
    for piece in pieces {
        match piece {
            Piece::Row { cells, note } => {
                let mut line = " ".repeat(DEEPER);
                for (i, cell) in cells.iter().enumerate() {
                    line.push_str(cell);
                    if i + 1 < cells.len() {
                        line.push_str(&" ".repeat(widths[i] - cell.width() + APART));
                    }
                }
                out.push_noted(vec![line], note.as_ref());
            }
            Piece::Comment(text, _) => out.push(format!("{}{text}", " ".repeat(DEEPER))),
            _ => {}
        }
    }
}

/// Lines of one kind below each other: where they have columns, those stand below each other too.
fn lines(pieces: &[Piece], out: &mut Page) {
    let aligned: Vec<Option<Vec<Token>>> = aligned(pieces);
    for (piece, aligned) in pieces.iter().zip(aligned) {
        match piece {
            Piece::Line { rank, tokens, note, .. } => {
                let indent = if *rank == Rank::Head { 0 } else { FACT };
                out.push_noted(laid(aligned.as_ref().unwrap_or(tokens), indent), note.as_ref());
            }
            Piece::Comment(text, _) => {
                let indent = match pieces.first() {
                    Some(Piece::Line { rank: Rank::Head, .. }) => 0,
                    _ => FACT,
                };
                out.push(format!("{}{text}", " ".repeat(indent)));
            }
            _ => {}
        }
    }
}

/// The lines of a run with the word before their column made as wide as the widest.
fn aligned(pieces: &[Piece]) -> Vec<Option<Vec<Token>>> {
    let column = |piece: &Piece| {
        let Piece::Line { rank, rule, tokens, .. } = piece else { return None };
        let of_columns = tokens.iter().position(|t| t.column);
        let at = of_columns.or_else(|| {
            // A setting of its own is a line of the history of settings: one change, one line.
            let equals = *rank == Rank::Fact && *rule == Some(Rule::setting)
                || *rank == Rank::Head && matches!(rule, Some(Rule::k_metric | Rule::k_param));
            equals.then(|| tokens.iter().position(|t| t.rule.is_none() && t.text == "=")).flatten()
        })?;
        let indent = if *rank == Rank::Head { 0 } else { FACT };
        let short = of_columns.is_some() || indent + joined(tokens).width() <= WIDTH;
        short.then(|| (at, joined(&tokens[..at]).width(), of_columns.is_some()))
    };
    let places: Vec<_> = pieces.iter().map(column).collect();
    let widest = places.iter().flatten().map(|(_, width, _)| *width).max().unwrap_or(0);
    let several = places.iter().flatten().count() > 1;
    let pad = |(piece, place): (&Piece, &Option<(usize, usize, bool)>)| {
        let (Piece::Line { tokens, .. }, Some((at, width, of_columns))) = (piece, place) else { return None };
        let blanks = widest - width + usize::from(*of_columns);
        if !several && !of_columns {
            return None;
        }
        let mut tokens = tokens.clone();
        let before = tokens.get_mut(at.checked_sub(1)?)?;
        before.text.push_str(&" ".repeat(blanks));
        let fits = *of_columns || joined(&tokens).width() + FACT <= WIDTH;
        fits.then_some(tokens)
    };
    pieces.iter().zip(&places).map(pad).collect()
}
