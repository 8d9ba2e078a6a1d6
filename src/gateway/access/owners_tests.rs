//! On whose behalf calls are made, and what a look-up of an owner costs.

use crate::testing::{ALL, Instance, SECOND, edge, error, key, request, restricted_key, with};
use edge::Response;
use serde_json::{Value, json};

const LOCKED: &str = "/v3/vehicles/v-1/signals/closure-islocked";
const CONNECTIONS: &str = "/v3/connections";

/// A connection as Smartcar's API shows it.
fn connection((user, vehicle): (&str, &str)) -> Value {
    json!({"id": "c-1", "type": "connection", "attributes": {},
        "relationships": {
            "user": {"data": {"id": user, "type": "user"}},
            "vehicle": {"data": {"id": vehicle, "type": "vehicle"}}}})
}

/// What Smartcar says of who is connected to what.
fn connections(instance: &Instance, connected: &[(&str, &str)]) {
    let data: Vec<Value> = connected.iter().copied().map(connection).collect();
    let answer = json!({"data": data, "links": {"next": null}}).to_string();
    instance.fake.answer(CONNECTIONS, 200, &answer);
}

/// An instance whose Smartcar knows a signal, and nothing of who is connected.
fn instance(keys: &[Value]) -> Instance {
    connected(keys, &[])
}

/// The same, where these users are connected to these vehicles.
fn connected(keys: &[Value], to: &[(&str, &str)]) -> Instance {
    let instance = unconnected(keys);
    connections(&instance, to);
    instance
}

/// The same, whose connections Smartcar has not been asked for yet.
fn unconnected(keys: &[Value]) -> Instance {
    let instance = Instance::with_keys(keys);
    let signal = json!({"data": {"id": "closure-islocked", "attributes": {
        "code": "closure-islocked", "body": {"value": true}}}});
    instance.fake.answer(LOCKED, 200, &signal.to_string());
    instance
}

fn read(instance: &Instance, key: &str) -> Response {
    let request = request(key, "GET", LOCKED);
    instance.send(with(request, ("cache-control", "no-cache")))
}

fn asked_for(instance: &Instance) -> String {
    let requests = instance.fake.requests();
    let last = requests.iter().rev().find(|r| r.uri().path() == LOCKED);
    last.unwrap().headers()["sc-user-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

#[test]
fn owner_that_is_stored_is_not_looked_up() {
    let instance = instance(&[]);
    instance.owner("v-1", "u-1");
    assert_eq!(read(&instance, ALL).status().as_u16(), 200);
    assert_eq!(asked_for(&instance), "u-1");
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 0);
}

#[test]
fn owner_that_is_looked_up_is_remembered_by_all_instances() {
    let instance = connected(&[], &[("u-1", "v-1")]);
    assert_eq!(read(&instance, ALL).status().as_u16(), 200);
    assert_eq!(asked_for(&instance), "u-1");
    let looked_up = instance.fake.requests_to(CONNECTIONS);
    assert_eq!(read(&instance.another(), ALL).status().as_u16(), 200);
    assert_eq!(instance.fake.requests_to(CONNECTIONS), looked_up);
}

#[test]
fn owner_is_named_where_several_users_are_connected() {
    let instance = Instance::new();
    connections(&instance, &[("u-1", "v-1"), ("u-2", "v-1")]);
    assert_eq!(error(&read(&instance, ALL)), edge(400, "MISSING_USER_ID"));
    let signal = json!({"data": {"id": "closure-islocked", "attributes": {"body": {}}}});
    instance.fake.answer(LOCKED, 200, &signal.to_string());
    let named = with(request(ALL, "GET", LOCKED), ("sc-user-id", "u-2"));
    assert_eq!(instance.send(named).status().as_u16(), 200);
    assert_eq!(asked_for(&instance), "u-2");
}

#[test]
fn owner_of_an_unconnected_vehicle_is_not_looked_up_again_at_once() {
    let instance = instance(&[]);
    for _ in 0..3 {
        assert_eq!(error(&read(&instance, ALL)), edge(404, "VEHICLE_NOT_FOUND"));
    }
    // One look is for real vehicles, one for simulated ones.
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 2);
    assert_eq!(error(&read(&instance.another(), ALL)).0, 404);
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 2);
    instance.fake.advance(SECOND * 61);
    read(&instance, ALL);
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 4);
}

#[test]
fn owner_lookups_without_result_are_limited_to_ten_by_key() {
    let instance = instance(&[key("other", &["*"])]);
    let read = |key, number| {
        let path = format!("/v3/vehicles/v-{number}/signals/closure-islocked");
        instance.send(request(key, "GET", &path))
    };
    for number in 0..10 {
        let answer = read(ALL, 100 + number);
        assert_eq!(error(&answer), edge(404, "VEHICLE_NOT_FOUND"), "{number}");
        instance.fake.advance(SECOND);
    }
    let limited = read(ALL, 110);
    assert_eq!(error(&limited), edge(429, "TOO_MANY_LOOKUPS"));
    // From the first one on they count for ten minutes.
    let wait = limited.headers()["retry-after"].to_str().unwrap();
    let wait: u64 = wait.parse().unwrap();
    assert!((580..=592).contains(&wait), "{wait}");
    assert_eq!(error(&read("other", 110)).0, 404);
    instance.fake.advance(SECOND * 600);
    assert_eq!(error(&read(ALL, 111)).0, 404);
}

#[test]
fn owner_decides_for_a_key_that_is_restricted_to_users() {
    let keys = [
        restricted_key("first", "users", &["u-1", "u-9"]),
        restricted_key("none", "users", &[]),
    ];
    let instance = instance(&keys);
    instance.owner("v-1", "u-1");
    assert_eq!(read(&instance, "first").status().as_u16(), 200);
    instance.owner("v-1", "u-2");
    assert_eq!(
        error(&read(&instance, "first")),
        edge(403, "USER_NOT_ALLOWED")
    );
    assert_eq!(
        error(&read(&instance, "none")),
        edge(403, "USER_NOT_ALLOWED")
    );
}

#[test]
fn owner_is_the_one_user_of_a_whole_list() {
    let (found, other) = (connection(("u-1", "v-1")), connection(("u-9", "v-9")));
    let several = "MISSING_USER_ID";
    for (data, next, refusal) in [
        (json!([found, found]), Value::Null, None),
        (json!([other, found]), Value::Null, None),
        (json!([other]), Value::Null, Some("VEHICLE_NOT_FOUND")),
        // Someone else can stand on the next page, or in what cannot be read.
        (json!([found]), json!("/v3/connections?page"), Some(several)),
        (json!([found, 7]), Value::Null, Some(several)),
    ] {
        let instance = unconnected(&[]);
        let list = json!({"data": data, "links": {"next": next}}).to_string();
        instance.fake.answer(CONNECTIONS, 200, &list);
        let answer = read(&instance, ALL);
        match refusal {
            None => assert_eq!(asked_for(&instance), "u-1", "{list}"),
            Some(code) => assert_eq!(error(&answer).1, code, "{list}"),
        }
    }
}

#[test]
fn owner_is_not_looked_up_for_a_key_that_is_for_no_user() {
    let keys = [restricted_key("none", "users", &[])];
    let instance = connected(&keys, &[("u-1", "v-1")]);
    let refused = read(&instance, "none");
    assert_eq!(error(&refused), edge(403, "USER_NOT_ALLOWED"));
    assert_eq!(instance.fake.requests().len(), 0);
}

#[test]
fn owner_decides_who_reads_what_a_vehicle_is() {
    const VEHICLE: &str = "/v3/vehicles/v-1";
    let keys = [
        restricted_key("first", "users", &["u-1"]),
        restricted_key("second", "users", &["u-2"]),
    ];
    let instance = connected(&keys, &[("u-1", "v-1")]);
    instance
        .fake
        .answer(VEHICLE, 200, r#"{"data":{"id":"v-1"}}"#);
    let refused = instance.send(request("second", "GET", VEHICLE));
    assert_eq!(error(&refused), edge(403, "USER_NOT_ALLOWED"));
    assert_eq!(instance.fake.requests_to(VEHICLE), 0);
    let answer = instance.send(request("first", "GET", VEHICLE));
    assert_eq!(answer.status(), 200);
}

const LOCK: &str = "/v3/vehicles/v-1/commands/security/lock";

/// An instance with a key for the user `u-1`, and a vehicle of `u-2`.
fn of_another_user(to: &[(&str, &str)]) -> Instance {
    let instance = connected(&[restricted_key("first", "users", &["u-1"])], to);
    instance.owner("v-1", "u-2");
    let done = r#"{"data":{"id":"e-1","attributes":{"status":{"value":"SUCCESS"}}}}"#;
    instance.fake.answer(LOCK, 200, done);
    instance
}

#[test]
fn connection_of_the_user_lets_a_key_command_another_owner_s_vehicle() {
    let instance = of_another_user(&[("u-1", "v-1")]);
    assert_eq!(instance.send(request("first", "POST", LOCK)).status(), 200);
    let instance = of_another_user(&[("u-2", "v-1"), ("u-1", "v-9")]);
    let refused = instance.send(request("first", "POST", LOCK));
    assert_eq!(error(&refused), edge(404, "VEHICLE_NOT_FOUND"));
    assert_eq!(instance.fake.requests_to(LOCK), 0);
}

#[test]
fn connection_lookups_without_result_are_limited_to_ten_by_key() {
    let instance = of_another_user(&[]);
    for number in 0..10 {
        let refused = instance.send(request("first", "POST", LOCK));
        assert_eq!(error(&refused), edge(404, "VEHICLE_NOT_FOUND"), "{number}");
        instance.fake.advance(SECOND);
    }
    let looked_up = instance.fake.requests_to(CONNECTIONS);
    let limited = instance.send(request("first", "POST", LOCK));
    assert_eq!(error(&limited), edge(429, "TOO_MANY_LOOKUPS"));
    assert_eq!(instance.fake.requests_to(CONNECTIONS), looked_up);
}

#[test]
fn removal_of_a_user_forgets_what_their_connection_reported_of_another_owner_s_vehicle() {
    const USER: &str = "/v3/users/u-1";
    let instance = Instance::new();
    let signal = "closure-islocked";
    instance.report("v-1", "u-1", signal, &json!({"value": true}));
    instance.fake.advance(SECOND);
    instance.report("v-1", "u-2", "a-b", &json!({"value": 1}));
    let is_stored = |code: &str, user: &str| {
        let path = format!("/v3/vehicles/v-1/signals/{code}");
        let read = with(request(ALL, "GET", &path), ("sc-user-id", user));
        let answer = instance.send(with(read, ("cache-control", "only-if-cached")));
        answer.status() == 200
    };
    assert!(is_stored(signal, "u-1") && is_stored("a-b", "u-2"));
    instance.fake.answer(USER, 204, "");
    assert_eq!(instance.call("DELETE", USER).status(), 204);
    assert!(!is_stored(signal, "u-1") && is_stored("a-b", "u-2"));
}
