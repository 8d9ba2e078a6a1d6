//! Whether Akamai Functions offers what the components import, as Spin judges it, by what
//! `deploy/akamai` assumes of that platform.

use super::repository::{manifest_in, text};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use support::{Host, repository};
use toml::Table;

/// What is left out, and why: past the harness, which shows what a test prints only where it
/// fails.
fn is_left_out() -> bool {
    let why = if Host::chosen() != Ok(Host::Spin) {
        "there is no Spin 4.1 or later on PATH, or EDGE_HOST is embedded"
    } else if !repository().join(component("gateway")).exists() {
        "the components on PostgreSQL are not built (make app-postgres)"
    } else {
        return false;
    };
    use std::io::Write as _;
    let _ = writeln!(
        std::io::stderr(),
        "left out: what Akamai Functions offers; {why}"
    );
    true
}

fn component(name: &str) -> String {
    format!("target/postgres/wasm32-wasip2/release/{name}.wasm")
}

/// The folder of the package of that name among those that this repository is built with.
fn package(metadata: &Value, name: &str) -> PathBuf {
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.unwrap()["manifest_path"].as_str().unwrap();
    Path::new(manifest).parent().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A folder with the platform as it is assumed, and the interfaces that this names.
fn platform() -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().unwrap();
    let here = folder.path();
    let cargo = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--locked",
            "--offline",
            "--format-version=1",
            "--filter-platform=wasm32-wasip2",
        ])
        .current_dir(repository())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let (wasi, spin) = (
        package(&metadata, "wasmtime-wasi"),
        package(&metadata, "spin-sdk"),
    );
    let interfaces = here.join("wit/deps");
    fs::create_dir_all(&interfaces).unwrap();
    copy(&spin.join("wit/deps"), &interfaces);
    // Those of WASI 0.2 that Spin's own name are in another version there.
    for folder in ["clocks@0.2.0", "io@0.2.0"] {
        fs::remove_dir_all(interfaces.join(folder)).unwrap();
    }
    for unused in [
        "wasi-keyvalue",
        "wasi-runtime-config",
        "otel",
        "fermyon-spin",
    ] {
        for entry in fs::read_dir(&interfaces).unwrap() {
            let path = entry.unwrap().path();
            if path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(unused)
            {
                fs::remove_dir_all(path).unwrap();
            }
        }
    }
    copy(&wasi.join("src/p2/wit/deps"), &interfaces);
    for file in ["environment.toml", "wit/world.wit"] {
        fs::write(here.join(file), text(&format!("deploy/akamai/{file}"))).unwrap();
    }
    folder
}

/// What Spin says of a manifest's components, and whether the platform takes them.
fn judge(platform: &Path, mut manifest: Table) -> (bool, String) {
    let environment = Table::from_iter([("path".to_owned(), "environment.toml".into())]);
    let application = manifest["application"].as_table_mut().unwrap();
    application.insert("targets".to_owned(), vec![environment].into());
    for (_, component) in manifest["component"].as_table_mut().unwrap() {
        let component = component.as_table_mut().unwrap();
        // They are built.
        component.remove("build");
        let source = component["source"].as_str().unwrap();
        let source = repository().join(source.trim_start_matches("../"));
        component.insert("source".to_owned(), source.to_str().unwrap().into());
    }
    let file = platform.join("spin.toml");
    fs::write(&file, toml::to_string(&manifest).unwrap()).unwrap();
    let spin = Command::new("spin")
        .args(["build", "-f"])
        .arg(&file)
        .output()
        .unwrap();
    let said = [spin.stdout, spin.stderr].concat();
    (
        spin.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn akamai_offers_what_the_components_import() {
    if is_left_out() {
        return;
    }
    let platform = platform();
    let (is_taken, said) = judge(platform.path(), manifest_in("deploy/akamai/spin.toml"));
    assert!(is_taken, "{said}");
    // And would not take those on SQLite.
    let (is_taken, said) = judge(platform.path(), manifest_in("spin.toml"));
    assert!(!is_taken && said.contains("spin:sqlite/sqlite"), "{said}");
}
