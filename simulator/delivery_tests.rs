//! Deliveries to a receiver over real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::{
    Config, FIRST_VEHICLE, MANAGEMENT_TOKEN,
    signature::sign,
    testing::{Receiver, Running},
};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};

fn all_are(state: &str) -> impl Fn(&[Value]) -> bool {
    move |deliveries| !deliveries.is_empty() && deliveries.iter().all(|d| d["state"] == state)
}

#[tokio::test]
async fn change_is_delivered_signed_and_once() {
    let receiver = Receiver::start(&[]).await;
    let simulator = Running::delivering_to(&receiver).await;
    simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    // Locking a locked car changes nothing, so it delivers nothing.
    simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    let deliveries = simulator.deliveries_until(all_are("delivered")).await;
    assert_eq!(deliveries.len(), 1);
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    let event = received[0].json();
    assert_eq!(event["eventType"], "VEHICLE_STATE");
    assert_eq!(event["triggers"][0]["signal"]["code"], "closure-islocked");
    assert_eq!(event["triggers"][1]["signal"]["code"], "closure-doors");
    let headers = &received[0].headers;
    assert_eq!(
        headers["sc-signature"],
        sign(MANAGEMENT_TOKEN, &received[0].body)
    );
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["user-agent"], "Smartcar/simulator");
    assert_eq!(
        deliveries[0],
        json!({
            "eventId": event["eventId"],
            "eventType": "VEHICLE_STATE",
            "vehicleId": FIRST_VEHICLE,
            "state": "delivered",
            "attempts": [{
                "deliveryId": event["meta"]["deliveryId"],
                "deliveredAt": event["meta"]["deliveredAt"],
                "status": 200,
                "error": null,
            }],
        })
    );
}

#[tokio::test]
async fn retry_is_the_same_event_in_a_new_delivery() {
    let receiver = Receiver::start(&[503, 404, 302]).await;
    let simulator = Running::delivering_to(&receiver).await;
    simulator.command(FIRST_VEHICLE, "charge/start", "").await;
    let deliveries = simulator.deliveries_until(all_are("delivered")).await;
    let statuses: Vec<_> = deliveries[0]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [503, 404, 302, 200]);
    let received = receiver.received();
    let (first, last) = (received[0].json(), received[3].json());
    assert_eq!(first["eventId"], last["eventId"]);
    assert_ne!(first["meta"]["deliveryId"], last["meta"]["deliveryId"]);
    for received in received {
        let expected = sign(MANAGEMENT_TOKEN, &received.body);
        assert_eq!(received.headers["sc-signature"], expected);
    }
}

#[tokio::test]
async fn event_is_dropped_after_four_attempts_and_can_be_redelivered() {
    let receiver = Receiver::start(&[500; 4]).await;
    let simulator = Running::delivering_to(&receiver).await;
    simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    let deliveries = simulator.deliveries_until(all_are("dropped")).await;
    assert_eq!(receiver.received().len(), 4);
    let event_id = deliveries[0]["eventId"].as_str().unwrap();
    let path = format!("/deliveries/{event_id}/redeliver");
    for path in [path.as_str(), "/deliveries/last/redeliver"] {
        let answer = simulator.control("POST", path, Value::Null).await;
        assert_eq!(answer.json()["status"], 200);
    }
    let received = receiver.received();
    assert_eq!(received.len(), 6);
    assert_eq!(received[5].json()["eventId"], event_id);
    simulator.deliveries_until(all_are("delivered")).await;
}

#[tokio::test]
async fn receiver_that_is_away_is_an_error_and_not_a_status() {
    let unused = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let address = unused.await.unwrap().local_addr().unwrap();
    let simulator = Running::start(Config {
        deliver_to: Some(format!("http://{address}/").parse().unwrap()),
        retry_scale: 0.0,
        ..Config::default()
    })
    .await;
    simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    let deliveries = simulator.deliveries_until(all_are("dropped")).await;
    let attempt = &deliveries[0]["attempts"][3];
    assert_eq!(attempt["status"], Value::Null);
    assert!(attempt["error"].is_string());
}

#[tokio::test]
async fn events_are_sent_on_demand_to_a_receiver_named_later() {
    let receiver = Receiver::start(&[]).await;
    let simulator = Running::start(Config::default()).await;
    // Without a callback URI a change stays untold.
    simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    let set = json!({ "callbackUri": receiver.callback() });
    assert_eq!(simulator.control("PUT", "/webhook", set).await.status, 200);
    for order in [
        json!({ "vehicleId": FIRST_VEHICLE, "first": true, "mode": "TEST" }),
        json!({ "vehicleId": FIRST_VEHICLE, "eventType": "VEHICLE_ERROR" }),
    ] {
        let answer = simulator.control("POST", "/deliveries", order).await;
        assert_eq!(answer.status, 202);
        assert!(answer.json()["eventId"].is_string());
        simulator.deliveries_until(all_are("delivered")).await;
    }
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    let (state, error) = (received[0].json(), received[1].json());
    assert_eq!(state["triggers"], json!([{ "type": "FIRST_DELIVERY" }]));
    assert_eq!(state["meta"]["mode"], "TEST");
    assert_eq!(error["eventType"], "VEHICLE_ERROR");
    assert_eq!(error["meta"]["mode"], "LIVE");
}

#[tokio::test]
async fn receiver_is_verified_by_the_token_it_knows() {
    let receiver = Receiver::start(&[]).await;
    let simulator = Running::delivering_to(&receiver).await;
    let answer = simulator
        .control("POST", "/verify", Value::Null)
        .await
        .json();
    assert_eq!(
        answer,
        json!({ "status": 200, "verified": true, "error": null })
    );
    let received = receiver.received();
    assert_eq!(received[0].json()["eventType"], "VERIFY");
    assert!(!received[0].headers.contains_key("sc-signature"));

    let stranger = Receiver::knowing("another-token", &[]).await;
    let simulator = Running::delivering_to(&stranger).await;
    let answer = simulator
        .control("POST", "/verify", Value::Null)
        .await
        .json();
    assert_eq!(answer["verified"], false);
}
