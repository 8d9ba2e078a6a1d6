//! The outbox under SQLite itself: what is due, in which order, and what a look costs.

use crate::{outbox, upkeep};
use rusqlite::{Connection, Params, StatementStatus, params};
use serde_json::json;
use std::collections::BTreeMap;
use store::sqlite::schema::{STEPS, statements};

const NOW: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const PAUSE: i64 = 60 * MINUTE;
const LEASE: i64 = MINUTE;

fn migrate(database: &Connection, steps: &[&'static str]) {
    for statement in steps.iter().flat_map(|step| statements(step)) {
        database.execute_batch(statement).unwrap();
    }
}

fn with_sinks(names: &[&str]) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    migrate(&database, &STEPS);
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

/// The rows that a look finds: which, and whether they are suspects and next.
fn look(database: &Connection, sink: &str, now: i64) -> Vec<(i64, bool, bool)> {
    let mut statement = database.prepare_cached(outbox::LOOK).unwrap();
    let rows = statement.query_map(params![sink, now, PAUSE, 64], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Takes what the relay would: the events, in the order of their rows.
fn claim(database: &Connection, sink: &str, now: i64, most: usize) -> Vec<(i64, String, u32)> {
    loop {
        let found = look(database, sink, now);
        if found.is_empty() {
            return Vec::new();
        }
        let seqs = |is_next: bool| -> Vec<i64> {
            let of = found.iter().filter(|row| row.2 == is_next);
            of.map(|row| row.0).collect()
        };
        let waiting = json!(seqs(false)).to_string();
        database.execute(outbox::WAIT, [waiting]).unwrap();
        let next: Vec<i64> = seqs(true).into_iter().take(most).collect();
        let mut statement = database.prepare_cached(outbox::CLAIM).unwrap();
        let parameters = params![sink, now, json!(next).to_string(), now + LEASE];
        let rows = statement
            .query_map(parameters, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .unwrap();
        let mut rows: Vec<(i64, String, u32)> = rows.map(Result::unwrap).collect();
        rows.sort();
        if !rows.is_empty() {
            return rows;
        }
    }
}

fn events(claimed: &[(i64, String, u32)]) -> Vec<&str> {
    claimed.iter().map(|(_, event, _)| event.as_str()).collect()
}

fn done(database: &Connection, seqs: &[i64]) {
    let seqs = json!(seqs).to_string();
    database.execute(outbox::DONE, [seqs]).unwrap();
}

fn keep(database: &Connection, row: &(i64, String, u32), due_at: i64, is_dead: bool) {
    let rows = json!([{"seq": row.0, "attempt": row.2, "dueAt": due_at, "error": "x",
        "isDead": is_dead}]);
    database
        .execute(outbox::KEEP, params![rows.to_string(), NOW])
        .unwrap();
}

/// How much SQLite works for a statement: instructions of its virtual machine, and
/// rows that it visits beyond those that an index leads to.
fn effort(database: &Connection, sql: &str, parameters: impl Params) -> (i32, i32) {
    let mut statement = database.prepare(sql).unwrap();
    let mut rows = statement.query(parameters).unwrap();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    (
        statement.get_status(StatementStatus::VmStep),
        statement.get_status(StatementStatus::FullscanStep),
    )
}

fn plan(database: &Connection, sql: &str) -> String {
    let mut statement = database
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let many = statement.parameter_count();
    let rows = statement.query_map(
        rusqlite::params_from_iter(vec![rusqlite::types::Null; many]),
        |row| row.get::<_, String>(3),
    );
    rows.unwrap()
        .map(Result::unwrap)
        .collect::<Vec<_>>()
        .join("\n")
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
        let (steps, scanned) = effort(&database, outbox::LOOK, params!["a", NOW, PAUSE, 64]);
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
    let (steps, _) = effort(&database, outbox::READY, params![NOW, PAUSE]);
    assert!(steps < 100, "{steps}");
}

#[test]
fn outbox_look_goes_by_the_index_of_what_is_due() {
    let database = with_sinks(&["a"]);
    for sql in [outbox::LOOK, outbox::CLAIM, outbox::WAIT] {
        let plan = plan(&database, sql);
        assert!(!plan.contains("SCAN outbox"), "{plan}");
        assert!(
            plan.contains("outbox_order (sink=? AND vehicle_id=? AND"),
            "{plan}"
        );
    }
    let plan = plan(&database, outbox::LOOK);
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
    let claim = params!["a", NOW, sixteen, NOW + LEASE];
    cost("claim", outbox::CLAIM, claim);
    cost("wait", outbox::WAIT, params![sixteen]);
    cost("keep", outbox::KEEP, params![kept, NOW]);
    cost("done", outbox::DONE, params![sixteen]);
    cost("expire", upkeep::EXPIRE, params!["a", NOW, NOW, 50]);
    cost("release", upkeep::RELEASE, params![NOW]);
    cost("bring near", upkeep::BRING_NEAR, params!["a", NOW, 50]);
    cost("remove", upkeep::REMOVE, params!["a", 50]);
    configure(&database, &["b"]);
    cost("remove", upkeep::REMOVE, params!["a", 50]);
    cost("forget", upkeep::FORGET, params!["a"]);
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
    let is_old = || -> bool {
        database
            .query_row(upkeep::IS_OLD, old, |row| row.get(0))
            .unwrap()
    };
    let (steps, _) = effort(&database, upkeep::IS_OLD, old);
    assert!(steps < 100, "{steps}");
    let mut expired = Vec::new();
    while is_old() {
        let step = params!["a", NOW, NOW - DAY, 500];
        expired.push(database.execute(upkeep::EXPIRE, step).unwrap());
    }
    assert_eq!(expired, [500, 500, 201]);
    assert_invariants(&database);
    // And when there is nothing to give up, the rest costs nothing.
    let (steps, _) = effort(&database, upkeep::IS_OLD, old);
    assert!(steps < 100, "{steps}");
    assert!(plan(&database, upkeep::EXPIRE).contains("outbox_age (sink=? AND created_at<?)"));
    let (steps, _) = effort(&database, upkeep::IS_FAR, params!["a", NOW + DAY]);
    assert!(steps < 100, "{steps}");
    let (steps, _) = effort(&database, upkeep::IS_AHEAD, [NOW + LEASE]);
    assert!(steps < 100, "{steps}");
}

#[test]
fn outbox_figures_cost_the_same_however_many_rows_wait() {
    let database = with_sinks(&["a", "b"]);
    fill(&database, "a", ROWS, 1000, NOW);
    database
        .execute("UPDATE outbox SET dead_at = 7 WHERE seq <= 10", [])
        .unwrap();
    let (steps, _) = effort(&database, edge::sinks::FIGURES, []);
    println!("figures: {steps} instructions");
    assert!(steps < 500, "{steps}");
    let mut statement = database.prepare(edge::sinks::FIGURES).unwrap();
    let figures: Vec<(String, i64, i64, Option<i64>)> = statement
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let a = ("a".to_owned(), ROWS - 10, 10, Some(NOW + 10));
    assert_eq!(figures, [a, ("b".to_owned(), 0, 0, None)]);
}

#[test]
fn outbox_keeps_the_order_of_a_vehicle_and_sends_vehicles_beside_each_other() {
    let database = with_sinks(&["a"]);
    for (event, vehicle) in [("1", "x"), ("2", "x"), ("3", "y"), ("4", "x"), ("5", "y")] {
        deliver(&database, event, Some(vehicle), NOW);
    }
    deliver(&database, "6", None, NOW);
    deliver(&database, "7", None, NOW);
    let first = claim(&database, "a", NOW, 16);
    assert_eq!(events(&first), ["1", "3", "6", "7"]);
    assert!(claim(&database, "a", NOW, 16).is_empty());
    // The one of x is done, that of y waits for its next attempt.
    done(&database, &[first[0].0]);
    keep(&database, &first[1], NOW + 5000, false);
    assert_eq!(events(&claim(&database, "a", NOW, 16)), ["2"]);
    let again = claim(&database, "a", NOW + 5000, 16);
    assert_eq!(events(&again), ["3"]);
    assert_eq!(again[0].2, 2);
    // As a dead letter it is in no one's way; replayed, it comes first again.
    keep(&database, &again[0], NOW, true);
    assert_invariants(&database);
    database
        .execute(
            "UPDATE outbox SET dead_at = NULL, due_at = 0 WHERE event_id = '3'",
            [],
        )
        .unwrap();
    assert_eq!(events(&claim(&database, "a", NOW + 5000, 16)), ["3"]);
    assert_invariants(&database);
}

#[test]
fn outbox_takes_a_row_again_when_its_lease_is_over_and_knows_that_it_was_taken() {
    let database = with_sinks(&["a"]);
    deliver(&database, "1", Some("x"), NOW);
    deliver(&database, "2", Some("y"), NOW);
    let first = claim(&database, "a", NOW, 16);
    keep(&database, &first[1], NOW + 1, false);
    assert!(
        look(&database, "a", NOW + LEASE - 1)
            .iter()
            .all(|row| !row.1)
    );
    let found = look(&database, "a", NOW + LEASE);
    let suspects: Vec<bool> = found.iter().map(|row| row.1).collect();
    assert_eq!(suspects, [true, false]);
}

#[test]
fn outbox_takes_no_row_that_an_instance_of_the_version_before_is_sending() {
    let database = with_sinks(&["s"]);
    deliver(&database, "e-1", Some("v-1"), 0);
    deliver(&database, "e-2", Some("v-2"), 0);
    let taken = "UPDATE outbox SET claimed_until = 30000, attempts = 1 WHERE event_id = 'e-1'";
    database.execute(taken, []).unwrap();
    assert_eq!(events(&claim(&database, "s", 1000, 16)), ["e-2"]);
    assert_eq!(events(&claim(&database, "s", 30_000, 16)), ["e-1"]);
}

#[test]
fn outbox_is_not_blocked_by_what_a_clock_that_was_ahead_has_written() {
    let database = with_sinks(&["a"]);
    for event in ["1", "2", "3"] {
        deliver(&database, event, Some(event), NOW);
    }
    let month = 30 * DAY;
    // Paused by it: as if it were not.
    let paused = "UPDATE sink SET paused_until = ?1";
    database.execute(paused, [NOW + month]).unwrap();
    let ready = |now: i64| -> i64 {
        let count = format!("SELECT count(*) FROM ({})", outbox::READY);
        let ready = database.query_row(&count, params![now, PAUSE], |row| row.get(0));
        ready.unwrap()
    };
    assert_eq!((ready(NOW), look(&database, "a", NOW).len()), (1, 3));
    // And a pause that is set then holds, though it ends earlier.
    let pause = params!["a", NOW + 1000, NOW + PAUSE];
    assert_eq!(database.execute(outbox::PAUSE, pause).unwrap(), 1);
    assert_eq!((ready(NOW), look(&database, "a", NOW).len()), (0, 0));
    assert_eq!(
        (ready(NOW + 1000), look(&database, "a", NOW + 1000).len()),
        (1, 3)
    );
    let shorter = params!["a", NOW + 500, NOW + PAUSE];
    assert_eq!(database.execute(outbox::PAUSE, shorter).unwrap(), 0);

    // Taken by it, and put off by it: corrected with the next upkeep.
    database.execute(paused, [0]).unwrap();
    let ahead = "UPDATE outbox SET claimed_until = ?1, due_at = ?1 WHERE event_id = '1'";
    database.execute(ahead, [NOW + month + LEASE]).unwrap();
    let far = "UPDATE outbox SET due_at = ?1 WHERE event_id = '2'";
    database.execute(far, [NOW + month]).unwrap();
    let near = "UPDATE outbox SET due_at = ?1 WHERE event_id = '3'";
    database.execute(near, [NOW + DAY]).unwrap();
    assert!(look(&database, "a", NOW).is_empty());
    let is = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| -> bool {
        database
            .query_row(sql, parameters, |row| row.get(0))
            .unwrap()
    };
    assert!(is(upkeep::IS_AHEAD, params![NOW + LEASE]));
    assert_eq!(database.execute(upkeep::RELEASE, [NOW + LEASE]).unwrap(), 1);
    assert!(!is(upkeep::IS_AHEAD, params![NOW + LEASE]));
    assert!(is(upkeep::IS_FAR, params!["a", NOW + DAY]));
    let step = params!["a", NOW + DAY, 500];
    assert_eq!(database.execute(upkeep::BRING_NEAR, step).unwrap(), 1);
    assert!(!is(upkeep::IS_FAR, params!["a", NOW + DAY]));
    // The third one is as far off as a sink may ask for.
    assert_eq!(events(&claim(&database, "a", NOW, 16)), ["1", "2"]);
}

#[test]
fn outbox_of_a_sink_that_is_left_out_goes_in_steps_unless_the_sink_comes_back() {
    let database = with_sinks(&["a", "b"]);
    for event in 0..1200 {
        deliver(&database, &event.to_string(), Some("x"), NOW);
    }
    configure(&database, &["b"]);
    let left_out = || -> Option<String> {
        let row = database.query_row(upkeep::LEFT_OUT, [], |row| row.get(0));
        row.ok()
    };
    assert_eq!(left_out().as_deref(), Some("a"));
    assert!(look(&database, "a", NOW).is_empty());
    let step = || database.execute(upkeep::REMOVE, params!["a", 500]).unwrap();
    assert_eq!(step(), 500);
    configure(&database, &["a", "b"]);
    assert_eq!((left_out(), step()), (None, 0));
    assert_invariants(&database);
    assert_eq!(claim(&database, "a", NOW, 16).len(), 1);
    configure(&database, &["b"]);
    assert_eq!((step(), step(), step()), (500, 200, 0));
    database.execute(upkeep::FORGET, ["a"]).unwrap();
    assert_eq!(left_out(), None);
    database.execute(upkeep::FORGET, ["b"]).unwrap();
    assert_invariants(&database);
    assert_eq!(claim(&database, "b", NOW, 16).len(), 1);
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
    let figures: Vec<(String, i64, i64)> = database
        .prepare(edge::sinks::FIGURES)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(3)?, row.get(4)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        figures,
        [("a".to_owned(), 290, 10), ("b".to_owned(), 300, 0)]
    );
    let mut taken = BTreeMap::<String, Vec<String>>::new();
    loop {
        let claimed = claim(&database, "a", NOW, 16);
        if claimed.is_empty() {
            break;
        }
        assert!(claimed.len() <= 3);
        for (seq, event, _) in claimed {
            let vehicle = format!("v-{}", event.parse::<i32>().unwrap() % 3);
            taken.entry(vehicle).or_default().push(event);
            done(&database, &[seq]);
        }
        assert_invariants(&database);
    }
    assert_eq!(taken.values().map(Vec::len).sum::<usize>(), 290);
    assert!(taken.values().all(|events| events.is_sorted()));
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

/// Numbers that look like chance and are the same in each run.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % most
    }
}

#[test]
fn outbox_loses_no_event_and_no_order_whatever_happens_to_the_others() {
    for seed in 0..20 {
        let mut drawn = Drawn(seed);
        let database = with_sinks(&["a", "b"]);
        let (mut events, mut now) = (0_u64, NOW);
        let mut flying: Vec<(i64, String, u32)> = Vec::new();
        let mut last = BTreeMap::<(String, String), i64>::new();
        for _ in 0..400 {
            now += 1000;
            let sink = ["a", "b"][usize::try_from(drawn.below(2)).unwrap()];
            match drawn.below(9) {
                0..=2 => {
                    let vehicle = format!("v-{}", drawn.below(4));
                    let vehicle = (drawn.below(5) > 0).then_some(vehicle.as_str());
                    deliver(&database, &format!("e-{events}"), vehicle, now);
                    events += 1;
                }
                3 | 4 => {
                    let most = usize::try_from(1 + drawn.below(4)).unwrap();
                    for row in claim(&database, sink, now, most) {
                        let vehicle: Option<String> = database
                            .query_row(
                                "SELECT vehicle_id FROM outbox WHERE seq = ?",
                                [row.0],
                                |row| row.get(0),
                            )
                            .unwrap();
                        if let Some(vehicle) = vehicle {
                            let before = last.insert((sink.to_owned(), vehicle), row.0);
                            assert!(before.is_none_or(|before| before <= row.0), "seed {seed}");
                        }
                        flying.retain(|other| other.0 != row.0);
                        flying.push(row);
                    }
                }
                5 | 6 if !flying.is_empty() => {
                    let at = usize::try_from(drawn.below(flying.len() as u64)).unwrap();
                    let row = flying.remove(at);
                    if drawn.below(2) == 0 {
                        keep(&database, &row, now + 500, drawn.below(4) == 0);
                    } else {
                        done(&database, &[row.0]);
                    }
                }
                7 => {
                    let step = params![sink, now, now - 100_000, 2];
                    database.execute(upkeep::EXPIRE, step).unwrap();
                }
                _ => {
                    let some = "DELETE FROM delivery WHERE event_id = 'e-' || ?1";
                    let event = i64::try_from(drawn.below(events.max(1) * 3)).unwrap();
                    database.execute(some, [event]).unwrap();
                }
            }
            assert_invariants(&database);
        }
        // A replayed event is an exception to the order: here only whether all go.
        database
            .execute(
                "UPDATE outbox SET dead_at = NULL, claimed_until = 0, due_at = 0",
                [],
            )
            .unwrap();
        assert_invariants(&database);
        for sink in ["a", "b"] {
            loop {
                let claimed = claim(&database, sink, now, 16);
                if claimed.is_empty() {
                    break;
                }
                let seqs: Vec<i64> = claimed.iter().map(|row| row.0).collect();
                done(&database, &seqs);
            }
        }
        let left: i64 = database
            .query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 0, "seed {seed}");
    }
}
