//! The Spin host, as the components of this application see it.
//!
//! One file a capability: [`Host`] implements the traits of crate `smartcar`
//! ([`Platform`](smartcar::Platform)) with the host's interfaces; the rest is what every
//! component needs: the database, variables, log lines, requests and answers.

mod background;
mod backpressure;
mod bell;
pub mod chore;
pub mod client;
mod clock;
mod http;
pub mod key_value;
pub mod log;
pub mod migrations;
mod once;
pub mod reports;
pub mod request;
pub mod respond;
pub mod retention;
pub mod sinks;
pub mod sqlite;
pub mod variables;

/// The host that this component runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

pub use backpressure::prefer_others;
pub use bell::{Bell, Ring, bell};
pub use once::Once;
pub use respond::Response;
