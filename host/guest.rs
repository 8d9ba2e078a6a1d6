//! What belongs to one instance: the grants of its component and the tables of
//! the resources that it holds.

use crate::{grants::Grants, key_value::Stores, postgres::Pools};
use std::{path::PathBuf, sync::Arc};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

/// The stores that all components of the application share.
pub(crate) struct SharedState {
    pub(crate) key_value: Stores,
    /// The file behind the database "default".
    pub(crate) sqlite_file: PathBuf,
    pub(crate) postgres: Pools,
}

/// The data of one instance's store.
pub(crate) struct Guest {
    grants: Arc<Grants>,
    shared: Arc<SharedState>,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Box<dyn WasiHttpHooks>,
}

/// The parts of a [`Guest`] that Spin's interfaces work on.
pub(crate) struct GuestParts<'a> {
    pub(crate) grants: &'a Arc<Grants>,
    pub(crate) shared: &'a Arc<SharedState>,
    pub(crate) table: &'a mut ResourceTable,
}

impl Guest {
    pub(crate) fn new(
        grants: Arc<Grants>,
        shared: Arc<SharedState>,
        outbound: Box<dyn WasiHttpHooks>,
    ) -> Self {
        let mut wasi = WasiCtx::builder();
        wasi.inherit_stdout()
            .inherit_stderr()
            .envs(&grants.environment);
        Self {
            grants,
            shared,
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound,
        }
    }

    pub(crate) fn parts(&mut self) -> GuestParts<'_> {
        GuestParts {
            grants: &self.grants,
            shared: &self.shared,
            table: &mut self.table,
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: self.outbound.as_mut(),
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
