//! Several hosts of one application share a key-value store and a database: what
//! one of them has done, none of the others does again.

use serde_json::{Value, json};
use simulator::{COMBUSTION_VEHICLE, FIRST_USER, FIRST_VEHICLE};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Barrier, Mutex},
    thread,
};
use support::{App, Engine, Options, Redis, Sink, edge, eventually, is_required, vehicle_state};

const LOCK: &str = "/v3/vehicles/{vehicleId}/commands/security/lock";
const TOKEN: &str = "/oauth2/token";
const AT: i64 = 1_790_000_000_000;

/// A number that looks like chance and is the same in each run.
fn drawn(number: usize, below: usize) -> usize {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    usize::try_from(mixed >> 33).unwrap() % below
}

#[test]
fn delivery_to_any_node_is_stored_once_and_passed_on_once() {
    const EVENTS: usize = 200;
    let sink = Sink::start();
    let first = App::start_with(Options {
        variables: vec![
            (
                "SINKS",
                Value::from(vec![sink.configuration("mine")]).to_string(),
            ),
            ("SINK_HOSTS", "http://127.0.0.1:*".into()),
        ],
        ..Options::default()
    });
    let nodes = [&first, &first.second_host()];
    let body = |event: usize| {
        let vehicle = format!("car-{}", event % 5);
        vehicle_state(&format!("event-{event}"), &vehicle, AT + event as i64, &[])
    };
    let outcomes = Mutex::new(BTreeMap::<String, usize>::new());
    // Each event one to three times, at whichever node; several at the same time.
    thread::scope(|scope| {
        for sender in 0..8 {
            let outcomes = &outcomes;
            scope.spawn(move || {
                for event in (0..EVENTS).filter(|event| event % 4 == sender % 4) {
                    let times = drawn(event, 3);
                    for time in (0..=times).filter(|time| sender < 4 || *time > 0) {
                        let node = nodes[drawn(event * 16 + sender + time, 2)];
                        // Where the database is busy for too long, it comes again.
                        eventually("it is acknowledged", || {
                            let answer = node.try_deliver(&body(event))?;
                            assert!([200, 503].contains(&answer.status), "{answer:?}");
                            let outcome = answer.outcome().to_owned();
                            *outcomes.lock().unwrap().entry(outcome).or_default() += 1;
                            (answer.status == 200).then_some(())
                        });
                    }
                }
            });
        }
    });

    let expected: BTreeSet<String> = (0..EVENTS).map(|event| format!("event-{event}")).collect();
    let sent: usize = (0..EVENTS).map(|event| 1 + 2 * drawn(event, 3)).sum();
    // Each was stored once, every other is a duplicate.
    let outcomes = outcomes.into_inner().unwrap();
    assert_eq!(outcomes["stored"], EVENTS);
    assert_eq!(outcomes["duplicate"], sent - EVENTS);
    for node in nodes {
        assert_eq!(node.stored(), EVENTS as u64);
    }
    eventually("all were passed on", || {
        nodes[0].call("POST", "/run", &[], "");
        (sink.taken().len() >= EVENTS).then_some(())
    });
    assert_eq!(sink.taken().len(), EVENTS);
    assert_eq!(sink.taken().into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn idempotency_key_sent_to_both_nodes_at_once_is_one_command() {
    const KEYS: usize = 8;
    let first = App::start();
    let nodes = [&first, &first.second_host()];
    for key in 0..KEYS {
        let key = format!("key-{key}");
        let start = Barrier::new(nodes.len());
        let answers = thread::scope(|scope| {
            let asked = nodes.map(|node| {
                let (key, start) = (&key, &start);
                scope.spawn(move || {
                    start.wait();
                    // The second one is asked to come again, and then gets the answer.
                    eventually("it is answered", || {
                        let answer = node.lock_with_key(key);
                        let busy = edge(409, "REQUEST_IN_PROGRESS");
                        (answer.status == 200 || answer.error() != busy).then_some(answer)
                    })
                })
            });
            asked.map(|asked| asked.join().unwrap())
        });
        for answer in &answers {
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.body, answers[0].body);
        }
        let replayed = answers
            .iter()
            .filter(|answer| answer.headers.contains_key("idempotent-replayed"));
        assert_eq!(replayed.count(), 1);
    }
    assert_eq!(first.smartcar.count(LOCK, 200), KEYS as u64);
    let record = nodes[1].call("GET", "/v3/audit", &[], "").json();
    assert_eq!(record["data"].as_array().unwrap().len(), KEYS);
}

#[test]
fn vehicle_takes_one_command_at_a_time_from_all_nodes() {
    let first = App::start();
    let second = first.second_host();
    let slow = json!({"latencyMs": 5000, "times": 1});
    first.smartcar.fault(LOCK, slow);
    thread::scope(|scope| {
        let locked = scope.spawn(|| first.lock_with_key("key-1"));
        eventually("the first one is running", || {
            (first.database().count_running_actions() == 1).then_some(())
        });
        let other = second.command(FIRST_VEHICLE, FIRST_USER, "security/unlock", "");
        assert_eq!(other.error(), edge(409, "COMMAND_IN_PROGRESS"));
        let elsewhere = second.command(COMBUSTION_VEHICLE, FIRST_USER, "security/lock", "");
        assert_eq!(elsewhere.status, 200, "{elsewhere:?}");
        assert_eq!(locked.join().unwrap().status, 200);
    });
    let unlocked = second.command(FIRST_VEHICLE, FIRST_USER, "security/unlock", "");
    assert_eq!(unlocked.status, 200, "{unlocked:?}");
}

#[test]
fn nodes_share_one_token() {
    let first = App::start();
    let second = first.second_host();
    // One of them is asking for it, says so in the store, and has to wait for long.
    first
        .smartcar
        .fault(TOKEN, json!({"latencyMs": 3500, "times": 1}));
    thread::scope(|scope| {
        let locked = scope.spawn(|| first.lock_with_key("key-1"));
        eventually("it has taken the lease", || {
            (first.count_leases() == 1).then_some(())
        });
        let path = format!("/v3/vehicles/{COMBUSTION_VEHICLE}");
        assert_eq!(second.call("GET", &path, &[], "").status, 200);
        assert_eq!(locked.join().unwrap().status, 200);
    });
    // And those that come later find it.
    let third = first.second_host();
    assert_eq!(third.lock_with_key("key-2").status, 200);
    assert_eq!(first.smartcar.count(TOKEN, 200), 1);
}

#[test]
fn nodes_on_several_machines_share_one_token_by_the_database() {
    if Engine::is_sqlite() {
        return;
    }
    let first = App::start();
    let others = [first.host_elsewhere(), first.host_elsewhere()];
    first
        .smartcar
        .fault(TOKEN, json!({"latencyMs": 1000, "times": 1}));
    thread::scope(|scope| {
        let locked = scope.spawn(|| first.lock_with_key("key-1"));
        eventually("it has taken the lease", || {
            (first.count_leases() == 1).then_some(())
        });
        for other in &others {
            let path = format!("/v3/vehicles/{COMBUSTION_VEHICLE}");
            assert_eq!(other.call("GET", &path, &[], "").status, 200);
        }
        assert_eq!(locked.join().unwrap().status, 200);
    });
    assert_eq!(first.smartcar.count(TOKEN, 200), 1);
}

#[test]
fn nodes_share_one_token_in_redis() {
    let Some(redis) = Redis::start() else {
        let why = "there is no redis-server on PATH";
        assert!(!is_required("redis"), "EDGE_REQUIRE names redis: {why}");
        eprintln!("skipped: {why}");
        return;
    };
    if std::env::var("EDGE_HOST").as_deref() != Ok("spin") {
        eprintln!("skipped: only Spin keeps its key-value store in Redis (EDGE_HOST=spin)");
        return;
    }
    let first = App::start_with(Options {
        runtime_config: Some(redis.runtime_config()),
        ..Options::default()
    });
    let second = first.second_host();
    for (node, key) in [(&first, "key-1"), (&second, "key-2"), (&first, "key-3")] {
        assert_eq!(node.lock_with_key(key).status, 200);
    }
    assert_eq!(first.smartcar.count(TOKEN, 200), 1);
    assert!(redis.keys() > 0, "the token is somewhere else");
}
