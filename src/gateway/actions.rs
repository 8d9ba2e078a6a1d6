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
    answer::hand_on,
    app::App,
    callers::Caller,
    database::{self, Store},
    evidence,
    inbound::single,
    invalid,
};
use bytes::Bytes;
use edge::{
    Platform, Response,
    log::{self, Event, Level},
    respond::{Code, Problem},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use smartcar::{ApiError, Evidence, Timestamp, UserId, VehicleId, write_time};
use std::fmt::Write as _;
use store::{
    CLOCKS_DIFFER,
    action::{KEY_LIFE, LOST_AFTER},
    old::sqlite::{Row, Value},
};

/// Says which action an answer belongs to.
pub(crate) const ACTION_ID: &str = "edge-command-id";

/// Has a command sent although the outcome of the one before is unknown.
pub(crate) const INSIST: &str = "Edge-Insist";

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

/// The outcome that is known now. What has run for longer than any call may take is
/// lost, and so is what began by a clock that was ahead. `?1` and `?2` are those of
/// [`running_since`].
pub(crate) const OUTCOME: &str = "CASE
    WHEN outcome = 'running' AND started_at NOT BETWEEN ?1 AND ?2 THEN 'unknown'
    ELSE outcome END";

/// The first and the last moment at which an action can have begun that still runs.
pub(crate) fn running_since(now: Timestamp) -> [Value; 2] {
    let first = now.before(LOST_AFTER).0.saturating_add(1);
    [Value::from(first), Value::from(now.after(CLOCKS_DIFFER).0)]
}

const INSERT: &str = "INSERT INTO action
        (id, kind, path, caller, vehicle_id, user_id, idempotency_key, fingerprint, claim,
         is_exclusive, is_holding, insisted, evidence, awaits, started_at, outcome)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13, ?14, 'running')";

/// By what [`claimed`] finds an action.
const CLAIMED: &str = "FROM action WHERE claim = ?3 AND started_at > ?4";

/// The action that holds a vehicle, as [`Holder`] reads it.
const HOLDER: &str = "started_at, evidence FROM action
    WHERE vehicle_id = ?3 AND is_holding = 1";

/// The vehicle has reported what the action was for.
const RELEASE: &str = "UPDATE action SET is_holding = 0 WHERE id = ?1 AND outcome = 'unknown'";

/// An action that was taken for lost may still tell what became of it.
/// The answer is kept for whoever comes with the same key.
const COMPLETE: &str = "UPDATE action SET
        completed_at = ?2, outcome = ?3, status = ?4, error = ?5, request_id = ?6,
        execution_id = ?7,
        answer_headers = CASE WHEN claim IS NOT NULL AND ?12 = 0 THEN ?8 END,
        answer = CASE WHEN claim IS NOT NULL AND ?12 = 0 THEN ?9 END,
        vehicle_id = coalesce(vehicle_id, ?10), user_id = coalesce(user_id, ?11),
        claim = CASE WHEN ?12 = 0 THEN claim END,
        is_holding = CASE WHEN ?13 = 1 THEN is_holding ELSE 0 END
    WHERE id = ?1";

const ABOUT: &str = "UPDATE action SET vehicle_id = ?2, user_id = ?3 WHERE id = ?1";

/// Whose connection the path `?1` named, and whether that user's vehicle has been
/// reported since the connection was certainly removed: a newer connection did that.
/// After a removal whose outcome is unknown, the old one can have.
const REMOVED: &str = "SELECT vehicle_id, user_id, EXISTS (
        SELECT 1 FROM vehicle JOIN action AS removal
            ON removal.kind = 'remove-connection' AND removal.path = ?1
            AND (removal.outcome = 'succeeded' OR removal.status IN (404, 410))
        WHERE vehicle.id = action.vehicle_id
            AND vehicle.user_id IS coalesce(action.user_id, vehicle.user_id)
            AND vehicle.delivered_at > removal.completed_at)
    FROM action WHERE kind = 'remove-connection' AND path = ?1 AND vehicle_id IS NOT NULL
    ORDER BY id DESC LIMIT 1";

/// Begins an action, unless it was begun before or another one is in the way.
pub(crate) async fn begin<P: Platform, S: Store>(
    app: &App<P, S>,
    new: New<'_>,
) -> Result<Begun, Problem> {
    let claim = new.key.map(|key| claim(new.caller, key));
    let evidence = new.evidence.as_ref().map(Evidence::to_string);
    let awaits = new.evidence.as_ref().map(|evidence| evidence.signal);
    let mut insists = false;
    // What is in the way can end just before it is looked at.
    for _ in 0..5 {
        let started_at = app.now();
        let id = id(started_at.0);
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
            Value::from(i64::from(insists)),
            Value::from(evidence.as_deref()),
            Value::from(awaits),
            Value::from(started_at.0),
        ];
        if database::insert(app, INSERT, parameters).await? {
            return Ok(Begun::New(Running { id }));
        }
        if let Some(claim) = &claim
            && let Some(row) = claimed(app, claim).await?
        {
            return before(&row, &new.fingerprint).map(Begun::Before);
        }
        if let Some(holder) = Holder::find(app, new.vehicle).await? {
            if holder.is_unknown && holder.is_carried_out(app).await? {
                database::execute(app, RELEASE, [Value::from(holder.id.as_str())]).await?;
            } else if holder.is_unknown && new.insists && !insists {
                insists = true;
            } else {
                let is_seen = new.is_auditor || holder.caller == new.caller;
                return Err(holder.in_the_way(is_seen, app.now()));
            }
        }
    }
    let detail = "other commands for this vehicle keep coming: try again";
    Err(in_progress(
        Code::CommandInProgress,
        detail.to_owned(),
        SOON,
    ))
}

/// The action that holds a vehicle.
struct Holder {
    id: String,
    kind: String,
    caller: String,
    /// It has ended, and nobody knows how.
    is_unknown: bool,
    held_until: Timestamp,
    evidence: Option<Evidence>,
}

impl Holder {
    async fn find<P: Platform, S: Store>(
        app: &App<P, S>,
        vehicle: Option<&VehicleId>,
    ) -> Result<Option<Self>, Problem> {
        let sql = format!("SELECT id, kind, caller, {OUTCOME}, {HOLDER}");
        let [first, last] = running_since(app.now());
        let vehicle = Value::from(vehicle.map(VehicleId::as_str));
        let row = database::first(app, &sql, [first, last, vehicle]).await?;
        Ok(row.as_ref().map(Self::read))
    }

    fn read(row: &Row) -> Self {
        let text = |column| row.text(column).unwrap_or_default().to_owned();
        Self {
            id: text(0),
            kind: text(1),
            caller: text(2),
            is_unknown: row.text(3) == Some("unknown"),
            held_until: Timestamp(row.integer(4).unwrap_or_default()).after(LOST_AFTER),
            evidence: row.text(5).and_then(Evidence::parse),
        }
    }

    async fn is_carried_out<P: Platform, S: Store>(
        &self,
        app: &App<P, S>,
    ) -> Result<bool, Problem> {
        let Some(evidence) = &self.evidence else {
            return Ok(false);
        };
        let settled = evidence::of(app, &self.id, evidence).await?;
        Ok(settled.is_some_and(|settled| settled.is_carried_out))
    }

    /// Why the vehicle takes no other command now. What others have done is told to
    /// those alone who may read it.
    fn in_the_way(&self, is_seen: bool, now: Timestamp) -> Problem {
        let name = if is_seen {
            format!("{} ({})", self.kind, self.id)
        } else {
            "another command".to_owned()
        };
        let until = write_time(self.held_until).unwrap_or_default();
        let code = Code::CommandInProgress;
        if self.is_unknown {
            let detail = format!(
                "the outcome of {name} for this vehicle is unknown and Smartcar may still be \
                 working on it: the vehicle takes no other command until {until}; send \
                 {INSIST}: true to go ahead regardless"
            );
            let left = self.held_until.since(now).as_millis().div_ceil(1000);
            return in_progress(code, detail, u32::try_from(left).unwrap_or(u32::MAX));
        }
        let detail = format!(
            "{name} is still running for this vehicle, until {until} at the latest: one command \
             at a time"
        );
        in_progress(code, detail, SOON)
    }
}

/// A key is its caller's alone.
fn claim(caller: &str, key: &str) -> String {
    format!("{caller}\n{key}")
}

/// The action that a key stands for, as long as it is honoured.
async fn claimed<P: Platform, S: Store>(
    app: &App<P, S>,
    claim: &str,
) -> Result<Option<Row>, Problem> {
    let sql = format!(
        "SELECT id, fingerprint, {OUTCOME}, status, answer_headers, answer, user_id {CLAIMED}"
    );
    let now = app.now();
    let [first, last] = running_since(now);
    let honoured = Value::from(now.before(KEY_LIFE).0);
    database::first(app, &sql, [first, last, Value::from(claim), honoured]).await
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
    let Some(row) = claimed(app, &claim(caller.name(), key)).await? else {
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
        return Err(Problem::new(Code::IdempotencyKeyReused, detail));
    }
    if row.text(2) == Some("running") {
        let detail = format!("the request with this Idempotency-Key is still running, as {id}");
        return Err(in_progress(Code::RequestInProgress, detail, SOON));
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
        let id = Value::from(running.id.as_str());
        // The failure is in the log; the record then says that nobody knows.
        let _ = database::execute(app, "DELETE FROM action WHERE id = ?1", [id]).await;
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

/// A connection that was removed before.
#[derive(Default)]
pub(crate) struct Removed {
    pub(crate) vehicle: Option<VehicleId>,
    pub(crate) user: Option<UserId>,
    /// A newer connection has reported the vehicle since.
    pub(crate) is_outlived: bool,
}

/// What the record says of the connection that this path names.
pub(crate) async fn removed<P: Platform, S: Store>(
    app: &App<P, S>,
    path: &str,
) -> Result<Removed, Problem> {
    let row = database::first(app, REMOVED, [Value::from(path)]).await?;
    let Some(row) = row else {
        return Ok(Removed::default());
    };
    Ok(Removed {
        vehicle: row.text(0).and_then(|id| VehicleId::parse(id).ok()),
        user: row.text(1).and_then(|id| UserId::parse(id).ok()),
        is_outlived: row.integer(2) == Some(1),
    })
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
        let parameters = [
            Value::from(self.id.as_str()),
            Value::from(vehicle.map(VehicleId::as_str)),
            Value::from(user.map(UserId::as_str)),
        ];
        database::execute(app, ABOUT, parameters).await
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
        let text = |text: &Option<String>| Value::from(text.as_deref());
        let parameters = [
            Value::from(self.id.as_str()),
            Value::from(app.now().0),
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
            Value::from(i64::from(ending.is_open)),
        ];
        // The failure is in the log; here is which action it concerns.
        if database::execute(app, COMPLETE, parameters).await.is_err() {
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
        assert_eq!(found, (422, Code::IdempotencyKeyReused));
        let running = before(&claimed("running", None), "print").unwrap_err();
        let found = (running.status.as_u16(), running.code);
        assert_eq!(found, (409, Code::RequestInProgress));
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

    fn holder(outcome: &str) -> Holder {
        let text = |text: &str| Value::Text(text.to_owned());
        Holder::read(&Row::from(vec![
            text("act_1"),
            text("security-lock"),
            text("door"),
            text(outcome),
            Value::Integer(1_800_000_000_000),
            text("closure-islocked=true"),
        ]))
    }

    fn retry_after(problem: Problem) -> HeaderValue {
        Response::from(problem).headers()[header::RETRY_AFTER].clone()
    }

    #[test]
    fn running_command_keeps_another_one_waiting_for_moments() {
        let now = Timestamp(1_800_000_000_000);
        let problem = holder("running").in_the_way(true, now);
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
        let problem = holder("unknown").in_the_way(true, now);
        for part in ["security-lock (act_1)", "2027-01-15T08:05:30Z", INSIST] {
            assert!(problem.detail.contains(part), "{}", problem.detail);
        }
        assert_eq!(retry_after(problem), "300");
    }

    #[test]
    fn command_of_another_caller_stays_unnamed() {
        let now = Timestamp(1_800_000_000_000);
        for outcome in ["running", "unknown"] {
            let problem = holder(outcome).in_the_way(false, now);
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
