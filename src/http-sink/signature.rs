//! The signature of an event: HMAC-SHA256 over id, time and body.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::{Engine as _, engine::general_purpose::STANDARD};
use edge::sinks::key;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;

/// The value of `webhook-signature`: one for each secret, so that a receiver that
/// knows either goes on during a rotation. `None` where no secret can sign.
pub(crate) fn sign(
    secrets: &[SecretString],
    id: &str,
    seconds: i64,
    body: &[u8],
) -> Option<String> {
    let signatures = secrets.iter().filter_map(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key(secret)?).ok()?;
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        Some(format!("v1,{signature}"))
    });
    let signatures: Vec<String> = signatures.collect();
    (!signatures.is_empty()).then(|| signatures.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_the_one_of_the_specification() {
        // From the specification's own example:
        // printf '%s' 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' |
        //   openssl dgst -sha256 -mac hmac -macopt hexkey:$(printf '%s' MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw |
        //   openssl base64 -d | od -An -tx1 | tr -d ' \n') -binary | openssl base64
        let secret = [SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
        let signed = sign(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signed.as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
    }

    #[test]
    fn secrets_sign_each_and_one_that_is_broken_stops_no_other() {
        let secret = |text: &str| SecretString::from(text);
        let two = [secret("whsec_YQ=="), secret("whsec_Yg==")];
        let signed = sign(&two, "id", 1, b"body").unwrap();
        assert_eq!(signed.split(' ').count(), 2);
        for bad in ["whsec_", "whsec_?", "YQ=="] {
            let one = sign(&two[..1], "id", 1, b"");
            assert!(one.is_some());
            assert_eq!(sign(&[secret(bad), two[0].clone()], "id", 1, b""), one);
            assert_eq!(sign(&[secret(bad)], "id", 1, b""), None);
        }
    }
}
