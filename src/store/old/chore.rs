//! Work that is done once in a while, by one instance of all, in small steps.

use super::sqlite::{Store, StoreError, Value};
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

const LOOK: &str = "SELECT next_at FROM chore WHERE name = ?";

/// Succeeds for one of those who have seen the same time.
const TAKE: &str =
    "UPDATE chore SET next_at = ?3 WHERE name = ?1 AND next_at = ?2 RETURNING next_at";

const GO_ON: &str = "UPDATE chore SET next_at = ?2 WHERE name = ?1";

/// Work under a name that all instances know.
#[derive(Debug)]
pub struct Chore {
    name: &'static str,
    every: Duration,
    look_at: AtomicI64,
}

impl Chore {
    /// The work of a row of the table `chore`.
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
    /// The database could not be read or written.
    pub async fn take(&self, store: &Store, now: Timestamp) -> Result<bool, StoreError> {
        let row = store.first(LOOK, [Value::from(self.name)]).await?;
        let Some(next_at) = row.and_then(|row| row.integer(0)) else {
            return Ok(false);
        };
        if is_ahead(Timestamp(next_at), now, self.every) {
            return Ok(false);
        }
        let parameters = [
            Value::from(self.name),
            Value::from(next_at),
            Value::from(now.after(self.every).0),
        ];
        Ok(store.first(TAKE, parameters).await?.is_some())
    }

    /// Something is left: whoever asks next goes on.
    ///
    /// # Errors
    /// The database could not be written.
    pub async fn go_on(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        self.look_at.store(0, Ordering::Relaxed);
        let parameters = [Value::from(self.name), Value::from(now.0)];
        store.execute(GO_ON, parameters).await
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

/// Repeats a step while something is left, for a while. Whether something still is.
///
/// # Errors
/// Those of the step, and of the look.
pub async fn steps(
    clock: &impl Clock,
    is_left: impl AsyncFn() -> Result<bool, StoreError>,
    step: impl AsyncFn() -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    for _ in 0..STEPS {
        if !is_left().await? {
            return Ok(false);
        }
        step().await?;
        clock.sleep(PAUSE).await;
    }
    is_left().await
}
