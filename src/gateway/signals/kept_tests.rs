//! What answers of Smartcar's leave in the store.

use crate::{
    signals::tests::{ALL_SIGNALS, LOCKED, cache_status, get, reported, shown, smartcar_says},
    testing::{Instance, SECOND, body},
};
use serde_json::{Value, json};

fn codes(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().unwrap().iter();
    data.map(|signal| signal["id"].as_str().unwrap()).collect()
}

/// Has Smartcar list these signals from the next time on.
fn smartcar_lists(instance: &Instance, codes: &[&str]) {
    let signals = codes.iter().map(|code| shown(code, &json!(1)));
    let list = json!({"data": signals.collect::<Vec<_>>()}).to_string();
    instance.fake.answer(ALL_SIGNALS, 200, &list);
}

#[test]
fn answer_is_as_old_as_its_request() {
    let instance = reported();
    instance.fake.latency(SECOND * 2);
    get(&instance, LOCKED, "no-cache");
    // Two seconds for a token, and two for the answer.
    let kept = get(&instance, LOCKED, "");
    assert_eq!(kept.headers()["age"], "4");
}

#[test]
fn answer_about_one_signal_makes_no_list() {
    let instance = Instance::new();
    instance.owner("v-1", "u-1");
    smartcar_says(&instance, true);
    get(&instance, LOCKED, "");
    smartcar_lists(
        &instance,
        &["closure-islocked", "odometer-traveleddistance"],
    );
    let list = get(&instance, ALL_SIGNALS, "");
    assert_eq!(cache_status(&list), "smartcar-edge; fwd=miss");
    assert_eq!(codes(&body(&list)).len(), 2);
}

#[test]
fn list_leaves_out_a_signal_that_smartcar_no_longer_lists() {
    let instance = reported();
    smartcar_lists(&instance, &["a-b", "closure-islocked"]);
    smartcar_lists(&instance, &["closure-islocked"]);
    get(&instance, ALL_SIGNALS, "no-cache");
    assert_eq!(codes(&body(&get(&instance, ALL_SIGNALS, ""))).len(), 2);
    instance.fake.advance(SECOND);
    get(&instance, ALL_SIGNALS, "no-cache");
    let list = get(&instance, ALL_SIGNALS, "");
    assert_eq!(cache_status(&list), "smartcar-edge; hit");
    assert_eq!(codes(&body(&list)), ["closure-islocked"]);
    // A signal that is delivered afterwards is listed again.
    instance.fake.advance(SECOND);
    instance.report("v-1", "u-1", "a-b", &json!({"value": 2}));
    let list = body(&get(&instance, ALL_SIGNALS, ""));
    assert_eq!(codes(&list), ["a-b", "closure-islocked"]);
}

#[test]
fn answer_says_what_its_own_vehicle_is_and_no_other_one() {
    for (vehicle, make) in [("v-1", json!("TESLA")), ("v-2", Value::Null)] {
        let instance = Instance::new();
        instance.owner("v-1", "u-1");
        let answer = json!({"data": shown("closure-islocked", &json!(true)),
            "included": {"vehicle": {"id": vehicle, "attributes": {"make": "TESLA"}}}});
        instance.fake.answer(LOCKED, 200, &answer.to_string());
        get(&instance, LOCKED, "");
        let kept = get(&instance, LOCKED, "");
        assert_eq!(cache_status(&kept), "smartcar-edge; hit");
        let kept = &body(&kept)["included"]["vehicle"]["attributes"]["make"];
        assert_eq!(*kept, make, "{vehicle}");
    }
}

#[test]
fn answer_of_smartcar_links_to_this_gateway() {
    let instance = Instance::new();
    instance.owner("v-1", "u-1");
    let mut signal = shown("closure-islocked", &json!(true));
    signal["links"] = json!({"self": format!("https://vehicle.example.com{LOCKED}")});
    let answer = json!({"data": signal}).to_string();
    instance.fake.answer(LOCKED, 200, &answer);
    let answer = get(&instance, LOCKED, "");
    assert_eq!(cache_status(&answer), "smartcar-edge; fwd=miss");
    assert_eq!(body(&answer)["data"]["links"]["self"], LOCKED);
}
