//! The ways to Smartcar Connect: to connect vehicles, and to authenticate again for one.

use super::{
    cookie, not_set_up,
    page::{guarded, problem, redirect},
};
use crate::{
    access::{callers::Caller, owners},
    answer::set,
    app::App,
    request::{Inbound, bearer, invalid},
};
use edge::{
    Platform, Response,
    respond::{Code, Problem},
};
use smartcar::{
    ApplicationId, ConnectOptions, ConnectRequest, ConnectState, InvalidConnect,
    ReauthenticationOptions, ReauthenticationRequest, UserId, WayBack,
};
use store::Store;

/// Why a start without a key names no user.
const NAMELESS: &str = "external_id is taken only with an API key that has the scope \
    manage_connections: your server makes this request and hands the Location to the browser, \
    since whoever opens this link themselves could name anyone";

/// Sends a browser to Connect, to connect vehicles.
pub(crate) fn start<P: Platform, S: Store>(app: &App<P, S>, inbound: &Inbound) -> Response {
    shown(connect(app, inbound), inbound)
}

/// Sends a browser to Connect, to authenticate again for a vehicle.
pub(crate) async fn reauthenticate<P: Platform, S: Store>(
    app: &App<P, S>,
    inbound: &Inbound,
) -> Response {
    shown(again(app, inbound).await, inbound)
}

fn shown(answer: Result<Response, Problem>, inbound: &Inbound) -> Response {
    guarded(answer.unwrap_or_else(|refused| problem(refused, &inbound.headers)))
}

fn connect<P: Platform, S: Store>(app: &App<P, S>, inbound: &Inbound) -> Result<Response, Problem> {
    let has_key = starter(app, inbound)?.is_some();
    let options = ConnectOptions::read(&inbound.query).map_err(refused)?;
    if options.external_id.is_some() && !has_key {
        return Err(invalid(NAMELESS));
    }
    let settings = app.connect();
    // Which vehicles are offered is the operator's choice, and not that of whoever
    // opens a link.
    let mode = options.mode.filter(|_| has_key).unwrap_or(settings.mode);
    let mut state = ConnectState::new(app.now(), mode).ok_or_else(no_randomness)?;
    state.external_id.clone_from(&options.external_id);
    state.from_server = has_key;
    let state = (!options.ends_at_smartcar).then_some(state);
    send(app, state, |application, way_back| {
        let request = ConnectRequest {
            application,
            way_back,
            mode,
            options: &options,
        };
        request.url(&settings.origin)
    })
}

async fn again<P: Platform, S: Store>(
    app: &App<P, S>,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    let caller = starter(app, inbound)?;
    let options = ReauthenticationOptions::read(&inbound.query).map_err(refused)?;
    match caller {
        Some(caller) => {
            caller.require_vehicle(&options.vehicle)?;
            if !caller.is_for_all_users() {
                let owner = owners::stored(app, &options.vehicle).await?;
                caller.require_owner(owner.as_ref().map(UserId::as_str))?;
            }
        }
        None if options.external_id.is_some() => return Err(invalid(NAMELESS)),
        None => {}
    }
    let settings = app.connect();
    let mut state = ConnectState::new(app.now(), settings.mode).ok_or_else(no_randomness)?;
    state.external_id = options.user().map(str::to_owned);
    state.from_server = caller.is_some();
    state.vehicle = Some(options.vehicle.clone());
    let state = (!options.ends_at_smartcar).then_some(state);
    send(app, state, |application, way_back| {
        let request = ReauthenticationRequest {
            application,
            way_back,
            options: &options,
        };
        request.url(&settings.origin)
    })
}

/// The caller who begins; none without a key, where none is needed.
fn starter<'a, P: Platform, S: Store>(
    app: &'a App<P, S>,
    inbound: &Inbound,
) -> Result<Option<&'a Caller>, Problem> {
    let key = bearer(&inbound.headers)?;
    if key.is_none() && !app.connect().requires_key {
        return Ok(None);
    }
    let caller = app.callers()?.identify(key)?;
    caller.require("manage_connections")?;
    Ok(Some(caller))
}

/// Sends the browser to a page of Connect, and has it come back where there is a state, bound
/// to the browser by a cookie unless a server began.
fn send<P: Platform, S: Store>(
    app: &App<P, S>,
    state: Option<ConnectState>,
    url: impl FnOnce(&ApplicationId, Option<WayBack<'_>>) -> String,
) -> Result<Response, Problem> {
    let settings = app.connect();
    let unset = |unset| not_set_up(app, unset);
    let application = settings.application().map_err(unset)?;
    let Some(state) = state else {
        return Ok(redirect(&url(application, None)));
    };
    let redirect_uri = settings.redirect_uri().map_err(unset)?;
    let credentials = settings.credentials().map_err(unset)?;
    let sealed = state.seal(credentials).ok_or_else(no_randomness)?;
    let way_back = WayBack {
        redirect_uri,
        state: &sealed,
    };
    let mut response = redirect(&url(application, Some(way_back)));
    if !state.from_server {
        let cookie = cookie::set(&state.nonce, settings.is_https());
        set(&mut response, "set-cookie", &cookie);
    }
    Ok(response)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands where errors are mapped"
)]
fn refused(error: InvalidConnect) -> Problem {
    invalid(error.to_string())
}

fn no_randomness() -> Problem {
    let detail = "the host has no randomness to give";
    Problem::new(Code::NoRandomness, detail)
}
