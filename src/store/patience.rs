//! Waiting for others who write.

use crate::StoreError;
use edge::Platform;
use std::time::Duration;

/// Tries again what failed with an error that may pass, for up to [`StoreError::PATIENCE`].
pub(crate) async fn patiently<T, E>(
    platform: &impl Platform,
    may_pass: impl Fn(&E) -> bool,
    attempt: impl AsyncFn() -> Result<T, E>,
) -> Result<T, E> {
    let mut began: Option<Duration> = None;
    loop {
        let error = match attempt().await {
            Err(error) if may_pass(&error) => error,
            result => return result,
        };
        let now = platform.monotonic();
        let waited = now.saturating_sub(*began.get_or_insert(now));
        if waited >= StoreError::PATIENCE {
            return Err(error);
        }
        platform.sleep(StoreError::pause(waited)).await;
    }
}
