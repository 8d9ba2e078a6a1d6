//! The newest signals of each vehicle.

use crate::{StoreError, vehicle::About};
use smartcar::{SignalCode, Timestamp, UserId, VehicleAttributes, VehicleId, report::Report};

/// What is stored of a vehicle's signals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSignals {
    /// On whose behalf they are read: the user who was named, else the owner.
    pub reader: Option<String>,
    /// What the vehicle is.
    pub about: About,
    /// When Smartcar last listed all of them to the reader.
    pub listed_at: Option<Timestamp>,
    /// In the order of their codes.
    pub signals: Vec<StoredSignal>,
}

/// A signal as it is stored: its newest value and, beside it, the newest report that
/// there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSignal {
    /// For example `closure-islocked`.
    pub code: String,
    /// For example `IsLocked`.
    pub name: Option<String>,
    /// For example `Closure`.
    pub group: Option<String>,
    /// The value.
    pub value: Option<StoredValue>,
    /// The error.
    pub error: Option<StoredSignalError>,
}

/// The value of a signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredValue {
    /// The value with its unit, JSON as Smartcar wrote it.
    pub body: String,
    /// When it was observed at the vehicle.
    pub observed_at: Option<Timestamp>,
    /// When Smartcar retrieved it.
    pub retrieved_at: Option<Timestamp>,
    /// When it was last reported to us.
    pub delivered_at: Option<Timestamp>,
    /// The user whose connection reported it, else the vehicle's owner.
    pub user: Option<String>,
}

/// A report that a signal has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSignalError {
    /// What [`ErrorParts`](smartcar::report::ErrorParts) reads: status and old value, or of
    /// former versions the whole signal.
    pub json: String,
    /// When it was reported.
    pub at: Timestamp,
    /// The user whose connection reported it, else the vehicle's owner.
    pub user: Option<String>,
}

/// The signals.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Signals {
    /// All signals of a vehicle, whoever reported them, for a user or else the owner. None
    /// where no signal is stored.
    async fn signals(
        &self,
        vehicle: &VehicleId,
        user: Option<&UserId>,
    ) -> Result<Option<StoredSignals>, StoreError>;

    /// One signal of a vehicle, as [`Signals::signals`] tells all of them, without
    /// `listed_at`.
    async fn signal(
        &self,
        vehicle: &VehicleId,
        user: Option<&UserId>,
        code: &SignalCode,
    ) -> Result<Option<StoredSignals>, StoreError>;

    /// Keeps what Smartcar's API answered on behalf of a user: of each signal the newest
    /// wins, as for deliveries; of the vehicle nothing replaces what is known.
    async fn report(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        report: &Report<'_>,
        about: &VehicleAttributes,
    ) -> Result<(), StoreError>;

    /// Remembers that Smartcar listed all signals of a vehicle to a user at that time, of
    /// these codes. Where one of them was not stored then, or another user's word of it is
    /// the newest, what is stored is not the user's whole list, and nothing is remembered.
    async fn listed(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        codes: &[&str],
        at: Timestamp,
    ) -> Result<(), StoreError>;
}
