//! Exports `smartcar:edge/sink`, and does with each event what the first word of its
//! id says: `hang` never answers, `trap` ends the instance after a second, and
//! anything else is taken.

#![cfg(target_family = "wasm")]

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
    export!(SinkProbe with_types_in self);

    use super::SinkProbe;
}

use bindings::exports::smartcar::edge::sink::{Event, Guest, SinkError};
use std::{io::Write, time::Duration};

struct SinkProbe;

impl Guest for SinkProbe {
    async fn deliver(event: Event) -> Result<(), SinkError> {
        let line = format!("sent {} attempt {}\n", event.id, event.attempt);
        let _ = std::io::stderr().write_all(line.as_bytes());
        match event.id.split('-').next() {
            Some("hang") => loop {
                spin_sdk::time::sleep(Duration::from_secs(60)).await;
            },
            Some("trap") => {
                spin_sdk::time::sleep(Duration::from_secs(1)).await;
                std::process::abort()
            }
            _ => Ok(()),
        }
    }
}
