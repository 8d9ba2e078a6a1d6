//! What Smartcar recorded of a change of a charge schedule.

use crate::{CommandExecution, Error, Response, ScheduleId, fields::Fields, readable};

/// A `charge-schedule-execution`: what Smartcar recorded of a schedule that was made or
/// removed.
///
/// Source: <https://smartcar.com/docs/api-reference/charge-schedules/set-daily-charge-schedule>
#[derive(Clone, Debug)]
pub struct ChargeScheduleExecution {
    /// What was done, for example `create`.
    pub action: Option<String>,
    /// For example `daily`.
    pub schedule_type: Option<String>,
    /// The schedule. By this id it is read and removed.
    pub schedule: Option<ScheduleId>,
    /// What every execution has: its id, status, parameters and times.
    pub execution: CommandExecution,
}

impl ChargeScheduleExecution {
    /// Reads the answer to a schedule that was made or removed. Its body decides, as for
    /// [`CommandExecution::read`].
    ///
    /// # Errors
    ///
    /// As [`CommandExecution::read`].
    pub fn read(response: &Response) -> Result<Self, Error> {
        let execution = CommandExecution::read(response)?;
        let text = readable(&response.body);
        let attributes = Fields::read(&text)
            .map(|top| top.object("data").object("attributes"))
            .unwrap_or_default();
        let owned = |name| attributes.text(name).map(|text| text.into_owned());
        Ok(Self {
            action: owned("action"),
            schedule_type: owned("scheduleType"),
            schedule: attributes
                .text("scheduleId")
                .and_then(|id| ScheduleId::parse(&id).ok()),
            execution,
        })
    }
}
