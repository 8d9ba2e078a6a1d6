//! Sending a request to Smartcar, as far as this crate needs to know.

use bytes::{Bytes, BytesMut};
use std::time::Duration;

/// The most that an answer may weigh where it is read as a whole, so that no
/// answer fills the memory. A vehicle with every signal is some 60 KB.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

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

/// The body of an answer, as it arrives.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait BodyStream: Unpin + 'static {
    /// The next piece; none at the end. After an error there is nothing more.
    async fn next(&mut self) -> Option<Result<Bytes, TransportError>>;
}

/// Reads a body to its end.
pub(crate) async fn whole(body: &mut impl BodyStream) -> Result<Bytes, TransportError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece?;
        if first.len() + rest.len() + piece.len() > MAX_ANSWER {
            return Err(TransportError {
                sent: Sent::Maybe,
                detail: "the answer is too long".to_owned(),
            });
        }
        if first.is_empty() {
            first = piece;
        } else {
            rest.extend_from_slice(&piece);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut body = BytesMut::from(first);
    body.extend_from_slice(&rest);
    Ok(body.freeze())
}

/// An HTTP client that follows no redirect and repeats nothing.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Http {
    /// The body of an answer.
    type Body: BodyStream;

    /// Sends `request` and returns the answer when its headers are there. All of
    /// it, the body too, has to arrive within `deadline`.
    async fn open(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Self::Body>, TransportError>;

    /// Sends `request` and reads the whole answer, all of it within `deadline`.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let (parts, mut body) = self.open(request, deadline).await?.into_parts();
        let body = whole(&mut body).await?;
        Ok(http::Response::from_parts(parts, body))
    }
}
