//! How deliveries fared, as the receiver counted it.

use serde_json::json;
use smartcar::delivery::Mode;
use store::tally::{Outcome, Reason, Tally as Kind};

/// Counts of a while.
#[derive(Debug, Default)]
pub(crate) struct Tally(pub(crate) Vec<(Kind, i64)>);

impl Tally {
    fn sum(&self, is: impl Fn(&Kind) -> bool) -> i64 {
        let counts = self.0.iter().filter(|(kind, _)| is(kind));
        counts.map(|(_, count)| count).sum()
    }

    /// Requests that ended so.
    pub(crate) fn of(&self, outcome: &Outcome) -> i64 {
        self.sum(|kind| kind.outcome == *outcome)
    }

    /// Requests about which this was noted.
    pub(crate) fn reason(&self, reason: &Reason) -> i64 {
        self.sum(|kind| kind.reason == *reason)
    }

    /// Deliveries that were acknowledged, now or before.
    pub(crate) fn accepted(&self, mode: Mode) -> i64 {
        self.sum(|kind| {
            matches!(kind.outcome, Outcome::Stored | Outcome::Duplicate) && kind.mode == mode
        })
    }

    /// Requests that were refused for this reason.
    pub(crate) fn refused(&self, reason: &Reason, mode: Mode) -> i64 {
        self.sum(|kind| {
            kind.outcome == Outcome::Refused && kind.reason == *reason && kind.mode == mode
        })
    }

    /// All counts, each with what was counted.
    pub(crate) fn show(&self) -> serde_json::Value {
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let counts = self.0.iter().map(|(kind, count)| {
            json!({
                "outcome": kind.outcome.as_str(),
                "reason": filled(&kind.reason.text()),
                "eventType": filled(&kind.event_type),
                "mode": kind.mode.as_str(),
                "count": count,
            })
        });
        counts.collect()
    }
}
