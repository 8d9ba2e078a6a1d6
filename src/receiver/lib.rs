//! The receiver: Smartcar posts its webhook deliveries here.
//!
//! This is the only component that the internet may post to without a key. It
//! has no Smartcar credentials and no outbound access: the worst that a flaw
//! here could give away is what is in the database.

mod store;

use edge::{
    Host, Response,
    log::{self, Level},
    request::{self, BodyError},
    respond::{self, Problem},
    variables,
};
use http::{HeaderValue, Method, StatusCode, header};
use smartcar::{
    Clock, ManagementToken,
    delivery::{self, Challenge, InvalidChallenge, Rejection},
};
use spin_sdk::{http::Request, http_service};
use std::time::Instant;

/// Smartcar tries again 25 s after a failure.
const RETRY_AFTER: u32 = 25;

#[http_service]
async fn handle(request: Request) -> Response {
    receive(request).await.unwrap_or_else(Response::from)
}

/// From the request to the answer. What is acknowledged has been stored.
async fn receive(request: Request) -> Result<Response, Problem> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if path.trim_end_matches('/') != "/webhooks" {
        // A refused request's body is read all the same: a client that is still
        // sending would not see the answer.
        let _ = request::body(body, delivery::MAX_BODY).await;
        let detail = "deliveries are posted to /webhooks";
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "PATH_NOT_FOUND",
            detail,
        ));
    }
    if parts.method != Method::POST {
        let _ = request::body(body, delivery::MAX_BODY).await;
        let detail = "deliveries are sent with POST";
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail);
        return Err(problem.with(header::ALLOW, HeaderValue::from_static("POST")));
    }
    let body = request::body(body, delivery::MAX_BODY)
        .await
        .map_err(unreadable)?;
    let tokens = management_tokens().await?;
    let signatures = parts
        .headers
        .get_all("sc-signature")
        .iter()
        .map(HeaderValue::as_bytes);
    match delivery::verify(&body, signatures, &tokens) {
        Ok(verified) => match Challenge::in_body(&body) {
            Some(challenge) => prove(challenge, tokens.get(verified.token())),
            None => store::delivery(verified, Host.now(), started).await,
        },
        // VERIFY is not signed.
        Err(rejection) => match Challenge::in_body(&body) {
            Some(challenge) => prove(challenge, tokens.first()),
            None => Err(refused(rejection)),
        },
    }
}

fn unreadable(error: BodyError) -> Problem {
    match error {
        BodyError::TooLarge => {
            let detail = format!("a delivery has at most {} bytes", delivery::MAX_BODY);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", detail)
        }
        BodyError::Broken => {
            let detail = "the body ended before its announced length";
            Problem::new(StatusCode::BAD_REQUEST, "BODY_INCOMPLETE", detail)
        }
    }
}

async fn management_tokens() -> Result<Vec<ManagementToken>, Problem> {
    let reason = match variables::management_tokens().await {
        Ok(tokens) if !tokens.is_empty() => return Ok(tokens),
        Ok(_) => "the variable management_tokens is not set".to_owned(),
        Err(error) => error.to_string(),
    };
    log::line(Level::Error, "not_configured")
        .with("reason", reason)
        .write();
    let detail = "this receiver is not configured yet";
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_CONFIGURED", detail);
    Err(problem.retry_after(RETRY_AFTER))
}

/// Answers VERIFY with the proof that we know the management token.
fn prove(
    challenge: Result<Challenge, InvalidChallenge>,
    token: Option<&ManagementToken>,
) -> Result<Response, Problem> {
    let outcome = |outcome| {
        log::line(Level::Info, "verify")
            .with("outcome", outcome)
            .write()
    };
    match (challenge, token) {
        (Ok(challenge), Some(token)) => {
            outcome("answered");
            Ok(respond::json(StatusCode::OK, challenge.answer(token)))
        }
        _ => {
            outcome("refused");
            let detail = InvalidChallenge.to_string();
            Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "INVALID_CHALLENGE",
                detail,
            ))
        }
    }
}

fn refused(rejection: Rejection) -> Problem {
    log::line(Level::Warn, "delivery")
        .with("outcome", "refused")
        .with("reason", rejection.reason())
        .write();
    Problem::new(
        StatusCode::UNAUTHORIZED,
        rejection.reason(),
        rejection.to_string(),
    )
}
