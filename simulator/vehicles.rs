//! `GET /v3/vehicles/{vehicleId}` and its signals.
//! <https://smartcar.com/docs/api-reference/get-vehicle>,
//! <https://smartcar.com/docs/api-reference/list-signals>

use crate::{
    access::{OwnedVehicle, path_parameter},
    car::Car,
    lock::lock,
    refusal::Refusal,
    signal::{Reading, Signal},
    state::{Shared, Simulator},
};
use axum::{
    Json,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, request::Parts};
use serde_json::{Value, json};
use std::slice;

/// The vehicle id of a path, whoever asks.
pub(crate) struct VehicleId(String);

impl FromRequestParts<Shared> for VehicleId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        path_parameter(parts, state, "vehicleId").await.map(Self)
    }
}

/// The signal code of a path.
pub(crate) struct SignalCode(String);

impl FromRequestParts<Shared> for SignalCode {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        path_parameter(parts, state, "signalCode").await.map(Self)
    }
}

/// Needs no `sc-user-id`: Smartcar's reference lists none for this path.
pub(crate) async fn vehicle(
    State(simulator): State<Shared>,
    VehicleId(id): VehicleId,
) -> Result<Json<Value>, Refusal> {
    let fleet = lock(&simulator.fleet);
    let car = fleet
        .connected(&id)
        .ok_or_else(|| Refusal::vehicle_not_found(&id))?;
    simulator.plan.take(&id)?;
    Ok(Json(json!({ "data": resource(&simulator, car) })))
}

pub(crate) async fn signals(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
) -> Result<Response, Refusal> {
    let fleet = lock(&simulator.fleet);
    let car = fleet
        .connected(&vehicle.id)
        .ok_or_else(|| Refusal::vehicle_not_found(&vehicle.id))?;
    let link = simulator.vehicle_link(car.id);
    let data: Vec<Value> = car.signals.iter().map(|s| s.resource(&link)).collect();
    let page = format!("{link}/signals");
    let body = json!({
        "meta": { "pageNumber": 1, "pageSize": data.len(), "totalCount": data.len() },
        "data": data,
        "links": { "self": page, "first": page, "last": page, "next": null, "prev": null },
        "included": { "vehicle": resource(&simulator, car) },
    });
    Ok((ages(&car.signals), Json(body)).into_response())
}

pub(crate) async fn signal(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    SignalCode(code): SignalCode,
) -> Result<Response, Refusal> {
    let fleet = lock(&simulator.fleet);
    let car = fleet
        .connected(&vehicle.id)
        .ok_or_else(|| Refusal::vehicle_not_found(&vehicle.id))?;
    // Smartcar has one path for each signal, so an unknown code is an unknown path.
    let signal = car
        .signals
        .iter()
        .find(|signal| signal.kind.code == code)
        .ok_or_else(Refusal::invalid_path)?;
    let body = json!({
        "data": signal.resource(&simulator.vehicle_link(car.id)),
        "included": { "vehicle": resource(&simulator, car) },
    });
    Ok((ages(slice::from_ref(signal)), Json(body)).into_response())
}

/// How old what is answered is: of several signals the oldest.
/// <https://smartcar.com/docs/api-reference/headers>
fn ages(signals: &[Signal]) -> HeaderMap {
    let known = signals.iter().filter_map(|signal| match signal.reading {
        Reading::Known {
            oem_updated_at,
            retrieved_at,
            ..
        } => Some((oem_updated_at, retrieved_at)),
        Reading::NotCapable { .. } => None,
    });
    let (recorded, fetched): (Vec<_>, Vec<_>) = known.unzip();
    let mut headers = HeaderMap::new();
    headers.insert("sc-unit-system", HeaderValue::from_static("metric"));
    for (name, at) in [
        ("sc-data-age", recorded.into_iter().flatten().min()),
        ("sc-fetched-at", fetched.into_iter().min()),
    ] {
        if let Some(at) = at.and_then(|at| at.iso().parse().ok()) {
            headers.insert(name, at);
        }
    }
    headers
}

fn resource(simulator: &Simulator, car: &Car) -> Value {
    json!({
        "id": car.id,
        "type": "vehicle",
        "attributes": car.attributes(),
        "links": { "self": simulator.vehicle_link(car.id) },
    })
}
