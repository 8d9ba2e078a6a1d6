//! An account of every use of the access token.

use crate::{UserId, VehicleId, endpoints::Endpoint};
use std::time::Duration;

/// One request that was sent with the access token.
#[derive(Clone, Copy, Debug)]
pub struct TokenUse<'a> {
    /// What was called; its path has names where ids stood.
    pub endpoint: &'static Endpoint,
    /// The vehicle, where the call was about one.
    pub vehicle: Option<&'a VehicleId>,
    /// The user on whose behalf it was made.
    pub user: Option<&'a UserId>,
    /// The HTTP status; none where no answer came.
    pub status: Option<u16>,
    /// Smartcar's id of the request.
    pub request_id: Option<&'a str>,
    /// How long it took.
    pub duration: Duration,
}

/// Takes an account of every use of the access token, as Smartcar recommends.
pub trait Audit {
    /// The token was used.
    fn token_used(&self, used: &TokenUse<'_>);
}
