//! Deliveries that failed only by their signature, kept aside until a management token is
//! added that fits.
//!
//! Nobody has vouched for them. Nothing reads them but [`Quarantine::quarantined`], whose
//! caller checks the signature again.

use crate::StoreError;
use smartcar::Timestamp;
use std::{fmt, time::Duration};

/// How long a delivery is kept in quarantine. What is older is forgotten with the next one,
/// and on a schedule.
pub const WAITS_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A delivery whose signature fits no management token.
#[derive(Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The event that it claims to deliver.
    pub event_id: String,
    /// The vehicle that it claims to be about.
    pub vehicle_id: String,
    /// When it was received first.
    pub received_at: Timestamp,
    /// The header `SC-Signature`, as received.
    pub signature: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// A body can hold where a car stands.
impl fmt::Debug for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quarantined")
            .field("event_id", &self.event_id)
            .field("vehicle_id", &self.vehicle_id)
            .field("received_at", &self.received_at)
            .finish_non_exhaustive()
    }
}

/// What is in quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuarantineFigures {
    /// How many deliveries there are.
    pub waiting: i64,
    /// When the first of them was received.
    pub oldest_at: Option<Timestamp>,
}

/// The deliveries in quarantine.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Quarantine {
    /// Those of these vehicles that are known: of others nothing is kept. Waits for no write.
    async fn known_vehicles(&self, vehicles: &[String]) -> Result<Vec<String>, StoreError>;

    /// Keeps a delivery, of at most so many in all. False where there is no room for it, its
    /// event is stored or in quarantine already, or its vehicle is not known; then nothing
    /// waits for a write.
    ///
    /// Where all places are taken, the oldest delivery of the vehicle that has most of them
    /// goes, for one of a vehicle that has fewer even with it. So no vehicle takes another
    /// one's share, and what has its share replaces nothing.
    async fn quarantine(&self, delivery: &Quarantined, most: i64) -> Result<bool, StoreError>;

    /// Up to so many of those that come after this one, by the time of receipt and the
    /// event.
    async fn quarantined(
        &self,
        after: (Timestamp, &str),
        most: i64,
    ) -> Result<Vec<Quarantined>, StoreError>;

    /// Removes the deliveries of these events.
    async fn release_quarantined(&self, events: &[String]) -> Result<(), StoreError>;

    /// What of it was received since then.
    async fn quarantine_figures(&self, since: Timestamp) -> Result<QuarantineFigures, StoreError>;

    /// Forgets up to so many of before then, the oldest first. Returns whether there were
    /// any.
    async fn forget_quarantined(&self, before: Timestamp, most: i64) -> Result<bool, StoreError>;
}
