//! Commands and reads through the gateway.

use serde_json::{Value, json};
use simulator::{COMBUSTION_VEHICLE, FIRST_USER, FIRST_VEHICLE, SECOND_USER, UNPLUGGED_VEHICLE};
use std::time::Duration;
use support::{App, Options, eventually};

const LOCK: &str = "security/lock";
const TOKEN: &str = "/oauth2/token";

#[test]
fn locked_car_reports_by_a_delivery_that_is_stored_once() {
    let app = App::start();
    let answer = app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.headers.contains_key("sc-request-id"));
    let execution = &answer.json()["data"];
    assert_eq!(execution["type"], "command-execution");
    assert_eq!(execution["attributes"]["commandType"], "security-lock");
    assert_eq!(execution["attributes"]["status"]["value"], "SUCCESS");

    app.smartcar.delivered(1);
    let locked = app.signal(FIRST_VEHICLE, "closure-islocked").json();
    assert_eq!(locked["data"]["attributes"]["body"], json!({"value": true}));
    assert_eq!(
        locked["data"]["attributes"]["status"],
        json!({"value": "SUCCESS"})
    );
    assert_eq!(locked["included"]["vehicle"]["attributes"]["make"], "VOLVO");

    let again = app
        .smartcar
        .control("POST", "/deliveries/last/redeliver", &Value::Null);
    assert_eq!(again["status"], 200);
    assert_eq!(app.stored(), 1);
}

#[test]
fn token_is_shared_by_all_commands() {
    let app = App::start();
    let limit = r#"{"data":{"attributes":{"percent":90}}}"#;
    let place = r#"{"data":{"attributes":{"latitude":1.5,"longitude":-2.25}}}"#;
    for (command, body) in [
        ("security/unlock", ""),
        ("security/lock", "{}"),
        ("charge/start", ""),
        ("charge/stop", ""),
        ("charge/set-limit", limit),
        ("navigation/set-destination", place),
    ] {
        let answer = app.command(FIRST_VEHICLE, FIRST_USER, command, body);
        assert_eq!(answer.status, 200, "{command}: {answer:?}");
        assert_eq!(app.smartcar.count(command, 200), 1, "{command}");
    }
    assert_eq!(app.smartcar.count(TOKEN, 200), 1);
    let status = app.call("GET", "/status", &[], "").json();
    assert_eq!(status["token"]["present"], true);
}

#[test]
fn calls_at_the_same_time_do_not_fetch_a_token_each() {
    let app = App::start();
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}");
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(app.call("GET", &path, &[], "").status, 200));
        }
    });
    assert_eq!(app.smartcar.count("/v3/vehicles/{vehicleId}", 200), 16);
    // An instance fetches one. How many instances a host starts is its own
    // business; one for each request would be no cache.
    assert!(app.smartcar.count(TOKEN, 200) < 16);
    let before = app.smartcar.count(TOKEN, 200);
    app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "");
    assert_eq!(app.smartcar.count(TOKEN, 200), before);
}

#[test]
fn revoked_token_is_replaced_without_the_caller_seeing_it() {
    let app = App::start();
    assert_eq!(app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "").status, 200);
    app.smartcar.control("POST", "/tokens/revoke", &Value::Null);
    assert_eq!(app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "").status, 200);
    assert_eq!(app.smartcar.count(LOCK, 401), 1);
    assert_eq!(app.smartcar.count(TOKEN, 200), 2);
}

#[test]
fn delivery_names_the_owner_for_whom_commands_are_sent() {
    let app = App::start();
    app.smartcar
        .control("POST", "/deliveries", &json!({"vehicleId": FIRST_VEHICLE}));
    app.smartcar.delivered(1);
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/{LOCK}");
    assert_eq!(app.call("POST", &path, &[], "").status, 200);
    assert_eq!(app.smartcar.count("/v3/connections", 200), 0);
}

#[test]
fn owner_is_looked_up_once_if_no_delivery_has_named_it() {
    let app = App::start();
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/{LOCK}");
    for _ in 0..3 {
        assert_eq!(app.call("POST", &path, &[], "").status, 200);
    }
    assert_eq!(app.smartcar.count("/v3/connections", 200), 1);
    let path = format!("/v3/vehicles/no-such-vehicle/commands/{LOCK}");
    let unknown = app.call("POST", &path, &[], "");
    let expected = (404, "EDGE".into(), "VEHICLE_NOT_FOUND".into());
    assert_eq!(unknown.error(), expected);
}

#[test]
fn owner_is_not_taken_from_other_connections_in_the_list() {
    let app = App::start();
    let connection = |id: &str, vehicle: &str, user: &str| {
        json!({"id": id, "type": "connection", "attributes": {}, "relationships": {
            "vehicle": {"data": {"id": vehicle, "type": "vehicle"}},
            "user": {"data": {"id": user, "type": "user"}}}})
    };
    let listed = json!({"data": [
        connection("c-1", FIRST_VEHICLE, FIRST_USER),
        connection("c-2", "shared", FIRST_USER),
        connection("c-3", "shared", SECOND_USER),
    ]});
    let body = listed.to_string();
    app.smartcar.fault(
        "/v3/connections",
        json!({"status": 200, "body": body, "times": 2}),
    );
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/{LOCK}");
    assert_eq!(app.call("POST", &path, &[], "").status, 200);
    let path = format!("/v3/vehicles/shared/commands/{LOCK}");
    let refused = app.call("POST", &path, &[], "");
    let expected = (400, "EDGE".into(), "MISSING_USER_ID".into());
    assert_eq!(refused.error(), expected);
}

#[test]
fn smartcar_s_own_errors_arrive_as_they_are() {
    let app = App::start();
    let cases = [
        (
            "no-such-vehicle",
            FIRST_USER,
            LOCK,
            (404, "RESOURCE_NOT_FOUND", "VEHICLE_NOT_FOUND"),
        ),
        (
            FIRST_VEHICLE,
            SECOND_USER,
            LOCK,
            (404, "RESOURCE_NOT_FOUND", "VEHICLE_NOT_FOUND"),
        ),
        (
            UNPLUGGED_VEHICLE,
            SECOND_USER,
            "charge/start",
            (409, "VEHICLE_STATE", "CHARGING_PLUG_NOT_CONNECTED"),
        ),
        (
            COMBUSTION_VEHICLE,
            FIRST_USER,
            "charge/start",
            (501, "COMPATIBILITY", "VEHICLE_NOT_CAPABLE"),
        ),
    ];
    for (vehicle, user, command, (status, kind, code)) in cases {
        let answer = app.command(vehicle, user, command, "");
        assert_eq!(answer.error(), (status, kind.into(), code.into()));
        let request_id = answer.headers["sc-request-id"].to_str().unwrap();
        assert_eq!(
            answer.json()["errors"][0]["meta"]["debug"]["requestId"],
            request_id
        );
    }
}

#[test]
fn limit_is_passed_on_and_then_answered_here() {
    let app = App::start();
    let route = "/v3/vehicles/{vehicleId}/commands/security/lock";
    let body = r#"{"type":"RATE_LIMIT","code":"VEHICLE","statusCode":429}"#;
    let fault = json!({"status": 429, "headers": {"Retry-After": "120"}, "body": body, "times": 1});
    app.smartcar.fault(route, fault);
    let answer = app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "");
    assert_eq!((answer.status, answer.body.as_str()), (429, body));
    assert_eq!(answer.headers["retry-after"], "120");

    // Smartcar would serve the next one: that it is not asked shows.
    let answer = app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "");
    assert_eq!(answer.error(), (429, "EDGE".into(), "RATE_LIMITED".into()));
    let seconds: u32 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((60..=120).contains(&seconds), "{seconds}");
    assert_eq!(app.smartcar.count(LOCK, 200), 0);
    // The limit is that vehicle's alone.
    let other = app.command(COMBUSTION_VEHICLE, FIRST_USER, LOCK, "");
    assert_eq!(other.status, 200);
}

#[test]
fn token_is_renewed_before_it_expires_and_no_caller_waits_for_it() {
    // Of eight seconds, the last four are for an early refresh, due after half a
    // second of them; the last 0.8 s are not used.
    let app = App::start_with(Options {
        simulator: &["--token-life", "8"],
        ..Options::default()
    });
    assert_eq!(app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "").status, 200);
    std::thread::sleep(Duration::from_millis(4600));
    app.smartcar.fault(TOKEN, json!({"latencyMs": 1500}));
    assert_eq!(app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "").status, 200);
    assert_eq!(app.smartcar.count(TOKEN, 200), 1, "the answer came first");
    eventually("the token is renewed", || {
        (app.smartcar.count(TOKEN, 200) == 2).then_some(())
    });
}

#[test]
fn command_whose_answer_was_lost_is_not_sent_again() {
    let app = App::start();
    let route = "/v3/vehicles/{vehicleId}/commands/security/lock";
    app.smartcar.fault(route, json!({"cut": true, "times": 1}));
    let answer = app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "");
    assert_eq!(
        answer.error(),
        (504, "EDGE".into(), "OUTCOME_UNKNOWN".into())
    );
    assert_eq!(
        (app.smartcar.count(LOCK, 0), app.smartcar.count(LOCK, 200)),
        (1, 0)
    );
}

#[test]
fn smartcar_that_is_unreachable_differs_from_one_that_did_not_answer() {
    let mut app = App::start();
    app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "");
    app.smartcar.end();
    let answer = app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "");
    assert_eq!(
        answer.error(),
        (502, "EDGE".into(), "SMARTCAR_UNREACHABLE".into())
    );
}

#[test]
fn credentials_error_says_what_is_wrong() {
    for (id, secret, expected) in [
        (
            "client_simulator",
            "wrong",
            (502, "EDGE".to_owned(), "CREDENTIALS_REFUSED".to_owned()),
        ),
        (
            "",
            "",
            (503, "EDGE".to_owned(), "NOT_CONFIGURED".to_owned()),
        ),
    ] {
        let app = App::start_with(Options {
            variables: vec![
                ("SMARTCAR_CLIENT_ID", id.into()),
                ("SMARTCAR_CLIENT_SECRET", secret.into()),
            ],
            ..Options::default()
        });
        let answer = app.command(FIRST_VEHICLE, FIRST_USER, LOCK, "");
        assert_eq!(answer.error(), expected);
        assert!(answer.body.contains("smartcar_client_id"), "{answer:?}");
    }
}

#[test]
fn command_goes_on_after_an_answer_that_its_caller_did_not_wait_for() {
    let app = App::start();
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/security/lock");
    let headers = [("sc-user-id", FIRST_USER), ("prefer", "respond-async")];
    let answer = app.call("POST", &path, &headers, "");
    assert_eq!(answer.status, 202);
    let id = answer.headers["edge-action-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let location = answer.headers["location"].to_str().unwrap();
    assert_eq!(location, format!("/v3/commands/{id}"));
    eventually("it is carried out", || {
        let record = app.record(&id);
        (record["attributes"]["outcome"] == "succeeded").then_some(())
    });
    // The car reports it, as it does for a caller that waits.
    eventually("the car reports it", || {
        let signal = app.record(&id)["attributes"]["signal"].clone();
        (signal["indicates"] == "carried_out").then_some(())
    });
}
