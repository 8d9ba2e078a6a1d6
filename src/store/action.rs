//! What callers had done: the record for auditors, the memory of idempotency keys, and
//! the guard that lets one command of a vehicle run at a time.

use crate::{CLOCKS_DIFFER, StoreError};
use http::HeaderMap;
use smartcar::{Evidence, Timestamp, UserId, VehicleId};
use std::time::Duration;

/// How long an action can run: longer than any call may take. What has run for so long
/// is lost, and its outcome is unknown.
pub const LOST_AFTER: Duration = Duration::from_secs(330);

/// How long an idempotency key is honoured and its answer kept.
pub const KEY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is less than every id of an action of that time and of later ones. Ids are in the
/// order of time.
pub fn least_id(at: Timestamp) -> String {
    format!("act_{:012x}", at.0)
}

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Smartcar is working on it.
    Running,
    /// It was carried out.
    Succeeded,
    /// It was not carried out.
    Failed,
    /// It may have been carried out.
    Unknown,
}

impl Outcome {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Running, Self::Succeeded, Self::Failed, Self::Unknown];

    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Reads what [`Outcome::as_str`] wrote.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// An action that is about to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewAction<'a> {
    /// See [`least_id`].
    pub id: &'a str,
    /// For example `security-lock`, `remove-connection`.
    pub kind: &'a str,
    /// As called.
    pub path: &'a str,
    /// The name of the API key.
    pub caller: &'a str,
    /// The vehicle that it is about.
    pub vehicle: Option<&'a VehicleId>,
    /// The user on whose behalf it is done.
    pub user: Option<&'a UserId>,
    /// As the caller sent it. A key is its caller's alone.
    pub idempotency_key: Option<&'a str>,
    /// SHA-256 of the request.
    pub fingerprint: &'a str,
    /// Whether no other such action of the vehicle may run.
    pub is_exclusive: bool,
    /// Whether it begins although the outcome of the one before is unknown.
    pub insists: bool,
    /// The signal and the value that would show that it was carried out.
    pub evidence: Option<&'a Evidence>,
    /// When it begins.
    pub started_at: Timestamp,
}

/// An action that an idempotency key stands for.
#[derive(Clone, Debug)]
pub struct ClaimedAction {
    /// Its id.
    pub id: String,
    /// SHA-256 of the request.
    pub fingerprint: String,
    /// As far as it is known now.
    pub outcome: Outcome,
    /// What was answered; none where its instance ended before it could tell.
    pub answer: Option<KeptAnswer>,
    /// The user on whose behalf it was done.
    pub user: Option<String>,
}

/// What was answered, for whoever comes with the same idempotency key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that mean something to a caller.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// The action that holds a vehicle.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Its id.
    pub id: String,
    /// For example `security-lock`.
    pub kind: String,
    /// The name of the API key.
    pub caller: String,
    /// As far as it is known now.
    pub outcome: Outcome,
    /// When it began.
    pub started_at: Timestamp,
    /// The signal and the value that would show that it was carried out.
    pub evidence: Option<Evidence>,
}

/// How an action ended.
#[derive(Clone, Copy, Debug)]
pub struct Completion<'a> {
    /// The action.
    pub id: &'a str,
    /// When it ended.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// As answered to the caller.
    pub status: u16,
    /// Type and code of the error.
    pub error: Option<&'a str>,
    /// Smartcar's, of the request.
    pub request_id: Option<&'a str>,
    /// Smartcar's, of the command.
    pub execution_id: Option<&'a str>,
    /// The headers of the answer that are kept for the idempotency key.
    pub headers: &'a HeaderMap,
    /// The body of that answer.
    pub body: &'a [u8],
    /// The vehicle, where it was not known when the action began.
    pub vehicle: Option<&'a VehicleId>,
    /// The user, likewise.
    pub user: Option<&'a UserId>,
    /// Nothing was done, and the same request may succeed later: its idempotency key is
    /// free again, and no answer is kept.
    pub is_void: bool,
    /// Smartcar may still be working on it: the vehicle stays taken.
    pub is_open: bool,
}

/// A connection that was removed before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// The vehicle of the connection.
    pub vehicle: Option<VehicleId>,
    /// The user of the connection.
    pub user: Option<UserId>,
    /// A newer connection of that user has reported the vehicle since the connection was
    /// certainly removed.
    pub is_outlived: bool,
}

/// What the vehicle reported of the signal that an action waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitedReport {
    /// Observed more than [`LOST_AFTER`] after the start.
    pub is_late: bool,
    /// The value with its unit, JSON as Smartcar wrote it.
    pub body: String,
    /// The best time that is known.
    pub observed_at: Timestamp,
    /// The user whose connection reported it; none: the user of the action.
    pub user: Option<String>,
}

/// An action as it is recorded.
#[derive(Clone, Debug)]
pub struct Action {
    /// Its id.
    pub id: String,
    /// For example `security-lock`.
    pub kind: String,
    /// As called.
    pub path: String,
    /// The name of the API key.
    pub caller: String,
    /// The vehicle that it is about.
    pub vehicle_id: Option<String>,
    /// The user on whose behalf it was done.
    pub user_id: Option<String>,
    /// As the caller sent it.
    pub idempotency_key: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Begun although the outcome of the one before was unknown.
    pub insisted: bool,
    /// As far as it is known now.
    pub outcome: Outcome,
    /// As answered to the caller.
    pub status: Option<i64>,
    /// Type and code of the error.
    pub error: Option<String>,
    /// Smartcar's, of the request.
    pub request_id: Option<String>,
    /// Smartcar's, of the command.
    pub execution_id: Option<String>,
    /// The signal and the value that would show that it was carried out.
    pub evidence: Option<Evidence>,
}

/// Which actions are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct ActionPage<'a> {
    /// Those whose id comes before this one.
    pub before: Option<&'a str>,
    /// Only those of this vehicle.
    pub vehicle_id: Option<&'a str>,
    /// Only those with this outcome, as far as it is known now.
    pub outcome: Option<Outcome>,
    /// Only those of this API key.
    pub caller: Option<&'a str>,
    /// How many at most.
    pub limit: i64,
}

/// How many actions of a kind ended alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionCount {
    /// For example `security-lock`.
    pub kind: String,
    /// As far as it is known now.
    pub outcome: Outcome,
    /// How many.
    pub count: i64,
}

/// The first and the last moment, in milliseconds, at which an action can have begun that
/// still runs.
pub(crate) fn running_since(now: Timestamp) -> [i64; 2] {
    let first = now.before(LOST_AFTER).0.saturating_add(1);
    [first, now.after(CLOCKS_DIFFER).0]
}

/// What an idempotency key claims: it is its caller's alone.
pub(crate) fn claim(caller: &str, key: &str) -> String {
    format!("{caller}\n{key}")
}

/// The actions. The outcome of one that has run for [`LOST_AFTER`] at `now`, or began by
/// a clock that was ahead, is unknown.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Actions {
    /// Records an action that begins now. False where another one is in the way: its
    /// idempotency key is taken, or its vehicle is.
    async fn begin(&self, action: NewAction<'_>) -> Result<bool, StoreError>;

    /// The action that a caller's idempotency key stands for, as long as it is honoured.
    async fn claimed(
        &self,
        caller: &str,
        idempotency_key: &str,
        now: Timestamp,
    ) -> Result<Option<ClaimedAction>, StoreError>;

    /// The action that holds a vehicle.
    async fn holder(
        &self,
        vehicle: &VehicleId,
        now: Timestamp,
    ) -> Result<Option<Holder>, StoreError>;

    /// Lets go of the vehicle of an action whose outcome is unknown.
    async fn release(&self, id: &str) -> Result<(), StoreError>;

    /// Records whom an action is about.
    async fn set_subject(
        &self,
        id: &str,
        vehicle: Option<&VehicleId>,
        user: Option<&UserId>,
    ) -> Result<(), StoreError>;

    /// Records how an action ended. One that was taken for lost may still tell.
    async fn complete(&self, completion: Completion<'_>) -> Result<(), StoreError>;

    /// Removes the record of an action that had nothing to do.
    async fn withdraw(&self, id: &str) -> Result<(), StoreError>;

    /// What is recorded of the connection that this path named and that was removed. After
    /// a removal whose outcome is unknown, the old connection can have reported.
    async fn removal(&self, path: &str) -> Result<Option<Removal>, StoreError>;

    /// Whether a vehicle was subscribed by a request of this fingerprint since then, and
    /// nothing of it was removed afterwards, or is being removed.
    async fn is_subscribed(
        &self,
        vehicle: &VehicleId,
        fingerprint: &str,
        since: Timestamp,
    ) -> Result<bool, StoreError>;

    /// What the vehicle reported of the signal that an action waits for: what was in time
    /// first, in the order of observation.
    async fn awaited_reports(&self, id: &str) -> Result<Vec<AwaitedReport>, StoreError>;

    /// The action of an id, or of Smartcar's id of the command.
    async fn action(&self, id: &str, now: Timestamp) -> Result<Option<Action>, StoreError>;

    /// Actions, the newest first.
    async fn actions(
        &self,
        page: ActionPage<'_>,
        now: Timestamp,
    ) -> Result<Vec<Action>, StoreError>;

    /// How the actions ended that began since then, by kind and outcome.
    async fn action_counts(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<ActionCount>, StoreError>;

    /// Frees up to so many idempotency keys of actions that began before then, and forgets
    /// their answers. Returns whether there were any.
    async fn forget_answers(&self, before: Timestamp, most: i64) -> Result<bool, StoreError>;

    /// Forgets up to so many actions that began before then and have ended. Returns whether
    /// there were any.
    async fn forget_actions(&self, before: Timestamp, most: i64) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartcar::{
        Call,
        endpoints::{ALL, Endpoint},
    };

    #[test]
    fn outcome_is_read_as_it_is_written() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
        }
        assert_eq!(Outcome::parse("done"), None);
    }

    #[test]
    fn command_ends_before_its_vehicle_is_free_again() {
        let longest = |endpoint: &&'static Endpoint| {
            let ids = vec!["x"; endpoint.path.matches('{').count()];
            Call::at(endpoint, &ids).unwrap().longest()
        };
        let longest = ALL.iter().map(longest).max().unwrap();
        // The record is written first, and that can wait for other writers.
        let waits = StoreError::PATIENCE;
        assert!(waits + longest < LOST_AFTER, "{longest:?}");
    }
}
