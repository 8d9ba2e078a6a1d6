//! How requests end, counted.
//!
//! In memory first: a flood of forged requests must not become a flood of writes.
//! What was counted is written at most once a second by each instance, after the
//! answers.

use edge::{
    Host,
    log::{self, Level},
    sqlite::{self, Value},
};
use smartcar::{Clock, Spawn, Timestamp, delivery::Mode};
use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Between two writes of an instance.
const PAUSE: Duration = Duration::from_secs(1);

/// What is counted together. All of it is from small sets, but for the type of a
/// verified event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) outcome: &'static str,
    pub(crate) reason: String,
    pub(crate) event_type: String,
    pub(crate) mode: Mode,
}

#[derive(Default)]
struct Counts {
    counts: BTreeMap<(i64, Kind), i64>,
    is_scheduled: bool,
}

static COUNTS: Mutex<Counts> = Mutex::new(Counts {
    counts: BTreeMap::new(),
    is_scheduled: false,
});

/// Counts one request that was received at `at`.
pub(crate) fn count(at: Timestamp, kind: Kind) {
    let is_scheduled = {
        let mut counts = counts();
        *counts.counts.entry((at.0 / 60_000, kind)).or_default() += 1;
        mem::replace(&mut counts.is_scheduled, true)
    };
    if !is_scheduled {
        Host.spawn(async {
            Host.sleep(PAUSE).await;
            write().await;
        });
    }
}

/// Adds what was counted to the table, in one statement.
async fn write() {
    let taken = {
        let mut counts = counts();
        counts.is_scheduled = false;
        mem::take(&mut counts.counts)
    };
    let rows = vec!["(?, ?, ?, ?, ?, ?)"; taken.len()].join(", ");
    let sql = format!(
        "INSERT INTO tally (minute, outcome, reason, event_type, mode, count) VALUES {rows} \
         ON CONFLICT (minute, outcome, reason, event_type, mode) \
         DO UPDATE SET count = count + excluded.count"
    );
    let parameters: Vec<Value> = taken
        .into_iter()
        .flat_map(|((minute, kind), count)| {
            [
                Value::from(minute),
                Value::from(kind.outcome),
                Value::from(kind.reason),
                Value::from(kind.event_type),
                Value::from(kind.mode.as_str()),
                Value::from(count),
            ]
        })
        .collect();
    let result = async { sqlite::store().await?.execute(&sql, parameters).await }.await;
    if let Err(error) = result {
        log::line(Level::Warn, "tally")
            .with("error", error.to_string())
            .write();
    }
}

fn counts() -> MutexGuard<'static, Counts> {
    COUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}
