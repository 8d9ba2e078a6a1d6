//! Limits that Smartcar told of, remembered so that they are not hammered.
//!
//! A request that is sent into a limit fails and prolongs it. All instances share
//! what one of them was told.
//!
//! Source: <https://smartcar.com/docs/help/api-limits>

use crate::{ApiError, Platform, Timestamp, VehicleId, vault::Vault};
use serde::{Deserialize, Serialize};
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

#[derive(Serialize, Deserialize)]
struct Kept {
    until: Timestamp,
}

#[derive(Default)]
pub(crate) struct Limits(Mutex<BTreeMap<LimitScope, Timestamp>>);

impl Limits {
    /// The limit that a call about `vehicle` would run into.
    pub(crate) async fn in_force(
        &self,
        platform: &impl Platform,
        vault: &Vault,
        vehicle: Option<&VehicleId>,
    ) -> Option<Limit> {
        let scopes = [
            Some(LimitScope::Application),
            vehicle.cloned().map(LimitScope::Vehicle),
        ];
        for scope in scopes.into_iter().flatten() {
            let here = self.here().get(&scope).copied();
            let until = match here.filter(|until| *until > platform.now()) {
                Some(until) => Some(until),
                None => vault
                    .read::<Kept>(platform, &name(&scope))
                    .await
                    .map(|kept| kept.until),
            };
            let now = platform.now();
            if let Some(until) = until.filter(|until| *until > now) {
                return Some(Limit {
                    scope,
                    remaining: until.since(now),
                });
            }
        }
        None
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
        {
            let mut here = self.here();
            here.retain(|_, until| *until > now);
            here.insert(scope.clone(), until);
        }
        vault.write(platform, &name(&scope), &Kept { until }).await;
    }

    fn here(&self) -> std::sync::MutexGuard<'_, BTreeMap<LimitScope, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(scope: &LimitScope) -> String {
    match scope {
        LimitScope::Application => "limit".to_owned(),
        LimitScope::Vehicle(vehicle) => format!("limit/{vehicle}"),
    }
}
