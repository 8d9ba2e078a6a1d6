//! An answer of Smartcar's API.

use crate::{Timestamp, timestamp::parse_iso};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// An answer of Smartcar's API, whatever its status.
#[derive(Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as received.
    pub body: Bytes,
}

impl Response {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `SC-Request-Id`: Smartcar's id of the request, to be given to its support.
    pub fn request_id(&self) -> Option<&str> {
        self.header("sc-request-id")
    }

    /// `SC-Data-Age`: when the vehicle recorded the data.
    pub fn data_age(&self) -> Option<Timestamp> {
        parse_iso(self.header("sc-data-age")?)
    }

    /// `SC-Fetched-At`: when Smartcar fetched the data.
    pub fn fetched_at(&self) -> Option<Timestamp> {
        parse_iso(self.header("sc-fetched-at")?)
    }

    /// `Retry-After`, in seconds as Smartcar sends it.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

/// A body can hold where a car stands.
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_headers_are_readable() {
        let headers = [
            ("sc-request-id", "r-1"),
            ("sc-data-age", "2026-06-29T23:55:53Z"),
            ("sc-fetched-at", "2026-06-29T23:55:54.5Z"),
            ("retry-after", "17"),
        ];
        let response = Response::for_tests(200, &headers, "");
        assert_eq!(response.request_id(), Some("r-1"));
        assert_eq!(response.data_age(), Some(Timestamp(1_782_777_353_000)));
        assert_eq!(response.fetched_at(), Some(Timestamp(1_782_777_354_500)));
        assert_eq!(response.retry_after(), Some(Duration::from_secs(17)));
        let silent = Response::for_tests(200, &[("retry-after", "soon")], "");
        assert_eq!((silent.retry_after(), silent.data_age()), (None, None));
    }
}
