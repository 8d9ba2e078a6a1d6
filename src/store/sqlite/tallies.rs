//! Tallies in SQLite.

use super::{Connect, Sqlite, Value};
use crate::{
    StoreError, Tallies, rows,
    tally::{Count, Tally},
};
use edge::Platform;

const SINCE: &str = "SELECT outcome, reason, event_type, mode, sum(count) FROM tally
    WHERE minute >= ?1 GROUP BY outcome, reason, event_type, mode ORDER BY 1, 2, 3, 4";

/// Whether there is something to forget: a look does not wait for the write lock.
const IS_OLD: &str = "SELECT EXISTS (SELECT 1 FROM tally WHERE minute < ?1)";

const FORGET: &str = "DELETE FROM tally WHERE minute < ?1";

impl<C: Connect, P: Platform> Tallies for Sqlite<C, P> {
    async fn add_tallies(&self, counts: &[Count]) -> Result<(), StoreError> {
        if counts.is_empty() {
            return Ok(());
        }
        let rows = vec!["(?, ?, ?, ?, ?, ?)"; counts.len()].join(", ");
        let sql = format!(
            "INSERT INTO tally (minute, outcome, reason, event_type, mode, count) VALUES {rows} \
             ON CONFLICT (minute, outcome, reason, event_type, mode) \
             DO UPDATE SET count = count + excluded.count"
        );
        let parameters: Vec<Value> = counts
            .iter()
            .flat_map(
                |Count {
                     minute,
                     tally,
                     count,
                 }| {
                    [
                        Value::from(*minute),
                        Value::from(tally.outcome.as_str()),
                        Value::from(tally.reason.text().into_owned()),
                        Value::from(tally.event_type.as_str()),
                        Value::from(tally.mode.as_str()),
                        Value::from(*count),
                    ]
                },
            )
            .collect();
        self.execute(&sql, parameters).await
    }

    async fn tallies_since(&self, minute: i64) -> Result<Vec<(Tally, i64)>, StoreError> {
        let rows = self.query(SINCE, [Value::from(minute)]).await?;
        Ok(rows.into_iter().map(rows::tallies::tally).collect())
    }

    async fn forget_tallies(&self, before: i64) -> Result<bool, StoreError> {
        if !self.is(IS_OLD, [Value::from(before)]).await? {
            return Ok(false);
        }
        self.execute(FORGET, [Value::from(before)]).await?;
        Ok(true)
    }
}
