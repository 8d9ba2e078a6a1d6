//! Forgetting deliveries that are older than the retention, in small steps.
//!
//! The receiver does it after its answers, and the relay on its schedule, so that
//! deliveries go also when no new ones come.

use crate::{
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema::{STEPS, statements};
    use rusqlite::{Connection, params};

    #[test]
    fn retention_is_a_number_of_days_above_zero() {
        assert_eq!(parse(" 7 "), Ok(DAY * 7));
        for bad in ["", "0", "-1", "1.5", "seven", "4294967296"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn retention_removes_the_oldest_in_steps_until_nothing_is_due() {
        let database = Connection::open_in_memory().unwrap();
        for statement in STEPS.iter().flat_map(|step| statements(step)) {
            database.execute_batch(statement).unwrap();
        }
        for event in 0..1201 {
            let insert = "INSERT INTO delivery
                VALUES ('e-' || ?1, 'TOMORROW', 'LIVE', 'v-1', 'u-1', NULL, ?1, '{}')";
            database.execute(insert, [event]).unwrap();
        }
        let is_due = || -> bool {
            database
                .query_row(DUE, params![1200, 0], |row| row.get(0))
                .unwrap()
        };
        let mut removed = Vec::new();
        while is_due() {
            removed.push(database.execute(DELIVERIES, params![1200, ROWS]).unwrap());
        }
        assert_eq!(removed, [100; 12]);
        let left: i64 = database
            .query_row("SELECT received_at FROM delivery", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 1200);
    }
}
