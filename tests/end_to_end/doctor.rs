//! What the doctor finds at Smartcar.

use serde_json::{Value, json};
use simulator::{FIRST_USER, FIRST_VEHICLE, UNPLUGGED_VEHICLE, WEBHOOK};
use std::time::Duration;
use support::{App, Options, eventually};

/// The codes of what is found.
fn codes(of: &Value) -> Vec<String> {
    let findings = of["findings"].as_array().unwrap().iter();
    let codes = findings.map(|found| found["code"].as_str().unwrap().to_owned());
    codes.collect()
}

/// What the doctor finds when it examines again.
fn examined(app: &App) -> Value {
    // Before the first request there is no database.
    app.call("GET", "/status", &[], "");
    app.database().make_chores_due();
    let answer = app.call("GET", "/v3/doctor", &[], "");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn doctor_says_what_is_to_be_put_right_at_smartcar_until_nothing_is() {
    let app = App::start();
    let found = examined(&app);
    assert_eq!(codes(&found), ["NOT_SUBSCRIBED"]);
    assert_eq!(found["findings"][0]["details"]["vehicles"], 3);
    assert_eq!(found["webhook"]["id"], WEBHOOK);
    for connection in app.call("GET", "/v3/connections", &[], "").json()["data"]
        .as_array()
        .unwrap()
    {
        let id = |name: &str| connection["relationships"][name]["data"]["id"].clone();
        let ids = json!({"webhookId": WEBHOOK, "userId": id("user"), "vehicleId": id("vehicle")});
        let body = json!({"data": {"attributes": ids}}).to_string();
        let answer = app.call("POST", "/v3/subscriptions", &[], &body);
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    let found = examined(&app);
    assert_eq!(codes(&found), [""; 0]);
    assert_eq!(
        (&found["connections"], &found["subscriptions"]),
        (&json!(3), &json!(3))
    );

    let control = |settings: Value| app.smartcar.control("PUT", "/webhook", &settings);
    let callback = app.url("/webhooks");
    control(json!({"callbackUri": callback, "isEnabled": false, "data": []}));
    let found = examined(&app);
    assert_eq!(codes(&found), ["WEBHOOK_DISABLED", "WEBHOOK_WITHOUT_DATA"]);
    // All nodes tell it until the next time.
    let node = app.second_host();
    let told = node.call("GET", "/v3/doctor", &[], "").json();
    assert_eq!(told, found);
    control(json!({"callbackUri": callback, "errorCallbackUri": "http://127.0.0.1:9/errors"}));
    assert_eq!(codes(&examined(&app)), ["ERROR_URI_ELSEWHERE"]);
    control(json!({"callbackUri": "http://127.0.0.1:9/webhooks"}));
    let found = examined(&app);
    assert_eq!(codes(&found), ["WEBHOOK_ELSEWHERE"]);
    assert_eq!(found["webhook"]["origin"], "http://127.0.0.1:9");
}

#[test]
fn doctor_compares_the_permissions_of_a_connection_with_a_key() {
    // printf '%s' key-for-everything | openssl dgst -sha256
    let hash = "eb300d2cb2d7d4f5e6b375f200d8aa6ae2cbbef99da421d60cfe94c872c91111";
    let scopes = [
        "read_status",
        "control_security",
        "read_battery",
        "read_fuel",
    ];
    let keys = json!([{"name": "app", "sha256": hash, "scopes": scopes}]).to_string();
    let app = App::start_with(Options {
        variables: vec![("API_KEYS", keys)],
        ..Options::default()
    });
    let permissions = format!("/vehicles/{FIRST_VEHICLE}/permissions");
    let held = json!(["read_battery"]);
    app.smartcar.control("PUT", &permissions, &held);
    let found = examined(&app);
    assert_eq!(codes(&found), ["NOT_SUBSCRIBED", "PERMISSIONS_MISSING"]);
    let details = json!({"vehicles": 1, "vehicleIds": [FIRST_VEHICLE],
        "permissions": ["control_security"]});
    assert_eq!(found["findings"][1]["details"], details);
}

#[test]
fn doctor_comes_by_itself_after_an_answer_and_once() {
    let app = App::start_with(Options {
        variables: vec![("DOCTOR", "true".to_owned())],
        ..Options::default()
    });
    let status = || app.call("GET", "/status", &[], "").json()["doctor"].clone();
    let found = eventually("the doctor has come", || {
        Some(status()).filter(|found| found["ranAt"].is_string())
    });
    assert_eq!(codes(&found), ["NOT_SUBSCRIBED"]);
    assert_eq!(status(), found);
    assert_eq!(app.smartcar.count("/v3/subscriptions", 200), 1);
}

#[test]
fn vehicle_whose_owner_has_left_elsewhere_is_forgotten_and_on_the_record() {
    let app = App::start();
    let vehicles = [FIRST_VEHICLE, UNPLUGGED_VEHICLE];
    for vehicle in vehicles {
        let order = json!({"vehicleId": vehicle});
        app.smartcar.control("POST", "/deliveries", &order);
    }
    app.smartcar.delivered(2);
    assert_eq!(app.database().count_vehicles(), 2);
    let is_missed = |found: &Value| codes(found).contains(&"ACCESS_ENDED".to_owned());
    assert!(!is_missed(&examined(&app)));

    let connection = format!("/vehicles/{FIRST_VEHICLE}/connection");
    app.smartcar.control("DELETE", &connection, &Value::Null);
    // Twice in a row is not enough.
    for _ in 0..2 {
        let found = examined(&app);
        assert!(is_missed(&found), "{found}");
        assert_eq!(
            (&found["forgotten"], app.database().count_vehicles()),
            (&json!(0), 2)
        );
    }
    let hour = Duration::from_secs(60 * 60);
    app.database().age_vehicles(hour);
    app.database().age_missing_vehicles(hour);
    let found = examined(&app);
    assert_eq!((&found["forgotten"], is_missed(&found)), (&json!(1), false));
    let known = app.call("GET", "/v3/vehicles", &[], "").json();
    assert_eq!(known["data"].as_array().unwrap().len(), 1);
    assert_eq!(known["data"][0]["id"], UNPLUGGED_VEHICLE);
    let signals = app.signal(FIRST_VEHICLE, "odometer-traveleddistance");
    assert_eq!(signals.status, 404, "{signals:?}");
    let path = "/v3/audit?filter[caller]=reconciliation";
    let audit = app.call("GET", path, &[], "").json();
    let records = audit["data"].as_array().unwrap();
    assert_eq!(records.len(), 1, "{audit}");
    let record = &records[0]["attributes"];
    let of = [
        &record["kind"],
        &record["vehicleId"],
        &record["userId"],
        &record["outcome"],
    ];
    assert_eq!(
        of,
        ["forget-vehicle", FIRST_VEHICLE, FIRST_USER, "succeeded"]
    );
}
