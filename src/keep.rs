//! What is kept from one tick to the next, and renewed in part: the rows and groups that a write touched or that time
//! moved over a limit, and of every rule the keys whose verdict can be another for it.
//!
//! The database is the truth and the change log says where to look; what is kept can be thrown away at any moment and
//! is then read from nothing. Whatever cannot be renewed with certainty is read as a whole.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::engine::columns::Carried;
use crate::engine::depend::{Dependencies, Input, Reach, Which};
use crate::engine::judge::{Judge, Row, Verdict};
use crate::engine::reading::{Raw, Readings, Reason, Why};
use crate::engine::window::{self, Ahead, Limit};
use crate::lang::expr::{Anchor, Binding, Checked, ContractId, Expr, ExprKind, Hop, PairsId, ParamId, Relation};
use crate::lang::pack::{Pack, RuleRef};
use crate::plan::{GroupId, GroupScan, Moment, MomentId, Plan, What};
use crate::sql::Arg;
use crate::store::changes::Position;
use crate::store::read::{Contribution, Image, Renewal, Request, arg_text};
use crate::store::{Store, StoreError, Version, baseline, catalog, changes};
use crate::tick::{Standing, Taken, Tick};
use crate::time::Calendar;
use crate::value::{Number, Type, Value};

/// What a tick found to be other than at the tick before.
#[derive(Debug, Clone)]
pub enum Renewed {
    /// Nothing, by writes or by time.
    Nothing,
    /// Some of it.
    Part(Touched),
    /// Everything was read from nothing, and why.
    Everything(&'static str),
}

/// Where something was touched.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    /// Rows by the number of their key.
    rows: BTreeMap<Relation, BTreeSet<u32>>,
    /// Groups by the number of their key.
    groups: BTreeMap<GroupId, Groups>,
    /// Contracts that stand otherwise.
    contracts: BTreeSet<ContractId>,
    /// Moments that stay the same for a period, in which a new one has begun.
    moments: BTreeSet<MomentId>,
    /// What the touched rows of a relation lead to, by the references that rules follow; before and after. Nothing where
    /// a reference cannot be read, which may be anybody's.
    led: BTreeMap<(Relation, Vec<Hop>), Option<BTreeSet<u32>>>,
    /// Something that is compared with the present has come to lie behind it.
    timely: bool,
}

#[derive(Debug, Clone)]
enum Groups {
    All,
    Keys(BTreeSet<u32>),
}

impl Touched {
    /// The keys of a rule whose verdict can be another.
    pub fn keys(&self, on: &Dependencies) -> Which {
        if self.timely && on.timely {
            return Which::All;
        }
        let mut keys = BTreeSet::new();
        for (input, reaches) in &on.on {
            for reach in reaches {
                let touched = match input {
                    Input::Contract(id) if self.contracts.contains(id) => return Which::All,
                    Input::Moment(id) if self.moments.contains(id) => return Which::All,
                    Input::Contract(_) | Input::Moment(_) => continue,
                    Input::Rows(relation) => match (self.rows.get(relation), reach) {
                        (None, _) => continue,
                        (Some(_), Reach::All) => return Which::All,
                        (Some(rows), Reach::Own) => rows,
                        (Some(_), Reach::Via(hops)) => match self.led.get(&(*relation, hops.clone())) {
                            Some(Some(led)) => led,
                            Some(None) | None => return Which::All,
                        },
                    },
                    Input::Group(id) => match (self.groups.get(id), reach) {
                        (None, _) => continue,
                        (Some(Groups::Keys(keys)), Reach::Own) => keys,
                        // What the key of a group leads to is not kept.
                        (Some(_), _) => return Which::All,
                    },
                };
                keys.extend(touched);
            }
        }
        if keys.is_empty() { Which::None } else { Which::Some(keys) }
    }
}

/// What is kept between ticks over one database, with one pack.
#[derive(Default)]
pub struct Kept {
    whole: Option<Whole>,
    carried: Carried,
}

struct Whole {
    plan: Plan,
    readings: Readings,
    rules: Vec<RuleRef>,
    dependencies: HashMap<RuleRef, Dependencies>,
    paths: BTreeSet<(Relation, Vec<Hop>)>,
    as_of: Timestamp,
    clock: Timestamp,
    version: Version,
    schema: i64,
    position: Position,
    stages: String,
    /// The contracts of each table, by the name that the log has for it; nothing where not every table is logged.
    tables: Option<HashMap<String, Vec<ContractId>>>,
    /// Contracts whose key the database itself keeps apart.
    distinct: HashSet<ContractId>,
    tests: Vec<Test>,
    /// What rows and the log hold ahead of limits.
    ahead: Ahead,
}

/// A limit in time that the rows of a contract are held against when they are read.
#[derive(Debug, Clone, PartialEq)]
struct Test {
    contract: ContractId,
    column: u32,
    limit: Limit,
}

/// Why something cannot be renewed in part.
#[derive(Debug, Clone, Copy)]
struct TooMuch(&'static str);

const UNREADABLE: TooMuch = TooMuch("something could not be read");
const NO_KEY: TooMuch = TooMuch("a row has no whole key");

type Part<T> = Result<T, TooMuch>;

impl From<Arc<Why>> for TooMuch {
    fn from(_: Arc<Why>) -> TooMuch {
        UNREADABLE
    }
}

impl From<String> for TooMuch {
    fn from(_: String) -> TooMuch {
        UNREADABLE
    }
}

impl Kept {
    /// Nothing is kept any more.
    pub fn forget(&mut self) {
        *self = Kept::default();
    }

    /// What was planned and read, once something was.
    pub fn taken(&self) -> Option<(&Plan, &Readings)> {
        self.whole.as_ref().map(|whole| (&whole.plan, &whole.readings))
    }

    /// What a rule reads.
    pub fn dependencies(&self, rule: RuleRef) -> Option<&Dependencies> {
        self.whole.as_ref()?.dependencies.get(&rule)
    }

    /// A judge over what is kept, which notes from when on it would judge otherwise.
    pub fn judge<'a>(&'a self, pack: &'a Pack, param: &'a dyn Fn(ParamId) -> Value) -> Option<Judge<'a>> {
        let (plan, readings) = self.taken()?;
        Some(Judge::new(pack, plan, readings, param).carrying(&self.carried))
    }

    /// The verdicts of a rule for some of its keys: those that have one now, and the keys that have none any more.
    pub fn verdicts(&self, judge: &Judge<'_>, rule: RuleRef, keys: &BTreeSet<u32>) -> (Vec<(u32, Verdict)>, Vec<u32>) {
        let (present, gone): (Vec<u32>, Vec<u32>) = keys.iter().partition(|key| judge.has_key(rule, **key));
        (present.into_iter().map(|key| (key, judge.verdict(rule, Some(key)))).collect(), gone)
    }

    /// From when on a tick may find something else without any write; the end of time where none will.
    pub fn until(&mut self, tick: &Tick<'_>) -> Timestamp {
        let Some(whole) = &mut self.whole else { return tick.as_of };
        let (calendar, param) = (&tick.pack.settings.calendar, |id: ParamId| tick.param(id));
        let baseline = whole.readings.baseline.as_ref().map(|b| b.taken_at);
        let of =
            |ahead: &mut Ahead, whole_as_of| ahead.until(calendar, &whole.plan.moments, baseline, whole_as_of, &param);
        let as_of = whole.as_of;
        of(&mut whole.ahead, as_of).min(of(&mut self.carried.ahead.borrow_mut(), as_of))
    }

    /// Writes of one's own that concern no rule have been made since the last tick.
    pub fn written(&mut self, store: &Store) -> Result<(), StoreError> {
        if let Some(whole) = &mut self.whole {
            whole.version = whole.version.with_own_of(store.version()?);
        }
        Ok(())
    }

    /// Brings what is kept up to a tick. The whole of it is to see one state of the database.
    pub fn renew(&mut self, tick: &Tick<'_>, store: &Store) -> Result<Renewed, StoreError> {
        let plain = tick.overrides.is_empty() && tick.unlisted.is_empty() && !tick.by_rows && tick.metrics.is_empty();
        let until = self.until(tick);
        let mut because = "nothing was kept";
        if let Some(mut whole) = self.whole.take() {
            if !plain || whole.rules != tick.rules || whole.as_of > tick.as_of || whole.clock > tick.clock {
                because = "another tick than the last";
            } else {
                let version = store.version()?;
                if version == whole.version && tick.as_of < until {
                    self.whole = Some(whole);
                    return Ok(Renewed::Nothing);
                }
                let renewed = whole.renew(tick, store, version, &mut self.carried.ahead.borrow_mut())?;
                match renewed {
                    Ok(touched) => {
                        self.carried.sums.borrow_mut().retain(|_, sum| match touched.keys(&sum.on) {
                            Which::None => true,
                            Which::Some(keys) => {
                                sum.pending.extend(keys);
                                true
                            }
                            Which::All => false,
                        });
                        self.whole = Some(whole);
                        return Ok(Renewed::Part(touched));
                    }
                    Err(TooMuch(why)) => because = why,
                }
            }
        }
        self.carried = Carried::default();
        self.whole = Some(Whole::read(tick, store)?);
        Ok(Renewed::Everything(because))
    }
}

fn stages(store: &Store) -> Result<String, StoreError> {
    let mut entered: Vec<_> = baseline::entered(store)?.into_iter().collect();
    entered.sort();
    Ok(format!("{:?} {entered:?}", baseline::latest_id(store)?))
}

impl Whole {
    fn read(tick: &Tick<'_>, store: &Store) -> Result<Whole, StoreError> {
        // What is written while this reads is seen by the next tick once more, and does no harm.
        let (version, schema) = (store.version()?, changes::schema(store)?);
        let position = changes::position(store)?;
        let stages = stages(store)?;
        let Taken { plan, readings } = tick.take_on(store, &mut Standing::default())?;
        let pack = tick.pack;
        let dependencies: HashMap<RuleRef, Dependencies> =
            tick.rules.iter().map(|rule| (*rule, Dependencies::of(pack, &plan, *rule))).collect();
        let mut paths = BTreeSet::new();
        for (input, reaches) in dependencies.values().flat_map(|d| &d.on) {
            for reach in reaches {
                if let (Input::Rows(relation), Reach::Via(hops)) = (input, reach) {
                    paths.insert((*relation, hops.clone()));
                }
            }
        }
        let read = contracts(pack, &plan);
        let mut tables: Option<HashMap<String, Vec<ContractId>>> = Some(HashMap::new());
        let mut distinct = HashSet::new();
        for id in &read {
            let contract = pack.contract(*id);
            if !contract.is_table() {
                continue;
            }
            let logged = !contract.key.is_empty() && changes::history_began(store, contract).is_some();
            match &mut tables {
                Some(tables) if logged => {
                    tables.entry(contract.table.to_ascii_lowercase()).or_default().push(*id);
                }
                _ => tables = None,
            }
            if catalog(store, contract)?.key_enforced(contract) {
                distinct.insert(*id);
            }
        }
        let mut whole = Whole {
            plan,
            readings,
            rules: tick.rules.to_vec(),
            dependencies,
            paths,
            as_of: tick.as_of,
            clock: tick.clock,
            version,
            schema,
            position,
            stages,
            tables,
            distinct,
            tests: Vec::new(),
            ahead: Ahead::default(),
        };
        whole.tests = whole.find_tests(tick);
        if whole.look_ahead(tick, store)?.is_err() {
            // Nothing is known of what lies ahead: everything does.
            whole.ahead.note(Limit::At(MomentId::NOW), tick.as_of, tick.as_of);
        }
        Ok(whole)
    }

    /// The limits in time of everything that is read.
    fn find_tests(&self, tick: &Tick<'_>) -> Vec<Test> {
        let pack = tick.pack;
        let mut tests: Vec<Test> = Vec::new();
        let mut add = |contract: ContractId, column: u32, limit: Limit| {
            let test = Test { contract, column, limit };
            if !tests.contains(&test) {
                tests.push(test);
            }
        };
        let visible = |id: ContractId, moment: MomentId, add: &mut dyn FnMut(ContractId, u32, Limit)| {
            let contract = pack.contract(id);
            let (from, until) = contract.valid.unzip();
            for column in [contract.dated, from, until].into_iter().flatten() {
                add(id, column, Limit::At(moment));
            }
        };
        for (relation, moment) in self.plan.tables.keys() {
            match relation {
                Relation::Contract(id) => visible(*id, *moment, &mut add),
                Relation::Pairs(id) => {
                    let pairs = pack.pair(*id);
                    for id in pairs.sharing.iter().map(|s| s.contract).chain(pairs.found_in) {
                        visible(id, *moment, &mut add);
                    }
                }
            }
        }
        for scan in &self.plan.groups {
            visible(scan.contract, scan.moment, &mut add);
            for measure in &scan.measures {
                if let Some(window) = &measure.window
                    && let Some(Binding::Column { column, .. }) = &window.by
                {
                    add(scan.contract, *column, Limit::From(scan.moment, window.kind.clone()));
                    add(scan.contract, *column, Limit::To(scan.moment, window.kind.clone()));
                }
                if let Some(e) = &measure.filter {
                    distances(e, &|id| tick.param(id), &mut |of, column, span, forward| {
                        add(of, column, Limit::Moved(scan.moment, span, forward));
                    });
                }
            }
        }
        // What lies in the future breaks a contract until it is past.
        for id in &self.plan.contracts {
            for (i, _) in pack.contract(*id).columns.iter().enumerate().filter(|(_, c)| c.not_future) {
                add(*id, i as u32, Limit::At(MomentId::NOW));
            }
        }
        tests
    }

    fn instants_at(&self, calendar: &Calendar, at: Timestamp) -> Vec<Option<Result<crate::time::Instant, Arc<Why>>>> {
        let baseline = self.readings.baseline.as_ref().map(|b| b.taken_at);
        window::instants(calendar, &self.plan.moments, baseline, at)
    }

    /// Finds what lies ahead of every limit.
    fn look_ahead(&mut self, tick: &Tick<'_>, store: &Store) -> Result<Part<()>, StoreError> {
        let mut ahead = std::mem::take(&mut self.ahead);
        for test in self.tests.clone() {
            if self.nearest(tick, store, &test, &mut ahead).is_err() {
                return Ok(Err(UNREADABLE));
            }
        }
        let calendar = &tick.pack.settings.calendar;
        for (i, moment) in self.plan.moments.iter().enumerate().skip(1) {
            let id = MomentId(i as u32);
            let Some(Ok(instant)) = self.readings.instants.get(i).cloned().flatten() else {
                // A baseline that is yet to come, seen from an earlier moment.
                if let (Moment::Then(from, _), Some(baseline)) = (moment, &self.readings.baseline) {
                    let seen = Limit::At(*from).at(calendar, &self.readings.instants, &|id| tick.param(id));
                    if let Some(seen) = seen {
                        ahead.note(Limit::At(*from), seen, baseline.taken_at);
                    }
                }
                continue;
            };
            // A period that is closed is followed by another.
            if matches!(moment, Moment::Closed(..)) {
                let next = Timestamp::from_nanosecond(instant.at.as_nanosecond() + 1).unwrap_or(Timestamp::MAX);
                ahead.note(Limit::At(id), instant.at, next);
            }
            // The past of a current state changes where something was written then, or where it begins to be known.
            for contract in self.past_states(tick.pack, id) {
                let contract = tick.pack.contract(contract);
                let began = changes::history_began(store, contract);
                let next = changes::next_write(store, &contract.table, instant.at)?;
                for at in began.into_iter().chain(next).filter(|at| *at >= instant.at) {
                    ahead.note(Limit::At(id), instant.at, at);
                    // At a period's end its last instant is seen.
                    let later = Timestamp::from_nanosecond(at.as_nanosecond() + 1_000_000).unwrap_or(Timestamp::MAX);
                    ahead.note(Limit::At(id), instant.at, later);
                }
            }
        }
        self.ahead = ahead;
        Ok(Ok(()))
    }

    /// The contracts that are current state and are read as they were at a moment.
    fn past_states(&self, pack: &Pack, moment: MomentId) -> BTreeSet<ContractId> {
        let mut found = BTreeSet::new();
        for (relation, at) in self.plan.tables.keys() {
            match relation {
                _ if *at != moment => {}
                Relation::Contract(id) => {
                    found.insert(*id);
                }
                Relation::Pairs(id) => {
                    let pairs = pack.pair(*id);
                    found.extend(pairs.sharing.iter().map(|s| s.contract).chain(pairs.found_in));
                }
            }
        }
        for scan in self.plan.groups.iter().filter(|g| g.moment == moment) {
            found.insert(scan.contract);
            found.extend(scan.joined(pack));
        }
        found.retain(|id| is_state(pack, *id));
        found
    }

    /// Notes the nearest row ahead of a limit.
    fn nearest(&self, tick: &Tick<'_>, store: &Store, test: &Test, ahead: &mut Ahead) -> Part<()> {
        let calendar = &tick.pack.settings.calendar;
        let Some(limit) = test.limit.at(calendar, &self.readings.instants, &|id| tick.param(id)) else { return Ok(()) };
        let contract = tick.pack.contract(test.contract);
        if !contract.is_table() || self.readings.contracts[test.contract.index()].absent {
            return Ok(());
        }
        let column = &contract.columns[test.column as usize];
        // Days begin and end together: no row need be looked at to know when the next day comes.
        if column.ty == Type::Date {
            ahead.note(test.limit.clone(), limit, calendar.day_end(calendar.date(limit)));
            return Ok(());
        }
        let param = |id: ParamId| tick.param(id);
        let request = self.request(tick, &param);
        let found = Renewal::of(store, &request, Readings::default()).nearest(test.contract, test.column, limit)?;
        if let Some(at) = found {
            // The text has three digits after the second, and may stand for anything finer.
            ahead.note(test.limit.clone(), limit, at.max(limit));
            let later = Timestamp::from_nanosecond(at.as_nanosecond() + 1_000_000).unwrap_or(Timestamp::MAX);
            ahead.note(test.limit.clone(), limit, later);
        }
        Ok(())
    }

    fn request<'r>(&'r self, tick: &'r Tick<'r>, param: &'r dyn Fn(ParamId) -> Value) -> Request<'r> {
        Request {
            pack: tick.pack,
            plan: &self.plan,
            as_of: tick.as_of,
            param,
            baseline: None,
            entered: HashMap::new(),
            contracts: Vec::new(),
            unlisted: tick.unlisted,
        }
    }

    /// Renews what was touched. Where all is to be read anew, what was renewed until then is lost.
    fn renew(
        &mut self,
        tick: &Tick<'_>,
        store: &Store,
        version: Version,
        judged: &mut Ahead,
    ) -> Result<Part<Touched>, StoreError> {
        let Some(tables) = self.tables.take() else { return Ok(Err(TooMuch("a table is not logged"))) };
        let pack = tick.pack;
        let calendar = &pack.settings.calendar;
        let param = |id: ParamId| tick.param(id);
        let budget = self.budget();
        let mut work = Work::default();
        if version != self.version {
            if changes::schema(store)? != self.schema {
                return Ok(Err(TooMuch("the schema is another")));
            }
            if stages(store)? != self.stages {
                return Ok(Err(TooMuch("a stage was entered or a baseline taken")));
            }
            let Some((head, changes)) = changes::after(store, &self.position, budget)? else {
                return Ok(Err(TooMuch("more than a third was written")));
            };
            self.position = head;
            for change in changes {
                work.latest = work.latest.max(Some(change.at));
                for id in tables.get(&change.table).into_iter().flatten() {
                    let image = change.before.as_ref().map(|before| image_of(pack, *id, before));
                    work.add(*id, change.key.clone(), image.into_iter().collect(), None);
                }
            }
        }
        let mut touched = Touched::default();
        // A state that was written after the instant of the tick is read as it was before.
        if work.latest.is_some_and(|at| at > tick.as_of) {
            return Ok(Err(TooMuch("something was written after the moment that is judged")));
        }
        let instants = self.instants_at(calendar, tick.as_of);
        if tick.as_of > self.as_of {
            if let Err(why) = self.moved_on(tick, store, &instants, budget, &mut work, &mut touched) {
                return Ok(Err(why));
            }
            let baseline = self.readings.baseline.as_ref().map(|b| b.taken_at);
            if judged.until(calendar, &self.plan.moments, baseline, self.as_of, &param) <= tick.as_of {
                touched.timely = true;
                *judged = Ahead::default();
            }
        }
        let readings = std::mem::take(&mut self.readings);
        let request = self.request(tick, &param);
        let renewal = Renewal::of(store, &request, readings);
        let mut part = Partial { whole: self, tick, touched, renewal, budget };
        let renewed = part.run(work, instants);
        let Partial { renewal, touched, .. } = part;
        let readings = renewal.done();
        let images = match renewed {
            Ok(images) => images,
            Err(why) => return Ok(Err(why)),
        };
        self.readings = readings;
        self.as_of = tick.as_of;
        self.clock = tick.clock;
        self.version = version;
        self.tables = Some(tables);
        // What was written may lie ahead of limits that nothing lay ahead of so far.
        for (id, image) in images {
            for test in self.tests.iter().filter(|t| t.contract == id) {
                let column = &pack.contract(id).columns[test.column as usize];
                let Some(limit) = test.limit.at(calendar, &self.readings.instants, &param) else { continue };
                if let Some(Arg::Text(text)) = &image[test.column as usize]
                    && column.ty == Type::Moment
                    && let Some(at) = crate::store::read::parse_moment(text)
                    && at >= limit
                {
                    self.ahead.note(test.limit.clone(), limit, at);
                }
            }
        }
        Ok(Ok(touched))
    }

    /// As many rows as are renewed one by one: above a third of the keys one pass over everything costs less.
    fn budget(&self) -> usize {
        let tables = self.readings.tables.values().flatten().map(|t| t.keys.len());
        let groups = self.readings.groups.values().flatten().map(|g| g.measures.first().map_or(0, |m| m.span()));
        (tables.chain(groups).max().unwrap_or(0) / 3).max(32)
    }

    /// Finds the rows of a state that were written to between two moments at which it is read.
    fn past_moved_on(
        &self,
        tick: &Tick<'_>,
        store: &Store,
        id: ContractId,
        (before, now): (Timestamp, Timestamp),
        work: &mut Work,
    ) -> Part<()> {
        let contract = tick.pack.contract(id);
        let a_little =
            |at: Timestamp, ms: i128| Timestamp::from_nanosecond(at.as_nanosecond() + ms * 1_000_000).unwrap_or(at);
        // The log cuts off what is finer than a thousandth, and at a period's end its last instant is seen.
        let (from, to) = (a_little(before, -2), a_little(now, 2));
        if changes::history_began(store, contract).is_some_and(|b| b >= from && b <= to) {
            return Err(TooMuch("the past of a state came to be known"));
        }
        let next = changes::next_write(store, &contract.table, from);
        if next.map_err(|_| UNREADABLE)?.is_none_or(|at| at > to) {
            return Ok(());
        }
        let written = changes::between(store, &contract.table, from, to, self.budget());
        let Some(written) = written.map_err(|_| UNREADABLE)? else {
            return Err(TooMuch("more than a third was written at an earlier moment"));
        };
        let param = |id: ParamId| tick.param(id);
        let request = self.request(tick, &param);
        let reader = Renewal::of(store, &request, Readings::default());
        for change in written {
            let present = reader.images(id, &change.key)?;
            let image = change.before.as_ref().map(|before| image_of(tick.pack, id, before));
            work.add(id, change.key, present, image);
        }
        Ok(())
    }

    /// Finds the rows over which limits have passed.
    fn moved_on(
        &mut self,
        tick: &Tick<'_>,
        store: &Store,
        instants: &[Option<Result<crate::time::Instant, Arc<Why>>>],
        budget: usize,
        work: &mut Work,
        touched: &mut Touched,
    ) -> Part<()> {
        let (pack, param) = (tick.pack, |id: ParamId| tick.param(id));
        let calendar = &pack.settings.calendar;
        let baseline = self.readings.baseline.as_ref().map(|b| b.taken_at);
        for (i, (before, now)) in self.readings.instants.iter().zip(instants).enumerate() {
            let known = |t: &Option<Result<crate::time::Instant, Arc<Why>>>| t.as_ref().map(Result::is_ok);
            if known(before) != known(now) {
                return Err(TooMuch("a moment came to be known"));
            }
            if let (Some(Ok(before)), Some(Ok(now))) = (before, now)
                && before != now
            {
                let id = MomentId(i as u32);
                if matches!(self.plan.moments[i], Moment::Closed(..)) {
                    touched.moments.insert(id);
                }
                let past = if i > 0 { self.past_states(pack, id) } else { BTreeSet::new() };
                for id in past {
                    self.past_moved_on(tick, store, id, (before.at, now.at), work)?;
                }
            }
        }
        if self.ahead.until(calendar, &self.plan.moments, baseline, self.as_of, &param) > tick.as_of {
            return Ok(());
        }
        let request = self.request(tick, &param);
        let reader = Renewal::of(store, &request, Readings::default());
        for test in &self.tests {
            let (Some(before), Some(now)) =
                (test.limit.at(calendar, &self.readings.instants, &param), test.limit.at(calendar, instants, &param))
            else {
                continue;
            };
            let contract = pack.contract(test.contract);
            if before == now || !contract.is_table() || self.readings.contracts[test.contract.index()].absent {
                continue;
            }
            let column = &contract.columns[test.column as usize];
            let (mut from, mut to) = (before, now);
            if column.ty == Type::Date {
                let (first, last) = (calendar.date(before), calendar.date(now));
                if first == last && calendar.day_start(first) != before {
                    continue;
                }
                // Days begin and end elsewhere than in UTC: a day more on both sides is looked at in vain at most.
                from = calendar.day_start(first.yesterday().unwrap_or(first));
                to = calendar.day_end(last.tomorrow().unwrap_or(last));
            }
            let rows = reader.between(test.contract, test.column, from, to, budget + 1)?;
            if rows.len() > budget {
                return Err(TooMuch("time has moved more than a third"));
            }
            for image in rows {
                let key: Option<Vec<Arg>> = contract.key.iter().map(|k| image[*k as usize].clone()).collect();
                work.add(test.contract, key.ok_or(NO_KEY)?, vec![image], None);
            }
        }
        drop(reader);
        // What lies ahead now is found anew.
        self.ahead = Ahead::default();
        let old = std::mem::replace(&mut self.readings.instants, instants.to_vec());
        let as_of = std::mem::replace(&mut self.as_of, tick.as_of);
        let found = self.look_ahead(tick, store);
        self.readings.instants = old;
        self.as_of = as_of;
        found.map_err(|_| UNREADABLE)?
    }
}

/// Rows to be renewed, by contract and key, each with what it was.
#[derive(Default)]
struct Work {
    rows: BTreeMap<ContractId, BTreeMap<Vec<Arc<str>>, Written>>,
    latest: Option<Timestamp>,
}

struct Written {
    key: Vec<Arg>,
    before: Vec<Image>,
    after: Vec<Image>,
    earlier: Vec<Image>,
}

impl Written {
    /// Everything that the row is or was at a moment that is read.
    fn images(&self) -> impl Iterator<Item = &Image> {
        self.before.iter().chain(&self.after).chain(&self.earlier)
    }
}

/// A row of the log as the columns of a contract.
fn image_of(pack: &Pack, id: ContractId, row: &HashMap<String, Option<Arg>>) -> Image {
    let columns = pack.contract(id).columns.iter();
    columns.map(|column| row.get(&column.stored.to_lowercase()).cloned().flatten()).collect()
}

impl Work {
    /// Adds a row, and what it was at an earlier moment that is read. What a row was that is there already stays what
    /// was said first.
    fn add(&mut self, id: ContractId, key: Vec<Arg>, before: Vec<Image>, earlier: Option<Image>) {
        let texts = key.iter().map(arg_text).collect();
        let rows = self.rows.entry(id).or_default();
        let written =
            rows.entry(texts).or_insert_with(|| Written { key, before, after: Vec::new(), earlier: Vec::new() });
        written.earlier.extend(earlier);
    }

    fn len(&self) -> usize {
        self.rows.values().map(BTreeMap::len).sum()
    }
}

/// One renewal under way.
struct Partial<'a> {
    whole: &'a Whole,
    tick: &'a Tick<'a>,
    touched: Touched,
    renewal: Renewal<'a>,
    budget: usize,
}

/// How the groups of a scan are renewed.
enum Way {
    /// Group by group, by the value of a column.
    Keys(BTreeMap<Arc<str>, Arg>),
    /// By what rows took away and brought.
    Rows,
    /// As a whole.
    Whole,
}

impl Partial<'_> {
    /// Renews what some rows touch; the rows as they are now.
    fn run(
        &mut self,
        mut work: Work,
        instants: Vec<Option<Result<crate::time::Instant, Arc<Why>>>>,
    ) -> Part<Vec<(ContractId, Image)>> {
        self.look(&mut work)?;
        self.examine(&work)?;
        self.lead(&work);
        let ways = self.ways(&work);
        // What a row took away, it took away at the moments of before.
        let mut taken: BTreeMap<GroupId, Vec<Contribution>> = BTreeMap::new();
        for (id, way) in &ways {
            if matches!(way, Way::Rows) {
                let made = self.contributions(*id, &work, |written| &written.before)?;
                taken.insert(*id, made);
            }
        }
        self.renewal.readings_mut().instants = instants;
        self.tables(&work)?;
        self.lead(&work);
        for (id, way) in ways {
            match way {
                Way::Keys(keys) => self.group_keys(id, keys)?,
                Way::Rows => self.group_rows(id, &work, taken.remove(&id).unwrap_or_default())?,
                Way::Whole => self.group_whole(id),
            }
        }
        self.pairs(&work)?;
        let rows = work.rows.into_iter();
        Ok(rows
            .flat_map(|(id, rows)| rows.into_values().flat_map(move |w| w.after.into_iter().map(move |i| (id, i))))
            .collect())
    }

    /// Reads the rows as they are now, and finds those that refer to one that came or went.
    fn look(&mut self, work: &mut Work) -> Part<()> {
        let mut referring: Vec<(ContractId, Image)> = Vec::new();
        for (id, rows) in &mut work.rows {
            for written in rows.values_mut() {
                written.after = self.renewal.images(*id, &written.key)?;
                let [key] = &written.key[..] else { continue };
                if written.before.is_empty() == written.after.is_empty() {
                    continue;
                }
                for child in &self.whole.plan.contracts {
                    let contract = self.tick.pack.contract(*child);
                    let refers = |i: &u32| contract.columns[*i as usize].refers == Some(*id) && contract.is_table();
                    for column in (0..contract.columns.len() as u32).filter(refers) {
                        let found = self.renewal.referring(*child, column, key, self.budget + 1)?;
                        if found.len() > self.budget {
                            return Err(TooMuch("more than a third refer to a row that came or went"));
                        }
                        referring.extend(found.into_iter().map(|image| (*child, image)));
                    }
                }
            }
        }
        for (id, image) in referring {
            let keys = &self.tick.pack.contract(id).key;
            let key: Option<Vec<Arg>> = keys.iter().map(|k| image[*k as usize].clone()).collect();
            let key = key.ok_or(NO_KEY)?;
            let texts: Vec<Arc<str>> = key.iter().map(arg_text).collect();
            if !work.rows.get(&id).is_some_and(|rows| rows.contains_key(&texts)) {
                work.add(id, key, vec![image.clone()], None);
            }
            let written = work.rows.get_mut(&id).and_then(|rows| rows.get_mut(&texts));
            if let Some(written) = written.filter(|w| w.after.is_empty()) {
                written.after = vec![image];
            }
        }
        if work.len() > self.budget { Err(TooMuch("more than a third was touched")) } else { Ok(()) }
    }

    /// Holds the rows against their contracts. Whether a contract is kept at all decides how everything is read.
    fn examine(&mut self, work: &Work) -> Part<()> {
        for (id, rows) in &work.rows {
            let state = &self.renewal.readings().contracts[id.index()];
            let (count, kept) = (state.count, state.violations.len() as u64);
            if count != kept || state.unreadable.is_some() || state.absent {
                return Err(TooMuch("a contract cannot be held against single rows"));
            }
            let distinct = self.whole.distinct.contains(id);
            for written in rows.values() {
                if self.renewal.examine(*id, &written.key, self.tick.clock, distinct)? {
                    self.touched.contracts.insert(*id);
                }
            }
            if (count == 0) != (self.renewal.readings().contracts[id.index()].count == 0) {
                return Err(TooMuch("a contract came to be broken, or is kept again"));
            }
        }
        Ok(())
    }

    /// Notes the keys that the rows lead to at present.
    fn lead(&mut self, work: &Work) {
        let param = |id: ParamId| self.tick.param(id);
        let mut led = Vec::new();
        for (relation, hops) in &self.whole.paths {
            let Relation::Contract(id) = relation else { continue };
            let Some(rows) = work.rows.get(id) else { continue };
            let numbers: Vec<u32> = rows.values().map(|written| self.renewal.number(*relation, &written.key)).collect();
            let judge = Judge::new(self.tick.pack, &self.whole.plan, self.renewal.readings(), &param);
            let mut found = Some(BTreeSet::new());
            let moments = self.whole.plan.tables.iter().filter(|((of, _), _)| of == relation);
            for ((_, moment), columns) in moments {
                let needed = match hops.first() {
                    Some(Hop::Column(column)) => Some(*column),
                    Some(Hop::Link(link)) => Some(self.tick.pack.contract(*id).links[*link as usize].first),
                    None => None,
                };
                // Who does not read the reference at this moment does not follow it.
                if needed.is_some_and(|column| !columns.contains(&column)) {
                    continue;
                }
                for number in &numbers {
                    // A row whose reference cannot be read may be anybody's.
                    match judge.follow(Row::of(*relation, *number), hops, *moment) {
                        Ok(row) => {
                            if let Some(found) = &mut found {
                                found.extend(row.map(Row::key));
                            }
                        }
                        Err(why) if why.reason == Reason::Orphan => {}
                        Err(_) => found = None,
                    }
                }
            }
            led.push(((*relation, hops.clone()), found));
        }
        for (path, found) in led {
            let known = self.touched.led.entry(path).or_insert_with(|| Some(BTreeSet::new()));
            match (&mut *known, found) {
                (Some(known), Some(found)) => known.extend(found),
                (known, _) => *known = None,
            }
        }
    }

    fn tables(&mut self, work: &Work) -> Part<()> {
        let slots: Vec<(ContractId, MomentId)> = self
            .whole
            .plan
            .tables
            .keys()
            .filter_map(|(relation, moment)| match relation {
                Relation::Contract(id) if work.rows.contains_key(id) => Some((*id, *moment)),
                _ => None,
            })
            .collect();
        for (id, moment) in slots {
            let relation = Relation::Contract(id);
            if !matches!(self.renewal.readings().tables.get(&(relation, moment)), Some(Ok(_))) {
                continue;
            }
            for written in work.rows[&id].values() {
                let number = self.renewal.number(relation, &written.key);
                if self.renewal.row(id, moment, &written.key, number)? {
                    self.touched.rows.entry(relation).or_default().insert(number);
                }
            }
        }
        Ok(())
    }

    fn pairs(&mut self, work: &Work) -> Part<()> {
        let slots: Vec<(PairsId, MomentId)> = self
            .whole
            .plan
            .tables
            .keys()
            .filter_map(|(r, m)| if let Relation::Pairs(id) = r { Some((*id, *m)) } else { None })
            .collect();
        for (id, moment) in slots {
            let relation = Relation::Pairs(id);
            if !matches!(self.renewal.readings().tables.get(&(relation, moment)), Some(Ok(_))) {
                continue;
            }
            let pairs = self.tick.pack.pair(id);
            let mut owners: BTreeMap<Arc<str>, Arg> = BTreeMap::new();
            let mut own = |contract: ContractId, column: u32| {
                for written in work.rows.get(&contract).into_iter().flat_map(BTreeMap::values) {
                    for image in written.images() {
                        owners.extend(image[column as usize].clone().map(|arg| (arg_text(&arg), arg)));
                    }
                }
            };
            for sharing in &pairs.sharing {
                own(sharing.contract, sharing.owner);
            }
            if let Some(found_in) = pairs.found_in {
                for link in self.tick.pack.contract(found_in).links.iter().filter(|l| l.pairs == id) {
                    own(found_in, link.first);
                    own(found_in, link.second);
                }
            }
            if let Some(rows) = work.rows.get(&pairs.of) {
                owners.extend(rows.values().filter_map(|w| w.key.first()).map(|key| (arg_text(key), key.clone())));
            }
            // What makes the condition of the block hold may lie further away than in the row itself.
            let of = Relation::Contract(pairs.of);
            let far = pairs.filter.as_ref().is_some_and(|filter| !is_of_its_row(filter, of));
            if owners.is_empty() && !far {
                continue;
            }
            let whole = far || pairs.at_most.is_some();
            let owners: Vec<Option<Arg>> = if whole { vec![None] } else { owners.into_values().map(Some).collect() };
            for owner in owners {
                let numbers = self.renewal.pairs(id, moment, owner.as_ref())?;
                if !numbers.is_empty() {
                    self.touched.rows.entry(relation).or_default().extend(numbers);
                }
            }
        }
        Ok(())
    }

    /// The scans that some rows touch, each with how it is renewed.
    fn ways(&mut self, work: &Work) -> Vec<(GroupId, Way)> {
        let mut ways = Vec::new();
        for (i, scan) in self.whole.plan.groups.iter().enumerate() {
            let id = GroupId(i as u32);
            if !matches!(self.renewal.readings().groups.get(&id), Some(Ok(_))) {
                continue;
            }
            let own = work.rows.get(&scan.contract);
            if scan.joined(self.tick.pack).iter().any(|joined| work.rows.contains_key(joined)) {
                ways.push((id, Way::Whole));
                continue;
            }
            // A key that came has the group that its rows make, which nobody asked for until now.
            let grain = scan.grain.and_then(|g| if let Relation::Contract(g) = g { work.rows.get(&g) } else { None });
            if own.is_none() && grain.is_none() {
                continue;
            }
            let by_column = match &scan.hops[..] {
                [] => None,
                [Hop::Column(column)] => Some(*column).filter(|c| self.renewal.leads(scan.contract, *c)),
                _ => None,
            };
            let mut keys: BTreeMap<Arc<str>, Arg> = BTreeMap::new();
            let way = if let Some(column) = by_column {
                for written in own.into_iter().flat_map(BTreeMap::values) {
                    for image in written.images() {
                        keys.extend(image[column as usize].clone().map(|arg| (arg_text(&arg), arg)));
                    }
                }
                for written in grain.into_iter().flat_map(BTreeMap::values) {
                    keys.extend(written.key.first().map(|key| (arg_text(key), key.clone())));
                }
                Way::Keys(keys)
            } else if grain.is_some() {
                Way::Whole
            } else if additive(scan) && (scan.moment == MomentId::NOW || !is_state(self.tick.pack, scan.contract)) {
                Way::Rows
            } else {
                Way::Whole
            };
            ways.push((id, way));
        }
        ways
    }

    fn group_keys(&mut self, id: GroupId, keys: BTreeMap<Arc<str>, Arg>) -> Part<()> {
        let Some(grain) = self.whole.plan.groups[id.0 as usize].grain else {
            return Err(TooMuch("a group has no key"));
        };
        for key in keys.into_values() {
            // Rows that refer to nobody there are nobody's.
            let Some(number) = self.renewal.known(grain, &key) else { continue };
            if self.renewal.group(id, &key, number)? {
                self.touched_group(id, number);
            }
        }
        Ok(())
    }

    fn touched_group(&mut self, id: GroupId, number: u32) {
        if let Groups::Keys(keys) = self.touched.groups.entry(id).or_insert(Groups::Keys(BTreeSet::new())) {
            keys.insert(number);
        }
    }

    fn group_whole(&mut self, id: GroupId) {
        self.renewal.groups(id);
        self.touched.groups.insert(id, Groups::All);
    }

    fn contributions(
        &mut self,
        id: GroupId,
        work: &Work,
        which: fn(&Written) -> &Vec<Image>,
    ) -> Part<Vec<Contribution>> {
        let contract = self.whole.plan.groups[id.0 as usize].contract;
        let rows = work.rows.get(&contract).into_iter().flat_map(BTreeMap::values);
        let mut made = Vec::new();
        for image in rows.flat_map(which) {
            made.push(self.renewal.contribution(id, image)?);
        }
        Ok(made)
    }

    /// Takes away what rows made of a scan and adds what they make of it now.
    fn group_rows(&mut self, id: GroupId, work: &Work, taken: Vec<Contribution>) -> Part<()> {
        let brought = self.contributions(id, work, |written| &written.after)?;
        let scan = &self.whole.plan.groups[id.0 as usize];
        let Some(Ok(groups)) = self.renewal.readings().groups.get(&id) else { return Ok(()) };
        let mut now: BTreeMap<u32, Vec<Raw>> = BTreeMap::new();
        let parts = taken.iter().map(|c| (c, false)).chain(brought.iter().map(|c| (c, true)));
        let mut exact = true;
        for (contribution, adds) in parts {
            for ((number, measure), raw) in contribution {
                let of = |measure| groups.get(*number, measure).unwrap_or(Raw::Value(None));
                let group = now.entry(*number).or_insert_with(|| (0..scan.measures.len()).map(of).collect());
                match combined(scan.measures[*measure].what, &group[*measure], raw, adds) {
                    Some(raw) => group[*measure] = raw,
                    None => exact = false,
                }
            }
        }
        if !exact {
            self.group_whole(id);
            return Ok(());
        }
        for (number, raw) in now {
            if let Some(Ok(groups)) = self.renewal.readings_mut().groups.get_mut(&id)
                && groups.renew(number, raw)
            {
                self.touched_group(id, number);
            }
        }
        Ok(())
    }
}

/// Whether the measures of a scan follow from what they were and from what single rows take away and bring.
fn additive(scan: &GroupScan) -> bool {
    let all_hops = scan.hops.iter().all(|h| matches!(h, Hop::Column(_)));
    let known = |what: What| {
        matches!(what, What::Rows | What::Known(_) | What::Sum(_) | What::Newest | What::Min(_) | What::Max(_))
    };
    all_hops && scan.measures.iter().all(|m| known(m.what))
}

/// A measure after a row brought or took its part; nothing where that cannot be told without the other rows.
fn combined(what: What, known: &Raw, part: &Raw, adds: bool) -> Option<Raw> {
    let signed = |a: Number, b: Number| if adds { a.plus(b) } else { a.minus(b) };
    match (what, known, part) {
        (_, _, Raw::Value(None) | Raw::Dated(None) | Raw::Count(0)) => Some(known.clone()),
        (What::Rows | What::Known(_), Raw::Count(n), Raw::Count(k)) => {
            let n = if adds { n.checked_add(*k) } else { n.checked_sub(*k) };
            n.map(Raw::Count)
        }
        (What::Sum(_), Raw::Value(None), Raw::Value(Some(_))) if adds => Some(part.clone()),
        (What::Sum(_), Raw::Value(Some(Value::Number(a))), Raw::Value(Some(Value::Number(b)))) => {
            signed(*a, *b).map(|n| Raw::Value(Some(Value::Number(n))))
        }
        (What::Newest, Raw::Dated(None), Raw::Dated(Some(_))) if adds => Some(part.clone()),
        (What::Newest, Raw::Dated(Some((_, a))), Raw::Dated(Some((_, b)))) => match (adds, a.cmp(b)) {
            (true, std::cmp::Ordering::Less) => Some(part.clone()),
            (true, _) | (false, std::cmp::Ordering::Greater) => Some(known.clone()),
            (false, _) => None,
        },
        (What::Min(_) | What::Max(_), Raw::Value(None), Raw::Value(Some(_))) if adds => Some(part.clone()),
        (What::Min(_) | What::Max(_), Raw::Value(Some(a)), Raw::Value(Some(b))) => {
            let order = a.compare(b)?;
            let order = if matches!(what, What::Min(_)) { order.reverse() } else { order };
            match (adds, order) {
                (true, std::cmp::Ordering::Less) => Some(part.clone()),
                (true, _) | (false, std::cmp::Ordering::Greater) => Some(known.clone()),
                (false, _) => None,
            }
        }
        _ => None,
    }
}

/// Whether a contract is current state, whose past the change log alone knows.
fn is_state(pack: &Pack, id: ContractId) -> bool {
    let contract = pack.contract(id);
    contract.is_table() && contract.dated.is_none() && contract.valid.is_none()
}

/// All contracts from which something is read.
fn contracts(pack: &Pack, plan: &Plan) -> BTreeSet<ContractId> {
    let mut all = plan.contracts.clone();
    for id in &plan.contracts {
        all.extend(pack.contract(*id).columns.iter().filter_map(|c| c.refers));
    }
    for scan in &plan.groups {
        all.insert(scan.contract);
        all.extend(scan.joined(pack));
    }
    all
}

/// Whether an expression speaks of nothing but columns of its own row, and not of the present.
fn is_of_its_row(e: &Expr<Checked>, of: Relation) -> bool {
    let mut own = true;
    e.walk(&mut |e| {
        own &= match &e.kind {
            ExprKind::Name(Binding::Column { depth: 0, hops, of: whose, .. }) => hops.is_empty() && *whose == of,
            ExprKind::Name(Binding::Param(_)) => true,
            ExprKind::Name(_) | ExprKind::Exists(_) | ExprKind::Holds(_) | ExprKind::Distance(_) => false,
            _ => true,
        };
    });
    own
}

/// The columns of a filter that are held against the present, each with how far away from it.
fn distances(e: &Expr<Checked>, param: &dyn Fn(ParamId) -> Value, found: &mut dyn FnMut(ContractId, u32, Value, bool)) {
    e.walk(&mut |e| {
        if let ExprKind::Distance(d) = &e.kind
            && let ExprKind::Name(Binding::Column { of: Relation::Contract(id), column, .. }) = &d.value.kind
            && let Some(span) = window::constant(&d.span, param)
            && matches!(d.anchor, Anchor::Ago | Anchor::FromNow)
        {
            found(*id, *column, span, matches!(d.anchor, Anchor::FromNow));
        }
    });
}
