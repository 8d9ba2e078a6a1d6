//! A Redis of a test's own, where one is installed.

use crate::{
    eventually,
    process::{Process, free_address},
};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::PathBuf,
    process::Command,
};
use tempfile::TempDir;

/// A running Redis that keeps nothing.
pub struct Redis {
    _process: Process,
    address: String,
    folder: TempDir,
}

impl Redis {
    /// Starts one; none where there is no `redis-server` on PATH.
    pub fn start() -> Option<Self> {
        Command::new("redis-server")
            .arg("--version")
            .output()
            .ok()?;
        let folder = TempDir::new().unwrap();
        let address = free_address();
        let (host, port) = address.split_once(':').unwrap();
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", host, "--port", port])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path());
        let process = Process::start(&mut command);
        let redis = Self {
            _process: process,
            address,
            folder,
        };
        eventually("Redis answers", || redis.ask("PING").map(drop));
        Some(redis)
    }

    /// A runtime config that has Spin keep its key-value store there.
    pub fn runtime_config(&self) -> PathBuf {
        let file = self.folder.path().join("runtime-config.toml");
        let url = format!("redis://{}", self.address);
        let text = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{url}\"\n");
        std::fs::write(&file, text).unwrap();
        file
    }

    /// How many keys it holds.
    pub fn keys(&self) -> u64 {
        let answer = self.ask("DBSIZE").unwrap();
        answer.trim_start_matches(':').parse().unwrap()
    }

    /// The first line of the answer to a command.
    ///
    /// Source: <https://redis.io/docs/latest/develop/reference/protocol-spec/#inline-commands>
    fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    }
}
