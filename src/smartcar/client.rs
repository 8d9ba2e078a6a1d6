//! Calls to Smartcar's API, with the application's token.

use crate::{
    Command, Error, Platform, TokenCache, TransportError, UserId, VehicleId, error::ApiError,
    http::Sent,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::time::Duration;

/// Where Smartcar's API is. Each is a scheme, a host and perhaps a port.
#[derive(Clone, Debug)]
pub struct Origins {
    /// The identity server: `https://iam.smartcar.com`.
    pub iam: String,
    /// The vehicle API: `https://vehicle.api.smartcar.com`.
    pub vehicle: String,
}

impl Default for Origins {
    fn default() -> Self {
        Self {
            iam: "https://iam.smartcar.com".to_owned(),
            vehicle: "https://vehicle.api.smartcar.com".to_owned(),
        }
    }
}

/// A call to the vehicle API.
#[derive(Clone, Debug)]
pub struct Call {
    /// The HTTP method.
    pub method: Method,
    /// The path below the origin, for example `/v3/vehicles/{id}/commands/security/lock`.
    pub path: String,
    /// The user on whose behalf: required for signals and commands.
    pub user: Option<UserId>,
    /// The body, sent as it is; JSON where it is not empty.
    pub body: Bytes,
    /// How long the call may take in all.
    pub deadline: Duration,
}

impl Call {
    /// How long a command may take. Smartcar keeps the connection of a slow
    /// command open and streams the outcome on it; its own SDK waits this long.
    pub const COMMAND_DEADLINE: Duration = Duration::from_secs(310);

    /// The call that makes a vehicle do `command`.
    pub fn command(vehicle: &VehicleId, user: UserId, command: &Command) -> Self {
        Self {
            method: Method::POST,
            path: format!("/v3/vehicles/{vehicle}/commands/{}", command.kind().path()),
            user: Some(user),
            body: command.body().into(),
            deadline: Self::COMMAND_DEADLINE,
        }
    }
}

/// An answer of Smartcar's API, whatever its status.
#[derive(Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as received.
    pub body: Bytes,
}

impl Response {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The answer if it tells of success, else the error that it tells of.
    pub fn into_result(self) -> Result<Self, Error> {
        if self.status.is_success() {
            Ok(self)
        } else {
            Err(Error::Api(Box::new(ApiError::from_response(&self))))
        }
    }
}

/// A body can hold where a car stands.
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Smartcar's API, called with a token that is fetched when it is needed.
pub struct Client<P> {
    platform: P,
    tokens: TokenCache,
    origin: String,
}

impl<P: Platform> Client<P> {
    /// A client that calls the API at `origins` with the token of `tokens`.
    pub fn new(platform: P, tokens: TokenCache, origins: &Origins) -> Self {
        let origin = origins.vehicle.trim_end_matches('/').to_owned();
        Self {
            platform,
            tokens,
            origin,
        }
    }

    /// Where this client runs.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// The token that this client uses.
    pub fn tokens(&self) -> &TokenCache {
        &self.tokens
    }

    /// Makes a call and returns Smartcar's answer, whatever its status.
    ///
    /// A call that is refused for its token (401) did not run; it is made once
    /// more with a new token. Nothing else is repeated.
    pub async fn call(&self, call: &Call) -> Result<Response, Error> {
        let token = self.tokens.get(&self.platform).await?;
        let response = self.send(call, token.expose()).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.tokens.refused(&self.platform, &token).await;
        let token = self.tokens.get(&self.platform).await?;
        self.send(call, token.expose()).await
    }

    /// Makes a vehicle do `command`; the answer is Smartcar's `command-execution`.
    pub async fn command(
        &self,
        vehicle: &VehicleId,
        user: UserId,
        command: &Command,
    ) -> Result<Response, Error> {
        self.call(&Call::command(vehicle, user, command))
            .await?
            .into_result()
    }

    async fn send(&self, call: &Call, token: &str) -> Result<Response, Error> {
        let request = self.request(call, token).map_err(|detail| TransportError {
            sent: Sent::No,
            detail: detail.to_owned(),
        })?;
        let response = self.platform.send(request, call.deadline).await?;
        let (parts, body) = response.into_parts();
        Ok(Response {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    fn request(&self, call: &Call, token: &str) -> Result<http::Request<Bytes>, &'static str> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| "the access token does not fit into a header")?;
        bearer.set_sensitive(true);
        let mut request = http::Request::builder()
            .method(&call.method)
            .uri(format!("{}{}", self.origin, call.path))
            .header(header::AUTHORIZATION, bearer)
            .header(header::ACCEPT, "application/json");
        if let Some(user) = &call.user {
            request = request.header("sc-user-id", user.as_str());
        }
        if !call.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request
            .body(call.body.clone())
            .map_err(|_| "the variable smartcar_vehicle_origin is no origin, or the path no path")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, block_on, client};

    const LOCK: &str = "/v3/vehicles/v-1/commands/security/lock";

    fn lock(fake: Fake) -> (Client<Fake>, Result<Response, Error>) {
        let client = client(fake);
        let vehicle = VehicleId::parse("v-1").unwrap();
        let user = UserId::parse("u-1").unwrap();
        let result = block_on(client.command(&vehicle, user, &Command::Lock));
        (client, result)
    }

    #[test]
    fn a_command_goes_out_as_documented() {
        let fake = Fake::new();
        fake.answer(LOCK, 200, "{}");
        let (client, result) = lock(fake);
        assert_eq!(result.unwrap().body, "{}");
        let request = client.platform().requests().remove(1);
        assert_eq!(request.method(), Method::POST);
        assert_eq!(
            request.uri(),
            "https://vehicle.example.com/v3/vehicles/v-1/commands/security/lock"
        );
        assert_eq!(request.headers()["authorization"], "Bearer token-1");
        assert_eq!(request.headers()["sc-user-id"], "u-1");
        assert!(request.body().is_empty() && !request.headers().contains_key("content-type"));
    }

    #[test]
    fn a_refused_token_is_replaced_once_and_the_call_made_once_more() {
        let fake = Fake::new();
        fake.refuse_token("token-1");
        fake.answer(LOCK, 200, "{}");
        let (client, result) = lock(fake);
        assert!(result.is_ok());
        assert_eq!(client.platform().token_requests(), 2);
        assert_eq!(client.platform().requests_to(LOCK), 2);
    }

    #[test]
    fn a_call_that_stays_refused_ends() {
        let fake = Fake::new();
        fake.answer(
            LOCK,
            401,
            r#"{"errors":[{"type":"AUTHENTICATION","code":"UNAUTHORIZED"}]}"#,
        );
        let (client, result) = lock(fake);
        let Err(Error::Api(error)) = result else {
            panic!("{result:?}")
        };
        assert_eq!((error.status, error.kind.as_str()), (401, "AUTHENTICATION"));
        assert_eq!(client.platform().requests_to(LOCK), 2);
    }

    #[test]
    fn a_command_that_got_no_answer_is_not_sent_again() {
        for (sent, may_have_happened) in [(Sent::Maybe, true), (Sent::No, false)] {
            let fake = Fake::new();
            fake.fail(LOCK, sent);
            let (client, result) = lock(fake);
            let error = result.unwrap_err();
            assert_eq!(error.may_have_happened(), may_have_happened);
            assert_eq!(client.platform().requests_to(LOCK), 1);
        }
    }
}
