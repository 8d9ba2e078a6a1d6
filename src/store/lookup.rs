//! Look-ups of a vehicle's owner that found none.

use crate::StoreError;
use smartcar::{Timestamp, VehicleId};
use std::time::Duration;

/// How long a look-up counts. What is older is forgotten with the next one that is kept.
pub const COUNTS_FOR: Duration = Duration::from_secs(600);

/// Why a look-up found no owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoOwner {
    /// Smartcar knows no connection to the vehicle.
    NotConnected,
    /// Several users are connected to it.
    Several,
    /// Not the one who was named, which says nothing of others.
    OtherUser,
}

impl NoOwner {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::NotConnected, Self::Several, Self::OtherUser];

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotConnected => "nobody",
            Self::Several => "several",
            Self::OtherUser => "other user",
        }
    }
}

/// What is known before a look-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownLookups {
    /// What the last one about the vehicle found, whoever made it.
    pub no_owner: Option<NoOwner>,
    /// How many the caller has made.
    pub count: i64,
    /// When the first of those was.
    pub first_at: Option<Timestamp>,
}

/// The look-ups that found no owner.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Lookups {
    /// What is known of a vehicle since `believed_since` ([`NoOwner::OtherUser`] apart),
    /// and of a caller's look-ups since `counted_since`, at `now`.
    async fn known_lookups(
        &self,
        vehicle: &VehicleId,
        caller: &str,
        believed_since: Timestamp,
        counted_since: Timestamp,
        now: Timestamp,
    ) -> Result<KnownLookups, StoreError>;

    /// Keeps a look-up that found no owner, for [`COUNTS_FOR`].
    async fn add_lookup(
        &self,
        vehicle: &VehicleId,
        caller: &str,
        no_owner: NoOwner,
        at: Timestamp,
    ) -> Result<(), StoreError>;
}
