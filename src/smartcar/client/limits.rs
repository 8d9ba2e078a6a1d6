//! Limits that were reached (429), remembered so that they are not hammered.
//!
//! A request that is sent into a limit fails and prolongs it. All instances share
//! what one of them learned.
//!
//! Smartcar has two limits, the application's and a vehicle's, and its answer names
//! which. A 429 that names neither can be from whatever stands between here and
//! Smartcar; it holds for a minute at most, and closes no more than it has to.
//!
//! Source: <https://smartcar.com/docs/help/api-limits>

use crate::{
    ApiError, Call, Limit, LimitScope, Platform, Timestamp, VehicleId, endpoints::Api,
    token::vault::Vault,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long a limit holds whose answer does not say how long.
const DEFAULT: Duration = Duration::from_secs(30);

/// No single answer closes the door for longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// An answer that does not name one of Smartcar's limits does not close it for
/// longer than this.
const LONGEST_UNNAMED: Duration = Duration::from_secs(60);

/// Until when what holds, by the name of the scope.
type Known = BTreeMap<String, Timestamp>;

/// Where they are kept in the vault: all in one value, so that a call looks
/// there once. Of two that come in the same moment one can get lost there; it will
/// be answered again.
const NAME: &str = "limits";

const API: &str = "api:";

#[derive(Default)]
pub(crate) struct Limits(Mutex<Known>);

impl Limits {
    /// The limit that `call` would run into.
    pub(crate) async fn in_force(
        &self,
        platform: &impl Platform,
        vault: &Vault,
        call: &Call,
    ) -> Option<Limit> {
        let known = self.known(platform, vault).await;
        let now = platform.now();
        let of_all = call.takes_token().then_some(LimitScope::Application);
        let scopes = of_all.into_iter().chain([LimitScope::of(call)]);
        scopes.into_iter().find_map(|scope| {
            let remaining = known.get(&scope.name())?.left(now, LONGEST)?;
            Some(Limit { scope, remaining })
        })
    }

    /// All that are in force.
    pub(crate) async fn all(&self, platform: &impl Platform, vault: &Vault) -> Vec<Limit> {
        let known = self.known(platform, vault).await;
        let now = platform.now();
        let limits = known.iter().filter_map(|(name, until)| {
            Some(Limit {
                scope: LimitScope::named(name)?,
                remaining: until.left(now, LONGEST)?,
            })
        });
        limits.collect()
    }

    /// Remembers what a 429 in answer to `call` says.
    pub(crate) async fn remember(
        &self,
        platform: &impl Platform,
        vault: &Vault,
        call: &Call,
        error: &ApiError,
    ) {
        let (scope, longest) = match (error.kind.as_str(), error.code.as_deref()) {
            ("RATE_LIMIT", Some("SMARTCAR_API")) if call.takes_token() => {
                (LimitScope::Application, LONGEST)
            }
            ("RATE_LIMIT", Some("VEHICLE")) if call.vehicle.is_some() => {
                (LimitScope::of(call), LONGEST)
            }
            _ => (LimitScope::of(call), LONGEST_UNNAMED),
        };
        let now = platform.now();
        let until = now.after(error.retry_after.unwrap_or(DEFAULT).min(longest));
        self.here().insert(scope.name(), until);
        let known = self.known(platform, vault).await;
        self.here().clone_from(&known);
        vault.write(platform, NAME, &known).await;
    }

    /// What is in force as far as this instance and the others know.
    async fn known(&self, platform: &impl Platform, vault: &Vault) -> Known {
        let mut known: Known = vault.read(platform, NAME).await.unwrap_or_default();
        let now = platform.now();
        let holds = |until: &Timestamp| until.left(now, LONGEST).is_some();
        known.retain(|_, until| holds(until));
        for (name, until) in self.here().iter().filter(|(_, until)| holds(until)) {
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
    /// The narrowest scope that `call` is in.
    fn of(call: &Call) -> Self {
        match &call.vehicle {
            Some(vehicle) => Self::Vehicle(vehicle.clone()),
            None => Self::Api(call.endpoint.api()),
        }
    }

    /// What it is called in the vault: nothing, the vehicle's id, or what cannot be
    /// an id, since it has a colon.
    fn name(&self) -> String {
        match self {
            Self::Application => String::new(),
            Self::Vehicle(vehicle) => vehicle.to_string(),
            Self::Api(api) => format!("{API}{}", api.as_str()),
        }
    }

    fn named(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self::Application);
        }
        match name.strip_prefix(API) {
            Some(api) => Api::named(api).map(Self::Api),
            None => VehicleId::parse(name).ok().map(Self::Vehicle),
        }
    }
}
