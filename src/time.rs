//! The calendar: instants, periods and spans in the portfolio's time zone.
//!
//! Nothing here asks what time it is. A period is half-open; a verdict about a period is taken at its end, and there
//! rows *before* the end are seen. A date begins with its day and, for its age, ends with its day.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::value::Span;

/// A moment at which rules are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant {
    /// When.
    pub at: Timestamp,
    /// Whether it is the end of a period: rows of that very moment belong to the next period and are not seen.
    pub period_end: bool,
}

impl Instant {
    /// A moment within the day.
    pub fn now(at: Timestamp) -> Instant {
        Instant { at, period_end: false }
    }
}

/// A stretch with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// Midnight to midnight.
    Day,
    /// Monday to Sunday.
    Week,
    /// Calendar month.
    Month,
    /// Three calendar months from January, April, July or October.
    Quarter,
    /// Calendar year.
    Year,
}

impl Period {
    /// The word for one of it.
    pub fn word(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
        }
    }

    /// The period of a word.
    pub fn parse(word: &str) -> Option<Period> {
        [Period::Day, Period::Week, Period::Month, Period::Quarter, Period::Year].into_iter().find(|p| p.word() == word)
    }

    /// Its length.
    pub fn span(self, count: i32) -> Span {
        match self {
            Period::Day => Span { days: count, ..Span::default() },
            Period::Week => Span { days: count.saturating_mul(7), ..Span::default() },
            Period::Month => Span { months: count, ..Span::default() },
            Period::Quarter => Span { months: count.saturating_mul(3), ..Span::default() },
            Period::Year => Span { months: count.saturating_mul(12), ..Span::default() },
        }
    }
}

/// The rows that may be seen: from a lower to an upper instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// Where it begins, and whether that instant belongs to it. `None`: from the beginning of time.
    pub from: Option<(Timestamp, bool)>,
    /// Where it ends, and whether that instant belongs to it.
    pub to: (Timestamp, bool),
}

impl Range {
    /// Whether a moment lies in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        let after = match self.from {
            Some((from, true)) => at >= from,
            Some((from, false)) => at > from,
            None => true,
        };
        after && if self.to.1 { at <= self.to.0 } else { at < self.to.0 }
    }
}

/// Zone and holidays of the portfolio.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
    holidays: Vec<Date>,
}

impl Default for Calendar {
    fn default() -> Calendar {
        Calendar { zone: TimeZone::UTC, holidays: Vec::new() }
    }
}

impl Calendar {
    /// A calendar for a zone by its name in the time zone database, such as `Europe/Berlin`.
    pub fn new(zone: &str, mut holidays: Vec<Date>) -> Result<Calendar, String> {
        let zone = TimeZone::get(zone).map_err(|_| format!("there is no time zone `{zone}`"))?;
        holidays.sort_unstable();
        Ok(Calendar { zone, holidays })
    }

    /// The same holidays by the clock of another zone.
    pub fn in_zone(&self, zone: &str) -> Result<Calendar, String> {
        Calendar::new(zone, self.holidays.clone())
    }

    /// The same clock with other holidays.
    pub fn with_holidays(&self, mut holidays: Vec<Date>) -> Calendar {
        holidays.sort_unstable();
        Calendar { zone: self.zone.clone(), holidays }
    }

    /// The name of its zone.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The days on which nobody works, in order.
    pub fn holidays(&self) -> &[Date] {
        &self.holidays
    }

    /// The day a moment falls on.
    pub fn date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The first instant of a day.
    pub fn day_start(&self, date: Date) -> Timestamp {
        self.at_time(date, Time::midnight())
    }

    /// The first instant after a day.
    pub fn day_end(&self, date: Date) -> Timestamp {
        date.tomorrow().map_or(Timestamp::MAX, |next| self.day_start(next))
    }

    /// A clock time on a day: one that does not exist is the next instant, one that exists twice the first of the two.
    pub fn at_time(&self, date: Date, time: Time) -> Timestamp {
        self.zone.to_ambiguous_zoned(date.to_datetime(time)).compatible().map_or_else(
            |_| if date < Date::constant(1970, 1, 1) { Timestamp::MIN } else { Timestamp::MAX },
            |z| z.timestamp(),
        )
    }

    /// The clock time of a moment.
    pub fn clock(&self, at: Timestamp) -> Time {
        at.to_zoned(self.zone.clone()).time()
    }

    /// The first day of the period that holds the day.
    pub fn period_first(&self, period: Period, date: Date) -> Date {
        let first = match period {
            Period::Day => return date,
            Period::Week => {
                let back = i64::from(date.weekday().to_monday_zero_offset());
                return date.checked_sub(back.days()).unwrap_or(date);
            }
            Period::Month => Date::new(date.year(), date.month(), 1),
            Period::Quarter => Date::new(date.year(), (date.month() - 1) / 3 * 3 + 1, 1),
            Period::Year => Date::new(date.year(), 1, 1),
        };
        first.unwrap_or(date)
    }

    /// Where the instant's period begins; at a period's end that is the period just ended.
    pub fn period_start(&self, period: Period, t: Instant) -> Timestamp {
        let inside = if t.period_end { t.at.checked_sub(1.nanosecond()).unwrap_or(t.at) } else { t.at };
        self.day_start(self.period_first(period, self.date(inside)))
    }

    /// The end of the `back`-th last complete period before the instant; 1 is the one just closed.
    ///
    /// At a period's end the period just ended counts as the instant's own, so 1 is the one before it.
    pub fn closed(&self, period: Period, t: Instant, back: u32) -> Instant {
        let start = self.period_start(period, t);
        let steps = i32::try_from(back.saturating_sub(1)).unwrap_or(i32::MAX);
        let end = self.shift_date(self.date(start), period.span(steps), false);
        Instant { at: self.day_start(end), period_end: true }
    }

    /// A day moved by a span; months clamp to the last day, business days skip weekends and holidays.
    pub fn shift_date(&self, date: Date, span: Span, forward: bool) -> Date {
        let sign = if forward { 1 } else { -1 };
        let months = (i64::from(span.months) * sign).clamp(-200_000, 200_000);
        let days = (i64::from(span.days) * sign).clamp(-6_000_000, 6_000_000);
        let limit = if forward { Date::MAX } else { Date::MIN };
        let moved = date.checked_add(months.months()).and_then(|d| d.checked_add(days.days())).unwrap_or(limit);
        self.business(moved, i64::from(span.business) * sign)
    }

    fn business(&self, mut date: Date, count: i64) -> Date {
        let mut left = count.unsigned_abs().min(100_000);
        while left > 0 {
            let next = if count > 0 { date.tomorrow() } else { date.yesterday() };
            let Ok(next) = next else { break };
            date = next;
            let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
            if !weekend && self.holidays.binary_search(&date).is_err() {
                left -= 1;
            }
        }
        date
    }

    /// An instant moved by a span of the calendar, at the same time of day.
    pub fn shift(&self, at: Timestamp, span: Span, forward: bool) -> Timestamp {
        let date = self.shift_date(self.date(at), span, forward);
        self.at_time(date, self.clock(at))
    }

    /// An instant moved by exact seconds.
    pub fn shift_seconds(&self, at: Timestamp, seconds: i128, forward: bool) -> Timestamp {
        let limit = 60_000_000_000_i128;
        let seconds = seconds.clamp(-limit, limit) * if forward { 1 } else { -1 };
        let seconds = i64::try_from(seconds).unwrap_or(0);
        at.checked_add(seconds.seconds()).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }

    /// The first and last day whose first instants lie in the range; `None` where there is no first.
    pub fn days(&self, range: &Range) -> (Option<Date>, Date) {
        let from = range.from.map(|(at, closed)| {
            let date = self.date(at);
            if closed && self.day_start(date) >= at { date } else { date.tomorrow().unwrap_or(date) }
        });
        let (at, closed) = range.to;
        let date = self.date(at);
        let to = if !closed && self.day_start(date) >= at { date.yesterday().unwrap_or(date) } else { date };
        (from, to)
    }

    /// A moment as people of the portfolio read it, to the minute.
    pub fn show(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// The name of the period that ends at the instant, such as `February 2026`.
    pub fn period_name(&self, period: Period, end: Timestamp) -> String {
        let last = self.date(end.checked_sub(1.nanosecond()).unwrap_or(end));
        match period {
            Period::Day => last.to_string(),
            Period::Week => format!("the week to {last}"),
            Period::Month => last.strftime("%B %Y").to_string(),
            Period::Quarter => format!("quarter {} of {}", (last.month() - 1) / 3 + 1, last.year()),
            Period::Year => last.year().to_string(),
        }
    }
}

/// Seconds from the earlier to the later moment, exact to the nanosecond.
pub fn seconds_between(earlier: Timestamp, later: Timestamp) -> (i128, i128) {
    (later.as_nanosecond() - earlier.as_nanosecond(), 1_000_000_000)
}

/// A length of time in the words a person would use for an age.
pub fn age_words(seconds: i64) -> String {
    let (n, unit) = match seconds {
        172_800.. => (seconds / 86_400, "day"),
        7_200.. => (seconds / 3_600, "hour"),
        120.. => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") }
}

/// After how many more seconds an age has other words.
pub fn age_stays(seconds: i64) -> i64 {
    let unit = match seconds {
        172_800.. => 86_400,
        7_200.. => 3_600,
        120.. => 60,
        _ => 1,
    };
    unit - seconds.rem_euclid(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    fn days(n: i32) -> Span {
        Span { days: n, ..Span::default() }
    }

    #[test]
    fn thirty_days_are_thirty_dates_up_to_today() {
        let c = Calendar::default();
        let t = at("2026-03-14T09:00:00Z");
        let range = Range { from: Some((c.shift(t, days(30), false), false)), to: (t, true) };
        let (from, to) = c.days(&range);
        assert_eq!((from.map(|d| d.to_string()), to.to_string()), (Some("2026-02-13".into()), "2026-03-14".into()));
    }

    #[test]
    fn at_a_period_end_the_day_itself_is_not_seen() {
        let c = Calendar::default();
        let t = at("2026-03-01T00:00:00Z");
        let range = Range { from: Some((c.shift(t, days(30), false), true)), to: (t, false) };
        let (from, to) = c.days(&range);
        assert_eq!((from.map(|d| d.to_string()), to.to_string()), (Some("2026-01-30".into()), "2026-02-28".into()));
    }

    #[test]
    fn month_ends_meet_month_ends() {
        let c = Calendar::default();
        let march = c.closed(Period::Month, Instant::now(at("2026-04-10T12:00:00Z")), 1);
        assert_eq!(march.at, at("2026-04-01T00:00:00Z"));
        assert_eq!(c.closed(Period::Month, march, 1).at, at("2026-03-01T00:00:00Z"));
        assert_eq!(c.shift(march.at, Period::Month.span(1), false), at("2026-03-01T00:00:00Z"));
        assert_eq!(c.period_name(Period::Month, march.at), "March 2026");
    }

    #[test]
    fn an_hour_that_does_not_exist_is_the_next_instant() {
        let c = Calendar::new("Europe/Berlin", vec![]).expect("zone");
        let date = Date::constant(2026, 3, 29);
        assert_eq!(c.at_time(date, Time::constant(2, 30, 0, 0)), at("2026-03-29T01:30:00Z"));
    }

    #[test]
    fn business_days_skip_weekends_and_holidays() {
        let c = Calendar::new("UTC", vec![Date::constant(2026, 3, 9)]).expect("zone");
        let span = Span { business: 1, ..Span::default() };
        assert_eq!(c.shift_date(Date::constant(2026, 3, 6), span, true), Date::constant(2026, 3, 10));
    }
}
