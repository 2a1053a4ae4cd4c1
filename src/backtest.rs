//! Rules over the past: judged at every instant at which they would have been due, with memory carried, from what was
//! known then. Nothing is carried out and nobody answers: what is asked stays open, and silence is what the rules make
//! of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::engine::course::{self, Course};
use crate::engine::decide::IntentKind;
use crate::engine::judge::{Judge, Outcome, key_words};
use crate::lang::expr::ParamId;
use crate::lang::item::trigger::Pace;
use crate::lang::pack::{Pack, RuleRef};
use crate::plan::{Known, MomentId, plan};
use crate::store::read::Unlisted;
use crate::store::{ErrorKind, Store, StoreError, changes};
use crate::tick::{Standing, Tick};

/// No backtest takes more judgements than this.
const MOST_TICKS: usize = 200_000;

/// What of the past is asked.
pub struct Past<'a> {
    /// The rules.
    pub pack: &'a Pack,
    /// Which of them: triggers, rollbacks and thresholds.
    pub rules: &'a [RuleRef],
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub to: Timestamp,
    /// The present.
    pub clock: Timestamp,
}

/// How a rule stood on a day, the worst of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Day {
    /// It slept, or there was nothing to judge.
    Asleep,
    /// All was well.
    Clear,
    /// A threshold was short of its target and acceptable.
    Warning,
    /// It could not be told.
    Unknown,
    /// It was firing; of a threshold: it was breached.
    Firing,
}

impl Day {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Day::Asleep => "asleep",
            Day::Clear => "clear",
            Day::Warning => "warning",
            Day::Unknown => "unknown",
            Day::Firing => "firing",
        }
    }
}

/// What a rule did in the past.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its name.
    pub rule: Arc<str>,
    /// What it is called for people.
    pub title: Option<Arc<str>>,
    /// `trigger`, `rollback` or `threshold`.
    pub kind: &'static str,
    /// How often it began to fire, over all keys; of a threshold: how often it became breached.
    pub firings: u32,
    /// When it first fired, or a threshold first was short of its target, and for whom.
    pub first: Option<(Timestamp, String)>,
    /// How often people were asked, in the first place or again.
    pub asked: u32,
    /// How often it would have proposed a rollback.
    pub rollbacks: u32,
    /// On how many days some key of it could not be told.
    pub days_unknown: u32,
    /// Every day, the first at the beginning.
    pub days: Vec<Day>,
}

/// The past of some rules.
#[derive(Debug, Clone)]
pub struct History {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
    /// What each rule did, in the order of the rules.
    pub rules: Vec<Told>,
    /// Contracts whose past is not known, or not all of it, and why.
    pub forgotten: Vec<String>,
    /// How many judgements it took.
    pub ticks: usize,
}

/// The rules of a pack that a backtest follows.
pub fn all(pack: &Pack) -> Vec<RuleRef> {
    let thresholds = (0..pack.thresholds.len() as u32).map(RuleRef::Threshold);
    course::all(pack).into_iter().chain(thresholds).collect()
}

/// Judges rules over the past. `seen` is told how many days are done, of how many.
pub fn backtest(store: &Store, past: &Past<'_>, seen: &mut dyn FnMut(usize, usize)) -> Result<History, StoreError> {
    let pack = past.pack;
    let calendar = &pack.settings.calendar;
    let (first, last) = (calendar.date(past.from), calendar.date(past.to));
    let mut days = vec![first];
    while let Some(next) = days.last().and_then(|d| d.tomorrow().ok()).filter(|d| *d <= last) {
        days.push(next);
    }
    let lives: Vec<RuleRef> = past.rules.iter().copied().filter(|r| pack.core(*r).is_some()).collect();
    let thresholds: Vec<RuleRef> = past.rules.iter().copied().filter(|r| matches!(r, RuleRef::Threshold(_))).collect();
    let mut run = Run {
        past,
        store,
        course: Course::new(pack, lives.clone()),
        told: past.rules.iter().map(|rule| (*rule, blank(pack, *rule, days.len()))).collect(),
        blind: BTreeSet::new(),
        bands: BTreeMap::new(),
        standing: BTreeMap::new(),
        counted: BTreeSet::new(),
        contracts: Standing::default(),
        ticks: 0,
    };
    let mut writes = run.writes(&lives)?.into_iter().peekable();
    let (mut now, mut day) = (past.from, 0);
    run.judge(&lives, now)?;
    run.weigh(&thresholds, now)?;
    run.mark(day);
    loop {
        while writes.next_if(|at| *at <= now).is_some() {}
        let midnight = days.get(day + 1).map(|d| calendar.day_start(*d));
        let next = [run.course.next(now), writes.peek().copied(), midnight].into_iter().flatten().min();
        let Some(at) = next.filter(|at| *at <= past.to) else { break };
        let due = run.course.due(at);
        if midnight == Some(at) {
            day += 1;
            seen(day, days.len());
            // A rule that is not judged today stands as it stood.
            run.mark(day);
            run.weigh(&thresholds, at)?;
        }
        run.judge(&due, at)?;
        run.mark(day);
        now = at;
        if run.ticks > MOST_TICKS {
            return Err(StoreError::new(
                ErrorKind::Refused,
                format!("so many days take more than {MOST_TICKS} judgements"),
                "ask for fewer days, or for some of the rules",
            ));
        }
    }
    let forgotten = run.forgotten();
    let rules = past.rules.iter().filter_map(|rule| run.told.remove(rule)).collect();
    Ok(History { first, last, rules, forgotten, ticks: run.ticks })
}

fn blank(pack: &Pack, rule: RuleRef, days: usize) -> Told {
    let item = pack.rule(rule);
    Told {
        rule: item.as_ref().map_or_else(|| "".into(), |i| i.name.into()),
        title: item.and_then(|i| i.title.cloned()),
        kind: match rule {
            RuleRef::Rollback(_) => "rollback",
            RuleRef::Threshold(_) => "threshold",
            _ => "trigger",
        },
        firings: 0,
        first: None,
        asked: 0,
        rollbacks: 0,
        days_unknown: 0,
        days: vec![Day::Asleep; days],
    }
}

struct Run<'a> {
    past: &'a Past<'a>,
    store: &'a Store,
    course: Course<'a>,
    told: BTreeMap<RuleRef, Told>,
    /// Rules whose keys cannot be told at present.
    blind: BTreeSet<RuleRef>,
    /// What each threshold last said of each key.
    bands: BTreeMap<(RuleRef, Vec<Arc<str>>), Outcome>,
    /// How each threshold stands at present.
    standing: BTreeMap<RuleRef, Day>,
    /// Days that count as unknown, each once a rule.
    counted: BTreeSet<(RuleRef, usize)>,
    /// How the contracts stand; nobody writes meanwhile.
    contracts: Standing,
    ticks: usize,
}

impl<'a> Run<'a> {
    fn tick<'t>(
        &self,
        rules: &'t [RuleRef],
        at: Timestamp,
        overrides: &'t HashMap<ParamId, crate::value::Value>,
        unlisted: &'t Unlisted,
    ) -> Tick<'t>
    where
        'a: 't,
    {
        let pack = self.past.pack;
        Tick { pack, as_of: at, clock: self.past.clock, rules, metrics: &[], overrides, unlisted, by_rows: false }
    }

    /// The moments at which tables were written that rules look at on every change.
    fn writes(&self, lives: &[RuleRef]) -> Result<Vec<Timestamp>, StoreError> {
        let pack = self.past.pack;
        let on_change = |rule: &RuleRef| {
            pack.core(*rule).is_some_and(|t| {
                let paces = std::iter::once(&t.check.pace).chain(t.check.other.as_ref().map(|(_, pace)| pace));
                paces.into_iter().any(|pace| matches!(pace, Pace::OnChange { .. }))
            })
        };
        let rules: Vec<RuleRef> = lives.iter().copied().filter(on_change).collect();
        let read = plan(pack, &rules, &[], &Known::default()).contracts;
        let tables: Vec<&str> = read.iter().map(|id| &*pack.contract(*id).table).collect();
        changes::moments(self.store, &tables, self.past.from, self.past.to)
    }

    /// What is not known of the past at its beginning.
    fn forgotten(&self) -> Vec<String> {
        let read = plan(self.past.pack, self.past.rules, &[], &Known::default()).contracts;
        let (overrides, unlisted) = (HashMap::new(), Unlisted::new());
        let tick = self.tick(&[], self.past.from, &overrides, &unlisted);
        let there = |id: &crate::lang::expr::ContractId| {
            self.store.has_table(&self.past.pack.contract(*id).table).unwrap_or(false)
        };
        read.into_iter()
            .filter(there)
            .filter_map(|id| tick.forgotten(self.store, id))
            .map(|why| why.text.clone())
            .collect()
    }

    fn judge(&mut self, rules: &[RuleRef], at: Timestamp) -> Result<(), StoreError> {
        if rules.is_empty() {
            return Ok(());
        }
        self.ticks += 1;
        let pack = self.past.pack;
        let read = self.course.read(rules);
        let (overrides, unlisted) = (HashMap::new(), Unlisted::new());
        let mut contracts = std::mem::take(&mut self.contracts);
        let taken = self.tick(&read, at, &overrides, &unlisted).take_past(self.store, &mut contracts);
        self.contracts = contracts;
        let taken = taken?;
        let param = |id: ParamId| pack.param(id).clone();
        let judge = Judge::new(pack, &taken.plan, &taken.readings, &param);
        for rule in rules {
            let blind = pack.core(*rule).is_some_and(|t| {
                t.stage.as_ref().is_none_or(|s| judge.stage_runs(s))
                    && t.grain.is_some_and(|g| judge.keys(g, MomentId::NOW).is_err())
            });
            if blind {
                self.blind.insert(*rule);
            } else {
                self.blind.remove(rule);
            }
        }
        self.course.judge(&judge, rules, at);
        for ((rule, key), intent) in std::mem::take(&mut self.course.log) {
            let Some(told) = self.told.get_mut(&rule) else { continue };
            match intent.kind {
                IntentKind::Fired { iteration: 1 } => {
                    told.firings += 1;
                    told.rollbacks += u32::from(matches!(rule, RuleRef::Rollback(_)));
                    if told.first.is_none() {
                        let grain = pack.core(rule).and_then(|t| t.grain);
                        let number = grain.and_then(|g| {
                            let all = judge.keys(g, MomentId::NOW).unwrap_or_default();
                            all.into_iter().find(|n| judge.key(g, *n) == key).map(|n| judge.label(g, n))
                        });
                        told.first = Some((at, number.unwrap_or_else(|| key_words(&key))));
                    }
                }
                IntentKind::Ask { .. } | IntentKind::Escalate { .. } | IntentKind::Exhausted { .. } => told.asked += 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// Weighs the thresholds, once a day.
    fn weigh(&mut self, rules: &[RuleRef], at: Timestamp) -> Result<(), StoreError> {
        if rules.is_empty() {
            return Ok(());
        }
        self.ticks += 1;
        let pack = self.past.pack;
        let (overrides, unlisted) = (HashMap::new(), Unlisted::new());
        let mut contracts = std::mem::take(&mut self.contracts);
        let taken = self.tick(rules, at, &overrides, &unlisted).take_past(self.store, &mut contracts);
        self.contracts = contracts;
        let taken = taken?;
        let param = |id: ParamId| pack.param(id).clone();
        let judge = Judge::new(pack, &taken.plan, &taken.readings, &param);
        for rule in rules {
            let mut worst = Day::Asleep;
            for verdict in judge.verdicts(*rule) {
                let key: Vec<Arc<str>> = verdict.key.iter().map(|(_, part)| part.clone()).collect();
                let before = self.bands.insert((*rule, key), verdict.outcome);
                let day = match verdict.outcome {
                    Outcome::Breached => Day::Firing,
                    Outcome::Unknown => Day::Unknown,
                    Outcome::Acceptable => Day::Warning,
                    Outcome::Off => Day::Asleep,
                    _ => Day::Clear,
                };
                worst = worst.max(day);
                let Some(told) = self.told.get_mut(rule) else { continue };
                if verdict.outcome == Outcome::Breached && before != Some(Outcome::Breached) {
                    told.firings += 1;
                }
                if matches!(day, Day::Firing | Day::Warning) && told.first.is_none() {
                    told.first = Some((at, verdict.label.clone()));
                }
            }
            self.standing.insert(*rule, worst);
        }
        Ok(())
    }

    /// Writes down how every rule stands on a day; what was worse on the same day stays.
    fn mark(&mut self, day: usize) {
        let mut now: BTreeMap<RuleRef, (Day, bool)> =
            self.standing.iter().map(|(r, d)| (*r, (*d, *d == Day::Unknown))).collect();
        for ((rule, _), memory) in &self.course.remembered.memory {
            let stands = if memory.firing().is_some() {
                Day::Firing
            } else if memory.asleep {
                Day::Asleep
            } else if memory.unknown {
                Day::Unknown
            } else {
                Day::Clear
            };
            let slot = now.entry(*rule).or_insert((Day::Asleep, false));
            slot.0 = slot.0.max(stands);
            slot.1 |= memory.unknown && !memory.asleep;
        }
        for rule in &self.blind {
            let slot = now.entry(*rule).or_insert((Day::Asleep, false));
            *slot = (slot.0.max(Day::Unknown), true);
        }
        for (rule, (stands, unknown)) in now {
            let Some(told) = self.told.get_mut(&rule) else { continue };
            if let Some(slot) = told.days.get_mut(day) {
                *slot = (*slot).max(stands);
            }
            if unknown && self.counted.insert((rule, day)) {
                told.days_unknown += 1;
            }
        }
    }
}

// ── drawing ──

/// Days in so many cells, each with the worst of its days; one a day where there is room.
pub fn cells(days: &[Day], most: usize) -> Vec<Day> {
    let each = days.len().div_ceil(most.max(1)).max(1);
    days.chunks(each).map(|chunk| chunk.iter().copied().max().unwrap_or(Day::Asleep)).collect()
}

/// A text within an SVG.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The timelines as a picture, one line a rule.
pub fn svg(history: &History) -> String {
    const NAME: usize = 240;
    const ROW: usize = 18;
    let wide = history.rules.first().map_or(0, |r| r.days.len());
    let each = (720 / wide.max(1)).clamp(2, 12);
    let (width, height) = (NAME + wide * each + 20, 60 + history.rules.len() * ROW);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"#ffffff\"/>\n<text x=\"10\" y=\"20\" font-size=\"13\">{} to {}</text>\n",
        history.first, history.last
    );
    for (i, rule) in history.rules.iter().enumerate() {
        let y = 34 + i * ROW;
        out.push_str(&format!("<text x=\"10\" y=\"{}\">{}</text>\n", y + 11, escaped(&rule.rule)));
        // Days that stand alike are one stretch.
        let mut start = 0;
        while start < rule.days.len() {
            let day = rule.days[start];
            let run = rule.days[start..].iter().take_while(|d| **d == day).count();
            let fill = match day {
                Day::Asleep => "#f2f2f2",
                Day::Clear => "#cfe8d5",
                Day::Warning => "#f2d98b",
                Day::Unknown => "#c9a7dd",
                Day::Firing => "#c0392b",
            };
            out.push_str(&format!(
                "<rect x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"><title>{}: {}, {run} days</title></rect>\n",
                NAME + start * each,
                run * each,
                ROW - 4,
                escaped(&rule.rule),
                day.word()
            ));
            start += run;
        }
    }
    out.push_str("</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_shows_the_worst_of_its_days() {
        let days = [Day::Clear, Day::Firing, Day::Asleep, Day::Unknown, Day::Clear];
        assert_eq!(cells(&days, 3), [Day::Firing, Day::Unknown, Day::Clear]);
        assert_eq!(cells(&days, 80), days);
        assert_eq!(cells(&[], 10), []);
    }
}
