//! `report`: what people read together, and where each number on the page comes from.

use std::sync::Arc;

use super::super::check::{Checker, Scope};
use super::super::expr::{
    Binding, Checked, ContractId, Expr, ExprKind, Path, Relation, Written as AsWritten, filter, whole,
};
use super::super::pack::Pack;
use super::super::print::{Block, Place, titled};
use super::super::syntax::{Node, Rule, Word};
use super::step::{self, Rules, Step};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::value::listed;

// ── node ──

/// A report as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    show: Vec<Word>,
    lists: Vec<WrittenList>,
    draws: Vec<Word>,
    haves: Vec<step::Written>,
}

#[derive(Debug, Clone)]
struct WrittenList {
    span: Span,
    of: Word,
    columns: Vec<Word>,
    filter: Option<Expr<AsWritten>>,
    order: Option<(bool, Word)>,
    most: Option<u32>,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    Written {
        show: parsed
            .all_different(Rule::show, faults)
            .iter()
            .flat_map(|n| n.child(Rule::names).map(|n| n.words()).unwrap_or_default())
            .collect(),
        lists: parsed.all_different(Rule::list, faults).iter().map(|n| list(n, faults)).collect(),
        draws: parsed.all_different(Rule::draw, faults).iter().map(|n| n.name(0)).collect(),
        haves: parsed.all(Rule::have_fact).map(|n| step::parse(&n, false, faults)).collect(),
        head: parsed.head,
    }
}

fn list(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenList {
    WrittenList {
        span: node.span(),
        of: node.name(0),
        columns: node.child(Rule::names).map(|n| n.words()).unwrap_or_default(),
        filter: node.child(Rule::filter).map(|f| filter(&f, faults)),
        order: node.child(Rule::order).map(|o| (o.has(Rule::k_highest), o.name(0))),
        most: node.child(Rule::number).and_then(|n| whole(&n, 1..=u32::MAX, "number of rows", faults)),
    }
}

// ── checked ──

/// A checked report.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its name.
    pub name: Arc<str>,
    /// Its first line.
    pub span: Span,
    /// What it is called for people.
    pub title: Option<Arc<str>>,
    /// Why it exists.
    pub because: Arc<str>,
    /// The numbers of the page: metrics, thresholds and gates of the portfolio.
    pub show: Vec<Shown>,
    /// Its tables.
    pub lists: Vec<List>,
    /// Its drawings.
    pub draws: Vec<Draw>,
    /// What agents are asked for when it is made.
    pub haves: Vec<Step>,
}

/// A value with the name under which it is shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The name.
    pub name: Arc<str>,
    /// The value, in the scope of the portfolio or of the row of a list.
    pub value: Expr<Checked>,
}

/// A table of rows.
#[derive(Debug, Clone)]
pub struct List {
    /// Where it stands.
    pub span: Span,
    /// The name of what is listed.
    pub name: Arc<str>,
    /// Its rows.
    pub of: Relation,
    /// Its columns.
    pub columns: Vec<Shown>,
    /// Only rows for which this holds.
    pub filter: Option<Expr<Checked>>,
    /// By what it is ordered, and whether the highest stands first.
    pub order: Option<(bool, Expr<Checked>)>,
    /// So many rows.
    pub most: Option<u32>,
}

/// A drawing of who depends on whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Each row is a line from one thing to another of its kind.
    pub contract: ContractId,
    /// The column with the one.
    pub from: u32,
    /// The column with the other.
    pub to: u32,
}

// ── check ──

pub(crate) fn check(cx: &mut Checker<'_>, written: &Written) -> Option<Report> {
    let head = &written.head;
    let because = cx.because(head, "report");
    let empty =
        written.show.is_empty() && written.lists.is_empty() && written.draws.is_empty() && written.haves.is_empty();
    if empty && !head.broken {
        cx.report(
            Diagnostic::at(Code::MissingFact, head.span, format!("report `{}` shows nothing", head.name))
                .help("add a line such as `show METRIC and THRESHOLD` or `list CONTRACT with COLUMN`"),
        );
    }
    let portfolio = Scope::portfolio();
    let show: Vec<Shown> = written.show.iter().filter_map(|w| shown(cx, &portfolio, w)).collect();
    let lists: Vec<List> = written.lists.iter().filter_map(|l| check_list(cx, l)).collect();
    let draws: Vec<Draw> = written.draws.iter().filter_map(|d| check_draw(cx, d)).collect();
    let rules = Rules { noun: "report", grain: None, stage: None };
    let (haves, _) = step::check_all(cx, &rules, &written.haves);
    let whole = show.len() == written.show.len()
        && lists.len() == written.lists.len()
        && draws.len() == written.draws.len()
        && haves.len() == written.haves.len();
    whole.then(|| Report {
        name: head.name.text.clone(),
        span: head.span,
        title: head.title.as_ref().map(|t| t.text.clone()),
        because,
        show,
        lists,
        draws,
        haves,
    })
}

fn shown(cx: &mut Checker<'_>, scope: &Scope<'_>, word: &Word) -> Option<Shown> {
    let path = Path { its: false, the: false, words: vec![word.clone()] };
    let value = cx.value(scope, &Expr { kind: ExprKind::Name(path), span: word.span, ty: () })?;
    Some(Shown { name: word.text.clone(), value })
}

fn check_list(cx: &mut Checker<'_>, written: &WrittenList) -> Option<List> {
    let of = cx.relation_named(&written.of)?;
    let scope = Scope::row(of);
    let columns: Vec<Shown> = written.columns.iter().filter_map(|w| shown(cx, &scope, w)).collect();
    let filter = written.filter.as_ref().map(|f| cx.condition(&scope, f));
    let order = written.order.as_ref().map(|(highest, by)| {
        let by_value = shown(cx, &scope, by)?.value;
        if !differs_by_row(cx, &by_value) {
            let word = cx.row_word(of);
            cx.report(
                Diagnostic::at(Code::WrongKind, by.span, format!("`{by}` is the same for every {word}"))
                    .help(format!("order the list by a column of `{}`, or by a metric `per {word}`", written.of)),
            );
            return None;
        }
        Some((*highest, by_value))
    });
    (columns.len() == written.columns.len()).then_some(())?;
    Some(List {
        span: written.span,
        name: written.of.text.clone(),
        of,
        columns,
        filter: match filter {
            Some(filter) => Some(filter?),
            None => None,
        },
        order: match order {
            Some(order) => Some(order?),
            None => None,
        },
        most: written.most,
    })
}

/// Whether a value can differ from one row of a list to the next.
fn differs_by_row(cx: &mut Checker<'_>, value: &Expr<Checked>) -> bool {
    match &value.kind {
        ExprKind::Name(Binding::Metric { metric, .. }) => cx.metric(*metric).is_none_or(|m| m.grain.is_some()),
        ExprKind::Name(Binding::Param(_)) | ExprKind::Literal(_) => false,
        _ => true,
    }
}

fn check_draw(cx: &mut Checker<'_>, word: &Word) -> Option<Draw> {
    let contract = cx.contract_named(word)?;
    let columns = &cx.contracts[contract.index()].columns;
    let references: Vec<(u32, ContractId)> = (0u32..).zip(columns).filter_map(|(i, c)| Some((i, c.refers?))).collect();
    for (i, (from, of)) in references.iter().enumerate() {
        if let Some((to, _)) = references[i + 1..].iter().find(|(_, other)| other == of) {
            return Some(Draw { contract, from: *from, to: *to });
        }
    }
    cx.report(
        Diagnostic::at(
            Code::WrongKind,
            word.span,
            format!("`{word}` has no two references to the same rows, so there is nothing to draw"),
        )
        .help("a drawing needs a contract such as `venture_id id of ventures` and `depends_on_id id of ventures`"),
    );
    None
}

// ── print ──

impl Report {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let mut block = Block::new(format!("report {}{}", self.name, titled(self.title.as_ref())));
        let names = |shown: &[Shown]| listed(&shown.iter().map(|s| &*s.name).collect::<Vec<_>>(), "and");
        block.because(&self.because);
        block.fact_if((!self.show.is_empty()).then(|| format!("show {}", names(&self.show))));
        for list in &self.lists {
            let place = Place::of(pack, Some(list.of));
            let mut line = format!("list {} with {}", list.name, names(&list.columns));
            if let Some(filter) = &list.filter {
                line.push_str(&format!(" where {}", place.expr(filter)));
            }
            if let Some((highest, by)) = &list.order {
                let first = if *highest { "highest" } else { "lowest" };
                line.push_str(&format!(", {first} {} first", place.single(by)));
            }
            if let Some(most) = list.most {
                line.push_str(&format!(", at most {most}"));
            }
            block.fact(line);
        }
        self.draws.iter().for_each(|d| block.fact(format!("draw {}", pack.contract(d.contract).name)));
        self.haves.iter().for_each(|step| block.fact(step.print(&Place::portfolio(pack))));
        block
    }
}
