//! Connections: which user granted access to which vehicle.
//!
//! Sources: <https://smartcar.com/docs/api-reference/list-connections>,
//! <https://smartcar.com/docs/api-reference/get-connection>,
//! <https://smartcar.com/docs/api-reference/remove-connection>,
//! <https://smartcar.com/docs/api-reference/remove-user>

use crate::{
    ApiResponse, Call, Client, ConnectionId, Error, InvalidId, Items, Page, PageRequest, Platform,
    RawJson, Response, Timestamp, UserId, VehicleAttributes, VehicleId, VehicleMode,
    api::{
        answer::{Resource, optional_id, own_id, related_id},
        page::filter,
    },
    endpoints,
    fields::Fields,
};
use std::fmt;

/// A connection: `{id, type: "connection", attributes: {permissions, vehicle,
/// user?}, relationships: {vehicle, user}, meta: {createdAt, updatedAt}, links}`.
#[derive(Clone)]
pub struct Connection {
    /// A reconnect gives a new one.
    pub id: ConnectionId,
    /// The vehicle, which stays the same when its owner reconnects.
    pub vehicle_id: Option<VehicleId>,
    /// The user who granted access.
    pub user_id: Option<UserId>,
    /// The application's own id of that user, as Connect was last given it, where
    /// Smartcar shows it.
    pub external_id: Option<String>,
    /// For example `read_battery`. Reports differ on whether these are the ones
    /// that the user granted or those that the application can ask for.
    pub permissions: Vec<String>,
    /// Make, model and so on.
    pub vehicle: VehicleAttributes,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// As Smartcar wrote it.
    pub raw: RawJson,
}

/// An application's own id of a user can be an e-mail address.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("vehicle_id", &self.vehicle_id)
            .field("user_id", &self.user_id)
            .field("permissions", &self.permissions)
            .field("vehicle", &self.vehicle)
            .field("created_at", &self.created_at)
            .field("updated_at", &self.updated_at)
            .finish_non_exhaustive()
    }
}

impl Resource for Connection {
    fn read(fields: &Fields<'_>, raw: RawJson) -> Result<Self, InvalidId> {
        let attributes = fields.object("attributes");
        let meta = fields.object("meta");
        let permissions = attributes.array("permissions").unwrap_or_default();
        let user = attributes.object("user");
        let user_id = match related_id(fields, "user", UserId::parse)? {
            Some(user) => Some(user),
            None => optional_id(&user, UserId::parse)?,
        };
        Ok(Self {
            id: own_id(fields, ConnectionId::parse)?,
            vehicle_id: related_id(fields, "vehicle", VehicleId::parse)?,
            user_id,
            external_id: user.text("externalId").map(Into::into),
            permissions: permissions
                .iter()
                .filter_map(|permission| serde_json::from_str(permission.get()).ok())
                .collect(),
            vehicle: VehicleAttributes::read(&attributes.object("vehicle")),
            created_at: meta.time("createdAt"),
            updated_at: meta.time("updatedAt"),
            raw,
        })
    }
}

/// Which connections to list; by default all of live vehicles.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// Only connections of this user.
    pub user: Option<UserId>,
    /// Only connections to this vehicle.
    pub vehicle: Option<VehicleId>,
    /// Only connections to vehicles of this mode. Smartcar takes `live` where nothing is said, so
    /// simulated vehicles have to be asked for.
    pub mode: Option<VehicleMode>,
    /// Of the user whom the application gave this id of its own in Connect.
    pub external_user: Option<String>,
    /// On whose behalf the call is made (`sc-user-id`); acts as a filter too.
    pub on_behalf_of: Option<UserId>,
}

impl ConnectionFilter {
    fn call(&self) -> Call {
        let mode = self.mode.as_ref().map(VehicleMode::as_str);
        let mut call = Call::to(&endpoints::LIST_CONNECTIONS, &[]);
        call = filter(
            call,
            "filter[userId]",
            self.user.as_ref().map(UserId::as_str),
        );
        call = filter(
            call,
            "filter[vehicleId]",
            self.vehicle.as_ref().map(VehicleId::as_str),
        );
        call = filter(call, "filter[vehicle.mode]", mode);
        call = filter(
            call,
            "filter[user.externalId]",
            self.external_user.as_deref(),
        );
        match &self.on_behalf_of {
            Some(user) => call.on_behalf_of(user.clone()),
            None => call,
        }
    }
}

/// An application's own id of a user can be an e-mail address.
impl fmt::Debug for ConnectionFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionFilter")
            .field("user", &self.user)
            .field("vehicle", &self.vehicle)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// # Connections and users
impl<P: Platform> Client<P> {
    /// A page of the connections. Smartcar does not count the call against a
    /// vehicle's monthly allowance.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/list-connections>
    ///
    /// # Errors
    ///
    /// [`Error::Api`] and whatever [`Client::call`] fails with;
    /// [`Error::Unreadable`] for an answer without a list.
    pub async fn list_connections(
        &self,
        filter: &ConnectionFilter,
        page: PageRequest,
    ) -> Result<ApiResponse<Page<Connection>>, Error> {
        self.page(filter.call(), page).await
    }

    /// All connections, from page `first` on. A page is small (10) unless
    /// `first` says how large it is to be.
    ///
    /// ```no_run
    /// use futures::TryStreamExt;
    /// use smartcar::{Client, ConnectionFilter, Error, PageRequest, Platform};
    ///
    /// async fn print<P: Platform>(client: &Client<P>) -> Result<(), Error> {
    ///     let filter = ConnectionFilter::default();
    ///     let mut connections = client.all_connections(&filter, PageRequest::of_size(50));
    ///     while let Some(connection) = connections.try_next().await? {
    ///         println!("{:?} of {:?}", connection.vehicle_id, connection.user_id);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn all_connections<'a>(
        &'a self,
        filter: &ConnectionFilter,
        first: PageRequest,
    ) -> Items<'a, Connection> {
        self.items(filter.call(), first)
    }

    /// One connection.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/get-connection>
    ///
    /// # Errors
    ///
    /// [`Error::Api`], with status 404 for one that is not there (any more), and
    /// whatever [`Client::call`] fails with; [`Error::Unreadable`] for an answer
    /// without a connection.
    pub async fn get_connection(
        &self,
        connection: &ConnectionId,
    ) -> Result<ApiResponse<Connection>, Error> {
        self.one(&Call::to(&endpoints::GET_CONNECTION, &[connection]))
            .await
    }

    /// Ends the access to one vehicle. The answer, 204, says nothing more.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/remove-connection>
    ///
    /// # Errors
    ///
    /// [`Error::Api`] and whatever [`Client::call`] fails with.
    pub async fn delete_connection(&self, connection: &ConnectionId) -> Result<Response, Error> {
        self.succeed(&Call::to(&endpoints::DELETE_CONNECTION, &[connection]))
            .await
    }

    /// Removes a user and all their connections. The answer, 204, says nothing
    /// more.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/remove-user>
    ///
    /// # Errors
    ///
    /// [`Error::Api`] and whatever [`Client::call`] fails with.
    pub async fn delete_user(&self, user: &UserId) -> Result<Response, Error> {
        self.succeed(&Call::to(&endpoints::DELETE_USER, &[user]))
            .await
    }
}

#[cfg(test)]
mod tests;
