//! What moves from one database to the other.
#![allow(missing_docs, reason = "a test says what it is for in its name")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise, and so does what it calls"
)]

use postgresql::Server;
use std::process::{Command, Output};
use support::{
    App, Database, Engine, Options, Sink, database_variables, eventually, vehicle_state,
};

fn to_postgres(file: &str, url: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_to-postgres"));
    program.args([file, url]).output().unwrap()
}

fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr];
    texts
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .concat()
}

/// An application on an engine whose events wait for a sink that does not answer.
fn app(engine: Engine, url: Option<&str>) -> App {
    let mut variables = vec![
        (
            "SINKS",
            serde_json::json!([Sink::dead().configuration("dead")]).to_string(),
        ),
        ("SINK_HOSTS", "http://127.0.0.1:*".to_owned()),
        ("QUARANTINE", "9".to_owned()),
    ];
    variables.extend(url.map(database_variables).into_iter().flatten());
    App::start_with(Options {
        variables,
        engine: Some(engine),
        ..Options::default()
    })
}

fn delivery(number: i64) -> String {
    let at = 1_790_000_000_000 + number;
    let signals = [support::signal("odometer-traveleddistance", number, at, at)];
    vehicle_state(&format!("event-{number}"), "car", at, &signals)
}

#[test]
fn application_goes_on_in_the_other_database_as_if_nothing_had_happened() {
    if Engine::is_sqlite() {
        return;
    }
    let server = Server::start(postgresql::FAST);
    let url = server.url("postgres");
    let mut before = app(Engine::Sqlite, None);
    for number in 0..30 {
        assert_eq!(before.try_deliver(&delivery(number)).unwrap().status, 200);
    }
    let first = before.lock_with_key("k-1");
    assert_eq!(first.status, 200);
    // The car reports it.
    eventually("all is stored", || (before.stored() == 31).then_some(()));
    let quarantined = delivery(31);
    let signature = support::sign("other-token", quarantined.as_bytes());
    let refused = before.deliver(&signature, quarantined.as_bytes());
    assert_eq!(refused.status, 401);
    let quarantine = |app: &App| {
        let status = app.call("GET", "/status", &[], "").json();
        status["deliveries"]["quarantine"].clone()
    };
    let waits = eventually("it is in quarantine", || {
        let waits = quarantine(&before);
        (waits["waiting"] == 1).then_some(waits)
    });
    before.call("POST", "/run", &[], "");
    let signal = before.signal("car", "odometer-traveleddistance").json();
    let waiting = before.call("GET", "/status", &[], "").json()["outbox"][0]["waiting"].clone();
    let file = before.database_file();
    before.kill();
    // It is not moved to where the application has never been.
    let file = file.to_str().unwrap();
    let refused = to_postgres(file, &url);
    assert!(!refused.status.success() && said(&refused).contains("no schema"));
    let mut after = app(Engine::Postgres, Some(&url));
    assert_eq!(after.stored(), 0);
    after.kill();
    let moved = to_postgres(file, &url);
    assert!(moved.status.success(), "{}", said(&moved));
    after.run();
    let events = Database::open(file.as_ref()).events();
    assert_eq!(after.database().events(), events);
    assert_eq!(after.stored(), events.len() as u64);
    let moved_signal = after.signal("car", "odometer-traveleddistance").json();
    assert_eq!(moved_signal["data"], signal["data"]);
    let status = after.call("GET", "/status", &[], "").json();
    assert_eq!(status["outbox"][0]["waiting"], waiting);
    assert_eq!(quarantine(&after), waits);
    // The same key does nothing again, and what was delivered is known.
    let again = after.lock_with_key("k-1");
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(after.try_deliver(&delivery(3)).unwrap().status, 200);
    assert_eq!(after.stored(), events.len() as u64);
    assert_eq!(after.try_deliver(&delivery(30)).unwrap().status, 200);
    assert_eq!(after.stored(), events.len() as u64 + 1);
    // Once is enough.
    after.kill();
    let twice = to_postgres(file, &url);
    assert!(!twice.status.success() && said(&twice).contains("in use"));
}

#[test]
fn what_cannot_be_moved_is_refused_with_a_sentence() {
    for arguments in [&[] as &[&str], &["one"], &["no-such-file", "postgres://x"]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_to-postgres"));
        let output = program.args(arguments).output().unwrap();
        assert!(!output.status.success() && said(&output).contains("to-postgres: "));
    }
}
