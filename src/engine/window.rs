//! Windows and moments as instants: the definitions of time that reading and judging share.

use jiff::Timestamp;

use crate::lang::expr::{Checked, Expr, ParamId, WindowKind};
use crate::lang::item::metric::{Literal0, Then};
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Period;

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
