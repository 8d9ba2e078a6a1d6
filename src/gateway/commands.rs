//! Commands: from a caller to the vehicle, once.

use crate::{app::App, callers::Caller, invalid, single, store};
use bytes::Bytes;
use edge::{
    Response,
    log::{self, Level},
    respond::{self, Problem},
    sqlite::Value,
};
use http::{HeaderMap, StatusCode, header};
use smartcar::{Call, CommandKind, Error, TokenError, UserId, VehicleId};
use std::time::Instant;

/// Sends a command to Smartcar and hands its answer on, byte for byte.
pub(crate) async fn run(
    app: &App,
    caller: &Caller,
    vehicle: &VehicleId,
    kind: CommandKind,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    kind.parse(&body)
        .map_err(|error| invalid(error.to_string()))?;
    let user = user(vehicle, headers).await?;
    caller.require_user(&user)?;
    let call = Call::to(kind.endpoint(), &[vehicle])
        .on_behalf_of(user.clone())
        .body(body);
    let started = Instant::now();
    let result = app.client().call(&call).await;
    let line = log::line(
        if result.is_ok() {
            Level::Info
        } else {
            Level::Warn
        },
        "command",
    )
    .with("caller", caller.name())
    .with("command", kind.endpoint().path)
    .with("vehicle_id", vehicle.as_str())
    .with("user_id", user.as_str())
    .with(
        "millis",
        u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    );
    match result {
        Ok(answer) => {
            line.with("status", answer.status.as_u16())
                .with("request_id", answer.request_id())
                .write();
            Ok(hand_on(answer))
        }
        Err(error) => {
            line.with("error", error.to_string()).write();
            Err(problem(&error))
        }
    }
}

/// On whose behalf: the header, else the owner that a stored delivery names.
async fn user(vehicle: &VehicleId, headers: &HeaderMap) -> Result<UserId, Problem> {
    if let Some(id) = single(headers, "sc-user-id")? {
        return UserId::parse(id).map_err(|error| invalid(error.to_string()));
    }
    owner(vehicle).await?.ok_or_else(|| {
        let detail = "send the header sc-user-id: no delivery has named this vehicle's owner yet";
        Problem::new(StatusCode::BAD_REQUEST, "MISSING_USER_ID", detail)
    })
}

async fn owner(vehicle: &VehicleId) -> Result<Option<UserId>, Problem> {
    let sql = "SELECT user_id FROM vehicle WHERE id = ?";
    let rows = store::query(sql, [Value::from(vehicle.as_str())]).await?;
    let named = rows.first().and_then(|row| row.text(0));
    Ok(named.and_then(|id| UserId::parse(id).ok()))
}

/// Smartcar's answer, with the headers that mean something to a caller.
fn hand_on(answer: smartcar::Response) -> Response {
    let mut response = respond::json(answer.status, answer.body);
    if matches!(
        answer.status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        // These have no body, and RFC 9110 (8.6) wants no length of it.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    for (name, value) in &answer.headers {
        let smartcar_s = name.as_str().starts_with("sc-");
        if smartcar_s || *name == header::RETRY_AFTER || *name == header::CONTENT_TYPE {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
    response
}

/// What to tell a caller whose call got no answer from Smartcar.
fn problem(error: &Error) -> Problem {
    let new = |status, code| Problem::new(status, code, error.to_string());
    if error.may_have_happened() {
        let detail = "Smartcar gave no answer: the command may have been carried out. Look at \
                      the vehicle's signals before you send it again";
        return Problem::new(StatusCode::GATEWAY_TIMEOUT, "OUTCOME_UNKNOWN", detail);
    }
    match error {
        Error::Limited(limit) => {
            let seconds = u32::try_from(limit.retry_after()).unwrap_or(u32::MAX);
            new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED").retry_after(seconds)
        }
        Error::Token(TokenError::NoCredentials) => {
            new(StatusCode::SERVICE_UNAVAILABLE, "NOT_CONFIGURED")
        }
        Error::Token(TokenError::InvalidClient { .. }) => {
            new(StatusCode::BAD_GATEWAY, "CREDENTIALS_REFUSED")
        }
        Error::Token(_) => {
            new(StatusCode::SERVICE_UNAVAILABLE, "TOKEN_UNAVAILABLE").retry_after(30)
        }
        _ => new(StatusCode::BAD_GATEWAY, "SMARTCAR_UNREACHABLE").retry_after(30),
    }
}
