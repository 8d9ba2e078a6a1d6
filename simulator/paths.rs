//! The paths of Smartcar's side.

macro_rules! templates {
    ($($constant:ident = $path:literal;)*) => {
        $(pub(crate) const $constant: &str = $path;)*
        /// The routes of Smartcar's side, by which requests are counted and faults set.
        pub(crate) const TEMPLATES: &[&str] = &[$($constant),*];
    };
}

templates! {
    AUTHORIZE = "/oauth/authorize";
    REAUTHENTICATE = "/oauth/reauthenticate";
    TOKEN = "/oauth2/token";
    CONNECTIONS = "/v3/connections";
    CONNECTION = "/v3/connections/{connectionId}";
    USER = "/v3/users/{userId}";
    VEHICLE = "/v3/vehicles/{vehicleId}";
    SIGNALS = "/v3/vehicles/{vehicleId}/signals";
    SIGNAL = "/v3/vehicles/{vehicleId}/signals/{signalCode}";
    CHARGE_START = "/v3/vehicles/{vehicleId}/commands/charge/start";
    CHARGE_STOP = "/v3/vehicles/{vehicleId}/commands/charge/stop";
    CHARGE_SET_LIMIT = "/v3/vehicles/{vehicleId}/commands/charge/set-limit";
    LOCK = "/v3/vehicles/{vehicleId}/commands/security/lock";
    UNLOCK = "/v3/vehicles/{vehicleId}/commands/security/unlock";
    SET_DESTINATION = "/v3/vehicles/{vehicleId}/commands/navigation/set-destination";
    OPEN_CHARGE_PORT = "/v3/vehicles/{vehicleId}/commands/charge-port/open";
    CLOSE_CHARGE_PORT = "/v3/vehicles/{vehicleId}/commands/charge-port/close";
    DAILY_SCHEDULES = "/v3/vehicles/{vehicleId}/charge-schedules/daily";
    WEEKLY_SCHEDULES = "/v3/vehicles/{vehicleId}/charge-schedules/weekly";
    WORKWEEK_SCHEDULES = "/v3/vehicles/{vehicleId}/charge-schedules/workweek";
    SCHEDULE = "/v3/vehicles/{vehicleId}/charge-schedules/{scheduleId}";
    WEBHOOKS = "/v3/webhooks";
    WEBHOOK = "/v3/webhooks/{webhookId}";
    SUBSCRIPTIONS = "/v3/subscriptions";
    SUBSCRIPTION = "/v3/subscriptions/{subscriptionId}";
    APPLICATIONS = "/v3/applications";
    APPLICATION = "/v3/applications/{applicationId}";
    SECRETS = "/v3/applications/{applicationId}/secrets";
    COMPATIBLE_VEHICLES = "/v3/compatible-vehicles";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_exists_for_every_endpoint_of_the_client() {
        for endpoint in smartcar::endpoints::ALL {
            assert!(TEMPLATES.contains(&endpoint.path), "{}", endpoint.name);
        }
    }
}
