//! Signals: what a vehicle tells about itself.

/// The permission by which a vehicle's owner grants a signal, by the signal's
/// code, for example `read_battery` for `tractionbattery-stateofcharge`.
///
/// Smartcar publishes no table of signals and permissions; this one follows from
/// the names of both. A signal in a group that is not named here counts as
/// information about the vehicle.
///
/// Source of the permissions: <https://smartcar.com/docs/api-reference/permissions>
pub fn signal_permission(code: &str) -> &'static str {
    match code.split('-').next().unwrap_or_default() {
        "charge" if code == "charge-chargerecords" => "read_charge_records",
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
        "vehicleidentification" if code == "vehicleidentification-vin" => "read_vin",
        "vehicleuseraccount" => "read_user_profile",
        "wheel" => "read_tires",
        _ => "read_vehicle_info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_who_and_where_is_not_mere_vehicle_information() {
        for (code, permission) in [
            ("vehicleidentification-vin", "read_vin"),
            ("vehicleidentification-nickname", "read_vehicle_info"),
            ("location-preciselocation", "read_location"),
            ("location-tomorrow", "read_location"),
            ("closure-islocked", "read_security"),
            ("tractionbattery-stateofcharge", "read_battery"),
            ("tomorrow-unknown", "read_vehicle_info"),
            ("", "read_vehicle_info"),
        ] {
            assert_eq!(signal_permission(code), permission, "{code}");
        }
    }
}
