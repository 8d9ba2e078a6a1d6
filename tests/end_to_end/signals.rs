//! Signals: from the store where that is fresh enough, else from Smartcar.

use serde_json::{Value, json};
use simulator::{FIRST_USER, FIRST_VEHICLE, SECOND_USER};
use std::time::Duration;
use support::{Answer, App, Options, cache_status, edge, now, signal, vehicle_state};

const SIGNALS: &str = "/v3/vehicles/{vehicleId}/signals";
const SIGNAL: &str = "/v3/vehicles/{vehicleId}/signals/{signalCode}";
const LOCKED: &str = "closure-islocked";

/// An app with the time to live that an operator gets who says nothing.
fn app() -> App {
    App::start_with(Options {
        variables: vec![("SIGNALS_MAX_AGE", "300".into())],
        ..Options::default()
    })
}

fn read(app: &App, code: &str, headers: &[(&str, &str)]) -> Answer {
    let path = match code {
        "" => SIGNALS.replace("{vehicleId}", FIRST_VEHICLE),
        code => format!("/v3/vehicles/{FIRST_VEHICLE}/signals/{code}"),
    };
    app.call("GET", &path, headers, "")
}

fn age(answer: &Answer) -> u64 {
    let age = answer.headers["age"].to_str().unwrap();
    age.parse().unwrap()
}

/// Makes everything that is stored older.
fn pass(app: &App, seconds: u64) {
    let by = Duration::from_secs(seconds);
    app.database().age_signals(by);
    app.database().age_listings(by);
}

fn deliver(app: &App) {
    app.smartcar
        .control("POST", "/deliveries", &json!({"vehicleId": FIRST_VEHICLE}));
    app.smartcar.delivered(1);
}

#[test]
fn delivery_answers_until_it_is_too_old() {
    let app = app();
    assert_eq!(
        cache_status(&read(&app, "", &[])),
        "smartcar-edge; fwd=miss"
    );
    pass(&app, 400);
    deliver(&app);
    for code in [LOCKED, ""] {
        let hit = read(&app, code, &[]);
        assert_eq!(cache_status(&hit), "smartcar-edge; hit");
        assert!(age(&hit) < 60);
    }
    assert_eq!(app.smartcar.count(SIGNALS, 200), 1);

    pass(&app, 200);
    let hit = read(&app, LOCKED, &[]);
    assert_eq!(cache_status(&hit), "smartcar-edge; hit");
    assert!((200..260).contains(&age(&hit)));
    let fresher = [("cache-control", "max-age=100")];
    let stale = read(&app, LOCKED, &fresher);
    assert_eq!(cache_status(&stale), "smartcar-edge; fwd=request");
    // What Smartcar said then answers now.
    assert_eq!(
        cache_status(&read(&app, LOCKED, &fresher)),
        "smartcar-edge; hit"
    );

    pass(&app, 200);
    assert_eq!(
        cache_status(&read(&app, "", &[])),
        "smartcar-edge; fwd=stale"
    );
    assert_eq!(cache_status(&read(&app, "", &[])), "smartcar-edge; hit");
    assert_eq!(app.smartcar.count(SIGNALS, 200), 3);
}

/// A list in the order of its codes, and without what only Smartcar knows: when it took a
/// value in.
fn comparable(list: &Answer) -> Value {
    let mut list = list.json();
    let data = list["data"].as_array_mut().unwrap();
    data.sort_by_key(|signal| signal["id"].as_str().unwrap().to_owned());
    for signal in data {
        let ingested_at = signal["meta"]["ingestedAt"].take();
        assert_eq!(
            ingested_at.as_str().unwrap().len(),
            "2026-01-01T00:00:00.000Z".len()
        );
    }
    list
}

#[test]
fn signal_that_was_never_reported_is_asked_for_once() {
    let app = app();
    let miss = read(&app, "", &[]);
    assert_eq!(cache_status(&miss), "smartcar-edge; fwd=miss");
    let hit = read(&app, "", &[]);
    assert_eq!(cache_status(&hit), "smartcar-edge; hit");
    assert_eq!(cache_status(&read(&app, LOCKED, &[])), "smartcar-edge; hit");
    assert_eq!(app.smartcar.count(SIGNALS, 200), 1);

    // Both sources tell the same, in the same shape.
    assert_eq!(comparable(&miss), comparable(&hit));
    for name in [
        "content-type",
        "sc-unit-system",
        "sc-data-age",
        "sc-fetched-at",
    ] {
        assert_eq!(miss.headers[name], hit.headers[name], "{name}");
    }
    let now = read(&app, LOCKED, &[("cache-control", "no-cache")]);
    let hit = read(&app, LOCKED, &[]);
    let one = |answer: &Answer| {
        let mut answer = answer.json();
        answer["data"]["meta"]["ingestedAt"].take();
        answer
    };
    assert_eq!(one(&now), one(&hit));
    assert_eq!(now.headers["sc-data-age"], hit.headers["sc-data-age"]);
    assert_eq!(now.headers["sc-fetched-at"], hit.headers["sc-fetched-at"]);
}

#[test]
fn signal_that_smartcar_lists_no_more_does_not_make_every_list_stale() {
    let app = app();
    let odd = [signal("odd-signal", 1, 1, 1)];
    let state = vehicle_state("e-1", FIRST_VEHICLE, 1_790_000_000_000, &odd);
    let state = state.replace("user-of-tests", FIRST_USER);
    app.try_deliver(&state).unwrap();
    pass(&app, 1000);
    assert_eq!(
        cache_status(&read(&app, "", &[])),
        "smartcar-edge; fwd=miss"
    );
    let list = read(&app, "", &[]);
    assert_eq!(cache_status(&list), "smartcar-edge; hit");
    assert!(!list.body.contains("odd-signal"), "{list:?}");
    // By itself it is as old as it is.
    let alone = read(&app, "odd-signal", &[("cache-control", "only-if-cached")]);
    assert_eq!(alone.error(), edge(504, "NOT_STORED"));
}

#[test]
fn caller_decides_whether_smartcar_is_asked() {
    let app = app();
    let only = [("cache-control", "only-if-cached")];
    assert_eq!(read(&app, LOCKED, &only).error(), edge(504, "NOT_STORED"));
    deliver(&app);
    assert_eq!(
        cache_status(&read(&app, LOCKED, &only)),
        "smartcar-edge; hit"
    );
    let now = [("cache-control", "no-cache")];
    assert_eq!(
        cache_status(&read(&app, LOCKED, &now)),
        "smartcar-edge; fwd=request"
    );
    // In other units nothing is stored.
    let imperial = [("sc-unit-system", "imperial")];
    for _ in 0..2 {
        let answer = read(&app, LOCKED, &imperial);
        assert_eq!(cache_status(&answer), "smartcar-edge; fwd=bypass");
    }
    assert_eq!(app.smartcar.count(SIGNAL, 200), 3);
    let bad = [("sc-unit-system", "nautical")];
    assert_eq!(read(&app, LOCKED, &bad).error(), edge(400, "INVALID_INPUT"));
}

#[test]
fn old_value_is_served_where_smartcar_fails() {
    let app = app();
    deliver(&app);
    pass(&app, 1000);
    let limit = r#"{"errors":[{"status":"429","type":"RATE_LIMIT","code":"VEHICLE"}]}"#;
    let html = json!({"Content-Type": "text/html"});
    for (fault, status) in [
        (json!({"status": 500, "body": "{}"}), "; fwd-status=500"),
        (
            json!({"status": 503, "body": "<html>", "headers": html}),
            "",
        ),
        (
            json!({"status": 200, "body": "<html>", "headers": html}),
            "",
        ),
        (json!({"cut": true}), ""),
        (json!({"cutAfterBytes": 5}), ""),
        (json!({"status": 429, "body": limit}), "; fwd-status=429"),
    ] {
        app.smartcar.fault(SIGNAL, fault.clone());
        let answer = read(&app, LOCKED, &[]);
        let expected = format!("smartcar-edge; fwd=stale{status}; detail=stale-if-error");
        assert_eq!(cache_status(&answer), expected, "{fault}");
        assert!(age(&answer) >= 1000);
        assert_eq!(answer.json()["data"]["id"], LOCKED);
    }
    // The limit is in force now, and so Smartcar is not even asked.
    let asked = app.smartcar.count(SIGNAL, 429);
    let answer = read(&app, LOCKED, &[]);
    assert_eq!(
        cache_status(&answer),
        "smartcar-edge; fwd=stale; detail=stale-if-error"
    );
    assert_eq!(app.smartcar.count(SIGNAL, 429), asked);
    let status = app.call("GET", "/status", &[], "").json();
    assert_eq!(status["limits"][0]["vehicleId"], FIRST_VEHICLE);
    // Who wants no old value gets the error.
    for strict in ["no-cache", "stale-if-error=60"] {
        let refused = read(&app, LOCKED, &[("cache-control", strict)]);
        assert_eq!(refused.error(), edge(429, "RATE_LIMITED"), "{strict}");
    }
}

#[test]
fn refusal_of_smartcar_is_not_a_failure() {
    let app = app();
    deliver(&app);
    pass(&app, 1000);
    let body = r#"{"errors":[{"status":"403","type":"PERMISSION","code":null,"detail":"No."}]}"#;
    let fault = json!({"status": 403, "body": body, "times": 1});
    app.smartcar.fault(SIGNAL, fault);
    let refused = read(&app, LOCKED, &[]);
    assert_eq!((refused.status, refused.body.as_str()), (403, body));
    let unknown = read(&app, "no-suchsignal", &[]);
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.error().1, "RESOURCE_NOT_FOUND");
    // A stored value is its owner's; who names someone else asks Smartcar.
    let other = read(&app, LOCKED, &[("sc-user-id", SECOND_USER)]);
    assert_eq!(other.error().1, "RESOURCE_NOT_FOUND");
}

#[test]
fn newest_of_what_was_read_and_what_was_delivered_wins() {
    let app = app();
    let code = "odometer-traveleddistance";
    let value = |app: &App| {
        let answer = read(app, code, &[("cache-control", "max-age=1000000000")]);
        answer.json()["data"]["attributes"]["body"]["value"].clone()
    };
    let fetched = read(&app, code, &[]);
    let before = value(&app);
    let observed = &fetched.json()["data"]["meta"]["oemUpdatedAt"];
    assert!(observed.is_string(), "{fetched:?}");
    let now = now();
    let deliver = |event: &str, value: i64, at: i64| {
        let state = vehicle_state(event, FIRST_VEHICLE, at, &[signal(code, value, at, at)]);
        let state = state.replace("user-of-tests", FIRST_USER);
        assert_eq!(app.try_deliver(&state).unwrap().status, 200);
    };
    deliver("e-1", 7, now - 3_600_000);
    assert_eq!(value(&app), before, "an older delivery changes nothing");
    deliver("e-2", 8, now + 1000);
    assert_eq!(value(&app), 8);
    read(&app, code, &[("cache-control", "no-cache")]);
    assert_eq!(value(&app), 8, "what Smartcar's API says is older");
}

#[test]
fn key_sees_of_a_fetched_list_what_its_scopes_name() {
    // printf '%s' security-key | openssl dgst -sha256
    let keys = format!(
        r#"[{{"name":"security","sha256":"{}","scopes":["read_security"]}}]"#,
        "3b676ae1beb4a73d8a64824764522f3e273a782319f293594390a1f0b5480ea9"
    );
    let app = App::start_with(Options {
        variables: vec![("API_KEYS", keys)],
        ..Options::default()
    });
    let path = SIGNALS.replace("{vehicleId}", FIRST_VEHICLE);
    let bearer = [("authorization", "Bearer security-key")];
    for expected in ["smartcar-edge; fwd=miss", "smartcar-edge; hit"] {
        let list = app.send("GET", &path, &bearer, b"");
        assert_eq!(cache_status(&list), expected);
        for signal in list.json()["data"].as_array().unwrap() {
            let code = signal["id"].as_str().unwrap();
            let shown = !signal["attributes"]["body"].is_null();
            let error = &signal["attributes"]["status"]["error"];
            assert_eq!(shown, code.starts_with("closure-"), "{signal}");
            assert_eq!(error["code"] == "MISSING_SCOPE", !shown, "{signal}");
        }
    }
}

#[test]
fn vehicles_that_are_known_are_listed() {
    let app = app();
    let none = app.call("GET", "/v3/vehicles", &[], "").json();
    assert_eq!(none["data"], json!([]));
    deliver(&app);
    let state = vehicle_state("e-1", "another-vehicle", 1_790_000_000_000, &[]);
    app.try_deliver(&state).unwrap();
    let list = app.call("GET", "/v3/vehicles", &[], "").json();
    let vehicles = list["data"].as_array().unwrap();
    assert_eq!(vehicles.len(), 2);
    let first = &vehicles[0];
    assert_eq!(first["id"], FIRST_VEHICLE);
    assert_eq!(first["attributes"]["make"], "VOLVO");
    assert_eq!(first["relationships"]["user"]["data"]["id"], FIRST_USER);
    assert!(first["meta"]["signals"].as_u64().unwrap() >= 10);
    assert!(first["meta"]["lastObservedAt"].is_string());
    let page = app.call("GET", "/v3/vehicles?page[size]=1", &[], "").json();
    let next = page["links"]["next"].as_str().unwrap();
    let next = app.call("GET", next, &[], "").json();
    assert_eq!(next["data"][0]["id"], "another-vehicle");
    assert_eq!(next["links"]["next"], Value::Null);
}
