//! How far long work is: a line on standard error that is overwritten, and only where somebody sits before it.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A line that says how far the work is.
pub(super) struct Progress {
    shown: bool,
    terminal: bool,
    started: Instant,
    last: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Progress {
        Progress { shown: false, terminal: std::io::stderr().is_terminal(), started: Instant::now(), last: None }
    }

    /// Shows how much is done, after the first half second and no more than ten times a second.
    pub(super) fn show(&mut self, done: usize, all: usize, what: &str) {
        let now = Instant::now();
        let gone = now.duration_since(self.started);
        let soon = self.last.is_some_and(|last| now.duration_since(last) < Duration::from_millis(100));
        if !self.terminal || gone < Duration::from_millis(500) || soon {
            return;
        }
        self.last = Some(now);
        self.shown = true;
        let left = if done > 0 { gone.as_secs_f64() / done as f64 * all.saturating_sub(done) as f64 } else { 0.0 };
        // Whoever looked away is no fault.
        let _ = write!(std::io::stderr(), "\r\x1b[K{done} of {all} {what}, about {left:.0} s left");
        let _ = std::io::stderr().flush();
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
            self.shown = false;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
