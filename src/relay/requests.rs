//! The requests that a relay answers.

use crate::{
    configuration,
    relay::{Relay, RelayStore, Settings},
    sink::Sinks,
};
use edge::{
    Platform, Response,
    respond::{self, Code, Problem},
    sinks::{self, Sink},
    variables,
};
use http::{Method, StatusCode, header};
use std::time::Duration;
use store::retention;

impl<P: Platform, S: RelayStore, K: Sinks> Relay<P, S, K> {
    /// Answers a request.
    pub(crate) async fn answer(
        &'static self,
        method: &Method,
        path: &str,
    ) -> Result<Response, Problem> {
        let is_nudge = path == "/nudge";
        if method != Method::POST || !(is_nudge || path == "/run") {
            let detail = "the relay is run by POST /run, and after its answer by POST /nudge";
            return Err(Problem::new(Code::PathNotFound, detail));
        }
        self.forget().await;
        let settings = self.settings().await?;
        if is_nudge {
            return Ok(accepted(self.nudge(settings).await));
        }
        let report = self.run(settings).await.map_err(|error| {
            self.failed(&error);
            let detail = "the database could not be read or written: try again";
            Problem::new(Code::StoreUnavailable, detail).retry_after(5)
        })?;
        // Serialising numbers into memory does not fail.
        let report = serde_json::to_vec(&report).unwrap_or_default();
        Ok(respond::json(StatusCode::OK, report))
    }

    /// Old deliveries go on the relay's schedule too, whatever becomes of the sinks.
    async fn forget(&'static self) {
        let keep = async || retention::configured(&self.platform).await;
        match self.keep.get_or_try_init(&self.platform, keep).await {
            Ok(keep) => self.retention.soon(&self.platform, &self.store, *keep),
            Err(reason) => self.not_configured(&reason),
        }
    }

    async fn settings(&self) -> Result<&Settings, Problem> {
        let read = async || {
            let sinks = sinks::configured(&self.platform).await?;
            let flaws = sinks.iter().filter_map(Sink::flaw);
            flaws.for_each(|flaw| self.not_configured(&flaw));
            let expected = "a number of seconds from 1 to 30";
            let run_time = variables::parsed(&self.platform, "run_time", expected, run_time);
            Ok(Settings {
                sinks: sinks.into_iter().map(configuration::described).collect(),
                run_time: run_time.await?,
            })
        };
        let settings = self.settings.get_or_try_init(&self.platform, read).await;
        settings.map_err(|reason: String| {
            self.not_configured(&reason);
            let detail = "the relay is not configured as documented; the log says what is wrong";
            Problem::new(Code::NotConfigured, detail)
        })
    }
}

/// A host that ends requests needs less than its own limit, since the last events of a run
/// take as long as their sink.
fn run_time(text: &str) -> Option<Duration> {
    let seconds = text.parse().ok()?;
    (1..=30)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

/// The answer to a nudge.
fn accepted(rest: Option<Duration>) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Some(rest) = rest {
        let seconds = rest.as_secs().into();
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
