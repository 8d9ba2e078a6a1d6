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
        let key = self.key(name);
        let value = store.get(&key).await.ok()??;
        let plain = seal::open(seal::TOKEN, &self.credentials, &key, &value)?;
        serde_json::from_slice(&plain).ok()
    }

    /// Whether the value was stored.
    pub(crate) async fn write(
        &self,
        store: &impl KeyValue,
        name: &str,
        value: &impl Serialize,
    ) -> bool {
        let key = self.key(name);
        let Ok(plain) = serde_json::to_vec(value).map(Zeroizing::new) else {
            return false;
        };
        match seal::seal(seal::TOKEN, &self.credentials, &key, &plain) {
            Some(sealed) => store.set(&key, &sealed).await.is_ok(),
            None => false,
        }
    }

    pub(crate) async fn remove(&self, store: &impl KeyValue, name: &str) {
        // Where this fails the store is down, and its values are a miss.
        let _ = store.delete(&self.key(name)).await;
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }
}
