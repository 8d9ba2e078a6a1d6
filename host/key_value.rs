//! `spin:key-value` on one SQLite file, in the table that Spin uses, so that a
//! state directory can be handed from one to the other.

use crate::bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore};
use crate::guest::{Guest, GuestParts};
use crate::stream::Receive;
use rusqlite::{OptionalExtension as _, params};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::{Accessor, FutureReader, HasData, Resource, StreamReader};

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
    ) -> Result<T, Error> {
        let stores = self.clone();
        tokio::task::spawn_blocking(move || stores.with(work))
            .await
            .map_err(|error| Error::Other(error.to_string()))?
            .map_err(|error| Error::Other(error.to_string()))
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
    async fn get(self, key: String) -> Result<Option<Vec<u8>>, Error> {
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

    async fn set(self, key: String, value: Vec<u8>) -> Result<(), Error> {
        if key.len() > MAX_KEY_BYTES {
            return Err(Error::Other(format!(
                "a key must not exceed {MAX_KEY_BYTES} bytes"
            )));
        }
        if value.len() >= MAX_VALUE_BYTES {
            return Err(Error::Other(format!(
                "a value must be smaller than {MAX_VALUE_BYTES} bytes"
            )));
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

    async fn delete(self, key: String) -> Result<(), Error> {
        let Self { name, stores } = self;
        stores
            .run(move |sql| {
                sql.prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                    .execute([name, key])
                    .map(drop)
            })
            .await
    }

    /// Sends every key; the store stays locked only while they are collected.
    fn stream_keys(self, keys: mpsc::Sender<String>, end: oneshot::Sender<Result<(), Error>>) {
        tokio::spawn(async move {
            let Self { name, stores } = self;
            let all = stores
                .run(move |sql| {
                    sql.prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
                        .query_map([name], |row| row.get(0))?
                        .collect::<rusqlite::Result<Vec<String>>>()
                })
                .await;
            let result = match all {
                Err(error) => Err(error),
                Ok(all) => {
                    for key in all {
                        // The guest may stop reading at any time.
                        if keys.send(key).await.is_err() {
                            break;
                        }
                    }
                    Ok(())
                }
            };
            // The guest may have dropped the future as well.
            let _ = end.send(result);
        });
    }
}

/// Where a component's `spin:key-value` calls arrive.
pub(crate) struct ComponentKeyValue;

impl HasData for ComponentKeyValue {
    type Data<'a> = GuestParts<'a>;
}

impl Host for GuestParts<'_> {}

impl HostStore for GuestParts<'_> {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

type Keys = (StreamReader<String>, FutureReader<Result<(), Error>>);

fn store(
    accessor: &Accessor<Guest, ComponentKeyValue>,
    store: &Resource<Store>,
) -> wasmtime::Result<Store> {
    accessor.with(|mut access| Ok(access.get().table.get(store)?.clone()))
}

impl HostStoreWithStore<Guest> for ComponentKeyValue {
    async fn open(
        accessor: &Accessor<Guest, Self>,
        label: String,
    ) -> wasmtime::Result<Result<Resource<Store>, Error>> {
        accessor.with(|mut access| {
            let parts = access.get();
            if !parts.grants.key_value_stores.contains(&label) {
                return Ok(Err(Error::AccessDenied));
            }
            let store = Store {
                name: label,
                stores: parts.shared.key_value.clone(),
            };
            Ok(parts.table.push(store).map_err(|_| Error::StoreTableFull))
        })
    }

    async fn get(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(store(accessor, &this)?.get(key).await)
    }

    async fn set(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(store(accessor, &this)?.set(key, value).await)
    }

    async fn delete(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(store(accessor, &this)?.delete(key).await)
    }

    async fn exists(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        let value = store(accessor, &this)?.get(key).await;
        Ok(value.map(|value| value.is_some()))
    }

    async fn get_keys(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Store>,
    ) -> wasmtime::Result<Keys> {
        let (keys, received) = mpsc::channel(16);
        let (end, ended) = oneshot::channel();
        store(accessor, &this)?.stream_keys(keys, end);
        accessor.with(|mut access| {
            Ok((
                StreamReader::new(&mut access, Receive::new(received))?,
                FutureReader::new(&mut access, ended)?,
            ))
        })
    }
}
