//! Arrow 1, text to items. It cannot fail: what does not read is a diagnostic, the rest is read.

use super::item::{File, Head, Noun, Parsed};
use super::syntax::{Block, Facts, Line, Node, Rule, Word, layout, reads};
use super::waiver;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::source::{FileId, Sources, Span};

/// Reads every file of the pack.
pub fn parse(sources: &Sources) -> (File, Vec<Diagnostic>) {
    let mut file = File::default();
    let mut faults = Vec::new();
    let mut facts = Facts::new(sources);
    for (id, source) in sources.iter() {
        if source.name.ends_with(".toml") {
            continue;
        }
        let blocks = layout(sources, id, &mut faults);
        for (i, block) in blocks.iter().enumerate() {
            let next = blocks.get(i + 1).map(|b| first_word(&facts, b));
            item(&mut file, sources, &mut facts, block, next, &mut faults);
        }
    }
    (file, faults)
}

fn first_word<'s>(facts: &Facts<'s>, block: &Block) -> &'s str {
    facts.text(block.head.span).split(char::is_whitespace).next().unwrap_or("")
}

/// Whether a head is a fact that lacks its blanks: its first word opens no block, and opens facts.
fn is_fact(word: &str, nouns: &[Noun]) -> bool {
    let opens = |n: &Noun| word == "waive" || n.first_words().iter().any(|w| w.split(' ').next() == Some(word));
    Noun::ALL.iter().all(|n| n.word() != word) && nouns.iter().any(opens)
}

fn item<'s>(
    file: &mut File,
    sources: &'s Sources,
    facts: &mut Facts<'s>,
    block: &Block,
    next: Option<&str>,
    faults: &mut Vec<Diagnostic>,
) {
    let first = first_word(facts, block);
    let Some(noun) = Noun::ALL.iter().copied().find(|n| n.word() == first) else {
        let span = Span { end: block.head.span.start + first.len() as u32, ..block.head.span };
        // A misspelt noun still declares its name, so that its uses are not held against it.
        file.unknown.extend(second_word(facts, block.head.span));
        let fault = Diagnostic::at(Code::UnknownNoun, span, format!("`{first}` opens no block"));
        if !facts.has_breath() {
            faults.push(fault.help("a block begins with a noun, such as contract, metric or trigger"));
            return;
        }
        let known = Noun::ALL.iter().map(|n| n.word());
        let list: Vec<&str> = known.clone().collect();
        faults.push(
            fault.help(
                is_fact(first, Noun::ALL)
                    .then(|| "indent it by two blanks: then it is a fact of the block above".to_owned())
                    .or_else(|| nearest(first, known))
                    .unwrap_or_else(|| format!("a block begins with {}", crate::value::listed(&list, "or"))),
            ),
        );
        return;
    };
    // What stands nowhere may be the very fact that is missing here.
    let mut broken =
        block.head.cut || block.facts.iter().any(|f| f.cut) || next.is_some_and(|word| is_fact(word, &[noun]));
    let node = match facts.parse(noun.head_rule(), block.head.span) {
        Ok(node) => Some(node),
        Err(fault) => {
            if !block.head.cut {
                faults.push(*fault);
            }
            broken = true;
            None
        }
    };
    let mut parsed_facts: Vec<(Line, Node<'_>)> = Vec::new();
    let mut waivers = Vec::new();
    for line in &block.facts {
        match fact(facts, noun, line) {
            // A waiver belongs to the block and says nothing of the item.
            Ok(node) if node.has(Rule::waiver) => waivers.extend(node.child(Rule::waiver)),
            Ok(node) => parsed_facts.push((line.clone(), node)),
            Err(fault) => {
                if !line.cut {
                    faults.push(*fault);
                }
                broken = true;
            }
        }
    }
    let name = match noun {
        Noun::Test => node.as_ref().and_then(|n| n.title()),
        Noun::Stage => node.as_ref().map(|n| n.only_of(Rule::stage_number)),
        _ => node.as_ref().map(|n| n.name(0)).filter(|w| !w.text.is_empty()),
    };
    let name = name.or_else(|| second_word(facts, block.head.span));
    let because: Vec<Node<'_>> = parsed_facts.iter().filter_map(|(_, f)| f.child(Rule::because)).collect();
    if let [first, second, ..] = &because[..] {
        faults.push(
            Diagnostic::new(Code::RepeatedFact, "`because` stands twice")
                .label(second.span(), "again here")
                .label(first.span(), "first here")
                .help("keep one reason"),
        );
    }
    let head = Head {
        name: name.unwrap_or(Word { text: "".into(), span: block.head.first }),
        span: block.head.span,
        broken,
        because: because.first().and_then(|b| b.title()),
        title: node.as_ref().and_then(|n| n.title()),
        formerly: parsed_facts.iter().find_map(|(_, f)| f.child(Rule::formerly)).map(|f| f.name(0)),
    };
    file.waivers.extend(waivers.iter().filter_map(|w| waiver::parse(w, block.span(), broken, faults)));
    let parsed = Parsed { head, node, facts: parsed_facts, sources };
    file.read(noun, parsed, faults);
}

/// The word after the noun, as the name of a head that does not read.
fn second_word(facts: &Facts<'_>, head: Span) -> Option<Word> {
    let text = facts.text(head);
    let from = text.find(char::is_whitespace)?;
    let start = from + (text[from..].len() - text[from..].trim_start().len());
    let end =
        text[start..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).map_or(text.len(), |i| start + i);
    (end > start).then(|| Word {
        text: text[start..end].into(),
        span: Span { file: head.file, start: head.start + start as u32, end: head.start + end as u32 },
    })
}

/// Whether a fact of a noun opens a table, whose rows are no words that go on with it.
pub(crate) fn opens_table(noun: Noun, text: &str) -> bool {
    noun == Noun::Test
        && ["given", "write", "remove"].iter().any(|w| text.strip_prefix(w).is_some_and(|rest| rest.starts_with(' ')))
}

/// What to write for a waiver.
const WAIVER_HELP: &str = "write `waive CODE until DAY by ROLE because \"…\"`, such as `waive B0407 until 2027-01-31 by chairman because \"…\"`";

fn fact<'s>(facts: &mut Facts<'s>, noun: Noun, line: &Line) -> Result<Node<'s>, Box<Diagnostic>> {
    let text = facts.text(line.first);
    if opens_table(noun, text) {
        return facts.parse(Rule::table, line.first);
    }
    let fault = match facts.read(noun.fact_rule(), line.span) {
        Ok(node) => return Ok(node),
        Err(unread) if unread.repaired => return Err(unread.fault),
        Err(unread) if facts.is_tired() => return Err(unread.fault),
        Err(unread) if text.starts_with("waive ") && unread.fault.help.is_none() => {
            return Err(Box::new(unread.fault.help(WAIVER_HELP)));
        }
        Err(unread) => unread.fault,
    };
    let word = text.split(char::is_whitespace).next().unwrap_or(text);
    let words = noun.first_words();
    // Rows of a table that stand two blanks too far to the left.
    if noun == Noun::Test && text.contains("  ") && fault.code == Code::Syntax {
        let fault = Diagnostic::at(Code::Syntax, line.first, "this is no fact of a test");
        return Err(Box::new(fault.help("indent the heading and the rows of a table by four blanks")));
    }
    // A second look: a fact of another noun is better called that.
    if !words.iter().any(|w| w.split(' ').next() == Some(word))
        && (noun != Noun::Contract || super::syntax::reserved_help(word).is_none())
        && fault.code == Code::Syntax
        && fault.span().is_some_and(|s| s.start <= line.span.start + text.len() as u32)
    {
        let mut others: Vec<&str> = Vec::new();
        for other in Noun::ALL.iter().filter(|n| **n != noun && !matches!(n, Noun::Test | Noun::Gate | Noun::Contract))
        {
            // A decision takes any name for a person.
            if (*other != Noun::Decision || text.contains(' ')) && reads(other.fact_rule(), facts.text(line.span)) {
                others.push(other.word());
            }
        }
        if !others.is_empty() {
            let plural: Vec<String> = others.iter().map(|o| format!("{o}s").replace("pairss", "pairs")).collect();
            return Err(Box::new(
                Diagnostic::at(
                    Code::WrongNoun,
                    Span { end: line.span.start + word.len() as u32, ..line.span },
                    format!("this line is a fact of {}, not of a {}", crate::value::listed(&plural, "or"), noun.word()),
                )
                .help(format!("move it below a {}, or leave it out", crate::value::listed(&others, "or"))),
            ));
        }
    }
    if let Some(span) = fault.span()
        && fault.code == Code::Syntax
        && span.start == line.span.start
    {
        return Err(Box::new(
            Diagnostic::at(Code::Syntax, span, format!("`{word}` begins no fact of a {}", noun.word())).help(
                super::syntax::reserved_help(word)
                    .filter(|_| noun == Noun::Contract)
                    .filter(|_| is_column(text) || !words.iter().any(|w| w.starts_with(word)))
                    .or_else(|| nearest(word, words.iter().copied().chain(["waive"])))
                    .unwrap_or_else(|| format!("its facts begin with {}", crate::value::listed(words, "or"))),
            ),
        ));
    }
    Err(fault)
}

/// Whether the second word of a line is what a column can hold.
fn is_column(text: &str) -> bool {
    text.split_whitespace().nth(1).is_some_and(|w| super::item::contract::KINDS.contains(&w.trim_end_matches(',')))
}

/// The file an item stands in.
pub fn file_of(head: &Head) -> FileId {
    head.span.file
}
