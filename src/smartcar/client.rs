//! Calls to Smartcar's API, with the application's token.

pub(crate) mod back_off;
pub(crate) mod call;
pub(crate) mod limit;
mod limits;
pub(crate) mod policy;
pub(crate) mod response;
pub(crate) mod streaming;

use crate::{
    Call, Error, Limit, Platform, Response, Sent, StreamingResponse, Timestamp, TokenCache,
    TokenError, TokenUse, TransportError, endpoints::Api, error::ApiError,
};
use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderValue, StatusCode, header};
use limits::Limits;
use std::pin::pin;

/// Where Smartcar's APIs are. Each is a scheme, a host and perhaps a port.
#[derive(Clone, Debug)]
pub struct Origins {
    /// The identity server.
    pub iam: String,
    /// The vehicle API.
    pub vehicle: String,
    /// The management API.
    pub management: String,
    /// The compatibility API.
    pub compatibility: String,
}

impl Default for Origins {
    fn default() -> Self {
        Self {
            iam: "https://iam.smartcar.com".to_owned(),
            vehicle: "https://vehicle.api.smartcar.com".to_owned(),
            management: "https://management.api.smartcar.com".to_owned(),
            compatibility: "https://compatibility.api.smartcar.com".to_owned(),
        }
    }
}

impl Origins {
    /// The origin of one of the APIs, without a slash at its end.
    fn of(&self, api: Api) -> &str {
        match api {
            Api::Iam => &self.iam,
            Api::Vehicle => &self.vehicle,
            Api::Management => &self.management,
            Api::Compatibility => &self.compatibility,
        }
        .trim_end_matches('/')
    }

    /// The path and query of a link that leads to one of Smartcar's APIs of version
    /// 3, by these origins or by those of Smartcar itself: a proxy in between does
    /// not change what an answer says.
    pub fn path_of<'a>(&self, link: &'a str) -> Option<&'a str> {
        let smartcar = Self::default();
        let apis = [Api::Vehicle, Api::Management, Api::Compatibility];
        let mut origins = [self, &smartcar]
            .into_iter()
            .flat_map(|origins| apis.map(|api| origins.of(api)));
        origins.find_map(|origin| {
            let (start, path) = link.split_at_checked(origin.len())?;
            let is_it = start.eq_ignore_ascii_case(origin) && path.starts_with("/v3/");
            is_it.then_some(path)
        })
    }
}

/// How far an answer is read before it is returned, or the call made again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Headers,
    End,
}

/// Smartcar's API, called with a token that is fetched when it is needed.
pub struct Client<P> {
    platform: P,
    tokens: TokenCache,
    origins: Origins,
    limits: Limits,
}

impl<P: Platform> Client<P> {
    /// A client that calls the APIs at `origins` with the token of `tokens`.
    pub fn new(platform: P, tokens: TokenCache, origins: Origins) -> Self {
        Self {
            platform,
            tokens,
            origins,
            limits: Limits::default(),
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

    /// Where this client finds Smartcar's APIs.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// The limits that are in force.
    pub async fn limits(&self) -> Vec<Limit> {
        self.limits.all(&self.platform, self.tokens.vault()).await
    }

    /// Makes a call and returns Smartcar's answer, whatever its status.
    ///
    /// A call that is refused for its token (401) did not run; it is made once
    /// more where there is another token. Beyond that, the call's
    /// [`Policy`](crate::Policy) says what is repeated. While a limit is in force,
    /// nothing is sent.
    pub async fn call(&self, call: &Call) -> Result<Response, Error> {
        let opened = self.repeat(call, Until::End).await?;
        Ok(opened.read().await?)
    }

    /// Like [`call`](Self::call), but returns when the answer's headers are there.
    /// A body that breaks off is not asked for again.
    pub async fn open(&self, call: &Call) -> Result<StreamingResponse<P::Body>, Error> {
        self.repeat(call, Until::Headers).await
    }

    async fn repeat(&self, call: &Call, until: Until) -> Result<StreamingResponse<P::Body>, Error> {
        let begun = self.platform.now();
        let vault = self.tokens.vault();
        let limit = self.limits.in_force(&self.platform, vault, call);
        if let Some(limit) = self.in_time(call, begun, limit).await? {
            return Err(Error::Limited(limit));
        }
        let mut retries = 0;
        loop {
            let result = self.attempt(call, begun, until).await;
            let status = result.as_ref().map(|opened| opened.status);
            if let Ok(StatusCode::TOO_MANY_REQUESTS) = status {
                let response = result?.read().await?;
                let error = ApiError::from_response(&response);
                self.limits
                    .remember(&self.platform, vault, call, &error)
                    .await;
                return Ok(response.into());
            }
            let wait = call.policy().wait(status, retries, &self.platform);
            let spent = self.platform.now().since(begun);
            match wait {
                Some(wait) if !call.time_to_answer(spent + wait).is_zero() => {
                    self.platform.sleep(wait).await;
                    retries += 1;
                }
                _ => return result,
            }
        }
    }

    /// What comes before a request: in time, or not at all. The time is the sleep's
    /// and not the clock's, which may be set back meanwhile.
    async fn in_time<T>(
        &self,
        call: &Call,
        begun: Timestamp,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let time = call.time_to_prepare(self.platform.now().since(begun));
        match select(pin!(work), pin!(self.platform.sleep(time))).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right(_) => Err(TokenError::TimedOut.into()),
        }
    }

    /// One attempt; two requests where the first was refused for its token.
    async fn attempt(
        &self,
        call: &Call,
        begun: Timestamp,
        until: Until,
    ) -> Result<StreamingResponse<P::Body>, Error> {
        if !call.takes_token() {
            return self.send(call, None, begun, until).await;
        }
        let token = self.tokens.get(&self.platform);
        let token = self.in_time(call, begun, token).await??;
        let opened = self.send(call, Some(token.expose()), begun, until).await?;
        if opened.status != StatusCode::UNAUTHORIZED {
            return Ok(opened);
        }
        let another = async {
            if self.tokens.refused(&self.platform, &token).await {
                Some(self.tokens.get(&self.platform).await)
            } else {
                None
            }
        };
        match self.in_time(call, begun, another).await {
            Ok(Some(token)) => self.send(call, Some(token?.expose()), begun, until).await,
            // There is no other token, or no time for one.
            Ok(None) | Err(_) => Ok(opened),
        }
    }

    async fn send(
        &self,
        call: &Call,
        token: Option<&str>,
        begun: Timestamp,
        until: Until,
    ) -> Result<StreamingResponse<P::Body>, Error> {
        let request = self.request(call, token).map_err(|detail| TransportError {
            sent: Sent::No,
            detail: detail.to_owned(),
        })?;
        let started = self.platform.now();
        // Getting a token took its part of the time.
        let time = call.time_to_answer(started.since(begun));
        if time.is_zero() {
            return Err(Error::Transport(TransportError {
                sent: Sent::No,
                detail: "the time ran out before it was sent".to_owned(),
            }));
        }
        let mut account = token.map(|_| Account {
            platform: &self.platform,
            call,
            started,
            answer: None,
        });
        let mut result = self
            .platform
            .open(request, time)
            .await
            .map(StreamingResponse::from);
        if until == Until::End
            && let Ok(opened) = result
        {
            result = opened.read().await.map(StreamingResponse::from);
        }
        if let (Some(account), Ok(opened)) = (&mut account, &result) {
            let request_id = opened.request_id().map(str::to_owned);
            account.answer = Some((opened.status.as_u16(), request_id));
        }
        Ok(result?)
    }

    fn request(
        &self,
        call: &Call,
        token: Option<&str>,
    ) -> Result<http::Request<Bytes>, &'static str> {
        let origin = self.origins.of(call.endpoint.api());
        let mut request = http::Request::builder()
            .method(&call.endpoint.method)
            .uri(format!("{origin}{}", call.path_and_query()))
            .header(header::ACCEPT, "application/json");
        if let Some(token) = token {
            let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| "the access token does not fit into a header")?;
            bearer.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, bearer);
        }
        if let Some(user) = &call.user {
            request = request.header("sc-user-id", user.as_str());
        }
        if let Some(units) = call.units {
            request = request.header("sc-unit-system", units.as_str());
        }
        if !call.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request
            .body(call.body.clone())
            .map_err(|_| "the configured origin of Smartcar's API is not an origin")
    }
}

/// Takes account of a use of the token when it ends, also where no caller waits for
/// the answer any more.
struct Account<'a, P: Platform> {
    platform: &'a P,
    call: &'a Call,
    started: Timestamp,
    /// Status and Smartcar's id of the request.
    answer: Option<(u16, Option<String>)>,
}

impl<P: Platform> Drop for Account<'_, P> {
    fn drop(&mut self) {
        let answer = self.answer.as_ref();
        self.platform.token_used(&TokenUse {
            endpoint: self.call.endpoint,
            vehicle: self.call.vehicle.as_ref(),
            user: self.call.user.as_ref(),
            status: answer.map(|(status, _)| *status),
            request_id: answer.and_then(|(_, id)| id.as_deref()),
            duration: self.platform.now().since(self.started),
        });
    }
}

#[cfg(test)]
mod tests;
