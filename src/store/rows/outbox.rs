//! The outbox.

use super::{Cell, Row};
use crate::outbox::{DeadLetter, SinkFigures};
use smartcar::Timestamp;

pub(crate) fn sink_figures(mut row: Row<impl Cell>) -> SinkFigures {
    SinkFigures {
        // No name stands for all sinks before the relay has ever run.
        sink: row.text(0).filter(|name| !name.is_empty()),
        switched_off: row.text(1),
        paused_until: row.time(2).filter(|at| at.0 > 0),
        waiting: row.count(3),
        dead_letters: row.count(4),
        oldest_at: row.time(5),
    }
}

pub(crate) fn dead_letter(mut row: Row<impl Cell>) -> DeadLetter {
    DeadLetter {
        seq: row.count(0),
        sink: row.string(1),
        event_id: row.string(2),
        event_type: row.string(3),
        vehicle_id: row.text(4),
        attempts: row.count(5),
        error: row.text(6),
        received_at: Timestamp(row.count(7)),
        dead_at: Timestamp(row.count(8)),
    }
}
