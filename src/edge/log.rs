//! Log lines: one JSON object a line, on the component's standard error.
//!
//! What is logged is named field by field. Bodies, keys, tokens, coordinates and
//! VINs are no fields.

use crate::Host;
use serde::Serialize;
use smartcar::{Clock, Timestamp};
use std::{
    io::Write,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something happened as it should.
    Info,
    /// Somebody else did something wrong, or something went wrong that mends itself.
    Warn,
    /// The operator has to do something.
    Error,
}

/// A line that is being put together: an object that is still open.
#[must_use = "a line is only written by write()"]
pub struct Line(Vec<u8>);

/// Begins a line about `event`.
pub fn line(level: Level, event: &'static str) -> Line {
    let level = match level {
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    Line(Vec::with_capacity(256))
        .with("at", Host.now().0)
        .with("level", level)
        .with("event", event)
}

impl Line {
    /// Adds a field; one without a value is left out.
    pub fn with(mut self, name: &'static str, value: impl Serialize) -> Self {
        let before = self.0.len();
        self.0.push(if before == 0 { b'{' } else { b',' });
        let is_written = serde_json::to_writer(&mut self.0, name).is_ok() && {
            self.0.push(b':');
            let at = self.0.len();
            let is_written = serde_json::to_writer(&mut self.0, &value).is_ok();
            is_written && self.0.get(at..) != Some(b"null")
        };
        if !is_written {
            self.0.truncate(before);
        }
        self
    }

    /// Writes the line: in one piece, since other instances write to the same
    /// place, and without a word where nobody reads the log. Work that was done
    /// is not undone by that.
    pub fn write(mut self) {
        self.0.extend_from_slice(b"}\n");
        let _ = std::io::stderr().write_all(&self.0);
    }
}

/// Lets a line through once in a while, for what a stranger can cause: a flood of
/// requests must not become a flood of lines.
#[derive(Debug)]
pub struct Seldom {
    every: Duration,
    next: AtomicI64,
}

impl Seldom {
    /// No line yet; at most one in each time of this length.
    pub const fn new(every: Duration) -> Self {
        Self {
            every,
            next: AtomicI64::new(0),
        }
    }

    /// At most one line a minute.
    pub const fn a_minute() -> Self {
        Self::new(Duration::from_secs(60))
    }

    /// Whether a line is due; then the next one is not for a while. A clock that is set
    /// back makes one due.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let next = Timestamp(self.next.load(Ordering::Relaxed));
        if now < next && next <= now.after(self.every) {
            return false;
        }
        self.next.store(now.after(self.every).0, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_due_once_a_minute_and_when_the_clock_was_set_back() {
        let seldom = Seldom::a_minute();
        let due = |now| seldom.is_due(Timestamp(now));
        assert!(due(1_000_000) && !due(1_000_000) && !due(1_059_999));
        assert!(due(1_060_000) && !due(1_060_001));
        assert!(due(500_000) && !due(500_001));
    }

    #[test]
    fn line_is_due_once_a_while_and_at_once_where_the_clock_was_ahead() {
        let seldom = Seldom::new(Duration::from_millis(100));
        let due = |at| seldom.is_due(Timestamp(at));
        assert_eq!([due(1000), due(1001), due(1099)], [true, false, false]);
        assert_eq!([due(1100), due(1150)], [true, false]);
        assert_eq!([due(500), due(550)], [true, false]);
        assert!(due(i64::MAX));
    }
}
