//! The Spin host, as the components of this application see it.
//!
//! One file a capability: [`Host`] implements the traits of crate `smartcar`
//! ([`Platform`](smartcar::Platform)) with the host's interfaces; the rest is what every
//! component needs: variables, log lines, requests and answers.

mod background;
mod backpressure;
mod bell;
pub mod client;
mod clock;
mod http;
pub mod key_value;
pub mod log;
mod once;
pub mod request;
pub mod respond;
pub mod sinks;
pub mod variables;

/// The host that this component runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

pub use backpressure::prefer_others;
pub use bell::{Bell, Ring, bell};
pub use once::Once;
pub use respond::Response;
