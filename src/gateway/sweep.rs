//! Forgetting what is no longer needed, in small steps after answers.

use crate::{app::App, store};
use edge::{Host, migrations::KEY_LIFE, sqlite::Value};
use smartcar::{Clock, Spawn};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// How often an instance sweeps.
const EVERY: Duration = Duration::from_secs(30);

/// How many rows a sweep touches at the most: more than arrive meanwhile, and few
/// enough to hold nobody up.
const ROWS: i64 = 500;

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
pub(crate) fn soon(app: &'static App) {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    let now = Host.now();
    if now.0 < NEXT.load(Ordering::Relaxed) {
        return;
    }
    NEXT.store(now.after(EVERY).0, Ordering::Relaxed);
    Host.spawn(async move {
        let records = now.before(app.audit_retention());
        let due = [Value::from(now.before(KEY_LIFE).0), Value::from(records.0)];
        let is_due = store::first(DUE, due).await;
        if !is_due.is_ok_and(|row| row.and_then(|row| row.integer(0)) == Some(1)) {
            return;
        }
        for (sql, before) in [
            (ANSWERS, now.before(KEY_LIFE)),
            (RECORDS, records),
            (ARRIVALS, records),
        ] {
            // A failure is in the log; the next sweep does it.
            let _ = store::execute(sql, [Value::from(before.0), Value::from(ROWS)]).await;
        }
    });
}
