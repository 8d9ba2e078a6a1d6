//! Asking Smartcar's identity server for an access token.
//!
//! Source: <https://smartcar.com/docs/api-reference/authorization/request-access-token>

use crate::{
    AccessToken, ClientId, Credentials, Platform, Sent, TransportError, client::back_off::back_off,
};
use bytes::Bytes;
use serde::Deserialize;
use std::time::Duration;

/// How long the identity server may take in all, retries included: shorter than a
/// caller waits for a token, so that there is time to write down what it said. A
/// single attempt may take all of it: one that is cut short would be a second
/// request to a server that is slow already.
pub(crate) const DEADLINE: Duration = Duration::from_secs(7);

/// How often a request is made again at most.
const RETRIES: u32 = 2;

/// No access token could be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No credentials are configured.
    #[error(
        "no Smartcar credentials: set the variables smartcar_client_id and smartcar_client_secret"
    )]
    NoCredentials,
    /// The identity server does not know the credentials.
    #[error(
        "Smartcar's identity server refused the credentials ({code}): check the variables \
         smartcar_client_id (for API v3 it starts with client_; the Application ID and v2 \
         client ids are other values) and smartcar_client_secret"
    )]
    InvalidClient {
        /// OAuth's error code.
        code: String,
    },
    /// The identity server answered with something else than a token.
    #[error("Smartcar's identity server answered {status} ({code})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// OAuth's error code, or what was wrong with the answer.
        code: String,
    },
    /// The identity server gave no answer.
    #[error("failed to reach Smartcar's identity server: {0}")]
    Transport(TransportError),
    /// The identity server gave no token a moment ago, to another call, and was not
    /// asked again.
    #[error("{reason}")]
    FailedBefore {
        /// Why the other call got none.
        reason: String,
    },
    /// The time for it ran out, for example while another instance asked.
    #[error("there was no access token in time")]
    TimedOut,
}

impl TokenError {
    /// Whether a later attempt can succeed without anything being changed.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::NoCredentials | Self::InvalidClient { .. } => false,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::Transport(_) | Self::FailedBefore { .. } | Self::TimedOut => true,
        }
    }
}

/// A token that was granted.
pub(crate) struct Granted {
    pub(crate) token: AccessToken,
    pub(crate) life: Duration,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: u64,
}

#[derive(Deserialize)]
struct OAuthError {
    error: Option<String>,
}

/// Asks for a token, again where the identity server is away for a moment:
/// asking twice does no harm.
pub(crate) async fn request(
    platform: &impl Platform,
    url: &str,
    credentials: &Credentials,
) -> Result<Granted, TokenError> {
    let until = platform.now().after(DEADLINE);
    let mut retries = 0;
    loop {
        let time = DEADLINE.min(until.since(platform.now()));
        let error = match attempt(platform, url, credentials, time).await {
            Ok(granted) => return Ok(granted),
            Err(error) => error,
        };
        let is_away = match &error {
            TokenError::Transport(_) => true,
            TokenError::Refused { status, .. } => matches!(status, 500 | 502..=504),
            _ => false,
        };
        let wait = back_off(retries, platform);
        if !is_away || retries == RETRIES || platform.now().after(wait) >= until {
            return Err(error);
        }
        platform.sleep(wait).await;
        retries += 1;
    }
}

async fn attempt(
    platform: &impl Platform,
    url: &str,
    credentials: &Credentials,
    time: Duration,
) -> Result<Granted, TokenError> {
    let request = http::Request::post(url)
        .header(
            http::header::CONTENT_TYPE,
            "application/x-www-form-urlencoded",
        )
        .header(http::header::ACCEPT, "application/json")
        .body(form(credentials)?)
        .map_err(|_| {
            TokenError::Transport(TransportError {
                sent: Sent::No,
                detail: "the configured origin of the identity server is not an origin".to_owned(),
            })
        })?;
    let response = platform
        .send(request, time)
        .await
        .map_err(TokenError::Transport)?;
    let status = response.status().as_u16();
    if status == 200 {
        let no_token = || TokenError::Refused {
            status,
            code: "the answer holds no access_token".to_owned(),
        };
        let answer: TokenAnswer =
            serde_json::from_slice(response.body()).map_err(|_| no_token())?;
        // One that does not fit into a header could never be used.
        if http::HeaderValue::try_from(&answer.access_token).is_err() {
            return Err(no_token());
        }
        return Ok(Granted {
            token: AccessToken::new(answer.access_token),
            life: Duration::from_secs(answer.expires_in),
        });
    }
    let code = serde_json::from_slice::<OAuthError>(response.body())
        .ok()
        .and_then(|body| body.error)
        // An error code is a word (RFC 6749, 5.2); what is none is not shown.
        .filter(|code| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_graphic()))
        .unwrap_or_else(|| "no OAuth error code".to_owned());
    Err(if status == 401 || code == "invalid_client" {
        TokenError::InvalidClient { code }
    } else {
        TokenError::Refused { status, code }
    })
}

/// The credentials go in the body: a URL would be logged on its way.
fn form(credentials: &Credentials) -> Result<Bytes, TokenError> {
    let Credentials {
        client_id: ClientId(id),
        client_secret,
    } = credentials;
    if !credentials.is_set() {
        return Err(TokenError::NoCredentials);
    }
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", id)
        .append_pair("client_secret", client_secret.expose())
        .finish();
    Ok(Bytes::from(form))
}
