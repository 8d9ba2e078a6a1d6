//! A car: what it is, what state it is in, and what a command does to it.

use crate::{
    catalogue::{self, Kind},
    clock::Millis,
    refusal::Refusal,
    signal::Signal,
};
use serde_json::{Value, json};

/// The commands of Smartcar's documentation, with their checked parameters.
/// <https://smartcar.com/docs/api-reference/commands/overview>
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Command {
    StartCharge,
    StopCharge,
    /// Percent, 50 to 100.
    SetChargeLimit(u8),
    Lock,
    Unlock,
    /// Degrees.
    SetDestination {
        latitude: f64,
        longitude: f64,
    },
    OpenChargePort,
    CloseChargePort,
}

/// How Smartcar names the drive of a car.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Powertrain {
    Battery,
    Combustion,
}

impl Powertrain {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Battery => "BEV",
            Self::Combustion => "ICE",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Car {
    pub(crate) id: &'static str,
    pub(crate) owner: &'static str,
    /// Absent once it was removed: for Smartcar there is no such car then.
    pub(crate) connection: Option<Connection>,
    pub(crate) make: &'static str,
    pub(crate) model: &'static str,
    pub(crate) year: u16,
    pub(crate) powertrain: Powertrain,
    pub(crate) state: State,
    pub(crate) signals: Vec<Signal>,
}

/// The owner's consent that links the car to the application.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) created_at: Millis,
    /// When the owner last went through Connect with it.
    pub(crate) updated_at: Millis,
    /// To the one webhook. Whether Smartcar keeps it when the connection is
    /// removed is not documented; here it ends with it.
    pub(crate) subscription: Option<Subscription>,
    /// What is listed as granted; all that such a car has where absent.
    pub(crate) permissions: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) created_at: Millis,
}

/// The part of a car that commands read and change.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) locked: bool,
    /// Absent on a car that cannot be charged.
    pub(crate) charge: Option<Charge>,
    /// When a command last changed the car.
    pub(crate) changed_at: Millis,
}

#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) plugged_in: bool,
    pub(crate) charging: bool,
    /// Percent.
    pub(crate) limit: u8,
    pub(crate) port_open: bool,
    pub(crate) schedules: Vec<Schedule>,
}

/// A charge schedule, as it was made. Nothing follows from it.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) parameters: Value,
}

impl Car {
    /// The car as vehicles, connections and subscriptions describe it.
    pub(crate) fn attributes(&self) -> Value {
        json!({
            "make": self.make,
            "model": self.model,
            "year": self.year,
            "mode": "live",
            "powertrainType": self.powertrain.name(),
        })
    }

    /// Runs a command; answers the signals that changed, none if the car was
    /// already as asked.
    pub(crate) fn run(&mut self, command: Command, now: Millis) -> Result<Vec<Kind>, Refusal> {
        let changes = match command {
            Command::Lock => self.set_locked(true),
            Command::Unlock => self.set_locked(false),
            Command::StartCharge => self.start_charge()?,
            Command::StopCharge => self.stop_charge()?,
            Command::SetChargeLimit(percent) => self.set_limit(percent)?,
            // The destination goes to the navigation system; no signal shows it.
            Command::SetDestination { .. } => Vec::new(),
            Command::OpenChargePort => self.set_port_open(true)?,
            Command::CloseChargePort => self.set_port_open(false)?,
        };
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        // Receivers keep the newest value by its time, so two changes within
        // one millisecond must still be distinguished.
        let now = now.max(Millis(self.state.changed_at.0.saturating_add(1)));
        self.state.changed_at = now;
        let kinds = changes.iter().map(|(kind, _)| *kind).collect();
        for (kind, body) in changes {
            if let Some(signal) = self.signals.iter_mut().find(|s| s.kind == kind) {
                signal.change(body, now);
            }
        }
        Ok(kinds)
    }

    fn set_locked(&mut self, locked: bool) -> Vec<(Kind, Value)> {
        if self.state.locked == locked {
            return Vec::new();
        }
        self.state.locked = locked;
        vec![
            (catalogue::IS_LOCKED, json!({ "value": locked })),
            (catalogue::DOORS, doors(locked)),
        ]
    }

    fn start_charge(&mut self) -> Result<Vec<(Kind, Value)>, Refusal> {
        let charge = self.charge()?;
        if !charge.plugged_in {
            return Err(Refusal::vehicle_state(
                "CHARGING_PLUG_NOT_CONNECTED",
                "The charging cable is not plugged in.",
            ));
        }
        if charge.charging {
            return Err(Refusal::vehicle_state(
                "CHARGING_IN_PROGRESS",
                "The vehicle is already charging.",
            ));
        }
        charge.charging = true;
        Ok(vec![(catalogue::IS_CHARGING, json!({ "value": true }))])
    }

    fn stop_charge(&mut self) -> Result<Vec<(Kind, Value)>, Refusal> {
        let charge = self.charge()?;
        if !charge.charging {
            return Err(Refusal::vehicle_state(
                "NOT_CHARGING",
                "The vehicle is not charging.",
            ));
        }
        charge.charging = false;
        Ok(vec![(catalogue::IS_CHARGING, json!({ "value": false }))])
    }

    fn set_limit(&mut self, percent: u8) -> Result<Vec<(Kind, Value)>, Refusal> {
        let charge = self.charge()?;
        if charge.limit == percent {
            return Ok(Vec::new());
        }
        charge.limit = percent;
        Ok(vec![(catalogue::CHARGE_LIMITS, charge_limits(percent))])
    }

    fn set_port_open(&mut self, is_open: bool) -> Result<Vec<(Kind, Value)>, Refusal> {
        let charge = self.charge()?;
        if charge.port_open == is_open {
            return Ok(Vec::new());
        }
        charge.port_open = is_open;
        let body = json!({ "value": is_open });
        Ok(vec![(catalogue::PORT_FLAP_OPEN, body)])
    }

    /// What is charged, which a combustion car lacks.
    pub(crate) fn charge(&mut self) -> Result<&mut Charge, Refusal> {
        self.state.charge.as_mut().ok_or_else(Refusal::not_capable)
    }
}

/// The body of `closure-doors`: four closed doors.
pub(crate) fn doors(locked: bool) -> Value {
    let values: Vec<Value> = [(0, 0), (0, 1), (1, 0), (1, 1)]
        .into_iter()
        .map(|(row, column)| {
            json!({ "row": row, "column": column, "isOpen": false, "isLocked": locked })
        })
        .collect();
    json!({ "values": values, "rowCount": 2, "columnCount": 2 })
}

/// The body of `charge-chargelimits`.
pub(crate) fn charge_limits(percent: u8) -> Value {
    json!({
        "values": [{ "type": "GLOBAL", "limit": percent, "condition": null }],
        "activeLimit": percent,
        "unit": "percent",
    })
}
