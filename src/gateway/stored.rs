//! Signals as they are stored, in the shape of Smartcar's API.
//!
//! Source: <https://smartcar.com/docs/api-reference/get-signals>

use crate::{callers::Caller, store};
use edge::{
    respond::Problem,
    sqlite::{Row, Value},
};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use smartcar::{SignalCode, Timestamp, VehicleId, signal_permission, write_time};
use std::time::Duration;

const VEHICLE: &str = "SELECT make, model, year, powertrain_type, mode, user_id, listed_at
    FROM vehicle WHERE id = ?";

/// The columns are those of [`signal`].
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
    data: Option<Signal>,
    included: serde_json::Value,
}

#[derive(Serialize)]
struct Signal {
    /// When Smartcar last told of it.
    #[serde(skip)]
    told_at: Option<Timestamp>,
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

/// What is stored of a vehicle's signals, or of one of them.
pub(crate) struct Stored {
    /// The vehicle's owner, if that is known.
    pub(crate) user: Option<String>,
    listed_at: Option<Timestamp>,
    included: serde_json::Value,
    vehicle: VehicleId,
    is_list: bool,
    signals: Vec<Signal>,
}

/// Looks for the signals of a vehicle, or for one of them; none where nothing
/// has been told of it yet.
pub(crate) async fn load(
    vehicle: &VehicleId,
    code: Option<&SignalCode>,
) -> Result<Option<Stored>, Problem> {
    let rows = store::query(VEHICLE, [Value::from(vehicle.as_str())]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let code = code.map(SignalCode::as_str);
    let parameters = [Value::from(vehicle.as_str()), Value::from(code)];
    let signals = store::query(SIGNALS, parameters).await?;
    let signals: Vec<Signal> = signals
        .iter()
        .filter_map(|row| signal(row, vehicle))
        .collect();
    Ok((!signals.is_empty()).then(|| Stored {
        user: row.text(5).map(str::to_owned),
        listed_at: row.integer(6).map(Timestamp),
        included: included(row, vehicle),
        vehicle: vehicle.clone(),
        is_list: code.is_none(),
        signals,
    }))
}

impl Stored {
    /// How long ago Smartcar told of them: of the one that was told of the
    /// longest ago, or of all at once.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        let oldest = self.signals.iter().map(|signal| signal.told_at).min();
        let listed_at = self.listed_at.filter(|_| self.is_list);
        let told_at = oldest.flatten().max(listed_at);
        told_at.map_or(Duration::MAX, |at| now.since(at))
    }

    /// The body of an answer.
    pub(crate) fn show(self, caller: &Caller) -> Vec<u8> {
        let Self {
            vehicle, included, ..
        } = self;
        let mut data: Vec<Signal> = self
            .signals
            .into_iter()
            .map(|signal| shown(caller, signal))
            .collect();
        let body = if self.is_list {
            let path = format!("/v3/vehicles/{vehicle}/signals");
            serde_json::to_vec(&List {
                meta: json!({"page": 1, "pageSize": data.len(), "totalCount": data.len()}),
                links: json!({"self": path, "first": path, "last": path, "prev": null, "next": null}),
                data,
                included,
            })
        } else {
            let data = data.pop();
            serde_json::to_vec(&One { data, included })
        };
        // Serialising what was read into memory does not fail.
        body.unwrap_or_default()
    }
}

/// The vehicle's attributes, which come with every answer of Smartcar's.
fn included(row: &Row, vehicle: &VehicleId) -> serde_json::Value {
    json!({"vehicle": {
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
    }})
}

fn signal(row: &Row, vehicle: &VehicleId) -> Option<Signal> {
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
        told_at: delivered_at.max(error_at),
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
    Signal {
        attributes: Attributes {
            status: literal(hidden(scope)),
            body: None,
            ..signal.attributes
        },
        meta: Meta::default(),
        ..signal
    }
}

/// The status of a signal that the caller may not read.
pub(crate) fn hidden(scope: &str) -> serde_json::Value {
    json!({"value": "ERROR", "error": {
        "type": "EDGE",
        "code": "MISSING_SCOPE",
        "detail": format!("this key lacks the scope {scope}"),
    }})
}

fn literal(json: serde_json::Value) -> Box<RawValue> {
    // A JSON value is JSON: the default is never taken.
    serde_json::value::to_raw_value(&json).unwrap_or_default()
}
