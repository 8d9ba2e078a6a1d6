//! An application of another manifest than the repository's own, on its host.

use crate::{
    Smartcar,
    client::{Answer, send, try_send},
    database::Database,
    eventually,
    host::Host,
    process::{Process, free_address, repository},
    variables::for_simulator,
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// An application that calls a simulator of its own, with a store of its own.
pub struct Composed {
    process: Option<Process>,
    past: String,
    manifest: PathBuf,
    address: String,
    folder: TempDir,
    variables: Vec<(String, String)>,
    /// The simulator that it calls.
    pub smartcar: Smartcar,
}

impl Composed {
    /// Starts the application of a manifest, given by its path in the repository,
    /// with these variables on top of the simulator's credentials.
    pub fn start(manifest: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_altered(manifest, &[], variables)
    }

    /// Starts it from a copy in which this text is replaced by that.
    pub fn start_altered(
        manifest: &str,
        replacements: &[(&str, &str)],
        variables: &[(&str, &str)],
    ) -> Self {
        let smartcar = Smartcar::start(&[]);
        let folder = TempDir::new().unwrap();
        let built = repository().join("target");
        let mut text = fs::read_to_string(repository().join(manifest)).unwrap();
        for (from, to) in replacements {
            assert!(text.contains(from), "{manifest} has no {from:?}");
            text = text.replace(from, to);
        }
        let text = text.replace("../../target", built.to_str().unwrap());
        let manifest = folder.path().join("spin.toml");
        fs::write(&manifest, text).unwrap();
        let own = for_simulator(&smartcar.origin()).into_iter();
        let given = variables.iter();
        let variables = own
            .chain(given.map(|(name, value)| (*name, (*value).to_owned())))
            .map(|(name, value)| (format!("SPIN_VARIABLE_{name}"), value))
            .collect();
        let mut app = Self {
            process: None,
            past: String::new(),
            manifest,
            address: free_address(),
            folder,
            variables,
            smartcar,
        };
        app.run();
        app
    }

    fn run(&mut self) {
        let state = self.folder.path().join("state");
        let host = Host::chosen().unwrap();
        let mut command = host.command(&self.manifest, &self.address, &state);
        command.envs(self.variables.iter().cloned());
        let mut process = Process::start(&mut command);
        let url = self.url("/.well-known/spin/health");
        eventually("the app answers", || {
            if process.has_ended() {
                process.kill();
                panic!("the host ended: {}", process.said());
            }
            try_send("GET", &url, &[], b"")
                .ok()
                .filter(|answer| answer.status == 200)
        });
        self.process = Some(process);
    }

    /// Kills it and starts it again on the same store.
    pub fn restart(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
            self.past += &process.said();
        }
        self.run();
    }

    /// The database, as an operator would open it.
    pub fn database(&self) -> Database {
        Database::open(&self.folder.path().join("state/sqlite_db.db"))
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a request.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        send(method, &self.url(path), headers, body)
    }

    /// Everything it and its host printed.
    pub fn said(&self) -> String {
        self.past.clone() + &self.process.as_ref().map(Process::said).unwrap_or_default()
    }
}
