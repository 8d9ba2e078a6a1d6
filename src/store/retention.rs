//! Forgetting deliveries that are older than the retention, and those that have waited in
//! quarantine for too long, in small steps.
//!
//! The receiver does it after its answers, and the relay on its schedule, so that
//! deliveries go also when no new ones come.

use crate::{
    Chores, Deliveries, Quarantine, StoreError, Tallies,
    chore::{Chore, ROWS, steps},
    quarantine::WAITS_FOR,
};
use edge::{
    Platform, Variables,
    log::{self, Event, Level},
    variables,
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A day of tallies is shown, by the minute; what is older has no reader.
const TALLIES: Duration = Duration::from_secs(25 * 60 * 60);

/// How long deliveries are kept, by the variable `retention_days`.
///
/// # Errors
/// What is wrong with the variable, in a sentence.
pub async fn configured(platform: &impl Variables) -> Result<Duration, String> {
    let expected = "a whole number above 0";
    let days = variables::parsed(platform, "retention_days", expected, days);
    Ok(DAY * days.await?)
}

fn days(text: &str) -> Option<u32> {
    text.parse().ok().filter(|days| *days > 0)
}

/// The sweep of an instance.
#[derive(Debug)]
pub struct Retention {
    chore: Chore,
}

impl Default for Retention {
    fn default() -> Self {
        Self::new()
    }
}

impl Retention {
    /// The sweep of an instance that has just begun.
    pub const fn new() -> Self {
        Self {
            chore: Chore::new("retention", Duration::from_secs(10)),
        }
    }

    /// Forgets what was received longer ago than `keep`, after this answer, if it is time.
    pub fn soon<P: Platform>(
        &'static self,
        platform: &P,
        store: &'static (impl Deliveries + Quarantine + Tallies + Chores),
        keep: Duration,
    ) {
        if !self.chore.is_worth_asking(platform.now()) {
            return;
        }
        let host = platform.clone();
        platform.spawn(async move {
            if let Err(error) = self.forget(&host, store, keep).await {
                log::line(&host, Level::Warn, Event::Sweep)
                    .with("error", error.to_string())
                    .write();
            }
        });
    }

    async fn forget(
        &self,
        platform: &impl Platform,
        store: &(impl Deliveries + Quarantine + Tallies + Chores),
        keep: Duration,
    ) -> Result<(), StoreError> {
        let now = platform.now();
        if !self.chore.take(store, now).await? {
            return Ok(());
        }
        let oldest = now.before(keep);
        let overdue = now.before(WAITS_FOR);
        let minute = now.before(TALLIES).0 / 60_000;
        let is_left = steps(platform, async || {
            let deliveries = store.forget_deliveries(oldest, ROWS).await?;
            let quarantined = store.forget_quarantined(overdue, ROWS).await?;
            Ok(store.forget_tallies(minute).await? || deliveries || quarantined)
        });
        if is_left.await? {
            self.chore.go_on(store, platform.now()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_a_number_of_days_above_zero() {
        assert_eq!(days("7"), Some(7));
        for bad in ["", "0", "-1", "1.5", "seven", "4294967296"] {
            assert_eq!(days(bad), None, "{bad}");
        }
    }
}
