//! What a delivery leaves in the outbox, under SQLite itself.

use super::{STEPS, statements};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

fn database() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    for statement in STEPS.iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
    database
}

fn configure(database: &Connection, sinks: &Value) {
    database
        .execute("UPDATE relay SET sinks = ?1", [sinks.to_string()])
        .unwrap();
}

fn deliver(database: &Connection, event: &str, kind: &str, mode: &str, body: &Value) {
    database
        .execute(
            "INSERT INTO delivery VALUES (?1, ?2, ?3, 'v-1', 'u-1', 5, 1800000000000, ?4)",
            params![event, kind, mode, body.to_string()],
        )
        .unwrap();
}

fn state(signals: &Value) -> Value {
    json!({"data": {"signals": signals}})
}

fn locked(is: bool, at: i64) -> Value {
    json!([{"code": "closure-islocked", "body": {"value": is}, "meta": {"oemUpdatedAt": at}}])
}

/// Which sinks wait for which events. What waits for one that was left out is the
/// relay's to remove.
fn waiting(database: &Connection) -> Vec<(String, String)> {
    let mut statement = database
        .prepare("SELECT sink, event_id FROM outbox JOIN sink ON name = sink ORDER BY sink, seq")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(sink, event)| ((*sink).to_owned(), (*event).to_owned()))
        .collect()
}

#[test]
fn what_came_before_the_relay_ever_ran_waits_for_every_sink() {
    let database = database();
    deliver(&database, "e-1", "VEHICLE_STATE", "LIVE", &json!({}));
    deliver(&database, "e-2", "VEHICLE_ERROR", "LIVE", &json!({}));
    let errors = json!(["VEHICLE_ERROR"]).to_string();
    configure(
        &database,
        &json!([{"name": "a"}, {"name": "b", "types": errors}]),
    );
    let both = pairs(&[("a", "e-1"), ("a", "e-2"), ("b", "e-2")]);
    assert_eq!(waiting(&database), both);
    // From now on each has what it wants, and one that comes later what comes later.
    deliver(&database, "e-3", "VEHICLE_STATE", "LIVE", &json!({}));
    configure(
        &database,
        &json!([{"name": "a"}, {"name": "b", "types": errors}, {"name": "c"}]),
    );
    deliver(&database, "e-4", "VEHICLE_STATE", "LIVE", &json!({}));
    let a_and_c = pairs(&[
        ("a", "e-1"),
        ("a", "e-2"),
        ("a", "e-3"),
        ("a", "e-4"),
        ("b", "e-2"),
        ("c", "e-4"),
    ]);
    assert_eq!(waiting(&database), a_and_c);
    // Who is gone waits for nothing.
    configure(&database, &json!([{"name": "c"}]));
    assert_eq!(waiting(&database), pairs(&[("c", "e-4")]));
    configure(&database, &json!([]));
    deliver(&database, "e-5", "VEHICLE_STATE", "LIVE", &json!({}));
    assert!(waiting(&database).is_empty());
}

#[test]
fn a_sink_gets_the_types_vehicles_and_modes_it_wants() {
    let database = database();
    let list = |item: &str| json!([item]).to_string();
    configure(
        &database,
        &json!([
            {"name": "live", "modes": list("LIVE")},
            {"name": "mine", "vehicles": list("v-1")},
            {"name": "other", "vehicles": list("v-2")},
            {"name": "states", "types": list("VEHICLE_STATE")},
        ]),
    );
    deliver(&database, "e-1", "VEHICLE_STATE", "TEST", &json!({}));
    deliver(&database, "e-2", "TOMORROW", "LIVE", &json!("no object"));
    let expected = pairs(&[
        ("live", "e-2"),
        ("mine", "e-1"),
        ("mine", "e-2"),
        ("states", "e-1"),
    ]);
    assert_eq!(waiting(&database), expected);
    // A sink that wants nothing any more gets nothing, until it is configured anew.
    database
        .execute("UPDATE sink SET gone = '410' WHERE name = 'mine'", [])
        .unwrap();
    deliver(&database, "e-3", "TOMORROW", "TEST", &json!({}));
    assert_eq!(waiting(&database), expected);
}

#[test]
fn who_wants_changes_gets_the_states_that_change_something() {
    let database = database();
    configure(&database, &json!([{"name": "a", "changedOnly": 1}]));
    let told = |event: &str, mode: &str, signals: &Value| {
        deliver(&database, event, "VEHICLE_STATE", mode, &state(signals));
    };
    told("new", "LIVE", &locked(true, 10));
    told("same", "LIVE", &locked(true, 20));
    told("changed", "LIVE", &locked(false, 30));
    told("older", "LIVE", &locked(true, 25));
    told("test", "TEST", &locked(true, 40));
    told("none", "LIVE", &json!([]));
    let mut failed = locked(true, 50);
    failed[0]["status"] = json!({"value": "ERROR"});
    told("failed", "LIVE", &failed);
    for odd in [json!([null, 7, "x"]), json!({"code": 1}), json!("x")] {
        told(&odd.to_string(), "LIVE", &odd);
    }
    deliver(&database, "error", "VEHICLE_ERROR", "LIVE", &json!({}));
    let expected = pairs(&[("a", "new"), ("a", "changed"), ("a", "error")]);
    assert_eq!(waiting(&database), expected);
}

#[test]
fn an_event_that_is_forgotten_waits_for_nobody() {
    let database = database();
    configure(&database, &json!([{"name": "a"}]));
    deliver(&database, "e-1", "VEHICLE_STATE", "LIVE", &json!({}));
    database.execute("DELETE FROM delivery", []).unwrap();
    assert!(waiting(&database).is_empty());
}
