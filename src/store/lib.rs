//! What is kept: deliveries, vehicles, signals, actions, the outbox.

pub mod chore;
pub mod retention;
pub mod sqlite;
