//! What the engine asks of a SQLite library: Spin's interface in a component, rusqlite in
//! tests.

use crate::{
    StoreError, patience,
    rows::{self, Cell},
};
use edge::Platform;
pub use spin_sdk::sqlite::Value;
use std::{mem, time::Duration};

/// Opens connections to a database.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Connect {
    /// What it opens.
    type Connection: Connection;

    /// Opens a connection.
    async fn connect(&self) -> Result<Self::Connection, StoreError>;
}

/// A connection to a database. It fails as [`StoreError::Busy`] at once where another one
/// is writing.
///
/// A statement that returns rows is one call of the host, during which this instance does
/// nothing else. Waiting for the columns, for each row, for the end of the rows and for
/// that of the statement takes more processor time than most statements, and one that
/// writes holds the lock until its last row is fetched. A statement that returns none may
/// wait for the disk: other requests go on meanwhile.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Connection {
    /// Runs one statement and returns its rows.
    fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// Runs one statement that returns no rows.
    async fn execute(&self, sql: &str, parameters: Vec<Value>) -> Result<(), StoreError>;
}

/// What an error of SQLite means, by its text: that is all that Spin's interface gives.
pub(super) fn failure(text: String) -> StoreError {
    if text.contains("database is locked") {
        StoreError::Busy
    } else if text.contains("UNIQUE constraint failed") {
        StoreError::Taken(text)
    } else if text.contains("database or disk is full") {
        StoreError::Full
    } else {
        StoreError::Unavailable(text)
    }
}

/// Tries again while another connection is writing, up to [`StoreError::PATIENCE`].
pub(super) async fn patiently<T>(
    platform: &impl Platform,
    attempt: impl AsyncFn() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let is_busy = |error: &StoreError| *error == StoreError::Busy;
    patience::patiently(platform, is_busy, attempt).await
}

/// A row of a result.
pub type Row = rows::Row<Value>;

impl Cell for Value {
    fn take_text(&mut self) -> Option<String> {
        match self {
            Self::Text(text) => Some(mem::take(text)),
            _ => None,
        }
    }

    /// A body is kept as text where a text can hold it.
    fn take_bytes(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Blob(bytes) => Some(mem::take(bytes)),
            Self::Text(text) => Some(mem::take(text).into_bytes()),
            _ => None,
        }
    }

    fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    fn is_true(&self) -> bool {
        self.integer() == Some(1)
    }
}

/// Milliseconds, as times are stored.
pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
