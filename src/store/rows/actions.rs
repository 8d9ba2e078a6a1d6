//! What callers had done.

use super::{Cell, Row, vehicles::user};
use crate::{
    action::{
        Action, ActionCount, AwaitedReport, ClaimedAction, Holder, KeptAnswer, Outcome, Removal,
    },
    kept_headers::unpack,
};
use smartcar::{Evidence, Timestamp, VehicleId};

pub(crate) fn action(mut row: Row<impl Cell>) -> Action {
    Action {
        id: row.string(0),
        kind: row.string(1),
        path: row.string(2),
        caller: row.string(3),
        vehicle_id: row.text(4),
        user_id: row.text(5),
        idempotency_key: row.text(6),
        started_at: Timestamp(row.count(7)),
        completed_at: row.time(8),
        insisted: row.is(9),
        status: row.integer(10),
        error: row.text(11),
        request_id: row.text(12),
        execution_id: row.text(13),
        evidence: evidence(&mut row, 14),
        outcome: outcome(&mut row, 15),
    }
}

pub(crate) fn claimed_action(mut row: Row<impl Cell>) -> ClaimedAction {
    ClaimedAction {
        id: row.string(0),
        fingerprint: row.string(1),
        outcome: outcome(&mut row, 2),
        answer: row
            .integer(3)
            .and_then(|status| u16::try_from(status).ok())
            .map(|status| KeptAnswer {
                status,
                headers: unpack(&row.string(4)),
                body: row.bytes(5).unwrap_or_default(),
            }),
        user: row.text(6),
    }
}

pub(crate) fn holder(mut row: Row<impl Cell>) -> Holder {
    Holder {
        id: row.string(0),
        kind: row.string(1),
        caller: row.string(2),
        outcome: outcome(&mut row, 3),
        started_at: Timestamp(row.count(4)),
        evidence: evidence(&mut row, 5),
    }
}

pub(crate) fn removal(mut row: Row<impl Cell>) -> Removal {
    Removal {
        vehicle: row.text(0).and_then(|id| VehicleId::parse(&id).ok()),
        user: user(&mut row, 1),
        is_outlived: row.is(2),
    }
}

pub(crate) fn awaited_report(mut row: Row<impl Cell>) -> AwaitedReport {
    AwaitedReport {
        is_late: row.is(0),
        body: row.string(1),
        observed_at: Timestamp(row.count(2)),
        user: row.text(3),
    }
}

pub(crate) fn action_count(mut row: Row<impl Cell>) -> ActionCount {
    ActionCount {
        kind: row.string(0),
        outcome: outcome(&mut row, 1),
        count: row.count(2),
    }
}

/// Only what is known here is stored.
fn outcome(row: &mut Row<impl Cell>, column: usize) -> Outcome {
    Outcome::parse(&row.string(column)).unwrap_or(Outcome::Unknown)
}

fn evidence(row: &mut Row<impl Cell>, column: usize) -> Option<Evidence> {
    Evidence::parse(&row.text(column)?)
}
