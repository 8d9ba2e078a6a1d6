//! How a user enters: the way to Smartcar Connect and back.
//!
//! `/connect/start` sends a browser to Connect with a signed state that expires;
//! `/connect/callback` checks the state, notes who came back, takes in their
//! vehicles and sends the browser on.
//!
//! Only the browser says who the user is: Connect's answer passes through
//! it, and is not signed. So `user_id` in the URL that a browser is sent on to
//! proves nothing about who holds the browser. The product behind that URL knows
//! its users by its own session, and asks Smartcar for the id.
//!
//! `/connect/reauthenticate` sends an owner there who has to authenticate again for one
//! vehicle, and takes them back by the same state and cookie.
//!
//! A state is bound to the browser that was sent to Connect, by a cookie. Without
//! that, someone could go through Connect with vehicles of their own and have
//! another browser take the last step, whose owner's account would then hold
//! those vehicles (RFC 6749, section 10.12; RFC 9700, section 4.7). Where the
//! start comes with a key, the operator's server makes that step and no browser gets
//! a cookie; the operator gives each user's own id as `external_id`, which comes
//! back sealed in the state, and compares it to their session. Only such a start
//! may name a user: whoever opens a link is no authority on who they are.
//!
//! Whose vehicles are taken in is Smartcar's word (`vehicles`), so that
//! no one can come back with another user's id and get that user's vehicles.

mod arrivals;
mod cookie;
mod page;
mod reauthentication;
pub(crate) mod settings;
mod start;
#[cfg(test)]
mod tests;
pub(crate) mod vehicles;

pub(crate) use start::{reauthenticate, start};

use crate::{
    app::App,
    request::{Inbound, invalid},
};
use arrivals::{Arrival, WHILE};
use edge::{
    Platform, Response,
    log::{self, Event, Level},
    respond::{Code, Problem},
};
use futures::future::{Either, select};
use http::{HeaderMap, StatusCode};
use page::{guarded, page, problem, redirect, with_parameters};
use settings::Unset;
use smartcar::{
    ConnectFailure, ConnectOutcome, ConnectReturn, ConnectState, InvalidConnect, UserId, VehicleId,
};
use std::{pin::pin, time::Duration};
use store::{Store, arrival::Returned};
use vehicles::take_in;

/// How long a browser waits for what Smartcar is asked because of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// No error of Connect's, no description of one, and nothing that is said of a vehicle is
/// longer.
const ERROR: usize = 64;
const DESCRIPTION: usize = 300;
const ATTRIBUTE: usize = 64;

/// Takes a browser back from Connect.
pub(crate) async fn callback<P: Platform, S: Store>(
    app: &'static App<P, S>,
    inbound: &Inbound,
) -> Response {
    let answer = back(app, inbound).await;
    guarded(answer.unwrap_or_else(|refused| problem(refused, &inbound.headers)))
}

/// Tells the browser that Connect is not used here, and the operator seldom what it
/// would take: anyone can ask for it, and there may be nothing to do.
fn not_set_up<P: Platform, S: Store>(app: &App<P, S>, Unset(name): Unset) -> Problem {
    if app.lines().connect_not_set_up.is_due(app.now()) {
        log::line(app.platform(), Level::Warn, Event::Connect)
            .with("outcome", "not_configured")
            .with("reason", format!("the variable {name} is not set"))
            .write();
    }
    let detail = "Smartcar Connect is not set up here; the log says what is missing";
    Problem::new(Code::NotConfigured, detail)
}

async fn back<P: Platform, S: Store>(
    app: &'static App<P, S>,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    let returned = ConnectReturn::read(&inbound.query).map_err(|error| {
        refused(app, &error.to_string());
        invalid(error.to_string())
    })?;
    let state = known(app, &returned.state, &inbound.headers)?;
    match returned.outcome {
        ConnectOutcome::Returned { user, vehicle } => match state.vehicle.clone() {
            None => arrived(app, state, given(user, "user_id")?).await,
            Some(sent_for) => {
                returned_for(app, state, sent_for, &given(vehicle, "vehicle_id")?).await
            }
        },
        ConnectOutcome::Failed(failure) => failed(app, &state, &shown(failure)).await,
    }
}

fn given<T>(id: Option<T>, name: &'static str) -> Result<T, Problem> {
    id.ok_or_else(|| invalid(InvalidConnect::Missing(name).to_string()))
}

/// The state, if it is ours, not too old, and this browser's.
fn known<P: Platform, S: Store>(
    app: &App<P, S>,
    sealed: &str,
    headers: &HeaderMap,
) -> Result<ConnectState, Problem> {
    let settings = app.connect();
    let credentials = settings
        .credentials()
        .map_err(|unset| not_set_up(app, unset))?;
    let state = ConnectState::open(credentials, sealed, app.now());
    let state = state.map_err(|error| start_again(app, &error.to_string()))?;
    if state.from_server {
        return Ok(state);
    }
    // In an earlier version, a state could name a user without a key.
    if settings.requires_key || state.external_id.is_some() {
        return Err(start_again(app, "the state was made without a key"));
    }
    if cookie::is_held(headers, &state.nonce, settings.is_https()) {
        Ok(state)
    } else {
        Err(start_again(
            app,
            "the browser holds no cookie of this state",
        ))
    }
}

/// The log says why; a browser that has no business here need not know.
fn start_again<P: Platform, S: Store>(app: &App<P, S>, why: &str) -> Problem {
    refused(app, why);
    let detail = "this way back from Smartcar Connect has expired or is another browser's: start \
                  again";
    Problem::new(Code::InvalidState, detail)
}

fn refused<P: Platform, S: Store>(app: &App<P, S>, why: &str) {
    if !app.lines().connect_refused.is_due(app.now()) {
        return;
    }
    log::line(app.platform(), Level::Warn, Event::Connect)
        .with("outcome", "refused")
        .with("reason", why)
        .write();
}

/// At most so many characters, all of them such as these.
fn cut(text: &str, most: usize, is_kept: fn(char) -> bool) -> String {
    let kept = text.chars().filter(|c| is_kept(*c));
    kept.take(most).collect()
}

/// What the code of an error is made of (RFC 6749, 4.1.2.1). It is logged.
fn is_of_an_error(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\')
}

/// What controls nothing.
fn is_shown(c: char) -> bool {
    !c.is_control()
}

/// The failure as it can be stored and shown: without control characters, and cut.
fn shown(failure: ConnectFailure) -> ConnectFailure {
    let shown = |text: Option<String>, most| text.map(|text| cut(&text, most, is_shown));
    ConnectFailure {
        error: cut(&failure.error, ERROR, is_of_an_error),
        description: shown(failure.description, DESCRIPTION),
        vin: shown(failure.vin, ATTRIBUTE),
        make: shown(failure.make, ATTRIBUTE),
        model: shown(failure.model, ATTRIBUTE),
        year: shown(failure.year, ATTRIBUTE),
    }
}

/// Connect said that it came to nothing.
async fn failed<P: Platform, S: Store>(
    app: &App<P, S>,
    state: &ConnectState,
    failure: &ConnectFailure,
) -> Result<Response, Problem> {
    let (error, description) = (failure.error.as_str(), failure.description.as_deref());
    // What is not stored, since enough is, is not logged either.
    if arrivals::fail(app, state, failure).await? {
        log::line(app.platform(), Level::Warn, Event::Connect)
            .with("outcome", "failed")
            .with("error", error)
            .write();
    }
    if let Some(url) = &app.connect().return_url {
        let parameters = [
            ("error", Some(error)),
            ("error_description", description),
            ("external_id", state.external_id.as_deref()),
            ("vehicle_id", state.vehicle.as_ref().map(VehicleId::as_str)),
            ("vin", failure.vin.as_deref()),
            ("make", failure.make.as_deref()),
            ("model", failure.model.as_deref()),
            ("year", failure.year.as_deref()),
        ];
        return Ok(redirect(&with_parameters(url, &parameters)));
    }
    let sentence = match description {
        Some(description) => format!("Smartcar says: {description} ({error})"),
        None => format!("Smartcar says: {error}"),
    };
    Ok(page(StatusCode::OK, "Not connected", &sentence))
}

/// A user has come back, perhaps not for the first time with this state.
async fn arrived<P: Platform, S: Store>(
    app: &'static App<P, S>,
    state: ConnectState,
    user: UserId,
) -> Result<Response, Problem> {
    let vehicles = match admitted(app, &state, Returned::User(&user)).await? {
        Some(vehicles) => vehicles,
        None => {
            let (state, user) = (state.clone(), user.clone());
            in_time(app, async move { complete(app, &state, &user).await }).await?
        }
    };
    let sentence = match vehicles {
        1 => "One vehicle is connected. You can close this page.".to_owned(),
        vehicles => format!("{vehicles} vehicles are connected. You can close this page."),
    };
    let user = ("user_id", Some(user.as_str()));
    Ok(sent_on(app, &state, user, "Connected", &sentence))
}

/// The owner of a vehicle has come back, who was sent to authenticate again for it.
async fn returned_for<P: Platform, S: Store>(
    app: &'static App<P, S>,
    state: ConnectState,
    vehicle: VehicleId,
    returned: &VehicleId,
) -> Result<Response, Problem> {
    if *returned != vehicle {
        return Err(start_again(app, "the state is another vehicle's"));
    }
    if admitted(app, &state, Returned::OwnerOf(&vehicle))
        .await?
        .is_none()
    {
        let (state, vehicle) = (state.clone(), vehicle.clone());
        let work = async move { reauthentication::complete(app, &state, &vehicle).await };
        in_time(app, work).await?;
    }
    let sentence = "The vehicle is connected again. You can close this page.";
    let vehicle = ("vehicle_id", Some(vehicle.as_str()));
    Ok(sent_on(app, &state, vehicle, "Connected", sentence))
}

/// Lets a return be looked up at Smartcar, unless that is completed, for so many vehicles.
async fn admitted<P: Platform, S: Store>(
    app: &App<P, S>,
    state: &ConnectState,
    of: Returned<'_>,
) -> Result<Option<i64>, Problem> {
    match arrivals::arrive(app, state, of, app.connect().lookups).await? {
        Arrival::Completed(vehicles) => Ok(Some(vehicles)),
        Arrival::Begun => Ok(None),
        Arrival::Another => Err(start_again(app, "the state is another user's")),
        Arrival::Exhausted => Err(start_again(app, "the state was tried too often")),
        Arrival::Busy => Err(busy(app)),
    }
}

/// Sends the browser on to the product's page, or shows it a plain one.
fn sent_on<P: Platform, S: Store>(
    app: &App<P, S>,
    state: &ConnectState,
    who: (&str, Option<&str>),
    heading: &str,
    sentence: &str,
) -> Response {
    match &app.connect().return_url {
        Some(url) => {
            let parameters = [who, ("external_id", state.external_id.as_deref())];
            redirect(&with_parameters(url, &parameters))
        }
        None => page(StatusCode::OK, heading, sentence),
    }
}

/// Smartcar was asked often enough for now.
fn busy<P: Platform, S: Store>(app: &App<P, S>) -> Problem {
    if app.lines().connect_busy.is_due(app.now()) {
        log::line(app.platform(), Level::Warn, Event::Connect)
            .with("outcome", "busy")
            .write();
    }
    let detail = "too many come back from Connect just now. Your consent is noted: load this page \
                  again in ten minutes, which completes it";
    let seconds = u32::try_from(WHILE.as_secs()).unwrap_or(u32::MAX);
    Problem::new(Code::ConnectBusy, detail).retry_after(seconds)
}

/// Does what Smartcar is asked for, and waits for it, but not for ever: what is not done by
/// then is done after the answer.
async fn in_time<P: Platform, S: Store, T: 'static>(
    app: &'static App<P, S>,
    work: impl Future<Output = Result<T, Problem>> + 'static,
) -> Result<T, Problem> {
    let work = Box::pin(work);
    match select(work, pin!(app.platform().sleep(PATIENCE))).await {
        Either::Left((done, _)) => done,
        Either::Right(((), work)) => {
            // How it ends is in the log, and in the record.
            app.platform().spawn(async { drop(work.await) });
            Err(incomplete("Smartcar takes its time."))
        }
    }
}

async fn complete<P: Platform, S: Store>(
    app: &App<P, S>,
    state: &ConnectState,
    user: &UserId,
) -> Result<i64, Problem> {
    let taken = match take_in(app, user, state).await {
        // No one comes through Connect without one: it is not listed yet, or
        // someone put another user here, or one who is made up.
        Ok(0) => {
            let reason = match state.external_id {
                Some(_) => "Smartcar lists no vehicle of the user under the external_id",
                None => "Smartcar lists no vehicle that the user connected since the start",
            };
            Err((
                reason.to_owned(),
                "Smartcar lists no vehicle that was connected this way yet.",
            ))
        }
        Ok(vehicles) => Ok(vehicles),
        Err(reason) => {
            let detail = "Smartcar did not list all vehicles, or did not subscribe them all.";
            Err((reason, detail))
        }
    };
    let line = |level, outcome| {
        log::line(app.platform(), level, Event::Connect)
            .with("outcome", outcome)
            .with("user_id", user.as_str())
    };
    let vehicles = taken.map_err(|(reason, detail)| {
        line(Level::Warn, "incomplete")
            .with("reason", reason)
            .write();
        incomplete(detail)
    })?;
    arrivals::complete(app, &state.nonce, vehicles).await?;
    line(Level::Info, "completed")
        .with("vehicles", vehicles)
        .write();
    Ok(vehicles)
}

fn incomplete(why: &str) -> Problem {
    let detail = format!(
        "{why} Your consent is noted: load this page again in a moment, which completes it"
    );
    Problem::new(Code::ConnectIncomplete, detail).retry_after(5)
}
