//! Having the relay pass on what is due, when no delivery does.

use crate::{actions, answer::hand_on, app::App, callers::Caller, database::Store};
use bytes::Bytes;
use edge::{
    Platform, Response,
    respond::{Code, Problem},
};
use http::StatusCode;
use smartcar::Http;
use std::time::Duration;
use store::outbox::RunReport;

const RUN: &str = "http://relay.spin.internal/run";

/// The relay answers a nudge at once, and runs then.
const NUDGE: &str = "http://relay.spin.internal/nudge";

/// A run takes events for 30 seconds, and a sink has 45 for the last of them.
const DEADLINE: Duration = Duration::from_secs(80);

/// Runs the relay, and tells what it did.
pub(crate) async fn run<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
) -> Result<Response, Problem> {
    caller.require("run_relay")?;
    let work = async {
        let answer = send(app.platform(), RUN).await.ok_or_else(|| {
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

/// A scheduler asks every minute: a run that found nothing due is no event.
fn was_idle(response: &Response) -> bool {
    let report = serde_json::from_slice(response.body());
    let is_idle = |report: RunReport| report.delivered + report.kept + report.dead == 0;
    response.status() == StatusCode::OK && report.is_ok_and(is_idle)
}

/// Has the relay run after the answer.
pub(crate) fn soon<P: Platform, S: Store>(app: &App<P, S>) {
    let platform = app.platform();
    platform.spawn(async {
        send(platform, NUDGE).await;
    });
}

async fn send(platform: &impl Http, url: &str) -> Option<http::Response<Bytes>> {
    let request = http::Request::post(url).body(Bytes::new()).ok()?;
    platform.send(request, DEADLINE).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge::respond;
    use serde_json::json;

    #[test]
    fn run_without_anything_due_is_idle() {
        let of = |status, report: &RunReport| {
            was_idle(&respond::json(status, json!(report).to_string()))
        };
        let idle = RunReport {
            sinks: 2,
            ready: 1,
            ..RunReport::default()
        };
        assert!(of(StatusCode::OK, &idle));
        assert!(!of(StatusCode::SERVICE_UNAVAILABLE, &idle));
        for busy in [
            RunReport {
                delivered: 1,
                ..idle
            },
            RunReport { kept: 1, ..idle },
            RunReport { dead: 1, ..idle },
        ] {
            assert!(!of(StatusCode::OK, &busy), "{busy:?}");
        }
        for unreadable in ["{}", ""] {
            assert!(!was_idle(&respond::json(StatusCode::OK, unreadable)));
        }
    }
}
