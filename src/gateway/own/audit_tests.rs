//! Who may read what callers had done, and how it is listed.

use crate::testing::{
    ALL, Instance, SECOND, action_id, body, edge, error, key, request, restricted_key, with,
};
use edge::Response;
use serde_json::{Value, json};
use smartcar::Sent;

const DONE: &str = r#"{"data":{"id":"exec-1","attributes":{"status":{"value":"SUCCESS"}}}}"#;

fn path(vehicle: &str) -> String {
    format!("/v3/vehicles/{vehicle}/commands/security/lock")
}

/// Has a vehicle locked by the key of that name, a moment after what was done before.
fn lock(instance: &Instance, name: &str, vehicle: &str) -> Response {
    instance.fake.advance(SECOND);
    let lock = request(name, "POST", &path(vehicle));
    instance.send(with(lock, ("sc-user-id", "u-1")))
}

/// An instance on which three commands were sent: the answer to the second was lost.
fn busy() -> (Instance, [String; 3]) {
    let keys = [
        key("door", &["control_security", "read_audit"]),
        key("plain", &["control_security"]),
        restricted_key("vehicle", "vehicles", &["v-1"]),
    ];
    let instance = Instance::with_keys(&keys);
    instance.fake.answer(&path("v-1"), 200, DONE);
    instance.fake.fail(&path("v-2"), Sent::Maybe);
    let sent = [(ALL, "v-1"), ("door", "v-2"), ("door", "v-1")];
    let ids = sent.map(|(name, vehicle)| action_id(&lock(&instance, name, vehicle)));
    (instance, ids)
}

/// The ids in a page of the audit, and the path of the next one.
fn page(instance: &Instance, path: &str) -> (Vec<String>, Option<String>) {
    let page = instance.call("GET", path);
    assert_eq!(page.status(), 200, "{path}");
    let page = body(&page);
    let ids = page["data"].as_array().unwrap().iter();
    let ids = ids.map(|item| item["id"].as_str().unwrap().to_owned());
    let next = page["links"]["next"].as_str().map(str::to_owned);
    (ids.collect(), next)
}

#[test]
fn audit_lists_the_newest_first_a_page_at_a_time() {
    let (instance, [first, second, third]) = busy();
    let (all, next) = page(&instance, "/v3/audit");
    assert_eq!(
        (all, next),
        (vec![third.clone(), second.clone(), first.clone()], None)
    );
    let (newest, next) = page(&instance, "/v3/audit?page[size]=2");
    assert_eq!(newest, [third, second]);
    // What is done meanwhile moves nothing.
    lock(&instance, ALL, "v-1");
    assert_eq!(page(&instance, &next.unwrap()), (vec![first], None));
}

#[test]
fn audit_is_filtered_by_outcome_vehicle_and_caller() {
    let (instance, [first, second, third]) = busy();
    for (filter, expected) in [
        ("filter[outcome]=unknown", vec![&second]),
        ("filter[outcome]=succeeded", vec![&third, &first]),
        ("filter[outcome]=running", vec![]),
        ("filter[vehicleId]=v-1", vec![&third, &first]),
        ("filter[caller]=door", vec![&third, &second]),
        ("filter[caller]=door&filter[vehicleId]=v-1", vec![&third]),
        ("filter[caller]=unknown", vec![]),
    ] {
        let (found, next) = page(&instance, &format!("/v3/audit?{filter}"));
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter}");
        assert_eq!(next, None);
    }
    let refused = instance.call("GET", "/v3/audit?filter[outcome]=done");
    assert_eq!(error(&refused), edge(400, "INVALID_INPUT"));
    let expected = "filter[outcome] is one of running, succeeded, failed, unknown";
    assert_eq!(body(&refused)["errors"][0]["detail"], expected);
    for bad in [
        "page[size]=0",
        "page[size]=101",
        "filter[caller]=a&filter[caller]=b",
    ] {
        let refused = instance.call("GET", &format!("/v3/audit?{bad}"));
        assert_eq!(error(&refused), edge(400, "INVALID_INPUT"), "{bad}");
    }
}

#[test]
fn audit_is_read_by_keys_for_everything_that_may() {
    let (instance, _) = busy();
    let read = |name| instance.send(request(name, "GET", "/v3/audit"));
    assert_eq!(
        [read(ALL), read("door")].map(|answer| answer.status()),
        [200, 200]
    );
    assert_eq!(error(&read("plain")), edge(403, "MISSING_SCOPE"));
    assert_eq!(error(&read("vehicle")), edge(403, "KEY_RESTRICTED"));
}

#[test]
fn audit_of_a_store_that_cannot_be_read_is_unavailable() {
    let (instance, _) = busy();
    let raw = instance.database.raw();
    raw.execute_batch("ALTER TABLE action RENAME TO moved")
        .unwrap();
    let refused = instance.call("GET", "/v3/audit");
    assert_eq!(error(&refused), edge(503, "STORE_UNAVAILABLE"));
    assert_eq!(instance.fake.lines_about("store").len(), 1);
}

#[test]
fn record_is_shown_to_its_caller_and_to_auditors() {
    let keys = [
        key("door", &["control_security"]),
        key("other", &["control_security"]),
    ];
    let instance = Instance::with_keys(&keys);
    instance.fake.answer(&path("v-1"), 200, DONE);
    let id = action_id(&lock(&instance, "door", "v-1"));
    for (name, id, is_shown) in [
        ("door", id.as_str(), true),
        (ALL, &id, true),
        // What Smartcar calls the command by is a name of it too.
        ("door", "exec-1", true),
        ("other", &id, false),
        ("other", "exec-1", false),
        (ALL, "act_none", false),
    ] {
        let answer = instance.send(request(name, "GET", &format!("/v3/commands/{id}")));
        if is_shown {
            assert_eq!(answer.status(), 200, "{name} {id}");
        } else {
            assert_eq!(error(&answer), edge(404, "ACTION_NOT_FOUND"), "{name} {id}");
        }
    }
}

#[test]
fn record_holds_who_had_what_done_and_what_came_of_it() {
    let (instance, [first, second, _]) = busy();
    let record =
        |id: &str| body(&instance.call("GET", &format!("/v3/commands/{id}")))["data"].clone();
    let mut expected = json!({
        "id": first,
        "type": "action",
        "attributes": {
            "kind": "security-lock",
            "path": path("v-1"),
            "caller": ALL,
            "vehicleId": "v-1",
            "userId": "u-1",
            "idempotencyKey": null,
            "outcome": "succeeded",
            "insisted": false,
            "status": 200,
            "error": null,
            "smartcarRequestId": null,
            "smartcarExecutionId": "exec-1",
        },
        // date -u -d @1700000001 +%FT%T.%3NZ → 2023-11-14T22:13:21.000Z
        "meta": {"startedAt": "2023-11-14T22:13:21.000Z"},
    });
    let found = record(&first);
    expected["meta"]["completedAt"] = found["meta"]["completedAt"].clone();
    assert_eq!(found, expected);
    assert!(found["meta"]["completedAt"].is_string());
    assert_ne!(found["meta"]["completedAt"], found["meta"]["startedAt"]);
    let lost = record(&second)["attributes"].clone();
    assert_eq!(
        (&lost["outcome"], &lost["status"]),
        (&json!("unknown"), &json!(504))
    );
    assert!(lost["error"].is_string());
}

/// What the record of a lost lock says of the signal, to a key, as a user's connection
/// has reported it.
fn signal(key: Value, reporter: &str) -> Value {
    let name = key["name"].as_str().unwrap().to_owned();
    let instance = Instance::with_keys(&[key]);
    instance.owner("v-1", "u-1");
    // The keys of a user are for those whom Smartcar connects to the vehicle.
    let connections = json!({"data": [{"id": "c-1", "relationships": {
        "vehicle": {"data": {"id": "v-1"}}, "user": {"data": {"id": "u-1"}}}}]});
    instance
        .fake
        .answer("/v3/connections", 200, &connections.to_string());
    instance.fake.fail(&path("v-1"), Sent::Maybe);
    let lost = lock(&instance, &name, "v-1");
    assert_eq!(error(&lost), edge(504, "OUTCOME_UNKNOWN"));
    let read = || {
        let path = format!("/v3/commands/{}", action_id(&lost));
        let record = body(&instance.send(request(&name, "GET", &path)));
        record["data"]["attributes"]["signal"].clone()
    };
    assert_eq!(read(), Value::Null);
    instance.fake.advance(SECOND);
    instance.report("v-1", reporter, "closure-islocked", &json!({"value": true}));
    read()
}

#[test]
fn evidence_is_shown_to_keys_that_may_read_the_signal() {
    let shown = signal(key("read", &["control_security", "read_security"]), "u-1");
    assert_eq!(shown["code"], "closure-islocked");
    assert_eq!(shown["indicates"], "carried_out");
    assert!(shown["reportedAt"].is_string());
    let user = || restricted_key("user", "users", &["u-1"]);
    for (key, reporter, is_shown) in [
        (key("door", &["control_security"]), "u-1", false),
        (user(), "u-1", true),
        // What another user's connection reported is that user's.
        (user(), "u-2", false),
        (
            key("read", &["control_security", "read_security"]),
            "u-2",
            true,
        ),
    ] {
        let shown = signal(key.clone(), reporter);
        assert_eq!(shown.is_object(), is_shown, "{key} {reporter}");
    }
}
