//! A measure of the compiler: three hundred single edits of the shipped rules, each of a kind that people make.
//!
//! For each edit three things are asked. Does it change what the rules mean? If so and if it is a fault, is it told?
//! And does what is told point at the edit? What is not told or points elsewhere is listed on standard error:
//! `cargo test --test edits -- --nocapture`.
//!
//! An edit that yields another rule that can be meant (30 days become 13 days) is no fault and is counted apart. Edits
//! that can never be meant (a dollar for a percent, a misspelt name, a default outside its range) are faults even
//! where the compiler takes them.

#![allow(clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;

use bylaws::chance::Chance;
use bylaws::compile::{Compiled, compile_text};
use bylaws::diagnostic::Diagnostic;

/// Other edits are measured with `EDITS_SEED` and `EDITS_COUNT`.
const EDITS: usize = 300;
const SEED: u64 = 0x62_79_6c_61_77_73;
/// Of the faults so many percent are told, and of the told so many point at the edit.
const LEAST: usize = 95;

// ── the rules ──

struct Pack {
    files: Vec<(String, String)>,
    house: String,
}

fn pack() -> Pack {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut files: Vec<(String, String)> = fs::read_dir(root.join("rules"))
        .expect("the rules")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "bylaw"))
        .map(|p| (p.file_name().expect("a name").to_string_lossy().into_owned(), read(&p)))
        .collect();
    files.sort();
    Pack { files, house: read(&root.join("bylaws.toml")) }
}

impl Pack {
    fn compile(&self, edit: Option<&Edit>) -> Compiled {
        let files: Vec<(&str, &str)> = self
            .files
            .iter()
            .enumerate()
            .map(|(i, (name, text))| match edit {
                Some(edit) if edit.file == i => (&**name, &*edit.text),
                _ => (&**name, &**text),
            })
            .collect();
        compile_text(&files, Some(&self.house))
    }
}

// ── chance, the same every time ──

fn below(chance: &mut Chance, n: usize) -> usize {
    (chance.draw() % n as u64) as usize
}

fn one_of<'a, T>(chance: &mut Chance, all: &'a [T]) -> &'a T {
    &all[below(chance, all.len())]
}

// ── words and lines ──

/// A word of a line that is neither in quotes nor in a comment, and where it lies in the file.
#[derive(Debug, Clone, PartialEq)]
struct Token {
    start: usize,
    end: usize,
    text: String,
}

fn tokens(line: &str, base: usize) -> Vec<Token> {
    let mut found = Vec::new();
    let bytes = line.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let start = i;
        match bytes[i] {
            b'#' => break,
            b'"' => {
                i += 1;
                while i < bytes.len() && bytes[i] != b'"' {
                    i += 1;
                }
                i = (i + 1).min(bytes.len());
                continue;
            }
            b' ' => {
                i += 1;
                continue;
            }
            b if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') => {
                while i < bytes.len()
                    && (bytes[i].is_ascii_alphanumeric()
                        || matches!(bytes[i], b'_' | b'$' | b'%' | b'-' | b':')
                        || matches!(bytes[i], b'.' | b',') && bytes.get(i + 1).is_some_and(u8::is_ascii_digit))
                {
                    i += 1;
                }
            }
            _ => i += 1,
        }
        found.push(Token { start: base + start, end: base + i, text: line[start..i].to_owned() });
    }
    found
}

#[derive(Debug, Clone)]
struct Line {
    file: usize,
    start: usize,
    /// Without the line end.
    end: usize,
}

fn lines(pack: &Pack) -> Vec<Line> {
    let mut all = Vec::new();
    for (file, (_, text)) in pack.files.iter().enumerate() {
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let end = start + line.trim_end_matches('\n').len();
            let words = text[start..end].trim_start();
            if !words.is_empty() && !words.starts_with('#') {
                all.push(Line { file, start, end });
            }
            start += line.len();
        }
    }
    all
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
}

// ── edits ──

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    WordDropped,
    WordDoubled,
    WordsSwapped,
    NameMisspelt,
    KeywordMisspelt,
    NameForAnother,
    UnitChanged,
    UnitDropped,
    OutOfRange,
    NumberChanged,
    MarkDropped,
    IndentChanged,
    LineDeleted,
    LineDoubled,
    LineMoved,
}

const KINDS: [Kind; 15] = [
    Kind::WordDropped,
    Kind::WordDoubled,
    Kind::WordsSwapped,
    Kind::NameMisspelt,
    Kind::KeywordMisspelt,
    Kind::NameForAnother,
    Kind::UnitChanged,
    Kind::UnitDropped,
    Kind::OutOfRange,
    Kind::NumberChanged,
    Kind::MarkDropped,
    Kind::IndentChanged,
    Kind::LineDeleted,
    Kind::LineDoubled,
    Kind::LineMoved,
];

/// One file with one change.
#[derive(Debug, Clone)]
struct Edit {
    kind: Kind,
    file: usize,
    text: String,
    /// Places in the new text that belong to the edit: the first is where it was made.
    places: Vec<(usize, usize)>,
    /// Nobody can mean this.
    always: bool,
    what: String,
}

struct Editor<'a> {
    pack: &'a Pack,
    lines: Vec<Line>,
    /// How often a name is used in the whole pack.
    uses: BTreeMap<String, usize>,
    names: Vec<String>,
}

impl<'a> Editor<'a> {
    fn new(pack: &'a Pack) -> Editor<'a> {
        let lines = lines(pack);
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        let mut names = Vec::new();
        for line in &lines {
            let text = &pack.files[line.file].1[line.start..line.end];
            let words = tokens(text, line.start);
            if !text.starts_with(' ')
                && let [noun, name, ..] = &words[..]
                && matches!(&*noun.text, "contract" | "param" | "metric" | "threshold" | "gate" | "trigger" | "report")
            {
                names.push(name.text.clone());
            }
            for word in words {
                *uses.entry(word.text).or_default() += 1;
            }
        }
        Editor { pack, lines, uses, names }
    }

    fn text(&self, line: &Line) -> &'a str {
        &self.pack.files[line.file].1[line.start..line.end]
    }

    fn tokens(&self, line: &Line) -> Vec<Token> {
        tokens(self.text(line), line.start)
    }

    /// Puts other text in the place of some.
    fn put(&self, kind: Kind, line: &Line, from: usize, to: usize, new: &str, always: bool) -> Edit {
        let old = &self.pack.files[line.file].1;
        let text = format!("{}{new}{}", &old[..from], &old[to..]);
        let end = from + new.len();
        // The edited line in the new text, as it is shown.
        let begin = text[..from].rfind('\n').map_or(0, |i| i + 1);
        let until = text[from..].find('\n').map_or(text.len(), |i| from + i);
        let what = format!(
            "`{}` -> `{new}` in {}: {}",
            old[from..to].trim_end_matches('\n'),
            self.pack.files[line.file].0,
            text[begin..until].trim()
        );
        Edit { kind, file: line.file, text, places: vec![(from, end)], always, what }
    }

    /// First and last byte of the block around a place, in a text.
    fn block(text: &str, at: usize) -> (usize, usize) {
        let mut start = 0;
        let mut from = 0;
        let mut end = text.len();
        for line in text.split_inclusive('\n') {
            let head = line.starts_with(|c: char| c.is_ascii_alphabetic());
            if head && from <= at {
                start = from;
            } else if head {
                end = from;
                break;
            }
            from += line.len();
        }
        (start, end)
    }

    fn edit(&self, kind: Kind, chance: &mut Chance) -> Option<Edit> {
        let line = one_of(chance, &self.lines).clone();
        let text = self.text(&line);
        let words = self.tokens(&line);
        let prose = text.trim_start().starts_with("because");
        match kind {
            Kind::WordDropped | Kind::WordDoubled => {
                let chosen: Vec<&Token> = words.iter().filter(|w| is_word(&w.text)).collect();
                if chosen.len() < 2 || prose {
                    return None;
                }
                let word = *one_of(chance, &chosen);
                let blank = self.pack.files[line.file].1[word.end..].starts_with(' ') as usize;
                if kind == Kind::WordDropped {
                    return Some(self.put(kind, &line, word.start, word.end + blank, "", false));
                }
                Some(self.put(kind, &line, word.start, word.end, &format!("{0} {0}", word.text), false))
            }
            Kind::WordsSwapped => {
                let pairs: Vec<(&Token, &Token)> = words
                    .windows(2)
                    .filter(|p| {
                        is_word(&p[0].text)
                            && is_word(&p[1].text)
                            && p[0].text != p[1].text
                            && p[0].end + 1 == p[1].start
                    })
                    .map(|p| (&p[0], &p[1]))
                    .collect();
                if pairs.is_empty() || prose {
                    return None;
                }
                let (a, b) = *one_of(chance, &pairs);
                Some(self.put(kind, &line, a.start, b.end, &format!("{} {}", b.text, a.text), false))
            }
            Kind::NameMisspelt | Kind::KeywordMisspelt => {
                // The word after the noun declares a name, as does the first word of a column.
                let declares = |w: &Token| {
                    !text.starts_with(' ') && words.get(1) == Some(w)
                        || self.is_column(&line) && words.first() == Some(w)
                        || text.contains("formerly ")
                        || text.contains("one of")
                        || text.contains("end as")
                        || text.contains("category ")
                };
                let chosen: Vec<&Token> = words
                    .iter()
                    .filter(|w| w.text.len() > 3 && is_word(&w.text) && !declares(w))
                    .filter(|w| (w.text.contains('_') || self.names.contains(&w.text)) == (kind == Kind::NameMisspelt))
                    .filter(|w| kind == Kind::NameMisspelt || self.uses.get(&w.text).is_some_and(|n| *n > 8))
                    .collect();
                if chosen.is_empty() || prose {
                    return None;
                }
                let word = *one_of(chance, &chosen);
                let wrong = misspelt(&word.text, chance);
                if self.uses.contains_key(&wrong) || self.bare_text(&line, word) {
                    return None;
                }
                Some(self.put(kind, &line, word.start, word.end, &wrong, true))
            }
            Kind::NameForAnother => {
                let head = !text.starts_with(' ');
                let chosen: Vec<&Token> =
                    words.iter().skip(if head { 2 } else { 0 }).filter(|w| self.names.contains(&w.text)).collect();
                if chosen.is_empty() || prose {
                    return None;
                }
                let word = *one_of(chance, &chosen);
                let other = one_of(chance, &self.names).clone();
                (other != word.text).then(|| self.put(kind, &line, word.start, word.end, &other, false))
            }
            Kind::UnitChanged | Kind::UnitDropped => {
                let mut chosen: Vec<(usize, usize, String, bool)> = Vec::new();
                for (i, word) in words.iter().enumerate() {
                    let next = words.get(i + 1);
                    let (digits, dollar, percent) = (
                        word.text.trim_matches(|c| c == '$' || c == '%'),
                        word.text.starts_with('$'),
                        word.text.ends_with('%'),
                    );
                    let unit = next.filter(|n| matches!(&*n.text, "hours" | "days" | "minutes" | "months"));
                    if !is_number(digits) || is_date(digits) {
                        continue;
                    }
                    match (dollar, percent, unit) {
                        (true, ..) if kind == Kind::UnitChanged => {
                            chosen.push((word.start, word.end, format!("{digits}%"), true))
                        }
                        (_, true, _) if kind == Kind::UnitChanged => {
                            chosen.push((word.start, word.end, format!("${digits}"), true))
                        }
                        (true, ..) | (_, true, _) => chosen.push((word.start, word.end, digits.to_owned(), true)),
                        (_, _, Some(unit)) if kind == Kind::UnitChanged => {
                            let other = if unit.text == "days" { "hours" } else { "days" };
                            // In a param the default and the range hold each other; elsewhere both lengths can be meant.
                            chosen.push((unit.start, unit.end, other.to_owned(), text.starts_with("param")));
                        }
                        (_, _, Some(unit)) => {
                            let from = unit.start - 1;
                            chosen.push((from, unit.end, String::new(), true));
                        }
                        _ => {}
                    }
                }
                if chosen.is_empty() || prose {
                    return None;
                }
                let (from, to, new, always) = one_of(chance, &chosen).clone();
                Some(self.put(kind, &line, from, to, &new, always))
            }
            Kind::OutOfRange => {
                if !text.starts_with("param") || !text.contains(", from ") {
                    return None;
                }
                let value = words.iter().find(|w| is_number(w.text.trim_start_matches('$')))?;
                let sign = if value.text.starts_with('$') { "$" } else { "" };
                let percent = if value.text.ends_with('%') { "%" } else { "" };
                Some(self.put(kind, &line, value.start, value.end, &format!("{sign}9,999,999,999{percent}"), true))
            }
            Kind::NumberChanged => {
                let chosen: Vec<&Token> =
                    words.iter().filter(|w| w.text.bytes().any(|b| b.is_ascii_digit()) && !is_word(&w.text)).collect();
                if chosen.is_empty() || prose {
                    return None;
                }
                let word = *one_of(chance, &chosen);
                let at = word.text.find(|c: char| c.is_ascii_digit())?;
                let digit = word.text.as_bytes()[at];
                let other = if digit == b'9' { '1' } else { char::from(digit + 1) };
                let new = format!("{}{other}{}", &word.text[..at], &word.text[at + 1..]);
                Some(self.put(kind, &line, word.start, word.end, &new, false))
            }
            Kind::MarkDropped => {
                let marks: Vec<usize> = text
                    .char_indices()
                    .filter(|(_, c)| matches!(c, ',' | '"' | '(' | ')' | '=' | '\''))
                    .filter(|(i, c)| *c != ',' || !text[i + 1..].starts_with(|n: char| n.is_ascii_digit()))
                    .map(|(i, _)| line.start + i)
                    // Marks inside of a text are prose.
                    .filter(|at| {
                        self.pack.files[line.file].1[*at..].starts_with('"') || !in_quotes(text, at - line.start)
                    })
                    .collect();
                if marks.is_empty() {
                    return None;
                }
                let at = *one_of(chance, &marks);
                Some(self.put(kind, &line, at, at + 1, "", true))
            }
            Kind::IndentChanged => {
                let blanks = text.len() - text.trim_start().len();
                let new = *one_of(chance, &[0usize, 2, 4]);
                if blanks == new {
                    return None;
                }
                let mut edit = self.put(kind, &line, line.start, line.start + blanks, &" ".repeat(new), false);
                edit.places = vec![(line.start, line.start + new + text.trim_start().len())];
                edit.what = format!("{blanks} -> {new} blanks: {}", text.trim_start());
                Some(edit)
            }
            Kind::LineDeleted => {
                let mut edit = self.put(kind, &line, line.start, line.end + 1, "", false);
                let before = line.start.saturating_sub(1);
                // Where a line is missing, its block is the place, or the line that follows.
                edit.places = vec![(before, line.start), Self::block(&edit.text, before)];
                edit.what = format!("deleted in {}: {}", self.pack.files[line.file].0, text.trim());
                Some(edit)
            }
            Kind::LineDoubled => {
                let always = !text.trim_start().starts_with("tell") && !self.is_step(text);
                let mut edit = self.put(kind, &line, line.end, line.end, &format!("\n{text}"), always);
                edit.places.insert(0, (line.start, line.end));
                edit.what = format!("doubled in {}: {}", self.pack.files[line.file].0, text.trim());
                Some(edit)
            }
            Kind::LineMoved => {
                let others: Vec<&Line> =
                    self.lines.iter().filter(|l| l.file == line.file && l.start != line.start).collect();
                let target = (*one_of(chance, &others)).clone();
                let old = &self.pack.files[line.file].1;
                let (moved, at) = (format!("{text}\n"), target.end + 1);
                let (new, place) = if at <= line.start {
                    (format!("{}{moved}{}{}", &old[..at], &old[at..line.start], &old[line.end + 1..]), at)
                } else {
                    let at = at.min(old.len());
                    (format!("{}{}{moved}{}", &old[..line.start], &old[line.end + 1..at], &old[at..]), at - moved.len())
                };
                let gone = if at <= line.start { line.start + moved.len() } else { line.start };
                let places = vec![
                    (place, place + text.len()),
                    Self::block(&new, gone.saturating_sub(1)),
                    Self::block(&new, place),
                ];
                let what = format!(
                    "moved in {}: {} | below: {}",
                    self.pack.files[line.file].0,
                    text.trim(),
                    self.text(&target).trim()
                );
                Some(Edit { kind, file: line.file, text: new, places, always: false, what })
            }
        }
    }

    fn is_column(&self, line: &Line) -> bool {
        let text = self.text(line);
        text.starts_with("  ") && {
            let (start, _) = Self::block(&self.pack.files[line.file].1, line.start);
            self.pack.files[line.file].1[start..].starts_with("contract")
        }
    }

    fn is_step(&self, text: &str) -> bool {
        let first = text.trim_start().split(' ').next().unwrap_or("");
        [
            "record",
            "set",
            "have",
            "tell",
            "ask",
            "apply",
            "undo",
            "restore",
            "send",
            "fire",
            "enter",
            "publish",
            "afterwards",
            "end",
        ]
        .contains(&first)
    }

    /// A bare word where any text may stand.
    fn bare_text(&self, line: &Line, word: &Token) -> bool {
        let before = &self.pack.files[line.file].1[line.start..word.start];
        before.ends_with("= ") && self.text(line).trim_start().starts_with("record") || before.ends_with("saying ")
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.as_bytes()[4] == b'-'
}

fn in_quotes(line: &str, at: usize) -> bool {
    line[..at].matches('"').count() % 2 == 1
}

fn misspelt(word: &str, chance: &mut Chance) -> String {
    let chars: Vec<char> = word.chars().collect();
    loop {
        let at = 1 + below(chance, chars.len() - 1);
        let mut new = chars.clone();
        match below(chance, 3) {
            0 => {
                new.remove(at);
            }
            1 => new.insert(at, chars[at]),
            _ if at + 1 < chars.len() => new.swap(at, at + 1),
            _ => continue,
        }
        let new: String = new.into_iter().collect();
        if new != word {
            return new;
        }
    }
}

// ── the measure ──

/// What a pack means: its compiled form without places and without reasons and titles.
fn meaning(compiled: &Compiled) -> Option<String> {
    let text = format!("{:?}", compiled.pack.as_ref()?);
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = ["Span { file: FileId(", "because: ", "title: "].iter().filter_map(|m| rest.find(m)).min() {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("Span {") {
            rest = &rest[rest.find('}').map_or(rest.len(), |i| i + 1)..];
        } else {
            let value = &rest[rest.find(' ').unwrap_or(0) + 1..];
            rest = match value.strip_prefix("Some(").unwrap_or(value).strip_prefix('"') {
                None => value,
                Some(text) => {
                    let mut escaped = false;
                    let end = text.find(|c| {
                        let stop = c == '"' && !escaped;
                        escaped = c == '\\' && !escaped;
                        stop
                    });
                    &text[end.map_or(text.len(), |i| i + 1)..]
                }
            };
        }
    }
    out.push_str(rest);
    Some(out)
}

fn key(d: &Diagnostic) -> String {
    format!("{} {}", d.code.as_str(), d.message)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The rules mean the same; comments, reasons, titles and order of clauses aside.
    Same,
    /// A fault, told, with a place on the edited words, on the edited line, or elsewhere.
    Told(Pointed),
    /// Another rule that can be meant.
    Valid,
    /// A fault that is not told.
    Missed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pointed {
    Word,
    Line,
    Elsewhere,
}

struct Judged {
    edit: Edit,
    verdict: Verdict,
    said: Vec<String>,
}

fn judge(pack: &Pack, base: &BTreeMap<String, usize>, means: &str, edit: Edit) -> Judged {
    let compiled = pack.compile(Some(&edit));
    let mut left = base.clone();
    let new: Vec<&Diagnostic> = compiled
        .diagnostics
        .iter()
        .filter(|d| match left.get_mut(&key(d)) {
            Some(n) if *n > 0 => {
                *n -= 1;
                false
            }
            _ => true,
        })
        .collect();
    let verdict = if new.is_empty() {
        match meaning(&compiled) {
            Some(now) if now == means => Verdict::Same,
            _ if edit.always => Verdict::Missed,
            _ => Verdict::Valid,
        }
    } else {
        Verdict::Told(pointed(&edit, &new))
    };
    let said = new
        .iter()
        .map(|d| {
            let at = d.span().map_or("nowhere".to_owned(), |s| {
                let (line, column) = compiled.sources.file(s.file).position(s.start);
                format!(
                    "{}:{line}:{column} `{}`",
                    compiled.sources.file(s.file).name,
                    shortened(compiled.sources.text(s))
                )
            });
            format!(
                "{} {} at {at}{}",
                d.code.as_str(),
                d.message,
                d.help.as_ref().map_or(String::new(), |h| format!(" | {h}"))
            )
        })
        .collect();
    Judged { edit, verdict, said }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short.replace('\n', "⏎")
}

fn pointed(edit: &Edit, new: &[&Diagnostic]) -> Pointed {
    let spans = || {
        new.iter()
            .flat_map(|d| &d.labels)
            .filter(|l| l.span.file.0 as usize == edit.file)
            .map(|l| (l.span.start as usize, l.span.end as usize))
    };
    // A dropped word leaves its neighbours: one blank away still touches.
    let touch = |(a, b): (usize, usize), (c, d): (usize, usize), slack: usize| a <= d + slack && c <= b + slack;
    if spans().any(|s| touch(s, edit.places[0], 1)) {
        return Pointed::Word;
    }
    let whole = |(from, to): (usize, usize)| {
        let start = edit.text[..from.min(edit.text.len())].rfind('\n').map_or(0, |i| i + 1);
        let end = edit.text[to.min(edit.text.len())..].find('\n').map_or(edit.text.len(), |i| to + i);
        (start, end)
    };
    if spans().any(|s| edit.places.iter().any(|p| touch(s, whole(*p), 0))) {
        return Pointed::Line;
    }
    Pointed::Elsewhere
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    all: usize,
    same: usize,
    valid: usize,
    missed: usize,
    word: usize,
    line: usize,
    elsewhere: usize,
}

impl Count {
    fn add(&mut self, verdict: Verdict) {
        self.all += 1;
        *match verdict {
            Verdict::Same => &mut self.same,
            Verdict::Valid => &mut self.valid,
            Verdict::Missed => &mut self.missed,
            Verdict::Told(Pointed::Word) => &mut self.word,
            Verdict::Told(Pointed::Line) => &mut self.line,
            Verdict::Told(Pointed::Elsewhere) => &mut self.elsewhere,
        } += 1;
    }

    fn told(self) -> usize {
        self.word + self.line + self.elsewhere
    }
}

#[test]
fn single_edits_are_told_and_pointed_at() {
    let pack = pack();
    let compiled = pack.compile(None);
    assert!(compiled.pack.is_some(), "the shipped rules do not compile");
    let means = meaning(&compiled).expect("a pack");
    let mut base: BTreeMap<String, usize> = BTreeMap::new();
    for diagnostic in &compiled.diagnostics {
        *base.entry(key(diagnostic)).or_default() += 1;
    }
    let editor = Editor::new(&pack);
    let set = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let mut chance = Chance::seeded(set("EDITS_SEED").unwrap_or(SEED));
    let count = set("EDITS_COUNT").map_or(EDITS, |n| n as usize);
    let mut edits = Vec::new();
    while edits.len() < count {
        let kind = KINDS[edits.len() % KINDS.len()];
        edits.extend((0..10_000).find_map(|_| editor.edit(kind, &mut chance)));
    }
    let half = edits.split_off(count / 2);
    let judge_all = |edits: Vec<Edit>| edits.into_iter().map(|e| judge(&pack, &base, &means, e)).collect::<Vec<_>>();
    let results: Vec<Judged> = thread::scope(|scope| {
        let other = scope.spawn(|| judge_all(half));
        let mut all = judge_all(edits);
        all.extend(other.join().expect("judged"));
        all
    });
    let mut counts: BTreeMap<Kind, Count> = BTreeMap::new();
    let mut sum = Count::default();
    let mut list = String::new();
    for result in &results {
        counts.entry(result.edit.kind).or_default().add(result.verdict);
        sum.add(result.verdict);
        let mark = match result.verdict {
            Verdict::Missed => "NOT TOLD",
            Verdict::Told(Pointed::Elsewhere) => "POINTS ELSEWHERE",
            Verdict::Valid => "still a valid rule",
            Verdict::Same => "means the same",
            Verdict::Told(Pointed::Line) => "points at the line",
            Verdict::Told(Pointed::Word) if std::env::var_os("EDITS_ALL").is_none() => continue,
            Verdict::Told(Pointed::Word) => "points at the words",
        };
        let _ = writeln!(list, "{mark} · {:?} · {}", result.edit.kind, result.edit.what);
        for said in &result.said {
            let _ = writeln!(list, "      {said}");
        }
    }
    eprintln!("{list}");
    eprintln!(
        "{:16} {:>5} {:>5} {:>6} {:>7} {:>5} | {:>5} {:>5} {:>9}",
        "kind", "all", "same", "valid", "missed", "told", "word", "line", "elsewhere"
    );
    let row = |name: &str, c: Count| {
        eprintln!(
            "{name:16} {:>5} {:>5} {:>6} {:>7} {:>5} | {:>5} {:>5} {:>9}",
            c.all,
            c.same,
            c.valid,
            c.missed,
            c.told(),
            c.word,
            c.line,
            c.elsewhere
        );
    };
    for (kind, count) in &counts {
        row(&format!("{kind:?}"), *count);
    }
    row("all", sum);
    let faults = sum.told() + sum.missed;
    eprintln!(
        "{count} edits: {} mean the same, {} are other valid rules, {faults} are faults; of these {} are told ({}%), of which {} point at the edited words and {} at least at the line or block ({}%)",
        sum.same,
        sum.valid,
        sum.told(),
        100 * sum.told() / faults,
        sum.word,
        sum.word + sum.line,
        100 * (sum.word + sum.line) / sum.told().max(1)
    );
    assert!(sum.told() * 100 >= faults * LEAST, "{} of {faults} faults are not told", sum.missed);
    assert!(
        (sum.word + sum.line) * 100 >= sum.told() * LEAST,
        "{} of {} findings point elsewhere",
        sum.elsewhere,
        sum.told()
    );
}
