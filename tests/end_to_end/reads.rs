//! Whose signals are shown to whom, when a list is one, and what a read costs.

use serde_json::{Value, json};
use simulator::{
    COMBUSTION_VEHICLE, FIRST_USER, FIRST_VEHICLE, SECOND_USER, UNPLUGGED_VEHICLE, WEBHOOK,
};
use std::time::{Duration, Instant};
use support::{Answer, App, KEY, Options, cache_status, edge, now, signal, vehicle_state};

const SIGNALS: &str = "/v3/vehicles/{vehicleId}/signals";
const SIGNAL: &str = "/v3/vehicles/{vehicleId}/signals/{signalCode}";
const CONNECTIONS: &str = "/v3/connections";
const ODOMETER: &str = "odometer-traveleddistance";
const LOCATION: &str = "location-preciselocation";

/// Restricted keys, beside the one for everything.
fn keys() -> String {
    // printf '%s' NAME-key | openssl dgst -sha256
    json!([
        {"name": "all", "scopes": ["*"], "sha256": "eb300d2cb2d7d4f5e6b375f200d8aa6ae2cbbef99da421d60cfe94c872c91111"},
        {"name": "vehicle", "scopes": ["*"], "vehicles": [FIRST_VEHICLE], "sha256": "ef03e71bfb0dd5ef7f9b7afb7beea9083b680bf33ad9852f2a5e5058a371b68f"},
        {"name": "user", "scopes": ["*"], "users": [FIRST_USER], "sha256": "0845e3658edc1c91bfc9d172eeae3e60417056b1b7fe9909c00e05023adb7f1d"},
        {"name": "second-user", "scopes": ["*"], "users": [SECOND_USER], "sha256": "8092ae3efc36fd174ea75cf0d44bfbc1efd994b5cf03ed8741258ff5d45720da"},
        {"name": "security", "scopes": ["read_security"], "sha256": "3b676ae1beb4a73d8a64824764522f3e273a782319f293594390a1f0b5480ea9"},
        {"name": "info", "scopes": ["read_vehicle_info"], "sha256": "736b017c7da597842b3e8486d90a70149c20b4ceb6a279d3ad4af34f7d47c1ab"},
        {"name": "star", "scopes": ["read*"], "sha256": "5728c2fc1bc24a2e45a6e826005424aee550139d46aad8c4e8682e94e6afd3f3"},
    ])
    .to_string()
}

/// An app with those keys and the time to live that an operator gets by default.
fn app() -> App {
    App::start_with(Options {
        variables: vec![("SIGNALS_MAX_AGE", "300".into()), ("API_KEYS", keys())],
        ..Options::default()
    })
}

/// A read under the key of this name.
fn get(app: &App, key: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let bearer = match key {
        "all" => format!("Bearer {KEY}"),
        key => format!("Bearer {key}-key"),
    };
    let headers = [headers, &[("authorization", bearer.as_str())]].concat();
    app.send("GET", path, &headers, b"")
}

fn list(vehicle: &str) -> String {
    SIGNALS.replace("{vehicleId}", vehicle)
}

fn one(vehicle: &str, code: &str) -> String {
    format!("/v3/vehicles/{vehicle}/signals/{code}")
}

/// A delivery about a vehicle on behalf of a user, sent now.
fn deliver(app: &App, event: &str, vehicle: &str, user: &str, signals: &[Value]) {
    let state = vehicle_state(event, vehicle, now(), signals);
    let state = state.replace("user-of-tests", user);
    assert_eq!(app.try_deliver(&state).unwrap().status, 200);
}

fn count(app: &App, route: &str) -> u64 {
    let requests = app.smartcar.control("GET", "/requests", &Value::Null);
    let routes = requests["routes"].as_array().unwrap().iter();
    routes
        .filter(|asked| asked["route"] == route)
        .map(|asked| asked["count"].as_u64().unwrap())
        .sum()
}

const NEVER: [(&str, &str); 1] = [("cache-control", "only-if-cached, max-age=1000000000")];

#[test]
fn list_of_a_vehicle_that_was_never_listed_is_a_miss() {
    let app = app();
    let at = now();
    let odometer = [signal(ODOMETER, 1, at, at)];
    deliver(&app, "e-1", FIRST_VEHICLE, FIRST_USER, &odometer);
    let path = list(FIRST_VEHICLE);
    let part = get(&app, "all", &path, &NEVER);
    assert_eq!(cache_status(&part), "smartcar-edge; hit; detail=partial");
    assert_eq!(part.json()["meta"]["totalCount"], 1);
    // One signal is known, whatever else there may be.
    let alone = get(&app, "all", &one(FIRST_VEHICLE, ODOMETER), &NEVER);
    assert_eq!(cache_status(&alone), "smartcar-edge; hit");

    let fault = json!({"status": 500, "body": "{}", "times": 4});
    app.smartcar.fault(SIGNALS, fault);
    let failed = get(&app, "all", &path, &[]);
    assert_eq!(failed.status, 500, "a part is no list: {failed:?}");

    app.smartcar.control("PUT", "/faults", &json!([]));
    let miss = get(&app, "all", &path, &[]);
    assert_eq!(cache_status(&miss), "smartcar-edge; fwd=miss");
    let hit = get(&app, "all", &path, &[]);
    assert_eq!(cache_status(&hit), "smartcar-edge; hit");
    assert_eq!(hit.json()["meta"]["totalCount"], 14);
    assert_eq!(hit.json()["meta"]["pageNumber"], 1);
}

#[test]
fn listing_says_for_a_day_which_signals_there_are() {
    let app = app();
    let path = list(FIRST_VEHICLE);
    get(&app, "all", &path, &[]);
    assert_eq!(
        cache_status(&get(&app, "all", &path, &[])),
        "smartcar-edge; hit"
    );
    // Its signals are as fresh as before.
    let over_a_day = Duration::from_secs(25 * 60 * 60);
    app.database().age_listings(over_a_day);
    let any_age = [("cache-control", "max-age=1000000000")];
    let stale = get(&app, "all", &path, &any_age);
    assert_eq!(cache_status(&stale), "smartcar-edge; fwd=stale");
    app.database().age_listings(over_a_day);
    app.smartcar
        .fault(SIGNALS, json!({"status": 502, "body": "{}"}));
    let fallback = get(&app, "all", &path, &any_age);
    let expected = "smartcar-edge; fwd=stale; fwd-status=502; detail=stale-if-error";
    assert_eq!(cache_status(&fallback), expected);
    app.smartcar.control("PUT", "/faults", &json!([]));
    // What would come from a clock that was ahead is no listing.
    app.database().advance_listings(10 * over_a_day);
    let stale = get(&app, "all", &path, &any_age);
    assert_eq!(cache_status(&stale), "smartcar-edge; fwd=stale");
}

#[test]
fn list_has_no_signal_that_smartcar_lists_no_more() {
    let app = app();
    let path = list(FIRST_VEHICLE);
    let listed = get(&app, "all", &path, &[]).json();
    let has = |list: &Value| {
        let signals = list["data"].as_array().unwrap();
        let ids = signals.iter().map(|signal| signal["id"].clone());
        ids.collect::<Vec<_>>()
    };
    assert!(has(&listed).contains(&json!(LOCATION)), "{listed}");
    // The owner has withdrawn all permissions but one.
    let odometer = listed["data"].as_array().unwrap().iter();
    let odometer: Vec<_> = odometer.filter(|s| s["id"] == ODOMETER).collect();
    let body = json!({"data": odometer, "meta": {"totalCount": 1}, "links": {"next": null}});
    let fault = json!({"status": 200, "body": body.to_string()});
    app.smartcar.fault(SIGNALS, fault);
    let asked = get(&app, "all", &path, &[("cache-control", "no-cache")]);
    assert_eq!(cache_status(&asked), "smartcar-edge; fwd=request");
    let stored = get(&app, "all", &path, &[]);
    assert_eq!(cache_status(&stored), "smartcar-edge; hit");
    assert_eq!(has(&stored.json()), [ODOMETER]);
    assert_eq!(stored.json()["meta"]["totalCount"], 1);
    // What is delivered after the list is in it.
    let at = now();
    let place = signal(LOCATION, 1, at, at);
    deliver(&app, "e-1", FIRST_VEHICLE, FIRST_USER, &[place]);
    let stored = get(&app, "all", &path, &[]);
    assert_eq!(cache_status(&stored), "smartcar-edge; hit");
    assert_eq!(has(&stored.json()), [LOCATION, ODOMETER]);
}

#[test]
fn page_of_signals_is_not_another_list() {
    let page = |total: i64, next: Value| {
        let odometer = json!({
            "id": ODOMETER,
            "type": "signal",
            "attributes": {"code": ODOMETER, "status": {"value": "SUCCESS"}, "body": {"value": 7, "unit": "miles"}},
            "meta": {"retrievedAt": "2026-01-01T00:00:00Z"},
        });
        let body =
            json!({"data": [odometer], "meta": {"totalCount": total}, "links": {"next": next}});
        json!({"status": 200, "body": body.to_string(), "times": 1})
    };
    let next = json!("/v3/vehicles/x/signals?page[number]=2");
    for (query, total, next) in [
        ("?page[size]=1", 13, next.clone()),
        ("?unit=imperial", 1, Value::Null),
        ("", 1, next),
        ("", 13, Value::Null),
    ] {
        let app = app();
        let path = list(FIRST_VEHICLE);
        app.smartcar.fault(SIGNALS, page(total, next));
        let paged = get(&app, "all", &format!("{path}{query}"), &[]);
        let why = if query.is_empty() { "miss" } else { "bypass" };
        assert_eq!(
            cache_status(&paged),
            format!("smartcar-edge; fwd={why}"),
            "{query}"
        );
        assert_eq!(paged.json()["data"].as_array().unwrap().len(), 1);
        let whole = get(&app, "all", &path, &[]);
        assert_eq!(
            cache_status(&whole),
            "smartcar-edge; fwd=miss",
            "{query} {total}"
        );
        // Nor is a list that is stored the answer to a query, of one signal or of all.
        for path in [path, one(FIRST_VEHICLE, ODOMETER)] {
            let asked = get(&app, "all", &format!("{path}?page[number]=2"), &[]);
            assert_eq!(cache_status(&asked), "smartcar-edge; fwd=bypass", "{path}");
            let never = get(&app, "all", &format!("{path}?page[number]=2"), &NEVER);
            assert_eq!(never.error(), edge(504, "NOT_STORED"), "{path}");
        }
        // What a parameter does to a value is unknown: it was not stored.
        let value = get(&app, "all", &one(FIRST_VEHICLE, ODOMETER), &NEVER);
        assert_eq!(value.json()["data"]["attributes"]["body"]["unit"], "km");
    }
}

#[test]
fn signals_are_shown_to_the_user_whose_connection_reported_them() {
    let app = app();
    let at = now();
    let vehicle = FIRST_VEHICLE;
    let place = signal(LOCATION, 1, at, at);
    deliver(&app, "e-1", vehicle, SECOND_USER, &[place]);
    // The vehicle changes hands.
    let odometer = signal(ODOMETER, 2, at, at);
    deliver(&app, "e-2", vehicle, FIRST_USER, &[odometer]);

    let second = [NEVER[0], ("sc-user-id", SECOND_USER)];
    let first = [NEVER[0], ("sc-user-id", FIRST_USER)];
    for (code, key, headers, is_shown) in [
        (LOCATION, "all", &NEVER[..], false),
        (LOCATION, "all", &first, false),
        (LOCATION, "user", &NEVER, false),
        (LOCATION, "user", &first, false),
        (LOCATION, "all", &second, true),
        (LOCATION, "second-user", &second, true),
        (ODOMETER, "all", &NEVER, true),
        (ODOMETER, "user", &NEVER, true),
        (ODOMETER, "all", &second, false),
        (ODOMETER, "second-user", &second, false),
    ] {
        let answer = get(&app, key, &one(vehicle, code), headers);
        let expected = if is_shown { 200 } else { 504 };
        assert_eq!(
            answer.status, expected,
            "{code} {key} {headers:?}: {answer:?}"
        );
    }
    let vehicles = get(&app, "user", "/v3/vehicles", &[]).json();
    assert_eq!(vehicles["data"][0]["meta"]["signals"], 1);
    for (key, user) in [("user", SECOND_USER), ("second-user", FIRST_USER)] {
        let other = get(&app, key, &one(vehicle, ODOMETER), &[("sc-user-id", user)]);
        assert_eq!(other.error(), edge(403, "USER_NOT_ALLOWED"), "{key}");
    }
}

#[test]
fn list_of_one_user_is_no_list_of_another() {
    let app = app();
    let path = list(FIRST_VEHICLE);
    let first = [("sc-user-id", FIRST_USER)];
    get(&app, "all", &path, &first);
    assert_eq!(
        cache_status(&get(&app, "all", &path, &first)),
        "smartcar-edge; hit"
    );
    // An error that another user's connection reported is not shown either.
    let mut failed = signal(ODOMETER, 9, now(), now());
    failed["status"] =
        json!({"value": "ERROR", "error": {"type": "PERMISSION", "code": "PLANTED"}});
    deliver(&app, "e-1", FIRST_VEHICLE, SECOND_USER, &[failed]);
    let list = get(&app, "all", &path, &first);
    assert_eq!(cache_status(&list), "smartcar-edge; hit");
    assert!(!list.body.contains("PLANTED"), "{list:?}");
    let second = [NEVER[0], ("sc-user-id", SECOND_USER)];
    let own = get(&app, "all", &one(FIRST_VEHICLE, ODOMETER), &second);
    let own = own.json()["data"]["attributes"].clone();
    assert_eq!(own["status"]["error"]["code"], "PLANTED", "{own}");
    assert_eq!(own["body"]["value"], 9);
    let part = get(&app, "all", &path, &second);
    assert_eq!(cache_status(&part), "smartcar-edge; hit; detail=partial");
    assert_eq!(part.json()["data"].as_array().unwrap().len(), 1);
    // What has become another user's word is missing in the list of the first one.
    let newer = signal(ODOMETER, 10, now(), now());
    deliver(&app, "e-2", FIRST_VEHICLE, SECOND_USER, &[newer]);
    for _ in 0..2 {
        let list = get(&app, "all", &path, &first);
        assert_eq!(cache_status(&list), "smartcar-edge; fwd=miss");
        assert_eq!(list.json()["data"].as_array().unwrap().len(), 14);
    }
}

#[test]
fn read_on_behalf_of_another_user_leaves_the_owner_as_it_is() {
    let app = app();
    let at = now();
    let odometer = [signal(ODOMETER, 1, at, at)];
    let owner = |app: &App| {
        let vehicles = get(app, "all", "/v3/vehicles", &[]).json();
        vehicles["data"][0]["relationships"]["user"]["data"]["id"].clone()
    };
    let body = json!({"data": {"id": LOCATION, "attributes": {"code": LOCATION, "body": {"latitude": 1}}}});
    let fault = json!({"status": 200, "body": body.to_string()});
    app.smartcar.fault(SIGNAL, fault);
    // It is not known whose vehicle it is, and this does not say it either.
    let second = [("sc-user-id", SECOND_USER)];
    let answer = get(&app, "second-user", &one(FIRST_VEHICLE, LOCATION), &second);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(owner(&app), Value::Null);
    deliver(&app, "e-1", FIRST_VEHICLE, FIRST_USER, &odometer);
    let now = [("cache-control", "no-cache"), second[0]];
    let answer = get(&app, "second-user", &one(FIRST_VEHICLE, LOCATION), &now);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(owner(&app), FIRST_USER);
    let past = get(&app, "second-user", &one(FIRST_VEHICLE, ODOMETER), &NEVER);
    assert_eq!(past.error(), edge(504, "NOT_STORED"));
}

#[test]
fn refusal_of_smartcar_s_in_a_look_up_is_passed_on() {
    let app = app();
    for (status, kind, code) in [
        (403, "PERMISSION", Value::Null),
        (430, "BILLING", json!("INVALID_PLAN")),
        (429, "RATE_LIMIT", json!("SMARTCAR_API")),
    ] {
        let error =
            json!({"status": status.to_string(), "type": kind, "code": code, "detail": "No."});
        let headers = json!({"Content-Type": "application/json", "Retry-After": "17"});
        let body = json!({"errors": [error]}).to_string();
        let fault = json!({"status": status, "body": body, "headers": headers});
        app.smartcar.fault(CONNECTIONS, fault);
        for path in [list("v-1"), one("v-1", ODOMETER)] {
            let answer = get(&app, "all", &path, &[]);
            if status == 429 && count(&app, CONNECTIONS) == 5 && path != list("v-1") {
                // The limit is remembered: Smartcar is not asked again.
                assert_eq!(answer.error(), edge(429, "RATE_LIMITED"));
            } else {
                let code = code.as_str().unwrap_or_default();
                assert_eq!(answer.error(), (status, kind.to_owned(), code.to_owned()));
                assert_eq!(answer.json()["errors"][0]["detail"], "No.");
            }
            assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
        }
    }
}

#[test]
fn signal_without_a_usable_code_is_shown_to_a_key_for_all_signals_alone() {
    let planted = |attributes: Value, id: &str| {
        let mut attributes = attributes;
        attributes["body"] = json!({"value": "planted"});
        json!({"id": id, "type": "signal", "attributes": attributes, "meta": {}})
    };
    let data = [
        planted(json!({}), ""),
        planted(json!({"code": 7}), "closure-islocked"),
        planted(json!({"code": null}), LOCATION),
        planted(json!({"code": "Location-PreciseLocation"}), "x"),
        planted(json!({"code": "tomorrow-thing"}), LOCATION),
        planted(json!({"code": "LOCATION-PRECISELOCATION"}), "vehicle-x"),
        planted(json!({"code": " location-preciselocation"}), "vehicle-x"),
        json!("planted"),
        json!({"type": "signal", "attributes": {"body": {"value": "planted"}}}),
    ];
    let body = json!({"data": data, "links": {"next": null}}).to_string();
    let app = app();
    app.smartcar
        .fault(SIGNALS, json!({"status": 200, "body": body}));
    for (key, is_shown) in [
        ("info", false),
        ("security", false),
        ("all", true),
        ("star", true),
    ] {
        let headers = [("sc-user-id", FIRST_USER), ("cache-control", "no-cache")];
        let list = get(&app, key, &list(FIRST_VEHICLE), &headers);
        assert_eq!(list.status, 200, "{key}: {list:?}");
        assert_eq!(list.body.contains("planted"), is_shown, "{key}: {list:?}");
        assert_eq!(list.json()["data"].as_array().unwrap().len(), data.len());
    }
    // What is no list has nothing that could be looked through.
    let body = json!({"data": {"location-preciselocation": "planted"}}).to_string();
    app.smartcar
        .fault(SIGNALS, json!({"status": 200, "body": body}));
    let headers = [("sc-user-id", FIRST_USER), ("cache-control", "no-cache")];
    let refused = get(&app, "info", &list(FIRST_VEHICLE), &headers);
    assert_eq!(refused.error(), edge(502, "UNREADABLE_ANSWER"));
    app.smartcar.control("PUT", "/faults", &json!([]));

    // The same holds for stored ones.
    let path = list(FIRST_VEHICLE);
    get(&app, "all", &path, &[("cache-control", "no-cache")]);
    let mut odd = signal("Location-PreciseLocation", 1, now(), now());
    odd["body"] = json!({"value": "delivered-value"});
    deliver(&app, "e-1", FIRST_VEHICLE, FIRST_USER, &[odd]);
    for (key, is_shown) in [("info", false), ("all", true)] {
        let list = get(&app, key, &path, &[]);
        assert_eq!(cache_status(&list), "smartcar-edge; hit");
        assert_eq!(
            list.body.contains("delivered-value"),
            is_shown,
            "{key}: {list:?}"
        );
    }
}

#[test]
fn list_for_a_restricted_key_is_smartcar_s_in_all_that_it_may_read() {
    let app = app();
    let locked = r#"{"id":"closure-islocked", "attributes":{"code":"closure-islocked","body":{"value":1.50e0,"x":"\ud83d"}}}"#;
    let hidden = r#"{"id":"odometer-traveleddistance","attributes":{"body":{"value":4711}}}"#;
    let body = format!(r#"{{"data":[{locked}, {hidden}],"tomorrow":[ 1e2 ]}}"#);
    app.smartcar
        .fault(SIGNALS, json!({"status": 200, "body": body}));
    let headers = [("sc-user-id", FIRST_USER)];
    let list = get(&app, "security", &list(FIRST_VEHICLE), &headers);
    assert_eq!(list.status, 200, "{list:?}");
    assert!(list.body.contains(locked), "{list:?}");
    assert!(list.body.contains(r#""tomorrow":[ 1e2 ]"#), "{list:?}");
    assert!(!list.body.contains("4711"), "{list:?}");
    assert!(list.body.contains("MISSING_SCOPE"), "{list:?}");
}

#[test]
fn status_names_no_vehicle_that_a_key_is_not_for() {
    let app = app();
    let limit = json!({"errors": [{"status": "429", "type": "RATE_LIMIT", "code": "VEHICLE", "detail": "Slow."}]});
    let fault = json!({"status": 429, "body": limit.to_string()});
    app.smartcar.fault(SIGNAL, fault);
    for (vehicle, user) in [
        (FIRST_VEHICLE, FIRST_USER),
        (UNPLUGGED_VEHICLE, SECOND_USER),
    ] {
        let limited = get(
            &app,
            "all",
            &one(vehicle, ODOMETER),
            &[("sc-user-id", user)],
        );
        assert_eq!(limited.status, 429);
    }
    let seen = |key: &str| {
        let status = get(&app, key, "/status", &[]);
        assert_eq!(status.status, 200, "{status:?}");
        [FIRST_VEHICLE, UNPLUGGED_VEHICLE].map(|vehicle| status.body.contains(vehicle))
    };
    assert_eq!(seen("all"), [true, true]);
    assert_eq!(seen("vehicle"), [true, false]);
    assert_eq!(seen("user"), [false, false]);
}

#[test]
fn vehicle_that_is_not_connected_is_looked_up_once() {
    let app = app();
    for path in [list("unowned"), one("unowned", ODOMETER)] {
        for _ in 0..3 {
            let unknown = get(&app, "all", &path, &[]);
            assert_eq!(unknown.error(), edge(404, "VEHICLE_NOT_FOUND"));
        }
    }
    assert_eq!(count(&app, CONNECTIONS), 2, "live and simulated, once");
    // Sixty of them do not use up what Smartcar allows.
    let answers: Vec<_> = (0..60)
        .map(|number| get(&app, "all", &list(&format!("unowned-{number}")), &[]))
        .collect();
    assert!(
        count(&app, CONNECTIONS) <= 20,
        "{}",
        count(&app, CONNECTIONS)
    );
    let last = answers.last().unwrap();
    assert_eq!(last.error(), edge(429, "TOO_MANY_LOOKUPS"));
    let wait: u64 = last.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=600).contains(&wait), "{wait}");
    // Another key is not held up, nor is a call that names the user.
    let other = get(&app, "vehicle", &one(FIRST_VEHICLE, ODOMETER), &[]);
    assert_eq!(other.status, 200, "{other:?}");
    let named = [("sc-user-id", FIRST_USER)];
    let named = get(&app, "all", &one(COMBUSTION_VEHICLE, ODOMETER), &named);
    assert_eq!(named.status, 200, "{named:?}");
    // Nor is the command of a vehicle whose owner is known.
    let lock = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/security/lock");
    assert_eq!(app.call("POST", &lock, &[], "").status, 200);
    // After a while it is asked again: someone may have connected it.
    let a_while = Duration::from_secs(600);
    app.database().age_fruitless_lookups(a_while);
    let before = count(&app, CONNECTIONS);
    get(&app, "all", &list("unowned"), &[]);
    assert_eq!(count(&app, CONNECTIONS), before + 2);
}

#[test]
fn lookup_counts_where_the_clock_of_its_host_is_ahead() {
    let app = app();
    let look_up = || {
        let unknown = get(&app, "all", &list("unowned"), &[]);
        assert_eq!(unknown.error(), edge(404, "VEHICLE_NOT_FOUND"));
        count(&app, CONNECTIONS)
    };
    assert_eq!(look_up(), 2);
    let ahead = |seconds: u64| {
        let by = Duration::from_secs(seconds);
        app.database().advance_fruitless_lookups(by);
    };
    ahead(240);
    assert_eq!(look_up(), 2);
    ahead(86_400);
    assert_eq!(look_up(), 4, "what is further ahead is not believed");
}

#[test]
fn key_of_one_user_looks_up_no_vehicle() {
    let app = app();
    for path in [list("unowned"), one("unowned", ODOMETER)] {
        let unknown = get(&app, "user", &path, &[]);
        assert_eq!(unknown.status, 404, "{unknown:?}");
        assert_eq!(unknown.error().1, "RESOURCE_NOT_FOUND");
    }
    assert_eq!(count(&app, CONNECTIONS), 0);
    let own = get(&app, "user", &one(FIRST_VEHICLE, ODOMETER), &[]);
    assert_eq!(own.status, 200, "{own:?}");
    assert_eq!(count(&app, CONNECTIONS), 0);
}

#[test]
fn key_of_one_user_reads_for_that_user_whoever_the_owner_is() {
    let app = app();
    let at = now();
    let signals = [signal(ODOMETER, 7, at, at), signal(LOCATION, 7, at, at)];
    deliver(&app, "e-1", FIRST_VEHICLE, SECOND_USER, &signals);
    let others = get(&app, "user", &one(FIRST_VEHICLE, ODOMETER), &NEVER);
    assert_eq!(others.error(), edge(504, "NOT_STORED"));
    for path in [one(FIRST_VEHICLE, ODOMETER), list(FIRST_VEHICLE)] {
        let own = get(&app, "user", &path, &[]);
        assert_eq!(cache_status(&own), "smartcar-edge; fwd=miss");
        let named = get(&app, "user", &path, &[("sc-user-id", FIRST_USER)]);
        assert_eq!(named.status, 200, "{named:?}");
    }
    assert_eq!(count(&app, CONNECTIONS), 0);
    // What the owner's connection reported later stays the owner's.
    let owner = get(&app, "all", &one(FIRST_VEHICLE, LOCATION), &NEVER).json();
    assert_eq!(owner["data"]["attributes"]["body"]["value"], 7, "{owner}");
}

#[test]
fn users_of_a_shared_vehicle_are_looked_up_once() {
    let app = app();
    let connection = |id: &str, user: &str| {
        json!({"id": id, "type": "connection", "attributes": {}, "relationships": {
            "vehicle": {"data": {"id": "shared", "type": "vehicle"}},
            "user": {"data": {"id": user, "type": "user"}},
        }})
    };
    let both = [
        connection("c-1", FIRST_USER),
        connection("c-2", SECOND_USER),
    ];
    // The second one of both can also stand on a page of its own.
    for (vehicle, data, next) in [
        ("shared", &both[..], Value::Null),
        (
            "shared",
            &both[..1],
            json!("/v3/connections?page[number]=2"),
        ),
    ] {
        let fresh = super::reads::app();
        let app = if next.is_null() { &app } else { &fresh };
        let body = json!({"data": data, "links": {"next": next}}).to_string();
        app.smartcar
            .fault(CONNECTIONS, json!({"status": 200, "body": body}));
        for _ in 0..3 {
            let answer = get(app, "all", &list(vehicle), &[]);
            assert_eq!(answer.error(), edge(400, "MISSING_USER_ID"));
        }
        assert_eq!(count(app, CONNECTIONS), 1);
    }
}

#[test]
fn owner_is_looked_up_where_the_store_is_down() {
    let mut app = app();
    app.kill();
    app.database().set_version(999);
    app.run();
    for path in [list(FIRST_VEHICLE), one(FIRST_VEHICLE, ODOMETER)] {
        let answer = get(&app, "all", &path, &[]);
        assert_eq!(cache_status(&answer), "smartcar-edge; fwd=miss");
    }
    let vehicle = get(&app, "user", &format!("/v3/vehicles/{FIRST_VEHICLE}"), &[]);
    assert_eq!(vehicle.status, 200, "{vehicle:?}");
    let before = Instant::now();
    for _ in 0..50 {
        get(&app, "all", &one(FIRST_VEHICLE, ODOMETER), &[]);
    }
    let seconds = before.elapsed().as_secs();
    app.kill();
    let said = app.said();
    let lines = said.lines().filter(|line| line.contains("version 999"));
    let lines = u64::try_from(lines.count()).unwrap();
    assert!((1..50 + seconds).contains(&lines), "{lines} in {seconds} s");
}

#[test]
fn fresh_signal_that_the_caller_does_not_want_is_asked_for_at_its_request() {
    let app = app();
    let at = now();
    deliver(
        &app,
        "e-1",
        FIRST_VEHICLE,
        FIRST_USER,
        &[signal(ODOMETER, 1, at, at)],
    );
    app.database().age_signals(Duration::from_secs(100));
    let path = one(FIRST_VEHICLE, ODOMETER);
    for wanted in ["max-age=0", "max-age=50"] {
        app.smartcar
            .fault(SIGNAL, json!({"status": 500, "body": "{}"}));
        let answer = get(&app, "all", &path, &[("cache-control", wanted)]);
        let expected = "smartcar-edge; fwd=request; fwd-status=500; detail=stale-if-error";
        assert_eq!(cache_status(&answer), expected, "{wanted}");
    }
    app.database().age_signals(Duration::from_secs(300));
    let answer = get(&app, "all", &path, &[("cache-control", "max-age=0")]);
    let expected = "smartcar-edge; fwd=stale; fwd-status=500; detail=stale-if-error";
    assert_eq!(cache_status(&answer), expected);
    // Longer than anyone can count is long.
    let forever = [("cache-control", "max-age=99999999999999999999999")];
    assert_eq!(
        cache_status(&get(&app, "all", &path, &forever)),
        "smartcar-edge; hit"
    );
}

#[test]
fn scope_that_stands_for_every_read_reads_the_list_too() {
    let app = app();
    for path in [
        one(FIRST_VEHICLE, ODOMETER),
        list(FIRST_VEHICLE),
        "/v3/signals".to_owned(),
    ] {
        let answer = get(&app, "star", &path, &[]);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(!answer.body.contains("MISSING_SCOPE"), "{answer:?}");
    }
    assert_eq!(
        get(&app, "star", "/status", &[]).error(),
        edge(403, "MISSING_SCOPE")
    );
}

#[test]
fn restricted_key_may_not_filter_by_external_id() {
    let app = app();
    for (key, filter) in [
        ("user", format!("filter[userId]={FIRST_USER}")),
        ("vehicle", format!("filter[vehicleId]={FIRST_VEHICLE}")),
    ] {
        let plain = format!("{CONNECTIONS}?{filter}");
        assert_eq!(get(&app, key, &plain, &[]).status, 200, "{key}");
        for name in ["filter[user.externalId]", "filter%5Buser.externalId%5D"] {
            let other = get(&app, key, &format!("{plain}&{name}=other"), &[]);
            assert_eq!(other.error(), edge(403, "KEY_RESTRICTED"), "{key} {name}");
        }
    }
    let all = format!("{CONNECTIONS}?filter[user.externalId]=other");
    assert_eq!(get(&app, "all", &all, &[]).status, 200);
}

#[test]
fn links_of_smartcar_s_lead_to_this_gateway() {
    let app = app();
    let origin = app.smartcar.origin();
    for list in [CONNECTIONS, "/v3/webhooks", "/v3/subscriptions"] {
        let page = get(&app, "all", &format!("{list}?page[size]=1"), &[]);
        assert_eq!(page.status, 200, "{page:?}");
        assert!(!page.body.contains(&origin), "{page:?}");
    }
    let mut seen = 0;
    let mut path = format!("{CONNECTIONS}?page[size]=1&page[number]=1");
    loop {
        assert!(path.starts_with("/v3/connections?"), "{path}");
        let page = get(&app, "all", &path, &[]).json();
        seen += page["data"].as_array().unwrap().len();
        for link in ["self", "first", "last"] {
            let link = page["links"][link].as_str().unwrap();
            assert!(link.starts_with("/v3/connections?page"), "{link}");
        }
        match page["links"]["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, 3);
    for path in [list(FIRST_VEHICLE), one(FIRST_VEHICLE, ODOMETER)] {
        let fetched = get(&app, "all", &path, &[("cache-control", "no-cache")]);
        assert!(!fetched.body.contains(&origin), "{fetched:?}");
        let stored = get(&app, "all", &path, &[]).json();
        assert_eq!(fetched.json()["links"], stored["links"], "{path}");
    }
    let webhook = get(&app, "all", &format!("/v3/webhooks/{WEBHOOK}"), &[]);
    // What is no link is as Smartcar says it.
    assert!(webhook.body.contains(&app.url("/webhooks")), "{webhook:?}");
}

#[test]
fn link_to_another_host_is_not_handed_on() {
    let app = app();
    let origin = app.smartcar.origin();
    let body = format!(
        r#"{{ "data":[{{"id":"c","x":1.50,"links":{{"self":"{origin}/v3/connections/c"}}}}],
        "links":{{"next":"https://evil.test/v3/connections?page=2","prev":"{origin}.evil.test/v3/x",
        "first":"//evil.test/v3","last":"{origin}/v3/connections?page=9","self":"{origin}/v2/x",
        "about":"https://smartcar.com/docs"}},"note":"{origin}/v3/x" }}"#
    );
    let expected = format!(
        r#"{{ "data":[{{"id":"c","x":1.50,"links":{{"self":"/v3/connections/c"}}}}],
        "links":{{"next":null,"prev":null,
        "first":null,"last":"/v3/connections?page=9","self":null,
        "about":"https://smartcar.com/docs"}},"note":"{origin}/v3/x" }}"#
    );
    app.smartcar
        .fault(CONNECTIONS, json!({"status": 200, "body": body}));
    assert_eq!(get(&app, "all", CONNECTIONS, &[]).body, expected);

    // A body that is passed on piece by piece is looked through as well.
    let long = " ".repeat(300_000);
    let body =
        format!(r#"{{"data":"{long}","links":{{"next":"{origin}/v3/connections?page=2"}}}}"#);
    let fault = json!({"status": 200, "body": body, "pieces": 7, "pauseMs": 5});
    app.smartcar.fault(CONNECTIONS, fault);
    let url = app.url(CONNECTIONS);
    let bearer = format!("Bearer {KEY}");
    let answer = support::send("GET", &url, &[("authorization", &bearer)], b"");
    let expected = format!(r#"{{"data":"{long}","links":{{"next":"/v3/connections?page=2"}}}}"#);
    assert!(answer.body == expected, "{:.100}", answer.body);
}
