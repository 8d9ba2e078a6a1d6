//! The controls over real sockets.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use crate::{
    Config, FIRST_USER, FIRST_VEHICLE, WEBHOOK,
    testing::{Receiver, Running},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{io::AsyncWriteExt, net::TcpStream};

const LOCK: &str = "/v3/vehicles/{vehicleId}/commands/security/lock";

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let simulator = Running::start(Config::default()).await;
    simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    simulator.command("nowhere", "security/lock", "").await;
    simulator.ask("GET", "/v3/nothing", &[], "").await;
    let requests = simulator.control("GET", "/requests", Value::Null).await;
    assert_eq!(
        requests.json(),
        json!({
            "total": 5,
            "routes": [
                { "method": "POST", "route": "/oauth2/token", "status": 200, "count": 2 },
                { "method": "POST", "route": LOCK, "status": 200, "count": 1 },
                { "method": "POST", "route": LOCK, "status": 404, "count": 1 },
                { "method": "GET", "route": "unmatched", "status": 401, "count": 1 },
            ],
        })
    );
    assert_eq!(
        simulator
            .control("DELETE", "/requests", Value::Null)
            .await
            .status,
        204
    );
    let requests = simulator.control("GET", "/requests", Value::Null).await;
    assert_eq!(requests.json(), json!({ "total": 0, "routes": [] }));
}

#[tokio::test]
async fn fault_answers_instead_of_smartcar() {
    let simulator = Running::start(Config::default()).await;
    let body = r#"{"errors":[{"status":"429"}]}"#;
    let faults = json!([{
        "route": LOCK,
        "method": "POST",
        "times": 1,
        "status": 429,
        "headers": { "Retry-After": "9" },
        "body": body,
    }]);
    let set = simulator.control("PUT", "/faults", faults).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let answer = simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    assert_eq!((answer.status, answer.text.as_str()), (429, body));
    assert_eq!(answer.headers["retry-after"], "9");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(answer.headers.contains_key("sc-request-id"));
    let shown = simulator
        .control("GET", "/faults", Value::Null)
        .await
        .json();
    assert_eq!(shown[0]["times"], 0);
    let answer = simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn command_runs_although_its_client_stopped_waiting() {
    let simulator = Running::start(Config::default()).await;
    let faults = json!([{ "route": LOCK, "latencyMs": 300 }]);
    simulator.control("PUT", "/faults", faults).await;
    let bearer = simulator.bearer().await;
    let request = format!(
        "POST /v3/vehicles/{FIRST_VEHICLE}/commands/security/lock HTTP/1.1\r\n\
         Host: s\r\nAuthorization: {bearer}\r\nSC-User-Id: {FIRST_USER}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    drop(stream);
    for _ in 0..500 {
        let fleet = simulator
            .control("GET", "/vehicles", Value::Null)
            .await
            .json();
        if fleet[0]["state"]["isLocked"] == true {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!("the command never ran");
}

#[tokio::test]
async fn webhook_is_set_as_in_the_dashboard() {
    let (main, errors) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let simulator = Running::start(Config::default()).await;
    let settings = json!({
        "callbackUri": main.callback(),
        "errorCallbackUri": errors.callback(),
        "triggers": [],
        "data": ["odometer-traveleddistance"],
    });
    simulator.control("PUT", "/webhook", settings.clone()).await;
    let path = format!("/v3/webhooks/{WEBHOOK}");
    let shown = simulator.v3("GET", &path, "").await.json()["data"]["attributes"].clone();
    assert_eq!(shown["errorCallbackUri"], errors.callback());
    assert_eq!(shown["triggers"], json!([]));
    assert_eq!(shown["data"][0]["code"], "odometer-traveleddistance");
    // Nothing triggers a delivery, but one can be asked for.
    simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    for event_type in ["VEHICLE_STATE", "VEHICLE_ERROR"] {
        let order = json!({ "vehicleId": FIRST_VEHICLE, "eventType": event_type });
        let sent = simulator.control("POST", "/deliveries", order).await;
        assert_eq!(sent.status, 202, "{}", sent.text);
    }
    let is_done = |deliveries: &[Value]| deliveries.iter().all(|d| d["state"] == "delivered");
    assert_eq!(simulator.deliveries_until(is_done).await.len(), 2);
    let of = |receiver: &Receiver| {
        let [received] = &receiver.received()[..] else {
            panic!("one event is for each");
        };
        received.json()
    };
    assert_eq!(of(&main)["data"]["signals"].as_array().unwrap().len(), 1);
    assert_eq!(of(&errors)["eventType"], "VEHICLE_ERROR");

    let mut disabled = settings;
    disabled["isEnabled"] = json!(false);
    simulator.control("PUT", "/webhook", disabled).await;
    let shown = simulator.v3("GET", &path, "").await.json();
    assert_eq!(shown["data"]["attributes"]["isEnabled"], false);
    let order = json!({ "vehicleId": FIRST_VEHICLE });
    let refused = simulator.control("POST", "/deliveries", order).await;
    assert_eq!(refused.status, 409);
}

#[tokio::test]
async fn connection_can_end_elsewhere_and_show_other_permissions() {
    let simulator = Running::start(Config::default()).await;
    let path = format!("/v3/connections?filter[vehicleId]={FIRST_VEHICLE}");
    let control = format!("/vehicles/{FIRST_VEHICLE}");
    let permissions = json!(["read_vin"]);
    simulator
        .control(
            "PUT",
            &format!("{control}/permissions"),
            permissions.clone(),
        )
        .await;
    let shown = simulator.v3("GET", &path, "").await.json();
    assert_eq!(shown["data"][0]["attributes"]["permissions"], permissions);
    let ended = simulator
        .control("DELETE", &format!("{control}/connection"), Value::Null)
        .await;
    assert_eq!(ended.status, 204);
    let shown = simulator.v3("GET", &path, "").await.json();
    assert_eq!(shown["data"], json!([]));
}

#[tokio::test]
async fn control_that_makes_no_sense_says_why() {
    let simulator = Running::start(Config::default()).await;
    for (method, path, body, status) in [
        ("PUT", "/faults", json!([{ "route": "/nowhere" }]), 400),
        ("PUT", "/faults", json!({}), 400),
        ("PUT", "/webhook", json!({ "callbackUri": "ftp://x/" }), 400),
        (
            "PUT",
            "/webhook",
            json!({ "callbackUri": "http://x/", "data": ["odometer"] }),
            400,
        ),
        ("DELETE", "/vehicles/none/connection", Value::Null, 404),
        ("PUT", "/vehicles/none/permissions", json!([]), 404),
        ("POST", "/deliveries", json!({}), 400),
        (
            "POST",
            "/deliveries",
            json!({ "vehicleId": FIRST_VEHICLE }),
            409,
        ),
        ("POST", "/deliveries/none/redeliver", Value::Null, 404),
        ("POST", "/deliveries/last/redeliver", Value::Null, 404),
        ("POST", "/deliveries/%ff/redeliver", Value::Null, 404),
        ("GET", "/nothing", Value::Null, 404),
        ("DELETE", "/vehicles", Value::Null, 405),
    ] {
        let answer = simulator.control(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.json()["error"].is_string(), "{method} {path}");
    }
    let requests = simulator.control("GET", "/requests", Value::Null).await;
    assert_eq!(requests.json()["total"], 0);
}

#[tokio::test]
async fn plan_allows_so_many_calls_about_each_vehicle() {
    let simulator = Running::start(Config::default()).await;
    let set = async |plan: Value| simulator.control("PUT", "/plan", plan).await.status;
    assert_eq!(set(json!({ "callsPerVehicle": 2 })).await, 204);
    let signals = format!("/v3/vehicles/{FIRST_VEHICLE}/signals");
    let read = async |path: &str| simulator.as_first_user("GET", path, "").await;
    let vehicle = format!("/v3/vehicles/{FIRST_VEHICLE}");
    assert_eq!(read(&vehicle).await.status, 200);
    // A command counts like a read, and what is not about a vehicle not at all.
    let lock = simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    assert_eq!(lock.status, 200);
    let expected = (
        430,
        "BILLING".to_owned(),
        "VEHICLE_REQUEST_LIMIT".to_owned(),
    );
    for _ in 0..2 {
        assert_eq!(read(&vehicle).await.refusal(), expected);
        assert_eq!(read(&signals).await.refusal(), expected);
        let lock = simulator.command(FIRST_VEHICLE, "security/lock", "").await;
        assert_eq!(lock.refusal(), expected);
        assert_eq!(read("/v3/connections").await.status, 200);
    }
    assert_eq!(set(json!({ "callsPerVehicle": null })).await, 204);
    assert_eq!(read(&signals).await.status, 200);
    assert_eq!(set(json!({ "callsPerCar": 2 })).await, 400);
}
