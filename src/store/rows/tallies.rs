//! Tallies.

use super::{Cell, Row};
use crate::tally::{Outcome, Reason, Tally};
use smartcar::delivery::Mode;

/// A tally and how often it was counted.
pub(crate) fn tally(mut row: Row<impl Cell>) -> (Tally, i64) {
    let tally = Tally {
        outcome: Outcome::parse(&row.string(0)),
        reason: Reason::parse(&row.string(1)),
        event_type: row.string(2),
        mode: match row.string(3).as_str() {
            "TEST" => Mode::Test,
            _ => Mode::Live,
        },
    };
    (tally, row.count(4))
}
