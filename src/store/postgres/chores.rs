//! Chores in PostgreSQL.

use super::{Connect, Postgres, Value};
use crate::{Chores, StoreError};
use edge::Platform;
use smartcar::Timestamp;

const LOOK: &str = "SELECT next_at FROM chore WHERE name = $1";

/// Succeeds for one of those who have seen the same time.
const TAKE: &str = "UPDATE chore SET next_at = $3 WHERE name = $1 AND next_at = $2";

const PUT: &str = "UPDATE chore SET next_at = $2 WHERE name = $1";

impl<C: Connect, P: Platform> Chores for Postgres<C, P> {
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
        let parameters = [Value::from(name), Value::from(from), Value::from(to)];
        Ok(self.execute(TAKE, parameters).await? > 0)
    }

    async fn put_chore(&self, name: &str, at: Timestamp) -> Result<(), StoreError> {
        let parameters = [Value::from(name), Value::from(at)];
        self.execute(PUT, parameters).await.map(drop)
    }
}
