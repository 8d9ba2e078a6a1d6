//! The outbox in PostgreSQL: rows that are claimed with a lease, and kept or removed.

use super::{Connect, Postgres, Row, Value};
use crate::{
    Outbox, StoreError,
    chore::SKEW,
    outbox::{Due, Kept, LEASE, LIFE, LONGEST_PAUSE, SinkFigures},
    rows,
};
use edge::Platform;
use smartcar::Timestamp;
use std::time::Duration;

/// The sinks that can be sent something: `$1` is now, `$2` how long a pause can be.
const READY: &str = "SELECT name FROM sink
    WHERE gone IS NULL AND NOT (paused_until > $1 AND paused_until <= $1 + CAST($2 AS bigint))";

/// The columns are those of [`due`].
const CLAIM: &str = "SELECT seq, event_id, attempts, vehicle_id, created_at,
        event_type, mode, user_id, received_at, body
    FROM claim($1, $2, $3, $4, $5)";

/// In the order in which `receive` holds the first events of vehicles, as in [`KEEP`].
const DELIVERED: &str = "DELETE FROM outbox WHERE seq IN (
    SELECT seq FROM outbox WHERE seq = ANY ($1) ORDER BY vehicle_id, sink, seq FOR UPDATE)";

const KEEP: &str = "WITH kept AS (
        SELECT given.*
        FROM unnest(CAST($1 AS bigint[]), CAST($2 AS bigint[]), CAST($3 AS bigint[]),
                CAST($4 AS text[]), CAST($5 AS bigint[]))
            AS given (seq, attempt, due_at, error, is_dead)
        JOIN outbox ON outbox.seq = given.seq
        ORDER BY outbox.vehicle_id, outbox.sink, outbox.seq
        FOR NO KEY UPDATE OF outbox
    )
    UPDATE outbox SET
        claimed_until = 0,
        due_at = kept.due_at,
        error = kept.error,
        dead_at = CASE WHEN kept.is_dead = 1 THEN CAST($6 AS bigint) END
    FROM kept
    WHERE outbox.seq = kept.seq AND attempts = attempt AND dead_at IS NULL";

const WORKS: &str = "UPDATE sink SET failures = 0 WHERE name = $1 AND failures > 0";

const FAILS: &str = "UPDATE sink SET failures = failures + $2 WHERE name = $1 RETURNING failures";

/// Of two pauses the longer one holds, unless a wrong clock has set it.
const PAUSE: &str = "UPDATE sink SET paused_until = $2
    WHERE name = $1 AND NOT (paused_until > $2 AND paused_until <= $3)";

const SWITCH_OFF: &str = "UPDATE sink SET gone = $2 WHERE name = $1";

const SINKS: &str = "SELECT name FROM sink ORDER BY name";

/// Sinks that were left out and that something still waits for.
const LEFT_OUT: &str = "SELECT DISTINCT sink FROM backlog
    WHERE sink NOT IN (SELECT name FROM sink)";

const EXPIRE: &str = "UPDATE outbox
    SET dead_at = $2, error = coalesce(error, 'it waited for a day')
    WHERE seq IN (
        SELECT seq FROM outbox
        WHERE sink = $1 AND dead_at IS NULL AND created_at <= $3 AND claimed_until <= $2
        ORDER BY created_at LIMIT $4 FOR UPDATE SKIP LOCKED)";

const BRING_NEAR: &str = "UPDATE outbox SET due_at = 0
    WHERE seq IN (
        SELECT seq FROM outbox
        WHERE sink = $1 AND dead_at IS NULL AND NOT waits AND due_at > $2
        LIMIT $3 FOR UPDATE SKIP LOCKED)";

const RELEASE: &str = "UPDATE outbox SET claimed_until = 0, due_at = 0
    WHERE claimed_until > $1 AND claimed_until > 0";

/// The sink may have been configured again meanwhile; then its events are its own again.
const REMOVE: &str = "DELETE FROM outbox
    WHERE seq IN (SELECT seq FROM outbox WHERE sink = $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
        AND NOT EXISTS (SELECT 1 FROM sink WHERE name = $1)";

const FORGET: &str = "DELETE FROM backlog
    WHERE sink = $1 AND NOT EXISTS (SELECT 1 FROM outbox WHERE sink = $1)
        AND NOT EXISTS (SELECT 1 FROM sink WHERE name = $1)";

/// How each sink fares. No event is counted for it: triggers keep the table `backlog`.
const FIGURES: &str = "SELECT name, gone, paused_until,
        (SELECT coalesce(sum(waiting), 0)::bigint FROM backlog WHERE backlog.sink = name),
        (SELECT coalesce(sum(dead), 0)::bigint FROM backlog WHERE backlog.sink = name),
        (SELECT min(created_at) FROM outbox WHERE outbox.sink = name AND dead_at IS NULL)
    FROM sink ORDER BY name";

fn due(mut row: Row) -> Due {
    Due {
        seq: row.count(0),
        event_id: row.string(1),
        attempt: u32::try_from(row.count(2)).unwrap_or(u32::MAX),
        vehicle_id: row.text(3),
        since: Timestamp(row.count(4)),
        event_type: row.string(5),
        is_test: row.string(6) == "TEST",
        user_id: row.text(7),
        received_at: Timestamp(row.count(8)),
        body: row.bytes(9).unwrap_or_default(),
    }
}

fn longest_pause() -> i64 {
    let pause = (LONGEST_PAUSE + SKEW).as_millis();
    i64::try_from(pause).unwrap_or(i64::MAX)
}

impl<C: Connect, P: Platform> Postgres<C, P> {
    async fn names(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> Result<Vec<String>, StoreError> {
        let rows = self.query(sql, parameters).await?;
        Ok(rows::texts(rows))
    }
}

impl<C: Connect, P: Platform> Outbox for Postgres<C, P> {
    async fn ready_sinks(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let parameters = [Value::from(now), Value::from(longest_pause())];
        self.names(READY, parameters).await
    }

    async fn claim(&self, sink: &str, now: Timestamp, most: usize) -> Result<Vec<Due>, StoreError> {
        let parameters = [
            Value::from(sink),
            Value::from(now),
            Value::from(now.after(LEASE)),
            Value::from(longest_pause()),
            Value::from(i64::from(i32::try_from(most).unwrap_or(i32::MAX))),
        ];
        let rows = self.query(CLAIM, parameters).await?;
        Ok(rows.into_iter().map(due).collect())
    }

    async fn delivered(&self, seqs: &[i64]) -> Result<(), StoreError> {
        if seqs.is_empty() {
            return Ok(());
        }
        let seqs = [Value::integers(seqs.iter().copied())];
        self.execute(DELIVERED, seqs).await.map(drop)
    }

    async fn keep(&self, kept: &[Kept], now: Timestamp) -> Result<(), StoreError> {
        if kept.is_empty() {
            return Ok(());
        }
        let parameters = [
            Value::integers(kept.iter().map(|kept| kept.seq)),
            Value::integers(kept.iter().map(|kept| i64::from(kept.attempt))),
            Value::integers(kept.iter().map(|kept| kept.due_at.0)),
            Value::texts(kept.iter().map(|kept| &kept.error)),
            Value::integers(kept.iter().map(|kept| i64::from(kept.is_dead))),
            Value::from(now),
        ];
        self.execute(KEEP, parameters).await.map(drop)
    }

    async fn sink_works(&self, sink: &str) -> Result<(), StoreError> {
        self.execute(WORKS, [Value::from(sink)]).await.map(drop)
    }

    async fn sink_fails(&self, sink: &str, more: i64) -> Result<i64, StoreError> {
        let parameters = [Value::from(sink), Value::from(more)];
        let row = self.first(FAILS, parameters).await?;
        Ok(row.map_or(0, |row| row.count(0)))
    }

    async fn pause_sink(
        &self,
        sink: &str,
        now: Timestamp,
        time: Duration,
    ) -> Result<(), StoreError> {
        let parameters = [
            Value::from(sink),
            Value::from(now.after(time.min(LONGEST_PAUSE))),
            Value::from(now.after(LONGEST_PAUSE + SKEW)),
        ];
        self.execute(PAUSE, parameters).await.map(drop)
    }

    async fn switch_off(&self, sink: &str, why: &str) -> Result<(), StoreError> {
        let parameters = [Value::from(sink), Value::from(why)];
        self.execute(SWITCH_OFF, parameters).await.map(drop)
    }

    async fn sinks(&self) -> Result<Vec<String>, StoreError> {
        self.names(SINKS, []).await
    }

    async fn left_out_sinks(&self) -> Result<Vec<String>, StoreError> {
        self.names(LEFT_OUT, []).await
    }

    async fn expire(&self, sink: &str, now: Timestamp, most: i64) -> Result<bool, StoreError> {
        let parameters = [
            Value::from(sink),
            Value::from(now),
            Value::from(now.before(LIFE)),
            Value::from(most),
        ];
        Ok(self.execute(EXPIRE, parameters).await? > 0)
    }

    async fn bring_near(&self, sink: &str, now: Timestamp, most: i64) -> Result<bool, StoreError> {
        let far = now.after(LIFE + SKEW);
        let parameters = [Value::from(sink), Value::from(far), Value::from(most)];
        Ok(self.execute(BRING_NEAR, parameters).await? > 0)
    }

    async fn release_claims(&self, now: Timestamp) -> Result<(), StoreError> {
        // Others claim while this looks, and their clocks may be a little ahead.
        let ahead = [Value::from(now.after(LEASE + SKEW))];
        self.execute(RELEASE, ahead).await.map(drop)
    }

    async fn remove_left_out(&self, sink: &str, most: i64) -> Result<bool, StoreError> {
        let parameters = [Value::from(sink), Value::from(most)];
        if self.execute(REMOVE, parameters).await? > 0 {
            return Ok(true);
        }
        self.execute(FORGET, [Value::from(sink)]).await?;
        Ok(false)
    }

    async fn sink_figures(&self) -> Result<Vec<SinkFigures>, StoreError> {
        let rows = self.query(FIGURES, []).await?;
        Ok(rows.into_iter().map(rows::outbox::sink_figures).collect())
    }
}
