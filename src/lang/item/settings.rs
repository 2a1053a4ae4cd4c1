//! `set` and `profile`: values for params other than their defaults.

use std::sync::Arc;

use super::super::check::Checker;
use super::super::expr::{Expr, ExprKind, Literal, ParamId, Written as AsWritten, amount_of};
use super::super::pack::Pack;
use super::super::print::{Block, quoted, titled, value};
use super::super::syntax::{Node, Rule, Word};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::source::Span;
use crate::value::{Type, Value};

// ── node ──

/// `set NAME = VALUE because "…"`.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The param.
    pub param: Word,
    /// What it is set to.
    pub value: Expr<AsWritten>,
    /// Why.
    pub because: Option<Word>,
    /// All of it.
    pub span: Span,
}

/// A profile as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and title.
    pub head: Head,
    /// Its settings.
    pub settings: Vec<Setting>,
}

// ── parse ──

/// Parses a `setting` node.
pub(crate) fn setting(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Setting {
    Setting {
        param: node.name(0),
        value: amount_of(node, faults),
        because: node.child(Rule::because).and_then(|b| b.title()),
        span: node.span(),
    }
}

pub(crate) fn parse_set(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Option<Setting> {
    let node = parsed.node.as_ref()?.child(Rule::setting)?;
    let mut set = setting(&node, faults);
    set.because = set.because.or_else(|| parsed.head.because.clone());
    Some(set)
}

pub(crate) fn parse_profile(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let settings = parsed.all(Rule::setting).map(|n| setting(&n, faults)).collect();
    Written { head: parsed.head, settings }
}

// ── checked ──

/// A named set of values.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: Arc<str>,
    /// Why it exists, where that is said.
    pub because: Option<Arc<str>>,
    /// For whom it is.
    pub title: Option<Arc<str>>,
    /// Where it is declared.
    pub span: Span,
    /// Its values.
    pub values: Vec<(ParamId, Value, Span)>,
}

/// A value in force other than the default.
#[derive(Debug, Clone)]
pub struct Set {
    /// The param.
    pub param: ParamId,
    /// Its value.
    pub value: Value,
    /// Why.
    pub because: Option<Arc<str>>,
    /// Where it stands.
    pub span: Span,
}

// ── check ──

/// The value of one setting, if the param takes it.
pub(crate) fn check_setting(cx: &mut Checker<'_>, set: &Setting) -> Option<(ParamId, Value)> {
    let id = cx.param_named(&set.param)?;
    let param = cx.params[id.index()].clone()?;
    let value = match (&set.value.kind, &param.ty) {
        (ExprKind::Name(_) | ExprKind::Literal(Literal::Text(_) | Literal::Number(_)), Type::Words(words)) => {
            let word = cx.plain_word(&set.value)?;
            if !words.contains(&word) {
                cx.report(
                    Diagnostic::at(
                        Code::UnknownWord,
                        set.value.span,
                        format!(
                            "`{}` cannot be `{word}`: it is one of {}",
                            param.name,
                            crate::value::listed(words, "or")
                        ),
                    )
                    .help_if(nearest(&word, words.iter().map(|w| &**w))),
                );
                return None;
            }
            Value::Text(word)
        }
        _ => {
            let constant = cx.constant(&set.value)?;
            if !cx.compatible(&constant.ty, &param.ty) {
                cx.report(
                    Diagnostic::new(
                        Code::UnitMismatch,
                        format!("`{}` is {}, not {}", param.name, param.ty.phrase(), constant.ty.phrase()),
                    )
                    .label(set.value.span, format!("this is {}", constant.ty.phrase()))
                    .label(param.span, format!("`{}` is declared here", param.name))
                    .help(format!(
                        "write it as {}, such as {}",
                        param.ty.phrase(),
                        param.default.show(&param.ty)
                    )),
                );
                return None;
            }
            let ExprKind::Literal(value) = constant.kind else {
                cx.report(
                    Diagnostic::at(
                        Code::WrongKind,
                        set.value.span,
                        "a param is set to a value written out, not to another name",
                    )
                    .help(constant.ty.write_such()),
                );
                return None;
            };
            value
        }
    };
    if let Some(why) = param.refuses(&value) {
        cx.report(
            Diagnostic::new(
                Code::OutOfRange,
                format!("{} {why}, the range of `{}`", value.show(&param.ty), param.name),
            )
            .label(set.value.span, "this value")
            .label(param.span, "the range stands here")
            .help("choose a value inside the range"),
        );
        return None;
    }
    Some((id, value))
}

/// Puts a `set` in force.
pub(crate) fn check_set(cx: &mut Checker<'_>, set: &Setting) {
    if set.because.is_none() {
        cx.report(
            Diagnostic::at(Code::NoReason, set.span, format!("nothing says why `{}` is set", set.param))
                .help("add `because \"…\"` at the end of the line"),
        );
    }
    if let Some((id, value)) = check_setting(cx, set)
        && let Some(param) = cx.params[id.index()].as_mut()
    {
        param.value = value.clone();
        param.value_span = set.span;
        let because = set.because.as_ref().map(|b| b.text.clone());
        cx.sets.push(Set { param: id, value, because, span: set.span });
    }
}

pub(crate) fn check_profile(cx: &mut Checker<'_>, written: &Written) -> Option<Profile> {
    let mut values: Vec<(ParamId, Value, Span)> = Vec::new();
    for set in &written.settings {
        let Some((id, value)) = check_setting(cx, set) else { continue };
        if let Some((_, _, first)) = values.iter().find(|(p, _, _)| *p == id) {
            let message = format!("the profile sets `{}` twice", set.param);
            cx.report(
                Diagnostic::new(Code::RepeatedFact, message)
                    .label(set.span, "again here")
                    .label(*first, "first here")
                    .help("keep one of the two"),
            );
            continue;
        }
        values.push((id, value, set.span));
    }
    Some(Profile {
        name: written.head.name.text.clone(),
        because: written.head.because.as_ref().map(|b| b.text.clone()),
        title: written.head.title.as_ref().map(|t| t.text.clone()),
        span: written.head.span,
        values,
    })
}

// ── print ──

impl Profile {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let mut block = Block::new(format!("profile {}{}", self.name, titled(self.title.as_ref())));
        block.fact_if(self.because.as_ref().map(|b| format!("because {}", quoted(b))));
        self.values.iter().for_each(|(param, value, _)| block.fact(assigned(pack, *param, value)));
        block
    }
}

impl Set {
    /// The canonical form: one line.
    pub fn print(&self, pack: &Pack) -> Block {
        let because = self.because.as_ref().map(|b| format!(" because {}", quoted(b))).unwrap_or_default();
        Block::new(format!("{}{because}", assigned(pack, self.param, &self.value)))
    }
}

fn assigned(pack: &Pack, param: ParamId, set: &Value) -> String {
    let param = &pack.params[param.index()];
    format!("set {} = {}", param.name, value(pack, set, &param.ty))
}
