//! From readings to verdicts and from verdicts to what should be done; pure.

pub mod carry;
pub mod columns;
pub mod course;
pub mod decide;
pub mod depend;
pub mod edits;
pub mod inputs;
pub mod judge;
pub mod ledger;
pub mod memory;
pub mod reading;
pub mod round;
pub mod trace;
pub mod window;
