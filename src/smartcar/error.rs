//! What can go wrong on the way to Smartcar and back.

use crate::{
    CommandExecution, Limit, Response, Sent, TokenError, TransportError, fields::Fields, readable,
};
use std::{borrow::Cow, time::Duration};

/// A call to Smartcar that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No access token could be had, so nothing was sent to the API.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The API gave no answer.
    #[error("failed to call Smartcar: {0}")]
    Transport(#[from] TransportError),
    /// A limit that was reached is still in force, so nothing was sent.
    #[error("a limit is reached: try again in {} s", .0.retry_after())]
    Limited(Limit),
    /// The API answered with an error.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// Smartcar took the command, and it failed.
    #[error("the command failed: Smartcar recorded {}", .0.status.as_str())]
    CommandFailed(Box<CommandExecution>),
    /// The API answered with something that is not in its documentation.
    #[error("failed to read Smartcar's answer (status {status}): {detail}")]
    Unreadable {
        /// The HTTP status of the answer.
        status: u16,
        /// What was expected and not found.
        detail: String,
    },
}

impl Error {
    /// Whether the thing asked for may have happened all the same. Where this is
    /// true, asking again can do it twice.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Token(_) | Self::Limited(_) | Self::CommandFailed(_) => false,
            Self::Transport(error) => error.sent == Sent::Maybe,
            Self::Api(error) => error.may_have_happened(),
            Self::Unreadable { .. } => true,
        }
    }

    /// Whether the same call can succeed later without anything being changed.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Token(error) => error.is_temporary(),
            Self::Transport(_) | Self::Limited(_) => true,
            Self::CommandFailed(_) => false,
            Self::Api(error) => error.is_temporary(),
            Self::Unreadable { status, .. } => *status >= 500,
        }
    }
}

/// What Smartcar suggests to do about an error. An open set: `RETRY_LATER`,
/// `REAUTHENTICATE` and `CONTACT_SUPPORT` are documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution(pub String);

/// An error answer of Smartcar's API. Type and code are open sets: compare them
/// with the values you know and expect others.
///
/// Source: <https://smartcar.com/docs/api-reference/api-errors>
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("Smartcar answered {status}: {kind}/{}: {detail}", .code.as_deref().unwrap_or("null"))]
pub struct ApiError {
    /// The HTTP status; where an answer began as a success (202) and ended in an
    /// error, the error's own, if it has one that can be read.
    pub status: u16,
    /// Smartcar's `type`, for example `VEHICLE_STATE`; empty where the body was
    /// not Smartcar's.
    pub kind: String,
    /// For example `ASLEEP`. Some errors have none.
    pub code: Option<String>,
    /// A sentence for developers.
    pub detail: String,
    /// What Smartcar suggests.
    pub resolution: Option<Resolution>,
    /// Smartcar's id of the request, to be given to its support.
    pub request_id: Option<String>,
    /// How long to wait, from the header `Retry-After` in seconds.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// Reads an error answer: v3's `{"errors":[…]}`, the flat body of v2,
    /// `{"error":{…}}`, and what a proxy in between may have put in its place.
    pub fn from_response(response: &Response) -> Self {
        let body = readable(&response.body);
        let top = Fields::read(&body).unwrap_or_default();
        let first = top
            .objects("errors")
            .map(|errors| errors.into_iter().next());
        let error = match first {
            Some(first) => first.unwrap_or_default(),
            None if top.has("error") => top.object("error"),
            None => top,
        };
        let text = |name| error.text(name).map(Cow::into_owned);
        // Where Smartcar had said 202 and went on, the error has a status of its own.
        let status = response.status.as_u16();
        let own = own_status(&error).filter(|_| is_success(status));
        let status = own.unwrap_or(status);
        let resolution = error.object("resolution").text("type").map(Cow::into_owned);
        let debug = error.object("meta").object("debug");
        Self {
            status,
            kind: text("type").unwrap_or_default(),
            code: text("code"),
            detail: text("detail")
                .or_else(|| text("description"))
                .or_else(|| text("title"))
                .unwrap_or_else(|| "no description".to_owned()),
            resolution: resolution.map(Resolution),
            request_id: response
                .request_id()
                .map(str::to_owned)
                .or_else(|| text("requestId"))
                .or_else(|| debug.text("requestId").map(Cow::into_owned)),
            retry_after: response.retry_after(),
        }
    }

    /// The error that an answer with the status of one is; None where its status is
    /// that of a success.
    pub fn of(response: &Response) -> Option<Self> {
        (!response.status.is_success()).then(|| Self::from_response(response))
    }

    /// The error that an answer ends in although it began as a success; None where
    /// it does not.
    pub fn within(response: &Response) -> Option<Self> {
        let body = readable(&response.body);
        let top = Fields::read(&body)?;
        let has_errors = match top.array("errors") {
            Some(errors) => !errors.is_empty() || !top.has("data"),
            None => top.get("errors").is_some(),
        };
        let is_flat = !top.has("data")
            && (own_status(&top).is_some() || top.text("type").is_some() && top.has("code"));
        let is_error = has_errors || top.get("error").is_some() || is_flat;
        (is_success(response.status.as_u16()) && is_error).then(|| Self::from_response(response))
    }

    /// Whether a command may have reached the vehicle: true for what a gateway
    /// in between answers, for an upstream that did not answer Smartcar, and for an
    /// error without a status of its own in an answer that began as a success.
    pub fn may_have_happened(&self) -> bool {
        match self.status {
            success if is_success(success) => true,
            // `UPSTREAM` errors tell of the maker's service; only these two
            // leave open what the service did.
            502 => !matches!(self.code.as_deref(), Some("RATE_LIMIT" | "KNOWN_ISSUE")),
            500 | 503..=599 => true,
            _ => false,
        }
    }

    /// Whether the same call can succeed later without anything being changed.
    pub fn is_temporary(&self) -> bool {
        matches!(self.status, 429 | 500 | 502 | 503 | 504)
            || self
                .resolution
                .as_ref()
                .is_some_and(|r| r.0 == "RETRY_LATER")
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// The status that an error itself has: `status` in v3, `statusCode` in v2, each
/// as text or as a number.
fn own_status(error: &Fields<'_>) -> Option<u16> {
    let read = |name| {
        let text = error.text(name).and_then(|text| text.parse().ok());
        let number = || error.count(name).and_then(|n| u16::try_from(n).ok());
        text.or_else(number)
            .filter(|status| (400..600).contains(status))
    };
    read("status").or_else(|| read("statusCode"))
}

impl Response {
    /// The answer if it tells of success, else the error that it tells of.
    pub fn into_result(self) -> Result<Self, Error> {
        match ApiError::of(&self) {
            None => Ok(self),
            Some(error) => Err(Error::Api(Box::new(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, headers: &[(&str, &str)], body: &str) -> ApiError {
        ApiError::from_response(&Response::for_tests(status, headers, body))
    }

    #[test]
    fn reads_a_v3_error() {
        let read = error(
            409,
            &[],
            r#"{"errors":[{"status":"409","type":"VEHICLE_STATE","code":"ASLEEP","title":"Asleep",
                "detail":"The vehicle sleeps.","resolution":{"type":"RETRY_LATER"},
                "meta":{"debug":{"requestId":"r-1"}},"tomorrow":1}]}"#,
        );
        assert_eq!(
            read,
            ApiError {
                status: 409,
                kind: "VEHICLE_STATE".into(),
                code: Some("ASLEEP".into()),
                detail: "The vehicle sleeps.".into(),
                resolution: Some(Resolution("RETRY_LATER".into())),
                request_id: Some("r-1".into()),
                retry_after: None,
            }
        );
        assert!(read.is_temporary() && !read.may_have_happened());
        assert_eq!(
            read.to_string(),
            "Smartcar answered 409: VEHICLE_STATE/ASLEEP: The vehicle sleeps."
        );
    }

    #[test]
    fn reads_the_flat_error_of_v2_with_its_headers() {
        let read = error(
            429,
            &[("retry-after", "120"), ("sc-request-id", "r-2")],
            r#"{"type":"RATE_LIMIT","code":"VEHICLE","description":"Too often.","statusCode":429,
                "requestId":"other","resolution":{"type":null}}"#,
        );
        assert_eq!(
            (read.kind.as_str(), read.code.as_deref()),
            ("RATE_LIMIT", Some("VEHICLE"))
        );
        assert_eq!(read.retry_after, Some(Duration::from_secs(120)));
        assert_eq!(read.request_id.as_deref(), Some("r-2"));
        assert_eq!(
            (read.detail.as_str(), read.resolution),
            ("Too often.", None)
        );
    }

    #[test]
    fn reads_an_error_object_and_a_missing_code() {
        let read = error(
            403,
            &[],
            r#"{"error":{"type":"PERMISSION","code":null,"detail":"No."}}"#,
        );
        assert_eq!((read.kind.as_str(), read.code), ("PERMISSION", None));
    }

    #[test]
    fn proxy_error_keeps_its_status() {
        for body in [
            "",
            "<html>502</html>",
            "null",
            "[]",
            "{\"errors\":[]}",
            "{\"errors\":7}",
        ] {
            let read = error(502, &[], body);
            assert_eq!((read.status, read.kind.as_str()), (502, ""), "{body:?}");
            assert!(read.may_have_happened() && read.is_temporary());
        }
    }

    #[test]
    fn error_within_a_success_has_a_status_of_its_own_in_every_spelling() {
        for (body, status, may_have_happened) in [
            (r#"{"errors":[{"status":"409","type":"T"}]}"#, 409, false),
            (r#"{"errors":[{"status":409,"type":"T"}]}"#, 409, false),
            (r#"{"errors":[{"status":502,"type":"T"}]}"#, 502, true),
            (r#"{"errors":[{"status":503,"type":"T"}]}"#, 503, true),
            (r#"{"errors":[{"statusCode":"409"}]}"#, 409, false),
            (r#"{"error":{"statusCode":500}}"#, 500, true),
            (r#"{"type":"T","code":"C","statusCode":502}"#, 502, true),
            (r#"{"type":"T","code":"C","statusCode":409}"#, 409, false),
            // Without one that can be read, it is unknown.
            (r#"{"errors":[{"type":"T","code":"C"}]}"#, 202, true),
            (r#"{"errors":[{"status":"conflict"}]}"#, 202, true),
            (r#"{"errors":[{"status":200}]}"#, 202, true),
            (r#"{"errors":[{"status":70000}]}"#, 202, true),
            (r#"{"errors":[{"status":{}}]}"#, 202, true),
            (r#"{"errors":[]}"#, 202, true),
            (r#"{"errors":[7]}"#, 202, true),
            (r#"{"errors":7,"data":{}}"#, 202, true),
            (r#"{"error":"x"}"#, 202, true),
            (r#"{"type":"T","code":"C","statusCode":null}"#, 202, true),
        ] {
            let read = ApiError::within(&Response::for_tests(202, &[], body));
            let read = read.unwrap_or_else(|| panic!("{body}"));
            let found = (read.status, read.may_have_happened());
            assert_eq!(found, (status, may_have_happened), "{body}");
        }
        // An error answer keeps its HTTP status.
        let read = error(409, &[], r#"{"errors":[{"status":502}]}"#);
        assert_eq!((read.status, read.may_have_happened()), (409, false));
        for none in [
            "",
            "[]",
            "{}",
            r#"{"data":{}}"#,
            r#"{"data":{},"errors":null}"#,
            r#"{"data":{},"errors":[]}"#,
            r#"{"data":{},"status":409}"#,
            r#"{"status":"ok"}"#,
        ] {
            let read = ApiError::within(&Response::for_tests(202, &[], none));
            assert_eq!(read, None, "{none}");
        }
    }
}
