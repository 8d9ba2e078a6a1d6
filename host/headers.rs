//! The headers that Spin adds to a request before a component sees it.

use crate::{allowed_hosts::chaining_target, routes::Match};
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{CONNECTION, HOST},
};
use std::net::SocketAddr;

/// Drops the header that concerns the connection only, and a `Host` that would look
/// like a call from another component.
pub(crate) fn strip_forbidden(headers: &mut HeaderMap) {
    headers.remove(CONNECTION);
    let chained = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| host.split(':').next())
        .is_some_and(|host| chaining_target(host).is_some());
    if chained {
        headers.remove(HOST);
    }
}

/// Adds `spin-full-url`, `spin-path-info` and their like. They are appended, as
/// in Spin: where a client sent the same header, the last value is the host's.
pub(crate) fn add_spin_headers(
    headers: &mut HeaderMap,
    uri: &Uri,
    matched: &Match<'_>,
    client: SocketAddr,
) {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost");
    let scheme = uri.scheme_str().unwrap_or("http");
    let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
    let full_url = format!("{scheme}://{host}{path_and_query}");
    let raw_route = matched.raw_route;
    let mut add = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    };
    add("spin-path-info", &matched.path_info);
    add("spin-full-url", &full_url);
    add("spin-matched-route", matched.based_route);
    add("spin-base-path", "/");
    add("spin-raw-component-route", raw_route);
    add(
        "spin-component-route",
        raw_route.strip_suffix("/...").unwrap_or(raw_route),
    );
    add("spin-client-addr", &client.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_of_a_client_cannot_hide_the_hosts_value() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("example.com"));
        headers.insert("spin-client-addr", HeaderValue::from_static("1.2.3.4:5"));
        let mut matched = Match::chained("a", "/x");
        matched.raw_route = "/a/...";
        let uri = "http://example.com/a/x?q=1".parse().unwrap();
        add_spin_headers(&mut headers, &uri, &matched, ([127, 0, 0, 1], 9).into());
        let last = headers
            .get_all("spin-client-addr")
            .iter()
            .next_back()
            .unwrap();
        assert_eq!(last, "127.0.0.1:9");
        assert_eq!(headers["spin-full-url"], "http://example.com/a/x?q=1");
        assert_eq!(headers["spin-component-route"], "/a");
        assert_eq!(headers["spin-path-info"], "/x");
    }

    #[test]
    fn header_host_with_a_chaining_name_is_dropped() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("relay.spin.internal:80"));
        strip_forbidden(&mut headers);
        assert!(headers.get(HOST).is_none());
    }
}
