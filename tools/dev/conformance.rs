//! `make conformance`: the app in front of Smartcar's double, asked for everything that
//! /openapi.json describes and for much that it does not, for `CONFORMANCE_SECONDS`.

use anyhow::{Context as _, Result, ensure};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};
use support::{App, Options, repository, try_out};

/// The key that tests/conformance/schemathesis.toml sends.
const KEY: &str = "try-me";

const REQUIREMENTS: &str = "tests/conformance/requirements.txt";

pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result<()> {
    let seconds = env::var("CONFORMANCE_SECONDS").unwrap_or_default();
    let seconds = if seconds.is_empty() { "120" } else { &seconds };
    let number: u32 = seconds.parse().unwrap_or_default();
    ensure!(
        number > 0,
        "CONFORMANCE_SECONDS is '{seconds}'; it must be a number of seconds"
    );
    let place = repository().join("target/conformance");
    let programs = install(&place)?;
    let app = App::start_with(Options {
        variables: vec![("API_KEYS", api_keys())],
        ..Options::default()
    });
    let document = place.join("openapi.json");
    let answer = app.send("GET", "/openapi.json", &[], b"");
    fs::write(&document, &answer.body)?;
    done(Command::new(programs.join("openapi-spec-validator")).arg(&document))?;
    // Every failure comes with the request that shows it again.
    done(
        Command::new(programs.join("schemathesis"))
            .env("NO_PROXY", "127.0.0.1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["--config-file", "tests/conformance/schemathesis.toml"])
            .args(["run", &app.url("/openapi.json"), "--max-time", seconds])
            .args(arguments),
    )
}

fn api_keys() -> String {
    let all = try_out("", "", KEY);
    let keys = all.into_iter().find(|(name, _)| name.ends_with("API_KEYS"));
    keys.map(|(_, keys)| keys).unwrap_or_default()
}

/// Installs the tools, once for each change of what is asked for. Returns the folder of
/// their programs.
fn install(place: &Path) -> Result<PathBuf> {
    let wanted = fs::read(repository().join(REQUIREMENTS))?;
    let (installed, environment) = (place.join("installed.txt"), place.join("venv"));
    let programs = environment.join("bin");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(programs);
    }
    let version = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    done(Command::new("python3").args(["-c", version])).context(
        "make conformance needs Python 3.10 or later (python3) with the modules venv and \
         ensurepip (python3-venv on Debian)",
    )?;
    fs::create_dir_all(place)?;
    let _ = fs::remove_dir_all(&environment);
    done(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment),
    )?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    done(
        Command::new(programs.join("python"))
            .args(pip)
            .args(["-r", REQUIREMENTS]),
    )
    .with_context(|| format!("make conformance could not install {REQUIREMENTS}"))?;
    fs::write(installed, wanted)?;
    Ok(programs)
}

/// Runs a program to its end.
fn done(command: &mut Command) -> Result<()> {
    let status = command.current_dir(repository()).status();
    let status = status.with_context(|| format!("failed to run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
