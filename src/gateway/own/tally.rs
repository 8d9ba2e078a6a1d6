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

#[cfg(test)]
mod tests {
    use super::*;

    fn count(outcome: Outcome, reason: Reason, mode: Mode, count: i64) -> (Kind, i64) {
        let kind = Kind {
            outcome,
            reason,
            event_type: String::new(),
            mode,
        };
        (kind, count)
    }

    #[test]
    fn tally_sums_what_is_asked_for() {
        let tally = Tally(vec![
            count(Outcome::Stored, Reason::Token(0), Mode::Live, 1),
            count(Outcome::Stored, Reason::Token(1), Mode::Live, 2),
            count(Outcome::Duplicate, Reason::Token(0), Mode::Live, 4),
            count(Outcome::Stored, Reason::Token(0), Mode::Test, 8),
            count(Outcome::Failed, Reason::Token(0), Mode::Live, 16),
            count(Outcome::Refused, Reason::Stale, Mode::Live, 32),
            count(Outcome::Refused, Reason::Stale, Mode::Test, 64),
            count(Outcome::Noted, Reason::Stale, Mode::Live, 128),
        ]);
        assert_eq!(tally.accepted(Mode::Live), 7);
        assert_eq!(tally.accepted(Mode::Test), 8);
        assert_eq!(tally.of(&Outcome::Stored), 11);
        assert_eq!(tally.reason(&Reason::Stale), 224);
        assert_eq!(tally.refused(&Reason::Stale, Mode::Live), 32);
        assert_eq!(tally.refused(&Reason::Token(0), Mode::Live), 0);
    }

    #[test]
    fn tally_shows_each_count_with_what_was_counted() {
        let mut stored = count(Outcome::Stored, Reason::Token(1), Mode::Test, 3);
        "VEHICLE_STATE".clone_into(&mut stored.0.event_type);
        let verify = count(Outcome::Verify, Reason::None, Mode::Live, 1);
        let other = Outcome::Other("later".to_owned());
        let later = count(other, Reason::Other("new".to_owned()), Mode::Live, 2);
        let expected = json!([
            {"outcome": "stored", "reason": "token 1", "eventType": "VEHICLE_STATE",
                "mode": "TEST", "count": 3},
            {"outcome": "verify", "reason": null, "eventType": null, "mode": "LIVE", "count": 1},
            {"outcome": "later", "reason": "new", "eventType": null, "mode": "LIVE", "count": 2},
        ]);
        assert_eq!(Tally(vec![stored, verify, later]).show(), expected);
    }
}
