//! The database, or saying that it is not there.

use edge::{
    Host,
    log::{self, Event, Level, Seldom},
    respond::{Code, Problem},
};
use smartcar::Clock;
use std::time::Duration;
use store::old::sqlite::{self, Row, StoreError, Value};

/// The rows of a statement.
pub(crate) async fn query(
    sql: &str,
    parameters: impl Into<Vec<Value>>,
) -> Result<Vec<Row>, Problem> {
    let rows = async { sqlite::store().await?.query(sql, parameters).await };
    rows.await.map_err(|error| unavailable(&error))
}

/// The first row of a statement.
pub(crate) async fn first(
    sql: &str,
    parameters: impl Into<Vec<Value>>,
) -> Result<Option<Row>, Problem> {
    let row = async { sqlite::store().await?.first(sql, parameters).await };
    row.await.map_err(|error| unavailable(&error))
}

/// Runs a statement that gives no rows.
pub(crate) async fn execute(sql: &str, parameters: impl Into<Vec<Value>>) -> Result<(), Problem> {
    let done = async { sqlite::store().await?.execute(sql, parameters).await };
    done.await.map_err(|error| unavailable(&error))
}

/// Inserts a row; false where there is one already that it cannot stand beside.
pub(crate) async fn insert(sql: &str, parameters: impl Into<Vec<Value>>) -> Result<bool, Problem> {
    match async { sqlite::store().await?.execute(sql, parameters).await }.await {
        Ok(()) => Ok(true),
        Err(StoreError::Taken(_)) => Ok(false),
        Err(error) => Err(unavailable(&error)),
    }
}

fn unavailable(error: &StoreError) -> Problem {
    // While the database is down, each request fails several times over.
    static SELDOM: Seldom = Seldom::new(Duration::from_secs(1));
    if SELDOM.is_due(Host.now()) {
        log::line(&Host, Level::Error, Event::Store)
            .with("error", error.to_string())
            .write();
    }
    let detail = "the database could not be read: try again";
    Problem::new(Code::StoreUnavailable, detail).retry_after(5)
}
