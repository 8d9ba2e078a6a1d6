//! The record of commands and removals.

use super::connection::Row;
use super::{Database, millis};
use crate::now;
use std::time::Duration;

/// An action as it is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Its id.
    pub id: String,
    /// The user on whose behalf it was done.
    pub user_id: Option<String>,
    /// The idempotency key that it was sent with.
    pub idempotency_key: Option<String>,
    /// Whether that key is still honoured.
    pub is_claimed: bool,
    /// The body of its answer, as long as it is kept.
    pub answer: Option<Vec<u8>>,
}

const COLUMNS: &str = "id, user_id, idempotency_key, claim IS NOT NULL, answer";

impl Action {
    fn read(row: Row<'_>) -> Self {
        Self {
            id: row.get(0),
            user_id: row.get(1),
            idempotency_key: row.get(2),
            is_claimed: row.get(3),
            answer: row.get(4),
        }
    }
}

impl Database {
    /// Every action, the oldest first.
    pub fn actions(&self) -> Vec<Action> {
        let sql = format!("SELECT {COLUMNS} FROM action ORDER BY id");
        self.all(&sql, Action::read)
    }

    /// The action with this id.
    pub fn action(&self, id: &str) -> Action {
        let sql = format!("SELECT {COLUMNS} FROM action WHERE id = ?1");
        self.one(&sql, &[&id], Action::read)
    }

    /// How many actions are running; none before the first request has made the schema.
    pub fn count_running_actions(&self) -> i64 {
        let sql = "SELECT count(*) FROM action WHERE outcome = 'running'";
        let running = self.connection.rows(sql, &[], |row| row.get::<i64>(0));
        running.map_or(0, |rows| rows.into_iter().sum())
    }

    /// How many leases are held (PostgreSQL); none before the first request has made the
    /// schema.
    pub(crate) fn count_leases(&self) -> i64 {
        let sql = "SELECT count(*) FROM lease WHERE held_until > 0";
        let held = self.connection.rows(sql, &[], |row| row.get::<i64>(0));
        held.map_or(0, |rows| rows.into_iter().sum())
    }

    /// Lets so much time pass since every action.
    pub fn age_actions(&self, by: Duration) {
        let sql =
            "UPDATE action SET started_at = started_at - ?1, completed_at = completed_at - ?1";
        self.change(sql, &[&millis(by)]);
    }

    /// Lets so much time pass since the action of this idempotency key.
    pub fn age_action(&self, key: &str, by: Duration) {
        let sql = "UPDATE action SET started_at = started_at - ?1, completed_at = completed_at - ?1
            WHERE idempotency_key = ?2";
        self.change(sql, &[&millis(by), &key]);
    }

    /// Has every action begun later, as if by a clock that is ahead.
    pub fn advance_actions(&self, by: Duration) {
        let sql =
            "UPDATE action SET started_at = started_at + ?1, completed_at = completed_at + ?1";
        self.change(sql, &[&millis(by)]);
    }

    /// Has every action begun in 1970, and gives it an id of that time.
    pub fn move_actions_to_1970(&self) {
        let sql = "UPDATE action SET id = 'act_000000000000' || id, started_at = 0";
        self.change(sql, &[]);
    }

    /// Leaves every action behind as a crash does: begun, and not completed.
    pub fn interrupt_actions(&self) {
        let sql = "UPDATE action SET outcome = 'running', status = NULL, completed_at = NULL";
        self.change(sql, &[]);
    }

    /// Leaves the action of this idempotency key behind as a crash does.
    pub fn interrupt_action(&self, key: &str) {
        let sql = "UPDATE action SET outcome = 'running', status = NULL, completed_at = NULL
            WHERE idempotency_key = ?1";
        self.change(sql, &[&key]);
    }

    /// Adds a command of long ago whose outcome is unknown.
    pub fn add_unknown_action(&self, id: &str, vehicle: &str, user: &str) {
        let sql = "INSERT INTO action (id, kind, path, caller, vehicle_id, user_id, fingerprint,
                is_exclusive, started_at, outcome)
            VALUES (?1, 'k', '/', 'c', ?2, ?3, 'f', false, ?4, 'unknown')";
        // Older than any retention, it would be swept.
        self.change(sql, &[&id, &vehicle, &user, &(now() - 600_000)]);
    }

    /// Adds what a vehicle has reported after an action; without a user it is of the
    /// action's.
    pub fn add_evidence(&self, action: &str, body: &str, user: Option<&str>) {
        let sql = "INSERT INTO action_signal (action_id, is_late, body, observed_at, user_id)
            VALUES (?1, false, ?2, 1, ?3)";
        self.change(sql, &[&action, &body, &user]);
    }

    /// What vehicles have reported after their actions, in the order of the text.
    pub fn evidence(&self) -> Vec<String> {
        let sql = "SELECT body FROM action_signal ORDER BY body";
        self.all(sql, |row| row.get(0))
    }
}
