//! What waits for sinks.

use super::{Database, millis};
use std::time::Duration;

/// An event in the outbox of a sink. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxEvent {
    /// Its id.
    pub event_id: String,
    /// When it was received.
    pub created_at: i64,
    /// When it is to be sent next.
    pub due_at: i64,
    /// Whether it is a dead letter.
    pub is_dead: bool,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

impl Database {
    /// What is in the outbox, in the order of receipt.
    pub fn outbox(&self) -> Vec<OutboxEvent> {
        let sql = "SELECT event_id, created_at, due_at, dead_at IS NOT NULL, error
            FROM outbox ORDER BY seq";
        self.all(sql, |row| OutboxEvent {
            event_id: row.get(0),
            created_at: row.get(1),
            due_at: row.get(2),
            is_dead: row.get(3),
            error: row.get(4),
        })
    }

    /// How many events a relay is sending, or was when it ended.
    pub fn count_claimed_events(&self) -> i64 {
        self.count("SELECT count(*) FROM outbox WHERE claimed_until > 0")
    }

    /// How many events wait for a sink.
    pub fn count_waiting_events(&self, sink: &str) -> i64 {
        let sql = "SELECT count(*) FROM outbox WHERE sink = ?1 AND dead_at IS NULL";
        self.one(sql, &[&sink], |row| row.get(0))
    }

    /// Makes everything in the outbox due.
    pub fn make_outbox_due(&self) {
        self.change("UPDATE outbox SET due_at = 0", &[]);
    }

    /// Ends the lease of every event, as its time would, and makes it due.
    pub fn end_claims(&self) {
        let sql = "UPDATE outbox SET claimed_until = 1, due_at = 1";
        self.change(sql, &[]);
    }

    /// The same, and each event has been sent so many times.
    pub fn end_claims_after(&self, attempts: i64) {
        let sql = "UPDATE outbox SET attempts = ?1, claimed_until = 1, due_at = 1";
        self.change(sql, &[&attempts]);
    }

    /// Has an event been sent so many times.
    pub fn set_attempts(&self, event: &str, attempts: i64) {
        let sql = "UPDATE outbox SET attempts = ?1 WHERE event_id = ?2";
        self.change(sql, &[&attempts, &event]);
    }

    /// Lets so much time pass since an event was received.
    pub fn age_event(&self, event: &str, by: Duration) {
        let sql = "UPDATE outbox SET created_at = created_at - ?1 WHERE event_id = ?2";
        self.change(sql, &[&millis(by), &event]);
    }

    /// Makes a dead letter of 1970 of everything in the outbox.
    pub fn make_dead_letters(&self) {
        self.change("UPDATE outbox SET dead_at = 1, error = 'x'", &[]);
    }

    /// Until when a sink is sent nothing, in milliseconds since 1970; none where it is
    /// not paused.
    pub fn paused_until(&self, sink: &str) -> Option<i64> {
        let sql = "SELECT paused_until FROM sink WHERE name = ?1 AND paused_until > 0";
        self.found(sql, &[&sink])
    }

    /// Ends the pause of every sink.
    pub fn end_pauses(&self) {
        self.change("UPDATE sink SET paused_until = 0", &[]);
    }
}
