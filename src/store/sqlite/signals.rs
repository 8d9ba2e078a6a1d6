//! The newest signals of each vehicle.

use super::{Connect, Sqlite, Value, database::names, reports};
use crate::{Signals, StoreError, rows, signal::StoredSignals};
use edge::Platform;
use smartcar::{
    SignalCode, Timestamp, UserId, VehicleAttributes, VehicleId,
    report::{Report, VehicleReport},
};

/// What is known of a vehicle and of its signals, a signal a row, for the user `?2` or
/// the owner where that is null. Whose each value and error is, is left to the reader:
/// conditions on `?2` would have SQLite prepare the statement each time.
macro_rules! signals {
    ($listed_at:literal, $listing:literal, $which:literal) => {
        concat!(
            "SELECT code, name, group_name, body, observed_at, retrieved_at,
                signal.delivered_at, coalesce(signal.user_id, vehicle.user_id),
                error, error_at, coalesce(error_user_id, vehicle.user_id),
                make, model, year, powertrain_type, mode,
                coalesce(?2, vehicle.user_id), ",
            $listed_at,
            " FROM vehicle JOIN signal ON signal.vehicle_id = vehicle.id ",
            $listing,
            " WHERE vehicle.id = ?1 ",
            $which
        )
    };
}

/// All of them, and when they were listed.
const SIGNALS: &str = signals!(
    "listing.listed_at",
    "LEFT JOIN listing ON listing.vehicle_id = vehicle.id
        AND listing.user_id = coalesce(?2, vehicle.user_id)",
    "ORDER BY code"
);

/// The one of the code `?3`.
const SIGNAL: &str = signals!("NULL", "", "AND code = ?3");

/// A listing of the codes `?4`, at `?3`.
const LISTED: &str = "INSERT INTO listing (vehicle_id, user_id, listed_at)
    SELECT ?1, ?2, ?3
    WHERE NOT EXISTS (
        SELECT 1 FROM json_each(?4) AS listed WHERE NOT EXISTS (
            SELECT 1 FROM signal LEFT JOIN vehicle ON vehicle.id = vehicle_id
            WHERE vehicle_id = ?1 AND code = listed.value
                AND coalesce(signal.user_id, vehicle.user_id) = ?2
                AND max(coalesce(signal.delivered_at, 0), coalesce(error_at, 0)) >= ?3
        )
    )
    ON CONFLICT (vehicle_id, user_id) DO UPDATE SET listed_at = excluded.listed_at";

impl<C: Connect, P: Platform> Signals for Sqlite<C, P> {
    async fn signals(
        &self,
        vehicle: &VehicleId,
        user: Option<&UserId>,
    ) -> Result<Option<StoredSignals>, StoreError> {
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(user.map(UserId::as_str)),
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
            self.query(SIGNAL, parameters).await?,
        ))
    }

    async fn report(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        report: &Report<'_>,
        about: &VehicleAttributes,
    ) -> Result<(), StoreError> {
        let report = Report {
            vehicle: VehicleReport {
                make: about.make.as_deref().map(Into::into),
                model: about.model.as_deref().map(Into::into),
                year: about.year,
                powertrain_type: about
                    .powertrain_type
                    .as_ref()
                    .map(|kind| kind.as_str().into()),
                mode: about.mode.as_ref().map(|mode| mode.as_str().into()),
            },
            ..report.clone()
        };
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(user.as_str()),
            Value::Text(reports::rows(&report)),
        ];
        self.execute(reports::REPORT, parameters).await
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
            Value::from(at.0),
            Value::Text(names(codes)),
        ];
        self.execute(LISTED, parameters).await
    }
}
