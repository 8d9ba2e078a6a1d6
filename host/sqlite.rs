//! `spin:sqlite`: each guest connection is a SQLite connection of its own, used
//! on blocking threads, so that no guest waits for another one's statement.

use crate::bindings::spin::sqlite::sqlite::{
    Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value,
};
use crate::guest::{Guest, GuestParts};
use crate::sqlite_statement::{collect, stream};
use crate::stream::Receive;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::{Accessor, FutureReader, HasData, Resource, StreamReader};

/// The resource that a guest holds. The file is opened at the first statement.
#[derive(Clone)]
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Connection {
    file: PathBuf,
    slot: Arc<Mutex<Option<rusqlite::Connection>>>,
}

impl Connection {
    fn new(file: PathBuf) -> Self {
        Self {
            file,
            slot: Arc::default(),
        }
    }

    /// Runs SQL on a blocking thread.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        tokio::task::spawn_blocking(move || self.with(work))
            .await
            .map_err(|error| Error::Io(error.to_string()))?
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match slot.take() {
            Some(connection) => connection,
            None => self.open().map_err(io)?,
        };
        let result = work(&connection);
        *slot = Some(connection);
        result
    }

    fn open(&self) -> rusqlite::Result<rusqlite::Connection> {
        let mut connection = rusqlite::Connection::open(&self.file)?;
        // A guest must not reach files beside its database.
        connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
            AuthAction::Attach { filename } if !matches!(filename, "" | ":memory:") => {
                Authorization::Deny
            }
            _ => Authorization::Allow,
        }))?;
        Ok(connection)
    }
}

pub(crate) fn io(error: rusqlite::Error) -> Error {
    Error::Io(error.to_string())
}

/// Where a component's `spin:sqlite` calls arrive.
pub(crate) struct ComponentSqlite;

impl HasData for ComponentSqlite {
    type Data<'a> = GuestParts<'a>;
}

impl Host for GuestParts<'_> {}

impl GuestParts<'_> {
    fn open_database(&mut self, database: &str) -> Result<Resource<Connection>, Error> {
        if !self.grants.sqlite_databases.contains(database) {
            return Err(Error::AccessDenied);
        }
        self.table
            .push(Connection::new(self.shared.sqlite_file.clone()))
            .map_err(|_| Error::Io("too many connections opened".to_owned()))
    }

    fn connection(&mut self, this: &Resource<Connection>) -> wasmtime::Result<Connection> {
        Ok(self.table.get(this)?.clone())
    }
}

impl HostConnection for GuestParts<'_> {
    async fn open(
        &mut self,
        database: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        Ok(self.open_database(&database))
    }

    async fn execute(
        &mut self,
        this: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<QueryResult, Error>> {
        let connection = self.connection(&this)?;
        Ok(connection
            .run(move |sql| collect(sql, &statement, parameters))
            .await)
    }

    async fn last_insert_rowid(&mut self, this: Resource<Connection>) -> wasmtime::Result<i64> {
        let connection = self.connection(&this)?;
        Ok(connection.run(|sql| Ok(sql.last_insert_rowid())).await?)
    }

    async fn changes(&mut self, this: Resource<Connection>) -> wasmtime::Result<u64> {
        let connection = self.connection(&this)?;
        Ok(connection.run(|sql| Ok(sql.changes())).await?)
    }

    async fn drop(&mut self, this: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

type Rows = (
    Vec<String>,
    StreamReader<RowResult>,
    FutureReader<Result<(), Error>>,
);

fn connection(
    accessor: &Accessor<Guest, ComponentSqlite>,
    this: &Resource<Connection>,
) -> wasmtime::Result<Connection> {
    accessor.with(|mut access| access.get().connection(this))
}

impl HostConnectionWithStore<Guest> for ComponentSqlite {
    async fn open_async(
        accessor: &Accessor<Guest, Self>,
        database: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        Ok(accessor.with(|mut access| access.get().open_database(&database)))
    }

    async fn execute_async(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<Rows, Error>> {
        let connection = connection(accessor, &this)?;
        let (columns, named) = oneshot::channel();
        let (rows, received) = mpsc::channel(4);
        let (end, ended) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let result = connection.with(|sql| stream(sql, &statement, parameters, columns, &rows));
            // The stream ends before the guest learns how: a guest may wait for
            // either first. It may also have dropped both.
            drop(rows);
            let _ = end.send(result);
        });
        // Without columns the statement failed, which `ended` tells.
        let columns = named.await.unwrap_or_default();
        accessor.with(|mut access| {
            Ok(Ok((
                columns,
                StreamReader::new(&mut access, Receive::new(received))?,
                FutureReader::new(&mut access, ended)?,
            )))
        })
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let connection = connection(accessor, &this)?;
        Ok(connection.run(|sql| Ok(sql.last_insert_rowid())).await?)
    }

    async fn changes_async(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        let connection = connection(accessor, &this)?;
        Ok(connection.run(|sql| Ok(sql.changes())).await?)
    }
}
