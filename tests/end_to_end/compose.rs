//! Applications that compose the client into their own components.

use serde_json::{Value, json};
use simulator::{COMBUSTION_VEHICLE, FIRST_VEHICLE, UNPLUGGED_VEHICLE};
use std::time::{SystemTime, UNIX_EPOCH};
use support::Composed;

const NIGHT_LOCK: &str = "examples/night-lock/spin.toml";
const TOKEN: &str = "/oauth2/token";
const LOCK: &str = "security/lock";

/// A night that lasts all day.
const ALWAYS: [(&str, &str); 2] = [("NIGHT_FROM", "00:00"), ("NIGHT_TO", "00:00")];

const INHERITED: &str =
    "inherit_configuration = [\"key_value_stores\", \"allowed_outbound_hosts\", \"variables\"]";

fn run(app: &Composed) -> (u16, Value) {
    let answer = app.send("POST", "/run", &[], b"");
    (answer.status, answer.json())
}

#[test]
fn car_that_says_it_is_unlocked_is_locked_at_night() {
    let mut app = Composed::start(NIGHT_LOCK, &ALWAYS);
    let cars = |first: &str| {
        json!({"night": true, "cars": [
            {"vehicle": FIRST_VEHICLE, "done": first},
            {"vehicle": UNPLUGGED_VEHICLE, "done": "was locked"},
            {"vehicle": COMBUSTION_VEHICLE, "done": "was locked"},
        ]})
    };
    assert_eq!(run(&app), (200, cars("locked")));
    assert_eq!(run(&app), (200, cars("was locked")));
    assert_eq!(app.smartcar.count(LOCK, 200), 1);
    assert_eq!(app.smartcar.count(TOKEN, 200), 1);
    // The token is in the application's store, which outlives its instances.
    app.restart();
    assert_eq!(run(&app), (200, cars("was locked")));
    assert_eq!(app.smartcar.count(TOKEN, 200), 1);
    assert!(!app.said().contains(simulator::CLIENT_SECRET));
}

#[test]
fn many_at_once_fetch_one_token() {
    let app = Composed::start(NIGHT_LOCK, &ALWAYS);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(run(&app).0, 200));
        }
    });
    // Two where the store was so slow that two could think they fetch it alone.
    assert!((1..=2).contains(&app.smartcar.count(TOKEN, 200)));
}

#[test]
fn by_day_nothing_is_sent() {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let hour = |later: u64| format!("{:02}:00", (since.as_secs() / 3600 + later) % 24);
    let (from, to) = (hour(11), hour(13));
    let app = Composed::start(NIGHT_LOCK, &[("NIGHT_FROM", &from), ("NIGHT_TO", &to)]);
    assert_eq!(run(&app), (200, json!({"night": false, "cars": []})));
    let requests = app.smartcar.control("GET", "/requests", &Value::Null);
    assert_eq!(requests["total"], 0);
}

/// What a manifest that lacks something leads to. The instance goes on.
fn lacking(from: &str, to: &str, variables: &[(&str, &str)]) -> String {
    let variables = [&ALWAYS, variables].concat();
    let app = Composed::start_altered(NIGHT_LOCK, &[(from, to)], &variables);
    let (status, said) = run(&app);
    assert_eq!(status, 502, "{said}");
    assert_eq!(run(&app), (status, said.clone()));
    assert!(!app.said().contains("trapped"), "{}", app.said());
    assert_eq!(app.smartcar.count(LOCK, 200), 0);
    said["error"].as_str().unwrap().to_owned()
}

#[test]
fn composition_error_names_what_is_not_inherited() {
    for (inherited, what) in [
        ("[\"allowed_outbound_hosts\", \"variables\"]", "the store"),
        (
            "[\"key_value_stores\", \"variables\"]",
            "it has to inherit allowed_outbound_hosts",
        ),
        (
            "[\"key_value_stores\", \"allowed_outbound_hosts\"]",
            "the variable smartcar_client_id",
        ),
    ] {
        let said = lacking(
            INHERITED,
            &format!("inherit_configuration = {inherited}"),
            &[],
        );
        assert!(said.starts_with("no token: "), "{said}");
        assert!(said.contains("spin.toml does not"), "{said}");
        assert!(said.contains(what), "{said}");
    }
    let said = lacking(&format!(", {INHERITED}"), "", &[]);
    assert!(said.contains(INHERITED), "{said}");
}

#[test]
fn composition_error_names_what_the_component_may_not_do() {
    let store = "key_value_stores = [\"default\"]\n";
    let said = lacking(store, "", &[]);
    assert!(
        said.contains("does not grant this component the store"),
        "{said}"
    );
    let denied = "spin.toml does not allow this component to call that host";
    let elsewhere = [("SMARTCAR_IAM_ORIGIN", "http://127.0.0.1:9")];
    let said = lacking("    \"{{ smartcar_iam_origin }}\",\n", "", &elsewhere);
    assert!(
        said.starts_with("no token: ") && said.contains(denied),
        "{said}"
    );
    let elsewhere = [("SMARTCAR_VEHICLE_ORIGIN", "http://127.0.0.1:9")];
    let said = lacking("    \"{{ smartcar_vehicle_origin }}\",\n", "", &elsewhere);
    assert_eq!(said, format!("not reached: {denied}"));
}

#[test]
#[should_panic(expected = "package `smartcar:edge` has already been registered")]
fn dependency_stands_for_a_package() {
    let each = ["vehicles", "commands", "connections"].map(|interface| {
        format!("\"smartcar:edge/{interface}@0.2.0\" = {{ component = \"client\", {INHERITED} }}")
    });
    let package = format!("\"smartcar:edge@0.2.0\" = {{ component = \"client\", {INHERITED} }}");
    Composed::start_altered(NIGHT_LOCK, &[(&package, &each.join("\n"))], &ALWAYS);
}
