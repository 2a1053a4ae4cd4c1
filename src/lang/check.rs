//! Arrow 3, items and names to a typed pack: every name resolved, every unit and grain known.
//!
//! After this nothing can be wrong with the rules; what fails later is about the world.

use std::collections::HashSet;
use std::sync::Arc;

use super::expr::{
    Anchor, Answer, Arith, Binding, Checked, Compare, ContractId, Distance, Exists, Expr, ExprKind, GateId, Hop, Joint,
    Literal, MetricId, PairsId, ParamId, Path, Presence, Relation, Rows, Tie, Window, WindowKind, Written,
    WrittenContracts,
};
use super::item::{
    self, File, Head,
    contract::Contract,
    gate::Gate,
    metric::{Definition, Fold, Metric},
    pairs::{self, Pairs},
    param::Param,
    threshold::Threshold,
    trigger::Trigger,
};
use super::names::{self, Kind, Names};
use super::pack::Pack;
use super::syntax::Word;
use super::ways::{MAX_HOPS, MAX_WAYS, Ways};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::settings::Settings;
use crate::source::Span;
use crate::value::{Currency, Number, Type, Value, listed};

/// Metrics may read metrics this deep.
const MAX_METRIC_DEPTH: usize = 100;

/// What names mean at a place: the row in scope, the row outside it, what steps introduced.
#[derive(Debug, Clone)]
pub(crate) struct Scope<'a> {
    pub(crate) relation: Option<Relation>,
    pub(crate) outer: Option<&'a Scope<'a>>,
    /// Rows that steps above introduced, by noun.
    pub(crate) introduced: Vec<(Arc<str>, ContractId)>,
    /// Whether somebody can have answered.
    pub(crate) answers: bool,
    /// Whether only params may be named.
    pub(crate) params: bool,
}

impl<'a> Scope<'a> {
    /// No row: values of the portfolio.
    pub(crate) fn portfolio() -> Scope<'a> {
        Scope { relation: None, outer: None, introduced: Vec::new(), answers: false, params: false }
    }

    /// A row of a relation.
    pub(crate) fn row(relation: Relation) -> Scope<'a> {
        Scope { relation: Some(relation), ..Scope::portfolio() }
    }

    /// Rows inside an aggregate or `there is`; `its` is the row outside.
    pub(crate) fn inside(relation: Relation, outer: &'a Scope<'a>) -> Scope<'a> {
        Scope { relation: Some(relation), outer: Some(outer), ..Scope::portfolio() }
    }

    /// Params and nothing else.
    pub(crate) fn params_only() -> Scope<'a> {
        Scope { params: true, ..Scope::portfolio() }
    }
}

/// What is known while the pack is checked.
pub(crate) struct Checker<'a> {
    pub(crate) file: &'a File,
    pub(crate) names: Names,
    pub(crate) settings: &'a Settings,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) contracts: Vec<Contract>,
    pub(crate) pairs: Vec<Option<Pairs>>,
    pub(crate) params: Vec<Option<Param>>,
    pub(crate) profiles: Vec<Option<item::settings::Profile>>,
    pub(crate) metrics: Vec<Slot>,
    pub(crate) thresholds: Vec<Option<Threshold>>,
    pub(crate) gates: Vec<Option<Gate>>,
    pub(crate) triggers: Vec<Option<Trigger>>,
    pub(crate) decisions: Vec<Option<item::decision::Decision>>,
    pub(crate) sets: Vec<item::settings::Set>,
    stack: Vec<MetricId>,
    columns_of: HashSet<Arc<str>>,
}

/// How far a metric is.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    /// Not looked at.
    New,
    /// Being checked.
    Open,
    /// Checked; nothing when it is wrong.
    Done(Option<Box<Metric>>),
}

/// Checks a pack. It comes back whole or not at all; the findings come back in any case.
pub fn check(file: &File, settings: &Settings) -> (Option<Pack>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let names = names::resolve(file, &mut diagnostics);
    let mut cx = Checker {
        file,
        names,
        settings,
        diagnostics,
        contracts: Vec::new(),
        pairs: Vec::new(),
        params: vec![None; file.params.len()],
        profiles: Vec::new(),
        metrics: vec![Slot::New; file.metrics.len()],
        thresholds: Vec::new(),
        gates: Vec::new(),
        triggers: Vec::new(),
        decisions: Vec::new(),
        sets: Vec::new(),
        stack: Vec::new(),
        columns_of: HashSet::new(),
    };
    for (i, written) in file.params.iter().enumerate() {
        cx.params[i] = item::param::check(&mut cx, written);
    }
    for set in &file.sets {
        item::settings::check_set(&mut cx, set);
    }
    check_set_twice(&mut cx);
    for written in &file.contracts {
        let contract = item::contract::declare(&mut cx, written);
        cx.columns_of.extend(contract.columns.iter().map(|c| c.name.clone()));
        cx.contracts.push(contract);
    }
    for written in &file.pairs {
        let pairs = pairs::declare(&mut cx, written);
        cx.pairs.push(pairs);
    }
    for (i, written) in file.contracts.iter().enumerate() {
        item::contract::check(&mut cx, ContractId(i as u32), written);
    }
    for (i, written) in file.contracts.iter().enumerate() {
        item::contract::check_references(&mut cx, ContractId(i as u32), written);
    }
    for (i, written) in file.pairs.iter().enumerate() {
        pairs::check(&mut cx, PairsId(i as u32), written);
    }
    for i in 0..file.metrics.len() {
        cx.metric(MetricId(i as u32));
    }
    for (i, written) in file.contracts.iter().enumerate() {
        item::contract::check_promises(&mut cx, ContractId(i as u32), written);
        item::contract::check_sources(&mut cx, ContractId(i as u32), written);
    }
    for written in &file.thresholds {
        let threshold = item::threshold::check(&mut cx, written);
        cx.thresholds.push(threshold);
    }
    for written in &file.gates {
        let gate = item::gate::check(&mut cx, written);
        cx.gates.push(gate);
    }
    let stages: Vec<_> = file.stages.iter().map(|w| item::stage::check(&mut cx, w)).collect();
    for written in &file.decisions {
        let decision = item::decision::check(&mut cx, written);
        cx.decisions.push(decision);
    }
    for written in &file.triggers {
        let trigger = item::trigger::check(&mut cx, written);
        cx.triggers.push(trigger);
    }
    let rollbacks: Vec<_> = file.rollbacks.iter().map(|w| item::rollback::check(&mut cx, w)).collect();
    let reports: Vec<_> = file.reports.iter().map(|w| item::report::check(&mut cx, w)).collect();
    for written in &file.profiles {
        let profile = item::settings::check_profile(&mut cx, written);
        cx.profiles.push(profile);
    }
    let requires: Vec<_> = file.requires.iter().map(|w| item::require::check(&mut cx, w)).collect();
    check_requires(&mut cx, &requires);
    let tests: Vec<_> = file.tests.iter().map(|w| item::test::check(&mut cx, w)).collect();
    super::cascade::check(&mut cx);
    let pack = Pack::build(&mut cx, stages, rollbacks, reports, requires, tests);
    cx.diagnostics.extend(pack.as_ref().and_then(super::circle::circle));
    (pack, cx.diagnostics)
}

fn check_set_twice(cx: &mut Checker<'_>) {
    let mut seen: std::collections::HashMap<Arc<str>, Span> = std::collections::HashMap::new();
    for set in &cx.file.sets {
        if let Some(first) = seen.insert(set.param.text.clone(), set.span) {
            cx.diagnostics.push(
                Diagnostic::new(Code::Duplicate, format!("`{}` is set twice", set.param))
                    .label(set.span, "again here")
                    .label(first, "first here")
                    .help("keep the line that should be in force"),
            );
        }
    }
}

/// Requirements hold for the values in force and for each profile on top of them.
fn check_requires(cx: &mut Checker<'_>, requires: &[Option<item::require::Require>]) {
    let params = cx.params.clone();
    let now = |id: ParamId| params[id.index()].as_ref().map(|p| p.value.clone());
    let profiles = cx.profiles.clone();
    for require in requires.iter().flatten() {
        if !params_hold(&require.condition, &now) {
            let text = explain_params(cx, &require.condition, &now);
            let mut fault =
                Diagnostic::at(Code::RequireBroken, require.span, format!("this requirement is broken: {text}"))
                    .help(format!("change a `set` or a default so that it holds: {}", require.because));
            for (id, value) in changed_params(cx, &require.condition) {
                fault = fault.label(id, value);
            }
            cx.report(fault);
            continue;
        }
        for profile in profiles.iter().flatten() {
            let with = |id: ParamId| {
                profile.values.iter().find(|(p, _, _)| *p == id).map(|(_, v, _)| v.clone()).or_else(|| now(id))
            };
            if !params_hold(&require.condition, &with) {
                let text = explain_params(cx, &require.condition, &with);
                let named = params_of(&require.condition);
                let place =
                    profile.values.iter().find(|(p, _, _)| named.contains(p)).map_or(profile.span, |(_, _, s)| *s);
                cx.report(
                    Diagnostic::new(
                        Code::RequireBroken,
                        format!("profile `{}` breaks a requirement: {text}", profile.name),
                    )
                    .label(place, "set here")
                    .label(require.span, "required here")
                    .help(format!(
                        "set the other params of the requirement too, so that it holds: {}",
                        require.because
                    )),
                );
            }
        }
    }
}

fn params_of(e: &Expr<Checked>) -> Vec<ParamId> {
    let mut all = Vec::new();
    e.walk(&mut |e| {
        if let ExprKind::Name(Binding::Param(id)) = &e.kind
            && !all.contains(id)
        {
            all.push(*id);
        }
    });
    all
}

fn changed_params(cx: &Checker<'_>, e: &Expr<Checked>) -> Vec<(Span, String)> {
    params_of(e)
        .into_iter()
        .filter_map(|id| cx.params[id.index()].as_ref())
        .filter(|p| p.value != p.default)
        .map(|p| (p.value_span, format!("`{}` is set to {} here", p.name, p.value.show(&p.ty))))
        .collect()
}

/// `a + b = 1` with its numbers: `a (0.30) + b (0.35) is 0.65, which is not 1`.
fn explain_params(cx: &Checker<'_>, e: &Expr<Checked>, value_of: &dyn Fn(ParamId) -> Option<Value>) -> String {
    if let ExprKind::Compare(compare, a, b) = &e.kind
        && let (Some(left), Some(right)) = (param_value(a, value_of), param_value(b, value_of))
    {
        let side = |e: &Expr<Checked>, value: &Value| match e.kind {
            ExprKind::Arith(..) => format!("{} is {}", cx.with_values(e, value_of), value.show(&e.ty)),
            _ => cx.with_values(e, value_of),
        };
        let which = if matches!(a.kind, ExprKind::Arith(..)) { ", which" } else { "" };
        return format!("{}{which} {} {}", side(a, &left), compare.opposite().words(), side(b, &right));
    }
    let all: Vec<String> = params_of(e)
        .into_iter()
        .filter_map(|id| {
            let p = cx.params[id.index()].as_ref()?;
            Some(format!("{} is {}", p.name, value_of(id)?.show(&p.ty)))
        })
        .collect();
    listed(&all, "and")
}

/// The value of arithmetic over params; `None` where it has none.
pub(crate) fn param_value(e: &Expr<Checked>, value_of: &dyn Fn(ParamId) -> Option<Value>) -> Option<Value> {
    match &e.kind {
        ExprKind::Literal(value) => Some(value.clone()),
        ExprKind::Name(Binding::Param(id)) => value_of(*id),
        ExprKind::Arith(op, a, b) => {
            let (x, y) = (param_value(a, value_of)?, param_value(b, value_of)?);
            arithmetic(*op, &x, &a.ty, &y, &b.ty).ok()
        }
        _ => None,
    }
}

/// Whether a condition over params holds; what cannot be computed does not.
pub(crate) fn params_hold(e: &Expr<Checked>, value_of: &dyn Fn(ParamId) -> Option<Value>) -> bool {
    match &e.kind {
        ExprKind::Compare(compare, a, b) => match (param_value(a, value_of), param_value(b, value_of)) {
            (Some(a), Some(b)) => a.compare(&b).is_some_and(|order| compare.holds(order)),
            _ => false,
        },
        ExprKind::Joint(Joint::And, all) => all.iter().all(|e| params_hold(e, value_of)),
        ExprKind::Joint(Joint::Or, all) => all.iter().any(|e| params_hold(e, value_of)),
        ExprKind::Not(e) => !params_hold(e, value_of),
        ExprKind::OneOf(negated, e, all) => {
            let value = param_value(e, value_of);
            all.iter().any(|x| param_value(x, value_of) == value) != *negated
        }
        ExprKind::Between(e, a, b) => {
            match (param_value(e, value_of), param_value(a, value_of), param_value(b, value_of)) {
                (Some(v), Some(a), Some(b)) => {
                    v.compare(&a).is_some_and(std::cmp::Ordering::is_ge)
                        && v.compare(&b).is_some_and(std::cmp::Ordering::is_le)
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// Why arithmetic has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoValue {
    /// The divisor is zero.
    DividedByZero,
    /// The result does not fit exact arithmetic.
    TooLarge,
}

/// Arithmetic between two known values of checked units, by a clock and holidays that nobody has named.
pub fn arithmetic(op: Arith, a: &Value, a_ty: &Type, b: &Value, b_ty: &Type) -> Result<Value, NoValue> {
    arithmetic_in(&crate::time::Calendar::default(), op, a, a_ty, b, b_ty)
}

/// Arithmetic between two known values of checked units. Days and months are those of the calendar.
pub fn arithmetic_in(
    calendar: &crate::time::Calendar,
    op: Arith,
    a: &Value,
    a_ty: &Type,
    b: &Value,
    b_ty: &Type,
) -> Result<Value, NoValue> {
    let whole = |n: i128| Number::whole(n);
    match (op, a, b) {
        (Arith::Sub, Value::Moment(a), Value::Moment(b)) => {
            let (n, d) = crate::time::seconds_between(*b, *a);
            Number::ratio(n, d).map(Value::Number).ok_or(NoValue::TooLarge)
        }
        (Arith::Sub, Value::Date(a), Value::Date(b)) => {
            let days = b.until(*a).map_or(0, |s| s.get_days());
            Ok(Value::Span(crate::value::Span { days, ..Default::default() }))
        }
        (Arith::Add | Arith::Sub, Value::Moment(at), Value::Number(n)) => {
            Ok(Value::Moment(calendar.shift_seconds(*at, n.floor(), op == Arith::Add)))
        }
        (Arith::Add | Arith::Sub, Value::Date(date), Value::Span(span)) => {
            Ok(Value::Date(calendar.shift_date(*date, *span, op == Arith::Add)))
        }
        (Arith::Add | Arith::Sub, Value::Moment(at), Value::Span(span)) => {
            Ok(Value::Moment(calendar.shift(*at, *span, op == Arith::Add)))
        }
        (Arith::Add | Arith::Sub, Value::Span(a), Value::Span(b)) => {
            let sign = if op == Arith::Add { 1 } else { -1 };
            Ok(Value::Span(crate::value::Span {
                months: a.months.saturating_add(b.months.saturating_mul(sign)),
                days: a.days.saturating_add(b.days.saturating_mul(sign)),
                business: a.business.saturating_add(b.business.saturating_mul(sign)),
            }))
        }
        (op, Value::Number(a), Value::Number(b)) => {
            let result = match op {
                Arith::Add => a.plus(*b),
                Arith::Sub => a.minus(*b),
                Arith::Mul => {
                    let percents = u32::from(*a_ty == Type::Percent) + u32::from(*b_ty == Type::Percent);
                    let product = a.times(*b);
                    if percents > 0 { product.and_then(|p| p.over(whole(100))) } else { product }
                }
                Arith::Div if b.is_zero() => return Err(NoValue::DividedByZero),
                Arith::Div => a.over(*b),
                Arith::PercentOf if b.is_zero() => return Err(NoValue::DividedByZero),
                Arith::PercentOf => a.times(whole(100)).and_then(|n| n.over(*b)),
            };
            result.map(Value::Number).ok_or(NoValue::TooLarge)
        }
        _ => Err(NoValue::TooLarge),
    }
}

/// A sign as it is read aloud.
fn spoken(op: Arith) -> &'static str {
    match op {
        Arith::Add => "plus",
        Arith::Sub => "minus",
        Arith::Mul => "times",
        Arith::Div => "divided by",
        Arith::PercentOf => "as percent of",
    }
}

impl Ways for Checker<'_> {
    fn contract_of(&self, id: ContractId) -> &Contract {
        &self.contracts[id.index()]
    }

    fn pairs_of(&self, id: PairsId) -> Option<&Pairs> {
        self.pairs.get(id.index())?.as_ref()
    }
}

impl<'a> Checker<'a> {
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(crate) fn currency(&self) -> Currency {
        self.settings.currency.clone()
    }

    /// An operand as a person writes it, where it is a value or a name.
    pub(crate) fn in_words(&self, e: &Expr<Checked>) -> String {
        match &e.kind {
            ExprKind::Literal(value) => value.show(&e.ty),
            ExprKind::Name(Binding::Param(id)) => {
                self.params[id.index()].as_ref().map_or_else(|| "a param".into(), |p| format!("`{}`", p.name))
            }
            ExprKind::Name(Binding::Now) => "now".into(),
            _ => "another value".into(),
        }
    }

    /// Arithmetic over params with the value of each behind its name.
    fn with_values(&self, e: &Expr<Checked>, value_of: &dyn Fn(ParamId) -> Option<Value>) -> String {
        match &e.kind {
            ExprKind::Arith(op, a, b) => {
                format!("{} {} {}", self.with_values(a, value_of), op.words(), self.with_values(b, value_of))
            }
            ExprKind::Name(Binding::Param(id)) => match (self.params[id.index()].as_ref(), value_of(*id)) {
                (Some(p), Some(value)) => format!("{} ({})", p.name, value.show(&p.ty)),
                _ => self.in_words(e),
            },
            _ => self.in_words(e),
        }
    }

    /// The reason of an item that must have one.
    pub(crate) fn because(&mut self, head: &Head, noun: &str) -> Arc<str> {
        match &head.because {
            Some(reason) => reason.text.clone(),
            None => {
                if !head.broken {
                    let name = if noun == "require" {
                        "this requirement".to_owned()
                    } else {
                        format!("{noun} `{}`", head.name)
                    };
                    self.report(
                        Diagnostic::at(Code::NoReason, head.span, format!("{name} does not say why it exists"))
                            .help("add a line such as `because \"…\"` below it, in a sentence a board member accepts"),
                    );
                }
                "".into()
            }
        }
    }

    /// Whether values of the two types may stand on two sides of a comparison.
    pub(crate) fn compatible(&self, a: &Type, b: &Type) -> bool {
        let numeric = |t: &Type| matches!(t, Type::Count | Type::Number);
        let timely = |t: &Type| matches!(t, Type::Date | Type::Moment);
        let wordy = |t: &Type| matches!(t, Type::Text | Type::Id(_));
        match (a, b) {
            (a, b) if a == b => true,
            (Type::Broken, _) | (_, Type::Broken) => true,
            (a, b) if numeric(a) && numeric(b) || timely(a) && timely(b) || wordy(a) && wordy(b) => true,
            (Type::Words(a), Type::Words(b)) => a.iter().any(|w| b.contains(w)),
            (Type::Words(_), Type::Text) | (Type::Text, Type::Words(_)) => true,
            _ => false,
        }
    }

    /// What to write when two units do not meet.
    pub(crate) fn unit_help(&self, left: &Type, right: &Type) -> String {
        match (left, right) {
            (Type::Number | Type::Count, Type::Percent) => "a ratio in percents is written `a as percent of b`".into(),
            (Type::Points, Type::Percent) | (Type::Percent, Type::Points) => {
                "a difference of percents is in points: write `3 points`".into()
            }
            (Type::Money(a), Type::Money(b)) => format!("{a} and {b} never mix without a stated rate"),
            (Type::Duration, Type::Span) => "a length of time is exact: write it in hours or minutes".into(),
            (Type::Span, Type::Duration) => "days, weeks and months are of the calendar: write it in days".into(),
            (left, _) => left.write_such(),
        }
    }

    pub(crate) fn is_broken_contract(&self, id: ContractId) -> bool {
        self.file.contracts.get(id.index()).is_some_and(|c| c.head.broken)
    }

    fn is_broken(&self, relation: Relation) -> bool {
        match relation {
            Relation::Contract(id) => self.is_broken_contract(id),
            Relation::Pairs(id) => {
                self.file.pairs.get(id.index()).is_none_or(|p| p.head.broken) || self.pairs[id.index()].is_none()
            }
        }
    }

    pub(crate) fn column_of(&mut self, id: ContractId, word: &Word) -> Option<u32> {
        let contract = &self.contracts[id.index()];
        let found = contract.column(&word.text);
        if found.is_none() && !self.is_broken_contract(id) {
            let what = format!("contract `{}` has no column", contract.name);
            let fault = names::unknown(word, &what, contract.columns.iter().map(|c| &*c.name));
            self.report(fault);
        }
        found
    }

    pub(crate) fn noun(&mut self, word: &Word) -> Option<Relation> {
        if let Some(relation) = self.names.noun(&word.text) {
            return Some(relation);
        }
        if let Some(entry) = self.names.get(&word.text) {
            if entry.broken {
                return None;
            }
            if let Kind::Contract(id) = entry.kind {
                let help = match &self.contracts.get(id.index()).and_then(|c| c.noun.clone()) {
                    Some(noun) => format!("one row of it is called `{noun}`"),
                    None => format!("give its rows a word: `contract {word}, each a …`"),
                };
                self.report(
                    Diagnostic::at(
                        Code::WrongKind,
                        word.span,
                        format!("`{word}` is a contract, and a noun is needed here"),
                    )
                    .help(help),
                );
                return None;
            }
        }
        let nouns: Vec<String> = self.names.nouns().map(str::to_owned).collect();
        let mut fault = names::unknown(word, "no contract calls its rows", nouns.iter().map(String::as_str));
        if fault.help.is_none() {
            fault = fault.help(format!("say it in a contract: `contract NAME, each a {word}`"));
        }
        self.report(fault);
        None
    }

    pub(crate) fn noun_of_pairs(&mut self, word: &Word) -> Option<Relation> {
        let relation = self.noun(word)?;
        if matches!(relation, Relation::Contract(_)) {
            self.report(
                Diagnostic::at(
                    Code::WrongKind,
                    word.span,
                    format!("`{word}` is a row of a contract, and a pair is needed here"),
                )
                .help("a reference to a row is a column: `venture_id  id of ventures`"),
            );
            return None;
        }
        Some(relation)
    }

    pub(crate) fn contract_of_noun(&mut self, word: &Word) -> Option<ContractId> {
        match self.noun(word)? {
            Relation::Contract(id) => Some(id),
            Relation::Pairs(_) => {
                self.report(Diagnostic::at(
                    Code::WrongKind,
                    word.span,
                    format!("`{word}` is a derived pair, and a row of a contract is needed here"),
                ));
                None
            }
        }
    }

    pub(crate) fn contract_named(&mut self, word: &Word) -> Option<ContractId> {
        self.names.contract(word, &mut self.diagnostics)
    }

    /// A contract or pairs block by its own name.
    pub(crate) fn relation_named(&mut self, word: &Word) -> Option<Relation> {
        let pick = |k| match k {
            Kind::Contract(id) => Some(Relation::Contract(id)),
            Kind::Pairs(id) => Some(Relation::Pairs(id)),
            _ => None,
        };
        if self.names.get(&word.text).is_none()
            && let Some(relation) = self.names.noun(&word.text)
        {
            let name = self.relation_name(relation);
            self.report(
                Diagnostic::at(
                    Code::WrongKind,
                    word.span,
                    format!("`{word}` is one row; rows are aggregated under the name of their contract"),
                )
                .help(format!("write `{name}`")),
            );
            return None;
        }
        let relation = self.names.of_kind(word, "a contract", pick, &mut self.diagnostics)?;
        if let Relation::Contract(id) = relation
            && let Some(contract) = self.contracts.get(id.index())
            && !contract.is_table()
        {
            let name = contract.name.clone();
            self.report(
                Diagnostic::at(
                    Code::WrongKind,
                    word.span,
                    format!("`{name}` describes a document, whose rows are not in the database"),
                )
                .help("name the table or the metric it is filled from"),
            );
            return None;
        }
        (!self.is_broken(relation)).then_some(relation)
    }

    pub(crate) fn relation_name(&self, relation: Relation) -> Arc<str> {
        match relation {
            Relation::Contract(id) => self.contracts[id.index()].name.clone(),
            Relation::Pairs(id) => self.file.pairs[id.index()].head.name.text.clone(),
        }
    }

    /// The word for one row.
    pub(crate) fn row_word(&self, relation: Relation) -> String {
        match relation {
            Relation::Contract(id) => self.contracts[id.index()].row_word().to_owned(),
            Relation::Pairs(id) => self.pairs[id.index()].as_ref().map_or("pair".into(), |p| p.noun.to_string()),
        }
    }

    pub(crate) fn gate_named(&mut self, word: &Word) -> Option<GateId> {
        self.names.of_kind(
            word,
            "a gate",
            |k| if let Kind::Gate(id) = k { Some(id) } else { None },
            &mut self.diagnostics,
        )
    }

    pub(crate) fn trigger_named(&mut self, word: &Word) -> Option<u32> {
        self.names.of_kind(
            word,
            "a trigger",
            |k| if let Kind::Trigger(id) = k { Some(id) } else { None },
            &mut self.diagnostics,
        )
    }

    pub(crate) fn rollback_named(&mut self, word: &Word) -> Option<u32> {
        self.names.of_kind(
            word,
            "a rollback",
            |k| if let Kind::Rollback(id) = k { Some(id) } else { None },
            &mut self.diagnostics,
        )
    }

    pub(crate) fn report_named(&mut self, word: &Word) -> Option<u32> {
        self.names.of_kind(
            word,
            "a report",
            |k| if let Kind::Report(id) = k { Some(id) } else { None },
            &mut self.diagnostics,
        )
    }

    pub(crate) fn metric_named(&mut self, word: &Word) -> Option<MetricId> {
        self.names.of_kind(
            word,
            "a metric",
            |k| if let Kind::Metric(id) = k { Some(id) } else { None },
            &mut self.diagnostics,
        )
    }

    pub(crate) fn param_named(&mut self, word: &Word) -> Option<ParamId> {
        self.names.of_kind(
            word,
            "a param",
            |k| if let Kind::Param(id) = k { Some(id) } else { None },
            &mut self.diagnostics,
        )
    }

    /// A metric, checked now if it was not yet. Nothing when it is wrong, which has been said then.
    pub(crate) fn metric(&mut self, id: MetricId) -> Option<Metric> {
        match &self.metrics[id.index()] {
            Slot::Done(done) => return done.as_deref().cloned(),
            Slot::Open => {
                self.report_cycle(id);
                return None;
            }
            Slot::New => {}
        }
        let written = &self.file.metrics[id.index()];
        if self.stack.len() >= MAX_METRIC_DEPTH {
            self.report(
                Diagnostic::at(
                    Code::TooDeep,
                    written.head.span,
                    format!("`{}` stands {MAX_METRIC_DEPTH} metrics deep", written.head.name),
                )
                .help("let the rules read fewer metrics of metrics"),
            );
            return None;
        }
        self.metrics[id.index()] = Slot::Open;
        self.stack.push(id);
        let metric = item::metric::check(self, written);
        self.stack.pop();
        // A member of a cycle has been found wrong meanwhile.
        let metric = match &self.metrics[id.index()] {
            Slot::Done(_) => None,
            _ => metric,
        };
        self.metrics[id.index()] = Slot::Done(metric.clone().map(Box::new));
        metric
    }

    fn report_cycle(&mut self, id: MetricId) {
        let from = self.stack.iter().position(|m| *m == id).unwrap_or(0);
        let members: Vec<MetricId> = self.stack[from..].to_vec();
        let heads: Vec<&Head> = members.iter().map(|m| &self.file.metrics[m.index()].head).collect();
        let mut chain: Vec<String> = heads.iter().map(|h| h.name.to_string()).collect();
        chain.push(chain[0].clone());
        let mut fault =
            Diagnostic::new(Code::Cycle, format!("`{}` depends on itself: {}", chain[0], chain.join(" reads ")));
        for (i, head) in heads.iter().enumerate() {
            fault = fault.label(head.span, format!("reads `{}`", chain[i + 1]));
        }
        self.diagnostics.push(fault.help("a metric is computed from rows in the end: break the circle"));
        for member in members {
            self.metrics[member.index()] = Slot::Done(None);
        }
    }

    /// A role, agent, channel or tool must stand in bylaws.toml, where that names any.
    pub(crate) fn party(&mut self, word: &Word, kind: &str) {
        let settings = self.settings;
        let known: Option<Vec<&str>> = match kind {
            "role" => settings.roles.as_ref().map(|m| m.keys().map(String::as_str).collect()),
            "agent" => settings.agents.as_ref().map(|m| m.keys().map(String::as_str).collect()),
            "channel" => settings.channels.as_ref().map(|m| m.keys().map(String::as_str).collect()),
            _ => Some(settings.tools.keys().map(String::as_str).collect()),
        };
        let Some(known) = known else { return };
        if known.contains(&&*word.text) {
            return;
        }
        let help = nearest(&word.text, known.iter().copied()).unwrap_or_else(|| {
            let block = if kind == "role" { format!(", or in a block `role {word}`") } else { String::new() };
            format!("name it in bylaws.toml: `[{kind}s.{word}]`{block}")
        });
        self.report(Diagnostic::at(Code::UnknownParty, word.span, format!("no {kind} is called `{word}`")).help(help));
    }

    // ── paths ──

    pub(crate) fn leads(&self, from: Relation, to: Relation) -> bool {
        !self.paths(from, to).is_empty()
    }

    /// The way from one relation to another, through `via` where it is named.
    pub(crate) fn path(&mut self, from: Relation, to: Relation, via: Option<&Word>, at: Span) -> Option<Vec<Hop>> {
        if self.is_broken(from) || self.is_broken(to) {
            return None;
        }
        let (from_name, to_word) = (self.relation_name(from), self.row_word(to));
        if let Some(via) = via {
            let references = self.references(from);
            let named = references.iter().find(|(hop, word, _)| {
                *word == *via.text || matches!((hop, from), (Hop::Column(c), Relation::Contract(id)) if self.contracts[id.index()].columns[*c as usize].name == via.text)
            });
            let Some((hop, _, reached)) = named.cloned() else {
                let known: Vec<String> = references.into_iter().map(|r| r.1).collect();
                let fault =
                    names::unknown(via, &format!("`{from_name}` has no reference"), known.iter().map(String::as_str));
                self.report(fault);
                return None;
            };
            let Ok(rest) = self.shortest(reached, to) else {
                self.report(Diagnostic::at(Code::NoPath, via.span, format!("`{via}` does not lead to one {to_word}")));
                return None;
            };
            return Some(std::iter::once(hop).chain(rest).collect());
        }
        match self.shortest(from, to) {
            Ok(hops) => Some(hops),
            Err(ways) if ways.is_empty() => {
                self.report(
                    Diagnostic::at(
                        Code::NoPath,
                        at,
                        format!("no reference leads from a row of `{from_name}` to a {to_word}"),
                    )
                    .help(format!("refer to it by a column: `{to_word}_id  id of …`")),
                );
                None
            }
            Err(ways) => {
                let shown: Vec<String> = ways.iter().map(|w| w.join("'s ")).collect();
                let first: Vec<String> = ways.iter().filter_map(|w| w.first()).map(|w| format!("`via {w}`")).collect();
                self.report(
                    Diagnostic::at(
                        Code::Ambiguous,
                        at,
                        format!("several ways lead from `{from_name}` to a {to_word}: {}", listed(&shown, "and")),
                    )
                    .help(format!("say which is meant: {}", listed(&first, "or"))),
                );
                None
            }
        }
    }

    // ── constants ──

    /// A literal's value and unit.
    pub(crate) fn literal_value(&mut self, literal: &Literal, span: Span) -> Option<(Value, Type)> {
        let value = literal.value(&self.settings.calendar, &self.settings.currency);
        if value.is_none() && *literal != Literal::Broken {
            self.report(
                Diagnostic::at(Code::BadLiteral, span, "this value cannot be used here")
                    .help("write a number, an amount, a percent, a length of time, a date, or `yes` or `no`"),
            );
        }
        value
    }

    /// A literal or a param.
    pub(crate) fn constant(&mut self, e: &Expr<Written>) -> Option<Expr<Checked>> {
        match &e.kind {
            ExprKind::Literal(literal) => {
                let (value, ty) = self.literal_value(literal, e.span)?;
                Some(Expr { kind: ExprKind::Literal(value), span: e.span, ty })
            }
            ExprKind::Name(path) => {
                let word = path.single().or(path.words.first())?;
                let id = self.param_named(word)?;
                let ty = self.params[id.index()].as_ref()?.ty.clone();
                Some(Expr { kind: ExprKind::Name(Binding::Param(id)), span: e.span, ty })
            }
            _ => {
                self.report(Diagnostic::at(Code::WrongKind, e.span, "a value or the name of a param is needed here"));
                None
            }
        }
    }

    /// A constant that is a length of time.
    pub(crate) fn length(&mut self, e: &Expr<Written>) -> Option<Expr<Checked>> {
        let constant = self.constant(e)?;
        if matches!(constant.ty, Type::Duration | Type::Span) {
            return Some(constant);
        }
        self.report(
            Diagnostic::at(
                Code::UnitMismatch,
                e.span,
                format!("this is {}, and a length of time is needed", constant.ty.phrase()),
            )
            .help("write for example `24 hours` or `7 days`"),
        );
        None
    }

    /// The value in force of a constant.
    pub(crate) fn constant_value(&self, e: &Expr<Checked>) -> Option<Value> {
        param_value(e, &|id| self.params[id.index()].as_ref().map(|p| p.value.clone()))
    }

    /// A word of a list of choices.
    pub(crate) fn plain_word(&mut self, e: &Expr<Written>) -> Option<Arc<str>> {
        match &e.kind {
            ExprKind::Name(path) => path.single().map(|w| w.text.clone()),
            ExprKind::Literal(Literal::Text(word)) => Some(word.text.clone()),
            ExprKind::Literal(Literal::Number(n)) => Some(n.decimal(6).into()),
            _ => None,
        }
    }

    // ── names ──

    /// Whether a single word means anything in scope, silently.
    pub(crate) fn resolves(&mut self, scope: &Scope<'_>, word: &Word) -> bool {
        let before = self.diagnostics.len();
        let found = self.single(scope, 0, word).is_some();
        let faults = self.diagnostics.len() > before;
        self.diagnostics.truncate(before);
        found
            || faults
            || self
                .names
                .get(&word.text)
                .is_some_and(|e| e.broken || matches!(e.kind, Kind::Param(_) | Kind::Metric(_)))
    }

    /// The finding for a name that is a column, but not of the row at hand: how to get one value out of many.
    fn column_elsewhere(&self, scope: &Scope<'_>, word: &Word) -> Option<Diagnostic> {
        let named = |c: &&Contract| c.is_table() && c.column(&word.text).is_some();
        let contract = self.contracts.iter().find(named)?;
        let column = &contract.columns[contract.column(&word.text)? as usize];
        let (rows, row) = (&contract.name, contract.row_word());
        let here = match scope.relation {
            _ if scope.params => return None,
            Some(relation) => format!("not of a {}", self.row_word(relation)),
            None => "not of the portfolio as a whole".to_owned(),
        };
        let metric = match &column.ty {
            Type::Words(words) => {
                format!("metric NAME = count of {rows} where {word} is {}", words.first().map_or("…", |w| &**w))
            }
            ty if ty.is_quantity() && contract.dated.is_some() && scope.relation.is_some() => {
                format!("metric NAME = latest {word} in {rows}")
            }
            ty if ty.is_quantity() => format!("metric NAME = sum of {word} in {rows}"),
            _ => format!("metric NAME = count of distinct {word} in {rows}"),
        };
        let help = match (scope.relation, &contract.noun) {
            (None, Some(_)) => format!(
                "count or sum it up: `{metric}`; a trigger, rollback or metric may also be one of each {row}: `, per {row}`"
            ),
            (None, None) => format!("count or sum it up: `{metric}`"),
            (Some(relation), _) => {
                let leads = self.names_contract(rows).is_some_and(|id| self.leads(Relation::Contract(id), relation));
                let per = if leads { format!("NAME per {}", self.row_word(relation)) } else { "NAME".to_owned() };
                format!("give it a metric and use its name: `{}`", metric.replacen("NAME", &per, 1))
            }
        };
        let message = format!("`{word}` is a column of `{rows}`, {here}");
        Some(Diagnostic::at(Code::UnknownName, word.span, message).help(help))
    }

    fn names_contract(&self, name: &str) -> Option<ContractId> {
        match self.names.get(name)?.kind {
            Kind::Contract(id) => Some(id),
            _ => None,
        }
    }

    pub(crate) fn unknown_name(&mut self, scope: &Scope<'_>, word: &Word) {
        let mut known: Vec<String> = Vec::new();
        match scope.relation {
            Some(Relation::Contract(id)) => {
                known.extend(self.contracts[id.index()].columns.iter().map(|c| c.name.to_string()))
            }
            Some(Relation::Pairs(_)) => known.extend(pairs::COLUMNS.iter().map(|c| (*c).to_owned())),
            None => {}
        }
        if self.is_broken_scope(scope) {
            return;
        }
        if let Some(fault) = self.column_elsewhere(scope, word) {
            self.report(fault);
            return;
        }
        known.extend(
            self.names
                .iter()
                .filter(|(_, e)| {
                    matches!(e.kind, Kind::Metric(_) | Kind::Param(_) | Kind::Threshold(_) | Kind::Gate(_))
                })
                .map(|(n, _)| n.to_owned()),
        );
        let mut fault = names::unknown(word, "nothing here is called", known.iter().map(String::as_str));
        if fault.help.as_ref().is_some_and(|h| h.starts_with("known are")) {
            fault = fault.help(match scope.relation {
                Some(r) => format!(
                    "it is no column or metric of a {}, no metric of the portfolio and no param",
                    self.row_word(r)
                ),
                None => "it is no metric of the portfolio and no param".into(),
            });
        }
        self.report(fault);
    }

    fn is_broken_scope(&self, scope: &Scope<'_>) -> bool {
        scope.relation.is_some_and(|r| self.is_broken(r))
    }

    fn column_binding(&self, depth: u8, hops: Vec<Hop>, of: Relation, name: &str) -> Option<(Binding, Type)> {
        let (column, ty) = match of {
            Relation::Contract(id) => {
                let contract = &self.contracts[id.index()];
                let column = contract.column(name)?;
                (column, contract.columns[column as usize].ty.clone())
            }
            Relation::Pairs(id) => {
                let pairs = self.pairs[id.index()].as_ref()?;
                let column = pairs::COLUMNS.iter().position(|c| *c == name)? as u32;
                let ty = match column {
                    0 | 1 => Type::Id(self.contracts[pairs.of.index()].name.clone()),
                    2 => Type::Words(pairs.kinds.clone()),
                    _ => Type::Count,
                };
                (column, ty)
            }
        };
        Some((Binding::Column { depth, hops, of, column }, ty))
    }

    /// A single word at a depth of scopes. Says what is wrong only where something is half right.
    fn single(&mut self, scope: &Scope<'_>, depth: u8, word: &Word) -> Option<(Binding, Type)> {
        if !scope.params
            && let Some(relation) = scope.relation
            && let Some(found) = self.column_binding(depth, Vec::new(), relation, &word.text)
        {
            return Some(found);
        }
        match self.names.get(&word.text) {
            Some(entry) => {
                if entry.broken {
                    return None;
                }
                match entry.kind {
                    Kind::Metric(id) if !scope.params => {
                        let metric = self.metric(id)?;
                        self.metric_binding(scope, depth, id, &metric, word)
                    }
                    Kind::Param(id) => {
                        let ty = self.params[id.index()].as_ref()?.ty.clone();
                        Some((Binding::Param(id), ty))
                    }
                    Kind::Threshold(id) if !scope.params => {
                        let words = ["met", "acceptable", "breached", "off", "unknown"];
                        Some((Binding::Threshold(id), Type::Words(words.iter().map(|w| (*w).into()).collect())))
                    }
                    Kind::Gate(id) if !scope.params => Some((
                        Binding::Gate(id),
                        Type::Words(["open", "closed", "unknown"].iter().map(|w| (*w).into()).collect()),
                    )),
                    kind => {
                        let needed = if scope.params { "a param" } else { "a column, a metric or a param" };
                        self.report(
                            Diagnostic::new(
                                Code::WrongKind,
                                format!("`{word}` is {}, and {needed} is needed here", kind.word()),
                            )
                            .label(word.span, "used here")
                            .label(entry.span, "declared here")
                            .help(if scope.params {
                                "only params and values may stand here: they are known before anything is measured"
                            } else {
                                "name a value: a column, a metric or a param"
                            }),
                        );
                        None
                    }
                }
            }
            None if &*word.text == "now" && !scope.params => Some((Binding::Now, Type::Moment)),
            None => {
                let relation = scope.relation.filter(|_| !scope.params)?;
                if !self.columns_of.contains(&word.text) {
                    return None;
                }
                self.referred_column(depth, relation, word)
            }
        }
    }

    /// A column of what the row refers to, if one way leads to one such column.
    fn referred_column(&mut self, depth: u8, from: Relation, word: &Word) -> Option<(Binding, Type)> {
        let mut open = vec![(Vec::new(), Vec::<String>::new(), from)];
        for _ in 0..MAX_HOPS {
            let mut next = Vec::new();
            let mut found = Vec::new();
            for (hops, words, at) in &open {
                for (hop, name, reached) in self.references(*at) {
                    let mut hops: Vec<Hop> = hops.clone();
                    let mut words: Vec<String> = words.clone();
                    hops.push(hop);
                    words.push(name);
                    if let Some(binding) = self.column_binding(depth, hops.clone(), reached, &word.text) {
                        found.push((binding, words.clone()));
                    }
                    next.push((hops, words, reached));
                }
            }
            match found.len() {
                0 => {}
                1 => return found.pop().map(|f| f.0),
                _ => {
                    let ways: Vec<String> = found.iter().map(|f| format!("`{}'s {word}`", f.1.join("'s "))).collect();
                    self.report(
                        Diagnostic::at(
                            Code::Ambiguous,
                            word.span,
                            format!("`{word}` could be {}", listed(&ways, "or")),
                        )
                        .help("write the one that is meant"),
                    );
                    return None;
                }
            }
            next.truncate(MAX_WAYS);
            open = next;
        }
        None
    }

    fn metric_binding(
        &mut self,
        scope: &Scope<'_>,
        depth: u8,
        id: MetricId,
        metric: &Metric,
        word: &Word,
    ) -> Option<(Binding, Type)> {
        let made = |hops| Some((Binding::Metric { depth, hops, metric: id }, metric.ty.clone()));
        let Some(grain) = metric.grain else { return made(Vec::new()) };
        let Some(relation) = scope.relation else {
            let noun = self.row_word(grain);
            let rows = self.relation_name(grain);
            self.report(
                Diagnostic::at(
                    Code::GrainMismatch,
                    word.span,
                    format!("`{word}` is a value of each {noun}, and here one value of the portfolio is needed"),
                )
                .help(match metric.ty {
                    Type::Words(_) | Type::Text | Type::Truth | Type::Date | Type::Moment => {
                        format!("ask whether there is one: `there is {} where {word} is …`", crate::value::with_article(&noun))
                    }
                    _ => format!(
                        "aggregate it in a metric of its own, `sum of {word} over {rows}`, or ask `there is no {noun} where {word} is …`"
                    ),
                }),
            );
            return None;
        };
        match self.shortest(relation, grain) {
            Ok(hops) => made(hops),
            Err(ways) if ways.is_empty() => {
                let (noun, here) = (self.row_word(grain), self.row_word(relation));
                let rows = self.relation_name(grain);
                let help = if self.leads(grain, relation) {
                    format!("aggregate it first: `metric … per {here} = sum of {word} over {rows}`")
                } else {
                    format!("no reference leads from a {here} to a {noun}: the two never meet in one line")
                };
                self.report(
                    Diagnostic::at(
                        Code::GrainMismatch,
                        word.span,
                        format!("`{word}` is a value of each {noun}, and the row here is a {here}"),
                    )
                    .help(help),
                );
                None
            }
            Err(ways) => {
                let shown: Vec<String> = ways.iter().map(|w| format!("`{}'s {word}`", w.join("'s "))).collect();
                self.report(
                    Diagnostic::at(Code::Ambiguous, word.span, format!("`{word}` could be {}", listed(&shown, "or")))
                        .help("write the one that is meant"),
                );
                None
            }
        }
    }

    /// What a name with its possessives means.
    fn resolve(&mut self, scope: &Scope<'_>, path: &Path) -> Option<(Binding, Type)> {
        let first = path.words.first()?;
        if path.the {
            return self.introduced(scope, path);
        }
        let (scope, depth) = match (path.its, scope.outer) {
            (true, Some(outer)) if outer.relation.is_some() => (outer, 1),
            (true, _) => {
                self.report(
                    Diagnostic::at(Code::NoPath, first.span, "there is no row outside this one that `its` could mean")
                        .help("leave out `its`"),
                );
                return None;
            }
            (false, _) => (scope, 0),
        };
        if path.words.len() == 1 {
            let before = self.diagnostics.len();
            let found = self.single(scope, depth, first);
            if found.is_none() && self.diagnostics.len() == before && self.names.get(&first.text).is_none() {
                self.unknown_name(scope, first);
            }
            return found;
        }
        if path.words.len() > MAX_HOPS + 1 {
            self.report(
                Diagnostic::at(Code::TooDeep, first.span, "at most three references may be followed")
                    .help("give the value a metric of its own"),
            );
            return None;
        }
        let Some(relation) = scope.relation.filter(|_| !scope.params) else {
            self.report(
                Diagnostic::at(
                    Code::NoPath,
                    first.span,
                    format!("there is no row here whose `{first}` could be asked"),
                )
                .help("make the rule one of each row: `per NOUN`"),
            );
            return None;
        };
        let mut at = relation;
        let mut hops = Vec::new();
        for (i, word) in path.words[..path.words.len() - 1].iter().enumerate() {
            if i == 0 && *word.text == *self.row_word(at) {
                continue;
            }
            let references = self.references(at);
            let step = references.iter().find(|(_, name, _)| *name == *word.text).cloned();
            // A noun that one way leads to may be named without the way.
            let by_noun = || {
                let to = self.names.noun(&word.text)?;
                self.shortest(at, to).ok().map(|hops| (hops, to))
            };
            match step {
                Some((hop, _, reached)) => {
                    hops.push(hop);
                    at = reached;
                }
                None => match by_noun() {
                    Some((more, to)) => {
                        hops.extend(more);
                        at = to;
                    }
                    None => {
                        if !self.is_broken(at) {
                            let known: Vec<String> = references.into_iter().map(|r| r.1).collect();
                            let what = format!("a {} has no reference", self.row_word(at));
                            let fault = names::unknown(word, &what, known.iter().map(String::as_str));
                            self.report(fault);
                        }
                        return None;
                    }
                },
            }
        }
        let last = path.words.last()?;
        if let Some(found) = self.column_binding(depth, hops.clone(), at, &last.text) {
            return Some(found);
        }
        if let Some(Kind::Metric(id)) = self.names.get(&last.text).filter(|e| !e.broken).map(|e| e.kind) {
            let metric = self.metric(id)?;
            if metric.grain == Some(at) {
                return Some((Binding::Metric { depth, hops, metric: id }, metric.ty));
            }
        }
        if !self.is_broken(at) && self.names.get(&last.text).is_none_or(|e| !e.broken) {
            let mut known: Vec<String> = match at {
                Relation::Contract(id) => {
                    self.contracts[id.index()].columns.iter().map(|c| c.name.to_string()).collect()
                }
                Relation::Pairs(_) => pairs::COLUMNS.iter().map(|c| (*c).to_owned()).collect(),
            };
            known.extend(
                self.names.iter().filter(|(_, e)| matches!(e.kind, Kind::Metric(_))).map(|(n, _)| n.to_owned()),
            );
            let what = format!("a {} has no column or metric", self.row_word(at));
            let fault = names::unknown(last, &what, known.iter().map(String::as_str));
            self.report(fault);
        }
        None
    }

    /// `the resolution's approach`: a row that a step introduced, or the key's own row.
    fn introduced(&mut self, scope: &Scope<'_>, path: &Path) -> Option<(Binding, Type)> {
        let noun = path.words.first()?;
        let found = scope.introduced.iter().find(|(n, _)| *n == noun.text).map(|(_, c)| *c);
        let key = scope.relation.filter(|r| *self.row_word(*r) == *noun.text);
        if found.is_none() && key.is_some() {
            let own = Path { its: false, the: false, words: path.words[1..].to_vec() };
            return self.resolve(scope, &own);
        }
        let Some(contract) = found else {
            let known: Vec<String> = scope.introduced.iter().map(|(n, _)| n.to_string()).collect();
            self.report(
                Diagnostic::at(Code::NotIntroduced, noun.span, format!("no step above introduces a {noun}")).help(
                    nearest(&noun.text, known.iter().map(String::as_str))
                        .unwrap_or_else(|| format!("a step such as `have AGENT propose a {noun}` must stand above")),
                ),
            );
            return None;
        };
        let [_, column] = &path.words[..] else {
            if path.words.len() == 1 {
                self.report(Diagnostic::at(
                    Code::NotACondition,
                    noun.span,
                    format!("the {noun} is a row; name one of its columns: `the {noun}'s …`"),
                ));
                return None;
            }
            // What it refers to is not known before it is recorded; the key may refer to a row of the same noun.
            let column = &path.words[1];
            self.report(
                Diagnostic::at(
                    Code::TooDeep,
                    column.span,
                    format!("of the {noun} its own columns and metrics can be asked, not what it refers to"),
                )
                .help(format!("give it a metric: `metric NAME per {noun} = …`, and write `the {noun}'s NAME`")),
            );
            return None;
        };
        // A metric of the introduced row may be asked as well as a column.
        if self.contracts[contract.index()].column(&column.text).is_none()
            && let Some(Kind::Metric(id)) = self.names.get(&column.text).map(|e| e.kind)
            && let Some(metric) = self.metric(id)
            && metric.grain == Some(Relation::Contract(contract))
        {
            return Some((Binding::IntroducedMetric(id), metric.ty));
        }
        let index = self.column_of(contract, column)?;
        let ty = self.contracts[contract.index()].columns[index as usize].ty.clone();
        Some((Binding::Introduced { contract, column: index }, ty))
    }

    // ── expressions ──

    /// A condition.
    pub(crate) fn condition(&mut self, scope: &Scope<'_>, e: &Expr<Written>) -> Option<Expr<Checked>> {
        let checked = self.expr(scope, e)?;
        if checked.ty == Type::Condition {
            return Some(checked);
        }
        let help = if checked.ty == Type::Truth {
            "write `… is yes` or `… is no`".to_owned()
        } else {
            "compare it with something: `… is at least …`".to_owned()
        };
        self.report(
            Diagnostic::at(
                Code::NotACondition,
                e.span,
                format!("this is {}, and something that holds or not is needed", checked.ty.phrase()),
            )
            .help(help),
        );
        None
    }

    /// A value.
    pub(crate) fn value(&mut self, scope: &Scope<'_>, e: &Expr<Written>) -> Option<Expr<Checked>> {
        let checked = self.expr(scope, e)?;
        if checked.ty != Type::Condition {
            return Some(checked);
        }
        self.report(
            Diagnostic::at(Code::NotACondition, e.span, "this holds or does not, and a value is needed here")
                .help("a condition stands behind `when` or `where`, as in `is WORD when …`"),
        );
        None
    }

    /// A value that fits a column or word type; bare words are words of the type.
    pub(crate) fn assign(&mut self, scope: &Scope<'_>, e: &Expr<Written>, ty: &Type) -> Option<Expr<Checked>> {
        let checked = self.right_side(scope, e, ty)?;
        if self.compatible(&checked.ty, ty) {
            return Some(checked);
        }
        self.report(
            Diagnostic::at(
                Code::UnitMismatch,
                e.span,
                format!("this is {}, and {} is needed", checked.ty.phrase(), ty.phrase()),
            )
            .help(ty.write_such()),
        );
        None
    }

    /// The right side of `is`, where words of the left side's type win.
    fn right_side(&mut self, scope: &Scope<'_>, e: &Expr<Written>, left: &Type) -> Option<Expr<Checked>> {
        let text = |word: &Arc<str>, ty: Type| {
            Some(Expr { kind: ExprKind::Literal(Value::Text(word.clone())), span: e.span, ty })
        };
        match (&e.kind, left) {
            (ExprKind::Name(path), Type::Words(words)) if path.single().is_some() => {
                let word = path.single()?;
                if words.contains(&word.text) {
                    if matches!(self.names.get(&word.text).map(|e| e.kind), Some(Kind::Param(_))) {
                        self.report(
                            Diagnostic::at(
                                Code::WordIsParam,
                                word.span,
                                format!("`{word}` is a word here, though a param has the same name"),
                            )
                            .help("rename the param, so that nobody reads one for the other"),
                        );
                    }
                    return text(&word.text, left.clone());
                }
                if self.resolves(scope, word) {
                    return self.value(scope, e);
                }
                self.report(
                    Diagnostic::at(
                        Code::UnknownWord,
                        word.span,
                        format!("it is never `{word}`: it is one of {}", listed(words, "or")),
                    )
                    .help_if(nearest(&word.text, words.iter().map(|w| &**w))),
                );
                None
            }
            (ExprKind::Literal(Literal::Text(word)), Type::Words(words)) => {
                if words.contains(&word.text) {
                    return text(&word.text, left.clone());
                }
                self.report(
                    Diagnostic::at(
                        Code::UnknownWord,
                        word.span,
                        format!("it is never `{word}`: it is one of {}", listed(words, "or")),
                    )
                    .help_if(nearest(&word.text, words.iter().map(|w| &**w))),
                );
                None
            }
            (ExprKind::Name(path), Type::Text | Type::Id(_)) if path.single().is_some() => {
                let word = path.single()?;
                if self.resolves(scope, word) { self.value(scope, e) } else { text(&word.text, left.clone()) }
            }
            (ExprKind::Literal(Literal::Text(word)), Type::Text | Type::Id(_)) => text(&word.text, left.clone()),
            (ExprKind::Literal(Literal::Number(n)), Type::Words(words)) => {
                let word: Arc<str> = n.decimal(6).into();
                if words.contains(&word) { text(&word, left.clone()) } else { self.value(scope, e) }
            }
            (ExprKind::Literal(Literal::Number(n)), Type::Id(_)) => text(&n.decimal(6).into(), left.clone()),
            _ => self.value(scope, e),
        }
    }

    fn expr(&mut self, scope: &Scope<'_>, e: &Expr<Written>) -> Option<Expr<Checked>> {
        let holds = |kind| Some(Expr { kind, span: e.span, ty: Type::Condition });
        match &e.kind {
            ExprKind::Literal(literal) => {
                if let Literal::Presence(p) = literal {
                    self.report(
                        Diagnostic::at(
                            Code::NotACondition,
                            e.span,
                            format!("`{}` is asked of a value: `… is {}`", p.word(), p.word()),
                        )
                        .help(format!("write `NAME is {}`", p.word())),
                    );
                    return None;
                }
                let (value, ty) = self.literal_value(literal, e.span)?;
                Some(Expr { kind: ExprKind::Literal(value), span: e.span, ty })
            }
            ExprKind::Name(path) => {
                let (binding, ty) = self.resolve(scope, path)?;
                (ty != Type::Broken).then_some(Expr { kind: ExprKind::Name(binding), span: e.span, ty })
            }
            ExprKind::Not(inner) => holds(ExprKind::Not(Box::new(self.condition(scope, inner)?))),
            ExprKind::Joint(joint, all) => {
                // All are checked, so that all faults are told at once.
                let checked: Vec<_> = all.iter().map(|e| self.condition(scope, e)).collect();
                holds(ExprKind::Joint(*joint, checked.into_iter().collect::<Option<_>>()?))
            }
            ExprKind::Compare(compare, a, b) => {
                let left = self.value(scope, a)?;
                let right = self.right_side(scope, b, &left.ty)?;
                self.check_comparison(*compare, &left, &right)?;
                holds(ExprKind::Compare(*compare, Box::new(left), Box::new(right)))
            }
            ExprKind::OneOf(negated, inner, words) => {
                let left = self.value(scope, inner)?;
                let all: Vec<_> = words.iter().map(|w| self.right_side(scope, w, &left.ty)).collect();
                let all: Vec<_> = all.into_iter().collect::<Option<_>>()?;
                for word in &all {
                    self.check_comparison(Compare::Is, &left, word)?;
                }
                holds(ExprKind::OneOf(*negated, Box::new(left), all))
            }
            ExprKind::Between(inner, low, high) => {
                let left = self.value(scope, inner)?;
                let (low, high) = (self.value(scope, low)?, self.value(scope, high)?);
                self.check_comparison(Compare::AtLeast, &left, &low)?;
                self.check_comparison(Compare::AtMost, &left, &high)?;
                holds(ExprKind::Between(Box::new(left), Box::new(low), Box::new(high)))
            }
            ExprKind::Presence(negated, presence, inner) => {
                let left = self.value(scope, inner)?;
                let word_is_unknown = *presence == Presence::Unknown;
                if !word_is_unknown
                    && matches!(left.kind, ExprKind::Literal(_) | ExprKind::Name(Binding::Param(_) | Binding::Now))
                {
                    self.report(
                        Diagnostic::at(Code::NotACondition, inner.span, "this is always present")
                            .help("ask it of a column or a metric"),
                    );
                    return None;
                }
                holds(ExprKind::Presence(*negated, *presence, Box::new(left)))
            }
            ExprKind::Distance(distance) => holds(ExprKind::Distance(Box::new(self.distance(scope, distance)?))),
            ExprKind::Arith(op, a, b) => {
                let (a, b) = (self.value(scope, a), self.value(scope, b));
                let (a, b) = (a?, b?);
                let Some(ty) = arith_type(*op, &a.ty, &b.ty) else {
                    self.report(
                        Diagnostic::new(
                            Code::UnitMismatch,
                            format!("{} {} {} has no meaning", a.ty.phrase(), spoken(*op), b.ty.phrase()),
                        )
                        .label(b.span, format!("this is {}", b.ty.phrase()))
                        .label(a.span, format!("this is {}", a.ty.phrase()))
                        .help(self.arith_help(*op, &a.ty, &b.ty)),
                    );
                    return None;
                };
                if matches!(op, Arith::Div | Arith::PercentOf) && self.expr_can_be_negative(&b) {
                    self.report(
                        Diagnostic::at(
                            Code::NegativeDivisor,
                            b.span,
                            "this divisor can be negative, which turns the meaning of the ratio around",
                        )
                        .help("judge the sign in a case of its own before the ratio"),
                    );
                }
                Some(Expr { kind: ExprKind::Arith(*op, Box::new(a), Box::new(b)), span: e.span, ty })
            }
            ExprKind::Exists(exists) => holds(ExprKind::Exists(Box::new(self.exists(scope, exists)?))),
            ExprKind::Holds(contracts) => holds(ExprKind::Holds(self.contracts_of(contracts, e.span)?)),
            ExprKind::Answered(who, answer) => {
                for word in who {
                    self.party(word, "role");
                }
                if !scope.answers {
                    self.report(
                        Diagnostic::at(Code::NotAsked, e.span, "nobody has been asked here")
                            .help("an answer can be named in steps below an `ask`, and in `end as`"),
                    );
                    return None;
                }
                let answer: Answer = answer.clone();
                holds(ExprKind::Answered(who.clone(), answer))
            }
        }
    }

    fn arith_help(&self, op: Arith, a: &Type, b: &Type) -> String {
        match (op, a, b) {
            (_, Type::Money(x), Type::Money(y)) if x != y => format!("{x} and {y} never mix without a stated rate"),
            (Arith::Add | Arith::Sub, _, _) => {
                "sums and differences are of one unit (percents also with points)".into()
            }
            (Arith::Mul, _, _) => "multiply by a number or a percent, or a rate by hours".into(),
            _ => "divide like by like, or by a number; money by hours is a rate".into(),
        }
    }

    fn check_comparison(&mut self, compare: Compare, left: &Expr<Checked>, right: &Expr<Checked>) -> Option<()> {
        if !self.compatible(&left.ty, &right.ty) {
            let help = self.unit_help(&left.ty, &right.ty);
            self.report(
                Diagnostic::new(
                    Code::UnitMismatch,
                    format!("{} is compared with {}", left.ty.phrase(), right.ty.phrase()),
                )
                .label(right.span, format!("this is {}", right.ty.phrase()))
                .label(left.span, format!("this is {}", left.ty.phrase()))
                .help(help),
            );
            return None;
        }
        let ordered = left.ty.is_quantity() || matches!(left.ty, Type::Span | Type::Date | Type::Moment);
        if !ordered && !matches!(compare, Compare::Is | Compare::IsNot) {
            self.report(
                Diagnostic::at(
                    Code::NoOrder,
                    left.span,
                    format!("this is {}, which has no more and no less", left.ty.phrase()),
                )
                .help("write `is` or `is not`"),
            );
            return None;
        }
        if matches!(left.ty, Type::MoneyBy(_)) || matches!(right.ty, Type::MoneyBy(_)) {
            self.report(
                Diagnostic::at(Code::MixedCurrencies, left.span, "amounts in several currencies have no order")
                    .help("keep one currency a contract: two never mix without a stated rate"),
            );
            return None;
        }
        Some(())
    }

    fn distance(&mut self, scope: &Scope<'_>, d: &Distance<Written>) -> Option<Distance<Checked>> {
        let value = self.value(scope, &d.value)?;
        let span = self.value(scope, &d.span)?;
        let timely = |t: &Type| matches!(t, Type::Date | Type::Moment);
        if !timely(&value.ty) {
            self.report(
                Diagnostic::at(
                    Code::BadTime,
                    value.span,
                    format!("this is {}, and a date or moment is needed", value.ty.phrase()),
                )
                .help("name a column or metric that is a date or a moment, or write `2026-03-02`"),
            );
            return None;
        }
        if !matches!(span.ty, Type::Duration | Type::Span) {
            self.report(
                Diagnostic::at(
                    Code::BadTime,
                    span.span,
                    format!("this is {}, and a length of time is needed", span.ty.phrase()),
                )
                .help("write for example `3 days`"),
            );
            return None;
        }
        let anchor = match &d.anchor {
            Anchor::Ago => Anchor::Ago,
            Anchor::FromNow => Anchor::FromNow,
            Anchor::Before(e) | Anchor::After(e) => {
                let at = self.value(scope, e)?;
                if !timely(&at.ty) {
                    self.report(
                        Diagnostic::at(
                            Code::BadTime,
                            at.span,
                            format!("this is {}, and a date or moment is needed", at.ty.phrase()),
                        )
                        .help("name a column or metric that is a date or a moment, or write `2026-03-02`"),
                    );
                    return None;
                }
                if matches!(d.anchor, Anchor::Before(_)) { Anchor::Before(at) } else { Anchor::After(at) }
            }
        };
        Some(Distance { value, more: d.more, span, anchor })
    }

    /// The stretch of time of an aggregate or `there is` over rows of a relation.
    pub(crate) fn window(&mut self, of: Relation, w: &Window<Written>) -> Option<Window<Checked>> {
        let Relation::Contract(id) = of else {
            self.report(
                Diagnostic::at(Code::NoDate, w.span, "derived pairs have no date").help("leave out `within …`"),
            );
            return None;
        };
        let column = match &w.by {
            Some(path) => self.column_of(id, path.words.first()?)?,
            None => match self.contracts[id.index()].dated {
                Some(column) => column,
                None => {
                    if !self.is_broken_contract(id) {
                        let name = self.contracts[id.index()].name.clone();
                        self.report(
                            Diagnostic::at(Code::NoDate, w.span, format!("rows of `{name}` have no date")).help(
                                "say which column counts: `within … by COLUMN`, or `dated by COLUMN` in the contract",
                            ),
                        );
                    }
                    return None;
                }
            },
        };
        let ty = self.contracts[id.index()].columns[column as usize].ty.clone();
        if ty == Type::Broken {
            return None;
        }
        if !matches!(ty, Type::Date | Type::Moment) {
            self.report(
                Diagnostic::at(
                    Code::BadTime,
                    w.span,
                    format!("this column is {}, and a date or moment is needed", ty.phrase()),
                )
                .help("name a column that is a date or a moment: `within … by COLUMN`"),
            );
            return None;
        }
        let kind = match &w.kind {
            WindowKind::Last(e) => WindowKind::Last(self.length(e)?),
            WindowKind::LastClosed(n, p) => WindowKind::LastClosed(*n, *p),
            WindowKind::This(p) => WindowKind::This(*p),
            WindowKind::Previous(p) => WindowKind::Previous(*p),
        };
        let by = Some(Binding::Column { depth: 0, hops: Vec::new(), of, column });
        Some(Window { kind, by, span: w.span })
    }

    fn exists(&mut self, scope: &Scope<'_>, e: &Exists<Written>) -> Option<Exists<Checked>> {
        let of = self.noun(&e.rows.noun)?;
        if self.is_broken(of) {
            return None;
        }
        if e.other && scope.relation != Some(of) {
            let noun = self.row_word(of);
            let beside = match scope.relation {
                Some(here) => format!("this line speaks of {}", crate::value::with_article(&self.row_word(here))),
                None => "this line speaks of the portfolio".to_owned(),
            };
            self.report(
                Diagnostic::at(Code::WrongKind, e.rows.noun.span, format!("another {noun} than which? {beside}"))
                    .help(format!("write `there is {} …`", crate::value::with_article(&noun))),
            );
            return None;
        }
        let tie = match scope.relation {
            _ if e.rows.anywhere => Tie::Anywhere,
            // Of all its kind, the row itself aside.
            Some(here) if e.other && e.rows.via.is_none() && here == of => Tie::Anywhere,
            None => Tie::Anywhere,
            Some(here) => match &e.rows.via {
                Some(via) => {
                    let common = |cx: &Self, from: Relation| {
                        cx.references(from).into_iter().find(|(_, name, _)| *name == *via.text)
                    };
                    match (common(self, of), common(self, here)) {
                        (Some((theirs, _, a)), Some((ours, _, b))) if a == b => {
                            Tie::Common { theirs: vec![theirs], ours: vec![ours] }
                        }
                        _ => Tie::LeadHere(self.path(of, here, Some(via), e.rows.noun.span)?),
                    }
                }
                None if self.leads(of, here) => Tie::LeadHere(self.path(of, here, None, e.rows.noun.span)?),
                None => {
                    let (noun, here) = (self.row_word(of), self.row_word(here));
                    self.report(
                        Diagnostic::at(
                            Code::NoPath,
                            e.rows.noun.span,
                            format!("no reference leads from a {noun} to the {here} of this line"),
                        )
                        .help(format!("write `there is a {noun} anywhere …` if any {noun} counts")),
                    );
                    return None;
                }
            },
        };
        if matches!(&tie, Tie::LeadHere(hops) if hops.is_empty()) {
            let noun = self.row_word(of);
            self.report(
                Diagnostic::at(
                    Code::OwnRow,
                    e.rows.noun.span,
                    format!("this asks for the very {noun} that the line speaks of, and for no other"),
                )
                .help(format!(
                    "write `there is a {noun} anywhere where …` if any {noun} counts, or the condition alone if this one is meant"
                )),
            );
        }
        let window = match &e.window {
            None => None,
            Some(w) => Some(self.window(of, w)?),
        };
        let inside = Scope::inside(of, scope);
        let filter = match &e.filter {
            None => None,
            Some(f) => Some(self.condition(&inside, f)?),
        };
        Some(Exists { none: e.none, other: e.other, rows: Rows { of, tie }, window, filter })
    }

    fn contracts_of(&mut self, written: &WrittenContracts, span: Span) -> Option<Vec<ContractId>> {
        match written {
            WrittenContracts::One(word) => Some(vec![self.contract_named(word)?]),
            WrittenContracts::Every(stage) => {
                let all: Vec<ContractId> = self
                    .contracts
                    .iter()
                    .enumerate()
                    .filter(|(_, c)| c.to.is_none())
                    .filter(|(_, c)| stage.as_ref().is_none_or(|s| c.from.as_ref() == Some(&s.text)))
                    .map(|(i, _)| ContractId(i as u32))
                    .collect();
                if all.is_empty() {
                    self.report(
                        Diagnostic::at(Code::UnknownName, span, "no contract comes from there, so this says nothing")
                            .help("a contract from outside says so: `contract NAME from stage 38`"),
                    );
                    return None;
                }
                Some(all)
            }
        }
    }

    // ── lints on the way ──

    /// The warning about numbers without a name in a condition or target. Zero needs none.
    pub(crate) fn no_bare_numbers(&mut self, e: &Expr<Written>, clause: &str) {
        let mut bare = Vec::new();
        e.walk(&mut |e| {
            if let ExprKind::Literal(literal @ (Literal::Number(_) | Literal::Quantity(..) | Literal::Money(..))) =
                &e.kind
                && !literal.is_zero()
            {
                bare.push(e.span);
            }
        });
        for span in bare {
            self.report(
                Diagnostic::at(
                    Code::BareNumber,
                    span,
                    format!("a bare number in `{clause}` cannot be tuned and says nothing of its reason"),
                )
                .help("name it: `param NAME = VALUE, from LEAST to GREATEST` with a `because`"),
            );
        }
    }

    /// Whether a metric's value can be below zero, or zero in a way that matters, as far as bounds tell.
    pub(crate) fn can_be_negative(&mut self, metric: &Metric) -> bool {
        match &metric.definition {
            Definition::Aggregate(a) => match (a.fold, &a.of) {
                (Fold::Count | Fold::CountDistinct | Fold::Share, _) => false,
                (_, Some(e)) => self.expr_can_be_negative(e),
                (_, None) => false,
            },
            Definition::Shift(..) => true,
            Definition::At(Binding::Metric { metric, .. }, _) => {
                let id = *metric;
                self.metric(id).is_some_and(|m| self.can_be_negative(&m))
            }
            Definition::At(..) => false,
            Definition::Formula(e) => self.expr_can_be_negative(e),
            Definition::Cases(cases) => cases.iter().any(|(v, _)| self.expr_can_be_negative(v)),
        }
    }

    fn expr_can_be_negative(&mut self, e: &Expr<Checked>) -> bool {
        if !e.ty.is_quantity() {
            return false;
        }
        let below = |v: &Value| v.number().is_some_and(Number::is_negative);
        match &e.kind {
            ExprKind::Literal(value) => below(value),
            ExprKind::Name(Binding::Param(id)) => {
                self.params[id.index()].as_ref().is_some_and(|p| p.low.as_ref().is_some_and(below))
            }
            ExprKind::Name(Binding::Column { of: Relation::Contract(id), column, .. }) => {
                let column = &self.contracts[id.index()].columns[*column as usize];
                if column.ty == Type::Count {
                    return false;
                }
                let low = column.low.clone();
                low.and_then(|l| self.constant_value(&l)).is_none_or(|v| below(&v))
            }
            ExprKind::Name(Binding::Metric { metric, .. }) => {
                let id = *metric;
                self.metric(id).is_some_and(|m| self.can_be_negative(&m))
            }
            ExprKind::Name(_) => false,
            ExprKind::Arith(Arith::Sub, ..) => true,
            ExprKind::Arith(_, a, b) => self.expr_can_be_negative(a) || self.expr_can_be_negative(b),
            _ => false,
        }
    }
}

/// The unit of arithmetic between two units; `None` where it has no meaning.
pub fn arith_type(op: Arith, a: &Type, b: &Type) -> Option<Type> {
    use Type::{Count, Date, Duration, Moment, Money, Number, Percent, Points, Rate, Span};
    let plain = |t: &Type| matches!(t, Count | Number);
    Some(match op {
        Arith::Add | Arith::Sub => match (a, b) {
            (Count, Count) if op == Arith::Add => Count,
            (a, b) if plain(a) && plain(b) => Number,
            (Percent, Points) => Percent,
            (Points, Percent) if op == Arith::Add => Percent,
            (Percent, Percent) if op == Arith::Sub => Points,
            (Moment, Moment) if op == Arith::Sub => Duration,
            (Date, Date) if op == Arith::Sub => Span,
            (Moment, Duration | Span) => Moment,
            (Date, Span) => Date,
            (a, b) if a == b && matches!(a, Percent | Points | Money(_) | Rate(_) | Duration | Span) => a.clone(),
            _ => return None,
        },
        Arith::Mul => match (a, b) {
            (a, b) if plain(a) && plain(b) => Number,
            (Percent, Percent) => Percent,
            (Percent, Count) | (Count, Percent) => Number,
            (Percent, x) | (x, Percent) if matches!(x, Number | Money(_) | Duration | Rate(_)) => x.clone(),
            (Rate(c), Duration) | (Duration, Rate(c)) => Money(c.clone()),
            (n, x) | (x, n) if plain(n) && matches!(x, Money(_) | Points | Duration | Rate(_) | Percent) => x.clone(),
            _ => return None,
        },
        Arith::Div => match (a, b) {
            (a, b) if plain(a) && plain(b) => Number,
            (Money(c), Duration) => Rate(c.clone()),
            (Money(x), Rate(y)) if x == y => Duration,
            (a, b) if a == b && a.is_quantity() && !matches!(a, Type::MoneyBy(_)) => Number,
            (x, n) if plain(n) && matches!(x, Money(_) | Points | Duration | Rate(_) | Percent) => x.clone(),
            _ => return None,
        },
        Arith::PercentOf => match (a, b) {
            (a, b) if plain(a) && plain(b) => Percent,
            (a, b) if a == b && a.is_quantity() && !matches!(a, Type::MoneyBy(_)) => Percent,
            _ => return None,
        },
    })
}
