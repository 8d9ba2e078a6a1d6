//! What is reported of a signal.

use super::{Rank, usable::usable};
use crate::{
    Timestamp,
    cursor::{self, Cursor},
    signal::Parts,
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// What one report says of a signal, from a delivery or from an answer of the API.
#[derive(Clone, PartialEq, Eq)]
pub struct SignalReport<'a> {
    /// For example `tractionbattery-stateofcharge`.
    pub code: Cow<'a, str>,
    /// For example `StateOfCharge`.
    pub name: Option<Cow<'a, str>>,
    /// For example `TractionBattery`.
    pub group: Option<Cow<'a, str>>,
    /// Its value, or why there is none.
    pub content: Content<'a>,
    /// When the vehicle said so (`oemUpdatedAt`), if that can be.
    pub observed_at: Option<Timestamp>,
    /// When Smartcar asked (`retrievedAt`, `fetchedAt`), if that can be.
    pub retrieved_at: Option<Timestamp>,
    /// Its place among the reports of this signal.
    pub rank: Rank,
}

/// A signal's value, or why there is none. An error never takes a value away: the
/// newest of both are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Content<'a> {
    /// The value with its unit, JSON as it was written.
    Value(&'a str),
    /// JSON: `{"status": …, "body": …}`, each as it was written. The body of a signal
    /// with an error is an old one.
    Error(String),
}

/// The parts of a [`Content::Error`], those alone that are objects or lists.
#[derive(Clone, Copy, Default)]
pub struct ErrorParts<'a> {
    /// What Smartcar said in place of a value.
    pub status: Option<&'a RawValue>,
    /// The last value before the error.
    pub body: Option<&'a RawValue>,
}

impl<'a> ErrorParts<'a> {
    /// Reads what [`Content::Error`] holds. What has been stored for long is a whole signal
    /// as it was delivered, in which a name can come twice: the first one counts, as it did
    /// when SQLite read it.
    pub fn read(json: &'a str) -> Self {
        let (mut status, mut body) = (None, None);
        if let Some(mut cursor) = Cursor::new(json) {
            cursor.object(&mut |cursor, name| {
                let member = match name {
                    "status" => &mut status,
                    "body" => &mut body,
                    _ => return,
                };
                member.get_or_insert(cursor.value());
            });
        }
        let nested = |json: &&str| json.starts_with(['{', '[']);
        let raw = |json: Option<&'a str>| serde_json::from_str(json.filter(nested)?).ok();
        Self {
            status: raw(status),
            body: raw(body),
        }
    }
}

impl<'a> SignalReport<'a> {
    /// Reads a signal in either of Smartcar's forms, reported and received at these
    /// times. None for what is no object, or does not say which signal it is.
    ///
    /// `ERROR` and `UNAVAILABLE` are documented; without a status, or with one that is
    /// new, a body is a value. What has no object for its body has none, and neither has
    /// what is nested deeper than its readers follow.
    pub fn read(
        json: &'a RawValue,
        reported_at: Timestamp,
        received_at: Timestamp,
    ) -> Option<Self> {
        let parts = Parts::read(&mut Cursor::of_valid(json.get()))?;
        Some(Self::of(parts, reported_at, received_at))
    }

    pub(crate) fn of(parts: Parts<'a>, reported_at: Timestamp, received_at: Timestamp) -> Self {
        let observed_at = usable(parts.times.observed_at, received_at);
        let retrieved_at = usable(parts.times.retrieved_at, received_at);
        let status = parts.status_value();
        let has_failed = matches!(status.as_deref(), Some("ERROR" | "UNAVAILABLE"));
        let body = parts.body.filter(|body| !cursor::is_deep(body));
        let value = body.filter(|body| !has_failed && body.starts_with('{'));
        let (content, rank) = match value {
            Some(body) => {
                let rank = Rank::new(retrieved_at, observed_at, reported_at);
                (Content::Value(body), rank)
            }
            // The times that come with an error are those of the old body.
            None => {
                let status = parts.status.filter(|status| !cursor::is_deep(status));
                let (status, body) = (status.unwrap_or("null"), body.unwrap_or("null"));
                let error = format!(r#"{{"status":{status},"body":{body}}}"#);
                (Content::Error(error), Rank::new(None, None, reported_at))
            }
        };
        Self {
            code: parts.code,
            name: parts.name,
            group: parts.group,
            content,
            observed_at,
            retrieved_at,
            rank,
        }
    }

    /// The same, of a delivery with this number.
    pub(crate) fn in_sequence(mut self, sequence: Option<u64>) -> Self {
        self.rank = self.rank.in_sequence(sequence);
        self
    }

    /// By this the newest report of a signal is found: the one with the greatest key
    /// counts, of its values and of its errors.
    pub fn key(&self) -> (Rank, &str) {
        match &self.content {
            Content::Value(body) => (self.rank, body),
            Content::Error(json) => (self.rank, json),
        }
    }
}

/// A value can say where a vehicle stands.
impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value(_) => "Value(..)",
            Self::Error(_) => "Error(..)",
        })
    }
}

/// A value can say where a vehicle stands.
impl fmt::Debug for ErrorParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrorParts(..)")
    }
}

/// A value can say where a vehicle stands.
impl fmt::Debug for SignalReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalReport")
            .field("code", &self.code)
            .field("rank", &self.rank)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(json: &str) -> (Option<&str>, Option<&str>) {
        let parts = ErrorParts::read(json);
        (
            parts.status.map(RawValue::get),
            parts.body.map(RawValue::get),
        )
    }

    #[test]
    fn error_parts_are_as_they_were_written() {
        let json = r#"{"status":{"value":"ERROR","x":1e2},"body":{"value":1.50}}"#;
        let expected = (
            Some(r#"{"value":"ERROR","x":1e2}"#),
            Some(r#"{"value":1.50}"#),
        );
        assert_eq!(parts(json), expected);
        // A whole signal, with a name that is no text and half a character.
        let signal = r#"{"code":"a-b","\ud800":1,"status":{"value":"\ud800"},"status":{},"body":null,
            "body":{"value":1}}"#;
        assert_eq!(parts(signal), (Some(r#"{"value":"\ud800"}"#), None));
    }

    #[test]
    fn error_parts_are_none_where_they_are_no_objects() {
        for none in [
            "",
            "{",
            "{}",
            "[]",
            "null",
            r#"{"status":"ERROR","body":null}"#,
            r#"{"status":5,"body":true}"#,
            r#"[{"status":{}}]"#,
        ] {
            assert_eq!(parts(none), (None, None), "{none}");
        }
    }

    #[test]
    fn error_parts_are_what_a_report_put_together() {
        let json = r#"{"code":"a-b","status":{"value":"ERROR"},"body":{"value":2}}"#;
        let json: &RawValue = serde_json::from_str(json).unwrap();
        let report = SignalReport::read(json, Timestamp(1), Timestamp(1)).unwrap();
        let Content::Error(error) = &report.content else {
            panic!("it has failed");
        };
        assert_eq!(
            parts(error),
            (Some(r#"{"value":"ERROR"}"#), Some(r#"{"value":2}"#))
        );
    }
}
