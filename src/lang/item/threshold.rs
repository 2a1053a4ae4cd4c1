//! `threshold`: what a metric should be, and what is still acceptable.

use std::sync::Arc;

use super::super::check::{Checker, Scope};
use super::super::expr::{
    Checked, Compare, Expr, MetricId, Written as AsWritten, amount_of, comparison, expr_of, operand_of,
};
use super::super::pack::Pack;
use super::super::print::{Block, Place};
use super::super::syntax::{Node, Rule, Word};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::time::Period;
use crate::value::Type;

// ── node ──

/// A threshold as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    on: Option<Word>,
    cadence: Cadence,
    settled: Option<Expr<AsWritten>>,
    target: Option<(Compare, Expr<AsWritten>, Span)>,
    acceptable: Option<(Compare, Expr<AsWritten>, Span)>,
    while_: Option<Expr<AsWritten>>,
}

/// At which instants a threshold is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cadence {
    /// At the present one.
    Now,
    /// At the end of the last closed period.
    Closed(Period),
    /// When the gate that reads it is.
    AtTheGate,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let target = parsed.once(Rule::target, "`target`", faults);
    let acceptable = parsed.once(Rule::acceptable, "`acceptable`", faults);
    let while_ = parsed.once(Rule::while_, "`while`", faults);
    let node = parsed.node.as_ref();
    let cadence = node.and_then(|n| n.child(Rule::cadence)).map_or(Cadence::Now, |c| match c.only().rule() {
        Rule::k_daily => Cadence::Closed(Period::Day),
        Rule::k_weekly => Cadence::Closed(Period::Week),
        Rule::k_monthly => Cadence::Closed(Period::Month),
        Rule::k_quarterly => Cadence::Closed(Period::Quarter),
        Rule::k_yearly => Cadence::Closed(Period::Year),
        _ => Cadence::AtTheGate,
    });
    let band = |n: &Node<'_>, faults: &mut Vec<Diagnostic>| {
        let compare = n.child(Rule::comparison).map_or(Compare::AtLeast, |c| comparison(&c));
        n.child(Rule::operand).map(|o| (compare, operand_of(&o, faults), n.span()))
    };
    Written {
        on: node.map(|n| n.name(1)),
        cadence,
        settled: node.and_then(|n| n.child(Rule::settled)).map(|s| amount_of(&s, faults)),
        target: target.and_then(|t| band(&t, faults)),
        acceptable: acceptable.and_then(|t| band(&t, faults)),
        while_: while_.map(|w| expr_of(&w, faults)),
        head: parsed.head,
    }
}

// ── checked ──

/// A side of a value: `is at least 20%`.
#[derive(Debug, Clone)]
pub struct Band {
    /// Which side.
    pub compare: Compare,
    /// Of what.
    pub limit: Expr<Checked>,
}

/// A checked threshold.
#[derive(Debug, Clone)]
pub struct Threshold {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub span: Span,
    /// Why it exists.
    pub because: Arc<str>,
    /// The name it had before.
    pub formerly: Option<Arc<str>>,
    /// The metric it judges.
    pub metric: MetricId,
    /// When it is judged.
    pub cadence: Cadence,
    /// How long late rows may still arrive.
    pub settled: Option<Expr<Checked>>,
    /// What it should be.
    pub target: Band,
    /// What is still acceptable.
    pub acceptable: Option<Band>,
    /// Outside this it has no verdict.
    pub while_: Option<Expr<Checked>>,
}

// ── check ──

pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Threshold> {
    let because = cx.because(&written.head, "threshold");
    let on = written.on.as_ref()?;
    let id = cx.metric_named(on)?;
    let metric = cx.metric(id)?;
    let scope = metric.grain.map_or_else(Scope::portfolio, Scope::row);
    let Some(target) = &written.target else {
        if !written.head.broken {
            cx.report(
                Diagnostic::at(
                    Code::MissingFact,
                    written.head.span,
                    format!("threshold `{}` has no target", written.head.name),
                )
                .help("add a line such as `target is at least 20%`"),
            );
        }
        return None;
    };
    let mut bands = [None, None];
    for (i, band) in [Some(target), written.acceptable.as_ref()].into_iter().enumerate() {
        let Some((compare, limit, _)) = band else { continue };
        cx.no_bare_numbers(limit, if i == 0 { "target" } else { "acceptable" });
        let limit = cx.value(&scope, limit)?;
        if !cx.compatible(&metric.ty, &limit.ty) {
            cx.report(
                Diagnostic::new(
                    Code::UnitMismatch,
                    format!(
                        "`{}` is {}, and it is held against {}",
                        metric.name,
                        metric.ty.phrase(),
                        limit.ty.phrase()
                    ),
                )
                .label(limit.span, format!("this is {}", limit.ty.phrase()))
                .label(on.span, format!("this is {}", metric.ty.phrase()))
                .help(cx.unit_help(&metric.ty, &limit.ty)),
            );
            return None;
        }
        if !metric.ty.is_quantity() && !matches!(metric.ty, Type::Span | Type::Date | Type::Moment) {
            cx.report(Diagnostic::at(
                Code::NoOrder,
                on.span,
                format!("`{}` is {}, which has no more and no less", metric.name, metric.ty.phrase()),
            ));
            return None;
        }
        bands[i] = Some(Band { compare: *compare, limit });
    }
    let [target_band, acceptable] = bands;
    let target_band = target_band?;
    if let (Some(acceptable), Some((_, _, span))) = (&acceptable, &written.acceptable) {
        check_bands(cx, &target_band, target.2, acceptable, *span);
    }
    let settled = match &written.settled {
        None => None,
        Some(s) => Some(cx.length(s)?),
    };
    let while_ = match &written.while_ {
        None => None,
        Some(w) => {
            cx.no_bare_numbers(w, "while");
            Some(cx.condition(&scope, w)?)
        }
    };
    Some(Threshold {
        name: written.head.name.text.clone(),
        span: written.head.span,
        because,
        formerly: written.head.formerly.as_ref().map(|w| w.text.clone()),
        metric: id,
        cadence: written.cadence,
        settled,
        target: target_band,
        acceptable,
        while_,
    })
}

/// The target must be the stricter of the two and look the same way.
fn check_bands(cx: &mut Checker<'_>, target: &Band, target_span: Span, acceptable: &Band, span: Span) {
    let upward = |b: &Band| matches!(b.compare, Compare::AtLeast | Compare::Above);
    let crossed = if upward(target) != upward(acceptable) {
        Some("looks the other way than the target".to_owned())
    } else if let (Some(t), Some(a)) = (cx.constant_value(&target.limit), cx.constant_value(&acceptable.limit)) {
        let order = a.compare(&t);
        let stricter = if upward(target) {
            order == Some(std::cmp::Ordering::Greater)
        } else {
            order == Some(std::cmp::Ordering::Less)
        };
        stricter.then(|| {
            format!("({}) is stricter than the target ({})", a.show(&target.limit.ty), t.show(&target.limit.ty))
        })
    } else {
        None
    };
    if let Some(how) = crossed {
        cx.report(
            Diagnostic::new(Code::BandsCrossed, format!("what is acceptable {how}"))
                .label(span, "acceptable")
                .label(target_span, "target")
                .help("every value that meets the target must be acceptable too"),
        );
    }
}

// ── print ──

impl Cadence {
    /// The word in a head; nothing for the present moment.
    fn word(self) -> Option<&'static str> {
        Some(match self {
            Cadence::Now => return None,
            Cadence::Closed(Period::Day) => "daily",
            Cadence::Closed(Period::Week) => "weekly",
            Cadence::Closed(Period::Month) => "monthly",
            Cadence::Closed(Period::Quarter) => "quarterly",
            Cadence::Closed(Period::Year) => "yearly",
            Cadence::AtTheGate => "at the gate",
        })
    }
}

impl Threshold {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let metric = pack.metric(self.metric);
        let place = Place::of(pack, metric.grain);
        let mut head = format!("threshold {} on {}", self.name, metric.name);
        if let Some(cadence) = self.cadence.word() {
            head.push_str(&format!(", {cadence}"));
        }
        if let Some(settled) = &self.settled {
            head.push_str(&format!(", settled after {}", place.single(settled)));
        }
        let mut block = Block::new(head);
        block.because(&self.because);
        block.fact_if(self.formerly.as_ref().map(|f| format!("formerly {f}")));
        block.fact_if(self.while_.as_ref().map(|w| format!("while {}", place.expr(w))));
        let band = |name: &str, band: &Band| format!("{name} {} {}", band.compare.words(), place.expr(&band.limit));
        block.fact(band("target", &self.target));
        block.fact_if(self.acceptable.as_ref().map(|a| band("acceptable", a)));
        block
    }
}
