//! `/status` and `OPERATING.md` name the same fields.

use serde_json::{Value, json};
use simulator::{FIRST_USER, FIRST_VEHICLE};
use std::collections::BTreeSet;
use support::{App, Options, Sink, eventually, vehicle_state};

/// The names of all fields, however deep.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                found.insert(name.clone());
                names(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

#[test]
fn status_fields_are_all_explained() {
    let sink = Sink::start();
    let app = App::start_with(Options {
        variables: vec![
            ("SINKS", json!([sink.configuration("mine")]).to_string()),
            ("SINK_HOSTS", "http://127.0.0.1:*".into()),
        ],
        ..Options::default()
    });
    // Something of everything: a command, a delivery, a failure, a limit.
    let route = "/v3/vehicles/{vehicleId}/commands/security/lock";
    let limit = json!({"status": 429, "body": "{}", "headers": {"Retry-After": "60"}, "times": 1});
    app.smartcar.fault(route, limit);
    app.command(FIRST_VEHICLE, FIRST_USER, "security/lock", "");
    let state = vehicle_state("e-1", "v-1", 1_790_000_000_000, &[]);
    assert_eq!(app.try_deliver(&state).unwrap().status, 200);
    let status = eventually("there is something of everything", || {
        let status = app.call("GET", "/status", &[], "").json();
        let is_filled = |name: &str| !status[name].as_array().unwrap().is_empty();
        let is_counted = !status["deliveries"]["lastHour"]
            .as_array()
            .unwrap()
            .is_empty();
        (is_filled("limits") && is_filled("outbox") && is_counted).then_some(status)
    });
    let mut found = BTreeSet::new();
    names(&status, &mut found);
    assert!(found.len() >= 40, "{found:?}");

    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../OPERATING.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## Status\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    // What stands between backquotes.
    let words: BTreeSet<&str> = section
        .split('`')
        .skip(1)
        .step_by(2)
        .flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric()))
        .collect();
    for name in found {
        assert!(words.contains(name.as_str()), "{name} is not explained");
    }
    for name in status.as_object().unwrap().keys() {
        let begins = format!("\n| `{name}");
        assert!(section.contains(&begins), "{name} has no row");
    }
}
