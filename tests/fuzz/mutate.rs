//! Small harm done to a text by chance, word by word and line by line.

use bylaws::chance::Chance;

/// What keyboards, editors and other programs put into texts.
const ODD: [&str; 28] = [
    "\t",
    "\r",
    "\r\n",
    "\u{feff}",
    "\0",
    "\"",
    "\"\"",
    "#",
    "# note",
    "\u{a0}",
    "\u{85}",
    "\u{2028}",
    "\u{200b}",
    "\u{301}",
    "é",
    "ß",
    "İ",
    "漢字",
    "🦀",
    "👩‍👩‍👧",
    "\u{202e}",
    "'s",
    "`",
    "\\",
    "\u{1b}[31m",
    "    ",
    "  ",
    "\n",
];

/// Numbers, amounts and times at the edges of what is counted.
const EDGES: [&str; 30] = [
    "0",
    "-0",
    "00",
    "-1",
    "1",
    "0.1",
    "0.30",
    "1,000",
    "1000",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "99999999999999999999999999999999999999999999999999",
    "0.000000000000000000000000000000000000000001",
    "100%",
    "-0.5%",
    "$0",
    "-$1.5B",
    "€999999999999B",
    "1 day",
    "0 days",
    "99999999999 years",
    "1 business day",
    "9 quarters",
    "0000-01-01",
    "9999-12-31",
    "2026-02-30",
    "2026-03-29 02:30",
    "24:61",
];

/// No text grows beyond this; what only much of the same can do is seen long before.
const LARGEST: usize = 40_000;

/// A row of harms to a text. `words` are those of the language.
pub(crate) fn mutated(text: &str, words: &[String], chance: &mut Chance) -> String {
    let mut pieces: Vec<String> = pieces(text).into_iter().map(str::to_owned).collect();
    for _ in 0..1 + below(chance, 4) {
        harm(&mut pieces, words, chance);
        let mut size = 0;
        pieces.retain(|piece| {
            size += piece.len();
            size <= LARGEST
        });
    }
    pieces.concat()
}

/// Words that stand where the others of their row stand.
const ROWS: [&[&str]; 8] = [
    &["sum of", "average of", "median of", "min of", "max of", "latest", "first", "95th percentile of"],
    &["count of", "count of distinct id in", "share of"],
    &["is at least", "is at most", "is above", "is below", "is", "is not", "=", "<>", ">=", "<"],
    &["change of", "drop of", "difference of"],
    &[" and ", " or ", " and not ", " or not "],
    &["days", "hours", "minutes", "weeks", "months", "quarters", "years", "business days"],
    &["daily", "weekly", "monthly", "quarterly", "yearly", "on change", "every 2 days"],
    &[" + ", " - ", " * ", " / ", " as percent of "],
];

/// One change after which the text likely still reads, and now and then still compiles.
pub(crate) fn varied(text: &str, chance: &mut Chance) -> String {
    if chance.draw().is_multiple_of(4) {
        // A word for another of its row.
        let row = ROWS[below(chance, ROWS.len())];
        let from = row[below(chance, row.len())];
        let places: Vec<usize> = text.match_indices(from).map(|(at, _)| at).collect();
        if !places.is_empty() {
            let at = places[below(chance, places.len())];
            return format!("{}{}{}", &text[..at], row[below(chance, row.len())], &text[at + from.len()..]);
        }
    }
    let mut pieces: Vec<String> = pieces(text).into_iter().map(str::to_owned).collect();
    let solid: Vec<usize> = (0..pieces.len()).filter(|i| !pieces[*i].trim().is_empty()).collect();
    if solid.is_empty() {
        return text.to_owned();
    }
    let at = solid[below(chance, solid.len())];
    let other = solid[below(chance, solid.len())];
    match below(chance, 8) {
        0..=2 => pieces[at] = pieces[other].clone(),
        3 => pieces[at] = EDGES[below(chance, EDGES.len())].to_owned(),
        4 | 5 => {
            // What follows a word in one line follows it in another.
            let word = pieces[at].clone();
            let same: Vec<usize> = solid.iter().copied().filter(|i| pieces[*i] == word).collect();
            let other = same[below(chance, same.len())];
            let tail: Vec<String> = pieces[other..line_around(&pieces, other).end].to_vec();
            let end = line_around(&pieces, at).end;
            pieces.splice(at..end, tail);
        }
        6 => drop(pieces.drain(line_around(&pieces, at))),
        _ => {
            let line: Vec<String> = pieces[line_around(&pieces, at)].to_vec();
            let to = line_around(&pieces, other).start;
            pieces.splice(to..to, line);
        }
    }
    pieces.concat()
}

fn below(chance: &mut Chance, n: usize) -> usize {
    (chance.draw() % n.max(1) as u64) as usize
}

/// The words, numbers, texts in quotes, signs, blanks and ends of lines of a text.
fn pieces(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$' | '%');
        let end = match first {
            '"' => rest[1..].find(['"', '\n']).map_or(1, |at| if rest[1 + at..].starts_with('"') { at + 2 } else { 1 }),
            ' ' => rest.find(|c| c != ' ').unwrap_or(rest.len()),
            c if letter(c) => rest.find(|c| !letter(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        found.push(&rest[..end]);
        rest = &rest[end..];
    }
    found
}

/// Where the line around a piece begins and ends, its break included.
fn line_around(pieces: &[String], at: usize) -> std::ops::Range<usize> {
    let start = pieces[..at].iter().rposition(|p| p == "\n").map_or(0, |i| i + 1);
    let end = pieces[at..].iter().position(|p| p == "\n").map_or(pieces.len(), |i| at + i + 1);
    start..end
}

fn harm(pieces: &mut Vec<String>, words: &[String], chance: &mut Chance) {
    if pieces.is_empty() {
        pieces.push("metric".to_owned());
    }
    let len = pieces.len();
    let solid: Vec<usize> = (0..len).filter(|i| !pieces[*i].trim().is_empty()).collect();
    let at = if solid.is_empty() { below(chance, len) } else { solid[below(chance, solid.len())] };
    let other = if solid.is_empty() { below(chance, len) } else { solid[below(chance, solid.len())] };
    let word = words.get(below(chance, words.len())).cloned().unwrap_or_default();
    match below(chance, 24) {
        0 => drop(pieces.remove(at)),
        1 => pieces.insert(at, format!("{} ", pieces[at])),
        2 => pieces.swap(at, other),
        3..=5 => pieces[at] = pieces[other].clone(),
        6 => pieces[at] = word,
        7 => pieces.insert(at, format!("{word} ")),
        8 => pieces[at] = EDGES[below(chance, EDGES.len())].to_owned(),
        9 => pieces.insert(at, ODD[below(chance, ODD.len())].to_owned()),
        10 => {
            // Parentheses around what stands between two places of a line.
            let line = line_around(pieces, at);
            let end = at + below(chance, line.end.saturating_sub(at).max(1));
            let deep = [1, 1, 1, 2, 31, 32, 33, 400][below(chance, 8)];
            pieces[at].insert_str(0, &"(".repeat(deep));
            pieces[end].push_str(&")".repeat(deep));
        }
        11 => {
            let nest = ["not ", "not (not ", "(", "there is a venture where ", "1 as percent of ", "-", "its ", "a's "];
            let deep = [1, 2, 8, 31, 33, 300][below(chance, 6)];
            pieces[at].insert_str(0, &nest[below(chance, nest.len())].repeat(deep));
        }
        12 => {
            let joint = [" and ", " or ", " + ", " * ", ", ", "'s ", " as percent of ", "  ", " is "];
            let joint = joint[below(chance, joint.len())];
            let again = format!("{joint}{}", pieces[at]);
            pieces[at].push_str(&again.repeat([1, 2, 7, 60, 1_200][below(chance, 5)]));
        }
        13 => drop(pieces.drain(line_around(pieces, at))),
        14 => {
            let line: Vec<String> = pieces[line_around(pieces, at)].to_vec();
            let times = [1, 1, 2, 40][below(chance, 4)];
            let to = line_around(pieces, other).start;
            let copies: Vec<String> = std::iter::repeat_n(line, times).flatten().collect();
            pieces.splice(to..to, copies);
        }
        15 => {
            let line: Vec<String> = pieces.drain(line_around(pieces, at)).collect();
            let to = if pieces.is_empty() { 0 } else { line_around(pieces, other.min(pieces.len() - 1)).start };
            pieces.splice(to..to, line);
        }
        16 => {
            // Another indentation: a head becomes a fact, a fact a continuation, a row stands nowhere.
            let start = line_around(pieces, at).start;
            let blanks = " ".repeat([0, 1, 2, 3, 4, 5, 8][below(chance, 7)]);
            if pieces[start].trim().is_empty() && pieces[start] != "\n" {
                pieces[start] = blanks;
            } else {
                pieces.insert(start, blanks);
            }
        }
        17 => {
            // Two lines become one, or one two.
            let breaks: Vec<usize> = (0..len).filter(|i| pieces[*i] == "\n").collect();
            if breaks.is_empty() || chance.draw().is_multiple_of(2) {
                pieces.insert(at, ["\n", "\n    ", "\n  ", " # note\n    "][below(chance, 4)].to_owned());
            } else {
                pieces[breaks[below(chance, breaks.len())]] = " ".to_owned();
            }
        }
        18 => pieces.insert(at, ["# note\n", "  # note\n", "\n\n", "  because \"So.\"\n"][below(chance, 4)].to_owned()),
        19 => {
            let whole = &pieces[at];
            let cut = whole.char_indices().nth(below(chance, whole.chars().count())).map_or(0, |(i, _)| i);
            if chance.draw().is_multiple_of(2) {
                pieces[at].truncate(cut);
            } else {
                pieces[at].insert_str(cut, ODD[below(chance, ODD.len())]);
            }
        }
        20 => pieces[at] = pieces[at].to_uppercase(),
        21 => pieces[at] = format!("\"{}\"", pieces[at].trim_matches('"')),
        22 => {
            // A number is moved a little or a lot.
            if let Ok(n) = pieces[at].parse::<i64>() {
                let by = [-1, 1, 2, 7, 1_000, n.saturating_neg(), n][below(chance, 7)];
                pieces[at] = n.saturating_add(by).to_string();
            } else {
                pieces[at] = EDGES[below(chance, EDGES.len())].to_owned();
            }
        }
        _ => {
            let from = at.min(other);
            pieces.truncate((from + 1).max(len / 4));
        }
    }
}
