//! A newcomer's first minutes.
#![allow(missing_docs, reason = "a test says what it is for in its name")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise, and so does what it calls"
)]

use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use support::{Up, eventually, shell};

fn json(line: &str) -> Value {
    let said = shell(line);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{line}: {said}"))
}

#[test]
fn printed_lines_do_what_they_say() {
    let mut up = Up::start();
    let lines = up.lines();
    let [lock, signal, redeliver, status, unlock, requests] = &lines[..] else {
        panic!("{lines:?}");
    };
    let locked = json(lock);
    assert_eq!(locked["data"]["type"], "command-execution", "{locked}");
    eventually("the car tells that it is locked", || {
        let shown = json(signal);
        (shown["data"]["attributes"]["body"]["value"] == true).then_some(())
    });
    assert_eq!(json(redeliver)["status"], 200);
    assert_eq!(json(status)["deliveries"]["stored"], 1);
    assert_eq!(
        json(unlock)["data"]["attributes"]["commandType"],
        "security-unlock"
    );
    let requests = json(requests);
    let count = |route: &str| {
        let routes = requests["routes"].as_array().unwrap();
        routes
            .iter()
            .find(|r| r["route"].as_str().unwrap().ends_with(route))
            .unwrap()["count"]
            .clone()
    };
    assert_eq!(
        (count("/token"), count("/lock"), count("/unlock")),
        (1.into(), 1.into(), 1.into())
    );
}

#[test]
fn readme_shows_the_printed_lines() {
    let mut up = Up::start();
    let lines = up.lines();
    assert_eq!(lines.len(), 6);
    let readme = include_str!("../../../README.md");
    for line in lines {
        let line = line
            .replace(&up.port, "3000")
            .replace(&up.simulator_port, "4010");
        assert!(readme.contains(&line), "the README lacks: {line}");
    }
}

#[test]
fn ctrl_c_ends_everything() {
    let mut up = Up::start();
    up.lines();
    up.interrupt();
    for port in [&up.port, &up.simulator_port] {
        eventually("the port is free", || {
            TcpStream::connect(format!("127.0.0.1:{port}"))
                .is_err()
                .then_some(())
        });
    }
}

#[test]
fn failed_start_leaves_other_files_in_place() {
    let mut up = Up::start();
    let precious = up.state().join("precious.txt");
    std::fs::write(&precious, "data").unwrap();
    up.lines();
    let mut again = up.again();
    again.lines();
    assert!(precious.exists());
}

#[test]
fn port_that_is_not_a_port_is_refused() {
    for (app, simulator, said) in [
        ("abc", "1", "'abc' is not a port"),
        ("70000", "1", "'70000' is not a port"),
        ("0", "1", "'0' is not a port"),
        ("5", "5", "cannot share port 5"),
    ] {
        let mut up = Up::start_on(app, simulator);
        up.ended();
        eventually(said, || up.said().contains(said).then_some(()));
    }
}

#[test]
fn busy_port_is_named_and_nothing_stays_behind() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    for (app, simulator) in [(port.as_str(), "1"), ("1", port.as_str())] {
        let mut up = Up::start_on(app, simulator);
        up.ended();
        let reason = format!("port {port} is in use");
        eventually("the port is named", || {
            up.said().contains(&reason).then_some(())
        });
    }
}

#[test]
fn example_locks_a_car_and_ends() {
    let said = shell(concat!(env!("CARGO_BIN_EXE_dev"), " example 2>&1"));
    let lines: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let [first, second, requests] = &lines[..] else {
        panic!("{said}");
    };
    assert_eq!(first["cars"][0]["done"], "locked", "{said}");
    assert_eq!(second["cars"][0]["done"], "was locked", "{said}");
    assert_eq!(requests["routes"][0]["count"], 1, "{said}");
}
