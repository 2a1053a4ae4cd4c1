//! `decision`: who decides what. Approvers and limits stand here and nowhere else.

use std::sync::Arc;

use super::super::check::{Checker, Scope};
use super::super::expr::{Checked, Expr, Relation, Written as AsWritten, expr_of};
use super::super::pack::Pack;
use super::super::print::{Block, Place, titled};
use super::super::syntax::{Rule, Word};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::value::{listed, with_article};

// ── node ──

/// A decision as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    /// `about a NOUN`; `rollback` and `stage` are nouns of the language itself.
    pub about: Option<Word>,
    lines: Vec<WrittenLine>,
}

#[derive(Debug, Clone)]
struct WrittenLine {
    span: Span,
    /// Nobody: it runs by itself.
    who: Vec<Word>,
    when: Option<Expr<AsWritten>>,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let mut lines = Vec::new();
    for (_, fact) in &parsed.facts {
        let Some(line) = fact.child(Rule::runs_by_itself).or_else(|| fact.child(Rule::deciders)) else { continue };
        lines.push(WrittenLine {
            span: line.span(),
            who: line.child(Rule::names).map(|n| n.words()).unwrap_or_default(),
            when: line.has(Rule::expr).then(|| expr_of(&line, faults)),
        });
    }
    // The last name of the head: the title is no name, and the first is the decision's own.
    let about = parsed.node.as_ref().filter(|n| n.has(Rule::k_about)).map(|n| n.name(1));
    Written { about, lines, head: parsed.head }
}

// ── checked ──

/// A checked decision.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Its name.
    pub name: Arc<str>,
    /// Its first line.
    pub span: Span,
    /// What it is called for people.
    pub title: Option<Arc<str>>,
    /// Why it exists.
    pub because: Arc<str>,
    /// What it is about.
    pub about: Subject,
    /// Its lines; the first that holds decides.
    pub lines: Vec<DecisionLine>,
}

/// What a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A row of this contract.
    Row(super::super::expr::ContractId),
    /// A rollback as a whole.
    Rollback,
    /// The stage of the portfolio.
    Stage,
}

impl Decision {
    /// Whether it is about the rows of which a rule is judged.
    pub fn is_about(&self, grain: Option<Relation>) -> bool {
        matches!((self.about, grain), (Subject::Row(id), Some(Relation::Contract(of))) if id == of)
    }
}

/// One line of a decision.
#[derive(Debug, Clone)]
pub struct DecisionLine {
    /// Where it stands.
    pub span: Span,
    /// Who decides.
    pub who: Who,
    /// When this line decides, in the scope of what it is about; always when there is none.
    pub when: Option<Expr<Checked>>,
}

/// Who decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// All of these together.
    Roles(Vec<Arc<str>>),
    /// Nobody: it runs by itself and is recorded as approved by rule.
    ByItself,
}

// ── check ──

pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Decision> {
    let head = &written.head;
    let because = cx.because(head, "decision");
    let about = match &written.about {
        Some(about) => match &*about.text {
            "rollback" => Some(Subject::Rollback),
            "stage" => Some(Subject::Stage),
            _ => cx.contract_of_noun(about).map(Subject::Row),
        },
        None => {
            if !head.broken {
                cx.report(
                    Diagnostic::at(
                        Code::MissingFact,
                        head.span,
                        format!("decision `{}` does not say what it is about", head.name),
                    )
                    .help("write `, about a NOUN` after its name: that is how `ask for approval of the NOUN` finds it"),
                );
            }
            None
        }
    };
    let rows = match about {
        Some(Subject::Row(contract)) => Some(Relation::Contract(contract)),
        _ => None,
    };
    let scope = rows.map_or_else(Scope::portfolio, Scope::row);
    let mut lines = Vec::new();
    for line in &written.lines {
        for role in &line.who {
            cx.party(role, "role");
            if about.is_some() {
                super::step::check_holder(cx, role, rows);
            }
        }
        let when = match (&line.when, about.is_some()) {
            (None, _) => Some(None),
            (Some(when), true) => {
                cx.no_bare_numbers(when, "decision");
                cx.condition(&scope, when).map(Some)
            }
            // What its names mean depends on what it is about.
            (Some(_), false) => None,
        };
        let who = match &line.who[..] {
            [] => Who::ByItself,
            roles => Who::Roles(roles.iter().map(|r| r.text.clone()).collect()),
        };
        if let Some(when) = when {
            lines.push(DecisionLine { span: line.span, who, when });
        }
    }
    if !head.broken {
        complete(cx, written);
    }
    (lines.len() == written.lines.len()).then_some(())?;
    Some(Decision {
        name: head.name.text.clone(),
        span: head.span,
        title: head.title.as_ref().map(|t| t.text.clone()),
        because,
        about: about?,
        lines,
    })
}

/// Every case is decided by somebody, and every line can be reached.
fn complete(cx: &mut Checker<'_>, written: &Written) {
    let Some(last) = written.lines.last() else {
        cx.report(
            Diagnostic::at(
                Code::MissingFact,
                written.head.span,
                format!("decision `{}` does not say who decides", written.head.name),
            )
            .help("add a line such as `chairman` or `chairman and board when CONDITION`"),
        );
        return;
    };
    match written.lines.iter().position(|l| l.when.is_none()) {
        None => cx.report(
            Diagnostic::at(Code::MissingFact, last.span, "when none of these lines holds, nobody decides")
                .help("end with a line such as `chairman otherwise`"),
        ),
        Some(i) => {
            if let Some(after) = written.lines.get(i + 1) {
                cx.report(
                    Diagnostic::new(Code::NeverReached, "this line is never reached")
                        .label(after.span, "nothing is left to decide here")
                        .label(written.lines[i].span, "this line always decides")
                        .help("the first line that holds decides: put the line without a condition last"),
                );
            }
        }
    }
}

// ── print ──

impl Decision {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let (about, place) = match self.about {
            Subject::Rollback => ("rollback", Place::portfolio(pack)),
            Subject::Stage => ("stage", Place::portfolio(pack)),
            Subject::Row(id) => (pack.contract(id).row_word(), Place::of(pack, Some(Relation::Contract(id)))),
        };
        let mut block =
            Block::new(format!("decision {}{}, about {}", self.name, titled(self.title.as_ref()), with_article(about)));
        block.because(&self.because);
        for line in &self.lines {
            let who = match &line.who {
                Who::ByItself => "runs by itself".to_owned(),
                Who::Roles(roles) => listed(roles, "and"),
            };
            block.fact(match &line.when {
                Some(when) => format!("{who} when {}", place.expr(when)),
                None if self.lines.len() == 1 && line.who != Who::ByItself => who,
                None => format!("{who} otherwise"),
            });
        }
        block
    }
}
