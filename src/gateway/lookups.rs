//! Look-ups of a vehicle's owner that found none.
//!
//! Each costs one or two of the application's requests to Smartcar, of which there
//! are 120, refilled at 2 a minute: whoever asks for vehicles that nobody connected
//! would use them up for everybody. All instances share what one of them found.

use crate::{
    app::App,
    callers::Caller,
    database::{self, Store},
};
use edge::{
    Platform,
    respond::{Code, Problem},
};
use smartcar::{Timestamp, VehicleId};
use std::time::Duration;
use store::{
    CLOCKS_DIFFER,
    old::sqlite::{Row, Value},
};

/// For how long it is believed that an owner cannot be found.
const LIFE: Duration = Duration::from_secs(60);

/// For how long a look-up counts. The trigger `fruitless_lookup_before` goes by the
/// same number.
const WINDOW: Duration = Duration::from_secs(600);

/// How many of them a key has in that time: with two requests each, as many as
/// Smartcar refills.
const MOST: i64 = 10;

/// What is known of the vehicle `?1` since `?5`, and of the look-ups of the key `?2`
/// since `?3`, both up to `?4`: now, and as much as clocks of hosts differ.
const KNOWN: &str = "SELECT
        (SELECT reason FROM fruitless_lookup
            WHERE vehicle_id = ?1 AND at BETWEEN ?5 AND ?4 AND reason <> 'other user' ORDER BY at DESC LIMIT 1),
        count(*), min(at)
    FROM fruitless_lookup WHERE caller = ?2 AND at BETWEEN ?3 AND ?4";

const NOTE: &str = "INSERT INTO fruitless_lookup (at, caller, vehicle_id, reason)
    VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";

/// Why a look-up found no owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoOwner {
    /// Smartcar knows no connection to the vehicle.
    Nobody,
    /// Several users are connected to it.
    Several,
}

impl NoOwner {
    const ALL: [Self; 2] = [Self::Nobody, Self::Several];

    fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Several => "several",
        }
    }
}

impl From<NoOwner> for Problem {
    fn from(why: NoOwner) -> Self {
        match why {
            NoOwner::Nobody => {
                let detail = "nobody is connected to this vehicle, as far as Smartcar says";
                Self::new(Code::VehicleNotFound, detail)
            }
            NoOwner::Several => {
                let detail =
                    "send the header sc-user-id: several users are connected to this vehicle";
                Self::new(Code::MissingUserId, detail)
            }
        }
    }
}

/// Refuses a look-up of an owner whose outcome is known, and one too many. Those that
/// are under way at the same time are not counted yet. Where the database is down,
/// nothing is known and Smartcar is asked.
pub(crate) async fn admit<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
) -> Result<(), Problem> {
    let Some(row) = known(app, caller, vehicle).await else {
        return Ok(());
    };
    let reason = row.text(0);
    if let Some(why) = NoOwner::ALL
        .into_iter()
        .find(|why| reason == Some(why.name()))
    {
        return Err(why.into());
    }
    within_limit(&row, app.now())
}

/// Refuses one look-up too many of a user's own connection to a vehicle, of which
/// other callers' look-ups say nothing.
pub(crate) async fn admit_connection<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
) -> Result<(), Problem> {
    match known(app, caller, vehicle).await {
        Some(row) => within_limit(&row, app.now()),
        None => Ok(()),
    }
}

async fn known<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
) -> Option<Row> {
    let now = app.now();
    let parameters = [
        Value::from(vehicle.as_str()),
        Value::from(caller.name()),
        Value::from(now.before(WINDOW).0),
        Value::from(now.after(CLOCKS_DIFFER).0),
        Value::from(now.before(LIFE).0),
    ];
    database::first(app, KNOWN, parameters).await.ok().flatten()
}

fn within_limit(row: &Row, now: Timestamp) -> Result<(), Problem> {
    if row.integer(1).is_some_and(|count| count >= MOST) {
        let oldest = row.integer(2).map_or(now, Timestamp);
        return Err(too_many(oldest.after(WINDOW).since(now)));
    }
    Ok(())
}

fn too_many(wait: Duration) -> Problem {
    let detail = "this key has asked for too many vehicles whose owner cannot be found: send the \
                  header sc-user-id, or try again later";
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
    Problem::new(Code::TooManyLookups, detail).retry_after(seconds.saturating_add(1))
}

/// Remembers that a look-up found no owner.
pub(crate) async fn note<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
    why: NoOwner,
) {
    count(app, caller, vehicle, why.name()).await;
}

/// Counts a look-up that found no connection of one user, which says nothing of others.
pub(crate) async fn note_no_connection<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
) {
    count(app, caller, vehicle, "other user").await;
}

async fn count<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    vehicle: &VehicleId,
    reason: &str,
) {
    let parameters = [
        Value::from(app.now().0),
        Value::from(caller.name()),
        Value::from(vehicle.as_str()),
        Value::from(reason),
    ];
    // The failure is in the log.
    let _ = database::execute(app, NOTE, parameters).await;
}
