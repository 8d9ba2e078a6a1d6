//! The gateway: Smartcar's API v3 at the edge.
//!
//! The paths and bodies are Smartcar's own, so that a client of Smartcar only
//! changes its base URL and its bearer token. In front of Smartcar stand API
//! keys, in place of a token of its own stands the one that all instances share.

mod app;
mod callers;
mod commands;
mod diagnosis;
mod routes;
mod signals;
mod status;
mod store;
mod tally;

use edge::{
    Response, request,
    respond::{self, Problem},
};
use http::{HeaderMap, StatusCode, header, request::Parts};
use routes::Route;
use smartcar::VehicleId;
use spin_sdk::{http::Request, http_service};

/// No request of Smartcar's API comes near this.
const MAX_BODY: usize = 64 * 1024;

#[http_service]
async fn handle(request: Request) -> Response {
    answer(request).await.unwrap_or_else(Response::from)
}

/// From the request to the answer: route, key, scope, and then the work.
async fn answer(request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    // Also the body of a request that is refused is read: a client that is
    // still sending would not see the answer.
    let body = request::body(body, MAX_BODY).await?;
    let Parts {
        method,
        uri,
        headers,
        ..
    } = parts;
    let (route, path) = routes::find(&method, uri.path())?;
    if route == Route::Health {
        return Ok(respond::json(StatusCode::OK, r#"{"status":"ok"}"#));
    }
    let app = app::app().await?;
    let caller = app.callers()?.identify(bearer(&headers)?)?;
    match route {
        Route::Health | Route::Status => {
            caller.require("read_status")?;
            status::read(app).await
        }
        Route::Catalogue => {
            caller.require_any("read_")?;
            Ok(signals::catalogue())
        }
        Route::Command(kind) => {
            // Smartcar documents no permission for the charge port.
            caller.require(kind.endpoint().permission.unwrap_or("control_charge"))?;
            let vehicle = vehicle(&path.vehicle)?;
            caller.require_vehicle(&vehicle)?;
            commands::run(app, caller, &vehicle, kind, &headers, body).await
        }
        Route::Signals | Route::Signal => {
            caller.require_any("read_")?;
            let vehicle = vehicle(&path.vehicle)?;
            caller.require_vehicle(&vehicle)?;
            signals::read(caller, &vehicle, path.signal.as_deref()).await
        }
    }
}

fn vehicle(id: &str) -> Result<VehicleId, Problem> {
    VehicleId::parse(id).map_err(|error| invalid(error.to_string()))
}

/// The request is not what the documentation of its path says.
fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "INVALID_INPUT", detail)
}

/// What follows `Bearer` in the header `Authorization`.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let bearer = single(headers, header::AUTHORIZATION.as_str())?.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    Ok(bearer)
}

/// The value of a header; empty where it is no text. Of two, one reader could
/// take the first and another the second.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(invalid(format!(
            "the header {name} is there more than once"
        )));
    }
    Ok(value.map(|value| value.to_str().unwrap_or_default()))
}
