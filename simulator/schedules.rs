//! `POST /v3/vehicles/{vehicleId}/charge-schedules/…`, and `GET` and `DELETE
//! /v3/vehicles/{vehicleId}/charge-schedules/{scheduleId}`.
//! <https://smartcar.com/docs/api-reference/charge-schedules/set-daily-charge-schedule>
//!
//! Smartcar has all three kinds for Tesla and the daily one for Volvo; here every battery
//! car has all three, and any JSON object will do for the attributes. What a `GET` answers is
//! not documented. The schedules of a car and their ids are in `GET /_simulator/vehicles`, and no
//! signal tells of them.

use crate::{
    access::{OwnedVehicle, path_parameter},
    attributes::attributes,
    car::Schedule,
    clock::Millis,
    lock::lock,
    refusal::Refusal,
    state::{Shared, Simulator},
};
use axum::{
    Json,
    extract::{FromRequestParts, State},
};
use bytes::Bytes;
use http::request::Parts;
use serde_json::{Value, json};
use uuid::Uuid;

type Answer = Result<Json<Value>, Refusal>;

pub(crate) struct ScheduleId(String);

impl FromRequestParts<Shared> for ScheduleId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        path_parameter(parts, state, "scheduleId").await.map(Self)
    }
}

pub(crate) async fn daily(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    body: Bytes,
) -> Answer {
    create(&simulator, &vehicle, "daily", &body)
}

pub(crate) async fn weekly(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    body: Bytes,
) -> Answer {
    create(&simulator, &vehicle, "weekly", &body)
}

pub(crate) async fn workweek(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    body: Bytes,
) -> Answer {
    create(&simulator, &vehicle, "workweek", &body)
}

fn create(
    simulator: &Simulator,
    vehicle: &OwnedVehicle,
    kind: &'static str,
    body: &[u8],
) -> Answer {
    let executed_at = Millis::now();
    let parameters = attributes(body)
        .ok_or_else(|| Refusal::invalid_input("data.attributes must be a JSON object"))?;
    let mut fleet = lock(&simulator.fleet);
    let car = fleet
        .connected_mut(&vehicle.id)
        .ok_or_else(|| Refusal::vehicle_not_found(&vehicle.id))?;
    let schedule = Schedule {
        id: format!("sched_{}", Uuid::new_v4().simple()),
        kind,
        parameters: Value::Object(parameters),
    };
    car.charge()?.schedules.push(schedule.clone());
    Ok(Json(execution("create", car.id, &schedule, executed_at)))
}

/// What Smartcar recorded of a schedule that was made or removed.
fn execution(action: &str, car: &str, schedule: &Schedule, executed_at: Millis) -> Value {
    let Schedule {
        id,
        kind,
        parameters,
    } = schedule;
    let completed_at = Millis::now();
    json!({
        "data": {
            "id": format!("exec_{}", Uuid::new_v4().simple()),
            "type": "charge-schedule-execution",
            "attributes": {
                "action": action,
                "scheduleType": kind,
                "status": { "value": "SUCCESS" },
                "executionMode": "sync",
                "scheduleId": id,
                "parameters": parameters,
            },
            "links": { "schedule": format!("/vehicles/{car}/charge-schedules/{id}") },
            "meta": {
                "executedAt": executed_at.iso(),
                "completedAt": completed_at.iso(),
                "durationInSeconds": completed_at.minus(executed_at.0).0 / 1000,
            },
        },
    })
}

pub(crate) async fn schedule(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    ScheduleId(id): ScheduleId,
) -> Answer {
    let mut fleet = lock(&simulator.fleet);
    let car = fleet
        .connected_mut(&vehicle.id)
        .ok_or_else(|| Refusal::vehicle_not_found(&vehicle.id))?;
    let schedules = &car.charge()?.schedules;
    let schedule = schedules.iter().find(|schedule| schedule.id == id);
    let schedule = schedule.ok_or_else(Refusal::invalid_path)?;
    Ok(Json(json!({
        "data": {
            "id": schedule.id,
            "type": "charge-schedule",
            "attributes": { "scheduleType": schedule.kind, "parameters": schedule.parameters },
        },
    })))
}

pub(crate) async fn remove(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    ScheduleId(id): ScheduleId,
) -> Answer {
    let executed_at = Millis::now();
    let mut fleet = lock(&simulator.fleet);
    let car = fleet
        .connected_mut(&vehicle.id)
        .ok_or_else(|| Refusal::vehicle_not_found(&vehicle.id))?;
    let schedules = &mut car.charge()?.schedules;
    let place = schedules.iter().position(|schedule| schedule.id == id);
    let schedule = schedules.remove(place.ok_or_else(Refusal::invalid_path)?);
    Ok(Json(execution("delete", car.id, &schedule, executed_at)))
}
