//! `spin:key-value`, on the stores of `key_value.rs`.

use super::{calls::Calls, stream::Receive};
use crate::{
    bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore},
    guest::{Guest, GuestParts},
    key_value::Store,
};
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

impl Host for GuestParts<'_> {}

impl HostStore for GuestParts<'_> {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

type Keys = (StreamReader<String>, FutureReader<Result<(), Error>>);

fn store(accessor: &Accessor<Guest, Calls>, store: &Resource<Store>) -> wasmtime::Result<Store> {
    accessor.with(|mut access| Ok(access.get().table.get(store)?.clone()))
}

impl HostStoreWithStore<Guest> for Calls {
    async fn open(
        accessor: &Accessor<Guest, Self>,
        label: String,
    ) -> wasmtime::Result<Result<Resource<Store>, Error>> {
        accessor.with(|mut access| {
            let parts = access.get();
            if !parts.grants.key_value_stores.contains(&label) {
                return Ok(Err(Error::AccessDenied));
            }
            let store = Store::new(label, parts.shared.key_value.clone());
            Ok(parts.table.push(store).map_err(|_| Error::StoreTableFull))
        })
    }

    async fn get(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let value = store(accessor, &this)?.get(key).await;
        Ok(value.map_err(Error::Other))
    }

    async fn set(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let result = store(accessor, &this)?.set(key, value).await;
        Ok(result.map_err(Error::Other))
    }

    async fn delete(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let result = store(accessor, &this)?.delete(key).await;
        Ok(result.map_err(Error::Other))
    }

    async fn exists(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        let value = store(accessor, &this)?.get(key).await;
        Ok(value.map(|value| value.is_some()).map_err(Error::Other))
    }

    async fn get_keys(
        accessor: &Accessor<Guest, Self>,
        this: Resource<Store>,
    ) -> wasmtime::Result<Keys> {
        let (keys, received) = mpsc::channel(16);
        let (end, ended) = oneshot::channel();
        let all = store(accessor, &this)?.keys();
        tokio::spawn(async move {
            let result = match all.await {
                Err(error) => Err(Error::Other(error)),
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
        accessor.with(|mut access| {
            Ok((
                StreamReader::new(&mut access, Receive::new(received))?,
                FutureReader::new(&mut access, ended)?,
            ))
        })
    }
}
