//! The documents for those who deploy and operate the application, compared with the
//! application itself.
#![allow(missing_docs, reason = "a test says what it is for in its name")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise, and so does what it calls"
)]

mod akamai;
mod deploy;
mod engines;
mod kubernetes;
mod links;
mod operating;
mod repository;
mod runtime_config;
mod template;
