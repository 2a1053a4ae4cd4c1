//! The course of rules through time: which of them are due, what is judged of them and what they decide, with memory
//! carried from one judgement to the next.
//!
//! Pure: whoever lives through time (a test, a plan, a backtest) reads the world and hands over the judge. Nothing is
//! carried out; what would be is kept in a log.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::decide::{Decider, Intent, IntentKind, Judged, Terms, Tri as Known, decide, fire, wakes};
use super::judge::{Judge, Outcome, Row};
use super::memory::{Memory, Reply, State};
use super::reading::{Key, Tri};
use super::trace::{Move, Point, Trace, Truth};
use super::window;
use crate::lang::expr::{Answer, Checked, Expr, ExprKind, Joint, ParamId};
use crate::lang::item::decision::Who;
use crate::lang::item::step::{About, Mode, StepKind};
use crate::lang::item::trigger::{OnDay, Pace, Trigger};
use crate::lang::pack::{Pack, RuleRef};
use crate::plan::MomentId;
use crate::time::{Calendar, Period};
use crate::value::Value;

/// A rule and one of its keys.
pub type RuleKey = (RuleRef, Key);

/// What a trigger or rollback is as a rule with a lifecycle.
pub fn core(pack: &Pack, rule: RuleRef) -> Option<&Trigger> {
    match rule {
        RuleRef::Trigger(i) => pack.triggers.get(i as usize),
        RuleRef::Rollback(i) => pack.rollbacks.get(i as usize).map(|r| &r.core),
        _ => None,
    }
}

/// Every rule of a pack that has a lifecycle.
pub fn all(pack: &Pack) -> Vec<RuleRef> {
    let triggers = (0..pack.triggers.len() as u32).map(RuleRef::Trigger);
    triggers.chain((0..pack.rollbacks.len() as u32).map(RuleRef::Rollback)).collect()
}

/// Some rules on their way through time.
pub struct Course<'a> {
    pack: &'a Pack,
    rules: Vec<RuleRef>,
    /// Params that differ from the values in force.
    pub overrides: HashMap<ParamId, Value>,
    /// What each rule remembers of each key.
    pub memory: BTreeMap<RuleKey, Memory>,
    /// What was decided, in order.
    pub log: Vec<(RuleKey, Intent)>,
    /// Answers that no judgement has heard yet.
    pub replies: Vec<(RuleKey, Arc<str>, Reply)>,
    due: HashMap<RuleRef, Timestamp>,
    trace: Option<&'a Trace>,
}

impl<'a> Course<'a> {
    /// Some rules before their first judgement.
    pub fn new(pack: &'a Pack, rules: Vec<RuleRef>) -> Course<'a> {
        Course {
            pack,
            rules,
            overrides: HashMap::new(),
            memory: BTreeMap::new(),
            log: Vec::new(),
            replies: Vec::new(),
            due: HashMap::new(),
            trace: None,
        }
    }

    /// The same, writing down what it reaches.
    pub fn traced(self, trace: Option<&'a Trace>) -> Course<'a> {
        Course { trace, ..self }
    }

    /// The value of a param on this course.
    pub fn param(&self, id: ParamId) -> Value {
        self.overrides.get(&id).cloned().unwrap_or_else(|| self.pack.param(id).clone())
    }

    fn note(&self, point: Point) {
        if let Some(trace) = self.trace {
            trace.note(point);
        }
    }

    /// The rules that are to be judged at a moment because they are due, never were judged, or look at every change.
    pub fn due(&self, now: Timestamp) -> Vec<RuleRef> {
        let is_due = |rule: &RuleRef| self.due.get(rule).is_none_or(|due| *due <= now) || self.on_change(*rule);
        self.rules.iter().copied().filter(is_due).collect()
    }

    /// The same, and those that wake at the moment by what they remember; the last judgements were made at `before`.
    pub fn due_since(&self, before: Timestamp, now: Timestamp) -> Vec<RuleRef> {
        let due = self.due(now);
        let is_due = |rule: &RuleRef| due.contains(rule) || self.wakes_at(*rule, now, before);
        self.rules.iter().copied().filter(is_due).collect()
    }

    /// The next moment after `now` at which some rule is due, or something changes by itself.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let woken = self.memory.iter().filter_map(|((rule, _), memory)| {
            let terms = core(self.pack, *rule).and_then(|t| self.terms(t))?;
            wakes(&terms, memory, now, &self.pack.settings.calendar)
        });
        self.due.values().copied().chain(woken).filter(|at| *at > now).min()
    }

    /// These rules and those that they fire, which are judged from the same readings.
    pub fn read(&self, rules: &[RuleRef]) -> Vec<RuleRef> {
        let mut read: Vec<RuleRef> = rules.to_vec();
        let mut next = 0;
        while let Some(rule) = read.get(next).copied() {
            next += 1;
            for step in core(self.pack, rule).map_or(&[][..], |t| &t.steps) {
                if let StepKind::Fire(target) = step.kind
                    && !read.contains(&RuleRef::Trigger(target))
                {
                    read.push(RuleRef::Trigger(target));
                }
            }
        }
        read
    }

    fn on_change(&self, rule: RuleRef) -> bool {
        core(self.pack, rule).is_some_and(|t| matches!(self.pace(t), Pace::OnChange { .. }))
    }

    /// The pace at which a rule is judged at present. `while` speaks of params; what it says of rows is judged with
    /// the rule itself.
    fn pace<'t>(&self, trigger: &'t Trigger) -> &'t Pace {
        match &trigger.check.other {
            Some((while_, other)) if !crate::lang::check::params_hold(while_, &|id| Some(self.param(id))) => other,
            _ => &trigger.check.pace,
        }
    }

    fn wakes_at(&self, rule: RuleRef, at: Timestamp, before: Timestamp) -> bool {
        let Some(terms) = core(self.pack, rule).and_then(|t| self.terms(t)) else { return false };
        self.memory
            .iter()
            .filter(|((r, _), _)| *r == rule)
            .any(|(_, m)| wakes(&terms, m, before, &self.pack.settings.calendar).is_some_and(|w| w <= at))
    }

    /// The numbers of a rule with the values that its params have.
    pub fn terms(&self, trigger: &Trigger) -> Option<Terms> {
        let terms = Terms::new(trigger, &|e| window::constant(e, &|id| self.param(id)))?;
        Some(Terms { people: self.pack.settings.people(), ..terms })
    }

    /// Judges rules at a moment and decides what they do. The judge has read what [`Course::read`] says of them.
    pub fn judge(&mut self, judge: &Judge<'_>, rules: &[RuleRef], now: Timestamp) {
        let pack = self.pack;
        let calendar = &pack.settings.calendar;
        let mut fires: VecDeque<RuleKey> = VecDeque::new();
        for rule in rules.iter().copied() {
            let Some(trigger) = core(pack, rule) else { continue };
            let mut keys: Vec<(Key, Option<u32>)> = match trigger.grain.map(|g| (g, judge.keys(g, MomentId::NOW))) {
                None => vec![(Arc::new([]), None)],
                Some((grain, Ok(keys))) => keys.into_iter().map(|n| (judge.key(grain, n), Some(n))).collect(),
                // Of keys that cannot be told none is gone: every one keeps its state.
                Some((_, Err(_))) => {
                    self.due.insert(rule, self.next_due(trigger, now).unwrap_or(Timestamp::MAX));
                    continue;
                }
            };
            // Keys that were there and are gone end their firings.
            for ((_, key), _) in self.memory.iter().filter(|((r, _), _)| *r == rule) {
                if !keys.iter().any(|(k, _)| k == key) {
                    keys.push((key.clone(), None));
                }
            }
            for (key, number) in keys {
                let Some(terms) = self.terms(trigger) else { continue };
                let judged = self.judged(judge, trigger, rule, &key, number);
                let memory = self.memory.get(&(rule, key.clone())).cloned().unwrap_or_default();
                let decided = decide(trigger, &terms, &memory, &judged, now, calendar);
                self.replies.retain(|(k, _, _)| *k != (rule, key.clone()));
                self.keep((rule, key), trigger, decided, &mut fires);
            }
            self.due.insert(rule, self.next_due(trigger, now).unwrap_or(Timestamp::MAX));
        }
        // What others fire begins after every rule had its own verdict, so that none has two and no order matters.
        while let Some((rule, key)) = fires.pop_front() {
            let Some(trigger) = core(pack, rule) else { continue };
            let number = trigger.grain.and_then(|grain| {
                judge.keys(grain, MomentId::NOW).unwrap_or_default().into_iter().find(|n| judge.key(grain, *n) == key)
            });
            let Some(terms) = self.terms(trigger) else { continue };
            let judged = self.judged(judge, trigger, rule, &key, number);
            let memory = self.memory.get(&(rule, key.clone())).cloned().unwrap_or_default();
            let decided = fire(trigger, &terms, &memory, &judged, now, calendar);
            self.keep((rule, key), trigger, decided, &mut fires);
        }
    }

    /// Remembers what was decided, and which rules it fires: of the same noun for the same key, else of the portfolio.
    fn keep(
        &mut self,
        of: RuleKey,
        trigger: &Trigger,
        (after, intents): (Memory, Vec<Intent>),
        fires: &mut VecDeque<RuleKey>,
    ) {
        if self.trace.is_some() {
            self.trace_moves(of.0, trigger, &after, &intents);
        }
        self.memory.insert(of.clone(), after);
        for intent in intents {
            if let (IntentKind::Step, Some(step)) = (&intent.kind, intent.step)
                && let Some(StepKind::Fire(target)) = trigger.steps.get(step).map(|s| &s.kind)
                && let target = RuleRef::Trigger(*target)
                && self.rules.contains(&target)
            {
                let of_portfolio = core(self.pack, target).is_some_and(|t| t.grain.is_none());
                fires.push_back((target, if of_portfolio { Arc::new([]) } else { of.1.clone() }));
            }
            self.log.push((of.clone(), intent));
        }
    }

    fn trace_moves(&self, rule: RuleRef, trigger: &Trigger, after: &Memory, intents: &[Intent]) {
        let note = |move_: Move| self.note(Point::Move(rule, move_));
        match after.state {
            State::Pending { .. } => note(Move::Pending),
            State::Cooling { .. } => note(Move::Cooling),
            _ => {}
        }
        for Intent { step, kind } in intents {
            match (kind, step) {
                (IntentKind::Fired { iteration }, _) if *iteration > 1 => note(Move::Again),
                (IntentKind::Step | IntentKind::Listed | IntentKind::ApprovedByRule, Some(step)) => {
                    note(Move::Step(*step));
                }
                (IntentKind::Ask { .. }, Some(step)) => note(Move::Step(*step)),
                (IntentKind::Approved, Some(step)) => {
                    note(Move::Yes(*step));
                    for (_, reply) in after.firing().map_or(&[][..], |f| &f.answers) {
                        if let Reply::Chose(word) = reply {
                            note(Move::Chose(*step, word.clone()));
                        }
                    }
                }
                (IntentKind::Refused, Some(step)) => note(Move::No(*step)),
                (IntentKind::Escalate { .. } | IntentKind::TimedOut, Some(step)) => note(Move::Silence(*step)),
                (IntentKind::Exhausted { .. }, _) => note(Move::Exhausted),
                (IntentKind::Cleared, _) => note(Move::Cleared),
                (IntentKind::Ended(word), _) => {
                    if let Some(i) = trigger.ends.iter().position(|e| e.word == *word) {
                        note(Move::Ended(i));
                    }
                }
                _ => {}
            }
        }
    }

    fn judged(&self, judge: &Judge<'_>, trigger: &Trigger, rule: RuleRef, key: &Key, number: Option<u32>) -> Judged {
        let present = trigger.grain.is_none() || number.is_some();
        let rows: Vec<Row> = match (trigger.grain, number) {
            (Some(grain), Some(number)) => vec![Row::of(grain, number)],
            _ => Vec::new(),
        };
        let memory = self.memory.get(&(rule, key.clone()));
        let answers: Vec<(Arc<str>, Reply)> = self
            .replies
            .iter()
            .filter(|(k, _, _)| *k == (rule, key.clone()))
            .map(|(_, role, reply)| (role.clone(), reply.clone()))
            .collect();
        let said = memory.map(|m| m.said(&answers)).unwrap_or_default();
        let plain = |t: Tri| match t {
            Tri::Yes => Known::Yes,
            Tri::No => Known::No,
            Tri::Unknown(_) => Known::Unknown,
        };
        let weigh = |e: &Expr<Checked>| answered(e, &said, self.trace, &|e| judge.condition(e, &rows, MomentId::NOW));
        let condition = |e: &Expr<Checked>| plain(weigh(e));
        let stage = trigger.stage.as_ref();
        let runs = stage.is_none_or(|s| judge.stage_runs(s));
        let of_stage = stage.and_then(|s| self.pack.stages.iter().find(|x| x.number == *s)).and_then(|s| s.mode);
        let when = if present { judge.held(&trigger.when, trigger, &rows) } else { Tri::No };
        if let Some(trace) = self.trace.filter(|_| present && runs) {
            match &when {
                Tri::Yes => trace.verdict(rule, Outcome::Fires, None),
                Tri::No => trace.verdict(rule, Outcome::Clear, None),
                Tri::Unknown(why) => trace.verdict(rule, Outcome::Unknown, Some(why.reason)),
            }
        }
        let mut judged = Judged::new(plain(when), trigger.mode.or(of_stage).unwrap_or(Mode::Assisted));
        if present {
            judged.clear = trigger.clear.as_ref().map(|c| plain(judge.held(c, trigger, &rows)));
            judged.unless = trigger.unless.as_ref().map(condition);
            judged.ends = trigger.ends.iter().map(|e| condition(&e.when)).collect();
            judged.step_conditions = trigger.steps.iter().map(|s| s.only.as_ref().map(condition)).collect();
        } else {
            judged.ends = vec![Known::No; trigger.ends.len()];
            judged.step_conditions = trigger.steps.iter().map(|s| s.only.as_ref().map(|_| Known::No)).collect();
        }
        judged.key_present = present;
        judged.runs = runs;
        judged.answers = answers;
        judged.idle = SignedDuration::ZERO;
        judged.decision = self.decision(judge, trigger, memory, &rows);
        judged
    }

    /// Who decides the next approval. What only a proposal could tell is unknown here, and an unknown line holds when
    /// it names people.
    fn decision(&self, judge: &Judge<'_>, trigger: &Trigger, memory: Option<&Memory>, rows: &[Row]) -> Option<Decider> {
        let from = memory.and_then(Memory::firing).map_or(0, |f| f.next);
        let asks = trigger.steps.iter().enumerate().filter_map(|(i, s)| match &s.kind {
            StepKind::Ask(ask) => match &ask.about {
                About::Approval { decision, .. } => Some((i, *decision)),
                About::Choice { .. } => None,
            },
            _ => None,
        });
        let all: Vec<(usize, u32)> = asks.collect();
        let (_, index) = *all.iter().find(|(i, _)| *i >= from).or_else(|| all.first())?;
        let decision = self.pack.decisions.get(index as usize)?;
        let own_row = decision.is_about(trigger.grain) && !rows.is_empty();
        let told = |e: &Expr<Checked>| {
            // What is decided about is the row of the rule itself: it is there to be asked.
            if own_row {
                return match judge.condition(e, rows, MomentId::NOW) {
                    Tri::Yes => Some(true),
                    Tri::No => Some(false),
                    Tri::Unknown(_) => None,
                };
            }
            // A line that speaks of params alone can be told; one that asks the proposal cannot.
            let mut params = true;
            e.walk(&mut |e| {
                params &= !matches!(&e.kind, ExprKind::Name(b) if !matches!(b, crate::lang::expr::Binding::Param(_)));
            });
            params.then(|| crate::lang::check::params_hold(e, &|id| Some(self.param(id))))
        };
        let (line, decider) =
            (0..).zip(&decision.lines).find_map(|(i, line)| match (&line.who, line.when.as_ref().map(told)) {
                (_, Some(Some(false))) => None,
                (Who::Roles(roles), _) => Some((i, Decider::Roles(roles.clone()))),
                (Who::ByItself, None | Some(Some(true))) => Some((i, Decider::ByItself)),
                (Who::ByItself, Some(None)) => None,
            })?;
        // Before it fires nobody decides anything.
        if memory.and_then(Memory::firing).is_some() {
            self.note(Point::Decided(index, line));
        }
        Some(decider)
    }

    /// The next moment at which a rule is to be judged by its own pace.
    fn next_due(&self, trigger: &Trigger, now: Timestamp) -> Option<Timestamp> {
        let calendar = &self.pack.settings.calendar;
        let value = |e: &Expr<Checked>| window::constant(e, &|id| self.param(id));
        next_due(self.pace(trigger), now, calendar, &value)
    }
}

/// A condition in which answers are known; everything else is judged.
fn answered(
    e: &Expr<Checked>,
    said: &[(Arc<str>, Reply)],
    trace: Option<&Trace>,
    judge: &dyn Fn(&Expr<Checked>) -> Tri,
) -> Tri {
    let holds = match &e.kind {
        ExprKind::Joint(Joint::And, all) => Tri::all(all.iter().map(|e| answered(e, said, trace, judge))),
        ExprKind::Joint(Joint::Or, all) => Tri::any(all.iter().map(|e| answered(e, said, trace, judge))),
        ExprKind::Not(e) => answered(e, said, trace, judge).negate(),
        ExprKind::Answered(who, answer) => {
            let gave = |role: &Arc<str>, reply: &Reply| match answer {
                Answer::Approved => *reply == Reply::Yes,
                Answer::Refused => *reply == Reply::No,
                Answer::Chose(word) => matches!(reply, Reply::Chose(chosen) if *chosen == word.text),
            } && who.iter().any(|w| w.text == *role);
            Tri::from_bool(who.iter().all(|w| said.iter().any(|(role, reply)| *role == w.text && gave(role, reply))))
        }
        _ => return judge(e),
    };
    if let Some(trace) = trace {
        trace.note(Point::Part(e.span, Truth::of(&holds)));
    }
    holds
}

/// The next moment after `now` at which a pace asks for a verdict; nothing for rules judged on change.
pub fn next_due(
    pace: &Pace,
    now: Timestamp,
    calendar: &Calendar,
    value: &dyn Fn(&Expr<Checked>) -> Option<Value>,
) -> Option<Timestamp> {
    let today = calendar.date(now);
    let step = |date: jiff::civil::Date, period: Period| calendar.shift_date(date, period.span(1), true);
    let on_day = |period: Period, day: &OnDay| {
        let mut first = calendar.period_first(period, today);
        for _ in 0..3 {
            let next = step(first, period);
            let at = match day {
                OnDay::PeriodEnd => calendar.day_start(next),
                OnDay::Day(e) => {
                    let n = value(e).and_then(|v| v.number()).map_or(1, |n| n.floor().clamp(1, 366)) as i32;
                    let date = calendar.shift_date(first, Period::Day.span(n - 1), true);
                    let last = calendar.shift_date(next, Period::Day.span(1), false);
                    calendar.day_start(date.min(last))
                }
                OnDay::LastBusinessDay => {
                    let span = crate::value::Span { business: 1, ..Default::default() };
                    calendar.day_start(calendar.shift_date(next, span, false))
                }
            };
            if at > now {
                return Some(at);
            }
            first = next;
        }
        None
    };
    match pace {
        Pace::OnChange { .. } => None,
        Pace::Every(e) => value(e).map(|by| window::moved(calendar, now, &by, true)).filter(|at| *at > now),
        Pace::Daily(time) => {
            let time = time.unwrap_or(jiff::civil::Time::midnight());
            let at = calendar.at_time(today, time);
            Some(if at > now { at } else { calendar.at_time(step(today, Period::Day), time) })
        }
        Pace::Weekly(day) => {
            let day = day.unwrap_or(jiff::civil::Weekday::Monday);
            let mut date = step(today, Period::Day);
            while date.weekday() != day {
                date = step(date, Period::Day);
            }
            Some(calendar.day_start(date))
        }
        Pace::Monthly(day) => on_day(Period::Month, day),
        Pace::Quarterly(day) => on_day(Period::Quarter, day),
        Pace::Yearly(day) => on_day(Period::Year, day),
        Pace::AfterEach(e, period) => {
            let by = value(e)?;
            let mut end = calendar.day_start(calendar.period_first(*period, today));
            for _ in 0..3 {
                let at = window::moved(calendar, end, &by, true);
                if at > now {
                    return Some(at);
                }
                end = calendar.day_start(step(calendar.date(end), *period));
            }
            None
        }
    }
}
