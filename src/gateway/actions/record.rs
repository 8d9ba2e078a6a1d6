//! The record of actions: who did what, and what came of it.
//!
//! A row is written before Smartcar is called and completed afterwards. The same row
//! honours an idempotency key and keeps a second command of a vehicle from running beside
//! the first: both are unique in the table, so that one INSERT decides, for all instances.
//!
//! Where no answer came, Smartcar may still be working: the vehicle stays taken until no
//! call can be running, until the vehicle reports what the command was for, or until a
//! caller insists.

use crate::{
    actions::{evidence, outcome::Judgement},
    app::App,
};
use bytes::Bytes;
use edge::{
    Platform,
    log::{self, Event, Level},
    respond::Problem,
};
use http::{HeaderMap, StatusCode};
use smartcar::{Evidence, Timestamp, UserId, VehicleId};
use store::{
    Store,
    action::{ClaimedAction, Completion, Holder, NewAction, Outcome, least_id},
};

/// An action that is about to begin.
pub(crate) struct New<'a> {
    /// The name of the API key.
    pub(crate) caller: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) path: &'a str,
    pub(crate) vehicle: Option<&'a VehicleId>,
    pub(crate) user: Option<&'a UserId>,
    pub(crate) key: Option<&'a str>,
    pub(crate) fingerprint: &'a str,
    /// Whether no other such action of the vehicle may run.
    pub(crate) is_exclusive: bool,
    /// Whether the caller insists although the outcome of another one is unknown.
    pub(crate) insists: bool,
    pub(crate) evidence: Option<&'a Evidence>,
}

impl<'a> New<'a> {
    /// An action under no key, next to which any other may run.
    pub(crate) fn plain(
        caller: &'a str,
        kind: &'a str,
        path: &'a str,
        fingerprint: &'a str,
    ) -> Self {
        Self {
            caller,
            kind,
            path,
            vehicle: None,
            user: None,
            key: None,
            fingerprint,
            is_exclusive: false,
            insists: false,
            evidence: None,
        }
    }
}

/// What a claim led to.
pub(crate) enum Claim {
    /// The action has begun.
    Begun(Running),
    /// The same caller used the key before.
    Before(ClaimedAction),
    /// Another action holds the vehicle.
    Held(Holder),
    /// Others that held the vehicle or the key were gone each time they were looked at.
    Contended,
}

/// An action that has begun.
pub(crate) struct Running {
    pub(crate) id: String,
}

/// An answer, as it is kept for the idempotency key.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Kept {
    /// An answer of which the record shows only the status.
    pub(crate) fn status(status: StatusCode) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

/// Claims the key and the vehicle for an action and writes it down as running.
pub(crate) async fn claim<P: Platform, S: Store>(
    app: &App<P, S>,
    new: New<'_>,
) -> Result<Claim, Problem> {
    let store = app.store();
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
            fingerprint: new.fingerprint,
            is_exclusive: new.is_exclusive,
            insists,
            evidence: new.evidence,
            started_at,
        };
        if app.stored(store.begin(action).await)? {
            return Ok(Claim::Begun(Running { id }));
        }
        if let Some(key) = new.key
            && let Some(claimed) = claimed(app, new.caller, key).await?
        {
            return Ok(Claim::Before(claimed));
        }
        let Some(vehicle) = new.vehicle else {
            continue;
        };
        let Some(holder) = app.stored(store.holder(vehicle, app.now()).await)? else {
            continue;
        };
        let is_unknown = holder.outcome == Outcome::Unknown;
        if is_unknown && is_carried_out(app, &holder).await? {
            app.stored(store.release(&holder.id).await)?;
        } else if is_unknown && new.insists && !insists {
            insists = true;
        } else {
            return Ok(Claim::Held(holder));
        }
    }
    Ok(Claim::Contended)
}

/// The action that a caller's key stands for.
pub(crate) async fn claimed<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &str,
    key: &str,
) -> Result<Option<ClaimedAction>, Problem> {
    app.stored(app.store().claimed(caller, key, app.now()).await)
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

impl Running {
    /// Writes down whom the action is about before it is carried out: where this instance
    /// ends in the middle, the record says so all the same.
    pub(crate) async fn set_subject<P: Platform, S: Store>(
        &self,
        app: &App<P, S>,
        vehicle: Option<&VehicleId>,
        user: Option<&UserId>,
    ) -> Result<(), Problem> {
        app.stored(app.store().set_subject(&self.id, vehicle, user).await)
    }

    /// Takes the action out of the record: there was nothing to do. Where that fails, the
    /// record says that the outcome is unknown.
    pub(crate) async fn withdraw<P: Platform, S: Store>(&self, app: &App<P, S>) {
        app.note(app.store().withdraw(&self.id).await);
    }

    /// Writes down what came of the action and what was answered. The answer is given even
    /// where that fails: the action then counts as lost after a while.
    pub(crate) async fn complete<P: Platform, S: Store>(
        &self,
        app: &App<P, S>,
        judgement: &Judgement,
        vehicle: Option<&VehicleId>,
        user: Option<&UserId>,
        answer: &Kept,
    ) {
        let completion = Completion {
            id: &self.id,
            at: app.now(),
            outcome: judgement.outcome,
            status: answer.status.as_u16(),
            error: judgement.error.as_deref(),
            request_id: judgement.request_id.as_deref(),
            execution_id: judgement.execution_id.as_deref(),
            headers: &answer.headers,
            body: &answer.body,
            vehicle,
            user,
            is_void: judgement.is_void,
            is_open: judgement.is_open,
        };
        if app.note(app.store().complete(completion).await).is_none() {
            log::line(app.platform(), Level::Error, Event::ActionNotCompleted)
                .with("action_id", self.id.as_str())
                .with("outcome", judgement.outcome.as_str())
                .write();
        }
    }
}

/// An identifier, greater than those of earlier milliseconds.
fn id(at: Timestamp) -> String {
    let mut random = [0_u8; 10];
    // Without randomness the insert fails where two come in one millisecond.
    let _ = getrandom::fill(&mut random);
    format!("{}{}", least_id(at), hex::encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_ids_are_in_the_order_of_time_and_differ() {
        let at = |millis| id(Timestamp(millis));
        assert!(at(1) < at(2) && at(0xff) < at(0x100));
        assert_ne!(at(7), at(7));
    }
}
