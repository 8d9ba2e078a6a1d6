//! Dependencies between components (`[component.x.dependencies]`) and middleware
//! in front of them, composed into one component before it is compiled.
//!
//! What a dependency does not inherit is imported once more under a name of its
//! own, and `denied.rs` puts functions behind that name that refuse the call, as Spin does.

use crate::manifest::{Component, Dependency, DependencySource, Manifest};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use wac_graph::types::{ItemKind, Package, WorldId};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

/// What middleware exports to the outside and imports from the next one.
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

pub(crate) fn compose(manifest: &Manifest, id: &str) -> Result<Composed> {
    let component = manifest.component(id)?;
    let bytes = read(&component.source)?;
    if component.dependencies.is_empty() && component.middleware.is_empty() {
        return Ok(Composed {
            bytes,
            denied: Vec::new(),
        });
    }
    let mut composition = Composition::default();
    let root = composition.instantiate(id, bytes)?;
    let matches = matches(component, &composition.imports(root.world))?;
    for (index, dependency) in component.dependencies.iter().enumerate() {
        composition
            .add(manifest, index, dependency, &root, &matches)
            .with_context(|| format!("failed to compose the dependency {:?}", dependency.name))?;
    }
    if component.middleware.is_empty() {
        composition.export_all(&root)?;
    } else {
        composition.export_behind_middleware(manifest, component, &root)?;
    }
    composition.encode()
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("failed to read {}", file.display()))
}

/// Which dependency, by its index, satisfies which import.
fn matches(
    component: &Component,
    imports: &[(String, ItemKind)],
) -> Result<BTreeMap<String, usize>> {
    let mut matches = BTreeMap::new();
    for (index, dependency) in component.dependencies.iter().enumerate() {
        let mut unmatched = true;
        for (import, _) in imports {
            if !satisfies(&dependency.name, import) {
                continue;
            }
            unmatched = false;
            if matches.insert(import.clone(), index).is_some() {
                bail!("two dependencies satisfy the import {import:?}");
            }
        }
        if unmatched {
            bail!(
                "the dependency {:?} matches no import of the component",
                dependency.name
            );
        }
    }
    Ok(matches)
}

/// Whether a dependency of that name is for that import: by the exact name, or
/// by a name without interface or version for all that it leaves open.
fn satisfies(dependency: &str, import: &str) -> bool {
    let (package, interface, version) = parts(dependency);
    let (import_package, import_interface, import_version) = parts(import);
    if !package.contains(':') {
        return dependency == import;
    }
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
        manifest: &Manifest,
        index: usize,
        dependency: &Dependency,
        root: &Node,
        matches: &BTreeMap<String, usize>,
    ) -> Result<()> {
        // Spin registers a dependency under its package, so that there can be one
        // of each package, whatever their interfaces and versions.
        let (package, ..) = parts(&dependency.name);
        let node = self.load(manifest, index, package, dependency)?;
        let exports = self.exports(node.world);
        for (import, _) in matches.iter().filter(|(_, by)| **by == index) {
            let export = dependency.export.as_ref().unwrap_or(import);
            if !exports.contains(export) {
                bail!("it does not export {export:?}");
            }
            let alias = self.graph.alias_instance_export(node.id, export)?;
            self.graph
                .set_instantiation_argument(root.id, import, alias)?;
        }
        Ok(())
    }

    /// A chain: each middleware's handler calls the next one's, the last the
    /// component's. Nothing but the first one's is exported, as in Spin.
    fn export_behind_middleware(
        &mut self,
        manifest: &Manifest,
        component: &Component,
        root: &Node,
    ) -> Result<()> {
        let mut handler = self
            .graph
            .alias_instance_export(root.id, HANDLER)
            .context("failed to put middleware in front of the component")?;
        // The dependencies have used the first numbers.
        let first = component.dependencies.len();
        for (index, middleware) in component.middleware.iter().enumerate().rev() {
            handler = self
                .put_in_front(manifest, first + index, middleware, handler)
                .with_context(|| format!("failed to compose {}", middleware.name))?;
        }
        self.graph.export(handler, HANDLER)?;
        Ok(())
    }

    /// The handler of a middleware that calls `next`.
    fn put_in_front(
        &mut self,
        manifest: &Manifest,
        index: usize,
        middleware: &Dependency,
        next: NodeId,
    ) -> Result<NodeId> {
        let name = format!("middleware{index}");
        let node = self.load(manifest, index, &name, middleware)?;
        self.graph
            .set_instantiation_argument(node.id, HANDLER, next)?;
        Ok(self.graph.alias_instance_export(node.id, HANDLER)?)
    }

    fn load(
        &mut self,
        manifest: &Manifest,
        index: usize,
        name: &str,
        dependency: &Dependency,
    ) -> Result<Node> {
        let bytes = match &dependency.source {
            DependencySource::Path(path) => read(path)?,
            DependencySource::Component(id) => read(&manifest.component(id)?.source)?,
        };
        let node = self.instantiate(name, bytes)?;
        self.deny(index, dependency, &node)?;
        Ok(node)
    }

    /// Gives the dependency imports of its own for all that it does not inherit.
    fn deny(&mut self, index: usize, dependency: &Dependency, node: &Node) -> Result<()> {
        for (interface, kind) in self.imports(node.world) {
            if !dependency.inherit.denies(&interface) {
                continue;
            }
            let import = denied_name(index, &interface);
            let argument = self.graph.import(&import, kind)?;
            self.graph
                .set_instantiation_argument(node.id, &interface, argument)?;
            self.denied.push(Denied {
                import,
                interface,
                dependency: dependency.name.clone(),
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

/// A plain name, which no interface of the outside can have: `denied0-wasi-http-client`.
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
    fn a_name_satisfies_what_it_leaves_open() {
        for (dependency, import) in [
            ("a:b/c@0.1.0", "a:b/c@0.1.0"),
            ("a:b/c", "a:b/c@0.1.0"),
            ("a:b", "a:b/c@0.1.0"),
            ("a:b@0.1.0", "a:b/c@0.1.0"),
            ("plain", "plain"),
        ] {
            assert!(satisfies(dependency, import), "{dependency} {import}");
        }
    }

    #[test]
    fn another_package_interface_or_version_does_not_match() {
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
    fn denied_names_are_plain() {
        let name = denied_name(0, "spin:key-value/key-value@3.0.0");
        assert_eq!(name, "denied0-spin-key-value-key-value");
    }
}
