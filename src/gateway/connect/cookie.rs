//! The cookie that binds a state to the browser that was sent to Connect with it.

use http::{HeaderMap, header};
use smartcar::ConnectState;

/// The cookie, which holds the nonce of the state that a browser was last sent to
/// Connect with. Where the browser comes by HTTPS, the prefix keeps other hosts of
/// the same domain, and whoever answers for this one without TLS, from setting it
/// (RFC 6265bis, 4.1.3.2): it wants `Secure`, `Path=/` and no `Domain`.
const fn name(is_https: bool) -> &'static str {
    if is_https {
        "__Host-connect_state"
    } else {
        "connect_state"
    }
}

/// The header `Set-Cookie`. `Lax`, since a browser comes back from another site.
pub(crate) fn set(nonce: &str, is_https: bool) -> String {
    let (name, life) = (name(is_https), ConnectState::LIFE.as_secs());
    let place = if is_https {
        "Path=/; Secure"
    } else {
        "Path=/connect"
    };
    format!("{name}={nonce}; HttpOnly; SameSite=Lax; Max-Age={life}; {place}")
}

/// Whether the browser holds the nonce. Of two cookies one can be someone
/// else's doing, so all have to be the same.
pub(crate) fn is_held(headers: &HeaderMap, nonce: &str, is_https: bool) -> bool {
    // Other cookies need not even be text.
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    let mut held = pairs
        .filter_map(|pair| pair.trim_ascii().strip_prefix(name(is_https).as_bytes()))
        .filter_map(|rest| rest.strip_prefix(b"="))
        .peekable();
    held.peek().is_some() && held.all(|value| value == nonce.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn browser_holds_the_nonce_and_no_other() {
        let of = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::try_from(*line).unwrap());
            }
            is_held(&headers, "n1", false)
        };
        assert!(of(&["connect_state=n1"]));
        assert!(of(&["a=b; connect_state=n1; c"]));
        assert!(of(&["a=b", "connect_state=n1"]));
        assert!(of(&["a=\u{e4}; connect_state=n1"]));
        for none in [
            &[][..],
            &["connect_state=n2"],
            &["connect_state="],
            &["connect_state"],
            &["xconnect_state=n1"],
            &["connect_state=n1; connect_state=n2"],
            &["connect_state=n1", "connect_state=n2"],
            &["__Host-connect_state=n1"],
        ] {
            assert!(!of(none), "{none:?}");
        }
    }

    #[test]
    fn cookie_of_an_https_host_is_read_under_its_own_name_alone() {
        for (cookie, is_theirs) in [
            ("__Host-connect_state=n1", true),
            ("__Host-connect_state=n1; connect_state=n2", true),
            ("connect_state=n1", false),
            ("__host-connect_state=n1", false),
            ("__Host-connect_state=n2; connect_state=n1", false),
        ] {
            let value = HeaderValue::try_from(cookie).unwrap();
            let headers = HeaderMap::from_iter([(header::COOKIE, value)]);
            assert_eq!(is_held(&headers, "n1", true), is_theirs, "{cookie}");
        }
    }

    #[test]
    fn cookie_is_this_host_s_where_it_comes_by_https() {
        let expected = "connect_state=n1; HttpOnly; SameSite=Lax; Max-Age=3600; Path=/connect";
        assert_eq!(set("n1", false), expected);
        let expected =
            "__Host-connect_state=n1; HttpOnly; SameSite=Lax; Max-Age=3600; Path=/; Secure";
        assert_eq!(set("n1", true), expected);
    }
}
