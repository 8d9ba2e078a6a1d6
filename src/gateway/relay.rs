//! Having the relay pass on what is due, when no delivery does.

use crate::{answer::hand_on, callers::Caller};
use bytes::Bytes;
use edge::{Host, Response, respond::Problem};
use http::StatusCode;
use smartcar::{Http, Spawn};
use std::time::Duration;

const RELAY: &str = "http://relay.spin.internal/run";

/// A run takes events for 30 seconds, and a sink has 45 for the last of them.
const DEADLINE: Duration = Duration::from_secs(80);

/// Runs the relay, and tells what it did.
pub(crate) async fn run(caller: &Caller) -> Result<Response, Problem> {
    caller.require("run_relay")?;
    let answer = send().await.ok_or_else(|| {
        let detail = "the relay gave no answer: it may be running all the same";
        let status = StatusCode::BAD_GATEWAY;
        Problem::new(status, "RELAY_UNREACHABLE", detail).retry_after(30)
    })?;
    let (parts, body) = answer.into_parts();
    Ok(hand_on(smartcar::Response {
        status: parts.status,
        headers: parts.headers,
        body,
    }))
}

/// Runs the relay after the answer.
pub(crate) fn soon() {
    Host.spawn(async {
        send().await;
    });
}

async fn send() -> Option<http::Response<Bytes>> {
    let request = http::Request::post(RELAY).body(Bytes::new()).ok()?;
    Host.send(request, DEADLINE).await.ok()
}
