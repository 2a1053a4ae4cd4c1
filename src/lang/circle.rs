//! Circles that lead through what is promised of rows: a value of a contract's rows waits for the promises of the
//! contract, and one of pairs for what must hold of both. Where these wait for the value again, it has none.
//!
//! Circles of metrics alone are found while the metrics are checked.

use std::collections::HashMap;

use super::expr::{Binding, Checked, ContractId, Expr, ExprKind, GateId, MetricId, PairsId, Relation, ThresholdId};
use super::item::metric::Definition;
use super::pack::Pack;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// What waits for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    Metric(MetricId),
    /// The promises of a contract.
    Promises(ContractId),
    Pairs(PairsId),
    Threshold(ThresholdId),
    Gate(GateId),
}

/// The first circle there is, with all its members.
pub(crate) fn circle(pack: &Pack) -> Option<Diagnostic> {
    let metrics = (0..pack.metrics.len() as u32).map(|i| Node::Metric(MetricId(i)));
    let contracts = (0..pack.contracts.len() as u32).map(|i| Node::Promises(ContractId(i)));
    let pairs = (0..pack.pairs.len() as u32).map(|i| Node::Pairs(PairsId(i)));
    let thresholds = (0..pack.thresholds.len() as u32).map(|i| Node::Threshold(ThresholdId(i)));
    let gates = (0..pack.gates.len() as u32).map(|i| Node::Gate(GateId(i)));
    let mut done = HashMap::new();
    let mut all = metrics.chain(contracts).chain(pairs).chain(thresholds).chain(gates);
    let members = all.find_map(|node| walk(pack, node, &mut done))?;
    let names: Vec<String> = members.iter().map(|node| named(pack, *node).0).collect();
    let after = |i: usize| &names[(i + 1) % names.len()];
    let mut fault = Diagnostic::new(
        Code::Cycle,
        format!("{} depends on itself: {} reads {}", names[0], names.join(" reads "), names[0]),
    );
    for (i, node) in members.iter().enumerate() {
        fault = fault.label(named(pack, *node).1, format!("reads {}", after(i)));
    }
    Some(fault.help("what is promised of rows is asked of columns in the end: break the circle"))
}

fn named(pack: &Pack, node: Node) -> (String, Span) {
    match node {
        Node::Metric(id) => (format!("`{}`", pack.metric(id).name), pack.metric(id).span),
        Node::Promises(id) => (format!("what `{}` promises", pack.contract(id).name), pack.contract(id).span),
        Node::Pairs(id) => (format!("`{}`", pack.pair(id).name), pack.pair(id).span),
        Node::Threshold(id) => (format!("`{}`", pack.threshold(id).name), pack.threshold(id).span),
        Node::Gate(id) => (format!("`{}`", pack.gate(id).name), pack.gate(id).span),
    }
}

/// The members of a circle that a node leads to. Every node is gone through once; who is on the way has no number yet.
fn walk(pack: &Pack, start: Node, done: &mut HashMap<Node, bool>) -> Option<Vec<Node>> {
    if done.contains_key(&start) {
        return None;
    }
    // By hand, for chains may be longer than the stack is deep.
    let mut way: Vec<(Node, Vec<Node>)> = vec![(start, reads(pack, start))];
    done.insert(start, false);
    while let Some((node, left)) = way.last_mut() {
        let Some(next) = left.pop() else {
            done.insert(*node, true);
            way.pop();
            continue;
        };
        match done.get(&next) {
            Some(true) => {}
            Some(false) => {
                let from = way.iter().position(|(node, _)| *node == next).unwrap_or(0);
                return Some(way[from..].iter().map(|(node, _)| *node).collect());
            }
            None => {
                done.insert(next, false);
                way.push((next, reads(pack, next)));
            }
        }
    }
    None
}

fn reads(pack: &Pack, node: Node) -> Vec<Node> {
    let mut found = Vec::new();
    match node {
        Node::Metric(id) => match &pack.metric(id).definition {
            Definition::Aggregate(a) => {
                found.push(of(a.rows.of));
                a.of.iter().chain(&a.filter).chain(&a.out_of).for_each(|e| of_expr(e, &mut found));
            }
            Definition::Shift(_, name, _) | Definition::At(name, _) => of_name(name, &mut found),
            Definition::Formula(e) => of_expr(e, &mut found),
            Definition::Cases(cases) => {
                cases.iter().flat_map(|(e, when)| std::iter::once(e).chain(when)).for_each(|e| of_expr(e, &mut found));
            }
        },
        Node::Promises(id) => {
            let contract = pack.contract(id);
            let fresh = contract.fresh.iter().filter_map(|f| f.filter.as_ref());
            fresh.chain(contract.volume.iter().filter_map(|v| v.filter.as_ref())).for_each(|e| of_expr(e, &mut found));
        }
        Node::Pairs(id) => pack.pair(id).filter.iter().for_each(|e| of_expr(e, &mut found)),
        Node::Threshold(id) => {
            let threshold = pack.threshold(id);
            found.push(Node::Metric(threshold.metric));
            let bands = std::iter::once(&threshold.target).chain(&threshold.acceptable).map(|b| &b.limit);
            bands.chain(&threshold.while_).for_each(|e| of_expr(e, &mut found));
        }
        Node::Gate(id) => pack.gate(id).lines.iter().for_each(|e| of_expr(e, &mut found)),
    }
    found
}

fn of(relation: Relation) -> Node {
    match relation {
        Relation::Contract(id) => Node::Promises(id),
        Relation::Pairs(id) => Node::Pairs(id),
    }
}

fn of_name(name: &Binding, found: &mut Vec<Node>) {
    match name {
        Binding::Metric { metric, .. } => found.push(Node::Metric(*metric)),
        Binding::Threshold(id) => found.push(Node::Threshold(*id)),
        Binding::Gate(id) => found.push(Node::Gate(*id)),
        _ => {}
    }
}

fn of_expr(e: &Expr<Checked>, found: &mut Vec<Node>) {
    e.walk(&mut |e| match &e.kind {
        ExprKind::Name(name) => of_name(name, found),
        ExprKind::Exists(x) => found.push(of(x.rows.of)),
        ExprKind::Holds(contracts) => found.extend(contracts.iter().map(|id| Node::Promises(*id))),
        _ => {}
    });
}

#[cfg(test)]
mod tests {
    use crate::compile::compile_text;
    use crate::diagnostic::Code;

    const ROWS: &str = "contract owners, each an owner\n  because \"Rows.\"\n  one row per id\n  id id\n";

    fn refused(things: &str, rest: &str) -> bool {
        let things = format!(
            "contract things, each a thing\n  because \"Rows.\"\n  one row per id\n  dated by day\n  id id\n  \
             owner_id id of owners\n  day date\n{things}"
        );
        let compiled = compile_text(&[("a.bylaw", ROWS), ("b.bylaw", &things), ("c.bylaw", rest)], None);
        compiled.diagnostics.iter().any(|d| d.code == Code::Cycle)
    }

    #[test]
    fn a_promise_does_not_wait_for_what_waits_for_it() {
        let promise = "  fresh within 3 days per owner where n is at least 1\n";
        assert!(refused(promise, "metric n per owner = count of things\n"));
        assert!(refused(
            "  at least 1 row per owner every 3 days where n is at least 1\n",
            "metric n per owner = count of things\n"
        ));
        assert!(!refused(
            promise,
            "metric n per owner = count of terms\ncontract terms, each a term\n  because \"R.\"\n  one row per id\n  id id\n  owner_id id of owners\n"
        ));
    }

    #[test]
    fn pairs_do_not_wait_for_what_waits_for_them() {
        let pairs = "pairs kins of owners, each a kin\n  where n is at least 1\n  sharing day of things as alike\n";
        assert!(refused("", &format!("{pairs}metric n per owner = count of kins via first\n")));
        assert!(!refused("", &format!("{pairs}metric n per owner = count of things\n")));
    }
}
