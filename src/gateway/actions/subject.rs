//! The vehicle and the user that an action is about.

use crate::{
    access::{admission, callers::Caller, owners},
    answer::problem,
    app::App,
    request::{Inbound, invalid},
};
use edge::{Platform, respond::Problem};
use serde::Deserialize;
use smartcar::{
    ConnectionId, Error, InvalidId, SubscriptionId, UserId, VehicleId,
    endpoints::{About, Endpoint},
};
use store::Store;

/// The vehicle and the user that an action is about, as far as they are known.
#[derive(Clone, Default)]
pub(crate) struct Subject {
    pub(crate) vehicle: Option<VehicleId>,
    pub(crate) user: Option<UserId>,
    /// The connection to be removed is gone already, and a newer one of the vehicle has
    /// reported since.
    pub(crate) is_outlived: bool,
}

impl Subject {
    /// The subject that the request itself names, or else its key. Refuses a key that is
    /// not for them.
    pub(crate) fn named(
        caller: &Caller,
        endpoint: &'static Endpoint,
        inbound: &Inbound,
    ) -> Result<Self, Problem> {
        match endpoint.about {
            About::Vehicle => {
                let vehicle = inbound.vehicle()?;
                caller.require_vehicle(&vehicle)?;
                Ok(Self::new(Some(vehicle), owners::named(caller, inbound)?))
            }
            About::User => {
                let user = UserId::from_caller(inbound.parts.get("userId")).map_err(bad_id)?;
                admission::whole_user(caller, &user)?;
                Ok(Self::new(None, Some(user)))
            }
            About::Subscriber => {
                let subject = subscriber(&inbound.body)?;
                subject.admit(caller)?;
                Ok(subject)
            }
            // Smartcar is asked for these when the action is claimed.
            About::Connection
            | About::Subscription
            | About::Filter
            | About::Account
            | About::Nothing => Ok(Self::default()),
        }
    }

    /// The subject of a connection or a subscription, which is looked at before it is
    /// removed: the record says whose it was, and a key that is restricted to others may
    /// not remove it. If Smartcar does not show it, Smartcar will not remove it either, and
    /// says so itself; of a connection that was removed before, the record still says whose
    /// it was. None where the action is about something else.
    pub(crate) async fn looked_up<P: Platform, S: Store>(
        app: &App<P, S>,
        caller: &Caller,
        endpoint: &'static Endpoint,
        inbound: &Inbound,
    ) -> Result<Option<Self>, Problem> {
        let client = app.client();
        let found = match endpoint.about {
            About::Connection => {
                let id = ConnectionId::parse(inbound.parts.get("connectionId")).map_err(bad_id)?;
                let found = client.get_connection(&id).await;
                found.map(|found| Self::new(found.value.vehicle_id, found.value.user_id))
            }
            About::Subscription => {
                let id = inbound.parts.get("subscriptionId");
                let id = SubscriptionId::parse(id).map_err(bad_id)?;
                let found = client.get_subscription(&id).await;
                found.map(|found| Self::new(found.value.vehicle_id, found.value.user_id))
            }
            About::Vehicle
            | About::User
            | About::Subscriber
            | About::Filter
            | About::Account
            | About::Nothing => return Ok(None),
        };
        let is_connection = endpoint.about == About::Connection;
        let subject = match found {
            Ok(subject) => subject,
            Err(Error::Api(error)) if is_connection && is_gone(error.status) => {
                removed_before(app, endpoint, inbound).await?
            }
            Err(Error::Api(error)) if error.status == 403 || is_gone(error.status) => {
                Self::default()
            }
            Err(error) => return Err(problem(&error)),
        };
        subject.admit(caller)?;
        Ok(Some(subject))
    }

    fn new(vehicle: Option<VehicleId>, user: Option<UserId>) -> Self {
        Self {
            vehicle,
            user,
            is_outlived: false,
        }
    }

    fn admit(&self, caller: &Caller) -> Result<(), Problem> {
        admission::change(caller, self.vehicle.as_ref(), self.user.as_ref())
    }
}

/// Whether Smartcar says that there is no such thing, or no longer.
pub(crate) fn is_gone(status: u16) -> bool {
    matches!(status, 404 | 410)
}

/// The subject of a connection that this gateway has removed before.
async fn removed_before<P: Platform, S: Store>(
    app: &App<P, S>,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Subject, Problem> {
    let path = inbound.call(endpoint, None)?.path().to_owned();
    let known = app.stored(app.store().removal(&path).await)?;
    let removal = known.unwrap_or_default();
    Ok(Subject {
        vehicle: removal.vehicle,
        user: removal.user,
        is_outlived: removal.is_outlived,
    })
}

fn bad_id(error: InvalidId) -> Problem {
    invalid(error.to_string())
}

#[derive(Deserialize)]
struct Subscription {
    data: SubscriptionData,
}

#[derive(Deserialize)]
struct SubscriptionData {
    attributes: Subscriber,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscriber {
    vehicle_id: String,
    user_id: String,
}

/// The vehicle and the user that the body of a new subscription names.
fn subscriber(body: &[u8]) -> Result<Subject, Problem> {
    let read: Subscription = serde_json::from_slice(body).map_err(|_| {
        invalid("the body must have data.attributes with webhookId, userId and vehicleId")
    })?;
    let Subscriber {
        vehicle_id,
        user_id,
    } = read.data.attributes;
    Ok(Subject::new(
        Some(VehicleId::from_caller(&vehicle_id).map_err(bad_id)?),
        Some(UserId::from_caller(&user_id).map_err(bad_id)?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscription_names_its_vehicle_and_its_user() {
        let body =
            br#"{"data":{"attributes":{"webhookId":"w","userId":"u-1","vehicleId":"v-1","x":1}}}"#;
        let subject = subscriber(body).unwrap();
        assert_eq!(subject.vehicle, VehicleId::parse("v-1").ok());
        assert_eq!(subject.user, UserId::parse("u-1").ok());
        for bad in [
            "{}",
            r#"{"data":{"attributes":{"userId":"u","vehicleId":"a/b"}}}"#,
        ] {
            assert!(subscriber(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
