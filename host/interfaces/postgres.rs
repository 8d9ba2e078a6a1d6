//! `spin:postgres`, on the pools of `postgres.rs`. Of its types it has those that components
//! here use; another one is an error that says so.
#![allow(
    clippy::result_large_err,
    reason = "the error of the interface has all that the server says"
)]

use super::{calls::Calls, stream::Receive};
use crate::{
    bindings::spin::postgres::postgres::{
        Column, DbDataType, DbError, DbValue, Error, Host, HostConnection, HostConnectionBuilder,
        HostConnectionBuilderWithStore, HostConnectionWithStore, ParameterValue, QueryError, Row,
        RowSet,
    },
    guest::{Guest, GuestParts, SharedState},
    postgres::{Connection, ConnectionBuilder, targets},
};
use futures::{StreamExt as _, pin_mut};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::types::{ToSql, Type};
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

impl Host for GuestParts<'_> {}

/// What is needed to open a connection, without the guest's store.
struct Opening {
    shared: Arc<SharedState>,
    component: String,
    is_allowed: Result<(), Error>,
    address: String,
}

impl Opening {
    async fn open(self) -> Result<Connection, Error> {
        self.is_allowed?;
        let pools = &self.shared.postgres;
        let opened = pools.connect(&self.component, &self.address).await;
        opened.map_err(Error::ConnectionFailed)
    }
}

impl GuestParts<'_> {
    fn opening(&self, address: String) -> Opening {
        let is_allowed = targets(&address)
            .map_err(Error::ConnectionFailed)
            .and_then(|targets| {
                let allowed = &self.grants.allowed_hosts;
                let is_allowed =
                    |(host, port): &(String, u16)| allowed.allows("postgres", host, Some(*port));
                match targets.iter().find(|target| !is_allowed(target)) {
                    Some((host, port)) => Err(Error::ConnectionFailed(format!(
                        "address postgres://{host}:{port} is not permitted"
                    ))),
                    None => Ok(()),
                }
            });
        Opening {
            shared: Arc::clone(self.shared),
            component: self.grants.id.clone(),
            is_allowed,
            address,
        }
    }

    fn keep(&mut self, opened: Result<Connection, Error>) -> Result<Resource<Connection>, Error> {
        let pushed = self.table.push(opened?);
        pushed.map_err(|_| Error::ConnectionFailed("too many connections".to_owned()))
    }

    fn address(&self, builder: &Resource<ConnectionBuilder>) -> wasmtime::Result<String> {
        Ok(self.table.get(builder)?.0.clone())
    }
}

impl HostConnectionBuilder for GuestParts<'_> {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<ConnectionBuilder>> {
        Ok(self.table.push(ConnectionBuilder(address))?)
    }

    async fn set_ca_root(
        &mut self,
        _: Resource<ConnectionBuilder>,
        _: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let reason = "this host has no TLS for PostgreSQL".to_owned();
        Ok(Err(Error::Other(reason)))
    }

    async fn build(
        &mut self,
        this: Resource<ConnectionBuilder>,
    ) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        let address = self.address(&this)?;
        let opened = self.opening(address).open().await;
        Ok(self.keep(opened))
    }

    async fn drop(&mut self, this: Resource<ConnectionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostConnection for GuestParts<'_> {
    async fn open(
        &mut self,
        address: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        let opened = self.opening(address).open().await;
        Ok(self.keep(opened))
    }

    async fn query(
        &mut self,
        this: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<RowSet, Error>> {
        let connection = self.table.get(&this)?.clone();
        Ok(collect(&connection, &statement, parameters).await)
    }

    async fn execute(
        &mut self,
        this: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let connection = self.table.get(&this)?.clone();
        Ok(execute(&connection, &statement, parameters).await)
    }

    async fn drop(&mut self, this: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

type Rows = (
    Vec<Column>,
    StreamReader<Row>,
    FutureReader<Result<(), Error>>,
);

async fn open(
    accessor: &Accessor<Guest, Calls>,
    address: String,
) -> Result<Resource<Connection>, Error> {
    let opening = accessor.with(|mut access| access.get().opening(address));
    let opened = opening.open().await;
    accessor.with(|mut access| access.get().keep(opened))
}

fn connection(
    accessor: &Accessor<Guest, Calls>,
    this: &Resource<Connection>,
) -> wasmtime::Result<Connection> {
    accessor.with(|mut access| Ok(access.get().table.get(this)?.clone()))
}

impl HostConnectionBuilderWithStore<Guest> for Calls {
    async fn build_async(
        accessor: &Accessor<Guest, Self>,
        this: Resource<ConnectionBuilder>,
    ) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        let address = accessor.with(|mut access| access.get().address(&this))?;
        Ok(open(accessor, address).await)
    }
}

impl HostConnectionWithStore<Guest> for Calls {
    async fn open_async(
        accessor: &Accessor<Guest, Self>,
        address: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        Ok(open(accessor, address).await)
    }

    async fn execute_async(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let connection = connection(accessor, &this)?;
        Ok(execute(&connection, &statement, parameters).await)
    }

    async fn query_async(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<Rows, Error>> {
        let connection = connection(accessor, &this)?;
        let rows = match query(&connection, &statement, parameters).await {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error)),
        };
        let (named, columns) = oneshot::channel();
        let (sent, received) = mpsc::channel(4);
        let (end, ended) = oneshot::channel();
        tokio::spawn(async move {
            let _ = end.send(stream(rows, named, &sent).await);
            // The connection is the guest's until its last row has come.
            drop(connection);
        });
        // As in Spin, a result without rows has no columns.
        let columns = columns.await.unwrap_or_default();
        accessor.with(|mut access| {
            Ok(Ok((
                columns,
                StreamReader::new(&mut access, Receive::new(received))?,
                FutureReader::new(&mut access, ended)?,
            )))
        })
    }
}

async fn stream(
    rows: tokio_postgres::RowStream,
    columns: oneshot::Sender<Vec<Column>>,
    out: &mpsc::Sender<Row>,
) -> Result<(), Error> {
    let mut columns = Some(columns);
    pin_mut!(rows);
    while let Some(row) = rows.next().await {
        let row = row.map_err(|error| failed(&error))?;
        if let Some(columns) = columns.take() {
            let _ = columns.send(self::columns(&row));
        }
        if out.send(values(&row)?).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

async fn execute(
    connection: &Connection,
    statement: &str,
    parameters: Vec<ParameterValue>,
) -> Result<u64, Error> {
    let parameters = boxed(parameters)?;
    let parameters: Vec<&(dyn ToSql + Sync)> = parameters
        .iter()
        .map(|it| &**it as &(dyn ToSql + Sync))
        .collect();
    // The text, not a statement: as in Spin, it is prepared at each call.
    let executed = connection.0.execute(statement, &parameters).await;
    executed.map_err(|error| failed(&error))
}

async fn query(
    connection: &Connection,
    statement: &str,
    parameters: Vec<ParameterValue>,
) -> Result<tokio_postgres::RowStream, Error> {
    let parameters = boxed(parameters)?;
    let parameters = parameters.iter().map(|it| &**it as &(dyn ToSql + Sync));
    let rows = connection.0.query_raw(statement, parameters).await;
    rows.map_err(|error| failed(&error))
}

async fn collect(
    connection: &Connection,
    statement: &str,
    parameters: Vec<ParameterValue>,
) -> Result<RowSet, Error> {
    let rows = query(connection, statement, parameters).await?;
    pin_mut!(rows);
    let mut set = RowSet {
        columns: Vec::new(),
        rows: Vec::new(),
    };
    while let Some(row) = rows.next().await {
        let row = row.map_err(|error| failed(&error))?;
        if set.rows.is_empty() {
            set.columns = columns(&row);
        }
        set.rows.push(values(&row)?);
    }
    Ok(set)
}

fn boxed(parameters: Vec<ParameterValue>) -> Result<Vec<Box<dyn ToSql + Send + Sync>>, Error> {
    let boxed = |value| -> Result<Box<dyn ToSql + Send + Sync>, Error> {
        Ok(match value {
            ParameterValue::Boolean(value) => Box::new(value),
            ParameterValue::Int16(value) => Box::new(value),
            ParameterValue::Int32(value) => Box::new(value),
            ParameterValue::Int64(value) => Box::new(value),
            ParameterValue::Floating64(value) => Box::new(value),
            ParameterValue::Str(value) => Box::new(value),
            ParameterValue::Binary(value) => Box::new(value),
            ParameterValue::ArrayInt32(value) => Box::new(value),
            ParameterValue::ArrayInt64(value) => Box::new(value),
            ParameterValue::ArrayStr(value) => Box::new(value),
            ParameterValue::DbNull => Box::new(Null),
            other => {
                let reason = format!("this host supports no parameter {other:?}");
                return Err(Error::ValueConversionFailed(reason));
            }
        })
    };
    parameters.into_iter().map(boxed).collect()
}

/// NULL of any type.
#[derive(Debug)]
struct Null;

impl ToSql for Null {
    fn to_sql(
        &self,
        _: &Type,
        _: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(tokio_postgres::types::IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

fn columns(row: &tokio_postgres::Row) -> Vec<Column> {
    let column = |column: &tokio_postgres::Column| Column {
        name: column.name().to_owned(),
        data_type: match *column.type_() {
            Type::BOOL => DbDataType::Boolean,
            Type::INT2 => DbDataType::Int16,
            Type::INT4 => DbDataType::Int32,
            Type::INT8 => DbDataType::Int64,
            Type::FLOAT8 => DbDataType::Floating64,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
            Type::BYTEA => DbDataType::Binary,
            Type::INT4_ARRAY => DbDataType::ArrayInt32,
            Type::INT8_ARRAY => DbDataType::ArrayInt64,
            Type::TEXT_ARRAY => DbDataType::ArrayStr,
            ref other => DbDataType::Other(other.name().to_owned()),
        },
    };
    row.columns().iter().map(column).collect()
}

fn values(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let value = |place: usize| {
        macro_rules! get {
            ($variant:ident) => {
                row.try_get(place)
                    .map(|value: Option<_>| value.map_or(DbValue::DbNull, DbValue::$variant))
            };
        }
        let ty = row.columns().get(place).map(tokio_postgres::Column::type_);
        let value = match ty {
            Some(&Type::BOOL) => get!(Boolean),
            Some(&Type::INT2) => get!(Int16),
            Some(&Type::INT4) => get!(Int32),
            Some(&Type::INT8) => get!(Int64),
            Some(&Type::FLOAT8) => get!(Floating64),
            Some(&Type::TEXT | &Type::VARCHAR | &Type::BPCHAR) => get!(Str),
            Some(&Type::BYTEA) => get!(Binary),
            Some(&Type::INT4_ARRAY) => get!(ArrayInt32),
            Some(&Type::INT8_ARRAY) => get!(ArrayInt64),
            Some(&Type::TEXT_ARRAY) => get!(ArrayStr),
            // What a function returns that returns nothing.
            _ => Ok(DbValue::Unsupported(Vec::new())),
        };
        value.map_err(|error| Error::QueryFailed(QueryError::Text(format!("{error:?}"))))
    };
    (0..row.len()).map(value).collect()
}

fn failed(error: &tokio_postgres::Error) -> Error {
    let as_text = format!("{error:?}");
    Error::QueryFailed(match error.as_db_error() {
        None => QueryError::Text(as_text),
        Some(error) => QueryError::DbError(DbError {
            as_text,
            severity: error.severity().to_owned(),
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(ToOwned::to_owned),
            extras: Vec::new(),
        }),
    })
}
