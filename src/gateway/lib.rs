//! The gateway: Smartcar's API v3 at the edge.
//!
//! The paths and bodies are Smartcar's own, so that a client of Smartcar only
//! changes its base URL and its bearer token. In front of Smartcar stand API
//! keys, in place of a token of its own stands the one that all instances share.

mod actions;
#[cfg(test)]
mod actions_tests;
mod answer;
mod app;
mod arrivals;
mod callers;
mod changes;
#[cfg(test)]
mod changes_tests;
mod connect;
mod connect_cookie;
mod connect_page;
mod connect_settings;
#[cfg(test)]
mod connect_tests;
mod connect_vehicles;
mod database;
mod dead_letters;
mod diagnosis;
mod ending;
mod evidence;
#[cfg(test)]
mod fallback_tests;
mod freshness;
mod inbound;
#[cfg(test)]
mod kept_signals_tests;
mod links;
mod list;
mod lookups;
mod openapi;
mod owners;
#[cfg(test)]
mod owners_tests;
mod pass;
#[cfg(test)]
mod reads_tests;
mod records;
#[cfg(test)]
mod records_tests;
mod redacted;
mod relay;
mod routes;
mod scopes;
mod signals;
#[cfg(test)]
mod signals_tests;
mod status;
mod stored;
mod sweep;
mod tally;
#[cfg(test)]
mod testing;
mod vehicles;
mod watch;

use answer::{Answer, whole};
use app::{App, Gateway};
use bytes::Bytes;
use database::Store;
use edge::{
    Host, Platform, Response, request,
    respond::{self, Code, Problem},
};
use http::{
    HeaderMap, Method, StatusCode,
    header::{self, CONTENT_LENGTH},
    request::Parts,
};
use inbound::{Inbound, single};
use routes::{Own, Route};
use spin_sdk::{http::Request, http_service};
use store::{HostStore, host_store};

/// No request of Smartcar's API comes near this.
const MAX_BODY: usize = 64 * 1024;

static GATEWAY: Gateway<Host, HostStore> = Gateway::new(Host, host_store());

#[http_service]
async fn handle(request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    // Also the body of a request that is refused is read: a client that is
    // still sending would not see the answer. A GET that announces none has none,
    // and to be told so takes three calls of the host.
    let has_body = parts.method != Method::GET || parts.headers.contains_key(CONTENT_LENGTH);
    let body = if has_body {
        request::body(body, MAX_BODY).await
    } else {
        Ok(Bytes::new())
    };
    answer(&GATEWAY, parts, body)
        .await
        .unwrap_or_else(|problem| whole(problem.into()))
}

/// From the request to the answer: route, key, scope, and then the work.
async fn answer<P: Platform, S: Store>(
    gateway: &'static Gateway<P, S>,
    parts: Parts,
    body: Result<Bytes, Problem>,
) -> Result<Answer, Problem> {
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
        return Ok(whole(respond::json(StatusCode::OK, body)));
    }
    if route == Route::Own(Own::OpenApi) {
        return Ok(whole(respond::json(StatusCode::OK, openapi::text())));
    }
    let app = gateway.app().await?;
    match route {
        Route::Own(Own::ConnectStart) => return Ok(whole(connect::start(app, &inbound))),
        Route::Own(Own::ConnectCallback) => {
            return Ok(whole(connect::callback(app, &inbound).await));
        }
        _ => {}
    }
    let caller = app.callers()?.identify(bearer(&inbound.headers)?)?;
    sweep::soon(app);
    inbound.require_spelling()?;
    match route {
        Route::Smartcar(endpoint) if endpoint.method != Method::GET => {
            changes::make(app, caller, endpoint, &inbound).await
        }
        Route::Smartcar(endpoint) if scopes::is_signals(endpoint) => {
            signals::read(app, caller, endpoint, &inbound).await
        }
        Route::Smartcar(endpoint) => pass::read(app, caller, endpoint, &inbound).await,
        Route::Own(own) => ours(app, caller, own, &inbound).await.map(whole),
    }
}

/// What this gateway adds to Smartcar's API.
async fn ours<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &callers::Caller,
    own: Own,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    match own {
        Own::Catalogue => {
            caller.require_any("read_")?;
            Ok(signals::catalogue())
        }
        Own::Vehicles => vehicles::read(app, caller, inbound).await,
        Own::Command => records::one(app, caller, inbound).await,
        Own::Audit => records::many(app, caller, inbound).await,
        Own::DeadLetters => dead_letters::read(app, caller, inbound).await,
        Own::ReplayDeadLetter => dead_letters::replay_one(app, caller, inbound).await,
        Own::ReplayDeadLetters => dead_letters::replay_many(app, caller, inbound).await,
        Own::Run => relay::run(app, caller).await,
        Own::Status => {
            caller.require("read_status")?;
            status::read(app, caller).await
        }
        // Answered before anybody is asked for a key.
        Own::Health | Own::OpenApi | Own::ConnectStart | Own::ConnectCallback => {
            Err(invalid("this path takes no key"))
        }
    }
}

/// The request is not what the documentation of its path says.
fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidInput, detail)
}

/// What follows `Bearer` in the header `Authorization`.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let bearer = single(headers, header::AUTHORIZATION.as_str())?.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    Ok(bearer)
}
