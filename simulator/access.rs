//! Who may ask: the bearer token on every `/v3` path but one, and the owner's user id on
//! the paths of one vehicle.

use crate::{
    lock::lock,
    refusal::Refusal,
    state::{Shared, Simulator},
};
use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};

/// Lets a request under `/v3` through only with a live access token. A path that
/// does not exist is refused the same way, as strangers learn nothing.
pub(crate) async fn require_token(
    State(simulator): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let guarded = path == "/v3" || path.starts_with("/v3/");
    if guarded && !has_live_token(&simulator, request.headers()) {
        return Refusal::unauthorized().into_response();
    }
    next.run(request).await
}

fn has_live_token(simulator: &Simulator, headers: &HeaderMap) -> bool {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && simulator.tokens.is_live(token)
        })
}

/// The user that a request is made for, where it names one.
pub(crate) fn user_id(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("sc-user-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty())
}

/// The vehicle of a path such as `/v3/vehicles/{vehicleId}/signals`, asked for
/// by its owner, as often as the plan allows. A stranger's vehicle looks the same as none at all.
pub(crate) struct OwnedVehicle {
    pub(crate) id: String,
}

impl FromRequestParts<Shared> for OwnedVehicle {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        let id = path_parameter(parts, state, "vehicleId").await?;
        let user = user_id(&parts.headers).ok_or_else(Refusal::missing_user)?;
        let is_owned = match lock(&state.fleet).connected(&id) {
            Some(car) => car.owner == user,
            None => false,
        };
        if !is_owned {
            return Err(Refusal::vehicle_not_found(&id));
        }
        state.plan.take(&id)?;
        Ok(Self { id })
    }
}

/// One parameter of the matched path. One that is not UTF-8 names nothing.
pub(crate) async fn path_parameter(
    parts: &mut Parts,
    state: &Shared,
    name: &str,
) -> Result<String, Refusal> {
    let parameters = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Refusal::invalid_path())?;
    parameters
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
        .ok_or_else(Refusal::invalid_path)
}
