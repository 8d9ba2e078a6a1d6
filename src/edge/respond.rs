//! Answers. Each carries its length: without one the host answers in two
//! segments, for which clients wait some 40 ms.

mod code;

pub use code::Code;

use crate::backpressure::Pause;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use spin_sdk::{
    http::IntoResponse,
    wasip3::{
        http::types::{self, ErrorCode},
        spawn, wit_future, wit_stream,
    },
};

/// An answer with a body that is complete.
pub type Response = http::Response<Bytes>;

/// Answers with JSON.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let body = body.into();
    let length = body.len().into();
    let mut response = http::Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    *response.status_mut() = status;
    response
}

/// An answer as it is handed to the host.
///
/// A host that has the headers and not yet the body sends the headers alone, and
/// the body when those are acknowledged, some 40 ms later. One without a body
/// cannot come apart, and costs no stream.
pub struct Outgoing(pub Response);

impl IntoResponse for Outgoing {
    fn into_response(self) -> Result<types::Response, ErrorCode> {
        let (parts, body) = self.0.into_parts();
        let headers =
            types::Fields::try_from(parts.headers).map_err(|_| ErrorCode::HttpProtocolError)?;
        let (end, trailers) = wit_future::new(|| Ok(None));
        let (response, _) = if body.is_empty() {
            drop(end);
            types::Response::new(headers, None, trailers)
        } else {
            let (mut stream, contents) = wit_stream::new();
            // The host fetches the body when this instance has done all that it was
            // given; so until then it is given nothing more.
            let pause = Pause::begin();
            spawn(async move {
                stream.write_all(body.into()).await;
                drop((stream, end, pause));
            });
            types::Response::new(headers, Some(contents), trailers)
        };
        let _ = response.set_status_code(parts.status.as_u16());
        Ok(response)
    }
}

/// An error of this application, in the shape of Smartcar's errors, with the
/// type `EDGE`, which says that Smartcar did not answer.
///
/// Source of the shape: <https://smartcar.com/docs/api-reference/api-errors>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status: the code's, where it is not another server's.
    pub status: StatusCode,
    /// Which error it is.
    pub code: Code,
    /// A sentence for developers: what is wrong and what would be right.
    pub detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Another server's body, in place of one of its own.
    body: Option<Bytes>,
}

impl Problem {
    /// A problem with a code, which has its status, and a sentence about it.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            status: code.status(),
            code,
            detail: detail.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Answers with the status of another server's error in place of the code's.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Answers with the body of another server's error in place of its own.
    #[must_use]
    pub fn with_body(self, body: impl Into<Bytes>) -> Self {
        let body = Some(body.into());
        Self { body, ..self }
    }

    /// Adds a header, for example `Allow`.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A request that is not signed as Smartcar signs deliveries. An answer of 401 has
    /// to name a way to authenticate (RFC 9110, 15.5.2): here, the signature's header.
    pub fn unsigned(code: Code, detail: impl Into<String>) -> Self {
        let challenge = HeaderValue::from_static("SC-Signature");
        Self::new(code, detail).with(header::WWW_AUTHENTICATE, challenge)
    }

    /// Says when to try again (`Retry-After`, in seconds).
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.with(header::RETRY_AFTER, seconds.into())
    }
}

impl Problem {
    /// The body of the answer.
    pub fn body(&self) -> Bytes {
        if let Some(body) = &self.body {
            return body.clone();
        }
        let error = Error {
            status: self.status.as_str(),
            kind: "EDGE",
            code: self.code.as_str(),
            title: self.status.canonical_reason().unwrap_or("Error"),
            detail: &self.detail,
        };
        // Serialising text into memory does not fail.
        let body = serde_json::to_vec(&Errors { errors: [error] }).unwrap_or_default();
        body.into()
    }
}

#[derive(Serialize)]
struct Errors<'a> {
    errors: [Error<'a>; 1],
}

#[derive(Serialize)]
struct Error<'a> {
    status: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    code: &'a str,
    title: &'a str,
    detail: &'a str,
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let mut response = json(problem.status, problem.body());
        response.headers_mut().extend(problem.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_has_smartcar_s_shape_and_its_length() {
        let problem = Problem::new(Code::CommandInProgress, "say \"please\"").retry_after(5);
        let response = Response::from(problem);
        assert_eq!(response.status(), 409);
        assert_eq!(response.headers()["retry-after"], "5");
        let length = response.headers()["content-length"].clone();
        let body = response.into_body();
        assert_eq!(length, body.len().to_string());
        assert_eq!(
            body,
            r#"{"errors":[{"status":"409","type":"EDGE","code":"COMMAND_IN_PROGRESS","title":"Conflict","detail":"say \"please\""}]}"#
        );
    }
}
