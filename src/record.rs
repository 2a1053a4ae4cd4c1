//! One tick that is written down: what is remembered, what was said and what was decided, all of it or nothing.
//!
//! Rules without a lifecycle are judged every time; triggers and rollbacks when they are due. A verdict is written down
//! when it is another than before, a decision when something is to be done. Each entry holds what it was made from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::engine::decide::{Intent, IntentKind, Judged, Why};
use crate::engine::depend::Which;
use crate::engine::edits::{Edit, Fate, Fingerprint, Present, law};
use crate::engine::inputs::{Inputs, Reader};
use crate::engine::judge::{Outcome, Row, Verdict};
use crate::engine::ledger::{Draft, Entry, Kind};
use crate::engine::memory::{Memory, State as Stands};
use crate::engine::reading::Key;
use crate::engine::round::{Decided, Remembered, Round};
use crate::engine::window;
use crate::keep::{Kept, Renewed};
use crate::lang::expr::{ParamId, Relation};
use crate::lang::item::trigger::{Pace, Trigger};
use crate::lang::pack::{Pack, RuleRef};
use crate::lang::print::Place;
use crate::lang::revision::Revisions;
use crate::source::{Sources, Span};
use crate::store::read::Unlisted;
use crate::store::{ErrorKind, Store, StoreError, ledger, memory};
use crate::tick::Tick;
use crate::value::Value;

/// A tick that meets another writer is done again so often.
const TRIES: usize = 5;

/// What is remembered from tick to tick.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// The pack of the last tick.
    pub in_force: Option<InForce>,
    /// Each rule by its name.
    pub rules: BTreeMap<String, RuleState>,
    /// Where a rule stands for a key.
    pub memory: BTreeMap<(String, Vec<String>), Memory>,
    /// What was said last of a key.
    pub said: BTreeMap<(String, Vec<String>), LastSaid>,
}

/// A rule by its name and a key.
pub type Slot = (String, Vec<String>);

/// Which parts of what is remembered are others than they were.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// The pack.
    pub in_force: bool,
    /// Rules.
    pub rules: BTreeSet<String>,
    /// Where rules stand.
    pub memory: BTreeSet<Slot>,
    /// What was said.
    pub said: BTreeSet<Slot>,
}

/// The pack that was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Its revision.
    pub revision: String,
    /// How many items of each noun it has, in words.
    pub contents: String,
    /// Since when.
    pub since: Timestamp,
    /// When something of it was judged last.
    pub ticked_at: Timestamp,
}

/// A rule as it was judged last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleState {
    /// `threshold`, `gate`, `trigger`, `rollback` or `contract`.
    pub kind: String,
    /// Its revision.
    pub revision: String,
    /// The parts by which an edit is known.
    pub fingerprint: Fingerprint,
    /// When it was judged.
    pub judged_at: Option<Timestamp>,
    /// When its pace asks for it again; nothing for rules that are judged on change or every time.
    pub due_at: Option<Timestamp>,
}

/// The last verdict, and the entry of the ledger that says since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSaid {
    /// The verdict.
    pub said: Said,
    /// The number of the entry.
    pub seq: i64,
}

/// A verdict as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What was said.
    pub verdict: String,
    /// Why, in one word.
    pub reason_code: String,
    /// Why.
    pub reason: String,
    /// How people call the key.
    pub label: String,
    /// The value that decided, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it was held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The period it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// How grave it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// The contract whose data is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Whether its stage was not entered or did not run.
    pub asleep: bool,
    /// Whether the period is settled, so that the verdict stands.
    pub settled: bool,
    /// Since when it has been so.
    pub since: Timestamp,
    /// What became known of a settled period later: the verdict and the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<(String, Option<String>)>,
}

impl Said {
    fn of(pack: &Pack, verdict: &Verdict, settled: bool, now: Timestamp) -> Said {
        Said {
            verdict: verdict.outcome.word().to_owned(),
            reason_code: verdict.code.word().to_owned(),
            reason: verdict.reason.clone(),
            label: verdict.label.clone(),
            value: verdict.value.as_ref().map(|(value, _)| value.exact()),
            unit: verdict.value.as_ref().map(|(_, ty)| ty.unit().to_owned()),
            target: verdict.target.clone(),
            period: verdict.period.clone(),
            severity: verdict.severity.as_ref().map(|s| s.to_string()),
            cause: verdict.cause.map(|id| pack.contract(id).name.to_string()),
            asleep: verdict.asleep,
            settled,
            since: now,
            corrected: None,
        }
    }

    /// Whether it says another thing than before; a value that moves and changes nothing is none.
    fn differs(&self, before: &Said) -> bool {
        let parts = |s: &Said| (s.verdict.clone(), s.reason_code.clone(), s.asleep, s.period.clone(), s.settled);
        parts(self) != parts(before)
    }

    /// Whether it stands for the same settled period, whatever is known now.
    fn stands_against(&self, now: &Said) -> bool {
        self.settled && now.settled && self.period == now.period
    }
}

/// What a tick is written down for.
pub struct Recording<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// Its files, for the places of params.
    pub sources: &'a Sources,
    /// The moment that is judged.
    pub as_of: Timestamp,
    /// The present.
    pub clock: Timestamp,
}

/// What was judged and written down.
#[derive(Debug)]
pub struct Recorded {
    /// Every verdict, also of rules that were not due.
    pub verdicts: Vec<Verdict>,
    /// The entries that continue the ledger.
    pub entries: Vec<Entry>,
    /// Where the rules with a lifecycle stand.
    pub memory: BTreeMap<Slot, Memory>,
}

/// Makes one tick and writes it down, in one transaction. What is remembered lies in `state`; the portfolio lies there
/// too, unless it has a database of its own.
pub fn record(recording: &Recording<'_>, portfolio: Option<&Store>, state: &mut Store) -> Result<Recorded, StoreError> {
    let mut recorder = Recorder::new(recording.pack, recording.sources);
    let Ticked { entries, .. } = recorder.tick((recording.as_of, recording.clock), portfolio, state)?;
    let param = |id: ParamId| recording.pack.param(id).clone();
    let judge = recorder.kept.judge(recording.pack, &param);
    let verdicts = judge.map(|judge| crate::tick::verdicts(&judge, &recording.pack.rules())).unwrap_or_default();
    let memory = recorder.held.map(|held| held.state.memory).unwrap_or_default();
    Ok(Recorded { verdicts, entries, memory })
}

/// Makes tick after tick over one database with one pack, and judges anew only what may be other than before.
pub struct Recorder<'p> {
    pack: &'p Pack,
    sources: &'p Sources,
    revisions: Revisions,
    kept: Kept,
    held: Option<Held>,
}

/// What is remembered, as it lies in the database.
struct Held {
    state: State,
    remembered: Remembered,
    /// What was said last of each key, by its number, and of the portfolio.
    outcomes: HashMap<RuleRef, Outcomes>,
    /// The last entry of the ledger.
    head: i64,
    /// Nothing becomes of what is remembered before then.
    next: Timestamp,
}

#[derive(Debug, Clone, Default)]
struct Outcomes {
    portfolio: Option<Outcome>,
    keys: Vec<Option<Outcome>>,
}

impl Outcomes {
    fn get(&self, key: Option<u32>) -> Option<Outcome> {
        match key {
            None => self.portfolio,
            Some(key) => self.keys.get(key as usize).copied().flatten(),
        }
    }

    fn set(&mut self, key: Option<u32>, outcome: Option<Outcome>) {
        let Some(key) = key else {
            self.portfolio = outcome;
            return;
        };
        let place = key as usize;
        if self.keys.len() <= place {
            self.keys.resize(place + 1, None);
        }
        self.keys[place] = outcome;
    }
}

/// What one of many ticks found.
#[derive(Debug)]
pub struct Ticked {
    /// The entries that continue the ledger.
    pub entries: Vec<Entry>,
    /// What was found to be other than before.
    pub renewed: Renewed,
}

impl<'p> Recorder<'p> {
    /// One that has kept nothing yet.
    pub fn new(pack: &'p Pack, sources: &'p Sources) -> Recorder<'p> {
        Recorder { pack, sources, revisions: Revisions::of(pack), kept: Kept::default(), held: None }
    }

    /// Makes one tick and writes it down, in one transaction, or does nothing at all.
    pub fn tick(
        &mut self,
        (as_of, clock): (Timestamp, Timestamp),
        portfolio: Option<&Store>,
        state: &mut Store,
    ) -> Result<Ticked, StoreError> {
        let recording = Recording { pack: self.pack, sources: self.sources, as_of, clock };
        let mut tries = 0;
        loop {
            tries += 1;
            let (revisions, kept, held) = (&self.revisions, &mut self.kept, &mut self.held);
            let mut tick = || {
                let make = |state: &mut Store| recording.make(revisions, portfolio, state, &mut *kept, &mut *held);
                if tries == 1 { state.transact(make) } else { state.transact_alone(make) }
            };
            // The portfolio is seen in one state throughout, wherever it lies.
            let done = match portfolio {
                Some(portfolio) => portfolio.snapshot(tick),
                None => tick(),
            };
            match done {
                Ok(ticked) => {
                    // What this tick wrote itself is no news to the next one.
                    self.kept.written(portfolio.unwrap_or(state))?;
                    return Ok(ticked);
                }
                // What was kept may be ahead of what is written down.
                Err(error) => {
                    self.kept.forget();
                    self.held = None;
                    if error.kind != ErrorKind::Locked || tries == TRIES {
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// What one verdict or decision is about, beside what was judged: all of it is kept.
pub(crate) struct About {
    pub(crate) as_of: String,
    pub(crate) kind: String,
    pub(crate) rule: String,
    pub(crate) label: String,
    pub(crate) revision: String,
    pub(crate) params: Json,
    pub(crate) inputs: Inputs,
}

impl About {
    fn body(&self) -> Map<String, Json> {
        let mut body = Map::new();
        body.insert("v".into(), json!(1));
        body.insert("as_of".into(), json!(self.as_of));
        body.insert("kind".into(), json!(self.kind));
        body.insert("rule".into(), json!(self.rule));
        body.insert("label".into(), json!(self.label));
        body.insert("revision".into(), json!(self.revision));
        body.insert("params".into(), self.params.clone());
        body.insert("readings".into(), json!(self.inputs.readings));
        body.insert("parts".into(), json!(self.inputs.parts));
        body
    }
}

/// The body of a decision.
pub(crate) fn decision(
    about: &About,
    core: (&Pack, &Trigger),
    judged: &Judged,
    by_another: bool,
    (before, after): (Option<&Memory>, &Memory),
    intents: &[Intent],
) -> Json {
    let mut body = about.body();
    body.insert("judged".into(), json!(judged));
    body.insert("fired_by_another".into(), json!(by_another));
    body.insert("before".into(), json!(before));
    body.insert("after".into(), json!(after));
    let intents: Vec<Json> = intents.iter().map(|i| intent(core.0, core.1, i)).collect();
    body.insert("intents".into(), json!(intents));
    Json::Object(body)
}

/// The body of a verdict.
pub(crate) fn verdict(about: &About, said: &Said, before: Option<&str>) -> Json {
    let mut body = about.body();
    body.insert("said".into(), json!(said));
    body.insert("before".into(), json!(before));
    Json::Object(body)
}

/// What is to be done, in words for programs; a step in the words of the rule.
fn intent(pack: &Pack, rule: &Trigger, intent: &Intent) -> Json {
    let mut line = Map::new();
    let mut put = |name: &str, value: Json| {
        line.insert(name.to_owned(), value);
    };
    let roles = |all: &[Arc<str>]| json!(all);
    let at = |at: &Option<Timestamp>| json!(at);
    match &intent.kind {
        IntentKind::Fired { iteration } => {
            put("what", json!("fired"));
            put("iteration", json!(iteration));
        }
        IntentKind::Step => put("what", json!("step")),
        IntentKind::Listed => put("what", json!("listed")),
        IntentKind::Tell { message, why } => {
            put("what", json!("tell"));
            put("words", json!(message.print(pack)));
            put(
                "why",
                json!(match why {
                    Why::Unknown => "unknown",
                }),
            );
        }
        IntentKind::Ask { roles: whom, deadline, urgent, covers } => {
            put("what", json!("ask"));
            put("roles", roles(whom));
            put("deadline", at(deadline));
            put("urgent", json!(urgent));
            put("covers", json!(covers));
        }
        IntentKind::Escalate { roles: whom, to, deadline } => {
            put("what", json!("escalate"));
            put("roles", roles(whom));
            put("to", json!(to));
            put("deadline", at(deadline));
        }
        IntentKind::ApprovedByRule => put("what", json!("approved_by_rule")),
        IntentKind::Approved => put("what", json!("approved")),
        IntentKind::Refused => put("what", json!("refused")),
        IntentKind::TimedOut => put("what", json!("timed_out")),
        IntentKind::Exhausted { roles: whom } => {
            put("what", json!("exhausted"));
            put("roles", roles(whom));
        }
        IntentKind::Cleared => put("what", json!("cleared")),
        IntentKind::Ended(word) => {
            put("what", json!("ended"));
            put("outcome", json!(word));
        }
        IntentKind::Gone => put("what", json!("gone")),
    }
    if let Some(step) = intent.step {
        put("step", json!(step));
        if let Some(step) = rule.steps.get(step) {
            put("words", json!(step.print(&Place::of(pack, rule.grain))));
        }
    }
    Json::Object(line)
}

fn parts(key: &[Arc<str>]) -> Vec<String> {
    key.iter().map(|part| part.to_string()).collect()
}

impl Recording<'_> {
    fn make(
        &self,
        revisions: &Revisions,
        portfolio: Option<&Store>,
        store: &mut Store,
        kept: &mut Kept,
        held: &mut Option<Held>,
    ) -> Result<Ticked, StoreError> {
        let rules = self.pack.rules();
        let (overrides, unlisted) = (HashMap::new(), Unlisted::new());
        let tick = Tick {
            pack: self.pack,
            as_of: self.as_of,
            clock: self.clock.max(self.as_of),
            rules: &rules,
            metrics: &[],
            overrides: &overrides,
            unlisted: &unlisted,
            by_rows: false,
        };
        let param = |id: ParamId| tick.param(id);
        // Who else wrote to the ledger may have changed what is remembered.
        let known = held.take().filter(|_| kept.taken().is_some());
        let known = match known {
            Some(known) if ledger::head(store)?.seq == known.head => Some(known),
            _ => None,
        };
        let fresh = known.is_none();
        let renewed = kept.renew(&tick, portfolio.unwrap_or(store))?;
        let mut known = match known {
            Some(known) if self.as_of < known.next && matches!(renewed, Renewed::Nothing) => {
                *held = Some(known);
                return Ok(Ticked { entries: Vec::new(), renewed });
            }
            Some(known) => known,
            None => Held {
                state: memory::read(store)?,
                remembered: Remembered::default(),
                outcomes: HashMap::new(),
                head: 0,
                next: Timestamp::MIN,
            },
        };
        self.refuse_past(&known.state, store.name())?;
        let whole = fresh || matches!(renewed, Renewed::Everything(_));
        if whole {
            known.outcomes.clear();
        }
        let Some((plan, readings)) = kept.taken() else {
            return Err(StoreError::new(ErrorKind::Refused, "nothing was read".to_owned(), "this should not happen"));
        };
        let Some(judge) = kept.judge(self.pack, &param) else {
            return Err(StoreError::new(ErrorKind::Refused, "nothing was read".to_owned(), "this should not happen"));
        };
        let reader = Reader { pack: self.pack, judge: &judge, plan, readings };
        let Held { state, remembered, outcomes, .. } = &mut known;
        let mut page = Page {
            recording: self,
            revisions,
            reader,
            after: state,
            changed: Changed::default(),
            drafts: Vec::new(),
            used: BTreeSet::new(),
        };
        let before = fresh.then(|| page.after.clone());
        page.in_force();
        let which = |rule: RuleRef| match &renewed {
            _ if whole => Which::All,
            Renewed::Part(touched) => kept.dependencies(rule).map_or(Which::All, |on| touched.keys(on)),
            _ => Which::None,
        };
        let nobody = |_: RuleRef| Which::All;
        let mut round = Round {
            pack: self.pack,
            param: &param,
            now: self.as_of,
            replies: &[],
            // Who keeps what is remembered was there all the while.
            attended: !fresh,
            touched: &nobody,
            follows: &|_| true,
            trace: None,
        };
        if let Some(before) = before {
            let edits = page.edits(&before);
            let ticked = before.in_force.as_ref().map(|force| force.ticked_at);
            *remembered = page.remembered(&edits, ticked);
            round.reckon(remembered, ticked.unwrap_or(self.as_of));
        }
        let due: Vec<RuleRef> = rules.iter().copied().filter(|rule| round.is_due(remembered, *rule)).collect();
        // A rule with a pace of its own is held against what it said at its last judgement, not at the last tick.
        let mut asked: HashMap<RuleRef, Which> = HashMap::new();
        for rule in due.iter().copied() {
            let core = self.pack.core(rule);
            let on_change =
                core.is_none_or(|t| matches!(t.check.pace, Pace::OnChange { .. }) && t.check.other.is_none());
            let mut keys = if on_change { which(rule) } else { Which::All };
            page.say(rule, &mut keys, outcomes.entry(rule).or_default(), remembered, &param);
            asked.insert(rule, keys);
        }
        let touched = |rule: RuleRef| asked.get(&rule).cloned().unwrap_or(Which::None);
        round.touched = &touched;
        for decided in round.run(&judge, &due, remembered) {
            page.decided(&decided);
            page.stands(&decided);
            remembered.forget_if_new(&decided.of);
        }
        for rule in due.iter().copied() {
            page.judged(rule, remembered.due.get(&rule).copied());
        }
        page.standing();

        let Page { changed, drafts, used, .. } = page;
        for rule in used {
            if let Some(revision) = revisions.of.get(&rule) {
                ledger::keep_revision(store, &revision.hash, &revisions.house, &revision.rules)?;
            }
        }
        let entries = ledger::append(store, &drafts, self.as_of, self.clock)?;
        for entry in entries.iter().filter(|e| e.kind == Kind::Verdict.word() || e.kind == Kind::Correction.word()) {
            if let Some(last) = state.said.get_mut(&(entry.rule.clone(), entry.key_parts())) {
                last.seq = entry.seq;
            }
        }
        memory::write(store, state, &changed)?;
        if let Some(last) = entries.last() {
            known.head = last.seq;
        } else if fresh {
            known.head = ledger::head(store)?.seq;
        }
        let due = known.remembered.due.values().copied();
        known.next =
            due.chain(known.remembered.wakes().next()).filter(|at| *at > self.as_of).min().unwrap_or(Timestamp::MAX);
        *held = Some(known);
        Ok(Ticked { entries, renewed })
    }

    /// A ledger goes forward only.
    fn refuse_past(&self, before: &State, name: &str) -> Result<(), StoreError> {
        let calendar = &self.pack.settings.calendar;
        let last = before.in_force.as_ref().map(|force| force.ticked_at);
        match last {
            Some(last) if last > self.as_of => Err(StoreError::new(
                ErrorKind::Refused,
                format!("`{name}` has already recorded {}, and a ledger goes forward only", calendar.show(last)),
                "judge an earlier moment without `--record`",
            )),
            _ => Ok(()),
        }
    }

    /// Where something stands, as people look for it.
    fn place(&self, span: Span) -> String {
        let file = self.sources.file(span.file);
        format!("{}:{}", file.name, file.position(span.start).0)
    }
}

/// What a tick writes down, in the making.
struct Page<'a> {
    recording: &'a Recording<'a>,
    revisions: &'a Revisions,
    reader: Reader<'a>,
    after: &'a mut State,
    changed: Changed,
    drafts: Vec<Draft>,
    /// Rules that an entry speaks of, whose words are to be kept.
    used: BTreeSet<RuleRef>,
}

impl Page<'_> {
    fn pack(&self) -> &Pack {
        self.recording.pack
    }

    fn name(&self, rule: RuleRef) -> String {
        self.pack().rule(rule).map_or_else(String::new, |item| item.name.to_owned())
    }

    fn draft(&mut self, kind: Kind, rule: &str, key: Vec<String>, body: Json) {
        self.drafts.push(Draft { kind, rule: rule.to_owned(), key, body });
    }

    /// The rules that are in force now, where they are not those of the last tick.
    fn in_force(&mut self) {
        let (revision, now) = (self.revisions.pack.clone(), self.recording.as_of);
        let before = self.after.in_force.as_ref().map(|f| f.revision.clone());
        self.changed.in_force = true;
        if let Some(force) = self.after.in_force.as_mut().filter(|force| force.revision == revision) {
            force.ticked_at = now;
            return;
        }
        let contents = self.pack().contents();
        let rules: Map<String, Json> =
            self.revisions.of.iter().map(|(rule, revision)| (self.name(*rule), json!(revision.hash))).collect();
        let all: Vec<ParamId> = (0..self.pack().params.len() as u32).map(ParamId).collect();
        let body = json!({
            "v": 1, "as_of": now.to_string(), "revision": revision, "before": before, "contents": contents,
            "rules": rules, "params": self.params(&all),
        });
        self.draft(Kind::Rules, "", Vec::new(), body);
        self.after.in_force = Some(InForce { revision, contents, since: now, ticked_at: now });
    }

    /// The values of some params, each with the line that gives it.
    fn params(&self, params: &[ParamId]) -> Json {
        let mut all = Map::new();
        for id in params {
            let Some(param) = self.pack().params.get(id.index()) else { continue };
            let set = self.pack().sets.iter().any(|set| set.param == *id);
            let place = self.recording.place(param.value_span);
            let from = format!("{} in {place}", if set { "set" } else { "default" });
            all.insert(param.name.to_string(), json!({"value": param.value.exact(), "from": from}));
        }
        Json::Object(all)
    }

    fn about(&mut self, rule: RuleRef, label: &str, row: Option<Row>) -> About {
        self.used.insert(rule);
        let revision = self.revisions.of.get(&rule);
        About {
            as_of: self.recording.as_of.to_string(),
            kind: self.pack().rule(rule).map_or("", |item| item.noun.word()).to_owned(),
            rule: self.name(rule),
            label: label.to_owned(),
            revision: revision.map_or_else(String::new, |r| r.hash.clone()),
            params: self.params(revision.map_or(&[], |r| &r.params)),
            // Of a key that is gone nothing can be read.
            inputs: if row.is_some() || self.grain(rule).is_none() {
                self.reader.inputs(rule, row)
            } else {
                Inputs::default()
            },
        }
    }

    // ── edits ──

    /// Applies the law for edited rules to what is remembered, and writes down what came of it.
    fn edits(&mut self, before: &State) -> Vec<Edit> {
        let was: BTreeMap<String, Fingerprint> =
            before.rules.iter().map(|(name, rule)| (name.clone(), rule.fingerprint.clone())).collect();
        let pack = self.recording.pack;
        let items: Vec<_> =
            self.revisions.of.iter().filter_map(|(rule, r)| Some((pack.rule(*rule)?, *rule, r))).collect();
        let present: Vec<Present<'_>> = items
            .iter()
            .map(|(item, rule, revision)| Present {
                name: item.name,
                formerly: formerly(pack, *rule),
                fingerprint: &revision.fingerprint,
            })
            .collect();
        let edits = law(&was, &present);
        for edit in &edits {
            self.edit(edit, before);
        }
        edits
    }

    fn edit(&mut self, edit: &Edit, before: &State) {
        let from = &edit.from;
        let known = before.rules.get(from);
        // What is judged every time has little to keep; which words are others stands in the entry about the pack.
        let lives = known.is_some_and(|rule| matches!(rule.kind.as_str(), "trigger" | "rollback"));
        let plain = matches!(edit.fate, Fate::Keep | Fate::Reevaluate) && !edit.is_renamed();
        if edit.is_told() && (lives || !plain) {
            let firing: Vec<&Vec<String>> = before
                .memory
                .iter()
                .filter(|((rule, _), memory)| rule == from && memory.firing().is_some())
                .map(|((_, key), _)| key)
                .collect();
            let ended = matches!(edit.fate, Fate::Gone | Fate::Reset);
            let body = json!({
                "v": 1, "as_of": self.recording.as_of.to_string(), "fate": edit.fate.word(),
                "formerly": edit.is_renamed().then_some(from),
                "revision_before": known.map(|k| &k.revision),
                "firings_ended_as_gone": if ended { json!(firing) } else { json!([]) },
            });
            self.draft(Kind::Edit, edit.to.as_ref().unwrap_or(from), Vec::new(), body);
        }
        let rule = self.after.rules.remove(from);
        let State { memory, said, .. } = &mut *self.after;
        let memory: Vec<_> = keys_of(memory, from).into_iter().filter_map(|k| memory.remove_entry(&k)).collect();
        let said: Vec<_> = keys_of(said, from).into_iter().filter_map(|k| said.remove_entry(&k)).collect();
        self.changed.rules.extend([from.clone()].into_iter().chain(edit.to.clone()));
        self.changed.memory.extend(memory.iter().map(|(slot, _)| slot.clone()));
        self.changed.said.extend(said.iter().map(|(slot, _)| slot.clone()));
        if let Some(to) = &edit.to {
            let renamed = |slot: &Slot| (to.clone(), slot.1.clone());
            self.changed.memory.extend(memory.iter().map(|(slot, _)| renamed(slot)));
            self.changed.said.extend(said.iter().map(|(slot, _)| renamed(slot)));
        }
        let Some(to) = edit.to.as_ref().filter(|_| !matches!(edit.fate, Fate::Gone | Fate::Reset)) else { return };
        self.after.rules.extend(rule.map(|rule| (to.clone(), rule)));
        self.after.memory.extend(memory.into_iter().map(|((_, key), memory)| ((to.clone(), key), memory)));
        self.after.said.extend(said.into_iter().map(|((_, key), said)| ((to.clone(), key), said)));
    }

    /// What the round remembers: under the rules of the present pack, those to be judged at once without a due moment.
    fn remembered(&self, edits: &[Edit], ticked: Option<Timestamp>) -> Remembered {
        let mut remembered = Remembered::default();
        for rule in self.pack().rules() {
            let name = self.name(rule);
            if self.pack().core(rule).is_none() {
                continue;
            }
            let Some(known) = self.after.rules.get(&name) else { continue };
            // What is judged on change was judged whenever anything was.
            let ticked = ticked.filter(|_| known.due_at.is_none());
            remembered.judged.extend(known.judged_at.max(ticked).map(|at| (rule, at)));
            let at_once = edits.iter().any(|e| e.to.as_ref() == Some(&name) && e.fate == Fate::Reevaluate);
            if !at_once {
                remembered.due.insert(rule, known.due_at.unwrap_or(Timestamp::MAX));
            }
            for ((_, key), memory) in self.after.memory.iter().filter(|((of, _), _)| *of == name) {
                let key: Key = key.iter().map(|part| Arc::from(part.as_str())).collect();
                remembered.remember((rule, key), memory.clone(), None);
            }
        }
        remembered
    }

    /// A rule was judged now.
    fn judged(&mut self, rule: RuleRef, due: Option<Timestamp>) {
        let Some(revision) = self.revisions.of.get(&rule) else { return };
        let Some(item) = self.recording.pack.rule(rule) else { return };
        let due_at = due.filter(|at| *at < Timestamp::MAX);
        // That a rule is judged on change is said once; when it was, is when the last tick was.
        let same = |known: &RuleState| {
            due_at.is_none()
                && known.due_at.is_none()
                && known.judged_at.is_some()
                && known.kind == item.noun.word()
                && known.revision == revision.hash
                && known.fingerprint == revision.fingerprint
        };
        if !self.after.rules.get(item.name).is_some_and(same) {
            let state = RuleState {
                kind: item.noun.word().to_owned(),
                revision: revision.hash.clone(),
                fingerprint: revision.fingerprint.clone(),
                judged_at: Some(self.recording.as_of),
                due_at,
            };
            self.changed.rules.insert(item.name.to_owned());
            self.after.rules.insert(item.name.to_owned(), state);
        }
    }

    /// Where a rule stands for a key after the round.
    fn stands(&mut self, decided: &Decided) {
        let (rule, key) = &decided.of;
        let slot = (self.name(*rule), parts(key));
        if decided.after == Memory::default() {
            if self.after.memory.remove(&slot).is_some() {
                self.changed.memory.insert(slot);
            }
        } else if self.after.memory.get(&slot) != Some(&decided.after) {
            self.changed.memory.insert(slot.clone());
            self.after.memory.insert(slot, decided.after.clone());
        }
    }

    /// The edits that change nothing of where the rules stand.
    fn standing(&mut self) {
        // A rule that was not due has its new words all the same.
        for (rule, revision) in &self.revisions.of {
            let name = self.recording.pack.rule(*rule).map_or("", |item| item.name);
            if let Some(known) = self.after.rules.get_mut(name)
                && (known.revision != revision.hash || known.fingerprint != revision.fingerprint)
            {
                known.revision.clone_from(&revision.hash);
                known.fingerprint.clone_from(&revision.fingerprint);
                self.changed.rules.insert(name.to_owned());
            }
        }
    }

    /// Judges a rule for some keys and writes down what it says otherwise than before. What is left of the keys are
    /// those of which something may follow.
    fn say(
        &mut self,
        rule: RuleRef,
        keys: &mut Which,
        outcomes: &mut Outcomes,
        remembered: &Remembered,
        param: &dyn Fn(ParamId) -> Value,
    ) {
        let judge = self.reader.judge;
        let grain = self.grain(rule);
        let name = self.name(rule);
        let quiet = |outcome: Outcome| matches!(outcome, Outcome::Clear | Outcome::Met | Outcome::Off);
        // Of a rule that holds back, nobody knows from its outcome whether its condition holds.
        let core = self.recording.pack.core(rule);
        let plain = core.is_some_and(|trigger| trigger.unless.is_none());
        let all: Vec<(Option<u32>, Outcome)> = match (&*keys, grain) {
            (Which::None, _) => return,
            (_, None) => vec![(None, judge.outcome(rule))],
            (Which::All, Some(_)) => judge.outcomes(rule),
            (Which::Some(numbers), Some(grain)) => {
                let (there, gone): (Vec<u32>, Vec<u32>) = numbers.iter().partition(|key| judge.has_key(rule, **key));
                for number in gone {
                    outcomes.set(Some(number), None);
                    let key = parts(&judge.key(grain, number));
                    self.gone(rule, (name.clone(), key));
                }
                judge.outcomes_of(rule, &there).into_iter().map(|(key, outcome)| (Some(key), outcome)).collect()
            }
        };
        let part = matches!(keys, Which::Some(_));
        let mut told: Vec<Verdict> = Vec::new();
        let mut seen: BTreeSet<Vec<String>> = BTreeSet::new();
        let unread = grain.is_some() && matches!(all[..], [(None, _)]);
        for (key, outcome) in all {
            let before = outcomes.get(key);
            outcomes.set(key, Some(outcome));
            // What was quiet and still is needs no words.
            if before == Some(outcome) && quiet(outcome) && (part || grain.is_none() && core.is_some()) {
                if let (Some(key), Some(grain), Which::Some(keys), true) = (key, grain, &mut *keys, plain)
                    && !remembered.memory.contains_key(&(rule, judge.key(grain, key)))
                {
                    keys.remove(&key);
                }
                continue;
            }
            let parts: Vec<String> = match (key, grain) {
                (Some(key), Some(grain)) => parts(&judge.key(grain, key)),
                _ => Vec::new(),
            };
            let known = self.after.said.contains_key(&(name.clone(), parts.clone()));
            seen.insert(parts);
            // Of a key of which there was never anything to say, there is nothing to say either.
            if known || !quiet(outcome) || key.is_none() {
                told.push(judge.verdict(rule, key));
            }
        }
        self.verdicts(rule, &told, param);
        if !part && !unread && grain.is_some() {
            for slot in keys_of(&self.after.said, &name).into_iter().filter(|(_, key)| !seen.contains(key)) {
                self.gone(rule, slot);
            }
        }
    }

    // ── entries ──

    /// Writes down the verdicts of a rule that are others than before.
    fn verdicts(&mut self, rule: RuleRef, verdicts: &[Verdict], param: &dyn Fn(ParamId) -> Value) {
        let name = self.name(rule);
        let grain = self.grain(rule);
        for verdict in verdicts {
            let key: Vec<String> = verdict.key.iter().map(|(_, part)| part.to_string()).collect();
            let settled = self.is_settled(rule, verdict, param);
            let now = Said::of(self.pack(), verdict, settled, self.recording.as_of);
            let slot = (name.clone(), key.clone());
            match self.after.said.get(&slot).cloned() {
                Some(last) if last.said.stands_against(&now) => {
                    let known = (now.verdict.clone(), now.value.clone());
                    let told =
                        last.said.corrected.clone().unwrap_or((last.said.verdict.clone(), last.said.value.clone()));
                    if known != told {
                        let row = self.row(grain, &key);
                        let about = self.about(rule, &verdict.label, row);
                        let body = self::verdict(&about, &now, Some(&last.said.verdict));
                        self.draft(Kind::Correction, &name, key, body);
                        let said = Said { corrected: Some(known), ..last.said };
                        self.said(slot, LastSaid { said, seq: last.seq });
                    }
                }
                Some(last) if !now.differs(&last.said) => {
                    let said = Said { since: last.said.since, ..now };
                    if said != last.said {
                        self.said(slot, LastSaid { said, seq: last.seq });
                    }
                }
                last => {
                    let row = self.row(grain, &key);
                    let about = self.about(rule, &verdict.label, row);
                    let body = self::verdict(&about, &now, last.as_ref().map(|l| l.said.verdict.as_str()));
                    self.draft(Kind::Verdict, &name, key, body);
                    self.said(slot, LastSaid { said: now, seq: 0 });
                }
            }
        }
    }

    fn said(&mut self, slot: Slot, said: LastSaid) {
        self.changed.said.insert(slot.clone());
        self.after.said.insert(slot, said);
    }

    /// Writes down that a key of which something was said is no longer there.
    fn gone(&mut self, rule: RuleRef, slot: Slot) {
        let Some(last) = self.after.said.remove(&slot) else { return };
        self.changed.said.insert(slot.clone());
        // That the keys could not be read was said of no key.
        if slot.1.is_empty() {
            return;
        }
        let about = self.about(rule, &last.said.label, None);
        let before = last.said.verdict.clone();
        let gone = Said {
            verdict: "gone".into(),
            reason_code: "gone".into(),
            reason: "it is no longer there".into(),
            since: self.recording.as_of,
            value: None,
            unit: None,
            ..last.said
        };
        let body = self::verdict(&about, &gone, Some(&before));
        self.draft(Kind::Verdict, &slot.0, slot.1, body);
    }

    /// Whether late rows can no longer arrive for the period of a verdict.
    fn is_settled(&self, rule: RuleRef, verdict: &Verdict, param: &dyn Fn(ParamId) -> Value) -> bool {
        let RuleRef::Threshold(i) = rule else { return false };
        let settled = self.pack().thresholds.get(i as usize).and_then(|t| t.settled.as_ref());
        let by = settled.and_then(|e| window::constant(e, param));
        verdict.period.is_some()
            && by.is_some_and(|by| {
                let calendar = &self.pack().settings.calendar;
                window::moved(calendar, verdict.as_of, &by, true) <= self.recording.as_of
            })
    }

    fn grain(&self, rule: RuleRef) -> Option<Relation> {
        match rule {
            RuleRef::Threshold(i) => self.pack().metric(self.pack().thresholds.get(i as usize)?.metric).grain,
            rule => self.pack().core(rule)?.grain,
        }
    }

    fn row(&self, grain: Option<Relation>, key: &[String]) -> Option<Row> {
        let relation = grain?;
        let key: Vec<Arc<str>> = key.iter().map(|part| Arc::from(part.as_str())).collect();
        let number = self.reader.readings.keys.get(&relation)?.find(&key)?;
        Some(Row::of(relation, number))
    }

    /// Writes down what was decided, where something is to be done.
    fn decided(&mut self, decided: &Decided) {
        if decided.intents.is_empty() {
            return;
        }
        let (rule, key) = &decided.of;
        let pack = self.recording.pack;
        let Some(core) = pack.core(*rule) else { return };
        let row = self.row(core.grain, &parts(key)).filter(|_| decided.judged.key_present);
        let label = row.and(core.grain).zip(row).map_or_else(
            || crate::engine::judge::key_words(key),
            |(grain, row)| self.reader.judge.label(grain, row.key()),
        );
        let about = self.about(*rule, &label, row);
        let memories = (decided.before.as_ref(), &decided.after);
        let body = decision(&about, (pack, core), &decided.judged, decided.by_another, memories, &decided.intents);
        self.draft(Kind::Decision, &about.rule, parts(key), body);
    }
}

fn keys_of<V>(map: &BTreeMap<Slot, V>, rule: &str) -> Vec<Slot> {
    map.range((rule.to_owned(), Vec::new())..)
        .take_while(|((of, _), _)| of == rule)
        .map(|(slot, _)| slot.clone())
        .collect()
}

fn formerly(pack: &Pack, rule: RuleRef) -> Option<&str> {
    match rule {
        RuleRef::Gate(i) => pack.gates.get(i as usize)?.formerly.as_deref(),
        RuleRef::Threshold(i) => pack.thresholds.get(i as usize)?.formerly.as_deref(),
        RuleRef::Trigger(_) | RuleRef::Rollback(_) => pack.core(rule)?.formerly.as_deref(),
        RuleRef::Contract(_) => None,
    }
}

impl State {
    /// Where a rule stands for a key, in the word by which people see it.
    pub fn word(&self, rule: &str, key: &[String], now: Timestamp) -> Option<&'static str> {
        self.memory.get(&(rule.to_owned(), key.to_vec())).map(|memory| memory.word(now))
    }
}

/// Whether a rule stands where somebody should look.
pub fn is_loud(memory: &Memory) -> bool {
    !memory.asleep && (matches!(memory.state, Stands::Firing(_)) || memory.unknown)
}

/// Whether a verdict is one that somebody should look at.
pub fn is_finding(said: &Said) -> bool {
    let loud = [Outcome::Breached, Outcome::Fires, Outcome::Violated, Outcome::Unknown].map(Outcome::word);
    !said.asleep && loud.contains(&said.verdict.as_str())
}
