//! Storing a delivery, after which it can be acknowledged.

use crate::{
    RETRY_AFTER,
    batch::{self, Outcome, Row},
    nudge,
    settings::Settings,
    tally::{self, Kind},
};
use edge::{
    Host, Response,
    log::{self, Level},
    respond::{Code, Problem},
};
use http::{HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};
use smartcar::{
    Timestamp,
    delivery::{Envelope, Event, Mode, Verified},
    readable,
    report::{Report, SKEW},
};
use std::time::Instant;
use store::{old::retention, old::sqlite::Value, sqlite::reports};

/// Stores a delivery once and acknowledges it.
pub(crate) async fn delivery(
    settings: &'static Settings,
    verified: Verified<'_>,
    received_at: Timestamp,
    started: Instant,
) -> Result<Response, Problem> {
    let text = readable(verified.body());
    let mut event = Event::read(&text);
    let envelope = &event.envelope;
    let mode = envelope.mode.unwrap_or(Mode::Live);
    let is_stale = envelope
        .delivered_at
        .is_some_and(|at| at.after(settings.max_age) < received_at);
    if is_stale {
        return Err(crate::refuse(Code::StaleDelivery, mode, received_at, STALE));
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
    let report = event.report(received_at);
    let envelope = &event.envelope;
    let row = row(envelope, report.as_ref(), verified.body(), received_at);
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
    log::line(&Host, level, log::Event::Delivery)
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
    Err(Problem::new(Code::StoreUnavailable, detail).retry_after(RETRY_AFTER))
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

/// As much of a name as a log line or a counter needs.
fn short(name: &str) -> String {
    name.chars().take(128).collect()
}

/// The type of an event that does not say.
const UNKNOWN: &str = "UNKNOWN";

fn row(
    envelope: &Envelope<'_>,
    report: Option<&Report<'_>>,
    body: &[u8],
    received_at: Timestamp,
) -> Row {
    let event_id = match &envelope.event_id {
        Some(id) => id.to_string(),
        // What Smartcar signed is kept even where we cannot read it; a retry has
        // the same id as long as it has the same bytes.
        None => format!("sha256:{}", hex::encode(Sha256::digest(body))),
    };
    let report = report.map(reports::rows);
    // As received: text where a text can hold it, else the bytes.
    let body = match std::str::from_utf8(body) {
        Ok(text) if memchr::memchr(0, body).is_none() => Value::from(text),
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
            Value::from(report.as_deref()),
        ],
    }
}
