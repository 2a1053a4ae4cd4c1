//! From readings to verdicts and from verdicts to what should be done; pure.

pub mod carry;
pub mod course;
pub mod decide;
pub mod judge;
pub mod memory;
pub mod reading;
pub mod trace;
pub mod window;
