//! Actions of this application's own, such as replaying dead letters, on the same record.

use crate::{
    access::callers::Caller,
    actions::{
        idempotency::fingerprint,
        outcome::{Judgement, error_name},
        record::{self, Claim, Kept, New},
        reply,
    },
    app::App,
};
use edge::{Platform, Response, respond::Problem};
use http::HeaderMap;
use smartcar::ApiError;
use store::{Store, action::Outcome};

/// Does some work and keeps a record of it, unless it found nothing to do.
pub(crate) async fn run<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    kind: &str,
    path: &str,
    work: impl Future<Output = Result<Response, Problem>>,
    was_idle: impl Fn(&Response) -> bool,
) -> Result<Response, Problem> {
    let fingerprint = fingerprint(&[kind.as_bytes(), path.as_bytes()]);
    let new = New::plain(caller.name(), kind, path, &fingerprint);
    let running = match record::claim(app, new).await? {
        Claim::Begun(running) => running,
        // Only what has a key or a vehicle can find it taken.
        Claim::Before(_) | Claim::Held(_) | Claim::Contended => return Err(reply::contended()),
    };
    let mut response = work.await.unwrap_or_else(Response::from);
    if was_idle(&response) {
        running.withdraw(app).await;
        return Ok(response);
    }
    let judgement = judge(&response);
    let kept = Kept::status(response.status());
    running.complete(app, &judgement, None, None, &kept).await;
    reply::name_action(response.headers_mut(), &running.id);
    Ok(response)
}

fn judge(response: &Response) -> Judgement {
    let status = response.status();
    let outcome = match status {
        status if status.is_success() => return Judgement::of(Outcome::Succeeded),
        status if status.is_server_error() => Outcome::Unknown,
        _ => Outcome::Failed,
    };
    let error = ApiError::from_response(&smartcar::Response {
        status,
        headers: HeaderMap::new(),
        body: response.body().clone(),
    });
    Judgement {
        error: Some(error_name(&error)),
        ..Judgement::of(outcome)
    }
}
