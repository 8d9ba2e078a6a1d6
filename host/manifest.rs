//! `spin.toml`, manifest version 2: the part of it that this host honours. Every
//! other key or value is an error that names it.
//!
//! Reference: <https://spinframework.dev/v3/manifest-reference>.

use crate::{
    capabilities::Inherit,
    variables::{Variable, check_name},
};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::{Deserialize, Deserializer, de::Error as _, de::IgnoredAny};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use toml::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    spin_manifest_version: u8,
    #[serde(rename = "application")]
    _application: Application,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Variable>,
    trigger: Triggers,
    #[serde(rename = "component")]
    pub(crate) components: BTreeMap<String, Component>,
    /// What paths in the manifest are relative to.
    #[serde(skip)]
    directory: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "this host has no use for what it accepts here")]
struct Application {
    name: String,
    version: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Triggers {
    http: Vec<Trigger>,
}

/// One `[[trigger.http]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trigger {
    /// `None` is `{ private = true }`: reached by service chaining only.
    #[serde(deserialize_with = "route")]
    pub(crate) route: Option<String>,
    pub(crate) component: String,
    #[serde(default)]
    dependencies: TriggerDependencies,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerDependencies {
    /// In front of the component, the outermost first.
    #[serde(default)]
    middleware: Vec<Dependency>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Component {
    source: PathBuf,
    #[serde(default)]
    pub(crate) description: String,
    /// Templates, not yet resolved.
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Templates, not yet resolved.
    #[serde(default)]
    pub(crate) allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub(crate) key_value_stores: Vec<String>,
    #[serde(default)]
    pub(crate) sqlite_databases: Vec<String>,
    /// What satisfies which import: `ns:package/interface@version`, or a whole
    /// `ns:package@version`.
    #[serde(default)]
    pub(crate) dependencies: BTreeMap<String, Dependency>,
    /// For `spin build`.
    #[serde(default, rename = "build")]
    _build: IgnoredAny,
}

/// One line of `[component.x.dependencies]`, or one middleware.
#[derive(Deserialize)]
#[serde(try_from = "DependencyTable")]
pub(crate) struct Dependency {
    source: DependencySource,
    pub(crate) inherit: Inherit,
}

enum DependencySource {
    Component(String),
    Path(PathBuf),
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `component` or `path`: registries are not supported"
)]
struct DependencyTable {
    component: Option<String>,
    path: Option<PathBuf>,
    #[serde(default)]
    inherit_configuration: Inherit,
}

impl TryFrom<DependencyTable> for Dependency {
    type Error = &'static str;

    fn try_from(table: DependencyTable) -> Result<Self, &'static str> {
        let source = match (table.component, table.path) {
            (Some(id), None) => DependencySource::Component(id),
            (None, Some(path)) => DependencySource::Path(path),
            _ => return Err("it must have `component` or `path`, and not both"),
        };
        let inherit = table.inherit_configuration;
        Ok(Self { source, inherit })
    }
}

fn route<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(route) => Ok(Some(route)),
        Value::Table(table) if table.len() == 1 && table.get("private") == Some(&true.into()) => {
            Ok(None)
        }
        _ => Err(D::Error::custom("it must be a path or { private = true }")),
    }
}

impl Manifest {
    /// Reads a manifest; paths in it are relative to its directory.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("failed to read {}", file.display()))?;
        let directory = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, directory).with_context(|| format!("failed to use {}", file.display()))
    }

    fn parse(text: &str, directory: &Path) -> Result<Self> {
        let deserializer =
            toml::Deserializer::parse(text).map_err(|error| without_values(text, None, &error))?;
        let mut manifest: Self = serde_path_to_error::deserialize(deserializer)
            .map_err(|error| without_values(text, Some(error.path()), error.inner()))?;
        manifest.directory = directory.to_owned();
        ensure!(
            manifest.spin_manifest_version == 2,
            "spin_manifest_version must be 2"
        );
        for (name, variable) in &manifest.variables {
            variable.check(name)?;
        }
        for (id, component) in &manifest.components {
            manifest.check_component(id, component)?;
        }
        for (index, trigger) in manifest.trigger.http.iter().enumerate() {
            manifest.check_trigger(index, trigger)?;
        }
        Ok(manifest)
    }

    pub(crate) fn triggers(&self) -> &[Trigger] {
        &self.trigger.http
    }

    pub(crate) fn component(&self, id: &str) -> Result<&Component> {
        self.components
            .get(id)
            .with_context(|| format!("the manifest has no component {id:?}"))
    }

    /// What stands in front of a component, the outermost first.
    pub(crate) fn middleware(&self, id: &str) -> &[Dependency] {
        let trigger = self.triggers().iter().find(|t| t.component == id);
        trigger.map_or(&[], |trigger| &trigger.dependencies.middleware)
    }

    /// The file of a component.
    pub(crate) fn file(&self, component: &Component) -> PathBuf {
        self.directory.join(&component.source)
    }

    /// The file of a dependency.
    pub(crate) fn dependency_file(&self, dependency: &Dependency) -> Result<PathBuf> {
        match &dependency.source {
            DependencySource::Path(path) => Ok(self.directory.join(path)),
            DependencySource::Component(id) => Ok(self.file(self.component(id)?)),
        }
    }

    fn check_component(&self, id: &str, component: &Component) -> Result<()> {
        let is_kebab = id.split('-').all(|word| {
            word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        ensure!(is_kebab, "component.{id:?} must have a kebab-case name");
        for name in component.variables.keys() {
            check_name(name).with_context(|| format!("component.{id}.variables"))?;
        }
        // A Spin without runtime config has one store and one database.
        let stores = ("key_value_stores", &component.key_value_stores);
        let databases = ("sqlite_databases", &component.sqlite_databases);
        for (key, names) in [stores, databases] {
            if let Some(other) = names.iter().find(|name| *name != "default") {
                bail!(
                    "component.{id}.{key} names {other:?}, but only \"default\" exists without a \
                     runtime config"
                );
            }
        }
        for (name, dependency) in &component.dependencies {
            let path = format!("component.{id}.dependencies.{name:?}");
            self.check_dependency(&path, dependency)?;
        }
        Ok(())
    }

    fn check_trigger(&self, index: usize, trigger: &Trigger) -> Result<()> {
        let id = &trigger.component;
        ensure!(
            self.components.contains_key(id),
            "trigger.http[{index}].component names {id:?}, which is not in the manifest"
        );
        let middleware = &trigger.dependencies.middleware;
        let path = format!("trigger.http[{index}].dependencies.middleware");
        let mut others = self
            .triggers()
            .iter()
            .filter(|t| t.component == *id)
            .skip(1);
        ensure!(
            middleware.is_empty() || others.next().is_none(),
            "{path} is not supported where several triggers share a component: {id:?} must be two \
             components of the same source"
        );
        middleware
            .iter()
            .try_for_each(|dependency| self.check_dependency(&path, dependency))
    }

    fn check_dependency(&self, path: &str, dependency: &Dependency) -> Result<()> {
        let DependencySource::Component(target) = &dependency.source else {
            return Ok(());
        };
        let component = self
            .components
            .get(target)
            .with_context(|| format!("{path} names {target:?}, which is not in the manifest"))?;
        ensure!(
            component.dependencies.is_empty(),
            "{path} names {target:?}, which has dependencies itself: only one level is supported"
        );
        // Its grants would not hold where it is composed in. Spin refuses it too.
        let grants = [
            ("variables", component.variables.is_empty()),
            ("environment", component.environment.is_empty()),
            (
                "allowed_outbound_hosts",
                component.allowed_outbound_hosts.is_empty(),
            ),
            ("key_value_stores", component.key_value_stores.is_empty()),
            ("sqlite_databases", component.sqlite_databases.is_empty()),
        ];
        match grants.iter().find(|(_, is_empty)| !is_empty) {
            Some((key, _)) => bail!(
                "{path} names {target:?}, which has {key} of its own: a dependency uses those \
                 of the component that it is composed into"
            ),
            None => Ok(()),
        }
    }
}

/// An error with its place and without the manifest's values, which may be secrets:
/// the parser's own display quotes the line, and serde repeats a value that has a
/// wrong type.
fn without_values(
    text: &str,
    path: Option<&serde_path_to_error::Path>,
    error: &toml::de::Error,
) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.unwrap_or_default().matches('\n').count() + 1;
    let path = match path {
        Some(path) if path.iter().len() > 0 => format!("{path}: "),
        _ => String::new(),
    };
    match error.message().rsplit_once(", expected ") {
        Some((kind, expected)) if kind.starts_with("invalid ") => {
            anyhow!("line {line}: {path}expected {expected}")
        }
        _ => anyhow!("line {line}: {path}{}", error.message()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str = r#"
spin_manifest_version = 2
[application]
name = "a"
[[trigger.http]]
route = "/..."
component = "c"
[component.c]
source = "c.wasm"
"#;

    fn parse(text: &str) -> Result<Manifest> {
        Manifest::parse(text, Path::new("/app"))
    }

    fn refused(addition: &str) -> String {
        let text = format!("{SMALLEST}{addition}");
        format!("{:#}", parse(&text).err().expect("it was accepted"))
    }

    #[test]
    fn source_is_relative_to_the_manifest() {
        let manifest = parse(SMALLEST).unwrap();
        let file = manifest.file(manifest.component("c").unwrap());
        assert_eq!(file, Path::new("/app/c.wasm"));
        assert_eq!(manifest.triggers()[0].route.as_deref(), Some("/..."));
    }

    #[test]
    fn unsupported_key_is_named_with_its_line_and_path() {
        for (addition, expected) in [
            ("files = []", "line 10: component.c.files: unknown field"),
            ("ai_models = []", "component.c.ai_models: "),
            ("typo = 1", "component.c.typo: "),
            ("[component.c.profile.debug]", "component.c.profile: "),
            ("[component.c.tool.x]", "component.c.tool: "),
            ("[[trigger.redis]]", "trigger.redis: "),
            ("[application.trigger.http]", "application.trigger: "),
            ("[elsewhere]", "line 10: elsewhere: unknown field"),
            (
                "[variables]\nv = { required = true, x = 1 }",
                "line 11: variables.v.x: ",
            ),
            (
                "[[trigger.http]]\nroute = \"/a\"\ncomponent = \"c\"\nexecutor = { type = \"http\" }",
                "trigger.http[1].executor: ",
            ),
            (
                "[[trigger.http]]\nroute = \"/a\"\ncomponent = \"c\"\nid = \"a\"",
                "trigger.http[1].id: ",
            ),
            (
                "[[trigger.http]]\nroute = \"/a\"\ncomponent = \"c\"\ndependencies.other = []",
                "trigger.http[1].dependencies.other: ",
            ),
            (
                "[component.c.dependencies]\n\"a:b/c\" = { version = \"1\", path = \"x\" }",
                "component.c.dependencies.a:b/c.version: ",
            ),
            (
                "[component.c.dependencies]\n\"a:b/c\" = { export = \"d\", path = \"x\" }",
                "component.c.dependencies.a:b/c.export: ",
            ),
        ] {
            let error = refused(addition);
            assert!(error.contains(expected), "{addition}: {error}");
        }
    }

    #[test]
    fn unsupported_value_is_named_by_its_path_with_what_would_be_right() {
        for (addition, expected) in [
            (
                "[[trigger.http]]\nroute = { private = true, x = 1 }\ncomponent = \"c\"",
                "trigger.http[1].route: it must be a path or { private = true }",
            ),
            (
                "[[trigger.http]]\nroute = \"/a\"\ncomponent = { source = \"d.wasm\" }",
                "trigger.http[1].component: expected a string",
            ),
            (
                "[component.d]\nsource = { url = \"https://a\" }",
                "component.d.source: expected path string",
            ),
            (
                "[component.c.dependencies]\n\"a:b/c\" = \"1.0\"",
                "component.c.dependencies.a:b/c: expected a table with `component` or `path`",
            ),
            (
                "[component.c.dependencies]\n\"a:b/c\" = { inherit_configuration = true }",
                "component.c.dependencies.a:b/c: it must have `component` or `path`",
            ),
            (
                "[component.c.dependencies]\n\"a:b/c\" = { path = \"x\", inherit_configuration = [\"ai_models\"] }",
                "inherit_configuration: \"ai_models\" is not supported",
            ),
            (
                "[component.not_kebab]\nsource = \"d.wasm\"",
                "component.\"not_kebab\" must have a kebab-case name",
            ),
        ] {
            let error = refused(addition);
            assert!(error.contains(expected), "{addition}: {error}");
        }
        let error = format!("{:#}", parse("spin_manifest_version = 1").err().unwrap());
        assert!(error.contains("missing field"), "{error}");
        let text = SMALLEST.replace("_version = 2", "_version = 1");
        let error = format!("{:#}", parse(&text).err().unwrap());
        assert!(error.contains("spin_manifest_version must be 2"), "{error}");
    }

    #[test]
    fn build_table_is_for_spin_build() {
        let build = "[component.c.build]\ncommand = \"make\"\nwatch = [\"*.rs\"]\n";
        assert!(parse(&format!("{SMALLEST}{build}")).is_ok());
    }

    #[test]
    fn store_other_than_the_default_one_is_refused() {
        let error = refused("key_value_stores = [\"default\", \"cache\"]");
        assert!(error.contains("component.c.key_value_stores names \"cache\""));
    }

    #[test]
    fn component_that_is_named_but_missing_is_an_error() {
        let error = refused("[component.c.dependencies]\n\"a:b/c\" = { component = \"x\" }");
        let path = "component.c.dependencies.\"a:b/c\" names \"x\"";
        assert!(error.contains(path), "{error}");
        let text = SMALLEST.replace("component = \"c\"", "component = \"x\"");
        let error = parse(&text).err().unwrap().to_string();
        assert!(error.contains("trigger.http[0].component names \"x\""));
    }

    #[test]
    fn dependencies_have_one_level_only() {
        let error = refused(
            "[component.c.dependencies]\n\"a:b/c\" = { component = \"d\" }\n\
             [component.d]\nsource = \"d.wasm\"\n\
             [component.d.dependencies]\n\"e:f/g\" = { path = \"g.wasm\" }",
        );
        assert!(error.contains("only one level"), "{error}");
    }

    #[test]
    fn dependency_with_grants_of_its_own_is_refused() {
        let error = refused(
            "[component.c.dependencies]\n\"a:b/c\" = { component = \"d\" }\n\
             [component.d]\nsource = \"d.wasm\"\nkey_value_stores = [\"default\"]",
        );
        assert!(
            error.contains("which has key_value_stores of its own"),
            "{error}"
        );
    }

    #[test]
    fn error_names_its_line_and_repeats_no_value() {
        for (addition, line) in [
            ("[variables]\nv = { default = \"s3cret\" oops }", "line 11"),
            ("[variables]\nv = \"s3cret, expected s3cret\"", "line 11"),
            ("environment = \"s3cret\"", "line 10"),
        ] {
            let error = refused(addition);
            assert!(error.contains(line), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn middleware_is_in_front_of_the_component_of_its_trigger() {
        let text = SMALLEST.replace(
            "component = \"c\"",
            "component = \"c\"\n\
             dependencies.middleware = [{ component = \"m\" }, { path = \"n.wasm\" }]",
        );
        let manifest = parse(&format!("{text}[component.m]\nsource = \"m.wasm\"")).unwrap();
        let files: Vec<_> = manifest
            .middleware("c")
            .iter()
            .map(|middleware| manifest.dependency_file(middleware).unwrap())
            .collect();
        assert_eq!(files, [Path::new("/app/m.wasm"), Path::new("/app/n.wasm")]);
        assert!(manifest.middleware("m").is_empty());
    }

    #[test]
    fn middleware_is_refused_where_triggers_share_the_component() {
        let error = refused(
            "[[trigger.http]]\nroute = \"/x\"\ncomponent = \"c\"\n\
             dependencies.middleware = [{ path = \"m.wasm\" }]",
        );
        let path = "trigger.http[1].dependencies.middleware is not supported";
        assert!(error.contains(path), "{error}");
    }
}
