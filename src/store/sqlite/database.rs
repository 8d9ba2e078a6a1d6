//! The database of a component: one connection, opened by the first call, and statements
//! that wait for their turn to write.

use super::{
    connection::{self, Connect, Connection, Row, Value},
    schema,
};
use crate::StoreError;
use edge::{OnceCell, Platform};
use smartcar::Timestamp;

/// A SQLite database, opened by the first call.
#[derive(Debug)]
pub struct Sqlite<C: Connect, P> {
    connect: C,
    platform: P,
    connection: OnceCell<C::Connection>,
}

impl<C: Connect, P: Platform> Sqlite<C, P> {
    /// The database that `connect` opens. Whoever waits for other connections to finish
    /// writing does so by `platform`.
    pub const fn new(connect: C, platform: P) -> Self {
        Self {
            connect,
            platform,
            connection: OnceCell::new(),
        }
    }

    /// The connection, with the schema of this version.
    pub(super) async fn connection(&self) -> Result<&C::Connection, StoreError> {
        self.connection
            .get_or_try_init(&self.platform, async || {
                let connection = self.connect.connect().await?;
                schema::apply(&connection, &self.platform).await?;
                Ok(connection)
            })
            .await
    }

    /// Runs one statement and returns its rows. Where another connection is writing,
    /// tries again until it has finished.
    pub(super) fn query(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> {
        self.run(sql, parameters.into())
    }

    /// Runs one statement and returns its first row.
    pub(super) fn first(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> impl Future<Output = Result<Option<Row>, StoreError>> {
        self.run_for_one(sql, parameters.into())
    }

    /// Whether a question of one column is answered by 1.
    pub(super) fn is(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> impl Future<Output = Result<bool, StoreError>> {
        self.run_for_truth(sql, parameters.into())
    }

    /// Runs one statement that returns no rows. Where another connection is writing,
    /// tries again until it has finished.
    pub(super) fn execute(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> impl Future<Output = Result<(), StoreError>> {
        self.run_for_none(sql, parameters.into())
    }

    // One code for any number of parameters: components are to be small.

    async fn run(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let connection = self.connection().await?;
        connection::patiently(&self.platform, async || connection.query(sql, &parameters)).await
    }

    async fn run_for_one(
        &self,
        sql: &str,
        parameters: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        let rows = self.run(sql, parameters).await?;
        Ok(rows.into_iter().next())
    }

    async fn run_for_truth(&self, sql: &str, parameters: Vec<Value>) -> Result<bool, StoreError> {
        let row = self.run_for_one(sql, parameters).await?;
        Ok(row.is_some_and(|row| row.is(0)))
    }

    async fn run_for_none(&self, sql: &str, parameters: Vec<Value>) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        let attempt = async || connection.execute(sql, parameters.clone()).await;
        connection::patiently(&self.platform, attempt).await
    }
}

impl<C: Connect, P: Platform> Sqlite<C, P> {
    /// Forgets up to so many rows from before then by the second statement, if the first
    /// one, which waits for no write, finds any. Whether it does.
    pub(super) async fn forget(
        &self,
        [has, forget]: [&str; 2],
        before: Timestamp,
        most: i64,
    ) -> Result<bool, StoreError> {
        if !self.is(has, [Value::from(before.0)]).await? {
            return Ok(false);
        }
        let parameters = [Value::from(before.0), Value::from(most)];
        self.execute(forget, parameters).await?;
        Ok(true)
    }
}

/// Texts as one parameter: a JSON array.
pub(super) fn names(texts: &[impl AsRef<str>]) -> String {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    // Serialising text into memory does not fail.
    serde_json::to_string(&texts).unwrap_or_default()
}

impl<C: Connect, P: Platform> crate::Schema for Sqlite<C, P> {
    const VERSION: i64 = schema::VERSION;

    async fn open(&self) -> Result<(), StoreError> {
        self.connection().await.map(drop)
    }
}
