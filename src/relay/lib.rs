//! The relay: passes stored events on to sinks.
//!
//! It has no route from outside. The receiver nudges it after each delivery, and
//! the gateway's `POST /run` lets a scheduler do so when none comes. Whoever
//! does, the work is the same: take what is due, send it, note what became of it.

mod attempt;
mod configuration;
mod outbox;
#[cfg(test)]
mod outbox_tests;
mod run;
mod runs;
mod upkeep;

use edge::{
    Host, Once, Response,
    log::{self, Event, Level},
    respond::{self, Code, Outgoing, Problem},
    sinks::{self, Sink},
};
use http::{Method, StatusCode, header};
use runs::Runs;
use smartcar::{Clock, Spawn, Timestamp};
use spin_sdk::{http::Request, http_service};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};
use store::old::{chore::is_ahead, retention, sqlite::StoreError};

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    reason = "generated from wit"
)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "relay",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

#[http_service]
async fn handle(request: Request) -> Outgoing {
    Outgoing(answer(&request).await.unwrap_or_else(Response::from))
}

async fn answer(request: &Request) -> Result<Response, Problem> {
    let is_nudge = match request.uri().path() {
        "/nudge" => true,
        "/run" => false,
        _ => return Err(unknown()),
    };
    if request.method() != Method::POST {
        return Err(unknown());
    }
    retention().await;
    let sinks = configured().await?;
    if is_nudge {
        return Ok(nudged(nudge(sinks).await));
    }
    let report = run::run(sinks).await.map_err(|error| {
        failed(&error);
        let detail = "the database could not be read or written: try again";
        Problem::new(Code::StoreUnavailable, detail).retry_after(5)
    })?;
    Ok(respond::json(StatusCode::OK, report.to_string()))
}

fn unknown() -> Problem {
    let detail = "the relay is run by POST /run, and after its answer by POST /nudge";
    Problem::new(Code::PathNotFound, detail)
}

fn failed(error: &StoreError) {
    log::line(&Host, Level::Error, Event::Store)
        .with("error", error.to_string())
        .write();
}

/// How long, in seconds, whoever nudges may rest where there are no sinks or where the
/// last run has failed. The schedule makes up for a nudge that does not come.
const REST: u32 = 10;

/// The same where all sinks are off or paused, or enough runs are under way.
const PAUSE: u32 = 1;

static RUNS: Runs = Runs::new();
static NOT_BEFORE: AtomicI64 = AtomicI64::new(0);

/// Has a run begin after this answer. For how long another nudge would be of no use.
async fn nudge(sinks: &'static [Sink]) -> Option<u32> {
    let not_before = Timestamp(NOT_BEFORE.load(Ordering::Relaxed));
    if is_ahead(not_before, Host.now(), Duration::from_secs(REST.into())) {
        return Some(REST);
    }
    let ready = match run::ready().await {
        Ok(ready) => ready,
        Err(error) => {
            rest(&error);
            return Some(REST);
        }
    };
    if !RUNS.begin() {
        return Some(PAUSE);
    }
    Host.spawn(async move {
        loop {
            if let Err(error) = run::run(sinks).await {
                rest(&error);
                return RUNS.give_up();
            }
            if !RUNS.goes_on() {
                return;
            }
        }
    });
    if sinks.is_empty() {
        return Some(REST);
    }
    ready.is_empty().then_some(PAUSE)
}

fn rest(error: &StoreError) {
    failed(error);
    let until = Host.now().after(Duration::from_secs(REST.into()));
    NOT_BEFORE.store(until.0, Ordering::Relaxed);
}

fn nudged(retry_after: Option<u32>) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Some(seconds) = retry_after {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Old deliveries go on the relay's schedule too, whatever becomes of the sinks.
async fn retention() {
    static RETENTION: Once<Duration> = Once::new();
    let retention = RETENTION.get_or_try_init(&Host, retention::configured);
    match retention.await {
        Ok(retention) => retention::soon(*retention),
        Err(reason) => not_configured(&reason),
    }
}

fn not_configured(reason: &str) {
    log::line(&Host, Level::Error, Event::NotConfigured)
        .with("reason", reason)
        .write();
}

static SINKS: Once<Vec<Sink>> = Once::new();

async fn configured() -> Result<&'static [Sink], Problem> {
    let sinks = SINKS.get_or_try_init(&Host, async || {
        let sinks = sinks::configured(&Host).await?;
        sinks
            .iter()
            .filter_map(Sink::flaw)
            .for_each(|flaw| not_configured(&flaw));
        Ok(sinks)
    });
    let sinks = sinks.await.map_err(|reason: String| {
        not_configured(&reason);
        let detail = "the sinks are not configured as documented; the log says what is wrong";
        Problem::new(Code::NotConfigured, detail)
    })?;
    Ok(sinks)
}
