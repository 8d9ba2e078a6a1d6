//! A value that only a holder of the client secret can read.
//!
//! Other components, and whoever gets hold of the store's file, see bytes. A
//! rotated client secret makes an old value unreadable, which is a miss.

use crate::Credentials;
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Says what the key is for. A new layout of the value gets a new version here
/// and in [`VERSION`].
const PURPOSE: &[u8] = b"smartcar-edge access token v1";
const VERSION: u8 = 1;
const NONCE: usize = 12;

/// Seals `plain` under the client secret; `name` is bound to it, so that a value
/// moved to another key does not open.
pub(crate) fn seal(credentials: &Credentials, name: &str, plain: &[u8]) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).ok()?;
    let payload = Payload {
        msg: plain,
        aad: name.as_bytes(),
    };
    let sealed = cipher(credentials)?.encrypt(&nonce.into(), payload).ok()?;
    let mut value = Vec::with_capacity(1 + NONCE + sealed.len());
    value.push(VERSION);
    value.extend_from_slice(&nonce);
    value.extend_from_slice(&sealed);
    Some(value)
}

/// Opens what [`seal`] made. Anything else is a miss.
pub(crate) fn open(
    credentials: &Credentials,
    name: &str,
    value: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (&VERSION, rest) = value.split_first()? else {
        return None;
    };
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
    let payload = Payload {
        msg: sealed,
        aad: name.as_bytes(),
    };
    let plain = cipher(credentials)?
        .decrypt(&(*nonce).into(), payload)
        .ok()?;
    Some(Zeroizing::new(plain))
}

fn cipher(credentials: &Credentials) -> Option<ChaCha20Poly1305> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(
        Some(credentials.client_id.0.as_bytes()),
        credentials.client_secret.expose().as_bytes(),
    )
    .expand(PURPOSE, &mut *key)
    .ok()?;
    ChaCha20Poly1305::new_from_slice(&*key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::credentials;

    #[test]
    fn a_sealed_value_opens_only_for_its_secret_and_its_name() {
        let sealed = seal(&credentials("one"), "key", b"token").unwrap();
        assert!(!sealed.windows(5).any(|w| w == b"token"));
        assert_eq!(
            &**open(&credentials("one"), "key", &sealed).unwrap(),
            b"token"
        );
        assert!(open(&credentials("two"), "key", &sealed).is_none());
        assert!(open(&credentials("one"), "other", &sealed).is_none());
    }

    #[test]
    fn a_damaged_or_unknown_value_is_a_miss() {
        let sealed = seal(&credentials("one"), "key", b"token").unwrap();
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(
                open(&credentials("one"), "key", &damaged).is_none(),
                "byte {at}"
            );
            assert!(
                open(&credentials("one"), "key", &sealed[..at]).is_none(),
                "cut at {at}"
            );
        }
    }
}
