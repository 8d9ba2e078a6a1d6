//! What follows when the owner of a vehicle has authenticated again.

use super::{arrivals, incomplete, vehicles::CLOCKS};
use crate::{access::owners, app::App};
use edge::{
    Platform,
    log::{self, Event, Level},
    respond::Problem,
};
use smartcar::{ConnectState, Connection, UserId, VehicleId};
use store::Store;

/// Asks Smartcar whether the vehicle is connected to this application, and takes the errors
/// back that ask its owner to authenticate. Whether that was done: what was not can be tried
/// again.
///
/// That the owner did is the browser's word. Where a server began, for a user whom it knows,
/// that is enough: Smartcar reports the error again if it was not true. Whoever came without
/// a key is believed only if Smartcar has renewed a connection since, and for the errors that
/// this user's connection reported.
pub(super) async fn complete<P: Platform, S: Store>(
    app: &App<P, S>,
    state: &ConnectState,
    vehicle: &VehicleId,
) -> Result<(), Problem> {
    let line = |level, outcome| {
        log::line(app.platform(), level, Event::Connect)
            .with("outcome", outcome)
            .with("vehicle_id", vehicle.as_str())
    };
    let left_half_done = |reason: String, detail: &str| {
        line(Level::Warn, "incomplete")
            .with("reason", reason)
            .write();
        incomplete(detail)
    };
    let connections = owners::connections_to(app, vehicle).await;
    let connections = connections.map_err(|problem| {
        left_half_done(
            problem.detail,
            "Smartcar did not list the vehicle's connections.",
        )
    })?;
    if connections.is_empty() {
        let reason = "Smartcar lists no connection to the vehicle";
        return Err(left_half_done(
            reason.to_owned(),
            "Smartcar lists no connection to the vehicle yet.",
        ));
    }
    let believed: Vec<&Connection> = connections
        .iter()
        .filter(|connection| is_believed(state, connection))
        .collect();
    if believed.is_empty() {
        // The owner has done their part, and Smartcar says by a delivery that it has ended.
        line(Level::Warn, "unconfirmed").write();
        return Ok(());
    }
    let users = believed.iter().filter_map(|of| of.user_id.as_ref());
    let users: Vec<&str> = users.map(UserId::as_str).collect();
    let store = app.store();
    for error in app.stored(store.open_errors(vehicle).await)? {
        let user = error.user_id.as_deref();
        let is_theirs = user.is_none_or(|user| users.contains(&user));
        if is_theirs && error.needs_reauthentication() {
            app.stored(store.end_error(vehicle, &error).await)?;
        }
    }
    arrivals::complete(app, &state.nonce, 1).await?;
    line(Level::Info, "reauthenticated").write();
    Ok(())
}

/// Whether the owner of a connection can be who came back with this state.
fn is_believed(state: &ConnectState, connection: &Connection) -> bool {
    let began = state.made_at().before(CLOCKS);
    let newest = connection.updated_at.max(connection.created_at);
    let is_renewed = newest.is_some_and(|at| at >= began);
    let is_named = match (&state.external_id, &connection.external_id) {
        (Some(id), Some(of)) => id == of,
        _ => true,
    };
    is_named && (state.from_server || is_renewed)
}
