//! `GET` and `POST /v3/subscriptions`, `GET` and `DELETE
//! /v3/subscriptions/{subscriptionId}`: which car is subscribed to the webhook.
//! <https://smartcar.com/docs/api-reference/list-subscriptions>,
//! <https://smartcar.com/docs/api-reference/create-subscription>
//!
//! They are bookkeeping only: every car is delivered whether it is subscribed or
//! not, and a new subscription causes no first delivery. Smartcar may take a
//! moment to list a new one; here it is there at once.

use crate::{
    access::path_parameter,
    attributes::attribute,
    car::{Car, Subscription},
    clock::Millis,
    fleet::WEBHOOK,
    lock::lock,
    page::{Page, Query},
    refusal::Refusal,
    state::{Shared, Simulator},
};
use axum::{
    Json,
    extract::{FromRequestParts, State},
};
use bytes::Bytes;
use http::{StatusCode, Uri, request::Parts};
use serde_json::{Value, json};
use uuid::Uuid;

const PAGE_SIZE: usize = 25;

pub(crate) struct SubscriptionId(String);

impl FromRequestParts<Shared> for SubscriptionId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        path_parameter(parts, state, "subscriptionId")
            .await
            .map(Self)
    }
}

pub(crate) async fn subscription(
    State(simulator): State<Shared>,
    SubscriptionId(id): SubscriptionId,
) -> Result<Json<Value>, Refusal> {
    let fleet = lock(&simulator.fleet);
    let (car, subscription) = fleet
        .subscriptions()
        .find(|(_, subscription)| subscription.id == id)
        .ok_or_else(Refusal::invalid_path)?;
    Ok(Json(
        json!({ "data": resource(&simulator, car, subscription) }),
    ))
}

pub(crate) async fn remove(
    State(simulator): State<Shared>,
    SubscriptionId(id): SubscriptionId,
) -> Result<StatusCode, Refusal> {
    if lock(&simulator.fleet).unsubscribe(&id) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::invalid_path())
    }
}

/// Subscribes a car. The answer does not tell the id of the subscription: it has
/// to be looked for in the list.
pub(crate) async fn create(
    State(simulator): State<Shared>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let webhook = id(&body, "webhookId")?;
    let user = id(&body, "userId")?;
    let vehicle = id(&body, "vehicleId")?;
    if webhook != WEBHOOK {
        return Err(Refusal::webhook_not_found(&webhook));
    }
    let mut fleet = lock(&simulator.fleet);
    if !fleet.connections().any(|(car, _)| car.owner == user) {
        return Err(Refusal::user_not_found(&user));
    }
    let connection = fleet
        .connected_mut(&vehicle)
        .filter(|car| car.owner == user)
        .and_then(|car| car.connection.as_mut())
        .ok_or_else(|| Refusal::vehicle_not_found(&vehicle))?;
    if connection.subscription.is_some() {
        return Err(Refusal::already_subscribed(&vehicle));
    }
    connection.subscription = Some(Subscription {
        id: Uuid::new_v4().to_string(),
        created_at: Millis::now(),
    });
    let answer = json!({ "meta": { "message": "subscription creation in progress" } });
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

fn id(body: &[u8], name: &str) -> Result<String, Refusal> {
    match attribute(body, name) {
        Some(Value::String(id)) => Ok(id),
        _ => Err(Refusal::invalid_input(format!(
            "data.attributes.{name} must be a text"
        ))),
    }
}

pub(crate) async fn subscriptions(
    State(simulator): State<Shared>,
    uri: Uri,
) -> Result<Json<Value>, Refusal> {
    let query = Query::of(&uri);
    let page = Page::read(&query, PAGE_SIZE)?;
    let filter = Filter::read(&query);
    let fleet = lock(&simulator.fleet);
    let mut found: Vec<(&Car, &Subscription)> = fleet
        .subscriptions()
        .filter(|(car, _)| filter.admits(car))
        .collect();
    found.sort_by_key(|(_, subscription)| std::cmp::Reverse(subscription.created_at));
    let items = found
        .into_iter()
        .map(|(car, subscription)| resource(&simulator, car, subscription))
        .collect();
    let url = format!("{}/v3/subscriptions", simulator.origin);
    Ok(Json(page.answer(items, &url, &filter.pairs())))
}

/// Which subscriptions a list request asks for.
struct Filter {
    user: Option<String>,
    webhook: Option<String>,
    vehicle: Option<String>,
    mode: Option<String>,
}

impl Filter {
    fn read(query: &Query) -> Self {
        Self {
            user: query.text("filter[userId]"),
            webhook: query.text("filter[webhookId]"),
            vehicle: query.text("filter[vehicleId]"),
            mode: query.text("filter[vehicle.mode]"),
        }
    }

    /// Every car is live, and there is one webhook.
    fn admits(&self, car: &Car) -> bool {
        let admits = |filter: &Option<String>, value: &str| {
            filter.as_ref().is_none_or(|wanted| wanted == value)
        };
        admits(&self.user, car.owner)
            && admits(&self.webhook, WEBHOOK)
            && admits(&self.vehicle, car.id)
            && admits(&self.mode, "live")
    }

    fn pairs(&self) -> [(&str, Option<&str>); 4] {
        [
            ("filter[userId]", self.user.as_deref()),
            ("filter[webhookId]", self.webhook.as_deref()),
            ("filter[vehicleId]", self.vehicle.as_deref()),
            ("filter[vehicle.mode]", self.mode.as_deref()),
        ]
    }
}

fn resource(simulator: &Simulator, car: &Car, subscription: &Subscription) -> Value {
    let origin = &simulator.origin;
    json!({
        "id": subscription.id,
        "type": "subscription",
        "attributes": { "vehicle": car.attributes() },
        "relationships": {
            "webhook": {
                "data": { "id": WEBHOOK, "type": "webhook" },
                "links": { "related": simulator.webhook_link() },
            },
            "user": {
                "data": { "id": car.owner, "type": "user" },
                "links": { "related": format!("{origin}/v3/users/{}", car.owner) },
            },
            "vehicle": {
                "data": { "id": car.id, "type": "vehicle" },
                "links": { "related": simulator.vehicle_link(car.id) },
            },
        },
        "meta": {
            "createdAt": subscription.created_at.iso(),
            "updatedAt": subscription.created_at.iso(),
        },
        "links": { "self": format!("{origin}/v3/subscriptions/{}", subscription.id) },
    })
}
