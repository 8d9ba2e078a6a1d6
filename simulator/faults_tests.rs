//! What a client sees of faults that are about the body and the token, over real
//! sockets. A wait of an hour stands for one that the test does not see the end of.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::{Config, FIRST_USER, FIRST_VEHICLE, testing::Running};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const LOCK: &str = "/v3/vehicles/{vehicleId}/commands/security/lock";
const CONNECTIONS: &str = "/v3/connections";
const HOUR: u64 = 3_600_000;
const BODY: &str = r#"{"data":"of a length"}"#;

async fn set(simulator: &Running, fault: Value) {
    let set = simulator.control("PUT", "/faults", json!([fault])).await;
    assert_eq!(set.status, 200, "{}", set.text);
    assert_eq!(set.json()[0]["route"], fault["route"]);
}

/// Sends the command to lock and gives the bytes of the answer to read.
async fn lock(simulator: &Running, vehicle: &str) -> TcpStream {
    let bearer = simulator.bearer().await;
    let path = LOCK.replace("{vehicleId}", vehicle);
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: s\r\nAuthorization: {bearer}\r\n\
         SC-User-Id: {FIRST_USER}\r\nConnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads until the text ends so, or until the connection is closed.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.ends_with(end) {
            match stream.read_u8().await {
                Ok(byte) => text.push(byte.into()),
                Err(_) => return,
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), reading).await;
    assert!(in_time.is_ok(), "{text}");
    text
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    read_until(stream, "\0").await
}

#[tokio::test]
async fn page_of_a_proxy_is_html() {
    let simulator = Running::start(Config::default()).await;
    let page = "<html><h1>Bad gateway</h1></html>";
    let headers = json!({ "Content-Type": "text/html" });
    let fault = json!({ "route": CONNECTIONS, "status": 502, "headers": headers, "body": page });
    set(&simulator, fault).await;
    let answer = simulator.v3("GET", CONNECTIONS, "").await;
    assert_eq!((answer.status, answer.text.as_str()), (502, page));
    assert_eq!(answer.headers["content-type"], "text/html");
}

#[tokio::test]
async fn slow_body_is_whole_in_the_end() {
    let simulator = Running::start(Config::default()).await;
    let whole = simulator.v3("GET", CONNECTIONS, "").await;
    set(
        &simulator,
        json!({ "route": CONNECTIONS, "pieces": 7, "pauseMs": 1 }),
    )
    .await;
    let slow = simulator.v3("GET", CONNECTIONS, "").await;
    assert_eq!(slow.json(), whole.json());
    let length = slow.text.len().to_string();
    assert_eq!(slow.headers["content-length"], length.as_str());
}

#[tokio::test]
async fn slow_body_comes_in_pieces() {
    let simulator = Running::start(Config::default()).await;
    let fault = json!({ "route": LOCK, "body": BODY, "pieces": 2, "pauseMs": HOUR });
    set(&simulator, fault).await;
    let mut stream = lock(&simulator, FIRST_VEHICLE).await;
    let text = read_until(&mut stream, &BODY[..BODY.len() / 2]).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    let more = tokio::time::timeout(Duration::from_millis(50), stream.read_u8());
    assert!(more.await.is_err());
}

#[tokio::test]
async fn cut_body_ends_before_its_promised_length() {
    let simulator = Running::start(Config::default()).await;
    let fault = json!({ "route": LOCK, "body": BODY, "cutAfterBytes": 9 });
    set(&simulator, fault).await;
    let mut stream = lock(&simulator, FIRST_VEHICLE).await;
    let text = read_to_end(&mut stream).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = format!("content-length: {}", BODY.len());
    assert!(head.lines().any(|line| line == length), "{head}");
    assert_eq!(body, &BODY[..9]);

    let fault = json!({ "route": "/v3/users/{userId}", "cutAfterBytes": 0 });
    set(&simulator, fault).await;
    let bearer = simulator.bearer().await;
    let headers = [("authorization", bearer.as_str())];
    let user = format!("/v3/users/{FIRST_USER}");
    let request = simulator.request("DELETE", &user, &headers, "");
    assert!(simulator.call(request).await.is_err());
}

#[tokio::test]
async fn long_command_sends_its_headers_at_once() {
    let simulator = Running::start(Config::default()).await;
    let keep_open = json!({ "status": 202, "afterMs": HOUR });
    set(&simulator, json!({ "route": LOCK, "keepOpen": keep_open })).await;
    let mut stream = lock(&simulator, FIRST_VEHICLE).await;
    let head = read_until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 202 Accepted\r\n"), "{head}");
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    let fleet = simulator.control("GET", "/vehicles", Value::Null).await;
    assert_eq!(fleet.json()[0]["state"]["isLocked"], true);
}

#[tokio::test]
async fn result_of_a_long_command_follows_whatever_it_is() {
    let simulator = Running::start(Config::default()).await;
    let keep_open = json!({ "afterMs": 1 });
    set(&simulator, json!({ "route": LOCK, "keepOpen": keep_open })).await;
    let answer = simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(!answer.headers.contains_key("content-length"));
    let execution = &answer.json()["data"]["attributes"];
    assert_eq!(execution["commandType"], "security-lock");

    let answer = simulator.command("none", "security/lock", "").await;
    assert_eq!(answer.status, 202);
    let error = &answer.json()["errors"][0];
    assert_eq!(error["code"], "VEHICLE_NOT_FOUND");
    assert_eq!(
        error["meta"]["debug"]["requestId"],
        answer.headers["sc-request-id"].to_str().unwrap()
    );

    let fault = json!({ "route": LOCK, "body": BODY, "keepOpen": keep_open });
    set(&simulator, fault).await;
    let answer = simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    assert_eq!((answer.status, answer.text.as_str()), (202, BODY));
    let requests = simulator.control("GET", "/requests", Value::Null).await;
    let counted = json!({ "method": "POST", "route": LOCK, "status": 202, "count": 3 });
    assert_eq!(requests.json()["routes"][1], counted);
}

#[tokio::test]
async fn long_command_can_lose_its_result() {
    let simulator = Running::start(Config::default()).await;
    let keep_open = json!({ "afterMs": 1 });
    let fault = json!({ "route": LOCK, "keepOpen": keep_open, "cutAfterBytes": 0 });
    set(&simulator, fault).await;
    let mut stream = lock(&simulator, FIRST_VEHICLE).await;
    let text = read_to_end(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 202 Accepted\r\n"), "{text}");
    // Not even the chunk that would say that the body is over.
    assert!(text.ends_with("\r\n\r\n"), "{text}");
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn token_can_be_revoked_while_it_is_on_its_way() {
    let simulator = Running::start(Config::default()).await;
    let fault = json!({ "route": LOCK, "revokeTokens": true, "times": 1 });
    set(&simulator, fault).await;
    let bearer = simulator.bearer().await;
    let headers = [
        ("authorization", bearer.as_str()),
        ("sc-user-id", FIRST_USER),
    ];
    let path = LOCK.replace("{vehicleId}", FIRST_VEHICLE);
    assert_eq!(
        simulator.ask("GET", CONNECTIONS, &headers, "").await.status,
        200
    );
    for _ in 0..2 {
        let answer = simulator.ask("POST", &path, &headers, "").await;
        assert_eq!(answer.refusal().2, "UNAUTHORIZED");
    }
    let fleet = simulator.control("GET", "/vehicles", Value::Null).await;
    assert_eq!(fleet.json()[0]["state"]["isLocked"], false);
    let answer = simulator.command(FIRST_VEHICLE, "security/lock", "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn faults_are_set_and_requests_counted_on_every_route() {
    let simulator = Running::start(Config::default()).await;
    let routes = crate::paths::TEMPLATES;
    let faults: Vec<Value> = routes
        .iter()
        .map(|route| json!({ "route": route, "method": "PATCH", "status": 418 }))
        .collect();
    let set = simulator.control("PUT", "/faults", json!(faults)).await;
    assert_eq!(set.status, 200, "{}", set.text);
    for route in routes {
        let path = route.replace(['{', '}'], "");
        let answer = simulator.ask("PATCH", &path, &[], "").await;
        assert_eq!(answer.status, 418, "{route}");
    }
    let requests = simulator.control("GET", "/requests", Value::Null).await;
    let counted: Vec<Value> = requests.json()["routes"].as_array().unwrap().clone();
    assert_eq!(counted.len(), routes.len());
}
