//! A limit of Smartcar's that was reached.

use crate::{VehicleId, endpoints::Api};
use std::time::Duration;

/// What a limit is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitScope {
    /// Every call with the application's token: Smartcar's `RATE_LIMIT`,
    /// `SMARTCAR_API`.
    Application,
    /// Calls about one vehicle: Smartcar's `RATE_LIMIT`, `VEHICLE`, and any other 429
    /// in answer to such a call.
    Vehicle(VehicleId),
    /// Calls to one of Smartcar's APIs that are not about a vehicle: a 429 that does
    /// not name a limit of Smartcar's.
    Api(Api),
}

/// A limit that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What it is about.
    pub scope: LimitScope,
    /// How long it still holds.
    pub remaining: Duration,
}

impl Limit {
    /// The remaining time in whole seconds, as `Retry-After` has it.
    pub fn retry_after(&self) -> u64 {
        u64::try_from(self.remaining.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
    }
}
