//! What is Smartcar's passes through as it is.

use serde_json::{Value, json};
use simulator::{APPLICATION, FIRST_USER, FIRST_VEHICLE, SECOND_USER, UNPLUGGED_VEHICLE, WEBHOOK};
use support::{Answer, App, KEY, Options, edge, raw};

const VEHICLE: &str = "/v3/vehicles/{vehicleId}";
const CONNECTIONS: &str = "/v3/connections";

/// The paths of Smartcar's that are read, as the description of the API has them.
fn reads(app: &App) -> Vec<String> {
    let document = app.send("GET", "/openapi.json", &[], b"").json();
    let paths = document["paths"].as_object().unwrap().iter();
    // What is ours under /v3 is documented nowhere else.
    let reads = paths
        .filter(|(path, item)| path.starts_with("/v3/") && item["get"]["externalDocs"].is_object());
    reads.map(|(path, _)| path.clone()).collect()
}

/// An id of the first thing in a list.
fn first_of(app: &App, list: &str) -> String {
    let list = app.smartcar.get(list, &[]).json();
    list["data"][0]["id"].as_str().unwrap().to_owned()
}

/// What was answered, but for what is never the same twice.
fn content(answer: &Answer) -> (u16, String, String) {
    let kind = answer.headers["content-type"].to_str().unwrap().to_owned();
    let id = answer.headers["sc-request-id"].to_str().unwrap();
    (answer.status, kind, answer.body.replace(id, "<request id>"))
}

/// What a read of Smartcar's own is passed on as: its links lead to the gateway.
fn passed_on(app: &App, directly: &Answer) -> (u16, String, String) {
    let (status, kind, body) = content(directly);
    (status, kind, body.replace(&app.smartcar.origin(), ""))
}

/// The path of the first vehicle.
fn first_vehicle() -> String {
    VEHICLE.replace("{vehicleId}", FIRST_VEHICLE)
}

#[test]
fn read_is_answered_as_smartcar_answers_it() {
    let app = App::start();
    let subscription = json!({"data": {"attributes": {
        "webhookId": WEBHOOK, "userId": FIRST_USER, "vehicleId": FIRST_VEHICLE,
    }}});
    let made = app.call("POST", "/v3/subscriptions", &[], &subscription.to_string());
    assert_eq!(made.status, 202, "{made:?}");
    let schedules = format!("{}/charge-schedules/daily", first_vehicle());
    let body = r#"{"data":{"attributes":{"startTime":"23:00","stopTime":"05:00"}}}"#;
    let schedule = app.call("POST", &schedules, &[], body).json();
    let schedule = schedule["data"]["attributes"]["scheduleId"].as_str();
    let ids = [
        ("{vehicleId}", FIRST_VEHICLE.to_owned()),
        ("{scheduleId}", schedule.unwrap().to_owned()),
        ("{signalCode}", "closure-islocked".to_owned()),
        ("{connectionId}", first_of(&app, CONNECTIONS)),
        ("{subscriptionId}", first_of(&app, "/v3/subscriptions")),
        ("{webhookId}", WEBHOOK.to_owned()),
        ("{applicationId}", APPLICATION.to_owned()),
    ];
    // A stored value would be shown otherwise.
    let headers = [("sc-user-id", FIRST_USER), ("cache-control", "no-cache")];
    let reads = reads(&app);
    assert!(reads.len() >= 13, "{reads:?}");
    for template in reads {
        let known = ids
            .iter()
            .fold(template.clone(), |path, (name, id)| path.replace(name, id));
        let found = app.call("GET", &known, &headers, "");
        assert_eq!(found.status, 200, "{known}: {found:?}");
        assert_eq!(
            content(&found),
            passed_on(&app, &app.smartcar.get(&known, &headers))
        );

        let unknown = ids.iter().fold(template.clone(), |path, (name, _)| {
            path.replace(name, "unknown")
        });
        if unknown != template {
            let missing = app.call("GET", &unknown, &headers, "");
            assert_eq!(missing.status, 404, "{unknown}: {missing:?}");
            let directly = app.smartcar.get(&unknown, &headers);
            assert_eq!(content(&missing), content(&directly));
        }
    }
}

#[test]
fn query_is_passed_on_as_it_came() {
    let app = App::start();
    for query in [
        "page[size]=1&page[number]=2",
        "page%5Bsize%5D=1&page%5Bnumber%5D=3",
        &format!("filter[vehicleId]={FIRST_VEHICLE}"),
        "filter%5BuserId%5D=8ecce4c7%2D4527-4e25-b9f2-afd6fca3c9e8",
        "filter[vehicle.mode]=simulated",
        "page[size]=many",
        "tomorrow=%F0%9F%9A%97+x",
    ] {
        let path = format!("{CONNECTIONS}?{query}");
        let answer = app.call("GET", &path, &[], "");
        let directly = app.smartcar.get(&path, &[]);
        assert_eq!(content(&answer), passed_on(&app, &directly));
    }
    let page = app.call("GET", "/v3/connections?page[size]=2", &[], "");
    assert_eq!(page.json()["data"].as_array().unwrap().len(), 2);
    let europe = "/v3/compatible-vehicles?filter[region]=EUROPE&filter[make]=VOLVO";
    let europe = app.call("GET", europe, &[], "").json();
    assert_eq!(europe["data"].as_array().unwrap().len(), 1);
}

/// An application with keys that are restricted to a vehicle and to a user.
fn with_restricted_keys() -> App {
    // printf '%s' KEY | openssl dgst -sha256
    let keys = json!([
        {"name": "all", "scopes": ["*"], "sha256": "eb300d2cb2d7d4f5e6b375f200d8aa6ae2cbbef99da421d60cfe94c872c91111"},
        {"name": "vehicle", "scopes": ["*"], "vehicles": [FIRST_VEHICLE], "sha256": "ef03e71bfb0dd5ef7f9b7afb7beea9083b680bf33ad9852f2a5e5058a371b68f"},
        {"name": "user", "scopes": ["*"], "users": [FIRST_USER], "sha256": "0845e3658edc1c91bfc9d172eeae3e60417056b1b7fe9909c00e05023adb7f1d"},
    ]);
    App::start_with(Options {
        variables: vec![("API_KEYS", keys.to_string())],
        ..Options::default()
    })
}

#[test]
fn key_for_one_vehicle_or_one_user_sees_nothing_of_another() {
    let app = with_restricted_keys();
    let get = |key: &str, path: &str| {
        let bearer = format!("Bearer {key}-key");
        app.send("GET", path, &[("authorization", &bearer)], b"")
    };
    let other = VEHICLE.replace("{vehicleId}", UNPLUGGED_VEHICLE);
    for key in ["vehicle", "user"] {
        assert_eq!(get(key, &first_vehicle()).status, 200);
        for open in ["/v3/webhooks", "/v3/compatible-vehicles"] {
            assert_eq!(get(key, open).status, 200, "{key} {open}");
        }
        for closed in [CONNECTIONS, "/v3/subscriptions", "/v3/applications"] {
            let refused = get(key, closed).error();
            assert_eq!(refused, edge(403, "KEY_RESTRICTED"), "{key} {closed}");
        }
        let connection = format!("{CONNECTIONS}/{}", first_of(&app, CONNECTIONS));
        assert_eq!(get(key, &connection).error(), edge(403, "KEY_RESTRICTED"));
    }
    assert_eq!(
        get("vehicle", &other).error(),
        edge(403, "VEHICLE_NOT_ALLOWED")
    );
    assert_eq!(get("user", &other).error(), edge(403, "USER_NOT_ALLOWED"));

    for (key, filter, own, others, refusal) in [
        (
            "vehicle",
            "vehicleId",
            FIRST_VEHICLE,
            UNPLUGGED_VEHICLE,
            "VEHICLE_NOT_ALLOWED",
        ),
        (
            "user",
            "userId",
            FIRST_USER,
            SECOND_USER,
            "USER_NOT_ALLOWED",
        ),
    ] {
        let list = |id: &str| get(key, &format!("{CONNECTIONS}?filter[{filter}]={id}"));
        let own = list(own);
        assert_eq!(own.status, 200, "{own:?}");
        assert!(!own.body.contains(UNPLUGGED_VEHICLE), "{own:?}");
        assert_eq!(list(others).error(), edge(403, refusal));
        // Of two filters, Smartcar could take the other one.
        let twice = format!("{CONNECTIONS}?filter[{filter}]={FIRST_VEHICLE}&filter[{filter}]=x");
        assert_eq!(get(key, &twice).error(), edge(400, "INVALID_INPUT"));
    }
    // Nor may the header, which is a filter too, name someone else.
    let own = format!("{CONNECTIONS}?filter[userId]={FIRST_USER}");
    for (user, status) in [(FIRST_USER, 200), (SECOND_USER, 403)] {
        let headers = [("authorization", "Bearer user-key"), ("sc-user-id", user)];
        let answer = app.send("GET", &own, &headers, b"");
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[test]
fn error_of_smartcar_is_passed_on_with_its_meaningful_headers() {
    for (status, route, path) in [
        (404, VEHICLE, first_vehicle()),
        (430, CONNECTIONS, CONNECTIONS.to_owned()),
        (500, "/v3/webhooks", "/v3/webhooks".to_owned()),
        (501, VEHICLE, first_vehicle()),
        (502, CONNECTIONS, CONNECTIONS.to_owned()),
        (429, VEHICLE, first_vehicle()),
    ] {
        let app = App::start();
        let body = format!(r#"{{"errors":[{{"status":"{status}","type":"X", "code":null}}]}}"#);
        let fault = json!({
            "status": status,
            "body": body,
            "headers": {
                "Content-Type": "application/json; charset=utf-8",
                "Retry-After": "17",
                "SC-Data-Age": "2026-01-02T03:04:05Z",
                "SC-Tomorrow": "x",
                "Set-Cookie": "a=b",
                "Server": "y",
            },
        });
        app.smartcar.fault(route, fault);
        let answer = app.call("GET", &path, &[], "");
        assert_eq!((answer.status, &answer.body), (status, &body));
        for (name, value) in [
            ("content-type", "application/json; charset=utf-8"),
            ("retry-after", "17"),
            ("sc-data-age", "2026-01-02T03:04:05Z"),
            ("sc-tomorrow", "x"),
        ] {
            assert_eq!(answer.headers[name], value, "{status}");
        }
        assert!(answer.headers.contains_key("sc-request-id"));
        assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
    }
}

#[test]
fn answer_without_json_is_not_passed_on() {
    let app = App::start();
    for status in [200, 403, 503] {
        let fault = json!({
            "status": status,
            "headers": {"Content-Type": "text/html", "Retry-After": "9"},
            "body": "<html>planted</html>",
        });
        app.smartcar.fault(VEHICLE, fault);
        let answer = app.call("GET", &first_vehicle(), &[], "");
        assert_eq!(answer.error(), edge(502, "UNREADABLE_ANSWER"));
        assert_eq!(answer.headers["retry-after"], "9");
        assert!(!answer.body.contains("planted"), "{answer:?}");
    }
}

#[test]
fn read_that_breaks_off_is_asked_for_again() {
    let app = App::start();
    let whole = passed_on(&app, &app.smartcar.get(&first_vehicle(), &[]));
    let (status, _, code) = edge(502, "SMARTCAR_UNREACHABLE");
    for fault in [
        json!({"cut": true}),
        json!({"cutAfterBytes": 0}),
        json!({"cutAfterBytes": 40}),
    ] {
        let mut once = fault.clone();
        once["times"] = json!(1);
        app.smartcar.fault(VEHICLE, once);
        let answer = app.call("GET", &first_vehicle(), &[], "");
        assert_eq!(content(&answer), whole, "{fault}");

        app.smartcar.fault(VEHICLE, fault.clone());
        let (found, kind, word) = app.call("GET", &first_vehicle(), &[], "").error();
        assert_eq!((found, &*kind, &word), (status, "EDGE", &code), "{fault}");
    }
}

#[test]
fn slow_answer_arrives_whole() {
    let app = App::start();
    let whole = passed_on(&app, &app.smartcar.get(&first_vehicle(), &[]));
    app.smartcar
        .fault(VEHICLE, json!({"pieces": 5, "pauseMs": 30, "times": 1}));
    assert_eq!(content(&app.call("GET", &first_vehicle(), &[], "")), whole);
    app.smartcar
        .fault(VEHICLE, json!({"latencyMs": 300, "times": 1}));
    assert_eq!(content(&app.call("GET", &first_vehicle(), &[], "")), whole);
}

/// The bytes of an answer to a read of the first vehicle.
fn bytes(app: &App) -> String {
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n",
        first_vehicle()
    );
    raw(app.address(), &[request.as_bytes()])
}

#[test]
fn long_answer_or_one_of_no_length_is_streamed() {
    let app = App::start();
    let long = format!(r#"{{"data":"{}"}}"#, "x".repeat(400_000));
    let fault = json!({"status": 200, "body": long, "pieces": 4, "pauseMs": 20});
    app.smartcar.fault(VEHICLE, fault.clone());
    let answer = bytes(&app);
    assert!(answer.starts_with("HTTP/1.1 200"), "{:.300}", answer);
    assert_eq!(answer.matches('x').count(), 400_000);
    assert!(answer.ends_with("0\r\n\r\n"), "the end is marked");

    let kept_open = json!({"keepOpen": {"status": 200, "afterMs": 100}});
    app.smartcar.fault(VEHICLE, kept_open);
    let answer = bytes(&app);
    assert!(
        answer.contains("VOLVO") && answer.ends_with("0\r\n\r\n"),
        "{answer}"
    );

    // Of what has begun to arrive there is no second try: the caller sees that
    // the end is missing.
    let mut cut = fault;
    cut["cutAfterBytes"] = json!(300_000);
    app.smartcar.fault(VEHICLE, cut);
    let answer = bytes(&app);
    assert!(answer.starts_with("HTTP/1.1 200"), "{:.300}", answer);
    assert!(!answer.ends_with("0\r\n\r\n"), "the end is missing");
}

#[test]
fn second_answer_to_a_read_is_checked_like_the_first() {
    let app = App::start();
    let headers = json!({"Content-Type": "text/html"});
    let page =
        json!({"route": VEHICLE, "status": 502, "headers": headers, "body": "<html>no</html>"});
    // A client repeats a read that failed.
    let faults = json!([{"route": VEHICLE, "cutAfterBytes": 7, "times": 1}, page]);
    app.smartcar.control("PUT", "/faults", &faults);
    let answer = app.call("GET", &first_vehicle(), &[], "");
    assert_eq!(answer.error(), edge(502, "UNREADABLE_ANSWER"));
}

#[test]
fn token_that_was_revoked_on_the_way_is_replaced_for_a_read() {
    let app = App::start();
    let path = first_vehicle();
    assert_eq!(app.call("GET", &path, &[], "").status, 200);
    app.smartcar
        .fault(VEHICLE, json!({"revokeTokens": true, "times": 1}));
    assert_eq!(app.call("GET", &path, &[], "").status, 200);
    assert_eq!(app.smartcar.count(VEHICLE, 401), 1);
    assert_eq!(app.smartcar.count("/oauth2/token", 200), 2);
}

#[test]
fn unit_and_user_are_checked_before_smartcar_is_asked() {
    let app = App::start();
    for headers in [
        [("sc-unit-system", "furlongs")],
        [("sc-user-id", "a b")],
        [("sc-user-id", "")],
    ] {
        let answer = app.call("GET", &first_vehicle(), &headers, "");
        assert_eq!(answer.error(), edge(400, "INVALID_INPUT"), "{headers:?}");
    }
    assert_eq!(app.smartcar.count("", 200), 0);
    let answer: Value = app
        .call(
            "GET",
            &first_vehicle(),
            &[("sc-unit-system", "Imperial")],
            "",
        )
        .json();
    assert_eq!(answer["data"]["attributes"]["make"], "VOLVO");
}
