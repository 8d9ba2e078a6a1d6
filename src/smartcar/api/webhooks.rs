//! Webhooks, as configured in Smartcar's dashboard. No call creates or changes
//! one.
//!
//! Sources: <https://smartcar.com/docs/api-reference/list-webhooks>,
//! <https://smartcar.com/docs/api-reference/get-webhook>

use crate::{
    ApiResponse, Call, Client, Error, InvalidId, Items, Page, PageRequest, Platform, RawJson,
    Timestamp, WebhookId,
    api::{
        answer::{Resource, own_id, text},
        page::filter,
    },
    endpoints,
    fields::Fields,
};
use std::fmt;

/// A webhook: `{id, type: "webhook", attributes: {name, callbackUri,
/// errorCallbackUri, isEnabled, autoSubscribe, triggers, data}, meta, links}`.
#[derive(Clone)]
pub struct Webhook {
    /// As deliveries name it.
    pub id: WebhookId,
    /// As the dashboard shows it.
    pub name: Option<String>,
    /// Where deliveries are sent.
    pub callback_uri: Option<String>,
    /// Where `VEHICLE_ERROR` deliveries are sent, if elsewhere.
    pub error_callback_uri: Option<String>,
    /// Whether deliveries are sent.
    pub is_enabled: Option<bool>,
    /// Whether a vehicle that is connected is subscribed by itself.
    pub auto_subscribe: Option<bool>,
    /// The signals whose changes cause a delivery.
    pub triggers: Vec<WebhookSignal>,
    /// The signals that are delivered.
    pub data: Vec<WebhookSignal>,
    /// When the webhook was made.
    pub created_at: Option<Timestamp>,
    /// When the webhook last changed.
    pub updated_at: Option<Timestamp>,
    /// As Smartcar wrote it.
    pub raw: RawJson,
}

/// `{group, name, code}`: a signal that a webhook is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSignal {
    /// For example `TractionBattery`.
    pub group: Option<String>,
    /// For example `StateOfCharge`.
    pub name: Option<String>,
    /// For example `tractionbattery-stateofcharge`.
    pub code: Option<String>,
}

impl WebhookSignal {
    fn list(attributes: &Fields<'_>, name: &str) -> Vec<Self> {
        let signals = attributes.objects(name).unwrap_or_default();
        let read = |fields: &Fields<'_>| Self {
            group: text(fields, "group"),
            name: text(fields, "name"),
            code: text(fields, "code"),
        };
        signals.iter().map(read).collect()
    }
}

impl Resource for Webhook {
    fn read(fields: &Fields<'_>, raw: RawJson) -> Result<Self, InvalidId> {
        let attributes = fields.object("attributes");
        let meta = fields.object("meta");
        Ok(Self {
            id: own_id(fields, WebhookId::parse)?,
            name: text(&attributes, "name"),
            callback_uri: text(&attributes, "callbackUri"),
            error_callback_uri: text(&attributes, "errorCallbackUri"),
            is_enabled: attributes.boolean("isEnabled"),
            auto_subscribe: attributes.boolean("autoSubscribe"),
            triggers: WebhookSignal::list(&attributes, "triggers"),
            data: WebhookSignal::list(&attributes, "data"),
            created_at: meta.time("createdAt"),
            updated_at: meta.time("updatedAt"),
            raw,
        })
    }
}

/// The address of a callback can hold a secret.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("is_enabled", &self.is_enabled)
            .field("auto_subscribe", &self.auto_subscribe)
            .finish_non_exhaustive()
    }
}

/// Which webhooks to list; by default all.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WebhookFilter {
    /// Whose name contains this, in upper or lower case.
    pub name: Option<String>,
    /// Whose callback's address contains this, in upper or lower case.
    pub callback_uri: Option<String>,
    /// Which are enabled, or which are not.
    pub is_enabled: Option<bool>,
    /// Which subscribe vehicles by themselves, or which do not.
    pub auto_subscribe: Option<bool>,
}

impl WebhookFilter {
    fn call(&self) -> Call {
        let truth = |value: bool| if value { "true" } else { "false" };
        let mut call = Call::to(&endpoints::LIST_WEBHOOKS, &[]);
        call = filter(call, "filter[name]", self.name.as_deref());
        call = filter(call, "filter[callbackUri]", self.callback_uri.as_deref());
        call = filter(call, "filter[isEnabled]", self.is_enabled.map(truth));
        filter(
            call,
            "filter[autoSubscribe]",
            self.auto_subscribe.map(truth),
        )
    }
}

/// The address of a callback can hold a secret.
impl fmt::Debug for WebhookFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookFilter")
            .field("name", &self.name)
            .field("is_enabled", &self.is_enabled)
            .field("auto_subscribe", &self.auto_subscribe)
            .finish_non_exhaustive()
    }
}

/// # Webhooks
impl<P: Platform> Client<P> {
    /// A page of the webhooks: 50 of them, or up to 100.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/list-webhooks>
    ///
    /// # Errors
    ///
    /// [`Error::Api`] and whatever [`Client::call`] fails with;
    /// [`Error::Unreadable`] for an answer without a list.
    pub async fn list_webhooks(
        &self,
        filter: &WebhookFilter,
        page: PageRequest,
    ) -> Result<ApiResponse<Page<Webhook>>, Error> {
        self.page(filter.call(), page).await
    }

    /// All webhooks, from page `first` on.
    ///
    /// ```no_run
    /// use futures::TryStreamExt;
    /// use smartcar::{Client, Error, PageRequest, Platform, WebhookFilter};
    ///
    /// async fn print<P: Platform>(client: &Client<P>) -> Result<(), Error> {
    ///     let enabled = WebhookFilter { is_enabled: Some(true), ..Default::default() };
    ///     let mut webhooks = client.all_webhooks(&enabled, PageRequest::default());
    ///     while let Some(webhook) = webhooks.try_next().await? {
    ///         println!("{}: {} triggers", webhook.id, webhook.triggers.len());
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn all_webhooks<'a>(
        &'a self,
        filter: &WebhookFilter,
        first: PageRequest,
    ) -> Items<'a, Webhook> {
        self.items(filter.call(), first)
    }

    /// One webhook.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/get-webhook>
    ///
    /// # Errors
    ///
    /// [`Error::Api`], with status 404 for one that is not there, and whatever
    /// [`Client::call`] fails with; [`Error::Unreadable`] for an answer without a
    /// webhook.
    pub async fn get_webhook(&self, webhook: &WebhookId) -> Result<ApiResponse<Webhook>, Error> {
        self.one(&Call::to(&endpoints::GET_WEBHOOK, &[webhook]))
            .await
    }
}

#[cfg(test)]
mod tests;
