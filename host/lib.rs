//! An embedded stand-in for Spin (<https://spinframework.dev>): it reads a real
//! `spin.toml` and serves its HTTP components under wasmtime, with the stores,
//! variables, outbound rules and instance reuse of a Spin without runtime config.
//!
//! It exists for tests and for a first try on a machine without Spin. Production
//! is Spin: this host drains nothing, limits nothing and keeps no telemetry.

mod allowed_hosts;
mod bindings;
mod capabilities;
mod components;
mod compose;
mod connections;
mod denied;
mod fuel;
mod grants;
mod guest;
mod headers;
mod instances;
mod interfaces;
mod key_value;
mod manifest;
mod neighbours;
mod options;
mod outbound;
mod postgres;
mod routes;
mod runtime;
mod server;
mod sqlite;
mod variables;

pub use options::Options;
pub use server::run;
