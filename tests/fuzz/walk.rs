//! Text that bytes choose. The grammar's own files are walked, and wherever there is a choice the next byte chooses.
//! Names are those of the little world beside which the text is compiled, so that many of them lead somewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use bylaws::chance::Chance;
use bylaws::lang::item::Noun;
use pest_meta::ast::{Expr, RuleType};
use pest_meta::parser::{self, Rule};

use crate::{mutate, seeds};

/// A text no longer than this; what the grammar would still say is said in the shortest way.
const LONGEST: usize = 4_000;

const NAMES: &str = "ventures venture venture_metrics reading conflicts conflict resolutions resolution overview id name \
    status recorded_at venture_id monthly_revenue user_count detected_at resolved_at conflict_id shift cost resolve \
    least_revenue revenue portfolio_revenue active_ventures earning active paused sunset detected proposed resolved \
    chairman board Planner slack venture conflict first second other fired now today t0 t1 m0 m1 m0 p0 c0 a b";
const KINDS: &str = "text number count percent money date moment points days hours minutes id";
const WORDS: [(&str, &str); 5] = [
    ("kind_word", KINDS),
    ("mode", "auto assisted manual shadow"),
    ("severity", "low medium high critical"),
    ("category", "money time people risk"),
    ("weekly", "monday friday sunday"),
];
const TITLES: [&str; 5] = ["\"So.\"", "\"\"", "\"active\"", "\"a, b # c\"", "\"Größe 漢字 — 🦀\""];

struct Grammar {
    rules: BTreeMap<String, (RuleType, Expr)>,
    /// The depth of the shortest way through a rule.
    least: BTreeMap<String, usize>,
}

fn grammar() -> &'static Grammar {
    static GRAMMAR: OnceLock<Grammar> = OnceLock::new();
    GRAMMAR.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../grammar");
        let mut text = String::new();
        for entry in fs::read_dir(&folder).expect("the grammar") {
            text.push_str(&fs::read_to_string(entry.expect("an entry").path()).expect("read"));
            text.push('\n');
        }
        let pairs = parser::parse(Rule::grammar_rules, &text).expect("it reads");
        let rules = parser::consume_rules(pairs).expect("it is sound");
        let rules: BTreeMap<_, _> = rules.into_iter().map(|r| (r.name, (r.ty, r.expr))).collect();
        let mut grammar = Grammar { rules, least: BTreeMap::new() };
        // Shorter ways become known until none is shorter.
        loop {
            let mut found = Vec::new();
            for (name, (_, expr)) in &grammar.rules {
                let least = grammar.least(expr).saturating_add(1);
                if least < grammar.least.get(name).copied().unwrap_or(usize::MAX) {
                    found.push((name.clone(), least));
                }
            }
            if found.is_empty() {
                return grammar;
            }
            grammar.least.extend(found);
        }
    })
}

impl Grammar {
    fn least(&self, expr: &Expr) -> usize {
        match expr {
            Expr::Ident(name) if self.rules.contains_key(name) => self.least.get(name).copied().unwrap_or(usize::MAX),
            Expr::Seq(a, b) => self.least(a).max(self.least(b)),
            Expr::Choice(a, b) => self.least(a).min(self.least(b)),
            Expr::RepOnce(a) | Expr::RepExact(a, _) | Expr::RepMin(a, _) | Expr::Push(a) => self.least(a),
            _ => 0,
        }
    }
}

/// The text that some bytes choose: every second is of the shape of the grammar, the others are sound rules after a few
/// changes that they may bear, so that what only sound rules reach is reached too.
pub(crate) fn text(tape: &[u8]) -> String {
    static LANGUAGE: OnceLock<Vec<String>> = OnceLock::new();
    static SOUND: OnceLock<Vec<String>> = OnceLock::new();
    let mut walk = Walk { grammar: grammar(), tape, out: String::new(), fact: None };
    let kind = walk.byte();
    if kind < 128 {
        let sound = SOUND.get_or_init(seeds::sound);
        let mut text = sound[walk.two_bytes() % sound.len()].clone();
        // Each change is chosen by two bytes, so that one of them can be tried otherwise while the others stay.
        for _ in 0..1 + kind % 4 {
            text = mutate::varied(&text, &mut Chance::seeded(walk.two_bytes() as u64));
        }
        return text;
    }
    for _ in 0..1 + walk.choose(4) {
        walk.block();
        if walk.tape.is_empty() {
            break;
        }
    }
    let text = walk.out;
    if kind < 224 {
        return text;
    }
    mutate::mutated(&text, LANGUAGE.get_or_init(seeds::words), &mut Chance::seeded(u64::from(kind)))
}

struct Walk<'t> {
    grammar: &'static Grammar,
    tape: &'t [u8],
    out: String,
    /// The rule whose names are of another kind.
    fact: Option<&'static str>,
}

impl Walk<'_> {
    fn byte(&mut self) -> u8 {
        match self.tape.split_first() {
            Some((first, rest)) => {
                self.tape = rest;
                *first
            }
            None => 0,
        }
    }

    fn two_bytes(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    fn choose(&mut self, n: usize) -> usize {
        if n < 2 { 0 } else { usize::from(self.byte()) % n }
    }

    fn one_of(&mut self, words: &str) {
        let words: Vec<&str> = words.split_whitespace().collect();
        let word = words[self.choose(words.len())];
        self.out.push_str(word);
    }

    fn block(&mut self) {
        let noun = Noun::ALL[self.choose(Noun::ALL.len())];
        self.rule(&format!("{}_head", noun.word()), 0, false);
        self.out.push('\n');
        // Most blocks owe a reason.
        if self.choose(4) > 0 {
            self.out.push_str("  because \"So.\"\n");
        }
        for _ in 0..self.choose(8) {
            self.out.push_str("  ");
            if noun == Noun::Test && self.choose(3) == 0 {
                self.table();
                continue;
            }
            self.rule(&format!("{}_fact", noun.word()), 0, false);
            self.out.push('\n');
        }
    }

    fn table(&mut self) {
        self.rule("table", 0, false);
        self.out.push('\n');
        let columns = 1 + self.choose(4);
        for _ in 0..1 + self.choose(4) {
            self.out.push_str("  ");
            for _ in 0..columns {
                self.out.push_str("  ");
                match self.choose(4) {
                    0 => self.rule("literal", 0, false),
                    1 => self.out.push('-'),
                    _ => self.one_of(NAMES),
                }
            }
            self.out.push('\n');
        }
    }

    fn rule(&mut self, name: &str, depth: usize, atomic: bool) {
        match name {
            "EOI" | "SOI" | "w" => return,
            "s" => return self.out.push(' '),
            "NEWLINE" => return self.out.push('\n'),
            "ANY" => return self.one_of("a B 7 _ é 漢 🦀 . '"),
            "title" => {
                let title = TITLES[self.choose(TITLES.len())];
                return self.out.push_str(title);
            }
            "name" => {
                // Now and then a name as the grammar has it.
                if self.choose(24) != 23 {
                    let words = self.fact.and_then(|f| WORDS.iter().find(|(w, _)| *w == f)).map_or(NAMES, |w| w.1);
                    return self.one_of(words);
                }
            }
            "plain" | "digits" if self.choose(8) != 7 => {
                return self.one_of("0 1 2 3 7 39 40 100 1,000 12 31 365 1000000 18446744073709551616");
            }
            "date" if self.choose(8) != 7 => {
                let dates =
                    ["2026-03-02", "2026-02-30", "2026-03-29 02:30", "0001-01-01", "9999-12-31", "2026-12-25 24:00"];
                let date = dates[self.choose(dates.len())];
                return self.out.push_str(date);
            }
            _ => {}
        }
        let Some((kind, expr)) = self.grammar.rules.get(name) else {
            // A built-in class of letters, which this grammar does not use.
            return self.out.push('x');
        };
        let outer = self.fact;
        if let Some((fact, _)) = WORDS.iter().find(|(w, _)| *w == name) {
            self.fact = Some(fact);
        }
        let atomic = match kind {
            RuleType::Atomic | RuleType::CompoundAtomic => true,
            RuleType::NonAtomic => false,
            RuleType::Normal | RuleType::Silent => atomic,
        };
        self.expr(expr, depth + 1, atomic);
        self.fact = outer;
    }

    /// A blank where the grammar allows one, unless one is there or nothing precedes on the line.
    fn blank(&mut self, atomic: bool) {
        if !atomic && !self.out.ends_with([' ', '\n', '(']) {
            self.out.push(' ');
        }
    }

    fn expr(&mut self, expr: &'static Expr, depth: usize, atomic: bool) {
        let tired = depth > 60 || self.out.len() > LONGEST || self.tape.is_empty();
        match expr {
            Expr::Str(text) | Expr::Insens(text) => self.out.push_str(text),
            Expr::Range(low, high) => {
                let (low, high) = (low.chars().next().unwrap_or('a'), high.chars().next().unwrap_or('z'));
                let n = (high as u32).saturating_sub(low as u32) as usize + 1;
                let at = low as u32 + self.choose(n) as u32;
                self.out.push(char::from_u32(at).unwrap_or(low));
            }
            Expr::Ident(name) => self.rule(name, depth, atomic),
            Expr::Seq(a, b) => {
                self.expr(a, depth, atomic);
                if !matches!(&**b, Expr::Str(t) if t == ",") {
                    self.blank(atomic);
                }
                self.expr(b, depth, atomic);
            }
            Expr::Choice(..) => {
                let mut ways = Vec::new();
                let mut rest = expr;
                while let Expr::Choice(a, b) = rest {
                    ways.push(&**a);
                    rest = b;
                }
                ways.push(rest);
                let way = if tired {
                    ways.into_iter().min_by_key(|way| self.grammar.least(way)).unwrap_or(rest)
                } else {
                    ways[self.choose(ways.len())]
                };
                self.expr(way, depth, atomic);
            }
            Expr::Opt(inner) => {
                if !tired && self.choose(2) == 1 {
                    self.expr(inner, depth, atomic);
                }
            }
            Expr::Rep(inner) => self.repeated(inner, 0, if tired { 0 } else { 3 }, depth, atomic),
            Expr::RepOnce(inner) => self.repeated(inner, 1, if tired { 1 } else { 3 }, depth, atomic),
            Expr::RepExact(inner, n) => self.repeated(inner, *n, *n, depth, atomic),
            Expr::RepMin(inner, n) => self.repeated(inner, *n, n + 2, depth, atomic),
            Expr::RepMax(inner, n) => self.repeated(inner, 0, *n, depth, atomic),
            Expr::RepMinMax(inner, low, high) => self.repeated(inner, *low, *high, depth, atomic),
            Expr::Push(inner) => self.expr(inner, depth, atomic),
            // What only looks ahead says nothing.
            _ => {}
        }
    }

    fn repeated(&mut self, inner: &'static Expr, low: u32, high: u32, depth: usize, atomic: bool) {
        let times = low as usize + self.choose((high - low) as usize + 1);
        for i in 0..times {
            if i > 0 {
                self.blank(atomic);
            }
            self.expr(inner, depth, atomic);
        }
    }
}
