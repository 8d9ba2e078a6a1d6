use super::*;
use crate::{
    Timestamp,
    testing::{Fake, Reply, client},
};

const VEHICLE: &str = r#"{"id":"v-1","type":"vehicle","attributes":{"make":"VOLVO","model":"EX30",
    "year":2025,"powertrainType":"BEV","mode":"simulated","colour":"moss"},"links":{"self":"s"}}"#;

const SIGNAL: &str = r#"{"id":"charge-voltage","type":"signal","attributes":{"code":"charge-voltage",
    "name":"Voltage","group":"Charge","status":{"value":"SUCCESS"},"body":{"value":231,"unit":"volts"}},
    "meta":{"ingestedAt":"2026-07-04T09:40:00Z"}}"#;

fn vehicle() -> VehicleId {
    VehicleId::parse("v-1").unwrap()
}

fn options() -> SignalOptions {
    SignalOptions::new(UserId::parse("u-1").unwrap())
}

#[test]
fn vehicle_is_read() {
    let fake = Fake::new();
    fake.answer("/v3/vehicles/v-1", 200, &format!(r#"{{"data":{VEHICLE}}}"#));
    let answer = fake.run(client(&fake).get_vehicle(&vehicle())).unwrap();
    assert_eq!(answer.value.id, vehicle());
    let expected = VehicleAttributes {
        make: Some("VOLVO".into()),
        model: Some("EX30".into()),
        year: Some(2025),
        powertrain_type: Some(PowertrainType::Bev),
        mode: Some(VehicleMode::Simulated),
    };
    assert_eq!(answer.value.attributes, expected);
    assert_eq!(answer.value.raw.as_str(), VEHICLE);
    let request = fake.requests().pop().unwrap();
    assert_eq!(request.method(), "GET");
    let uri = "https://vehicle.example.com/v3/vehicles/v-1";
    assert_eq!(request.uri().to_string(), uri);
    assert!(request.headers().get("sc-user-id").is_none());
}

#[test]
fn vehicle_with_new_or_odd_fields_is_read() {
    let fake = Fake::new();
    fake.answer(
        "/v3/vehicles/v-1",
        200,
        r#"{"data":{"id":"v-1","attributes":{"make":7,"year":"2025","powertrainType":"FCEV","mode":null}}}"#,
    );
    let answer = fake.run(client(&fake).get_vehicle(&vehicle())).unwrap();
    let expected = VehicleAttributes {
        powertrain_type: Some(PowertrainType::Other("FCEV".into())),
        ..VehicleAttributes::default()
    };
    assert_eq!(answer.value.attributes, expected);
    assert_eq!(PowertrainType::from("FCEV").as_str(), "FCEV");
}

#[test]
fn vehicle_that_is_not_there_is_an_error_and_so_is_an_answer_without_one() {
    let get = |status, body: &str| {
        let fake = Fake::new();
        fake.answer("/v3/vehicles/v-1", status, body);
        fake.run(client(&fake).get_vehicle(&vehicle())).unwrap_err()
    };
    let missing = get(
        404,
        r#"{"errors":[{"status":"404","type":"RESOURCE_NOT_FOUND","code":"VEHICLE_NOT_FOUND",
            "detail":"No such vehicle.","meta":{"debug":{"requestId":"r-1"}}}]}"#,
    );
    let Error::Api(error) = missing else {
        panic!("{missing:?}")
    };
    assert_eq!(
        (error.status, error.code.as_deref()),
        (404, Some("VEHICLE_NOT_FOUND"))
    );
    assert_eq!(error.request_id.as_deref(), Some("r-1"));
    for body in [
        "",
        "{}",
        r#"{"data":[]}"#,
        r#"{"data":{"id":"a/b"}}"#,
        r#"{"data":{}}"#,
    ] {
        let error = get(200, body);
        assert!(
            matches!(error, Error::Unreadable { status: 200, .. }),
            "{body}"
        );
    }
}

#[test]
fn signals_are_asked_for_on_behalf_of_a_user_and_read_with_their_headers() {
    let fake = Fake::new();
    let headers = vec![
        ("sc-request-id", "r-1".into()),
        ("sc-data-age", "2026-07-04T09:30:15Z".into()),
        ("sc-fetched-at", "2026-07-04T09:31:00Z".into()),
    ];
    let body = format!(r#"{{"data":[{SIGNAL},null],"included":{{"vehicle":{VEHICLE}}}}}"#);
    let path = "/v3/vehicles/v-1/signals";
    fake.reply(path, Reply::Answer(200, headers, body));
    let options = SignalOptions {
        units: Some(UnitSystem::Imperial),
        ..options()
    };
    let answer = fake
        .run(client(&fake).list_signals(&vehicle(), &options))
        .unwrap();
    assert_eq!(answer.value.signals[0].code, "charge-voltage");
    assert_eq!(answer.value.unreadable[0].index, 1);
    assert_eq!(answer.response.request_id(), Some("r-1"));
    // date -u -d '2026-07-04T09:30:15Z' +%s → 1783157415
    assert_eq!(
        answer.response.data_age(),
        Some(Timestamp(1_783_157_415_000))
    );
    assert_eq!(
        answer.response.fetched_at(),
        Some(Timestamp(1_783_157_460_000))
    );
    let included = Vehicle::included_in(&answer.response).unwrap();
    assert_eq!(included.attributes.make.as_deref(), Some("VOLVO"));
    let request = fake.requests().pop().unwrap();
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        ("GET", path)
    );
    assert_eq!(request.uri().query(), None);
    assert_eq!(request.headers()["sc-user-id"], "u-1");
    assert_eq!(request.headers()["sc-unit-system"], "imperial");
    assert_eq!(request.headers()["accept"], "application/json");
}

#[test]
fn signals_can_be_empty_but_not_missing() {
    let list = |body: &str| {
        let fake = Fake::new();
        fake.answer("/v3/vehicles/v-1/signals", 200, body);
        let answer = fake.run(client(&fake).list_signals(&vehicle(), &options()));
        assert!(fake.requests()[1].headers().get("sc-unit-system").is_none());
        answer
    };
    let empty = list(r#"{"data":[],"meta":{"totalCount":0}}"#).unwrap();
    assert!(empty.value.signals.is_empty());
    assert!(Vehicle::included_in(&empty.response).is_none());
    for body in ["", "<html>", "{}", r#"{"data":null}"#] {
        assert!(
            matches!(list(body), Err(Error::Unreadable { .. })),
            "{body}"
        );
    }
}

#[test]
fn signal_is_read() {
    let fake = Fake::new();
    let path = "/v3/vehicles/v-1/signals/charge-voltage";
    fake.answer(path, 200, &format!(r#"{{"data":{SIGNAL}}}"#));
    fake.answer(path, 200, r#"{"data":{}}"#);
    let code = SignalCode::parse("charge-voltage").unwrap();
    let client = client(&fake);
    let answer = fake
        .run(client.get_signal(&vehicle(), &code, &options()))
        .unwrap();
    assert_eq!(answer.value.raw().get(), SIGNAL);
    let request = fake.requests().pop().unwrap();
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        ("GET", path)
    );
    assert_eq!(request.headers()["sc-user-id"], "u-1");
    let nameless = fake.run(client.get_signal(&vehicle(), &code, &options()));
    assert!(matches!(nameless, Err(Error::Unreadable { .. })));
}
