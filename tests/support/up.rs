//! `make up`, as someone sees it who runs it.

use crate::{
    eventually,
    process::{Process, free_address, repository},
};
use std::{path::Path, process::Command, sync::Arc};
use tempfile::TempDir;

/// What `make up` runs, on free ports.
pub struct Up {
    process: Process,
    /// Where the app is to listen.
    pub port: String,
    /// Where the simulator is to listen.
    pub simulator_port: String,
    state: Arc<TempDir>,
}

impl Up {
    /// Starts it.
    pub fn start() -> Self {
        Self::start_on(&free_port(), &free_port())
    }

    /// Starts it on these ports.
    pub fn start_on(port: &str, simulator_port: &str) -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap()), port, simulator_port)
    }

    /// Another one, on other ports, with the same state.
    pub fn again(&self) -> Self {
        Self::start_in(Arc::clone(&self.state), &free_port(), &free_port())
    }

    fn start_in(state: Arc<TempDir>, port: &str, simulator_port: &str) -> Self {
        let mut command = Command::new(repository().join("target/debug/dev"));
        command
            .arg("up")
            .envs([("PORT", port), ("SIMULATOR_PORT", simulator_port)])
            .env("STATE_DIR", state.path());
        Self {
            process: Process::start(&mut command),
            port: port.to_owned(),
            simulator_port: simulator_port.to_owned(),
            state,
        }
    }

    /// Where it keeps its state.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// Everything it printed.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// Waits until it is ready, and returns the lines that it says to try.
    pub fn lines(&mut self) -> Vec<String> {
        eventually("make up is ready", || {
            assert!(!self.process.has_ended(), "{}", self.said());
            self.said()
                .contains("Ctrl-C stops everything")
                .then_some(())
        });
        let said = self.said();
        said.lines()
            .filter(|line| line.starts_with("curl "))
            .map(str::to_owned)
            .collect()
    }

    /// Presses Ctrl-C and waits until it has ended.
    pub fn interrupt(&mut self) {
        self.process.signal("INT");
        self.ended();
    }

    /// Waits until it has ended.
    pub fn ended(&mut self) {
        eventually("make up ends", || self.process.has_ended().then_some(()));
    }
}

fn free_port() -> String {
    free_address().rsplit(':').next().unwrap().to_owned()
}

/// What a line prints in a shell.
pub fn shell(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
