//! Connections that ended elsewhere. An owner can take the access to a vehicle back, or
//! someone can remove it in Smartcar's dashboard: no event says so. What is stored of such
//! a vehicle is forgotten as after a removal through this gateway.
//!
//! To forget what should have stayed is worse than to forget late. So a vehicle has to be
//! missing in two complete listings, some time apart, and Smartcar, asked for it alone, has
//! to know no such connection. Compared are vehicles and users: a reconnect gives a new
//! connection id for the same vehicle.

use crate::{
    access::{callers::RECONCILIATION, owners},
    actions::{
        idempotency::fingerprint,
        outcome::Judgement,
        record::{self, Claim, Kept, New},
    },
    app::App,
    own::doctor::{
        finding::{Details, Finding, Found},
        questions::{Listing, Questions},
    },
};
use edge::Platform;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use smartcar::{Connection, Timestamp, UserId, VehicleId};
use std::{collections::BTreeSet, time::Duration};
use store::{
    Store,
    action::Outcome,
    vehicle::{Access, Vehicle, VehiclePage},
};

/// How far apart the listings are at least: less than the time between two examinations
/// that the doctor begins by itself.
pub(crate) const APART: Duration = Duration::from_secs(55 * 60);

/// How many accesses are compared at most.
const MOST_KNOWN: i64 = 10_000;

/// How many missing ones are remembered; others are noticed when these are gone.
const MOST_MISSING: usize = 100;

/// How many are forgotten in one examination: each takes two calls.
const MOST_FORGOTTEN: usize = 5;

/// An access that Smartcar has not listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Missing {
    vehicle: String,
    user: Option<String>,
    /// Since when, in milliseconds since 1970.
    since: i64,
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Reconciled {
    /// What is missing and stored.
    pub(crate) missing: Vec<Missing>,
    /// How many accesses were forgotten.
    pub(crate) forgotten: usize,
    pub(crate) findings: Vec<Found>,
}

impl Reconciled {
    /// Nothing could be compared: what was missing may still be.
    fn nothing(before: Vec<Missing>) -> Self {
        Self {
            missing: before,
            ..Self::default()
        }
    }
}

/// Compares what is stored with what Smartcar `listed` since `began`. `before` is what was
/// missing the last time.
pub(crate) async fn reconcile<P: Platform, S: Store>(
    app: &App<P, S>,
    questions: &mut Questions<'_, P>,
    listed: &Listing<Connection>,
    before: Vec<Missing>,
    began: Timestamp,
) -> Reconciled {
    if !is_plausible(listed) {
        questions.doubt_connections();
        return Reconciled::nothing(before);
    }
    let Some(known) = app.note(app.store().accesses(MOST_KNOWN).await) else {
        return Reconciled::nothing(before);
    };
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    for is_simulated in [false, true] {
        let of_mode: Vec<&Access> = known
            .iter()
            .filter(|access| (access.mode.as_deref() == Some("simulated")) == is_simulated)
            .collect();
        let absent: Vec<&Access> = of_mode
            .iter()
            .copied()
            .filter(|access| !is_listed(access, &listed.items))
            .collect();
        // Of another application, or no list at all.
        if !absent.is_empty() && absent.len() == of_mode.len() {
            let vehicles = absent.iter().map(|of| of.vehicle_id.as_str());
            findings.push(about(Finding::NoneListed, vehicles));
            continue;
        }
        missing.extend(absent);
    }
    let missing = remembered(&missing, &before, began);
    let (missing, forgotten) = forget(app, questions, missing, began).await;
    if !missing.is_empty() {
        let vehicles = missing.iter().map(|of| of.vehicle.as_str());
        findings.push(about(Finding::AccessEnded, vehicles));
    }
    Reconciled {
        missing,
        forgotten,
        findings,
    }
}

/// Whether a list says of each vehicle whether it is connected: it has all pages, each
/// connection once, and names the vehicle of each.
fn is_plausible(listed: &Listing<Connection>) -> bool {
    let ids: BTreeSet<&str> = listed.items.iter().map(|of| of.id.as_str()).collect();
    let names_all = listed.items.iter().all(|of| of.vehicle_id.is_some());
    listed.is_complete && names_all && ids.len() == listed.items.len()
}

/// Whether there is a connection of that vehicle and user. One that names no user can be
/// anyone's. A delivery may have written an id in capitals.
fn is_listed(access: &Access, connections: &[Connection]) -> bool {
    connections.iter().any(|connection| {
        let vehicle = connection.vehicle_id.as_ref().map(VehicleId::as_str);
        let user = connection.user_id.as_ref().map(UserId::as_str);
        vehicle.is_some_and(|id| id.eq_ignore_ascii_case(&access.vehicle_id))
            && is_same_user(access.user_id.as_deref(), user)
    })
}

fn is_same_user(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => true,
    }
}

/// A finding about these vehicles, each of which counts once.
fn about<'a>(finding: Finding, vehicles: impl Iterator<Item = &'a str>) -> Found {
    Found {
        finding,
        details: Details::of_vehicles(vehicles.collect::<BTreeSet<_>>()),
    }
}

/// What is missing, each with the time since when. A vehicle that has delivered something
/// meanwhile begins again, and so does what a clock ahead has written.
fn remembered(missing: &[&Access], before: &[Missing], began: Timestamp) -> Vec<Missing> {
    let since = |access: &Access| {
        let known = before
            .iter()
            .find(|known| known.vehicle == access.vehicle_id && known.user == access.user_id)?;
        let is_silent = access.delivered_at.is_none_or(|at| at.0 <= known.since);
        (is_silent && known.since <= began.0).then_some(known.since)
    };
    let mut all: Vec<Missing> = missing
        .iter()
        .map(|access| Missing {
            vehicle: access.vehicle_id.clone(),
            user: access.user_id.clone(),
            since: since(access).unwrap_or(began.0),
        })
        .collect();
    // Those that were there first keep their places.
    all.sort_by_key(|missing| missing.since);
    all.truncate(MOST_MISSING);
    all
}

/// Forgets those that have been missing for long enough, and returns those that stay and how
/// many are forgotten.
async fn forget<P: Platform, S: Store>(
    app: &App<P, S>,
    questions: &mut Questions<'_, P>,
    missing: Vec<Missing>,
    began: Timestamp,
) -> (Vec<Missing>, usize) {
    let (mut stay, mut forgotten) = (Vec::new(), 0);
    for access in missing {
        let is_ripe = access.since <= began.before(APART).0;
        if !is_ripe || forgotten >= MOST_FORGOTTEN {
            stay.push(access);
            continue;
        }
        match access.is_confirmed(questions).await {
            Some(Confirmed::Ended(others)) => {
                if forget_one(app, &access, others.first()).await {
                    forgotten += 1;
                } else {
                    stay.push(access);
                }
            }
            Some(Confirmed::Connected) => {}
            None => stay.push(access),
        }
    }
    (stay, forgotten)
}

/// What Smartcar says of one access.
enum Confirmed {
    Connected,
    /// There is no such connection; those of other users to the vehicle, the newest first.
    Ended(Vec<Connection>),
}

impl Missing {
    /// What Smartcar says of this vehicle alone; none where it did not say.
    async fn is_confirmed<P: Platform>(
        &self,
        questions: &mut Questions<'_, P>,
    ) -> Option<Confirmed> {
        let vehicle = VehicleId::parse(&self.vehicle).ok()?;
        let listed = questions.connections_of(&vehicle).await?;
        if !is_plausible(&listed) {
            return None;
        }
        let mut others: Vec<Connection> = listed.items;
        others.retain(|of| {
            let id = of.vehicle_id.as_ref().map(VehicleId::as_str);
            id.is_some_and(|id| id.eq_ignore_ascii_case(&self.vehicle))
        });
        let user = |of: &Connection| of.user_id.as_ref().map(|id| id.as_str().to_owned());
        let is_theirs = |of: &Connection| is_same_user(self.user.as_deref(), user(of).as_deref());
        if others.iter().any(is_theirs) {
            return Some(Confirmed::Connected);
        }
        others.sort_by_key(|of| std::cmp::Reverse(of.created_at));
        Some(Confirmed::Ended(others))
    }
}

/// Forgets what is stored by one access, on the record. Someone else who is connected to the
/// vehicle is its owner from now on, and what is stored for them stays.
async fn forget_one<P: Platform, S: Store>(
    app: &App<P, S>,
    access: &Missing,
    other: Option<&Connection>,
) -> bool {
    let user = access.user.as_deref().map(UserId::parse).transpose();
    let (Ok(vehicle), Ok(user)) = (VehicleId::parse(&access.vehicle), user) else {
        return false;
    };
    if has_reported_since(app, access).await {
        return false;
    }
    let path = format!("/v3/vehicles/{vehicle}");
    let fingerprint = fingerprint(&[path.as_bytes()]);
    let new = New {
        vehicle: Some(&vehicle),
        user: user.as_ref(),
        ..New::plain(RECONCILIATION, KIND, &path, &fingerprint)
    };
    let Ok(Claim::Begun(running)) = record::claim(app, new).await else {
        return false;
    };
    let is_kept = match other.and_then(|of| Some((of.user_id.as_ref()?, &of.vehicle))) {
        None => true,
        Some((owner, about)) => {
            owners::replace_owner(app, &vehicle, user.as_ref(), owner, about).await
        }
    };
    let is_done = is_kept && owners::forget_vehicle(app, &vehicle, user.as_ref()).await;
    let (outcome, status) = if is_done {
        (Outcome::Succeeded, StatusCode::NO_CONTENT)
    } else {
        (Outcome::Unknown, StatusCode::SERVICE_UNAVAILABLE)
    };
    let kept = Kept::status(status);
    running
        .complete(app, &Judgement::of(outcome), None, None, &kept)
        .await;
    is_done
}

/// Whether something was delivered of the owner's vehicle since it was first missing: they
/// can have come back while Smartcar was asked.
async fn has_reported_since<P: Platform, S: Store>(app: &App<P, S>, access: &Missing) -> bool {
    let vehicles = [access.vehicle.clone()];
    let page = VehiclePage {
        vehicles: Some(&vehicles),
        limit: 1,
        ..VehiclePage::default()
    };
    let Some(found) = app.note(app.store().vehicles(page).await) else {
        return true;
    };
    let since = Some(Timestamp(access.since));
    let is_theirs = |of: &Vehicle| of.user_id == access.user;
    found
        .first()
        .is_some_and(|of| is_theirs(of) && of.delivered_at > since)
}

/// The kind of such an entry in the record.
const KIND: &str = "forget-vehicle";
