//! Smartcar's signature: lower-case hex HMAC-SHA256 under the application
//! management token. It covers the raw body of a delivery, and the bare
//! challenge of a VERIFY event.
//! <https://smartcar.com/docs/integrations/webhooks/best-practices/security>

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(crate) fn sign(management_token: &str, message: &[u8]) -> String {
    // HMAC hashes a key that is longer than a block and pads a shorter one, so
    // every key is taken and the other arm is never reached.
    match Hmac::<Sha256>::new_from_slice(management_token.as_bytes()) {
        Ok(mut mac) => {
            mac.update(message);
            hex::encode(mac.finalize().into_bytes())
        }
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // printf '%s' '<body>' | openssl dgst -sha256 -hmac simulator-management-token
    #[test]
    fn known_body_has_the_signature_that_openssl_gives() {
        assert_eq!(
            sign(
                crate::MANAGEMENT_TOKEN,
                r#"{"eventType":"VEHICLE_STATE","note":"käse"}"#.as_bytes()
            ),
            "d26e53bf3f2fc5bdbb63e994b2a71cf8e75725fa23315a55f699b6abc345e995"
        );
    }

    #[test]
    fn known_challenge_has_the_signature_that_openssl_gives() {
        assert_eq!(
            sign(
                crate::MANAGEMENT_TOKEN,
                b"d3b07384-0000-4000-8000-113edec49eaa"
            ),
            "86eeed7b1566856daa0c4a64e80a26e3d86fea918bea16003f5c3b46eae7099e"
        );
    }
}
