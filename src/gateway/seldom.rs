//! Log lines that strangers can cause: each instance writes them seldom, however
//! often it is made to.

use edge::Host;
use smartcar::{Clock, Timestamp};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// What happens at most once a while in this instance.
pub(crate) struct Seldom {
    every: Duration,
    next: AtomicI64,
}

impl Seldom {
    pub(crate) const fn new(every: Duration) -> Self {
        Self {
            every,
            next: AtomicI64::new(0),
        }
    }

    /// Whether it is time again.
    pub(crate) fn is_due(&self) -> bool {
        self.is_due_at(Host.now())
    }

    fn is_due_at(&self, now: Timestamp) -> bool {
        let after = now.after(self.every).0;
        // Later than that it cannot be, unless the clock was ahead.
        let waits = (now.0.saturating_add(1)..=after).contains(&self.next.load(Ordering::Relaxed));
        if !waits {
            self.next.store(after, Ordering::Relaxed);
        }
        !waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_due_once_a_while_and_at_once_where_the_clock_was_ahead() {
        let seldom = Seldom::new(Duration::from_millis(100));
        let due = |at| seldom.is_due_at(Timestamp(at));
        assert_eq!([due(1000), due(1001), due(1099)], [true, false, false]);
        assert_eq!([due(1100), due(1150)], [true, false]);
        assert_eq!([due(500), due(550)], [true, false]);
        assert!(due(i64::MAX));
    }
}
