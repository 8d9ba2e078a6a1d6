//! What callers are answered where something that is needed fails.

use serde_json::json;
use simulator::{COMBUSTION_VEHICLE, FIRST_USER, FIRST_VEHICLE};
use std::time::{Duration, Instant};
use support::{Answer, App, Engine, edge, eventually};

const LOCK: &str = "/v3/vehicles/{vehicleId}/commands/security/lock";
const VEHICLE: &str = "/v3/vehicles/{vehicleId}";
const TOKEN: &str = "/oauth2/token";

fn vehicle(app: &App) -> Answer {
    app.call(
        "GET",
        &VEHICLE.replace("{vehicleId}", FIRST_VEHICLE),
        &[],
        "",
    )
}

fn outcome(app: &App, answer: &Answer) -> String {
    let outcome = app.record(&answer.command_id())["attributes"]["outcome"].clone();
    outcome.as_str().unwrap().to_owned()
}

#[test]
fn smartcar_is_gone() {
    let mut app = App::start();
    assert_eq!(vehicle(&app).status, 200);
    app.smartcar.end();
    let read = vehicle(&app);
    assert_eq!(read.error(), edge(502, "SMARTCAR_UNREACHABLE"));
    assert!(read.headers.contains_key("retry-after"));
    // Smartcar was not there to take the command.
    let command = app.lock();
    assert_eq!(command.error(), edge(502, "SMARTCAR_UNREACHABLE"));
    assert_eq!(outcome(&app, &command), "failed");
    // What is stored can be read, and the app can be asked how it is.
    assert_eq!(app.call("GET", "/status", &[], "").status, 200);
    assert_eq!(app.call("GET", "/v3/audit", &[], "").status, 200);
}

#[test]
fn smartcar_is_slow() {
    let app = App::start();
    app.smartcar.fault(VEHICLE, json!({"latencyMs": 30_000}));
    let started = Instant::now();
    let answer = vehicle(&app);
    assert_eq!(answer.error(), edge(502, "SMARTCAR_UNREACHABLE"));
    // A read takes 10 s at most; the rest is room for a busy machine.
    assert!(started.elapsed() < Duration::from_secs(20));

    // A command may take long.
    app.smartcar.fault(LOCK, json!({"latencyMs": 2000}));
    assert_eq!(app.lock().status, 200);
    // An answer that trickles in is an answer.
    app.smartcar
        .fault(LOCK, json!({"pieces": 5, "pauseMs": 100}));
    let answer = app.lock();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["data"]["type"], "command-execution");
}

#[test]
fn owner_is_looked_up_in_the_time_of_the_read() {
    let app = App::start();
    // Of a vehicle that is not connected, two lists are asked for: live and simulated.
    let slow = json!({"latencyMs": 7000});
    app.smartcar.fault("/v3/connections", slow);
    let answer = app.call("GET", "/v3/vehicles/unowned/signals", &[], "");
    assert_eq!(answer.error(), edge(502, "SMARTCAR_UNREACHABLE"));
}

#[test]
fn identity_server_that_is_silent() {
    let app = App::start();
    app.smartcar.fault(TOKEN, json!({"latencyMs": 60_000}));
    assert_eq!(vehicle(&app).error(), edge(503, "TOKEN_UNAVAILABLE"));
    let status = app.call("GET", "/status", &[], "").json();
    assert!(status["token"]["lastError"].is_object(), "{status}");
}

#[test]
fn commands_that_wait_for_a_token_do_not_wait_for_each_other() {
    let app = App::start();
    app.smartcar.fault(TOKEN, json!({"latencyMs": 60_000}));
    let started = Instant::now();
    std::thread::scope(|scope| {
        let vehicles = [FIRST_VEHICLE, COMBUSTION_VEHICLE, "v-3", "v-4"];
        for vehicle in vehicles {
            scope.spawn(|| {
                let answer = app.command(vehicle, FIRST_USER, "security/lock", "");
                assert_eq!(answer.error(), edge(503, "TOKEN_UNAVAILABLE"));
            });
        }
    });
    // Ten seconds at most, each; the rest is room for a busy machine.
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(app.smartcar.count(LOCK, 200), 0);
}

#[test]
fn refusal_that_is_not_the_token_s_costs_one_token() {
    let app = App::start();
    let body = r#"{"errors":[{"status":"401","type":"AUTHENTICATION","code":null}]}"#;
    app.smartcar
        .fault(VEHICLE, json!({"status": 401, "body": body}));
    for _ in 0..5 {
        let answer = vehicle(&app);
        // Smartcar's own words.
        assert_eq!((answer.status, answer.body.as_str()), (401, body));
    }
    assert_eq!(app.lock().status, 200);
    assert_eq!(app.smartcar.count(TOKEN, 200), 2);
}

#[test]
fn limit_of_a_proxy_holds_for_its_vehicle_and_for_a_minute() {
    let app = App::start();
    let headers = json!({"Content-Type": "text/html", "Retry-After": "3600"});
    let page = json!({"status": 429, "body": "<html>", "headers": headers, "times": 1});
    app.smartcar.fault(VEHICLE, page);
    assert_eq!(vehicle(&app).error(), edge(502, "UNREADABLE_ANSWER"));
    let limited = vehicle(&app);
    assert_eq!(limited.error(), edge(429, "RATE_LIMITED"));
    let seconds = limited.headers["retry-after"].to_str().unwrap();
    assert!(seconds.parse::<u64>().unwrap() <= 60, "{seconds}");
    let other = app.command(COMBUSTION_VEHICLE, FIRST_USER, "security/lock", "");
    assert_eq!(other.status, 200, "{other:?}");
    let status = app.call("GET", "/status", &[], "").json();
    let limits = status["limits"].as_array().unwrap();
    assert_eq!(limits.len(), 1, "{limits:?}");
    assert_eq!(limits[0]["scope"], "vehicle");
    assert_eq!(limits[0]["vehicleId"], FIRST_VEHICLE);
    assert_eq!(status["diagnosis"], json!([]));

    // Where no vehicle is named, it holds for the API.
    let page = json!({"status": 429, "body": "<html>", "headers": headers, "times": 1});
    app.smartcar.fault("/v3/webhooks", page);
    let webhooks = || app.call("GET", "/v3/webhooks", &[], "");
    assert_eq!(webhooks().error(), edge(502, "UNREADABLE_ANSWER"));
    assert_eq!(webhooks().error(), edge(429, "RATE_LIMITED"));
    let status = app.call("GET", "/status", &[], "").json();
    let limit = |scope: &str| {
        let limits = status["limits"].as_array().unwrap().iter();
        limits.clone().find(|limit| limit["scope"] == scope)
    };
    assert_eq!(limit("api").unwrap()["api"], "management");
    assert!(limit("application").is_none());
}

#[test]
fn smartcar_fails_for_a_moment() {
    let app = App::start();
    let html = json!({"Content-Type": "text/html"});
    for fault in [
        json!({"status": 503, "body": "<html>", "headers": html, "times": 1}),
        json!({"cut": true, "times": 1}),
        json!({"cutAfterBytes": 7, "times": 1}),
        json!({"revokeTokens": true, "times": 1}),
    ] {
        app.smartcar.fault(VEHICLE, fault.clone());
        let answer = vehicle(&app);
        assert_eq!(answer.status, 200, "{fault}: {answer:?}");
    }
}

#[test]
fn smartcar_fails_for_good() {
    let app = App::start();
    let error = |status: u16, kind: &str, code: &str| {
        format!(
            r#"{{"errors":[{{"status":"{status}","type":"{kind}","code":"{code}","detail":"d"}}]}}"#
        )
    };
    for (status, kind, code, expected) in [
        (500, "SERVER", "INTERNAL", "unknown"),
        (502, "UPSTREAM", "NO_RESPONSE", "unknown"),
        (501, "COMPATIBILITY", "VEHICLE_NOT_CAPABLE", "failed"),
    ] {
        let body = error(status, kind, code);
        let fault = json!({"status": status, "body": body});
        app.smartcar.fault(LOCK, fault.clone());
        let answer = app.lock();
        // Smartcar's own words.
        assert_eq!((answer.status, &answer.body), (status, &body));
        assert_eq!(outcome(&app, &answer), expected, "{status}");
        app.smartcar.fault(VEHICLE, fault);
        let answer = vehicle(&app);
        assert_eq!((answer.status, &answer.body), (status, &body));
    }
    let page = json!({"status": 502, "body": "<html>", "headers": {"Content-Type": "text/html"}});
    app.smartcar.fault(VEHICLE, page);
    assert_eq!(vehicle(&app).error(), edge(502, "UNREADABLE_ANSWER"));
}

#[test]
fn plan_that_is_used_up_is_remembered() {
    let app = App::start();
    let plan = json!({"callsPerVehicle": 2});
    app.smartcar.control("PUT", "/plan", &plan);
    assert_eq!(vehicle(&app).status, 200);
    assert_eq!(app.lock().status, 200);
    let used_up = || {
        (
            430,
            "BILLING".to_owned(),
            "VEHICLE_REQUEST_LIMIT".to_owned(),
        )
    };
    let answer = app.lock();
    assert_eq!(answer.error(), used_up());
    assert_eq!(outcome(&app, &answer), "failed");
    let meta = || {
        let vehicles = app.call("GET", "/v3/vehicles", &[], "").json();
        vehicles["data"][0]["meta"].clone()
    };
    eventually("the calls and the refusal are stored", || {
        let is_stored = meta()["billedCalls"] == 2 && !meta()["billing"].is_null();
        is_stored.then_some(())
    });
    assert_eq!(meta()["billing"]["code"], "VEHICLE_REQUEST_LIMIT");
    for answer in [vehicle(&app), app.lock()] {
        assert_eq!(answer.error(), used_up());
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    assert_eq!(app.smartcar.count(VEHICLE, 430), 1);
    let status = app.call("GET", "/status", &[], "").json();
    assert_eq!(status["billing"]["calls"], 2);
    let refused = json!([{"code": "VEHICLE_REQUEST_LIMIT", "vehicles": 1}]);
    assert_eq!(status["billing"]["refused"], refused);
    let diagnosis = status["diagnosis"].to_string();
    assert!(diagnosis.contains("Vehicles have used up"), "{diagnosis}");
}

#[test]
fn identity_server_that_fails() {
    let app = App::start();
    app.smartcar
        .fault(TOKEN, json!({"status": 503, "body": "{}"}));
    let answer = app.lock();
    assert_eq!(answer.error(), edge(503, "TOKEN_UNAVAILABLE"));
    assert_eq!(outcome(&app, &answer), "failed");
    assert_eq!(app.smartcar.count(LOCK, 200), 0);
    let status = app.call("GET", "/status", &[], "").json();
    assert_eq!(status["token"]["present"], false);
    let reason = status["token"]["lastError"]["reason"].as_str().unwrap();
    assert!(reason.contains("identity server"), "{reason}");
    let diagnosis = status["diagnosis"].as_array().unwrap();
    assert_eq!(diagnosis.len(), 1, "{diagnosis:?}");

    app.smartcar.control("PUT", "/faults", &json!([]));
    // For a moment it is not asked again.
    eventually("there is a token", || {
        (vehicle(&app).status == 200).then_some(())
    });
    assert_eq!(app.lock().status, 200);
    let status = app.call("GET", "/status", &[], "").json();
    assert_eq!(status["token"]["present"], true);
    assert_eq!(status["diagnosis"], json!([]));
    let commands = status["actions"]["lastDay"].as_array().unwrap();
    let counted: Vec<_> = commands
        .iter()
        .map(|count| (count["outcome"].as_str().unwrap(), count["count"].as_i64()))
        .collect();
    assert_eq!(counted, [("failed", Some(1)), ("succeeded", Some(1))]);
}

#[test]
fn key_value_store_that_is_down() {
    let app = App::start();
    assert_eq!(app.lock().status, 200);
    app.key_value().destroy();
    // Each instance then has a token of its own.
    for _ in 0..3 {
        assert_eq!(app.lock().status, 200);
        assert_eq!(vehicle(&app).status, 200);
    }
    let status = app.call("GET", "/status", &[], "").json();
    assert_eq!(status["keyValue"]["reachable"], false);
    assert_eq!(status["store"]["reachable"], true);
}

#[test]
fn database_that_is_locked() {
    let app = App::start();
    assert_eq!(app.lock().status, 200);
    let sent = app.smartcar.count(LOCK, 200);
    let held = app.database().lock();
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| app.lock());
        std::thread::sleep(Duration::from_millis(500));
        if Engine::is_sqlite() {
            // Reading goes on meanwhile. PostgreSQL carries out what an instance asks for
            // one after the other.
            assert_eq!(vehicle(&app).status, 200);
            assert_eq!(app.call("GET", "/v3/audit", &[], "").status, 200);
        }
        assert_eq!(app.smartcar.count(LOCK, 200), sent);
        drop(held);
        assert_eq!(patient.join().unwrap().status, 200);
    });
    let _held = app.database().lock();
    let answer = app.lock();
    assert_eq!(answer.error(), edge(503, "STORE_UNAVAILABLE"));
    assert_eq!(app.smartcar.count(LOCK, 200), sent + 1, "nothing was sent");
}
