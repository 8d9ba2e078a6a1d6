//! Calls about vehicles.

use super::{Connect, Sqlite, Value};
use crate::{
    CLOCKS_DIFFER, Calls, StoreError,
    call::{CallFigures, KnownCalls, Refusal, first_kept},
    rows,
};
use edge::Platform;
use smartcar::{Timestamp, VehicleId};

const KNOWN: &str = "SELECT calls, refused_code, refused_at, refused_until FROM vehicle_calls
    WHERE vehicle_id = ?1 AND month = ?2";

/// A call that succeeded (`?3`) ends a refusal.
const COUNT: &str = "INSERT INTO vehicle_calls (vehicle_id, month, calls) VALUES (?1, ?2, 1)
    ON CONFLICT (vehicle_id, month) DO UPDATE SET
        calls = vehicle_calls.calls + 1,
        refused_until = CASE WHEN ?3 THEN NULL ELSE vehicle_calls.refused_until END";

const REFUSE: &str = "INSERT INTO vehicle_calls
        (vehicle_id, month, calls, refused_code, refused_at, refused_until)
    VALUES (?1, ?2, 0, ?3, ?4, ?5)
    ON CONFLICT (vehicle_id, month) DO UPDATE SET
        refused_code = excluded.refused_code,
        refused_at = excluded.refused_at,
        refused_until = excluded.refused_until";

const QUESTION: &str = "UPDATE vehicle_calls SET refused_at = ?4
    WHERE vehicle_id = ?1 AND month = ?2 AND refused_at = ?3 RETURNING 1";

/// Refusals hold that are not of a clock ahead (`?2`) and not over at `?3`.
const FIGURES: &str = "SELECT
        CASE WHEN refused_at <= ?2 AND refused_until > ?3 THEN refused_code END,
        sum(calls), count(*) FILTER (WHERE calls >= ?4), count(*)
    FROM vehicle_calls WHERE month = ?1 GROUP BY 1 ORDER BY 1";

const MOST: &str = "SELECT vehicle_id, calls FROM vehicle_calls
    WHERE month = ?1 AND calls > 0 ORDER BY calls DESC, vehicle_id LIMIT ?2";

const HAS_FORMER: &str = "SELECT EXISTS (SELECT 1 FROM vehicle_calls WHERE month < ?1)";

const FORGET: &str = "DELETE FROM vehicle_calls WHERE (vehicle_id, month) IN (
    SELECT vehicle_id, month FROM vehicle_calls WHERE month < ?1 ORDER BY month LIMIT ?2)";

impl<C: Connect, P: Platform> Calls for Sqlite<C, P> {
    async fn known_calls(
        &self,
        vehicle: &VehicleId,
        month: Timestamp,
    ) -> Result<KnownCalls, StoreError> {
        let parameters = [Value::from(vehicle.as_str()), Value::from(month.0)];
        let row = self.first(KNOWN, parameters).await?;
        let known = row.map(|mut row| rows::calls::known_calls(&mut row, 0));
        Ok(known.unwrap_or_default())
    }

    async fn count_call(
        &self,
        vehicle: &VehicleId,
        month: Timestamp,
        succeeded: bool,
    ) -> Result<(), StoreError> {
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(month.0),
            Value::from(i64::from(succeeded)),
        ];
        self.execute(COUNT, parameters).await
    }

    async fn refuse_calls(
        &self,
        vehicle: &VehicleId,
        month: Timestamp,
        refusal: &Refusal,
    ) -> Result<(), StoreError> {
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(month.0),
            Value::from(refusal.code.as_str()),
            Value::from(refusal.at.0),
            Value::from(refusal.until.0),
        ];
        self.execute(REFUSE, parameters).await
    }

    async fn question_refusal(
        &self,
        vehicle: &VehicleId,
        month: Timestamp,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<bool, StoreError> {
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(month.0),
            Value::from(from.0),
            Value::from(to.0),
        ];
        self.is(QUESTION, parameters).await
    }

    async fn call_figures(
        &self,
        month: Timestamp,
        now: Timestamp,
        ceiling: i64,
    ) -> Result<CallFigures, StoreError> {
        let parameters = [
            Value::from(month.0),
            Value::from(now.after(CLOCKS_DIFFER).0),
            Value::from(now.0),
            Value::from(ceiling),
        ];
        let rows = self.query(FIGURES, parameters).await?;
        Ok(rows::calls::call_figures(rows))
    }

    async fn most_called(
        &self,
        month: Timestamp,
        limit: i64,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let parameters = [Value::from(month.0), Value::from(limit)];
        let rows = self.query(MOST, parameters).await?;
        Ok(rows.into_iter().map(rows::calls::vehicle_calls).collect())
    }

    async fn forget_calls(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        self.forget([HAS_FORMER, FORGET], first_kept(before), most)
            .await
    }
}
