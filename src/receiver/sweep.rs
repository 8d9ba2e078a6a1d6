//! Forgetting what is older than the retention, in small steps after answers.

use crate::settings::Settings;
use edge::{
    Host,
    log::{self, Level},
    sqlite::{self, Value},
};
use smartcar::{Clock, Spawn};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// How often an instance sweeps.
const EVERY: Duration = Duration::from_secs(10);

/// How many rows a sweep removes at the most: more than arrive meanwhile, and
/// few enough to hold nobody up.
const ROWS: i64 = 500;

const DELIVERIES: &str = "DELETE FROM delivery WHERE rowid IN (
    SELECT rowid FROM delivery WHERE received_at < ?1 ORDER BY received_at LIMIT ?2)";

/// Whether there is something to remove: a look does not wait for the write lock,
/// and each new instance begins with one.
const DUE: &str = "SELECT EXISTS (SELECT 1 FROM delivery WHERE received_at < ?1)
    OR EXISTS (SELECT 1 FROM tally WHERE minute < ?2)";

/// A day of tallies is shown; what is older has no reader.
const TALLIES: &str = "DELETE FROM tally WHERE minute < ?1";

/// Sweeps after this answer, if it is time.
pub(crate) fn soon(settings: &'static Settings) {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    let now = Host.now();
    if now.0 < NEXT.load(Ordering::Relaxed) {
        return;
    }
    NEXT.store(now.after(EVERY).0, Ordering::Relaxed);
    Host.spawn(async move {
        let oldest = now.before(settings.retention).0;
        let yesterday = now.before(Duration::from_secs(25 * 60 * 60)).0 / 60_000;
        let result = async {
            let store = sqlite::store().await?;
            let due = [Value::from(oldest), Value::from(yesterday)];
            let is_due = store.first(DUE, due).await?;
            if is_due.and_then(|row| row.integer(0)) != Some(1) {
                return Ok(());
            }
            let deliveries = [Value::from(oldest), Value::from(ROWS)];
            store.execute(DELIVERIES, deliveries).await?;
            store.execute(TALLIES, [Value::from(yesterday)]).await
        };
        if let Err(error) = result.await {
            log::line(Level::Warn, "sweep")
                .with("error", error.to_string())
                .write();
        }
    });
}
