//! `package OUT COMPONENT[:ENGINE]…`: copies the built components, versioned, into a folder
//! with their sizes, digests and bills of materials, and prints the manifest of all of them.
//!
//! A component that stores something is built for an engine, `sqlite` or `postgres`, and has
//! that in its name: on the wrong host it would not start.
//!
//! Each file can be pushed as it is:
//! `wkg oci push <registry>/smartcar-edge/<name>:<version> <file>`

mod sbom;
mod tree;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// An engine that a component can be built for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    /// By default.
    Sqlite,
    /// In a folder of its own.
    Postgres,
}

/// What is to be packaged.
struct Wanted<'a> {
    component: &'a str,
    engine: Option<Engine>,
}

impl<'a> Wanted<'a> {
    fn parse(argument: &'a str) -> Result<Self> {
        let (component, engine) = match argument.split_once(':') {
            None => (argument, None),
            Some((component, "sqlite")) => (component, Some(Engine::Sqlite)),
            Some((component, "postgres")) => (component, Some(Engine::Postgres)),
            Some((_, other)) => bail!("{other}: the engines are sqlite and postgres"),
        };
        Ok(Self { component, engine })
    }

    /// What it is called when it is packaged.
    fn name(&self) -> String {
        let component = self.component;
        match self.engine {
            None => component.to_owned(),
            Some(Engine::Sqlite) => format!("{component}-sqlite"),
            Some(Engine::Postgres) => format!("{component}-postgres"),
        }
    }

    /// Where it was built.
    fn built(&self) -> String {
        let folder = match self.engine {
            Some(Engine::Postgres) => "target/postgres/wasm32-wasip2/release",
            _ => "target/wasm32-wasip2/release",
        };
        format!("{folder}/{}.wasm", self.component.replace('-', "_"))
    }
}

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
    let out = out.context("usage: package OUT COMPONENT[:ENGINE]…")?;
    let arguments: Vec<String> = arguments.collect();
    let wanted: Vec<Wanted<'_>> = arguments
        .iter()
        .map(|argument| Wanted::parse(argument))
        .collect::<Result<_>>()?;
    // Cargo ran this, or a test did: both know the folder of this crate.
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = package(&repository, &out, &wanted)?;
    println!("{}", json(&manifest)?);
    Ok(())
}

fn package(repository: &Path, out: &Path, wanted: &[Wanted<'_>]) -> Result<Manifest> {
    let (contract, interfaces) = contract(&repository.join("wit"))?;
    // What was built together.
    let built_for = |is_postgres: bool| {
        let is_one =
            move |each: &&Wanted<'_>| (each.engine == Some(Engine::Postgres)) == is_postgres;
        let components = wanted.iter().filter(is_one).map(|each| each.component);
        components.collect::<Vec<_>>()
    };
    let features = ["--no-default-features", "--features", "postgres"];
    let on_sqlite = tree::read(repository, &built_for(false), &[])?;
    let on_postgres = tree::read(repository, &built_for(true), &features)?;
    clear(out).with_context(|| format!("failed to clear {}", out.display()))?;
    fs::create_dir_all(out.join("wit"))?;
    for interface in interfaces {
        let name = interface.file_name().unwrap_or_default();
        fs::copy(&interface, out.join("wit").join(name))?;
    }
    let version = env!("CARGO_PKG_VERSION");
    let mut packaged = Vec::new();
    for wanted in wanted {
        let name = wanted.name();
        let built = repository.join(wanted.built());
        let bytes = fs::read(&built)
            .with_context(|| format!("failed to read {}; make components", built.display()))?;
        let file = format!("{name}-{version}.wasm");
        let wasm = write(out, file, "application/wasm", &bytes)?;
        let crates = match wanted.engine {
            Some(Engine::Postgres) => &on_postgres,
            _ => &on_sqlite,
        };
        let bill = json(&sbom::of(crates, wanted.component, &wasm.sha256)?)? + "\n";
        let file = format!("{name}-{version}.cdx.json");
        let sbom = write(out, file, "application/vnd.cyclonedx+json", bill.as_bytes())?;
        packaged.push(Component { name, wasm, sbom });
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
