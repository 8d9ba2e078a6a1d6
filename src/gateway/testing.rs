//! A gateway for tests: on the fake host, over SQLite itself.

use crate::{
    answer::{Reply, complete},
    app::{App, Gateway},
};
use bytes::Bytes;
use edge::Response;
use futures::StreamExt;
use http::{Request, StatusCode};
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest, Sha256};
use smartcar::{
    Clock, UserId, VehicleId,
    delivery::Mode,
    report::{Report, SignalReport},
    testing::Fake,
};
use std::time::Duration;
use store::{
    Deliveries, Schema, Vehicles,
    delivery::Delivery,
    sqlite::native::{Native, NativeStore},
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The name of the key that may do everything. The key of a name is `NAME-key`.
pub(crate) const ALL: &str = "all";

/// An instance of the gateway, and what it runs on.
pub(crate) struct Instance {
    pub(crate) fake: Fake,
    pub(crate) database: Native,
    gateway: &'static Gateway<Fake, NativeStore>,
}

/// An entry of the variable `api_keys`.
pub(crate) fn key(name: &str, scopes: &[&str]) -> Value {
    let hash = Sha256::digest(format!("{name}-key"));
    json!({"name": name, "sha256": hex::encode(hash), "scopes": scopes})
}

/// The same, restricted to vehicles or users.
pub(crate) fn restricted_key(name: &str, to: &str, ids: &[&str]) -> Value {
    let mut key = key(name, &["*"]);
    key[to] = json!(ids);
    key
}

impl Instance {
    /// An instance that has just begun, with one key for everything and an empty database.
    pub(crate) fn new() -> Self {
        Self::with_keys(&[])
    }

    /// The same with more keys.
    pub(crate) fn with_keys(keys: &[Value]) -> Self {
        let fake = Fake::new();
        for (name, value) in [
            ("smartcar_client_id", "client"),
            ("smartcar_client_secret", "secret"),
            ("smartcar_iam_origin", "https://iam.example.com"),
            ("smartcar_vehicle_origin", "https://vehicle.example.com"),
            (
                "smartcar_management_origin",
                "https://management.example.com",
            ),
            ("smartcar_compatibility_origin", "https://c.example.com"),
            ("smartcar_connect_origin", "https://connect.example.com"),
            ("smartcar_application_id", "app-1"),
            (
                "connect_redirect_uri",
                "https://edge.example.com/connect/callback",
            ),
            ("connect_mode", "live"),
            ("connect_return_url", ""),
            ("connect_requires_key", "false"),
            ("connect_lookups", "20"),
            ("webhook_id", ""),
            ("require_idempotency_key", "false"),
            ("command_deadline", "310"),
            ("run_without_key", "false"),
            ("doctor", "false"),
            ("signals_max_age", "300"),
            ("audit_retention_days", "365"),
            ("vehicle_request_ceiling", "0"),
        ] {
            fake.set_variable(name, value);
        }
        let instance = Self::on(&fake, &Native::new());
        instance.set_keys(keys);
        instance
    }

    /// Has the next instance know these keys, and the one for everything.
    pub(crate) fn set_keys(&self, keys: &[Value]) {
        let keys: Vec<Value> = [key(ALL, &["*"])].iter().chain(keys).cloned().collect();
        self.fake.set_variable("api_keys", &json!(keys).to_string());
    }

    fn on(fake: &Fake, database: &Native) -> Self {
        let store = database.store(fake);
        Self {
            fake: fake.clone(),
            database: database.clone(),
            gateway: Box::leak(Box::new(Gateway::new(fake.clone(), store, || None))),
        }
    }

    /// Another instance on the same host, which has kept nothing but what is stored.
    pub(crate) fn another(&self) -> Self {
        Self::on(&self.fake, &self.database)
    }

    /// The gateway, set up.
    pub(crate) fn app(&self) -> &'static App<Fake, NativeStore> {
        self.fake.run(self.gateway.app()).unwrap()
    }

    /// The store of the instance.
    pub(crate) fn store(&self) -> &'static NativeStore {
        self.app().store()
    }

    /// Has the owner of a vehicle known, as by a delivery.
    pub(crate) fn owner(&self, vehicle: &str, user: &str) {
        let (vehicle, user) = (VehicleId::parse(vehicle), UserId::parse(user));
        let (vehicle, user) = (vehicle.unwrap(), user.unwrap());
        let about = smartcar::VehicleAttributes::default();
        let store = self.store();
        let remembered = store.remember_vehicle(&vehicle, Some(&user), true, &about);
        self.fake.run(remembered).unwrap();
    }

    /// Delivers what a user's connection reports of a signal of a vehicle, as of now.
    pub(crate) fn report(&self, vehicle: &str, user: &str, code: &str, body: &Value) {
        let now = self.fake.now();
        let signal = RawValue::from_string(json!({"code": code, "body": body}).to_string());
        let signal = signal.unwrap();
        let mut report = Report::new(None, now);
        report.signals = SignalReport::read(&signal, now, now).into_iter().collect();
        let event_id = format!("e-{}", self.count("delivery"));
        let store = self.store();
        let prepared = store.prepare(&Delivery {
            event_id: &event_id,
            event_type: "VEHICLE_STATE",
            mode: Mode::Live,
            vehicle_id: Some(vehicle),
            user_id: Some(user),
            delivered_at: Some(now),
            received_at: now,
            body: b"{}",
            report: Some(&report),
        });
        self.fake.run(store.insert(&[&prepared])).unwrap();
    }

    /// What a request leads to before its body is read.
    pub(crate) async fn open(&self, request: Request<&str>) -> Reply {
        let (parts, body) = request.into_parts();
        let body = Bytes::from(body.to_owned());
        let answer = crate::answer(self.gateway, parts, Ok(body)).await;
        answer.unwrap_or_else(|problem| complete(problem.into()))
    }

    /// The answer to a request, read to its end; a body that broke off is cut there.
    pub(crate) async fn answer(&self, request: Request<&str>) -> Response {
        read(self.open(request).await).await
    }

    /// The answer to a request, once nothing goes on in the background either.
    pub(crate) fn send(&self, request: Request<&str>) -> Response {
        self.fake.run(self.answer(request))
    }

    /// The answer to a request by the key for everything.
    pub(crate) fn call(&self, method: &str, path: &str) -> Response {
        self.send(request(ALL, method, path))
    }

    /// The record of the action that an answer names, as `/v3/commands/{id}` has it.
    pub(crate) fn record(&self, answer: &Response) -> Value {
        let path = format!("/v3/commands/{}", action_id(answer));
        let record = self.call("GET", &path);
        assert_eq!(record.status(), StatusCode::OK);
        body(&record)["data"]["attributes"].clone()
    }

    /// How many rows of the database are stored, as [`Native::count`] has it.
    pub(crate) fn count(&self, rows: &str) -> i64 {
        self.fake.run(self.store().open()).unwrap();
        self.database.count(rows)
    }
}

/// Reads an answer to its end.
pub(crate) async fn read(answer: Reply) -> Response {
    match answer {
        Reply::Complete(response) => response,
        Reply::Streaming(response) => {
            let (parts, mut body) = response.into_parts();
            let mut read = Vec::new();
            while let Some(Ok(frame)) = body.next().await {
                read.extend_from_slice(frame.data_ref().unwrap());
            }
            Response::from_parts(parts, read.into())
        }
    }
}

/// A request with the key of that name.
pub(crate) fn request<'a>(key: &str, method: &str, path: &str) -> Request<&'a str> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {key}-key"));
    request.body("").unwrap()
}

/// A request with another header.
pub(crate) fn with<'a>(
    mut request: Request<&'a str>,
    header: (&'static str, &str),
) -> Request<&'a str> {
    let (name, value) = header;
    request.headers_mut().append(name, value.parse().unwrap());
    request
}

/// The body of an answer, read as JSON.
pub(crate) fn body(answer: &Response) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

/// The status of an answer and the code of the problem in it.
pub(crate) fn error(answer: &Response) -> (u16, String) {
    let code = body(answer)["errors"][0]["code"]
        .as_str()
        .map(str::to_owned);
    (answer.status().as_u16(), code.unwrap_or_default())
}

/// A problem of this gateway, as [`error`] reads it.
pub(crate) fn edge(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// The action that an answer names.
pub(crate) fn action_id(answer: &Response) -> String {
    let id = answer.headers()["edge-action-id"].to_str();
    id.unwrap().to_owned()
}
