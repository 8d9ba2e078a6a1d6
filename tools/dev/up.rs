//! `make up`: the simulator and the app in front of it, until Ctrl-C.

use anyhow::{Context as _, Result, bail, ensure};
use simulator::{FIRST_USER, FIRST_VEHICLE};
use std::{
    env, fs,
    io::ErrorKind,
    net::TcpStream,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use support::{Foreground, Host, answers, repository, try_out};

/// A key for trying the app out. It opens nothing but this app on this machine.
const KEY: &str = "try-me";

pub(crate) fn run() -> Result<()> {
    let ports = ["PORT", "SIMULATOR_PORT"].map(port);
    let [app, simulator] = ports;
    let (app, simulator) = (app?, simulator?);
    ensure!(
        app != simulator,
        "the app and the simulator cannot share port {app}"
    );
    for port in [app, simulator] {
        ensure!(
            is_free(port),
            "port {port} is in use; make up PORT=… SIMULATOR_PORT=… takes others"
        );
    }
    let host = Host::chosen().map_err(anyhow::Error::msg)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;

    let state = state(app)?;
    let app = format!("127.0.0.1:{app}");
    let simulator = format!("127.0.0.1:{simulator}");
    let (app_url, simulator_url) = (format!("http://{app}"), format!("http://{simulator}"));
    let mut double = Command::new(repository().join("target/debug/smartcar-simulator"));
    double.args(["--listen", &simulator]);
    double.args(["--deliver-to", &format!("{app_url}/webhooks")]);
    let mut double = Foreground::start("the simulator", &mut double)?;
    await_answer(
        &mut double,
        &format!("{simulator_url}/_simulator/vehicles"),
        &interrupted,
    )?;
    let mut command = host.command("spin.toml".as_ref(), &app, &state);
    command.envs(try_out(&simulator_url, &app_url, KEY));
    let mut application = Foreground::start("the app", &mut command)?;
    await_answer(
        &mut application,
        &format!("{app_url}/healthz"),
        &interrupted,
    )?;
    print!("{}", what_to_try(host, &app_url, &simulator_url));
    while !interrupted.load(Ordering::Relaxed) {
        // The first of the two to end ends the other.
        for process in [&mut double, &mut application] {
            ensure!(
                !process.has_ended(),
                "{} ended; its output is above",
                process.name()
            );
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn port(name: &str) -> Result<u16> {
    let text = env::var(name).unwrap_or_default();
    let port = text.parse().ok().filter(|port| *port > 0);
    port.with_context(|| format!("{name}: '{text}' is not a port (1 to 65535)"))
}

fn is_free(port: u16) -> bool {
    let address = ([127, 0, 0, 1], port).into();
    let connected = TcpStream::connect_timeout(&address, Duration::from_secs(2));
    connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// The folder of the state, with empty stores. Other files in it are left alone.
fn state(port: u16) -> Result<PathBuf> {
    let state = env::var_os("STATE_DIR").map_or_else(
        || repository().join(format!(".spin/up-{port}")),
        PathBuf::from,
    );
    fs::create_dir_all(&state)?;
    for file in fs::read_dir(&state)? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with("sqlite_db.db") || name.starts_with("sqlite_key_value.db") {
            fs::remove_file(file.path())?;
        }
    }
    Ok(state)
}

/// Waits until a process answers at a URL.
fn await_answer(process: &mut Foreground, url: &str, interrupted: &AtomicBool) -> Result<()> {
    let began = Instant::now();
    while !answers(url) {
        if process.has_ended() {
            bail!("{} did not start; its output is above", process.name());
        }
        ensure!(!interrupted.load(Ordering::Relaxed), "interrupted");
        ensure!(
            began.elapsed() < Duration::from_secs(60),
            "{} does not answer at {url}",
            process.name()
        );
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn what_to_try(host: Host, app: &str, simulator: &str) -> String {
    let host = host.name();
    let (vehicle, user) = (FIRST_VEHICLE, FIRST_USER);
    format!(
        "
smartcar-edge is ready at {app} (host: {host}), Smartcar's double at {simulator}.
In a second shell, try:

# 1. Lock a simulated car. The answer is Smartcar's own command-execution.
curl -s -X POST {app}/v3/vehicles/{vehicle}/commands/security/lock -H 'Authorization: Bearer {KEY}' -H 'sc-user-id: {user}'

# 2. The car reported it: a signed delivery was received, verified and stored.
curl -s {app}/v3/vehicles/{vehicle}/signals/closure-islocked -H 'Authorization: Bearer {KEY}'

# 3. Smartcar delivers at least once. Send the same event again: it stays stored once.
curl -s -X POST {simulator}/_simulator/deliveries/last/redeliver
curl -s {app}/status -H 'Authorization: Bearer {KEY}'

# 4. Unlock it. The delivery has named the car's owner, so sc-user-id can be left out.
curl -s -X POST {app}/v3/vehicles/{vehicle}/commands/security/unlock -H 'Authorization: Bearer {KEY}'

# 5. Two commands, one access token: see the count of POST /oauth2/token.
curl -s {simulator}/_simulator/requests

Ctrl-C stops everything.
"
    )
}
