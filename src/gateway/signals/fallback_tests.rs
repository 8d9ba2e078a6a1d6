//! Signals while Smartcar or the store fails.

use crate::{
    signals::tests::{ALL_SIGNALS, LOCKED, cache_status, get, reported, shown, value},
    testing::{ALL, Instance, SECOND, body, edge, error, request, with},
};
use serde_json::json;
use smartcar::{Clock, testing::Reply};
use store::StoreError;

/// A vehicle whose reported value is old, and a Smartcar that answers so from now on.
fn old(status: u16, content_type: &str) -> Instance {
    let instance = Instance::new();
    instance.report("v-1", "u-1", "closure-islocked", &json!({"value": true}));
    instance.fake.advance(SECOND * 1000);
    let headers = vec![("content-type", content_type.to_owned())];
    let reply = Reply::Answer(status, headers, "{}".to_owned());
    instance.fake.reply(LOCKED, reply);
    instance
}

/// An instance whose database was taken over by a newer version of this application.
fn without_store(instance: &Instance) -> Instance {
    instance.store();
    let database = instance.database.raw();
    database.pragma_update(None, "user_version", 99).unwrap();
    instance.another()
}

#[test]
fn signal_that_is_old_stands_in_where_smartcar_is_down_or_limits() {
    for (status, is_failure) in [
        (429, true),
        (430, true),
        (500, true),
        (501, false),
        (502, true),
        (404, false),
        (403, false),
    ] {
        let answer = get(&old(status, "application/json"), LOCKED, "");
        if is_failure {
            assert_eq!(answer.status(), 200, "{status}");
            assert_eq!(value(&answer), true, "{status}");
            assert_eq!(answer.headers()["age"], "1000", "{status}");
        } else {
            assert_eq!(answer.status(), status);
            assert_eq!(cache_status(&answer), "smartcar-edge; fwd=stale");
        }
    }
}

#[test]
fn signal_that_is_old_stands_in_for_an_answer_that_is_not_smartcar_s() {
    let instance = old(200, "text/html");
    let answer = get(&instance, LOCKED, "");
    let source = "smartcar-edge; fwd=stale; detail=stale-if-error";
    assert_eq!(cache_status(&answer), source);
    assert_eq!(value(&answer), true);
    let answer = get(&instance, LOCKED, "no-cache");
    assert_eq!(error(&answer), edge(502, "UNREADABLE_ANSWER"));
}

#[test]
fn signal_that_is_old_does_not_stand_in_for_one_in_other_units() {
    let instance = old(503, "application/json");
    let imperial = with(request(ALL, "GET", LOCKED), ("sc-unit-system", "imperial"));
    let answer = instance.send(imperial);
    assert_eq!(answer.status(), 503);
    assert_eq!(cache_status(&answer), "smartcar-edge; fwd=bypass");
}

#[test]
fn signal_is_answered_in_time_whatever_has_to_be_asked() {
    let instance = Instance::new();
    instance
        .fake
        .answer("/v3/connections", 200, r#"{"data":[]}"#);
    instance.fake.latency(SECOND * 4);
    let began = instance.fake.now();
    // A token, the connections of real vehicles and those of simulated ones.
    let answer = get(&instance, LOCKED, "");
    assert_eq!(instance.fake.now().since(began), SECOND * 10);
    assert_eq!(error(&answer), edge(502, "SMARTCAR_UNREACHABLE"));
}

#[test]
fn signal_is_read_from_smartcar_where_the_store_cannot_be_read() {
    let instance = without_store(&reported());
    let named = with(request(ALL, "GET", LOCKED), ("sc-user-id", "u-1"));
    let answer = instance.send(named);
    assert_eq!(cache_status(&answer), "smartcar-edge; fwd=miss");
    assert_eq!(value(&answer), false);
}

#[test]
fn owner_is_looked_up_where_the_store_cannot_be_read() {
    let instance = without_store(&reported());
    let connections = "/v3/connections";
    let connection = json!({"data": [{"id": "c-1", "type": "connection", "attributes": {},
        "relationships": {"user": {"data": {"id": "u-1"}}, "vehicle": {"data": {"id": "v-1"}}}}],
        "links": {"next": null}});
    instance
        .fake
        .answer(connections, 200, &connection.to_string());
    assert_eq!(value(&get(&instance, LOCKED, "")), false);
    // Nothing can be remembered.
    let looked_up = instance.fake.requests_to(connections);
    assert_eq!(value(&get(&instance, LOCKED, "")), false);
    assert_eq!(instance.fake.requests_to(connections), looked_up * 2);
}

#[test]
fn list_of_signals_is_not_whole_where_a_signal_could_not_be_kept() {
    let instance = reported();
    let list = json!({"data": [shown("a-b", &json!(1))]});
    instance.fake.answer(ALL_SIGNALS, 200, &list.to_string());
    instance.fake.advance(SECOND);
    instance.database.fail_write(0, StoreError::Full);
    let answer = get(&instance, ALL_SIGNALS, "");
    assert_eq!(body(&answer)["data"][0]["id"], "a-b");
    let again = get(&instance, ALL_SIGNALS, "");
    assert_eq!(cache_status(&again), "smartcar-edge; fwd=miss");
    let kept = get(&instance, ALL_SIGNALS, "");
    assert_eq!(cache_status(&kept), "smartcar-edge; hit");
}
