//! The relay of an instance: what it is made of.

use crate::{nudges::Nudges, sink::Sinks};
use edge::{
    OnceCell, Platform,
    log::{self, Event, Level},
};
use std::{sync::atomic::AtomicBool, time::Duration};
use store::{
    Chores, Configurations, Deliveries, Outbox, Quarantine, StoreError, Tallies, chore::Chore,
    outbox::SinkConfiguration, retention::Retention,
};

/// What the relay needs of the store: deliveries, in quarantine too, and tallies are only
/// forgotten.
pub(crate) trait RelayStore:
    Outbox + Configurations + Chores + Deliveries + Quarantine + Tallies + 'static
{
}

impl<S> RelayStore for S where
    S: Outbox + Configurations + Chores + Deliveries + Quarantine + Tallies + 'static
{
}

/// What the variables say.
pub(crate) struct Settings {
    pub(crate) sinks: Vec<SinkConfiguration>,
    /// For how long a run takes further events.
    pub(crate) run_time: Duration,
}

/// A relay. Each instance has one.
pub(crate) struct Relay<P, S, K> {
    pub(crate) platform: P,
    pub(crate) store: S,
    /// Where events go.
    pub(crate) destination: K,
    pub(crate) nudges: Nudges,
    /// What has to be done about the outbox once a minute.
    pub(crate) upkeep: Chore,
    /// Whether the log says that this instance's sinks were replaced.
    pub(crate) outdated_is_said: AtomicBool,
    pub(crate) settings: OnceCell<Settings>,
    pub(crate) retention: Retention,
    pub(crate) keep: OnceCell<Duration>,
}

impl<P: Platform, S: RelayStore, K: Sinks> Relay<P, S, K> {
    /// A relay that has done nothing yet.
    pub(crate) const fn new(platform: P, store: S, destination: K) -> Self {
        Self {
            platform,
            store,
            destination,
            nudges: Nudges::new(),
            upkeep: Chore::new("outbox", Duration::from_secs(60)),
            outdated_is_said: AtomicBool::new(false),
            settings: OnceCell::new(),
            retention: Retention::new(),
            keep: OnceCell::new(),
        }
    }

    /// Says what is wrong with a variable.
    pub(crate) fn not_configured(&self, reason: &str) {
        log::line(&self.platform, Level::Error, Event::NotConfigured)
            .with("reason", reason)
            .write();
    }

    /// Says that the store could not do what a run needs.
    pub(crate) fn failed(&self, error: &StoreError) {
        log::line(&self.platform, Level::Error, Event::Store)
            .with("error", error.to_string())
            .write();
    }
}
