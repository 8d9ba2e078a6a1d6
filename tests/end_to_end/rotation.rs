//! Rotations, as OPERATING.md says step by step. That of the management token is
//! `durability::a_rotation_of_the_management_token_refuses_nothing`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use simulator::{FIRST_USER, FIRST_VEHICLE};
use standardwebhooks::Webhook;
use support::{App, KEY, Options, Posted, Sink, eventually, vehicle_state};

const LOCK: &str = "/v3/vehicles/{vehicleId}/commands/security/lock";

fn restart(app: &mut App, name: &'static str, value: &str) {
    app.kill();
    app.set(name, value);
    app.run();
}

fn lock_with(app: &App, key: &str, headers: &[(&str, &str)]) -> support::Answer {
    let bearer = format!("Bearer {key}");
    let own = [
        ("authorization", bearer.as_str()),
        ("sc-user-id", FIRST_USER),
    ];
    let path = LOCK.replace("{vehicleId}", FIRST_VEHICLE);
    app.send("POST", &path, &[headers, &own].concat(), b"")
}

#[test]
fn new_client_secret_gets_a_token_of_its_own_at_once() {
    let mut app = App::start_with(Options {
        variables: vec![("SMARTCAR_CLIENT_SECRET", "new-secret".into())],
        simulator: &["--client-secret", "new-secret"],
        ..Options::default()
    });
    assert_eq!(lock_with(&app, KEY, &[]).status, 200);
    // The one before, which Smartcar does not know any more: refused, and said so.
    restart(&mut app, "SMARTCAR_CLIENT_SECRET", "old-secret");
    let refused = lock_with(&app, KEY, &[]);
    assert_eq!(refused.status, 502, "{refused:?}");
    let status = app.call("GET", "/status", &[], "").json();
    let sentence = status["diagnosis"][0]["sentence"].as_str().unwrap();
    assert!(sentence.contains("smartcar_client_secret"), "{sentence}");
    // That refusal does not stand in the way of the right one.
    restart(&mut app, "SMARTCAR_CLIENT_SECRET", "new-secret");
    assert_eq!(lock_with(&app, KEY, &[]).status, 200);
    let status = app.call("GET", "/status", &[], "").json();
    assert_eq!(status["diagnosis"], json!([]));
}

#[test]
fn api_key_is_replaced_under_its_name() {
    let entry = |key: &str| {
        let hash = hex::encode(Sha256::digest(key));
        json!({"name": "product", "sha256": hash, "scopes": ["control_security", "read_status"]})
    };
    let both = json!([entry("new-key"), entry("old-key")]).to_string();
    let mut app = App::start_with(Options {
        variables: vec![("API_KEYS", json!([entry("old-key")]).to_string())],
        ..Options::default()
    });
    let done = lock_with(&app, "old-key", &[("idempotency-key", "k-1")]);
    assert_eq!(done.status, 200, "{done:?}");

    restart(&mut app, "API_KEYS", &both);
    for key in ["old-key", "new-key"] {
        assert_eq!(lock_with(&app, key, &[]).status, 200, "{key}");
    }
    // What was done with the old key is not done again with the new one.
    let again = lock_with(&app, "new-key", &[("idempotency-key", "k-1")]);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body, done.body);

    restart(&mut app, "API_KEYS", &json!([entry("new-key")]).to_string());
    assert_eq!(lock_with(&app, "old-key", &[]).status, 401);
    assert_eq!(lock_with(&app, "new-key", &[]).status, 200);
}

#[test]
fn sink_gets_both_signatures_until_it_knows_the_new_secret() {
    let secret = |word: &str| format!("whsec_{}", STANDARD.encode(word));
    let (old, new) = (secret("the-old-secret"), secret("the-new-secret"));
    let sink = Sink::start();
    let configured = |secret: &str| {
        let mut sink = sink.configuration("mine");
        sink["secret"] = secret.into();
        Value::from(vec![sink]).to_string()
    };
    let mut app = App::start_with(Options {
        variables: vec![
            ("SINKS", configured(&old)),
            ("SINK_HOSTS", "http://127.0.0.1:*".into()),
        ],
        ..Options::default()
    });
    let posted = |app: &App, event: &str| {
        let state = vehicle_state(event, "v-1", 1_790_000_000_000, &[]);
        assert_eq!(app.try_deliver(&state).unwrap().status, 200);
        // And noted: what is killed in between is sent again, and the next one waits.
        eventually("it is passed on", || {
            let status = app.call("GET", "/status", &[], "").json();
            let is_noted = status["outbox"][0]["waiting"] == 0;
            let posted = sink.posted().into_iter();
            posted
                .filter(|_| is_noted)
                .find(|posted| posted.id() == event)
        })
    };
    let accepts = |secret: &str, posted: &Posted| {
        let mut headers = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, posted.headers[name].parse().unwrap());
        }
        let webhook = Webhook::new(secret).unwrap();
        webhook.verify(&posted.body, &headers).is_ok()
    };
    let first = posted(&app, "e-1");
    assert!(accepts(&old, &first) && !accepts(&new, &first));
    restart(&mut app, "SINKS", &configured(&format!("{new} {old}")));
    let second = posted(&app, "e-2");
    assert!(accepts(&old, &second) && accepts(&new, &second));
    restart(&mut app, "SINKS", &configured(&new));
    let third = posted(&app, "e-3");
    assert!(accepts(&new, &third) && !accepts(&old, &third));
    assert_eq!(sink.taken(), ["e-1", "e-2", "e-3"]);
}
