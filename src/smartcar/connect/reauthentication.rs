//! The short way through Connect by which an owner authenticates again for one vehicle, for
//! example after the password of their car's account has changed. Consent, connection and ids
//! stay as they are.
//!
//! Source: <https://smartcar.com/docs/connect/re-auth/redirect-to-connect>

use super::{InvalidConnect, NO_EXTERNAL_ID, WayBack, ends_at_smartcar, external_id, only, url};
use crate::{ApplicationId, VehicleId};

/// What a re-authentication is asked for with.
///
/// ```
/// use smartcar::ReauthenticationOptions;
///
/// let options = ReauthenticationOptions::read("vehicle_id=v-1")?;
/// assert_eq!(options.vehicle.as_str(), "v-1");
/// # Ok::<(), smartcar::InvalidConnect>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ReauthenticationOptions {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// The application's own id of the user, which replaces the one that Smartcar has.
    /// `null` removes that one; without any it stays.
    pub external_id: Option<String>,
    /// Whether the browser ends at a page of Smartcar's and does not come back
    /// (`response_type=none`).
    pub ends_at_smartcar: bool,
}

/// An application's own id of a user can be an e-mail address.
impl std::fmt::Debug for ReauthenticationOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReauthenticationOptions")
            .field("vehicle", &self.vehicle)
            .finish_non_exhaustive()
    }
}

impl ReauthenticationOptions {
    /// The parameters that are read.
    pub const NAMES: &'static [&'static str] = &["vehicle_id", "external_id", "response_type"];

    /// Reads them from a query that names them as Smartcar does.
    ///
    /// # Errors
    ///
    /// [`InvalidConnect`] without a vehicle, for a value that Smartcar does not document, a
    /// second one, and a parameter of another name.
    pub fn read(query: &str) -> Result<Self, InvalidConnect> {
        only(query, Self::NAMES)?;
        let vehicle = super::parameter(query, "vehicle_id")?;
        let vehicle = vehicle.ok_or(InvalidConnect::Missing("vehicle_id"))?;
        Ok(Self {
            vehicle: VehicleId::from_caller(&vehicle)?,
            external_id: external_id(query)?,
            ends_at_smartcar: ends_at_smartcar(query, "vehicle_id", "vehicle_id or none")?,
        })
    }

    /// The application's own id of the user from here on, where one is given.
    pub fn user(&self) -> Option<&str> {
        self.external_id
            .as_deref()
            .filter(|id| *id != NO_EXTERNAL_ID)
    }
}

/// The way to Connect for an owner who has to authenticate again.
#[derive(Clone, Copy)]
pub struct ReauthenticationRequest<'a> {
    /// The Application ID of the dashboard; not the id of the API credential.
    pub application: &'a ApplicationId,
    /// Where Connect sends the browser back to, if it is to come back.
    pub way_back: Option<WayBack<'a>>,
    /// The vehicle, and whatever else is asked for.
    pub options: &'a ReauthenticationOptions,
}

impl ReauthenticationRequest<'_> {
    /// The URL of Connect at `origin`, for example <https://connect.smartcar.com>.
    pub fn url(&self, origin: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let response_type = self.way_back.map_or("none", |_| "vehicle_id");
        query
            .append_pair("response_type", response_type)
            .append_pair("application_id", self.application.as_str())
            .append_pair("vehicle_id", self.options.vehicle.as_str());
        WayBack::append(self.way_back, &mut query);
        if let Some(id) = &self.options.external_id {
            query.append_pair("external_id", id);
        }
        url(origin, "reauthenticate", &mut query)
    }
}
