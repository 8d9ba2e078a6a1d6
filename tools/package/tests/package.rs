//! What is packaged, and what is written about it.
#![allow(missing_docs, reason = "a test says what it is for in its name")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise, and so does what it calls"
)]

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, path::Path, process::Command};
use tempfile::TempDir;

/// What `make package` makes of these components, and what it says of them.
fn package(components: &[&str], out: &Path) -> Value {
    let mut package = Command::new(env!("CARGO_BIN_EXE_package"));
    package.arg(out).args(components);
    let output = package.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A packaged file, which is as its entry in the manifest says.
fn packaged(out: &Path, entry: &Value) -> Vec<u8> {
    let bytes = std::fs::read(out.join(entry["file"].as_str().unwrap())).unwrap();
    assert_eq!(entry["size"], bytes.len());
    assert_eq!(entry["sha256"], hex::encode(Sha256::digest(&bytes)));
    bytes
}

#[test]
fn package_holds_what_was_built() {
    let out = TempDir::new().unwrap();
    let manifest = package(&["client", "verify"], out.path());
    assert_eq!(manifest["contract"], "smartcar:edge@0.2.0");
    let components = manifest["components"].as_array().unwrap();
    assert_eq!(components.len(), 2);
    for component in components {
        let name = component["name"].as_str().unwrap();
        let folder = env!("CARGO_MANIFEST_DIR");
        let built = format!("{folder}/../../target/wasm32-wasip2/release/{name}.wasm");
        assert_eq!(
            packaged(out.path(), component),
            std::fs::read(built).unwrap()
        );
        assert_eq!(component["file"], format!("{name}-0.1.0.wasm"));
    }
}

/// The bill of materials that is packaged with the component of this number.
fn bill(out: &Path, manifest: &Value, component: usize) -> (String, Value) {
    let entry = &manifest["components"][component]["sbom"];
    assert_eq!(entry["mediaType"], "application/vnd.cyclonedx+json");
    let text = String::from_utf8(packaged(out, entry)).unwrap();
    let bill = serde_json::from_str(&text).unwrap();
    (text, bill)
}

#[test]
fn package_says_what_it_is_made_of() {
    let out = TempDir::new().unwrap();
    let manifest = package(&["verify", "print-sink"], out.path());
    let (text, bill) = bill(out.path(), &manifest, 0);
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let whole = &bill["metadata"]["component"];
    assert_eq!(whole["name"], "verify");
    let digest = &manifest["components"][0]["sha256"];
    assert_eq!(&whole["hashes"][0]["content"], digest);

    // As the registry has it, by the checksum that cargo compares.
    let parts = bill["components"].as_array().unwrap();
    let hmac = parts.iter().find(|part| part["name"] == "hmac").unwrap();
    let version = hmac["version"].as_str().unwrap();
    assert_eq!(hmac["purl"], format!("pkg:cargo/hmac@{version}"));
    assert_eq!(hmac["licenses"][0]["expression"], "MIT OR Apache-2.0");
    let lock = include_str!("../../../Cargo.lock");
    let checksum = hmac["hashes"][0]["content"].as_str().unwrap();
    assert!(lock.contains(&format!("checksum = \"{checksum}\"")));

    // Its own crates, of which a registry knows nothing, and Rust's library.
    let named = |name: &str| parts.iter().find(|part| part["name"] == name);
    assert_eq!(named("smartcar").unwrap()["purl"], Value::Null);
    assert!(named("std").is_some());
    // What tests, build scripts, macros and other targets need is not in it.
    for elsewhere in ["proptest", "rusqlite", "serde_derive", "wasmtime", "libc"] {
        assert!(named(elsewhere).is_none(), "{elsewhere}");
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap();
    assert!(!text.contains(repository.to_str().unwrap()), "{text}");
}

#[test]
fn bill_of_materials_is_whole_and_of_one_component() {
    let out = TempDir::new().unwrap();
    let manifest = package(&["verify", "print-sink"], out.path());
    for component in 0..2 {
        let (_, bill) = bill(out.path(), &manifest, component);
        let reference = |part: &Value| part["bom-ref"].as_str().unwrap().to_owned();
        let parts = bill["components"].as_array().unwrap().iter();
        let mut parts: BTreeSet<_> = parts.map(reference).collect();
        parts.insert(reference(&bill["metadata"]["component"]));
        let edges = bill["dependencies"].as_array().unwrap();
        let from: BTreeSet<_> = edges
            .iter()
            .map(|edge| edge["ref"].as_str().unwrap())
            .collect();
        assert!(from.iter().copied().eq(&parts), "{from:?} {parts:?}");
        for to in edges
            .iter()
            .flat_map(|edge| edge["dependsOn"].as_array().unwrap())
        {
            assert!(parts.contains(to.as_str().unwrap()), "{to}");
        }
        let is_verify = component == 0;
        assert_eq!(parts.contains("smartcar-edge:smartcar@0.1.0"), is_verify);
    }
}

#[test]
fn bill_of_materials_is_the_same_for_the_same_sources() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let manifest = package(&["verify"], one.path());
    assert_eq!(package(&["verify"], other.path()), manifest);
}

#[test]
fn package_of_an_unknown_component_is_refused_by_its_name() {
    let out = TempDir::new().unwrap();
    let mut package = Command::new(env!("CARGO_BIN_EXE_package"));
    package
        .arg(out.path())
        .args(["verify", "no-such-component"]);
    let output = package.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && error.contains("no-such-component"),
        "{error}"
    );
}

#[test]
fn package_leaves_a_folder_with_other_files_alone() {
    let out = TempDir::new().unwrap();
    let file = out.path().join("other");
    std::fs::write(&file, "").unwrap();
    let mut package = Command::new(env!("CARGO_BIN_EXE_package"));
    package.arg(out.path()).arg("verify");
    assert!(!package.output().unwrap().status.success());
    assert!(file.exists());
}

#[test]
fn package_of_a_component_says_which_engine_it_was_built_for() {
    let out = TempDir::new().unwrap();
    let manifest = package(&["receiver:sqlite", "verify"], out.path());
    let receiver = &manifest["components"][0];
    assert_eq!(receiver["name"], "receiver-sqlite");
    assert_eq!(receiver["file"], "receiver-sqlite-0.1.0.wasm");
    let mut package = Command::new(env!("CARGO_BIN_EXE_package"));
    package.arg(out.path()).arg("receiver:mysql");
    let output = package.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && error.contains("mysql"),
        "{error}"
    );
}
