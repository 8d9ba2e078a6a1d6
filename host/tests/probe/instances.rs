//! How instances are made, shared and ended.

use crate::{
    running::{Answer, Running},
    wire::Held,
};
use std::collections::BTreeMap;

fn name(answer: &Answer) -> &str {
    assert_eq!(answer.0, 200);
    answer.1.split(' ').next().unwrap()
}

#[test]
fn instance_is_reused() {
    let host = Running::start(&["--idle-instance-timeout", "5m"]);
    let first = host.get("/instance");
    let second = host.get("/instance");
    assert_eq!(name(&first), name(&second));
    assert!(second.1.ends_with(" 2"), "{second:?}");
}

#[test]
fn instance_ends_after_its_share_of_requests() {
    let host = Running::start(&[
        "--max-instance-reuse-count",
        "2",
        "--idle-instance-timeout",
        "5m",
    ]);
    let answers: Vec<Answer> = (0..3).map(|_| host.get("/instance")).collect();
    assert_eq!(name(&answers[0]), name(&answers[1]));
    assert_ne!(name(&answers[1]), name(&answers[2]));
}

#[test]
fn panic_is_an_empty_500_and_the_next_request_succeeds() {
    let host = Running::start(&[]);
    let before = host.get("/instance");
    assert_eq!(host.get("/panic"), Answer(500, String::new()));
    host.says("component \"probe\" trapped: ");
    let after = host.get("/instance");
    assert_ne!(name(&before), name(&after));
}

/// The number of held requests by the instance that holds them.
fn hold(host: &Running, count: usize) -> BTreeMap<String, usize> {
    let held: Vec<Held> = (0..count).map(|_| Held::start(&host.address)).collect();
    let mut by_instance = BTreeMap::new();
    for request in held {
        *by_instance.entry(request.finish()).or_insert(0) += 1;
    }
    by_instance
}

#[test]
fn instance_serves_up_to_16_requests_at_once_and_more_run_beside_it() {
    let host = Running::start(&["--idle-instance-timeout", "5m"]);
    let by_instance = hold(&host, 40);
    let most = by_instance.values().copied().max().unwrap();
    assert!(most > 1, "no instance served two at once: {by_instance:?}");
    assert!(most <= 16, "{by_instance:?}");
    assert!(by_instance.len() >= 3, "{by_instance:?}");
}

#[test]
fn instance_serves_one_waiting_request_without_concurrent_reuse() {
    let host = Running::start(&["--max-instance-concurrent-reuse-count", "1"]);
    assert_eq!(hold(&host, 3).len(), 3);
}

#[test]
fn instances_share_the_stores() {
    let host = Running::start(&[
        "--max-instance-concurrent-reuse-count",
        "1",
        "--idle-instance-timeout",
        "5m",
    ]);
    assert_eq!(host.post("/sqlite", "CREATE TABLE t (a)").0, 200);
    // Held, so that the next statement needs a second instance and connection.
    let held = Held::start(&host.address);
    assert_eq!(host.post("/sqlite", "INSERT INTO t VALUES (1)").0, 200);
    assert_eq!(host.get("/key-value/set?key=a&value=1").0, 200);
    held.finish();
    assert_eq!(host.post("/sqlite", "SELECT a FROM t"), Answer::ok("a\n1"));
    assert_eq!(host.get("/key-value/get?key=a"), Answer::ok("1"));
}

#[test]
fn instance_serves_others_while_a_request_sleeps() {
    let host = Running::start(&["--idle-instance-timeout", "5m"]);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| host.get("/sleep?ms=300"));
        while !slow.is_finished() {
            assert_eq!(host.get("/instance").0, 200);
        }
        assert_eq!(slow.join().unwrap().0, 200);
    });
}
