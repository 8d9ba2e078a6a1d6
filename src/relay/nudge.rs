//! A nudge: something may be due. It is answered at once, and the run goes on after that.

use crate::{
    nudges::REST,
    relay::{Relay, RelayStore, Settings},
    sink::Sinks,
};
use edge::Platform;
use std::time::Duration;

/// For how long a nudge is of no use where all sinks are off or paused, or where enough runs
/// are under way.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

impl<P: Platform, S: RelayStore, K: Sinks> Relay<P, S, K> {
    /// Begins a run, which goes on after the answer. Returns for how long another nudge
    /// would be of no use.
    pub(crate) async fn nudge(&'static self, settings: &'static Settings) -> Option<Duration> {
        let now = self.platform.now();
        if self.nudges.is_resting(now) {
            return Some(REST);
        }
        let ready = match self.store.ready_sinks(now).await {
            Ok(ready) => ready,
            Err(error) => {
                self.failed(&error);
                self.nudges.rest(now);
                return Some(REST);
            }
        };
        if !self.nudges.begin() {
            return Some(PAUSE);
        }
        self.platform.spawn(self.runs(settings));
        if settings.sinks.is_empty() {
            return Some(REST);
        }
        ready.is_empty().then_some(PAUSE)
    }

    /// Runs, and again where a nudge has come meanwhile that began no run.
    async fn runs(&'static self, settings: &'static Settings) {
        loop {
            if let Err(error) = self.run(settings).await {
                self.failed(&error);
                self.nudges.rest(self.platform.now());
                return self.nudges.give_up();
            }
            if !self.nudges.goes_on() {
                return;
            }
        }
    }
}
