//! `POST /v3/vehicles/{vehicleId}/commands/…`: the six documented commands.
//! <https://smartcar.com/docs/api-reference/commands/overview>

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::OwnedVehicle;
use crate::car::Command;
use crate::clock::Millis;
use crate::event::{Event, Mode, Trigger};
use crate::refusal::Refusal;
use crate::signal::put;
use crate::state::{Shared, Simulator, lock};

type Answer = Result<Json<Value>, Refusal>;

pub(crate) async fn start_charge(State(simulator): State<Shared>, vehicle: OwnedVehicle) -> Answer {
    run(&simulator, &vehicle, Command::StartCharge)
}

pub(crate) async fn stop_charge(State(simulator): State<Shared>, vehicle: OwnedVehicle) -> Answer {
    run(&simulator, &vehicle, Command::StopCharge)
}

pub(crate) async fn set_limit(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    body: Bytes,
) -> Answer {
    run(&simulator, &vehicle, read_limit(&body)?)
}

pub(crate) async fn lock_doors(State(simulator): State<Shared>, vehicle: OwnedVehicle) -> Answer {
    run(&simulator, &vehicle, Command::Lock)
}

pub(crate) async fn unlock_doors(State(simulator): State<Shared>, vehicle: OwnedVehicle) -> Answer {
    run(&simulator, &vehicle, Command::Unlock)
}

pub(crate) async fn set_destination(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
    body: Bytes,
) -> Answer {
    run(&simulator, &vehicle, read_destination(&body)?)
}

/// Changes the car, hands the change to the webhook and answers. The answer
/// never waits for the delivery.
fn run(simulator: &Simulator, vehicle: &OwnedVehicle, command: Command) -> Answer {
    let executed_at = Millis::now();
    let event = {
        let mut fleet = lock(&simulator.fleet);
        let car = fleet
            .car_mut(&vehicle.id)
            .ok_or_else(|| Refusal::vehicle_not_found(&vehicle.id))?;
        let changed = car.run(command, executed_at)?;
        (!changed.is_empty()).then(|| {
            let trigger = Trigger::Signals(changed);
            Event::vehicle_state(car, &trigger, simulator.layout, Mode::Live)
        })
    };
    if let Some(event) = event
        && simulator.outbox.webhook.has_callback()
    {
        simulator.outbox.send(event);
    }
    Ok(Json(execution(command, executed_at, Millis::now())))
}

fn execution(command: Command, executed_at: Millis, completed_at: Millis) -> Value {
    let (command_type, parameters) = match command {
        Command::StartCharge => ("charge-start", None),
        Command::StopCharge => ("charge-stop", None),
        Command::SetChargeLimit(percent) => {
            ("charge-set-limit", Some(json!({ "percent": percent })))
        }
        Command::Lock => ("security-lock", None),
        Command::Unlock => ("security-unlock", None),
        Command::SetDestination {
            latitude,
            longitude,
        } => (
            "navigation-set-destination",
            Some(json!({ "latitude": latitude, "longitude": longitude })),
        ),
    };
    let mut attributes = json!({
        "commandType": command_type,
        "status": { "value": "SUCCESS" },
        "executionMode": "sync",
    });
    if let Some(parameters) = parameters {
        put(&mut attributes, "parameters", parameters);
    }
    json!({
        "data": {
            "id": format!("exec_{}", Uuid::new_v4().simple()),
            "type": "command-execution",
            "attributes": attributes,
            "meta": {
                "executedAt": executed_at.iso(),
                "completedAt": completed_at.iso(),
                "durationInSeconds": completed_at.minus(executed_at.0).0 / 1000,
            },
        }
    })
}

fn read_limit(body: &[u8]) -> Result<Command, Refusal> {
    attribute(body, "percent")
        .and_then(|percent| u8::try_from(percent.as_u64()?).ok())
        .filter(|percent| (50..=100).contains(percent))
        .map(Command::SetChargeLimit)
        .ok_or_else(|| {
            Refusal::invalid_input("data.attributes.percent must be an integer from 50 to 100")
        })
}

fn read_destination(body: &[u8]) -> Result<Command, Refusal> {
    let degrees = |name: &str, limit: f64| {
        attribute(body, name)
            .and_then(|value| value.as_f64())
            .filter(|value| (-limit..=limit).contains(value))
            .ok_or_else(|| {
                Refusal::invalid_input(format!(
                    "data.attributes.{name} must be a number from -{limit} to {limit}"
                ))
            })
    };
    Ok(Command::SetDestination {
        latitude: degrees("latitude", 90.0)?,
        longitude: degrees("longitude", 180.0)?,
    })
}

fn attribute(body: &[u8], name: &str) -> Option<Value> {
    let mut body: Value = serde_json::from_slice(body).ok()?;
    Some(body.pointer_mut("/data/attributes")?.get_mut(name)?.take())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_limit_is_an_integer_from_50_to_100() {
        let read = |percent: &str| {
            read_limit(format!(r#"{{"data":{{"attributes":{{"percent":{percent}}}}}}}"#).as_bytes())
        };
        assert_eq!(read("50").unwrap(), Command::SetChargeLimit(50));
        assert_eq!(read("100").unwrap(), Command::SetChargeLimit(100));
        for bad in ["49", "101", "80.5", "\"80\"", "null", "-80", "1e99", "336"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for bad in ["", "{}", "[]", "{\"percent\":80}", "{\"data\":80}"] {
            assert!(read_limit(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_destination_is_on_the_globe() {
        let read = |latitude: &str, longitude: &str| {
            read_destination(
                format!(
                    r#"{{"data":{{"attributes":{{"latitude":{latitude},"longitude":{longitude}}}}}}}"#
                )
                .as_bytes(),
            )
        };
        assert!(read("-90", "180").is_ok());
        for (latitude, longitude) in [
            ("90.1", "0"),
            ("0", "-180.5"),
            ("null", "0"),
            ("0", "\"1\""),
        ] {
            assert!(read(latitude, longitude).is_err());
        }
    }

    #[test]
    fn an_execution_without_parameters_has_no_such_member() {
        let answer = execution(Command::Lock, Millis(1_000), Millis(3_500));
        assert!(answer.pointer("/data/attributes/parameters").is_none());
        assert_eq!(
            answer.pointer("/data/meta/durationInSeconds"),
            Some(&json!(2))
        );
    }
}
