//! Deliveries, how they were counted, and what is done once in a while.

use super::{Database, millis};
use std::{
    collections::BTreeSet,
    ops::Range,
    time::{Duration, SystemTime},
};

/// A delivery as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// When it was received, in milliseconds since 1970.
    pub received_at: i64,
    /// Its body, where that is text.
    pub body: String,
}

impl Database {
    /// The ids of all events that are kept.
    pub fn events(&self) -> BTreeSet<String> {
        let events = self.all("SELECT event_id FROM delivery", |row| row.get(0));
        events.into_iter().collect()
    }

    /// The delivery of an event.
    pub fn delivery(&self, event: &str) -> Delivery {
        let body = if self.is_sqlite() {
            "CAST(body AS BLOB)"
        } else {
            "body"
        };
        let sql = format!("SELECT received_at, {body} FROM delivery WHERE event_id = ?1");
        self.one(&sql, &[&event], |row| Delivery {
            received_at: row.get(0),
            body: String::from_utf8(row.get(1)).unwrap(),
        })
    }

    /// Adds so many deliveries of 1970.
    pub fn add_old_deliveries(&self, count: i64) {
        let sql = "WITH RECURSIVE number(n) AS
                (SELECT CAST(1 AS bigint) UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
            INSERT INTO delivery
            SELECT 'old-' || n, 'TOMORROW', 'LIVE', NULL, NULL, NULL, n, '{}' FROM number";
        self.change(sql, &[&count]);
    }

    /// Adds the deliveries with these numbers, each of the next one of so many cars.
    /// They were received `step` after one another, number 0 at `begin`.
    pub fn add_deliveries(
        &self,
        numbers: Range<i64>,
        cars: i64,
        begin: SystemTime,
        step: Duration,
    ) {
        let sql = "WITH RECURSIVE number(n) AS
                (SELECT CAST(?1 AS bigint) UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?2)
            INSERT INTO delivery
            SELECT 'waiting-' || n, 'VEHICLE_ERROR', 'LIVE', 'car-' || (n % ?3), 'user', NULL,
                ?4 + n * ?5, '{}' FROM number";
        let begin = begin.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        self.change(
            sql,
            &[
                &numbers.start,
                &numbers.end,
                &cars,
                &millis(begin),
                &millis(step),
            ],
        );
    }

    /// Forgets every delivery, as the sweep does after the retention.
    pub fn forget_deliveries(&self) {
        self.change("DELETE FROM delivery", &[]);
    }

    /// How many rows count how requests ended.
    pub fn count_tallies(&self) -> i64 {
        self.count("SELECT count(*) FROM tally")
    }

    /// Makes due what is done once in a while, among it the sweep.
    pub fn make_chores_due(&self) {
        self.change("UPDATE chore SET next_at = 0", &[]);
    }
}
