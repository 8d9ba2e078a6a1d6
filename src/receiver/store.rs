//! Storing a delivery, after which it can be acknowledged.

use crate::{
    RETRY_AFTER,
    batch::{self, Outcome, Row},
    nudge,
    settings::Settings,
    tally::{self, Kind},
};
use edge::{
    Response,
    log::{self, Level},
    respond::Problem,
    retention,
    sqlite::Value,
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use memchr::memmem;
use sha2::{Digest, Sha256};
use smartcar::{
    Timestamp,
    delivery::{Envelope, Mode, Verified},
};
use std::time::{Duration, Instant};

/// Stores a delivery once and acknowledges it.
pub(crate) async fn delivery(
    settings: &'static Settings,
    verified: Verified<'_>,
    received_at: Timestamp,
    started: Instant,
) -> Result<Response, Problem> {
    let envelope = Envelope::read(verified.body());
    let mode = envelope.mode.unwrap_or(Mode::Live);
    let is_stale = envelope
        .delivered_at
        .is_some_and(|at| at.after(settings.max_age) < received_at);
    if is_stale {
        return Err(crate::refuse("STALE_DELIVERY", mode, received_at, STALE));
    }
    if envelope
        .delivered_at
        .is_some_and(|at| received_at.after(SKEW) < at)
    {
        tally::count(
            received_at,
            Kind {
                outcome: "noted",
                reason: "clock ahead".to_owned(),
                event_type: String::new(),
                mode,
            },
        );
    }
    let row = row(&envelope, verified.body(), received_at);
    let event_id = row.event_id.clone();
    let outcome = batch::store(row).await;
    let (level, name, error) = match &outcome {
        Outcome::Stored => (Level::Info, "stored", None),
        Outcome::Duplicate => (Level::Info, "duplicate", None),
        Outcome::Failed(error) => (Level::Error, "failed", Some(error.as_str())),
    };
    let event_type = envelope.event_type.as_deref().unwrap_or(UNKNOWN);
    tally::count(
        received_at,
        Kind {
            outcome: name,
            reason: format!("token {}", verified.token()),
            event_type: short(event_type),
            mode,
        },
    );
    log::line(level, "delivery")
        .with("outcome", name)
        .with("event_id", short(&event_id))
        .with("event_type", short(event_type))
        .with("vehicle_id", envelope.vehicle_id.as_deref().map(short))
        .with("token", verified.token())
        .with(
            "micros",
            u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        )
        .with("error", error)
        .write();
    retention::soon(settings.retention);
    if outcome == Outcome::Stored {
        nudge::soon();
    }
    if outcome == Outcome::Stored || outcome == Outcome::Duplicate {
        return Ok(acknowledgement(name));
    }
    let detail = "the delivery could not be stored: send it again";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Err(Problem::new(status, "STORE_UNAVAILABLE", detail).retry_after(RETRY_AFTER))
}

/// Smartcar looks at the status alone. No body is the least that a host can answer,
/// and whoever tries it out by hand looks at the header.
fn acknowledgement(outcome: &'static str) -> Response {
    let mut answer = Response::default();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(OUTCOME, HeaderValue::from_static(outcome));
    answer
}

const OUTCOME: HeaderName = HeaderName::from_static("edge-outcome");

const STALE: &str = "the delivery was sent too long ago";

/// Clocks differ; beyond this it is worth a note.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// As much of a name as a log line or a counter needs.
fn short(name: &str) -> String {
    name.chars().take(128).collect()
}

/// The type of an event that does not say.
const UNKNOWN: &str = "UNKNOWN";

/// Whether the database can take JSON apart and get text. Half a surrogate pair is
/// valid in JSON and in no text; hosts stop at it. Then the bytes are kept alone.
fn is_text(json: &str) -> bool {
    let has_surrogate = ["\\ud", "\\uD"]
        .iter()
        .any(|escape| memmem::find(json.as_bytes(), escape.as_bytes()).is_some());
    !has_surrogate || serde_json::from_str::<serde_json::Value>(json).is_ok()
}

fn row(envelope: &Envelope<'_>, body: &[u8], received_at: Timestamp) -> Row {
    let event_id = match &envelope.event_id {
        Some(id) => id.to_string(),
        // What Smartcar signed is kept even where we cannot read it; a retry has
        // the same id as long as it has the same bytes.
        None => format!("sha256:{}", hex::encode(Sha256::digest(body))),
    };
    let body = match std::str::from_utf8(body) {
        Ok(text) if is_text(text) => Value::from(text),
        _ => Value::from(body),
    };
    Row {
        event_id,
        rest: [
            Value::from(envelope.event_type.as_deref().unwrap_or(UNKNOWN)),
            Value::from(envelope.mode.unwrap_or(Mode::Live).as_str()),
            Value::from(envelope.vehicle_id.as_deref()),
            Value::from(envelope.user_id.as_deref()),
            Value::from(envelope.delivered_at.map(|at| at.0)),
            Value::from(received_at.0),
            body,
        ],
    }
}
