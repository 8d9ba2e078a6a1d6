//! Signals: what a vehicle tells about itself.

mod catalogue;
mod collection;
#[cfg(test)]
mod properties;
mod reading;
mod shapes;
mod status;
pub mod values;

pub use catalogue::{CATALOGUE, Shape, SignalInfo, signal_info};
pub use collection::{NoSignals, Signals, UnreadableSignal};
pub(crate) use reading::Parts;
pub use reading::Signal;
pub use status::{SignalError, SignalStatus};
pub use values::SignalValue;

/// The permission by which a vehicle's owner grants a signal, by the signal's
/// code, for example `read_battery` for `tractionbattery-stateofcharge`.
///
/// Smartcar publishes no table of signals and permissions. Where [`CATALOGUE`]
/// knows none, this one follows from the names of both; a signal in a group that
/// is not named here counts as information about the vehicle.
///
/// Source of the permissions: <https://smartcar.com/docs/api-reference/permissions>
pub fn signal_permission(code: &str) -> &'static str {
    signal_info(code)
        .and_then(|info| info.permission)
        .unwrap_or_else(|| by_group(code))
}

fn by_group(code: &str) -> &'static str {
    match code.split('-').next().unwrap_or_default() {
        "charge" => "read_charge",
        "climate" => "read_thermometer",
        "closure" | "surveillance" => "read_security",
        "diagnostics" if code.starts_with("diagnostics-oil") => "read_engine_oil",
        "diagnostics" => "read_diagnostics",
        "hvac" => "read_climate",
        "internalcombustionengine" if code.ends_with("-oillife") => "read_engine_oil",
        "internalcombustionengine" => "read_fuel",
        "location" => "read_location",
        "lowvoltagebattery" | "tractionbattery" => "read_battery",
        "motion" => "read_speedometer",
        "odometer" => "read_odometer",
        "service" => "read_service_history",
        "vehicleuseraccount" => "read_user_profile",
        "wheel" => "read_tires",
        _ => "read_vehicle_info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_for_identity_and_place_is_not_vehicle_information() {
        for (code, permission) in [
            ("vehicleidentification-vin", "read_vin"),
            ("vehicleidentification-nickname", "read_vehicle_info"),
            ("location-preciselocation", "read_location"),
            ("location-tomorrow", "read_location"),
            ("closure-islocked", "read_security"),
            ("surveillance-isenabled", "read_security"),
            ("charge-chargerecords", "read_charge_records"),
            ("charge-tomorrow", "read_charge"),
            ("diagnostics-oillife", "read_engine_oil"),
            ("tractionbattery-stateofcharge", "read_battery"),
            ("tractionbattery-estimatedrange", "read_battery"),
            ("tomorrow-unknown", "read_vehicle_info"),
            ("", "read_vehicle_info"),
        ] {
            assert_eq!(signal_permission(code), permission, "{code}");
        }
    }

    #[test]
    fn catalogue_and_the_groups_agree() {
        // Finer than their groups.
        let finer = [
            "charge-chargerecords",
            "connectivitysoftware-currentfirmwareversion",
            "vehicleidentification-vin",
        ];
        for info in CATALOGUE.iter().filter(|info| !finer.contains(&info.code)) {
            assert_eq!(
                signal_permission(info.code),
                by_group(info.code),
                "{}",
                info.code
            );
        }
    }
}
