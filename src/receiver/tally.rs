//! How requests end, counted.
//!
//! In memory first: a flood of forged requests must not become a flood of writes.
//! What was counted is written at most once a second by each instance, after the
//! answers; and in a flood, which makes instances by the hundred, by few of them.

use edge::{
    Platform,
    log::{self, Event, Level},
};
use smartcar::Timestamp;
use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::{
    Tallies,
    tally::{Count, Outcome, Tally},
};

/// Between two writes of an instance.
const PAUSE: Duration = Duration::from_secs(1);

/// An instance that strangers ask so often between two writes is in a flood.
const FLOOD: i64 = 64;

/// In a flood, one of so many instances writes, and counts for all of them.
const SHARE: i32 = 16;

/// How often, by the minute and what.
type Counted = BTreeMap<(i64, Tally), i64>;

struct Counts {
    counted: Counted,
    is_scheduled: bool,
}

/// The counter of an instance.
pub(crate) struct Counter<P: 'static, S: 'static> {
    platform: &'static P,
    store: &'static S,
    counts: Mutex<Counts>,
}

impl<P: Platform, S: Tallies> Counter<P, S> {
    pub(crate) const fn new(platform: &'static P, store: &'static S) -> Self {
        Self {
            platform,
            store,
            counts: Mutex::new(Counts {
                counted: BTreeMap::new(),
                is_scheduled: false,
            }),
        }
    }

    /// Counts one request that was received at `at`.
    pub(crate) fn count(&'static self, at: Timestamp, tally: Tally) {
        let is_scheduled = {
            let mut counts = self.counts();
            *counts.counted.entry((at.0 / 60_000, tally)).or_default() += 1;
            mem::replace(&mut counts.is_scheduled, true)
        };
        if !is_scheduled {
            self.platform.spawn(async {
                self.platform.sleep(PAUSE).await;
                self.write().await;
            });
        }
    }

    /// Adds what was counted to what is stored.
    async fn write(&self) {
        let counted = {
            let mut counts = self.counts();
            counts.is_scheduled = false;
            mem::take(&mut counts.counted)
        };
        let counts = to_write(counted, self.platform.unit());
        if counts.is_empty() {
            return;
        }
        if let Err(error) = self.store.add_tallies(&counts).await {
            log::line(self.platform, Level::Warn, Event::Tally)
                .with("error", error.to_string())
                .write();
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this instance is to write by `chance` (0 to 1). Where all of it can be made by
/// strangers (refusals and VERIFY, which needs no signature), and there is much of it,
/// that is nothing or a multiple of it.
fn to_write(counted: Counted, chance: f64) -> Vec<Count> {
    let is_by_strangers =
        |tally: &Tally| matches!(tally.outcome, Outcome::Refused | Outcome::Verify);
    let is_flood = counted.keys().all(|(_, tally)| is_by_strangers(tally))
        && counted.values().sum::<i64>() >= FLOOD;
    if is_flood && chance * f64::from(SHARE) >= 1.0 {
        return Vec::new();
    }
    let share = if is_flood { i64::from(SHARE) } else { 1 };
    let counted = counted.into_iter();
    counted
        .map(|((minute, tally), count)| Count {
            minute,
            tally,
            count: count * share,
        })
        .collect()
}

#[cfg(test)]
mod tests;
