//! `DELETE /v3/users/{userId}`.
//! <https://smartcar.com/docs/api-reference/remove-user>

use crate::{access::path_parameter, lock::lock, refusal::Refusal, state::Shared};
use axum::extract::{FromRequestParts, State};
use http::{StatusCode, request::Parts};

pub(crate) struct UserId(String);

impl FromRequestParts<Shared> for UserId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        path_parameter(parts, state, "userId").await.map(Self)
    }
}

/// Ends the application's access to all of the user's cars. A user is known by
/// their connections: one without any does not exist.
pub(crate) async fn remove(
    State(simulator): State<Shared>,
    UserId(id): UserId,
) -> Result<StatusCode, Refusal> {
    match lock(&simulator.fleet).disconnect(|car, _| car.owner == id) {
        0 => Err(Refusal::invalid_path()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}
