//! The engine on PostgreSQL: how it is opened, and what it does where others or the
//! database itself are in the way.

use super::{Connect, Connection, Failure, Leases, Postgres, Row, Value, native::Native};
use crate::{
    Chores, Deliveries, Outbox, Schema, StoreError, Vehicles, contract,
    delivery::{COUNTED, Delivery},
    outbox::Kept,
};
use edge::Monotonic as _;
use smartcar::{Clock as _, Leases as _, Taken, Timestamp, testing::Fake};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    sync::{Arc, Barrier, Weak},
    thread,
    time::Duration,
};

mod contract_tests {
    use super::Native;

    crate::contract::contract!(Native);
}

/// Whether the server is installed; else its tests are left out.
fn database() -> Option<Native> {
    postgresql::shared().map(|_| Native::new())
}

/// Answers as it was set, and notes what it was asked.
#[derive(Clone, Debug, Default)]
struct Script(Rc<Scripted>);

#[derive(Debug, Default)]
struct Scripted {
    answers: RefCell<VecDeque<Failure>>,
    refuses: RefCell<Option<Failure>>,
    opened: RefCell<usize>,
    hangs: Cell<bool>,
    asked: RefCell<Vec<String>>,
}

impl Script {
    fn failing(failures: impl IntoIterator<Item = Failure>) -> Self {
        let script = Self::default();
        script.0.answers.borrow_mut().extend(failures);
        script
    }

    fn store(&self, clock: &Fake) -> Postgres<Self, Fake> {
        Postgres::new(self.clone(), clock.clone())
    }

    fn opened(&self) -> usize {
        *self.0.opened.borrow()
    }
}

impl Connect for Script {
    type Connection = Self;

    async fn connect(&self) -> Result<Self, Failure> {
        if let Some(failure) = &*self.0.refuses.borrow() {
            return Err(failure.clone());
        }
        *self.0.opened.borrow_mut() += 1;
        Ok(self.clone())
    }
}

impl Connection for Script {
    async fn query(&self, sql: &str, _: Vec<Value>) -> Result<Vec<Row>, Failure> {
        if sql.contains("schema_version") {
            let version = Value::Integer(super::schema::VERSION);
            return Ok(vec![Row::new(vec![version])]);
        }
        self.execute(sql, Vec::new()).await.map(|_| Vec::new())
    }

    async fn execute(&self, sql: &str, _: Vec<Value>) -> Result<u64, Failure> {
        if self.0.hangs.get() {
            return futures::future::pending().await;
        }
        self.0.asked.borrow_mut().push(sql.to_owned());
        self.0.answers.borrow_mut().pop_front().map_or(Ok(1), Err)
    }
}

fn refused(code: &str) -> Failure {
    Failure::Refused {
        code: code.to_owned(),
        text: "no".to_owned(),
    }
}

async fn write(store: &impl Chores) -> Result<(), StoreError> {
    store.put_chore("outbox", Timestamp(7)).await
}

#[test]
fn statement_that_others_were_in_the_way_of_is_repeated_for_as_long_as_its_patience() {
    let clock = Fake::new();
    for code in ["40P01", "40001", "55P03"] {
        let script = Script::failing([refused(code), refused(code)]);
        assert_eq!(clock.run(write(&script.store(&clock))), Ok(()), "{code}");
        assert_eq!(script.0.asked.borrow().len(), 3);
        assert_eq!(script.opened(), 1);
    }
    let script = Script::failing(std::iter::repeat_n(refused("40P01"), 100_000));
    let began = clock.passed();
    assert_eq!(
        clock.run(write(&script.store(&clock))),
        Err(StoreError::Busy)
    );
    let waited = clock.passed() - began;
    let patience = StoreError::PATIENCE;
    assert!((patience..patience * 2).contains(&waited), "{waited:?}");
}

#[test]
fn connection_that_broke_is_opened_again() {
    let clock = Fake::new();
    let broken = || Failure::Disconnected("connection closed".to_owned());
    for failure in [broken(), refused("57P01"), refused("08006")] {
        let script = Script::failing([failure]);
        let store = script.store(&clock);
        assert_eq!(clock.run(write(&store)), Ok(()));
        assert_eq!(script.opened(), 2);
        // The next one stays.
        assert_eq!(clock.run(write(&store)), Ok(()));
        assert_eq!(script.opened(), 2);
    }
}

#[test]
fn insert_of_deliveries_is_not_repeated() {
    let clock = Fake::new();
    let broken = Failure::Disconnected("connection closed".to_owned());
    for (failure, opened) in [(refused("40P01"), 1), (broken, 2)] {
        let script = Script::failing([failure]);
        let store = script.store(&clock);
        let prepared = store.prepare(&contract::delivery("e-1"));
        let began = clock.passed();
        assert_eq!(clock.run(store.insert(&[&prepared])), Err(StoreError::Busy));
        assert_eq!(clock.passed(), began);
        assert_eq!(script.0.asked.borrow().len(), 1);
        // Its caller does that, on another connection where the first one broke.
        assert_eq!(clock.run(store.insert(&[&prepared])), Ok(()));
        assert_eq!(script.opened(), opened);
    }
}

#[test]
fn statement_that_the_database_refuses_is_not_repeated() {
    let clock = Fake::new();
    let no = |code: &str| StoreError::Unavailable(format!("no ({code})"));
    for (code, expected) in [
        ("57014", no("57014")),
        ("25006", no("25006")),
        ("42501", no("42501")),
        ("53100", StoreError::Full),
        ("23505", StoreError::Taken("no".to_owned())),
    ] {
        let script = Script::failing([refused(code)]);
        assert_eq!(clock.run(write(&script.store(&clock))), Err(expected));
        assert_eq!(script.0.asked.borrow().len(), 1);
    }
}

#[test]
fn database_that_cannot_be_reached_is_unavailable_at_once() {
    let (clock, script) = (Fake::new(), Script::default());
    let store = script.store(&clock);
    let refusal = Failure::Unreachable("connection refused".to_owned());
    *script.0.refuses.borrow_mut() = Some(refusal);
    let began = clock.passed();
    let unavailable = StoreError::Unavailable("connection refused".to_owned());
    assert_eq!(clock.run(write(&store)), Err(unavailable.clone()));
    let prepared = store.prepare(&contract::delivery("e-1"));
    assert_eq!(clock.run(store.insert(&[&prepared])), Err(unavailable));
    assert_eq!(clock.passed(), began);
    // It is tried again by the next request.
    *script.0.refuses.borrow_mut() = None;
    assert_eq!(clock.run(write(&store)), Ok(()));
}

#[test]
fn schema_is_made_by_one_of_the_instances_that_open_it_at_once() {
    let Some(database) = database() else { return };
    let barrier = Barrier::new(20);
    thread::scope(|scope| {
        for _ in 0..20 {
            let (database, barrier) = (database.clone(), &barrier);
            scope.spawn(move || {
                let clock = Fake::new();
                let store = database.store(&clock);
                barrier.wait();
                clock.run(store.open()).unwrap();
                clock.run(store.sinks()).unwrap();
            });
        }
    });
    let rows = database
        .raw()
        .query("SELECT version FROM schema_version", &[])
        .unwrap();
    let versions: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(versions, [super::schema::VERSION]);
    let clock = Fake::new();
    let figures = clock.run(database.store(&clock).sink_figures()).unwrap();
    assert_eq!(figures.len(), 1, "each step was taken once");
}

#[test]
fn schema_of_a_newer_version_is_refused_and_left_alone() {
    let Some(database) = database() else { return };
    let (clock, newer) = (Fake::new(), super::schema::VERSION + 1);
    let sql = format!(
        "CREATE TABLE schema_version (version bigint NOT NULL);
        INSERT INTO schema_version VALUES ({newer})"
    );
    database.raw().batch_execute(&sql).unwrap();
    let store = database.store(&clock);
    let refused = StoreError::NewerSchema {
        found: newer,
        known: super::schema::VERSION,
    };
    assert_eq!(clock.run(store.open()), Err(refused.clone()));
    assert_eq!(clock.run(write(&store)), Err(refused));
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
    let tables: i64 = database.raw().query_one(tables, &[]).unwrap().get(0);
    assert_eq!(tables, 1);
}

#[test]
fn instance_goes_on_when_its_connection_is_ended() {
    let Some(database) = database() else { return };
    let clock = Fake::new();
    let store = database.store(&clock);
    let prepared = ["e-1", "e-2"].map(|event| store.prepare(&contract::delivery(event)));
    clock.run(store.insert(&[&prepared[0]])).unwrap();
    let sql = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND application_name = '{}'",
        database.schema()
    );
    assert_eq!(database.raw().query(&sql, &[]).unwrap().len(), 1);
    let second = clock.run(async {
        loop {
            match store.insert(&[&prepared[1]]).await {
                Err(StoreError::Busy) => {}
                result => return result,
            }
        }
    });
    second.unwrap();
    assert_eq!(clock.run(store.delivery_figures()).unwrap().stored, 2);
}

#[test]
fn text_is_stored_without_the_character_that_no_text_can_have() {
    let Some(database) = database() else { return };
    let clock = Fake::new();
    let store = database.store(&clock);
    let body = r#"{"value":"a\u0000b\ud800"}"#;
    let signal = contract::value("code\0", body, Timestamp(1));
    let report = contract::report(Timestamp(5), &[signal]);
    let delivery = Delivery {
        vehicle_id: Some("v\0"),
        body: b"\0\xff",
        report: Some(&report),
        ..contract::delivery("e\0")
    };
    let prepared = store.prepare(&delivery);
    clock.run(store.insert(&[&prepared])).unwrap();
    let again = clock.run(store.insert(&[&prepared]));
    assert!(matches!(again, Err(StoreError::Taken(_))), "{again:?}");
    assert_eq!(clock.run(store.known(&[&prepared])), Ok(vec![true]));
    let row = database
        .raw()
        .query_one("SELECT code, body FROM signal", &[])
        .unwrap();
    let (code, stored): (String, String) = (row.get(0), row.get(1));
    assert_eq!((&*code, &*stored), ("code\u{fffd}", body));
    let page = crate::vehicle::VehiclePage {
        limit: 9,
        ..Default::default()
    };
    let vehicles = clock.run(store.vehicles(page)).unwrap();
    assert_eq!(vehicles[0].id, "v\u{fffd}");
}

#[test]
fn engine_says_what_is_wrong_with_its_database() {
    let Some(database) = database() else { return };
    let clock = Fake::new();
    let store = database.store(&clock);
    clock.run(store.open()).unwrap();
    database.raw().batch_execute("DROP TABLE chore").unwrap();
    let error = clock.run(write(&store)).unwrap_err();
    let text = "database: relation \"chore\" does not exist (42P01)";
    assert_eq!(error.to_string(), text);
}

#[test]
fn deliveries_of_the_same_vehicles_in_any_order_wait_for_each_other_for_no_more_than_a_moment() {
    let Some(database) = database() else { return };
    let clock = Fake::new();
    clock.run(database.store(&clock).open()).unwrap();
    let barrier = Barrier::new(4);
    let batch = |thread: usize, round: usize| {
        let mut events: Vec<(String, String)> = (0..8)
            .map(|vehicle| {
                (
                    format!("e-{thread}-{round}-{vehicle}"),
                    format!("v-{vehicle}"),
                )
            })
            .collect();
        if thread % 2 == 1 {
            events.reverse();
        }
        events
    };
    thread::scope(|scope| {
        for thread in 0..4 {
            let (database, barrier) = (database.clone(), &barrier);
            scope.spawn(move || {
                let clock = Fake::new();
                let store = database.store(&clock);
                barrier.wait();
                for round in 0..10 {
                    let at = Timestamp(1_700_000_000_000);
                    let signals = [contract::value("a", r#"{"value":1}"#, at)];
                    let report = contract::report(at, &signals);
                    let events = batch(thread, round);
                    let deliveries = events.iter().map(|(event, vehicle)| {
                        store.prepare(&Delivery {
                            event_type: "VEHICLE_STATE",
                            vehicle_id: Some(vehicle),
                            report: Some(&report),
                            ..contract::delivery(event)
                        })
                    });
                    let prepared: Vec<_> = deliveries.collect();
                    let prepared: Vec<_> = prepared.iter().collect();
                    // Not once is there a deadlock, which would be Busy.
                    clock.run(store.insert(&prepared)).unwrap();
                }
            });
        }
    });
    let store = database.store(&clock);
    assert_eq!(clock.run(store.delivery_figures()).unwrap().stored, 320);
}

/// Sends everything to a sink: what the relay does, but for each third event, which fails.
/// Ends when nothing is left and no one delivers any more. Returns how many it sent, and
/// whether any statement had to be repeated.
fn pass_on(
    store: &Postgres<Native, Fake>,
    clock: &Fake,
    sink: &str,
    delivering: &Weak<()>,
) -> (usize, bool) {
    let (at, began) = (clock.now(), clock.monotonic());
    let mut sent = 0;
    loop {
        let is_over = delivering.strong_count() == 0;
        let due = clock.run(store.claim(sink, at, 16)).unwrap();
        if due.is_empty() && is_over {
            return (sent, clock.monotonic() != began);
        }
        let (failed, passed): (Vec<_>, Vec<_>) = due
            .into_iter()
            .partition(|due| due.attempt == 1 && due.seq % 3 == 0);
        // As they come back from a sink: in any order.
        let seqs: Vec<i64> = passed.iter().rev().map(|due| due.seq).collect();
        let failed: Vec<_> = failed
            .iter()
            .rev()
            .map(|due| Kept {
                seq: due.seq,
                attempt: due.attempt,
                due_at: Timestamp(1),
                error: "it failed".to_owned(),
                is_dead: false,
            })
            .collect();
        sent += seqs.len();
        clock.run(store.keep(&failed, at)).unwrap();
        clock.run(store.delivered(&seqs)).unwrap();
        thread::yield_now();
    }
}

#[test]
fn deliveries_and_those_who_pass_them_on_wait_for_each_other_for_no_more_than_a_moment() {
    const ROUNDS: usize = 40;
    const VEHICLES: usize = 8;
    let Some(database) = database() else { return };
    let clock = Fake::new();
    let sinks = [contract::sink("a"), contract::sink("b")];
    clock.run(contract::configure(
        &database.store(&clock),
        &sinks,
        clock.now(),
    ));
    let token = Arc::new(());
    let delivering = Arc::downgrade(&token);
    thread::scope(|scope| {
        for (thread, token) in [Arc::clone(&token), token].into_iter().enumerate() {
            let database = database.clone();
            scope.spawn(move || {
                let _token = token;
                let clock = Fake::new();
                let store = database.store(&clock);
                for round in 0..ROUNDS {
                    let events: Vec<(String, String)> = (0..VEHICLES)
                        // The later a vehicle's name, the earlier its event.
                        .map(|of| (format!("e-{thread}-{round}-{of}"), format!("v-{}", 9 - of)))
                        .collect();
                    for (event, vehicle) in &events {
                        clock.run(contract::deliver(&store, event, Some(vehicle), clock.now()));
                    }
                    let deliveries = events
                        .iter()
                        .map(|(event, vehicle)| (format!("{event}-2"), vehicle));
                    let deliveries: Vec<_> = deliveries.collect();
                    let prepared = deliveries.iter().map(|(event, vehicle)| {
                        store.prepare(&Delivery {
                            vehicle_id: Some(vehicle),
                            ..contract::delivery(event)
                        })
                    });
                    let prepared: Vec<_> = prepared.collect();
                    let prepared: Vec<_> = prepared.iter().collect();
                    // Not once is there a deadlock, which would be Busy.
                    clock.run(store.insert(&prepared)).unwrap();
                }
            });
        }
        let relays: Vec<_> = ["a", "b"]
            .map(|sink| {
                let (database, delivering) = (database.clone(), &delivering);
                scope.spawn(move || {
                    let clock = Fake::new();
                    pass_on(&database.store(&clock), &clock, sink, delivering)
                })
            })
            .into();
        for relay in relays {
            let (sent, has_repeated) = relay.join().unwrap();
            assert!(!has_repeated, "a statement was repeated");
            assert_eq!(sent, 2 * 2 * ROUNDS * VEHICLES);
        }
    });
}

#[test]
fn claim_holds_the_first_events_of_vehicles_in_the_order_of_their_names() {
    let Some(database) = database() else { return };
    let clock = Fake::new();
    let sinks = [contract::sink("a")];
    clock.run(contract::configure(
        &database.store(&clock),
        &sinks,
        clock.now(),
    ));
    let (mut one, mut other) = (database.raw(), database.raw());
    // The second event of each vehicle is not known to wait yet.
    let fill = "INSERT INTO outbox (sink, event_id, vehicle_id, created_at)
        SELECT 'a', 'e-' || n, 'v-' || 1 + n % 2, 1 FROM generate_series(1, 4) AS n";
    one.batch_execute(fill).unwrap();
    let hold = |event| format!("SELECT FROM outbox WHERE event_id = '{event}' FOR UPDATE NOWAIT");
    one.batch_execute(&format!("BEGIN; {}", hold("e-2")))
        .unwrap();
    let pid: i32 = other
        .query_one("SELECT pg_backend_pid()", &[])
        .unwrap()
        .get(0);
    let now = clock.now().0;
    let claim = format!("SELECT FROM claim('a', {now}, {now} + 1, 0, 16)");
    thread::scope(|scope| {
        let claim = scope.spawn(move || other.batch_execute(&claim));
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE pid = $1 AND NOT granted)";
        while !one.query_one(waits, &[&pid]).unwrap().get::<_, bool>(0) {
            thread::sleep(Duration::from_millis(5));
        }
        // It waits for the first event of v-1, and holds nothing of v-2 meanwhile.
        let held = one.batch_execute(&hold("e-1"));
        one.batch_execute("ROLLBACK").unwrap();
        claim.join().unwrap().unwrap();
        held.unwrap();
    });
}

#[test]
fn backlog_is_counted_where_no_other_transaction_counts() {
    let Some(database) = database() else { return };
    let clock = Fake::new();
    clock.run(database.store(&clock).open()).unwrap();
    let (mut one, mut other) = (database.raw(), database.raw());
    let count = "SELECT count_backlog('a', 1, 0)";
    other.batch_execute(count).unwrap();
    // One is given the other's shard, as if their processes had such numbers.
    let pid: i32 = other
        .query_one("SELECT pg_backend_pid()", &[])
        .unwrap()
        .get(0);
    let shard = pid % 256;
    let begin = format!(
        "BEGIN; SELECT pg_advisory_xact_lock(1651663212, {shard});
        UPDATE backlog SET waiting = waiting + 1 WHERE shard = {shard}"
    );
    one.batch_execute(&begin).unwrap();
    other
        .batch_execute(&format!("SET lock_timeout = '1s'; {count}"))
        .unwrap();
    one.batch_execute("COMMIT").unwrap();
    let sums = "SELECT sum(waiting)::bigint, count(*) FROM backlog";
    let sums = one.query_one(sums, &[]).unwrap();
    assert_eq!((sums.get::<_, i64>(0), sums.get::<_, i64>(1)), (3, 2));
}

#[test]
fn statement_that_takes_too_long_is_given_up_with_its_connection() {
    let clock = Fake::new();
    let script = Script::default();
    let store = script.store(&clock);
    clock.run(store.open()).unwrap();
    script.0.hangs.set(true);
    let began = clock.passed();
    let late = StoreError::Unavailable("it does not answer".to_owned());
    assert_eq!(clock.run(write(&store)), Err(late.clone()));
    assert_eq!(clock.passed() - began, Duration::from_secs(10));
    let prepared = store.prepare(&contract::delivery("e-1"));
    assert_eq!(clock.run(store.insert(&[&prepared])), Err(late));
    script.0.hangs.set(false);
    assert_eq!(clock.run(write(&store)), Ok(()));
    assert_eq!(script.opened(), 3);
}

#[test]
fn lease_has_one_holder_and_carries_what_that_one_leaves() {
    let Some(database) = database() else { return };
    let clock = Fake::new();
    let [one, other] = [(), ()].map(|()| {
        let store = Box::leak(Box::new(database.store(&clock)));
        Leases(store)
    });
    let (now, life) = (clock.now(), Duration::from_secs(8));
    let until = now.after(life);
    let take = |leases: &Leases<_, _>, by: &str, now: Timestamp| {
        clock
            .run(leases.take("n", by, now, now.after(life)))
            .unwrap()
    };
    let is_held = |now: Timestamp| clock.run(other.is_held("n", now, now.after(life))).unwrap();
    let nothing = Some(Taken { left: None });
    assert!(!is_held(now));
    assert_eq!(take(&one, "a", now), nothing);
    assert!(is_held(now));
    assert_eq!(take(&other, "b", now), None);
    // As where the answer to the first was lost.
    assert_eq!(take(&one, "a", now), nothing);
    clock
        .run(one.give_back("n", "a", Some(b"x".to_vec())))
        .unwrap();
    let left = Some(Taken {
        left: Some(b"x".to_vec()),
    });
    assert_eq!(take(&other, "b", now), left);
    // It is another's by now.
    clock
        .run(one.give_back("n", "a", Some(b"y".to_vec())))
        .unwrap();
    assert!(is_held(now));
    // Who leaves nothing keeps what is there; a holder that is gone is followed.
    clock.run(other.give_back("n", "b", None)).unwrap();
    assert_eq!(take(&one, "c", now), left);
    assert_eq!(
        take(&other, "d", until.before(Duration::from_millis(1))),
        None
    );
    assert_eq!(take(&other, "d", until), left);
    // Its clock was ahead by an hour.
    assert_eq!(take(&one, "e", now.before(Duration::from_secs(3600))), left);
}

#[test]
fn lease_is_taken_by_one_of_those_that_race() {
    let Some(database) = database() else { return };
    let barrier = Barrier::new(4);
    let taken: usize = thread::scope(|scope| {
        let race = |by: usize| {
            let (database, barrier) = (database.clone(), &barrier);
            scope.spawn(move || {
                let clock = Fake::new();
                let leases = Leases(Box::leak(Box::new(database.store(&clock))));
                clock.run(leases.0.open()).unwrap();
                let (now, until) = (Timestamp(1), Timestamp(2));
                let mut taken = 0;
                for name in 0..20 {
                    barrier.wait();
                    let (name, by) = (name.to_string(), by.to_string());
                    let answer = clock.run(leases.take(&name, &by, now, until)).unwrap();
                    taken += usize::from(answer.is_some());
                }
                taken
            })
        };
        let threads: Vec<_> = (0..4).map(race).collect();
        threads.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert_eq!(taken, 20);
}

/// How many rows of the outbox this connection has read of which the server's statistics do
/// not know yet.
fn visited_rows(client: &mut postgres::Client) -> i64 {
    let sql = "SELECT (seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_xact_user_tables
        WHERE relid = 'outbox'::regclass";
    client.query_one(sql, &[]).unwrap().get(0)
}

#[test]
fn deliveries_are_counted_up_to_a_number_and_estimated_beyond() {
    let Some(database) = database() else { return };
    let clock = Fake::new();
    let store = database.store(&clock);
    let stored = || clock.run(store.delivery_figures()).unwrap().stored;
    assert_eq!(stored(), 0);
    let mut client = database.raw();
    let mut fill = |count: i64| {
        let fill = format!(
            "INSERT INTO delivery
            SELECT 'e-' || n, 'T', 'LIVE', NULL, NULL, NULL, n, '' FROM generate_series(1, {count}) AS n
            ON CONFLICT DO NOTHING;
            ANALYZE delivery"
        );
        client.batch_execute(&fill).unwrap();
    };
    fill(COUNTED);
    assert_eq!(stored(), COUNTED);
    fill(30_000);
    assert!((29_000..=31_000).contains(&stored()), "{}", stored());
}

#[test]
fn plans_for_the_outbox_visit_few_rows_where_statistics_are_of_an_empty_one() {
    let Some(database) = database() else { return };
    let clock = Fake::new();
    let store = database.store(&clock);
    clock.run(contract::configure(
        &store,
        &[contract::sink("a")],
        clock.now(),
    ));
    clock.run(contract::deliver(&store, "e", Some("v"), clock.now()));
    let mut client = database.raw();
    // By these each column has but one row of each value, and all indexes are as good.
    let fill = "ALTER TABLE outbox SET (autovacuum_enabled = false);
        ANALYZE outbox;
        INSERT INTO outbox (sink, event_id, vehicle_id, created_at, waits)
        SELECT 'a', 'e-' || n, 'v-' || n % 100, n, n >= 100 FROM generate_series(0, 19999) AS n;
        INSERT INTO delivery SELECT event_id, 'T', 'LIVE', vehicle_id, NULL, NULL, 1, ''
        FROM outbox ON CONFLICT DO NOTHING";
    client.batch_execute(fill).unwrap();
    let now = clock.now().0;
    let claim = format!("SELECT FROM claim('a', {now}, {now} + 1, 0, 16)");
    for (statement, most) in [
        ("SELECT outbox_waits('a', 'v-7', NULL)", 5),
        (claim.as_str(), 1000),
        ("DELETE FROM outbox WHERE event_id = 'e-7'", 20),
    ] {
        // From the sixth call on a plan may be one for all values.
        for time in 0..8 {
            let before = visited_rows(&mut client);
            client
                .batch_execute(&format!("BEGIN; {statement}"))
                .unwrap();
            let visited = visited_rows(&mut client) - before;
            client.batch_execute("ROLLBACK").unwrap();
            assert!(visited < most, "{statement}, time {time}: {visited}");
        }
    }
}
