//! What becomes of a change: of a slow answer, of one that is not Smartcar's, and of what
//! was known of an access that has ended.

use crate::testing::{
    ALL, Instance, SECOND, action_id, body, edge, error, key, read, request, restricted_key, with,
};
use edge::Response;
use futures::StreamExt;
use http::Request;
use serde_json::{Value, json};
use smartcar::{Clock, Sent, testing::Reply};

const LOCK: &str = "/v3/vehicles/v-1/commands/security/lock";
const UNLOCK: &str = "/v3/vehicles/v-1/commands/security/unlock";
const CONNECTION: &str = "/v3/connections/c-1";
const USER: &str = "/v3/users/u-1";
const DONE: &str = r#"{"data":{"id":"exec-1","attributes":{"status":{"value":"SUCCESS"}}}}"#;
const GONE: &str = r#"{"errors":[{"type":"RESOURCE_NOT_FOUND","code":null}]}"#;

fn lock() -> Request<&'static str> {
    let lock = with(request(ALL, "POST", LOCK), ("sc-user-id", "u-1"));
    with(lock, ("idempotency-key", "k-1"))
}

/// An instance whose Smartcar answers a lock with 202, and this only when it is done.
fn slow(headers: &[(&'static str, &str)], body: &str) -> Instance {
    let instance = Instance::new();
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| (*name, (*value).to_owned()));
    let reply = Reply::Answer(202, headers.collect(), body.to_owned());
    instance.fake.reply(LOCK, reply);
    instance
}

/// The record of the only action.
fn only_record(instance: &Instance) -> Value {
    let list = body(&instance.call("GET", "/v3/audit"));
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
    list["data"][0]["attributes"].clone()
}

#[test]
fn charge_schedule_without_attributes_is_refused_before_it_is_sent() {
    let instance = Instance::new();
    instance.owner("v-1", "u-1");
    let path = "/v3/vehicles/v-1/charge-schedules/weekly";
    for body in ["", "[]", r#"{"data":{}}"#, r#"{"data":{"attributes":[]}}"#] {
        let sent = with(request(ALL, "POST", path), ("prefer", "respond-async"));
        let refused = instance.send(sent.map(|_| body));
        assert_eq!(error(&refused), edge(400, "INVALID_INPUT"), "{body}");
    }
    assert_eq!(instance.fake.requests().len(), 0);
}

#[test]
fn slow_answer_is_watched_to_its_end() {
    let instance = slow(&[("sc-request-id", "r-1")], DONE);
    let answer = instance.fake.run(instance.open(lock()));
    assert_eq!(only_record(&instance)["outcome"], "running");
    let answer = instance.fake.run(read(answer));
    assert_eq!(
        (answer.status().as_u16(), &answer.body()[..]),
        (202, DONE.as_bytes())
    );
    assert!(!answer.headers().contains_key("content-length"));
    let record = instance.record(&answer);
    assert_eq!(record["outcome"], "succeeded");
    assert_eq!(record["smartcarExecutionId"], "exec-1");
    assert_eq!(record["smartcarRequestId"], "r-1");
    let again = instance.send(lock());
    assert_eq!(
        (again.status().as_u16(), again.body()),
        (202, answer.body())
    );
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(instance.fake.requests_to(LOCK), 1);
}

#[test]
fn slow_answer_is_watched_on_where_the_caller_leaves() {
    let instance = slow(&[], DONE);
    instance.fake.run(async {
        let crate::answer::Reply::Streaming(answer) = instance.open(lock()).await else {
            panic!("it has ended");
        };
        let mut body = answer.into_body();
        assert!(body.next().await.is_some());
    });
    assert_eq!(only_record(&instance)["outcome"], "succeeded");
    assert_eq!(instance.send(lock()).body(), DONE);
}

#[test]
fn slow_answer_can_end_in_a_failure_or_in_nothing() {
    for (headers, text, outcome, kept) in [
        (vec![], DONE.replace("SUCCESS", "FAILURE"), "failed", 202),
        (vec![("x-breaks-off", "1")], DONE.to_owned(), "unknown", 504),
        (vec![], DONE.replace("SUCCESS", "PENDING"), "unknown", 202),
    ] {
        let instance = slow(&headers, &text);
        let answer = instance.send(lock());
        assert_eq!(answer.status(), 202);
        assert_eq!(instance.record(&answer)["outcome"], outcome, "{text}");
        // A request with the same key gets what is known by then.
        assert_eq!(instance.send(lock()).status(), kept, "{text}");
        // While Smartcar may still be at work, the vehicle is taken.
        instance.fake.answer(UNLOCK, 200, DONE);
        let unlock = with(request(ALL, "POST", UNLOCK), ("sc-user-id", "u-1"));
        let is_taken = instance.send(unlock).status() == 409;
        assert_eq!(is_taken, outcome == "unknown", "{text}");
    }
}

#[test]
fn answer_that_is_not_smartcars_leaves_the_outcome_open_unless_it_refuses() {
    for (status, expected, outcome) in [
        (200, edge(504, "OUTCOME_UNKNOWN"), "unknown"),
        (502, edge(504, "OUTCOME_UNKNOWN"), "unknown"),
        (403, edge(502, "UNREADABLE_ANSWER"), "failed"),
    ] {
        let instance = Instance::new();
        let html = vec![("content-type", "text/html".to_owned())];
        let page = Reply::Answer(status, html, "<html>no</html>".to_owned());
        instance.fake.reply(LOCK, page);
        let answer = instance.send(lock());
        assert_eq!(error(&answer), expected, "{status}");
        assert_eq!(instance.record(&answer)["outcome"], outcome, "{status}");
        let again = instance.send(lock());
        let is_replayed = again.headers().contains_key("idempotent-replayed");
        assert_eq!(is_replayed, outcome == "unknown", "{status}");
    }
}

#[test]
fn command_is_sent_on_behalf_of_the_owner_whom_a_delivery_named() {
    let instance = Instance::with_keys(&[restricted_key("one", "users", &["u-2"])]);
    instance.fake.answer(LOCK, 200, DONE);
    instance.owner("v-1", "u-1");
    let answer = instance.send(request(ALL, "POST", LOCK));
    assert_eq!(answer.status(), 200);
    assert_eq!(instance.record(&answer)["userId"], "u-1");
    let sent = instance.fake.requests().pop().unwrap();
    assert_eq!(sent.headers()["sc-user-id"], "u-1");
    // Another user's key claims no vehicle that Smartcar does not connect to that user.
    instance
        .fake
        .answer("/v3/connections", 200, r#"{"data":[]}"#);
    let refused = instance.send(request("one", "POST", LOCK));
    assert_eq!(error(&refused), edge(404, "VEHICLE_NOT_FOUND"));
    assert_eq!(instance.count("action"), 1);
    assert_eq!(instance.fake.requests_to(LOCK), 1);
}

#[test]
fn idempotency_key_replays_no_answer_of_another_user() {
    let keys = |user| [restricted_key("one", "users", &[user])];
    let instance = Instance::with_keys(&keys("u-1"));
    instance.fake.answer(LOCK, 200, DONE);
    instance.owner("v-1", "u-1");
    let lock = || with(request("one", "POST", LOCK), ("idempotency-key", "k-1"));
    assert_eq!(instance.send(lock()).status(), 200);
    assert_eq!(
        instance.send(lock()).headers()["idempotent-replayed"],
        "true"
    );
    // The key is another user's from now on.
    instance.set_keys(&keys("u-2"));
    let refused = instance.another().send(lock());
    assert_eq!(error(&refused), edge(403, "USER_NOT_ALLOWED"));
    assert_eq!(instance.fake.requests_to(LOCK), 1);
}

/// An instance that knows a vehicle of each of two users, with a signal.
fn knowing() -> Instance {
    let keys = [
        restricted_key("other", "vehicles", &["v-2"]),
        key("reader", &["read_audit"]),
    ];
    let instance = Instance::with_keys(&keys);
    report(&instance, "v-1", "u-1");
    report(&instance, "v-2", "u-2");
    instance
}

fn report(instance: &Instance, vehicle: &str, user: &str) {
    let body = json!({"value": true});
    instance.report(vehicle, user, "closure-islocked", &body);
}

/// The vehicles and the signals that are stored.
fn stored(instance: &Instance) -> (i64, i64) {
    let count = |table| instance.count(table);
    (count("vehicle"), count("signal"))
}

/// Has Smartcar show the connection of the first user to the first vehicle.
fn show_connection(instance: &Instance) {
    let connection = json!({"data": {"id": "c-1", "type": "connection", "relationships": {
        "vehicle": {"data": {"id": "v-1", "type": "vehicle"}},
        "user": {"data": {"id": "u-1", "type": "user"}},
    }}});
    instance
        .fake
        .answer(CONNECTION, 200, &connection.to_string());
}

fn remove(instance: &Instance, path: &str) -> Response {
    instance.call("DELETE", path)
}

#[test]
fn removal_of_a_connection_forgets_its_vehicle_and_says_whose_it_was() {
    let instance = knowing();
    show_connection(&instance);
    instance.fake.answer(CONNECTION, 204, "");
    let removed = remove(&instance, CONNECTION);
    assert_eq!((removed.status().as_u16(), removed.body().len()), (204, 0));
    assert!(!removed.headers().contains_key("content-length"));
    let record = instance.record(&removed);
    assert_eq!(record["kind"], "remove-connection");
    assert_eq!(record["outcome"], "succeeded");
    assert_eq!(
        (&record["vehicleId"], &record["userId"]),
        (&json!("v-1"), &json!("u-1"))
    );
    assert_eq!(stored(&instance), (1, 1));
}

#[test]
fn removal_of_a_user_forgets_their_vehicles() {
    let instance = knowing();
    instance.fake.answer(USER, 204, "");
    let removed = remove(&instance, USER);
    assert_eq!(removed.status(), 204);
    assert_eq!(instance.record(&removed)["kind"], "remove-user");
    assert_eq!(stored(&instance), (1, 1));
}

#[test]
fn removal_forgets_where_the_access_may_have_ended_and_only_there() {
    for (reply, expected, left) in [
        (Reply::Silence(Sent::Maybe), 504, 1),
        (Reply::Answer(404, Vec::new(), GONE.to_owned()), 404, 1),
        (Reply::Answer(410, Vec::new(), GONE.to_owned()), 410, 1),
        (Reply::Answer(403, Vec::new(), GONE.to_owned()), 403, 2),
        (Reply::Silence(Sent::No), 502, 2),
    ] {
        for path in [CONNECTION, USER] {
            let instance = knowing();
            if path == CONNECTION {
                show_connection(&instance);
            }
            instance.fake.reply(path, reply.clone());
            let answer = remove(&instance, path);
            assert_eq!(answer.status(), expected, "{path} {reply:?}");
            assert_eq!(stored(&instance), (left, left), "{path} {reply:?}");
        }
    }
}

#[test]
fn removal_keeps_what_is_stored_for_another_user_of_the_vehicle() {
    let instance = knowing();
    instance.fake.advance(SECOND);
    let odometer = json!({"value": 7});
    instance.report("v-1", "u-2", "odometer-traveleddistance", &odometer);
    assert_eq!(stored(&instance), (2, 3));
    show_connection(&instance);
    instance.fake.answer(CONNECTION, 204, "");
    assert_eq!(remove(&instance, CONNECTION).status(), 204);
    assert_eq!(stored(&instance), (2, 2));
    let left = "signal WHERE user_id = 'u-1'";
    assert_eq!(instance.count(left), 0);
}

#[test]
fn removal_of_a_connection_that_is_gone_goes_by_the_record() {
    let instance = knowing();
    // The removal was begun, and the instance ended before it learned the outcome.
    show_connection(&instance);
    instance.fake.fail(CONNECTION, Sent::Maybe);
    let lost = remove(&instance, CONNECTION);
    assert_eq!(instance.record(&lost)["vehicleId"], "v-1");
    report(&instance, "v-1", "u-1");
    assert_eq!(stored(&instance), (2, 2));
    instance.fake.answer(CONNECTION, 404, GONE);
    // The last answer stays, so that the next request still has the one before.
    remove(&instance, CONNECTION);
    let gone = remove(&instance, CONNECTION);
    assert_eq!(gone.status(), 404);
    assert_eq!(instance.record(&gone)["userId"], "u-1");
    assert_eq!(stored(&instance), (1, 1));
    // What a newer connection has reported since the old one was certainly gone stays.
    instance.fake.advance(SECOND);
    report(&instance, "v-1", "u-1");
    assert_eq!(remove(&instance, CONNECTION).status(), 404);
    assert_eq!(stored(&instance), (2, 2));
}

#[test]
fn removal_by_a_key_for_other_vehicles_is_refused_and_recorded() {
    let instance = knowing();
    show_connection(&instance);
    let removal = request("other", "DELETE", CONNECTION);
    let refused = instance.send(with(removal, ("idempotency-key", "k-1")));
    assert_eq!(error(&refused), edge(403, "VEHICLE_NOT_ALLOWED"));
    let record = instance.record(&refused);
    assert_eq!(
        (&record["outcome"], &record["status"]),
        (&json!("failed"), &json!(403))
    );
    assert_eq!(record["error"], "EDGE/VEHICLE_NOT_ALLOWED");
    assert_eq!(record["caller"], "other");
    // Whose it was is nothing that the refused caller has done anything with.
    assert_eq!(record["vehicleId"], Value::Null);
    assert_eq!(stored(&instance), (2, 2));
    let methods: Vec<_> = instance
        .fake
        .requests()
        .iter()
        .map(|r| r.method().clone())
        .collect();
    assert!(!methods.contains(&http::Method::DELETE), "{methods:?}");
    assert_ne!(action_id(&refused), "");
}

#[test]
fn removal_of_what_cannot_be_looked_up_is_not_sent() {
    let instance = knowing();
    instance.fake.answer(CONNECTION, 500, "{}");
    let removal = || {
        with(
            request(ALL, "DELETE", CONNECTION),
            ("idempotency-key", "k-1"),
        )
    };
    let refused = instance.send(removal());
    assert_eq!(error(&refused), edge(502, "SMARTCAR_UNREACHABLE"));
    assert_eq!(instance.record(&refused)["outcome"], "failed");
    let is_get = |request: &Request<bytes::Bytes>| request.method() != http::Method::DELETE;
    assert!(instance.fake.requests().iter().all(is_get));
    // The key is free again.
    let again = instance.send(removal());
    assert!(!again.headers().contains_key("idempotent-replayed"));
    assert_eq!(stored(&instance), (2, 2));
}

/// A lock that is asked for with this preference.
fn preferring(preference: &'static str) -> Request<&'static str> {
    with(lock(), ("prefer", preference))
}

/// Has the token fetched, by a command that is carried out.
fn fetch_token(instance: &Instance) {
    instance.fake.answer(UNLOCK, 200, DONE);
    let unlock = with(request(ALL, "POST", UNLOCK), ("sc-user-id", "u-1"));
    assert_eq!(instance.send(unlock).status(), 200);
}

/// The record of an answer's action, once it has ended.
fn ended(instance: &Instance, answer: &Response) -> Value {
    instance
        .fake
        .run(async { instance.fake.sleep(400 * SECOND).await });
    instance.record(answer)
}

#[test]
fn command_that_takes_longer_than_its_caller_waits_is_accepted_and_goes_on() {
    let instance = Instance::new();
    instance.fake.set_variable("command_deadline", "25");
    instance.fake.answer(LOCK, 200, DONE);
    fetch_token(&instance);
    instance.fake.latency(60 * SECOND);
    let answer = instance.fake.run(async {
        let began = instance.fake.now();
        let answer = instance.answer(lock()).await;
        assert_eq!(instance.fake.now().since(began), 25 * SECOND);
        let path = format!("/v3/commands/{}", action_id(&answer));
        let record = instance.answer(request(ALL, "GET", &path)).await;
        let record = body(&record)["data"]["attributes"].clone();
        assert_eq!(record["outcome"], "running");
        // The key stands for it.
        let again = instance.answer(lock()).await;
        assert_eq!(error(&again), edge(409, "REQUEST_IN_PROGRESS"));
        answer
    });
    assert_eq!(answer.status(), 202);
    let path = format!("/v3/commands/{}", action_id(&answer));
    assert_eq!(answer.headers()["location"], *path);
    assert!(!answer.headers().contains_key("preference-applied"));
    let shown = body(&answer);
    assert_eq!(shown["data"]["attributes"]["outcome"], "running");
    assert_eq!(shown["links"]["self"], path);
    let record = ended(&instance, &answer);
    assert_eq!(record["outcome"], "succeeded");
    assert_eq!(record["smartcarExecutionId"], "exec-1");
    // What came of it is what the key stands for now.
    let replayed = instance.send(lock());
    assert_eq!(
        (replayed.status().as_u16(), replayed.body()),
        (200, &DONE.into())
    );
    assert_eq!(instance.fake.requests_to(LOCK), 1);
}

#[test]
fn command_that_ends_while_its_caller_waits_is_answered_as_ever() {
    let instance = Instance::new();
    instance.fake.set_variable("command_deadline", "25");
    instance.fake.answer(LOCK, 200, DONE);
    let answer = instance.send(lock());
    assert_eq!(
        (answer.status().as_u16(), answer.body()),
        (200, &DONE.into())
    );
    assert_eq!(instance.record(&answer)["outcome"], "succeeded");
}

#[test]
fn command_is_accepted_at_once_where_its_caller_prefers_that() {
    for (preference, waits) in [("respond-async", 0), ("respond-async, wait=10", 10)] {
        let instance = Instance::new();
        instance.fake.answer(LOCK, 200, DONE);
        fetch_token(&instance);
        instance.fake.latency(60 * SECOND);
        let answer = instance.fake.run(async {
            let began = instance.fake.now();
            let answer = instance.answer(preferring(preference)).await;
            let waited = instance.fake.now().since(began).as_secs();
            assert_eq!(waited, waits, "{preference}");
            answer
        });
        assert_eq!(answer.status(), 202);
        assert_eq!(answer.headers()["preference-applied"], "respond-async");
        assert_eq!(ended(&instance, &answer)["outcome"], "succeeded");
    }
}

#[test]
fn command_that_is_refused_before_it_is_sent_is_not_accepted() {
    let instance = Instance::with_keys(&[key("none", &["read_battery"])]);
    let forbidden = with(request("none", "POST", LOCK), ("prefer", "respond-async"));
    assert_eq!(instance.send(forbidden).status(), 403);
    let destination = "/v3/vehicles/v-1/commands/navigation/set-destination";
    let malformed = with(
        request(ALL, "POST", destination),
        ("prefer", "respond-async"),
    );
    assert_eq!(instance.send(malformed).status(), 400);
}

#[test]
fn slow_answer_is_read_to_its_end_where_the_caller_does_not_wait() {
    let instance = slow(&[("sc-request-id", "r-1")], DONE);
    let answer = instance.send(preferring("respond-async"));
    assert_eq!(answer.status(), 202);
    let record = ended(&instance, &answer);
    assert_eq!(record["outcome"], "succeeded");
    assert_eq!(record["smartcarRequestId"], "r-1");
}

#[test]
fn command_whose_answer_is_lost_after_it_was_accepted_is_unknown() {
    let instance = Instance::new();
    instance.fake.fail(LOCK, Sent::Maybe);
    let answer = instance.send(preferring("respond-async"));
    assert_eq!(answer.status(), 202);
    let record = ended(&instance, &answer);
    assert_eq!(record["outcome"], "unknown");
}
