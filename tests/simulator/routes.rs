//! Every path there is.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::access::require_token;
use crate::commands;
use crate::connections;
use crate::control;
use crate::observe::observe;
use crate::refusal::Refusal;
use crate::state::Shared;
use crate::token;
use crate::vehicles;

const TOKEN: &str = "/oauth2/token";
const CONNECTIONS: &str = "/v3/connections";
const CONNECTION: &str = "/v3/connections/{connectionId}";
const VEHICLE: &str = "/v3/vehicles/{vehicleId}";
const SIGNALS: &str = "/v3/vehicles/{vehicleId}/signals";
const SIGNAL: &str = "/v3/vehicles/{vehicleId}/signals/{signalCode}";
const CHARGE_START: &str = "/v3/vehicles/{vehicleId}/commands/charge/start";
const CHARGE_STOP: &str = "/v3/vehicles/{vehicleId}/commands/charge/stop";
const CHARGE_SET_LIMIT: &str = "/v3/vehicles/{vehicleId}/commands/charge/set-limit";
const LOCK: &str = "/v3/vehicles/{vehicleId}/commands/security/lock";
const UNLOCK: &str = "/v3/vehicles/{vehicleId}/commands/security/unlock";
const SET_DESTINATION: &str = "/v3/vehicles/{vehicleId}/commands/navigation/set-destination";

/// The routes of Smartcar's side, by which requests are counted and faults set.
pub(crate) const TEMPLATES: [&str; 12] = [
    TOKEN,
    CONNECTIONS,
    CONNECTION,
    VEHICLE,
    SIGNALS,
    SIGNAL,
    CHARGE_START,
    CHARGE_STOP,
    CHARGE_SET_LIMIT,
    LOCK,
    UNLOCK,
    SET_DESTINATION,
];

pub(crate) fn router(simulator: Shared) -> Router {
    smartcar(&simulator)
        .nest("/_simulator", control::router())
        .with_state(simulator)
}

fn smartcar(simulator: &Shared) -> Router<Shared> {
    Router::new()
        .route(TOKEN, post(token::issue))
        .route(CONNECTIONS, get(connections::connections))
        .route(CONNECTION, get(connections::connection))
        .route(VEHICLE, get(vehicles::vehicle))
        .route(SIGNALS, get(vehicles::signals))
        .route(SIGNAL, get(vehicles::signal))
        .route(CHARGE_START, post(commands::start_charge))
        .route(CHARGE_STOP, post(commands::stop_charge))
        .route(CHARGE_SET_LIMIT, post(commands::set_limit))
        .route(LOCK, post(commands::lock_doors))
        .route(UNLOCK, post(commands::unlock_doors))
        .route(SET_DESTINATION, post(commands::set_destination))
        // Smartcar's list of errors has no 405: a path is a method and a path.
        .method_not_allowed_fallback(async || Refusal::invalid_path())
        .fallback(async || Refusal::invalid_path())
        .layer(from_fn_with_state(simulator.clone(), require_token))
        .layer(from_fn_with_state(simulator.clone(), observe))
}
