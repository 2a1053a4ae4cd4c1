//! Tests of rules: a database of their own, a clock that only their lines move, and the daemon's own judge.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::engine::decide::{Intent, IntentKind};
use crate::engine::depend::Which;
use crate::engine::judge::{Judge, Outcome, Verdict};
use crate::engine::memory::{Memory, Reply, Waiting};
use crate::engine::reading::Key;
use crate::engine::round::{Remembered, Round, RuleKey, mode_of, with_fired};
use crate::engine::trace::Trace;
use crate::engine::window;
use crate::lang::expr::{ContractId, MetricId, ParamId, Relation};
use crate::lang::item::step::{About, StepKind};
use crate::lang::item::test::{
    Action, Expectation, Expected, KeyText, Reply as Given, ReplyAnswer, RuleRef as Named, Subject, Table, Test,
};
use crate::lang::item::trigger::Trigger;
use crate::lang::pack::{Pack, RuleRef};
use crate::plan::MomentId;
use crate::source::Span;
use crate::store::read::Unlisted;
use crate::store::{Store, StoreError, changes, migrate, scratch};
use crate::tick::{Taken, Tick, take_baseline_of};
use crate::value::{Type, Value, counted, listed};

/// No course takes more judgements than this; beyond it a test asks for too much time at once.
const MOST_TICKS: usize = 50_000;
/// So many statements stay prepared from test to test: about as many as a pack of this size has scans.
const KEPT_STATEMENTS: usize = 2_000;

/// What a test found to be otherwise.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The line of the test.
    pub span: Span,
    /// What was expected and what is.
    pub message: String,
    /// Every key beside the one that is expected to be otherwise; nothing where there are no keys.
    pub table: Option<Comparison>,
}

/// What was found, key by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// What stands in the columns.
    pub heading: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
    /// The row in which something else was expected.
    pub wrong: Option<usize>,
}

/// An empty database with the tables of a pack. Every test finds it empty, for what a test does is undone.
pub struct Bench {
    store: Store,
}

impl Bench {
    /// Makes the tables of a pack's contracts.
    pub fn new(pack: &Pack) -> Result<Bench, StoreError> {
        let mut store = Store::in_memory()?;
        store.keep_prepared(KEPT_STATEMENTS);
        migrate::migrate(&mut store, &[], beginning())?;
        let tables: Vec<&crate::lang::item::contract::Contract> =
            pack.contracts.iter().filter(|c| c.is_table()).collect();
        scratch::create_tables(&mut store, &tables)?;
        changes::install_change_log(&mut store, &tables, beginning())?;
        Ok(Bench { store })
    }
}

/// Runs one test of a pack. `Err` is a fault of the test's own database, which is the program's.
pub fn run(pack: &Pack, bench: &mut Bench, index: usize) -> Result<Vec<Failure>, StoreError> {
    follow(pack, bench, index, None, false)
}

/// The same, writing down what is reached.
pub fn run_traced(pack: &Pack, bench: &mut Bench, index: usize, trace: &Trace) -> Result<Vec<Failure>, StoreError> {
    follow(pack, bench, index, Some(trace), false)
}

/// Whether a test fails, without looking further than its first failure.
pub fn fails(pack: &Pack, bench: &mut Bench, index: usize) -> Result<bool, StoreError> {
    follow(pack, bench, index, None, true).map(|failures| !failures.is_empty())
}

fn follow(
    pack: &Pack,
    bench: &mut Bench,
    index: usize,
    trace: Option<&Trace>,
    first_only: bool,
) -> Result<Vec<Failure>, StoreError> {
    let chain = chain(pack, index);
    bench.store.undone(|store| {
        let mut course = Course::new(pack, store, &chain);
        course.trace = trace;
        for (i, test) in chain.iter().enumerate() {
            let own = i + 1 == chain.len();
            for (span, action) in &test.actions {
                // What an earlier test expects is told by that test.
                if own || !matches!(action, Action::Expect(_)) {
                    course.act(*span, action)?;
                }
                if first_only && !course.failures.is_empty() {
                    return Ok(course.failures);
                }
            }
        }
        course.settle()?;
        Ok(course.failures)
    })
}

/// The tests it goes on with, the first of all first.
pub fn chain(pack: &Pack, index: usize) -> Vec<&Test> {
    let mut chain = vec![&pack.tests[index]];
    while let Some(before) = chain.last().and_then(|t| t.begins_as)
        && chain.len() < 100
    {
        chain.push(&pack.tests[before as usize]);
    }
    chain.reverse();
    chain
}

/// The references of a given row: its contract, its place, and the texts by column.
type References = (ContractId, Span, Vec<(u32, String)>);

struct Course<'a> {
    pack: &'a Pack,
    store: &'a mut Store,
    now: Option<Timestamp>,
    overrides: HashMap<ParamId, Value>,
    given: HashMap<ContractId, HashSet<u32>>,
    unlisted: Unlisted,
    /// Rows given since the last settling, whose references must lead somewhere.
    unsettled: Vec<References>,
    entering: Vec<Arc<str>>,
    remembered: Remembered,
    log: Vec<(RuleKey, Intent)>,
    replies: Vec<(RuleKey, Arc<str>, Reply)>,
    relevant: Vec<RuleRef>,
    dirty: bool,
    failures: Vec<Failure>,
    trace: Option<&'a Trace>,
}

/// Since when given rows hold.
fn beginning() -> Timestamp {
    Timestamp::constant(-60_000_000_000, 0)
}

fn named(rule: Named) -> RuleRef {
    match rule {
        Named::Trigger(i) => RuleRef::Trigger(i),
        Named::Rollback(i) => RuleRef::Rollback(i),
    }
}

/// The rules whose course a test follows: those it names, and those that set them off.
pub fn relevant(pack: &Pack, chain: &[&Test]) -> Vec<RuleRef> {
    let mut rules: Vec<RuleRef> = Vec::new();
    let subject = |s: &Subject| match s {
        Subject::Trigger(i) => Some(RuleRef::Trigger(*i)),
        Subject::Rollback(i) => Some(RuleRef::Rollback(*i)),
        _ => None,
    };
    for (_, action) in chain.iter().flat_map(|t| &t.actions) {
        rules.extend(match action {
            Action::Expect(Expectation::Value { subject: s, .. })
            | Action::Expect(Expectation::Party { about: s, .. }) => subject(s),
            Action::Expect(Expectation::Fired { rule, .. } | Expectation::Act { rule, .. }) => Some(named(*rule)),
            Action::Reply(reply) => Some(named(reply.rule)),
            _ => None,
        });
    }
    let all = (0..pack.triggers.len() as u32)
        .map(RuleRef::Trigger)
        .chain((0..pack.rollbacks.len() as u32).map(RuleRef::Rollback));
    let all: Vec<RuleRef> = all.collect();
    loop {
        let more = all.iter().copied().find(|rule| {
            !rules.contains(rule)
                && pack.core(*rule).is_some_and(|t| {
                    t.steps
                        .iter()
                        .any(|s| matches!(s.kind, StepKind::Fire(target) if rules.contains(&RuleRef::Trigger(target))))
                })
        });
        match more {
            Some(rule) => rules.push(rule),
            None => break,
        }
    }
    rules.sort_unstable();
    rules.dedup();
    rules
}

impl<'a> Course<'a> {
    fn new(pack: &'a Pack, store: &'a mut Store, chain: &[&Test]) -> Course<'a> {
        Course {
            pack,
            store,
            now: None,
            overrides: HashMap::new(),
            given: HashMap::new(),
            unlisted: Unlisted::new(),
            unsettled: Vec::new(),
            entering: Vec::new(),
            remembered: Remembered::default(),
            log: Vec::new(),
            replies: Vec::new(),
            relevant: relevant(pack, chain),
            dirty: true,
            failures: Vec::new(),
            trace: None,
        }
    }

    fn fail(&mut self, span: Span, message: impl Into<String>) {
        self.failures.push(Failure { span, message: message.into(), table: None });
    }

    /// The moment of the test; without one it begins at the first instant of 2026.
    fn time(&self) -> Timestamp {
        self.now.unwrap_or(Timestamp::constant(1_767_225_600, 0))
    }

    fn act(&mut self, span: Span, action: &Action) -> Result<(), StoreError> {
        match action {
            Action::Now(at) => {
                if self.now.is_some_and(|now| now > *at) {
                    self.fail(span, "the clock of a test does not run backwards");
                    return Ok(());
                }
                if self.now.is_some() {
                    return self.advance(span, *at);
                }
                self.now = Some(*at);
                self.dirty = true;
            }
            Action::Given(table) => {
                let head = changes::log_head(self.store)?;
                self.put(table, false)?;
                changes::restamp(self.store, head, beginning())?;
                let columns = table.rows.iter().map(|(span, cells)| {
                    let refs = table.columns.iter().zip(cells).filter_map(|(c, v)| match v {
                        Some(Value::Text(text)) => Some((*c, text.to_string())),
                        _ => None,
                    });
                    (table.contract, *span, refs.collect())
                });
                self.unsettled.extend(columns);
            }
            Action::Write(table) => {
                self.settle()?;
                let head = changes::log_head(self.store)?;
                self.put(table, true)?;
                let at = self.time();
                changes::restamp(self.store, head, at)?;
            }
            Action::Remove(table) => {
                self.settle()?;
                let head = changes::log_head(self.store)?;
                let contract = self.pack.contract(table.contract);
                for (_, cells) in &table.rows {
                    let known: Vec<(u32, &Value)> = table.columns.iter().copied().zip(cells.iter().flatten()).collect();
                    scratch::delete(self.store, contract, &known)?;
                }
                let at = self.time();
                changes::restamp(self.store, head, at)?;
                self.dirty = true;
            }
            Action::Set { param, value } => {
                self.overrides.insert(*param, value.clone());
                self.reckon();
                self.dirty = true;
            }
            Action::Profile(i) => {
                let values = self.pack.profiles[*i as usize].values.iter().map(|(p, v, _)| (*p, v.clone()));
                self.overrides.extend(values);
                self.reckon();
                self.dirty = true;
            }
            Action::After(length) => {
                let by = window::constant(length, &|id| self.param(id));
                let to = by.map(|by| window::moved(&self.pack.settings.calendar, self.time(), &by, true));
                if let Some(to) = to {
                    self.advance(span, to)?;
                }
            }
            Action::On(at) => {
                if *at < self.time() {
                    self.fail(span, "the clock of a test does not run backwards");
                } else {
                    self.advance(span, *at)?;
                }
            }
            Action::Entered(stage) => {
                self.entering.push(stage.clone());
                self.dirty = true;
            }
            Action::Expect(expectation) => {
                self.settle()?;
                self.expect(span, expectation)?;
            }
            Action::Reply(reply) => {
                self.settle()?;
                let rule = named(reply.rule);
                let Some(key) = self.key_of(rule, reply.key.as_ref()) else {
                    self.fail(span, "there is no such key to answer for");
                    return Ok(());
                };
                let Some(trigger) = self.pack.core(rule) else { return Ok(()) };
                let about = format!("{}{}", trigger.name, for_key(&key));
                let Some(waiting) = self.remembered.memory.get(&(rule, key.clone())).and_then(Memory::waiting) else {
                    self.fail(span, format!("nobody has been asked about {about}"));
                    return Ok(());
                };
                if let Some(open) = answers_another(self.pack, trigger, waiting, reply) {
                    self.fail(span, format!("{about} waits for {open}, and this is no answer to that"));
                    return Ok(());
                }
                let answer = match &reply.answer {
                    ReplyAnswer::Approves => Reply::Yes,
                    ReplyAnswer::Refuses => Reply::No,
                    ReplyAnswer::Chooses(word) => Reply::Chose(word.clone()),
                };
                for role in &reply.roles {
                    self.replies.push(((rule, key.clone()), role.clone(), answer.clone()));
                }
                self.dirty = true;
                self.judge(&[rule])?;
            }
        }
        Ok(())
    }

    fn param(&self, id: ParamId) -> Value {
        self.overrides.get(&id).cloned().unwrap_or_else(|| self.pack.param(id).clone())
    }

    fn put(&mut self, table: &Table, replace: bool) -> Result<(), StoreError> {
        let contract = self.pack.contract(table.contract);
        self.given.entry(table.contract).or_default().extend(&table.columns);
        let listed = &self.given[&table.contract];
        let silent: HashSet<u32> = (0..contract.columns.len() as u32).filter(|c| !listed.contains(c)).collect();
        self.unlisted.insert(table.contract, silent);
        for (_, cells) in &table.rows {
            scratch::put(self.store, contract, &table.columns, cells, replace)?;
        }
        self.dirty = true;
        Ok(())
    }

    /// References of given rows must lead to rows that somebody gave.
    fn check_references(&mut self) -> Result<(), StoreError> {
        for (contract, span, cells) in std::mem::take(&mut self.unsettled) {
            for (column, text) in cells {
                let column = &self.pack.contract(contract).columns[column as usize];
                let Some(target) = column.refers.map(|t| self.pack.contract(t)) else { continue };
                if target.is_table() && !scratch::exists(self.store, target, &text)? {
                    let message = format!("`{}` is {text}, and no {} {text} is given", column.name, target.row_word());
                    self.fail(span, message);
                }
            }
        }
        Ok(())
    }

    /// Brings everything up to the present moment: stages are entered, due rules are judged.
    fn settle(&mut self) -> Result<(), StoreError> {
        if !self.dirty {
            return Ok(());
        }
        self.check_references()?;
        for stage in std::mem::take(&mut self.entering) {
            let takes = self.pack.stages.iter().any(|s| s.number == stage && s.takes_baseline);
            let at = self.time();
            if takes {
                take_baseline_of(self.store, self.pack, Some(&stage), at, "test", &self.overrides, &self.unlisted)?;
            } else {
                scratch::enter(self.store, &stage, at)?;
            }
        }
        let rules = self.due();
        self.judge(&rules)?;
        self.dirty = false;
        Ok(())
    }

    /// Other params make other moments at which time changes something.
    fn reckon(&mut self) {
        let mut remembered = std::mem::take(&mut self.remembered);
        let param = |id: ParamId| self.param(id);
        self.round(&param, &|_| true).reckon(&mut remembered, self.time());
        self.remembered = remembered;
    }

    /// The rules of this test that are due.
    fn due(&self) -> Vec<RuleRef> {
        let param = |id: ParamId| self.param(id);
        let round = self.round(&param, &|_| true);
        self.relevant.iter().copied().filter(|rule| round.is_due(&self.remembered, *rule)).collect()
    }

    /// Lets time pass, judging each rule whenever it is due.
    fn advance(&mut self, span: Span, to: Timestamp) -> Result<(), StoreError> {
        self.settle()?;
        for _ in 0..MOST_TICKS {
            let now = self.time();
            let mut next: Option<Timestamp> = None;
            let mut consider = |at: Timestamp| {
                if at > now && at <= to {
                    next = Some(next.map_or(at, |n: Timestamp| n.min(at)));
                }
            };
            self.remembered.due.values().copied().for_each(&mut consider);
            self.remembered.wakes().for_each(&mut consider);
            let Some(at) = next else {
                self.now = Some(to);
                self.dirty = true;
                return self.settle();
            };
            self.now = Some(at);
            let rules = self.due();
            self.judge(&rules)?;
        }
        self.fail(span, "so much time takes more judgements than a test may make");
        Ok(())
    }

    fn take(&self, rules: &[RuleRef], metrics: &[MetricId]) -> Result<Taken, StoreError> {
        let at = self.time();
        let tick = Tick {
            pack: self.pack,
            as_of: at,
            clock: at,
            rules,
            metrics,
            overrides: &self.overrides,
            unlisted: &self.unlisted,
            by_rows: false,
        };
        tick.take(self.store)
    }

    /// The rules of this test at the present moment. Between two lines of a test the daemon is always there.
    fn round<'r>(&'r self, param: &'r dyn Fn(ParamId) -> Value, follows: &'r dyn Fn(RuleRef) -> bool) -> Round<'r> {
        Round {
            pack: self.pack,
            param,
            now: self.time(),
            replies: &self.replies,
            attended: true,
            touched: &|_| Which::All,
            follows,
            trace: self.trace,
        }
    }

    /// Judges rules at the present moment and decides what they do.
    fn judge(&mut self, rules: &[RuleRef]) -> Result<(), StoreError> {
        if rules.is_empty() {
            return Ok(());
        }
        let taken = self.take(&with_fired(self.pack, rules), &[])?;
        let mut remembered = std::mem::take(&mut self.remembered);
        let param = |id: ParamId| self.param(id);
        let follows = |rule: RuleRef| self.relevant.contains(&rule);
        let round = self.round(&param, &follows);
        let judge = Judge::new(self.pack, &taken.plan, &taken.readings, &param).traced(self.trace);
        let decided = round.run(&judge, rules, &mut remembered);
        self.remembered = remembered;
        for one in decided {
            self.replies.retain(|(of, _, _)| one.by_another || *of != one.of);
            self.log.extend(one.intents.into_iter().map(|intent| (one.of.clone(), intent)));
        }
        Ok(())
    }

    // ── expectations ──

    fn key_of(&self, rule: RuleRef, key: Option<&KeyText>) -> Option<Key> {
        let trigger = self.pack.core(rule)?;
        match (trigger.grain, key) {
            (None, _) => Some(Arc::new([])),
            (Some(relation), Some(key)) => Some(normal(relation, key)),
            // A rule of each row, and no row named: the only one it knows.
            (Some(_), None) => {
                let mut keys = self.remembered.memory.keys().filter(|(r, _)| *r == rule).map(|(_, k)| k.clone());
                let first = keys.next()?;
                keys.next().is_none().then_some(first)
            }
        }
    }

    fn expect(&mut self, span: Span, expectation: &Expectation) -> Result<(), StoreError> {
        match expectation {
            Expectation::Value { subject, key, expected, because } => {
                let found = match subject {
                    Subject::Trigger(_) | Subject::Rollback(_) => {
                        return self.expect_state(span, *subject, key.as_ref(), expected, because.as_deref());
                    }
                    Subject::Metric(id) => self.metric(*id, key.as_ref())?,
                    Subject::Threshold(id) => self.verdict(RuleRef::Threshold(id.0), key.as_ref())?,
                    Subject::Gate(id) => self.verdict(RuleRef::Gate(id.0), key.as_ref())?,
                    Subject::Contract(id) => self.verdict(RuleRef::Contract(id.0), key.as_ref())?,
                };
                let before = self.failures.len();
                let wanted = self.compare(span, &found, expected, because.as_deref());
                // The other keys are only looked up where somebody will read them.
                if self.failures.len() > before {
                    let table = self.beside(*subject, key.as_ref(), &wanted)?;
                    if let Some(failure) = self.failures.last_mut() {
                        failure.table = table;
                    }
                }
            }
            Expectation::Fired { rule, times, key } => {
                let rule = named(*rule);
                if !self.knows(span, rule, key.as_ref())? {
                    return Ok(());
                }
                let wanted =
                    key.as_ref().and_then(|k| self.pack.core(rule).and_then(|t| t.grain).map(|g| normal(g, k)));
                let count = self
                    .log
                    .iter()
                    .filter(|((r, k), _)| *r == rule && wanted.as_ref().is_none_or(|w| w == k))
                    .filter(|(_, i)| matches!(i.kind, IntentKind::Fired { iteration: 1 }))
                    .count();
                if count != *times as usize {
                    let name = self.pack.core(rule).map_or("", |t| &t.name).to_owned();
                    let whom = wanted.map(|k| for_key(&k)).unwrap_or_default();
                    self.fail(span, format!("{name} fired {}{whom}, {times} expected", counted(count, "time")));
                }
            }
            Expectation::Party { roles, told, not, about, key } => {
                let rule = match about {
                    Subject::Trigger(i) => Some(RuleRef::Trigger(*i)),
                    Subject::Rollback(i) => Some(RuleRef::Rollback(*i)),
                    _ => None,
                };
                if let Some(rule) = rule
                    && !self.knows(span, rule, key.as_ref())?
                {
                    return Ok(());
                }
                self.expect_party(span, roles, *told, *not, *about, key.as_ref())
            }
            Expectation::Act { rule, steps, not, key } => {
                if !self.knows(span, named(*rule), key.as_ref())? {
                    return Ok(());
                }
                self.expect_act(span, named(*rule), steps, *not, key.as_ref());
            }
            Expectation::EqualsBaseline(contract) => {
                let contract = self.pack.contract(*contract);
                match scratch::differs_from_baseline(self.store, contract)? {
                    None => {}
                    Some(how) => self.fail(span, format!("`{}` does not equal the baseline: {how}", contract.name)),
                }
            }
        }
        Ok(())
    }

    /// Whether a rule has ever been judged for a key. What never was cannot have done anything, and a test that says so
    /// of a misspelt key would always pass.
    fn knows(&mut self, span: Span, rule: RuleRef, key: Option<&KeyText>) -> Result<bool, StoreError> {
        let Some((grain, key)) = self.pack.core(rule).and_then(|t| t.grain).zip(key) else { return Ok(true) };
        let wanted = normal(grain, key);
        let known = self.remembered.memory.contains_key(&(rule, wanted.clone()))
            || self.log.iter().any(|((r, k), _)| *r == rule && *k == wanted)
            || self.verdict_of(rule, Some(&wanted))?.is_some();
        if !known {
            let name = self.pack.core(rule).map_or("", |t| &t.name);
            let text =
                format!("{name} was never judged{}: there is no such {}", for_key(&wanted), self.pack.row_word(grain));
            self.fail(span, text);
        }
        Ok(known)
    }

    fn expect_state(
        &mut self,
        span: Span,
        subject: Subject,
        key: Option<&KeyText>,
        expected: &Expected,
        because: Option<&str>,
    ) -> Result<(), StoreError> {
        let rule = match subject {
            Subject::Trigger(i) => RuleRef::Trigger(i),
            Subject::Rollback(i) => RuleRef::Rollback(i),
            _ => return Ok(()),
        };
        let Some(trigger) = self.pack.core(rule) else { return Ok(()) };
        let name = trigger.name.clone();
        let Some(key) = self.key_of(rule, key) else {
            let many = self.remembered.memory.keys().filter(|(r, _)| *r == rule).count();
            self.fail(span, format!("{name} is judged for {many} keys; say which is meant: `for KEY`"));
            return Ok(());
        };
        let now = self.time();
        let mode = mode_of(self.pack, trigger);
        let memory = self.remembered.memory.get(&(rule, key.clone())).cloned();
        let word = match &memory {
            Some(memory) => memory.word(now),
            None => "not there",
        };
        let is = |wanted: &str| memory.as_ref().is_some_and(|m| m.is(wanted, mode, now));
        let fine = match expected {
            Expected::Word(wanted) => is(wanted),
            Expected::NotWord(wanted) => memory.is_some() && !is(wanted),
            Expected::Unknown => is("unknown"),
            Expected::Known => memory.is_some() && !is("unknown"),
            _ => false,
        };
        let needs_reason = !fine || because.is_some();
        let reason = if needs_reason { self.reason(rule, &key)? } else { String::new() };
        if !fine {
            let wanted = wanted_words(expected);
            let message = format!("{name} is {word}{}, not {wanted}: {reason}", for_key(&key));
            let table = trigger.grain.map(|grain| self.states(rule, grain, &key, &wanted, now));
            self.failures.push(Failure { span, message, table });
        } else if let Some(words) = because
            && !reason.contains(words)
        {
            self.fail(span, format!("the reason does not say \"{words}\": {reason}"));
        }
        Ok(())
    }

    /// How a rule stands for every key.
    fn states(&self, rule: RuleRef, grain: Relation, key: &Key, wanted: &str, now: Timestamp) -> Comparison {
        let mut rows = Vec::new();
        let mut wrong = None;
        for ((_, k), memory) in self.remembered.memory.iter().filter(|((r, _), _)| *r == rule) {
            if k == key {
                wrong = Some(rows.len());
            }
            let wanted = if k == key { wanted.to_owned() } else { String::new() };
            rows.push(vec![crate::engine::judge::key_words(k), wanted, memory.word(now).to_owned()]);
        }
        let heading = vec![self.pack.row_word(grain).to_owned(), "expected".to_owned(), "found".to_owned()];
        Comparison { heading, rows, wrong }
    }

    /// What the judge says of a rule and key at present.
    fn reason(&self, rule: RuleRef, key: &Key) -> Result<String, StoreError> {
        let found = self.verdict_of(rule, Some(key))?;
        Ok(found.map_or_else(|| "there is no such key".to_owned(), |v| v.reason))
    }

    fn verdict_of(&self, rule: RuleRef, key: Option<&Key>) -> Result<Option<Verdict>, StoreError> {
        let taken = self.take(&[rule], &[])?;
        let param = |id: ParamId| self.param(id);
        let judge = Judge::new(self.pack, &taken.plan, &taken.readings, &param).traced(self.trace);
        let all = judge.verdicts(rule);
        Ok(all.into_iter().find(|v| {
            key.is_none_or(|k| v.key.len() == k.len() && v.key.iter().zip(k.iter()).all(|((_, a), b)| a == b))
                || v.key.is_empty()
        }))
    }

    fn verdict(&self, rule: RuleRef, key: Option<&KeyText>) -> Result<Found, StoreError> {
        let grain = match rule {
            RuleRef::Threshold(i) => self.pack.metric(self.pack.thresholds[i as usize].metric).grain,
            _ => None,
        };
        let key = match (grain, key) {
            (Some(relation), Some(key)) => Some(normal(relation, key)),
            _ => None,
        };
        let name = self.pack.rule(rule).map(|item| item.name.to_owned()).unwrap_or_default();
        Ok(match self.verdict_of(rule, key.as_ref())? {
            None => Found {
                name,
                value: None,
                ty: Type::Text,
                word: "not there".into(),
                reason: "there is no such key".into(),
            },
            Some(v) => Found {
                name,
                value: v.value.map(|x| x.0),
                ty: Type::Text,
                word: v.outcome.word().into(),
                reason: v.reason,
            },
        })
    }

    fn metric(&self, id: MetricId, key: Option<&KeyText>) -> Result<Found, StoreError> {
        let taken = self.take(&[], &[id])?;
        let param = |id: ParamId| self.param(id);
        let judge = Judge::new(self.pack, &taken.plan, &taken.readings, &param).traced(self.trace);
        let metric = self.pack.metric(id);
        let name = metric.name.to_string();
        let none = |reason: String| Found {
            name: name.clone(),
            value: None,
            ty: metric.ty.clone(),
            word: "not there".into(),
            reason,
        };
        let number = match (metric.grain, key) {
            (None, _) => None,
            (Some(_), None) => return Ok(none("it has a value for each key; say which is meant: `of KEY`".into())),
            (Some(grain), Some(key)) => {
                let wanted = normal(grain, key);
                let keys = judge.keys(grain, MomentId::NOW).unwrap_or_default();
                match keys.into_iter().find(|n| judge.key(grain, *n) == wanted) {
                    Some(number) => Some(number),
                    None => {
                        return Ok(none(format!("there is no {} {}", self.pack.row_word(grain), key.parts.join(", "))));
                    }
                }
            }
        };
        let reading = judge.metric(id, MomentId::NOW, number);
        Ok(match reading.value {
            Ok(Some(value)) => Found {
                name,
                word: value.show(&metric.ty),
                value: Some(value),
                ty: metric.ty.clone(),
                reason: String::new(),
            },
            Ok(None) => {
                Found { name, word: "missing".into(), value: None, ty: metric.ty.clone(), reason: String::new() }
            }
            Err(why) => {
                Found { name, word: "unknown".into(), value: None, ty: metric.ty.clone(), reason: why.text.clone() }
            }
        })
    }

    /// Every key of what an expectation speaks of, with what is found for it.
    fn beside(&self, subject: Subject, key: Option<&KeyText>, wanted: &str) -> Result<Option<Comparison>, StoreError> {
        let grain = match subject {
            Subject::Metric(id) => self.pack.metric(id).grain,
            Subject::Threshold(id) => self.pack.metric(self.pack.threshold(id).metric).grain,
            _ => None,
        };
        let (Some(grain), Some(key)) = (grain, key) else { return Ok(None) };
        let (rules, metrics) = match subject {
            Subject::Threshold(id) => (vec![RuleRef::Threshold(id.0)], Vec::new()),
            Subject::Metric(id) => (Vec::new(), vec![id]),
            _ => return Ok(None),
        };
        let taken = self.take(&rules, &metrics)?;
        let param = |id: ParamId| self.param(id);
        let judge = Judge::new(self.pack, &taken.plan, &taken.readings, &param);
        let wanted_key = normal(grain, key);
        let mut rows: Vec<(Key, String, String)> = Vec::new();
        match subject {
            Subject::Metric(id) => {
                let ty = &self.pack.metric(id).ty;
                for number in judge.keys(grain, MomentId::NOW).unwrap_or_default() {
                    let (shown, why) = match judge.metric(id, MomentId::NOW, Some(number)).value {
                        Ok(Some(value)) => (value.show(ty), String::new()),
                        Ok(None) => ("missing".to_owned(), String::new()),
                        Err(why) => ("unknown".to_owned(), why.text.clone()),
                    };
                    rows.push((judge.key(grain, number), shown, why));
                }
            }
            _ => {
                for verdict in rules.iter().flat_map(|rule| judge.verdicts(*rule)) {
                    let key: Key = verdict.key.iter().map(|(_, part)| part.clone()).collect();
                    rows.push((key, verdict.outcome.word().to_owned(), verdict.reason));
                }
            }
        }
        if !rows.iter().any(|(key, ..)| *key == wanted_key) {
            rows.push((wanted_key.clone(), "not there".to_owned(), String::new()));
        }
        let wrong = rows.iter().position(|(key, ..)| *key == wanted_key);
        let rows = rows
            .into_iter()
            .map(|(key, found, why)| {
                let wanted = if key == wanted_key { wanted.to_owned() } else { String::new() };
                vec![crate::engine::judge::key_words(&key), wanted, found, why]
            })
            .collect();
        let word = self.pack.row_word(grain).to_owned();
        let heading = vec![word, "expected".to_owned(), "found".to_owned(), "because".to_owned()];
        Ok(Some(Comparison { heading, rows, wrong }))
    }

    /// Compares, and says what was wanted.
    fn compare(&mut self, span: Span, found: &Found, expected: &Expected, because: Option<&str>) -> String {
        let value = |compare: crate::lang::expr::Compare, wanted: &Value| {
            found.value.as_ref().is_some_and(|v| v.compare(wanted).is_some_and(|o| compare.holds(o)))
        };
        use crate::lang::expr::Compare;
        let fine = match expected {
            Expected::Word(word) => match &found.value {
                Some(Value::Text(text)) if found.ty != Type::Text || found.word == **text => *text == *word,
                _ => found.word == **word,
            },
            Expected::NotWord(word) => found.word != **word && found.word != "not there",
            Expected::Compare(compare, wanted) => value(*compare, wanted),
            Expected::Between(low, high) => value(Compare::AtLeast, low) && value(Compare::AtMost, high),
            Expected::Unknown => found.word == "unknown",
            Expected::Known => !matches!(found.word.as_str(), "unknown" | "missing" | "not there"),
            Expected::Missing => found.word == "missing",
            Expected::Holds => found.word == Outcome::Holds.word(),
        };
        let wanted = match expected {
            Expected::Compare(compare, value) => {
                let ty = if found.ty == Type::Text { &Type::Number } else { &found.ty };
                let op = compare.words().trim_start_matches("is").trim();
                format!("{op} {}", value.show(ty)).trim().to_owned()
            }
            Expected::Between(low, high) => format!("from {} to {}", low.show(&found.ty), high.show(&found.ty)),
            other => wanted_words(other),
        };
        if !fine {
            let why = if found.reason.is_empty() { String::new() } else { format!(": {}", found.reason) };
            self.fail(span, format!("{} is {}, {wanted} expected{why}", found.name, found.word));
        } else if let Some(words) = because
            && !found.reason.contains(words)
        {
            self.fail(span, format!("the reason does not say \"{words}\": {}", found.reason));
        }
        wanted
    }

    /// Whether a rule has carried out one of some steps.
    fn expect_act(&mut self, span: Span, rule: RuleRef, steps: &[usize], not: bool, key: Option<&KeyText>) {
        let Some(trigger) = self.pack.core(rule) else { return };
        let wanted = key.and_then(|k| trigger.grain.map(|g| normal(g, k)));
        let mut done = false;
        let mut did: Vec<(&Key, usize)> = Vec::new();
        for ((r, k), intent) in &self.log {
            let (IntentKind::Step, Some(step)) = (&intent.kind, intent.step) else { continue };
            if *r != rule {
                continue;
            }
            done |= steps.contains(&step) && wanted.as_ref().is_none_or(|w| w == k);
            did.push((k, step));
        }
        if done != not {
            return;
        }
        let whom = wanted.as_ref().map(for_key).unwrap_or_default();
        let verb = steps.first().and_then(|s| trigger.steps.get(*s)).map_or("act", |s| s.kind.verb());
        let message = match (not, did.is_empty()) {
            (true, _) => format!("{} did carry out this `{verb}`{whom}", trigger.name),
            (false, true) => format!("{} has carried out no step at all", trigger.name),
            (false, false) => format!("{} has not carried out this `{verb}`{whom}", trigger.name),
        };
        let rows: Vec<Vec<String>> = did
            .iter()
            .map(|(key, step)| {
                let what = trigger.steps.get(*step).map_or("", |s| s.kind.verb());
                vec![crate::engine::judge::key_words(key), format!("step {}", step + 1), what.to_owned()]
            })
            .collect();
        let heading = vec!["key".to_owned(), "step".to_owned(), "carried out".to_owned()];
        let table = (!rows.is_empty()).then_some(Comparison { heading, rows, wrong: None });
        self.failures.push(Failure { span, message, table });
    }

    fn expect_party(
        &mut self,
        span: Span,
        roles: &[Arc<str>],
        told: bool,
        not: bool,
        about: Subject,
        key: Option<&KeyText>,
    ) {
        let rule = match about {
            Subject::Trigger(i) => RuleRef::Trigger(i),
            Subject::Rollback(i) => RuleRef::Rollback(i),
            _ => {
                self.fail(span, "people are told and asked by triggers and rollbacks");
                return;
            }
        };
        let Some(trigger) = self.pack.core(rule) else { return };
        let wanted = key.and_then(|k| trigger.grain.map(|g| normal(g, k)));
        let mut reached: HashSet<Arc<str>> = HashSet::new();
        for ((r, k), intent) in &self.log {
            if *r != rule || wanted.as_ref().is_some_and(|w| w != k) {
                continue;
            }
            match (&intent.kind, told) {
                (IntentKind::Step, true) => match intent.step.and_then(|s| trigger.steps.get(s)).map(|s| &s.kind) {
                    Some(StepKind::Tell(message)) => reached.extend(message.people.iter().map(|p| p.role.clone())),
                    Some(StepKind::Send { people, .. }) => reached.extend(people.iter().map(|p| p.role.clone())),
                    _ => {}
                },
                (IntentKind::Tell { message, .. }, true) => {
                    reached.extend(message.people.iter().map(|p| p.role.clone()))
                }
                (
                    IntentKind::Ask { roles, .. }
                    | IntentKind::Escalate { roles, .. }
                    | IntentKind::Exhausted { roles },
                    false,
                ) => {
                    reached.extend(roles.iter().cloned());
                }
                _ => {}
            }
        }
        let did = if told { "told" } else { "asked" };
        for role in roles {
            if reached.contains(role) == not {
                let name = &trigger.name;
                let whom = wanted.as_ref().map(for_key).unwrap_or_default();
                let mut all: Vec<&str> = reached.iter().map(|r| &**r).collect();
                all.sort_unstable();
                let others = if all.is_empty() {
                    "nobody was".to_owned()
                } else {
                    format!("{} {}", listed(&all, "and"), if all.len() == 1 { "was" } else { "were" })
                };
                let message = if not {
                    format!("{role} was {did} about {name}{whom}")
                } else {
                    format!("{role} was not {did} about {name}{whom}; {others}")
                };
                self.fail(span, message);
            }
        }
    }
}

/// The question that is open, in words, where an answer is one to another question.
fn answers_another(pack: &Pack, trigger: &Trigger, waiting: &Waiting, reply: &Given) -> Option<String> {
    let about = waiting.step.and_then(|i| trigger.steps.get(i)).and_then(|step| match &step.kind {
        StepKind::Ask(ask) => Some(&ask.about),
        _ => None,
    });
    let (fits, open) = match (about, &reply.answer) {
        (Some(About::Choice { words, .. }), answer) => {
            let fits = matches!(answer, ReplyAnswer::Chooses(word) if words.contains(word));
            (fits, format!("a choice of {}", listed(words, "or")))
        }
        (Some(About::Approval { of: Some(of), .. }), answer) => {
            let fits = !matches!(answer, ReplyAnswer::Chooses(_)) && reply.noun.is_none_or(|noun| noun == *of);
            (fits, format!("approval of the {}", pack.row_word(Relation::Contract(*of))))
        }
        (Some(About::Approval { of: None, .. }) | None, answer) => {
            (!matches!(answer, ReplyAnswer::Chooses(_)) && reply.noun.is_none(), "approval".to_owned())
        }
    };
    (!fits).then_some(open)
}

struct Found {
    name: String,
    value: Option<Value>,
    ty: Type,
    word: String,
    reason: String,
}

fn wanted_words(expected: &Expected) -> String {
    match expected {
        Expected::Word(word) => word.to_string(),
        Expected::NotWord(word) => format!("anything but {word}"),
        Expected::Unknown => "unknown".into(),
        Expected::Known => "known".into(),
        Expected::Missing => "missing".into(),
        Expected::Holds => "holds".into(),
        Expected::Compare(..) | Expected::Between(..) => "a value".into(),
    }
}

fn for_key(key: &Key) -> String {
    if key.is_empty() { String::new() } else { format!(" for {}", crate::engine::judge::key_words(key)) }
}

/// A key as it is kept: of a pair, the lesser of the two first.
fn normal(relation: Relation, key: &KeyText) -> Key {
    let mut parts: Vec<Arc<str>> = key.parts.iter().map(|p| Arc::from(p.as_str())).collect();
    if matches!(relation, Relation::Pairs(_)) && parts.len() >= 2 && parts[0].as_bytes() > parts[1].as_bytes() {
        parts.swap(0, 1);
    }
    parts.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::compile_text;

    const RULES: &str = "\
contract ventures, each a venture
  because \"Ours.\"
  one row per id
  id      id
  status  one of active, paused or sunset

decision ends, about a venture
  because \"Both decide.\"
  chairman and board

trigger sunset \"To be ended\", per venture
  because \"It costs.\"
  when status is paused
  check daily
  ask for approval of the venture, answer within 3 days, else hold
  ask chairman to choose sale or closure, answer within 3 days, else hold
  ask board to choose sale or closure, answer within 3 days, else hold
  end as kept when chairman refused
  end as given when board chose sale
  end as sold when chairman chose sale

test \"T\"
  now is 2026-03-02 09:00
  given ventures
    id  status
    a   paused
  expect sunset is firing for a
";

    /// What fails of a course that goes on from a venture whose end was asked for.
    fn failures(lines: &[&str]) -> Vec<String> {
        failures_of(RULES, lines)
    }

    fn failures_of(rules: &str, lines: &[&str]) -> Vec<String> {
        let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
        let compiled = compile_text(&[("a.bylaw", &format!("{rules}{lines}"))], None);
        let pack = compiled.pack.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let mut bench = Bench::new(&pack).expect("tables");
        run(&pack, &mut bench, 0).expect("a course").into_iter().map(|f| f.message).collect()
    }

    const NOTHING: [String; 0] = [];

    #[test]
    fn the_first_word_of_a_role_counts() {
        let said = [
            "chairman approves the venture of sunset for a",
            "chairman refuses the venture of sunset for a",
            "expect sunset is firing for a",
        ];
        assert_eq!(failures(&said), NOTHING);
        assert_eq!(failures(&[&said[1..2], &["expect sunset is resting for a"]].concat()), NOTHING);
    }

    #[test]
    fn who_was_not_asked_has_said_nothing() {
        let said = [
            "chairman and board approves the venture of sunset for a",
            "board chooses sale about sunset for a",
            "expect sunset is firing for a",
            "chairman chooses sale about sunset for a",
            "expect sunset is resting for a",
        ];
        assert_eq!(failures(&said), NOTHING);
    }

    #[test]
    fn an_answer_is_one_to_the_question_that_is_open() {
        assert_eq!(
            failures(&["chairman chooses sale about sunset for a"]),
            ["sunset for a waits for approval of the venture, and this is no answer to that"]
        );
        let said = [
            "chairman and board approves the venture of sunset for a",
            "chairman refuses the venture of sunset for a",
            "expect sunset is firing for a",
        ];
        assert_eq!(
            failures(&said),
            ["sunset for a waits for a choice of sale or closure, and this is no answer to that"]
        );
    }

    /// A rule that fires two others, one of its noun and one of the portfolio, in every order in which they can stand.
    fn fired(pace: &str, mode: &str, lines: &[&str]) -> Vec<String> {
        let caller = format!(
            "trigger caller \"Calls\", per venture\n  because \"It calls.\"\n  when status is paused\n  check {pace}\n  \
             mode auto\n  fire called\n  fire whole\n\n"
        );
        let called = |name: &str, per: &str, when: &str| {
            format!(
                "trigger {name} \"Called\"{per}\n  because \"It is called.\"\n  when {when}\n  check {pace}\n  \
                 once within 10 days\n  mode {mode}\n  tell chairman\n\n"
            )
        };
        let called = [
            called("called", ", per venture", "status is sunset"),
            called("whole", "", "there is a venture where status is sunset"),
        ]
        .concat();
        let head = "contract ventures, each a venture\n  because \"Ours.\"\n  one row per id\n  id      id\n  \
                    status  one of active, paused or sunset\n\n";
        let test = "test \"T\"\n  now is 2026-03-02 09:00\n  given ventures\n    id  status\n    a   paused\n    \
                    b   active\n    c   paused\n";
        let [one, other] = [format!("{caller}{called}"), format!("{called}{caller}")]
            .map(|rules| failures_of(&format!("{head}{rules}{test}"), lines));
        assert_eq!(one, other, "the order of rules matters");
        one
    }

    const ONCE: [&str; 6] = [
        "expect called is firing for a",
        "expect called is armed for b",
        "expect called fired 2 times",
        "expect whole is firing",
        "expect whole fired 1 time",
        "expect chairman was told about called for c",
    ];

    #[test]
    fn what_is_fired_begins_for_the_same_key_or_for_the_portfolio() {
        for pace in ["daily at 07:00", "on change", "monthly"] {
            assert_eq!(fired(pace, "assisted", &ONCE), NOTHING, "{pace}");
        }
    }

    #[test]
    fn what_was_fired_is_over_when_its_steps_are_and_its_condition_does_not_hold() {
        let later = ["after 1 day", "expect called is cooling for a", "expect called fired 2 times"];
        assert_eq!(fired("daily at 07:00", "assisted", &[&ONCE[..], &later].concat()), NOTHING);
    }

    #[test]
    fn it_begins_inside_its_cooldown() {
        let lines = [
            "after 1 day",
            "write ventures",
            "  id  status",
            "  a   active",
            "after 1 day",
            "expect called is cooling for a",
            "expect caller is armed for a",
            "write ventures",
            "  id  status",
            "  a   paused",
            "after 1 day",
            "expect called is firing for a",
            "expect called fired 2 times for a",
        ];
        assert_eq!(fired("daily at 07:00", "assisted", &lines), NOTHING);
    }

    #[test]
    fn in_manual_mode_it_begins_only_by_itself() {
        let lines = ["expect called fired 0 times", "expect called is armed for a", "expect whole fired 0 times"];
        assert_eq!(fired("daily at 07:00", "manual", &lines), NOTHING);
    }

    #[test]
    fn a_metric_of_each_row_over_its_own_table_takes_that_row() {
        let rules = "\
contract ventures, each a venture
  because \"Ours.\"
  one row per id
  dated by seen_on
  id       id
  status   one of active or sunset
  revenue  money
  seen_on  date
  fresh within 2 days per venture, stale after 7 days

metric revenue per venture = sum of revenue in ventures
metric newest per venture = latest revenue in ventures
metric active per venture = count of ventures where status is active

test \"T\"
  now is 2026-03-02 09:00
  given ventures
    id  status  revenue  seen_on
    a   active  $100     2026-03-01
    b   sunset  $7       2026-03-01
    c   active  $9       2026-01-01
";
        let lines = [
            "expect revenue of a is $100",
            "expect revenue of b is $7",
            "expect newest of b is $7",
            "expect active of a is 1",
            "expect active of b is 0",
            "expect revenue of c is unknown",
        ];
        assert_eq!(failures_of(rules, &lines), NOTHING);
    }
}
