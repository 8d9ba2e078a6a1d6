//! A value that only a holder of the client secret can read.
//!
//! Others who get hold of it see bytes, and cannot change them unnoticed. A
//! rotated client secret makes an old value unreadable, which is a miss.

use crate::Credentials;
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// What a key is for: each purpose has a key of its own, so that a value of one
/// is no value of another. A new layout of the value gets a new version here and
/// in [`VERSION`].
#[derive(Clone, Copy)]
pub(crate) struct Purpose(&'static [u8]);

/// What instances share in the key-value store.
pub(crate) const TOKEN: Purpose = Purpose(b"smartcar-edge access token v1");
/// What goes to Smartcar Connect and comes back from it.
pub(crate) const CONNECT: Purpose = Purpose(b"smartcar-edge connect state v1");

const VERSION: u8 = 1;
const NONCE: usize = 12;

/// Seals `plain` under the client secret; `name` is bound to it, so that a value
/// moved to another key does not open.
pub(crate) fn seal(
    purpose: Purpose,
    credentials: &Credentials,
    name: &str,
    plain: &[u8],
) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).ok()?;
    let payload = Payload {
        msg: plain,
        aad: name.as_bytes(),
    };
    let cipher = cipher(purpose, credentials)?;
    let sealed = cipher.encrypt(&nonce.into(), payload).ok()?;
    let mut value = Vec::with_capacity(1 + NONCE + sealed.len());
    value.push(VERSION);
    value.extend_from_slice(&nonce);
    value.extend_from_slice(&sealed);
    Some(value)
}

/// Opens what [`seal`] made. Anything else is a miss.
pub(crate) fn open(
    purpose: Purpose,
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
    let plain = cipher(purpose, credentials)?
        .decrypt(&(*nonce).into(), payload)
        .ok()?;
    Some(Zeroizing::new(plain))
}

fn cipher(purpose: Purpose, credentials: &Credentials) -> Option<ChaCha20Poly1305> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(
        Some(credentials.client_id.0.as_bytes()),
        credentials.client_secret.expose().as_bytes(),
    )
    .expand(purpose.0, &mut *key)
    .ok()?;
    ChaCha20Poly1305::new_from_slice(&*key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::credentials;

    #[test]
    fn sealed_value_opens_only_for_its_secret_its_name_and_its_purpose() {
        let sealed = seal(TOKEN, &credentials("one"), "key", b"token").unwrap();
        assert!(!sealed.windows(5).any(|w| w == b"token"));
        assert_eq!(
            &**open(TOKEN, &credentials("one"), "key", &sealed).unwrap(),
            b"token"
        );
        assert!(open(TOKEN, &credentials("two"), "key", &sealed).is_none());
        assert!(open(TOKEN, &credentials("one"), "other", &sealed).is_none());
        assert!(open(CONNECT, &credentials("one"), "key", &sealed).is_none());
    }

    #[test]
    fn damaged_or_unknown_value_is_a_miss() {
        let sealed = seal(TOKEN, &credentials("one"), "key", b"token").unwrap();
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(
                open(TOKEN, &credentials("one"), "key", &damaged).is_none(),
                "byte {at}"
            );
            assert!(
                open(TOKEN, &credentials("one"), "key", &sealed[..at]).is_none(),
                "cut at {at}"
            );
        }
    }
}
