//! What the API takes and answers: a file a resource, named as Smartcar's documentation
//! names it.

pub(crate) mod answer;
pub(crate) mod applications;
pub(crate) mod command;
pub(crate) mod commands;
pub(crate) mod compatibility;
pub(crate) mod connections;
pub(crate) mod execution;
pub(crate) mod page;
mod read_execution;
#[cfg(test)]
mod resources_tests;
pub(crate) mod schedules;
pub(crate) mod subscriptions;
pub(crate) mod vehicles;
pub(crate) mod webhooks;
