//! On whose behalf a call about a vehicle is made.

use crate::{
    access::{callers::Caller, lookups},
    answer::problem,
    app::App,
    request::Inbound,
};
use edge::{Platform, respond::Problem};
use smartcar::{
    Connection, ConnectionFilter, Page, PageRequest, UserId, VehicleAttributes, VehicleId,
    VehicleMode,
};
use store::{Store, lookup::NoOwner};

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
    // Whoever the owner is, a key that is restricted to no user is not for them.
    if caller.users().is_some_and(<[String]>::is_empty) {
        caller.require_owner(None)?;
    }
    lookups::admit(app, caller, vehicle).await?;
    match look_up(app, vehicle).await? {
        Ok((owner, about)) => {
            remember(app, vehicle, &owner, &about, true).await;
            Ok(owner)
        }
        Err(why) => {
            lookups::note(app, caller, vehicle, why).await;
            Err(lookups::refusal(why))
        }
    }
}

/// Smartcar lists simulated vehicles only where they are asked for.
pub(crate) const MODES: [VehicleMode; 2] = [VehicleMode::Live, VehicleMode::Simulated];

/// The first page of a vehicle's connections of a mode, as Smartcar says; with a user,
/// those of that user.
async fn connections<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    user: Option<&UserId>,
    mode: VehicleMode,
) -> Result<Page<Connection>, Problem> {
    let filter = ConnectionFilter {
        user: user.cloned(),
        vehicle: Some(vehicle.clone()),
        mode: Some(mode),
        ..ConnectionFilter::default()
    };
    let client = app.client();
    let page = client.list_connections(&filter, PageRequest::default());
    Ok(page.await.map_err(|error| problem(&error))?.value)
}

/// The one user who is connected to a vehicle, and what the vehicle is.
async fn look_up<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
) -> Result<Result<(UserId, VehicleAttributes), NoOwner>, Problem> {
    for mode in MODES {
        let page = connections(app, vehicle, None, mode).await?;
        // What else is listed says nothing certain: others can own that too.
        let mut owned = page.items.iter().filter_map(|connection| {
            let is_it = connection.vehicle_id.as_ref() == Some(vehicle);
            let owner = connection.user_id.as_ref().filter(|_| is_it)?;
            Some((owner, &connection.vehicle))
        });
        let Some((owner, about)) = owned.next() else {
            continue;
        };
        // Someone else can stand on another page.
        let is_whole = page.is_last && page.unreadable.is_empty();
        if !is_whole || owned.any(|(other, _)| other != owner) {
            return Ok(Err(NoOwner::Several));
        }
        return Ok(Ok((owner.clone(), about.clone())));
    }
    Ok(Err(NoOwner::NotConnected))
}

/// The connections to a vehicle, as Smartcar lists them first: whose else they are does not
/// matter to the caller.
pub(crate) async fn connections_to<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
) -> Result<Vec<Connection>, Problem> {
    for mode in MODES {
        let mut connections = connections(app, vehicle, None, mode).await?.items;
        connections.retain(|connection| connection.vehicle_id.as_ref() == Some(vehicle));
        if !connections.is_empty() {
            return Ok(connections);
        }
    }
    Ok(Vec::new())
}

/// The owner of a vehicle, as far as it is stored.
pub(crate) async fn stored<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
) -> Result<Option<UserId>, Problem> {
    app.stored(app.store().owner(vehicle).await)
}

/// Remembers a vehicle of a user, who is its owner where no other one is known.
pub(crate) async fn remember_vehicle<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    user: &UserId,
    about: &VehicleAttributes,
) {
    remember(app, vehicle, user, about, false).await;
}

/// Where this fails, Smartcar is asked again.
async fn remember<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    user: &UserId,
    about: &VehicleAttributes,
    is_owner: bool,
) {
    let store = app.store();
    let remembered = store.remember_vehicle(vehicle, Some(user), is_owner, about);
    app.note(remembered.await);
}

/// Refuses a key that is restricted to users and not to the vehicle's owner.
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
    for mode in MODES {
        let page = connections(app, vehicle, Some(user), mode).await?;
        let is_connected = page.items.iter().any(|connection| {
            connection.vehicle_id.as_ref() == Some(vehicle)
                && connection.user_id.as_ref() == Some(user)
        });
        if is_connected {
            return Ok(());
        }
    }
    let why = NoOwner::OtherUser;
    lookups::note(app, caller, vehicle, why).await;
    Err(lookups::refusal(why))
}

/// Has a user who is connected to a vehicle be its owner, where the `former` one is or none is
/// known. Whether that is so now.
pub(crate) async fn replace_owner<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    former: Option<&UserId>,
    user: &UserId,
    about: &VehicleAttributes,
) -> bool {
    let Some(known) = app.note(app.store().owner(vehicle).await) else {
        return false;
    };
    if known.is_some() && known.as_ref() != former {
        return true;
    }
    let store = app.store();
    let replaced = store.remember_vehicle(vehicle, Some(user), true, about);
    app.note(replaced.await).is_some()
}

/// Forgets what is known of a vehicle to which a user's access has ended. What is stored
/// of it for another user, its owner, stays. Whether all of it is forgotten; a failure is in
/// the log.
pub(crate) async fn forget_vehicle<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    user: Option<&UserId>,
) -> bool {
    let store = app.store();
    let reports = match user {
        None => Some(()),
        Some(user) => {
            let vehicle = [vehicle.as_str().to_owned()];
            app.note(store.forget_reports(&vehicle, user).await)
        }
    };
    let vehicle = app.note(store.forget_vehicle(vehicle, user).await);
    reports.is_some() && vehicle.is_some()
}

/// Forgets what is known of all vehicles of a user, as [`forget_vehicle`] does of one.
pub(crate) async fn forget_user<P: Platform, S: Store>(app: &App<P, S>, user: &UserId) {
    let store = app.store();
    if let Some(vehicles) = app.note(store.reported_by(user).await) {
        app.note(store.forget_reports(&vehicles, user).await);
    }
    app.note(store.forget_vehicles_of(user).await);
}
