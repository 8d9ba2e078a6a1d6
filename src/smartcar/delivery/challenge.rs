//! The VERIFY event: Smartcar asks a new callback URI to prove that it knows the
//! management token, by the HMAC-SHA256 of a challenge.
//!
//! VERIFY is not signed, so anyone can ask for such an HMAC. An answer to any
//! string would be the signature of a delivery of the asker's choice. Challenges
//! are therefore restricted to an alphabet in which no delivery can be written, and
//! [`verify`](super::verify) refuses a body in that alphabet.
//!
//! Source: <https://smartcar.com/docs/integrations/webhooks/callback-verification>

use super::signature;
use crate::{
    ManagementToken,
    cursor::{self, Cursor},
};
use std::borrow::Cow;

/// A challenge that is safe to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(String);

/// A VERIFY event whose challenge is missing or not safe to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the challenge must be 8 to 128 characters of A-Z a-z 0-9 . _ -")]
pub struct InvalidChallenge;

impl Challenge {
    /// The challenge in `body`, if that is a VERIFY event: of version 4
    /// (`eventType`, `data.challenge`) or of the older 2.0 (`eventName`,
    /// `payload.challenge`).
    pub fn in_body(body: &[u8]) -> Option<Result<Self, InvalidChallenge>> {
        let mut cursor = Cursor::new(std::str::from_utf8(body).ok()?)?;
        let (mut event_type, mut event_name) = (None, None);
        let (mut in_data, mut in_payload) = (None, None);
        cursor.object(&mut |cursor, name| match name {
            "eventType" => event_type = cursor::text(cursor.value()),
            "eventName" => event_name = cursor::text(cursor.value()),
            "data" => in_data = of_holder(cursor),
            "payload" => in_payload = of_holder(cursor),
            _ => {}
        });
        let challenge = if event_type.as_deref() == Some("VERIFY") {
            in_data
        } else if event_name.as_deref() == Some("verify") {
            in_payload
        } else {
            return None;
        };
        let challenge =
            challenge.filter(|challenge| signature::can_be_challenge(challenge.as_bytes()));
        Some(
            challenge
                .map(|text| Self(text.into_owned()))
                .ok_or(InvalidChallenge),
        )
    }

    /// The body of the answer: `{"challenge":"<hexadecimal HMAC>"}`.
    pub fn answer(&self, token: &ManagementToken) -> String {
        let hmac = signature::sign(token, self.0.as_bytes()).unwrap_or_default();
        format!(r#"{{"challenge":"{hmac}"}}"#)
    }
}

fn of_holder<'a>(holder: &mut Cursor<'a>) -> Option<Cow<'a, str>> {
    let mut challenge = None;
    holder.object(&mut |cursor, name| {
        if name == "challenge" {
            challenge = cursor::text(cursor.value());
        }
    });
    challenge
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Rejection, verify};
    use proptest::prelude::*;

    fn in_body(body: &str) -> Option<Result<String, InvalidChallenge>> {
        Challenge::in_body(body.as_bytes()).map(|result| result.map(|challenge| challenge.0))
    }

    #[test]
    fn verify_is_answered_in_both_versions_with_the_hmac_of_openssl() {
        // printf '%s' 0b6f3f86-5c1c-4b5e-8a52-9d4b7a5f0c11 |
        //   openssl dgst -sha256 -hmac management-token-1
        let expected = "ae082efcb9d012320280055390a83513ca44507c18760feca45887f5c982b52b";
        for body in [
            r#"{"eventId":"e","eventType":"VERIFY","data":{"challenge":"0b6f3f86-5c1c-4b5e-8a52-9d4b7a5f0c11"},"meta":{}}"#,
            r#"{"version":"2.0","eventName":"verify","payload":{"challenge":"0b6f3f86-5c1c-4b5e-8a52-9d4b7a5f0c11"}}"#,
        ] {
            let challenge = Challenge::in_body(body.as_bytes()).unwrap().unwrap();
            let answer = challenge.answer(&ManagementToken::new("management-token-1"));
            assert_eq!(answer, format!(r#"{{"challenge":"{expected}"}}"#));
        }
    }

    #[test]
    fn other_events_are_no_verify() {
        for body in [
            "",
            "VERIFY",
            "[]",
            r#"{"eventType":"VEHICLE_STATE","data":{"challenge":"12345678"}}"#,
            r#"{"eventType":["VERIFY"],"data":{"challenge":"12345678"}}"#,
            r#"{"eventName":"schedule","payload":{"challenge":"12345678"}}"#,
        ] {
            assert_eq!(in_body(body), None, "{body}");
        }
    }

    #[test]
    fn challenge_that_could_be_a_delivery_is_refused() {
        let long = "a".repeat(129);
        for challenge in [
            "",
            "1234567",
            "{\\\"eventId\\\":1}",
            "with space",
            "new\\nline",
            "ä2345678",
            &long,
        ] {
            let body = format!(r#"{{"eventType":"VERIFY","data":{{"challenge":"{challenge}"}}}}"#);
            assert_eq!(in_body(&body), Some(Err(InvalidChallenge)), "{challenge}");
        }
        for data in [
            "",
            r#","data":null"#,
            r#","data":{"challenge":12345678}"#,
            r#","data":{}"#,
        ] {
            let body = format!(r#"{{"eventType":"VERIFY"{data}}}"#);
            assert_eq!(in_body(&body), Some(Err(InvalidChallenge)), "{data}");
        }
    }

    proptest! {
        /// Whatever is asked for: an answer signs nothing but the challenge, and
        /// a body equal to a challenge is no delivery.
        #[test]
        fn answer_is_never_the_signature_of_a_delivery(
            text in prop_oneof!["[A-Za-z0-9._-]{0,140}", "\\PC{0,40}", "-?[0-9]{7,20}(\\.[0-9]+)?"],
        ) {
            let token = ManagementToken::new("management-token-1");
            let body = serde_json::json!({"eventType": "VERIFY", "data": {"challenge": text}});
            if let Ok(challenge) = Challenge::in_body(body.to_string().as_bytes()).unwrap() {
                let answer = challenge.answer(&token);
                let hmac = &answer[14..78];
                let result = verify(text.as_bytes(), [hmac.as_bytes()], std::slice::from_ref(&token));
                prop_assert_eq!(result.unwrap_err(), Rejection::Challenge);
            }
        }

        #[test]
        fn challenge_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Challenge::in_body(&body);
            let _ = crate::delivery::Envelope::read(&body);
        }
    }
}
