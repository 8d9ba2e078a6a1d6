//! What `/status` says of deliveries.

use serde_json::{Value, json};
use simulator::FIRST_VEHICLE;
use support::{App, Options, deliver_to, eventually, vehicle_state};

/// When deliveries of these tests were sent.
const AT: i64 = 1_790_000_000_000;

fn deliveries(app: &App) -> Value {
    app.call("GET", "/status", &[], "").json()["deliveries"].clone()
}

/// How often something was counted in the last hour.
fn count(deliveries: &Value, outcome: &str, reason: &str) -> i64 {
    let rows = deliveries["lastHour"].as_array().unwrap();
    rows.iter()
        .filter(|row| row["outcome"] == outcome && row["reason"].as_str().unwrap_or("") == reason)
        .map(|row| row["count"].as_i64().unwrap())
        .sum()
}

fn diagnosis(app: &App, expected: &str) {
    eventually(expected, || {
        let said = deliveries(app)["diagnosis"].to_string();
        said.contains(expected).then_some(())
    });
}

#[test]
fn tallies_count_every_outcome() {
    let app = App::start();
    let body = vehicle_state("e-1", "v-1", AT, &[]);
    for _ in 0..3 {
        app.try_deliver(&body);
    }
    app.deliver("abc", b"{}");
    app.deliver(&"0".repeat(64), b"{}");
    app.smartcar.control("POST", "/verify", &Value::Null);
    let counted = eventually("everything is counted", || {
        let counted = deliveries(&app);
        (count(&counted, "verify", "") == 1).then_some(counted)
    });
    assert_eq!(count(&counted, "stored", "token 0"), 1);
    assert_eq!(count(&counted, "duplicate", "token 0"), 2);
    assert_eq!(count(&counted, "refused", "SIGNATURE_MALFORMED"), 1);
    assert_eq!(count(&counted, "refused", "SIGNATURE_MISMATCH"), 1);
    assert!(counted["lastAcceptedAt"].is_string());
    assert_eq!(counted["diagnosis"], json!([]));
}

#[test]
fn forged_requests_are_counted_together() {
    let app = App::start();
    // Few enough that each is counted, and not one of many for all.
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                for _ in 0..5 {
                    app.deliver(&"0".repeat(64), b"{}");
                }
            });
        }
    });
    let counted = eventually("everything is counted", || {
        let counted = deliveries(&app);
        (count(&counted, "refused", "SIGNATURE_MISMATCH") == 60).then_some(counted)
    });
    let rows = app.database().count_tallies();
    assert!(rows <= 2, "{rows} rows: {counted}");
}

#[test]
fn wrong_management_token_is_recognised() {
    let app = App::start_with(Options {
        variables: vec![("MANAGEMENT_TOKENS", "rotated-token".into())],
        ..Options::default()
    });
    diagnosis(&app, "No live delivery has ever been accepted");
    let forged = vehicle_state("e-1", "v-1", AT, &[]);
    assert!(!deliver_to(&app.url("/webhooks"), &forged));
    diagnosis(&app, "The signature of no delivery matches");
    app.smartcar.control("POST", "/verify", &Value::Null);
    diagnosis(&app, "The callback URI is verified");
}

#[test]
fn deliveries_older_than_the_retention_are_swept() {
    let mut app = App::start();
    app.try_deliver(&vehicle_state("first", "v-1", AT, &[]));
    // The sweep of the first delivery could otherwise take the chore away again.
    app.kill();
    let database = app.database();
    database.add_old_deliveries(600);
    database.make_chores_due();
    assert_eq!(database.events().len(), 601);
    app.set("RETENTION_DAYS", "7");
    app.set("MAX_DELIVERY_AGE", "86400");
    app.run();
    let order = json!({"vehicleId": FIRST_VEHICLE});
    app.smartcar.control("POST", "/deliveries", &order);
    app.smartcar.delivered(1);
    // A step takes 500 of the 600, so that no sweep holds anyone up; the next one
    // follows without another delivery.
    eventually("the old ones are gone", || {
        (app.stored() == 2).then_some(())
    });
}
