//! The interfaces of Spin that components use, generated from `wit/`.

#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "wit",
    world: "edge:host/capabilities",
    imports: { default: async | trappable },
    with: {
        "spin:key-value/key-value.store": crate::key_value::Store,
        "spin:postgres/postgres.connection": crate::postgres::Connection,
        "spin:postgres/postgres.connection-builder": crate::postgres::ConnectionBuilder,
        "spin:sqlite/sqlite.connection": crate::sqlite::Connection,
    },
});
