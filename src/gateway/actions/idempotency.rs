//! What makes two requests the same, and the headers by which a caller says so.

use crate::request::{invalid, single};
use edge::respond::{Code, Problem};
use http::HeaderMap;
use sha2::{Digest, Sha256};

/// Has a command sent although the outcome of the one before is unknown.
pub(crate) const INSIST: &str = "Edge-Insist";

/// SHA-256 of the parts of a request.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// The header `Idempotency-Key`: a string as RFC 9651 writes one, or the bare key
/// as most clients send it.
///
/// Source: <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
pub(crate) fn key(headers: &HeaderMap, is_required: bool) -> Result<Option<&str>, Problem> {
    let Some(key) = single(headers, "idempotency-key")? else {
        if is_required {
            let detail = "send the header Idempotency-Key, with a new value for each thing that \
                          is to be done once";
            return Err(Problem::new(Code::MissingIdempotencyKey, detail));
        }
        return Ok(None);
    };
    let key = key.trim();
    let bare = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    let key = bare.unwrap_or(key);
    let fits = (1..=255).contains(&key.len())
        && key
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    if fits {
        Ok(Some(key))
    } else {
        Err(invalid(
            "the header Idempotency-Key is 1 to 255 printable characters without spaces",
        ))
    }
}

/// The header `Edge-Insist`.
pub(crate) fn insists(headers: &HeaderMap) -> Result<bool, Problem> {
    match single(headers, INSIST)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid("the header Edge-Insist must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn with_key(value: &str) -> HeaderMap {
        let value = HeaderValue::try_from(value).unwrap();
        HeaderMap::from_iter([(HeaderName::from_static("idempotency-key"), value)])
    }

    #[test]
    fn idempotency_key_is_quoted_or_bare() {
        for (value, expected) in [
            ("\"8e03978e\"", "8e03978e"),
            ("8e03978e", "8e03978e"),
            (" k ", "k"),
        ] {
            assert_eq!(key(&with_key(value), true), Ok(Some(expected)));
        }
        assert!(key(&with_key(&"k".repeat(255)), false).is_ok());
        for bad in ["", "\"\"", "a b", "\"", "a\"b", "a\\b", &"k".repeat(256)] {
            assert!(key(&with_key(bad), false).is_err(), "{bad:?}");
        }
        assert_eq!(key(&HeaderMap::new(), false), Ok(None));
        let missing = key(&HeaderMap::new(), true).unwrap_err();
        assert_eq!(missing.code, Code::MissingIdempotencyKey);
        let mut twice = with_key("a");
        twice.append("idempotency-key", HeaderValue::from_static("b"));
        assert!(key(&twice, false).is_err());
    }

    #[test]
    fn insist_header_is_true_or_false() {
        let of = |value: &'static str| {
            let name = HeaderName::from_static("edge-insist");
            insists(&HeaderMap::from_iter([(
                name,
                HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(insists(&HeaderMap::new()), Ok(false));
        assert_eq!((of("true"), of("false")), (Ok(true), Ok(false)));
        for bad in ["", "1", "TRUE", "yes"] {
            assert_eq!(of(bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn fingerprint_differs_where_requests_differ_anywhere() {
        let of = |parts: &[&str]| {
            let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
            fingerprint(&parts)
        };
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["ab", ""]));
        assert_ne!(of(&["a", "b"]), of(&["a", "c"]));
    }
}
