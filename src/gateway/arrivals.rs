//! The record of who came back from Smartcar Connect, and how often Smartcar may be
//! asked because of it.
//!
//! Whose vehicles are looked up is the browser's word, so each look-up is one that a
//! stranger can cause: a request to Smartcar, of which an application has 120,
//! refilled at 2 a minute. Each is counted, whatever comes of it, by the statement
//! that lets it happen, so that no two instances let happen what is one too many.

use crate::{
    actions,
    app::App,
    database::{self, Store},
};
use edge::{Platform, respond::Problem};
use smartcar::{ConnectState, UserId};
use std::time::Duration;
use store::old::sqlite::Value;

const ARRIVAL: &str = "SELECT user_id, completed_at, vehicles, tries FROM arrival WHERE nonce = ?";

/// A state is one user's. Whoever was refused by Connect may go back to it and try
/// again with the same state, and counts as one who comes now.
///
/// Of one is what was begun for the same external id; without one, what came back
/// with the same user and was begun alike: nobody who puts another's user id into
/// a URL keeps out whom the server named.
///
/// What is counted may be up to five minutes in the future, by which the clocks of
/// hosts may differ; what is further ahead would count until then.
const BEGIN: &str = "WITH counted AS (
        SELECT
            coalesce(sum(tries), 0) AS in_all,
            coalesce(sum(tries) FILTER (WHERE begun_for IS NULL), 0) AS of_strangers,
            coalesce(sum(tries) FILTER (
                WHERE begun_for IS ?4 AND (user_id = ?3 OR ?4 <> '')
            ), 0) AS of_one
        FROM arrival
        WHERE arrived_at > ?5 AND arrived_at <= ?2 + 300000 AND user_id IS NOT NULL
    )
    INSERT INTO arrival (nonce, arrived_at, user_id, begun_for)
    SELECT ?1, ?2, ?3, ?4 FROM counted
    WHERE in_all < ?6 AND (?4 IS NOT NULL OR of_strangers < ?7) AND of_one < ?8
    ON CONFLICT (nonce) DO UPDATE SET
        arrived_at = excluded.arrived_at, user_id = excluded.user_id, error = NULL,
        description = NULL,
        begun_for = excluded.begun_for,
        tries = CASE WHEN user_id IS NULL THEN 1 ELSE tries + 1 END
    WHERE completed_at IS NULL AND tries < ?8
        AND (user_id IS NULL OR user_id = excluded.user_id)
    RETURNING tries";

/// For how long a look-up counts.
pub(crate) const WHILE: Duration = Duration::from_secs(10 * 60);

/// A page is loaded again a few times, and not for ever: so many look-ups of one
/// state, and within the while of one external id or else of one user.
const OF_ONE: i64 = 5;

/// Connect's errors are kept to be looked at: so many an hour are enough, and no
/// stranger fills the disk with them.
const ERRORS: i64 = 60;
const ERRORS_WHILE: Duration = Duration::from_secs(60 * 60);

/// One error of a state is enough: whoever holds one can come back with it any number of
/// times.
const FAIL: &str = "INSERT INTO arrival (nonce, arrived_at, error, description)
    SELECT ?1, ?2, ?3, ?4
    WHERE (SELECT count(*) FROM arrival
            WHERE arrived_at > ?5 AND arrived_at <= ?2 + 300000 AND error IS NOT NULL) < ?6
    ON CONFLICT (nonce) DO NOTHING
    RETURNING 1";

const COMPLETE: &str = "UPDATE arrival SET completed_at = ?2, vehicles = ?3
    WHERE nonce = ?1 AND completed_at IS NULL";

/// How far somebody has come.
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

/// A user has come back. `most` users are looked up in the while; those who began
/// without a key have half of it.
pub(crate) async fn arrive<P: Platform, S: Store>(
    app: &App<P, S>,
    state: &ConnectState,
    user: &UserId,
    most: i64,
) -> Result<Arrival, Problem> {
    if let Some(arrival) = known(app, state, user).await? {
        return Ok(arrival);
    }
    let now = app.now();
    let begun_for = begun_for(state);
    let parameters = [
        Value::from(state.nonce.as_str()),
        Value::from(now.0),
        Value::from(user.as_str()),
        Value::from(begun_for.as_deref()),
        Value::from(now.before(WHILE).0),
        Value::from(most),
        Value::from(most / 2),
        Value::from(OF_ONE),
    ];
    if database::first(app, BEGIN, parameters).await?.is_some() {
        return Ok(Arrival::Begun);
    }
    // Unless the same state has just come a second time.
    let known = known(app, state, user).await?;
    Ok(known.unwrap_or(Arrival::Busy))
}

/// What is known of the state, where that is reason enough to look nothing up.
async fn known<P: Platform, S: Store>(
    app: &App<P, S>,
    state: &ConnectState,
    user: &UserId,
) -> Result<Option<Arrival>, Problem> {
    let row = database::first(app, ARRIVAL, [Value::from(state.nonce.as_str())]).await?;
    let arrival = row.and_then(|row| {
        let of = row.text(0)?;
        if of != user.as_str() {
            Some(Arrival::Another)
        } else if row.integer(1).is_some() {
            Some(Arrival::Completed(row.integer(2).unwrap_or_default()))
        } else {
            let tries = row.integer(3).unwrap_or_default();
            (tries >= OF_ONE).then_some(Arrival::Exhausted)
        }
    });
    Ok(arrival)
}

/// As the column of that name has it. An external id can be an e-mail address.
fn begun_for(state: &ConnectState) -> Option<String> {
    let id = state.external_id.as_ref();
    let hash = id.map(|id| actions::fingerprint(&[id.as_bytes()]));
    state.from_server.then(|| hash.unwrap_or_default())
}

/// Somebody has come back with an error. False where that is not stored: enough
/// others are, or the state has been here before.
pub(crate) async fn fail<P: Platform, S: Store>(
    app: &App<P, S>,
    nonce: &str,
    error: &str,
    description: Option<&str>,
) -> Result<bool, Problem> {
    let now = app.now();
    let parameters = [
        Value::from(nonce),
        Value::from(now.0),
        Value::from(error),
        Value::from(description),
        Value::from(now.before(ERRORS_WHILE).0),
        Value::from(ERRORS),
    ];
    Ok(database::first(app, FAIL, parameters).await?.is_some())
}

/// All vehicles of a user were taken in.
pub(crate) async fn complete<P: Platform, S: Store>(
    app: &App<P, S>,
    nonce: &str,
    vehicles: i64,
) -> Result<(), Problem> {
    let parameters = [
        Value::from(nonce),
        Value::from(app.now().0),
        Value::from(vehicles),
    ];
    database::execute(app, COMPLETE, parameters).await
}
