//! Taking turns inside an instance.

use crate::Clock;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How often who waits looks again.
const PAUSE: Duration = Duration::from_millis(2);

/// A turn that one task has at a time.
///
/// Who waits asks the clock to be woken, not the task that has the turn: a task
/// of a component cannot wake another one. (`wit-bindgen` 0.57, which spin-sdk 7
/// is built on, has a feature for it, `inter-task-wakeup`, and it traps on hosts
/// of wasmtime 48 and later:
/// <https://github.com/bytecodealliance/wit-bindgen/pull/1638>.)
#[derive(Debug, Default)]
pub struct AsyncMutex(AtomicBool);

/// Has the turn until it is dropped. A task that is cancelled drops it too.
#[derive(Debug)]
pub struct AsyncMutexGuard<'a>(&'a AtomicBool);

impl AsyncMutex {
    /// A turn that is free.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Waits for the turn and takes it.
    pub async fn take(&self, clock: &impl Clock) -> AsyncMutexGuard<'_> {
        while self.0.swap(true, Ordering::AcqRel) {
            clock.sleep(PAUSE).await;
        }
        AsyncMutexGuard(&self.0)
    }
}

impl Drop for AsyncMutexGuard<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fake;
    use futures::future::{join_all, poll_immediate};
    use std::cell::Cell;

    #[test]
    fn turn_is_held_by_one_task_at_a_time_and_reaches_each() {
        let (clock, turn) = (Fake::new(), AsyncMutex::new());
        let (inside, done) = (Cell::new(0), Cell::new(0));
        clock.run(join_all((0..10).map(|_| async {
            let _turn = turn.take(&clock).await;
            inside.set(inside.get() + 1);
            assert_eq!(inside.get(), 1);
            clock.sleep(PAUSE).await;
            inside.set(inside.get() - 1);
            done.set(done.get() + 1);
        })));
        assert_eq!(done.get(), 10);
    }

    #[test]
    fn turn_goes_on_when_a_task_is_cancelled() {
        let (clock, turn) = (Fake::new(), AsyncMutex::new());
        let holder = async {
            let _turn = turn.take(&clock).await;
            std::future::pending::<()>().await;
        };
        assert_eq!(clock.run(poll_immediate(holder)), None);
        assert!(clock.run(poll_immediate(turn.take(&clock))).is_some());
    }
}
