//! Deliveries through the receiver.

use serde_json::{Value, json};
use simulator::{FIRST_VEHICLE, MANAGEMENT_TOKEN};
use support::{Answer, App, Options, sign, vehicle_state};

/// A fixture and its signature, which openssl made (see fixtures/README.md).
macro_rules! fixture {
    ($name:literal) => {
        (
            include_str!(concat!("../fixtures/", $name, ".hmac")).trim(),
            &include_bytes!(concat!("../fixtures/", $name))[..],
        )
    };
}

const VEHICLE: &str = "vehicle-of-fixtures";

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status, answer.outcome().to_owned())
}

fn value(app: &App, code: &str) -> Value {
    app.signal(VEHICLE, code).json()["data"]["attributes"]["body"]["value"].clone()
}

#[test]
fn delivery_signed_by_openssl_is_stored_once() {
    let app = App::start();
    let (signature, body) = fixture!("vehicle-state-observed.json");
    assert_eq!(
        outcome(&app.deliver(signature, body)),
        (200, "stored".into())
    );
    assert_eq!(
        outcome(&app.deliver(signature, body)),
        (200, "duplicate".into())
    );
    assert_eq!(app.stored(), 1);
}

#[test]
fn event_that_comes_many_times_at_once_is_stored_once() {
    let app = App::start();
    let (signature, body) = fixture!("vehicle-state-observed.json");
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..32)
            .map(|_| scope.spawn(|| outcome(&app.deliver(signature, body))))
            .collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    assert!(
        outcomes.iter().all(|(status, _)| *status == 200),
        "{outcomes:?}"
    );
    assert_eq!(
        outcomes
            .iter()
            .filter(|(_, outcome)| outcome == "stored")
            .count(),
        1
    );
    assert_eq!(app.stored(), 1);
}

#[test]
fn delivery_of_either_layout_brings_the_newest_value_of_each_signal() {
    let app = App::start();
    let (documented_signature, documented) = fixture!("vehicle-state-documented.json");
    let (observed_signature, observed) = fixture!("vehicle-state-observed.json");
    assert_eq!(app.deliver(documented_signature, documented).status, 200);
    assert_eq!(app.deliver(observed_signature, observed).status, 200);
    // The documented one was retrieved later, which counts also where it was observed
    // earlier.
    assert_eq!(value(&app, "tractionbattery-stateofcharge"), 58);
    assert_eq!(value(&app, "closure-islocked"), false);
}

#[test]
fn signals_beside_half_a_surrogate_pair_are_brought_up_to_date() {
    let app = App::start();
    let at = 1_790_000_000_000;
    let mut signals = [
        support::signal("vehicleidentification-nickname", 1, at, at),
        support::signal("tractionbattery-stateofcharge", 42, at, at),
    ];
    signals[0]["body"]["value"] = json!("Flitzer CUT");
    let body = support::vehicle_state("e-1", "v-1", at, &signals);
    // A nickname that was cut inside an emoji, and one with NUL.
    for (event, cut) in [("e-1", "\\ud83d"), ("e-2", "\\u0000")] {
        let body = body.replace("CUT", cut).replace("e-1", event);
        let answer = app.try_deliver(&body).unwrap();
        assert_eq!(outcome(&answer), (200, "stored".into()));
        let shown = |code: &str| {
            let answer = app.signal("v-1", code).json();
            answer["data"]["attributes"]["body"]["value"].clone()
        };
        assert_eq!(shown("vehicleidentification-nickname"), "Flitzer \u{fffd}");
        assert_eq!(shown("tractionbattery-stateofcharge"), 42);
        assert_eq!(app.database().delivery(event).body, body);
    }
}

#[test]
fn signals_have_the_shape_of_smartcar_s_api() {
    let app = App::start();
    let (signature, body) = fixture!("vehicle-state-observed.json");
    app.deliver(signature, body);
    // As if it had been delivered now, and Smartcar had listed no others.
    app.database().list_signals_now();
    let list = app
        .call("GET", &format!("/v3/vehicles/{VEHICLE}/signals"), &[], "")
        .json();
    assert_eq!(list["meta"]["totalCount"], 6);
    assert_eq!(
        list["included"]["vehicle"]["attributes"],
        json!({
            "make": "POLESTAR", "model": "2", "year": 2024, "powertrainType": "BEV", "mode": "live"
        })
    );
    let signals = list["data"].as_array().unwrap();
    let signal = |code: &str| signals.iter().find(|s| s["id"] == code).unwrap();

    let battery = signal("tractionbattery-stateofcharge");
    assert_eq!(
        battery["attributes"]["body"],
        json!({"value": 61, "unit": "percent"})
    );
    // date -u -d @1790000000 +%FT%TZ
    assert_eq!(battery["meta"]["oemUpdatedAt"], "2026-09-21T14:13:20.000Z");
    assert_eq!(battery["meta"]["retrievedAt"], "2026-09-21T14:13:25.000Z");

    let wattage = &signal("charge-wattage")["attributes"];
    assert_eq!(wattage["status"]["value"], "ERROR");
    assert_eq!(wattage["status"]["error"]["code"], "NOT_CHARGING");
    assert_eq!(
        wattage["body"],
        json!({"value": 7200, "unit": "watts"}),
        "the cached value"
    );

    assert_eq!(
        signal("vehicleidentification-vin")["meta"]["oemUpdatedAt"],
        Value::Null
    );
    let unknown = &signal("tomorrow-newsignal")["attributes"];
    assert_eq!(
        unknown["body"],
        json!({"value": {"nested": [1, 2, 3]}, "unit": "parsecs"})
    );
}

#[test]
fn catalogue_lists_the_signals() {
    let app = App::start();
    let catalogue = app.call("GET", "/v3/signals", &[], "").json();
    let signals = catalogue["data"].as_array().unwrap();
    assert_eq!(signals.len(), 93);
    let battery = signals
        .iter()
        .find(|signal| signal["code"] == "tractionbattery-stateofcharge")
        .unwrap();
    let shown = (&battery["unit"], &battery["permission"], &battery["name"]);
    assert_eq!(
        shown,
        (
            &json!("percent"),
            &json!("read_battery"),
            &json!("StateOfCharge")
        )
    );
}

#[test]
fn delivery_that_smartcar_signed_is_kept_whatever_it_holds() {
    let app = App::start();
    for (signature, body) in [
        fixture!("vehicle-error-observed.json"),
        fixture!("unknown-event-type.json"),
        fixture!("not-json.bin"),
    ] {
        assert_eq!(
            outcome(&app.deliver(signature, body)),
            (200, "stored".into())
        );
        assert_eq!(
            outcome(&app.deliver(signature, body)),
            (200, "duplicate".into())
        );
    }
    assert_eq!(app.stored(), 3);
}

#[test]
fn test_event_is_kept_and_changes_nothing() {
    let app = App::start();
    let (signature, body) = fixture!("vehicle-state-test-mode.json");
    assert_eq!(
        outcome(&app.deliver(signature, body)),
        (200, "stored".into())
    );
    assert_eq!(app.stored(), 1);
    assert_eq!(
        app.signal("vehicle-of-tests", "closure-islocked").status,
        404
    );
}

#[test]
fn many_deliveries_at_once_are_all_stored() {
    let app = App::start();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let order = json!({"vehicleId": FIRST_VEHICLE});
                    app.smartcar.control("POST", "/deliveries", &order);
                }
            });
        }
    });
    let deliveries = app.smartcar.delivered(200);
    let attempts: usize = deliveries
        .iter()
        .map(|delivery| delivery["attempts"].as_array().unwrap().len())
        .sum();
    // More than one where the database was busy for too long.
    assert!(attempts >= 200, "{attempts}");
    assert_eq!(app.stored(), 200);
}

#[test]
fn replay_cannot_outlive_the_memory_of_what_was_received() {
    let app = App::start_with(Options {
        variables: vec![
            ("MAX_DELIVERY_AGE", "86400".into()),
            ("RETENTION_DAYS", "7".into()),
        ],
        ..Options::default()
    });
    let (signature, body) = fixture!("vehicle-state-observed.json");
    let answer = app.deliver(signature, body);
    assert_eq!(
        answer.error(),
        (401, "EDGE".into(), "STALE_DELIVERY".into())
    );
    // Without a time of its own a delivery is taken.
    let (signature, body) = fixture!("not-json.bin");
    assert_eq!(app.deliver(signature, body).status, 200);
    app.smartcar
        .control("POST", "/deliveries", &json!({"vehicleId": FIRST_VEHICLE}));
    app.smartcar.delivered(1);
    assert_eq!(app.stored(), 2);
}

#[test]
fn delivery_without_a_time_is_known_as_long_as_it_is_kept() {
    let app = App::start_with(Options {
        variables: vec![
            ("MAX_DELIVERY_AGE", "86400".into()),
            ("RETENTION_DAYS", "7".into()),
        ],
        ..Options::default()
    });
    let state = vehicle_state("e-1", "v-1", 7, &[]);
    let timeless = state.replace(r#""deliveredAt":7,"#, "");
    assert_ne!(timeless, state);
    let (_, no_json) = fixture!("not-json.bin");
    for body in [timeless.as_bytes(), no_json] {
        let signature = sign(MANAGEMENT_TOKEN, body);
        let deliver = || app.deliver(&signature, body);
        assert_eq!(outcome(&deliver()), (200, "stored".into()));
        assert_eq!(outcome(&deliver()), (200, "duplicate".into()));
        // As the sweep does after the retention.
        app.database().forget_deliveries();
        assert_eq!(outcome(&deliver()), (200, "stored".into()));
    }
}

#[test]
fn delivery_age_above_the_retention_is_refused() {
    let mut app = App::start_with(Options {
        variables: vec![("RETENTION_DAYS", "1".into())],
        ..Options::default()
    });
    assert_eq!(app.deliver("", b"{}").status, 503);
    app.kill();
    assert!(app.said().contains("max_delivery_age"), "{}", app.said());
}

#[test]
fn verify_can_be_required_to_be_signed() {
    let app = App::start_with(Options {
        variables: vec![("REQUIRE_SIGNED_VERIFY", "true".into())],
        ..Options::default()
    });
    let verification = app.smartcar.control("POST", "/verify", &Value::Null);
    assert_eq!(verification["status"], 401);
}

#[test]
fn new_callback_uri_is_verified() {
    let app = App::start();
    let verification = app.smartcar.control("POST", "/verify", &Value::Null);
    assert_eq!(
        (&verification["status"], &verification["verified"]),
        (&json!(200), &json!(true))
    );
    assert_eq!(app.stored(), 0);
}

#[test]
fn verify_by_strangers_fills_no_log() {
    let mut app = App::start();
    let body = br#"{"eventType":"VERIFY","data":{"challenge":"a-challenge"}}"#;
    for _ in 0..64 {
        assert_eq!(app.send("POST", "/webhooks", &[], body).status, 200);
    }
    app.kill();
    let lines = app.said().matches(r#""event":"verify""#).count();
    // A new instance writes one too.
    assert!((1..32).contains(&lines), "{lines} lines");
}

#[test]
fn receiver_that_is_not_configured_says_so_and_fills_no_log() {
    let mut app = App::start_with(Options {
        variables: vec![("MANAGEMENT_TOKENS", String::new())],
        ..Options::default()
    });
    for _ in 0..64 {
        assert_eq!(app.deliver("", b"{}").error().0, 503);
    }
    app.kill();
    let said = app.said();
    let lines = said.lines().filter(|line| line.contains("not_configured"));
    let of_the_receiver = lines.filter(|line| line.contains("management_tokens"));
    let lines = of_the_receiver.count();
    assert!((1..32).contains(&lines), "{lines} lines");
}

#[test]
fn older_verify_is_answered_too() {
    let app = App::start();
    let body = br#"{"version":"2.0","eventName":"verify","payload":{"challenge":"8d0b9a52-6f7e-4c3b-9b6e-2f1a7c5d4e3f"}}"#;
    let answer = app.send("POST", "/webhooks", &[], body);
    // printf '%s' 8d0b9a52-6f7e-4c3b-9b6e-2f1a7c5d4e3f |
    //   openssl dgst -sha256 -hmac simulator-management-token
    assert_eq!(
        (answer.status, answer.json()),
        (
            200,
            json!({"challenge": "d14ddc5448540498193e8a02185c27166d1e25a7fa6c497051867a1c075b3f10"})
        )
    );
}

#[test]
fn any_of_several_management_tokens_will_do() {
    let app = App::start_with(Options {
        variables: vec![(
            "MANAGEMENT_TOKENS",
            "new-token,\n simulator-management-token ".into(),
        )],
        ..Options::default()
    });
    let (signature, body) = fixture!("vehicle-state-observed.json");
    assert_eq!(
        outcome(&app.deliver(signature, body)),
        (200, "stored".into())
    );
}

#[test]
fn documented_layout_of_the_simulator_is_understood() {
    let app = App::start_with(Options {
        simulator: &["--layout", "documented"],
        ..Options::default()
    });
    app.smartcar.control(
        "POST",
        "/deliveries",
        &json!({"vehicleId": FIRST_VEHICLE, "first": true}),
    );
    app.smartcar.delivered(1);
    let locked = app.signal(FIRST_VEHICLE, "closure-islocked").json();
    assert_eq!(
        locked["data"]["attributes"]["body"],
        json!({"value": false})
    );
}

#[test]
fn half_a_surrogate_pair_is_kept_and_stops_nothing() {
    let app = App::start();
    let state = support::vehicle_state("e-1", "v-1", 1_790_000_000_000, &[]);
    let cut = state.replace(r#""make":"TEST""#, r#""make":"\ud83d""#);
    assert_ne!(cut, state);
    assert_eq!(app.try_deliver(&cut).unwrap().status, 200);
    let whole = state
        .replace(r#""make":"TEST""#, r#""make":"\ud83d\ude97""#)
        .replace("e-1", "e-2");
    assert_eq!(app.try_deliver(&whole).unwrap().status, 200);
    assert_eq!(app.stored(), 2);
    let vehicles = app.call("GET", "/v3/vehicles", &[], "").json();
    assert_eq!(vehicles["data"][0]["attributes"]["make"], "\u{1f697}");
}
