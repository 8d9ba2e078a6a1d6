//! A store for the access token that outlives an instance.

/// The store could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("key-value store: {0}")]
pub struct KeyValueError(pub String);

/// A key-value store without expiry, compare-and-set or listing, as edge hosts
/// have it. Keys are ASCII of at most 255 bytes.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait KeyValue {
    /// The value of `key`, if there is one.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError>;
    /// Sets `key` to `value`.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KeyValueError>;
    /// Removes `key`; no error if there is none.
    async fn delete(&self, key: &str) -> Result<(), KeyValueError>;
}
