//! Vehicles and their owners.

use super::{Cell, Row, calls::known_calls};
use crate::vehicle::{About, Access, OpenError, Vehicle};
use serde::Deserialize;
use smartcar::{Timestamp, UserId};

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

pub(crate) fn access(mut row: Row<impl Cell>) -> Access {
    Access {
        vehicle_id: row.string(0),
        user_id: row.text(1),
        mode: row.text(2),
        delivered_at: row.time(3).filter(|at| at.0 > 0),
    }
}

/// Type, code, the error, when it opened, when it was last delivered and whose it is.
#[derive(Deserialize)]
struct Listed(
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    i64,
    Option<String>,
);

impl From<Listed> for OpenError {
    fn from(Listed(kind, code, error, opened_at, error_at, user_id): Listed) -> Self {
        Self {
            kind,
            code,
            error,
            opened_at: opened_at.map(Timestamp),
            error_at: Timestamp(error_at),
            user_id,
        }
    }
}

/// Errors that a column holds as a JSON array.
pub(crate) fn open_errors(row: &mut Row<impl Cell>, column: usize) -> Vec<OpenError> {
    let listed: Vec<Listed> = serde_json::from_str(&row.string(column)).unwrap_or_default();
    listed.into_iter().map(OpenError::from).collect()
}

pub(crate) fn vehicle(mut row: Row<impl Cell>) -> Vehicle {
    Vehicle {
        id: row.string(0),
        user_id: row.text(1),
        about: about(&mut row, 2),
        // A vehicle that is known only from a connection has no delivery yet.
        delivered_at: row.time(7).filter(|at| at.0 > 0),
        signals: row.count(8),
        last_observed_at: row.time(9),
        open_errors: open_errors(&mut row, 10),
        calls: known_calls(&mut row, 11),
    }
}
