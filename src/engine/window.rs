//! Windows and moments as instants: the definitions of time that reading and judging share.

use std::sync::Arc;

use jiff::Timestamp;

use super::reading::{Reason, Why};
use crate::lang::expr::{Checked, Expr, ParamId, WindowKind};
use crate::lang::item::metric::{Literal0, Then};
use crate::plan::{Moment, MomentId};
use crate::time::{Calendar, Instant, Period, Range};
use crate::value::Value;

/// A constant's value, given the values of params.
pub fn constant(e: &Expr<Checked>, param: &dyn Fn(ParamId) -> Value) -> Option<Value> {
    crate::lang::check::param_value(e, &|id| Some(param(id)))
}

/// A moment moved by a length of time: exact seconds or a span of the calendar.
pub fn moved(calendar: &Calendar, at: Timestamp, by: &Value, forward: bool) -> Timestamp {
    match by {
        Value::Span(span) => calendar.shift(at, *span, forward),
        Value::Number(seconds) => calendar.shift_seconds(at, seconds.floor(), forward),
        _ => at,
    }
}

/// The rows that may be seen at an instant.
pub fn seen(t: Instant) -> Range {
    Range { from: None, to: (t.at, !t.period_end) }
}

/// The rows of a window at an instant.
pub fn range(
    calendar: &Calendar,
    kind: &WindowKind<Checked>,
    t: Instant,
    param: &dyn Fn(ParamId) -> Value,
) -> Option<Range> {
    let to = (t.at, !t.period_end);
    Some(match kind {
        WindowKind::Last(length) => {
            let from = moved(calendar, t.at, &constant(length, param)?, false);
            // At a period's end the window is [from, end), else (from, t]: in both as many days as it says.
            Range { from: Some((from, t.period_end)), to }
        }
        WindowKind::This(period) => Range { from: Some((calendar.period_start(*period, t), true)), to },
        WindowKind::Previous(period) => {
            let end = calendar.period_start(*period, t);
            let start = calendar.closed(*period, t, 2).at;
            Range { from: Some((start, true)), to: (end, false) }
        }
        WindowKind::LastClosed(count, period) => {
            let (first, _) = closed_period(calendar, *period, t, *count);
            let (_, last) = closed_period(calendar, *period, t, 1);
            Range { from: Some((first, true)), to: (last, false) }
        }
    })
}

/// The n-th last closed period before an instant: its start and its end, which is not of it. At the end of a period
/// the one just ended is closed.
pub fn closed_period(calendar: &Calendar, period: Period, t: Instant, back: u32) -> (Timestamp, Timestamp) {
    let own = calendar.period_start(period, Instant::now(t.at));
    let end = if t.period_end && own == t.at { Instant::now(t.at) } else { t };
    (calendar.closed(period, end, back.saturating_add(1)).at, calendar.closed(period, end, back).at)
}

/// Another time as an instant; nothing for the baseline, which is stored.
pub fn then(calendar: &Calendar, from: Instant, then: &Then) -> Option<Instant> {
    Some(match then {
        Then::Baseline => return None,
        Then::Previous(period) => calendar.closed(*period, from, 1),
        Then::Ago(Literal0::Span(span)) => {
            Instant { at: calendar.shift(from.at, *span, false), period_end: from.period_end }
        }
        Then::Ago(Literal0::Seconds(seconds)) => {
            Instant { at: calendar.shift_seconds(from.at, i128::from(*seconds), false), period_end: from.period_end }
        }
        Then::At(at) => Instant::now(*at),
    })
}

/// Each moment of a plan as an instant, seen from the instant of a tick; why there is none where there is none.
pub fn instants(
    calendar: &Calendar,
    moments: &[Moment],
    baseline: Option<Timestamp>,
    as_of: Timestamp,
) -> Vec<Option<Result<Instant, Arc<Why>>>> {
    let mut instants: Vec<Option<Result<Instant, Arc<Why>>>> = Vec::with_capacity(moments.len());
    for moment in moments {
        let of = |id: &MomentId| instants.get(id.0 as usize).cloned().flatten();
        let instant = match moment {
            Moment::Now => Some(Ok(Instant::now(as_of))),
            Moment::Closed(from, period, back) => of(from).map(|t| t.map(|t| calendar.closed(*period, t, *back))),
            Moment::Then(from, before) => of(from).map(|t| {
                t.and_then(|t| match then(calendar, t, before) {
                    Some(instant) => Ok(instant),
                    None => at_baseline(calendar, baseline, t),
                })
            }),
        };
        instants.push(instant);
    }
    instants
}

/// The instant of the baseline, as far as it lies before the one it is compared with.
fn at_baseline(calendar: &Calendar, baseline: Option<Timestamp>, from: Instant) -> Result<Instant, Arc<Why>> {
    let Some(taken_at) = baseline else {
        return Err(Why::new(Reason::NoBaseline, "no baseline has been taken"));
    };
    if taken_at > from.at {
        let (taken, at) = (calendar.show(taken_at), calendar.show(from.at));
        return Err(Why::new(Reason::NoBaseline, format!("the baseline was taken on {taken}, after {at}")));
    }
    Ok(Instant::now(taken_at))
}

/// A limit that moves on as time passes, and which something may therefore come to lie behind.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// A moment of the plan.
    At(MomentId),
    /// A moment of the plan moved by a length of time, forward or back.
    Moved(MomentId, Value, bool),
    /// The beginning of a window.
    From(MomentId, WindowKind<Checked>),
    /// The end of a window.
    To(MomentId, WindowKind<Checked>),
}

impl Limit {
    /// Where the limit lies while the moments of the plan are these instants.
    pub fn at(
        &self,
        calendar: &Calendar,
        instants: &[Option<Result<Instant, Arc<Why>>>],
        param: &dyn Fn(ParamId) -> Value,
    ) -> Option<Timestamp> {
        let instant = |id: &MomentId| instants.get(id.0 as usize)?.as_ref()?.as_ref().ok().copied();
        match self {
            Limit::At(id) => instant(id).map(|t| t.at),
            Limit::Moved(id, by, forward) => instant(id).map(|t| moved(calendar, t.at, by, *forward)),
            Limit::From(id, kind) => range(calendar, kind, instant(id)?, param)?.from.map(|(at, _)| at),
            Limit::To(id, kind) => range(calendar, kind, instant(id)?, param).map(|r| r.to.0),
        }
    }
}

/// What lies ahead of limits that move: of each limit the nearest, and when the limit reaches it.
#[derive(Debug, Clone, Default)]
pub struct Ahead {
    nearest: Vec<(Limit, Timestamp, Option<Timestamp>)>,
}

impl Ahead {
    /// Notes something that was compared with a limit. What already lies behind it stays there.
    pub fn note(&mut self, limit: Limit, now: Timestamp, what: Timestamp) {
        if what < now {
            return;
        }
        match self.nearest.iter_mut().find(|(l, ..)| *l == limit) {
            Some((_, nearest, _)) if *nearest <= what => {}
            Some((_, nearest, until)) => (*nearest, *until) = (what, None),
            None => self.nearest.push((limit, what, None)),
        }
    }

    /// The first moment after `as_of` at which a limit reaches what lies ahead of it.
    pub fn until(
        &mut self,
        calendar: &Calendar,
        moments: &[Moment],
        baseline: Option<Timestamp>,
        as_of: Timestamp,
        param: &dyn Fn(ParamId) -> Value,
    ) -> Timestamp {
        let mut first = Timestamp::MAX;
        for (limit, what, until) in &mut self.nearest {
            let reached = |at: Timestamp| {
                let instants = instants(calendar, moments, baseline, at);
                limit.at(calendar, &instants, param).is_none_or(|l| l >= *what)
            };
            first = first.min(*until.get_or_insert_with(|| first_after(as_of, &reached)));
        }
        first
    }
}

/// The first moment after another at which something is so that then stays so, to the nanosecond; the end of time for
/// what does not come within a thousand years.
pub fn first_after(after: Timestamp, holds: &dyn Fn(Timestamp) -> bool) -> Timestamp {
    let nanos = |n: i128| Timestamp::from_nanosecond(n).unwrap_or(Timestamp::MAX);
    let start = after.as_nanosecond();
    let mut step: i128 = 1;
    // Far ahead in growing steps, then back by halves.
    let longest = 1_000 * 366 * 86_400 * 1_000_000_000_i128;
    while !holds(nanos(start + step)) {
        step *= 16;
        if step > longest {
            return Timestamp::MAX;
        }
    }
    let (mut low, mut high) = (start + step / 16, start + step);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(nanos(middle)) { high = middle } else { low = middle }
    }
    nanos(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Period;

    #[test]
    fn the_first_moment_is_found_to_the_nanosecond() {
        let at = |n: i128| Timestamp::from_nanosecond(n).expect("a moment");
        for far in [1, 2, 15, 16, 17, 86_400_000_000_000, 86_400_000_000_001] {
            assert_eq!(first_after(at(5), &|t| t >= at(5 + far)), at(5 + far), "{far}");
        }
        assert_eq!(first_after(at(5), &|_| true), at(6));
        assert_eq!(first_after(at(5), &|_| false), Timestamp::MAX);
    }

    #[test]
    fn closed_months_at_a_month_end_include_it() {
        let c = Calendar::default();
        let at = |text: &str| text.parse::<Timestamp>().expect("timestamp");
        let end = Instant { at: at("2026-03-01T00:00:00Z"), period_end: true };
        let window =
            |t| range(&c, &WindowKind::LastClosed(2, Period::Month), t, &|_| Value::Truth(true)).expect("range");
        assert_eq!(window(end).from, Some((at("2026-01-01T00:00:00Z"), true)));
        assert_eq!(window(end).to, (at("2026-03-01T00:00:00Z"), false));
        assert_eq!(window(Instant::now(at("2026-03-14T09:00:00Z"))), window(end));
    }

    #[test]
    fn the_previous_month_of_a_month_end_is_the_one_before_it() {
        let c = Calendar::default();
        let at = |text: &str| text.parse::<Timestamp>().expect("timestamp");
        let end = Instant { at: at("2026-03-01T00:00:00Z"), period_end: true };
        let r = range(&c, &WindowKind::Previous(Period::Month), end, &|_| Value::Truth(true)).expect("range");
        assert_eq!((r.from, r.to), (Some((at("2026-01-01T00:00:00Z"), true)), (at("2026-02-01T00:00:00Z"), false)));
    }
}
