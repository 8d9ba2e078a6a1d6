use super::*;
use crate::testing::{Fake, client};

const PATH: &str = "/v3/subscriptions";

fn subscription(id: &str, webhook: &str, vehicle: &str) -> String {
    format!(
        r#"{{"type":"subscription","id":"{id}","attributes":{{"vehicle":{{"make":"BMW","year":2024}}}},
        "meta":{{"createdAt":"2026-07-04T09:30:15Z","updatedAt":1783157460000}},"relationships":{{
        "webhook":{{"data":{{"type":"webhook","id":"{webhook}"}}}},
        "user":{{"data":{{"type":"webhook","id":"u-1"}},"links":{{"related":"r"}}}},
        "vehicle":{{"data":{{"type":"webhook","id":"{vehicle}"}}}}}},"tomorrow":1.50}}"#
    )
}

fn ids() -> (WebhookId, UserId, VehicleId) {
    (
        WebhookId::parse("w-1").unwrap(),
        UserId::parse("u-1").unwrap(),
        VehicleId::parse("v-1").unwrap(),
    )
}

fn create(status: u16, body: &str) -> Result<ApiResponse<Subscribed>, Error> {
    let fake = Fake::new();
    fake.answer(PATH, status, body);
    let (webhook, user, vehicle) = ids();
    let client = client(&fake);
    let created = fake.run(client.create_subscription(&webhook, &user, &vehicle));
    let request = fake.requests().pop().unwrap();
    assert_eq!(request.method(), "POST");
    let uri = "https://management.example.com/v3/subscriptions";
    assert_eq!(request.uri().to_string(), uri);
    assert_eq!(request.headers()["content-type"], "application/json");
    assert!(request.headers().get("sc-user-id").is_none());
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    let attributes = serde_json::json!({"webhookId": "w-1", "userId": "u-1", "vehicleId": "v-1"});
    assert_eq!(
        body,
        serde_json::json!({"data": {"attributes": attributes}})
    );
    assert_eq!(fake.requests_to(PATH), 1);
    created
}

#[test]
fn vehicle_that_is_subscribed_already_is_a_success() {
    let started = create(202, r#"{"meta":{"message":"it is being done"}}"#).unwrap();
    assert_eq!(started.value, Subscribed::InProgress);
    let already = create(409, r#"{"errors":[{"status":"409","type":"VALIDATION"}]}"#).unwrap();
    assert_eq!(
        (already.value, already.response.status.as_u16()),
        (Subscribed::Already, 409)
    );
    for status in [400, 403, 404, 500] {
        let error = create(status, "").unwrap_err();
        assert!(matches!(error, Error::Api(error) if error.status == status));
    }
}

#[test]
fn subscription_is_read_and_removed() {
    let fake = Fake::new();
    let written = subscription("s-1", "w-1", "v-1");
    let path = "/v3/subscriptions/s-1";
    fake.answer(path, 200, &format!(r#"{{"data":{written}}}"#));
    fake.answer(path, 204, "");
    fake.answer(path, 404, "");
    let client = client(&fake);
    let id = SubscriptionId::parse("s-1").unwrap();
    let read = fake.run(client.get_subscription(&id)).unwrap().value;
    let (webhook, user, vehicle) = ids();
    assert_eq!(
        (&read.id, read.webhook_id, read.user_id),
        (&id, Some(webhook), Some(user))
    );
    assert_eq!(
        (read.vehicle_id, read.vehicle.year),
        (Some(vehicle), Some(2024))
    );
    // date -u -d '2026-07-04T09:30:15Z' +%s → 1783157415
    assert_eq!(read.created_at, Some(Timestamp(1_783_157_415_000)));
    assert_eq!(read.updated_at, Some(Timestamp(1_783_157_460_000)));
    assert_eq!(read.raw.as_str(), written);
    assert_eq!(
        fake.run(client.delete_subscription(&id)).unwrap().status,
        204
    );
    let gone = fake.run(client.get_subscription(&id)).unwrap_err();
    assert!(matches!(gone, Error::Api(error) if error.status == 404));
    let requests = fake.requests();
    assert!(
        requests[1..]
            .iter()
            .all(|request| request.uri().path() == path)
    );
    assert_eq!(requests[2].method(), "DELETE");
}

#[test]
fn filter_is_sent() {
    let fake = Fake::new();
    fake.answer(PATH, 200, r#"{"data":[]}"#);
    let (webhook, user, vehicle) = ids();
    let filter = SubscriptionFilter {
        webhook: Some(webhook),
        vehicle: Some(vehicle),
        user: Some(user),
        mode: Some(VehicleMode::Live),
    };
    let page = fake.run(client(&fake).list_subscriptions(&filter, PageRequest::default()));
    assert!(page.unwrap().value.items.is_empty());
    assert_eq!(
        fake.requests()[1].uri().query().unwrap(),
        "filter%5BwebhookId%5D=w-1&filter%5BvehicleId%5D=v-1&filter%5BuserId%5D=u-1\
         &filter%5Bvehicle.mode%5D=live&page%5Bnumber%5D=1"
    );
}

/// Looks for the subscription of v-1 to w-1 in these pages.
fn find(pages: &[&[String]]) -> Result<Option<String>, Error> {
    let fake = Fake::new();
    for (at, page) in pages.iter().enumerate() {
        let next = if at + 1 == pages.len() {
            "null"
        } else {
            "\"n\""
        };
        let body = format!(
            r#"{{"data":[{}],"links":{{"next":{next}}}}}"#,
            page.join(",")
        );
        fake.answer(PATH, 200, &body);
    }
    let (webhook, _, vehicle) = ids();
    let found = fake.run(client(&fake).find_subscription(&webhook, &vehicle))?;
    let query = "filter%5BwebhookId%5D=w-1&filter%5BvehicleId%5D=v-1\
        &page%5Bnumber%5D=1&page%5Bsize%5D=100";
    assert_eq!(fake.requests()[1].uri().query(), Some(query));
    Ok(found.map(|subscription| subscription.id.to_string()))
}

#[test]
fn subscription_is_found_by_its_webhook_and_vehicle() {
    let right = || subscription("s-1", "w-1", "v-1");
    // A server that ignores the filters tells of others too.
    let others = || {
        [
            subscription("s-2", "w-2", "v-1"),
            subscription("s-3", "w-1", "v-2"),
        ]
    };
    assert_eq!(find(&[&[right()]]).unwrap().as_deref(), Some("s-1"));
    assert_eq!(
        find(&[&others(), &[right()]]).unwrap().as_deref(),
        Some("s-1")
    );
    assert_eq!(find(&[&others()]).unwrap(), None);
    assert_eq!(find(&[&[]]).unwrap(), None);
    // What cannot be read may be the one.
    let odd = || subscription("s/1", "w-1", "v-1");
    assert!(matches!(find(&[&[odd()]]), Err(Error::Unreadable { .. })));
    assert_eq!(find(&[&[odd(), right()]]).unwrap().as_deref(), Some("s-1"));
}
