//! How many calls about a vehicle the plan allows, as a test sets it. Smartcar counts by the
//! month; here counting begins when the plan is set.

use crate::{lock::lock, refusal::Refusal};
use serde::Deserialize;
use std::{collections::HashMap, sync::Mutex};

/// A plan as a test sets it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Settings {
    /// Calls about each vehicle; `null`: any number.
    calls_per_vehicle: Option<u64>,
}

/// The plan in force and the calls that were made under it.
#[derive(Default)]
pub(crate) struct Plan(Mutex<(Settings, HashMap<String, u64>)>);

impl Plan {
    /// Puts another plan in force, under which no call has been made yet.
    pub(crate) fn set(&self, settings: Settings) {
        *lock(&self.0) = (settings, HashMap::new());
    }

    /// Counts a call about a vehicle, or refuses it where the plan does not allow it.
    pub(crate) fn take(&self, vehicle_id: &str) -> Result<(), Refusal> {
        let (settings, calls) = &mut *lock(&self.0);
        let Some(allowed) = settings.calls_per_vehicle else {
            return Ok(());
        };
        let made = calls.entry(vehicle_id.to_owned()).or_default();
        if *made >= allowed {
            return Err(Refusal::plan_used_up());
        }
        *made += 1;
        Ok(())
    }
}
