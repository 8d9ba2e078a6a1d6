//! Deliveries in quarantine.

use super::{Cell, Row};
use crate::quarantine::{QuarantineFigures, Quarantined};
use smartcar::Timestamp;

pub(crate) fn quarantined(mut row: Row<impl Cell>) -> Quarantined {
    Quarantined {
        event_id: row.string(0),
        vehicle_id: row.string(1),
        received_at: Timestamp(row.count(2)),
        signature: row.string(3),
        body: row.bytes(4).unwrap_or_default(),
    }
}

pub(crate) fn quarantine_figures(row: Row<impl Cell>) -> QuarantineFigures {
    QuarantineFigures {
        waiting: row.count(0),
        oldest_at: row.time(1),
    }
}
