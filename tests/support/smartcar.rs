//! Smartcar's double, as a test sees it.

use crate::{
    client::{Answer, send, try_send},
    eventually,
    process::{Process, free_address, repository},
};
use serde_json::{Value, json};
use std::process::Command;

/// A running simulator.
pub struct Smartcar {
    process: Option<Process>,
    past: String,
    address: String,
}

impl Smartcar {
    /// Starts one with these flags on top of its defaults. Failed deliveries are
    /// tried again after milliseconds instead of seconds.
    pub fn start(flags: &[&str]) -> Self {
        // Between finding a free port and taking it, someone else can.
        (0..3)
            .find_map(|_| Self::try_start(flags).ok())
            .expect("the simulator ended three times")
    }

    fn try_start(flags: &[&str]) -> Result<Self, String> {
        let address = free_address();
        let mut command = Command::new(repository().join("target/debug/smartcar-simulator"));
        command
            .args(["--listen", &address, "--retry-scale", "0.01"])
            .args(flags);
        let mut process = Process::start(&mut command);
        eventually("the simulator answers", || {
            if process.has_ended() {
                return Some(Err(process.said()));
            }
            let url = format!("http://{address}/_simulator/vehicles");
            let answer = try_send("GET", &url, &[], b"").ok()?;
            (answer.status == 200).then_some(Ok(()))
        })?;
        Ok(Self {
            process: Some(process),
            past: String::new(),
            address,
        })
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything it printed.
    pub fn said(&self) -> String {
        self.past.clone() + &self.process.as_ref().map(Process::said).unwrap_or_default()
    }

    /// Makes it unreachable for good.
    pub fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
            self.past += &process.said();
        }
    }

    /// A control request that succeeds.
    pub fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/_simulator{path}", self.origin());
        let (headers, body) = match body {
            Value::Null => (&[][..], Vec::new()),
            body => (
                &[("content-type", "application/json")][..],
                body.to_string().into_bytes(),
            ),
        };
        let answer: Answer = send(method, &url, headers, &body);
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
        serde_json::from_str(&answer.body).unwrap_or(Value::Null)
    }

    /// Sends deliveries to this URL from now on.
    pub fn deliver_to(&self, url: &str) {
        self.control("PUT", "/webhook", &json!({ "callbackUri": url }));
    }

    /// Reads something under its own API, with a token of its own.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            simulator::CLIENT_ID,
            simulator::CLIENT_SECRET
        );
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let url = format!("{}/oauth2/token", self.origin());
        let token = send("POST", &url, &kind, form.as_bytes()).json();
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let headers = [headers, &[("authorization", bearer.as_str())]].concat();
        send("GET", &format!("{}{path}", self.origin()), &headers, b"")
    }

    /// How many requests it answered on routes that contain `route`, with `status`.
    pub fn count(&self, route: &str, status: u16) -> u64 {
        let requests = self.control("GET", "/requests", &Value::Null);
        let routes = requests["routes"].as_array().unwrap();
        routes
            .iter()
            .filter(|r| r["route"].as_str().unwrap().contains(route) && r["status"] == status)
            .map(|r| r["count"].as_u64().unwrap())
            .sum()
    }

    /// Makes the next request to `route` fail as `fault` says.
    pub fn fault(&self, route: &str, mut fault: Value) {
        fault["route"] = route.into();
        self.control("PUT", "/faults", &json!([fault]));
    }

    /// Waits until every event has been delivered, and returns them.
    pub fn delivered(&self, events: usize) -> Vec<Value> {
        eventually("the events are delivered", || {
            let deliveries = self.control("GET", "/deliveries", &Value::Null);
            let deliveries = deliveries.as_array().unwrap().clone();
            let done = deliveries
                .iter()
                .filter(|d| d["state"] == "delivered")
                .count();
            (done == events && deliveries.len() == events).then_some(deliveries)
        })
    }
}
