//! The reference of the language is true: its examples compile, their tests pass, what it calls wrong is refused with
//! the code it names, and no production of the grammar is without an example.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bylaws::compile::{Compiled, compile_text_on};
use bylaws::diagnostic::{Code, Severity};
use bylaws::lang::format::format;
use bylaws::lang::waiver::Today;
use bylaws::scenario::{self, Bench};
use bylaws::settings::Settings;
use bylaws::source::Sources;
use grammar::{Grammar, Rule};
use pest::Parser;
use pest::iterators::Pair;

#[allow(missing_docs, unreachable_pub)]
mod grammar {
    /// The parser that `grammar/*.pest` generates, as the program has it.
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

// ── the examples ──

/// What the words behind the fence say of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// It compiles, and its tests pass.
    Right,
    /// The same without the house of the others.
    Alone,
    /// It is refused, or warned of, with exactly these codes.
    Wrong(Vec<Code>),
    /// It is right, and the next example is what the formatter writes for it.
    Typed,
    /// It is right, and written as the formatter writes it.
    Written,
    /// A `bylaws.toml`.
    House,
}

/// A fenced block of the document.
#[derive(Debug, Clone)]
struct Example {
    /// The line of its fence.
    line: usize,
    /// The heading above it.
    section: String,
    kind: Kind,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn document() -> String {
    read(&root().join("docs/language.md"))
}

fn examples() -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let (mut section, mut open) = (String::new(), None);
    for (i, line) in document().lines().enumerate() {
        match (open, line.strip_prefix("```")) {
            (None, Some(fence)) => {
                let words: Vec<&str> = fence.split_whitespace().collect();
                let kind = match words[..] {
                    ["bylaw"] => Some(Kind::Right),
                    ["bylaw", "alone"] => Some(Kind::Alone),
                    ["bylaw", "wrong", _, ..] => Some(Kind::Wrong(
                        words[2..].iter().map(|c| Code::parse(c).unwrap_or_else(|| panic!("no code {c}"))).collect(),
                    )),
                    ["bylaw", "typed"] => Some(Kind::Typed),
                    ["bylaw", "written"] => Some(Kind::Written),
                    ["toml"] => Some(Kind::House),
                    ["text" | "sh"] => None,
                    _ => panic!("line {}: no test knows what ```{fence} is", i + 1),
                };
                open = Some(kind.is_some());
                if let Some(kind) = kind {
                    found.push(Example { line: i + 1, section: section.clone(), kind, text: String::new() });
                }
            }
            (Some(_), Some(_)) => open = None,
            (Some(true), None) => {
                if let Some(example) = found.last_mut() {
                    example.text.push_str(line);
                    example.text.push('\n');
                }
            }
            (None, None) => {
                if let Some(heading) = line.strip_prefix('#') {
                    section = heading.trim_start_matches('#').trim().to_owned();
                }
            }
            _ => {}
        }
    }
    found
}

impl Example {
    /// Compiled as `bylaws check` does, in the little portfolio and its house.
    fn compile(&self) -> Compiled {
        let folder = root().join("docs/language");
        let (portfolio, house) = (read(&folder.join("portfolio.bylaw")), read(&folder.join("bylaws.toml")));
        let files = [("portfolio.bylaw", &*portfolio), ("example.bylaw", &*self.text)];
        let house = (self.kind != Kind::Alone).then_some(&*house);
        compile_text_on(&files, house, Today::Is("2026-03-02".parse().expect("a day")))
    }

    /// What is found in it, each with its code. An example is a part of a pack: what nobody uses in it, or leads out
    /// of it, stands elsewhere.
    fn findings(&self) -> Vec<String> {
        let compiled = self.compile();
        let elsewhere = |code: Code| PARTS.contains(&code) && !self.codes().contains(&code);
        let told = compiled.diagnostics.iter().filter(|d| d.severity() != Severity::Note && !elsewhere(d.code));
        let mut found: Vec<String> = told.map(|d| format!("{} {}", d.code.as_str(), d.message)).collect();
        found.dedup();
        found
    }

    /// The codes that it must give.
    fn codes(&self) -> &[Code] {
        if let Kind::Wrong(codes) = &self.kind { codes } else { &[] }
    }

    fn place(&self) -> String {
        format!("docs/language.md:{} ({})", self.line, self.section)
    }
}

/// Lints about what is missing around a part of a pack.
const PARTS: [Code; 6] = [
    Code::UnusedMetric,
    Code::UnusedParam,
    Code::UnreadContract,
    Code::NoFreshness,
    Code::NoExitGate,
    Code::NoRollback,
];

#[test]
fn right_examples_are_right() {
    let faults: Vec<String> = (right().iter())
        .filter_map(|e| {
            let found = e.findings();
            (!found.is_empty()).then(|| format!("{}\n  {}", e.place(), found.join("\n  ")))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn wrong_examples_give_exactly_their_code() {
    let mut faults = Vec::new();
    for example in examples().iter().filter(|e| matches!(e.kind, Kind::Wrong(_))) {
        let found = example.findings();
        let given: BTreeSet<&str> = found.iter().filter_map(|f| f.split(' ').next()).collect();
        let wanted: BTreeSet<&str> = example.codes().iter().map(|c| c.as_str()).collect();
        if given != wanted {
            faults.push(format!("{} {wanted:?}: {found:?}", example.place()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_tests_of_the_examples_pass() {
    let (mut faults, mut count) = (Vec::new(), 0);
    for example in examples() {
        let Some(pack) = example.compile().pack.filter(|pack| !pack.tests.is_empty()) else { continue };
        let mut bench = Bench::new(&pack).expect("a database");
        for index in 0..pack.tests.len() {
            count += 1;
            let failures = scenario::run(&pack, &mut bench, index).expect("the test runs");
            let title = &pack.tests[index].title;
            faults.extend(failures.iter().map(|f| format!("{} \"{title}\": {}", example.place(), f.message)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 40, "only {count} tests show what the words mean");
}

#[test]
fn houses_of_the_document_read() {
    for example in examples().iter().filter(|e| e.kind == Kind::House) {
        let mut said = Vec::new();
        Settings::parse(&example.text, "bylaws.toml", &mut Sources::default(), &mut said);
        assert!(said.is_empty(), "{}: {said:?}", example.place());
    }
}

#[test]
fn the_formatter_writes_what_the_document_says() {
    let examples = examples();
    for (i, example) in examples.iter().enumerate() {
        let written = match example.kind {
            Kind::Typed => examples.get(i + 1).filter(|e| e.kind == Kind::Written).expect("what is written follows"),
            Kind::Written => example,
            _ => continue,
        };
        let formatted = format("example.bylaw", &example.text).unwrap_or_else(|_| panic!("{}", example.place()));
        assert_eq!(formatted.trim_end(), written.text.trim_end(), "{}", example.place());
    }
}

// ── the grammar ──

/// A production: what it holds, and whether its parts can be seen in a tree.
struct Production {
    parts: Vec<String>,
    silent: bool,
    atomic: bool,
}

/// The productions as the files of the grammar write them.
fn productions() -> BTreeMap<String, Production> {
    let mut found = BTreeMap::new();
    let mut files: Vec<_> = fs::read_dir(root().join("grammar")).expect("the grammar").collect();
    files.sort_by_key(|f| f.as_ref().map(|f| f.path()).ok());
    let mut text = String::new();
    for file in files {
        let whole = read(&file.expect("a file").path());
        let lines = whole.lines().filter(|l| !l.trim_start().starts_with("//"));
        lines.for_each(|l| text.extend([&bare(l), "\n"]));
    }
    // `NAME = [_@$]{ … }`; braces of repetition stand inside and hold numbers only.
    let mut rest = &*text;
    while let Some((head, after)) = rest.split_once('=') {
        let name = head.split_whitespace().last().expect("a name").to_owned();
        let marker = after.trim_start().chars().next().unwrap_or('{');
        let open = after.find('{').expect("an opening brace");
        let mut depth = 0;
        let close = after[open..].char_indices().find_map(|(i, c)| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            (depth == 0).then_some(open + i)
        });
        let close = close.expect("a closing brace");
        let body = &after[open + 1..close];
        found.insert(name, Production { parts: names_in(body), silent: marker == '_', atomic: marker == '@' });
        rest = &after[close + 1..];
    }
    found
}

/// A line of the grammar without its texts, in which anything may stand.
fn bare(line: &str) -> String {
    let (mut out, mut quote, mut escaped) = (String::new(), None, false);
    let chars: Vec<char> = line.chars().collect();
    for (i, c) in chars.iter().copied().enumerate() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '"' => quote = Some('"'),
            None if c == '\'' && chars.get(i + 2) == Some(&'\'') => quote = Some('\''),
            None => out.push(c),
        }
    }
    out
}

/// The names of rules in a body, without those it only looks ahead for.
fn names_in(body: &str) -> Vec<String> {
    const BUILT_IN: [&str; 4] = ["SOI", "EOI", "ANY", "NEWLINE"];
    let mut found = Vec::new();
    let mut word = String::new();
    let mut ahead = false;
    for c in body.chars().chain(std::iter::once(' ')) {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        let name = std::mem::take(&mut word);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_name && !BUILT_IN.contains(&&*name) && !ahead && !found.contains(&name) {
            found.push(name);
        }
        ahead = matches!(c, '!' | '&');
    }
    found
}

/// What a production holds that can be seen in a tree: silent rules stand for what they hold.
fn seen(of: &str, all: &BTreeMap<String, Production>) -> BTreeSet<String> {
    let Some(production) = all.get(of) else { return BTreeSet::new() };
    let parts = production.parts.iter().flat_map(|part| match all.get(part) {
        Some(p) if p.silent => seen(part, all),
        _ => BTreeSet::from([part.clone()]),
    });
    parts.collect()
}

/// The examples that are right.
fn right() -> Vec<Example> {
    let mut all = examples();
    all.retain(|e| matches!(e.kind, Kind::Right | Kind::Alone | Kind::Typed | Kind::Written));
    all
}

/// Every production that the right examples use, each with the productions right below it.
fn used() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for example in right() {
        let file = Grammar::parse(Rule::file, &example.text).unwrap_or_else(|e| panic!("{}: {e}", example.place()));
        file.for_each(|pair| note(&pair, &mut found));
        each_line(&example, &mut |pair| note(pair, &mut found));
    }
    found
}

/// Reads every line of an example by the rule of its noun, as the program does.
fn each_line(example: &Example, visit: &mut dyn FnMut(&Pair<'_, Rule>)) {
    let file = Grammar::parse(Rule::file, &example.text).unwrap_or_else(|e| panic!("{}: {e}", example.place()));
    let blocks = file.flat_map(Pair::into_inner).filter(|p| p.as_rule() == Rule::block);
    for block in blocks {
        let mut noun = String::new();
        for line in block.into_inner() {
            let words: Vec<&str> = (line.clone().into_inner())
                .flat_map(|p| if p.as_rule() == Rule::more { p.into_inner().collect() } else { vec![p] })
                .filter(|p| p.as_rule() == Rule::words)
                .map(|p| p.as_str())
                .collect();
            let Some(first) = words.first() else { continue };
            let opening = first.split_whitespace().next().unwrap_or_default();
            match line.as_rule() {
                Rule::head => {
                    noun = opening.to_owned();
                    take(&format!("{noun}_head"), &words.join("\n"), example, visit);
                }
                // The rows of a table are no words that go on with its line.
                Rule::fact if noun == "test" && ["given", "write", "remove"].contains(&opening) => {
                    take("table", first, example, visit);
                    words[1..].iter().for_each(|row| take("cells", row, example, visit));
                }
                Rule::fact => take(&format!("{noun}_fact"), &words.join("\n"), example, visit),
                _ => {}
            }
        }
    }
}

/// Reads a line by the rule of a name.
fn take(rule: &str, text: &str, example: &Example, visit: &mut dyn FnMut(&Pair<'_, Rule>)) {
    let by = Rule::all_rules().iter().copied().find(|r| name_of(*r) == rule);
    let by = by.unwrap_or_else(|| panic!("{}: no rule is called {rule}", example.place()));
    let pairs = Grammar::parse(by, text).unwrap_or_else(|e| panic!("{}: {e}", example.place()));
    pairs.for_each(|pair| visit(&pair));
}

fn name_of(rule: Rule) -> String {
    format!("{rule:?}")
}

fn note(pair: &Pair<'_, Rule>, found: &mut BTreeSet<(String, String)>) {
    let name = name_of(pair.as_rule());
    found.insert((name.clone(), String::new()));
    for part in pair.clone().into_inner() {
        found.insert((name.clone(), name_of(part.as_rule())));
        note(&part, found);
    }
}

/// Productions that need no example, and why.
const WITHOUT: [(&str, &str); 1] = [("stray", "what stands nowhere is refused; the page shows it as wrong")];

/// Parts of productions that need no example there, and why.
const WITHOUT_THERE: [(&str, &str, &str); 1] = [("*", "waiver", "it may stand in every block, and is shown in one")];

#[test]
fn every_production_of_the_grammar_has_an_example() {
    let (all, used) = (productions(), used());
    let mut missing = Vec::new();
    // What only an atomic rule holds is its spelling.
    let visible: BTreeSet<String> =
        all.iter().filter(|(_, p)| !p.atomic).flat_map(|(name, _)| seen(name, &all)).collect();
    for (name, production) in &all {
        if production.silent || WITHOUT.iter().any(|(n, _)| n == name) {
            continue;
        }
        let is_line =
            name.ends_with("_head") || name.ends_with("_fact") || ["file", "cells", "table"].contains(&&**name);
        if !visible.contains(name) && !is_line {
            continue;
        }
        if !used.contains(&(name.clone(), String::new())) {
            missing.push(name.clone());
            continue;
        }
        if production.atomic {
            continue;
        }
        for part in seen(name, &all) {
            let there = (name.clone(), part.clone());
            let excused = WITHOUT.iter().any(|(n, _)| *n == part)
                || WITHOUT_THERE.iter().any(|(n, p, _)| (*n == "*" || n == name) && *p == part);
            if !excused && !used.contains(&there) {
                missing.push(format!("{name} → {part}"));
            }
        }
    }
    assert!(missing.is_empty(), "no example for {}:\n{}", missing.len(), missing.join("\n"));
}

/// Words that a rule spells itself, of which the grammar's tree shows only that it is one of them.
const SPELT: [(Rule, &[&str]); 8] = [
    (Rule::period, &["day", "week", "month", "quarter", "year"]),
    (Rule::truth, &["yes", "no", "unknown", "missing", "present"]),
    (Rule::each_time, &["an hour", "a day"]),
    (
        Rule::unit,
        &["point", "points", "minute", "minutes", "hour", "hours", "business day", "business days", "day", "days"],
    ),
    (Rule::unit, &["week", "weeks", "month", "months"]),
    (Rule::article, &["a", "an"]),
    (Rule::is_not, &["is not", "!=", "<>", "≠"]),
    (Rule::sign, &["+", "-"]),
];

#[test]
fn every_spelling_has_an_example() {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for example in right() {
        each_line(&example, &mut |pair| spelt(pair, &mut seen));
    }
    let mut missing = Vec::new();
    for (rule, words) in SPELT {
        let there = seen.get(&name_of(rule)).cloned().unwrap_or_default();
        missing.extend(words.iter().filter(|w| !there.contains(**w)).map(|w| format!("{rule:?}: {w}")));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

fn spelt(pair: &Pair<'_, Rule>, seen: &mut BTreeMap<String, BTreeSet<String>>) {
    let words = pair.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
    seen.entry(name_of(pair.as_rule())).or_default().insert(words);
    pair.clone().into_inner().for_each(|part| spelt(&part, seen));
}

// ── the page ──

/// The anchor of a heading, as Markdown pages make it.
fn anchor(heading: &str) -> String {
    let kept =
        heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-')).collect::<String>();
    kept.replace(' ', "-")
}

/// Lines outside of fences.
fn prose() -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in document().lines() {
        fenced ^= line.starts_with("```");
        if !fenced && !line.starts_with("```") {
            found.push(line.to_owned());
        }
    }
    found
}

#[test]
fn links_lead_somewhere_and_the_contents_name_every_section() {
    let prose = prose();
    let headings: Vec<&str> = prose.iter().filter_map(|l| l.strip_prefix("## ")).collect();
    let anchors: BTreeSet<String> = headings.iter().map(|h| anchor(h)).collect();
    assert_eq!(anchors.len(), headings.len(), "two sections have one anchor");
    let mut linked = BTreeSet::new();
    for link in prose.iter().flat_map(|l| l.split("](").skip(1)).filter_map(|l| l.split(')').next()) {
        match link.strip_prefix('#') {
            Some(to) => assert!(anchors.contains(to), "no section is called {to}"),
            None => assert!(root().join("docs").join(link).exists(), "there is no {link}"),
        }
        linked.extend(link.strip_prefix('#').map(str::to_owned));
    }
    let contents: Vec<&str> =
        prose.iter().filter_map(|l| l.strip_prefix("- [")).filter_map(|l| l.split(']').next()).collect();
    let sections: Vec<&str> = headings.iter().copied().filter(|h| *h != "Contents").collect();
    assert_eq!(contents, sections, "the contents are the sections in their order");
}

#[test]
fn every_noun_has_a_section() {
    let prose = prose();
    for noun in bylaws::lang::item::Noun::ALL {
        assert!(prose.contains(&format!("## {}", noun.word())), "{} has no section", noun.word());
    }
}
