//! What nudges have begun in an instance.

use smartcar::Timestamp;
use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    time::Duration,
};
use store::chore::is_ahead;

/// For how long a nudge is of no use where there are no sinks, or where a run has failed.
/// The schedule makes up for one that does not come.
pub(crate) const REST: Duration = Duration::from_secs(10);

/// How many runs go on at the same time. One that waits for a slow sink is no reason to
/// keep the others waiting.
const MOST: usize = 4;

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
    pub(crate) fn begin(&self) -> bool {
        if self.runs.load(Ordering::Relaxed) >= MOST {
            self.is_more.store(true, Ordering::Relaxed);
            return false;
        }
        self.runs.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Whether a run has to look again. Where not, it has ended by that: a nudge that comes
    /// in between would count on a run that looks no more.
    pub(crate) fn goes_on(&self) -> bool {
        let goes_on = self.is_more.swap(false, Ordering::Relaxed);
        if !goes_on {
            self.give_up();
        }
        goes_on
    }

    /// Ends a run. What others were nudged for is left to those that are under way, and to
    /// the next one.
    pub(crate) fn give_up(&self) {
        self.runs.fetch_sub(1, Ordering::Relaxed);
    }

    /// Has nudges begin no run for a while: a store in trouble has no use for more work,
    /// and the log none for more lines.
    pub(crate) fn rest(&self, now: Timestamp) {
        self.rests_until.store(now.after(REST).0, Ordering::Relaxed);
    }

    pub(crate) fn is_resting(&self, now: Timestamp) -> bool {
        let until = Timestamp(self.rests_until.load(Ordering::Relaxed));
        is_ahead(until, now, REST)
    }
}
