//! The engine on SQLite: how it is opened, and how it waits for other connections.

use super::{Connection, native::Native, schema};
use crate::{Chores, Configurations, Deliveries, Outbox, Schema, StoreError, contract};
use smartcar::{Clock, Spawn, Timestamp, testing::Fake};
use std::{sync::Barrier, thread, time::Duration};

/// A write that finds its row.
async fn write(store: &impl Chores) -> Result<(), StoreError> {
    store.put_chore("outbox", Timestamp(7)).await
}

#[test]
fn schema_is_made_by_one_of_the_instances_that_open_it_at_once() {
    let database = Native::new();
    let barrier = Barrier::new(20);
    thread::scope(|scope| {
        for _ in 0..20 {
            let (path, barrier) = (database.path(), &barrier);
            scope.spawn(move || {
                let clock = Fake::new();
                let store = Native::at(path).store(&clock);
                barrier.wait();
                clock.run(contract::patiently(async || store.open().await));
                clock.run(contract::patiently(async || store.sinks().await));
            });
        }
    });
    let version = database
        .raw()
        .pragma_query_value(None, "user_version", |row| row.get(0));
    assert_eq!(version, Ok(schema::VERSION));
    let clock = Fake::new();
    let figures = clock.run(database.store(&clock).sink_figures()).unwrap();
    assert_eq!(figures.len(), 1, "each step was taken once");
}

#[test]
fn schema_of_a_newer_version_is_refused_and_left_alone() {
    let (database, clock) = (Native::new(), Fake::new());
    let newer = schema::VERSION + 1;
    database
        .raw()
        .pragma_update(None, "user_version", newer)
        .unwrap();
    let store = database.store(&clock);
    let refused = StoreError::NewerSchema {
        found: newer,
        known: schema::VERSION,
    };
    assert_eq!(clock.run(store.open()), Err(refused.clone()));
    assert_eq!(clock.run(write(&store)), Err(refused));
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables = database
        .raw()
        .query_row(tables, [], |row| row.get::<_, i64>(0));
    assert_eq!(tables, Ok(0));
    // No transaction is left open.
    database
        .raw()
        .execute_batch("BEGIN IMMEDIATE; COMMIT")
        .unwrap();
}

#[test]
fn schema_of_an_older_version_is_brought_up_to_date() {
    let (database, clock) = (Native::new(), Fake::new());
    let raw = database.raw();
    for statement in schema::STEPS[..4]
        .iter()
        .flat_map(|step| schema::statements(step))
    {
        raw.execute_batch(statement).unwrap();
    }
    raw.pragma_update(None, "user_version", 4).unwrap();
    let insert = "INSERT INTO delivery VALUES ('e-1', 'T', 'LIVE', 'v-1', NULL, NULL, 5, '{}')";
    raw.execute(insert, []).unwrap();
    let store = database.store(&clock);
    let figures = clock.run(store.delivery_figures()).unwrap();
    assert_eq!(
        (figures.stored, figures.last_live_at),
        (1, Some(Timestamp(5)))
    );
    assert!(clock.run(store.chore_due_at("outbox")).unwrap().is_some());
}

#[test]
fn schema_whose_making_fails_is_made_by_the_next_call() {
    let (database, clock) = (Native::new(), Fake::new());
    let store = database.store(&clock);
    database.fail_write(0, StoreError::Full);
    assert_eq!(clock.run(store.open()), Err(StoreError::Full));
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables = database
        .raw()
        .query_row(tables, [], |row| row.get::<_, i64>(0));
    assert_eq!(tables, Ok(0), "all of it or nothing");
    assert_eq!(clock.run(write(&store)), Ok(()));
}

#[test]
fn write_waits_for_another_connection_as_long_as_its_patience() {
    let (database, clock) = (Native::new(), Fake::new());
    let store = database.store(&clock);
    clock.run(store.open()).unwrap();
    let other = database.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // One that returns rows waits like one that returns none.
    let take = async || store.take_chore("outbox", Timestamp(0), Timestamp(1)).await;
    let began = clock.passed();
    assert_eq!(clock.run(write(&store)), Err(StoreError::Busy));
    let patience = StoreError::PATIENCE;
    let waited = clock.passed() - began;
    assert!(
        (patience..patience + Duration::from_millis(10)).contains(&waited),
        "{waited:?}"
    );
    let began = clock.passed();
    assert_eq!(clock.run(take()), Err(StoreError::Busy));
    assert!(clock.passed() - began >= patience);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(clock.run(take()), Ok(true));
}

#[test]
fn write_is_done_when_another_connection_has_finished() {
    let (database, clock) = (Native::new(), Fake::new());
    let store = database.store(&clock);
    clock.run(store.open()).unwrap();
    let (other, host) = (database.raw(), clock.clone());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = clock.now();
    let time = Duration::from_secs(1);
    clock.spawn(async move {
        host.sleep(time).await;
        other.execute_batch("COMMIT").unwrap();
    });
    clock.run(async {
        assert_eq!(write(&store).await, Ok(()));
        let waited = clock.now().since(began);
        assert!((time..2 * time).contains(&waited), "{waited:?}");
    });
    let due_at = clock.run(store.chore_due_at("outbox"));
    assert_eq!(due_at, Ok(Some(Timestamp(7))));
}

#[test]
fn insert_of_deliveries_does_not_wait_for_another_connection() {
    let (database, clock) = (Native::new(), Fake::new());
    let store = database.store(&clock);
    clock.run(store.open()).unwrap();
    let other = database.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = clock.passed();
    let prepared = store.prepare(&contract::delivery("e-1"));
    assert_eq!(clock.run(store.insert(&[&prepared])), Err(StoreError::Busy));
    // And nothing that only reads does.
    assert_eq!(clock.run(store.known(&[&prepared])), Ok(vec![false]));
    assert!(
        clock
            .run(store.claim("a", Timestamp(1), 9))
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        clock.run(store.forget_deliveries(Timestamp(1), 9)),
        Ok(false)
    );
    assert_eq!(clock.run(store.expire("a", Timestamp(1), 9)), Ok(false));
    clock.run(store.release_claims(Timestamp(1))).unwrap();
    clock.run(store.known_configuration("[]")).unwrap();
    assert_eq!(clock.passed(), began);
}

#[test]
fn engine_says_what_is_wrong_with_its_database() {
    let (database, clock) = (Native::new(), Fake::new());
    let store = database.store(&clock);
    clock.run(store.open()).unwrap();
    let connection = clock.run(store.connection()).unwrap();
    connection.query("PRAGMA max_page_count = 1", &[]).unwrap();
    let body = vec![b'x'; 64 * 1024];
    let delivery = crate::delivery::Delivery {
        body: &body,
        ..contract::delivery("e-1")
    };
    let prepared = store.prepare(&delivery);
    assert_eq!(clock.run(store.insert(&[&prepared])), Err(StoreError::Full));
    database.raw().execute_batch("DROP TABLE chore").unwrap();
    let error = clock.run(write(&store)).unwrap_err();
    assert_eq!(error.to_string(), "database: no such table: chore");
    assert!(matches!(error, StoreError::Unavailable(_)));
}
