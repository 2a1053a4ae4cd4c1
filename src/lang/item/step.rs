//! Steps: the closed vocabulary of what a rule may do. Nothing here acts; a step is read, checked and kept.

use std::sync::Arc;

use super::super::check::{Checker, Scope};
use super::super::expr::{
    Answer, Checked, ContractId, Expr, ExprKind, Hop, Relation, Tie, Written as AsWritten, amount_of, choices, expr_of,
    filter, sum,
};
use super::super::names::Kind;
use super::super::pack::Pack;
use super::super::print::{Place, choices as choices_of, quoted};
use super::super::syntax::{Node, Rule, Word};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::source::Span;
use crate::value::{Type, listed, with_article};

// ── node ──

/// A step as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Where it stands.
    pub span: Span,
    /// What it does.
    pub kind: WrittenKind,
    /// `, when …`
    pub only: Option<Expr<AsWritten>>,
    /// `afterwards` stands in front: it runs when a rollback is done.
    pub afterwards: bool,
}

/// What a step does, as written.
#[derive(Debug, Clone)]
pub enum WrittenKind {
    /// `record a NOUN with C = V`
    Record(Word, Vec<(Word, Expr<AsWritten>)>),
    /// `set C to V in CONTRACT where …`
    Set(Box<WrittenSet>),
    /// `have AGENT propose a NOUN`
    Propose(Word, Word),
    /// `tell …`
    Tell(Tell),
    /// `ask …`
    Ask(WrittenAsk),
    /// `apply the NOUN`
    Apply(Word),
    /// `undo the NOUN`
    Undo(Word),
    /// `restore CONTRACT of its NOUNs from baseline`
    Restore(Word, Option<Word>),
    /// `verify CONTRACT of its NOUNs equals baseline`
    Verify(Word, Option<Word>),
    /// `send REPORT to ROLE`
    Send(Word, Vec<WrittenPerson>),
    /// `fire TRIGGER`
    Fire(Word),
    /// `enter stage N`
    Enter(Word),
    /// `publish the NOUN to TOOL`; without `the` it is a report.
    Publish(bool, Word, Word),
}

/// `set C to V in CONTRACT where …` as written.
#[derive(Debug, Clone)]
pub struct WrittenSet {
    column: Word,
    to: Expr<AsWritten>,
    contract: Word,
    anywhere: bool,
    filter: Option<Expr<AsWritten>>,
}

/// `ROLE via CONTRACT` as written.
#[derive(Debug, Clone)]
pub struct WrittenPerson {
    role: Word,
    via: Option<Word>,
}

/// `tell ROLE through CHANNEL saying "…"` as written.
#[derive(Debug, Clone)]
pub struct Tell {
    span: Span,
    people: Vec<WrittenPerson>,
    channels: Vec<Word>,
    saying: Option<Word>,
}

/// `ask …, answer within …, else …` as written.
#[derive(Debug, Clone)]
pub struct WrittenAsk {
    span: Span,
    about: WrittenAbout,
    within: Expr<AsWritten>,
    silence: Silence,
}

#[derive(Debug, Clone)]
enum WrittenAbout {
    Approval(Option<Word>),
    Choice(Vec<Word>, Vec<Expr<AsWritten>>),
}

impl Written {
    /// What people may choose, where it asks them to choose.
    pub(crate) fn choices(&self) -> &[Expr<AsWritten>] {
        match &self.kind {
            WrittenKind::Ask(WrittenAsk { about: WrittenAbout::Choice(_, words), .. }) => words,
            _ => &[],
        }
    }

    /// Whether it asks for approval of a noun.
    pub(crate) fn asks_about(&self, noun: &str) -> bool {
        let WrittenKind::Ask(WrittenAsk { about: WrittenAbout::Approval(Some(of)), .. }) = &self.kind else {
            return false;
        };
        &*of.text == noun
    }
}

/// A step as a test speaks of it: the verb and what it is done with.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    /// Where it stands.
    pub(crate) span: Span,
    verb: &'static str,
    names: Vec<Word>,
    roles: Vec<Word>,
}

impl Act {
    /// Whether a step does it. Of those it is sent to, the step must name all.
    pub(crate) fn is_done_by(&self, step: &Written) -> bool {
        let Some((verb, names, people)) = step.parts() else { return false };
        verb == self.verb
            && names.len() == self.names.len()
            && names.iter().zip(&self.names).all(|(a, b)| a.text == b.text)
            && self.roles.iter().all(|r| people.iter().any(|p| p.role.text == r.text))
    }
}

impl Written {
    /// The verb, what it is done with and who gets it; nothing for what people are told or asked.
    fn parts(&self) -> Option<(&'static str, Vec<&Word>, &[WrittenPerson])> {
        let nobody: &[WrittenPerson] = &[];
        Some(match &self.kind {
            WrittenKind::Record(noun, _) => ("record", vec![noun], nobody),
            WrittenKind::Set(set) => ("set", vec![&set.column, &set.contract], nobody),
            WrittenKind::Propose(_, noun) => ("propose", vec![noun], nobody),
            WrittenKind::Apply(noun) => ("apply", vec![noun], nobody),
            WrittenKind::Undo(noun) => ("undo", vec![noun], nobody),
            WrittenKind::Restore(contract, _) => ("restore", vec![contract], nobody),
            WrittenKind::Verify(contract, _) => ("verify", vec![contract], nobody),
            WrittenKind::Send(report, people) => ("send", vec![report], people),
            WrittenKind::Fire(trigger) => ("fire", vec![trigger], nobody),
            WrittenKind::Enter(stage) => ("enter", vec![stage], nobody),
            WrittenKind::Publish(_, what, tool) => ("publish", vec![what, tool], nobody),
            WrittenKind::Tell(_) | WrittenKind::Ask(_) => return None,
        })
    }

    /// The words by which a test speaks of it, without `to`.
    pub(crate) fn as_act(&self) -> Option<String> {
        let (verb, names, people) = self.parts()?;
        let roles: Vec<&str> = people.iter().map(|p| &*p.role.text).collect();
        Some(match (verb, &names[..]) {
            ("record" | "propose", [noun, ..]) => format!("{verb} {}", crate::value::with_article(&noun.text)),
            ("apply" | "undo", [noun, ..]) => format!("{verb} the {noun}"),
            ("set", [column, contract]) => format!("set {column} in {contract}"),
            ("send", [report, ..]) => format!("send {report} to {}", listed(&roles, "and")),
            ("enter", [stage, ..]) => format!("enter stage {stage}"),
            ("publish", [what, tool]) => match &self.kind {
                WrittenKind::Publish(true, ..) => format!("publish the {what} to {tool}"),
                _ => format!("publish {what} to {tool}"),
            },
            (verb, names) => format!("{verb} {}", names.iter().map(|n| &*n.text).collect::<Vec<_>>().join(" ")),
        })
    }
}

// ── parse ──

/// Parses what a test expects a rule to do.
pub(crate) fn act(node: &Node<'_>) -> Act {
    let inner = node.child(Rule::act).map_or_else(|| node.clone(), |a| a.only());
    let (verb, count) = match inner.rule() {
        Rule::act_record => ("record", 1),
        Rule::act_set => ("set", 2),
        Rule::act_propose => ("propose", 1),
        Rule::act_apply => ("apply", 1),
        Rule::act_undo => ("undo", 1),
        Rule::act_restore => ("restore", 1),
        Rule::act_verify => ("verify", 1),
        Rule::act_send => ("send", 1),
        Rule::act_fire => ("fire", 1),
        Rule::act_enter => ("enter", 0),
        _ => ("publish", 2),
    };
    let mut names: Vec<Word> = (0..count).map(|i| inner.name(i)).collect();
    if verb == "enter" {
        names.push(inner.only_of(Rule::stage_number));
    }
    let roles = inner.child(Rule::names).map(|n| n.words()).unwrap_or_default();
    Act { span: inner.span(), verb, names, roles }
}

/// Parses a `step` node.
pub(crate) fn parse(node: &Node<'_>, afterwards: bool, faults: &mut Vec<Diagnostic>) -> Written {
    let inner = node.only();
    let kind = match inner.rule() {
        Rule::record => {
            let assigned = inner.children().filter(|n| n.rule() == Rule::assign);
            WrittenKind::Record(inner.name(0), assigned.map(|a| (a.name(0), sum_of(&a, faults))).collect())
        }
        Rule::set_step => WrittenKind::Set(Box::new(WrittenSet {
            column: inner.name(0),
            to: sum_of(&inner, faults),
            contract: inner.name(1),
            anywhere: inner.has(Rule::k_anywhere),
            filter: inner.child(Rule::filter).map(|f| filter(&f, faults)),
        })),
        Rule::have => WrittenKind::Propose(inner.name(0), inner.name(1)),
        Rule::tell => WrittenKind::Tell(tell(&inner)),
        Rule::ask => WrittenKind::Ask(ask(&inner, faults)),
        Rule::apply => WrittenKind::Apply(inner.name(0)),
        Rule::undo => WrittenKind::Undo(inner.name(0)),
        Rule::restore => WrittenKind::Restore(inner.name(0), inner.child(Rule::scope).map(|s| s.name(0))),
        Rule::verify => WrittenKind::Verify(inner.name(0), inner.child(Rule::scope).map(|s| s.name(0))),
        Rule::send => WrittenKind::Send(inner.name(0), people(&inner)),
        Rule::fire => WrittenKind::Fire(inner.name(0)),
        Rule::enter => WrittenKind::Enter(inner.only_of(Rule::stage_number)),
        _ => WrittenKind::Publish(inner.has(Rule::the), inner.name(0), inner.name(1)),
    };
    Written { span: node.span(), kind, only: node.child(Rule::only).map(|o| expr_of(&o, faults)), afterwards }
}

fn sum_of(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> Expr<AsWritten> {
    match node.child(Rule::sum) {
        Some(value) => sum(&value, faults),
        None => amount_of(node, faults),
    }
}

/// Parses a `tell` node.
pub(crate) fn tell(node: &Node<'_>) -> Tell {
    Tell {
        span: node.span(),
        people: people(node),
        channels: node.child(Rule::names).map(|n| n.words()).unwrap_or_default(),
        saying: node.title(),
    }
}

fn people(node: &Node<'_>) -> Vec<WrittenPerson> {
    let Some(people) = node.child(Rule::people) else { return Vec::new() };
    let persons = people.children().filter(|n| n.rule() == Rule::person);
    persons.map(|p| WrittenPerson { role: p.name(0), via: p.child(Rule::via).map(|v| v.name(0)) }).collect()
}

/// Parses an `ask` node.
pub(crate) fn ask(node: &Node<'_>, faults: &mut Vec<Diagnostic>) -> WrittenAsk {
    let about = match node.child(Rule::ask_choice) {
        Some(choice) => WrittenAbout::Choice(
            choice.child(Rule::names).map(|n| n.words()).unwrap_or_default(),
            choice.child(Rule::choices).map(|c| choices(&c)).unwrap_or_default(),
        ),
        None => WrittenAbout::Approval(node.child(Rule::ask_approval).and_then(|a| a.words().into_iter().next())),
    };
    let silence = if node.has(Rule::k_escalate) {
        Silence::Escalate
    } else if node.has(Rule::k_end) {
        Silence::End
    } else {
        Silence::Hold
    };
    WrittenAsk { span: node.span(), about, within: amount_of(node, faults), silence }
}

// ── checked ──

/// Who acts: people, or the program, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Judged; all steps are listed for a person.
    Manual,
    /// Proposals, questions and notices run; all else asks first.
    Assisted,
    /// All steps run, within decisions and limits.
    Auto,
}

impl Mode {
    /// Every mode, the most careful first.
    pub const ALL: [Mode; 3] = [Mode::Manual, Mode::Assisted, Mode::Auto];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Manual => "manual",
            Mode::Assisted => "assisted",
            Mode::Auto => "auto",
        }
    }

    /// The mode of a word.
    pub fn parse(word: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|m| m.word() == word)
    }
}

/// The mode of a written word; an unknown one is reported.
pub(crate) fn check_mode(cx: &mut Checker<'_>, word: &Word) -> Option<Mode> {
    let mode = Mode::parse(&word.text);
    if mode.is_none() {
        cx.report(
            Diagnostic::at(Code::UnknownWord, word.span, format!("`{word}` is no mode")).help(
                nearest(&word.text, Mode::ALL.map(Mode::word))
                    .unwrap_or_else(|| "a mode is manual, assisted or auto".to_owned()),
            ),
        );
    }
    mode
}

/// What kind of thing a step does; modes and limits speak of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Changes rows of the portfolio.
    Write,
    /// Writes a proposal, which is not yet in force.
    Proposal,
    /// Asks people and waits.
    Question,
    /// Tells people.
    Notice,
    /// Acts outside of the program.
    Outside,
    /// Starts other rules, or moves the stage.
    Control,
}

/// What happens when nobody answers in time. Silence is never a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Silence {
    /// It is asked again as urgent, and of the next role up.
    Escalate,
    /// The question stays open and nothing happens.
    Hold,
    /// The firing ends.
    End,
}

impl Silence {
    /// The word after `else`.
    pub fn word(self) -> &'static str {
        match self {
            Silence::Escalate => "escalate",
            Silence::Hold => "hold",
            Silence::End => "end",
        }
    }
}

/// A checked step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it stands.
    pub span: Span,
    /// What it does.
    pub kind: StepKind,
    /// Only when this holds, in the scope of the key.
    pub only: Option<Expr<Checked>>,
    /// It runs when the rollback is done and verified, outside of its transaction.
    pub afterwards: bool,
}

impl Step {
    /// The contract whose rows it brings back to the baseline.
    pub fn restores(&self) -> Option<ContractId> {
        if let StepKind::Restore(restore) = &self.kind { Some(restore.contract) } else { None }
    }
}

/// What a checked step does.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// Adds a row.
    Record(Record),
    /// Changes rows.
    Set(Set),
    /// Has an agent write a proposal.
    Propose {
        /// Who.
        agent: Arc<str>,
        /// Of which contract.
        contract: ContractId,
    },
    /// Tells people.
    Tell(Message),
    /// Asks people.
    Ask(Ask),
    /// Writes what an approved proposal says.
    Apply(ContractId),
    /// Takes back what a proposal wrote.
    Undo(ContractId),
    /// Brings rows back to the baseline.
    Restore(Restore),
    /// Checks that rows equal the baseline.
    Verify(Restore),
    /// Sends a report.
    Send {
        /// Which, as its place in the pack.
        report: u32,
        /// To whom.
        people: Vec<Person>,
    },
    /// Starts another trigger, by its place in the pack.
    Fire(u32),
    /// Moves the portfolio to a stage.
    Enter(Arc<str>),
    /// Writes something to an outside tool.
    Publish {
        /// What.
        what: Published,
        /// Where.
        tool: Arc<str>,
    },
}

impl StepKind {
    /// What kind of thing it does.
    pub fn class(&self) -> Class {
        match self {
            StepKind::Record(_)
            | StepKind::Set(_)
            | StepKind::Apply(_)
            | StepKind::Undo(_)
            | StepKind::Restore(_)
            | StepKind::Verify(_) => Class::Write,
            StepKind::Propose { .. } => Class::Proposal,
            StepKind::Ask(_) => Class::Question,
            StepKind::Tell(_) | StepKind::Send { .. } => Class::Notice,
            StepKind::Publish { .. } => Class::Outside,
            StepKind::Fire(_) | StepKind::Enter(_) => Class::Control,
        }
    }

    /// Whether nothing takes it back: such a step is always asked for.
    pub fn irreversible(&self) -> bool {
        matches!(self, StepKind::Publish { .. } | StepKind::Enter(_))
    }

    /// The verb, as rules write it.
    pub fn verb(&self) -> &'static str {
        match self {
            StepKind::Record(_) => "record",
            StepKind::Set(_) => "set",
            StepKind::Propose { .. } => "have",
            StepKind::Tell(_) => "tell",
            StepKind::Ask(_) => "ask",
            StepKind::Apply(_) => "apply",
            StepKind::Undo(_) => "undo",
            StepKind::Restore(_) => "restore",
            StepKind::Verify(_) => "verify",
            StepKind::Send { .. } => "send",
            StepKind::Fire(_) => "fire",
            StepKind::Enter(_) => "enter",
            StepKind::Publish { .. } => "publish",
        }
    }
}

/// `record a NOUN with C = V`, checked.
#[derive(Debug, Clone)]
pub struct Record {
    /// The contract of the new row.
    pub contract: ContractId,
    /// What is given; values in the scope of the key.
    pub columns: Vec<(u32, Expr<Checked>)>,
    /// References that are filled in from the key.
    pub filled: Vec<(u32, Fill)>,
}

/// From what part of the key a reference of a new row is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fill {
    /// The key's row.
    Key,
    /// The first of a pair.
    First,
    /// The second of a pair.
    Second,
    /// The kind of a pair.
    Kind,
}

/// `set C to V in CONTRACT where …`, checked.
#[derive(Debug, Clone)]
pub struct Set {
    /// The contract.
    pub contract: ContractId,
    /// The column.
    pub column: u32,
    /// The new value, in the scope of the row with the key outside of it.
    pub to: Expr<Checked>,
    /// How the rows are tied to the key.
    pub tie: Tie,
    /// Only rows for which this holds, in the same scope.
    pub filter: Option<Expr<Checked>>,
}

/// Which rows a `restore` or `verify` speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// The contract.
    pub contract: ContractId,
    /// Only some of its rows.
    pub scope: RestoreScope,
}

/// The rows of a `restore`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreScope {
    /// All of them.
    Whole,
    /// Those that lead to the key.
    Key(Vec<Hop>),
    /// `of its NOUNs`: those that lead to a row to which the key refers.
    Its {
        /// The contract of the NOUNs.
        of: ContractId,
        /// From the key to each of them.
        ours: Vec<Vec<Hop>>,
        /// From the restored rows to them.
        theirs: Vec<Hop>,
    },
}

/// Somebody who is told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The role.
    pub role: Arc<str>,
    /// `via CONTRACT`: those of the key's rows there, each person once; with the way from those rows to the key.
    pub via: Option<(ContractId, Vec<Hop>)>,
}

/// `tell …`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it stands.
    pub span: Span,
    /// To whom.
    pub people: Vec<Person>,
    /// On these channels; none: the usual ones.
    pub channels: Vec<Arc<str>>,
    /// With these words.
    pub saying: Option<Arc<str>>,
}

/// `ask …`, checked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Where it stands.
    pub span: Span,
    /// What is asked.
    pub about: About,
    /// How long people have.
    pub within: Expr<Checked>,
    /// What happens when they do not answer.
    pub silence: Silence,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A yes or no; a decision says of whom.
    Approval {
        /// What is to be approved; nothing for a rollback as a whole.
        of: Option<ContractId>,
        /// The decision, as its place in the pack.
        decision: u32,
    },
    /// One of several words.
    Choice {
        /// Who chooses.
        roles: Vec<Arc<str>>,
        /// Among what.
        words: Vec<Arc<str>>,
    },
}

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// A row that the rule introduced, or the key's.
    Row(ContractId),
    /// A report, as its place in the pack.
    Report(u32),
}

// ── check ──

/// What the steps of one rule are checked against.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// `trigger`, `rollback` or `report`, for messages.
    pub(crate) noun: &'static str,
    /// The key's relation.
    pub(crate) grain: Option<Relation>,
    /// The stage the rule belongs to.
    pub(crate) stage: Option<Arc<str>>,
}

/// A question with choices.
#[derive(Debug)]
struct Offer {
    roles: Vec<Arc<str>>,
    words: Vec<Arc<str>>,
}

/// What the steps of a rule have made known, for the conditions that follow them.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// `a NOUN` with its contract, in order.
    introduced: Vec<(Arc<str>, ContractId)>,
    proposed: Vec<ContractId>,
    restored: Vec<(Restore, Span)>,
    approvals: bool,
    choices: Vec<Offer>,
    asked: bool,
    verified: Option<Span>,
    afterwards: Option<Span>,
    /// A `restore` is wrong, which was told: what is verified may be what it meant.
    blind: bool,
}

impl Rules {
    fn scope(&self) -> Scope<'static> {
        self.grain.map_or_else(Scope::portfolio, Scope::row)
    }
}

impl Known {
    /// The scope of the key, with what the steps introduced and what people answered.
    pub(crate) fn scope(&self, rules: &Rules) -> Scope<'static> {
        let mut scope = rules.scope();
        scope.introduced = self.introduced.clone();
        scope.answers = true;
        scope
    }

    /// Holds the answers that a condition speaks of against the questions that were asked.
    pub(crate) fn check_answers(&self, cx: &mut Checker<'_>, condition: &Expr<Checked>) {
        condition.walk(&mut |e| {
            let ExprKind::Answered(roles, answer) = &e.kind else { return };
            match answer {
                Answer::Approved | Answer::Refused => {
                    if !self.approvals {
                        cx.report(
                            Diagnostic::at(Code::NotAsked, e.span, "nobody is asked for an approval before this")
                                .help("put `ask for approval of the NOUN, answer within TIME, else hold` above"),
                        );
                    }
                }
                Answer::Chose(word) => {
                    let asked = |offer: &&Offer| roles.iter().any(|r| offer.roles.contains(&r.text));
                    let offered: Vec<&Arc<str>> = self.choices.iter().filter(asked).flat_map(|o| &o.words).collect();
                    if offered.is_empty() {
                        let who: Vec<&str> = roles.iter().map(|r| &*r.text).collect();
                        let who = listed(&who, "or");
                        cx.report(
                            Diagnostic::at(
                                Code::NotAsked,
                                e.span,
                                format!("{who} is asked to choose nothing before this"),
                            )
                            .help(format!(
                                "put `ask {who} to choose {word} or …, answer within TIME, else hold` above"
                            )),
                        );
                    } else if !offered.iter().any(|w| **w == word.text) {
                        let known = offered.iter().map(|w| &***w);
                        cx.report(
                            Diagnostic::at(Code::UnknownWord, word.span, format!("`{word}` is none of the choices"))
                                .help(
                                    nearest(&word.text, known)
                                        .unwrap_or_else(|| format!("the choices are {}", listed(&offered, "and"))),
                                ),
                        );
                    }
                }
            }
        });
    }

    fn introduced(&self, noun: &str) -> Option<ContractId> {
        self.introduced.iter().rev().find(|(n, _)| &**n == noun).map(|(_, c)| *c)
    }
}

/// Checks the steps of a rule in the order they run.
pub(crate) fn check_all(cx: &mut Checker<'_>, rules: &Rules, written: &[Written]) -> (Vec<Step>, Known) {
    let mut known = Known::default();
    let mut steps = Vec::new();
    for (i, step) in written.iter().enumerate() {
        order(cx, rules, &known, step, i == 0);
        let only = step.only.as_ref().map(|only| {
            cx.no_bare_numbers(only, "when");
            let condition = cx.condition(&known.scope(rules), only);
            if let Some(condition) = &condition {
                known.check_answers(cx, condition);
            }
            condition
        });
        let kind = check(cx, rules, &mut known, step);
        if step.afterwards {
            known.afterwards = known.afterwards.or(Some(step.span));
        }
        if let (Some(kind), None | Some(Some(_))) = (kind, &only) {
            steps.push(Step { span: step.span, kind, only: only.flatten(), afterwards: step.afterwards });
        }
    }
    (steps, known)
}

/// Checks one step that stands alone, such as what a watch does.
pub(crate) fn check_one(cx: &mut Checker<'_>, rules: &Rules, written: &Written) -> Option<Step> {
    let (mut steps, _) = check_all(cx, rules, std::slice::from_ref(written));
    steps.pop()
}

/// The laws about what may stand where.
fn order(cx: &mut Checker<'_>, rules: &Rules, known: &Known, step: &Written, first: bool) {
    if let Some(verified) = known.verified
        && !step.afterwards
    {
        cx.report(
            Diagnostic::new(Code::StepOrder, "this step stands below `verify`, when everything is already done")
                .label(step.span, "this runs too late to be verified")
                .label(verified, "verified here")
                .help("put it above `verify`, or write `afterwards` in front of it"),
        );
    } else if let Some(afterwards) = known.afterwards
        && !step.afterwards
    {
        cx.report(
            Diagnostic::new(Code::StepOrder, "this step stands below one that runs afterwards")
                .label(step.span, "this belongs to the rollback itself")
                .label(afterwards, "this runs when the rollback is done")
                .help("put it above the first `afterwards`, or write `afterwards` in front of it too"),
        );
    }
    let question = matches!(step.kind, WrittenKind::Ask(_));
    if rules.noun == "rollback" && question && !first && !step.afterwards {
        cx.report(
            Diagnostic::at(Code::StepOrder, step.span, "a rollback cannot stop in its middle and ask")
                .help("its steps happen together or not at all: put the question first, or write `afterwards ask …`"),
        );
    }
    let outside = match &step.kind {
        WrittenKind::Publish(_, noun, _) => Some(("publishing", noun.text.clone())),
        WrittenKind::Enter(_) => Some(("entering a stage", "stage".into())),
        _ => None,
    };
    if let Some((what, noun)) = outside
        && !known.asked
        && !cx.file.decisions.iter().any(|d| d.about.as_ref().is_some_and(|a| a.text == noun))
    {
        cx.report(
            Diagnostic::at(
                Code::Irreversible,
                step.span,
                format!("{what} cannot be taken back, and nobody is asked before"),
            )
            .help("put an `ask` above this step: what stands below it runs only on a yes"),
        );
    }
}

fn check(cx: &mut Checker<'_>, rules: &Rules, known: &mut Known, step: &Written) -> Option<StepKind> {
    match &step.kind {
        WrittenKind::Record(noun, columns) => record(cx, rules, known, step.span, noun, columns),
        WrittenKind::Set(set) => check_set(cx, rules, known, set).map(StepKind::Set),
        WrittenKind::Propose(agent, noun) => propose(cx, known, agent, noun),
        WrittenKind::Tell(tell) => {
            check_roles(cx, &tell.people, rules);
            check_tell(cx, tell, rules.grain).map(StepKind::Tell)
        }
        WrittenKind::Ask(ask) => check_ask(cx, rules, known, ask).map(StepKind::Ask),
        WrittenKind::Apply(noun) => {
            let contract = the(cx, rules, known, noun)?;
            if !known.proposed.contains(&contract) {
                cx.report(
                    Diagnostic::at(
                        Code::NotIntroduced,
                        noun.span,
                        format!("no {noun} is proposed above, so there is nothing to apply"),
                    )
                    .help(format!("put `have AGENT propose a {noun}` above this step")),
                );
                return None;
            }
            Some(StepKind::Apply(contract))
        }
        WrittenKind::Undo(noun) => {
            let contract = the(cx, rules, known, noun)?;
            if cx.contracts[contract.index()].proposed_by.is_none() {
                cx.report(
                    Diagnostic::at(
                        Code::StepWrites,
                        noun.span,
                        format!("a {noun} is no proposal, so it wrote nothing that could be undone"),
                    )
                    .help("only what was applied can be undone; use `set` or `restore` for other rows"),
                );
                return None;
            }
            Some(StepKind::Undo(contract))
        }
        WrittenKind::Restore(contract, of) => {
            let restore = check_restore(cx, rules, contract, of.as_ref());
            known.blind |= restore.is_none();
            baseline(cx, rules, step.span);
            let restore = restore?;
            known.restored.push((restore.clone(), step.span));
            Some(StepKind::Restore(restore))
        }
        WrittenKind::Verify(contract, of) => {
            known.verified = known.verified.or(Some(step.span));
            let verify = check_restore(cx, rules, contract, of.as_ref())?;
            if !known.blind && !known.restored.iter().any(|(r, _)| *r == verify) {
                let message =
                    format!("these rows of `{contract}` are not restored above, so they need not equal the baseline");
                let mut finding = Diagnostic::at(Code::StepOrder, step.span, message)
                    .help("`verify` names the same rows as a `restore` above it");
                if let Some((_, at)) = known.restored.iter().find(|(r, _)| r.contract == verify.contract) {
                    finding = finding.label(*at, "these are restored");
                }
                cx.report(finding);
                return None;
            }
            Some(StepKind::Verify(verify))
        }
        WrittenKind::Send(report, people) => {
            let found = cx.report_named(report);
            check_roles(cx, people, rules);
            let people = check_people(cx, people, rules.grain);
            Some(StepKind::Send { report: found?, people: people? })
        }
        WrittenKind::Fire(trigger) => fire(cx, rules, trigger),
        WrittenKind::Enter(stage) => super::stage::known(cx, stage).then(|| StepKind::Enter(stage.text.clone())),
        WrittenKind::Publish(row, what, tool) => {
            cx.party(tool, "tool");
            let what = if *row {
                Published::Row(the(cx, rules, known, what)?)
            } else {
                Published::Report(cx.report_named(what)?)
            };
            Some(StepKind::Publish { what, tool: tool.text.clone() })
        }
    }
}

/// What `the NOUN` means: what an earlier step introduced, or the row of the key.
fn the(cx: &mut Checker<'_>, rules: &Rules, known: &Known, noun: &Word) -> Option<ContractId> {
    if let Some(contract) = known.introduced(&noun.text) {
        return Some(contract);
    }
    let contract = cx.contract_of_noun(noun)?;
    if rules.grain == Some(Relation::Contract(contract)) {
        return Some(contract);
    }
    cx.report(
        Diagnostic::at(
            Code::NotIntroduced,
            noun.span,
            format!("no step above speaks of a {noun}, so `the {noun}` is not known here"),
        )
        .help(format!("put `have AGENT propose a {noun}` or `record a {noun}` above this step")),
    );
    None
}

/// Whether rules may write rows of a contract at all.
fn writable(cx: &mut Checker<'_>, contract: ContractId, word: &Word) -> bool {
    let c = &cx.contracts[contract.index()];
    let (why, help) = if c.kept {
        ("is kept by bylaws itself", "rules read it; only the program writes it")
    } else if !c.is_table() {
        ("is a document for others and has no rows", "write to a table; the document is filled from it")
    } else {
        return true;
    };
    cx.report(
        Diagnostic::at(Code::StepWrites, word.span, format!("`{word}` {why}, so no rule may write it")).help(help),
    );
    false
}

fn record(
    cx: &mut Checker<'_>,
    rules: &Rules,
    known: &mut Known,
    span: Span,
    noun: &Word,
    columns: &[(Word, Expr<AsWritten>)],
) -> Option<StepKind> {
    let contract = cx.contract_of_noun(noun)?;
    let scope = known.scope(rules);
    known.introduced.push((noun.text.clone(), contract));
    let mut sound = writable(cx, contract, noun);
    let mut given: Vec<(u32, Option<Expr<Checked>>, Span)> = Vec::new();
    for (name, value) in columns {
        let Some(column) = cx.column_of(contract, name) else {
            sound = false;
            continue;
        };
        if let Some((_, _, first)) = given.iter().find(|(c, ..)| *c == column) {
            cx.report(
                Diagnostic::new(Code::RepeatedFact, format!("`{name}` is given twice"))
                    .help("keep one of the two")
                    .label(name.span, "again here")
                    .label(*first, "first here"),
            );
            continue;
        }
        let ty = cx.contracts[contract.index()].columns[column as usize].ty.clone();
        given.push((column, cx.assign(&scope, value, &ty), name.span));
    }
    let filled = fills(cx, rules.grain, contract, &given);
    let c = &cx.contracts[contract.index()];
    let missing: Vec<String> = (c.columns.iter().enumerate())
        .filter(|(i, column)| {
            let i = *i as u32;
            // A row's own id is made, and its date is the present.
            let made = column.refers.is_none() && matches!(column.ty, Type::Id(_)) && c.key == [i];
            let present = c.dated == Some(i);
            let settled = made || present || given.iter().any(|g| g.0 == i) || filled.iter().any(|f| f.0 == i);
            !settled && column.optional == super::contract::Optional::Required
        })
        .map(|(_, column)| column.name.to_string())
        .collect();
    if sound && !missing.is_empty() {
        let example: Vec<String> = missing.iter().map(|m| format!("{m} = …")).collect();
        let verb = if missing.len() == 1 { "is" } else { "are" };
        let joint = if columns.is_empty() { "add `with" } else { "add `," };
        cx.report(
            Diagnostic::at(
                Code::StepIncomplete,
                span,
                format!("a {noun} needs {}, which {verb} not given", listed(&missing, "and")),
            )
            .help(format!("{joint} {}`", example.join(", "))),
        );
        return None;
    }
    let columns: Vec<(u32, Expr<Checked>)> = given.iter().filter_map(|(c, e, _)| Some((*c, e.clone()?))).collect();
    (sound && columns.len() == given.len()).then_some(StepKind::Record(Record { contract, columns, filled }))
}

/// The references of a new row that the key fills in, because only one column can mean it.
fn fills(
    cx: &Checker<'_>,
    grain: Option<Relation>,
    contract: ContractId,
    given: &[(u32, Option<Expr<Checked>>, Span)],
) -> Vec<(u32, Fill)> {
    let c = &cx.contracts[contract.index()];
    let open = |i: &u32| !given.iter().any(|(g, ..)| g == i);
    match grain {
        None => Vec::new(),
        Some(Relation::Contract(key)) => {
            let mut columns = (0u32..).zip(&c.columns).filter(|(_, column)| column.refers == Some(key)).map(|(i, _)| i);
            match (columns.next(), columns.next()) {
                (Some(one), None) if open(&one) => vec![(one, Fill::Key)],
                _ => Vec::new(),
            }
        }
        Some(Relation::Pairs(pairs)) => {
            let mut links = c.links.iter().filter(|l| l.pairs == pairs);
            let (Some(link), None) = (links.next(), links.next()) else { return Vec::new() };
            let kind = link.kind.map(|k| (k, Fill::Kind));
            let both = [(link.first, Fill::First), (link.second, Fill::Second)];
            both.into_iter().chain(kind).filter(|(i, _)| open(i)).collect()
        }
    }
}

fn check_set(cx: &mut Checker<'_>, rules: &Rules, known: &Known, set: &WrittenSet) -> Option<Set> {
    let contract = cx.contract_named(&set.contract)?;
    let sound = writable(cx, contract, &set.contract);
    let column = cx.column_of(contract, &set.column);
    let own = Relation::Contract(contract);
    let outer = known.scope(rules);
    let mut scope = Scope::inside(own, &outer);
    scope.introduced = outer.introduced.clone();
    scope.answers = true;
    let to = match column {
        Some(column) => {
            let c = &cx.contracts[contract.index()];
            if c.key.contains(&column) {
                let message = format!("`{}` names the rows of `{}` and cannot be changed", set.column, set.contract);
                cx.report(
                    Diagnostic::at(Code::StepWrites, set.column.span, message)
                        .help("a row with another name is another row: `record` it"),
                );
                return None;
            }
            let ty = c.columns[column as usize].ty.clone();
            cx.assign(&scope, &set.to, &ty)
        }
        None => None,
    };
    let filter = set.filter.as_ref().map(|f| cx.condition(&scope, f));
    let tie = match (rules.grain, set.anywhere) {
        (None, _) | (Some(_), true) => Some(Tie::Anywhere),
        (Some(grain), false) if grain == own => Some(Tie::LeadHere(Vec::new())),
        (Some(grain), false) if cx.leads(own, grain) => cx.path(own, grain, None, set.contract.span).map(Tie::LeadHere),
        (Some(_), false) => {
            let message = format!("rows of `{}` do not lead to the key of this {}", set.contract, rules.noun);
            cx.report(Diagnostic::at(Code::NoPath, set.contract.span, message).help(
                "a keyed rule changes the rows of its key; write `anywhere` after the contract to change all of them",
            ));
            None
        }
    };
    match (sound, column, to, filter, tie) {
        (true, Some(column), Some(to), None, Some(tie)) => Some(Set { contract, column, to, tie, filter: None }),
        (true, Some(column), Some(to), Some(Some(filter)), Some(tie)) => {
            Some(Set { contract, column, to, tie, filter: Some(filter) })
        }
        _ => None,
    }
}

fn propose(cx: &mut Checker<'_>, known: &mut Known, agent: &Word, noun: &Word) -> Option<StepKind> {
    let contract = cx.contract_of_noun(noun)?;
    // Known even when the agent is the wrong one, so that the steps below are not blamed for it.
    known.introduced.push((noun.text.clone(), contract));
    known.proposed.push(contract);
    let c = &cx.contracts[contract.index()];
    match &c.proposed_by {
        // Whether bylaws.toml knows the agent is told at the contract.
        Some(by) if *by == agent.text => {
            may_propose(cx, agent, contract).then(|| StepKind::Propose { agent: agent.text.clone(), contract })
        }
        Some(by) => {
            let finding = Diagnostic::at(
                Code::NotProposable,
                agent.span,
                format!("a {noun} is proposed by {by}, not by {agent}"),
            )
            .label(c.span, "its contract says so")
            .help(format!("write `have {by} propose a {noun}`"));
            cx.report(finding);
            None
        }
        None => {
            let finding =
                Diagnostic::at(Code::NotProposable, noun.span, format!("a {noun} is nothing that is proposed"))
                    .label(c.span, "its contract names nobody who proposes it")
                    .help(format!("write `proposed by {agent}` after the contract's name, or `record a {noun}` here"));
            cx.report(finding);
            None
        }
    }
}

/// Whether bylaws.toml lets the agent propose this, where it says what the agent proposes.
fn may_propose(cx: &mut Checker<'_>, agent: &Word, contract: ContractId) -> bool {
    let settings = cx.settings;
    let name = cx.contracts[contract.index()].name.clone();
    let entry = settings.agents.as_ref().and_then(|a| a.get(&*agent.text));
    let may = entry.is_none_or(|a| a.proposes.is_empty() || a.proposes.iter().any(|p| **p == *name));
    if !may {
        cx.report(
            Diagnostic::at(
                Code::NotProposable,
                agent.span,
                format!("bylaws.toml does not let {agent} propose rows of `{name}`"),
            )
            .help(format!("add \"{name}\" to `proposes` in `[agents.{agent}]`")),
        );
    }
    may
}

/// Checks who is told what, and where.
pub(crate) fn check_tell(cx: &mut Checker<'_>, tell: &Tell, grain: Option<Relation>) -> Option<Message> {
    for channel in &tell.channels {
        cx.party(channel, "channel");
    }
    Some(Message {
        span: tell.span,
        people: check_people(cx, &tell.people, grain)?,
        channels: tell.channels.iter().map(|c| c.text.clone()).collect(),
        saying: tell.saying.as_ref().map(|s| s.text.clone()),
    })
}

/// A role that depends on the row needs a row.
fn check_roles(cx: &mut Checker<'_>, people: &[WrittenPerson], rules: &Rules) {
    for person in people {
        let rows = match &person.via {
            None => rules.grain,
            Some(contract) => match cx.names.get(&contract.text).map(|e| e.kind) {
                Some(Kind::Contract(id)) => Some(Relation::Contract(id)),
                // What is wrong with the name is told where it is looked up.
                _ => continue,
            },
        };
        check_holder(cx, &person.role, rows);
    }
}

/// Whether the rows say who holds a role that depends on the row.
pub(crate) fn check_holder(cx: &mut Checker<'_>, role: &Word, rows: Option<Relation>) {
    let settings = cx.settings;
    let Some(column) = settings.roles.as_ref().and_then(|r| r.get(&*role.text)).and_then(|r| r.column.as_deref())
    else {
        return;
    };
    let word = Word { text: column.into(), span: role.span };
    if let Some(rows) = rows
        && cx.resolves(&Scope::row(rows), &word)
    {
        return;
    }
    let of = rows.map_or_else(|| "the portfolio as a whole".to_owned(), |r| format!("a {}", cx.row_word(r)));
    cx.report(Diagnostic::at(Code::NoPath, role.span, format!("{of} does not say who its {role} is")).help(format!(
        "bylaws.toml takes the {role} from a column `{column}`; name the rows that have one: `{role} via CONTRACT`"
    )));
}

fn check_people(cx: &mut Checker<'_>, people: &[WrittenPerson], grain: Option<Relation>) -> Option<Vec<Person>> {
    let mut checked = Vec::new();
    for person in people {
        cx.party(&person.role, "role");
        let via = match &person.via {
            None => Some(None),
            Some(contract) => cx.contract_named(contract).and_then(|id| {
                let own = Relation::Contract(id);
                let hops = match grain {
                    None => Some(Vec::new()),
                    Some(grain) if grain == own => Some(Vec::new()),
                    Some(grain) => cx.path(own, grain, None, contract.span),
                };
                hops.map(|hops| Some((id, hops)))
            }),
        };
        if let Some(via) = via {
            checked.push(Person { role: person.role.text.clone(), via });
        }
    }
    (checked.len() == people.len()).then_some(checked)
}

fn check_ask(cx: &mut Checker<'_>, rules: &Rules, known: &mut Known, ask: &WrittenAsk) -> Option<Ask> {
    known.asked = true;
    let within = cx.length(&ask.within);
    let about = match &ask.about {
        WrittenAbout::Choice(roles, words) => {
            for role in roles {
                cx.party(role, "role");
                check_holder(cx, role, rules.grain);
            }
            let roles: Vec<Arc<str>> = roles.iter().map(|r| r.text.clone()).collect();
            let plain: Vec<Arc<str>> = words.iter().filter_map(|w| cx.plain_word(w)).collect();
            known.choices.push(Offer { roles: roles.clone(), words: plain.clone() });
            (plain.len() == words.len()).then_some(About::Choice { roles, words: plain })
        }
        WrittenAbout::Approval(noun) => {
            known.approvals = true;
            approval(cx, rules, known, ask.span, noun.as_ref())
        }
    };
    Some(Ask { span: ask.span, about: about?, within: within?, silence: ask.silence })
}

/// Finds the one decision that an approval is about.
fn approval(cx: &mut Checker<'_>, rules: &Rules, known: &Known, span: Span, noun: Option<&Word>) -> Option<About> {
    let (of, about) = match noun {
        Some(noun) => (Some(the(cx, rules, known, noun)?), noun.text.clone()),
        None if rules.noun == "rollback" => (None, "rollback".into()),
        None => {
            cx.report(
                Diagnostic::at(Code::Decision, span, "this does not say what is to be approved")
                    .help("write `ask for approval of the NOUN`; a decision `about a NOUN` says who approves it"),
            );
            return None;
        }
    };
    let at = noun.map_or(span, |n| n.span);
    let file = cx.file;
    let mut found = (0u32..).zip(&file.decisions).filter(|(_, d)| d.about.as_ref().is_some_and(|a| a.text == about));
    match (found.next(), found.next()) {
        (Some((decision, _)), None) => Some(About::Approval { of, decision }),
        (Some((_, first)), Some((_, second))) => {
            cx.report(
                Diagnostic::at(
                    Code::Decision,
                    at,
                    format!("two decisions are about a {about}, so nobody knows which counts"),
                )
                .label(first.head.name.span, "this one")
                .label(second.head.name.span, "and this one")
                .help("make them one decision; its first line that holds decides"),
            );
            None
        }
        _ => {
            // A decision that does not read may be the one that is meant.
            if !file.decisions.iter().any(|d| d.head.broken) {
                cx.report(
                    Diagnostic::at(
                        Code::Decision,
                        at,
                        format!("no decision is about a {about}, so nobody can approve it"),
                    )
                    .help(format!("write a block `decision NAME, about a {about}` that says who decides")),
                );
            }
            None
        }
    }
}

fn check_restore(cx: &mut Checker<'_>, rules: &Rules, contract: &Word, of: Option<&Word>) -> Option<Restore> {
    let id = cx.contract_named(contract)?;
    if !writable(cx, id, contract) {
        return None;
    }
    let own = Relation::Contract(id);
    let scope = match (of, rules.grain) {
        (None, None) => RestoreScope::Whole,
        (None, Some(grain)) if grain == own => RestoreScope::Key(Vec::new()),
        (None, Some(grain)) if cx.leads(own, grain) => RestoreScope::Key(cx.path(own, grain, None, contract.span)?),
        (None, Some(_)) => {
            let message = format!("rows of `{contract}` do not lead to the key of this {}", rules.noun);
            cx.report(
                Diagnostic::at(Code::NoPath, contract.span, message)
                    .help(format!("say whose rows: `restore {contract} of its NOUNs from baseline`")),
            );
            return None;
        }
        (Some(noun), None) => {
            cx.report(
                Diagnostic::at(
                    Code::GrainMismatch,
                    noun.span,
                    format!("this {} is about the whole portfolio, so nothing is `its {noun}`", rules.noun),
                )
                .help("leave `of its …` out to restore all rows"),
            );
            return None;
        }
        (Some(noun), Some(grain)) => {
            let of = one_of_many(cx, noun)?;
            let ours = ways(cx, grain, of);
            if ours.is_empty() {
                let message = format!("the key of this {} refers to no {noun}", rules.noun);
                cx.report(
                    Diagnostic::at(Code::NoPath, noun.span, message)
                        .help("`its` are the rows to which the row of the key refers by a column `id of …`"),
                );
                return None;
            }
            let target = Relation::Contract(of);
            let theirs = if target == own { Vec::new() } else { cx.path(own, target, None, contract.span)? };
            RestoreScope::Its { of, ours, theirs }
        }
    };
    Some(Restore { contract: id, scope })
}

/// The contract that `ventures` or `venture` means in `of its ventures`.
fn one_of_many(cx: &mut Checker<'_>, noun: &Word) -> Option<ContractId> {
    let file = cx.file;
    let meant = file.contracts.iter().find(|c| {
        let one = c.noun.as_ref().map(|n| &*n.text);
        c.head.name.text == noun.text
            || one.is_some_and(|one| one == &*noun.text || noun.text.strip_suffix('s') == Some(one))
    });
    match meant {
        Some(c) => cx.contract_named(&Word { text: c.head.name.text.clone(), span: noun.span }),
        None => cx.contract_of_noun(noun),
    }
}

/// Every single reference from the key to a contract; from a pair to both of its members.
fn ways(cx: &Checker<'_>, grain: Relation, of: ContractId) -> Vec<Vec<Hop>> {
    match grain {
        Relation::Contract(key) if key == of => vec![Vec::new()],
        Relation::Contract(key) => {
            let columns = &cx.contracts[key.index()].columns;
            (0u32..).zip(columns).filter(|(_, c)| c.refers == Some(of)).map(|(i, _)| vec![Hop::Column(i)]).collect()
        }
        Relation::Pairs(_) if cx.leads(grain, Relation::Contract(of)) => {
            vec![vec![Hop::Column(0)], vec![Hop::Column(1)]]
        }
        Relation::Pairs(_) => Vec::new(),
    }
}

/// What is restored must have been remembered.
fn baseline(cx: &mut Checker<'_>, rules: &Rules, span: Span) {
    let file = cx.file;
    let mut stages = file.stages.iter().filter(|s| {
        rules.stage.as_ref().is_none_or(|own| s.number() == own || s.substages().any(|number| number == own))
    });
    if !stages.clone().any(|s| s.takes_baseline || s.head.broken) && (rules.stage.is_none() || stages.next().is_some())
    {
        let message = match &rules.stage {
            Some(stage) => format!("stage {stage} takes no baseline, so there is nothing to return to"),
            None => "no stage takes a baseline, so there is nothing to return to".to_owned(),
        };
        cx.report(
            Diagnostic::at(Code::MissingFact, span, message).help("add `takes the baseline on entry` to the stage"),
        );
    }
}

fn fire(cx: &mut Checker<'_>, rules: &Rules, trigger: &Word) -> Option<StepKind> {
    let found = cx.trigger_named(trigger)?;
    let file = cx.file;
    if let Some(per) = file.triggers.get(found as usize).and_then(|t| t.per.as_ref()) {
        let theirs = cx.noun(per)?;
        if rules.grain != Some(theirs) {
            cx.report(
                Diagnostic::at(
                    Code::GrainMismatch,
                    trigger.span,
                    format!("`{trigger}` needs a {per}, and this {} has none to give", rules.noun),
                )
                .label(per.span, "it is judged for each of these")
                .help(format!(
                    "only a rule `per {per}` can fire it; a rule without `per` can be fired from everywhere"
                )),
            );
            return None;
        }
    }
    Some(StepKind::Fire(found))
}

// ── print ──

impl Step {
    /// The canonical form, beside the row of the key.
    pub fn print(&self, place: &Place<'_>) -> String {
        let front = if self.afterwards { "afterwards " } else { "" };
        let only = self.only.as_ref().map(|only| format!(", when {}", place.expr(only))).unwrap_or_default();
        format!("{front}{}{only}", self.kind.print(place))
    }
}

impl StepKind {
    /// The canonical form, beside the row of the key.
    pub fn print(&self, place: &Place<'_>) -> String {
        let pack = place.pack;
        let noun = |id: &ContractId| pack.contract(*id).row_word();
        match self {
            StepKind::Record(record) => {
                let columns = &pack.contract(record.contract).columns;
                let given: Vec<String> = (record.columns.iter())
                    .map(|(c, value)| format!("{} = {}", columns[*c as usize].name, place.expr(value)))
                    .collect();
                let with = if given.is_empty() { String::new() } else { format!(" with {}", given.join(", ")) };
                format!("record {}{with}", with_article(noun(&record.contract)))
            }
            StepKind::Set(set) => {
                let rows = Relation::Contract(set.contract);
                let contract = pack.contract(set.contract);
                let inside = place.inside(rows);
                let anywhere = if place.is_keyed() && set.tie == Tie::Anywhere { " anywhere" } else { "" };
                let filter = set.filter.as_ref().map(|f| format!(" where {}", inside.expr(f))).unwrap_or_default();
                let column = &contract.columns[set.column as usize].name;
                format!("set {column} to {} in {}{anywhere}{filter}", inside.expr(&set.to), contract.name)
            }
            StepKind::Propose { agent, contract } => format!("have {agent} propose {}", with_article(noun(contract))),
            StepKind::Tell(message) => message.print(pack),
            StepKind::Ask(ask) => {
                let what = match &ask.about {
                    About::Approval { of: None, .. } => "ask for approval".to_owned(),
                    About::Approval { of: Some(of), .. } => format!("ask for approval of the {}", noun(of)),
                    About::Choice { roles, words } => {
                        format!("ask {} to choose {}", listed(roles, "and"), choices_of(words))
                    }
                };
                format!("{what}, answer within {}, else {}", place.single(&ask.within), ask.silence.word())
            }
            StepKind::Apply(contract) => format!("apply the {}", noun(contract)),
            StepKind::Undo(contract) => format!("undo the {}", noun(contract)),
            StepKind::Restore(restore) => format!("restore {} from baseline", restore.print(pack)),
            StepKind::Verify(restore) => format!("verify {} equals baseline", restore.print(pack)),
            StepKind::Send { report, people } => {
                format!("send {} to {}", pack.reports[*report as usize].name, people_words(pack, people))
            }
            StepKind::Fire(trigger) => format!("fire {}", pack.triggers[*trigger as usize].name),
            StepKind::Enter(stage) => format!("enter stage {stage}"),
            StepKind::Publish { what: Published::Row(contract), tool } => {
                format!("publish the {} to {tool}", noun(contract))
            }
            StepKind::Publish { what: Published::Report(report), tool } => {
                format!("publish {} to {tool}", pack.reports[*report as usize].name)
            }
        }
    }
}

impl Restore {
    fn print(&self, pack: &Pack) -> String {
        let name = &pack.contract(self.contract).name;
        match &self.scope {
            RestoreScope::Whole | RestoreScope::Key(_) => name.to_string(),
            RestoreScope::Its { of, .. } => format!("{name} of its {}", pack.contract(*of).name),
        }
    }
}

impl Message {
    /// The canonical form.
    pub fn print(&self, pack: &Pack) -> String {
        let mut text = format!("tell {}", people_words(pack, &self.people));
        if !self.channels.is_empty() {
            text.push_str(&format!(" through {}", listed(&self.channels, "and")));
        }
        if let Some(saying) = &self.saying {
            text.push_str(&format!(" saying {}", quoted(saying)));
        }
        text
    }
}

fn people_words(pack: &Pack, people: &[Person]) -> String {
    let one = |p: &Person| match &p.via {
        None => p.role.to_string(),
        Some((contract, _)) => format!("{} via {}", p.role, pack.contract(*contract).name),
    };
    listed(&people.iter().map(one).collect::<Vec<_>>(), "and")
}
