//! `bylaws why`: why a verdict is what it is.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::output::{BLUE, BOLD, DIM, GREEN, MAGENTA, Out, RED, YELLOW};
use super::revision::blame;
use super::{DatabaseArgs, Done, FINE, Fault, Format, PackArgs, findings, moment, now};
use crate::diagnostic::nearest;
use crate::diff::word;
use crate::engine::judge::{Outcome, Verdict, key_words};
use crate::engine::trace::Truth;
use crate::lang::pack::{Pack, RuleRef};
use crate::source::{Sources, Span};
use crate::store::Access;
use crate::tick::look_into;
use crate::value::counted;
use crate::why::{Answer, Kind, Node, why};

/// So many keys of a rule are shown in the table.
const KEYS_SHOWN: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The rule: a trigger, rollback, threshold, gate or contract by its name
    rule: String,
    /// The key it is judged for, by its id or its name; of a pair both, such as "atlas with borealis"
    key: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// The moment to judge, such as 2026-03-02 or "2026-03-02 09:00" [default: now]
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Folders and files of rules, which form one pack [default: the paths of bylaws.toml, else `rules`]
    #[arg(long = "rules", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The bylaws.toml to use [default: the nearest at or above the first path]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let pack = PackArgs { paths: options.paths.clone(), config: options.config.clone() };
    let (compiled, pack) = match pack.pack(out) {
        Ok(found) => found,
        Err(_) => return Ok(super::world()),
    };
    let rule = named(&pack, &options.rule)?;
    let store = options.database.open(&compiled.settings, Access::Read)?;
    let clock = now();
    let as_of = match &options.as_of {
        Some(text) => moment(text, &compiled.settings.calendar)?,
        None => clock,
    };
    let found = store.snapshot(|| {
        look_into(&store, &pack, rule, as_of, clock.max(as_of), |judge| {
            let verdicts = judge.verdicts(rule);
            let chosen = match (&options.key, &verdicts[..]) {
                (None, [only]) if only.key.is_empty() => Some(only),
                (None, _) => None,
                (Some(key), all) => all.iter().find(|v| is_called(v, key)),
            };
            let answer = chosen.map(|verdict| why(&pack, judge, rule, verdict));
            (answer, verdicts)
        })
    })?;
    match found {
        (Some(answer), _) => {
            match options.format {
                Format::Human => human(&answer, &pack, &compiled.sources, out)?,
                Format::Json => out.line(json_of(&answer, &compiled.sources).to_string())?,
            }
            Ok(FINE)
        }
        (None, verdicts) => match &options.key {
            None => table(options, &pack, verdicts, out),
            Some(key) => {
                no_such_key(&options.rule, key, &verdicts, out)?;
                Ok(findings())
            }
        },
    }
}

fn named(pack: &Pack, name: &str) -> Result<RuleRef, Fault> {
    let item = pack.item(name);
    if let Some(rule) = item.as_ref().and_then(|item| item.rule) {
        return Ok(rule);
    }
    if let Some(item) = item {
        return Err(Fault::new(
            format!("`{name}` is a {} and has no verdict", item.noun.word()),
            format!("name a rule that reads it; `bylaws show {name}` shows it"),
        ));
    }
    let rules = pack.items().filter(|item| item.rule.is_some()).map(|item| item.name);
    let help = nearest(name, rules).unwrap_or_else(|| "`bylaws run` shows the rules there are".into());
    Err(Fault::new(format!("no rule is called `{name}`"), help))
}

/// Whether people would call the key of a verdict like this.
fn is_called(verdict: &Verdict, key: &str) -> bool {
    let parts: Vec<std::sync::Arc<str>> = verdict.key.iter().map(|(_, part)| part.clone()).collect();
    let same = |text: &str| text.eq_ignore_ascii_case(key);
    let plain: Vec<&str> = parts.iter().map(|p| &**p).collect();
    !parts.is_empty()
        && (same(&verdict.label)
            || same(&key_words(&parts))
            || same(&plain.join(","))
            || same(&plain.join(", "))
            || same(&plain.join(" ")))
}

fn no_such_key(rule: &str, key: &str, verdicts: &[Verdict], out: &mut Out) -> Result<(), Fault> {
    let names: Vec<String> = verdicts
        .iter()
        .filter(|v| !v.key.is_empty())
        .flat_map(|v| [v.label.clone(), v.key.iter().map(|(_, p)| &**p).collect::<Vec<_>>().join(", ")])
        .collect();
    let message = match verdicts {
        [only] if only.key.is_empty() && only.outcome == Outcome::Unknown => {
            format!("the keys of {rule} are not known: {}", only.reason)
        }
        [only] if only.key.is_empty() => format!("{rule} is judged for the portfolio and has no key `{key}`"),
        _ => format!("{rule} is not judged for `{key}`"),
    };
    let help = nearest(key, names.iter().map(String::as_str))
        .unwrap_or_else(|| format!("`bylaws why {rule}` shows the keys that there are"));
    out.fault(&Fault::new(message, help));
    Ok(())
}

/// The worst first: what cannot be told, what is wrong, what is nearly so.
fn rank(verdict: &Verdict) -> u8 {
    match verdict.outcome {
        _ if verdict.asleep => 5,
        Outcome::Fires | Outcome::Breached | Outcome::Violated => 0,
        Outcome::Unknown => 1,
        Outcome::Acceptable | Outcome::Closed => 2,
        Outcome::Met | Outcome::Open | Outcome::Clear | Outcome::Holds => 3,
        Outcome::Off => 4,
    }
}

fn table(options: &Options, pack: &Pack, mut verdicts: Vec<Verdict>, out: &mut Out) -> Done {
    verdicts.sort_by_key(rank);
    if options.format == Format::Json {
        super::run::json(pack, &verdicts, out)?;
        return Ok(FINE);
    }
    out.line(format!("{} is judged for {}", out.paint(BOLD, &options.rule), counted(verdicts.len(), "key")))?;
    let width = verdicts.iter().map(|v| v.label.chars().count()).max().unwrap_or(0).min(40);
    for verdict in verdicts.iter().take(KEYS_SHOWN) {
        let pad = " ".repeat(width.saturating_sub(verdict.label.chars().count()));
        out.line(format!("  {}{pad}  {}: {}", verdict.label, painted(verdict, out), verdict.reason))?;
    }
    if verdicts.len() > KEYS_SHOWN {
        out.line(out.paint(DIM, format!("  and {} more", verdicts.len() - KEYS_SHOWN)))?;
    }
    if let Some(first) = verdicts.first() {
        let id = first.key.iter().map(|(_, p)| &**p).collect::<Vec<_>>().join(", ");
        let id = if id.contains(' ') { format!("\"{id}\"") } else { id };
        out.line(out.paint(DIM, format!("`bylaws why {} {id}` says why", options.rule)))?;
    }
    Ok(FINE)
}

fn painted(verdict: &Verdict, out: &Out) -> String {
    let style = match verdict.outcome {
        _ if verdict.asleep => DIM,
        Outcome::Fires | Outcome::Breached | Outcome::Violated => RED,
        Outcome::Unknown => MAGENTA,
        Outcome::Acceptable => YELLOW,
        Outcome::Closed => BLUE,
        Outcome::Off => DIM,
        Outcome::Met | Outcome::Open | Outcome::Clear | Outcome::Holds => GREEN,
    };
    out.paint(style, word(verdict))
}

/// The file and the line, from 1, of a place.
fn line_of(sources: &Sources, span: Span) -> (String, usize) {
    let file = sources.file(span.file);
    (file.name.clone(), file.position(span.start).0)
}

fn human(answer: &Answer, pack: &Pack, sources: &Sources, out: &mut Out) -> Result<(), Fault> {
    let verdict = &answer.verdict;
    let title = answer.title.as_ref().map(|t| format!(" \"{t}\"")).unwrap_or_default();
    let of = if verdict.label.is_empty() { String::new() } else { format!(" for {}", verdict.label) };
    let head = out.paint(BOLD, format!("{}{title}{of}", verdict.rule));
    out.line(format!("{head}: {}", painted(verdict, out)))?;
    out.line(format!("  {}", verdict.reason))?;
    let period = verdict.period.as_ref().map(|p| format!(", about {p}")).unwrap_or_default();
    out.line(out.paint(DIM, format!("  as of {}{period}", pack.settings.calendar.show(verdict.as_of))))?;
    out.line("")?;
    for line in answer.canonical.lines() {
        out.line(out.paint(DIM, format!("  {line}")))?;
    }
    out.line("")?;
    out.line(out.paint(BOLD, "Why"))?;
    for node in &answer.parts {
        print(node, 1, sources, out)?;
    }
    let mut ways = Vec::new();
    answer.parts.iter().for_each(|node| otherwise(node, &mut ways));
    if !ways.is_empty() {
        out.line("")?;
        out.line(out.paint(BOLD, "Otherwise"))?;
        for (words, way) in ways {
            out.line(format!("  {}: {way}", spoken_part(words)))?;
        }
    }
    Ok(())
}

/// What is compared, without what it is compared with.
fn spoken_part(words: &str) -> &str {
    [" is at least ", " is at most ", " is above ", " is below "]
        .iter()
        .find_map(|op| words.split_once(op).map(|(name, _)| name))
        .unwrap_or(words)
}

/// Everything that alone would have made the verdict another.
fn otherwise<'n>(node: &'n Node, found: &mut Vec<(&'n str, &'n str)>) {
    if let Some(way) = &node.otherwise {
        found.push((&node.words, way));
    }
    // What another rule would need is not what this one needs.
    if node.kind == Kind::Condition {
        node.parts.iter().for_each(|part| otherwise(part, found));
    }
}

fn print(node: &Node, depth: usize, sources: &Sources, out: &mut Out) -> Result<(), Fault> {
    let indent = "  ".repeat(depth);
    let mark = match (node.holds, node.unknown.is_some()) {
        (Some(Truth::Yes), _) => out.paint(GREEN, "✓ "),
        (Some(Truth::No), _) => out.paint(RED, "✗ "),
        (Some(Truth::Unknown), _) | (None, true) => out.paint(MAGENTA, "? "),
        (None, false) => String::new(),
    };
    let value = match (node.kind, &node.value, &node.limit) {
        (Kind::Condition, Some(value), Some(limit)) if value != limit => format!(": {value} against {limit}"),
        (Kind::Condition | Kind::Data | Kind::Rule, Some(value), _) => format!(": {value}"),
        (_, Some(value), _) => format!(" = {value}"),
        _ => String::new(),
    };
    let decides = if node.decides { out.paint(BOLD, "  ← decides") } else { String::new() };
    let place = match node.place {
        None => String::new(),
        Some((span, _)) => {
            let (file, line) = line_of(sources, span);
            let last = blame(Path::new(&file), line);
            let last = last.map(|b| format!("; commit {} by {} on {}", b.commit, b.author, b.day)).unwrap_or_default();
            format!(" ({file}:{line}{last})")
        }
    };
    let aside = match &node.notes[..] {
        [one] if node.kind != Kind::Metric => format!(", {one}"),
        _ => String::new(),
    };
    out.line(format!("{indent}{mark}{}{value}{aside}{place}{decides}", node.words))?;
    if aside.is_empty() {
        for note in &node.notes {
            out.line(out.paint(DIM, format!("{indent}    {note}")))?;
        }
    }
    // The reason of a part that another part has told below is told there.
    if let Some(why) = node.unknown.as_ref().filter(|why| !node.parts.iter().any(|p| told(p, why))) {
        out.line(format!("{indent}    {}", out.paint(MAGENTA, format!("unknown: {why}"))))?;
    }
    for part in &node.parts {
        print(part, depth + 1, sources, out)?;
    }
    Ok(())
}

fn told(node: &Node, why: &str) -> bool {
    node.unknown.as_deref() == Some(why) || node.parts.iter().any(|part| told(part, why))
}

fn json_of(answer: &Answer, sources: &Sources) -> Value {
    let verdict = &answer.verdict;
    let key: Map<String, Value> = verdict.key.iter().map(|(name, part)| (name.clone(), json!(&**part))).collect();
    let mut ways = Vec::new();
    answer.parts.iter().for_each(|node| otherwise(node, &mut ways));
    let ways: Vec<Value> = ways.iter().map(|(part, way)| json!({"part": part, "otherwise": way})).collect();
    json!({
        "v": 1,
        "rule": &*verdict.rule,
        "kind": verdict.kind,
        "title": answer.title.as_deref(),
        "key": key,
        "label": verdict.label,
        "verdict": word(verdict),
        "reason": verdict.reason,
        "reason_code": verdict.code.word(),
        "as_of": verdict.as_of.to_string(),
        "period": verdict.period,
        "canonical": answer.canonical,
        "otherwise": ways,
        "parts": answer.parts.iter().map(|node| node_json(node, sources)).collect::<Vec<_>>(),
    })
}

fn node_json(node: &Node, sources: &Sources) -> Value {
    let mut all = Map::new();
    all.insert("kind".into(), json!(node.kind.word()));
    all.insert("words".into(), json!(node.words));
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            all.insert(name.into(), value);
        }
    };
    put("holds", node.holds.map(|t| json!(t.word())));
    put("value", node.value.as_ref().map(|v| json!(v)));
    put("limit", node.limit.as_ref().map(|v| json!(v)));
    put("decides", node.decides.then(|| json!(true)));
    put("otherwise", node.otherwise.as_ref().map(|v| json!(v)));
    put("unknown", node.unknown.as_ref().map(|v| json!(v)));
    put("notes", (!node.notes.is_empty()).then(|| json!(node.notes)));
    if let Some((span, set)) = node.place {
        let (file, line) = line_of(sources, span);
        let last = blame(Path::new(&file), line);
        let last = last.map(|b| json!({"commit": b.commit, "author": b.author, "day": b.day}));
        put("set", Some(json!(set)));
        put("place", Some(json!({"file": file, "line": line, "last": last})));
    }
    let parts: Vec<Value> = node.parts.iter().map(|part| node_json(part, sources)).collect();
    put("parts", (!parts.is_empty()).then(|| json!(parts)));
    Value::Object(all)
}
