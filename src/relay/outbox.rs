//! The rows of the outbox: taken with a lease, and released or removed.

use edge::{
    sinks::Sink,
    sqlite::{Row, Store, StoreError, Value},
};
use secrecy::ExposeSecret;
use serde_json::json;
use sha2::{Digest, Sha256};
use smartcar::Timestamp;
use std::time::Duration;

/// Who has taken a row and is gone loses it after this; longer than a sink has
/// for its answer.
const LEASE: Duration = Duration::from_secs(60);

/// After this an event is not sent any more by itself.
pub(crate) const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// Since when it is to be sent: since it was received, or sent anew.
    pub(crate) since: Timestamp,
    pub(crate) body: Vec<u8>,
}

/// What becomes of a row that was not taken.
pub(crate) struct Kept {
    pub(crate) seq: i64,
    /// The attempt that it is about: of an earlier one nobody wants to know.
    pub(crate) attempt: u32,
    pub(crate) due_at: Timestamp,
    pub(crate) error: String,
    pub(crate) is_dead: bool,
}

const CONFIGURATION: &str = "SELECT sinks FROM relay";

const CONFIGURE: &str = "UPDATE relay SET sinks = ?1 WHERE sinks IS NOT ?1";

/// Of a vehicle, the next one that has not been taken yet.
const IS_DUE: &str = "sink = ?1 AND dead_at IS NULL AND due_at <= ?2 AND claimed_until <= ?2
    AND NOT EXISTS (SELECT 1 FROM outbox AS earlier INDEXED BY outbox_order
        WHERE earlier.sink = outbox.sink AND earlier.vehicle_id = outbox.vehicle_id
            AND earlier.seq < outbox.seq AND earlier.dead_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM sink
        WHERE name = ?1 AND (gone IS NOT NULL OR paused_until > ?2))";

const TAKEN: &str = "SELECT event_type, mode, user_id, received_at, body
    FROM delivery WHERE event_id = ?";

const OLDEST: &str = "SELECT min(created_at) FROM outbox WHERE sink = ? AND dead_at IS NULL";

const EXPIRE: &str =
    "UPDATE outbox SET dead_at = ?2, error = coalesce(error, 'it waited for a day')
    WHERE sink = ?1 AND dead_at IS NULL AND created_at <= ?3 AND claimed_until <= ?2";

const DONE: &str = "DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))";

const KEEP: &str = "UPDATE outbox SET
        claimed_until = 0,
        due_at = value ->> 'dueAt',
        error = value ->> 'error',
        dead_at = CASE WHEN value ->> 'isDead' THEN ?2 END
    FROM json_each(?1) WHERE seq = value ->> 'seq' AND attempts = value ->> 'attempt'";

const HEALTHY: &str = "UPDATE sink SET failures = 0, paused_until = 0
    WHERE name = ? AND failures > 0";

const FAILING: &str = "UPDATE sink SET failures = failures + ?2 WHERE name = ?1 RETURNING failures";

const PAUSE: &str = "UPDATE sink SET paused_until = ?2 WHERE name = ?1";

const GONE: &str = "UPDATE sink SET gone = ?2 WHERE name = ?1";

/// Tells the database which sinks there are, if it does not know yet. Secrets
/// and URLs stay out of it; a digest shows that they have changed.
pub(crate) async fn configure(store: &Store, sinks: &[Sink]) -> Result<(), StoreError> {
    let list = |list: &Option<Vec<String>>| list.as_ref().map(|list| json!(list).to_string());
    let wanted: serde_json::Value = sinks
        .iter()
        .map(|sink| {
            let mut digest = Sha256::new();
            digest.update(sink.url.as_bytes());
            for secret in &sink.secrets {
                digest.update(b"\n");
                digest.update(secret.expose_secret().as_bytes());
            }
            json!({
                "name": sink.name,
                "types": list(&sink.types),
                "vehicles": list(&sink.vehicles),
                "modes": list(&sink.modes),
                "changedOnly": i64::from(sink.changed_only),
                "digest": hex::encode(digest.finalize()),
            })
        })
        .collect();
    let wanted = wanted.to_string();
    let known = store.first(CONFIGURATION, []).await?;
    if known.as_ref().and_then(|row| row.text(0)) != Some(wanted.as_str()) {
        store
            .execute(CONFIGURE, [Value::from(wanted.as_str())])
            .await?;
    }
    Ok(())
}

/// Gives up what has waited for too long.
pub(crate) async fn expire(store: &Store, sink: &str, now: Timestamp) -> Result<(), StoreError> {
    let before = now.before(LIFE).0;
    let oldest = store.first(OLDEST, [Value::from(sink)]).await?;
    let oldest = oldest.and_then(|row| row.integer(0));
    if oldest.is_some_and(|created_at| created_at <= before) {
        let parameters = [Value::from(sink), Value::from(now.0), Value::from(before)];
        store.execute(EXPIRE, parameters).await?;
    }
    Ok(())
}

/// Takes up to `most` events that are due. While they are taken nobody else
/// sends them.
pub(crate) async fn claim(
    store: &Store,
    sink: &str,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Due>, StoreError> {
    // Looking takes no lock, and mostly there is nothing.
    let look = format!("SELECT 1 FROM outbox INDEXED BY outbox_next WHERE {IS_DUE} LIMIT 1");
    let parameters = [Value::from(sink), Value::from(now.0)];
    if store.first(&look, parameters).await?.is_none() {
        return Ok(Vec::new());
    }
    let claim = format!(
        "UPDATE outbox SET claimed_until = ?3, attempts = attempts + 1
        WHERE seq IN (SELECT seq FROM outbox INDEXED BY outbox_next
            WHERE {IS_DUE} ORDER BY seq LIMIT ?4)
        RETURNING seq, event_id, attempts, vehicle_id, created_at"
    );
    let parameters = [
        Value::from(sink),
        Value::from(now.0),
        Value::from(now.after(LEASE).0),
        Value::from(most),
    ];
    let mut due = Vec::new();
    for row in store.query(&claim, parameters).await? {
        due.extend(taken(store, &row).await?);
    }
    Ok(due)
}

/// The event of a row that was taken.
async fn taken(store: &Store, row: &Row) -> Result<Option<Due>, StoreError> {
    let event_id = row.text(1).unwrap_or_default();
    let found = store.query(TAKEN, [Value::from(event_id)]).await?;
    // The event is gone where it was swept just now, and its row with it.
    Ok(found.first().map(|event| {
        let body = event.text(4).map(|text| text.as_bytes().to_vec());
        Due {
            seq: row.integer(0).unwrap_or_default(),
            event_id: event_id.to_owned(),
            attempt: row
                .integer(2)
                .and_then(|attempt| u32::try_from(attempt).ok())
                .unwrap_or(1),
            vehicle_id: row.text(3).map(str::to_owned),
            event_type: event.text(0).unwrap_or_default().to_owned(),
            is_test: event.text(1) == Some("TEST"),
            user_id: event.text(2).map(str::to_owned),
            since: Timestamp(row.integer(4).unwrap_or_default()),
            received_at: event.integer(3).unwrap_or_default(),
            body: body
                .or_else(|| event.bytes(4).map(<[u8]>::to_vec))
                .unwrap_or_default(),
        }
    }))
}

/// These were delivered.
pub(crate) async fn done(store: &Store, sink: &str, seqs: &[i64]) -> Result<(), StoreError> {
    if seqs.is_empty() {
        return Ok(());
    }
    let seqs = json!(seqs).to_string();
    store.execute(DONE, [Value::from(seqs.as_str())]).await?;
    store.execute(HEALTHY, [Value::from(sink)]).await
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

/// Counts failures in a row, and tells how many there are by now.
pub(crate) async fn failing(store: &Store, sink: &str, more: i64) -> Result<i64, StoreError> {
    let rows = store
        .query(FAILING, [Value::from(sink), Value::from(more)])
        .await?;
    Ok(rows.first().and_then(|row| row.integer(0)).unwrap_or(0))
}

/// Sends nothing to a sink until then.
pub(crate) async fn pause(store: &Store, sink: &str, until: Timestamp) -> Result<(), StoreError> {
    let parameters = [Value::from(sink), Value::from(until.0)];
    store.execute(PAUSE, parameters).await
}

/// Sends nothing to a sink any more.
pub(crate) async fn switch_off(store: &Store, sink: &str, why: &str) -> Result<(), StoreError> {
    let parameters = [Value::from(sink), Value::from(why)];
    store.execute(GONE, parameters).await
}
