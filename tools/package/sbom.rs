//! The bill of materials of a component, in CycloneDX 1.6
//! (<https://cyclonedx.org/docs/1.6/json/>).
//!
//! The same sources give the same bytes: it has no serial number, and a time only where
//! `SOURCE_DATE_EPOCH` names one
//! (<https://reproducible-builds.org/specs/source-date-epoch/>).

use crate::tree::{Crate, Crates, Id};
use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Serialize;
use std::{env, process::Command};

const OURS: &str = "smartcar-edge";

/// A bill of materials.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bill {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u8,
    metadata: Metadata,
    components: Vec<Part>,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    lifecycles: [Lifecycle; 1],
    component: Part,
}

#[derive(Serialize)]
struct Lifecycle {
    phase: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Part {
    r#type: &'static str,
    bom_ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'static str>,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<Licence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Licence {
    expression: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    r#ref: String,
    depends_on: Vec<String>,
}

/// The bill of the component whose file has this SHA-256.
pub(crate) fn of(crates: &Crates, component: &str, sha256: &str) -> Result<Bill> {
    bill(crates, component, sha256, &standard_library()?, time()?)
}

fn bill(
    crates: &Crates,
    component: &str,
    sha256: &str,
    rust: &str,
    timestamp: Option<Timestamp>,
) -> Result<Bill> {
    let (root, about) = crates
        .iter()
        .find(|(id, each)| id.name == component && each.checksum.is_none())
        .with_context(|| format!("cargo knows no component {component}"))?;
    // Rust's own library is compiled in as well, and no lock file lists it.
    let std = Part {
        r#type: "library",
        bom_ref: format!("rust:std@{rust}"),
        group: Some("rust"),
        name: "std".to_owned(),
        version: rust.to_owned(),
        hashes: Vec::new(),
        licenses: licences(Some("MIT OR Apache-2.0")),
        purl: None,
    };
    let mut found = vec![(root, about)];
    reach(crates, about, &mut found);
    let dependencies = found.iter().map(|(id, each)| {
        let mut depends_on: Vec<String> =
            each.needs.iter().map(|id| reference(crates, id)).collect();
        if *id == root {
            depends_on.push(std.bom_ref.clone());
        }
        Dependency {
            r#ref: reference(crates, id),
            depends_on,
        }
    });
    let mut dependencies: Vec<_> = dependencies.collect();
    dependencies.push(Dependency {
        r#ref: std.bom_ref.clone(),
        depends_on: Vec::new(),
    });
    let libraries = found.iter().skip(1).map(|(id, each)| Part {
        hashes: hashes(each.checksum.as_deref()),
        ..part(crates, id, each)
    });
    let mut components: Vec<_> = libraries.collect();
    components.push(std);
    Ok(Bill {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        version: 1,
        metadata: Metadata {
            timestamp: timestamp.map(|time| time.to_string()),
            lifecycles: [Lifecycle { phase: "build" }],
            component: Part {
                r#type: "application",
                hashes: hashes(Some(sha256)),
                ..part(crates, root, about)
            },
        },
        components,
        dependencies,
    })
}

/// Adds what a crate needs, directly or not, each once.
fn reach<'a>(crates: &'a Crates, of: &'a Crate, found: &mut Vec<(&'a Id, &'a Crate)>) {
    for needed in &of.needs {
        if found.iter().any(|(id, _)| *id == needed) {
            continue;
        }
        if let Some(known) = crates.get(needed) {
            found.push((needed, known));
            reach(crates, known, found);
        }
    }
}

fn part(crates: &Crates, id: &Id, about: &Crate) -> Part {
    let is_ours = about.checksum.is_none();
    Part {
        r#type: "library",
        bom_ref: reference(crates, id),
        group: is_ours.then_some(OURS),
        name: id.name.clone(),
        version: id.version.clone(),
        hashes: Vec::new(),
        licenses: licences(about.licence.as_deref()),
        purl: (!is_ours).then(|| purl(id)),
    }
}

/// A crate of this repository has no address in a registry: crates.io may hold another
/// crate of that name. Every other one comes from there (deny.toml).
fn reference(crates: &Crates, id: &Id) -> String {
    let is_ours = crates.get(id).is_none_or(|each| each.checksum.is_none());
    if is_ours {
        format!("{OURS}:{}@{}", id.name, id.version)
    } else {
        purl(id)
    }
}

/// <https://github.com/package-url/purl-spec>
fn purl(id: &Id) -> String {
    format!("pkg:cargo/{}@{}", id.name, id.version.replace('+', "%2B"))
}

fn hashes(sha256: Option<&str>) -> Vec<Hash> {
    let hash = sha256.map(|content| Hash {
        alg: "SHA-256",
        content: content.to_owned(),
    });
    hash.into_iter().collect()
}

fn licences(expression: Option<&str>) -> Vec<Licence> {
    let licence = expression.map(|expression| Licence {
        expression: expression.to_owned(),
    });
    licence.into_iter().collect()
}

/// The version of Rust's library.
fn standard_library() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output();
    let version = String::from_utf8(output.context("failed to run rustc")?.stdout)?;
    let version = version.split_whitespace().nth(1);
    Ok(version.context("rustc names no version")?.to_owned())
}

fn time() -> Result<Option<Timestamp>> {
    let Ok(seconds) = env::var("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    if seconds.is_empty() {
        return Ok(None);
    }
    let seconds = seconds.parse().ok();
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let time = time.context("SOURCE_DATE_EPOCH: must be a number of seconds since 1970")?;
    Ok(Some(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::crates;
    use serde_json::{Value, json};

    fn shown(component: &str, timestamp: Option<Timestamp>) -> Value {
        let bill = bill(&crates(), component, "abcd", "1.95.0", timestamp).unwrap();
        serde_json::to_value(bill).unwrap()
    }

    #[test]
    fn bill_of_materials_has_the_shape_of_cyclonedx() {
        let time = Timestamp::from_second(1_700_000_000).unwrap();
        let std = json!({
            "type": "library", "bom-ref": "rust:std@1.95.0", "group": "rust", "name": "std",
            "version": "1.95.0", "licenses": [{"expression": "MIT OR Apache-2.0"}],
        });
        let digest = json!({
            "type": "library", "bom-ref": "pkg:cargo/digest@0.10.0", "name": "digest",
            "version": "0.10.0", "hashes": [{"alg": "SHA-256", "content": "02"}],
            "purl": "pkg:cargo/digest@0.10.0",
        });
        let bill = shown("print-sink", Some(time));
        assert_eq!(bill["components"][0], digest);
        assert_eq!(bill["components"][3], std);
        assert_eq!(bill["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
        let component = json!({
            "type": "application", "bom-ref": "smartcar-edge:print-sink@0.1.0",
            "group": "smartcar-edge", "name": "print-sink", "version": "0.1.0",
            "hashes": [{"alg": "SHA-256", "content": "abcd"}],
            "licenses": [{"expression": "Apache-2.0"}],
        });
        assert_eq!(bill["metadata"]["component"], component);
        assert_eq!(bill["metadata"]["lifecycles"], json!([{"phase": "build"}]));
        let dependencies = json!([
            {"ref": "smartcar-edge:print-sink@0.1.0", "dependsOn": [
                "pkg:cargo/digest@0.10.0", "pkg:cargo/hmac@0.13.0", "rust:std@1.95.0"
            ]},
            {"ref": "pkg:cargo/digest@0.10.0", "dependsOn": []},
            {"ref": "pkg:cargo/hmac@0.13.0", "dependsOn": ["pkg:cargo/digest@0.11.0%2Bbuild"]},
            {"ref": "pkg:cargo/digest@0.11.0%2Bbuild", "dependsOn": []},
            {"ref": "rust:std@1.95.0", "dependsOn": []},
        ]);
        assert_eq!(bill["dependencies"], dependencies);
    }

    #[test]
    fn bill_of_materials_is_of_one_component_and_without_a_time_the_same_each_time() {
        let bill = shown("verify", None);
        assert_eq!(bill["metadata"].get("timestamp"), None);
        let parts = bill["components"].as_array().unwrap();
        let names = parts.iter().map(|part| part["name"].as_str().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["hmac", "digest", "std"]);
        let unknown = bill_error("hmac");
        assert!(unknown.contains("no component hmac"), "{unknown}");
    }

    fn bill_error(component: &str) -> String {
        let bill = bill(&crates(), component, "abcd", "1.95.0", None);
        bill.err().unwrap().to_string()
    }
}
