//! The outbox in SQLite: rows that are claimed with a lease, and kept or removed.

use super::{Connect, Row, Sqlite, Value, connection::millis};
use crate::{
    Outbox, StoreError,
    chore::SKEW,
    outbox::{Due, Kept, LEASE, LIFE, LONGEST_PAUSE, SinkFigures},
    rows,
};
use edge::Platform;
use serde_json::json;
use smartcar::Timestamp;
use std::{collections::BTreeMap, time::Duration};

/// How many rows a look visits of those that were never tried, and of the others.
const WINDOW: i64 = 64;

/// How often a look is repeated where all rows that it found were in someone's way
/// or claimed by someone else.
const LOOKS: usize = 8;

/// The sinks that can be sent something: `?1` is now, `?2` how long a pause can be.
const READY: &str = "SELECT name FROM sink
    WHERE gone IS NULL AND NOT (paused_until > ?1 AND paused_until <= ?1 + ?2)";

/// The rows that may be sent to the sink `?1` at `?2`: whether a claim ended without
/// a word, and whether the row is the first of its vehicle. A sink that is off or
/// paused is asked about first, and then no row is visited; else at most twice `?4`.
const LOOK: &str = "WITH ready AS (
        SELECT name FROM sink WHERE name = ?1
            AND gone IS NULL AND NOT (paused_until > ?2 AND paused_until <= ?2 + ?3)
    ), due AS (
        SELECT * FROM (
            SELECT seq, vehicle_id, claimed_until
            FROM ready CROSS JOIN outbox INDEXED BY outbox_due
            WHERE sink = ?1 AND dead_at IS NULL AND waits = 0 AND due_at <= 0
                AND claimed_until <= ?2
            ORDER BY due_at LIMIT ?4
        )
        UNION ALL
        SELECT * FROM (
            SELECT seq, vehicle_id, claimed_until
            FROM ready CROSS JOIN outbox INDEXED BY outbox_due
            WHERE sink = ?1 AND dead_at IS NULL AND waits = 0 AND due_at BETWEEN 1 AND ?2
                AND claimed_until <= ?2
            ORDER BY due_at LIMIT ?4
        )
    )
    SELECT seq, claimed_until > 0, NOT EXISTS (
        SELECT 1 FROM outbox AS earlier INDEXED BY outbox_order
        WHERE earlier.sink = ?1 AND earlier.vehicle_id = due.vehicle_id
            AND earlier.seq < due.seq AND earlier.dead_at IS NULL
    ) FROM due ORDER BY seq";

/// Takes those of the rows `?1` out of the way that wait for an earlier one. `NOT INDEXED`,
/// here and below, leaves SQLite the rows by their number: it would walk all of the sink's.
const WAIT: &str = "UPDATE outbox NOT INDEXED SET waits = 1
    WHERE seq IN (SELECT value FROM json_each(?1)) AND EXISTS (
        SELECT 1 FROM outbox AS earlier INDEXED BY outbox_order
        WHERE earlier.sink = outbox.sink AND earlier.vehicle_id = outbox.vehicle_id
            AND earlier.seq < outbox.seq AND earlier.dead_at IS NULL
    )";

/// Claims those of the rows `?3` that can still be sent, until `?4`.
const CLAIM: &str = "UPDATE outbox NOT INDEXED
    SET claimed_until = ?4, due_at = ?4, attempts = attempts + 1
    WHERE seq IN (SELECT value FROM json_each(?3))
        AND sink = ?1 AND dead_at IS NULL AND due_at <= ?2 AND claimed_until <= ?2
        AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier INDEXED BY outbox_order
            WHERE earlier.sink = outbox.sink AND earlier.vehicle_id = outbox.vehicle_id
                AND earlier.seq < outbox.seq AND earlier.dead_at IS NULL
        )
    RETURNING seq, event_id, attempts, vehicle_id, created_at";

const EVENTS: &str = "SELECT event_id, event_type, mode, user_id, received_at, body
    FROM delivery WHERE event_id IN (SELECT value FROM json_each(?))";

const DELIVERED: &str =
    "DELETE FROM outbox NOT INDEXED WHERE seq IN (SELECT value FROM json_each(?))";

const KEEP: &str = "UPDATE outbox NOT INDEXED SET
        claimed_until = 0,
        due_at = value ->> 'dueAt',
        error = value ->> 'error',
        dead_at = CASE WHEN value ->> 'isDead' THEN ?2 END
    FROM json_each(?1)
    WHERE seq = value ->> 'seq' AND attempts = value ->> 'attempt' AND dead_at IS NULL";

const HAS_FAILED: &str = "SELECT 1 FROM sink WHERE name = ? AND failures > 0";

const WORKS: &str = "UPDATE sink SET failures = 0 WHERE name = ?";

const FAILS: &str = "UPDATE sink SET failures = failures + ?2 WHERE name = ?1 RETURNING failures";

/// Of two pauses the longer one holds, unless a wrong clock has set it.
const PAUSE: &str = "UPDATE sink SET paused_until = ?2
    WHERE name = ?1 AND NOT (paused_until > ?2 AND paused_until <= ?3)";

const SWITCH_OFF: &str = "UPDATE sink SET gone = ?2 WHERE name = ?1";

const SINKS: &str = "SELECT name FROM sink";

/// Sinks that were left out and that something still waits for.
const LEFT_OUT: &str = "SELECT sink FROM backlog WHERE sink NOT IN (SELECT name FROM sink)";

/// Whether something waits for `?1` since `?3` or longer and is not being sent at `?2`.
const IS_OLD: &str = "SELECT EXISTS (
    SELECT 1 FROM outbox INDEXED BY outbox_age
    WHERE sink = ?1 AND dead_at IS NULL AND created_at <= ?3 AND claimed_until <= ?2)";

const EXPIRE: &str = "UPDATE outbox NOT INDEXED
    SET dead_at = ?2, error = coalesce(error, 'it waited for a day')
    WHERE seq IN (
        SELECT seq FROM outbox INDEXED BY outbox_age
        WHERE sink = ?1 AND dead_at IS NULL AND created_at <= ?3 AND claimed_until <= ?2
        ORDER BY created_at LIMIT ?4)";

/// Whether something is to be sent to `?1` later than can have been decided.
const IS_FAR: &str = "SELECT EXISTS (
    SELECT 1 FROM outbox INDEXED BY outbox_due
    WHERE sink = ?1 AND dead_at IS NULL AND waits = 0 AND due_at > ?2)";

const BRING_NEAR: &str = "UPDATE outbox NOT INDEXED SET due_at = 0
    WHERE seq IN (
        SELECT seq FROM outbox INDEXED BY outbox_due
        WHERE sink = ?1 AND dead_at IS NULL AND waits = 0 AND due_at > ?2 LIMIT ?3)";

/// Claims that end later than one can: each is over.
const IS_AHEAD: &str = "SELECT EXISTS (
    SELECT 1 FROM outbox INDEXED BY outbox_claimed WHERE claimed_until > ?1 AND claimed_until > 0)";

const RELEASE: &str = "UPDATE outbox INDEXED BY outbox_claimed
    SET claimed_until = 0, due_at = 0 WHERE claimed_until > ?1 AND claimed_until > 0";

const IS_LEFT: &str = "SELECT EXISTS (SELECT 1 FROM outbox WHERE sink = ?1)
    AND NOT EXISTS (SELECT 1 FROM sink WHERE name = ?1)";

/// The sink may have been configured again meanwhile; then its events are its own again.
const REMOVE: &str = "DELETE FROM outbox NOT INDEXED
    WHERE seq IN (SELECT seq FROM outbox WHERE sink = ?1 LIMIT ?2)
        AND NOT EXISTS (SELECT 1 FROM sink WHERE name = ?1)";

const FORGET: &str = "DELETE FROM backlog
    WHERE sink = ?1 AND NOT EXISTS (SELECT 1 FROM outbox WHERE sink = ?1)
        AND NOT EXISTS (SELECT 1 FROM sink WHERE name = ?1)";

/// How each sink fares. No event is counted for it: triggers keep the table `backlog`.
const FIGURES: &str = "SELECT name, gone, paused_until, coalesce(waiting, 0), coalesce(dead, 0),
        (SELECT min(created_at) FROM outbox INDEXED BY outbox_age
            WHERE outbox.sink = name AND dead_at IS NULL)
    FROM sink LEFT JOIN backlog ON backlog.sink = name ORDER BY name";

/// A row that a look found.
#[derive(Clone, Copy)]
struct Found {
    seq: i64,
    /// Its last attempt ended without a word: the component that takes events may
    /// have ended its instance with it.
    is_suspect: bool,
    /// No earlier event of its vehicle waits.
    is_next: bool,
}

/// A row that was claimed, without its event.
struct Claimed {
    seq: i64,
    event_id: String,
    attempt: u32,
    vehicle_id: Option<String>,
    since: Timestamp,
}

impl Claimed {
    fn read(mut row: Row) -> Self {
        Self {
            seq: row.count(0),
            event_id: row.string(1),
            attempt: u32::try_from(row.count(2)).unwrap_or(u32::MAX),
            vehicle_id: row.text(3),
            since: Timestamp(row.count(4)),
        }
    }

    fn with(self, mut event: Row) -> Due {
        Due {
            seq: self.seq,
            event_id: self.event_id,
            attempt: self.attempt,
            vehicle_id: self.vehicle_id,
            event_type: event.string(1),
            is_test: event.string(2) == "TEST",
            user_id: event.text(3),
            received_at: Timestamp(event.count(4)),
            since: self.since,
            body: event.bytes(5).unwrap_or_default(),
        }
    }
}

/// A suspect is claimed alone: should it end its instance again, it takes no other event
/// with it.
fn chosen(next: Vec<Found>, most: usize) -> Vec<i64> {
    match next.first() {
        Some(first) if first.is_suspect => vec![first.seq],
        _ => {
            let others = next.into_iter().filter(|row| !row.is_suspect);
            others.take(most).map(|row| row.seq).collect()
        }
    }
}

fn longest_pause() -> i64 {
    millis(LONGEST_PAUSE + SKEW)
}

impl<C: Connect, P: Platform> Sqlite<C, P> {
    async fn names(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> Result<Vec<String>, StoreError> {
        let rows = self.query(sql, parameters).await?;
        Ok(rows::texts(rows))
    }

    async fn look(&self, sink: &str, now: Timestamp) -> Result<Vec<Found>, StoreError> {
        let parameters = [
            Value::from(sink),
            Value::from(now.0),
            Value::from(longest_pause()),
            Value::from(WINDOW),
        ];
        let rows = self.query(LOOK, parameters).await?;
        let found = rows.into_iter().map(|row| Found {
            seq: row.count(0),
            is_suspect: row.is(1),
            is_next: row.is(2),
        });
        Ok(found.collect())
    }

    /// The events of rows that were claimed, in the order of the rows.
    async fn events(&self, rows: Vec<Row>) -> Result<Vec<Due>, StoreError> {
        let claimed: Vec<Claimed> = rows.into_iter().map(Claimed::read).collect();
        let ids: Vec<&str> = claimed.iter().map(|row| row.event_id.as_str()).collect();
        let events = self.query(EVENTS, [text(&json!(ids))]).await?;
        let mut events: BTreeMap<String, Row> = events
            .into_iter()
            .map(|mut event| (event.string(0), event))
            .collect();
        let due = claimed.into_iter().filter_map(|row| {
            // An event that was forgotten just now has taken its row with it.
            let event = events.remove(&row.event_id)?;
            Some(row.with(event))
        });
        let mut due: Vec<Due> = due.collect();
        due.sort_by_key(|due| due.seq);
        Ok(due)
    }
}

fn text(json: &serde_json::Value) -> Value {
    Value::Text(json.to_string())
}

impl<C: Connect, P: Platform> Outbox for Sqlite<C, P> {
    async fn ready_sinks(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let parameters = [Value::from(now.0), Value::from(longest_pause())];
        self.names(READY, parameters).await
    }

    async fn claim(&self, sink: &str, now: Timestamp, most: usize) -> Result<Vec<Due>, StoreError> {
        for _ in 0..LOOKS {
            // Looking takes no lock, and mostly there is nothing.
            let found = self.look(sink, now).await?;
            if found.is_empty() {
                break;
            }
            let (next, waiting): (Vec<Found>, Vec<Found>) =
                found.into_iter().partition(|row| row.is_next);
            if !waiting.is_empty() {
                let waiting: Vec<i64> = waiting.iter().map(|row| row.seq).collect();
                self.execute(WAIT, [text(&json!(waiting))]).await?;
            }
            let parameters = [
                Value::from(sink),
                Value::from(now.0),
                text(&json!(chosen(next, most))),
                Value::from(now.after(LEASE).0),
            ];
            let rows = self.query(CLAIM, parameters).await?;
            if !rows.is_empty() {
                return self.events(rows).await;
            }
        }
        Ok(Vec::new())
    }

    async fn delivered(&self, seqs: &[i64]) -> Result<(), StoreError> {
        if seqs.is_empty() {
            return Ok(());
        }
        self.execute(DELIVERED, [text(&json!(seqs))]).await
    }

    async fn keep(&self, kept: &[Kept], now: Timestamp) -> Result<(), StoreError> {
        if kept.is_empty() {
            return Ok(());
        }
        let rows: serde_json::Value = kept
            .iter()
            .map(|kept| {
                json!({
                    "seq": kept.seq,
                    "attempt": kept.attempt,
                    "dueAt": kept.due_at.0,
                    "error": kept.error,
                    "isDead": kept.is_dead,
                })
            })
            .collect();
        self.execute(KEEP, [text(&rows), Value::from(now.0)]).await
    }

    async fn sink_works(&self, sink: &str) -> Result<(), StoreError> {
        let has_failed = self.first(HAS_FAILED, [Value::from(sink)]).await?;
        if has_failed.is_none() {
            return Ok(());
        }
        self.execute(WORKS, [Value::from(sink)]).await
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
            Value::from(now.after(time.min(LONGEST_PAUSE)).0),
            Value::from(now.after(LONGEST_PAUSE + SKEW).0),
        ];
        self.execute(PAUSE, parameters).await
    }

    async fn switch_off(&self, sink: &str, why: &str) -> Result<(), StoreError> {
        self.execute(SWITCH_OFF, [Value::from(sink), Value::from(why)])
            .await
    }

    async fn sinks(&self) -> Result<Vec<String>, StoreError> {
        self.names(SINKS, []).await
    }

    async fn left_out_sinks(&self) -> Result<Vec<String>, StoreError> {
        self.names(LEFT_OUT, []).await
    }

    async fn expire(&self, sink: &str, now: Timestamp, most: i64) -> Result<bool, StoreError> {
        let mut parameters = vec![
            Value::from(sink),
            Value::from(now.0),
            Value::from(now.before(LIFE).0),
        ];
        if !self.is(IS_OLD, parameters.clone()).await? {
            return Ok(false);
        }
        parameters.push(Value::from(most));
        self.execute(EXPIRE, parameters).await?;
        Ok(true)
    }

    async fn bring_near(&self, sink: &str, now: Timestamp, most: i64) -> Result<bool, StoreError> {
        let mut parameters = vec![Value::from(sink), Value::from(now.after(LIFE + SKEW).0)];
        if !self.is(IS_FAR, parameters.clone()).await? {
            return Ok(false);
        }
        parameters.push(Value::from(most));
        self.execute(BRING_NEAR, parameters).await?;
        Ok(true)
    }

    async fn release_claims(&self, now: Timestamp) -> Result<(), StoreError> {
        // Others claim while this looks, and their clocks may be a little ahead.
        let ahead = [Value::from(now.after(LEASE + SKEW).0)];
        if self.is(IS_AHEAD, ahead.clone()).await? {
            self.execute(RELEASE, ahead).await?;
        }
        Ok(())
    }

    async fn remove_left_out(&self, sink: &str, most: i64) -> Result<bool, StoreError> {
        if self.is(IS_LEFT, [Value::from(sink)]).await? {
            self.execute(REMOVE, [Value::from(sink), Value::from(most)])
                .await?;
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

#[cfg(test)]
mod chosen_tests {
    use super::*;

    fn chosen_of(suspects: &[bool]) -> Vec<i64> {
        let rows = (0..).zip(suspects).map(|(seq, is_suspect)| Found {
            seq,
            is_suspect: *is_suspect,
            is_next: true,
        });
        chosen(rows.collect(), 2)
    }

    #[test]
    fn event_whose_attempt_ended_without_a_word_is_claimed_alone() {
        assert_eq!(chosen_of(&[false, false, false]), [0, 1]);
        assert_eq!(chosen_of(&[true, false, false]), [0]);
        assert_eq!(chosen_of(&[false, true, false]), [0, 2]);
        assert_eq!(chosen_of(&[true, true]), [0]);
        assert!(chosen_of(&[]).is_empty());
    }
}

#[cfg(test)]
mod tests;
