//! Subscriptions over real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::{
    COMBUSTION_VEHICLE, Config, FIRST_USER, FIRST_VEHICLE, SECOND_USER, UNPLUGGED_VEHICLE, WEBHOOK,
    testing::{Receiver, Running, refused},
};
use serde_json::{Value, json};

const SUBSCRIPTIONS: &str = "/v3/subscriptions";

fn order(webhook: &str, user: &str, vehicle: &str) -> String {
    let attributes = json!({ "webhookId": webhook, "userId": user, "vehicleId": vehicle });
    json!({ "data": { "attributes": attributes } }).to_string()
}

async fn subscribe(simulator: &Running, user: &str, vehicle: &str) {
    let order = order(WEBHOOK, user, vehicle);
    let answer = simulator.v3("POST", SUBSCRIPTIONS, &order).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(
        answer.json(),
        json!({ "meta": { "message": "subscription creation in progress" } })
    );
}

async fn list(simulator: &Running, query: &str) -> Value {
    let path = format!("{SUBSCRIPTIONS}{query}");
    simulator.v3("GET", &path, "").await.json()
}

#[tokio::test]
async fn subscription_is_made_found_read_and_ended() {
    let simulator = Running::start(Config::default()).await;
    assert_eq!(list(&simulator, "").await["data"], json!([]));
    subscribe(&simulator, FIRST_USER, FIRST_VEHICLE).await;

    let query = format!("?filter[vehicleId]={FIRST_VEHICLE}&filter[webhookId]={WEBHOOK}");
    let found = list(&simulator, &query).await["data"][0].clone();
    assert_eq!(found["type"], "subscription");
    assert_eq!(found["attributes"]["vehicle"]["model"], "EX30");
    assert_eq!(found["attributes"]["vehicle"]["mode"], "live");
    let origin = format!("http://{}/v3", simulator.address);
    for (name, kind, id) in [
        ("webhook", "webhooks", WEBHOOK),
        ("user", "users", FIRST_USER),
        ("vehicle", "vehicles", FIRST_VEHICLE),
    ] {
        let related = json!({
            "data": { "id": id, "type": name },
            "links": { "related": format!("{origin}/{kind}/{id}") },
        });
        assert_eq!(found["relationships"][name], related);
    }
    assert!(found["meta"]["createdAt"].as_str().unwrap().ends_with('Z'));

    let path = format!("{SUBSCRIPTIONS}/{}", found["id"].as_str().unwrap());
    let one = simulator.v3("GET", &path, "").await.json();
    assert_eq!(one["data"], found);
    assert_eq!(
        found["links"]["self"],
        format!("http://{}{path}", simulator.address)
    );

    let ended = simulator.v3("DELETE", &path, "").await;
    assert_eq!((ended.status, ended.text.as_str()), (204, ""));
    for method in ["GET", "DELETE"] {
        let answer = simulator.v3(method, &path, "").await;
        assert_eq!(
            answer.refusal(),
            refused(404, "RESOURCE_NOT_FOUND", "INVALID_PATH")
        );
    }
    assert_eq!(list(&simulator, "").await["meta"]["totalCount"], 0);
    subscribe(&simulator, FIRST_USER, FIRST_VEHICLE).await;
}

#[tokio::test]
async fn subscription_that_cannot_be_made_says_why() {
    let simulator = Running::start(Config::default()).await;
    subscribe(&simulator, FIRST_USER, FIRST_VEHICLE).await;
    let invalid = refused(400, "VALIDATION", "INVALID_INPUT_FORMAT");
    let not_found = |code: &str| refused(404, "RESOURCE_NOT_FOUND", code);
    let number = order(WEBHOOK, FIRST_USER, FIRST_VEHICLE).replace(&format!("\"{WEBHOOK}\""), "7");
    for (order, expected) in [
        (String::new(), invalid.clone()),
        ("[]".to_owned(), invalid.clone()),
        (r#"{"data":{"attributes":{}}}"#.to_owned(), invalid.clone()),
        (number, invalid),
        (
            order("none", FIRST_USER, FIRST_VEHICLE),
            not_found("WEBHOOK_NOT_FOUND"),
        ),
        (
            order(WEBHOOK, "none", FIRST_VEHICLE),
            not_found("USER_NOT_FOUND"),
        ),
        (
            order(WEBHOOK, FIRST_USER, "none"),
            not_found("VEHICLE_NOT_FOUND"),
        ),
        (
            order(WEBHOOK, SECOND_USER, FIRST_VEHICLE),
            not_found("VEHICLE_NOT_FOUND"),
        ),
        (
            order(WEBHOOK, FIRST_USER, FIRST_VEHICLE),
            refused(409, "CONFLICT", "ALREADY_SUBSCRIBED"),
        ),
    ] {
        let answer = simulator.v3("POST", SUBSCRIPTIONS, &order).await;
        assert_eq!(answer.refusal(), expected, "{order}");
    }
    assert_eq!(list(&simulator, "").await["meta"]["totalCount"], 1);
}

#[tokio::test]
async fn subscriptions_are_filtered_and_paged() {
    let simulator = Running::start(Config::default()).await;
    subscribe(&simulator, FIRST_USER, FIRST_VEHICLE).await;
    subscribe(&simulator, SECOND_USER, UNPLUGGED_VEHICLE).await;
    subscribe(&simulator, FIRST_USER, COMBUSTION_VEHICLE).await;
    let all = list(&simulator, "").await;
    assert_eq!(all["meta"]["pageSize"], 25);
    for (query, count) in [
        (String::new(), 3),
        (format!("?filter[userId]={FIRST_USER}"), 2),
        (format!("?filter[vehicleId]={UNPLUGGED_VEHICLE}"), 1),
        (format!("?filter[webhookId]={WEBHOOK}"), 3),
        ("?filter[webhookId]=none".to_owned(), 0),
        ("?filter[vehicle.mode]=live".to_owned(), 3),
        ("?filter[vehicle.mode]=simulated".to_owned(), 0),
    ] {
        let found = list(&simulator, &query).await;
        assert_eq!(found["meta"]["totalCount"], count, "{query}");
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{query}");
    }

    let mut seen = Vec::new();
    let mut next = json!(format!(
        "{SUBSCRIPTIONS}?page[size]=2&filter[webhookId]={WEBHOOK}"
    ));
    while let Some(link) = next.as_str() {
        let path = link.replace(&format!("http://{}", simulator.address), "");
        let page = simulator.v3("GET", &path, "").await.json();
        seen.extend(page["data"].as_array().unwrap().clone());
        next = page["links"]["next"].clone();
    }
    assert_eq!(json!(seen), all["data"]);
    let bad = simulator.v3("GET", "/v3/subscriptions?page[size]=101", "");
    assert_eq!(bad.await.status, 400);
}

#[tokio::test]
async fn deliveries_need_no_subscription_and_a_new_one_causes_none() {
    let receiver = Receiver::start(&[]).await;
    let simulator = Running::delivering_to(&receiver).await;
    subscribe(&simulator, SECOND_USER, UNPLUGGED_VEHICLE).await;
    simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    let deliveries = simulator
        .deliveries_until(|list| list.iter().any(|d| d["state"] == "delivered"))
        .await;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn removed_connection_takes_its_subscription_along() {
    let simulator = Running::start(Config::default()).await;
    subscribe(&simulator, FIRST_USER, FIRST_VEHICLE).await;
    let user = format!("/v3/users/{FIRST_USER}");
    assert_eq!(simulator.v3("DELETE", &user, "").await.status, 204);
    assert_eq!(list(&simulator, "").await["data"], json!([]));
    let order = order(WEBHOOK, FIRST_USER, FIRST_VEHICLE);
    let answer = simulator.v3("POST", SUBSCRIPTIONS, &order).await;
    assert_eq!(answer.status, 404);
}
