//! What has to be done about the outbox once a minute: giving up what has waited for
//! too long, removing what waits for sinks that were left out, and correcting what a
//! clock that was ahead has written.

use crate::outbox::{LEASE, LIFE};
use edge::Host;
use smartcar::{Clock, Timestamp};
use std::time::Duration;
use store::{
    old::chore::{Chore, ROWS, SKEW, steps},
    old::sqlite::{Store, StoreError, Value},
};

static OUTBOX: Chore = Chore::new("outbox", Duration::from_secs(60));

const SINKS: &str = "SELECT name FROM sink";

/// Whether something waits for `?1` since `?3` or longer and is not being sent at `?2`.
pub(crate) const IS_OLD: &str = "SELECT EXISTS (
    SELECT 1 FROM outbox INDEXED BY outbox_age
    WHERE sink = ?1 AND dead_at IS NULL AND created_at <= ?3 AND claimed_until <= ?2)";

pub(crate) const EXPIRE: &str = "UPDATE outbox NOT INDEXED
    SET dead_at = ?2, error = coalesce(error, 'it waited for a day')
    WHERE seq IN (
        SELECT seq FROM outbox INDEXED BY outbox_age
        WHERE sink = ?1 AND dead_at IS NULL AND created_at <= ?3 AND claimed_until <= ?2
        ORDER BY created_at LIMIT ?4)";

/// Sinks that were left out and that something still waits for.
pub(crate) const LEFT_OUT: &str =
    "SELECT sink FROM backlog WHERE sink NOT IN (SELECT name FROM sink)";

pub(crate) const IS_LEFT: &str = "SELECT EXISTS (SELECT 1 FROM outbox WHERE sink = ?1)
    AND NOT EXISTS (SELECT 1 FROM sink WHERE name = ?1)";

/// It may have been configured again meanwhile; then its events are its own again.
pub(crate) const REMOVE: &str = "DELETE FROM outbox NOT INDEXED
    WHERE seq IN (SELECT seq FROM outbox WHERE sink = ?1 LIMIT ?2)
        AND NOT EXISTS (SELECT 1 FROM sink WHERE name = ?1)";

pub(crate) const FORGET: &str = "DELETE FROM backlog
    WHERE sink = ?1 AND NOT EXISTS (SELECT 1 FROM outbox WHERE sink = ?1)
        AND NOT EXISTS (SELECT 1 FROM sink WHERE name = ?1)";

/// Claims that end later than one can: each is over.
pub(crate) const IS_AHEAD: &str = "SELECT EXISTS (
    SELECT 1 FROM outbox INDEXED BY outbox_claimed WHERE claimed_until > ?1 AND claimed_until > 0)";

pub(crate) const RELEASE: &str = "UPDATE outbox INDEXED BY outbox_claimed
    SET claimed_until = 0, due_at = 0 WHERE claimed_until > ?1 AND claimed_until > 0";

/// Whether something is to be sent to `?1` later than can have been decided.
pub(crate) const IS_FAR: &str = "SELECT EXISTS (
    SELECT 1 FROM outbox INDEXED BY outbox_due
    WHERE sink = ?1 AND dead_at IS NULL AND waits = 0 AND due_at > ?2)";

pub(crate) const BRING_NEAR: &str = "UPDATE outbox NOT INDEXED SET due_at = 0
    WHERE seq IN (
        SELECT seq FROM outbox INDEXED BY outbox_due
        WHERE sink = ?1 AND dead_at IS NULL AND waits = 0 AND due_at > ?2 LIMIT ?3)";

/// Does it, if it is time and no other instance does.
pub(crate) async fn soon(store: &Store) -> Result<(), StoreError> {
    let now = Host.now();
    if !OUTBOX.is_worth_asking(now) || !OUTBOX.take(store, now).await? {
        return Ok(());
    }
    let mut is_left = false;
    // Others claim while this looks, and their clocks may be a little ahead.
    let ahead = [Value::from(now.after(LEASE + SKEW).0)];
    if is(store, IS_AHEAD, ahead.clone()).await? {
        store.execute(RELEASE, ahead).await?;
    }
    for name in names(store, SINKS).await? {
        is_left |= expire(store, &name, now).await?;
        is_left |= bring_near(store, &name, now).await?;
    }
    for name in names(store, LEFT_OUT).await? {
        is_left |= remove(store, &name).await?;
    }
    if is_left {
        OUTBOX.go_on(store, Host.now()).await?;
    }
    Ok(())
}

/// Gives up what has waited for too long.
async fn expire(store: &Store, sink: &str, now: Timestamp) -> Result<bool, StoreError> {
    let old = [
        Value::from(sink),
        Value::from(now.0),
        Value::from(now.before(LIFE).0),
    ];
    let mut step = old.to_vec();
    step.push(Value::from(ROWS));
    steps(
        &Host,
        async || is(store, IS_OLD, old.clone()).await,
        async || store.execute(EXPIRE, step.clone()).await,
    )
    .await
}

/// What is due later than an event lives was put off by a clock that was ahead.
async fn bring_near(store: &Store, sink: &str, now: Timestamp) -> Result<bool, StoreError> {
    let far = [Value::from(sink), Value::from(now.after(LIFE + SKEW).0)];
    let mut step = far.to_vec();
    step.push(Value::from(ROWS));
    steps(
        &Host,
        async || is(store, IS_FAR, far.clone()).await,
        async || store.execute(BRING_NEAR, step.clone()).await,
    )
    .await
}

/// Removes what waits for a sink that was left out.
async fn remove(store: &Store, sink: &str) -> Result<bool, StoreError> {
    let is_left = steps(
        &Host,
        async || is(store, IS_LEFT, [Value::from(sink)]).await,
        async || {
            let step = [Value::from(sink), Value::from(ROWS)];
            store.execute(REMOVE, step).await
        },
    )
    .await?;
    if !is_left {
        store.execute(FORGET, [Value::from(sink)]).await?;
    }
    Ok(is_left)
}

async fn is(
    store: &Store,
    question: &str,
    parameters: impl Into<Vec<Value>>,
) -> Result<bool, StoreError> {
    let row = store.first(question, parameters).await?;
    Ok(row.and_then(|row| row.integer(0)) == Some(1))
}

async fn names(store: &Store, of: &str) -> Result<Vec<String>, StoreError> {
    let rows = store.query(of, []).await?;
    let names = rows.iter().filter_map(|row| row.text(0));
    Ok(names.map(str::to_owned).collect())
}
