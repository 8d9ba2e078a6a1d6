//! What the signal `charge-chargetimers` tells of a charge schedule.

use crate::{ScheduleId, SignalValue, fields::Fields};
use serde_json::value::RawValue;

/// An item of the signal `charge-chargetimers`: a time at which a vehicle charges by itself.
///
/// Source: <https://smartcar.com/docs/api-reference/commands/overview>
#[derive(Clone)]
pub struct ChargeTimer<'a> {
    /// For example `LOCATION`.
    pub kind: Option<String>,
    /// For example `DAILY`.
    pub schedule_type: Option<String>,
    /// The id of the schedule that made this timer, if one did. By this id it is read and removed.
    pub schedule: Option<ScheduleId>,
    /// The item as it was written. It can say where someone lives.
    pub raw: &'a RawValue,
}

impl std::fmt::Debug for ChargeTimer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChargeTimer")
            .field("kind", &self.kind)
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}

impl<'a> ChargeTimer<'a> {
    /// The timers of the signal's value; none of another form.
    ///
    /// ```
    /// use smartcar::{ChargeTimer, Signal};
    ///
    /// let timers: Signal = serde_json::from_str(
    ///     r#"{"code": "charge-chargetimers", "body": {"values": [
    ///         {"type": "LOCATION", "scheduleType": "DAILY", "scheduleId": "sched_1"}]}}"#,
    /// )?;
    /// let timers = ChargeTimer::all(&timers.value().expect("a value"));
    /// assert_eq!(timers[0].schedule.as_ref().map(|id| id.as_str()), Some("sched_1"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn all(value: &SignalValue<'a>) -> Vec<Self> {
        let items = match value {
            SignalValue::List(items) => items.as_slice(),
            _ => &[],
        };
        items.iter().map(|raw| Self::read(raw)).collect()
    }

    fn read(raw: &'a RawValue) -> Self {
        let fields = Fields::read(raw.get()).unwrap_or_default();
        let owned = |name| fields.text(name).map(|text| text.into_owned());
        Self {
            kind: owned("type"),
            schedule_type: owned("scheduleType"),
            schedule: fields
                .text("scheduleId")
                .and_then(|id| ScheduleId::parse(&id).ok()),
            raw,
        }
    }
}
