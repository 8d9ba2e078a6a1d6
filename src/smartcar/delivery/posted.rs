//! What a body is that someone posted to a webhook's callback URI.

use super::{Challenge, InvalidChallenge, Rejection, Verified, verify};
use crate::ManagementToken;
use memchr::memmem;

/// What was posted.
#[derive(Debug)]
pub enum Posted<'a> {
    /// A delivery of Smartcar's.
    Delivery(Verified<'a>),
    /// VERIFY, to be answered with this one of the tokens, counted from 0.
    Verify(Challenge, usize),
    /// VERIFY with a challenge that is missing or not safe to answer.
    InvalidChallenge,
    /// Not taken for Smartcar's.
    Refused(Rejection),
}

/// Tells what `body` is. `signatures` are the values of the header `SC-Signature`.
///
/// VERIFY is not signed, as far as is known; then the first of the tokens answers
/// it, which is the one in use. With `require_signed_verify` it has to be.
pub fn judge<'a, 's>(
    body: &'a [u8],
    signatures: impl IntoIterator<Item = &'s [u8]>,
    tokens: &[ManagementToken],
    require_signed_verify: bool,
) -> Posted<'a> {
    let verified = verify(body, signatures, tokens);
    let token = match &verified {
        Ok(verified) => verified.token(),
        Err(rejection) if require_signed_verify => return Posted::Refused(*rejection),
        Err(_) => 0,
    };
    match (challenge(body), verified) {
        (Some(Ok(challenge)), _) => Posted::Verify(challenge, token),
        (Some(Err(InvalidChallenge)), _) => Posted::InvalidChallenge,
        (None, Ok(verified)) => Posted::Delivery(verified),
        (None, Err(rejection)) => Posted::Refused(rejection),
    }
}

/// The challenge of a VERIFY event. Almost no body is one, and a look for the
/// word costs a fraction of reading the body.
fn challenge(body: &[u8]) -> Option<Result<Challenge, InvalidChallenge>> {
    ["VERIFY", "verify"]
        .iter()
        .any(|word| memmem::find(body, word.as_bytes()).is_some())
        .then(|| Challenge::in_body(body))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFY: &[u8] = br#"{"eventType":"VERIFY","data":{"challenge":"01234567"}}"#;
    const UNSAFE: &[u8] = br#"{"eventType":"VERIFY","data":{"challenge":"{}"}}"#;
    const DELIVERY: &[u8] = br#"{"eventId":"e-1"}"#;
    // printf '%s' "$BODY" | openssl dgst -sha256 -hmac example-token
    const SIGNED_VERIFY: &str = "9a23de947ac09f74440b257280b66a2434baa687f7b6a3e4af3f0ded3be5725e";
    const SIGNED_DELIVERY: &str =
        "773eadc64304b7edbf37ebfc0e8b2a2fc275b27d14dc27221161f7c51dedc437";

    fn judged(body: &[u8], signature: Option<&str>, signed: bool) -> String {
        let tokens = ["other-token", "example-token"].map(ManagementToken::new);
        let signatures = signature.map(str::as_bytes);
        match judge(body, signatures, &tokens, signed) {
            Posted::Delivery(verified) => format!("delivery {}", verified.token()),
            Posted::Verify(_, token) => format!("verify {token}"),
            Posted::InvalidChallenge => "invalid challenge".to_owned(),
            Posted::Refused(rejection) => rejection.reason().to_owned(),
        }
    }

    #[test]
    fn posted_body_is_what_it_is_signed_as() {
        let signed = Some(SIGNED_DELIVERY);
        assert_eq!(judged(DELIVERY, signed, false), "delivery 1");
        assert_eq!(judged(DELIVERY, None, false), "SIGNATURE_MISSING");
        assert_eq!(judged(VERIFY, None, false), "verify 0");
        assert_eq!(judged(VERIFY, signed, false), "verify 0");
        assert_eq!(judged(VERIFY, Some(SIGNED_VERIFY), false), "verify 1");
        assert_eq!(judged(UNSAFE, None, false), "invalid challenge");
    }

    #[test]
    fn verify_without_a_signature_is_refused_where_it_is_required() {
        let mismatch = "SIGNATURE_MISMATCH";
        assert_eq!(judged(VERIFY, None, true), "SIGNATURE_MISSING");
        assert_eq!(judged(VERIFY, Some(SIGNED_DELIVERY), true), mismatch);
        assert_eq!(judged(VERIFY, Some(SIGNED_VERIFY), true), "verify 1");
        assert_eq!(judged(UNSAFE, None, true), "SIGNATURE_MISSING");
    }
}
