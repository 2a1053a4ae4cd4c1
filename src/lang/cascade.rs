//! What rules do to each other: that cascades end, and that no two rules write the same thing.
//!
//! A trigger that writes a contract leads to every trigger whose condition reads it, and `fire` leads to its target.
//! A circle in that graph must be braked: somewhere in it a cooldown or a pace holds two firings apart, and somewhere
//! a depth ends the tries. Then what one write sets off comes to rest.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::check::{Checker, Slot};
use super::expr::{Binding, Checked, Compare, ContractId, Expr, ExprKind, Joint, Relation, Tie};
use super::item::metric::Definition;
use super::item::step::{Set, StepKind};
use super::item::trigger::{Pace, Trigger};
use super::pack::Pack;
use super::print::spoken;
use crate::diagnostic::{Code, Diagnostic};
use crate::time::Period;
use crate::value::Value;

pub(crate) fn check(cx: &mut Checker<'_>) {
    let triggers: Vec<Trigger> = cx.triggers.iter().flatten().cloned().collect();
    // Places in the pack stay valid only while no trigger is missing.
    if triggers.len() == cx.triggers.len() {
        check_cycles(cx, &triggers);
    }
    check_writes(cx, &triggers);
}

/// The contracts whose rows a condition reads, through metrics as well.
pub(crate) fn reads(cx: &Checker<'_>, e: &Expr<Checked>, into: &mut BTreeSet<ContractId>) {
    let relation = |r: Relation, into: &mut BTreeSet<ContractId>| match r {
        Relation::Contract(id) => {
            into.insert(id);
        }
        Relation::Pairs(id) => {
            if let Some(pairs) = cx.pairs[id.index()].as_ref() {
                into.insert(pairs.of);
                into.extend(pairs.sharing.iter().map(|s| s.contract));
                into.extend(pairs.found_in);
            }
        }
    };
    let mut inner: Vec<&Expr<Checked>> = Vec::new();
    let mut metrics = Vec::new();
    e.walk(&mut |e| match &e.kind {
        ExprKind::Name(Binding::Column { of, .. }) => relation(*of, into),
        ExprKind::Name(Binding::Metric { metric, .. }) => metrics.push(*metric),
        ExprKind::Name(Binding::Threshold(id)) => {
            metrics.extend(cx.thresholds.get(id.index()).and_then(|t| t.as_ref()).map(|t| t.metric))
        }
        ExprKind::Exists(x) => relation(x.rows.of, into),
        ExprKind::Holds(contracts) => into.extend(contracts.iter().copied()),
        _ => {}
    });
    for id in metrics {
        let Some(Slot::Done(Some(metric))) = cx.metrics.get(id.index()) else { continue };
        match &metric.definition {
            Definition::Aggregate(a) => {
                relation(a.rows.of, into);
                inner.extend(a.of.iter().chain(&a.filter).chain(&a.out_of));
            }
            Definition::Formula(e) => inner.push(e),
            Definition::Cases(cases) => inner.extend(cases.iter().flat_map(|(v, w)| std::iter::once(v).chain(w))),
            Definition::Shift(_, of, _) | Definition::At(of, _) => {
                if let Binding::Metric { metric, .. } = of
                    && let Some(Slot::Done(Some(shifted))) = cx.metrics.get(metric.index())
                    && let Definition::Formula(e) = &shifted.definition
                {
                    inner.push(e);
                } else if let Binding::Metric { metric, .. } = of {
                    let name = Expr {
                        kind: ExprKind::Name(Binding::Metric { depth: 0, hops: Vec::new(), metric: *metric }),
                        ..e.clone()
                    };
                    reads(cx, &name, into);
                }
            }
        }
    }
    for e in inner {
        reads(cx, e, into);
    }
}

/// The contracts whose rows the steps of a rule write.
fn writes(cx: &Checker<'_>, trigger: &Trigger) -> BTreeSet<ContractId> {
    let mut all = BTreeSet::new();
    for step in &trigger.steps {
        match &step.kind {
            StepKind::Record(record) => {
                all.insert(record.contract);
            }
            StepKind::Set(set) => {
                all.insert(set.contract);
            }
            StepKind::Propose { contract, .. } => {
                all.insert(*contract);
            }
            StepKind::Apply(contract) | StepKind::Undo(contract) => {
                all.insert(*contract);
                all.extend(cx.contracts[contract.index()].changes.iter().copied());
            }
            StepKind::Restore(restore) => {
                all.insert(restore.contract);
            }
            _ => {}
        }
    }
    all
}

/// Whether time must pass between two firings or tries.
fn spaced(trigger: &Trigger) -> bool {
    trigger.once.is_some()
        || trigger.depth.as_ref().is_some_and(|d| d.again_after.is_some())
        || !matches!(trigger.check.pace, Pace::OnChange { .. })
}

/// Whether the number of tries is limited.
fn limited(trigger: &Trigger) -> bool {
    trigger.depth.is_some() || trigger.once.as_ref().is_some_and(|o| o.later.is_some())
}

fn check_cycles(cx: &mut Checker<'_>, triggers: &[Trigger]) {
    let mut graph: DiGraph<usize, String> = DiGraph::new();
    let nodes: Vec<NodeIndex> = (0..triggers.len()).map(|i| graph.add_node(i)).collect();
    let read: Vec<BTreeSet<ContractId>> = triggers
        .iter()
        .map(|t| {
            let mut all = BTreeSet::new();
            reads(cx, &t.when.expr, &mut all);
            all
        })
        .collect();
    let mut readers: BTreeMap<ContractId, Vec<usize>> = BTreeMap::new();
    for (j, needed) in read.iter().enumerate() {
        for contract in needed {
            readers.entry(*contract).or_default().push(j);
        }
    }
    for (i, trigger) in triggers.iter().enumerate() {
        let mut led_to = BTreeSet::new();
        for through in writes(cx, trigger) {
            let name = cx.contracts[through.index()].name.clone();
            for j in readers.get(&through).into_iter().flatten().filter(|j| led_to.insert(**j)) {
                graph.add_edge(nodes[i], nodes[*j], format!("changes {}, which sets off", spoken(&name)));
            }
        }
        for step in &trigger.steps {
            if let StepKind::Fire(target) = step.kind
                && let Some(node) = nodes.get(target as usize)
            {
                graph.add_edge(nodes[i], *node, "fires".into());
            }
        }
    }
    // A rule with both brakes opens every circle it stands in; what is circular without such rules must find both
    // among its members.
    let open = graph.filter_map(
        |_, rule| (!(spaced(&triggers[*rule]) && limited(&triggers[*rule]))).then_some(*rule),
        |_, edge| Some(edge.clone()),
    );
    for members in tarjan_scc(&open) {
        if members.len() == 1 && members.iter().all(|n| !open.contains_edge(*n, *n)) {
            continue;
        }
        let mut rules: Vec<usize> = members.iter().map(|n| open[*n]).collect();
        rules.sort_unstable();
        let space = rules.iter().any(|r| spaced(&triggers[*r]));
        let limit = rules.iter().any(|r| limited(&triggers[*r]));
        if space && limit {
            continue;
        }
        let chain = circle(&graph, &nodes, &rules);
        let shown: Vec<String> = chain
            .iter()
            .zip(chain.iter().cycle().skip(1))
            .map(|(a, b)| {
                let through = graph.find_edge(nodes[*a], nodes[*b]).map_or("leads to", |e| &graph[e]);
                if a == b && through != "fires" {
                    return format!("{} {} it off again", triggers[*a].name, through.trim_end_matches(" off"));
                }
                let target = if a == b { "itself" } else { &triggers[*b].name };
                format!("{} {through} {target}", triggers[*a].name)
            })
            .collect();
        let lacks = match (space, limit) {
            (false, false) => ("ends this circle", "`once within 3 days` and `depth at most 3`"),
            (false, true) => {
                ("says how soon this circle may begin again, though its depth is limited", "`once within 3 days`")
            }
            _ => ("says how often this circle may run, though its firings are held apart", "`depth at most 3`"),
        };
        let mut fault = Diagnostic::new(Code::Cascade, format!("{}: nothing {}", shown.join("; "), lacks.0));
        for rule in &chain {
            fault = fault.label(triggers[*rule].span, "in the circle");
        }
        let whom = if chain.len() == 1 { "the rule" } else { "one of the rules" };
        cx.report(fault.help(format!("add {} to {whom}", lacks.1)));
    }
}

/// One circle through the members of a strongly connected part, beginning at its first.
fn circle(graph: &DiGraph<usize, String>, nodes: &[NodeIndex], rules: &[usize]) -> Vec<usize> {
    let first = rules[0];
    let mut chain = vec![first];
    let mut at = first;
    for _ in 0..rules.len() {
        if graph.contains_edge(nodes[at], nodes[first]) {
            break;
        }
        let next = rules.iter().copied().find(|r| !chain.contains(r) && graph.contains_edge(nodes[at], nodes[*r]));
        match next {
            Some(next) => {
                chain.push(next);
                at = next;
            }
            None => break,
        }
    }
    chain
}

/// Two rules that set the same column of the same rows would undo each other's work.
fn check_writes(cx: &mut Checker<'_>, triggers: &[Trigger]) {
    let mut sets: Vec<(&Trigger, &Set, crate::source::Span)> = Vec::new();
    for trigger in triggers {
        for step in &trigger.steps {
            if let StepKind::Set(set) = &step.kind {
                sets.push((trigger, set, step.span));
            }
        }
    }
    let mut faults = Vec::new();
    for (i, (rule, set, span)) in sets.iter().enumerate() {
        for (other, theirs, place) in &sets[..i] {
            let same = set.contract == theirs.contract && set.column == theirs.column && rule.name != other.name;
            let same_value = set.to == theirs.to;
            if same && !same_value && !disjoint(set, theirs) && overlap(rule, set, other, theirs) {
                let contract = &cx.contracts[set.contract.index()];
                let column = &contract.columns[set.column as usize].name;
                let (ours, others) = (cx.in_words(&set.to), cx.in_words(&theirs.to));
                let message = format!(
                    "{} sets `{column}` of {} to {others}, and {} sets it to {ours}",
                    other.name,
                    spoken(&contract.name),
                    rule.name
                );
                faults.push(
                    Diagnostic::new(Code::WriteConflict, message)
                        .label(*span, format!("sets it to {ours}"))
                        .label(*place, format!("sets it to {others}"))
                        .help("let one rule own the column, or let their `where` conditions exclude each other"),
                );
            }
        }
    }
    for fault in faults {
        cx.report(fault);
    }
}

/// Whether the rows two steps speak of can be the same at all: both reach all rows, or rows of one kind of key.
fn overlap(a: &Trigger, set: &Set, b: &Trigger, theirs: &Set) -> bool {
    a.grain == b.grain
        || set.tie == Tie::Anywhere
        || theirs.tie == Tie::Anywhere
        || a.grain.is_none()
        || b.grain.is_none()
}

/// The words a filter allows a column to have, where it says so at its top.
fn allowed<'e>(e: &'e Expr<Checked>, into: &mut Vec<(u32, Vec<&'e Value>)>) {
    let column = |e: &Expr<Checked>| match &e.kind {
        ExprKind::Name(Binding::Column { depth: 0, hops, column, .. }) if hops.is_empty() => Some(*column),
        _ => None,
    };
    let literal = |e: &'e Expr<Checked>| if let ExprKind::Literal(v) = &e.kind { Some(v) } else { None };
    match &e.kind {
        ExprKind::Joint(Joint::And, all) => all.iter().for_each(|e| allowed(e, into)),
        ExprKind::Compare(Compare::Is, a, b) => {
            if let (Some(column), Some(value)) = (column(a), literal(b)) {
                into.push((column, vec![value]));
            }
        }
        ExprKind::OneOf(false, a, all) => {
            if let (Some(column), Some(values)) = (column(a), all.iter().map(literal).collect::<Option<Vec<_>>>()) {
                into.push((column, values));
            }
        }
        _ => {}
    }
}

fn disjoint(a: &Set, b: &Set) -> bool {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    if let (Some(x), Some(y)) = (&a.filter, &b.filter) {
        allowed(x, &mut ours);
        allowed(y, &mut theirs);
    }
    ours.iter().any(|(c, values)| theirs.iter().any(|(d, others)| c == d && values.iter().all(|v| !others.contains(v))))
}

/// How often one key of a trigger can fire at worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Firings {
    /// So many times a day, rounded up.
    ADay(u64),
    /// With every change of what it reads.
    EveryChange,
}

/// How often each trigger of a pack can fire for one key, at worst and with the params in force: with every verdict
/// that is due, unless `once within` holds them further apart, and whenever another trigger fires it.
pub fn worst_case(pack: &Pack) -> Vec<(&Trigger, Firings)> {
    let own: Vec<Firings> = pack.triggers.iter().map(|t| alone(pack, t)).collect();
    let mut fired_by: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, trigger) in pack.triggers.iter().enumerate() {
        for step in &trigger.steps {
            if let StepKind::Fire(target) = step.kind {
                fired_by.entry(target as usize).or_default().push(i);
            }
        }
    }
    let total = |target: usize| {
        // Who fires it, directly or through others; a circle is braked, so that everybody in it is counted once.
        let mut open = vec![target];
        let mut seen = BTreeSet::from([target]);
        while let Some(at) = open.pop() {
            open.extend(fired_by.get(&at).into_iter().flatten().copied().filter(|i| seen.insert(*i)));
        }
        seen.iter().fold(Firings::ADay(0), |sum, i| match (sum, own[*i]) {
            (Firings::ADay(a), Firings::ADay(b)) => Firings::ADay(a.saturating_add(b)),
            _ => Firings::EveryChange,
        })
    };
    pack.triggers.iter().enumerate().map(|(i, trigger)| (trigger, total(i))).collect()
}

fn alone(pack: &Pack, trigger: &Trigger) -> Firings {
    const DAY: i128 = 24 * 3600;
    let seconds = |e: &Expr<Checked>| {
        match super::check::param_value(e, &|id| Some(pack.param(id).clone()))? {
            Value::Number(n) => Some(n.floor()),
            // A month is no shorter than 28 days; what is shorter fires more often, so the shortest counts.
            Value::Span(span) => Some(i128::from(span.days) + i128::from(span.business) + 28 * i128::from(span.months))
                .map(|days| days * DAY),
            _ => None,
        }
    };
    let gap = |pace: &Pace| match pace {
        Pace::OnChange { .. } => None,
        Pace::Every(length) => seconds(length),
        Pace::Daily(_) => Some(DAY),
        Pace::Weekly(_) => Some(7 * DAY),
        Pace::Monthly(_) => Some(28 * DAY),
        Pace::Quarterly(_) => Some(90 * DAY),
        Pace::Yearly(_) => Some(365 * DAY),
        Pace::AfterEach(_, period) => Some(match period {
            Period::Day => DAY,
            Period::Week => 7 * DAY,
            Period::Month => 28 * DAY,
            Period::Quarter => 90 * DAY,
            Period::Year => 365 * DAY,
        }),
    };
    // Of two paces the quicker one counts; nothing is quicker than every change.
    let pace = match &trigger.check.other {
        None => gap(&trigger.check.pace),
        Some((_, other)) => gap(&trigger.check.pace).zip(gap(other)).map(|(a, b)| a.min(b)),
    };
    let apart = trigger.once.as_ref().and_then(|o| o.within.as_ref()).and_then(seconds);
    match pace.max(apart).filter(|gap| *gap > 0) {
        None => Firings::EveryChange,
        Some(gap) => Firings::ADay(u64::try_from((DAY + gap - 1) / gap).unwrap_or(u64::MAX)),
    }
}
