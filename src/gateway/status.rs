//! How the application is doing. Never a secret: whether there is a token and
//! until when, not which.

use crate::{
    actions::{OUTCOME, running_since},
    app::App,
    callers::Caller,
    database::Store as Kept,
    diagnosis,
    tally::Tally,
};
use edge::{
    Platform, Response,
    respond::{self, Problem},
    sinks,
};
use http::StatusCode;
use serde_json::{Value, json};
use smartcar::{Limit, LimitScope, Timestamp, TokenStatus, VehicleId, write_time};
use store::{
    old::chore::is_ahead,
    old::sqlite::{self, Store, StoreError, Value as Parameter},
    sqlite::schema,
};

/// From indexes alone: bodies are large, and there can be millions.
const DELIVERIES: &str = "SELECT count(*), max(received_at) FROM delivery";

const LAST_LIVE: &str = "SELECT received_at FROM delivery WHERE mode = 'LIVE'
    ORDER BY received_at DESC LIMIT 1";

const ACTIONS: &str = "FROM action WHERE started_at >= ?3 GROUP BY 1, 2 ORDER BY 1, 2";

const ARRIVALS: &str = "SELECT count(*), count(completed_at), count(error), max(arrived_at)
    FROM arrival WHERE arrived_at >= ?";

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Token, limits, stores, deliveries, commands, and what is wrong.
pub(crate) async fn read<P: Platform, S: Kept>(
    app: &App<P, S>,
    caller: &Caller,
) -> Result<Response, Problem> {
    let client = app.client();
    let now = app.now();
    let token = client.tokens().status(client.platform()).await;
    let limits = client.limits().await;
    let key_value = app.platform().get("smartcar-edge").await;
    let figures = Figures::read(now).await;
    let (database, figures) = match figures {
        Ok(figures) => (
            json!({"reachable": true, "schemaVersion": schema::VERSION}),
            figures,
        ),
        Err(error) => (
            json!({"reachable": false, "error": error.to_string()}),
            Figures::default(),
        ),
    };
    let body = json!({
        "token": show_token(&token, now),
        "limits": limits.iter().map(|limit| show_limit(limit, caller)).collect::<Value>(),
        "store": database,
        "keyValue": {
            "reachable": key_value.is_ok(),
            "error": key_value.err().map(|error| error.to_string()),
        },
        "deliveries": figures.deliveries,
        "commands": figures.commands,
        "connect": figures.connect,
        "outbox": figures.outbox,
        "diagnosis": diagnosis::of_calls(&token, &limits, now),
    });
    Ok(respond::json(StatusCode::OK, body.to_string()))
}

fn show_token(token: &TokenStatus, now: Timestamp) -> Value {
    json!({
        "present": token.expires_at.is_some(),
        "refreshedAt": token.refreshed_at.and_then(write_time),
        "expiresAt": token.expires_at.and_then(write_time),
        "expiresInSeconds": token.expires_at.map(|at| at.since(now).as_secs()),
        "lastError": token.last_failure.as_ref().map(|failure| json!({
            "at": write_time(failure.at),
            "reason": failure.reason,
        })),
    })
}

/// The limit's vehicle is shown to a key that is for every user and for this vehicle:
/// whose a vehicle is, a limit does not say.
fn show_limit(limit: &Limit, caller: &Caller) -> Value {
    let (scope, vehicle, api) = match &limit.scope {
        LimitScope::Application => ("application", None, None),
        LimitScope::Vehicle(vehicle) => ("vehicle", Some(vehicle), None),
        LimitScope::Api(api) => ("api", None, Some(api.as_str())),
    };
    let is_for = |vehicle| caller.is_for_all_users() && caller.require_vehicle(vehicle).is_ok();
    json!({
        "scope": scope,
        "vehicleId": vehicle.filter(|vehicle| is_for(vehicle)).map(VehicleId::as_str),
        "api": api,
        "endsInSeconds": limit.retry_after(),
    })
}

/// What the database tells.
#[derive(Default)]
struct Figures {
    deliveries: Value,
    commands: Value,
    connect: Value,
    outbox: Value,
}

impl Figures {
    async fn read(now: Timestamp) -> Result<Self, StoreError> {
        let store = sqlite::store().await?;
        let since = Parameter::from(now.0.saturating_sub(DAY));
        let [first, last] = running_since(now);
        let sql = format!("SELECT kind, {OUTCOME}, count(*) {ACTIONS}");
        let actions = store.query(&sql, [first, last, since.clone()]).await?;
        let actions = actions.iter().map(
            |row| json!({"command": row.text(0), "outcome": row.text(1), "count": row.integer(2)}),
        );
        let arrivals = store.query(ARRIVALS, [since]).await?;
        let arrivals = arrivals.first().map(|row| {
            json!({
                "arrived": row.integer(0),
                "completed": row.integer(1),
                "failed": row.integer(2),
                "lastAt": row.integer(3).map(Timestamp).and_then(write_time),
            })
        });
        let outbox = store.query(sinks::FIGURES, []).await?;
        let outbox = outbox.iter().map(|row| {
            // Nobody's name stands for everybody before the relay has ever run.
            let name = row.text(0).filter(|name| !name.is_empty());
            json!({
                "sink": name,
                "waiting": row.integer(3),
                "deadLetters": row.integer(4),
                "oldestAt": row.integer(5).map(Timestamp).and_then(write_time),
                "switchedOff": row.text(1),
                "pausedUntil": row.integer(2)
                    .map(Timestamp)
                    .filter(|at| is_ahead(*at, now, sinks::LONGEST_PAUSE))
                    .and_then(write_time),
            })
        });
        Ok(Self {
            outbox: outbox.collect(),
            deliveries: deliveries(store, now).await?,
            commands: json!({"lastDay": actions.collect::<Value>()}),
            connect: json!({"lastDay": arrivals}),
        })
    }
}

async fn deliveries(store: &Store, now: Timestamp) -> Result<Value, StoreError> {
    let rows = store.query(DELIVERIES, []).await?;
    let of = |column| rows.first().and_then(|row| row.integer(column));
    let (stored, last) = (of(0), of(1));
    let live = store.query(LAST_LIVE, []).await?;
    let last_live = live.first().and_then(|row| row.integer(0));
    let silence = last_live.map(|at| now.since(Timestamp(at)));
    let minute = now.0 / 60_000;
    let hour = Tally::since(store, minute - 60).await?;
    let day = Tally::since(store, minute - 24 * 60).await?;
    Ok(json!({
        "stored": stored,
        "lastAcceptedAt": last.map(Timestamp).and_then(write_time),
        "lastHour": hour.show(),
        "lastDay": day.show(),
        "diagnosis": diagnosis::of(&day, silence),
    }))
}
