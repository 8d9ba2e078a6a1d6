//! What is known of each vehicle, from deliveries, reads and connections.

use crate::{
    app::App,
    callers::Caller,
    database::{self, Store},
    inbound::Inbound,
    list::{self, Window},
};
use edge::{Platform, Response, respond::Problem};
use serde_json::json;
use smartcar::{Timestamp, write_time};
use store::old::sqlite::{Row, Value};

/// The columns are those of [`shown`]. Of signals and errors those of the owner count.
const VEHICLES: &str = "SELECT id, user_id, make, model, year, powertrain_type, mode, delivered_at,
        (SELECT count(*) FROM signal WHERE vehicle_id = vehicle.id AND body IS NOT NULL
            AND coalesce(signal.user_id, vehicle.user_id) IS vehicle.user_id),
        (SELECT max(observed_at) FROM signal WHERE vehicle_id = vehicle.id
            AND coalesce(signal.user_id, vehicle.user_id) IS vehicle.user_id),
        (SELECT json_group_array(json_object('type', type, 'code', nullif(code, '')))
            FROM vehicle_error WHERE vehicle_id = vehicle.id
                AND coalesce(vehicle_error.user_id, vehicle.user_id) IS vehicle.user_id
                AND error_at > coalesce(resolved_at, 0))
    FROM vehicle
    WHERE (?1 IS NULL OR id > ?1)
        AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2)))
        AND (?3 IS NULL OR user_id IN (SELECT value FROM json_each(?3)))
    ORDER BY id LIMIT ?4";

/// The vehicles that the caller's key is for, a page at a time.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    caller.require("read_vehicle_info")?;
    let window = Window::of(inbound)?;
    let held_to = |ids: Option<&[String]>| {
        // Serialising text into memory does not fail.
        let ids = ids.map(|ids| serde_json::to_string(ids).unwrap_or_default());
        Value::from(ids.as_deref())
    };
    let parameters = [
        Value::from(window.after.as_deref()),
        held_to(caller.vehicles()),
        held_to(caller.users()),
        Value::from(window.limit()),
    ];
    let rows = database::query(app, VEHICLES, parameters).await?;
    let data = rows.iter().map(shown).collect();
    Ok(list::page(inbound, "/v3/vehicles", &window, data))
}

fn shown(row: &Row) -> serde_json::Value {
    let errors = row.text(10).unwrap_or_default();
    let errors: serde_json::Value = serde_json::from_str(errors).unwrap_or_default();
    // A vehicle of which only a connection has told has no delivery yet.
    let delivered_at = row.integer(7).filter(|at| *at > 0);
    json!({
        "id": row.text(0),
        "type": "vehicle",
        "attributes": {
            "make": row.text(2),
            "model": row.text(3),
            "year": row.integer(4),
            "powertrainType": row.text(5),
            "mode": row.text(6),
        },
        "relationships": {"user": {"data": {"id": row.text(1), "type": "user"}}},
        "meta": {
            "lastDeliveredAt": delivered_at.map(Timestamp).and_then(write_time),
            "lastObservedAt": row.integer(9).map(Timestamp).and_then(write_time),
            "signals": row.integer(8),
            "openErrors": errors,
        },
        "links": {"self": format!("/v3/vehicles/{}", row.text(0).unwrap_or_default())},
    })
}
