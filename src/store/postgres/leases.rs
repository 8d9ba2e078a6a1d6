//! Leases in PostgreSQL: one holder at a time, of all instances on all machines.

use super::{Connect, Postgres, Value};
use crate::StoreError;
use edge::Platform;
use futures::{FutureExt as _, future::LocalBoxFuture};
use smartcar::{LeaseError, Taken, Timestamp};
use std::fmt;

/// Taken once more by the same holder where the answer was lost.
const TAKE: &str = "INSERT INTO lease AS held (name, held_by, held_until) VALUES ($1, $2, $4)
    ON CONFLICT (name) DO UPDATE SET held_by = excluded.held_by, held_until = excluded.held_until
    WHERE held.held_by = excluded.held_by
        OR NOT (held.held_until > $3 AND held.held_until <= excluded.held_until)
    RETURNING value";

const IS_HELD: &str = "SELECT EXISTS (
    SELECT 1 FROM lease WHERE name = $1 AND held_until > $2 AND held_until <= $3)";

const GIVE_BACK: &str = "UPDATE lease SET held_until = 0, value = coalesce($3, value)
    WHERE name = $1 AND held_by = $2";

/// The leases in a database.
pub struct Leases<C: Connect + 'static, P: 'static>(pub &'static Postgres<C, P>);

impl<C: Connect, P> fmt::Debug for Leases<C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leases")
    }
}

fn failed(error: StoreError) -> LeaseError {
    LeaseError(error.to_string())
}

impl<C: Connect, P: Platform> smartcar::Leases for Leases<C, P> {
    fn take<'a>(
        &'a self,
        name: &'a str,
        by: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> LocalBoxFuture<'a, Result<Option<Taken>, LeaseError>> {
        let parameters = [
            Value::from(name),
            Value::from(by),
            Value::from(now),
            Value::from(until),
        ];
        let taken = async move {
            let row = self.0.first(TAKE, parameters).await.map_err(failed)?;
            Ok(row.map(|mut row| Taken { left: row.bytes(0) }))
        };
        taken.boxed_local()
    }

    fn is_held<'a>(
        &'a self,
        name: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> LocalBoxFuture<'a, Result<bool, LeaseError>> {
        let parameters = [Value::from(name), Value::from(now), Value::from(until)];
        let is_held = async move { self.0.is(IS_HELD, parameters).await.map_err(failed) };
        is_held.boxed_local()
    }

    fn give_back<'a>(
        &'a self,
        name: &'a str,
        by: &'a str,
        leaves: Option<Vec<u8>>,
    ) -> LocalBoxFuture<'a, Result<(), LeaseError>> {
        let leaves = leaves.map_or(Value::Null, Value::Bytes);
        let parameters = [Value::from(name), Value::from(by), leaves];
        let given_back = async move {
            let done = self.0.execute(GIVE_BACK, parameters).await;
            done.map(drop).map_err(failed)
        };
        given_back.boxed_local()
    }
}
