//! Reading what is Smartcar's: the request goes on as it came, and so does the
//! answer, but for its links.

use crate::{
    access::{callers::Caller, owners},
    answer::{
        Answer, arriving, hand_on, is_smartcar_s, kept_headers, not_smartcar_s, problem, whole,
    },
    app::App,
    links::Links,
    request::{Inbound, invalid},
};
use edge::{
    Platform,
    respond::{Code, Problem},
};
use futures::{
    future::{Either, select},
    stream,
};
use http_body::Frame;
use smartcar::{
    Call, Clock, Error, OpenBody, Opened, Pieces, Sent, Timestamp, TransportError, UserId,
    VehicleId,
    endpoints::{About, Endpoint, OnBehalf},
};
use std::{pin::pin, time::Duration};
use store::Store;

/// An answer up to this length is read before it is handed on: its length is then
/// known to be true, and where it breaks off it can be asked for again.
const SHORT: u64 = 256 * 1024;

/// How long a read may take in all.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads one of Smartcar's resources.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Answer, Problem> {
    caller.require(endpoint.scope)?;
    in_time(app.platform(), answer(app, caller, endpoint, inbound)).await
}

/// The longest that a read may take, whatever it has to ask Smartcar.
pub(crate) async fn in_time<T>(
    clock: &impl Clock,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    match select(pin!(work), pin!(clock.sleep(DEADLINE))).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => {
            let late = TransportError {
                sent: Sent::Maybe,
                detail: "the time for an answer ran out".to_owned(),
            };
            Err(problem(&late.into()))
        }
    }
}

async fn answer<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Answer, Problem> {
    admit(app, caller, endpoint, inbound).await?;
    let until = app.now().after(DEADLINE);
    let call = call(endpoint, inbound, inbound.user()?)?.within(DEADLINE);
    let opened = app.client().open(&call).await;
    let opened = opened.map_err(|error| problem(&error))?;
    if !is_smartcar_s(&opened.headers) {
        return Err(not_smartcar_s(opened.status, &opened.headers));
    }
    let links = Links::new(app.client().origins());
    if opened.length().is_some_and(|length| length <= SHORT) {
        let answer = match opened.read().await {
            Ok(answer) => Ok(answer),
            Err(_) => again(app, call, until).await,
        };
        let answer = answer.map_err(|error| problem(&error))?;
        if !is_smartcar_s(&answer.headers) {
            return Err(not_smartcar_s(answer.status, &answer.headers));
        }
        let body = links.rewrite(&answer.body).into();
        return Ok(whole(hand_on(smartcar::Response { body, ..answer })));
    }
    Ok(stream_on(opened, links))
}

/// The call that a request asks for.
pub(crate) fn call(
    endpoint: &'static Endpoint,
    inbound: &Inbound,
    user: Option<UserId>,
) -> Result<Call, Problem> {
    let call = Call::at(endpoint, &inbound.parts.values());
    let mut call = call.map_err(|error| invalid(error.to_string()))?;
    if !inbound.query.is_empty() {
        call = call.raw_query(&inbound.query);
    }
    if let Some(user) = user.filter(|_| endpoint.on_behalf() != OnBehalf::None) {
        call = call.on_behalf_of(user);
    }
    if let Some(units) = inbound.units()? {
        call = call.units(units);
    }
    Ok(call.body(inbound.body.clone()))
}

/// The call once more, in the time that is left.
async fn again<P: Platform, S: Store>(
    app: &App<P, S>,
    call: Call,
    until: Timestamp,
) -> Result<smartcar::Response, Error> {
    let left = until.since(app.now());
    app.client().call(&call.within(left)).await
}

fn stream_on<B: Pieces>(opened: Opened<B>, links: Links) -> Answer {
    let headers = kept_headers(&opened.headers);
    let arriving_body = Some((opened.body, links));
    let pieces = stream::unfold(arriving_body, async |rest: Option<(OpenBody<B>, Links)>| {
        let (mut body, mut links) = rest?;
        loop {
            match body.next().await {
                Some(Ok(piece)) => {
                    let written = links.feed(&piece);
                    // A piece can end within a link.
                    if !written.is_empty() {
                        let frame = Frame::data(written.into());
                        return Some((Ok(frame), Some((body, links))));
                    }
                }
                Some(Err(error)) => return Some((Err(error), None)),
                None => {
                    let left = links.end();
                    return (!left.is_empty()).then(|| (Ok(Frame::data(left.into())), None));
                }
            }
        }
    });
    arriving(opened.status, headers, pieces)
}

/// Whether a key that is held to vehicles or users may see what it asks for.
async fn admit<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<(), Problem> {
    if caller.is_for_all() {
        return Ok(());
    }
    match endpoint.about {
        About::Vehicle => {
            let vehicle = inbound.vehicle()?;
            caller.require_vehicle(&vehicle)?;
            return owners::require(app, caller, &vehicle).await;
        }
        About::Filter => return admit_list(caller, endpoint, inbound),
        About::Nobody => return Ok(()),
        About::User
        | About::Connection
        | About::Subscription
        | About::Subscriber
        | About::Account => {}
    }
    Err(restricted(
        "this key is held to vehicles or users, and nothing says whose this is: list with a \
         filter instead",
    ))
}

/// A list has to be filtered by what the key is held to.
fn admit_list(caller: &Caller, endpoint: &Endpoint, inbound: &Inbound) -> Result<(), Problem> {
    // What another reader of the query could take for a filter decides nothing here.
    let mut names = form_urlencoded::parse(inbound.query.as_bytes());
    let is_plain = !inbound.query.contains(';')
        && names.all(|(name, _)| endpoint.query.contains(&name.as_ref()));
    if !is_plain {
        return Err(restricted(
            "this key is held to vehicles or users: send the documented parameters alone",
        ));
    }
    // Smartcar takes these for filters too, and does not say which one wins.
    if inbound.parameter("filter[user.externalId]")?.is_some() {
        return Err(restricted(
            "this key is held to vehicles or users: filter[user.externalId] can name another user",
        ));
    }
    if let Some(user) = inbound.user()? {
        caller.require_user(&user)?;
    }
    if !caller.is_for_all_vehicles() {
        let vehicle = inbound.parameter("filter[vehicleId]")?;
        let vehicle = vehicle.and_then(|id| VehicleId::parse(&id).ok());
        let vehicle = vehicle
            .ok_or_else(|| restricted("this key is held to vehicles: send filter[vehicleId]"))?;
        caller.require_vehicle(&vehicle)?;
    }
    if !caller.is_for_all_users() {
        let user = inbound.parameter("filter[userId]")?;
        let user = user.and_then(|id| UserId::parse(&id).ok());
        let user =
            user.ok_or_else(|| restricted("this key is held to users: send filter[userId]"))?;
        caller.require_user(&user)?;
    }
    Ok(())
}

pub(crate) fn restricted(detail: &str) -> Problem {
    Problem::new(Code::KeyRestricted, detail)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Instance, edge, error, key, request};

    #[test]
    fn read_takes_the_scope_of_its_endpoint() {
        let keys = [
            key("connections", &["manage_connections"]),
            key("webhooks", &["manage_subscriptions"]),
        ];
        let instance = Instance::with_keys(&keys);
        let path = "/v3/webhooks";
        instance.fake.answer(path, 200, r#"{"data":[]}"#);
        let refused = instance.send(request("connections", "GET", path));
        assert_eq!(error(&refused), edge(403, "MISSING_SCOPE"));
        assert_eq!(instance.fake.requests_to(path), 0);
        let answer = instance.send(request("webhooks", "GET", path));
        assert_eq!(answer.status(), 200);
    }
}
