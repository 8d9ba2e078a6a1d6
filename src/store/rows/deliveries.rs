//! Deliveries.

use super::{Cell, Row};
use crate::delivery::DeliveryFigures;

pub(crate) fn delivery_figures(row: Row<impl Cell>) -> DeliveryFigures {
    DeliveryFigures {
        stored: row.count(0),
        last_received_at: row.time(1),
        last_live_at: row.time(2),
    }
}
