//! The time, given from outside so that tests can set it.

use crate::Timestamp;
use std::time::Duration;

/// A wall clock.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Waits, and lets other tasks run.
    async fn sleep(&self, time: Duration);
}
