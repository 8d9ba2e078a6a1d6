//! `smartcar:edge/commands`

use crate::{
    Edge, client, errors,
    wit::{
        commands::{Command, Guest},
        types::{Error, Execution},
    },
};
use smartcar::{CommandError, Destination, Percent, UserId, VehicleId};

impl Guest for Edge {
    async fn run(vehicle: String, user: String, command: Command) -> Result<Execution, Error> {
        let (vehicle, user) = (
            VehicleId::from_caller(&vehicle)?,
            UserId::from_caller(&user)?,
        );
        let command = checked(command).map_err(|error| Error::InvalidInput(error.to_string()))?;
        let execution = client().await?.command(&vehicle, &user, &command).await?;
        Ok(errors::execution(execution))
    }
}

fn checked(command: Command) -> Result<smartcar::Command, CommandError> {
    Ok(match command {
        Command::StartCharge => smartcar::Command::StartCharge,
        Command::StopCharge => smartcar::Command::StopCharge,
        Command::SetChargeLimit(percent) => {
            smartcar::Command::SetChargeLimit(Percent::new(percent.into())?)
        }
        Command::Lock => smartcar::Command::Lock,
        Command::Unlock => smartcar::Command::Unlock,
        Command::SetDestination(place) => {
            smartcar::Command::SetDestination(Destination::new(place.latitude, place.longitude)?)
        }
        Command::OpenChargePort => smartcar::Command::OpenChargePort,
        Command::CloseChargePort => smartcar::Command::CloseChargePort,
    })
}
