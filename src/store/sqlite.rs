//! The engine on SQLite: the database that Spin embeds, or one behind libSQL.
//!
//! One connection serves all requests of an instance. Each statement stands for itself:
//! requests take turns on the connection, so a transaction over several statements of one
//! would hold statements of another. What a delivery brings about is done by triggers, in
//! the statement that stores it.

mod actions;
mod arrivals;
mod calls;
mod chores;
mod configurations;
mod connection;
#[cfg(test)]
mod cost;
mod database;
mod dead_letters;
mod deliveries;
mod examinations;
mod lookups;
#[cfg(any(test, feature = "testing"))]
pub mod native;
mod outbox;
mod quarantine;
mod reports;
mod schema;
mod signals;
mod spin;
mod tallies;
mod vehicles;

pub use connection::{Connect, Connection, Row, Value};
pub use database::Sqlite;
pub use deliveries::Prepared;
pub use spin::{HostDatabase, Spin};

#[cfg(test)]
mod contract {
    use super::native::Native;

    crate::contract::contract!(Native);
}

#[cfg(test)]
mod tests;
