//! Text to syntax trees: the grammar's parser, the pieces of a file, and what to say when a line does not read.

use std::sync::{Arc, Mutex, PoisonError};

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pair;

use super::repair::{advice, elsewhere, repair};
use crate::diagnostic::{Code, Diagnostic, nearest, nearest_name};
use crate::source::{FileId, Sources, Span};

#[allow(missing_docs, unreachable_pub)]
mod grammar {
    /// The parser that `grammar/*.pest` generates.
    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/layout.pest"]
    #[grammar = "../grammar/words.pest"]
    #[grammar = "../grammar/expr.pest"]
    #[grammar = "../grammar/contract.pest"]
    #[grammar = "../grammar/pairs.pest"]
    #[grammar = "../grammar/param.pest"]
    #[grammar = "../grammar/metric.pest"]
    #[grammar = "../grammar/threshold.pest"]
    #[grammar = "../grammar/gate.pest"]
    #[grammar = "../grammar/stage.pest"]
    #[grammar = "../grammar/trigger.pest"]
    #[grammar = "../grammar/step.pest"]
    #[grammar = "../grammar/rollback.pest"]
    #[grammar = "../grammar/decision.pest"]
    #[grammar = "../grammar/report.pest"]
    #[grammar = "../grammar/role.pest"]
    #[grammar = "../grammar/calendar.pest"]
    #[grammar = "../grammar/test.pest"]
    #[grammar = "../grammar/keywords.pest"]
    pub struct Grammar;
}

pub(crate) use grammar::Rule;

/// Parentheses may nest this deep; beyond it nobody reads the line.
pub const MAX_DEPTH: usize = 32;
/// So many signs of arithmetic may stand in a line.
const MAX_SIGNS: usize = 1_000;
/// After so many lines of a pack that do not read, the rest get the short message: looking for the best words is slow.
const MAX_DETAILED: usize = 200;

/// A word of the source with its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Word {
    /// The word.
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// One logical line: a head or a fact, its continuation lines included.
#[derive(Debug, Clone)]
pub struct Line {
    /// All of it.
    pub span: Span,
    /// The words of its first line.
    pub first: Span,
    /// The words of each further line; the rows, where the line opens a table.
    pub more: Vec<Span>,
    /// A line that stands nowhere follows, which may have been meant to go on with this one.
    pub cut: bool,
}

/// A head in column 0 and the facts below it.
#[derive(Debug, Clone)]
pub struct Block {
    /// The line that names the noun.
    pub head: Line,
    /// The lines below it, in order.
    pub facts: Vec<Line>,
}

impl Block {
    /// All of it, from its noun to the end of its last line.
    pub fn span(&self) -> Span {
        self.facts.iter().fold(self.head.span, |all, fact| all.to(fact.span))
    }
}

/// A node of the syntax tree with its place in the sources.
#[derive(Debug, Clone)]
pub(crate) struct Node<'i> {
    pair: Pair<'i, Rule>,
    file: FileId,
    base: u32,
}

impl<'i> Node<'i> {
    pub(crate) fn rule(&self) -> Rule {
        self.pair.as_rule()
    }

    pub(crate) fn span(&self) -> Span {
        let span = self.pair.as_span();
        // A rule may have eaten blanks before it found that nothing follows.
        let trimmed = span.as_str().trim_end().len();
        Span {
            file: self.file,
            start: self.base + span.start() as u32,
            end: self.base + (span.start() + trimmed) as u32,
        }
    }

    pub(crate) fn text(&self) -> &'i str {
        self.pair.as_str()
    }

    /// Where its text begins, in bytes of the file.
    pub(crate) fn text_start(&self) -> usize {
        self.base as usize + self.pair.as_span().start()
    }

    /// Where its text ends, in bytes of the file.
    pub(crate) fn text_end(&self) -> usize {
        self.base as usize + self.pair.as_span().end()
    }

    pub(crate) fn word(&self) -> Word {
        Word { text: self.text().into(), span: self.span() }
    }

    pub(crate) fn children(&self) -> impl Iterator<Item = Node<'i>> + use<'i> {
        let (file, base) = (self.file, self.base);
        self.pair.clone().into_inner().filter(|p| p.as_rule() != Rule::EOI).map(move |pair| Node { pair, file, base })
    }

    pub(crate) fn child(&self, rule: Rule) -> Option<Node<'i>> {
        self.children().find(|n| n.rule() == rule)
    }

    pub(crate) fn has(&self, rule: Rule) -> bool {
        self.child(rule).is_some()
    }

    /// The only or first child; a node without one stands for itself.
    pub(crate) fn only(&self) -> Node<'i> {
        self.children().next().unwrap_or_else(|| self.clone())
    }

    /// The words of the name children, in order.
    pub(crate) fn words(&self) -> Vec<Word> {
        self.children().filter(|n| n.rule() == Rule::name).map(|n| n.word()).collect()
    }

    /// The n-th name child; an empty word where the grammar has none, which cannot be declared.
    pub(crate) fn name(&self, n: usize) -> Word {
        self.children()
            .filter(|c| c.rule() == Rule::name)
            .nth(n)
            .map_or_else(|| Word { text: "".into(), span: self.span() }, |c| c.word())
    }

    /// The text between the quotes of a title child.
    pub(crate) fn title(&self) -> Option<Word> {
        self.child(Rule::title).map(|t| t.quoted())
    }

    /// The text between the quotes of this title.
    pub(crate) fn quoted(&self) -> Word {
        Word { text: self.text().trim_matches('"').into(), span: self.span() }
    }
}

/// Cuts a file into blocks. What stands nowhere is a diagnostic.
pub(crate) fn layout(sources: &Sources, file: FileId, diagnostics: &mut Vec<Diagnostic>) -> Vec<Block> {
    let text = &sources.file(file).text;
    let whole = match grammar::Grammar::parse(Rule::file, text) {
        Ok(mut pairs) => pairs.next(),
        Err(error) => {
            let span = Span { file, start: error_offset(&error) as u32, end: error_offset(&error) as u32 };
            diagnostics.push(
                Diagnostic::at(Code::StrayLine, span, "this line stands in no block")
                    .help("a block begins in column 0 with a noun, its facts are indented by two blanks"),
            );
            None
        }
    };
    let Some(whole) = whole else { return Vec::new() };
    let node = Node { pair: whole, file, base: 0 };
    let mut blocks: Vec<Block> = Vec::new();
    for part in node.children() {
        match part.rule() {
            Rule::block => {
                let mut head = None;
                let mut facts = Vec::new();
                for line in part.children() {
                    match line.rule() {
                        Rule::head => head = Some(logical(&line)),
                        Rule::fact => facts.push(logical(&line)),
                        Rule::stray => {
                            diagnostics.push(stray(&line));
                            if let Some(last) = facts.last_mut().or(head.as_mut()) {
                                last.cut = true;
                            }
                        }
                        _ => {}
                    }
                }
                if let Some(head) = head {
                    blocks.push(Block { head, facts });
                }
            }
            Rule::stray => diagnostics.push(stray(&part)),
            // Comments before the first block.
            _ => {}
        }
    }
    blocks
}

fn stray(node: &Node<'_>) -> Diagnostic {
    let words = node.child(Rule::words).map_or_else(|| node.span(), |w| w.span());
    if node.text().starts_with([' ', '\t']) && node.text().trim_start_matches(' ').starts_with('\t') {
        let tab = node.text().find('\t').unwrap_or(0) as u32;
        let at = node.span().start + tab;
        return Diagnostic::at(Code::Tab, Span { start: at, end: at + 1, ..words }, "a tab indents this line")
            .help("indent with two blanks; `bylaws fmt` cannot guess how wide a tab was meant");
    }
    Diagnostic::at(Code::StrayLine, words, "this line is indented but no block is open above it")
        .help("a block begins in column 0 with a noun; its facts are indented by two blanks")
}

fn logical(node: &Node<'_>) -> Line {
    let mut spans = Vec::new();
    for part in node.children() {
        match part.rule() {
            Rule::words => spans.push(part.span()),
            Rule::more => spans.extend(part.child(Rule::words).map(|w| w.span())),
            _ => {}
        }
    }
    let first = spans.first().copied().unwrap_or_else(|| node.span());
    let last = spans.last().copied().unwrap_or(first);
    Line { span: first.to(last), first, more: spans.into_iter().skip(1).collect(), cut: false }
}

/// Parses logical lines and explains those that do not read.
pub(crate) struct Facts<'s> {
    sources: &'s Sources,
    explained: usize,
}

impl<'s> Facts<'s> {
    pub(crate) fn new(sources: &'s Sources) -> Facts<'s> {
        Facts { sources, explained: 0 }
    }

    /// Whether so much does not read that the best words are no longer looked for.
    pub(crate) fn is_tired(&self) -> bool {
        self.explained > MAX_DETAILED
    }

    /// Counts a fault that is told without reading a line, and says whether the best words are still looked for.
    pub(crate) fn has_breath(&mut self) -> bool {
        self.explained += 1;
        !self.is_tired()
    }

    pub(crate) fn text(&self, span: Span) -> &'s str {
        self.sources.text(span)
    }

    /// Parses one stretch of source by a rule.
    pub(crate) fn parse(&mut self, rule: Rule, span: Span) -> Result<Node<'s>, Box<Diagnostic>> {
        self.read(rule, span).map_err(|unread| unread.fault)
    }

    /// Parses one stretch of source by a rule, and says of a fault how sure it is.
    pub(crate) fn read(&mut self, rule: Rule, span: Span) -> Result<Node<'s>, Unread> {
        let unsure = |fault: Diagnostic| Unread { fault: Box::new(fault), repaired: false };
        let slice = self.sources.text(span);
        let place = |from: usize, to: usize| Span {
            file: span.file,
            start: span.start + from as u32,
            end: span.start + to as u32,
        };
        if let Some(tab) = slice.find('\t') {
            return Err(unsure(
                Diagnostic::at(Code::Tab, place(tab, tab + 1), "a tab stands where blanks are expected")
                    .help("use blanks; cells of a table stand two or more blanks apart"),
            ));
        }
        if let Some(at) = too_deep(slice) {
            return Err(unsure(
                Diagnostic::at(Code::TooDeep, place(at, at + 1), "this line nests or chains too much to be read")
                    .help(format!("at most {MAX_DEPTH} parentheses inside each other; give the inner part a name of its own: a metric")),
            ));
        }
        match grammar::Grammar::parse(rule, slice) {
            Ok(mut pairs) => pairs
                .next()
                .map(|pair| Node { pair, file: span.file, base: span.start })
                .ok_or_else(|| unsure(Diagnostic::at(Code::Syntax, span, "this line is empty"))),
            Err(error) => {
                let at = error_offset(&error);
                if !self.has_breath() {
                    return Err(unsure(in_short(slice, at, &place)));
                }
                let (at, expected) = expected(rule, slice, at);
                if let Some(found) = repair(rule, slice, at) {
                    let fault = Diagnostic::at(Code::Syntax, place(found.from, found.to), found.message);
                    return Err(Unread { fault: Box::new(fault.help(found.help)), repaired: true });
                }
                Err(unsure(explain(rule, slice, at, &expected, &place, &error)))
            }
        }
    }
}

/// Why a line does not read.
pub(crate) struct Unread {
    /// What is said.
    pub(crate) fault: Box<Diagnostic>,
    /// Whether the help is known to make the line read.
    pub(crate) repaired: bool,
}

/// Whether a text reads by a rule.
pub(crate) fn reads(rule: Rule, text: &str) -> bool {
    !text.contains('\t') && too_deep(text).is_none() && grammar::Grammar::parse(rule, text).is_ok()
}

/// Whether a text reads as one name, and as nothing else the language has.
pub(crate) fn reads_as_name(text: &str) -> bool {
    let whole =
        |rule| grammar::Grammar::parse(rule, text).is_ok_and(|mut p| p.next().is_some_and(|p| p.as_str() == text));
    whole(Rule::name) && !whole(Rule::truth)
}

fn too_deep(slice: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut signs) = (0usize, false, 0usize);
    for (i, b) in slice.bytes().enumerate() {
        match b {
            b'"' => quoted = !quoted,
            b'\n' => quoted = false,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            b'+' | b'-' | b'*' | b'/' if !quoted => signs += 1,
            _ => {}
        }
        // A chain of signs nests to the left.
        if depth > MAX_DEPTH || signs > MAX_SIGNS {
            return Some(i);
        }
    }
    // Two forms nest without parentheses.
    let nth = |word: &str, n: usize| (slice.len() > n * word.len()).then(|| slice.match_indices(word).nth(n)).flatten();
    [("percent of", MAX_DEPTH), ("there is", MAX_DEPTH)].into_iter().find_map(|(word, n)| nth(word, n)).map(|(i, _)| i)
}

fn error_offset(error: &pest::error::Error<Rule>) -> usize {
    match error.location {
        InputLocation::Pos(at) => at,
        InputLocation::Span((at, _)) => at,
    }
}

/// The furthest place that reads, and the words that could stand there, for the message.
fn expected(rule: Rule, slice: &str, at: usize) -> (usize, Vec<String>) {
    // The switch is one for all threads: two that use it at once would take the words from each other.
    static DETAIL: Mutex<()> = Mutex::new(());
    let again = {
        let _held = DETAIL.lock().unwrap_or_else(PoisonError::into_inner);
        pest::set_error_detail(true);
        let again = grammar::Grammar::parse(rule, slice);
        pest::set_error_detail(false);
        again
    };
    let Err(error) = again else { return (at, Vec::new()) };
    let mut words = Vec::new();
    // A sign is no rule of its own, so that its absence is only seen here.
    if let Some(attempts) = error.parse_attempts().filter(|a| a.max_position > at && slice[at..].contains([' ', '\n']))
    {
        let tokens = attempts.expected_tokens().into_iter().map(|t| t.to_string());
        let signs: Vec<String> = tokens.filter(|t| matches!(&**t, "=" | "," | "(" | ")")).collect();
        let further = attempts.max_position;
        let blank = |c: char| c.is_whitespace();
        if signs.len() == 1 && (slice[..further].ends_with(blank) || slice[further..].starts_with([' ', ','])) {
            return (further, signs);
        }
    }
    if let Some(attempts) = error.parse_attempts().filter(|a| a.max_position == at) {
        for stack in attempts.call_stacks() {
            let rule = stack.deepest.get_rule().copied().or(stack.parent);
            words.extend(rule.and_then(describe));
        }
    }
    if words.is_empty()
        && let ErrorVariant::ParsingError { positives, .. } = &error.variant
    {
        words.extend(positives.iter().filter_map(|r| describe(*r)));
    }
    words.sort();
    words.dedup();
    (at, words)
}

/// The words that a rule of the grammar stands for, if it stands for words: keyword rules are named by them.
pub(crate) fn keyword(rule: Rule) -> Option<String> {
    let words = match rule {
        Rule::k_first_value => "first",
        Rule::article => "a",
        Rule::is => "is",
        Rule::is_not => "is not",
        Rule::no => "no",
        Rule::the => "the",
        Rule::its => "its",
        Rule::rows => "rows",
        Rule::times_word => "times",
        Rule::percent_of => "as percent of",
        _ => return format!("{rule:?}").strip_prefix("k_").map(|words| words.replace('_', " ")),
    };
    Some(words.to_owned())
}

/// How a rule of the grammar is called in a message; nothing for blanks and the like.
fn describe(rule: Rule) -> Option<String> {
    if let Some(words) = keyword(rule) {
        return Some(words);
    }
    Some(
        match rule {
            Rule::EOI => "the end of the line",
            Rule::name | Rule::word | Rule::code | Rule::path => "a name",
            Rule::number | Rule::digits | Rule::plain => "a number",
            Rule::title => "a text in quotes",
            Rule::date => "a date",
            Rule::time => "a time such as 07:00",
            Rule::money | Rule::amount_of_money => "an amount",
            Rule::quantity | Rule::literal | Rule::amount => "a value",
            Rule::unit => "a unit",
            Rule::unit_word | Rule::period => "a period such as months",
            Rule::stage_number => "the number of a stage",
            Rule::possessive => "'s",
            Rule::each_time => "an hour",
            Rule::sign | Rule::times => return None,
            Rule::atom | Rule::sum | Rule::product | Rule::expr | Rule::test | Rule::operand => "a value or a name",
            Rule::relation | Rule::comparison => "is at least",
            Rule::kind | Rule::kind_word => "a type such as text, number, percent, money, date or moment",
            _ => return None,
        }
        .to_owned(),
    )
}

/// The message for one of very many lines that do not read.
fn in_short(slice: &str, at: usize, place: &dyn Fn(usize, usize) -> Span) -> Diagnostic {
    let word_at = at + (slice[at..].len() - slice[at..].trim_start().len());
    let found = &slice[word_at..];
    let word = found.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')')).next().unwrap_or("");
    let length = if word.is_empty() { found.chars().next().map_or(0, char::len_utf8) } else { word.len() };
    let message = match &found[..length] {
        "" => "the line ends too early".to_owned(),
        word => format!("`{word}` does not belong here"),
    };
    Diagnostic::at(Code::Syntax, place(word_at, word_at + length), message)
        .help("mend the findings above first: very many lines do not read")
}

fn explain(
    rule: Rule,
    slice: &str,
    at: usize,
    expected: &[String],
    place: &dyn Fn(usize, usize) -> Span,
    error: &pest::error::Error<Rule>,
) -> Diagnostic {
    if matches!(error.variant, ErrorVariant::CustomError { .. }) {
        return Diagnostic::at(Code::TooDeep, place(0, slice.len()), "this line is too deeply nested to be read")
            .help("give its parts names of their own: metrics");
    }
    let rest = &slice[at..];
    let blanks = rest.len() - rest.trim_start().len();
    let word_at = at + blanks;
    let found = &slice[word_at..];
    let length = found
        .char_indices()
        .find(|(i, c)| *i > 0 && !(c.is_alphanumeric() || *c == '_' || *c == '%'))
        .map_or(found.len(), |(i, _)| i);
    let word = &found[..length];
    let first_words = expected.iter().filter(|e| !e.contains([' ', '\''])).map(String::as_str);
    let phrase = expected
        .iter()
        .find(|e| e.contains(' ') && is_keyword(e) && nearest_name(word, e.split(' ').take(1)).is_some());
    let list = listed(expected);
    if word.is_empty() {
        let mut end = slice.trim_end().len();
        if end == 0 {
            end = slice.len();
        }
        let last = slice[..end].char_indices().last().map_or(0, |(i, _)| i);
        let message = if list.is_empty() {
            "the line ends too early".to_owned()
        } else {
            format!("the line ends where {list} is expected")
        };
        return Diagnostic::at(Code::Syntax, place(last, end), message).help_if(advice(rule, slice, at, expected));
    }
    let message = if list.is_empty() {
        format!("`{word}` does not belong here")
    } else {
        format!("`{word}` stands where {list} is expected")
    };
    let newline_before = slice[..word_at].trim_end_matches(' ').ends_with('\n');
    let help = elsewhere(rule, slice, at)
        .map(str::to_owned)
        .or_else(|| {
            // Where a value may stand, most of these words are out of place and not meant as names.
            let column = matches!(word, "at" | "by" | "from" | "over" | "since" | "to");
            let named = |e: &String| e == "a name" || column && e == "a value or a name";
            reserved_help(word).filter(|_| expected.iter().any(named))
        })
        .or_else(|| nearest(word, first_words).filter(|_| !RESERVED.contains(&word)))
        .or_else(|| phrase.map(|p| format!("did you mean `{p}`?")))
        .or_else(|| {
            newline_before
                .then(|| "a line indented by 4 or more goes on with the line above; facts are indented by 2".to_owned())
        })
        .or_else(|| advice(rule, slice, at, expected));
    Diagnostic::at(Code::Syntax, place(word_at, word_at + length), message).help_if(help)
}

/// Words that are never names, because sentences are built of them.
const RESERVED: [&str; 34] = [
    "and",
    "are",
    "as",
    "at",
    "because",
    "by",
    "for",
    "from",
    "if",
    "in",
    "is",
    "its",
    "not",
    "of",
    "or",
    "otherwise",
    "out",
    "over",
    "per",
    "since",
    "the",
    "there",
    "through",
    "to",
    "via",
    "when",
    "where",
    "with",
    "within",
    "yes",
    "no",
    "unknown",
    "missing",
    "present",
];

/// What to do about a name that the language needs for itself.
pub(crate) fn reserved_help(word: &str) -> Option<String> {
    RESERVED.contains(&word).then(|| {
        format!("`{word}` is a word of the language; take another name, and for a column say how it is stored: `{word}_it …, column \"{word}\"`")
    })
}

/// Whether an expected word stands in a line as it is, and is no description.
fn is_keyword(word: &str) -> bool {
    !["a ", "an ", "the "].iter().any(|article| word.starts_with(article)) || word == "a day"
}

/// `a, b or c`, keywords in quotes, at most ten.
fn listed(words: &[String]) -> String {
    let shown: Vec<String> = words
        .iter()
        .take(10)
        .map(|w| match w.as_str() {
            w if is_keyword(w) => format!("`{w}`"),
            w => w.to_owned(),
        })
        .collect();
    let list = crate::value::listed(&shown, "or");
    if words.len() > 10 { format!("{list} (or one of {} more)", words.len() - 10) } else { list }
}
