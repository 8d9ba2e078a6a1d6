//! Signals: from the store where that is fresh enough, else from Smartcar.
//!
//! Source: <https://smartcar.com/docs/api-reference/list-signals>

#[cfg(test)]
mod fallback_tests;
mod freshness;
#[cfg(test)]
mod kept_tests;
mod redacted;
pub(crate) mod stored;
#[cfg(test)]
pub(crate) mod tests;

use crate::{
    access::{callers::Caller, owners},
    answer::{self, Reply, complete, hand_on, is_from_smartcar, not_from_smartcar, problem},
    app::App,
    billing,
    links::Links,
    reads,
    request::{Inbound, invalid},
};
use edge::{
    Platform, Response,
    respond::{self, Code, Problem},
};
use freshness::{CacheControl, ForwardReason, Source};
use http::StatusCode;
use serde::Serialize;
use smartcar::{
    CATALOGUE, Signal, SignalCode, SignalInfo, Signals, Timestamp, UnitSystem, UserId, Vehicle,
    VehicleId,
    endpoints::Endpoint,
    report::{Report, SignalReport},
    signal_permission, write_time,
};
use std::time::Duration;
use store::Store;
use stored::Stored;

#[derive(Serialize)]
struct Catalogue {
    data: &'static [SignalInfo],
}

/// Every signal that Smartcar knows, with its shape, unit and permission.
pub(crate) fn catalogue() -> Response {
    // Serialising constants into memory does not fail.
    let body = serde_json::to_vec(&Catalogue { data: &CATALOGUE }).unwrap_or_default();
    respond::json(StatusCode::OK, body)
}

/// The largest age that an answer tells (RFC 9111, 1.2.2).
const OLDEST: u64 = 1 << 31;

/// What is asked for.
struct Query<'a> {
    caller: &'a Caller,
    vehicle: VehicleId,
    code: Option<SignalCode>,
    /// Whom the caller names, or whom alone the key is for.
    user: Option<UserId>,
    wanted: CacheControl,
    /// Whether it is what is stored: metric, and without parameters. Smartcar
    /// documents none, so what they do to a value or a list is unknown.
    is_plain: bool,
}

/// The signals of a vehicle, or one of them.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Reply, Problem> {
    let code = match inbound.parts.get("signalCode") {
        "" => None,
        // A code has no capitals; who reads it otherwise is not to find another one.
        code if code.bytes().any(|b| b.is_ascii_uppercase()) => {
            return Err(invalid("a signal code is in lower case"));
        }
        code => Some(SignalCode::parse(code).map_err(|error| invalid(error.to_string()))?),
    };
    match &code {
        Some(code) => caller.require(signal_permission(code.as_str()))?,
        None => caller.require_any("read_")?,
    }
    let vehicle = inbound.vehicle()?;
    caller.require_vehicle(&vehicle)?;
    let query = Query {
        caller,
        vehicle,
        code,
        user: owners::named(caller, inbound)?,
        wanted: CacheControl::of(&inbound.headers, app.signals_max_age()),
        is_plain: inbound.units()? != Some(UnitSystem::Imperial) && inbound.query.is_empty(),
    };
    // Where the store is down, Smartcar is there still.
    let stored = stored::load(
        app,
        &query.vehicle,
        query.user.as_ref(),
        query.code.as_ref(),
    )
    .await;
    let stored = stored.ok().flatten();
    let now = app.now();
    let Some(why) = query.reason(stored.as_ref(), app.signals_max_age(), now) else {
        return Ok(complete(query.stored(stored, Source::Hit, now)?));
    };
    if query.wanted.only_if_cached {
        let part = stored.filter(|_| query.is_plain && !query.wanted.no_cache);
        let part = part.and_then(|stored| stored.part(query.wanted.max_age, now));
        if part.is_some() {
            return Ok(complete(query.stored(part, Source::Partial, now)?));
        }
        let detail = "nothing is stored that is fresh enough";
        return Err(Problem::new(Code::NotStored, detail));
    }
    let answer = reads::in_time(app.platform(), query.forward(app, endpoint, inbound)).await;
    let (failed, status) = match &answer {
        Ok(answer) => (is_failure(answer.status), Some(answer.status)),
        Err(problem) => (is_failure(problem.status), None),
    };
    if failed && query.may_fall_back_on(stored.as_ref(), app.now()) {
        let source = Source::Fallback(why, status);
        return Ok(complete(query.stored(stored, source, app.now())?));
    }
    let mut response = query.shown(app, answer?)?;
    answer::set(
        &mut response,
        "cache-status",
        &Source::Smartcar(why).cache_status(),
    );
    Ok(complete(response))
}

/// Whether Smartcar is down, or limits us.
fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
        || matches!(status.as_u16(), 429 | 430)
}

impl Query<'_> {
    /// Why Smartcar is asked; none where what is stored is the answer.
    fn reason(
        &self,
        stored: Option<&Stored>,
        max_age: Duration,
        now: Timestamp,
    ) -> Option<ForwardReason> {
        match stored {
            _ if !self.is_plain => Some(ForwardReason::Bypass),
            _ if self.wanted.no_cache => Some(ForwardReason::Request),
            None => Some(ForwardReason::Miss),
            Some(stored) if !stored.is_complete() => Some(ForwardReason::Miss),
            Some(stored) if !stored.is_current(now) => Some(ForwardReason::Stale),
            Some(stored) if stored.age(now) <= self.wanted.max_age => None,
            Some(stored) if stored.age(now) <= max_age => Some(ForwardReason::Request),
            Some(_) => Some(ForwardReason::Stale),
        }
    }

    fn may_fall_back_on(&self, stored: Option<&Stored>, now: Timestamp) -> bool {
        self.is_plain
            && !self.wanted.no_cache
            && stored.is_some_and(|stored| {
                stored.is_complete() && stored.age(now) <= self.wanted.stale_if_error
            })
    }

    /// The stored answer.
    fn stored(
        &self,
        stored: Option<Stored>,
        source: Source,
        now: Timestamp,
    ) -> Result<Response, Problem> {
        let stored = stored.ok_or_else(|| invalid("nothing is stored"))?;
        self.caller.require_owner(stored.user())?;
        let age = stored.age(now).as_secs().min(OLDEST).to_string();
        let mut response = respond::json(StatusCode::OK, stored.show(self.caller));
        answer::set(&mut response, "age", &age);
        answer::set(&mut response, "cache-status", &source.cache_status());
        // As Smartcar says it: https://smartcar.com/docs/api-reference/headers
        answer::set(&mut response, "sc-unit-system", "metric");
        for (name, at) in [
            ("sc-data-age", stored.recorded_at(self.caller)),
            ("sc-fetched-at", stored.fetched_at(self.caller)),
        ] {
            if let Some(at) = at.and_then(write_time) {
                answer::set(&mut response, name, &at);
            }
        }
        Ok(response)
    }

    /// Smartcar's answer. What it tells is stored.
    async fn forward<P: Platform, S: Store>(
        &self,
        app: &App<P, S>,
        endpoint: &'static Endpoint,
        inbound: &Inbound,
    ) -> Result<smartcar::Response, Problem> {
        let user = owners::behalf(app, self.caller, &self.vehicle, inbound).await?;
        let call = inbound.call(endpoint, Some(user.clone()))?;
        billing::admit(app, &call).await?;
        let told_at = app.now();
        let answer = billing::call(app, &call).await;
        let answer = answer.map_err(|error| problem(&error))?;
        if !is_from_smartcar(&answer.headers) {
            return Err(not_from_smartcar(answer.status, &answer.headers));
        }
        if answer.status == StatusCode::OK && self.is_plain && !self.wanted.no_store {
            self.remember(app, &answer, &user, told_at).await;
        }
        Ok(answer)
    }

    /// Stores what Smartcar reported. If that fails, Smartcar is asked again.
    async fn remember<P: Platform, S: Store>(
        &self,
        app: &App<P, S>,
        answer: &smartcar::Response,
        user: &UserId,
        told_at: Timestamp,
    ) {
        let Ok(read) = Signals::from_answer(&answer.body) else {
            return;
        };
        let about = Vehicle::included_in(answer)
            .filter(|vehicle| vehicle.id == self.vehicle)
            .map(|vehicle| vehicle.attributes)
            .unwrap_or_default();
        let mut report = Report::new(None, told_at);
        let signals = read.signals.iter().map(Signal::raw);
        report.signals = signals
            .filter_map(|json| SignalReport::read(json, told_at, told_at))
            .collect();
        let (store, vehicle) = (app.store(), &self.vehicle);
        let reported = app.note(store.report(vehicle, user, &report, &about).await);
        // Where that failed, no list is called fresh.
        if reported.is_some() && self.code.is_none() && read.is_complete {
            let codes: Vec<&str> = read.signals.iter().map(|s| s.code.as_str()).collect();
            app.note(store.listed(vehicle, user, &codes, told_at).await);
        }
    }

    /// Smartcar's answer, without what the caller may not read.
    fn shown<P: Platform, S: Store>(
        &self,
        app: &App<P, S>,
        answer: smartcar::Response,
    ) -> Result<Response, Problem> {
        let body = Links::new(app.client().origins()).rewrite(&answer.body);
        let is_shown_whole =
            self.code.is_some() || answer.status != StatusCode::OK || self.caller.has_all("read_");
        let body = if is_shown_whole {
            body
        } else {
            let body = redacted::list(String::from_utf8_lossy(&body).as_bytes(), self.caller);
            body.ok_or_else(|| not_from_smartcar(answer.status, &answer.headers))?
        };
        let body = body.into();
        Ok(hand_on(smartcar::Response { body, ..answer }))
    }
}
