//! Reading the record of what callers had done.

use crate::{
    access::{admission, callers::Caller},
    actions::evidence,
    app::App,
    own::list::{self, Window},
    request::{Inbound, invalid},
};
use edge::{
    Platform, Response,
    respond::{self, Code, Problem},
};
use http::StatusCode;
use serde_json::{Value, json};
use smartcar::{VehicleId, signal_permission, write_time};
use store::{
    Store,
    action::{Action, ActionPage, Outcome},
};

/// What became of one command: to who had it done, and to auditors.
pub(crate) async fn one<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    let id = inbound.parts.get("actionId");
    let is_shown = |action: &Action| action.caller == caller.name() || caller.is_auditor();
    let found = app.stored(app.store().action(id, app.now()).await)?;
    let Some(action) = found.filter(is_shown) else {
        let detail = "no command of this key has this id";
        return Err(Problem::new(Code::ActionNotFound, detail));
    };
    let mut data = shown(&action);
    if let Some(signal) = signal(app, caller, &action).await?
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
    admission::everything(caller, "the audit")?;
    let window = Window::of(inbound)?;
    let outcome = match inbound.parameter("filter[outcome]")? {
        Some(name) => Some(Outcome::parse(&name).ok_or_else(|| {
            let known = Outcome::ALL.map(Outcome::as_str).join(", ");
            invalid(format!("filter[outcome] is one of {known}"))
        })?),
        None => None,
    };
    let (vehicle, caller) = (
        inbound.parameter("filter[vehicleId]")?,
        inbound.parameter("filter[caller]")?,
    );
    let page = ActionPage {
        before: window.after.as_deref(),
        vehicle_id: vehicle.as_deref(),
        outcome,
        caller: caller.as_deref(),
        limit: window.limit(),
    };
    let actions = app.stored(app.store().actions(page, app.now()).await)?;
    let data = actions.iter().map(shown).collect();
    Ok(list::page(inbound, "/v3/audit", &window, data))
}

fn shown(action: &Action) -> Value {
    json!({
        "id": action.id,
        "type": "action",
        "attributes": {
            "kind": action.kind,
            "path": action.path,
            "caller": action.caller,
            "vehicleId": action.vehicle_id,
            "userId": action.user_id,
            "idempotencyKey": action.idempotency_key,
            "outcome": action.outcome.as_str(),
            "insisted": action.insisted,
            "status": action.status,
            "error": action.error,
            "smartcarRequestId": action.request_id,
            "smartcarExecutionId": action.execution_id,
        },
        "meta": {
            "startedAt": write_time(action.started_at),
            "completedAt": action.completed_at.and_then(write_time),
        },
    })
}

/// What the vehicle has reported since, if that shows whether the command was
/// carried out: to a key that may read the signal.
async fn signal<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    action: &Action,
) -> Result<Option<Value>, Problem> {
    let Some(evidence) = &action.evidence else {
        return Ok(None);
    };
    let is_of_caller = action.vehicle_id.as_deref().is_some_and(|id| {
        VehicleId::parse(id).is_ok_and(|vehicle| caller.require_vehicle(&vehicle).is_ok())
    });
    let is_seen = caller.has(signal_permission(evidence.signal)) && is_of_caller;
    if !is_seen {
        return Ok(None);
    }
    // What the connection of a user reported is that user's.
    let may_see = |settled: &evidence::Settled| {
        let user = settled.user.as_deref().or(action.user_id.as_deref());
        caller.require_owner(user).is_ok()
    };
    let settled = evidence::of(app, &action.id, evidence).await?;
    Ok(settled.filter(may_see).map(|settled| {
        json!({
            "code": evidence.signal,
            "reportedAt": write_time(settled.observed_at),
            "indicates": if settled.is_carried_out { "carried_out" } else { "not_carried_out" },
        })
    }))
}
