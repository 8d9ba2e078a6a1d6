//! The fleet: three invented cars of two invented users.
//!
//! The ids never change, so that tests and printed commands can name them.

use crate::{
    car::{Car, Charge, Connection, Powertrain, State, Subscription, charge_limits, doors},
    catalogue::{self, Kind},
    clock::Millis,
    signal::Signal,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The car to try things on: a battery car of [`FIRST_USER`], unlocked, plugged
/// in and not charging, with a charge limit of 80 %. Every command succeeds,
/// stopping the charge after starting it.
pub const FIRST_VEHICLE: &str = "5afdcfb9-3999-402c-8ffc-e19d12cb958d";
/// A battery car of [`SECOND_USER`], locked and not plugged in, with a charge
/// limit of 90 %: starting its charge is refused.
pub const UNPLUGGED_VEHICLE: &str = "120bb719-da40-412f-aa42-1c181c300e00";
/// A combustion car of [`FIRST_USER`], locked: every charge command is refused.
pub const COMBUSTION_VEHICLE: &str = "45257b40-c4c8-46ea-86f8-a91668f64e0a";
/// The owner of [`FIRST_VEHICLE`] and [`COMBUSTION_VEHICLE`].
pub const FIRST_USER: &str = "8ecce4c7-4527-4e25-b9f2-afd6fca3c9e8";
/// The owner of [`UNPLUGGED_VEHICLE`].
pub const SECOND_USER: &str = "4595ccfd-f169-41cc-86d1-dcd640485345";
/// The id of the one webhook, which every event names in `meta.webhookId`.
pub const WEBHOOK: &str = "7ab320d1-fc51-4ec4-96cb-481bb4eaa128";

/// Every car there is, in a fixed order.
pub(crate) struct Fleet {
    cars: Vec<Car>,
    /// The application's own ids of users, as they were last given in Connect.
    external_ids: BTreeMap<&'static str, String>,
}

impl Fleet {
    /// The fleet as it is at the start: its values were read shortly before `now`.
    pub(crate) fn new(now: Millis) -> Self {
        Self {
            cars: vec![first(now), unplugged(now), combustion(now)],
            external_ids: BTreeMap::new(),
        }
    }

    pub(crate) fn cars(&self) -> &[Car] {
        &self.cars
    }

    /// A car, be it connected or not.
    pub(crate) fn car(&self, id: &str) -> Option<&Car> {
        self.cars.iter().find(|car| car.id == id)
    }

    pub(crate) fn connected(&self, id: &str) -> Option<&Car> {
        self.car(id).filter(|car| car.connection.is_some())
    }

    pub(crate) fn connected_mut(&mut self, id: &str) -> Option<&mut Car> {
        self.cars
            .iter_mut()
            .find(|car| car.id == id && car.connection.is_some())
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = (&Car, &Connection)> {
        self.cars
            .iter()
            .filter_map(|car| Some((car, car.connection.as_ref()?)))
    }

    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = (&Car, &Subscription)> {
        self.connections()
            .filter_map(|(car, connection)| Some((car, connection.subscription.as_ref()?)))
    }

    /// The application's own id of a user.
    pub(crate) fn external_id(&self, user: &str) -> Option<&str> {
        self.external_ids.get(user).map(String::as_str)
    }

    /// The user goes through Connect with these of their cars: what is connected is
    /// renewed, and what is not gets a new connection. An external id takes the
    /// place of the one before; `null` clears it.
    /// <https://smartcar.com/docs/connect/re-auth/redirect-to-connect>
    pub(crate) fn connect(
        &mut self,
        user: &'static str,
        which: impl Fn(&Car) -> bool,
        external_id: Option<&str>,
        now: Millis,
    ) {
        match external_id {
            Some("null") => drop(self.external_ids.remove(user)),
            Some(id) => drop(self.external_ids.insert(user, id.to_owned())),
            None => {}
        }
        let theirs = |car: &&mut Car| car.owner == user && which(car);
        for car in self.cars.iter_mut().filter(theirs) {
            match &mut car.connection {
                Some(connection) => connection.updated_at = now,
                None => car.connection = connection(&Uuid::new_v4().to_string(), now),
            }
        }
    }

    /// Removes connections, and the subscriptions with them; answers how many.
    pub(crate) fn disconnect(&mut self, which: impl Fn(&Car, &Connection) -> bool) -> usize {
        let mut removed = 0;
        for car in &mut self.cars {
            if car.connection.as_ref().is_some_and(|c| which(car, c)) {
                car.connection = None;
                removed += 1;
            }
        }
        removed
    }

    /// Ends a subscription; answers whether there was one of this id.
    pub(crate) fn unsubscribe(&mut self, id: &str) -> bool {
        self.cars
            .iter_mut()
            .filter_map(|car| car.connection.as_mut())
            .filter_map(|c| c.subscription.take_if(|subscription| subscription.id == id))
            .next()
            .is_some()
    }
}

fn first(now: Millis) -> Car {
    let read = Readings::before(now);
    Car {
        id: FIRST_VEHICLE,
        owner: FIRST_USER,
        connection: connection(
            "3c4ef9ef-5cee-4dbb-af14-4dcc35ae3f5d",
            Millis(1_772_445_296_204),
        ),
        make: "VOLVO",
        model: "EX30",
        year: 2025,
        powertrain: Powertrain::Battery,
        state: State {
            locked: false,
            charge: Some(charge(true, 80)),
            changed_at: now,
        },
        signals: vec![
            read.value(catalogue::CHARGE_LIMITS, charge_limits(80)),
            read.value(catalogue::IS_CHARGING, json!({ "value": false })),
            read.value(catalogue::CABLE_CONNECTED, json!({ "value": true })),
            read.value(catalogue::PORT_FLAP_OPEN, json!({ "value": true })),
            read.value(catalogue::DOORS, doors(false)),
            read.value(catalogue::IS_LOCKED, json!({ "value": false })),
            read.not_capable(catalogue::SUNROOF, Some(json!({ "isOpen": null }))),
            read.value(catalogue::IS_ONLINE, json!({ "value": true })),
            read.value(catalogue::LOCATION, parked(52.5163, 13.3777)),
            read.value(catalogue::LOW_VOLTAGE_CHARGE, percent(91.0)),
            read.value(catalogue::ODOMETER, kilometres(18_234.5)),
            read.value(catalogue::BATTERY_RANGE, battery_range(268.0)),
            read.value(catalogue::STATE_OF_CHARGE, percent(61.0)),
            read.vin("TESTCAR0000000001"),
        ],
    }
}

fn unplugged(now: Millis) -> Car {
    let read = Readings::before(now);
    Car {
        id: UNPLUGGED_VEHICLE,
        owner: SECOND_USER,
        connection: connection(
            "fc694f2c-834a-4b3e-b054-25bcc8dfe7e1",
            Millis(1_770_112_835_671),
        ),
        make: "KIA",
        model: "Niro EV",
        year: 2023,
        powertrain: Powertrain::Battery,
        state: State {
            locked: true,
            charge: Some(charge(false, 90)),
            changed_at: now,
        },
        signals: vec![
            read.value(catalogue::CHARGE_LIMITS, charge_limits(90)),
            read.value(catalogue::IS_CHARGING, json!({ "value": false })),
            read.value(catalogue::CABLE_CONNECTED, json!({ "value": false })),
            read.value(catalogue::DOORS, doors(true)),
            read.value(catalogue::IS_LOCKED, json!({ "value": true })),
            read.value(catalogue::IS_ONLINE, json!({ "value": true })),
            read.not_capable(catalogue::IS_AT_HOME, None),
            read.value(catalogue::LOCATION, parked(48.1372, 11.5756)),
            read.value(catalogue::ODOMETER, kilometres(47_810.0)),
            read.value(catalogue::BATTERY_RANGE, battery_range(143.0)),
            read.value(catalogue::STATE_OF_CHARGE, percent(34.0)),
            read.vin("TESTCAR0000000002"),
        ],
    }
}

fn combustion(now: Millis) -> Car {
    let read = Readings::before(now);
    Car {
        id: COMBUSTION_VEHICLE,
        owner: FIRST_USER,
        connection: connection(
            "82bcdd38-1742-4475-8256-516896e4b07e",
            Millis(1_765_959_402_018),
        ),
        make: "FORD",
        model: "Puma",
        year: 2021,
        powertrain: Powertrain::Combustion,
        state: State {
            locked: true,
            charge: None,
            changed_at: now,
        },
        signals: vec![
            read.value(catalogue::DOORS, doors(true)),
            read.value(catalogue::IS_LOCKED, json!({ "value": true })),
            read.value(catalogue::IS_ONLINE, json!({ "value": true })),
            read.value(
                catalogue::FUEL_REMAINING,
                json!({ "value": 27.3, "unit": "liters" }),
            ),
            read.value(catalogue::FUEL_LEVEL, percent(65.0)),
            read.value(catalogue::OIL_LIFE, percent(72.0)),
            read.value(catalogue::FUEL_RANGE, kilometres(436.0)),
            read.value(catalogue::LOCATION, parked(47.3769, 8.5417)),
            read.value(catalogue::LOW_VOLTAGE_CHARGE, percent(84.0)),
            read.value(catalogue::ODOMETER, kilometres(63_402.0)),
            read.not_capable(catalogue::STATE_OF_CHARGE, None),
            read.vin("TESTCAR0000000003"),
        ],
    }
}

fn connection(id: &str, created_at: Millis) -> Option<Connection> {
    Some(Connection {
        id: id.to_owned(),
        created_at,
        updated_at: created_at,
        subscription: None,
        permissions: None,
    })
}

/// A car that is not charging, its port open where the cable is in it.
fn charge(plugged_in: bool, limit: u8) -> Charge {
    Charge {
        plugged_in,
        charging: false,
        limit,
        port_open: plugged_in,
        schedules: Vec::new(),
    }
}

/// The times of the readings that a car starts with.
struct Readings {
    oem_updated_at: Millis,
    retrieved_at: Millis,
}

impl Readings {
    fn before(now: Millis) -> Self {
        Self {
            oem_updated_at: now.minus(92_000),
            retrieved_at: now.minus(45_000),
        }
    }

    fn value(&self, kind: Kind, body: Value) -> Signal {
        Signal::known(kind, body, Some(self.oem_updated_at), self.retrieved_at)
    }

    /// A VIN comes without a time of the car.
    fn vin(&self, vin: &str) -> Signal {
        Signal::known(
            catalogue::VIN,
            json!({ "value": vin }),
            None,
            self.retrieved_at,
        )
    }

    fn not_capable(&self, kind: Kind, body: Option<Value>) -> Signal {
        Signal::not_capable(kind, body, self.retrieved_at)
    }
}

fn percent(value: f64) -> Value {
    json!({ "value": value, "unit": "percent" })
}

fn kilometres(value: f64) -> Value {
    json!({ "value": value, "unit": "km" })
}

fn battery_range(value: f64) -> Value {
    json!({
        "value": value,
        "type": "ESTIMATED",
        "additionalValues": [{ "type": "RATED", "value": value + 21.0 }],
        "unit": "km",
    })
}

fn parked(latitude: f64, longitude: f64) -> Value {
    json!({ "latitude": latitude, "longitude": longitude, "locationType": "LAST_PARKED" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Reading;

    #[test]
    fn car_that_is_not_connected_is_known_to_the_controls_only() {
        let mut fleet = Fleet::new(Millis(1_700_000_000_000));
        assert_eq!(fleet.disconnect(|car, _| car.id == FIRST_VEHICLE), 1);
        assert!(fleet.car(FIRST_VEHICLE).is_some());
        assert!(fleet.connected(FIRST_VEHICLE).is_none());
        assert!(fleet.connected_mut(FIRST_VEHICLE).is_none());
        assert_eq!(fleet.connections().count(), 2);
        assert_eq!(fleet.disconnect(|car, _| car.id == FIRST_VEHICLE), 0);
    }

    #[test]
    fn user_who_goes_through_connect_renews_what_is_there_and_gets_back_what_is_not() {
        let mut fleet = Fleet::new(Millis(1_700_000_000_000));
        let before = fleet.connected(COMBUSTION_VEHICLE).unwrap().clone();
        fleet.disconnect(|car, _| car.id == FIRST_VEHICLE);
        let now = Millis(1_800_000_000_000);
        fleet.connect(FIRST_USER, |_| true, Some("e-1"), now);
        let connection = |id| fleet.connected(id).unwrap().connection.clone().unwrap();
        let (made, renewed) = (connection(FIRST_VEHICLE), connection(COMBUSTION_VEHICLE));
        let before = before.connection.unwrap();
        assert_eq!((made.created_at, made.updated_at), (now, now));
        assert_eq!(
            (&renewed.id, renewed.created_at),
            (&before.id, before.created_at)
        );
        assert_eq!(renewed.updated_at, now);
        assert!(connection(UNPLUGGED_VEHICLE).updated_at < now);

        assert_eq!(fleet.external_id(FIRST_USER), Some("e-1"));
        assert_eq!(fleet.external_id(SECOND_USER), None);
        fleet.connect(FIRST_USER, |_| true, None, now);
        assert_eq!(fleet.external_id(FIRST_USER), Some("e-1"));
        fleet.connect(FIRST_USER, |_| true, Some("null"), now);
        assert_eq!(fleet.external_id(FIRST_USER), None);
    }

    #[test]
    fn fleet_has_the_signals_that_tests_count_on() {
        for car in Fleet::new(Millis(1_700_000_000_000)).cars() {
            assert!((10..=14).contains(&car.signals.len()), "{}", car.model);
            let errors = car
                .signals
                .iter()
                .filter(|s| matches!(s.reading, Reading::NotCapable { .. }));
            assert_eq!(errors.count(), 1, "{}", car.model);
            for kind in [
                catalogue::IS_LOCKED,
                catalogue::DOORS,
                catalogue::ODOMETER,
                catalogue::VIN,
            ] {
                assert!(car.signals.iter().any(|s| s.kind == kind), "{}", kind.code);
            }
        }
    }
}
