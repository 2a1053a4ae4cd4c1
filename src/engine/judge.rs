//! Arrow 7, readings to verdicts. It cannot fail and asks nothing of the world: rows, params and time are arguments.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;

use super::columns::Carried;
use super::reading::{Cell, Groups, Key, Raw, Readings, Reason, Table, Tri, Why};
use super::trace::{Point, Trace, Truth};
use super::window::{self, Limit};
use crate::lang::check::{NoValue, arithmetic_in};
use crate::lang::expr::{
    Anchor, Binding, Checked, Compare, ContractId, Distance, Exists, Expr, ExprKind, Hop, Joint, MetricId, ParamId,
    Presence, Relation, ThresholdId, Tie, Window, WindowKind,
};
use crate::lang::item::contract::Fresh;
use crate::lang::item::metric::{Aggregate, Definition, Fold, MomentOf, Shift, Then};
use crate::lang::item::trigger::{Condition, Hold, Trigger};
use crate::lang::pack::{Pack, RuleRef};
use crate::lang::print::{self, spoken};
use crate::plan::{GroupUse, Moment, MomentId, Plan, cadence_moment, hold_moments, pace_moment};
use crate::time::{Instant, age_stays, age_words};
use crate::value::{Number, Type, Value, counted, listed};

/// A row in scope: its relation and the number of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    relation: Relation,
    key: u32,
}

impl Row {
    /// The row of a key.
    pub fn of(relation: Relation, key: u32) -> Row {
        Row { relation, key }
    }

    /// The number of its key.
    pub fn key(self) -> u32 {
        self.key
    }
}

/// What is known of a value.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The value; nothing where it is missing and may be.
    pub value: Result<Option<Value>, Arc<Why>>,
    /// The oldest of the newest rows it was taken from, where their age is promised.
    pub since: Option<Timestamp>,
    /// How many rows or keys were left out because they are missing or unknown.
    pub left_out: u32,
}

impl Reading {
    pub(super) fn known(value: Value) -> Reading {
        Reading { value: Ok(Some(value)), since: None, left_out: 0 }
    }

    fn unknown(why: Arc<Why>) -> Reading {
        Reading { value: Err(why), since: None, left_out: 0 }
    }

    fn missing() -> Reading {
        Reading { value: Ok(None), since: None, left_out: 0 }
    }
}

fn older(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// What a rule says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The target is met.
    Met,
    /// Short of the target, still acceptable.
    Acceptable,
    /// Beyond what is acceptable.
    Breached,
    /// Outside its `while`.
    Off,
    /// Every line of the gate holds.
    Open,
    /// Some line does not.
    Closed,
    /// The condition holds.
    Fires,
    /// The condition does not hold.
    Clear,
    /// The contract is kept.
    Holds,
    /// It is not.
    Violated,
    /// It cannot be told.
    Unknown,
}

impl Outcome {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Met => "met",
            Outcome::Acceptable => "acceptable",
            Outcome::Breached => "breached",
            Outcome::Off => "off",
            Outcome::Open => "open",
            Outcome::Closed => "closed",
            Outcome::Fires => "fires",
            Outcome::Clear => "clear",
            Outcome::Holds => "holds",
            Outcome::Violated => "violated",
            Outcome::Unknown => "unknown",
        }
    }

    /// Whether somebody should look at it: what `run` exits 1 for.
    pub fn is_finding(self) -> bool {
        matches!(self, Outcome::Breached | Outcome::Fires | Outcome::Violated | Outcome::Unknown)
    }
}

/// What a rule says of each key, by the key's number; of the portfolio without one.
pub type Outcomes = Vec<(Option<u32>, Outcome)>;

/// One verdict: of one rule, for one key, at one instant.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The rule's name.
    pub rule: Arc<str>,
    /// `threshold`, `gate`, `trigger`, `rollback` or `contract`.
    pub kind: &'static str,
    /// The key with the words for its parts; empty for the portfolio.
    pub key: Vec<(String, Arc<str>)>,
    /// How people call the key.
    pub label: String,
    /// What is said.
    pub outcome: Outcome,
    /// The value that decided, with its unit.
    pub value: Option<(Value, Type)>,
    /// What it is held against.
    pub target: Option<String>,
    /// How old the data is, where its age is promised.
    pub age: Option<i64>,
    /// How grave it is.
    pub severity: Option<Arc<str>>,
    /// Why.
    pub reason: String,
    /// Why, in one word.
    pub code: Reason,
    /// The contract whose data is at fault.
    pub cause: Option<ContractId>,
    /// The instant it speaks of.
    pub as_of: Timestamp,
    /// The period it speaks of.
    pub period: Option<String>,
    /// Its stage has not been entered or does not run.
    pub asleep: bool,
}

/// The parts of a key as one text.
pub fn key_words(key: &[Arc<str>]) -> String {
    match key {
        [a, b, kind] if !kind.is_empty() => format!("{a} with {b}, {kind}"),
        parts => parts.join(", "),
    }
}

/// Row numbers by the key they lead to, and why some lead nowhere known.
type Index = (Rc<HashMap<u32, Vec<u32>>>, Option<Arc<Why>>);
type Indexes = HashMap<(Relation, Vec<Hop>, MomentId), Index>;
/// Why an aggregate of everybody cannot be believed, by contract, promise and moment.
type Staleness = HashMap<(ContractId, usize, MomentId, u32), Option<Arc<Why>>>;

/// The judge of one tick.
pub struct Judge<'a> {
    pub(super) pack: &'a Pack,
    pub(super) plan: &'a Plan,
    pub(super) readings: &'a Readings,
    pub(super) lanes: RefCell<super::columns::Lanes>,
    param: &'a dyn Fn(ParamId) -> Value,
    trace: Option<&'a Trace>,
    pub(super) carried: Option<&'a Carried>,
    metrics: RefCell<HashMap<(MetricId, MomentId, u32), Reading>>,
    indexes: RefCell<Indexes>,
    fresh: RefCell<Staleness>,
}

/// The key number of the portfolio.
const PORTFOLIO: u32 = u32::MAX;

impl<'a> Judge<'a> {
    /// A judge over what was read.
    pub fn new(
        pack: &'a Pack,
        plan: &'a Plan,
        readings: &'a Readings,
        param: &'a dyn Fn(ParamId) -> Value,
    ) -> Judge<'a> {
        Judge {
            pack,
            plan,
            readings,
            param,
            lanes: RefCell::default(),
            trace: None,
            carried: None,
            metrics: RefCell::default(),
            indexes: RefCell::default(),
            fresh: RefCell::default(),
        }
    }

    /// The same, writing down what it reaches.
    pub fn traced(self, trace: Option<&'a Trace>) -> Judge<'a> {
        Judge { trace, ..self }
    }

    /// The same, taking over what judges before it left and leaving it to those that follow.
    pub fn carrying(self, carried: &'a Carried) -> Judge<'a> {
        Judge { carried: Some(carried), ..self }
    }

    fn note_ahead(&self, limit: impl FnOnce() -> Limit, now: Timestamp, what: Timestamp) {
        if let Some(carried) = self.carried {
            carried.ahead.borrow_mut().note(limit(), now, what);
        }
    }

    pub(super) fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// When a moment of the plan is.
    pub fn instant(&self, moment: MomentId) -> Result<Instant, Arc<Why>> {
        self.readings
            .instants
            .get(moment.0 as usize)
            .cloned()
            .flatten()
            .unwrap_or_else(|| Err(Why::new(Reason::CannotRead, "the moment is not known")))
    }

    /// The id of a moment; the instant of the tick for one that was not planned.
    pub fn at(&self, moment: &Moment) -> MomentId {
        self.plan.moment(moment).unwrap_or(MomentId::NOW)
    }

    pub(super) fn table(&self, relation: Relation, moment: MomentId) -> Result<&'a Table, Arc<Why>> {
        match self.readings.tables.get(&(relation, moment)) {
            Some(Ok(table)) => Ok(table),
            Some(Err(why)) => Err(why.clone()),
            None => Err(Why::new(Reason::CannotRead, format!("`{}` was not read", self.pack.relation_name(relation)))),
        }
    }

    /// The key of a number.
    pub fn key(&self, relation: Relation, number: u32) -> Key {
        match self.readings.keys.get(&relation) {
            Some(keys) => keys.key(number),
            None => Arc::new([]),
        }
    }

    /// Key numbers of a relation at a moment, in the order of their keys.
    pub fn keys(&self, relation: Relation, moment: MomentId) -> Result<Vec<u32>, Arc<Why>> {
        let mut numbers = self.table(relation, moment)?.keys.clone();
        numbers.dedup();
        Ok(numbers)
    }

    /// The number of a key of a relation, where a row has it now.
    pub fn find(&self, relation: Relation, key: &[Arc<str>]) -> Result<Option<u32>, Arc<Why>> {
        let table = self.table(relation, MomentId::NOW)?;
        let number = self.readings.keys.get(&relation).and_then(|keys| keys.find(key));
        Ok(number.filter(|number| table.row_of.has(*number)))
    }

    /// How people call a row: by its `name` where it has one.
    pub fn label(&self, relation: Relation, number: u32) -> String {
        let key = self.key(relation, number);
        if let Relation::Contract(id) = relation
            && let Some(column) = label_column(self.pack, id)
            && let Ok(table) = self.table(relation, MomentId::NOW)
            && let Some(row) = table.row_of.get(number)
            && let Some(Cell::Value(Value::Text(name))) = table.columns.get(&column).and_then(|c| c.get(row as usize))
        {
            return name.to_string();
        }
        if let (Relation::Pairs(id), [a, b, rest @ ..]) = (relation, &key[..]) {
            let of = Relation::Contract(self.pack.pair(id).of);
            let name = |part: &Arc<str>| {
                let number = self.readings.keys.get(&of).and_then(|k| k.find(std::slice::from_ref(part)));
                number.map_or_else(|| part.to_string(), |n| self.label(of, n))
            };
            let kind = rest.first().filter(|k| !k.is_empty()).map(|k| format!(", {k}")).unwrap_or_default();
            return format!("{} with {}{kind}", name(a), name(b));
        }
        key_words(&key)
    }

    fn cell(&self, relation: Relation, key: u32, column: u32, moment: MomentId) -> Reading {
        let table = match self.table(relation, moment) {
            Ok(table) => table,
            Err(why) => return Reading::unknown(why),
        };
        let Some(row) = table.row_of.get(key) else {
            let text = format!("there is no {} {}", self.pack.row_word(relation), key_words(&self.key(relation, key)));
            return Reading::unknown(Why::new(Reason::Orphan, text));
        };
        match table.columns.get(&column).and_then(|c| c.get(row as usize)) {
            Some(Cell::Value(value)) => Reading::known(value.clone()),
            Some(Cell::Missing) => Reading::missing(),
            Some(Cell::Bad(why)) => Reading::unknown(why.clone()),
            None => Reading::unknown(Why::new(
                Reason::CannotRead,
                format!("`{}` was not read", print::column(self.pack, relation, column)),
            )),
        }
    }

    /// The age of the data that a condition reads in the scope of its rows.
    fn age_of(&self, e: &Expr<Checked>, rows: &[Row], moment: MomentId) -> Option<Timestamp> {
        match &e.kind {
            ExprKind::Name(Binding::Metric { .. }) => self.value(e, rows, moment).since,
            ExprKind::Not(e) | ExprKind::Presence(_, _, e) => self.age_of(e, rows, moment),
            ExprKind::Joint(_, all) => all.iter().fold(None, |s, e| older(s, self.age_of(e, rows, moment))),
            ExprKind::Compare(_, a, b) | ExprKind::Arith(_, a, b) => {
                older(self.age_of(a, rows, moment), self.age_of(b, rows, moment))
            }
            ExprKind::OneOf(_, e, _) | ExprKind::Between(e, ..) => self.age_of(e, rows, moment),
            ExprKind::Distance(d) => self.age_of(&d.value, rows, moment),
            _ => None,
        }
    }

    /// Follows references from a row to one that is there. `Ok(None)` where an optional one is missing.
    pub fn follow(&self, from: Row, hops: &[Hop], moment: MomentId) -> Result<Option<Row>, Arc<Why>> {
        let Some(at) = self.lead(from, hops, moment, true)? else { return Ok(None) };
        // A key that occurs at another moment names no row of this one.
        match self.readings.tables.get(&(at.relation, moment)) {
            Some(Ok(table)) if !hops.is_empty() && !table.row_of.has(at.key) => {
                Err(self.not_there(from, at.relation, &self.key(at.relation, at.key)))
            }
            _ => Ok(Some(at)),
        }
    }

    fn not_there(&self, from: Row, to: Relation, key: &[Arc<str>]) -> Arc<Why> {
        let text = format!(
            "{} refers to {} {} that is not there",
            key_words(&self.key(from.relation, from.key)),
            crate::value::with_article(self.pack.row_word(to)),
            key_words(key)
        );
        Why::new(Reason::Orphan, text)
    }

    /// The same where the key may be enough, whether or not its row is there at the moment.
    fn lead(&self, from: Row, hops: &[Hop], moment: MomentId, row: bool) -> Result<Option<Row>, Arc<Why>> {
        let mut at = from;
        for (i, hop) in hops.iter().enumerate() {
            let Some(next) = self.pack.hop_target(at.relation, *hop) else {
                return Err(Why::new(Reason::Orphan, "a reference leads nowhere"));
            };
            let text = |column: u32| -> Result<Option<Arc<str>>, Arc<Why>> {
                match self.cell(at.relation, at.key, column, moment).value? {
                    Some(Value::Text(text)) => Ok(Some(text)),
                    _ => Ok(None),
                }
            };
            let parts: Option<Vec<Arc<str>>> = match (at.relation, hop) {
                (_, Hop::Column(column)) => text(*column)?.map(|t| vec![t]),
                (Relation::Contract(id), Hop::Link(link)) => {
                    let link = &self.pack.contract(id).links[*link as usize];
                    let (a, b) = (text(link.first)?, text(link.second)?);
                    let kind = match link.kind {
                        Some(column) => text(column)?.map(Some),
                        None => Some(None),
                    };
                    match (a, b, kind) {
                        (Some(a), Some(b), Some(kind)) => {
                            let (a, b) = if a <= b { (a, b) } else { (b, a) };
                            Some([Some(a), Some(b), kind].into_iter().flatten().collect())
                        }
                        _ => None,
                    }
                }
                (Relation::Pairs(_), Hop::Link(_)) => None,
            };
            let Some(parts) = parts else { return Ok(None) };
            let Some(number) = self.readings.keys.get(&next).and_then(|k| k.find(&parts)) else {
                // Where it is not known who was there, it is not known that this one was not.
                return Err(match self.readings.tables.get(&(next, moment)) {
                    Some(Err(why)) if row || i + 1 < hops.len() => why.clone(),
                    _ => self.not_there(at, next, &parts),
                });
            };
            at = Row { relation: next, key: number };
        }
        Ok(Some(at))
    }

    // ── values ──

    /// A metric's value for a key at a moment.
    pub fn metric(&self, id: MetricId, moment: MomentId, key: Option<u32>) -> Reading {
        let slot = (id, moment, key.unwrap_or(PORTFOLIO));
        if let Some(reading) = self.metrics.borrow().get(&slot) {
            return reading.clone();
        }
        let mut reading = self.compute(id, moment, key);
        if let (Some((low, high)), Ok(Some(value))) = (&self.pack.metric(id).clamped, &mut reading.value) {
            if let Some(low) = window::constant(low, self.param)
                && value.compare(&low) == Some(std::cmp::Ordering::Less)
            {
                *value = low;
            }
            if let Some(high) = window::constant(high, self.param)
                && value.compare(&high) == Some(std::cmp::Ordering::Greater)
            {
                *value = high;
            }
        }
        self.metrics.borrow_mut().insert(slot, reading.clone());
        reading
    }

    fn compute(&self, id: MetricId, moment: MomentId, key: Option<u32>) -> Reading {
        let metric = self.pack.metric(id);
        let rows: Vec<Row> = match (metric.grain, key) {
            (Some(relation), Some(key)) => vec![Row { relation, key }],
            _ => Vec::new(),
        };
        match &metric.definition {
            Definition::Aggregate(a) => self.aggregate(id, a, &rows, moment),
            Definition::Formula(e) => self.settle(self.value(e, &rows, moment), e),
            Definition::Cases(cases) => {
                let mut since = None;
                for (i, (value, when)) in cases.iter().enumerate() {
                    let holds = when.as_ref().map_or(Tri::Yes, |w| self.condition(w, &rows, moment));
                    since = older(since, when.as_ref().and_then(|w| self.age_of(w, &rows, moment)));
                    match holds {
                        Tri::Yes => {
                            if let Some(trace) = self.trace {
                                trace.note(Point::Case(id, i));
                            }
                            let mut reading = self.settle(self.value(value, &rows, moment), value);
                            reading.since = older(reading.since, since);
                            return reading;
                        }
                        Tri::No => {}
                        Tri::Unknown(why) => {
                            if let Some(trace) = self.trace {
                                trace.note(Point::BlindCases(id, why.reason));
                            }
                            return Reading::unknown(why);
                        }
                    }
                }
                Reading::unknown(Why::new(Reason::NoRows, format!("no case of `{}` holds", metric.name)))
            }
            Definition::Shift(shift, Binding::Metric { metric: of, .. }, then) => {
                let now = self.metric(*of, moment, key);
                let before = self.shifted(*of, then, moment, key);
                let (now, before) = self.of_both_moments(*of, &rows, now, before, moment, then);
                self.compare_in_time(*shift, *of, now, before, moment, then)
            }
            // The value is of another time; how old it was then says nothing of now.
            Definition::At(Binding::Metric { metric: of, .. }, then) => {
                Reading { since: None, ..self.shifted(*of, then, moment, key) }
            }
            Definition::Shift(..) | Definition::At(..) => {
                Reading::unknown(Why::new(Reason::CannotRead, "nothing is shifted"))
            }
        }
    }

    /// A formula's value where a part of it is missing is not known.
    fn settle(&self, reading: Reading, e: &Expr<Checked>) -> Reading {
        if let Ok(None) = reading.value {
            let mut names = Vec::new();
            e.walk(&mut |e| {
                if let ExprKind::Name(Binding::Column { .. } | Binding::Metric { .. }) = &e.kind {
                    names.push(print::expr(self.pack, e));
                }
            });
            let text = format!("a value of {} is missing", listed(&names, "or"));
            return Reading { value: Err(Why::new(Reason::MissingValue, text)), ..reading };
        }
        reading
    }

    /// A metric's value at the other time of a shift.
    pub fn shifted(&self, id: MetricId, moment_of: &MomentOf<Checked>, moment: MomentId, key: Option<u32>) -> Reading {
        let Some(then) = &moment_of.then else { return Reading::missing() };
        let metric = self.pack.metric(id);
        if *then == Then::Baseline
            && let Some(baseline) = &self.readings.baseline
        {
            if let Err(why) = self.instant(self.at(&Moment::Then(moment, Then::Baseline))) {
                return Reading::unknown(why);
            }
            let parts: Vec<String> = match (metric.grain, key) {
                (Some(grain), Some(key)) => self.key(grain, key).iter().map(|p| p.to_string()).collect(),
                _ => Vec::new(),
            };
            match baseline.readings.get(&(metric.name.to_string(), parts)) {
                Some(Ok(text)) => {
                    if let Some(value) = stored_value(text, &metric.ty) {
                        return Reading::known(value);
                    }
                }
                Some(Err(text)) => {
                    return Reading::unknown(Why::new(
                        Reason::NoBaseline,
                        format!("`{}` was unknown at the baseline: {text}", metric.name),
                    ));
                }
                None => {}
            }
        }
        let at = match then {
            Then::Previous(period) => self.at(&Moment::Closed(moment, *period, 1)),
            other => self.at(&Moment::Then(moment, other.clone())),
        };
        if let Err(why) = self.instant(at) {
            return Reading::unknown(why);
        }
        let reading = self.metric(id, at, key);
        match (&reading.value, then) {
            (Err(_), Then::Baseline) => {
                let taken =
                    self.readings.baseline.as_ref().map(|b| self.pack.settings.calendar.date(b.taken_at).to_string());
                let text = format!("the baseline of {} does not know `{}`", taken.unwrap_or_default(), metric.name);
                Reading::unknown(Why::new(Reason::NoBaseline, text))
            }
            _ => reading,
        }
    }

    /// An aggregate that leaves out what is unknown is compared in time over the keys known at both moments.
    fn of_both_moments(
        &self,
        of: MetricId,
        rows: &[Row],
        now: Reading,
        before: Reading,
        moment: MomentId,
        moment_of: &MomentOf<Checked>,
    ) -> (Reading, Reading) {
        let Some(a) = self.partial(of) else { return (now, before) };
        if now.value.is_err() || before.value.is_err() {
            return (now, before);
        }
        let known = self.over_rows(a, rows, moment, None).1;
        let again = |moment, both: &HashSet<u32>| self.over_rows(a, rows, moment, Some(both)).0;
        let at = match &moment_of.then {
            None => return (now, before),
            Some(Then::Baseline) => {
                let mut parts = self.parts_at_baseline(of, a, rows);
                parts.retain(|(row, _)| known.contains_key(row));
                let both: HashSet<u32> = parts.iter().map(|(row, _)| *row).collect();
                // A baseline without parts knows only the whole.
                if both.is_empty() {
                    return (now, before);
                }
                let whole = self.fold(a, &parts, 0, 0, moment);
                let value = whole.and_then(|v| v.map(Some).ok_or_else(|| self.no_rows(a, rows.first().map(|r| r.key))));
                return (again(moment, &both), Reading { value, ..before });
            }
            Some(Then::Previous(period)) => self.at(&Moment::Closed(moment, *period, 1)),
            Some(other) => self.at(&Moment::Then(moment, other.clone())),
        };
        let then = self.over_rows(a, rows, at, None).1;
        let both: HashSet<u32> = known.keys().filter(|row| then.contains_key(row)).copied().collect();
        (again(moment, &both), again(at, &both))
    }

    /// The aggregate of a metric that takes values of rows and leaves out the unknown ones.
    fn partial(&self, id: MetricId) -> Option<&'a Aggregate<Checked>> {
        let Definition::Aggregate(a) = &self.pack.metric(id).definition else { return None };
        let over_noun = a.of.as_ref().is_some_and(|e| matches!(e.kind, ExprKind::Name(Binding::Metric { .. })));
        let by_date = matches!(a.fold, Fold::Latest | Fold::First);
        (a.ignoring_unknown && over_noun && !by_date).then_some(a)
    }

    /// The rows whose values an aggregate that leaves out the unknown ones was taken from, with those values.
    pub fn parts(&self, id: MetricId, key: Option<u32>) -> Vec<(Key, Value)> {
        let Some(a) = self.partial(id) else { return Vec::new() };
        let rows: Vec<Row> = match (self.pack.metric(id).grain, key) {
            (Some(relation), Some(key)) => vec![Row { relation, key }],
            _ => Vec::new(),
        };
        let known = self.over_rows(a, &rows, MomentId::NOW, None).1;
        let mut parts: Vec<(Key, Value)> =
            known.into_iter().map(|(row, value)| (self.key(a.rows.of, row), value)).collect();
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        parts
    }

    /// The same at the baseline, where the key of a part is the metric's key followed by the row's.
    fn parts_at_baseline(&self, id: MetricId, a: &Aggregate<Checked>, rows: &[Row]) -> Vec<(u32, Value)> {
        let (Some(baseline), Some(keys), Some(of)) =
            (&self.readings.baseline, self.readings.keys.get(&a.rows.of), &a.of)
        else {
            return Vec::new();
        };
        let own: Vec<String> =
            rows.iter().flat_map(|row| self.key(row.relation, row.key).to_vec()).map(|p| p.to_string()).collect();
        let name = &*self.pack.metric(id).name;
        let parts = baseline.readings.iter().filter_map(|((metric, key), value)| {
            let rest = key.strip_prefix(&own[..]).filter(|rest| metric == name && !rest.is_empty())?;
            let rest: Vec<Arc<str>> = rest.iter().map(|part| part.as_str().into()).collect();
            Some((keys.find(&rest)?, stored_value(value.as_ref().ok()?, &of.ty)?))
        });
        parts.collect()
    }

    fn compare_in_time(
        &self,
        shift: Shift,
        of: MetricId,
        now: Reading,
        before: Reading,
        moment: MomentId,
        then: &MomentOf<Checked>,
    ) -> Reading {
        let since = now.since;
        let left_out = now.left_out.max(before.left_out);
        let name = &self.pack.metric(of).name;
        let when = || {
            let calendar = &self.pack.settings.calendar;
            let at = match &then.then {
                Some(Then::Previous(p)) => self.at(&Moment::Closed(moment, *p, 1)),
                Some(other) => self.at(&Moment::Then(moment, other.clone())),
                None => moment,
            };
            self.instant(at).map_or_else(|_| "then".to_owned(), |t| format!("on {}", calendar.show(t.at)))
        };
        let value = match (now.value, before.value) {
            (Err(why), _) => Err(why),
            (_, Err(why)) if matches!(why.reason, Reason::NoBaseline) => Err(why),
            (_, Err(why)) => {
                Err(Arc::new(Why { text: format!("`{name}` {} is unknown: {}", when(), why.text), ..(*why).clone() }))
            }
            (Ok(Some(Value::Number(a))), Ok(Some(Value::Number(b)))) => {
                let too_large = || Why::new(Reason::TooLarge, "the change is too large to be computed exactly");
                if shift == Shift::Difference {
                    a.minus(b).map(|n| Some(Value::Number(n))).ok_or_else(too_large)
                } else if b.is_negative() || b.is_zero() {
                    let shown = Value::Number(b).show(&self.pack.metric(of).ty);
                    Err(Why::new(
                        Reason::BaseNotPositive,
                        format!("`{name}` was {shown} {}, and a change from there has no percent", when()),
                    ))
                } else {
                    let change = if shift == Shift::Change { a.minus(b) } else { b.minus(a) };
                    let percent = change.and_then(|c| c.times(Number::whole(100))).and_then(|c| c.over(b));
                    percent.map(|n| Some(Value::Number(n))).ok_or_else(too_large)
                }
            }
            _ => Err(Why::new(Reason::MissingValue, format!("`{name}` is missing"))),
        };
        Reading { value, since, left_out }
    }

    /// The value of an expression in the scope of rows, the innermost first.
    pub fn value(&self, e: &Expr<Checked>, rows: &[Row], moment: MomentId) -> Reading {
        match &e.kind {
            ExprKind::Literal(value) => Reading::known(value.clone()),
            ExprKind::Name(binding) => self.binding(binding, rows, moment),
            ExprKind::Arith(op, a, b) => {
                let (x, y) = (self.value(a, rows, moment), self.value(b, rows, moment));
                let (since, left_out) = (older(x.since, y.since), x.left_out.max(y.left_out));
                let value = match (x.value, y.value) {
                    (Err(why), _) | (_, Err(why)) => Err(why),
                    (Ok(None), _) | (_, Ok(None)) => Ok(None),
                    (Ok(Some(x)), Ok(Some(y))) => {
                        match arithmetic_in(&self.pack.settings.calendar, *op, &x, &a.ty, &y, &b.ty) {
                            Ok(value) => Ok(Some(value)),
                            Err(NoValue::DividedByZero) => {
                                let text =
                                    format!("{} is zero, and nothing is divided by zero", print::expr(self.pack, b));
                                Err(Why::new(Reason::DividedByZero, text))
                            }
                            Err(NoValue::TooLarge) => {
                                Err(Why::new(Reason::TooLarge, "the result is too large to be computed exactly"))
                            }
                        }
                    }
                };
                Reading { value, since, left_out }
            }
            _ => Reading::unknown(Why::new(Reason::CannotRead, "a condition has no value")),
        }
    }

    fn binding(&self, binding: &Binding, rows: &[Row], moment: MomentId) -> Reading {
        let row = |depth: u8| rows.get(usize::from(depth)).copied();
        match binding {
            Binding::Param(id) => Reading::known((self.param)(*id)),
            Binding::Now => match self.instant(moment) {
                Ok(t) => {
                    // What it is compared with is not known here: every moment may be the one.
                    self.note_ahead(|| Limit::At(moment), t.at, t.at);
                    Reading::known(Value::Moment(t.at))
                }
                Err(why) => Reading::unknown(why),
            },
            Binding::Column { depth, hops, column, .. } => {
                let Some(from) = row(*depth) else { return Reading::missing() };
                match self.follow(from, hops, moment) {
                    Ok(Some(at)) => self.cell(at.relation, at.key, *column, moment),
                    Ok(None) => Reading::missing(),
                    Err(why) => Reading::unknown(why),
                }
            }
            Binding::Metric { depth, hops, metric } => match (self.pack.metric(*metric).grain, row(*depth)) {
                (None, _) => self.metric(*metric, moment, None),
                (Some(_), None) => Reading::missing(),
                (Some(_), Some(from)) => match self.follow(from, hops, moment) {
                    Ok(Some(at)) => self.metric(*metric, moment, Some(at.key)),
                    Ok(None) => Reading::missing(),
                    Err(why) => Reading::unknown(why),
                },
            },
            Binding::Threshold(id) => {
                let grain = self.pack.metric(self.pack.threshold(*id).metric).grain;
                let key = rows.iter().find(|r| Some(r.relation) == grain).map(|r| r.key);
                let (outcome, reading) = self.threshold_outcome(*id, key);
                match outcome {
                    Outcome::Unknown => Reading {
                        value: Err(reading
                            .value
                            .err()
                            .unwrap_or_else(|| Why::new(Reason::NoRows, "the threshold is unknown"))),
                        since: reading.since,
                        left_out: 0,
                    },
                    outcome => Reading { value: Ok(Some(Value::text(outcome.word()))), ..reading },
                }
            }
            Binding::Gate(id) => {
                match Tri::all(self.pack.gate(*id).lines.iter().map(|l| self.condition(l, &[], MomentId::NOW))) {
                    Tri::Yes => Reading::known(Value::text("open")),
                    Tri::No => Reading::known(Value::text("closed")),
                    Tri::Unknown(why) => Reading::unknown(why),
                }
            }
            Binding::Introduced { .. } | Binding::IntroducedMetric(_) => {
                Reading::unknown(Why::new(Reason::NoRows, "nothing has been proposed yet"))
            }
        }
    }

    // ── aggregates ──

    fn aggregate(&self, id: MetricId, a: &Aggregate<Checked>, rows: &[Row], moment: MomentId) -> Reading {
        let key = rows.first().map(|r| r.key);
        let mut reading = match self.plan.served.get(&(id, moment)) {
            Some(used) => self.served(a, used, key, moment),
            None => self.over_all(id, a, rows, moment).unwrap_or_else(|| self.over_rows(a, rows, moment, None).0),
        };
        if let Relation::Contract(contract) = a.rows.of {
            let hops: &[Hop] = if let Tie::LeadHere(hops) = &a.rows.tie { hops } else { &[] };
            match self.freshness(contract, hops, key, moment) {
                // Whoever is silent is left out like whatever else is unknown.
                Err(_) if a.ignoring_unknown && reading.value.is_ok() => {}
                Ok(since) => {
                    // The latest value is as old as the row it stands in, which need not be the newest.
                    if let (Fold::Latest, Some(own), Some(_), Ok(Some(_))) =
                        (a.fold, reading.since, since, &reading.value)
                        && let Some(why) = self.too_old(contract, own, moment)
                    {
                        reading.value = Err(why);
                    }
                    // Where nothing is promised about a contract, the date of its row is no age of the data.
                    let promised = a.fold != Fold::Latest || !self.pack.contract(contract).fresh.is_empty();
                    reading.since = older(reading.since, since).filter(|_| promised);
                }
                // A reading that is unknown for a nearer reason keeps it.
                Err(why) if reading.value.is_ok() || matches!(&reading.value, Err(w) if w.reason == Reason::NoRows) => {
                    reading.value = Err(why);
                }
                Err(_) => {}
            }
        }
        // What is not known has no age, and ages nothing that leaves it out.
        if reading.value.is_err() {
            reading.since = None;
        }
        reading
    }

    fn no_rows(&self, a: &Aggregate<Checked>, key: Option<u32>) -> Arc<Why> {
        let mut text = format!("there are no rows of `{}`", self.pack.relation_name(a.rows.of));
        if let (Some(key), Tie::LeadHere(hops)) = (key, &a.rows.tie) {
            let mut at = a.rows.of;
            for hop in hops {
                at = self.pack.hop_target(at, *hop).unwrap_or(at);
            }
            text.push_str(&format!(" for {}", key_words(&self.key(at, key))));
        }
        if let Some(w) = &a.window {
            text.push_str(&format!(" {}", print::window(self.pack, w)));
        }
        if let Some(f) = a.out_of.as_ref().or(a.filter.as_ref().filter(|_| a.fold != Fold::Share)) {
            text.push_str(&format!(" where {}", print::expr(self.pack, f)));
        }
        let contract = if let Relation::Contract(id) = a.rows.of { Some(id) } else { None };
        Arc::new(Why { reason: Reason::NoRows, text, contract })
    }

    fn too_few(&self, a: &Aggregate<Checked>, rows: u64) -> Option<Arc<Why>> {
        let needs = u64::from(a.needs?);
        (rows < needs).then(|| {
            Why::new(
                Reason::TooFewRows,
                format!("{} of `{}`, {needs} needed", counted(rows, "row"), self.pack.relation_name(a.rows.of)),
            )
        })
    }

    fn served(&self, a: &Aggregate<Checked>, used: &GroupUse, key: Option<u32>, moment: MomentId) -> Reading {
        if let Err(why) = self.instant(moment) {
            return Reading::unknown(why);
        }
        let groups: &Groups = match self.readings.groups.get(&used.scan) {
            Some(Ok(groups)) => groups,
            Some(Err(why)) => return Reading::unknown(why.clone()),
            None => return Reading::unknown(Why::new(Reason::CannotRead, "the scan was not read")),
        };
        let raw = |i: usize| groups.get(key.unwrap_or(0), used.measures[i]);
        let count = |i: usize| if let Some(Raw::Count(n)) = raw(i) { n } else { 0 };
        let whole = |n: u64| Value::Number(Number::whole(i128::from(n)));
        if let Some(Raw::Bad(why)) = raw(0) {
            return Reading::unknown(why);
        }
        let known = match a.fold {
            Fold::Count => count(0),
            Fold::Share => count(1),
            Fold::Latest | Fold::First => u64::MAX,
            _ => count(1),
        };
        if let Some(why) = self.too_few(a, known) {
            return Reading::unknown(why);
        }
        let nothing = match a.fold {
            Fold::Count => count(0) == 0,
            Fold::Sum | Fold::CountDistinct => count(2) == 0,
            _ => false,
        };
        if nothing && let Some(why) = self.not_nothing(a, key, moment) {
            return Reading::unknown(why);
        }
        let left_out = match a.fold {
            Fold::Count | Fold::Share | Fold::Latest | Fold::First => 0,
            _ => u32::try_from(count(2).saturating_sub(count(1))).unwrap_or(u32::MAX),
        };
        let value = match a.fold {
            Fold::Count | Fold::CountDistinct => Some(whole(count(0))),
            Fold::Share => share(count(0), count(1)),
            Fold::Sum => match raw(0) {
                Some(Raw::Value(Some(value))) => Some(value),
                _ => Some(Value::Number(Number::ZERO)),
            },
            Fold::Average => match raw(0) {
                Some(Raw::Value(Some(Value::Number(sum)))) => {
                    sum.over(Number::whole(i128::from(count(1)))).map(Value::Number)
                }
                _ => None,
            },
            Fold::Min | Fold::Max | Fold::Median | Fold::Percentile(_) => match raw(0) {
                Some(Raw::Value(value)) => value,
                _ => None,
            },
            Fold::Latest | Fold::First => match raw(0) {
                Some(Raw::Dated(Some((value, _)))) => Some(value),
                _ => None,
            },
        };
        let value = value.map(Some).ok_or_else(|| self.no_rows(a, key));
        let since = match raw(0) {
            Some(Raw::Dated(Some((_, at)))) => Some(at),
            _ => None,
        };
        Reading { value, since, left_out }
    }

    fn index(&self, of: Relation, hops: &[Hop], moment: MomentId) -> Result<Index, Arc<Why>> {
        let slot = (of, hops.to_vec(), moment);
        if let Some(found) = self.indexes.borrow().get(&slot) {
            return Ok(found.clone());
        }
        let table = self.table(of, moment)?;
        let mut groups: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut astray = None;
        for (row, key) in table.keys.iter().enumerate() {
            match self.lead(Row { relation: of, key: *key }, hops, moment, false) {
                Ok(Some(to)) => groups.entry(to.key).or_default().push(row as u32),
                Ok(None) => {}
                // A row that refers to nothing there is nobody's; one whose reference cannot be read may be anybody's.
                Err(why) if why.reason == Reason::Orphan => {}
                Err(why) => astray = astray.or(Some(why)),
            }
        }
        let found = (Rc::new(groups), astray);
        self.indexes.borrow_mut().insert(slot, found.clone());
        Ok(found)
    }

    fn in_window(&self, w: Option<&Window<Checked>>, row: Row, moment: MomentId) -> Tri {
        let Some(w) = w else { return Tri::Yes };
        let Some(Binding::Column { column, .. }) = &w.by else { return Tri::No };
        let t = match self.instant(moment) {
            Ok(t) => t,
            Err(why) => return Tri::Unknown(why),
        };
        let Some(range) = window::range(&self.pack.settings.calendar, &w.kind, t, self.param) else { return Tri::No };
        match self.cell(row.relation, row.key, *column, moment).value {
            Ok(Some(value)) => Tri::from_bool(self.begins(&value).is_some_and(|at| {
                if let Some((from, _)) = range.from {
                    self.note_ahead(|| Limit::From(moment, w.kind.clone()), from, at);
                }
                self.note_ahead(|| Limit::To(moment, w.kind.clone()), range.to.0, at);
                range.holds(at)
            })),
            Ok(None) => Tri::No,
            Err(why) => Tri::Unknown(why),
        }
    }

    /// Whether a dated row can be placed in time.
    fn placed(&self, row: Row, moment: MomentId) -> Tri {
        let Relation::Contract(id) = row.relation else { return Tri::Yes };
        let Ok(table) = self.table(row.relation, moment) else { return Tri::Yes };
        if let Some(why) = table.bad.get(&row.key) {
            return Tri::Unknown(why.clone());
        }
        let contract = self.pack.contract(id);
        let times =
            contract.dated.into_iter().chain(contract.valid.into_iter().flat_map(|(from, until)| [from, until]));
        let cells = times.filter_map(|c| table.columns.get(&c)?.get(table.row_of.get(row.key)? as usize));
        let bad = cells.filter_map(|cell| if let Cell::Bad(why) = cell { Some(why.clone()) } else { None }).next();
        bad.map_or(Tri::Yes, Tri::Unknown)
    }

    /// An aggregate taken from the rows, and the rows that have a value, with it. `only` limits it to some of them.
    fn over_rows(
        &self,
        a: &Aggregate<Checked>,
        rows: &[Row],
        moment: MomentId,
        only: Option<&HashSet<u32>>,
    ) -> (Reading, HashMap<u32, Value>) {
        let mut known = HashMap::new();
        let reading = self.over_rows_into(a, rows, moment, only, &mut known);
        (reading, known)
    }

    fn over_rows_into(
        &self,
        a: &Aggregate<Checked>,
        rows: &[Row],
        moment: MomentId,
        only: Option<&HashSet<u32>>,
        with_value: &mut HashMap<u32, Value>,
    ) -> Reading {
        if let Err(why) = self.instant(moment) {
            return Reading::unknown(why);
        }
        let key = rows.first().map(|r| r.key);
        let table = match self.table(a.rows.of, moment) {
            Ok(table) => table,
            Err(why) => return Reading::unknown(why),
        };
        let mut unknown: Vec<(u32, Arc<Why>)> = Vec::new();
        let chosen: Vec<u32> = match (&a.rows.tie, key) {
            (Tie::LeadHere(hops), Some(key)) => match self.index(a.rows.of, hops, moment) {
                Ok((groups, astray)) => {
                    if let Some(why) = astray
                        && !a.ignoring_unknown
                    {
                        return Reading::unknown(why);
                    }
                    groups.get(&key).cloned().unwrap_or_default()
                }
                Err(why) => return Reading::unknown(why),
            },
            _ => (0..table.keys.len() as u32).collect(),
        };
        let mut awaited = self.promised_periods(a, moment);
        let mut values: Vec<(u32, Value)> = Vec::new();
        let (mut numerator, mut denominator, mut skipped) = (0u64, 0u64, 0u32);
        let mut since = None;
        for row in chosen {
            let number = table.keys[row as usize];
            if only.is_some_and(|only| !only.contains(&number)) {
                continue;
            }
            let own = Row { relation: a.rows.of, key: number };
            let mut scope = vec![own];
            scope.extend_from_slice(rows);
            for e in a.filter.iter().chain(&a.out_of) {
                since = older(since, self.age_of(e, &scope, moment));
            }
            let base = Tri::all([self.placed(own, moment), self.in_window(a.window.as_ref(), own, moment)]);
            if !awaited.is_empty()
                && let Some(at) = self.row_date(a.rows.of, number, moment)
            {
                awaited.retain(|(start, end)| at < *start || at >= *end);
            }
            let (part, whole) = if a.fold == Fold::Share {
                let whole = a.out_of.as_ref().map_or(Tri::Yes, |o| self.condition(o, &scope, moment));
                let part = a.filter.as_ref().map_or(Tri::Yes, |f| self.condition(f, &scope, moment));
                (part, Tri::all([base, whole]))
            } else {
                let filter = a.filter.as_ref().map_or(Tri::Yes, |f| self.condition(f, &scope, moment));
                (Tri::Yes, Tri::all([base, filter]))
            };
            match (whole, part) {
                (Tri::No, _) => continue,
                (Tri::Unknown(why), _) | (Tri::Yes, Tri::Unknown(why)) => {
                    unknown.push((number, why));
                    continue;
                }
                (Tri::Yes, part) => {
                    denominator += 1;
                    numerator += u64::from(part == Tri::Yes);
                }
            }
            let Some(of) = &a.of else { continue };
            let reading = self.value(of, &scope, moment);
            since = older(since, reading.since);
            match reading.value {
                Ok(Some(value)) => {
                    with_value.insert(number, value.clone());
                    values.push((number, value));
                }
                Ok(None) => skipped += 1,
                Err(why) => unknown.push((number, why)),
            }
        }
        if let (Some((_, end)), Some(Window { kind: WindowKind::LastClosed(_, period), .. }), Relation::Contract(id)) =
            (awaited.first(), &a.window, a.rows.of)
        {
            let calendar = &self.pack.settings.calendar;
            let name = &self.pack.contract(id).name;
            let text =
                format!("`{name}` has no rows in {}, and rows are promised", calendar.period_name(*period, *end));
            return Reading::unknown(Why::of(Reason::TooFewRows, id, text));
        }
        // Only a row that could be the latest itself stands in the way of the latest known one.
        if matches!(a.fold, Fold::Latest | Fold::First)
            && let Some(best) = self.extreme_date(a, values.iter().map(|(n, _)| *n), moment)
        {
            unknown.retain(|(number, _)| match self.row_date(a.rows.of, *number, moment) {
                Some(at) if a.fold == Fold::Latest => at > best,
                Some(at) => at < best,
                None => true,
            });
        }
        let mut left_out = skipped;
        if let Some((first, why)) = unknown.first() {
            if a.ignoring_unknown {
                left_out += unknown.len() as u32;
            } else {
                let of = self.label(a.rows.of, *first);
                let known = if a.of.is_some() { values.len() as u64 + u64::from(skipped) } else { denominator };
                let total = known + unknown.len() as u64;
                let rows = self.pack.relation_name(a.rows.of);
                let text = if total > 1 {
                    format!(
                        "{} of {total} {} unknown; {of}: {}",
                        unknown.len(),
                        if unknown.len() == 1 { format!("of `{rows}` is") } else { format!("of `{rows}` are") },
                        why.text
                    )
                } else {
                    format!("{of}: {}", why.text)
                };
                let text = text
                    .replace(&format!(" of `{rows}` is unknown"), &format!(" {rows} is unknown"))
                    .replace(&format!(" of `{rows}` are unknown"), &format!(" {rows} are unknown"));
                return Reading { value: Err(Arc::new(Why { text, ..(**why).clone() })), since, left_out: 0 };
            }
        }
        let counted = if a.of.is_some() { values.len() as u64 } else { denominator };
        if let Some(why) = self.too_few(a, counted) {
            return Reading { value: Err(why), since, left_out: 0 };
        }
        if matches!(a.fold, Fold::Count | Fold::Sum | Fold::CountDistinct)
            && denominator == 0
            && let Some(why) = self.not_nothing(a, key, moment)
        {
            return Reading { value: Err(why), since, left_out: 0 };
        }
        // The latest row with a value says nothing of those before it.
        if matches!(a.fold, Fold::Latest | Fold::First) {
            left_out = 0;
        }
        if a.fold == Fold::Latest
            && let Some(best) = self.extreme_date(a, values.iter().map(|(n, _)| *n), moment)
        {
            let calendar = &self.pack.settings.calendar;
            let day = matches!(a.rows.of, Relation::Contract(id) if self.is_dated_by_day(id));
            since = older(since, Some(if day { calendar.day_end(calendar.date(best)) } else { best }));
        }
        let value = self.fold(a, &values, numerator, denominator, moment);
        Reading { value: value.and_then(|v| v.map(Some).ok_or_else(|| self.no_rows(a, key))), since, left_out }
    }

    /// The closed periods of an aggregate's window each of which must have rows, since the contract promises some.
    fn promised_periods(&self, a: &Aggregate<Checked>, moment: MomentId) -> Vec<(Timestamp, Timestamp)> {
        let (Some(Window { kind: WindowKind::LastClosed(count, period), .. }), Relation::Contract(id), Ok(t)) =
            (&a.window, a.rows.of, self.instant(moment))
        else {
            return Vec::new();
        };
        if self.pack.contract(id).volume.is_empty() {
            return Vec::new();
        }
        let calendar = &self.pack.settings.calendar;
        (1..=*count).rev().map(|back| window::closed_period(calendar, *period, t, back)).collect()
    }

    fn is_dated_by_day(&self, id: ContractId) -> bool {
        let contract = self.pack.contract(id);
        contract.dated.is_some_and(|d| contract.columns[d as usize].ty == Type::Date)
    }

    /// The date of a dated row, where it has one.
    fn row_date(&self, of: Relation, number: u32, moment: MomentId) -> Option<Timestamp> {
        let Relation::Contract(id) = of else { return None };
        let dated = self.pack.contract(id).dated?;
        self.cell(of, number, dated, moment).value.ok().flatten().and_then(|v| self.begins(&v))
    }

    /// The latest date among rows, or the earliest for `first`.
    fn extreme_date(
        &self,
        a: &Aggregate<Checked>,
        rows: impl Iterator<Item = u32>,
        moment: MomentId,
    ) -> Option<Timestamp> {
        let dates = rows.filter_map(|n| self.row_date(a.rows.of, n, moment));
        if a.fold == Fold::Latest { dates.max() } else { dates.min() }
    }

    fn fold(
        &self,
        a: &Aggregate<Checked>,
        values: &[(u32, Value)],
        numerator: u64,
        denominator: u64,
        moment: MomentId,
    ) -> Result<Option<Value>, Arc<Why>> {
        let of = a.rows.of;
        let whole = |n: u64| Value::Number(Number::whole(i128::from(n)));
        let too_large = || Why::new(Reason::TooLarge, "the sum is too large to be computed exactly");
        let sum =
            || values.iter().filter_map(|(_, v)| v.number()).try_fold(Number::ZERO, Number::plus).ok_or_else(too_large);
        let sorted = || {
            let mut all: Vec<&Value> = values.iter().map(|(_, v)| v).collect();
            all.sort_by(|a, b| a.compare(b).unwrap_or(std::cmp::Ordering::Equal));
            all
        };
        Ok(match a.fold {
            Fold::Count => Some(whole(denominator)),
            Fold::CountDistinct => {
                let distinct: HashSet<&Value> = values.iter().map(|(_, v)| v).collect();
                Some(whole(distinct.len() as u64))
            }
            Fold::Share => share(numerator, denominator),
            Fold::Sum => Some(Value::Number(sum()?)),
            Fold::Average if values.is_empty() => None,
            Fold::Average => {
                Some(Value::Number(sum()?.over(Number::whole(values.len() as i128)).ok_or_else(too_large)?))
            }
            Fold::Min => sorted().first().map(|v| (*v).clone()),
            Fold::Max => sorted().last().map(|v| (*v).clone()),
            Fold::Median => {
                let all = sorted();
                match (all.len(), all.len() / 2) {
                    (0, _) => None,
                    (n, half) if n % 2 == 1 => Some(all[half].clone()),
                    (_, half) => {
                        let pair = all[half - 1].number().zip(all[half].number());
                        let mean = pair.and_then(|(a, b)| a.plus(b)).and_then(|s| s.over(Number::whole(2)));
                        Some(Value::Number(mean.ok_or_else(too_large)?))
                    }
                }
            }
            Fold::Percentile(n) => {
                let all = sorted();
                // Nearest rank: the smallest value with at least n percent of the values at or below it.
                let rank = (usize::from(n) * all.len()).div_ceil(100);
                all.get(rank.max(1) - 1).map(|v| (*v).clone())
            }
            Fold::Latest | Fold::First => {
                // Of several rows of one date the one whose key comes last is the latest, and the first the first.
                let dated = values.iter().map(|(n, v)| (self.row_date(a.rows.of, *n, moment), *n, v));
                let order = |a: &(Option<Timestamp>, u32, &Value), b: &(Option<Timestamp>, u32, &Value)| {
                    a.0.cmp(&b.0).then_with(|| self.key(of, a.1).cmp(&self.key(of, b.1)))
                };
                let best = if a.fold == Fold::Latest { dated.max_by(order) } else { dated.min_by(order) };
                best.map(|(_, _, v)| v.clone())
            }
        })
    }

    /// The first instant of a date, or the moment itself.
    fn begins(&self, value: &Value) -> Option<Timestamp> {
        match value {
            Value::Date(date) => Some(self.pack.settings.calendar.day_start(*date)),
            Value::Moment(at) => Some(*at),
            _ => None,
        }
    }

    fn ends(&self, value: &Value) -> Option<Timestamp> {
        match value {
            Value::Date(date) => Some(self.pack.settings.calendar.day_end(*date)),
            other => self.begins(other),
        }
    }

    // ── freshness ──

    /// The newest row of an entity (or of all), its end where it is a date.
    fn newest(
        &self,
        contract: ContractId,
        hops: &[Hop],
        key: Option<u32>,
        moment: MomentId,
    ) -> Result<Option<Timestamp>, Arc<Why>> {
        let Some(used) = self.plan.newest.get(&(contract, hops.to_vec(), moment)) else { return Ok(None) };
        match self.readings.groups.get(&used.scan) {
            Some(Ok(groups)) => Ok(match groups.get(key.unwrap_or(0), used.measures[0]) {
                Some(Raw::Dated(Some((_, at)))) => Some(at),
                _ => None,
            }),
            Some(Err(why)) => Err(why.clone()),
            None => Ok(None),
        }
    }

    /// How long ago an entity's newest row is, and whether that is late or stale.
    fn lateness(
        &self,
        contract: ContractId,
        fresh: &Fresh,
        key: Option<u32>,
        moment: MomentId,
    ) -> Result<Late, Arc<Why>> {
        let t = self.instant(moment)?;
        let none = Vec::new();
        let (relation, hops) = fresh.per.as_ref().map_or((None, &none), |(r, h)| (Some(*r), h));
        if let (Some(filter), Some(relation), Some(key)) = (&fresh.filter, relation, key) {
            match self.condition(filter, &[Row { relation, key }], moment) {
                Tri::Yes => {}
                Tri::No => return Ok(Late::Exempt),
                // Whoever was not there then had nothing to report.
                Tri::Unknown(why) if why.reason == Reason::Orphan => return Ok(Late::Exempt),
                Tri::Unknown(why) => return Err(why),
            }
        }
        let newest = self.newest(contract, hops, key, moment)?;
        let calendar = &self.pack.settings.calendar;
        let cutoff = |e: &Expr<Checked>| {
            let by = window::constant(e, self.param)?;
            let cutoff = window::moved(calendar, t.at, &by, false);
            if let Some(newest) = newest {
                self.note_ahead(|| Limit::Moved(moment, by, false), cutoff, newest);
            }
            Some(cutoff)
        };
        let beyond = |e: &Expr<Checked>| match (cutoff(e), newest) {
            (Some(cutoff), Some(at)) => at < cutoff,
            (_, None) => true,
            (None, _) => false,
        };
        Ok(if fresh.stale.as_ref().is_some_and(beyond) {
            Late::Stale(newest)
        } else if beyond(&fresh.within) {
            Late::Overdue(newest)
        } else {
            Late::Fine(newest)
        })
    }

    /// An age in words, which are others a while later.
    fn age_in_words(&self, of: Timestamp, now: Timestamp, moment: MomentId) -> String {
        let seconds = (now.as_second() - of.as_second()).max(0);
        let next = Timestamp::from_second(now.as_second() + age_stays(seconds)).unwrap_or(Timestamp::MAX);
        self.note_ahead(|| Limit::At(moment), now, next);
        age_words(seconds)
    }

    fn age_text(&self, contract: ContractId, newest: Option<Timestamp>, moment: MomentId) -> String {
        let name = &self.pack.contract(contract).name;
        match (newest, self.instant(moment)) {
            (Some(at), Ok(t)) => {
                format!("the newest row of `{name}` is {} old", self.age_in_words(at, t.at, moment))
            }
            _ => format!("there is no row of `{name}`"),
        }
    }

    /// The age of what an aggregate reads, or that it is too old to be believed.
    fn freshness(
        &self,
        contract: ContractId,
        hops: &[Hop],
        key: Option<u32>,
        moment: MomentId,
    ) -> Result<Option<Timestamp>, Arc<Why>> {
        let mut since = None;
        for (i, fresh) in self.pack.contract(contract).fresh.iter().enumerate() {
            let (entity, found) = match &fresh.per {
                Some((relation, theirs)) if theirs == hops && key.is_some() => {
                    (key.map(|k| (*relation, k)), self.lateness(contract, fresh, key, moment)?)
                }
                None => (None, self.lateness(contract, fresh, None, moment)?),
                // An aggregate of the whole portfolio needs everybody.
                Some(_) if key.is_none() => match self.all_fresh(contract, i, fresh, moment, &[], None) {
                    Some(why) => return Err(why),
                    None => continue,
                },
                // One of a sector needs everybody in the sector.
                Some((_, theirs)) if hops.len() > theirs.len() && hops.starts_with(theirs) => {
                    match self.all_fresh(contract, i, fresh, moment, &hops[theirs.len()..], key) {
                        Some(why) => return Err(why),
                        None => continue,
                    }
                }
                Some(_) => continue,
            };
            match found {
                Late::Stale(newest) => {
                    let whom = entity.map(|(r, k)| format!(" for {}", key_words(&self.key(r, k)))).unwrap_or_default();
                    let text = format!("{}{whom}", self.age_text(contract, newest, moment));
                    return Err(Why::of(Reason::Stale, contract, text));
                }
                Late::Overdue(at) | Late::Fine(at) => since = older(since, at),
                Late::Exempt => {}
            }
        }
        Ok(since)
    }

    /// How many rows there are where more are promised: of an entity, or of the contract as a whole.
    fn short(
        &self,
        id: ContractId,
        promise: usize,
        key: Option<u32>,
        moment: MomentId,
    ) -> Result<Option<u64>, Arc<Why>> {
        let volume = &self.pack.contract(id).volume[promise];
        let Some(used) = self.plan.volumes.get(&(id, promise, moment)) else { return Ok(None) };
        if let (Some(filter), Some((relation, _)), Some(key)) = (&volume.filter, &volume.per, key) {
            match self.condition(filter, &[Row { relation: *relation, key }], moment) {
                Tri::Yes => {}
                // Of whom it is not known whether it is promised, nothing can be demanded.
                Tri::No | Tri::Unknown(_) => return Ok(None),
            }
        }
        let count = match self.readings.groups.get(&used.scan) {
            Some(Ok(groups)) => match groups.get(key.unwrap_or(0), used.measures[0]) {
                Some(Raw::Count(n)) => n,
                _ => 0,
            },
            Some(Err(why)) => return Err(why.clone()),
            None => return Ok(None),
        };
        Ok((count < u64::from(volume.rows)).then_some(count))
    }

    /// Why it proves nothing that a contract has no rows: more are promised than there are. (A count of nothing is
    /// zero only while the contract holds.)
    fn silence(&self, id: ContractId, hops: &[Hop], key: Option<u32>, moment: MomentId) -> Option<Arc<Why>> {
        for (i, volume) in self.pack.contract(id).volume.iter().enumerate() {
            let whom = match &volume.per {
                None => vec![None],
                Some((_, theirs)) if theirs == hops && key.is_some() => vec![key],
                Some((relation, theirs)) if key.is_none() || hops.starts_with(theirs) => {
                    let rest = hops.get(theirs.len()..).unwrap_or_default();
                    match self.keys(*relation, moment) {
                        Ok(keys) => keys
                            .into_iter()
                            .filter(|k| key.is_none() || self.leads_to(*relation, *k, rest, moment) == key)
                            .map(Some)
                            .collect(),
                        Err(why) => return Some(why),
                    }
                }
                Some(_) => continue,
            };
            for one in whom {
                let count = match self.short(id, i, one, moment) {
                    Ok(None) => continue,
                    Ok(Some(count)) => count,
                    Err(why) => return Some(why),
                };
                let every = window::constant(&volume.every, self.param).map(|v| v.show(&volume.every.ty));
                let of = match (&volume.per, one) {
                    (Some((relation, _)), Some(key)) => format!(" for {}", key_words(&self.key(*relation, key))),
                    _ => String::new(),
                };
                let text = format!(
                    "`{}` has {count} rows within {}{of}, {} promised",
                    self.pack.contract(id).name,
                    every.unwrap_or_default(),
                    volume.rows
                );
                return Some(Why::of(Reason::TooFewRows, id, text));
            }
        }
        None
    }

    /// The key that a row leads to.
    fn leads_to(&self, relation: Relation, key: u32, hops: &[Hop], moment: MomentId) -> Option<u32> {
        self.lead(Row { relation, key }, hops, moment, false).ok().flatten().map(|row| row.key)
    }

    /// Why an aggregate over no rows is not zero.
    fn not_nothing(&self, a: &Aggregate<Checked>, key: Option<u32>, moment: MomentId) -> Option<Arc<Why>> {
        let Relation::Contract(id) = a.rows.of else { return None };
        let hops: &[Hop] = if let Tie::LeadHere(hops) = &a.rows.tie { hops } else { &[] };
        self.silence(id, hops, key, moment)
    }

    /// Why a row of this age cannot be believed.
    fn too_old(&self, contract: ContractId, row: Timestamp, moment: MomentId) -> Option<Arc<Why>> {
        let t = self.instant(moment).ok()?;
        let calendar = &self.pack.settings.calendar;
        let stale = self.pack.contract(contract).fresh.iter().filter_map(|f| f.stale.as_ref());
        let cutoffs = stale.filter_map(|e| window::constant(e, self.param)).map(|by| {
            let cutoff = window::moved(calendar, t.at, &by, false);
            self.note_ahead(|| Limit::Moved(moment, by, false), cutoff, row);
            cutoff
        });
        cutoffs.max().filter(|cutoff| row < *cutoff).map(|_| {
            let age = self.age_in_words(row, t.at, moment);
            Why::of(
                Reason::Stale,
                contract,
                format!("the row of `{}` it stands in is {age} old", self.pack.contract(contract).name),
            )
        })
    }

    /// Why not everybody of a promise (or everybody who leads to a key) is fresh.
    fn all_fresh(
        &self,
        contract: ContractId,
        index: usize,
        fresh: &Fresh,
        moment: MomentId,
        rest: &[Hop],
        to: Option<u32>,
    ) -> Option<Arc<Why>> {
        let slot = (contract, index, moment, to.unwrap_or(PORTFOLIO));
        if let Some(found) = self.fresh.borrow().get(&slot) {
            return found.clone();
        }
        let Some((relation, _)) = &fresh.per else { return None };
        let found = match self.keys(*relation, moment) {
            Err(why) => Some(why),
            Ok(keys) => keys
                .into_iter()
                .filter(|key| to.is_none() || self.leads_to(*relation, *key, rest, moment) == to)
                .find_map(|key| match self.lateness(contract, fresh, Some(key), moment) {
                    Ok(Late::Stale(newest)) => {
                        let text = format!(
                            "{} for {}",
                            self.age_text(contract, newest, moment),
                            key_words(&self.key(*relation, key))
                        );
                        Some(Why::of(Reason::Stale, contract, text))
                    }
                    Ok(_) => None,
                    Err(why) => Some(why),
                }),
        };
        self.fresh.borrow_mut().insert(slot, found.clone());
        found
    }

    // ── conditions ──

    /// Whether a condition holds of one row.
    pub fn holds(&self, e: &Expr<Checked>, row: &Row, moment: MomentId) -> Tri {
        self.condition(e, &[*row], moment)
    }

    /// Whether a condition holds in the scope of rows, the innermost first.
    pub fn condition(&self, e: &Expr<Checked>, rows: &[Row], moment: MomentId) -> Tri {
        let holds = self.weigh(e, rows, moment);
        if let Some(trace) = self.trace {
            trace.note(Point::Part(e.span, Truth::of(&holds)));
        }
        holds
    }

    fn weigh(&self, e: &Expr<Checked>, rows: &[Row], moment: MomentId) -> Tri {
        match &e.kind {
            ExprKind::Joint(Joint::And, all) => Tri::all(all.iter().map(|e| self.condition(e, rows, moment))),
            ExprKind::Joint(Joint::Or, all) => Tri::any(all.iter().map(|e| self.condition(e, rows, moment))),
            ExprKind::Not(e) => self.condition(e, rows, moment).negate(),
            ExprKind::Compare(compare, a, b) => self.compare(*compare, a, b, rows, moment),
            ExprKind::OneOf(negated, a, all) => {
                let one = Tri::any(all.iter().map(|b| self.compare(Compare::Is, a, b, rows, moment)));
                if *negated { one.negate() } else { one }
            }
            ExprKind::Between(e, low, high) => Tri::all([
                self.compare(Compare::AtLeast, e, low, rows, moment),
                self.compare(Compare::AtMost, e, high, rows, moment),
            ]),
            ExprKind::Presence(negated, presence, e) => {
                let reading = self.value(e, rows, moment);
                let holds = match (presence, reading.value) {
                    (Presence::Unknown, value) => Tri::from_bool(value.is_err()),
                    // A required value that is not there is missing all the same.
                    (presence, Err(why)) if why.reason == Reason::MissingValue => {
                        Tri::from_bool(*presence == Presence::Missing)
                    }
                    (_, Err(why)) => Tri::Unknown(why),
                    (presence, Ok(value)) => Tri::from_bool(value.is_none() == (*presence == Presence::Missing)),
                };
                if *negated { holds.negate() } else { holds }
            }
            ExprKind::Distance(d) => self.distance(d, rows, moment),
            ExprKind::Exists(x) => self.exists(x, rows, moment),
            ExprKind::Holds(contracts) => Tri::all(contracts.iter().map(|id| self.contract_holds(*id, 0))),
            ExprKind::Answered(..) => Tri::No,
            ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::Arith(..) => match self.value(e, rows, moment).value {
                Ok(Some(Value::Truth(truth))) => Tri::from_bool(truth),
                Ok(_) => Tri::No,
                Err(why) => Tri::Unknown(why),
            },
        }
    }

    fn compare(&self, compare: Compare, a: &Expr<Checked>, b: &Expr<Checked>, rows: &[Row], moment: MomentId) -> Tri {
        let (x, y) = (self.value(a, rows, moment), self.value(b, rows, moment));
        match (x.value, y.value) {
            (Err(why), _) | (_, Err(why)) => Tri::Unknown(why),
            (Ok(Some(x)), Ok(Some(y))) => {
                let order = match (&x, &y) {
                    (Value::Date(_), Value::Moment(_)) | (Value::Moment(_), Value::Date(_)) => {
                        self.begins(&x).zip(self.begins(&y)).map(|(x, y)| x.cmp(&y))
                    }
                    _ => x.compare(&y),
                };
                match order {
                    Some(order) => Tri::from_bool(compare.holds(order)),
                    None => Tri::Unknown(Why::new(Reason::TooLarge, "months and days have no order between them")),
                }
            }
            (x, y) => {
                // Missing: false, but `is not` is true unless both are missing.
                let both = matches!((x, y), (Ok(None), Ok(None)));
                Tri::from_bool(compare == Compare::IsNot && !both)
            }
        }
    }

    fn distance(&self, d: &Distance<Checked>, rows: &[Row], moment: MomentId) -> Tri {
        let (value, span) = (self.value(&d.value, rows, moment), self.value(&d.span, rows, moment));
        let t = match self.instant(moment) {
            Ok(t) => t.at,
            Err(why) => return Tri::Unknown(why),
        };
        let (value, span) = match (value.value, span.value) {
            (Err(why), _) | (_, Err(why)) => return Tri::Unknown(why),
            (Ok(Some(value)), Ok(Some(span))) => (value, span),
            _ => return Tri::No,
        };
        let calendar = &self.pack.settings.calendar;
        let (begins, ends) = (self.begins(&value), self.ends(&value));
        let (Some(begins), Some(ends)) = (begins, ends) else { return Tri::No };
        let anchor = |e: &Expr<Checked>| match self.value(e, rows, moment).value {
            Ok(Some(value)) => Ok(self.begins(&value)),
            Ok(None) => Ok(None),
            Err(why) => Err(why),
        };
        Tri::from_bool(match &d.anchor {
            Anchor::Ago => {
                let limit = window::moved(calendar, t, &span, false);
                self.note_ahead(|| Limit::Moved(moment, span.clone(), false), limit, ends);
                if d.more { ends < limit } else { ends > limit }
            }
            Anchor::FromNow => {
                let limit = window::moved(calendar, t, &span, true);
                self.note_ahead(|| Limit::Moved(moment, span.clone(), true), limit, begins);
                if d.more { begins > limit } else { begins < limit }
            }
            Anchor::Before(e) => match anchor(e) {
                Err(why) => return Tri::Unknown(why),
                Ok(None) => false,
                Ok(Some(at)) => {
                    let limit = window::moved(calendar, at, &span, false);
                    if d.more { begins < limit } else { begins > limit && begins <= at }
                }
            },
            Anchor::After(e) => match anchor(e) {
                Err(why) => return Tri::Unknown(why),
                Ok(None) => false,
                Ok(Some(at)) => {
                    let limit = window::moved(calendar, at, &span, true);
                    if d.more { begins > limit } else { begins < limit && begins >= at }
                }
            },
        })
    }

    fn exists(&self, x: &Exists<Checked>, rows: &[Row], moment: MomentId) -> Tri {
        let table = match self.table(x.rows.of, moment) {
            Ok(table) => table,
            Err(why) => return Tri::Unknown(why),
        };
        let mut astray_why = None;
        let chosen: Vec<u32> = match (&x.rows.tie, rows.first()) {
            (Tie::LeadHere(hops), Some(here)) => match self.index(x.rows.of, hops, moment) {
                Ok((groups, astray)) => {
                    astray_why = astray;
                    groups.get(&here.key).cloned().unwrap_or_default()
                }
                Err(why) => return Tri::Unknown(why),
            },
            (Tie::Common { theirs, ours }, Some(here)) => match self.follow(*here, ours, moment) {
                Ok(Some(common)) => match self.index(x.rows.of, theirs, moment) {
                    Ok((groups, astray)) => {
                        astray_why = astray;
                        groups.get(&common.key).cloned().unwrap_or_default()
                    }
                    Err(why) => return Tri::Unknown(why),
                },
                Ok(None) => Vec::new(),
                Err(why) => return Tri::Unknown(why),
            },
            _ => (0..table.keys.len() as u32).collect(),
        };
        let itself = rows.first().filter(|_| x.other).copied();
        let beside = chosen
            .into_iter()
            .map(|row| Row { relation: x.rows.of, key: table.keys[row as usize] })
            .filter(|row| itself != Some(*row));
        let mut found = Tri::any(beside.map(|own| {
            let mut scope = vec![own];
            scope.extend_from_slice(rows);
            Tri::all([
                self.placed(own, moment),
                self.in_window(x.window.as_ref(), own, moment),
                x.filter.as_ref().map_or(Tri::Yes, |f| self.condition(f, &scope, moment)),
            ])
        }));
        if found == Tri::No {
            // What is not there may only be late: silence over stale data proves nothing.
            let late_or_silent = |id, hops: &[Hop], key| {
                self.freshness(id, hops, key, moment).err().or_else(|| self.silence(id, hops, key, moment))
            };
            let silent = match (x.rows.of, &x.rows.tie, rows.first()) {
                (Relation::Contract(id), Tie::LeadHere(hops), Some(here)) => late_or_silent(id, hops, Some(here.key)),
                (Relation::Contract(id), Tie::Anywhere, _) => late_or_silent(id, &[], None),
                _ => None,
            };
            if let Some(why) = astray_why.or(silent) {
                found = Tri::Unknown(why);
            }
        }
        if x.none { found.negate() } else { found }
    }

    // ── contracts ──

    /// What is wrong with a contract at the instant of the tick, in sentences.
    fn contract_findings(&self, id: ContractId) -> Result<Vec<(Reason, String)>, Arc<Why>> {
        let contract = self.pack.contract(id);
        let state = &self.readings.contracts[id.index()];
        if let Some(why) = &state.unreadable {
            return Err(why.clone());
        }
        let mut findings = Vec::new();
        if state.count > 0 {
            let shown: Vec<String> = state
                .violations
                .iter()
                .take(3)
                .map(|v| {
                    let column =
                        v.column.map(|c| format!("`{}` of ", contract.columns[c as usize].name)).unwrap_or_default();
                    format!("{column}{} {}", key_words(&v.key), v.text)
                })
                .collect();
            let more = state.count.saturating_sub(shown.len() as u64);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            findings.push((Reason::Violated, format!("{}{more}", shown.join("; "))));
        }
        if state.absent {
            return Ok(findings);
        }
        for fresh in &contract.fresh {
            let mut late: Vec<(String, Option<Timestamp>)> = Vec::new();
            match &fresh.per {
                None => {
                    if let Late::Overdue(at) | Late::Stale(at) = self.lateness(id, fresh, None, MomentId::NOW)? {
                        late.push((String::new(), at));
                    }
                }
                Some((relation, _)) => {
                    for key in self.keys(*relation, MomentId::NOW)? {
                        if let Late::Overdue(at) | Late::Stale(at) =
                            self.lateness(id, fresh, Some(key), MomentId::NOW)?
                        {
                            late.push((self.label(*relation, key), at));
                        }
                    }
                }
            }
            if let Some((whom, at)) = late.iter().min_by_key(|(_, at)| *at) {
                let whom = if whom.is_empty() { String::new() } else { format!(" for {whom}") };
                let others =
                    if late.len() > 1 { format!(", and {} more are late", late.len() - 1) } else { String::new() };
                findings.push((Reason::Stale, format!("{}{whom}{others}", self.age_text(id, *at, MomentId::NOW))));
            }
        }
        for (i, volume) in contract.volume.iter().enumerate() {
            let every =
                window::constant(&volume.every, self.param).map(|v| v.show(&volume.every.ty)).unwrap_or_default();
            let needed = volume.rows;
            match &volume.per {
                None => {
                    if let Some(count) = self.short(id, i, None, MomentId::NOW)? {
                        findings.push((Reason::TooFewRows, format!("{count} rows within {every}, {needed} promised")));
                    }
                }
                Some((relation, _)) => {
                    let mut short = Vec::new();
                    for key in self.keys(*relation, MomentId::NOW)? {
                        if self.short(id, i, Some(key), MomentId::NOW)?.is_some() {
                            short.push(self.label(*relation, key));
                        }
                    }
                    if !short.is_empty() {
                        let text = format!(
                            "fewer than {} within {every} for {}",
                            counted(needed, "row"),
                            listed(&short, "and")
                        );
                        findings.push((Reason::TooFewRows, text));
                    }
                }
            }
        }
        Ok(findings)
    }

    fn contract_holds(&self, id: ContractId, depth: usize) -> Tri {
        let contract = self.pack.contract(id);
        if contract.is_table() {
            return match self.contract_findings(id) {
                Ok(findings) => Tri::from_bool(findings.is_empty()),
                Err(why) => Tri::Unknown(why),
            };
        }
        let lists =
            contract.columns.iter().filter_map(|c| if let Type::List(of) = &c.ty { Some(of.clone()) } else { None });
        let ids = lists.filter_map(|of| self.pack.contracts.iter().position(|c| c.name == of));
        if depth > 4 {
            return Tri::Yes;
        }
        Tri::all(ids.map(|i| self.contract_holds(ContractId(i as u32), depth + 1)))
    }

    // ── rules ──

    /// Whether rules of a stage are awake: it was entered and its `runs while` holds.
    pub fn stage_runs(&self, number: &str) -> bool {
        let Some(stage) = self.pack.stages.iter().find(|s| &*s.number == number) else { return false };
        self.readings.entered.contains_key(number)
            && stage.runs_while.as_ref().is_none_or(|e| self.condition(e, &[], MomentId::NOW) == Tri::Yes)
    }

    fn threshold_outcome(&self, id: ThresholdId, key: Option<u32>) -> (Outcome, Reading) {
        let (outcome, reading) = self.weigh_threshold(id, key);
        if let Some(trace) = self.trace {
            let why = reading.value.as_ref().err().map(|why| why.reason);
            trace.verdict(RuleRef::Threshold(id.0), outcome, why);
        }
        (outcome, reading)
    }

    fn weigh_threshold(&self, id: ThresholdId, key: Option<u32>) -> (Outcome, Reading) {
        let threshold = self.pack.threshold(id);
        let moment = self.at(&cadence_moment(threshold.cadence));
        let grain = self.pack.metric(threshold.metric).grain;
        let rows: Vec<Row> = match (grain, key) {
            (Some(relation), Some(key)) => vec![Row { relation, key }],
            _ => Vec::new(),
        };
        if let Some(while_) = &threshold.while_ {
            match self.condition(while_, &rows, moment) {
                Tri::Yes => {}
                Tri::No => return (Outcome::Off, Reading::missing()),
                Tri::Unknown(why) => return (Outcome::Unknown, Reading::unknown(why)),
            }
        }
        let reading = self.metric(threshold.metric, moment, key);
        let value = match &reading.value {
            Ok(Some(value)) => value.clone(),
            Ok(None) => {
                let why =
                    Why::new(Reason::MissingValue, format!("`{}` is missing", self.pack.metric(threshold.metric).name));
                return (Outcome::Unknown, Reading::unknown(why));
            }
            Err(_) => return (Outcome::Unknown, reading),
        };
        for (band, outcome) in std::iter::once((&threshold.target, Outcome::Met))
            .chain(threshold.acceptable.iter().map(|b| (b, Outcome::Acceptable)))
        {
            match self.value(&band.limit, &rows, moment).value {
                Ok(Some(limit)) if value.compare(&limit).is_some_and(|o| band.compare.holds(o)) => {
                    return (outcome, reading);
                }
                Ok(_) => {}
                Err(why) => return (Outcome::Unknown, Reading::unknown(why)),
            }
        }
        (Outcome::Breached, reading)
    }

    fn key_parts(&self, grain: Option<Relation>, key: Option<u32>) -> (Vec<(String, Arc<str>)>, String) {
        let (Some(relation), Some(number)) = (grain, key) else { return (Vec::new(), String::new()) };
        let key = self.key(relation, number);
        let label = self.label(relation, number);
        let parts = match relation {
            Relation::Pairs(_) => {
                ["first", "second", "kind"].iter().zip(key.iter()).map(|(n, p)| ((*n).to_owned(), p.clone())).collect()
            }
            Relation::Contract(id) => {
                let contract = self.pack.contract(id);
                if let ([only], 1) = (&key[..], contract.key.len()) {
                    vec![(contract.row_word().to_owned(), only.clone())]
                } else {
                    contract
                        .key
                        .iter()
                        .zip(key.iter())
                        .map(|(c, p)| (contract.columns[*c as usize].name.to_string(), p.clone()))
                        .collect()
                }
            }
        };
        (parts, label)
    }

    fn as_of(&self, moment: MomentId) -> Timestamp {
        self.instant(moment)
            .map_or_else(|_| self.instant(MomentId::NOW).map_or(Timestamp::UNIX_EPOCH, |t| t.at), |t| t.at)
    }

    fn age(&self, since: Option<Timestamp>, moment: MomentId) -> Option<i64> {
        since.map(|at| (self.as_of(moment).as_second() - at.as_second()).max(0))
    }

    /// Every key of a grain, or the portfolio; a relation that cannot be read is one unknown.
    fn all_keys(&self, grain: Option<Relation>, moment: MomentId) -> Result<Vec<Option<u32>>, Arc<Why>> {
        match grain {
            None => Ok(vec![None]),
            Some(relation) => Ok(self.keys(relation, moment)?.into_iter().map(Some).collect()),
        }
    }

    fn blind(&self, rule: &Arc<str>, kind: &'static str, moment: MomentId, why: &Why) -> Verdict {
        Verdict {
            rule: rule.clone(),
            kind,
            key: Vec::new(),
            label: String::new(),
            outcome: Outcome::Unknown,
            value: None,
            target: None,
            age: None,
            severity: None,
            reason: why.text.clone(),
            code: why.reason,
            cause: why.contract,
            as_of: self.as_of(moment),
            period: None,
            asleep: false,
        }
    }

    /// The verdicts of a rule, one a key.
    pub fn verdicts(&self, rule: RuleRef) -> Vec<Verdict> {
        self.numbered(rule).into_iter().map(|(_, verdict)| verdict).collect()
    }

    /// The same with the number of each key.
    pub(super) fn numbered(&self, rule: RuleRef) -> Vec<(Option<u32>, Verdict)> {
        match rule {
            RuleRef::Contract(i) => vec![(None, self.contract(ContractId(i)))],
            RuleRef::Threshold(i) => self.threshold(ThresholdId(i)),
            RuleRef::Gate(i) => vec![(None, self.gate(i as usize))],
            RuleRef::Trigger(i) => self.trigger(&self.pack.triggers[i as usize], "trigger"),
            RuleRef::Rollback(i) => self.trigger(&self.pack.rollbacks[i as usize].core, "rollback"),
        }
    }

    /// What a rule of the portfolio says, without the words where they can be spared.
    pub fn outcome(&self, rule: RuleRef) -> Outcome {
        match self.pack.core(rule).filter(|trigger| trigger.grain.is_none() && !self.is_traced()) {
            None => self.verdict(rule, None).outcome,
            Some(trigger) => {
                let unless = trigger.unless.as_ref().map_or(Tri::No, |u| self.condition(u, &[], MomentId::NOW));
                match Tri::all([self.held(&trigger.when, trigger, &[]), unless.negate()]) {
                    Tri::Yes => Outcome::Fires,
                    Tri::No => Outcome::Clear,
                    Tri::Unknown(_) => Outcome::Unknown,
                }
            }
        }
    }

    /// Whether a rule has a verdict for a key, as far as its keys can be read.
    pub fn has_key(&self, rule: RuleRef, key: u32) -> bool {
        let has = |grain: Relation, moment| self.table(grain, moment).map(|table| table.row_of.has(key));
        match rule {
            RuleRef::Contract(_) | RuleRef::Gate(_) => false,
            RuleRef::Threshold(i) => {
                let threshold = self.pack.threshold(ThresholdId(i));
                let moment = self.at(&cadence_moment(threshold.cadence));
                let grain = self.pack.metric(threshold.metric).grain;
                grain.is_some_and(|g| has(g, moment).or_else(|_| has(g, MomentId::NOW)).unwrap_or(false))
            }
            RuleRef::Trigger(_) | RuleRef::Rollback(_) => self.pack.core(rule).is_some_and(|trigger| {
                trigger
                    .grain
                    .is_some_and(|g| has(g, MomentId::NOW).unwrap_or(false) && self.was_there(trigger, Some(key)))
            }),
        }
    }

    /// The verdict of a rule for one of its keys, with all its words.
    pub fn verdict(&self, rule: RuleRef, key: Option<u32>) -> Verdict {
        // Where its keys cannot be read, a rule has one verdict that says so.
        let grain = match rule {
            RuleRef::Threshold(i) => self.pack.metric(self.pack.threshold(ThresholdId(i)).metric).grain,
            RuleRef::Trigger(i) => self.pack.triggers[i as usize].grain,
            RuleRef::Rollback(i) => self.pack.rollbacks[i as usize].core.grain,
            RuleRef::Contract(_) | RuleRef::Gate(_) => None,
        };
        if let (None, Some(_)) = (key, grain)
            && let Some((_, blind)) = self.numbered(rule).into_iter().find(|(key, _)| key.is_none())
        {
            return blind;
        }
        let trigger = |trigger: &Trigger, kind| {
            let mut verdict = self.trigger_verdict(trigger, kind, key);
            verdict.asleep = trigger.stage.as_ref().is_some_and(|s| !self.stage_runs(s));
            verdict
        };
        match rule {
            RuleRef::Contract(i) => self.contract(ContractId(i)),
            RuleRef::Threshold(i) => {
                let id = ThresholdId(i);
                self.threshold_verdict(id, key, self.at(&cadence_moment(self.pack.threshold(id).cadence)))
            }
            RuleRef::Gate(i) => self.gate(i as usize),
            RuleRef::Trigger(i) => trigger(&self.pack.triggers[i as usize], "trigger"),
            RuleRef::Rollback(i) => trigger(&self.pack.rollbacks[i as usize].core, "rollback"),
        }
    }

    /// The verdicts of a threshold, one a key.
    fn threshold(&self, id: ThresholdId) -> Vec<(Option<u32>, Verdict)> {
        let threshold = self.pack.threshold(id);
        let metric = self.pack.metric(threshold.metric);
        let moment = self.at(&cadence_moment(threshold.cadence));
        // Whoever was there at the end of the period; where that is not known, whoever is there now.
        let then = self.all_keys(metric.grain, moment);
        let keys = match then.or_else(|_| self.all_keys(metric.grain, MomentId::NOW)) {
            Ok(keys) => keys,
            Err(why) => return vec![(None, self.blind(&threshold.name, "threshold", moment, &why))],
        };
        keys.into_iter().map(|key| (key, self.threshold_verdict(id, key, moment))).collect()
    }

    fn threshold_verdict(&self, id: ThresholdId, key: Option<u32>, moment: MomentId) -> Verdict {
        let threshold = self.pack.threshold(id);
        let metric = self.pack.metric(threshold.metric);
        let calendar = &self.pack.settings.calendar;
        let rows: Vec<Row> = match (metric.grain, key) {
            (Some(relation), Some(key)) => vec![Row { relation, key }],
            _ => Vec::new(),
        };
        let (outcome, reading) = self.threshold_outcome(id, key);
        let (parts, label) = self.key_parts(metric.grain, key);
        let limit =
            |band: &crate::lang::item::threshold::Band| self.value(&band.limit, &rows, moment).value.ok().flatten();
        let target_value = limit(&threshold.target);
        let words = |compare: Compare, v: &Value| format!("{} {}", compare.words(), v.show(&metric.ty));
        let target = target_value.as_ref().map(|v| words(threshold.target.compare, v));
        let mut verdict = self.blind(
            &threshold.name,
            "threshold",
            moment,
            &Why { reason: Reason::NoRows, text: String::new(), contract: None },
        );
        verdict.key = parts;
        verdict.label = label;
        verdict.outcome = outcome;
        verdict.target = target;
        verdict.age = self.age(reading.since, moment);
        verdict.period = match cadence_moment(threshold.cadence) {
            Moment::Closed(_, period, _) => Some(calendar.period_name(period, self.as_of(moment))),
            _ => None,
        };
        let name = spoken(&metric.name);
        match (&reading.value, outcome) {
            (_, Outcome::Off) => {
                let while_ = threshold.while_.as_ref().map(|w| self.explain(w, &rows, moment).text).unwrap_or_default();
                verdict.reason = format!("not judged: {while_}");
                verdict.code = Reason::Outside;
            }
            (Err(why), _) => {
                verdict.reason = format!("{name} is unknown: {}", why.text);
                verdict.code = why.reason;
                verdict.cause = why.contract;
            }
            (Ok(Some(value)), outcome) => {
                verdict.value = Some((value.clone(), metric.ty.clone()));
                let side = |band: &crate::lang::item::threshold::Band, holds: bool| {
                    let limit = limit(band)?;
                    let op = if holds { band.compare } else { band.compare.opposite() };
                    let op = op.words().trim_start_matches("is ");
                    Some((
                        value.show_beside(&limit, &metric.ty),
                        format!("{op} {}", limit.show_beside(value, &metric.ty)),
                    ))
                };
                let (code, band, holds, what) = match (outcome, &threshold.acceptable) {
                    (Outcome::Met, _) => (Reason::TargetMet, &threshold.target, true, "the target"),
                    (Outcome::Acceptable, _) => (Reason::Acceptable, &threshold.target, false, "the target"),
                    (_, Some(acceptable)) => (Reason::Breached, acceptable, false, "what is acceptable"),
                    (_, None) => (Reason::Breached, &threshold.target, false, "the target"),
                };
                if let Some((shown, against)) = side(band, holds) {
                    verdict.reason = format!("{name} is {shown}, {against}, {what}");
                }
                verdict.code = code;
            }
            (Ok(None), _) => verdict.reason = format!("{name} is missing"),
        }
        if reading.left_out > 0 && outcome != Outcome::Off {
            verdict.reason.push_str(&format!("; {} left out", reading.left_out));
        }
        if let (Some(settled), Some(_)) = (&threshold.settled, &verdict.period)
            && let Some(by) = window::constant(settled, self.param)
            && let settled = window::moved(calendar, self.as_of(moment), &by, true)
            && settled > self.as_of(MomentId::NOW)
        {
            self.note_ahead(|| Limit::At(MomentId::NOW), self.as_of(MomentId::NOW), settled);
            verdict.reason.push_str("; provisional, late rows may still arrive");
        }
        verdict
    }

    /// The verdict of a gate.
    fn gate(&self, index: usize) -> Verdict {
        let verdict = self.gate_verdict(index);
        if let Some(trace) = self.trace {
            trace.verdict(RuleRef::Gate(index as u32), verdict.outcome, Some(verdict.code));
        }
        verdict
    }

    fn gate_verdict(&self, index: usize) -> Verdict {
        let gate = &self.pack.gates[index];
        let lines: Vec<(Tri, &Expr<Checked>)> =
            gate.lines.iter().map(|l| (self.condition(l, &[], MomentId::NOW), l)).collect();
        let mut verdict = self.blind(
            &gate.name,
            "gate",
            MomentId::NOW,
            &Why { reason: Reason::AllHold, text: String::new(), contract: None },
        );
        match Tri::all(lines.iter().map(|(t, _)| t.clone())) {
            Tri::Yes => {
                verdict.outcome = Outcome::Open;
                let all: Vec<String> = lines.iter().map(|(_, l)| self.explain(l, &[], MomentId::NOW).text).collect();
                verdict.reason = all.join("; ");
            }
            Tri::No => {
                verdict.outcome = Outcome::Closed;
                verdict.code = Reason::ConditionFails;
                let failing: Vec<String> = lines
                    .iter()
                    .filter(|(t, _)| *t == Tri::No)
                    .map(|(_, l)| self.explain(l, &[], MomentId::NOW).text)
                    .collect();
                verdict.reason = failing.join("; ");
            }
            Tri::Unknown(why) => {
                verdict.outcome = Outcome::Unknown;
                verdict.reason = why.text.clone();
                verdict.code = why.reason;
                verdict.cause = why.contract;
            }
        }
        verdict
    }

    /// A trigger's condition with its hold, for one key.
    pub fn held(&self, condition: &Condition, trigger: &Trigger, rows: &[Row]) -> Tri {
        let moments = hold_moments(condition.hold.as_ref(), self.due(trigger, rows));
        let each = || {
            moments.iter().map(|m| {
                let id = self.at(m);
                match self.instant(id) {
                    // A key that was not there then cannot have been in that state.
                    Ok(_) if rows.first().is_some_and(|row| self.was_absent(*row, id)) => Tri::No,
                    Ok(_) => self.condition(&condition.expr, rows, id),
                    Err(why) => Tri::Unknown(why),
                }
            })
        };
        match &condition.hold {
            Some(Hold::Consecutive(..)) => Tri::all(each()),
            Some(Hold::OfTheLast(needed, total, _)) => {
                let all: Vec<Tri> = each().collect();
                let yes = all.iter().filter(|t| **t == Tri::Yes).count() as u32;
                let no = all.iter().filter(|t| **t == Tri::No).count() as u32;
                if yes >= *needed {
                    Tri::Yes
                } else if no > total - needed {
                    Tri::No
                } else {
                    all.into_iter().find(|t| matches!(t, Tri::Unknown(_))).unwrap_or(Tri::No)
                }
            }
            Some(Hold::For(_)) | None => Tri::all(each()),
        }
    }

    /// The moment at which a trigger's condition is judged.
    pub fn due(&self, trigger: &Trigger, rows: &[Row]) -> Moment {
        match &trigger.check.other {
            Some((while_, other)) if self.condition(while_, rows, MomentId::NOW) != Tri::Yes => pace_moment(other),
            _ => pace_moment(&trigger.check.pace),
        }
    }

    /// The verdicts of a trigger or rollback, one a key.
    fn trigger(&self, trigger: &Trigger, kind: &'static str) -> Vec<(Option<u32>, Verdict)> {
        let asleep = trigger.stage.as_ref().is_some_and(|s| !self.stage_runs(s));
        let keys = match self.all_keys(trigger.grain, MomentId::NOW) {
            Ok(keys) => keys,
            Err(why) => {
                let mut verdict = self.blind(&trigger.name, kind, MomentId::NOW, &why);
                verdict.severity = Some(trigger.severity.clone());
                verdict.asleep = asleep;
                return vec![(None, verdict)];
            }
        };
        keys.into_iter()
            .filter(|key| self.was_there(trigger, *key))
            .map(|key| {
                let mut verdict = self.trigger_verdict(trigger, kind, key);
                verdict.asleep = asleep;
                (key, verdict)
            })
            .collect()
    }

    /// Whether a key was there at the end of the period that a trigger judges; who joined later is judged with the
    /// next. Where that is not known, whoever is there now.
    fn was_there(&self, trigger: &Trigger, key: Option<u32>) -> bool {
        let (Some(relation), Some(number)) = (trigger.grain, key) else { return true };
        let row = Row { relation, key: number };
        let moments = hold_moments(trigger.when.hold.as_ref(), self.due(trigger, &[row]));
        let Some(last) = moments.first().filter(|m| **m != Moment::Now) else { return true };
        !self.was_absent(row, self.at(last))
    }

    /// Whether it is known that a row that is there now was not there at a moment.
    fn was_absent(&self, row: Row, moment: MomentId) -> bool {
        moment != MomentId::NOW && self.table(row.relation, moment).is_ok_and(|table| !table.row_of.has(row.key))
    }

    fn trigger_verdict(&self, trigger: &Trigger, kind: &'static str, key: Option<u32>) -> Verdict {
        let rows: Vec<Row> = match (trigger.grain, key) {
            (Some(relation), Some(key)) => vec![Row { relation, key }],
            _ => Vec::new(),
        };
        let moments = hold_moments(trigger.when.hold.as_ref(), self.due(trigger, &rows));
        let moment = moments.first().map_or(MomentId::NOW, |m| self.at(m));
        let when = self.held(&trigger.when, trigger, &rows);
        let unless = trigger.unless.as_ref().map_or(Tri::No, |u| self.condition(u, &rows, MomentId::NOW));
        let holds = Tri::all([when.clone(), unless.clone().negate()]);
        let (parts, label) = self.key_parts(trigger.grain, key);
        let told = self.explain(&trigger.when.expr, &rows, moment);
        let mut verdict = self.blind(
            &trigger.name,
            kind,
            moment,
            &Why { reason: Reason::ConditionHolds, text: String::new(), contract: None },
        );
        verdict.key = parts;
        verdict.label = label;
        verdict.severity = Some(trigger.severity.clone());
        verdict.value = told.value.clone();
        verdict.target = told.target.clone();
        verdict.age = self.age(told.since, moment);
        verdict.reason = told.text;
        match holds {
            Tri::Yes => verdict.outcome = Outcome::Fires,
            Tri::No => {
                verdict.outcome = Outcome::Clear;
                verdict.code = Reason::ConditionFails;
                if let (Tri::Yes, Some(u)) = (&unless, &trigger.unless) {
                    verdict.reason = self.explain(u, &rows, MomentId::NOW).text;
                }
            }
            Tri::Unknown(why) => {
                verdict.outcome = Outcome::Unknown;
                verdict.reason = why.text.clone();
                verdict.code = why.reason;
                verdict.cause = why.contract;
            }
        }
        if let (Some(relation @ Relation::Pairs(_)), Some(number), Outcome::Fires) =
            (trigger.grain, key, verdict.outcome)
            && let Ok(table) = self.table(relation, MomentId::NOW)
            && let Some(things) = table.row_of.get(number).and_then(|r| table.shared.get(r as usize))
            && !things.is_empty()
        {
            verdict.reason.push_str(&format!("; they share {}", listed(things, "and")));
        }
        verdict
    }

    /// The verdict of a contract.
    fn contract(&self, id: ContractId) -> Verdict {
        let verdict = self.contract_verdict(id);
        if let Some(trace) = self.trace {
            trace.verdict(RuleRef::Contract(id.0), verdict.outcome, Some(verdict.code));
        }
        verdict
    }

    fn contract_verdict(&self, id: ContractId) -> Verdict {
        let contract = self.pack.contract(id);
        let mut verdict = self.blind(
            &contract.name,
            "contract",
            MomentId::NOW,
            &Why { reason: Reason::Holds, text: String::new(), contract: None },
        );
        if !contract.is_table() {
            match self.contract_holds(id, 0) {
                Tri::Yes => {
                    verdict.outcome = Outcome::Holds;
                    verdict.reason = "every table it lists keeps its contract".into();
                }
                Tri::No => {
                    verdict.outcome = Outcome::Violated;
                    verdict.code = Reason::Violated;
                    verdict.reason = "a table it lists breaks its contract".into();
                }
                Tri::Unknown(why) => {
                    verdict.reason = why.text.clone();
                    verdict.code = why.reason;
                    verdict.cause = why.contract;
                }
            }
            return verdict;
        }
        match self.contract_findings(id) {
            Err(why) => {
                verdict.reason = why.text.clone();
                verdict.code = why.reason;
                verdict.cause = why.contract;
            }
            Ok(findings) if findings.is_empty() => {
                verdict.outcome = Outcome::Holds;
                let absent = self.readings.contracts[id.index()].absent;
                verdict.reason =
                    if absent { "nothing has been recorded yet".into() } else { "every row keeps it".into() };
            }
            Ok(findings) => {
                verdict.outcome = Outcome::Violated;
                verdict.code = findings[0].0;
                verdict.cause = Some(id);
                let all: Vec<String> = findings.into_iter().map(|(_, text)| text).collect();
                verdict.reason = all.join("; ");
            }
        }
        verdict
    }

    // ── reasons ──

    /// Why a metric with cases has the word it has.
    fn deciding_case(&self, e: &Expr<Checked>, rows: &[Row], moment: MomentId) -> Option<String> {
        let ExprKind::Name(Binding::Metric { depth: 0, hops, metric }) = &e.kind else { return None };
        let metric = self.pack.metric(*metric);
        let Definition::Cases(cases) = &metric.definition else { return None };
        if !matches!(metric.ty, Type::Words(_)) {
            return None;
        }
        let scope: Vec<Row> = match (metric.grain, rows.first()) {
            (Some(_), Some(from)) => vec![self.follow(*from, hops, moment).ok()??],
            _ => Vec::new(),
        };
        let (_, when) =
            cases.iter().find(|(_, w)| w.as_ref().is_none_or(|w| self.condition(w, &scope, moment) == Tri::Yes))?;
        when.as_ref().map(|w| self.explain(w, &scope, moment).text)
    }

    /// Why a condition holds or does not: the parts that decided, with their values.
    pub fn explain(&self, e: &Expr<Checked>, rows: &[Row], moment: MomentId) -> Told {
        match &e.kind {
            ExprKind::Joint(joint, all) => {
                let holds = self.condition(e, rows, moment);
                let deciding: Vec<&Expr<Checked>> = match (joint, &holds) {
                    (Joint::And, Tri::Yes) | (Joint::Or, Tri::No) => all.iter().collect(),
                    (_, decided) => all
                        .iter()
                        .filter(|p| {
                            std::mem::discriminant(&self.condition(p, rows, moment)) == std::mem::discriminant(decided)
                        })
                        .collect(),
                };
                let told: Vec<Told> = deciding.into_iter().map(|p| self.explain(p, rows, moment)).collect();
                let text = told.iter().map(|t| t.text.clone()).collect::<Vec<_>>().join(" and ");
                let since = told.iter().fold(None, |s, t| older(s, t.since));
                let first = told.into_iter().find(|t| t.value.is_some());
                Told {
                    text,
                    since,
                    value: first.as_ref().and_then(|t| t.value.clone()),
                    target: first.and_then(|t| t.target),
                }
            }
            ExprKind::Compare(compare, a, b) => {
                let (x, y) = (self.value(a, rows, moment), self.value(b, rows, moment));
                let name = spoken(&print::expr(self.pack, a));
                let since = older(x.since, y.since);
                let holds = self.compare(*compare, a, b, rows, moment) == Tri::Yes;
                let negation = if holds { "" } else { "not " };
                let op = compare.words();
                let target = y.value.as_ref().ok().and_then(|v| v.as_ref()).map(|v| format!("{op} {}", v.show(&a.ty)));
                let (text, value) = match (&x.value, &y.value) {
                    (Ok(Some(v)), Ok(Some(limit))) => {
                        let shown = v.show_beside(limit, &a.ty);
                        let against = limit.show_beside(v, &b.ty);
                        let text = match compare {
                            Compare::Is | Compare::IsNot if v == limit => format!("{name} is {shown}"),
                            Compare::Is | Compare::IsNot => format!("{name} is {shown}, not {against}"),
                            _ => format!("{name} is {shown}, {negation}{} {against}", op.trim_start_matches("is ")),
                        };
                        let text = match self.deciding_case(a, rows, moment) {
                            Some(why) => format!("{text} ({why})"),
                            None => text,
                        };
                        (text, Some((v.clone(), a.ty.clone())))
                    }
                    (Err(why), _) | (_, Err(why)) => (why.text.clone(), None),
                    _ => (format!("{name} is missing"), None),
                };
                Told { text, since, value, target }
            }
            ExprKind::Exists(x) => {
                let holds = self.condition(e, rows, moment) == Tri::Yes;
                let mut positive = x.clone();
                positive.none = x.none == holds;
                let shown = Expr { kind: ExprKind::Exists(positive), span: e.span, ty: e.ty.clone() };
                Told::plain(spoken(&print::expr(self.pack, &shown)))
            }
            ExprKind::Holds(contracts) => {
                let broken: Vec<&str> = contracts
                    .iter()
                    .filter(|id| self.contract_holds(**id, 0) != Tri::Yes)
                    .map(|id| &*self.pack.contract(*id).name)
                    .collect();
                Told::plain(if broken.is_empty() {
                    "the contracts hold".into()
                } else {
                    format!("{} {} not hold", listed(&broken, "and"), if broken.len() == 1 { "does" } else { "do" })
                })
            }
            ExprKind::OneOf(_, a, _) | ExprKind::Between(a, ..) | ExprKind::Presence(_, _, a) => {
                let name = spoken(&print::expr(self.pack, a));
                let reading = self.value(a, rows, moment);
                let shown = match &reading.value {
                    Ok(Some(value)) => value.show(&a.ty),
                    Ok(None) => "missing".into(),
                    Err(_) => "unknown".into(),
                };
                let value = reading.value.ok().flatten().map(|v| (v, a.ty.clone()));
                Told { text: format!("{name} is {shown}"), since: reading.since, value, target: None }
            }
            ExprKind::Distance(d) => {
                let name = spoken(&print::expr(self.pack, &d.value));
                let reading = self.value(&d.value, rows, moment);
                let holds = self.condition(e, rows, moment) == Tri::Yes;
                let span = self
                    .value(&d.span, rows, moment)
                    .value
                    .ok()
                    .flatten()
                    .map(|s| s.show(&d.span.ty))
                    .unwrap_or_default();
                let anchor = match &d.anchor {
                    Anchor::Ago => "ago".to_owned(),
                    Anchor::FromNow => "from now".to_owned(),
                    Anchor::Before(e) => format!("before {}", spoken(&print::expr(self.pack, e))),
                    Anchor::After(e) => format!("after {}", spoken(&print::expr(self.pack, e))),
                };
                let shown = match &reading.value {
                    Ok(Some(value)) => value.show(&d.value.ty),
                    Ok(None) => return Told::plain(format!("{name} is missing")),
                    Err(why) => return Told::plain(why.text.clone()),
                };
                let more = if d.more { "more" } else { "less" };
                let negation = if holds { "" } else { "not " };
                Told::plain(format!("{name} is {shown}, {negation}{more} than {span} {anchor}"))
            }
            ExprKind::Not(inner) => self.explain(inner, rows, moment),
            _ => Told::plain(print::expr(self.pack, e)),
        }
    }
}

/// The rows that an aggregate or an existence was taken from.
#[derive(Debug, Clone, Default)]
pub struct Basis {
    /// So many rows count.
    pub rows: u64,
    /// So many were looked at.
    pub looked_at: u64,
    /// So many of those that count have no value, which is allowed.
    pub without_value: u64,
    /// The date of the newest row that counts.
    pub newest: Option<Timestamp>,
    /// How people call the rows of which it cannot be told, and why.
    pub unknown: Vec<(String, Arc<Why>)>,
}

/// How an input stands against a promise of freshness.
#[derive(Debug, Clone)]
pub struct Freshness {
    /// Whose rows.
    pub contract: ContractId,
    /// For whom; of many the one with the oldest newest row.
    pub whom: Option<String>,
    /// The newest row.
    pub newest: Option<Timestamp>,
    /// Its age in seconds.
    pub age: Option<i64>,
    /// The age up to which all is well, in words.
    pub within: String,
    /// The age beyond which nothing is known, in words.
    pub stale: Option<String>,
    /// `fresh`, `late` or `stale`.
    pub word: &'static str,
}

/// What those ask who want to know why a verdict is what it is. The readings must have the rows themselves.
impl Judge<'_> {
    fn tied(&self, rows: &crate::lang::expr::Rows, here: Option<&Row>, moment: MomentId) -> Vec<u32> {
        let Ok(table) = self.table(rows.of, moment) else { return Vec::new() };
        let led_to = |hops: &[Hop], key: u32| {
            self.index(rows.of, hops, moment).ok().and_then(|(groups, _)| groups.get(&key).cloned()).unwrap_or_default()
        };
        match (&rows.tie, here) {
            (Tie::LeadHere(hops), Some(here)) => led_to(hops, here.key),
            (Tie::Common { theirs, ours }, Some(here)) => match self.follow(*here, ours, moment) {
                Ok(Some(common)) => led_to(theirs, common.key),
                _ => Vec::new(),
            },
            _ => (0..table.keys.len() as u32).collect(),
        }
    }

    /// From which rows an aggregate was taken; nothing for other metrics, or where the rows cannot be had.
    pub fn basis(&self, id: MetricId, moment: MomentId, key: Option<u32>) -> Option<Basis> {
        let metric = self.pack.metric(id);
        let Definition::Aggregate(a) = &metric.definition else { return None };
        let table = self.table(a.rows.of, moment).ok()?;
        let outer: Vec<Row> = metric.grain.zip(key).map(|(relation, key)| Row { relation, key }).into_iter().collect();
        let filter = if a.fold == Fold::Share { &a.out_of } else { &a.filter };
        let mut basis = Basis::default();
        for row in self.tied(&a.rows, outer.first(), moment) {
            let own = Row { relation: a.rows.of, key: *table.keys.get(row as usize)? };
            let mut scope = vec![own];
            scope.extend_from_slice(&outer);
            basis.looked_at += 1;
            let counts = Tri::all([
                self.placed(own, moment),
                self.in_window(a.window.as_ref(), own, moment),
                filter.as_ref().map_or(Tri::Yes, |f| self.condition(f, &scope, moment)),
            ]);
            let unknown = match (counts, &a.of) {
                (Tri::No, _) => continue,
                (Tri::Unknown(why), _) => Some(why),
                (Tri::Yes, None) => None,
                (Tri::Yes, Some(of)) => match self.value(of, &scope, moment).value {
                    Ok(value) => {
                        basis.without_value += u64::from(value.is_none());
                        None
                    }
                    Err(why) => Some(why),
                },
            };
            match unknown {
                Some(why) => basis.unknown.push((self.label(own.relation, own.key), why)),
                None => {
                    basis.rows += 1;
                    basis.newest = basis.newest.max(self.row_date(a.rows.of, own.key, moment));
                }
            }
        }
        Some(basis)
    }

    /// How many rows an existence is about, and how many there are among which they were looked for.
    pub fn matching(&self, x: &Exists<Checked>, rows: &[Row], moment: MomentId) -> Option<Basis> {
        let table = self.table(x.rows.of, moment).ok()?;
        let itself = rows.first().filter(|_| x.other).copied();
        let mut basis = Basis::default();
        for row in self.tied(&x.rows, rows.first(), moment) {
            let own = Row { relation: x.rows.of, key: *table.keys.get(row as usize)? };
            if itself == Some(own) {
                continue;
            }
            let mut scope = vec![own];
            scope.extend_from_slice(rows);
            basis.looked_at += 1;
            match Tri::all([
                self.placed(own, moment),
                self.in_window(x.window.as_ref(), own, moment),
                x.filter.as_ref().map_or(Tri::Yes, |f| self.condition(f, &scope, moment)),
            ]) {
                Tri::No => {}
                Tri::Unknown(why) => basis.unknown.push((self.label(own.relation, own.key), why)),
                Tri::Yes => {
                    basis.rows += 1;
                    basis.newest = basis.newest.max(self.row_date(x.rows.of, own.key, moment));
                }
            }
        }
        Some(basis)
    }

    /// How the rows of a contract that lead to a key stand against what is promised of their freshness.
    pub fn freshness_of(&self, rows: &crate::lang::expr::Rows, key: Option<u32>, moment: MomentId) -> Vec<Freshness> {
        let Relation::Contract(contract) = rows.of else { return Vec::new() };
        let hops: &[Hop] = if let Tie::LeadHere(hops) = &rows.tie { hops } else { &[] };
        let words = |e: &Expr<Checked>| window::constant(e, self.param).map_or_else(String::new, |v| v.show(&e.ty));
        let mut all = Vec::new();
        for fresh in &self.pack.contract(contract).fresh {
            let entities: Vec<(Option<String>, Option<u32>)> = match &fresh.per {
                None => vec![(None, None)],
                Some((relation, theirs)) if theirs == hops && key.is_some() => {
                    vec![(key.map(|k| self.label(*relation, k)), key)]
                }
                Some((relation, theirs)) if key.is_none() || hops.starts_with(theirs) => {
                    let rest = hops.get(theirs.len()..).unwrap_or_default();
                    let keys = self.keys(*relation, moment).unwrap_or_default().into_iter();
                    keys.filter(|k| key.is_none() || self.leads_to(*relation, *k, rest, moment) == key)
                        .map(|k| (Some(self.label(*relation, k)), Some(k)))
                        .collect()
                }
                Some(_) => continue,
            };
            let of_each = entities.into_iter().filter_map(|(whom, entity)| {
                let (word, newest) = match self.lateness(contract, fresh, entity, moment).ok()? {
                    Late::Fine(at) => ("fresh", at),
                    Late::Overdue(at) => ("late", at),
                    Late::Stale(at) => ("stale", at),
                    Late::Exempt => return None,
                };
                Some((whom, word, newest))
            });
            let Some((whom, word, newest)) = of_each.min_by_key(|(_, _, newest)| *newest) else { continue };
            all.push(Freshness {
                contract,
                whom,
                newest,
                age: self.age(newest, moment),
                within: words(&fresh.within),
                stale: fresh.stale.as_ref().map(words),
                word,
            });
        }
        all
    }
}

/// The column by which people know a row: its `name`, else its `title`.
pub fn label_column(pack: &Pack, id: ContractId) -> Option<u32> {
    let contract = pack.contract(id);
    contract.column("name").or_else(|| contract.column("title"))
}

/// A reason, with the value that decided.
#[derive(Debug, Clone)]
pub struct Told {
    /// In words.
    pub text: String,
    /// The age of its data.
    pub since: Option<Timestamp>,
    /// The value.
    pub value: Option<(Value, Type)>,
    /// What it was held against.
    pub target: Option<String>,
}

impl Told {
    fn plain(text: String) -> Told {
        Told { text, since: None, value: None, target: None }
    }
}

/// How an entity stands against a promise of freshness.
enum Late {
    Fine(Option<Timestamp>),
    Overdue(Option<Timestamp>),
    Stale(Option<Timestamp>),
    Exempt,
}

fn share(part: u64, whole: u64) -> Option<Value> {
    let percent = Number::whole(i128::from(part)).times(Number::whole(100))?;
    percent.over(Number::whole(i128::from(whole))).map(Value::Number)
}

/// A value that was stored as its JSON text.
pub fn stored_value(text: &str, ty: &Type) -> Option<Value> {
    match ty {
        ty if ty.is_quantity() => {
            let number = match text.split_once('/') {
                Some((n, d)) => Number::ratio(n.parse().ok()?, d.parse().ok()?),
                None => Number::parse(text),
            };
            number.map(Value::Number)
        }
        Type::Date => text.parse().ok().map(Value::Date),
        Type::Moment => text.parse().ok().map(Value::Moment),
        Type::Truth => Some(Value::Truth(text == "yes")),
        Type::Span => None,
        _ => Some(Value::text(text)),
    }
}
