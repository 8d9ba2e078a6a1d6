//! Look-ups of a vehicle's owner that found none.
//!
//! Each costs one or two of the application's requests to Smartcar, of which there
//! are 120, refilled at 2 a minute: a caller that asks for vehicles which are not
//! connected would use them up for all others. All instances share what one of them found.

use crate::{access::callers::Caller, app::App};
use edge::{
    Platform,
    respond::{Code, Problem},
};
use smartcar::{Timestamp, VehicleId};
use std::time::Duration;
use store::{
    Store,
    lookup::{COUNTS_FOR, KnownLookups, NoOwner},
};

/// For how long it is believed that an owner cannot be found.
const LIFE: Duration = Duration::from_secs(60);

/// How many of them a key has in that time: with two requests each, as many as
/// Smartcar refills.
const MOST: i64 = 10;

/// Refuses a look-up of an owner whose outcome is known, and one too many. Those that
/// are under way at the same time are not counted yet. Where the database is down,
/// nothing is known and Smartcar is asked.
pub(crate) async fn admit<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
) -> Result<(), Problem> {
    let known = known(app, caller, vehicle).await;
    match known.no_owner {
        Some(why) => Err(refusal(why)),
        None => within_limit(known, app.now()),
    }
}

/// Refuses one look-up too many of a user's own connection to a vehicle, of which
/// other callers' look-ups say nothing.
pub(crate) async fn admit_connection<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
) -> Result<(), Problem> {
    within_limit(known(app, caller, vehicle).await, app.now())
}

/// What a caller is answered whose look-up found no owner.
pub(crate) fn refusal(why: NoOwner) -> Problem {
    let (code, detail) = match why {
        NoOwner::NotConnected => (
            Code::VehicleNotFound,
            "no user is connected to this vehicle, according to Smartcar",
        ),
        NoOwner::Several => (
            Code::MissingUserId,
            "send the header sc-user-id: several users are connected to this vehicle",
        ),
        NoOwner::OtherUser => (
            Code::VehicleNotFound,
            "this user is not connected to this vehicle, according to Smartcar",
        ),
    };
    Problem::new(code, detail)
}

async fn known<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
) -> KnownLookups {
    let now = app.now();
    let (believed, counted) = (now.before(LIFE), now.before(COUNTS_FOR));
    let store = app.store();
    let known = store.known_lookups(vehicle, caller.name(), believed, counted, now);
    app.note(known.await).unwrap_or_default()
}

fn within_limit(known: KnownLookups, now: Timestamp) -> Result<(), Problem> {
    if known.count < MOST {
        return Ok(());
    }
    let wait = known.first_at.unwrap_or(now).after(COUNTS_FOR).since(now);
    let detail = "this key has asked for too many vehicles whose owner cannot be found: send the \
                  header sc-user-id, or try again later";
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
    Err(Problem::new(Code::TooManyLookups, detail).retry_after(seconds.saturating_add(1)))
}

/// Remembers that a look-up found no owner. A failure is in the log.
pub(crate) async fn note<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
    why: NoOwner,
) {
    let store = app.store();
    let added = store.add_lookup(vehicle, caller.name(), why, app.now());
    app.note(added.await);
}
