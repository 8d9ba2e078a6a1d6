//! What the application keeps, read and changed behind its back.
//!
//! The SQL of all tests stands here. A method says what a test means ("a day has passed
//! since every action"), so that another engine can mean the same by other words.

mod actions;
mod arrivals;
mod deliveries;
mod faults;
mod outbox;
mod vehicles;
mod versions;

pub use actions::Action;
pub use arrivals::Arrival;
pub use deliveries::Delivery;
pub use faults::Lock;
pub use outbox::OutboxEvent;
pub use vehicles::Signal;

use rusqlite::{Connection, Params, Row};
use std::{path::Path, time::Duration};

/// The application's database, as an operator would open it.
pub struct Database {
    connection: Connection,
}

impl Database {
    /// Opens the database in a file; an empty one where there is no such file.
    pub fn open(file: &Path) -> Self {
        let connection = Connection::open(file).unwrap();
        connection.busy_timeout(Duration::from_secs(60)).unwrap();
        Self { connection }
    }

    /// Copies it into a new file, as OPERATING.md says.
    pub fn back_up_to(&self, file: &Path) {
        self.change("VACUUM INTO ?1", [file.to_str().unwrap()]);
    }

    /// Moves what was written to the log into the database itself.
    pub fn checkpoint(&self) {
        self.one("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// What is wrong with the file; none where it is whole.
    pub fn damage(&self) -> Option<String> {
        let said: String = self.one("PRAGMA integrity_check", [], |row| row.get(0));
        (said != "ok").then_some(said)
    }

    fn change(&self, sql: &str, parameters: impl Params) {
        self.connection
            .execute(sql, parameters)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    fn count(&self, sql: &str) -> i64 {
        self.one(sql, [], |row| row.get(0))
    }

    fn one<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> T {
        self.connection
            .query_row(sql, parameters, read)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn all<T>(&self, sql: &str, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let read = self.connection.prepare(sql).and_then(|mut statement| {
            let rows = statement.query_map([], read)?;
            rows.collect()
        });
        read.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

/// A duration as the database counts it.
fn millis(of: Duration) -> i64 {
    i64::try_from(of.as_millis()).unwrap()
}
