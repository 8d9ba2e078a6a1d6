//! The gateway: Smartcar's API v3 at the edge.
//!
//! The paths and bodies are Smartcar's own, so that a client of Smartcar only
//! changes its base URL and its bearer token. In front of Smartcar stand API
//! keys, in place of a token of its own stands the one that all instances share.

mod access;
mod actions;
mod answer;
mod app;
mod connect;
mod links;
mod openapi;
mod own;
mod reads;
#[cfg(test)]
mod reads_tests;
mod request;
mod settings;
mod signals;
mod sweep;
#[cfg(test)]
mod testing;

use answer::{Reply, complete};
use app::Gateway;
use bytes::Bytes;
use edge::{
    Host, Platform,
    respond::{self, Problem},
};
use http::{Method, StatusCode, header::CONTENT_LENGTH, request::Parts};
use request::{Inbound, bearer};
use routes::{Own, Route};
use smartcar::endpoints::Family;
use spin_sdk::{http::Request, http_service};
use store::{HostStore, Store, host_store};

/// No request of Smartcar's API comes near this.
const MAX_BODY: usize = 64 * 1024;

static GATEWAY: Gateway<Host, HostStore> = Gateway::new(Host, host_store());

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
    if route == Route::Own(Own::Health) {
        let body = r#"{"status":"ok"}"#;
        return Ok(complete(respond::json(StatusCode::OK, body)));
    }
    if route == Route::Own(Own::OpenApi) {
        return Ok(complete(openapi::answer(&inbound)));
    }
    let app = gateway.app().await?;
    match route {
        Route::Own(Own::ConnectStart) => return Ok(complete(connect::start(app, &inbound))),
        Route::Own(Own::ConnectCallback) => {
            return Ok(complete(connect::callback(app, &inbound).await));
        }
        _ => {}
    }
    let caller = app.callers()?.identify(bearer(&inbound.headers)?)?;
    sweep::soon(app);
    inbound.require_spelling()?;
    match route {
        Route::Smartcar(endpoint) if endpoint.method != Method::GET => {
            actions::run(app, caller, endpoint, &inbound).await
        }
        Route::Smartcar(endpoint) if endpoint.family == Family::Signals => {
            signals::read(app, caller, endpoint, &inbound).await
        }
        Route::Smartcar(endpoint) => reads::read(app, caller, endpoint, &inbound).await,
        Route::Own(own) => own::answer(app, caller, own, &inbound).await.map(complete),
    }
}
