//! What commands do to a car.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::{
    car::{Car, Command, charge_limits, doors},
    catalogue::{self, Kind},
    clock::Millis,
    fleet::{COMBUSTION_VEHICLE, FIRST_VEHICLE, Fleet, UNPLUGGED_VEHICLE},
    refusal::Refusal,
    signal::Reading,
};
use serde_json::{Value, json};

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
fn changes_in_one_millisecond_have_two_times() {
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
fn combustion_car_cannot_be_charged_but_can_be_locked() {
    for command in [
        Command::StartCharge,
        Command::StopCharge,
        Command::SetChargeLimit(80),
        Command::OpenChargePort,
        Command::CloseChargePort,
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
fn new_limit_is_the_active_limit() {
    let mut car = car(UNPLUGGED_VEHICLE);
    car.run(Command::SetChargeLimit(55), LATER).unwrap();
    assert_eq!(
        reading(&car, catalogue::CHARGE_LIMITS),
        (charge_limits(55), LATER)
    );
    assert_eq!(car.run(Command::SetChargeLimit(55), LATER).unwrap(), []);
}

#[test]
fn destination_changes_no_signal() {
    let command = Command::SetDestination {
        latitude: 1.0,
        longitude: 2.0,
    };
    assert_eq!(car(FIRST_VEHICLE).run(command, LATER).unwrap(), []);
}

#[test]
fn charge_port_opens_and_closes() {
    let mut car = car(FIRST_VEHICLE);
    let shown = [catalogue::PORT_FLAP_OPEN];
    for (command, changes, is_open) in [
        (Command::CloseChargePort, &shown[..], false),
        (Command::CloseChargePort, &[], false),
        (Command::OpenChargePort, &shown, true),
    ] {
        assert_eq!(car.run(command, LATER).unwrap(), changes);
        assert_eq!(car.state.charge.as_ref().unwrap().port_open, is_open);
    }
}
