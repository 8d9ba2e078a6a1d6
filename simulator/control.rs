//! `/_simulator/…`: what a test reads and asks for. None of this is Smartcar's,
//! and none of it is counted or needs a token.

use crate::{
    car::{Car, Schedule},
    catalogue::{self, Kind},
    config,
    event::{Event, Mode, Trigger},
    faults::Fault,
    lock::lock,
    plan,
    requests::Summary,
    state::Shared,
    webhook::{Settings, Verification},
};
use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, State},
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use bytes::Bytes;
use http::{StatusCode, Uri, request::Parts};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/requests", get(requests).delete(reset_requests))
        .route("/vehicles", get(vehicles))
        .route("/vehicles/{vehicleId}/connection", delete(disconnect))
        .route("/vehicles/{vehicleId}/permissions", put(set_permissions))
        .route("/webhook", put(set_webhook))
        .route("/deliveries", get(deliveries).post(send))
        .route("/deliveries/{eventId}/redeliver", post(redeliver))
        .route("/verify", post(verify))
        .route("/tokens/revoke", post(revoke))
        .route("/faults", get(faults).put(set_faults))
        .route("/plan", put(set_plan))
        .method_not_allowed_fallback(async || {
            ControlError::new(StatusCode::METHOD_NOT_ALLOWED, "wrong method for this path")
        })
        .fallback(async || ControlError::new(StatusCode::NOT_FOUND, "no such control"))
}

async fn requests(State(simulator): State<Shared>) -> Json<Summary> {
    Json(simulator.requests.summary())
}

async fn reset_requests(State(simulator): State<Shared>) -> StatusCode {
    simulator.requests.reset();
    StatusCode::NO_CONTENT
}

async fn vehicles(State(simulator): State<Shared>) -> Json<Vec<Value>> {
    Json(lock(&simulator.fleet).cars().iter().map(describe).collect())
}

fn describe(car: &Car) -> Value {
    let charge = car.state.charge.as_ref();
    json!({
        "id": car.id,
        "owner": car.owner,
        "make": car.make,
        "model": car.model,
        "powertrainType": car.powertrain.name(),
        "isConnected": car.connection.is_some(),
        "state": {
            "isLocked": car.state.locked,
            "isPluggedIn": charge.map(|charge| charge.plugged_in),
            "isCharging": charge.map(|charge| charge.charging),
            "chargeLimit": charge.map(|charge| charge.limit),
            "isChargePortOpen": charge.map(|charge| charge.port_open),
            "chargeSchedules": charge.map(|charge| schedules(&charge.schedules)),
        },
    })
}

fn schedules(schedules: &[Schedule]) -> Vec<Value> {
    let describe =
        |schedule: &Schedule| json!({ "id": schedule.id, "scheduleType": schedule.kind });
    schedules.iter().map(describe).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WebhookSettings {
    callback_uri: String,
    #[serde(default)]
    error_callback_uri: Option<String>,
    #[serde(default)]
    is_enabled: Option<bool>,
    /// Codes of signals.
    #[serde(default)]
    triggers: Option<Vec<String>>,
    /// Codes of signals.
    #[serde(default)]
    data: Option<Vec<String>>,
}

impl WebhookSettings {
    /// What is not said is as at the start.
    fn read(&self) -> Result<Settings, ControlError> {
        let uri = |uri: &String| config::callback_uri(uri).map_err(ControlError::bad);
        let callback = uri(&self.callback_uri)?;
        let mut settings = Settings::new(Some(callback));
        settings.error_callback = self.error_callback_uri.as_ref().map(uri).transpose()?;
        settings.is_enabled = self.is_enabled.unwrap_or(true);
        if let Some(codes) = &self.triggers {
            settings.triggers = kinds(codes)?;
        }
        if let Some(codes) = &self.data {
            settings.data = kinds(codes)?;
        }
        Ok(settings)
    }
}

fn kinds(codes: &[String]) -> Result<Vec<Kind>, ControlError> {
    let kind = |code: &String| {
        let found = catalogue::ALL.iter().find(|kind| kind.code == code);
        found
            .copied()
            .ok_or_else(|| ControlError::bad(format!("no car has the signal {code}")))
    };
    codes.iter().map(kind).collect()
}

async fn set_webhook(
    State(simulator): State<Shared>,
    body: Bytes,
) -> Result<Json<Value>, ControlError> {
    let settings: WebhookSettings = read(&body)?;
    let settings = settings.read()?;
    let answer = json!({ "callbackUri": settings.callback.as_ref().map(Uri::to_string) });
    simulator.outbox.webhook.set(settings);
    Ok(Json(answer))
}

/// The owner takes the access to a car back: Smartcar sends no event of it.
async fn disconnect(
    State(simulator): State<Shared>,
    CarId(id): CarId,
) -> Result<StatusCode, ControlError> {
    match lock(&simulator.fleet).disconnect(|car, _| car.id == id) {
        0 => Err(no_such_vehicle()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

/// What the connection to a car lists as its permissions from now on.
async fn set_permissions(
    State(simulator): State<Shared>,
    CarId(id): CarId,
    body: Bytes,
) -> Result<StatusCode, ControlError> {
    let permissions: Vec<String> = read(&body)?;
    let mut fleet = lock(&simulator.fleet);
    let car = fleet.connected_mut(&id);
    let connection = car.and_then(|car| car.connection.as_mut());
    connection.ok_or_else(no_such_vehicle)?.permissions = Some(permissions);
    Ok(StatusCode::NO_CONTENT)
}

/// The id of a car in a path.
struct CarId(String);

impl FromRequestParts<Shared> for CarId {
    type Rejection = ControlError;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, ControlError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id)).map_err(|_| no_such_vehicle())
    }
}

fn no_such_vehicle() -> ControlError {
    ControlError::new(StatusCode::NOT_FOUND, "no such vehicle is connected")
}

async fn deliveries(State(simulator): State<Shared>) -> Json<Vec<Value>> {
    Json(simulator.outbox.list())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    vehicle_id: String,
    #[serde(default)]
    event_type: EventType,
    /// Send it as the first delivery after a subscription.
    #[serde(default)]
    first: bool,
    #[serde(default)]
    mode: Mode,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum EventType {
    #[default]
    VehicleState,
    VehicleError,
}

/// Sends one event now, through the same outbox as the cars' own.
async fn send(State(simulator): State<Shared>, body: Bytes) -> Result<Response, ControlError> {
    let order: Order = read(&body)?;
    if order.first && order.event_type != EventType::VehicleState {
        return Err(ControlError::bad("first is for VEHICLE_STATE only"));
    }
    let webhook = simulator.outbox.webhook.settings();
    if !webhook.is_enabled() {
        return Err(ControlError::new(
            StatusCode::CONFLICT,
            "no callback URI is set, or the webhook is disabled",
        ));
    }
    let layout = simulator.layout;
    let event = {
        let fleet = lock(&simulator.fleet);
        let car = fleet
            .car(&order.vehicle_id)
            .ok_or_else(|| ControlError::new(StatusCode::NOT_FOUND, "no such vehicle"))?;
        match order.event_type {
            EventType::VehicleError => Event::vehicle_error(car, layout, order.mode),
            EventType::VehicleState => {
                let trigger = if order.first {
                    Trigger::FirstDelivery
                } else {
                    Trigger::Signals(vec![catalogue::ODOMETER])
                };
                Event::vehicle_state(car, &trigger, &webhook.data, layout, order.mode)
            }
        }
    };
    let answer = json!({ "eventId": event.id });
    simulator.outbox.send(event);
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

async fn redeliver(
    State(simulator): State<Shared>,
    event_id: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Json<Value>, ControlError> {
    let unknown = || ControlError::new(StatusCode::NOT_FOUND, "no such event");
    let Path(event_id) = event_id.map_err(|_| unknown())?;
    let attempt = simulator.outbox.redeliver(&event_id).await;
    let attempt = attempt.ok_or_else(unknown)?;
    Ok(Json(
        json!({ "status": attempt.status, "error": attempt.error }),
    ))
}

async fn verify(State(simulator): State<Shared>) -> Json<Verification> {
    Json(simulator.outbox.webhook.verify().await)
}

async fn revoke(State(simulator): State<Shared>) -> Json<Value> {
    Json(json!({ "revoked": simulator.tokens.revoke_all() }))
}

async fn faults(State(simulator): State<Shared>) -> Json<Vec<Fault>> {
    Json(simulator.faults.list())
}

async fn set_faults(
    State(simulator): State<Shared>,
    body: Bytes,
) -> Result<Json<Vec<Fault>>, ControlError> {
    simulator
        .faults
        .replace(read(&body)?)
        .map_err(ControlError::bad)?;
    Ok(Json(simulator.faults.list()))
}

/// How many calls about each vehicle the plan allows from now on.
async fn set_plan(
    State(simulator): State<Shared>,
    body: Bytes,
) -> Result<StatusCode, ControlError> {
    let settings: plan::Settings = read(&body)?;
    simulator.plan.set(settings);
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a JSON body whatever its content type, so that a bare `curl -d` works.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(body).map_err(ControlError::bad)
}

/// A control call that makes no sense: `{"error": <why>}`.
struct ControlError {
    status: StatusCode,
    why: String,
}

impl ControlError {
    fn new(status: StatusCode, why: impl ToString) -> Self {
        Self {
            status,
            why: why.to_string(),
        }
    }

    fn bad(why: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.why }))).into_response()
    }
}
