//! What is known of each vehicle.

use crate::{StoreError, call::KnownCalls};
use smartcar::{Timestamp, UserId, VehicleAttributes, VehicleId, report::needs_reauthentication};

/// A vehicle with figures of its signals and errors. Of both those that the owner's
/// connection reported count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vehicle {
    /// Smartcar's id of it.
    pub id: String,
    /// The owner, where one is known.
    pub user_id: Option<String>,
    /// What it is.
    pub about: About,
    /// When a delivery last said so; none where none has.
    pub delivered_at: Option<Timestamp>,
    /// How many signals have a value.
    pub signals: i64,
    /// When the newest of its values was observed.
    pub last_observed_at: Option<Timestamp>,
    /// The errors that are open.
    pub open_errors: Vec<OpenError>,
    /// The calls about it in the month that is asked for.
    pub calls: KnownCalls,
}

/// An error that Smartcar has reported of a vehicle, and not that it is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError {
    /// For example `CONNECTED_SERVICES_ACCOUNT`.
    pub kind: String,
    /// For example `AUTHENTICATION_FAILED`. Some have none.
    pub code: Option<String>,
    /// The error as it was delivered last, in JSON.
    pub error: Option<String>,
    /// When the error was delivered that opened it.
    pub opened_at: Option<Timestamp>,
    /// When it was last delivered.
    pub error_at: Timestamp,
    /// The user whose connection reported it, else the vehicle's owner.
    pub user_id: Option<String>,
}

impl OpenError {
    /// Whether the owner can end it by authenticating again.
    pub fn needs_reauthentication(&self) -> bool {
        let (code, json) = (self.code.as_deref(), self.error.as_deref());
        needs_reauthentication(&self.kind, code, json.unwrap_or_default())
    }
}

/// What a vehicle is, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// For example `TESLA`.
    pub make: Option<String>,
    /// For example `Model 3`.
    pub model: Option<String>,
    /// Of the model.
    pub year: Option<i64>,
    /// For example `BEV`.
    pub powertrain_type: Option<String>,
    /// `live` or `simulated`.
    pub mode: Option<String>,
}

/// Which vehicles are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct VehiclePage<'a> {
    /// Those whose id comes after this one.
    pub after: Option<&'a str>,
    /// Only these.
    pub vehicles: Option<&'a [String]>,
    /// Only those of these owners.
    pub users: Option<&'a [String]>,
    /// Only those with an open error of another type than these.
    pub with_errors_but: Option<&'a [&'a str]>,
    /// The beginning of the month whose calls are asked for.
    pub month: Timestamp,
    /// How many at most.
    pub limit: i64,
}

/// That a user has had access to a vehicle, by what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Smartcar's id of the vehicle, as it was written.
    pub vehicle_id: String,
    /// The user: its owner, or one whose connection has reported something. None where a
    /// vehicle is known and its owner is not.
    pub user_id: Option<String>,
    /// `live` or `simulated`, where that is known.
    pub mode: Option<String>,
    /// When a delivery last said something of the vehicle, of its owner's access alone; none
    /// where none has.
    pub delivered_at: Option<Timestamp>,
}

/// The vehicles.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Vehicles {
    /// The owner of a vehicle, where one is known.
    async fn owner(&self, vehicle: &VehicleId) -> Result<Option<UserId>, StoreError>;

    /// Remembers what Smartcar's API says of a vehicle: as good as a delivery that has not
    /// come yet, so that nothing of it replaces what is known. `user` is connected to it,
    /// and counts as the owner where none is known, or at once with `is_owner`.
    async fn remember_vehicle(
        &self,
        vehicle: &VehicleId,
        user: Option<&UserId>,
        is_owner: bool,
        about: &VehicleAttributes,
    ) -> Result<(), StoreError>;

    /// Vehicles in the order of their ids.
    async fn vehicles(&self, page: VehiclePage<'_>) -> Result<Vec<Vehicle>, StoreError>;

    /// The open errors of a vehicle, whoever's connection reported them.
    async fn open_errors(&self, vehicle: &VehicleId) -> Result<Vec<OpenError>, StoreError>;

    /// Ends an open error, unless it was delivered again meanwhile. The next delivery opens
    /// it again.
    async fn end_error(&self, vehicle: &VehicleId, error: &OpenError) -> Result<(), StoreError>;

    /// Who has had access to which vehicle, in the order of both ids, up to `limit`. Waits
    /// for no write.
    async fn accesses(&self, limit: i64) -> Result<Vec<Access>, StoreError>;

    /// The ids of the vehicles of which a user's connections have reported something, as
    /// Smartcar wrote them. Waits for no write.
    async fn reported_by(&self, user: &UserId) -> Result<Vec<String>, StoreError>;

    /// Forgets what a user's connections have reported of these vehicles. A value and an
    /// error of one signal can be of different users: the other's stays.
    async fn forget_reports(&self, vehicles: &[String], user: &UserId) -> Result<(), StoreError>;

    /// Forgets a vehicle with its signals; with a user, unless it is known to be another
    /// one's.
    async fn forget_vehicle(
        &self,
        vehicle: &VehicleId,
        user: Option<&UserId>,
    ) -> Result<(), StoreError>;

    /// Forgets all vehicles of an owner, with their signals.
    async fn forget_vehicles_of(&self, user: &UserId) -> Result<(), StoreError>;
}
