//! What the components go by until they take the traits of this crate.

#![allow(missing_docs, missing_debug_implementations)]

pub mod chore;
pub mod retention;
pub mod sqlite;
