//! What Smartcar delivered, as received, and what follows from it.

use crate::StoreError;
use smartcar::{Timestamp, delivery::Mode, report::Report};

/// A delivery as it is stored.
#[derive(Clone, Debug)]
pub struct Delivery<'a> {
    /// The same over all attempts to deliver the event.
    pub event_id: &'a str,
    /// For example `VEHICLE_STATE`.
    pub event_type: &'a str,
    /// Whether it is about a real car.
    pub mode: Mode,
    /// The vehicle that it is about.
    pub vehicle_id: Option<&'a str>,
    /// The owner of the vehicle.
    pub user_id: Option<&'a str>,
    /// When Smartcar says that it was sent.
    pub delivered_at: Option<Timestamp>,
    /// When it was received, by this host's clock.
    pub received_at: Timestamp,
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// What it reports of the vehicle; none where that is nothing, as of a test event
    /// ([`smartcar::delivery::Event::report`]).
    pub report: Option<&'a Report<'a>>,
}

/// Up to so many deliveries are counted; of more the number is an estimate.
pub const COUNTED: i64 = 1000;

/// What is stored in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFigures {
    /// How many deliveries are stored: exact up to [`COUNTED`].
    pub stored: i64,
    /// When the last one was received.
    pub last_received_at: Option<Timestamp>,
    /// When the last one about a real car was received.
    pub last_live_at: Option<Timestamp>,
}

/// The deliveries, each stored once.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Deliveries {
    /// A delivery that is ready to be written, and borrows nothing: it may be written by
    /// another task than the one that received it.
    type Prepared: 'static;

    /// The most deliveries that [`Deliveries::insert`] and [`Deliveries::known`] take.
    const BATCH: usize;

    /// Makes a delivery ready to be written.
    fn prepare(&self, delivery: &Delivery<'_>) -> Self::Prepared;

    /// Stores all of the deliveries or none of them, with what follows from each: the
    /// state of its vehicle and a row of the outbox for each sink that wants it.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where one of the events is stored already;
    /// [`StoreError::Busy`] at once, without waiting: more deliveries may have arrived
    /// before the caller tries again (after [`StoreError::pause`]).
    async fn insert(&self, deliveries: &[&Self::Prepared]) -> Result<(), StoreError>;

    /// Whether the event of each of the deliveries is stored already. Waits for no write.
    async fn known(&self, deliveries: &[&Self::Prepared]) -> Result<Vec<bool>, StoreError>;

    /// Forgets up to so many deliveries that were received before then, the oldest first.
    /// Returns whether there were any.
    async fn forget_deliveries(&self, before: Timestamp, most: i64) -> Result<bool, StoreError>;

    /// What is stored in all.
    async fn delivery_figures(&self) -> Result<DeliveryFigures, StoreError>;
}
