//! Smartcar's side over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::{
    BindError, COMBUSTION_VEHICLE, Config, FIRST_USER, FIRST_VEHICLE, SECOND_USER, Server,
    UNPLUGGED_VEHICLE,
    testing::{Running, refused},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn vehicle_and_its_signals_are_read_by_the_owner_only() {
    let simulator = Running::start(Config::default()).await;
    let bearer = simulator.bearer().await;
    let bearer = ("authorization", bearer.as_str());
    let vehicle = format!("/v3/vehicles/{FIRST_VEHICLE}");
    let signals = format!("{vehicle}/signals");
    let owner = [bearer, ("sc-user-id", FIRST_USER)];

    let answer = simulator.ask("GET", &vehicle, &[bearer], "").await.json();
    assert_eq!(answer["data"]["attributes"]["powertrainType"], "BEV");

    let answer = simulator.ask("GET", &signals, &owner, "").await.json();
    assert_eq!(answer["meta"]["totalCount"], 14);
    assert_eq!(answer["included"]["vehicle"]["id"], FIRST_VEHICLE);
    let link = format!("http://{}{vehicle}", simulator.address);
    assert_eq!(answer["included"]["vehicle"]["links"]["self"], link);

    let locked = format!("{signals}/closure-islocked");
    let answer = simulator.ask("GET", &locked, &owner, "").await.json();
    assert_eq!(
        answer["data"]["attributes"]["body"],
        json!({ "value": false })
    );
    assert!(
        answer["data"]["meta"]["oemUpdatedAt"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );

    let not_found = refused(404, "RESOURCE_NOT_FOUND", "VEHICLE_NOT_FOUND");
    let answer = simulator.ask("GET", &signals, &[bearer], "").await;
    assert_eq!(answer.json()["errors"][0]["detail"], "missing userId");
    assert_eq!(
        answer.refusal(),
        refused(400, "VALIDATION", "MISSING_PARAMETER")
    );
    let stranger = [bearer, ("sc-user-id", SECOND_USER)];
    let answer = simulator.ask("GET", &signals, &stranger, "").await;
    assert_eq!(answer.refusal(), not_found);
    let answer = simulator.ask("GET", "/v3/vehicles/x", &owner, "").await;
    assert_eq!(answer.refusal(), not_found);
}

#[tokio::test]
async fn unknown_path_or_method_is_an_invalid_path() {
    let simulator = Running::start(Config::default()).await;
    let bearer = simulator.bearer().await;
    let headers = [
        ("authorization", bearer.as_str()),
        ("sc-user-id", FIRST_USER),
    ];
    let vehicle = format!("/v3/vehicles/{FIRST_VEHICLE}");
    for (method, path) in [
        ("GET", "/v3/nowhere".to_owned()),
        ("GET", "/v3/vehicles/%ff".to_owned()),
        ("POST", format!("{vehicle}/signals")),
        ("GET", format!("{vehicle}/commands/security/lock")),
        ("GET", format!("{vehicle}/signals/closure-none")),
        ("GET", "/v3/connections/none".to_owned()),
        ("GET", "/".to_owned()),
    ] {
        let answer = simulator.ask(method, &path, &headers, "").await;
        assert_eq!(
            answer.refusal(),
            refused(404, "RESOURCE_NOT_FOUND", "INVALID_PATH"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn command_answers_its_execution_and_changes_the_car() {
    let simulator = Running::start(Config::default()).await;
    let answer = simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let data = &answer.json()["data"];
    assert!(data["id"].as_str().unwrap().starts_with("exec_"));
    assert_eq!(data["type"], "command-execution");
    assert_eq!(
        data["attributes"],
        json!({
            "commandType": "security-lock",
            "status": { "value": "SUCCESS" },
            "executionMode": "sync",
        })
    );
    let fleet = simulator
        .control("GET", "/vehicles", Value::Null)
        .await
        .json();
    assert_eq!(fleet[0]["id"], FIRST_VEHICLE);
    assert_eq!(fleet[0]["owner"], FIRST_USER);
    assert_eq!(
        fleet[0]["state"],
        json!({
            "isLocked": true,
            "isPluggedIn": true,
            "isCharging": false,
            "chargeLimit": 80,
            "isChargePortOpen": true,
            "chargeSchedules": [],
        })
    );
    assert_eq!(fleet[2]["state"]["chargeLimit"], Value::Null);
}

#[tokio::test]
async fn command_repeats_its_parameters() {
    let simulator = Running::start(Config::default()).await;
    let limit = r#"{"data":{"attributes":{"percent":70}}}"#;
    let answer = simulator
        .command(FIRST_VEHICLE, "charge/set-limit", limit)
        .await;
    let attributes = &answer.json()["data"]["attributes"];
    assert_eq!(attributes["commandType"], "charge-set-limit");
    assert_eq!(attributes["parameters"], json!({ "percent": 70 }));

    let place = r#"{"data":{"attributes":{"latitude":47.5,"longitude":8}}}"#;
    let answer = simulator
        .command(COMBUSTION_VEHICLE, "navigation/set-destination", place)
        .await;
    let attributes = &answer.json()["data"]["attributes"];
    assert_eq!(attributes["commandType"], "navigation-set-destination");
    assert_eq!(
        attributes["parameters"],
        json!({ "latitude": 47.5, "longitude": 8.0 })
    );
}

#[tokio::test]
async fn charge_port_opens_and_closes() {
    let simulator = Running::start(Config::default()).await;
    for (word, is_open) in [("close", false), ("open", true)] {
        let command = format!("charge-port/{word}");
        let answer = simulator.command(FIRST_VEHICLE, &command, "").await;
        let attributes = &answer.json()["data"]["attributes"];
        assert_eq!(attributes["commandType"], format!("charge-port-{word}"));
        let fleet = simulator.control("GET", "/vehicles", Value::Null).await;
        assert_eq!(fleet.json()[0]["state"]["isChargePortOpen"], is_open);
    }
}

#[tokio::test]
async fn command_that_cannot_run_says_why() {
    let simulator = Running::start(Config::default()).await;
    let invalid = refused(400, "VALIDATION", "INVALID_INPUT_FORMAT");
    for (vehicle, command, body, expected) in [
        (FIRST_VEHICLE, "charge/set-limit", "{", invalid.clone()),
        (FIRST_VEHICLE, "navigation/set-destination", "{}", invalid),
        (
            FIRST_VEHICLE,
            "charge/stop",
            "",
            refused(409, "VEHICLE_STATE", "NOT_CHARGING"),
        ),
        (
            COMBUSTION_VEHICLE,
            "charge/start",
            "",
            refused(501, "COMPATIBILITY", "VEHICLE_NOT_CAPABLE"),
        ),
        (
            COMBUSTION_VEHICLE,
            "charge-port/open",
            "",
            refused(501, "COMPATIBILITY", "VEHICLE_NOT_CAPABLE"),
        ),
        (
            UNPLUGGED_VEHICLE,
            "security/lock",
            "",
            refused(404, "RESOURCE_NOT_FOUND", "VEHICLE_NOT_FOUND"),
        ),
    ] {
        let answer = simulator.command(vehicle, command, body).await;
        assert_eq!(answer.refusal(), expected, "{command}");
    }
}

#[tokio::test]
async fn enormous_body_is_refused() {
    let simulator = Running::start(Config::default()).await;
    let body = "x".repeat(2 * 1024 * 1024);
    // The server may close before it has read everything, which the client may
    // see as a broken connection instead of the answer.
    let request = simulator.request("POST", "/oauth2/token", &[], &body);
    if let Ok(answer) = simulator.call(request).await {
        assert_eq!(answer.status, 413);
    }
    assert_eq!(
        simulator
            .command(FIRST_VEHICLE, "security/lock", "")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn cut_closes_the_connection_without_a_byte() {
    let simulator = Running::start(Config::default()).await;
    let fault = json!([{ "route": "/oauth2/token", "cut": true, "times": 1 }]);
    assert_eq!(simulator.control("PUT", "/faults", fault).await.status, 200);

    let mut stream = tokio::net::TcpStream::connect(simulator.address)
        .await
        .unwrap();
    stream
        .write_all(b"POST /oauth2/token HTTP/1.1\r\nHost: s\r\nContent-Length: 2\r\n\r\nab")
        .await
        .unwrap();
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes));
    assert_eq!(read.await.unwrap().unwrap(), 0, "{bytes:?}");

    let requests = simulator.control("GET", "/requests", Value::Null).await;
    assert_eq!(
        requests.json(),
        json!({
            "total": 1,
            "routes": [{ "method": "POST", "route": "/oauth2/token", "status": 0, "count": 1 }],
        })
    );
    simulator.bearer().await;
}

#[tokio::test]
async fn busy_address_is_named() {
    let simulator = Running::start(Config::default()).await;
    let taken = Server::bind(Config {
        listen: simulator.address,
        ..Config::default()
    });
    let error: BindError = taken.await.err().unwrap();
    let text = error.to_string();
    assert!(text.contains(&simulator.address.to_string()), "{text}");
    assert!(!text.contains('\n'));
}
