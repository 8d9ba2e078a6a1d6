//! Changing something: commands, and everything else that is not read. Each is
//! claimed, written down, sent to Smartcar once, and completed by what came of it.

use crate::{
    access::{callers::Caller, owners},
    actions::{
        outcome::{Judgement, judge, not_answered, not_smartcar_s},
        record::{self, Begun, New, Running},
        watch,
    },
    answer::{Answer, arriving, hand_on, is_smartcar_s, kept_headers, problem, whole},
    app::App,
    reads,
    request::{Inbound, invalid, single},
};
use bytes::Bytes;
use edge::{Platform, Response, respond::Problem};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use smartcar::{
    Call, CommandKind, ConnectionId, Evidence, Opened, Pieces, SubscriptionId, TransportError,
    UserId, VehicleId,
    endpoints::{self, About, Endpoint},
};
use store::{Store, action::Outcome};

/// Whom a change is about.
#[derive(Clone, Default)]
struct Subject {
    vehicle: Option<VehicleId>,
    user: Option<UserId>,
    /// The connection to be removed is gone already, and a newer one of the vehicle has
    /// reported since.
    is_outlived: bool,
}

/// Makes the change that a request asks for, once.
pub(crate) async fn make<P: Platform, S: Store>(
    app: &'static App<P, S>,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Answer, Problem> {
    caller.require(endpoint.scope)?;
    let of_a_vehicle = endpoint.about == About::Vehicle;
    let evidence = validate(endpoint, &inbound.body)?;
    let key = record::key(&inbound.headers, app.requires_idempotency_key())?;
    let insists = record::insists(&inbound.headers)?;
    let mut subject = subject(caller, endpoint, inbound)?;
    let call = reads::call(endpoint, inbound, None)?;
    let fingerprint = fingerprint(endpoint, &call, inbound)?;
    if of_a_vehicle
        && let Some(response) = connect(app, caller, &mut subject, key, &fingerprint).await?
    {
        return Ok(whole(response));
    }
    let call = match subject.user.clone().filter(|_| of_a_vehicle) {
        Some(user) => call.on_behalf_of(user),
        None => call,
    };
    let begun = record::begin(
        app,
        New {
            caller: caller.name(),
            is_auditor: caller.is_auditor(),
            kind: endpoint.name,
            path: call.path(),
            vehicle: subject.vehicle.as_ref(),
            user: subject.user.as_ref(),
            key,
            fingerprint,
            is_exclusive: of_a_vehicle,
            insists,
            evidence,
        },
    );
    let running = match begun.await? {
        Begun::New(running) => running,
        Begun::Before(response) => return Ok(whole(response)),
    };
    let subject = match looked_up(app, caller, endpoint, inbound, &running, subject).await {
        Ok(subject) => subject,
        Err(refused) => return Ok(whole(refuse(app, &running, refused).await)),
    };
    let change = Change {
        app,
        endpoint,
        running,
        subject,
    };
    let opened = match app.client().open(&call).await {
        Ok(opened) => opened,
        Err(error) => return Ok(whole(change.fail(&error).await)),
    };
    if !is_smartcar_s(&opened.headers) {
        let (status, headers) = (opened.status, opened.headers);
        return Ok(whole(change.end_unread(status, &headers).await));
    }
    if opened.status == StatusCode::ACCEPTED && opened.length().is_none() {
        return Ok(change.stream_on(opened));
    }
    Ok(whole(match opened.read().await {
        Ok(answer) => change.end(answer).await,
        Err(error) => change.fail(&error.into()).await,
    }))
}

/// Refuses what Smartcar would, before anything is sent; and tells by which
/// signal the change will show.
fn validate(endpoint: &Endpoint, body: &Bytes) -> Result<Option<Evidence>, Problem> {
    if let Some(kind) = CommandKind::of(endpoint) {
        let command = kind.parse(body);
        let command = command.map_err(|error| invalid(error.to_string()))?;
        return Ok(command.evidence());
    }
    let is_object = serde_json::from_slice::<Map<String, Value>>(body).is_ok();
    if endpoint.method == Method::POST && !is_object {
        return Err(invalid("the body is a JSON object"));
    }
    Ok(None)
}

/// What makes two changes the same. A user whom only the key names is no part of it, so
/// that a key may be held to other users meanwhile: see [`connect`].
fn fingerprint(endpoint: &Endpoint, call: &Call, inbound: &Inbound) -> Result<String, Problem> {
    let named = single(&inbound.headers, "sc-user-id")?.unwrap_or_default();
    Ok(record::fingerprint(&[
        endpoint.method.as_str().as_bytes(),
        call.path().as_bytes(),
        inbound.query.as_bytes(),
        named.as_bytes(),
        &inbound.body,
    ]))
}

/// Whom the request itself, or else its key, says that it is about; refuses a key that is
/// not for them.
fn subject(
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Subject, Problem> {
    match endpoint.about {
        About::Vehicle => {
            let vehicle = inbound.vehicle()?;
            caller.require_vehicle(&vehicle)?;
            let user = owners::named(caller, inbound)?;
            Ok(Subject {
                vehicle: Some(vehicle),
                user,
                is_outlived: false,
            })
        }
        About::User => {
            let user = UserId::from_caller(inbound.parts.get("userId"));
            let user = user.map_err(|error| invalid(error.to_string()))?;
            if !caller.is_for_all_vehicles() {
                let detail = "this key is held to vehicles, and a user can have others";
                return Err(reads::restricted(detail));
            }
            caller.require_user(&user)?;
            Ok(Subject {
                user: Some(user),
                ..Subject::default()
            })
        }
        About::Subscriber => {
            let subject = subscriber(&inbound.body)?;
            admit(caller, &subject)?;
            Ok(subject)
        }
        // What Smartcar has to be asked about is looked up when it is claimed.
        About::Connection
        | About::Subscription
        | About::Filter
        | About::Account
        | About::Nobody => Ok(Subject::default()),
    }
}

/// Finds the owner of a vehicle where neither the request nor its key names a user, and
/// makes sure that a user is connected to the vehicle where the key is restricted to
/// users: a vehicle is claimed only by those who may use it. Where Smartcar would have
/// to be asked, a request that was answered before is answered the same way: the
/// connection can be gone by now. Under a key that is restricted to users it always is
/// looked for first: a request that names no user can be another one's than it was when
/// it was answered.
async fn connect<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    subject: &mut Subject,
    key: Option<&str>,
    fingerprint: &str,
) -> Result<Option<Response>, Problem> {
    let Some(vehicle) = &subject.vehicle else {
        return Ok(None);
    };
    if subject.user.is_some() && caller.is_for_all_users() {
        return Ok(None);
    }
    let owner = owners::stored(app, vehicle).await?;
    let is_known = match &subject.user {
        Some(user) => owner.as_ref() == Some(user),
        None => owner.is_some(),
    };
    if !is_known || !caller.is_for_all_users() {
        let before = record::replay(app, caller, key, fingerprint).await?;
        if before.is_some() {
            return Ok(before);
        }
    }
    let user = match (&subject.user, owner) {
        (Some(user), _) if is_known => user.clone(),
        (Some(user), _) => {
            owners::require_connection(app, caller, vehicle, user).await?;
            user.clone()
        }
        (None, Some(owner)) => owner,
        (None, None) => owners::ask(app, caller, vehicle).await?,
    };
    caller.require_user(&user)?;
    subject.user = Some(user);
    Ok(None)
}

#[derive(Deserialize)]
struct Subscription {
    data: SubscriptionData,
}

#[derive(Deserialize)]
struct SubscriptionData {
    attributes: Subscriber,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscriber {
    vehicle_id: String,
    user_id: String,
}

fn subscriber(body: &[u8]) -> Result<Subject, Problem> {
    let read: Subscription = serde_json::from_slice(body).map_err(|_| {
        invalid("the body has data.attributes with webhookId, userId and vehicleId")
    })?;
    let Subscriber {
        vehicle_id,
        user_id,
    } = read.data.attributes;
    let bad = |error: smartcar::InvalidId| invalid(error.to_string());
    Ok(Subject {
        vehicle: Some(VehicleId::from_caller(&vehicle_id).map_err(bad)?),
        user: Some(UserId::from_caller(&user_id).map_err(bad)?),
        is_outlived: false,
    })
}

/// Refuses a key that is not for the vehicle and the user. Nobody in particular
/// is everybody.
fn admit(caller: &Caller, subject: &Subject) -> Result<(), Problem> {
    match &subject.vehicle {
        Some(vehicle) => caller.require_vehicle(vehicle)?,
        None if caller.is_for_all_vehicles() => {}
        None => return Err(reads::restricted("this key is held to vehicles")),
    }
    caller.require_owner(subject.user.as_ref().map(UserId::as_str))
}

/// What is removed by an id of its own is looked at first: the record says whose it
/// was, and a key that is restricted to others may not remove it. What Smartcar does
/// not show, it will not remove either, and says so itself; of a connection that was
/// removed before, the record still says whose it was.
async fn looked_up<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
    running: &Running,
    subject: Subject,
) -> Result<Subject, Problem> {
    let bad = |error: smartcar::InvalidId| invalid(error.to_string());
    let client = app.client();
    let is_connection = *endpoint == endpoints::DELETE_CONNECTION;
    let found = if is_connection {
        let id = ConnectionId::parse(inbound.parts.get("connectionId")).map_err(bad)?;
        let found = client.get_connection(&id).await;
        found.map(|found| Subject {
            vehicle: found.value.vehicle_id,
            user: found.value.user_id,
            is_outlived: false,
        })
    } else if *endpoint == endpoints::DELETE_SUBSCRIPTION {
        let id = SubscriptionId::parse(inbound.parts.get("subscriptionId")).map_err(bad)?;
        let found = client.get_subscription(&id).await;
        found.map(|found| Subject {
            vehicle: found.value.vehicle_id,
            user: found.value.user_id,
            is_outlived: false,
        })
    } else {
        return Ok(subject);
    };
    let subject = match found {
        Ok(subject) => subject,
        Err(smartcar::Error::Api(error)) if is_connection && is_gone(error.status) => {
            let path = reads::call(endpoint, inbound, None)?.path().to_owned();
            let removal = app.store().removal(&path).await;
            let removal = removal.map_err(|error| app.unavailable(&error))?;
            let removal = removal.unwrap_or_default();
            Subject {
                vehicle: removal.vehicle,
                user: removal.user,
                is_outlived: removal.is_outlived,
            }
        }
        Err(smartcar::Error::Api(error)) if error.status == 403 || is_gone(error.status) => {
            Subject::default()
        }
        Err(error) => return Err(problem(&error)),
    };
    admit(caller, &subject)?;
    let (vehicle, user) = (subject.vehicle.as_ref(), subject.user.as_ref());
    if vehicle.is_some() || user.is_some() {
        running.is_about(app, vehicle, user).await?;
    }
    Ok(subject)
}

/// Whether Smartcar says that there is no such thing, or no longer.
fn is_gone(status: u16) -> bool {
    matches!(status, 404 | 410)
}

/// Nothing was sent after all.
async fn refuse<P: Platform, S: Store>(
    app: &App<P, S>,
    running: &Running,
    refused: Problem,
) -> Response {
    let ending = record::Ending {
        error: Some(format!("EDGE/{}", refused.code)),
        is_void: true,
        ..record::Ending::default()
    };
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    running
        .complete(
            app,
            Outcome::Failed,
            refused.status,
            &headers,
            &body,
            ending,
        )
        .await;
    let mut response = Response::from(refused);
    record::tell(response.headers_mut(), &running.id);
    response
}

/// A change under way.
struct Change<P: Platform, S: Store> {
    app: &'static App<P, S>,
    endpoint: &'static Endpoint,
    running: Running,
    subject: Subject,
}

impl<P: Platform, S: Store> Change<P, S> {
    /// Smartcar's answer is here.
    async fn end(&self, answer: smartcar::Response) -> Response {
        let judgement = judge(self.endpoint, &answer);
        let response = hand_on(answer.clone());
        self.complete(judgement, answer.status, &answer.headers, &answer.body)
            .await;
        self.told(response)
    }

    /// Smartcar gave no answer, or none that can be read.
    async fn fail(&self, error: &smartcar::Error) -> Response {
        let problem = if error.may_have_happened() {
            record::unknown(&self.running.id)
        } else {
            problem(error)
        };
        self.give_up(not_answered(error), problem).await
    }

    /// Something else than Smartcar answered.
    async fn end_unread(&self, status: StatusCode, headers: &HeaderMap) -> Response {
        let judgement = not_smartcar_s(status);
        let problem = if judgement.outcome == Outcome::Unknown {
            record::unknown(&self.running.id)
        } else {
            crate::answer::not_smartcar_s(status, headers)
        };
        self.give_up(judgement, problem).await
    }

    async fn give_up(&self, judgement: Judgement, problem: Problem) -> Response {
        // What is kept under the key is what is said now.
        let body = problem.body();
        let response = Response::from(problem);
        self.complete(judgement, response.status(), response.headers(), &body)
            .await;
        self.told(response)
    }

    fn told(&self, mut response: Response) -> Response {
        record::tell(response.headers_mut(), &self.running.id);
        response
    }

    async fn complete(
        &self,
        judgement: Judgement,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) {
        let outcome = judgement.outcome;
        // An answer that was lost is not waited for: what is stored comes again if the
        // access has not ended after all.
        if outcome != Outcome::Failed || is_gone(status.as_u16()) {
            self.forget().await;
        }
        let Subject { vehicle, user, .. } = self.subject.clone();
        let ending = record::Ending {
            vehicle,
            user,
            error: judgement.error,
            request_id: judgement
                .request_id
                .or_else(|| single(headers, "sc-request-id").ok()?.map(str::to_owned)),
            execution_id: judgement.execution_id,
            is_void: judgement.is_void,
            is_open: judgement.is_open,
        };
        let headers = kept_headers(headers);
        self.running
            .complete(self.app, outcome, status, &headers, body, ending)
            .await;
    }

    /// Forgets what was stored by an access that has ended.
    async fn forget(&self) {
        let Subject {
            vehicle,
            user,
            is_outlived,
        } = &self.subject;
        if *self.endpoint == endpoints::DELETE_USER {
            if let Some(user) = user {
                owners::forget_user(self.app, user).await;
            }
        } else if *self.endpoint == endpoints::DELETE_CONNECTION {
            // Which vehicle it was is not always known.
            if let Some(vehicle) = vehicle
                && !is_outlived
            {
                owners::forget_vehicle(self.app, vehicle, user.as_ref()).await;
            }
        }
    }

    /// Smartcar says 202 and keeps the connection open until it knows more. The
    /// caller sees what Smartcar sends as it comes; the outcome is in it.
    fn stream_on<B: Pieces>(self, opened: Opened<B>) -> Answer {
        let mut headers = kept_headers(&opened.headers);
        record::tell(&mut headers, &self.running.id);
        let status = opened.status;
        let platform = self.app.platform().clone();
        let slow = Slow {
            change: self,
            status,
            headers: opened.headers,
        };
        arriving(status, headers, watch::watched(platform, opened.body, slow))
    }
}

/// A change whose answer is on its way.
struct Slow<P: Platform, S: Store> {
    change: Change<P, S>,
    status: StatusCode,
    headers: HeaderMap,
}

impl<P: Platform, S: Store> watch::Record for Slow<P, S> {
    async fn end(&self, body: Bytes, error: Option<&TransportError>) {
        if let Some(error) = error {
            let judgement = Judgement::unknown(error.to_string());
            let problem = record::unknown(&self.change.running.id);
            self.change.give_up(judgement, problem).await;
            return;
        }
        let answer = smartcar::Response {
            status: self.status,
            headers: self.headers.clone(),
            body,
        };
        let judgement = judge(self.change.endpoint, &answer);
        self.change
            .complete(judgement, answer.status, &answer.headers, &answer.body)
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_names_whom_it_is_about() {
        let body =
            br#"{"data":{"attributes":{"webhookId":"w","userId":"u-1","vehicleId":"v-1","x":1}}}"#;
        let subject = subscriber(body).unwrap();
        assert_eq!(subject.vehicle, VehicleId::parse("v-1").ok());
        assert_eq!(subject.user, UserId::parse("u-1").ok());
        for bad in [
            "{}",
            r#"{"data":{"attributes":{"userId":"u","vehicleId":"a/b"}}}"#,
        ] {
            assert!(subscriber(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
