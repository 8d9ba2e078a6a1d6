//! Charge schedules.
//!
//! Smartcar has three kinds, for Tesla (all) and Volvo (daily); vehicles of
//! other makes answer `COMPATIBILITY`/`VEHICLE_NOT_CAPABLE`. There is no call that
//! lists them: the signal `charge-chargetimers` tells of them, of those too that
//! were made elsewhere, and of the ids that [`Client::delete_charge_schedule`]
//! takes.
//!
//! Source: <https://smartcar.com/docs/api-reference/commands/overview>

use crate::{
    ApiResponse, Call, Client, CommandExecution, Error, Platform, ScheduleId, UserId, VehicleId,
    endpoints::{self, Endpoint},
};
use serde_json::value::RawValue;

/// How a charge schedule repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleKind {
    /// The same on every day.
    Daily,
    /// Separate for each day of the week.
    Weekly,
    /// The same on all working days, and the same on all weekends.
    Workweek,
}

impl ScheduleKind {
    /// The endpoint that creates schedules of this kind.
    pub const fn endpoint(self) -> &'static Endpoint {
        match self {
            Self::Daily => &endpoints::CREATE_DAILY_CHARGE_SCHEDULE,
            Self::Weekly => &endpoints::CREATE_WEEKLY_CHARGE_SCHEDULE,
            Self::Workweek => &endpoints::CREATE_WORKWEEK_CHARGE_SCHEDULE,
        }
    }
}

/// # Charge schedules
impl<P: Platform> Client<P> {
    /// Creates a charge schedule from `attributes`, JSON that is sent as it is
    /// given in `{"data":{"attributes":…}}`: a `location` and times, whose names
    /// Smartcar's own sources do not agree on.
    ///
    /// The value is what Smartcar recorded of the command, and None where it
    /// answered with success and in another form: that form is not documented.
    /// Like a command, this is never sent twice by itself.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/commands/overview>
    ///
    /// # Errors
    ///
    /// As [`Client::command`], except [`Error::Unreadable`].
    ///
    /// ```no_run
    /// use serde_json::value::RawValue;
    /// use smartcar::{Client, Error, Platform, ScheduleKind, UserId, VehicleId};
    ///
    /// async fn at_night<P: Platform>(
    ///     client: &Client<P>,
    ///     vehicle: &VehicleId,
    ///     user: &UserId,
    ///     attributes: &RawValue,
    /// ) -> Result<(), Error> {
    ///     let daily = ScheduleKind::Daily;
    ///     client.create_charge_schedule(vehicle, user, daily, attributes).await?;
    ///     Ok(())
    /// }
    /// ```
    pub async fn create_charge_schedule(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        kind: ScheduleKind,
        attributes: &RawValue,
    ) -> Result<ApiResponse<Option<CommandExecution>>, Error> {
        let call = Call::to(kind.endpoint(), &[vehicle])
            .on_behalf_of(user.clone())
            .body(format!(
                r#"{{"data":{{"attributes":{}}}}}"#,
                attributes.get()
            ));
        self.schedule(&call).await
    }

    /// Removes a charge schedule. The value is as with
    /// [`Client::create_charge_schedule`].
    ///
    /// Source: <https://smartcar.com/docs/api-reference/commands/overview>
    ///
    /// # Errors
    ///
    /// As [`Client::create_charge_schedule`].
    pub async fn delete_charge_schedule(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        schedule: &ScheduleId,
    ) -> Result<ApiResponse<Option<CommandExecution>>, Error> {
        let call = Call::to(&endpoints::DELETE_CHARGE_SCHEDULE, &[vehicle, schedule])
            .on_behalf_of(user.clone());
        self.schedule(&call).await
    }

    async fn schedule(&self, call: &Call) -> Result<ApiResponse<Option<CommandExecution>>, Error> {
        let response = self.call(call).await?;
        let value = match CommandExecution::read(&response) {
            Ok(execution) => Some(execution),
            Err(Error::Unreadable { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(ApiResponse { value, response })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, client};

    const ATTRIBUTES: &str =
        r#"{ "location":{"latitude":1.50,"longitude":2}, "startTime":"23:00", "tomorrow":[1e2] }"#;

    fn create(kind: ScheduleKind, path: &str, status: u16, body: &str) -> (Fake, Outcome) {
        let fake = Fake::new();
        fake.answer(path, status, body);
        let attributes: Box<RawValue> = serde_json::from_str(ATTRIBUTES).unwrap();
        let (vehicle, user) = ids();
        let client = client(&fake);
        let created = client.create_charge_schedule(&vehicle, &user, kind, &attributes);
        let outcome = fake.run(created);
        (fake, outcome)
    }

    type Outcome = Result<ApiResponse<Option<CommandExecution>>, Error>;

    fn ids() -> (VehicleId, UserId) {
        (
            VehicleId::parse("v-1").unwrap(),
            UserId::parse("u-1").unwrap(),
        )
    }

    #[test]
    fn attributes_are_sent_as_they_are_given() {
        for (kind, path) in [
            (
                ScheduleKind::Daily,
                "/v3/vehicles/v-1/charge-schedules/daily",
            ),
            (
                ScheduleKind::Weekly,
                "/v3/vehicles/v-1/charge-schedules/weekly",
            ),
            (
                ScheduleKind::Workweek,
                "/v3/vehicles/v-1/charge-schedules/workweek",
            ),
        ] {
            let (fake, outcome) = create(kind, path, 200, "{}");
            assert!(outcome.unwrap().value.is_none());
            let request = fake.requests().pop().unwrap();
            assert_eq!(
                (request.method().as_str(), request.uri().path()),
                ("POST", path)
            );
            assert_eq!(request.headers()["sc-user-id"], "u-1");
            assert_eq!(request.headers()["content-type"], "application/json");
            let body = format!(r#"{{"data":{{"attributes":{ATTRIBUTES}}}}}"#);
            assert_eq!(request.body(), body.as_bytes());
        }
    }

    #[test]
    fn schedule_has_the_execution_that_smartcar_recorded() {
        let daily = "/v3/vehicles/v-1/charge-schedules/daily";
        let recorded = r#"{"data":{"id":"exec_3","attributes":{"status":{"value":"SUCCESS"}}}}"#;
        let (_, outcome) = create(ScheduleKind::Daily, daily, 200, recorded);
        let execution = outcome.unwrap().value.unwrap();
        assert_eq!(execution.id.as_deref(), Some("exec_3"));
        let failed = recorded.replace("SUCCESS", "FAILURE");
        let (_, outcome) = create(ScheduleKind::Daily, daily, 202, &failed);
        assert!(matches!(outcome, Err(Error::CommandFailed(_))));
        let incapable = r#"{"errors":[{"type":"COMPATIBILITY","code":"VEHICLE_NOT_CAPABLE"}]}"#;
        for status in [501, 202] {
            let (_, outcome) = create(ScheduleKind::Daily, daily, status, incapable);
            let Err(Error::Api(error)) = outcome else {
                panic!("{outcome:?}")
            };
            assert_eq!(error.code.as_deref(), Some("VEHICLE_NOT_CAPABLE"));
        }
    }

    #[test]
    fn schedule_is_removed_by_its_id() {
        let fake = Fake::new();
        let path = "/v3/vehicles/v-1/charge-schedules/s-1";
        fake.answer(path, 204, "");
        let (vehicle, user) = ids();
        let schedule = ScheduleId::parse("s-1").unwrap();
        let client = client(&fake);
        let removed = fake.run(client.delete_charge_schedule(&vehicle, &user, &schedule));
        assert_eq!(removed.unwrap().response.status, 204);
        let request = fake.requests().pop().unwrap();
        assert_eq!(
            (request.method().as_str(), request.uri().path()),
            ("DELETE", path)
        );
        assert_eq!(request.headers()["sc-user-id"], "u-1");
        assert!(request.body().is_empty());
    }
}
