//! A host that serves a manifest on a free port, with a state of its own.

use crate::{deliveries::TOKEN, repository};
use anyhow::{Context as _, Error, Result, bail, ensure};
use serde_json::Value;
use std::{
    fs::File,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};
use support::Engine;
use tempfile::TempDir;

/// The gateway's key, and it may do everything.
pub const KEY: &str = "bench-key";

/// printf '%s' bench-key | openssl dgst -sha256
const KEYS: &str = r#"[{"name":"bench","scopes":["*"],
    "sha256":"b0962662e937d44c699c8305d90cbf190b3150c59b13863d1380b5cc3c711bb7"}]"#;

/// The host that `EDGE_HOST` chooses.
///
/// # Errors
/// The host is missing, or too old.
pub fn name() -> Result<&'static str> {
    Ok(match support::Host::chosen().map_err(Error::msg)? {
        support::Host::Spin => "Spin",
        support::Host::Embedded => "the embedded host (`host`)",
    })
}

/// A running host. It ends when it is dropped.
pub struct Host {
    child: Child,
    state: TempDir,
    /// Where it listens.
    pub address: String,
}

/// The variables that name an empty database of a server whose writes are durable, as it is
/// installed. The server ends with this process.
fn database_variables() -> Vec<(String, String)> {
    static SERVER: LazyLock<postgresql::Server> = LazyLock::new(|| postgresql::Server::start(&[]));
    let url = support::new_database(&SERVER);
    support::database_variables(&url)
        .map(|(name, value)| (format!("SPIN_VARIABLE_{name}"), value))
        .to_vec()
}

impl Host {
    /// Starts the host that `EDGE_HOST` chooses with a manifest of this repository.
    ///
    /// # Errors
    /// The host did not start. The error has what it printed.
    pub fn start(manifest: &str) -> Result<Self> {
        Self::start_with(manifest, &[])
    }

    /// Starts it with this application on an empty database of that engine.
    ///
    /// # Errors
    /// The host did not start. The error has what it printed.
    pub fn start_app(engine: Engine) -> Result<Self> {
        match engine {
            Engine::Sqlite => Self::start("spin.toml"),
            Engine::Postgres => {
                let variables = database_variables();
                let variables = variables.iter().map(|(name, value)| (&**name, &**value));
                Self::start_with("spin-postgres.toml", &variables.collect::<Vec<_>>())
            }
        }
    }

    /// Starts it with a manifest and variables of the environment.
    ///
    /// # Errors
    /// The host did not start. The error has what it printed.
    pub fn start_with(manifest: &str, variables: &[(&str, &str)]) -> Result<Self> {
        let host = support::Host::chosen().map_err(Error::msg)?;
        Self::run(|address, state| {
            let mut command = host.command(manifest.as_ref(), address, state.as_ref());
            command.envs(variables.iter().copied());
            command
        })
    }

    /// Starts the embedded host, counting the instructions of each request.
    ///
    /// # Errors
    /// The host did not start. The error has what it printed.
    pub fn start_counting(manifest: &str) -> Result<Self> {
        Self::run(|address, state| {
            let mut command = Command::new("target/debug/edge-host");
            command.args(["--from", manifest, "--listen", address]);
            command.args(["--state-dir", state, "--count-fuel"]);
            command.args(["--cache-dir", "target/edge-host-cache"]);
            command
        })
    }

    fn run(command: impl Fn(&str, &str) -> Command) -> Result<Self> {
        // Not in the system's folder for temporary files, which may be in memory.
        let state = TempDir::new_in(repository().join("target"))?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let folder = state.path().to_string_lossy().into_owned();
        let log = File::create(state.path().join("log"))?;
        let child = command(&address, &folder)
            .current_dir(repository())
            .env("SPIN_VARIABLE_MANAGEMENT_TOKENS", TOKEN)
            .env("SPIN_VARIABLE_API_KEYS", KEYS)
            // The deliveries are as old as they are.
            .env("SPIN_VARIABLE_MAX_DELIVERY_AGE", "1000000000")
            .env("SPIN_VARIABLE_RETENTION_DAYS", "36500")
            .env("SPIN_VARIABLE_SIGNALS_MAX_AGE", "1000000000")
            // A group of its own: Spin starts further processes.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start the host; `make build probes` builds it")?;
        let mut host = Self {
            child,
            state,
            address,
        };
        host.wait()?;
        Ok(host)
    }

    fn wait(&mut self) -> Result<()> {
        let started = Instant::now();
        while self.get("/healthz").is_err() {
            let has_ended = self.child.try_wait()?.is_some();
            let is_late = started.elapsed() > Duration::from_secs(120);
            ensure!(
                !has_ended && !is_late,
                "the host did not start: {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Sends a GET with the gateway's key; status and body of the answer.
    ///
    /// # Errors
    /// There was no answer.
    pub fn get(&self, path: &str) -> Result<(u16, String)> {
        let request = agent()
            .get(self.url(path))
            .header("authorization", format!("Bearer {KEY}"));
        let mut answer = request.call()?;
        Ok((answer.status().into(), answer.body_mut().read_to_string()?))
    }

    /// Posts a delivery; status and outcome, or the body where there is none.
    ///
    /// # Errors
    /// There was no answer.
    pub fn deliver(&self, delivery: &crate::deliveries::Delivery) -> Result<(u16, String)> {
        let request = agent()
            .post(self.url("/webhooks"))
            .header("sc-signature", &delivery.signature);
        let mut answer = request.send(&delivery.body)?;
        let said = match answer.headers().get("edge-outcome") {
            Some(outcome) => outcome.to_str()?.to_owned(),
            None => answer.body_mut().read_to_string()?,
        };
        Ok((answer.status().into(), said))
    }

    /// How many deliveries are stored, by `/status`.
    ///
    /// # Errors
    /// The answer has no such number.
    pub fn stored(&self) -> Result<u64> {
        let (status, body) = self.get("/status")?;
        let json: Value = serde_json::from_str(&body)?;
        match json.pointer("/deliveries/stored").and_then(Value::as_u64) {
            Some(stored) => Ok(stored),
            None => bail!("/status answered {status}: {body}"),
        }
    }

    /// A file beside its state.
    pub fn file(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    /// Everything it and its components printed.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(self.file("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args(["-s", "KILL", "--", &group])
            .status();
        let _ = self.child.wait();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .max_idle_connections(0)
        .build()
        .into()
}
