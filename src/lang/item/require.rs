//! `require`: what must hold between params, now and in every profile.

use std::sync::Arc;

use super::super::check::{Checker, Scope};
use super::super::expr::{Checked, Expr, Written as AsWritten, expr_of};
use super::super::pack::Pack;
use super::super::print::{Block, Place};
use super::{Head, Parsed};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

// ── node ──

/// A requirement as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Place and reason.
    pub head: Head,
    condition: Option<Expr<AsWritten>>,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let condition = parsed.node.as_ref().map(|n| expr_of(n, faults));
    Written { head: parsed.head, condition }
}

// ── checked ──

/// A checked requirement.
#[derive(Debug, Clone)]
pub struct Require {
    /// Where it stands.
    pub span: Span,
    /// Why.
    pub because: Arc<str>,
    /// What must hold; reads params only.
    pub condition: Expr<Checked>,
}

// ── check ──

pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Require> {
    let because = cx.because(&written.head, "require");
    let condition = cx.condition(&Scope::params_only(), written.condition.as_ref()?)?;
    Some(Require { span: written.head.span, because, condition })
}

// ── print ──

impl Require {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let mut block = Block::new(format!("require {}", Place::portfolio(pack).expr(&self.condition)));
        block.because(&self.because);
        block
    }
}
