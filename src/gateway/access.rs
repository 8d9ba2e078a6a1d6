//! Who may: API keys, their scopes, and the vehicles and users that they are for.

pub(crate) mod admission;
pub(crate) mod callers;
pub(crate) mod lookups;
pub(crate) mod owners;
#[cfg(test)]
mod owners_tests;
