//! Signals from the store where that is fresh enough, else from Smartcar.

use crate::testing::{
    ALL, Instance, SECOND, body, edge, error, key, request, restricted_key, with,
};
use edge::Response;
use serde_json::{Value, json};
use smartcar::{Sent, testing::Reply};
use std::time::Duration;
use store::StoreError;

pub(crate) const ALL_SIGNALS: &str = "/v3/vehicles/v-1/signals";
pub(crate) const LOCKED: &str = "/v3/vehicles/v-1/signals/closure-islocked";
const VALUE: &str = r#"{"value":true}"#;

/// A signal as Smartcar's API shows it.
pub(crate) fn shown(code: &str, value: &Value) -> Value {
    json!({"id": code, "type": "signal", "attributes": {
        "code": code, "status": {"value": "SUCCESS"}, "body": {"value": value}}})
}

/// What Smartcar says of the car's lock from now on.
pub(crate) fn smartcar_says(instance: &Instance, is_locked: bool) {
    let answer = json!({"data": shown("closure-islocked", &json!(is_locked)),
        "included": {"vehicle": {"id": "v-1", "attributes": {"make": "TESLA"}}}});
    instance.fake.answer(LOCKED, 200, &answer.to_string());
}

/// A car of u-1 that has reported that it is locked.
pub(crate) fn reported() -> Instance {
    let instance = Instance::new();
    let value = serde_json::from_str(VALUE).unwrap();
    instance.report("v-1", "u-1", "closure-islocked", &value);
    smartcar_says(&instance, false);
    instance
}

pub(crate) fn get(instance: &Instance, path: &str, cache_control: &str) -> Response {
    instance.send(with(
        request(ALL, "GET", path),
        ("cache-control", cache_control),
    ))
}

pub(crate) fn cache_status(answer: &Response) -> &str {
    answer.headers()["cache-status"].to_str().unwrap()
}

pub(crate) fn value(answer: &Response) -> Value {
    body(answer)["data"]["attributes"]["body"]["value"].clone()
}

#[test]
fn signal_that_is_fresh_comes_from_the_store_in_smartcar_s_shape() {
    let instance = reported();
    instance.fake.advance(SECOND * 300);
    let answer = get(&instance, LOCKED, "");
    assert_eq!(cache_status(&answer), "smartcar-edge; hit");
    assert_eq!(answer.headers()["age"], "300");
    assert_eq!(instance.fake.requests().len(), 0);
    let body = body(&answer);
    let data = &body["data"];
    assert_eq!(data["id"], "closure-islocked");
    assert_eq!(data["attributes"]["status"], json!({"value": "SUCCESS"}));
    assert_eq!(data["attributes"]["body"], json!({"value": true}));
    assert_eq!(data["links"]["self"], LOCKED);
    assert_eq!(body["included"]["vehicle"]["id"], "v-1");
}

#[test]
fn signal_that_is_old_comes_from_smartcar_and_is_kept() {
    let instance = reported();
    instance.fake.advance(SECOND * 301);
    let answer = get(&instance, LOCKED, "");
    assert_eq!(cache_status(&answer), "smartcar-edge; fwd=stale");
    assert_eq!(value(&answer), false);
    let asked = instance.fake.requests_to(LOCKED);
    // Another instance finds it, and what it says of the car.
    let other = instance.another();
    let answer = get(&other, LOCKED, "");
    assert_eq!(cache_status(&answer), "smartcar-edge; hit");
    assert_eq!(value(&answer), false);
    let make = body(&answer)["included"]["vehicle"]["attributes"]["make"].clone();
    assert_eq!(make, "TESLA");
    assert_eq!(instance.fake.requests_to(LOCKED), asked);
}

#[test]
fn signal_comes_from_where_the_request_says() {
    for (cache_control, expected, is_locked) in [
        ("max-age=60", "smartcar-edge; hit", true),
        ("max-age=5", "smartcar-edge; fwd=request", false),
        ("no-cache", "smartcar-edge; fwd=request", false),
    ] {
        let instance = reported();
        instance.fake.advance(SECOND * 10);
        let answer = get(&instance, LOCKED, cache_control);
        assert_eq!(cache_status(&answer), expected, "{cache_control}");
        assert_eq!(value(&answer), is_locked, "{cache_control}");
    }
    let instance = reported();
    // What is asked for in other units, or with parameters, is not what is stored.
    let imperial = with(request(ALL, "GET", LOCKED), ("sc-unit-system", "imperial"));
    assert_eq!(
        cache_status(&instance.send(imperial)),
        "smartcar-edge; fwd=bypass"
    );
    let answer = get(&instance, LOCKED, "");
    assert_eq!(
        cache_status(&answer),
        "smartcar-edge; hit",
        "it was not kept"
    );
    assert_eq!(value(&answer), true);
}

#[test]
fn signal_that_is_not_to_be_kept_is_not() {
    let instance = Instance::new();
    instance.owner("v-1", "u-1");
    smartcar_says(&instance, true);
    for _ in 0..2 {
        let answer = get(&instance, LOCKED, "no-store");
        assert_eq!(cache_status(&answer), "smartcar-edge; fwd=miss");
    }
}

#[test]
fn signal_is_not_fetched_where_only_the_store_is_wanted() {
    let instance = reported();
    let hit = get(&instance, LOCKED, "only-if-cached");
    assert_eq!(value(&hit), true);
    instance.fake.advance(SECOND * 301);
    let none = get(&instance, LOCKED, "only-if-cached");
    assert_eq!(error(&none), edge(504, "NOT_STORED"));
    assert_eq!(instance.fake.requests().len(), 0);
}

#[test]
fn list_says_that_it_is_a_part_where_only_the_store_is_wanted() {
    let instance = reported();
    instance.fake.advance(SECOND * 100);
    instance.report("v-1", "u-1", "charge-ischarging", &json!({"value": false}));
    let codes = |answer: &Response| {
        let body = body(answer);
        let codes = body["data"].as_array().unwrap().iter();
        codes
            .map(|signal| signal["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // Smartcar has never listed what else there is.
    let part = get(&instance, ALL_SIGNALS, "only-if-cached");
    assert_eq!(cache_status(&part), "smartcar-edge; hit; detail=partial");
    assert_eq!(part.headers()["age"], "100");
    assert_eq!(codes(&part), ["charge-ischarging", "closure-islocked"]);
    let fresh = get(&instance, ALL_SIGNALS, "only-if-cached, max-age=50");
    assert_eq!(cache_status(&fresh), "smartcar-edge; hit; detail=partial");
    assert_eq!(codes(&fresh), ["charge-ischarging"]);
    instance.fake.advance(SECOND);
    for cache_control in ["only-if-cached, max-age=0", "only-if-cached, no-cache"] {
        let none = get(&instance, ALL_SIGNALS, cache_control);
        assert_eq!(error(&none), edge(504, "NOT_STORED"), "{cache_control}");
    }
    assert_eq!(instance.fake.requests().len(), 0);
}

#[test]
fn signal_from_the_store_has_smartcar_s_headers() {
    let keys = [key("charge", &["read_charge"])];
    let instance = Instance::with_keys(&keys);
    instance.owner("v-1", "u-1");
    let mut signal = shown("closure-islocked", &json!(true));
    let [recorded, fetched] = ["2023-11-14T21:55:53.000Z", "2023-11-14T22:03:53.743Z"];
    signal["meta"] = json!({"oemUpdatedAt": recorded, "retrievedAt": fetched});
    let answer = json!({ "data": signal }).to_string();
    instance.fake.answer(LOCKED, 200, &answer);
    get(&instance, LOCKED, "no-cache");
    let hit = get(&instance, LOCKED, "");
    assert_eq!(cache_status(&hit), "smartcar-edge; hit");
    assert_eq!(hit.headers()["sc-unit-system"], "metric");
    assert_eq!(hit.headers()["sc-data-age"], recorded);
    assert_eq!(hit.headers()["sc-fetched-at"], fetched);
    // How old a signal is that the caller may not read is not said.
    let only = ("cache-control", "only-if-cached");
    let hidden = instance.send(with(request("charge", "GET", ALL_SIGNALS), only));
    assert_eq!(hidden.status(), 200);
    assert!(!hidden.headers().contains_key("sc-data-age"));
}

#[test]
fn signal_that_is_old_stands_in_for_a_smartcar_that_fails() {
    for (status, reply) in [
        (
            "; fwd-status=503",
            Reply::Answer(503, vec![], "{}".to_owned()),
        ),
        ("", Reply::Silence(Sent::No)),
    ] {
        let instance = reported();
        instance.fake.advance(SECOND * 1000);
        let other = instance.another();
        let path = "/v3/vehicles/v-1/signals/odometer-traveleddistance";
        instance.report(
            "v-1",
            "u-1",
            "odometer-traveleddistance",
            &json!({"value": 1}),
        );
        other.fake.advance(SECOND * 1000);
        other.fake.reply(path, reply);
        let answer = get(&other, path, "");
        let expected = format!("smartcar-edge; fwd=stale{status}; detail=stale-if-error");
        assert_eq!(cache_status(&answer), expected);
        assert_eq!((answer.status().as_u16(), value(&answer)), (200, json!(1)));
        let limited = get(&other, path, "stale-if-error=999");
        assert!(limited.status().is_server_error());
        let limited = get(&other, path, "no-cache");
        assert!(limited.status().is_server_error());
    }
}

#[test]
fn signal_is_asked_of_smartcar_where_the_store_is_down() {
    let instance = reported();
    let error = || StoreError::Unavailable("gone".to_owned());
    instance.fake.advance(SECOND * 1000);
    for after in 0..3 {
        instance.database.fail_write(after, error());
        let answer = get(&instance, LOCKED, "no-cache");
        assert_eq!(
            (answer.status().as_u16(), value(&answer)),
            (200, json!(false))
        );
    }
}

#[test]
fn signal_of_another_user_s_connection_is_not_shown() {
    let keys = [restricted_key("second", "users", &["u-2"])];
    let instance = Instance::with_keys(&keys);
    let locked = serde_json::from_str(VALUE).unwrap();
    instance.report("v-1", "u-1", "closure-islocked", &locked);
    smartcar_says(&instance, false);
    let answer = instance.send(request("second", "GET", LOCKED));
    // It goes to Smartcar on behalf of the one user whom the key is for.
    assert_eq!(cache_status(&answer), "smartcar-edge; fwd=miss");
    let asked = instance.fake.requests();
    let asked = asked.iter().find(|asked| asked.uri().path() == LOCKED);
    assert_eq!(asked.unwrap().headers()["sc-user-id"], "u-2");
    let named = with(request("second", "GET", LOCKED), ("sc-user-id", "u-1"));
    assert_eq!(error(&instance.send(named)), edge(403, "USER_NOT_ALLOWED"));
}

#[test]
fn signal_without_its_scope_is_refused_and_hidden_in_a_list() {
    let keys = [key("some", &["read_security"])];
    let instance = Instance::with_keys(&keys);
    let path = "/v3/vehicles/v-1/signals/odometer-traveleddistance";
    let refused = instance.send(request("some", "GET", path));
    assert_eq!(error(&refused), edge(403, "MISSING_SCOPE"));
    let list = json!({"data": [shown("closure-islocked", &json!(true)),
        shown("odometer-traveleddistance", &json!(12345))]});
    instance.owner("v-1", "u-1");
    instance.fake.answer(ALL_SIGNALS, 200, &list.to_string());
    for source in ["smartcar-edge; fwd=miss", "smartcar-edge; hit"] {
        let answer = instance.send(request("some", "GET", ALL_SIGNALS));
        assert_eq!(cache_status(&answer), source);
        let text = answer.body().to_vec();
        let text = String::from_utf8(text).unwrap();
        assert!(
            !text.contains("12345") && text.contains("MISSING_SCOPE"),
            "{text}"
        );
    }
}

#[test]
fn signal_keeps_its_value_beside_a_later_error() {
    let instance = Instance::new();
    let locked = serde_json::from_str(VALUE).unwrap();
    instance.report("v-1", "u-1", "closure-islocked", &locked);
    instance.fake.advance(SECOND);
    let failed = json!({"data": {"id": "closure-islocked", "type": "signal", "attributes": {
        "code": "closure-islocked", "status": {"value": "ERROR", "error": {"type": "X"}}}}});
    instance
        .fake
        .reply(LOCKED, Reply::Answer(200, vec![], failed.to_string()));
    get(&instance, LOCKED, "no-cache");
    let answer = get(&instance, LOCKED, "");
    assert_eq!(cache_status(&answer), "smartcar-edge; hit");
    let data = body(&answer)["data"]["attributes"].clone();
    assert_eq!(data["body"], json!({"value": true}));
    assert_eq!(data["status"]["error"]["type"], "X");
}

#[test]
fn list_of_signals_comes_from_the_store_once_smartcar_has_listed_all() {
    let instance = reported();
    let list = json!({"data": [shown("a-b", &json!(1)), shown("closure-islocked", &json!(true))]});
    instance.fake.answer(ALL_SIGNALS, 200, &list.to_string());
    // One that was delivered is not all.
    let answer = get(&instance, ALL_SIGNALS, "");
    assert_eq!(cache_status(&answer), "smartcar-edge; fwd=miss");
    let answer = get(&instance, ALL_SIGNALS, "");
    assert_eq!(cache_status(&answer), "smartcar-edge; hit");
    let stored = body(&answer);
    let codes: Vec<&Value> = stored["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["id"])
        .collect();
    assert_eq!(codes, ["a-b", "closure-islocked"]);
    assert_eq!(stored["meta"]["totalCount"], 2);
    // A list is believed for a day.
    instance.fake.advance(Duration::from_secs(24 * 60 * 60 + 1));
    let late = get(&instance, ALL_SIGNALS, "max-age=9999999");
    assert_eq!(cache_status(&late), "smartcar-edge; fwd=stale");
}

#[test]
fn list_of_signals_that_goes_on_is_not_all() {
    let instance = Instance::new();
    instance.owner("v-1", "u-1");
    let list = json!({"data": [shown("a-b", &json!(1))], "links": {"next": "/v3/more"}});
    instance.fake.answer(ALL_SIGNALS, 200, &list.to_string());
    for _ in 0..2 {
        let answer = get(&instance, ALL_SIGNALS, "");
        assert_eq!(cache_status(&answer), "smartcar-edge; fwd=miss");
    }
}

#[test]
fn signal_code_with_capitals_is_none() {
    let answer = reported().call("GET", "/v3/vehicles/v-1/signals/Closure-IsLocked");
    assert_eq!(error(&answer), edge(400, "INVALID_INPUT"));
}

#[test]
fn signal_read_with_parameters_is_neither_answered_from_the_store_nor_kept() {
    let instance = reported();
    instance.fake.advance(SECOND);
    let answer = get(&instance, &format!("{LOCKED}?x=1"), "");
    assert_eq!(cache_status(&answer), "smartcar-edge; fwd=bypass");
    let imperial = with(request(ALL, "GET", LOCKED), ("sc-unit-system", "imperial"));
    assert_eq!(value(&instance.send(imperial)), false);
    let answer = get(&instance, LOCKED, "");
    assert_eq!(cache_status(&answer), "smartcar-edge; hit");
    assert_eq!(value(&answer), true);
}

#[test]
fn signal_is_for_keys_that_may_read_its_vehicle_and_its_owner_s() {
    let keys = [
        key("commands", &["control_security"]),
        restricted_key("vehicle", "vehicles", &["v-2"]),
        restricted_key("users", "users", &["u-2", "u-3"]),
    ];
    let instance = Instance::with_keys(&keys);
    instance.report("v-1", "u-1", "closure-islocked", &json!({"value": true}));
    let refusal = |key, path| error(&instance.send(request(key, "GET", path)));
    for path in [LOCKED, ALL_SIGNALS] {
        let missing = refusal("commands", path);
        assert_eq!(missing, edge(403, "MISSING_SCOPE"), "{path}");
        let other = refusal("vehicle", path);
        assert_eq!(other, edge(403, "VEHICLE_NOT_ALLOWED"), "{path}");
        let other = refusal("users", path);
        assert_eq!(other, edge(403, "USER_NOT_ALLOWED"), "{path}");
    }
    assert_eq!(instance.fake.requests().len(), 0);
}

#[test]
fn signal_says_no_age_above_the_largest_that_caches_count_to() {
    let instance = reported();
    instance.fake.advance(Duration::from_secs(1 << 32));
    let answer = get(&instance, LOCKED, "max-age=99999999999");
    assert_eq!(cache_status(&answer), "smartcar-edge; hit");
    assert_eq!(answer.headers()["age"], "2147483648");
}
