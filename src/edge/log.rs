//! Log lines: one JSON object a line, on the component's standard error.
//!
//! What is logged is named field by field. Bodies, keys, tokens, coordinates and
//! VINs are no fields.

use crate::Host;
use serde_json::{Map, Value};
use smartcar::Clock;
use std::io::Write;

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

/// A line that is being put together.
#[must_use = "a line is only written by write()"]
pub struct Line(Map<String, Value>);

/// Begins a line about `event`.
pub fn line(level: Level, event: &'static str) -> Line {
    let level = match level {
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    Line(Map::new())
        .with("at", Host.now().0)
        .with("level", level)
        .with("event", event)
}

impl Line {
    /// Adds a field; one without a value is left out.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// Writes the line: in one piece, since other instances write to the same
    /// place, and without a word where nobody reads the log. Work that was done
    /// is not undone by that.
    pub fn write(self) {
        let line = format!("{}\n", Value::Object(self.0));
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
