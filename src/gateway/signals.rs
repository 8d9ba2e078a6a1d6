//! Signals, from what Smartcar delivered. The shape is that of Smartcar's API.
//!
//! Source: <https://smartcar.com/docs/api-reference/get-signals>

use crate::{callers::Caller, store};
use edge::{
    Response,
    respond::{self, Problem},
    sqlite::{Row, Value},
};
use http::StatusCode;
use serde::Serialize;
use serde_json::{json, value::RawValue};
use smartcar::{CATALOGUE, SignalInfo, Timestamp, VehicleId, signal_permission, write_time};

const VEHICLE: &str =
    "SELECT make, model, year, powertrain_type, mode, user_id FROM vehicle WHERE id = ?";

/// The columns are those of [`stored`].
const SIGNALS: &str =
    "SELECT code, name, group_name, body, observed_at, retrieved_at, delivered_at,
        json_extract(error, '$.status'), json_extract(error, '$.body'), error_at
    FROM signal WHERE vehicle_id = ?1 AND (?2 IS NULL OR code = ?2) ORDER BY code";

#[derive(Serialize)]
struct List {
    data: Vec<Signal>,
    meta: serde_json::Value,
    links: serde_json::Value,
    included: serde_json::Value,
}

#[derive(Serialize)]
struct One {
    data: Signal,
    included: serde_json::Value,
}

#[derive(Serialize)]
struct Catalogue {
    data: &'static [SignalInfo],
}

#[derive(Serialize)]
struct Signal {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    attributes: Attributes,
    meta: Meta,
    links: serde_json::Value,
}

#[derive(Serialize)]
struct Attributes {
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    status: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(skip_serializing_if = "Option::is_none")]
    ingested_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retrieved_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oem_updated_at: Option<String>,
}

/// Every signal that Smartcar knows, with its shape, unit and permission.
pub(crate) fn catalogue() -> Response {
    // Serialising constants into memory does not fail.
    let body = serde_json::to_vec(&Catalogue { data: &CATALOGUE }).unwrap_or_default();
    respond::json(StatusCode::OK, body)
}

/// The signals of a vehicle, or one of them.
pub(crate) async fn read(
    caller: &Caller,
    vehicle: &VehicleId,
    code: Option<&str>,
) -> Result<Response, Problem> {
    if let Some(code) = code {
        caller.require(signal_permission(code))?;
    }
    let included = included(caller, vehicle).await?;
    let parameters = [Value::from(vehicle.as_str()), Value::from(code)];
    let rows = store::query(SIGNALS, parameters).await?;
    let data: Vec<Signal> = rows
        .iter()
        .filter_map(|row| stored(row, vehicle))
        .map(|signal| shown(caller, signal))
        .collect();
    let body = if code.is_some() {
        let data = data.into_iter().next().ok_or_else(|| {
            not_found(
                "SIGNAL_NOT_FOUND",
                "no delivery has told this signal of this vehicle yet",
            )
        })?;
        serde_json::to_vec(&One { data, included })
    } else {
        let path = format!("/v3/vehicles/{vehicle}/signals");
        serde_json::to_vec(&List {
            meta: json!({"page": 1, "pageSize": data.len(), "totalCount": data.len()}),
            links: json!({"self": path, "first": path, "last": path, "prev": null, "next": null}),
            data,
            included,
        })
    };
    // Serialising what was read into memory does not fail.
    Ok(respond::json(StatusCode::OK, body.unwrap_or_default()))
}

/// The vehicle's attributes, which come with every answer of Smartcar's.
async fn included(caller: &Caller, vehicle: &VehicleId) -> Result<serde_json::Value, Problem> {
    let rows = store::query(VEHICLE, [Value::from(vehicle.as_str())]).await?;
    let row = rows.first().ok_or_else(|| {
        not_found(
            "VEHICLE_NOT_FOUND",
            "no delivery has told of this vehicle yet",
        )
    })?;
    caller.require_owner(row.text(5))?;
    Ok(json!({"vehicle": {
        "id": vehicle.as_str(),
        "type": "vehicle",
        "attributes": {
            "make": row.text(0),
            "model": row.text(1),
            "year": row.integer(2),
            "powertrainType": row.text(3),
            "mode": row.text(4),
        },
        "links": {"self": format!("/v3/vehicles/{vehicle}")},
    }}))
}

fn stored(row: &Row, vehicle: &VehicleId) -> Option<Signal> {
    let raw = |column| RawValue::from_string(row.text(column)?.to_owned()).ok();
    let time = |column| row.integer(column).map(Timestamp);
    let code = row.text(0)?.to_owned();
    let delivered_at = time(6);
    let error_at = time(9);
    // An error newer than the value says that the value is old; the value is
    // shown all the same, as Smartcar's own API does.
    let status = raw(7).filter(|_| error_at > delivered_at);
    let body = raw(3).or_else(|| raw(8));
    Some(Signal {
        kind: "signal",
        links: json!({"self": format!("/v3/vehicles/{vehicle}/signals/{code}")}),
        attributes: Attributes {
            code: code.clone(),
            name: row.text(1).map(str::to_owned),
            group: row.text(2).map(str::to_owned),
            status: status.unwrap_or_else(|| literal(json!({"value": "SUCCESS"}))),
            body,
        },
        meta: Meta {
            ingested_at: delivered_at.or(error_at).and_then(write_time),
            retrieved_at: time(5).and_then(write_time),
            oem_updated_at: time(4).and_then(write_time),
        },
        id: code,
    })
}

/// A signal that the caller may not read is shown as one that Smartcar may not
/// read: with an error in place of its value.
fn shown(caller: &Caller, signal: Signal) -> Signal {
    let scope = signal_permission(&signal.attributes.code);
    if caller.has(scope) {
        return signal;
    }
    let status = literal(json!({"value": "ERROR", "error": {
        "type": "EDGE",
        "code": "MISSING_SCOPE",
        "detail": format!("this key lacks the scope {scope}"),
    }}));
    Signal {
        attributes: Attributes {
            status,
            body: None,
            ..signal.attributes
        },
        meta: Meta::default(),
        ..signal
    }
}

fn literal(json: serde_json::Value) -> Box<RawValue> {
    // A JSON value is JSON: the default is never taken.
    serde_json::value::to_raw_value(&json).unwrap_or_default()
}

fn not_found(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, code, detail)
}
