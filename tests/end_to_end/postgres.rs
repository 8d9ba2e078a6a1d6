//! What only a database server brings along: it restarts, ends connections, and refuses.

use postgresql::{PASSWORD, Server, USER};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use support::{
    App, Database, Engine, Options, Sink, database_variables, edge, eventually, vehicle_state,
};

/// An application on this address.
fn app_on(url: &str) -> App {
    App::start_with(Options {
        variables: database_variables(url).to_vec(),
        ..Options::default()
    })
}

/// An application on this address, which sends its events to a sink.
fn app_at(url: &str, sink: &Sink) -> App {
    let mut variables = database_variables(url).to_vec();
    let sinks = serde_json::json!([sink.configuration("all")]);
    variables.push(("SINKS", sinks.to_string()));
    variables.push(("SINK_HOSTS", "http://127.0.0.1:*".to_owned()));
    App::start_with(Options {
        variables,
        ..Options::default()
    })
}

fn delivery(sender: usize, number: usize) -> String {
    let at = 1_790_000_000_000 + number as i64;
    let event = format!("event-{sender}-{number:04}");
    vehicle_state(&event, &format!("car-{sender}"), at, &[])
}

/// Delivers for a while from several senders, each again until it is acknowledged, while
/// something happens to the database. Returns the events, all of which were acknowledged.
fn deliver_during(app: &App, happening: impl FnOnce()) -> BTreeSet<String> {
    let (sent, is_done) = (Mutex::new(BTreeSet::new()), AtomicBool::new(false));
    thread::scope(|scope| {
        for sender in 0..4 {
            let (sent, is_done) = (&sent, &is_done);
            scope.spawn(move || {
                for number in (0_usize..).take_while(|_| !is_done.load(Ordering::SeqCst)) {
                    eventually("it is acknowledged", || {
                        let answer = app.try_deliver(&delivery(sender, number))?;
                        if answer.status == 503 {
                            assert!(answer.headers.contains_key("retry-after"));
                            thread::sleep(Duration::from_millis(20));
                            return None;
                        }
                        assert_eq!(answer.status, 200);
                        Some(())
                    });
                    let event = format!("event-{sender}-{number:04}");
                    sent.lock().unwrap().insert(event);
                }
            });
        }
        eventually("traffic flows", || {
            (sent.lock().unwrap().len() > 50).then_some(())
        });
        happening();
        let before = sent.lock().unwrap().len();
        eventually("traffic flows again", || {
            (sent.lock().unwrap().len() > before + 50).then_some(())
        });
        is_done.store(true, Ordering::SeqCst);
    });
    sent.into_inner().unwrap()
}

/// Every event has reached the sink, and those of a car in their order. One whose sending
/// was cut off may have come twice, with the same id.
fn assert_passed_on(app: &App, sink: &Sink, sent: &BTreeSet<String>) {
    // What a run had claimed that lost its database comes back after a minute.
    thread::sleep(Duration::from_secs(1));
    app.database().end_claims();
    eventually("all are passed on", || {
        app.call("POST", "/run", &[], "");
        let posted: BTreeSet<String> = sink.posted().iter().map(|it| it.id().to_owned()).collect();
        (posted == *sent).then_some(())
    });
    for sender in 0..4 {
        let (mut seen, of_sender) = (Vec::new(), format!("event-{sender}-"));
        for posted in sink.posted() {
            let id = posted.id().to_owned();
            if id.starts_with(&of_sender) && !seen.contains(&id) {
                seen.push(id);
            }
        }
        assert!(seen.is_sorted(), "{seen:?}");
    }
}

#[test]
fn deliveries_survive_a_database_that_crashes_and_starts_again() {
    if Engine::is_sqlite() {
        return;
    }
    // As it is installed: what it has acknowledged it keeps.
    let mut server = Server::start(&[]);
    let (url, sink) = (server.url("postgres"), Sink::start());
    let app = app_at(&url, &sink);
    let sent = deliver_during(&app, || {
        server.kill();
        thread::sleep(Duration::from_millis(500));
        server.start_again();
    });
    assert_eq!(Database::at(&url).events(), sent, "0 lost, 0 twice");
    assert_passed_on(&app, &sink, &sent);
}

#[test]
fn deliveries_survive_connections_that_are_ended_at_random() {
    if Engine::is_sqlite() {
        return;
    }
    let server = Server::start(postgresql::FAST);
    let (url, sink) = (server.url("postgres"), Sink::start());
    let app = app_at(&url, &sink);
    let operator = Database::at(&url);
    let sent = deliver_during(&app, || {
        for _ in 0..20 {
            operator.end_connections();
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!(operator.events(), sent, "0 lost, 0 twice");
    assert_passed_on(&app, &sink, &sent);
}

/// An application whose database cannot be used answers what it can and says in its log
/// why, without the password.
fn assert_unusable(url: &str, why: &str) {
    let mut app = app_on(url);
    let answer = app.try_deliver(&delivery(0, 0)).unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"));
    let refused = app.lock();
    assert_eq!(refused.error(), edge(503, "STORE_UNAVAILABLE"));
    assert_eq!(
        app.smartcar
            .count("/v3/vehicles/{vehicleId}/commands/security/lock", 200),
        0
    );
    let status = app.call("GET", "/status", &[], "").json();
    assert_eq!(status["store"]["reachable"], false);
    app.kill();
    let said = app.said();
    assert!(said.contains(why), "{said}");
    assert!(
        !said.contains("open-sesame") && !said.contains("wrong-password"),
        "{said}"
    );
}

#[test]
fn database_with_another_password_is_unavailable_and_no_log_has_the_password() {
    if Engine::is_sqlite() {
        return;
    }
    let server = Server::start(postgresql::FAST);
    let url = server.url("postgres").replace(PASSWORD, "wrong-password");
    assert_unusable(&url, "password authentication failed");
}

#[test]
fn database_that_is_missing_is_unavailable() {
    if Engine::is_sqlite() {
        return;
    }
    let server = Server::start(postgresql::FAST);
    assert_unusable(&server.url("no_such_database"), "no_such_database");
    let url = format!("postgres://{USER}:{PASSWORD}@127.0.0.1:1/postgres");
    assert_unusable(&url, "Connection refused");
}

#[test]
fn database_that_is_read_only_is_unavailable_for_what_writes() {
    if Engine::is_sqlite() {
        return;
    }
    let server = Server::start(postgresql::FAST);
    let url = server.url("postgres");
    let app = app_on(&url);
    assert_eq!(app.try_deliver(&delivery(0, 0)).unwrap().status, 200);
    let operator = Database::at(&url);
    operator.make_read_only();
    operator.end_connections();
    let answer = app.try_deliver(&delivery(0, 1)).unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(app.lock().error(), edge(503, "STORE_UNAVAILABLE"));
    // Reading goes on.
    assert_eq!(app.stored(), 1);
}

#[test]
fn database_that_is_slow_refuses_deliveries_with_a_time_to_come_back() {
    if Engine::is_sqlite() {
        return;
    }
    let server = Server::start(postgresql::FAST);
    let url = server.url("postgres");
    let app = app_on(&url);
    assert_eq!(app.try_deliver(&delivery(0, 0)).unwrap().status, 200);
    let operator = Database::at(&url);
    operator.slow_down();
    operator.end_connections();
    let answer = app.try_deliver(&delivery(0, 1)).unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"));
    let stored = || operator.events().contains("event-0-0001");
    assert!(!stored());
    // What is fast goes on.
    assert_eq!(app.lock().status, 200);
    operator.recover();
    assert_eq!(app.try_deliver(&delivery(0, 1)).unwrap().status, 200);
    assert!(stored());
}

#[test]
fn database_without_a_free_connection_is_unavailable_until_there_is_one() {
    if Engine::is_sqlite() {
        return;
    }
    let settings = [postgresql::FAST, &["max_connections=8"]].concat();
    let server = Server::start(&settings);
    let url = server.url("postgres");
    let others: Vec<Database> = (0..8).map(|_| Database::at(&url)).collect();
    assert_unusable(&url, "too many clients");
    let app = app_on(&url);
    assert_eq!(app.try_deliver(&delivery(0, 0)).unwrap().status, 503);
    drop(others);
    eventually("it is stored", || {
        (app.try_deliver(&delivery(0, 0))?.status == 200).then_some(())
    });
}

#[test]
fn dump_of_the_database_can_be_restored() {
    if Engine::is_sqlite() {
        return;
    }
    let (server, sink) = (Server::start(postgresql::FAST), Sink::start());
    let url = server.url("postgres");
    let app = app_at(&url, &sink);
    for number in 0..20 {
        assert_eq!(app.try_deliver(&delivery(0, number)).unwrap().status, 200);
    }
    let first = app.lock_with_key("k-1");
    assert_eq!(first.status, 200);
    eventually("the lock is reported", || {
        (app.stored() == 21).then_some(())
    });
    let place = tempfile::TempDir::new().unwrap();
    let dump = place.path().join("smartcar-edge.dump");
    let run = |program: &str, arguments: &[&str]| {
        let program = postgresql::programs().unwrap().join(program);
        let mut command = std::process::Command::new(program);
        let output = command.args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
    };
    let file = format!("--file={}", dump.display());
    run("pg_dump", &["--format=custom", &file, &url]);
    drop(app);
    let restored = server.url("restored");
    let maintenance = format!("--maintenance-db={url}");
    run("createdb", &[&maintenance, "restored"]);
    let (into, dump) = (format!("--dbname={restored}"), dump.to_str().unwrap());
    run(
        "pg_restore",
        &["--no-owner", "--exit-on-error", &into, dump],
    );
    let app = app_at(&restored, &sink);
    assert_eq!(app.stored(), Database::at(&url).events().len() as u64);
    // What it knew of commands is known again: the same key does nothing again.
    let again = app.lock_with_key("k-1");
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(app.try_deliver(&delivery(0, 3)).unwrap().status, 200);
    assert_eq!(app.try_deliver(&delivery(0, 20)).unwrap().status, 200);
}
