//! What follows when the owner of a vehicle has authenticated again.

use super::{arrivals, incomplete, vehicles::CLOCKS};
use crate::{access::owners, app::App};
use edge::{
    Platform,
    log::{self, Event, Level},
    respond::Problem,
};
use smartcar::{ConnectState, VehicleId};
use store::Store;

/// Asks Smartcar whether the vehicle is connected to this application, and takes the errors
/// back that ask its owner to authenticate.
///
/// That the owner did is the browser's word. Where a server began, for a user whom it knows,
/// that is enough: Smartcar reports the error again if it was not true. Whoever came without
/// a key is believed only if Smartcar has renewed the connection since.
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
    let began = state.made_at().before(CLOCKS);
    let is_renewed = connections
        .iter()
        .filter_map(|connection| connection.updated_at.max(connection.created_at))
        .any(|at| at >= began);
    if state.from_server || is_renewed {
        let store = app.store();
        app.stored(store.end_reauthentication(vehicle, app.now()).await)?;
    }
    arrivals::complete(app, &state.nonce, 1).await?;
    line(Level::Info, "reauthenticated").write();
    Ok(())
}
