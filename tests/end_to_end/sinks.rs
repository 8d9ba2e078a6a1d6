//! A sink of one's own in the place of the one that posts.

use std::time::Duration;
use support::{Composed, Database, KEYS, eventually, eventually_within, vehicle_state};

const SINKS: &str = r#"[{"name":"log","url":"http://127.0.0.1:9","secret":"whsec_YQ=="}]"#;

/// The application with this component in the place of the sink.
fn with_sink(component: &str) -> Composed {
    let path = format!("{{ path = \"../../target/wasm32-wasip2/release/{component}.wasm\",");
    let variables = [
        ("SINKS", SINKS),
        ("MAX_DELIVERY_AGE", "500000000"),
        ("RETENTION_DAYS", "36500"),
        ("API_KEYS", KEYS),
    ];
    Composed::start_altered(
        "spin.toml",
        &[
            ("\"target/", "\"../../target/"),
            ("{ component = \"http-sink\",", &path),
        ],
        &variables,
    )
}

fn run(app: &Composed) {
    let bearer = format!("Bearer {}", support::KEY);
    app.send("POST", "/run", &[("authorization", &bearer)], b"");
}

fn deliver(app: &Composed, event: &str, vehicle: &str) {
    let body = vehicle_state(event, vehicle, 1_790_000_000_000, &[]);
    assert!(support::deliver_to(&app.url("/webhooks"), &body));
}

#[test]
fn sink_component_is_replaced_by_one_line_of_the_manifest() {
    let app = with_sink("print_sink");
    let body = vehicle_state("event-1", "where-the-car-stands", 1_790_000_000_000, &[]);
    assert!(support::deliver_to(&app.url("/webhooks"), &body));
    eventually("the event is printed", || {
        let said = app.said();
        said.contains("event event-1 VEHICLE_STATE").then_some(())
    });
    // The body of an event must not reach a reader of the sink's log.
    assert!(!app.said().contains("\"make\""));
}

/// How often an event was sent.
fn sent(app: &Composed, event: &str) -> usize {
    app.said().matches(&format!("sent {event} ")).count()
}

/// Whether an instance was ended by a trap. Spin has other words for it where the request
/// had been answered before.
fn has_trapped(app: &Composed) -> bool {
    let said = app.said();
    said.contains("trapped") || said.contains("wasm trap")
}

#[test]
fn sink_that_traps_repeats_no_event_that_it_had_taken_and_takes_none_with_it() {
    let app = with_sink("sink_probe");
    deliver(&app, "trap-1", "v-1");
    eventually("it has ended the relay", || has_trapped(&app).then_some(()));
    let database = app.database();
    let waiting = |database: &Database| -> Vec<String> {
        let outbox = database.outbox().into_iter();
        let waiting = outbox.filter(|event| !event.is_dead);
        waiting.map(|event| event.event_id).collect()
    };
    database.end_claims();
    // It is sent alone, and ends the relay again.
    for event in ["good-1", "good-2", "good-3"] {
        deliver(&app, event, event);
    }
    eventually("the others are delivered", || {
        run(&app);
        (waiting(&database) == ["trap-1"]).then_some(())
    });
    for event in ["good-1", "good-2", "good-3"] {
        assert_eq!(sent(&app, event), 1, "{event}");
    }
    // After twenty times it is not tried again.
    eventually("it is a dead letter", || {
        database.end_claims_after(20);
        run(&app);
        waiting(&database).is_empty().then_some(())
    });
    let outbox = database.outbox();
    let letter = outbox.iter().find(|event| event.event_id == "trap-1");
    let error = "it was sent 20 times, and no attempt came to an end";
    assert_eq!(letter.unwrap().error.as_deref(), Some(error));
}

#[test]
fn sink_that_does_not_answer_is_given_up_before_its_lease_ends() {
    let app = with_sink("sink_probe");
    deliver(&app, "hang-1", "v-1");
    let database = app.database();
    let error = eventually_within(Duration::from_secs(90), "it is given up", || {
        database.outbox().first()?.error.clone()
    });
    assert_eq!(error, "the sink did not answer in 45 s");
    assert!(!has_trapped(&app), "{}", app.said());
    // The relay goes on as if nothing had happened.
    deliver(&app, "good-1", "v-2");
    eventually("another one is taken", || {
        (sent(&app, "good-1") == 1).then_some(())
    });
}
