//! A million events that wait for a sink that does not answer.

use crate::host::Host;
use anyhow::{Result, ensure};
use rusqlite::Connection;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many events wait.
const EVENTS: i64 = 1_000_000;

/// Of how many cars.
const CARS: i64 = 10_000;

/// The oldest have waited for longer than an event is tried: they are given up while
/// deliveries come.
const HOURS: i64 = 26;

/// Nobody listens on the port named discard.
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
/// The database cannot be written.
pub fn fill(host: &Host) -> Result<()> {
    let database = Connection::open(host.file("sqlite_db.db"))?;
    database.busy_timeout(Duration::from_secs(60))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let step = HOURS * 60 * 60 * 1000 / EVENTS;
    let insert = "WITH RECURSIVE number(n) AS
            (SELECT ?1 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?2)
        INSERT INTO delivery
        SELECT 'waiting-' || n, 'VEHICLE_ERROR', 'LIVE', 'car-' || (n % ?3), 'user', NULL,
            ?4 - (?5 - n) * ?6, '{}' FROM number";
    // In parts, so that the log of what is written does not grow as large as the rest.
    let part = 10_000;
    for from in (0..EVENTS).step_by(10_000) {
        let parameters = (from, from + part, CARS, i64::try_from(now)?, EVENTS, step);
        database.execute(insert, parameters)?;
    }
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let waiting = "SELECT count(*) FROM outbox WHERE sink = 'dead' AND dead_at IS NULL";
    let waiting: i64 = database.query_row(waiting, [], |row| row.get(0))?;
    ensure!(waiting >= EVENTS, "only {waiting} events wait");
    Ok(())
}
