//! Events that no sink has taken: after a day, after twenty attempts, or because
//! the sink refused them for good.

use crate::{
    actions,
    app::App,
    callers::Caller,
    database::{self, Store},
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
use store::old::sqlite::{Row, Value};

/// The columns are those of [`shown`]. The newest first.
const DEAD: &str = "SELECT seq, sink, outbox.event_id, delivery.event_type, outbox.vehicle_id,
        attempts, error, received_at, dead_at
    FROM outbox JOIN delivery ON delivery.event_id = outbox.event_id
    WHERE dead_at IS NOT NULL AND (?1 IS NULL OR seq < ?1) AND (?2 IS NULL OR sink = ?2)
    ORDER BY seq DESC LIMIT ?3";

/// As new: it has another day and as many attempts.
const REPLAY: &str = "UPDATE outbox SET dead_at = NULL, attempts = 0, due_at = 0, created_at = ?1
    WHERE dead_at IS NOT NULL";

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
    let parameters = [
        Value::from(after),
        Value::from(inbound.parameter("filter[sink]")?.as_deref()),
        Value::from(window.limit()),
    ];
    let rows = database::query(app, DEAD, parameters).await?;
    let data = rows.iter().map(shown).collect();
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
        let sql = format!("{REPLAY} AND seq = ?2 RETURNING seq");
        let parameters = [Value::from(app.now().0), Value::from(seq)];
        let replayed = database::query(app, &sql, parameters).await?.len();
        if replayed == 0 {
            let detail = "there is no dead letter of this id";
            return Err(Problem::new(Code::DeadLetterNotFound, detail));
        }
        Ok(accepted(app, replayed))
    };
    actions::recorded(app, caller, "replay-dead-letter", &path, work, |_| false).await
}

/// Sends those again whose events were received in a while: so many at a time that
/// nobody waits long for the lock.
pub(crate) async fn replay_many<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    admit(caller)?;
    let sql = format!(
        "{REPLAY} AND seq IN (SELECT seq
            FROM outbox INDEXED BY outbox_dead
            CROSS JOIN delivery ON delivery.event_id = outbox.event_id
            WHERE dead_at IS NOT NULL AND (?2 IS NULL OR sink = ?2)
                AND received_at BETWEEN ?3 AND ?4
            ORDER BY seq LIMIT 1000)
        RETURNING seq"
    );
    let parameters = [
        Value::from(app.now().0),
        Value::from(inbound.parameter("filter[sink]")?.as_deref()),
        Value::from(time(inbound, "filter[from]")?.0),
        Value::from(time(inbound, "filter[to]")?.0),
    ];
    let path = format!("/v3/dead-letters/replay?{}", inbound.query);
    let work = async {
        Ok(accepted(
            app,
            database::query(app, &sql, parameters).await?.len(),
        ))
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

fn shown(row: &Row) -> serde_json::Value {
    let time = |column| row.integer(column).map(Timestamp).and_then(write_time);
    json!({
        "id": row.integer(0).map(|seq| seq.to_string()),
        "type": "dead-letter",
        "attributes": {
            "sink": row.text(1),
            "eventId": row.text(2),
            "eventType": row.text(3),
            "vehicleId": row.text(4),
            "attempts": row.integer(5),
            "error": row.text(6),
        },
        "meta": {"receivedAt": time(7), "deadAt": time(8)},
    })
}
