//! From the manifest to components that can be instantiated: grants resolved,
//! dependencies composed in, code compiled, imports linked.

use crate::allowed_hosts::{AllowedHosts, is_empty_resolution};
use crate::guest::{Grants, Guest};
use crate::manifest::{Component as ManifestComponent, Manifest};
use crate::runtime::error as runtime_error;
use crate::variables::{Variables, is_template};
use anyhow::{Context as _, Result, bail};
use std::collections::{BTreeSet, HashMap};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi_http::handler::ProxyPre;
use wasmtime_wasi_http::{p2, p3};

/// What the manifest grants to the component of that id.
pub(crate) fn grants(manifest: &Manifest, id: &str, variables: &Variables) -> Result<Grants> {
    let component = manifest.component(id)?;
    let own_variables = component
        .variables
        .iter()
        .map(|(name, template)| {
            crate::variables::check_name(name)?;
            Ok((name.clone(), variables.fill_in(template)?))
        })
        .collect::<Result<HashMap<_, _>>>()
        .with_context(|| format!("failed to resolve component.{id}.variables"))?;
    Ok(Grants {
        id: id.to_owned(),
        variables: own_variables,
        environment: component.environment.clone(),
        allowed_hosts: allowed_hosts(manifest, component, variables)
            .with_context(|| format!("failed to use component.{id}.allowed_outbound_hosts"))?,
        key_value_stores: component.key_value_stores.iter().cloned().collect(),
        sqlite_databases: component.sqlite_databases.iter().cloned().collect(),
    })
}

fn allowed_hosts(
    manifest: &Manifest,
    component: &ManifestComponent,
    variables: &Variables,
) -> Result<AllowedHosts> {
    let ids: Vec<&str> = manifest.components.keys().map(String::as_str).collect();
    let mut entries = Vec::new();
    for template in &component.allowed_outbound_hosts {
        // The message shows the template: what it resolves to may be secret.
        let entry = variables.fill_in(template)?;
        if is_template(template) && is_empty_resolution(&entry) {
            continue;
        }
        AllowedHosts::parse([entry.as_str()], &ids).with_context(|| format!("{template:?}"))?;
        entries.push(entry);
    }
    AllowedHosts::parse(entries.iter().map(String::as_str), &ids)
}

/// Compiles and links these components, in parallel.
pub(crate) fn prepare(
    manifest: &Manifest,
    ids: &BTreeSet<&str>,
    engine: &Engine,
    linker: &Linker<Guest>,
) -> Result<HashMap<String, ProxyPre<Guest>>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = ids
            .iter()
            .map(|&id| {
                (
                    id,
                    scope.spawn(move || prepare_one(manifest, id, engine, linker)),
                )
            })
            .collect();
        threads
            .into_iter()
            .map(|(id, thread)| match thread.join() {
                Ok(Ok(pre)) => Ok((id.to_owned(), pre)),
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
    let composed = crate::compose::compose(manifest, id)?;
    let component = Component::new(engine, &composed.bytes).map_err(runtime_error)?;
    let linker =
        crate::denied::link(linker, engine, &component, &composed.denied).map_err(runtime_error)?;
    let pre = linker.instantiate_pre(&component).map_err(runtime_error)?;
    proxy(&pre, engine, &component)
}

fn proxy(
    pre: &InstancePre<Guest>,
    engine: &Engine,
    component: &Component,
) -> Result<ProxyPre<Guest>> {
    let exports: Vec<String> = component
        .component_type()
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let exports_any = |prefix: &str| exports.iter().any(|name| name.starts_with(prefix));
    if exports_any("wasi:http/handler@0.3.") {
        let service = p3::bindings::ServicePre::new(pre.clone()).map_err(runtime_error)?;
        return Ok(ProxyPre::P3(service));
    }
    if exports_any("wasi:http/incoming-handler@0.2.") {
        let proxy = p2::bindings::ProxyPre::new(pre.clone()).map_err(runtime_error)?;
        return Ok(ProxyPre::P2(proxy));
    }
    bail!(
        "it exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2, \
         so it cannot serve HTTP"
    )
}
