//! Connect over real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::{
    APPLICATION, Config, FIRST_USER,
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
