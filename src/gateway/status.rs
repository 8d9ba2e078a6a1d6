//! How the application is doing. Never a secret: whether there is a token and
//! until when, not which.

use crate::{app::App, callers::Caller, database::Store, diagnosis, tally::Tally};
use edge::{
    Platform, Response,
    respond::{self, Problem},
};
use http::StatusCode;
use serde_json::{Value, json};
use smartcar::{Limit, LimitScope, Timestamp, TokenStatus, VehicleId, write_time};
use std::time::Duration;
use store::{StoreError, chore::is_ahead, outbox::LONGEST_PAUSE};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Token, limits, stores, deliveries, commands, and what is wrong.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
) -> Result<Response, Problem> {
    let client = app.client();
    let now = app.now();
    let token = client.tokens().status(client.platform()).await;
    let limits = client.limits().await;
    let key_value = app.platform().get("smartcar-edge").await;
    let figures = Figures::read(app.store(), now).await;
    let (database, figures) = match figures {
        Ok(figures) => (
            json!({"reachable": true, "schemaVersion": S::VERSION}),
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
    async fn read(store: &impl Store, now: Timestamp) -> Result<Self, StoreError> {
        let since = now.before(DAY);
        let actions = store.action_counts(since, now).await?;
        let actions = actions.iter().map(|action| {
            let outcome = action.outcome.as_str();
            json!({"command": action.kind, "outcome": outcome, "count": action.count})
        });
        let arrivals = store.arrival_figures(since).await?;
        let sinks = store.sink_figures().await?;
        let outbox = sinks.iter().map(|sink| {
            let paused_until = sink.paused_until;
            json!({
                "sink": sink.sink,
                "waiting": sink.waiting,
                "deadLetters": sink.dead_letters,
                "oldestAt": sink.oldest_at.and_then(write_time),
                "switchedOff": sink.switched_off,
                "pausedUntil": paused_until
                    .filter(|at| is_ahead(*at, now, LONGEST_PAUSE))
                    .and_then(write_time),
            })
        });
        Ok(Self {
            outbox: outbox.collect(),
            deliveries: deliveries(store, now).await?,
            commands: json!({"lastDay": actions.collect::<Value>()}),
            connect: json!({"lastDay": {
                "arrived": arrivals.arrived,
                "completed": arrivals.completed,
                "failed": arrivals.failed,
                "lastAt": arrivals.last_at.and_then(write_time),
            }}),
        })
    }
}

async fn deliveries(store: &impl Store, now: Timestamp) -> Result<Value, StoreError> {
    let figures = store.delivery_figures().await?;
    let silence = figures.last_live_at.map(|at| now.since(at));
    let minute = now.0 / 60_000;
    let hour = Tally(store.tallies_since(minute - 60).await?);
    let day = Tally(store.tallies_since(minute - 24 * 60).await?);
    Ok(json!({
        "stored": figures.stored,
        "lastAcceptedAt": figures.last_received_at.and_then(write_time),
        "lastHour": hour.show(),
        "lastDay": day.show(),
        "diagnosis": diagnosis::of(&day, silence),
    }))
}
