//! No secret, no key, no coordinate and no VIN in any output.

use serde_json::{Value, json};
use simulator::{FIRST_USER, FIRST_VEHICLE};
use support::{App, KEY, Options, eventually, sign, vehicle_state};

#[test]
fn planted_secrets_appear_in_no_output() {
    let mut app = App::start_with(Options {
        variables: vec![
            ("SMARTCAR_CLIENT_SECRET", "planted-client-secret".into()),
            ("MANAGEMENT_TOKENS", "planted-management-token".into()),
            // printf '%s' planted-sink | openssl base64
            (
                "SINKS",
                r#"[{"name":"sink","url":"http://127.0.0.1:9/planted-url","secret":"whsec_cGxhbnRlZC1zaW5r"}]"#
                    .into(),
            ),
            ("SINK_HOSTS", "http://127.0.0.1:*".into()),
            ("QUARANTINE", "9".into()),
        ],
        simulator: &[
            "--client-secret",
            "planted-client-secret",
            "--management-token",
            "planted-management-token",
        ],
        ..Options::default()
    });
    let mut answers = Vec::new();
    let place = r#"{"data":{"attributes":{"latitude":47.1234567,"longitude":"8.7654321"}}}"#;
    let good_place = r#"{"data":{"attributes":{"latitude":47.1234567,"longitude":8.7654321}}}"#;
    answers.push(app.command(FIRST_VEHICLE, FIRST_USER, "security/lock", ""));
    answers.push(app.command(
        FIRST_VEHICLE,
        FIRST_USER,
        "navigation/set-destination",
        place,
    ));
    app.command(
        FIRST_VEHICLE,
        FIRST_USER,
        "navigation/set-destination",
        good_place,
    );
    app.smartcar.delivered(1);
    answers.push(app.call("GET", "/status", &[], ""));
    answers.push(app.deliver("planted-signature", b"{\"planted\":\"body\"}"));
    let signals = [json!({"code": "a-b", "body": {"value": "planted-value"}})];
    let body = vehicle_state("quarantined", FIRST_VEHICLE, 1_790_000_000_000, &signals);
    let signature = sign("planted-other-token", body.as_bytes());
    answers.push(app.deliver(&signature, body.as_bytes()));
    answers.push(eventually("it is in quarantine", || {
        let status = app.call("GET", "/status", &[], "");
        (status.json()["deliveries"]["quarantine"]["waiting"] == 1).then_some(status)
    }));
    answers.push(app.send(
        "GET",
        "/status",
        &[("authorization", "Bearer planted-wrong-key")],
        b"",
    ));
    app.smartcar.control("POST", "/verify", &Value::Null);
    app.smartcar.control("POST", "/tokens/revoke", &Value::Null);
    answers.push(app.command(FIRST_VEHICLE, FIRST_USER, "security/lock", ""));
    let route = "/v3/vehicles/{vehicleId}/commands/security/lock";
    app.smartcar.fault(route, json!({"cut": true}));
    answers.push(app.command(FIRST_VEHICLE, FIRST_USER, "security/lock", ""));
    let locate = app.signal(FIRST_VEHICLE, "location-preciselocation").json();
    let vin = app
        .signal(FIRST_VEHICLE, "vehicleidentification-vin")
        .json();

    // Wrong credentials, and configuration that is not what it should be.
    app.kill();
    app.set("SMARTCAR_CLIENT_SECRET", "planted-wrong-secret");
    app.run();
    answers.push(app.command(FIRST_VEHICLE, FIRST_USER, "security/lock", ""));
    app.kill();
    app.set(
        "API_KEYS",
        r#"[{"name":"n","sha256":"planted-hash","scopes":["*"]}]"#,
    );
    app.run();
    answers.push(app.call("GET", "/status", &[], ""));

    let body = |signal: &Value, name: &str| signal["data"]["attributes"]["body"][name].to_string();
    app.kill();
    app.smartcar.end();
    let outputs = [
        ("the app's log", app.said()),
        ("the simulator's log", app.smartcar.said()),
        (
            "an answer",
            answers
                .iter()
                .map(|answer| format!("{answer:?}\n"))
                .collect(),
        ),
    ];
    let forbidden = [
        "planted".to_owned(),
        KEY.to_owned(),
        "47.1234567".to_owned(),
        "8.7654321".to_owned(),
        body(&locate, "latitude"),
        body(&locate, "longitude"),
        body(&vin, "value").trim_matches('"').to_owned(),
        "Bearer ey".to_owned(),
        "cGxhbnRlZC1zaW5r".to_owned(),
    ];
    for (what, said) in &outputs {
        for secret in &forbidden {
            assert!(secret.len() > 4, "{secret:?} is no secret to look for");
            assert!(
                !said.contains(secret.as_str()),
                "{what} holds {secret}:\n{said}"
            );
        }
    }
}
