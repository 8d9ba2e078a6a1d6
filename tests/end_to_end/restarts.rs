//! A power cut costs nothing that was promised.

use serde_json::{Value, json};
use simulator::{FIRST_USER, FIRST_VEHICLE};
use support::{App, eventually};

#[test]
fn restart_keeps_the_token_and_the_deliveries() {
    let mut app = App::start();
    assert_eq!(
        app.command(FIRST_VEHICLE, FIRST_USER, "security/lock", "")
            .status,
        200
    );
    app.smartcar.delivered(1);
    app.kill();
    app.run();
    assert_eq!(app.stored(), 1);
    let locked = app.signal(FIRST_VEHICLE, "closure-islocked").json();
    assert_eq!(locked["data"]["attributes"]["body"], json!({"value": true}));
    assert_eq!(
        app.command(FIRST_VEHICLE, FIRST_USER, "security/unlock", "")
            .status,
        200
    );
    assert_eq!(app.smartcar.count("/oauth2/token", 200), 1);
}

#[test]
fn delivery_while_the_app_is_away_arrives_by_a_retry() {
    let mut app = App::start();
    app.kill();
    app.smartcar
        .control("POST", "/deliveries", &json!({"vehicleId": FIRST_VEHICLE}));
    eventually("an attempt fails", || {
        let deliveries = app.smartcar.control("GET", "/deliveries", &Value::Null);
        deliveries[0]["attempts"][0]["error"]
            .is_string()
            .then_some(())
    });
    app.run();
    // The retries may have been used up while the app was starting.
    app.smartcar
        .control("POST", "/deliveries/last/redeliver", &Value::Null);
    app.smartcar.delivered(1);
    assert_eq!(app.stored(), 1);
}

#[test]
fn rotated_client_secret_leaves_the_old_token_unread() {
    let mut app = App::start();
    assert_eq!(
        app.command(FIRST_VEHICLE, FIRST_USER, "security/lock", "")
            .status,
        200
    );
    app.kill();
    app.set("SMARTCAR_CLIENT_SECRET", "rotated-and-unknown-to-smartcar");
    app.run();
    let answer = app.command(FIRST_VEHICLE, FIRST_USER, "security/lock", "");
    assert_eq!(
        answer.error(),
        (502, "EDGE".into(), "CREDENTIALS_REFUSED".into())
    );
}
