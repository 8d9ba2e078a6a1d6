//! On whose behalf a call about a vehicle is made.

use crate::{answer::problem, app::App, callers::Caller, inbound::Inbound, store};
use edge::{respond::Problem, sqlite::Value};
use http::StatusCode;
use serde_json::json;
use smartcar::{
    ConnectionFilter, PageRequest, Timestamp, UserId, VehicleAttributes, VehicleId, VehicleMode,
};

const OWNER: &str = "SELECT user_id FROM vehicle WHERE id = ?";

/// What Smartcar's API says is as good as a delivery that has not come yet.
const REMEMBER: &str = "INSERT INTO vehicle
        (id, user_id, make, model, year, powertrain_type, mode, delivered_at, listed_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)
    ON CONFLICT (id) DO UPDATE SET
        user_id = excluded.user_id,
        make = coalesce(make, excluded.make),
        model = coalesce(model, excluded.model),
        year = coalesce(year, excluded.year),
        powertrain_type = coalesce(powertrain_type, excluded.powertrain_type),
        mode = coalesce(mode, excluded.mode),
        listed_at = coalesce(excluded.listed_at, listed_at)";

/// The user whom the caller names, else the vehicle's owner. Refuses a caller
/// whose key is not for that user.
pub(crate) async fn behalf(
    app: &App,
    caller: &Caller,
    vehicle: &VehicleId,
    inbound: &Inbound,
) -> Result<UserId, Problem> {
    let user = match inbound.user()? {
        Some(user) => user,
        None => find(app, vehicle).await?,
    };
    caller.require_user(&user)?;
    Ok(user)
}

/// The owner of a vehicle: as stored, else as Smartcar says.
pub(crate) async fn find(app: &App, vehicle: &VehicleId) -> Result<UserId, Problem> {
    match stored(vehicle).await? {
        Some(owner) => Ok(owner),
        None => ask(app, vehicle).await,
    }
}

/// The owner of a vehicle as Smartcar says, which is then remembered.
pub(crate) async fn ask(app: &App, vehicle: &VehicleId) -> Result<UserId, Problem> {
    // Smartcar lists simulated vehicles only where they are asked for.
    for mode in [VehicleMode::Live, VehicleMode::Simulated] {
        let filter = ConnectionFilter {
            vehicle: Some(vehicle.clone()),
            mode: Some(mode),
            ..ConnectionFilter::default()
        };
        let client = app.client();
        let page = client.list_connections(&filter, PageRequest::default());
        let page = page.await.map_err(|error| problem(&error))?.value;
        // What else is listed says nothing certain: others can own that too.
        let mut owned = page.items.iter().filter_map(|connection| {
            let is_it = connection.vehicle_id.as_ref() == Some(vehicle);
            let owner = connection.user_id.as_ref().filter(|_| is_it)?;
            Some((owner, &connection.vehicle))
        });
        let Some((owner, about)) = owned.next() else {
            continue;
        };
        if owned.any(|(other, _)| other != owner) {
            let detail = "send the header sc-user-id: several users are connected to this vehicle";
            let status = StatusCode::BAD_REQUEST;
            return Err(Problem::new(status, "MISSING_USER_ID", detail));
        }
        remember_vehicle(vehicle, owner, about, None).await;
        return Ok(owner.clone());
    }
    let detail = "nobody is connected to this vehicle, as far as Smartcar says";
    Err(Problem::new(
        StatusCode::NOT_FOUND,
        "VEHICLE_NOT_FOUND",
        detail,
    ))
}

/// The owner of a vehicle, as far as it is stored.
pub(crate) async fn stored(vehicle: &VehicleId) -> Result<Option<UserId>, Problem> {
    let row = store::first(OWNER, [Value::from(vehicle.as_str())]).await?;
    let named = row.as_ref().and_then(|row| row.text(0));
    Ok(named.and_then(|id| UserId::parse(id).ok()))
}

/// Remembers whose vehicle it is, what it is, and when all of its signals were
/// listed. Where that fails, Smartcar is asked again.
pub(crate) async fn remember_vehicle(
    vehicle: &VehicleId,
    user: &UserId,
    about: &VehicleAttributes,
    listed_at: Option<Timestamp>,
) {
    let powertrain = about.powertrain_type.as_ref().map(|kind| kind.as_str());
    let mode = about.mode.as_ref().map(|mode| mode.as_str());
    let parameters = [
        Value::from(vehicle.as_str()),
        Value::from(user.as_str()),
        Value::from(about.make.as_deref()),
        Value::from(about.model.as_deref()),
        Value::from(about.year.map(i64::from)),
        Value::from(powertrain),
        Value::from(mode),
        Value::from(listed_at.map(|at| at.0)),
    ];
    // The failure is in the log.
    let _ = store::execute(REMEMBER, parameters).await;
}

/// Refuses a key that is held to users and not to the vehicle's owner.
pub(crate) async fn require(
    app: &App,
    caller: &Caller,
    vehicle: &VehicleId,
) -> Result<(), Problem> {
    if caller.is_for_all_users() {
        return Ok(());
    }
    caller.require_user(&find(app, vehicle).await?)
}

/// Refuses a user who is not connected to the vehicle, as Smartcar says. Nothing is
/// remembered: a vehicle of several users has one owner here, who may be another one.
pub(crate) async fn require_connection(
    app: &App,
    vehicle: &VehicleId,
    user: &UserId,
) -> Result<(), Problem> {
    for mode in [VehicleMode::Live, VehicleMode::Simulated] {
        let filter = ConnectionFilter {
            user: Some(user.clone()),
            vehicle: Some(vehicle.clone()),
            mode: Some(mode),
            ..ConnectionFilter::default()
        };
        let client = app.client();
        let page = client.list_connections(&filter, PageRequest::default());
        let page = page.await.map_err(|error| problem(&error))?.value;
        let is_connected = page.items.iter().any(|connection| {
            connection.vehicle_id.as_ref() == Some(vehicle)
                && connection.user_id.as_ref() == Some(user)
        });
        if is_connected {
            return Ok(());
        }
    }
    let detail = "this user is not connected to this vehicle, as far as Smartcar says";
    let status = StatusCode::NOT_FOUND;
    Err(Problem::new(status, "VEHICLE_NOT_FOUND", detail))
}

/// Where a user's connections have reported signals. A look holds up no delivery, as
/// a DELETE that has to look would.
const REPORTED: &str = "SELECT json_group_array(DISTINCT vehicle_id) FROM signal
    WHERE user_id = ?1";

const FORGET_SIGNALS: &str = "DELETE FROM signal
    WHERE vehicle_id IN (SELECT value FROM json_each(?1)) AND user_id = ?2";

/// The signals of a vehicle go with it.
const FORGET_VEHICLES: &str = "DELETE FROM vehicle WHERE (?1 IS NULL OR id = ?1)
    AND (?2 IS NULL OR user_id IS NULL AND id = ?1 OR user_id = ?2)";

/// Forgets what is known of a user's vehicle, or of all vehicles of a user, to which
/// access has ended. What is stored of the vehicle for another user, its owner, stays.
/// A failure is in the log.
pub(crate) async fn forget(vehicle: Option<&VehicleId>, user: Option<&UserId>) {
    if vehicle.is_none() && user.is_none() {
        return;
    }
    let vehicle = vehicle.map(VehicleId::as_str);
    let user = user.map(UserId::as_str);
    if let Some(user) = user {
        let vehicles = match vehicle {
            Some(vehicle) => Some(json!([vehicle]).to_string()),
            None => {
                let reported = store::first(REPORTED, [Value::from(user)]).await;
                let row = reported.ok().flatten();
                row.and_then(|row| row.text(0).map(str::to_owned))
            }
        };
        let parameters = [Value::from(vehicles.as_deref()), Value::from(user)];
        let _ = store::execute(FORGET_SIGNALS, parameters).await;
    }
    let parameters = [Value::from(vehicle), Value::from(user)];
    let _ = store::execute(FORGET_VEHICLES, parameters).await;
}
