//! HTTP, well formed and otherwise.

use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::OnceLock,
    time::Duration,
};
use ureq::{Agent, http};

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// What became of a delivery; empty where that is not said.
    pub fn outcome(&self) -> &str {
        let outcome = self.headers.get("edge-outcome");
        outcome.map_or("", |outcome| outcome.to_str().unwrap())
    }

    /// The id under which the gateway has recorded what was asked for.
    pub fn command_id(&self) -> String {
        self.headers["edge-action-id"].to_str().unwrap().to_owned()
    }

    /// Status, type and code of an error in Smartcar's shape.
    pub fn error(&self) -> (u16, String, String) {
        let json = self.json();
        let error = &json["errors"][0];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(text("status"), self.status.to_string(), "{self:?}");
        assert!(!text("detail").is_empty(), "{self:?}");
        (self.status, text("type"), text("code"))
    }
}

/// What [`Answer::error`] says of an error of the gateway's own.
pub fn edge(status: u16, code: &str) -> (u16, String, String) {
    (status, "EDGE".to_owned(), code.to_owned())
}

/// Where an answer comes from, which succeeds: the store or Smartcar.
///
/// # Panics
/// Where it does not succeed, or does not say so.
pub fn cache_status(answer: &Answer) -> &str {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.headers["cache-status"].to_str().unwrap()
}

fn agent() -> &'static Agent {
    static AGENT: OnceLock<Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            // A redirect is an answer like any other.
            .max_redirects(0)
            // A connection that outlives a restart would fail the next request.
            .max_idle_connections(0)
            .build()
            .into()
    })
}

/// Sends a request; an error where no answer comes.
///
/// # Errors
/// If nothing listens, or the answer cannot be read.
pub fn try_send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, ureq::Error> {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = agent().run(request.body(body).unwrap())?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.body_mut().read_to_string()?,
    })
}

/// Whether a URL is answered with 200.
pub fn answers(url: &str) -> bool {
    try_send("GET", url, &[], b"").is_ok_and(|answer| answer.status == 200)
}

/// Sends a request and gives back the answer's status and headers as soon as they
/// are there, and the body to be read from.
pub(crate) fn open(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
) -> (u16, http::HeaderMap, impl Read + use<>) {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = agent().run(request.body(&b""[..]).unwrap()).unwrap();
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), parts.headers, body.into_reader())
}

/// Sends a request anywhere. A redirect is not followed.
///
/// # Panics
/// Where no answer comes.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    try_send(method, url, headers, body).unwrap_or_else(|error| panic!("{method} {url}: {error}"))
}

/// Sends the parts one after the other on one connection, a pause between them,
/// and returns whatever comes back. For requests that a client would not make.
pub fn raw(address: &str, parts: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    for part in parts {
        // The other side may have answered and closed before everything was sent.
        if stream.write_all(part).is_err() {
            break;
        }
        if parts.len() > 1 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}
