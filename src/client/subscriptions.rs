//! `smartcar:edge/subscriptions`

use crate::{
    Edge, client, lists,
    wit::{
        subscriptions::{
            Guest, Subscribed, Subscription, SubscriptionFilter, SubscriptionPage, Webhook,
        },
        types::{Error, PageRequest},
    },
};
use futures::TryStreamExt;
use smartcar::{
    InvalidId, SubscriptionId, UserId, VehicleId, VehicleMode, WebhookFilter, WebhookId,
    WebhookSignal,
};

impl Guest for Edge {
    async fn list_webhooks() -> Result<Vec<Webhook>, Error> {
        let every = WebhookFilter::default();
        let all = client().await?.all_webhooks(&every, lists::LARGEST);
        Ok(all.map_ok(webhook).try_collect().await?)
    }

    async fn list(
        filter: SubscriptionFilter,
        page: Option<PageRequest>,
    ) -> Result<SubscriptionPage, Error> {
        let (filter, page) = (checked(filter)?, lists::request(page));
        let answer = client().await?.list_subscriptions(&filter, page).await?;
        let page = answer.value;
        Ok(SubscriptionPage {
            info: lists::info(&page),
            items: page.items.into_iter().map(subscription).collect(),
            unreadable: lists::unreadable(page.unreadable),
        })
    }

    async fn list_all(filter: SubscriptionFilter) -> Result<Vec<Subscription>, Error> {
        let filter = checked(filter)?;
        let all = client().await?.all_subscriptions(&filter, lists::LARGEST);
        Ok(all.map_ok(subscription).try_collect().await?)
    }

    async fn find(webhook: String, vehicle: String) -> Result<Option<Subscription>, Error> {
        let (webhook, vehicle) = (
            WebhookId::parse(&webhook)?,
            VehicleId::from_caller(&vehicle)?,
        );
        let found = client()
            .await?
            .find_subscription(&webhook, &vehicle)
            .await?;
        Ok(found.map(subscription))
    }

    async fn create(webhook: String, user: String, vehicle: String) -> Result<Subscribed, Error> {
        let (webhook, user) = (WebhookId::parse(&webhook)?, UserId::from_caller(&user)?);
        let vehicle = VehicleId::from_caller(&vehicle)?;
        let client = client().await?;
        let answer = client
            .create_subscription(&webhook, &user, &vehicle)
            .await?;
        Ok(match answer.value {
            smartcar::Subscribed::InProgress => Subscribed::Created,
            smartcar::Subscribed::Already => Subscribed::AlreadyThere,
        })
    }

    async fn remove(subscription: String) -> Result<(), Error> {
        let id = SubscriptionId::parse(&subscription)?;
        client().await?.delete_subscription(&id).await?;
        Ok(())
    }
}

fn checked(filter: SubscriptionFilter) -> Result<smartcar::SubscriptionFilter, InvalidId> {
    let (webhook, vehicle) = (filter.webhook.as_deref(), filter.vehicle.as_deref());
    Ok(smartcar::SubscriptionFilter {
        webhook: webhook.map(WebhookId::parse).transpose()?,
        vehicle: vehicle.map(VehicleId::from_caller).transpose()?,
        user: filter
            .user
            .as_deref()
            .map(UserId::from_caller)
            .transpose()?,
        mode: filter.mode.as_deref().map(VehicleMode::from),
    })
}

fn subscription(subscription: smartcar::Subscription) -> Subscription {
    Subscription {
        id: subscription.id.to_string(),
        webhook: subscription.webhook_id.map(|id| id.to_string()),
        vehicle: subscription.vehicle_id.map(|id| id.to_string()),
        user: subscription.user_id.map(|id| id.to_string()),
        attributes: lists::attributes(subscription.vehicle),
        created_at: lists::time(subscription.created_at),
        updated_at: lists::time(subscription.updated_at),
        raw: subscription.raw.as_str().to_owned(),
    }
}

fn webhook(webhook: smartcar::Webhook) -> Webhook {
    let codes = |signals: Vec<WebhookSignal>| {
        let codes = signals.into_iter().filter_map(|signal| signal.code);
        codes.collect()
    };
    Webhook {
        id: webhook.id.to_string(),
        name: webhook.name,
        is_enabled: webhook.is_enabled,
        auto_subscribe: webhook.auto_subscribe,
        triggers: codes(webhook.triggers),
        data: codes(webhook.data),
        created_at: lists::time(webhook.created_at),
        updated_at: lists::time(webhook.updated_at),
        raw: webhook.raw.as_str().to_owned(),
    }
}
