//! The database's schema, in steps that are only ever added to.

use super::connection::{Connection, patiently};
use crate::StoreError;
use edge::Platform;

/// Each step takes the schema from the version before it (its place in this
/// list, counted from 0) to the next. They are the files of `migrations/`, by
/// their names; `build.rs` leaves their comments out.
pub(super) const STEPS: &[&str] = &include!(concat!(env!("OUT_DIR"), "/sqlite-migrations.rs"));

/// The schema version of this application.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// The statements of a step, separated by lines that hold `--;`, since a trigger's
/// body has semicolons of its own.
pub(super) fn statements(step: &'static str) -> impl Iterator<Item = &'static str> {
    step.split("\n--;\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
}

/// Brings the database to [`VERSION`].
///
/// Instances that start at the same time may all come here: the one that gets
/// the write lock does the work, the others find it done.
pub(super) async fn apply(
    connection: &impl Connection,
    platform: &impl Platform,
) -> Result<(), StoreError> {
    // An acknowledged delivery survives a power cut. Whoever waits for the write lock
    // does so here and not in SQLite, whose own waiting blocks the connection and
    // lets others overtake. Where the database is not a file of this host's
    // (libSQL), its server decides and may not know these.
    for pragma in [
        "PRAGMA busy_timeout = 0",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
    ] {
        let _ = patiently(platform, async || connection.query(pragma, &[])).await;
    }
    if version(connection, platform).await? == VERSION {
        return Ok(());
    }
    execute(connection, platform, "BEGIN IMMEDIATE").await?;
    match upgrade(connection, platform).await {
        Ok(()) => execute(connection, platform, "COMMIT").await,
        Err(error) => {
            let _ = execute(connection, platform, "ROLLBACK").await;
            Err(error)
        }
    }
}

async fn upgrade(connection: &impl Connection, platform: &impl Platform) -> Result<(), StoreError> {
    let found = version(connection, platform).await?;
    let known = usize::try_from(found).unwrap_or(usize::MAX);
    let Some(missing) = STEPS.get(known..) else {
        return Err(StoreError::NewerSchema {
            found,
            known: VERSION,
        });
    };
    for statement in missing.iter().flat_map(|step| statements(step)) {
        execute(connection, platform, statement).await?;
    }
    let version = format!("PRAGMA user_version = {VERSION}");
    execute(connection, platform, &version).await
}

async fn execute(
    connection: &impl Connection,
    platform: &impl Platform,
    sql: &str,
) -> Result<(), StoreError> {
    patiently(platform, async || connection.execute(sql, Vec::new()).await).await
}

async fn version(
    connection: &impl Connection,
    platform: &impl Platform,
) -> Result<i64, StoreError> {
    let query = async || connection.query("PRAGMA user_version", &[]);
    let rows = patiently(platform, query).await?;
    Ok(rows.first().map_or(0, |row| row.count(0)))
}

#[cfg(test)]
mod action_tests;
#[cfg(test)]
mod listing_tests;
#[cfg(test)]
mod outbox_tests;
#[cfg(test)]
mod tests;
