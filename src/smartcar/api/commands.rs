//! Sending commands.
//!
//! Source: <https://smartcar.com/docs/api-reference/commands/overview>

use crate::{Call, Client, Command, CommandExecution, Error, Platform, UserId, VehicleId};

/// # Commands
impl<P: Platform> Client<P> {
    /// Tells a vehicle to do something and waits for the outcome, up to 310 s.
    ///
    /// Smartcar answers 200 to what is done quickly. To the rest it answers 202
    /// and sends the outcome on the same connection, so the body decides, not
    /// the status. An outcome is not the vehicle's state: whether the doors are
    /// locked is reported by a signal, which may lag behind.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/commands/overview>
    ///
    /// # Errors
    ///
    /// [`Error::CommandFailed`] where Smartcar recorded a failure, [`Error::Api`]
    /// where it refused the command, [`Error::Unreadable`] where it says nothing
    /// of the outcome, and whatever [`Client::call`] fails with. Where
    /// [`Error::may_have_happened`] is true, sending the command again can carry
    /// it out twice; this crate does not.
    ///
    /// ```no_run
    /// use smartcar::{Client, Command, Error, Platform, UserId, VehicleId};
    ///
    /// async fn lock<P: Platform>(
    ///     client: &Client<P>,
    ///     vehicle: &VehicleId,
    ///     user: &UserId,
    /// ) -> Result<(), Error> {
    ///     match client.command(vehicle, user, &Command::Lock).await {
    ///         Ok(execution) => println!("{}", execution.status.as_str()),
    ///         Err(error) if error.may_have_happened() => println!("locked, or not: {error}"),
    ///         Err(error) => return Err(error),
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn command(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        command: &Command,
    ) -> Result<CommandExecution, Error> {
        let call = Call::to(command.kind().endpoint(), &[vehicle])
            .on_behalf_of(user.clone())
            .body(command.body());
        CommandExecution::read(&self.call(&call).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        CommandKind, Destination, ExecutionStatus, Percent,
        testing::{Fake, client},
    };

    const DONE: &str = r#"{"data":{"id":"exec_7","type":"command-execution","attributes":{
        "commandType":"security-lock","status":{"value":"SUCCESS"},"executionMode":"sync"}}}"#;

    fn ids() -> (VehicleId, UserId) {
        (
            VehicleId::parse("v-1").unwrap(),
            UserId::parse("u-1").unwrap(),
        )
    }

    fn command(kind: CommandKind) -> Command {
        match kind {
            CommandKind::StartCharge => Command::StartCharge,
            CommandKind::StopCharge => Command::StopCharge,
            CommandKind::SetChargeLimit => Command::SetChargeLimit(Percent::new(75).unwrap()),
            CommandKind::Lock => Command::Lock,
            CommandKind::Unlock => Command::Unlock,
            CommandKind::SetDestination => {
                Command::SetDestination(Destination::new(-12.5, 130.25).unwrap())
            }
            CommandKind::OpenChargePort => Command::OpenChargePort,
            CommandKind::CloseChargePort => Command::CloseChargePort,
        }
    }

    #[test]
    fn command_is_sent_as_documented() {
        let (vehicle, user) = ids();
        for (kind, path, body) in [
            (CommandKind::StartCharge, "charge/start", ""),
            (CommandKind::StopCharge, "charge/stop", ""),
            (
                CommandKind::SetChargeLimit,
                "charge/set-limit",
                r#"{"data":{"attributes":{"percent":75}}}"#,
            ),
            (CommandKind::Lock, "security/lock", ""),
            (CommandKind::Unlock, "security/unlock", ""),
            (
                CommandKind::SetDestination,
                "navigation/set-destination",
                r#"{"data":{"attributes":{"latitude":-12.5,"longitude":130.25}}}"#,
            ),
            (CommandKind::OpenChargePort, "charge-port/open", ""),
            (CommandKind::CloseChargePort, "charge-port/close", ""),
        ] {
            let fake = Fake::new();
            let path = format!("/v3/vehicles/v-1/commands/{path}");
            fake.answer(&path, 200, DONE);
            let execution = fake
                .run(client(&fake).command(&vehicle, &user, &command(kind)))
                .unwrap();
            assert_eq!(execution.status, ExecutionStatus::Success);
            assert_eq!(execution.id.as_deref(), Some("exec_7"));
            let request = fake.requests().pop().unwrap();
            assert_eq!(request.method(), "POST", "{path}");
            let uri = format!("https://vehicle.example.com{path}");
            assert_eq!(request.uri().to_string(), uri);
            assert_eq!(request.headers()["sc-user-id"], "u-1");
            assert_eq!(request.headers()["authorization"], "Bearer token-1");
            let content_type = request.headers().get("content-type");
            assert_eq!(content_type.is_some(), !body.is_empty(), "{path}");
            assert_eq!(request.body(), body);
        }
    }

    #[test]
    fn command_outcome_is_decided_by_the_body() {
        let (vehicle, user) = ids();
        let lock = "/v3/vehicles/v-1/commands/security/lock";
        let run = |status, body: &str| {
            let fake = Fake::new();
            fake.answer(lock, status, body);
            fake.run(client(&fake).command(&vehicle, &user, &Command::Lock))
        };
        assert!(run(202, DONE).is_ok());
        let failed = run(202, &DONE.replace("SUCCESS", "FAILURE"));
        assert!(matches!(failed, Err(Error::CommandFailed(_))));
        let refused = run(
            409,
            r#"{"errors":[{"status":"409","type":"VEHICLE_STATE","code":"DOOR_OPEN"}]}"#,
        );
        let Err(Error::Api(error)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(error.code.as_deref(), Some("DOOR_OPEN"));
        assert!(run(202, "").unwrap_err().may_have_happened());
    }
}
