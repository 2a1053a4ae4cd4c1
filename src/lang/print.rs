//! Checked expressions as the words of the language, such that the words read back as the same expression.
//!
//! What a name is called depends on the row it stands beside: [`Place`] is that row. The reasons of verdicts know no
//! place ([`expr`]) and call a row by its noun; items print their own ([`Place::expr`]), and their printers stand with
//! them in `item`.

use super::expr::{
    Anchor, Answer, Arith, Binding, Checked, Expr, ExprKind, Hop, Joint, Relation, Rows, Tie, Window, WindowKind,
};
use super::item::pairs;
use super::pack::Pack;
use super::ways::Ways;
use crate::value::{Number, Type, Value, listed, with_article};

/// A name as people say it: without underscores.
pub fn spoken(name: &str) -> String {
    if name.contains('-') { name.to_owned() } else { name.replace('_', " ") }
}

/// An expression in the words of the language, wherever it stands.
pub fn expr(pack: &Pack, e: &Expr<Checked>) -> String {
    Place { pack, here: None, outer: None, known: false }.expr(e)
}

/// A window in the words of the language.
pub fn window(pack: &Pack, w: &Window<Checked>) -> String {
    Place { pack, here: None, outer: None, known: false }.window(w)
}

/// The name of a column.
pub fn column(pack: &Pack, of: Relation, column: u32) -> &str {
    match of {
        Relation::Contract(id) => &pack.contract(id).columns[column as usize].name,
        Relation::Pairs(_) => pairs::COLUMNS.get(column as usize).copied().unwrap_or("shared"),
    }
}

/// An item in its canonical form, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its first line.
    pub head: String,
    /// The lines below it.
    pub facts: Vec<String>,
}

impl Block {
    /// A block of a first line.
    pub fn new(head: impl Into<String>) -> Block {
        Block { head: head.into(), facts: Vec::new() }
    }

    /// Adds a line.
    pub fn fact(&mut self, line: impl Into<String>) {
        self.facts.push(line.into());
    }

    /// Adds the reason.
    pub fn because(&mut self, reason: &str) {
        self.fact(format!("because {}", quoted(reason)));
    }

    /// Adds a line where there is something to say.
    pub fn fact_if(&mut self, line: Option<String>) {
        self.facts.extend(line);
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.head)?;
        self.facts.iter().try_for_each(|fact| writeln!(f, "  {fact}"))
    }
}

/// A text between quotes. No text of the language has quotes in it.
pub fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// ` "TITLE"`, where there is one.
pub fn titled(title: Option<&std::sync::Arc<str>>) -> String {
    title.map_or_else(String::new, |t| format!(" {}", quoted(t)))
}

/// A word of a list of words: quoted where it would not read as a name or number.
pub fn word(text: &str) -> String {
    if super::syntax::reads_as_name(text) { text.to_owned() } else { quoted(text) }
}

/// A word among others, where one that looks like a number may stand as it is.
fn choice(text: &str) -> String {
    let number = Number::parse(text).is_some_and(|n| n.decimal(6) == text && !n.is_negative());
    if number { text.to_owned() } else { word(text) }
}

/// The words of a list, joined: `a, b or c`.
pub fn choices<S: AsRef<str>>(words: &[S]) -> String {
    listed(&words.iter().map(|w| choice(w.as_ref())).collect::<Vec<_>>(), "or")
}

/// A known value as the language writes it, with nothing left out.
pub fn value(pack: &Pack, value: &Value, ty: &Type) -> String {
    let plain = |n: Number| n.decimal(30);
    match (value, ty) {
        (Value::Text(text), Type::Words(_)) => word(text),
        (Value::Text(text), _) => quoted(text),
        (Value::Truth(truth), _) => if *truth { "yes" } else { "no" }.to_owned(),
        (Value::Date(date), _) => date.to_string(),
        (Value::Moment(at), _) => pack.settings.calendar.show(*at),
        (Value::Span(span), _) => span.to_string(),
        (Value::Number(n), Type::Percent) => format!("{}%", plain(*n)),
        (Value::Number(n), Type::Points) => format!("{} points", plain(*n)),
        (Value::Number(n), Type::Money(currency)) => amount(*n, currency),
        (Value::Number(n), Type::Rate(currency)) => {
            let (hour, unit) = in_units(*n, &[(1, 3600, "an hour"), (1, 86_400, "a day")]);
            format!("{} {unit}", amount(hour, currency))
        }
        (Value::Number(n), Type::Duration) => {
            let whole = |size: i128| n.over(Number::whole(size)).is_some_and(|n| n.to_whole().is_some());
            let units: &[(i128, i128, &str)] = if !whole(3600) && whole(60) {
                &[(60, 1, "minutes"), (3600, 1, "hours")]
            } else {
                &[(3600, 1, "hours"), (60, 1, "minutes")]
            };
            let (count, unit) = in_units(*n, units);
            format!("{} {unit}", plain(count))
        }
        (Value::Number(n), _) => plain(*n),
    }
}

/// An amount with the sign of its currency; what has no sign of its own is the money of the house, written with `$`.
fn amount(n: Number, currency: &str) -> String {
    let sign = crate::value::currency_sign(currency).unwrap_or("$");
    let cents = n.times(Number::whole(100)).and_then(Number::to_whole).is_some() && n.to_whole().is_none();
    let text = if cents { n.fixed(2) } else { n.decimal(30) };
    let text = crate::value::grouped(&text);
    text.strip_prefix('-').map_or_else(|| format!("{sign}{text}"), |t| format!("-{sign}{t}"))
}

/// A quantity in the first unit (so many of the base, or so many to the base) in which a decimal is exact.
fn in_units<'u>(n: Number, units: &[(i128, i128, &'u str)]) -> (Number, &'u str) {
    let counted = |(size, parts, unit): &(i128, i128, &'u str)| {
        let count = n.times(Number::whole(*parts))?.over(Number::whole(*size))?;
        (Number::parse(&count.decimal(30)) == Some(count)).then_some((count, *unit))
    };
    units.iter().find_map(counted).unwrap_or((n, "hours"))
}

/// The row beside which a name stands, and the row outside of that.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    /// The pack.
    pub pack: &'p Pack,
    here: Option<Relation>,
    outer: Option<Relation>,
    /// Whether the rows are known; without them a row is called by its noun.
    known: bool,
}

impl<'p> Place<'p> {
    /// Beside no row: values of the portfolio.
    pub fn portfolio(pack: &'p Pack) -> Place<'p> {
        Place { pack, here: None, outer: None, known: true }
    }

    /// Beside the row of a key, or of the portfolio.
    pub fn of(pack: &'p Pack, grain: Option<Relation>) -> Place<'p> {
        Place { pack, here: grain, outer: None, known: true }
    }

    /// Beside rows of a relation, with this place outside.
    pub fn inside(self, rows: Relation) -> Place<'p> {
        Place { here: Some(rows), outer: self.here, ..self }
    }

    /// Whether there is a row at all.
    pub fn is_keyed(&self) -> bool {
        self.here.is_some()
    }

    /// An expression.
    pub fn expr(&self, e: &Expr<Checked>) -> String {
        self.at(e, 0)
    }

    /// An operand that stands tighter than its own signs is put in parentheses.
    fn arith(&self, op: Arith, a: &Expr<Checked>, b: &Expr<Checked>, tight: u8) -> String {
        let (own, left, right) = match op {
            Arith::PercentOf => (0, 1, 0),
            Arith::Add | Arith::Sub => (1, 1, 2),
            Arith::Mul | Arith::Div => (2, 2, 3),
        };
        let text = format!("{} {} {}", self.at(a, left), op.words(), self.at(b, right));
        if own < tight { format!("({text})") } else { text }
    }

    fn at(&self, e: &Expr<Checked>, tight: u8) -> String {
        let pack = self.pack;
        match &e.kind {
            // In a reason a text stands as it is, where it is one word.
            ExprKind::Literal(Value::Text(text)) if !self.known => {
                let plain = text.chars().all(|c| c.is_alphanumeric() || c == '_');
                if plain { text.to_string() } else { quoted(text) }
            }
            ExprKind::Literal(Value::Text(text)) if matches!(e.ty, Type::Words(_)) => choice(text),
            ExprKind::Literal(known) if self.known => value(pack, known, &e.ty),
            ExprKind::Literal(known) => known.show(&e.ty),
            ExprKind::Name(b) => self.binding(b),
            ExprKind::Not(e) => format!("not ({})", self.expr(e)),
            ExprKind::Joint(joint, all) => {
                let word = if *joint == Joint::And { " and " } else { " or " };
                let last = all.len().saturating_sub(1);
                let nested = |(i, e): (usize, &Expr<Checked>)| match &e.kind {
                    ExprKind::Joint(_, inner) if inner.len() > 1 => format!("({})", self.expr(e)),
                    // A `where` runs to the end of the line.
                    ExprKind::Exists(x) if x.filter.is_some() && i < last => format!("({})", self.expr(e)),
                    _ => self.expr(e),
                };
                all.iter().enumerate().map(nested).collect::<Vec<_>>().join(word)
            }
            ExprKind::Compare(compare, a, b) => format!("{} {} {}", self.expr(a), compare.words(), self.expr(b)),
            ExprKind::OneOf(negated, e, all) => {
                let words: Vec<String> = all.iter().map(|w| self.single(w)).collect();
                format!("{} is {}one of {}", self.expr(e), if *negated { "not " } else { "" }, listed(&words, "or"))
            }
            ExprKind::Between(e, a, b) => {
                format!("{} is from {} to {}", self.expr(e), self.single(a), self.single(b))
            }
            ExprKind::Presence(negated, p, e) => {
                format!("{} is {}{}", self.expr(e), if *negated { "not " } else { "" }, p.word())
            }
            ExprKind::Distance(d) => {
                let anchor = match &d.anchor {
                    Anchor::Ago => "ago".to_owned(),
                    Anchor::FromNow => "from now".to_owned(),
                    Anchor::Before(e) => format!("before {}", self.expr(e)),
                    Anchor::After(e) => format!("after {}", self.expr(e)),
                };
                let more = if d.more { "more" } else { "less" };
                format!("{} is {more} than {} {anchor}", self.expr(&d.value), self.expr(&d.span))
            }
            ExprKind::Arith(op, a, b) => self.arith(*op, a, b, tight),
            ExprKind::Exists(x) => {
                let noun = pack.row_word(x.rows.of);
                let what = match (x.none, x.other) {
                    (true, false) => format!("no {noun}"),
                    (true, true) => format!("no other {noun}"),
                    (false, true) => format!("another {noun}"),
                    (false, false) => with_article(noun),
                };
                let mut text = format!("there is {what}");
                // Of others `anywhere` goes without saying.
                if self.known && !(x.other && x.rows.tie == Tie::Anywhere) {
                    text.push_str(&self.tie(&x.rows));
                }
                if let Some(w) = &x.window {
                    text.push(' ');
                    text.push_str(&self.window(w));
                }
                if let Some(f) = &x.filter {
                    text.push_str(&format!(" where {}", self.inside(x.rows.of).expr(f)));
                }
                text
            }
            ExprKind::Holds(all) => self.holds(all),
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

    /// Where the grammar takes a value or one name.
    pub fn single(&self, e: &Expr<Checked>) -> String {
        match &e.kind {
            ExprKind::Name(Binding::Column { of, column: c, .. }) if self.known => {
                column(self.pack, *of, *c).to_owned()
            }
            ExprKind::Name(Binding::Metric { metric, .. }) if self.known => self.pack.metric(*metric).name.to_string(),
            _ => self.expr(e),
        }
    }

    fn holds(&self, all: &[super::expr::ContractId]) -> String {
        let pack = self.pack;
        if let [one] = all {
            return format!("contract {} holds", pack.contract(*one).name);
        }
        let from = |stage: Option<&str>| {
            let every = pack.contracts.iter().filter(|c| c.to.is_none());
            let named = every.filter(|c| stage.is_none() || c.from.as_deref() == stage).map(|c| &c.name);
            named.eq(all.iter().map(|id| &pack.contract(*id).name))
        };
        if from(None) {
            return "every contract holds".to_owned();
        }
        let stage = all.first().and_then(|id| pack.contract(*id).from.as_deref());
        match stage.filter(|s| from(Some(s))) {
            Some(stage) => format!("every contract from stage {stage} holds"),
            None => {
                let names: Vec<&str> = all.iter().map(|id| &*pack.contract(*id).name).collect();
                format!("the contracts {} hold", listed(&names, "and"))
            }
        }
    }

    /// ` anywhere` or ` via REFERENCE`, where rows are not tied to the row here by the one shortest way.
    pub fn tie(&self, rows: &Rows) -> String {
        let Some(here) = self.here else { return String::new() };
        match &rows.tie {
            Tie::Anywhere => " anywhere".to_owned(),
            Tie::LeadHere(hops) => self.via(rows.of, here, hops),
            Tie::Common { theirs, .. } => self.first_word(rows.of, theirs),
        }
    }

    /// ` via REFERENCE`, where a way is not the one shortest.
    fn via(&self, from: Relation, to: Relation, hops: &[Hop]) -> String {
        match self.pack.shortest(from, to) {
            Ok(shortest) if shortest == hops => String::new(),
            _ => self.first_word(from, hops),
        }
    }

    fn first_word(&self, from: Relation, hops: &[Hop]) -> String {
        let references = self.pack.references(from);
        let first = hops.first().and_then(|hop| references.iter().find(|(h, ..)| h == hop));
        first.map_or_else(String::new, |(_, word, _)| format!(" via {word}"))
    }

    /// A window, with its column where that is not the contract's own date.
    pub fn window(&self, w: &Window<Checked>) -> String {
        let by = match &w.by {
            Some(Binding::Column { of: of @ Relation::Contract(id), column: c, .. })
                if self.known && self.pack.contract(*id).dated != Some(*c) =>
            {
                format!(" by {}", column(self.pack, *of, *c))
            }
            _ => String::new(),
        };
        let kind = match &w.kind {
            WindowKind::Last(e) => format!("within last {}", self.expr(e)),
            WindowKind::LastClosed(n, p) => format!("within last {n} closed {}s", p.word()),
            WindowKind::This(p) => format!("within this {}", p.word()),
            WindowKind::Previous(p) => format!("within previous {}", p.word()),
        };
        format!("{kind}{by}")
    }

    /// The words that lead from a row to the one after some references: `venture's lead's `.
    fn through(&self, depth: u8, hops: &[Hop], end: Relation) -> String {
        let mut text = if depth > 0 { "its ".to_owned() } else { String::new() };
        let start = if depth > 0 { self.outer } else { self.here };
        match start.filter(|_| self.known) {
            _ if hops.is_empty() => {}
            // Where the row in scope is not known, the row that is reached names itself by its noun.
            None => text.push_str(&format!("{}'s ", self.pack.row_word(end))),
            Some(start) => {
                let mut at = start;
                for (i, hop) in hops.iter().enumerate() {
                    let references = self.pack.references(at);
                    let Some((_, word, reached)) = references.into_iter().find(|(h, ..)| h == hop) else { break };
                    // In front, the noun of the row itself means the row itself.
                    if i == 0 && word == self.pack.row_word(at) {
                        text.push_str(&format!("{word}'s "));
                    }
                    text.push_str(&format!("{word}'s "));
                    at = reached;
                }
            }
        }
        text
    }

    fn binding(&self, b: &Binding) -> String {
        let pack = self.pack;
        match b {
            Binding::Column { depth, hops, of, column: c } => {
                format!("{}{}", self.through(*depth, hops, *of), column(pack, *of, *c))
            }
            Binding::Metric { depth, hops, metric } => {
                let metric = pack.metric(*metric);
                let its = if *depth > 0 { "its " } else { "" };
                match metric.grain {
                    // A column of the name would win behind references; the name alone finds its way.
                    Some(grain) if self.known && pack.column(grain, &metric.name).is_some() => {
                        format!("{its}{}", metric.name)
                    }
                    Some(grain) => format!("{}{}", self.through(*depth, hops, grain), metric.name),
                    None => format!("{its}{}", metric.name),
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
}
