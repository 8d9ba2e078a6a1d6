//! The token endpoint.
//! <https://smartcar.com/docs/api-reference/authorization/request-access-token>

use crate::state::Shared;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::{Value, json};
use std::collections::HashMap;

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
