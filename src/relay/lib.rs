//! The relay: passes stored events on to sinks.
//!
//! It has no route from outside. The receiver nudges it after each delivery, and
//! the gateway's `POST /run` lets a scheduler do so when none comes. Whoever
//! does, the work is the same: take what is due, send it, note what became of it.

mod attempt;
mod configuration;
mod nudge;
#[cfg(test)]
mod nudge_tests;
mod nudges;
mod relay;
mod requests;
mod run;
#[cfg(test)]
mod run_tests;
mod sink;
#[cfg(test)]
mod testing;
mod upkeep;

use bindings::smartcar::edge::sink as exported;
use edge::{Host, Response, respond::Outgoing};
use sink::{Event, SinkError, Sinks};
use spin_sdk::{http::Request, http_service};
use store::HostStore;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    reason = "generated from wit"
)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "relay",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

static RELAY: relay::Relay<Host, HostStore, Component> =
    relay::Relay::new(Host, store::host_store(), Component);

#[http_service]
async fn handle(request: Request) -> Outgoing {
    let answer = RELAY.answer(request.method(), request.uri().path()).await;
    Outgoing(answer.unwrap_or_else(Response::from))
}

/// The component that takes events, by the interface that it exports.
struct Component;

impl Sinks for Component {
    async fn deliver(&self, event: Event) -> Result<(), SinkError> {
        let event = exported::Event {
            id: event.id,
            sink: event.sink,
            event_type: event.event_type,
            mode: match event.is_test {
                true => exported::Mode::Test,
                false => exported::Mode::Live,
            },
            vehicle: event.vehicle_id,
            user: event.user_id,
            received_at: event.received_at.0,
            attempt: event.attempt,
            body: event.body,
        };
        let answer = exported::deliver(event).await;
        answer.map_err(|error| match error {
            exported::SinkError::Unavailable(retry) => SinkError::Unavailable {
                retry_after: retry.retry_after,
                detail: retry.detail,
            },
            exported::SinkError::Rejected(why) => SinkError::Rejected(why),
            exported::SinkError::Gone(why) => SinkError::Gone(why),
        })
    }
}
