//! `POST /v3/vehicles/{vehicleId}/charge-schedules/…` and `DELETE
//! /v3/vehicles/{vehicleId}/charge-schedules/{scheduleId}`.
//! <https://smartcar.com/docs/api-reference/commands/overview>
//!
//! Smartcar has all three kinds for Tesla and the daily one for Volvo; here every
//! battery car has all three. Its sources disagree about the attributes, so any
//! JSON object will do. The schedules of a car and their ids are in
//! `GET /_simulator/vehicles`, and no signal tells of them.

use crate::{
    access::{OwnedVehicle, path_parameter},
    attributes::attributes,
    car::Schedule,
    clock::Millis,
    execution::Execution,
    lock::lock,
    refusal::Refusal,
    state::{Shared, Simulator},
};
use axum::{
    Json,
    extract::{FromRequestParts, State},
};
use bytes::Bytes;
use http::{StatusCode, request::Parts};
use serde_json::Value;
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
    create(&simulator, &vehicle, "charge-schedule-daily", &body)
}

pub(crate) async fn weekly(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    body: Bytes,
) -> Answer {
    create(&simulator, &vehicle, "charge-schedule-weekly", &body)
}

pub(crate) async fn workweek(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    body: Bytes,
) -> Answer {
    create(&simulator, &vehicle, "charge-schedule-workweek", &body)
}

fn create(
    simulator: &Simulator,
    vehicle: &OwnedVehicle,
    command_type: &'static str,
    body: &[u8],
) -> Answer {
    let executed_at = Millis::now();
    let parameters = attributes(body)
        .ok_or_else(|| Refusal::invalid_input("data.attributes must be a JSON object"))?;
    let mut fleet = lock(&simulator.fleet);
    let car = fleet
        .connected_mut(&vehicle.id)
        .ok_or_else(|| Refusal::vehicle_not_found(&vehicle.id))?;
    car.charge()?.schedules.push(Schedule {
        id: Uuid::new_v4().to_string(),
        command_type,
    });
    let execution = Execution {
        command_type,
        parameters: Some(Value::Object(parameters)),
        executed_at,
    };
    Ok(Json(execution.resource(Millis::now())))
}

pub(crate) async fn remove(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    ScheduleId(id): ScheduleId,
) -> Result<StatusCode, Refusal> {
    let mut fleet = lock(&simulator.fleet);
    let car = fleet
        .connected_mut(&vehicle.id)
        .ok_or_else(|| Refusal::vehicle_not_found(&vehicle.id))?;
    let schedules = &mut car.charge()?.schedules;
    let place = schedules.iter().position(|schedule| schedule.id == id);
    schedules.remove(place.ok_or_else(Refusal::invalid_path)?);
    Ok(StatusCode::NO_CONTENT)
}
