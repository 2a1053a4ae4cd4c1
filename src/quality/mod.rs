//! How much of a pack its tests look at: what they reach, what they would notice, and tests that begin themselves.

pub mod coverage;
pub mod generate;
pub mod mutate;
pub mod reach;
