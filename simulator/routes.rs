//! Every path there is.

use crate::{
    access::require_token,
    applications, commands, compatibility, connect, connections, control,
    observe::observe,
    paths::{
        APPLICATION, APPLICATIONS, AUTHORIZE, CHARGE_SET_LIMIT, CHARGE_START, CHARGE_STOP,
        CLOSE_CHARGE_PORT, COMPATIBLE_VEHICLES, CONNECTION, CONNECTIONS, DAILY_SCHEDULES, LOCK,
        OPEN_CHARGE_PORT, REAUTHENTICATE, SCHEDULE, SECRETS, SET_DESTINATION, SIGNAL, SIGNALS,
        SUBSCRIPTION, SUBSCRIPTIONS, TOKEN, UNLOCK, USER, VEHICLE, WEBHOOK, WEBHOOKS,
        WEEKLY_SCHEDULES, WORKWEEK_SCHEDULES,
    },
    refusal::Refusal,
    schedules,
    state::Shared,
    subscriptions, token, users, vehicles, webhooks,
};
use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{delete, get, post},
};

pub(crate) fn router(simulator: Shared) -> Router {
    smartcar(&simulator)
        .nest("/_simulator", control::router())
        .with_state(simulator)
}

fn smartcar(simulator: &Shared) -> Router<Shared> {
    // Smartcar's list of errors has no 405: a path is a method and a path.
    let compatible_vehicles =
        get(compatibility::vehicles).fallback(async || Refusal::invalid_path());
    Router::new()
        .route(AUTHORIZE, get(connect::authorize))
        .route(REAUTHENTICATE, get(connect::reauthenticate))
        .route(TOKEN, post(token::issue))
        .merge(vehicle_api())
        .merge(management_api())
        .method_not_allowed_fallback(async || Refusal::invalid_path())
        .fallback(async || Refusal::invalid_path())
        .layer(from_fn_with_state(simulator.clone(), require_token))
        // Stands behind that layer, as the one call that takes no token.
        .route(COMPATIBLE_VEHICLES, compatible_vehicles)
        .layer(from_fn_with_state(simulator.clone(), observe))
}

fn vehicle_api() -> Router<Shared> {
    Router::new()
        .route(CONNECTIONS, get(connections::connections))
        .route(
            CONNECTION,
            get(connections::connection).delete(connections::remove),
        )
        .route(USER, delete(users::remove))
        .route(VEHICLE, get(vehicles::vehicle))
        .route(SIGNALS, get(vehicles::signals))
        .route(SIGNAL, get(vehicles::signal))
        .route(CHARGE_START, post(commands::start_charge))
        .route(CHARGE_STOP, post(commands::stop_charge))
        .route(CHARGE_SET_LIMIT, post(commands::set_limit))
        .route(LOCK, post(commands::lock_doors))
        .route(UNLOCK, post(commands::unlock_doors))
        .route(SET_DESTINATION, post(commands::set_destination))
        .route(OPEN_CHARGE_PORT, post(commands::open_charge_port))
        .route(CLOSE_CHARGE_PORT, post(commands::close_charge_port))
        .route(DAILY_SCHEDULES, post(schedules::daily))
        .route(WEEKLY_SCHEDULES, post(schedules::weekly))
        .route(WORKWEEK_SCHEDULES, post(schedules::workweek))
        .route(SCHEDULE, get(schedules::schedule).delete(schedules::remove))
}

fn management_api() -> Router<Shared> {
    Router::new()
        .route(WEBHOOKS, get(webhooks::webhooks))
        .route(WEBHOOK, get(webhooks::webhook))
        .route(
            SUBSCRIPTIONS,
            get(subscriptions::subscriptions).post(subscriptions::create),
        )
        .route(
            SUBSCRIPTION,
            get(subscriptions::subscription).delete(subscriptions::remove),
        )
        .route(APPLICATIONS, get(applications::applications))
        .route(APPLICATION, get(applications::application))
        .route(SECRETS, get(applications::secrets))
}
