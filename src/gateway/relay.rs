//! Having the relay pass on what is due, when no delivery does.

use crate::{actions, answer::hand_on, app::App, callers::Caller, database::Store};
use bytes::Bytes;
use edge::{
    Platform, Response,
    respond::{Code, Problem},
};
use http::StatusCode;
use serde::Deserialize;
use smartcar::Http;
use std::time::Duration;

const RELAY: &str = "http://relay.spin.internal/run";

/// A run takes events for 30 seconds, and a sink has 45 for the last of them.
const DEADLINE: Duration = Duration::from_secs(80);

/// Runs the relay, and tells what it did.
pub(crate) async fn run<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
) -> Result<Response, Problem> {
    caller.require("run_relay")?;
    let work = async {
        let answer = send(app.platform()).await.ok_or_else(|| {
            let detail = "the relay gave no answer: it may be running all the same";
            Problem::new(Code::RelayUnreachable, detail).retry_after(30)
        })?;
        let (parts, body) = answer.into_parts();
        Ok(hand_on(smartcar::Response {
            status: parts.status,
            headers: parts.headers,
            body,
        }))
    };
    actions::recorded(app, caller, "run-relay", "/run", work, was_idle).await
}

/// What the relay says of a run.
#[derive(Deserialize)]
struct Report {
    delivered: u64,
    kept: u64,
    dead: u64,
}

/// A scheduler asks every minute: a run that found nothing due is no event.
fn was_idle(response: &Response) -> bool {
    response.status() == StatusCode::OK
        && serde_json::from_slice(response.body())
            .is_ok_and(|report: Report| report.delivered + report.kept + report.dead == 0)
}

/// Runs the relay after the answer.
pub(crate) fn soon<P: Platform, S: Store>(app: &App<P, S>) {
    let platform = app.platform();
    platform.spawn(async {
        send(platform).await;
    });
}

async fn send(platform: &impl Http) -> Option<http::Response<Bytes>> {
    let request = http::Request::post(RELAY).body(Bytes::new()).ok()?;
    platform.send(request, DEADLINE).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge::respond;

    #[test]
    fn run_without_anything_due_is_idle() {
        let of = |status, body: &'static str| was_idle(&respond::json(status, body));
        let idle = r#"{"sinks":2,"delivered":0,"kept":0,"dead":0,"more":1}"#;
        assert!(of(StatusCode::OK, idle));
        for busy in [
            r#"{"sinks":2,"delivered":1,"kept":0,"dead":0}"#,
            r#"{"sinks":2,"delivered":0,"kept":1,"dead":0}"#,
            r#"{"sinks":2,"delivered":0,"kept":0,"dead":1}"#,
            "{}",
            "",
        ] {
            assert!(!of(StatusCode::OK, busy), "{busy}");
        }
        assert!(!of(StatusCode::SERVICE_UNAVAILABLE, idle));
    }
}
