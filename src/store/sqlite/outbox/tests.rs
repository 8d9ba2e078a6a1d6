//! The statements of the outbox under SQLite itself: what each costs, and what a database
//! of the version before leaves. What they do is said by the rules that every engine keeps.

use super::*;
use crate::sqlite::{
    cost::{effort, plan},
    schema::{STEPS, statements},
};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

const NOW: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const LONGEST: i64 = 60 * MINUTE;
const LEASE: i64 = MINUTE;

fn migrate(database: &Connection, steps: &[&'static str]) {
    for statement in steps.iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
}

fn with_sinks(names: &[&str]) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    migrate(&database, STEPS);
    configure(&database, names);
    database
}

fn configure(database: &Connection, names: &[&str]) {
    let sinks: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
    database
        .execute("UPDATE relay SET sinks = ?1", [json!(sinks).to_string()])
        .unwrap();
}

fn deliver(database: &Connection, event: &str, vehicle: Option<&str>, at: i64) {
    let insert = "INSERT INTO delivery VALUES (?1, 'TOMORROW', 'LIVE', ?2, 'u-1', NULL, ?3, '{}')";
    database
        .execute(insert, params![event, vehicle, at])
        .unwrap();
}

/// Adds rows by SQL alone, so many of so many vehicles, a millisecond apart.
fn fill(database: &Connection, sink: &str, rows: i64, vehicles: i64, from: i64) {
    let insert = "WITH RECURSIVE number(n) AS
            (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?2)
        INSERT INTO outbox (sink, event_id, vehicle_id, created_at)
        SELECT ?1, 'filled-' || n, 'v-' || (n % ?3), ?4 + n FROM number";
    database
        .execute(insert, params![sink, rows, vehicles, from])
        .unwrap();
}

/// The rows that a look finds, which are next of their vehicles.
fn look(database: &Connection, sink: &str, now: i64) -> Vec<i64> {
    let mut statement = database.prepare_cached(LOOK).unwrap();
    let rows = statement.query_map(params![sink, now, LONGEST, WINDOW], |row| row.get(0));
    rows.unwrap().map(Result::unwrap).collect()
}

/// Claims what a look finds: rows and events.
fn claim(database: &Connection, sink: &str, now: i64) -> Vec<(i64, String)> {
    let found = json!(look(database, sink, now)).to_string();
    let mut statement = database.prepare_cached(CLAIM).unwrap();
    let parameters = params![sink, now, found, now + LEASE];
    let rows = statement.query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?)));
    let mut rows: Vec<(i64, String)> = rows.unwrap().map(Result::unwrap).collect();
    rows.sort();
    rows
}

const ROWS: i64 = 100_000;

/// What a look may cost at most, however many rows wait: some hundred rows at a few
/// dozen instructions each.
const MOST_STEPS: i32 = 15_000;

#[test]
fn outbox_look_costs_the_same_however_many_rows_wait() {
    let database = with_sinks(&["a"]);
    fill(&database, "a", ROWS, 1000, NOW - DAY / 2);
    let look = |what: &str, most: i32| {
        let (steps, scanned) = effort(&database, LOOK, params!["a", NOW, LONGEST, WINDOW]);
        println!("{what}: {steps} instructions, {scanned} rows scanned");
        assert!(steps < most && scanned <= 256, "{what}: {steps}, {scanned}");
    };
    look("all are new", MOST_STEPS);
    // Each vehicle's first one has failed, and is tried again later.
    let failed = "UPDATE outbox SET due_at = ?1, attempts = 3 WHERE waits = 0";
    assert_eq!(database.execute(failed, [NOW + 1]).unwrap(), 1000);
    look("none is due", 100);
    let due = "UPDATE outbox SET due_at = ?1 WHERE waits = 0";
    database.execute(due, [NOW]).unwrap();
    look("all have failed and are due", MOST_STEPS);
    let claimed = "UPDATE outbox SET due_at = ?1, claimed_until = ?1 WHERE waits = 0";
    database.execute(claimed, [NOW + LEASE]).unwrap();
    look("all are being sent", 100);
    for off in ["paused_until = 1800000060000", "gone = 'it answered 410'"] {
        database.execute(due, [0]).unwrap();
        database
            .execute(&format!("UPDATE sink SET {off}"), [])
            .unwrap();
        look(off, 100);
    }
    let (steps, _) = effort(&database, READY, params![NOW, LONGEST]);
    assert!(steps < 100, "{steps}");
}

#[test]
fn outbox_look_goes_by_the_index_of_what_is_due() {
    let database = with_sinks(&["a"]);
    for sql in [LOOK, CLAIM, WAIT] {
        let plan = plan(&database, sql);
        assert!(!plan.contains("SCAN outbox"), "{plan}");
        assert!(
            plan.contains("outbox_order (sink=? AND vehicle_id=? AND"),
            "{plan}"
        );
    }
    let plan = plan(&database, LOOK);
    assert!(plan.contains("outbox_due (sink=? AND due_at"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE FOR LAST TERM"), "{plan}");
}

#[test]
fn outbox_statements_that_write_visit_the_rows_that_they_change() {
    let database = with_sinks(&["a"]);
    fill(&database, "a", ROWS, 1000, NOW - DAY / 2);
    let sixteen = json!((1..=16).collect::<Vec<_>>()).to_string();
    let kept: Vec<_> = (1..=16)
        .map(|seq| json!({"seq": seq, "attempt": 1, "dueAt": 1, "error": "x", "isDead": false}))
        .collect();
    let kept = json!(kept).to_string();
    let cost = |what: &str, sql: &str, parameters: &[&dyn rusqlite::ToSql]| {
        let plan = plan(&database, sql);
        let (steps, scanned) = effort(&database, sql, parameters);
        println!("{what}: {steps} instructions, {scanned} scanned\n{plan}\n");
        assert!(
            steps < 40_000 && scanned < 2000,
            "{what}: {steps}, {scanned}"
        );
    };
    cost("claim", CLAIM, params!["a", NOW, sixteen, NOW + LEASE]);
    cost("wait", WAIT, params![sixteen]);
    cost("keep", KEEP, params![kept, NOW]);
    cost("delivered", DELIVERED, params![sixteen]);
    cost("expire", EXPIRE, params!["a", NOW, NOW, 50]);
    cost("release", RELEASE, params![NOW]);
    cost("bring near", BRING_NEAR, params!["a", NOW, 50]);
    cost("remove", REMOVE, params!["a", 50]);
    configure(&database, &["b"]);
    cost("remove", REMOVE, params!["a", 50]);
    cost("forget", FORGET, params!["a"]);
    let insert = "INSERT INTO outbox (sink, event_id, vehicle_id, created_at)
        VALUES ('a', 'new', 'v-1', 7)";
    cost("insert", insert, params![]);
    cost(
        "die",
        "UPDATE outbox SET dead_at = 7 WHERE seq = 5000",
        params![],
    );
    cost(
        "replay",
        "UPDATE outbox SET dead_at = NULL WHERE seq = 5000",
        params![],
    );
}

#[test]
fn outbox_expires_in_steps_that_do_not_grow_with_what_waits() {
    let database = with_sinks(&["a"]);
    fill(&database, "a", ROWS, 1000, NOW - DAY - 1200);
    let old = params!["a", NOW, NOW - DAY];
    let is_old = || -> bool { database.query_row(IS_OLD, old, |row| row.get(0)).unwrap() };
    let (steps, _) = effort(&database, IS_OLD, old);
    assert!(steps < 100, "{steps}");
    let mut expired = Vec::new();
    while is_old() {
        let step = params!["a", NOW, NOW - DAY, 500];
        expired.push(database.execute(EXPIRE, step).unwrap());
    }
    assert_eq!(expired, [500, 500, 201]);
    assert_invariants(&database);
    // And when there is nothing to give up, the rest costs nothing.
    let (steps, _) = effort(&database, IS_OLD, old);
    assert!(steps < 100, "{steps}");
    assert!(plan(&database, EXPIRE).contains("outbox_age (sink=? AND created_at<?)"));
    let (steps, _) = effort(&database, IS_FAR, params!["a", NOW + DAY]);
    assert!(steps < 100, "{steps}");
    let (steps, _) = effort(&database, IS_AHEAD, [NOW + LEASE]);
    assert!(steps < 100, "{steps}");
}

#[test]
fn outbox_figures_cost_the_same_however_many_rows_wait() {
    let database = with_sinks(&["a", "b"]);
    fill(&database, "a", ROWS, 1000, NOW);
    database
        .execute("UPDATE outbox SET dead_at = 7 WHERE seq <= 10", [])
        .unwrap();
    let (steps, _) = effort(&database, FIGURES, []);
    println!("figures: {steps} instructions");
    assert!(steps < 500, "{steps}");
    let a = ("a".to_owned(), ROWS - 10, 10);
    assert_eq!(figures(&database), [a, ("b".to_owned(), 0, 0)]);
}

/// How many events wait for each sink, and how many are dead letters.
fn figures(database: &Connection) -> Vec<(String, i64, i64)> {
    let mut statement = database.prepare(FIGURES).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(3)?, row.get(4)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn outbox_claims_no_row_that_an_instance_of_the_version_before_is_sending() {
    let database = with_sinks(&["s"]);
    deliver(&database, "e-1", Some("v-1"), 0);
    deliver(&database, "e-2", Some("v-2"), 0);
    // That version leaves the due time of a row that it claims as it is.
    let taken = "UPDATE outbox SET claimed_until = 30000, attempts = 1 WHERE event_id = 'e-1'";
    database.execute(taken, []).unwrap();
    let events = |now: i64| -> Vec<String> {
        let claimed = claim(&database, "s", now).into_iter();
        claimed.map(|(_, event)| event).collect()
    };
    assert_eq!(events(1000), ["e-2"]);
    assert_eq!(events(30_000), ["e-1"]);
}

#[test]
fn outbox_of_the_version_before_keeps_its_rows_and_their_order() {
    let database = Connection::open_in_memory().unwrap();
    migrate(&database, &STEPS[..4]);
    configure(&database, &["a", "b"]);
    for event in 0..300 {
        let vehicle = format!("v-{}", event % 3);
        deliver(&database, &format!("{event:03}"), Some(&vehicle), NOW);
    }
    let dead = "UPDATE outbox SET dead_at = 5 WHERE sink = 'a' AND event_id < '010'";
    database.execute(dead, []).unwrap();
    let taken = "UPDATE outbox SET claimed_until = ?1, attempts = 1 WHERE event_id = '010'";
    database.execute(taken, [NOW - 1]).unwrap();
    migrate(&database, &STEPS[4..]);
    let expected = [("a".to_owned(), 290, 10), ("b".to_owned(), 300, 0)];
    assert_eq!(figures(&database), expected);
    let mut sent = BTreeMap::<String, Vec<String>>::new();
    let mut waited = 0;
    loop {
        let found = json!(look(&database, "a", NOW)).to_string();
        waited += database.execute(WAIT, [found]).unwrap();
        let claimed = claim(&database, "a", NOW);
        if claimed.is_empty() {
            break;
        }
        assert!(claimed.len() <= 3);
        for (seq, event) in claimed {
            let vehicle = format!("v-{}", event.parse::<i32>().unwrap() % 3);
            sent.entry(vehicle).or_default().push(event);
            database
                .execute(DELIVERED, [json!([seq]).to_string()])
                .unwrap();
        }
        assert_invariants(&database);
    }
    // A look takes those out of the way that the version before had not marked.
    assert!(waited > 100, "{waited}");
    assert_eq!(sent.values().map(Vec::len).sum::<usize>(), 290);
    assert!(sent.values().all(|events| events.is_sorted()));
}

/// Of each vehicle the first that waits can be found, and the counts are right.
fn assert_invariants(database: &Connection) {
    let hidden = "SELECT count(*) FROM outbox WHERE dead_at IS NULL AND waits = 1 AND NOT EXISTS (
        SELECT 1 FROM outbox AS earlier WHERE earlier.sink = outbox.sink
            AND earlier.vehicle_id = outbox.vehicle_id AND earlier.seq < outbox.seq
            AND earlier.dead_at IS NULL)";
    let hidden: i64 = database.query_row(hidden, [], |row| row.get(0)).unwrap();
    assert_eq!(hidden, 0, "an event that could be sent is not found");
    let wrong = "SELECT count(*) FROM backlog WHERE
        waiting <> (SELECT count(*) FROM outbox WHERE outbox.sink = backlog.sink AND dead_at IS NULL)
        OR dead <> (SELECT count(*) FROM outbox WHERE outbox.sink = backlog.sink AND dead_at IS NOT NULL)";
    let wrong: i64 = database.query_row(wrong, [], |row| row.get(0)).unwrap();
    assert_eq!(wrong, 0, "a count is wrong");
    let missing = "SELECT count(*) FROM outbox WHERE sink NOT IN (SELECT sink FROM backlog)";
    let missing: i64 = database.query_row(missing, [], |row| row.get(0)).unwrap();
    assert_eq!(missing, 0, "a count is missing");
}
