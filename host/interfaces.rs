//! Spin's interfaces, as components call them.

mod calls;
mod key_value;
mod postgres;
mod sqlite;
mod statement;
mod stream;
mod variables;

use crate::{bindings::spin, guest::Guest};
use calls::Calls;
use wasmtime::component::Linker;

/// Lets components import all of them.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    spin::key_value::key_value::add_to_linker::<_, Calls>(linker, Guest::parts)?;
    spin::postgres::postgres::add_to_linker::<_, Calls>(linker, Guest::parts)?;
    spin::sqlite::sqlite::add_to_linker::<_, Calls>(linker, Guest::parts)?;
    spin::variables::variables::add_to_linker::<_, Calls>(linker, Guest::parts)
}
