//! How long to wait before something is tried again.

use crate::Random;
use std::time::Duration;

/// The longest wait before the first retry; it doubles with each.
const FIRST: Duration = Duration::from_millis(200);

/// The longest wait of all.
const LONGEST: Duration = Duration::from_secs(60);

/// A wait before a call is made again, of which `retries` were made before.
pub(crate) fn back_off(retries: u32, random: &impl Random) -> Duration {
    full_jitter(FIRST, LONGEST, retries, random.unit())
}

/// A wait of any length up to `first`, which doubles with each retry, up to `longest`: what
/// failed together does not come back together. `chance`
/// is from 0 to 1.
///
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
pub fn full_jitter(first: Duration, longest: Duration, retries: u32, chance: f64) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(retries));
    doubled.min(longest).mul_f64(chance.clamp(0.0, 1.0))
}
