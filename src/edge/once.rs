//! What an instance sets up once, when it is first needed.

use crate::Host;
use smartcar::Turn;
use std::sync::OnceLock;

/// A value that the first request of an instance makes and all share.
#[derive(Debug, Default)]
pub struct Once<T> {
    value: OnceLock<T>,
    turn: Turn,
}

impl<T> Once<T> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            value: OnceLock::new(),
            turn: Turn::new(),
        }
    }

    /// The value; made by `make` if there is none yet. While one request makes
    /// it the others wait; where that fails, the next one tries.
    pub async fn get_or_try_init<E>(
        &self,
        make: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<&T, E> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let _turn = self.turn.take(&Host).await;
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = make().await?;
        Ok(self.value.get_or_init(|| value))
    }
}
