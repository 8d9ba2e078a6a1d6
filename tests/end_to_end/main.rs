//! The built components over HTTP. `make test` builds what this drives.
#![allow(missing_docs, reason = "a test says what it is for in its name")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise, and so does what it calls"
)]

mod backup;
mod changes;
mod commands;
mod components;
mod compose;
mod connect;
mod contract;
mod deliveries;
mod doctor;
mod durability;
mod failures;
mod figures;
mod middleware;
mod nodes;
mod npm_client;
mod open_outcomes;
mod openapi;
mod operating;
mod pass;
mod postgres;
mod quarantine;
mod reads;
mod refusals;
mod relay;
mod restarts;
mod rotation;
mod secrets;
mod signals;
mod sinks;
mod spin_commands;
mod upgrade;
mod wit;
