//! The Spin host, as the components of this application see it.
//!
//! One file a capability: [`Host`] implements the traits of crate `smartcar`
//! ([`smartcar::Platform`]) and those of this one (together: [`Platform`]) with the
//! host's interfaces. Under the feature `testing` the fake host of crate `smartcar`
//! implements them too. The rest is what every component needs: configuration, log
//! lines, requests and answers.

mod background;
mod backpressure;
pub mod client;
mod clock;
mod event;
mod http;
pub mod key_value;
pub mod log;
mod monotonic;
mod notify;
mod once_cell;
mod platform;
pub mod request;
pub mod respond;
pub mod sinks;
#[cfg(any(test, feature = "testing"))]
mod testing;
pub mod variables;

/// The host that this component runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

pub use backpressure::Backpressure;
pub use monotonic::Monotonic;
pub use notify::{Notified, Notifier, Notify};
pub use once_cell::OnceCell;
pub use platform::Platform;
pub use respond::Response;
pub use variables::Variables;
