//! Verdicts of every key of a rule at once.
//!
//! A rule compares the same columns for every key. Taken column by column, a key costs a few instructions, and words
//! are made only for what somebody will read. What is not a plain comparison of columns, measures and params is left
//! to the judge, one key after the other: [`Judge::outcomes`] says for each key exactly what [`Judge::verdicts`] says.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::depend::Dependencies;
use super::judge::{Judge, Outcome, Outcomes, Reading, Row};
use super::reading::{Cell, Tri, Whole};
use super::window::Ahead;
use crate::lang::check::arithmetic_in;
use crate::lang::expr::{
    Arith, Binding, Checked, Compare, ContractId, Expr, ExprKind, Joint, MetricId, Relation, ThresholdId, Tie,
};
use crate::lang::item::metric::{Aggregate, Definition, Fold, Then};
use crate::lang::item::threshold::Cadence;
use crate::lang::item::trigger::{Hold, Trigger};
use crate::lang::pack::RuleRef;
use crate::plan::{Moment, MomentId, pace_moment};
use crate::time::Calendar;
use crate::value::{Number, Type, Value};

/// A value of one key, small.
#[derive(Debug, Clone)]
pub(super) enum Spot {
    /// A fraction with a divisor above zero; whole numbers have the divisor one.
    Ratio(i64, i64),
    /// Words.
    Text(Arc<str>),
    /// Any other value.
    Value(Box<Value>),
    /// Nothing, where nothing is allowed.
    Missing,
    /// Not known. Why is said by the judge when somebody asks.
    Unknown,
}

impl Spot {
    fn of(value: &Value) -> Spot {
        match value {
            Value::Number(n) => match small(*n) {
                Some((n, d)) => Spot::Ratio(n, d),
                None => Spot::Value(Box::new(value.clone())),
            },
            Value::Text(text) => Spot::Text(text.clone()),
            other => Spot::Value(Box::new(other.clone())),
        }
    }

    fn of_reading(reading: &Reading) -> Spot {
        match &reading.value {
            Ok(Some(value)) => Spot::of(value),
            Ok(None) => Spot::Missing,
            Err(_) => Spot::Unknown,
        }
    }

    /// The value in full; nothing for what is missing or not known.
    fn value(&self) -> Option<Value> {
        match self {
            Spot::Ratio(n, d) => Number::ratio(i128::from(*n), i128::from(*d)).map(Value::Number),
            Spot::Text(text) => Some(Value::Text(text.clone())),
            Spot::Value(value) => Some((**value).clone()),
            Spot::Missing | Spot::Unknown => None,
        }
    }
}

fn small(n: Number) -> Option<(i64, i64)> {
    let (numerator, denominator) = n.parts();
    Some((i64::try_from(numerator).ok()?, i64::try_from(denominator).ok()?))
}

/// The values of an expression for every key.
#[derive(Clone)]
pub(super) enum Lane {
    /// One for all.
    One(Spot),
    /// By the place of the key.
    Many(Rc<Vec<Spot>>),
}

impl Lane {
    fn at(&self, i: usize) -> &Spot {
        match self {
            Lane::One(spot) => spot,
            Lane::Many(spots) => &spots[i],
        }
    }
}

/// What a condition says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    No,
    Yes,
    Unknown,
}

impl Says {
    fn of(tri: &Tri) -> Says {
        match tri {
            Tri::Yes => Says::Yes,
            Tri::No => Says::No,
            Tri::Unknown(_) => Says::Unknown,
        }
    }

    fn not(self) -> Says {
        match self {
            Says::Yes => Says::No,
            Says::No => Says::Yes,
            Says::Unknown => Says::Unknown,
        }
    }
}

/// The keys of a relation that are judged together, by their numbers, and the columns that were made for them.
#[derive(Clone)]
pub(super) struct Frame {
    relation: Relation,
    keys: Rc<Vec<u32>>,
    made: Rc<RefCell<Made>>,
}

/// Columns that were made, so that each is made once.
#[derive(Default)]
struct Made {
    cells: HashMap<(u32, MomentId), Rc<Vec<Spot>>>,
    metrics: HashMap<(MetricId, MomentId), Rc<Vec<Spot>>>,
}

impl Frame {
    fn new(relation: Relation, keys: Vec<u32>) -> Frame {
        Frame { relation, keys: Rc::new(keys), made: Rc::default() }
    }
}

/// Frames that were made: all keys of a relation, and those that were asked for last.
#[derive(Default)]
pub(super) struct Lanes {
    frames: HashMap<Relation, Frame>,
    part: Option<Frame>,
}

/// A sum over the rows of a relation, with what each of them adds to it: so that after a change only the rows that it
/// touches are looked at.
#[derive(Debug)]
pub struct Sum {
    /// What the rows add is made from.
    pub on: Dependencies,
    /// The rows that may add something else than they did.
    pub pending: BTreeSet<u32>,
    parts: HashMap<u32, Share>,
    whole: i128,
    rest: Number,
    count: u64,
    left_out: u32,
}

/// What a row adds to a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Share {
    /// It counts, and nothing is summed.
    Counts,
    /// Nothing, where nothing is allowed.
    Missing,
    Whole(i64),
    Other(Number),
}

impl Sum {
    /// Puts what a row adds now in the place of what it added; nothing when that cannot be computed exactly.
    fn put(&mut self, key: u32, share: Option<Share>) -> Option<()> {
        let before = match share {
            Some(share) => self.parts.insert(key, share),
            None => self.parts.remove(&key),
        };
        if let Some(before) = before {
            self.count -= 1;
            match before {
                Share::Counts => {}
                Share::Missing => self.left_out -= 1,
                Share::Whole(n) => self.whole = self.whole.checked_sub(i128::from(n))?,
                Share::Other(n) => self.rest = self.rest.minus(n)?,
            }
        }
        if let Some(share) = share {
            self.count += 1;
            match share {
                Share::Counts => {}
                Share::Missing => self.left_out += 1,
                Share::Whole(n) => self.whole = self.whole.checked_add(i128::from(n))?,
                Share::Other(n) => self.rest = self.rest.plus(n)?,
            }
        }
        Some(())
    }
}

/// What judges of one tick leave to those of the next.
#[derive(Debug, Default)]
pub struct Carried {
    /// What lies ahead of the limits that they compared with.
    pub ahead: RefCell<Ahead>,
    /// Sums over rows at present.
    pub sums: RefCell<HashMap<MetricId, Sum>>,
}

impl Judge<'_> {
    /// What a rule says of some of its keys, without the words.
    pub fn outcomes_of(&self, rule: RuleRef, keys: &[u32]) -> Vec<(u32, Outcome)> {
        let grain = match rule {
            RuleRef::Threshold(i) => self.pack.metric(self.pack.threshold(ThresholdId(i)).metric).grain,
            rule => self.pack.core(rule).and_then(|trigger| trigger.grain),
        };
        let frame = grain.map(|relation| {
            let known = self.lanes.borrow().part.clone();
            let known = known.filter(|frame| frame.relation == relation && frame.keys[..] == *keys);
            let frame = known.unwrap_or_else(|| Frame::new(relation, keys.to_vec()));
            self.lanes.borrow_mut().part = Some(frame.clone());
            frame
        });
        let at_once = match rule {
            _ if self.is_traced() => None,
            RuleRef::Trigger(_) | RuleRef::Rollback(_) => {
                self.pack.core(rule).and_then(|trigger| self.trigger_outcomes(trigger, frame))
            }
            RuleRef::Threshold(i) => self.threshold_outcomes(ThresholdId(i), frame),
            RuleRef::Contract(_) | RuleRef::Gate(_) => None,
        };
        match at_once {
            Some(all) => all.into_iter().filter_map(|(key, outcome)| Some((key?, outcome))).collect(),
            None => keys.iter().map(|key| (*key, self.verdict(rule, Some(*key)).outcome)).collect(),
        }
    }

    /// What a rule says of every key, in the order of the keys, without the words.
    pub fn outcomes(&self, rule: RuleRef) -> Outcomes {
        let at_once = match rule {
            _ if self.is_traced() => None,
            RuleRef::Trigger(_) | RuleRef::Rollback(_) => {
                self.pack.core(rule).and_then(|trigger| self.trigger_outcomes(trigger, self.frame(trigger.grain?)))
            }
            RuleRef::Threshold(i) => {
                let grain = self.pack.metric(self.pack.threshold(ThresholdId(i)).metric).grain;
                self.threshold_outcomes(ThresholdId(i), grain.and_then(|grain| self.frame(grain)))
            }
            RuleRef::Contract(_) | RuleRef::Gate(_) => None,
        };
        at_once.unwrap_or_else(|| self.one_by_one(rule))
    }

    fn trigger_outcomes(&self, trigger: &Trigger, frame: Option<Frame>) -> Option<Outcomes> {
        let now = trigger.check.other.is_none() && pace_moment(&trigger.check.pace) == Moment::Now;
        let plain = matches!(trigger.when.hold, None | Some(Hold::For(_)));
        let frame = frame.filter(|_| now && plain)?;
        let mut says = self.mask(&trigger.when.expr, &frame, MomentId::NOW);
        if let Some(unless) = &trigger.unless {
            let not = self.mask(unless, &frame, MomentId::NOW);
            for (own, other) in says.iter_mut().zip(not) {
                *own = both(*own, other.not());
            }
        }
        let outcome = |says| match says {
            Says::Yes => Outcome::Fires,
            Says::No => Outcome::Clear,
            Says::Unknown => Outcome::Unknown,
        };
        Some(frame.keys.iter().zip(says).map(|(key, says)| (Some(*key), outcome(says))).collect())
    }

    fn threshold_outcomes(&self, id: ThresholdId, frame: Option<Frame>) -> Option<Outcomes> {
        let threshold = self.pack.threshold(id);
        let frame = frame.filter(|_| threshold.cadence == Cadence::Now)?;
        let values = self.metric_lane(threshold.metric, &frame, MomentId::NOW);
        let awake = threshold.while_.as_ref().map(|e| self.mask(e, &frame, MomentId::NOW));
        let bands: Vec<_> = std::iter::once((&threshold.target, Outcome::Met))
            .chain(threshold.acceptable.iter().map(|b| (b, Outcome::Acceptable)))
            .map(|(band, outcome)| (band.compare, self.lane(&band.limit, &frame, MomentId::NOW), outcome))
            .collect();
        let outcome = |i: usize| {
            match awake.as_ref().map(|a| a[i]) {
                Some(Says::No) => return Outcome::Off,
                Some(Says::Unknown) => return Outcome::Unknown,
                Some(Says::Yes) | None => {}
            }
            let value = &values[i];
            if matches!(value, Spot::Missing | Spot::Unknown) {
                return Outcome::Unknown;
            }
            for (compare, limit, outcome) in &bands {
                let limit = limit.at(i);
                if matches!(limit, Spot::Unknown) {
                    return Outcome::Unknown;
                }
                if order(value, limit).is_some_and(|o| compare.holds(o)) {
                    return *outcome;
                }
            }
            Outcome::Breached
        };
        Some(frame.keys.iter().enumerate().map(|(i, key)| (Some(*key), outcome(i))).collect())
    }

    /// The keys of a relation as it is now.
    fn frame(&self, relation: Relation) -> Option<Frame> {
        if let Some(frame) = self.lanes.borrow().frames.get(&relation) {
            return Some(frame.clone());
        }
        let frame = Frame::new(relation, self.keys(relation, MomentId::NOW).ok()?);
        self.lanes.borrow_mut().frames.insert(relation, frame.clone());
        Some(frame)
    }

    /// What the judge says key by key.
    fn each(&self, frame: &Frame, value: impl Fn(&[Row]) -> Spot) -> Rc<Vec<Spot>> {
        Rc::new(frame.keys.iter().map(|key| value(&[Row::of(frame.relation, *key)])).collect())
    }

    fn lane(&self, e: &Expr<Checked>, frame: &Frame, moment: MomentId) -> Lane {
        match &e.kind {
            ExprKind::Literal(value) => Lane::One(Spot::of(value)),
            ExprKind::Name(Binding::Param(_) | Binding::Now) => {
                Lane::One(Spot::of_reading(&self.value(e, &[], moment)))
            }
            ExprKind::Name(Binding::Column { depth: 0, hops, of, column })
                if hops.is_empty() && *of == frame.relation =>
            {
                Lane::Many(self.cell_lane(frame, *column, moment))
            }
            ExprKind::Name(Binding::Metric { depth: 0, hops, metric }) => match self.pack.metric(*metric).grain {
                None => Lane::One(Spot::of_reading(&self.metric(*metric, moment, None))),
                Some(grain) if hops.is_empty() && grain == frame.relation => {
                    Lane::Many(self.metric_lane(*metric, frame, moment))
                }
                Some(_) => self.slow_lane(e, frame, moment),
            },
            ExprKind::Arith(op, a, b) => {
                let (x, y) = (self.lane(a, frame, moment), self.lane(b, frame, moment));
                let calendar = &self.pack.settings.calendar;
                let of = |i: usize| combine(calendar, *op, x.at(i), &a.ty, y.at(i), &b.ty);
                match (&x, &y) {
                    (Lane::One(_), Lane::One(_)) => Lane::One(of(0)),
                    _ => Lane::Many(Rc::new((0..frame.keys.len()).map(of).collect())),
                }
            }
            _ => self.slow_lane(e, frame, moment),
        }
    }

    fn slow_lane(&self, e: &Expr<Checked>, frame: &Frame, moment: MomentId) -> Lane {
        Lane::Many(self.each(frame, |rows| Spot::of_reading(&self.value(e, rows, moment))))
    }

    fn cell_lane(&self, frame: &Frame, column: u32, moment: MomentId) -> Rc<Vec<Spot>> {
        let slot = (column, moment);
        if let Some(found) = frame.made.borrow().cells.get(&slot) {
            return found.clone();
        }
        let cells = self.table(frame.relation, moment).ok().and_then(|t| Some((t, t.columns.get(&column)?)));
        let made: Vec<Spot> = frame
            .keys
            .iter()
            .map(|key| match cells.and_then(|(table, cells)| cells.get(table.row_of.get(*key)? as usize)) {
                Some(Cell::Value(value)) => Spot::of(value),
                Some(Cell::Missing) => Spot::Missing,
                Some(Cell::Bad(_)) | None => Spot::Unknown,
            })
            .collect();
        let made = Rc::new(made);
        frame.made.borrow_mut().cells.insert(slot, made.clone());
        made
    }

    fn metric_lane(&self, id: MetricId, frame: &Frame, moment: MomentId) -> Rc<Vec<Spot>> {
        if let Some(found) = frame.made.borrow().metrics.get(&(id, moment)) {
            return found.clone();
        }
        let metric = self.pack.metric(id);
        let at_once = match &metric.definition {
            _ if metric.clamped.is_some() => None,
            Definition::Aggregate(a) => self.served_lane(id, a, frame, moment),
            Definition::Formula(e) => match self.lane(e, frame, moment) {
                Lane::Many(spots) if spots.iter().any(|s| matches!(s, Spot::Missing)) => {
                    // A formula's value where a part of it is missing is not known.
                    let settled = |s: &Spot| if matches!(s, Spot::Missing) { Spot::Unknown } else { s.clone() };
                    Some(Rc::new(spots.iter().map(settled).collect()))
                }
                Lane::Many(spots) => Some(spots),
                Lane::One(_) => None,
            },
            Definition::At(Binding::Metric { metric: of, .. }, then) => match &then.then {
                Some(then) if *then != Then::Baseline && self.pack.metric(*of).grain == metric.grain => {
                    let at = match then {
                        Then::Previous(period) => self.at(&Moment::Closed(moment, *period, 1)),
                        other => self.at(&Moment::Then(moment, other.clone())),
                    };
                    self.instant(at).ok().map(|_| self.metric_lane(*of, frame, at))
                }
                _ => None,
            },
            Definition::Cases(_) | Definition::Shift(..) | Definition::At(..) => None,
        };
        let made = at_once.unwrap_or_else(|| {
            let of = |key: &u32| Spot::of_reading(&self.metric(id, moment, Some(*key)));
            Rc::new(frame.keys.iter().map(of).collect())
        });
        frame.made.borrow_mut().metrics.insert((id, moment), made.clone());
        made
    }

    /// Whether an aggregate over a contract's rows is what its measures say: nothing is promised of the rows, and
    /// nothing more is asked of them.
    fn is_plain(&self, a: &Aggregate<Checked>, contract: ContractId) -> bool {
        let shape = self.pack.contract(contract);
        shape.fresh.is_empty() && shape.volume.is_empty() && a.needs.is_none()
    }

    fn served_lane(
        &self,
        id: MetricId,
        a: &Aggregate<Checked>,
        frame: &Frame,
        moment: MomentId,
    ) -> Option<Rc<Vec<Spot>>> {
        let Relation::Contract(contract) = a.rows.of else { return None };
        let used = self.plan.served.get(&(id, moment))?;
        let groups = self.readings.groups.get(&used.scan)?.as_ref().ok()?;
        if !self.is_plain(a, contract) || self.instant(moment).is_err() {
            return None;
        }
        let measure = |i: usize| groups.measures.get(*used.measures.get(i)?);
        let first = measure(0)?;
        let known = match a.fold {
            Fold::Average => Some(measure(1)?),
            _ => None,
        };
        let zero = matches!(a.fold, Fold::Count | Fold::CountDistinct | Fold::Sum);
        if !zero && !matches!(a.fold, Fold::Average | Fold::Min | Fold::Max | Fold::Latest | Fold::First) {
            return None;
        }
        let slow = |key: u32| Spot::of_reading(&self.metric(id, moment, Some(key)));
        let of = |key: &u32| match (first.whole(*key), known.map(|k| k.whole(*key))) {
            (Whole::Number(n), None) => Spot::Ratio(n, 1),
            (Whole::Nothing, None) if zero => Spot::Ratio(0, 1),
            (Whole::Nothing, None) => Spot::Unknown,
            (Whole::Number(sum), Some(Whole::Number(count))) if count > 0 => Spot::Ratio(sum, count),
            (Whole::Nothing, Some(_)) => Spot::Unknown,
            _ => slow(*key),
        };
        Some(Rc::new(frame.keys.iter().map(of).collect()))
    }

    fn mask(&self, e: &Expr<Checked>, frame: &Frame, moment: MomentId) -> Vec<Says> {
        let keys = frame.keys.len();
        match &e.kind {
            ExprKind::Joint(joint, all) => {
                let mut says = vec![Says::Yes; keys];
                for part in all {
                    let part = self.mask(part, frame, moment);
                    for (own, other) in says.iter_mut().zip(part) {
                        *own = both(*own, if *joint == Joint::And { other } else { other.not() });
                    }
                }
                if *joint == Joint::Or {
                    says.iter_mut().for_each(|s| *s = s.not());
                }
                says
            }
            ExprKind::Not(e) => self.mask(e, frame, moment).into_iter().map(Says::not).collect(),
            // A day and a moment compare by where the day begins, which the judge knows.
            ExprKind::Compare(_, a, b) if is_timely(&a.ty) && a.ty != b.ty => self.slow_mask(e, frame, moment),
            ExprKind::OneOf(_, a, all) if is_timely(&a.ty) && all.iter().any(|b| a.ty != b.ty) => {
                self.slow_mask(e, frame, moment)
            }
            ExprKind::Between(a, low, high) if is_timely(&a.ty) && (a.ty != low.ty || a.ty != high.ty) => {
                self.slow_mask(e, frame, moment)
            }
            ExprKind::Compare(compare, a, b) => {
                let (a, b) = (self.lane(a, frame, moment), self.lane(b, frame, moment));
                (0..keys).map(|i| compared(*compare, a.at(i), b.at(i))).collect()
            }
            ExprKind::OneOf(negated, a, all) => {
                let a = self.lane(a, frame, moment);
                let all: Vec<Lane> = all.iter().map(|b| self.lane(b, frame, moment)).collect();
                let one = |i: usize| {
                    let no = |b: &Lane| compared(Compare::Is, a.at(i), b.at(i)).not();
                    let none = all.iter().fold(Says::Yes, |s, b| both(s, no(b)));
                    if *negated { none } else { none.not() }
                };
                (0..keys).map(one).collect()
            }
            ExprKind::Between(e, low, high) => {
                let (e, low, high) =
                    (self.lane(e, frame, moment), self.lane(low, frame, moment), self.lane(high, frame, moment));
                let within = |i: usize| {
                    both(compared(Compare::AtLeast, e.at(i), low.at(i)), compared(Compare::AtMost, e.at(i), high.at(i)))
                };
                (0..keys).map(within).collect()
            }
            _ => self.slow_mask(e, frame, moment),
        }
    }

    fn slow_mask(&self, e: &Expr<Checked>, frame: &Frame, moment: MomentId) -> Vec<Says> {
        let of = |key: &u32| Says::of(&self.condition(e, &[Row::of(frame.relation, *key)], moment));
        frame.keys.iter().map(of).collect()
    }

    /// An aggregate of the portfolio over the rows of a relation, where everything it reads is known and has no age;
    /// nothing where the judge must look at each row.
    pub(super) fn over_all(
        &self,
        id: MetricId,
        a: &Aggregate<Checked>,
        rows: &[Row],
        moment: MomentId,
    ) -> Option<Reading> {
        let Relation::Contract(contract) = a.rows.of else { return None };
        let shape = self.pack.contract(contract);
        let plain = rows.is_empty()
            && moment == MomentId::NOW
            && !self.is_traced()
            && matches!(a.rows.tie, Tie::Anywhere | Tie::LeadHere(_))
            && shape.dated.is_none()
            && shape.valid.is_none()
            && a.window.is_none()
            && a.out_of.is_none()
            && self.is_plain(a, contract)
            && matches!((a.fold, &a.of), (Fold::Sum, Some(_)) | (Fold::Count, _));
        if !plain || !a.of.iter().chain(&a.filter).all(|e| self.is_ageless(e)) {
            return None;
        }
        let table = self.table(a.rows.of, moment).ok()?;
        if !table.bad.is_empty() {
            return None;
        }
        let known = self.carried.and_then(|carried| carried.sums.borrow_mut().remove(&id));
        let sum = match known {
            Some(mut sum) => {
                let pending: Vec<u32> = std::mem::take(&mut sum.pending).into_iter().collect();
                let (there, gone): (Vec<u32>, Vec<u32>) = pending.into_iter().partition(|key| table.row_of.has(*key));
                let frame = Frame::new(a.rows.of, there);
                self.add_up(a, &frame, &mut sum)?;
                gone.into_iter().try_for_each(|key| sum.put(key, None))?;
                sum
            }
            None => {
                let on = match self.carried {
                    Some(_) => Dependencies::of_rows(self.pack, self.plan, a),
                    None => Dependencies::default(),
                };
                let (pending, parts) = (BTreeSet::new(), HashMap::new());
                let (rest, whole, count, left_out) = (Number::ZERO, 0, 0, 0);
                let mut sum = Sum { on, pending, parts, whole, rest, count, left_out };
                self.add_up(a, &self.frame(a.rows.of)?, &mut sum)?;
                sum
            }
        };
        let value = match a.fold {
            Fold::Sum => sum.rest.plus(Number::whole(sum.whole))?,
            _ => Number::whole(i128::from(sum.count) - i128::from(sum.left_out)),
        };
        let left_out = if a.fold == Fold::Sum { sum.left_out } else { 0 };
        if let Some(carried) = self.carried {
            carried.sums.borrow_mut().insert(id, sum);
        }
        Some(Reading { value: Ok(Some(Value::Number(value))), since: None, left_out })
    }

    /// Puts what some rows add into a sum; nothing where one of them cannot be told or computed exactly.
    fn add_up(&self, a: &Aggregate<Checked>, frame: &Frame, sum: &mut Sum) -> Option<()> {
        let chosen = a.filter.as_ref().map(|f| self.mask(f, frame, MomentId::NOW));
        if chosen.as_ref().is_some_and(|c| c.contains(&Says::Unknown)) {
            return None;
        }
        let values = match &a.of {
            Some(of) if a.fold == Fold::Sum => Some(self.lane(of, frame, MomentId::NOW)),
            _ => None,
        };
        for (i, key) in frame.keys.iter().enumerate() {
            let share = match (&chosen, &values) {
                (Some(chosen), _) if chosen[i] != Says::Yes => None,
                (_, None) => Some(Share::Counts),
                (_, Some(values)) => Some(match values.at(i) {
                    Spot::Ratio(n, 1) => Share::Whole(*n),
                    Spot::Missing => Share::Missing,
                    Spot::Unknown => return None,
                    other => Share::Other(other.value()?.number()?),
                }),
            };
            sum.put(*key, share)?;
        }
        Some(())
    }

    /// Whether what an expression reads comes from contracts that promise nothing of their age.
    fn is_ageless(&self, e: &Expr<Checked>) -> bool {
        let mut ageless = true;
        e.walk(&mut |e| match &e.kind {
            ExprKind::Name(Binding::Metric { metric, .. }) => ageless &= self.is_ageless_metric(*metric, 0),
            ExprKind::Exists(_) | ExprKind::Holds(_) | ExprKind::Answered(..) => ageless = false,
            ExprKind::Name(Binding::Threshold(_) | Binding::Gate(_)) => ageless = false,
            _ => {}
        });
        ageless
    }

    fn is_ageless_metric(&self, id: MetricId, depth: usize) -> bool {
        match &self.pack.metric(id).definition {
            _ if depth > 16 => false,
            Definition::Aggregate(a) => match a.rows.of {
                Relation::Contract(contract) => {
                    self.is_plain(a, contract)
                        && a.of.iter().chain(&a.filter).chain(&a.out_of).all(|e| self.is_ageless(e))
                }
                Relation::Pairs(_) => false,
            },
            Definition::Formula(e) => self.is_ageless(e),
            _ => false,
        }
    }
}

fn is_timely(ty: &Type) -> bool {
    matches!(ty, Type::Date | Type::Moment)
}

fn both(a: Says, b: Says) -> Says {
    match (a, b) {
        (Says::No, _) | (_, Says::No) => Says::No,
        (Says::Unknown, _) | (_, Says::Unknown) => Says::Unknown,
        (Says::Yes, Says::Yes) => Says::Yes,
    }
}

/// How two known values compare.
fn order(a: &Spot, b: &Spot) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Spot::Ratio(a, 1), Spot::Ratio(b, 1)) => Some(a.cmp(b)),
        // Both divisors are above zero, and the products of 64 bits fit into 128.
        (Spot::Ratio(a, b), Spot::Ratio(c, d)) => {
            Some((i128::from(*a) * i128::from(*d)).cmp(&(i128::from(*c) * i128::from(*b))))
        }
        (Spot::Text(a), Spot::Text(b)) if Arc::ptr_eq(a, b) => Some(std::cmp::Ordering::Equal),
        (a, b) => a.value()?.compare(&b.value()?),
    }
}

fn compared(compare: Compare, a: &Spot, b: &Spot) -> Says {
    let says = |holds: bool| if holds { Says::Yes } else { Says::No };
    match (a, b) {
        (Spot::Unknown, _) | (_, Spot::Unknown) => Says::Unknown,
        (Spot::Missing, Spot::Missing) => Says::No,
        (Spot::Missing, _) | (_, Spot::Missing) => says(compare == Compare::IsNot),
        (Spot::Text(a), Spot::Text(b)) if matches!(compare, Compare::Is | Compare::IsNot) => {
            says((Arc::ptr_eq(a, b) || a == b) == (compare == Compare::Is))
        }
        (a, b) => order(a, b).map_or(Says::Unknown, |o| says(compare.holds(o))),
    }
}

fn combine(calendar: &Calendar, op: Arith, a: &Spot, a_ty: &Type, b: &Spot, b_ty: &Type) -> Spot {
    let percent = *a_ty == Type::Percent || *b_ty == Type::Percent;
    let quick = match (op, a, b) {
        (_, Spot::Unknown, _) | (_, _, Spot::Unknown) => return Spot::Unknown,
        (_, Spot::Missing, _) | (_, _, Spot::Missing) => return Spot::Missing,
        (Arith::Add, Spot::Ratio(a, 1), Spot::Ratio(b, 1)) => a.checked_add(*b).map(|n| (n, 1)),
        (Arith::Sub, Spot::Ratio(a, 1), Spot::Ratio(b, 1)) => a.checked_sub(*b).map(|n| (n, 1)),
        (Arith::Mul, Spot::Ratio(a, b), Spot::Ratio(c, d)) if !percent => a.checked_mul(*c).zip(b.checked_mul(*d)),
        _ => None,
    };
    if let Some((n, d)) = quick {
        return Spot::Ratio(n, d);
    }
    match (a.value(), b.value()) {
        (Some(a), Some(b)) => arithmetic_in(calendar, op, &a, a_ty, &b, b_ty).map_or(Spot::Unknown, |v| Spot::of(&v)),
        _ => Spot::Unknown,
    }
}

/// What the judge says of a rule, key by key.
impl Judge<'_> {
    fn one_by_one(&self, rule: RuleRef) -> Outcomes {
        self.numbered(rule).into_iter().map(|(key, verdict)| (key, verdict.outcome)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_compare_and_multiply_exactly() {
        let big = i64::MAX;
        assert_eq!(order(&Spot::Ratio(big, 3), &Spot::Ratio(big - 1, 3)), Some(std::cmp::Ordering::Greater));
        let calendar = Calendar::default();
        let product =
            combine(&calendar, Arith::Mul, &Spot::Ratio(big, 1), &Type::Number, &Spot::Ratio(2, 1), &Type::Number);
        assert!(matches!(product, Spot::Value(_)), "{product:?}");
        let half =
            combine(&calendar, Arith::Mul, &Spot::Ratio(50, 1), &Type::Percent, &Spot::Ratio(9, 1), &Type::Number);
        assert!(matches!(half, Spot::Ratio(9, 2)), "{half:?}");
    }
}
