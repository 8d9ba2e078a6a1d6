//! Events that no sink has taken: after a day, after twenty attempts, or because
//! the sink refused them for good.

use crate::{
    actions,
    app::App,
    callers::Caller,
    database::Store,
    inbound::Inbound,
    invalid,
    list::{self, Window},
    relay,
};
use edge::{
    Platform, Response,
    respond::{self, Code, Problem},
};
use http::StatusCode;
use serde_json::{json, value::RawValue};
use smartcar::{Timestamp, parse_time, write_time};
use store::outbox::DeadLetter;

/// The dead letters, a page at a time.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    admit(caller)?;
    let window = Window::of(inbound)?;
    // After what is no dead letter nothing comes.
    let after = window.after.as_ref().map(|id| id.parse().unwrap_or(0_i64));
    let sink = inbound.parameter("filter[sink]")?;
    let store = app.store();
    let letters = store.dead_letters(after, sink.as_deref(), window.limit());
    let letters = letters.await.map_err(|error| app.unavailable(&error))?;
    let data = letters.iter().map(shown).collect();
    Ok(list::page(inbound, "/v3/dead-letters", &window, data))
}

/// Sends one of them again.
pub(crate) async fn replay_one<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    admit(caller)?;
    let seq = seq(inbound.parts.get("deadLetterId"))?;
    let path = format!("/v3/dead-letters/{seq}/replay");
    let work = async {
        let replayed = app.store().replay(seq, app.now()).await;
        if !replayed.map_err(|error| app.unavailable(&error))? {
            let detail = "there is no dead letter of this id";
            return Err(Problem::new(Code::DeadLetterNotFound, detail));
        }
        Ok(accepted(app, 1))
    };
    actions::recorded(app, caller, "replay-dead-letter", &path, work, |_| false).await
}

/// So many are replayed at a time that no one waits long for the lock.
const MOST: i64 = 1000;

/// Sends those again whose events were received in a while.
pub(crate) async fn replay_many<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    admit(caller)?;
    let sink = inbound.parameter("filter[sink]")?;
    let from = time(inbound, "filter[from]")?;
    let to = time(inbound, "filter[to]")?;
    let path = format!("/v3/dead-letters/replay?{}", inbound.query);
    let work = async {
        let store = app.store();
        let replayed = store.replay_received(sink.as_deref(), from, to, app.now(), MOST);
        let replayed = replayed.await.map_err(|error| app.unavailable(&error))?;
        Ok(accepted(app, replayed))
    };
    actions::recorded(app, caller, "replay-dead-letters", &path, work, |_| false).await
}

/// The outbox is about everybody's vehicles.
fn admit(caller: &Caller) -> Result<(), Problem> {
    caller.require("run_relay")?;
    if caller.is_for_all() {
        return Ok(());
    }
    let detail = "this key is held to vehicles or users, and the outbox is about all";
    Err(crate::pass::restricted(detail))
}

fn accepted<P: Platform, S: Store>(app: &App<P, S>, replayed: usize) -> Response {
    relay::soon(app);
    let body = json!({"meta": {"replayed": replayed}}).to_string();
    respond::json(StatusCode::ACCEPTED, body)
}

fn seq(id: &str) -> Result<i64, Problem> {
    id.parse()
        .map_err(|_| invalid("a dead letter's id is a number"))
}

fn time(inbound: &Inbound, name: &str) -> Result<Timestamp, Problem> {
    let text = inbound.parameter(name)?;
    // Read as the other times of the API are: as JSON text.
    let time = text.and_then(|text| {
        let json = RawValue::from_string(json!(text).to_string()).ok()?;
        parse_time(&json)
    });
    time.ok_or_else(|| {
        invalid(format!(
            "{name} is a time such as 2026-01-31T12:00:00Z, and has to be there"
        ))
    })
}

fn shown(letter: &DeadLetter) -> serde_json::Value {
    json!({
        "id": letter.seq.to_string(),
        "type": "dead-letter",
        "attributes": {
            "sink": letter.sink,
            "eventId": letter.event_id,
            "eventType": letter.event_type,
            "vehicleId": letter.vehicle_id,
            "attempts": letter.attempts,
            "error": letter.error,
        },
        "meta": {
            "receivedAt": write_time(letter.received_at),
            "deadAt": write_time(letter.dead_at),
        },
    })
}
