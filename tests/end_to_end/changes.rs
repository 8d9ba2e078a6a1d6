//! Commands and removals: done once, one at a time, and on the record.

use serde_json::{Value, json};
use simulator::{COMBUSTION_VEHICLE, FIRST_USER, FIRST_VEHICLE, WEBHOOK};
use std::{io::Read, time::Duration};
use support::{Action, App, Options, edge, eventually, now, signal, vehicle_state};

const LOCK: &str = "/v3/vehicles/{vehicleId}/commands/security/lock";
const USER: (&str, &str) = ("sc-user-id", FIRST_USER);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// No call takes that long.
const LOST: Duration = Duration::from_secs(330);

fn lock() -> String {
    LOCK.replace("{vehicleId}", FIRST_VEHICLE)
}

fn with_key(app: &App, key: &str, path: &str, body: &str) -> support::Answer {
    app.call("POST", path, &[USER, ("idempotency-key", key)], body)
}

#[test]
fn idempotency_key_and_request_are_done_once_and_answered_the_same() {
    let app = App::start();
    let first = with_key(&app, "k-1", &lock(), "");
    assert_eq!(first.status, 200, "{first:?}");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    // Quoted, as RFC 9651 writes a string.
    for key in ["k-1", "\"k-1\""] {
        let again = with_key(&app, key, &lock(), "");
        assert_eq!((again.status, &again.body), (200, &first.body));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        let name = "sc-request-id";
        assert_eq!(again.headers[name], first.headers[name]);
        assert_eq!(again.command_id(), first.command_id());
    }
    assert_eq!(app.smartcar.count(LOCK, 200), 1);
    // Another key is another command.
    assert_eq!(with_key(&app, "k-2", &lock(), "").status, 200);
    assert_eq!(app.smartcar.count(LOCK, 200), 2);
}

#[test]
fn idempotency_key_survives_a_power_cut_and_lives_for_a_day() {
    let mut app = App::start();
    let first = with_key(&app, "k-1", &lock(), "");
    app.kill();
    app.run();
    let again = with_key(&app, "k-1", &lock(), "");
    assert_eq!(again.body, first.body);
    assert_eq!(app.smartcar.count(LOCK, 200), 1);

    app.database().age_actions(DAY);
    let later = with_key(&app, "k-1", &lock(), "");
    assert!(!later.headers.contains_key("idempotent-replayed"));
    assert_eq!(app.smartcar.count(LOCK, 200), 2);
    // The record of what was done under it stays, the answer does not.
    let kept = app.database().action(&first.command_id());
    assert_eq!(kept.idempotency_key.as_deref(), Some("k-1"));
    assert_eq!(kept.answer, None);
}

#[test]
fn idempotency_key_answers_again_after_the_connection_is_gone() {
    let app = App::start();
    let lock = |key: &str| app.call("POST", &lock(), &[("idempotency-key", key)], "");
    let first = lock("k-1");
    assert_eq!(first.status, 200, "{first:?}");
    // What the car tells later would name its owner again.
    app.smartcar.delivered(1);
    let path = format!("/v3/connections?filter[vehicleId]={FIRST_VEHICLE}");
    let connection = app.call("GET", &path, &[], "").json()["data"][0].clone();
    let path = format!("/v3/connections/{}", connection["id"].as_str().unwrap());
    assert_eq!(app.call("DELETE", &path, &[], "").status, 204);

    let requests = |app: &App| app.smartcar.control("GET", "/requests", &Value::Null);
    let before = requests(&app);
    let again = lock("k-1");
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.command_id(), first.command_id());
    assert_eq!(requests(&app), before, "Smartcar is not asked");
    // Whatever is new needs an owner.
    assert_eq!(lock("k-2").error(), edge(404, "VEHICLE_NOT_FOUND"));

    // An action that was never completed is unknown in the end, and forgotten after a day.
    let age = |by: Duration| {
        app.database().interrupt_action("k-1");
        app.database().age_action("k-1", by);
    };
    age(Duration::ZERO);
    assert_eq!(lock("k-1").error(), edge(409, "REQUEST_IN_PROGRESS"));
    age(LOST);
    assert_eq!(lock("k-1").error(), edge(504, "OUTCOME_UNKNOWN"));
    age(DAY);
    assert_eq!(lock("k-1").error(), edge(404, "VEHICLE_NOT_FOUND"));
}

#[test]
fn idempotency_key_stands_for_one_request() {
    let app = App::start();
    assert_eq!(with_key(&app, "k-1", &lock(), "").status, 200);
    let unlock = lock().replace("lock", "unlock");
    let limit = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/charge/set-limit");
    let other = lock().replace(FIRST_VEHICLE, COMBUSTION_VEHICLE);
    for (path, body) in [
        (&unlock, ""),
        (&limit, r#"{"data":{"attributes":{"percent":70}}}"#),
        (&lock(), "{}"),
        (&other, ""),
    ] {
        let refused = with_key(&app, "k-1", path, body);
        assert_eq!(refused.error(), edge(422, "IDEMPOTENCY_KEY_REUSED"));
    }
    for bad in ["", "a b", "\"\""] {
        let refused = with_key(&app, bad, &lock(), "");
        assert_eq!(refused.error(), edge(400, "INVALID_INPUT"), "{bad:?}");
    }
}

#[test]
fn idempotency_key_can_be_required() {
    let app = App::start_with(Options {
        variables: vec![("REQUIRE_IDEMPOTENCY_KEY", "true".into())],
        ..Options::default()
    });
    let refused = app.call("POST", &lock(), &[USER], "");
    assert_eq!(refused.error(), edge(400, "MISSING_IDEMPOTENCY_KEY"));
    assert_eq!(with_key(&app, "k-1", &lock(), "").status, 200);
}

#[test]
fn vehicle_takes_one_command_at_a_time() {
    let app = App::start();
    app.smartcar
        .fault(LOCK, json!({"latencyMs": 5000, "times": 1}));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| with_key(&app, "k-1", &lock(), ""));
        eventually("the first one has arrived", || {
            (app.database().count_running_actions() == 1).then_some(())
        });
        let again = with_key(&app, "k-1", &lock(), "");
        assert_eq!(again.error(), edge(409, "REQUEST_IN_PROGRESS"));
        assert!(again.headers.contains_key("retry-after"));
        let unlock = lock().replace("lock", "unlock");
        let other = app.call("POST", &unlock, &[USER], "");
        assert_eq!(other.error(), edge(409, "COMMAND_IN_PROGRESS"));
        assert!(other.body.contains("security-lock"), "{other:?}");
        // Other vehicles are free.
        let free = app.command(COMBUSTION_VEHICLE, FIRST_USER, "security/lock", "");
        assert_eq!(free.status, 200);
        assert_eq!(first.join().unwrap().status, 200);
    });
    assert_eq!(app.smartcar.count("security/unlock", 200), 0);
}

#[test]
fn idempotency_key_of_many_requests_at_once_sends_one() {
    let app = App::start();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| with_key(&app, "k-1", &lock(), "").status))
            .collect();
        let joined = senders.into_iter().map(|sender| sender.join().unwrap());
        joined.collect()
    });
    assert!(statuses.iter().all(|status| [200, 409].contains(status)));
    assert!(statuses.contains(&200), "{statuses:?}");
    assert_eq!(app.smartcar.count(LOCK, 200), 1);
}

#[test]
fn action_that_a_power_cut_left_unknown_is_never_sent_again() {
    let mut app = App::start();
    app.smartcar.fault(LOCK, json!({"latencyMs": 60_000}));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The connection breaks, and no answer comes.
            let headers = [USER, ("idempotency-key", "k-1")];
            let key = format!("Bearer {}", support::KEY);
            let headers = [&headers[..], &[("authorization", &key)]].concat();
            let request = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect::<String>();
            let request = format!(
                "POST {} HTTP/1.1\r\nhost: x\r\n{request}content-length: 0\r\n\r\n",
                lock()
            );
            support::raw(app.address(), &[request.as_bytes()])
        });
        eventually("the command runs", || {
            (app.database().count_running_actions() == 1).then_some(())
        });
        app.signal_host("KILL");
    });
    app.kill();
    app.run();
    app.smartcar.control("PUT", "/faults", &json!([]));
    // As far as anyone knows it still runs.
    let again = with_key(&app, "k-1", &lock(), "");
    assert_eq!(again.error(), edge(409, "REQUEST_IN_PROGRESS"));
    let other = app.call("POST", &lock(), &[USER], "");
    assert_eq!(other.error(), edge(409, "COMMAND_IN_PROGRESS"));

    app.database().age_actions(LOST);
    let again = with_key(&app, "k-1", &lock(), "");
    assert_eq!(again.error(), edge(504, "OUTCOME_UNKNOWN"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(
        app.record(&again.command_id())["attributes"]["outcome"],
        "unknown"
    );
    let free = app.call("POST", &lock(), &[USER], "");
    assert_eq!(free.status, 200, "{free:?}");
    assert_eq!(app.smartcar.count(LOCK, 200), 1);
}

#[test]
fn lost_answer_is_an_unknown_outcome_that_a_signal_settles() {
    let app = App::start();
    app.smartcar.fault(LOCK, json!({"cut": true, "times": 1}));
    let lost = with_key(&app, "k-1", &lock(), "");
    assert_eq!(lost.error(), edge(504, "OUTCOME_UNKNOWN"));
    assert!(lost.body.contains(&lost.command_id()), "{lost:?}");
    let again = with_key(&app, "k-1", &lock(), "");
    assert_eq!((again.status, again.body), (504, lost.body.clone()));
    assert_eq!(app.smartcar.count(LOCK, 200), 0, "it is not sent again");

    let attributes = |app: &App| app.record(&lost.command_id())["attributes"].clone();
    assert_eq!(attributes(&app)["outcome"], "unknown");
    assert_eq!(attributes(&app)["signal"], Value::Null);

    let shown = |event: &str, at: i64, value: bool| {
        let mut locked = signal("closure-islocked", 0, at, at);
        locked["body"] = json!({"value": value});
        app.try_deliver(&vehicle_state(event, FIRST_VEHICLE, at, &[locked]))
            .unwrap()
    };
    let now = now();
    // What the car said before the command shows nothing.
    shown("e-1", now - 3_600_000, true);
    assert_eq!(attributes(&app)["signal"], Value::Null);
    shown("e-2", now + 1000, true);
    let signal = attributes(&app)["signal"].clone();
    assert_eq!(signal["code"], "closure-islocked");
    assert_eq!(signal["indicates"], "carried_out");
    shown("e-3", now + 2000, false);
    let signal = attributes(&app)["signal"].clone();
    assert_eq!(signal["indicates"], "carried_out", "it is settled");
}

#[test]
fn idempotency_key_is_free_if_the_action_certainly_did_not_run() {
    let app = App::start();
    let body = r#"{"errors":[{"status":"429","type":"RATE_LIMIT","code":"VEHICLE"}]}"#;
    let limit = json!({"status": 429, "headers": {"Retry-After": "1"}, "body": body, "times": 1});
    app.smartcar.fault(LOCK, limit);
    let limited = with_key(&app, "k-1", &lock(), "");
    assert_eq!((limited.status, limited.body.as_str()), (429, body));
    eventually("the limit ends", || {
        let answer = with_key(&app, "k-1", &lock(), "");
        (answer.status == 200 && !answer.headers.contains_key("idempotent-replayed")).then_some(())
    });

    // What Smartcar's answer says about the car is an answer, though.
    let body = r#"{"errors":[{"status":"409","type":"VEHICLE_STATE","code":"ASLEEP"}]}"#;
    app.smartcar
        .fault(LOCK, json!({"status": 409, "body": body, "times": 1}));
    for _ in 0..2 {
        let asleep = with_key(&app, "k-2", &lock(), "");
        assert_eq!((asleep.status, asleep.body.as_str()), (409, body));
    }
    assert_eq!(app.smartcar.count(LOCK, 409), 1);
}

#[test]
fn answer_202_stays_open_until_smartcar_knows_more() {
    let app = App::start();
    app.smartcar
        .fault(LOCK, json!({"keepOpen": {"afterMs": 5000}, "times": 1}));
    let started = std::time::Instant::now();
    let headers = [USER, ("idempotency-key", "k-1")];
    let (status, headers, mut body) = app.open("POST", &lock(), &headers);
    let first = started.elapsed().as_millis();
    assert_eq!(status, 202);
    assert!(!headers.contains_key("content-length"));
    let id = headers["edge-action-id"].to_str().unwrap().to_owned();
    assert_eq!(app.record(&id)["attributes"]["outcome"], "running");
    let mut text = String::new();
    body.read_to_string(&mut text).unwrap();
    let whole = started.elapsed().as_millis();
    assert!(first < 5000 && whole >= 5000, "{first} ms, {whole} ms");
    let execution: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        execution["data"]["attributes"]["status"]["value"],
        "SUCCESS"
    );

    let record = app.record(&id);
    assert_eq!(record["attributes"]["outcome"], "succeeded");
    let execution_id = execution["data"]["id"].as_str().unwrap();
    assert_eq!(record["attributes"]["smartcarExecutionId"], execution_id);
    let by_execution = app.record(execution_id);
    assert_eq!(by_execution["id"], record["id"]);
    let again = with_key(&app, "k-1", &lock(), "");
    assert_eq!((again.status, again.body), (202, text));
}

#[test]
fn answer_202_can_end_in_a_failure_or_in_nothing() {
    let app = App::start();
    let failure = r#"{"data":{"id":"exec_1","type":"command-execution","attributes":{"status":{"value":"FAILURE"}}}}"#;
    app.smartcar.fault(
        LOCK,
        json!({"keepOpen": {"afterMs": 50}, "body": failure, "times": 1}),
    );
    let (status, headers, mut body) = app.open("POST", &lock(), &[USER]);
    let mut text = String::new();
    body.read_to_string(&mut text).unwrap();
    assert_eq!((status, text.as_str()), (202, failure));
    let id = headers["edge-action-id"].to_str().unwrap();
    assert_eq!(app.record(id)["attributes"]["outcome"], "failed");

    app.smartcar.fault(
        LOCK,
        json!({"keepOpen": {"afterMs": 50}, "cutAfterBytes": 0, "times": 1}),
    );
    let (status, headers, mut body) = app.open("POST", &lock(), &[USER]);
    assert_eq!(status, 202);
    // The caller is not made to believe that this was all.
    assert!(body.read_to_string(&mut String::new()).is_err());
    let id = headers["edge-action-id"].to_str().unwrap();
    assert_eq!(app.record(id)["attributes"]["outcome"], "unknown");
}

#[test]
fn command_outlives_the_caller_who_leaves() {
    let app = App::start();
    app.smartcar
        .fault(LOCK, json!({"keepOpen": {"afterMs": 700}, "times": 1}));
    let (_, headers, body) = app.open("POST", &lock(), &[USER]);
    drop(body);
    let id = headers["edge-action-id"].to_str().unwrap();
    eventually("the outcome is known", || {
        (app.record(id)["attributes"]["outcome"] == "succeeded").then_some(())
    });
}

#[test]
fn page_of_a_proxy_is_not_an_answer() {
    let app = App::start();
    // Each of them leaves the outcome open.
    let headers = [USER, ("edge-insist", "true")];
    let page = |status: u16| {
        json!({"status": status, "headers": {"Content-Type": "text/html"},
            "body": "<html>no</html>", "times": 1})
    };
    for status in [200, 502, 503] {
        app.smartcar.fault(LOCK, page(status));
        let answer = app.call("POST", &lock(), &headers, "");
        assert_eq!(answer.error(), edge(504, "OUTCOME_UNKNOWN"), "{status}");
    }
    app.smartcar.fault(LOCK, page(403));
    let answer = app.call("POST", &lock(), &headers, "");
    assert_eq!(answer.error(), edge(502, "UNREADABLE_ANSWER"));
    let outcome = &app.record(&answer.command_id())["attributes"]["outcome"];
    assert_eq!(*outcome, "failed");
    // Half an answer is none either.
    app.smartcar
        .fault(LOCK, json!({"cutAfterBytes": 9, "times": 1}));
    let answer = app.call("POST", &lock(), &headers, "");
    assert_eq!(answer.error(), edge(504, "OUTCOME_UNKNOWN"));
}

#[test]
fn token_that_is_revoked_in_the_middle_costs_the_caller_nothing() {
    let app = App::start();
    app.smartcar
        .fault(LOCK, json!({"revokeTokens": true, "times": 1}));
    let answer = app.call("POST", &lock(), &[USER], "");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(app.smartcar.count(LOCK, 401), 1);
    assert_eq!(app.smartcar.count(LOCK, 200), 1);
}

#[test]
fn audit_has_every_change_and_no_reads() {
    let app = App::start();
    let locked = with_key(&app, "k-1", &lock(), "");
    app.smartcar.fault(LOCK, json!({"cut": true, "times": 1}));
    app.call("POST", &lock(), &[USER], "");
    app.call("GET", &format!("/v3/vehicles/{FIRST_VEHICLE}"), &[], "");
    let subscription = json!({"data": {"attributes": {
        "webhookId": WEBHOOK, "userId": FIRST_USER, "vehicleId": FIRST_VEHICLE}}});
    let subscribed = app.call("POST", "/v3/subscriptions", &[], &subscription.to_string());
    assert_eq!(subscribed.status, 202, "{subscribed:?}");

    let list = app.call("GET", "/v3/audit", &[], "").json();
    let rows = list["data"].as_array().unwrap();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let text = |name: &str| row["attributes"][name].as_str().unwrap_or_default();
            (text("kind"), text("outcome"), text("caller"))
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("create-subscription", "succeeded", "all"),
            ("security-lock", "unknown", "all"),
            ("security-lock", "succeeded", "all"),
        ]
    );
    let oldest = &rows[2];
    let attributes = &oldest["attributes"];
    assert_eq!(oldest["id"], locked.command_id());
    assert_eq!(attributes["vehicleId"], FIRST_VEHICLE);
    assert_eq!(attributes["userId"], FIRST_USER);
    assert_eq!(attributes["idempotencyKey"], "k-1");
    assert_eq!(attributes["status"], 200);
    let request_id = locked.headers["sc-request-id"].to_str().unwrap();
    assert_eq!(attributes["smartcarRequestId"], request_id);
    assert!(oldest["meta"]["startedAt"].is_string() && oldest["meta"]["completedAt"].is_string());

    // By the page, and by what is looked for.
    let mut seen = Vec::new();
    let mut next = Some("/v3/audit?page%5Bsize%5D=2".to_owned());
    while let Some(path) = next {
        let page = app.call("GET", &path, &[], "").json();
        seen.extend(page["data"].as_array().unwrap().iter().cloned());
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(&seen, rows);
    let unknown = app
        .call("GET", "/v3/audit?filter[outcome]=unknown", &[], "")
        .json();
    assert_eq!(unknown["data"].as_array().unwrap().len(), 1);
    for bad in [
        "filter[outcome]=x",
        "page[size]=0",
        "page[size]=101",
        "page[size]=2&page[size]=3",
    ] {
        let refused = app.call("GET", &format!("/v3/audit?{bad}"), &[], "");
        assert_eq!(refused.error(), edge(400, "INVALID_INPUT"), "{bad}");
    }
    let unknown = app.call("GET", "/v3/commands/act_none", &[], "");
    assert_eq!(unknown.error(), edge(404, "ACTION_NOT_FOUND"));
}

#[test]
fn removal_says_whose_it_was_and_takes_along_what_was_known() {
    let app = App::start();
    app.smartcar
        .control("POST", "/deliveries", &json!({"vehicleId": FIRST_VEHICLE}));
    app.smartcar.delivered(1);
    let path = format!("/v3/connections?filter[vehicleId]={FIRST_VEHICLE}");
    let connection = app.call("GET", &path, &[], "").json()["data"][0].clone();
    let path = format!("/v3/connections/{}", connection["id"].as_str().unwrap());
    let removed = app.call("DELETE", &path, &[], "");
    assert_eq!(
        (removed.status, removed.body.as_str()),
        (204, ""),
        "{removed:?}"
    );

    let row = app.call("GET", "/v3/audit", &[], "").json()["data"][0].clone();
    assert_eq!(row["attributes"]["kind"], "remove-connection");
    assert_eq!(row["attributes"]["vehicleId"], FIRST_VEHICLE);
    assert_eq!(row["attributes"]["userId"], FIRST_USER);
    let signal = app.signal(FIRST_VEHICLE, "closure-islocked");
    assert_eq!(signal.error(), edge(404, "VEHICLE_NOT_FOUND"));

    // A second time there is nothing to remove; Smartcar says so itself.
    let again = app.call("DELETE", &path, &[], "");
    assert_eq!(again.error().1, "RESOURCE_NOT_FOUND");

    let user = app.call("DELETE", &format!("/v3/users/{FIRST_USER}"), &[], "");
    assert_eq!(user.status, 204);
    let row = app.call("GET", "/v3/audit", &[], "").json()["data"][0].clone();
    assert_eq!(row["attributes"]["kind"], "remove-user");
    assert_eq!(row["attributes"]["outcome"], "succeeded");
}

#[test]
fn command_is_not_sent_if_the_store_cannot_be_written() {
    let app = App::start();
    assert_eq!(app.call("POST", &lock(), &[USER], "").status, 200);
    let database = app.database();
    database.fail_to_begin_actions();
    let refused = app.call("POST", &lock(), &[USER], "");
    assert_eq!(refused.error(), edge(503, "STORE_UNAVAILABLE"));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(app.smartcar.count(LOCK, 200), 1);

    // Where only the outcome cannot be written, what was done is answered all the same.
    database.recover();
    database.fail_to_complete_actions();
    assert_eq!(app.call("POST", &lock(), &[USER], "").status, 200);
    eventually("it is logged", || {
        app.said().contains("action_not_completed").then_some(())
    });
}

#[test]
fn answers_are_forgotten_after_a_day_and_the_record_after_its_time() {
    let mut app = App::start_with(Options {
        variables: vec![("AUDIT_RETENTION_DAYS", "30".into())],
        ..Options::default()
    });
    let place = r#"{"data":{"attributes":{"latitude":1.5,"longitude":2.5}}}"#;
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/navigation/set-destination");
    assert_eq!(with_key(&app, "k-1", &path, place).status, 200);
    assert_eq!(with_key(&app, "k-2", &path, place).status, 200);
    // An answer that cannot be asked for again is not kept at all.
    assert_eq!(app.call("POST", &path, &[USER], place).status, 200);
    let count = |app: &App, which: fn(&Action) -> bool| {
        let actions = app.database().actions();
        actions.iter().filter(|action| which(action)).count()
    };
    assert_eq!(count(&app, |action| action.answer.is_some()), 2);
    for (key, days) in [("k-1", 1), ("k-2", 31)] {
        app.database().age_action(key, days * DAY);
    }
    app.kill();
    app.run();
    app.call("POST", &lock(), &[USER], "");
    eventually("it is swept", || {
        let answers = count(&app, |action| action.answer.is_some() || action.is_claimed);
        let old = count(&app, |action| {
            action.idempotency_key.as_deref() == Some("k-2")
        });
        (answers == 0 && old == 0).then_some(())
    });
    let young = count(&app, |action| {
        action.idempotency_key.as_deref() == Some("k-1")
    });
    assert_eq!((young, app.database().actions().len()), (1, 3));
}
