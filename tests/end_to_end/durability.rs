//! What is acknowledged is stored, whatever happens in between.

use serde_json::json;
use simulator::{FIRST_USER, FIRST_VEHICLE};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};
use support::{App, Database, Engine, Options, deliver_to, eventually, signal, vehicle_state};

const VEHICLE: &str = "vehicle-of-tests";

/// When deliveries of these tests were sent.
const AT: i64 = 1_790_000_000_000;

/// Deliveries whose events have the names `0`, `1`, `2` and so on.
fn numbered(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| {
            let at = AT + number as i64;
            let signals = [signal("odometer-traveleddistance", number as i64, at, at)];
            vehicle_state(&number.to_string(), VEHICLE, at, &signals)
        })
        .collect()
}

#[test]
fn store_that_fails_on_the_nth_write_costs_no_acknowledged_event() {
    let app = App::start();
    let deliveries = numbered(12);
    app.try_deliver(&vehicle_state("first", VEHICLE, AT, &[]));
    for failing_from in 0..12 {
        app.database().forget_deliveries();
        app.database().fail_to_store_more_than(failing_from);
        let acknowledged = Mutex::new(BTreeSet::new());
        thread::scope(|scope| {
            for (number, body) in deliveries.iter().enumerate() {
                let (app, acknowledged) = (&app, &acknowledged);
                scope.spawn(move || {
                    let answer = app.try_deliver(body).unwrap();
                    match answer.status {
                        200 => drop(acknowledged.lock().unwrap().insert(number.to_string())),
                        503 => assert!(answer.headers.contains_key("retry-after")),
                        other => panic!("{other}: {answer:?}"),
                    }
                });
            }
        });
        let acknowledged = acknowledged.into_inner().unwrap();
        if Engine::is_sqlite() {
            // One writes at a time, so that it is known which ones come first.
            assert_eq!(acknowledged.len(), failing_from);
        }
        assert_eq!(acknowledged, app.database().events());
        app.database().recover();
    }
}

#[test]
fn row_that_cannot_be_stored_costs_no_other() {
    let app = App::start();
    app.try_deliver(&vehicle_state("first", VEHICLE, AT, &[]));
    app.database().fail_to_store("13");
    let deliveries = numbered(32);
    thread::scope(|scope| {
        for (number, body) in deliveries.iter().enumerate() {
            let app = &app;
            scope.spawn(move || {
                let expected = if number == 13 { 503 } else { 200 };
                assert_eq!(app.try_deliver(body).unwrap().status, expected, "{number}");
            });
        }
    });
    assert_eq!(app.database().events().len(), 32);
}

#[test]
fn somebody_else_s_lock_holds_deliveries_up_and_loses_none() {
    let app = App::start();
    app.try_deliver(&vehicle_state("first", VEHICLE, AT, &[]));
    let held = app.database().lock();
    thread::scope(|scope| {
        let deliveries = numbered(8);
        let posts: Vec<_> = deliveries
            .into_iter()
            .map(|body| {
                let app = &app;
                scope.spawn(move || app.try_deliver(&body).unwrap().status)
            })
            .collect();
        thread::sleep(Duration::from_millis(500));
        drop(held);
        for post in posts {
            assert_eq!(post.join().unwrap(), 200);
        }
    });
    assert_eq!(app.database().events().len(), 9);
}

#[test]
fn ten_hosts_that_start_on_one_empty_store_at_once_agree_on_its_schema() {
    let app = App::start();
    let others: Vec<App> = thread::scope(|scope| {
        let starts: Vec<_> = (0..9).map(|_| scope.spawn(|| app.second_host())).collect();
        let started = starts.into_iter().map(|start| start.join().unwrap());
        started.collect()
    });
    // The database is not open yet: the first delivery opens it.
    let hosts: Vec<&App> = std::iter::once(&app).chain(&others).collect();
    let deliveries = numbered(80);
    thread::scope(|scope| {
        for (body, host) in deliveries.iter().zip(hosts.iter().cycle()) {
            scope.spawn(move || {
                // Where the database is busy for too long, it comes again.
                eventually("it is acknowledged", || {
                    let status = host.try_deliver(body).unwrap().status;
                    assert!([200, 503].contains(&status), "{status}");
                    (status == 200).then_some(())
                });
            });
        }
    });
    assert_eq!(app.database().events().len(), 80);
    assert_eq!(app.database().version(), Database::newest_version());
}

#[test]
fn schema_of_a_newer_version_is_left_alone() {
    let mut app = App::start();
    app.try_deliver(&vehicle_state("first", VEHICLE, AT, &[]));
    app.kill();
    app.database().set_version(999);
    app.run();
    let answer = app.try_deliver(&vehicle_state("second", VEHICLE, AT, &[]));
    assert_eq!(answer.unwrap().status, 503);
    app.kill();
    assert!(app.said().contains("run a newer version"), "{}", app.said());
    assert_eq!(app.database().events().len(), 1);
}

/// An update as the model sees it.
struct Update {
    body: String,
    event: String,
    vehicle: String,
    code: &'static str,
    value: i64,
    rank: (i64, i64, i64),
}

/// Deliveries with times known and unknown, for three cars and two signals; one
/// in five comes twice.
fn traffic(count: usize) -> Vec<Update> {
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = move |below: i64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        i64::try_from(chance % u64::try_from(below).unwrap()).unwrap()
    };
    let mut updates = Vec::new();
    for number in 0..count {
        let delivered = AT + draw(1_000_000);
        let retrieved = if draw(4) == 0 {
            0
        } else {
            delivered - draw(5000)
        };
        let observed = if draw(4) == 0 {
            0
        } else {
            delivered - draw(60_000)
        };
        let vehicle = format!("car-{}", draw(3));
        let code = ["tractionbattery-stateofcharge", "closure-islocked"]
            [usize::try_from(draw(2)).unwrap()];
        let value = draw(1_000_000_000);
        let event = format!("event-{number}");
        let signals = [signal(code, value, observed, retrieved)];
        let known = |time: i64, else_: i64| if time == 0 { else_ } else { time };
        updates.push(Update {
            body: vehicle_state(&event, &vehicle, delivered, &signals),
            event,
            vehicle,
            code,
            value,
            rank: (known(retrieved, delivered), observed, delivered),
        });
    }
    updates
}

#[test]
fn ten_thousand_deliveries_survive_five_power_cuts() {
    const EVENTS: usize = 8000;
    let mut app = App::start();
    let updates = traffic(EVENTS);
    // Every fourth event comes once more, somewhere else in the queue.
    let mut queue: Vec<usize> = (0..EVENTS).chain((0..EVENTS).step_by(4)).collect();
    let mut seed = 1_usize;
    for index in (1..queue.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        queue.swap(index, (seed >> 33) % (index + 1));
    }

    let next = AtomicUsize::new(0);
    let retries = AtomicUsize::new(0);
    let url = app.url("/webhooks");
    thread::scope(|scope| {
        let senders: Vec<_> = (0..32)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(update) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let body = &updates[*update].body;
                        // Smartcar's schedule, a hundredth of it.
                        let waits = [250, 500, 1000];
                        let delivered = deliver_to(&url, body)
                            || waits.iter().any(|wait| {
                                retries.fetch_add(1, Ordering::Relaxed);
                                thread::sleep(Duration::from_millis(*wait));
                                deliver_to(&url, body)
                            });
                        assert!(delivered, "event {update} was dropped for good");
                    }
                })
            })
            .collect();
        for cut in 1..=5 {
            let due = cut * queue.len() / 6;
            eventually("traffic flows", || {
                (next.load(Ordering::Relaxed) >= due || senders.iter().any(|s| s.is_finished()))
                    .then_some(())
            });
            app.kill();
            app.run();
        }
    });

    let expected: BTreeSet<String> = updates.iter().map(|update| update.event.clone()).collect();
    assert_eq!(app.database().events(), expected);
    let mut model: BTreeMap<(&str, &str), &Update> = BTreeMap::new();
    for update in &updates {
        let newest = model
            .entry((&update.vehicle, update.code))
            .or_insert(update);
        if update.rank > newest.rank {
            *newest = update;
        }
    }
    for ((vehicle, code), update) in model {
        let signal = app.signal(vehicle, code).json();
        let value = &signal["data"]["attributes"]["body"]["value"];
        assert_eq!(*value, json!(update.value), "{vehicle} {code}");
    }
    println!(
        "{} deliveries of {EVENTS} events, {} repeated after a failure, 5 power cuts: each stored once",
        queue.len(),
        retries.load(Ordering::Relaxed)
    );
}

#[test]
fn request_is_answered_although_the_log_is_not_read() {
    let app = App::start_with(Options {
        is_unheard: true,
        ..Options::default()
    });
    let body = vehicle_state("event", VEHICLE, AT, &[]);
    assert_eq!(app.try_deliver(&body).unwrap().status, 200);
    let answer = app.command(FIRST_VEHICLE, FIRST_USER, "security/lock", "");
    assert_eq!(answer.status, 200);
}

#[test]
fn rotation_of_the_management_token_refuses_nothing() {
    let mut app = App::start();
    let sent = |app: &App, token: &str, number: usize| {
        let body = vehicle_state(&format!("{token}-{number}"), VEHICLE, AT, &[]);
        let signature = support::sign(token, body.as_bytes());
        assert_eq!(app.deliver(&signature, body.as_bytes()).status, 200);
    };
    let old = simulator::MANAGEMENT_TOKEN;
    sent(&app, old, 0);
    app.kill();
    app.set("MANAGEMENT_TOKENS", &format!("new-token,{old}"));
    app.run();
    for number in 1..10 {
        sent(&app, old, number);
        sent(&app, "new-token", number);
    }
    eventually("the tokens are counted", || {
        let status = app.call("GET", "/status", &[], "").json();
        let rows = status["deliveries"]["lastHour"].as_array().unwrap().clone();
        let of = |reason: &str| -> i64 {
            let of = rows.iter().filter(|row| row["reason"] == reason);
            of.map(|row| row["count"].as_i64().unwrap()).sum()
        };
        // The first one, from before the rotation, may have gone uncounted with
        // the power.
        (of("token 1") == 9 && of("token 0") >= 9).then_some(())
    });
}
