//! What the application keeps, read and changed behind its back.
//!
//! The SQL of all tests stands here. A method says what a test means ("a day has passed
//! since every action"), so that another engine can mean the same by other words.

mod actions;
mod arrivals;
mod connection;
mod deliveries;
mod examinations;
mod faults;
mod outbox;
mod vehicles;
mod versions;

pub use actions::Action;
pub use arrivals::Arrival;
pub use deliveries::Delivery;
pub use faults::Lock;
pub use outbox::OutboxEvent;
pub use vehicles::Signal;

use connection::{Column, Connection, Parameter, Row};
use std::{
    cell::RefCell,
    env,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// The engine on which the application of the tests keeps what it stores: the one that
/// `EDGE_STORE` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The host's SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Engine {
    /// The one that is chosen.
    ///
    /// # Panics
    /// `EDGE_STORE` names another one.
    pub fn chosen() -> Self {
        match env::var("EDGE_STORE").as_deref() {
            Ok("postgres") => Self::Postgres,
            Ok("sqlite" | "") | Err(_) => Self::Sqlite,
            Ok(other) => panic!("EDGE_STORE is '{other}'; it must be sqlite, postgres, or empty"),
        }
    }

    /// Whether it is SQLite: for what only its files have.
    pub fn is_sqlite() -> bool {
        Self::chosen() == Self::Sqlite
    }
}

/// The application's database, as an operator would open it.
pub struct Database {
    connection: Connection,
}

impl Database {
    /// Opens the SQLite database in a file; an empty one where there is no such file.
    pub fn open(file: &Path) -> Self {
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.busy_timeout(Duration::from_secs(60)).unwrap();
        Self {
            connection: Connection::Sqlite(connection),
        }
    }

    /// Opens the PostgreSQL database with this URL.
    pub fn at(url: &str) -> Self {
        let client = postgres::Client::connect(url, postgres::NoTls).unwrap();
        Self {
            connection: Connection::Postgres(RefCell::new(client)),
        }
    }

    fn is_sqlite(&self) -> bool {
        matches!(self.connection, Connection::Sqlite(_))
    }

    /// Copies it into a new file, as OPERATING.md says.
    pub fn back_up_to(&self, file: &Path) {
        self.change("VACUUM INTO ?1", &[&file.to_str().unwrap()]);
    }

    /// Moves what was written to the log into the database itself.
    pub fn checkpoint(&self) {
        self.one("PRAGMA wal_checkpoint(TRUNCATE)", &[], |_| ());
    }

    /// What is wrong with the file; none where it is whole.
    pub fn damage(&self) -> Option<String> {
        let said: String = self.one("PRAGMA integrity_check", &[], |row| row.get(0));
        (said != "ok").then_some(said)
    }

    fn change(&self, sql: &str, parameters: &[&dyn Parameter]) {
        self.connection.execute(sql, parameters);
    }

    fn count(&self, sql: &str) -> i64 {
        self.one(sql, &[], |row| row.get(0))
    }

    fn one<T>(
        &self,
        sql: &str,
        parameters: &[&dyn Parameter],
        read: impl FnMut(Row<'_>) -> T,
    ) -> T {
        let rows = self.connection.rows(sql, parameters, read);
        let rows = rows.unwrap_or_else(|error| panic!("{error}"));
        rows.into_iter()
            .next()
            .unwrap_or_else(|| panic!("{sql}: no row"))
    }

    /// The first column of the first row, if there is one.
    fn found<T: Column>(&self, sql: &str, parameters: &[&dyn Parameter]) -> Option<T> {
        let rows = self.connection.rows(sql, parameters, |row| row.get(0));
        rows.unwrap_or_else(|error| panic!("{error}"))
            .into_iter()
            .next()
    }

    fn all<T>(&self, sql: &str, read: impl FnMut(Row<'_>) -> T) -> Vec<T> {
        let rows = self.connection.rows(sql, &[], read);
        rows.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A duration as the database counts it.
fn millis(of: Duration) -> i64 {
    i64::try_from(of.as_millis()).unwrap()
}

/// The variables that name a PostgreSQL database to an application.
pub fn variables(url: &str) -> [(&'static str, String); 2] {
    let host = url.split_once('@').map_or(url, |(_, host)| host);
    let host = host.split('/').next().unwrap_or(host);
    [
        ("DATABASE_URL", url.to_owned()),
        ("DATABASE_HOST", host.to_owned()),
    ]
}

/// An empty database in the server that the tests of this process share: its URL.
pub(crate) fn new_postgres() -> String {
    let server = postgresql::shared();
    new_database(server.expect("PostgreSQL is not installed (EDGE_STORE=postgres)"))
}

/// An empty database in a server, for an application that is to start: its URL. It is left
/// to the server.
pub fn new_database(server: &postgresql::Server) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("app_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let admin = Database::at(&server.url("postgres"));
    admin.connection.batch(&format!("CREATE DATABASE {name}"));
    server.url(&name)
}
