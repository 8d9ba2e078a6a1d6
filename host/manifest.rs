//! `spin.toml`, manifest version 2: the part of it that this host can honour.
//!
//! Reference: <https://spinframework.dev/v3/manifest-reference>.

use crate::capabilities::Inherit;
use crate::manifest_section::{Section, strings};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Value;

pub(crate) struct Manifest {
    pub(crate) variables: BTreeMap<String, Variable>,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) components: BTreeMap<String, Component>,
}

/// A variable of the application: required, or with a default.
pub(crate) struct Variable {
    pub(crate) default: Option<String>,
}

/// One `[[trigger.http]]`.
pub(crate) struct Trigger {
    /// `None` is `{ private = true }`: reached by service chaining only.
    pub(crate) route: Option<String>,
    pub(crate) component: String,
    /// Unique, given or not.
    pub(crate) id: String,
    /// In front of the component, the outermost first.
    pub(crate) middleware: Vec<Dependency>,
}

#[derive(Clone)]
pub(crate) struct Component {
    pub(crate) source: PathBuf,
    pub(crate) description: String,
    /// Templates, not yet resolved.
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) environment: Vec<(String, String)>,
    /// Templates, not yet resolved.
    pub(crate) allowed_outbound_hosts: Vec<String>,
    pub(crate) key_value_stores: Vec<String>,
    pub(crate) sqlite_databases: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
    /// In front of it, the outermost first.
    pub(crate) middleware: Vec<Dependency>,
}

/// One line of `[component.x.dependencies]`, or one middleware.
#[derive(Clone)]
pub(crate) struct Dependency {
    /// What it satisfies: `ns:pkg/interface@version`, a whole `ns:pkg@version`, or a plain name.
    pub(crate) name: String,
    pub(crate) source: DependencySource,
    pub(crate) export: Option<String>,
    pub(crate) inherit: Inherit,
}

#[derive(Clone)]
pub(crate) enum DependencySource {
    Component(String),
    Path(PathBuf),
}

impl Manifest {
    /// Reads a manifest; paths in it are relative to its directory.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("failed to read {}", file.display()))?;
        let directory = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, directory).with_context(|| format!("failed to use {}", file.display()))
    }

    pub(crate) fn parse(text: &str, directory: &Path) -> Result<Self> {
        let mut root = Section::root(parse_toml(text)?);
        match root.value("spin_manifest_version") {
            Some(Value::Integer(2)) => {}
            _ => bail!("spin_manifest_version must be 2"),
        }
        application(&mut root)?;
        let variables = root
            .sections("variables")?
            .into_iter()
            .map(|(name, section)| Ok((name.clone(), variable(&name, section)?)))
            .collect::<Result<_>>()?;
        let mut components = BTreeMap::new();
        for (id, section) in root.sections("component")? {
            check_id(&id)?;
            components.insert(id, component(section, directory)?);
        }
        let triggers = triggers(&mut root, &mut components, directory)?;
        root.finish()?;

        let mut manifest = Self {
            variables,
            triggers,
            components,
        };
        manifest.check_references()?;
        crate::middleware::assign(&mut manifest.triggers, &mut manifest.components);
        Ok(manifest)
    }

    pub(crate) fn component(&self, id: &str) -> Result<&Component> {
        self.components
            .get(id)
            .with_context(|| format!("the manifest has no component {id:?}"))
    }

    fn check_references(&self) -> Result<()> {
        for trigger in &self.triggers {
            ensure!(
                self.components.contains_key(&trigger.component),
                "trigger.http names the component {:?}, which is not in the manifest",
                trigger.component
            );
            for middleware in &trigger.middleware {
                self.check_dependency("trigger.http.dependencies.middleware", middleware)?;
            }
        }
        for (id, component) in &self.components {
            for dependency in &component.dependencies {
                let name = &dependency.name;
                let path = format!("component.{id}.dependencies.{name:?}.component");
                self.check_dependency(&path, dependency)?;
            }
        }
        Ok(())
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
        // What it is granted would not hold where it is composed in. Spin refuses it too.
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

/// The parser's own message quotes the line, which may have a secret in it.
fn parse_toml(text: &str) -> Result<toml::Table> {
    text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.unwrap_or_default().matches('\n').count() + 1;
        anyhow::anyhow!("line {line}: {}", error.message())
    })
}

fn application(root: &mut Section) -> Result<()> {
    let mut application = root
        .section("application")?
        .context("application is missing")?;
    application.required_string("name")?;
    application.string("version")?;
    application.string("description")?;
    application.strings("authors")?;
    application.ignore(&["tool"]);
    application.finish()
}

fn variable(name: &str, mut section: Section) -> Result<Variable> {
    crate::variables::check_name(name)?;
    let default = section.string("default")?;
    let required = section.boolean("required")?.unwrap_or(false);
    section.boolean("secret")?;
    section.string("description")?;
    section.finish()?;
    ensure!(
        required != default.is_some(),
        "variables.{name} must be `required` or have a `default`"
    );
    Ok(Variable { default })
}

fn triggers(
    root: &mut Section,
    components: &mut BTreeMap<String, Component>,
    directory: &Path,
) -> Result<Vec<Trigger>> {
    let mut section = root
        .section("trigger")?
        .context("trigger.http is missing")?;
    let http = section.value("http").context("trigger.http is missing")?;
    section.finish()?;
    let Value::Array(items) = http else {
        bail!("trigger.http must be a list of tables: [[trigger.http]]");
    };
    let mut triggers = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let mut section = Section::new(format!("trigger.http[{index}]"), item)?;
        let id = section
            .string("id")?
            .unwrap_or_else(|| format!("trigger{index}"));
        let route = route(&mut section)?;
        let middleware = crate::middleware::read(&mut section, directory)?;
        let component = match section.value("component") {
            Some(Value::String(id)) => id,
            Some(inline @ Value::Table(_)) => {
                let id = (1..)
                    .map(|n| format!("inline-component{n}"))
                    .find(|id| !components.contains_key(id))
                    .context("no name is left for an inline component")?;
                let inline = Section::new(section.path_of("component"), inline)?;
                components.insert(id.clone(), self::component(inline, directory)?);
                id
            }
            _ => bail!(
                "{} must be a component's id or table",
                section.path_of("component")
            ),
        };
        section.finish()?;
        triggers.push(Trigger {
            route,
            component,
            id,
            middleware,
        });
    }
    Ok(triggers)
}

fn route(trigger: &mut Section) -> Result<Option<String>> {
    let path = trigger.path_of("route");
    match trigger.value("route") {
        Some(Value::String(route)) => Ok(Some(route)),
        Some(table @ Value::Table(_)) => {
            let mut private = Section::new(path.clone(), table)?;
            ensure!(
                private.boolean("private")? == Some(true),
                "{path}.private must be true"
            );
            private.finish()?;
            Ok(None)
        }
        _ => bail!("{path} must be a path or {{ private = true }}"),
    }
}

fn component(mut section: Section, directory: &Path) -> Result<Component> {
    let source = match section.value("source") {
        Some(Value::String(path)) => directory.join(path),
        Some(table @ Value::Table(_)) => {
            Section::new(section.path_of("source"), table)?.finish()?;
            bail!("{} must be a path", section.path_of("source"));
        }
        _ => bail!("{} must be a path", section.path_of("source")),
    };
    let component = Component {
        source,
        description: section.string("description")?.unwrap_or_default(),
        variables: section.string_table("variables")?,
        environment: section.string_table("environment")?,
        allowed_outbound_hosts: section.strings("allowed_outbound_hosts")?,
        key_value_stores: only_default(&mut section, "key_value_stores")?,
        sqlite_databases: only_default(&mut section, "sqlite_databases")?,
        dependencies: dependencies(&mut section, directory)?,
        middleware: Vec::new(),
    };
    section.ignore(&["build", "tool"]);
    section.finish()?;
    Ok(component)
}

/// A Spin without runtime config has one store and one database, both "default".
fn only_default(section: &mut Section, key: &str) -> Result<Vec<String>> {
    let names = section.strings(key)?;
    match names.iter().find(|name| *name != "default") {
        None => Ok(names),
        Some(other) => bail!(
            "{} names {other:?}, but only \"default\" exists without a runtime config",
            section.path_of(key)
        ),
    }
}

fn dependencies(component: &mut Section, directory: &Path) -> Result<Vec<Dependency>> {
    let Some(mut section) = component.section("dependencies")? else {
        return Ok(Vec::new());
    };
    let mut dependencies = Vec::new();
    for name in section.keys() {
        let path = section.path_of(&name);
        let Some(value) = section.value(&name) else {
            continue;
        };
        let Value::Table(_) = &value else {
            bail!(
                "{path} must be a table with `component` or `path`: registries are not supported"
            );
        };
        dependencies.push(dependency(name, Section::new(path, value)?, directory)?);
    }
    Ok(dependencies)
}

pub(crate) fn dependency(
    name: String,
    mut section: Section,
    directory: &Path,
) -> Result<Dependency> {
    let component = section.string("component")?;
    let path = section.string("path")?;
    let export = section.string("export")?;
    let inherit_path = section.path_of("inherit_configuration");
    let inherit = match section.value("inherit_configuration") {
        None | Some(Value::Boolean(false)) => Inherit::none(),
        Some(Value::Boolean(true)) => Inherit::all(),
        Some(list) => Inherit::some(&strings(&inherit_path, list)?)
            .map_err(|name| anyhow::anyhow!("{inherit_path} names {name:?}, which is unknown"))?,
    };
    let own_path = section.path_of("component");
    section.finish()?;
    let source = match (component, path) {
        (Some(id), None) => DependencySource::Component(id),
        (None, Some(path)) => DependencySource::Path(directory.join(path)),
        _ => bail!("{own_path} or `path` must be given, and not both"),
    };
    Ok(Dependency {
        name,
        source,
        export,
        inherit,
    })
}

fn check_id(id: &str) -> Result<()> {
    let kebab = id.split('-').all(|word| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    ensure!(kebab, "component.{id:?} must have a kebab-case name");
    Ok(())
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
    fn paths_are_relative_to_the_manifest() {
        let manifest = parse(SMALLEST).unwrap();
        assert_eq!(manifest.components["c"].source, Path::new("/app/c.wasm"));
        assert_eq!(manifest.triggers[0].route.as_deref(), Some("/..."));
    }

    #[test]
    fn a_key_that_is_not_supported_is_named_with_its_whole_path() {
        for (addition, expected) in [
            ("files = []", "component.c.files is not supported"),
            ("ai_models = []", "component.c.ai_models is not supported"),
            ("typo = 1", "component.c.typo is not supported"),
            ("[component.c.profile.debug]", "component.c.profile is not"),
            ("[[trigger.redis]]", "trigger.redis is not supported"),
            ("[application.trigger.http]", "application.trigger is not"),
            ("[elsewhere]", "elsewhere is not supported"),
            (
                "[variables]\nv = { required = true, x = 1 }",
                "variables.v.x is not",
            ),
            (
                "[[trigger.http]]\nroute = \"/x\"\ncomponent = \"c\"\nexecutor = { type = \"wagi\" }",
                "trigger.http[1].executor is not",
            ),
            (
                "[[trigger.http]]\nroute = \"/x\"\ncomponent = \"c\"\ndependencies.other = []",
                "trigger.http[1].dependencies.other is not",
            ),
            (
                "[[trigger.http]]\nroute = { private = true, x = 1 }\ncomponent = \"c\"",
                "trigger.http[1].route.x is not",
            ),
            (
                "[component.d]\nsource = { url = \"https://a\" }",
                "component.d.source.url is not",
            ),
            (
                "[component.c.dependencies]\n\"a:b/c\" = { version = \"1\", path = \"x\" }",
                "component.c.dependencies.\"a:b/c\".version is not",
            ),
        ] {
            let error = refused(addition);
            assert!(error.contains(expected), "{addition}: {error}");
        }
    }

    #[test]
    fn build_and_tool_tables_are_for_others() {
        let text = format!(
            "{SMALLEST}[component.c.build]\ncommand = \"make\"\n[component.c.tool.x]\ny = 1\n"
        );
        assert!(parse(&text).is_ok());
    }

    #[test]
    fn a_component_may_stand_inside_its_trigger() {
        let text = SMALLEST.replace("component = \"c\"", "component = { source = \"d.wasm\" }");
        let manifest = parse(&text).unwrap();
        let id = &manifest.triggers[0].component;
        assert_eq!(manifest.components[id].source, Path::new("/app/d.wasm"));
    }

    #[test]
    fn a_variable_is_required_or_has_a_default() {
        for bad in ["{}", "{ required = true, default = \"x\" }"] {
            let error = refused(&format!("[variables]\nv = {bad}"));
            assert!(error.contains("variables.v"), "{error}");
        }
    }

    #[test]
    fn only_the_default_stores_exist() {
        let error = refused("key_value_stores = [\"default\", \"cache\"]");
        assert!(error.contains("component.c.key_value_stores names \"cache\""));
    }

    #[test]
    fn a_name_that_leads_nowhere_is_an_error() {
        let error = refused("[component.c.dependencies]\n\"a:b/c\" = { component = \"x\" }");
        assert!(error.contains("component.c.dependencies.\"a:b/c\".component"));
        let text = SMALLEST.replace("component = \"c\"", "component = \"x\"");
        assert!(parse(&text).err().unwrap().to_string().contains("\"x\""));
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
    fn a_syntax_error_names_its_line_and_not_its_text() {
        let error = refused("[variables]\nv = { default = \"s3cret\" oops }");
        assert!(error.contains("line "), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn one_of_several_triggers_with_middleware_has_a_copy_of_the_component() {
        let guarded = "[[trigger.http]]\nid = \"x\"\nroute = \"/x\"\ncomponent = \"c\"\n\
            dependencies.middleware = [{ component = \"m\" }, { path = \"n.wasm\" }]\n\
            [component.m]\nsource = \"m.wasm\"";
        let manifest = parse(&format!("{SMALLEST}{guarded}")).unwrap();
        assert_eq!(manifest.triggers[0].component, "c");
        assert_eq!(manifest.triggers[1].component, "c-for-x");
        assert!(manifest.components["c"].middleware.is_empty());
        assert_eq!(manifest.components["c-for-x"].middleware.len(), 2);

        let alone = SMALLEST.replace(
            "component = \"c\"",
            "component = \"c\"\ndependencies.middleware = [{ path = \"m.wasm\" }]",
        );
        assert_eq!(parse(&alone).unwrap().components["c"].middleware.len(), 1);
    }

    #[test]
    fn a_dependency_has_no_grants_of_its_own() {
        let error = refused(
            "[component.c.dependencies]\n\"a:b/c\" = { component = \"d\" }\n\
             [component.d]\nsource = \"d.wasm\"\nkey_value_stores = [\"default\"]",
        );
        assert!(
            error.contains("which has key_value_stores of its own"),
            "{error}"
        );
    }
}
