//! The receiver: Smartcar posts its webhook deliveries here.
//!
//! This is the only component that the internet may post to without a key. It
//! has no Smartcar credentials and no outbound access: the worst that a flaw
//! here could give away is what is in the database.

mod accept;
mod batch;
mod nudge;
mod settings;
mod tally;

use edge::{
    Host, Response,
    log::{self, Event, Level, Seldom},
    request,
    respond::{self, Code, Outgoing, Problem},
};
use http::{HeaderValue, Method, StatusCode, header};
use memchr::memmem;
use settings::settings;
use smartcar::{
    Clock, ManagementToken, Timestamp,
    delivery::{self, Challenge, InvalidChallenge, Mode, Posted},
};
use spin_sdk::{http::Request, http_service};
use std::time::Instant;
use tally::Kind;

/// Smartcar tries again 25 s after a failure.
const RETRY_AFTER: u32 = 25;

#[http_service]
async fn handle(request: Request) -> Outgoing {
    Outgoing(receive(request).await.unwrap_or_else(Response::from))
}

/// From the request to the answer. What is acknowledged has been stored.
async fn receive(request: Request) -> Result<Response, Problem> {
    let (started, received_at) = (Instant::now(), Host.now());
    let (parts, body) = request.into_parts();
    // A refused request's body is read all the same: a client that is still
    // sending would not see the answer.
    let body = request::body(body, delivery::MAX_BODY).await;
    if parts.uri.path().trim_end_matches('/') != "/webhooks" {
        let detail = "deliveries are posted to /webhooks";
        return Err(Problem::new(Code::PathNotFound, detail));
    }
    if parts.method != Method::POST {
        let detail = "deliveries are sent with POST";
        let problem = Problem::new(Code::MethodNotAllowed, detail);
        return Err(problem.with(header::ALLOW, HeaderValue::from_static("POST")));
    }
    let body = body?;
    let settings = settings().await?;
    let signatures = parts.headers.get_all("sc-signature").iter();
    let signatures = signatures.map(HeaderValue::as_bytes);
    let signed = settings.require_signed_verify;
    match delivery::judge(&body, signatures, &settings.tokens, signed) {
        Posted::Delivery(verified) => {
            accept::delivery(settings, verified, received_at, started).await
        }
        Posted::Verify(challenge, token) => {
            let token = settings.tokens.get(token);
            prove(Some(challenge), token, received_at)
        }
        Posted::InvalidChallenge => prove(None, None, received_at),
        Posted::Refused(rejection) => {
            let detail = rejection.to_string();
            let mode = claimed_mode(&body);
            Err(refuse(rejection.into(), mode, received_at, &detail))
        }
    }
}

/// What a forgery claims to be: it tells a wrong token from an attack. It is not
/// worth being read as JSON for that.
fn claimed_mode(body: &[u8]) -> Mode {
    let is_test = memmem::find_iter(body, b"\"mode\"").any(|at| {
        let rest = body.get(at + 6..).unwrap_or_default().trim_ascii_start();
        let value = rest
            .strip_prefix(b":")
            .unwrap_or_default()
            .trim_ascii_start();
        value.starts_with(b"\"TEST\"")
    });
    if is_test { Mode::Test } else { Mode::Live }
}

/// Answers VERIFY with the proof that we know the management token.
fn prove(
    challenge: Option<Challenge>,
    token: Option<&ManagementToken>,
    received_at: Timestamp,
) -> Result<Response, Problem> {
    let (Some(challenge), Some(token)) = (challenge, token) else {
        let detail = InvalidChallenge.to_string();
        count_refusal(Code::InvalidChallenge, Mode::Live, received_at);
        return Err(Problem::new(Code::InvalidChallenge, detail));
    };
    let kind = Kind {
        outcome: "verify",
        reason: String::new(),
        event_type: "VERIFY".to_owned(),
        mode: Mode::Live,
    };
    tally::count(received_at, kind);
    // Anybody may post one, signed or not.
    static LINE: Seldom = Seldom::a_minute();
    if LINE.is_due(received_at) {
        log::line(&Host, Level::Info, Event::Verify)
            .with("outcome", "answered")
            .write();
    }
    Ok(respond::json(StatusCode::OK, challenge.answer(token)))
}

/// Not taken for Smartcar's.
fn refuse(code: Code, mode: Mode, received_at: Timestamp, detail: &str) -> Problem {
    count_refusal(code, mode, received_at);
    Problem::unsigned(code, detail)
}

fn count_refusal(code: Code, mode: Mode, received_at: Timestamp) {
    let kind = Kind {
        outcome: "refused",
        reason: code.as_str().to_owned(),
        event_type: String::new(),
        mode,
    };
    tally::count(received_at, kind);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgery_is_counted_as_what_it_claims_to_be() {
        for test in [
            r#"{"meta":{"mode":"TEST"}}"#,
            "{\"meta\": {\"mode\" :\n \"TEST\"}}",
        ] {
            assert_eq!(claimed_mode(test.as_bytes()), Mode::Test, "{test}");
        }
        for live in [
            "",
            "\"mode\"",
            r#"{"make":"TEST","mode":"live"}"#,
            r#"{"meta":{"mode":"LIVE"}}"#,
        ] {
            assert_eq!(claimed_mode(live.as_bytes()), Mode::Live, "{live}");
        }
    }
}
