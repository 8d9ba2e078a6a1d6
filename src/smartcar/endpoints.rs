//! Every endpoint of Smartcar's API v3, in one table.
//!
//! Who adds an endpoint adds it here: the client, a gateway's routes and a
//! description of the API all follow from this table.

use http::Method;

/// Which of Smartcar's hosts answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// The identity server.
    Iam,
    /// The vehicle API.
    Vehicle,
    /// The management API.
    Management,
    /// The compatibility API, which takes no token.
    Compatibility,
}

impl Api {
    /// The API's name, as in the host's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Vehicle => "vehicle",
            Self::Management => "management",
            Self::Compatibility => "compatibility",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [
            Self::Iam,
            Self::Vehicle,
            Self::Management,
            Self::Compatibility,
        ];
        all.into_iter().find(|api| api.as_str() == name)
    }
}

/// Whether a call says on whose behalf it is made (the header `sc-user-id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBehalf {
    /// It has to.
    Required,
    /// It may; for connections it acts as a filter.
    Optional,
    /// It does not.
    None,
}

/// An endpoint of Smartcar's API.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The host that answers.
    pub api: Api,
    /// The method.
    pub method: Method,
    /// The path, with names in braces where an id stands.
    pub path: &'static str,
    /// The permission that the vehicle's owner has to have granted, where
    /// Smartcar documents one.
    pub permission: Option<&'static str>,
    /// Whether the call says on whose behalf it is made.
    pub on_behalf: OnBehalf,
    /// Whether the same call twice has the effect of one.
    pub is_idempotent: bool,
    /// The query parameters.
    pub query: &'static [&'static str],
    /// Where Smartcar documents it.
    pub docs: &'static str,
}

impl Endpoint {
    /// The path, a value in the place of each name. Values are identifiers of
    /// this crate, which cannot leave their place in a path.
    pub(crate) fn path_to(&self, values: &[&str]) -> String {
        let mut values = values.iter();
        let mut path = String::with_capacity(self.path.len() + 64);
        let mut rest = self.path;
        while let Some((before, after)) = rest.split_once('{') {
            path.push_str(before);
            path.push_str(values.next().copied().unwrap_or_default());
            rest = after.split_once('}').map_or("", |(_, after)| after);
        }
        path.push_str(rest);
        path
    }
}

/// Grants the application's access token.
pub const TOKEN: Endpoint = Endpoint {
    summary: "Grants the application's access token.",
    api: Api::Iam,
    method: Method::POST,
    path: "/oauth2/token",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/authorization/request-access-token",
};

/// Lists which user granted access to which vehicle.
pub const LIST_CONNECTIONS: Endpoint = Endpoint {
    summary: "Lists which user granted access to which vehicle.",
    api: Api::Vehicle,
    method: Method::GET,
    path: "/v3/connections",
    permission: None,
    on_behalf: OnBehalf::Optional,
    is_idempotent: true,
    query: &[
        "filter[userId]",
        "filter[vehicleId]",
        "filter[vehicle.mode]",
        "filter[user.externalId]",
        "page[number]",
        "page[size]",
    ],
    docs: "https://smartcar.com/docs/api-reference/list-connections",
};

/// One connection.
pub const GET_CONNECTION: Endpoint = Endpoint {
    summary: "One connection.",
    api: Api::Vehicle,
    method: Method::GET,
    path: "/v3/connections/{connectionId}",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/get-connection",
};

/// Ends the access to one vehicle.
pub const DELETE_CONNECTION: Endpoint = Endpoint {
    summary: "Ends the access to one vehicle.",
    api: Api::Vehicle,
    method: Method::DELETE,
    path: "/v3/connections/{connectionId}",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/remove-connection",
};

/// Removes a user and all their connections.
pub const DELETE_USER: Endpoint = Endpoint {
    summary: "Removes a user and all their connections.",
    api: Api::Vehicle,
    method: Method::DELETE,
    path: "/v3/users/{userId}",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/remove-user",
};

/// Make, model, year, powertrain and mode.
pub const GET_VEHICLE: Endpoint = Endpoint {
    summary: "Make, model, year, powertrain and mode.",
    api: Api::Vehicle,
    method: Method::GET,
    path: "/v3/vehicles/{vehicleId}",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/get-vehicle",
};

/// All signals that Smartcar holds of a vehicle.
pub const LIST_SIGNALS: Endpoint = Endpoint {
    summary: "All signals that Smartcar holds of a vehicle.",
    api: Api::Vehicle,
    method: Method::GET,
    path: "/v3/vehicles/{vehicleId}/signals",
    permission: None,
    on_behalf: OnBehalf::Required,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/list-signals",
};

/// One signal.
pub const GET_SIGNAL: Endpoint = Endpoint {
    summary: "One signal.",
    api: Api::Vehicle,
    method: Method::GET,
    path: "/v3/vehicles/{vehicleId}/signals/{signalCode}",
    permission: None,
    on_behalf: OnBehalf::Required,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/get-signal",
};

/// Starts charging.
pub const START_CHARGE: Endpoint = Endpoint {
    summary: "Starts charging.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/commands/charge/start",
    permission: Some("control_charge"),
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/charging/start-charging",
};

/// Stops charging.
pub const STOP_CHARGE: Endpoint = Endpoint {
    summary: "Stops charging.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/commands/charge/stop",
    permission: Some("control_charge"),
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/charging/stop-charging",
};

/// Sets the state of charge at which charging stops.
pub const SET_CHARGE_LIMIT: Endpoint = Endpoint {
    summary: "Sets the state of charge at which charging stops.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/commands/charge/set-limit",
    permission: Some("control_charge"),
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/charging/set-charge-limit",
};

/// Locks the doors.
pub const LOCK: Endpoint = Endpoint {
    summary: "Locks the doors.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/commands/security/lock",
    permission: Some("control_security"),
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/security/lock-doors",
};

/// Unlocks the doors.
pub const UNLOCK: Endpoint = Endpoint {
    summary: "Unlocks the doors.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/commands/security/unlock",
    permission: Some("control_security"),
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/security/unlock-doors",
};

/// Sends a destination to the navigation system.
pub const SET_DESTINATION: Endpoint = Endpoint {
    summary: "Sends a destination to the navigation system.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/commands/navigation/set-destination",
    permission: Some("control_navigation"),
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/navigation/set-destination",
};

/// Opens the charge port.
pub const OPEN_CHARGE_PORT: Endpoint = Endpoint {
    summary: "Opens the charge port.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/commands/charge-port/open",
    permission: None,
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/commands/overview",
};

/// Closes the charge port.
pub const CLOSE_CHARGE_PORT: Endpoint = Endpoint {
    summary: "Closes the charge port.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/commands/charge-port/close",
    permission: None,
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/commands/overview",
};

/// Creates a charge schedule that repeats every day.
pub const CREATE_DAILY_CHARGE_SCHEDULE: Endpoint = Endpoint {
    summary: "Creates a charge schedule that repeats every day.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/charge-schedules/daily",
    permission: None,
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/commands/overview",
};

/// Creates a charge schedule that repeats every week.
pub const CREATE_WEEKLY_CHARGE_SCHEDULE: Endpoint = Endpoint {
    summary: "Creates a charge schedule that repeats every week.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/charge-schedules/weekly",
    permission: None,
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/commands/overview",
};

/// Creates a charge schedule that repeats on working days.
pub const CREATE_WORKWEEK_CHARGE_SCHEDULE: Endpoint = Endpoint {
    summary: "Creates a charge schedule that repeats on working days.",
    api: Api::Vehicle,
    method: Method::POST,
    path: "/v3/vehicles/{vehicleId}/charge-schedules/workweek",
    permission: None,
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/commands/overview",
};

/// Removes a charge schedule.
pub const DELETE_CHARGE_SCHEDULE: Endpoint = Endpoint {
    summary: "Removes a charge schedule.",
    api: Api::Vehicle,
    method: Method::DELETE,
    path: "/v3/vehicles/{vehicleId}/charge-schedules/{scheduleId}",
    permission: None,
    on_behalf: OnBehalf::Required,
    is_idempotent: false,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/commands/overview",
};

/// Lists the webhooks of the application.
pub const LIST_WEBHOOKS: Endpoint = Endpoint {
    summary: "Lists the webhooks of the application.",
    api: Api::Management,
    method: Method::GET,
    path: "/v3/webhooks",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[
        "filter[name]",
        "filter[callbackUri]",
        "filter[isEnabled]",
        "filter[autoSubscribe]",
        "page[number]",
        "page[size]",
    ],
    docs: "https://smartcar.com/docs/api-reference/list-webhooks",
};

/// One webhook.
pub const GET_WEBHOOK: Endpoint = Endpoint {
    summary: "One webhook.",
    api: Api::Management,
    method: Method::GET,
    path: "/v3/webhooks/{webhookId}",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/get-webhook",
};

/// Lists which vehicles are subscribed to which webhooks.
pub const LIST_SUBSCRIPTIONS: Endpoint = Endpoint {
    summary: "Lists which vehicles are subscribed to which webhooks.",
    api: Api::Management,
    method: Method::GET,
    path: "/v3/subscriptions",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[
        "filter[userId]",
        "filter[webhookId]",
        "filter[vehicleId]",
        "filter[vehicle.mode]",
        "page[number]",
        "page[size]",
    ],
    docs: "https://smartcar.com/docs/api-reference/list-subscriptions",
};

/// Subscribes a vehicle to a webhook; 409 says that it was already.
pub const CREATE_SUBSCRIPTION: Endpoint = Endpoint {
    summary: "Subscribes a vehicle to a webhook; 409 says that it was already.",
    api: Api::Management,
    method: Method::POST,
    path: "/v3/subscriptions",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/create-subscription",
};

/// One subscription.
pub const GET_SUBSCRIPTION: Endpoint = Endpoint {
    summary: "One subscription.",
    api: Api::Management,
    method: Method::GET,
    path: "/v3/subscriptions/{subscriptionId}",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/get-subscription",
};

/// Ends a subscription.
pub const DELETE_SUBSCRIPTION: Endpoint = Endpoint {
    summary: "Ends a subscription.",
    api: Api::Management,
    method: Method::DELETE,
    path: "/v3/subscriptions/{subscriptionId}",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/delete-subscription",
};

/// Lists which vehicles Smartcar supports. Takes no token; may be kept for 24 hours.
pub const LIST_COMPATIBLE_VEHICLES: Endpoint = Endpoint {
    summary: "Lists which vehicles Smartcar supports. Takes no token; may be kept for 24 hours.",
    api: Api::Compatibility,
    method: Method::GET,
    path: "/v3/compatible-vehicles",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &["filter[region]", "filter[make]", "filter[powertrainType]"],
    docs: "https://smartcar.com/docs/api-reference/compatible-vehicles",
};

/// Lists the applications of the account.
pub const LIST_APPLICATIONS: Endpoint = Endpoint {
    summary: "Lists the applications of the account.",
    api: Api::Management,
    method: Method::GET,
    path: "/v3/applications",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/vehicles-api-intro",
};

/// One application.
pub const GET_APPLICATION: Endpoint = Endpoint {
    summary: "One application.",
    api: Api::Management,
    method: Method::GET,
    path: "/v3/applications/{applicationId}",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/vehicles-api-intro",
};

/// Lists the secrets of an application.
pub const LIST_APPLICATION_SECRETS: Endpoint = Endpoint {
    summary: "Lists the secrets of an application.",
    api: Api::Management,
    method: Method::GET,
    path: "/v3/applications/{applicationId}/secrets",
    permission: None,
    on_behalf: OnBehalf::None,
    is_idempotent: true,
    query: &[],
    docs: "https://smartcar.com/docs/api-reference/vehicles-api-intro",
};

/// Every endpoint.
pub const ALL: [&Endpoint; 30] = [
    &LIST_APPLICATIONS,
    &GET_APPLICATION,
    &LIST_APPLICATION_SECRETS,
    &TOKEN,
    &LIST_CONNECTIONS,
    &GET_CONNECTION,
    &DELETE_CONNECTION,
    &DELETE_USER,
    &GET_VEHICLE,
    &LIST_SIGNALS,
    &GET_SIGNAL,
    &START_CHARGE,
    &STOP_CHARGE,
    &SET_CHARGE_LIMIT,
    &LOCK,
    &UNLOCK,
    &SET_DESTINATION,
    &OPEN_CHARGE_PORT,
    &CLOSE_CHARGE_PORT,
    &CREATE_DAILY_CHARGE_SCHEDULE,
    &CREATE_WEEKLY_CHARGE_SCHEDULE,
    &CREATE_WORKWEEK_CHARGE_SCHEDULE,
    &DELETE_CHARGE_SCHEDULE,
    &LIST_WEBHOOKS,
    &GET_WEBHOOK,
    &LIST_SUBSCRIPTIONS,
    &CREATE_SUBSCRIPTION,
    &GET_SUBSCRIPTION,
    &DELETE_SUBSCRIPTION,
    &LIST_COMPATIBLE_VEHICLES,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_endpoint_is_there_twice_and_each_is_complete() {
        let mut seen = BTreeSet::new();
        for endpoint in ALL {
            let known = (endpoint.method.as_str(), endpoint.path);
            assert!(seen.insert(known), "{known:?}");
            assert!(
                endpoint.docs.starts_with("https://smartcar.com/docs/"),
                "{known:?}"
            );
            assert!(endpoint.summary.ends_with('.'), "{known:?}");
            let of_a_vehicle = endpoint.path.contains("{vehicleId}/");
            assert_eq!(
                of_a_vehicle,
                endpoint.on_behalf == OnBehalf::Required,
                "{known:?}"
            );
        }
    }

    #[test]
    fn every_constant_is_in_the_table() {
        let constants = include_str!("endpoints.rs")
            .matches(": Endpoint = Endpoint {")
            .count();
        // This very test names the pattern once.
        assert_eq!(constants - 1, ALL.len());
    }

    #[test]
    fn values_take_the_place_of_names() {
        assert_eq!(
            GET_SIGNAL.path_to(&["v-1", "a-b"]),
            "/v3/vehicles/v-1/signals/a-b"
        );
        assert_eq!(
            LOCK.path_to(&["v-1"]),
            "/v3/vehicles/v-1/commands/security/lock"
        );
        assert_eq!(LIST_WEBHOOKS.path_to(&[]), "/v3/webhooks");
    }
}
