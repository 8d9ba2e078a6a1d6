//! Those who came back from Smartcar Connect.

use super::{Database, millis};
use std::time::Duration;

/// Someone who came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// The user as whom they came.
    pub user_id: Option<String>,
    /// How many vehicles they have connected.
    pub vehicles: Option<i64>,
    /// Whether all of these were taken in.
    pub is_completed: bool,
    /// What Connect says went wrong.
    pub error: Option<String>,
    /// The same in words.
    pub description: Option<String>,
    /// What is kept of the external id that the start named.
    pub begun_for: Option<String>,
}

impl Database {
    /// Everyone who came back, in that order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        let sql =
            "SELECT user_id, vehicles, completed_at IS NOT NULL, error, description, begun_for
            FROM arrival ORDER BY arrived_at";
        self.all(sql, |row| Arrival {
            user_id: row.get(0),
            vehicles: row.get(1),
            is_completed: row.get(2),
            error: row.get(3),
            description: row.get(4),
            begun_for: row.get(5),
        })
    }

    /// Lets so much time pass since everyone came back.
    pub fn age_arrivals(&self, by: Duration) {
        let sql = "UPDATE arrival SET arrived_at = arrived_at - ?1";
        self.change(sql, &[&millis(by)]);
    }

    /// Has everyone come back later, as if by a clock that is ahead.
    pub fn advance_arrivals(&self, by: Duration) {
        let sql = "UPDATE arrival SET arrived_at = arrived_at + ?1";
        self.change(sql, &[&millis(by)]);
    }

    /// Has everyone come back as this user.
    pub fn give_arrivals_to(&self, user: &str) {
        self.change("UPDATE arrival SET user_id = ?1", &[&user]);
    }
}
