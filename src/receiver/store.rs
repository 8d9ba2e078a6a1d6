//! Storing a delivery: one statement, after which it can be acknowledged.

use crate::RETRY_AFTER;
use edge::{
    Response,
    log::{self, Level},
    respond::{self, Problem},
    sqlite::{self, StoreError, Value},
};
use http::StatusCode;
use sha2::{Digest, Sha256};
use smartcar::{
    Timestamp,
    delivery::{Envelope, Mode, Verified},
};
use std::time::Instant;

/// Tells a new event from one that is stored already. Triggers bring the
/// vehicle's state up to date in the same statement.
const INSERT: &str = "INSERT INTO delivery
    (event_id, event_type, mode, vehicle_id, user_id, delivered_at, received_at, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id";

/// Stores a delivery once and acknowledges it.
pub(crate) async fn delivery(
    verified: Verified<'_>,
    received_at: Timestamp,
    started: Instant,
) -> Result<Response, Problem> {
    let envelope = Envelope::read(verified.body());
    let event_id = match &envelope.event_id {
        Some(id) => id.to_string(),
        // What Smartcar signed is kept even where we cannot read it; a retry has
        // the same id as long as it has the same bytes.
        None => format!("sha256:{}", hex::encode(Sha256::digest(verified.body()))),
    };
    let inserted = insert(&envelope, &event_id, received_at, verified.body()).await;
    let outcome = match &inserted {
        Ok(true) => "stored",
        Ok(false) => "duplicate",
        Err(_) => "failed",
    };
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    log::line(
        if inserted.is_ok() {
            Level::Info
        } else {
            Level::Error
        },
        "delivery",
    )
    .with("outcome", outcome)
    .with("event_id", event_id)
    .with("event_type", envelope.event_type.as_deref())
    .with("vehicle_id", envelope.vehicle_id.as_deref())
    .with("token", verified.token())
    .with("micros", micros)
    .with("error", inserted.as_ref().err().map(ToString::to_string))
    .write();
    match inserted {
        Ok(_) => Ok(respond::json(
            StatusCode::OK,
            format!(r#"{{"outcome":"{outcome}"}}"#),
        )),
        Err(_) => {
            let detail = "the delivery could not be stored: send it again";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Err(Problem::new(status, "STORE_UNAVAILABLE", detail).retry_after(RETRY_AFTER))
        }
    }
}

/// Whether the event was new.
async fn insert(
    envelope: &Envelope<'_>,
    event_id: &str,
    received_at: Timestamp,
    body: &[u8],
) -> Result<bool, StoreError> {
    let body = match std::str::from_utf8(body) {
        Ok(text) => Value::from(text),
        Err(_) => Value::from(body),
    };
    let parameters = [
        Value::from(event_id),
        Value::from(envelope.event_type.as_deref().unwrap_or("UNKNOWN")),
        Value::from(envelope.mode.unwrap_or(Mode::Live).as_str()),
        Value::from(envelope.vehicle_id.as_deref()),
        Value::from(envelope.user_id.as_deref()),
        Value::from(envelope.delivered_at.map(|at| at.0)),
        Value::from(received_at.0),
        body,
    ];
    let rows = sqlite::store().await?.query(INSERT, parameters).await?;
    Ok(!rows.is_empty())
}
