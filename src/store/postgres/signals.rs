//! The newest signals of each vehicle in PostgreSQL.

use super::{Connect, Postgres, Value, reports::Lists};
use crate::{Signals, StoreError, rows, signal::StoredSignals};
use edge::Platform;
use smartcar::{SignalCode, Timestamp, UserId, VehicleAttributes, VehicleId, report::Report};

/// What is known of a vehicle and of its signals, a signal a row, for the user `$2` or the
/// owner where that is null: all of them, or the one of the code `$3`.
const SIGNALS: &str = "SELECT code, name, group_name, body, observed_at, retrieved_at,
        signal.delivered_at, coalesce(signal.user_id, vehicle.user_id),
        error, error_at, coalesce(error_user_id, vehicle.user_id),
        make, model, year, powertrain_type, mode,
        coalesce(CAST($2 AS text), vehicle.user_id),
        CASE WHEN CAST($3 AS text) IS NULL THEN (
            SELECT listed_at FROM listing WHERE listing.vehicle_id = vehicle.id
                AND listing.user_id = coalesce($2, vehicle.user_id)
        ) END
    FROM vehicle JOIN signal ON signal.vehicle_id = vehicle.id
    WHERE vehicle.id = $1 AND (CAST($3 AS text) IS NULL OR code = $3)
    ORDER BY code";

/// The functions of the database name the parameters.
const REPORT: &str = "SELECT report_read($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
    $14, $15, $16, $17)";

const LISTED: &str = "SELECT list_signals($1, $2, $3, $4)";

impl<C: Connect, P: Platform> Signals for Postgres<C, P> {
    async fn signals(
        &self,
        vehicle: &VehicleId,
        user: Option<&UserId>,
    ) -> Result<Option<StoredSignals>, StoreError> {
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(user.map(UserId::as_str)),
            Value::Null,
        ];
        Ok(rows::signals::stored_signals(
            self.query(SIGNALS, parameters).await?,
        ))
    }

    async fn signal(
        &self,
        vehicle: &VehicleId,
        user: Option<&UserId>,
        code: &SignalCode,
    ) -> Result<Option<StoredSignals>, StoreError> {
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(user.map(UserId::as_str)),
            Value::from(code.as_str()),
        ];
        Ok(rows::signals::stored_signals(
            self.query(SIGNALS, parameters).await?,
        ))
    }

    async fn report(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        report: &Report<'_>,
        about: &VehicleAttributes,
    ) -> Result<(), StoreError> {
        let powertrain = about.powertrain_type.as_ref().map(|kind| kind.as_str());
        let mode = about.mode.as_ref().map(|mode| mode.as_str());
        let mut parameters = vec![
            Value::from(vehicle.as_str()),
            Value::from(user.as_str()),
            Value::from(about.make.as_deref()),
            Value::from(about.model.as_deref()),
            Value::from(about.year.map(i64::from)),
            Value::from(powertrain),
            Value::from(mode),
            Value::from(report.reported_at),
            Value::from(report.received_at),
        ];
        let (signals, _) = Lists::of(report).into_parameters();
        parameters.extend(signals);
        self.execute(REPORT, parameters).await.map(drop)
    }

    async fn listed(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        codes: &[&str],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(user.as_str()),
            Value::from(at),
            Value::texts(codes),
        ];
        self.execute(LISTED, parameters).await.map(drop)
    }
}
