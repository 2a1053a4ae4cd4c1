//! Exact values and their units.
//!
//! A quantity is a fraction of two 128-bit integers, so that money, percents and quotients are exact and two values
//! are equal or they are not. What does not fit is unknown, never rounded.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use num_rational::Ratio;
use num_traits::{CheckedAdd, CheckedDiv, CheckedMul, CheckedSub, Signed};

/// An exact number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(Ratio<i128>);

impl Number {
    /// Nothing.
    pub const ZERO: Number = Number(Ratio::new_raw(0, 1));
    /// One.
    pub const ONE: Number = Number(Ratio::new_raw(1, 1));

    /// The numerator and the denominator, which is above zero.
    pub fn parts(self) -> (i128, i128) {
        (*self.0.numer(), *self.0.denom())
    }

    /// A whole number.
    pub const fn whole(value: i128) -> Number {
        Number(Ratio::new_raw(value, 1))
    }

    /// `numerator / denominator`; `None` for a zero denominator.
    pub fn ratio(numerator: i128, denominator: i128) -> Option<Number> {
        // `Ratio::new` panics on the one denominator whose sign cannot be turned.
        (denominator != 0 && denominator != i128::MIN && numerator != i128::MIN)
            .then(|| Number(Ratio::new(numerator, denominator)))
    }

    /// Reads `-1,234.50` or `1e-3`; commas may group thousands.
    pub fn parse(text: &str) -> Option<Number> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((m, e)) => (m, e.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let mut value: i128 = 0;
        let mut places: i32 = 0;
        let mut after_point = false;
        let mut any = false;
        for c in digits.chars() {
            match c {
                '0'..='9' => {
                    any = true;
                    // Zeros far behind the point add nothing and must not overflow.
                    value = value.checked_mul(10)?.checked_add(i128::from(c as u8 - b'0'))?;
                    places += i32::from(after_point);
                }
                ',' if !after_point => {}
                '.' if !after_point => after_point = true,
                _ => return None,
            }
        }
        if !any {
            return None;
        }
        let value = if negative { -value } else { value };
        let shift = exponent.checked_sub(places)?;
        let power = 10i128.checked_pow(shift.unsigned_abs())?;
        if shift >= 0 { Some(Number::whole(value.checked_mul(power)?)) } else { Number::ratio(value, power) }
    }

    /// The shortest decimal that reads back as this binary number: what a person sees is what is meant.
    pub fn from_f64(value: f64) -> Option<Number> {
        if value.is_finite() { Number::parse(&format!("{value:e}")) } else { None }
    }

    /// Sum; `None` when it does not fit.
    pub fn plus(self, other: Number) -> Option<Number> {
        if *self.0.denom() == 1 && *other.0.denom() == 1 {
            return (*self.0.numer()).checked_add(*other.0.numer()).map(Number::whole);
        }
        self.0.checked_add(&other.0).map(Number)
    }

    /// Difference; `None` when it does not fit.
    pub fn minus(self, other: Number) -> Option<Number> {
        if *self.0.denom() == 1 && *other.0.denom() == 1 {
            return (*self.0.numer()).checked_sub(*other.0.numer()).map(Number::whole);
        }
        self.0.checked_sub(&other.0).map(Number)
    }

    /// Product; `None` when it does not fit.
    pub fn times(self, other: Number) -> Option<Number> {
        if *self.0.denom() == 1 && *other.0.denom() == 1 {
            return (*self.0.numer()).checked_mul(*other.0.numer()).map(Number::whole);
        }
        self.0.checked_mul(&other.0).map(Number)
    }

    /// Quotient; `None` for a zero divisor or when it does not fit.
    pub fn over(self, other: Number) -> Option<Number> {
        if *other.0.numer() == 0 {
            return None;
        }
        self.0.checked_div(&other.0).map(Number)
    }

    /// With the sign turned.
    pub fn negated(self) -> Number {
        Number(-self.0)
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        *self.0.numer() == 0
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.0.is_negative()
    }

    /// The whole number it is, if it is one.
    pub fn to_whole(self) -> Option<i128> {
        (*self.0.denom() == 1).then_some(*self.0.numer())
    }

    /// The whole number at or below it.
    pub fn floor(self) -> i128 {
        self.0.numer().div_euclid(*self.0.denom())
    }

    /// The nearest binary number, for drawing only.
    pub fn to_f64(self) -> f64 {
        *self.0.numer() as f64 / *self.0.denom() as f64
    }

    /// Decimal text with at most `places` digits after the point, rounded half to even, without trailing zeros.
    pub fn decimal(self, places: u32) -> String {
        let text = self.fixed(places);
        match text.split_once('.') {
            Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            None => text,
        }
    }

    /// Decimal text with exactly `places` digits after the point, rounded half to even.
    pub fn fixed(self, places: u32) -> String {
        let (numerator, denominator) = (*self.0.numer(), *self.0.denom());
        let negative = numerator < 0;
        let (mut whole, mut rest) = (numerator.unsigned_abs() / denominator.unsigned_abs(), {
            numerator.unsigned_abs() % denominator.unsigned_abs()
        });
        let denominator = denominator.unsigned_abs();
        let mut digits = Vec::with_capacity(places as usize);
        for _ in 0..places {
            // The remainder is below the denominator; long division by tens cannot leave u128 unless the
            // denominator is above 2^124, where the last digits no longer matter to anybody.
            let Some(ten) = rest.checked_mul(10) else {
                digits.push(0);
                continue;
            };
            digits.push((ten / denominator) as u8);
            rest = ten % denominator;
        }
        let odd = digits.last().map_or(whole % 2 == 1, |d| d % 2 == 1);
        let up = match rest.cmp(&(denominator - rest)) {
            Ordering::Greater => true,
            Ordering::Equal => odd,
            Ordering::Less => false,
        };
        if up {
            let mut carry = true;
            for digit in digits.iter_mut().rev() {
                if *digit == 9 {
                    *digit = 0;
                } else {
                    *digit += 1;
                    carry = false;
                    break;
                }
            }
            whole += u128::from(carry);
        }
        let zero = whole == 0 && digits.iter().all(|d| *d == 0);
        let mut text = String::new();
        if negative && !zero {
            text.push('-');
        }
        text.push_str(&whole.to_string());
        if places > 0 {
            text.push('.');
            text.extend(digits.iter().map(|d| char::from(b'0' + d)));
        }
        text
    }

    /// Text that reads back exactly: a decimal, or a fraction `n/d`.
    pub fn exact(self) -> String {
        let text = self.decimal(12);
        if Number::parse(&text) == Some(self) { text } else { format!("{}/{}", self.0.numer(), self.0.denom()) }
    }

    /// The decimal string of `--format json`: exact where a decimal of 12 places is exact, else rounded to them.
    pub fn json(self) -> String {
        self.decimal(12)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&grouped(&self.decimal(12)))
    }
}

/// Commas between thousands.
pub(crate) fn grouped(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |r| ("-", r));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    let mut out = String::from(sign);
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A currency by its three letters, such as `USD`.
pub type Currency = Arc<str>;

/// The sign by which a currency is written, where it has one of its own.
pub fn currency_sign(currency: &str) -> Option<&'static str> {
    match currency {
        "USD" => Some("$"),
        "EUR" => Some("€"),
        "GBP" => Some("£"),
        _ => None,
    }
}

/// A stretch of the calendar: its length in seconds depends on where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Whole months.
    pub months: i32,
    /// Whole days.
    pub days: i32,
    /// Business days: days that are neither weekend nor holiday.
    pub business: i32,
}

impl Span {
    /// Order, where both are counted alike: months with months, days with days.
    pub fn compare(self, other: Span) -> Option<Ordering> {
        let a = [self.months, self.days, self.business];
        let b = [other.months, other.days, other.business];
        let used: Vec<usize> = (0..3).filter(|i| a[*i] != 0 || b[*i] != 0).collect();
        match used[..] {
            [] => Some(Ordering::Equal),
            [i] => Some(a[i].cmp(&b[i])),
            _ => None,
        }
    }

    /// The number of units, for reasoning over ranges where all spans are counted alike.
    pub fn count(self) -> i64 {
        i64::from(self.months) + i64::from(self.days) + i64::from(self.business)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = |n: i32, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
        let parts: Vec<String> = [(self.months, "month"), (self.days, "day"), (self.business, "business day")]
            .into_iter()
            .filter(|(n, _)| *n != 0)
            .map(|(n, one)| match (n, one) {
                (n, "month") if n % 12 == 0 => unit(n / 12, "year"),
                (n, one) => unit(n, one),
            })
            .collect();
        if parts.is_empty() { f.write_str("0 days") } else { f.write_str(&parts.join(" and ")) }
    }
}

/// The unit or kind of a value. Two quantities combine only as these say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Type {
    /// A count of things, whole.
    Count,
    /// A number without a unit.
    Number,
    /// A percent: 20% is the number 20.
    Percent,
    /// A difference of percents: 3 points is the number 3.
    Points,
    /// An amount in one currency, in its main unit.
    Money(Currency),
    /// An amount by the second, such as $75 an hour.
    Rate(Currency),
    /// An exact length of time, in seconds.
    Duration,
    /// A stretch of the calendar.
    Span,
    /// A day.
    Date,
    /// A moment.
    Moment,
    /// yes or no.
    Truth,
    /// Words.
    Text,
    /// The key of a row of the named contract.
    Id(Arc<str>),
    /// One of these words.
    Words(Arc<[Arc<str>]>),
    /// An amount whose currency stands in another column.
    MoneyBy(Arc<str>),
    /// Rows of another contract, in an outgoing document.
    List(Arc<str>),
    /// No value but something that holds or does not.
    Condition,
    /// A type that cannot be, which has been said: nothing follows from it.
    Broken,
}

impl Type {
    /// Whether its values are [`Value::Number`].
    pub fn is_quantity(&self) -> bool {
        matches!(
            self,
            Type::Count
                | Type::Number
                | Type::Percent
                | Type::Points
                | Type::Money(_)
                | Type::Rate(_)
                | Type::Duration
                | Type::MoneyBy(_)
        )
    }

    /// How it is called in messages and in `--format json`.
    pub fn name(&self) -> String {
        match self {
            Type::Count => "count".into(),
            Type::Number => "number".into(),
            Type::Percent => "percent".into(),
            Type::Points => "points".into(),
            Type::Money(currency) => format!("money in {currency}"),
            Type::Rate(currency) => format!("{currency} an hour"),
            Type::Duration => "hours".into(),
            Type::Span => "days".into(),
            Type::Date => "date".into(),
            Type::Moment => "moment".into(),
            Type::Truth => "yes or no".into(),
            Type::Text => "text".into(),
            Type::Id(of) => format!("id of {of}"),
            Type::Words(words) => format!("one of {}", listed(words, "or")),
            Type::MoneyBy(column) => format!("money in {column}"),
            Type::List(of) => format!("list of {of}"),
            Type::Condition => "condition".into(),
            Type::Broken => "unknown".into(),
        }
    }

    /// A value of it as the object of a sentence: `an amount in USD`, `a plain number`.
    pub fn phrase(&self) -> String {
        match self {
            Type::Number => "a plain number".into(),
            Type::Points => "a number of points".into(),
            Type::Money(currency) => format!("an amount in {currency}"),
            Type::Rate(currency) => format!("a rate in {currency} an hour"),
            Type::Duration => "a time in hours".into(),
            Type::Span => "a time in days".into(),
            Type::Truth | Type::Words(_) | Type::Text => self.name(),
            Type::MoneyBy(column) => format!("an amount in the currency that `{column}` names"),
            Type::Condition => "something that holds or not".into(),
            _ => with_article(&self.name()),
        }
    }

    /// What to write where a value of it is needed: `write an amount in USD, such as $5,000`.
    pub fn write_such(&self) -> String {
        let example = match self {
            Type::Count => "12",
            Type::Number => "2.5",
            Type::Percent => "10%",
            Type::Points => "3 points",
            Type::Money(currency) => match currency_sign(currency) {
                Some("€") => "€5,000",
                Some("£") => "£5,000",
                _ => "$5,000",
            },
            Type::MoneyBy(_) => "5,000",
            Type::Rate(_) => "$75 an hour",
            Type::Duration => "24 hours",
            Type::Span => "7 days",
            Type::Date => "2026-03-02",
            Type::Moment => "2026-03-02 09:00",
            Type::Truth => return "write `yes` or `no`".into(),
            Type::Words(words) => return format!("write {}", listed(words, "or")),
            Type::Text => "\"…\"",
            Type::Id(_) | Type::List(_) | Type::Condition | Type::Broken => return format!("write {}", self.phrase()),
        };
        format!("write {}, such as `{example}`", self.phrase())
    }

    /// The unit as one word for machines.
    pub fn unit(&self) -> &str {
        match self {
            Type::Count => "count",
            Type::Number => "number",
            Type::Percent => "percent",
            Type::Points => "points",
            Type::Money(currency) => currency,
            Type::Rate(_) => "rate",
            Type::Duration => "seconds",
            Type::Span => "span",
            Type::Date => "date",
            Type::Moment => "moment",
            Type::Truth => "truth",
            Type::Text | Type::Id(_) => "text",
            Type::Words(_) => "word",
            Type::MoneyBy(_) => "money",
            Type::List(_) => "list",
            Type::Condition => "condition",
            Type::Broken => "unknown",
        }
    }
}

/// A word with the article it is spoken with: `an overlap`, `a venture`, `a user`.
pub fn with_article(word: &str) -> String {
    // Written with a vowel and spoken with a consonant, and the other way round.
    let consonant = ["uni", "use", "usa", "uti", "eu", "one", "once"].iter().any(|w| word.starts_with(w));
    let silent = ["hour", "honest", "heir"].iter().any(|w| word.starts_with(w));
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
    format!("{} {word}", if silent || vowel && !consonant { "an" } else { "a" })
}

/// `1 row`, `3 rows`.
pub fn counted(n: impl TryInto<u64>, one: &str) -> String {
    match n.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    }
}

/// `a, b or c`.
pub fn listed<S: AsRef<str>>(words: &[S], joint: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [all @ .., last] => {
            let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
            format!("{} {joint} {}", all.join(", "), last.as_ref())
        }
    }
}

/// A known value; its [`Type`] stands beside it in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// Every quantity.
    Number(Number),
    /// A day.
    Date(Date),
    /// A moment.
    Moment(Timestamp),
    /// A stretch of the calendar.
    Span(Span),
    /// Text, id or word.
    Text(Arc<str>),
    /// yes or no.
    Truth(bool),
}

impl Value {
    /// The number, if it is one.
    pub fn number(&self) -> Option<Number> {
        if let Value::Number(n) = self { Some(*n) } else { None }
    }

    /// A text value.
    pub fn text(text: impl Into<Arc<str>>) -> Value {
        Value::Text(text.into())
    }

    /// Order within one type; `None` where there is none.
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
            (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
            (Value::Moment(a), Value::Moment(b)) => Some(a.cmp(b)),
            (Value::Span(a), Value::Span(b)) => a.compare(*b),
            (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Value::Truth(a), Value::Truth(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// The value as `--format json` and the store write it.
    pub fn json(&self) -> String {
        match self {
            Value::Number(n) => n.json(),
            Value::Date(d) => d.to_string(),
            Value::Moment(m) => m.to_string(),
            Value::Span(s) => s.to_string(),
            Value::Text(t) => t.to_string(),
            Value::Truth(t) => if *t { "yes" } else { "no" }.to_owned(),
        }
    }

    /// The value as text that reads back exactly: a quantity that is no short decimal is written as a fraction.
    pub fn exact(&self) -> String {
        match self {
            Value::Number(n) => n.exact(),
            other => other.json(),
        }
    }

    /// The value as a person reads it.
    pub fn show(&self, ty: &Type) -> String {
        self.show_with(ty, None)
    }

    /// The value as a person reads it beside `other`, with as many digits as it takes to tell the two apart.
    pub fn show_beside(&self, other: &Value, ty: &Type) -> String {
        if self == other {
            return self.show(ty);
        }
        let usual = self.show(ty);
        if usual != other.show(ty) {
            return usual;
        }
        (1..=12)
            .map(|places| (self.show_with(ty, Some(places)), other.show_with(ty, Some(places))))
            .find(|(a, b)| a != b)
            .map_or(usual, |(a, _)| a)
    }

    fn show_with(&self, ty: &Type, places: Option<u32>) -> String {
        let n = match self {
            Value::Number(n) => *n,
            Value::Moment(m) => return show_moment(*m),
            other => return other.json(),
        };
        let number = |n: Number, usual: u32| grouped(&n.decimal(places.unwrap_or(usual)));
        match ty {
            Type::Percent => format!("{}%", number(n, 1)),
            Type::Points => {
                let text = number(n, 1);
                if text == "1" { "1 point".into() } else { format!("{text} points") }
            }
            Type::Money(currency) => money(n, currency, places),
            Type::Rate(currency) => {
                let hour = n.times(Number::whole(3600)).unwrap_or(n);
                format!("{} an hour", money(hour, currency, places))
            }
            Type::Duration => duration(n, places),
            _ => number(n, 2),
        }
    }
}

/// A moment without seconds where they are zero.
fn show_moment(moment: Timestamp) -> String {
    let text = moment.to_string();
    let text = text.trim_end_matches('Z').replace('T', " ");
    text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
}

fn money(n: Number, currency: &str, places: Option<u32>) -> String {
    let cents = n.times(Number::whole(100)).and_then(Number::to_whole).is_some();
    let whole = n.to_whole().is_some();
    let large = n.floor().unsigned_abs() >= 1000;
    let text = match places {
        Some(places) => n.decimal(places),
        None if whole || large && !cents => n.fixed(0),
        None => n.fixed(2),
    };
    let text = grouped(&text);
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |t| ("-", t));
    match currency_sign(currency) {
        Some(mark) => format!("{sign}{mark}{text}"),
        None => format!("{sign}{text} {currency}"),
    }
}

fn duration(seconds: Number, places: Option<u32>) -> String {
    let (unit, size) = match seconds.floor().unsigned_abs() {
        3600.. => ("hour", 3600),
        60.. => ("minute", 60),
        0 if seconds.is_zero() => ("hour", 3600),
        _ => ("second", 1),
    };
    let n = seconds.over(Number::whole(size)).unwrap_or(seconds);
    let text = grouped(&n.decimal(places.unwrap_or(1)));
    if text == "1" { format!("1 {unit}") } else { format!("{text} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn n(text: &str) -> Number {
        Number::parse(text).expect("a number")
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(n("0.1").plus(n("0.2")), Some(n("0.3")));
        assert_eq!(Number::from_f64(0.1), Some(n("0.1")));
        assert_eq!(n("1").over(n("3")).and_then(|t| t.times(n("3"))), Some(Number::ONE));
        assert_eq!(n("1,234.50").decimal(12), "1234.5");
    }

    #[test]
    fn rounding_is_half_to_even() {
        for (text, places, out) in
            [("0.5", 0, "0"), ("1.5", 0, "2"), ("2.5", 0, "2"), ("-0.04", 1, "0.0"), ("9.96", 1, "10.0")]
        {
            assert_eq!(n(text).fixed(places), out, "{text}");
        }
    }

    #[test]
    fn two_values_that_differ_look_different() {
        let a = Value::Number(n("100.004"));
        let b = Value::Number(n("100"));
        assert_eq!(a.show_beside(&b, &Type::Percent), "100.004%");
        assert_eq!(b.show_beside(&a, &Type::Percent), "100%");
    }

    #[test]
    fn people_read_units() {
        let usd: Currency = "USD".into();
        let show = |text: &str, ty: &Type| Value::Number(n(text)).show(ty);
        assert_eq!(show("1049000", &Type::Money(usd.clone())), "$1,049,000");
        assert_eq!(show("-7.5", &Type::Money(usd.clone())), "-$7.50");
        assert_eq!(show("172800", &Type::Duration), "48 hours");
        assert_eq!(Value::Number(n("75").over(n("3600")).expect("rate")).show(&Type::Rate(usd)), "$75 an hour");
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let big = Number::whole(i128::MAX);
        assert_eq!(big.plus(Number::ONE), None);
        assert_eq!(big.times(big), None);
        assert_eq!(Number::ONE.over(Number::ZERO), None);
        assert_eq!(Number::parse("1e400"), None);
    }

    proptest! {
        #[test]
        fn text_reads_back(value in -1_000_000_000_000i64..1_000_000_000_000, places in 0u32..9) {
            let number = Number::ratio(i128::from(value), 10i128.pow(places)).expect("places");
            prop_assert_eq!(Number::parse(&number.decimal(12)), Some(number));
        }

        #[test]
        fn shortest_text_of_a_float(value in -1e12f64..1e12) {
            prop_assert_eq!(Number::from_f64(value).map(|n| n.decimal(40).parse::<f64>().expect("float")), Some(value));
        }
    }
}
