//! `package OUT COMPONENT…`: copies the built components, versioned, into a folder with
//! their sizes, digests and bills of materials, and prints the manifest of all of them.
//!
//! Each file can be pushed as it is:
//! `wkg oci push <registry>/smartcar-edge/<name>:<version> <file>`

mod sbom;
mod tree;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

const BUILT: &str = "target/wasm32-wasip2/release";

/// What was packaged.
#[derive(Serialize)]
struct Manifest {
    version: &'static str,
    /// The WIT package that the components import and export.
    contract: String,
    components: Vec<Component>,
}

#[derive(Serialize)]
struct Component {
    name: String,
    #[serde(flatten)]
    wasm: Entry,
    sbom: Entry,
}

/// A packaged file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    file: String,
    media_type: &'static str,
    size: usize,
    sha256: String,
}

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let out = arguments.next().map(PathBuf::from);
    let out = out.context("usage: package OUT COMPONENT…")?;
    let components: Vec<String> = arguments.collect();
    // Cargo ran this, or a test did: both know the folder of this crate.
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = package(&repository, &out, &components)?;
    println!("{}", json(&manifest)?);
    Ok(())
}

fn package(repository: &Path, out: &Path, components: &[String]) -> Result<Manifest> {
    let (contract, interfaces) = contract(&repository.join("wit"))?;
    let crates = tree::read(repository, components)?;
    clear(out).with_context(|| format!("failed to clear {}", out.display()))?;
    fs::create_dir_all(out.join("wit"))?;
    for interface in interfaces {
        let name = interface.file_name().unwrap_or_default();
        fs::copy(&interface, out.join("wit").join(name))?;
    }
    let version = env!("CARGO_PKG_VERSION");
    let mut packaged = Vec::new();
    for name in components {
        let built = repository
            .join(BUILT)
            .join(name.replace('-', "_") + ".wasm");
        let bytes = fs::read(&built)
            .with_context(|| format!("failed to read {}; make components", built.display()))?;
        let file = format!("{name}-{version}.wasm");
        let wasm = write(out, file, "application/wasm", &bytes)?;
        let bill = json(&sbom::of(&crates, name, &wasm.sha256)?)? + "\n";
        let file = format!("{name}-{version}.cdx.json");
        let sbom = write(out, file, "application/vnd.cyclonedx+json", bill.as_bytes())?;
        packaged.push(Component {
            name: name.clone(),
            wasm,
            sbom,
        });
    }
    let manifest = Manifest {
        version,
        contract,
        components: packaged,
    };
    fs::write(out.join("manifest.json"), json(&manifest)? + "\n")?;
    Ok(manifest)
}

/// Removes what was packaged before, and nothing else.
fn clear(out: &Path) -> Result<()> {
    if !out.exists() {
        return Ok(());
    }
    let is_ours = out.join("manifest.json").exists() || fs::read_dir(out)?.next().is_none();
    ensure!(is_ours, "it holds other files");
    Ok(fs::remove_dir_all(out)?)
}

/// The id of the WIT package, and the files that define it.
fn contract(wit: &Path) -> Result<(String, Vec<PathBuf>)> {
    let types = fs::read_to_string(wit.join("types.wit"))?;
    let id = types.lines().find_map(|line| {
        let id = line.strip_prefix("package ")?;
        id.strip_suffix(';')
    });
    let id = id.context("wit/types.wit: must have a line `package <id>;`")?;
    let mut files = Vec::new();
    for file in fs::read_dir(wit)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            files.push(path);
        }
    }
    Ok((id.to_owned(), files))
}

fn write(out: &Path, file: String, media_type: &'static str, bytes: &[u8]) -> Result<Entry> {
    let path = out.join(&file);
    fs::write(&path, bytes).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(Entry {
        file,
        media_type,
        size: bytes.len(),
        sha256: hex::encode(Sha256::digest(bytes)),
    })
}

fn json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}
