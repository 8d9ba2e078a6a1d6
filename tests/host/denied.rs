//! What a dependency finds in place of an interface that it does not inherit:
//! the same functions, which end the instance with a sentence that says why.

use crate::compose::Denied;
use crate::guest::Guest;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};
use wasmtime::{Engine, Result, bail};

/// Stands for a resource that nobody can ever hold.
struct Unreachable;

/// The linker with the denied imports of this component added.
pub(crate) fn link(
    linker: &Linker<Guest>,
    engine: &Engine,
    component: &Component,
    denied: &[Denied],
) -> Result<Linker<Guest>> {
    let mut linker = linker.clone();
    // A resource that another interface brought in first is only mentioned by
    // the denied one, and must stay the other's.
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
        if function.async_() {
            target.func_new_concurrent(name, move |_, _, _, _| {
                let message = message.clone();
                Box::pin(async move { bail!("{message}") })
            })?;
        } else {
            target.func_new(name, move |_, _, _, _| bail!("{message}"))?;
        }
    }
    Ok(())
}
