//! The schema under SQLite itself: what a delivery leaves behind.

use super::{KEY_LIFE, LOST_AFTER, STEPS, TELL, statements};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

fn database() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    for statement in STEPS.iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
    database
}

fn deliver(database: &Connection, event: &str, mode: &str, delivered_at: i64, body: &str) -> usize {
    database
        .execute(
            "INSERT INTO delivery VALUES (?1, 'VEHICLE_STATE', ?2, 'v-1', 'u-1', ?3, 1800000000000, ?4)
             ON CONFLICT (event_id) DO NOTHING",
            params![event, mode, delivered_at, body],
        )
        .unwrap()
}

fn state(signals: Value) -> String {
    json!({"data": {"vehicle": {"make": "M", "year": 2026}, "signals": signals}}).to_string()
}

fn percent(value: i64, observed: i64, retrieved: i64) -> Value {
    json!({"code": "tractionbattery-stateofcharge", "name": "StateOfCharge", "group": "TractionBattery",
        "body": {"value": value, "unit": "percent"},
        "meta": {"oemUpdatedAt": observed, "retrievedAt": retrieved}})
}

/// Every signal: code, body, observed, retrieved, delivered, error, error at.
fn signals(database: &Connection) -> Vec<Value> {
    let mut statement = database
        .prepare(
            "SELECT json_array(code, json(body), observed_at, retrieved_at, delivered_at,
                json(error), error_at) FROM signal ORDER BY code",
        )
        .unwrap();
    let rows = statement
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap())
        .collect()
}

#[test]
fn a_delivery_is_stored_once() {
    let database = database();
    assert_eq!(
        deliver(
            &database,
            "e-1",
            "LIVE",
            10,
            &state(json!([percent(1, 1, 1)]))
        ),
        1
    );
    assert_eq!(
        deliver(
            &database,
            "e-1",
            "LIVE",
            20,
            &state(json!([percent(2, 2, 2)]))
        ),
        0
    );
    assert_eq!(signals(&database)[0][1]["value"], 1);
}

#[test]
fn every_order_of_six_updates_ends_in_the_same_state() {
    let updates = [
        (10, percent(50, 100, 200)),
        (20, percent(51, 100, 210)),
        (30, percent(52, 100, 210)),
        (30, percent(53, 100, 210)),
        (40, percent(54, 0, 99)),
        (
            50,
            json!({"code": "tractionbattery-stateofcharge", "status": {"value": "ERROR"},
            "body": {"value": 99, "unit": "percent"}, "meta": {"oemUpdatedAt": 999}}),
        ),
    ];
    let mut outcomes = Vec::new();
    permutations(&mut [0, 1, 2, 3, 4, 5], 0, &mut |order| {
        let database = database();
        for index in order {
            let (delivered_at, signal) = &updates[*index];
            deliver(
                &database,
                &index.to_string(),
                "LIVE",
                *delivered_at,
                &state(json!([signal])),
            );
        }
        outcomes.push(signals(&database));
    });
    assert_eq!(outcomes.len(), 720);
    assert_eq!(
        outcomes[0][0][1]["value"], 53,
        "the newest by observation, retrieval, delivery"
    );
    assert_eq!(outcomes[0][0][6], 50, "the error is kept beside the value");
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
}

fn permutations(order: &mut [usize; 6], from: usize, each: &mut impl FnMut(&[usize])) {
    if from == order.len() {
        return each(order);
    }
    for other in from..order.len() {
        order.swap(from, other);
        permutations(order, from + 1, each);
        order.swap(from, other);
    }
}

fn fetch(database: &Connection, heard_at: i64, signals: &Value) {
    database
        .execute(TELL, params!["v-1", heard_at, signals.to_string(), "u-1"])
        .unwrap();
}

#[test]
fn fetched_and_delivered_signals_end_in_the_same_state_in_every_order() {
    let fetched = |value: i64, observed: Value, retrieved: i64| {
        json!([{"code": "tractionbattery-stateofcharge", "name": "StateOfCharge",
            "group": "TractionBattery", "body": {"value": value, "unit": "percent"},
            "observedAt": observed, "retrievedAt": retrieved}])
    };
    let tomorrow = 1_800_086_400_000_i64;
    let told = [
        (true, 15, fetched(60, json!(100), 205)),
        (true, 35, fetched(61, json!(300), 205)),
        // Observed when, nobody knows: the times after it count.
        (true, 45, fetched(62, Value::Null, 301)),
        (false, 20, json!([percent(51, 100, 210)])),
        (false, 30, json!([percent(52, tomorrow, 299)])),
        (
            true,
            1000,
            json!([{"code": "tractionbattery-stateofcharge", "body": {"value": 99},
                "error": {"status": {"value": "ERROR"}}, "observedAt": 999}]),
        ),
    ];
    let mut outcomes = Vec::new();
    permutations(&mut [0, 1, 2, 3, 4, 5], 0, &mut |order| {
        let database = database();
        for index in order {
            let (is_fetched, at, items) = &told[*index];
            if *is_fetched {
                fetch(&database, *at, items);
            } else {
                let body = state(items.clone());
                deliver(&database, &index.to_string(), "LIVE", *at, &body);
            }
        }
        outcomes.push(signals(&database));
    });
    assert_eq!(
        outcomes[0],
        [json!([
            "tractionbattery-stateofcharge",
            {"value": 62, "unit": "percent"},
            null,
            301,
            45,
            {"status": {"value": "ERROR"}},
            1000
        ])]
    );
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
}

#[test]
fn what_was_fetched_without_body_and_error_changes_nothing() {
    let database = database();
    fetch(
        &database,
        10,
        &json!([{"code": "a", "body": {"value": 1}}, {"code": "b", "error": {"e": 1}}]),
    );
    fetch(
        &database,
        20,
        &json!([{"code": "a"}, {"code": "b", "body": null}, {"code": "c", "error": null}]),
    );
    assert_eq!(
        signals(&database),
        [
            json!(["a", {"value": 1}, null, null, 10, null, null]),
            json!(["b", null, null, null, null, {"e": 1}, 10]),
        ]
    );
}

#[test]
fn both_ways_of_writing_a_time_and_both_names_are_read() {
    let database = database();
    let signal =
        |code: &str, meta: Value| json!({"code": code, "body": {"value": 1}, "meta": meta});
    let body = state(json!([
        signal(
            "a",
            json!({"oemUpdatedAt": "2026-06-29T23:55:53.250Z", "retrievedAt": 1_782_777_354_000_i64})
        ),
        signal(
            "b",
            json!({"oemUpdatedAt": 0, "fetchedAt": "2026-06-29T23:55:53Z"})
        ),
        signal(
            "c",
            json!({"oemUpdatedAt": "soon", "retrievedAt": 1e300, "fetchedAt": {}})
        ),
        signal("d", json!([])),
    ]));
    deliver(&database, "e-1", "LIVE", 77, &body);
    let times: Vec<_> = signals(&database)
        .iter()
        .map(|s| json!([s[2], s[3], s[4]]))
        .collect();
    assert_eq!(
        times[0],
        json!([1_782_777_353_250_i64, 1_782_777_354_000_i64, 77])
    );
    assert_eq!(times[1], json!([null, 1_782_777_353_000_i64, 77]));
    assert_eq!(times[2], json!([null, null, 77]));
    assert_eq!(times[3], json!([null, null, 77]));
}

#[test]
fn a_car_whose_clock_is_ahead_does_not_freeze_its_signals() {
    let database = database();
    let tomorrow = 1_800_086_400_000;
    deliver(
        &database,
        "e-1",
        "LIVE",
        10,
        &state(json!([percent(1, tomorrow, tomorrow)])),
    );
    deliver(
        &database,
        "e-2",
        "LIVE",
        20,
        &state(json!([percent(2, 15, 15)])),
    );
    assert_eq!(signals(&database)[0][1]["value"], 2);
}

#[test]
fn one_malformed_signal_does_not_cost_its_siblings() {
    let database = database();
    let body = state(json!([
        7, null, "text", [], {}, {"code": 7}, {"code": "x", "body": 7}, {"code": "y", "body": null},
        percent(42, 1, 1)
    ]));
    deliver(&database, "e-1", "LIVE", 10, &body);
    let codes: Vec<_> = signals(&database).iter().map(|s| s[0].clone()).collect();
    assert_eq!(codes, ["tractionbattery-stateofcharge", "x", "y"]);
    assert_eq!(signals(&database)[0][1]["value"], 42);
}

#[test]
fn whatever_was_signed_is_stored() {
    let database = database();
    for (index, body) in [
        "",
        "null",
        "no json",
        "[1]",
        "{\"data\":7}",
        "{\"data\":{\"signals\":{}}}",
        "{\"data\":{\"signals\":\"x\",\"vehicle\":[]}}",
        "{\"data\":{\"signals\":{\"a\\\"b\":{}}}}",
        "{\"data\":{\"vehicle\":{\"year\":\"x\",\"make\":{},\"model\":[]}}}",
        "{\"data\":{\"vehicle\":{\"year\":99999999999999999999}}}",
        "\u{0}",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(
            deliver(&database, &index.to_string(), "LIVE", 1, body),
            1,
            "{body:?}"
        );
    }
    let bytes: &[u8] = &[0xff, 0x00, 0x7b];
    database
        .execute(
            "INSERT INTO delivery VALUES ('b', 'X', 'LIVE', 'v-1', NULL, NULL, 1, ?1)",
            [bytes],
        )
        .unwrap();
    assert!(signals(&database).is_empty());
}

#[test]
fn a_test_event_changes_nothing() {
    let database = database();
    deliver(
        &database,
        "e-1",
        "TEST",
        10,
        &state(json!([percent(1, 1, 1)])),
    );
    let vehicles: i64 = database
        .query_row("SELECT count(*) FROM vehicle", [], |row| row.get(0))
        .unwrap();
    assert_eq!((signals(&database).len(), vehicles), (0, 0));
}

#[test]
fn a_vehicle_keeps_what_a_later_delivery_does_not_say() {
    let database = database();
    deliver(&database, "e-1", "LIVE", 10, &state(json!([])));
    deliver(
        &database,
        "e-2",
        "LIVE",
        20,
        r#"{"data":{"vehicle":{"model":"X"}}}"#,
    );
    deliver(
        &database,
        "e-0",
        "LIVE",
        5,
        r#"{"data":{"vehicle":{"model":"older","make":"older"}}}"#,
    );
    let known = database.query_row(
        "SELECT user_id || make || model || year FROM vehicle",
        [],
        |row| row.get::<_, String>(0),
    );
    assert_eq!(known.unwrap(), "u-1MX2026");
}

#[test]
fn an_error_is_open_until_its_newest_word_is_resolved_in_any_order() {
    let told = |state: &str| {
        json!({"data": {"errors": [
            {"type": "VEHICLE_STATE", "code": "UNREACHABLE", "state": state, "signals": ["A.B", {"code": "c"}]},
            {"type": "PERMISSION", "code": null, "state": "ERROR"},
            {"code": "no type"}, 7, null,
        ]}})
        .to_string()
    };
    let deliveries = [
        (10, "ERROR"),
        (20, "RESOLVED"),
        (30, "ERROR"),
        (40, "RESOLVED"),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let database = database();
        for index in order {
            let (at, state) = deliveries[index];
            database
                .execute(
                    "INSERT INTO delivery VALUES (?1, 'VEHICLE_ERROR', 'LIVE', 'v-1', 'u-1', ?2, 1800000000000, ?3)",
                    params![at.to_string(), at, told(state)],
                )
                .unwrap();
        }
        let errors: Vec<(String, String, bool, i64)> = database
            .prepare(
                "SELECT type, code, error_at > coalesce(resolved_at, 0), error_at
                 FROM vehicle_error ORDER BY type",
            )
            .unwrap()
            .query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let expected = [
            ("PERMISSION".to_owned(), String::new(), true, 40),
            (
                "VEHICLE_STATE".to_owned(),
                "UNREACHABLE".to_owned(),
                false,
                30,
            ),
        ];
        assert_eq!(errors, expected);
    }
}

#[test]
fn each_step_takes_the_one_before_it_further() {
    let database = Connection::open_in_memory().unwrap();
    for statement in statements(STEPS[0]) {
        database.execute_batch(statement).unwrap();
    }
    deliver(
        &database,
        "e-1",
        "LIVE",
        10,
        &state(json!([percent(1, 1, 1)])),
    );
    for statement in STEPS[1..].iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
    deliver(
        &database,
        "e-2",
        "LIVE",
        20,
        &state(json!([percent(2, 2, 2)])),
    );
    assert_eq!(signals(&database)[0][1]["value"], 2);
}

/// Every signal: code, value, whose word it is, whose word its error is.
fn words(database: &Connection) -> Vec<(String, Option<i64>, Option<String>, Option<String>)> {
    let mut statement = database
        .prepare("SELECT code, value, user_id, error_user_id FROM signal ORDER BY code")
        .unwrap();
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn deliver_as(database: &Connection, user: Option<&str>, at: i64, signals: &Value) {
    database
        .execute(
            "INSERT INTO delivery VALUES (?1, 'VEHICLE_STATE', 'LIVE', 'v-1', ?2, ?3, 1800000000000, ?4)",
            params![format!("e-{at}"), user, at, state(signals.clone())],
        )
        .unwrap();
}

#[test]
fn signal_is_the_word_of_the_user_whose_connection_reported_it() {
    let database = database();
    let value = |code: &str, value: i64| json!({"code": code, "body": {"value": value}});
    let error = |code: &str| json!({"code": code, "status": {"value": "ERROR"}});
    deliver_as(
        &database,
        Some("u-1"),
        10,
        &json!([value("a", 1), value("b", 1), error("c")]),
    );
    fetch(&database, 20, &json!([{"code": "d", "body": {"value": 1}}]));
    deliver_as(
        &database,
        Some("u-2"),
        30,
        &json!([value("a", 2), error("b"), error("c")]),
    );
    let user = |id: &str| Some(id.to_owned());
    let expected = [
        ("a".to_owned(), Some(2), user("u-2"), None),
        ("b".to_owned(), Some(1), user("u-1"), user("u-2")),
        ("c".to_owned(), None, user("u-2"), user("u-2")),
        ("d".to_owned(), Some(1), user("u-1"), None),
    ];
    assert_eq!(words(&database), expected);
}

#[test]
fn signal_from_before_users_were_kept_belongs_to_the_owner_of_that_time() {
    let database = Connection::open_in_memory().unwrap();
    let before = |step: &&str| !step.contains("ADD COLUMN error_user_id");
    for statement in STEPS
        .iter()
        .take_while(|step| before(step))
        .flat_map(|step| statements(step))
    {
        database.execute_batch(statement).unwrap();
    }
    let value = |code: &str, value: i64| json!({"code": code, "body": {"value": value}});
    deliver_as(
        &database,
        Some("u-1"),
        10,
        &json!([value("a", 1), value("b", 1)]),
    );
    for statement in STEPS
        .iter()
        .skip_while(|step| before(step))
        .flat_map(|step| statements(step))
    {
        database.execute_batch(statement).unwrap();
    }
    assert!(
        words(&database)
            .iter()
            .all(|(_, _, user, _)| user.is_none())
    );
    deliver_as(&database, Some("u-2"), 20, &json!([value("a", 2)]));
    let users: Vec<_> = words(&database)
        .into_iter()
        .map(|(_, _, user, _)| user)
        .collect();
    assert_eq!(users, [Some("u-2".to_owned()), Some("u-1".to_owned())]);
}

#[test]
fn an_action_is_lost_and_its_key_free_when_the_code_says_so_too() {
    let begin = "INSERT INTO action (id, kind, path, caller, fingerprint, claim, is_exclusive,
            started_at, outcome)
        VALUES (?1, 'k', '/', 'c', 'f', 'claim', 0, ?2, 'running') ON CONFLICT DO NOTHING";
    let of = |column: &str, time: std::time::Duration, later: i64| -> Option<String> {
        let database = database();
        let time = i64::try_from(time.as_millis()).unwrap();
        for (id, at) in [("act_1", 0), ("act_2", time + later)] {
            let at = 1_800_000_000_000 + at;
            database.execute(begin, params![id, at]).unwrap();
        }
        let sql = format!("SELECT {column} FROM action WHERE id = 'act_1'");
        database.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(of("outcome", LOST_AFTER, -1).as_deref(), Some("running"));
    assert_eq!(of("outcome", LOST_AFTER, 0).as_deref(), Some("unknown"));
    assert_eq!(of("claim", KEY_LIFE, -1).as_deref(), Some("claim"));
    assert_eq!(of("claim", KEY_LIFE, 0), None);
}

#[test]
fn arrival_of_the_version_before_is_kept() {
    let database = Connection::open_in_memory().unwrap();
    let step = STEPS.iter().position(|step| step.contains("begun_for"));
    let (before, since) = STEPS.split_at(step.unwrap());
    let run = |steps: &[&'static str]| {
        for statement in steps.iter().flat_map(|step| statements(step)) {
            database.execute_batch(statement).unwrap();
        }
    };
    run(before);
    database
        .execute_batch(
            "INSERT INTO arrival (nonce, arrived_at, completed_at, user_id, vehicles)
                VALUES ('n-1', 10, 11, 'u-1', 2);
             INSERT INTO arrival (nonce, arrived_at, error, description)
                VALUES ('n-2', 20, 'access_denied', 'No.')",
        )
        .unwrap();
    run(since);
    let sql = "SELECT json_group_array(json_array(nonce, arrived_at, completed_at, user_id, tries,
        vehicles, error, description, begun_for)) FROM (SELECT * FROM arrival ORDER BY nonce)";
    let kept: String = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&kept).unwrap(),
        json!([
            ["n-1", 10, 11, "u-1", 1, 2, null, null, null],
            ["n-2", 20, null, null, 1, null, "access_denied", "No.", null],
        ])
    );
}
