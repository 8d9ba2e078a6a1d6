//! Reading the record of what callers had done.

use crate::{
    callers::Caller,
    inbound::Inbound,
    invalid,
    list::{self, Window},
    store,
};
use edge::{
    Response,
    migrations::LOST_AFTER,
    respond::{self, Problem},
    sqlite::{Row, Value},
};
use http::StatusCode;
use serde_json::json;
use smartcar::{Evidence, Timestamp, write_time};

/// The columns are those of [`shown`].
const COLUMNS: &str = "id, kind, path, caller, vehicle_id, user_id, idempotency_key,
    started_at, completed_at, outcome, status, error, request_id, execution_id, evidence";

/// The newest first. What Smartcar calls a command by is a name of it too.
const ONE: &str = "WHERE id = ?1 OR execution_id = ?1 ORDER BY id DESC LIMIT 1";

const MANY: &str = "WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR vehicle_id = ?2)
    AND (?3 IS NULL OR outcome = ?3) AND (?4 IS NULL OR caller = ?4) ORDER BY id DESC LIMIT ?5";

/// The newest word of a signal.
const SIGNAL: &str = "SELECT body, observed_at, retrieved_at, delivered_at FROM signal
    WHERE vehicle_id = ?1 AND code = ?2 AND body IS NOT NULL";

/// What became of one command: to who had it done, and to auditors.
pub(crate) async fn one(caller: &Caller, inbound: &Inbound) -> Result<Response, Problem> {
    let id = inbound.parts.get("commandId");
    let sql = format!("SELECT {COLUMNS} FROM action {ONE}");
    let row = store::first(&sql, [Value::from(id)]).await?;
    let row = row.filter(|row| {
        let is_auditor = caller.has("read_audit") && caller.is_for_all();
        row.text(3) == Some(caller.name()) || is_auditor
    });
    let row = row.ok_or_else(|| {
        let detail = "no command of this key has this id";
        Problem::new(StatusCode::NOT_FOUND, "COMMAND_NOT_FOUND", detail)
    })?;
    let mut data = shown(&row);
    if let Some(signal) = signal(&row).await?
        && let Some(attributes) = data.get_mut("attributes")
        && let Some(attributes) = attributes.as_object_mut()
    {
        attributes.insert("signal".to_owned(), signal);
    }
    let body = json!({"data": data}).to_string();
    Ok(respond::json(StatusCode::OK, body))
}

/// Everything that was done, the newest first, a page at a time.
pub(crate) async fn many(caller: &Caller, inbound: &Inbound) -> Result<Response, Problem> {
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
    let parameters = [
        Value::from(window.after.as_deref()),
        Value::from(inbound.parameter("filter[vehicleId]")?.as_deref()),
        Value::from(outcome.as_deref()),
        Value::from(inbound.parameter("filter[caller]")?.as_deref()),
        Value::from(window.limit()),
    ];
    let sql = format!("SELECT {COLUMNS} FROM action {MANY}");
    let rows = store::query(&sql, parameters).await?;
    let data = rows.iter().map(shown).collect();
    Ok(list::page(inbound, "/v3/audit", &window, data))
}

fn shown(row: &Row) -> serde_json::Value {
    let text = |column| row.text(column);
    let time = |column| row.integer(column).map(Timestamp);
    let mut outcome = text(9);
    let is_lost = time(7).is_some_and(|at| at.after(LOST_AFTER) <= list::now());
    if outcome == Some("running") && is_lost {
        outcome = Some("unknown");
    }
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
            "outcome": outcome,
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

/// What the vehicle has told since, if that shows whether the command was
/// carried out.
async fn signal(row: &Row) -> Result<Option<serde_json::Value>, Problem> {
    let evidence = row.text(14).and_then(Evidence::parse);
    let (Some(evidence), Some(started_at)) = (evidence, row.integer(7)) else {
        return Ok(None);
    };
    let parameters = [Value::from(row.text(4)), Value::from(evidence.signal)];
    let Some(row) = store::first(SIGNAL, parameters).await? else {
        return Ok(None);
    };
    // The best time there is for when the vehicle said so.
    let told_at = (1..=3).find_map(|column| row.integer(column));
    let Some(told_at) = told_at.filter(|at| *at >= started_at) else {
        return Ok(None);
    };
    let is_met = row.text(0).and_then(|body| evidence.is_met(body));
    Ok(is_met.map(|is_met| {
        json!({
            "code": evidence.signal,
            "toldAt": write_time(Timestamp(told_at)),
            "indicates": if is_met { "carried_out" } else { "not_carried_out" },
        })
    }))
}
