//! Key-value stores on one SQLite file, in the table that Spin uses, so that Spin
//! and this host can take over a state directory from each other.

use rusqlite::{OptionalExtension as _, params};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// The error is what a component reads.
type Result<T> = std::result::Result<T, String>;

/// Spin's documented limits.
const MAX_KEY_BYTES: usize = 255;
const MAX_VALUE_BYTES: usize = 1024 * 1024;

/// The file behind every store, opened at the first use.
#[derive(Clone)]
pub(crate) struct Stores {
    file: PathBuf,
    connection: Arc<Mutex<Option<rusqlite::Connection>>>,
}

/// An open store: the resource that a guest holds.
#[derive(Clone)]
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Store {
    name: String,
    stores: Stores,
}

impl Stores {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self {
            file,
            connection: Arc::default(),
        }
    }

    /// Runs SQL on a blocking thread, so that no other guest waits for it.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let stores = self.clone();
        tokio::task::spawn_blocking(move || stores.with(work))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut slot = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let connection = match slot.take() {
            Some(connection) => connection,
            None => self.open()?,
        };
        let result = work(&connection);
        *slot = Some(connection);
        result
    }

    fn open(&self) -> rusqlite::Result<rusqlite::Connection> {
        let connection = rusqlite::Connection::open(&self.file)?;
        connection.execute(
            "CREATE TABLE IF NOT EXISTS spin_key_value (
                store TEXT NOT NULL,
                key   TEXT NOT NULL,
                value BLOB NOT NULL,
                PRIMARY KEY (store, key)
            )",
            [],
        )?;
        Ok(connection)
    }
}

impl Store {
    pub(crate) fn new(name: String, stores: Stores) -> Self {
        Self { name, stores }
    }

    pub(crate) async fn get(self, key: String) -> Result<Option<Vec<u8>>> {
        let Self { name, stores } = self;
        stores
            .run(move |sql| {
                sql.prepare_cached(
                    "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2",
                )?
                .query_row([name, key], |row| row.get(0))
                .optional()
            })
            .await
    }

    pub(crate) async fn set(self, key: String, value: Vec<u8>) -> Result<()> {
        if key.len() > MAX_KEY_BYTES {
            return Err(format!("a key must not exceed {MAX_KEY_BYTES} bytes"));
        }
        if value.len() >= MAX_VALUE_BYTES {
            return Err(format!(
                "a value must be smaller than {MAX_VALUE_BYTES} bytes"
            ));
        }
        let Self { name, stores } = self;
        stores
            .run(move |sql| {
                sql.prepare_cached(
                    "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                     ON CONFLICT (store, key) DO UPDATE SET value = ?3",
                )?
                .execute(params![name, key, value])
                .map(drop)
            })
            .await
    }

    pub(crate) async fn delete(self, key: String) -> Result<()> {
        let Self { name, stores } = self;
        stores
            .run(move |sql| {
                sql.prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                    .execute([name, key])
                    .map(drop)
            })
            .await
    }

    /// Every key; the store stays locked only while they are collected.
    pub(crate) async fn keys(self) -> Result<Vec<String>> {
        let Self { name, stores } = self;
        stores
            .run(move |sql| {
                sql.prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
                    .query_map([name], |row| row.get(0))?
                    .collect()
            })
            .await
    }
}
