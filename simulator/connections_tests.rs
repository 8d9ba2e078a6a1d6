//! Connections and users over real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::{
    APPLICATION, COMBUSTION_VEHICLE, Config, FIRST_USER, FIRST_VEHICLE, SECOND_USER,
    UNPLUGGED_VEHICLE,
    testing::{Running, refused},
};
use serde_json::{Value, json};

/// The vehicles of the connections that a query finds, in the order of the list.
async fn connected(simulator: &Running, query: &str) -> Vec<String> {
    let path = format!("/v3/connections{query}");
    let list = simulator.v3("GET", &path, "").await.json();
    let id = |item: &Value| item["relationships"]["vehicle"]["data"]["id"].clone();
    let data = list["data"].as_array().unwrap();
    assert_eq!(list["meta"]["totalCount"], data.len());
    data.iter()
        .map(|item| id(item).as_str().unwrap().to_owned())
        .collect()
}

async fn connection_of(simulator: &Running, vehicle: &str) -> String {
    let path = format!("/v3/connections?filter[vehicleId]={vehicle}");
    let list = simulator.v3("GET", &path, "").await.json();
    format!(
        "/v3/connections/{}",
        list["data"][0]["id"].as_str().unwrap()
    )
}

#[tokio::test]
async fn connections_are_listed_in_pages_newest_first() {
    let simulator = Running::start(Config::default()).await;
    let bearer = simulator.bearer().await;
    let headers = [("authorization", bearer.as_str())];
    let list = async |query: &str| {
        let path = format!("/v3/connections{query}");
        simulator.ask("GET", &path, &headers, "").await
    };
    let all = list("").await.json();
    assert_eq!(all["meta"]["pageSize"], 10);
    assert_eq!(all["meta"]["totalCount"], 3);
    assert_eq!(all["links"]["next"], Value::Null);
    let first = &all["data"][0];
    assert_eq!(
        first["relationships"]["vehicle"]["data"]["id"],
        FIRST_VEHICLE
    );

    let page = list("?page[number]=2&page[size]=2").await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert!(page["links"]["prev"].is_string());

    let users = list(&format!("?filter[userId]={SECOND_USER}")).await.json();
    assert_eq!(users["meta"]["totalCount"], 1);
    let vehicles = list(&format!("?filter%5BvehicleId%5D={COMBUSTION_VEHICLE}")).await;
    assert_eq!(vehicles.json()["meta"]["totalCount"], 1);
    let far = list("?page[number]=18446744073709551615").await;
    assert_eq!(far.json()["data"], json!([]));
    for bad in ["?page[number]=0", "?page[size]=101", "?page[size]=x"] {
        assert_eq!(list(bad).await.status, 400, "{bad}");
    }

    let id = first["id"].as_str().unwrap();
    let one = list(&format!("/{id}")).await.json();
    assert_eq!(&one["data"], first);
}

#[tokio::test]
async fn list_of_simulated_vehicles_is_empty() {
    let simulator = Running::start(Config::default()).await;
    assert_eq!(
        connected(&simulator, "?filter[vehicle.mode]=live")
            .await
            .len(),
        3
    );
    let none = connected(&simulator, "?filter[vehicle.mode]=simulated").await;
    assert!(none.is_empty());
}

#[tokio::test]
async fn visit_to_connect_shows_in_the_connections() {
    let simulator = Running::start(Config::default()).await;
    let path = "/v3/connections?filter[user.externalId]=e-1";
    let list = simulator.v3("GET", path, "").await.json();
    assert_eq!(list["data"], json!([]));

    let connect = format!(
        "/oauth/authorize?response_type=code&application_id={APPLICATION}\
         &redirect_uri=http%3A%2F%2Fapp%2Fback&external_id=e-1"
    );
    let answer = simulator.ask("GET", &connect, &[], "").await;
    assert_eq!(answer.status, 302);
    let list = simulator.v3("GET", path, "").await.json();
    assert_eq!(list["meta"]["totalCount"], 2, "{list}");
    for item in list["data"].as_array().unwrap() {
        let user = json!({"id": FIRST_USER, "externalId": "e-1"});
        assert_eq!(item["attributes"]["user"], user);
        let time = |name: &str| item["meta"][name].as_str().unwrap().to_owned();
        assert_ne!(time("updatedAt"), time("createdAt"), "{item}");
    }
    let other = simulator.v3("GET", &path.replace("e-1", "e-2"), "").await;
    assert_eq!(other.json()["data"], json!([]));
    let link = list["links"]["self"].as_str().unwrap();
    assert!(link.ends_with("filter%5Buser.externalId%5D=e-1"), "{link}");
}

#[tokio::test]
async fn vehicle_without_its_connection_is_unknown() {
    let simulator = Running::start(Config::default()).await;
    let connection = connection_of(&simulator, FIRST_VEHICLE).await;
    let removed = simulator.v3("DELETE", &connection, "").await;
    assert_eq!((removed.status, removed.text.as_str()), (204, ""));
    assert!(removed.headers.contains_key("sc-request-id"));

    let not_found = refused(404, "RESOURCE_NOT_FOUND", "VEHICLE_NOT_FOUND");
    let vehicle = format!("/v3/vehicles/{FIRST_VEHICLE}");
    for (method, path) in [
        ("GET", ""),
        ("GET", "/signals"),
        ("GET", "/signals/closure-islocked"),
        ("POST", "/commands/security/lock"),
        ("POST", "/charge-schedules/daily"),
    ] {
        let path = format!("{vehicle}{path}");
        let answer = simulator.as_first_user(method, &path, "").await;
        assert_eq!(answer.refusal(), not_found, "{method} {path}");
    }
    let gone = refused(404, "RESOURCE_NOT_FOUND", "INVALID_PATH");
    for method in ["GET", "DELETE"] {
        let answer = simulator.v3(method, &connection, "").await;
        assert_eq!(answer.refusal(), gone, "{method}");
    }
    assert_eq!(
        connected(&simulator, "").await,
        [UNPLUGGED_VEHICLE, COMBUSTION_VEHICLE]
    );

    let lock = simulator.command(COMBUSTION_VEHICLE, "security/lock", "");
    assert_eq!(lock.await.status, 200);
    let fleet = simulator.control("GET", "/vehicles", Value::Null).await;
    let fleet = fleet.json();
    assert_eq!(fleet[0]["id"], FIRST_VEHICLE);
    assert_eq!(fleet[0]["isConnected"], false);
    assert_eq!(fleet[2]["isConnected"], true);
}

#[tokio::test]
async fn user_is_removed_with_all_their_connections() {
    let simulator = Running::start(Config::default()).await;
    let user = format!("/v3/users/{FIRST_USER}");
    let removed = simulator.v3("DELETE", &user, "").await;
    assert_eq!((removed.status, removed.text.as_str()), (204, ""));
    assert_eq!(connected(&simulator, "").await, [UNPLUGGED_VEHICLE]);
    let answer = simulator.command(COMBUSTION_VEHICLE, "security/lock", "");
    assert_eq!(answer.await.status, 404);

    let unknown = refused(404, "RESOURCE_NOT_FOUND", "INVALID_PATH");
    for path in [user.as_str(), "/v3/users/none"] {
        let answer = simulator.v3("DELETE", path, "").await;
        assert_eq!(answer.refusal(), unknown, "{path}");
    }
    assert_eq!(simulator.ask("DELETE", &user, &[], "").await.status, 401);
}
