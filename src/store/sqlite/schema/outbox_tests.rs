//! What a delivery leaves in the outbox, under SQLite itself.

use super::{
    STEPS, statements,
    tests::{fetch, receive},
};
use rusqlite::Connection;
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
    let about = [event, kind, mode];
    receive(database, about, Some("u-1"), 5, &body.to_string()).unwrap();
}

fn state(signals: &Value) -> Value {
    json!({"data": {"signals": signals}})
}

fn locked(is: bool, at: i64) -> Value {
    let meta = json!({"oemUpdatedAt": at, "retrievedAt": at});
    json!([{"code": "closure-islocked", "body": {"value": is}, "meta": meta}])
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
fn outbox_keeps_events_from_before_the_first_run_for_every_sink() {
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
fn sink_gets_the_types_vehicles_and_modes_it_wants() {
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
    // A sink that wants nothing any more gets nothing, until it is configured again.
    database
        .execute("UPDATE sink SET gone = '410' WHERE name = 'mine'", [])
        .unwrap();
    deliver(&database, "e-3", "TOMORROW", "TEST", &json!({}));
    assert_eq!(waiting(&database), expected);
}

#[test]
fn sink_that_wants_changes_gets_the_states_that_change_something() {
    let database = database();
    configure(&database, &json!([{"name": "a", "changedOnly": 1}]));
    let deliver_state = |event: &str, mode: &str, signals: &Value| {
        deliver(&database, event, "VEHICLE_STATE", mode, &state(signals));
    };
    deliver_state("new", "LIVE", &locked(true, 10));
    deliver_state("same", "LIVE", &locked(true, 20));
    deliver_state("changed", "LIVE", &locked(false, 30));
    deliver_state("older", "LIVE", &locked(true, 25));
    deliver_state("test", "TEST", &locked(true, 40));
    deliver_state("none", "LIVE", &json!([]));
    let mut failed = locked(true, 50);
    failed[0]["status"] = json!({"value": "ERROR"});
    deliver_state("failed", "LIVE", &failed);
    for odd in [json!([null, 7, "x"]), json!({"code": 1}), json!("x")] {
        deliver_state(&odd.to_string(), "LIVE", &odd);
    }
    deliver(&database, "error", "VEHICLE_ERROR", "LIVE", &json!({}));
    let expected = pairs(&[("a", "new"), ("a", "changed"), ("a", "error")]);
    assert_eq!(waiting(&database), expected);
}

#[test]
fn changed_only_compares_with_what_was_last_delivered() {
    let database = database();
    configure(&database, &json!([{"name": "a", "changedOnly": 1}]));
    let deliver_state = |event: &str, signals: &Value| {
        deliver(&database, event, "VEHICLE_STATE", "LIVE", &state(signals));
    };
    // A first read of the API is nothing that a sink knows of.
    fetch(&database, 10, &locked(true, 10));
    deliver_state("first", &locked(true, 11));
    // A read brings the change before the delivery does.
    fetch(&database, 20, &locked(false, 20));
    deliver_state("same as delivered", &locked(true, 15));
    deliver_state("changed", &locked(false, 20));
    deliver_state("same", &locked(false, 21));
    // A read is newer than the delivery, which is news all the same.
    fetch(&database, 40, &locked(false, 40));
    deliver_state("older than read", &locked(true, 30));
    deliver_state("older than delivered", &locked(false, 25));
    deliver_state("back", &locked(false, 41));
    // A time of observation that is unknown says nothing of the order.
    deliver_state(
        "no time",
        &json!([{"code": "closure-islocked", "body": {"value": true},
        "meta": {"oemUpdatedAt": 0, "retrievedAt": 50}}]),
    );
    let expected = ["first", "changed", "older than read", "back", "no time"];
    let expected = expected.map(|event| ("a", event));
    assert_eq!(waiting(&database), pairs(&expected));
}

#[test]
fn changed_only_knows_what_was_delivered_before_the_migration() {
    let database = Connection::open_in_memory().unwrap();
    for statement in STEPS[..4].iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
    configure(&database, &json!([{"name": "a", "changedOnly": 1}]));
    let body = state(&locked(true, 10)).to_string();
    let insert = "INSERT INTO delivery
        VALUES ('before', 'VEHICLE_STATE', 'LIVE', 'v-1', 'u-1', 5, 1800000000000, ?1)";
    database.execute(insert, [body]).unwrap();
    for statement in STEPS[4..].iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
    for (event, signals) in [("same", locked(true, 20)), ("changed", locked(false, 30))] {
        deliver(&database, event, "VEHICLE_STATE", "LIVE", &state(&signals));
    }
    assert_eq!(
        waiting(&database),
        pairs(&[("a", "before"), ("a", "changed")])
    );
}

#[test]
fn outbox_drops_an_event_with_its_delivery() {
    let database = database();
    configure(&database, &json!([{"name": "a"}]));
    deliver(&database, "e-1", "VEHICLE_STATE", "LIVE", &json!({}));
    database.execute("DELETE FROM delivery", []).unwrap();
    assert!(waiting(&database).is_empty());
}
