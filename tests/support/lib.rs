//! What the end-to-end tests stand on: the application on its host, Smartcar's
//! double, and a client that sends what no client should.
//!
//! `EDGE_HOST` chooses the host, as for `make up`. A test starts what it needs
//! on free ports and ends only what it started.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod app;
mod client;
mod database;
mod delivery;
mod host;
mod key_value;
mod manifest;
mod process;
mod redis;
mod sink;
mod smartcar;
mod up;
mod variables;

pub use app::{App, KEY, KEYS, Options};
pub use client::{Answer, answers, cache_status, edge, raw, send, try_send};
pub use database::{
    Action, Arrival, Database, Delivery, Engine, Lock, OutboxEvent, Signal, new_database,
    variables as database_variables,
};
pub use delivery::{deliver_to, sign, signal, vehicle_state};
pub use host::Host;
pub use key_value::KeyValue;
pub use manifest::Composed;
pub use postgresql::is_required;
pub use process::{Foreground, Process, free_address, repository};
pub use redis::Redis;
pub use sink::{Posted, SECRET as SINK_SECRET, Sink};
pub use smartcar::Smartcar;
pub use up::{Up, shell};
pub use variables::try_out;

use std::time::{Duration, Instant, SystemTime};

/// The time, in milliseconds since 1970.
///
/// # Panics
/// Before 1970.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_millis()).unwrap()
}

/// Tries until there is something to return. The wait is generous: it only runs
/// out where what was waited for does not come.
///
/// # Panics
/// After half a minute.
pub fn eventually<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    eventually_within(Duration::from_secs(30), what, attempt)
}

/// The same, for what takes longer.
pub fn eventually_within<T>(
    time: Duration,
    what: &str,
    mut attempt: impl FnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(outcome) = attempt() {
            return outcome;
        }
        assert!(started.elapsed() < time, "{what}: it did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}
