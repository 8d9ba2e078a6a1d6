//! Vehicles and their owners in PostgreSQL.

use super::{Connect, Postgres, Value};
use crate::{
    StoreError, Vehicles, rows,
    vehicle::{Access, OpenError, Vehicle, VehiclePage},
};
use edge::Platform;
use smartcar::{UserId, VehicleAttributes, VehicleId};

const OWNER: &str = "SELECT user_id FROM vehicle WHERE id = $1";

/// Whose the vehicle is, is decided by a delivery, and by a look-up (`$8`) that found one
/// user; any other word about a user counts as long as no owner is known.
const REMEMBER: &str = "INSERT INTO vehicle AS known
        (id, user_id, make, model, year, powertrain_type, mode, delivered_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
    ON CONFLICT (id) DO UPDATE SET
        user_id = CASE WHEN $8 THEN excluded.user_id
            ELSE coalesce(known.user_id, excluded.user_id) END,
        make = coalesce(known.make, excluded.make),
        model = coalesce(known.model, excluded.model),
        year = coalesce(known.year, excluded.year),
        powertrain_type = coalesce(known.powertrain_type, excluded.powertrain_type),
        mode = coalesce(known.mode, excluded.mode)";

/// The columns are those of [`vehicle`].
const VEHICLES: &str = "SELECT id, user_id, make, model, year, powertrain_type, mode, delivered_at,
        (SELECT count(*) FROM signal WHERE vehicle_id = vehicle.id AND body IS NOT NULL
            AND coalesce(signal.user_id, vehicle.user_id) IS NOT DISTINCT FROM vehicle.user_id),
        (SELECT max(observed_at) FROM signal WHERE vehicle_id = vehicle.id
            AND coalesce(signal.user_id, vehicle.user_id) IS NOT DISTINCT FROM vehicle.user_id),
        (SELECT coalesce(json_agg(json_build_array(
                type, nullif(code, ''), error, opened_at, error_at, vehicle.user_id)
                ORDER BY type, code), '[]')::text
            FROM open_error WHERE vehicle_id = vehicle.id
                AND coalesce(open_error.user_id, vehicle.user_id)
                    IS NOT DISTINCT FROM vehicle.user_id),
        calls, refused_code, refused_at, refused_until
    FROM vehicle LEFT JOIN vehicle_calls ON vehicle_calls.vehicle_id = id AND month = $6
    WHERE (CAST($1 AS text) IS NULL OR id > $1)
        AND (CAST($2 AS text[]) IS NULL OR id = ANY ($2))
        AND (CAST($3 AS text[]) IS NULL OR user_id = ANY ($3))
        AND (CAST($5 AS text[]) IS NULL OR EXISTS (
            SELECT 1 FROM open_error WHERE vehicle_id = vehicle.id
                AND coalesce(open_error.user_id, vehicle.user_id)
                    IS NOT DISTINCT FROM vehicle.user_id
                AND type <> ALL ($5)))
    ORDER BY id LIMIT $4";

const OPEN_ERRORS: &str = "SELECT coalesce(json_agg(json_build_array(
        type, nullif(code, ''), error, opened_at, error_at,
        coalesce(open_error.user_id, vehicle.user_id)) ORDER BY type, code), '[]')::text
    FROM open_error LEFT JOIN vehicle ON id = vehicle_id WHERE vehicle_id = $1";

/// As of its own time: a later time would be that of a RESOLVED which found no open error,
/// and end the next one too.
const END_ERROR: &str = "UPDATE vehicle_error SET resolved_at = error_at
    WHERE vehicle_id = $1 AND type = $2 AND code = $3 AND error_at = $4";

/// A vehicle belongs to its owner, and what is stored of it to whoever has reported it.
const ACCESSES: &str = "SELECT access.vehicle_id, access.user_id, mode,
        CASE WHEN access.user_id IS NOT DISTINCT FROM vehicle.user_id THEN delivered_at END
    FROM (
        SELECT id AS vehicle_id, user_id FROM vehicle
        UNION SELECT vehicle_id, user_id FROM signal WHERE user_id IS NOT NULL
        UNION SELECT vehicle_id, error_user_id FROM signal WHERE error_user_id IS NOT NULL
        UNION SELECT vehicle_id, user_id FROM vehicle_error WHERE user_id IS NOT NULL
        UNION SELECT vehicle_id, coalesce(action_signal.user_id, action.user_id)
            FROM action_signal JOIN action ON id = action_id
            WHERE vehicle_id IS NOT NULL
                AND coalesce(action_signal.user_id, action.user_id) IS NOT NULL
    ) AS access LEFT JOIN vehicle ON id = access.vehicle_id
    ORDER BY 1, 2 LIMIT $1";

const REPORTED_BY: &str = "SELECT vehicle_id FROM signal WHERE user_id = $1
    UNION SELECT vehicle_id FROM signal WHERE error_user_id = $1
    UNION SELECT vehicle_id FROM vehicle_error WHERE user_id = $1
    UNION SELECT vehicle_id FROM action_signal JOIN action ON id = action_id
        WHERE coalesce(action_signal.user_id, action.user_id) = $1
            AND vehicle_id IS NOT NULL";

const FORGET_REPORTS: &str = "SELECT forget_reports($1, $2)";

/// The signals of a vehicle go with it.
const FORGET_VEHICLE: &str = "DELETE FROM vehicle
    WHERE id = $1 AND (CAST($2 AS text) IS NULL OR user_id IS NULL OR user_id = $2)";

const FORGET_VEHICLES: &str = "DELETE FROM vehicle WHERE id IN (
    SELECT id FROM vehicle WHERE user_id = $1 ORDER BY id FOR UPDATE)";

impl<C: Connect, P: Platform> Vehicles for Postgres<C, P> {
    async fn owner(&self, vehicle: &VehicleId) -> Result<Option<UserId>, StoreError> {
        let row = self.first(OWNER, [Value::from(vehicle.as_str())]).await?;
        Ok(row.and_then(|mut row| rows::vehicles::user(&mut row, 0)))
    }

    async fn remember_vehicle(
        &self,
        vehicle: &VehicleId,
        user: Option<&UserId>,
        is_owner: bool,
        about: &VehicleAttributes,
    ) -> Result<(), StoreError> {
        let powertrain = about.powertrain_type.as_ref().map(|kind| kind.as_str());
        let mode = about.mode.as_ref().map(|mode| mode.as_str());
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(user.map(UserId::as_str)),
            Value::from(about.make.as_deref()),
            Value::from(about.model.as_deref()),
            Value::from(about.year.map(i64::from)),
            Value::from(powertrain),
            Value::from(mode),
            Value::from(is_owner),
        ];
        self.execute(REMEMBER, parameters).await.map(drop)
    }

    async fn vehicles(&self, page: VehiclePage<'_>) -> Result<Vec<Vehicle>, StoreError> {
        let parameters = [
            Value::from(page.after),
            page.vehicles.map_or(Value::Null, Value::texts),
            page.users.map_or(Value::Null, Value::texts),
            Value::from(page.limit),
            page.with_errors_but.map_or(Value::Null, Value::texts),
            Value::from(page.month),
        ];
        let rows = self.query(VEHICLES, parameters).await?;
        Ok(rows.into_iter().map(rows::vehicles::vehicle).collect())
    }

    async fn open_errors(&self, vehicle: &VehicleId) -> Result<Vec<OpenError>, StoreError> {
        let row = self
            .first(OPEN_ERRORS, [Value::from(vehicle.as_str())])
            .await?;
        let errors = row.map(|mut row| rows::vehicles::open_errors(&mut row, 0));
        Ok(errors.unwrap_or_default())
    }

    async fn end_error(&self, vehicle: &VehicleId, error: &OpenError) -> Result<(), StoreError> {
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(error.kind.as_str()),
            Value::from(error.code.as_deref().unwrap_or_default()),
            Value::from(error.error_at),
        ];
        self.execute(END_ERROR, parameters).await.map(drop)
    }

    async fn accesses(&self, limit: i64) -> Result<Vec<Access>, StoreError> {
        let rows = self.query(ACCESSES, [Value::from(limit)]).await?;
        Ok(rows.into_iter().map(rows::vehicles::access).collect())
    }

    async fn reported_by(&self, user: &UserId) -> Result<Vec<String>, StoreError> {
        let rows = self
            .query(REPORTED_BY, [Value::from(user.as_str())])
            .await?;
        Ok(rows::texts(rows))
    }

    async fn forget_reports(&self, vehicles: &[String], user: &UserId) -> Result<(), StoreError> {
        let parameters = [Value::texts(vehicles), Value::from(user.as_str())];
        self.execute(FORGET_REPORTS, parameters).await.map(drop)
    }

    async fn forget_vehicle(
        &self,
        vehicle: &VehicleId,
        user: Option<&UserId>,
    ) -> Result<(), StoreError> {
        let user = Value::from(user.map(UserId::as_str));
        let parameters = [Value::from(vehicle.as_str()), user];
        self.execute(FORGET_VEHICLE, parameters).await.map(drop)
    }

    async fn forget_vehicles_of(&self, user: &UserId) -> Result<(), StoreError> {
        let user = [Value::from(user.as_str())];
        self.execute(FORGET_VEHICLES, user).await.map(drop)
    }
}
