//! Webhooks, applications and the list of compatible vehicles over real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::{
    APPLICATION, CLIENT_SECRET, Config, MANAGEMENT_TOKEN, WEBHOOK,
    testing::{Receiver, Running, refused},
};
use serde_json::{Value, json};

#[tokio::test]
async fn webhook_says_where_it_delivers() {
    let receiver = Receiver::start(&[]).await;
    let simulator = Running::delivering_to(&receiver).await;
    let path = format!("/v3/webhooks/{WEBHOOK}");
    let answer = simulator.v3("GET", &path, "").await;
    assert!(!answer.text.contains(MANAGEMENT_TOKEN));
    let webhook = answer.json()["data"].clone();
    assert_eq!(webhook["id"], WEBHOOK);
    assert_eq!(webhook["type"], "webhook");
    let attributes = &webhook["attributes"];
    assert_eq!(attributes["callbackUri"], receiver.callback());
    assert_eq!(attributes["isEnabled"], true);
    assert_eq!(attributes["autoSubscribe"], false);
    assert_eq!(attributes["errorCallbackUri"], Value::Null);
    let odometer = json!({
        "group": "Odometer",
        "name": "TraveledDistance",
        "code": "odometer-traveleddistance",
    });
    for list in ["triggers", "data"] {
        let list = attributes[list].as_array().unwrap();
        assert!(list.contains(&odometer), "{list:?}");
    }
    let link = format!("http://{}{path}", simulator.address);
    assert_eq!(webhook["links"]["self"], link);

    let other = simulator.v3("GET", "/v3/webhooks/none", "").await;
    let invalid_path = refused(404, "RESOURCE_NOT_FOUND", "INVALID_PATH");
    assert_eq!(other.refusal(), invalid_path);
}

#[tokio::test]
async fn webhooks_are_found_by_a_part_of_their_texts() {
    let simulator = Running::start(Config::default()).await;
    let count = async |query: &str| {
        let path = format!("/v3/webhooks?{query}");
        let answer = simulator.v3("GET", &path, "").await;
        assert_eq!(answer.status, 200, "{query}");
        let list = answer.json();
        assert_eq!(list["meta"]["pageSize"], 50);
        assert_eq!(
            list["meta"]["totalCount"],
            list["data"].as_array().unwrap().len()
        );
        list["data"].as_array().unwrap().len()
    };
    assert_eq!(count("filter[isEnabled]=false").await, 1);
    let callback = json!({ "callbackUri": "http://127.0.0.1:9/Webhooks" });
    simulator.control("PUT", "/webhook", callback).await;
    for (query, expected) in [
        ("", 1),
        ("filter[name]=FLEET", 1),
        ("filter[name]=other", 0),
        ("filter[callbackUri]=/webHOOKS", 1),
        ("filter[callbackUri]=example.com", 0),
        ("filter[isEnabled]=true", 1),
        ("filter[isEnabled]=false", 0),
        ("filter[autoSubscribe]=false", 1),
        ("filter[autoSubscribe]=true", 0),
        ("filter[name]=fleet&filter[isEnabled]=false", 0),
        ("page[number]=1&page[size]=50", 1),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    for bad in ["filter[isEnabled]=1", "page[size]=101"] {
        let path = format!("/v3/webhooks?{bad}");
        assert_eq!(simulator.v3("GET", &path, "").await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn application_is_the_only_one_and_its_secret_stays_secret() {
    let simulator = Running::start(Config::default()).await;
    let list = simulator.v3("GET", "/v3/applications", "").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let path = format!("/v3/applications/{APPLICATION}");
    let one = simulator.v3("GET", &path, "").await.json();
    assert_eq!(one["data"], list["data"][0]);
    assert_eq!(one["data"]["id"], APPLICATION);

    let secrets = simulator.v3("GET", &format!("{path}/secrets"), "").await;
    assert_eq!(secrets.json()["data"].as_array().unwrap().len(), 1);
    for secret in [CLIENT_SECRET, MANAGEMENT_TOKEN] {
        assert!(!secrets.text.contains(secret));
    }

    let invalid_path = refused(404, "RESOURCE_NOT_FOUND", "INVALID_PATH");
    for path in ["/v3/applications/none", "/v3/applications/none/secrets"] {
        let answer = simulator.v3("GET", path, "").await;
        assert_eq!(answer.refusal(), invalid_path, "{path}");
    }
}

#[tokio::test]
async fn management_api_needs_a_token() {
    let simulator = Running::start(Config::default()).await;
    for path in [
        "/v3/webhooks".to_owned(),
        format!("/v3/webhooks/{WEBHOOK}"),
        "/v3/subscriptions".to_owned(),
        "/v3/applications".to_owned(),
        format!("/v3/applications/{APPLICATION}/secrets"),
    ] {
        assert_eq!(simulator.ask("GET", &path, &[], "").await.status, 401);
    }
}

#[tokio::test]
async fn compatible_vehicles_are_listed_without_a_token() {
    let simulator = Running::start(Config::default()).await;
    let list = async |query: &str| {
        let path = format!("/v3/compatible-vehicles{query}");
        simulator.ask("GET", &path, &[], "").await
    };
    let all = list("").await.json()["data"].as_array().unwrap().clone();
    let ex30 = all
        .iter()
        .find(|vehicle| vehicle["attributes"]["model"] == "EX30")
        .unwrap();
    assert_eq!(ex30["id"], "volvo-ex30-europe");
    let attributes = &ex30["attributes"];
    assert_eq!(attributes["years"], json!({ "start": 2024, "end": 2026 }));
    assert_eq!(attributes["powertrainType"], "BEV");
    assert_eq!(attributes["region"], "EUROPE");
    assert_eq!(attributes["capabilities"][0]["type"], "signal");

    for (query, name, value) in [
        ("?filter[region]=EUROPE", "region", "EUROPE"),
        ("?filter[make]=tesla", "make", "TESLA"),
        ("?filter[powertrainType]=PHEV", "powertrainType", "PHEV"),
    ] {
        let answer = list(query).await.json();
        let found = answer["data"].as_array().unwrap();
        let expected = all.iter().filter(|v| v["attributes"][name] == value);
        assert_eq!(found.len(), expected.count(), "{query}");
        assert!(!found.is_empty() && found.len() < all.len(), "{query}");
        for vehicle in found {
            assert_eq!(vehicle["attributes"][name], value);
        }
    }
    let none = list("?filter[make]=FIAT&filter[region]=US").await.json();
    assert_eq!(none, json!({ "data": [], "meta": { "totalCount": 0 } }));
    for bad in ["?filter[region]=EU", "?filter[powertrainType]=steam"] {
        assert_eq!(list(bad).await.status, 400, "{bad}");
    }
    let post = simulator.ask("POST", "/v3/compatible-vehicles", &[], "");
    let invalid_path = refused(404, "RESOURCE_NOT_FOUND", "INVALID_PATH");
    assert_eq!(post.await.refusal(), invalid_path);
}
