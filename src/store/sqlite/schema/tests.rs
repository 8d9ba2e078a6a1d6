//! The schema under SQLite itself: what a delivery leaves behind.

use super::{STEPS, statements};
use crate::action::{KEY_LIFE, LOST_AFTER};
use crate::sqlite::reports::{REPORT, rows};
use rusqlite::{Connection, params};
use serde_json::{Value, json, value::RawValue};
use smartcar::{
    Timestamp,
    delivery::{Event, Mode},
    report::{Report, SignalReport},
};

/// When everything is received.
const NOW: i64 = 1_800_000_000_000;

fn database() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    for statement in STEPS.iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
    database
}

/// The database of the version before deliveries were taken apart in Rust.
fn version_4() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    for statement in STEPS[..4].iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
    database
}

fn migrate(database: &Connection) {
    for statement in STEPS[4..].iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
}

/// Stores a delivery as that version did.
fn deliver_to_version_4(database: &Connection, kind: &str, at: i64, body: &str) {
    database
        .execute(
            "INSERT INTO delivery VALUES (?1, ?2, 'LIVE', 'v-1', 'u-1', ?3, ?4, ?5)",
            params![format!("{kind}-{at}"), kind, at, NOW, body],
        )
        .unwrap();
}

/// Stores a delivery as the receiver does; its envelope is put around the body.
pub(super) fn receive(
    database: &Connection,
    [event, kind, mode]: [&str; 3],
    user: Option<&str>,
    delivered_at: i64,
    body: &str,
) -> rusqlite::Result<usize> {
    let mut read = Event::read(body);
    read.envelope.event_type = Some(kind.into());
    read.envelope.vehicle_id = Some("v-1".into());
    read.envelope.delivered_at = Some(Timestamp(delivered_at));
    read.envelope.mode = (mode == "TEST").then_some(Mode::Test);
    let report = read.report(Timestamp(NOW)).map(|report| rows(&report));
    let insert = "INSERT INTO received VALUES (?1, ?2, ?3, 'v-1', ?4, ?5, ?6, ?7, ?8)";
    let mut insert = database.prepare_cached(insert)?;
    insert.execute(params![
        event,
        kind,
        mode,
        user,
        delivered_at,
        NOW,
        body,
        report
    ])
}

fn deliver(database: &Connection, event: &str, mode: &str, delivered_at: i64, body: &str) {
    let about = [event, "VEHICLE_STATE", mode];
    receive(database, about, Some("u-1"), delivered_at, body).unwrap();
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
fn delivery_is_stored_once_and_the_second_one_changes_nothing() {
    let database = database();
    let body = |value| state(json!([percent(value, value, value)]));
    deliver(&database, "e-1", "LIVE", 10, &body(1));
    let about = ["e-1", "VEHICLE_STATE", "LIVE"];
    let error = receive(&database, about, Some("u-1"), 20, &body(2)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("UNIQUE constraint failed: delivery.event_id"),
        "{error}"
    );
    assert_eq!(signals(&database)[0][1]["value"], 1);
}

#[test]
fn updates_end_in_the_same_state_in_every_order_of_six() {
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
    let database = database();
    permutations(&mut [0, 1, 2, 3, 4, 5], 0, &mut |order| {
        database.execute_batch("BEGIN").unwrap();
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
        database.execute_batch("ROLLBACK").unwrap();
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

/// Stores what was read of Smartcar's API, as the gateway does.
pub(super) fn fetch(database: &Connection, heard_at: i64, signals: &Value) {
    fetch_by_a_clock(database, [heard_at, NOW], signals);
}

/// The same, at a time by a clock that says another.
fn fetch_by_a_clock(database: &Connection, [heard_at, clock]: [i64; 2], signals: &Value) {
    let texts: Vec<Box<RawValue>> = signals
        .as_array()
        .unwrap()
        .iter()
        .map(|signal| serde_json::value::to_raw_value(signal).unwrap())
        .collect();
    let at = Timestamp(heard_at);
    let mut report = Report::new(None, at);
    report.signals = texts
        .iter()
        .filter_map(|json| SignalReport::read(json, at, Timestamp(clock)))
        .collect();
    let mut insert = database.prepare_cached(REPORT).unwrap();
    insert
        .execute(params!["v-1", "u-1", rows(&report)])
        .unwrap();
}

#[test]
fn fetched_and_delivered_signals_end_in_the_same_state_in_every_order() {
    let fetched = |value: i64, observed: Value, retrieved: i64| {
        json!([{"id": "tractionbattery-stateofcharge", "attributes": {
            "code": "tractionbattery-stateofcharge", "name": "StateOfCharge",
            "group": "TractionBattery", "body": {"value": value, "unit": "percent"}},
            "meta": {"oemUpdatedAt": observed, "retrievedAt": retrieved}}])
    };
    let tomorrow = 1_800_086_400_000_i64;
    let reported = [
        (true, 15, fetched(60, json!(100), 205)),
        (true, 35, fetched(61, json!(300), 205)),
        // Retrieved last, which counts, though observed at an unknown time.
        (true, 45, fetched(62, Value::Null, 301)),
        (false, 20, json!([percent(51, 100, 210)])),
        (false, 30, json!([percent(52, tomorrow, 299)])),
        (
            true,
            1000,
            json!([{"code": "tractionbattery-stateofcharge", "body": {"value": 99},
                "status": {"value": "ERROR"}, "meta": {"oemUpdatedAt": 999}}]),
        ),
    ];
    let mut outcomes = Vec::new();
    let database = database();
    permutations(&mut [0, 1, 2, 3, 4, 5], 0, &mut |order| {
        database.execute_batch("BEGIN").unwrap();
        for index in order {
            let (is_fetched, at, items) = &reported[*index];
            if *is_fetched {
                fetch(&database, *at, items);
            } else {
                let body = state(items.clone());
                deliver(&database, &index.to_string(), "LIVE", *at, &body);
            }
        }
        outcomes.push(signals(&database));
        database.execute_batch("ROLLBACK").unwrap();
    });
    assert_eq!(
        outcomes[0],
        [json!([
            "tractionbattery-stateofcharge",
            {"value": 62, "unit": "percent"},
            null,
            301,
            45,
            {"status": {"value": "ERROR"}, "body": {"value": 99}},
            1000
        ])]
    );
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
}

#[test]
fn car_whose_clock_is_ahead_does_not_freeze_its_signals() {
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
fn delivery_that_was_signed_is_stored_whatever_it_holds() {
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
        deliver(&database, &index.to_string(), "LIVE", 1, body);
    }
    let bytes: &[u8] = &[0xff, 0x00, 0x7b];
    database
        .execute(
            "INSERT INTO received VALUES ('b', 'X', 'LIVE', 'v-1', NULL, NULL, 1, ?1, NULL)",
            [bytes],
        )
        .unwrap();
    assert!(signals(&database).is_empty());
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        database.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("delivery"), count("outbox")), (12, 12));
}

#[test]
fn test_event_changes_nothing() {
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
fn vehicle_keeps_what_a_later_delivery_does_not_say() {
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
fn error_is_open_until_its_newest_report_is_resolved_in_any_order() {
    let reported = |state: &str| {
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
            let about = [&*at.to_string(), "VEHICLE_ERROR", "LIVE"];
            receive(&database, about, Some("u-1"), at, &reported(state)).unwrap();
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

/// A signal: code, value, whose word it is, whose word its error is.
type Word = (String, Option<i64>, Option<String>, Option<String>);

/// Every signal.
fn words(database: &Connection) -> Vec<Word> {
    let mut statement = database
        .prepare("SELECT code, body ->> 'value', user_id, error_user_id FROM signal ORDER BY code")
        .unwrap();
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn deliver_as(database: &Connection, user: Option<&str>, at: i64, signals: &Value) {
    let about = [&*format!("e-{at}"), "VEHICLE_STATE", "LIVE"];
    receive(database, about, user, at, &state(signals.clone())).unwrap();
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
    let database = version_4();
    let value = |code: &str, value: i64| json!({"code": code, "body": {"value": value}});
    let failed = json!({"code": "b", "status": {"value": "ERROR"}});
    let body = state(json!([value("a", 1), value("b", 1), failed]));
    deliver_to_version_4(&database, "VEHICLE_STATE", 10, &body);
    let error = json!({"data": {"errors": [{"type": "T", "state": "ERROR"}]}}).to_string();
    deliver_to_version_4(&database, "VEHICLE_ERROR", 10, &error);
    migrate(&database);
    assert!(
        words(&database)
            .iter()
            .all(|(_, _, user, _)| user.is_none())
    );
    deliver_as(&database, Some("u-2"), 20, &json!([value("a", 2)]));
    let user = |id: &str| Some(id.to_owned());
    let expected = [
        ("a".to_owned(), Some(2), user("u-2"), None),
        ("b".to_owned(), Some(1), user("u-1"), user("u-1")),
    ];
    assert_eq!(words(&database), expected);
    let whose = database.query_row("SELECT user_id FROM vehicle_error", [], |row| row.get(0));
    assert_eq!(whose, Ok(user("u-1")));
}

#[test]
fn database_of_version_4_keeps_all_and_its_values_compare_by_the_rule_of_today() {
    let database = version_4();
    let signal = |code: &str, value: i64, meta: Value| json!({"code": code, "body": {"value": value}, "meta": meta});
    let known = json!({"oemUpdatedAt": 100, "retrievedAt": 200});
    let unknown = json!({"oemUpdatedAt": 0});
    let before = json!([
        signal("later", 1, known.clone()),
        signal("older", 1, known.clone()),
        signal("same", 1, known.clone()),
        signal("unknown", 1, unknown.clone()),
        {"code": "failed", "status": {"value": "ERROR"}},
    ]);
    deliver_to_version_4(&database, "VEHICLE_STATE", 300, &state(before));
    let error = json!({"data": {"errors": [{"type": "T", "state": "ERROR"}]}}).to_string();
    deliver_to_version_4(&database, "VEHICLE_ERROR", 300, &error);
    let count = |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    let all = "SELECT (SELECT count(*) FROM delivery) * 1000 + (SELECT count(*) FROM outbox) * 100
        + (SELECT count(*) FROM signal) * 10 + (SELECT count(*) FROM vehicle_error)";
    let (rows, old) = (count(all), signals(&database));
    migrate(&database);
    assert_eq!((count(all), signals(&database)), (rows, old));

    let after = json!([
        // Retrieved later, though observed earlier or at an unknown time.
        signal("later", 2, json!({"oemUpdatedAt": 50, "retrievedAt": 201})),
        signal("older", 2, json!({"oemUpdatedAt": 150, "retrievedAt": 199})),
        signal("same", 0, known),
        // Retrieved before the other can have been.
        signal(
            "unknown",
            2,
            json!({"oemUpdatedAt": 150, "retrievedAt": 299})
        ),
        signal("failed", 2, unknown),
    ]);
    deliver(&database, "e-1", "LIVE", 310, &state(after));
    let values: Vec<_> = signals(&database)
        .iter()
        .map(|signal| json!([signal[0], signal[1]["value"], signal[4]]))
        .collect();
    assert_eq!(
        values,
        [
            json!(["failed", 2, 310]),
            json!(["later", 2, 310]),
            json!(["older", 1, 310]),
            json!(["same", 0, 310]),
            json!(["unknown", 1, 310]),
        ]
    );
}

#[test]
fn signal_whose_value_loses_is_as_fresh_as_the_newest_report_and_keeps_its_rank() {
    let database = database();
    let value = |value: i64, retrieved: i64| state(json!([percent(value, 1, retrieved)]));
    deliver(&database, "e-1", "LIVE", 100, &value(1, 90));
    deliver(&database, "e-2", "LIVE", 200, &value(2, 80));
    let kept = signals(&database);
    assert_eq!(
        (&kept[0][1]["value"], &kept[0][4]),
        (&json!(1), &json!(200))
    );
    // The freshness is no part of the rank: the next retrieval wins.
    deliver(&database, "e-3", "LIVE", 300, &value(3, 91));
    assert_eq!(signals(&database)[0][1]["value"], 3);
}

#[test]
fn value_that_was_observed_at_an_unknown_time_is_replaced_by_the_next_retrieval() {
    for unknown in [json!(0), Value::Null] {
        let database = database();
        let hour = 3_600_000;
        let signal = |value: i64, observed: Value, retrieved: i64| {
            json!([{"code": "a", "body": {"value": value},
                "meta": {"oemUpdatedAt": observed, "retrievedAt": retrieved}}])
        };
        let first = signal(1, unknown, 10 * hour);
        deliver(&database, "e-1", "LIVE", 10 * hour, &state(first));
        let second = signal(2, json!(9 * hour), 10 * hour + 600_000);
        deliver(
            &database,
            "e-2",
            "LIVE",
            10 * hour + 600_000,
            &state(second),
        );
        let third = signal(2, json!(9 * hour), 11 * hour);
        fetch(&database, 11 * hour, &third);
        let kept = signals(&database);
        assert_eq!(
            (&kept[0][1]["value"], &kept[0][4]),
            (&json!(2), &json!(11 * hour))
        );
    }
}

/// The times of a VEHICLE_ERROR's deliveries, E for an error and R for its end, and
/// whether it is open after them.
fn is_open(database: &Connection, reported: &[(char, i64)]) -> bool {
    for (what, at) in reported {
        let state = if *what == 'E' { "ERROR" } else { "RESOLVED" };
        let body = json!({"data": {"errors": [{"type": "T", "code": "C", "state": state}]}});
        let about = [&*format!("{what}-{at}"), "VEHICLE_ERROR", "LIVE"];
        receive(database, about, Some("u-1"), *at, &body.to_string()).unwrap();
    }
    let sql = "SELECT error_at > coalesce(resolved_at, 0) FROM vehicle_error";
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn error_that_is_delivered_again_after_its_end_does_not_stay_open() {
    let second = 1000;
    for (reported, expected) in [
        // Attempts of the ERROR failed until its RESOLVED was there.
        (&[('R', 10), ('E', 25)][..], false),
        (&[('R', 10), ('E', 230)], false),
        (&[('E', -900), ('R', -800), ('R', 10), ('E', 25)], false),
        // The next one is another.
        (&[('R', 10), ('E', 25), ('E', 60)], true),
        (&[('R', 10), ('E', 251)], true),
        // One that comes back at once.
        (&[('E', 0), ('R', 10), ('E', 25)], true),
        (&[('E', 0), ('R', 10), ('E', 25), ('R', 40)], false),
        (&[('R', 20), ('E', 10), ('E', 30)], true),
    ] {
        let reported: Vec<_> = reported
            .iter()
            .map(|(what, at)| (*what, (1_000_000 + at) * second))
            .collect();
        assert_eq!(is_open(&database(), &reported), expected, "{reported:?}");
    }
}

#[test]
fn action_is_lost_and_its_key_free_when_the_code_says_so_too() {
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

#[test]
fn reports_of_a_clock_that_was_ahead_yield_to_those_of_one_that_is_right() {
    let database = database();
    let month = 30 * 24 * 3600 * 1000_i64;
    let signal = |code: &str, value: i64, retrieved: Option<i64>| json!({"code": code, "body": {"value": value}, "meta": {"retrievedAt": retrieved}});
    let failed = |why: &str| json!({"code": "c", "status": {"value": "ERROR", "error": why}});
    let ahead = json!([
        signal("a", 1, Some(NOW)),
        signal("b", 1, None),
        failed("old")
    ]);
    fetch_by_a_clock(&database, [NOW + month; 2], &ahead);
    let now = NOW + 60_000;
    let right = json!([
        signal("a", 2, Some(now)),
        signal("b", 2, None),
        failed("new")
    ]);
    fetch_by_a_clock(&database, [now; 2], &right);
    let read = |sql: &str| -> Vec<(String, i64)> {
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    };
    let values = read("SELECT body, delivered_at FROM signal WHERE body IS NOT NULL ORDER BY code");
    let two = || (r#"{"value":2}"#.to_owned(), now);
    assert_eq!(values, [two(), two()]);
    let errors = read("SELECT error ->> '$.status.error', error_at FROM signal WHERE code = 'c'");
    assert_eq!(errors, [("new".to_owned(), now)]);
}

#[test]
fn owner_of_a_clock_that_was_ahead_yields_to_one_that_is_right() {
    let database = database();
    let month = 30 * 24 * 3600 * 1000_i64;
    let sql = "INSERT INTO vehicle (id, user_id, delivered_at) VALUES ('v-1', 'u-0', ?1)";
    database.execute(sql, [NOW + month]).unwrap();
    let sql = "INSERT INTO vehicle_error (vehicle_id, type, code, resolved_at)
        VALUES ('v-1', 'T', '', ?1)";
    database.execute(sql, [NOW + month]).unwrap();
    let errors = json!({"data": {"errors": [{"type": "T", "state": "ERROR"}]}}).to_string();
    let about = ["e-1", "VEHICLE_ERROR", "LIVE"];
    receive(&database, about, Some("u-1"), NOW + 1, &errors).unwrap();
    let read = "SELECT vehicle.user_id, error_at > resolved_at FROM vehicle JOIN vehicle_error
        ON vehicle_id = id";
    let read: (String, bool) = database
        .query_row(read, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(read, ("u-1".to_owned(), true));
}
