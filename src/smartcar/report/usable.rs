//! Which of the times that are reported can be true.

use crate::Timestamp;
use std::time::Duration;

/// How far clocks differ. A time that is further ahead is no time: a clock that was
/// ahead once would otherwise keep a signal from ever changing again.
pub const SKEW: Duration = Duration::from_secs(5 * 60);

/// A time that can be: one that is not from the future.
pub(super) fn usable(time: Option<Timestamp>, received_at: Timestamp) -> Option<Timestamp> {
    time.filter(|time| time.0 > 0 && *time <= received_at.after(SKEW))
}
