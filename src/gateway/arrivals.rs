//! The record of who came back from Smartcar Connect.

use crate::store;
use edge::{Host, respond::Problem, sqlite::Value};
use http::StatusCode;
use smartcar::{Clock, UserId};
use std::time::Duration;

/// A state is one user's. Who was refused by Connect may go back to it and try
/// again with the same state, and counts as one who comes now.
const ARRIVE: &str = "INSERT INTO arrival (nonce, arrived_at, user_id) VALUES (?1, ?2, ?3)
    ON CONFLICT (nonce) DO UPDATE SET
        arrived_at = excluded.arrived_at, user_id = excluded.user_id, error = NULL,
        description = NULL, tries = tries + 1
    WHERE user_id IS NULL OR user_id = excluded.user_id
    RETURNING completed_at, vehicles, tries";

/// Lookups for those who have not come through yet. Whom Connect refused costs none.
const VAIN: &str = "SELECT coalesce(sum(tries), 0) FROM arrival
    WHERE completed_at IS NULL AND user_id IS NOT NULL AND arrived_at >= ?";

/// A page is loaded again a few times, and not for ever.
const TRIES: i64 = 5;

/// Each lookup is a request to Smartcar, of which an application has 120, refilled
/// at 2 a minute. Whoever comes back with a user who is none costs no more than
/// that; who comes through is not counted.
const WHILE: Duration = Duration::from_secs(10 * 60);
const MOST_IN_VAIN: i64 = 20;

const FAIL: &str = "INSERT INTO arrival (nonce, arrived_at, error, description)
    VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (nonce) DO UPDATE SET
        arrived_at = excluded.arrived_at, error = excluded.error,
        description = excluded.description
    WHERE user_id IS NULL";

const COMPLETE: &str = "UPDATE arrival SET completed_at = ?2, vehicles = ?3
    WHERE nonce = ?1 AND completed_at IS NULL";

/// How far somebody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Their vehicles are still to be taken in.
    Begun,
    /// So many vehicles of theirs were.
    Completed(i64),
    /// The state is another user's.
    Another,
}

/// A user has come back.
pub(crate) async fn arrive(nonce: &str, user: &UserId) -> Result<Arrival, Problem> {
    let parameters = [
        Value::from(nonce),
        Value::from(Host.now().0),
        Value::from(user.as_str()),
    ];
    let rows = store::query(ARRIVE, parameters).await?;
    Ok(match rows.first() {
        None => Arrival::Another,
        Some(row) if row.integer(0).is_none() => {
            if row.integer(2).is_some_and(|tries| tries > TRIES) {
                return Ok(Arrival::Another);
            }
            let since = Host.now().before(WHILE).0;
            let vain = store::first(VAIN, [Value::from(since)]).await?;
            let vain = vain.and_then(|row| row.integer(0));
            if vain.is_some_and(|vain| vain > MOST_IN_VAIN) {
                let detail = "too many have come back from Connect in vain: try again later";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Err(Problem::new(status, "CONNECT_BUSY", detail).retry_after(600));
            }
            Arrival::Begun
        }
        Some(row) => Arrival::Completed(row.integer(1).unwrap_or_default()),
    })
}

/// Somebody has come back with an error.
pub(crate) async fn fail(
    nonce: &str,
    error: &str,
    description: Option<&str>,
) -> Result<(), Problem> {
    let parameters = [
        Value::from(nonce),
        Value::from(Host.now().0),
        Value::from(error),
        Value::from(description),
    ];
    store::execute(FAIL, parameters).await
}

/// All vehicles of a user were taken in.
pub(crate) async fn complete(nonce: &str, vehicles: i64) -> Result<(), Problem> {
    let parameters = [
        Value::from(nonce),
        Value::from(Host.now().0),
        Value::from(vehicles),
    ];
    store::execute(COMPLETE, parameters).await
}
