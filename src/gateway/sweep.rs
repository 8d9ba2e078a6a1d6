//! Forgetting what is no longer needed, in small steps after answers.

use crate::{app::App, database::Store};
use edge::{
    Platform,
    log::{self, Event, Level},
};
use smartcar::{Clock, Timestamp};
use std::{sync::atomic::Ordering, time::Duration};
use store::{
    action::KEY_LIFE,
    old::chore::{ROWS, is_ahead, steps},
    old::sqlite::{self, StoreError, Value},
};

/// How often an instance sweeps.
const EVERY: Duration = Duration::from_secs(30);

/// Whether there is something to forget: a look does not wait for the write lock,
/// and each new instance begins with one.
const DUE: &str = "SELECT
    EXISTS (SELECT 1 FROM action WHERE claim IS NOT NULL AND started_at <= ?1)
    OR EXISTS (SELECT 1 FROM action WHERE started_at <= ?2 AND outcome <> 'running')
    OR EXISTS (SELECT 1 FROM arrival WHERE arrived_at <= ?2)";

/// An answer can say where somebody was going: it is kept no longer than its key.
const ANSWERS: &str = "UPDATE action SET claim = NULL, answer_headers = NULL, answer = NULL
    WHERE rowid IN (SELECT rowid FROM action
        WHERE claim IS NOT NULL AND started_at <= ?1 ORDER BY started_at LIMIT ?2)";

const RECORDS: &str = "DELETE FROM action WHERE rowid IN (SELECT rowid FROM action
    WHERE started_at <= ?1 AND outcome <> 'running' ORDER BY started_at LIMIT ?2)";

const ARRIVALS: &str = "DELETE FROM arrival WHERE nonce IN (SELECT nonce FROM arrival
    WHERE arrived_at <= ?1 ORDER BY arrived_at LIMIT ?2)";

/// Sweeps after this answer, if it is time.
pub(crate) fn soon<P: Platform, S: Store>(app: &'static App<P, S>) {
    let next = app.next_sweep();
    let now = app.now();
    if is_ahead(Timestamp(next.load(Ordering::Relaxed)), now, EVERY) {
        return;
    }
    next.store(now.after(EVERY).0, Ordering::Relaxed);
    let records = now.before(app.audit_retention());
    app.platform().spawn(async move {
        match sweep(app.platform(), now.before(KEY_LIFE), records).await {
            // The next answer goes on.
            Ok(true) => next.store(0, Ordering::Relaxed),
            Ok(false) => {}
            // The next sweep does it.
            Err(error) => log::line(app.platform(), Level::Error, Event::Store)
                .with("error", error.to_string())
                .write(),
        }
    });
}

/// Forgets answers and records of before then. Whether some are left.
async fn sweep(
    clock: &impl Clock,
    answers: Timestamp,
    records: Timestamp,
) -> Result<bool, StoreError> {
    let store = sqlite::store().await?;
    let is_left = async || {
        let due = [Value::from(answers.0), Value::from(records.0)];
        let is_due = store.first(DUE, due).await?;
        Ok(is_due.and_then(|row| row.integer(0)) == Some(1))
    };
    let step = async || {
        for (sql, before) in [(ANSWERS, answers), (RECORDS, records), (ARRIVALS, records)] {
            let step = [Value::from(before.0), Value::from(ROWS)];
            store.execute(sql, step).await?;
        }
        Ok(())
    };
    steps(clock, is_left, step).await
}
