//! Arrow 8, verdicts and memory to intents: what a rule does next for one key.
//!
//! Pure: the verdicts, the memory and the moment are arguments, so that the daemon, a test, a plan and a backtest are
//! callers of one function. It cannot fail, and it acts on nothing: an intent is what somebody else carries out.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::memory::{Consent, Firing, Memory, Phase, Reply, State, Waiting, later};
use crate::lang::expr::{Checked, Expr};
use crate::lang::item::step::{About, Ask, Class, Message, Mode, Silence, StepKind};
use crate::lang::item::trigger::{Hold, Trigger, UnknownAct};
use crate::time::Calendar;
use crate::value::{Number, Value};

/// Whether something holds, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tri {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It cannot be told.
    Unknown,
}

impl Tri {
    /// As a truth, where it is known.
    pub fn known(self) -> Option<bool> {
        match self {
            Tri::Yes => Some(true),
            Tri::No => Some(false),
            Tri::Unknown => None,
        }
    }
}

/// What came of the proposal that a step asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proposal {
    /// It is there, or nobody waits for it.
    #[default]
    Made,
    /// The agent has not answered yet.
    Pending,
    /// Everything the agent knows was refused or has failed in this firing.
    NoneLeft,
}

/// Who decides what is asked, as the decision about it says at present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decider {
    /// All of these.
    Roles(Vec<Arc<str>>),
    /// Nobody has to be asked.
    ByItself,
}

/// What was judged of one rule and one key at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// `when`, with holds over closed periods already in it.
    pub when: Tri,
    /// `clear when`, where there is one.
    pub clear: Option<Tri>,
    /// `unless`, where there is one.
    pub unless: Option<Tri>,
    /// Each `end as`, in order.
    pub ends: Vec<Tri>,
    /// The key is still there.
    pub key_present: bool,
    /// The stage of the rule is entered and runs.
    pub runs: bool,
    /// How far the rule may go.
    pub mode: Mode,
    /// Answers that have come in since the last judgement, to the question that is open. Conditions that speak of
    /// answers are judged with [`Memory::said`].
    pub answers: Vec<(Arc<str>, Reply)>,
    /// The `, when` of each step, in order; nothing where it has none.
    pub step_conditions: Vec<Option<Tri>>,
    /// Who decides the approval that is next, if it is known.
    pub decision: Option<Decider>,
    /// What came of the proposal that is next.
    pub proposal: Proposal,
    /// How long, since the last judgement, nobody was there to judge.
    pub idle: SignedDuration,
    /// The rule has acted on as many keys as it may in a day: what it would write has to be asked for.
    pub over_limit: bool,
}

impl Judged {
    /// A verdict on `when` and nothing else out of the ordinary.
    pub fn new(when: Tri, mode: Mode) -> Judged {
        Judged {
            when,
            clear: None,
            unless: None,
            ends: Vec::new(),
            key_present: true,
            runs: true,
            mode,
            answers: Vec::new(),
            step_conditions: Vec::new(),
            decision: None,
            proposal: Proposal::Made,
            idle: SignedDuration::ZERO,
            over_limit: false,
        }
    }
}

/// The numbers of a rule, with the values its params have at present.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// So many tries.
    pub depth: Option<u32>,
    /// So long between two tries.
    pub again_after: Option<Value>,
    /// So long between two firings.
    pub once_within: Option<Value>,
    /// So long between two firings once there have been so many.
    pub once_later: Option<(u32, Value)>,
    /// `when` must hold for so long.
    pub hold_for: Option<Value>,
    /// `clear when` must hold for so long.
    pub clear_for: Option<Value>,
    /// For each step that asks: how long people have.
    pub answer_within: Vec<Option<Value>>,
    /// For each `end as`: how long it rests at most.
    pub rests: Vec<Option<Value>>,
    /// Who stands above whom.
    pub people: People,
}

/// Who is asked when the one who was asked stays silent, and who is asked when nobody is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// The role above each role.
    pub above: BTreeMap<Arc<str>, Arc<str>>,
    /// The role that decides what no decision gives to somebody else.
    pub decides: Arc<str>,
}

impl Default for People {
    /// Owner and lead below the chairman, the chairman below the board.
    fn default() -> People {
        let ladder = [("owner", "chairman"), ("lead", "chairman"), ("chairman", "board")];
        People { above: ladder.into_iter().map(|(a, b)| (a.into(), b.into())).collect(), decides: "chairman".into() }
    }
}

impl People {
    /// The next role up.
    pub fn next_up(&self, role: &str) -> Option<Arc<str>> {
        self.above.get(role).cloned()
    }
}

impl Terms {
    /// Takes the numbers of a rule; nothing when one of them has no value.
    pub fn new(rule: &Trigger, value: &dyn Fn(&Expr<Checked>) -> Option<Value>) -> Option<Terms> {
        // An absent number is fine, a number without a value is not.
        let optional = |e: Option<&Expr<Checked>>| match e {
            Some(e) => value(e).map(Some),
            None => Some(None),
        };
        let held = |hold: Option<&Hold>| match hold {
            Some(Hold::For(length)) => optional(Some(length)),
            Some(Hold::Consecutive(..) | Hold::OfTheLast(..)) | None => Some(None),
        };
        let depth = optional(rule.depth.as_ref().map(|d| &d.at_most))?;
        let later = rule.once.as_ref().and_then(|o| o.later.as_ref());
        let once_later = match later {
            Some((firings, within)) => Some((*firings, value(within)?)),
            None => None,
        };
        let mut answer_within = Vec::new();
        for step in &rule.steps {
            answer_within.push(optional(if let StepKind::Ask(ask) = &step.kind { Some(&ask.within) } else { None })?);
        }
        let mut rests = Vec::new();
        for end in &rule.ends {
            rests.push(optional(end.rest.as_ref())?);
        }
        Some(Terms {
            depth: match depth {
                Some(most) => {
                    Some(most.number().and_then(Number::to_whole).and_then(|n| u32::try_from(n.max(1)).ok())?)
                }
                None => None,
            },
            again_after: optional(rule.depth.as_ref().and_then(|d| d.again_after.as_ref()))?,
            once_within: optional(rule.once.as_ref().and_then(|o| o.within.as_ref()))?,
            once_later,
            hold_for: held(rule.when.hold.as_ref())?,
            clear_for: held(rule.clear.as_ref().and_then(|c| c.hold.as_ref()))?,
            answer_within,
            rests,
            people: People::default(),
        })
    }

    /// Until when no new firing may begin.
    pub fn cools_until(&self, memory: &Memory, calendar: &Calendar) -> Option<Timestamp> {
        let last = memory.last_firing?;
        let plain = self.once_within.as_ref().map(|within| later(last, within, calendar));
        let after_many = self.once_later.as_ref().filter(|(n, _)| memory.firings >= *n);
        let slower = after_many.map(|(_, within)| later(last, within, calendar));
        plain.max(slower)
    }
}

/// Something that is to be done, or to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The step it comes from.
    pub step: Option<usize>,
    /// What.
    pub kind: IntentKind,
}

/// What is to be done or written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentKind {
    /// A firing begins, or its next try.
    Fired {
        /// Which try, from 1.
        iteration: u32,
    },
    /// The step is to be carried out.
    Step,
    /// The step is to be listed for a person, who carries it out or not.
    Listed,
    /// People are to be told something that is no step.
    Tell {
        /// What and whom.
        message: Message,
        /// Why.
        why: Why,
    },
    /// People are to be asked.
    Ask {
        /// Whom.
        roles: Vec<Arc<str>>,
        /// Until when.
        deadline: Option<Timestamp>,
        /// Whether on every channel, as urgent.
        urgent: bool,
        /// Steps that a yes agrees to beside those that follow.
        covers: Vec<usize>,
    },
    /// People are to be asked again, as urgent, on every channel.
    Escalate {
        /// Whom: everybody asked before, and the next role up.
        roles: Vec<Arc<str>>,
        /// The next role up, where there is one.
        to: Option<Arc<str>>,
        /// Until when.
        deadline: Option<Timestamp>,
    },
    /// A decision lets it run by itself: it is to be written down as approved by rule.
    ApprovedByRule,
    /// People said yes, or chose.
    Approved,
    /// Somebody said no.
    Refused,
    /// Nobody answered in time. The question stays open.
    TimedOut,
    /// It has tried as often as it may: people are to be asked once as urgent.
    Exhausted {
        /// Whom.
        roles: Vec<Arc<str>>,
    },
    /// The firing is over, because its condition is.
    Cleared,
    /// The firing is over with an outcome.
    Ended(Arc<str>),
    /// The firing is over, because its key is gone.
    Gone,
}

/// Why people are told something that is no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The condition has become unknown.
    Unknown,
}

/// Decides what a rule does next for one key.
pub fn decide(
    rule: &Trigger,
    terms: &Terms,
    memory: &Memory,
    judged: &Judged,
    now: Timestamp,
    calendar: &Calendar,
) -> (Memory, Vec<Intent>) {
    let mut tick = Tick::new(rule, terms, memory, judged, now, calendar);
    tick.run();
    (tick.memory, tick.intents)
}

/// What a rule does for one key because another rule fires it: it begins, whatever its own condition says and even
/// while it cools or rests. It does not begin while it fires already, in manual mode, snoozed or asleep. Nothing else
/// is decided here; how it goes on is for its own checks.
pub fn fire(
    rule: &Trigger,
    terms: &Terms,
    memory: &Memory,
    judged: &Judged,
    now: Timestamp,
    calendar: &Calendar,
) -> (Memory, Vec<Intent>) {
    let mut tick = Tick::new(rule, terms, memory, judged, now, calendar);
    let begins = judged.key_present && judged.runs && !tick.quiet() && memory.firing().is_none();
    if begins {
        tick.begin(true);
    }
    (tick.memory, tick.intents)
}

/// The next moment at which something can change without a write.
pub fn wakes(terms: &Terms, memory: &Memory, now: Timestamp, calendar: &Calendar) -> Option<Timestamp> {
    let held = terms.hold_for.as_ref().and_then(|length| memory.held.reaches(length, calendar));
    let cleared = terms.clear_for.as_ref().and_then(|length| memory.clear_held.reaches(length, calendar));
    let state = match &memory.state {
        State::Armed | State::Pending { .. } => None,
        State::Cooling { until } => Some(*until),
        State::Resting { until, .. } => *until,
        State::Firing(firing) => {
            let deadline = if let Phase::Waiting(waiting) = &firing.phase { waiting.deadline } else { None };
            let tries = terms.depth.is_some() && !firing.exhausted;
            let again = over(firing).filter(|_| tries).map(|at| match &terms.again_after {
                Some(length) => later(at, length, calendar),
                None => at,
            });
            deadline.into_iter().chain(again).min()
        }
    };
    [held, cleared, state, memory.snoozed].into_iter().flatten().filter(|at| *at > now).min()
}

/// Since when the steps of a try are done, refused or timed out.
fn over(firing: &Firing) -> Option<Timestamp> {
    match &firing.phase {
        Phase::Done { at } => Some(*at),
        Phase::Waiting(waiting) => waiting.timed_out,
        Phase::Proposing | Phase::Listed => None,
    }
}

/// One decision in the making.
struct Tick<'a> {
    rule: &'a Trigger,
    terms: &'a Terms,
    judged: &'a Judged,
    now: Timestamp,
    calendar: &'a Calendar,
    memory: Memory,
    intents: Vec<Intent>,
    /// `when`, with what `when unknown` makes of it.
    when: Tri,
}

/// What became of an open question.
enum Answered {
    Open,
    Yes,
    No,
}

impl<'a> Tick<'a> {
    fn new(
        rule: &'a Trigger,
        terms: &'a Terms,
        memory: &Memory,
        judged: &'a Judged,
        now: Timestamp,
        calendar: &'a Calendar,
    ) -> Tick<'a> {
        let when = match (judged.when, rule.when_unknown.act) {
            (Tri::Unknown, UnknownAct::Fire) => Tri::Yes,
            (Tri::Unknown, UnknownAct::Clear) => Tri::No,
            (when, _) => when,
        };
        Tick { rule, terms, judged, now, calendar, memory: memory.clone(), intents: Vec::new(), when }
    }

    fn say(&mut self, step: Option<usize>, kind: IntentKind) {
        self.intents.push(Intent { step, kind });
    }

    fn run(&mut self) {
        if self.memory.snoozed.is_some_and(|until| until <= self.now) {
            self.memory.snoozed = None;
        }
        if !self.judged.key_present {
            return self.gone();
        }
        self.memory.asleep = !self.judged.runs;
        if self.memory.asleep {
            // A sleeping rule keeps its state, and the time does not count.
            self.memory.held.pause();
            self.memory.clear_held.pause();
            return;
        }
        self.judge_when();
        let state = std::mem::take(&mut self.memory.state);
        match state {
            State::Firing(firing) => self.firing(firing),
            other => self.idle(other),
        }
    }

    /// A key that is gone has neither cleared nor become unknown.
    fn gone(&mut self) {
        if self.memory.firing().is_some() {
            self.memory.outcome = Some("gone".into());
            self.say(None, IntentKind::Gone);
        }
        // The cooldown is remembered: a key that comes back does not fire anew at once.
        let Memory { last_firing, firings, outcome, snoozed, .. } = std::mem::take(&mut self.memory);
        self.memory = Memory { last_firing, firings, outcome, snoozed, ..Memory::default() };
    }

    fn judge_when(&mut self) {
        let unknown = self.judged.when == Tri::Unknown;
        if unknown
            && !self.memory.unknown
            && !self.memory.is_snoozed(self.now)
            && let Some(message) = &self.rule.when_unknown.tell
        {
            self.say(None, IntentKind::Tell { message: message.clone(), why: Why::Unknown });
        }
        self.memory.unknown = unknown;
        self.memory.held.judge(self.when.known(), self.now, self.judged.idle);
        let clear = self.judged.clear.unwrap_or(Tri::Unknown);
        self.memory.clear_held.judge(clear.known(), self.now, self.judged.idle);
    }

    /// Nobody is bothered: everything is judged, and nothing is done.
    fn quiet(&self) -> bool {
        self.judged.mode == Mode::Manual || self.memory.is_snoozed(self.now)
    }

    fn reached(&self, held: super::memory::Held, length: Option<&Value>) -> bool {
        length.is_none_or(|length| held.reaches(length, self.calendar).is_some_and(|at| at <= self.now))
    }

    /// Whether a firing would be over now.
    fn clears(&self) -> bool {
        if self.rule.clear.is_none() {
            return self.when == Tri::No;
        }
        let by_condition =
            self.judged.clear == Some(Tri::Yes) && self.reached(self.memory.clear_held, self.terms.clear_for.as_ref());
        by_condition || (self.memory.unknown && self.rule.when_unknown.act == UnknownAct::Clear)
    }

    fn allowed(&self) -> bool {
        matches!(self.judged.unless, None | Some(Tri::No))
    }

    // ── not firing ──

    fn idle(&mut self, state: State) {
        let resting = match &state {
            State::Resting { until, .. } => self.when != Tri::No && until.is_none_or(|until| until > self.now),
            _ => false,
        };
        let cooling = self.terms.cools_until(&self.memory, self.calendar).filter(|until| *until > self.now);
        let holds = self.when == Tri::Yes && self.reached(self.memory.held, self.terms.hold_for.as_ref());
        // What would end it at once does not begin.
        let own = holds
            && self.allowed()
            && !self.clears()
            && !resting
            && cooling.is_none()
            && !self.memory.is_snoozed(self.now);
        if own {
            return self.begin(false);
        }
        self.memory.state = if resting {
            state
        } else if let Some(until) = cooling {
            State::Cooling { until }
        } else {
            match state {
                State::Pending { since } if self.when != Tri::No => State::Pending { since },
                _ if self.terms.hold_for.is_some() && self.when == Tri::Yes && !holds => {
                    State::Pending { since: self.now }
                }
                _ => State::Armed,
            }
        };
    }

    fn begin(&mut self, by_another: bool) {
        self.memory.firings = self.memory.firings.saturating_add(1);
        self.memory.last_firing = Some(self.now);
        self.memory.outcome = None;
        // Only what happens from here on ends this firing.
        self.memory.clear_held = super::memory::Held::default();
        let firing = Firing {
            began: self.now,
            iteration: 0,
            started: self.now,
            next: 0,
            phase: Phase::Done { at: self.now },
            consent: Consent::None,
            parked: Vec::new(),
            answers: Vec::new(),
            forced: by_another && self.when != Tri::Yes,
            exhausted: false,
        };
        // What was judged before a firing began says nothing of how it ends.
        let firing = self.try_again(firing);
        self.memory.state = State::Firing(firing);
    }

    // ── firing ──

    fn firing(&mut self, mut firing: Firing) {
        if self.when == Tri::Yes {
            firing.forced = false;
        }
        let answered = self.take_answers(&mut firing);
        // A firing that another rule began is not over because its own condition never held.
        let clears = self.clears() && (!firing.forced || over(&firing).is_some());
        if clears && !matches!(answered, Answered::Yes) {
            return self.finish(&firing);
        }
        match answered {
            Answered::Yes => self.go_on_after_yes(&mut firing),
            Answered::No => {
                let step = firing.waiting_step();
                self.say(step, IntentKind::Refused);
                firing.parked.clear();
                firing.phase = Phase::Done { at: self.now };
            }
            Answered::Open if self.quiet() => {}
            Answered::Open => {
                if let Some(ended) = self.time_passes(&mut firing) {
                    return self.end(&ended, None);
                }
            }
        }
        self.settle(firing);
    }

    /// After everything that had to be done is done: whether the firing is over now.
    fn settle(&mut self, firing: Firing) {
        if let Some((word, rest)) = self.outcome() {
            return self.end(&word, rest);
        }
        if self.clears() && (!firing.forced || over(&firing).is_some()) {
            return self.finish(&firing);
        }
        self.memory.state = State::Firing(firing);
    }

    /// The first `end as` that holds, and how long it rests.
    fn outcome(&self) -> Option<(Arc<str>, Option<Value>)> {
        let (i, end) = self.rule.ends.iter().enumerate().find(|(i, _)| self.judged.ends.get(*i) == Some(&Tri::Yes))?;
        Some((end.word.clone(), self.terms.rests.get(i).cloned().flatten()))
    }

    /// The condition is over. An outcome that holds at the same moment says more than that.
    fn finish(&mut self, firing: &Firing) {
        if let Some((word, rest)) = self.outcome() {
            return self.end(&word, rest);
        }
        if !firing.exhausted {
            self.memory.outcome = Some("cleared".into());
        }
        self.say(None, IntentKind::Cleared);
        self.rearm();
    }

    fn end(&mut self, word: &Arc<str>, rest: Option<Value>) {
        self.memory.outcome = Some(word.clone());
        self.say(None, IntentKind::Ended(word.clone()));
        if self.when == Tri::No {
            self.rearm();
        } else {
            let until = rest.map(|rest| later(self.now, &rest, self.calendar));
            self.memory.state = State::Resting { word: word.clone(), until };
        }
    }

    fn rearm(&mut self) {
        let cooling = self.terms.cools_until(&self.memory, self.calendar).filter(|until| *until > self.now);
        self.memory.state = cooling.map_or(State::Armed, |until| State::Cooling { until });
    }

    /// Keeps what people answered, and says what becomes of the question.
    fn take_answers(&mut self, firing: &mut Firing) -> Answered {
        let quiet = self.quiet();
        let Phase::Waiting(waiting) = &mut firing.phase else { return Answered::Open };
        firing.answers.extend(waiting.hear(&self.judged.answers));
        if quiet {
            return Answered::Open;
        }
        let has = |role: &Arc<str>| waiting.answers.iter().any(|(r, _)| r == role);
        if waiting.answers.iter().any(|(_, reply)| *reply == Reply::No) {
            Answered::No
        } else if waiting.roles.iter().all(has) || waiting.above.iter().any(has) {
            Answered::Yes
        } else {
            Answered::Open
        }
    }

    fn go_on_after_yes(&mut self, firing: &mut Firing) {
        let step = firing.waiting_step();
        self.say(step, IntentKind::Approved);
        firing.consent = Consent::ByPeople;
        // A choice between two ways is no yes to what was parked before it.
        let agrees = step.is_none_or(|i| self.ask(i).is_some_and(|ask| matches!(ask.about, About::Approval { .. })));
        if agrees {
            for parked in std::mem::take(&mut firing.parked) {
                self.say(Some(parked), IntentKind::Step);
            }
        }
        if let Some(i) = step {
            firing.next = i + 1;
        }
        self.steps(firing);
    }

    fn ask(&self, step: usize) -> Option<&Ask> {
        match self.rule.steps.get(step).map(|s| &s.kind) {
            Some(StepKind::Ask(ask)) => Some(ask),
            _ => None,
        }
    }

    /// What happens because time has passed; the outcome, when silence ends the firing.
    fn time_passes(&mut self, firing: &mut Firing) -> Option<Arc<str>> {
        if matches!(firing.phase, Phase::Proposing) {
            self.proposal(firing);
            return None;
        }
        if let Phase::Waiting(waiting) = &mut firing.phase
            && waiting.deadline.is_some_and(|deadline| deadline <= self.now)
        {
            let mut waiting = waiting.clone();
            let ended = self.silence(&mut waiting);
            firing.phase = Phase::Waiting(waiting);
            return ended;
        }
        let at = over(firing)?;
        let due = match &self.terms.again_after {
            Some(length) => later(at, length, self.calendar),
            None => at,
        };
        // What is unknown begins nothing, and one moment sees one try.
        let may = due <= self.now && at < self.now && self.when != Tri::Unknown && self.allowed() && !firing.exhausted;
        match self.terms.depth {
            Some(depth) if may && firing.iteration < depth => *firing = self.try_again(firing.clone()),
            Some(_) if may => self.exhaust(firing),
            _ => {}
        }
        None
    }

    /// Nobody answered in time.
    fn silence(&mut self, waiting: &mut Waiting) -> Option<Arc<str>> {
        let silence = waiting.step.and_then(|i| self.ask(i)).map_or(Silence::Hold, |ask| ask.silence);
        match silence {
            Silence::End => return Some("unanswered".into()),
            Silence::Hold => {}
            Silence::Escalate => {
                let to = up(waiting, &self.terms.people);
                if to.is_some() || waiting.escalations == 0 {
                    waiting.escalations += 1;
                    waiting.above.extend(to.clone());
                    waiting.deadline = waiting.step.and_then(|i| self.deadline(i));
                    let roles = waiting.roles.iter().chain(&waiting.above).cloned().collect();
                    self.say(waiting.step, IntentKind::Escalate { roles, to, deadline: waiting.deadline });
                    return None;
                }
            }
        }
        waiting.deadline = None;
        waiting.timed_out = Some(self.now);
        self.say(waiting.step, IntentKind::TimedOut);
        None
    }

    fn deadline(&self, step: usize) -> Option<Timestamp> {
        let within = self.terms.answer_within.get(step)?.as_ref()?;
        Some(later(self.now, within, self.calendar))
    }

    /// Beyond its depth a firing asks once more, as urgent, and then is silent until it clears.
    fn exhaust(&mut self, firing: &mut Firing) {
        firing.exhausted = true;
        self.memory.outcome = Some("exhausted".into());
        let roles = match &firing.phase {
            Phase::Waiting(waiting) => {
                waiting.roles.iter().chain(&waiting.above).cloned().chain(up(waiting, &self.terms.people)).collect()
            }
            Phase::Proposing | Phase::Done { .. } | Phase::Listed => vec![self.terms.people.decides.clone()],
        };
        self.say(None, IntentKind::Exhausted { roles });
    }

    // ── steps ──

    fn try_again(&mut self, mut firing: Firing) -> Firing {
        firing.iteration += 1;
        firing.started = self.now;
        firing.next = 0;
        firing.consent = Consent::None;
        firing.parked.clear();
        firing.answers.clear();
        self.say(None, IntentKind::Fired { iteration: firing.iteration });
        if self.judged.mode == Mode::Manual {
            for i in 0..self.rule.steps.len() {
                if self.condition(i) != Tri::No {
                    self.say(Some(i), IntentKind::Listed);
                }
            }
            firing.phase = Phase::Listed;
            return firing;
        }
        self.steps(&mut firing);
        firing
    }

    /// Whether a step is to run at all.
    fn condition(&self, step: usize) -> Tri {
        match self.rule.steps.get(step).map(|s| s.only.is_some()) {
            Some(true) => self.judged.step_conditions.get(step).copied().flatten().unwrap_or(Tri::Unknown),
            _ => Tri::Yes,
        }
    }

    /// Runs steps in order, up to the first that has to wait.
    fn steps(&mut self, firing: &mut Firing) {
        while let Some(step) = self.rule.steps.get(firing.next) {
            let i = firing.next;
            // Nothing is done on a condition that cannot be told.
            if self.condition(i) != Tri::Yes {
                firing.next += 1;
                continue;
            }
            match step.kind.class() {
                Class::Notice => self.say(Some(i), IntentKind::Step),
                Class::Proposal => {
                    self.say(Some(i), IntentKind::Step);
                    match self.judged.proposal {
                        Proposal::Made => {}
                        Proposal::Pending => {
                            firing.phase = Phase::Proposing;
                            return;
                        }
                        Proposal::NoneLeft => return self.none_left(firing),
                    }
                }
                Class::Question => {
                    if self.question(firing, i) {
                        return;
                    }
                }
                Class::Write | Class::Outside | Class::Control => {
                    if self.agreed(firing.consent, step.kind.irreversible()) {
                        self.say(Some(i), IntentKind::Step);
                    } else {
                        firing.parked.push(i);
                    }
                }
            }
            firing.next += 1;
        }
        if firing.parked.is_empty() {
            firing.phase = Phase::Done { at: self.now };
            return;
        }
        let roles: Vec<Arc<str>> = vec![self.terms.people.decides.clone()];
        self.say(
            firing.parked.first().copied(),
            IntentKind::Ask { roles: roles.clone(), deadline: None, urgent: false, covers: firing.parked.clone() },
        );
        firing.phase = Phase::Waiting(open(None, roles, None));
    }

    /// Whether a step that changes something may run without asking for it.
    fn agreed(&self, consent: Consent, irreversible: bool) -> bool {
        match consent {
            Consent::ByPeople => true,
            _ if irreversible || self.judged.over_limit => false,
            Consent::ByRule => true,
            Consent::None => self.judged.mode == Mode::Auto,
        }
    }

    /// Asks, and says whether it has to be waited for.
    fn question(&mut self, firing: &mut Firing, i: usize) -> bool {
        let roles = match (self.ask(i).map(|ask| &ask.about), &self.judged.decision) {
            (Some(About::Choice { roles, .. }), _) => roles.clone(),
            (_, Some(Decider::ByItself)) if !self.judged.over_limit => {
                self.say(Some(i), IntentKind::ApprovedByRule);
                firing.consent = firing.consent.max(Consent::ByRule);
                return false;
            }
            (_, Some(Decider::Roles(roles))) if !roles.is_empty() => roles.clone(),
            // A decision that cannot be told is one for people.
            _ => vec![self.terms.people.decides.clone()],
        };
        let deadline = self.deadline(i);
        let covers = match self.ask(i).map(|ask| &ask.about) {
            Some(About::Approval { .. }) => firing.parked.clone(),
            _ => Vec::new(),
        };
        self.say(Some(i), IntentKind::Ask { roles: roles.clone(), deadline, urgent: false, covers });
        firing.phase = Phase::Waiting(open(Some(i), roles, deadline));
        true
    }

    fn proposal(&mut self, firing: &mut Firing) {
        match self.judged.proposal {
            Proposal::Pending => {}
            Proposal::Made => {
                firing.next += 1;
                self.steps(firing);
            }
            Proposal::NoneLeft => self.none_left(firing),
        }
    }

    fn none_left(&mut self, firing: &mut Firing) {
        firing.phase = Phase::Done { at: self.now };
        self.exhaust(firing);
    }
}

impl Firing {
    /// The step whose question is open.
    fn waiting_step(&self) -> Option<usize> {
        if let Phase::Waiting(waiting) = &self.phase { waiting.step } else { None }
    }
}

fn open(step: Option<usize>, roles: Vec<Arc<str>>, deadline: Option<Timestamp>) -> Waiting {
    Waiting { step, roles, above: Vec::new(), deadline, escalations: 0, timed_out: None, answers: Vec::new() }
}

/// The next role up that was not asked yet.
fn up(waiting: &Waiting, people: &People) -> Option<Arc<str>> {
    let asked = |role: &Arc<str>| waiting.roles.contains(role) || waiting.above.contains(role);
    let mut last = waiting.above.last().or(waiting.roles.last())?.clone();
    // The ladder may lead in a circle, which nobody should have to trust it not to.
    for _ in 0..=people.above.len() {
        let next = people.next_up(&last)?;
        if !asked(&next) {
            return Some(next);
        }
        last = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lang::expr::{ContractId, ExprKind};
    use crate::lang::item::step::{Person, Record, Step};
    use crate::lang::item::trigger::{Check, Condition, Depth, End, OnDay, Once, Pace, WhenUnknown};
    use crate::source::{FileId, Span};
    use crate::value::Type;

    const HERE: Span = Span { file: FileId(0), start: 0, end: 0 };

    fn literal(value: Value, ty: Type) -> Expr<Checked> {
        Expr { kind: ExprKind::Literal(value), span: HERE, ty }
    }

    fn hours(n: i128) -> Expr<Checked> {
        literal(Value::Number(Number::whole(n * 3600)), Type::Duration)
    }

    fn condition() -> Expr<Checked> {
        Expr { kind: ExprKind::Joint(crate::lang::expr::Joint::And, Vec::new()), span: HERE, ty: Type::Condition }
    }

    fn step(kind: StepKind) -> Step {
        Step { span: HERE, kind, only: None, afterwards: false }
    }

    fn message(role: &str) -> Message {
        let people = vec![Person { role: role.into(), via: None }];
        Message { span: HERE, people, channels: Vec::new(), saying: None }
    }

    fn tell() -> Step {
        step(StepKind::Tell(message("chairman")))
    }

    fn ask(silence: Silence) -> Step {
        let about = About::Approval { of: None, decision: 0 };
        step(StepKind::Ask(Ask { span: HERE, about, within: hours(72), silence }))
    }

    fn choose() -> Step {
        let about = About::Choice { roles: vec!["chairman".into()], words: vec!["a".into(), "b".into()] };
        step(StepKind::Ask(Ask { span: HERE, about, within: hours(72), silence: Silence::Hold }))
    }

    fn record() -> Step {
        step(StepKind::Record(Record { contract: ContractId(0), columns: Vec::new(), filled: Vec::new() }))
    }

    fn enter() -> Step {
        step(StepKind::Enter("40".into()))
    }

    fn propose() -> Step {
        step(StepKind::Propose { agent: "CoordinationPlanner".into(), contract: ContractId(0) })
    }

    fn rule(steps: Vec<Step>) -> Trigger {
        Trigger {
            name: "r".into(),
            span: HERE,
            title: None,
            because: "".into(),
            formerly: None,
            grain: None,
            stage: None,
            when: Condition { expr: condition(), hold: None },
            clear: None,
            unless: None,
            when_unknown: WhenUnknown { act: UnknownAct::Hold, tell: None },
            check: Check { pace: Pace::Monthly(OnDay::PeriodEnd), other: None },
            once: None,
            severity: "medium".into(),
            mode: None,
            acts_on: None,
            ends: Vec::new(),
            depth: None,
            steps,
        }
    }

    fn depth(at_most: i128, again_after: i128) -> Option<Depth> {
        let at_most = literal(Value::Number(Number::whole(at_most)), Type::Count);
        Some(Depth { at_most, again_after: Some(hours(again_after)) })
    }

    fn end(word: &str, rest: Option<Expr<Checked>>) -> End {
        End { span: HERE, word: word.into(), rest, when: condition() }
    }

    /// A rule that is judged hour by hour.
    struct Course {
        rule: Trigger,
        terms: Terms,
        memory: Memory,
        now: Timestamp,
        mode: Mode,
    }

    fn literal_value(e: &Expr<Checked>) -> Option<Value> {
        if let ExprKind::Literal(value) = &e.kind { Some(value.clone()) } else { None }
    }

    fn course(rule: Trigger) -> Course {
        let terms = Terms::new(&rule, &literal_value).expect("terms");
        let now = "2026-03-02T09:00:00Z".parse().expect("timestamp");
        Course { rule, terms, memory: Memory::default(), now, mode: Mode::Auto }
    }

    impl Course {
        fn judged(&self, when: Tri) -> Judged {
            let conditions = self.rule.steps.iter().map(|s| s.only.as_ref().map(|_| Tri::Yes)).collect();
            let decision = Some(Decider::Roles(vec!["chairman".into()]));
            let clear = self.rule.clear.as_ref().map(|_| Tri::No);
            Judged { step_conditions: conditions, decision, clear, ..Judged::new(when, self.mode) }
        }

        fn see(&mut self, judged: &Judged) -> Vec<String> {
            let (memory, intents) =
                decide(&self.rule, &self.terms, &self.memory, judged, self.now, &Calendar::default());
            self.memory = memory;
            intents.iter().map(short).collect()
        }

        /// Another rule fires it.
        fn fire(&mut self, judged: &Judged) -> Vec<String> {
            let (memory, intents) = fire(&self.rule, &self.terms, &self.memory, judged, self.now, &Calendar::default());
            self.memory = memory;
            intents.iter().map(short).collect()
        }

        /// Hours pass, then the condition is as given.
        fn after(&mut self, hours: i64, when: Tri) -> Vec<String> {
            self.now = self.now.checked_add(SignedDuration::from_hours(hours)).expect("time");
            let judged = self.judged(when);
            self.see(&judged)
        }

        fn answer(&mut self, role: &str, reply: Reply) -> Vec<String> {
            self.now = self.now.checked_add(SignedDuration::from_hours(1)).expect("time");
            let judged = Judged { answers: vec![(role.into(), reply)], ..self.judged(Tri::Yes) };
            self.see(&judged)
        }

        fn word(&self) -> &'static str {
            self.memory.word(self.now)
        }
    }

    fn short(intent: &Intent) -> String {
        let people = |roles: &[Arc<str>]| roles.join("+");
        let what = match &intent.kind {
            IntentKind::Fired { iteration } => format!("fired {iteration}"),
            IntentKind::Step => "run".into(),
            IntentKind::Listed => "list".into(),
            IntentKind::Tell { .. } => "tell unknown".into(),
            IntentKind::Ask { roles, covers, .. } if covers.is_empty() => format!("ask {}", people(roles)),
            IntentKind::Ask { roles, covers, .. } => format!("ask {} for {covers:?}", people(roles)),
            IntentKind::Escalate { roles, .. } => format!("escalate {}", people(roles)),
            IntentKind::ApprovedByRule => "by rule".into(),
            IntentKind::Approved => "approved".into(),
            IntentKind::Refused => "refused".into(),
            IntentKind::TimedOut => "timed out".into(),
            IntentKind::Exhausted { roles } => format!("exhausted {}", people(roles)),
            IntentKind::Cleared => "cleared".into(),
            IntentKind::Ended(word) => format!("ended {word}"),
            IntentKind::Gone => "gone".into(),
        };
        intent.step.map_or(what.clone(), |i| format!("{what} {i}"))
    }

    #[test]
    fn a_firing_runs_its_steps_once_and_clears_when_the_condition_is_over() {
        let mut c = course(rule(vec![tell(), record()]));
        assert_eq!(c.after(1, Tri::No), Vec::<String>::new());
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "run 0", "run 1"]);
        assert_eq!(c.after(1, Tri::Yes), Vec::<String>::new());
        assert_eq!((c.word(), c.memory.firings), ("firing", 1));
        assert_eq!(c.after(1, Tri::No), ["cleared"]);
        assert_eq!(c.word(), "armed");
    }

    #[test]
    fn what_is_unknown_neither_fires_nor_clears() {
        let mut c = course(rule(vec![tell()]));
        assert_eq!(c.after(1, Tri::Unknown), Vec::<String>::new());
        assert_eq!(c.word(), "unknown");
        c.after(1, Tri::Yes);
        assert_eq!(c.after(1, Tri::Unknown), Vec::<String>::new());
        assert_eq!(c.word(), "firing");
        assert!(c.memory.is("unknown", Mode::Auto, c.now));
    }

    #[test]
    fn becoming_unknown_is_told_once() {
        let mut r = rule(vec![tell()]);
        r.when_unknown.tell = Some(message("chairman"));
        let mut c = course(r);
        assert_eq!(c.after(1, Tri::Unknown), ["tell unknown"]);
        assert_eq!(c.after(1, Tri::Unknown), Vec::<String>::new());
        c.after(1, Tri::No);
        assert_eq!(c.after(1, Tri::Unknown), ["tell unknown"]);
    }

    #[test]
    fn unknown_can_be_said_to_fire_or_to_clear() {
        let mut r = rule(vec![tell()]);
        r.when_unknown.act = UnknownAct::Fire;
        let mut c = course(r.clone());
        assert_eq!(c.after(1, Tri::Unknown), ["fired 1", "run 0"]);
        r.when_unknown.act = UnknownAct::Clear;
        let mut c = course(r);
        c.after(1, Tri::Yes);
        assert_eq!(c.after(1, Tri::Unknown), ["cleared"]);
    }

    #[test]
    fn a_hold_is_pending_until_it_has_lasted() {
        let mut r = rule(vec![tell()]);
        r.when.hold = Some(Hold::For(hours(4)));
        let mut c = course(r);
        c.after(1, Tri::Yes);
        assert_eq!(c.word(), "pending");
        let at = wakes(&c.terms, &c.memory, c.now, &Calendar::default());
        assert_eq!(at, c.now.checked_add(SignedDuration::from_hours(4)).ok());
        assert_eq!(c.after(2, Tri::Unknown), Vec::<String>::new());
        // Three hours of not knowing lie between; two hours of the four have passed.
        c.after(3, Tri::Yes);
        assert_eq!(c.after(1, Tri::Yes), Vec::<String>::new());
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "run 0"]);
    }

    #[test]
    fn a_cooldown_runs_from_the_last_firing() {
        let mut r = rule(vec![tell()]);
        r.once = Some(Once { within: Some(hours(24)), later: None });
        let mut c = course(r);
        c.after(1, Tri::Yes);
        c.after(10, Tri::No);
        assert_eq!(c.word(), "cooling");
        assert_eq!(c.after(1, Tri::Yes), Vec::<String>::new());
        assert_eq!(c.after(13, Tri::Yes), ["fired 1", "run 0"]);
    }

    #[test]
    fn after_many_firings_a_rule_grows_slower() {
        let mut r = rule(vec![tell()]);
        r.once = Some(Once { within: None, later: Some((2, hours(90 * 24))) });
        let mut c = course(r);
        for _ in 0..2 {
            assert_eq!(c.after(1, Tri::Yes), ["fired 1", "run 0"]);
            c.after(1, Tri::No);
        }
        assert_eq!(c.after(1, Tri::Yes), Vec::<String>::new());
        assert_eq!(c.word(), "cooling");
    }

    #[test]
    fn silence_escalates_to_the_board_and_is_never_a_yes() {
        let mut c = course(rule(vec![propose(), ask(Silence::Escalate), record()]));
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "run 0", "ask chairman 1"]);
        assert_eq!(c.after(71, Tri::Yes), Vec::<String>::new());
        assert_eq!(c.after(1, Tri::Yes), ["escalate chairman+board 1"]);
        assert_eq!(c.after(72, Tri::Yes), ["timed out 1"]);
        assert_eq!(c.after(1000, Tri::Yes), Vec::<String>::new());
        // The question stays open, and the board speaks for those below it.
        assert_eq!(c.answer("board", Reply::Yes), ["approved 1", "run 2"]);
    }

    #[test]
    fn the_board_alone_is_asked_again_once() {
        let mut c = course(rule(vec![ask(Silence::Escalate), record()]));
        let judged = Judged { decision: Some(Decider::Roles(vec!["board".into()])), ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), ["fired 1", "ask board 0"]);
        assert_eq!(c.after(72, Tri::Yes), ["escalate board 0"]);
        assert_eq!(c.after(72, Tri::Yes), ["timed out 0"]);
    }

    #[test]
    fn everybody_who_decides_must_agree() {
        let mut c = course(rule(vec![ask(Silence::Hold), record()]));
        let both = Decider::Roles(vec!["chairman".into(), "board".into()]);
        let judged = Judged { decision: Some(both), ..c.judged(Tri::Yes) };
        c.see(&judged);
        assert_eq!(c.answer("chairman", Reply::Yes), Vec::<String>::new());
        assert_eq!(c.answer("lead", Reply::Yes), Vec::<String>::new());
        assert_eq!(c.answer("board", Reply::Yes), ["approved 0", "run 1"]);
    }

    #[test]
    fn a_no_ends_the_try_and_the_next_one_asks_anew() {
        let mut r = rule(vec![ask(Silence::Hold), record()]);
        r.depth = depth(2, 24);
        let mut c = course(r);
        c.after(1, Tri::Yes);
        assert_eq!(c.answer("chairman", Reply::No), ["refused 0"]);
        assert_eq!(c.after(23, Tri::Yes), Vec::<String>::new());
        assert_eq!(c.after(1, Tri::Yes), ["fired 2", "ask chairman 0"]);
        c.answer("chairman", Reply::No);
        assert_eq!(c.after(24, Tri::Yes), ["exhausted chairman"]);
        assert_eq!(c.memory.outcome.as_deref(), Some("exhausted"));
        assert_eq!(c.after(1000, Tri::Yes), Vec::<String>::new());
        assert_eq!(c.after(1, Tri::No), ["cleared"]);
        assert_eq!(c.memory.outcome.as_deref(), Some("exhausted"));
        // A clear ends the count of tries.
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "ask chairman 0"]);
    }

    #[test]
    fn silence_can_end_a_firing() {
        let mut c = course(rule(vec![ask(Silence::End)]));
        c.after(1, Tri::Yes);
        assert_eq!(c.after(72, Tri::Yes), ["ended unanswered"]);
        assert_eq!(c.word(), "resting");
        assert_eq!(c.after(1, Tri::Yes), Vec::<String>::new());
    }

    #[test]
    fn nothing_left_to_propose_is_beyond_depth() {
        let mut r = rule(vec![propose(), ask(Silence::Hold)]);
        r.depth = depth(3, 1);
        let mut c = course(r);
        let judged = Judged { proposal: Proposal::NoneLeft, ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), ["fired 1", "run 0", "exhausted chairman"]);
        assert_eq!(c.after(100, Tri::Yes), Vec::<String>::new());
    }

    #[test]
    fn a_proposal_is_waited_for() {
        let mut c = course(rule(vec![propose(), tell()]));
        let pending = Judged { proposal: Proposal::Pending, ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&pending), ["fired 1", "run 0"]);
        assert_eq!(c.after(1, Tri::Yes), ["run 1"]);
    }

    #[test]
    fn an_outcome_rests_until_the_condition_was_over_once() {
        let mut r = rule(vec![choose()]);
        r.ends = vec![end("accepted", None)];
        let mut c = course(r);
        c.after(1, Tri::Yes);
        let judged = Judged {
            answers: vec![("chairman".into(), Reply::Chose("b".into()))],
            ends: vec![Tri::Yes],
            ..c.judged(Tri::Yes)
        };
        c.now = c.now.checked_add(SignedDuration::from_hours(1)).expect("time");
        assert_eq!(c.see(&judged), ["approved 0", "ended accepted"]);
        assert_eq!((c.word(), c.memory.outcome.as_deref()), ("resting", Some("accepted")));
        assert_eq!(c.after(5000, Tri::Yes), Vec::<String>::new());
        c.after(1, Tri::No);
        assert_eq!(c.word(), "armed");
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "ask chairman 0"]);
    }

    #[test]
    fn an_answer_in_the_instant_of_the_firing_ends_it_there() {
        let mut r = rule(vec![choose()]);
        r.ends = vec![end("accepted", None)];
        let mut c = course(r);
        // What held before the firing began does not end it.
        let judged = Judged { ends: vec![Tri::Yes], ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), ["fired 1", "ask chairman 0"]);
        let answers = vec![("chairman".into(), Reply::Chose("b".into()))];
        let judged = Judged { answers, ends: vec![Tri::Yes], ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), ["approved 0", "ended accepted"]);
    }

    #[test]
    fn an_outcome_rests_at_most_as_long_as_it_says() {
        let mut r = rule(vec![tell()]);
        r.ends = vec![end("accepted", Some(hours(90 * 24)))];
        let mut c = course(r);
        c.after(1, Tri::Yes);
        c.now = c.now.checked_add(SignedDuration::from_hours(1)).expect("time");
        let judged = Judged { ends: vec![Tri::Yes], ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), ["ended accepted"]);
        assert_eq!(c.after(90 * 24 - 1, Tri::Yes), Vec::<String>::new());
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "run 0"]);
    }

    #[test]
    fn an_outcome_says_more_than_a_clear_at_the_same_moment() {
        let mut r = rule(vec![tell()]);
        r.ends = vec![end("expanded", None)];
        let mut c = course(r);
        c.after(1, Tri::Yes);
        c.now = c.now.checked_add(SignedDuration::from_hours(1)).expect("time");
        let judged = Judged { ends: vec![Tri::Yes], ..c.judged(Tri::No) };
        assert_eq!(c.see(&judged), ["ended expanded"]);
        assert_eq!(c.word(), "armed");
    }

    #[test]
    fn a_key_that_is_gone_has_not_cleared() {
        let mut r = rule(vec![ask(Silence::Hold)]);
        r.once = Some(Once { within: Some(hours(48)), later: None });
        let mut c = course(r);
        c.after(1, Tri::Yes);
        let judged = Judged { key_present: false, ..c.judged(Tri::Unknown) };
        assert_eq!(c.see(&judged), ["gone"]);
        assert_eq!((c.word(), c.memory.outcome.as_deref()), ("armed", Some("gone")));
        assert_eq!(c.after(1, Tri::Yes), Vec::<String>::new());
    }

    #[test]
    fn a_sleeping_rule_does_nothing_and_forgets_nothing() {
        let mut r = rule(vec![ask(Silence::Escalate)]);
        r.when.hold = Some(Hold::For(hours(4)));
        let mut c = course(r);
        c.after(1, Tri::Yes);
        c.now = c.now.checked_add(SignedDuration::from_hours(1)).expect("time");
        let judged = Judged { runs: false, ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), Vec::<String>::new());
        assert_eq!(c.word(), "asleep");
        assert_eq!(c.after(100, Tri::Yes), Vec::<String>::new());
        assert_eq!(c.word(), "pending");
    }

    #[test]
    fn manual_mode_lists_the_steps_and_takes_none() {
        let mut c = course(rule(vec![tell(), ask(Silence::Escalate), record()]));
        c.mode = Mode::Manual;
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "list 0", "list 1", "list 2"]);
        assert_eq!(c.after(500, Tri::Yes), Vec::<String>::new());
        assert!(c.memory.is("manual", c.mode, c.now));
        assert_eq!(c.after(1, Tri::No), ["cleared"]);
    }

    #[test]
    fn assisted_mode_asks_before_it_writes() {
        let mut c = course(rule(vec![record(), tell(), ask(Silence::Hold), record()]));
        c.mode = Mode::Assisted;
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "run 1", "ask chairman for [0] 2"]);
        assert_eq!(c.answer("chairman", Reply::Yes), ["approved 2", "run 0", "run 3"]);
        let mut c = course(rule(vec![record(), tell()]));
        c.mode = Mode::Assisted;
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "run 1", "ask chairman for [0] 0"]);
        assert_eq!(c.answer("chairman", Reply::No), ["refused"]);
    }

    #[test]
    fn a_decision_lets_small_things_run_by_themselves() {
        let mut c = course(rule(vec![ask(Silence::Hold), record(), enter()]));
        c.mode = Mode::Assisted;
        let judged = Judged { decision: Some(Decider::ByItself), ..c.judged(Tri::Yes) };
        // What cannot be taken back is asked for all the same.
        assert_eq!(c.see(&judged), ["fired 1", "by rule 0", "run 1", "ask chairman for [2] 2"]);
    }

    #[test]
    fn beyond_its_limit_even_auto_mode_asks() {
        let mut c = course(rule(vec![ask(Silence::Hold), record()]));
        let judged = Judged { decision: Some(Decider::ByItself), over_limit: true, ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), ["fired 1", "ask chairman 0"]);
    }

    #[test]
    fn a_decision_nobody_can_tell_is_one_for_people() {
        let mut c = course(rule(vec![ask(Silence::Hold)]));
        let judged = Judged { decision: None, ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), ["fired 1", "ask chairman 0"]);
    }

    #[test]
    fn a_step_whose_condition_is_unknown_is_not_taken() {
        let mut r = rule(vec![tell(), tell()]);
        r.steps[0].only = Some(condition());
        let mut c = course(r);
        let judged = Judged { step_conditions: vec![Some(Tri::Unknown), None], ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), ["fired 1", "run 1"]);
    }

    #[test]
    fn another_rule_fires_it_even_in_its_cooldown() {
        let mut r = rule(vec![ask(Silence::Hold), record()]);
        r.once = Some(Once { within: Some(hours(48)), later: None });
        let mut c = course(r);
        c.after(1, Tri::Yes);
        c.after(1, Tri::No);
        assert_eq!(c.fire(&c.judged(Tri::No)), ["fired 1", "ask chairman 0"]);
        assert_eq!(c.memory.firings, 2);
        // Its own condition never held, so that does not end it before it is done.
        assert_eq!(c.after(1, Tri::No), Vec::<String>::new());
        let judged = Judged { answers: vec![("chairman".into(), Reply::Yes)], ..c.judged(Tri::No) };
        c.now = c.now.checked_add(SignedDuration::from_hours(1)).expect("time");
        assert_eq!(c.see(&judged), ["approved 0", "run 1", "cleared"]);
    }

    #[test]
    fn another_rule_fires_it_even_while_it_rests_or_may_not_begin() {
        let mut r = rule(vec![tell()]);
        r.ends = vec![end("accepted", None)];
        r.unless = Some(condition());
        let mut c = course(r);
        let unless = |c: &Course, t: Tri| Judged { unless: Some(t), ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&unless(&c, Tri::No)), ["fired 1", "run 0"]);
        let ends = Judged { ends: vec![Tri::Yes], ..unless(&c, Tri::No) };
        assert_eq!(c.see(&ends), ["ended accepted"]);
        assert_eq!(c.word(), "resting");
        assert_eq!(c.fire(&unless(&c, Tri::Yes)), ["fired 1", "run 0"]);
        assert_eq!((c.word(), c.memory.firings), ("firing", 2));
    }

    #[test]
    fn a_firing_that_another_rule_began_counts_for_the_cooldown() {
        let mut r = rule(vec![tell()]);
        r.once = Some(Once { within: Some(hours(48)), later: None });
        let mut c = course(r);
        assert_eq!(c.fire(&c.judged(Tri::No)), ["fired 1", "run 0"]);
        assert_eq!(c.after(1, Tri::No), ["cleared"]);
        assert_eq!(c.after(46, Tri::Yes), Vec::<String>::new());
        assert_eq!(c.word(), "cooling");
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "run 0"]);
    }

    #[test]
    fn another_rule_does_not_fire_what_is_quiet_or_fires_already() {
        let mut c = course(rule(vec![tell()]));
        for judged in [
            Judged { mode: Mode::Manual, ..c.judged(Tri::Yes) },
            Judged { runs: false, ..c.judged(Tri::Yes) },
            Judged { key_present: false, ..c.judged(Tri::Yes) },
        ] {
            assert_eq!(c.fire(&judged), Vec::<String>::new());
            assert_eq!(c.memory, Memory::default());
        }
        c.memory.snoozed = c.now.checked_add(SignedDuration::from_hours(1)).ok();
        assert_eq!(c.fire(&c.judged(Tri::Yes)), Vec::<String>::new());
        c.memory.snoozed = None;
        assert_eq!(c.fire(&c.judged(Tri::No)), ["fired 1", "run 0"]);
        assert_eq!(c.fire(&c.judged(Tri::No)), Vec::<String>::new());
        assert_eq!(c.memory.firings, 1);
    }

    #[test]
    fn a_snoozed_rule_is_judged_and_silent() {
        let mut c = course(rule(vec![tell()]));
        c.memory.snoozed = c.now.checked_add(SignedDuration::from_hours(10)).ok();
        assert_eq!(c.after(1, Tri::Yes), Vec::<String>::new());
        assert_eq!(c.word(), "snoozed");
        assert_eq!(c.after(10, Tri::Yes), ["fired 1", "run 0"]);
    }

    #[test]
    fn what_would_clear_at_once_does_not_begin() {
        let mut r = rule(vec![tell()]);
        r.clear = Some(Condition { expr: condition(), hold: None });
        let mut c = course(r);
        let judged = Judged { clear: Some(Tri::Yes), ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), Vec::<String>::new());
        assert_eq!(c.after(1, Tri::Yes), ["fired 1", "run 0"]);
        // With a `clear when` the condition itself may be over; the firing is not.
        assert_eq!(c.after(1, Tri::No), Vec::<String>::new());
    }

    #[test]
    fn unless_keeps_a_firing_from_beginning() {
        let mut c = course(rule(vec![tell()]));
        for unless in [Tri::Yes, Tri::Unknown] {
            let judged = Judged { unless: Some(unless), ..c.judged(Tri::Yes) };
            assert_eq!(c.see(&judged), Vec::<String>::new());
        }
        let judged = Judged { unless: Some(Tri::No), ..c.judged(Tri::Yes) };
        assert_eq!(c.see(&judged), ["fired 1", "run 0"]);
    }

    fn tri() -> impl Strategy<Value = Tri> {
        prop_oneof![4 => Just(Tri::Yes), 2 => Just(Tri::No), 1 => Just(Tri::Unknown)]
    }

    /// What happens in one tick: hours that pass, the condition, an answer, whether the stage runs.
    fn tick() -> impl Strategy<Value = (i64, Tri, Option<(bool, bool)>, bool, bool)> {
        let answer = proptest::option::weighted(0.2, (any::<bool>(), any::<bool>()));
        (1i64..40, tri(), answer, proptest::bool::weighted(0.95), proptest::bool::weighted(0.97))
    }

    proptest! {
        #[test]
        fn every_course_keeps_the_laws(
            ticks in proptest::collection::vec(tick(), 1..80),
            most in 1i128..4,
            cooldown in 1i128..100,
            mode in 0usize..3,
        ) {
            let mut r = rule(vec![record(), tell(), propose(), ask(Silence::Escalate), record(), enter()]);
            r.depth = depth(most, 5);
            r.once = Some(Once { within: Some(hours(cooldown)), later: None });
            let mut c = course(r);
            c.mode = Mode::ALL[mode];
            let mut last: Option<Timestamp> = None;
            for (hours, when, answer, runs, present) in ticks {
                c.now = c.now.checked_add(SignedDuration::from_hours(hours)).expect("time");
                let answers = answer.map(|(board, yes)| {
                    let role: Arc<str> = if board { "board".into() } else { "chairman".into() };
                    (role, if yes { Reply::Yes } else { Reply::No })
                });
                let judged = Judged { answers: answers.into_iter().collect(), runs, key_present: present, ..c.judged(when) };
                let before = c.memory.clone();
                let calendar = Calendar::default();
                let (memory, intents) = decide(&c.rule, &c.terms, &before, &judged, c.now, &calendar);
                prop_assert_eq!(decide(&c.rule, &c.terms, &before, &judged, c.now, &calendar), (memory.clone(), intents.clone()));
                let fired = intents.iter().any(|i| i.kind == IntentKind::Fired { iteration: 1 });
                if fired {
                    let free = last.is_none_or(|l| c.now.duration_since(l) >= SignedDuration::from_hours(cooldown as i64));
                    prop_assert!(free, "two firings within the cooldown");
                    last = Some(c.now);
                }
                prop_assert_eq!(fired, memory.firings == before.firings + 1);
                prop_assert!(memory.firing().is_none_or(|f| f.iteration >= 1 && i128::from(f.iteration) <= most));
                if when == Tri::Unknown && present {
                    prop_assert!(!fired);
                    prop_assert_eq!(before.firing().is_some(), memory.firing().is_some(), "unknown moved the state");
                }
                // Nothing is written without a yes unless the mode allows it, and nothing final ever is.
                let yes = intents.iter().any(|i| i.kind == IntentKind::Approved);
                for intent in intents.iter().filter(|i| i.kind == IntentKind::Step) {
                    match intent.step {
                        Some(0) => prop_assert!(yes || c.mode == Mode::Auto),
                        Some(4 | 5) => prop_assert!(yes),
                        _ => {}
                    }
                }
                if c.mode == Mode::Manual || !runs {
                    prop_assert!(intents.iter().all(|i| i.kind != IntentKind::Step));
                }
                if let Some(at) = wakes(&c.terms, &memory, c.now, &calendar) {
                    prop_assert!(at > c.now);
                }
                c.memory = memory;
            }
        }
    }
}
