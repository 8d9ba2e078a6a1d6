//! Who came back from Smartcar Connect.

use super::{Connect, Sqlite, Value};
use crate::{
    Arrivals, StoreError,
    arrival::{Arrival, ArrivalFigures, FailedArrival, NewArrival},
    rows,
};
use edge::Platform;
use smartcar::{Timestamp, UserId};

const ARRIVAL: &str = "SELECT user_id, completed_at, vehicles, tries FROM arrival WHERE nonce = ?";

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
                WHERE begun_for IS ?4 AND (user_id = ?3 OR ?4 <> '')
            ), 0) AS of_one
        FROM arrival
        WHERE arrived_at > ?5 AND arrived_at <= ?2 + 300000 AND user_id IS NOT NULL
    )
    INSERT INTO arrival (nonce, arrived_at, user_id, begun_for)
    SELECT ?1, ?2, ?3, ?4 FROM counted
    WHERE in_all < ?6 AND (?4 IS NOT NULL OR of_strangers < ?7) AND of_one < ?8
    ON CONFLICT (nonce) DO UPDATE SET
        arrived_at = excluded.arrived_at, user_id = excluded.user_id, error = NULL,
        description = NULL,
        begun_for = excluded.begun_for,
        tries = CASE WHEN user_id IS NULL THEN 1 ELSE tries + 1 END
    WHERE completed_at IS NULL AND tries < ?8
        AND (user_id IS NULL OR user_id = excluded.user_id)
    RETURNING tries";

const FAIL: &str = "INSERT INTO arrival (nonce, arrived_at, error, description)
    SELECT ?1, ?2, ?3, ?4
    WHERE (SELECT count(*) FROM arrival
            WHERE arrived_at > ?5 AND arrived_at <= ?2 + 300000 AND error IS NOT NULL) < ?6
    ON CONFLICT (nonce) DO NOTHING
    RETURNING 1";

const COMPLETE: &str = "UPDATE arrival SET completed_at = ?2, vehicles = ?3
    WHERE nonce = ?1 AND completed_at IS NULL";

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
            Value::from(UserId::as_str(arrival.user)),
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
            Value::from(arrival.error),
            Value::from(arrival.description),
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

    async fn forget_arrivals(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        self.forget([HAS_ARRIVALS, FORGET], before, most).await
    }
}
