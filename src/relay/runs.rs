//! The runs that nudges of this instance have begun.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many go on at the same time. A run that waits for a slow sink is no reason to keep
/// the others waiting.
const MOST: usize = 4;

/// The runs that nudges have begun and that have not ended.
#[derive(Debug)]
pub(crate) struct Runs {
    under_way: AtomicUsize,
    /// A nudge has come since one of them last looked.
    is_more: AtomicBool,
}

impl Runs {
    /// No run.
    pub(crate) const fn new() -> Self {
        Self {
            under_way: AtomicUsize::new(0),
            is_more: AtomicBool::new(false),
        }
    }

    /// Whether a nudge begins another run. Where there are enough, those under way look
    /// again before they end, so that what was stored before the nudge is found.
    pub(crate) fn begin(&self) -> bool {
        if self.under_way.load(Ordering::Relaxed) >= MOST {
            self.is_more.store(true, Ordering::Relaxed);
            return false;
        }
        self.under_way.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Whether a run has to look again. Where not, it has ended: nothing may be awaited
    /// in between, or a nudge could be lost.
    pub(crate) fn goes_on(&self) -> bool {
        let goes_on = self.is_more.swap(false, Ordering::Relaxed);
        if !goes_on {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
        }
        goes_on
    }

    /// Ends a run that has failed. What it was nudged for is left to the next one.
    pub(crate) fn give_up(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_bounded_and_the_last_nudge_is_looked_after() {
        let runs = Runs::new();
        assert!((0..MOST).all(|_| runs.begin()));
        assert!(!runs.begin() && !runs.begin());
        // One of those under way looks again, for both nudges.
        assert!(runs.goes_on());
        assert!(!runs.goes_on());
        // Its place is free.
        assert!(runs.begin() && !runs.begin());
        runs.give_up();
        assert!(runs.begin());
    }

    #[test]
    fn runs_leave_the_nudge_of_one_that_failed_to_the_next() {
        let runs = Runs::new();
        assert!((0..MOST).all(|_| runs.begin()) && !runs.begin());
        (0..MOST).for_each(|_| runs.give_up());
        assert!(runs.begin());
        assert!(runs.goes_on());
        assert!(!runs.goes_on());
    }
}
