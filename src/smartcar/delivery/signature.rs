//! `SC-Signature`: the hexadecimal HMAC-SHA256 of the raw request body, with the
//! Application Management Token as its key.
//!
//! Source: <https://smartcar.com/docs/integrations/webhooks/best-practices/security>

use crate::ManagementToken;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::ops::RangeInclusive;

const CHALLENGE_LENGTH: RangeInclusive<usize> = 8..=128;

/// The body of a delivery that Smartcar signed. There is no other way to make
/// one than [`verify`], so what asks for this type cannot be given a forgery.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    body: &'a [u8],
    token: usize,
}

impl<'a> Verified<'a> {
    /// The body, byte for byte as it was received and signed.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Which of the tokens signed it, counted from 0.
    pub fn token(&self) -> usize {
        self.token
    }
}

/// A body can hold where a car stands.
impl std::fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Why a delivery is not taken for Smartcar's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Rejection {
    /// There is no signature.
    #[error("the header SC-Signature is missing")]
    Missing,
    /// There is more than one signature: what one of two readers checked, the
    /// other may not have.
    #[error("the header SC-Signature appears more than once")]
    Repeated,
    /// The signature is not 64 hexadecimal digits.
    #[error("the header SC-Signature is not 64 hexadecimal digits")]
    Malformed,
    /// No management token gives this signature for this body.
    #[error("the signature does not match the body")]
    Mismatch,
    /// The body could be a VERIFY challenge. Whoever can post here can have such
    /// a string signed, so its signature proves nothing.
    #[error("the body is not a delivery")]
    Challenge,
}

impl Rejection {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Missing,
        Self::Repeated,
        Self::Malformed,
        Self::Mismatch,
        Self::Challenge,
    ];

    /// A short name, for counters and logs.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "SIGNATURE_MISSING",
            Self::Repeated => "SIGNATURE_REPEATED",
            Self::Malformed => "SIGNATURE_MALFORMED",
            Self::Mismatch => "SIGNATURE_MISMATCH",
            Self::Challenge => "NOT_A_DELIVERY",
        }
    }
}

/// Checks that `body` carries Smartcar's signature under one of `tokens`.
///
/// `signatures` are the values of the header `SC-Signature`, as received. Upper
/// case and a `sha256=` in front are accepted. The comparison takes the same
/// time wherever two signatures differ.
pub fn verify<'a, 's>(
    body: &'a [u8],
    signatures: impl IntoIterator<Item = &'s [u8]>,
    tokens: &[ManagementToken],
) -> Result<Verified<'a>, Rejection> {
    let mut signatures = signatures.into_iter();
    let signature = signatures.next().ok_or(Rejection::Missing)?;
    if signatures.next().is_some() {
        return Err(Rejection::Repeated);
    }
    let digits = signature.strip_prefix(b"sha256=").unwrap_or(signature);
    let mut expected = [0; 32];
    hex::decode_to_slice(digits, &mut expected).map_err(|_| Rejection::Malformed)?;
    if can_be_challenge(body) {
        return Err(Rejection::Challenge);
    }
    tokens
        .iter()
        .position(|token| mac(token, body).is_some_and(|mac| mac.verify_slice(&expected).is_ok()))
        .map(|token| Verified { body, token })
        .ok_or(Rejection::Mismatch)
}

/// Whether `text` can be the challenge of a VERIFY event.
pub(super) fn can_be_challenge(text: &[u8]) -> bool {
    CHALLENGE_LENGTH.contains(&text.len())
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
}

/// The signature of `message`, in lower-case hexadecimal.
pub(super) fn sign(token: &ManagementToken, message: &[u8]) -> Option<String> {
    mac(token, message).map(|mac| hex::encode(mac.finalize().into_bytes()))
}

fn mac(token: &ManagementToken, message: &[u8]) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of any length, so this is never none.
    let mut mac = Hmac::<Sha256>::new_from_slice(token.expose().as_bytes()).ok()?;
    mac.update(message);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Each made outside of this project's code:
    //   printf '%s' "$BODY" | openssl dgst -sha256 -hmac "$TOKEN"
    const VECTORS: [(&str, &[u8], &str); 6] = [
        ("management-token-1", b"{\"eventId\":\"5d0a2c1e-7b7f-4d7b-9f6e-000000000001\",\"eventType\":\"VEHICLE_STATE\"}", "9e41ddbe3518514824dbb53d650b73520ab62409d617f282ba93809a2cd5532d"),
        ("management-token-1", b"", "d639fbbeaaec917ddb3a732f7ed20de9415ff44a1220ad504135154e7f042428"),
        ("t", b"{ \"spaced\" : [ 1 , 2 ] }\x0a", "646b967f64b316d18606d27dc7e3da2d8a705af70cfa973208a161eeb2890f86"),
        ("a token with spaces and ü", b"{\"name\":\"M\xc3\xbcnchen \xf0\x9f\x9a\x97\"}", "53f05e288457e24589c0c69bb3fd1611fa724f75e7eb483dda56a5d4ac45d8b2"),
        ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", b"not json at all", "3bd60d6370c90b4d1549901de81c286852518342c4cd5498fef72a607c19783d"),
        ("management-token-1", b"\x00\xff\x0a\x0d{", "8fb6d13fe50e81aefdbdcd86bc545e355d25e412f48b7cbcca513bc77b4cf7b3"),
    ];

    fn tokens(names: &[&str]) -> Vec<ManagementToken> {
        names
            .iter()
            .map(|name| ManagementToken::new(*name))
            .collect()
    }

    #[test]
    fn openssl_s_signatures_verify() {
        for (token, body, signature) in VECTORS {
            let verified = verify(body, [signature.as_bytes()], &tokens(&[token])).unwrap();
            assert_eq!((verified.body(), verified.token()), (body, 0));
            assert_eq!(sign(&tokens(&[token])[0], body).unwrap(), signature);
        }
    }

    #[test]
    fn signature_may_be_upper_case_and_prefixed() {
        let (token, body, signature) = VECTORS[0];
        let upper = signature.to_uppercase();
        let prefixed = format!("sha256={signature}");
        for form in [upper.as_bytes(), prefixed.as_bytes()] {
            assert!(verify(body, [form], &tokens(&[token])).is_ok());
        }
    }

    #[test]
    fn any_of_several_tokens_will_do_and_it_is_known_which() {
        let (token, body, signature) = VECTORS[0];
        let tokens = tokens(&["old", token, "new"]);
        assert_eq!(
            verify(body, [signature.as_bytes()], &tokens)
                .unwrap()
                .token(),
            1
        );
    }

    #[test]
    fn signature_finds_every_flipped_bit() {
        let (token, body, signature) = VECTORS[0];
        let tokens = tokens(&[token]);
        for at in 0..body.len() {
            let mut other = body.to_vec();
            other[at] ^= 1;
            let result = verify(&other, [signature.as_bytes()], &tokens);
            assert_eq!(
                result.unwrap_err(),
                Rejection::Mismatch,
                "byte {at} of the body"
            );
        }
        for at in 0..signature.len() {
            let mut other = signature.as_bytes().to_vec();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            let result = verify(body, [&other[..]], &tokens);
            assert_eq!(
                result.unwrap_err(),
                Rejection::Mismatch,
                "digit {at} of the signature"
            );
        }
    }

    #[test]
    fn signature_that_is_malformed_is_refused_for_a_reason() {
        let (token, body, signature) = VECTORS[0];
        let check = |signatures: &[&[u8]]| {
            verify(body, signatures.iter().copied(), &tokens(&[token])).unwrap_err()
        };
        let signature = signature.as_bytes();
        assert_eq!(check(&[]), Rejection::Missing);
        assert_eq!(check(&[signature, signature]), Rejection::Repeated);
        for malformed in [
            &b""[..],
            b"sha256=",
            &signature[1..],
            &[signature, b"0"].concat(),
            &[b" ", signature].concat(),
            &[b'g'; 64],
            &[0xff; 64],
            "ä".repeat(32).as_bytes(),
        ] {
            assert_eq!(check(&[malformed]), Rejection::Malformed, "{malformed:?}");
        }
    }

    #[test]
    fn signature_does_not_verify_without_a_token() {
        let (_, body, signature) = VECTORS[0];
        assert_eq!(
            verify(body, [signature.as_bytes()], &[]).unwrap_err(),
            Rejection::Mismatch
        );
    }
}
