//! The database's schema, in steps that are only ever added to.

use super::{Store, StoreError};
use std::time::Duration;

/// Each step takes the schema from the version before it (its place in this
/// list, counted from 0) to the next.
pub const STEPS: [&str; 9] = [
    include_str!("migrations/0001-deliveries.sql"),
    include_str!("migrations/0002-errors-and-tallies.sql"),
    include_str!("migrations/0003-actions.sql"),
    include_str!("migrations/0004-outbox.sql"),
    include_str!("migrations/0005-outbox-due.sql"),
    include_str!("migrations/0006-signals-of-a-user.sql"),
    include_str!("migrations/0007-held-vehicles.sql"),
    include_str!("migrations/0008-listings.sql"),
    include_str!("migrations/0009-connect.sql"),
];

/// How long an action can run: longer than any call may take. What has run for
/// so long is lost. The trigger `action_before` goes by the same number.
pub const LOST_AFTER: Duration = Duration::from_secs(330);

/// By how much the clocks of hosts differ at most. An action that began later than
/// this from now began by a clock that has been corrected since. The trigger
/// `action_before` goes by the same number.
pub const CLOCKS_DIFFER: Duration = smartcar::report::SKEW;

/// How long an idempotency key is honoured and its answer kept. The trigger
/// `action_before` goes by the same number.
pub const KEY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The schema version of this application.
pub const VERSION: i64 = STEPS.len() as i64;

/// The statements of a step: parted by lines that hold `--;`, since a trigger's
/// body has semicolons of its own.
pub fn statements(step: &'static str) -> impl Iterator<Item = &'static str> {
    step.split("\n--;\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
}

/// Brings the database to [`VERSION`].
///
/// Instances that start at the same time may all come here: the one that gets
/// the write lock does the work, the others find it done.
pub(crate) async fn apply(store: &Store) -> Result<(), StoreError> {
    // An acknowledged delivery survives a power cut. Who waits for the write lock
    // does so here and not in SQLite, whose own waiting blocks the connection and
    // lets others overtake. Where the database is not a file of this host's
    // (libSQL), its server decides and may not know these.
    for pragma in [
        "PRAGMA busy_timeout = 0",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
    ] {
        let _ = store.query(pragma, []).await;
    }
    if version(store).await? == VERSION {
        return Ok(());
    }
    store.execute("BEGIN IMMEDIATE", []).await?;
    match upgrade(store).await {
        Ok(()) => store.execute("COMMIT", []).await,
        Err(error) => {
            let _ = store.execute("ROLLBACK", []).await;
            Err(error)
        }
    }
}

async fn upgrade(store: &Store) -> Result<(), StoreError> {
    let found = version(store).await?;
    let known = usize::try_from(found).unwrap_or(usize::MAX);
    let Some(missing) = STEPS.get(known..) else {
        return Err(StoreError::Newer {
            found,
            known: VERSION,
        });
    };
    for statement in missing.iter().flat_map(|step| statements(step)) {
        store.execute(statement, []).await?;
    }
    store
        .execute(&format!("PRAGMA user_version = {VERSION}"), [])
        .await?;
    Ok(())
}

async fn version(store: &Store) -> Result<i64, StoreError> {
    let version = store.first("PRAGMA user_version", []).await?;
    Ok(version.and_then(|row| row.integer(0)).unwrap_or(0))
}

#[cfg(test)]
mod action_tests;
#[cfg(test)]
mod listing_tests;
#[cfg(test)]
mod outbox_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod lost_after_tests {
    use super::LOST_AFTER;
    use smartcar::{
        Call,
        endpoints::{ALL, Endpoint},
    };
    use std::time::Duration;

    #[test]
    fn command_ends_before_its_vehicle_is_free_again() {
        let longest = |endpoint: &&'static Endpoint| {
            let ids = vec!["x"; endpoint.path.matches('{').count()];
            Call::at(endpoint, &ids).unwrap().longest()
        };
        let longest = ALL.iter().map(longest).max().unwrap();
        // The record is written first, and a statement waits for the database up to
        // five seconds.
        let waits = Duration::from_secs(5);
        assert!(waits + longest < LOST_AFTER, "{longest:?}");
    }
}
