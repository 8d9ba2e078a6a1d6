//! On whose behalf calls are made, and what a look-up of an owner costs.

use crate::testing::{ALL, Instance, SECOND, edge, error, key, request, restricted_key, with};
use edge::Response;
use serde_json::{Value, json};

const LOCKED: &str = "/v3/vehicles/v-1/signals/closure-islocked";
const CONNECTIONS: &str = "/v3/connections";

/// What Smartcar says of who is connected to what.
fn connections(instance: &Instance, connected: &[(&str, &str)]) {
    let data: Vec<Value> = connected
        .iter()
        .map(|(user, vehicle)| {
            json!({"id": "c-1", "type": "connection", "attributes": {},
                "relationships": {
                    "user": {"data": {"id": user, "type": "user"}},
                    "vehicle": {"data": {"id": vehicle, "type": "vehicle"}}}})
        })
        .collect();
    let answer = json!({"data": data, "links": {"next": null}}).to_string();
    instance.fake.answer(CONNECTIONS, 200, &answer);
}

/// An instance whose Smartcar knows a signal, and nothing of who is connected.
fn instance(keys: &[Value]) -> Instance {
    connected(keys, &[])
}

/// The same, where these users are connected to these vehicles.
fn connected(keys: &[Value], to: &[(&str, &str)]) -> Instance {
    let instance = Instance::with_keys(keys);
    let signal = json!({"data": {"id": "closure-islocked", "attributes": {
        "code": "closure-islocked", "body": {"value": true}}}});
    instance.fake.answer(LOCKED, 200, &signal.to_string());
    connections(&instance, to);
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
fn owner_that_is_stored_is_asked_of_nobody() {
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
fn owner_that_is_nobody_is_not_looked_up_again_at_once() {
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
fn owners_are_looked_up_ten_times_in_vain_by_each_key() {
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
