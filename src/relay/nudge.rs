//! A nudge: something may be due. It is answered at once, and the run goes on after that.

use crate::{
    relay::{Relay, RelayStore},
    sink::Sinks,
};
use edge::Platform;
use smartcar::Timestamp;
use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    time::Duration,
};
use store::{chore::is_ahead, outbox::SinkConfiguration};

/// For how long a nudge is of no use where there are no sinks, or where a run has failed.
/// The schedule makes up for one that does not come.
pub(crate) const REST: Duration = Duration::from_secs(10);

/// The same where all sinks are off or paused, or where enough runs are under way.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// How many runs go on at the same time. One that waits for a slow sink is no reason to
/// keep the others waiting.
const MOST: usize = 4;

impl<P: Platform, S: RelayStore, K: Sinks> Relay<P, S, K> {
    /// Begins a run, which goes on after the answer. Returns for how long another nudge
    /// would be of no use.
    pub(crate) async fn nudge(
        &'static self,
        sinks: &'static [SinkConfiguration],
    ) -> Option<Duration> {
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
        self.platform.spawn(self.runs(sinks));
        if sinks.is_empty() {
            return Some(REST);
        }
        ready.is_empty().then_some(PAUSE)
    }

    /// Runs, and again where a nudge has come meanwhile that began no run.
    async fn runs(&'static self, sinks: &'static [SinkConfiguration]) {
        loop {
            if let Err(error) = self.run(sinks).await {
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

/// What nudges have begun in this instance.
#[derive(Debug)]
pub(crate) struct Nudges {
    runs: AtomicUsize,
    /// A nudge has come that began no run.
    is_more: AtomicBool,
    rests_until: AtomicI64,
}

impl Nudges {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self {
            runs: AtomicUsize::new(0),
            is_more: AtomicBool::new(false),
            rests_until: AtomicI64::new(0),
        }
    }

    /// Whether a run may begin. Where enough are under way they look again before they
    /// end, and find what was stored before the nudge.
    fn begin(&self) -> bool {
        if self.runs.load(Ordering::Relaxed) >= MOST {
            self.is_more.store(true, Ordering::Relaxed);
            return false;
        }
        self.runs.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Whether a run has to look again. Where not, it has ended by that: a nudge that comes
    /// in between would count on a run that looks no more.
    fn goes_on(&self) -> bool {
        let goes_on = self.is_more.swap(false, Ordering::Relaxed);
        if !goes_on {
            self.give_up();
        }
        goes_on
    }

    /// Ends a run. What others were nudged for is left to those that are under way, and to
    /// the next one.
    fn give_up(&self) {
        self.runs.fetch_sub(1, Ordering::Relaxed);
    }

    /// Has nudges begin no run for a while: a store in trouble has no use for more work,
    /// and the log none for more lines.
    fn rest(&self, now: Timestamp) {
        self.rests_until.store(now.after(REST).0, Ordering::Relaxed);
    }

    fn is_resting(&self, now: Timestamp) -> bool {
        let until = Timestamp(self.rests_until.load(Ordering::Relaxed));
        is_ahead(until, now, REST)
    }
}
