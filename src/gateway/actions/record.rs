//! The record of what callers had done: who, what, and what became of it.
//!
//! A row is written before Smartcar is called and completed afterwards. The same
//! row honours an idempotency key and keeps a second command of a vehicle from
//! running next to the first: both are unique in the table, so that one INSERT
//! decides, for all instances.
//!
//! Where no answer came, Smartcar may still be at work: the vehicle stays taken until
//! no call can be, until the vehicle reports what the command was for, or until a
//! caller insists.

use crate::{
    access::callers::Caller,
    actions::evidence,
    answer::hand_on,
    app::App,
    request::{invalid, single},
};
use bytes::Bytes;
use edge::{
    Platform, Response,
    log::{self, Event, Level},
    respond::{Code, Problem},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};
use smartcar::{ApiError, Evidence, Timestamp, UserId, VehicleId, write_time};
use store::{
    Store,
    action::{ClaimedAction, Completion, Holder, LOST_AFTER, NewAction, Outcome, least_id},
};

/// Says which action an answer belongs to.
pub(crate) const ACTION_ID: &str = "edge-command-id";

/// Has a command sent although the outcome of the one before is unknown.
pub(crate) const INSIST: &str = "Edge-Insist";

/// An action that is about to begin.
pub(crate) struct New<'a> {
    /// The name of the API key.
    pub(crate) caller: &'a str,
    /// Whether the caller may see what others had done.
    pub(crate) is_auditor: bool,
    pub(crate) kind: &'a str,
    pub(crate) path: &'a str,
    pub(crate) vehicle: Option<&'a VehicleId>,
    pub(crate) user: Option<&'a UserId>,
    pub(crate) key: Option<&'a str>,
    pub(crate) fingerprint: String,
    /// Whether no other such action of the vehicle may run.
    pub(crate) is_exclusive: bool,
    /// Whether the caller insists although the outcome of another one is unknown.
    pub(crate) insists: bool,
    pub(crate) evidence: Option<Evidence>,
}

/// An action that has begun.
pub(crate) struct Running {
    pub(crate) id: String,
}

/// How an action ended.
#[derive(Default)]
pub(crate) struct Ending {
    pub(crate) vehicle: Option<VehicleId>,
    pub(crate) user: Option<UserId>,
    /// Type and code of the error.
    pub(crate) error: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) execution_id: Option<String>,
    /// Certainly nothing was done, and the same request may well succeed later:
    /// its key is free again.
    pub(crate) is_void: bool,
    /// Smartcar may still be at work on it.
    pub(crate) is_open: bool,
}

/// What a request to begin led to.
pub(crate) enum Begun {
    /// It is to be done now.
    New(Running),
    /// It was done before under the same key.
    Before(Response),
}

/// Begins an action, unless it was begun before or another one is in the way.
pub(crate) async fn begin<P: Platform, S: Store>(
    app: &App<P, S>,
    new: New<'_>,
) -> Result<Begun, Problem> {
    let store = app.store();
    let unavailable = |error| app.unavailable(&error);
    let mut insists = false;
    // What is in the way can end just before it is looked at.
    for _ in 0..5 {
        let started_at = app.now();
        let id = id(started_at);
        let action = NewAction {
            id: &id,
            kind: new.kind,
            path: new.path,
            caller: new.caller,
            vehicle: new.vehicle,
            user: new.user,
            idempotency_key: new.key,
            fingerprint: &new.fingerprint,
            is_exclusive: new.is_exclusive,
            insists,
            evidence: new.evidence.as_ref(),
            started_at,
        };
        if store.begin(action).await.map_err(unavailable)? {
            return Ok(Begun::New(Running { id }));
        }
        if let Some(key) = new.key {
            let claimed = store.claimed(new.caller, key, app.now()).await;
            if let Some(claimed) = claimed.map_err(unavailable)? {
                return before(claimed, &new.fingerprint).map(Begun::Before);
            }
        }
        let Some(vehicle) = new.vehicle else {
            continue;
        };
        let holder = store.holder(vehicle, app.now()).await;
        let Some(holder) = holder.map_err(unavailable)? else {
            continue;
        };
        let is_unknown = holder.outcome == Outcome::Unknown;
        if is_unknown && is_carried_out(app, &holder).await? {
            store.release(&holder.id).await.map_err(unavailable)?;
        } else if is_unknown && new.insists && !insists {
            insists = true;
        } else {
            let is_seen = new.is_auditor || holder.caller == new.caller;
            return Err(in_the_way(&holder, is_seen, app.now()));
        }
    }
    let detail = "other commands for this vehicle keep coming: try again";
    Err(in_progress(
        Code::CommandInProgress,
        detail.to_owned(),
        SOON,
    ))
}

/// Whether the vehicle has reported what the action that holds it was for.
async fn is_carried_out<P: Platform, S: Store>(
    app: &App<P, S>,
    holder: &Holder,
) -> Result<bool, Problem> {
    let Some(evidence) = &holder.evidence else {
        return Ok(false);
    };
    let settled = evidence::of(app, &holder.id, evidence).await?;
    Ok(settled.is_some_and(|settled| settled.is_carried_out))
}

/// Why the vehicle takes no other command now. What others have done is told to
/// those alone who may read it.
fn in_the_way(holder: &Holder, is_seen: bool, now: Timestamp) -> Problem {
    let name = if is_seen {
        format!("{} ({})", holder.kind, holder.id)
    } else {
        "another command".to_owned()
    };
    let held_until = holder.started_at.after(LOST_AFTER);
    let until = write_time(held_until).unwrap_or_default();
    let code = Code::CommandInProgress;
    if holder.outcome == Outcome::Unknown {
        let detail = format!(
            "the outcome of {name} for this vehicle is unknown and Smartcar may still be \
             working on it: the vehicle takes no other command until {until}; send \
             {INSIST}: true to go ahead regardless"
        );
        let left = held_until.since(now).as_millis().div_ceil(1000);
        return in_progress(code, detail, u32::try_from(left).unwrap_or(u32::MAX));
    }
    let detail = format!(
        "{name} is still running for this vehicle, until {until} at the latest: one command \
         at a time"
    );
    in_progress(code, detail, SOON)
}

/// What was answered before under the same key, where beginning again would take
/// more than the record.
pub(crate) async fn replay<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    key: Option<&str>,
    fingerprint: &str,
) -> Result<Option<Response>, Problem> {
    let Some(key) = key else { return Ok(None) };
    let claimed = app.store().claimed(caller.name(), key, app.now()).await;
    let Some(claimed) = claimed.map_err(|error| app.unavailable(&error))? else {
        return Ok(None);
    };
    caller.require_owner(claimed.user.as_deref())?;
    before(claimed, fingerprint).map(Some)
}

/// What was answered when this was done under the same key.
fn before(claimed: ClaimedAction, fingerprint: &str) -> Result<Response, Problem> {
    let id = claimed.id;
    if claimed.fingerprint != fingerprint {
        let detail = "this Idempotency-Key stands for another request: use a new one";
        return Err(Problem::new(Code::IdempotencyKeyReused, detail));
    }
    if claimed.outcome == Outcome::Running {
        let detail = format!("the request with this Idempotency-Key is still running, as {id}");
        return Err(in_progress(Code::RequestInProgress, detail, SOON));
    }
    let answer = claimed.answer.and_then(|answer| {
        Some(smartcar::Response {
            status: StatusCode::from_u16(answer.status).ok()?,
            headers: answer.headers,
            body: answer.body.into(),
        })
    });
    let mut response = match answer {
        Some(answer) => hand_on(answer),
        // The instance that ran it ended before it could tell.
        None => unknown(&id).into(),
    };
    let headers = response.headers_mut();
    headers.insert(
        HeaderName::from_static("idempotent-replayed"),
        HeaderValue::from_static("true"),
    );
    tell(headers, &id);
    Ok(response)
}

/// How many seconds a caller waits for what may end at any moment.
const SOON: u32 = 2;

fn in_progress(code: Code, detail: String, seconds: u32) -> Problem {
    Problem::new(code, detail).retry_after(seconds)
}

/// Nobody knows whether it was done.
pub(crate) fn unknown(id: &str) -> Problem {
    let detail = format!(
        "Smartcar gave no answer: it may have been carried out. GET /v3/commands/{id} tells what \
         is known; do not send it again before you have looked"
    );
    Problem::new(Code::OutcomeUnknown, detail)
}

/// Has something of this application's own done and keeps a record of it, unless
/// there was nothing to do.
pub(crate) async fn recorded<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    kind: &str,
    path: &str,
    work: impl Future<Output = Result<Response, Problem>>,
    was_idle: impl Fn(&Response) -> bool,
) -> Result<Response, Problem> {
    let begun = begin(
        app,
        New {
            caller: caller.name(),
            is_auditor: caller.is_auditor(),
            kind,
            path,
            vehicle: None,
            user: None,
            key: None,
            fingerprint: fingerprint(&[kind.as_bytes(), path.as_bytes()]),
            is_exclusive: false,
            insists: false,
            evidence: None,
        },
    );
    let running = match begun.await? {
        Begun::New(running) => running,
        Begun::Before(response) => return Ok(response),
    };
    let mut response = work.await.unwrap_or_else(Response::from);
    if was_idle(&response) {
        // Where that fails, the record says that nobody knows.
        if let Err(error) = app.store().withdraw(&running.id).await {
            app.unavailable(&error);
        }
        return Ok(response);
    }
    let status = response.status();
    let outcome = match status {
        status if status.is_success() => Outcome::Succeeded,
        status if status.is_server_error() => Outcome::Unknown,
        _ => Outcome::Failed,
    };
    let error = (outcome != Outcome::Succeeded).then(|| {
        let error = ApiError::from_response(&smartcar::Response {
            status,
            headers: HeaderMap::new(),
            body: response.body().clone(),
        });
        format!("{}/{}", error.kind, error.code.as_deref().unwrap_or("null"))
    });
    let ending = Ending {
        error,
        ..Ending::default()
    };
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    running
        .complete(app, outcome, status, &headers, &body, ending)
        .await;
    tell(response.headers_mut(), &running.id);
    Ok(response)
}

impl Running {
    /// Writes down whom it is about, before it is done: where this instance ends in
    /// the middle, the record says so all the same.
    pub(crate) async fn is_about<P: Platform, S: Store>(
        &self,
        app: &App<P, S>,
        vehicle: Option<&VehicleId>,
        user: Option<&UserId>,
    ) -> Result<(), Problem> {
        let set = app.store().set_subject(&self.id, vehicle, user).await;
        set.map_err(|error| app.unavailable(&error))
    }

    /// Writes down how it ended and what was answered. The answer is given also
    /// where that fails: the action is then taken for lost after a while.
    pub(crate) async fn complete<P: Platform, S: Store>(
        &self,
        app: &App<P, S>,
        outcome: Outcome,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
        ending: Ending,
    ) {
        let completion = Completion {
            id: &self.id,
            at: app.now(),
            outcome,
            status: status.as_u16(),
            error: ending.error.as_deref(),
            request_id: ending.request_id.as_deref(),
            execution_id: ending.execution_id.as_deref(),
            headers,
            body,
            vehicle: ending.vehicle.as_ref(),
            user: ending.user.as_ref(),
            is_void: ending.is_void,
            is_open: ending.is_open,
        };
        if let Err(error) = app.store().complete(completion).await {
            app.unavailable(&error);
            log::line(app.platform(), Level::Error, Event::ActionNotCompleted)
                .with("action_id", self.id.as_str())
                .with("outcome", outcome.as_str())
                .write();
        }
    }
}

/// Names the action in an answer.
pub(crate) fn tell(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(HeaderName::from_static(ACTION_ID), id);
    }
}

/// An identifier, greater than those of earlier milliseconds.
fn id(at: Timestamp) -> String {
    let mut chance = [0_u8; 10];
    // Without randomness the insert fails where two come in one millisecond.
    let _ = getrandom::fill(&mut chance);
    format!("{}{}", least_id(at), hex::encode(chance))
}

/// What makes two requests the same.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// The header `Idempotency-Key`: a string as RFC 9651 writes one, or the bare key
/// as most clients send it.
///
/// Source: <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
pub(crate) fn key(headers: &HeaderMap, is_required: bool) -> Result<Option<&str>, Problem> {
    let Some(key) = single(headers, "idempotency-key")? else {
        if is_required {
            let detail = "send the header Idempotency-Key, with a new value for each thing that \
                          is to be done once";
            return Err(Problem::new(Code::MissingIdempotencyKey, detail));
        }
        return Ok(None);
    };
    let key = key.trim();
    let bare = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    let key = bare.unwrap_or(key);
    let fits = (1..=255).contains(&key.len())
        && key
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    if fits {
        Ok(Some(key))
    } else {
        Err(invalid(
            "the header Idempotency-Key is 1 to 255 printable characters without spaces",
        ))
    }
}

/// The header `Edge-Insist`.
pub(crate) fn insists(headers: &HeaderMap) -> Result<bool, Problem> {
    match single(headers, INSIST)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid("the header Edge-Insist must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::action::KeptAnswer;

    fn with_key(value: &str) -> HeaderMap {
        let value = HeaderValue::try_from(value).unwrap();
        HeaderMap::from_iter([(HeaderName::from_static("idempotency-key"), value)])
    }

    #[test]
    fn a_key_is_quoted_or_bare() {
        for (value, expected) in [
            ("\"8e03978e\"", "8e03978e"),
            ("8e03978e", "8e03978e"),
            (" k ", "k"),
        ] {
            assert_eq!(key(&with_key(value), true), Ok(Some(expected)));
        }
        assert!(key(&with_key(&"k".repeat(255)), false).is_ok());
        for bad in ["", "\"\"", "a b", "\"", "a\"b", "a\\b", &"k".repeat(256)] {
            assert!(key(&with_key(bad), false).is_err(), "{bad:?}");
        }
        assert_eq!(key(&HeaderMap::new(), false), Ok(None));
        let missing = key(&HeaderMap::new(), true).unwrap_err();
        assert_eq!(missing.code, Code::MissingIdempotencyKey);
        let mut twice = with_key("a");
        twice.append("idempotency-key", HeaderValue::from_static("b"));
        assert!(key(&twice, false).is_err());
    }

    /// An action as it is looked for by its key.
    fn claimed(outcome: Outcome, answered: Option<u16>) -> ClaimedAction {
        ClaimedAction {
            id: "act_1".to_owned(),
            fingerprint: "print".to_owned(),
            outcome,
            answer: answered.map(|status| KeptAnswer {
                status,
                headers: HeaderMap::from_iter([(
                    HeaderName::from_static("sc-request-id"),
                    HeaderValue::from_static("r-1"),
                )]),
                body: b"{\"done\":1}".to_vec(),
            }),
            user: None,
        }
    }

    #[test]
    fn a_key_that_was_used_answers_for_the_same_request_alone() {
        let other = before(claimed(Outcome::Succeeded, Some(202)), "other").unwrap_err();
        let found = (other.status.as_u16(), other.code);
        assert_eq!(found, (422, Code::IdempotencyKeyReused));
        let running = before(claimed(Outcome::Running, None), "print").unwrap_err();
        let found = (running.status.as_u16(), running.code);
        assert_eq!(found, (409, Code::RequestInProgress));
        assert!(running.detail.contains("act_1"), "{}", running.detail);
    }

    #[test]
    fn what_was_answered_is_answered_again_and_says_so() {
        for (answered, status) in [(Some(202), 202), (None, 504), (Some(7), 504)] {
            let response = before(claimed(Outcome::Unknown, answered), "print").unwrap();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()["idempotent-replayed"], "true");
            assert_eq!(response.headers()[ACTION_ID], "act_1");
        }
        let response = before(claimed(Outcome::Succeeded, Some(200)), "print").unwrap();
        assert_eq!(response.headers()["sc-request-id"], "r-1");
    }

    fn holder(outcome: Outcome) -> Holder {
        Holder {
            id: "act_1".to_owned(),
            kind: "security-lock".to_owned(),
            caller: "door".to_owned(),
            outcome,
            started_at: Timestamp(1_800_000_000_000),
            evidence: None,
        }
    }

    fn retry_after(problem: Problem) -> HeaderValue {
        Response::from(problem).headers()["retry-after"].clone()
    }

    #[test]
    fn running_command_keeps_another_one_waiting_for_moments() {
        let now = Timestamp(1_800_000_000_000);
        let problem = in_the_way(&holder(Outcome::Running), true, now);
        let found = (problem.status.as_u16(), problem.code);
        assert_eq!(found, (409, Code::CommandInProgress));
        let expected = "security-lock (act_1) is still running for this vehicle, until \
                        2027-01-15T08:05:30Z at the latest: one command at a time";
        assert_eq!(problem.detail, expected);
        assert_eq!(retry_after(problem), "2");
    }

    #[test]
    fn unknown_outcome_says_until_when_it_holds_the_vehicle() {
        let now = Timestamp(1_800_000_030_500);
        let problem = in_the_way(&holder(Outcome::Unknown), true, now);
        for part in ["security-lock (act_1)", "2027-01-15T08:05:30Z", INSIST] {
            assert!(problem.detail.contains(part), "{}", problem.detail);
        }
        assert_eq!(retry_after(problem), "300");
    }

    #[test]
    fn command_of_another_caller_stays_unnamed() {
        let now = Timestamp(1_800_000_000_000);
        for outcome in [Outcome::Running, Outcome::Unknown] {
            let problem = in_the_way(&holder(outcome), false, now);
            for secret in ["lock", "act_1", "door"] {
                assert!(!problem.detail.contains(secret), "{}", problem.detail);
            }
        }
    }

    #[test]
    fn insisting_is_true_or_false() {
        let of = |value: &'static str| {
            let name = HeaderName::from_static("edge-insist");
            insists(&HeaderMap::from_iter([(
                name,
                HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(insists(&HeaderMap::new()), Ok(false));
        assert_eq!((of("true"), of("false")), (Ok(true), Ok(false)));
        for bad in ["", "1", "TRUE", "yes"] {
            assert_eq!(of(bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn requests_that_differ_anywhere_have_other_fingerprints() {
        let of = |parts: &[&str]| {
            let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
            fingerprint(&parts)
        };
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["ab", ""]));
        assert_ne!(of(&["a", "b"]), of(&["a", "c"]));
    }

    #[test]
    fn identifiers_are_in_the_order_of_time_and_differ() {
        let at = |millis| id(Timestamp(millis));
        assert!(at(1) < at(2) && at(0xff) < at(0x100));
        assert_ne!(at(7), at(7));
    }
}
