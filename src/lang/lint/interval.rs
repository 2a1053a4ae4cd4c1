//! Sets of numbers as intervals: what a value can be, as far as types, ranges and formulas tell.

use std::cmp::Ordering;

use crate::lang::check::arithmetic;
use crate::lang::expr::{Arith, Compare};
use crate::value::{Number, Type, Value};

/// An end of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) at: Number,
    /// The end itself is not part of it.
    pub(super) open: bool,
}

/// Every number between two ends; without an end it goes on for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) low: Option<Bound>,
    pub(super) high: Option<Bound>,
}

/// Whether something holds for every value that can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Always,
    Never,
    Maybe,
}

impl Truth {
    pub(super) fn negate(self) -> Truth {
        match self {
            Truth::Always => Truth::Never,
            Truth::Never => Truth::Always,
            Truth::Maybe => Truth::Maybe,
        }
    }
}

impl Interval {
    pub(super) const ALL: Interval = Interval { low: None, high: None };

    pub(super) fn point(at: Number) -> Interval {
        let bound = Some(Bound { at, open: false });
        Interval { low: bound, high: bound }
    }

    pub(super) fn from(low: Option<Number>, high: Option<Number>) -> Interval {
        let closed = |at: Option<Number>| at.map(|at| Bound { at, open: false });
        Interval { low: closed(low), high: closed(high) }
    }

    /// The numbers that stand on this side of a limit; all of them for `is not`.
    pub(super) fn side(compare: Compare, limit: Number) -> Interval {
        let bound = |open| Some(Bound { at: limit, open });
        match compare {
            Compare::AtLeast => Interval { low: bound(false), high: None },
            Compare::Above => Interval { low: bound(true), high: None },
            Compare::AtMost => Interval { low: None, high: bound(false) },
            Compare::Below => Interval { low: None, high: bound(true) },
            Compare::Is => Interval::point(limit),
            Compare::IsNot => Interval::ALL,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match (self.low, self.high) {
            (Some(low), Some(high)) => match low.at.cmp(&high.at) {
                Ordering::Less => false,
                Ordering::Equal => low.open || high.open,
                Ordering::Greater => true,
            },
            _ => false,
        }
    }

    pub(super) fn meet(&self, other: &Interval) -> Interval {
        let pick = |a: Option<Bound>, b: Option<Bound>, stricter: Ordering| match (a, b) {
            (Some(a), Some(b)) => Some(match a.at.cmp(&b.at) {
                Ordering::Equal => Bound { at: a.at, open: a.open || b.open },
                order if order == stricter => a,
                _ => b,
            }),
            (a, b) => a.or(b),
        };
        Interval {
            low: pick(self.low, other.low, Ordering::Greater),
            high: pick(self.high, other.high, Ordering::Less),
        }
    }

    /// The least interval that holds both.
    pub(super) fn join(&self, other: &Interval) -> Interval {
        let pick = |a: Option<Bound>, b: Option<Bound>, wider: Ordering| {
            let (a, b) = (a?, b?);
            Some(match a.at.cmp(&b.at) {
                Ordering::Equal => Bound { at: a.at, open: a.open && b.open },
                order if order == wider => a,
                _ => b,
            })
        };
        Interval {
            low: pick(self.low, other.low, Ordering::Less),
            high: pick(self.high, other.high, Ordering::Greater),
        }
    }

    fn never_negative(&self) -> bool {
        self.low.is_some_and(|low| !low.at.is_negative())
    }

    /// How every number of this interval compares with every number of another.
    pub(super) fn compare(&self, compare: Compare, other: &Interval) -> Truth {
        let below = |a: Option<Bound>, b: Option<Bound>, or_equal: bool| {
            // Whether every number up to `a` is less than every number from `b`.
            a.zip(b).is_some_and(|(a, b)| match a.at.cmp(&b.at) {
                Ordering::Less => true,
                Ordering::Equal => or_equal || a.open || b.open,
                Ordering::Greater => false,
            })
        };
        match compare {
            Compare::Above => match () {
                () if below(other.high, self.low, false) => Truth::Always,
                () if below(self.high, other.low, true) => Truth::Never,
                () => Truth::Maybe,
            },
            Compare::AtLeast => match () {
                () if below(other.high, self.low, true) => Truth::Always,
                () if below(self.high, other.low, false) => Truth::Never,
                () => Truth::Maybe,
            },
            Compare::AtMost => self.compare(Compare::Above, other).negate(),
            Compare::Below => self.compare(Compare::AtLeast, other).negate(),
            Compare::Is => {
                let single = |i: &Interval| matches!((i.low, i.high), (Some(l), Some(h)) if l.at == h.at);
                match () {
                    () if self.meet(other).is_empty() => Truth::Never,
                    () if single(self) && self == other => Truth::Always,
                    () => Truth::Maybe,
                }
            }
            Compare::IsNot => self.compare(Compare::Is, other).negate(),
        }
    }

    /// What arithmetic makes of two values; wider than exact where ends are open or signs unknown.
    pub(super) fn arith(op: Arith, a: &Interval, a_ty: &Type, b: &Interval, b_ty: &Type) -> Interval {
        let of = |x: Number, y: Number| {
            arithmetic(op, &Value::Number(x), a_ty, &Value::Number(y), b_ty).ok().and_then(|v| v.number())
        };
        let both = |x: Option<Bound>, y: Option<Bound>| {
            let (x, y) = (x?, y?);
            Some(Bound { at: of(x.at, y.at)?, open: x.open || y.open })
        };
        let zero = Some(Bound { at: Number::ZERO, open: false });
        match op {
            Arith::Add => Interval { low: both(a.low, b.low), high: both(a.high, b.high) },
            Arith::Sub => Interval { low: both(a.low, b.high), high: both(a.high, b.low) },
            Arith::Mul if a.never_negative() && b.never_negative() => {
                Interval { low: both(a.low, b.low), high: both(a.high, b.high) }
            }
            Arith::Mul => {
                let ends = [(a.low, b.low), (a.low, b.high), (a.high, b.low), (a.high, b.high)];
                let ends: Option<Vec<Number>> = ends.into_iter().map(|(x, y)| of(x?.at, y?.at)).collect();
                ends.map_or(Interval::ALL, |all| Interval::from(all.iter().min().copied(), all.iter().max().copied()))
            }
            // By zero nothing is divided: there the value is unknown.
            Arith::Div | Arith::PercentOf if a.never_negative() && b.never_negative() => Interval {
                low: if b.high.is_some() { both(a.low, b.high).or(zero) } else { zero },
                high: if b.low.is_some_and(|low| !low.at.is_zero()) { both(a.high, b.low) } else { None },
            },
            Arith::Div | Arith::PercentOf => Interval::ALL,
        }
    }
}
