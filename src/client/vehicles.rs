//! `smartcar:edge/vehicles`

use crate::{
    Edge, client, lists, values,
    wit::{
        types::{Error, UnreadableItem},
        vehicles::{Guest, Signal, Signals, UnitSystem, Vehicle},
    },
};
use smartcar::{InvalidId, SignalCode, SignalOptions, UserId, VehicleId};

impl Guest for Edge {
    async fn get(vehicle: String) -> Result<Vehicle, Error> {
        let vehicle = VehicleId::from_caller(&vehicle)?;
        let vehicle = client().await?.get_vehicle(&vehicle).await?.value;
        Ok(Vehicle {
            id: vehicle.id.to_string(),
            attributes: lists::attributes(vehicle.attributes),
            raw: vehicle.raw.as_str().to_owned(),
        })
    }

    async fn list_signals(
        vehicle: String,
        user: String,
        units: Option<UnitSystem>,
    ) -> Result<Signals, Error> {
        let vehicle = VehicleId::from_caller(&vehicle)?;
        let options = options(&user, units)?;
        let all = client().await?.list_signals(&vehicle, &options).await?;
        let unreadable = all.value.unreadable.iter().map(|item| UnreadableItem {
            index: lists::place(item.index),
            why: "not a signal".to_owned(),
            raw: item.raw.get().to_owned(),
        });
        Ok(Signals {
            signals: all.value.signals.iter().map(values::signal).collect(),
            unreadable: unreadable.collect(),
        })
    }

    async fn get_signal(
        vehicle: String,
        user: String,
        code: String,
        units: Option<UnitSystem>,
    ) -> Result<Signal, Error> {
        let vehicle = VehicleId::from_caller(&vehicle)?;
        let code = SignalCode::parse(&code)?;
        let options = options(&user, units)?;
        let client = client().await?;
        let signal = client.get_signal(&vehicle, &code, &options).await?;
        Ok(values::signal(&signal.value))
    }
}

fn options(user: &str, units: Option<UnitSystem>) -> Result<SignalOptions, InvalidId> {
    let units = units.map(|units| match units {
        UnitSystem::Metric => smartcar::UnitSystem::Metric,
        UnitSystem::Imperial => smartcar::UnitSystem::Imperial,
    });
    Ok(SignalOptions {
        units,
        ..SignalOptions::new(UserId::from_caller(user)?)
    })
}
