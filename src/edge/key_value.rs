//! The host's key-value store named `default`.

use crate::{Host, OnceCell};
use smartcar::{KeyValue, KeyValueError};
use spin_sdk::key_value::{Error, Store};

impl KeyValue for Host {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        open().await?.get(key).await.map_err(failed)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KeyValueError> {
        open().await?.set(key, value).await.map_err(failed)
    }

    async fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        open().await?.delete(key).await.map_err(failed)
    }
}

/// Whether this component is let to the store at all, in a sentence where it is
/// not. One that cannot keep a token asks for one in every instance.
pub async fn granted() -> Result<(), KeyValueError> {
    match Store::open_default().await {
        Err(error @ Error::AccessDenied) => Err(failed(error)),
        _ => Ok(()),
    }
}

/// StreamingResponse by the first request of an instance that needs it.
async fn open() -> Result<&'static Store, KeyValueError> {
    static STORE: OnceCell<Store> = OnceCell::new();
    let opened = STORE.get_or_try_init(&Host, Store::open_default).await;
    opened.map_err(failed)
}

fn failed(error: Error) -> KeyValueError {
    KeyValueError(match error {
        Error::StoreTableFull => "too many stores are open".to_owned(),
        Error::NoSuchStore => "the host has no store named default".to_owned(),
        Error::AccessDenied => "spin.toml does not grant this component the store".to_owned(),
        Error::Other(what) => what,
    })
}
