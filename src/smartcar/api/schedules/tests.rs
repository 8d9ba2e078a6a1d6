//! How charge schedules are made, read and removed.

use super::*;
use crate::ExecutionStatus;
use crate::testing::{Fake, client};

const ATTRIBUTES: &str =
    r#"{ "location":{"latitude":1.50,"longitude":2}, "startTime":"23:00", "tomorrow":[1e2] }"#;

fn create(kind: ScheduleKind, path: &str, status: u16, body: &str) -> (Fake, Outcome) {
    let fake = Fake::new();
    fake.answer(path, status, body);
    let attributes: Box<RawValue> = serde_json::from_str(ATTRIBUTES).unwrap();
    let (vehicle, user) = ids();
    let client = client(&fake);
    let created = client.create_charge_schedule(&vehicle, &user, kind, &attributes);
    let outcome = fake.run(created);
    (fake, outcome)
}

type Outcome = Result<ApiResponse<Option<ChargeScheduleExecution>>, Error>;

fn ids() -> (VehicleId, UserId) {
    (
        VehicleId::parse("v-1").unwrap(),
        UserId::parse("u-1").unwrap(),
    )
}

#[test]
fn attributes_are_sent_as_they_are_given() {
    for (kind, path) in [
        (
            ScheduleKind::Daily,
            "/v3/vehicles/v-1/charge-schedules/daily",
        ),
        (
            ScheduleKind::Weekly,
            "/v3/vehicles/v-1/charge-schedules/weekly",
        ),
        (
            ScheduleKind::Workweek,
            "/v3/vehicles/v-1/charge-schedules/workweek",
        ),
    ] {
        let (fake, outcome) = create(kind, path, 200, "{}");
        assert!(outcome.unwrap().value.is_none());
        let request = fake.requests().pop().unwrap();
        assert_eq!(
            (request.method().as_str(), request.uri().path()),
            ("POST", path)
        );
        assert_eq!(request.headers()["sc-user-id"], "u-1");
        assert_eq!(request.headers()["content-type"], "application/json");
        let body = format!(r#"{{"data":{{"attributes":{ATTRIBUTES}}}}}"#);
        assert_eq!(request.body(), body.as_bytes());
    }
}

#[test]
fn schedule_that_was_made_has_its_id() {
    let daily = "/v3/vehicles/v-1/charge-schedules/daily";
    let recorded = r#"{"data":{"id":"exec_3","type":"charge-schedule-execution","attributes":{
        "action":"create","scheduleType":"daily","status":{"value":"SUCCESS"},
        "executionMode":"sync","scheduleId":"sched_1","parameters":{"startTime":"08:00"}},
        "links":{"schedule":"/vehicles/v-1/charge-schedules/sched_1"}}}"#;
    let (_, outcome) = create(ScheduleKind::Daily, daily, 200, recorded);
    let made = outcome.unwrap().value.unwrap();
    assert_eq!(made.schedule, ScheduleId::parse("sched_1").ok());
    assert_eq!(made.action.as_deref(), Some("create"));
    assert_eq!(made.schedule_type.as_deref(), Some("daily"));
    assert_eq!(made.execution.id.as_deref(), Some("exec_3"));
    assert_eq!(made.execution.status, ExecutionStatus::Success);
    let failed = recorded.replace("SUCCESS", "FAILURE");
    let (_, outcome) = create(ScheduleKind::Daily, daily, 202, &failed);
    assert!(matches!(outcome, Err(Error::CommandFailed(_))));
    let incapable = r#"{"errors":[{"type":"COMPATIBILITY","code":"VEHICLE_NOT_CAPABLE"}]}"#;
    for status in [501, 202] {
        let (_, outcome) = create(ScheduleKind::Daily, daily, status, incapable);
        let Err(Error::Api(error)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(error.code.as_deref(), Some("VEHICLE_NOT_CAPABLE"));
    }
}

#[test]
fn schedule_is_read_by_its_id() {
    let fake = Fake::new();
    let path = "/v3/vehicles/v-1/charge-schedules/s-1";
    fake.answer(path, 200, r#"{"data":{"id":"s-1"}}"#);
    fake.answer(path, 404, r#"{"errors":[{"type":"RESOURCE_NOT_FOUND"}]}"#);
    let (vehicle, user) = ids();
    let schedule = ScheduleId::parse("s-1").unwrap();
    let client = client(&fake);
    let read = || fake.run(client.get_charge_schedule(&vehicle, &user, &schedule));
    assert_eq!(read().unwrap().response.body, r#"{"data":{"id":"s-1"}}"#);
    let request = fake.requests().pop().unwrap();
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        ("GET", path)
    );
    assert_eq!(request.headers()["sc-user-id"], "u-1");
    assert!(matches!(read(), Err(Error::Api(_))));
}

#[test]
fn schedule_is_removed_by_its_id() {
    let fake = Fake::new();
    let path = "/v3/vehicles/v-1/charge-schedules/s-1";
    fake.answer(path, 204, "");
    let (vehicle, user) = ids();
    let schedule = ScheduleId::parse("s-1").unwrap();
    let client = client(&fake);
    let removed = fake.run(client.delete_charge_schedule(&vehicle, &user, &schedule));
    assert_eq!(removed.unwrap().response.status, 204);
    let request = fake.requests().pop().unwrap();
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        ("DELETE", path)
    );
    assert_eq!(request.headers()["sc-user-id"], "u-1");
    assert!(request.body().is_empty());
}
