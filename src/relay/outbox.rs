//! The rows of the outbox: taken with a lease, and released or removed.

use edge::sinks::LONGEST_PAUSE;
use serde_json::json;
use smartcar::Timestamp;
use std::{collections::BTreeMap, time::Duration};
use store::{
    old::chore::SKEW,
    old::sqlite::{Row, Store, StoreError, Value},
};

/// A row whose sender is gone can be taken again after this; longer than a sink has
/// for its answer.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// After this an event is not sent any more by itself.
pub(crate) const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// How many rows a look visits of those that were never tried, and of the others.
const WINDOW: i64 = 64;

/// How often a look is repeated where all rows that it found were in somebody's way
/// or taken by somebody else.
const LOOKS: usize = 8;

/// An event that is to be sent.
pub(crate) struct Due {
    pub(crate) seq: i64,
    pub(crate) event_id: String,
    /// This attempt's number, from 1.
    pub(crate) attempt: u32,
    pub(crate) vehicle_id: Option<String>,
    pub(crate) event_type: String,
    pub(crate) is_test: bool,
    pub(crate) user_id: Option<String>,
    pub(crate) received_at: i64,
    /// Since when it is to be sent: since it was received, or replayed.
    pub(crate) since: Timestamp,
    pub(crate) body: Vec<u8>,
}

/// What becomes of a row that the sink did not take.
pub(crate) struct Kept {
    pub(crate) seq: i64,
    /// The attempt that it is about: an earlier one changes nothing.
    pub(crate) attempt: u32,
    pub(crate) due_at: Timestamp,
    pub(crate) error: String,
    pub(crate) is_dead: bool,
}

/// The sinks that can be sent something: `?1` is now, `?2` how long a pause can be.
pub(crate) const READY: &str = "SELECT name FROM sink
    WHERE gone IS NULL AND NOT (paused_until > ?1 AND paused_until <= ?1 + ?2)";

/// The rows that may be sent to the sink `?1` at `?2`: whether a claim ended without
/// a word, and whether the row is the first of its vehicle. A sink that is off or
/// paused is asked about first, and then no row is visited; else at most twice `?4`.
pub(crate) const LOOK: &str = "WITH ready AS (
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

/// Takes those of the rows `?3` that can still be sent, until `?4`. `NOT INDEXED`, here
/// and below, leaves SQLite the rows by their number: it would walk all of the sink's.
pub(crate) const CLAIM: &str = "UPDATE outbox NOT INDEXED
    SET claimed_until = ?4, due_at = ?4, attempts = attempts + 1
    WHERE seq IN (SELECT value FROM json_each(?3))
        AND sink = ?1 AND dead_at IS NULL AND due_at <= ?2 AND claimed_until <= ?2
        AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier INDEXED BY outbox_order
            WHERE earlier.sink = outbox.sink AND earlier.vehicle_id = outbox.vehicle_id
                AND earlier.seq < outbox.seq AND earlier.dead_at IS NULL
        )
    RETURNING seq, event_id, attempts, vehicle_id, created_at";

/// Takes those of the rows `?1` out of the way that wait for an earlier one.
pub(crate) const WAIT: &str = "UPDATE outbox NOT INDEXED SET waits = 1
    WHERE seq IN (SELECT value FROM json_each(?1)) AND EXISTS (
        SELECT 1 FROM outbox AS earlier INDEXED BY outbox_order
        WHERE earlier.sink = outbox.sink AND earlier.vehicle_id = outbox.vehicle_id
            AND earlier.seq < outbox.seq AND earlier.dead_at IS NULL
    )";

const EVENTS: &str = "SELECT event_id, event_type, mode, user_id, received_at, body
    FROM delivery WHERE event_id IN (SELECT value FROM json_each(?))";

pub(crate) const DONE: &str =
    "DELETE FROM outbox NOT INDEXED WHERE seq IN (SELECT value FROM json_each(?))";

pub(crate) const KEEP: &str = "UPDATE outbox NOT INDEXED SET
        claimed_until = 0,
        due_at = value ->> 'dueAt',
        error = value ->> 'error',
        dead_at = CASE WHEN value ->> 'isDead' THEN ?2 END
    FROM json_each(?1)
    WHERE seq = value ->> 'seq' AND attempts = value ->> 'attempt' AND dead_at IS NULL";

const HAS_FAILED: &str = "SELECT 1 FROM sink WHERE name = ? AND failures > 0";

const HEALTHY: &str = "UPDATE sink SET failures = 0 WHERE name = ?";

const FAILING: &str = "UPDATE sink SET failures = failures + ?2 WHERE name = ?1 RETURNING failures";

/// Of two pauses the longer one holds, unless a wrong clock has set it.
pub(crate) const PAUSE: &str = "UPDATE sink SET paused_until = ?2
    WHERE name = ?1 AND NOT (paused_until > ?2 AND paused_until <= ?3)";

const GONE: &str = "UPDATE sink SET gone = ?2 WHERE name = ?1";

/// Which sinks can be sent something.
pub(crate) async fn ready(store: &Store, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let parameters = [Value::from(now.0), Value::from(longest_pause())];
    let rows = store.query(READY, parameters).await?;
    let names = rows.iter().filter_map(|row| row.text(0));
    Ok(names.map(str::to_owned).collect())
}

fn longest_pause() -> i64 {
    i64::try_from((LONGEST_PAUSE + SKEW).as_millis()).unwrap_or(i64::MAX)
}

/// A row that a look found.
#[derive(Clone, Copy)]
struct Found {
    seq: i64,
    /// Its last attempt ended without a word: the component that takes events may
    /// have ended this instance with it.
    is_suspect: bool,
    /// No earlier event of its vehicle waits.
    is_next: bool,
}

/// Takes up to `most` events that are due. While they are taken no other run sends
/// them.
pub(crate) async fn claim(
    store: &Store,
    sink: &str,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Due>, StoreError> {
    for _ in 0..LOOKS {
        // Looking takes no lock, and mostly there is nothing.
        let found = look(store, sink, now).await?;
        if found.is_empty() {
            break;
        }
        let seqs =
            |of: &[Found]| json!(of.iter().map(|row| row.seq).collect::<Vec<_>>()).to_string();
        let (next, waiting): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|row| row.is_next);
        if !waiting.is_empty() {
            store
                .execute(WAIT, [Value::from(seqs(&waiting).as_str())])
                .await?;
        }
        let parameters = [
            Value::from(sink),
            Value::from(now.0),
            Value::from(seqs(&chosen(next, most)).as_str()),
            Value::from(now.after(LEASE).0),
        ];
        let rows = store.query(CLAIM, parameters).await?;
        if !rows.is_empty() {
            return events(store, &rows).await;
        }
    }
    Ok(Vec::new())
}

async fn look(store: &Store, sink: &str, now: Timestamp) -> Result<Vec<Found>, StoreError> {
    let parameters = [
        Value::from(sink),
        Value::from(now.0),
        Value::from(longest_pause()),
        Value::from(WINDOW),
    ];
    let rows = store.query(LOOK, parameters).await?;
    let is = |row: &Row, column| row.integer(column) == Some(1);
    Ok(rows
        .iter()
        .map(|row| Found {
            seq: row.integer(0).unwrap_or_default(),
            is_suspect: is(row, 1),
            is_next: is(row, 2),
        })
        .collect())
}

/// A suspect is sent alone: should it end the instance again, it takes no other
/// event with it.
fn chosen(next: Vec<Found>, most: usize) -> Vec<Found> {
    match next.first() {
        Some(first) if first.is_suspect => vec![*first],
        _ => {
            let others = next.into_iter().filter(|row| !row.is_suspect);
            others.take(most).collect()
        }
    }
}

/// The events of rows that were taken.
async fn events(store: &Store, rows: &[Row]) -> Result<Vec<Due>, StoreError> {
    let ids: Vec<&str> = rows.iter().filter_map(|row| row.text(1)).collect();
    let ids = json!(ids).to_string();
    let events = store.query(EVENTS, [Value::from(ids.as_str())]).await?;
    let mut events: BTreeMap<&str, &Row> = events
        .iter()
        .filter_map(|event| Some((event.text(0)?, event)))
        .collect();
    let mut due: Vec<Due> = rows
        .iter()
        .filter_map(|row| {
            // An event that was forgotten just now has taken its row with it.
            let event = events.remove(row.text(1)?)?;
            let body = event.text(5).map(|text| text.as_bytes().to_vec());
            Some(Due {
                seq: row.integer(0)?,
                event_id: row.text(1)?.to_owned(),
                attempt: u32::try_from(row.integer(2)?).ok()?,
                vehicle_id: row.text(3).map(str::to_owned),
                event_type: event.text(1).unwrap_or_default().to_owned(),
                is_test: event.text(2) == Some("TEST"),
                user_id: event.text(3).map(str::to_owned),
                since: Timestamp(row.integer(4).unwrap_or_default()),
                received_at: event.integer(4).unwrap_or_default(),
                body: body
                    .or_else(|| event.bytes(5).map(<[u8]>::to_vec))
                    .unwrap_or_default(),
            })
        })
        .collect();
    due.sort_by_key(|due| due.seq);
    Ok(due)
}

/// These were delivered.
pub(crate) async fn done(store: &Store, seqs: &[i64]) -> Result<(), StoreError> {
    if seqs.is_empty() {
        return Ok(());
    }
    let seqs = json!(seqs).to_string();
    store.execute(DONE, [Value::from(seqs.as_str())]).await
}

/// These were not.
pub(crate) async fn keep(store: &Store, kept: &[Kept], now: Timestamp) -> Result<(), StoreError> {
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
    let parameters = [Value::from(rows.to_string().as_str()), Value::from(now.0)];
    store.execute(KEEP, parameters).await
}

/// The sink takes events: failures in a row are counted from 0.
pub(crate) async fn healthy(store: &Store, sink: &str) -> Result<(), StoreError> {
    if store
        .first(HAS_FAILED, [Value::from(sink)])
        .await?
        .is_some()
    {
        store.execute(HEALTHY, [Value::from(sink)]).await?;
    }
    Ok(())
}

/// Counts failures in a row, and returns how many there are by now.
pub(crate) async fn failing(store: &Store, sink: &str, more: i64) -> Result<i64, StoreError> {
    let rows = store
        .query(FAILING, [Value::from(sink), Value::from(more)])
        .await?;
    Ok(rows.first().and_then(|row| row.integer(0)).unwrap_or(0))
}

/// Sends nothing to a sink for so long.
pub(crate) async fn pause(
    store: &Store,
    sink: &str,
    now: Timestamp,
    time: Duration,
) -> Result<(), StoreError> {
    let parameters = [
        Value::from(sink),
        Value::from(now.after(time.min(LONGEST_PAUSE)).0),
        Value::from(now.after(LONGEST_PAUSE + SKEW).0),
    ];
    store.execute(PAUSE, parameters).await
}

/// Sends nothing to a sink any more.
pub(crate) async fn switch_off(store: &Store, sink: &str, why: &str) -> Result<(), StoreError> {
    let parameters = [Value::from(sink), Value::from(why)];
    store.execute(GONE, parameters).await
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
            .iter()
            .map(|row| row.seq)
            .collect()
    }

    #[test]
    fn event_whose_attempt_ended_without_a_word_is_sent_alone() {
        assert_eq!(chosen_of(&[false, false, false]), [0, 1]);
        assert_eq!(chosen_of(&[true, false, false]), [0]);
        assert_eq!(chosen_of(&[false, true, false]), [0, 2]);
        assert_eq!(chosen_of(&[true, true]), [0]);
        assert!(chosen_of(&[]).is_empty());
    }
}
