//! Dead letters in SQLite.

use super::{Connect, Sqlite, Value};
use crate::{DeadLetters, StoreError, outbox::DeadLetter, rows};
use edge::Platform;
use smartcar::Timestamp;

/// The columns are those of [`rows::outbox::dead_letter`]. The newest first.
const DEAD: &str = "SELECT seq, sink, outbox.event_id, delivery.event_type, outbox.vehicle_id,
        attempts, error, received_at, dead_at
    FROM outbox JOIN delivery ON delivery.event_id = outbox.event_id
    WHERE dead_at IS NOT NULL AND (?1 IS NULL OR seq < ?1) AND (?2 IS NULL OR sink = ?2)
    ORDER BY seq DESC LIMIT ?3";

const REPLAY: &str = "UPDATE outbox SET dead_at = NULL, attempts = 0, due_at = 0, created_at = ?1
    WHERE dead_at IS NOT NULL AND seq = ?2 RETURNING seq";

const REPLAY_RECEIVED: &str =
    "UPDATE outbox SET dead_at = NULL, attempts = 0, due_at = 0, created_at = ?1
    WHERE dead_at IS NOT NULL AND seq IN (SELECT seq
            FROM outbox INDEXED BY outbox_dead
            CROSS JOIN delivery ON delivery.event_id = outbox.event_id
            WHERE dead_at IS NOT NULL AND (?2 IS NULL OR sink = ?2)
                AND received_at BETWEEN ?3 AND ?4
            ORDER BY seq LIMIT ?5)
        RETURNING seq";

impl<C: Connect, P: Platform> DeadLetters for Sqlite<C, P> {
    async fn dead_letters(
        &self,
        before: Option<i64>,
        sink: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let parameters = [Value::from(before), Value::from(sink), Value::from(limit)];
        let rows = self.query(DEAD, parameters).await?;
        Ok(rows.into_iter().map(rows::outbox::dead_letter).collect())
    }

    async fn replay(&self, seq: i64, now: Timestamp) -> Result<bool, StoreError> {
        let parameters = [Value::from(now.0), Value::from(seq)];
        Ok(self.first(REPLAY, parameters).await?.is_some())
    }

    async fn replay_received(
        &self,
        sink: Option<&str>,
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
        most: i64,
    ) -> Result<usize, StoreError> {
        let parameters = [
            Value::from(now.0),
            Value::from(sink),
            Value::from(from.0),
            Value::from(to.0),
            Value::from(most),
        ];
        Ok(self.query(REPLAY_RECEIVED, parameters).await?.len())
    }
}
