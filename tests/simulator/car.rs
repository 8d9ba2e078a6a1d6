//! A car: what it is, what state it is in, and what a command does to it.

use serde_json::{Value, json};

use crate::catalogue::{self, Kind};
use crate::clock::Millis;
use crate::refusal::Refusal;
use crate::signal::Signal;

/// The six commands of Smartcar's documentation, with their checked parameters.
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
    pub(crate) connection: Connection,
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
    pub(crate) id: &'static str,
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
}

impl Car {
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
        };
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        // Receivers keep the newest value by its time, so two changes within
        // one millisecond must still be told apart.
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

    fn charge(&mut self) -> Result<&mut Charge, Refusal> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::fleet::{COMBUSTION_VEHICLE, FIRST_VEHICLE, Fleet, UNPLUGGED_VEHICLE};
    use crate::signal::Reading;

    const START: Millis = Millis(1_700_000_000_000);
    const LATER: Millis = Millis(1_700_000_060_000);

    fn car(id: &str) -> Car {
        Fleet::new(START).car(id).unwrap().clone()
    }

    fn reading(car: &Car, kind: Kind) -> (Value, Millis) {
        match &car.signals.iter().find(|s| s.kind == kind).unwrap().reading {
            Reading::Known {
                body,
                oem_updated_at,
                retrieved_at,
            } => {
                assert_eq!(oem_updated_at.unwrap(), *retrieved_at);
                (body.clone(), *retrieved_at)
            }
            Reading::NotCapable { .. } => panic!("{} is not known", kind.code),
        }
    }

    fn code(result: Result<Vec<Kind>, Refusal>) -> (u16, String) {
        let refusal = result.unwrap_err();
        let body = refusal.body("");
        let code = body.pointer("/errors/0/code").unwrap().as_str().unwrap();
        (refusal.status().as_u16(), code.to_owned())
    }

    #[test]
    fn locking_locks_every_door_and_says_when() {
        let mut car = car(FIRST_VEHICLE);
        let changed = car.run(Command::Lock, LATER).unwrap();
        assert_eq!(changed, [catalogue::IS_LOCKED, catalogue::DOORS]);
        assert_eq!(
            reading(&car, catalogue::IS_LOCKED),
            (json!({ "value": true }), LATER)
        );
        assert_eq!(reading(&car, catalogue::DOORS), (doors(true), LATER));
    }

    #[test]
    fn locking_a_locked_car_succeeds_and_changes_nothing() {
        let mut car = car(FIRST_VEHICLE);
        car.run(Command::Lock, LATER).unwrap();
        let again = car.run(Command::Lock, Millis(LATER.0 + 5)).unwrap();
        assert_eq!(again, []);
        assert_eq!(reading(&car, catalogue::IS_LOCKED).1, LATER);
        assert_eq!(
            car.run(Command::Unlock, Millis(LATER.0 + 9)).unwrap().len(),
            2
        );
        assert_eq!(
            reading(&car, catalogue::IS_LOCKED).0,
            json!({ "value": false })
        );
    }

    #[test]
    fn two_changes_in_one_millisecond_have_two_times() {
        let mut car = car(FIRST_VEHICLE);
        car.run(Command::Lock, LATER).unwrap();
        car.run(Command::Unlock, LATER).unwrap();
        assert_eq!(reading(&car, catalogue::IS_LOCKED).1, Millis(LATER.0 + 1));
    }

    #[test]
    fn charging_starts_and_stops_once() {
        let mut car = car(FIRST_VEHICLE);
        assert_eq!(
            code(car.run(Command::StopCharge, LATER)),
            (409, "NOT_CHARGING".into())
        );
        assert_eq!(
            car.run(Command::StartCharge, LATER).unwrap(),
            [catalogue::IS_CHARGING]
        );
        assert_eq!(
            reading(&car, catalogue::IS_CHARGING).0,
            json!({ "value": true })
        );
        assert_eq!(
            code(car.run(Command::StartCharge, LATER)),
            (409, "CHARGING_IN_PROGRESS".into())
        );
        car.run(Command::StopCharge, LATER).unwrap();
        assert_eq!(
            reading(&car, catalogue::IS_CHARGING).0,
            json!({ "value": false })
        );
    }

    #[test]
    fn charging_needs_the_plug() {
        assert_eq!(
            code(car(UNPLUGGED_VEHICLE).run(Command::StartCharge, LATER)),
            (409, "CHARGING_PLUG_NOT_CONNECTED".into())
        );
    }

    #[test]
    fn a_combustion_car_cannot_be_charged_but_can_be_locked() {
        for command in [
            Command::StartCharge,
            Command::StopCharge,
            Command::SetChargeLimit(80),
        ] {
            assert_eq!(
                code(car(COMBUSTION_VEHICLE).run(command, LATER)),
                (501, "VEHICLE_NOT_CAPABLE".into())
            );
        }
        let mut car = car(COMBUSTION_VEHICLE);
        assert_eq!(car.run(Command::Unlock, LATER).unwrap().len(), 2);
    }

    #[test]
    fn a_new_limit_is_the_active_limit() {
        let mut car = car(UNPLUGGED_VEHICLE);
        car.run(Command::SetChargeLimit(55), LATER).unwrap();
        assert_eq!(
            reading(&car, catalogue::CHARGE_LIMITS),
            (charge_limits(55), LATER)
        );
        assert_eq!(car.run(Command::SetChargeLimit(55), LATER).unwrap(), []);
    }

    #[test]
    fn a_destination_changes_no_signal() {
        let command = Command::SetDestination {
            latitude: 1.0,
            longitude: 2.0,
        };
        assert_eq!(car(FIRST_VEHICLE).run(command, LATER).unwrap(), []);
    }
}
