//! What is known of each vehicle, from deliveries, reads and connections.

use crate::{
    app::App,
    callers::Caller,
    database::Store,
    inbound::Inbound,
    list::{self, Window},
};
use edge::{Platform, Response, respond::Problem};
use serde_json::json;
use smartcar::write_time;
use store::vehicle::{Vehicle, VehiclePage};

/// The vehicles that the caller's key is for, a page at a time.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    caller.require("read_vehicle_info")?;
    let window = Window::of(inbound)?;
    let page = VehiclePage {
        after: window.after.as_deref(),
        vehicles: caller.vehicles(),
        users: caller.users(),
        limit: window.limit(),
    };
    let vehicles = app.store().vehicles(page).await;
    let vehicles = vehicles.map_err(|error| app.unavailable(&error))?;
    let data = vehicles.iter().map(shown).collect();
    Ok(list::page(inbound, "/v3/vehicles", &window, data))
}

fn shown(vehicle: &Vehicle) -> serde_json::Value {
    let errors = vehicle.open_errors.iter();
    let errors = errors.map(|(kind, code)| json!({"type": kind, "code": code}));
    json!({
        "id": vehicle.id,
        "type": "vehicle",
        "attributes": {
            "make": vehicle.about.make,
            "model": vehicle.about.model,
            "year": vehicle.about.year,
            "powertrainType": vehicle.about.powertrain_type,
            "mode": vehicle.about.mode,
        },
        "relationships": {"user": {"data": {"id": vehicle.user_id, "type": "user"}}},
        "meta": {
            "lastDeliveredAt": vehicle.delivered_at.and_then(write_time),
            "lastObservedAt": vehicle.last_observed_at.and_then(write_time),
            "signals": vehicle.signals,
            "openErrors": errors.collect::<serde_json::Value>(),
        },
        "links": {"self": format!("/v3/vehicles/{}", vehicle.id)},
    })
}
