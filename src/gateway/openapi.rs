//! The OpenAPI description of the gateway, served compressed.
//!
//! `make openapi` writes openapi.json. The code that makes it would weigh more than what it
//! makes.

use crate::request::{Inbound, single};
use edge::{Response, respond};
use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY},
};

/// openapi.json as a gzip member (RFC 1952), as build.rs packed it.
static GZIP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));

/// The length of the member's header, which has no optional fields.
const HEADER: usize = 10;

/// The length of checksum and size, after the compressed data.
const TRAILER: usize = 8;

/// Answers `GET /openapi.json`: compressed for a client that accepts gzip.
pub(crate) fn answer(inbound: &Inbound) -> Response {
    let accepted = single(&inbound.headers, ACCEPT_ENCODING.as_str());
    let is_compressed = accepted.ok().flatten().is_some_and(accepts_gzip);
    let body = if is_compressed { GZIP.to_vec() } else { text() };
    let mut response = respond::json(StatusCode::OK, body);
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether an `Accept-Encoding` names gzip and does not refuse it (RFC 9110, 12.5.3).
fn accepts_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=");
        let is_refused = weight.is_some_and(|weight| weight.bytes().all(|b| b"0.".contains(&b)));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

fn text() -> Vec<u8> {
    let end = GZIP.len().saturating_sub(TRAILER);
    let compressed = GZIP.get(HEADER..end).unwrap_or_default();
    // What build.rs packed can be unpacked; a test looks.
    miniz_oxide::inflate::decompress_to_vec(compressed).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Instance;
    use http::Request;

    const DOCUMENT: &str = include_str!("openapi.json");

    fn get(accepted: Option<&str>) -> Response {
        let mut request = Request::get("/openapi.json");
        if let Some(accepted) = accepted {
            request = request.header(ACCEPT_ENCODING, accepted);
        }
        Instance::new().send(request.body("").unwrap())
    }

    #[test]
    fn openapi_document_is_compressed_for_those_that_accept_gzip() {
        for accepted in ["gzip", "br;q=1.0, GZIP;q=0.5", "deflate,gzip"] {
            let answer = get(Some(accepted));
            assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip", "{accepted}");
            assert_eq!(answer.headers()[VARY], "accept-encoding");
            assert_eq!(answer.body(), GZIP);
        }
        for accepted in [
            None,
            Some(""),
            Some("br"),
            Some("gzip;q=0"),
            Some("gzip; q=0.0"),
        ] {
            let answer = get(accepted);
            assert!(
                !answer.headers().contains_key(CONTENT_ENCODING),
                "{accepted:?}"
            );
            assert_eq!(answer.headers()[VARY], "accept-encoding");
            assert_eq!(answer.body(), DOCUMENT, "{accepted:?}");
        }
    }
}
