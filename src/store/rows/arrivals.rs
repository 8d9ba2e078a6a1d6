//! Who came back from Smartcar Connect.

use super::{Cell, Row};
use crate::arrival::{Arrival, ArrivalFigures};

pub(crate) fn arrival(mut row: Row<impl Cell>) -> Arrival {
    Arrival {
        user: row.text(0),
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
