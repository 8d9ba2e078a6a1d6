//! The relay of an instance: what it is made of, and which requests it answers.

use crate::{configuration, nudge::Nudges, sink::Sinks};
use edge::{
    Once, Platform, Response,
    log::{self, Event, Level},
    respond::{self, Code, Problem},
    sinks::{self, Sink},
};
use http::{Method, StatusCode, header};
use std::{sync::atomic::AtomicBool, time::Duration};
use store::{
    Chores, Configurations, Deliveries, Outbox, StoreError, Tallies,
    chore::Chore,
    outbox::SinkConfiguration,
    retention::{self, Retention},
};

/// What the relay needs of the store: deliveries and tallies are only forgotten.
pub(crate) trait RelayStore:
    Outbox + Configurations + Chores + Deliveries + Tallies + 'static
{
}

impl<S> RelayStore for S where S: Outbox + Configurations + Chores + Deliveries + Tallies + 'static {}

/// A relay. Each instance has one.
pub(crate) struct Relay<P, S, K> {
    pub(crate) platform: P,
    pub(crate) store: S,
    /// Where events go.
    pub(crate) destination: K,
    pub(crate) nudges: Nudges,
    /// What has to be done about the outbox once a minute.
    pub(crate) upkeep: Chore,
    /// Whether the log says that this instance's sinks were replaced.
    pub(crate) outdated_is_said: AtomicBool,
    sinks: Once<Vec<SinkConfiguration>>,
    retention: Retention,
    keep: Once<Duration>,
}

impl<P: Platform, S: RelayStore, K: Sinks> Relay<P, S, K> {
    /// A relay that has done nothing yet.
    pub(crate) const fn new(platform: P, store: S, destination: K) -> Self {
        Self {
            platform,
            store,
            destination,
            nudges: Nudges::new(),
            upkeep: Chore::new("outbox", Duration::from_secs(60)),
            outdated_is_said: AtomicBool::new(false),
            sinks: Once::new(),
            retention: Retention::new(),
            keep: Once::new(),
        }
    }

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
        let sinks = self.sinks().await?;
        if is_nudge {
            return Ok(accepted(self.nudge(sinks).await));
        }
        let report = self.run(sinks).await.map_err(|error| {
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

    async fn sinks(&self) -> Result<&[SinkConfiguration], Problem> {
        let read = async || {
            let sinks = sinks::configured(&self.platform).await?;
            let flaws = sinks.iter().filter_map(Sink::flaw);
            flaws.for_each(|flaw| self.not_configured(&flaw));
            Ok(sinks.into_iter().map(configuration::described).collect())
        };
        let sinks = self.sinks.get_or_try_init(&self.platform, read).await;
        let sinks = sinks.map_err(|reason: String| {
            self.not_configured(&reason);
            let detail = "the sinks are not configured as documented; the log says what is wrong";
            Problem::new(Code::NotConfigured, detail)
        })?;
        Ok(sinks)
    }

    fn not_configured(&self, reason: &str) {
        log::line(&self.platform, Level::Error, Event::NotConfigured)
            .with("reason", reason)
            .write();
    }

    /// Says that the store could not do what a run needs.
    pub(crate) fn failed(&self, error: &StoreError) {
        log::line(&self.platform, Level::Error, Event::Store)
            .with("error", error.to_string())
            .write();
    }
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
