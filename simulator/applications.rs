//! `GET /v3/applications`, one of them, and its secrets.
//! <https://smartcar.com/docs/api-reference/vehicles-api-intro>
//!
//! Smartcar names these calls and documents no shape of their answers; these have
//! the shape of its other resources.

use crate::{
    access::path_parameter,
    clock::Millis,
    refusal::Refusal,
    state::{Shared, Simulator},
};
use axum::{
    Json,
    extract::{FromRequestParts, State},
};
use http::request::Parts;
use serde_json::{Value, json};

/// The id of the one application. It is not the client id that fetches tokens.
pub const APPLICATION: &str = "98e71ae6-c452-4b4b-9791-759e02c4ca3c";

const SECRET: &str = "b571680e-0ebe-432a-9618-ab4dae8c0b5e";
const CREATED_AT: Millis = Millis(1_764_229_870_112);

/// An application of this account: there is one.
pub(crate) struct Application;

impl FromRequestParts<Shared> for Application {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        match path_parameter(parts, state, "applicationId").await? {
            id if id == APPLICATION => Ok(Self),
            _ => Err(Refusal::invalid_path()),
        }
    }
}

pub(crate) async fn applications(State(simulator): State<Shared>) -> Json<Value> {
    Json(json!({ "data": [resource(&simulator)], "meta": { "totalCount": 1 } }))
}

pub(crate) async fn application(State(simulator): State<Shared>, _: Application) -> Json<Value> {
    Json(json!({ "data": resource(&simulator) }))
}

/// The mask tells nothing of the secret, not even its length.
pub(crate) async fn secrets(_: Application) -> Json<Value> {
    let secret = json!({
        "id": SECRET,
        "type": "application-secret",
        "attributes": { "secret": "********" },
        "meta": { "createdAt": CREATED_AT.iso() },
    });
    Json(json!({ "data": [secret], "meta": { "totalCount": 1 } }))
}

fn resource(simulator: &Simulator) -> Value {
    json!({
        "id": APPLICATION,
        "type": "application",
        "attributes": { "name": "Simulated application" },
        "meta": { "createdAt": CREATED_AT.iso() },
        "links": { "self": format!("{}/v3/applications/{APPLICATION}", simulator.origin) },
    })
}
