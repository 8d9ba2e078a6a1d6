//! When a vehicle's list is complete, and which look-ups count.

use super::{STEPS, statements};
use crate::sqlite::reports::{REPORT, rows};
use rusqlite::{Connection, params};
use serde_json::{json, value::to_raw_value};
use smartcar::{
    Timestamp,
    report::{Report, SignalReport},
};

/// The version before `0008-listings.sql`, which these tests are about.
const BEFORE: usize = 7;

fn run(database: &Connection, steps: &[&'static str]) {
    for statement in steps.iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
}

fn database() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    run(&database, STEPS);
    database
}

fn report(database: &Connection, user: &str, at: i64) {
    let signal = to_raw_value(&json!({"code": "a", "body": {"value": at}})).unwrap();
    let at = Timestamp(at);
    let mut report = Report::new(None, at);
    report.signals.extend(SignalReport::read(&signal, at, at));
    let parameters = params!["v-1", user, rows(&report)];
    database.execute(REPORT, parameters).unwrap();
}

/// The users of whom the vehicle has a list.
fn listed(database: &Connection) -> Vec<String> {
    let mut statement = database
        .prepare("SELECT user_id FROM listing WHERE vehicle_id = 'v-1' ORDER BY user_id")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn two_listings(database: &Connection) {
    database
        .execute_batch(
            "INSERT OR REPLACE INTO vehicle (id, user_id, delivered_at) VALUES ('v-1', 'u-1', 0), ('v-2', 'u-1', 0);
             INSERT INTO listing VALUES ('v-1', 'u-1', 5), ('v-1', 'u-2', 5), ('v-2', 'u-1', 5)",
        )
        .unwrap();
}

#[test]
fn listing_ends_where_a_signal_becomes_another_user_s() {
    let database = database();
    report(&database, "u-1", 10);
    two_listings(&database);
    report(&database, "u-1", 20);
    assert_eq!(listed(&database), ["u-1", "u-2"]);
    report(&database, "u-2", 30);
    assert_eq!(listed(&database), ["u-2"]);
    // What is older changes nothing.
    report(&database, "u-1", 15);
    assert_eq!(listed(&database), ["u-2"]);
}

#[test]
fn listing_ends_with_its_vehicle_and_with_any_of_its_signals() {
    for removal in [
        "DELETE FROM vehicle WHERE id = 'v-1'",
        "DELETE FROM signal WHERE vehicle_id = 'v-1' AND user_id = 'u-1'",
    ] {
        let database = database();
        report(&database, "u-1", 10);
        two_listings(&database);
        database.execute(removal, []).unwrap();
        assert_eq!(listed(&database), [] as [&str; 0], "{removal}");
        let others = "SELECT count(*) FROM listing WHERE vehicle_id = 'v-2'";
        let others: i64 = database.query_row(others, [], |row| row.get(0)).unwrap();
        assert_eq!(others, 1, "{removal}");
    }
}

#[test]
fn listing_of_an_earlier_version_is_not_believed_and_its_signals_stay() {
    let database = Connection::open_in_memory().unwrap();
    run(&database, &STEPS[..BEFORE]);
    report(&database, "u-1", 10);
    let vehicle = "INSERT OR REPLACE INTO vehicle (id, user_id, delivered_at, listed_at) VALUES ('v-1', 'u-1', 0, 10)";
    database.execute(vehicle, []).unwrap();
    run(&database, &STEPS[BEFORE..]);
    assert_eq!(listed(&database), [] as [&str; 0]);
    let value = "SELECT body ->> 'value' FROM signal JOIN vehicle ON vehicle.id = vehicle_id";
    let value: i64 = database.query_row(value, [], |row| row.get(0)).unwrap();
    assert_eq!(value, 10);
}

#[test]
fn fruitless_lookup_is_forgotten_after_ten_minutes() {
    let database = database();
    let look_up = |at: i64| {
        let sql = "INSERT INTO fruitless_lookup VALUES (?1, 'key', ?2, 'nobody')";
        database
            .execute(sql, params![at, format!("v-{at}")])
            .unwrap();
        let times =
            "SELECT json_group_array(at) FROM (SELECT at FROM fruitless_lookup ORDER BY at)";
        database
            .query_row(times, [], |row| row.get::<_, String>(0))
            .unwrap()
    };
    assert_eq!(look_up(1_000_000), "[1000000]");
    assert_eq!(look_up(1_600_000), "[1000000,1600000]");
    assert_eq!(look_up(1_600_001), "[1600000,1600001]");
    // Clocks of hosts differ by five minutes at most.
    assert_eq!(look_up(1_300_001), "[1300001,1600000,1600001]");
    // A clock was ahead by more, and has been corrected.
    assert_eq!(look_up(1_100_000), "[1100000,1300001]");
}
