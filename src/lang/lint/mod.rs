//! Findings about a pack that is right as it stands: what its params could make of it, what nobody uses, what nothing
//! guards.

mod interval;
mod life;
mod range;

use super::pack::Pack;
use crate::diagnostic::Diagnostic;
use crate::source::Sources;

/// Every such finding.
pub fn lint(pack: &Pack, sources: &Sources) -> Vec<Diagnostic> {
    let mut found = range::check(pack);
    found.extend(life::check(pack, sources));
    found
}
