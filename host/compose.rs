//! Dependencies between components (`[component.x.dependencies]`) and middleware
//! in front of them, composed into one component before it is compiled.
//!
//! What a dependency does not inherit is imported once more under a name of its
//! own, and `denied.rs` puts functions behind that name that refuse the call, as
//! Spin does.

use crate::manifest::{Dependency, Manifest};
use anyhow::{Context as _, Result, bail};
use std::{collections::BTreeMap, fs, path::Path};
use wac_graph::{
    CompositionGraph, EncodeOptions, NodeId,
    types::{ItemKind, Package, WorldId},
};

/// What middleware exports to the outside and imports from what it is in front of.
///
/// Source: <https://github.com/spinframework/spin/blob/main/crates/trigger-http/src/middleware.rs>
const HANDLER: &str = "wasi:http/handler@0.3.0";

/// A component with its dependencies inside.
pub(crate) struct Composed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) denied: Vec<Denied>,
}

/// An interface that a dependency imports and does not inherit.
pub(crate) struct Denied {
    /// The name under which the composed component imports it.
    pub(crate) import: String,
    pub(crate) interface: String,
    pub(crate) dependency: String,
}

/// A component of the manifest with its dependencies and middleware, or as it is if
/// it has none.
pub(crate) fn compose(manifest: &Manifest, id: &str) -> Result<Composed> {
    let component = manifest.component(id)?;
    let middleware = manifest.middleware(id);
    let bytes = read(&manifest.file(component))?;
    if component.dependencies.is_empty() && middleware.is_empty() {
        return Ok(Composed {
            bytes,
            denied: Vec::new(),
        });
    }
    let mut composition = Composition::default();
    let root = composition.instantiate(id, bytes)?;
    let matches = matches(&component.dependencies, &composition.imports(root.world))?;
    for (name, dependency) in &component.dependencies {
        let bytes = read(&manifest.dependency_file(dependency)?)?;
        composition
            .add(name, dependency, bytes, &root, &matches)
            .with_context(|| format!("failed to compose the dependency {name:?}"))?;
    }
    if middleware.is_empty() {
        composition.export_all(&root)?;
        return composition.encode();
    }
    let mut handler = composition
        .graph
        .alias_instance_export(root.id, HANDLER)
        .context("failed to put middleware in front of the component")?;
    // A chain: the handler of each middleware calls the next one, and the last calls
    // the component. Only the handler of the first is exported, as in Spin.
    for (index, middleware) in middleware.iter().enumerate().rev() {
        let bytes = read(&manifest.dependency_file(middleware)?)?;
        handler = composition
            .put_in_front(index, middleware, bytes, handler)
            .with_context(|| format!("failed to compose middleware[{index}]"))?;
    }
    composition.graph.export(handler, HANDLER)?;
    composition.encode()
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("failed to read {}", file.display()))
}

/// The dependency, by its name, that satisfies an import.
fn matches<'a>(
    dependencies: &'a BTreeMap<String, Dependency>,
    imports: &[(String, ItemKind)],
) -> Result<BTreeMap<String, &'a str>> {
    let mut matches = BTreeMap::new();
    for name in dependencies.keys() {
        let before = matches.len();
        for (import, _) in imports.iter().filter(|(import, _)| satisfies(name, import)) {
            if matches.insert(import.clone(), name.as_str()).is_some() {
                bail!("two dependencies satisfy the import {import:?}");
            }
        }
        if matches.len() == before {
            bail!("the dependency {name:?} matches no import of the component");
        }
    }
    Ok(matches)
}

/// Whether a dependency of that name is for that import: its name may leave the
/// interface or the version open.
fn satisfies(dependency: &str, import: &str) -> bool {
    let (package, interface, version) = parts(dependency);
    let (import_package, import_interface, import_version) = parts(import);
    package == import_package
        && interface.is_none_or(|interface| import_interface == Some(interface))
        && version.is_none_or(|version| import_version == Some(version))
}

/// `ns:package/interface@version`, of which the last two may be missing.
fn parts(name: &str) -> (&str, Option<&str>, Option<&str>) {
    let (path, version) = match name.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (name, None),
    };
    match path.split_once('/') {
        Some((package, interface)) => (package, Some(interface), version),
        None => (path, None, version),
    }
}

#[derive(Default)]
struct Composition {
    graph: CompositionGraph,
    denied: Vec<Denied>,
}

struct Node {
    world: WorldId,
    id: NodeId,
}

impl Composition {
    fn instantiate(&mut self, name: &str, bytes: Vec<u8>) -> Result<Node> {
        let package = Package::from_bytes(name, None, bytes, self.graph.types_mut())?;
        let world = package.ty();
        let package = self.graph.register_package(package)?;
        let id = self.graph.instantiate(package);
        Ok(Node { world, id })
    }

    fn imports(&self, world: WorldId) -> Vec<(String, ItemKind)> {
        let imports = &self.graph.types()[world].imports;
        imports.iter().map(|(n, kind)| (n.clone(), *kind)).collect()
    }

    fn exports(&self, world: WorldId) -> Vec<String> {
        self.graph.types()[world].exports.keys().cloned().collect()
    }

    fn add(
        &mut self,
        name: &str,
        dependency: &Dependency,
        bytes: Vec<u8>,
        root: &Node,
        matches: &BTreeMap<String, &str>,
    ) -> Result<()> {
        // Spin registers a dependency under its package, so that there can be one
        // of each package, whatever their interfaces and versions.
        let (package, ..) = parts(name);
        let node = self.instantiate(package, bytes)?;
        self.deny(name, dependency, &node)?;
        let exports = self.exports(node.world);
        for (import, _) in matches.iter().filter(|(_, by)| **by == name) {
            if !exports.contains(import) {
                bail!("it does not export {import:?}");
            }
            let alias = self.graph.alias_instance_export(node.id, import)?;
            self.graph
                .set_instantiation_argument(root.id, import, alias)?;
        }
        Ok(())
    }

    /// The handler of a middleware that calls `next`.
    fn put_in_front(
        &mut self,
        index: usize,
        middleware: &Dependency,
        bytes: Vec<u8>,
        next: NodeId,
    ) -> Result<NodeId> {
        let name = format!("middleware{index}");
        let node = self.instantiate(&name, bytes)?;
        self.deny(&name, middleware, &node)?;
        self.graph
            .set_instantiation_argument(node.id, HANDLER, next)?;
        Ok(self.graph.alias_instance_export(node.id, HANDLER)?)
    }

    /// Gives the dependency imports of its own for everything that it does not inherit.
    fn deny(&mut self, name: &str, dependency: &Dependency, node: &Node) -> Result<()> {
        for (interface, kind) in self.imports(node.world) {
            if !dependency.inherit.denies(&interface) {
                continue;
            }
            let import = denied_name(self.denied.len(), &interface);
            let argument = self.graph.import(&import, kind)?;
            self.graph
                .set_instantiation_argument(node.id, &interface, argument)?;
            self.denied.push(Denied {
                import,
                interface,
                dependency: name.to_owned(),
            });
        }
        Ok(())
    }

    fn export_all(&mut self, root: &Node) -> Result<()> {
        for export in self.exports(root.world) {
            let alias = self.graph.alias_instance_export(root.id, &export)?;
            self.graph.export(alias, &export)?;
        }
        Ok(())
    }

    fn encode(self) -> Result<Composed> {
        Ok(Composed {
            bytes: self.graph.encode(EncodeOptions::default())?,
            denied: self.denied,
        })
    }
}

/// A plain name, which no interface can have: `denied0-wasi-http-client`.
fn denied_name(index: usize, interface: &str) -> String {
    let (package, name, _) = parts(interface);
    let words = package.replace(':', "-");
    match name {
        Some(name) => format!("denied{index}-{words}-{name}"),
        None => format!("denied{index}-{words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependency_name_satisfies_what_it_leaves_open() {
        for (dependency, import) in [
            ("a:b/c@0.1.0", "a:b/c@0.1.0"),
            ("a:b/c", "a:b/c@0.1.0"),
            ("a:b", "a:b/c@0.1.0"),
            ("a:b@0.1.0", "a:b/c@0.1.0"),
        ] {
            assert!(satisfies(dependency, import), "{dependency} {import}");
        }
    }

    #[test]
    fn dependency_name_of_another_package_interface_or_version_does_not_match() {
        for (dependency, import) in [
            ("a:b/c@0.1.0", "a:b/c"),
            ("a:b/c@0.1.0", "a:b/c@0.2.0"),
            ("a:b/c", "a:b/d"),
            ("a:b", "a:bc/d"),
            ("a-b", "a:b/c"),
        ] {
            assert!(!satisfies(dependency, import), "{dependency} {import}");
        }
    }

    #[test]
    fn denied_name_is_plain() {
        let name = denied_name(0, "spin:key-value/key-value@3.0.0");
        assert_eq!(name, "denied0-spin-key-value-key-value");
    }
}
