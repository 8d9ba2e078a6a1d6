//! One way to ask either engine.

use std::cell::RefCell;

/// A connection to the database of an application.
pub(super) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(RefCell<postgres::Client>),
}

/// A row of either engine.
pub(super) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a postgres::Row),
}

/// What both engines take for a parameter.
pub(super) trait Parameter: rusqlite::ToSql + postgres::types::ToSql + Sync {}

impl<T: rusqlite::ToSql + postgres::types::ToSql + Sync> Parameter for T {}

/// What both engines return.
pub(super) trait Column:
    rusqlite::types::FromSql + for<'a> postgres::types::FromSql<'a>
{
}

impl<T: rusqlite::types::FromSql + for<'a> postgres::types::FromSql<'a>> Column for T {}

impl Row<'_> {
    /// The value in a column.
    pub(super) fn get<T: Column>(&self, column: usize) -> T {
        match self {
            Self::Sqlite(row) => row.get(column).unwrap(),
            Self::Postgres(row) => row.get(column),
        }
    }
}

impl Connection {
    /// Runs a statement; its parameters are `?1`, `?2` …
    pub(super) fn execute(&self, sql: &str, parameters: &[&dyn Parameter]) {
        match self {
            Self::Sqlite(connection) => {
                let parameters = parameters.iter().map(|it| *it as &dyn rusqlite::ToSql);
                let done = connection.execute(sql, rusqlite::params_from_iter(parameters));
                done.unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
            Self::Postgres(client) => {
                let parameters = as_postgres(parameters);
                let done = client.borrow_mut().execute(&numbered(sql), &parameters);
                done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            }
        }
    }

    /// Runs statements without parameters.
    pub(super) fn batch(&self, sql: &str) {
        self.try_batch(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs statements without parameters, which may fail.
    pub(super) fn try_batch(&self, sql: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(connection) => connection
                .execute_batch(sql)
                .map_err(|error| error.to_string()),
            Self::Postgres(client) => client
                .borrow_mut()
                .batch_execute(sql)
                .map_err(|error| format!("{error:?}")),
        }
    }

    /// The rows of a query; an error where a table is missing, for example.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        parameters: &[&dyn Parameter],
        mut read: impl FnMut(Row<'_>) -> T,
    ) -> Result<Vec<T>, String> {
        match self {
            Self::Sqlite(connection) => {
                let mut rows = || {
                    let parameters = parameters.iter().map(|it| *it as &dyn rusqlite::ToSql);
                    let mut statement = connection.prepare(sql)?;
                    let rows = statement
                        .query_map(rusqlite::params_from_iter(parameters), |row| {
                            Ok(read(Row::Sqlite(row)))
                        })?;
                    rows.collect::<rusqlite::Result<Vec<T>>>()
                };
                rows().map_err(|error: rusqlite::Error| format!("{sql}: {error}"))
            }
            Self::Postgres(client) => {
                let rows = client
                    .borrow_mut()
                    .query(&numbered(sql), &as_postgres(parameters))
                    .map_err(|error| format!("{sql}: {error:?}"))?;
                Ok(rows.iter().map(|row| read(Row::Postgres(row))).collect())
            }
        }
    }
}

fn as_postgres<'a>(
    parameters: &[&'a dyn Parameter],
) -> Vec<&'a (dyn postgres::types::ToSql + Sync)> {
    parameters
        .iter()
        .map(|parameter| *parameter as &(dyn postgres::types::ToSql + Sync))
        .collect()
}

/// The statement as PostgreSQL numbers parameters.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}
