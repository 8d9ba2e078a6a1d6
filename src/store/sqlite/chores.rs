//! Chores in SQLite.

use super::{Connect, Sqlite, Value};
use crate::{Chores, StoreError};
use edge::Platform;
use smartcar::Timestamp;

const LOOK: &str = "SELECT next_at FROM chore WHERE name = ?";

/// Succeeds for one of those who have seen the same time.
const TAKE: &str =
    "UPDATE chore SET next_at = ?3 WHERE name = ?1 AND next_at = ?2 RETURNING next_at";

const PUT: &str = "UPDATE chore SET next_at = ?2 WHERE name = ?1";

impl<C: Connect, P: Platform> Chores for Sqlite<C, P> {
    async fn chore_due_at(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = self.first(LOOK, [Value::from(name)]).await?;
        Ok(row.and_then(|row| row.time(0)))
    }

    async fn take_chore(
        &self,
        name: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<bool, StoreError> {
        let parameters = [Value::from(name), Value::from(from.0), Value::from(to.0)];
        Ok(self.first(TAKE, parameters).await?.is_some())
    }

    async fn put_chore(&self, name: &str, at: Timestamp) -> Result<(), StoreError> {
        self.execute(PUT, [Value::from(name), Value::from(at.0)])
            .await
    }
}
