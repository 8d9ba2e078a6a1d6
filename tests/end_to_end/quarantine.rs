//! Deliveries that fail only by their signature, until the token that signed them is added.

use serde_json::{Value, json};
use support::{App, Options, Sink, eventually, sign, vehicle_state};

/// When deliveries of these tests were sent.
const AT: i64 = 1_790_000_000_000;

/// The token that Smartcar signs with, and that is not configured at first.
const OTHER: &str = "other-token";

/// The application with a quarantine, and a sink; it knows the vehicle `v-1`.
fn app(sink: &Sink) -> App {
    let app = App::start_with(Options {
        variables: vec![
            ("QUARANTINE", "20".into()),
            ("SINKS", json!([sink.configuration("mine")]).to_string()),
            ("SINK_HOSTS", "http://127.0.0.1:*".into()),
        ],
        ..Options::default()
    });
    let first = app.try_deliver(&vehicle_state("first", "v-1", AT, &[]));
    assert_eq!(first.unwrap().status, 200);
    app
}

/// Posts a vehicle state that is signed with a token. Returns the status.
fn deliver(app: &App, token: &str, event: &str, vehicle: &str) -> u16 {
    let body = vehicle_state(event, vehicle, AT, &[]);
    app.deliver(&sign(token, body.as_bytes()), body.as_bytes())
        .status
}

fn deliveries(app: &App) -> Value {
    app.call("GET", "/status", &[], "").json()["deliveries"].clone()
}

/// Waits until so many deliveries are in quarantine.
fn waiting(app: &App, many: i64) -> Value {
    eventually(&format!("{many} wait in quarantine"), || {
        let deliveries = deliveries(app);
        (deliveries["quarantine"]["waiting"] == many).then_some(deliveries)
    })
}

/// Starts it again, with the other token beside its own.
fn add_the_other_token(app: &mut App) {
    app.kill();
    let tokens = format!("{},{OTHER}", simulator::MANAGEMENT_TOKEN);
    app.set("MANAGEMENT_TOKENS", &tokens);
    // The first delivery had the quarantine tried, less than a minute ago.
    app.database().make_chores_due();
    app.run();
}

#[test]
fn quarantine_is_accepted_and_passed_on_once_when_its_token_is_added() {
    let sink = Sink::start();
    let mut app = app(&sink);
    for _ in 0..2 {
        assert_eq!(deliver(&app, OTHER, "e-1", "v-1"), 401);
        assert_eq!(deliver(&app, OTHER, "e-2", "v-1"), 401);
        waiting(&app, 2);
    }
    assert_eq!(deliver(&app, "a forger's", "e-3", "v-1"), 401);
    let kept = waiting(&app, 3);
    assert!(kept["quarantine"]["oldestAt"].is_string(), "{kept}");
    let diagnosis = kept["diagnosis"].to_string();
    assert!(diagnosis.contains("wait in quarantine"), "{diagnosis}");
    assert_eq!(kept["stored"], 1);
    eventually("the first is passed on", || {
        (sink.taken() == ["first"]).then_some(())
    });

    add_the_other_token(&mut app);
    // Smartcar tries one of them again.
    assert_eq!(deliver(&app, OTHER, "e-2", "v-1"), 200);
    assert_eq!(waiting(&app, 1)["stored"], 3);
    eventually("both are passed on", || {
        let mut taken = sink.taken();
        taken.sort();
        (taken == ["e-1", "e-2", "first"]).then_some(())
    });
    eventually("the log says so", || {
        let line = r#""event":"quarantine","accepted":"#;
        app.said().contains(line).then_some(())
    });

    // Another start brings nothing once more.
    add_the_other_token(&mut app);
    assert_eq!(deliver(&app, OTHER, "e-4", "v-1"), 200);
    eventually("the last one is passed on", || {
        sink.taken().contains(&"e-4".to_owned()).then_some(())
    });
    assert_eq!(sink.taken().len(), 4, "{:?}", sink.taken());
    assert_eq!(waiting(&app, 1)["stored"], 4);
}

#[test]
fn quarantine_keeps_no_forgery_about_a_vehicle_that_is_unknown() {
    let sink = Sink::start();
    let app = app(&sink);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let app = &app;
            scope.spawn(move || {
                for number in 0..25 {
                    let event = format!("forged-{thread}-{number}");
                    assert_eq!(deliver(app, "a forger's", &event, &event), 401);
                }
            });
        }
    });
    // One that comes with the last of them may be left out, and is sent again.
    eventually("the genuine one is kept", || {
        assert_eq!(deliver(&app, OTHER, "e-1", "v-1"), 401);
        (deliveries(&app)["quarantine"]["waiting"] == 1).then_some(())
    });
    assert_eq!(app.stored(), 1);
}

#[test]
fn quarantine_is_off_by_default() {
    let app = App::start();
    let first = app.try_deliver(&vehicle_state("first", "v-1", AT, &[]));
    assert_eq!(first.unwrap().status, 200);
    assert_eq!(deliver(&app, OTHER, "e-1", "v-1"), 401);
    eventually("it is counted", || {
        let counted = deliveries(&app)["lastHour"].to_string();
        counted.contains("SIGNATURE_MISMATCH").then_some(())
    });
    waiting(&app, 0);
}
