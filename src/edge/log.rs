//! Log lines: one JSON object a line, on the component's standard error.
//!
//! What is logged is named field by field. Bodies, keys, tokens, coordinates and
//! VINs are no fields.

pub use crate::event::Event;

use crate::Host;
use serde::Serialize;
use smartcar::{Clock, Timestamp};
use std::{
    io::Write as _,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something happened as it should.
    Info,
    /// Another party did something wrong, or something went wrong that recovers by itself.
    Warn,
    /// The operator has to do something.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Where log lines go.
pub trait Log {
    /// Writes a line, in one piece, with its end.
    fn write(&self, line: &[u8]);
}

impl Log for Host {
    /// Other instances write to the same place. Where no one reads the log nothing is
    /// said of it: work that was done is not undone by that.
    fn write(&self, line: &[u8]) {
        let _ = std::io::stderr().write_all(line);
    }
}

/// A line that is being put together: an object that is still open.
#[must_use = "a line is only written by write()"]
pub struct Line<'a, P> {
    platform: &'a P,
    text: Vec<u8>,
}

/// Begins a line about `event`.
pub fn line<P: Log + Clock>(platform: &P, level: Level, event: Event) -> Line<'_, P> {
    let text = Vec::with_capacity(256);
    Line { platform, text }
        .with("at", platform.now().0)
        .with("level", level.as_str())
        .with("event", event.as_str())
}

impl<P: Log> Line<'_, P> {
    /// Adds a field; one without a value is left out.
    pub fn with(mut self, name: &'static str, value: impl Serialize) -> Self {
        let before = self.text.len();
        self.text.push(if before == 0 { b'{' } else { b',' });
        let is_written = serde_json::to_writer(&mut self.text, name).is_ok() && {
            self.text.push(b':');
            let at = self.text.len();
            let is_written = serde_json::to_writer(&mut self.text, &value).is_ok();
            is_written && self.text.get(at..) != Some(b"null")
        };
        if !is_written {
            self.text.truncate(before);
        }
        self
    }

    /// Writes the line.
    pub fn write(mut self) {
        self.text.extend_from_slice(b"}\n");
        self.platform.write(&self.text);
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
    use smartcar::testing::Fake;

    #[test]
    fn line_is_an_object_with_the_time_of_the_platform() {
        let fake = Fake::new();
        line(&fake, Level::Info, Event::Verify).write();
        fake.advance(Duration::from_millis(1500));
        line(&fake, Level::Warn, Event::Relay)
            .with("sink", "a \"quoted\" name")
            .with("vehicle_id", None::<&str>)
            .with("attempt", 3)
            .write();
        line(&fake, Level::Error, Event::NotConfigured).write();
        assert_eq!(
            fake.lines(),
            [
                r#"{"at":1700000000000,"level":"info","event":"verify"}"#,
                r#"{"at":1700000001500,"level":"warn","event":"relay","sink":"a \"quoted\" name","attempt":3}"#,
                r#"{"at":1700000001500,"level":"error","event":"not_configured"}"#,
            ]
        );
        assert_eq!(fake.lines_about("relay")[0]["attempt"], 3);
    }

    #[test]
    fn line_leaves_out_a_field_that_cannot_be_written() {
        let fake = Fake::new();
        let unwritable = std::collections::BTreeMap::from([(vec![1], 2)]);
        line(&fake, Level::Info, Event::Tally)
            .with("before", 1)
            .with("unwritable", unwritable)
            .with("after", 2)
            .write();
        let text = r#"{"at":1700000000000,"level":"info","event":"tally","before":1,"after":2}"#;
        assert_eq!(fake.lines(), [text]);
    }

    #[test]
    fn line_that_is_not_finished_is_not_written() {
        let fake = Fake::new();
        drop(line(&fake, Level::Info, Event::Tally));
        assert!(fake.lines().is_empty());
    }

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
