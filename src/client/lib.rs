//! The client: Smartcar's API v3 for the component that imports it, and
//! Smartcar's deliveries as pure functions. The contract is in `wit/`.
//!
//! It has no store and no configuration of its own. The access token is in the
//! importing component's key-value store, the credentials are in its variables,
//! and calls go where it may call: what is inherited is all there is.

mod charge_schedules;
mod commands;
mod connections;
mod deliveries;
mod errors;
mod lists;
mod setup;
mod subscriptions;
mod values;
mod vehicles;

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
        world: "client",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
    export!(Edge with_types_in self);

    use super::Edge;
}

use bindings::exports::smartcar::edge as wit;
use setup::client;

/// What is exported.
struct Edge;
