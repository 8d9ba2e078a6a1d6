//! The record of who came back from Smartcar Connect, and how often Smartcar may be
//! asked because of it.
//!
//! Whose vehicles are looked up is the browser's word, so each look-up is one that a
//! stranger can cause: a request to Smartcar, of which an application has 120,
//! refilled at 2 a minute. Each is counted, whatever comes of it, by the statement
//! that lets it happen, so that no two instances let happen what is one too many.

use crate::{actions::idempotency, app::App};
use edge::{Platform, respond::Problem};
use smartcar::{ConnectFailure, ConnectState};
use std::time::Duration;
use store::{
    Store,
    arrival::{FailedArrival, NewArrival, Returned},
};

/// For how long a look-up counts.
pub(crate) const WHILE: Duration = Duration::from_secs(10 * 60);

/// A page is loaded again a few times, and not for ever: so many look-ups of one
/// state, and within the while of one external id or else of one user or vehicle.
const OF_ONE: i64 = 5;

/// Connect's errors are kept to be looked at: so many an hour are enough, and no
/// stranger fills the disk with them.
const ERRORS: i64 = 60;
const ERRORS_WHILE: Duration = Duration::from_secs(60 * 60);

/// How far someone has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Their vehicles are still to be taken in, and may be looked up now.
    Begun,
    /// So many vehicles of theirs were.
    Completed(i64),
    /// The state is another user's.
    Another,
    /// The state has been tried often enough.
    Exhausted,
    /// Smartcar was asked often enough for now. Nothing is stored.
    Busy,
}

/// Someone has come back. `most` are looked up in the while; those who began without a key
/// have half of it.
pub(crate) async fn arrive<P: Platform, S: Store>(
    app: &App<P, S>,
    state: &ConnectState,
    of: Returned<'_>,
    most: i64,
) -> Result<Arrival, Problem> {
    if let Some(arrival) = known(app, state, of).await? {
        return Ok(arrival);
    }
    let now = app.now();
    let begun_for = begun_for(state);
    let arrival = NewArrival {
        nonce: &state.nonce,
        at: now,
        of,
        begun_for: begun_for.as_deref(),
        since: now.before(WHILE),
        most,
        most_of_strangers: most / 2,
        most_of_one: OF_ONE,
    };
    if app.stored(app.store().begin_arrival(arrival).await)? {
        return Ok(Arrival::Begun);
    }
    // Unless the same state has just come a second time.
    let known = known(app, state, of).await?;
    Ok(known.unwrap_or(Arrival::Busy))
}

/// What is known of the state, where that is reason enough to look nothing up.
async fn known<P: Platform, S: Store>(
    app: &App<P, S>,
    state: &ConnectState,
    of: Returned<'_>,
) -> Result<Option<Arrival>, Problem> {
    let Some(arrival) = app.stored(app.store().arrival(&state.nonce).await)? else {
        return Ok(None);
    };
    let returned = of.user().or(of.vehicle());
    let known = arrival.of.and_then(|of| match arrival.completed {
        _ if Some(of.as_str()) != returned => Some(Arrival::Another),
        Some(vehicles) => Some(Arrival::Completed(vehicles)),
        None => (arrival.tries >= OF_ONE).then_some(Arrival::Exhausted),
    });
    Ok(known)
}

/// For whom a state was begun. An external id can be an e-mail address.
fn begun_for(state: &ConnectState) -> Option<String> {
    let id = state.external_id.as_ref();
    let hash = id.map(|id| idempotency::fingerprint(&[id.as_bytes()]));
    state.from_server.then(|| hash.unwrap_or_default())
}

/// Someone has come back with an error. False where that is not stored: enough
/// others are, or the state has been here before.
pub(crate) async fn fail<P: Platform, S: Store>(
    app: &App<P, S>,
    state: &ConnectState,
    failure: &ConnectFailure,
) -> Result<bool, Problem> {
    let now = app.now();
    let arrival = FailedArrival {
        nonce: &state.nonce,
        at: now,
        failure,
        vehicle: state.vehicle.as_ref(),
        since: now.before(ERRORS_WHILE),
        most: ERRORS,
    };
    app.stored(app.store().fail_arrival(arrival).await)
}

/// All vehicles of a user were taken in.
pub(crate) async fn complete<P: Platform, S: Store>(
    app: &App<P, S>,
    nonce: &str,
    vehicles: i64,
) -> Result<(), Problem> {
    app.stored(
        app.store()
            .complete_arrival(nonce, app.now(), vehicles)
            .await,
    )
}
