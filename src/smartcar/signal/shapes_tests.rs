use crate::values::{AdditionalValue, Cell, Closure, DriveMode, Location, NominalCapacity, Number};
use crate::{Signal, SignalValue};

/// Hands the value of a signal with this code and body to `check`.
fn with<T>(code: &str, body: &str, check: impl FnOnce(SignalValue<'_>) -> T) -> T {
    let json = format!(r#"{{"code":"{code}","body":{body}}}"#);
    let signal: Signal = serde_json::from_str(&json).unwrap();
    check(signal.value().expect("a body has a value"))
}

fn is_other(code: &str, body: &str) {
    with(code, body, |value| match value {
        SignalValue::Other(raw) => assert_eq!(raw.get(), body),
        value => panic!("{code} {body} gave {value:?}"),
    });
}

#[test]
fn number_has_the_unit_that_the_vehicle_gave() {
    for (code, body, value, unit) in [
        (
            "tractionbattery-stateofcharge",
            r#"{"value":63,"unit":"percent"}"#,
            63.0,
            Some("percent"),
        ),
        ("charge-timetocomplete", r#"{"value":95}"#, 95.0, None),
        (
            "internalcombustionengine-fuellevel",
            r#"{"value":0.41}"#,
            0.41,
            None,
        ),
        (
            "odometer-traveleddistance",
            r#"{"unit":"cubit","value":1e3}"#,
            1000.0,
            Some("cubit"),
        ),
    ] {
        with(code, body, |read| match read {
            SignalValue::Number(number) => {
                assert_eq!(
                    (number.value, number.unit.as_deref()),
                    (value, unit),
                    "{code}"
                );
            }
            other => panic!("{code} gave {other:?}"),
        });
    }
}

#[test]
fn range_has_its_other_meanings() {
    let body = r#"{"value":301,"type":"DEFAULT","unit":"km","additionalValues":[
        {"type":"RATED","value":340},7,{"type":"ESTIMATED","value":"?"}]}"#;
    with("tractionbattery-range", body, |value| {
        let SignalValue::Number(Number {
            value,
            kind,
            additional,
            ..
        }) = value
        else {
            panic!("{value:?}")
        };
        assert_eq!((value, kind.as_deref()), (301.0, Some("DEFAULT")));
        assert_eq!(
            additional,
            [
                AdditionalValue {
                    kind: Some("RATED".into()),
                    value: Some(340.0)
                },
                AdditionalValue {
                    kind: Some("ESTIMATED".into()),
                    value: None
                },
            ]
        );
    });
}

#[test]
fn booleans_and_texts_are_plain() {
    with("charge-ischarging", r#"{"value":false}"#, |value| {
        assert!(matches!(value, SignalValue::Boolean(false)));
    });
    with(
        "charge-detailedchargingstatus",
        r#"{"value":"TOMORROW"}"#,
        |value| {
            assert!(matches!(value, SignalValue::Text(text) if text == "TOMORROW"));
        },
    );
}

#[test]
fn place_needs_both_coordinates() {
    let body =
        r#"{"latitude":-12.5,"longitude":130.25,"heading":"north","locationType":"LAST_PARKED"}"#;
    with("location-preciselocation", body, |value| {
        let SignalValue::Location(location) = value else {
            panic!("{value:?}")
        };
        let expected = Location {
            latitude: -12.5,
            longitude: 130.25,
            heading: None,
            direction: None,
            location_type: Some("LAST_PARKED".into()),
        };
        assert!(location == expected);
    });
    is_other("location-preciselocation", r#"{"latitude":-12.5}"#);
}

#[test]
fn charge_limits_may_be_one_number_or_many_rules() {
    let body = r#"{"values":[{"type":"location","limit":90,"condition":{"latitude":1.5}},
        {"type":"GLOBAL","limit":75,"condition":null}],"activeLimit":null,"unit":"percent"}"#;
    with("charge-chargelimits", body, |value| {
        let SignalValue::ChargeLimits(limits) = value else {
            panic!("{value:?}")
        };
        assert_eq!(
            (limits.active, limits.unit.as_deref()),
            (None, Some("percent"))
        );
        let rules: Vec<_> = limits
            .limits
            .iter()
            .map(|l| (l.kind.as_deref(), l.limit, l.condition.map(|c| c.get())))
            .collect();
        assert_eq!(
            rules,
            [
                (Some("location"), Some(90.0), Some(r#"{"latitude":1.5}"#)),
                (Some("GLOBAL"), Some(75.0), None),
            ]
        );
    });
    with(
        "charge-chargelimits",
        r#"{"values":[],"activeLimit":85}"#,
        |value| {
            let SignalValue::ChargeLimits(limits) = value else {
                panic!("{value:?}")
            };
            assert!(limits.limits.is_empty() && limits.active == Some(85.0));
        },
    );
}

#[test]
fn doors_windows_and_tires_stand_in_rows_and_columns() {
    let doors = r#"{"values":[{"row":0,"column":1,"isOpen":true,"isLocked":false},"?"],"rowCount":2,"columnCount":2}"#;
    with("closure-doors", doors, |value| {
        let SignalValue::Grid(grid) = value else {
            panic!("{value:?}")
        };
        let door = Cell {
            row: Some(0),
            column: Some(1),
            is_open: Some(true),
            is_locked: Some(false),
            tire_pressure: None,
        };
        assert_eq!(
            (grid.cells, grid.row_count, grid.column_count),
            (vec![door], Some(2), Some(2))
        );
    });
    with(
        "closure-windows",
        r#"{"windows":[{"row":1,"column":0,"isOpen":false}]}"#,
        |value| {
            assert!(
                matches!(value, SignalValue::Grid(grid) if grid.cells[0].is_open == Some(false))
            );
        },
    );
    let tires = r#"{"values":[{"row":0,"column":0,"tirePressure":249.5}],"unit":"kPa"}"#;
    with("wheel-tires", tires, |value| {
        let SignalValue::Grid(grid) = value else {
            panic!("{value:?}")
        };
        assert_eq!(grid.unit.as_deref(), Some("kPa"));
        assert_eq!(grid.cells[0].tire_pressure, Some(249.5));
    });
}

#[test]
fn trunk_says_as_much_as_it_knows() {
    for (code, body, is_open, is_locked) in [
        (
            "closure-reartrunk",
            r#"{"isOpen":true,"isLocked":null}"#,
            Some(true),
            None,
        ),
        (
            "closure-fronttrunk",
            r#"{"isOpen":"?","isLocked":true}"#,
            None,
            Some(true),
        ),
        ("closure-sunroof", r#"{"isOpen":null}"#, None, None),
    ] {
        with(code, body, |value| match value {
            SignalValue::Closure(closure) => assert_eq!(closure, Closure { is_open, is_locked }),
            other => panic!("{code} gave {other:?}"),
        });
    }
    is_other("closure-enginecover", r#"{"value":true}"#);
}

#[test]
fn capacity_has_its_source_and_its_alternatives() {
    let body = r#"{"source":"USER_SELECTED","capacity":58.5,"unit":"kWh",
        "availableCapacities":[{"capacity":58.5,"description":null},{"capacity":77}]}"#;
    with("tractionbattery-nominalcapacity", body, |value| {
        let SignalValue::NominalCapacity(NominalCapacity {
            capacity,
            source,
            available,
            unit,
        }) = value
        else {
            panic!("{value:?}")
        };
        assert_eq!(capacity, Some(58.5));
        assert_eq!(
            (source.as_deref(), unit.as_deref()),
            (Some("USER_SELECTED"), Some("kWh"))
        );
        assert_eq!(
            available.iter().map(|a| a.capacity).collect::<Vec<_>>(),
            [Some(58.5), Some(77.0)]
        );
    });
}

#[test]
fn systems_and_drive_modes_speak_in_words() {
    with(
        "diagnostics-abs",
        r#"{"status":"ALERT","description":"worn"}"#,
        |value| {
            let SignalValue::SystemStatus(system) = value else {
                panic!("{value:?}")
            };
            assert_eq!(
                (&*system.status, system.description.as_deref()),
                ("ALERT", Some("worn"))
            );
        },
    );
    with(
        "transmission-drivemode",
        r#"{"canonical":"SPORT","oemDisplayName":"zippy"}"#,
        |value| {
            let expected = DriveMode {
                canonical: Some("SPORT".into()),
                oem_display_name: Some("zippy".into()),
            };
            assert!(matches!(value, SignalValue::DriveMode(mode) if mode == expected));
        },
    );
}

#[test]
fn records_come_as_they_were_written() {
    with(
        "service-records",
        r#"{"values":[{"id": 1, "odometer":9.0},"x"]}"#,
        |value| {
            let SignalValue::List(items) = value else {
                panic!("{value:?}")
            };
            let items: Vec<_> = items.iter().map(|item| item.get()).collect();
            assert_eq!(items, [r#"{"id": 1, "odometer":9.0}"#, "\"x\""]);
        },
    );
}

#[test]
fn body_that_does_not_fit_is_given_as_it_was_written() {
    for (code, body) in [
        ("tractionbattery-stateofcharge", r#"{"percentage":75}"#),
        ("tractionbattery-stateofcharge", r#"{"value":"75"}"#),
        ("charge-ischarging", r#"{"value":null}"#),
        ("charge-ischarging", r#"{"value":1}"#),
        ("closure-doors", r#"{"values":{}}"#),
        ("charge-chargelimits", "{}"),
        ("wheel-tires", "[1,2]"),
        ("diagnostics-abs", "\"OK\""),
        ("tomorrow-unknown", r#"{"value":{}}"#),
        ("tomorrow-unknown", "{}"),
        ("tomorrow-unknown", "7"),
    ] {
        is_other(code, body);
    }
}

#[test]
fn unknown_signal_is_what_its_body_looks_like() {
    for (body, expected) in [
        (r#"{"value":1,"unit":"x"}"#, "Number"),
        (r#"{"value":true}"#, "Boolean"),
        (r#"{"value":"x"}"#, "Text"),
        (r#"{"latitude":1,"longitude":2}"#, "Location"),
        (r#"{"values":[],"activeLimit":80}"#, "ChargeLimits"),
        (r#"{"values":[],"rowCount":0}"#, "Grid"),
        (r#"{"isOpen":true}"#, "Closure"),
        (
            r#"{"capacity":1,"availableCapacities":[]}"#,
            "NominalCapacity",
        ),
        (r#"{"status":"OK"}"#, "SystemStatus"),
        (r#"{"canonical":"ECO"}"#, "DriveMode"),
        (r#"{"values":[1]}"#, "List"),
    ] {
        for code in ["charge-activelimit", "tomorrow-unknown"] {
            with(code, body, |value| {
                let shown = format!("{value:?}");
                assert!(shown.starts_with(expected), "{body} gave {shown}");
            });
        }
    }
}

#[test]
fn value_needs_a_body() {
    for json in [
        r#"{"code":"charge-voltage"}"#,
        r#"{"code":"charge-voltage","body":null}"#,
    ] {
        assert!(
            serde_json::from_str::<Signal>(json)
                .unwrap()
                .value()
                .is_none()
        );
    }
}

#[test]
fn log_line_of_a_value_has_neither_place_nor_vin() {
    for (code, body) in [
        (
            "location-preciselocation",
            r#"{"latitude":48.91234,"longitude":48.91234}"#,
        ),
        ("vehicleidentification-vin", r#"{"value":"48.91234"}"#),
        (
            "charge-chargerecords",
            r#"{"values":[{"location":{"latitude":48.91234}}]}"#,
        ),
        (
            "charge-chargelimits",
            r#"{"values":[{"limit":80,"condition":{"latitude":48.91234}}]}"#,
        ),
        ("location-preciselocation", r#"{"latitude":48.91234}"#),
    ] {
        with(code, body, |value| {
            let shown = format!("{value:?}");
            assert!(!shown.contains("91234"), "{shown}");
        });
    }
}
