//! Forgetting deliveries that are older than the retention, in small steps.
//!
//! The receiver does it after its answers, and the relay on its schedule, so that
//! deliveries go also when no new ones come.

use super::{
    chore::{Chore, ROWS, steps},
    sqlite::{self, StoreError, Value},
};
use edge::{
    Host,
    log::{self, Event, Level},
    variables,
};
use smartcar::{Clock, Spawn};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

static RETENTION: Chore = Chore::new("retention", Duration::from_secs(10));

/// Whether there is something to remove: a look does not wait for the write lock.
const DUE: &str = "SELECT EXISTS (SELECT 1 FROM delivery WHERE received_at < ?1)
    OR EXISTS (SELECT 1 FROM tally WHERE minute < ?2)";

const DELIVERIES: &str = "DELETE FROM delivery WHERE rowid IN (
    SELECT rowid FROM delivery WHERE received_at < ?1 ORDER BY received_at LIMIT ?2)";

/// A day of tallies is shown; what is older has no reader.
const TALLIES: &str = "DELETE FROM tally WHERE minute < ?1";

/// How long deliveries are kept, by the variable `retention_days`.
///
/// # Errors
/// What is wrong with the variable, in a sentence.
pub async fn configured() -> Result<Duration, String> {
    let days = variables::text(&Host, "retention_days").await;
    parse(&days.map_err(|error| error.to_string())?)
}

fn parse(days: &str) -> Result<Duration, String> {
    let days: Option<u32> = days.trim().parse().ok().filter(|days| *days > 0);
    days.map(|days| DAY * days)
        .ok_or_else(|| "the variable retention_days must be a whole number above 0".to_owned())
}

/// Forgets after this answer, if it is time.
pub fn soon(retention: Duration) {
    if !RETENTION.is_worth_asking(Host.now()) {
        return;
    }
    Host.spawn(async move {
        if let Err(error) = forget(retention).await {
            log::line(&Host, Level::Warn, Event::Sweep)
                .with("error", error.to_string())
                .write();
        }
    });
}

async fn forget(retention: Duration) -> Result<(), StoreError> {
    let store = sqlite::store().await?;
    let now = Host.now();
    if !RETENTION.take(store, now).await? {
        return Ok(());
    }
    let oldest = now.before(retention).0;
    let yesterday = now.before(DAY + Duration::from_secs(60 * 60)).0 / 60_000;
    let is_left = async || {
        let due = [Value::from(oldest), Value::from(yesterday)];
        let is_due = store.first(DUE, due).await?;
        Ok(is_due.and_then(|row| row.integer(0)) == Some(1))
    };
    let step = async || {
        let deliveries = [Value::from(oldest), Value::from(ROWS)];
        store.execute(DELIVERIES, deliveries).await?;
        store.execute(TALLIES, [Value::from(yesterday)]).await
    };
    if steps(&Host, is_left, step).await? {
        RETENTION.go_on(store, Host.now()).await?;
    }
    Ok(())
}
