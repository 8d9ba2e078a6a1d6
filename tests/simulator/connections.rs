//! `GET /v3/connections` and `GET /v3/connections/{connectionId}`.
//! <https://smartcar.com/docs/api-reference/list-connections>

use std::collections::HashMap;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use http::request::Parts;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use crate::access::{path_parameter, user_id};
use crate::car::{Car, Powertrain};
use crate::refusal::Refusal;
use crate::state::{Shared, Simulator, lock};

/// Smartcar pages by ten here, which a client that reads one page overlooks.
const PAGE_SIZE: usize = 10;
const MAX_PAGE_SIZE: usize = 100;

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
    let car = fleet.cars().iter().find(|car| car.connection.id == id);
    let car = car.ok_or_else(Refusal::invalid_path)?;
    Ok(Json(json!({ "data": resource(&simulator, car) })))
}

pub(crate) async fn connections(
    State(simulator): State<Shared>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Value>, Refusal> {
    let filter = Filter::read(&headers, &uri)?;
    let fleet = lock(&simulator.fleet);
    let mut cars: Vec<&Car> = fleet.cars().iter().filter(|c| filter.admits(c)).collect();
    cars.sort_by_key(|car| std::cmp::Reverse(car.connection.created_at));
    let data: Vec<Value> = cars
        .iter()
        .skip((filter.page - 1).saturating_mul(filter.size))
        .take(filter.size)
        .map(|car| resource(&simulator, car))
        .collect();
    Ok(Json(json!({
        "data": data,
        "meta": {
            "pageNumber": filter.page,
            "pageSize": filter.size,
            "totalCount": cars.len(),
            "orderBy": "createdAt",
            "orderDirection": "DESC",
        },
        "links": filter.links(&simulator.origin, cars.len()),
    })))
}

/// What a list request asks for.
struct Filter {
    user: Option<String>,
    vehicle: Option<String>,
    mode: String,
    /// Counts from 1.
    page: usize,
    size: usize,
}

impl Filter {
    fn read(headers: &HeaderMap, uri: &Uri) -> Result<Self, Refusal> {
        let query = uri.query().unwrap_or_default().as_bytes();
        let mut given: HashMap<String, String> =
            form_urlencoded::parse(query).into_owned().collect();
        // The header is optional here and acts as the filter of the same name.
        let user = given.remove("filter[userId]");
        Ok(Self {
            user: user.or_else(|| user_id(headers).map(str::to_owned)),
            vehicle: given.remove("filter[vehicleId]"),
            mode: given
                .remove("filter[vehicle.mode]")
                .unwrap_or_else(|| "live".to_owned()),
            page: number(&given, "page[number]", usize::MAX)?.unwrap_or(1),
            size: number(&given, "page[size]", MAX_PAGE_SIZE)?.unwrap_or(PAGE_SIZE),
        })
    }

    fn admits(&self, car: &Car) -> bool {
        self.user.as_ref().is_none_or(|user| user == car.owner)
            && self.vehicle.as_ref().is_none_or(|id| id == car.id)
            && self.mode == "live"
    }

    fn links(&self, origin: &str, total: usize) -> Value {
        let last = total.div_ceil(self.size).max(1);
        let link = |page: usize| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("page[number]", &page.to_string());
            query.append_pair("page[size]", &self.size.to_string());
            query.append_pair("filter[vehicle.mode]", &self.mode);
            if let Some(user) = &self.user {
                query.append_pair("filter[userId]", user);
            }
            if let Some(vehicle) = &self.vehicle {
                query.append_pair("filter[vehicleId]", vehicle);
            }
            format!("{origin}/v3/connections?{}", query.finish())
        };
        json!({
            "self": link(self.page),
            "first": link(1),
            "last": link(last),
            "next": (self.page < last).then(|| link(self.page.saturating_add(1))),
            "prev": (self.page > 1).then(|| link(self.page - 1)),
        })
    }
}

fn number(
    given: &HashMap<String, String>,
    name: &str,
    most: usize,
) -> Result<Option<usize>, Refusal> {
    let Some(text) = given.get(name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
        _ => Err(Refusal::invalid_input(format!(
            "{name} must be a whole number from 1 to {most}"
        ))),
    }
}

fn resource(simulator: &Simulator, car: &Car) -> Value {
    let connection = &car.connection;
    json!({
        "id": connection.id,
        "type": "connection",
        "attributes": {
            "permissions": permissions(car.powertrain),
            "vehicle": {
                "make": car.make,
                "model": car.model,
                "year": car.year,
                "mode": "live",
                "powertrainType": car.powertrain.name(),
            },
            "user": { "id": car.owner },
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
            "updatedAt": connection.created_at.iso(),
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
