//! What is known of each vehicle, from deliveries, reads and connections.

use crate::{
    access::callers::Caller,
    app::App,
    own::list::{self, Window},
    request::Inbound,
};
use edge::{Platform, Response, respond::Problem};
use serde_json::json;
use smartcar::write_time;
use store::{
    Store,
    vehicle::{Vehicle, VehiclePage},
};

/// The vehicles that the caller's key is for, a page at a time.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    caller.require("read_vehicle_info")?;
    let window = Window::of(inbound)?;
    let page = VehiclePage {
        after: window.after.as_deref(),
        vehicles: caller.vehicles(),
        users: caller.users(),
        limit: window.limit(),
    };
    let vehicles = app.stored(app.store().vehicles(page).await)?;
    let data = vehicles.iter().map(shown).collect();
    Ok(list::page(inbound, "/v3/vehicles", &window, data))
}

fn shown(vehicle: &Vehicle) -> serde_json::Value {
    let error = |(kind, code): &(String, Option<String>)| json!({"type": kind, "code": code});
    let errors = vehicle.open_errors.iter().map(error);
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
            "openErrors": errors.collect::<serde_json::Value>(),
        },
        "links": {"self": format!("/v3/vehicles/{}", vehicle.id)},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Instance, edge, error, key, request};
    use serde_json::Value;
    use smartcar::Timestamp;
    use store::vehicle::About;

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
                ("VEHICLE_STATE".to_owned(), Some("ASLEEP".to_owned())),
                ("CONNECTED_SERVICES".to_owned(), None),
            ],
        };
        let expected = json!({
            "id": "v-1",
            "type": "vehicle",
            "attributes": {"make": "TESLA", "model": "Model 3", "year": 2026,
                "powertrainType": "BEV", "mode": "live"},
            "relationships": {"user": {"data": {"id": "u-1", "type": "user"}}},
            "meta": {
                "lastDeliveredAt": "1970-01-01T00:00:02Z",
                "lastObservedAt": "1970-01-01T00:00:01Z",
                "signals": 7,
                "openErrors": [{"type": "VEHICLE_STATE", "code": "ASLEEP"},
                    {"type": "CONNECTED_SERVICES", "code": null}],
            },
            "links": {"self": "/v3/vehicles/v-1"},
        });
        assert_eq!(shown(&vehicle), expected);
    }

    #[test]
    fn vehicle_of_which_nothing_is_known_has_its_members_all_the_same() {
        let shown = shown(&Vehicle::default());
        let attributes = shown["attributes"].as_object().unwrap();
        assert!(attributes.len() == 5 && attributes.values().all(Value::is_null));
        let meta = json!({"lastDeliveredAt": null, "lastObservedAt": null, "signals": 0,
            "openErrors": []});
        assert_eq!(shown["meta"], meta);
    }

    #[test]
    fn vehicles_are_shown_to_keys_with_their_scope() {
        let instance = Instance::with_keys(&[key("battery", &["read_battery"])]);
        let refused = instance.send(request("battery", "GET", "/v3/vehicles"));
        assert_eq!(error(&refused), edge(403, "MISSING_SCOPE"));
    }
}
