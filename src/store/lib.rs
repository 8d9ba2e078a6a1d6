//! What is kept: deliveries, tallies, vehicles, signals, actions, calls, arrivals, look-ups,
//! examinations, the outbox and what is in quarantine.
//!
//! One trait a noun; one method a sentence about it, and one statement of an engine:
//! requests share a connection, so a transaction over several calls would hold other
//! requests' statements. What a row means is decided above this crate and in `smartcar`;
//! an engine keeps rows, compares keys and knows no JSON of Smartcar's. No SQL and no type
//! of an engine appears outside the engine's folder; what both read from their rows is in
//! `rows`.
#![cfg_attr(
    not(any(test, feature = "sqlite", feature = "postgres")),
    allow(
        dead_code,
        reason = "what engines share, for a program that only needs the types"
    )
)]

pub mod action;
pub mod arrival;
pub mod call;
pub mod chore;
#[cfg(test)]
mod contract;
pub mod delivery;
mod error;
pub mod examination;
mod kept_headers;
pub mod lookup;
pub mod outbox;
#[cfg(any(test, feature = "sqlite", feature = "postgres", feature = "testing"))]
mod patience;
#[cfg(any(test, feature = "postgres"))]
pub mod postgres;
pub mod quarantine;
pub mod retention;
#[cfg(any(test, feature = "sqlite", feature = "postgres", feature = "testing"))]
mod rows;
pub mod signal;
#[cfg(any(test, feature = "sqlite", feature = "testing"))]
pub mod sqlite;
pub mod tally;
pub mod vehicle;

pub use action::Actions;
pub use arrival::Arrivals;
pub use call::Calls;
pub use chore::Chores;
pub use delivery::Deliveries;
pub use error::StoreError;
pub use examination::Examinations;
pub use lookup::Lookups;
pub use outbox::{Configurations, DeadLetters, Outbox};
pub use quarantine::Quarantine;
pub use signal::Signals;
pub use tally::Tallies;
pub use vehicle::Vehicles;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use edge::Host;
use std::time::Duration;

/// The store of a component: the host's SQLite database.
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
pub type HostStore = sqlite::Sqlite<sqlite::HostDatabase, Host>;

/// The store of a component, opened by its first call.
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
pub const fn host_store() -> HostStore {
    sqlite::Sqlite::new(sqlite::HostDatabase, Host)
}

/// By what instances agree which of them fetches the access token; none, since SQLite is on
/// one machine, where the key-value store does.
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
pub fn host_leases(_: &'static HostStore) -> Option<smartcar::SharedLeases> {
    None
}

/// The store of a component: the PostgreSQL database that the variable `database_url`
/// names.
#[cfg(feature = "postgres")]
pub type HostStore = postgres::Postgres<postgres::HostDatabase, Host>;

/// The store of a component, opened by its first call.
#[cfg(feature = "postgres")]
pub const fn host_store() -> HostStore {
    postgres::Postgres::new(postgres::HostDatabase, Host)
}

/// By what instances agree which of them fetches the access token, on whatever machine and in
/// whatever region they are.
#[cfg(feature = "postgres")]
pub fn host_leases(store: &'static HostStore) -> Option<smartcar::SharedLeases> {
    Some(std::sync::Arc::new(postgres::Leases(store)))
}

/// By how much the clocks of hosts differ at most. A time that is further ahead was
/// written by a clock that has been corrected since, and is not believed.
pub const CLOCKS_DIFFER: Duration = smartcar::report::SKEW;

/// The schema of what is kept.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Schema {
    /// The schema version that this application knows.
    const VERSION: i64;

    /// Opens the store and brings it to [`Schema::VERSION`]. Every other method does so
    /// when it comes first. Instances that start at the same time may all do it.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] where a newer version of this application was here.
    async fn open(&self) -> Result<(), StoreError>;
}

/// All that is kept.
pub trait Store:
    Schema
    + Deliveries
    + Quarantine
    + Tallies
    + Vehicles
    + Signals
    + Actions
    + Calls
    + Arrivals
    + Lookups
    + Examinations
    + Outbox
    + DeadLetters
    + Configurations
    + Chores
    + 'static
{
}

impl<S> Store for S where
    S: Schema
        + Deliveries
        + Quarantine
        + Tallies
        + Vehicles
        + Signals
        + Actions
        + Calls
        + Arrivals
        + Lookups
        + Examinations
        + Outbox
        + DeadLetters
        + Configurations
        + Chores
        + 'static
{
}
