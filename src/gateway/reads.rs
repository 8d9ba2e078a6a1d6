//! Reading what is Smartcar's: the request goes on as it came, and so does the
//! answer, but for its links.

use crate::{
    access::{admission, callers::Caller, owners},
    answer::{
        Reply, complete, hand_on, is_from_smartcar, kept_headers, not_from_smartcar, problem,
        streaming,
    },
    app::App,
    billing,
    links::Links,
    request::Inbound,
};
use edge::{Platform, respond::Problem};
use futures::{
    future::{Either, select},
    stream,
};
use http_body::Frame;
use smartcar::{
    BodyStream, Call, Clock, Error, ResponseBody, Sent, StreamingResponse, Timestamp,
    TransportError,
    endpoints::{Endpoint, OnBehalf},
};
use std::{pin::pin, time::Duration};
use store::Store;

/// An answer up to this length is read before it is passed on: its length is then
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
) -> Result<Reply, Problem> {
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
) -> Result<Reply, Problem> {
    admission::read(app, caller, endpoint, inbound).await?;
    let user = match endpoint.on_behalf() {
        OnBehalf::Required => {
            let vehicle = inbound.vehicle()?;
            Some(owners::behalf(app, caller, &vehicle, inbound).await?)
        }
        OnBehalf::Optional | OnBehalf::None => inbound.user()?,
    };
    let until = app.now().after(DEADLINE);
    let call = inbound.call(endpoint, user)?.within(DEADLINE);
    billing::admit(app, &call).await?;
    let opening = billing::open(app, &call).await;
    let opened = opening.map_err(|error| problem(&error))?;
    if !is_from_smartcar(&opened.headers) {
        return Err(not_from_smartcar(opened.status, &opened.headers));
    }
    let links = Links::new(app.client().origins());
    if opened.length().is_some_and(|length| length <= SHORT) {
        let answer = match opened.read().await {
            Ok(answer) => answer,
            Err(_) => again(app, call, until)
                .await
                .map_err(|error| problem(&error))?,
        };
        if !is_from_smartcar(&answer.headers) {
            return Err(not_from_smartcar(answer.status, &answer.headers));
        }
        let body = links.rewrite(&answer.body).into();
        return Ok(complete(hand_on(smartcar::Response { body, ..answer })));
    }
    Ok(stream_on(opened, links))
}

/// The call once more, in the time that is left.
async fn again<P: Platform, S: Store>(
    app: &App<P, S>,
    call: Call,
    until: Timestamp,
) -> Result<smartcar::Response, Error> {
    let left = until.since(app.now());
    billing::call(app, &call.within(left)).await
}

fn stream_on<B: BodyStream>(opened: StreamingResponse<B>, links: Links) -> Reply {
    let headers = kept_headers(&opened.headers);
    let arriving_body = Some((opened.body, links));
    let pieces = stream::unfold(
        arriving_body,
        async |rest: Option<(ResponseBody<B>, Links)>| {
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
        },
    );
    streaming(opened.status, headers, pieces)
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
