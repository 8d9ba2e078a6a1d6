//! The record of what callers had done: who, what, and what became of it.
//!
//! A row is written before Smartcar is called and completed afterwards. The same
//! row honours an idempotency key and keeps a second command of a vehicle from
//! running next to the first: both are unique in the table, so that one INSERT
//! decides, for all instances.

use crate::{answer::hand_on, callers::Caller, inbound::single, invalid, store};
use bytes::Bytes;
use edge::{
    Host, Response,
    log::{self, Level},
    migrations::{KEY_LIFE, LOST_AFTER},
    respond::Problem,
    sqlite::{Row, Value},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use smartcar::{Clock, UserId, VehicleId};
use std::fmt::Write as _;

/// Says which action an answer belongs to.
pub(crate) const ACTION_ID: &str = "edge-command-id";

/// What came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done.
    Succeeded,
    /// It was not done.
    Failed,
    /// It may have been done.
    Unknown,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// An action that is about to begin.
pub(crate) struct New<'a> {
    /// The name of the API key.
    pub(crate) caller: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) path: &'a str,
    pub(crate) vehicle: Option<&'a VehicleId>,
    pub(crate) user: Option<&'a UserId>,
    pub(crate) key: Option<&'a str>,
    pub(crate) fingerprint: String,
    /// Whether no other such action of the vehicle may run.
    pub(crate) is_exclusive: bool,
    pub(crate) evidence: Option<String>,
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
}

/// What a request to begin led to.
pub(crate) enum Begun {
    /// It is to be done now.
    New(Running),
    /// It was done before under the same key.
    Before(Response),
}

const INSERT: &str = "INSERT INTO action
        (id, kind, path, caller, vehicle_id, user_id, idempotency_key, fingerprint, claim,
         is_exclusive, evidence, started_at, outcome)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'running')";

/// What `action_before` would take for lost or forget is so already.
const CLAIMED: &str = "SELECT id, fingerprint,
        CASE WHEN outcome <> 'running' OR started_at > ?2 THEN outcome END,
        status, answer_headers, answer, user_id
    FROM action WHERE claim = ?1 AND started_at > ?3";

const BUSY: &str = "SELECT id, kind FROM action
    WHERE vehicle_id = ? AND outcome = 'running' AND is_exclusive = 1";

/// An action that was taken for lost may still tell what became of it.
/// The answer is kept for whoever comes with the same key.
const COMPLETE: &str = "UPDATE action SET
        completed_at = ?2, outcome = ?3, status = ?4, error = ?5, request_id = ?6,
        execution_id = ?7,
        answer_headers = CASE WHEN claim IS NOT NULL AND ?12 = 0 THEN ?8 END,
        answer = CASE WHEN claim IS NOT NULL AND ?12 = 0 THEN ?9 END,
        vehicle_id = coalesce(vehicle_id, ?10), user_id = coalesce(user_id, ?11),
        claim = CASE WHEN ?12 = 0 THEN claim END
    WHERE id = ?1";

/// Begins an action, unless it was begun before or another one is in the way.
pub(crate) async fn begin(new: New<'_>) -> Result<Begun, Problem> {
    let claim = new.key.map(|key| claim(new.caller, key));
    // What is in the way can end just before it is looked at.
    for _ in 0..3 {
        let started_at = Host.now().0;
        let id = id(started_at);
        let parameters = [
            Value::from(id.as_str()),
            Value::from(new.kind),
            Value::from(new.path),
            Value::from(new.caller),
            Value::from(new.vehicle.map(VehicleId::as_str)),
            Value::from(new.user.map(UserId::as_str)),
            Value::from(new.key),
            Value::from(new.fingerprint.as_str()),
            Value::from(claim.as_deref()),
            Value::from(i64::from(new.is_exclusive)),
            Value::from(new.evidence.as_deref()),
            Value::from(started_at),
        ];
        if store::insert(INSERT, parameters).await? {
            return Ok(Begun::New(Running { id }));
        }
        if let Some(claim) = &claim
            && let Some(row) = claimed(claim).await?
        {
            return before(&row, &new.fingerprint).map(Begun::Before);
        }
        let vehicle = new.vehicle.map(VehicleId::as_str);
        if let Some(row) = store::first(BUSY, [Value::from(vehicle)]).await? {
            return Err(busy(&row));
        }
    }
    let detail = "the vehicle is told one thing after the other: try again";
    Err(in_progress("COMMAND_IN_PROGRESS", detail.to_owned()))
}

/// A key is its caller's alone.
fn claim(caller: &str, key: &str) -> String {
    format!("{caller}\n{key}")
}

/// The action that a key stands for, as long as it is honoured.
async fn claimed(claim: &str) -> Result<Option<Row>, Problem> {
    let now = Host.now();
    let parameters = [
        Value::from(claim),
        Value::from(now.before(LOST_AFTER).0),
        Value::from(now.before(KEY_LIFE).0),
    ];
    store::first(CLAIMED, parameters).await
}

/// What was answered before under the same key, where beginning again would take
/// more than the record.
pub(crate) async fn replay(
    caller: &Caller,
    key: Option<&str>,
    fingerprint: &str,
) -> Result<Option<Response>, Problem> {
    let Some(key) = key else { return Ok(None) };
    let Some(row) = claimed(&claim(caller.name(), key)).await? else {
        return Ok(None);
    };
    caller.require_owner(row.text(6))?;
    before(&row, fingerprint).map(Some)
}

/// What was answered when this was done under the same key.
fn before(row: &Row, fingerprint: &str) -> Result<Response, Problem> {
    let id = row.text(0).unwrap_or_default();
    if row.text(1) != Some(fingerprint) {
        let detail = "this Idempotency-Key stands for another request: use a new one";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::new(status, "IDEMPOTENCY_KEY_REUSED", detail));
    }
    if row.text(2) == Some("running") {
        let detail = format!("the request with this Idempotency-Key is still running, as {id}");
        return Err(in_progress("REQUEST_IN_PROGRESS", detail));
    }
    let status = row.integer(3).and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = match status {
        Some(status) => hand_on(smartcar::Response {
            status,
            headers: unpack(row.text(4).unwrap_or_default()),
            body: Bytes::copy_from_slice(row.bytes(5).unwrap_or_default()),
        }),
        // The instance that ran it ended before it could tell.
        None => unknown(id).into(),
    };
    let headers = response.headers_mut();
    headers.insert(
        HeaderName::from_static("idempotent-replayed"),
        HeaderValue::from_static("true"),
    );
    tell(headers, id);
    Ok(response)
}

fn busy(row: &Row) -> Problem {
    let (id, kind) = (row.text(0), row.text(1));
    let detail = format!(
        "{} is still running for this vehicle, as {}: one command at a time",
        kind.unwrap_or_default(),
        id.unwrap_or_default()
    );
    in_progress("COMMAND_IN_PROGRESS", detail)
}

fn in_progress(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, detail).retry_after(2)
}

/// Nobody knows whether it was done.
pub(crate) fn unknown(id: &str) -> Problem {
    let detail = format!(
        "Smartcar gave no answer: it may have been carried out. GET /v3/commands/{id} tells what \
         is known; do not send it again before you have looked"
    );
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "OUTCOME_UNKNOWN", detail)
}

impl Running {
    /// Writes down how it ended and what was answered. The answer is given also
    /// where that fails: the action is then taken for lost after a while.
    pub(crate) async fn complete(
        &self,
        outcome: Outcome,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
        ending: Ending,
    ) {
        let text = |text: &Option<String>| Value::from(text.as_deref());
        let parameters = [
            Value::from(self.id.as_str()),
            Value::from(Host.now().0),
            Value::from(outcome.as_str()),
            Value::from(i64::from(status.as_u16())),
            text(&ending.error),
            text(&ending.request_id),
            text(&ending.execution_id),
            Value::from(pack(headers).as_str()),
            Value::Blob(body.to_vec()),
            Value::from(ending.vehicle.as_ref().map(VehicleId::as_str)),
            Value::from(ending.user.as_ref().map(UserId::as_str)),
            Value::from(i64::from(ending.is_void)),
        ];
        // The failure is in the log; here is which action it concerns.
        if store::execute(COMPLETE, parameters).await.is_err() {
            log::line(Level::Error, "action_not_completed")
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

/// Headers as they are kept, a line each.
fn pack(headers: &HeaderMap) -> String {
    let mut packed = String::new();
    for (name, value) in headers {
        if let Ok(value) = value.to_str()
            && *name != header::CONTENT_LENGTH
        {
            // Writing into memory does not fail.
            let _ = writeln!(packed, "{name}: {value}");
        }
    }
    packed
}

fn unpack(packed: &str) -> HeaderMap {
    let lines = packed.lines().filter_map(|line| line.split_once(": "));
    let headers = lines.filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
    headers.collect()
}

/// An identifier, greater than those of earlier milliseconds.
fn id(millis: i64) -> String {
    let mut chance = [0_u8; 10];
    // Without randomness the insert fails where two come in one millisecond.
    let _ = getrandom::fill(&mut chance);
    format!("{}{}", least_id(millis), hex::encode(chance))
}

/// What is less than every identifier of that millisecond and of later ones.
pub(crate) fn least_id(millis: i64) -> String {
    format!("act_{millis:012x}")
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
            let status = StatusCode::BAD_REQUEST;
            return Err(Problem::new(status, "MISSING_IDEMPOTENCY_KEY", detail));
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(missing.code, "MISSING_IDEMPOTENCY_KEY");
        let mut twice = with_key("a");
        twice.append("idempotency-key", HeaderValue::from_static("b"));
        assert!(key(&twice, false).is_err());
    }

    /// A row of an action as it is looked for by its key.
    fn claimed(outcome: &str, answered: Option<i64>) -> Row {
        let text = |text: &str| Value::Text(text.to_owned());
        let status = answered.map_or(Value::Null, Value::Integer);
        let body = Value::Blob(b"{\"done\":1}".to_vec());
        Row::from(vec![
            text("act_1"),
            text("print"),
            text(outcome),
            status,
            text("sc-request-id: r-1\n"),
            body,
        ])
    }

    #[test]
    fn a_key_that_was_used_answers_for_the_same_request_alone() {
        let other = before(&claimed("succeeded", Some(202)), "other").unwrap_err();
        let found = (other.status.as_u16(), other.code);
        assert_eq!(found, (422, "IDEMPOTENCY_KEY_REUSED"));
        let running = before(&claimed("running", None), "print").unwrap_err();
        let found = (running.status.as_u16(), running.code);
        assert_eq!(found, (409, "REQUEST_IN_PROGRESS"));
        assert!(running.detail.contains("act_1"), "{}", running.detail);
    }

    #[test]
    fn what_was_answered_is_answered_again_and_says_so() {
        for (answered, status) in [(Some(202), 202), (None, 504), (Some(7), 504)] {
            let response = before(&claimed("unknown", answered), "print").unwrap();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()["idempotent-replayed"], "true");
            assert_eq!(response.headers()[ACTION_ID], "act_1");
        }
        let response = before(&claimed("succeeded", Some(200)), "print").unwrap();
        assert_eq!(response.headers()["sc-request-id"], "r-1");
    }

    #[test]
    fn who_comes_second_is_told_who_was_first() {
        let row = Row::from(vec![
            Value::Text("act_1".into()),
            Value::Text("lock".into()),
        ]);
        let problem = busy(&row);
        let found = (problem.status.as_u16(), problem.code);
        assert_eq!(found, (409, "COMMAND_IN_PROGRESS"));
        assert!(
            problem
                .detail
                .starts_with("lock is still running for this vehicle, as act_1")
        );
    }

    #[test]
    fn outcomes_are_named_as_they_are_documented() {
        let names = [Outcome::Succeeded, Outcome::Failed, Outcome::Unknown].map(Outcome::as_str);
        assert_eq!(names, ["succeeded", "failed", "unknown"]);
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
    fn headers_are_kept_as_they_were() {
        let mut headers = with_key("a: b");
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        assert_eq!(unpack(&pack(&headers)), headers);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("5"));
        assert!(!pack(&headers).contains("content-length"));
    }

    #[test]
    fn identifiers_are_in_the_order_of_time_and_differ() {
        assert!(id(1) < id(2) && id(0xff) < id(0x100));
        assert_ne!(id(7), id(7));
    }
}
