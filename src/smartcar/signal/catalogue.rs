//! The table of all signals that Smartcar documents.

use serde::Serialize;

/// The form of a signal's body.
///
/// Source: <https://smartcar.com/docs/api-reference/signals/schema> and the page
/// of each group, for example <https://smartcar.com/docs/api-reference/signals/charge>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Shape {
    /// `{value, unit?}`; a range has `{type?, additionalValues[]}` too.
    Number,
    /// `{value}`, true or false.
    Boolean,
    /// `{value}`, a string.
    Text,
    /// `{latitude, longitude, heading?, direction?, locationType?}`.
    Location,
    /// `{values: [{type, limit, condition?}], activeLimit, unit}`.
    ChargeLimits,
    /// `{values: [{row, column, …}], rowCount, columnCount, unit?}`.
    Grid,
    /// `{isOpen, isLocked?}`, without a wrapper.
    Closure,
    /// `{capacity, source, availableCapacities[], unit}`.
    NominalCapacity,
    /// `{status, description?}`.
    SystemStatus,
    /// `{canonical, oemDisplayName}`.
    DriveMode,
    /// `{values[]}`: strings or records.
    List,
}

/// What is known about a signal before any vehicle has reported it.
///
/// It serialises as `{code, group, name, shape, unit, permission}`; the last two
/// are null where unknown.
///
/// ```
/// let info = smartcar::signal_info("tractionbattery-stateofcharge").expect("is known");
/// assert_eq!((info.group, info.name), ("TractionBattery", "StateOfCharge"));
/// assert_eq!((info.shape, info.unit), (smartcar::Shape::Number, Some("percent")));
/// assert_eq!(info.permission, Some("read_battery"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SignalInfo {
    /// Group and name in lower case: `charge-ischarging`.
    pub code: &'static str,
    /// As Smartcar spells it: `Charge`.
    pub group: &'static str,
    /// As Smartcar spells it: `IsCharging`. For `wheel-style`,
    /// `surveillance-brand` and `vehicleidentification-trim` no delivery was
    /// seen; their names follow from their codes and the headings of the docs.
    pub name: &'static str,
    /// The form of the body.
    pub shape: Shape,
    /// The unit in which real vehicles were seen to report. That of the
    /// temperatures and of the time to complete is from Smartcar's docs. A body's
    /// own unit always counts more than this one.
    pub unit: Option<&'static str>,
    /// The permission by which a vehicle's owner grants the signal. Smartcar
    /// publishes no such table; None where no association is known. See
    /// [`signal_permission`](crate::signal_permission) for a default.
    pub permission: Option<&'static str>,
}

/// What is known about the signal `code`; None for codes that are older or newer
/// than the catalogue, which read and keep just as well.
pub fn signal_info(code: &str) -> Option<&'static SignalInfo> {
    let found = CATALOGUE
        .binary_search_by(|info| info.code.cmp(code))
        .ok()?;
    CATALOGUE.get(found)
}

macro_rules! catalogue {
    ($($group:ident $name:ident = $code:literal, $shape:ident
        $(in $unit:literal)? $(by $permission:ident)?;)*) => {
        [$(SignalInfo {
            code: $code,
            group: stringify!($group),
            name: stringify!($name),
            shape: Shape::$shape,
            unit: catalogue!(@option $($unit)?),
            permission: catalogue!(@option $(stringify!($permission))?),
        }),*]
    };
    (@option) => { None };
    (@option $some:expr) => { Some($some) };
}

/// All signals that have a path of their own in Smartcar's API, sorted by code.
///
/// Source: <https://smartcar.com/docs/api-reference/signals/schema>
pub static CATALOGUE: [SignalInfo; 93] = catalogue! {
    Charge Amperage = "charge-amperage", Number in "ampere" by read_charge;
    Charge AmperageMax = "charge-amperagemax", Number in "ampere" by read_charge;
    Charge AmperageRequested = "charge-amperagerequested", Number in "ampere" by read_charge;
    Charge ChargeLimits = "charge-chargelimits", ChargeLimits in "percent" by read_charge;
    Charge ChargePortStatusColor = "charge-chargeportstatuscolor", Text by read_charge;
    Charge ChargeRate = "charge-chargerate", Number in "km/h" by read_charge;
    Charge ChargeRecords = "charge-chargerecords", List by read_charge_records;
    Charge ChargerPhases = "charge-chargerphases", Number by read_charge;
    Charge ChargeTimers = "charge-chargetimers", List by read_charge;
    Charge ChargingConnectorType = "charge-chargingconnectortype", Text by read_charge;
    Charge DetailedChargingStatus = "charge-detailedchargingstatus", Text by read_charge;
    Charge EnergyAdded = "charge-energyadded", Number in "kWh" by read_charge;
    Charge FastChargerType = "charge-fastchargertype", Text by read_charge;
    Charge IsCharging = "charge-ischarging", Boolean by read_charge;
    Charge IsChargingCableConnected = "charge-ischargingcableconnected", Boolean by read_charge;
    Charge IsChargingCableLatched = "charge-ischargingcablelatched", Boolean by read_charge;
    Charge IsChargingPortFlapOpen = "charge-ischargingportflapopen", Boolean by read_charge;
    Charge IsFastChargerPresent = "charge-isfastchargerpresent", Boolean by read_charge;
    Charge TimeToComplete = "charge-timetocomplete", Number in "minutes" by read_charge;
    Charge Voltage = "charge-voltage", Number in "volts" by read_charge;
    Charge Wattage = "charge-wattage", Number in "watts" by read_charge;
    Climate ExternalTemperature = "climate-externaltemperature", Number in "celsius" by read_thermometer;
    Climate InternalTemperature = "climate-internaltemperature", Number in "celsius" by read_thermometer;
    Closure Doors = "closure-doors", Grid by read_security;
    Closure EngineCover = "closure-enginecover", Closure by read_security;
    Closure FrontTrunk = "closure-fronttrunk", Closure by read_security;
    Closure IsLocked = "closure-islocked", Boolean by read_security;
    Closure RearTrunk = "closure-reartrunk", Closure by read_security;
    Closure Sunroof = "closure-sunroof", Closure by read_security;
    Closure Tailgate = "closure-tailgate", Closure by read_security;
    Closure Windows = "closure-windows", Grid by read_security;
    ConnectivitySoftware CurrentFirmwareVersion = "connectivitysoftware-currentfirmwareversion", Text by read_extended_vehicle_info;
    ConnectivityStatus IsAsleep = "connectivitystatus-isasleep", Boolean by read_vehicle_info;
    ConnectivityStatus IsDigitalKeyPaired = "connectivitystatus-isdigitalkeypaired", Boolean by read_vehicle_info;
    ConnectivityStatus IsOnline = "connectivitystatus-isonline", Boolean by read_vehicle_info;
    Diagnostics ABS = "diagnostics-abs", SystemStatus by read_diagnostics;
    Diagnostics ActiveSafety = "diagnostics-activesafety", SystemStatus by read_diagnostics;
    Diagnostics Airbag = "diagnostics-airbag", SystemStatus by read_diagnostics;
    Diagnostics BrakeFluid = "diagnostics-brakefluid", SystemStatus by read_diagnostics;
    Diagnostics DriverAssistance = "diagnostics-driverassistance", SystemStatus by read_diagnostics;
    Diagnostics DTCCount = "diagnostics-dtccount", Number by read_diagnostics;
    Diagnostics DTCList = "diagnostics-dtclist", List by read_diagnostics;
    Diagnostics Emissions = "diagnostics-emissions", SystemStatus by read_diagnostics;
    Diagnostics EVBatteryConditioning = "diagnostics-evbatteryconditioning", SystemStatus by read_diagnostics;
    Diagnostics EVCharging = "diagnostics-evcharging", SystemStatus by read_diagnostics;
    Diagnostics EVDriveUnit = "diagnostics-evdriveunit", SystemStatus by read_diagnostics;
    Diagnostics EVHVBattery = "diagnostics-evhvbattery", SystemStatus by read_diagnostics;
    Diagnostics Lighting = "diagnostics-lighting", SystemStatus by read_diagnostics;
    Diagnostics MIL = "diagnostics-mil", SystemStatus by read_diagnostics;
    Diagnostics OilLife = "diagnostics-oillife", SystemStatus;
    Diagnostics OilPressure = "diagnostics-oilpressure", SystemStatus;
    Diagnostics OilTemperature = "diagnostics-oiltemperature", SystemStatus;
    Diagnostics Telematics = "diagnostics-telematics", SystemStatus by read_diagnostics;
    Diagnostics TirePressure = "diagnostics-tirepressure", SystemStatus by read_diagnostics;
    Diagnostics TirePressureMonitoring = "diagnostics-tirepressuremonitoring", SystemStatus by read_diagnostics;
    Diagnostics Transmission = "diagnostics-transmission", SystemStatus by read_diagnostics;
    Diagnostics WasherFluid = "diagnostics-washerfluid", SystemStatus by read_diagnostics;
    Diagnostics WaterInFuel = "diagnostics-waterinfuel", SystemStatus by read_diagnostics;
    HVAC CabinTargetTemperature = "hvac-cabintargettemperature", Number in "celsius" by read_climate;
    HVAC IsCabinHVACActive = "hvac-iscabinhvacactive", Boolean by read_climate;
    HVAC IsFrontDefrosterActive = "hvac-isfrontdefrosteractive", Boolean by read_climate;
    HVAC IsRearDefrosterActive = "hvac-isreardefrosteractive", Boolean by read_climate;
    HVAC IsSteeringHeaterActive = "hvac-issteeringheateractive", Boolean by read_climate;
    InternalCombustionEngine AmountRemaining = "internalcombustionengine-amountremaining", Number in "liters" by read_fuel;
    InternalCombustionEngine FuelLevel = "internalcombustionengine-fuellevel", Number in "percent" by read_fuel;
    InternalCombustionEngine OilLife = "internalcombustionengine-oillife", Number in "percent" by read_engine_oil;
    InternalCombustionEngine Range = "internalcombustionengine-range", Number by read_fuel;
    Location IsAtHome = "location-isathome", Boolean by read_location;
    Location PreciseLocation = "location-preciselocation", Location by read_location;
    LowVoltageBattery StateOfCharge = "lowvoltagebattery-stateofcharge", Number in "percent" by read_battery;
    LowVoltageBattery Status = "lowvoltagebattery-status", Text by read_battery;
    Motion CurrentSpeed = "motion-currentspeed", Number by read_speedometer;
    Odometer TraveledDistance = "odometer-traveleddistance", Number in "km" by read_odometer;
    Service IsInService = "service-isinservice", Boolean;
    Service Records = "service-records", List by read_service_history;
    Surveillance Brand = "surveillance-brand", Text;
    Surveillance IsEnabled = "surveillance-isenabled", Boolean;
    TractionBattery IsHeaterActive = "tractionbattery-isheateractive", Boolean by read_battery;
    TractionBattery MaxRangeChargeCounter = "tractionbattery-maxrangechargecounter", Number by read_battery;
    TractionBattery NominalCapacity = "tractionbattery-nominalcapacity", NominalCapacity in "kWh" by read_battery;
    TractionBattery Range = "tractionbattery-range", Number in "km" by read_battery;
    TractionBattery StateOfCharge = "tractionbattery-stateofcharge", Number in "percent" by read_battery;
    Transmission DriveMode = "transmission-drivemode", DriveMode;
    Transmission GearState = "transmission-gearstate", Text;
    VehicleIdentification ExteriorColor = "vehicleidentification-exteriorcolor", Text;
    VehicleIdentification Nickname = "vehicleidentification-nickname", Text by read_vehicle_info;
    VehicleIdentification Packages = "vehicleidentification-packages", List by read_vehicle_info;
    VehicleIdentification Trim = "vehicleidentification-trim", Text;
    VehicleIdentification VIN = "vehicleidentification-vin", Text by read_vin;
    VehicleUserAccount Permissions = "vehicleuseraccount-permissions", List by read_user_profile;
    VehicleUserAccount Role = "vehicleuseraccount-role", Text by read_user_profile;
    Wheel Style = "wheel-style", Text;
    // The one unit that was seen, `bar`, came with pressures that can only be kPa.
    Wheel Tires = "wheel-tires", Grid by read_tires;
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_the_lower_case_of_group_and_name() {
        for info in &CATALOGUE {
            assert_eq!(
                info.code,
                format!("{}-{}", info.group, info.name).to_lowercase()
            );
        }
    }

    #[test]
    fn signal_is_found_by_its_code() {
        for info in &CATALOGUE {
            assert_eq!(signal_info(info.code), Some(info));
        }
    }

    #[test]
    fn signals_outside_the_catalogue_are_unknown_and_no_error() {
        for code in [
            "charge-activelimit",
            "tractionbattery-estimatedrange",
            "tomorrow-unknown",
            "",
        ] {
            assert_eq!(signal_info(code), None, "{code}");
        }
    }

    #[test]
    fn permission_is_one_that_smartcar_documents() {
        // https://smartcar.com/docs/api-reference/permissions
        let documented = "read_battery read_charge read_charge_records read_climate \
            read_diagnostics read_engine_oil read_extended_vehicle_info read_fuel read_location \
            read_odometer read_security read_service_history read_speedometer read_thermometer \
            read_tires read_user_profile read_vehicle_info read_vin";
        for permission in CATALOGUE.iter().filter_map(|info| info.permission) {
            assert!(
                documented
                    .split_whitespace()
                    .any(|known| known == permission),
                "{permission}"
            );
        }
    }

    #[test]
    fn entry_can_be_shown_as_json() {
        assert_eq!(
            serde_json::to_string(signal_info("charge-chargelimits").unwrap()).unwrap(),
            r#"{"code":"charge-chargelimits","group":"Charge","name":"ChargeLimits","shape":"chargeLimits","unit":"percent","permission":"read_charge"}"#
        );
        let whole = serde_json::to_value(CATALOGUE.as_slice()).unwrap();
        assert_eq!(whole.as_array().unwrap().len(), 93);
    }
}
