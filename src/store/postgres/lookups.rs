//! Look-ups of a vehicle's owner that found none, in PostgreSQL.

use super::{Connect, Postgres, Value};
use crate::{
    CLOCKS_DIFFER, Lookups, StoreError,
    lookup::{KnownLookups, NoOwner},
    rows,
};
use edge::Platform;
use smartcar::{Timestamp, VehicleId};

/// Of the vehicle `$1` since `$5`, and of the look-ups of the key `$2` since `$3`, both up
/// to `$4`: now, and as much as clocks of hosts differ.
const KNOWN: &str = "SELECT
        (SELECT reason FROM fruitless_lookup
            WHERE vehicle_id = $1 AND at BETWEEN $5 AND $4 AND reason <> 'other user'
            ORDER BY at DESC LIMIT 1),
        count(*), min(at)
    FROM fruitless_lookup WHERE caller = $2 AND at BETWEEN $3 AND $4";

const ADD: &str = "SELECT add_lookup($1, $2, $3, $4)";

impl<C: Connect, P: Platform> Lookups for Postgres<C, P> {
    async fn known_lookups(
        &self,
        vehicle: &VehicleId,
        caller: &str,
        believed_since: Timestamp,
        counted_since: Timestamp,
        now: Timestamp,
    ) -> Result<KnownLookups, StoreError> {
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::from(caller),
            Value::from(counted_since),
            Value::from(now.after(CLOCKS_DIFFER)),
            Value::from(believed_since),
        ];
        let row = self.first(KNOWN, parameters).await?;
        Ok(row.map(rows::lookups::known_lookups).unwrap_or_default())
    }

    async fn add_lookup(
        &self,
        vehicle: &VehicleId,
        caller: &str,
        no_owner: NoOwner,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let parameters = [
            Value::from(at),
            Value::from(caller),
            Value::from(vehicle.as_str()),
            Value::from(no_owner.as_str()),
        ];
        self.execute(ADD, parameters).await.map(drop)
    }
}
