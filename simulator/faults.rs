//! The trouble that a test asks for: slow answers, chosen answers, cut connections,
//! revoked tokens. How a body is sent is in `framing`.

use crate::{
    framing::{Cut, Framing, KeepOpen, Slow},
    lock::lock,
    paths::TEMPLATES,
    tokens::Tokens,
};
use axum::{
    Extension,
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Mutex, time::Duration};

/// What happens to the requests of one route. Several members work together, in
/// this order: the wait, the revocation, the cut, the answer, how its body is sent.
///
/// A page of a proxy instead of an answer is
/// `{"route":…,"status":502,"headers":{"Content-Type":"text/html"},"body":"<html>…"}`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Fault {
    /// The template, for example `/v3/vehicles/{vehicleId}/signals`.
    route: String,
    /// Any method where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// How many requests it still applies to; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    /// Milliseconds to wait before anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u64>,
    /// Revoke every access token when the request arrives, before its own is
    /// looked at: it is answered 401 with a token that was good when it was sent.
    #[serde(default)]
    revoke_tokens: bool,
    /// Answer with this status; 200 where only headers or a body are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Close the connection instead of answering.
    #[serde(default)]
    cut: bool,
    /// Send the body, the real one or the given, in this many pieces. Goes with
    /// `pauseMs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pieces: Option<usize>,
    /// Milliseconds between two pieces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pause_ms: Option<u64>,
    /// Close the connection after the headers, which promise the whole body, and
    /// this many bytes of it. The last byte is never sent, however many are asked
    /// for; where there is no body at all, nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cut_after_bytes: Option<usize>,
    /// Answer as Smartcar does for a command that takes long. With
    /// `"cutAfterBytes": 0` the connection is closed in the place of the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep_open: Option<KeepOpen>,
}

/// Why a fault is refused, in words for the author of the test.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidFault {
    #[error("unknown route {0}; the routes are {routes}", routes = TEMPLATES.join(", "))]
    Route(String),
    #[error("the status must be from 200 to 599")]
    Status,
    #[error("the header {0} cannot be sent")]
    Header(String),
    #[error("pieces, from 2 on, and pauseMs, from 1 on, go together")]
    Pieces,
    #[error("with keepOpen the status must be from 200 to 599 and have a body")]
    KeepOpen,
    #[error("a connection that is cut sends no body")]
    Cut,
}

impl Fault {
    /// A fault that can never apply would let a test pass for the wrong reason,
    /// so it is refused when it is set.
    fn check(&self) -> Result<(), InvalidFault> {
        if !TEMPLATES.contains(&self.route.as_str()) {
            return Err(InvalidFault::Route(self.route.clone()));
        }
        if self.status.is_some_and(|s| !(200..600).contains(&s)) {
            return Err(InvalidFault::Status);
        }
        if (self.pieces.is_some() || self.pause_ms.is_some()) && self.slow().is_none() {
            return Err(InvalidFault::Pieces);
        }
        if self.keep_open.as_ref().is_some_and(|k| !k.has_body()) {
            return Err(InvalidFault::KeepOpen);
        }
        if self.cut && !self.framing().is_plain() {
            return Err(InvalidFault::Cut);
        }
        match self.headers.iter().find(|(n, v)| header(n, v).is_none()) {
            Some((name, _)) => Err(InvalidFault::Header(name.clone())),
            None => Ok(()),
        }
    }

    fn matches(&self, method: &Method, route: &str) -> bool {
        let method_matches = |wanted: &String| wanted.eq_ignore_ascii_case(method.as_str());
        self.times != Some(0)
            && self.route == route
            && self.method.as_ref().is_none_or(method_matches)
    }

    /// Lets the fault happen; the normal handling follows where it only waits.
    pub(crate) async fn apply(&self, tokens: &Tokens, request: Request, next: Next) -> Response {
        if let Some(latency) = self.latency_ms {
            tokio::time::sleep(Duration::from_millis(latency)).await;
        }
        if self.revoke_tokens {
            tokens.revoke_all();
        }
        if self.cut {
            return Extension(Cut).into_response();
        }
        match self.answer() {
            Some(answer) => answer,
            None => next.run(request).await,
        }
    }

    /// How the body of the answer is sent.
    pub(crate) fn framing(&self) -> Framing {
        Framing {
            slow: self.slow(),
            cut_after_bytes: self.cut_after_bytes,
            keep_open: self.keep_open.clone(),
        }
    }

    fn slow(&self) -> Option<Slow> {
        let pieces = self.pieces.filter(|pieces| *pieces > 1)?;
        let pause = self.pause_ms.filter(|pause| *pause > 0)?;
        Some(Slow {
            pieces,
            pause: Duration::from_millis(pause),
        })
    }

    fn answer(&self) -> Option<Response> {
        if self.status.is_none() && self.headers.is_empty() && self.body.is_none() {
            return None;
        }
        let status = self.status.and_then(|s| StatusCode::from_u16(s).ok());
        let mut response = Response::new(Body::from(self.body.clone().unwrap_or_default()));
        *response.status_mut() = status.unwrap_or(StatusCode::OK);
        if self.body.is_some() {
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
        }
        for (name, value) in self.headers.iter().filter_map(|(n, v)| header(n, v)) {
            response.headers_mut().insert(name, value);
        }
        Some(response)
    }
}

/// A header that may be set: the framing of the body stays with the server.
fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name: HeaderName = name.parse().ok()?;
    let value = HeaderValue::from_str(value).ok()?;
    (name != CONTENT_LENGTH && name != TRANSFER_ENCODING).then_some((name, value))
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct Faults {
    list: Mutex<Vec<Fault>>,
}

impl Faults {
    pub(crate) fn replace(&self, faults: Vec<Fault>) -> Result<(), InvalidFault> {
        faults.iter().try_for_each(Fault::check)?;
        *lock(&self.list) = faults;
        Ok(())
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        lock(&self.list).clone()
    }

    /// The first fault that applies to a request; it is used up by one.
    pub(crate) fn take(&self, method: &Method, route: &str) -> Option<Fault> {
        let mut list = lock(&self.list);
        let fault = list.iter_mut().find(|f| f.matches(method, route))?;
        fault.times = fault.times.map(|times| times.saturating_sub(1));
        Some(fault.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fault(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn counted_fault_is_used_up() {
        let faults = Faults::default();
        faults
            .replace(vec![fault(
                r#"{"route":"/oauth2/token","method":"post","times":2,"status":503}"#,
            )])
            .unwrap();
        assert!(faults.take(&Method::GET, "/oauth2/token").is_none());
        assert!(faults.take(&Method::POST, "/v3/connections").is_none());
        assert!(faults.take(&Method::POST, "/oauth2/token").is_some());
        assert!(faults.take(&Method::POST, "/oauth2/token").is_some());
        assert!(faults.take(&Method::POST, "/oauth2/token").is_none());
        assert_eq!(faults.list().first().unwrap().times, Some(0));
    }

    #[test]
    fn fault_that_cannot_happen_is_refused_and_changes_nothing() {
        let faults = Faults::default();
        faults
            .replace(vec![fault(r#"{"route":"/v3/connections","cut":true}"#)])
            .unwrap();
        for bad in [
            r#"{"route":"/v3/vehicles/{id}/signals","status":500}"#,
            r#"{"route":"/oauth2/token","status":100}"#,
            r#"{"route":"/oauth2/token","headers":{"a b":"c"}}"#,
            r#"{"route":"/oauth2/token","headers":{"Content-Length":"3"}}"#,
            r#"{"route":"/oauth2/token","headers":{"X":"a\nb"}}"#,
            r#"{"route":"/oauth2/token","pieces":3}"#,
            r#"{"route":"/oauth2/token","pauseMs":3}"#,
            r#"{"route":"/oauth2/token","pieces":1,"pauseMs":3}"#,
            r#"{"route":"/oauth2/token","pieces":3,"pauseMs":0}"#,
            r#"{"route":"/oauth2/token","keepOpen":{"status":204,"afterMs":1}}"#,
            r#"{"route":"/oauth2/token","keepOpen":{"status":999,"afterMs":1}}"#,
            r#"{"route":"/oauth2/token","cut":true,"cutAfterBytes":3}"#,
        ] {
            assert!(faults.replace(vec![fault(bad)]).is_err(), "{bad}");
        }
        assert_eq!(faults.list().len(), 1);
        for unknown in [
            r#"{"route":"/","latency":5}"#,
            r#"{"route":"/","keepOpen":{"afterMs":1,"cut":true}}"#,
        ] {
            assert!(serde_json::from_str::<Fault>(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn wait_alone_is_not_an_answer() {
        assert!(fault(r#"{"route":"/","latencyMs":5}"#).answer().is_none());
        let answer = fault(r#"{"route":"/","headers":{"Retry-After":"7"}}"#);
        let answer = answer.answer().unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["retry-after"], "7");
    }
}
