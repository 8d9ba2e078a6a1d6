//! Tokens and who may ask, over real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::{Config, FIRST_VEHICLE, testing::Running};
use serde_json::{Value, json};
use std::time::Duration;

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];
const JSON: [(&str, &str); 1] = [("content-type", "application/json; charset=utf-8")];

#[tokio::test]
async fn token_is_issued_for_a_form_and_for_json() {
    let simulator = Running::start(Config::default()).await;
    let credentials = json!({
        "grant_type": "client_credentials",
        "client_id": crate::CLIENT_ID,
        "client_secret": crate::CLIENT_SECRET,
    });
    let answer = simulator
        .ask("POST", "/oauth2/token", &JSON, &credentials.to_string())
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert_eq!(answer.json()["expires_in"], 3600);
    assert!(answer.headers.contains_key("sc-request-id"));
    assert_ne!(simulator.bearer().await, simulator.bearer().await);
}

#[tokio::test]
async fn bad_token_request_is_refused_the_oauth_way() {
    let simulator = Running::start(Config::default()).await;
    let wrong = "grant_type=client_credentials&client_id=client_simulator&client_secret=no";
    let no_grant = "client_id=client_simulator&client_secret=simulator-secret";
    let other_grant = format!("grant_type=password&{no_grant}");
    for (headers, body, status, error) in [
        (&FORM[..], wrong, 401, "invalid_client"),
        (&FORM[..], no_grant, 400, "invalid_request"),
        (&FORM[..], &other_grant, 400, "invalid_request"),
        (&FORM[..], "", 400, "invalid_request"),
        (&JSON[..], "[1", 400, "invalid_request"),
        (&JSON[..], r#"{"grant_type":7}"#, 400, "invalid_request"),
        (&[], wrong, 400, "invalid_request"),
    ] {
        let answer = simulator.ask("POST", "/oauth2/token", headers, body).await;
        assert_eq!(answer.status, status, "{body}");
        assert_eq!(answer.json()["error"], error, "{body}");
        assert!(answer.json()["error_description"].is_string());
    }
}

#[tokio::test]
async fn token_has_to_be_live_for_every_v3_path() {
    let simulator = Running::start(Config::default()).await;
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}");
    let unauthorized = (401, "AUTHENTICATION".to_owned(), "UNAUTHORIZED".to_owned());
    for headers in [
        &[][..],
        &[("authorization", "Bearer made-up")][..],
        &[("authorization", "Basic YTpi")][..],
    ] {
        for path in [path.as_str(), "/v3", "/v3/nowhere"] {
            let answer = simulator.ask("GET", path, headers, "").await;
            assert_eq!(answer.refusal(), unauthorized);
        }
    }

    let bearer = simulator.bearer().await;
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(simulator.ask("GET", &path, &headers, "").await.status, 200);
    let revoked = simulator
        .control("POST", "/tokens/revoke", Value::Null)
        .await;
    assert_eq!(revoked.json(), json!({ "revoked": 1 }));
    let answer = simulator.ask("GET", &path, &headers, "").await;
    assert_eq!(answer.refusal(), unauthorized);
}

#[tokio::test]
async fn token_of_no_life_is_refused() {
    let simulator = Running::start(Config {
        token_life: Duration::ZERO,
        ..Config::default()
    })
    .await;
    let answer = simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    assert_eq!(answer.status, 401);
}
