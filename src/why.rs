//! Why a verdict is what it is, down to the rows, and what would have made it another.
//!
//! Pure: the judge has read the rows, and what is built here is a tree of what it looked at. The same tree says why a
//! rule fires and why it does not.

use std::collections::HashSet;
use std::sync::Arc;

use crate::engine::judge::{Basis, Judge, Outcome, Reading, Row, Verdict};
use crate::engine::reading::Tri;
use crate::engine::trace::Truth;
use crate::lang::expr::{
    Binding, Checked, Compare, ContractId, Exists, Expr, ExprKind, Joint, MetricId, ParamId, Relation, Rows,
    ThresholdId, Window, WindowKind,
};
use crate::lang::item::metric::{Definition, Fold, MomentOf, Then};
use crate::lang::item::threshold::Band;
use crate::lang::item::trigger::{Condition, Hold, Trigger};
use crate::lang::pack::{Pack, RuleRef};
use crate::lang::print::{self, Place};
use crate::plan::{Moment, MomentId, cadence_moment, hold_moments};
use crate::source::Span;
use crate::time::age_words;
use crate::value::{Type, Value, counted, listed};

/// Metrics are taken apart so deep; what lies below is asked for by its own name.
const DEEPEST: usize = 8;
/// So many rows that cannot be told are named.
const ROWS_NAMED: usize = 5;

/// What a node of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A condition or a part of one.
    Condition,
    /// A metric.
    Metric,
    /// A param.
    Param,
    /// A column of a row.
    Column,
    /// Another rule.
    Rule,
    /// A promise about data.
    Data,
    /// A row that cannot be told.
    Row,
}

impl Kind {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Condition => "condition",
            Kind::Metric => "metric",
            Kind::Param => "param",
            Kind::Column => "column",
            Kind::Rule => "rule",
            Kind::Data => "data",
            Kind::Row => "row",
        }
    }
}

/// Something that was looked at.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// In the words of the language.
    pub words: String,
    /// Its value in words; for a comparison the one on the left.
    pub value: Option<String>,
    /// What the value is held against.
    pub limit: Option<String>,
    /// Whether it holds, where it is a condition.
    pub holds: Option<Truth>,
    /// It decides alone: with it the other way round the verdict would be another.
    pub decides: bool,
    /// What would have made the verdict another.
    pub otherwise: Option<String>,
    /// How it came about.
    pub notes: Vec<String>,
    /// Why it is not known.
    pub unknown: Option<String>,
    /// Where the value of a param stands, and whether somebody set it.
    pub place: Option<(Span, bool)>,
    /// What it is made of.
    pub parts: Vec<Node>,
}

impl Node {
    fn new(kind: Kind, words: impl Into<String>) -> Node {
        Node {
            kind,
            words: words.into(),
            value: None,
            limit: None,
            holds: None,
            decides: false,
            otherwise: None,
            notes: Vec::new(),
            unknown: None,
            place: None,
            parts: Vec::new(),
        }
    }
}

/// Why one verdict is what it is.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// What the rule is called for people.
    pub title: Option<Arc<str>>,
    /// The rule in canonical English.
    pub canonical: String,
    /// What was looked at.
    pub parts: Vec<Node>,
}

/// Explains the verdict of a rule for a key.
pub fn why(pack: &Pack, judge: &Judge<'_>, rule: RuleRef, verdict: &Verdict) -> Answer {
    let item = pack.rule(rule);
    let mut asked = Asked { pack, judge, seen: HashSet::new() };
    Answer {
        verdict: verdict.clone(),
        title: item.and_then(|i| i.title.cloned()),
        canonical: item.and_then(|i| pack.canonical(&i)).unwrap_or_default(),
        parts: asked.rule(rule, verdict),
    }
}

/// Which side of a limit a comparison asks for, in words.
fn side(compare: Compare, limit: &str) -> String {
    match compare {
        Compare::AtLeast => format!("from {limit}"),
        Compare::Above => format!("above {limit}"),
        Compare::AtMost => format!("at or below {limit}"),
        Compare::Below => format!("below {limit}"),
        Compare::Is => format!("if it were {limit}"),
        Compare::IsNot => format!("if it were not {limit}"),
    }
}

/// The comparison with its sides exchanged.
fn mirrored(compare: Compare) -> Compare {
    match compare {
        Compare::AtLeast => Compare::AtMost,
        Compare::AtMost => Compare::AtLeast,
        Compare::Above => Compare::Below,
        Compare::Below => Compare::Above,
        same => same,
    }
}

/// Whether all of it holds, if one part of it were as it is said.
type Whole<'w> = dyn Fn(Option<(&Expr<Checked>, &Tri)>) -> Tri + 'w;

struct Asked<'a> {
    pack: &'a Pack,
    judge: &'a Judge<'a>,
    seen: HashSet<(MetricId, MomentId, Option<u32>)>,
}

impl<'a> Asked<'a> {
    fn rule(&mut self, rule: RuleRef, verdict: &Verdict) -> Vec<Node> {
        match rule {
            RuleRef::Threshold(i) => self.threshold(ThresholdId(i), verdict),
            RuleRef::Gate(i) => self.gate(i),
            RuleRef::Contract(i) => vec![self.contract(ContractId(i))],
            RuleRef::Trigger(_) | RuleRef::Rollback(_) => {
                self.pack.core(rule).map(|t| self.trigger(t, verdict)).unwrap_or_default()
            }
        }
    }

    /// The row of a verdict's key.
    fn rows(&self, grain: Option<Relation>, verdict: &Verdict, moment: MomentId) -> Vec<Row> {
        let Some(relation) = grain else { return Vec::new() };
        let is = |number: &u32| {
            let key = self.judge.key(relation, *number);
            key.len() == verdict.key.len() && key.iter().zip(&verdict.key).all(|(a, (_, b))| a == b)
        };
        let at = |moment| self.judge.keys(relation, moment).unwrap_or_default().into_iter().find(is);
        at(MomentId::NOW).or_else(|| at(moment)).map(|number| Row::of(relation, number)).into_iter().collect()
    }

    // ── rules ──

    fn threshold(&mut self, id: ThresholdId, verdict: &Verdict) -> Vec<Node> {
        let threshold = self.pack.threshold(id);
        let metric = self.pack.metric(threshold.metric);
        let moment = self.judge.at(&cadence_moment(threshold.cadence));
        let rows = self.rows(metric.grain, verdict, moment);
        let place = Place::of(self.pack, metric.grain);
        let key = rows.first().map(|row| row.key());
        let reading = self.judge.metric(threshold.metric, moment, key);
        let mut all = Vec::new();
        let mut inside = true;
        if let Some(while_) = &threshold.while_ {
            let judge = self.judge;
            let whole = |forced: Option<(&Expr<Checked>, &Tri)>| weigh(judge, while_, &rows, moment, forced);
            let node = self.condition(while_, &rows, moment, place, &whole, ("would be judged", "would not be judged"));
            inside = node.holds == Some(Truth::Yes);
            all.push(Node { words: format!("while {}", node.words), ..node });
        }
        let mut above_holds = false;
        for (name, band) in std::iter::once(("target", &threshold.target))
            .chain(threshold.acceptable.iter().map(|band| ("acceptable", band)))
        {
            let mut node = self.band(name, band, &reading, &rows, moment, place);
            let limit = node.limit.clone().unwrap_or_default();
            let known = inside && reading.value.is_ok() && !above_holds;
            node.otherwise = match (node.holds, name) {
                _ if !known => None,
                (Some(Truth::Yes), "target") => {
                    Some(format!("would not be met {}", side(band.compare.opposite(), &limit)))
                }
                (Some(Truth::No), "target") => Some(format!("would be met {}", side(band.compare, &limit))),
                (Some(Truth::Yes), _) => Some(format!("would be breached {}", side(band.compare.opposite(), &limit))),
                (Some(Truth::No), _) => Some(format!("would be acceptable {}", side(band.compare, &limit))),
                _ => None,
            };
            // The line between what is said and the next worse or better word.
            node.decides = match (verdict.outcome, name) {
                (Outcome::Met, "target") | (Outcome::Acceptable, _) => true,
                (Outcome::Breached, name) => threshold.acceptable.is_none() || name == "acceptable",
                _ => false,
            };
            above_holds |= node.holds == Some(Truth::Yes);
            if let Some(parts) = self.inputs(&band.limit, &rows, moment) {
                node.parts = parts;
            }
            all.push(node);
        }
        all.push(self.metric(threshold.metric, moment, key, 0));
        all
    }

    fn band(
        &self,
        name: &str,
        band: &Band,
        reading: &Reading,
        rows: &[Row],
        moment: MomentId,
        place: Place<'_>,
    ) -> Node {
        let words = format!("{name} {} {}", band.compare.words(), place.expr(&band.limit));
        let mut node = Node::new(Kind::Condition, words);
        let limit = self.judge.value(&band.limit, rows, moment);
        let ty = &band.limit.ty;
        node.holds = Some(match (&reading.value, &limit.value) {
            (Ok(Some(value)), Ok(Some(limit))) => {
                node.value = Some(value.show_beside(limit, ty));
                node.limit = Some(limit.show_beside(value, ty));
                let holds = value.compare(limit).is_some_and(|order| band.compare.holds(order));
                if holds { Truth::Yes } else { Truth::No }
            }
            (Err(why), _) | (_, Err(why)) => {
                node.unknown = Some(why.text.clone());
                node.limit = limit.value.as_ref().ok().and_then(|v| v.as_ref()).map(|v| v.show(ty));
                Truth::Unknown
            }
            _ => Truth::Unknown,
        });
        node
    }

    fn gate(&mut self, index: u32) -> Vec<Node> {
        let Some(gate) = self.pack.gates.get(index as usize) else { return Vec::new() };
        let judge = self.judge;
        let whole = |forced: Option<(&Expr<Checked>, &Tri)>| {
            Tri::all(gate.lines.iter().map(|line| weigh(judge, line, &[], MomentId::NOW, forced)))
        };
        let place = Place::portfolio(self.pack);
        let words = ("would be open", "would be closed");
        gate.lines.iter().map(|line| self.condition(line, &[], MomentId::NOW, place, &whole, words)).collect()
    }

    fn trigger(&mut self, trigger: &'a Trigger, verdict: &Verdict) -> Vec<Node> {
        let rows = self.rows(trigger.grain, verdict, MomentId::NOW);
        let moments = hold_moments(trigger.when.hold.as_ref(), self.judge.due(trigger, &rows));
        let place = Place::of(self.pack, trigger.grain);
        let judge = self.judge;
        let mut all = Vec::new();
        if let Some(stage) = trigger.stage.as_ref().filter(|s| !judge.stage_runs(s)) {
            let mut node = Node::new(Kind::Condition, format!("in stage {stage}"));
            node.holds = Some(Truth::No);
            node.notes.push(format!("stage {stage} has not been entered or does not run, so the rule sleeps"));
            all.push(node);
        }
        let words = ("would fire", "would not have fired");
        if let [only] = &moments[..] {
            let moment = judge.at(only);
            let whole = |forced: Option<(&Expr<Checked>, &Tri)>| {
                let unless = trigger.unless.as_ref();
                let unless = unless.map_or(Tri::No, |u| weigh(judge, u, &rows, MomentId::NOW, forced));
                Tri::all([weigh(judge, &trigger.when.expr, &rows, moment, forced), unless.negate()])
            };
            let mut node = self.condition(&trigger.when.expr, &rows, moment, place, &whole, words);
            if let Some(Hold::For(length)) = &trigger.when.hold {
                node.notes.push(format!(
                    "it must hold for {} before the rule fires; for how long it has held is remembered, not read",
                    place.expr(length)
                ));
            }
            all.push(node);
            if let Some(unless) = &trigger.unless {
                let node = self.condition(unless, &rows, MomentId::NOW, place, &whole, words);
                all.push(Node { words: format!("unless {}", node.words), ..node });
            }
        } else {
            all.push(self.held(&trigger.when, &moments, &rows, place, verdict));
        }
        if let Some(clear) = &trigger.clear {
            let whole =
                |forced: Option<(&Expr<Checked>, &Tri)>| weigh(judge, &clear.expr, &rows, MomentId::NOW, forced);
            let words = ("would clear", "would not clear");
            let node = self.condition(&clear.expr, &rows, MomentId::NOW, place, &whole, words);
            all.push(Node { words: format!("clear when {}", node.words), decides: false, ..node });
        }
        all
    }

    /// A condition that must hold in several closed periods.
    fn held(
        &mut self,
        condition: &Condition,
        moments: &[Moment],
        rows: &[Row],
        place: Place<'_>,
        verdict: &Verdict,
    ) -> Node {
        let judge = self.judge;
        let mut node = Node::new(Kind::Condition, condition.print(&place));
        node.holds = Some(match verdict.outcome {
            Outcome::Fires => Truth::Yes,
            Outcome::Unknown => Truth::Unknown,
            _ => Truth::No,
        });
        for moment in moments {
            let id = judge.at(moment);
            let whole = |forced: Option<(&Expr<Checked>, &Tri)>| weigh(judge, &condition.expr, rows, id, forced);
            let words = ("would count", "would not have counted");
            let mut part = self.condition(&condition.expr, rows, id, place, &whole, words);
            if let (Moment::Closed(_, period, _), Ok(t)) = (moment, judge.instant(id)) {
                let name = self.pack.settings.calendar.period_name(*period, t.at);
                part.words = format!("{name}: {}", part.words);
            }
            node.parts.push(part);
        }
        node
    }

    fn contract(&mut self, id: ContractId) -> Node {
        let contract = self.pack.contract(id);
        let mut node = Node::new(Kind::Data, format!("contract {} holds", contract.name));
        if let Some(verdict) = self.judge.verdicts(RuleRef::Contract(id.0)).first() {
            node.value = Some(verdict.outcome.word().to_owned());
            node.notes.push(verdict.reason.clone());
            node.holds = Some(match verdict.outcome {
                Outcome::Holds => Truth::Yes,
                Outcome::Violated => Truth::No,
                _ => Truth::Unknown,
            });
        }
        let rows = Rows { of: Relation::Contract(id), tie: crate::lang::expr::Tie::Anywhere };
        node.parts = self.freshness(&rows, None, MomentId::NOW);
        node
    }

    // ── conditions ──

    /// A condition with its parts. `words` say what the whole would do if it held, and if it did not.
    fn condition(
        &mut self,
        e: &Expr<Checked>,
        rows: &[Row],
        moment: MomentId,
        place: Place<'_>,
        whole: &Whole<'_>,
        words: (&str, &str),
    ) -> Node {
        let judge = self.judge;
        let mut node = Node::new(Kind::Condition, place.expr(e));
        let holds = judge.condition(e, rows, moment);
        node.holds = Some(Truth::of(&holds));
        match &e.kind {
            ExprKind::Joint(joint, all) => {
                node.notes.push(
                    match joint {
                        Joint::And => "all of these",
                        Joint::Or => "one of these",
                    }
                    .to_owned(),
                );
                node.parts = all.iter().map(|e| self.condition(e, rows, moment, place, whole, words)).collect();
                return node;
            }
            ExprKind::Not(inner) => {
                node.parts = vec![self.condition(inner, rows, moment, place, whole, words)];
                return node;
            }
            _ => {}
        }
        if let Tri::Unknown(why) = &holds {
            node.unknown = Some(why.text.clone());
        }
        let before = whole(None);
        node.decides = match &holds {
            // What is known is not why the whole is unknown.
            Tri::Yes | Tri::No => {
                let otherwise = whole(Some((e, &holds.clone().negate())));
                !matches!(before, Tri::Unknown(_)) && Truth::of(&otherwise) != Truth::of(&before)
            }
            Tri::Unknown(_) => {
                matches!(before, Tri::Unknown(_))
                    && [Tri::Yes, Tri::No].iter().any(|t| !matches!(whole(Some((e, t))), Tri::Unknown(_)))
            }
        };
        let verb = match &before {
            Tri::Yes => Some(words.1),
            Tri::No => Some(words.0),
            Tri::Unknown(_) => None,
        };
        let flips = node.decides && !matches!(holds, Tri::Unknown(_));
        match &e.kind {
            ExprKind::Compare(compare, a, b) => {
                let (x, y) = (judge.value(a, rows, moment).value, judge.value(b, rows, moment).value);
                match (&x, &y) {
                    (Ok(Some(x)), Ok(Some(y))) => {
                        node.value = Some(x.show_beside(y, &a.ty));
                        node.limit = Some(y.show_beside(x, &b.ty));
                        let wanted = if holds == Tri::Yes { compare.opposite() } else { *compare };
                        if let (true, Some(verb)) = (flips, verb) {
                            let mut text = format!("{verb} {}", side(wanted, &y.show_beside(x, &b.ty)));
                            text.push_str(&self.with_param(wanted, b, x).unwrap_or_default());
                            node.otherwise = Some(text);
                        }
                    }
                    (x, y) => {
                        node.value = Some(shown(x, &a.ty));
                        node.limit = Some(shown(y, &b.ty));
                    }
                }
            }
            ExprKind::OneOf(_, a, _) | ExprKind::Between(a, ..) | ExprKind::Presence(_, _, a) => {
                node.value = Some(shown(&judge.value(a, rows, moment).value, &a.ty));
            }
            ExprKind::Distance(d) => node.value = Some(shown(&judge.value(&d.value, rows, moment).value, &d.value.ty)),
            _ => {}
        }
        if let (true, None, Some(verb)) = (flips, &node.otherwise, verb) {
            let held = if holds == Tri::Yes { "did not hold" } else { "held" };
            node.otherwise = Some(format!("{verb} if this {held}"));
        }
        node.parts = self.inputs(e, rows, moment).unwrap_or_default();
        node
    }

    /// The same by moving the param that is the limit, as far as its range goes.
    fn with_param(&self, wanted: Compare, limit: &Expr<Checked>, value: &Value) -> Option<String> {
        let ExprKind::Name(Binding::Param(id)) = &limit.kind else { return None };
        let param = &self.pack.params[id.index()];
        let quantity = matches!(wanted, Compare::AtLeast | Compare::AtMost | Compare::Above | Compare::Below);
        let allowed = quantity && param.refuses(value).is_none();
        let limit = side(mirrored(wanted), &value.show_beside(&param.value, &param.ty));
        allowed.then(|| format!(", or with {} {limit}", param.name))
    }

    // ── inputs ──

    /// What an expression reads; nothing where it reads nothing.
    fn inputs(&mut self, e: &Expr<Checked>, rows: &[Row], moment: MomentId) -> Option<Vec<Node>> {
        let mut all = Vec::new();
        self.collect(e, rows, moment, 0, &mut all);
        (!all.is_empty()).then_some(all)
    }

    fn collect(&mut self, e: &Expr<Checked>, rows: &[Row], moment: MomentId, depth: usize, all: &mut Vec<Node>) {
        let mut own: Vec<&Expr<Checked>> = Vec::new();
        match &e.kind {
            ExprKind::Name(binding) => all.extend(self.binding(e, binding, rows, moment, depth)),
            ExprKind::Not(e) | ExprKind::Presence(_, _, e) => own.push(e),
            ExprKind::Joint(_, parts) => own.extend(parts),
            ExprKind::Compare(_, a, b) | ExprKind::Arith(_, a, b) => own.extend([&**a, &**b]),
            ExprKind::OneOf(_, e, list) => {
                own.push(e);
                own.extend(list);
            }
            ExprKind::Between(e, a, b) => own.extend([&**e, &**a, &**b]),
            ExprKind::Distance(d) => {
                own.extend([&d.value, &d.span]);
                if let crate::lang::expr::Anchor::Before(e) | crate::lang::expr::Anchor::After(e) = &d.anchor {
                    own.push(e);
                }
            }
            ExprKind::Exists(x) => all.push(self.exists(x, rows, moment)),
            ExprKind::Holds(contracts) => {
                for id in contracts {
                    let node = self.contract(*id);
                    all.push(node);
                }
            }
            ExprKind::Literal(_) | ExprKind::Answered(..) => {}
        }
        for e in own {
            self.collect(e, rows, moment, depth, all);
        }
    }

    fn binding(
        &mut self,
        e: &Expr<Checked>,
        binding: &Binding,
        rows: &[Row],
        moment: MomentId,
        depth: usize,
    ) -> Option<Node> {
        match binding {
            Binding::Param(id) => Some(self.param(*id)),
            Binding::Metric { depth: out, hops, metric } => {
                let key = match self.pack.metric(*metric).grain {
                    None => None,
                    Some(_) => {
                        let from = rows.get(usize::from(*out))?;
                        Some(self.judge.follow(*from, hops, moment).ok()??.key())
                    }
                };
                Some(self.metric(*metric, moment, key, depth + 1))
            }
            Binding::Column { .. } => {
                let mut node = Node::new(Kind::Column, print::expr(self.pack, e));
                self.read(&mut node, &self.judge.value(e, rows, moment), &e.ty);
                Some(node)
            }
            Binding::Threshold(id) => {
                let threshold = self.pack.threshold(*id);
                let grain = self.pack.metric(threshold.metric).grain;
                let own = |row: &&Row| grain.is_some_and(|g| **row == Row::of(g, row.key()));
                let key = rows.iter().find(own).and_then(|row| Some(self.judge.key(grain?, row.key())));
                let verdicts = self.judge.verdicts(RuleRef::Threshold(id.0));
                let is = |v: &&Verdict| key.as_ref().is_none_or(|k| k.iter().zip(&v.key).all(|(a, (_, b))| a == b));
                let mut node = Node::new(Kind::Rule, format!("threshold {}", threshold.name));
                let verdict = verdicts.iter().find(is)?;
                node.value = Some(verdict.outcome.word().to_owned());
                node.notes.push(verdict.reason.clone());
                node.unknown = (verdict.outcome == Outcome::Unknown).then(|| verdict.reason.clone());
                node.parts = self.threshold(*id, verdict);
                Some(node)
            }
            Binding::Gate(id) => {
                let mut node = Node::new(Kind::Rule, format!("gate {}", self.pack.gate(*id).name));
                let verdicts = self.judge.verdicts(RuleRef::Gate(id.0));
                let verdict = verdicts.first()?;
                node.value = Some(verdict.outcome.word().to_owned());
                node.notes.push(verdict.reason.clone());
                Some(node)
            }
            Binding::Now | Binding::Introduced { .. } | Binding::IntroducedMetric(_) => None,
        }
    }

    fn param(&self, id: ParamId) -> Node {
        let param = &self.pack.params[id.index()];
        let mut node = Node::new(Kind::Param, &*param.name);
        node.value = Some(param.value.show(&param.ty));
        let set = self.pack.sets.iter().rev().find(|s| s.param == id);
        node.place = Some((param.value_span, set.is_some()));
        node.notes.push(match set {
            None => "its default".to_owned(),
            Some(set) => {
                let why = set.because.as_ref().map(|b| format!(", because \"{b}\"")).unwrap_or_default();
                format!("set{why}; its default is {}", param.default.show(&param.ty))
            }
        });
        node
    }

    /// The params of what rows are asked for, each once.
    fn params<'e>(
        &self,
        asked: impl Iterator<Item = &'e Expr<Checked>>,
        window: Option<&'e Window<Checked>>,
    ) -> Vec<Node> {
        let within = window.and_then(|w| if let WindowKind::Last(length) = &w.kind { Some(length) } else { None });
        let mut all: Vec<ParamId> = Vec::new();
        for e in asked.chain(within) {
            e.walk(&mut |e| {
                if let ExprKind::Name(Binding::Param(id)) = &e.kind
                    && !all.contains(id)
                {
                    all.push(*id);
                }
            });
        }
        all.into_iter().map(|id| self.param(id)).collect()
    }

    fn read(&self, node: &mut Node, reading: &Reading, ty: &Type) {
        node.value = Some(shown(&reading.value, ty));
        node.unknown = reading.value.as_ref().err().map(|why| why.text.clone());
        if reading.left_out > 0 {
            node.notes.push(format!("{} left out", reading.left_out));
        }
    }

    fn metric(&mut self, id: MetricId, moment: MomentId, key: Option<u32>, depth: usize) -> Node {
        let metric = self.pack.metric(id);
        let judge = self.judge;
        let reading = judge.metric(id, moment, key);
        let of = metric.grain.zip(key).map(|(grain, key)| format!(" of {}", judge.label(grain, key)));
        let mut node = Node::new(Kind::Metric, format!("{}{}", metric.name, of.unwrap_or_default()));
        self.read(&mut node, &reading, &metric.ty);
        if moment != MomentId::NOW
            && let Ok(t) = judge.instant(moment)
        {
            node.notes.push(format!("as of {}", self.pack.settings.calendar.show(t.at)));
        }
        if !self.seen.insert((id, moment, key)) || depth > DEEPEST {
            node.notes.push("taken apart elsewhere".to_owned());
            return node;
        }
        let rows: Vec<Row> = metric.grain.zip(key).map(|(grain, key)| Row::of(grain, key)).into_iter().collect();
        let block = metric.print(self.pack);
        if let Some((_, made_of)) = block.head.split_once(" = ") {
            node.notes.push(made_of.to_owned());
        }
        match &metric.definition {
            Definition::Aggregate(a) => {
                let basis = judge.basis(id, moment, key);
                node.notes.extend(basis.as_ref().map(|b| self.basis_words(b, &a.rows, a.fold == Fold::Share)));
                node.parts.extend(self.freshness(&a.rows, key, moment));
                let unknown = basis.map(|b| b.unknown).unwrap_or_default();
                node.parts.extend(rows_unknown(&unknown));
                let asked = a.of.iter().chain(&a.filter).chain(&a.out_of);
                node.parts.extend(self.params(asked.clone(), a.window.as_ref()));
                for e in asked {
                    self.each(e, moment, depth, &mut node.parts);
                }
            }
            Definition::Formula(e) => {
                if matches!(e.kind, ExprKind::Arith(..)) {
                    node.notes.push(format!("= {}", self.numbers(e, &rows, moment, false)));
                }
                self.collect(e, &rows, moment, depth, &mut node.parts);
            }
            Definition::Cases(cases) => {
                let place = Place::of(self.pack, metric.grain);
                for (value, when) in cases {
                    let holds = when.as_ref().map_or(Tri::Yes, |w| judge.condition(w, &rows, moment));
                    let case = match when {
                        Some(when) => format!("{} when {}", place.expr(value), place.expr(when)),
                        None => format!("{} otherwise", place.expr(value)),
                    };
                    node.notes.push(match &holds {
                        Tri::No => format!("does not hold: {case}"),
                        Tri::Unknown(_) => format!("cannot be told: {case}"),
                        Tri::Yes => format!("the first case that holds: {case}"),
                    });
                    // A case that does not hold is why a later one is asked at all.
                    if let Some(when) = when {
                        self.collect(when, &rows, moment, depth, &mut node.parts);
                    }
                    if holds != Tri::No {
                        self.collect(value, &rows, moment, depth, &mut node.parts);
                        break;
                    }
                }
            }
            Definition::Shift(_, Binding::Metric { metric: of, .. }, then) => {
                let now = self.metric(*of, moment, key, depth + 1);
                node.parts.push(now);
                let earlier = self.earlier(*of, then, moment, key, depth);
                node.parts.extend(earlier);
            }
            Definition::At(Binding::Metric { metric: of, .. }, then) => {
                let earlier = self.earlier(*of, then, moment, key, depth);
                node.parts.extend(earlier);
            }
            Definition::Shift(..) | Definition::At(..) => {}
        }
        node
    }

    /// The metrics of which every row that is looked at has one: what they are, and whose data is the oldest.
    fn each(&mut self, e: &Expr<Checked>, moment: MomentId, depth: usize, all: &mut Vec<Node>) {
        let mut metrics = Vec::new();
        e.walk(&mut |e| {
            if let ExprKind::Name(Binding::Metric { metric, .. }) = &e.kind
                && !metrics.contains(metric)
            {
                metrics.push(*metric);
            }
        });
        for id in metrics {
            let metric = self.pack.metric(id);
            let Some(grain) = metric.grain else { continue };
            let mut node = Node::new(Kind::Metric, format!("{} of each {}", metric.name, self.pack.row_word(grain)));
            if !self.seen.insert((id, moment, None)) || depth > DEEPEST {
                node.notes.push("taken apart elsewhere".to_owned());
                all.push(node);
                continue;
            }
            if let Some((_, made_of)) = metric.print(self.pack).head.split_once(" = ") {
                node.notes.push(made_of.to_owned());
            }
            match &metric.definition {
                Definition::Aggregate(a) => {
                    node.parts.extend(self.freshness(&a.rows, None, moment));
                    for e in a.of.iter().chain(&a.filter).chain(&a.out_of) {
                        self.each(e, moment, depth + 1, &mut node.parts);
                    }
                }
                Definition::Formula(e) => self.each(e, moment, depth + 1, &mut node.parts),
                Definition::Cases(cases) => {
                    for e in cases.iter().flat_map(|(value, when)| std::iter::once(value).chain(when)) {
                        self.each(e, moment, depth + 1, &mut node.parts);
                    }
                }
                Definition::Shift(..) | Definition::At(..) => {}
            }
            all.push(node);
        }
    }

    /// A metric at another time.
    fn earlier(
        &mut self,
        id: MetricId,
        moment_of: &MomentOf<Checked>,
        moment: MomentId,
        key: Option<u32>,
        depth: usize,
    ) -> Option<Node> {
        let then = moment_of.then.as_ref()?;
        let at = match then {
            Then::Previous(period) => Moment::Closed(moment, *period, 1),
            other => Moment::Then(moment, other.clone()),
        };
        let at = self.judge.at(&at);
        if *then != Then::Baseline {
            return Some(self.metric(id, at, key, depth + 1));
        }
        let metric = self.pack.metric(id);
        let mut node = Node::new(Kind::Metric, format!("{} at the baseline", metric.name));
        self.read(&mut node, &self.judge.shifted(id, moment_of, moment, key), &metric.ty);
        if let Ok(t) = self.judge.instant(at) {
            node.notes.push(format!("as of {}", self.pack.settings.calendar.show(t.at)));
        }
        Some(node)
    }

    /// A formula with numbers in the place of names.
    fn numbers(&self, e: &Expr<Checked>, rows: &[Row], moment: MomentId, inner: bool) -> String {
        match &e.kind {
            ExprKind::Arith(op, a, b) => {
                let (a, b) = (self.numbers(a, rows, moment, true), self.numbers(b, rows, moment, true));
                let text = format!("{a} {} {b}", op.words());
                if inner { format!("({text})") } else { text }
            }
            _ => shown(&self.judge.value(e, rows, moment).value, &e.ty),
        }
    }

    fn basis_words(&self, basis: &Basis, rows: &Rows, share: bool) -> String {
        let name = self.pack.relation_name(rows.of);
        let mut text = format!("{} of `{name}`", counted(basis.rows, "row"));
        if share {
            text = format!("out of {text}");
        }
        if basis.looked_at > basis.rows {
            text.push_str(&format!(", of {} looked at", basis.looked_at));
        }
        if basis.without_value > 0 {
            text.push_str(&format!(", {} without a value", basis.without_value));
        }
        if let Some(at) = basis.newest {
            text.push_str(&format!(", the newest of {}", self.day(at)));
        }
        if !basis.unknown.is_empty() {
            text.push_str(&format!(", {} that cannot be told", basis.unknown.len()));
        }
        text
    }

    /// A moment, without its clock where it is the beginning of a day.
    fn day(&self, at: jiff::Timestamp) -> String {
        let text = self.pack.settings.calendar.show(at);
        text.strip_suffix(" 00:00").map_or(text.clone(), str::to_owned)
    }

    fn exists(&mut self, x: &Exists<Checked>, rows: &[Row], moment: MomentId) -> Node {
        let mut node = Node::new(Kind::Data, format!("rows of {}", self.pack.relation_name(x.rows.of)));
        if let Some(basis) = self.judge.matching(x, rows, moment) {
            node.value = Some(format!("{} of {}", basis.rows, counted(basis.looked_at, "row")));
            if let Some(at) = basis.newest {
                node.notes.push(format!("the newest of {}", self.day(at)));
            }
            node.parts = rows_unknown(&basis.unknown);
        }
        let promises = self.freshness(&x.rows, rows.first().map(|row| row.key()), moment);
        node.parts.extend(promises);
        node.parts.extend(self.params(x.filter.iter(), x.window.as_ref()));
        node
    }

    fn freshness(&self, rows: &Rows, key: Option<u32>, moment: MomentId) -> Vec<Node> {
        let one = |f: crate::engine::judge::Freshness| {
            let name = &self.pack.contract(f.contract).name;
            let whom = f.whom.map(|w| format!(" for {w}")).unwrap_or_default();
            let mut node = Node::new(Kind::Data, format!("{name}{whom} fresh within {}", f.within));
            node.value = Some(f.word.to_owned());
            node.holds = Some(if f.word == "fresh" { Truth::Yes } else { Truth::No });
            let stale = f.stale.map(|s| format!(", stale after {s}")).unwrap_or_default();
            node.notes.push(match (f.newest, f.age) {
                (Some(at), Some(age)) => format!("newest row of {}, {} old{stale}", self.day(at), age_words(age)),
                _ => format!("no row{stale}"),
            });
            node
        };
        self.judge.freshness_of(rows, key, moment).into_iter().map(one).collect()
    }
}

/// Rows that cannot be told, each with the reason.
fn rows_unknown(unknown: &[(String, Arc<crate::engine::reading::Why>)]) -> Vec<Node> {
    let one = |(label, why): &(String, Arc<crate::engine::reading::Why>)| {
        let mut node = Node::new(Kind::Row, label.clone());
        node.unknown = Some(why.text.clone());
        node
    };
    let mut all: Vec<Node> = unknown.iter().take(ROWS_NAMED).map(one).collect();
    if unknown.len() > ROWS_NAMED {
        let rest: Vec<&str> =
            unknown.iter().skip(ROWS_NAMED).take(ROWS_NAMED).map(|(label, _)| label.as_str()).collect();
        let mut node = Node::new(Kind::Row, format!("and {} more", unknown.len() - ROWS_NAMED));
        node.notes.push(format!("such as {}", listed(&rest, "and")));
        all.push(node);
    }
    all
}

fn shown(value: &Result<Option<Value>, Arc<crate::engine::reading::Why>>, ty: &Type) -> String {
    match value {
        Ok(Some(value)) => value.show(ty),
        Ok(None) => "missing".to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}

/// Whether a condition holds, if one part of it were as it is said.
fn weigh(
    judge: &Judge<'_>,
    e: &Expr<Checked>,
    rows: &[Row],
    moment: MomentId,
    forced: Option<(&Expr<Checked>, &Tri)>,
) -> Tri {
    if let Some((part, as_said)) = forced
        && std::ptr::eq(part, e)
    {
        return as_said.clone();
    }
    match &e.kind {
        ExprKind::Joint(Joint::And, all) => Tri::all(all.iter().map(|e| weigh(judge, e, rows, moment, forced))),
        ExprKind::Joint(Joint::Or, all) => Tri::any(all.iter().map(|e| weigh(judge, e, rows, moment, forced))),
        ExprKind::Not(e) => weigh(judge, e, rows, moment, forced).negate(),
        _ => judge.condition(e, rows, moment),
    }
}
