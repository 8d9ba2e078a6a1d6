//! The engine on PostgreSQL 14 and later, for several machines and for hosts without SQLite.
//!
//! Each method is one statement and one transaction, mostly a call of a function in
//! `postgres/migrations`. None goes over several calls: Spin's pool hands a connection on
//! as it is, and a transaction that was left open would take the next instance's writes
//! along. One connection serves all requests of an instance; it is opened again where it
//! broke.

mod actions;
mod arrivals;
mod calls;
mod chores;
mod configurations;
mod connection;
mod database;
mod dead_letters;
mod deliveries;
mod examinations;
mod leases;
mod lookups;
#[cfg(test)]
mod native;
mod outbox;
mod quarantine;
mod reports;
mod schema;
mod signals;
#[cfg(feature = "postgres")]
mod spin;
mod tallies;
mod vehicles;

pub use connection::{Connect, Connection, Failure, Row, Value};
pub use database::Postgres;
pub use deliveries::Prepared;
pub use leases::Leases;
#[cfg(feature = "postgres")]
pub use spin::{HostDatabase, Spin};

#[cfg(test)]
mod tests;
