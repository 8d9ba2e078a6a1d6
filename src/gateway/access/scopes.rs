//! Which scope an endpoint takes. Scopes carry the names of Smartcar's
//! permissions, where there is one.

use crate::access::callers::Caller;
use smartcar::{
    SignalCode,
    endpoints::{self, Endpoint},
    signal_permission,
};

/// The scope that a key needs for one of Smartcar's endpoints. The signals of a
/// vehicle take the permission of each.
pub(crate) fn of(endpoint: &Endpoint) -> &'static str {
    if let Some(permission) = endpoint.permission {
        return permission;
    }
    if endpoint.path.starts_with("/v3/vehicles/") {
        return if endpoint.method == http::Method::GET {
            "read_vehicle_info"
        } else {
            // Smartcar documents no permission for the charge port and for
            // schedules.
            "control_charge"
        };
    }
    match endpoint.path.split('/').nth(2).unwrap_or_default() {
        "webhooks" | "subscriptions" => "manage_subscriptions",
        "applications" => "manage_applications",
        "compatible-vehicles" => "read_vehicle_info",
        _ => "manage_connections",
    }
}

/// The scope that a caller lacks to read a signal, if it lacks one. What is not
/// written as codes are can be any signal: it takes the scopes for all of them.
pub(crate) fn missing_for_signal(caller: &Caller, code: &str) -> Option<&'static str> {
    let is_code = SignalCode::parse(code).is_ok() && !code.bytes().any(|b| b.is_ascii_uppercase());
    let (scope, is_held) = if is_code {
        let scope = signal_permission(code);
        (scope, caller.has(scope))
    } else {
        ("read_*", caller.has_all("read_"))
    };
    (!is_held).then_some(scope)
}

/// Whether an endpoint tells the signals of a vehicle.
pub(crate) fn is_signals(endpoint: &Endpoint) -> bool {
    *endpoint == endpoints::LIST_SIGNALS || *endpoint == endpoints::GET_SIGNAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_never_takes_a_scope_to_read() {
        for endpoint in endpoints::ALL {
            let scope = of(endpoint);
            if endpoint.method != http::Method::GET {
                assert!(!scope.starts_with("read_"), "{}", endpoint.path);
            }
        }
    }

    #[test]
    fn each_family_has_its_scope() {
        for (endpoint, scope) in [
            (&endpoints::LOCK, "control_security"),
            (&endpoints::OPEN_CHARGE_PORT, "control_charge"),
            (&endpoints::DELETE_CHARGE_SCHEDULE, "control_charge"),
            (&endpoints::GET_VEHICLE, "read_vehicle_info"),
            (&endpoints::LIST_CONNECTIONS, "manage_connections"),
            (&endpoints::DELETE_USER, "manage_connections"),
            (&endpoints::LIST_WEBHOOKS, "manage_subscriptions"),
            (&endpoints::CREATE_SUBSCRIPTION, "manage_subscriptions"),
            (&endpoints::LIST_APPLICATION_SECRETS, "manage_applications"),
        ] {
            assert_eq!(of(endpoint), scope, "{}", endpoint.path);
        }
    }
}
