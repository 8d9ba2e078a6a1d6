//! What Smartcar's answers mean, compared with what is configured here.

use crate::{
    access::callers::Callers,
    own::doctor::finding::{Details, Finding, Found},
};
use http::Uri;
use smartcar::{
    Connection, PowertrainType, Subscription, Timestamp, VehicleAttributes, VehicleId, Webhook,
};
use std::{collections::BTreeSet, time::Duration};

/// By how many milliseconds two clocks may differ.
const SKEW: i64 = 2 * 60 * 1000;

/// Smartcar takes a while to list a subscription that was just made.
const SUBSCRIBING: Duration = Duration::from_secs(10 * 60);

/// The webhook that is meant: the one that leads here and is enabled, else one that leads
/// here, else the only one.
pub(crate) fn meant<'a>(webhooks: &'a [Webhook], host: Option<&Uri>) -> Option<&'a Webhook> {
    let leads_here = |webhook: &&Webhook| leads_here(webhook.callback_uri.as_deref(), host);
    let is_enabled = |webhook: &&Webhook| webhook.is_enabled != Some(false);
    let here = || webhooks.iter().filter(leads_here);
    let only = || webhooks.first().filter(|_| webhooks.len() == 1);
    here()
        .find(is_enabled)
        .or_else(|| here().next())
        .or_else(only)
}

/// What is wrong with the webhooks, of which one is meant. `host` is a URL of this
/// application's, where one is known.
pub(crate) fn of_webhooks(
    webhooks: &[Webhook],
    meant: Option<&Webhook>,
    host: Option<&Uri>,
) -> Vec<Finding> {
    let Some(webhook) = meant else {
        return vec![if webhooks.is_empty() {
            Finding::WebhookMissing
        } else {
            Finding::WebhookElsewhere
        }];
    };
    let error_uri = webhook.error_callback_uri.as_deref();
    let checks = [
        (
            !leads_here(webhook.callback_uri.as_deref(), host),
            Finding::WebhookElsewhere,
        ),
        (webhook.is_enabled == Some(false), Finding::WebhookDisabled),
        (webhook.data.is_empty(), Finding::WebhookWithoutData),
        (webhook.triggers.is_empty(), Finding::WebhookWithoutTriggers),
        (
            error_uri.is_some() && !leads_here(error_uri, host),
            Finding::ErrorUriElsewhere,
        ),
    ];
    let found = checks.into_iter().filter(|(is_wrong, _)| *is_wrong);
    found.map(|(_, finding)| finding).collect()
}

/// Whether deliveries to this URI can come here: by their path, and by host and port where
/// those of this application are known. A proxy may put something before the path.
fn leads_here(callback: Option<&str>, host: Option<&Uri>) -> bool {
    let Some(callback) = callback.and_then(|uri| uri.parse::<Uri>().ok()) else {
        return false;
    };
    let is_host = host.is_none_or(|host| authority(host) == authority(&callback));
    // The receiver takes a slash at the end too.
    let path = callback.path().trim_end_matches('/');
    is_host && path.ends_with("/webhooks")
}

fn authority(uri: &Uri) -> (Option<String>, Option<u16>) {
    let usual = match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    };
    let host = uri.host().map(str::to_ascii_lowercase);
    (host, uri.port_u16().or(usual))
}

/// The scheme and host of a callback: its path and query can hold a secret.
pub(crate) fn origin(callback: &str) -> Option<String> {
    let uri: Uri = callback.parse().ok()?;
    let authority = uri.authority()?.as_str();
    // Before the host, there can be a password.
    let host = authority.rsplit('@').next()?;
    Some(format!("{}://{host}", uri.scheme_str()?))
}

/// Connected vehicles of which nothing is delivered.
pub(crate) fn of_subscriptions(
    connections: &[Connection],
    subscriptions: &[Subscription],
    now: Timestamp,
) -> Option<Found> {
    let subscribed: BTreeSet<_> = subscriptions
        .iter()
        .filter_map(|subscription| subscription.vehicle_id.as_ref())
        .collect();
    let is_missing = |connection: &&Connection| {
        let vehicle = connection.vehicle_id.as_ref();
        let is_new = connection
            .created_at
            .is_some_and(|at| at > now.before(SUBSCRIBING));
        !is_new && vehicle.is_some_and(|vehicle| !subscribed.contains(vehicle))
    };
    of_vehicles(
        Finding::NotSubscribed,
        connections.iter().filter(is_missing),
    )
}

/// Connections without permissions that keys are for, as far as the car has a use for them.
pub(crate) fn of_permissions(connections: &[Connection], callers: &Callers) -> Option<Found> {
    let mut lacking = Vec::new();
    let mut permissions = BTreeSet::new();
    for connection in connections {
        let missing = missing_permissions(connection, callers);
        if !missing.is_empty() {
            lacking.push(connection);
            permissions.extend(missing);
        }
    }
    let mut found = of_vehicles(Finding::PermissionsMissing, lacking)?;
    found.details.permissions = permissions.into_iter().map(str::to_owned).collect();
    Some(found)
}

fn missing_permissions<'a>(connection: &Connection, callers: &'a Callers) -> Vec<&'a str> {
    let held = &connection.permissions;
    // Without any, Smartcar has not said.
    if held.is_empty() {
        return Vec::new();
    }
    let (vehicle, user) = (connection.vehicle_id.as_ref(), connection.user_id.as_ref());
    let mut wanted = callers.permissions(vehicle, user);
    wanted.retain(|wanted| {
        !held.iter().any(|held| held == wanted) && is_of_use(wanted, &connection.vehicle)
    });
    wanted.into_iter().collect()
}

/// Whether a permission is about what such a vehicle has: no owner of an electric car is
/// asked for its fuel.
fn is_of_use(permission: &str, vehicle: &VehicleAttributes) -> bool {
    let is_of_engine = ["read_engine_oil", "read_fuel"].contains(&permission);
    let is_of_battery = permission.starts_with("read_charge")
        || ["control_charge", "read_battery"].contains(&permission);
    match &vehicle.powertrain_type {
        Some(PowertrainType::Bev) => !is_of_engine,
        Some(PowertrainType::Ice | PowertrainType::Hev) => !is_of_battery,
        _ => true,
    }
}

fn of_vehicles<'a>(
    finding: Finding,
    connections: impl IntoIterator<Item = &'a Connection>,
) -> Option<Found> {
    let vehicles: BTreeSet<&str> = connections
        .into_iter()
        .filter_map(|connection| connection.vehicle_id.as_ref())
        .map(VehicleId::as_str)
        .collect();
    (!vehicles.is_empty()).then(|| Found {
        finding,
        details: Details::of_vehicles(vehicles),
    })
}

/// Whether this host's clock is off, by so many milliseconds.
pub(crate) fn of_clock(ahead: i64) -> Option<Found> {
    (ahead.abs() > SKEW).then(|| Found {
        finding: Finding::ClockDiffers,
        details: Details {
            seconds_ahead: Some(ahead / 1000),
            ..Details::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(callback: &str, host: Option<&str>) -> bool {
        let host = host.map(|host| host.parse().unwrap());
        leads_here(Some(callback), host.as_ref())
    }

    #[test]
    fn callback_leads_here_by_its_path_and_by_its_host_where_that_is_known() {
        let host = Some("https://edge.example.com/connect/callback");
        for good in [
            "https://edge.example.com/webhooks",
            "https://EDGE.example.com:443/webhooks",
            "https://edge.example.com/cars/webhooks?key=hush",
        ] {
            assert!(here(good, host) && here(good, None), "{good}");
        }
        for elsewhere in [
            "https://other.example.com/webhooks",
            "https://edge.example.com:8443/webhooks",
        ] {
            assert!(
                !here(elsewhere, host) && here(elsewhere, None),
                "{elsewhere}"
            );
        }
        for bad in [
            "https://edge.example.com/",
            "https://edge.example.com/hooks",
            "",
            " ",
        ] {
            assert!(!here(bad, host) && !here(bad, None), "{bad}");
        }
    }

    #[test]
    fn callback_is_shown_without_what_can_be_secret() {
        let shown = origin("https://user:hush@edge.example.com:8443/hush/webhooks?key=hush");
        assert_eq!(shown.as_deref(), Some("https://edge.example.com:8443"));
        assert_eq!(origin("/webhooks"), None);
    }

    #[test]
    fn clock_may_be_two_minutes_off_either_way() {
        for fine in [0, SKEW, -SKEW] {
            assert_eq!(of_clock(fine), None);
        }
        for off in [SKEW + 1, -SKEW - 1] {
            let found = of_clock(off).unwrap();
            assert_eq!(found.finding, Finding::ClockDiffers);
            assert_eq!(found.details.seconds_ahead, Some(off / 1000));
        }
    }

    #[test]
    fn permission_is_missed_of_cars_that_have_a_use_for_it() {
        let of = |permission, powertrain: Option<&str>| {
            let vehicle = VehicleAttributes {
                powertrain_type: powertrain.map(Into::into),
                ..VehicleAttributes::default()
            };
            is_of_use(permission, &vehicle)
        };
        for of_battery in [
            "read_battery",
            "read_charge",
            "read_charge_records",
            "control_charge",
        ] {
            assert!(of(of_battery, Some("BEV")) && of(of_battery, Some("PHEV")));
            assert!(
                !of(of_battery, Some("ICE")) && of(of_battery, None),
                "{of_battery}"
            );
        }
        assert!(of("read_fuel", Some("ICE")) && !of("read_fuel", Some("BEV")));
        assert!(of("read_location", Some("ICE")) && of("read_location", Some("BEV")));
    }
}
