//! Time that no one sets back.

use crate::Host;
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

/// A clock that measures how long something takes.
pub trait Monotonic {
    /// The time since a moment that stays the same for an instance, at least to the
    /// microsecond. Two of them can be subtracted; one alone means nothing.
    fn monotonic(&self) -> Duration;
}

impl Monotonic for Host {
    fn monotonic(&self) -> Duration {
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        BEGAN.get_or_init(Instant::now).elapsed()
    }
}
