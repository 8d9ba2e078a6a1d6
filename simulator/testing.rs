//! A running simulator and a receiver for it, for tests over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::{
    CLIENT_ID, CLIENT_SECRET, Config, FIRST_USER, MANAGEMENT_TOKEN, lock::lock, server::Server,
    signature::sign,
};
use axum::{Router, body::Body, extract::State, response::Response, routing::post};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, Error},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

/// A simulator on a free port.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// Status, type and code of a refusal, after checking its request id.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let body = self.json();
        let error = &body["errors"][0];
        assert_eq!(error["status"], self.status.to_string());
        assert_eq!(
            error["meta"]["debug"]["requestId"],
            self.headers["sc-request-id"].to_str().unwrap()
        );
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (self.status, text("type"), text("code"))
    }
}

impl Running {
    pub(crate) async fn start(config: Config) -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::bind(Config { listen, ..config }).await.unwrap();
        let address = server.address();
        tokio::spawn(server.run());
        Self { address }
    }

    /// A simulator that delivers to `receiver`, with almost no wait between attempts.
    pub(crate) async fn delivering_to(receiver: &Receiver) -> Self {
        Self::start(Config {
            deliver_to: Some(receiver.callback().parse().unwrap()),
            retry_scale: 0.0001,
            ..Config::default()
        })
        .await
    }

    pub(crate) async fn call(&self, request: Request<Full<Bytes>>) -> Result<Answer, Error> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (parts, body) = client.request(request).await?.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        })
    }

    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::from(body.to_owned())).unwrap()
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let request = self.request(method, path, headers, body);
        self.call(request).await.unwrap()
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = body.to_string();
        self.ask(method, &format!("/_simulator{path}"), &[], &body)
            .await
    }

    /// An `Authorization` value with a fresh token.
    pub(crate) async fn bearer(&self) -> String {
        let body = format!(
            "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}"
        );
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.ask("POST", "/oauth2/token", &form, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        format!("Bearer {}", answer.json()["access_token"].as_str().unwrap())
    }

    /// Asks with a fresh token, as [`FIRST_USER`].
    pub(crate) async fn as_first_user(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = self.bearer().await;
        let headers = [
            ("authorization", bearer.as_str()),
            ("sc-user-id", FIRST_USER),
        ];
        self.ask(method, path, &headers, body).await
    }

    /// Asks with a fresh token and for no user.
    pub(crate) async fn v3(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = self.bearer().await;
        let headers = [("authorization", bearer.as_str())];
        self.ask(method, path, &headers, body).await
    }

    /// Runs a command as [`FIRST_USER`].
    pub(crate) async fn command(&self, vehicle: &str, command: &str, body: &str) -> Answer {
        let path = format!("/v3/vehicles/{vehicle}/commands/{command}");
        self.as_first_user("POST", &path, body).await
    }

    /// Waits until `GET /_simulator/deliveries` shows what is looked for.
    pub(crate) async fn deliveries_until(&self, found: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        for _ in 0..500 {
            let answer = self.control("GET", "/deliveries", Value::Null).await;
            let deliveries = answer.json().as_array().unwrap().clone();
            if found(&deliveries) {
                return deliveries;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the deliveries never were as expected");
    }
}

/// What a receiver was sent.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A refusal as [`Answer::refusal`] answers it.
pub(crate) fn refused(status: u16, kind: &str, code: &str) -> (u16, String, String) {
    (status, kind.to_owned(), code.to_owned())
}

/// A receiver that notes everything, answers VERIFY, and else answers with the
/// given statuses in turn, then 200.
#[derive(Clone)]
pub(crate) struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    statuses: Arc<Mutex<Vec<u16>>>,
    management_token: &'static str,
}

impl Receiver {
    pub(crate) async fn start(statuses: &[u16]) -> Self {
        Self::knowing(MANAGEMENT_TOKEN, statuses).await
    }

    pub(crate) async fn knowing(management_token: &'static str, statuses: &[u16]) -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = tokio::net::TcpListener::bind(any_port).await.unwrap();
        let mut statuses = statuses.to_vec();
        statuses.reverse();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
            statuses: Arc::new(Mutex::new(statuses)),
            management_token,
        };
        let router = Router::new()
            .route("/webhooks", post(receive))
            .with_state(receiver.clone());
        tokio::spawn(crate::server::serve_all(listener, router));
        receiver
    }

    pub(crate) fn callback(&self) -> String {
        format!("http://{}/webhooks", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        lock(&self.received).clone()
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let received = Received { headers, body };
    let event = received.json();
    lock(&receiver.received).push(received);
    let status = lock(&receiver.statuses).pop().unwrap_or(200);
    let challenge = event["data"]["challenge"].as_str().unwrap_or_default();
    let proof = sign(receiver.management_token, challenge.as_bytes());
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", "application/json")
        .body(Body::from(json!({ "challenge": proof }).to_string()))
        .unwrap()
}
