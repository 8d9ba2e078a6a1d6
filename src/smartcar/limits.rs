//! Limits that Smartcar told of, remembered so that they are not hammered.
//!
//! A request that is sent into a limit fails and prolongs it. All instances share
//! what one of them was told.
//!
//! Source: <https://smartcar.com/docs/help/api-limits>

use crate::{ApiError, Platform, Timestamp, VehicleId, vault::Vault};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long a limit holds of which Smartcar does not say how long.
const DEFAULT: Duration = Duration::from_secs(30);

/// No single answer closes the door for longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// What a limit is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitScope {
    /// Every call of the application.
    Application,
    /// Calls about one vehicle.
    Vehicle(VehicleId),
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

/// Until when what holds, by the name of the scope.
type Known = BTreeMap<String, Timestamp>;

/// Where they are kept in the vault: all in one value, so that a call looks
/// there once. Of two that are told in the same moment one can get lost there;
/// Smartcar tells it again.
const NAME: &str = "limits";

#[derive(Default)]
pub(crate) struct Limits(Mutex<Known>);

impl Limits {
    /// The limit that a call about `vehicle` would run into.
    pub(crate) async fn in_force(
        &self,
        platform: &impl Platform,
        vault: &Vault,
        vehicle: Option<&VehicleId>,
    ) -> Option<Limit> {
        let known = self.known(platform, vault).await;
        let now = platform.now();
        let scopes = [
            Some(LimitScope::Application),
            vehicle.cloned().map(LimitScope::Vehicle),
        ];
        scopes.into_iter().flatten().find_map(|scope| {
            let until = known.get(scope.name()).filter(|until| **until > now)?;
            let remaining = until.since(now);
            Some(Limit { scope, remaining })
        })
    }

    /// All that are in force.
    pub(crate) async fn all(&self, platform: &impl Platform, vault: &Vault) -> Vec<Limit> {
        let known = self.known(platform, vault).await;
        let now = platform.now();
        let limits = known.iter().filter(|(_, until)| **until > now);
        limits
            .filter_map(|(name, until)| {
                Some(Limit {
                    scope: LimitScope::named(name)?,
                    remaining: until.since(now),
                })
            })
            .collect()
    }

    /// Remembers what a 429 says.
    pub(crate) async fn remember(
        &self,
        platform: &impl Platform,
        vault: &Vault,
        vehicle: Option<&VehicleId>,
        error: &ApiError,
    ) {
        let scope = match vehicle {
            Some(vehicle) if error.code.as_deref() == Some("VEHICLE") => {
                LimitScope::Vehicle(vehicle.clone())
            }
            _ => LimitScope::Application,
        };
        let now = platform.now();
        let until = now.after(error.retry_after.unwrap_or(DEFAULT).min(LONGEST));
        self.here().insert(scope.name().to_owned(), until);
        let mut known = self.known(platform, vault).await;
        known.retain(|_, until| *until > now);
        self.here().clone_from(&known);
        vault.write(platform, NAME, &known).await;
    }

    /// What this instance was told and what the others were.
    async fn known(&self, platform: &impl Platform, vault: &Vault) -> Known {
        let mut known: Known = vault.read(platform, NAME).await.unwrap_or_default();
        for (name, until) in &*self.here() {
            let kept = known.entry(name.clone()).or_insert(*until);
            *kept = (*kept).max(*until);
        }
        known
    }

    fn here(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LimitScope {
    /// The vehicle's id, or nothing.
    fn name(&self) -> &str {
        match self {
            Self::Application => "",
            Self::Vehicle(vehicle) => vehicle.as_str(),
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "" => Some(Self::Application),
            vehicle => VehicleId::parse(vehicle).ok().map(Self::Vehicle),
        }
    }
}
