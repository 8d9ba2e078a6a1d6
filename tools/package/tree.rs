//! The crates that components are made of, as `cargo tree` lists them.
//!
//! `cargo tree` leaves out what the target and the features leave out. cargo-cyclonedx asks
//! `cargo metadata`, which has the features of the whole workspace, and it lists macros,
//! which run in the compiler and are not in a component.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    process::Command,
};

/// A crate by name and version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// What is known of a crate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crate {
    /// An expression of SPDX, where its author states one.
    pub(crate) licence: Option<String>,
    /// The registry's SHA-256; none of a crate of this repository.
    pub(crate) checksum: Option<String>,
    /// What it needs, in the order of the tree.
    pub(crate) needs: Vec<Id>,
}

/// Every crate that the components are made of.
pub(crate) type Crates = BTreeMap<Id, Crate>;

/// The crates of these components when they are built together: cargo unites the features
/// of what it builds together, and what one of them switches on may be in the others.
pub(crate) fn read(repository: &Path, components: &[&str], features: &[&str]) -> Result<Crates> {
    if components.is_empty() {
        return Ok(Crates::new());
    }
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(repository)
        .args(["tree", "--quiet", "--locked", "--target", "wasm32-wasip2"])
        .args(["--edges", "normal,no-proc-macro", "--prefix", "depth"])
        .args(["--format", " {p}|{l}"])
        .args(features);
    for component in components {
        cargo.args(["-p", component]);
    }
    let output = cargo.output().context("failed to run cargo tree")?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo tree: {}", message.trim());
    let tree = String::from_utf8(output.stdout)?;
    let lock = fs::read_to_string(repository.join("Cargo.lock"))?;
    parse(&tree, &checksums(&lock)?)
}

/// The registry's checksums of a lock file.
fn checksums(lock: &str) -> Result<HashMap<Id, String>> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(lock).context("failed to read Cargo.lock")?;
    let packages = lock.package.into_iter().filter_map(|locked| {
        let Locked {
            name,
            version,
            checksum,
        } = locked;
        Some((Id { name, version }, checksum?))
    });
    Ok(packages.collect())
}

/// Reads lines `<depth> <name> v<version> [(<folder>)]|<licence> [(*)]`.
fn parse(tree: &str, checksums: &HashMap<Id, String>) -> Result<Crates> {
    let mut crates = Crates::new();
    let mut above: Vec<Id> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (depth, id, licence) =
            parts(line).with_context(|| format!("cargo tree: unexpected line {line:?}"))?;
        let known = crates.entry(id.clone()).or_insert_with(|| Crate {
            checksum: checksums.get(&id).cloned(),
            ..Crate::default()
        });
        // Licences were separated by slashes before they were expressions.
        known.licence = (!licence.is_empty()).then(|| licence.replace('/', " OR "));
        above.truncate(depth);
        if let Some(parent) = above.last().and_then(|parent| crates.get_mut(parent))
            && !parent.needs.contains(&id)
        {
            parent.needs.push(id.clone());
        }
        above.push(id);
    }
    Ok(crates)
}

fn parts(line: &str) -> Option<(usize, Id, &str)> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split_whitespace();
    let depth = words.next()?.parse().ok()?;
    let id = Id {
        name: words.next()?.to_owned(),
        version: words.next()?.strip_prefix('v')?.to_owned(),
    };
    // A star marks what the tree has shown before.
    Some((depth, id, licence.trim_end_matches("(*)").trim()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn id(name: &str, version: &str) -> Id {
        Id {
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    /// Two components, of which the second needs a crate in two versions.
    pub(crate) fn crates() -> Crates {
        let tree = "0 verify v0.1.0 (/folder/src/verify)|Apache-2.0\n\
            1 hmac v0.13.0|MIT OR Apache-2.0\n\
            2 digest v0.11.0+build|MIT/Apache-2.0\n\
            1 digest v0.11.0+build|MIT/Apache-2.0 (*)\n\
            \n\
            0 print-sink v0.1.0 (/folder/examples/print-sink)|Apache-2.0\n\
            1 digest v0.10.0|\n\
            1 hmac v0.13.0|MIT OR Apache-2.0 (*)\n";
        let lock = "[[package]]\nname = \"hmac\"\nversion = \"0.13.0\"\nchecksum = \"00ff\"\n\
            [[package]]\nname = \"digest\"\nversion = \"0.11.0+build\"\nchecksum = \"01\"\n\
            [[package]]\nname = \"digest\"\nversion = \"0.10.0\"\nchecksum = \"02\"\n\
            [[package]]\nname = \"verify\"\nversion = \"0.1.0\"\n";
        parse(tree, &checksums(lock).unwrap()).unwrap()
    }

    #[test]
    fn tree_says_which_crate_needs_which() {
        let crates = crates();
        let verify = &crates[&id("verify", "0.1.0")];
        let (hmac, digest) = (id("hmac", "0.13.0"), id("digest", "0.11.0+build"));
        assert_eq!(verify.needs, [hmac.clone(), digest.clone()]);
        assert_eq!(verify.checksum, None);
        assert_eq!(crates[&hmac].needs, std::slice::from_ref(&digest));
        assert_eq!(crates[&hmac].checksum.as_deref(), Some("00ff"));
        let licence = crates[&digest].licence.as_deref();
        assert_eq!(licence, Some("MIT OR Apache-2.0"));
        assert_eq!(crates[&id("digest", "0.10.0")].licence, None);
        let sink = &crates[&id("print-sink", "0.1.0")];
        assert_eq!(sink.needs, [id("digest", "0.10.0"), hmac]);
    }

    #[test]
    fn tree_of_an_unknown_shape_is_an_error() {
        for line in ["verify v0.1.0|MIT", "0 verify 0.1.0|MIT", "0 verify v0.1.0"] {
            let error = parse(line, &HashMap::new()).unwrap_err();
            assert!(error.to_string().contains(line), "{error}");
        }
    }
}
