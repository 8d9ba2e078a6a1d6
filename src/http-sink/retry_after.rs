//! The header `Retry-After`: a number of seconds, or a date.
//!
//! Source: RFC 9110, sections 10.2.3 and 5.6.7

use http::{HeaderMap, header};
use smartcar::Timestamp;
use std::time::UNIX_EPOCH;

/// In how many seconds at the earliest the sink wants to be asked again. The
/// relay waits no longer for it than it keeps trying.
pub(crate) fn seconds(headers: &HeaderMap, now: Timestamp) -> Option<u32> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match value.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let date = httpdate::parse_http_date(value).ok()?;
            let date = Timestamp(0).after(date.duration_since(UNIX_EPOCH).ok()?);
            // A part of a second is waited for too.
            u64::try_from(date.since(now).as_millis().div_ceil(1000)).ok()?
        }
    };
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// Sun, 06 Nov 1994 08:49:37 GMT: date -u -d @784111777
    const THEN: i64 = 784_111_777_000;

    fn of(value: &str, now: i64) -> Option<u32> {
        let value = HeaderValue::try_from(value).unwrap();
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
        seconds(&headers, Timestamp(now))
    }

    #[test]
    fn seconds_are_taken_as_they_are() {
        assert_eq!(of("0", THEN), Some(0));
        assert_eq!(of(" 120 ", THEN), Some(120));
        assert_eq!(of("99999999999", THEN), Some(u32::MAX));
    }

    #[test]
    fn date_is_counted_from_now() {
        // The three ways to write one, as the RFC has them.
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(of(date, THEN - 120_000), Some(120), "{date}");
            assert_eq!(of(date, THEN - 500), Some(1), "{date}");
            assert_eq!(of(date, THEN + 1), Some(0), "{date}");
        }
        assert_eq!(of("Fri, 31 Dec 9999 23:59:59 GMT", THEN), Some(u32::MAX));
    }

    #[test]
    fn retry_after_that_is_neither_date_nor_seconds_is_ignored() {
        for bad in ["", "soon", "-1", "Sun, 31 Feb 1994 08:49:37 GMT"] {
            assert_eq!(of(bad, THEN), None, "{bad:?}");
        }
        assert_eq!(seconds(&HeaderMap::new(), Timestamp(THEN)), None);
    }
}
