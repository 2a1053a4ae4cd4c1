//! What may have been meant: a line that does not read is tried again with one small change where reading stopped.
//!
//! Nothing here decides what is accepted. A change that makes the line read is the best help there is, because it is
//! known to work; where none does, the form of such a line is shown.

use std::sync::LazyLock;

use super::syntax::{Rule, keyword, reads};
use crate::diagnostic::nearest_name;
use crate::value::{listed, with_article};

/// Longer lines are not tried again: each trial reads the line from its beginning.
const LONGEST: usize = 2_000;
/// So often a line is tried again.
const MOST_TRIALS: usize = 60;
/// Words before the place that are looked at too: a misspelt word may pass for a name and stop a later one.
const WORDS_BEFORE: usize = 3;

/// A change after which the line reads.
pub(crate) struct Repair {
    /// Where, in bytes of the line.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// What is wrong there.
    pub(crate) message: String,
    /// What to write.
    pub(crate) help: String,
}

/// Why a change is thought of. Those that stand first are tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    LooksAlike,
    Stray,
    Quote,
    Misspelt,
    Dropped,
    Blank,
    Foreign,
    Missing,
}

/// One change: the bytes from `from` to `to` become `with`.
struct Edit {
    why: Why,
    from: usize,
    to: usize,
    with: String,
}

/// Words of the language that a single missing word may be, the likeliest first.
const SMALL: [&str; 16] =
    ["is", "=", "of", "and", ",", "a", "the", "in", "or", "on", "per", "as", "to", "where", "when", ")"];

/// Signs of other languages and what is written instead.
const FOREIGN: [(&str, &str); 10] = [
    ("==", "is"),
    ("=", "is"),
    ("&&", "and"),
    ("&", "and"),
    ("||", "or"),
    ("|", "or"),
    ("!", "not"),
    (":", "="),
    (":=", "="),
    (",", "and"),
];

/// Characters that are taken for another one, because they look like it.
fn look_alike(c: char) -> Option<char> {
    Some(match c {
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' | '＂' => '"',
        '–' | '—' | '−' | '‐' | '‑' | '‒' => '-',
        '’' | '‘' | '´' | '`' => '\'',
        '；' => ';',
        '，' | '、' => ',',
        'а' => 'a',
        'е' => 'e',
        'о' => 'o',
        'р' => 'p',
        'с' => 'c',
        'х' => 'x',
        'у' => 'y',
        'і' => 'i',
        'ο' => 'o',
        'ν' => 'v',
        c if c != ' ' && c.is_whitespace() && !c.is_ascii() => ' ',
        '\u{200b}' | '\u{2060}' | '\u{feff}' => ' ',
        c if ('！'..='～').contains(&c) => char::from_u32(c as u32 - 0xfee0)?,
        _ => return None,
    })
}

/// The phrases of the grammar, word by word.
static PHRASES: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    const UNITS: [&str; 14] = [
        "minutes", "minute", "hours", "hour", "days", "day", "weeks", "week", "months", "month", "quarters", "quarter",
        "years", "year",
    ];
    let keywords = Rule::all_rules().iter().filter_map(|r| keyword(*r));
    let mut all: Vec<Vec<String>> = keywords
        .chain(UNITS.iter().map(|u| (*u).to_owned()))
        .map(|phrase| phrase.split(' ').map(str::to_owned).collect())
        .collect();
    all.sort();
    all.dedup();
    all
});

/// The form of lines by the words they open with, for a line that no single change repairs.
const FORMS: [(Rule, &str); 54] = [
    (Rule::contract_head, "contract NAME, each a NOUN"),
    (Rule::contract_fact, "one row per COLUMN"),
    (Rule::contract_fact, "dated by COLUMN"),
    (Rule::contract_fact, "in force from COLUMN until COLUMN"),
    (Rule::contract_fact, "fresh within 24 hours per NOUN, stale after 7 days"),
    (Rule::contract_fact, "at least 1 row per NOUN every 7 days"),
    (Rule::contract_fact, "on violation quarantine and tell ROLE"),
    (Rule::contract_fact, "belongs to a NOUN by COLUMN with COLUMN"),
    (Rule::pairs_head, "pairs NAME of CONTRACT, each a NOUN"),
    (Rule::pairs_fact, "sharing COLUMN of CONTRACT as KIND"),
    (Rule::pairs_fact, "at most 1,000, highest shared first"),
    (Rule::param_head, "param NAME = VALUE, from LEAST to GREATEST"),
    (Rule::require_head, "require NAME + NAME = 1"),
    (Rule::set_head, "set NAME = VALUE"),
    (Rule::profile_head, "profile NAME \"TITLE\""),
    (Rule::metric_head, "metric NAME = count of CONTRACT where CONDITION"),
    (Rule::definition, "count of CONTRACT where CONDITION"),
    (Rule::definition, "share of CONTRACT where CONDITION, out of those where CONDITION"),
    (Rule::definition, "sum of COLUMN in CONTRACT where CONDITION"),
    (Rule::definition, "average of COLUMN in CONTRACT where CONDITION"),
    (Rule::definition, "latest COLUMN in CONTRACT"),
    (Rule::definition, "change of METRIC since previous month"),
    (Rule::definition, "drop of METRIC since previous month"),
    (Rule::threshold_head, "threshold NAME on METRIC, monthly, settled after 3 days"),
    (Rule::threshold_fact, "target is at least PARAM"),
    (Rule::threshold_fact, "acceptable is at least PARAM"),
    (Rule::gate_head, "gate NAME \"TITLE\", leaving stage 39"),
    (Rule::stage_head, "stage 39 \"TITLE\", after 38, before 40"),
    (Rule::stage_fact, "substage 39.1 \"TITLE\", days 1 to 10"),
    (Rule::trigger_head, "trigger NAME \"TITLE\", per NOUN, in stage 39"),
    (Rule::rollback_head, "rollback NAME \"TITLE\", per NOUN, in stage 39"),
    (Rule::decision_head, "decision NAME, about a NOUN"),
    (Rule::report_head, "report NAME \"TITLE\""),
    (Rule::test_head, "test \"TITLE\""),
    (Rule::trigger_fact, "because \"REASON\""),
    (Rule::trigger_fact, "when NAME is above PARAM"),
    (Rule::trigger_fact, "check daily at 07:00"),
    (Rule::trigger_fact, "once within 3 days"),
    (Rule::trigger_fact, "acts on at most 3 a day"),
    (Rule::trigger_fact, "depth at most 3, again after 1 day"),
    (Rule::trigger_fact, "end as WORD when CONDITION"),
    (Rule::step, "record a NOUN with COLUMN = VALUE"),
    (Rule::step, "set COLUMN to VALUE in CONTRACT where CONDITION"),
    (Rule::step, "have AGENT propose a NOUN"),
    (Rule::step, "tell ROLE through CHANNEL"),
    (Rule::step, "ask for approval of the NOUN, answer within 3 days, else escalate"),
    (Rule::step, "apply the NOUN"),
    (Rule::step, "restore CONTRACT from baseline"),
    (Rule::step, "verify CONTRACT equals baseline"),
    (Rule::step, "send REPORT to ROLE"),
    (Rule::test_fact, "now is 2026-03-02 09:00"),
    (Rule::test_fact, "expect RULE is firing for KEY"),
    (Rule::test_fact, "after 3 days"),
    (Rule::test_fact, "on 2026-03-02 09:00"),
];

/// The words and signs of a line, each from its first byte to one past its last.
fn tokens(line: &str) -> Vec<(usize, usize)> {
    let wordy = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '%' | '$' | '€' | '£');
    let joined = |c: char| matches!(c, '=' | '&' | '|' | '<' | '>' | '!' | ':');
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let start = line.len() - rest.len();
        let Some(first) = rest.chars().next() else { return found };
        let length = |belongs: &dyn Fn(char) -> bool| rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let end = match first {
            '"' => rest[1..]
                .find(['"', '\n', '\r'])
                .map_or(rest.len(), |i| i + 1 + usize::from(rest[i + 1..].starts_with('"'))),
            c if wordy(c) => length(&wordy),
            c if joined(c) => length(&joined),
            '\'' if rest.starts_with("'s") => 2,
            c => c.len_utf8(),
        };
        found.push((start, start + end));
        rest = &rest[end..];
    }
}

/// The change after which a line reads, if one of the likely ones does.
pub(crate) fn repair(rule: Rule, line: &str, at: usize) -> Option<Repair> {
    if line.len() > LONGEST || rule == Rule::cells || elsewhere(rule, line, at).is_some() {
        return None;
    }
    let tokens = tokens(line);
    let place = tokens.iter().position(|(_, end)| *end > at).unwrap_or(tokens.len());
    let mut edits = characters(line, at);
    edits.extend(strays(line, &tokens, place));
    edits.extend(quotes(line, &tokens, place));
    edits.extend(phrases(line, &tokens, place));
    edits.extend(signs(line, &tokens, place));
    edits.sort_by_key(|e| e.why);
    let mut good: Vec<Edit> = Vec::new();
    for edit in edits.into_iter().take(MOST_TRIALS) {
        if good.first().is_some_and(|g| g.why != edit.why || g.from != edit.from) {
            break;
        }
        let changed = changed(line, &edit);
        // Only words of the language can be meant in several ways; of signs the first way is as good as any.
        if reads(rule, &changed) {
            let certain = !matches!(edit.why, Why::Misspelt | Why::Dropped);
            good.push(edit);
            if certain {
                break;
            }
        }
    }
    told(line, &tokens, &good)
}

fn changed(line: &str, edit: &Edit) -> String {
    match edit.why {
        Why::LooksAlike => line.chars().map(|c| look_alike(c).unwrap_or(c)).collect(),
        _ => format!("{}{}{}", &line[..edit.from], edit.with, &line[edit.to..]),
    }
}

/// All characters that look like others are replaced at once: who pastes one pastes more.
fn characters(line: &str, at: usize) -> Vec<Edit> {
    let mut found = line.char_indices().filter_map(|(i, c)| Some((i, c, look_alike(c)?)));
    let near = |i: &usize| line[..at].rfind(char::is_whitespace).unwrap_or(0) <= *i || *i >= at;
    let first = found.find(|(i, _, _)| near(i));
    first
        .map(|(from, c, with)| Edit { why: Why::LooksAlike, from, to: from + c.len_utf8(), with: with.to_string() })
        .into_iter()
        .collect()
}

/// A sign that has no business here is left out.
fn strays(line: &str, tokens: &[(usize, usize)], place: usize) -> Vec<Edit> {
    let digit = |c: char| c.is_ascii_digit();
    let stray = |(from, to): (usize, usize)| {
        let in_number = line[..from].ends_with(digit) && line[to..].starts_with(digit);
        let sign =
            matches!(&line[from..to], "the" | "an" | "at" | "that" | ";" | "," | "." | ":" | ")" | "]" | "}" | "\"");
        (sign && !in_number).then(|| Edit { why: Why::Stray, from, to, with: String::new() })
    };
    [place, place.wrapping_sub(1)].iter().filter_map(|i| tokens.get(*i).copied()).filter_map(stray).collect()
}

/// A quote that is missing at the end, or around a text.
fn quotes(line: &str, tokens: &[(usize, usize)], place: usize) -> Vec<Edit> {
    let quote = |from: usize, to: usize| Edit {
        why: Why::Quote,
        from,
        to,
        with: format!("\"{}\"", line[from..to].trim_matches(['"', '\''])),
    };
    let Some(&(from, end)) = tokens.get(place.min(tokens.len().saturating_sub(1))) else { return Vec::new() };
    let last = line.trim_end().len();
    if line[from..end].starts_with('"') && !line[from + 1..end].ends_with('"') {
        return vec![quote(from, end)];
    }
    if line[from..].contains('"') && !line[from..end].contains(|c: char| c.is_alphanumeric()) {
        return Vec::new();
    }
    // `because Text without quotes.`, `trigger NAME A title, per venture`; elsewhere a text is a value like any other.
    let opener = place.checked_sub(1).and_then(|i| tokens.get(i)).map_or("", |(from, to)| &line[*from..*to]);
    let titled = ["trigger", "gate", "rollback", "report", "profile", "stage", "substage", "decision"];
    let head = place == 2 && titled.iter().any(|w| line.starts_with(w));
    if !head && !matches!(opener, "because" | "saying" | "column" | "test" | "as") {
        return Vec::new();
    }
    let comma = line[from..].find(',').map(|i| from + i);
    let ends = line[from..].find('"').map(|i| from + i + 1);
    let texts = comma.into_iter().chain([last]).chain(ends).filter(|to| *to > from);
    texts.filter(|to| line[from..*to].trim().contains(' ')).map(|to| quote(from, to)).collect()
}

/// A phrase of the language with one of its words misspelt or left out.
fn phrases(line: &str, tokens: &[(usize, usize)], place: usize) -> Vec<Edit> {
    let word = |i: usize| tokens.get(i).map(|(from, to)| &line[*from..*to]);
    let near = |written: &str, meant: &str| {
        let word = written.len() > 1 && written.starts_with(|c: char| c.is_ascii_alphabetic());
        word && written != meant && !SMALL_WORDS.contains(&written) && nearest_name(written, [meant]).is_some()
    };
    let mut found = Vec::new();
    let starts = (place.saturating_sub(WORDS_BEFORE)..=place).rev();
    for start in starts.filter(|i| *i < tokens.len()) {
        for phrase in PHRASES.iter() {
            let mut edit = |why, count: usize| {
                if let Some((from, to)) = tokens.get(start).zip(tokens.get(start + count - 1)).map(|(a, b)| (a.0, b.1))
                {
                    found.push(Edit { why, from, to, with: phrase.join(" ") });
                }
            };
            // Nobody means `a` who writes `at`.
            if phrase.len() == 1 && phrase[0].len() == 1 {
                continue;
            }
            if phrase.len() > 1 && word(start) == Some(&*phrase.concat()) {
                edit(Why::Misspelt, 1);
            }
            let wrong: Vec<usize> = (0..phrase.len()).filter(|i| word(start + i) != Some(&phrase[*i])).collect();
            if let [i] = wrong[..]
                && word(start + i).is_some_and(|w| near(w, &phrase[i]))
            {
                edit(Why::Misspelt, phrase.len());
            }
            let without = |i: usize| {
                let mut rest = phrase.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, w)| &**w).enumerate();
                rest.all(|(k, w)| word(start + k) == Some(w))
            };
            if phrase.len() > 1 && !wrong.is_empty() && (0..phrase.len()).any(without) {
                edit(Why::Dropped, phrase.len() - 1);
            }
        }
    }
    found
}

/// A small word or sign that is missing, too many or another one.
fn signs(line: &str, tokens: &[(usize, usize)], place: usize) -> Vec<Edit> {
    let mut found = Vec::new();
    let end = line.trim_end().len();
    let (from, to) = tokens.get(place).copied().unwrap_or((end, end));
    if let Some(&(_, before)) = place.checked_sub(1).and_then(|i| tokens.get(i))
        && before < from
        && !line[before..from].contains('\n')
        && !(line[..before].ends_with(char::is_alphanumeric) && line[from..].starts_with(char::is_alphanumeric))
    {
        found.push(Edit { why: Why::Blank, from: before, to: from, with: String::new() });
    }
    // `3days`
    if let Some(&(start, stop)) = tokens.get(place) {
        let digits = line[start..stop].bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && start + digits < stop {
            found.push(Edit { why: Why::Blank, from: start + digits, to: start + digits, with: " ".into() });
        }
    }
    for i in [Some(place), place.checked_sub(1), place.checked_sub(2)].into_iter().flatten() {
        let Some(&(from, to)) = tokens.get(i) else { continue };
        for (_, meant) in FOREIGN.iter().filter(|(sign, _)| *sign == &line[from..to]) {
            found.push(Edit { why: Why::Foreign, from, to, with: (*meant).to_owned() });
        }
        if &line[from..to] == "," {
            found.push(Edit { why: Why::Foreign, from, to, with: " or".to_owned() });
        }
    }
    for i in place.saturating_sub(2)..=place + 1 {
        for (words, meant) in SYNONYMS {
            let count = words.split(' ').count();
            let said =
                words.split(' ').enumerate().all(|(k, w)| tokens.get(i + k).is_some_and(|t| &line[t.0..t.1] == w));
            if let Some((from, to)) =
                tokens.get(i).zip(tokens.get(i + count - 1)).map(|(a, b)| (a.0, b.1)).filter(|_| said)
            {
                found.push(Edit { why: Why::Foreign, from, to, with: meant.to_owned() });
            }
        }
    }
    if place > 0 && (SMALL_WORDS.contains(&&line[from..to]) || matches!(&line[from..to], "on" | "at")) {
        let others = SMALL_WORDS.iter().chain(&["at", "="]).filter(|w| **w != &line[from..to]);
        found.extend(others.map(|w| Edit { why: Why::Foreign, from, to, with: (*w).to_owned() }));
    }
    if line.contains("answer within") {
        found.push(Edit { why: Why::Missing, from: end, to: end, with: ", else escalate".into() });
    }
    if line.matches('(').count() > line.matches(')').count() {
        found.push(Edit { why: Why::Missing, from: end, to: end, with: ")".into() });
    }
    // At its end a line lacks more than a small word, and at its beginning it is another line.
    let Some(&(before, after)) = place.checked_sub(1).and_then(|i| tokens.get(i)).filter(|_| from < end) else {
        return found;
    };
    let article = with_article(&line[from..]);
    for word in SMALL {
        let (at, with) = match word {
            // Elsewhere `a` would be taken for a name.
            "a" if !matches!(&line[before..after], "record" | "propose" | "each" | "about" | "to" | "is") => continue,
            "a" => (from, article.split_inclusive(' ').take(1).collect()),
            "and" | "or" if !line[from..].starts_with(|c: char| c.is_alphabetic()) => continue,
            // So would `on`, but for the one head that has it.
            "on" if !line.starts_with("threshold") => continue,
            "," => (after, word.to_owned()),
            _ => (from, format!("{word} ")),
        };
        found.push(Edit { why: Why::Missing, from: at, to: at, with });
    }
    found
}

/// What people say, and what the language says.
const SYNONYMS: [(&str, &str); 15] = [
    ("lower than", "below"),
    ("less than", "below"),
    ("smaller than", "below"),
    ("under", "below"),
    ("higher than", "above"),
    ("greater than", "above"),
    ("more than", "above"),
    ("not at least", "below"),
    ("not at most", "above"),
    ("not above", "at most"),
    ("not below", "at least"),
    ("equal to", ""),
    ("equals", "is"),
    ("per cent", "percent"),
    ("every day", "daily"),
];

/// Words that are often taken for each other.
const SMALL_WORDS: [&str; 13] = ["in", "of", "per", "by", "over", "to", "as", "is", "and", "or", "with", "for", "from"];

/// The message for the changes that make the line read; there are several where several words may be meant.
fn told(line: &str, tokens: &[(usize, usize)], good: &[Edit]) -> Option<Repair> {
    let edit = good.first()?;
    let (from, to) = (edit.from, edit.to);
    let written = one_line(&line[from..to]);
    let mut ways: Vec<String> = good.iter().map(|e| format!("`{}`", e.with.trim())).collect();
    ways.dedup();
    ways.truncate(4);
    let write = format!("write {}", listed(&ways, "or"));
    // A single word says little without the words beside it.
    let beside = || {
        let before = tokens.iter().rev().find(|t| t.0 < from).map_or(from, |t| t.0);
        let follows = tokens.iter().filter(|t| t.1 > to).take(2);
        let last = follows.take_while(|t| &line[t.0..t.1] != ",").last().map_or(to, |t| t.1);
        // Times and the like are several words here, and one to a reader.
        let after = line[last..].find([' ', ',', '\n', '\r']).map_or(line.len(), |i| last + i);
        format!("write `{}`", one_line(&format!("{}{}{}", &line[before..from], edit.with, &line[to..after])))
    };
    let (message, help) = match edit.why {
        Why::LooksAlike if edit.with == " " => {
            ("this blank is no ordinary one".to_owned(), "type an ordinary blank in its place".to_owned())
        }
        Why::LooksAlike => {
            let c = &line[from..to];
            (looks_like(c, &edit.with), format!("write `{}`", one_line(&changed(line, edit))))
        }
        Why::Stray => (format!("`{written}` does not belong here"), "leave it out".to_owned()),
        Why::Quote if written.starts_with('"') => {
            ("this text in quotes has no end".to_owned(), "write `\"` at its end".to_owned())
        }
        Why::Quote => ("this text stands without quotes".to_owned(), write),
        Why::Misspelt => (format!("`{written}` has no meaning here"), write),
        Why::Dropped => {
            let lacks = edit.with.split(' ').find(|w| !written.split(' ').any(|x| x == *w)).unwrap_or(&edit.with);
            let message =
                if ways.len() > 1 { "a word is missing here".into() } else { format!("`{lacks}` is missing here") };
            (message, write)
        }
        Why::Blank if edit.with.is_empty() => ("a blank stands where none belongs".to_owned(), beside()),
        Why::Blank => ("a blank is missing".to_owned(), beside()),
        Why::Foreign if written == "," => {
            (format!("the last two of a list are joined by `{}`", edit.with.trim()), beside())
        }
        Why::Foreign => (format!("`{written}` does not belong here"), beside()),
        Why::Missing => (format!("`{}` is missing here", edit.with.trim()), beside()),
    };
    // What is missing is shown at the word before which, or after which, it is missing.
    let (from, to) = match edit.why {
        Why::Missing | Why::Blank if from == to || edit.with.is_empty() => {
            tokens.iter().find(|t| t.1 > from).or(tokens.last()).copied().unwrap_or((from, to))
        }
        _ => (from, to),
    };
    Some(Repair { from, to, message, help })
}

fn looks_like(written: &str, meant: &str) -> String {
    if written.chars().all(char::is_alphabetic) {
        format!("this letter is not the Latin `{meant}`, but one that looks like it")
    } else {
        format!("`{written}` only looks like `{meant}`")
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a line of this kind looks like, where no single change repairs it.
pub(crate) fn advice(rule: Rule, line: &str, at: usize, expected: &[String]) -> Option<String> {
    let tokens = tokens(line.get(..LONGEST.min(line.len()))?);
    let place = tokens.iter().position(|(_, end)| *end > at).unwrap_or(tokens.len());
    let word = |i: usize| tokens.get(i).map_or("", |(from, to)| &line[*from..*to]);
    let here = word(place);
    let has = |what: &str| expected.iter().any(|e| e == what);
    if has("a unit") || has("a period such as months") {
        return Some("units of time are minutes, hours, days, business days, weeks, months, quarters and years".into());
    }
    if has("a type such as text, number, percent, money, date or moment") {
        return Some(
            "say after the name what the column holds: `NAME  text`, `NAME  money`, `NAME  id of CONTRACT`".into(),
        );
    }
    if has("a name") && here.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) {
        return Some("a name is written with the letters a to z, digits and `_`".into());
    }
    let number = |w: &str| w.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '$' | '€' | '£'));
    if place > 1 && number(here) && word(place - 1) == "," && number(word(place - 2)) {
        return Some("thousands are grouped by three: `100,000`; decimals follow a point: `0.5`".into());
    }
    if here == "." && place > 0 && number(word(place - 1)) {
        return Some("a day is written year, month, day: `2026-03-02`".into());
    }
    if matches!(here, "{" | "}" | "[" | "]") {
        return Some(
            "there are no brackets of this kind: a clause follows a comma, a fact stands on its own line".into(),
        );
    }
    let folds = ["count", "sum", "average", "median", "min", "max", "latest", "share", "change", "drop", "difference"];
    let sign = |w: &str| matches!(w, "+" | "-" | "*" | "/");
    let read = || (0..place).map(word);
    if rule == Rule::metric_head && read().any(|w| folds.contains(&w)) && (sign(here) || read().any(sign)) {
        return Some("give each aggregate a metric of its own, and compute with their names".into());
    }
    form(rule, place.min(tokens.len().saturating_sub(1)), &word).map(|form| format!("such a line reads `{form}`"))
}

/// What people write in other languages, and how this one says it.
pub(crate) fn elsewhere(rule: Rule, line: &str, at: usize) -> Option<&'static str> {
    if line.len() > LONGEST || rule == Rule::cells {
        return None;
    }
    let tokens = tokens(line);
    let place = tokens.iter().position(|(_, end)| *end > at).unwrap_or(tokens.len());
    let word = |i: usize| tokens.get(i).map_or("", |(from, to)| &line[*from..*to]);
    let words: Vec<&str> = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).collect();
    let says = |all: &[&str]| words.windows(all.len()).any(|w| w == all);
    let one_of = |any: &[&str]| words.iter().any(|w| any.contains(&w.to_lowercase().as_str()));
    let here = word(place);
    let counted = |w: &[&str]| w[0] != "at" && w[1] == "last" && w[2].starts_with(|c: char| c.is_ascii_digit());
    if words.windows(3).any(counted) && !says(&["within"]) {
        return Some("a window reads `within last 7 days`, after the contract");
    }
    if one_of(&["weekend", "weekday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]) {
        return Some("conditions know no days of the week; let a column of the table say which rows are meant");
    }
    if matches!(here, "today" | "now" | "yesterday" | "tomorrow") {
        return Some("a time against now reads `NAME is more than 3 days ago` or `NAME is less than 1 day from now`");
    }
    if here == "of" && matches!(word(0), "tell" | "ask" | "send") {
        return Some("whom a column names is a role: `role head`, below it `named by COLUMN`; then `tell head`");
    }
    if rule == Rule::gate_fact && matches!(word(0), "every" | "each" | "all") {
        return Some("say that none is otherwise: `there is no NOUN where METRIC is above PARAM`");
    }
    if matches!(here, "has" | "have" | "contains") {
        return Some("whether rows exist reads `there is a NOUN where …`; how many is a metric, `count of CONTRACT`");
    }
    if says(&["needs", "at", "least"]) && here.starts_with(|c: char| c.is_alphabetic()) {
        return Some("how many rows are needed is a plain number: `needs at least 10 rows`");
    }
    if says(&["consecutive"])
        && words.iter().position(|w| *w == "consecutive").is_some_and(|i| i > 0 && words[i - 1] != "for")
    {
        return Some("how many periods must follow each other is a plain number: `for 2 consecutive months`");
    }
    None
}

/// Whether a line of one rule may be, or hold, a form of another.
fn belongs(form: Rule, of: Rule) -> bool {
    match form {
        Rule::step => matches!(of, Rule::trigger_fact | Rule::rollback_fact | Rule::report_fact),
        Rule::trigger_fact => matches!(of, Rule::trigger_fact | Rule::rollback_fact),
        Rule::definition => of == Rule::metric_head,
        _ => form == of,
    }
}

/// The form that opens with the words nearest before the place.
fn form<'l>(of: Rule, place: usize, word: &dyn Fn(usize) -> &'l str) -> Option<&'static str> {
    let opens = |form: &str, at: usize| form.split([' ', ',']).next() == Some(word(at));
    let longest = |form: &str, at: usize| form.split(' ').enumerate().take_while(|(i, w)| word(at + i) == *w).count();
    (0..=place).rev().find_map(|at| {
        let forms = FORMS.iter().filter(|(rule, f)| {
            let inner = matches!(rule, Rule::definition);
            (belongs(*rule, of) || f.starts_with("because")) && opens(f, at) && (at == 0) != inner
        });
        forms.rev().max_by_key(|(_, f)| longest(f, at)).map(|(_, f)| *f)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_is_shown_reads() {
        let bad: Vec<_> = FORMS.iter().filter(|(rule, form)| !reads(*rule, form)).collect();
        assert!(bad.is_empty(), "{bad:?}");
    }

    #[test]
    fn one_small_change_is_found() {
        let help = |rule, line: &str, at| repair(rule, line, at).map(|r| r.help);
        assert_eq!(help(Rule::metric_head, "metric a = cuont of ventures", 17).as_deref(), Some("write `count of`"));
        assert_eq!(help(Rule::trigger_fact, "apply resolution", 6).as_deref(), Some("write `apply the resolution`"));
        assert_eq!(help(Rule::trigger_fact, "when 語語 paused", 5), None);
    }
}
