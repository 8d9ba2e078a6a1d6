//! Tallies in PostgreSQL.

use super::{Connect, Postgres, Value};
use crate::{
    StoreError, Tallies, rows,
    tally::{Count, Tally},
};
use edge::Platform;

/// In the order of the keys: of two that add to the same rows, none waits for the other
/// for ever.
const ADD: &str = "INSERT INTO tally (minute, outcome, reason, event_type, mode, count)
    SELECT minute, outcome, reason, event_type, mode, sum(count)::bigint
    FROM unnest(CAST($1 AS bigint[]), CAST($2 AS text[]), CAST($3 AS text[]),
        CAST($4 AS text[]), CAST($5 AS text[]), CAST($6 AS bigint[]))
        AS counted (minute, outcome, reason, event_type, mode, count)
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (minute, outcome, reason, event_type, mode)
    DO UPDATE SET count = tally.count + excluded.count";

const SINCE: &str = "SELECT outcome, reason, event_type, mode, sum(count)::bigint FROM tally
    WHERE minute >= $1 GROUP BY outcome, reason, event_type, mode ORDER BY 1, 2, 3, 4";

const FORGET: &str = "DELETE FROM tally WHERE minute < $1";

impl<C: Connect, P: Platform> Tallies for Postgres<C, P> {
    async fn add_tallies(&self, counts: &[Count]) -> Result<(), StoreError> {
        if counts.is_empty() {
            return Ok(());
        }
        let parameters = [
            Value::integers(counts.iter().map(|count| count.minute)),
            Value::texts(counts.iter().map(|count| count.tally.outcome.as_str())),
            Value::texts(counts.iter().map(|count| count.tally.reason.text())),
            Value::texts(counts.iter().map(|count| count.tally.event_type.as_str())),
            Value::texts(counts.iter().map(|count| count.tally.mode.as_str())),
            Value::integers(counts.iter().map(|count| count.count)),
        ];
        self.execute(ADD, parameters).await.map(drop)
    }

    async fn tallies_since(&self, minute: i64) -> Result<Vec<(Tally, i64)>, StoreError> {
        let rows = self.query(SINCE, [Value::from(minute)]).await?;
        Ok(rows.into_iter().map(rows::tallies::tally).collect())
    }

    async fn forget_tallies(&self, before: i64) -> Result<bool, StoreError> {
        Ok(self.execute(FORGET, [Value::from(before)]).await? > 0)
    }
}
