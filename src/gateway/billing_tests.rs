//! Calls about a vehicle, which are counted, and refusals of them.

use crate::{
    signals::tests::{LOCKED, cache_status, get, value},
    testing::{ALL, DAY, Instance, SECOND, body, edge, error, request, restricted_key, with},
};
use edge::Response;
use serde_json::{Value, json};
use smartcar::{Clock, Month, testing::Reply, write_time};
use std::time::Duration;
use store::{StoreError, call::Refusal};

const VEHICLE: &str = "/v3/vehicles/v-1";
const LOCK: &str = "/v3/vehicles/v-1/commands/security/lock";
const CONNECTIONS: &str = "/v3/connections";
const DONE: &str = r#"{"data":{"id":"e-1","attributes":{"status":{"value":"SUCCESS"}}}}"#;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Smartcar's error of the plan with this code.
fn billing(code: &str) -> String {
    let error = json!({"status": "430", "type": "BILLING", "code": code, "detail": "No."});
    json!({"errors": [error]}).to_string()
}

/// A vehicle of u-1, of which nothing is stored, at the beginning of a month.
fn instance() -> Instance {
    let instance = Instance::new();
    let now = instance.fake.now();
    instance.fake.advance(Month::of(now).ends.since(now));
    prepared(instance)
}

/// What Smartcar answers from now on.
fn says(instance: &Instance, path: &str, status: u16, body: &str) {
    instance.fake.clear_answers(path);
    instance.fake.answer(path, status, body);
}

fn prepared(instance: Instance) -> Instance {
    instance.owner("v-1", "u-1");
    says(&instance, VEHICLE, 200, r#"{"data":{}}"#);
    says(&instance, LOCK, 200, DONE);
    instance
}

/// The same where the variable `vehicle_request_ceiling` is set.
fn with_ceiling(ceiling: &str) -> Instance {
    let instance = Instance::new();
    let now = instance.fake.now();
    instance.fake.advance(Month::of(now).ends.since(now));
    instance
        .fake
        .set_variable("vehicle_request_ceiling", ceiling);
    prepared(instance.another())
}

fn read(instance: &Instance) -> Response {
    instance.call("GET", VEHICLE)
}

fn lock(instance: &Instance) -> Response {
    instance.call("POST", LOCK)
}

/// What `/v3/vehicles` says of the calls about the one vehicle.
fn listed(instance: &Instance) -> (Value, Value) {
    let meta = body(&instance.call("GET", "/v3/vehicles"))["data"][0]["meta"].clone();
    (meta["billedCalls"].clone(), meta["billing"].clone())
}

fn status(instance: &Instance) -> Value {
    body(&instance.call("GET", "/status"))
}

fn seconds_left(instance: &Instance) -> String {
    let now = instance.fake.now();
    let left = Month::of(now).ends.since(now);
    left.as_millis().div_ceil(1000).to_string()
}

#[test]
fn calls_about_a_vehicle_are_counted_as_smartcar_answers_them() {
    let instance = instance();
    read(&instance);
    lock(&instance);
    assert_eq!(listed(&instance).0, 2);
    // An error of Smartcar's too.
    says(&instance, LOCKED, 404, "{}");
    assert_eq!(get(&instance, LOCKED, "no-cache").status(), 404);
    assert_eq!(listed(&instance).0, 3);
    // A proxy's answer and a refused token are not billed.
    let html = vec![("content-type", "text/html".to_owned())];
    let page = Reply::Answer(404, html, "<html>".to_owned());
    instance.fake.clear_answers(VEHICLE);
    instance.fake.reply(VEHICLE, page);
    assert_eq!(read(&instance).status(), 502);
    assert_eq!(listed(&instance).0, 3);
    instance.fake.refuse_token("token-1");
    instance.fake.refuse_token("token-2");
    assert_eq!(read(&instance).status(), 401);
    assert_eq!(listed(&instance).0, 3);
    let status = status(&instance)["billing"].clone();
    assert_eq!(status["calls"], 3);
    let most = json!([{"vehicleId": "v-1", "calls": 3}]);
    assert_eq!(status["mostCalled"], most);
    assert_eq!(
        (&status["ceiling"], &status["atCeiling"]),
        (&Value::Null, &json!(0))
    );
}

#[test]
fn calls_that_are_not_about_a_vehicle_are_not_counted() {
    let instance = instance();
    let nothing = r#"{"data":[],"links":{"next":null}}"#;
    says(&instance, CONNECTIONS, 200, nothing);
    assert_eq!(instance.call("GET", CONNECTIONS).status(), 200);
    says(&instance, CONNECTIONS, 430, &billing("INVALID_PLAN"));
    assert_eq!(instance.call("GET", CONNECTIONS).status(), 430);
    assert_eq!(instance.call("GET", CONNECTIONS).status(), 430);
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 3);
    assert_eq!(status(&instance)["billing"]["calls"], 0);
    assert_eq!(status(&instance)["billing"]["refused"], json!([]));
}

#[test]
fn calls_are_counted_by_the_month_in_which_they_were_sent() {
    let instance = instance();
    let left = Month::of(instance.fake.now())
        .ends
        .since(instance.fake.now());
    instance.fake.advance(left - SECOND);
    read(&instance);
    instance.fake.latency(SECOND * 2);
    says(&instance, VEHICLE, 430, &billing("VEHICLE_REQUEST_LIMIT"));
    // The answer comes in the next month, and is about the one before.
    assert_eq!(read(&instance).status(), 430);
    assert_eq!(listed(&instance), (json!(0), Value::Null));
    says(&instance, VEHICLE, 200, r#"{"data":{}}"#);
    assert_eq!(read(&instance).status(), 200);
    assert_eq!(listed(&instance).0, 1);
}

#[test]
fn vehicle_without_calls_left_is_not_asked_about_until_the_month_turns() {
    let instance = instance();
    says(&instance, VEHICLE, 430, &billing("VEHICLE_REQUEST_LIMIT"));
    assert_eq!(read(&instance).status(), 430);
    // Another instance knows.
    let other = instance.another();
    for answer in [read(&other), lock(&other)] {
        assert_eq!(error(&answer), edge(430, "VEHICLE_REQUEST_LIMIT"));
        let error = body(&answer)["errors"][0].clone();
        assert_eq!(error["type"], "BILLING");
        let detail = error["detail"].as_str().unwrap();
        assert!(
            detail.contains("has used up the calls of this month"),
            "{detail}"
        );
        let wait = answer.headers()["retry-after"].to_str().unwrap();
        assert_eq!(wait, seconds_left(&instance));
    }
    let asked = || instance.fake.requests_to(VEHICLE) + instance.fake.requests_to(LOCK);
    assert_eq!(asked(), 1);
    let month = Month::of(instance.fake.now());
    let refused = json!({"code": "VEHICLE_REQUEST_LIMIT", "until": write_time(month.ends)});
    assert_eq!(listed(&other), (json!(0), refused));
    // Another vehicle is not closed with it.
    other.owner("v-2", "u-1");
    let second = "/v3/vehicles/v-2";
    says(&instance, second, 200, r#"{"data":{}}"#);
    assert_eq!(other.call("GET", second).status(), 200);
    let now = instance.fake.now();
    instance.fake.advance(month.ends.since(now));
    assert_eq!(lock(&other).status(), 200);
    assert_eq!(listed(&other), (json!(1), Value::Null));
}

#[test]
fn vehicle_without_calls_left_is_read_from_the_store() {
    let instance = instance();
    instance.report("v-1", "u-1", "closure-islocked", &json!({"value": true}));
    instance.fake.advance(SECOND * 1000);
    says(&instance, LOCKED, 430, &billing("VEHICLE_REQUEST_LIMIT"));
    for fwd in ["; fwd-status=430", ""] {
        let answer = get(&instance, LOCKED, "");
        let expected = format!("smartcar-edge; fwd=stale{fwd}; detail=stale-if-error");
        assert_eq!(cache_status(&answer), expected);
        assert_eq!(value(&answer), true);
    }
    let answer = get(&instance, LOCKED, "no-cache");
    assert_eq!(error(&answer), edge(430, "VEHICLE_REQUEST_LIMIT"));
    assert_eq!(instance.fake.requests_to(LOCKED), 1);
}

#[test]
fn vehicle_without_calls_left_is_asked_about_once_an_hour() {
    let instance = instance();
    says(&instance, VEHICLE, 430, &billing("VEHICLE_REQUEST_LIMIT"));
    read(&instance);
    instance.fake.advance(HOUR - SECOND);
    read(&instance);
    assert_eq!(instance.fake.requests_to(VEHICLE), 1);
    instance.fake.advance(SECOND);
    for _ in 0..3 {
        assert_eq!(read(&instance).status(), 430);
    }
    assert_eq!(instance.fake.requests_to(VEHICLE), 2);
    // The plan has been raised: the next call opens the vehicle for all.
    instance.fake.advance(HOUR);
    let answer = lock(&instance);
    assert_eq!(answer.status(), 200);
    says(&instance, VEHICLE, 200, r#"{"data":{}}"#);
    assert_eq!(read(&instance.another()).status(), 200);
    assert_eq!(instance.fake.requests_to(LOCK), 1);
    assert_eq!(listed(&instance), (json!(2), Value::Null));
}

#[test]
fn vehicle_without_calls_left_is_asked_about_by_one_of_two_instances() {
    let instance = instance();
    says(&instance, VEHICLE, 430, &billing("VEHICLE_REQUEST_LIMIT"));
    read(&instance);
    let other = instance.another();
    instance.fake.advance(HOUR);
    instance.fake.latency(SECOND);
    instance.fake.run(async {
        let one = instance.answer(request(ALL, "GET", VEHICLE));
        futures::join!(one, other.answer(request(ALL, "GET", VEHICLE)));
    });
    assert_eq!(instance.fake.requests_to(VEHICLE), 2);
}

#[test]
fn command_without_calls_left_did_not_happen_and_is_sent_once_later() {
    let instance = instance();
    let keyed = || with(request(ALL, "POST", LOCK), ("idempotency-key", "k-1"));
    says(&instance, LOCK, 430, &billing("VEHICLE_REQUEST_LIMIT"));
    assert_eq!(instance.send(keyed()).status(), 430);
    let refused = instance.send(keyed());
    assert_eq!(error(&refused), edge(430, "VEHICLE_REQUEST_LIMIT"));
    assert_eq!(instance.record(&refused)["outcome"], "failed");
    assert_eq!(instance.fake.requests_to(LOCK), 1);
    says(&instance, LOCK, 200, DONE);
    instance.fake.advance(HOUR);
    for _ in 0..2 {
        assert_eq!(instance.send(keyed()).status(), 200);
    }
    assert_eq!(instance.fake.requests_to(LOCK), 2);
}

#[test]
fn refusal_of_the_plan_is_believed_for_an_hour() {
    for code in ["INVALID_PLAN", "VEHICLE_LIMIT", "ACCOUNT_SUSPENDED", "NEW"] {
        let instance = instance();
        says(&instance, VEHICLE, 430, &billing(code));
        read(&instance);
        let refused = lock(&instance);
        assert_eq!(error(&refused), edge(430, code));
        assert_eq!(refused.headers()["retry-after"], "3600");
        instance.fake.advance(HOUR);
        assert_eq!(lock(&instance).status(), 200, "{code}");
    }
}

#[test]
fn refusal_that_does_not_say_what_it_is_about_closes_nothing() {
    let instance = instance();
    let other = billing("VEHICLE_REQUEST_LIMIT").replace("BILLING", "OTHER");
    for body in ["{}", &other] {
        says(&instance, VEHICLE, 430, body);
        assert_eq!(read(&instance).status(), 430);
    }
    assert_eq!(lock(&instance).status(), 200);
    assert_eq!(instance.fake.requests_to(VEHICLE), 2);
    assert_eq!(listed(&instance), (json!(1), Value::Null));
}

#[test]
fn refusal_by_a_clock_that_was_ahead_closes_nothing() {
    let instance = instance();
    let month = Month::of(instance.fake.now());
    let vehicle = smartcar::VehicleId::parse("v-1").unwrap();
    let refusal = Refusal {
        code: "VEHICLE_REQUEST_LIMIT".to_owned(),
        at: month.begins.after(DAY * 20),
        until: month.ends,
    };
    // In this month, and in the next one.
    for begins in [month.begins, month.ends] {
        let store = instance.store();
        let refused = store::Calls::refuse_calls(store, &vehicle, begins, &refusal);
        instance.fake.run(refused).unwrap();
    }
    assert_eq!(listed(&instance), (json!(0), Value::Null));
    assert_eq!(read(&instance).status(), 200);
    assert_eq!(status(&instance)["billing"]["refused"], json!([]));
}

#[test]
fn ceiling_ends_reads_and_later_commands_until_the_month_turns() {
    let instance = with_ceiling("10");
    for _ in 0..9 {
        assert_eq!(read(&instance).status(), 200);
    }
    let refused = read(&instance);
    assert_eq!(error(&refused), edge(429, "VEHICLE_CEILING"));
    let wait = refused.headers()["retry-after"].to_str().unwrap();
    assert_eq!(wait, seconds_left(&instance));
    assert_eq!(status(&instance)["billing"]["atCeiling"], 1);
    assert_eq!(status(&instance)["billing"]["ceiling"], 10);
    let other = instance.another();
    assert_eq!(lock(&other).status(), 200);
    let refused = lock(&other);
    assert_eq!(error(&refused), edge(429, "VEHICLE_CEILING"));
    assert_eq!(instance.record(&refused)["error"], "EDGE/VEHICLE_CEILING");
    assert_eq!(instance.fake.requests_to(VEHICLE), 9);
    assert_eq!(instance.fake.requests_to(LOCK), 1);
    let now = instance.fake.now();
    instance.fake.advance(Month::of(now).ends.since(now));
    assert_eq!(read(&other).status(), 200);
    assert_eq!(lock(&other).status(), 200);
}

#[test]
fn ceiling_has_signals_read_from_the_store() {
    let instance = with_ceiling("1");
    instance.report("v-1", "u-1", "closure-islocked", &json!({"value": true}));
    read(&instance);
    instance.fake.advance(SECOND * 1000);
    let answer = get(&instance, LOCKED, "");
    let expected = "smartcar-edge; fwd=stale; detail=stale-if-error";
    assert_eq!(cache_status(&answer), expected);
    assert_eq!(value(&answer), true);
    let answer = get(&instance, LOCKED, "no-cache");
    assert_eq!(error(&answer), edge(429, "VEHICLE_CEILING"));
    assert_eq!(instance.fake.requests_to(LOCKED), 0);
}

#[test]
fn call_that_cannot_be_counted_is_answered_all_the_same() {
    let instance = instance();
    instance.database.fail_write(0, StoreError::Full);
    assert_eq!(read(&instance).status(), 200);
    assert_eq!(instance.fake.lines_about("store").len(), 1);
    assert_eq!(listed(&instance).0, 0);
    assert_eq!(read(&instance).status(), 200);
    assert_eq!(listed(&instance).0, 1);
}

#[test]
fn status_names_the_most_called_vehicles_to_a_key_for_every_one() {
    let instance = Instance::with_keys(&[restricted_key("v-1", "vehicles", &["v-1"])]);
    let instance = prepared(instance);
    read(&instance);
    let answer = instance.send(request("v-1", "GET", "/status"));
    let billing = body(&answer)["billing"].clone();
    assert_eq!(
        (&billing["calls"], &billing["mostCalled"]),
        (&json!(1), &json!([]))
    );
}

#[test]
fn diagnosis_says_what_the_plan_and_the_ceiling_refuse() {
    let instance = with_ceiling("1");
    let diagnosis = || status(&instance)["diagnosis"].to_string();
    assert_eq!(diagnosis(), "[]");
    read(&instance);
    let ceiling = "Vehicles have reached the variable vehicle_request_ceiling";
    assert!(diagnosis().contains(ceiling), "{}", diagnosis());
    for (vehicle, code, sentence) in [
        (
            "v-2",
            "VEHICLE_REQUEST_LIMIT",
            "Vehicles have used up what the plan allows this month",
        ),
        (
            "v-3",
            "INVALID_PLAN",
            "Smartcar refuses calls for the plan or the account",
        ),
    ] {
        assert!(!diagnosis().contains(sentence), "{}", diagnosis());
        let path = format!("/v3/vehicles/{vehicle}");
        instance.owner(vehicle, "u-1");
        says(&instance, &path, 430, &billing(code));
        instance.call("GET", &path);
        assert!(diagnosis().contains(sentence), "{}", diagnosis());
    }
    let refused = json!([{"code": "INVALID_PLAN", "vehicles": 1},
        {"code": "VEHICLE_REQUEST_LIMIT", "vehicles": 1}]);
    assert_eq!(status(&instance)["billing"]["refused"], refused);
    instance.fake.advance(HOUR);
    let found = diagnosis();
    assert!(found.contains("Vehicles have used up") && !found.contains("Smartcar refuses"));
}

#[test]
fn calls_are_forgotten_with_the_record_of_what_was_done() {
    let instance = instance();
    read(&instance);
    let kept = || instance.count("vehicle_calls");
    instance.fake.advance(DAY * 365);
    read(&instance);
    instance.call("GET", "/v3/signals");
    assert_eq!(kept(), 2);
    instance.fake.advance(DAY * 31);
    instance.call("GET", "/v3/signals");
    assert_eq!(kept(), 1);
}
