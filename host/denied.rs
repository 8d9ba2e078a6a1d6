//! What a dependency finds in place of an interface that it does not inherit: the
//! same functions, which answer what Spin's deny adapter answers. Where the adapter
//! has no answer, they end the instance with a sentence that says why.
//!
//! Source: <https://github.com/spinframework/spin/tree/main/crates/capabilities/deny-adapter>

use crate::{compose::Denied, guest::Guest};
use wasmtime::{
    Engine, Result, bail,
    component::{
        Component, Linker, LinkerInstance, ResourceType, Val,
        types::{ComponentInstance, ComponentItem},
    },
};

/// Stands for a resource that no guest can ever hold.
struct Unreachable;

/// The linker with the denied imports of this component added.
pub(crate) fn link(
    linker: &Linker<Guest>,
    engine: &Engine,
    component: &Component,
    denied: &[Denied],
) -> Result<Linker<Guest>> {
    let mut linker = linker.clone();
    // A resource that another interface brought in first is only mentioned by the
    // denied interface, and must stay the other's.
    let mut known: Vec<ResourceType> = Vec::new();
    for (name, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        match denied.iter().find(|denied| denied.import == name) {
            None => known.extend(resources(&instance, engine).into_iter().map(|(_, ty)| ty)),
            Some(denied) => {
                let mut target = linker.instance(name)?;
                for (resource_name, resource) in resources(&instance, engine) {
                    if !known.contains(&resource) {
                        let ty = ResourceType::host::<Unreachable>();
                        target.resource(&resource_name, ty, |_, _| Ok(()))?;
                        known.push(resource);
                    }
                }
                refuse_functions(&mut target, &instance, engine, denied)?;
            }
        }
    }
    Ok(linker)
}

fn resources(instance: &ComponentInstance, engine: &Engine) -> Vec<(String, ResourceType)> {
    instance
        .exports(engine)
        .filter_map(|(name, item)| match item.ty {
            ComponentItem::Resource(resource) => Some((name.to_owned(), resource)),
            _ => None,
        })
        .collect()
}

fn refuse_functions(
    target: &mut LinkerInstance<'_, Guest>,
    instance: &ComponentInstance,
    engine: &Engine,
    denied: &Denied,
) -> Result<()> {
    for (name, item) in instance.exports(engine) {
        let ComponentItem::ComponentFunc(function) = item.ty else {
            continue;
        };
        let message = format!(
            "the dependency {:?} called {name} of {}, which its inherit_configuration does not grant",
            denied.dependency, denied.interface
        );
        let interface = denied.interface.clone();
        let function_name = name.to_owned();
        let refuse = move |arguments: &[Val], results: &mut [Val]| match (
            results,
            answer(&interface, &function_name, arguments),
        ) {
            ([result], Some(answer)) => {
                *result = answer;
                Ok(())
            }
            _ => bail!("{message}"),
        };
        if function.async_() {
            target.func_new_concurrent(name, move |_, _, arguments, results| {
                let refused = refuse(arguments, results);
                Box::pin(async move { refused })
            })?;
        } else {
            target.func_new(name, move |_, _, arguments, results| {
                refuse(arguments, results)
            })?;
        }
    }
    Ok(())
}

/// What a function answers a caller that may not call it.
fn answer(interface: &str, function: &str, arguments: &[Val]) -> Option<Val> {
    let interface = interface.split('@').next().unwrap_or(interface);
    let refusal = |case: &str, value: Option<Val>| {
        let error = Val::Variant(case.to_owned(), value.map(Box::new));
        Some(Val::Result(Err(Some(Box::new(error)))))
    };
    match (interface, function) {
        ("spin:key-value/key-value", "[static]store.open")
        | ("spin:sqlite/sqlite", "[static]connection.open" | "[static]connection.open-async") => {
            refusal("access-denied", None)
        }
        ("spin:variables/variables", "get") => refusal("undefined", arguments.first().cloned()),
        ("wasi:http/client", "send") => {
            let detail = Val::String(format!("{interface:?} is not permitted"));
            refusal("internal-error", Some(Val::Option(Some(Box::new(detail)))))
        }
        ("wasi:cli/environment", "get-environment" | "get-arguments") => Some(Val::List(vec![])),
        ("wasi:cli/environment", "initial-cwd" | "get-initial-cwd") => Some(Val::Option(None)),
        _ => None,
    }
}
