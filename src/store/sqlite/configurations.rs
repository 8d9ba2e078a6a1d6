//! Configurations of sinks in SQLite. A trigger makes the sinks of one that is put in
//! force, in the same statement.

use super::{Connect, Sqlite, Value};
use crate::{Configurations, StoreError, outbox::KnownConfiguration, rows};
use edge::Platform;
use smartcar::Timestamp;

/// The configuration in force, when an instance last brought it, and when one last
/// brought `?1`, if that was replaced.
const KNOWN: &str = "SELECT sinks, seen_at,
        (SELECT seen_at FROM former_configuration WHERE sinks = ?1)
    FROM relay";

/// Puts `?1` in force at `?2`, unless another instance has replaced what was in force
/// (`?3`) meanwhile. The one that was in force is remembered for a day after an instance
/// last brought it, by the trigger `relay_replaced`.
const REPLACE: &str =
    "UPDATE relay SET sinks = ?1, seen_at = ?2 WHERE sinks IS ?3 AND sinks IS NOT ?1";

const IN_FORCE_SEEN: &str = "UPDATE relay SET seen_at = ?2 WHERE sinks = ?1";

const REPLACED_SEEN: &str = "UPDATE former_configuration SET seen_at = ?2 WHERE sinks = ?1";

impl<C: Connect, P: Platform> Configurations for Sqlite<C, P> {
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
            Value::from(now.0),
            Value::from(in_place_of),
        ];
        self.execute(REPLACE, parameters).await
    }

    async fn in_force_seen(&self, configuration: &str, now: Timestamp) -> Result<(), StoreError> {
        let parameters = [Value::from(configuration), Value::from(now.0)];
        self.execute(IN_FORCE_SEEN, parameters).await
    }

    async fn replaced_seen(&self, configuration: &str, now: Timestamp) -> Result<(), StoreError> {
        let parameters = [Value::from(configuration), Value::from(now.0)];
        self.execute(REPLACED_SEEN, parameters).await
    }
}
