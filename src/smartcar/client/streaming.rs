//! An answer of which the headers are there and the body is still to come.

use crate::{BodyStream, Response, TransportError, platform::http::whole};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

/// An answer of Smartcar's API, whatever its status, whose body has not been
/// read yet. `B` is how the platform reads one.
pub struct StreamingResponse<B> {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: ResponseBody<B>,
}

/// A body, which may have been read already.
pub enum ResponseBody<B> {
    /// The whole body.
    Complete(Bytes),
    /// A body that is still arriving.
    Streaming(B),
}

impl<B: BodyStream> StreamingResponse<B> {
    /// The length that the headers announce. Smartcar announces none where it
    /// keeps the connection of a slow command open.
    pub fn length(&self) -> Option<u64> {
        match &self.body {
            ResponseBody::Complete(body) => u64::try_from(body.len()).ok(),
            ResponseBody::Streaming(_) => {
                let length = self.headers.get(header::CONTENT_LENGTH)?;
                length.to_str().ok()?.parse().ok()
            }
        }
    }

    /// Reads the body to its end. A limit (429, 430) is in the headers: where its
    /// body breaks off, there is none.
    pub async fn read(self) -> Result<Response, TransportError> {
        let body = match self.body {
            ResponseBody::Complete(body) => body,
            ResponseBody::Streaming(mut body) => match whole(&mut body).await {
                Err(_) if matches!(self.status.as_u16(), 429 | 430) => Bytes::new(),
                body => body?,
            },
        };
        Ok(Response {
            status: self.status,
            headers: self.headers,
            body,
        })
    }

    /// `SC-Request-Id`: Smartcar's id of the request, to be given to its support.
    pub fn request_id(&self) -> Option<&str> {
        self.headers.get("sc-request-id")?.to_str().ok()
    }
}

impl<B> From<http::Response<B>> for StreamingResponse<B> {
    fn from(response: http::Response<B>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: ResponseBody::Streaming(body),
        }
    }
}

impl<B> From<Response> for StreamingResponse<B> {
    fn from(response: Response) -> Self {
        Self {
            status: response.status,
            headers: response.headers,
            body: ResponseBody::Complete(response.body),
        }
    }
}

impl<B: BodyStream> BodyStream for ResponseBody<B> {
    async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        match self {
            Self::Complete(body) if body.is_empty() => None,
            Self::Complete(body) => Some(Ok(std::mem::take(body))),
            Self::Streaming(body) => body.next().await,
        }
    }
}

/// A body can hold where a car stands.
impl<B> std::fmt::Debug for StreamingResponse<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamingResponse")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
