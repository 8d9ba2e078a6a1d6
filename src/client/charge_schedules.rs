//! `smartcar:edge/charge-schedules`

use crate::{
    Edge, client, errors,
    wit::{
        charge_schedules::{Guest, Kind, ScheduleExecution, Timer},
        types::Error,
    },
};
use serde_json::value::RawValue;
use smartcar::{
    ChargeScheduleExecution, ChargeTimer, InvalidId, ScheduleId, ScheduleKind, SignalCode,
    SignalOptions, UserId, VehicleId,
};

const TIMERS: &str = "charge-chargetimers";

impl Guest for Edge {
    async fn create(
        vehicle: String,
        user: String,
        kind: Kind,
        attributes: String,
    ) -> Result<Option<ScheduleExecution>, Error> {
        let (vehicle, user) = ids(&vehicle, &user)?;
        let kind = match kind {
            Kind::Daily => ScheduleKind::Daily,
            Kind::Weekly => ScheduleKind::Weekly,
            Kind::Workweek => ScheduleKind::Workweek,
        };
        let attributes = object(&attributes).ok_or_else(|| {
            let detail = "attributes is no JSON object; it must be one, with a location and times";
            Error::InvalidInput(detail.to_owned())
        })?;
        let client = client().await?;
        let made = client.create_charge_schedule(&vehicle, &user, kind, &attributes);
        Ok(made.await?.value.map(execution))
    }

    async fn get(vehicle: String, user: String, schedule: String) -> Result<String, Error> {
        let (vehicle, user) = ids(&vehicle, &user)?;
        let schedule = ScheduleId::parse(&schedule)?;
        let client = client().await?;
        let found = client.get_charge_schedule(&vehicle, &user, &schedule);
        Ok(String::from_utf8_lossy(&found.await?.response.body).into_owned())
    }

    async fn remove(
        vehicle: String,
        user: String,
        schedule: String,
    ) -> Result<Option<ScheduleExecution>, Error> {
        let (vehicle, user) = ids(&vehicle, &user)?;
        let schedule = ScheduleId::parse(&schedule)?;
        let client = client().await?;
        let removed = client.delete_charge_schedule(&vehicle, &user, &schedule);
        Ok(removed.await?.value.map(execution))
    }

    async fn timers(vehicle: String, user: String) -> Result<Vec<Timer>, Error> {
        let (vehicle, user) = ids(&vehicle, &user)?;
        let (code, options) = (SignalCode::parse(TIMERS)?, SignalOptions::new(user));
        let client = client().await?;
        let signal = client.get_signal(&vehicle, &code, &options).await?.value;
        let timers = signal.value().map(|value| ChargeTimer::all(&value));
        Ok(timers.into_iter().flatten().map(timer).collect())
    }
}

fn ids(vehicle: &str, user: &str) -> Result<(VehicleId, UserId), InvalidId> {
    Ok((VehicleId::from_caller(vehicle)?, UserId::from_caller(user)?))
}

/// A JSON object, as it is written.
fn object(text: &str) -> Option<Box<RawValue>> {
    let json: Option<Box<RawValue>> = serde_json::from_str(text).ok();
    json.filter(|json| json.get().starts_with('{'))
}

fn execution(recorded: ChargeScheduleExecution) -> ScheduleExecution {
    ScheduleExecution {
        action: recorded.action,
        schedule: recorded.schedule.map(|id| id.to_string()),
        execution: errors::execution(recorded.execution),
    }
}

fn timer(timer: ChargeTimer<'_>) -> Timer {
    Timer {
        type_: timer.kind,
        schedule_type: timer.schedule_type,
        schedule: timer.schedule.map(|id| id.to_string()),
        raw: timer.raw.get().to_owned(),
    }
}
