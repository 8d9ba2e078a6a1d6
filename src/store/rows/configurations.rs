//! Configurations of sinks.

use super::{Cell, Row};
use crate::outbox::KnownConfiguration;

pub(crate) fn known_configuration(mut row: Row<impl Cell>) -> KnownConfiguration {
    KnownConfiguration {
        in_force: row.text(0),
        seen_at: row.time(1).filter(|at| at.0 > 0),
        former_at: row.time(2),
    }
}
