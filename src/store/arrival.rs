//! Who came back from Smartcar Connect, once for each time that someone was sent there.

use crate::StoreError;
use smartcar::{ConnectFailure, Timestamp, UserId, VehicleId};
use std::time::Duration;

/// How long an arrival that was not completed is kept: anyone can go to Connect and come
/// back. What is older is forgotten with the next one.
pub const UNFINISHED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What is known of a way through Connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The user who came back, or the vehicle whose owner did; none where an error came
    /// back.
    pub of: Option<String>,
    /// How many vehicles were taken in, once that is done.
    pub completed: Option<i64>,
    /// How often the user's vehicles were looked up.
    pub tries: i64,
}

/// Who has come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned<'a> {
    /// A user who connected vehicles, as the browser says.
    User(&'a UserId),
    /// The owner of this vehicle, who was sent to authenticate again.
    OwnerOf(&'a VehicleId),
}

impl<'a> Returned<'a> {
    /// The user.
    pub fn user(self) -> Option<&'a str> {
        match self {
            Self::User(user) => Some(user.as_str()),
            Self::OwnerOf(_) => None,
        }
    }

    /// The vehicle.
    pub fn vehicle(self) -> Option<&'a str> {
        match self {
            Self::User(_) => None,
            Self::OwnerOf(vehicle) => Some(vehicle.as_str()),
        }
    }
}

/// Someone who has come back, and how many look-ups there may have been.
#[derive(Clone, Copy, Debug)]
pub struct NewArrival<'a> {
    /// Of the state that Connect returned.
    pub nonce: &'a str,
    /// When it returned.
    pub at: Timestamp,
    /// Who it is.
    pub of: Returned<'a>,
    /// For whom it was begun: none without a key; else the SHA-256 of the external id
    /// that the start named, or nothing where it named none.
    pub begun_for: Option<&'a str>,
    /// Since when look-ups count.
    pub since: Timestamp,
    /// How many look-ups there may be in all,
    pub most: i64,
    /// of those that were begun without a key,
    pub most_of_strangers: i64,
    /// and of one state, one external id or else one user or vehicle.
    pub most_of_one: i64,
}

/// An error that has come back.
#[derive(Clone, Copy, Debug)]
pub struct FailedArrival<'a> {
    /// Of the state that Connect returned.
    pub nonce: &'a str,
    /// When it returned.
    pub at: Timestamp,
    /// What Connect says about it.
    pub failure: &'a ConnectFailure,
    /// The vehicle whose owner was sent to authenticate again.
    pub vehicle: Option<&'a VehicleId>,
    /// Since when errors count.
    pub since: Timestamp,
    /// How many errors there may be.
    pub most: i64,
}

/// The last error that has come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastFailure {
    /// When it came.
    pub at: Timestamp,
    /// What Connect says about it.
    pub failure: ConnectFailure,
    /// The vehicle whose owner was sent to authenticate again.
    pub vehicle: Option<String>,
}

/// How many have come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArrivalFigures {
    /// In all.
    pub arrived: i64,
    /// Whose vehicles were taken in.
    pub completed: i64,
    /// With an error.
    pub failed: i64,
    /// When the last one did.
    pub last_at: Option<Timestamp>,
}

/// The arrivals.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Arrivals {
    /// What is known of a state.
    async fn arrival(&self, nonce: &str) -> Result<Option<Arrival>, StoreError>;

    /// Counts a look-up of a user's vehicles and lets it happen. False where there were
    /// enough, or the state is another user's or completed: nothing is stored then.
    ///
    /// A state is one user's or one vehicle's. Of one is what was begun for the same external
    /// id; without one, what came back with the same user or vehicle and was begun alike.
    async fn begin_arrival(&self, arrival: NewArrival<'_>) -> Result<bool, StoreError>;

    /// Keeps an error of a state that has not come back before. False where enough others
    /// are kept, or it has.
    async fn fail_arrival(&self, arrival: FailedArrival<'_>) -> Result<bool, StoreError>;

    /// Records that all vehicles of a user were taken in.
    async fn complete_arrival(
        &self,
        nonce: &str,
        at: Timestamp,
        vehicles: i64,
    ) -> Result<(), StoreError>;

    /// How many have come back since then.
    async fn arrival_figures(&self, since: Timestamp) -> Result<ArrivalFigures, StoreError>;

    /// The last error that has come back since then.
    async fn last_failure(&self, since: Timestamp) -> Result<Option<LastFailure>, StoreError>;

    /// Forgets up to so many arrivals of before then. Returns whether there were any.
    async fn forget_arrivals(&self, before: Timestamp, most: i64) -> Result<bool, StoreError>;
}
