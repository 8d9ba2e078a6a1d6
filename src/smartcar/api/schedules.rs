//! Charge schedules.
//!
//! Smartcar has three kinds, for Tesla (all) and Volvo (daily); vehicles of other makes answer
//! `COMPATIBILITY`/`VEHICLE_NOT_CAPABLE`. There is no call that lists them: the signal
//! `charge-chargetimers` tells of them ([`ChargeTimer`]), of those too that were made
//! elsewhere.
//!
//! Source: <https://smartcar.com/docs/api-reference/charge-schedules/set-daily-charge-schedule>

mod execution;
#[cfg(test)]
mod tests;
mod timer;

pub use execution::ChargeScheduleExecution;
pub use timer::ChargeTimer;

use crate::{
    ApiResponse, Call, Client, Error, Platform, ScheduleId, UserId, VehicleId,
    endpoints::{self, Endpoint},
    error::ApiError,
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
    /// Creates a charge schedule from `attributes`, JSON that is sent as it is given in
    /// `{"data":{"attributes":…}}`: a `location` (degrees) with, for a daily one, `startTime` and
    /// `stopTime` (`08:00`); with `days` for a weekly one, and with `weekdays` and `weekends`
    /// for one of the workweek.
    ///
    /// The value is what Smartcar recorded, the id of the new schedule above all, and None
    /// where it answered with success in a form that it does not document. Like a command,
    /// this is never sent twice by itself.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/charge-schedules/set-daily-charge-schedule>
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
    ///     let made = client.create_charge_schedule(vehicle, user, daily, attributes).await?;
    ///     if let Some(schedule) = made.value.and_then(|made| made.schedule) {
    ///         client.delete_charge_schedule(vehicle, user, &schedule).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn create_charge_schedule(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        kind: ScheduleKind,
        attributes: &RawValue,
    ) -> Result<ApiResponse<Option<ChargeScheduleExecution>>, Error> {
        let call = Call::to(kind.endpoint(), &[vehicle])
            .on_behalf_of(user.clone())
            .body(format!(
                r#"{{"data":{{"attributes":{}}}}}"#,
                attributes.get()
            ));
        self.schedule(&call).await
    }

    /// One charge schedule, as Smartcar writes it: the form of the answer is not documented,
    /// its path is that of the link which the answer to a new one has.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/charge-schedules/set-daily-charge-schedule>
    ///
    /// # Errors
    ///
    /// [`Error::Api`] where the vehicle has no such schedule, and as for every call.
    pub async fn get_charge_schedule(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        schedule: &ScheduleId,
    ) -> Result<ApiResponse<()>, Error> {
        let call = Call::to(&endpoints::GET_CHARGE_SCHEDULE, &[vehicle, schedule])
            .on_behalf_of(user.clone());
        let response = self.call(&call).await?;
        match ApiError::of(&response) {
            Some(error) => Err(Error::Api(Box::new(error))),
            None => Ok(ApiResponse {
                value: (),
                response,
            }),
        }
    }

    /// Removes a charge schedule. The value is as with
    /// [`Client::create_charge_schedule`].
    ///
    /// Source: <https://smartcar.com/docs/api-reference/charge-schedules/delete-charge-schedule>
    ///
    /// # Errors
    ///
    /// As [`Client::create_charge_schedule`].
    pub async fn delete_charge_schedule(
        &self,
        vehicle: &VehicleId,
        user: &UserId,
        schedule: &ScheduleId,
    ) -> Result<ApiResponse<Option<ChargeScheduleExecution>>, Error> {
        let call = Call::to(&endpoints::DELETE_CHARGE_SCHEDULE, &[vehicle, schedule])
            .on_behalf_of(user.clone());
        self.schedule(&call).await
    }

    async fn schedule(
        &self,
        call: &Call,
    ) -> Result<ApiResponse<Option<ChargeScheduleExecution>>, Error> {
        let response = self.call(call).await?;
        let value = match ChargeScheduleExecution::read(&response) {
            Ok(execution) => Some(execution),
            Err(Error::Unreadable { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(ApiResponse { value, response })
    }
}
