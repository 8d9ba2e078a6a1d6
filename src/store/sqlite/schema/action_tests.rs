//! The schema under SQLite itself: when a vehicle is taken by an action, and what its
//! signals say about one.

use super::{STEPS, statements};
use crate::sqlite::reports::{REPORT, rows};
use crate::{CLOCKS_DIFFER, action::LOST_AFTER};
use rusqlite::{Connection, params};
use serde_json::value::RawValue;
use smartcar::{
    Timestamp,
    report::{Report, SignalReport},
};

const START: i64 = 1_800_000_000_000;

fn millis(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap()
}

fn is_ours(step: &&str) -> bool {
    step.contains("ADD COLUMN is_holding")
}

fn migrate<'a>(database: &Connection, steps: impl Iterator<Item = &'a &'static str>) {
    for statement in steps.flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
}

fn database() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    migrate(&database, STEPS.iter());
    database
}

struct Action {
    id: &'static str,
    at: i64,
    insists: bool,
    evidence: &'static str,
}

const LOCK: Action = Action {
    id: "act_1",
    at: START,
    insists: false,
    evidence: "closure-islocked=true",
};

/// Whether the action may begin. It is of the vehicle `v-1` and its user `u-1`.
fn begin(database: &Connection, action: &Action) -> bool {
    let awaits = action.evidence.split_once('=').unwrap().0;
    let begun = database.execute(
        "INSERT INTO action (id, kind, path, caller, vehicle_id, user_id, fingerprint,
            is_exclusive, is_holding, insisted, evidence, awaits, started_at, outcome)
        VALUES (?1, 'k', '/', 'c', 'v-1', 'u-1', 'f', 1, 1, ?2, ?3, ?4, ?5, 'running')",
        params![
            action.id,
            action.insists,
            action.evidence,
            awaits,
            action.at
        ],
    );
    begun.is_ok()
}

/// As the gateway completes an action.
fn complete(database: &Connection, id: &str, outcome: &str, is_open: bool) {
    let sql = "UPDATE action SET outcome = ?2,
        is_holding = CASE WHEN ?3 THEN is_holding ELSE 0 END WHERE id = ?1";
    database
        .execute(sql, params![id, outcome, is_open])
        .unwrap();
}

#[test]
fn vehicle_is_taken_while_the_outcome_of_a_command_is_open() {
    let second = |later: i64| Action {
        id: "act_2",
        at: START + later,
        ..LOCK
    };
    for (outcome, is_open, is_free) in [
        ("running", true, false),
        ("unknown", true, false),
        ("unknown", false, true),
        ("succeeded", false, true),
        ("failed", false, true),
    ] {
        let database = database();
        assert!(begin(&database, &LOCK));
        complete(&database, LOCK.id, outcome, is_open);
        let found = begin(&database, &second(1000));
        assert_eq!(found, is_free, "{outcome} {is_open}");
    }
    let life = millis(LOST_AFTER);
    for (later, is_free) in [(life - 1, false), (life, true)] {
        let database = database();
        assert!(begin(&database, &LOCK));
        complete(&database, LOCK.id, "unknown", true);
        assert_eq!(begin(&database, &second(later)), is_free, "{later}");
    }
}

#[test]
fn vehicle_is_not_taken_for_as_long_as_a_clock_was_ahead() {
    let differ = millis(CLOCKS_DIFFER);
    for outcome in ["running", "unknown"] {
        for (back, is_free) in [(differ, false), (differ + 1, true)] {
            let database = database();
            assert!(begin(&database, &LOCK));
            complete(&database, LOCK.id, outcome, true);
            let next = Action {
                id: "act_2",
                at: START - back,
                ..LOCK
            };
            assert_eq!(begin(&database, &next), is_free, "{outcome} {back}");
        }
    }
}

#[test]
fn insisting_passes_an_unknown_outcome_and_no_running_command() {
    for (outcome, is_free) in [("running", false), ("unknown", true)] {
        let database = database();
        assert!(begin(&database, &LOCK));
        complete(&database, LOCK.id, outcome, true);
        let insisting = Action {
            id: "act_2",
            at: START + 1000,
            insists: true,
            ..LOCK
        };
        assert_eq!(begin(&database, &insisting), is_free, "{outcome}");
        // The one that was let through holds the vehicle in its turn.
        let third = Action {
            id: "act_3",
            at: START + 2000,
            insists: true,
            ..LOCK
        };
        assert!(!begin(&database, &third), "{outcome}");
    }
}

/// Stores a value of a signal as deliveries do.
fn report(database: &Connection, user: &str, observed_at: i64, at: i64, body: &str) {
    let signal = format!(
        r#"{{"code":"closure-islocked","body":{body},
            "meta":{{"oemUpdatedAt":{observed_at},"retrievedAt":{at}}}}}"#
    );
    let signal = RawValue::from_string(signal).unwrap();
    let at = Timestamp(at);
    let mut report = Report::new(None, at);
    let signals = SignalReport::read(&signal, at, at);
    report.signals.extend(signals);
    let parameters = params!["v-1", user, rows(&report)];
    database.execute(REPORT, parameters).unwrap();
}

const LOCKED: &str = r#"{"value":true}"#;
const OPEN: &str = r#"{"value":false}"#;

/// What is kept with an action: whether it is late, the value, the seconds since the
/// start.
fn kept(database: &Connection, id: &str) -> Vec<(bool, bool, i64)> {
    let mut statement = database
        .prepare(
            "SELECT is_late, body = ?2, (observed_at - ?3) / 1000 FROM action_signal
            WHERE action_id = ?1 ORDER BY is_late, observed_at",
        )
        .unwrap();
    let rows = statement.query_map(params![id, LOCKED, START], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn action_keeps_each_report_of_its_time_and_the_first_one_after_it() {
    let database = database();
    report(&database, "u-1", START - 5000, START - 5000, LOCKED);
    assert!(begin(&database, &LOCK));
    let after = |observed: i64, at: i64, body: &str| {
        report(&database, "u-1", START + observed, START + at, body);
    };
    // Retrieved after the start, and observed before it.
    after(-1000, 1000, OPEN);
    assert!(kept(&database, LOCK.id).is_empty());
    after(2000, 3000, OPEN);
    after(4000, 5000, OPEN);
    after(6000, 7000, LOCKED);
    after(8000, 9000, OPEN);
    let early = [(false, false, 2), (false, true, 6)];
    assert_eq!(kept(&database, LOCK.id), early);
    after(331_000, 332_000, OPEN);
    after(400_000, 401_000, LOCKED);
    let settled = [(false, false, 2), (false, true, 6), (true, false, 331)];
    assert_eq!(kept(&database, LOCK.id), settled);
}

#[test]
fn action_keeps_the_first_report_of_a_signal_that_was_never_stored() {
    let database = database();
    assert!(begin(&database, &LOCK));
    report(&database, "u-1", START + 1000, START + 2000, LOCKED);
    assert_eq!(kept(&database, LOCK.id), [(false, true, 1)]);
}

#[test]
fn action_takes_no_time_from_a_clock_that_is_ahead() {
    let database = database();
    assert!(begin(&database, &LOCK));
    // Four minutes ahead: what was observed at the start would be late.
    report(&database, "u-1", START + 340_000, START + 100_000, OPEN);
    assert_eq!(kept(&database, LOCK.id), [(false, false, 100)]);
}

#[test]
fn action_takes_no_observation_of_before_it_began() {
    let database = database();
    report(&database, "u-1", START - 5000, START - 5000, LOCKED);
    assert!(begin(&database, &LOCK));
    // What the vehicle said before is delivered again, as the same and as retrieved again.
    report(&database, "u-1", START - 5000, START - 5000, LOCKED);
    report(&database, "u-1", START - 5000, START + 60_000, LOCKED);
    assert!(kept(&database, LOCK.id).is_empty());
}

#[test]
fn action_keeps_a_report_that_arrives_after_a_newer_one() {
    let database = database();
    assert!(begin(&database, &LOCK));
    report(&database, "u-1", START + 55_000, START + 56_000, OPEN);
    // An attempt to deliver this one failed before.
    report(&database, "u-1", START + 5000, START + 6000, LOCKED);
    report(&database, "u-1", START + 390_000, START + 391_000, OPEN);
    let expected = [(false, true, 5), (false, false, 55), (true, false, 390)];
    assert_eq!(kept(&database, LOCK.id), expected);
}

#[test]
fn action_keeps_whose_connection_reported_a_signal() {
    let database = database();
    assert!(begin(&database, &LOCK));
    report(&database, "u-2", START + 1000, START + 1000, LOCKED);
    report(&database, "u-1", START + 2000, START + 2000, OPEN);
    let users = "SELECT group_concat(user_id ORDER BY observed_at) FROM action_signal";
    let users: String = database.query_row(users, [], |row| row.get(0)).unwrap();
    assert_eq!(users, "u-2,u-1");
}

#[test]
fn signal_looks_for_actions_by_an_index_of_those_that_wait() {
    let database = database();
    let plan = "EXPLAIN QUERY PLAN SELECT 1 FROM action WHERE vehicle_id = 'v-1' AND awaits = 'c'";
    let plan: String = database.query_row(plan, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("action_awaits"), "{plan}");
}

#[test]
fn action_waits_no_longer_once_the_vehicle_is_asked_for_something_else() {
    let unlock = Action {
        id: "act_2",
        at: START + 10_000,
        evidence: "closure-islocked=false",
        ..LOCK
    };
    let again = Action {
        evidence: LOCK.evidence,
        ..unlock
    };
    for (second, expected) in [
        (unlock, vec![]),
        // The same once more is shown by the same.
        (again, vec![(false, false, 20)]),
    ] {
        let database = database();
        assert!(begin(&database, &LOCK));
        complete(&database, LOCK.id, "unknown", false);
        assert!(begin(&database, &second));
        report(&database, "u-1", START + 20_000, START + 20_000, OPEN);
        assert_eq!(kept(&database, LOCK.id), expected, "{}", second.evidence);
        assert_eq!(kept(&database, second.id), [(false, false, 20)]);
    }
}

#[test]
fn action_waits_again_where_the_later_one_was_not_carried_out() {
    let unlock = Action {
        id: "act_2",
        at: START + 10_000,
        evidence: "closure-islocked=false",
        ..LOCK
    };
    for (outcome, expected) in [
        ("failed", vec![(false, true, 20)]),
        ("succeeded", vec![]),
        ("unknown", vec![]),
    ] {
        let database = database();
        assert!(begin(&database, &LOCK));
        complete(&database, LOCK.id, "unknown", false);
        assert!(begin(&database, &unlock));
        // It is not known yet what brings this about.
        report(&database, "u-1", START + 15_000, START + 15_000, OPEN);
        complete(&database, unlock.id, outcome, false);
        report(&database, "u-1", START + 20_000, START + 20_000, LOCKED);
        assert_eq!(kept(&database, LOCK.id), expected, "{outcome}");
    }
}

#[test]
fn action_that_failed_brings_no_wait_back_that_another_one_ended() {
    let database = database();
    assert!(begin(&database, &LOCK));
    complete(&database, LOCK.id, "unknown", false);
    for (id, outcome) in [("act_2", "succeeded"), ("act_3", "failed")] {
        let unlock = Action {
            id,
            at: START + 10_000,
            evidence: "closure-islocked=false",
            ..LOCK
        };
        assert!(begin(&database, &unlock));
        complete(&database, id, outcome, false);
    }
    report(&database, "u-1", START + 20_000, START + 20_000, LOCKED);
    assert!(kept(&database, LOCK.id).is_empty());
    assert_eq!(kept(&database, "act_2"), [(false, true, 20)]);
}

#[test]
fn action_keeps_its_record_and_loses_its_signals_with_the_vehicle() {
    let database = database();
    database
        .execute(
            "INSERT INTO vehicle (id, user_id, delivered_at) VALUES ('v-1', 'u-1', 1)",
            [],
        )
        .unwrap();
    assert!(begin(&database, &LOCK));
    report(&database, "u-1", START + 1000, START + 1000, LOCKED);
    database.execute("DELETE FROM vehicle", []).unwrap();
    assert!(kept(&database, LOCK.id).is_empty());
    report(&database, "u-1", START + 2000, START + 2000, LOCKED);
    assert!(kept(&database, LOCK.id).is_empty());
    let records = "SELECT count(*) FROM action";
    let records: i64 = database.query_row(records, [], |row| row.get(0)).unwrap();
    assert_eq!(records, 1);

    database
        .execute("UPDATE action SET awaits = 'closure-islocked'", [])
        .unwrap();
    report(&database, "u-1", START + 3000, START + 3000, LOCKED);
    assert_eq!(kept(&database, LOCK.id).len(), 1);
    database.execute("DELETE FROM action", []).unwrap();
    assert!(kept(&database, LOCK.id).is_empty());
}

#[test]
fn migration_keeps_every_action_and_holds_the_vehicle_of_one_that_runs() {
    let database = Connection::open_in_memory().unwrap();
    migrate(&database, STEPS.iter().take_while(|step| !is_ours(step)));
    for (id, vehicle, outcome, is_exclusive) in [
        ("act_1", "v-1", "running", 1),
        ("act_2", "v-2", "unknown", 1),
        ("act_3", "v-3", "succeeded", 1),
        ("act_4", "v-4", "running", 0),
    ] {
        database
            .execute(
                "INSERT INTO action (id, kind, path, caller, vehicle_id, fingerprint, is_exclusive,
                    evidence, started_at, outcome, answer)
                VALUES (?1, 'k', '/', 'c', ?2, 'f', ?3, 'closure-islocked=true', ?4, ?5, x'00')",
                params![id, vehicle, is_exclusive, START, outcome],
            )
            .unwrap();
    }
    migrate(&database, STEPS.iter().skip_while(|step| !is_ours(step)));
    let mut statement = database
        .prepare(
            "SELECT outcome, is_holding, insisted, awaits FROM action
            WHERE answer = x'00' ORDER BY id",
        )
        .unwrap();
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    type Found = (String, bool, bool, Option<String>);
    let rows: Vec<Found> = rows.unwrap().map(Result::unwrap).collect();
    let expected = [
        ("running", true),
        ("unknown", false),
        ("succeeded", false),
        ("running", false),
    ];
    let expected = expected.map(|(outcome, holds)| (outcome.to_owned(), holds, false, None));
    assert_eq!(rows, expected);
    let second = Action {
        id: "act_5",
        at: START + 1000,
        ..LOCK
    };
    assert!(!begin(&database, &second));
}
