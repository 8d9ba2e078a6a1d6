//! The vehicles of a user who came through Connect are taken in: whose they are is
//! remembered, and each is subscribed to the webhook.

use crate::{
    access::{callers::CONNECT, owners},
    actions::{
        idempotency,
        outcome::{self, Judgement},
        record::{self, Claim, Kept, New, Running},
        reply,
    },
    answer::problem,
    app::App,
};
use edge::Platform;
use futures::StreamExt;
use http::StatusCode;
use smartcar::{
    ApiResponse, ConnectState, Connection, ConnectionFilter, Error, PageRequest, Subscribed,
    Timestamp, UserId, VehicleId, WebhookId,
    endpoints::{self, Endpoint},
};
use std::{collections::BTreeSet, time::Duration};
use store::{Store, action::Outcome};

const SUBSCRIBE: &Endpoint = &endpoints::CREATE_SUBSCRIPTION;

/// The most that a page of connections has.
const PAGE: PageRequest = PageRequest::of_size(100);

/// How far Smartcar's clock may be behind this host's.
pub(super) const CLOCKS: Duration = Duration::from_secs(5 * 60);

/// For how long a subscription that was made is not asked for again.
const SUBSCRIBED: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes in every vehicle that the user connected by this way through Connect, and
/// returns how many there are. Where one fails, the others are taken in all the
/// same, and the reason is returned.
pub(crate) async fn take_in<P: Platform, S: Store>(
    app: &App<P, S>,
    user: &UserId,
    state: &ConnectState,
) -> Result<i64, String> {
    let filter = ConnectionFilter {
        user: Some(user.clone()),
        mode: Some(state.mode.of_vehicles()),
        external_user: state.external_id.clone(),
        ..ConnectionFilter::default()
    };
    let mut connections = app.client().all_connections(&filter, PAGE);
    let mut vehicles = BTreeSet::new();
    let mut failure = None;
    while let Some(connection) = connections.next().await {
        let taken = match connection {
            Ok(connection) => match vehicle_of(&connection, user, state) {
                Some(vehicle) if vehicles.insert(vehicle.clone()) => {
                    owners::remember_vehicle(app, vehicle, user, &connection.vehicle).await;
                    subscribe(app, user, vehicle, connection.created_at).await
                }
                _ => Ok(()),
            },
            Err(error) => Err(error.to_string()),
        };
        failure = failure.or(taken.err());
    }
    match failure {
        Some(reason) => Err(reason),
        None => Ok(i64::try_from(vehicles.len()).unwrap_or(i64::MAX)),
    }
}

/// The vehicle of a connection, where it is the user's and Smartcar shows that it
/// was connected this way: the browser, which named the user, shows nothing.
fn vehicle_of<'a>(
    connection: &'a Connection,
    user: &UserId,
    state: &ConnectState,
) -> Option<&'a VehicleId> {
    let is_theirs = connection.user_id.as_ref().is_none_or(|of| of == user);
    let newest = connection.updated_at.max(connection.created_at);
    let came_this_way = came_this_way(state, connection.external_id.as_deref(), newest);
    let vehicle = connection.vehicle_id.as_ref();
    vehicle.filter(|_| is_theirs && came_this_way)
}

/// Whether a connection was made by the way through Connect that `state` began.
///
/// The server that began named its user, and Smartcar, which heard that name in
/// Connect, has listed the connection by it; where it shows the name too, it has to
/// be the same. Without a name, the time of the connection decides: few come
/// through Connect within the hour of a state, and no one who did so before is
/// mistaken for one of them. Smartcar documents both times, so a connection that
/// has neither is refused.
fn came_this_way(
    state: &ConnectState,
    external_id: Option<&str>,
    connected_at: Option<Timestamp>,
) -> bool {
    match &state.external_id {
        Some(id) => external_id.is_none_or(|of| of == id),
        None => connected_at.is_some_and(|at| at >= state.made_at().before(CLOCKS)),
    }
}

/// Subscribes a vehicle to the webhook, if there is one, and keeps a record of it.
async fn subscribe<P: Platform, S: Store>(
    app: &App<P, S>,
    user: &UserId,
    vehicle: &VehicleId,
    connected_at: Option<Timestamp>,
) -> Result<(), String> {
    let Some(webhook) = &app.connect().webhook else {
        return Ok(());
    };
    let fingerprint = fingerprint(webhook, user, vehicle);
    if is_subscribed(app, vehicle, &fingerprint, connected_at).await? {
        return Ok(());
    }
    let new = New {
        vehicle: Some(vehicle),
        user: Some(user),
        ..New::plain(CONNECT, SUBSCRIBE.name, SUBSCRIBE.path, &fingerprint)
    };
    let running = match record::claim(app, new)
        .await
        .map_err(|problem| problem.detail)?
    {
        Claim::Begun(running) => running,
        Claim::Contended => return Err(reply::contended().detail),
        // Only what has a key was done before, and only commands hold a vehicle.
        Claim::Before(_) | Claim::Held(_) => return Ok(()),
    };
    let client = app.client();
    let subscribed = client.create_subscription(webhook, user, vehicle).await;
    complete(app, &running, &subscribed).await;
    subscribed.map(drop).map_err(|error| error.to_string())
}

/// Whether that was done within the day, since the vehicle was connected.
async fn is_subscribed<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    fingerprint: &str,
    connected_at: Option<Timestamp>,
) -> Result<bool, String> {
    let since = app.now().before(SUBSCRIBED);
    let since = connected_at.map_or(since, |at| at.max(since));
    let is_subscribed = app.store().is_subscribed(vehicle, fingerprint, since).await;
    app.stored(is_subscribed).map_err(|problem| problem.detail)
}

fn fingerprint(webhook: &WebhookId, user: &UserId, vehicle: &VehicleId) -> String {
    let ids = [webhook.as_str(), user.as_str(), vehicle.as_str()];
    idempotency::fingerprint(&ids.map(str::as_bytes))
}

/// A vehicle that was subscribed already is as good as one that is now.
async fn complete<P: Platform, S: Store>(
    app: &App<P, S>,
    running: &Running,
    subscribed: &Result<ApiResponse<Subscribed>, Error>,
) {
    let (judgement, status) = match subscribed {
        Ok(answer) => {
            let judgement = Judgement {
                request_id: answer.response.request_id().map(str::to_owned),
                ..Judgement::of(Outcome::Succeeded)
            };
            (judgement, answer.response.status)
        }
        Err(error) => {
            let status = match error {
                Error::Api(api) => StatusCode::from_u16(api.status).ok(),
                _ => None,
            };
            let judgement = Judgement {
                execution_id: None,
                is_void: false,
                is_open: false,
                ..outcome::not_answered(error)
            };
            (judgement, status.unwrap_or_else(|| problem(error).status))
        }
    };
    let kept = Kept::status(status);
    running.complete(app, &judgement, None, None, &kept).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartcar::ConnectMode;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn state(external_id: Option<&str>) -> ConnectState {
        let mut state = ConnectState::new(NOW, ConnectMode::Live).unwrap();
        state.external_id = external_id.map(str::to_owned);
        state
    }

    #[test]
    fn connection_without_an_external_id_is_as_new_as_the_state() {
        let state = state(None);
        let came = |at| came_this_way(&state, Some("e-1"), at);
        assert!(came(Some(NOW)));
        assert!(came(Some(NOW.after(Duration::from_secs(60)))));
        assert!(came(Some(NOW.before(Duration::from_secs(5 * 60)))));
        assert!(!came(Some(NOW.before(Duration::from_secs(5 * 60 + 1)))));
        assert!(!came(None));
    }

    #[test]
    fn connection_under_an_external_id_shows_no_other() {
        let state = state(Some("e-1"));
        for at in [None, Some(Timestamp(0))] {
            assert!(came_this_way(&state, Some("e-1"), at));
            // Smartcar has filtered by it.
            assert!(came_this_way(&state, None, at));
            assert!(!came_this_way(&state, Some("e-2"), at));
            assert!(!came_this_way(&state, Some("E-1"), at));
        }
    }
}
