//! The signals of Smartcar's catalogue that the fleet has.
//! <https://smartcar.com/docs/api-reference/signals/schema>

/// The names of one signal. The code is always the lower-case `group-name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) code: &'static str,
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
}

macro_rules! catalogue {
    ($($constant:ident = $code:literal, $group:literal, $name:literal;)*) => {
        $(pub(crate) const $constant: Kind = Kind { code: $code, group: $group, name: $name };)*
        /// All of them.
        pub(crate) const ALL: &[Kind] = &[$($constant),*];
    };
}

catalogue! {
    CABLE_CONNECTED = "charge-ischargingcableconnected", "Charge", "IsChargingCableConnected";
    CHARGE_LIMITS = "charge-chargelimits", "Charge", "ChargeLimits";
    IS_CHARGING = "charge-ischarging", "Charge", "IsCharging";
    PORT_FLAP_OPEN = "charge-ischargingportflapopen", "Charge", "IsChargingPortFlapOpen";
    DOORS = "closure-doors", "Closure", "Doors";
    IS_LOCKED = "closure-islocked", "Closure", "IsLocked";
    SUNROOF = "closure-sunroof", "Closure", "Sunroof";
    IS_ONLINE = "connectivitystatus-isonline", "ConnectivityStatus", "IsOnline";
    FUEL_REMAINING = "internalcombustionengine-amountremaining", "InternalCombustionEngine", "AmountRemaining";
    FUEL_LEVEL = "internalcombustionengine-fuellevel", "InternalCombustionEngine", "FuelLevel";
    OIL_LIFE = "internalcombustionengine-oillife", "InternalCombustionEngine", "OilLife";
    FUEL_RANGE = "internalcombustionengine-range", "InternalCombustionEngine", "Range";
    IS_AT_HOME = "location-isathome", "Location", "IsAtHome";
    LOCATION = "location-preciselocation", "Location", "PreciseLocation";
    LOW_VOLTAGE_CHARGE = "lowvoltagebattery-stateofcharge", "LowVoltageBattery", "StateOfCharge";
    ODOMETER = "odometer-traveleddistance", "Odometer", "TraveledDistance";
    BATTERY_RANGE = "tractionbattery-range", "TractionBattery", "Range";
    STATE_OF_CHARGE = "tractionbattery-stateofcharge", "TractionBattery", "StateOfCharge";
    VIN = "vehicleidentification-vin", "VehicleIdentification", "VIN";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_the_lower_case_of_group_and_name() {
        for kind in ALL {
            let expected = format!("{}-{}", kind.group, kind.name).to_lowercase();
            assert_eq!(kind.code, expected);
        }
    }
}
