//! Subscriptions: which vehicle is subscribed to which webhook.
//!
//! Sources: <https://smartcar.com/docs/api-reference/list-subscriptions>,
//! <https://smartcar.com/docs/api-reference/create-subscription>,
//! <https://smartcar.com/docs/api-reference/get-subscription>,
//! <https://smartcar.com/docs/api-reference/delete-subscription>

use crate::{
    ApiResponse, Call, Client, Error, InvalidId, Items, Page, PageRequest, Platform, RawJson,
    Response, SubscriptionId, Timestamp, UserId, VehicleAttributes, VehicleId, VehicleMode,
    WebhookId,
    api::{
        answer::{Resource, own_id, related_id},
        page::filter,
    },
    endpoints,
    fields::Fields,
};
use futures::StreamExt;
use http::StatusCode;

/// The most items that a page of subscriptions can have.
const LARGEST_PAGE: u32 = 100;

/// A subscription: `{id, type: "subscription", attributes: {vehicle},
/// relationships: {webhook, user, vehicle}, meta: {createdAt, updatedAt}, links}`.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Needed to end it.
    pub id: SubscriptionId,
    /// The webhook that is called.
    pub webhook_id: Option<WebhookId>,
    /// The vehicle it is called about.
    pub vehicle_id: Option<VehicleId>,
    /// The user who granted access to the vehicle.
    pub user_id: Option<UserId>,
    /// Make, model and so on.
    pub vehicle: VehicleAttributes,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// As Smartcar wrote it.
    pub raw: RawJson,
}

impl Resource for Subscription {
    fn read(fields: &Fields<'_>, raw: RawJson) -> Result<Self, InvalidId> {
        let meta = fields.object("meta");
        let vehicle = fields.object("attributes").object("vehicle");
        Ok(Self {
            id: own_id(fields, SubscriptionId::parse)?,
            webhook_id: related_id(fields, "webhook", WebhookId::parse)?,
            vehicle_id: related_id(fields, "vehicle", VehicleId::parse)?,
            user_id: related_id(fields, "user", UserId::parse)?,
            vehicle: VehicleAttributes::read(&vehicle),
            created_at: meta.time("createdAt"),
            updated_at: meta.time("updatedAt"),
            raw,
        })
    }
}

/// What became of a wish to subscribe a vehicle. Either way it is subscribed, or
/// will be in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribed {
    /// Smartcar is about to do it (202), and does not tell the id.
    InProgress,
    /// The vehicle was subscribed already (409).
    Already,
}

/// Which subscriptions to list; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Only subscriptions to this webhook.
    pub webhook: Option<WebhookId>,
    /// Only subscriptions of this vehicle.
    pub vehicle: Option<VehicleId>,
    /// Only subscriptions of this user's vehicles.
    pub user: Option<UserId>,
    /// Of vehicles of this mode.
    pub mode: Option<VehicleMode>,
}

impl SubscriptionFilter {
    fn call(&self) -> Call {
        let webhook = self.webhook.as_ref().map(WebhookId::as_str);
        let vehicle = self.vehicle.as_ref().map(VehicleId::as_str);
        let user = self.user.as_ref().map(UserId::as_str);
        let mode = self.mode.as_ref().map(VehicleMode::as_str);
        let mut call = Call::to(&endpoints::LIST_SUBSCRIPTIONS, &[]);
        call = filter(call, "filter[webhookId]", webhook);
        call = filter(call, "filter[vehicleId]", vehicle);
        call = filter(call, "filter[userId]", user);
        filter(call, "filter[vehicle.mode]", mode)
    }
}

/// # Subscriptions
impl<P: Platform> Client<P> {
    /// A page of the subscriptions: 25 of them, or up to 100.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/list-subscriptions>
    ///
    /// # Errors
    ///
    /// [`Error::Api`] and whatever [`Client::call`] fails with;
    /// [`Error::Unreadable`] for an answer without a list.
    pub async fn list_subscriptions(
        &self,
        filter: &SubscriptionFilter,
        page: PageRequest,
    ) -> Result<ApiResponse<Page<Subscription>>, Error> {
        self.page(filter.call(), page).await
    }

    /// All subscriptions, from page `first` on.
    pub fn all_subscriptions<'a>(
        &'a self,
        filter: &SubscriptionFilter,
        first: PageRequest,
    ) -> Items<'a, Subscription> {
        self.items(filter.call(), first)
    }

    /// The subscription of `vehicle` to `webhook`, if there is one.
    ///
    /// This is how the id of a new subscription is found: creating one does not
    /// tell it. A new one can be missing here for a short while.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] and whatever [`Client::call`] fails with;
    /// [`Error::Unreadable`] where none was found and something in the list could
    /// not be read, which may be the one that was looked for.
    pub async fn find_subscription(
        &self,
        webhook: &WebhookId,
        vehicle: &VehicleId,
    ) -> Result<Option<Subscription>, Error> {
        let filter = SubscriptionFilter {
            webhook: Some(webhook.clone()),
            vehicle: Some(vehicle.clone()),
            ..SubscriptionFilter::default()
        };
        let mut subscriptions = self.all_subscriptions(&filter, PageRequest::of_size(LARGEST_PAGE));
        let mut failure = None;
        while let Some(subscription) = subscriptions.next().await {
            match subscription {
                // Checked here too: who ends a subscription has to end the right one.
                Ok(found)
                    if found.webhook_id.as_ref() == Some(webhook)
                        && found.vehicle_id.as_ref() == Some(vehicle) =>
                {
                    return Ok(Some(found));
                }
                Ok(_) => {}
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// Subscribes a vehicle to a webhook.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/create-subscription>
    ///
    /// # Errors
    ///
    /// [`Error::Api`], with status 404 for a webhook, user or vehicle that is not
    /// there, and whatever [`Client::call`] fails with.
    ///
    /// ```no_run
    /// use smartcar::{Client, Error, Platform, Subscribed, UserId, VehicleId, WebhookId};
    ///
    /// async fn subscribe<P: Platform>(
    ///     client: &Client<P>,
    ///     webhook: &WebhookId,
    ///     user: &UserId,
    ///     vehicle: &VehicleId,
    /// ) -> Result<(), Error> {
    ///     match client.create_subscription(webhook, user, vehicle).await?.value {
    ///         Subscribed::InProgress => println!("deliveries will begin in a moment"),
    ///         Subscribed::Already => println!("nothing to do"),
    ///     }
    ///     if let Some(subscription) = client.find_subscription(webhook, vehicle).await? {
    ///         println!("delete {} to end it", subscription.id);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn create_subscription(
        &self,
        webhook: &WebhookId,
        user: &UserId,
        vehicle: &VehicleId,
    ) -> Result<ApiResponse<Subscribed>, Error> {
        // The alphabet of an identifier needs no escape in JSON.
        let body = format!(
            r#"{{"data":{{"attributes":{{"webhookId":"{webhook}","userId":"{user}","vehicleId":"{vehicle}"}}}}}}"#
        );
        let call = Call::to(&endpoints::CREATE_SUBSCRIPTION, &[]).body(body);
        let response = self.call(&call).await?;
        if response.status == StatusCode::CONFLICT {
            return Ok(ApiResponse {
                value: Subscribed::Already,
                response,
            });
        }
        Ok(ApiResponse {
            value: Subscribed::InProgress,
            response: response.into_result()?,
        })
    }

    /// One subscription.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/get-subscription>
    ///
    /// # Errors
    ///
    /// [`Error::Api`], with status 404 for one that is not there (any more), and
    /// whatever [`Client::call`] fails with; [`Error::Unreadable`] for an answer
    /// without a subscription.
    pub async fn get_subscription(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<ApiResponse<Subscription>, Error> {
        self.one(&Call::to(&endpoints::GET_SUBSCRIPTION, &[subscription]))
            .await
    }

    /// Ends a subscription. The answer, 204, says nothing more.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/delete-subscription>
    ///
    /// # Errors
    ///
    /// [`Error::Api`] and whatever [`Client::call`] fails with.
    pub async fn delete_subscription(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Response, Error> {
        self.succeed(&Call::to(&endpoints::DELETE_SUBSCRIPTION, &[subscription]))
            .await
    }
}

#[cfg(test)]
mod tests;
