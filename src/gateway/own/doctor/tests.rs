//! What the doctor asks and tells, on the fake host.

use super::EVERY;
use crate::testing::{ALL, Instance, SECOND, body, edge, error, key, request, restricted_key};
use serde_json::{Value, json};
use smartcar::{Clock, Sent, testing::Reply, write_time};
use std::time::Duration;
use store::{Examinations, examination::Examination};

pub(super) const WEBHOOKS: &str = "/v3/webhooks";
pub(super) const CONNECTIONS: &str = "/v3/connections";
pub(super) const SUBSCRIPTIONS: &str = "/v3/subscriptions";

/// The longest that a few calls have the next examination wait.
const PAUSE: Duration = Duration::from_secs(20 * 60);

pub(super) fn webhook(attributes: &Value) -> Value {
    let signal = json!([{"group": "Odometer", "name": "TraveledDistance", "code": "odometer-x"}]);
    let mut webhook = json!({"id": "w-1", "type": "webhook", "attributes": {
        "callbackUri": "https://edge.example.com/webhooks?key=hush", "errorCallbackUri": null,
        "isEnabled": true, "triggers": signal, "data": signal}});
    for (name, value) in attributes.as_object().unwrap() {
        webhook["attributes"][name] = value.clone();
    }
    webhook
}

pub(super) fn connection(vehicle: &str, user: &str, permissions: &[&str]) -> Value {
    json!({"id": format!("c-{vehicle}-{user}"), "type": "connection",
        "attributes": {"permissions": permissions, "vehicle": {"powertrainType": "BEV"}},
        "relationships": {"vehicle": {"data": {"id": vehicle}}, "user": {"data": {"id": user}}},
        "meta": {"createdAt": "2020-01-01T00:00:00Z"}})
}

pub(super) fn subscription(vehicle: &str) -> Value {
    json!({"id": format!("s-{vehicle}"), "relationships": {
        "webhook": {"data": {"id": "w-1"}}, "vehicle": {"data": {"id": vehicle}}}})
}

pub(super) fn list(items: &[Value]) -> String {
    json!({"data": items, "meta": {"pageNumber": 1, "pageSize": 100, "totalCount": items.len()},
        "links": {"next": null}})
    .to_string()
}

/// Has Smartcar list these webhooks, live connections and subscriptions.
fn smartcar(instance: &Instance, webhooks: &[Value], connections: &[Value], vehicles: &[&str]) {
    let fake = &instance.fake;
    fake.answer(WEBHOOKS, 200, &list(webhooks));
    fake.answer(CONNECTIONS, 200, &list(connections));
    fake.answer(CONNECTIONS, 200, &list(&[]));
    let subscriptions: Vec<Value> = vehicles.iter().map(|id| subscription(id)).collect();
    fake.answer(SUBSCRIPTIONS, 200, &list(&subscriptions));
}

/// An instance in front of a Smartcar where all is well.
fn healthy(keys: &[Value]) -> Instance {
    let instance = Instance::with_keys(keys);
    let connections = [connection("v-1", "u-1", &["read_battery"])];
    smartcar(&instance, &[webhook(&json!({}))], &connections, &["v-1"]);
    instance
}

pub(super) fn doctor(instance: &Instance) -> Value {
    let answer = instance.call("GET", "/v3/doctor");
    assert_eq!(answer.status(), 200);
    body(&answer)
}

pub(super) fn codes(of: &Value) -> Vec<&str> {
    let findings = of["findings"].as_array().unwrap().iter();
    findings
        .map(|found| found["code"].as_str().unwrap())
        .collect()
}

#[test]
fn doctor_finds_nothing_where_all_is_well() {
    let instance = healthy(&[key("app", &["read_battery", "read_*", "read_status"])]);
    let found = doctor(&instance);
    let now = instance.fake.now();
    let expected = json!({"ranAt": write_time(now), "calls": 4, "connections": 1,
        "subscriptions": 1, "forgotten": 0, "findings": [],
        "webhook": {"id": "w-1", "origin": "https://edge.example.com"}});
    assert_eq!(found, expected);
    let requests = instance.fake.requests();
    let asked: Vec<String> = requests[1..]
        .iter()
        .map(|sent| sent.uri().to_string())
        .collect();
    let (vehicle, management) = (
        "https://vehicle.example.com",
        "https://management.example.com",
    );
    let page = "page%5Bnumber%5D=1&page%5Bsize%5D=100";
    let of = |mode| format!("filter%5Bvehicle.mode%5D={mode}&{page}");
    let expected = [
        format!("{management}{WEBHOOKS}?{page}"),
        format!("{vehicle}{CONNECTIONS}?{}", of("live")),
        format!("{vehicle}{CONNECTIONS}?{}", of("simulated")),
        format!(
            "{management}{SUBSCRIPTIONS}?filter%5BwebhookId%5D=w-1&{}",
            of("live")
        ),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn doctor_says_what_is_wrong_with_the_webhook() {
    for (wrong, code) in [
        (json!({"isEnabled": false}), "WEBHOOK_DISABLED"),
        (json!({"data": []}), "WEBHOOK_WITHOUT_DATA"),
        (json!({"triggers": []}), "WEBHOOK_WITHOUT_TRIGGERS"),
        (
            json!({"callbackUri": "https://other.example.com/webhooks"}),
            "WEBHOOK_ELSEWHERE",
        ),
        (
            json!({"errorCallbackUri": "https://edge.example.com/errors"}),
            "ERROR_URI_ELSEWHERE",
        ),
    ] {
        let instance = Instance::new();
        let connections = [connection("v-1", "u-1", &[])];
        smartcar(&instance, &[webhook(&wrong)], &connections, &["v-1"]);
        let found = doctor(&instance);
        assert_eq!(codes(&found), [code]);
        for text in ["sentence", "remedy"] {
            assert!(found["findings"][0][text].as_str().unwrap().ends_with('.'));
        }
    }
}

#[test]
fn doctor_takes_the_webhook_that_leads_here_of_several() {
    let instance = Instance::new();
    let mut elsewhere = webhook(&json!({"callbackUri": "https://o.example.com/webhooks"}));
    elsewhere["id"] = json!("w-0");
    let webhooks = [elsewhere.clone(), webhook(&json!({}))];
    smartcar(
        &instance,
        &webhooks,
        &[connection("v-1", "u-1", &[])],
        &["v-1"],
    );
    let found = doctor(&instance);
    assert_eq!(found["webhook"]["id"], "w-1");
    assert_eq!(codes(&found), [""; 0]);

    let instance = Instance::new();
    smartcar(
        &instance,
        &[elsewhere.clone(), elsewhere],
        &[connection("v-1", "u-1", &[])],
        &[],
    );
    let found = doctor(&instance);
    assert_eq!(
        (&found["webhook"], codes(&found)),
        (&Value::Null, vec!["WEBHOOK_ELSEWHERE"])
    );
}

#[test]
fn doctor_says_that_there_is_no_webhook_or_none_of_the_id_that_is_configured() {
    let instance = Instance::new();
    smartcar(&instance, &[], &[connection("v-1", "u-1", &[])], &[]);
    let found = doctor(&instance);
    assert_eq!(codes(&found), ["WEBHOOK_MISSING"]);
    assert_eq!(instance.fake.requests_to(SUBSCRIPTIONS), 0);

    let instance = healthy(&[]);
    instance.fake.set_variable("webhook_id", "w-9");
    instance
        .fake
        .answer("/v3/webhooks/w-9", 404, r#"{"errors":[]}"#);
    assert_eq!(codes(&doctor(&instance)), ["WEBHOOK_MISSING"]);
    assert_eq!(instance.fake.requests_to(WEBHOOKS), 0);
}

#[test]
fn doctor_counts_the_vehicles_without_a_subscription_and_names_a_few() {
    let instance = Instance::new();
    let ids: Vec<String> = (1..9).map(|number| format!("v-{number}")).collect();
    let mut connections: Vec<Value> = ids.iter().map(|id| connection(id, "u-1", &[])).collect();
    // Its subscription may not be listed yet.
    let mut new = connection("v-new", "u-1", &[]);
    new["meta"]["createdAt"] = json!(write_time(instance.fake.now()));
    connections.push(new);
    smartcar(&instance, &[webhook(&json!({}))], &connections, &["v-1"]);
    let found = doctor(&instance);
    assert_eq!(codes(&found), ["NOT_SUBSCRIBED"]);
    let details = json!({"vehicles": 7, "vehicleIds": ["v-2", "v-3", "v-4", "v-5", "v-6"]});
    assert_eq!(found["findings"][0]["details"], details);
}

#[test]
fn doctor_says_that_no_vehicle_is_connected() {
    let instance = Instance::new();
    smartcar(&instance, &[webhook(&json!({}))], &[], &[]);
    assert_eq!(codes(&doctor(&instance)), ["NO_CONNECTIONS"]);
}

#[test]
fn doctor_compares_permissions_with_the_keys_for_the_vehicle() {
    let mut one = key(
        "one",
        &[
            "control_security",
            "read_fuel",
            "read_battery",
            "read_status",
        ],
    );
    one["vehicles"] = json!(["v-1"]);
    let mut other = key("other", &["control_charge"]);
    other["users"] = json!(["u-9"]);
    let instance = Instance::with_keys(&[one, other]);
    let connections = [
        connection("v-1", "u-1", &["read_battery"]),
        connection("v-2", "u-2", &["read_odometer"]),
        // Of this one, Smartcar does not say which it has.
        connection("v-1", "u-3", &[]),
    ];
    smartcar(
        &instance,
        &[webhook(&json!({}))],
        &connections,
        &["v-1", "v-2"],
    );
    let found = doctor(&instance);
    assert_eq!(codes(&found), ["PERMISSIONS_MISSING"]);
    let details =
        json!({"vehicles": 1, "vehicleIds": ["v-1"], "permissions": ["control_security"]});
    assert_eq!(found["findings"][0]["details"], details);
}

#[test]
fn doctor_compares_the_clocks() {
    let instance = healthy(&[]);
    // The fake's clock shows 22:13:20 on that day: date -u -d @1700000000
    let headers = vec![("date", "Tue, 14 Nov 2023 22:10:00 GMT".to_owned())];
    instance.fake.set_variable("webhook_id", "w-1");
    let one = json!({"data": webhook(&json!({}))}).to_string();
    let reply = Reply::Answer(200, headers, one);
    instance.fake.reply("/v3/webhooks/w-1", reply);
    let found = doctor(&instance);
    assert_eq!(codes(&found), ["CLOCK_DIFFERS"]);
    assert_eq!(
        found["findings"][0]["details"],
        json!({"secondsAhead": 200})
    );
}

#[test]
fn doctor_examines_once_in_a_while_for_all_instances_and_tells_the_last_result_till_then() {
    let instance = healthy(&[]);
    let first = doctor(&instance);
    let calls = instance.fake.requests_to(CONNECTIONS);
    let another = instance.another();
    // Smartcar gives back sixteen calls in eight minutes, and four were made.
    instance.fake.advance(SECOND * 478);
    assert_eq!(doctor(&another), first);
    assert_eq!(instance.fake.requests_to(CONNECTIONS), calls);
    instance.fake.advance(SECOND * 2);
    assert_ne!(doctor(&another)["ranAt"], first["ranAt"]);
    assert!(instance.fake.requests_to(CONNECTIONS) > calls);
}

#[test]
fn doctor_comes_by_itself_once_an_hour_and_status_shows_what_it_found() {
    let instance = Instance::new();
    instance.fake.set_variable("doctor", "true");
    smartcar(
        &instance,
        &[webhook(&json!({"isEnabled": false}))],
        &[],
        &[],
    );
    let status = |instance: &Instance| body(&instance.call("GET", "/status"))["doctor"].clone();
    assert_eq!(status(&instance), json!({"ranAt": null, "findings": []}));
    let asked = instance.fake.requests_to(WEBHOOKS);
    assert_eq!(asked, 1);
    let another = instance.another();
    let shown = status(&another);
    assert!(shown["ranAt"].is_string(), "{shown}");
    assert_eq!(codes(&shown), ["WEBHOOK_DISABLED", "NO_CONNECTIONS"]);
    assert_eq!(shown["findings"][0]["sentence"], "The webhook is disabled.");
    instance.fake.advance(EVERY - SECOND * 60);
    instance.call("GET", "/v3/signals");
    another.call("GET", "/status");
    assert_eq!(instance.fake.requests_to(WEBHOOKS), asked);
    instance.fake.advance(EVERY);
    instance.call("GET", "/v3/signals");
    another.call("GET", "/status");
    assert_eq!(instance.fake.requests_to(WEBHOOKS), asked + 1);
}

#[test]
fn doctor_without_credentials_says_so_and_asks_nobody() {
    let instance = Instance::new();
    instance.fake.set_variable("doctor", "true");
    instance.fake.set_variable("smartcar_client_secret", "");
    let found = doctor(&instance);
    assert_eq!(
        (&found["ranAt"], codes(&found)),
        (&Value::Null, vec!["CREDENTIALS_MISSING"])
    );
    let status = body(&instance.call("GET", "/status"));
    assert_eq!(codes(&status["doctor"]), ["CREDENTIALS_MISSING"]);
    assert!(instance.fake.requests().is_empty());
}

#[test]
fn doctor_compares_the_management_tokens_where_the_gateway_is_given_them() {
    let instance = healthy(&[]);
    assert_eq!(codes(&doctor(&instance)), [""; 0]);
    instance
        .fake
        .set_variable("management_tokens", "first,client");
    let another = instance.another();
    let found = doctor(&another);
    assert_eq!(codes(&found), ["MANAGEMENT_TOKEN_IS_OTHER"]);
}

#[test]
fn doctor_says_what_smartcar_did_not_answer_and_goes_on() {
    let instance = Instance::new();
    let refused = r#"{"errors":[{"type":"PERMISSION","code":"NO","detail":"hush"}]}"#;
    instance.fake.answer(WEBHOOKS, 403, refused);
    instance.fake.fail(CONNECTIONS, Sent::No);
    let found = doctor(&instance);
    assert_eq!(codes(&found), ["NOT_ANSWERED", "NOT_ANSWERED"]);
    let details = json!({"path": WEBHOOKS, "error": "Smartcar answered 403: PERMISSION/NO"});
    assert_eq!(found["findings"][0]["details"], details);
    assert_eq!(found["findings"][1]["details"]["path"], CONNECTIONS);
    assert_eq!(found["connections"], Value::Null);
}

#[test]
fn doctor_asks_no_more_where_there_is_no_token() {
    let instance = healthy(&[]);
    instance.fake.identity_is_away(true);
    let found = doctor(&instance);
    assert_eq!(
        (&found["calls"], codes(&found)),
        (&json!(1), vec!["NOT_ANSWERED"])
    );
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 0);
}

#[test]
fn doctor_makes_twenty_calls_at_most_and_claims_nothing_of_what_it_has_not_seen() {
    let instance = Instance::new();
    instance
        .fake
        .answer(WEBHOOKS, 200, &list(&[webhook(&json!({}))]));
    let endless = json!({"data": [connection("v-1", "u-1", &[])], "links": {"next": "x"}});
    instance.fake.answer(CONNECTIONS, 200, &endless.to_string());
    let found = doctor(&instance);
    assert_eq!(
        (&found["calls"], &found["connections"]),
        (&json!(20), &Value::Null)
    );
    assert_eq!(codes(&found), ["LISTING_INCOMPLETE", "LISTING_INCOMPLETE"]);
    let paths = [0, 1].map(|place| found["findings"][place]["details"]["path"].clone());
    assert_eq!(paths, [CONNECTIONS, SUBSCRIPTIONS]);
    // They are given back in ten minutes.
    instance.fake.advance(PAUSE);
    assert_eq!(doctor(&instance), found);
    instance.fake.advance(PAUSE);
    assert_ne!(doctor(&instance)["ranAt"], found["ranAt"]);
}

#[test]
fn doctor_begins_no_call_after_eighteen_seconds() {
    let instance = healthy(&[]);
    instance.fake.latency(Duration::from_millis(4700));
    let found = doctor(&instance);
    // The token, the webhook, connections and subscriptions took 18.8 seconds.
    assert_eq!(
        (&found["calls"], codes(&found)),
        (&json!(3), vec!["LISTING_INCOMPLETE"])
    );
}

#[test]
fn doctor_does_not_trust_a_list_that_is_not_as_long_as_smartcar_says() {
    let instance = Instance::new();
    instance
        .fake
        .answer(WEBHOOKS, 200, &list(&[webhook(&json!({}))]));
    let short = json!({"data": [], "meta": {"totalCount": 1}, "links": {"next": null}});
    instance.fake.answer(CONNECTIONS, 200, &short.to_string());
    assert_eq!(codes(&doctor(&instance)), ["LISTING_INCOMPLETE"]);
}

#[test]
fn doctor_takes_a_scope_and_names_vehicles_to_keys_that_are_for_them() {
    let keys = [
        key("reader", &["read_*"]),
        restricted_key("one", "vehicles", &["v-1"]),
        restricted_key("mine", "users", &["u-1"]),
    ];
    let instance = Instance::with_keys(&keys);
    let connections = ["v-1", "v-2"].map(|id| connection(id, "u-1", &[]));
    smartcar(&instance, &[webhook(&json!({}))], &connections, &[]);
    let refused = instance.send(request("reader", "GET", "/v3/doctor"));
    assert_eq!(error(&refused), edge(403, "MISSING_SCOPE"));
    let head = instance.send(request(ALL, "HEAD", "/v3/doctor"));
    assert_eq!(head.status(), 405);
    assert!(instance.fake.requests().is_empty());
    let named = |name| {
        let found = body(&instance.send(request(name, "GET", "/v3/doctor")));
        let details = found["findings"][0]["details"].clone();
        assert_eq!(details["vehicles"], 2);
        details["vehicleIds"].clone()
    };
    assert_eq!(named(ALL), json!(["v-1", "v-2"]));
    assert_eq!(named("one"), json!(["v-1"]));
    assert_eq!(named("mine"), Value::Null);
}

#[test]
fn doctor_does_not_read_what_another_version_has_kept() {
    let instance = healthy(&[]);
    let kept = |report: &str| {
        let examination = Examination {
            ran_at: instance.fake.now(),
            report: report.to_owned(),
        };
        instance
            .fake
            .run(instance.store().keep_examination(&examination))
            .unwrap();
        body(&instance.call("GET", "/status"))["doctor"]["ranAt"].clone()
    };
    let report = r#"{"calls":1,"webhook":null,"connections":1,"subscriptions":1,"missing":[],"forgotten":0,"findings":[]}"#;
    assert!(kept(&format!(r#"{{"version":1,"report":{report}}}"#)).is_string());
    for other in [
        format!(r#"{{"version":2,"report":{report}}}"#),
        "{}".to_owned(),
    ] {
        assert_eq!(kept(&other), Value::Null);
    }
}
