//! Reading the record of what callers had done.

use crate::{
    actions::{OUTCOME, running_since},
    app::App,
    callers::Caller,
    database::{self, Store},
    evidence,
    inbound::Inbound,
    invalid,
    list::{self, Window},
};
use edge::{
    Platform, Response,
    respond::{self, Code, Problem},
};
use http::StatusCode;
use serde_json::json;
use smartcar::{Evidence, Timestamp, VehicleId, signal_permission, write_time};
use store::old::sqlite::{Row, Value};

/// The columns are those of [`shown`], beside the outcome.
const COLUMNS: &str = "id, kind, path, caller, vehicle_id, user_id, idempotency_key,
    started_at, completed_at, insisted, status, error, request_id, execution_id, evidence";

/// The newest first. What Smartcar calls a command by is a name of it too.
const ONE: &str = "WHERE id = ?3 OR execution_id = ?3 ORDER BY id DESC LIMIT 1";

const MANY: &str = "WHERE (?3 IS NULL OR id < ?3) AND (?4 IS NULL OR vehicle_id = ?4)
    AND (?6 IS NULL OR caller = ?6)";

/// Records with the outcomes that are known now.
fn select(rest: &str) -> String {
    format!("SELECT {COLUMNS}, {OUTCOME} FROM action {rest}")
}

/// What became of one command: to who had it done, and to auditors.
pub(crate) async fn one<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    let id = inbound.parts.get("commandId");
    let [first, last] = running_since(app.now());
    let row = database::first(app, &select(ONE), [first, last, Value::from(id)]).await?;
    let row = row.filter(|row| row.text(3) == Some(caller.name()) || caller.is_auditor());
    let row = row.ok_or_else(|| {
        let detail = "no command of this key has this id";
        Problem::new(Code::CommandNotFound, detail)
    })?;
    let mut data = shown(&row);
    if let Some(signal) = signal(app, caller, &row).await?
        && let Some(attributes) = data.get_mut("attributes")
        && let Some(attributes) = attributes.as_object_mut()
    {
        attributes.insert("signal".to_owned(), signal);
    }
    let body = json!({"data": data}).to_string();
    Ok(respond::json(StatusCode::OK, body))
}

/// Everything that was done, the newest first, a page at a time.
pub(crate) async fn many<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    caller.require("read_audit")?;
    if !caller.is_for_all() {
        let detail = "this key is held to vehicles or users, and the record is about all";
        return Err(crate::pass::restricted(detail));
    }
    let window = Window::of(inbound)?;
    let outcome = inbound.parameter("filter[outcome]")?;
    let known = ["running", "succeeded", "failed", "unknown"];
    if outcome
        .as_deref()
        .is_some_and(|name| !known.contains(&name))
    {
        let known = known.join(", ");
        return Err(invalid(format!("filter[outcome] is one of {known}")));
    }
    let [first, last] = running_since(app.now());
    let parameters = [
        first,
        last,
        Value::from(window.after.as_deref()),
        Value::from(inbound.parameter("filter[vehicleId]")?.as_deref()),
        Value::from(outcome.as_deref()),
        Value::from(inbound.parameter("filter[caller]")?.as_deref()),
        Value::from(window.limit()),
    ];
    let wanted = format!("{MANY} AND (?5 IS NULL OR {OUTCOME} = ?5) ORDER BY id DESC LIMIT ?7");
    let rows = database::query(app, &select(&wanted), parameters).await?;
    let data = rows.iter().map(shown).collect();
    Ok(list::page(inbound, "/v3/audit", &window, data))
}

fn shown(row: &Row) -> serde_json::Value {
    let text = |column| row.text(column);
    let time = |column| row.integer(column).map(Timestamp);
    json!({
        "id": text(0),
        "type": "command",
        "attributes": {
            "command": text(1),
            "path": text(2),
            "caller": text(3),
            "vehicleId": text(4),
            "userId": text(5),
            "idempotencyKey": text(6),
            "outcome": text(15),
            "insisted": row.integer(9) == Some(1),
            "status": row.integer(10),
            "error": text(11),
            "smartcarRequestId": text(12),
            "smartcarExecutionId": text(13),
        },
        "meta": {
            "startedAt": time(7).and_then(write_time),
            "completedAt": time(8).and_then(write_time),
        },
    })
}

/// What the vehicle has reported since, if that shows whether the command was
/// carried out: to a key that may read the signal.
async fn signal<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    row: &Row,
) -> Result<Option<serde_json::Value>, Problem> {
    let Some(evidence) = row.text(14).and_then(Evidence::parse) else {
        return Ok(None);
    };
    let vehicle = row.text(4).and_then(|id| VehicleId::parse(id).ok());
    let is_seen = caller.has(signal_permission(evidence.signal))
        && vehicle.is_some_and(|vehicle| caller.require_vehicle(&vehicle).is_ok());
    if !is_seen {
        return Ok(None);
    }
    let settled = evidence::of(app, row.text(0).unwrap_or_default(), &evidence).await?;
    // What the connection of a user reported is that user's.
    let settled = settled.filter(|settled| {
        let user = settled.user.as_deref().or(row.text(5));
        caller.require_owner(user).is_ok()
    });
    Ok(settled.map(|settled| {
        json!({
            "code": evidence.signal,
            "toldAt": write_time(settled.observed_at),
            "indicates": if settled.is_carried_out { "carried_out" } else { "not_carried_out" },
        })
    }))
}
