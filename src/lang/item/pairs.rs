//! `pairs`: two rows of one contract that have something in common, as a noun of its own.

use std::sync::Arc;

use super::super::check::{Checker, Scope};
use super::super::expr::{Checked, ContractId, Expr, PairsId, Relation, Written as AsWritten, filter, whole};
use super::super::pack::Pack;
use super::super::print::{Block, Place, quoted};
use super::super::syntax::{Rule, Word};
use super::{Head, Parsed};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::value::with_article;

// ── node ──

/// A pairs block as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    /// Whose rows are paired.
    pub of: Word,
    /// What one pair is called.
    pub noun: Option<Word>,
    filter: Option<Expr<AsWritten>>,
    found_in: Option<Word>,
    sharing: Vec<(Word, Word, Word)>,
    most: Option<(u32, Word)>,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let filter_node = parsed.once(Rule::filter, "`where`", faults);
    let found_in = parsed.once(Rule::found_in, "`found in`", faults);
    let most = parsed.once(Rule::most_pairs, "`at most`", faults);
    let node = parsed.node.as_ref();
    Written {
        of: node.map_or_else(|| parsed.head.name.clone(), |n| n.name(1)),
        noun: node.and_then(|n| n.child(Rule::each)).map(|e| e.name(0)),
        filter: filter_node.map(|f| filter(&f, faults)),
        found_in: found_in.map(|f| f.name(0)),
        sharing: parsed
            .all_different(Rule::sharing, faults)
            .iter()
            .map(|s| (s.name(0), s.name(1), s.name(2)))
            .collect(),
        most: most.and_then(|m| {
            let n = whole(&m.child(Rule::number)?, 1..=u32::MAX, "number of pairs", faults)?;
            Some((n, m.name(0)))
        }),
        head: parsed.head,
    }
}

// ── checked ──

/// One `sharing` line.
#[derive(Debug, Clone)]
pub struct Sharing {
    /// The contract that holds who has what.
    pub contract: ContractId,
    /// The column with the shared thing.
    pub thing: u32,
    /// The column that refers to the paired contract.
    pub owner: u32,
    /// The kind of pair it makes.
    pub kind: Arc<str>,
}

/// A checked pairs block.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub span: Span,
    /// Why it exists, where that is said.
    pub because: Option<Arc<str>>,
    /// What one pair is called.
    pub noun: Arc<str>,
    /// Whose rows are paired.
    pub of: ContractId,
    /// What must hold of both.
    pub filter: Option<Expr<Checked>>,
    /// What makes a pair, one kind each.
    pub sharing: Vec<Sharing>,
    /// The contract whose links name the pairs.
    pub found_in: Option<ContractId>,
    /// The words `kind` can be.
    pub kinds: Arc<[Arc<str>]>,
    /// Only so many, those with the most in common first.
    pub at_most: Option<u32>,
}

/// The columns every pairs block has, in this order.
pub const COLUMNS: [&str; 4] = ["first", "second", "kind", "shared"];

impl Pairs {
    /// Whether its keys have a kind beside the two.
    pub fn has_kind(&self) -> bool {
        !self.sharing.is_empty()
    }
}

// ── check ──

/// First pass: what it is made of, so that keys and columns are known.
pub(crate) fn declare(cx: &mut Checker<'_>, written: &Written) -> Option<Pairs> {
    let of = cx.contract_named(&written.of)?;
    Some(Pairs {
        name: written.head.name.text.clone(),
        span: written.head.span,
        because: written.head.because.as_ref().map(|b| b.text.clone()),
        noun: written.noun.as_ref().map_or_else(|| written.head.name.text.clone(), |n| n.text.clone()),
        of,
        filter: None,
        sharing: Vec::new(),
        found_in: None,
        kinds: written.sharing.iter().map(|s| s.2.text.clone()).collect(),
        at_most: written.most.as_ref().map(|m| m.0),
    })
}

/// Second pass: the contracts it reads.
pub(crate) fn check(cx: &mut Checker<'_>, id: PairsId, written: &Written) {
    let Some(of) = cx.pairs[id.index()].as_ref().map(|p| p.of) else { return };
    if cx.contracts[of.index()].key.len() != 1 && !cx.is_broken_contract(of) {
        cx.report(
            Diagnostic::at(
                Code::WrongKind,
                written.of.span,
                format!("rows of `{}` are not named by one column, so they cannot be paired", written.of),
            )
            .help("pairs are made of a contract with `one row per id`"),
        );
        return;
    }
    let mut sharing = Vec::new();
    for (thing, contract, kind) in &written.sharing {
        let Some(contract_id) = cx.contract_named(contract) else { continue };
        let Some(column) = cx.column_of(contract_id, thing) else { continue };
        let owners: Vec<u32> = cx.contracts[contract_id.index()]
            .columns
            .iter()
            .enumerate()
            .filter(|(_, c)| c.refers == Some(of))
            .map(|(i, _)| i as u32)
            .collect();
        let [owner] = owners[..] else {
            let row = cx.row_word(Relation::Contract(of));
            let (message, help) = if owners.is_empty() {
                (
                    format!(
                        "no column of `{contract}` refers to `{}`, so nobody knows whose `{thing}` it is",
                        written.of
                    ),
                    format!("add a column to `{contract}`: `{row}_id  id of {}`", written.of),
                )
            } else {
                (
                    format!(
                        "several columns of `{contract}` refer to `{}`, so nobody knows whose `{thing}` it is",
                        written.of
                    ),
                    format!("share a contract of which one column is `id of {}`", written.of),
                )
            };
            cx.report(Diagnostic::at(Code::NoPath, contract.span, message).help(help));
            continue;
        };
        sharing.push(Sharing { contract: contract_id, thing: column, owner, kind: kind.text.clone() });
    }
    let found_in = written.found_in.as_ref().and_then(|w| {
        let contract = cx.contract_named(w)?;
        let linked = cx.contracts[contract.index()].links.iter().any(|l| l.pairs == id);
        if !linked && !cx.is_broken_contract(contract) {
            let noun = written.noun.as_ref().map_or("pair", |n| &n.text);
            cx.report(
                Diagnostic::at(Code::NoPath, w.span, format!("no row of `{w}` says which {noun} it belongs to"))
                    .help(format!("add `belongs to a {noun} by COLUMN with COLUMN` to contract `{w}`")),
            );
        }
        Some(contract)
    });
    if written.sharing.is_empty() && written.found_in.is_none() && !written.head.broken {
        cx.report(
            Diagnostic::at(
                Code::MissingFact,
                written.head.span,
                format!("nothing says what makes a pair of `{}`", written.head.name),
            )
            .help("write `sharing COLUMN of CONTRACT as KIND` or `found in CONTRACT`"),
        );
    }
    let filter = written.filter.as_ref().and_then(|f| cx.condition(&Scope::row(Relation::Contract(of)), f));
    if let Some((_, by)) = &written.most
        && &*by.text != "shared"
    {
        cx.report(
            Diagnostic::at(Code::UnknownName, by.span, format!("pairs are ordered by `shared`, not by `{by}`"))
                .help("write `highest shared first`"),
        );
    }
    if let Some(pairs) = cx.pairs[id.index()].as_mut() {
        pairs.sharing = sharing;
        pairs.found_in = found_in;
        pairs.filter = filter;
    }
}

// ── print ──

impl Pairs {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> Block {
        let of = pack.contract(self.of);
        let mut block = Block::new(format!("pairs {} of {}, each {}", self.name, of.name, with_article(&self.noun)));
        let place = Place::of(pack, Some(Relation::Contract(self.of)));
        block.fact_if(self.because.as_ref().map(|b| format!("because {}", quoted(b))));
        block.fact_if(self.filter.as_ref().map(|f| format!("where {}", place.expr(f))));
        for sharing in &self.sharing {
            let contract = pack.contract(sharing.contract);
            let thing = &contract.columns[sharing.thing as usize].name;
            block.fact(format!("sharing {thing} of {} as {}", contract.name, sharing.kind));
        }
        block.fact_if(self.found_in.map(|id| format!("found in {}", pack.contract(id).name)));
        block.fact_if(self.at_most.map(|n| format!("at most {n}, highest shared first")));
        block
    }
}
