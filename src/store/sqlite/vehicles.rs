//! Vehicles and their owners.

use super::{Connect, Sqlite, Value, database::names};
use crate::{
    StoreError, Vehicles, rows,
    vehicle::{Access, OpenError, Vehicle, VehiclePage},
};
use edge::Platform;
use smartcar::{UserId, VehicleAttributes, VehicleId};

const OWNER: &str = "SELECT user_id FROM vehicle WHERE id = ?";

/// Whose the vehicle is, is decided by a delivery, and by a look-up (`?8`) that found one
/// user; any other word about a user counts as long as no owner is known.
const REMEMBER: &str = "INSERT INTO vehicle
        (id, user_id, make, model, year, powertrain_type, mode, delivered_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)
    ON CONFLICT (id) DO UPDATE SET
        user_id = iif(?8, excluded.user_id, coalesce(user_id, excluded.user_id)),
        make = coalesce(make, excluded.make),
        model = coalesce(model, excluded.model),
        year = coalesce(year, excluded.year),
        powertrain_type = coalesce(powertrain_type, excluded.powertrain_type),
        mode = coalesce(mode, excluded.mode)";

/// The columns are those of [`vehicle`].
const VEHICLES: &str = "SELECT id, user_id, make, model, year, powertrain_type, mode, delivered_at,
        (SELECT count(*) FROM signal WHERE vehicle_id = vehicle.id AND body IS NOT NULL
            AND coalesce(signal.user_id, vehicle.user_id) IS vehicle.user_id),
        (SELECT max(observed_at) FROM signal WHERE vehicle_id = vehicle.id
            AND coalesce(signal.user_id, vehicle.user_id) IS vehicle.user_id),
        (SELECT json_group_array(json_array(
                type, nullif(code, ''), error, opened_at, error_at, vehicle.user_id))
            FROM (SELECT * FROM open_error WHERE vehicle_id = vehicle.id ORDER BY type, code)
                AS listed
            WHERE coalesce(listed.user_id, vehicle.user_id) IS vehicle.user_id),
        calls, refused_code, refused_at, refused_until
    FROM vehicle LEFT JOIN vehicle_calls ON vehicle_calls.vehicle_id = id AND month = ?6
    WHERE (?1 IS NULL OR id > ?1)
        AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2)))
        AND (?3 IS NULL OR user_id IN (SELECT value FROM json_each(?3)))
        AND (?5 IS NULL OR EXISTS (SELECT 1 FROM open_error WHERE vehicle_id = vehicle.id
            AND coalesce(open_error.user_id, vehicle.user_id) IS vehicle.user_id
            AND type NOT IN (SELECT value FROM json_each(?5))))
    ORDER BY id LIMIT ?4";

const OPEN_ERRORS: &str = "SELECT json_group_array(json_array(
        type, nullif(code, ''), error, opened_at, error_at, user_id))
    FROM (
        SELECT type, code, error, opened_at, error_at,
            coalesce(open_error.user_id, vehicle.user_id) AS user_id
        FROM open_error LEFT JOIN vehicle ON id = vehicle_id
        WHERE vehicle_id = ?1 ORDER BY type, code
    )";

/// As of its own time: a later time would be that of a RESOLVED which found no open error,
/// and end the next one too.
const END_ERROR: &str = "UPDATE vehicle_error SET resolved_at = error_at
    WHERE vehicle_id = ?1 AND type = ?2 AND code = ?3 AND error_at = ?4";

/// A vehicle belongs to its owner, and what is stored of it to whoever has reported it.
const ACCESSES: &str = "SELECT access.vehicle_id, access.user_id, mode,
        CASE WHEN access.user_id IS vehicle.user_id THEN delivered_at END
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
    ORDER BY 1, 2 LIMIT ?1";

/// A look holds up no delivery, as a DELETE that has to look would.
const REPORTED_BY: &str = "SELECT vehicle_id FROM signal WHERE ?1 IN (user_id, error_user_id)
    UNION SELECT vehicle_id FROM vehicle_error WHERE user_id = ?1
    UNION SELECT vehicle_id FROM action_signal JOIN action ON id = action_id
        WHERE coalesce(action_signal.user_id, action.user_id) = ?1";

/// The trigger of the view does it.
const FORGET_REPORTS: &str = "INSERT INTO ended_access (vehicle_id, user_id)
    SELECT value, ?2 FROM json_each(?1)";

/// The signals of a vehicle go with it.
const FORGET_VEHICLE: &str = "DELETE FROM vehicle
    WHERE id = ?1 AND (?2 IS NULL OR user_id IS NULL OR user_id = ?2)";

const FORGET_VEHICLES: &str = "DELETE FROM vehicle WHERE user_id = ?1";

impl<C: Connect, P: Platform> Vehicles for Sqlite<C, P> {
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
            Value::from(i64::from(is_owner)),
        ];
        self.execute(REMEMBER, parameters).await
    }

    async fn vehicles(&self, page: VehiclePage<'_>) -> Result<Vec<Vehicle>, StoreError> {
        let only = |ids: Option<&[String]>| Value::from(ids.map(names).as_deref());
        let parameters = [
            Value::from(page.after),
            only(page.vehicles),
            only(page.users),
            Value::from(page.limit),
            Value::from(page.with_errors_but.map(names).as_deref()),
            Value::from(page.month.0),
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
            Value::from(error.error_at.0),
        ];
        self.execute(END_ERROR, parameters).await
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
        let parameters = [Value::Text(names(vehicles)), Value::from(user.as_str())];
        self.execute(FORGET_REPORTS, parameters).await
    }

    async fn forget_vehicle(
        &self,
        vehicle: &VehicleId,
        user: Option<&UserId>,
    ) -> Result<(), StoreError> {
        let user = Value::from(user.map(UserId::as_str));
        let parameters = [Value::from(vehicle.as_str()), user];
        self.execute(FORGET_VEHICLE, parameters).await
    }

    async fn forget_vehicles_of(&self, user: &UserId) -> Result<(), StoreError> {
        let user = [Value::from(user.as_str())];
        self.execute(FORGET_VEHICLES, user).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{
        cost::effort,
        schema::{STEPS, statements},
    };
    use rusqlite::params;

    const VEHICLES: i64 = 1000;

    /// A database with many vehicles, of each a hundred reports of another user's that
    /// commands have awaited.
    fn filled() -> rusqlite::Connection {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        for statement in STEPS.iter().flat_map(|step| statements(step)) {
            database.execute_batch(statement).unwrap();
        }
        for insert in [
            "INSERT INTO vehicle (id, user_id, delivered_at)
                SELECT 'v-' || n, 'other', 0 FROM number WHERE n < ?1",
            "INSERT INTO signal (vehicle_id, code, body, user_id, delivered_at)
                SELECT 'v-' || n, 'a', '{}', 'other', 0 FROM number WHERE n < ?1",
            "INSERT INTO action (id, kind, path, caller, vehicle_id, user_id, fingerprint,
                    is_exclusive, started_at, outcome)
                SELECT 'a-' || n, 'lock', '', 'app', 'v-' || n, 'other', '', 0, n, 'succeeded'
                FROM number WHERE n < ?1",
            "INSERT INTO action_signal (action_id, is_late, body, observed_at)
                SELECT 'a-' || (n % ?1), 0, n / ?1, n FROM number WHERE n < ?1 * 100",
        ] {
            let number = "WITH RECURSIVE number(n) AS
                (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?1 * 100) ";
            database
                .execute(&format!("{number}{insert}"), [VEHICLES])
                .unwrap();
        }
        database
    }

    #[test]
    fn reports_are_forgotten_in_steps_that_do_not_grow_with_what_others_have_reported() {
        let database = filled();
        let vehicles: Vec<String> = (0..20).map(|number| format!("v-{number}")).collect();
        let (steps, scanned) = effort(&database, FORGET_REPORTS, params![names(&vehicles), "u-1"]);
        println!("{steps} instructions, {scanned} rows scanned");
        assert!(steps < 100_000 && scanned < 10_000, "{steps}, {scanned}");
    }
}
