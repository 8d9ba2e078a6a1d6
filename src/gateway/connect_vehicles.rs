//! The vehicles of a user who came through Connect are taken in: whose they are is
//! remembered, and each is subscribed to the webhook.

use crate::{
    actions::{self, Begun, Ending, New, Outcome, Running},
    answer::problem,
    app::App,
    ending, owners,
};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, StatusCode};
use smartcar::{
    Answer, ConnectMode, Connection, ConnectionFilter, Error, PageRequest, Subscribed, UserId,
    VehicleId, WebhookId,
    endpoints::{self, Endpoint},
};
use std::collections::BTreeSet;

/// Who had a vehicle subscribed, as the record says it. No key has this name.
pub(crate) const CALLER: &str = "connect";

const SUBSCRIBE: &Endpoint = &endpoints::CREATE_SUBSCRIPTION;

/// The most that a page of connections has.
const PAGE: PageRequest = PageRequest::of_size(100);

/// Takes in every vehicle of the user, and tells how many there are. Where one
/// fails, the others are taken in all the same, and the reason is returned.
pub(crate) async fn take_in(app: &App, user: &UserId, mode: ConnectMode) -> Result<i64, String> {
    let filter = ConnectionFilter {
        user: Some(user.clone()),
        mode: Some(mode.of_vehicles()),
        ..ConnectionFilter::default()
    };
    let mut connections = app.client().all_connections(&filter, PAGE);
    let mut vehicles = BTreeSet::new();
    let mut failure = None;
    while let Some(connection) = connections.next().await {
        let taken = match connection {
            Ok(connection) => match vehicle_of(&connection, user) {
                Some(vehicle) if vehicles.insert(vehicle.clone()) => {
                    owners::remember_vehicle(vehicle, user, &connection.vehicle, None).await;
                    subscribe(app, user, vehicle).await
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

/// Checked here too: what is another user's stays theirs.
fn vehicle_of<'a>(connection: &'a Connection, user: &UserId) -> Option<&'a VehicleId> {
    let is_theirs = connection.user_id.as_ref().is_none_or(|of| of == user);
    connection.vehicle_id.as_ref().filter(|_| is_theirs)
}

/// Subscribes a vehicle to the webhook, if there is one, and keeps a record of it.
async fn subscribe(app: &App, user: &UserId, vehicle: &VehicleId) -> Result<(), String> {
    let Some(webhook) = &app.connect().webhook else {
        return Ok(());
    };
    let begun = actions::begin(New {
        caller: CALLER,
        is_auditor: false,
        kind: "create-subscription",
        path: SUBSCRIBE.path,
        vehicle: Some(vehicle),
        user: Some(user),
        key: None,
        fingerprint: fingerprint(webhook, user, vehicle),
        is_exclusive: false,
        insists: false,
        evidence: None,
    });
    let running = match begun.await.map_err(|problem| problem.detail)? {
        Begun::New(running) => running,
        // Only what has a key was done before.
        Begun::Before(_) => return Ok(()),
    };
    let client = app.client();
    let subscribed = client.create_subscription(webhook, user, vehicle).await;
    complete(&running, &subscribed).await;
    subscribed.map(drop).map_err(|error| error.to_string())
}

fn fingerprint(webhook: &WebhookId, user: &UserId, vehicle: &VehicleId) -> String {
    let ids = [webhook.as_str(), user.as_str(), vehicle.as_str()];
    actions::fingerprint(&ids.map(str::as_bytes))
}

/// A vehicle that was subscribed already is as good as one that is now.
async fn complete(running: &Running, subscribed: &Result<Answer<Subscribed>, Error>) {
    let (outcome, status, ending) = match subscribed {
        Ok(answer) => {
            let ending = Ending {
                request_id: answer.response.request_id().map(str::to_owned),
                ..Ending::default()
            };
            (Outcome::Succeeded, answer.response.status, ending)
        }
        Err(error) => {
            let judgement = ending::not_answered(error);
            let status = match error {
                Error::Api(api) => StatusCode::from_u16(api.status).ok(),
                _ => None,
            };
            let ending = Ending {
                error: judgement.error,
                request_id: judgement.request_id,
                ..Ending::default()
            };
            let status = status.unwrap_or_else(|| problem(error).status);
            (judgement.outcome, status, ending)
        }
    };
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    running
        .complete(outcome, status, &headers, &body, ending)
        .await;
}
