//! The cookie that binds a state to the browser that was sent to Connect with it.

use http::{HeaderMap, header};
use smartcar::ConnectState;

/// Holds the nonce of the state that a browser was last sent to Connect with.
const COOKIE: &str = "connect_state";

/// The header `Set-Cookie`. `Lax`, since a browser comes back from another site.
pub(crate) fn set(nonce: &str, is_https: bool) -> String {
    let life = ConnectState::LIFE.as_secs();
    let secure = if is_https { "; Secure" } else { "" };
    format!("{COOKIE}={nonce}; HttpOnly; SameSite=Lax; Path=/connect; Max-Age={life}{secure}")
}

/// Whether the browser holds the nonce. Of two cookies one can be somebody
/// else's doing, so all have to be the same.
pub(crate) fn is_held(headers: &HeaderMap, nonce: &str) -> bool {
    // Other cookies need not even be text.
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    let mut held = pairs
        .filter_map(|pair| pair.trim_ascii().strip_prefix(COOKIE.as_bytes()))
        .filter_map(|rest| rest.strip_prefix(b"="))
        .peekable();
    held.peek().is_some() && held.all(|value| value == nonce.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_browser_holds_the_nonce_and_no_other() {
        let of = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::try_from(*line).unwrap());
            }
            is_held(&headers, "n1")
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
        ] {
            assert!(!of(none), "{none:?}");
        }
    }

    #[test]
    fn the_cookie_is_for_this_flow_alone() {
        let expected = "connect_state=n1; HttpOnly; SameSite=Lax; Path=/connect; Max-Age=3600";
        assert_eq!(set("n1", false), expected);
        assert_eq!(set("n1", true), format!("{expected}; Secure"));
    }
}
