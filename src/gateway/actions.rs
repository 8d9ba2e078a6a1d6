//! Actions: commands, and every other change that is made at Smartcar. Each is claimed,
//! written down, sent to Smartcar once, and settled by what came of it.

pub(crate) mod evidence;
pub(crate) mod idempotency;
pub(crate) mod local;
pub(crate) mod outcome;
pub(crate) mod patience;
pub(crate) mod record;
#[cfg(test)]
mod record_tests;
pub(crate) mod reply;
mod subject;
#[cfg(test)]
mod tests;
mod watch;

use crate::{
    access::{callers::Caller, owners},
    answer::{
        Reply, complete, hand_on, is_from_smartcar, kept_headers, not_from_smartcar, problem,
        streaming,
    },
    app::App,
    billing,
    request::{Inbound, invalid, single},
};
use bytes::Bytes;
use edge::{Platform, Response, respond::Problem};
use futures::{
    channel::oneshot,
    future::{Either, select},
};
use http::{HeaderMap, Method, StatusCode};
use idempotency::fingerprint;
use outcome::Judgement;
use patience::Patience;
use record::{Claim, Kept, New, Running};
use serde_json::{Map, Value};
use smartcar::{
    BodyStream, Call, CommandKind, Error, Evidence, StreamingResponse, TransportError,
    endpoints::{About, Endpoint, Family, OnBehalf},
};
use std::pin::pin;
use store::{Store, action::Outcome};
use subject::{Subject, is_gone};

/// Makes the change that a request asks for, once.
pub(crate) async fn run<P: Platform, S: Store>(
    app: &'static App<P, S>,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Reply, Problem> {
    match steps(app, caller, endpoint, inbound).await {
        Ok(answer) => Ok(answer),
        Err(Early::Answered(response)) => Ok(complete(response)),
        Err(Early::Refused(problem)) => Err(problem),
    }
}

async fn steps<P: Platform, S: Store>(
    app: &'static App<P, S>,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Reply, Early> {
    let request = Request::read(app, caller, endpoint, inbound)?;
    let identified = request.identify().await?;
    let claimed = identified.claim().await?;
    let patience = claimed.request.patience;
    let resolved = claimed.resolve().await?;
    Ok(resolved.carry_out(patience).await)
}

/// Why a request is answered before Smartcar is called.
enum Early {
    /// There is nothing on record of it.
    Refused(Problem),
    /// It was answered before, or its refusal is on record.
    Answered(Response),
}

impl From<Problem> for Early {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// A request to change something, checked as far as that takes no store and no call.
struct Request<'a, P: Platform, S: Store> {
    app: &'static App<P, S>,
    caller: &'a Caller,
    endpoint: &'static Endpoint,
    inbound: &'a Inbound,
    /// The signal by which the vehicle will show that it has carried the command out.
    evidence: Option<Evidence>,
    key: Option<&'a str>,
    insists: bool,
    /// How long the caller waits; none: as long as it takes.
    patience: Option<Patience>,
    subject: Subject,
    call: Call,
    fingerprint: String,
}

impl<'a, P: Platform, S: Store> Request<'a, P, S> {
    fn read(
        app: &'static App<P, S>,
        caller: &'a Caller,
        endpoint: &'static Endpoint,
        inbound: &'a Inbound,
    ) -> Result<Self, Problem> {
        caller.require(endpoint.scope)?;
        let evidence = validate(endpoint, &inbound.body)?;
        let key = idempotency::key(&inbound.headers, app.requires_idempotency_key())?;
        let insists = idempotency::insists(&inbound.headers)?;
        let patience = match endpoint.about {
            About::Vehicle => patience::of(&inbound.headers, app.command_deadline())?,
            _ => None,
        };
        let subject = Subject::named(caller, endpoint, inbound)?;
        let user = match endpoint.on_behalf() {
            OnBehalf::Optional => inbound.user()?,
            // The owner is looked up later.
            OnBehalf::Required | OnBehalf::None => None,
        };
        let call = inbound.call(endpoint, user)?;
        // A user whom only the key names is not part of it, so that the key may be
        // restricted to other users later: see `identify`.
        let named = single(&inbound.headers, "sc-user-id")?.unwrap_or_default();
        let fingerprint = fingerprint(&[
            endpoint.method.as_str().as_bytes(),
            call.path().as_bytes(),
            inbound.query.as_bytes(),
            named.as_bytes(),
            &inbound.body,
        ]);
        Ok(Self {
            app,
            caller,
            endpoint,
            inbound,
            evidence,
            key,
            insists,
            patience,
            subject,
            call,
            fingerprint,
        })
    }

    /// Finds the owner of a vehicle where neither the request nor its key names a user, and
    /// makes sure that a user is connected to the vehicle where the key is restricted to
    /// users: only those who may use a vehicle can claim it.
    ///
    /// If Smartcar would have to be asked, a request that was answered before gets the same
    /// answer first: the connection can be gone by now. Under a key that is restricted to
    /// users the earlier answer is always looked for first: a request that names no user
    /// can be another user's than it was when it was answered.
    async fn identify(mut self) -> Result<Self, Early> {
        let Some(vehicle) = &self.subject.vehicle else {
            return Ok(self);
        };
        if self.endpoint.about != About::Vehicle {
            return Ok(self);
        }
        let is_for_all_users = self.caller.is_for_all_users();
        if self.subject.user.is_none() || !is_for_all_users {
            let owner = owners::stored(self.app, vehicle).await?;
            let is_known = match &self.subject.user {
                Some(user) => owner.as_ref() == Some(user),
                None => owner.is_some(),
            };
            if !is_known || !is_for_all_users {
                self.replay().await?;
            }
            let user = match (&self.subject.user, owner) {
                (Some(user), _) if is_known => user.clone(),
                (Some(user), _) => {
                    owners::require_connection(self.app, self.caller, vehicle, user).await?;
                    user.clone()
                }
                (None, Some(owner)) => owner,
                (None, None) => owners::ask(self.app, self.caller, vehicle).await?,
            };
            self.caller.require_user(&user)?;
            self.subject.user = Some(user);
        }
        if let Some(user) = self.subject.user.clone() {
            self.call = self.call.on_behalf_of(user);
        }
        Ok(self)
    }

    /// Answers as before where the key has been used.
    async fn replay(&self) -> Result<(), Early> {
        let Some(key) = self.key else { return Ok(()) };
        match record::claimed(self.app, self.caller.name(), key).await? {
            None => Ok(()),
            Some(claimed) => {
                self.caller.require_owner(claimed.user.as_deref())?;
                let response = reply::replayed(claimed, &self.fingerprint)?;
                Err(Early::Answered(response))
            }
        }
    }

    async fn claim(self) -> Result<Claimed<'a, P, S>, Early> {
        let claim = record::claim(
            self.app,
            New {
                caller: self.caller.name(),
                kind: self.endpoint.name,
                path: self.call.path(),
                vehicle: self.subject.vehicle.as_ref().or(self.call.vehicle()),
                user: self.subject.user.as_ref().or(self.call.user()),
                key: self.key,
                fingerprint: &self.fingerprint,
                is_exclusive: self.endpoint.about == About::Vehicle,
                insists: self.insists,
                evidence: self.evidence.as_ref(),
            },
        );
        match claim.await? {
            Claim::Begun(running) => Ok(Claimed {
                request: self,
                running,
            }),
            Claim::Before(claimed) => {
                let response = reply::replayed(claimed, &self.fingerprint)?;
                Err(Early::Answered(response))
            }
            Claim::Held(holder) => {
                let is_own = holder.caller == self.caller.name();
                let is_named = is_own || self.caller.is_auditor();
                Err(reply::in_the_way(&holder, is_named, self.app.now()).into())
            }
            Claim::Contended => Err(reply::contended().into()),
        }
    }
}

/// Refuses a body that Smartcar would refuse; returns the signal by which the change will
/// show.
fn validate(endpoint: &Endpoint, body: &Bytes) -> Result<Option<Evidence>, Problem> {
    if let Some(kind) = CommandKind::of(endpoint) {
        let command = kind.parse(body);
        let command = command.map_err(|error| invalid(error.to_string()))?;
        return Ok(command.evidence());
    }
    if matches!(endpoint.family, Family::Unlisted(_)) {
        return Ok(None);
    }
    if endpoint.family == Family::ChargeSchedules && endpoint.method == Method::POST {
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let attributes = sent.get("data").and_then(|data| data.get("attributes"));
        if !attributes.is_some_and(Value::is_object) {
            let detail = "the body must have a JSON object at data.attributes";
            return Err(invalid(detail));
        }
        return Ok(None);
    }
    let is_object = serde_json::from_slice::<Map<String, Value>>(body).is_ok();
    if endpoint.method == Method::POST && !is_object {
        return Err(invalid("the body must be a JSON object"));
    }
    Ok(None)
}

/// A request whose key and vehicle are claimed: it is written down as running.
struct Claimed<'a, P: Platform, S: Store> {
    request: Request<'a, P, S>,
    running: Running,
}

impl<P: Platform, S: Store> Claimed<'_, P, S> {
    /// Looks up whom the action is about, where only Smartcar can say, and whether Smartcar may
    /// be called for it. What is refused then is on record.
    async fn resolve(self) -> Result<Resolved<P, S>, Early> {
        let subject = match self.look_up().await {
            Ok(subject) => subject,
            Err(problem) => return Err(Early::Answered(self.refuse(problem).await)),
        };
        let Self { request, running } = self;
        Ok(Resolved {
            call: request.call,
            action: Action {
                app: request.app,
                endpoint: request.endpoint,
                running,
                subject: subject.unwrap_or(request.subject),
            },
        })
    }

    async fn look_up(&self) -> Result<Option<Subject>, Problem> {
        let Request {
            app,
            caller,
            endpoint,
            inbound,
            ..
        } = self.request;
        billing::admit(app, &self.request.call).await?;
        let subject = Subject::looked_up(app, caller, endpoint, inbound).await?;
        if let Some(Subject { vehicle, user, .. }) = &subject
            && (vehicle.is_some() || user.is_some())
        {
            let (vehicle, user) = (vehicle.as_ref(), user.as_ref());
            self.running.set_subject(app, vehicle, user).await?;
        }
        Ok(subject)
    }

    /// Nothing is sent after all.
    async fn refuse(&self, problem: Problem) -> Response {
        let judgement = Judgement::refused(problem.code);
        let kept = Kept::status(problem.status);
        let app = self.request.app;
        self.running
            .complete(app, &judgement, None, None, &kept)
            .await;
        let mut response = Response::from(problem);
        reply::name_action(response.headers_mut(), &self.running.id);
        response
    }
}

/// An action whose subject is known, as far as it ever will be.
struct Resolved<P: Platform, S: Store> {
    action: Action<P, S>,
    call: Call,
}

impl<P: Platform, S: Store> Resolved<P, S> {
    /// Has Smartcar carry the action out. Where that takes longer than the caller waits, it
    /// goes on, and the caller is answered that it runs.
    async fn carry_out(self, patience: Option<Patience>) -> Reply {
        let Some(patience) = patience else {
            return self.send(Until::Headers).await.settle().await;
        };
        let (platform, action) = (self.action.app.platform(), &self.action);
        let accepted = patience.accepted(&action.running.id, action.endpoint.name);
        let accepted = action.name(accepted);
        let (done, outcome) = oneshot::channel();
        platform.spawn(async move {
            let reply = self.send(Until::End).await.settle().await;
            // Where the caller does not wait any more, the record has it.
            let _ = done.send(reply);
        });
        match select(outcome, pin!(platform.sleep(patience.time))).await {
            Either::Left((Ok(reply), _)) => reply,
            _ => complete(accepted),
        }
    }

    async fn send(self, until: Until) -> Sent<P, S> {
        let Self { action, call } = self;
        let received = match billing::open(action.app, &call).await {
            Err(error) => Received::Missing(error),
            Ok(opened) if !is_from_smartcar(&opened.headers) => {
                Received::Foreign(opened.status, opened.headers)
            }
            // Smartcar keeps the connection open until it knows more.
            Ok(opened)
                if until == Until::Headers
                    && opened.status == StatusCode::ACCEPTED
                    && opened.length().is_none() =>
            {
                Received::Streaming(opened)
            }
            Ok(opened) => match opened.read().await {
                Ok(response) => Received::Complete(response),
                Err(error) => Received::Missing(error.into()),
            },
        };
        Sent { action, received }
    }
}

/// How much of a slow answer is awaited before it is handed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// The rest is handed on as it comes.
    Headers,
    /// All of it.
    End,
}

/// An action that Smartcar was called for.
struct Sent<P: Platform, S: Store> {
    action: Action<P, S>,
    received: Received<P::Body>,
}

/// What came back.
enum Received<B> {
    Complete(smartcar::Response),
    /// An answer whose body is still arriving; the outcome is in it.
    Streaming(StreamingResponse<B>),
    /// Something other than Smartcar answered.
    Foreign(StatusCode, HeaderMap),
    /// No answer, or one that broke off.
    Missing(Error),
}

impl<P: Platform, S: Store> Sent<P, S> {
    /// Writes down what came of the action and answers the caller.
    async fn settle(self) -> Reply {
        let Self { action, received } = self;
        match received {
            Received::Complete(answer) => complete(action.end(answer).await),
            Received::Streaming(opened) => action.stream(opened),
            Received::Foreign(status, headers) => {
                let judgement = outcome::not_from_smartcar(status);
                let problem = match judgement.outcome {
                    Outcome::Unknown => reply::unknown(&action.running.id),
                    _ => not_from_smartcar(status, &headers),
                };
                complete(action.give_up(judgement, problem).await)
            }
            Received::Missing(error) => {
                let judgement = outcome::not_answered(&error);
                let problem = match judgement.outcome {
                    Outcome::Unknown => reply::unknown(&action.running.id),
                    _ => problem(&error),
                };
                complete(action.give_up(judgement, problem).await)
            }
        }
    }
}

/// An action under way.
struct Action<P: Platform, S: Store> {
    app: &'static App<P, S>,
    endpoint: &'static Endpoint,
    running: Running,
    subject: Subject,
}

impl<P: Platform, S: Store> Action<P, S> {
    /// Ends with Smartcar's answer.
    async fn end(&self, answer: smartcar::Response) -> Response {
        self.complete(&answer).await;
        self.name(hand_on(answer))
    }

    /// Ends without one; the problem is what is answered now and kept under the key.
    async fn give_up(&self, judgement: Judgement, problem: Problem) -> Response {
        let body = problem.body();
        let response = Response::from(problem);
        self.settle(judgement, response.status(), response.headers(), body)
            .await;
        self.name(response)
    }

    async fn complete(&self, answer: &smartcar::Response) {
        let judgement = outcome::judge(self.endpoint, answer);
        self.settle(
            judgement,
            answer.status,
            &answer.headers,
            answer.body.clone(),
        )
        .await;
    }

    async fn settle(
        &self,
        mut judgement: Judgement,
        status: StatusCode,
        headers: &HeaderMap,
        body: Bytes,
    ) {
        // A lost answer is not waited for: what is stored comes again if the access has not
        // ended after all.
        if judgement.outcome != Outcome::Failed || is_gone(status.as_u16()) {
            self.forget().await;
        }
        if judgement.request_id.is_none() {
            let id = single(headers, "sc-request-id").ok().flatten();
            judgement.request_id = id.map(str::to_owned);
        }
        let kept = Kept {
            status,
            headers: kept_headers(headers),
            body,
        };
        let (vehicle, user) = (self.subject.vehicle.as_ref(), self.subject.user.as_ref());
        self.running
            .complete(self.app, &judgement, vehicle, user, &kept)
            .await;
    }

    /// Forgets what was stored by an access that has ended.
    async fn forget(&self) {
        let Subject {
            vehicle,
            user,
            is_outlived,
        } = &self.subject;
        match (self.endpoint.about, vehicle, user) {
            (About::User, _, Some(user)) => owners::forget_user(self.app, user).await,
            // Which vehicle it was is not always known.
            (About::Connection, Some(vehicle), user) if !is_outlived => {
                owners::forget_vehicle(self.app, vehicle, user.as_ref()).await;
            }
            _ => {}
        }
    }

    /// Hands the answer on as it comes, and settles the action at its end.
    fn stream<B: BodyStream>(self, opened: StreamingResponse<B>) -> Reply {
        let StreamingResponse {
            status,
            headers,
            body,
        } = opened;
        let mut kept = kept_headers(&headers);
        reply::name_action(&mut kept, &self.running.id);
        let platform = self.app.platform().clone();
        let streamed = Streamed {
            action: self,
            status,
            headers,
        };
        streaming(status, kept, watch::watched(platform, body, streamed))
    }

    fn name(&self, mut response: Response) -> Response {
        reply::name_action(response.headers_mut(), &self.running.id);
        response
    }
}

/// An action whose answer is still arriving.
struct Streamed<P: Platform, S: Store> {
    action: Action<P, S>,
    status: StatusCode,
    headers: HeaderMap,
}

impl<P: Platform, S: Store> watch::Record for Streamed<P, S> {
    async fn end(&self, body: Bytes, error: Option<&TransportError>) {
        if let Some(error) = error {
            let judgement = Judgement::unknown(error.to_string());
            let problem = reply::unknown(&self.action.running.id);
            self.action.give_up(judgement, problem).await;
            return;
        }
        let answer = smartcar::Response {
            status: self.status,
            headers: self.headers.clone(),
            body,
        };
        self.action.complete(&answer).await;
    }
}
