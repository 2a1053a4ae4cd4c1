//! `gate`: what must hold before a stage is entered or left.

use std::sync::Arc;

use super::super::check::{Checker, Scope};
use super::super::expr::{Checked, Expr, Written as AsWritten, expr};
use super::super::pack::Pack;
use super::super::print::{Block, Place, quoted, titled};
use super::super::syntax::{Rule, Word};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

// ── node ──

/// A gate as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    /// `entering`, else `leaving`.
    pub entering: bool,
    /// The number of the stage or substage.
    pub stage: Word,
    lines: Vec<Expr<AsWritten>>,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let node = parsed.node.as_ref();
    Written {
        entering: node.is_some_and(|n| n.has(Rule::k_entering)),
        stage: node.map_or_else(|| parsed.head.name.clone(), |n| n.only_of(Rule::stage_number)),
        lines: parsed.all_different(Rule::expr, faults).iter().map(|n| expr(n, faults)).collect(),
        head: parsed.head,
    }
}

// ── checked ──

/// A checked gate.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Its name.
    pub name: Arc<str>,
    /// Its first line.
    pub span: Span,
    /// What it is called for people.
    pub title: Option<Arc<str>>,
    /// Why it exists.
    pub because: Option<Arc<str>>,
    /// The name it had before.
    pub formerly: Option<Arc<str>>,
    /// It guards the way in, else the way out.
    pub entering: bool,
    /// The number of the stage or substage.
    pub stage: Arc<str>,
    /// What must hold, every one of them.
    pub lines: Vec<Expr<Checked>>,
}

// ── check ──

pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Gate> {
    let head = &written.head;
    if !head.broken {
        super::stage::declared(cx, &written.stage);
        if written.lines.is_empty() {
            cx.report(
                Diagnostic::at(
                    Code::MissingFact,
                    head.span,
                    format!("gate `{}` does not say what must hold", head.name),
                )
                .help("add a line with a condition; the gate is open when all of them hold"),
            );
        }
    }
    let mut lines = Vec::new();
    for line in &written.lines {
        cx.no_bare_numbers(line, "gate");
        lines.extend(cx.condition(&Scope::portfolio(), line));
    }
    // A gate that lost a line would open too early.
    (lines.len() == written.lines.len()).then(|| Gate {
        name: head.name.text.clone(),
        span: head.span,
        title: head.title.as_ref().map(|t| t.text.clone()),
        because: head.because.as_ref().map(|b| b.text.clone()),
        formerly: head.formerly.as_ref().map(|f| f.text.clone()),
        entering: written.entering,
        stage: written.stage.text.clone(),
        lines,
    })
}

// ── print ──

impl Gate {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let way = if self.entering { "entering" } else { "leaving" };
        let part = if self.stage.contains('.') { "substage" } else { "stage" };
        let mut block =
            Block::new(format!("gate {}{}, {way} {part} {}", self.name, titled(self.title.as_ref()), self.stage));
        block.fact_if(self.because.as_ref().map(|b| format!("because {}", quoted(b))));
        block.fact_if(self.formerly.as_ref().map(|f| format!("formerly {f}")));
        let place = Place::portfolio(pack);
        self.lines.iter().for_each(|line| block.fact(place.expr(line)));
        block
    }
}
