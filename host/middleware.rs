//! Middleware: components in front of another one's HTTP handler, listed under
//! the trigger (`dependencies.middleware`). `compose.rs` makes one component of
//! them, so here they are moved from the trigger to its component, as Spin does.
//!
//! Source: <https://github.com/spinframework/spin/blob/main/crates/loader/src/local/trigger_components.rs>

use crate::manifest::{Component, Dependency, Trigger, dependency};
use crate::manifest_section::Section;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use toml::Value;

/// Reads the middleware of one trigger, the outermost first.
pub(crate) fn read(trigger: &mut Section, directory: &Path) -> Result<Vec<Dependency>> {
    let Some(mut section) = trigger.section("dependencies")? else {
        return Ok(Vec::new());
    };
    let path = section.path_of("middleware");
    let list = section.value("middleware");
    section.finish()?;
    let items = match list {
        None => Vec::new(),
        Some(Value::Array(items)) => items,
        Some(_) => bail!("{path} must be a list of tables"),
    };
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            let path = format!("{path}[{index}]");
            let section = Section::new(path.clone(), item)?;
            if section.keys().iter().any(|key| key == "export") {
                bail!("{path}.export is not supported");
            }
            dependency(path, section, directory)
        })
        .collect()
}

/// Gives each trigger's middleware to its component. Where several triggers share
/// a component, one with middleware gets a copy of its own.
pub(crate) fn assign(triggers: &mut [Trigger], components: &mut BTreeMap<String, Component>) {
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for trigger in &*triggers {
        *uses.entry(trigger.component.clone()).or_default() += 1;
    }
    for trigger in triggers {
        if trigger.middleware.is_empty() {
            continue;
        }
        if uses.get(&trigger.component).is_some_and(|uses| *uses > 1) {
            let copy = components.get(&trigger.component).cloned();
            let first = format!("{}-for-{}", trigger.component, trigger.id);
            let names = (1..).map(|n| format!("{first}-d{n}"));
            let name = std::iter::once(first.clone())
                .chain(names)
                .find(|name| !components.contains_key(name))
                .unwrap_or(first);
            components.extend(copy.map(|copy| (name.clone(), copy)));
            trigger.component = name;
        }
        if let Some(component) = components.get_mut(&trigger.component) {
            component.middleware = std::mem::take(&mut trigger.middleware);
        }
    }
}
