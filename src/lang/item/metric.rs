//! `metric`: one aggregate, or one shift, or one formula, or one list of cases; never a mixture.

use std::sync::Arc;

use super::super::check::{Checker, Scope};
use super::super::expr::{
    Binding, Checked, Expr, ExprKind, Literal, MetricId, Path, Relation, Rows, Stage, Tie, Window, WindowKind,
    Written as AsWritten, expr_of, filter, literal, operand_of, range, sum, whole, window,
};
use super::super::pack::Pack;
use super::super::print::{self, Block, Place, quoted};
use super::super::syntax::{Node, Rule, Word};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::time::Period;
use crate::value::{Number, Type, Value};

// ── node ──

/// A metric as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    /// `per NOUN`
    pub per: Option<Word>,
    clamped: Option<(Expr<AsWritten>, Expr<AsWritten>)>,
    definition: Option<Definition<AsWritten>>,
    definition_span: Span,
}

/// How rows become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fold {
    /// How many rows.
    Count,
    /// How many different values.
    CountDistinct,
    /// All together.
    Sum,
    /// Sum divided by count.
    Average,
    /// The middle value, or the mean of the two middle values.
    Median,
    /// The value at the nearest rank.
    Percentile(u8),
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The one with the latest date.
    Latest,
    /// The one with the earliest date.
    First,
    /// Those of the filter among all, in percent.
    Share,
}

impl Fold {
    /// The words of the canonical form.
    pub fn words(self) -> String {
        match self {
            Fold::Count => "count of".into(),
            Fold::CountDistinct => "count of distinct".into(),
            Fold::Sum => "sum of".into(),
            Fold::Average => "average of".into(),
            Fold::Median => "median of".into(),
            Fold::Percentile(n) => {
                let end = match (n % 10, n / 10) {
                    (_, 1) => "th",
                    (1, _) => "st",
                    (2, _) => "nd",
                    (3, _) => "rd",
                    _ => "th",
                };
                format!("{n}{end} percentile of")
            }
            Fold::Min => "min of".into(),
            Fold::Max => "max of".into(),
            Fold::Latest => "latest".into(),
            Fold::First => "first".into(),
            Fold::Share => "share of".into(),
        }
    }
}

/// An aggregate: rows of one relation become one value a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate<S: Stage> {
    /// How.
    pub fold: Fold,
    /// Of what; nothing for counts and shares.
    pub of: Option<Expr<S>>,
    /// Over which rows.
    pub rows: S::Rows,
    /// Only those within.
    pub window: Option<Window<S>>,
    /// Only those for which this holds.
    pub filter: Option<Expr<S>>,
    /// The denominator of a share.
    pub out_of: Option<Expr<S>>,
    /// Fewer rows than this make it unknown.
    pub needs: Option<u32>,
    /// Leave out what is unknown, and say how many.
    pub ignoring_unknown: bool,
}

/// A comparison of a metric with itself at another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shift {
    /// (now − then) / then
    Change,
    /// (then − now) / then
    Drop,
    /// now − then, in the metric's unit
    Difference,
}

impl Shift {
    /// The words of the canonical form.
    pub fn words(self) -> &'static str {
        match self {
            Shift::Change => "change of",
            Shift::Drop => "drop of",
            Shift::Difference => "difference of",
        }
    }
}

/// Another time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Then {
    /// When the stage was entered.
    Baseline,
    /// The end of the last closed period.
    Previous(Period),
    /// So long before.
    Ago(Literal0),
    /// The first instant of a day, or a moment.
    At(jiff::Timestamp),
}

/// A written distance into the past, as seconds or as a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Literal0 {
    /// Exact seconds.
    Seconds(i64),
    /// A stretch of the calendar.
    Span(crate::value::Span),
}

/// What a metric is.
#[derive(Debug, Clone, PartialEq)]
pub enum Definition<S: Stage> {
    /// One aggregate. `over` in front: of a metric of the rows' noun.
    Aggregate(Box<Aggregate<S>>),
    /// A shift of a metric.
    Shift(Shift, S::Name, MomentOf<S>),
    /// A metric at another time.
    At(S::Name, MomentOf<S>),
    /// Arithmetic over names.
    Formula(Expr<S>),
    /// The first case that holds.
    Cases(Vec<(Expr<S>, Option<Expr<S>>)>),
}

/// A time before the check (as written) or after it.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentOf<S: Stage> {
    /// Known after the check.
    pub then: Option<Then>,
    written: Option<(WrittenMoment, Span)>,
    stage: std::marker::PhantomData<S>,
}

#[derive(Debug, Clone, PartialEq)]
enum WrittenMoment {
    Baseline,
    Previous(Period),
    Ago(Literal),
    Date(Literal),
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let node = parsed.node.as_ref();
    let definition_node = node.and_then(|n| n.child(Rule::definition));
    let mut definition = definition_node.as_ref().and_then(|d| definition_of(&d.only(), faults));
    let cases: Vec<_> = parsed
        .all_different(Rule::case, faults)
        .iter()
        .map(|c| {
            let value = c.child(Rule::operand).map(|o| operand_of(&o, faults));
            let when = c.child(Rule::expr).map(|_| expr_of(c, faults));
            (value.unwrap_or_else(|| expr_of(c, &mut Vec::new())), when)
        })
        .collect();
    let definition_span = definition_node.map_or(parsed.head.span, |d| d.span());
    if !cases.is_empty() {
        if definition.is_some() {
            faults.push(
                Diagnostic::new(Code::MixedMetric, "a metric is a formula or a list of cases, not both")
                    .label(cases[0].0.span, "cases begin here")
                    .label(definition_span, "this is its formula")
                    .help("give the formula a name of its own and use that in the cases"),
            );
        }
        definition = Some(Definition::Cases(cases));
    }
    let clamped = node.and_then(|n| n.child(Rule::clamped)).and_then(|c| c.child(Rule::range)).and_then(|r| {
        let (low, high) = range(&r, faults);
        Some((low?, high?))
    });
    Written {
        per: node.and_then(|n| n.child(Rule::per)).map(|p| p.name(0)),
        clamped,
        definition,
        definition_span,
        head: parsed.head,
    }
}

fn definition_of(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Option<Definition<AsWritten>> {
    use super::super::expr::WrittenRows;
    let rows = |noun: Word, via: Option<Node<'_>>| WrittenRows { noun, anywhere: false, via: via.map(|v| v.name(0)) };
    let source = |n: &Node<'_>, faults: &mut Vec<Diagnostic>| {
        let window = n.child(Rule::window).map(|w| window(&w, faults));
        let filter = n.child(Rule::filter).map(|f| filter(&f, faults));
        let needs = n.child(Rule::needs);
        let count = needs.as_ref().and_then(|n| n.child(Rule::needs_rows)).and_then(|n| n.child(Rule::number));
        let count = count.and_then(|n| whole(&n, 1..=u32::MAX, "number of rows", faults));
        let ignoring = needs.is_some_and(|n| n.has(Rule::k_ignoring_unknown));
        (window, filter, count, ignoring)
    };
    Some(match node.rule() {
        Rule::share => {
            let (window, filter_, needs, ignoring_unknown) = source(node, faults);
            let out_of = node.children().filter(|n| n.rule() == Rule::filter).nth(1).map(|f| filter(&f, faults));
            Definition::Aggregate(Box::new(Aggregate {
                fold: Fold::Share,
                of: None,
                rows: rows(node.name(0), node.child(Rule::via)),
                window,
                filter: filter_,
                out_of,
                needs,
                ignoring_unknown,
            }))
        }
        Rule::count => {
            let inner = node.child(Rule::source);
            let distinct = node.child(Rule::distinct);
            let (window, filter, needs, ignoring_unknown) =
                inner.as_ref().map_or((None, None, None, false), |s| source(s, faults));
            let of = distinct.as_ref().and_then(|d| d.child(Rule::sum)).map(|s| sum(&s, faults));
            let noun = distinct.as_ref().map_or_else(|| node.name(0), |d| d.name(0));
            Definition::Aggregate(Box::new(Aggregate {
                fold: if of.is_some() { Fold::CountDistinct } else { Fold::Count },
                of,
                rows: rows(noun, inner.and_then(|s| s.child(Rule::via))),
                window,
                filter,
                out_of: None,
                needs,
                ignoring_unknown,
            }))
        }
        Rule::fold => {
            let folder = node.child(Rule::folder).map(|f| f.only());
            let fold = folder.as_ref().map_or(Fold::Sum, |f| match f.rule() {
                Rule::k_average_of => Fold::Average,
                Rule::k_median_of => Fold::Median,
                Rule::k_min_of => Fold::Min,
                Rule::k_max_of => Fold::Max,
                Rule::k_latest => Fold::Latest,
                Rule::k_first_value => Fold::First,
                Rule::percentile => {
                    let digits: String = f.text().chars().take_while(char::is_ascii_digit).collect();
                    match digits.parse::<u8>() {
                        Ok(n @ 1..=99) => Fold::Percentile(n),
                        _ => {
                            faults.push(
                                Diagnostic::at(
                                    Code::BadLiteral,
                                    f.span(),
                                    format!("there is no {digits}th percentile"),
                                )
                                .help("percentiles go from the 1st to the 99th"),
                            );
                            Fold::Median
                        }
                    }
                }
                _ => Fold::Sum,
            });
            let of = node.child(Rule::sum).map(|s| sum(&s, faults));
            let inner = node.child(Rule::source);
            let (window, filter, needs, ignoring_unknown) =
                inner.as_ref().map_or((None, None, None, false), |s| source(s, faults));
            Definition::Aggregate(Box::new(Aggregate {
                fold,
                of,
                rows: rows(node.name(0), inner.and_then(|s| s.child(Rule::via))),
                window,
                filter,
                out_of: None,
                needs,
                ignoring_unknown,
            }))
        }
        Rule::shift => {
            let shift = if node.has(Rule::k_drop_of) {
                Shift::Drop
            } else if node.has(Rule::k_difference_of) {
                Shift::Difference
            } else {
                Shift::Change
            };
            Definition::Shift(shift, one_word(node.name(0)), moment_of(node, faults)?)
        }
        Rule::at_moment => Definition::At(one_word(node.name(0)), moment_of(node, faults)?),
        _ => Definition::Formula(sum(node, faults)),
    })
}

fn one_word(word: Word) -> Path {
    Path { its: false, the: false, words: vec![word] }
}

fn moment_of(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Option<MomentOf<AsWritten>> {
    let moment = node.child(Rule::moment)?;
    let inner = moment.only();
    let written = match inner.rule() {
        Rule::previous => WrittenMoment::Previous(
            inner.child(Rule::period).and_then(|p| Period::parse(p.text())).unwrap_or(Period::Month),
        ),
        Rule::ago_moment => WrittenMoment::Ago(literal(&inner.child(Rule::quantity)?, faults)),
        Rule::date => WrittenMoment::Date(literal(&inner, faults)),
        _ => WrittenMoment::Baseline,
    };
    Some(MomentOf { then: None, written: Some((written, moment.span())), stage: std::marker::PhantomData })
}

// ── checked ──

/// A checked metric.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub span: Span,
    /// What it is for, where that is said.
    pub because: Option<Arc<str>>,
    /// Whose values it has; nothing for the portfolio's.
    pub grain: Option<Relation>,
    /// Its unit.
    pub ty: Type,
    /// What it is.
    pub definition: Definition<Checked>,
    /// Least and greatest value it is held to.
    pub clamped: Option<(Expr<Checked>, Expr<Checked>)>,
}

// ── check ──

/// Checks one metric; metrics it reads are checked before it.
pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Metric> {
    let grain = match &written.per {
        Some(noun) => Some(cx.noun(noun)?),
        None => None,
    };
    let scope = grain.map_or_else(Scope::portfolio, Scope::row);
    let Some(definition) = &written.definition else {
        if !written.head.broken {
            cx.report(
                Diagnostic::at(
                    Code::MissingFact,
                    written.head.span,
                    format!("metric `{}` says nothing of its value", written.head.name),
                )
                .help("write `= …` after its name, or lines `is VALUE when CONDITION` below it"),
            );
        }
        return None;
    };
    let (definition, ty) = match definition {
        Definition::Aggregate(aggregate) => {
            let (aggregate, ty) = check_aggregate(cx, &scope, aggregate, written.definition_span)?;
            (Definition::Aggregate(Box::new(aggregate)), ty)
        }
        Definition::Shift(shift, name, moment) => {
            let (id, metric) = shifted(cx, name, grain)?;
            let then = moment_checked(cx, moment)?;
            let place = name.words.first().map_or(written.definition_span, |w| w.span);
            let ty = match (shift, &metric.ty) {
                (Shift::Difference, Type::Percent) => Type::Points,
                (Shift::Difference, ty) if ty.is_quantity() => match ty {
                    Type::Count => Type::Number,
                    ty => ty.clone(),
                },
                (_, Type::Percent | Type::Points) => {
                    cx.report(
                        Diagnostic::at(
                            Code::UnitMismatch,
                            place,
                            format!("`{}` is {}, and a percent of a percent misleads", metric.name, metric.ty.phrase()),
                        )
                        .help(format!("write `difference of {} since …`, which is in points", metric.name)),
                    );
                    return None;
                }
                (_, ty) if ty.is_quantity() => Type::Percent,
                (_, ty) => {
                    cx.report(
                        Diagnostic::at(
                            Code::UnitMismatch,
                            place,
                            format!("`{}` is {}, which does not change by amounts", metric.name, ty.phrase()),
                        )
                        .help("name a metric that is a number, an amount or a length of time"),
                    );
                    return None;
                }
            };
            check_whole_periods(cx, &metric, &then, place);
            if *shift != Shift::Difference && cx.can_be_negative(&metric) {
                cx.report(
                    Diagnostic::at(
                        Code::ChangeFromNegative,
                        place,
                        format!("`{}` can be zero or negative, and a change from there is unknown", metric.name),
                    )
                    .help(format!("`difference of {} since …` is always known", metric.name)),
                );
            }
            let then = MomentOf { then: Some(then), written: None, stage: std::marker::PhantomData };
            (Definition::Shift(*shift, binding(id), then), ty)
        }
        Definition::At(name, moment) => {
            let (id, metric) = shifted(cx, name, grain)?;
            let then = moment_checked(cx, moment)?;
            check_whole_periods(cx, &metric, &then, written.definition_span);
            let then = MomentOf { then: Some(then), written: None, stage: std::marker::PhantomData };
            (Definition::At(binding(id), then), metric.ty.clone())
        }
        Definition::Formula(formula) => {
            if let ExprKind::Name(path) = &formula.kind
                && path.single().is_some()
                && cx.value(&scope, formula).is_none()
            {
                return None;
            }
            let formula = cx.value(&scope, formula)?;
            let ty = formula.ty.clone();
            (Definition::Formula(formula), ty)
        }
        Definition::Cases(cases) => check_cases(cx, &scope, cases)?,
    };
    let mut clamped = None;
    if let Some((low, high)) = &written.clamped {
        let (low, high) = (cx.constant(low)?, cx.constant(high)?);
        for bound in [&low, &high] {
            if !cx.compatible(&bound.ty, &ty) {
                cx.report(
                    Diagnostic::at(
                        Code::UnitMismatch,
                        bound.span,
                        format!("the metric is {}, and it is clamped by {}", ty.phrase(), bound.ty.phrase()),
                    )
                    .help(ty.write_such()),
                );
                return None;
            }
        }
        clamped = Some((low, high));
    }
    Some(Metric {
        name: written.head.name.text.clone(),
        span: written.head.span,
        because: written.head.because.as_ref().map(|b| b.text.clone()),
        grain,
        ty,
        definition,
        clamped,
    })
}

fn binding(metric: MetricId) -> super::super::expr::Binding {
    super::super::expr::Binding::Metric { depth: 0, hops: Vec::new(), metric }
}

fn shifted(cx: &mut Checker<'_>, name: &Path, grain: Option<Relation>) -> Option<(MetricId, Metric)> {
    let word = name.words.first()?;
    let id = cx.metric_named(word)?;
    let metric = cx.metric(id)?;
    if metric.grain != grain {
        let of = |cx: &Checker<'_>, g: Option<Relation>| {
            g.map_or("the portfolio".to_owned(), |g| format!("one {}", cx.row_word(g)))
        };
        let message =
            format!("`{}` is a value of {}, this metric one of {}", metric.name, of(cx, metric.grain), of(cx, grain));
        let help = metric.grain.map_or_else(
            || "leave out `per …`".to_owned(),
            |g| {
                format!(
                    "write `per {}` after the metric's name, or aggregate it first: `sum of {} over …`",
                    cx.row_word(g),
                    metric.name
                )
            },
        );
        cx.report(Diagnostic::at(Code::GrainMismatch, word.span, message).help(help));
        return None;
    }
    Some((id, metric))
}

fn moment_checked(cx: &mut Checker<'_>, moment: &MomentOf<AsWritten>) -> Option<Then> {
    let (written, span) = moment.written.as_ref()?;
    Some(match written {
        WrittenMoment::Baseline => Then::Baseline,
        WrittenMoment::Previous(period) => Then::Previous(*period),
        WrittenMoment::Ago(literal) | WrittenMoment::Date(literal) => match cx.literal_value(literal, *span)? {
            (Value::Span(span), _) => Then::Ago(Literal0::Span(span)),
            (Value::Number(n), Type::Duration) => Then::Ago(Literal0::Seconds(i64::try_from(n.floor()).ok()?)),
            (Value::Date(date), _) => Then::At(cx.settings.calendar.day_start(date)),
            (Value::Moment(at), _) => Then::At(at),
            (_, ty) => {
                cx.report(
                    Diagnostic::at(Code::BadTime, *span, format!("{} is no distance in time", ty.phrase()))
                        .help("write for example `3 months ago`"),
                );
                return None;
            }
        },
    })
}

/// D11, D12: part of a month is never held against a whole one.
fn check_whole_periods(cx: &mut Checker<'_>, metric: &Metric, then: &Then, place: Span) {
    let Definition::Aggregate(aggregate) = &metric.definition else { return };
    if let Some(Window { kind: WindowKind::This(period), .. }) = &aggregate.window
        && matches!(then, Then::Baseline | Then::At(_))
    {
        cx.report(
            Diagnostic::at(
                Code::PartOfPeriod,
                place,
                format!(
                    "`{}` speaks of this {}, so this holds part of a {} against a whole one",
                    metric.name,
                    period.word(),
                    period.word()
                ),
            )
            .help(format!("use `within last …` or `within previous {}`", period.word())),
        );
    }
}

fn check_cases(
    cx: &mut Checker<'_>,
    scope: &Scope<'_>,
    cases: &[(Expr<AsWritten>, Option<Expr<AsWritten>>)],
) -> Option<(Definition<Checked>, Type)> {
    let conditions: Vec<Option<Option<Expr<Checked>>>> =
        cases.iter().map(|(_, when)| when.as_ref().map_or(Some(None), |w| cx.condition(scope, w).map(Some))).collect();
    if let Some(at) = cases.iter().position(|(_, when)| when.is_none())
        && at + 1 < cases.len()
    {
        cx.report(
            Diagnostic::new(Code::NeverReached, "nothing after `otherwise` is ever reached")
                .label(cases[at + 1].0.span, "this case")
                .label(cases[at].0.span, "the rest goes here")
                .help("move `otherwise` to the end"),
        );
    }
    // A bare word is a word of the metric, unless a name is meant; words that names bring are the only ones then.
    let mut ty: Option<Type> = None;
    let mut bare: Vec<(usize, Word)> = Vec::new();
    let mut values: Vec<Option<Expr<Checked>>> = Vec::new();
    for (i, (value, _)) in cases.iter().enumerate() {
        let word = match &value.kind {
            ExprKind::Name(path) => path.single().filter(|w| !cx.resolves(scope, w)).cloned(),
            _ => None,
        };
        if let Some(word) = word {
            bare.push((i, word));
            values.push(None);
            continue;
        }
        let checked = cx.value(scope, value);
        if let Some(checked) = &checked {
            match &ty {
                None => ty = Some(checked.ty.clone()),
                Some(first) if cx.compatible(first, &checked.ty) => {
                    if *first == Type::Count {
                        ty = Some(checked.ty.clone());
                    }
                }
                Some(first) => {
                    let message = format!("one case is {}, this one {}", first.phrase(), checked.ty.phrase());
                    cx.report(
                        Diagnostic::at(Code::UnitMismatch, value.span, message)
                            .help("all cases of a metric have one unit"),
                    );
                    return None;
                }
            }
        }
        values.push(checked);
    }
    let ty = match ty {
        None => {
            let mut words: Vec<Arc<str>> = Vec::new();
            for (_, word) in &bare {
                if !words.contains(&word.text) {
                    words.push(word.text.clone());
                }
            }
            if words.is_empty() {
                return None;
            }
            Type::Words(words.into())
        }
        Some(ty) => ty,
    };
    for (i, word) in bare {
        match &ty {
            Type::Words(words) if words.contains(&word.text) => {
                values[i] = Some(Expr {
                    kind: ExprKind::Literal(Value::Text(word.text.clone())),
                    span: word.span,
                    ty: ty.clone(),
                });
            }
            _ => {
                cx.unknown_name(scope, &word);
                return None;
            }
        }
    }
    let mut checked = Vec::new();
    for (value, when) in values.into_iter().zip(conditions) {
        checked.push((value?, when?));
    }
    Some((Definition::Cases(checked), ty))
}

fn check_aggregate(
    cx: &mut Checker<'_>,
    scope: &Scope<'_>,
    written: &Aggregate<AsWritten>,
    span: Span,
) -> Option<(Aggregate<Checked>, Type)> {
    let of_rows = cx.relation_named(&written.rows.noun)?;
    let tie = match scope.relation {
        None => {
            if let Some(via) = &written.rows.via {
                cx.report(
                    Diagnostic::at(
                        Code::NoPath,
                        via.span,
                        "a metric of the portfolio takes all rows, so there is nothing to go via",
                    )
                    .help("leave out `via …`"),
                );
            }
            Tie::Anywhere
        }
        Some(to) => Tie::LeadHere(cx.path(of_rows, to, written.rows.via.as_ref(), written.rows.noun.span)?),
    };
    let rows = Rows { of: of_rows, tie };
    let inside = Scope::inside(of_rows, scope);
    let window = match &written.window {
        None => None,
        Some(w) => Some(cx.window(of_rows, w)?),
    };
    let of = match &written.of {
        None => None,
        Some(e) => Some(cx.value(&inside, e)?),
    };
    let filter = match &written.filter {
        None => None,
        Some(f) => Some(cx.condition(&inside, f)?),
    };
    let out_of = match &written.out_of {
        None => None,
        Some(f) => Some(cx.condition(&inside, f)?),
    };
    let ty = match (written.fold, of.as_ref().map(|e| &e.ty)) {
        (Fold::Count | Fold::CountDistinct, _) => Type::Count,
        (Fold::Share, _) => Type::Percent,
        (Fold::Sum, Some(ty)) if ty.is_quantity() && !matches!(ty, Type::Rate(_) | Type::MoneyBy(_)) => ty.clone(),
        (Fold::Average | Fold::Median | Fold::Percentile(_), Some(Type::Count)) => Type::Number,
        (Fold::Average | Fold::Median | Fold::Percentile(_), Some(ty))
            if ty.is_quantity() && !matches!(ty, Type::MoneyBy(_)) =>
        {
            ty.clone()
        }
        (Fold::Min | Fold::Max, Some(ty))
            if ty.is_quantity() && !matches!(ty, Type::MoneyBy(_)) || matches!(ty, Type::Date | Type::Moment) =>
        {
            ty.clone()
        }
        (Fold::Latest | Fold::First, Some(ty)) => {
            let dated = match of_rows {
                Relation::Contract(id) => cx.contracts[id.index()].dated.is_some() || cx.is_broken_contract(id),
                Relation::Pairs(_) => false,
            };
            if !dated {
                cx.report(
                    Diagnostic::at(
                        Code::NoDate,
                        written.rows.noun.span,
                        format!("rows of `{}` have no date, so none is the latest or first", written.rows.noun),
                    )
                    .help("say in the contract which column is its time: `dated by COLUMN`"),
                );
                return None;
            }
            if let Relation::Contract(id) = of_rows {
                let contract = &cx.contracts[id.index()];
                let in_key = contract.dated.is_some_and(|d| contract.key.contains(&d));
                let single = contract.key.len() == 1;
                if !in_key && !single && !cx.is_broken_contract(id) {
                    cx.report(
                        Diagnostic::at(
                            Code::BadAggregate,
                            written.rows.noun.span,
                            format!(
                                "two rows of `{}` may have the same date, so the latest is not one row",
                                written.rows.noun
                            ),
                        )
                        .help("put the date into `one row per …`"),
                    );
                    return None;
                }
            }
            ty.clone()
        }
        (fold, Some(Type::MoneyBy(column))) => {
            cx.report(
                Diagnostic::at(
                    Code::MixedCurrencies,
                    span,
                    format!(
                        "the amounts are in the currency of `{column}`, so {} mixes currencies",
                        fold.words().trim_end_matches(" of")
                    ),
                )
                .help("keep one currency a contract: two never mix without a stated rate"),
            );
            return None;
        }
        (fold, Some(ty)) => {
            let place = written.of.as_ref().map_or(span, |e| e.span);
            cx.report(
                Diagnostic::at(Code::BadAggregate, place, format!("there is no {} {}", fold.words(), ty.name()))
                    .help("aggregate a quantity, or count the rows: `count of …`"),
            );
            return None;
        }
        (_, None) => return None,
    };
    let aggregate = Aggregate {
        fold: written.fold,
        of,
        rows,
        window,
        filter,
        out_of,
        needs: written.needs,
        ignoring_unknown: written.ignoring_unknown,
    };
    Some((aggregate, ty))
}

// ── print ──

impl Metric {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let place = Place::of(pack, self.grain);
        let mut head = format!("metric {}", self.name);
        if let Some(grain) = self.grain {
            head.push_str(&format!(" per {}", pack.row_word(grain)));
        }
        if let Some((low, high)) = &self.clamped {
            head.push_str(&format!(", clamped from {} to {}", place.single(low), place.single(high)));
        }
        let mut cases: Vec<String> = Vec::new();
        match &self.definition {
            Definition::Aggregate(a) => head.push_str(&format!(" = {}", a.print(&place))),
            Definition::Shift(shift, of, then) => {
                head.push_str(&format!(" = {} {} since {}", shift.words(), name_of(pack, of), then.print(pack)));
            }
            Definition::At(of, then) => head.push_str(&format!(" = {} at {}", name_of(pack, of), then.print(pack))),
            Definition::Formula(e) => head.push_str(&format!(" = {}", place.expr(e))),
            Definition::Cases(all) => cases.extend(all.iter().map(|(value, when)| match when {
                Some(when) => format!("is {} when {}", place.expr(value), place.expr(when)),
                None => format!("is {} otherwise", place.expr(value)),
            })),
        }
        let mut block = Block::new(head);
        block.fact_if(self.because.as_ref().map(|b| format!("because {}", quoted(b))));
        cases.into_iter().for_each(|case| block.fact(case));
        block
    }
}

fn name_of(pack: &Pack, binding: &Binding) -> String {
    match binding {
        Binding::Metric { metric, .. } => pack.metric(*metric).name.to_string(),
        // A shift is of a metric and of nothing else.
        _ => String::new(),
    }
}

impl MomentOf<Checked> {
    fn print(&self, pack: &Pack) -> String {
        match &self.then {
            None | Some(Then::Baseline) => "baseline".into(),
            Some(Then::Previous(period)) => format!("previous {}", period.word()),
            Some(Then::Ago(Literal0::Span(span))) => format!("{span} ago"),
            Some(Then::Ago(Literal0::Seconds(s))) => {
                format!("{} ago", print::value(pack, &Value::Number(Number::whole(i128::from(*s))), &Type::Duration))
            }
            Some(Then::At(at)) => {
                let text = pack.settings.calendar.show(*at);
                text.strip_suffix(" 00:00").map_or(text.clone(), str::to_owned)
            }
        }
    }
}

impl Aggregate<Checked> {
    fn print(&self, place: &Place<'_>) -> String {
        let pack = place.pack;
        let inside = place.inside(self.rows.of);
        let rows = pack.relation_name(self.rows.of);
        let mut text = match (&self.of, self.fold) {
            (None, fold) => format!("{} {rows}", fold.words()),
            (Some(of), Fold::CountDistinct) => format!("{} {} in {rows}", self.fold.words(), inside.expr(of)),
            (Some(of), fold) => {
                // `in` takes columns of rows, `over` values that each row has.
                let mut of_each = false;
                of.walk(&mut |e| {
                    of_each |= matches!(&e.kind, ExprKind::Name(Binding::Metric { depth: 0, metric, .. })
                        if pack.metric(*metric).grain == Some(self.rows.of));
                });
                format!("{} {} {} {rows}", fold.words(), inside.expr(of), if of_each { "over" } else { "in" })
            }
        };
        text.push_str(&place.tie(&self.rows));
        if let Some(window) = &self.window {
            text.push_str(&format!(" {}", inside.window(window)));
        }
        if let Some(filter) = &self.filter {
            text.push_str(&format!(" where {}", inside.expr(filter)));
        }
        if let Some(out_of) = &self.out_of {
            text.push_str(&format!(", out of those where {}", inside.expr(out_of)));
        }
        if let Some(needs) = self.needs {
            text.push_str(&format!(", needs at least {needs} rows"));
        }
        if self.ignoring_unknown {
            text.push_str(", ignoring unknown");
        }
        text
    }
}
