//! Middleware in front of any component that takes Smartcar's deliveries itself:
//! what arrives there was signed by Smartcar. VERIFY is answered here.
//!
//! It keeps nothing. A delivery that someone recorded and sends again is passed
//! on again: by its event id the handler can tell.

mod settings;

use bytes::Bytes;
use edge::{
    Host,
    log::{self, Event, Level, Seldom},
    request,
    respond::{self, Code, Outgoing, Problem},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::Full;
use settings::settings;
use smartcar::{
    Clock,
    delivery::{self, InvalidChallenge, Posted},
};
use spin_sdk::{
    http::{IntoResponse, Request},
    http_service,
    wasip3::http::types::{ErrorCode, Response},
};

/// Tells the handler which of the management tokens signed, counted from 0. What
/// is there from outside is removed.
const VERIFIED: HeaderName = HeaderName::from_static("edge-verified-token");

/// Headers of the connection, not of the request; the host refuses them.
const OF_THE_CONNECTION: [HeaderName; 9] = [
    header::CONNECTION,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

#[http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    match receive(request).await {
        Ok(Next::Answer(response)) => Outgoing(response).into_response(),
        Ok(Next::Handler(request)) => spin_sdk::http::next(request).await?.into_response(),
        Err(problem) => Outgoing(problem.into()).into_response(),
    }
}

/// What becomes of a request.
enum Next {
    /// It is answered here.
    Answer(edge::Response),
    /// It is passed on.
    Handler(http::Request<Full<Bytes>>),
}

async fn receive(request: Request) -> Result<Next, Problem> {
    let (parts, body) = request.into_parts();
    // A refused request's body is read all the same: a client that is still
    // sending would not see the answer.
    let body = request::body(body, delivery::MAX_BODY).await;
    if parts.method != Method::POST {
        let detail = "deliveries are sent with POST";
        let problem = Problem::new(Code::MethodNotAllowed, detail);
        return Err(problem.with(header::ALLOW, HeaderValue::from_static("POST")));
    }
    let body = body?;
    let settings = settings().await?;
    let fields = parts.headers.get_all("sc-signature").iter();
    let signatures = fields.map(HeaderValue::as_bytes);
    let signed = settings.require_signed_verify;
    match delivery::judge(&body, signatures, &settings.tokens, signed) {
        Posted::Delivery(verified) => {
            let token = verified.token();
            Ok(Next::Handler(pass_on(parts, body, token)))
        }
        Posted::Verify(challenge, token) => {
            let token = settings.tokens.get(token).ok_or_else(invalid_challenge)?;
            // Anyone may post one, signed or not.
            static LINE: Seldom = Seldom::a_minute();
            if LINE.is_due(Host.now()) {
                log::line(&Host, Level::Info, Event::Verify)
                    .with("outcome", "answered")
                    .write();
            }
            let answer = respond::json(StatusCode::OK, challenge.answer(token));
            Ok(Next::Answer(answer))
        }
        Posted::InvalidChallenge => Err(invalid_challenge()),
        Posted::Refused(rejection) => {
            Err(Problem::unsigned(rejection.into(), rejection.to_string()))
        }
    }
}

fn invalid_challenge() -> Problem {
    let detail = InvalidChallenge.to_string();
    Problem::new(Code::InvalidChallenge, detail)
}

/// The request as the handler gets it: the same, with the same body.
fn pass_on(parts: Parts, body: Bytes, token: usize) -> http::Request<Full<Bytes>> {
    let length = body.len();
    let mut request = http::Request::new(Full::new(body));
    *request.method_mut() = parts.method;
    *request.uri_mut() = parts.uri;
    *request.headers_mut() = headers(parts.headers, length, token);
    request
}

fn headers(mut headers: HeaderMap, length: usize, token: usize) -> HeaderMap {
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(VERIFIED, token.into());
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_header_from_outside_is_replaced() {
        let mut outside = HeaderMap::new();
        for (name, value) in [
            ("edge-verified-token", "7"),
            ("edge-verified-token", "8"),
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("sc-signature", "abc"),
        ] {
            outside.append(name, HeaderValue::from_static(value));
        }
        let inside = headers(outside, 5, 1);
        let all: Vec<_> = inside.get_all(VERIFIED).iter().collect();
        assert_eq!(all, ["1"]);
        assert_eq!(inside["sc-signature"], "abc");
        assert_eq!(inside["content-length"], "5");
        assert_eq!(inside.len(), 3);
    }
}
