//! The host's PostgreSQL client.

use super::{
    Connect, Connection,
    connection::{Failure, Row, Value},
};
use edge::{Host, variables};
use secrecy::ExposeSecret as _;
use spin_sdk::pg::wit::postgres::{self, DbValue, Error, ParameterValue, QueryError};
use std::fmt;

/// The database that the variable `database_url` names.
#[derive(Clone, Copy, Debug)]
pub struct HostDatabase;

/// A connection to a database, by the host.
pub struct Spin(postgres::Connection);

impl fmt::Debug for Spin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spin")
    }
}

impl Connect for HostDatabase {
    type Connection = Spin;

    async fn connect(&self) -> Result<Spin, Failure> {
        let url = variables::secret(&Host, "database_url")
            .await
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
        let url = url.expose_secret();
        if url.is_empty() {
            let text = "the variable database_url is not set";
            return Err(Failure::Unreachable(text.to_owned()));
        }
        let connection = postgres::Connection::open_async(url.to_owned()).await;
        connection
            .map(Spin)
            .map_err(|error| Failure::Unreachable(without(url, text(error))))
    }
}

/// What the host says about an address, without the address and its password.
fn without(url: &str, text: String) -> String {
    let password = url
        .split_once("://")
        .and_then(|(_, rest)| rest.rsplit_once('@'))
        .and_then(|(user, _)| user.split_once(':'))
        .map_or("", |(_, password)| password);
    let text = text.replace(url, "database_url");
    if password.is_empty() {
        return text;
    }
    text.replace(password, "…")
}

impl Connection for Spin {
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, Failure> {
        let parameters = parameters.into_iter().map(parameter).collect();
        let query = self.0.query_async(sql.to_owned(), parameters).await;
        let (_, mut stream, end) = query.map_err(failure)?;
        let mut rows = Vec::new();
        while let Some(row) = stream.next().await {
            rows.push(Row::new(row.into_iter().map(value).collect()));
        }
        end.await.map_err(failure)?;
        Ok(rows)
    }

    async fn execute(&self, sql: &str, parameters: Vec<Value>) -> Result<u64, Failure> {
        let parameters = parameters.into_iter().map(parameter).collect();
        let executed = self.0.execute_async(sql.to_owned(), parameters).await;
        executed.map_err(failure)
    }
}

fn parameter(value: Value) -> ParameterValue {
    match value {
        Value::Null => ParameterValue::DbNull,
        Value::Boolean(boolean) => ParameterValue::Boolean(boolean),
        Value::Integer(integer) => ParameterValue::Int64(integer),
        Value::Text(text) => ParameterValue::Str(text),
        Value::Bytes(bytes) => ParameterValue::Binary(bytes),
        Value::Integers(integers) => ParameterValue::ArrayInt64(integers),
        Value::Texts(texts) => ParameterValue::ArrayStr(texts),
    }
}

fn value(value: DbValue) -> Value {
    match value {
        DbValue::Boolean(boolean) => Value::Boolean(boolean),
        DbValue::Int64(integer) => Value::Integer(integer),
        DbValue::Str(text) => Value::Text(text),
        DbValue::Binary(bytes) => Value::Bytes(bytes),
        DbValue::ArrayInt64(integers) => Value::Integers(integers),
        DbValue::ArrayStr(texts) => Value::Texts(texts),
        // The engine's statements return no other type.
        _ => Value::Null,
    }
}

fn text(error: Error) -> String {
    match error {
        Error::ConnectionFailed(text)
        | Error::BadParameter(text)
        | Error::ValueConversionFailed(text)
        | Error::Other(text)
        | Error::QueryFailed(QueryError::Text(text)) => text,
        Error::QueryFailed(QueryError::DbError(error)) => error.message,
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::QueryFailed(QueryError::DbError(error)) => Failure::Refused {
            code: error.code,
            text: error.message,
        },
        // What is no error of the database ended the connection, or is one that it ended.
        Error::ConnectionFailed(text) | Error::QueryFailed(QueryError::Text(text)) => {
            Failure::Disconnected(text)
        }
        other => Failure::Other(text(other)),
    }
}
