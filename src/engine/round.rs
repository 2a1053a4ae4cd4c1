//! One round: at one moment rules are judged for each of their keys, what they do next is decided, and what they set off
//! begins. The tests of rules and the record of the real portfolio are callers of the same round.
//!
//! Pure: readings, params, memory, answers and the moment are arguments.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::decide::{Decider, Intent, IntentKind, Judged, Terms, Tri as Known, decide, fire, wakes};
use super::depend::Which;
use super::judge::{Judge, Outcome, Row};
use super::memory::{Memory, Reply, State};
use super::reading::{Key, Reason, Tri, Why};
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

/// What rules remember from round to round.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// Of each key.
    pub memory: BTreeMap<RuleKey, Memory>,
    /// When time alone can make something else of a key.
    wakes: BTreeMap<RuleKey, Timestamp>,
    /// The same by the moment.
    next: BTreeSet<(Timestamp, RuleKey)>,
    /// When each rule is to be judged next by its own pace; the end of time for one that is judged on change.
    pub due: HashMap<RuleRef, Timestamp>,
    /// When each rule was judged last.
    pub judged: HashMap<RuleRef, Timestamp>,
}

impl Remembered {
    /// Remembers where a rule stands for a key, and when time alone can make something else of it.
    pub fn remember(&mut self, of: RuleKey, memory: Memory, wake: Option<Timestamp>) {
        let before = match wake {
            Some(at) => self.wakes.insert(of.clone(), at),
            None => self.wakes.remove(&of),
        };
        if before != wake {
            if let Some(at) = before {
                self.next.remove(&(at, of.clone()));
            }
            self.next.extend(wake.map(|at| (at, of.clone())));
        }
        self.memory.insert(of, memory);
    }

    /// Forgets what is remembered of a key where that is what would be remembered of one never seen.
    pub fn forget_if_new(&mut self, of: &RuleKey) {
        if self.memory.get(of).is_some_and(|memory| *memory == Memory::default()) {
            self.memory.remove(of);
        }
    }

    /// The keys that a rule remembers something of.
    pub fn keys_of(&self, rule: RuleRef) -> impl Iterator<Item = &Key> {
        self.memory.range((rule, nobody())..).take_while(move |((r, _), _)| *r == rule).map(|((_, key), _)| key)
    }

    /// The moments at which time alone can make something else of some key.
    pub fn wakes(&self) -> impl Iterator<Item = Timestamp> {
        self.next.iter().map(|(at, _)| *at)
    }

    /// The keys of a rule of which time has made something else by now.
    fn woken(&self, rule: RuleRef, now: Timestamp) -> impl Iterator<Item = &Key> {
        self.next
            .iter()
            .take_while(move |(at, _)| *at <= now)
            .filter(move |(_, (r, _))| *r == rule)
            .map(|(_, of)| &of.1)
    }
}

/// The key before all others.
fn nobody() -> Key {
    Arc::new([])
}

/// What was decided of one rule for one key, with all that it was decided from.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The rule and the key.
    pub of: RuleKey,
    /// What was judged.
    pub judged: Judged,
    /// Another rule fired it.
    pub by_another: bool,
    /// What it remembered before; nothing when this key was not known.
    pub before: Option<Memory>,
    /// What it remembers now.
    pub after: Memory,
    /// What is to be done or written down.
    pub intents: Vec<Intent>,
}

/// What a round is made for.
pub struct Round<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// The value of a param.
    pub param: &'a dyn Fn(ParamId) -> Value,
    /// The moment.
    pub now: Timestamp,
    /// Answers that have come in since the last judgement.
    pub replies: &'a [(RuleKey, Arc<str>, Reply)],
    /// Somebody was there all the while to judge what became due. Who is only called now and then was not, and the time
    /// beyond the moment at which a rule should have been judged does not count for its holds.
    pub attended: bool,
    /// The keys of each rule of which something may be other than at its last judgement.
    pub touched: &'a dyn Fn(RuleRef) -> Which,
    /// Which rules may be set off by others.
    pub follows: &'a dyn Fn(RuleRef) -> bool,
    /// Where to write down what is reached.
    pub trace: Option<&'a Trace>,
}

/// What a key stands for at the moment of a round.
#[derive(Debug, Clone, Copy)]
enum Whose {
    /// The portfolio as a whole.
    Portfolio,
    /// A row that is there.
    Row(Row),
    /// A row that was there.
    Gone,
    /// Rows that cannot be read.
    Unread,
}

/// Rules with those that they may set off, directly or not: what a rule fires is judged from the same readings.
pub fn with_fired(pack: &Pack, rules: &[RuleRef]) -> Vec<RuleRef> {
    let mut all: Vec<RuleRef> = rules.to_vec();
    let mut next = 0;
    while let Some(rule) = all.get(next).copied() {
        next += 1;
        for step in pack.core(rule).map_or(&[][..], |t| &t.steps) {
            if let StepKind::Fire(target) = step.kind
                && !all.contains(&RuleRef::Trigger(target))
            {
                all.push(RuleRef::Trigger(target));
            }
        }
    }
    all
}

/// The mode in which a rule runs: its own, else that of its stage, else the one that asks before it writes.
pub fn mode_of(pack: &Pack, trigger: &Trigger) -> Mode {
    let stage = trigger.stage.as_ref().and_then(|s| pack.stages.iter().find(|x| x.number == *s));
    trigger.mode.or(stage.and_then(|s| s.mode)).unwrap_or(Mode::Assisted)
}

impl Round<'_> {
    fn note(&self, point: Point) {
        if let Some(trace) = self.trace {
            trace.note(point);
        }
    }

    fn calendar(&self) -> &Calendar {
        &self.pack.settings.calendar
    }

    /// The numbers of a rule at present; nothing when one of them has no value.
    pub fn terms(&self, trigger: &Trigger) -> Option<Terms> {
        let terms = Terms::new(trigger, &|e| window::constant(e, self.param))?;
        Some(Terms { people: self.pack.settings.people(), ..terms })
    }

    /// The pace at which a rule is judged at present. `while` speaks of params; what it says of rows is judged with
    /// the rule itself.
    fn pace<'t>(&self, trigger: &'t Trigger) -> &'t Pace {
        match &trigger.check.other {
            Some((while_, other)) if !crate::lang::check::params_hold(while_, &|id| Some((self.param)(id))) => other,
            _ => &trigger.check.pace,
        }
    }

    /// The next moment at which a rule is to be judged by its own pace; nothing for one that is judged on change.
    pub fn next_due(&self, trigger: &Trigger) -> Option<Timestamp> {
        next_due(self.pace(trigger), self.now, self.calendar(), &|e| window::constant(e, self.param))
    }

    /// Whether a rule is to be judged now: it never was, its pace asks for it, it is judged on change, or something has
    /// run out since somebody last looked.
    pub fn is_due(&self, remembered: &Remembered, rule: RuleRef) -> bool {
        let Some(trigger) = self.pack.core(rule) else { return true };
        remembered.due.get(&rule).is_none_or(|due| *due <= self.now)
            || matches!(self.pace(trigger), Pace::OnChange { .. })
            || remembered.woken(rule, self.now).next().is_some()
    }

    /// Finds anew when time alone can make something else of each key after a moment: when the rules or their numbers
    /// have become others.
    pub fn reckon(&self, remembered: &mut Remembered, after: Timestamp) {
        for (of, memory) in std::mem::take(&mut remembered.memory) {
            let terms = self.pack.core(of.0).and_then(|trigger| self.terms(trigger));
            let wake = terms.and_then(|terms| wakes(&terms, &memory, after, self.calendar()));
            remembered.remember(of, memory, wake);
        }
    }

    /// How long nobody was there to judge a rule: what lies beyond the moment at which it should have been judged.
    fn idle(&self, remembered: &Remembered, rule: RuleRef, trigger: &Trigger) -> SignedDuration {
        let Some(last) = remembered.judged.get(&rule).copied().filter(|_| !self.attended) else {
            return SignedDuration::ZERO;
        };
        let expected = match self.pace(trigger) {
            // The promise is how long nobody has to look.
            Pace::OnChange { latest } => match latest.as_ref().and_then(|e| window::constant(e, self.param)) {
                Some(latest) => window::moved(self.calendar(), last, &latest, true),
                None => last,
            },
            _ => remembered.due.get(&rule).copied().unwrap_or(last),
        };
        self.now.duration_since(expected.max(last)).max(SignedDuration::ZERO)
    }

    /// Judges rules, decides what they do, and lets begin what they set off.
    pub fn run(&self, judge: &Judge<'_>, rules: &[RuleRef], remembered: &mut Remembered) -> Vec<Decided> {
        let (pack, now) = (self.pack, self.now);
        let mut all: Vec<Decided> = Vec::new();
        let mut fires: VecDeque<RuleKey> = VecDeque::new();
        for rule in rules.iter().copied() {
            let Some(trigger) = pack.core(rule) else { continue };
            let keys = self.keys(judge, rule, trigger, remembered);
            if keys.is_empty() && matches!(trigger.check.pace, Pace::OnChange { .. }) && trigger.check.other.is_none() {
                remembered.judged.insert(rule, now);
                remembered.due.entry(rule).or_insert(Timestamp::MAX);
                continue;
            }
            let Some(terms) = self.terms(trigger) else { continue };
            let idle = self.idle(remembered, rule, trigger);
            for (key, whose) in keys {
                let before = remembered.memory.get(&(rule, key.clone())).cloned();
                let mut judged = self.judged(judge, trigger, (rule, &key), whose, before.as_ref());
                judged.idle = idle;
                let memory = before.clone().unwrap_or_default();
                let (after, intents) = decide(trigger, &terms, &memory, &judged, now, self.calendar());
                all.push(Decided { of: (rule, key), judged, by_another: false, before, after, intents });
                self.keep(trigger, &terms, all.last(), remembered, &mut fires);
            }
            remembered.judged.insert(rule, now);
            remembered.due.insert(rule, self.next_due(trigger).unwrap_or(Timestamp::MAX));
        }
        // What others fire begins after every rule had its own verdict, so that none has two and no order matters.
        while let Some((rule, key)) = fires.pop_front() {
            let Some(trigger) = pack.core(rule) else { continue };
            let Some(terms) = self.terms(trigger) else { continue };
            let whose = match trigger.grain {
                None => Whose::Portfolio,
                Some(grain) => match judge.find(grain, &key) {
                    Err(_) => Whose::Unread,
                    Ok(number) => number.map_or(Whose::Gone, |n| Whose::Row(Row::of(grain, n))),
                },
            };
            let before = remembered.memory.get(&(rule, key.clone())).cloned();
            let judged = self.judged(judge, trigger, (rule, &key), whose, before.as_ref());
            let memory = before.clone().unwrap_or_default();
            let (after, intents) = fire(trigger, &terms, &memory, &judged, now, self.calendar());
            all.push(Decided { of: (rule, key), judged, by_another: true, before, after, intents });
            self.keep(trigger, &terms, all.last(), remembered, &mut fires);
        }
        all
    }

    /// The keys of a rule. Those that were there and are gone are among them; they end their firings.
    fn keys(&self, judge: &Judge<'_>, rule: RuleRef, trigger: &Trigger, remembered: &Remembered) -> Vec<(Key, Whose)> {
        let which = (self.touched)(rule);
        let Some(grain) = trigger.grain else {
            let stirs =
                remembered.woken(rule, self.now).next().is_some() || self.replies.iter().any(|((r, _), ..)| *r == rule);
            return if which == Which::None && !stirs { Vec::new() } else { vec![(nobody(), Whose::Portfolio)] };
        };
        let some = match which {
            Which::All => None,
            Which::Some(numbers) => Some(numbers),
            Which::None => Some(BTreeSet::new()),
        };
        if let Some(numbers) = some {
            let mut keys: BTreeSet<Key> = numbers.into_iter().map(|n| judge.key(grain, n)).collect();
            keys.extend(remembered.woken(rule, self.now).cloned());
            keys.extend(self.replies.iter().filter(|((r, _), ..)| *r == rule).map(|((_, key), ..)| key.clone()));
            let whose = |key: Key| {
                let whose = match judge.find(grain, &key) {
                    Err(_) => Some(Whose::Unread),
                    Ok(Some(number)) => Some(Whose::Row(Row::of(grain, number))),
                    Ok(None) => remembered.memory.contains_key(&(rule, key.clone())).then_some(Whose::Gone),
                };
                whose.map(|whose| (key, whose))
            };
            return keys.into_iter().filter_map(whose).collect();
        }
        let known = remembered.keys_of(rule).cloned();
        let Ok(numbers) = judge.keys(grain, MomentId::NOW) else {
            return known.map(|key| (key, Whose::Unread)).collect();
        };
        let mut keys: Vec<(Key, Whose)> =
            numbers.into_iter().map(|n| (judge.key(grain, n), Whose::Row(Row::of(grain, n)))).collect();
        let there: HashSet<Key> = keys.iter().map(|(key, _)| key.clone()).collect();
        keys.extend(known.filter(|key| !there.contains(key)).map(|key| (key, Whose::Gone)));
        keys
    }

    /// Remembers what was decided, and which rules it fires: of the same noun for the same key, else of the portfolio.
    fn keep(
        &self,
        trigger: &Trigger,
        terms: &Terms,
        decided: Option<&Decided>,
        remembered: &mut Remembered,
        fires: &mut VecDeque<RuleKey>,
    ) {
        let Some(Decided { of, after, intents, .. }) = decided else { return };
        if self.trace.is_some() {
            self.trace_moves(of.0, trigger, after, intents);
        }
        let wake = wakes(terms, after, self.now, self.calendar());
        remembered.remember(of.clone(), after.clone(), wake);
        for intent in intents {
            if let (IntentKind::Step, Some(step)) = (&intent.kind, intent.step)
                && let Some(StepKind::Fire(target)) = trigger.steps.get(step).map(|s| &s.kind)
                && let target = RuleRef::Trigger(*target)
                && (self.follows)(target)
            {
                let of_portfolio = self.pack.core(target).is_some_and(|t| t.grain.is_none());
                fires.push_back((target, if of_portfolio { Arc::new([]) } else { of.1.clone() }));
            }
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

    /// What is judged of one rule for one key.
    fn judged(
        &self,
        judge: &Judge<'_>,
        trigger: &Trigger,
        (rule, key): (RuleRef, &Key),
        whose: Whose,
        memory: Option<&Memory>,
    ) -> Judged {
        let present = !matches!(whose, Whose::Gone);
        let rows: Vec<Row> = if let Whose::Row(row) = whose { vec![row] } else { Vec::new() };
        let answers: Vec<(Arc<str>, Reply)> = self
            .replies
            .iter()
            .filter(|((r, k), _, _)| *r == rule && k == key)
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
        let when = match whose {
            Whose::Portfolio | Whose::Row(_) => judge.held(&trigger.when, trigger, &rows),
            Whose::Gone => Tri::No,
            Whose::Unread => Tri::Unknown(Why::new(Reason::CannotRead, "its rows cannot be read")),
        };
        if let Some(trace) = self.trace.filter(|_| present && runs) {
            match &when {
                Tri::Yes => trace.verdict(rule, Outcome::Fires, None),
                Tri::No => trace.verdict(rule, Outcome::Clear, None),
                Tri::Unknown(why) => trace.verdict(rule, Outcome::Unknown, Some(why.reason)),
            }
        }
        let mut judged = Judged::new(plain(when), mode_of(self.pack, trigger));
        if matches!(whose, Whose::Unread) {
            // Nothing can be told of a key whose rows cannot be read, least of all that it is gone.
            judged.clear = trigger.clear.as_ref().map(|_| Known::Unknown);
            judged.unless = trigger.unless.as_ref().map(|_| Known::Unknown);
            judged.ends = vec![Known::Unknown; trigger.ends.len()];
            judged.step_conditions = trigger.steps.iter().map(|s| s.only.as_ref().map(|_| Known::Unknown)).collect();
        } else if present {
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
            params.then(|| crate::lang::check::params_hold(e, &|id| Some((self.param)(id))))
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
