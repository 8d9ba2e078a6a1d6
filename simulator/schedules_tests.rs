//! Charge schedules over real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::{
    COMBUSTION_VEHICLE, Config, FIRST_VEHICLE, UNPLUGGED_VEHICLE,
    testing::{Running, refused},
};
use serde_json::{Value, json};

fn path(vehicle: &str, last: &str) -> String {
    format!("/v3/vehicles/{vehicle}/charge-schedules/{last}")
}

async fn schedules(simulator: &Running) -> Vec<Value> {
    let fleet = simulator.control("GET", "/vehicles", Value::Null).await;
    let schedules = fleet.json()[0]["state"]["chargeSchedules"].clone();
    schedules.as_array().unwrap().clone()
}

#[tokio::test]
async fn schedule_is_made_and_removed_by_its_id() {
    let simulator = Running::start(Config::default()).await;
    let attributes = json!({ "startTime": "23:00", "location": { "latitude": 1.5 } });
    let body = json!({ "data": { "attributes": attributes } }).to_string();
    for kind in ["daily", "weekly", "workweek"] {
        let path = path(FIRST_VEHICLE, kind);
        let answer = simulator.as_first_user("POST", &path, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let execution = &answer.json()["data"];
        assert_eq!(execution["type"], "charge-schedule-execution");
        assert_eq!(execution["attributes"]["action"], "create");
        assert_eq!(execution["attributes"]["scheduleType"], kind);
        assert_eq!(execution["attributes"]["status"]["value"], "SUCCESS");
        assert_eq!(execution["attributes"]["parameters"], attributes);
        let last = schedules(&simulator).await.pop().unwrap();
        assert_eq!(last["scheduleType"], kind);
        let id = last["id"].as_str().unwrap();
        assert_eq!(execution["attributes"]["scheduleId"], id);
        let link = format!("/vehicles/{FIRST_VEHICLE}/charge-schedules/{id}");
        assert_eq!(execution["links"]["schedule"], link);
        let answer = simulator
            .as_first_user("GET", &format!("/v3{link}"), "")
            .await;
        let schedule = answer.json()["data"].clone();
        assert_eq!(schedule["id"], id);
        assert_eq!(schedule["attributes"]["parameters"], attributes);
    }

    let made = schedules(&simulator).await;
    assert_eq!(made.len(), 3);
    let path = path(FIRST_VEHICLE, made[1]["id"].as_str().unwrap());
    let removed = simulator.as_first_user("DELETE", &path, "").await;
    assert_eq!(removed.status, 200);
    let removed = removed.json()["data"]["attributes"].clone();
    assert_eq!(
        (&removed["action"], &removed["scheduleId"]),
        (&json!("delete"), &made[1]["id"])
    );
    let gone = simulator.as_first_user("GET", &path, "").await;
    assert_eq!(gone.status, 404);
    assert_eq!(
        schedules(&simulator).await,
        [made[0].clone(), made[2].clone()]
    );
    let again = simulator.as_first_user("DELETE", &path, "").await;
    assert_eq!(
        again.refusal(),
        refused(404, "RESOURCE_NOT_FOUND", "INVALID_PATH")
    );
}

#[tokio::test]
async fn schedule_that_cannot_be_made_says_why() {
    let simulator = Running::start(Config::default()).await;
    let empty = r#"{"data":{"attributes":{}}}"#;
    let invalid = refused(400, "VALIDATION", "INVALID_INPUT_FORMAT");
    let not_capable = refused(501, "COMPATIBILITY", "VEHICLE_NOT_CAPABLE");
    let not_found = refused(404, "RESOURCE_NOT_FOUND", "VEHICLE_NOT_FOUND");
    for (method, vehicle, last, body, expected) in [
        ("POST", FIRST_VEHICLE, "daily", "", invalid.clone()),
        ("POST", FIRST_VEHICLE, "weekly", "{}", invalid.clone()),
        (
            "POST",
            FIRST_VEHICLE,
            "workweek",
            r#"{"data":{"attributes":[]}}"#,
            invalid,
        ),
        (
            "POST",
            COMBUSTION_VEHICLE,
            "daily",
            empty,
            not_capable.clone(),
        ),
        ("DELETE", COMBUSTION_VEHICLE, "s-1", "", not_capable.clone()),
        ("GET", COMBUSTION_VEHICLE, "s-1", "", not_capable),
        ("POST", UNPLUGGED_VEHICLE, "daily", empty, not_found.clone()),
        ("DELETE", UNPLUGGED_VEHICLE, "s-1", "", not_found),
    ] {
        let path = path(vehicle, last);
        let answer = simulator.as_first_user(method, &path, body).await;
        assert_eq!(answer.refusal(), expected, "{method} {path} {body}");
    }
    assert!(schedules(&simulator).await.is_empty());
}
