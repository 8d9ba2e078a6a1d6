//! The database, or saying that it is not there.

use crate::app::App;
use edge::{
    Platform,
    log::{self, Event, Level},
    respond::{Code, Problem},
};
use std::fmt::Display;
use store::old::sqlite::{self, Row, Value};

pub(crate) use store::Store;

impl<P: Platform, S: Store> App<P, S> {
    /// The store could not do what was asked.
    pub(crate) fn unavailable(&self, error: &impl Display) -> Problem {
        if self.lines().store.is_due(self.now()) {
            log::line(self.platform(), Level::Error, Event::Store)
                .with("error", error.to_string())
                .write();
        }
        let detail = "the database could not be read: try again";
        Problem::new(Code::StoreUnavailable, detail).retry_after(5)
    }
}

/// The rows of a statement.
pub(crate) async fn query<P: Platform, S: Store>(
    app: &App<P, S>,
    sql: &str,
    parameters: impl Into<Vec<Value>>,
) -> Result<Vec<Row>, Problem> {
    let rows = async { sqlite::store().await?.query(sql, parameters).await };
    rows.await.map_err(|error| app.unavailable(&error))
}

/// The first row of a statement.
pub(crate) async fn first<P: Platform, S: Store>(
    app: &App<P, S>,
    sql: &str,
    parameters: impl Into<Vec<Value>>,
) -> Result<Option<Row>, Problem> {
    let row = async { sqlite::store().await?.first(sql, parameters).await };
    row.await.map_err(|error| app.unavailable(&error))
}

/// Runs a statement that gives no rows.
pub(crate) async fn execute<P: Platform, S: Store>(
    app: &App<P, S>,
    sql: &str,
    parameters: impl Into<Vec<Value>>,
) -> Result<(), Problem> {
    let done = async { sqlite::store().await?.execute(sql, parameters).await };
    done.await.map_err(|error| app.unavailable(&error))
}
