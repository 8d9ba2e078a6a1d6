//! Stands in front of the probe: refuses some requests, and tells the others'
//! handler what it sees of the variables.

#![cfg(target_family = "wasm")]

use http::{HeaderValue, StatusCode, header};
use spin_sdk::http::{IntoResponse, Request, Result};
use spin_sdk::http_service;
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

#[http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    if request.headers().contains_key("refuse") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let variable = match spin_sdk::variables::get("greeting").await {
        Ok(value) => value,
        Err(error) => format!("{error:?}"),
    };
    let (mut parts, body) = request.into_parts();
    // What a request that is passed on must not carry.
    for name in [header::CONNECTION, header::HOST] {
        parts.headers.remove(name);
    }
    if let Ok(value) = HeaderValue::try_from(variable) {
        parts.headers.append("probe-middleware", value);
    }
    let response = spin_sdk::http::next(Request::from_parts(parts, body)).await?;
    let (mut parts, body) = response.into_parts();
    let passed = HeaderValue::from_static("middleware");
    parts.headers.append("passed", passed);
    http::Response::from_parts(parts, body).into_response()
}
