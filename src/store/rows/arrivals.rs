//! Who came back from Smartcar Connect.

use super::{Cell, Row};
use crate::arrival::{Arrival, ArrivalFigures, LastFailure};
use smartcar::{ConnectFailure, Timestamp};

pub(crate) fn arrival(mut row: Row<impl Cell>) -> Arrival {
    Arrival {
        of: row.text(0),
        completed: row.time(1).map(|_| row.count(2)),
        tries: row.count(3),
    }
}

pub(crate) fn arrival_figures(row: Row<impl Cell>) -> ArrivalFigures {
    ArrivalFigures {
        arrived: row.count(0),
        completed: row.count(1),
        failed: row.count(2),
        last_at: row.time(3),
    }
}

pub(crate) fn last_failure(mut row: Row<impl Cell>) -> LastFailure {
    LastFailure {
        at: Timestamp(row.count(0)),
        failure: ConnectFailure {
            error: row.string(1),
            description: row.text(2),
            vin: row.text(3),
            make: row.text(4),
            model: row.text(5),
            year: row.text(6),
        },
        vehicle: row.text(7),
    }
}
