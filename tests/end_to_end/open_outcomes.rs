//! What holds after a command whose answer was lost, who may know of it, and what a
//! removal takes along.

use serde_json::{Value, json};
use simulator::{FIRST_USER, FIRST_VEHICLE, SECOND_USER, UNPLUGGED_VEHICLE};
use std::time::Duration;
use support::{Answer, App, Options, Sink, edge, eventually, now, signal, vehicle_state};

const LOCK: &str = "/v3/vehicles/{vehicleId}/commands/security/lock";
const CONNECTION: &str = "/v3/connections/{connectionId}";
const USER: (&str, &str) = ("sc-user-id", FIRST_USER);
const INSIST: (&str, &str) = ("edge-insist", "true");

fn path(command: &str) -> String {
    format!("/v3/vehicles/{FIRST_VEHICLE}/commands/security/{command}")
}

fn send(app: &App, command: &str, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[USER], headers].concat();
    app.call("POST", &path(command), &headers, "")
}

/// Has a lock sent whose answer is lost.
fn lose(app: &App) -> Answer {
    app.smartcar.fault(LOCK, json!({"cut": true, "times": 1}));
    let lost = send(app, "lock", &[]);
    assert_eq!(lost.error(), edge(504, "OUTCOME_UNKNOWN"));
    lost
}

/// Delivers whether the car is locked, as it was at `at`.
fn report(app: &App, user: &str, at: i64, is_locked: bool) {
    let mut locked = signal("closure-islocked", 0, at, at);
    locked["body"] = json!({"value": is_locked});
    let state = vehicle_state(&format!("e-{at}"), FIRST_VEHICLE, at, &[locked]);
    let state = state.replace("user-of-tests", user);
    assert_eq!(app.try_deliver(&state).unwrap().status, 200);
}

/// As if so much time had passed since every action.
fn pass(app: &App, seconds: u64) {
    app.database().age_actions(Duration::from_secs(seconds));
}

#[test]
fn lost_answer_holds_the_vehicle_until_a_caller_insists() {
    let app = App::start();
    let lost = lose(&app);
    let refused = send(&app, "unlock", &[]);
    assert_eq!(refused.error(), edge(409, "COMMAND_IN_PROGRESS"));
    let seconds: u32 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((300..=330).contains(&seconds), "{seconds}");
    for part in [
        &lost.command_id(),
        "security-lock",
        "until 20",
        "Edge-Insist: true",
    ] {
        assert!(refused.body.contains(part), "{part}: {}", refused.body);
    }
    let wrong = send(&app, "unlock", &[("edge-insist", "yes")]);
    assert_eq!(wrong.error(), edge(400, "INVALID_INPUT"));
    assert_eq!(app.smartcar.count("security/unlock", 200), 0);

    let insisting = send(&app, "unlock", &[INSIST, ("idempotency-key", "k-1")]);
    assert_eq!(insisting.status, 200, "{insisting:?}");
    assert_eq!(
        app.record(&insisting.command_id())["attributes"]["insisted"],
        true
    );
    assert_eq!(
        app.record(&lost.command_id())["attributes"]["insisted"],
        false
    );
    // The same once more is the same, whether it insists or not.
    let again = send(&app, "unlock", &[("idempotency-key", "k-1")]);
    assert_eq!((again.status, again.body), (200, insisting.body));
    // If nothing is in the way, it is not recorded as insisted.
    let free = send(&app, "lock", &[INSIST]);
    assert_eq!(
        app.record(&free.command_id())["attributes"]["insisted"],
        false
    );
}

#[test]
fn lost_answer_holds_the_vehicle_for_330_seconds() {
    let app = App::start();
    lose(&app);
    pass(&app, 320);
    let refused = send(&app, "unlock", &[]);
    assert_eq!(refused.error(), edge(409, "COMMAND_IN_PROGRESS"));
    pass(&app, 10);
    assert_eq!(send(&app, "unlock", &[]).status, 200);
}

#[test]
fn lost_answer_holds_the_vehicle_until_it_reports_what_was_asked_for() {
    let app = App::start();
    lose(&app);
    // The car has not acted yet, or never will.
    report(&app, FIRST_USER, now(), false);
    let refused = send(&app, "unlock", &[]);
    assert_eq!(refused.error(), edge(409, "COMMAND_IN_PROGRESS"));
    report(&app, FIRST_USER, now() + 1, true);
    let free = send(&app, "unlock", &[]);
    assert_eq!(free.status, 200, "{free:?}");
    assert_eq!(
        app.record(&free.command_id())["attributes"]["insisted"],
        false
    );
}

#[test]
fn running_command_is_not_passed_by_insisting() {
    let app = App::start();
    app.smartcar
        .fault(LOCK, json!({"latencyMs": 3000, "times": 1}));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| send(&app, "lock", &[]));
        eventually("the first one has arrived", || {
            (app.database().count_running_actions() == 1).then_some(())
        });
        let second = send(&app, "unlock", &[INSIST]);
        assert_eq!(second.error(), edge(409, "COMMAND_IN_PROGRESS"));
        assert_eq!(second.headers["retry-after"], "2");
        assert_eq!(first.join().unwrap().status, 200);
    });
}

#[test]
fn evidence_is_settled_once() {
    let app = App::start();
    let lost = lose(&app).command_id();
    let said = |app: &App| app.record(&lost)["attributes"]["signal"]["indicates"].clone();
    report(&app, FIRST_USER, now(), false);
    assert_eq!(said(&app), Value::Null);
    let at = now() + 1;
    report(&app, FIRST_USER, at, true);
    assert_eq!(said(&app), "carried_out");
    // What someone does with the car later is another story.
    report(&app, FIRST_USER, at + 1, false);
    pass(&app, 400);
    report(&app, FIRST_USER, at + 2, false);
    assert_eq!(said(&app), "carried_out");

    let lost = lose(&app).command_id();
    let said = |app: &App| app.record(&lost)["attributes"]["signal"]["indicates"].clone();
    pass(&app, 400);
    report(&app, FIRST_USER, now(), false);
    assert_eq!(said(&app), "not_carried_out");
    report(&app, FIRST_USER, now() + 1, true);
    assert_eq!(said(&app), "not_carried_out");
}

/// Keys: `door-key` has commands alone, `read-key` may read what they do, `user-key`
/// is for the first user, and `vehicle-key` may do everything with the first vehicle.
fn with_keys() -> App {
    // printf '%s' KEY | openssl dgst -sha256
    let keys = json!([
        {"name": "all", "scopes": ["*"], "sha256": "eb300d2cb2d7d4f5e6b375f200d8aa6ae2cbbef99da421d60cfe94c872c91111"},
        {"name": "door", "scopes": ["control_security"], "sha256": "e222ec7606406a0af1986082ae44caf70ccb9b28269d39c89bc37f28fd324f26"},
        {"name": "read", "scopes": ["control_security", "read_security"], "sha256": "8578df6c579d44d3bf7caeada69ed9cbca30b318a50a0e60216b46760edf5477"},
        {"name": "user", "scopes": ["*"], "users": [FIRST_USER], "sha256": "0845e3658edc1c91bfc9d172eeae3e60417056b1b7fe9909c00e05023adb7f1d"},
        {"name": "vehicle", "scopes": ["*"], "vehicles": [FIRST_VEHICLE], "sha256": "ef03e71bfb0dd5ef7f9b7afb7beea9083b680bf33ad9852f2a5e5058a371b68f"},
    ]);
    App::start_with(Options {
        variables: vec![("API_KEYS", keys.to_string())],
        ..Options::default()
    })
}

fn call_as(app: &App, key: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let bearer = format!("Bearer {key}-key");
    let headers = [headers, &[("authorization", &bearer)]].concat();
    app.send(method, path, &headers, b"")
}

#[test]
fn evidence_is_shown_to_who_may_read_the_signal() {
    let app = with_keys();
    for (key, reporter, is_shown) in [
        ("door", FIRST_USER, false),
        ("read", FIRST_USER, true),
        ("user", FIRST_USER, true),
        ("user", SECOND_USER, false),
        ("read", SECOND_USER, true),
    ] {
        let lock = json!({"cut": true, "times": 1});
        app.smartcar.fault(LOCK, lock);
        let lost = call_as(&app, key, "POST", &path("lock"), &[USER, INSIST]);
        assert_eq!(lost.error(), edge(504, "OUTCOME_UNKNOWN"), "{key}");
        report(&app, reporter, now(), true);
        let record = call_as(
            &app,
            key,
            "GET",
            &format!("/v3/commands/{}", lost.command_id()),
            &[],
        );
        let signal = record.json()["data"]["attributes"]["signal"].clone();
        assert_eq!(signal.is_object(), is_shown, "{key} {reporter} {signal}");
    }
}

#[test]
fn command_of_another_caller_is_not_named() {
    let app = with_keys();
    let lost = lose(&app);
    for (key, is_named) in [
        ("door", false),
        ("user", false),
        ("vehicle", false),
        ("for-everything", true),
    ] {
        let key = if is_named {
            "key-for-everything"
        } else {
            &format!("{key}-key")
        };
        let bearer = format!("Bearer {key}");
        let headers = [USER, ("authorization", &bearer)];
        let refused = app.send("POST", &path("unlock"), &headers, b"");
        assert_eq!(refused.error(), edge(409, "COMMAND_IN_PROGRESS"), "{key}");
        for part in ["security-lock", &lost.command_id()] {
            assert_eq!(refused.body.contains(part), is_named, "{}", refused.body);
        }
    }
}

#[test]
fn key_for_a_user_claims_no_vehicle_of_another_user() {
    let app = with_keys();
    let lock = LOCK.replace("{vehicleId}", UNPLUGGED_VEHICLE);
    let actions = |app: &App| app.database().actions().len();
    for _ in 0..2 {
        let refused = call_as(&app, "user", "POST", &lock, &[USER]);
        assert_eq!(refused.error(), edge(404, "VEHICLE_NOT_FOUND"));
    }
    assert_eq!((actions(&app), app.smartcar.count(LOCK, 404)), (0, 0));

    // Its own vehicle is looked up, and not where a request was answered before.
    let own = |app: &App| {
        let headers = [USER, ("idempotency-key", "k-1")];
        call_as(app, "user", "POST", &path("lock"), &headers)
    };
    let first = own(&app);
    assert_eq!(first.status, 200, "{first:?}");
    let asked = app.smartcar.count("/v3/connections", 200);
    assert_eq!((own(&app).status, actions(&app)), (200, 1));
    assert_eq!(app.smartcar.count("/v3/connections", 200), asked);
    // Once a delivery has named the owner, nothing is asked.
    report(&app, FIRST_USER, now(), true);
    let known = call_as(&app, "user", "POST", &path("lock"), &[USER]);
    assert_eq!(known.status, 200);
    assert_eq!(app.smartcar.count("/v3/connections", 200), asked);
}

#[test]
fn key_of_one_user_commands_for_that_user_whoever_the_owner_is() {
    let app = with_keys();
    report(&app, SECOND_USER, now(), true);
    let lock = |vehicle: &str| {
        let path = LOCK.replace("{vehicleId}", vehicle);
        call_as(&app, "user", "POST", &path, &[])
    };
    let own = lock(FIRST_VEHICLE);
    assert_eq!(own.status, 200, "{own:?}");
    let action = app.database().action(&own.command_id());
    assert_eq!(action.user_id.as_deref(), Some(FIRST_USER));
    // As where the user is named, the user has to be connected to the vehicle.
    for _ in 0..2 {
        let refused = lock(UNPLUGGED_VEHICLE);
        assert_eq!(refused.error(), edge(404, "VEHICLE_NOT_FOUND"));
    }
    assert_eq!(app.database().actions().len(), 1);
}

#[test]
fn idempotency_key_replays_no_answer_of_another_user() {
    let mut app = with_keys();
    let lock = |app: &App| {
        let headers = [("idempotency-key", "k-1")];
        call_as(app, "user", "POST", &path("lock"), &headers)
    };
    assert_eq!(lock(&app).status, 200);
    let again = lock(&app);
    assert_eq!(again.headers["idempotent-replayed"], "true", "{again:?}");
    // The vehicle changes hands, and so does the key.
    report(&app, SECOND_USER, now(), true);
    let again = lock(&app);
    assert_eq!(again.headers["idempotent-replayed"], "true", "{again:?}");
    app.kill();
    let keys = json!([{"name": "user", "scopes": ["*"], "users": [SECOND_USER],
        "sha256": "0845e3658edc1c91bfc9d172eeae3e60417056b1b7fe9909c00e05023adb7f1d"}]);
    app.set("API_KEYS", &keys.to_string());
    app.run();
    assert_eq!(lock(&app).error(), edge(403, "USER_NOT_ALLOWED"));
}

#[test]
fn action_that_a_crash_left_behind_counts_as_unknown_without_another_one() {
    let app = App::start();
    assert_eq!(send(&app, "lock", &[]).status, 200);
    let found = |app: &App| {
        let of = |outcome: &str| {
            let list = format!("/v3/audit?filter[outcome]={outcome}");
            let list = app.call("GET", &list, &[], "").json();
            list["data"].as_array().unwrap().len()
        };
        let status = app.call("GET", "/status", &[], "").json();
        let counted = status["actions"]["lastDay"][0]["outcome"].clone();
        (of("running"), of("unknown"), counted)
    };
    app.database().interrupt_actions();
    assert_eq!(found(&app), (1, 0, json!("running")));
    app.database().interrupt_actions();
    pass(&app, 330);
    assert_eq!(found(&app), (0, 1, json!("unknown")));
    // Nor has anything begun tomorrow.
    let day = Duration::from_secs(24 * 60 * 60);
    app.database().interrupt_actions();
    app.database().advance_actions(day);
    assert_eq!(found(&app), (0, 1, json!("unknown")));
}

#[test]
fn error_at_the_end_of_a_202_is_unknown_where_it_may_have_happened() {
    let app = App::start();
    for (body, expected) in [
        (
            r#"{"errors":[{"status":502,"type":"UPSTREAM","code":"NO_RESPONSE"}]}"#,
            "unknown",
        ),
        (
            r#"{"errors":[{"type":"UPSTREAM","code":"NO_RESPONSE"}]}"#,
            "unknown",
        ),
        (
            r#"{"type":"UPSTREAM","code":"NO_RESPONSE","statusCode":502}"#,
            "unknown",
        ),
        (
            r#"{"errors":[{"status":409,"type":"VEHICLE_STATE","code":"ASLEEP"}]}"#,
            "failed",
        ),
    ] {
        let fault = json!({"keepOpen": {"afterMs": 10}, "body": body, "times": 1});
        app.smartcar.fault(LOCK, fault);
        let (status, headers, mut answer) = app.open("POST", &path("lock"), &[USER, INSIST]);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut answer, &mut text).unwrap();
        assert_eq!((status, text.as_str()), (202, body));
        let id = headers["edge-action-id"].to_str().unwrap();
        assert_eq!(app.record(id)["attributes"]["outcome"], expected, "{body}");
    }
}

/// The path of the connection to the first vehicle.
fn connection(app: &App) -> String {
    let list = format!("/v3/connections?filter[vehicleId]={FIRST_VEHICLE}");
    let list = app.call("GET", &list, &[], "").json();
    format!(
        "/v3/connections/{}",
        list["data"][0]["id"].as_str().unwrap()
    )
}

/// Which of the vehicle and its signals are stored.
fn stored(app: &App) -> (i64, usize) {
    let database = app.database();
    (database.count_vehicles(), database.signals().len())
}

#[test]
fn removal_whose_answer_is_lost_forgets_the_vehicle() {
    let app = App::start();
    report(&app, FIRST_USER, now(), true);
    assert_eq!(stored(&app), (1, 1));
    let connection = connection(&app);
    let lost = json!({"cut": true, "times": 1, "method": "DELETE"});
    app.smartcar.fault(CONNECTION, lost);
    let answer = app.call("DELETE", &connection, &[], "");
    assert_eq!(answer.error(), edge(504, "OUTCOME_UNKNOWN"));
    assert_eq!(stored(&app), (0, 0));

    report(&app, FIRST_USER, now(), true);
    let lost = json!({"cut": true, "times": 1});
    app.smartcar.fault("/v3/users/{userId}", lost);
    let answer = app.call("DELETE", &format!("/v3/users/{FIRST_USER}"), &[], "");
    assert_eq!(answer.error(), edge(504, "OUTCOME_UNKNOWN"));
    assert_eq!(stored(&app), (0, 0));
}

#[test]
fn removal_of_what_is_gone_forgets_the_vehicle() {
    let app = App::start();
    let connection = connection(&app);
    report(&app, FIRST_USER, now(), true);
    let body = r#"{"errors":[{"status":"410","type":"RESOURCE_NOT_FOUND","code":null}]}"#;
    let gone = json!({"status": 410, "body": body, "times": 1, "method": "DELETE"});
    app.smartcar.fault(CONNECTION, gone);
    assert_eq!(app.call("DELETE", &connection, &[], "").status, 410);
    assert_eq!(stored(&app), (0, 0));
    assert_eq!(app.call("DELETE", &connection, &[], "").status, 204);

    // An instance that ended in the middle has forgotten nothing; the record knows
    // whose it was.
    app.database().interrupt_actions();
    report(&app, FIRST_USER, now(), true);
    assert_eq!(app.call("DELETE", &connection, &[], "").status, 404);
    assert_eq!(stored(&app), (0, 0));

    report(&app, FIRST_USER, now(), true);
    let user = format!("/v3/users/{FIRST_USER}");
    let body = body.replace("410", "404");
    let gone = json!({"status": 404, "body": body, "times": 1});
    app.smartcar.fault("/v3/users/{userId}", gone);
    assert_eq!(app.call("DELETE", &user, &[], "").status, 404);
    assert_eq!(stored(&app), (0, 0));
    // A removal that was refused forgets nothing.
    report(&app, FIRST_USER, now(), true);
    let body = body.replace("404", "403");
    let refused = json!({"status": 403, "body": body, "times": 1});
    app.smartcar.fault("/v3/users/{userId}", refused);
    assert_eq!(app.call("DELETE", &user, &[], "").status, 403);
    assert_eq!(stored(&app), (1, 1));
}

#[test]
fn removal_keeps_what_is_stored_for_another_user_of_the_vehicle() {
    let app = App::start();
    let connection = connection(&app);
    report(&app, FIRST_USER, now(), true);
    let at = now() + 1;
    let odometer = [signal("odometer-traveleddistance", 7, at, at)];
    let theirs = vehicle_state("e-theirs", FIRST_VEHICLE, at, &odometer);
    let theirs = theirs.replace("user-of-tests", SECOND_USER);
    assert_eq!(app.try_deliver(&theirs).unwrap().status, 200);
    assert_eq!(stored(&app), (1, 2));
    let removed = app.call("DELETE", &connection, &[], "");
    assert_eq!(removed.status, 204, "{removed:?}");
    assert_eq!(stored(&app), (1, 1));
    let known = app.call("GET", "/v3/vehicles", &[], "").json();
    let owner = &known["data"][0]["relationships"]["user"]["data"]["id"];
    assert_eq!(*owner, SECOND_USER);
    let left = &app.database().signals()[0];
    assert_eq!(left.code, "odometer-traveleddistance");
    // Nor does the removal of a whole user.
    report(&app, FIRST_USER, now() + 2, true);
    app.database().give_vehicles_to(SECOND_USER);
    assert_eq!(stored(&app), (1, 2));
    let removed = app.call("DELETE", &format!("/v3/users/{FIRST_USER}"), &[], "");
    assert_eq!(removed.status, 204, "{removed:?}");
    assert_eq!(stored(&app), (1, 1));
}

#[test]
fn removal_of_a_connection_without_a_vehicle_forgets_nothing() {
    let app = App::start();
    let connection = connection(&app);
    report(&app, FIRST_USER, now(), true);
    let at = now();
    let other = vehicle_state("e-other", UNPLUGGED_VEHICLE, at, &[]);
    let other = other.replace("user-of-tests", FIRST_USER);
    assert_eq!(app.try_deliver(&other).unwrap().status, 200);
    assert_eq!(stored(&app), (2, 1));
    let user = json!({"data": {"id": FIRST_USER, "type": "user"}});
    let id = connection.rsplit('/').next().unwrap();
    let shown = json!({"data": {"id": id, "type": "connection", "relationships": {"user": user}}});
    let shown = json!({"body": shown.to_string(), "times": 1, "method": "GET"});
    app.smartcar.fault(CONNECTION, shown);
    let removed = app.call("DELETE", &connection, &[], "");
    assert_eq!(removed.status, 204, "{removed:?}");
    assert_eq!(
        app.record(&removed.command_id())["attributes"]["userId"],
        FIRST_USER
    );
    assert_eq!(stored(&app), (2, 1));
}

#[test]
fn removal_of_an_old_connection_keeps_what_a_newer_one_has_reported() {
    let app = App::start();
    let connection = connection(&app);
    report(&app, FIRST_USER, now(), true);
    assert_eq!(app.call("DELETE", &connection, &[], "").status, 204);
    assert_eq!(stored(&app), (0, 0));
    report(&app, FIRST_USER, now() + 1, true);
    // The second attempt finds the first removal, and the third one both.
    for _ in 0..2 {
        assert_eq!(app.call("DELETE", &connection, &[], "").status, 404);
        assert_eq!(stored(&app), (1, 1));
    }
    // A report of another user's is no newer connection of this one.
    app.database().give_vehicles_to(SECOND_USER);
    assert_eq!(app.call("DELETE", &connection, &[], "").status, 404);
    assert_eq!(stored(&app), (1, 0));
    report(&app, FIRST_USER, now() + 2, true);
    // What was reported until then was the old connection's.
    app.database().age_vehicles(Duration::from_secs(60));
    assert_eq!(app.call("DELETE", &connection, &[], "").status, 404);
    assert_eq!(stored(&app), (0, 0));
}

#[test]
fn removal_leaves_nothing_of_a_user_who_shared_a_vehicle() {
    for is_whole_user in [false, true] {
        let app = App::start();
        let connection = connection(&app);
        let theirs = vehicle_state("e-theirs", FIRST_VEHICLE, now(), &[]);
        let theirs = theirs.replace("user-of-tests", SECOND_USER);
        assert_eq!(app.try_deliver(&theirs).unwrap().status, 200);
        let database = app.database();
        let (mine, shared) = (Some(FIRST_USER), Some(SECOND_USER));
        for (code, value_of, error_of) in [
            ("a", shared, mine),
            ("b", mine, shared),
            ("c", mine, mine),
            ("d", None, mine),
            ("e", shared, None),
        ] {
            database.add_signal(FIRST_VEHICLE, code, value_of, error_of);
        }
        database.add_vehicle_error(FIRST_VEHICLE, "MINE", FIRST_USER);
        database.add_vehicle_error(FIRST_VEHICLE, "THEIRS", SECOND_USER);
        database.add_unknown_action("act_mine", FIRST_VEHICLE, FIRST_USER);
        database.add_unknown_action("act_theirs", FIRST_VEHICLE, SECOND_USER);
        for (action, body, user) in [
            ("act_mine", "1", None),
            ("act_mine", "2", shared),
            ("act_theirs", "3", mine),
            ("act_theirs", "4", None),
        ] {
            database.add_evidence(action, body, user);
        }
        let path = if is_whole_user {
            format!("/v3/users/{FIRST_USER}")
        } else {
            connection
        };
        let removed = app.call("DELETE", &path, &[], "");
        assert_eq!(removed.status, 204, "{removed:?}");
        let signals = database.signals();
        let left: Vec<_> = signals
            .iter()
            .map(|signal| {
                (
                    signal.code.as_str(),
                    signal.body.as_deref(),
                    signal.error.as_deref(),
                    signal.rank.as_deref(),
                    signal.error_at,
                )
            })
            .collect();
        let value = Some(r#"{"value":1}"#);
        let error = Some(r#"{"old":1}"#);
        let expected = [
            ("a", value, None, Some("1"), None),
            ("b", None, error, None, Some(2)),
            ("e", value, None, Some("1"), None),
        ];
        assert_eq!(left, expected);
        for signal in &signals {
            let users = [&signal.user_id, &signal.error_user_id];
            let is_mine = |user: &&Option<String>| user.as_deref() == mine;
            assert!(!users.iter().any(is_mine), "{signal:?}");
        }
        assert_eq!(database.vehicle_errors(), ["THEIRS"]);
        assert_eq!(database.evidence(), ["2", "4"]);
        assert_eq!(stored(&app), (1, 3));
    }
}

#[test]
fn evidence_is_awaited_again_where_the_later_command_was_not_carried_out() {
    let app = App::start();
    let lost = lose(&app);
    let unlock = LOCK.replace("lock", "unlock");
    let body = r#"{"errors":[{"status":"429","type":"RATE_LIMIT","code":"VEHICLE"}]}"#;
    let limit = json!({"status": 429, "body": body, "times": 1});
    app.smartcar.fault(&unlock, limit);
    assert_eq!(send(&app, "unlock", &[INSIST]).status, 429);
    report(&app, FIRST_USER, now(), true);
    let said = app.record(&lost.command_id())["attributes"]["signal"]["indicates"].clone();
    assert_eq!(said, "carried_out");
}

#[test]
fn vehicle_stays_taken_where_a_proxy_answers_a_command_with_a_problem() {
    let app = App::start();
    let body = r#"{"type":"about:blank","title":"Gateway Time-out","status":504}"#;
    let headers = json!({"Content-Type": "application/problem+json"});
    let problem = json!({"status": 504, "body": body, "headers": headers, "times": 1});
    app.smartcar.fault(LOCK, problem);
    assert_eq!(send(&app, "lock", &[]).status, 504);
    let refused = send(&app, "unlock", &[]);
    assert_eq!(refused.error(), edge(409, "COMMAND_IN_PROGRESS"));
}

#[test]
fn uuid_in_capitals_is_refused_and_a_delivery_of_one_is_stored() {
    let app = App::start();
    let (vehicle, user) = (FIRST_VEHICLE.to_uppercase(), FIRST_USER.to_uppercase());
    let lock = format!("/v3/vehicles/{vehicle}/commands/security/lock");
    let subscription = json!({"data": {"attributes": {
        "webhookId": "w", "userId": FIRST_USER, "vehicleId": vehicle}}});
    for (method, path, headers, body) in [
        ("POST", &lock, vec![USER], String::new()),
        (
            "POST",
            &path("lock"),
            vec![("sc-user-id", user.as_str())],
            String::new(),
        ),
        (
            "GET",
            &format!("/v3/vehicles/{vehicle}"),
            vec![],
            String::new(),
        ),
        (
            "GET",
            &format!("/v3/vehicles/{vehicle}/signals"),
            vec![],
            String::new(),
        ),
        (
            "DELETE",
            &format!("/v3/users/{user}"),
            vec![],
            String::new(),
        ),
        (
            "POST",
            &"/v3/subscriptions".to_owned(),
            vec![],
            subscription.to_string(),
        ),
    ] {
        let refused = app.call(method, path, &headers, &body);
        assert_eq!(
            refused.error(),
            edge(400, "INVALID_INPUT"),
            "{method} {path}"
        );
        assert!(refused.body.contains("lower case"), "{}", refused.body);
    }
    let requests = app.smartcar.control("GET", "/requests", &Value::Null);
    assert_eq!(requests["total"], 0, "{requests}");
    let state = vehicle_state("e-1", &vehicle, now(), &[]);
    assert_eq!(app.try_deliver(&state).unwrap().status, 200);
    assert_eq!(app.stored(), 1);
}

#[test]
fn audit_names_replays_and_runs_that_passed_something_on() {
    let sink = Sink::start();
    sink.answer(|_| (500, String::new()));
    let app = App::start_with(Options {
        variables: vec![
            ("SINKS", json!([sink.configuration("mine")]).to_string()),
            ("SINK_HOSTS", "http://127.0.0.1:*".into()),
        ],
        ..Options::default()
    });
    let audit = |app: &App| -> Vec<(String, String, String)> {
        let list = app.call("GET", "/v3/audit", &[], "").json();
        let rows = list["data"].as_array().unwrap().iter().map(|row| {
            let text = |name: &str| {
                row["attributes"][name]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            (text("kind"), text("path"), text("outcome"))
        });
        rows.collect()
    };
    let run = app.call("POST", "/run", &[], "");
    assert_eq!(run.status, 200, "{run:?}");
    assert!(audit(&app).is_empty(), "nothing was due");

    let state = vehicle_state("e-1", "v-1", now(), &[]);
    assert_eq!(app.try_deliver(&state).unwrap().status, 200);
    eventually("it was tried", || (!sink.posted().is_empty()).then_some(()));
    eventually("it is not being tried", || {
        (app.database().count_claimed_events() == 0).then_some(())
    });
    app.database().make_dead_letters();
    sink.answer(|_| (200, String::new()));
    let letters = app.call("GET", "/v3/dead-letters", &[], "").json();
    let letter = letters["data"][0]["id"].as_str().unwrap();
    let one = format!("/v3/dead-letters/{letter}/replay");
    let replayed = app.call("POST", &one, &[], "");
    assert_eq!(replayed.status, 202, "{replayed:?}");
    let many =
        "/v3/dead-letters/replay?filter[from]=2001-01-01T00:00:00Z&filter[to]=2002-01-01T00:00:00Z";
    assert_eq!(app.call("POST", many, &[], "").status, 202);
    let absent = app.call("POST", "/v3/dead-letters/99999/replay", &[], "");
    assert_eq!(absent.error(), edge(404, "DEAD_LETTER_NOT_FOUND"));
    let row = |command: &str, path: &str, outcome: &str| {
        (command.to_owned(), path.to_owned(), outcome.to_owned())
    };
    let expected = [
        row(
            "replay-dead-letter",
            "/v3/dead-letters/99999/replay",
            "failed",
        ),
        row("replay-dead-letters", many, "succeeded"),
        row("replay-dead-letter", &one, "succeeded"),
    ];
    assert_eq!(audit(&app), expected);
    assert_eq!(audit(&app).len(), 3);
    assert_eq!(
        app.record(&replayed.command_id())["attributes"]["caller"],
        "all"
    );
}

#[test]
fn challenge_of_a_401_says_how_to_authenticate() {
    let app = App::start();
    let challenge = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let answer = app.send(method, path, headers, b"{}");
        assert_eq!(answer.status, 401, "{answer:?}");
        let challenge = answer.headers["www-authenticate"].to_str();
        challenge.unwrap().to_owned()
    };
    let missing = challenge("GET", "/status", &[]);
    assert_eq!(missing, r#"Bearer realm="smartcar-edge""#);
    let wrong = challenge("GET", "/status", &[("authorization", "Bearer unknown")]);
    assert_eq!(
        wrong,
        r#"Bearer realm="smartcar-edge", error="invalid_token""#
    );
    assert_eq!(challenge("POST", "/webhooks", &[]), "SC-Signature");
}
