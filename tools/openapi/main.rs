//! `openapi FILE`: writes the OpenAPI 3.1 description of the gateway, from its routes and
//! the table of Smartcar's endpoints.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool stops at the first surprise, and so do its tests"
)]

mod document;
#[cfg(test)]
mod error_tests;
mod operations;
mod parameters;
mod responses;
mod schemas;
#[cfg(test)]
mod tests;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let file = std::env::args_os().nth(1).context("usage: openapi FILE")?;
    let text = document::written(&document::document());
    std::fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))
}
