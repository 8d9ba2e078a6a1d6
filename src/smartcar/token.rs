//! One access token for the whole application, fetched once and kept until
//! shortly before it expires.
//!
//! Smartcar's application tokens live for an hour and have no refresh token.
//! They are looked for in the instance first, then in the key-value store, which
//! all instances share, and only then asked for at the identity server.

use crate::{
    AccessToken, ClientId, ClientSecret, Credentials, Platform, Sent, Timestamp, TransportError,
    Turn, seal,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use zeroize::Zeroizing;

/// A token is not used in the last part of its life, so that it does not expire
/// on its way: this long, or a tenth of its life where that is less.
const SKEW: Duration = Duration::from_secs(30);

/// How long the identity server may take.
const DEADLINE: Duration = Duration::from_secs(10);

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
}

impl TokenError {
    /// Whether a later attempt can succeed without anything being changed.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::NoCredentials | Self::InvalidClient { .. } => false,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::Transport(_) => true,
        }
    }
}

/// A token and how long it may be used.
#[derive(Clone)]
struct Lease {
    token: AccessToken,
    /// When it stops being valid, as the identity server said.
    expires_at: Timestamp,
    /// When we stop using it.
    fresh_until: Timestamp,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What is kept in the key-value store, sealed.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    #[serde(borrow)]
    token: std::borrow::Cow<'a, str>,
    expires_at: Timestamp,
    fresh_until: Timestamp,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

#[derive(Deserialize)]
struct OAuthError {
    error: Option<String>,
}

/// The application's access token.
pub struct TokenCache {
    credentials: Credentials,
    url: String,
    key: String,
    /// The copy in this instance.
    here: Mutex<Option<Lease>>,
    /// Held while a token is looked for elsewhere: the others in this instance
    /// wait for it instead of doing the same. Who gives up drops it, and the
    /// next one goes on.
    search: Turn,
}

impl TokenCache {
    /// A cache for the token of `credentials`, granted at `origin`
    /// (`https://iam.smartcar.com`).
    pub fn new(credentials: Credentials, origin: &str) -> Self {
        let url = format!("{}/oauth2/token", origin.trim_end_matches('/'));
        let mut name = Sha256::new();
        name.update(credentials.client_id.0.as_bytes());
        name.update(b"\n");
        name.update(url.as_bytes());
        let name: String = hex::encode(name.finalize()).chars().take(32).collect();
        Self {
            credentials,
            url,
            key: format!("smartcar/token/{name}"),
            here: Mutex::new(None),
            search: Turn::new(),
        }
    }

    /// A token that is valid now.
    pub async fn get(&self, platform: &impl Platform) -> Result<AccessToken, TokenError> {
        let now = platform.now();
        if let Some(token) = self.fresh_here(now) {
            return Ok(token);
        }
        let _search = self.search.take(platform).await;
        if let Some(token) = self.fresh_here(now) {
            return Ok(token);
        }
        let lease = match self.kept(platform, now).await {
            Some(lease) => lease,
            None => self.request(platform).await?,
        };
        let token = lease.token.clone();
        *self.here() = Some(lease);
        Ok(token)
    }

    /// The API refused `token` although it should be valid: forget it, unless
    /// another one has taken its place already.
    pub async fn refused(&self, platform: &impl Platform, token: &AccessToken) {
        let _search = self.search.take(platform).await;
        self.here().take_if(|lease| lease.token.is(token));
        let kept = self.kept(platform, platform.now()).await;
        if kept.is_some_and(|lease| lease.token.is(token)) {
            // Where this fails the store is down, and the next search passes it by.
            let _ = platform.delete(&self.key).await;
        }
    }

    /// Until when the token known to this instance or to the store is valid.
    pub async fn expires_at(&self, platform: &impl Platform) -> Option<Timestamp> {
        let here = self.here().as_ref().map(|lease| lease.expires_at);
        match here {
            Some(at) if at > platform.now() => Some(at),
            _ => self
                .kept(platform, platform.now())
                .await
                .map(|lease| lease.expires_at),
        }
    }

    fn here(&self) -> std::sync::MutexGuard<'_, Option<Lease>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh_here(&self, now: Timestamp) -> Option<AccessToken> {
        self.here()
            .as_ref()
            .filter(|lease| now < lease.fresh_until)
            .map(|l| l.token.clone())
    }

    /// The token in the key-value store, if it is there, readable and fresh.
    async fn kept(&self, platform: &impl Platform, now: Timestamp) -> Option<Lease> {
        let value = platform.get(&self.key).await.ok()??;
        let plain = seal::open(&self.credentials, &self.key, &value)?;
        let kept: Kept<'_> = serde_json::from_slice(&plain).ok()?;
        (now < kept.fresh_until).then(|| Lease {
            token: AccessToken::new(kept.token),
            expires_at: kept.expires_at,
            fresh_until: kept.fresh_until,
        })
    }

    async fn keep(&self, platform: &impl Platform, lease: &Lease) {
        let kept = Kept {
            token: lease.token.expose().into(),
            expires_at: lease.expires_at,
            fresh_until: lease.fresh_until,
        };
        let Ok(plain) = serde_json::to_vec(&kept).map(Zeroizing::new) else {
            return;
        };
        if let Some(value) = seal::seal(&self.credentials, &self.key, &plain) {
            // A token that could not be kept is a good token all the same.
            let _ = platform.set(&self.key, &value).await;
        }
    }

    /// Asks the identity server for a token.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/authorization/request-access-token>
    async fn request(&self, platform: &impl Platform) -> Result<Lease, TokenError> {
        let Credentials {
            client_id: ClientId(id),
            client_secret,
        } = &self.credentials;
        if id.is_empty() || client_secret.expose().is_empty() {
            return Err(TokenError::NoCredentials);
        }
        // The time before the request: a token's life began no earlier than this,
        // however long the answer takes.
        let asked_at = platform.now();
        let request = http::Request::post(&self.url)
            .header(
                http::header::CONTENT_TYPE,
                "application/x-www-form-urlencoded",
            )
            .header(http::header::ACCEPT, "application/json")
            .body(form(id, client_secret))
            .map_err(|_| {
                TokenError::Transport(TransportError {
                    sent: Sent::No,
                    detail: "the variable smartcar_iam_origin is no origin".to_owned(),
                })
            })?;
        let response = platform
            .send(request, DEADLINE)
            .await
            .map_err(TokenError::Transport)?;
        let status = response.status().as_u16();
        if status != 200 {
            let code = serde_json::from_slice::<OAuthError>(response.body())
                .ok()
                .and_then(|body| body.error)
                .unwrap_or_else(|| "no OAuth error code".to_owned());
            return Err(if status == 401 || code == "invalid_client" {
                TokenError::InvalidClient { code }
            } else {
                TokenError::Refused { status, code }
            });
        }
        let granted: Granted =
            serde_json::from_slice(response.body()).map_err(|_| TokenError::Refused {
                status,
                code: "the answer holds no access_token".to_owned(),
            })?;
        let life = Duration::from_secs(granted.expires_in);
        let expires_at = asked_at.after(life);
        let lease = Lease {
            token: AccessToken::new(granted.access_token),
            expires_at,
            fresh_until: expires_at.before(SKEW.min(life / 10)),
        };
        self.keep(platform, &lease).await;
        Ok(lease)
    }
}

fn form(id: &str, secret: &ClientSecret) -> Bytes {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", id)
        .append_pair("client_secret", secret.expose())
        .finish();
    Bytes::from(form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, block_on, credentials};
    use futures::future::join_all;

    fn cache() -> TokenCache {
        TokenCache::new(credentials("secret"), "https://iam.example.com/")
    }

    #[test]
    fn the_request_is_a_form_with_the_credentials_in_its_body() {
        let fake = Fake::new();
        block_on(cache().get(&fake)).unwrap();
        let request = fake.requests().remove(0);
        assert_eq!(request.uri(), "https://iam.example.com/oauth2/token");
        assert_eq!(
            request.headers()["content-type"],
            "application/x-www-form-urlencoded"
        );
        assert_eq!(
            &request.body()[..],
            b"grant_type=client_credentials&client_id=client_test&client_secret=secret"
        );
    }

    #[test]
    fn a_token_is_fetched_once_until_thirty_seconds_before_it_expires() {
        let fake = Fake::new();
        let cache = cache();
        let first = block_on(cache.get(&fake)).unwrap();
        fake.advance(Duration::from_millis(3_569_999));
        assert!(block_on(cache.get(&fake)).unwrap().is(&first));
        assert_eq!(fake.token_requests(), 1);
        fake.advance(Duration::from_millis(1));
        assert!(!block_on(cache.get(&fake)).unwrap().is(&first));
        assert_eq!(fake.token_requests(), 2);
    }

    #[test]
    fn a_short_lived_token_is_used_for_nine_tenths_of_its_life() {
        let fake = Fake::new();
        fake.token_life(100);
        let cache = cache();
        block_on(cache.get(&fake)).unwrap();
        fake.advance(Duration::from_secs(89));
        block_on(cache.get(&fake)).unwrap();
        assert_eq!(fake.token_requests(), 1);
        fake.advance(Duration::from_secs(1));
        block_on(cache.get(&fake)).unwrap();
        assert_eq!(fake.token_requests(), 2);
    }

    #[test]
    fn another_instance_finds_the_token_in_the_store() {
        let fake = Fake::new();
        let first = block_on(cache().get(&fake)).unwrap();
        assert!(block_on(cache().get(&fake)).unwrap().is(&first));
        assert_eq!(fake.token_requests(), 1);
    }

    #[test]
    fn the_store_holds_nothing_that_shows_the_token_or_the_secret() {
        let fake = Fake::new();
        let token = block_on(cache().get(&fake)).unwrap();
        for (key, value) in fake.stored() {
            let held = format!("{key} {}", String::from_utf8_lossy(&value));
            assert!(
                !held.contains(token.expose()) && !held.contains("secret"),
                "{held}"
            );
        }
        // A rotated secret makes the kept token a miss, not an error.
        let rotated = TokenCache::new(credentials("rotated"), "https://iam.example.com");
        block_on(rotated.get(&fake)).unwrap();
        assert_eq!(fake.token_requests(), 2);
    }

    #[test]
    fn callers_at_the_same_time_share_one_request() {
        let fake = Fake::new();
        let cache = cache();
        let tokens = block_on(join_all((0..100).map(|_| cache.get(&fake))));
        assert!(tokens.iter().all(Result::is_ok));
        assert_eq!(fake.token_requests(), 1);
    }

    #[test]
    fn a_store_that_is_down_does_not_cost_the_token() {
        let fake = Fake::new();
        fake.break_store();
        block_on(cache().get(&fake)).unwrap();
        assert_eq!(fake.token_requests(), 1);
    }

    #[test]
    fn a_refused_token_is_forgotten_and_a_newer_one_is_not() {
        let fake = Fake::new();
        let cache = cache();
        let old = block_on(cache.get(&fake)).unwrap();
        block_on(cache.refused(&fake, &old));
        let new = block_on(cache.get(&fake)).unwrap();
        assert!(!new.is(&old));
        // A straggler reports the old one again.
        block_on(cache.refused(&fake, &old));
        assert!(block_on(cache.get(&fake)).unwrap().is(&new));
        assert_eq!(fake.token_requests(), 2);
    }

    #[test]
    fn wrong_credentials_name_the_variables_and_not_the_secret() {
        let fake = Fake::new();
        fake.answer("/oauth2/token", 401, r#"{"error":"invalid_client"}"#);
        let error = block_on(cache().get(&fake)).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(
            said.contains("smartcar_client_id") && said.contains("client_"),
            "{said}"
        );
        assert!(!said.contains("=secret") && !error.is_temporary(), "{said}");
    }

    #[test]
    fn an_answer_that_is_no_token_is_an_error() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"access_token":"t"}"#,
            r#"{"access_token":7,"expires_in":1}"#,
        ] {
            let fake = Fake::new();
            fake.answer("/oauth2/token", 200, body);
            let error = block_on(cache().get(&fake)).unwrap_err();
            assert!(
                matches!(error, TokenError::Refused { status: 200, .. }),
                "{body} {error}"
            );
        }
    }

    #[test]
    fn without_credentials_nothing_is_asked() {
        let fake = Fake::new();
        let cache = TokenCache::new(credentials(""), "https://iam.example.com");
        assert!(matches!(
            block_on(cache.get(&fake)),
            Err(TokenError::NoCredentials)
        ));
        assert_eq!(fake.requests().len(), 0);
    }
}
