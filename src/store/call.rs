//! Calls to Smartcar about a vehicle, by the month, and what Smartcar refuses for the plan.

use crate::{CLOCKS_DIFFER, StoreError};
use smartcar::{Month, Timestamp, VehicleId};

/// That Smartcar refuses calls about a vehicle for the plan or the account (430).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Smartcar's code, for example `VEHICLE_REQUEST_LIMIT`.
    pub code: String,
    /// When Smartcar was last asked.
    pub at: Timestamp,
    /// Until when it is believed.
    pub until: Timestamp,
}

impl Refusal {
    /// Whether it is believed. A clock that was ahead refuses nothing.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.at <= now.after(CLOCKS_DIFFER) && now < self.until
    }
}

/// What is known of the calls about a vehicle in a month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownCalls {
    /// How many there were.
    pub count: i64,
    /// The last refusal, which may be over.
    pub refusal: Option<Refusal>,
}

/// Figures of the calls in a month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFigures {
    /// How many calls there were.
    pub count: i64,
    /// How many vehicles have had as many calls as was asked, or more.
    pub at_ceiling: i64,
    /// How many vehicles are refused, by Smartcar's code.
    pub refused: Vec<(String, i64)>,
}

/// The calls about vehicles. A month is named by its beginning.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Calls {
    /// What is known of the calls about a vehicle in a month. Waits for no write.
    async fn known_calls(
        &self,
        vehicle: &VehicleId,
        month: Timestamp,
    ) -> Result<KnownCalls, StoreError>;

    /// Counts a call about a vehicle; one that `succeeded` ends a refusal.
    async fn count_call(
        &self,
        vehicle: &VehicleId,
        month: Timestamp,
        succeeded: bool,
    ) -> Result<(), StoreError>;

    /// Keeps a refusal in the place of the one before.
    async fn refuse_calls(
        &self,
        vehicle: &VehicleId,
        month: Timestamp,
        refusal: &Refusal,
    ) -> Result<(), StoreError>;

    /// Has Smartcar asked once although a refusal holds, which is as of `to` then. True for
    /// one of those who have seen the same refusal, of the time `from`.
    async fn question_refusal(
        &self,
        vehicle: &VehicleId,
        month: Timestamp,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Figures of a month at `now`, where `ceiling` calls are many. Waits for no write.
    async fn call_figures(
        &self,
        month: Timestamp,
        now: Timestamp,
        ceiling: i64,
    ) -> Result<CallFigures, StoreError>;

    /// The vehicles with the most calls in a month, up to `limit`, with their numbers. Waits
    /// for no write.
    async fn most_called(
        &self,
        month: Timestamp,
        limit: i64,
    ) -> Result<Vec<(String, i64)>, StoreError>;

    /// Forgets the calls of months that ended `before` then, `most` rows at most. Whether
    /// there was something to do.
    async fn forget_calls(&self, before: Timestamp, most: i64) -> Result<bool, StoreError>;
}

/// The first month of which calls are kept, where those that ended `before` then are not.
#[cfg(any(test, feature = "sqlite", feature = "postgres", feature = "testing"))]
pub(crate) fn first_kept(before: Timestamp) -> Timestamp {
    Month::of(before).begins
}
