//! One SQL statement: its parameters in, its rows out, within Spin's limit on
//! what a host buffers.

use crate::bindings::spin::sqlite::sqlite::{QueryResult, RowResult, Value};
use rusqlite::types::ValueRef;
use tokio::sync::{mpsc, oneshot};

/// Spin's limit for one buffered result, or for one streamed row.
const MAX_BUFFERED_BYTES: usize = 128 << 20;

/// The error is what a component reads.
type Result<T> = std::result::Result<T, String>;

/// Executes a statement and buffers all its rows.
pub(crate) fn collect(
    sql: &rusqlite::Connection,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<QueryResult> {
    let mut statement = sql.prepare_cached(statement).map_err(text)?;
    let columns = column_names(&statement);
    let mut bytes = 0;
    let mut rows = statement
        .query(rusqlite::params_from_iter(
            parameters.into_iter().map(parameter),
        ))
        .map_err(text)?;
    let mut results = Vec::new();
    while let Some(row) = rows.next().map_err(text)? {
        let values = values(row, columns.len())?;
        bytes += size(&values);
        check_size(bytes)?;
        results.push(RowResult { values });
    }
    Ok(QueryResult {
        columns,
        rows: results,
    })
}

/// Executes a statement and sends its rows as they come.
pub(crate) fn stream(
    sql: &rusqlite::Connection,
    statement: &str,
    parameters: Vec<Value>,
    columns: oneshot::Sender<Vec<String>>,
    rows_out: &mpsc::Sender<RowResult>,
) -> Result<()> {
    let mut statement = sql.prepare_cached(statement).map_err(text)?;
    let names = column_names(&statement);
    let count = names.len();
    if columns.send(names).is_err() {
        return Err("column send error".to_owned());
    }
    let mut rows = statement
        .query(rusqlite::params_from_iter(
            parameters.into_iter().map(parameter),
        ))
        .map_err(text)?;
    while let Some(row) = rows.next().map_err(text)? {
        let values = values(row, count)?;
        check_size(size(&values))?;
        if rows_out.blocking_send(RowResult { values }).is_err() {
            return Err("row send error".to_owned());
        }
    }
    Ok(())
}

fn text(error: rusqlite::Error) -> String {
    error.to_string()
}

fn column_names(statement: &rusqlite::Statement<'_>) -> Vec<String> {
    statement.column_names().map(str::to_owned).collect()
}

fn values(row: &rusqlite::Row<'_>, count: usize) -> Result<Vec<Value>> {
    (0..count)
        .map(|column| {
            Ok(match row.get_ref(column).map_err(text)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Integer(number),
                ValueRef::Real(number) => Value::Real(number),
                ValueRef::Text(text) => Value::Text(
                    String::from_utf8(text.to_vec())
                        .map_err(|_| "a text value is not UTF-8".to_owned())?,
                ),
                ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
            })
        })
        .collect()
}

fn parameter(value: Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(number) => rusqlite::types::Value::Integer(number),
        Value::Real(number) => rusqlite::types::Value::Real(number),
        Value::Text(text) => rusqlite::types::Value::Text(text),
        Value::Blob(bytes) => rusqlite::types::Value::Blob(bytes),
    }
}

fn size(values: &[Value]) -> usize {
    values
        .iter()
        .map(|value| {
            size_of::<Value>()
                + match value {
                    Value::Text(text) => text.len(),
                    Value::Blob(bytes) => bytes.len(),
                    Value::Null | Value::Integer(_) | Value::Real(_) => 0,
                }
        })
        .sum()
}

fn check_size(bytes: usize) -> Result<()> {
    if bytes > MAX_BUFFERED_BYTES {
        return Err(format!(
            "query result exceeds limit of {MAX_BUFFERED_BYTES} bytes"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> rusqlite::Connection {
        let sql = rusqlite::Connection::open_in_memory().unwrap();
        sql.execute_batch("CREATE TABLE t (a INTEGER, b REAL, c TEXT, d BLOB)")
            .unwrap();
        sql
    }

    #[test]
    fn value_of_every_type_comes_back_as_it_went_in() {
        let row = || {
            vec![
                Value::Integer(i64::MIN),
                Value::Real(0.5),
                Value::Text("ä".to_owned()),
                Value::Blob(vec![0, 255]),
                Value::Null,
            ]
        };
        let result = collect(&database(), "SELECT ?, ?, ?, ?, ?", row()).unwrap();
        assert_eq!(
            format!("{:?}", result.rows[0].values),
            format!("{:?}", row())
        );
    }

    #[test]
    fn returning_clause_gives_rows() {
        let sql = database();
        let statement = "INSERT INTO t (a) VALUES (1), (2) RETURNING a";
        let result = collect(&sql, statement, Vec::new()).unwrap();
        assert_eq!(result.columns, ["a"]);
        assert_eq!(result.rows.len(), 2);
    }

    #[test]
    fn statement_error_carries_the_text_of_sqlite() {
        let error = collect(&database(), "SELECT * FROM missing", Vec::new()).unwrap_err();
        assert!(error.contains("no such table: missing"), "{error}");
    }
}
