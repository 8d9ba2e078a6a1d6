//! Work that is done once in a while, by one instance of all, in small steps.

use crate::StoreError;
use smartcar::{Clock, Timestamp};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// How many rows a step touches at most. A delivery takes its rows of the outbox along,
/// and five times as many hold the write lock for 90 ms.
pub const ROWS: i64 = 100;

/// How many steps are made in a row. What is left then is done by whoever asks next.
const STEPS: usize = 20;

/// Between two steps, so that others get the write lock.
const PAUSE: Duration = Duration::from_millis(100);

/// When each chore is to be done next, as all instances know it.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Chores {
    /// When a chore is to be done; none for one that the schema does not know. Waits for
    /// no write.
    async fn chore_due_at(&self, name: &str) -> Result<Option<Timestamp>, StoreError>;

    /// Moves a chore from a time to another. True for one of those who have seen the same
    /// time.
    async fn take_chore(
        &self,
        name: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Has a chore done at that time.
    async fn put_chore(&self, name: &str, at: Timestamp) -> Result<(), StoreError>;
}

/// Work under a name that all instances know.
#[derive(Debug)]
pub struct Chore {
    name: &'static str,
    every: Duration,
    look_at: AtomicI64,
}

impl Chore {
    /// A chore of the schema.
    pub const fn new(name: &'static str, every: Duration) -> Self {
        Self {
            name,
            every,
            look_at: AtomicI64::new(0),
        }
    }

    /// Whether this instance has not asked for a while: to ask is a statement.
    pub fn is_worth_asking(&self, now: Timestamp) -> bool {
        let pause = self.every / 5;
        let look_at = Timestamp(self.look_at.load(Ordering::Relaxed));
        if is_ahead(look_at, now, pause) {
            return false;
        }
        self.look_at.store(now.after(pause).0, Ordering::Relaxed);
        true
    }

    /// Whether this instance is to do it now: no other one is then.
    ///
    /// # Errors
    /// The store could not be read or written.
    pub async fn take(&self, store: &impl Chores, now: Timestamp) -> Result<bool, StoreError> {
        self.take_early(store, now, self.every).await
    }

    /// Whether this instance is to do it now because someone asks for it: also before it is
    /// due, but not while the last time is no longer ago than `pause`.
    ///
    /// # Errors
    /// The store could not be read or written.
    pub async fn take_early(
        &self,
        store: &impl Chores,
        now: Timestamp,
        pause: Duration,
    ) -> Result<bool, StoreError> {
        let Some(due_at) = store.chore_due_at(self.name).await? else {
            return Ok(false);
        };
        let early = self.every.saturating_sub(pause);
        if is_ahead(due_at, now.after(early), pause) {
            return Ok(false);
        }
        let next = now.after(self.every);
        store.take_chore(self.name, due_at, next).await
    }

    /// Something is left: whoever asks next goes on.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn go_on(&self, store: &impl Chores, now: Timestamp) -> Result<(), StoreError> {
        self.look_at.store(0, Ordering::Relaxed);
        store.put_chore(self.name, now).await
    }
}

/// By how much the clocks of instances, and the moments at which they look at them,
/// may differ.
pub const SKEW: Duration = Duration::from_secs(60);

/// Whether `time` is still to come. What is further ahead than it can have been set
/// was set by a clock that was wrong, and is over.
pub fn is_ahead(time: Timestamp, now: Timestamp, longest: Duration) -> bool {
    now < time && time <= now.after(longest + SKEW)
}

/// Repeats a step, which returns whether there was something to do, for a while. Whether
/// something may be left.
///
/// # Errors
/// Those of the step.
pub async fn steps(
    clock: &impl Clock,
    step: impl AsyncFn() -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    for _ in 0..STEPS {
        if !step().await? {
            return Ok(false);
        }
        clock.sleep(PAUSE).await;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartcar::testing::Fake;
    use std::cell::Cell;

    /// How many steps find something in so many rows, and whether some may be left.
    fn steps_for(rows: i64) -> (i64, bool) {
        let (left, made) = (Cell::new(rows), Cell::new(0));
        let clock = Fake::new();
        let is_left = clock.run(steps(&clock, async || {
            if left.get() <= 0 {
                return Ok(false);
            }
            left.set(left.get() - ROWS);
            made.set(made.get() + 1);
            Ok(true)
        }));
        (made.get(), is_left.unwrap())
    }

    #[test]
    fn chore_goes_on_while_a_step_was_not_enough_and_ends_some_time() {
        assert_eq!(steps_for(0), (0, false));
        assert_eq!(steps_for(ROWS), (1, false));
        assert_eq!(steps_for(ROWS * 3 + 1), (4, false));
        assert_eq!(steps_for(i64::MAX), (20, true));
    }

    #[test]
    fn time_that_a_wrong_clock_has_set_is_over() {
        let (now, minute) = (Timestamp(1_000_000), Duration::from_secs(60));
        for (time, ahead) in [
            (999_999, false),
            (1_000_000, false),
            (1_000_001, true),
            (1_060_000, true),
            // Another instance's clock is a little ahead, or it looked a little later.
            (1_060_001, true),
            (1_120_000, true),
            (1_120_001, false),
            (i64::MAX, false),
        ] {
            assert_eq!(is_ahead(Timestamp(time), now, minute), ahead, "{time}");
        }
    }
}
