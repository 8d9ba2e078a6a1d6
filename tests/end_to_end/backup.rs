//! Backup and restore of the database, as OPERATING.md says.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use support::{App, Database, Engine, eventually, vehicle_state};
use tempfile::TempDir;

fn delivery(event: usize) -> String {
    let vehicle = format!("car-{}", event % 3);
    let at = 1_790_000_000_000 + event as i64;
    vehicle_state(&format!("event-{event}"), &vehicle, at, &[])
}

#[test]
fn backup_made_under_load_can_be_restored() {
    if !Engine::is_sqlite() {
        return;
    }
    let mut app = App::start();
    let place = TempDir::new().unwrap();
    let copy = place.path().join("backup.db");
    assert_eq!(app.lock_with_key("k-1").status, 200);

    // Deliveries come in all the while.
    let (acknowledged, is_done) = (Mutex::new(BTreeSet::new()), AtomicBool::new(false));
    let (before, after) = thread::scope(|scope| {
        for sender in 0..4 {
            let (app, acknowledged, is_done) = (&app, &acknowledged, &is_done);
            scope.spawn(move || {
                let numbers = (0_usize..).map(|number| number * 4 + sender);
                for event in numbers.take_while(|_| !is_done.load(Ordering::SeqCst)) {
                    // Where the database is busy for too long, it comes again.
                    eventually("it is acknowledged", || {
                        let answer = app.try_deliver(&delivery(event))?;
                        assert!([200, 503].contains(&answer.status), "{answer:?}");
                        (answer.status == 200).then_some(())
                    });
                    acknowledged.lock().unwrap().insert(event);
                }
            });
        }
        eventually("traffic flows", || {
            (acknowledged.lock().unwrap().len() > 50).then_some(())
        });
        let before = acknowledged.lock().unwrap().clone();
        app.database().back_up_to(&copy);
        let after = acknowledged.lock().unwrap().clone();
        is_done.store(true, Ordering::SeqCst);
        (before, after)
    });
    assert!(after.len() >= before.len());
    let backup = Database::open(&copy);
    assert_eq!(backup.damage(), None);
    let held = backup.events();
    for event in &before {
        assert!(held.contains(&format!("event-{event}")), "{event}");
    }
    drop(backup);

    // The disk is lost, and the backup is put in its place.
    app.kill();
    app.restore(&copy);
    app.run();
    assert_eq!(app.database().events(), held);
    assert_eq!(app.stored(), held.len() as u64);
    // What it knew of commands is known again: the same key does nothing again.
    let again = app.lock_with_key("k-1");
    assert_eq!(again.headers["idempotent-replayed"], "true");
    // What came after it can be delivered again, and what came before is a duplicate.
    let acknowledged = acknowledged.into_inner().unwrap();
    for event in &acknowledged {
        assert_eq!(app.try_deliver(&delivery(*event)).unwrap().status, 200);
    }
    let mut expected = held;
    expected.extend(acknowledged.iter().map(|event| format!("event-{event}")));
    assert_eq!(app.database().events(), expected);
}
