//! How the application is doing. Never a secret: whether there is a token and
//! until when, not which.

use crate::{app::App, diagnosis, tally::Tally};
use edge::{Host, Response, migrations, respond, respond::Problem, sqlite, sqlite::StoreError};
use http::StatusCode;
use serde_json::{Value, json};
use smartcar::{Clock, Timestamp, write_time};

const DELIVERIES: &str = "SELECT event_type, mode, count(*), max(received_at)
    FROM delivery GROUP BY event_type, mode ORDER BY event_type, mode";

/// Token, store and deliveries.
pub(crate) async fn read(app: &App) -> Result<Response, Problem> {
    let client = app.client();
    let token = client.tokens().expires_at(client.platform()).await;
    let now = Host.now();
    let (store, deliveries) = match deliveries(now).await {
        Ok(deliveries) => (
            json!({"reachable": true, "schemaVersion": migrations::VERSION}),
            deliveries,
        ),
        Err(error) => (
            json!({"reachable": false, "error": error.to_string()}),
            Value::Null,
        ),
    };
    let body = json!({
        "token": {
            "present": token.is_some(),
            "expiresAt": token.and_then(write_time),
            "expiresInSeconds": token.map(|at| at.since(now).as_secs()),
        },
        "store": store,
        "deliveries": deliveries,
    });
    Ok(respond::json(StatusCode::OK, body.to_string()))
}

async fn deliveries(now: Timestamp) -> Result<Value, StoreError> {
    let store = sqlite::store().await?;
    let rows = store.query(DELIVERIES, []).await?;
    let stored: i64 = rows.iter().filter_map(|row| row.integer(2)).sum();
    let last = rows.iter().filter_map(|row| row.integer(3)).max();
    let ever_live = rows.iter().any(|row| row.text(1) == Some("LIVE"));
    let kinds = rows.iter().map(
        |row| json!({"eventType": row.text(0), "mode": row.text(1), "stored": row.integer(2)}),
    );
    let minute = now.0 / 60_000;
    let hour = Tally::since(store, minute - 60).await?;
    let day = Tally::since(store, minute - 24 * 60).await?;
    Ok(json!({
        "stored": stored,
        "lastAcceptedAt": last.map(Timestamp).and_then(write_time),
        "byType": kinds.collect::<Value>(),
        "lastHour": hour.show(),
        "lastDay": day.show(),
        "diagnosis": diagnosis::of(&day, ever_live),
    }))
}
