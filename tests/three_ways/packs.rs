//! Packs made by chance, as text: a few contracts that vary from case to case, and rules of every kind over them.
//!
//! What is written here need not compile. A block that is refused is left out by whoever compiles the pack.

use bylaws::chance::Chance;

/// A block of rule text.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) head: String,
    pub(crate) facts: Vec<String>,
}

impl Block {
    pub(crate) fn text(&self) -> String {
        let facts: String = self.facts.iter().map(|f| format!("  {f}\n")).collect();
        format!("{}\n{facts}", self.head)
    }
}

/// A column as the maker of rows and rules knows it.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) stored: Stored,
    pub(crate) optional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Reference(&'static str),
    Number,
    Count,
    Percent,
    Points,
    Money,
    Hours,
    Date,
    Moment,
    Truth,
    /// Which list of words.
    Words(&'static [&'static str]),
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    Plain,
    Cents,
    Fraction,
    BasisPoints,
    Capitals,
}

#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) noun: &'static str,
    pub(crate) columns: Vec<Column>,
    dated: bool,
}

const GRADES: &[&str] = &["low", "middle", "high"];
const KINDS: &[&str] = &["a", "b", "c"];
const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Pacific/Auckland",
    "Africa/Casablanca",
];

/// A pack, and what the makers of rows and of clocks must know of it.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) house: String,
    pub(crate) blocks: Vec<Block>,
    pub(crate) tables: Vec<Table>,
}

/// What a name has in a rule.
#[derive(Debug, Clone)]
struct Named {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
struct Metric {
    name: String,
    per: Option<&'static str>,
    kind: Kind,
}

struct Maker<'c> {
    chance: &'c mut Chance,
    tables: Vec<Table>,
    metrics: Vec<Metric>,
    params: Vec<(&'static str, Kind)>,
    thresholds: Vec<(String, Option<&'static str>)>,
    gates: Vec<String>,
    baseline: bool,
    /// The pairs are there, so that metrics may speak of them.
    pairs: bool,
    blocks: Vec<Block>,
}

/// The day around which everything happens.
pub(crate) fn make(chance: &mut Chance, around: jiff::civil::Date) -> Made {
    let zone = ZONES[(chance.draw() % ZONES.len() as u64) as usize];
    let zone = if chance.draw().is_multiple_of(3) { "UTC" } else { zone };
    let holiday = around.checked_add(jiff::Span::new().days(chance.between(-5, 5))).expect("a day");
    let house = format!("[portfolio]\ntime_zone = \"{zone}\"\nholidays = [{holiday}]\n");
    let mut maker = Maker {
        chance,
        tables: Vec::new(),
        metrics: Vec::new(),
        params: Vec::new(),
        thresholds: Vec::new(),
        gates: Vec::new(),
        baseline: false,
        pairs: false,
        blocks: Vec::new(),
    };
    maker.params(around);
    maker.contracts();
    maker.rules(around);
    Made { house, blocks: maker.blocks, tables: maker.tables }
}

impl Maker<'_> {
    fn one_in(&mut self, n: u64) -> bool {
        self.chance.draw().is_multiple_of(n)
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[(self.chance.draw() % all.len() as u64) as usize].clone()
    }

    fn block(&mut self, head: String, facts: Vec<String>) {
        self.blocks.push(Block { head, facts });
    }

    fn params(&mut self, around: jiff::civil::Date) {
        let because = || vec!["because \"A line.\"".to_owned()];
        let all: [(&'static str, Kind, String); 7] = [
            ("line", Kind::Number, "2.5, from -10 to 10".into()),
            ("few", Kind::Count, "2, from 0 to 10".into()),
            ("cash", Kind::Money, "$1.50, from $0 to $10".into()),
            ("part_line", Kind::Percent, "40%, from 0% to 100%".into()),
            ("pause", Kind::Hours, "30 hours, from 1 to 300 hours".into()),
            ("first_day", Kind::Date, format!("{around}, from 1990-01-01 to 2040-01-01")),
            ("graded", Kind::Words(GRADES), "middle, one of low, middle or high".into()),
        ];
        for (name, kind, text) in all {
            self.params.push((name, kind));
            self.block(format!("param {name} = {text}"), because());
        }
        self.block("param lately = 6 days, from 1 to 40 days".into(), because());
        self.block("param busy = 3 business days, from 1 business day to 9 business days".into(), because());
    }

    // ── contracts ──

    fn column(&mut self, name: &'static str, kind: Kind, optional: u64, limits: &[&str]) -> (Column, String) {
        let optional = optional != 0 && self.one_in(optional);
        let stored = match kind {
            Kind::Money if self.one_in(2) => Stored::Cents,
            Kind::Percent if self.one_in(3) => Stored::Fraction,
            Kind::Percent | Kind::Points if self.one_in(3) => Stored::BasisPoints,
            Kind::Words(KINDS) if self.one_in(2) => Stored::Capitals,
            _ => Stored::Plain,
        };
        let ty = match kind {
            Kind::Id => "id".to_owned(),
            Kind::Reference(to) => format!("id of {to}"),
            Kind::Number => "number".into(),
            Kind::Count => "count".into(),
            Kind::Percent => "percent".into(),
            Kind::Points => "points".into(),
            Kind::Money => "money".into(),
            Kind::Hours => "hours".into(),
            Kind::Date => "date".into(),
            Kind::Moment => "moment".into(),
            Kind::Truth => "yes or no".into(),
            Kind::Words(words) => format!("one of {}", listed(words)),
            Kind::Text => "text".into(),
        };
        let how = match stored {
            Stored::Plain => "",
            Stored::Cents => " stored as cents",
            Stored::Fraction => " stored as fraction",
            Stored::BasisPoints => " stored as basis points",
            Stored::Capitals => " stored as \"A\", \"B\", \"C\"",
        };
        let mut text = format!("{name} {ty}{how}");
        if optional {
            let unless = self.one_in(4) && name == "note";
            text.push_str(if unless { ", optional unless flag is yes" } else { ", optional" });
        }
        for limit in limits {
            if self.one_in(6) {
                text.push_str(&format!(", {limit}"));
            }
        }
        (Column { name, kind, stored, optional }, text)
    }

    fn table(
        &mut self,
        name: &'static str,
        noun: &'static str,
        facts: Vec<String>,
        columns: Vec<(Column, String)>,
        promises: Vec<String>,
    ) {
        let mut all = vec!["because \"Rows.\"".to_owned()];
        let dated = facts.iter().any(|f| f.starts_with("dated by"));
        all.extend(facts);
        all.extend(columns.iter().map(|(_, text)| text.clone()));
        all.extend(promises);
        match self.chance.draw() % 8 {
            0 => all.push("on violation refuse".into()),
            1 | 2 => all.push("on violation accept".into()),
            _ => {}
        }
        let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        self.block(format!("contract {name}, each {article} {noun}"), all);
        let columns = columns.into_iter().map(|(column, _)| column).collect();
        self.tables.push(Table { name, noun, columns, dated });
    }

    fn contracts(&mut self) {
        let columns = vec![
            self.column("id", Kind::Id, 0, &[]),
            self.column("level", Kind::Words(GRADES), 2, &[]),
            self.column("formed", Kind::Date, 2, &["not in the future"]),
            self.column("cap", Kind::Number, 3, &["from 0 to 5", "at most 9"]),
        ];
        self.table("teams", "team", vec!["one row per id".into()], columns, Vec::new());

        let mut facts = vec!["one row per id".to_owned()];
        let mut columns = vec![
            self.column("id", Kind::Id, 0, &[]),
            self.column("team_id", Kind::Reference("teams"), 2, &[]),
            self.column("grade", Kind::Words(GRADES), 3, &[]),
            self.column("joined", Kind::Date, 2, &["not in the future", "at least first_day"]),
            self.column("rank", Kind::Number, 3, &["from 0 to 9"]),
        ];
        if self.one_in(8) {
            facts.push("in force from begins until ends".into());
            columns.push(self.column("begins", Kind::Date, 1, &[]));
            columns.push(self.column("ends", Kind::Date, 1, &[]));
        }
        self.table("owners", "owner", facts, columns, Vec::new());

        let when = if self.one_in(3) { Kind::Moment } else { Kind::Date };
        let by_owner = self.one_in(2);
        let key = if by_owner { "one row per owner_id and day" } else { "one row per id" };
        let mut columns = vec![
            self.column("owner_id", Kind::Reference("owners"), if by_owner { 0 } else { 4 }, &[]),
            self.column("day", when, 12, &["not in the future"]),
            self.column("kind", Kind::Words(KINDS), 4, &[]),
            self.column("amount", Kind::Money, 5, &["at least $0", "at most cash"]),
            self.column("score", Kind::Number, 2, &["from -2 to 5"]),
            self.column("units", Kind::Count, 3, &["at most 9"]),
            self.column("part", Kind::Percent, 2, &["from 0% to 100%"]),
            self.column("gain", Kind::Points, 3, &[]),
            self.column("took", Kind::Hours, 3, &["at least 0 hours"]),
            self.column("flag", Kind::Truth, 4, &[]),
            self.column("seen_at", Kind::Moment, 2, &["not in the future"]),
            self.column("due", Kind::Date, 2, &[]),
            self.column("note", Kind::Text, 2, &["not empty"]),
        ];
        if !by_owner {
            columns.insert(0, self.column("id", Kind::Id, 0, &[]));
        }
        let promises = self.promises(&["owner", "team"], "owner");
        self.table("things", "thing", vec![key.into(), "dated by day".into()], columns, promises);

        let when = if self.one_in(2) { Kind::Moment } else { Kind::Date };
        let columns = vec![
            self.column("id", Kind::Id, 0, &[]),
            self.column("owner_id", Kind::Reference("owners"), 3, &[]),
            self.column("begins", when, 2, &[]),
            self.column("ends", when, 2, &[]),
            self.column("weight", Kind::Number, 3, &["at least 1"]),
            self.column("mark", Kind::Words(KINDS), 3, &[]),
        ];
        let facts = vec!["one row per id".into(), "in force from begins until ends".into()];
        self.table("terms", "term", facts, columns, Vec::new());

        let dated = self.one_in(3);
        let mut facts = vec!["one row per owner_id and tag".to_owned()];
        let mut columns = vec![
            self.column("owner_id", Kind::Reference("owners"), 0, &[]),
            self.column("tag", Kind::Text, 0, &["not empty"]),
        ];
        if dated {
            facts.push("dated by since_day".into());
            columns.push(self.column("since_day", Kind::Date, 0, &[]));
        }
        let promises = if dated && self.one_in(2) { self.promises(&["owner"], "owner") } else { Vec::new() };
        self.table("tags", "tag_row", facts, columns, promises);

        let mut facts = vec!["one row per id".to_owned(), "belongs to a bond by one_id with other_id".to_owned()];
        let columns = vec![
            self.column("id", Kind::Id, 0, &[]),
            self.column("one_id", Kind::Reference("owners"), 5, &[]),
            self.column("other_id", Kind::Reference("owners"), 5, &[]),
            self.column("how", Kind::Words(&["tagged", "other"]), 4, &[]),
            self.column("price", Kind::Money, 3, &[]),
        ];
        if self.one_in(2) {
            facts.push("belongs to a kin by one_id with other_id and how".into());
        }
        self.table("links", "link", facts, columns, Vec::new());

        if let Some((definition, kind, facts)) = self.aggregate(Some("owner")).filter(|_| self.one_in(2)) {
            self.block(format!("metric own per owner = {definition}"), facts);
            self.metrics.push(Metric { name: "own".into(), per: Some("owner"), kind });
        }
        let mut facts = vec!["because \"Two.\"".to_owned(), "sharing tag of tags as tagged".into()];
        if self.one_in(2) {
            facts.push(format!("where {}", self.condition(Scope::of("owner"), 0)));
        }
        if self.one_in(3) {
            facts.push("at most 2, highest shared first".into());
        }
        self.block("pairs kins of owners, each a kin".into(), facts);
        let mut facts = vec!["because \"Two.\"".to_owned(), "found in links".into()];
        if self.one_in(3) {
            facts.push(format!("where {}", self.condition(Scope::of("owner"), 1)));
        }
        self.block("pairs bonds of owners, each a bond".into(), facts);
        self.pairs = true;
    }

    fn promises(&mut self, nouns: &[&'static str], _of: &str) -> Vec<String> {
        let mut all = Vec::new();
        let per = |maker: &mut Self| match maker.chance.draw() % 4 {
            0 => String::new(),
            n => {
                let noun = nouns[(n as usize) % nouns.len()];
                format!(" per {noun}")
            }
        };
        if self.one_in(3) {
            let per = per(self);
            let filter = match per.strip_prefix(" per ") {
                Some("owner") if self.one_in(2) => format!(" where {}", self.condition(Scope::of("owner"), 0)),
                Some("team") if self.one_in(2) => format!(" where {}", self.condition(Scope::of("team"), 0)),
                _ => String::new(),
            };
            let within = self.pick(&["36 hours", "3 days", "lately", "2 business days"]);
            let stale = self.pick(&["", ", stale after 10 days", ", stale after 100 hours", ", stale after 1 month"]);
            all.push(format!("fresh within {within}{per}{filter}{stale}"));
        }
        if self.one_in(3) {
            let per = per(self);
            let filter = match per.strip_prefix(" per ") {
                Some("owner") if self.one_in(2) => format!(" where {}", self.condition(Scope::of("owner"), 0)),
                _ => String::new(),
            };
            let every = self.pick(&["5 days", "lately", "1 month", "72 hours"]);
            all.push(format!("at least {} rows{per} every {every}{filter}", self.chance.between(1, 3)));
        }
        all
    }

    // ── values and conditions ──

    fn literal(&mut self, kind: Kind) -> String {
        let n = self.chance.between(-3, 9);
        match kind {
            Kind::Number => self.pick(&[format!("{n}"), "0.5".into(), "2.25".into(), "-1.5".into(), "0".into()]),
            Kind::Count => format!("{}", n.max(0)),
            Kind::Percent => self.pick(&[format!("{}%", n * 10), "12.5%".into(), "0%".into(), "100%".into()]),
            Kind::Points => format!("{n} points"),
            Kind::Money => self.pick(&[format!("${}", n.max(0)), "$1.25".into(), "-$2".into(), "$0".into()]),
            Kind::Hours => self.pick(&["3 hours".into(), "90 minutes".into(), format!("{} hours", n.max(1))]),
            Kind::Date => {
                let day = self.chance.between(1, 28);
                let month = self.chance.between(1, 12);
                self.pick(&["first_day".into(), "first_day".into(), format!("2026-{month:02}-{day:02}")])
            }
            Kind::Moment => {
                let day = self.chance.between(1, 28);
                format!("2026-03-{day:02} {:02}:30", self.chance.between(0, 23))
            }
            Kind::Truth => self.pick(&["yes".into(), "no".into()]),
            Kind::Words(words) => self.pick(words).to_owned(),
            Kind::Text => self.pick(&["\"x\"".into(), "\"Note\"".into(), "\"\"".into()]),
            Kind::Id => self.pick(&["o1".into(), "o2".into()]),
            Kind::Reference(_) => self.pick(&["o1".into(), "t1".into()]),
        }
    }

    fn table_of(&self, noun: &str) -> Option<Table> {
        self.tables.iter().find(|t| t.noun == noun).cloned()
    }

    /// Everything that may be called in a row of a noun.
    fn names_of(&self, noun: &str, prefix: &str, steps: u8) -> Vec<Named> {
        let mut all = Vec::new();
        let own = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}{name}") };
        if noun == "kin" || noun == "bond" {
            all.push(Named { text: own("shared"), kind: Kind::Number });
            for end in ["first", "second"].into_iter().filter(|_| steps > 0) {
                let prefix = format!("{}'s ", own(end));
                all.extend(self.names_of("owner", &prefix, steps - 1));
            }
        }
        if let Some(table) = self.table_of(noun) {
            for column in &table.columns {
                all.push(Named { text: own(column.name), kind: column.kind });
                if let Kind::Reference(to) = column.kind
                    && steps > 0
                {
                    let prefix = format!("{}'s ", own(column.name.trim_end_matches("_id")));
                    let noun = if to == "teams" { "team" } else { "owner" };
                    all.extend(self.names_of(noun, &prefix, steps - 1));
                }
            }
        }
        for metric in self.metrics.iter().filter(|m| m.per == Some(static_noun(noun))) {
            all.push(Named { text: own(&metric.name), kind: metric.kind });
        }
        all
    }

    fn names(&self, scope: Scope) -> Vec<Named> {
        let mut all: Vec<Named> = Vec::new();
        if let Some(row) = scope.row {
            all.extend(self.names_of(row, "", 2));
        }
        if let Some(outer) = scope.outer {
            all.extend(self.names_of(outer, "its ", 1));
        }
        let general = self.metrics.iter().filter(|m| m.per.is_none());
        all.extend(general.map(|m| Named { text: m.name.clone(), kind: m.kind }));
        all
    }

    fn constant(&mut self, kind: Kind) -> String {
        let params: Vec<&'static str> = self.params.iter().filter(|(_, k)| *k == kind).map(|(n, _)| *n).collect();
        if !params.is_empty() && self.one_in(3) { self.pick(&params).to_owned() } else { self.literal(kind) }
    }

    fn value_like(&mut self, kind: Kind, scope: Scope) -> String {
        let alike: Vec<Named> = self.names(scope).into_iter().filter(|n| n.kind == kind).collect();
        if !alike.is_empty() && self.one_in(3) { self.pick(&alike).text } else { self.constant(kind) }
    }

    fn condition(&mut self, scope: Scope, depth: u8) -> String {
        if depth > 0 && self.one_in(3) {
            let joint = self.pick(&["and", "or"]);
            let parts: Vec<String> = (0..self.chance.between(2, 3)).map(|_| self.condition(scope, depth - 1)).collect();
            return format!("({})", parts.join(&format!(" {joint} ")));
        }
        if depth > 0 && self.one_in(6) {
            return format!("not ({})", self.condition(scope, depth - 1));
        }
        if depth > 0 && self.one_in(8) {
            return self.existence(scope, depth - 1);
        }
        if scope.rules && self.one_in(8) {
            return self.of_rules(scope);
        }
        let names = self.names(scope);
        if names.is_empty() {
            return "few is at least 1".into();
        }
        let named = self.pick(&names);
        self.test(&named, scope)
    }

    fn test(&mut self, named: &Named, scope: Scope) -> String {
        let name = &named.text;
        let asked = self.chance.draw() % 12;
        match (named.kind, asked) {
            (_, 0) => return format!("{name} is {}", self.pick(&["missing", "present", "not missing"])),
            (_, 1) if scope.rules => return format!("{name} is {}", self.pick(&["unknown", "not unknown"])),
            (Kind::Date | Kind::Moment, 2..=6) => {
                let far = self.pick(&["3 days", "lately", "1 month", "busy", "30 hours", "2 weeks", "1 business day"]);
                let more = self.pick(&["more", "less"]);
                let from = match self.chance.draw() % 5 {
                    0 | 1 => "ago".to_owned(),
                    2 => "from now".into(),
                    3 => format!("before {}", self.value_like(named.kind, scope)),
                    _ => format!("after {}", self.value_like(named.kind, scope)),
                };
                return format!("{name} is {more} than {far} {from}");
            }
            (Kind::Date, 7) => return format!("{name} is at least {}", self.literal(Kind::Moment)),
            (Kind::Moment, 7) => return format!("{name} is at most {}", self.literal(Kind::Date)),
            _ => {}
        }
        match named.kind {
            Kind::Words(words) => {
                let (a, b) = (self.pick(words), self.pick(words));
                match self.chance.draw() % 5 {
                    0 => format!("{name} is one of {a} or {b}"),
                    1 => format!("{name} is not one of {a} or {b}"),
                    2 => format!("{name} is not {a}"),
                    3 => format!("{name} is {}", self.value_like(named.kind, scope)),
                    _ => format!("{name} is {a}"),
                }
            }
            Kind::Truth => format!("{name} is {}", self.pick(&["yes", "no", "not yes"])),
            Kind::Text => {
                let other = self.value_like(Kind::Text, scope);
                format!("{name} {} {other}", self.pick(&["is", "is not"]))
            }
            Kind::Id | Kind::Reference(_) => {
                let ids: Vec<Named> =
                    self.names(scope).into_iter().filter(|n| matches!(n.kind, Kind::Id | Kind::Reference(_))).collect();
                let other = self.pick(&ids).text;
                format!("{name} {} {other}", self.pick(&["is", "is not"]))
            }
            kind => match self.chance.draw() % 8 {
                0 => format!("{name} is from {} to {}", self.constant(kind), self.constant(kind)),
                1 => format!("{name} is {}", self.value_like(kind, scope)),
                2 => format!("{name} is not {}", self.value_like(kind, scope)),
                _ => {
                    let how = self.pick(&["is at least", "is at most", "is above", "is below"]);
                    format!("{name} {how} {}", self.value_like(kind, scope))
                }
            },
        }
    }

    /// `there is …`
    fn existence(&mut self, scope: Scope, depth: u8) -> String {
        let nouns = ["thing", "term", "link", "owner", "team", "tag_row", "kin", "bond"];
        let noun = self.pick(if self.pairs { &nouns } else { &nouns[..6] });
        let article = self.pick(&["a", "no", "a", "no", "another", "no other"]);
        let article = if article == "a" && noun == "owner" { "an" } else { article };
        let tie = match self.chance.draw() % 5 {
            0 => " anywhere".to_owned(),
            1 => format!(" via {}", self.pick(&["owner", "team", "one", "other"])),
            _ if scope.row.is_none() => String::new(),
            _ => String::new(),
        };
        let noun_of = static_noun(noun);
        let window = if self.table_of(noun).is_some_and(|t| t.dated) && self.one_in(3) {
            self.window(noun)
        } else {
            String::new()
        };
        let inner = Scope { row: Some(noun_of), outer: scope.row, rules: false };
        let filter =
            if self.one_in(4) { String::new() } else { format!(" where {}", self.condition(inner, depth.min(1))) };
        format!("there is {article} {noun}{tie}{window}{filter}")
    }

    fn of_rules(&mut self, scope: Scope) -> String {
        match self.chance.draw() % 3 {
            0 if !self.thresholds.is_empty() => {
                let fits: Vec<String> = self
                    .thresholds
                    .iter()
                    .filter(|(_, per)| per.is_none() || *per == scope.row)
                    .map(|(n, _)| n.clone())
                    .collect();
                if fits.is_empty() {
                    return "few is at least 1".into();
                }
                let threshold = self.pick(&fits);
                let word = self.pick(&["met", "breached", "acceptable", "off", "not met", "unknown"]);
                format!("{threshold} is {word}")
            }
            1 if !self.gates.is_empty() => {
                let gates = self.gates.clone();
                let gate = self.pick(&gates);
                format!("{gate} is {}", self.pick(&["open", "closed"]))
            }
            _ => {
                let table = self.pick(&["things", "owners", "teams", "terms", "links"]);
                self.pick(&[format!("contract {table} holds"), format!("not (contract {table} holds)")])
            }
        }
    }

    fn window(&mut self, noun: &str) -> String {
        let by = if noun == "thing" && self.one_in(4) { self.pick(&[" by due", " by seen_at"]) } else { "" };
        let kind = self.pick(&[
            "last 5 days",
            "last lately",
            "last 1 month",
            "last 36 hours",
            "last pause",
            "last busy",
            "last 1 quarter",
            "last 2 closed months",
            "last 3 closed weeks",
            "last 1 closed day",
            "last 2 closed days",
            "last 1 closed quarter",
            "last 1 closed year",
            "this day",
            "this week",
            "this month",
            "this quarter",
            "this year",
            "previous day",
            "previous week",
            "previous month",
            "previous quarter",
            "previous year",
        ]);
        format!(" within {kind}{by}")
    }

    // ── rules ──

    fn rules(&mut self, around: jiff::civil::Date) {
        if self.one_in(3) {
            self.baseline = true;
            self.block("stage 39 \"Time\"".into(), vec!["takes the baseline on entry".into()]);
        }
        for i in 0..self.chance.between(3, 12) {
            self.metric(i, around);
        }
        for i in 0..self.chance.between(0, 3) {
            self.threshold(i);
        }
        if self.one_in(3) {
            let lines: Vec<String> = (0..self.chance.between(1, 3))
                .map(|_| self.condition(Scope { row: None, outer: None, rules: true }, 1))
                .collect();
            if !self.baseline {
                self.block("stage 39 \"Time\"".into(), Vec::new());
            }
            self.block("gate way, leaving stage 39".into(), lines);
            self.gates.push("way".into());
        }
        for i in 0..self.chance.between(1, 4) {
            self.trigger(i);
        }
    }

    fn grain(&mut self) -> Option<&'static str> {
        self.pick(&[
            None,
            Some("owner"),
            Some("owner"),
            Some("owner"),
            Some("team"),
            Some("kin"),
            Some("bond"),
            Some("thing"),
            Some("term"),
        ])
    }

    fn metric(&mut self, i: i64, around: jiff::civil::Date) {
        let name = format!("m{i}");
        let per = self.grain();
        let made = match self.chance.draw() % 12 {
            0..=5 => self.aggregate(per),
            6 | 7 => self.over(per),
            8 => self.formula(per),
            9 => self.cases(per),
            _ => self.shift(per, around),
        };
        let Some((definition, kind, facts)) = made else { return };
        let clamped = match kind {
            Kind::Number if self.one_in(8) => ", clamped from 0 to 5",
            Kind::Percent if self.one_in(8) => ", clamped from 10% to 60%",
            _ => "",
        };
        let grain = per.map(|p| format!(" per {p}")).unwrap_or_default();
        let equals = if definition.is_empty() { String::new() } else { format!(" = {definition}") };
        self.block(format!("metric {name}{grain}{clamped}{equals}"), facts);
        self.metrics.push(Metric { name, per, kind });
    }

    fn needs(&mut self) -> String {
        match self.chance.draw() % 8 {
            0 => format!(", needs at least {} rows", self.chance.between(1, 4)),
            1 => ", ignoring unknown".into(),
            _ => String::new(),
        }
    }

    fn aggregate(&mut self, per: Option<&'static str>) -> Option<(String, Kind, Vec<String>)> {
        let noun = match per {
            None => self.pick(&["thing", "thing", "thing", "term", "link", "owner", "tag_row", "kin", "bond", "team"]),
            Some("owner") if self.pairs => {
                self.pick(&["thing", "thing", "thing", "term", "link", "tag_row", "kin", "bond"])
            }
            Some("owner") => self.pick(&["thing", "thing", "thing", "term", "link", "tag_row"]),
            Some("team") => self.pick(&["thing", "thing", "owner", "term", "tag_row"]),
            Some("kin") | Some("bond") => "link",
            Some(other) => other,
        };
        let rows = match noun {
            "kin" => "kins".to_owned(),
            "bond" => "bonds".into(),
            noun => self.table_of(noun)?.name.to_owned(),
        };
        let via = match (noun, per) {
            ("link", Some("owner")) => self.pick(&[" via one_id", " via other"]).to_owned(),
            ("kin" | "bond", Some("owner")) => self.pick(&[" via first", " via second"]).to_owned(),
            _ => String::new(),
        };
        let dated = self.table_of(noun).is_some_and(|t| t.dated);
        let window = if dated && self.one_in(2) { self.window(noun) } else { String::new() };
        let inner = Scope { row: Some(static_noun(noun)), outer: per, rules: self.chance.draw().is_multiple_of(5) };
        let filter = if self.one_in(2) { String::new() } else { format!(" where {}", self.condition(inner, 2)) };
        let rest = format!("{via}{window}{filter}{}", self.needs());
        let columns: Vec<Named> = {
            let deep = self.one_in(4);
            let names = self.names_of(noun, "", u8::from(deep));
            names.into_iter().filter(|n| !self.metrics.iter().any(|m| m.name == n.text)).collect()
        };
        let numeric: Vec<Named> = columns
            .iter()
            .filter(|n| {
                matches!(n.kind, Kind::Number | Kind::Count | Kind::Percent | Kind::Points | Kind::Money | Kind::Hours)
            })
            .cloned()
            .collect();
        Some(match self.chance.draw() % 14 {
            0 | 1 => (format!("count of {rows}{rest}"), Kind::Count, Vec::new()),
            2 if !columns.is_empty() => {
                let of = self.pick(&columns).text;
                (format!("count of distinct {of} in {rows}{rest}"), Kind::Count, Vec::new())
            }
            3 | 4 => {
                let part = self.condition(inner, 1);
                let out = if self.one_in(2) {
                    format!(", out of those where {}", self.condition(inner, 1))
                } else {
                    String::new()
                };
                let needs = self.needs();
                (format!("share of {rows}{via}{window} where {part}{out}{needs}"), Kind::Percent, Vec::new())
            }
            5 | 6 if dated => {
                let of = self.pick(&columns);
                let how = self.pick(&["latest", "first"]);
                (format!("{how} {} in {rows}{rest}", of.text), of.kind, Vec::new())
            }
            n => {
                let timely: Vec<Named> =
                    columns.iter().filter(|n| matches!(n.kind, Kind::Date | Kind::Moment)).cloned().collect();
                if n == 7 && !timely.is_empty() {
                    let of = self.pick(&timely);
                    let how = self.pick(&["min of", "max of"]);
                    return Some((format!("{how} {} in {rows}{rest}", of.text), of.kind, Vec::new()));
                }
                if numeric.is_empty() {
                    return Some((format!("count of {rows}{rest}"), Kind::Count, Vec::new()));
                }
                let of = self.pick(&numeric);
                let how = self.pick(&[
                    "sum of",
                    "sum of",
                    "average of",
                    "median of",
                    "min of",
                    "max of",
                    "90th percentile of",
                    "33rd percentile of",
                ]);
                let kind = match (how, of.kind) {
                    ("average of" | "median of" | "90th percentile of" | "33rd percentile of", Kind::Count) => {
                        Kind::Number
                    }
                    (_, kind) => kind,
                };
                let of = if self.one_in(5) {
                    match of.kind {
                        Kind::Number | Kind::Money => self.pick(&[
                            format!("{} * part", of.text),
                            format!("{} / units", of.text),
                            format!("{} - {}", of.text, of.text),
                            format!("{} * line", of.text),
                        ]),
                        _ => of.text,
                    }
                } else {
                    of.text
                };
                (format!("{how} {of} in {rows}{rest}"), kind, Vec::new())
            }
        })
    }

    /// An aggregate of a metric over the rows that have it.
    fn over(&mut self, per: Option<&'static str>) -> Option<(String, Kind, Vec<String>)> {
        let below: &[&str] = match per {
            None => &["owner", "team", "kin", "bond", "thing", "term"],
            Some("team") => &["owner", "thing", "term"],
            Some("owner") => &["thing", "term"],
            _ => return None,
        };
        let usable: Vec<Metric> =
            self.metrics.iter().filter(|m| m.per.is_some_and(|p| below.contains(&p))).cloned().collect();
        if usable.is_empty() {
            return None;
        }
        let metric = self.pick(&usable);
        let noun = metric.per?;
        let rows = match noun {
            "kin" => "kins".to_owned(),
            "bond" => "bonds".into(),
            noun => self.table_of(noun)?.name.to_owned(),
        };
        let inner = Scope { row: Some(noun), outer: per, rules: self.one_in(3) };
        let filter = if self.one_in(2) { String::new() } else { format!(" where {}", self.condition(inner, 1)) };
        let needs = self.needs();
        let rest = format!("{filter}{needs}");
        let numeric = matches!(
            metric.kind,
            Kind::Number | Kind::Count | Kind::Percent | Kind::Points | Kind::Money | Kind::Hours
        );
        if !numeric || self.one_in(4) {
            let named = Named { text: metric.name.clone(), kind: metric.kind };
            let test = self.test(&named, Scope { rules: true, ..inner });
            return Some((format!("count of {rows} where {test}{needs}"), Kind::Count, Vec::new()));
        }
        let how = self.pick(&["sum of", "sum of", "average of", "min of", "max of", "median of", "50th percentile of"]);
        let kind = match (how, metric.kind) {
            ("average of" | "median of" | "50th percentile of", Kind::Count) => Kind::Number,
            (_, kind) => kind,
        };
        Some((format!("{how} {} over {rows}{rest}", metric.name), kind, Vec::new()))
    }

    fn formula(&mut self, per: Option<&'static str>) -> Option<(String, Kind, Vec<String>)> {
        let scope = Scope { row: per, outer: None, rules: true };
        let names = self.names(scope);
        let usable: Vec<Named> = names
            .into_iter()
            .filter(|n| !matches!(n.kind, Kind::Id | Kind::Reference(_) | Kind::Text | Kind::Truth | Kind::Words(_)))
            .collect();
        if usable.is_empty() {
            return None;
        }
        let a = self.pick(&usable);
        let text = &a.text;
        let by = self.pick(&["1 month", "3 days", "busy", "lately", "2 business days"]);
        Some(match a.kind {
            Kind::Date | Kind::Moment => {
                let sign = self.pick(&["+", "-"]);
                (format!("{text} {sign} {by}"), a.kind, Vec::new())
            }
            kind => {
                let like = self.value_like(kind, scope);
                match self.chance.draw() % 8 {
                    0 => (format!("{text} + {like}"), kind, Vec::new()),
                    1 => {
                        let kind = if kind == Kind::Percent { Kind::Points } else { kind };
                        (format!("{text} - {like}"), kind, Vec::new())
                    }
                    2 => (format!("{text} / {like}"), Kind::Number, Vec::new()),
                    3 => (format!("{text} as percent of {like}"), Kind::Percent, Vec::new()),
                    4 => (format!("{text} * {}", self.value_like(Kind::Number, scope)), kind, Vec::new()),
                    5 => (format!("{text} * {}", self.value_like(Kind::Percent, scope)), kind, Vec::new()),
                    6 => (format!("({text} + {like}) / 2"), kind, Vec::new()),
                    _ => (format!("{text} / 3 - {like}"), kind, Vec::new()),
                }
            }
        })
    }

    fn cases(&mut self, per: Option<&'static str>) -> Option<(String, Kind, Vec<String>)> {
        let scope = Scope { row: per, outer: None, rules: true };
        let names = self.names(scope);
        let numeric: Vec<Named> = names
            .into_iter()
            .filter(|n| !matches!(n.kind, Kind::Id | Kind::Reference(_) | Kind::Text | Kind::Truth | Kind::Words(_)))
            .collect();
        let mut facts = Vec::new();
        let n = self.chance.between(1, 2);
        let kind = if numeric.is_empty() || self.one_in(3) { Kind::Words(GRADES) } else { self.pick(&numeric).kind };
        for _ in 0..n {
            let value = match kind {
                Kind::Words(words) => self.pick(words).to_owned(),
                kind => self.value_like(kind, scope),
            };
            facts.push(format!("is {value} when {}", self.condition(scope, 2)));
        }
        if kind == Kind::Words(GRADES) {
            // The words of a metric are those of its cases; all three, so that conditions may name any.
            for word in GRADES {
                facts.push(format!("is {word} when {}", self.condition(scope, 1)));
            }
        }
        if self.one_in(2) {
            facts.push(format!("is {} otherwise", self.value_like(kind, scope)));
        }
        Some((String::new(), kind, facts))
    }

    fn shift(&mut self, per: Option<&'static str>, around: jiff::civil::Date) -> Option<(String, Kind, Vec<String>)> {
        let usable: Vec<Metric> = self.metrics.iter().filter(|m| m.per == per).cloned().collect();
        if usable.is_empty() {
            return None;
        }
        let metric = self.pick(&usable);
        let mut moments = vec![
            "previous month".to_owned(),
            "previous day".into(),
            "previous week".into(),
            "previous quarter".into(),
            "10 days ago".into(),
            "1 month ago".into(),
            "30 hours ago".into(),
            "3 business days ago".into(),
            format!("{}", around.checked_sub(jiff::Span::new().days(9)).ok()?),
            format!("{} 13:00", around.checked_sub(jiff::Span::new().days(2)).ok()?),
        ];
        if self.baseline {
            moments.extend(vec!["baseline".to_owned(); 6]);
        }
        let then = self.pick(&moments);
        let numeric = matches!(
            metric.kind,
            Kind::Number | Kind::Count | Kind::Percent | Kind::Points | Kind::Money | Kind::Hours
        );
        Some(match self.chance.draw() % 4 {
            0 if numeric => {
                let kind = if metric.kind == Kind::Percent { Kind::Points } else { metric.kind };
                let kind = if kind == Kind::Count { Kind::Number } else { kind };
                (format!("difference of {} since {then}", metric.name), kind, Vec::new())
            }
            1 if numeric => {
                let how = self.pick(&["change of", "drop of"]);
                (format!("{how} {} since {then}", metric.name), Kind::Percent, Vec::new())
            }
            _ => (format!("{} at {then}", metric.name), metric.kind, Vec::new()),
        })
    }

    fn threshold(&mut self, i: i64) {
        let numeric: Vec<Metric> = self
            .metrics
            .iter()
            .filter(|m| {
                matches!(
                    m.kind,
                    Kind::Number
                        | Kind::Count
                        | Kind::Percent
                        | Kind::Points
                        | Kind::Money
                        | Kind::Hours
                        | Kind::Date
                        | Kind::Moment
                )
            })
            .cloned()
            .collect();
        if numeric.is_empty() {
            return;
        }
        let metric = self.pick(&numeric);
        let scope = Scope { row: metric.per, outer: None, rules: true };
        let cadence = self.pick(&[
            "",
            "",
            "",
            "",
            ", monthly",
            ", daily",
            ", weekly",
            ", quarterly",
            ", yearly",
            ", at the gate",
        ]);
        let name = format!("h{i}");
        let (how, also) = self.pick(&[
            ("is at least", "is at least"),
            ("is above", "is above"),
            ("is at most", "is at most"),
            ("is below", "is at most"),
        ]);
        let mut facts = vec!["because \"A limit.\"".to_owned()];
        facts.push(format!("target {how} {}", self.value_like(metric.kind, scope)));
        if self.one_in(2) {
            facts.push(format!("acceptable {also} {}", self.value_like(metric.kind, scope)));
        }
        if self.one_in(3) {
            facts.push(format!("while {}", self.condition(scope, 1)));
        }
        self.block(format!("threshold {name} on {}{cadence}", metric.name), facts);
        self.thresholds.push((name, metric.per));
    }

    fn trigger(&mut self, i: i64) {
        let per = self.grain();
        let scope = Scope { row: per, outer: None, rules: true };
        let hold = self.pick(&[
            "",
            "",
            "",
            "",
            " for 4 hours",
            " for 2 consecutive months",
            " for 3 consecutive days",
            " for 2 consecutive weeks",
            " for 2 of the last 3 months",
            " for 1 of the last 3 days",
        ]);
        let mut facts = vec!["because \"A reason.\"".to_owned()];
        facts.push(format!("when {}{hold}", self.condition(scope, 3)));
        if self.one_in(4) {
            facts.push(format!("unless {}", self.condition(scope, 1)));
        }
        let check = self.pick(&[
            "check on change",
            "check on change",
            "check daily at 07:00",
            "check monthly",
            "check quarterly",
            "check yearly",
            "check weekly",
            "check monthly on day 5",
            "check daily while few is above 5, otherwise monthly",
        ]);
        facts.push(check.into());
        facts.push("tell chairman".into());
        let grain = per.map(|p| format!(", per {p}")).unwrap_or_default();
        self.block(format!("trigger x{i} \"Something\"{grain}"), facts);
    }
}

/// The row a condition speaks of, the row outside of it, and whether it may ask what is unknown and what rules say.
#[derive(Debug, Clone, Copy)]
struct Scope {
    row: Option<&'static str>,
    outer: Option<&'static str>,
    rules: bool,
}

impl Scope {
    fn of(noun: &'static str) -> Scope {
        Scope { row: Some(noun), outer: None, rules: false }
    }
}

fn static_noun(noun: &str) -> &'static str {
    ["team", "owner", "thing", "term", "tag_row", "link", "kin", "bond"]
        .into_iter()
        .find(|n| *n == noun)
        .expect("a noun of these packs")
}

fn listed(words: &[&str]) -> String {
    let (last, rest) = words.split_last().expect("words");
    format!("{} or {last}", rest.join(", "))
}
