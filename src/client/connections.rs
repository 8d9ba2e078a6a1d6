//! `smartcar:edge/connections`

use crate::{
    Edge, client, lists,
    wit::{
        connections::{Connection, ConnectionFilter, ConnectionPage, Guest},
        types::{Error, PageRequest},
    },
};
use futures::TryStreamExt;
use smartcar::{ConnectionId, InvalidId, UserId, VehicleId, VehicleMode};

impl Guest for Edge {
    async fn list(
        filter: ConnectionFilter,
        page: Option<PageRequest>,
    ) -> Result<ConnectionPage, Error> {
        let (filter, page) = (checked(filter)?, lists::request(page));
        let page = client().await?.list_connections(&filter, page).await?.value;
        Ok(ConnectionPage {
            info: lists::info(&page),
            items: page.items.into_iter().map(connection).collect(),
            unreadable: lists::unreadable(page.unreadable),
        })
    }

    async fn list_all(filter: ConnectionFilter) -> Result<Vec<Connection>, Error> {
        let filter = checked(filter)?;
        let all = client().await?.all_connections(&filter, lists::LARGEST);
        Ok(all.map_ok(connection).try_collect().await?)
    }

    async fn get(connection: String) -> Result<Connection, Error> {
        let id = ConnectionId::parse(&connection)?;
        let found = client().await?.get_connection(&id).await?.value;
        Ok(self::connection(found))
    }

    async fn remove(connection: String) -> Result<(), Error> {
        let id = ConnectionId::parse(&connection)?;
        client().await?.delete_connection(&id).await?;
        Ok(())
    }

    async fn remove_user(user: String) -> Result<(), Error> {
        let id = UserId::from_caller(&user)?;
        client().await?.delete_user(&id).await?;
        Ok(())
    }
}

fn checked(filter: ConnectionFilter) -> Result<smartcar::ConnectionFilter, InvalidId> {
    let (user, vehicle) = (filter.user.as_deref(), filter.vehicle.as_deref());
    Ok(smartcar::ConnectionFilter {
        user: user.map(UserId::from_caller).transpose()?,
        vehicle: vehicle.map(VehicleId::from_caller).transpose()?,
        mode: filter.mode.as_deref().map(VehicleMode::from),
        external_user: filter.external_user,
        on_behalf_of: None,
    })
}

fn connection(connection: smartcar::Connection) -> Connection {
    Connection {
        id: connection.id.to_string(),
        vehicle: connection.vehicle_id.map(|id| id.to_string()),
        user: connection.user_id.map(|id| id.to_string()),
        permissions: connection.permissions,
        attributes: lists::attributes(connection.vehicle),
        created_at: lists::time(connection.created_at),
        updated_at: lists::time(connection.updated_at),
        raw: connection.raw.as_str().to_owned(),
    }
}
