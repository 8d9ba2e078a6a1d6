//! Runs the built `edge-host` on the probe (`host/probe`) and looks at it
//! from outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail that way"
)]

mod dependencies;
mod http;
mod instances;
mod middleware;
mod outbound;
mod running;
mod startup;
mod stores;
mod upstream;
mod wire;
