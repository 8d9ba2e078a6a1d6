//! From the manifest to components that can be instantiated: dependencies
//! composed in, code compiled, imports linked.

use crate::{
    compose::compose, denied, guest::Guest, manifest::Manifest, runtime::error as runtime_error,
};
use anyhow::{Context as _, Result, bail};
use std::{collections::HashMap, thread};
use wasmtime::{
    Engine,
    component::{Component, Linker},
};
use wasmtime_wasi_http::{handler::ProxyPre, p3::bindings::ServicePre};

/// Compiles and links these components, in parallel.
pub(crate) fn prepare<'a>(
    manifest: &Manifest,
    ids: impl Iterator<Item = &'a str>,
    engine: &Engine,
    linker: &Linker<Guest>,
) -> Result<HashMap<&'a str, ProxyPre<Guest>>> {
    thread::scope(|scope| {
        let prepare = |id| scope.spawn(move || prepare_one(manifest, id, engine, linker));
        let threads: Vec<_> = ids.map(|id| (id, prepare(id))).collect();
        threads
            .into_iter()
            .map(|(id, thread)| match thread.join() {
                Ok(Ok(pre)) => Ok((id, pre)),
                Ok(Err(error)) => Err(error.context(format!("failed to load component {id:?}"))),
                Err(_) => bail!("failed to load component {id:?}: its compilation panicked"),
            })
            .collect()
    })
}

fn prepare_one(
    manifest: &Manifest,
    id: &str,
    engine: &Engine,
    linker: &Linker<Guest>,
) -> Result<ProxyPre<Guest>> {
    let composed = compose(manifest, id)?;
    let component = Component::new(engine, &composed.bytes).map_err(runtime_error)?;
    let linker =
        denied::link(linker, engine, &component, &composed.denied).map_err(runtime_error)?;
    let pre = linker.instantiate_pre(&component).map_err(runtime_error)?;
    let service = ServicePre::new(pre)
        .map_err(runtime_error)
        .context("it cannot serve HTTP: it must export wasi:http/handler@0.3")?;
    Ok(ProxyPre::P3(service))
}
