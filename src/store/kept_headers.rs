//! Headers of an answer that is kept for an idempotency key.

use http::{HeaderMap, header};
use std::fmt::Write as _;

/// Headers as they are kept, a line each.
pub(crate) fn pack(headers: &HeaderMap) -> String {
    let mut packed = String::new();
    for (name, value) in headers {
        if let Ok(value) = value.to_str()
            && *name != header::CONTENT_LENGTH
        {
            // Writing into memory does not fail.
            let _ = writeln!(packed, "{name}: {value}");
        }
    }
    packed
}

/// Reads what [`pack`] wrote.
pub(crate) fn unpack(packed: &str) -> HeaderMap {
    let lines = packed.lines().filter_map(|line| line.split_once(": "));
    let headers = lines.filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
    headers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn headers_are_kept_as_they_were() {
        let mut headers = HeaderMap::new();
        headers.insert("sc-request-id", HeaderValue::from_static("a: b"));
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        assert_eq!(unpack(&pack(&headers)), headers);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("5"));
        assert!(!pack(&headers).contains("content-length"));
    }
}
