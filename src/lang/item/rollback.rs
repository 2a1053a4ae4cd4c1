//! `rollback`: how coordination is taken back, all of it together or not at all, and proven to be back.

use super::super::check::Checker;
use super::super::expr::{Checked, Expr, Written as AsWritten, amount_of};
use super::super::pack::Pack;
use super::super::print::{Block, Place};
use super::super::syntax::{Node, Rule};
use super::step::{self, Message, Rules, Step, StepKind};
use super::trigger::{self, Trigger};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

// ── node ──

/// A rollback as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    /// What it shares with a trigger: when it begins, how often it is looked at, what it does.
    pub core: trigger::Written,
    watch: Option<WrittenWatch>,
}

#[derive(Debug, Clone)]
struct WrittenWatch {
    span: Span,
    length: Expr<AsWritten>,
    step: Option<step::Written>,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let watch = parsed.once(Rule::watch, "`watch for`", faults);
    Written {
        head: parsed.head.clone(),
        core: trigger::facts(&parsed, faults),
        watch: watch.map(|n| self::watch(&n, faults)),
    }
}

fn watch(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenWatch {
    let kind = match (node.child(Rule::tell), node.child(Rule::ask)) {
        (Some(tell), _) => Some((tell.span(), step::WrittenKind::Tell(step::tell(&tell)))),
        (None, Some(ask)) => Some((ask.span(), step::WrittenKind::Ask(step::ask(&ask, faults)))),
        (None, None) => None,
    };
    WrittenWatch {
        span: node.span(),
        length: amount_of(node, faults),
        step: kind.map(|(span, kind)| step::Written { span, kind, only: None, afterwards: true }),
    }
}

// ── checked ──

/// A checked rollback.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// What it shares with a trigger. Its steps are all steps in order, those that run afterwards last.
    pub core: Trigger,
    /// For how long it is watched whether the cause returns.
    pub watch: Option<Watch>,
}

/// `watch for SPAN, if it returns …`
#[derive(Debug, Clone)]
pub struct Watch {
    /// Where it stands.
    pub span: Span,
    /// For how long, from the end of the rollback.
    pub length: Expr<Checked>,
    /// What is done when the condition holds again.
    pub then: Option<Step>,
}

impl Rollback {
    /// The steps that happen together or not at all.
    pub fn together(&self) -> impl Iterator<Item = &Step> {
        self.core.steps.iter().filter(|s| !s.afterwards)
    }

    /// The steps that run when it is done and verified.
    pub fn afterwards(&self) -> impl Iterator<Item = &Step> {
        self.core.steps.iter().filter(|s| s.afterwards)
    }

    /// Who is told when the cause returns.
    pub fn returns_to(&self) -> Option<&Message> {
        match self.watch.as_ref()?.then.as_ref().map(|s| &s.kind) {
            Some(StepKind::Tell(message)) => Some(message),
            _ => None,
        }
    }
}

// ── check ──

pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Rollback> {
    let core = trigger::check_as(cx, &written.core, "rollback");
    if !written.head.broken && written.core.steps.is_empty() {
        cx.report(
            Diagnostic::at(Code::MissingFact, written.head.span, format!("rollback `{}` takes nothing back", written.head.name))
                .help("add steps such as `ask for approval, …`, `restore CONTRACT from baseline` and `verify CONTRACT equals baseline`"),
        );
    }
    let core = core?;
    let watch = match &written.watch {
        None => None,
        Some(watch) => {
            let rules = Rules { noun: "rollback", grain: core.grain, stage: core.stage.clone() };
            let length = cx.length(&watch.length);
            let then = watch.step.as_ref().map(|s| step::check_one(cx, &rules, s));
            match then {
                Some(None) => return None,
                then => Some(Watch { span: watch.span, length: length?, then: then.flatten() }),
            }
        }
    };
    Some(Rollback { core, watch })
}

// ── print ──

impl Rollback {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let mut block = self.core.print_as(pack, "rollback");
        if let Some(watch) = &self.watch {
            let place = Place::of(pack, self.core.grain);
            let then = watch.then.as_ref().map(|s| format!(", if it returns {}", s.kind.print(&place)));
            block.fact(format!("watch for {}{}", place.single(&watch.length), then.unwrap_or_default()));
        }
        block
    }
}
