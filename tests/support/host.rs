//! The host that runs an application: Spin, or its stand-in.

use crate::process::repository;
use std::{env, path::Path, process::Command, sync::OnceLock};

/// A host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// `spin up`, of Spin 4.1 or later on PATH.
    Spin,
    /// This repository's stand-in, `host/`.
    Embedded,
}

impl Host {
    /// The host that `EDGE_HOST` names (`spin` or `embedded`); where it is empty, Spin if a
    /// suitable one is on PATH.
    ///
    /// # Errors
    /// `EDGE_HOST` has another value, or Spin is missing or too old.
    pub fn chosen() -> Result<Self, String> {
        static CHOSEN: OnceLock<Result<Host, String>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| {
                let name = env::var("EDGE_HOST").unwrap_or_default();
                choose(&name, spin_version().as_deref())
            })
            .clone()
    }

    /// The name by which `EDGE_HOST` chooses it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Embedded => "embedded",
        }
    }

    /// The command that runs the application of a manifest, with its state in a folder.
    pub fn command(self, manifest: &Path, address: &str, state: &Path) -> Command {
        let mut command = match self {
            Self::Spin => {
                let mut spin = Command::new("spin");
                spin.arg("up");
                spin
            }
            Self::Embedded => {
                let built = repository().join("target");
                let mut host = Command::new(built.join("debug/edge-host"));
                host.arg("--cache-dir").arg(built.join("edge-host-cache"));
                host
            }
        };
        command.arg("--from").arg(manifest);
        command.args(["--listen", address]);
        command.arg("--state-dir").arg(state);
        command.current_dir(repository());
        command
    }
}

fn choose(name: &str, version: Option<&str>) -> Result<Host, String> {
    let is_suitable = version.is_some_and(is_suitable);
    match (name, version) {
        ("embedded", _) => Ok(Host::Embedded),
        ("" | "spin", Some(_)) if is_suitable => Ok(Host::Spin),
        ("", _) => Ok(Host::Embedded),
        ("spin", None) => Err(
            "EDGE_HOST=spin: there is no spin on PATH (https://spinframework.dev/install)"
                .to_owned(),
        ),
        ("spin", Some(version)) => Err(format!(
            "EDGE_HOST=spin: this app needs Spin 4.1 or later (WASI 0.3), and {version} is on PATH"
        )),
        (other, _) => Err(format!(
            "EDGE_HOST is '{other}'; it must be embedded, spin, or empty"
        )),
    }
}

/// What `spin --version` prints: `spin 4.1.0 (…)`.
fn spin_version() -> Option<String> {
    let output = Command::new("spin").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn is_suitable(version: &str) -> bool {
    let numbers = version.split_whitespace().nth(1).unwrap_or_default();
    let mut numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0));
    let (major, minor): (u32, u32) = (
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default(),
    );
    (major, minor) >= (4, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_spin_where_a_suitable_one_is_there() {
        let new = Some("spin 4.1.0-pre0 (abc 2026-08-01)");
        for (name, version, host) in [
            ("", new, Host::Spin),
            ("", Some("spin 10.0.1"), Host::Spin),
            ("", Some("spin 4.0.9"), Host::Embedded),
            ("", Some("spinning"), Host::Embedded),
            ("", None, Host::Embedded),
            ("embedded", new, Host::Embedded),
            ("spin", new, Host::Spin),
        ] {
            assert_eq!(choose(name, version), Ok(host), "{name:?} {version:?}");
        }
        for (name, version, reason) in [
            ("spin", None, "no spin on PATH"),
            ("spin", Some("spin 3.9.0"), "needs Spin 4.1 or later"),
            ("docker", new, "must be embedded, spin, or empty"),
        ] {
            let error = choose(name, version).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
