//! Deliveries in quarantine, in PostgreSQL. The function `quarantine_delivery` makes room for
//! one that is kept.

use super::{Connect, Postgres, Value};
use crate::{
    Quarantine, StoreError,
    quarantine::{QuarantineFigures, Quarantined},
    rows,
};
use edge::Platform;
use smartcar::Timestamp;

const KNOWN: &str = "SELECT id FROM vehicle WHERE id = ANY ($1)";

const ADMIT: &str = "SELECT quarantine_delivery($1, $2, $3, $4, $5, $6)";

const QUARANTINED: &str = "SELECT event_id, vehicle_id, received_at, signature, body
    FROM quarantine WHERE (received_at, event_id) > ($1, $2)
    ORDER BY received_at, event_id LIMIT $3";

const RELEASE: &str = "DELETE FROM quarantine WHERE event_id IN (
    SELECT event_id FROM quarantine WHERE event_id = ANY ($1) ORDER BY event_id FOR UPDATE)";

const FIGURES: &str = "SELECT count(*), min(received_at) FROM quarantine WHERE received_at >= $1";

const FORGET: &str = "DELETE FROM quarantine WHERE event_id IN (SELECT event_id FROM quarantine
    WHERE received_at <= $1 ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

impl<C: Connect, P: Platform> Quarantine for Postgres<C, P> {
    async fn known_vehicles(&self, vehicles: &[String]) -> Result<Vec<String>, StoreError> {
        let rows = self.query(KNOWN, [Value::texts(vehicles)]).await?;
        Ok(rows::texts(rows))
    }

    async fn quarantine(&self, delivery: &Quarantined, most: i64) -> Result<bool, StoreError> {
        let parameters = [
            Value::from(delivery.event_id.as_str()),
            Value::from(delivery.vehicle_id.as_str()),
            Value::from(delivery.received_at),
            Value::from(most),
            Value::from(delivery.signature.as_str()),
            Value::Bytes(delivery.body.clone()),
        ];
        self.is(ADMIT, parameters).await
    }

    async fn quarantined(
        &self,
        (received_at, event): (Timestamp, &str),
        most: i64,
    ) -> Result<Vec<Quarantined>, StoreError> {
        let parameters = [
            Value::from(received_at),
            Value::from(event),
            Value::from(most),
        ];
        let rows = self.query(QUARANTINED, parameters).await?;
        Ok(rows
            .into_iter()
            .map(rows::quarantine::quarantined)
            .collect())
    }

    async fn release_quarantined(&self, events: &[String]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let events = [Value::texts(events)];
        self.execute(RELEASE, events).await.map(drop)
    }

    async fn quarantine_figures(&self, since: Timestamp) -> Result<QuarantineFigures, StoreError> {
        let row = self.first(FIGURES, [Value::from(since)]).await?;
        Ok(row
            .map(rows::quarantine::quarantine_figures)
            .unwrap_or_default())
    }

    async fn forget_quarantined(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        let parameters = [Value::from(before), Value::from(most)];
        Ok(self.execute(FORGET, parameters).await? > 0)
    }
}
