//! What holds for any JSON at all.

use crate::{CATALOGUE, Signal, Signals};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Names that the parser looks at, so that odd values land where they can hurt.
const NAMES: &[&str] = &[
    "attributes",
    "code",
    "id",
    "name",
    "group",
    "status",
    "error",
    "body",
    "meta",
    "type",
    "detail",
    "resolution",
    "oemUpdatedAt",
    "retrievedAt",
    "fetchedAt",
    "ingestedAt",
    "value",
    "values",
    "unit",
    "additionalValues",
    "latitude",
    "longitude",
    "activeLimit",
    "limit",
    "condition",
    "row",
    "column",
    "rowCount",
    "isOpen",
    "isLocked",
    "tirePressure",
    "capacity",
    "availableCapacities",
    "canonical",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => any::<String>()]
}

fn code() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..CATALOGUE.len()).prop_map(|at| CATALOGUE[at].code.to_owned()),
        1 => "[a-z]{1,8}-[a-z]{1,8}",
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::from("2026-07-04T09:30:15Z")),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Looks at everything that can be looked at.
fn use_up(read: &Signals) {
    for signal in &read.signals {
        let _ = format!("{signal:?} {:?} {}", signal.value(), signal.is_success());
    }
    let _ = format!("{:?}", read.unreadable);
}

proptest! {
    #[test]
    fn any_json_is_read_without_a_panic_and_nothing_of_it_is_lost(elements in prop::collection::vec(json(), 0..6)) {
        let data = Value::from(elements.clone());
        for read in [
            Signals::from_answer(format!(r#"{{"data":{data}}}"#).as_bytes()),
            Signals::from_delivery(format!(r#"{{"data":{{"signals":{data}}}}}"#).as_bytes()),
        ] {
            let read = read.unwrap();
            use_up(&read);
            prop_assert_eq!(read.signals.len() + read.unreadable.len(), elements.len());
            for unreadable in &read.unreadable {
                prop_assert_eq!(unreadable.raw.get(), elements[unreadable.index].to_string());
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}\":,a-z0-9\\\\ ]{0,64}") {
        for body in [bytes.as_slice(), text.as_bytes()] {
            for read in [Signals::from_answer(body), Signals::from_delivery(body)] {
                use_up(&read.unwrap_or_default());
            }
        }
    }

    #[test]
    fn any_body_gives_a_value_for_any_code(code in code(), body in json()) {
        let text = format!(r#"{{"code":"{code}","body":{body}}}"#);
        let signal: Signal = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(signal.value().is_some(), !body.is_null());
    }

    #[test]
    fn unknown_fields_survive_byte_for_byte_and_change_nothing(
        code in code(),
        unknown in prop::collection::vec(("x[a-z]{1,8}", json()), 0..5),
        pretty in any::<bool>(),
    ) {
        let mut fields: Map<String, Value> = unknown.into_iter().collect();
        fields.insert("code".into(), code.as_str().into());
        fields.insert("body".into(), serde_json::json!({"value": 7, "unit": "tomorrow"}));
        let fields = Value::from(fields);
        let text = if pretty { format!("{fields:#}") } else { fields.to_string() };
        let signal: Signal = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&signal.code, &code);
        prop_assert!(signal.is_success() && signal.body.is_some());
        prop_assert_eq!(serde_json::to_string(&signal).unwrap(), text);
    }

    #[test]
    fn any_shape_of_one_field_costs_no_sibling(odd in json(), field in prop::sample::select(vec!["name", "group", "body", "attributes", "links"])) {
        prop_assume!(!odd.is_object() || field != "attributes");
        let mut fields = serde_json::json!({
            "code": "charge-voltage",
            "status": {"value": "ERROR", "error": {"type": "UPSTREAM", "code": "NO_RESPONSE"}},
            "meta": {"oemUpdatedAt": 1_783_157_415_000_u64},
        });
        fields[field] = odd;
        let signal: Signal = serde_json::from_str(&fields.to_string()).unwrap();
        prop_assert_eq!(&signal.code, "charge-voltage");
        prop_assert_eq!(signal.error.unwrap().code.unwrap(), "NO_RESPONSE");
        prop_assert_eq!(signal.observed_at.unwrap().0, 1_783_157_415_000);
    }
}
