//! Params as the numbers that are in force.

use crate::lang::expr::{Anchor, Binding, Checked, Expr, ExprKind, Window, WindowKind};
use crate::lang::item::param::Param;
use crate::lang::item::trigger::{Check, Condition, Hold, OnDay, Pace};
use crate::lang::pack::Pack;
use crate::lang::print;
use crate::value::Type;

/// The value of a param in force, in words.
pub(super) fn shown(pack: &Pack, param: &Param) -> String {
    print::value(pack, &param.value, &param.ty)
}

/// A condition with the numbers in force.
pub(super) fn condition(pack: &Pack, condition: &Condition) -> Condition {
    let hold = condition.hold.as_ref().map(|hold| match hold {
        Hold::For(length) => Hold::For(in_force(pack, length)),
        hold => hold.clone(),
    });
    Condition { expr: in_force(pack, &condition.expr), hold }
}

/// When a rule is judged, with the numbers in force.
pub(super) fn check(pack: &Pack, check: &Check) -> Check {
    let pace = |pace: &Pace| {
        let day = |day: &OnDay| match day {
            OnDay::Day(e) => OnDay::Day(in_force(pack, e)),
            day => day.clone(),
        };
        match pace {
            Pace::OnChange { latest } => Pace::OnChange { latest: latest.as_ref().map(|e| in_force(pack, e)) },
            Pace::Every(e) => Pace::Every(in_force(pack, e)),
            Pace::AfterEach(e, period) => Pace::AfterEach(in_force(pack, e), *period),
            Pace::Monthly(on) => Pace::Monthly(day(on)),
            Pace::Quarterly(on) => Pace::Quarterly(day(on)),
            Pace::Yearly(on) => Pace::Yearly(day(on)),
            Pace::Daily(_) | Pace::Weekly(_) => pace.clone(),
        }
    };
    let other = check.other.as_ref().map(|(while_, other)| (in_force(pack, while_), pace(other)));
    Check { pace: pace(&check.pace), other }
}

/// An expression in which every quantity is its value in force. A switch keeps its name: `yes is yes` tells nobody
/// anything.
pub(super) fn in_force(pack: &Pack, e: &Expr<Checked>) -> Expr<Checked> {
    let mut filled = e.clone();
    fill(pack, &mut filled);
    filled
}

fn fill(pack: &Pack, e: &mut Expr<Checked>) {
    match &mut e.kind {
        ExprKind::Name(Binding::Param(id)) => {
            let param = &pack.params[id.index()];
            if !matches!(param.ty, Type::Truth | Type::Words(_)) {
                e.kind = ExprKind::Literal(param.value.clone());
            }
        }
        ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::Holds(_) | ExprKind::Answered(..) => {}
        ExprKind::Not(inner) | ExprKind::Presence(_, _, inner) => fill(pack, inner),
        ExprKind::Joint(_, all) => all.iter_mut().for_each(|e| fill(pack, e)),
        ExprKind::Compare(_, a, b) | ExprKind::Arith(_, a, b) => {
            fill(pack, a);
            fill(pack, b);
        }
        ExprKind::OneOf(_, one, all) => {
            fill(pack, one);
            all.iter_mut().for_each(|e| fill(pack, e));
        }
        ExprKind::Between(one, a, b) => [one, a, b].into_iter().for_each(|e| fill(pack, e)),
        ExprKind::Distance(d) => {
            fill(pack, &mut d.value);
            fill(pack, &mut d.span);
            if let Anchor::Before(e) | Anchor::After(e) = &mut d.anchor {
                fill(pack, e);
            }
        }
        ExprKind::Exists(exists) => {
            if let Some(Window { kind: WindowKind::Last(length), .. }) = &mut exists.window {
                fill(pack, length);
            }
            exists.filter.iter_mut().for_each(|e| fill(pack, e));
        }
    }
}
