//! Connect over real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::{
    APPLICATION, COMBUSTION_VEHICLE, Config, FIRST_USER, FIRST_VEHICLE,
    testing::{Running, refused},
};

/// Where a browser is sent back to.
async fn location(simulator: &Running, parameters: &str) -> String {
    let path = format!(
        "/oauth/authorize?response_type=code&application_id={APPLICATION}\
         &redirect_uri=http%3A%2F%2Fapp%2Fback{parameters}"
    );
    let answer = simulator.ask("GET", &path, &[], "").await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    answer.headers["location"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn browser_comes_back_with_what_it_was_sent_with() {
    let simulator = Running::start(Config::default()).await;
    let back = location(&simulator, "&state=s%26&mode=live&external_id=e%40x").await;
    let expected = format!("http://app/back?user_id={FIRST_USER}&external_id=e%40x&state=s%26");
    assert_eq!(back, expected);
    let back = location(&simulator, "%3Fa%3Db").await;
    assert_eq!(back, format!("http://app/back?a=b&user_id={FIRST_USER}"));
}

#[tokio::test]
async fn simulated_vehicle_cannot_be_connected() {
    let simulator = Running::start(Config::default()).await;
    let back = location(&simulator, "&mode=simulated&state=s").await;
    let expected = "http://app/back?error=no_vehicles\
        &error_description=No+vehicles+found+for+this+user.&state=s";
    assert_eq!(back, expected);
}

#[tokio::test]
async fn owner_can_choose_the_vehicle_with_a_vin_alone() {
    let simulator = Running::start(Config::default()).await;
    let choose = "&single_select=true&single_select_vin=TESTCAR000000000";
    let back = location(&simulator, &format!("{choose}1")).await;
    assert_eq!(back, format!("http://app/back?user_id={FIRST_USER}"));
    let (first, combustion) = (
        connected_at(&simulator, FIRST_VEHICLE).await,
        connected_at(&simulator, COMBUSTION_VEHICLE).await,
    );
    assert!(first > combustion);
    // Someone else's, and one that no one has.
    let back = location(&simulator, &format!("{choose}2&state=s")).await;
    let expected = "http://app/back?error=vehicle_incompatible\
        &error_description=The+user%27s+vehicle+is+not+compatible.&vin=TESTCAR0000000002\
        &make=KIA&model=Niro+EV&year=2023&state=s";
    assert_eq!(back, expected);
    let back = location(&simulator, &format!("{choose}9")).await;
    assert!(back.ends_with("&vin=TESTCAR0000000009"), "{back}");
}

/// When the connection to a vehicle was last renewed.
async fn connected_at(simulator: &Running, vehicle: &str) -> String {
    let path = format!("/v3/connections?filter[vehicleId]={vehicle}");
    let answer = simulator.v3("GET", &path, "").await;
    let updated_at = answer.json()["data"][0]["meta"]["updatedAt"].clone();
    updated_at.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn owner_authenticates_again_for_one_vehicle() {
    let simulator = Running::start(Config::default()).await;
    let before = connected_at(&simulator, FIRST_VEHICLE).await;
    let ask = async |parameters: &str| {
        let path = format!(
            "/oauth/reauthenticate?application_id={APPLICATION}&vehicle_id={FIRST_VEHICLE}\
             {parameters}"
        );
        simulator.ask("GET", &path, &[], "").await
    };
    let back = "&response_type=vehicle_id&redirect_uri=http%3A%2F%2Fapp%2Fback";
    let answer = ask(&format!("{back}&external_id=e&state=s")).await;
    let expected = format!("http://app/back?vehicle_id={FIRST_VEHICLE}&external_id=e&state=s");
    assert_eq!(answer.headers["location"], expected);
    assert!(connected_at(&simulator, FIRST_VEHICLE).await > before);
    let path = format!("/v3/connections?filter[vehicleId]={FIRST_VEHICLE}");
    let listed = simulator.v3("GET", &path, "").await.json();
    assert_eq!(listed["data"][0]["attributes"]["user"]["externalId"], "e");
    let answer = ask(&format!("{back}&external_id=null")).await;
    let expected = format!("http://app/back?vehicle_id={FIRST_VEHICLE}");
    assert_eq!(answer.headers["location"], expected);
    let listed = simulator.v3("GET", &path, "").await.json();
    assert!(listed["data"][0]["attributes"]["user"]["externalId"].is_null());
    let hosted = ask("&response_type=none").await;
    assert_eq!(hosted.status, 200);
    assert!(hosted.text.contains("close this page"));
    for wrong in [
        "",
        "&response_type=code&redirect_uri=x",
        "&response_type=vehicle_id",
    ] {
        assert_eq!(ask(wrong).await.status, 400, "{wrong}");
    }
    let unknown = "/oauth/reauthenticate?vehicle_id=v&response_type=none";
    let path = format!("{unknown}&application_id={APPLICATION}");
    assert_eq!(simulator.ask("GET", &path, &[], "").await.status, 400);
}

#[tokio::test]
async fn parameter_that_connect_does_not_know_is_refused() {
    let simulator = Running::start(Config::default()).await;
    let good = format!("response_type=code&application_id={APPLICATION}&redirect_uri=http://app");
    for query in [
        good.replace("code", "token"),
        good.replace(APPLICATION, "client_simulator"),
        good.replace("redirect_uri", "redirect"),
        format!("{good}&mode=test"),
    ] {
        let path = format!("/oauth/authorize?{query}");
        let answer = simulator.ask("GET", &path, &[], "").await;
        let invalid = refused(400, "VALIDATION", "INVALID_INPUT_FORMAT");
        assert_eq!(answer.refusal(), invalid, "{query}");
    }
}
