//! Smartcar's v3 errors: `{"errors":[{status,type,code,title,detail,meta}]}`.
//! <https://smartcar.com/docs/api-reference/api-errors>

use axum::{
    Extension,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Value, json};

/// A request that Smartcar would refuse, and what it would say.
///
/// As a response it is only a status with the refusal attached: the body quotes
/// the request id, which is known where the response is finished (`observe`).
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    detail: String,
}

impl Refusal {
    fn new(
        status: StatusCode,
        kind: &'static str,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            code,
            detail: detail.into(),
        }
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "AUTHENTICATION",
            "UNAUTHORIZED",
            "The access token is missing, unknown, expired or revoked.",
        )
    }

    pub(crate) fn missing_user() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "VALIDATION",
            "MISSING_PARAMETER",
            "missing userId",
        )
    }

    pub(crate) fn invalid_input(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "VALIDATION",
            "INVALID_INPUT_FORMAT",
            detail,
        )
    }

    pub(crate) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "VALIDATION",
            "INVALID_INPUT_FORMAT",
            "The request body is too large.",
        )
    }

    pub(crate) fn vehicle_not_found(vehicle_id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "RESOURCE_NOT_FOUND",
            "VEHICLE_NOT_FOUND",
            format!("Vehicle with ID {vehicle_id} not found"),
        )
    }

    /// Named after `VEHICLE_NOT_FOUND`: of a body's other ids, only the status is
    /// documented.
    pub(crate) fn webhook_not_found(webhook_id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "RESOURCE_NOT_FOUND",
            "WEBHOOK_NOT_FOUND",
            format!("Webhook with ID {webhook_id} not found"),
        )
    }

    /// As [`Refusal::webhook_not_found`].
    pub(crate) fn user_not_found(user_id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "RESOURCE_NOT_FOUND",
            "USER_NOT_FOUND",
            format!("User with ID {user_id} not found"),
        )
    }

    /// Only the status is documented.
    pub(crate) fn already_subscribed(vehicle_id: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "CONFLICT",
            "ALREADY_SUBSCRIBED",
            format!("Vehicle with ID {vehicle_id} is already subscribed to this webhook"),
        )
    }

    pub(crate) fn invalid_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "RESOURCE_NOT_FOUND",
            "INVALID_PATH",
            "The requested path does not exist.",
        )
    }

    /// No code of HTTP's has this status.
    pub(crate) fn plan_used_up() -> Self {
        Self::new(
            StatusCode::from_u16(430).unwrap_or(StatusCode::TOO_MANY_REQUESTS),
            "BILLING",
            "VEHICLE_REQUEST_LIMIT",
            "The vehicle has reached the limit of requests of the plan for this month.",
        )
    }

    /// The car is in a state in which the command cannot run.
    pub(crate) fn vehicle_state(code: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, "VEHICLE_STATE", code, detail)
    }

    /// The car can never do this, in whatever state.
    pub(crate) fn not_capable() -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "COMPATIBILITY",
            "VEHICLE_NOT_CAPABLE",
            "This vehicle cannot do what was asked of it.",
        )
    }

    /// The status that the refusal is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn body(&self, request_id: &str) -> Value {
        json!({
            "errors": [{
                "status": self.status.as_str(),
                "type": self.kind,
                "code": self.code,
                "title": title(self.code),
                "detail": self.detail,
                "meta": { "debug": { "requestId": request_id } },
            }]
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Extension(self)).into_response()
    }
}

/// `VEHICLE_NOT_FOUND` as a title: "Vehicle Not Found".
pub(crate) fn title(code: &str) -> String {
    let words = code.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(String::from).unwrap_or_default();
        first + &letters.as_str().to_lowercase()
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_has_a_text_status_and_quotes_the_request() {
        let error = Refusal::vehicle_not_found("x").body("r1");
        assert_eq!(error.pointer("/errors/0/status"), Some(&json!("404")));
        assert_eq!(
            error.pointer("/errors/0/title"),
            Some(&json!("Vehicle Not Found"))
        );
        assert_eq!(
            error.pointer("/errors/0/meta/debug/requestId"),
            Some(&json!("r1"))
        );
    }
}
