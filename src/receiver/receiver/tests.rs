//! The path of a request on the store of SQLite itself, by the clock of the test.

use super::*;
use futures::future::{join_all, poll_immediate, ready};
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use serde_json::{Value, json};
use sha2::Sha256;
use smartcar::{
    Clock, Spawn,
    delivery::{MAX_BODY, Rejection},
    testing::Fake,
};
use store::{
    StoreError,
    sqlite::native::{Native, NativeStore},
};

pub(super) const TOKEN: &str = "example-token";
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// An instance of the receiver.
pub(super) struct Instance {
    pub(super) fake: Fake,
    pub(super) database: Native,
    pub(super) store: &'static NativeStore,
    pub(super) receiver: &'static Receiver<Fake, NativeStore>,
}

impl Instance {
    /// An instance without variables.
    fn bare() -> Self {
        let (fake, database) = (Fake::new(), Native::new());
        fake.latency(Duration::from_millis(1));
        fake.answer("/nudge", 204, "");
        Self::on(fake, database)
    }

    /// An instance on a host and a database that others may have.
    pub(super) fn on(fake: Fake, database: Native) -> Self {
        let store = Box::leak(Box::new(database.store(&fake)));
        let platform = Box::leak(Box::new(fake.clone()));
        Self {
            fake,
            database,
            store,
            receiver: Box::leak(Box::new(Receiver::new(platform, store))),
        }
    }

    pub(super) fn new() -> Self {
        let instance = Self::bare();
        for (name, value) in [
            ("management_tokens", TOKEN),
            ("require_signed_verify", "false"),
            ("max_delivery_age", "172800"),
            ("retention_days", "7"),
        ] {
            instance.fake.set_variable(name, value);
        }
        instance
    }

    /// One whose database is open, so that each write is one of a delivery or a counter.
    fn opened() -> Self {
        let instance = Self::new();
        instance.post(signed("first"));
        instance
    }

    /// The answer to a request, without what follows after it.
    pub(super) async fn answer(&self, request: Request<String>) -> Response {
        let (parts, body) = request.into_parts();
        let body = ready(Ok(Bytes::from(body)));
        self.receiver.answer(&parts, body).await
    }

    /// The answer to a request, when all that follows is done.
    pub(super) fn post(&self, request: Request<String>) -> Response {
        self.fake.run(self.answer(request))
    }

    pub(super) fn posts(
        &self,
        requests: impl IntoIterator<Item = Request<String>>,
    ) -> Vec<Response> {
        let answers = requests.into_iter().map(|request| self.answer(request));
        self.fake.run(join_all(answers))
    }

    pub(super) fn stored(&self) -> i64 {
        let figures = self.fake.run(self.store.delivery_figures());
        figures.unwrap().stored
    }

    /// How often requests ended so: outcome, reason, type and mode.
    pub(super) fn tallies(&self) -> Vec<(String, i64)> {
        let tallies = self.fake.run(self.store.tallies_since(0)).unwrap();
        let tallies = tallies.into_iter().map(|(tally, count)| {
            let (outcome, reason) = (tally.outcome.as_str(), tally.reason.text());
            let (event_type, mode) = (&tally.event_type, tally.mode.as_str());
            (format!("{outcome}/{reason}/{event_type}/{mode}"), count)
        });
        tallies.collect()
    }

    /// Someone else writes, for so long from now on.
    fn lock(&self, time: Duration) {
        let connection = self.database.raw();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let fake = self.fake.clone();
        self.fake.spawn(async move {
            fake.sleep(time).await;
            drop(connection);
        });
    }
}

pub(super) fn post(body: impl Into<String>) -> Request<String> {
    Request::post("/webhooks").body(body.into()).unwrap()
}

pub(super) fn with(mut request: Request<String>, signature: &str) -> Request<String> {
    let headers = request.headers_mut();
    headers.append("sc-signature", signature.parse().unwrap());
    request
}

/// A delivery as Smartcar signs it.
fn sign(body: impl Into<String>) -> Request<String> {
    sign_with(TOKEN, body)
}

/// A delivery that is signed with a token.
pub(super) fn sign_with(token: &str, body: impl Into<String>) -> Request<String> {
    let body = body.into();
    let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    with(post(body), &signature)
}

fn signed(event: &str) -> Request<String> {
    sign(event_with(event, json!({})))
}

fn event_with(event: &str, meta: Value) -> String {
    let body = json!({"eventId": event, "eventType": "VEHICLE_STATE", "meta": meta});
    body.to_string()
}

fn numbered(count: usize) -> Vec<Request<String>> {
    let events = (0..count).map(|number| signed(&format!("event {number}")));
    events.collect()
}

/// The status, and what became of the delivery or the code of the error.
pub(super) fn outcome(answer: &Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let outcome = answer.headers().get("edge-outcome");
    match outcome {
        Some(outcome) => (status, outcome.to_str().unwrap().to_owned()),
        None => {
            let error: Value = serde_json::from_slice(answer.body()).unwrap();
            let code = error["errors"][0]["code"].as_str().unwrap();
            (status, code.to_owned())
        }
    }
}

fn outcomes(answers: &[Response]) -> Vec<(u16, String)> {
    answers.iter().map(outcome).collect()
}

pub(super) fn has(status: u16, outcome: &str) -> (u16, String) {
    (status, outcome.to_owned())
}

#[test]
fn delivery_signed_by_openssl_is_stored_once() {
    // printf '%s' '{"eventId":"e-1"}' | openssl dgst -sha256 -hmac example-token
    let signature = "773eadc64304b7edbf37ebfc0e8b2a2fc275b27d14dc27221161f7c51dedc437";
    let delivery = || with(post(r#"{"eventId":"e-1"}"#), signature);
    let instance = Instance::new();
    let answer = instance.post(delivery());
    assert_eq!(outcome(&answer), has(200, "stored"));
    assert_eq!(answer.headers()["content-length"], "0");
    assert!(answer.body().is_empty());
    assert_eq!(outcome(&instance.post(delivery())), has(200, "duplicate"));
    assert_eq!(instance.stored(), 1);
    assert_eq!(
        instance.tallies(),
        [
            ("duplicate/token 0/UNKNOWN/LIVE".to_owned(), 1),
            ("stored/token 0/UNKNOWN/LIVE".to_owned(), 1),
        ]
    );
}

#[test]
fn delivery_is_known_to_other_instances_on_the_same_database() {
    let (one, mut other) = (Instance::new(), Instance::new());
    let store = Box::leak(Box::new(one.database.store(&other.fake)));
    let platform = Box::leak(Box::new(other.fake.clone()));
    other.store = store;
    other.receiver = Box::leak(Box::new(Receiver::new(platform, store)));
    assert_eq!(outcome(&one.post(signed("e"))), has(200, "stored"));
    assert_eq!(outcome(&other.post(signed("e"))), has(200, "duplicate"));
    assert_eq!(other.stored(), 1);
}

#[test]
fn delivery_is_posted_to_one_path_by_one_method() {
    let instance = Instance::new();
    let request = |method, path| {
        let body = event_with("e", json!({}));
        let request = Request::builder().method(method).uri(path);
        instance.post(request.body(body).unwrap())
    };
    for path in ["/", "/webhook", "/webhooks/x", "/v3/webhooks"] {
        assert_eq!(
            outcome(&request("POST", path)),
            has(404, "PATH_NOT_FOUND"),
            "{path}"
        );
    }
    for method in ["GET", "PUT", "DELETE", "HEAD"] {
        let answer = request(method, "/webhooks");
        assert_eq!(outcome(&answer), has(405, "METHOD_NOT_ALLOWED"), "{method}");
        assert_eq!(answer.headers()["allow"], "POST");
    }
    let slash = request("POST", "/webhooks/?a=b");
    assert_eq!(outcome(&slash), has(401, "SIGNATURE_MISSING"));
}

#[test]
fn body_is_read_even_if_the_request_is_refused() {
    let instance = Instance::new();
    let problem = || Problem::new(Code::BodyTooLarge, "too large");
    for (path, expected) in [
        ("/elsewhere", has(404, "PATH_NOT_FOUND")),
        ("/webhooks", has(413, "BODY_TOO_LARGE")),
    ] {
        let (parts, ()) = Request::post(path).body(()).unwrap().into_parts();
        let mut is_read = false;
        let body = async {
            is_read = true;
            Err(problem())
        };
        let answer = instance.fake.run(instance.receiver.answer(&parts, body));
        assert_eq!(outcome(&answer), expected);
        assert!(is_read, "{path}");
    }
    assert!(instance.tallies().is_empty());
}

#[test]
fn delivery_that_smartcar_did_not_sign_is_refused_for_a_reason() {
    let instance = Instance::new();
    let body = || event_with("e", json!({}));
    let right = sign(body()).headers()["sc-signature"].clone();
    let right = right.to_str().unwrap();
    for (request, code) in [
        (post(body()), "SIGNATURE_MISSING"),
        (with(sign(body()), right), "SIGNATURE_REPEATED"),
        (with(post(body()), "sha256=abc"), "SIGNATURE_MALFORMED"),
        (with(post(body() + " "), right), "SIGNATURE_MISMATCH"),
        (sign("a-challenge"), "NOT_A_DELIVERY"),
    ] {
        let answer = instance.post(request);
        assert_eq!(outcome(&answer), has(401, code));
        assert_eq!(answer.headers()["www-authenticate"], "SC-Signature");
    }
    assert_eq!(instance.stored(), 0);
    assert!(instance.fake.lines().is_empty(), "strangers fill no log");
    assert_eq!(instance.fake.requests_to("/nudge"), 0);
    let mut tallies: Vec<_> = Rejection::ALL
        .iter()
        .map(|rejection| (format!("refused/{}//LIVE", rejection.reason()), 1))
        .collect();
    tallies.sort();
    assert_eq!(instance.tallies(), tallies);
}

#[test]
fn delivery_that_is_too_old_is_refused() {
    let instance = Instance::new();
    let post = |event, age: Duration| {
        let sent_at = instance.fake.now().before(age).0;
        let meta = json!({"deliveredAt": sent_at, "mode": "TEST"});
        instance.post(sign(event_with(event, meta)))
    };
    assert_eq!(outcome(&post("just", 48 * HOUR)), has(200, "stored"));
    let late = post("late", 48 * HOUR + Duration::from_millis(1));
    assert_eq!(outcome(&late), has(401, "STALE_DELIVERY"));
    assert_eq!(late.headers()["www-authenticate"], "SC-Signature");
    assert_eq!(instance.stored(), 1);
    assert_eq!(
        instance.tallies(),
        [
            ("refused/STALE_DELIVERY//TEST".to_owned(), 1),
            ("stored/token 0/VEHICLE_STATE/TEST".to_owned(), 1),
        ]
    );
}

#[test]
fn delivery_from_the_future_is_stored_and_noted() {
    let instance = Instance::new();
    let post = |event, ahead: Duration| {
        let sent_at = instance.fake.now().after(ahead).0;
        instance.post(sign(event_with(event, json!({"deliveredAt": sent_at}))))
    };
    assert_eq!(outcome(&post("a", SKEW)), has(200, "stored"));
    let later = SKEW + Duration::from_millis(1);
    assert_eq!(outcome(&post("b", later)), has(200, "stored"));
    assert_eq!(
        instance.tallies(),
        [
            ("noted/clock ahead//LIVE".to_owned(), 1),
            ("stored/token 0/VEHICLE_STATE/LIVE".to_owned(), 2),
        ]
    );
}

#[test]
fn delivery_of_an_impossible_time_is_stored_and_noted() {
    let instance = Instance::new();
    let now = instance.fake.now().0;
    let post = |event, sent_at: i64| {
        instance.post(sign(event_with(event, json!({"deliveredAt": sent_at}))))
    };
    // In seconds, as one page of Smartcar's has it.
    assert_eq!(outcome(&post("seconds", now / 1000)), has(200, "stored"));
    let late = post("late", now / 1000 - 49 * 3600);
    assert_eq!(outcome(&late), has(401, "STALE_DELIVERY"));
    // Of 1970, and of a clock that was never set.
    assert_eq!(outcome(&post("odd", 7)), has(200, "stored"));
    assert_eq!(outcome(&post("unset", 946_684_800_000)), has(200, "stored"));
    let counted = [
        ("noted/impossible time//LIVE".to_owned(), 2),
        ("refused/STALE_DELIVERY//LIVE".to_owned(), 1),
        ("stored/token 0/VEHICLE_STATE/LIVE".to_owned(), 3),
    ];
    assert_eq!(instance.tallies(), counted);
}

#[test]
fn delivery_is_logged_with_its_application_and_without_its_user() {
    let instance = Instance::new();
    let meta = json!({"applicationId": "app_1", "sequence": 7});
    instance.post(sign(event_with("e-1", meta)));
    let line = &instance.fake.lines_about("delivery")[0];
    assert_eq!(line["application_id"], "app_1");
}

#[test]
fn delivery_that_cannot_be_read_is_known_by_its_bytes() {
    let instance = Instance::new();
    // printf '%s' 'not json' | openssl dgst -sha256 -hmac example-token
    let signature = "27e6d4127617502302c4e77d9d4f133219e9c4ba2c79523504d75b68a35f10da";
    let answers = [(); 2].map(|()| instance.post(with(post("not json"), signature)));
    assert_eq!(outcome(&answers[0]), has(200, "stored"));
    assert_eq!(outcome(&answers[1]), has(200, "duplicate"));
    let lines = instance.fake.lines_about("delivery");
    // printf '%s' 'not json' | openssl dgst -sha256
    assert_eq!(
        lines[0]["event_id"],
        "sha256:7ccfa1fbf3940e6f0c0375d87c0f9235a50514e14cb427bdfaf5077987b26ccf"
    );
    assert_eq!(lines[0]["event_type"], "UNKNOWN");
}

#[test]
fn delivery_leaves_a_line_without_where_the_car_is() {
    let instance = Instance::new();
    let body = json!({
        "eventId": "e".repeat(200), "eventType": "VEHICLE_STATE", "vehicleId": "v-1",
        "data": {
            "user": {"id": "user-of-the-car"},
            "vehicle": {"id": "v-1", "make": "TESLA"},
            "signals": [
                {"code": "vehicleidentification-vin", "body": {"value": "5YJ3E1EA7KF317000"}},
                {"code": "location-preciselocation",
                    "body": {"latitude": 48.137154, "longitude": 11.576124}},
            ],
        },
        "meta": {"mode": "LIVE"},
    });
    instance.post(sign(body.to_string()));
    let lines = instance.fake.lines();
    assert_eq!(
        lines,
        [format!(
            "{{\"at\":1700000000000,\"level\":\"info\",\"event\":\"delivery\",\
             \"outcome\":\"stored\",\"event_id\":\"{}\",\"event_type\":\"VEHICLE_STATE\",\
             \"vehicle_id\":\"v-1\",\"token\":0,\"micros\":0}}",
            "e".repeat(128)
        )]
    );
}

#[test]
fn delivery_takes_as_long_as_its_line_says() {
    let instance = Instance::opened();
    let (parts, body) = signed("slow").into_parts();
    let fake = instance.fake.clone();
    let slow = async {
        fake.sleep(Duration::from_micros(2500)).await;
        Ok(Bytes::from(body))
    };
    instance.fake.run(instance.receiver.answer(&parts, slow));
    assert_eq!(instance.fake.lines_about("delivery")[1]["micros"], 2500);
}

#[test]
fn verify_is_answered_with_the_hmac_of_openssl() {
    let instance = Instance::new();
    let verify = r#"{"eventType":"VERIFY","data":{"challenge":"01234567"}}"#;
    let answer = instance.post(post(verify));
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    // printf '%s' 01234567 | openssl dgst -sha256 -hmac example-token
    let proof = "1d8d6a4c4895003bb239daecba1b8654bcdebd8515a94e454938222dedcff8d2";
    assert_eq!(answer.body(), &format!(r#"{{"challenge":"{proof}"}}"#));
    for _ in 0..5 {
        instance.post(post(verify));
    }
    assert_eq!(instance.fake.lines_about("verify").len(), 1);
    instance.fake.advance(60 * SECOND);
    instance.post(post(verify));
    assert_eq!(instance.fake.lines_about("verify").len(), 2);
    assert_eq!(instance.stored(), 0);
    assert_eq!(instance.tallies(), [("verify//VERIFY/LIVE".to_owned(), 7)]);
}

#[test]
fn verify_with_an_unsafe_challenge_is_not_answered() {
    let instance = Instance::new();
    let verify = r#"{"eventType":"VERIFY","data":{"challenge":"{}"}}"#;
    let answer = instance.post(post(verify));
    assert_eq!(outcome(&answer), has(400, "INVALID_CHALLENGE"));
    assert!(!answer.headers().contains_key("www-authenticate"));
    assert_eq!(
        instance.tallies(),
        [("refused/INVALID_CHALLENGE//LIVE".to_owned(), 1)]
    );
}

#[test]
fn verify_may_have_to_be_signed() {
    let instance = Instance::new();
    instance.fake.set_variable("require_signed_verify", "true");
    let verify = r#"{"eventType":"VERIFY","data":{"challenge":"01234567"}}"#;
    let unsigned = instance.post(post(verify));
    assert_eq!(outcome(&unsigned), has(401, "SIGNATURE_MISSING"));
    assert_eq!(instance.post(sign(verify)).status(), 200);
}

#[test]
fn receiver_without_a_token_says_so_once_a_minute_until_there_is_one() {
    let instance = Instance::bare();
    let answers: Vec<_> = (0..3).map(|_| instance.post(signed("e"))).collect();
    for answer in &answers {
        assert_eq!(outcome(answer), has(503, "NOT_CONFIGURED"));
        assert_eq!(answer.headers()["retry-after"], "25");
    }
    let lines = instance.fake.lines_about("not_configured");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["level"], "error");
    let reason = lines[0]["reason"].as_str().unwrap();
    assert!(reason.contains("management_tokens"), "{reason}");
    instance.fake.advance(60 * SECOND);
    instance.post(signed("e"));
    assert_eq!(instance.fake.lines_about("not_configured").len(), 2);

    let configured = Instance::new();
    for name in [
        "require_signed_verify",
        "max_delivery_age",
        "retention_days",
        "management_tokens",
    ] {
        let value = configured.fake.given_variable(name).unwrap();
        assert_eq!(outcome(&instance.post(signed("e"))).0, 503);
        instance.fake.set_variable(name, &value);
    }
    assert_eq!(outcome(&instance.post(signed("e"))), has(200, "stored"));
}

#[test]
fn delivery_that_cannot_be_stored_is_not_acknowledged() {
    let instance = Instance::opened();
    let broken = StoreError::Unavailable("disk I/O error".to_owned());
    instance.database.fail_write(0, broken);
    let answer = instance.post(signed("e"));
    assert_eq!(outcome(&answer), has(503, "STORE_UNAVAILABLE"));
    assert_eq!(answer.headers()["retry-after"], "25");
    let lines = instance.fake.lines_about("delivery");
    assert_eq!(lines[1]["level"], "error");
    assert_eq!(lines[1]["outcome"], "failed");
    assert_eq!(lines[1]["error"], "database: disk I/O error");
    let nudged = instance.fake.requests_to("/nudge");
    assert_eq!(nudged, 1, "for the first one");
    assert_eq!(instance.stored(), 1);
    let failed = "failed/token 0/VEHICLE_STATE/LIVE".to_owned();
    assert!(instance.tallies().contains(&(failed, 1)));
    // Smartcar sends it again.
    assert_eq!(outcome(&instance.post(signed("e"))), has(200, "stored"));
}

#[test]
fn failure_of_the_nth_write_costs_no_acknowledged_delivery() {
    // A lock has the deliveries wait for each other, and counts as writes too.
    for nth in 0..20 {
        let instance = Instance::opened();
        let broken = StoreError::Unavailable("disk I/O error".to_owned());
        instance.lock(SECOND / 50);
        instance.database.fail_write(nth, broken);
        let mut answers = instance.posts(numbered(6));
        answers.extend(instance.posts(numbered(6)));
        let acknowledged = answers[..6].iter().filter(|answer| answer.status() == 200);
        let acknowledged = acknowledged.count();
        assert!(acknowledged >= 5, "{nth}: {:?}", outcomes(&answers));
        let duplicates = answers[6..].iter();
        let duplicates = duplicates.filter(|answer| outcome(answer) == has(200, "duplicate"));
        assert_eq!(duplicates.count(), acknowledged, "{nth}");
        assert_eq!(instance.stored(), 7, "{nth}");
    }
}

#[test]
fn delivery_that_comes_twice_at_once_is_stored_once() {
    let instance = Instance::new();
    let answers = instance.posts((0..20).map(|_| signed("same")));
    let outcomes = outcomes(&answers);
    assert_eq!(outcomes[0], has(200, "stored"));
    let duplicate = has(200, "duplicate");
    assert!(outcomes[1..].iter().all(|outcome| *outcome == duplicate));
    assert_eq!(instance.stored(), 1);
}

#[test]
fn lock_that_someone_else_holds_for_a_while_costs_nothing() {
    let instance = Instance::opened();
    instance.lock(SECOND);
    let began = instance.fake.passed();
    let (answers, waited) = instance.fake.run(async {
        let answers = numbered(3).into_iter();
        let answers = join_all(answers.map(|request| instance.answer(request))).await;
        (answers, instance.fake.passed() - began)
    });
    let stored = has(200, "stored");
    assert!(outcomes(&answers).iter().all(|outcome| *outcome == stored));
    assert!(waited >= SECOND && waited < SECOND + SECOND / 10);
    assert_eq!(instance.stored(), 4);
}

#[test]
fn lock_that_someone_else_holds_for_long_refuses_after_five_seconds() {
    let instance = Instance::opened();
    instance.lock(8 * SECOND);
    let began = instance.fake.passed();
    let (answers, waited) = instance.fake.run(async {
        let answers = numbered(3).into_iter();
        let answers = join_all(answers.map(|request| instance.answer(request))).await;
        (answers, instance.fake.passed() - began)
    });
    let refused = has(503, "STORE_UNAVAILABLE");
    assert!(outcomes(&answers).iter().all(|outcome| *outcome == refused));
    assert!(waited >= 5 * SECOND && waited < 6 * SECOND, "{waited:?}");
    let lines = instance.fake.lines_about("delivery");
    assert_eq!(lines[1]["error"], "the database is locked");
    assert_eq!(instance.stored(), 1);
    // What is sent again finds no trace of it.
    let again = instance.posts(numbered(3));
    let stored = has(200, "stored");
    assert!(outcomes(&again).iter().all(|outcome| *outcome == stored));
}

#[test]
fn client_that_leaves_while_it_writes_for_others_strands_none() {
    let instance = Instance::opened();
    instance.lock(SECOND);
    let answers = instance.fake.run(async {
        let mut leader = Box::pin(instance.answer(signed("leader")));
        let mut other = Box::pin(instance.answer(signed("other")));
        assert!(poll_immediate(&mut leader).await.is_none());
        assert!(poll_immediate(&mut other).await.is_none());
        drop(leader);
        join_all([other, Box::pin(instance.answer(signed("later")))]).await
    });
    let stored = has(200, "stored");
    assert_eq!(outcomes(&answers), [stored.clone(), stored]);
}

#[test]
fn relay_is_nudged_for_what_is_new() {
    let instance = Instance::new();
    instance.post(signed("e"));
    assert_eq!(instance.fake.requests_to("/nudge"), 1);
    instance.post(signed("e"));
    assert_eq!(instance.fake.requests_to("/nudge"), 1);
    instance.post(signed("other"));
    assert_eq!(instance.fake.requests_to("/nudge"), 2);
}

#[test]
fn delivery_is_forgotten_after_the_retention_when_others_come() {
    let instance = Instance::new();
    instance.posts(numbered(5));
    instance.fake.advance(7 * 24 * HOUR - 60 * SECOND);
    instance.post(signed("later"));
    assert_eq!(instance.stored(), 6);
    instance.fake.advance(120 * SECOND);
    instance.post(signed("last"));
    assert_eq!(instance.stored(), 2);
}

#[test]
fn sweep_that_fails_leaves_a_line_and_refuses_nothing() {
    let instance = Instance::opened();
    instance.fake.advance(8 * 24 * HOUR);
    // The delivery, and then what moves the sweep on.
    let broken = StoreError::Unavailable("disk I/O error".to_owned());
    instance.database.fail_write(1, broken);
    assert_eq!(outcome(&instance.post(signed("e"))), has(200, "stored"));
    let lines = instance.fake.lines_about("sweep");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["error"], "database: disk I/O error");
}

#[test]
fn longest_delivery_is_stored() {
    let instance = Instance::new();
    let body = event_with("e", json!({"x": ""}));
    let padding = "x".repeat(MAX_BODY - body.len());
    let body = event_with("e", json!({"x": padding}));
    assert_eq!(body.len(), MAX_BODY);
    assert_eq!(outcome(&instance.post(sign(body))), has(200, "stored"));
}
