//! What rules do to each other: that cascades end, and that no two rules write the same thing.

use super::check::Checker;
use super::item::rollback::Rollback;

pub(crate) fn check(_cx: &mut Checker<'_>, _rollbacks: &[Option<Rollback>]) {}
