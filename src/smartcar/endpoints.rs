//! Every endpoint of Smartcar's API v3, in one table.
//!
//! A new endpoint is a new entry here: the client, a gateway's routes and scopes and the
//! description of the API follow from this table.

mod unlisted;

pub use unlisted::unlisted;

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
    /// `sc-user-id` is required.
    Required,
    /// `sc-user-id` may be sent; for connections it acts as a filter.
    Optional,
    /// `sc-user-id` is not sent.
    None,
}

/// What an endpoint belongs to, as Smartcar's documentation groups them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The application's access token.
    Authorization,
    /// Who granted access to what.
    Connections,
    /// The owners of vehicles.
    Users,
    /// Vehicles.
    Vehicles,
    /// The signals of a vehicle.
    Signals,
    /// Commands to a vehicle.
    Commands,
    /// The times at which a vehicle charges by itself.
    ChargeSchedules,
    /// Where Smartcar delivers.
    Webhooks,
    /// Which vehicles Smartcar delivers the signals of.
    Subscriptions,
    /// The vehicles that Smartcar supports.
    Compatibility,
    /// The applications of the Smartcar account.
    Applications,
    /// What this crate does not know, at this host.
    Unlisted(Api),
}

/// The part of a request that says which vehicle or user a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The vehicle in the path.
    Vehicle,
    /// The user in the path.
    User,
    /// The connection in the path; Smartcar knows its vehicle and user.
    Connection,
    /// The subscription in the path; Smartcar knows its vehicle and user.
    Subscription,
    /// The vehicle and the user in the body.
    Subscriber,
    /// The vehicle or the user by which a list is filtered.
    Filter,
    /// Smartcar's account, with all that belongs to it.
    Account,
    /// No vehicle and no user.
    Nothing,
}

/// An endpoint of Smartcar's API.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name that no other endpoint has: a command's as in its path, and otherwise a verb
    /// and a noun.
    pub name: &'static str,
    /// What the endpoint does, in a sentence.
    pub summary: &'static str,
    /// What it belongs to.
    pub family: Family,
    /// The method.
    pub method: Method,
    /// The path, with names in braces in the place of identifiers.
    pub path: &'static str,
    /// Where a request says whom it is about.
    pub about: About,
    /// The scope that an API key needs: the permission that the vehicle's owner has to have
    /// granted, where Smartcar documents one. `read_*` stands for the permission of each
    /// signal. Empty for the access token, which takes the application's credentials.
    pub scope: &'static str,
    /// The query parameters.
    pub query: &'static [&'static str],
    /// The URL of its documentation.
    pub docs: &'static str,
}

impl Endpoint {
    /// The host that answers.
    pub const fn api(&self) -> Api {
        match self.family {
            Family::Authorization => Api::Iam,
            Family::Webhooks | Family::Subscriptions | Family::Applications => Api::Management,
            Family::Compatibility => Api::Compatibility,
            Family::Unlisted(api) => api,
            Family::Connections
            | Family::Users
            | Family::Vehicles
            | Family::Signals
            | Family::Commands
            | Family::ChargeSchedules => Api::Vehicle,
        }
    }

    /// Whether a call says on whose behalf it is made.
    pub const fn on_behalf(&self) -> OnBehalf {
        match (self.family, self.about) {
            (Family::Signals | Family::Commands | Family::ChargeSchedules, _) => OnBehalf::Required,
            (Family::Connections, About::Filter) | (Family::Unlisted(_), _) => OnBehalf::Optional,
            _ => OnBehalf::None,
        }
    }

    /// Whether the same call twice has the effect of one.
    pub fn is_idempotent(&self) -> bool {
        let can_act_twice = matches!(
            self.family,
            Family::Commands | Family::ChargeSchedules | Family::Unlisted(_)
        );
        self.method == Method::GET || !can_act_twice
    }

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

macro_rules! endpoints {
    ($(
        #[doc = $summary:literal]
        $constant:ident: $family:ident $name:literal, $method:ident $path:literal
            about $about:ident, scope $scope:literal, see $docs:literal
            $(, query [$($query:literal),+])?;
    )+) => {
        $(
            #[doc = $summary]
            pub const $constant: Endpoint = Endpoint {
                name: $name,
                summary: $summary.trim_ascii_start(),
                family: Family::$family,
                method: Method::$method,
                path: $path,
                about: About::$about,
                scope: $scope,
                query: &[$($($query),+)?],
                docs: concat!("https://smartcar.com/docs/api-reference/", $docs),
            };
        )+

        /// Every endpoint.
        pub const ALL: &[&Endpoint] = &[$(&$constant),+];
    };
}

endpoints! {
    /// Grants the application's access token.
    TOKEN: Authorization "grant-token", POST "/oauth2/token"
        about Account, scope "", see "authorization/request-access-token";

    /// Lists which user granted access to which vehicle.
    LIST_CONNECTIONS: Connections "list-connections", GET "/v3/connections"
        about Filter, scope "manage_connections", see "list-connections",
        query ["filter[userId]", "filter[vehicleId]", "filter[vehicle.mode]",
            "filter[user.externalId]", "page[number]", "page[size]"];

    /// One connection.
    GET_CONNECTION: Connections "get-connection", GET "/v3/connections/{connectionId}"
        about Connection, scope "manage_connections", see "get-connection";

    /// Ends the access to one vehicle.
    DELETE_CONNECTION: Connections "remove-connection", DELETE "/v3/connections/{connectionId}"
        about Connection, scope "manage_connections", see "remove-connection";

    /// Removes a user and all their connections.
    DELETE_USER: Users "remove-user", DELETE "/v3/users/{userId}"
        about User, scope "manage_connections", see "remove-user";

    /// Make, model, year, powertrain and mode.
    GET_VEHICLE: Vehicles "get-vehicle", GET "/v3/vehicles/{vehicleId}"
        about Vehicle, scope "read_vehicle_info", see "get-vehicle";

    /// All signals that Smartcar holds of a vehicle.
    LIST_SIGNALS: Signals "list-signals", GET "/v3/vehicles/{vehicleId}/signals"
        about Vehicle, scope "read_*", see "list-signals";

    /// One signal.
    GET_SIGNAL: Signals "get-signal", GET "/v3/vehicles/{vehicleId}/signals/{signalCode}"
        about Vehicle, scope "read_*", see "get-signal";

    /// Starts charging.
    START_CHARGE: Commands "charge-start", POST "/v3/vehicles/{vehicleId}/commands/charge/start"
        about Vehicle, scope "control_charge", see "charging/start-charging";

    /// Stops charging.
    STOP_CHARGE: Commands "charge-stop", POST "/v3/vehicles/{vehicleId}/commands/charge/stop"
        about Vehicle, scope "control_charge", see "charging/stop-charging";

    /// Sets the state of charge at which charging stops.
    SET_CHARGE_LIMIT: Commands "charge-set-limit", POST "/v3/vehicles/{vehicleId}/commands/charge/set-limit"
        about Vehicle, scope "control_charge", see "charging/set-charge-limit";

    /// Locks the doors.
    LOCK: Commands "security-lock", POST "/v3/vehicles/{vehicleId}/commands/security/lock"
        about Vehicle, scope "control_security", see "security/lock-doors";

    /// Unlocks the doors.
    UNLOCK: Commands "security-unlock", POST "/v3/vehicles/{vehicleId}/commands/security/unlock"
        about Vehicle, scope "control_security", see "security/unlock-doors";

    /// Sends a destination to the navigation system.
    SET_DESTINATION: Commands "navigation-set-destination", POST "/v3/vehicles/{vehicleId}/commands/navigation/set-destination"
        about Vehicle, scope "control_navigation", see "navigation/set-destination";

    /// Opens the charge port.
    OPEN_CHARGE_PORT: Commands "charge-port-open", POST "/v3/vehicles/{vehicleId}/commands/charge-port/open"
        about Vehicle, scope "control_charge", see "commands/overview";

    /// Closes the charge port.
    CLOSE_CHARGE_PORT: Commands "charge-port-close", POST "/v3/vehicles/{vehicleId}/commands/charge-port/close"
        about Vehicle, scope "control_charge", see "commands/overview";

    /// Creates a charge schedule that repeats every day.
    CREATE_DAILY_CHARGE_SCHEDULE: ChargeSchedules "create-daily-charge-schedule", POST "/v3/vehicles/{vehicleId}/charge-schedules/daily"
        about Vehicle, scope "control_charge", see "charge-schedules/set-daily-charge-schedule";

    /// Creates a charge schedule that repeats every week.
    CREATE_WEEKLY_CHARGE_SCHEDULE: ChargeSchedules "create-weekly-charge-schedule", POST "/v3/vehicles/{vehicleId}/charge-schedules/weekly"
        about Vehicle, scope "control_charge", see "charge-schedules/set-weekly-charge-schedule";

    /// Creates a charge schedule that repeats on working days.
    CREATE_WORKWEEK_CHARGE_SCHEDULE: ChargeSchedules "create-workweek-charge-schedule", POST "/v3/vehicles/{vehicleId}/charge-schedules/workweek"
        about Vehicle, scope "control_charge", see "charge-schedules/set-workweek-charge-schedule";

    /// One charge schedule.
    GET_CHARGE_SCHEDULE: ChargeSchedules "get-charge-schedule", GET "/v3/vehicles/{vehicleId}/charge-schedules/{scheduleId}"
        about Vehicle, scope "read_charge", see "charge-schedules/set-daily-charge-schedule";

    /// Removes a charge schedule.
    DELETE_CHARGE_SCHEDULE: ChargeSchedules "remove-charge-schedule", DELETE "/v3/vehicles/{vehicleId}/charge-schedules/{scheduleId}"
        about Vehicle, scope "control_charge", see "charge-schedules/delete-charge-schedule";

    /// Lists the webhooks of the application.
    LIST_WEBHOOKS: Webhooks "list-webhooks", GET "/v3/webhooks"
        about Nothing, scope "manage_subscriptions", see "list-webhooks",
        query ["filter[name]", "filter[callbackUri]", "filter[isEnabled]", "filter[autoSubscribe]",
            "page[number]", "page[size]"];

    /// One webhook.
    GET_WEBHOOK: Webhooks "get-webhook", GET "/v3/webhooks/{webhookId}"
        about Nothing, scope "manage_subscriptions", see "get-webhook";

    /// Lists which vehicles are subscribed to which webhooks.
    LIST_SUBSCRIPTIONS: Subscriptions "list-subscriptions", GET "/v3/subscriptions"
        about Filter, scope "manage_subscriptions", see "list-subscriptions",
        query ["filter[userId]", "filter[webhookId]", "filter[vehicleId]", "filter[vehicle.mode]",
            "page[number]", "page[size]"];

    /// Subscribes a vehicle to a webhook; 409 says that it was already.
    CREATE_SUBSCRIPTION: Subscriptions "create-subscription", POST "/v3/subscriptions"
        about Subscriber, scope "manage_subscriptions", see "create-subscription";

    /// One subscription.
    GET_SUBSCRIPTION: Subscriptions "get-subscription", GET "/v3/subscriptions/{subscriptionId}"
        about Subscription, scope "manage_subscriptions", see "get-subscription";

    /// Ends a subscription.
    DELETE_SUBSCRIPTION: Subscriptions "remove-subscription", DELETE "/v3/subscriptions/{subscriptionId}"
        about Subscription, scope "manage_subscriptions", see "delete-subscription";

    /// Lists which vehicles Smartcar supports. Takes no token; may be kept for 24 hours.
    LIST_COMPATIBLE_VEHICLES: Compatibility "list-compatible-vehicles", GET "/v3/compatible-vehicles"
        about Nothing, scope "read_vehicle_info", see "compatible-vehicles",
        query ["filter[region]", "filter[make]", "filter[powertrainType]"];

    /// Lists the applications of the account.
    LIST_APPLICATIONS: Applications "list-applications", GET "/v3/applications"
        about Account, scope "manage_applications", see "vehicles-api-intro";

    /// One application.
    GET_APPLICATION: Applications "get-application", GET "/v3/applications/{applicationId}"
        about Account, scope "manage_applications", see "vehicles-api-intro";

    /// Lists the secrets of an application.
    LIST_APPLICATION_SECRETS: Applications "list-secrets", GET "/v3/applications/{applicationId}/secrets"
        about Account, scope "manage_applications", see "vehicles-api-intro";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn endpoint_is_unique_and_complete() {
        let (mut seen, mut names) = (BTreeSet::new(), BTreeSet::new());
        for endpoint in ALL {
            let known = (endpoint.method.as_str(), endpoint.path);
            assert!(seen.insert(known), "{known:?}");
            assert!(names.insert(endpoint.name), "{known:?}");
            assert!(
                endpoint.docs.starts_with("https://smartcar.com/docs/"),
                "{known:?}"
            );
            assert!(endpoint.summary.ends_with('.'), "{known:?}");
            let of_a_vehicle = endpoint.path.contains("{vehicleId}/");
            assert_eq!(
                of_a_vehicle,
                endpoint.on_behalf() == OnBehalf::Required,
                "{known:?}"
            );
        }
    }

    #[test]
    fn scope_of_a_change_is_never_one_to_read() {
        for endpoint in ALL {
            let is_change = endpoint.method != Method::GET;
            assert!(
                !(is_change && endpoint.scope.starts_with("read_")),
                "{}",
                endpoint.name
            );
            let is_token = endpoint.family == Family::Authorization;
            assert_eq!(endpoint.scope.is_empty(), is_token, "{}", endpoint.name);
        }
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
