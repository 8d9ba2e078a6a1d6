//! A sink of one's own in the place of the one that posts.

use end_to_end::{Composed, eventually, vehicle_state};

#[test]
fn one_line_of_the_manifest_puts_another_sink_in_place() {
    let sinks = r#"[{"name":"log","url":"http://127.0.0.1:9","secret":"whsec_YQ=="}]"#;
    let app = Composed::start_altered(
        "spin.toml",
        &[
            ("\"target/", "\"../../target/"),
            (
                "{ component = \"http-sink\",",
                "{ path = \"../../target/wasm32-wasip2/release/print_sink.wasm\",",
            ),
        ],
        &[
            ("SINKS", sinks),
            ("MAX_DELIVERY_AGE", "500000000"),
            ("RETENTION_DAYS", "36500"),
        ],
    );
    let body = vehicle_state("event-1", "where-the-car-stands", 1_790_000_000_000, &[]);
    assert!(end_to_end::deliver_to(&app.url("/webhooks"), &body));
    eventually("the event is printed", || {
        let said = app.said();
        said.contains("event event-1 VEHICLE_STATE").then_some(())
    });
    // What is in an event is nobody's business who reads the log of a sink.
    assert!(!app.said().contains("\"make\""));
}
