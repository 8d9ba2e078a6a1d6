//! Signals: from the store where that is fresh enough, else from Smartcar.
//!
//! Source: <https://smartcar.com/docs/api-reference/list-signals>

use crate::{
    answer::{self, Answer, hand_on, is_smartcar_s, not_smartcar_s, problem, whole},
    app::App,
    callers::Caller,
    freshness::{Forwarded, Source, Wanted},
    inbound::Inbound,
    invalid, owners, pass, store,
    stored::{self, Stored},
};
use edge::{
    Host, Response,
    reports::{self, REPORT},
    respond::{self, Problem},
    sqlite::Value,
};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use smartcar::{
    CATALOGUE, Clock, Signal, SignalCode, SignalInfo, Signals, Timestamp, UnitSystem, UserId,
    Vehicle, VehicleId,
    endpoints::Endpoint,
    readable,
    report::{Report, SignalReport},
    signal_permission,
};

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

/// What is asked for.
struct Query<'a> {
    caller: &'a Caller,
    vehicle: VehicleId,
    code: Option<SignalCode>,
    /// Whom the caller names.
    user: Option<UserId>,
    wanted: Wanted,
    /// Stored values are metric.
    is_metric: bool,
}

/// The signals of a vehicle, or one of them.
pub(crate) async fn read(
    app: &App,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Answer, Problem> {
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
    let query = Query {
        caller,
        vehicle: inbound.vehicle()?,
        code,
        user: inbound.user()?,
        wanted: Wanted::of(&inbound.headers, app.signals_max_age()),
        is_metric: inbound.units()? != Some(UnitSystem::Imperial),
    };
    caller.require_vehicle(&query.vehicle)?;
    // Where the store is down, Smartcar is there still.
    let stored = stored::load(&query.vehicle, query.code.as_ref()).await;
    let stored = stored.ok().flatten();
    let stored = stored.filter(|stored| query.may_use(stored));
    let why = match &stored {
        _ if !query.is_metric => Forwarded::Bypass,
        _ if query.wanted.no_cache => Forwarded::Request,
        None => Forwarded::Miss,
        Some(stored) if stored.age(Host.now()) > query.wanted.max_age => Forwarded::Stale,
        Some(_) => {
            return Ok(whole(query.stored(stored, Source::Hit)?));
        }
    };
    if query.wanted.only_if_cached {
        let detail = "nothing is stored that is fresh enough";
        let status = StatusCode::GATEWAY_TIMEOUT;
        return Err(Problem::new(status, "NOT_STORED", detail));
    }
    let answer = pass::in_time(query.forward(app, endpoint, inbound)).await;
    let (failed, status) = match &answer {
        Ok(answer) => (is_failure(answer.status), Some(answer.status)),
        Err(problem) => (is_failure(problem.status), None),
    };
    if failed && query.may_fall_back_on(stored.as_ref()) {
        let source = Source::Fallback(why, status);
        return Ok(whole(query.stored(stored, source)?));
    }
    let mut response = query.shown(answer?)?;
    answer::set(
        &mut response,
        "cache-status",
        &Source::Smartcar(why).cache_status(),
    );
    Ok(whole(response))
}

/// Whether Smartcar is down, or limits us.
fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
        || matches!(status.as_u16(), 429 | 430)
}

impl Query<'_> {
    /// Whether what is stored is the named user's. Somebody else's is no answer:
    /// Smartcar is asked, and says so.
    fn may_use(&self, stored: &Stored) -> bool {
        let named = self.user.as_ref();
        named.is_none_or(|user| stored.user() == Some(user.as_str()))
    }

    fn may_fall_back_on(&self, stored: Option<&Stored>) -> bool {
        self.is_metric
            && !self.wanted.no_cache
            && stored.is_some_and(|stored| stored.age(Host.now()) <= self.wanted.stale_if_error)
    }

    /// The stored answer.
    fn stored(&self, stored: Option<Stored>, source: Source) -> Result<Response, Problem> {
        let stored = stored.ok_or_else(|| invalid("nothing is stored"))?;
        self.caller.require_owner(stored.user())?;
        let age = stored.age(Host.now()).as_secs().to_string();
        let mut response = respond::json(StatusCode::OK, stored.show(self.caller));
        answer::set(&mut response, "age", &age);
        answer::set(&mut response, "cache-status", &source.cache_status());
        Ok(response)
    }

    /// Smartcar's answer. What it tells is stored.
    async fn forward(
        &self,
        app: &App,
        endpoint: &'static Endpoint,
        inbound: &Inbound,
    ) -> Result<smartcar::Response, Problem> {
        let user = owners::behalf(app, self.caller, &self.vehicle, inbound).await?;
        let call = pass::call(endpoint, inbound, Some(user.clone()))?;
        let told_at = Host.now();
        let answer = app.client().call(&call).await;
        let answer = answer.map_err(|error| problem(&error))?;
        if !is_smartcar_s(&answer.headers) {
            return Err(not_smartcar_s(answer.status, &answer.headers));
        }
        if answer.status == StatusCode::OK && self.is_metric && !self.wanted.no_store {
            self.remember(&answer, &user, told_at).await;
        }
        Ok(answer)
    }

    /// Stores what Smartcar told. Where that fails, Smartcar is asked again.
    async fn remember(&self, answer: &smartcar::Response, user: &UserId, told_at: Timestamp) {
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
        let parameters = [
            Value::from(self.vehicle.as_str()),
            Value::from(user.as_str()),
            Value::from(reports::rows(&report).as_str()),
        ];
        // A failure is in the log; then no list is called fresh.
        let is_stored = store::execute(REPORT, parameters).await.is_ok();
        let is_list = self.code.is_none() && read.unreadable.is_empty();
        let listed_at = Some(told_at).filter(|_| is_stored && is_list);
        owners::remember_vehicle(&self.vehicle, user, &about, listed_at).await;
    }

    /// Smartcar's answer, without what the caller may not read.
    fn shown(&self, answer: smartcar::Response) -> Result<Response, Problem> {
        if self.code.is_some() || answer.status != StatusCode::OK || self.caller.has_all("read_") {
            return Ok(hand_on(answer));
        }
        let mut body: serde_json::Value = serde_json::from_str(&readable(&answer.body))
            .map_err(|_| not_smartcar_s(answer.status, &answer.headers))?;
        let signals = body.get_mut("data").and_then(|data| data.as_array_mut());
        for signal in signals.into_iter().flatten() {
            let code = signal.pointer("/attributes/code").or(signal.get("id"));
            let code = code.and_then(|code| code.as_str()).unwrap_or_default();
            let scope = signal_permission(code);
            if !self.caller.has(scope) {
                let id = code.to_owned();
                let attributes = json!({"code": id, "status": stored::Hidden::of(scope)});
                *signal = json!({"id": id, "type": "signal", "attributes": attributes, "meta": {}});
            }
        }
        let body = body.to_string().into();
        Ok(hand_on(smartcar::Response { body, ..answer }))
    }
}
