//! What instances share in the key-value store: small JSON values, sealed.
//!
//! A value that is missing, damaged, of an unknown version or sealed under
//! another client secret is a miss, and so is a store that is down: nothing here
//! is an error for who reads.

use crate::{Credentials, KeyValue, seal};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The part of the store that belongs to one credential at one identity server.
pub(crate) struct Vault {
    credentials: Credentials,
    prefix: String,
}

impl Vault {
    /// The vault of `credentials`, whose token is granted at `url`.
    pub(crate) fn new(credentials: Credentials, url: &str) -> Self {
        let mut name = Sha256::new();
        name.update(credentials.client_id.0.as_bytes());
        name.update(b"\n");
        name.update(url.as_bytes());
        let name: String = hex::encode(name.finalize()).chars().take(32).collect();
        Self {
            credentials,
            prefix: format!("smartcar/{name}"),
        }
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        store: &impl KeyValue,
        name: &str,
    ) -> Option<T> {
        let sealed = store.get(&self.key(name)).await.ok()??;
        self.open(name, &sealed)
    }

    /// A value as [`Vault::seal`] made it.
    pub(crate) fn open<T: DeserializeOwned>(&self, name: &str, sealed: &[u8]) -> Option<T> {
        let plain = seal::open(seal::TOKEN, &self.credentials, &self.key(name), sealed)?;
        serde_json::from_slice(&plain).ok()
    }

    /// The value as it is kept under a name.
    pub(crate) fn seal(&self, name: &str, value: &impl Serialize) -> Option<Vec<u8>> {
        let plain = serde_json::to_vec(value).map(Zeroizing::new).ok()?;
        seal::seal(seal::TOKEN, &self.credentials, &self.key(name), &plain)
    }

    /// Whether the value was stored.
    pub(crate) async fn write(
        &self,
        store: &impl KeyValue,
        name: &str,
        value: &impl Serialize,
    ) -> bool {
        match self.seal(name, value) {
            Some(sealed) => store.set(&self.key(name), &sealed).await.is_ok(),
            None => false,
        }
    }

    pub(crate) async fn remove(&self, store: &impl KeyValue, name: &str) {
        // Where this fails the store is down, and its values are a miss.
        let _ = store.delete(&self.key(name)).await;
    }

    /// The key under which a value is kept.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }
}
