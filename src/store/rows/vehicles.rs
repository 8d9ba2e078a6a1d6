//! Vehicles and their owners.

use super::{Cell, Row};
use crate::vehicle::{About, Vehicle};
use serde::Deserialize;
use smartcar::UserId;

/// The user in a column.
pub(crate) fn user(row: &mut Row<impl Cell>, column: usize) -> Option<UserId> {
    UserId::parse(&row.text(column)?).ok()
}

/// What a vehicle is, by the five columns from this one on.
pub(crate) fn about(row: &mut Row<impl Cell>, from: usize) -> About {
    About {
        make: row.text(from),
        model: row.text(from + 1),
        year: row.integer(from + 2),
        powertrain_type: row.text(from + 3),
        mode: row.text(from + 4),
    }
}

#[derive(Deserialize)]
struct OpenError(String, Option<String>);

pub(crate) fn vehicle(mut row: Row<impl Cell>) -> Vehicle {
    let errors: Vec<OpenError> = serde_json::from_str(&row.string(10)).unwrap_or_default();
    Vehicle {
        id: row.string(0),
        user_id: row.text(1),
        about: about(&mut row, 2),
        // A vehicle that is known only from a connection has no delivery yet.
        delivered_at: row.time(7).filter(|at| at.0 > 0),
        signals: row.count(8),
        last_observed_at: row.time(9),
        open_errors: errors
            .into_iter()
            .map(|OpenError(kind, code)| (kind, code))
            .collect(),
    }
}
