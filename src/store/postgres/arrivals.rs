//! Who came back from Smartcar Connect, in PostgreSQL.

use super::{Connect, Postgres, Value};
use crate::{
    Arrivals, StoreError,
    arrival::{Arrival, ArrivalFigures, FailedArrival, LastFailure, NewArrival},
    rows,
};
use edge::Platform;
use smartcar::{Timestamp, VehicleId};

/// The user, or the vehicle, unless an error came back.
const ARRIVAL: &str = "SELECT CASE WHEN error IS NULL THEN coalesce(user_id, vehicle_id) END,
        completed_at, vehicles, tries
    FROM arrival WHERE nonce = $1";

const BEGIN: &str = "SELECT begin_arrival($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const FAIL: &str = "SELECT fail_arrival($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

const COMPLETE: &str = "UPDATE arrival SET completed_at = $2, vehicles = $3
    WHERE nonce = $1 AND completed_at IS NULL";

const LAST_FAILURE: &str = "SELECT arrived_at, error, description, vin, make, model, year,
        vehicle_id
    FROM arrival WHERE arrived_at >= $1 AND error IS NOT NULL
    ORDER BY arrived_at DESC LIMIT 1";

const FIGURES: &str = "SELECT count(*), count(completed_at), count(error), max(arrived_at)
    FROM arrival WHERE arrived_at >= $1";

const FORGET: &str = "DELETE FROM arrival WHERE nonce IN (SELECT nonce FROM arrival
    WHERE arrived_at <= $1 ORDER BY arrived_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

impl<C: Connect, P: Platform> Arrivals for Postgres<C, P> {
    async fn arrival(&self, nonce: &str) -> Result<Option<Arrival>, StoreError> {
        let row = self.first(ARRIVAL, [Value::from(nonce)]).await?;
        Ok(row.map(rows::arrivals::arrival))
    }

    async fn begin_arrival(&self, arrival: NewArrival<'_>) -> Result<bool, StoreError> {
        let parameters = [
            Value::from(arrival.nonce),
            Value::from(arrival.at),
            Value::from(arrival.of.user()),
            Value::from(arrival.of.vehicle()),
            Value::from(arrival.begun_for),
            Value::from(arrival.since),
            Value::from(arrival.most),
            Value::from(arrival.most_of_strangers),
            Value::from(arrival.most_of_one),
        ];
        self.is(BEGIN, parameters).await
    }

    async fn fail_arrival(&self, arrival: FailedArrival<'_>) -> Result<bool, StoreError> {
        let parameters = [
            Value::from(arrival.nonce),
            Value::from(arrival.at),
            Value::from(arrival.failure.error.as_str()),
            Value::from(arrival.failure.description.as_deref()),
            Value::from(arrival.vehicle.map(VehicleId::as_str)),
            Value::from(arrival.failure.vin.as_deref()),
            Value::from(arrival.failure.make.as_deref()),
            Value::from(arrival.failure.model.as_deref()),
            Value::from(arrival.failure.year.as_deref()),
            Value::from(arrival.since),
            Value::from(arrival.most),
        ];
        self.is(FAIL, parameters).await
    }

    async fn complete_arrival(
        &self,
        nonce: &str,
        at: Timestamp,
        vehicles: i64,
    ) -> Result<(), StoreError> {
        let parameters = [Value::from(nonce), Value::from(at), Value::from(vehicles)];
        self.execute(COMPLETE, parameters).await.map(drop)
    }

    async fn arrival_figures(&self, since: Timestamp) -> Result<ArrivalFigures, StoreError> {
        let row = self.first(FIGURES, [Value::from(since)]).await?;
        Ok(row.map(rows::arrivals::arrival_figures).unwrap_or_default())
    }

    async fn last_failure(&self, since: Timestamp) -> Result<Option<LastFailure>, StoreError> {
        let row = self.first(LAST_FAILURE, [Value::from(since)]).await?;
        Ok(row.map(rows::arrivals::last_failure))
    }

    async fn forget_arrivals(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        let parameters = [Value::from(before), Value::from(most)];
        Ok(self.execute(FORGET, parameters).await? > 0)
    }
}
