//! `make bench`: what the application does in a second, compared with a component
//! that does nothing on the same host in the same run, and how many instructions
//! a delivery takes.

pub mod backlog;
pub mod deliveries;
pub mod host;
pub mod instructions;
pub mod latency;
pub mod load;
pub mod report;
pub mod soak;

use std::path::PathBuf;

/// The top folder of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
