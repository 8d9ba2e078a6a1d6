//! A million events that wait for a sink that does not answer.

use crate::host::Host;
use anyhow::{Result, ensure};
use std::time::{Duration, SystemTime};
use support::Database;

/// How many events wait.
const EVENTS: i64 = 1_000_000;

/// Of how many cars.
const CARS: i64 = 10_000;

/// The oldest have waited for longer than an event is tried: they are given up while
/// deliveries come.
const HOURS: i64 = 26;

/// Nothing listens on the port named discard.
const SINKS: &str =
    r#"[{"name":"dead","url":"http://127.0.0.1:9/hook","secret":"whsec_c2VjcmV0"}]"#;

/// The application with such a sink, and nothing that waits for it.
///
/// # Errors
/// It did not start.
pub fn start() -> Result<Host> {
    let variables = [
        ("SPIN_VARIABLE_SINKS", SINKS),
        ("SPIN_VARIABLE_SINK_HOSTS", "http://127.0.0.1:*"),
    ];
    Host::start_with("spin.toml", &variables)
}

/// Lets a million events wait for the sink, as if it had been dead for a day.
///
/// # Errors
/// Fewer wait.
pub fn fill(host: &Host) -> Result<()> {
    let database = Database::open(&host.file("sqlite_db.db"));
    let step = u64::try_from(HOURS * 60 * 60 * 1000 / EVENTS)?;
    let step = Duration::from_millis(step);
    let begin = SystemTime::now() - step * u32::try_from(EVENTS)?;
    // In parts, so that the log of what is written does not grow as large as the rest.
    let part = 10_000;
    for from in (0..EVENTS).step_by(10_000) {
        database.add_deliveries(from..from + part, CARS, begin, step);
    }
    database.checkpoint();
    let waiting = database.count_waiting_events("dead");
    ensure!(waiting >= EVENTS, "only {waiting} events wait");
    Ok(())
}
