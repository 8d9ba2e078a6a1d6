//! The host's SQLite database.

use super::{Connect, Connection, Row, Value, connection::failure};
use crate::StoreError;
use spin_sdk::sqlite::{Error, wit::sqlite};
use std::fmt;

/// The host's database named `default`.
#[derive(Clone, Copy, Debug)]
pub struct HostDatabase;

/// A connection to a database of the host.
pub struct Spin(sqlite::Connection);

impl fmt::Debug for Spin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spin")
    }
}

impl Connect for HostDatabase {
    type Connection = Spin;

    async fn connect(&self) -> Result<Spin, StoreError> {
        let connection = sqlite::Connection::open_async("default".to_owned()).await;
        connection.map(Spin).map_err(from_host)
    }
}

impl Connection for Spin {
    fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        let result = self.0.execute(sql, parameters).map_err(from_host)?;
        let rows = result.rows.into_iter();
        Ok(rows.map(|row| Row::new(row.values)).collect())
    }

    async fn execute(&self, sql: &str, parameters: Vec<Value>) -> Result<(), StoreError> {
        let execution = self.0.execute_async(sql.to_owned(), parameters).await;
        let (_, _, end) = execution.map_err(from_host)?;
        end.await.map_err(from_host)
    }
}

fn from_host(error: Error) -> StoreError {
    let unavailable = |reason: &str| StoreError::Unavailable(reason.to_owned());
    match error {
        Error::NoSuchDatabase => unavailable("the host has no database named default"),
        Error::AccessDenied => unavailable("spin.toml does not grant this component the database"),
        Error::InvalidConnection => unavailable("the connection is not valid"),
        Error::DatabaseFull => StoreError::Full,
        Error::Io(text) => failure(text),
    }
}
