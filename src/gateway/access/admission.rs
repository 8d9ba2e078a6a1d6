//! Which vehicles and users a key is for: the one place that refuses a key that is
//! restricted to some of them. Scopes are another question ([`Caller::require`]).

use crate::{
    access::{callers::Caller, owners},
    app::App,
    request::Inbound,
};
use edge::{
    Platform,
    respond::{Code, Problem},
};
use smartcar::{
    UserId, VehicleId,
    endpoints::{About, Endpoint},
};
use store::Store;

/// Admits a key to read one of Smartcar's resources.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<(), Problem> {
    if caller.is_for_all() {
        return Ok(());
    }
    match endpoint.about {
        About::Vehicle => {
            let vehicle = inbound.vehicle()?;
            caller.require_vehicle(&vehicle)?;
            owners::require(app, caller, &vehicle).await
        }
        About::Filter => list(caller, endpoint, inbound),
        About::Nothing => Ok(()),
        About::User
        | About::Connection
        | About::Subscription
        | About::Subscriber
        | About::Account => Err(restricted(
            "this key is restricted to vehicles or users, and nothing says whose this is: list \
             with a filter instead",
        )),
    }
}

/// Admits a key to a list, which has to be filtered by the vehicles and users that the key
/// is restricted to.
fn list(caller: &Caller, endpoint: &Endpoint, inbound: &Inbound) -> Result<(), Problem> {
    // A parameter that another reader of the query could take for a filter decides nothing
    // here.
    let mut names = form_urlencoded::parse(inbound.query.as_bytes());
    let is_plain = !inbound.query.contains(';')
        && names.all(|(name, _)| endpoint.query.contains(&name.as_ref()));
    if !is_plain {
        return Err(restricted(
            "this key is restricted to vehicles or users: send only documented parameters",
        ));
    }
    // Smartcar takes these for filters too, and does not say which one wins.
    if inbound.parameter("filter[user.externalId]")?.is_some() {
        return Err(restricted(
            "this key is restricted to vehicles or users: filter[user.externalId] can name \
             another user",
        ));
    }
    if let Some(user) = inbound.user()? {
        caller.require_user(&user)?;
    }
    if !caller.is_for_all_vehicles() {
        let named = inbound.parameter("filter[vehicleId]")?;
        let Some(vehicle) = named.and_then(|id| VehicleId::parse(&id).ok()) else {
            let detail = "this key is restricted to vehicles: send filter[vehicleId]";
            return Err(restricted(detail));
        };
        caller.require_vehicle(&vehicle)?;
    }
    if !caller.is_for_all_users() {
        let named = inbound.parameter("filter[userId]")?;
        let Some(user) = named.and_then(|id| UserId::parse(&id).ok()) else {
            let detail = "this key is restricted to users: send filter[userId]";
            return Err(restricted(detail));
        };
        caller.require_user(&user)?;
    }
    Ok(())
}

/// Admits a key to change something of a vehicle and a user. Where the vehicle or the user
/// is not known, it can be anyone's.
pub(crate) fn change(
    caller: &Caller,
    vehicle: Option<&VehicleId>,
    user: Option<&UserId>,
) -> Result<(), Problem> {
    match vehicle {
        Some(vehicle) => caller.require_vehicle(vehicle)?,
        None if caller.is_for_all_vehicles() => {}
        None => return Err(restricted("this key is restricted to vehicles")),
    }
    caller.require_owner(user.map(UserId::as_str))
}

/// Admits a key to change a user with all their vehicles.
pub(crate) fn whole_user(caller: &Caller, user: &UserId) -> Result<(), Problem> {
    if !caller.is_for_all_vehicles() {
        return Err(restricted(
            "this key is restricted to certain vehicles, but the request covers all vehicles of a \
             user",
        ));
    }
    caller.require_user(user)
}

/// Admits a key to something, such as the audit, that covers all vehicles and users.
pub(crate) fn everything(caller: &Caller, what: &str) -> Result<(), Problem> {
    if caller.is_for_all() {
        return Ok(());
    }
    Err(restricted(&format!(
        "this key is restricted to vehicles or users, and {what} covers all of them"
    )))
}

fn restricted(detail: &str) -> Problem {
    Problem::new(Code::KeyRestricted, detail)
}
