//! The application on its host.

use crate::{
    Smartcar,
    client::{Answer, open, send, try_send},
    database::{self, Database, Engine},
    delivery::post_delivery,
    eventually,
    host::Host,
    key_value::KeyValue,
    process::{Process, free_address},
    variables::with_connect,
};
use serde_json::Value;
use simulator::{FIRST_USER, FIRST_VEHICLE};
use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

/// A key with every scope.
pub const KEY: &str = "key-for-everything";

/// The variable `API_KEYS` with that key alone.
// printf '%s' key-for-everything | openssl dgst -sha256
pub const KEYS: &str = r#"[{"name":"all","scopes":["*"],
    "sha256":"eb300d2cb2d7d4f5e6b375f200d8aa6ae2cbbef99da421d60cfe94c872c91111"}]"#;

/// What an application is started with.
#[derive(Default)]
pub struct Options {
    /// Variables of spin.toml that differ from those of [`App::start`].
    pub variables: Vec<(&'static str, String)>,
    /// Flags of the simulator.
    pub simulator: &'static [&'static str],
    /// Whether the log is not read.
    pub is_unheard: bool,
    /// Spin's runtime config. The embedded host knows none.
    pub runtime_config: Option<PathBuf>,
    /// The engine, where it is not the one that is chosen for all tests.
    pub engine: Option<Engine>,
}

/// The application in front of a simulator of its own, with a store of its own.
pub struct App {
    process: Option<Process>,
    past: String,
    address: String,
    state: Arc<TempDir>,
    variables: BTreeMap<&'static str, String>,
    is_unheard: bool,
    runtime_config: Option<PathBuf>,
    engine: Engine,
    /// The simulator that it calls and that delivers to it.
    pub smartcar: Smartcar,
}

impl App {
    /// Starts both, configured for each other.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts both, configured otherwise.
    pub fn start_with(options: Options) -> Self {
        let smartcar = Smartcar::start(options.simulator);
        let address = free_address();
        let app = format!("http://{address}");
        let mut variables: BTreeMap<_, _> =
            with_connect(&smartcar.origin(), &app).into_iter().collect();
        variables.extend([
            ("API_KEYS", KEYS.to_owned()),
            // Requests to the simulator are counted.
            ("DOCTOR", "false".to_owned()),
            // Fixtures are as old as they are.
            ("SIGNALS_MAX_AGE", "1000000000".to_owned()),
            ("MAX_DELIVERY_AGE", "1000000000".to_owned()),
            ("RETENTION_DAYS", "36500".to_owned()),
        ]);
        let engine = options.engine.unwrap_or_else(Engine::chosen);
        let has_database = options
            .variables
            .iter()
            .any(|(name, _)| *name == "DATABASE_URL");
        if engine == Engine::Postgres && !has_database {
            variables.extend(database::variables(&database::new_postgres()));
        }
        variables.extend(options.variables);
        let mut app = Self {
            process: None,
            past: String::new(),
            address,
            state: Arc::new(TempDir::new().unwrap()),
            variables,
            is_unheard: options.is_unheard,
            runtime_config: options.runtime_config,
            engine,
            smartcar,
        };
        app.smartcar.deliver_to(&app.url("/webhooks"));
        app.run();
        app
    }

    /// Starts it, on the same address and the same store as before.
    pub fn run(&mut self) {
        let host = Host::chosen().unwrap();
        let manifest = Path::new(match self.engine {
            Engine::Sqlite => "spin.toml",
            Engine::Postgres => "spin-postgres.toml",
        });
        let mut command = host.command(manifest, &self.address, self.state.path());
        if let Some(file) = &self.runtime_config {
            assert_eq!(host, Host::Spin, "the embedded host has no runtime config");
            command.arg("--runtime-config-file").arg(file);
        }
        for (name, value) in &self.variables {
            command.env(format!("SPIN_VARIABLE_{name}"), value);
        }
        let mut process = if self.is_unheard {
            Process::start_unheard(&mut command)
        } else {
            Process::start(&mut command)
        };
        eventually("the app answers", || {
            assert!(!process.has_ended(), "the host ended: {}", process.said());
            try_send("GET", &self.url("/healthz"), &[], b"")
                .ok()
                .filter(|a| a.status == 200)
        });
        if self.is_unheard {
            process.hang_up();
        }
        self.process = Some(process);
    }

    /// A second host of the same application on the same store.
    pub fn second_host(&self) -> Self {
        self.second_host_in(Arc::clone(&self.state))
    }

    /// A host on another machine: only the database is the same, and it is on PostgreSQL.
    ///
    /// # Panics
    /// The database is SQLite.
    pub fn host_elsewhere(&self) -> Self {
        assert_eq!(self.engine, Engine::Postgres);
        self.second_host_in(Arc::new(TempDir::new().unwrap()))
    }

    fn second_host_in(&self, state: Arc<TempDir>) -> Self {
        let mut second = Self {
            process: None,
            past: String::new(),
            address: free_address(),
            state,
            variables: self.variables.clone(),
            is_unheard: self.is_unheard,
            runtime_config: self.runtime_config.clone(),
            engine: self.engine,
            smartcar: Smartcar::start(&[]),
        };
        second.run();
        second
    }

    /// The database, as an operator would open it.
    pub fn database(&self) -> Database {
        match self.variables.get("DATABASE_URL") {
            Some(url) => Database::at(url),
            None => Database::open(&self.database_file()),
        }
    }

    /// The file of its SQLite database.
    pub fn database_file(&self) -> PathBuf {
        self.state.path().join("sqlite_db.db")
    }

    /// How many leases are held: in the database, or else in the key-value store.
    pub fn count_leases(&self) -> i64 {
        match self.engine {
            Engine::Sqlite => self.key_value().count_leases(),
            Engine::Postgres => self.database().count_leases(),
        }
    }

    /// The key-value store, as an operator would open it.
    pub fn key_value(&self) -> KeyValue {
        KeyValue::open(&self.state.path().join("sqlite_key_value.db"))
    }

    /// Puts a backup in the place of the database while the host is down.
    pub fn restore(&self, backup: &Path) {
        self.remove_database();
        std::fs::copy(backup, self.database_file()).unwrap();
    }

    /// Puts the database of an earlier version in the place of this one while the host is
    /// down, with a delivery of this body ([`Database::become_of_version`]).
    pub fn go_back_to(&self, version: u32, body: &str) {
        match self.variables.get("DATABASE_URL") {
            Some(url) => Database::at(url).empty(),
            None => self.remove_database(),
        }
        self.database().become_of_version(version, body);
    }

    fn remove_database(&self) {
        let database = self.database_file();
        // What SQLite keeps beside a database belongs to that one alone.
        for suffix in ["", "-wal", "-shm"] {
            let mut name = database.clone().into_os_string();
            name.push(suffix);
            let _ = std::fs::remove_file(name);
        }
    }

    /// Posts a delivery of this body under the simulator's management token.
    /// None where no answer came.
    pub fn try_deliver(&self, body: &str) -> Option<Answer> {
        post_delivery(&self.url("/webhooks"), body)
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
            self.past += &process.said();
        }
    }

    /// Sends a signal to it, without waiting for it to end.
    pub fn signal_host(&self, name: &str) {
        if let Some(process) = &self.process {
            process.signal(name);
        }
    }

    /// Changes a variable; it holds from the next start.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.variables.insert(name, value.to_owned());
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How much memory its host uses, in kilobytes, if that can be found out.
    pub fn memory(&self) -> Option<u64> {
        self.process.as_ref().and_then(Process::memory)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything it and its host printed.
    pub fn said(&self) -> String {
        self.past.clone() + &self.process.as_ref().map(Process::said).unwrap_or_default()
    }

    /// Sends a request. Every answer has to carry its length.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = send(method, &self.url(path), headers, body);
        let length = answer
            .headers
            .get("content-length")
            .and_then(|l| l.to_str().ok());
        if method != "HEAD" && answer.status != 204 {
            assert_eq!(
                length,
                Some(&*answer.body.len().to_string()),
                "{method} {path}: {answer:?}"
            );
        }
        answer
    }

    /// Sends a request with the key that may do everything.
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let bearer = format!("Bearer {KEY}");
        let headers = [headers, &[("authorization", bearer.as_str())]].concat();
        self.send(method, path, &headers, body.as_bytes())
    }

    /// Sends a request with that key and gives back the answer before its body has
    /// arrived.
    pub fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (u16, ureq::http::HeaderMap, impl Read + use<>) {
        let bearer = format!("Bearer {KEY}");
        let headers = [headers, &[("authorization", bearer.as_str())]].concat();
        open(method, &self.url(path), &headers)
    }

    /// Sends a command on behalf of a user.
    pub fn command(&self, vehicle: &str, user: &str, command: &str, body: &str) -> Answer {
        let path = format!("/v3/vehicles/{vehicle}/commands/{command}");
        self.call("POST", &path, &[("sc-user-id", user)], body)
    }

    /// Locks the first vehicle.
    pub fn lock(&self) -> Answer {
        self.command(FIRST_VEHICLE, FIRST_USER, "security/lock", "")
    }

    /// Locks the first vehicle under an idempotency key.
    pub fn lock_with_key(&self, key: &str) -> Answer {
        let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/security/lock");
        let headers = [("sc-user-id", FIRST_USER), ("idempotency-key", key)];
        self.call("POST", &path, &headers, "")
    }

    /// What is recorded of a command or a removal.
    pub fn record(&self, id: &str) -> Value {
        let path = format!("/v3/commands/{id}");
        self.call("GET", &path, &[], "").json()["data"].clone()
    }

    /// A signal of a vehicle, as the gateway tells it.
    pub fn signal(&self, vehicle: &str, code: &str) -> Answer {
        self.call(
            "GET",
            &format!("/v3/vehicles/{vehicle}/signals/{code}"),
            &[],
            "",
        )
    }

    /// Posts a delivery.
    pub fn deliver(&self, signature: &str, body: &[u8]) -> Answer {
        self.send("POST", "/webhooks", &[("sc-signature", signature)], body)
    }

    /// How many deliveries are stored.
    pub fn stored(&self) -> u64 {
        let status = self.call("GET", "/status", &[], "").json();
        status["deliveries"]["stored"]
            .as_u64()
            .unwrap_or_else(|| panic!("{status}"))
    }
}
