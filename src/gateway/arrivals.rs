//! The record of who came back from Smartcar Connect.

use crate::store;
use edge::{Host, respond::Problem, sqlite::Value};
use smartcar::{Clock, UserId};

/// A state is one user's. Who was refused by Connect may go back to it and try
/// again with the same state.
const ARRIVE: &str = "INSERT INTO arrival (nonce, arrived_at, user_id) VALUES (?1, ?2, ?3)
    ON CONFLICT (nonce) DO UPDATE SET
        user_id = excluded.user_id, error = NULL, description = NULL
    WHERE user_id IS NULL OR user_id = excluded.user_id
    RETURNING completed_at, vehicles";

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
        Some(row) if row.integer(0).is_none() => Arrival::Begun,
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
    store::query(FAIL, parameters).await.map(drop)
}

/// All vehicles of a user were taken in.
pub(crate) async fn complete(nonce: &str, vehicles: i64) -> Result<(), Problem> {
    let parameters = [
        Value::from(nonce),
        Value::from(Host.now().0),
        Value::from(vehicles),
    ];
    store::query(COMPLETE, parameters).await.map(drop)
}
