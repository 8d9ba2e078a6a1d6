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
mod upkeep;

use edge::{
    Host, Once, Response,
    log::{self, Event, Level},
    respond::{self, Code, Outgoing, Problem},
    sinks::{self, Sink},
};
use http::{Method, StatusCode};
use spin_sdk::{http::Request, http_service};
use std::time::Duration;
use store::old::retention;

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
    if request.uri().path() != "/run" || request.method() != Method::POST {
        let detail = "the relay is run by POST /run";
        return Err(Problem::new(Code::PathNotFound, detail));
    }
    retention().await;
    let sinks = configured().await?;
    let report = run::run(sinks).await.map_err(|error| {
        log::line(&Host, Level::Error, Event::Store)
            .with("error", error.to_string())
            .write();
        let detail = "the database could not be read or written: try again";
        Problem::new(Code::StoreUnavailable, detail).retry_after(5)
    })?;
    Ok(respond::json(StatusCode::OK, report.to_string()))
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
        let sinks = sinks::configured().await?;
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
