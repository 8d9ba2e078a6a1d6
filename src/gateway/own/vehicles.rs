//! What is known of each vehicle, from deliveries, reads and connections.

use crate::{
    access::callers::Caller,
    app::App,
    own::{
        billing,
        list::{self, Window},
    },
    request::{Inbound, invalid},
};
use edge::{Platform, Response, respond::Problem};
use serde_json::{Value, json};
use smartcar::{Month, Timestamp, report::NOT_THE_OWNER_S, write_time};
use store::{
    Store,
    vehicle::{OpenError, Vehicle, VehiclePage},
};

/// What an owner can have to do for a vehicle.
const REAUTHENTICATION: &str = "reauthentication";

/// The vehicles that the caller's key is for, a page at a time.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    caller.require("read_vehicle_info")?;
    let window = Window::of(inbound)?;
    let now = app.now();
    let needs = match inbound.parameter("filter[needs]")?.as_deref() {
        None => false,
        Some(REAUTHENTICATION) => true,
        Some(_) => {
            let detail = "filter[needs] has an unknown value; it must be reauthentication";
            return Err(invalid(detail));
        }
    };
    let page = VehiclePage {
        after: window.after.as_deref(),
        vehicles: caller.vehicles(),
        users: caller.users(),
        with_errors_but: needs.then_some(&NOT_THE_OWNER_S),
        month: Month::of(now).begins,
        limit: window.limit(),
    };
    let vehicles = if needs {
        in_need(app, page).await?
    } else {
        app.stored(app.store().vehicles(page).await)?
    };
    let data = vehicles.iter().map(|vehicle| shown(vehicle, now)).collect();
    Ok(list::page(inbound, "/v3/vehicles", &window, data))
}

/// Those of a page whose owners have to authenticate again. The store knows which vehicles
/// have other errors than those that no owner can mend, and no more.
async fn in_need<P: Platform, S: Store>(
    app: &App<P, S>,
    page: VehiclePage<'_>,
) -> Result<Vec<Vehicle>, Problem> {
    let most = usize::try_from(page.limit).unwrap_or_default();
    let (mut found, mut after) = (Vec::new(), page.after.map(str::to_owned));
    loop {
        let asked = VehiclePage {
            after: after.as_deref(),
            ..page
        };
        let vehicles = app.stored(app.store().vehicles(asked).await)?;
        let is_last = vehicles.len() < most;
        after = vehicles.last().map(|vehicle| vehicle.id.clone());
        found.extend(vehicles.into_iter().filter(needs_reauthentication));
        if is_last || found.len() >= most {
            found.truncate(most);
            return Ok(found);
        }
    }
}

fn needs_reauthentication(vehicle: &Vehicle) -> bool {
    let mut errors = vehicle.open_errors.iter();
    errors.any(OpenError::needs_reauthentication)
}

fn shown(vehicle: &Vehicle, now: Timestamp) -> Value {
    let errors = &vehicle.open_errors;
    let needs = needs_reauthentication(vehicle);
    let again = format!("/connect/reauthenticate?vehicle_id={}", vehicle.id);
    json!({
        "id": vehicle.id,
        "type": "vehicle",
        "attributes": {
            "make": vehicle.about.make,
            "model": vehicle.about.model,
            "year": vehicle.about.year,
            "powertrainType": vehicle.about.powertrain_type,
            "mode": vehicle.about.mode,
        },
        "relationships": {"user": {"data": {"id": vehicle.user_id, "type": "user"}}},
        "meta": {
            "lastDeliveredAt": vehicle.delivered_at.and_then(write_time),
            "lastObservedAt": vehicle.last_observed_at.and_then(write_time),
            "signals": vehicle.signals,
            "openErrors": errors.iter().map(shown_error).collect::<Value>(),
            "needs": if needs { vec![REAUTHENTICATION] } else { Vec::new() },
            "billedCalls": vehicle.calls.count,
            "billing": billing::shown(&vehicle.calls, now),
        },
        "links": {
            "self": format!("/v3/vehicles/{}", vehicle.id),
            "reauthenticate": needs.then_some(again),
        },
    })
}

/// An error with what Smartcar says can be done about it.
fn shown_error(open: &OpenError) -> Value {
    let error = open.error.as_deref();
    let error: Value = error
        .and_then(|error| serde_json::from_str(error).ok())
        .unwrap_or_default();
    let text = |name: &str| error.get(name)?.as_str();
    let resolution = error
        .get("resolution")
        .and_then(|it| it.get("type")?.as_str());
    let signals = error.get("signals").and_then(Value::as_array);
    let signals = signals.into_iter().flatten();
    json!({
        "type": open.kind,
        "code": open.code,
        "description": text("description"),
        "suggestedUserMessage": text("suggestedUserMessage"),
        "docURL": text("docURL"),
        "resolution": {"type": resolution},
        "signals": signals.filter_map(code_of).collect::<Value>(),
        "since": open.opened_at.and_then(write_time),
    })
}

/// The code of a signal that an error is about: an object that names it or, formerly,
/// `Group.Name`.
fn code_of(signal: &Value) -> Option<String> {
    match signal.as_str() {
        Some(name) => Some(name.replacen('.', "-", 1).to_ascii_lowercase()),
        None => signal.get("code")?.as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Instance, body, edge, error, key, request};
    use store::{
        call::{KnownCalls, Refusal},
        vehicle::About,
    };

    const ERROR: &str = r#"{"type": "CONNECTED_SERVICES_ACCOUNT",
        "code": "AUTHENTICATION_FAILED", "description": "The password was changed.",
        "suggestedUserMessage": "Please log in again.",
        "docURL": "https://smartcar.com/docs/errors",
        "resolution": {"type": "REAUTHENTICATE"}, "state": "ERROR",
        "signals": [{"name": "Closure", "group": "IsLocked", "code": "closure-islocked"},
            "VehicleIdentification.Nickname", 7]}"#;

    #[test]
    fn vehicle_shows_what_is_known_of_it() {
        let vehicle = Vehicle {
            id: "v-1".to_owned(),
            user_id: Some("u-1".to_owned()),
            about: About {
                make: Some("TESLA".to_owned()),
                model: Some("Model 3".to_owned()),
                year: Some(2026),
                powertrain_type: Some("BEV".to_owned()),
                mode: Some("live".to_owned()),
            },
            delivered_at: Some(Timestamp(2000)),
            signals: 7,
            last_observed_at: Some(Timestamp(1000)),
            open_errors: vec![
                OpenError {
                    kind: "CONNECTED_SERVICES_ACCOUNT".to_owned(),
                    code: Some("AUTHENTICATION_FAILED".to_owned()),
                    error: Some(ERROR.to_owned()),
                    opened_at: Some(Timestamp(3000)),
                    error_at: Timestamp(4000),
                    user_id: None,
                },
                OpenError {
                    kind: "ODD".to_owned(),
                    code: None,
                    error: Some("[]".to_owned()),
                    opened_at: None,
                    error_at: Timestamp(4000),
                    user_id: None,
                },
            ],
            calls: KnownCalls {
                count: 500,
                refusal: Some(Refusal {
                    code: "VEHICLE_REQUEST_LIMIT".to_owned(),
                    at: Timestamp(4000),
                    until: Timestamp(6000),
                }),
            },
        };
        let expected = json!({
            "id": "v-1",
            "type": "vehicle",
            "attributes": {"make": "TESLA", "model": "Model 3", "year": 2026,
                "powertrainType": "BEV", "mode": "live"},
            "relationships": {"user": {"data": {"id": "u-1", "type": "user"}}},
            "meta": {
                "lastDeliveredAt": "1970-01-01T00:00:02.000Z",
                "lastObservedAt": "1970-01-01T00:00:01.000Z",
                "signals": 7,
                "openErrors": [{
                    "type": "CONNECTED_SERVICES_ACCOUNT",
                    "code": "AUTHENTICATION_FAILED",
                    "description": "The password was changed.",
                    "suggestedUserMessage": "Please log in again.",
                    "docURL": "https://smartcar.com/docs/errors",
                    "resolution": {"type": "REAUTHENTICATE"},
                    "signals": ["closure-islocked", "vehicleidentification-nickname"],
                    "since": "1970-01-01T00:00:03.000Z",
                }, {
                    "type": "ODD",
                    "code": null,
                    "description": null,
                    "suggestedUserMessage": null,
                    "docURL": null,
                    "resolution": {"type": null},
                    "signals": [],
                    "since": null,
                }],
                "needs": ["reauthentication"],
                "billedCalls": 500,
                "billing": {"code": "VEHICLE_REQUEST_LIMIT", "until": "1970-01-01T00:00:06.000Z"},
            },
            "links": {
                "self": "/v3/vehicles/v-1",
                "reauthenticate": "/connect/reauthenticate?vehicle_id=v-1",
            },
        });
        assert_eq!(shown(&vehicle, Timestamp(5000)), expected);
        let later = shown(&vehicle, Timestamp(6000));
        assert_eq!(later["meta"]["billing"], Value::Null);
    }

    #[test]
    fn vehicle_of_which_nothing_is_known_has_its_members_all_the_same() {
        let shown = shown(&Vehicle::default(), Timestamp(5000));
        let attributes = shown["attributes"].as_object().unwrap();
        assert!(attributes.len() == 5 && attributes.values().all(Value::is_null));
        let meta = json!({"lastDeliveredAt": null, "lastObservedAt": null, "signals": 0,
            "openErrors": [], "needs": [], "billedCalls": 0, "billing": null});
        assert_eq!(shown["meta"], meta);
    }

    #[test]
    fn vehicles_are_filtered_by_what_their_owners_have_to_do() {
        let instance = Instance::new();
        let listed = |filter: &str| {
            let answer = instance.call("GET", &format!("/v3/vehicles?filter[needs]={filter}"));
            (answer.status().as_u16(), body(&answer)["data"].clone())
        };
        instance.report("v-1", "u-1", "a-b", &json!({"value": 1}));
        assert_eq!(listed("reauthentication"), (200, json!([])));
        assert_eq!(listed("fuel").0, 400);
    }

    #[test]
    fn vehicles_are_shown_to_keys_with_their_scope() {
        let instance = Instance::with_keys(&[key("battery", &["read_battery"])]);
        let refused = instance.send(request("battery", "GET", "/v3/vehicles"));
        assert_eq!(error(&refused), edge(403, "MISSING_SCOPE"));
    }
}
