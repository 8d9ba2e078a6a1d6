//! Answers to callers: Smartcar's, passed on, and this gateway's own where Smartcar
//! gave none.

use bytes::Bytes;
use edge::{
    Response,
    respond::{self, Code, Outgoing, Problem},
};
use futures::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::json;
use smartcar::{ApiError, Error, TokenError, TransportError};
use spin_sdk::{
    http::IntoResponse,
    wasip3::http::types::{self, ErrorCode},
};
use std::pin::Pin;

/// A body that is still on its way.
pub(crate) type StreamingBody =
    StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, TransportError>>>>>;

/// An answer, complete or not.
pub(crate) enum Reply {
    Complete(Response),
    Streaming(http::Response<StreamingBody>),
}

impl Reply {
    /// The status that it begins with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Complete(response) => response.status(),
            Self::Streaming(response) => response.status(),
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Result<types::Response, ErrorCode> {
        match self {
            Self::Complete(response) => Outgoing(response).into_response(),
            Self::Streaming(response) => response.into_response(),
        }
    }
}

/// An answer that is complete.
pub(crate) fn complete(response: Response) -> Reply {
    Reply::Complete(response)
}

/// An answer whose body is still on its way. It has no length.
pub(crate) fn streaming(
    status: StatusCode,
    headers: HeaderMap,
    pieces: impl Stream<Item = Result<Frame<Bytes>, TransportError>> + 'static,
) -> Reply {
    let mut response = http::Response::new(StreamBody::new(Box::pin(pieces) as _));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Reply::Streaming(response)
}

/// Those of Smartcar's headers that mean something to a caller.
pub(crate) fn kept_headers(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| {
        name.as_str().starts_with("sc-")
            || **name == header::RETRY_AFTER
            || **name == header::CONTENT_TYPE
    });
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Smartcar's answer, byte for byte.
pub(crate) fn hand_on(answer: smartcar::Response) -> Response {
    let kept = kept_headers(&answer.headers);
    let has_no_body = matches!(
        answer.status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    );
    let mut response = respond::json(answer.status, answer.body);
    response.headers_mut().extend(kept);
    if has_no_body {
        // RFC 9110 (8.6) wants no length of it.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    response
}

/// Whether what the headers announce can be Smartcar's: JSON, or nothing at all.
/// A proxy in between answers with HTML.
pub(crate) fn is_from_smartcar(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|value| {
        let parts = value.to_str().unwrap_or_default();
        let kind = parts.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
            || kind.to_ascii_lowercase().ends_with("+json")
    })
}

/// What stands in the place of an answer that is not Smartcar's.
pub(crate) fn not_from_smartcar(status: StatusCode, headers: &HeaderMap) -> Problem {
    let detail = format!(
        "received {} without JSON; probably not from Smartcar",
        status.as_u16()
    );
    let problem = Problem::new(Code::UnreadableAnswer, detail);
    match headers.get(header::RETRY_AFTER) {
        Some(time) => problem.with(header::RETRY_AFTER, time.clone()),
        None => problem,
    }
}

/// What to tell a caller whose call got no answer from Smartcar.
pub(crate) fn problem(error: &Error) -> Problem {
    let new = |code| Problem::new(code, error.to_string());
    match error {
        Error::Limited(limit) => {
            let seconds = u32::try_from(limit.retry_after()).unwrap_or(u32::MAX);
            new(Code::RateLimited).retry_after(seconds)
        }
        Error::Token(TokenError::NoCredentials) => new(Code::NotConfigured),
        Error::Token(TokenError::InvalidClient { .. }) => new(Code::CredentialsRefused),
        Error::Token(_) => new(Code::TokenUnavailable).retry_after(30),
        Error::Api(error) if matches!(error.status, 403 | 429 | 430) => refusal(error),
        _ => new(Code::SmartcarUnreachable).retry_after(30),
    }
}

/// A call that this application makes for another one, to look something up, is
/// refused for the same reasons: the caller gets them in Smartcar's words.
fn refusal(error: &ApiError) -> Problem {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut problem = Problem::new(Code::SmartcarRefused, error.to_string()).with_status(status);
    let mut entry = json!({
        "status": error.status.to_string(),
        "type": error.kind,
        "code": error.code,
        "detail": error.detail,
    });
    if let (Some(resolution), Some(entry)) = (&error.resolution, entry.as_object_mut()) {
        entry.insert("resolution".to_owned(), json!({"type": resolution.0}));
    }
    problem = problem.with_body(json!({"errors": [entry]}).to_string());
    if let Some(wait) = error.retry_after {
        problem = problem.retry_after(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX));
    }
    let id = error.request_id.as_deref().map(HeaderValue::try_from);
    match id {
        Some(Ok(id)) => problem.with(HeaderName::from_static("sc-request-id"), id),
        _ => problem,
    }
}

/// Adds a header of ours.
pub(crate) fn set<B>(response: &mut http::Response<B>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_of_smartcar_s_keeps_its_status_its_words_and_its_wait() {
        let refused = |status: u16| {
            Error::Api(Box::new(ApiError {
                status,
                kind: "BILLING".to_owned(),
                code: Some("INVALID_PLAN".to_owned()),
                detail: "No.".to_owned(),
                request_id: Some("r-1".to_owned()),
                retry_after: Some(std::time::Duration::from_secs(17)),
                ..ApiError::default()
            }))
        };
        for status in [403, 429, 430] {
            let response = Response::from(problem(&refused(status)));
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["retry-after"], "17");
            assert_eq!(response.headers()["sc-request-id"], "r-1");
            let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            let error = json!({"status": status.to_string(), "type": "BILLING", "code": "INVALID_PLAN", "detail": "No."});
            assert_eq!(body, json!({"errors": [error]}));
        }
        for status in [400, 401, 404, 500] {
            let problem = problem(&refused(status));
            assert_eq!(problem.status, 502, "{status}");
            assert_eq!(problem.code, Code::SmartcarUnreachable, "{status}");
        }
    }

    #[test]
    fn answer_that_is_not_json_is_not_from_smartcar() {
        let of = |kind: &str| {
            let value = HeaderValue::try_from(kind).unwrap();
            is_from_smartcar(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)]))
        };
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.api+json",
        ] {
            assert!(of(json), "{json}");
        }
        for other in ["text/html", "text/plain; application/json", ""] {
            assert!(!of(other), "{other}");
        }
        assert!(is_from_smartcar(&HeaderMap::new()));
    }
}
