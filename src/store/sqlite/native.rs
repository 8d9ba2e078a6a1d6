//! SQLite itself, for tests: the same statements without a host, in milliseconds.

use super::{Connect, Connection, Row, Sqlite, Value, connection::failure};
use crate::StoreError;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use smartcar::testing::Fake;
use std::{cell::RefCell, collections::VecDeque, path::PathBuf, rc::Rc};

/// A database in a file that goes with its last copy. Copies are the same database, and
/// each opens connections of its own, as instances do.
#[derive(Clone, Debug)]
pub struct Native(Rc<File>);

#[derive(Debug)]
struct File {
    path: PathBuf,
    /// Goes with this value; none where another one has it.
    _folder: Option<tempfile::TempDir>,
    /// What the next writes fail with; none for one that does not.
    failures: RefCell<VecDeque<Option<StoreError>>>,
}

/// The engine of a test.
pub type NativeStore = Sqlite<Native, Fake>;

impl Native {
    /// An empty database.
    #[allow(clippy::unwrap_used, reason = "only tests open one")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self(Rc::new(File {
            path: folder.path().join("database"),
            _folder: Some(folder),
            failures: RefCell::default(),
        }))
    }

    /// The database in this file, which another one has made: for other threads.
    pub fn at(path: PathBuf) -> Self {
        Self(Rc::new(File {
            path,
            _folder: None,
            failures: RefCell::default(),
        }))
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.0.path.clone()
    }

    /// A store on it, as one instance has it.
    pub fn store(&self, clock: &Fake) -> NativeStore {
        Sqlite::new(self.clone(), clock.clone())
    }

    /// Lets so many writes pass and the next one fail.
    pub fn fail_write(&self, after: usize, error: StoreError) {
        let mut failures = self.0.failures.borrow_mut();
        failures.extend(std::iter::repeat_n(None, after));
        failures.push_back(Some(error));
    }

    /// How many rows there are in a table, or in `a table WHERE a condition`.
    #[allow(clippy::unwrap_used, reason = "only tests count")]
    pub fn count(&self, rows: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {rows}");
        self.raw().query_row(&sql, (), |row| row.get(0)).unwrap()
    }

    /// A connection of SQLite's own: to look at rows, to age them, or to hold the lock.
    #[allow(clippy::unwrap_used, reason = "only tests open one")]
    pub fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(&self.0.path).unwrap()
    }
}

impl Default for Native {
    fn default() -> Self {
        Self::new()
    }
}

/// A connection of a test.
#[derive(Debug)]
pub struct NativeConnection {
    database: Native,
    connection: rusqlite::Connection,
}

impl Connect for Native {
    type Connection = NativeConnection;

    async fn connect(&self) -> Result<NativeConnection, StoreError> {
        let connection =
            rusqlite::Connection::open(&self.0.path).map_err(|error| failure(error.to_string()))?;
        connection.set_prepared_statement_cache_capacity(256);
        // Nothing in a test has to survive a power cut.
        let off = connection.pragma_update(None, "synchronous", "OFF");
        off.map_err(|error| failure(error.to_string()))?;
        Ok(NativeConnection {
            database: self.clone(),
            connection,
        })
    }
}

impl NativeConnection {
    fn run(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        if sql.starts_with("PRAGMA synchronous") {
            return Ok(Vec::new());
        }
        let is_write = ["INSERT", "UPDATE", "DELETE", "WITH"]
            .iter()
            .any(|word| sql.starts_with(word));
        if is_write && let Some(Some(error)) = self.database.0.failures.borrow_mut().pop_front() {
            return Err(error);
        }
        let rows = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let columns = statement.column_count();
            let parameters = rusqlite::params_from_iter(parameters.iter().map(Parameter));
            let mut rows = statement.query(parameters)?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let values = (0..columns).map(|column| Ok(value(row.get(column)?)));
                found.push(Row::new(values.collect::<rusqlite::Result<_>>()?));
            }
            Ok(found)
        };
        rows().map_err(|error: rusqlite::Error| failure(error.to_string()))
    }
}

impl Connection for NativeConnection {
    fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.run(sql, parameters)
    }

    async fn execute(&self, sql: &str, parameters: Vec<Value>) -> Result<(), StoreError> {
        self.run(sql, &parameters).map(drop)
    }
}

struct Parameter<'a>(&'a Value);

impl rusqlite::ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(integer) => ValueRef::Integer(*integer),
            Value::Real(real) => ValueRef::Real(*real),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(owned: Owned) -> Value {
    match owned {
        Owned::Null => Value::Null,
        Owned::Integer(integer) => Value::Integer(integer),
        Owned::Real(real) => Value::Real(real),
        Owned::Text(text) => Value::Text(text),
        Owned::Blob(bytes) => Value::Blob(bytes),
    }
}

#[cfg(test)]
impl crate::contract::Engine for Native {
    type Store = NativeStore;
    type Address = PathBuf;

    fn new() -> Self {
        Self::new()
    }

    fn address(&self) -> PathBuf {
        self.path()
    }

    fn at(path: PathBuf) -> Self {
        Self::at(path)
    }

    fn store(&self, clock: &Fake) -> NativeStore {
        self.store(clock)
    }
}
