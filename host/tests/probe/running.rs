//! One running host, ended when the test ends.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
    output: Arc<Mutex<String>>,
    // Held so that the state lives as long as the host.
    _state: Option<tempfile::TempDir>,
}

/// How the host answered: status and body.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer(pub(crate) u16, pub(crate) String);

impl Answer {
    pub(crate) fn ok(text: &str) -> Self {
        Self(200, text.to_owned())
    }
}

/// The probe's own manifest.
pub(crate) fn probe_manifest() -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("probe");
    let built = directory.join("../../target/wasm32-wasip2/release/");
    for file in [
        "host_probe.wasm",
        "host_probe_dependency.wasm",
        "host_probe_middleware.wasm",
    ] {
        assert!(
            built.join(file).exists(),
            "{file} is not built: run `cargo build --release --target wasm32-wasip2 \
             -p host-probe -p host-probe-dependency -p host-probe-middleware` first"
        );
    }
    directory.join("spin.toml")
}

/// A manifest made of the probe's by replacing text, in a directory of its own.
pub(crate) fn altered_manifest(replacements: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let original = probe_manifest();
    let mut text = std::fs::read_to_string(&original).unwrap();
    let target = original.parent().unwrap().join("../../target");
    let target = target.canonicalize().unwrap();
    text = text.replace("../../target", target.to_str().unwrap());
    for (from, to) in replacements {
        assert!(text.contains(from), "the manifest has no {from:?}");
        text = text.replace(from, to);
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spin.toml");
    std::fs::write(&file, text).unwrap();
    (directory, file)
}

fn command(manifest: &Path, state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edge-host"));
    command
        .arg("--from")
        .arg(manifest)
        .arg("--state-dir")
        .arg(state)
        // Compiled once for all tests.
        .args([
            "--cache-dir",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/edge-host-cache"),
        ])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a host that is expected to fail, and returns its status and what it printed.
pub(crate) fn fails_to_start(manifest: &Path, arguments: &[&str]) -> (ExitStatus, String) {
    let state = tempfile::tempdir().unwrap();
    let output = command(manifest, state.path(), arguments).output().unwrap();
    assert!(output.stdout.is_empty(), "it said it was serving");
    (output.status, String::from_utf8(output.stderr).unwrap())
}

impl Running {
    /// The probe with a fresh state directory.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut running = Self::start_on(&probe_manifest(), state.path(), arguments);
        running._state = Some(state);
        running
    }

    pub(crate) fn start_on(manifest: &Path, state: &Path, arguments: &[&str]) -> Self {
        let mut child = command(manifest, state, &["--listen", "127.0.0.1:0"])
            .args(arguments)
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let Some(address) = first.trim_end().strip_prefix("Serving http://") else {
            let mut said = String::new();
            let _ = stderr.read_to_string(&mut said);
            panic!("the host did not start: {first}{said}");
        };
        let address = address.to_owned();
        collect(stdout, &output);
        collect(BufReader::new(stderr), &output);
        Self {
            child,
            address,
            output,
            _state: None,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let request = agent().get(format!("http://{}{path}", self.address));
        answer(request.call().unwrap())
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        let request = agent().post(format!("http://{}{path}", self.address));
        answer(request.send(body).unwrap())
    }

    /// Everything on standard output after the first line, and on standard error.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Waits until the host has printed that; another process may take its time.
    pub(crate) fn says(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.output().contains(text) {
            assert!(
                Instant::now() < deadline,
                "the host never said {text:?}, but: {}",
                self.output()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let status = Command::new("kill").arg(&id).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut from: impl std::io::BufRead + Send + 'static, into: &Arc<Mutex<String>>) {
    let into = into.clone();
    std::thread::spawn(move || {
        let mut line = String::new();
        while from.read_line(&mut line).is_ok_and(|read| read > 0) {
            into.lock().unwrap().push_str(&line);
            line.clear();
        }
    });
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let body = response.body_mut().read_to_string().unwrap();
    Answer(response.status().as_u16(), body)
}
