use super::*;
use crate::{
    PowertrainType,
    testing::{Fake, client},
};

const CONNECTION: &str = r#"{"id":"c-1","type":"connection","attributes":{
    "permissions":["read_battery",7,"control_charge"],
    "vehicle":{"make":"KIA","model":"EV6","year":2023,"mode":"live","powertrainType":"BEV"},
    "user":{"id":"u-1","externalId":"jo@example.org"},"vin":"KNA00000000000000"},
    "relationships":{"vehicle":{"data":{"id":"v-1","type":"vehicle"},"links":{"related":"r"}},
        "user":{"data":{"id":"u-1","type":"user"}}},
    "meta":{"createdAt":"2026-07-04T09:30:15Z","updatedAt":1783157460000},"links":{"self":"s"}}"#;

fn id() -> ConnectionId {
    ConnectionId::parse("c-1").unwrap()
}

fn get(connection: &str) -> Result<Connection, Error> {
    let fake = Fake::new();
    let body = format!(r#"{{"data":{connection}}}"#);
    fake.answer("/v3/connections/c-1", 200, &body);
    let answer = fake.run(client(&fake).get_connection(&id()))?;
    let request = fake.requests().pop().unwrap();
    assert_eq!(request.method(), "GET");
    let uri = "https://vehicle.example.com/v3/connections/c-1";
    assert_eq!(request.uri().to_string(), uri);
    Ok(answer.value)
}

#[test]
fn connection_is_read() {
    let connection = get(CONNECTION).unwrap();
    assert_eq!(connection.id, id());
    assert_eq!(connection.vehicle_id.unwrap().as_str(), "v-1");
    assert_eq!(connection.user_id.unwrap().as_str(), "u-1");
    assert_eq!(connection.external_id.as_deref(), Some("jo@example.org"));
    assert_eq!(connection.permissions, ["read_battery", "control_charge"]);
    assert_eq!(
        connection.vehicle.powertrain_type,
        Some(PowertrainType::Bev)
    );
    assert_eq!(connection.vehicle.mode, Some(VehicleMode::Live));
    // date -u -d '2026-07-04T09:30:15Z' +%s → 1783157415
    assert_eq!(connection.created_at, Some(Timestamp(1_783_157_415_000)));
    assert_eq!(connection.updated_at, Some(Timestamp(1_783_157_460_000)));
    assert_eq!(connection.raw.as_str(), CONNECTION);
}

#[test]
fn log_line_has_no_vin() {
    let line = format!("{:?}", get(CONNECTION).unwrap());
    assert!(line.contains("c-1") && !line.contains("KNA"), "{line}");
    assert!(!line.contains("example.org"), "{line}");
    let filter = ConnectionFilter {
        external_user: Some("jo@example.com".into()),
        ..ConnectionFilter::default()
    };
    assert!(!format!("{filter:?}").contains("example.com"));
}

#[test]
fn user_is_found_in_either_place_and_an_odd_one_is_not_skipped() {
    let only = r#"{"id":"c-1","attributes":{"user":{"id":"u-1"}}}"#;
    let connection = get(only).unwrap();
    assert_eq!(connection.user_id.unwrap().as_str(), "u-1");
    assert_eq!(connection.vehicle_id, None);
    let odd = r#"{"id":"c-1","relationships":{"vehicle":{"data":{"id":"v 1"}}}}"#;
    let error = get(odd).unwrap_err().to_string();
    assert!(error.contains("data: a vehicle id must be"), "{error}");
    assert!(get(r#"{"id":"c-1","attributes":{"user":{"id":7}}}"#).is_err());
    let shapeless = r#"{"id":"c-1","attributes":[],"relationships":7,"meta":"soon"}"#;
    let connection = get(shapeless).unwrap();
    assert_eq!((connection.user_id, connection.created_at), (None, None));
}

#[test]
fn filter_is_sent_encoded() {
    let fake = Fake::new();
    fake.answer("/v3/connections", 200, r#"{"data":[]}"#);
    let filter = ConnectionFilter {
        user: UserId::parse("u-1").ok(),
        vehicle: VehicleId::parse("v-1").ok(),
        mode: Some(VehicleMode::Simulated),
        external_user: Some("a&b=ü".into()),
        on_behalf_of: UserId::parse("u-2").ok(),
    };
    let answer = fake.run(client(&fake).list_connections(&filter, PageRequest::default()));
    assert!(answer.unwrap().value.is_last);
    let request = fake.requests().pop().unwrap();
    assert_eq!(
        request.uri().query().unwrap(),
        "filter%5BuserId%5D=u-1&filter%5BvehicleId%5D=v-1&filter%5Bvehicle.mode%5D=simulated\
         &filter%5Buser.externalId%5D=a%26b%3D%C3%BC&page%5Bnumber%5D=1"
    );
    assert_eq!(request.headers()["sc-user-id"], "u-2");
    let all = ConnectionFilter::default();
    fake.run(client(&fake).list_connections(&all, PageRequest::default()))
        .unwrap();
    let request = fake.requests().pop().unwrap();
    assert_eq!(request.uri().query().unwrap(), "page%5Bnumber%5D=1");
    assert!(request.headers().get("sc-user-id").is_none());
}

#[test]
fn connections_and_users_are_removed() {
    let fake = Fake::new();
    fake.answer("/v3/connections/c-1", 204, "");
    fake.answer("/v3/users/u-1", 204, "");
    fake.answer(
        "/v3/users/u-1",
        404,
        r#"{"errors":[{"type":"RESOURCE_NOT_FOUND"}]}"#,
    );
    let client = client(&fake);
    let user = UserId::parse("u-1").unwrap();
    assert_eq!(
        fake.run(client.delete_connection(&id())).unwrap().status,
        204
    );
    assert_eq!(fake.run(client.delete_user(&user)).unwrap().status, 204);
    let gone = fake.run(client.delete_user(&user));
    assert!(matches!(gone, Err(Error::Api(error)) if error.status == 404));
    let requests = fake.requests();
    let sent: Vec<_> = requests[1..]
        .iter()
        .map(|request| (request.method().as_str(), request.uri().path()))
        .collect();
    let user = ("DELETE", "/v3/users/u-1");
    assert_eq!(sent, [("DELETE", "/v3/connections/c-1"), user, user]);
}
