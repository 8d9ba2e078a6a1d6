//! A call to Smartcar's API.

use crate::{
    InvalidId, Policy, UserId, VehicleId,
    endpoints::{About, Api, Endpoint},
    ids::{self, Id},
};
use bytes::Bytes;
use std::time::Duration;

/// How long a call may take in all, retries included.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long everything may take that comes before the first byte of a command:
/// limits, turns and the token. A command that could not be sent by then is not
/// sent any more.
const PREPARATION: Duration = Duration::from_secs(10);

/// How long a command may take from there. Smartcar keeps the connection of a slow
/// command open and streams the outcome on it; its own SDK waits this long.
const COMMAND_DEADLINE: Duration = Duration::from_secs(310);

/// The units of numbers in an answer. Smartcar's default is metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitSystem {
    /// Kilometres, litres, degrees Celsius.
    Metric,
    /// Miles, gallons, degrees Fahrenheit.
    Imperial,
}

impl UnitSystem {
    /// As the header `SC-Unit-System` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::Imperial => "imperial",
        }
    }
}

/// A call to Smartcar's API.
///
/// ```
/// use smartcar::{Call, UnitSystem, UserId, VehicleId, endpoints};
///
/// let vehicle = VehicleId::parse("36ab27d0-0000-4000-8000-000000000001")?;
/// let call = Call::to(&endpoints::LIST_SIGNALS, &[&vehicle])
///     .on_behalf_of(UserId::parse("218eda3b-0000-4000-8000-000000000001")?)
///     .units(UnitSystem::Imperial);
/// # Ok::<(), smartcar::InvalidId>(())
/// ```
#[derive(Clone)]
pub struct Call {
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) path: String,
    pub(crate) vehicle: Option<VehicleId>,
    pub(crate) user: Option<UserId>,
    pub(crate) units: Option<UnitSystem>,
    pub(crate) body: Bytes,
    pub(crate) deadline: Duration,
    query: String,
}

impl Call {
    /// How long Smartcar may take for a command once it was sent.
    pub const LONGEST: Duration = COMMAND_DEADLINE;

    /// A call to `endpoint`; `ids` take the place of the names in its path, in
    /// their order.
    pub fn to(endpoint: &'static Endpoint, ids: &[&dyn Id]) -> Self {
        let values: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        Self::new(endpoint, &values)
    }

    /// Like [`to`](Self::to), for who hands a path on and has its parts as text:
    /// each is checked to be an identifier.
    pub fn at(endpoint: &'static Endpoint, parts: &[&str]) -> Result<Self, InvalidId> {
        for part in parts {
            ids::check("an identifier in a path", part)?;
        }
        Ok(Self::new(endpoint, parts))
    }

    /// A call to an endpoint of [`endpoints::unlisted`](crate::endpoints::unlisted) at this
    /// path, which that function has looked at.
    pub fn unlisted(endpoint: &'static Endpoint, path: &str) -> Self {
        let of_a_vehicle = path.strip_prefix("/v3/vehicles/");
        let vehicle = of_a_vehicle.and_then(|rest| rest.split('/').next());
        Self {
            path: path.to_owned(),
            vehicle: vehicle.and_then(|id| VehicleId::parse(id).ok()),
            ..Self::new(endpoint, &[])
        }
    }

    fn new(endpoint: &'static Endpoint, values: &[&str]) -> Self {
        let of_a_vehicle = endpoint.about == About::Vehicle;
        Self {
            endpoint,
            path: endpoint.path_to(values),
            vehicle: values
                .first()
                .filter(|_| of_a_vehicle)
                .and_then(|id| VehicleId::parse(id).ok()),
            user: None,
            units: None,
            body: Bytes::new(),
            deadline: if endpoint.is_idempotent() {
                DEADLINE
            } else {
                COMMAND_DEADLINE
            },
            query: String::new(),
        }
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The vehicle that the call is about, if it is about one. Such calls are billed.
    pub fn vehicle(&self) -> Option<&VehicleId> {
        self.vehicle.as_ref()
    }

    /// The user on whose behalf it is made, as far as one is named.
    pub fn user(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    /// Whether the call only reads.
    pub fn is_read(&self) -> bool {
        self.endpoint.method == http::Method::GET
    }

    /// On whose behalf the call is made (`sc-user-id`).
    #[must_use]
    pub fn on_behalf_of(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// The units of numbers in the answer (`SC-Unit-System`).
    #[must_use]
    pub fn units(mut self, units: UnitSystem) -> Self {
        self.units = Some(units);
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query = form_urlencoded::Serializer::new(self.query)
            .append_pair(name, value)
            .finish();
        self
    }

    /// The whole query in the place of what was added to it, encoded as it stands
    /// in a URL.
    #[must_use]
    pub fn raw_query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    /// The body, sent as it is; JSON.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// How long the call may take: 10 s for most. For a command it is the time from
    /// its first byte, 310 s; another 10 s are for what comes before.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The longest that the call can take in all, whatever happens.
    pub fn longest(&self) -> Duration {
        if self.endpoint.is_idempotent() {
            self.deadline
        } else {
            PREPARATION.saturating_add(self.deadline)
        }
    }

    /// How long what comes before a request may still take, where `spent` of the
    /// call's time has passed.
    pub(crate) fn time_to_prepare(&self, spent: Duration) -> Duration {
        if self.endpoint.is_idempotent() {
            self.deadline.saturating_sub(spent)
        } else {
            PREPARATION.saturating_sub(spent)
        }
    }

    /// How long a request may take that is sent now, where `spent` of the call's
    /// time has passed. Zero where it is too late to send one.
    pub(crate) fn time_to_answer(&self, spent: Duration) -> Duration {
        if self.time_to_prepare(spent).is_zero() || self.endpoint.is_idempotent() {
            self.time_to_prepare(spent)
        } else {
            self.deadline
        }
    }

    /// Whether the call is sent with the access token. The compatibility API takes
    /// none, and the application's limit is not about it.
    pub(crate) fn takes_token(&self) -> bool {
        self.endpoint.api() != Api::Compatibility
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::of(self.endpoint)
    }

    pub(crate) fn path_and_query(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }
}

/// A body can say where someone is going.
impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.endpoint.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints;

    #[test]
    fn parts_of_a_path_are_checked_and_a_query_is_handed_on() {
        let call = Call::at(&endpoints::GET_WEBHOOK, &["w-1"]).unwrap();
        assert_eq!(
            call.raw_query("a=%5B&b").path_and_query(),
            "/v3/webhooks/w-1?a=%5B&b"
        );
        assert!(Call::at(&endpoints::GET_WEBHOOK, &["../users"]).is_err());
        let of_a_vehicle = Call::at(&endpoints::LOCK, &["v-1"]).unwrap();
        assert_eq!(of_a_vehicle.vehicle, VehicleId::parse("v-1").ok());
    }

    #[test]
    fn command_has_ten_seconds_to_be_sent_and_310_from_there() {
        let seconds = Duration::from_secs;
        let lock = Call::at(&endpoints::LOCK, &["v-1"]).unwrap();
        assert_eq!(lock.time_to_answer(seconds(0)), seconds(310));
        assert_eq!(lock.time_to_answer(seconds(9)), seconds(310));
        assert_eq!(lock.time_to_answer(seconds(10)), seconds(0));
        assert_eq!(lock.longest(), seconds(320));
        let read = Call::to(&endpoints::LIST_WEBHOOKS, &[]);
        assert_eq!(read.time_to_answer(seconds(9)), seconds(1));
        assert_eq!(read.time_to_answer(seconds(10)), seconds(0));
        assert_eq!(read.longest(), seconds(10));
    }

    #[test]
    fn query_parameters_are_encoded() {
        let call = Call::to(&endpoints::LIST_WEBHOOKS, &[])
            .query("filter[name]", "a&b=c")
            .query("page[number]", "2");
        let expected = "/v3/webhooks?filter%5Bname%5D=a%26b%3Dc&page%5Bnumber%5D=2";
        assert_eq!(call.path_and_query(), expected);
    }
}
