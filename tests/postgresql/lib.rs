//! A PostgreSQL server for tests: a cluster of its own in a temporary folder, on a free port
//! of 127.0.0.1. Started as root it runs as the user `postgres` or `nobody`, since
//! PostgreSQL refuses to run as root. It ends, and its folder goes, with the process that
//! started it, however that ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise, and so does what it calls"
)]

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// The superuser of the cluster.
pub const USER: &str = "smartcar";

/// That user's password.
pub const PASSWORD: &str = "open-sesame";

/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What makes writes faster and forgets them in a power cut.
pub const FAST: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
];

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    owner: Option<Owner>,
    settings: Vec<String>,
    process: Option<Child>,
    /// Ends the server when this process is gone.
    _guard: Child,
}

/// The user as whom the server runs.
#[derive(Clone, Copy, Debug)]
struct Owner {
    user: u32,
    group: u32,
}

/// The folder of PostgreSQL's programs; none where the server is not installed.
pub fn programs() -> Option<PathBuf> {
    let needed = ["initdb", "postgres", "pg_ctl", "pg_isready"];
    let has_server = |folder: &PathBuf| needed.iter().all(|name| folder.join(name).exists());
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(folder) = std::env::split_paths(&path).find(has_server) {
        return Some(folder);
    }
    // Where Debian has them, a folder a version.
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let version = version.ok()?;
            let number = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .filter(|(_, folder)| has_server(folder))
        .collect();
    versions.sort();
    versions.pop().map(|(_, folder)| folder)
}

/// Whether the variable `EDGE_REQUIRE` names a tool, so that its absence is a failure.
pub fn is_required(tool: &str) -> bool {
    std::env::var("EDGE_REQUIRE")
        .is_ok_and(|tools| tools.split_whitespace().any(|name| name == tool))
}

/// A server for all tests of this process, whose writes need not survive; none where
/// PostgreSQL is not installed.
///
/// # Panics
/// Where it is not installed and the variable `EDGE_REQUIRE` names `postgres`.
pub fn shared() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        assert!(
            !is_required("postgres") || programs().is_some(),
            "EDGE_REQUIRE names postgres, which is not installed"
        );
        programs().map(|_| Server::start(FAST))
    });
    server.as_ref()
}

/// User and group of a name, as the system knows them.
fn owner(name: &str) -> Option<Owner> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let mut numbers = fields.skip(1).map(str::parse);
        Some(Owner {
            user: numbers.next()?.ok()?,
            group: numbers.next()?.ok()?,
        })
    })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Server {
    /// Makes a cluster and starts its server with these settings, `name=value` each.
    pub fn start(settings: &[&str]) -> Self {
        let programs = programs().expect("PostgreSQL is not installed");
        let folder = tempfile::Builder::new()
            .prefix("postgresql-")
            .tempdir()
            .unwrap()
            .keep();
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let owner = is_root.then(|| {
            owner("postgres")
                .or_else(|| owner("nobody"))
                .expect("a user as whom PostgreSQL can run")
        });
        let password = folder.join("password");
        fs::write(&password, PASSWORD).unwrap();
        if let Some(owner) = owner {
            for path in [&folder, &password] {
                chown(path, Some(owner.user), Some(owner.group)).unwrap();
            }
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let guard = guard(&folder);
        let mut server = Self {
            programs,
            folder,
            port: free_port(),
            owner,
            settings: settings.iter().map(ToString::to_string).collect(),
            process: None,
            _guard: guard,
        };
        let mut initdb = server.program("initdb");
        initdb
            .args(["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8"])
            .args(["--locale=C", "--username", USER, "--pwfile"])
            .arg(&password)
            .arg(server.data());
        let output = initdb.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {error}");
        server.run();
        server
    }

    /// The address of a database, as a URL.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// The port of 127.0.0.1 on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the server as a crash does, in the middle of everything.
    pub fn kill(&mut self) {
        assert!(self.end("immediate"), "pg_ctl stop");
    }

    /// Ends the server: transactions that are under way are rolled back.
    pub fn stop(&mut self) {
        assert!(self.end("fast"), "pg_ctl stop");
    }

    /// Starts the server again, on the same port.
    pub fn start_again(&mut self) {
        self.run();
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .process_group(0);
        if let Some(owner) = self.owner {
            command.uid(owner.user).gid(owner.group);
        }
        command
    }

    fn run(&mut self) {
        let log = fs::File::create(self.folder.join("log")).unwrap();
        let mut postgres = self.program("postgres");
        postgres.arg("-D").arg(self.data());
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("port={}", self.port),
            &format!("unix_socket_directories={}", self.folder.display()),
            "max_connections=400",
        ] {
            postgres.args(["-c", setting]);
        }
        for setting in &self.settings {
            postgres.args(["-c", setting]);
        }
        postgres.stdout(Stdio::null()).stderr(Stdio::from(log));
        let process = postgres.spawn().unwrap();
        self.process = Some(process);
        let began = Instant::now();
        while !self.is_ready() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            let is_running = self.process.as_mut().unwrap().try_wait().unwrap().is_none();
            assert!(is_running && began.elapsed() < PATIENCE, "postgres: {log}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> bool {
        let mut ready = self.program("pg_isready");
        ready.args(["--quiet", "--host=127.0.0.1", "--dbname=postgres"]);
        ready.arg(format!("--port={}", self.port));
        ready.status().unwrap().success()
    }

    /// Whether it was running and has ended.
    fn end(&mut self, mode: &str) -> bool {
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "--silent", "--mode", mode, "-D"]);
        stop.arg(self.data());
        let has_ended = stop.status().is_ok_and(|status| status.success());
        if has_ended && let Some(mut process) = self.process.take() {
            process.wait().unwrap();
        }
        has_ended
    }
}

/// A shell that waits for the end of this process: then its input ends. It ends the server
/// that runs from this folder, if one does, and removes the folder.
fn guard(folder: &Path) -> Child {
    let script = r#"cat >/dev/null
        pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
        if [ -n "$pid" ]; then
            kill -QUIT "$pid" 2>/dev/null
            while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
        fi
        rm -rf "$1""#;
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script, "sh"])
        .arg(folder)
        .stdin(Stdio::piped())
        .process_group(0);
    shell.spawn().unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.end("immediate");
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
