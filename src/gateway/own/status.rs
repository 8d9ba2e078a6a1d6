//! How the application is doing. Never a secret: whether there is a token and
//! until when, not which.

use crate::{
    access::callers::Caller,
    app::App,
    own::{
        billing,
        diagnosis::{self, Diagnosis},
        doctor,
        tally::Tally,
    },
};
use edge::{
    Platform, Response,
    respond::{self, Problem},
};
use http::StatusCode;
use serde_json::{Value, json};
use smartcar::{Limit, LimitScope, Timestamp, TokenStatus, VehicleId, write_time};
use std::time::Duration;
use store::{
    Store, StoreError, arrival::LastFailure, chore::is_ahead, outbox::LONGEST_PAUSE,
    quarantine::WAITS_FOR,
};

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
    let figures = Figures::read(app, caller, now).await;
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
    let mut diagnosis = diagnosis::of_calls(&token, &limits, now);
    diagnosis.extend(figures.of_billing);
    let body = json!({
        "token": show_token(&token, now),
        "limits": limits.iter().map(|limit| show_limit(limit, caller)).collect::<Value>(),
        "store": database,
        "keyValue": {
            "reachable": key_value.is_ok(),
            "error": key_value.err().map(|error| error.to_string()),
        },
        "deliveries": figures.deliveries,
        "actions": figures.actions,
        "connect": figures.connect,
        "doctor": figures.doctor,
        "billing": figures.billing,
        "outbox": figures.outbox,
        "diagnosis": diagnosis,
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

/// What it was about is shown to a key that is for every vehicle and user.
fn show_failure(last: &LastFailure, caller: &Caller) -> Value {
    let about = &last.failure;
    let shown = |text: &Option<String>| text.clone().filter(|_| caller.is_for_all());
    json!({
        "at": write_time(last.at),
        "error": about.error,
        "description": shown(&about.description),
        "vin": shown(&about.vin),
        "make": shown(&about.make),
        "model": shown(&about.model),
        "year": shown(&about.year),
        "vehicleId": shown(&last.vehicle),
    })
}

/// What the database tells.
#[derive(Default)]
struct Figures {
    deliveries: Value,
    actions: Value,
    connect: Value,
    doctor: Value,
    billing: Value,
    of_billing: Vec<Diagnosis>,
    outbox: Value,
}

impl Figures {
    async fn read<P: Platform, S: Store>(
        app: &App<P, S>,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let store = app.store();
        let since = now.before(DAY);
        let counts = store.action_counts(since, now).await?;
        let actions = counts.iter().map(|action| {
            let outcome = action.outcome.as_str();
            json!({"kind": action.kind, "outcome": outcome, "count": action.count})
        });
        let arrivals = store.arrival_figures(since).await?;
        let failure = store.last_failure(since).await?;
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
        let (billing, of_billing) = billing::status(app, caller, now).await?;
        Ok(Self {
            billing,
            of_billing,
            doctor: doctor::status(app).await?,
            outbox: outbox.collect(),
            deliveries: deliveries(store, now).await?,
            actions: json!({"lastDay": actions.collect::<Value>()}),
            connect: json!({
                "lastDay": {
                    "arrived": arrivals.arrived,
                    "completed": arrivals.completed,
                    "failed": arrivals.failed,
                    "lastAt": arrivals.last_at.and_then(write_time),
                },
                "lastFailure": failure.map(|failure| show_failure(&failure, caller)),
            }),
        })
    }
}

async fn deliveries(store: &impl Store, now: Timestamp) -> Result<Value, StoreError> {
    let figures = store.delivery_figures().await?;
    let silence = figures.last_live_at.map(|at| now.since(at));
    let minute = now.0 / 60_000;
    let hour = Tally(store.tallies_since(minute - 60).await?);
    let day = Tally(store.tallies_since(minute - 24 * 60).await?);
    let quarantine = store.quarantine_figures(now.before(WAITS_FOR)).await?;
    let mut diagnosis = diagnosis::of(&day, silence);
    diagnosis.extend(diagnosis::of_quarantine(quarantine.waiting));
    Ok(json!({
        "stored": figures.stored,
        "lastAcceptedAt": figures.last_received_at.and_then(write_time),
        "lastHour": hour.show(),
        "lastDay": day.show(),
        "quarantine": {
            "waiting": quarantine.waiting,
            "oldestAt": quarantine.oldest_at.and_then(write_time),
        },
        "diagnosis": diagnosis,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        reads_tests::{count, dead_letter, leave_behind, with_sink},
        testing::{Instance, SECOND, body},
    };
    use smartcar::{Clock, delivery::Mode};
    use store::{
        Deliveries, Outbox, Quarantine,
        delivery::Delivery,
        quarantine::Quarantined,
        tally::{Outcome, Reason},
    };

    fn status(instance: &Instance) -> Value {
        body(&instance.call("GET", "/status"))
    }

    #[test]
    fn status_shows_how_each_sink_fares() {
        let instance = Instance::new();
        let all = json!([{"sink": null, "waiting": 0, "deadLetters": 0, "oldestAt": null,
            "switchedOff": null, "pausedUntil": null}]);
        assert_eq!(status(&instance)["outbox"], all);
        with_sink(&instance);
        dead_letter(&instance);
        instance.fake.advance(SECOND);
        for _ in 0..2 {
            instance.report("v-1", "u-1", "a-b", &json!({"value": 1}));
        }
        let (store, now) = (instance.store(), instance.fake.now());
        instance
            .fake
            .run(store.pause_sink("a", now, SECOND * 9))
            .unwrap();
        let sink = status(&instance)["outbox"][0].clone();
        assert_eq!(sink["sink"], "a");
        assert_eq!(
            (&sink["waiting"], &sink["deadLetters"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(sink["oldestAt"], json!(write_time(now)));
        assert_eq!(
            sink["pausedUntil"],
            json!(write_time(now.after(SECOND * 9)))
        );
        instance.fake.advance(SECOND * 10);
        instance.fake.run(store.switch_off("a", "410")).unwrap();
        let sink = status(&instance)["outbox"][0].clone();
        assert_eq!(
            (&sink["pausedUntil"], &sink["switchedOff"]),
            (&Value::Null, &json!("410"))
        );
    }

    #[test]
    fn status_counts_the_actions_and_arrivals_of_a_day() {
        let instance = Instance::new();
        let now = instance.fake.now();
        leave_behind(&instance, "act_1", now.before(DAY + SECOND));
        leave_behind(&instance, "act_2", now.before(DAY - SECOND * 9));
        let status = status(&instance);
        let commands = json!([{"kind": "run-relay", "outcome": "succeeded", "count": 1}]);
        assert_eq!(status["actions"]["lastDay"], commands);
        let arrivals = json!({"arrived": 1, "completed": 0, "failed": 1,
            "lastAt": write_time(now.before(DAY - SECOND * 9))});
        assert_eq!(status["connect"]["lastDay"], arrivals);
    }

    #[test]
    fn status_tells_the_last_hour_from_the_last_day() {
        let instance = Instance::new();
        count(&instance, Outcome::Refused, Reason::Stale, 2);
        instance.fake.advance(SECOND * 60 * 61);
        count(&instance, Outcome::Stored, Reason::Token(0), 3);
        let deliveries = status(&instance)["deliveries"].clone();
        let counts = |while_: &str| {
            let counts = deliveries[while_].as_array().unwrap().iter();
            counts
                .map(|count| count["count"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(counts("lastHour"), [3]);
        assert_eq!(counts("lastDay"), [2, 3]);
    }

    #[test]
    fn status_says_how_many_deliveries_wait_in_quarantine_for_a_day_at_most() {
        let instance = Instance::new();
        let none = json!({"waiting": 0, "oldestAt": null});
        assert_eq!(status(&instance)["deliveries"]["quarantine"], none);
        instance.report("v-1", "u-1", "a-b", &json!({"value": 1}));
        let (store, now) = (instance.store(), instance.fake.now());
        for number in 0..2_u32 {
            let suspect = Quarantined {
                event_id: format!("quarantined-{number}"),
                vehicle_id: "v-1".to_owned(),
                received_at: now.after(SECOND * number),
                signature: "planted-signature".to_owned(),
                body: b"planted-body".to_vec(),
            };
            let kept = instance.fake.run(store.quarantine(&suspect, 9));
            assert_eq!(kept, Ok(true));
        }
        instance.fake.advance(SECOND * 2);
        let shown = status(&instance);
        let two = json!({"waiting": 2, "oldestAt": write_time(now)});
        assert_eq!(shown["deliveries"]["quarantine"], two);
        let diagnosis = shown["deliveries"]["diagnosis"].to_string();
        assert!(diagnosis.contains("wait in quarantine"), "{diagnosis}");
        assert!(!shown.to_string().contains("planted"), "{shown}");
        instance.fake.advance(DAY);
        assert_eq!(status(&instance)["deliveries"]["quarantine"], none);
    }

    /// Delivers an event that was sent by hand from Smartcar's dashboard.
    fn deliver_test(instance: &Instance, now: Timestamp) {
        let store = instance.store();
        let prepared = store.prepare(&Delivery {
            event_id: "by-hand",
            event_type: "VEHICLE_STATE",
            mode: Mode::Test,
            vehicle_id: None,
            user_id: None,
            delivered_at: Some(now),
            received_at: now,
            body: b"{}",
            report: None,
        });
        instance.fake.run(store.insert(&[&prepared])).unwrap();
    }

    #[test]
    fn status_says_when_the_last_delivery_came_and_how_long_no_live_one_has() {
        let instance = Instance::new();
        let none = status(&instance)["deliveries"].clone();
        assert_eq!(none["lastAcceptedAt"], Value::Null);
        instance.report("v-1", "u-1", "a-b", &json!({"value": 1}));
        instance.fake.advance(DAY + SECOND);
        let now = instance.fake.now();
        deliver_test(&instance, now);
        let deliveries = status(&instance)["deliveries"].clone();
        assert_eq!(deliveries["lastAcceptedAt"], json!(write_time(now)));
        let diagnosis = deliveries["diagnosis"].to_string();
        let silent = "No live delivery was accepted in the last day";
        assert!(diagnosis.contains(silent), "{diagnosis}");
    }
}
