//! `POST /v3/vehicles/{vehicleId}/commands/…`.
//! <https://smartcar.com/docs/api-reference/commands/overview>

use crate::{
    access::OwnedVehicle,
    attributes::attribute,
    car::Command,
    clock::Millis,
    event::{Event, Mode, Trigger},
    execution::Execution,
    lock::lock,
    refusal::Refusal,
    state::{Shared, Simulator},
};
use axum::{Json, extract::State};
use bytes::Bytes;
use serde_json::{Value, json};

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

pub(crate) async fn open_charge_port(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
) -> Answer {
    run(&simulator, &vehicle, Command::OpenChargePort)
}

pub(crate) async fn close_charge_port(
    State(simulator): State<Shared>,
    vehicle: OwnedVehicle,
) -> Answer {
    run(&simulator, &vehicle, Command::CloseChargePort)
}

/// Changes the car, hands the change to the webhook and answers. The answer
/// never waits for the delivery.
fn run(simulator: &Simulator, vehicle: &OwnedVehicle, command: Command) -> Answer {
    let executed_at = Millis::now();
    let webhook = simulator.outbox.webhook.settings();
    let event = {
        let mut fleet = lock(&simulator.fleet);
        let car = fleet
            .connected_mut(&vehicle.id)
            .ok_or_else(|| Refusal::vehicle_not_found(&vehicle.id))?;
        let mut changed = car.run(command, executed_at)?;
        changed.retain(|kind| webhook.triggers.contains(kind));
        (!changed.is_empty()).then(|| {
            let trigger = Trigger::Signals(changed);
            Event::vehicle_state(car, &trigger, &webhook.data, simulator.layout, Mode::Live)
        })
    };
    if let Some(event) = event
        && webhook.is_enabled()
    {
        simulator.outbox.send(event);
    }
    let execution = execution(command, executed_at);
    Ok(Json(execution.resource(Millis::now())))
}

fn execution(command: Command, executed_at: Millis) -> Execution {
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
        Command::OpenChargePort => ("charge-port-open", None),
        Command::CloseChargePort => ("charge-port-close", None),
    };
    Execution {
        command_type,
        parameters,
        executed_at,
    }
}

fn read_limit(body: &[u8]) -> Result<Command, Refusal> {
    attribute(body, "percent")
        .and_then(|percent| (50..=100).find(|known| percent.as_f64() == Some(f64::from(*known))))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn limit_is_an_integer_from_50_to_100() {
        let read = |percent: &str| {
            read_limit(format!(r#"{{"data":{{"attributes":{{"percent":{percent}}}}}}}"#).as_bytes())
        };
        assert_eq!(read("50").unwrap(), Command::SetChargeLimit(50));
        assert_eq!(read("100").unwrap(), Command::SetChargeLimit(100));
        assert_eq!(read("80.0").unwrap(), Command::SetChargeLimit(80));
        for bad in ["49", "101", "80.5", "\"80\"", "null", "-80", "1e99", "336"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for bad in ["", "{}", "[]", "{\"percent\":80}", "{\"data\":80}"] {
            assert!(read_limit(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn destination_is_on_the_globe() {
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
}
