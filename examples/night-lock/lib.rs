//! Locks, at night, every car that says it is unlocked. `POST /run` does it once
//! and answers what was done; call it from a cron job.
//!
//! There is no Smartcar in here: cars come from `smartcar:edge`, which the
//! component `client` satisfies (see spin.toml).

mod hours;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    reason = "generated"
)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package example:night-lock;
            world night-lock {
                import smartcar:edge/vehicles@0.2.0;
                import smartcar:edge/commands@0.2.0;
                import smartcar:edge/connections@0.2.0;
            }
        ",
        world: "example:night-lock/night-lock",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::smartcar::edge::{
    commands::{self, Command},
    connections::{self, ConnectionFilter},
    types::Error,
    vehicles::{self, SignalValue},
};
use hours::Night;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use spin_sdk::{http::Request, http_service};
use std::time::{SystemTime, UNIX_EPOCH};

#[http_service]
async fn handle(request: Request) -> http::Response<String> {
    let is_run = request.method() == Method::POST && request.uri().path() == "/run";
    let (status, said) = if is_run {
        run().await
    } else {
        let hint = json!({"error": "POST /run locks what is unlocked"});
        (StatusCode::NOT_FOUND, hint)
    };
    let body = said.to_string();
    let mut response = http::Response::new(String::new());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    let json = header::HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    *response.status_mut() = status;
    *response.body_mut() = body;
    response
}

async fn run() -> (StatusCode, Value) {
    let night = match night().await {
        Ok(night) => night,
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, json!({"error": error})),
    };
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    if !night.is_at(i64::try_from(since.as_secs()).unwrap_or_default()) {
        return (StatusCode::OK, json!({"night": false, "cars": []}));
    }
    match lock_all().await {
        Ok(cars) => (StatusCode::OK, json!({"night": true, "cars": cars})),
        Err(error) => (StatusCode::BAD_GATEWAY, json!({"error": said(&error)})),
    }
}

async fn night() -> Result<Night, String> {
    let variable = async |name: &str| {
        let value = spin_sdk::variables::get(name).await;
        value.map_err(|_| format!("spin.toml gives no variable {name}"))
    };
    Night::parse(
        &variable("night_from").await?,
        &variable("night_to").await?,
        &variable("utc_offset").await?,
    )
}

/// Every connected car, and what was done about it.
async fn lock_all() -> Result<Vec<Value>, Error> {
    let every = ConnectionFilter {
        user: None,
        vehicle: None,
        mode: None,
        external_user: None,
    };
    let mut cars = Vec::new();
    for connection in connections::list_all(every).await? {
        if let (Some(vehicle), Some(user)) = (connection.vehicle, connection.user) {
            // One car that cannot be reached keeps no other unlocked.
            let done = match lock(&vehicle, &user).await {
                Ok(done) => done.to_owned(),
                Err(error) => said(&error),
            };
            cars.push(json!({"vehicle": vehicle, "done": done}));
        }
    }
    Ok(cars)
}

/// Locks a car that says it is unlocked. What it does not say is left alone.
async fn lock(vehicle: &str, user: &str) -> Result<&'static str, Error> {
    let code = "closure-islocked".to_owned();
    let (vehicle, user) = (vehicle.to_owned(), user.to_owned());
    let signal = vehicles::get_signal(vehicle.clone(), user.clone(), code, None).await?;
    match signal.value {
        Some(SignalValue::Boolean(false)) => {
            commands::run(vehicle, user, Command::Lock).await?;
            Ok("locked")
        }
        Some(SignalValue::Boolean(true)) => Ok("was locked"),
        _ => Ok("does not say"),
    }
}

/// An error in words. Each case says whether something may have happened.
fn said(error: &Error) -> String {
    match error {
        Error::InvalidInput(why) => format!("invalid input: {why}"),
        Error::NoToken(why) => format!("no token: {why}"),
        Error::Unreachable(why) => format!("not reached: {why}"),
        Error::Limited(limit) => format!("limited for {} s", limit.retry_after),
        Error::OutcomeUnknown(why) => format!("locked, or not: {why}"),
        Error::CommandFailed(execution) => format!("the car did not: {}", execution.status),
        Error::Api(error) => {
            let code = error.code.as_deref().unwrap_or("no code");
            format!("{} {}, {code}: {}", error.status, error.type_, error.detail)
        }
        Error::Unreadable(answer) => format!("locked, or not: {}", answer.detail),
    }
}
