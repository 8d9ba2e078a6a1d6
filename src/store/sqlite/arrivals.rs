//! Who came back from Smartcar Connect.

use super::{Connect, Sqlite, Value};
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
    FROM arrival WHERE nonce = ?";

/// Whoever was refused by Connect may go back to it and try again with the same state, and
/// counts as one who comes now. No one who puts another's user id into a URL keeps out whom
/// the server named.
///
/// What is counted may be up to five minutes in the future, by which the clocks of hosts
/// may differ; what is further ahead would count until then.
const BEGIN: &str = "WITH counted AS (
        SELECT
            coalesce(sum(tries), 0) AS in_all,
            coalesce(sum(tries) FILTER (WHERE begun_for IS NULL), 0) AS of_strangers,
            coalesce(sum(tries) FILTER (
                WHERE begun_for IS ?5 AND ((user_id IS ?3 AND vehicle_id IS ?4) OR ?5 <> '')
            ), 0) AS of_one
        FROM arrival
        WHERE arrived_at > ?6 AND arrived_at <= ?2 + 300000 AND error IS NULL
    )
    INSERT INTO arrival (nonce, arrived_at, user_id, vehicle_id, begun_for)
    SELECT ?1, ?2, ?3, ?4, ?5 FROM counted
    WHERE in_all < ?7 AND (?5 IS NOT NULL OR of_strangers < ?8) AND of_one < ?9
    ON CONFLICT (nonce) DO UPDATE SET
        arrived_at = excluded.arrived_at, user_id = excluded.user_id,
        vehicle_id = excluded.vehicle_id, error = NULL, description = NULL, vin = NULL,
        make = NULL, model = NULL, year = NULL,
        begun_for = excluded.begun_for,
        tries = CASE WHEN error IS NULL THEN tries + 1 ELSE 1 END
    WHERE completed_at IS NULL AND tries < ?9
        AND (error IS NOT NULL
            OR (user_id IS excluded.user_id AND vehicle_id IS excluded.vehicle_id))
    RETURNING tries";

const FAIL: &str = "INSERT INTO arrival
        (nonce, arrived_at, error, description, vehicle_id, vin, make, model, year)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
    WHERE (SELECT count(*) FROM arrival
            WHERE arrived_at > ?10 AND arrived_at <= ?2 + 300000 AND error IS NOT NULL) < ?11
    ON CONFLICT (nonce) DO NOTHING
    RETURNING 1";

const COMPLETE: &str = "UPDATE arrival SET completed_at = ?2, vehicles = ?3
    WHERE nonce = ?1 AND completed_at IS NULL";

const LAST_FAILURE: &str = "SELECT arrived_at, error, description, vin, make, model, year,
        vehicle_id
    FROM arrival WHERE arrived_at >= ? AND error IS NOT NULL
    ORDER BY arrived_at DESC LIMIT 1";

const FIGURES: &str = "SELECT count(*), count(completed_at), count(error), max(arrived_at)
    FROM arrival WHERE arrived_at >= ?";

const HAS_ARRIVALS: &str = "SELECT EXISTS (SELECT 1 FROM arrival WHERE arrived_at <= ?1)";

const FORGET: &str = "DELETE FROM arrival WHERE nonce IN (SELECT nonce FROM arrival
    WHERE arrived_at <= ?1 ORDER BY arrived_at LIMIT ?2)";

impl<C: Connect, P: Platform> Arrivals for Sqlite<C, P> {
    async fn arrival(&self, nonce: &str) -> Result<Option<Arrival>, StoreError> {
        let row = self.first(ARRIVAL, [Value::from(nonce)]).await?;
        Ok(row.map(rows::arrivals::arrival))
    }

    async fn begin_arrival(&self, arrival: NewArrival<'_>) -> Result<bool, StoreError> {
        let parameters = [
            Value::from(arrival.nonce),
            Value::from(arrival.at.0),
            Value::from(arrival.of.user()),
            Value::from(arrival.of.vehicle()),
            Value::from(arrival.begun_for),
            Value::from(arrival.since.0),
            Value::from(arrival.most),
            Value::from(arrival.most_of_strangers),
            Value::from(arrival.most_of_one),
        ];
        Ok(self.first(BEGIN, parameters).await?.is_some())
    }

    async fn fail_arrival(&self, arrival: FailedArrival<'_>) -> Result<bool, StoreError> {
        let parameters = [
            Value::from(arrival.nonce),
            Value::from(arrival.at.0),
            Value::from(arrival.failure.error.as_str()),
            Value::from(arrival.failure.description.as_deref()),
            Value::from(arrival.vehicle.map(VehicleId::as_str)),
            Value::from(arrival.failure.vin.as_deref()),
            Value::from(arrival.failure.make.as_deref()),
            Value::from(arrival.failure.model.as_deref()),
            Value::from(arrival.failure.year.as_deref()),
            Value::from(arrival.since.0),
            Value::from(arrival.most),
        ];
        Ok(self.first(FAIL, parameters).await?.is_some())
    }

    async fn complete_arrival(
        &self,
        nonce: &str,
        at: Timestamp,
        vehicles: i64,
    ) -> Result<(), StoreError> {
        let parameters = [Value::from(nonce), Value::from(at.0), Value::from(vehicles)];
        self.execute(COMPLETE, parameters).await
    }

    async fn arrival_figures(&self, since: Timestamp) -> Result<ArrivalFigures, StoreError> {
        let row = self.first(FIGURES, [Value::from(since.0)]).await?;
        Ok(row.map(rows::arrivals::arrival_figures).unwrap_or_default())
    }

    async fn last_failure(&self, since: Timestamp) -> Result<Option<LastFailure>, StoreError> {
        let row = self.first(LAST_FAILURE, [Value::from(since.0)]).await?;
        Ok(row.map(rows::arrivals::last_failure))
    }

    async fn forget_arrivals(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        self.forget([HAS_ARRIVALS, FORGET], before, most).await
    }
}
