//! Checked expressions as the words of the language.

use super::expr::{Anchor, Answer, Binding, Checked, Expr, ExprKind, Hop, Joint, Relation, Window, WindowKind};
use super::item::pairs;
use super::pack::Pack;
use crate::value::{Value, listed};

/// A name as people say it: without underscores.
pub fn spoken(name: &str) -> String {
    if name.contains('-') { name.to_owned() } else { name.replace('_', " ") }
}

/// An expression in the canonical form of the language.
pub fn expr(pack: &Pack, e: &Expr<Checked>) -> String {
    let nested = |e: &Expr<Checked>| match &e.kind {
        ExprKind::Joint(_, all) if all.len() > 1 => format!("({})", expr(pack, e)),
        ExprKind::Arith(..) => format!("({})", expr(pack, e)),
        _ => expr(pack, e),
    };
    match &e.kind {
        ExprKind::Literal(Value::Text(text)) if !text.chars().all(|c| c.is_alphanumeric() || c == '_') => {
            format!("\"{text}\"")
        }
        ExprKind::Literal(value) => value.show(&e.ty),
        ExprKind::Name(b) => binding(pack, b, None),
        ExprKind::Not(e) => format!("not ({})", expr(pack, e)),
        ExprKind::Joint(joint, all) => {
            let word = if *joint == Joint::And { " and " } else { " or " };
            all.iter().map(nested).collect::<Vec<_>>().join(word)
        }
        ExprKind::Compare(compare, a, b) => format!("{} {} {}", expr(pack, a), compare.words(), expr(pack, b)),
        ExprKind::OneOf(negated, e, all) => {
            let words: Vec<String> = all.iter().map(|w| expr(pack, w)).collect();
            format!("{} is {}one of {}", expr(pack, e), if *negated { "not " } else { "" }, listed(&words, "or"))
        }
        ExprKind::Between(e, a, b) => format!("{} is from {} to {}", expr(pack, e), expr(pack, a), expr(pack, b)),
        ExprKind::Presence(negated, p, e) => {
            format!("{} is {}{}", expr(pack, e), if *negated { "not " } else { "" }, p.word())
        }
        ExprKind::Distance(d) => {
            let anchor = match &d.anchor {
                Anchor::Ago => "ago".to_owned(),
                Anchor::FromNow => "from now".to_owned(),
                Anchor::Before(e) => format!("before {}", expr(pack, e)),
                Anchor::After(e) => format!("after {}", expr(pack, e)),
            };
            let more = if d.more { "more" } else { "less" };
            format!("{} is {more} than {} {anchor}", expr(pack, &d.value), expr(pack, &d.span))
        }
        ExprKind::Arith(op, a, b) => format!("{} {} {}", nested(a), op.words(), nested(b)),
        ExprKind::Exists(x) => {
            let noun = pack.row_word(x.rows.of);
            let article = match (x.none, noun.starts_with(['a', 'e', 'i', 'o', 'u'])) {
                (true, _) => "no",
                (false, true) => "an",
                (false, false) => "a",
            };
            let mut text = format!("there is {article} {noun}");
            if let Some(w) = &x.window {
                text.push(' ');
                text.push_str(&window(pack, w));
            }
            if let Some(f) = &x.filter {
                text.push_str(&format!(" where {}", expr(pack, f)));
            }
            text
        }
        ExprKind::Holds(all) => {
            let names: Vec<&str> = all.iter().map(|id| &*pack.contract(*id).name).collect();
            if names.len() == 1 {
                format!("contract {} holds", names[0])
            } else {
                format!("the contracts {} hold", listed(&names, "and"))
            }
        }
        ExprKind::Answered(who, answer) => {
            let who: Vec<&str> = who.iter().map(|w| &*w.text).collect();
            let did = match answer {
                Answer::Approved => "approved".to_owned(),
                Answer::Refused => "refused".to_owned(),
                Answer::Chose(word) => format!("chose {word}"),
            };
            format!("{} {did}", listed(&who, "and"))
        }
    }
}

/// A window in the words of the language.
pub fn window(pack: &Pack, w: &Window<Checked>) -> String {
    match &w.kind {
        WindowKind::Last(e) => format!("within last {}", expr(pack, e)),
        WindowKind::LastClosed(n, p) => format!("within last {n} closed {}s", p.word()),
        WindowKind::This(p) => format!("within this {}", p.word()),
        WindowKind::Previous(p) => format!("within previous {}", p.word()),
    }
}

/// The name of a column.
pub fn column(pack: &Pack, of: Relation, column: u32) -> &str {
    match of {
        Relation::Contract(id) => &pack.contract(id).columns[column as usize].name,
        Relation::Pairs(_) => pairs::COLUMNS.get(column as usize).copied().unwrap_or("shared"),
    }
}

fn binding(pack: &Pack, b: &Binding, from: Option<Relation>) -> String {
    let through = |depth: u8, hops: &[Hop], end: Relation, start: Option<Relation>| {
        let mut text = String::new();
        if depth > 0 {
            text.push_str("its ");
        }
        // Where the row in scope is not known here, the reference that leads to the end names itself by its noun.
        match (start, hops) {
            (_, []) => {}
            (Some(start), hops) => {
                let mut at = start;
                for hop in hops {
                    if let (Relation::Contract(id), Hop::Column(c)) = (at, hop) {
                        text.push_str(pack.contract(id).columns[*c as usize].reference().unwrap_or("row"));
                        text.push_str("'s ");
                    }
                    at = pack.hop_target(at, *hop).unwrap_or(at);
                }
            }
            (None, _) => {
                text.push_str(pack.row_word(end));
                text.push_str("'s ");
            }
        }
        text
    };
    match b {
        Binding::Column { depth, hops, of, column: c } => {
            format!("{}{}", through(*depth, hops, *of, from), column(pack, *of, *c))
        }
        Binding::Metric { depth, hops, metric } => {
            let metric = pack.metric(*metric);
            match metric.grain {
                Some(grain) => format!("{}{}", through(*depth, hops, grain, from), metric.name),
                None => metric.name.to_string(),
            }
        }
        Binding::Param(id) => pack.params[id.index()].name.to_string(),
        Binding::Threshold(id) => pack.threshold(*id).name.to_string(),
        Binding::Gate(id) => pack.gate(*id).name.to_string(),
        Binding::Now => "now".into(),
        Binding::IntroducedMetric(id) => {
            let metric = pack.metric(*id);
            let noun = metric.grain.map_or("row", |g| pack.row_word(g));
            format!("the {noun}'s {}", metric.name)
        }
        Binding::Introduced { contract, column } => {
            let contract = pack.contract(*contract);
            format!("the {}'s {}", contract.row_word(), contract.columns[*column as usize].name)
        }
    }
}
