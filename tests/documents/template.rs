//! `templates/smartcar-edge`: what it makes is this application.

use super::repository::{manifest, text};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Spin's template manifest, as far as ours uses it.
///
/// Source: <https://github.com/spinframework/spin/blob/94a8fc8a7804ec2519bb8d12df70ab77ad2e4f60/crates/templates/src/reader.rs>
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    manifest_version: String,
    id: String,
    description: String,
    tags: BTreeSet<String>,
    add_component: Variant,
    parameters: BTreeMap<String, Parameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variant {
    supported: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    #[serde(rename = "type")]
    kind: String,
    prompt: String,
    default: Option<String>,
    pattern: Option<String>,
}

fn template() -> Template {
    toml::from_str(&text("templates/smartcar-edge/metadata/spin-template.toml")).unwrap()
}

/// A digest that says whose it is.
fn digest(of: usize) -> String {
    format!("{of}").repeat(64)
}

fn values() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("project-name", "my-cars".to_owned()),
        ("authors", "Someone".to_owned()),
        ("project-description", "My cars".to_owned()),
        ("release-url", "https://example.com/0.1.0".to_owned()),
        ("receiver-digest", digest(1)),
        ("gateway-digest", digest(2)),
        ("relay-digest", digest(3)),
        ("http-sink-digest", digest(4)),
    ])
}

/// What Liquid makes of a file: the little of it that ours use. Panics where the
/// file asks for something that is not given.
fn rendered(file: &str) -> String {
    let values = values();
    let mut result = String::new();
    for (index, part) in text(file).split("{% raw %}").enumerate() {
        let (raw, part) = match part.split_once("{% endraw %}") {
            Some(parts) if index > 0 => parts,
            _ => ("", part),
        };
        result += raw;
        let mut pieces = part.split("{{");
        result += pieces.next().unwrap();
        for piece in pieces {
            let (expression, rest) = piece.split_once("}}").unwrap();
            let name = expression.split('|').next().unwrap().trim();
            let value = values.get(name);
            result += value.unwrap_or_else(|| panic!("{file} asks for {name}"));
            result += rest;
        }
        assert!(!part.contains("{%"), "{file} has a tag that is not known");
    }
    result
}

/// A manifest without what each of the two has of its own.
fn common(mut manifest: Table) -> Table {
    manifest.remove("application");
    for (_, component) in manifest["component"].as_table_mut().unwrap() {
        let component = component.as_table_mut().unwrap();
        component.remove("source");
        component.remove("build");
    }
    manifest
}

#[test]
fn template_makes_this_application() {
    let made: Table = rendered("templates/smartcar-edge/content/spin.toml")
        .parse()
        .unwrap();
    assert_eq!(made["application"]["name"].as_str(), Some("my-cars"));
    for (part, ours) in common(manifest()) {
        assert_eq!(common(made.clone()).get(&part), Some(&ours), "{part}");
    }
    assert_eq!(common(made).len(), common(manifest()).len());
}

#[test]
fn component_comes_from_the_release_by_its_digest() {
    let made: Table = rendered("templates/smartcar-edge/content/spin.toml")
        .parse()
        .unwrap();
    let ours = manifest();
    let version = ours["application"]["version"].as_str().unwrap();
    for (index, name) in ["receiver", "gateway", "relay", "http-sink"]
        .iter()
        .enumerate()
    {
        // As `make package` names it.
        let engine = if *name == "http-sink" { "" } else { "-sqlite" };
        let file = format!("{name}{engine}-{version}.wasm");
        let mut source = Table::new();
        source.insert(
            "url".into(),
            format!("https://example.com/0.1.0/{file}").into(),
        );
        source.insert(
            "digest".into(),
            format!("sha256:{}", digest(index + 1)).into(),
        );
        assert_eq!(made["component"][name]["source"], Value::Table(source));
    }
    assert_eq!(made["component"].as_table().unwrap().len(), 4);
}

#[test]
fn template_parameter_is_asked_for_and_used() {
    let template = template();
    assert_eq!(
        (&*template.manifest_version, &*template.id),
        ("1", "smartcar-edge")
    );
    assert!(!template.description.is_empty() && template.tags.contains("smartcar"));
    assert!(!template.add_component.supported);
    let of_spin = ["project-name", "authors"];
    let asked: BTreeSet<&str> = template.parameters.keys().map(String::as_str).collect();
    let used: BTreeSet<&str> = values().into_keys().collect();
    assert_eq!(
        asked,
        used.into_iter()
            .filter(|name| !of_spin.contains(name))
            .collect()
    );
    let content = text("templates/smartcar-edge/content/spin.toml");
    for (name, parameter) in &template.parameters {
        assert_eq!(parameter.kind, "string", "{name}");
        assert!(!parameter.prompt.is_empty(), "{name}");
        // What has no default has a shape that is checked.
        assert!(
            parameter.default.is_some() != parameter.pattern.is_some(),
            "{name}"
        );
        assert!(content.contains(&format!("{{{{ {name} }}}}")), "{name}");
    }
    rendered("templates/smartcar-edge/content/README.md");
}
