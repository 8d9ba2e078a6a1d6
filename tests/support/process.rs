//! A program that a test started, and everything that it says.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Read},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

/// The top folder of the repository.
///
/// # Panics
/// Never: this crate stands two folders below it.
pub fn repository() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.ancestors().nth(2).unwrap().to_owned()
}

/// An address that is not in use. Its port is none that systems give out by
/// themselves (from 32768 on), or a connection of someone's could have it by the
/// time that it is taken. It is given out once.
///
/// # Panics
/// Where another test has panicked in here.
pub fn free_address() -> String {
    static GIVEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());
    loop {
        let chance = RandomState::new().build_hasher().finish();
        let port = 10_000 + chance % 20_000;
        let address = format!("127.0.0.1:{port}");
        if GIVEN.lock().unwrap().insert(port) && TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

/// Ends when it is dropped.
pub struct Process {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts it.
    ///
    /// # Panics
    /// Where there is no such program.
    pub fn start(command: &mut Command) -> Self {
        // A group of its own: Spin starts further processes.
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}; `make test` builds it first"));
        let said = Arc::default();
        let listeners = vec![
            listen(child.stdout.take().unwrap(), &said),
            listen(child.stderr.take().unwrap(), &said),
        ];
        Self {
            child,
            said,
            listeners,
        }
    }

    /// Starts it without reading what it says.
    pub(crate) fn start_unheard(command: &mut Command) -> Self {
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            child,
            said: Arc::default(),
            listeners: Vec::new(),
        }
    }

    /// From now on, what it writes fails.
    pub(crate) fn hang_up(&mut self) {
        drop(self.child.stderr.take());
    }

    /// Everything said so far, on both outputs.
    ///
    /// # Panics
    /// Where a listener has panicked.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    /// Whether it has ended.
    ///
    /// # Panics
    /// Where the system does not tell.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The memory that it and whatever it started hold, in kilobytes (Linux).
    pub(crate) fn memory(&self) -> Option<u64> {
        let group = self.child.id().to_string();
        let of = |pid: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(pid.path().join("stat")).ok()?;
            // The name, in parentheses, can hold anything; the group is the third
            // field after it.
            let (_, fields) = stat.rsplit_once(") ")?;
            (fields.split(' ').nth(2)? == group).then_some(())?;
            let status = std::fs::read_to_string(pid.path().join("status")).ok()?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.trim().split(' ').next()?.parse::<u64>().ok()
        };
        let all = std::fs::read_dir("/proc").ok()?;
        Some(all.flatten().filter_map(of).sum())
    }

    /// Sends a signal to it and to whatever it started.
    pub(crate) fn signal(&self, name: &str) {
        send_signal(&format!("-{}", self.child.id()), name);
    }

    /// Kills it as a power cut would (SIGKILL). What it said is then complete.
    pub(crate) fn kill(&mut self) {
        self.signal("KILL");
        let _ = self.child.wait();
        for listener in self.listeners.drain(..) {
            let _ = listener.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program that writes to this one's outputs. It ends when it is dropped.
pub struct Foreground {
    name: &'static str,
    child: Child,
}

impl Foreground {
    /// Starts it.
    ///
    /// # Errors
    /// There is no such program.
    pub fn start(name: &'static str, command: &mut Command) -> io::Result<Self> {
        // In the group of this one, so that what ends that group ends all of it.
        let child = command.stdin(Stdio::null()).spawn()?;
        Ok(Self { name, child })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let id = self.child.id();
        send_signal(&id.to_string(), "TERM");
        for _ in 0..50 {
            if self.has_ended() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        send_signal(&id.to_string(), "KILL");
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process, or to a group, whose number stands behind a `-`.
fn send_signal(receiver: &str, name: &str) {
    let _ = Command::new("kill")
        .args(["-s", name, "--", receiver])
        .stderr(Stdio::null())
        .status();
}

fn listen(mut output: impl Read + Send + 'static, said: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    let said = Arc::clone(said);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = output.read(&mut buffer) {
            said.lock().unwrap().extend_from_slice(&buffer[..length]);
        }
    })
}
