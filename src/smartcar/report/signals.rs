//! What is reported of a signal.

use super::{Rank, usable};
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
impl fmt::Debug for SignalReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalReport")
            .field("code", &self.code)
            .field("rank", &self.rank)
            .finish_non_exhaustive()
    }
}
