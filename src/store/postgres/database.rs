//! The database of a component: one connection, opened by the first call and again where it
//! broke.

use super::{
    connection::{Connect, Connection, Failure, Row, Value},
    schema,
};
use crate::{Schema, StoreError, patience::patiently};
use edge::Platform;
use futures::future::{Either, select};
use smartcar::AsyncMutex;
use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a statement may take, and opening a connection, which can wait for one of the
/// host's pool. Smartcar waits 15 s for the answer to a delivery. The server is not asked
/// to stop: no host has a way to do so.
const DEADLINE: Duration = Duration::from_secs(10);

/// A PostgreSQL database, opened by the first call.
#[derive(Debug)]
pub struct Postgres<C: Connect, P> {
    connect: C,
    platform: P,
    current: Mutex<Current<C::Connection>>,
    /// Taken by the request that opens the connection.
    turn: AsyncMutex,
}

#[derive(Debug)]
struct Current<T> {
    connection: Option<Arc<T>>,
    /// Whether the schema is known to be that of this version.
    is_checked: bool,
}

impl<C: Connect, P: Platform> Postgres<C, P> {
    /// The database that `connect` opens. What others are in the way of waits by
    /// `platform`.
    pub const fn new(connect: C, platform: P) -> Self {
        Self {
            connect,
            platform,
            current: Mutex::new(Current {
                connection: None,
                is_checked: false,
            }),
            turn: AsyncMutex::new(),
        }
    }

    fn current(&self) -> MutexGuard<'_, Current<C::Connection>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) -> Option<Arc<C::Connection>> {
        self.current().connection.clone()
    }

    /// The connection, with the schema of this version.
    async fn connection(&self) -> Result<Arc<C::Connection>, Failure> {
        if let Some(connection) = self.opened() {
            return Ok(connection);
        }
        let _turn = self.turn.take(&self.platform).await;
        if let Some(connection) = self.opened() {
            return Ok(connection);
        }
        let connection = self.in_time(self.connect.connect()).await?;
        let connection = Arc::new(connection);
        if !self.current().is_checked {
            schema::apply(&*connection).await?;
        }
        let mut current = self.current();
        current.is_checked = true;
        current.connection = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Has the next call open another connection.
    fn drop_connection(&self, broken: &Arc<C::Connection>) {
        let mut current = self.current();
        let is_current = |connection: &Arc<C::Connection>| Arc::ptr_eq(connection, broken);
        if current.connection.as_ref().is_some_and(is_current) {
            current.connection = None;
        }
    }

    /// Runs a statement once.
    async fn attempt<T>(
        &self,
        run: impl AsyncFnOnce(&C::Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let connection = self.connection().await?;
        let done = self.in_time(run(&connection)).await;
        if let Err(failure) = &done
            && failure.is_end_of_connection()
        {
            self.drop_connection(&connection);
        }
        done
    }

    /// What comes of `work`, if it ends in time.
    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match select(pin!(work), pin!(self.platform.sleep(DEADLINE))).await {
            Either::Left((done, _)) => done,
            Either::Right(((), _)) => Err(Failure::Late),
        }
    }

    /// Runs a statement. Where others were in the way, and where the connection broke, it
    /// is run again, for up to [`StoreError::PATIENCE`]. Every statement can be repeated; of
    /// one whose answer was lost a tally, a call or a sink's failure counts twice.
    async fn patiently<T>(
        &self,
        run: impl AsyncFn(&C::Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let done = patiently(&self.platform, may_pass, async || self.attempt(&run).await);
        done.await.map_err(StoreError::from)
    }

    /// Runs one statement and returns its rows.
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

    /// Whether a question of one column is answered by true.
    pub(super) fn is(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> impl Future<Output = Result<bool, StoreError>> {
        self.run_for_truth(sql, parameters.into())
    }

    /// Runs one statement and returns how many rows it wrote.
    pub(super) fn execute(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> impl Future<Output = Result<u64, StoreError>> {
        self.run_for_count(sql, parameters.into())
    }

    // One code for any number of parameters: components are to be small.

    async fn run(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.patiently(async |connection: &C::Connection| {
            connection.query(sql, parameters.clone()).await
        })
        .await
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

    async fn run_for_count(&self, sql: &str, parameters: Vec<Value>) -> Result<u64, StoreError> {
        self.patiently(async |connection: &C::Connection| {
            connection.execute(sql, parameters.clone()).await
        })
        .await
    }

    /// Runs one statement that can be repeated, but not by this: it fails as
    /// [`StoreError::Busy`] at once where others were in the way or the connection broke.
    pub(super) async fn execute_once(
        &self,
        sql: &str,
        parameters: Vec<Value>,
    ) -> Result<(), StoreError> {
        let done = self
            .attempt(async |connection: &C::Connection| connection.execute(sql, parameters).await)
            .await;
        match done {
            Err(failure) if may_pass(&failure) => Err(StoreError::Busy),
            result => result.map(drop).map_err(StoreError::from),
        }
    }
}

/// Whether the same statement may succeed at once, perhaps on another connection.
fn may_pass(failure: &Failure) -> bool {
    failure.is_conflict() || (failure.is_end_of_connection() && *failure != Failure::Late)
}

impl<C: Connect, P: Platform> Schema for Postgres<C, P> {
    const VERSION: i64 = schema::VERSION;

    async fn open(&self) -> Result<(), StoreError> {
        self.patiently(async |_: &C::Connection| Ok(())).await
    }
}
