//! Configurations of sinks in PostgreSQL. The function `put_in_force` makes the sinks of
//! one.

use super::{Connect, Postgres, Value};
use crate::{Configurations, StoreError, outbox::KnownConfiguration, rows};
use edge::Platform;
use smartcar::Timestamp;

/// The configuration in force, when an instance last brought it, and when one last
/// brought `$1`, if that was replaced.
const KNOWN: &str = "SELECT sinks, seen_at,
        (SELECT seen_at FROM former_configuration WHERE sinks = $1)
    FROM relay";

const PUT_IN_FORCE: &str = "SELECT put_in_force($1, $2, $3)";

const IN_FORCE_SEEN: &str = "UPDATE relay SET seen_at = $2 WHERE sinks = $1";

const REPLACED_SEEN: &str = "UPDATE former_configuration SET seen_at = $2 WHERE sinks = $1";

impl<C: Connect, P: Platform> Configurations for Postgres<C, P> {
    async fn known_configuration(
        &self,
        configuration: &str,
    ) -> Result<KnownConfiguration, StoreError> {
        let row = self.first(KNOWN, [Value::from(configuration)]).await?;
        Ok(row
            .map(rows::configurations::known_configuration)
            .unwrap_or_default())
    }

    async fn put_in_force(
        &self,
        configuration: &str,
        in_place_of: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let parameters = [
            Value::from(configuration),
            Value::from(now),
            Value::from(in_place_of),
        ];
        self.execute(PUT_IN_FORCE, parameters).await.map(drop)
    }

    async fn in_force_seen(&self, configuration: &str, now: Timestamp) -> Result<(), StoreError> {
        let parameters = [Value::from(configuration), Value::from(now)];
        self.execute(IN_FORCE_SEEN, parameters).await.map(drop)
    }

    async fn replaced_seen(&self, configuration: &str, now: Timestamp) -> Result<(), StoreError> {
        let parameters = [Value::from(configuration), Value::from(now)];
        self.execute(REPLACED_SEEN, parameters).await.map(drop)
    }
}
