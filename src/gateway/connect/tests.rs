//! The way to Smartcar Connect and back: whose state it is, whose vehicles are taken in,
//! and how often Smartcar is asked.

use super::{cut, is_of_an_error, is_shown};
use crate::testing::{
    ALL, Instance, SECOND, body, edge, error, key, request, restricted_key, with,
};
use edge::Response;
use http::Request;
use serde_json::{Value, json};
use smartcar::{
    Clock, Timestamp,
    delivery::Mode,
    report::{ErrorReport, Report},
    write_time,
};
use std::time::Duration;
use store::{Deliveries, StoreError, delivery::Delivery};

const CONNECTIONS: &str = "/v3/connections";
const SUBSCRIPTIONS: &str = "/v3/subscriptions";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// An instance that subscribes vehicles to a webhook.
fn subscribing() -> Instance {
    let instance = Instance::new();
    instance.fake.set_variable("webhook_id", "w-1");
    instance.fake.answer(SUBSCRIPTIONS, 202, "{}");
    instance
}

/// A browser that was sent to Connect.
struct Browser {
    state: String,
    cookie: String,
}

fn get(path: &str) -> Request<&'static str> {
    Request::get(path).body("").unwrap()
}

fn location(answer: &Response) -> String {
    assert_eq!(answer.status(), 302, "{answer:?}");
    answer.headers()["location"].to_str().unwrap().to_owned()
}

fn state_of(sent: &Response) -> String {
    let location = location(sent);
    let state = location.split("state=").nth(1).unwrap();
    state.split('&').next().unwrap().to_owned()
}

impl Browser {
    fn start(instance: &Instance) -> Self {
        let sent = instance.send(get("/connect/start"));
        let cookie = sent.headers()["set-cookie"].to_str().unwrap();
        Self {
            state: state_of(&sent),
            cookie: cookie.split(';').next().unwrap().to_owned(),
        }
    }

    /// One whose way there the product's server has asked for, with a key.
    fn start_with_key(instance: &Instance, query: &str) -> Self {
        let path = format!("/connect/start{query}");
        let sent = instance.send(request(ALL, "GET", &path));
        assert!(!sent.headers().contains_key("set-cookie"));
        Self {
            state: state_of(&sent),
            cookie: "other=1".to_owned(),
        }
    }

    /// The request by which the browser comes back, with this in the query beside the
    /// state.
    fn back(&self, query: &str) -> Request<&'static str> {
        let path = format!("/connect/callback?state={}&{query}", self.state);
        with(get(&path), ("cookie", &self.cookie))
    }
}

/// Has Smartcar list connections of a user to these vehicles, as made at that time.
fn connect(instance: &Instance, user: &str, vehicles: &[&str], at: Timestamp) {
    let connections: Vec<_> = vehicles
        .iter()
        .map(|vehicle| {
            json!({
                "id": format!("c-{vehicle}"),
                "attributes": {"vehicle": {"make": "KIA"}},
                "relationships": {
                    "vehicle": {"data": {"id": vehicle}},
                    "user": {"data": {"id": user}},
                },
                "meta": {"createdAt": at.0},
            })
        })
        .collect();
    let page = json!({"data": connections}).to_string();
    instance.fake.answer(CONNECTIONS, 200, &page);
}

/// The figures of the day that `/status` shows.
fn arrivals(instance: &Instance) -> [i64; 3] {
    let status = body(&instance.call("GET", "/status"));
    let figures = &status["connect"]["lastDay"];
    ["arrived", "completed", "failed"].map(|name| figures[name].as_i64().unwrap())
}

fn text(answer: &Response) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}

/// What the log says of Connect, by outcome.
fn logged(instance: &Instance, outcome: &str) -> Vec<Value> {
    let lines = instance.fake.lines_about("connect").into_iter();
    lines.filter(|line| line["outcome"] == outcome).collect()
}

#[test]
fn arrival_takes_in_the_vehicles_and_subscribes_each_once() {
    let instance = subscribing();
    let browser = Browser::start(&instance);
    connect(&instance, "u-1", &["v-1", "v-2"], instance.fake.now());
    let page = instance.send(browser.back("user_id=u-1"));
    assert_eq!(page.status(), 200);
    assert!(text(&page).contains("2 vehicles are connected"));
    assert_eq!(page.headers()["cache-control"], "no-store");
    assert_eq!(arrivals(&instance), [1, 1, 0]);
    let completed = logged(&instance, "completed");
    assert_eq!(
        (&completed[0]["user_id"], &completed[0]["vehicles"]),
        (&json!("u-1"), &json!(2))
    );
    let owners = "vehicle WHERE user_id = 'u-1' AND make = 'KIA'";
    assert_eq!(instance.count(owners), 2);
    let audit = body(&instance.call("GET", "/v3/audit"));
    let records = audit["data"].as_array().unwrap();
    for (record, vehicle) in records.iter().zip(["v-2", "v-1"]) {
        let record = &record["attributes"];
        assert_eq!(
            (&record["kind"], &record["caller"]),
            (&json!("create-subscription"), &json!("connect"))
        );
        assert_eq!(
            (&record["vehicleId"], &record["outcome"]),
            (&json!(vehicle), &json!("succeeded"))
        );
    }
    // Loaded again, the page asks Smartcar nothing; nor does it on another instance.
    let asked = instance.fake.requests().len();
    let again = instance.another().send(browser.back("user_id=u-1"));
    assert!(text(&again).contains("2 vehicles are connected"));
    assert_eq!(instance.fake.requests().len(), asked);
    // Another way through Connect within the day subscribes no vehicle again.
    let again = instance.send(Browser::start(&instance).back("user_id=u-1"));
    assert!(text(&again).contains("2 vehicles are connected"));
    assert_eq!(instance.fake.requests_to(SUBSCRIPTIONS), 2);
}

#[test]
fn vehicle_is_subscribed_again_once_it_may_have_lost_its_subscription() {
    let instance = subscribing();
    let now = instance.fake.now();
    let arrive = |at| {
        connect(&instance, "u-1", &["v-1"], at);
        // The last answer stays, so that the first look-up still has the one before.
        for _ in 0..2 {
            let page = instance.send(Browser::start(&instance).back("user_id=u-1"));
            assert_eq!(page.status(), 200);
        }
        instance.fake.requests_to(SUBSCRIPTIONS)
    };
    assert_eq!(arrive(now), 1);
    instance.fake.advance(MINUTE);
    // Connected again since.
    assert_eq!(arrive(instance.fake.now()), 2);
    // Its subscription was removed.
    instance.fake.advance(MINUTE);
    let subscription = json!({"data": {"id": "s-1", "relationships": {
        "vehicle": {"data": {"id": "v-1"}}, "user": {"data": {"id": "u-1"}}}}});
    let path = "/v3/subscriptions/s-1";
    instance.fake.answer(path, 200, &subscription.to_string());
    instance.fake.answer(path, 204, "");
    assert_eq!(instance.call("DELETE", path).status(), 204);
    let page = instance.send(Browser::start(&instance).back("user_id=u-1"));
    assert_eq!(page.status(), 200);
    assert_eq!(instance.fake.requests_to(SUBSCRIPTIONS), 3);
}

#[test]
fn arrival_that_was_left_half_done_is_completed_by_a_reload() {
    let instance = Instance::new();
    instance.fake.set_variable("webhook_id", "w-1");
    let browser = Browser::start(&instance);
    connect(&instance, "u-1", &["v-1", "v-2"], instance.fake.now());
    instance.fake.answer(SUBSCRIPTIONS, 400, "{}");
    instance.fake.answer(SUBSCRIPTIONS, 202, "{}");
    let half = instance.send(browser.back("user_id=u-1"));
    assert_eq!(error(&half), edge(502, "CONNECT_INCOMPLETE"));
    assert_eq!(half.headers()["retry-after"], "5");
    assert_eq!(arrivals(&instance), [1, 0, 0]);
    assert_eq!(logged(&instance, "incomplete").len(), 1);
    // One failed, and the other was subscribed all the same: not a second time.
    let whole = instance.send(browser.back("user_id=u-1"));
    assert!(text(&whole).contains("2 vehicles are connected"));
    assert_eq!(instance.fake.requests_to(SUBSCRIPTIONS), 3);
    assert_eq!(arrivals(&instance), [1, 1, 0]);
}

#[test]
fn arrival_that_takes_long_is_completed_after_the_answer() {
    let instance = subscribing();
    let browser = Browser::start(&instance);
    connect(&instance, "u-1", &["v-1", "v-2"], instance.fake.now());
    // The token, the list and two vehicles, one after the other.
    instance.fake.latency(4 * SECOND);
    let page = instance.send(browser.back("user_id=u-1"));
    assert_eq!(error(&page), edge(502, "CONNECT_INCOMPLETE"));
    assert_eq!(arrivals(&instance), [1, 1, 0]);
    let page = instance.send(browser.back("user_id=u-1"));
    assert!(text(&page).contains("2 vehicles are connected"));
    assert_eq!(instance.fake.requests_to(SUBSCRIPTIONS), 2);
}

#[test]
fn arrival_whose_store_fails_is_refused_and_asks_smartcar_nothing() {
    let instance = subscribing();
    let browser = Browser::start(&instance);
    connect(&instance, "u-1", &["v-1"], instance.fake.now());
    assert_eq!(arrivals(&instance), [0, 0, 0]);
    instance.database.fail_write(0, StoreError::Busy);
    instance.database.fail_write(0, StoreError::Full);
    let refused = instance.send(browser.back("user_id=u-1"));
    assert_eq!(error(&refused), edge(503, "STORE_UNAVAILABLE"));
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 0);
    assert_eq!(instance.send(browser.back("user_id=u-1")).status(), 200);
}

#[test]
fn user_who_has_not_come_this_way_is_not_taken_in() {
    let instance = subscribing();
    let browser = Browser::start(&instance);
    // Connected before the state was made, by more than clocks differ.
    connect(
        &instance,
        "u-1",
        &["v-1"],
        instance.fake.now().before(6 * MINUTE),
    );
    let refused = instance.send(browser.back("user_id=u-1"));
    assert_eq!(error(&refused), edge(502, "CONNECT_INCOMPLETE"));
    assert_eq!(instance.count("vehicle"), 0);
    assert_eq!(instance.fake.requests_to(SUBSCRIPTIONS), 0);
    // And a state is one user's.
    let other = instance.send(browser.back("user_id=u-2"));
    assert_eq!(error(&other), edge(400, "INVALID_STATE"));
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 1);
    let reasons: Vec<_> = logged(&instance, "refused");
    assert_eq!(reasons[0]["reason"], "the state is another user's");
}

#[test]
fn state_is_of_this_application_of_one_browser_and_of_the_hour() {
    let instance = subscribing();
    let (browser, other) = (Browser::start(&instance), Browser::start(&instance));
    let back = |state: &str, cookie: &str| {
        let path = format!("/connect/callback?state={state}&user_id=u-1");
        error(&instance.send(with(get(&path), ("cookie", cookie))))
    };
    let invalid = edge(400, "INVALID_STATE");
    assert_eq!(back("0000", &browser.cookie), invalid);
    assert_eq!(back(&browser.state, &other.cookie), invalid);
    assert_eq!(back(&browser.state, "a=b"), invalid);
    let both = format!("{}; {}", browser.cookie, other.cookie);
    assert_eq!(back(&browser.state, &both), invalid);
    // Anyone can have such a line written: one a second is enough.
    assert_eq!(logged(&instance, "refused").len(), 1);
    instance.fake.advance(HOUR + SECOND);
    assert_eq!(back(&browser.state, &browser.cookie), invalid);
    assert_eq!(logged(&instance, "refused").len(), 2);
    assert_eq!(arrivals(&instance), [0, 0, 0]);
    assert_eq!(instance.fake.requests().len(), 0);
}

#[test]
fn state_is_tried_five_times() {
    let instance = subscribing();
    let browser = Browser::start(&instance);
    connect(&instance, "u-1", &[], instance.fake.now());
    for _ in 0..5 {
        let page = instance.send(browser.back("user_id=u-1"));
        assert_eq!(error(&page), edge(502, "CONNECT_INCOMPLETE"));
    }
    let page = instance.send(browser.back("user_id=u-1"));
    assert_eq!(error(&page), edge(400, "INVALID_STATE"));
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 5);
}

#[test]
fn strangers_have_half_of_the_lookups_of_ten_minutes() {
    let instance = subscribing();
    instance.fake.set_variable("connect_lookups", "4");
    connect(&instance, "u-0", &[], instance.fake.now());
    let come = |browser: Browser, user: &str| {
        error(&instance.send(browser.back(&format!("user_id={user}"))))
    };
    let (incomplete, busy) = (edge(502, "CONNECT_INCOMPLETE"), edge(503, "CONNECT_BUSY"));
    let stranger = |user| come(Browser::start(&instance), user);
    let named = |user| {
        let query = format!("?external_id=of-{user}");
        come(Browser::start_with_key(&instance, &query), user)
    };
    assert_eq!(stranger("u-1"), incomplete);
    assert_eq!(stranger("u-2"), incomplete);
    assert_eq!(stranger("u-3"), busy);
    assert_eq!(named("u-4"), incomplete);
    assert_eq!(named("u-5"), incomplete);
    assert_eq!(named("u-6"), busy);
    assert_eq!(logged(&instance, "busy").len(), 1);
    // What is refused is not stored, and counts for nothing.
    assert_eq!(arrivals(&instance), [4, 0, 0]);
    instance.fake.advance(10 * MINUTE);
    assert_eq!(stranger("u-3"), incomplete);
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 5);
}

#[test]
fn error_of_connect_is_stored_and_logged_once_and_can_be_tried_again() {
    let instance = subscribing();
    let browser = Browser::start(&instance);
    let denied = "error=access_denied&error_description=%3Cno%3E";
    for _ in 0..2 {
        let page = instance.send(browser.back(denied));
        assert_eq!(page.status(), 200);
        assert!(text(&page).contains("Smartcar says: &lt;no&gt; (access_denied)"));
    }
    assert_eq!(arrivals(&instance), [1, 0, 1]);
    let lines = logged(&instance, "failed");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["error"], "access_denied");
    // They think better of it, and go back to Connect.
    connect(&instance, "u-1", &["v-1"], instance.fake.now());
    let page = instance.send(browser.back("user_id=u-1"));
    assert!(text(&page).contains("One vehicle is connected"));
    assert_eq!(arrivals(&instance), [1, 1, 0]);
    // An error that comes late undoes nothing.
    instance.send(browser.back(denied));
    assert_eq!(arrivals(&instance), [1, 1, 0]);
}

#[test]
fn errors_of_connect_are_stored_sixty_times_an_hour() {
    let instance = subscribing();
    let fail = || {
        let browser = Browser::start(&instance);
        assert_eq!(instance.send(browser.back("error=no")).status(), 200);
    };
    (0..62).for_each(|_| fail());
    assert_eq!(arrivals(&instance), [60, 0, 60]);
    assert_eq!(logged(&instance, "failed").len(), 60);
    instance.fake.advance(HOUR);
    fail();
    assert_eq!(arrivals(&instance), [61, 0, 61]);
}

#[test]
fn browser_is_sent_on_to_the_page_of_the_product() {
    let instance = Instance::new();
    let page = "https://product.example.com/cars?a=b";
    instance.fake.set_variable("connect_return_url", page);
    let mut body = json!({"data": [{"id": "c-1", "attributes": {"user": {"id": "u-1", "externalId": "e-1"}},
        "relationships": {"vehicle": {"data": {"id": "v-1"}}}}]});
    instance.fake.answer(CONNECTIONS, 200, &body.to_string());
    let browser = Browser::start_with_key(&instance, "?external_id=e-1");
    let sent_on = location(&instance.send(browser.back("user_id=u-1")));
    assert_eq!(sent_on, format!("{page}&user_id=u-1&external_id=e-1"));
    let query = instance.fake.requests().pop().unwrap();
    let query = query.uri().query().unwrap().to_owned();
    assert!(query.contains("externalId%5D=e-1"), "{query}");
    let denied = instance.send(Browser::start(&instance).back("error=access_denied"));
    assert_eq!(location(&denied), format!("{page}&error=access_denied"));
    let about = "error=vehicle_incompatible&error_description=Too%20old.%0A&make=TESLA\
        &vin=5YJ3E1EA7KF317000&model=Model%203&year=2012";
    let denied = instance.send(Browser::start(&instance).back(about));
    let expected = "error=vehicle_incompatible&error_description=Too%20old.\
        &vin=5YJ3E1EA7KF317000&make=TESLA&model=Model%203&year=2012";
    assert_eq!(location(&denied), format!("{page}&{expected}"));
    let lines = instance.fake.lines().concat();
    assert!(!lines.contains("5YJ3E1EA7KF317000"));
    // A user who is listed under another external id is another one of the product's.
    body["data"][0]["attributes"]["user"]["externalId"] = json!("e-2");
    let other = Instance::new();
    other.fake.answer(CONNECTIONS, 200, &body.to_string());
    let browser = Browser::start_with_key(&other, "?external_id=e-1");
    let refused = other.send(browser.back("user_id=u-1"));
    assert_eq!(error(&refused), edge(502, "CONNECT_INCOMPLETE"));
}

/// Has a delivery report that the owner of `v-1` has to authenticate again, and that the car
/// sleeps.
fn report_errors(instance: &Instance) {
    let now = instance.fake.now();
    let error = |kind: &'static str, code: &'static str| ErrorReport {
        kind: kind.into(),
        code: code.into(),
        is_resolved: false,
        json: "{}",
    };
    let report = Report {
        errors: vec![
            error("CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED"),
            error("VEHICLE_STATE", "ASLEEP"),
        ],
        ..Report::new(Some(now), now)
    };
    let store = instance.store();
    let prepared = store.prepare(&Delivery {
        event_id: &format!("e-{now:?}"),
        event_type: "VEHICLE_ERROR",
        mode: Mode::Live,
        vehicle_id: Some("v-1"),
        user_id: Some("u-1"),
        delivered_at: Some(now),
        received_at: now,
        body: b"{}",
        report: Some(&report),
    });
    instance.fake.run(store.insert(&[&prepared])).unwrap();
}

/// The codes of the errors that are open, of the vehicles whose owners have to act.
fn open_errors(instance: &Instance) -> Vec<String> {
    let listed = body(&instance.call("GET", "/v3/vehicles?filter[needs]=reauthentication"));
    let listed = listed["data"].as_array().unwrap().iter();
    let errors = listed.flat_map(|vehicle| vehicle["meta"]["openErrors"].as_array().unwrap());
    errors
        .map(|error| error["code"].as_str().unwrap().to_owned())
        .collect()
}

const AGAIN: &str = "/connect/reauthenticate?vehicle_id=v-1";

fn start_again(instance: &Instance) -> Browser {
    let sent = instance.send(get(AGAIN));
    let cookie = sent.headers()["set-cookie"].to_str().unwrap();
    Browser {
        state: state_of(&sent),
        cookie: cookie.split(';').next().unwrap().to_owned(),
    }
}

#[test]
fn owner_who_has_authenticated_again_ends_the_errors_that_asked_for_it() {
    let instance = Instance::new();
    report_errors(&instance);
    assert_eq!(open_errors(&instance), ["AUTHENTICATION_FAILED", "ASLEEP"]);
    let sent = location(&instance.send(get(AGAIN)));
    let page = "https://connect.example.com/oauth/reauthenticate?response_type=vehicle_id";
    assert!(sent.starts_with(page), "{sent}");
    assert!(sent.contains("&vehicle_id=v-1&redirect_uri="), "{sent}");
    let browser = start_again(&instance);
    // Connected long ago, and renewed since the browser was sent.
    let now = instance.fake.now();
    connect(&instance, "u-1", &["v-1"], now);
    let page = instance.send(browser.back("vehicle_id=v-1"));
    assert!(text(&page).contains("The vehicle is connected again"));
    let line = &logged(&instance, "reauthenticated")[0];
    assert_eq!(line["vehicle_id"], "v-1");
    assert_eq!(open_errors(&instance), [""; 0]);
    let vehicles = body(&instance.call("GET", "/v3/vehicles"));
    let left = vehicles["data"][0]["meta"]["openErrors"]
        .as_array()
        .unwrap();
    assert_eq!((left.len(), &left[0]["code"]), (1, &json!("ASLEEP")));
    assert_eq!(arrivals(&instance), [1, 1, 0]);
    // Loaded again, the page asks nothing and ends no error that was reported since.
    instance.fake.advance(SECOND);
    report_errors(&instance);
    let asked = instance.fake.requests().len();
    let again = instance.send(browser.back("vehicle_id=v-1"));
    assert_eq!(
        (again.status(), instance.fake.requests().len()),
        (http::StatusCode::OK, asked)
    );
    assert_eq!(open_errors(&instance).len(), 2);
}

#[test]
fn stranger_who_has_not_authenticated_ends_no_error() {
    let instance = Instance::new();
    report_errors(&instance);
    instance.fake.advance(HOUR);
    // Not renewed since the browser was sent.
    connect(
        &instance,
        "u-1",
        &["v-1"],
        instance.fake.now().before(6 * MINUTE),
    );
    let browser = start_again(&instance);
    assert_eq!(instance.send(browser.back("vehicle_id=v-1")).status(), 200);
    assert_eq!(open_errors(&instance).len(), 2);
    assert_eq!(logged(&instance, "unconfirmed").len(), 1);
    assert!(logged(&instance, "reauthenticated").is_empty());
    assert_eq!(arrivals(&instance), [1, 0, 0]);
    // Renewed, but another user's connection did not report the errors.
    connect(&instance, "u-2", &["v-1"], instance.fake.now());
    for _ in 0..2 {
        let page = instance.send(start_again(&instance).back("vehicle_id=v-1"));
        assert_eq!(page.status(), 200);
    }
    assert_eq!(open_errors(&instance).len(), 2);
    connect(
        &instance,
        "u-1",
        &["v-1"],
        instance.fake.now().before(6 * MINUTE),
    );
    instance.send(start_again(&instance).back("vehicle_id=v-1"));
    // The word of a user whom the product's server knows counts.
    let sent = instance.send(request(ALL, "GET", &format!("{AGAIN}&external_id=e-1")));
    assert!(!sent.headers().contains_key("set-cookie"));
    let browser = Browser {
        state: state_of(&sent),
        cookie: String::new(),
    };
    assert_eq!(instance.send(browser.back("vehicle_id=v-1")).status(), 200);
    assert_eq!(open_errors(&instance), [""; 0]);
}

#[test]
fn state_of_one_vehicle_takes_no_other_and_no_user() {
    let instance = Instance::new();
    connect(&instance, "u-1", &["v-1"], instance.fake.now());
    let browser = start_again(&instance);
    let invalid = edge(400, "INVALID_STATE");
    let other = instance.send(browser.back("vehicle_id=v-2"));
    assert_eq!(error(&other), invalid);
    let user = instance.send(browser.back("user_id=u-1"));
    assert_eq!(error(&user), edge(400, "INVALID_INPUT"));
    // Nor does a state that was begun to connect vehicles take a vehicle.
    let start = Browser::start(&instance);
    let vehicle = instance.send(start.back("vehicle_id=v-1"));
    assert_eq!(error(&vehicle), edge(400, "INVALID_INPUT"));
    let no_cookie = instance.send(get(&format!(
        "/connect/callback?vehicle_id=v-1&state={}",
        browser.state
    )));
    assert_eq!(error(&no_cookie), invalid);
    assert_eq!(instance.fake.requests_to(CONNECTIONS), 0);
}

#[test]
fn vehicle_that_is_not_connected_to_this_application_cannot_be_authenticated_for() {
    let instance = Instance::new();
    connect(&instance, "u-1", &["v-2"], instance.fake.now());
    let browser = start_again(&instance);
    let page = instance.send(browser.back("vehicle_id=v-1"));
    assert_eq!(error(&page), edge(502, "CONNECT_INCOMPLETE"));
    let reason = "Smartcar lists no connection to the vehicle";
    assert_eq!(logged(&instance, "incomplete")[0]["reason"], reason);
    assert_eq!(arrivals(&instance), [1, 0, 0]);
    for _ in 0..4 {
        instance.send(browser.back("vehicle_id=v-1"));
    }
    // Of one vehicle as of one user, five are looked up in ten minutes.
    let busy = instance.send(start_again(&instance).back("vehicle_id=v-1"));
    assert_eq!(error(&busy), edge(503, "CONNECT_BUSY"));
}

#[test]
fn owner_who_could_not_authenticate_is_sent_on_with_the_error() {
    let instance = Instance::new();
    let page = "https://product.example.com/cars";
    instance.fake.set_variable("connect_return_url", page);
    let browser = start_again(&instance);
    let denied = instance.send(browser.back("error=access_denied"));
    let expected = format!("{page}?error=access_denied&vehicle_id=v-1");
    assert_eq!(location(&denied), expected);
    let last = body(&instance.call("GET", "/status"))["connect"]["lastFailure"].clone();
    assert_eq!(
        (&last["error"], &last["vehicleId"]),
        (&json!("access_denied"), &json!("v-1"))
    );
    connect(&instance, "u-1", &["v-1"], instance.fake.now());
    let back = location(&instance.send(browser.back("vehicle_id=v-1&external_id=e-1")));
    assert_eq!(back, format!("{page}?vehicle_id=v-1"));
}

#[test]
fn reauthentication_is_begun_by_a_key_for_its_own_vehicles_alone() {
    let keys = [
        restricted_key("car", "vehicles", &["v-2"]),
        restricted_key("user", "users", &["u-2"]),
        restricted_key("owner", "users", &["u-1"]),
        key("reader", &["read_*"]),
    ];
    let instance = Instance::with_keys(&keys);
    instance.report("v-1", "u-1", "a-b", &json!({"value": 1}));
    for (key, refused) in [
        ("car", edge(403, "VEHICLE_NOT_ALLOWED")),
        ("user", edge(403, "USER_NOT_ALLOWED")),
        ("reader", edge(403, "MISSING_SCOPE")),
    ] {
        assert_eq!(
            error(&instance.send(request(key, "GET", AGAIN))),
            refused,
            "{key}"
        );
    }
    let sent = instance.send(request("owner", "GET", AGAIN));
    assert_eq!(sent.status(), 302);
    for (query, name) in [
        ("?external_id=e", "vehicle_id"),
        (
            "?vehicle_id=7A3F6C1E-0000-4000-8000-00000000000A",
            "lower case",
        ),
        ("?vehicle_id=v-1&external_id=e", "external_id"),
        ("?vehicle_id=v-1&scope=x", "scope"),
    ] {
        let refused = instance.send(get(&format!("/connect/reauthenticate{query}")));
        assert_eq!(error(&refused), edge(400, "INVALID_INPUT"), "{query}");
        assert!(text(&refused).contains(name), "{query}: {}", text(&refused));
    }
    instance.fake.set_variable("connect_requires_key", "true");
    let refused = instance.another().send(get(AGAIN));
    assert_eq!(error(&refused), edge(401, "UNAUTHORIZED"));
}

#[test]
fn browser_that_ends_at_smartcar_gets_no_way_back() {
    let instance = Instance::new();
    // Nothing that it takes to come back has to be set.
    instance.fake.set_variable("connect_redirect_uri", "");
    for (path, page) in [
        (
            "/connect/start?response_type=none",
            "authorize?response_type=none",
        ),
        (
            "/connect/reauthenticate?vehicle_id=v-1&response_type=none",
            "reauthenticate?response_type=none",
        ),
    ] {
        let sent = instance.send(get(path));
        assert!(!sent.headers().contains_key("set-cookie"));
        let location = location(&sent);
        assert!(location.contains(page), "{location}");
        assert!(!location.contains("state=") && !location.contains("redirect_uri="));
        let bare = path.replace("response_type=none", "");
        let refused = instance.send(get(bare.trim_end_matches(['?', '&'])));
        assert_eq!(error(&refused), edge(503, "NOT_CONFIGURED"));
    }
}

#[test]
fn failure_is_shown_with_its_vehicle_to_keys_that_are_for_every_one() {
    let keys = [
        key("operator", &["read_status"]),
        restricted_key("one", "vehicles", &["v-1"]),
    ];
    let instance = Instance::with_keys(&keys);
    let about = "error=vehicle_incompatible&error_description=Too%20old.&make=TESLA\
        &vin=5YJ3E1EA7KF317000&model=Model%203&year=2012";
    instance.send(Browser::start(&instance).back(about));
    let shown = |key: &str| {
        let status = body(&instance.send(request(key, "GET", "/status")));
        status["connect"]["lastFailure"].clone()
    };
    let mut expected = json!({"at": write_time(instance.fake.now()),
        "error": "vehicle_incompatible", "description": "Too old.",
        "vin": "5YJ3E1EA7KF317000", "make": "TESLA", "model": "Model 3", "year": "2012",
        "vehicleId": null});
    assert_eq!(shown("operator"), expected);
    for name in ["description", "vin", "make", "model", "year"] {
        expected[name] = Value::Null;
    }
    assert_eq!(shown("one"), expected);
    assert!(!instance.fake.lines().concat().contains("5YJ3E1EA7KF317000"));
}

#[test]
fn start_takes_a_name_of_the_user_with_a_key_alone() {
    let instance = Instance::new();
    let refused = instance.send(get("/connect/start?external_id=e-1"));
    assert_eq!(error(&refused), edge(400, "INVALID_INPUT"));
    instance.fake.set_variable("connect_requires_key", "true");
    let refused = instance.another().send(get("/connect/start"));
    assert_eq!(error(&refused), edge(401, "UNAUTHORIZED"));
}

#[test]
fn start_without_its_variables_says_so_once_an_hour() {
    let instance = Instance::new();
    instance.fake.set_variable("smartcar_application_id", " ");
    for _ in 0..2 {
        let refused = instance.send(get("/connect/start"));
        assert_eq!(error(&refused), edge(503, "NOT_CONFIGURED"));
    }
    let lines = logged(&instance, "not_configured");
    assert_eq!(lines.len(), 1);
    let reason = "the variable smartcar_application_id is not set";
    assert_eq!(lines[0]["reason"], reason);
    instance.fake.advance(HOUR);
    instance.send(get("/connect/start"));
    assert_eq!(logged(&instance, "not_configured").len(), 2);
    // The rest works.
    assert_eq!(instance.call("GET", "/v3/audit").status(), 200);
}

#[test]
fn text_from_connect_is_cut() {
    assert_eq!(cut("a\u{0}b\r\nc", 10, is_shown), "abc");
    assert_eq!(cut("äöüß", 3, is_shown), "äöü");
    let odd = "a\u{202e} ä\"\\\u{7f}\n~";
    assert_eq!(cut(odd, 10, is_of_an_error), "a ~");
    assert_eq!(cut("access_denied", 6, is_of_an_error), "access");
}
