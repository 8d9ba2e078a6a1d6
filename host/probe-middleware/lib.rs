//! Middleware in front of the probe: refuses some requests, and passes the others on
//! with what it sees of the variables.

#![cfg(target_family = "wasm")]

use http::{HeaderValue, StatusCode, header};
use spin_sdk::{
    http::{IntoResponse, Request, Result, next},
    http_service, variables,
    wasip3::http::types::{ErrorCode, Response},
};

#[http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    if request.headers().contains_key("refuse") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let variable = match variables::get("greeting").await {
        Ok(value) => value,
        Err(error) => format!("{error:?}"),
    };
    let (mut parts, body) = request.into_parts();
    // A request that is passed on must not carry these.
    for name in [header::CONNECTION, header::HOST] {
        parts.headers.remove(name);
    }
    if let Ok(value) = HeaderValue::try_from(variable) {
        parts.headers.append("probe-middleware", value);
    }
    let response = next(Request::from_parts(parts, body)).await?;
    let (mut parts, body) = response.into_parts();
    let passed = HeaderValue::from_static("middleware");
    parts.headers.append("passed", passed);
    http::Response::from_parts(parts, body).into_response()
}
