//! Tests at the boundaries of a rule, written in the language. What they expect is what the engine says at present:
//! a person has to say whether that is what was meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mutate::neighbours;
use super::reach::speaks_of_a_proposal;
use crate::engine::window;
use crate::lang::expr::{
    Binding, Checked, Compare, ContractId, Expr, ExprKind, Hop, Joint, MetricId, ParamId, Presence, Relation, Tie,
};
use crate::lang::item::contract::Optional;
use crate::lang::item::metric::{Aggregate, Definition, Fold};
use crate::lang::item::test::STATES;
use crate::lang::pack::{Pack, RuleRef};
use crate::value::{Number, Type, Value};

/// The day on which generated tests stand.
const NOW: &str = "2026-03-02 09:00";
const TODAY: jiff::civil::Date = jiff::civil::Date::constant(2026, 3, 2);

/// A test without its expectation.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its title.
    pub title: String,
    /// Everything up to the expectation.
    body: String,
    /// The subject of the expectation, with `gate` before a gate.
    subject: String,
    /// ` for KEY`, where the rule has keys.
    key: String,
    /// What the rule can be, the likeliest first.
    pub words: Vec<&'static str>,
}

impl Draft {
    /// The test with an expectation.
    pub fn with(&self, title: &str, word: &str) -> String {
        format!("test \"{title}\"\n{}  expect {} is {word}{}\n", self.body, self.subject, self.key)
    }

    /// The test as it is handed to a person.
    pub fn confirmed_by_nobody(&self, word: &str) -> String {
        format!(
            "# What the engine said when this was generated; whether it was meant, a person must confirm.\n{}",
            self.with(&self.title, word)
        )
    }
}

/// What is compared in a rule: the value, how, and with what limit.
struct Probe<'a> {
    value: &'a Expr<Checked>,
    limit: &'a Expr<Checked>,
    name: String,
}

/// A boundary: its title, the value, the param that is set, and whether the value is then left out.
type Case = (String, Value, Option<(ParamId, Value)>, bool);

/// The tests of a rule; empty where no value of it can be given from columns. `None` when it is no rule with limits.
pub fn drafts(pack: &Pack, rule: RuleRef) -> Option<Vec<Draft>> {
    let metric_expr;
    let (name, grain, stage, mut probes, others, words): (_, _, _, Vec<Probe<'_>>, Vec<&Expr<Checked>>, _) = match rule
    {
        RuleRef::Threshold(i) => {
            let t = &pack.thresholds[i as usize];
            let metric = pack.metric(t.metric);
            let binding = Binding::Metric { depth: 0, hops: Vec::new(), metric: t.metric };
            metric_expr = Expr { kind: ExprKind::Name(binding), span: t.span, ty: metric.ty.clone() };
            let of = |limit, what: &str| Probe { value: &metric_expr, limit, name: what.to_owned() };
            let mut probes = vec![of(&t.target.limit, "the target")];
            probes.extend(t.acceptable.as_ref().map(|b| of(&b.limit, "what is acceptable")));
            let words = vec!["met", "acceptable", "breached", "off", "unknown"];
            (t.name.clone(), metric.grain, None, probes, t.while_.iter().collect(), words)
        }
        RuleRef::Gate(i) => {
            let g = &pack.gates[i as usize];
            let mut probes = Vec::new();
            g.lines.iter().for_each(|line| compares(pack, line, &mut probes));
            (g.name.clone(), None, None, probes, g.lines.iter().collect(), vec!["open", "closed", "unknown"])
        }
        RuleRef::Trigger(_) | RuleRef::Rollback(_) => {
            let t = match rule {
                RuleRef::Rollback(i) => &pack.rollbacks[i as usize].core,
                RuleRef::Trigger(i) => &pack.triggers[i as usize],
                _ => return None,
            };
            let mut probes = Vec::new();
            compares(pack, &t.when.expr, &mut probes);
            let mut words = vec!["firing", "pending", "armed"];
            words.extend(STATES.iter().filter(|w| !matches!(**w, "firing" | "pending" | "armed")));
            (t.name.clone(), t.grain, t.stage.clone(), probes, vec![&t.when.expr], words)
        }
        RuleRef::Contract(_) => return None,
    };
    probes.retain(|p| !speaks_of_a_proposal(p.value));
    let stages = pack.stages.iter().filter(|s| stage.as_ref() == Some(&s.number));
    let awake: Vec<&Expr<Checked>> = stages.filter_map(|s| s.runs_while.as_ref()).collect();
    let mut drafts: Vec<Draft> = Vec::new();
    for probe in &probes {
        let in_force = |p: ParamId| pack.param(p).clone();
        let Some(limit) = window::constant(probe.limit, &in_force) else { continue };
        let show = |v: &Value| v.show(&probe.value.ty);
        let mut cases: Vec<Case> = Vec::new();
        let around = neighbours(&limit, &probe.value.ty);
        let [below, above] = &around[..] else { continue };
        cases.push((format!("just below {} ({})", probe.name, show(below)), below.clone(), None, false));
        cases.push((format!("exactly at {} ({})", probe.name, show(&limit)), limit.clone(), None, false));
        cases.push((format!("just above {} ({})", probe.name, show(above)), above.clone(), None, false));
        if let ExprKind::Name(Binding::Param(id)) = &probe.limit.kind {
            let param = &pack.params[id.index()];
            for (end, what) in [(&param.low, "lowest"), (&param.high, "highest")] {
                if let Some(end) = end.as_ref().filter(|e| **e != param.value) {
                    let title = format!("at the {what} {} allows ({})", param.name, show(end));
                    cases.push((title, end.clone(), Some((*id, end.clone())), false));
                }
            }
        }
        cases.push((format!("without the value that {} is held against", probe.name), limit.clone(), None, true));
        for (title, value, set, missing) in cases {
            let mut world = World { pack, set: set.clone(), tables: BTreeMap::new(), probe: None };
            let key = grain.and_then(|relation| if let Relation::Contract(id) = relation { Some(id) } else { None });
            if grain.is_some() && key.is_none() {
                continue;
            }
            let key = key.map(|id| (id, world.row(id, BTreeMap::new(), 0)));
            for e in others.iter().chain(&awake) {
                world.satisfy(e, key, Some(probe.value));
            }
            if !world.place(probe.value, &value, key) || (missing && world.probe.is_none()) {
                continue;
            }
            let key_text = key.map(|(id, row)| world.name_of(id, row));
            if missing
                && let Some((contract, row, column)) = world.probe
                && let Some(row) = world.tables.get_mut(&contract).and_then(|rows| rows.get_mut(row))
            {
                row.insert(column, None);
            }
            let mut body = format!("  now is {NOW}\n");
            if let Some((param, value)) = &set {
                let param = &pack.params[param.index()];
                body.push_str(&format!("  set {} = {}\n", param.name, value.show(&param.ty)));
            }
            body.push_str(&world.text());
            if let Some(stage) = &stage {
                body.push_str(&format!("  stage {stage} is entered\n"));
            }
            let subject = if matches!(rule, RuleRef::Gate(_)) { format!("gate {name}") } else { name.to_string() };
            let title = format!("{} {title}", crate::lang::print::spoken(&name));
            if drafts.iter().any(|d| d.title == title) {
                continue;
            }
            let key = key_text.map(|k| format!(" for {k}")).unwrap_or_default();
            drafts.push(Draft { title, body, subject, key, words: words.clone() });
        }
    }
    Some(drafts)
}

/// The comparisons of a condition with something that is known beforehand.
fn compares<'e>(pack: &Pack, e: &'e Expr<Checked>, found: &mut Vec<Probe<'e>>) {
    match &e.kind {
        ExprKind::Joint(_, all) => all.iter().for_each(|e| compares(pack, e, found)),
        ExprKind::Not(e) => compares(pack, e, found),
        ExprKind::Compare(_, value, limit) if value.ty.is_quantity() => {
            let name = crate::lang::print::expr(pack, limit);
            found.push(Probe { value, limit, name: crate::lang::print::spoken(&name) });
        }
        _ => {}
    }
}

/// The rows of a test in the making: as few as it takes.
struct World<'a> {
    pack: &'a Pack,
    set: Option<(ParamId, Value)>,
    tables: BTreeMap<ContractId, Vec<BTreeMap<u32, Option<Value>>>>,
    /// The cell that holds the value of the boundary.
    probe: Option<(ContractId, usize, u32)>,
}

type Key = Option<(ContractId, usize)>;

impl World<'_> {
    fn param(&self, id: ParamId) -> Value {
        match &self.set {
            Some((set, value)) if *set == id => value.clone(),
            _ => self.pack.param(id).clone(),
        }
    }

    fn constant(&self, e: &Expr<Checked>) -> Option<Value> {
        window::constant(e, &|id| self.param(id))
    }

    /// Adds a row with what its contract asks for, and rows for what it refers to.
    fn row(&mut self, id: ContractId, given: BTreeMap<u32, Value>, depth: usize) -> usize {
        let contract = self.pack.contract(id);
        let at = self.tables.get(&id).map_or(0, Vec::len);
        self.tables.entry(id).or_default().push(BTreeMap::new());
        let mut cells: BTreeMap<u32, Option<Value>> = BTreeMap::new();
        for (i, column) in (0u32..).zip(&contract.columns) {
            if let Some(value) = given.get(&i) {
                cells.insert(i, Some(value.clone()));
                continue;
            }
            let in_key = contract.key.contains(&i);
            if column.optional != Optional::Required && !in_key {
                continue;
            }
            let value = match column.refers {
                Some(of) if of != id && depth < 4 && self.pack.contract(of).is_table() => {
                    let row = match self.tables.get(&of) {
                        Some(rows) if !rows.is_empty() => 0,
                        _ => self.row(of, BTreeMap::new(), depth + 1),
                    };
                    Value::text(self.name_of(of, row))
                }
                _ => self.default(id, i, at),
            };
            cells.insert(i, Some(value));
        }
        if let Some(rows) = self.tables.get_mut(&id) {
            rows[at] = cells;
        }
        at
    }

    /// A value that the contract allows.
    fn default(&self, id: ContractId, column: u32, row: usize) -> Value {
        let contract = self.pack.contract(id);
        let column = &contract.columns[column as usize];
        let bound = |e: &Option<Expr<Checked>>| e.as_ref().and_then(|e| self.constant(e));
        match &column.ty {
            Type::Words(words) => words.first().map_or_else(|| Value::text("x"), |w| Value::Text(w.clone())),
            Type::Truth => Value::Truth(true),
            Type::Date => Value::Date(TODAY.yesterday().unwrap_or(TODAY)),
            Type::Moment => Value::Moment(self.pack.settings.calendar.day_start(TODAY.yesterday().unwrap_or(TODAY))),
            ty if ty.is_quantity() => {
                let one = if matches!(ty, Type::Duration) { Number::whole(3600) } else { Number::ONE };
                bound(&column.low).or_else(|| bound(&column.high)).unwrap_or(Value::Number(one))
            }
            _ => {
                let word: Arc<str> = contract.row_word().into();
                Value::text(format!("{word}_{}", row + 1))
            }
        }
    }

    /// How a row is called by others.
    fn name_of(&self, id: ContractId, row: usize) -> String {
        let contract = self.pack.contract(id);
        let cells = self.tables.get(&id).and_then(|rows| rows.get(row));
        let parts = contract.key.iter().map(|k| match cells.and_then(|c| c.get(k)) {
            Some(Some(value)) => value.show(&contract.columns[*k as usize].ty),
            _ => self.default(id, *k, row).show(&contract.columns[*k as usize].ty),
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    fn put(&mut self, id: ContractId, row: usize, column: u32, value: Option<Value>) {
        if let Some(cells) = self.tables.get_mut(&id).and_then(|rows| rows.get_mut(row)) {
            cells.insert(column, value);
        }
    }

    /// The row that references lead to from another.
    fn follow(&mut self, from: (ContractId, usize), hops: &[Hop]) -> Option<(ContractId, usize)> {
        let mut at = from;
        for hop in hops {
            let Hop::Column(column) = hop else { return None };
            let of = self.pack.contract(at.0).columns[*column as usize].refers?;
            let row = match self.tables.get(&of) {
                Some(rows) if !rows.is_empty() => 0,
                _ => self.row(of, BTreeMap::new(), 0),
            };
            let name = Value::text(self.name_of(of, row));
            self.put(at.0, at.1, *column, Some(name));
            at = (of, row);
        }
        Some(at)
    }

    /// Gives a value to what an expression reads. Whether that could be done.
    fn place(&mut self, e: &Expr<Checked>, value: &Value, key: Key) -> bool {
        match &e.kind {
            ExprKind::Name(Binding::Column { hops, column, .. }) => {
                let Some(at) = key.and_then(|key| self.follow(key, hops)) else { return false };
                self.put(at.0, at.1, *column, Some(value.clone()));
                self.probe = Some((at.0, at.1, *column));
                true
            }
            ExprKind::Name(Binding::Metric { hops, metric, .. }) => {
                let key = key.and_then(|key| self.follow(key, hops));
                self.place_metric(*metric, value, key)
            }
            _ => false,
        }
    }

    fn place_metric(&mut self, id: MetricId, value: &Value, key: Key) -> bool {
        match &self.pack.metric(id).definition {
            Definition::Formula(e) => self.place(e, value, key),
            Definition::Aggregate(a) => self.place_aggregate(a, value, key),
            _ => false,
        }
    }

    fn place_aggregate(&mut self, a: &Aggregate<Checked>, value: &Value, key: Key) -> bool {
        let Relation::Contract(of) = a.rows.of else { return false };
        let count = match (a.fold, &a.of) {
            (Fold::Count, _) => match value.number().and_then(Number::to_whole) {
                Some(n @ 0..=50) => n as usize,
                _ => return false,
            },
            (Fold::Share | Fold::CountDistinct, _) | (_, None) => return false,
            _ => 1,
        };
        // Rows that are there already count as well; those that were given for the key are used again.
        let there = if key.is_some_and(|(id, _)| id == of) { 0 } else { self.tables.get(&of).map_or(0, Vec::len) };
        let reuse = a.of.is_none() && a.rows.tie == Tie::Anywhere;
        let first = if reuse { 0 } else { there };
        for i in first..(if reuse { count.max(there) } else { first + count }) {
            let own_table = key.filter(|(id, _)| *id == of && i == 0);
            let row = match own_table {
                Some((_, row)) => row,
                None if reuse && i < there => i,
                None => self.row(of, BTreeMap::new(), 0),
            };
            if let (Tie::LeadHere(hops), Some(key)) = (&a.rows.tie, key)
                && let [Hop::Column(column)] = hops[..]
            {
                let name = Value::text(self.name_of(key.0, key.1));
                self.put(of, row, column, Some(name));
            }
            if let Some(filter) = &a.filter {
                self.satisfy(filter, Some((of, row)), None);
            }
            if let Some(e) = &a.of
                && !self.place(e, value, Some((of, row)))
            {
                return false;
            }
        }
        true
    }

    /// Makes a condition hold as far as its parts can be given, but for the one that is probed.
    fn satisfy(&mut self, e: &Expr<Checked>, key: Key, but: Option<&Expr<Checked>>) {
        match &e.kind {
            ExprKind::Joint(Joint::And, all) => all.iter().for_each(|e| self.satisfy(e, key, but)),
            ExprKind::Joint(Joint::Or, all) => {
                // One is enough; where one is probed that is the one.
                let probed =
                    but.is_some_and(|b| all.iter().any(|e| matches!(&e.kind, ExprKind::Compare(_, a, _) if **a == *b)));
                if let (false, Some(first)) = (probed, all.first()) {
                    self.satisfy(first, key, but);
                }
            }
            ExprKind::Compare(compare, a, b) if but != Some(&**a) => {
                let Some(limit) = self.constant(b) else { return };
                let around = neighbours(&limit, &a.ty);
                let value = match compare {
                    Compare::Is | Compare::AtLeast | Compare::AtMost => Some(limit),
                    Compare::Above => around.last().cloned(),
                    Compare::Below | Compare::IsNot => around.first().cloned(),
                };
                let probe = self.probe;
                if let Some(value) = value {
                    self.place(a, &value, key);
                }
                self.probe = probe;
            }
            ExprKind::OneOf(false, a, all) => {
                let probe = self.probe;
                if let Some(value) = all.first().and_then(|e| self.constant(e)) {
                    self.place(a, &value, key);
                }
                self.probe = probe;
            }
            ExprKind::Presence(_, Presence::Present, a) => {
                if let (ExprKind::Name(Binding::Column { hops, column, .. }), Some(key)) = (&a.kind, key)
                    && let Some(at) = self.follow(key, hops)
                {
                    let value = self.default(at.0, *column, at.1);
                    self.put(at.0, at.1, *column, Some(value));
                }
            }
            _ => {}
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (id, rows) in &self.tables {
            let contract = self.pack.contract(*id);
            let columns: Vec<u32> =
                (0..contract.columns.len() as u32).filter(|c| rows.iter().any(|r| r.contains_key(c))).collect();
            let mut lines =
                vec![columns.iter().map(|c| contract.columns[*c as usize].name.to_string()).collect::<Vec<_>>()];
            lines.extend(rows.iter().map(|row| {
                let cell = |c: &u32| match row.get(c) {
                    Some(Some(Value::Moment(at))) => {
                        let calendar = &self.pack.settings.calendar;
                        format!("{} {}", calendar.date(*at), calendar.clock(*at).strftime("%H:%M"))
                    }
                    Some(Some(value)) => value.show(&contract.columns[*c as usize].ty),
                    _ => "-".to_owned(),
                };
                columns.iter().map(cell).collect()
            }));
            let widths: Vec<usize> =
                (0..columns.len()).map(|i| lines.iter().map(|l| l[i].chars().count()).max().unwrap_or(0)).collect();
            text.push_str(&format!("  given {}\n", contract.name));
            for line in lines {
                let cells: Vec<String> = line.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
                text.push_str(&format!("    {}\n", cells.join("  ").trim_end()));
            }
        }
        text
    }
}
