//! On whose behalf a call about a vehicle is made.

use crate::{
    answer::problem,
    app::App,
    callers::Caller,
    database::{self, Store},
    inbound::Inbound,
    lookups::{self, NoOwner},
};
use edge::{
    Platform,
    respond::{Code, Problem},
};
use serde_json::json;
use smartcar::{ConnectionFilter, PageRequest, UserId, VehicleAttributes, VehicleId, VehicleMode};
use store::old::sqlite::Value;

const OWNER: &str = "SELECT user_id FROM vehicle WHERE id = ?";

/// What Smartcar's API says is as good as a delivery that has not come yet. Whose the
/// vehicle is, is decided by a delivery, and by a look-up (`?8`) that found one user;
/// any other word about a user counts as long as no owner is known.
const REMEMBER: &str = "INSERT INTO vehicle
        (id, user_id, make, model, year, powertrain_type, mode, delivered_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)
    ON CONFLICT (id) DO UPDATE SET
        user_id = iif(?8, excluded.user_id, coalesce(user_id, excluded.user_id)),
        make = coalesce(make, excluded.make),
        model = coalesce(model, excluded.model),
        year = coalesce(year, excluded.year),
        powertrain_type = coalesce(powertrain_type, excluded.powertrain_type),
        mode = coalesce(mode, excluded.mode)";

/// The user on whose behalf a request is made without a look at the vehicle's owner: the
/// one whom it names, else the only one whom the key is for. Refuses a caller whose key is
/// not for that user.
pub(crate) fn named(caller: &Caller, inbound: &Inbound) -> Result<Option<UserId>, Problem> {
    let user = inbound.user()?.or_else(|| caller.only_user());
    if let Some(user) = &user {
        caller.require_user(user)?;
    }
    Ok(user)
}

/// The user whom the caller names or whom alone the key is for, else the vehicle's owner.
/// Refuses a caller whose key is not for that user.
pub(crate) async fn behalf<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
    inbound: &Inbound,
) -> Result<UserId, Problem> {
    // For a user, Smartcar says whether the call may be made.
    if let Some(user) = named(caller, inbound)? {
        return Ok(user);
    }
    let user = match known(app, vehicle).await {
        Some(owner) => owner,
        None => ask(app, caller, vehicle).await?,
    };
    caller.require_user(&user)?;
    Ok(user)
}

/// The owner of a vehicle as stored. Where the store is down, Smartcar is there still.
async fn known<P: Platform, S: Store>(app: &App<P, S>, vehicle: &VehicleId) -> Option<UserId> {
    stored(app, vehicle).await.ok().flatten()
}

/// The owner of a vehicle as Smartcar says, which is then remembered.
pub(crate) async fn ask<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
) -> Result<UserId, Problem> {
    // Whoever the owner is, a key that is held to no user is not for them.
    if caller.users().is_some_and(<[String]>::is_empty) {
        caller.require_owner(None)?;
    }
    lookups::admit(app, caller, vehicle).await?;
    match look_up(app, vehicle).await? {
        Ok((owner, about)) => {
            remember(app, vehicle, Some(&owner), &about, true).await;
            Ok(owner)
        }
        Err(why) => {
            lookups::note(app, caller, vehicle, why).await;
            Err(why.into())
        }
    }
}

/// The one user who is connected to a vehicle, and what the vehicle is.
async fn look_up<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
) -> Result<Result<(UserId, VehicleAttributes), NoOwner>, Problem> {
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
        // Somebody else can stand on another page.
        let is_whole = page.is_last && page.unreadable.is_empty();
        if !is_whole || owned.any(|(other, _)| other != owner) {
            return Ok(Err(NoOwner::Several));
        }
        return Ok(Ok((owner.clone(), about.clone())));
    }
    Ok(Err(NoOwner::Nobody))
}

/// The owner of a vehicle, as far as it is stored.
pub(crate) async fn stored<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
) -> Result<Option<UserId>, Problem> {
    let row = database::first(app, OWNER, [Value::from(vehicle.as_str())]).await?;
    let named = row.as_ref().and_then(|row| row.text(0));
    Ok(named.and_then(|id| UserId::parse(id).ok()))
}

/// Remembers a vehicle of a user, who is its owner where no other one is known.
pub(crate) async fn remember_vehicle<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    user: &UserId,
    about: &VehicleAttributes,
) {
    remember(app, vehicle, Some(user), about, false).await;
}

/// Remembers what a vehicle is. On whose behalf it was read says nothing of its owner.
pub(crate) async fn remember_attributes<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    about: &VehicleAttributes,
) {
    remember(app, vehicle, None, about, false).await;
}

/// Where this fails, Smartcar is asked again.
async fn remember<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    user: Option<&UserId>,
    about: &VehicleAttributes,
    is_owner: bool,
) {
    let powertrain = about.powertrain_type.as_ref().map(|kind| kind.as_str());
    let mode = about.mode.as_ref().map(|mode| mode.as_str());
    let parameters = [
        Value::from(vehicle.as_str()),
        Value::from(user.map(UserId::as_str)),
        Value::from(about.make.as_deref()),
        Value::from(about.model.as_deref()),
        Value::from(about.year.map(i64::from)),
        Value::from(powertrain),
        Value::from(mode),
        Value::from(i64::from(is_owner)),
    ];
    // The failure is in the log.
    let _ = database::execute(app, REMEMBER, parameters).await;
}

/// Refuses a key that is held to users and not to the vehicle's owner.
pub(crate) async fn require<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
) -> Result<(), Problem> {
    if caller.is_for_all_users() {
        return Ok(());
    }
    let owner = match known(app, vehicle).await {
        Some(owner) => owner,
        None => ask(app, caller, vehicle).await?,
    };
    caller.require_user(&owner)
}

/// Refuses a user who is not connected to the vehicle, as Smartcar says. Nothing is
/// remembered: a vehicle of several users has one owner here, who may be another one.
pub(crate) async fn require_connection<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
    user: &UserId,
) -> Result<(), Problem> {
    lookups::admit_connection(app, caller, vehicle).await?;
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
    lookups::note_no_connection(app, caller, vehicle).await;
    let detail = "this user is not connected to this vehicle, as far as Smartcar says";
    Err(Problem::new(Code::VehicleNotFound, detail))
}

/// Where a user's connections have reported something. A look holds up no delivery, as
/// a DELETE that has to look would.
const REPORTED: &str = "SELECT json_group_array(vehicle_id) FROM (
    SELECT vehicle_id FROM signal WHERE ?1 IN (user_id, error_user_id)
    UNION SELECT vehicle_id FROM vehicle_error WHERE user_id = ?1
    UNION SELECT vehicle_id FROM action_signal JOIN action ON id = action_id
        WHERE coalesce(action_signal.user_id, action.user_id) = ?1)";

/// What the connections of the user `?2` have reported of the vehicles `?1`. A value and
/// an error of one signal can be of different users: the other's stays.
const FORGET_REPORTS: [&str; 5] = [
    "DELETE FROM signal WHERE vehicle_id IN (SELECT value FROM json_each(?1))
        AND ?2 IN (user_id, error_user_id)
        AND (body IS NULL OR user_id = ?2) AND (error IS NULL OR error_user_id = ?2)",
    "UPDATE signal SET error = NULL, error_at = NULL, error_user_id = NULL
        WHERE vehicle_id IN (SELECT value FROM json_each(?1)) AND error_user_id = ?2",
    "UPDATE signal SET body = NULL, observed_at = NULL, retrieved_at = NULL,
            delivered_at = NULL, rank = NULL, delivered_rank = NULL, delivered_body = NULL,
            user_id = error_user_id
        WHERE vehicle_id IN (SELECT value FROM json_each(?1)) AND user_id = ?2",
    "DELETE FROM vehicle_error
        WHERE vehicle_id IN (SELECT value FROM json_each(?1)) AND user_id = ?2",
    "DELETE FROM action_signal WHERE EXISTS (
        SELECT 1 FROM action WHERE id = action_id
            AND vehicle_id IN (SELECT value FROM json_each(?1))
            AND coalesce(action_signal.user_id, action.user_id) = ?2)",
];

/// The signals of a vehicle go with it.
const FORGET_VEHICLE: &str = "DELETE FROM vehicle
    WHERE id = ?1 AND (?2 IS NULL OR user_id IS NULL OR user_id = ?2)";

const FORGET_VEHICLES: &str = "DELETE FROM vehicle WHERE user_id = ?1";

/// Forgets what is known of a vehicle to which a user's access has ended. What is stored
/// of it for another user, its owner, stays. A failure is in the log.
pub(crate) async fn forget_vehicle<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    user: Option<&UserId>,
) {
    if let Some(user) = user {
        let vehicles = json!([vehicle.as_str()]).to_string();
        forget_reports(app, &vehicles, user).await;
    }
    let user = user.map(UserId::as_str);
    let parameters = [Value::from(vehicle.as_str()), Value::from(user)];
    let _ = database::execute(app, FORGET_VEHICLE, parameters).await;
}

/// Forgets what is known of all vehicles of a user, as [`forget_vehicle`] does of one.
pub(crate) async fn forget_user<P: Platform, S: Store>(app: &App<P, S>, user: &UserId) {
    let reported = database::first(app, REPORTED, [Value::from(user.as_str())]).await;
    let row = reported.ok().flatten();
    if let Some(vehicles) = row.as_ref().and_then(|row| row.text(0)) {
        forget_reports(app, vehicles, user).await;
    }
    let _ = database::execute(app, FORGET_VEHICLES, [Value::from(user.as_str())]).await;
}

async fn forget_reports<P: Platform, S: Store>(app: &App<P, S>, vehicles: &str, user: &UserId) {
    for statement in FORGET_REPORTS {
        let parameters = [Value::from(vehicles), Value::from(user.as_str())];
        let _ = database::execute(app, statement, parameters).await;
    }
}
