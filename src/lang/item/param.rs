//! `param`: a number or word that the chairman may tune, with the range in which every rule must hold up.

use std::sync::Arc;

use super::super::check::Checker;
use super::super::expr::{Expr, ExprKind, Literal, Path, Written as AsWritten, choices, literal, range};
use super::super::pack::Pack;
use super::super::print::{self, Block};
use super::super::syntax::{Rule, Word};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::source::Span;
use crate::value::{Type, Value};

// ── node ──

/// A param as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    /// The value it has unless set.
    pub default: Option<(Expr<AsWritten>, Span)>,
    low: Option<Expr<AsWritten>>,
    high: Option<Expr<AsWritten>>,
    words: Option<Vec<Expr<AsWritten>>>,
    category: Option<Word>,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let category = parsed.once(Rule::category, "`category`", faults);
    let mut written = Written {
        head: parsed.head.clone(),
        default: None,
        low: None,
        high: None,
        words: None,
        category: category.map(|c| c.name(0)),
    };
    let Some(node) = &parsed.node else { return written };
    let default = node
        .children()
        .filter(|n| matches!(n.rule(), Rule::literal | Rule::name))
        .nth(1)
        .or_else(|| node.child(Rule::literal));
    if let Some(value) = default {
        let kind = if value.rule() == Rule::literal {
            ExprKind::Literal(literal(&value, faults))
        } else {
            ExprKind::Name(Path { its: false, the: false, words: vec![value.word()] })
        };
        written.default = Some((Expr { kind, span: value.span(), ty: () }, value.span()));
    }
    if let Some(r) = node.child(Rule::range) {
        (written.low, written.high) = range(&r, faults);
        if let (
            Some((Expr { kind: ExprKind::Literal(own), .. }, _)),
            Some(Expr { kind: ExprKind::Literal(high), .. }),
        ) = (&mut written.default, &written.high)
        {
            // `= 0, from 0 to 10 points`: nothing needs no unit.
            if own.is_zero() {
                *own = own.clone().with_unit_of(high);
            }
        }
    }
    if let Some(one_of) = node.child(Rule::one_of) {
        written.words = one_of.child(Rule::choices).map(|c| choices(&c));
    }
    written
}

// ── checked ──

/// A checked param.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub span: Span,
    /// What it is for.
    pub because: Arc<str>,
    /// The group it is shown in.
    pub category: Option<Arc<str>>,
    /// Its unit.
    pub ty: Type,
    /// The value it has unless set.
    pub default: Value,
    /// The value in force: the default, or what a `set` says.
    pub value: Value,
    /// Where the value in force stands.
    pub value_span: Span,
    /// Least value, where it is a quantity.
    pub low: Option<Value>,
    /// Greatest value.
    pub high: Option<Value>,
}

impl Param {
    /// What is wrong with a value for it, as the second half of a sentence.
    pub fn refuses(&self, value: &Value) -> Option<String> {
        let below = |bound: &Value| value.compare(bound) == Some(std::cmp::Ordering::Less);
        let above = |bound: &Value| value.compare(bound) == Some(std::cmp::Ordering::Greater);
        match (&self.low, &self.high) {
            (Some(low), Some(high)) if below(low) || above(high) => {
                Some(format!("lies outside {} to {}", low.show(&self.ty), high.show(&self.ty)))
            }
            _ => None,
        }
    }
}

// ── check ──

pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Param> {
    let because = cx.because(&written.head, "param");
    let name = written.head.name.text.clone();
    let (default, span) = written.default.as_ref()?;
    let words: Option<Arc<[Arc<str>]>> =
        written.words.as_ref().map(|w| w.iter().filter_map(|e| cx.plain_word(e)).collect());
    let (value, ty) = match (&default.kind, words) {
        (ExprKind::Literal(Literal::Truth(_)), Some(_)) => {
            cx.report(
                Diagnostic::at(Code::WrongKind, *span, format!("`{name}` is yes or no, which needs no list"))
                    .help("leave `one of …` out, or choose one of its words"),
            );
            return None;
        }
        (_, Some(words)) => {
            let word = cx.plain_word(default);
            let Some(word) = word.filter(|w| words.contains(w)) else {
                let given = match &default.kind {
                    ExprKind::Name(path) => path.to_string(),
                    ExprKind::Literal(Literal::Text(word)) => word.text.to_string(),
                    ExprKind::Literal(Literal::Number(n)) => n.decimal(6),
                    _ => "this value".to_owned(),
                };
                cx.report(
                    Diagnostic::at(
                        Code::UnknownWord,
                        *span,
                        format!("`{given}` is not one of {}", crate::value::listed(&words, "or")),
                    )
                    .help(
                        nearest(&given, words.iter().map(|w| &**w))
                            .unwrap_or_else(|| "choose one of these, or add it to them".to_owned()),
                    ),
                );
                return None;
            };
            (Value::Text(word), Type::Words(words))
        }
        (ExprKind::Name(path), None) => {
            cx.report(
                Diagnostic::at(Code::BadLiteral, *span, format!("nothing says what else `{path}` may be"))
                    .help(format!("list the words it can be: `= {path}, one of {path} or …`")),
            );
            return None;
        }
        _ => {
            let constant = cx.constant(default)?;
            let ExprKind::Literal(value) = constant.kind else { return None };
            (value, constant.ty)
        }
    };
    let mut bounds = [None, None];
    for (i, bound) in [&written.low, &written.high].into_iter().enumerate() {
        let Some(bound) = bound else { continue };
        if let ExprKind::Name(path) = &bound.kind {
            cx.report(
                Diagnostic::at(
                    Code::WrongKind,
                    bound.span,
                    format!("a bound of the range of `{name}` is a value of its own, and `{path}` is a name"),
                )
                .help("write the value; a `require` says how two params must stand to each other"),
            );
            return None;
        }
        let constant = cx.constant(bound)?;
        if !cx.compatible(&constant.ty, &ty) {
            cx.report(
                Diagnostic::new(
                    Code::UnitMismatch,
                    format!("`{name}` is {}, and a bound of its range is {}", ty.phrase(), constant.ty.phrase()),
                )
                .label(bound.span, format!("this is {}", constant.ty.phrase()))
                .label(*span, format!("this is {}", ty.phrase()))
                .help(format!("{}, for the value and for both bounds", ty.write_such())),
            );
            return None;
        }
        if let ExprKind::Literal(value) = constant.kind {
            bounds[i] = Some((value, bound.span));
        }
    }
    let [low, high] = bounds;
    if let (Some((low, low_span)), Some((high, _))) = (&low, &high)
        && low.compare(high) == Some(std::cmp::Ordering::Greater)
    {
        cx.report(
            Diagnostic::at(Code::EmptyRange, *low_span, format!("the range of `{name}` ends before it begins"))
                .help("write the smaller bound first"),
        );
        return None;
    }
    let needs_range = ty.is_quantity() || ty == Type::Span;
    if needs_range && (low.is_none() || high.is_none()) && !written.head.broken {
        cx.report(
            Diagnostic::at(Code::NoRange, written.head.span, format!("param `{name}` has no range"))
                .help("say how far it may be tuned: `, from LEAST to GREATEST`"),
        );
    }
    let param = Param {
        name,
        span: written.head.span,
        because,
        category: written.category.as_ref().map(|c| c.text.clone()),
        ty,
        default: value.clone(),
        value,
        value_span: *span,
        low: low.map(|l| l.0),
        high: high.map(|h| h.0),
    };
    if let Some(why) = param.refuses(&param.value) {
        let message = format!("the default of `{}`, {}, {why}", param.name, param.value.show(&param.ty));
        cx.report(
            Diagnostic::at(Code::OutOfRange, *span, message)
                .help("choose a default inside the range, or widen the range"),
        );
        return None;
    }
    Some(param)
}

// ── print ──

impl Param {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let show = |v: &Value| print::value(pack, v, &self.ty);
        let limits = match (&self.ty, &self.low, &self.high) {
            (Type::Words(words), ..) => format!(", one of {}", print::choices(words)),
            (_, Some(low), Some(high)) => format!(", from {} to {}", show(low), show(high)),
            _ => String::new(),
        };
        let mut block = Block::new(format!("param {} = {}{limits}", self.name, show(&self.default)));
        block.because(&self.because);
        block.fact_if(self.category.as_ref().map(|c| format!("category {c}")));
        block
    }
}
