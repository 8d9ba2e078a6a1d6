//! The token endpoint and the access tokens it has issued.
//! <https://smartcar.com/docs/api-reference/authorization/request-access-token>

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::state::{Shared, lock};

/// The application that may ask for tokens.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// The live access tokens and when each ends. Issuing one leaves the others alive.
#[derive(Default)]
pub(crate) struct Tokens {
    ends: Mutex<HashMap<String, Instant>>,
}

impl Tokens {
    pub(crate) fn issue(&self, life: Duration) -> String {
        let now = Instant::now();
        // Two random UUIDs: 244 bits that cannot be guessed.
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut ends = lock(&self.ends);
        ends.retain(|_, end| *end > now);
        ends.insert(token.clone(), now + life);
        token
    }

    pub(crate) fn is_live(&self, token: &str) -> bool {
        let now = Instant::now();
        lock(&self.ends).get(token).is_some_and(|end| *end > now)
    }

    /// Ends every token at once; answers how many there were.
    pub(crate) fn revoke_all(&self) -> usize {
        let mut ends = lock(&self.ends);
        let count = ends.len();
        ends.clear();
        count
    }
}

/// `POST /oauth2/token`: a form, as Smartcar's own example sends it, or JSON, as
/// its reference declares it.
pub(crate) async fn issue(
    State(simulator): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, OAuthError> {
    let asked = TokenRequest::read(&headers, &body)?;
    if asked.grant_type != "client_credentials" {
        return Err(OAuthError::InvalidRequest(
            "grant_type must be client_credentials",
        ));
    }
    let client = &simulator.client;
    if asked.client_id != client.id || asked.client_secret != client.secret {
        return Err(OAuthError::InvalidClient);
    }
    let token = simulator.tokens.issue(simulator.token_life);
    let body = Json(json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": simulator.token_life.as_secs(),
    }));
    // https://www.rfc-editor.org/rfc/rfc6749#section-5.1
    Ok(([(CACHE_CONTROL, "no-store")], body).into_response())
}

struct TokenRequest {
    grant_type: String,
    client_id: String,
    client_secret: String,
}

impl TokenRequest {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, OAuthError> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let media_type = content_type.and_then(|v| v.split(';').next());
        let fields = match media_type.map(|t| t.trim().to_ascii_lowercase()).as_deref() {
            Some("application/x-www-form-urlencoded") => form_fields(body),
            Some("application/json") => json_fields(body)?,
            _ => {
                return Err(OAuthError::InvalidRequest(
                    "the content type must be application/x-www-form-urlencoded or application/json",
                ));
            }
        };
        Ok(Self {
            grant_type: field(&fields, "grant_type", "grant_type is missing")?,
            client_id: field(&fields, "client_id", "client_id is missing")?,
            client_secret: field(&fields, "client_secret", "client_secret is missing")?,
        })
    }
}

fn form_fields(body: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(body).into_owned().collect()
}

fn json_fields(body: &[u8]) -> Result<HashMap<String, String>, OAuthError> {
    let members: HashMap<String, Value> = serde_json::from_slice(body)
        .map_err(|_| OAuthError::InvalidRequest("the body is not a JSON object"))?;
    let texts = members.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        _ => None,
    });
    Ok(texts.collect())
}

fn field(
    fields: &HashMap<String, String>,
    name: &str,
    missing: &'static str,
) -> Result<String, OAuthError> {
    fields
        .get(name)
        .cloned()
        .ok_or(OAuthError::InvalidRequest(missing))
}

/// <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>
#[derive(Debug)]
pub(crate) enum OAuthError {
    InvalidRequest(&'static str),
    InvalidClient,
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            Self::InvalidRequest(why) => (StatusCode::BAD_REQUEST, "invalid_request", why),
            Self::InvalidClient => (
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "client authentication failed",
            ),
        };
        let body = json!({ "error": error, "error_description": description });
        (status, Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_lives_as_long_as_it_says() {
        let tokens = Tokens::default();
        let token = tokens.issue(Duration::from_secs(3600));
        assert!(tokens.is_live(&token));
        tokio::time::advance(Duration::from_secs(3599)).await;
        assert!(tokens.is_live(&token));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!tokens.is_live(&token));
    }

    #[tokio::test(start_paused = true)]
    async fn revocation_ends_the_tokens_issued_so_far() {
        let tokens = Tokens::default();
        let (first, second) = (
            tokens.issue(Duration::from_secs(60)),
            tokens.issue(Duration::from_secs(60)),
        );
        assert_ne!(first, second);
        assert_eq!(tokens.revoke_all(), 2);
        assert!(!tokens.is_live(&first) && !tokens.is_live(&second));
        let third = tokens.issue(Duration::from_secs(60));
        assert!(tokens.is_live(&third));
    }

    #[test]
    fn token_that_is_made_up_is_not_live() {
        assert!(!Tokens::default().is_live(""));
    }
}
