//! How long to wait before something is tried again.

use crate::Random;
use std::time::Duration;

/// The longest wait before the first retry; it doubles with each.
const BACK_OFF: Duration = Duration::from_millis(200);

/// A wait before retry number `retries`, counted from 0.
pub(crate) fn back_off(retries: u32, chance: &impl Random) -> Duration {
    (BACK_OFF * 2_u32.saturating_pow(retries)).mul_f64(chance.unit().clamp(0.0, 1.0))
}
