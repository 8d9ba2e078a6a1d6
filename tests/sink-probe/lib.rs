//! Gives each request's body as an event to the sink that is composed into it, and
//! tells what the sink said.

#![cfg(target_family = "wasm")]

#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "relay",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::smartcar::edge::{
    deliveries::Mode,
    sink::{self, Event},
};
use http::header;
use spin_sdk::http::{Request, body::IncomingBodyExt as _};
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> http::Response<String> {
    let body = request.into_body().bytes().await.unwrap_or_default();
    let event = Event {
        id: "event-1".to_owned(),
        sink: "probe".to_owned(),
        event_type: "VEHICLE_STATE".to_owned(),
        mode: Mode::Live,
        vehicle: Some("vehicle-1".to_owned()),
        user: None,
        received_at: 1,
        attempt: 1,
        body: body.to_vec(),
    };
    let said = format!("{:?}", sink::deliver(event).await);
    let mut response = http::Response::new(String::new());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, said.len().into());
    *response.body_mut() = said;
    response
}
