//! Sending a request to Smartcar, as far as this crate needs to know.

use bytes::Bytes;
use std::time::Duration;

/// Whether the other side may have acted on a request that got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Certainly not: the connection was refused, the host unknown, the call denied.
    No,
    /// Possibly: it was on its way when the time ran out or the connection broke.
    Maybe,
}

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer: {detail}")]
pub struct TransportError {
    /// Whether the other side may have acted on it.
    pub sent: Sent,
    /// What the host said. Names no URL and no header.
    pub detail: String,
}

/// An HTTP client that follows no redirect and repeats nothing.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Http {
    /// Sends `request` and reads the whole answer, all of it within `deadline`.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Bytes>, TransportError>;
}
