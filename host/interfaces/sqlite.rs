//! `spin:sqlite`, on the connections of `sqlite.rs`.

use super::{
    calls::Calls,
    statement::{collect, stream},
    stream::Receive,
};
use crate::{
    bindings::spin::sqlite::sqlite::{
        Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value,
    },
    guest::{Guest, GuestParts},
    sqlite::Connection,
};
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

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
        let result = connection.run(move |sql| collect(sql, &statement, parameters));
        Ok(result.await.map_err(Error::Io))
    }

    async fn last_insert_rowid(&mut self, this: Resource<Connection>) -> wasmtime::Result<i64> {
        let connection = self.connection(&this)?;
        let result = connection.run(|sql| Ok(sql.last_insert_rowid())).await;
        result.map_err(wasmtime::Error::msg)
    }

    async fn changes(&mut self, this: Resource<Connection>) -> wasmtime::Result<u64> {
        let connection = self.connection(&this)?;
        let result = connection.run(|sql| Ok(sql.changes())).await;
        result.map_err(wasmtime::Error::msg)
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
    accessor: &Accessor<Guest, Calls>,
    this: &Resource<Connection>,
) -> wasmtime::Result<Connection> {
    accessor.with(|mut access| access.get().connection(this))
}

impl HostConnectionWithStore<Guest> for Calls {
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
            let _ = end.send(result.map_err(Error::Io));
        });
        // Without columns the statement failed, as `ended` says.
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
        let result = connection.run(|sql| Ok(sql.last_insert_rowid())).await;
        result.map_err(wasmtime::Error::msg)
    }

    async fn changes_async(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        let connection = connection(accessor, &this)?;
        let result = connection.run(|sql| Ok(sql.changes())).await;
        result.map_err(wasmtime::Error::msg)
    }
}
