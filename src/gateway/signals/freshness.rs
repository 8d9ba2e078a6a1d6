//! How old a stored answer may be, and how the answer says where it is from.
//!
//! Sources: RFC 9111 (HTTP caching), RFC 5861 (stale-if-error), RFC 9211
//! (Cache-Status).

use http::{HeaderMap, StatusCode, header};
use std::time::Duration;

/// What a request's `Cache-Control` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CacheControl {
    /// A stored answer may be this old.
    pub(crate) max_age: Duration,
    /// None may be used that Smartcar has not confirmed just now.
    pub(crate) no_cache: bool,
    /// What Smartcar says is not to be stored.
    pub(crate) no_store: bool,
    /// Smartcar is not to be asked.
    pub(crate) only_if_cached: bool,
    /// Where Smartcar fails, a stored answer may be this old.
    pub(crate) stale_if_error: Duration,
}

impl CacheControl {
    /// Reads the header; an answer may be as old as `max_age` where it says nothing.
    pub(crate) fn of(headers: &HeaderMap, max_age: Duration) -> Self {
        let mut wanted = Self {
            max_age,
            no_cache: false,
            no_store: false,
            only_if_cached: false,
            stale_if_error: Duration::MAX,
        };
        let fields = headers.get_all(header::CACHE_CONTROL).iter();
        let lines = fields.filter_map(|field| field.to_str().ok());
        for directive in lines.flat_map(|line| line.split(',')) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let time = seconds(value.trim().trim_matches('"'));
            match name.trim().to_ascii_lowercase().as_str() {
                "max-age" => wanted.max_age = time,
                "no-cache" => wanted.no_cache = true,
                "no-store" => wanted.no_store = true,
                "only-if-cached" => wanted.only_if_cached = true,
                "stale-if-error" => wanted.stale_if_error = time,
                _ => {}
            }
        }
        wanted
    }
}

/// A number of seconds. One that is too large to be counted is the largest (RFC
/// 9111, 1.2.2), and what is no number of seconds is taken as stale (4.2.1).
fn seconds(text: &str) -> Duration {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let seconds = is_number.then(|| text.parse().unwrap_or(u64::MAX));
    Duration::from_secs(seconds.unwrap_or(0))
}

/// Why Smartcar was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForwardReason {
    /// Nothing is stored.
    Miss,
    /// What is stored is older than a stored answer may be.
    Stale,
    /// What is stored may be served, and the caller does not want it.
    Request,
    /// It is asked for in a way in which nothing is stored.
    Bypass,
}

/// Where an answer is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The store.
    Hit,
    /// The store, which has only a part of the list that is fresh enough.
    Partial,
    /// Smartcar.
    Smartcar(ForwardReason),
    /// The store, since Smartcar failed, with this status if it answered at all.
    Fallback(ForwardReason, Option<StatusCode>),
}

impl Source {
    /// The value of `Cache-Status`.
    pub(crate) fn cache_status(self) -> String {
        let fwd = |why| match why {
            ForwardReason::Miss => "miss",
            ForwardReason::Stale => "stale",
            ForwardReason::Request => "request",
            ForwardReason::Bypass => "bypass",
        };
        match self {
            Self::Hit => "smartcar-edge; hit".to_owned(),
            Self::Partial => "smartcar-edge; hit; detail=partial".to_owned(),
            Self::Smartcar(why) => format!("smartcar-edge; fwd={}", fwd(why)),
            Self::Fallback(why, status) => {
                let status = status.map_or_else(String::new, |status| {
                    format!("; fwd-status={}", status.as_u16())
                });
                format!(
                    "smartcar-edge; fwd={}{status}; detail=stale-if-error",
                    fwd(why)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(value: &str) -> CacheControl {
        let value = HeaderValue::try_from(value).unwrap();
        let headers = HeaderMap::from_iter([(header::CACHE_CONTROL, value)]);
        CacheControl::of(&headers, Duration::from_secs(300))
    }

    #[test]
    fn request_says_how_old_an_answer_may_be() {
        assert_eq!(of("").max_age, Duration::from_secs(300));
        assert_eq!(of("max-age=60").max_age, Duration::from_secs(60));
        assert_eq!(of("Max-Age = \"7\" ").max_age, Duration::from_secs(7));
        for zero in ["soon", "", "-1", "+5", "1.5"] {
            let wanted = of(&format!("max-age={zero}"));
            assert_eq!(wanted.max_age, Duration::ZERO, "{zero}");
        }
        let endless = of("max-age=99999999999999999999");
        assert_eq!(endless.max_age, Duration::from_secs(u64::MAX));
        assert!(of("max-age=60, no-cache").no_cache && of("no-store").no_store);
        assert!(of("only-if-cached").only_if_cached);
        assert_eq!(of("x=1").stale_if_error, Duration::MAX);
        let bounded = of("stale-if-error=600, max-age=0");
        assert_eq!(bounded.stale_if_error, Duration::from_secs(600));
        assert_eq!((bounded.max_age, bounded.no_cache), (Duration::ZERO, false));
    }

    #[test]
    fn answer_says_where_it_is_from() {
        for (source, expected) in [
            (Source::Hit, "smartcar-edge; hit"),
            (Source::Partial, "smartcar-edge; hit; detail=partial"),
            (
                Source::Smartcar(ForwardReason::Miss),
                "smartcar-edge; fwd=miss",
            ),
            (
                Source::Smartcar(ForwardReason::Bypass),
                "smartcar-edge; fwd=bypass",
            ),
            (
                Source::Fallback(ForwardReason::Stale, Some(StatusCode::BAD_GATEWAY)),
                "smartcar-edge; fwd=stale; fwd-status=502; detail=stale-if-error",
            ),
            (
                Source::Fallback(ForwardReason::Request, None),
                "smartcar-edge; fwd=request; detail=stale-if-error",
            ),
        ] {
            assert_eq!(source.cache_status(), expected);
        }
    }
}
