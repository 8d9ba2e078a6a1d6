//! What is read through: Smartcar's resources as they come, vehicles and dead letters from
//! the store, and how the application is doing.

use crate::testing::{ALL, DAY, Instance, SECOND, body, edge, error, key, request, restricted_key};
use serde_json::{Value, json};
use smartcar::{Clock, ConnectFailure, Sent, Timestamp, testing::Reply};
use store::{
    Actions, Arrivals, Outbox, StoreError, Tallies,
    action::{NewAction, Outcome as Ended},
    arrival::FailedArrival,
    outbox::Kept,
    tally::{Count, Outcome, Reason, Tally},
};

const WEBHOOKS: &str = "/v3/webhooks";

#[test]
fn charge_schedule_is_read_for_the_vehicle_s_owner_by_keys_that_may() {
    let keys = [
        key("battery", &["read_battery"]),
        restricted_key("other", "users", &["u-2"]),
    ];
    let instance = Instance::with_keys(&keys);
    instance.owner("v-1", "u-1");
    let path = "/v3/vehicles/v-1/charge-schedules/s-1";
    instance.fake.answer(path, 200, r#"{"data":{"id":"s-1"}}"#);
    let read = instance.call("GET", path);
    assert_eq!(body(&read), json!({"data": {"id": "s-1"}}));
    let sent = instance.fake.requests().pop().unwrap();
    assert_eq!(sent.headers()["sc-user-id"], "u-1");
    for (key, refused) in [
        ("battery", edge(403, "MISSING_SCOPE")),
        ("other", edge(403, "USER_NOT_ALLOWED")),
    ] {
        let answer = instance.send(request(key, "GET", path));
        assert_eq!(error(&answer), refused, "{key}");
    }
}

#[test]
fn read_hands_on_what_smartcar_answers_with_other_links() {
    let instance = Instance::new();
    let answer = r#"{"data":[],"links":{"self":"https://management.example.com/v3/webhooks?a=1"}}"#;
    let headers = vec![
        ("sc-request-id", "r-1".to_owned()),
        ("x-other", "x".to_owned()),
    ];
    let reply = Reply::Answer(200, headers, answer.to_owned());
    instance.fake.reply(WEBHOOKS, reply);
    let answer = instance.call("GET", WEBHOOKS);
    assert_eq!(body(&answer)["links"]["self"], "/v3/webhooks?a=1");
    assert_eq!(answer.headers()["sc-request-id"], "r-1");
    assert!(!answer.headers().contains_key("x-other"));
}

#[test]
fn read_is_answered_in_time_and_by_smartcar_alone() {
    let instance = Instance::new();
    let html = vec![("content-type", "text/html".to_owned())];
    instance
        .fake
        .reply(WEBHOOKS, Reply::Answer(502, html, "<html>".to_owned()));
    let answer = instance.call("GET", WEBHOOKS);
    assert_eq!(error(&answer), edge(502, "UNREADABLE_ANSWER"));
    let instance = Instance::new();
    instance.fake.fail(WEBHOOKS, Sent::No);
    let began = instance.fake.now();
    let answer = instance.call("GET", WEBHOOKS);
    assert_eq!(error(&answer), edge(502, "SMARTCAR_UNREACHABLE"));
    assert!(instance.fake.now() <= began.after(SECOND * 11));
}

#[test]
fn list_is_filtered_by_what_its_key_is_restricted_to() {
    let keys = [restricted_key("one", "vehicles", &["v-1"])];
    let instance = Instance::with_keys(&keys);
    instance
        .fake
        .answer("/v3/connections", 200, r#"{"data":[]}"#);
    let get = |query: &str| {
        let path = format!("/v3/connections{query}");
        instance.send(request("one", "GET", &path))
    };
    assert_eq!(error(&get("")), edge(403, "KEY_RESTRICTED"));
    assert_eq!(get("?filter[vehicleId]=v-1").status().as_u16(), 200);
    let other = get("?filter[vehicleId]=v-2");
    assert_eq!(error(&other), edge(403, "VEHICLE_NOT_ALLOWED"));
}

#[test]
fn vehicles_are_shown_to_keys_that_are_for_them() {
    let keys = [
        restricted_key("first", "vehicles", &["v-1"]),
        restricted_key("second", "users", &["u-2"]),
    ];
    let instance = Instance::with_keys(&keys);
    instance.owner("v-1", "u-1");
    instance.report("v-2", "u-2", "a-b", &json!({"value": 1}));
    let ids = |key| {
        let answer = instance.send(request(key, "GET", "/v3/vehicles"));
        let data = body(&answer)["data"].clone();
        let data = data
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].clone());
        data.collect::<Vec<Value>>()
    };
    assert_eq!(ids(ALL), ["v-1", "v-2"]);
    assert_eq!(
        (ids("first"), ids("second")),
        (vec![json!("v-1")], vec![json!("v-2")])
    );
    let page = instance.call("GET", "/v3/vehicles?page[size]=1");
    let next = body(&page)["links"]["next"].as_str().unwrap().to_owned();
    let page = body(&instance.call("GET", &next));
    assert_eq!(page["data"][0]["id"], "v-2");
    assert_eq!(page["data"][0]["meta"]["signals"], 1);
    assert_eq!(
        page["data"][0]["relationships"]["user"]["data"]["id"],
        "u-2"
    );
    assert_eq!(page["links"]["next"], Value::Null);
}

#[test]
fn vehicles_are_not_there_while_the_store_is_down() {
    let instance = Instance::new();
    instance.store();
    let lock = instance.database.raw();
    // A newer version of this application was here.
    lock.pragma_update(None, "user_version", 99).unwrap();
    let other = instance.another();
    let answer = other.call("GET", "/v3/vehicles");
    assert_eq!(error(&answer), edge(503, "STORE_UNAVAILABLE"));
    let status = body(&other.call("GET", "/status"));
    assert_eq!(status["store"]["reachable"], false);
    let said = status["store"]["error"].as_str().unwrap();
    assert!(said.contains("run a newer version"), "{said}");
    // Each request fails, and a line a second is enough.
    let lines = other.fake.lines_about("store").len();
    other.call("GET", "/v3/vehicles");
    assert_eq!(other.fake.lines_about("store").len(), lines);
}

/// What is counted so often in this minute.
pub(crate) fn count(instance: &Instance, outcome: Outcome, reason: Reason, count: i64) {
    let minute = instance.fake.now().0 / 60_000;
    let tally = Tally {
        outcome,
        reason,
        event_type: String::new(),
        mode: smartcar::delivery::Mode::Live,
    };
    let counts = [Count {
        minute,
        tally,
        count,
    }];
    let store = instance.store();
    instance.fake.run(store.add_tallies(&counts)).unwrap();
}

#[test]
fn status_shows_what_was_counted_and_what_it_means() {
    let instance = Instance::new();
    let status = body(&instance.call("GET", "/status"));
    assert_eq!(status["store"]["reachable"], true);
    assert_eq!(status["deliveries"]["stored"], 0);
    let diagnosis = |status: &Value| status["deliveries"]["diagnosis"].to_string();
    assert!(diagnosis(&status).contains("No live delivery has ever"));
    count(&instance, Outcome::Stored, Reason::Token(0), 3);
    count(&instance, Outcome::Noted, Reason::ClockAhead, 1);
    instance.report("v-1", "u-1", "a-b", &json!({"value": 1}));
    let status = body(&instance.call("GET", "/status"));
    assert_eq!(status["deliveries"]["stored"], 1);
    let hour = status["deliveries"]["lastHour"].as_array().unwrap();
    let stored = hour
        .iter()
        .find(|count| count["outcome"] == "stored")
        .unwrap();
    assert_eq!(
        (&stored["count"], &stored["reason"]),
        (&json!(3), &json!("token 0"))
    );
    assert!(diagnosis(&status).contains("this host's clock is behind"));
    instance.fake.advance(DAY + SECOND * 60);
    let status = body(&instance.call("GET", "/status"));
    assert!(diagnosis(&status).contains("No live delivery was accepted in the last day"));
    assert_eq!(status["deliveries"]["lastDay"], json!([]));
}

/// A dead letter of the sink `a`.
pub(crate) fn dead_letter(instance: &Instance) -> i64 {
    let (store, now) = (instance.store(), instance.fake.now());
    instance.report("v-1", "u-1", "a-b", &json!({"value": 1}));
    let claim = async {
        let due = store.claim("a", now, 1).await.unwrap();
        let kept = Kept {
            seq: due[0].seq,
            attempt: due[0].attempt,
            due_at: now,
            error: "no".to_owned(),
            is_dead: true,
        };
        store.keep(&[kept], now).await.unwrap();
        due[0].seq
    };
    instance.fake.run(claim)
}

/// Puts a sink of this name in force.
pub(crate) fn with_sink(instance: &Instance) {
    use store::Configurations;
    let sinks =
        r#"[{"changedOnly":0,"digest":"","modes":null,"name":"a","types":null,"vehicles":null}]"#;
    let (store, now) = (instance.store(), instance.fake.now());
    instance
        .fake
        .run(store.put_in_force(sinks, None, now))
        .unwrap();
}

#[test]
fn dead_letter_is_shown_and_replayed_on_the_record() {
    let keys = [restricted_key("one", "vehicles", &["v-1"])];
    let instance = Instance::with_keys(&keys);
    with_sink(&instance);
    let seq = dead_letter(&instance);
    let relay = "/nudge";
    instance.fake.answer(relay, 204, "");
    let refused = instance.send(request("one", "GET", "/v3/dead-letters"));
    assert_eq!(error(&refused), edge(403, "KEY_RESTRICTED"));
    let letters = body(&instance.call("GET", "/v3/dead-letters"));
    assert_eq!(letters["data"][0]["id"], seq.to_string());
    assert_eq!(letters["data"][0]["attributes"]["error"], "no");
    assert_eq!(letters["data"][0]["attributes"]["sink"], "a");
    let path = format!("/v3/dead-letters/{seq}/replay");
    let replayed = instance.call("POST", &path);
    assert_eq!(replayed.status().as_u16(), 202);
    assert_eq!(body(&replayed)["meta"]["replayed"], 1);
    assert_eq!(instance.record(&replayed)["outcome"], "succeeded");
    assert_eq!(instance.fake.requests_to(relay), 1);
    let again = instance.call("POST", &path);
    assert_eq!(error(&again), edge(404, "DEAD_LETTER_NOT_FOUND"));
    assert_eq!(instance.record(&again)["outcome"], "failed");
    assert_eq!(
        body(&instance.call("GET", "/v3/dead-letters"))["data"],
        json!([])
    );
}

#[test]
fn dead_letters_of_a_while_are_replayed_together() {
    let instance = Instance::new();
    with_sink(&instance);
    instance.fake.answer("/nudge", 204, "");
    dead_letter(&instance);
    let replay = |from, to| {
        let path = format!("/v3/dead-letters/replay?filter[from]={from}&filter[to]={to}");
        body(&instance.call("POST", &path))["meta"]["replayed"].clone()
    };
    // The clock stands in November 2023.
    assert_eq!(replay("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"), 0);
    assert_eq!(replay("2020-01-01T00:00:00Z", "2024-01-01T00:00:00Z"), 1);
    let missing = instance.call("POST", "/v3/dead-letters/replay?filter[from]=soon");
    assert_eq!(error(&missing), edge(400, "INVALID_INPUT"));
}

/// A record and an arrival of that time.
pub(crate) fn leave_behind(instance: &Instance, id: &str, at: Timestamp) {
    let store = instance.store();
    let action = NewAction {
        id,
        kind: "run-relay",
        path: "/run",
        caller: ALL,
        vehicle: None,
        user: None,
        idempotency_key: None,
        fingerprint: "print",
        is_exclusive: false,
        insists: false,
        evidence: None,
        started_at: at,
    };
    let failed = FailedArrival {
        nonce: id,
        at,
        failure: &ConnectFailure::default(),
        vehicle: None,
        since: at,
        most: 99,
    };
    instance.fake.run(async {
        store.begin(action).await.unwrap();
        let headers = http::HeaderMap::new();
        let completion = store::action::Completion {
            id,
            at,
            outcome: Ended::Succeeded,
            status: 200,
            error: None,
            request_id: None,
            execution_id: None,
            headers: &headers,
            body: b"",
            vehicle: None,
            user: None,
            is_void: false,
            is_open: false,
        };
        store.complete(completion).await.unwrap();
        assert!(store.fail_arrival(failed).await.unwrap());
    });
}

#[test]
fn sweep_forgets_what_is_older_than_its_retention() {
    let instance = Instance::new();
    let now = instance.fake.now();
    leave_behind(&instance, "old", now.before(DAY * 366));
    leave_behind(&instance, "new", now.before(DAY * 364));
    instance.call("GET", "/v3/signals");
    assert_eq!(
        (instance.count("action"), instance.count("arrival")),
        (1, 1)
    );
    // An instance sweeps every half minute, also after its clock was set back.
    leave_behind(&instance, "older", now.before(DAY * 367));
    instance.call("GET", "/v3/signals");
    assert_eq!(instance.count("action"), 2);
    instance.fake.set_back(DAY);
    instance.call("GET", "/v3/signals");
    assert_eq!(instance.count("action"), 1);
}

#[test]
fn sweep_that_fails_is_logged_and_made_up_for() {
    let instance = Instance::new();
    let now = instance.fake.now();
    leave_behind(&instance, "old", now.before(DAY * 366));
    instance.database.fail_write(0, StoreError::Full);
    instance.call("GET", "/v3/signals");
    assert_eq!(instance.fake.lines_about("store").len(), 1);
    assert_eq!(instance.count("action"), 1);
    instance.fake.advance(SECOND * 100);
    instance.call("GET", "/v3/signals");
    assert_eq!(instance.count("action"), 0);
}
