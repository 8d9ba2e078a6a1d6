//! Having the relay pass on what is due, when no delivery does.

use crate::{access::callers::Caller, actions::local, answer::hand_on, app::App};
use bytes::Bytes;
use edge::{
    Platform, Response,
    respond::{Code, Problem},
};
use http::{HeaderValue, StatusCode, header};
use smartcar::Http;
use std::time::Duration;
use store::{Store, outbox::RunReport};

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
    local::run(app, caller, "run-relay", "/run", work, was_idle).await
}

/// A scheduler asks every minute: a run that found nothing due is no event.
fn was_idle(response: &Response) -> bool {
    let report = serde_json::from_slice(response.body());
    let is_idle = |report: RunReport| report.delivered + report.kept + report.dead == 0;
    response.status() == StatusCode::OK && report.is_ok_and(is_idle)
}

/// Runs the relay for whoever asks, but no more often than every 20 seconds. The answer says nothing.
pub(crate) async fn run_by_schedule<P: Platform, S: Store>(
    app: &App<P, S>,
) -> Result<Response, Problem> {
    if !app.runs_without_key() {
        return Err(routes::nothing_there());
    }
    let (cron, now) = (app.cron(), app.now());
    let is_due =
        cron.is_worth_asking(now) && app.note(cron.take(app.store(), now).await) == Some(true);
    if is_due {
        send(app.platform(), RUN).await;
    }
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
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
    use crate::app::CRON_EVERY;
    use crate::testing::{self, Instance, edge, error, key, request};
    use ::edge::respond;
    use serde_json::{Value, json};
    use smartcar::Sent;
    use store::StoreError;

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

    #[test]
    fn scheduler_without_a_key_runs_the_relay_every_twenty_seconds_at_most() {
        let instance = with_relay(200, "{}");
        let cron = |instance: &Instance| {
            let request = http::Request::get("/cron").body("").unwrap();
            instance.send(request)
        };
        // Unless the operator says so, there is no such path.
        assert_eq!(error(&cron(&instance)), edge(404, "PATH_NOT_FOUND"));
        instance.fake.set_variable("run_without_key", "true");
        let (one, other) = (instance.another(), instance.another());
        for instance in [&one, &other, &one] {
            let answer = cron(instance);
            assert_eq!((answer.status().as_u16(), answer.body().len()), (204, 0));
            assert_eq!(answer.headers()["cache-control"], "no-store");
        }
        assert_eq!(one.fake.requests_to("/run"), 1);
        one.fake.advance(CRON_EVERY);
        cron(&other);
        cron(&one);
        assert_eq!(one.fake.requests_to("/run"), 2);
    }

    #[test]
    fn scheduler_without_a_key_learns_of_no_failure() {
        let instance = with_relay(503, "{}");
        instance.fake.set_variable("run_without_key", "true");
        let cron = || instance.send(http::Request::get("/cron").body("").unwrap());
        assert_eq!(cron().status(), 204);
        instance.fake.advance(CRON_EVERY);
        instance.database.fail_write(0, StoreError::Full);
        assert_eq!(cron().status(), 204);
        assert_eq!(instance.fake.lines_about("store").len(), 1);
        assert_eq!(instance.fake.requests_to("/run"), 1);
        // A look changes nothing.
        let head = http::Request::head("/cron").body("").unwrap();
        assert_eq!(instance.send(head).status(), 405);
    }

    /// An instance whose relay answers a run so.
    fn with_relay(status: u16, body: &str) -> Instance {
        let instance = Instance::with_keys(&[key("reader", &["read_audit"])]);
        instance.fake.answer("/run", status, body);
        instance
    }

    /// The outcomes on the record.
    fn outcomes(instance: &Instance) -> Vec<Value> {
        let audit = testing::body(&instance.call("GET", "/v3/audit"));
        let records = audit["data"].as_array().unwrap().iter();
        let records = records.map(|record| record["attributes"]["outcome"].clone());
        records.collect()
    }

    #[test]
    fn run_is_recorded_where_it_passed_something_on() {
        let report = json!(RunReport {
            delivered: 3,
            sinks: 1,
            ready: 1,
            ..RunReport::default()
        });
        let instance = with_relay(200, &report.to_string());
        let answer = instance.call("POST", "/run");
        assert_eq!(testing::body(&answer), report);
        let record = instance.record(&answer);
        assert_eq!(
            (&record["kind"], &record["path"]),
            (&json!("run-relay"), &json!("/run"))
        );
        assert_eq!(record["outcome"], "succeeded");
        let sent = instance.fake.requests().pop().unwrap();
        assert_eq!(sent.uri(), "http://relay.spin.internal/run");
        let refused = instance.send(request("reader", "POST", "/run"));
        assert_eq!(error(&refused), edge(403, "MISSING_SCOPE"));

        let idle = with_relay(200, &json!(RunReport::default()).to_string());
        let answer = idle.call("POST", "/run");
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("edge-action-id"));
        assert!(outcomes(&idle).is_empty());
    }

    #[test]
    fn run_of_a_relay_that_fails_is_recorded_as_unknown() {
        let failed = r#"{"errors":[{"type":"EDGE","code":"STORE_UNAVAILABLE"}]}"#;
        let instance = with_relay(503, failed);
        let answer = instance.call("POST", "/run");
        assert_eq!(error(&answer), edge(503, "STORE_UNAVAILABLE"));
        let record = instance.record(&answer);
        assert_eq!(record["outcome"], "unknown");
        assert_eq!(record["error"], "EDGE/STORE_UNAVAILABLE");

        let instance = Instance::new();
        instance.fake.fail("/run", Sent::Maybe);
        let answer = instance.call("POST", "/run");
        assert_eq!(error(&answer), edge(502, "RELAY_UNREACHABLE"));
        assert_eq!(answer.headers()["retry-after"], "30");
        assert_eq!(outcomes(&instance), ["unknown"]);
    }

    #[test]
    fn run_that_cannot_be_recorded_does_not_begin() {
        let instance = with_relay(200, "{}");
        assert!(outcomes(&instance).is_empty());
        instance.database.fail_write(0, StoreError::Full);
        let refused = instance.call("POST", "/run");
        assert_eq!(error(&refused), edge(503, "STORE_UNAVAILABLE"));
        assert_eq!(instance.fake.requests_to("/run"), 0);
    }
}
