//! `GET /v3/connections`, and `GET` and `DELETE /v3/connections/{connectionId}`.
//! <https://smartcar.com/docs/api-reference/list-connections>,
//! <https://smartcar.com/docs/api-reference/remove-connection>

use crate::{
    access::{path_parameter, user_id},
    car::{Car, Connection, Powertrain},
    fleet::Fleet,
    lock::lock,
    page::{Page, Query},
    refusal::Refusal,
    state::{Shared, Simulator},
};
use axum::{
    Json,
    extract::{FromRequestParts, State},
};
use http::{HeaderMap, StatusCode, Uri, request::Parts};
use serde_json::{Value, json};

/// Smartcar pages by ten here, which a client that reads one page overlooks.
const PAGE_SIZE: usize = 10;

pub(crate) struct ConnectionId(String);

impl FromRequestParts<Shared> for ConnectionId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        path_parameter(parts, state, "connectionId").await.map(Self)
    }
}

pub(crate) async fn connection(
    State(simulator): State<Shared>,
    ConnectionId(id): ConnectionId,
) -> Result<Json<Value>, Refusal> {
    let fleet = lock(&simulator.fleet);
    let (car, connection) = fleet
        .connections()
        .find(|(_, connection)| connection.id == id)
        .ok_or_else(Refusal::invalid_path)?;
    Ok(Json(
        json!({ "data": resource(&simulator, &fleet, car, connection) }),
    ))
}

/// Ends the application's access to the car.
pub(crate) async fn remove(
    State(simulator): State<Shared>,
    ConnectionId(id): ConnectionId,
) -> Result<StatusCode, Refusal> {
    let removed = lock(&simulator.fleet).disconnect(|_, connection| connection.id == id);
    match removed {
        0 => Err(Refusal::invalid_path()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

pub(crate) async fn connections(
    State(simulator): State<Shared>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Value>, Refusal> {
    let query = Query::of(&uri);
    let page = Page::read(&query, PAGE_SIZE)?;
    let filter = Filter::read(&headers, &query);
    let fleet = lock(&simulator.fleet);
    let mut found: Vec<(&Car, &Connection)> = fleet
        .connections()
        .filter(|(car, _)| filter.admits(&fleet, car))
        .collect();
    found.sort_by_key(|(_, connection)| std::cmp::Reverse(connection.created_at));
    let items = found
        .into_iter()
        .map(|(car, connection)| resource(&simulator, &fleet, car, connection))
        .collect();
    let url = format!("{}/v3/connections", simulator.origin);
    Ok(Json(page.answer(items, &url, &filter.pairs())))
}

/// Which connections a list request asks for.
struct Filter {
    user: Option<String>,
    external_id: Option<String>,
    vehicle: Option<String>,
    mode: String,
}

impl Filter {
    fn read(headers: &HeaderMap, query: &Query) -> Self {
        // The header is optional here and acts as the filter of the same name.
        let user = query.text("filter[userId]");
        let mode = query.text("filter[vehicle.mode]");
        Self {
            user: user.or_else(|| user_id(headers).map(str::to_owned)),
            external_id: query.text("filter[user.externalId]"),
            vehicle: query.text("filter[vehicleId]"),
            mode: mode.unwrap_or_else(|| "live".to_owned()),
        }
    }

    /// Every car is live.
    fn admits(&self, fleet: &Fleet, car: &Car) -> bool {
        let external_id = fleet.external_id(car.owner);
        self.user.as_ref().is_none_or(|user| user == car.owner)
            && (self.external_id.is_none() || self.external_id.as_deref() == external_id)
            && self.vehicle.as_ref().is_none_or(|id| id == car.id)
            && self.mode == "live"
    }

    fn pairs(&self) -> [(&str, Option<&str>); 4] {
        [
            ("filter[vehicle.mode]", Some(&self.mode)),
            ("filter[userId]", self.user.as_deref()),
            ("filter[user.externalId]", self.external_id.as_deref()),
            ("filter[vehicleId]", self.vehicle.as_deref()),
        ]
    }
}

fn resource(simulator: &Simulator, fleet: &Fleet, car: &Car, connection: &Connection) -> Value {
    let permissions = match &connection.permissions {
        Some(permissions) => json!(permissions),
        None => json!(permissions(car.powertrain)),
    };
    json!({
        "id": connection.id,
        "type": "connection",
        "attributes": {
            "permissions": permissions,
            "vehicle": car.attributes(),
            "user": { "id": car.owner, "externalId": fleet.external_id(car.owner) },
        },
        "relationships": {
            "vehicle": {
                "data": { "id": car.id, "type": "vehicle" },
                "links": { "related": simulator.vehicle_link(car.id) },
            },
            "user": { "data": { "id": car.owner, "type": "user" } },
        },
        "meta": {
            "createdAt": connection.created_at.iso(),
            "updatedAt": connection.updated_at.iso(),
        },
        "links": { "self": format!("{}/v3/connections/{}", simulator.origin, connection.id) },
    })
}

fn permissions(powertrain: Powertrain) -> Vec<&'static str> {
    let mut permissions = vec![
        "control_navigation",
        "control_security",
        "read_location",
        "read_odometer",
        "read_security",
        "read_vehicle_info",
        "read_vin",
    ];
    match powertrain {
        Powertrain::Battery => {
            permissions.extend(["control_charge", "read_battery", "read_charge"]);
        }
        Powertrain::Combustion => permissions.extend(["read_engine_oil", "read_fuel"]),
    }
    permissions.sort_unstable();
    permissions
}
