//! A sink: takes each event and prints its id and type on standard error, which
//! is the log. The body of an event has no place there.

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    reason = "generated"
)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "event-sink",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
    export!(PrintSink with_types_in self);

    use super::PrintSink;
}

use bindings::exports::smartcar::edge::sink::{Event, Guest, SinkError};
use std::io::Write;

struct PrintSink;

impl Guest for PrintSink {
    async fn deliver(event: Event) -> Result<(), SinkError> {
        // In one piece. If the log cannot be written, no line is missed.
        let line = format!("event {} {}\n", event.id, event.event_type);
        let _ = std::io::stderr().write_all(line.as_bytes());
        Ok(())
    }
}
