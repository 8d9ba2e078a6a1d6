//! The gateway: Smartcar's API v3 at the edge.
//!
//! The paths and bodies are Smartcar's own, so that a client of Smartcar only
//! changes its base URL and its bearer token. In front of Smartcar stand API
//! keys, in place of a token of its own stands the one that all instances share.

mod access;
mod actions;
mod answer;
mod app;
mod billing;
#[cfg(test)]
mod billing_tests;
mod connect;
mod links;
mod openapi;
mod own;
mod reads;
#[cfg(test)]
mod reads_tests;
mod request;
mod signals;
mod sweep;
#[cfg(test)]
mod testing;
mod unlisted;

use access::callers::Caller;
use answer::{Reply, complete};
use app::{App, Gateway};
use bytes::Bytes;
use edge::{
    Host, Platform, Response,
    respond::{self, Problem},
};
use http::{Method, StatusCode, header::CONTENT_LENGTH, request::Parts};
use request::{Inbound, bearer};
use routes::{Open, Own, Route};
use smartcar::endpoints::Family;
use spin_sdk::{http::Request, http_service};
use store::{HostStore, Store, host_leases, host_store};

/// No request of Smartcar's API comes near this.
const MAX_BODY: usize = 64 * 1024;

static GATEWAY: Gateway<Host, HostStore> =
    Gateway::new(Host, host_store(), || host_leases(&GATEWAY.store));

#[http_service]
async fn handle(request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    // Also the body of a request that is refused is read: a client that is
    // still sending would not see the answer. A GET that announces none has none,
    // and finding that out takes three calls of the host.
    let has_body = parts.method != Method::GET || parts.headers.contains_key(CONTENT_LENGTH);
    let body = if has_body {
        edge::request::body(body, MAX_BODY).await
    } else {
        Ok(Bytes::new())
    };
    answer(&GATEWAY, parts, body)
        .await
        .unwrap_or_else(|problem| complete(problem.into()))
}

/// From the request to the answer: route, key, scope, and then the work.
async fn answer<P: Platform, S: Store>(
    gateway: &'static Gateway<P, S>,
    parts: Parts,
    body: Result<Bytes, Problem>,
) -> Result<Reply, Problem> {
    let body = body?;
    let Parts {
        method,
        uri,
        headers,
        ..
    } = parts;
    let (route, parts) = routes::find(&method, uri.path())?;
    let inbound = Inbound {
        headers,
        query: uri.query().unwrap_or_default().to_owned(),
        parts,
        body,
    };
    match route {
        Route::Open(open) => answer_open(gateway, open, &inbound).await.map(complete),
        Route::Own(own) => {
            let (app, caller) = identify(gateway, &inbound).await?;
            let answer = own::answer(app, caller, own, &inbound).await;
            // A request for the doctor has it come at once.
            if own != Own::Doctor {
                own::doctor::soon(app);
            }
            answer.map(complete)
        }
        Route::Unlisted(endpoint) => {
            unlisted::answer(gateway.app().await?, endpoint, &inbound).await
        }
        Route::Smartcar(endpoint) => {
            let (app, caller) = identify(gateway, &inbound).await?;
            let answer = if endpoint.method != Method::GET {
                actions::run(app, caller, endpoint, &inbound).await
            } else if endpoint.family == Family::Signals {
                signals::read(app, caller, endpoint, &inbound).await
            } else {
                reads::read(app, caller, endpoint, &inbound).await
            };
            own::doctor::soon(app);
            answer
        }
    }
}

/// The caller whose key the request carries.
async fn identify<P: Platform, S: Store>(
    gateway: &'static Gateway<P, S>,
    inbound: &Inbound,
) -> Result<(&'static App<P, S>, &'static Caller), Problem> {
    let app = gateway.app().await?;
    let caller = app.callers()?.identify(bearer(&inbound.headers)?)?;
    sweep::soon(app);
    inbound.require_spelling()?;
    Ok((app, caller))
}

/// What takes no key.
async fn answer_open<P: Platform, S: Store>(
    gateway: &'static Gateway<P, S>,
    open: Open,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    Ok(match open {
        Open::Health => respond::json(StatusCode::OK, r#"{"status":"ok"}"#),
        Open::OpenApi => openapi::answer(inbound),
        Open::Cron => {
            let app = gateway.app().await?;
            let ran = own::relay::run_by_schedule(app).await?;
            // Where this is all that comes, the doctor comes with it.
            own::doctor::soon(app);
            ran
        }
        Open::ConnectStart => connect::start(gateway.app().await?, inbound),
        Open::ConnectReauthenticate => connect::reauthenticate(gateway.app().await?, inbound).await,
        Open::ConnectCallback => connect::callback(gateway.app().await?, inbound).await,
    })
}
